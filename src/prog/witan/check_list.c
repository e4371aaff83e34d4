/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists as the plan lets them come: a host at the border fetches those of the Internet, and has the own authority's as a copy
 * that the central store sends (docs/adr/0052). */
#include "prog/witan/check_priv.h"

#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>

struct web_place {
	str host;
	uint32_t port;
};

static bool read_url(str url, struct web_place *out)
{
	bool is_tls = str_begins_case(url, STR("https://"));
	size_t begin = is_tls ? 8 : 7;
	if (!is_tls && !str_begins_case(url, STR("http://")))
		return false;
	str path, port, authority = str_split(str_cut(url, begin, url.n), '/', &path);
	out->host = str_split(authority, ':', &port);
	out->port = is_tls ? 443 : 80;
	return port.n == 0 || str_to_u32(port, &out->port);
}

static const struct plan_unit *find_unit(const struct plan_ports *ports, str host)
{
	const struct plan_unit *unit = plan_ports_find(ports, host);
	TOPO_EACH (u, ports->units)
		if (unit == NULL && str_eq_case(u->name, host))
			unit = u;
	return unit;
}

static bool reaches_unit(const struct checking *k, const struct plan_unit *unit, uint32_t port)
{
	TOPO_EACH (f, k->ports.flows)
		if (f->to == unit && f->first <= port && port <= f->last && (f->transport & PLAN_TCP) != 0)
			TOPO_EACH (host, unit->hosts)
				if (plan_origin_reaches(&k->from, f, *host))
					return true;
	return false;
}

/* Other hosts are not filtered on the way out. */
static bool may_fetch(const struct checking *k, str url)
{
	struct web_place at;
	if (k->from.unit == NULL || !plan_unit_is_border(k->from.unit))
		return true;
	if (!read_url(url, &at))
		return false;
	const struct plan_unit *unit = find_unit(&k->ports, at.host);
	return unit != NULL ? reaches_unit(k, unit, at.port) : plan_origin_leaves(&k->from, &k->ports, at.port);
}

static bool is_own(const struct checking *k, str url)
{
	TOPO_EACH (p, k->plans)
		if (p->crl_url.n != 0 && str_eq(p->crl_url, url))
			return true;
	return false;
}

static err read_copy(struct checking *k, struct check_list *list)
{
	struct buf der DEFER(buf_fini) = { 0 };
	struct diag d = { 0 };
	char path[4200];
	(void)snprintf(path, sizeof path, "%s/certs/witan.crl", k->ask->dir);
	if (failed(file_read(AT_FDCWD, path, CERT_CRL_MAX, &der, &d))) {
		str said[] = { STR("the copy that the central store sends, certs/witan.crl: "), str_of(d.what) };
		list->reason = arena_join(&k->arena, said, 2);
		return list->reason.p != NULL ? OK : ERR(CEILING);
	}
	list->der = arena_copy(&k->arena, buf_str(&der));
	return list->der.p != NULL ? OK : ERR(CEILING);
}

err check_list_read(struct look *l, struct check_list *list)
{
	struct checking *k = l->arg;
	if (may_fetch(k, list->place))
		return OK;
	if (k->ask->topology == NULL && is_own(k, list->place))
		return read_copy(k, list);
	list->is_closed = true;
	list->reason = STR("the plan does not let this host go there");
	return OK;
}
