/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of nft(8): the addresses that they match, for the file that writes them. */
#ifndef WITAN_SERVICE_PLAN_NFT_PRIV_H
#define WITAN_SERVICE_PLAN_NFT_PRIV_H

#include "service/plan/plan_ports_priv.h"

/* What one rule matches besides ports, for one family of addresses. */
struct nft_peers {
	struct buf v4, v6; /* "10.0.0.1, 10.0.0.2" */
};

struct nft {
	const struct plan_nft *given;
	const struct plan_unit *unit;
	const struct topo_server *server; /* of an Edge */
	str host;
	struct arena *arena;
	struct buf *out;
	struct topo_names *missing;
	struct diag *diag;
};

#define NFT_LIST_MOST (1u << 20) /* octets of addresses in one rule */

void nft_peers_init(struct nft_peers *p);
void nft_peers_fini(struct nft_peers *p);

/* Each adds addresses to p. A name without any is noted in n->missing and as a remark in n->out. */

/* The hosts of a unit as others see them, but the host itself. */
err nft_add_unit(struct nft *n, struct nft_peers *p, const struct plan_unit *u);
/* What clients of a pool dial instead of its servers. */
err nft_add_balancer(struct nft *n, struct nft_peers *p, const struct topo_pool *pool);
/* What stands before the servers of f->to and speaks in the name of others; nothing where DNS does it. */
err nft_add_own_balancer(struct nft *n, struct nft_peers *p, const struct plan_flow *f);
/* The host's own address of an interface; none for PLAN_ANY. REFUSED with n->diag: the topology does not have it. */
err nft_add_own(struct nft *n, struct nft_peers *p, enum plan_interface at);
/* All its addresses outside. */
err nft_add_outer(struct nft *n, struct nft_peers *p);

/* NULL: it is no server of a pool. */
const struct topo_server *nft_server(const struct plan_unit *u, str host);

#endif
