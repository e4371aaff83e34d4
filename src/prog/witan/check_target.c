/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be looked at: files and listeners of the command line, or every listener that is planned. */
#include "prog/witan/check_priv.h"

#include <sys/stat.h>

static bool is_file(const char *word)
{
	struct stat st;
	return stat(word, &st) == 0;
}

/* HOST:PORT, [ADDRESS]:PORT */
static bool read_target(const struct request *ask, str word, struct look_target *out)
{
	size_t colon = word.n;
	uint32_t port;
	while (colon > 0 && word.p[colon - 1] != ':')
		colon--;
	if (colon < 2 || !str_to_u32(str_cut(word, colon, word.n), &port) || port == 0 || port > 65535)
		return false;
	str host = str_cut(word, 0, colon - 1);
	bool is_ip6 = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
	host = is_ip6 ? str_cut(host, 1, host.n - 1) : host;
	bool is_ip = is_ip6 || (host.p[host.n - 1] >= '0' && host.p[host.n - 1] <= '9');
	*out = (struct look_target){ .host = str_of(ask->host), .usage = str_of(ask->usage), .dial = host, .port = (uint16_t)port };
	out->name = ask->name != NULL ? str_of(ask->name) : is_ip ? STR("") : host;
	out->is_web = str_begins_case(out->usage, STR("WebServices"));
	return host.n < 254;
}

/* An Edge's sides have addresses of their own, where the topology says them. */
static str address_of(const struct topo_server *server, str side)
{
	const struct {
		str side, address;
	} rows[] = {
		{ STR("access"), server->external_address.access },
		{ STR("web-conferencing"), server->external_address.web_conferencing },
		{ STR("av"), server->external_address.av },
		{ STR("internal"), server->internal_address },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_eq(rows[i].side, side) && rows[i].address.n > 0)
			return rows[i].address;
	return server->fqdn;
}

static const struct topo_server *find_server(const struct topo *t, str fqdn)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			TOPO_EACH (server, pool->servers)
				if (str_eq(server->fqdn, fqdn))
					return server;
	return NULL;
}

str check_dial(const struct topo *t, str host, enum plan_interface at)
{
	const struct topo_server *server = find_server(t, host);
	return server != NULL ? address_of(server, at == PLAN_INNER ? STR("internal") : str_of(plan_interface_word(at))) : host;
}

static const char *first_usage(const struct plan_certificate *p)
{
	unsigned i = 0;
	while ((p->usages & 1u << i) == 0)
		i++;
	return plan_usage_word((enum plan_usage)i);
}

/* "5061/tcp", "access 443/tcp" */
static bool read_listener(const struct checking *k, const struct plan_certificate *p, str host, str listener, struct look_target *out)
{
	str number, side = str_split(listener, ' ', &number);
	uint32_t port;
	if (number.n == 0) {
		number = side;
		side = (str){ "", 0 };
	}
	str protocol, digits = str_split(number, '/', &protocol);
	if (!str_to_u32(digits, &port) || port == 0 || port > 65535 || !str_eq(protocol, STR("tcp")))
		return false;
	const struct topo_server *server = find_server(&k->topo, host);
	*out = (struct look_target){ .host = host, .usage = str_of(first_usage(p)), .pool = p->pool, .name = p->cn, .port = (uint16_t)port };
	bool is_inside = (p->usages & 1u << PLAN_INTERNAL) != 0;
	out->dial = server != NULL ? address_of(server, is_inside ? STR("internal") : side) : host;
	out->is_web = (p->usages & (1u << PLAN_WEB_SERVICES_INTERNAL | 1u << PLAN_WEB_SERVICES_EXTERNAL)) != 0;
	return true;
}

struct targets {
	struct look_target *p;
	size_t n;
};

bool check_is_asked(const struct checking *k, str host)
{
	return k->ask->host == NULL || str_eq_case(str_of(k->ask->host), host);
}

/* An Edge has the same port at several addresses, and not everywhere a service behind it. */
static bool is_at(const struct plan_flow *f, str listener)
{
	str rest, side = str_split(listener, ' ', &rest);
	bool is_plain = f->at == PLAN_ANY || f->at == PLAN_INNER;
	return is_plain ? rest.n == 0 || f->to->kind != TOPO_EDGE : rest.n != 0 && str_eq(side, str_of(plan_interface_word(f->at)));
}

/* A balancer has the name of a pool: who reaches the servers, reaches it. */
static bool is_reached(const struct checking *k, const struct plan_flow *f, str host)
{
	if (f->to == NULL || !str_eq(f->to->name, host) || plan_ports_find(&k->ports, host) != NULL)
		return plan_origin_reaches(&k->from, f, host);
	TOPO_EACH (server, f->to->hosts)
		if (plan_origin_reaches(&k->from, f, *server))
			return true;
	return false;
}

/* With `more`, what this version has and the plan lets this machine reach. */
static bool is_wanted(const struct checking *k, str host, str listener, uint32_t port)
{
	if (k->ask->more == NULL)
		return true;
	TOPO_EACH (f, k->ports.flows)
		if (f->first == port && f->standing != PLAN_NOT_YET && is_reached(k, f, host) && is_at(f, listener))
			return true;
	return false;
}

static void add_host(struct checking *k, const struct plan_certificate *p, str host, struct targets *out)
{
	TOPO_EACH (listener, p->listeners)
		if (check_is_asked(k, host) && read_listener(k, p, host, *listener, &out->p[out->n]))
			out->n += is_wanted(k, host, *listener, out->p[out->n].port);
}

static err look_everywhere(struct checking *k)
{
	const struct request *ask = k->ask;
	enum plan_usage usage;
	bool has_usage = ask->usage != NULL && plan_usage_find(str_of(ask->usage), &usage);
	size_t room = 0;
	TOPO_EACH (p, k->plans)
		room += p->listeners.n * (p->shared_with.n + 1);
	struct targets targets = { arena_alloc(&k->arena, (room + 1) * sizeof *targets.p), 0 };
	ENSURE(targets.p != NULL, CEILING);
	TOPO_EACH (p, k->plans) {
		if (has_usage && (p->usages & 1u << usage) == 0)
			continue;
		add_host(k, p, p->host, &targets);
		TOPO_EACH (host, p->shared_with)
			add_host(k, p, *host, &targets);
	}
	if (targets.n == 0 && ask->more != NULL)
		return OK;
	if (targets.n == 0)
		return diag_fail(&k->diag, ERR(ABSENT), ask->topology_path, "see `witan plan certificates`", "the topology plans no listener here");
	return look_listeners(&k->look, targets.p, targets.n, &k->diag);
}

static err look_word(struct checking *k, const char *word)
{
	struct look_target *target = arena_alloc(&k->arena, sizeof *target);
	ENSURE(target != NULL, CEILING);
	if (is_file(word))
		return look_files(&k->look, word, &k->diag);
	if (read_target(k->ask, str_of(word), target))
		return look_listeners(&k->look, target, 1, &k->diag);
	return diag_fail(&k->diag, ERR(USAGE), word, "name a directory, a file, or HOST:PORT", "there is no such file, and it is no address of a listener");
}

err check_look(struct checking *k)
{
	size_t from = 0;
	k->evidence.is_whole = k->ask->is_whole;
	if (k->ask->is_all)
		TRY(look_everywhere(k));
	for (size_t i = 0; i < k->ask->words_n; i++) {
		from = k->evidence.seen.n;
		TRY(look_word(k, k->ask->words[i]));
		for (size_t s = from; s < k->evidence.seen.n; s++) { /* what the command line says is said */
			struct check_seen *seen = &k->evidence.seen.p[s];
			seen->host = k->ask->host != NULL ? str_of(k->ask->host) : seen->host;
			seen->usage = k->ask->usage != NULL ? str_of(k->ask->usage) : seen->usage;
		}
	}
	return k->ask->is_offline ? OK : look_lists(&k->look);
}
