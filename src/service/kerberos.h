/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kerberos - sign-in by tickets (RFC 4120, RFC 4121) for what has no network and no files: a keytab as bytes, an acceptor that judges tokens
 * by its keys, and security contexts that sign and verify. The library (MIT krb5) is told to read nothing of the machine. AES only.
 */
#ifndef WITAN_SERVICE_KERBEROS_H
#define WITAN_SERVICE_KERBEROS_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define KERBEROS_KEYTAB      "sip.keytab" /* its file in keys/ */
#define KERBEROS_KEYTAB_MAX  65536        /* bytes */
#define KERBEROS_KEYS_MAX    256
#define KERBEROS_NAME_MAX    255 /* bytes of a printed principal */
#define KERBEROS_PARTS_MAX   4   /* of a principal, without its realm */
#define KERBEROS_TOKEN_MAX   16384
#define KERBEROS_CONTEXT_MAX 32768 /* bytes of a context on its way to another process: what a directory says of its user (PAC) goes along */
#define KERBEROS_MIC_MAX     64
#define KERBEROS_ROWS_MAX    (KERBEROS_KEYS_MAX * 320)

/* ---- keytabs (keytab.c): pure ---- */

/* One key; slices of the bytes that were read. */
struct kerberos_key {
	str realm, parts[KERBEROS_PARTS_MAX];
	unsigned n_parts;
	int32_t name_type;
	uint32_t version; /* kvno */
	uint32_t made;    /* seconds since 1970 */
	int32_t enctype;
	str key;
	str record; /* all of it, with its length */
};

/* Reads a keytab of version 5.2, as ktutil, kadmin, ktpass and samba-tool write it. out holds KERBEROS_KEYS_MAX. MALFORMED, CEILING with d. */
err kerberos_keytab_read(str bytes, struct kerberos_key *out, size_t *n, struct diag *d);
/* A keytab of those keys that are taken. */
void kerberos_keytab_print(const struct kerberos_key *keys, size_t n, struct buf *out);
/* Are keys of this kind taken? AES with at least 128 bits. */
bool kerberos_is_taken(const struct kerberos_key *k);
/* As `klist -e` says it; "type 99" where there is no name. Answers out. */
const char *kerberos_enctype_print(int32_t enctype, char out[32]);
/* "sip/uc01.example.test@EXAMPLE.TEST"; '/', '@' and '\' within a part with '\' before them. Answers out, cut to its room. */
str kerberos_principal_print(const struct kerberos_key *k, char out[KERBEROS_NAME_MAX + 1]);

/* What may be known of a keytab by who may not have its keys: one line a key, "principal TAB kvno TAB enctype TAB made TAB taken". */
struct kerberos_row {
	str principal;
	uint32_t version, made;
	int32_t enctype;
	bool is_taken;
};
void kerberos_rows_print(const struct kerberos_key *keys, size_t n, struct buf *out);
/* Takes the first line off rows; false: there is none more, or it is none. */
bool kerberos_row_take(str *rows, struct kerberos_row *out);

/* ---- tokens that were there before (replay.c) ---- */

#define KERBEROS_REPLAYS_MAX 65536
#define KERBEROS_REPLAY_MS   660000 /* twice the five minutes that clocks may differ, and one more */

struct kerberos_replays;
err kerberos_replays_new(struct kerberos_replays **out);
void kerberos_replays_free(struct kerberos_replays *r);
/* Has this been seen? Else it is from now on. REFUSED: it has; BUSY: there are too many to remember one more. */
err kerberos_replays_add(struct kerberos_replays *r, const uint8_t mark[32], uint64_t now_ms);

/* ---- who judges (acceptor.c) ---- */

/* Before anything else of this module but keytabs: the library looks at no file of the machine from now on. */
void kerberos_init(void);

/* Is it a token of Kerberos with a request in it (RFC 4121 4.1), whole and bare? Pure. */
bool kerberos_is_token(str token);

struct kerberos_acceptor;

/* By the keys that are taken; ABSENT with d: there are none. The keys are copied. */
err kerberos_acceptor_open(const struct kerberos_key *keys, size_t n, struct kerberos_acceptor **out, struct diag *d);
void kerberos_acceptor_close(struct kerberos_acceptor *a);

struct kerberos_shown {
	str target, token; /* the service that it is for, "sip/uc01.example.test" */
	bool can_answer;   /* the protocol has a way for an answer (HTTP has one, SIP has not): who wants mutual authentication gets it */
};

struct kerberos_proof {
	char principal[KERBEROS_NAME_MAX + 1];
	struct buf context, answer; /* initialised by the call; context is secret: to be wiped. answer: for the client, empty unless it wants one */
};

/*
 * Does the token prove somebody to its target? One step: without a way for an answer, who wants mutual authentication is refused, and so is who does
 * not ask for integrity, since the context would sign. REFUSED with d: why not. A token proves once.
 */
err kerberos_accept(struct kerberos_acceptor *a, struct kerberos_replays *r, const struct kerberos_shown *shown, uint64_t now_ms, struct kerberos_proof *out, struct diag *d);
void kerberos_proof_fini(struct kerberos_proof *p);

/* ---- security contexts (session.c) ---- */

struct kerberos_session;

/* From the bytes of a proof. MALFORMED. */
err kerberos_session_open(str bytes, struct kerberos_session **out);
void kerberos_session_close(struct kerberos_session *c); /* NULL allowed */
/* How long the ticket still holds; 0: it has ended. */
uint32_t kerberos_session_seconds(const struct kerberos_session *c);
/* The MIC token of a text, as acceptor; answers its length, 0: it cannot be. */
size_t kerberos_session_sign(struct kerberos_session *c, str text, uint8_t out[KERBEROS_MIC_MAX]);
/* Has the initiator made this MIC token of the text? In any order; whether it was seen before is the caller's to know. */
bool kerberos_session_verify(struct kerberos_session *c, str text, str mic);

#endif
