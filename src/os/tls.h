/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls - TLS 1.2 and 1.3 by OpenSSL on the descriptor. Private keys are not here: each signature is asked of a signer
 * (the keeper process) while the handshake waits. One SSL object belongs to one process.
 */
#ifndef WITAN_OS_TLS_H
#define WITAN_OS_TLS_H

#include "base/err.h"
#include "base/str.h"
#include "os/loop.h"

/* ---- asking for a signature ---- */

struct tls_sign; /* one signature under way; owned by the handshake */

enum tls_sign_kind {
	TLS_SIGN_ECDSA,     /* input: the digest; output: DER (RFC 3279 2.2.3) */
	TLS_SIGN_RSA_PKCS1, /* input: the DigestInfo; padded by the keeper */
	TLS_SIGN_RSA_RAW,   /* input: a padded block of the key's size (RSA-PSS, encoded by OpenSSL on this side) */
};

struct tls_signer {
	/* Asks for the signature of `input` (valid only during the call) with the key whose SubjectPublicKeyInfo has this
	 * SHA-256. The answer comes later by tls_sign_done, never from inside. An error: the handshake fails now. */
	err (*sign)(void *arg, struct tls_sign *s, enum tls_sign_kind kind, const uint8_t key[32], str input);
	/* The handshake is gone: s must not be answered any more. */
	void (*forget)(void *arg, struct tls_sign *s);
	void *arg;
};

/* An empty signature: it could not be made. The handshake goes on in a later turn, through its `resume`. */
void tls_sign_done(struct tls_sign *s, str signature);

/* ---- what a listener presents ---- */

/* What a peer's certificate is asked for. */
enum tls_peers {
	TLS_PEERS_SERVERS, /* it may prove that a server of ours connects; whatever else a peer shows proves nothing */
	TLS_PEERS_SERVERS_ONLY, /* it must prove that a server of ours connects: who shows none, or another, is refused by an alert */
	TLS_PEERS_GUESTS,  /* it may prove that a person of ours connects; whatever else is shown proves nothing, and who asks may say so later */
	TLS_PEERS_PARTNERS, /* it may prove that a server of another organisation connects; whatever else a peer shows proves nothing */
	TLS_PEERS_PEOPLE,  /* it may prove that a person of ours connects (clientAuth); who shows anything else is refused by an alert */
};

/* ---- judging what a peer shows ---- */

struct tls_shown {
	str chain;            /* certificates one after another in DER, the leaf first; only during the call */
	bool is_ours;         /* we have connected, to `name` */
	str name;
	enum tls_peers peers; /* else: what it is asked for */
};

/* Which alert it becomes where it becomes one (RFC 8446 6.2). */
enum tls_fault { TLS_FAULT_UNTRUSTED, TLS_FAULT_EXPIRED, TLS_FAULT_REVOKED, TLS_FAULT_PURPOSE, TLS_FAULT_NAME, TLS_FAULT_OTHER };

struct tls_refusal {
	enum tls_fault fault;
	char word[24]; /* for counters and programs: "wrong-name" */
	char why[408]; /* for people: a place and a reason */
};

#define TLS_NAME 256 /* a name with its NUL */

/* Asked once in each handshake in which a certificate is shown, and by tls_judge_again. OK: the peer has proven that it is `name` (may
 * stay empty); else why not, in *out. Must not call tls_ functions. */
struct tls_judge {
	err (*judge)(void *arg, const struct tls_shown *shown, char name[TLS_NAME], struct tls_refusal *out);
	void *arg;
};

struct tls_config {
	str chain_pem;           /* leaf first, then intermediates; no key */
	str ca_pem;              /* trusted issuers of the peers' certificates; empty: client certificates are not asked for */
	enum tls_peers peers;    /* with ca_pem, for connections that are accepted */
	const char *ticket_keys; /* 80 bytes shared by all processes of a server, so that sessions resume at each (RFC 5077, RFC 8446 2.2) */
	struct tls_signer signer;
	struct tls_judge judge; /* judge NULL: by path, purpose and name alone */
};

/* Reference-counted: connections keep the one they began with, so that a certificate is replaced without dropping any. */
struct tls_server;
/* Copies what it needs of the config. MALFORMED, REFUSED (weak key, no serverAuth, expired) with place and remedy in d. */
err tls_server_new(const struct tls_config *config, struct loop *l, struct tls_server **out, struct diag *d);
/* Whether a listener could present it, at a time when it is valid: what tls_server_new answers, before anything depends on it. */
err tls_chain_check(str chain_pem, struct diag *d);
struct tls_server *tls_server_ref(struct tls_server *s);
void tls_server_unref(struct tls_server *s);
/* Seconds since 1970 at which the leaf certificate ends. */
int64_t tls_server_expires(const struct tls_server *s);

/* ---- one connection ---- */

struct tls;

enum tls_io {
	TLS_DONE,       /* it is done; for reads: *n bytes */
	TLS_WANT_READ,  /* again when the descriptor is readable */
	TLS_WANT_WRITE, /* again when it is writable */
	TLS_WAIT,       /* a signature is under way: again when resume is called */
	TLS_END,        /* the peer has closed, in order or not */
	TLS_FAILED,     /* tls_error says why */
};

/* fd stays the caller's. resume(arg): the handshake can go on (called from the loop, never from inside a tls_ call). */
err tls_accept(struct tls_server *s, int fd, void (*resume)(void *arg), void *arg, struct tls **out);
/* As a client (next hops): verifies the peer's chain by ca_pem and its SAN by `name`; presents s's certificate when asked. */
err tls_connect(struct tls_server *s, int fd, str name, void (*resume)(void *arg), void *arg, struct tls **out);
/* Before the handshake of tls_connect: whatever the other side shows is taken. Who it is must be proven in another way, bound to this
 * connection by tls_binding and tls_leaf_hash. */
void tls_expect_nobody(struct tls *t);
/* Of a connection that is up: 32 bytes that it alone has on both sides (RFC 9266: tls-exporter). INTERNAL. */
err tls_binding(const struct tls *t, uint8_t out[32]);
/* SHA-256 of the certificate that was shown, verified or not, or of the own one. ABSENT: there is none. */
err tls_leaf_hash(const struct tls *t, bool peer, uint8_t out[32]);
/* Before the handshake of tls_connect: this name in the certificate will do as well. */
err tls_expect_also(struct tls *t, str name);
enum tls_io tls_handshake(struct tls *t);
enum tls_io tls_read(struct tls *t, void *p, size_t size, size_t *n);
/* Bytes that are already decrypted and would not make the descriptor readable. */
bool tls_has_pending(const struct tls *t);
/* *n bytes taken. After TLS_WANT_*: call again with the same bytes at the front (their address may differ). */
enum tls_io tls_write(struct tls *t, str s, size_t *n);
/* Says goodbye if it can be said at once, and frees. */
void tls_free(struct tls *t);
bool tls_resumed(const struct tls *t);
/* Did the peer say which server it wants (RFC 6066 3)? An address is no name. */
bool tls_is_named(const struct tls *t);
/* Server: has the client's whole hello come? */
bool tls_is_greeted(const struct tls *t);
/* "TLSv1.3 TLS_AES_128_GCM_SHA256", NUL-ended. */
const char *tls_cipher(const struct tls *t);
/* The reason of TLS_FAILED in words, for the log. */
const char *tls_error(const struct tls *t);
/* Calls fn with each dNSName of the certificate that the peer presented and the CA set verified; false: there is none. */
bool tls_peer_names(const struct tls *t, void (*fn)(void *arg, str name), void *arg);
/* The certificate that the peer presented and the CA set verified, in DER. ABSENT: there is none; CEILING: longer than room. */
err tls_peer_certificate(const struct tls *t, char *out, size_t room, size_t *n);
/* The name that the judge said the peer has proven; empty: none, or there is no judge. */
str tls_peer_name(const struct tls *t);
/* Why the certificate that the peer showed proves nothing; NULL: it does, or none was shown. */
const struct tls_refusal *tls_peer_refusal(const struct tls *t);
/*
 * Asks the judge once more about the peer of a connection that stands; OK too where no certificate was shown or none was proven. REFUSED: what it has
 * proven was taken back (tls_peer_refusal): it is revoked, or nobody who is trusted vouches for it any more. Every other verdict, that it has
 * expired meanwhile or that a list is missing, is for the next handshake and changes nothing here.
 */
err tls_judge_again(struct tls *t);
/* Was TLS_FAILED because of the certificate that the peer showed? It was told so by an alert. */
bool tls_refused_peer(const struct tls *t);

#endif
