/* SPDX-License-Identifier: Apache-2.0 */
/* The topology as objects: sites, pools, servers, services. It is read from the document; what administrators set of a service is stored. */
#include "role/vault/vault_priv.h"

#include "base/enc.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *names(const struct topo_names *n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n->n; i++)
		(void)json_array_append_new(list, command_json(n->p[i]));
	return list;
}

static json_t *text(const char *prefix, str s)
{
	char room[400];
	(void)snprintf(room, sizeof room, "%s%.*s", prefix, STR_FMT(s));
	return command_json(str_of(room));
}

static err reach_site(struct call *call, str site, const char *name)
{
	return command_reach(call, &(struct rbac_thing){ .site = site, .name = name });
}

/* Lists do not speak of what is out of reach. */
static bool is_in_reach(struct call *call, str site)
{
	struct diag before = call->diag;
	bool is = !failed(reach_site(call, site, "site"));
	call->diag = before;
	return is;
}

/* Of the canonical form: whoever has a document can tell whether it is the one that the server runs by. */
static err digest(struct call *call, char out[65])
{
	struct buf b DEFER(buf_fini) = { 0 };
	uint8_t hash[CRYPT_HASH_MAX];
	buf_init(&b, 4 * TOPO_SIZE_MAX);
	topo_print(&call->vault->topo, &b);
	ENSURE(!b.failed, NO_MEMORY);
	str text = buf_str(&b);
	crypt_hash(call->vault->crypt, CRYPT_SHA256, &text, 1, hash);
	enc_hex(hash, 32, out);
	out[64] = '\0';
	return OK;
}

err command_topology_get(struct call *call)
{
	const struct topo *t = &call->vault->topo;
	char hex[65];
	TRY(digest(call, hex));
	json_t *sites = json_array();
	TOPO_EACH (site, t->sites)
		(void)json_array_append_new(sites, command_json(site->name));
	return command_add_object(call, json_pack("{s:o,s:o,s:o,s:o,s:o,s:s}", "Identity", json_string("Topology"), "Organization", command_json(t->organization), "SipDomains",
		names(&t->sip_domains), "InternalDomain", command_json(t->internal_domain), "Sites", sites, "Digest", hex));
}

/* ---- pools and servers ---- */

struct services {
	json_t *list;
	str fqdn;
};

static void add_service_name(void *arg, const struct place *p)
{
	struct services *s = arg;
	char room[400];
	if (!str_eq_case(p->fqdn, s->fqdn))
		return;
	(void)snprintf(room, sizeof room, "%s:%.*s", p->role, STR_FMT(p->fqdn));
	(void)json_array_append_new(s->list, json_string(room));
}

static json_t *pool_object(struct call *call, const struct topo_site *site, const struct topo_pool *pool)
{
	struct services s = { json_array(), pool->pool };
	json_t *computers = json_array();
	places_each(call->vault, add_service_name, &s);
	for (size_t i = 0; i < pool->servers.n; i++)
		(void)json_array_append_new(computers, command_json(pool->servers.p[i].fqdn));
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:s}", "Identity", command_json(pool->pool), "Services", s.list, "Computers", computers, "Fqdn", command_json(pool->pool), "Site",
		text("Site:", site->name), "Role", topo_role_word((enum topo_role)pool->role));
}

err command_pool_get(struct call *call)
{
	str only = STR(""), in = STR("");
	(void)command_text(call, "Identity", &only);
	(void)command_text(call, "Site", &in);
	if (str_begins_case(in, STR("Site:")))
		in = str_cut(in, 5, in.n);
	TOPO_EACH (site, call->vault->topo.sites)
		TOPO_EACH (pool, site->pools)
			if ((only.n == 0 || str_eq_case(only, pool->pool)) && (in.n == 0 || str_eq_case(in, site->name)) && is_in_reach(call, site->name))
				TRY(command_add_object(call, pool_object(call, site, pool)));
	if (call->n_objects == 0 && only.n != 0)
		return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsPool lists the pools", "there is no pool %.*s", STR_FMT(str_cut(only, 0, 100)));
	return OK;
}

err command_computer_get(struct call *call)
{
	str only = STR(""), in = STR("");
	(void)command_text(call, "Identity", &only);
	(void)command_text(call, "Pool", &in);
	if (command_switch(call, "Local"))
		only = str_of(call->vault->skel->fqdn);
	TOPO_EACH (site, call->vault->topo.sites)
		TOPO_EACH (pool, site->pools)
			for (size_t i = 0; i < pool->servers.n; i++) {
				str fqdn = pool->servers.p[i].fqdn;
				if ((only.n != 0 && !str_eq_case(only, fqdn)) || (in.n != 0 && !str_eq_case(in, pool->pool)) || !is_in_reach(call, site->name))
					continue;
				TRY(command_add_object(call, json_pack("{s:o,s:o,s:o}", "Identity", command_json(fqdn), "Pool", command_json(pool->pool), "Fqdn", command_json(fqdn))));
			}
	if (call->n_objects == 0 && only.n != 0)
		return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsComputer lists the servers", "there is no server %.*s", STR_FMT(str_cut(only, 0, 100)));
	return OK;
}

/* ---- services ---- */

static const struct schema_kind *kind_of(const char *role)
{
	for (size_t i = 0; i < SCHEMA_N; i++)
		if (schema_kinds[i].base == SCHEMA_SERVICE && schema_of_has(&schema_kinds[i], str_of(role)))
			return &schema_kinds[i];
	return NULL;
}

/* Properties that the document has as ports. */
static const struct {
	const char *role, *property;
	size_t port; /* in struct topo_ports */
} port_rows[] = {
	{ "Registrar", "SipPort", offsetof(struct topo_ports, sip_tls) },
	{ "Registrar", "SipServerTcpPort", offsetof(struct topo_ports, sip_tcp) },
	{ "WebServer", "PrimaryHttpPort", offsetof(struct topo_ports, http) },
	{ "WebServer", "PrimaryHttpsPort", offsetof(struct topo_ports, https) },
	{ "WebServer", "ExternalHttpPort", offsetof(struct topo_ports, external_http) },
	{ "WebServer", "ExternalHttpsPort", offsetof(struct topo_ports, external_https) },
};

/* What the document says of ports, unless an administrator has set something else. */
static void add_ports(const struct place *p, const json_t *body, json_t *shown)
{
	for (size_t i = 0; p->pool != NULL && i < sizeof port_rows / sizeof *port_rows; i++) {
		uint32_t port;
		if (strcmp(p->role, port_rows[i].role) != 0 || json_object_get(body, port_rows[i].property) != NULL)
			continue;
		memcpy(&port, (const char *)&p->pool->ports + port_rows[i].port, sizeof port);
		(void)json_object_set_new(shown, port_rows[i].property, port != 0 ? json_integer(port) : json_null());
	}
}

static json_t *service_object(struct call *call, const struct place *p, const char *identity)
{
	const struct schema_kind *k = kind_of(p->role);
	struct identity i;
	json_t *body = NULL, *o = json_pack("{s:s,s:o,s:o,s:s,s:s}", "Identity", identity, "SiteId", text("Site:", p->site), "PoolFqdn", command_json(p->fqdn), "Role", p->role,
		"Version", WITAN_VERSION);
	struct diag before = call->diag;
	if (k == NULL || o == NULL)
		return o;
	if (!failed(identity_parse(call, k, str_of(identity), &i)) && !failed(object_load(call, &i, &body))) {
		json_t *shown = schema_show(k, identity_str(&i), body);
		add_ports(p, body, shown);
		(void)json_object_update_missing(o, shown);
		json_decref(shown);
	}
	call->diag = before;
	json_decref(body);
	return o;
}

struct wanted {
	struct call *call;
	str identity, pool;
	bool any_role;
	err e;
};

static void add_service(void *arg, const struct place *p)
{
	struct wanted *w = arg;
	char identity[400];
	const char *role = strcmp(p->role, "ManagementServer") == 0 && command_switch(w->call, "CentralManagement") ? "CentralManagement" : p->role;
	(void)snprintf(identity, sizeof identity, "%s:%.*s", p->role, STR_FMT(p->fqdn));
	if (failed(w->e) || (w->any_role && !command_switch(w->call, role)) || (w->pool.n != 0 && !str_eq_case(w->pool, p->fqdn)))
		return;
	if ((w->identity.n != 0 && !str_eq_case(w->identity, str_of(identity))) || !is_in_reach(w->call, p->site))
		return;
	w->e = object_offer(w->call, str_of(identity), service_object(w->call, p, identity));
}

static bool names_a_role(const struct call *call)
{
	struct cmd_param p;
	for (size_t i = 0; cmd_param_at(call->cmd, i, &p); i++)
		if (p.is_switch && !p.is_common && command_switch(call, p.name))
			return true;
	return false;
}

err command_service_get(struct call *call)
{
	struct wanted w = { .call = call, .any_role = names_a_role(call) };
	(void)command_text(call, "PoolFqdn", &w.pool);
	if (command_text(call, "Identity", &w.identity) && str_begins_case(w.identity, STR("Service:")))
		w.identity = str_cut(w.identity, 8, w.identity.n);
	places_each(call->vault, add_service, &w);
	TRY(w.e);
	if (call->n_objects == 0 && w.identity.n != 0)
		return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsService lists the services", "the topology has no service %.*s", STR_FMT(str_cut(w.identity, 0, 120)));
	return OK;
}

err command_trunk_get(struct call *call)
{
	str only = STR(""), pool = STR("");
	(void)command_text(call, "Identity", &only);
	(void)command_text(call, "PoolFqdn", &pool);
	if (str_begins_case(only, STR("PstnGateway:")))
		only = str_cut(only, 12, only.n);
	TOPO_EACH (site, call->vault->topo.sites)
		TOPO_EACH (g, site->pstn_gateways) {
			if ((only.n != 0 && !str_eq_case(only, g->fqdn)) || (pool.n != 0 && !str_eq_case(pool, g->mediation)) || !is_in_reach(call, site->name))
				continue;
			TRY(command_add_object(call, json_pack("{s:o,s:o,s:o,s:i,s:s}", "Identity", text("PstnGateway:", g->fqdn), "PoolFqdn", command_json(g->fqdn), "MediationServer",
				command_json(g->mediation), "Port", (int)g->port, "Transport", g->transport == TOPO_TLS ? "TLS" : "TCP")));
		}
	return OK;
}

err command_version_get(struct call *call)
{
	return command_add_object(call, json_pack("{s:s,s:s,s:I}", "Name", "Witan", "Version", WITAN_VERSION, "StoreVersion",
		(json_int_t)(call->vault->store != NULL ? store_version(call->vault->store) : 0)));
}
