/* SPDX-License-Identifier: Apache-2.0 */
#include "os/tls/tls_priv.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#define SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
#define SUITES_12                                                       \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"     \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"     \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"

enum {
	RSA_BITS_MIN = 2048,
	CHAIN_MAX = 8,                 /* certificates of ours, and depth of a peer's chain */
	TICKET_KEYS = 80,
};

#define CHAIN "certificate chain"
#define CAS   "trusted certificates"

/* ---- reading what the administrator gave ---- */

static void free_certs(STACK_OF(X509) **s)
{
	sk_X509_pop_free(*s, X509_free);
}

static err read_certs(str pem, const char *where, STACK_OF(X509) **out, struct diag *d)
{
	static const char remedy[] = "give PEM text: -----BEGIN CERTIFICATE----- ...";
	STACK_OF(X509) *certs = sk_X509_new_null();
	BIO *bio = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *x;

	*out = certs;
	if (certs == NULL || bio == NULL) {
		BIO_free(bio);
		return ERR(NO_MEMORY);
	}
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		if (!sk_X509_push(certs, x)) {
			X509_free(x);
			break;
		}
	BIO_free(bio);
	/* At the end of the text PEM finds no more start line; any other complaint is about what is there. */
	unsigned long reason = ERR_peek_last_error();
	ERR_clear_error();
	if (ERR_GET_LIB(reason) != ERR_LIB_PEM || ERR_GET_REASON(reason) != PEM_R_NO_START_LINE)
		return diag_fail(d, ERR(MALFORMED), where, remedy, "certificate %d is not readable", sk_X509_num(certs) + 1);
	if (sk_X509_num(certs) == 0)
		return diag_fail(d, ERR(MALFORMED), where, remedy, "there is no certificate in it");
	return OK;
}

static err check_key(X509 *leaf, struct diag *d)
{
	static const char remedy[] = "ask for a certificate with a key on P-256 or P-384, or RSA of 2048 bits or more";
	EVP_PKEY *key = X509_get0_pubkey(leaf);
	if (key == NULL)
		return diag_fail(d, ERR(REFUSED), CHAIN, remedy, "its key is not readable");
	if (EVP_PKEY_is_a(key, "RSA")) {
		int bits = EVP_PKEY_get_bits(key);
		return bits >= RSA_BITS_MIN ? OK : diag_fail(d, ERR(REFUSED), CHAIN, remedy, "its RSA key has %d bits only", bits);
	}
	char curve[64] = "none";
	if (EVP_PKEY_is_a(key, "EC"))
		EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL);
	if (strcmp(curve, "prime256v1") == 0 || strcmp(curve, "secp384r1") == 0)
		return OK;
	return diag_fail(d, ERR(REFUSED), CHAIN, remedy, "its key is of another kind (%s, curve %s)", EVP_PKEY_get0_type_name(key), curve);
}

static err check_purpose(X509 *leaf, struct diag *d)
{
	uint32_t usage = X509_get_extended_key_usage(leaf);
	if (usage == UINT32_MAX || (usage & XKU_SSL_SERVER) == 0)
		return diag_fail(d, ERR(REFUSED), CHAIN, "ask for a certificate with the extended key usage serverAuth",
		                 "it is not meant for servers (no serverAuth)");
	return check_key(leaf, d);
}

static err check_time(X509 *leaf, struct diag *d)
{
	if (X509_cmp_current_time(X509_get0_notAfter(leaf)) <= 0)
		return diag_fail(d, ERR(REFUSED), CHAIN, "renew the certificate", "it has expired");
	if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0)
		return diag_fail(d, ERR(REFUSED), CHAIN, "check the clock of this machine", "it is not valid yet");
	return OK;
}

static err check_chain(STACK_OF(X509) *certs, struct diag *d)
{
	int n = sk_X509_num(certs);
	if (n > CHAIN_MAX)
		return diag_fail(d, ERR(REFUSED), CHAIN, "give the leaf and its intermediates only", "it has %d certificates", n);
	for (int i = 0; i + 1 < n; i++)
		if (X509_check_issued(sk_X509_value(certs, i + 1), sk_X509_value(certs, i)) != X509_V_OK)
			return diag_fail(d, ERR(MALFORMED), CHAIN, "order it: the leaf first, then each issuer after what it has issued",
			                 "certificate %d is not issued by certificate %d", i + 1, i + 2);
	return check_purpose(sk_X509_value(certs, 0), d);
}

err tls_chain_check(str chain_pem, struct diag *d)
{
	STACK_OF(X509) *certs DEFER(free_certs) = NULL;
	TRY(read_certs(chain_pem, CHAIN, &certs, d));
	return check_chain(certs, d);
}

static int64_t seconds_of(const ASN1_TIME *at)
{
	struct tm tm;
	return ASN1_TIME_to_tm(at, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* ---- callbacks of a handshake ---- */

static int on_ticket_made(SSL *ssl, void *arg)
{
	return 1;
}

static SSL_TICKET_RETURN on_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t n, SSL_TICKET_STATUS status, void *arg)
{
	bool is_good = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
	if (is_good && SSL_SESSION_get0_peer(session) == NULL)
		return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
	return status == SSL_TICKET_EMPTY || status == SSL_TICKET_NO_DECRYPT || is_good ? SSL_TICKET_RETURN_IGNORE_RENEW :
	                                                                               SSL_TICKET_RETURN_ABORT;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	struct tls_server *s = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	for (size_t i = 1; name != NULL && i < s->n_identities; i++)
		if (X509_check_host(s->identities[i].leaf, name, 0, 0, NULL) == 1) {
			SSL_set_SSL_CTX(ssl, s->identities[i].accepting);
			break;
		}
	return SSL_TLSEXT_ERR_OK;
}

/* ---- building ---- */

static SSL_CTX *new_ctx(const SSL_METHOD *method, struct tls_server *s)
{
	SSL_CTX *c = SSL_CTX_new(method);
	if (c == NULL)
		return NULL;
	SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	                       SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_clear_mode(c, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(c, 1);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_security_level(c, 2);
	SSL_CTX_set_max_cert_list(c, TLS_PEER_CHAIN_BYTES);
	SSL_CTX_set_verify_depth(c, CHAIN_MAX);
	SSL_CTX_set_cert_verify_callback(c, tls_peer_on_chain, s);
	if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) && SSL_CTX_set_ciphersuites(c, SUITES_13) &&
	    SSL_CTX_set_cipher_list(c, SUITES_12) && SSL_CTX_set1_groups_list(c, (char[]){ "X25519:P-256:P-384" }))
		return c;
	SSL_CTX_free(c);
	return NULL;
}

static bool set_certificate(SSL_CTX *c, STACK_OF(X509) *certs, struct tls_key *key)
{
	bool is_fine = SSL_CTX_use_PrivateKey(c, key->pkey) == 1 && SSL_CTX_use_certificate(c, sk_X509_value(certs, 0)) == 1;
	for (int i = 1; is_fine && i < sk_X509_num(certs); i++)
		is_fine = SSL_CTX_add1_chain_cert(c, sk_X509_value(certs, i)) == 1;
	/* Nothing is to be looked for in the set of trusted certificates to complete our own chain. */
	SSL_CTX_set_mode(c, SSL_MODE_NO_AUTO_CHAIN);
	return is_fine;
}

static bool trust(SSL_CTX *c, STACK_OF(X509) *cas)
{
	X509_STORE *store = SSL_CTX_get_cert_store(c);
	for (int i = 0; cas != NULL && i < sk_X509_num(cas); i++)
		if (!X509_STORE_add_cert(store, sk_X509_value(cas, i)))
			return false;
	return true;
}

static bool set_accepting(struct tls_server *s, SSL_CTX *c, STACK_OF(X509) *cas, const char *ticket_keys)
{
	unsigned char keys[TICKET_KEYS];
	memcpy(keys, ticket_keys, sizeof(keys));
	bool only_servers = s->peers == TLS_PEERS_SERVERS_ONLY;
	/* A ticket that another listener gave to somebody who proved nothing must not open this one. */
	const char *place = only_servers ? "witan-servers" : "witan";
	SSL_CTX_set_num_tickets(c, only_servers ? 0 : 1);
	SSL_CTX_set_tlsext_servername_callback(c, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(c, s);
	bool is_fine = SSL_CTX_set_tlsext_ticket_keys(c, keys, sizeof(keys)) == 1 &&
	               SSL_CTX_set_session_ticket_cb(c, on_ticket_made, on_ticket, NULL) == 1 &&
	               SSL_CTX_set_session_id_context(c, (const unsigned char *)place, (unsigned)strlen(place)) == 1;
	OPENSSL_cleanse(keys, sizeof(keys));
	if (cas == NULL)
		return is_fine;
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER | (only_servers ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	for (int i = 0; is_fine && i < sk_X509_num(cas); i++)
		is_fine = SSL_CTX_add_client_CA(c, sk_X509_value(cas, i)) == 1;
	return is_fine;
}

static err fill_identity(struct tls_server *s, struct tls_identity *id, STACK_OF(X509) *certs, STACK_OF(X509) *cas, const char *ticket_keys,
                         struct diag *d)
{
	id->leaf = sk_X509_value(certs, 0);
	X509_up_ref(id->leaf);
	id->expires = seconds_of(X509_get0_notAfter(id->leaf));
	TRY(tls_key_init(&id->key, s, id->leaf));
	id->accepting = new_ctx(TLS_server_method(), s);
	id->connecting = new_ctx(TLS_client_method(), s);
	ENSURE(id->accepting != NULL && id->connecting != NULL, NO_MEMORY);
	SSL_CTX_set_verify(id->connecting, SSL_VERIFY_PEER, NULL);
	bool is_fine = set_certificate(id->accepting, certs, &id->key) && set_certificate(id->connecting, certs, &id->key);
	if (!is_fine) {
		const char *reason = ERR_reason_error_string(ERR_peek_last_error());
		ERR_clear_error();
		return diag_fail(d, ERR(REFUSED), CHAIN, "ask for a certificate with a key and signatures of today's strength",
		                 "OpenSSL does not accept it: %s", reason != NULL ? reason : "no reason given");
	}
	is_fine = trust(id->accepting, cas) && trust(id->connecting, cas) && set_accepting(s, id->accepting, cas, ticket_keys);
	return is_fine ? OK : ERR(NO_MEMORY);
}

static err build(struct tls_server *s, const struct tls_config *config, struct diag *d)
{
	STACK_OF(X509) *certs DEFER(free_certs) = NULL;
	STACK_OF(X509) *cas DEFER(free_certs) = NULL;
	TRY(read_certs(config->chain_pem, CHAIN, &certs, d));
	TRY(check_chain(certs, d));
	TRY(check_time(sk_X509_value(certs, 0), d));
	if (config->ca_pem.n != 0)
		TRY(read_certs(config->ca_pem, CAS, &cas, d));
	s->n_identities = 1;
	return fill_identity(s, &s->identities[0], certs, cas, config->ticket_keys, d);
}

err tls_server_new(const struct tls_config *config, struct loop *l, struct tls_server **out, struct diag *d)
{
	struct tls_server *s = calloc(1, sizeof(*s));
	ENSURE(s != NULL, NO_MEMORY);
	s->refs = 1;
	s->loop = l;
	s->signer = config->signer;
	s->judge = config->judge;
	s->peers = config->peers;
	list_init(&s->starving);
	err e = build(s, config, d);
	ERR_clear_error();
	if (failed(e)) {
		tls_server_unref(s);
		return e;
	}
	*out = s;
	return OK;
}

struct tls_server *tls_server_ref(struct tls_server *s)
{
	s->refs++;
	return s;
}

void tls_server_unref(struct tls_server *s)
{
	if (s == NULL || --s->refs != 0)
		return;
	for (size_t i = 0; i < s->n_identities; i++) {
		struct tls_identity *id = &s->identities[i];
		SSL_CTX_free(id->accepting);
		SSL_CTX_free(id->connecting);
		tls_key_fini(&id->key);
		X509_free(id->leaf);
	}
	free(s);
}

int64_t tls_server_expires(const struct tls_server *s)
{
	return s->identities[0].expires;
}
