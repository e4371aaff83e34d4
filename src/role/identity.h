/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity - what a process that takes connections proves itself with: the certificate that vault tells, and signatures by its
 * key, which keeper alone has. When keeper dies, what waits is asked again of the next one.
 */
#ifndef WITAN_ROLE_IDENTITY_H
#define WITAN_ROLE_IDENTITY_H

#include "os/tls.h"
#include "role/skel.h"

struct identity; /* one per process, for its whole life */

/* Whether who connects is asked for a certificate, and what it may prove: that he is a server of whatever name (PARTNERS), a person of ours or nobody (GUESTS). */
enum identity_asks { IDENTITY_ASKS_NOBODY, IDENTITY_ASKS_SERVERS, IDENTITY_TAKES_SERVERS_ONLY, IDENTITY_ASKS_PARTNERS, IDENTITY_ASKS_PEOPLE, IDENTITY_ASKS_GUESTS };

err identity_new(struct skel *s, struct identity **out);
/* Which servers may connect, by their names; without it none may. */
void identity_set_peers(struct identity *i, bool (*may)(void *arg, str name), void *arg);
/* A revocation list that is missing or has ended refuses nobody here: for the connections over which lists come. */
void identity_forgive_lists(struct identity *i);
/* Where it is told, by a LIST_MISSING message, that a peer's chain could not be judged by a list of its issuer; *vault may be NULL at times. */
void identity_set_vault(struct identity *i, struct ipc *const *vault);
/* A REVOCATION message of vault. *changed: it was the last of its kind, and what handshakes are judged by is new: who is connected
 * should be judged again. MALFORMED: no such message. Until the first of them came, servers whose revocation cannot be looked at are refused. */
err identity_read_revocation(struct identity *i, str body, bool *changed);
/* Is a certificate of this issuer (SHA-256 of its name) and serial number in a list that is known? */
bool identity_is_revoked(const struct identity *i, const uint8_t issuer[32], str serial);
/* Takes over a channel to keeper; it replaces an earlier one. */
err identity_keeper_open(struct identity *i, int fd);
/*
 * A CERTIFICATE message of vault as what is presented from now on; *out is the caller's. MALFORMED: no such message. One that cannot be used is logged, and *out is
 * NULL: what was presented before stays.
 */
err identity_read(struct identity *i, str body, enum identity_asks asks, struct tls_server **out);

#endif
