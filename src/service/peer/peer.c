/* SPDX-License-Identifier: Apache-2.0 */
#include "service/peer.h"

#include <stdlib.h>

struct peers {
	size_t n;
	str names; /* comma-separated, after the struct */
};

err peers_new(str names, struct peers **out)
{
	struct peers *s = malloc(sizeof *s + names.n);
	ENSURE(s != NULL, NO_MEMORY);
	char *copy = (char *)(s + 1);
	if (names.n != 0)
		memcpy(copy, names.p, names.n);
	*s = (struct peers){ .names = { copy, names.n } };
	for (str rest = s->names; rest.n != 0;)
		s->n += str_split(rest, ',', &rest).n != 0 ? 1 : 0;
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

bool peers_has(const struct peers *s, str name)
{
	for (str rest = s->names; rest.n != 0;)
		if (str_eq_case(str_split(rest, ',', &rest), name) && name.n != 0)
			return true;
	return false;
}

struct search {
	const struct peers *peers;
	bool found;
};

static void look(void *arg, str name)
{
	struct search *s = arg;
	s->found = s->found || peers_has(s->peers, name);
}

/* Asked once a connection: what a certificate says does not change. */
static bool is_server(const struct peers *peers, struct conn *c)
{
	struct search s = { .peers = peers };
	if (peers->n == 0 || conn_tls(c) == NULL)
		return false;
	return tls_peer_names(conn_tls(c), look, &s) && s.found;
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
