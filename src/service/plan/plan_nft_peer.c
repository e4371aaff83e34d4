/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a rule of nft(8) matches. */
#include "service/plan/plan_nft_priv.h"

void nft_peers_init(struct nft_peers *p)
{
	buf_init(&p->v4, NFT_LIST_MOST);
	buf_init(&p->v6, NFT_LIST_MOST);
}

void nft_peers_fini(struct nft_peers *p)
{
	buf_fini(&p->v4);
	buf_fini(&p->v6);
}

static void add_address(struct nft_peers *p, str address)
{
	struct buf *b = plan_address_is_v6(address) ? &p->v6 : &p->v4;
	buf_printf(b, "%s%.*s", b->n != 0 ? ", " : "", STR_FMT(address));
}

static bool add_known(const struct nft *n, struct nft_peers *p, str name)
{
	size_t count;
	const struct plan_address *known = plan_addresses_find(n->given->known, name, &count);
	for (size_t i = 0; i < count; i++)
		add_address(p, known[i].address);
	return count != 0;
}

const struct topo_server *nft_server(const struct plan_unit *u, str host)
{
	if (u->pool != NULL)
		TOPO_EACH (server, u->pool->servers)
			if (str_eq(server->fqdn, host))
				return server;
	return NULL;
}

static err note_missing(struct nft *n, str name)
{
	TOPO_EACH (known, *n->missing)
		if (str_eq(*known, name))
			return OK;
	if (n->missing->n % 64 == 0) {
		str *p = arena_alloc(n->arena, (n->missing->n + 64) * sizeof *p);
		ENSURE(p != NULL, CEILING);
		if (n->missing->n != 0)
			memcpy(p, n->missing->p, n->missing->n * sizeof *p);
		n->missing->p = p;
	}
	n->missing->p[n->missing->n++] = name;
	buf_printf(n->out, "\t\t# no address known: %.*s\n", STR_FMT(name));
	return OK;
}

/* A host as its peers inside see it. */
static err add_host(struct nft *n, struct nft_peers *p, const struct plan_unit *u, str host)
{
	const struct topo_server *server = nft_server(u, host);
	if (server != NULL && server->internal_address.n != 0)
		add_address(p, server->internal_address);
	else if (u->kind == PLAN_DATABASE && plan_address_is(host))
		add_address(p, host);
	else if (!add_known(n, p, host))
		return note_missing(n, host);
	return OK;
}

err nft_add_balancer(struct nft *n, struct nft_peers *p, const struct topo_pool *pool)
{
	return add_known(n, p, pool->pool) ? OK : note_missing(n, pool->pool);
}

err nft_add_unit(struct nft *n, struct nft_peers *p, const struct plan_unit *u)
{
	TOPO_EACH (host, u->hosts)
		if (!str_eq(*host, n->host))
			TRY(add_host(n, p, u, *host));
	return OK;
}

/* What stands before the servers of a pool and speaks in the name of others. */
err nft_add_own_balancer(struct nft *n, struct nft_peers *p, const struct plan_flow *f)
{
	const struct topo_pool *pool = f->to->pool;
	if (pool == NULL)
		return OK;
	if (pool->balancer != TOPO_BALANCE_DNS)
		return nft_add_balancer(n, p, pool);
	if (f->balanced && pool->servers.n > 1 && pool->web.internal.n != 0)
		(void)add_known(n, p, pool->web.internal);
	return OK;
}

/* ---- own addresses ---- */

static str edge_address(const struct nft *n, enum plan_interface at)
{
	const struct topo_addresses *x = &n->server->external_address;
	str own = at == PLAN_INNER    ? n->server->internal_address
		  : at == PLAN_ACCESS ? x->access
		  : at == PLAN_AV     ? x->av
				      : x->web_conferencing;
	return own.n == 0 && at != PLAN_INNER && n->unit->pool->single_address ? x->access : own;
}

err nft_add_own(struct nft *n, struct nft_peers *p, enum plan_interface at)
{
	if (at == PLAN_ANY)
		return OK;
	str own = edge_address(n, at);
	if (own.n == 0)
		return diag_fail(n->diag, ERR(REFUSED), "topology.yaml",
			"give the server internal-address and external-address: {access, web-conferencing, av}",
			"the Edge server %.*s has no %s address: its inner and outer sides cannot be told apart",
			STR_FMT(str_cut(n->host, 0, 100)), plan_interface_word(at));
	add_address(p, own);
	return OK;
}

err nft_add_outer(struct nft *n, struct nft_peers *p)
{
	static const enum plan_interface outer[] = { PLAN_ACCESS, PLAN_WEB_CONFERENCING, PLAN_AV };
	for (size_t i = 0; i < sizeof outer / sizeof *outer; i++)
		TRY(nft_add_own(n, p, outer[i]));
	return OK;
}
