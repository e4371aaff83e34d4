/* SPDX-License-Identifier: Apache-2.0 */
/* The handshakes of TLS-DSK by OpenSSL over memory, and the key that they are made with (docs/adr/0068). */
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "base/list.h"
#include "base/mem.h"
#include "service/auth.h"
#include "service/auth/auth_dsk.h"

/* Suites whose client knows nothing newer; level 0, because TLS 1.0 signs with MD5 and SHA-1 together. */
#define SUITES   "AES128-SHA:AES256-SHA:@SECLEVEL=0"
#define LABEL    "client EAP encryption"
#define KEY_BITS 2048
#define DAY      86400L

enum { KEY_MATERIAL = 128, CLIENT_AT = 64, SERVER_AT = 96, CN_MAX = 64, NAME_MAX_BYTES = 253 };

struct auth_dsk {
	SSL_CTX *tls;
	struct list handshakes; /* oldest first */
	size_t n;
};

struct dsk_handshake {
	struct list node;
	struct auth_dsk *dsk;
	struct dsk_handshake **owner;
	SSL *tls;
	uint64_t began_ms;
};

/* ---- the key and its certificate ---- */

static bool add_name(X509 *x, str fqdn)
{
	char text[NAME_MAX_BYTES + 5];
	int n = snprintf(text, sizeof text, "DNS:%.*s", STR_FMT(fqdn));
	X509_EXTENSION *e = n > 0 && (size_t)n < sizeof text ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text) : NULL;
	bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	str cn = str_cut(fqdn, 0, CN_MAX);
	return ok && X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)cn.p, (int)cn.n, -1, 0) == 1;
}

/* It ends long after the process. */
static X509 *make_certificate(EVP_PKEY *key, str fqdn)
{
	X509 *x = X509_new();
	uint64_t serial;
	crypt_random(&serial, sizeof serial);
	bool ok = x != NULL && X509_set_version(x, X509_VERSION_3) == 1 && ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1 | 1) == 1 &&
		  X509_gmtime_adj(X509_getm_notBefore(x), -DAY) != NULL && X509_gmtime_adj(X509_getm_notAfter(x), 3652 * DAY) != NULL &&
		  X509_set_pubkey(x, key) == 1 && add_name(x, fqdn) && X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
		  X509_sign(x, key, EVP_sha256()) != 0;
	if (ok)
		return x;
	X509_free(x);
	return NULL;
}

static bool take_key(SSL_CTX *tls, str fqdn)
{
	EVP_PKEY *key = EVP_RSA_gen(KEY_BITS);
	X509 *x = key != NULL ? make_certificate(key, fqdn) : NULL;
	bool ok = x != NULL && SSL_CTX_use_certificate(tls, x) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1;
	X509_free(x);
	EVP_PKEY_free(key);
	return ok;
}

/* Whose certificate it is, vault judges; here the client shows that it has the key. */
static int take_any(X509_STORE_CTX *ctx, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

static SSL_CTX *make_tls(str fqdn)
{
	SSL_CTX *t = SSL_CTX_new(TLS_server_method());
	if (t == NULL)
		return NULL;
	SSL_CTX_set_options(t, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(t, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(t, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(t, DSK_FLIGHT_MAX);
	SSL_CTX_set_verify(t, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT | SSL_VERIFY_CLIENT_ONCE, NULL);
	SSL_CTX_set_cert_verify_callback(t, take_any, NULL);
	bool ok = SSL_CTX_set_min_proto_version(t, TLS1_VERSION) == 1 && SSL_CTX_set_max_proto_version(t, TLS1_VERSION) == 1 &&
		  SSL_CTX_set_cipher_list(t, SUITES) == 1 && take_key(t, fqdn);
	if (ok)
		return t;
	SSL_CTX_free(t);
	return NULL;
}

err auth_dsk_new(str fqdn, struct auth_dsk **out)
{
	struct auth_dsk *d = calloc(1, sizeof *d);
	ENSURE(d != NULL, NO_MEMORY);
	list_init(&d->handshakes);
	d->tls = make_tls(fqdn);
	ERR_clear_error();
	if (d->tls == NULL) {
		free(d);
		return ERR(INTERNAL);
	}
	*out = d;
	return OK;
}

void auth_dsk_free(struct auth_dsk *d)
{
	if (d == NULL)
		return;
	LIST_EACH (it, &d->handshakes)
		dsk_handshake_free(LIST_OF(it, struct dsk_handshake, node));
	SSL_CTX_free(d->tls);
	free(d);
}

/* ---- handshakes ---- */

static void drop_old(struct auth_dsk *d, uint64_t now_ms)
{
	LIST_EACH (it, &d->handshakes) {
		struct dsk_handshake *h = LIST_OF(it, struct dsk_handshake, node);
		if (d->n < DSK_HANDSHAKES_MAX && now_ms - h->began_ms < DSK_HANDSHAKE_MS)
			return;
		dsk_handshake_free(h);
	}
}

err dsk_handshake_new(struct auth_dsk *d, uint64_t now_ms, struct dsk_handshake **owner)
{
	drop_old(d, now_ms);
	struct dsk_handshake *h = calloc(1, sizeof *h);
	SSL *tls = h != NULL ? SSL_new(d->tls) : NULL;
	BIO *in = tls != NULL ? BIO_new(BIO_s_mem()) : NULL;
	BIO *out = in != NULL ? BIO_new(BIO_s_mem()) : NULL;
	if (out == NULL) {
		BIO_free(in);
		SSL_free(tls);
		free(h);
		ERR_clear_error();
		return ERR(NO_MEMORY);
	}
	SSL_set_bio(tls, in, out);
	SSL_set_accept_state(tls);
	*h = (struct dsk_handshake){ .dsk = d, .owner = owner, .tls = tls, .began_ms = now_ms };
	list_add(&d->handshakes, &h->node);
	d->n++;
	*owner = h;
	return OK;
}

void dsk_handshake_free(struct dsk_handshake *h)
{
	if (h == NULL)
		return;
	*h->owner = NULL;
	list_remove(&h->node);
	h->dsk->n--;
	SSL_free(h->tls);
	free(h);
}

size_t dsk_handshakes_count(const struct auth_dsk *d)
{
	return d->n;
}

/* Gives a flight to OpenSSL and takes its answer; what is left over would be of nobody. */
static err step(struct dsk_handshake *h, str flight, bool is_last, struct buf *answer)
{
	ERR_clear_error();
	ENSURE(flight.n <= DSK_FLIGHT_MAX && dsk_is_whole(flight), REFUSED); /* OpenSSL would wait for the rest */
	BIO *in = SSL_get_rbio(h->tls), *out = SSL_get_wbio(h->tls);
	ENSURE(BIO_write(in, flight.p, (int)flight.n) == (int)flight.n, NO_MEMORY);
	int n = SSL_do_handshake(h->tls);
	bool is_fine = is_last ? n == 1 : n < 0 && SSL_get_error(h->tls, n) == SSL_ERROR_WANT_READ;
	ERR_clear_error();
	ENSURE(is_fine && BIO_ctrl_pending(in) == 0, REFUSED);
	char *p;
	long size = BIO_get_mem_data(out, &p);
	ENSURE(size > 0, REFUSED); /* the flight was not whole */
	buf_add(answer, (str){ p, (size_t)size });
	(void)BIO_reset(out);
	return answer->failed ? ERR(CEILING) : OK;
}

err dsk_handshake_begin(struct dsk_handshake *h, str flight, struct buf *ours)
{
	struct buf records DEFER(buf_fini) = { 0 };
	buf_init(&records, DSK_FLIGHT_MAX);
	TRY(step(h, flight, false, &records));
	return dsk_join(buf_str(&records), ours);
}

/* ---- what comes of them ---- */

static err read_certificate(X509 *x, struct buf *der, struct dsk_keys *k)
{
	struct tm ends;
	unsigned n = 0;
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	int size = i2d_X509(x, NULL), n_serial = ASN1_STRING_length(serial);
	ENSURE(size > 0 && size <= DSK_CERTIFICATE_MAX && n_serial > 0 && n_serial <= DSK_SERIAL_MAX, REFUSED);
	ENSURE(X509_NAME_digest(X509_get_issuer_name(x), EVP_sha256(), k->issuer, &n) == 1 && n == sizeof k->issuer, REFUSED);
	ENSURE(ASN1_TIME_to_tm(X509_get0_notAfter(x), &ends) == 1, REFUSED);
	memcpy(k->serial, ASN1_STRING_get0_data(serial), (size_t)n_serial);
	k->n_serial = (uint8_t)n_serial;
	k->ends = (int64_t)timegm(&ends);
	unsigned char bytes[DSK_CERTIFICATE_MAX], *p = bytes;
	ENSURE(i2d_X509(x, &p) == size, REFUSED);
	buf_add(der, (str){ (const char *)bytes, (size_t)size });
	return der->failed ? ERR(CEILING) : OK;
}

static err read_keys(SSL *tls, struct dsk_keys *k)
{
	uint8_t all[KEY_MATERIAL];
	bool ok = SSL_export_keying_material(tls, all, sizeof all, LABEL, sizeof LABEL - 1, NULL, 0, 0) == 1;
	memcpy(k->client, all + CLIENT_AT, DSK_KEY);
	memcpy(k->server, all + SERVER_AT, DSK_KEY);
	crypt_wipe(all, sizeof all);
	return ok ? OK : ERR(INTERNAL);
}

err dsk_handshake_end(struct dsk_handshake *h, str flight, struct buf *ours, struct buf *certificate, struct dsk_keys *keys)
{
	*keys = (struct dsk_keys){ .n_serial = 0 };
	TRY(step(h, flight, true, ours));
	X509 *x = SSL_get1_peer_certificate(h->tls);
	ENSURE(x != NULL, REFUSED);
	err e = read_certificate(x, certificate, keys);
	X509_free(x);
	ERR_clear_error();
	return failed(e) ? e : read_keys(h->tls, keys);
}
