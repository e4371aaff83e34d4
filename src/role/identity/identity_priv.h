/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_IDENTITY_PRIV_H
#define WITAN_ROLE_IDENTITY_PRIV_H

#include "base/list.h"
#include "base/mem.h"
#include "role/identity.h"
#include "service/trust.h"

struct identity_list {
	char name[128]; /* of its file */
	struct buf der;
};

/* The revocation lists that vault told, and how strict to be without one. */
struct identity_lists {
	struct identity_list lists[TRUST_LISTS_MAX];
	size_t n;
	enum trust_policy own, others;
	size_t n_own;
};

struct identity {
	struct skel *skel;
	struct ipc *keeper; /* NULL: it is not there now */
	struct list signs;  /* asked and not answered */
	uint64_t next_sign;
	size_t n_signs;
	enum identity_asks asks;
	bool (*may)(void *arg, str name); /* NULL: no server may connect */
	void *may_arg;
	bool forgives_lists;
	struct ipc *const *vault; /* NULL: it is not told of lists that are missing */
	uint64_t second;          /* the one in which so many of them were told */
	unsigned n_in_second;
	struct buf roots;              /* ca.pem */
	struct identity_lists *known;  /* what trust was made of */
	struct identity_lists *coming; /* a new set of which the last message has not come; NULL: none */
	struct trust *trust;           /* NULL: no certificate was told yet */
};

/* identity_trust.c */
void identity_trust_init(struct identity *i);
/* Takes ca_pem over as what is trusted from now on; on error what was before stays. */
err identity_set_roots(struct identity *i, str ca_pem, struct diag *d);
/* The judge of every handshake; arg: struct identity. */
err identity_judge(void *arg, const struct tls_shown *shown, char name[TLS_NAME], struct tls_refusal *out);

#endif
