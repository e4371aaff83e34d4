/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_VAULT_TICKET_PRIV_H
#define WITAN_ROLE_VAULT_TICKET_PRIV_H

#include "role/vault/user_priv.h"
#include "role/vault/vault_cert.h"
#include "service/webticket.h"

/* A user as far as his tickets go: there, enabled, and what seals them. */
struct ticket_owner {
	char aor[VAULT_AOR + 1];
	uint8_t secret[32];
	bool is_there;
};

/* What a message points into. */
struct ticket_room {
	char id[WEBTICKET_ID];
	uint8_t entropy[32], sealed[WEBTICKET_SEALED_MAX];
};

/* ticket.c */
void ticket_owner_find(struct vault *v, str aor, struct ticket_owner *out);
/* Answers web what came of a ticket that was shown, if it is the one that has asked. d is cleaned; NULL: there is no error. */
void ticket_seen(struct vault *v, uint64_t id, uint64_t life, err e, struct diag *d, const char *aor, str certificate);

/* ticket_certificate.c: begins to issue a certificate to the owner of an opened ticket, who is told in a later turn. */
err ticket_certificate(struct vault *v, const struct ipc_web_ticket_show *m, const struct ticket_owner *o, const struct webticket *t, struct diag *d);

#endif
