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
	bool needs_certificate; /* SmartcardLogonRequired */
};

/* A ticket that web wants, as it is known once somebody has proven himself. */
struct ticket_want {
	uint64_t id, life; /* of the question, and of the web process that has asked */
	str audience, entropy;
	str answer; /* what his proof is answered by; may be empty */
	bool by_certificate;
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

/* Gives o a ticket (e OK), unless the way by which he has proven himself is not his; else tells why not. o is wiped, d cleaned. */
void ticket_tell(struct vault *v, const struct ticket_want *q, struct ticket_owner *o, err e, struct diag *d);
/* LOCKED with d. */
err ticket_lock_check(struct vault *v, const char *name, struct diag *d);
/* Whether the ticket is to be of him who has proven himself. REFUSED with d. */
err ticket_claim_check(const struct ticket_owner *o, str claimed, struct diag *d);

/* ticket_kerberos.c: has keeper judge a token; he is told in a later turn. An error: it is to be told now. */
err ticket_kerberos(struct vault *v, const struct ipc_web_ticket_ask *m, struct diag *d);

/* ticket_factor.c: who has to show a certificate, and what is one */
bool ticket_needs_certificate(const struct store_user *u);
/* CERTIFICATE_NEEDED with d. */
err ticket_factor_check(struct vault *v, const struct ticket_owner *o, bool by_certificate, struct diag *d);
/* What tickets of his are sealed by: another one once he has to show a certificate, so that those of before are worth nothing. Lies in room. */
str ticket_secret(struct vault *v, const struct ticket_owner *o, uint8_t room[CRYPT_HASH_MAX]);
/* Whose certificate m brings. REFUSED with d. */
err ticket_factor(struct vault *v, const struct ipc_web_ticket_ask *m, struct ticket_owner *out, struct diag *d);

/* ticket_certificate.c: begins to issue a certificate to the owner of an opened ticket, who is told in a later turn. */
err ticket_certificate(struct vault *v, const struct ipc_web_ticket_show *m, const struct ticket_owner *o, const struct webticket *t, struct diag *d);

#endif
