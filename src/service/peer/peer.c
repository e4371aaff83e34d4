/* SPDX-License-Identifier: Apache-2.0 */
#include "service/peer.h"

#include "model/topo.h"

#include <stdlib.h>

#define BIT(role) (1u << TOPO_##role)

/* Reverse proxies and farms of web applications speak HTTP alone, and gateways to the telephone network speak to the pool that they are
 * attached to. */
static const uint32_t allowed[PEER_LISTENER_N] = {
	[PEER_LISTENER_SIP] = BIT(STANDARD_EDITION) | BIT(FRONT_END) | BIT(DIRECTOR) | BIT(EDGE) | BIT(MEDIATION) | BIT(PERSISTENT_CHAT) |
			      BIT(SURVIVABLE_BRANCH) | BIT(TRUSTED_APPLICATION) | TOPO_GATEWAY_BIT,
	[PEER_LISTENER_EDGE] = BIT(STANDARD_EDITION) | BIT(FRONT_END) | BIT(DIRECTOR) | BIT(MEDIATION) | BIT(SURVIVABLE_BRANCH),
};

/* Those that ask people to prove who they are. */
#define SIGNS_IN (BIT(STANDARD_EDITION) | BIT(FRONT_END) | BIT(DIRECTOR) | BIT(SURVIVABLE_BRANCH))

struct peer {
	str name;
	uint32_t roles;
	unsigned way; /* number in ways; 0: no Edge */
};

struct peers {
	size_t n;
	str text;
	struct flow_ways ways;
	struct peer peers[]; /* names point into text, which stands behind them */
};

static bool read_roles(str hex, uint32_t *out)
{
	*out = 0;
	if (hex.n == 0 || hex.n > 8)
		return false;
	for (size_t i = 0; i < hex.n; i++) {
		char c = hex.p[i];
		bool is_digit = c >= '0' && c <= '9';
		if (!is_digit && !(c >= 'a' && c <= 'f'))
			return false;
		*out = *out << 4 | (uint32_t)(is_digit ? c - '0' : c - 'a' + 10);
	}
	return true;
}

/* The servers of a pool share a way. */
static err read_way(struct flow_ways *ways, str text, unsigned *number)
{
	uint32_t port;
	str digits, host = str_split(text, ':', &digits);
	ENSURE(host.n != 0 && str_to_u32(digits, &port) && port != 0 && port <= UINT16_MAX, MALFORMED);
	for (*number = 1; *number <= ways->n; ++*number)
		if (str_eq_case(ways->ways[*number - 1].host, host))
			return OK;
	ENSURE(ways->n < FLOW_WAYS_MAX, CEILING);
	ways->ways[ways->n].host = host;
	ways->ways[ways->n++].port = (uint16_t)port;
	return OK;
}

static err fill(struct peers *s)
{
	for (str one, rest = s->text; rest.n != 0;) {
		struct peer *p = &s->peers[s->n++];
		str more, way;
		one = str_split(rest, ',', &rest);
		p->name = str_split(one, '=', &more);
		ENSURE(p->name.n != 0 && read_roles(str_split(more, '=', &way), &p->roles), MALFORMED);
		if (way.n != 0)
			TRY(read_way(&s->ways, way, &p->way));
	}
	return OK;
}

err peers_new(str text, struct peers **out)
{
	size_t most = 1;
	for (size_t i = 0; i < text.n; i++)
		most += text.p[i] == ',' ? 1 : 0;
	size_t size = sizeof(struct peers) + most * sizeof(struct peer);
	struct peers *s = calloc(1, size + text.n);
	ENSURE(s != NULL, NO_MEMORY);
	char *copy = (char *)s + size;
	if (text.n != 0)
		memcpy(copy, text.p, text.n);
	s->text = (str){ copy, text.n };
	err e = fill(s);
	if (failed(e)) {
		peers_free(s);
		return e;
	}
	*out = s;
	return OK;
}

void peers_free(struct peers *s)
{
	free(s);
}

size_t peers_count(const struct peers *s)
{
	return s->n;
}

static const struct peer *find(const struct peers *s, str name)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq_case(s->peers[i].name, name))
			return &s->peers[i];
	return NULL;
}

bool peers_has(const struct peers *s, str name)
{
	return find(s, name) != NULL;
}

bool peers_is_edge(const struct peers *s, str name)
{
	return find(s, name) != NULL && (find(s, name)->roles & BIT(EDGE)) != 0;
}

bool peers_may(const struct peers *s, str name, enum peer_listener listener)
{
	const struct peer *p = find(s, name);
	return p != NULL && (p->roles & allowed[listener]) != 0;
}

const struct flow_ways *peers_ways(const struct peers *s)
{
	return &s->ways;
}

/* ---- the stage ---- */

/* The handshake has judged the certificate, and found this name in it. Asked once a connection: what a certificate says does not change. */
static const struct peer *server_of(const struct peers *s, const struct conn *c)
{
	const struct peer *p = s->n != 0 && conn_tls(c) != NULL ? find(s, tls_peer_name(conn_tls(c))) : NULL;
	return p != NULL && (p->roles & allowed[PEER_LISTENER_SIP]) != 0 ? p : NULL;
}

void peers_accepted(const struct peers *s, struct conn *c)
{
	if (server_of(s, c) != NULL)
		conn_set_uncounted(c);
}

/* "ms-source-type=InternetUser;...;ms-source-address=192.0.2.1" */
struct peer_mark peer_mark_read(const struct sip_msg *m)
{
	struct peer_mark k = { 0 };
	const struct {
		const char *name;
		str *value;
	} rows[] = { { PEER_MARK_SOURCE, &k.source }, { PEER_MARK_NETWORK, &k.network }, { PEER_MARK_VERIFIED, &k.verified }, { PEER_MARK_ADDRESS, &k.address },
		{ PEER_MARK_WAY, &k.way } };
	str value, rest = sip_hdr_value(m, SIP_HDR_MS_EDGE_PROXY_MESSAGE_TRUST);
	while (rest.n != 0) {
		str name = str_split(str_trim(str_split(rest, ';', &rest)), '=', &value);
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
			if (str_eq_case(name, str_of(rows[i].name)))
				*rows[i].value = value;
		if (str_eq_case(name, STR(PEER_MARK_PORT)) && !str_to_u32(value, &k.port))
			k.port = 0;
	}
	return k;
}

static unsigned way_of(const struct flow_ways *ways, str host)
{
	for (unsigned i = 0; i < ways->n; i++)
		if (str_eq_case(ways->ways[i].host, host))
			return i + 1;
	return 0;
}

/* The connection becomes the client's. An Edge proves nobody; whoever signs people in may. */
static err take_client(const struct peers *s, const struct peer *p, const struct peer_mark *k, struct request *r)
{
	struct addr client;
	bool vouches = str_eq_case(k->verified, STR(PEER_VERIFIED)) && (p->roles & SIGNS_IN) != 0;
	unsigned way = p->way != 0 ? p->way : way_of(&s->ways, k->way);
	ENSURE(way != 0 && (p->way != 0 || vouches) && k->port <= UINT16_MAX, SIP_FORBIDDEN);
	ENSURE(!failed(addr_parse(k->address, (uint16_t)k->port, &client)), SIP_FORBIDDEN);
	conn_set_outside(r->conn, way, &client);
	if (vouches)
		conn_set_vouched(r->conn);
	struct flow flow = conn_flow(r->conn);
	inbound_set_source(r->in, &flow, &client, true, r->in->request);
	return OK;
}

static err first_request(const struct peers *s, struct request *r)
{
	const struct peer *p = server_of(s, r->conn);
	const struct peer_mark k = peer_mark_read(&r->in->msg);
	if (p == NULL)
		return OK;
	if (str_eq_case(k.source, STR(PEER_SOURCE_CLIENT)))
		return take_client(s, p, &k, r);
	conn_set_peer(r->conn);
	conn_set_trusted(r->conn);
	return OK;
}

err peer_stage(void *state, struct request *r, enum stage_verdict *v)
{
	(void)v;
	if (r->conn == NULL)
		return OK;
	struct flow flow = conn_flow(r->conn);
	if (!conn_is_peer(r->conn) && !conn_is_trusted(r->conn) && !flow_is_outside(&flow))
		TRY(first_request(state, r));
	r->is_peer = conn_is_peer(r->conn);
	r->is_vouched = conn_is_vouched(r->conn);
	return OK;
}
