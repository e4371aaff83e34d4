/* SPDX-License-Identifier: Apache-2.0 */
#include "os/net.h"
#include "os/tls/tls_priv.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

enum { NAME_MAX_DNS = 255 };

/* ---- opening ---- */

static err new_tls(struct tls_server *s, SSL_CTX *ctx, int fd, void (*resume)(void *arg), void *arg, struct tls **out)
{
	struct tls *t = calloc(1, sizeof(*t));
	SSL *ssl = t != NULL ? SSL_new(ctx) : NULL;
	if (ssl == NULL || !SSL_set_fd(ssl, fd)) {
		SSL_free(ssl);
		free(t);
		ERR_clear_error();
		return ERR(NO_MEMORY);
	}
	/* Only the handshake signs, so only it runs in a job; see tls_handshake. */
	SSL_set_mode(ssl, SSL_MODE_ASYNC);
	*t = (struct tls){ .ssl = ssl, .server = tls_server_ref(s), .resume = resume, .arg = arg };
	list_init(&t->node);
	SSL_set_app_data(ssl, t);
	*out = t;
	return OK;
}

err tls_accept(struct tls_server *s, int fd, void (*resume)(void *arg), void *arg, struct tls **out)
{
	TRY(new_tls(s, s->identities[0].accepting, fd, resume, arg, out));
	SSL_set_accept_state((*out)->ssl);
	return OK;
}

/* RFC 5922 7.2: no wildcards, and the subject's common name is no name of a server any more. */
static bool expect_name(SSL *ssl, str name)
{
	char z[NAME_MAX_DNS + 1];
	uint8_t ip[16];
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	if (name.n == 0 || memchr(name.p, '\0', name.n) != NULL || !str_to_z(name, z, sizeof(z)))
		return false;
	if (inet_pton(AF_INET, z, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip(param, ip, 4) == 1;
	if (inet_pton(AF_INET6, z, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip(param, ip, 16) == 1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return X509_VERIFY_PARAM_set1_host(param, z, name.n) == 1 && SSL_set_tlsext_host_name(ssl, z) == 1;
}

err tls_connect(struct tls_server *s, int fd, str name, void (*resume)(void *arg), void *arg, struct tls **out)
{
	TRY(new_tls(s, s->identities[0].connecting, fd, resume, arg, out));
	SSL_set_connect_state((*out)->ssl);
	if (expect_name((*out)->ssl, name))
		return OK;
	tls_free(*out);
	*out = NULL;
	return ERR(MALFORMED);
}

void tls_expect_nobody(struct tls *t)
{
	SSL_set_verify(t->ssl, SSL_VERIFY_NONE, NULL);
}

err tls_binding(const struct tls *t, uint8_t out[32])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	bool is_bound = SSL_version(t->ssl) >= TLS1_3_VERSION || SSL_get_extms_support(t->ssl) == 1;
	ENSURE(t->is_done && is_bound, INTERNAL);
	return SSL_export_keying_material(t->ssl, out, 32, label, sizeof(label) - 1, NULL, 0, 1) == 1 ? OK : ERR(INTERNAL);
}

err tls_leaf_hash(const struct tls *t, bool peer, uint8_t out[32])
{
	unsigned n = 0;
	const X509 *leaf = peer ? SSL_get0_peer_certificate(t->ssl) : SSL_get_certificate(t->ssl);
	ENSURE(leaf != NULL, ABSENT);
	return X509_digest(leaf, EVP_sha256(), out, &n) == 1 && n == 32 ? OK : ERR(INTERNAL);
}

err tls_expect_also(struct tls *t, str name)
{
	char z[NAME_MAX_DNS + 1];
	ENSURE(name.n != 0 && memchr(name.p, '\0', name.n) == NULL && str_to_z(name, z, sizeof(z)), MALFORMED);
	return X509_VERIFY_PARAM_add1_host(SSL_get0_param(t->ssl), z, name.n) == 1 ? OK : ERR(NO_MEMORY);
}

/* ---- signatures ---- */

static void on_resume(void *arg)
{
	struct tls *t = arg;
	t->resume(t->arg);
}

static void resume_later(struct tls *t)
{
	loop_defer(t->server->loop, &t->task, on_resume, t);
}

/* Lets the next handshake go on if it may sign. Each one that goes on, or ends, calls this again for the one behind it. */
static void feed_starving(struct tls_server *s)
{
	if (s->n_signing >= TLS_SIGNING || list_is_empty(&s->starving))
		return;
	struct tls *t = LIST_OF(s->starving.next, struct tls, node);
	list_remove(&t->node);
	resume_later(t);
}

static void finish_sign(struct tls_sign *s, str signature)
{
	s->n = signature.n <= s->room ? signature.n : 0;
	if (s->n != 0)
		memcpy(s->out, signature.p, s->n);
	s->is_done = true;
	if (!s->is_asked)
		return;
	s->is_asked = false;
	s->tls->server->n_signing--;
	feed_starving(s->tls->server);
}

void tls_sign_done(struct tls_sign *s, str signature)
{
	struct tls *t = s->tls;
	ASSERT(s->is_asked && !s->is_done);
	finish_sign(s, signature);
	resume_later(t);
}

/* The handshake has paused for t->sign. */
static bool ask_signer(struct tls *t)
{
	struct tls_server *s = t->server;
	struct tls_sign *sign = t->sign;
	if (sign->is_asked)
		return true; /* called again before the answer came */
	sign->is_asked = true;
	s->n_signing++;
	if (!failed(s->signer.sign(s->signer.arg, sign, sign->kind, sign->key->id, sign->input)))
		return true;
	finish_sign(sign, STR(""));
	return false;
}

/* ---- the handshake ---- */

static int step(struct tls *t)
{
	ERR_clear_error();
	t->server->busy = t;
	int r = SSL_do_handshake(t->ssl);
	t->server->busy = NULL;
	return SSL_get_error(t->ssl, r);
}

static enum tls_io io_of(struct tls *t, int e)
{
	switch (e) {
	case SSL_ERROR_NONE:
		return TLS_DONE;
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_END;
	case SSL_ERROR_SYSCALL:
		t->is_broken = true;
		return TLS_END;
	default:
		t->is_broken = true;
		t->error = ERR_peek_error();
		ERR_clear_error();
		return TLS_FAILED;
	}
}

static bool may_sign(struct tls *t)
{
	struct tls_server *s = t->server;
	if (t->sign != NULL || s->n_signing < TLS_SIGNING)
		return true;
	if (list_is_empty(&t->node))
		list_add(&s->starving, &t->node);
	return false;
}

static enum tls_io go_on(struct tls *t)
{
	int e = step(t);
	while (e == SSL_ERROR_WANT_ASYNC) {
		if (ask_signer(t))
			return TLS_WAIT;
		e = step(t);
	}
	return io_of(t, e);
}

/* From here on the connection is mostly idle, so every byte counts: OpenSSL keeps the suites that the client offered (some 300
 * bytes) until the end, though nothing reads them any more. Reserving on an empty stack shrinks it. */
static void settle(struct tls *t)
{
	STACK_OF(SSL_CIPHER) *offered = SSL_get_client_ciphers(t->ssl);
	t->is_done = true;
	SSL_clear_mode(t->ssl, SSL_MODE_ASYNC);
	if (offered == NULL)
		return;
	sk_SSL_CIPHER_zero(offered);
	(void)sk_SSL_CIPHER_reserve(offered, 0);
}

enum tls_io tls_handshake(struct tls *t)
{
	if (t->is_done)
		return TLS_DONE;
	if (t->is_broken)
		return TLS_FAILED;
	if (!may_sign(t))
		return TLS_WAIT;
	list_remove(&t->node);
	enum tls_io io = go_on(t);
	feed_starving(t->server);
	if (io == TLS_DONE)
		settle(t);
	return io;
}

/* ---- bytes ---- */

enum tls_io tls_read(struct tls *t, void *p, size_t size, size_t *n)
{
	*n = 0;
	if (t->is_broken)
		return TLS_FAILED;
	ERR_clear_error();
	int r = SSL_read_ex(t->ssl, p, size, n);
	enum tls_io io = io_of(t, r == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, r));
	t->is_drained = io == TLS_WANT_READ;
	return io;
}

bool tls_has_pending(const struct tls *t)
{
	/* With read-ahead OpenSSL also holds records that it has not decrypted, the last of them perhaps in part. */
	return SSL_pending(t->ssl) > 0 || (!t->is_drained && SSL_has_pending(t->ssl));
}

enum tls_io tls_write(struct tls *t, str s, size_t *n)
{
	*n = 0;
	if (t->is_broken)
		return TLS_FAILED;
	if (s.n == 0)
		return TLS_DONE;
	ERR_clear_error();
	int r = SSL_write_ex(t->ssl, s.p, s.n, n);
	return io_of(t, r == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, r));
}

/* A paused job cannot be thrown away (OpenSSL would lose its stack): it ends by a signature that could not be made. */
static void end_job(struct tls *t)
{
	struct tls_signer *signer = &t->server->signer;
	if (t->sign->is_asked)
		signer->forget(signer->arg, t->sign);
	if (!t->sign->is_done)
		finish_sign(t->sign, STR(""));
	t->is_broken = true;
	(void)step(t);
	ASSERT(t->sign == NULL);
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	if (t->sign != NULL)
		end_job(t);
	loop_undefer(&t->task);
	list_remove(&t->node);
	feed_starving(t->server);
	if (t->is_done && !t->is_broken)
		(void)SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	ERR_clear_error();
	tls_server_unref(t->server);
	free(t->peer_name);
	free(t->refusal);
	free(t);
}

/* ---- what became of it ---- */

bool tls_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl) == 1;
}

bool tls_is_greeted(const struct tls *t)
{
	OSSL_HANDSHAKE_STATE at = SSL_get_state(t->ssl);
	return at != TLS_ST_BEFORE && at != TLS_ST_SR_CLNT_HELLO;
}

bool tls_is_named(const struct tls *t)
{
	struct addr a;
	const char *name = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
	return name != NULL && failed(addr_parse(str_of(name), 0, &a));
}

const char *tls_cipher(const struct tls *t)
{
	static const struct {
		uint16_t id; /* as in the ClientHello */
		const char *text;
	} rows[] = {
		{ 0x1301, "TLSv1.3 TLS_AES_128_GCM_SHA256" },
		{ 0x1302, "TLSv1.3 TLS_AES_256_GCM_SHA384" },
		{ 0x1303, "TLSv1.3 TLS_CHACHA20_POLY1305_SHA256" },
		{ 0xc02b, "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256" },
		{ 0xc02c, "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384" },
		{ 0xc02f, "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256" },
		{ 0xc030, "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384" },
		{ 0xcca8, "TLSv1.2 ECDHE-RSA-CHACHA20-POLY1305" },
		{ 0xcca9, "TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305" },
	};
	const SSL_CIPHER *c = SSL_get_current_cipher(t->ssl);
	for (size_t i = 0; c != NULL && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (SSL_CIPHER_get_protocol_id(c) == rows[i].id)
			return rows[i].text;
	return "none";
}

const char *tls_error(const struct tls *t)
{
	const char *reason = ERR_reason_error_string(t->error);
	if (tls_refused_peer(t) && t->refusal != NULL)
		return t->refusal->why;
	if (tls_refused_peer(t))
		return X509_verify_cert_error_string(SSL_get_verify_result(t->ssl));
	return reason != NULL ? reason : "no reason known";
}

bool tls_refused_peer(const struct tls *t)
{
	return ERR_GET_LIB(t->error) == ERR_LIB_SSL && ERR_GET_REASON(t->error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
}
