/* SPDX-License-Identifier: Apache-2.0 */
/* A handshake by OpenSSL that looks at what is presented and believes nothing. */
#include "prog/witan/look_probe.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

enum { TICKET_MS = 700, DATE_ROOM = 4096 };

struct talk {
	SSL *ssl;
	SSL_CTX *ctx;
	struct look_line *line;
	int fd;
	int64_t until;
};

/* Every chain is looked at; whether it is good is for the rules to say. */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
	(void)store;
	(void)arg;
	return 1;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	SSL_SESSION **to = SSL_get_app_data(ssl);
	SSL_SESSION_free(*to);
	*to = session;
	return 1;
}

static SSL_CTX *make_context(int64_t *until)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_security_level(ctx, 0); /* weak keys and versions are what is looked for */
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	(void)SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	probe_limit(ctx, until);
	return ctx;
}

static void hang_up(struct talk *t)
{
	if (t->ssl != NULL)
		(void)SSL_shutdown(t->ssl); /* a session that was not closed is not to be resumed (RFC 5246 7.2.1) */
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	look_hang_up(t->line);
	ERR_clear_error();
}

/* Until an operation of SSL is done, failed or late. */
static bool may_go_on(struct talk *t, int rc)
{
	int why = SSL_get_error(t->ssl, rc);
	if (why == SSL_ERROR_WANT_READ)
		return probe_wait(t->fd, POLLIN, t->until);
	return why == SSL_ERROR_WANT_WRITE && probe_wait(t->fd, POLLOUT, t->until);
}

static void name_server(SSL *ssl, str name)
{
	char z[256];
	if (name.n > 0 && str_to_z(name, z, sizeof z))
		(void)SSL_set_tlsext_host_name(ssl, z);
}

/* Connects and shakes hands; true: it was finished. *session is offered, and what the server gives takes its place. */
static bool shake(struct talk *t, const struct look *look, const struct look_target *target, SSL_SESSION **session, struct diag *d)
{
	t->until = probe_clock() + PROBE_WAIT_MS;
	if (failed(look_dial(look, target, &t->line, &t->fd, d)))
		return false;
	t->ctx = make_context(&t->until);
	t->ssl = t->ctx != NULL ? SSL_new(t->ctx) : NULL;
	if (t->ssl == NULL || SSL_set_fd(t->ssl, t->fd) != 1)
		return false;
	name_server(t->ssl, target->name);
	if (*session != NULL)
		(void)SSL_set_session(t->ssl, *session);
	SSL_set_app_data(t->ssl, session);
	int rc;
	do {
		ERR_clear_error();
		rc = SSL_connect(t->ssl);
	} while (rc != 1 && may_go_on(t, rc));
	return rc == 1;
}

/* Tickets of TLS 1.3 come after the handshake. True: a server of 1.3 took us in, or there was nothing to wait for. */
static void wait_ticket(struct talk *t, SSL_SESSION *const *session)
{
	char c;
	t->until = probe_clock() + TICKET_MS;
	for (int rc = -1; *session == NULL && rc <= 0;) {
		ERR_clear_error();
		rc = SSL_read(t->ssl, &c, 1);
		if (rc > 0 || !may_go_on(t, rc))
			break;
	}
}

static void keep_chain(struct probe *p, SSL *ssl)
{
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
	int n = chain != NULL ? sk_X509_num(chain) : 0;
	n = n > CERT_ANSWER_CERTS ? CERT_ANSWER_CERTS : n;
	p->chain = (struct topo_names){ arena_alloc(&p->arena, (size_t)(n + 1) * sizeof(str)), 0 };
	for (int i = 0; p->chain.p != NULL && i < n; i++) {
		unsigned char *der = NULL;
		int size = i2d_X509(sk_X509_value(chain, i), &der);
		str copy = size > 0 ? arena_copy(&p->arena, (str){ (const char *)der, (size_t)size }) : (str){ NULL, 0 };
		OPENSSL_free(der);
		if (copy.p != NULL)
			p->chain.p[p->chain.n++] = copy;
	}
}

/* ---- the host's clock ---- */

static int64_t parse_date(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return end != NULL ? (int64_t)timegm(&tm) : 0;
}

/* Date of an answer over HTTP (RFC 9110 6.6.1). */
static int64_t ask_date(struct talk *t, str host)
{
	char out[400], in[DATE_ROOM];
	size_t have = 0;
	int n = snprintf(out, sizeof out, "HEAD / HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n\r\n", (int)(host.n < 255 ? host.n : 255), host.p), rc;
	t->until = probe_clock() + PROBE_WAIT_MS;
	do
		rc = SSL_write(t->ssl, out, n);
	while (rc <= 0 && may_go_on(t, rc));
	while (rc > 0 && have < sizeof in - 1) {
		rc = SSL_read(t->ssl, in + have, (int)(sizeof in - 1 - have));
		if (rc > 0)
			have += (size_t)rc;
		else if (may_go_on(t, rc))
			rc = 1;
		in[have] = '\0';
		if (strstr(in, "\r\n\r\n") != NULL)
			break;
	}
	const char *date = have > 0 ? strcasestr(in, "\r\ndate: ") : NULL;
	return date != NULL ? parse_date(date + sizeof "\r\ndate: " - 1) : 0;
}

/* ---- */

static bool try_session(const struct look *look, const struct look_target *there, SSL_SESSION *session)
{
	struct talk t = { 0 };
	SSL_SESSION *mine = SSL_SESSION_dup(session); /* a server may give another one, and one may be used once */
	bool ok = mine != NULL && shake(&t, look, there, &mine, NULL) && SSL_session_reused(t.ssl) == 1;
	hang_up(&t);
	SSL_SESSION_free(mine);
	return ok;
}

void probe_handshake(struct probe *p)
{
	struct talk t = { 0 };
	struct diag d = { 0 };
	bool done = shake(&t, p->look, p->target, &p->session, &d);
	if (t.ssl != NULL)
		keep_chain(p, t.ssl);
	if (done && p->session == NULL)
		wait_ticket(&t, &p->session);
	/* in 1.3 a server may turn us away after our part is done, for want of a certificate */
	bool is_in = done && (p->session != NULL || (SSL_get_shutdown(t.ssl) & SSL_RECEIVED_SHUTDOWN) == 0);
	if (is_in && p->target->is_web)
		p->found.clock = ask_date(&t, p->target->name.n > 0 ? p->target->name : p->target->dial);
	bool is_1_2 = t.ssl != NULL && SSL_version(t.ssl) <= TLS1_2_VERSION;
	hang_up(&t);
	if (p->session != NULL && SSL_SESSION_is_resumable(p->session))
		p->found.resumption = try_session(p->look, p->target, p->session) ? CHECK_RESUMES : CHECK_ANEW;
	else if (is_in && is_1_2)
		p->found.resumption = CHECK_ANEW;
	if (p->chain.n == 0 && p->failure[0] == '\0')
		(void)snprintf(p->failure, sizeof p->failure, "%s", d.what[0] != '\0' ? d.what : "it presents no certificate");
}

bool probe_resumes(const struct probe *p, const struct look_target *there)
{
	return try_session(p->look, there, p->session);
}
