/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of tls share: certificates, a keeper that answers later, a server and both kinds of ends. */
#ifndef WITAN_OS_TLS_WORLD_H
#define WITAN_OS_TLS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/tls.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOUR 3600

/* ---- certificates ---- */

struct made {
	EVP_PKEY *key;
	X509 *cert;
	char pem[8192];
};

static inline void add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX c;
	X509V3_set_ctx(&c, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

/* What is not wished for is as usual: a leaf for servers on P-256, valid now. */
struct wish {
	bool is_ca;
	const char *cn, *san, *eku, *curve;
	unsigned bits; /* of RSA */
	long from, to; /* seconds from now */
};

static inline void make(struct made *m, const struct wish *w, struct made *ca)
{
	m->key = w->bits != 0 ? EVP_RSA_gen(w->bits) : EVP_EC_gen(w->curve != NULL ? w->curve : "P-256");
	m->cert = X509_new();
	X509 *x = m->cert;
	X509_set_version(x, 2);
	static long serial = 1000;
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), w->from != 0 ? w->from : -HOUR);
	X509_gmtime_adj(X509_getm_notAfter(x), w->to != 0 ? w->to : 100 * HOUR);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8, (const unsigned char *)(w->cn != NULL ? w->cn : w->is_ca ? "Test CA" : "a.example.com"), -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(ca != NULL ? ca->cert : x));
	X509_set_pubkey(x, m->key);
	X509 *issuer = ca != NULL ? ca->cert : x;
	add_ext(x, issuer, NID_subject_key_identifier, "hash");
	if (!w->is_ca) {
		add_ext(x, issuer, NID_ext_key_usage, w->eku != NULL ? w->eku : "serverAuth");
		add_ext(x, issuer, NID_subject_alt_name, w->san != NULL ? w->san : "DNS:a.example.com,DNS:sip.example.com");
	} else {
		add_ext(x, issuer, NID_basic_constraints, "critical,CA:TRUE");
		add_ext(x, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
	}
	assert_true(X509_sign(x, ca != NULL ? ca->key : m->key, EVP_sha256()) > 0);
	BIO *b = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(b, x);
	int n = BIO_read(b, m->pem, sizeof(m->pem) - 1);
	m->pem[n] = '\0';
	BIO_free(b);
}

static inline void unmake(struct made *m)
{
	EVP_PKEY_free(m->key);
	X509_free(m->cert);
	*m = (struct made){ 0 };
}

#define LEAF(...) ((struct wish){ __VA_ARGS__ })
#define CA(...)   ((struct wish){ .is_ca = true __VA_OPT__(,) __VA_ARGS__ })

/* ---- a keeper that answers in a later turn ---- */

enum { ASKED_MAX = 300 };
struct keeper {
	struct loop *loop;
	EVP_PKEY *key;
	struct asked {
		struct tls_sign *s;
		enum tls_sign_kind kind;
		char input[1024];
		size_t n;
	} asked[ASKED_MAX];
	size_t n_asked, n_forgotten, n_signed, most;
	bool refuses, fails, is_silent;
	struct loop_task task;
};

static inline void answer(struct keeper *k, struct asked *a)
{
	uint8_t sig[1024];
	size_t n = k->fails ? 0 : sizeof(sig);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(k->key, NULL);
	assert_int_equal(EVP_PKEY_sign_init(c), 1);
	if (a->kind != TLS_SIGN_ECDSA)
		EVP_PKEY_CTX_set_rsa_padding(c, a->kind == TLS_SIGN_RSA_RAW ? RSA_NO_PADDING : RSA_PKCS1_PADDING);
	if (!k->fails)
		assert_int_equal(EVP_PKEY_sign(c, sig, &n, (const uint8_t *)a->input, a->n), 1);
	EVP_PKEY_CTX_free(c);
	k->n_signed++;
	tls_sign_done(a->s, (str){ (const char *)sig, n });
}

static inline void on_answer(void *arg)
{
	struct keeper *k = arg;
	for (size_t i = 0; i < k->n_asked; i++)
		answer(k, &k->asked[i]);
	k->n_asked = 0;
}

static inline err on_sign(void *arg, struct tls_sign *s, enum tls_sign_kind kind, const uint8_t key[32], str input)
{
	struct keeper *k = arg;
	uint8_t id[32], *der = NULL;
	int n = i2d_PUBKEY(k->key, &der);
	EVP_Digest(der, (size_t)n, id, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	assert_memory_equal(id, key, 32);
	if (k->refuses)
		return ERR(BUSY);
	assert_true(k->n_asked < ASKED_MAX && input.n <= sizeof(k->asked[0].input));
	struct asked *a = &k->asked[k->n_asked++];
	a->s = s;
	a->kind = kind;
	a->n = input.n;
	memcpy(a->input, input.p, input.n);
	k->most = k->n_asked > k->most ? k->n_asked : k->most;
	if (!k->is_silent)
		loop_defer(k->loop, &k->task, on_answer, k);
	return OK;
}

static inline void on_forget(void *arg, struct tls_sign *s)
{
	struct keeper *k = arg;
	k->n_forgotten++;
	for (size_t i = 0; i < k->n_asked; i++)
		if (k->asked[i].s == s) {
			k->asked[i] = k->asked[--k->n_asked];
			return;
		}
	fail_msg("forgets what was not asked");
}

/* ---- a world: one loop, a CA, a server ---- */

struct world {
	struct loop *loop;
	struct keeper keeper;
	struct made ca, leaf;
	struct tls_server *server;
	char ticket_keys[80];
};

static inline struct tls_config config_of(struct world *w, struct made *leaf, bool asks)
{
	return (struct tls_config){
		.chain_pem = str_of(leaf->pem),
		.ca_pem = asks ? str_of(w->ca.pem) : STR(""),
		.ticket_keys = w->ticket_keys,
		.signer = { on_sign, on_forget, &w->keeper },
	};
}

static inline void open_world(struct world *w, const struct wish *leaf, bool asks)
{
	struct diag d = { 0 };
	memset(w, 0, sizeof(*w));
	memset(w->ticket_keys, 'k', sizeof(w->ticket_keys));
	assert_false(failed(loop_new(&w->loop)));
	make(&w->ca, &CA(), NULL);
	make(&w->leaf, leaf, &w->ca);
	w->keeper.loop = w->loop;
	w->keeper.key = w->leaf.key;
	struct tls_config c = config_of(w, &w->leaf, asks);
	err e = tls_server_new(&c, w->loop, &w->server, &d);
	if (failed(e))
		fail_msg("%s: %s", e.def->name, d.what);
}

static inline void close_world(struct world *w)
{
	tls_server_unref(w->server);
	assert_int_equal(w->keeper.n_asked, 0);
	loop_undefer(&w->keeper.task);
	loop_free(w->loop);
	unmake(&w->leaf);
	unmake(&w->ca);
}

static inline void on_stop(void *arg)
{
	loop_stop(arg);
}

static inline void turn(struct world *w)
{
	struct loop_task stop = { 0 };
	loop_defer(w->loop, &stop, on_stop, w->loop);
	loop_run(w->loop);
}

/* Our end of a connection. */
struct end {
	struct tls *t;
	int fd;
	bool is_waiting;
	int resumed;
	enum tls_io io;
};

static inline void on_resumed(void *arg)
{
	struct end *e = arg;
	assert_true(e->is_waiting);
	e->is_waiting = false;
	e->resumed++;
}

static inline void step_end(struct end *e)
{
	if (e->is_waiting || e->io == TLS_DONE || e->io == TLS_FAILED || e->io == TLS_END)
		return;
	e->io = tls_handshake(e->t);
	e->is_waiting = e->io == TLS_WAIT;
}

static inline void socket_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
}

/* The other end: OpenSSL as it is. */
struct peer {
	SSL_CTX *ctx;
	SSL *ssl;
	SSL_SESSION *session; /* the newest ticket */
	int fd;
	int r;
};

static inline int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct peer *p = SSL_get_app_data(ssl);
	SSL_SESSION_free(p->session);
	p->session = session;
	return 1;
}

static inline void open_peer(struct peer *p, struct world *w, int version)
{
	*p = (struct peer){ .ctx = SSL_CTX_new(TLS_client_method()), .fd = -1 };
	SSL_CTX_set_max_proto_version(p->ctx, version);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(p->ctx), w->ca.cert);
	SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(p->ctx, on_session);
}

static inline void connect_peer(struct peer *p, int fd)
{
	p->fd = fd;
	p->r = 0;
	p->ssl = SSL_new(p->ctx);
	SSL_set_app_data(p->ssl, p);
	SSL_set_fd(p->ssl, fd);
	SSL_set_connect_state(p->ssl);
	char name[] = "sip.example.com"; /* OpenSSL's macro takes away const */
	SSL_set_tlsext_host_name(p->ssl, name);
	if (p->session != NULL)
		SSL_set_session(p->ssl, p->session);
}

static inline void hang_up(struct peer *p)
{
	/* Otherwise OpenSSL takes it for broken off, and the session for bad. */
	SSL_set_shutdown(p->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(p->ssl);
	p->ssl = NULL;
	close(p->fd);
}

static inline void close_peer(struct peer *p)
{
	SSL_SESSION_free(p->session);
	SSL_CTX_free(p->ctx);
}

static inline void accept_end(struct end *e, struct tls_server *s, int fd)
{
	*e = (struct end){ .fd = fd, .io = TLS_WANT_READ };
	assert_false(failed(tls_accept(s, fd, on_resumed, e, &e->t)));
}

static inline void close_end(struct end *e)
{
	tls_free(e->t);
	close(e->fd);
	e->t = NULL;
}

static inline void shake(struct world *w, struct end *e, struct peer *p)
{
	int fd[2];
	socket_pair(fd);
	accept_end(e, w->server, fd[0]);
	connect_peer(p, fd[1]);
	for (int i = 0; i < 50 && !(e->io == TLS_DONE && p->r == 1); i++) {
		ERR_clear_error();
		if (p->r != 1)
			p->r = SSL_do_handshake(p->ssl);
		step_end(e);
		turn(w);
		if (e->io == TLS_FAILED || e->io == TLS_END)
			return;
	}
}

static inline void expect_echo(struct end *e, struct peer *p)
{
	char in[64];
	size_t n = 0;
	assert_int_equal(SSL_write(p->ssl, "hello", 5), 5);
	assert_int_equal(tls_read(e->t, in, sizeof(in), &n), TLS_DONE);
	assert_int_equal(n, 5);
	assert_false(tls_has_pending(e->t));
	assert_int_equal(tls_read(e->t, in, sizeof(in), &n), TLS_WANT_READ);
	assert_int_equal(tls_write(e->t, STR("there"), &n), TLS_DONE);
	assert_int_equal(n, 5);
	assert_int_equal(SSL_read(p->ssl, in, sizeof(in)), 5);
	assert_memory_equal(in, "there", 5);
}

static inline void on_name(void *arg, str name)
{
	buf_add(arg, name);
	buf_add_char(arg, ';');
}

/* Both ends are ours. */
static inline void mutual(struct world *w, str name, struct end *s, struct end *c)
{
	int fd[2];
	socket_pair(fd);
	accept_end(s, w->server, fd[0]);
	*c = (struct end){ .fd = fd[1], .io = TLS_WANT_READ };
	assert_false(failed(tls_connect(w->server, fd[1], name, on_resumed, c, &c->t)));
	for (int i = 0; i < 40; i++) {
		step_end(c);
		step_end(s);
		turn(w);
	}
}

#endif
