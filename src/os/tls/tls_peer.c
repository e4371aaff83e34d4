/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate that a peer shows: judged, and read. */
#include "os/tls/tls_priv.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* ---- by the judge that was given ---- */

/* OpenSSL makes the alert from its own verdict. */
static const int verdicts[] = {
	[TLS_FAULT_UNTRUSTED] = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
	[TLS_FAULT_EXPIRED] = X509_V_ERR_CERT_HAS_EXPIRED,
	[TLS_FAULT_REVOKED] = X509_V_ERR_CERT_REVOKED,
	[TLS_FAULT_PURPOSE] = X509_V_ERR_INVALID_PURPOSE,
	[TLS_FAULT_NAME] = X509_V_ERR_HOSTNAME_MISMATCH,
	[TLS_FAULT_OTHER] = X509_V_ERR_CERT_REJECTED,
};

/* What was dialled: a name, its i-th other one, or an address (see expect_name in tls.c). NULL: no more. Freed by OPENSSL_free. */
static char *dialled(SSL *ssl, int i)
{
	const char *name = X509_VERIFY_PARAM_get0_host(SSL_get0_param(ssl), i);
	if (name != NULL)
		return OPENSSL_strdup(name);
	return i == 0 ? X509_VERIFY_PARAM_get1_ip_asc(SSL_get0_param(ssl)) : NULL;
}

/* By each of the names that will do. */
static err judge_dialled(struct tls *t, struct tls_shown shown, char proven[TLS_NAME], struct tls_refusal *r)
{
	const struct tls_judge *j = &t->server->judge;
	char *name = dialled(t->ssl, 0);
	shown.name = str_of(name);
	err e = j->judge(j->arg, &shown, proven, r);
	OPENSSL_free(name);
	for (int i = 1; failed(e) && r->fault == TLS_FAULT_NAME && (name = dialled(t->ssl, i)) != NULL; i++) {
		shown.name = str_of(name);
		e = j->judge(j->arg, &shown, proven, r);
		OPENSSL_free(name);
	}
	return e;
}

static bool write_chain(const STACK_OF(X509) *certs, struct buf *out)
{
	for (int i = 0; i < sk_X509_num(certs); i++) {
		unsigned char *der = NULL;
		int n = i2d_X509(sk_X509_value(certs, i), &der);
		if (n > 0)
			buf_add(out, (str){ (char *)der, (size_t)n });
		OPENSSL_free(der);
		if (n <= 0)
			return false;
	}
	return !out->failed;
}

err tls_peer_judge(struct tls *t, const STACK_OF(X509) *certs)
{
	struct buf chain DEFER(buf_fini) = { 0 };
	const struct tls_judge *j = &t->server->judge;
	char proven[TLS_NAME] = "";
	struct tls_refusal *r = t->refusal != NULL ? t->refusal : calloc(1, sizeof *r);
	ENSURE(r != NULL, NO_MEMORY);
	*r = (struct tls_refusal){ .fault = TLS_FAULT_OTHER, .word = "malformed", .why = "the chain cannot be read" };
	buf_init(&chain, TLS_PEER_CHAIN_BYTES);
	err e = write_chain(certs, &chain) ? OK : ERR(CEILING);
	const struct tls_shown shown = { .chain = buf_str(&chain), .is_ours = !SSL_is_server(t->ssl), .peers = t->server->peers };
	if (!failed(e))
		e = shown.is_ours ? judge_dialled(t, shown, proven, r) : j->judge(j->arg, &shown, proven, r);
	free(t->peer_name);
	t->peer_name = failed(e) || proven[0] == '\0' ? NULL : strdup(proven);
	t->refusal = failed(e) ? r : NULL;
	if (!failed(e))
		free(r);
	return e;
}

static bool is_trusted(X509_STORE_CTX *x, struct tls *t)
{
	err e = tls_peer_judge(t, X509_STORE_CTX_get0_untrusted(x));
	ERR_clear_error();
	X509_STORE_CTX_set_error(x, !failed(e) ? X509_V_OK : t->refusal != NULL ? verdicts[t->refusal->fault] : X509_V_ERR_OUT_OF_MEM);
	return !failed(e);
}

/* ---- without one ---- */

static bool is_verified(X509_STORE_CTX *x, bool is_person)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(x);
	X509_VERIFY_PARAM_set_purpose(param, is_person ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
	X509_VERIFY_PARAM_set_trust(param, is_person ? X509_TRUST_SSL_CLIENT : X509_TRUST_SSL_SERVER);
	bool ok = X509_verify_cert(x) == 1;
	if (!ok && X509_STORE_CTX_get_error(x) == X509_V_OK)
		X509_STORE_CTX_set_error(x, X509_V_ERR_UNSPECIFIED);
	return ok;
}

/* Between servers a certificate proves which server it is, so it must be one for servers, whoever connected to whom. A client may
 * show another one (many telephones carry their maker's): then it has simply not proved to be a server of ours. Where people prove
 * themselves it must be one for clients, and who shows another one is told so, as where only servers may come. */
int tls_peer_on_chain(X509_STORE_CTX *x, void *arg)
{
	const struct tls_server *s = arg;
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	bool is_person = SSL_is_server(ssl) && (s->peers == TLS_PEERS_PEOPLE || s->peers == TLS_PEERS_GUESTS);
	bool ok = s->judge.judge != NULL ? is_trusted(x, SSL_get_app_data(ssl)) : is_verified(x, is_person);
	if (!SSL_is_server(ssl))
		return ok;
	/* The certificate would be written into each ticket, and would outlive its revocation there. */
	SSL_set_num_tickets(ssl, 0);
	return ok || s->peers == TLS_PEERS_SERVERS || s->peers == TLS_PEERS_PARTNERS || s->peers == TLS_PEERS_GUESTS;
}

/* ---- what became of it ---- */

/* What was shown, if it can be relied on; NULL: nothing. */
static X509 *peer_of(const struct tls *t)
{
	X509 *leaf = SSL_get0_peer_certificate(t->ssl);
	return t->is_done && t->refusal == NULL && leaf != NULL && SSL_get_verify_result(t->ssl) == X509_V_OK ? leaf : NULL;
}

err tls_peer_certificate(const struct tls *t, char *out, size_t room, size_t *n)
{
	X509 *leaf = peer_of(t);
	*n = 0;
	ENSURE(leaf != NULL, ABSENT);
	int size = i2d_X509(leaf, NULL);
	unsigned char *p = (unsigned char *)out;
	ENSURE(size > 0 && (size_t)size <= room, CEILING);
	*n = (size_t)i2d_X509(leaf, &p);
	return OK;
}

bool tls_peer_names(const struct tls *t, void (*fn)(void *arg, str name), void *arg)
{
	X509 *leaf = peer_of(t);
	if (leaf == NULL)
		return false;
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		int type;
		const ASN1_STRING *v = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
		str name = { (const char *)ASN1_STRING_get0_data(v), type == GEN_DNS ? (size_t)ASN1_STRING_length(v) : 0 };
		/* A NUL inside is a trick (CVE-2009-2408). */
		if (type == GEN_DNS && memchr(name.p, '\0', name.n) == NULL)
			fn(arg, name);
	}
	GENERAL_NAMES_free(names);
	return true;
}

str tls_peer_name(const struct tls *t)
{
	return t->is_done ? str_of(t->peer_name) : STR("");
}

const struct tls_refusal *tls_peer_refusal(const struct tls *t)
{
	return t->refusal;
}

static bool is_taken_back(const struct tls_refusal *r)
{
	return r != NULL && (r->fault == TLS_FAULT_REVOKED || r->fault == TLS_FAULT_UNTRUSTED);
}

/* A verdict that does not count here must leave no trace: else the next one, which may, would not be asked for. */
static err judge_standing(struct tls *t, const STACK_OF(X509) *certs)
{
	char *proven = t->peer_name;
	t->peer_name = NULL;
	err e = tls_peer_judge(t, certs);
	if (!failed(e) || is_taken_back(t->refusal)) {
		free(proven);
		return e;
	}
	free(t->refusal);
	t->refusal = NULL;
	t->peer_name = proven;
	return OK;
}

err tls_judge_again(struct tls *t)
{
	X509 *leaf = peer_of(t);
	if (leaf == NULL || t->server->judge.judge == NULL || t->refusal != NULL)
		return OK;
	STACK_OF(X509) *certs = sk_X509_new_null();
	bool ok = certs != NULL && sk_X509_push(certs, leaf) > 0;
	/* OpenSSL keeps the whole chain with the session; the leaf in it only where we have connected */
	const STACK_OF(X509) *kept = SSL_get_peer_cert_chain(t->ssl);
	for (int i = SSL_is_server(t->ssl) ? 0 : 1; ok && i < sk_X509_num(kept); i++)
		ok = sk_X509_push(certs, sk_X509_value(kept, i)) > 0;
	err e = ok ? judge_standing(t, certs) : OK;
	sk_X509_free(certs);
	ERR_clear_error();
	return e;
}
