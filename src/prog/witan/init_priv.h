/* SPDX-License-Identifier: Apache-2.0 */
/* One run of `witan init`. */
#ifndef WITAN_PROG_WITAN_INIT_PRIV_H
#define WITAN_PROG_WITAN_INIT_PRIV_H

#include "model/topo.h"
#include "prog/witan/witan_priv.h"
#include "service/cert.h"

#define PATH_OCTETS 4096

/* A certificate and, as long as it is needed, its key. */
struct init_authority {
	struct buf pkcs8, der;
};

struct init {
	/* what was asked for */
	struct witan_texts sip_domains;
	const char *fqdn, *host_name, *topology, *organization, *key, *root_passphrase;
	uint32_t port_sip_tls, port_sip_tcp, port_web, port_http, port_https, front_processes;
	/* what becomes of it */
	const char *dir;
	char path[PATH_OCTETS], new_path[PATH_OCTETS + 8];
	int dirfd; /* of new_path; -1 before it is there */
	struct arena arena;
	struct topo topo;
	struct topo_host host;
	bool host_file; /* the directory says which server it is */
	struct buf text; /* of the topology, as it is written */
	struct plan_certificate plan;
	struct init_authority root, issuing;
	struct diag diag;
};

/* From the options to in->topo, host, plan and text; in->diag says what is wrong. */
err init_topology(struct init *in);

/* init_authority.c: the root, the issuing authority below it, what the topology asks for on this host. */
err init_root(struct init *in);
err init_issuing(struct init *in);
err init_certificates(struct init *in);
/* The issuing authority's certificate anew for the key that it has, by what the topology says now, and the root's revocation list; in->root is open. */
err init_renew(struct init *in, str spki);
void init_authority_fini(struct init_authority *a);

#endif
