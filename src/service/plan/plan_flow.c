/* SPDX-License-Identifier: Apache-2.0 */
/* Which unit listens where, and who may reach it: the rows of plan_ports.def for each unit. */
#include "service/plan/plan_ports_priv.h"

#include "service/plan.h"

/* Who may reach a listener: groups first, in the order of enum plan_group, then units (sources[]). */
enum source {
	CLIENTS = 1 << PLAN_CLIENTS,
	INTERNET = 1 << PLAN_INTERNET,
	ADMINS = 1 << PLAN_ADMINS,
	FRONT = 1 << 3,
	DIRECTOR = 1 << 4,
	MEDIATION = 1 << 5,
	PCHAT = 1 << 6,
	BRANCH = 1 << 7,
	APPLICATION = 1 << 8,
	OWN_POOL = 1 << 9,
	EDGE_BEFORE = 1 << 10, /* the Edge whose next hop it is */
	EDGE_SIP = 1 << 11,    /* of an Edge: pools that reach the outside by it */
	EDGE_FRONT = 1 << 12,
	EDGE_MEDIA = 1 << 13,
	CENTRAL = 1 << 14,
	PROXY = 1 << 15,
	GATEWAY = 1 << 16,
	GATEWAY_USER = 1 << 17,
	FARM = 1 << 18,
	STORE_USER = 1 << 19,
};
#define GROUPS (CLIENTS | INTERNET | ADMINS)

#define KIND(kind) (1u << (kind))
#define FRONTS     (KIND(TOPO_STANDARD_EDITION) | KIND(TOPO_FRONT_END))
#define WEB        (FRONTS | KIND(TOPO_DIRECTOR))
#define SIGN_IN    (WEB | KIND(TOPO_SURVIVABLE_BRANCH))
#define MEDIATING  (FRONTS | KIND(TOPO_MEDIATION) | KIND(TOPO_SURVIVABLE_BRANCH))
#define SERVERS    ((1u << TOPO_ROLE_N) - 1u)
#define OURS (((1u << TOPO_ROLE_N) - 1u) | KIND(PLAN_REVERSE_PROXY) | KIND(PLAN_DATABASE))

/* ---- conditions ---- */

static bool has_conferencing(const struct topo *t, const struct plan_unit *u)
{
	return (u->pool->collocated & TOPO_COLLOCATED_CONFERENCING) != 0;
}

static bool has_mediation(const struct topo *t, const struct plan_unit *u)
{
	return u->kind == TOPO_MEDIATION || u->kind == TOPO_SURVIVABLE_BRANCH ||
	       (u->pool->collocated & TOPO_COLLOCATED_MEDIATION) != 0;
}

/* Is there telephony for the users of the pool? */
static bool has_voice(const struct topo *t, const struct plan_unit *u)
{
	if (has_mediation(t, u))
		return true;
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools)
			if (pool->role == TOPO_MEDIATION)
				return true;
	return false;
}

static bool has_gateway(const struct topo *t, const struct plan_unit *u, enum topo_transport transport)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (gateway, site->pstn_gateways)
			if (gateway->transport == transport && str_eq(gateway->mediation, u->name))
				return true;
	return false;
}

static bool has_tls_gateway(const struct topo *t, const struct plan_unit *u)
{
	return has_gateway(t, u, TOPO_TLS);
}

static bool has_tcp_gateway(const struct topo *t, const struct plan_unit *u)
{
	return has_gateway(t, u, TOPO_TCP);
}

static bool has_xmpp(const struct topo *t, const struct plan_unit *u)
{
	return u->pool->xmpp.n != 0;
}

static bool has_federation(const struct topo *t, const struct plan_unit *u)
{
	return u->pool->federation || u->pool->public_im;
}

static bool has_one_address(const struct topo *t, const struct plan_unit *u)
{
	return u->pool->single_address;
}

static bool has_own_addresses(const struct topo *t, const struct plan_unit *u)
{
	return !u->pool->single_address;
}

/* ---- who may reach whom ---- */

static bool is_same(const struct topo *t, const struct plan_unit *from, const struct plan_unit *to)
{
	return from == to;
}

static bool is_next_hop(const struct topo *t, const struct plan_unit *from, const struct plan_unit *to)
{
	return str_eq(from->pool->next_hop, to->name);
}

static bool is_behind(const struct topo *t, const struct plan_unit *from, const struct plan_unit *to)
{
	return plan_pool_uses_edge(t, from->pool, to->pool);
}

static bool is_central(const struct topo *t, const struct plan_unit *from, const struct plan_unit *to)
{
	return from->pool == plan_central_pool(t);
}

static bool is_publisher(const struct topo *t, const struct plan_unit *from, const struct plan_unit *to)
{
	return to->pool != NULL ? plan_proxy_publishes(from->proxy, to->pool)
				: plan_publishes_farms(t, from->site, to->site);
}

static bool is_gateway_of(const struct topo *t, const struct plan_unit *from, const struct plan_unit *to)
{
	return str_eq(from->gateway->mediation, to->name);
}

static bool is_user_of_gateway(const struct topo *t, const struct plan_unit *from, const struct plan_unit *to)
{
	return str_eq(to->gateway->mediation, from->name);
}

static bool is_user_of_store(const struct topo *t, const struct plan_unit *from, const struct plan_unit *to)
{
	str hosts, name;
	uint32_t port;
	if (!unit_store_hosts(from->pool->store.url, &hosts))
		return false;
	while (unit_store_next(&hosts, &name, &port))
		if (port == to->port && str_eq(name, to->name))
			return true;
	return false;
}

static const struct {
	enum source bit;
	uint32_t kinds;
	bool (*may)(const struct topo *t, const struct plan_unit *from,
		const struct plan_unit *to); /* NULL: each of them */
} sources[] = {
	{ FRONT, FRONTS, NULL },
	{ DIRECTOR, KIND(TOPO_DIRECTOR), NULL },
	{ MEDIATION, KIND(TOPO_MEDIATION), NULL },
	{ PCHAT, KIND(TOPO_PERSISTENT_CHAT), NULL },
	{ BRANCH, KIND(TOPO_SURVIVABLE_BRANCH), NULL },
	{ APPLICATION, KIND(TOPO_TRUSTED_APPLICATION), NULL },
	{ OWN_POOL, KIND(PLAN_UNIT_KIND_N) - 1u, is_same },
	{ EDGE_BEFORE, KIND(TOPO_EDGE), is_next_hop },
	{ EDGE_SIP, WEB, is_behind },
	{ EDGE_FRONT, FRONTS, is_behind },
	{ EDGE_MEDIA, MEDIATING, is_behind },
	{ CENTRAL, FRONTS, is_central },
	{ PROXY, KIND(PLAN_REVERSE_PROXY), is_publisher },
	{ GATEWAY, KIND(PLAN_GATEWAY), is_gateway_of },
	{ GATEWAY_USER, MEDIATING, is_user_of_gateway },
	{ FARM, KIND(PLAN_OFFICE_WEB_APPS), NULL },
	{ STORE_USER, FRONTS | KIND(TOPO_PERSISTENT_CHAT), is_user_of_store },
};

static bool may_reach(const struct topo *t, uint32_t set, const struct plan_unit *from, const struct plan_unit *to)
{
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		if ((set & sources[i].bit) != 0 && (sources[i].kinds & KIND(from->kind)) != 0 &&
			(sources[i].may == NULL || sources[i].may(t, from, to)) && (from != to || to->hosts.n > 1))
			return true;
	return false;
}

/* ---- rows ---- */

static const struct row {
	uint32_t kinds;
	bool (*when)(const struct topo *t, const struct plan_unit *u);
	enum plan_interface at;
	struct {
		uint32_t first, last;
		size_t set; /* offset in struct topo_ports, + 1 */
		bool own;
		bool replica;
	} ports;
	enum plan_transport transport;
	const char *service, *protocol;
	uint32_t from; /* 0: this leaves for the Internet */
	const char *rule;
	bool balanced;
	uint32_t built; /* kinds of our servers for which this version has it */
	bool may;
} rows[] = {
#define PORT(n)                \
	{                      \
		n, n, 0, false, false \
	}
#define RANGE(n, m)            \
	{                      \
		n, m, 0, false, false \
	}
#define SET(key)                                                  \
	{                                                         \
		0, 0, offsetof(struct topo_ports, key) + 1, false, false \
	}
#define OWN                   \
	{                     \
		0, 0, 0, true, false \
	}
#define REPLICA                     \
	{                           \
		0, 0, 0, false, true \
	}
#define LISTEN(kinds, when, at, ports, transport, service, protocol, from, ...) \
	{ kinds, when, PLAN_##at, ports, PLAN_##transport, service, protocol, from, __VA_ARGS__ },
#define LEAVE(kinds, when, at, ports, transport, service, protocol, rule) \
	{ kinds, when, PLAN_##at, ports, PLAN_##transport, service, protocol, 0, rule },
#include "service/plan/plan_ports.def"
#undef PORT
#undef RANGE
#undef SET
#undef OWN
#undef REPLICA
#undef LISTEN
#undef LEAVE
};

#define ROWS (sizeof rows / sizeof *rows)

static void set_ports(struct plan_flow *f, const struct row *row, const struct plan_unit *u)
{
	f->first = row->ports.own ? u->port : row->ports.first;
	if (row->ports.set != 0)
		memcpy(&f->first, (const char *)&u->pool->ports + row->ports.set - 1, sizeof f->first);
	if (row->ports.replica)
		f->first = topo_replica_port(u->pool);
	f->last = row->ports.last != 0 ? row->ports.last : f->first;
}

static str central_server(const struct topo *t)
{
	struct topo_host central;
	return !failed(topo_find_central(t, &central)) ? central.server->fqdn : STR("");
}

static bool row_fits(const struct topo *t, const struct row *row, const struct plan_unit *u)
{
	return (row->kinds & KIND(u->kind)) != 0 && (row->when == NULL || row->when(t, u));
}

static enum plan_standing standing_of(const struct row *row, const struct plan_unit *u)
{
	if (row->may)
		return PLAN_MAY;
	return u->kind >= TOPO_ROLE_N || (row->built & KIND(u->kind)) != 0 ? PLAN_STANDS : PLAN_NOT_YET;
}

bool plan_service_is_built(unsigned kind, enum plan_interface at, const char *service)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if ((rows[i].built & KIND(kind)) != 0 && rows[i].at == at && rows[i].from != 0 && strcmp(rows[i].service, service) == 0)
			return true;
	return false;
}

static err add_flow(
	const struct topo *t, const struct row *row, const struct plan_unit *u, struct arena *a, struct plan_ports *out)
{
	struct plan_flow *f = &out->flows.p[out->flows.n];
	*f = (struct plan_flow){ .to = row->from != 0 ? u : NULL,
		.at = row->at,
		.transport = row->transport,
		.service = row->service,
		.protocol = row->protocol,
		.rule = row->rule,
		.balanced = row->balanced,
		.standing = standing_of(row, u),
		.except = STR(""),
		.groups = row->from & GROUPS };
	set_ports(f, row, u);
	if (f->first == 0)
		return OK; /* there is no such listener */
	if (row->at == PLAN_INNER && u->kind != TOPO_EDGE)
		f->at = PLAN_ANY;
	if (row->ports.replica && u->pool == plan_central_pool(t))
		f->except = central_server(t); /* which sends, and gets nothing */
	size_t n = 0;
	TOPO_EACH (from, out->units)
		n += row->from == 0 ? from == u : may_reach(t, row->from, from, u);
	f->from.p = arena_alloc(a, (n + 1) * sizeof *f->from.p);
	ENSURE(f->from.p != NULL, CEILING);
	TOPO_EACH (from, out->units)
		if (row->from == 0 ? from == u : may_reach(t, row->from, from, u))
			f->from.p[f->from.n++] = from;
	out->flows.n += n != 0 || f->groups != 0; /* else nobody is there who may */
	return OK;
}

err plan_ports(const struct topo *t, struct arena *a, struct plan_ports *out, struct diag *d)
{
	*out = (struct plan_ports){ 0 };
	TRY(unit_add_all(t, a, out, d));
	size_t n = 1;
	TOPO_EACH (u, out->units)
		for (size_t i = 0; i < ROWS; i++)
			n += row_fits(t, &rows[i], u);
	out->flows.p = arena_alloc(a, n * sizeof *out->flows.p);
	ENSURE(out->flows.p != NULL, CEILING);
	TOPO_EACH (u, out->units)
		for (size_t i = 0; i < ROWS; i++)
			if (row_fits(t, &rows[i], u))
				TRY(add_flow(t, &rows[i], u, a, out));
	return OK;
}

/* ---- words ---- */

const char *plan_group_word(enum plan_group group)
{
	static const char *const words[] = {
		[PLAN_CLIENTS] = "clients", [PLAN_INTERNET] = "internet", [PLAN_ADMINS] = "administrators"
	};
	return words[group];
}

const char *plan_interface_word(enum plan_interface at)
{
	static const char *const words[] = { [PLAN_ANY] = "",
		[PLAN_INNER] = "internal",
		[PLAN_ACCESS] = "access",
		[PLAN_WEB_CONFERENCING] = "web-conferencing",
		[PLAN_AV] = "av" };
	return words[at];
}

const char *plan_transport_word(enum plan_transport t)
{
	return t == PLAN_TCP ? "tcp" : t == PLAN_UDP ? "udp" : "tcp+udp";
}

bool plan_flow_is_outside(const struct plan_flow *flow)
{
	return flow->to == NULL || (flow->groups & INTERNET) != 0;
}
