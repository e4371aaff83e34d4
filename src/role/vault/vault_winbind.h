/* SPDX-License-Identifier: Apache-2.0 */
/* NTLM by the password of a Windows domain, which winbind judges: asked by a process of its own. */
#ifndef WITAN_ROLE_VAULT_VAULT_WINBIND_H
#define WITAN_ROLE_VAULT_VAULT_WINBIND_H

#include "role/vault/vault_priv.h"

struct vault_winbind {
	struct ipc *channel; /* NULL: the process is not there */
	bool is_told, is_wanted; /* what master was told */
	bool is_there;           /* winbind answers, and reaches its domain */
	bool is_asking;          /* the first of asks is with the process */
	char domain[64], dns_domain[256], computer[64]; /* the machine's names in its domain; empty: not known yet */
	char why[241];           /* it is not there */
	struct list asks;        /* oldest first */
	size_t n_asks;
};

struct ntlm_authenticate;

err vault_winbind_init(struct vault *v);
/* The domains may have changed: starts or stops the process. */
void vault_winbind_look(struct vault *v);
void vault_winbind_open(struct vault *v, int fd);
void vault_winbind_close(struct vault *v);
/* A front has gone. */
void vault_winbind_forget(struct vault *v, const struct ipc *to);
/* Is this the account of a declared domain, and of nobody for whom an NT hash is kept here? */
bool vault_winbind_takes(struct vault *v, const struct ntlm_authenticate *a);
/* Only after vault_winbind_takes. What comes of it is told later (PROOF_TELL). */
void vault_winbind_ask(struct vault *v, struct ipc *to, const struct ipc_proof_ask *m, const struct ntlm_authenticate *a);
/* To all fronts. fronts.c */
void vault_tell_ntlm_names(struct vault *v);

#endif
