/* SPDX-License-Identifier: Apache-2.0 */
/* For tests and fuzzing: the client's side of a handshake of TLS-DSK, and a certificate for it. */
#ifndef WITAN_SERVICE_AUTH_AUTH_DSK_WORLD_H
#define WITAN_SERVICE_AUTH_AUTH_DSK_WORLD_H

#include <openssl/ssl.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "service/auth/auth_dsk.h"

struct dsk_client {
	SSL_CTX *ctx;
	SSL *tls;
};

/* By itself, valid from a day before now for `seconds`; serial is its number. */
static inline X509 *dsk_client_certificate(EVP_PKEY *key, const char *cn, long seconds, uint64_t serial)
{
	X509 *x = X509_new();
	bool ok = x != NULL && X509_set_version(x, X509_VERSION_3) == 1 && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial) == 1 &&
		  X509_gmtime_adj(X509_getm_notBefore(x), -86400) != NULL && X509_gmtime_adj(X509_getm_notAfter(x), seconds) != NULL && X509_set_pubkey(x, key) == 1 &&
		  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) == 1 &&
		  X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 && X509_sign(x, key, EVP_sha256()) != 0;
	if (!ok)
		abort();
	return x;
}

/* x NULL: it shows none. */
static inline void dsk_client_init(struct dsk_client *c, EVP_PKEY *key, X509 *x, const char *suites)
{
	c->ctx = SSL_CTX_new(TLS_client_method());
	bool ok = c->ctx != NULL && SSL_CTX_set_min_proto_version(c->ctx, TLS1_VERSION) == 1 && SSL_CTX_set_max_proto_version(c->ctx, TLS1_VERSION) == 1 &&
		  SSL_CTX_set_cipher_list(c->ctx, suites) == 1 && (x == NULL || (SSL_CTX_use_certificate(c->ctx, x) == 1 && SSL_CTX_use_PrivateKey(c->ctx, key) == 1));
	c->tls = ok ? SSL_new(c->ctx) : NULL;
	if (c->tls == NULL)
		abort();
	SSL_set_bio(c->tls, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(c->tls);
}

static inline void dsk_client_fini(struct dsk_client *c)
{
	SSL_free(c->tls);
	SSL_CTX_free(c->ctx);
}

/* Takes what the server said and appends what is said next; answers what SSL_do_handshake does. */
static inline int dsk_client_step(struct dsk_client *c, str told, struct buf *out)
{
	char *p;
	if (told.n != 0)
		(void)BIO_write(SSL_get_rbio(c->tls), told.p, (int)told.n);
	int n = SSL_do_handshake(c->tls);
	long size = BIO_get_mem_data(SSL_get_wbio(c->tls), &p);
	buf_add(out, (str){ p, (size_t)(size > 0 ? size : 0) });
	(void)BIO_reset(SSL_get_wbio(c->tls));
	return n;
}

#endif
