/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_OS_TLS_PRIV_H
#define WITAN_OS_TLS_PRIV_H

#include "base/mem.h"
#include "os/tls.h"

#include <openssl/ssl.h>

/*
 * The private key's public half, dressed as a key whose signatures are made elsewhere. OpenSSL calls our method on the
 * stack of an ASYNC job; the job pauses, tls_handshake asks the signer on the ordinary stack (jobs have 32 kB only), and
 * the job goes on when the answer is there.
 */
struct tls_key {
	EVP_PKEY *pkey;
	void *method;     /* EC_KEY_METHOD or RSA_METHOD */
	bool is_ec;
	uint8_t id[32]; /* SHA-256 of the SubjectPublicKeyInfo */
	struct tls_server *server;
};

/* leaf: an RSA or EC certificate. */
err tls_key_init(struct tls_key *k, struct tls_server *s, X509 *leaf);
/* After everything that refers to k->pkey has gone. */
void tls_key_fini(struct tls_key *k);

/* Lives on the paused job's stack. */
struct tls_sign {
	struct tls *tls;
	const struct tls_key *key;
	enum tls_sign_kind kind;
	bool is_asked; /* the signer has it: counted in n_signing, and to be forgotten */
	bool is_done;
	str input;
	uint8_t *out;
	size_t room, n; /* bytes; n 0: it could not be made */
};

/* One certificate and the names it serves. */
struct tls_identity {
	SSL_CTX *accepting;  /* for peers that connect to us */
	SSL_CTX *connecting; /* for peers that we connect to */
	X509 *leaf;
	struct tls_key key;
	int64_t expires; /* seconds since 1970 */
};

enum { TLS_IDENTITIES = 1 };

struct tls_server {
	unsigned refs;
	struct loop *loop;
	struct tls_signer signer;
	struct tls_judge judge;
	enum tls_peers peers;
	struct tls_identity identities[TLS_IDENTITIES]; /* the first serves every name that no other does */
	size_t n_identities;
	struct tls *busy;     /* whose handshake runs at this moment; NULL: none */
	unsigned n_signing;   /* signatures asked for and not answered */
	struct list starving; /* struct tls: handshakes that wait for n_signing to fall */
};

struct tls {
	SSL *ssl;
	struct tls_server *server;
	void (*resume)(void *arg);
	void *arg;
	struct loop_task task;    /* calls resume */
	struct list node;         /* in starving */
	struct tls_sign *sign;    /* the paused one */
	char *peer_name;          /* that the judge found proven; NULL: none */
	struct tls_refusal *refusal; /* of the certificate that the peer showed; NULL: none */
	unsigned long error;      /* of OpenSSL's queue; 0: none */
	bool is_done;             /* the handshake */
	bool is_broken;           /* a fatal error: nothing more may be said */
	bool is_drained;          /* the last read found no whole record */
};

/* Asks the judge of t's server about these certificates; on REFUSED t->refusal says why. tls_peer.c */
err tls_peer_judge(struct tls *t, const STACK_OF(X509) *certs);
/* The callback of OpenSSL for a chain that was shown; arg: struct tls_server. */
int tls_peer_on_chain(X509_STORE_CTX *x, void *arg);

/* Signatures under way at once; each holds a job of 32 kB. */
enum { TLS_SIGNING = 64, TLS_PEER_CHAIN_BYTES = 32 * 1024 /* of a peer's certificate message */ };

#endif
