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

struct peers {
	size_t n;
	str text;
	struct topo_peer peers[]; /* their names point into text, which stands behind them */
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

static err fill(struct peers *s)
{
	for (str one, rest = s->text; rest.n != 0;) {
		struct topo_peer *p = &s->peers[s->n++];
		str roles;
		one = str_split(rest, ',', &rest);
		p->name = str_split(one, '=', &roles);
		ENSURE(p->name.n != 0 && read_roles(roles, &p->roles), MALFORMED);
	}
	return OK;
}

err peers_new(str text, struct peers **out)
{
	size_t most = 1;
	for (size_t i = 0; i < text.n; i++)
		most += text.p[i] == ',' ? 1 : 0;
	size_t size = sizeof(struct peers) + most * sizeof(struct topo_peer);
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

static const struct topo_peer *find(const struct peers *s, str name)
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

bool peers_may(const struct peers *s, str name, enum peer_listener listener)
{
	const struct topo_peer *p = find(s, name);
	return p != NULL && (p->roles & allowed[listener]) != 0;
}

/* ---- the stage ---- */

/* The handshake has judged the certificate, and found this name in it. Asked once a connection: what a certificate says does not change. */
static bool is_server(const struct peers *peers, struct conn *c)
{
	return peers->n != 0 && conn_tls(c) != NULL && peers_may(peers, tls_peer_name(conn_tls(c)), PEER_LISTENER_SIP);
}

err peer_stage(void *state, struct request *r, enum stage_verdict *v)
{
	const struct peers *peers = state;
	(void)v;
	if (r->conn == NULL)
		return OK;
	if (!conn_is_peer(r->conn) && !conn_is_trusted(r->conn) && is_server(peers, r->conn)) {
		conn_set_peer(r->conn);
		conn_set_trusted(r->conn);
	}
	r->is_peer = conn_is_peer(r->conn);
	return OK;
}
