/* SPDX-License-Identifier: Apache-2.0 */
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

static void add_ext(X509 *x, X509 *issuer, int nid, const char *value)
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

static void make(struct made *m, const struct wish *w, struct made *ca)
{
	m->key = w->bits != 0 ? EVP_RSA_gen(w->bits) : EVP_EC_gen(w->curve != NULL ? w->curve : "P-256");
	m->cert = X509_new();
	X509 *x = m->cert;
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1 + rand() % 1000000);
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

static void unmake(struct made *m)
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

static void answer(struct keeper *k, struct asked *a)
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

static void on_answer(void *arg)
{
	struct keeper *k = arg;
	for (size_t i = 0; i < k->n_asked; i++)
		answer(k, &k->asked[i]);
	k->n_asked = 0;
}

static err on_sign(void *arg, struct tls_sign *s, enum tls_sign_kind kind, const uint8_t key[32], str input)
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

static void on_forget(void *arg, struct tls_sign *s)
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

static struct tls_config config_of(struct world *w, struct made *leaf, bool asks)
{
	return (struct tls_config){
		.chain_pem = str_of(leaf->pem),
		.ca_pem = asks ? str_of(w->ca.pem) : STR(""),
		.ticket_keys = w->ticket_keys,
		.signer = { on_sign, on_forget, &w->keeper },
	};
}

static void open_world(struct world *w, const struct wish *leaf, bool asks)
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

static void close_world(struct world *w)
{
	tls_server_unref(w->server);
	assert_int_equal(w->keeper.n_asked, 0);
	loop_undefer(&w->keeper.task);
	loop_free(w->loop);
	unmake(&w->leaf);
	unmake(&w->ca);
}

static void on_stop(void *arg)
{
	loop_stop(arg);
}

static void turn(struct world *w)
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

static void on_resumed(void *arg)
{
	struct end *e = arg;
	assert_true(e->is_waiting);
	e->is_waiting = false;
	e->resumed++;
}

static void step_end(struct end *e)
{
	if (e->is_waiting || e->io == TLS_DONE || e->io == TLS_FAILED || e->io == TLS_END)
		return;
	e->io = tls_handshake(e->t);
	e->is_waiting = e->io == TLS_WAIT;
}

static void socket_pair(int fd[2])
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

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct peer *p = SSL_get_app_data(ssl);
	SSL_SESSION_free(p->session);
	p->session = session;
	return 1;
}

static void open_peer(struct peer *p, struct world *w, int version)
{
	*p = (struct peer){ .ctx = SSL_CTX_new(TLS_client_method()), .fd = -1 };
	SSL_CTX_set_max_proto_version(p->ctx, version);
	X509_STORE_add_cert(SSL_CTX_get_cert_store(p->ctx), w->ca.cert);
	SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(p->ctx, on_session);
}

static void connect_peer(struct peer *p, int fd)
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

static void hang_up(struct peer *p)
{
	/* Otherwise OpenSSL takes it for broken off, and the session for bad. */
	SSL_set_shutdown(p->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(p->ssl);
	p->ssl = NULL;
	close(p->fd);
}

static void close_peer(struct peer *p)
{
	SSL_SESSION_free(p->session);
	SSL_CTX_free(p->ctx);
}

static void accept_end(struct end *e, struct tls_server *s, int fd)
{
	*e = (struct end){ .fd = fd, .io = TLS_WANT_READ };
	assert_false(failed(tls_accept(s, fd, on_resumed, e, &e->t)));
}

static void close_end(struct end *e)
{
	tls_free(e->t);
	close(e->fd);
	e->t = NULL;
}

static void shake(struct world *w, struct end *e, struct peer *p)
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

static void expect_echo(struct end *e, struct peer *p)
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

/* ---- tests ---- */

static void check_kind(const struct wish *leaf, int version, const char *cipher)
{
	struct world w;
	struct end e;
	struct peer p;
	open_world(&w, leaf, false);
	open_peer(&p, &w, version);
	shake(&w, &e, &p);
	if (e.io != TLS_DONE)
		fail_msg("%s: %s", cipher, tls_error(e.t));
	assert_int_equal(p.r, 1);
	assert_string_equal(tls_cipher(e.t), cipher);
	assert_int_equal(e.resumed, 1);
	assert_int_equal(w.keeper.n_signed, 1);
	assert_false(tls_resumed(e.t));
	expect_echo(&e, &p);

	/* Again with the ticket: no signature, and another tls_server with the same ticket keys takes it too. */
	hang_up(&p);
	close_end(&e);
	assert_non_null(p.session);
	struct tls_config c = config_of(&w, &w.leaf, false);
	struct tls_server *second;
	assert_false(failed(tls_server_new(&c, w.loop, &second, NULL)));
	tls_server_unref(w.server);
	w.server = second;
	shake(&w, &e, &p);
	assert_int_equal(e.io, TLS_DONE);
	assert_true(tls_resumed(e.t));
	assert_int_equal(w.keeper.n_signed, 1);
	expect_echo(&e, &p);
	hang_up(&p);
	close_end(&e);
	close_peer(&p);
	close_world(&w);
}

static void kinds_of_keys(void **state)
{
	check_kind(&LEAF(), TLS1_3_VERSION, "TLSv1.3 TLS_AES_128_GCM_SHA256");
	check_kind(&LEAF(), TLS1_2_VERSION, "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256");
	check_kind(&LEAF(.curve = "P-384"), TLS1_3_VERSION, "TLSv1.3 TLS_AES_128_GCM_SHA256");
	check_kind(&LEAF(.curve = "P-384"), TLS1_2_VERSION, "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256");
	check_kind(&LEAF(.bits = 2048), TLS1_3_VERSION, "TLSv1.3 TLS_AES_128_GCM_SHA256");
	check_kind(&LEAF(.bits = 2048), TLS1_2_VERSION, "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256");
}

/* TLS 1.2 with a PKCS#1 signature, which TLS 1.3 and peers that offer PSS never ask for. */
static void rsa_pkcs1(void **state)
{
	struct world w;
	struct end e;
	struct peer p;
	open_world(&w, &LEAF(.bits = 3072), false);
	open_peer(&p, &w, TLS1_2_VERSION);
	char algorithms[] = "RSA+SHA256:ECDSA+SHA256";
	assert_int_equal(SSL_CTX_set1_sigalgs_list(p.ctx, algorithms), 1);
	shake(&w, &e, &p);
	assert_int_equal(e.io, TLS_DONE);
	expect_echo(&e, &p);
	hang_up(&p);
	close_end(&e);
	close_peer(&p);
	close_world(&w);
}

/* A server with other ticket keys does not know the ticket, and shakes hands in full. */
static void foreign_ticket(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	for (size_t i = 0; i < 4; i++) { /* of another key; of a listener that lets people in, where servers alone are let in */
		struct world w;
		struct end e;
		struct peer p;
		open_world(&w, &LEAF(), false);
		open_peer(&p, &w, versions[i % 2]);
		shake(&w, &e, &p);
		expect_echo(&e, &p);
		hang_up(&p), close_end(&e);
		assert_non_null(p.session);
		memset(w.ticket_keys, i < 2 ? 'j' : w.ticket_keys[0], sizeof(w.ticket_keys));
		struct tls_config c = config_of(&w, &w.leaf, i >= 2);
		c.peers = i < 2 ? TLS_PEERS_SERVERS : TLS_PEERS_SERVERS_ONLY;
		tls_server_unref(w.server);
		assert_false(failed(tls_server_new(&c, w.loop, &w.server, NULL)));
		shake(&w, &e, &p);
		assert_int_equal(e.io, i < 2 ? TLS_DONE : TLS_FAILED);
		assert_false(tls_resumed(e.t));
		assert_int_equal(w.keeper.n_signed, 2);
		hang_up(&p);
		close_end(&e);
		close_peer(&p);
		close_world(&w);
	}
}

/* TLS 1.2: a peer that wants to shake hands again costs no signature. */
static void no_renegotiation(void **state)
{
	struct world w;
	struct end e;
	struct peer p;
	char in[16];
	size_t n;
	open_world(&w, &LEAF(), false);
	open_peer(&p, &w, TLS1_2_VERSION);
	shake(&w, &e, &p);
	expect_echo(&e, &p);
	assert_int_equal(SSL_renegotiate(p.ssl), 1);
	for (int i = 0; i < 5; i++) {
		ERR_clear_error();
		(void)SSL_do_handshake(p.ssl);
		enum tls_io io = tls_read(e.t, in, sizeof(in), &n);
		assert_true(io != TLS_DONE && io != TLS_WAIT);
		turn(&w);
	}
	assert_int_equal(w.keeper.n_signed, 1);
	hang_up(&p);
	close_end(&e);
	close_peer(&p);
	close_world(&w);
}

/* The intermediate certificate is sent along; the peer knows the root only. */
static void intermediate(void **state)
{
	struct world w;
	struct end e;
	struct peer p;
	struct made middle, leaf;
	char chain[16384];
	open_world(&w, &LEAF(), false);
	make(&middle, &CA(.cn = "Middle CA"), &w.ca);
	make(&leaf, &LEAF(), &middle);
	snprintf(chain, sizeof(chain), "%s%s", leaf.pem, middle.pem);
	struct tls_config c = config_of(&w, &leaf, false);
	c.chain_pem = str_of(chain);
	w.keeper.key = leaf.key;
	tls_server_unref(w.server);
	assert_false(failed(tls_server_new(&c, w.loop, &w.server, NULL)));
	open_peer(&p, &w, TLS1_3_VERSION);
	shake(&w, &e, &p);
	assert_int_equal(e.io, TLS_DONE);
	assert_int_equal(p.r, 1);
	assert_int_equal(SSL_get_verify_result(p.ssl), X509_V_OK);
	hang_up(&p);
	close_end(&e);
	close_peer(&p);
	close_world(&w);
	unmake(&leaf);
	unmake(&middle);
}

static void old_is_refused(void **state)
{
	struct world w;
	struct end e;
	struct peer p;
	open_world(&w, &LEAF(), false);
	open_peer(&p, &w, TLS1_1_VERSION);
	SSL_CTX_set_security_level(p.ctx, 0);
	shake(&w, &e, &p);
	assert_int_equal(e.io, TLS_FAILED);
	assert_string_equal(tls_error(e.t), "unsupported protocol");
	hang_up(&p);
	close_end(&e);
	close_peer(&p);
	open_peer(&p, &w, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(p.ctx, "ECDHE-ECDSA-AES128-SHA256");
	shake(&w, &e, &p);
	assert_int_equal(e.io, TLS_FAILED);
	assert_string_equal(tls_error(e.t), "no shared cipher");
	hang_up(&p);
	close_end(&e);
	close_peer(&p);
	close_world(&w);
}

static void garbage(void **state)
{
	struct world w;
	struct end e;
	int fd[2];
	open_world(&w, &LEAF(), false);
	socket_pair(fd);
	accept_end(&e, w.server, fd[0]);
	assert_int_equal(write(fd[1], "REGISTER sip:example.com SIP/2.0\r\n\r\n", 36), 36);
	step_end(&e);
	assert_int_equal(e.io, TLS_FAILED);
	assert_true(strlen(tls_error(e.t)) > 3);
	assert_string_equal(tls_cipher(e.t), "none");
	assert_int_equal(tls_handshake(e.t), TLS_FAILED);
	close_end(&e);
	close(fd[1]);
	/* Gone before it said anything. */
	socket_pair(fd);
	accept_end(&e, w.server, fd[0]);
	close(fd[1]);
	step_end(&e);
	assert_int_equal(e.io, TLS_END);
	close_end(&e);
	close_world(&w);
}

static void signature_fails(void **state)
{
	static const struct { bool refuses, fails; } rows[] = { { true, false }, { false, true } };
	for (size_t i = 0; i < 2; i++) {
		struct world w;
		struct end e;
		struct peer p;
		open_world(&w, &LEAF(), false);
		w.keeper.refuses = rows[i].refuses;
		w.keeper.fails = rows[i].fails;
		open_peer(&p, &w, TLS1_3_VERSION);
		shake(&w, &e, &p);
		assert_int_equal(e.io, TLS_FAILED);
		hang_up(&p);
		close_end(&e);
		close_peer(&p);
		close_world(&w);
	}
}

/* Freed while the signature is under way; answered but not gone on with; and at each step before. */
static void freed_in_every_state(void **state)
{
	for (int steps = 0; steps < 8; steps++)
		for (int silent = 0; silent < 2; silent++) {
			struct world w;
			struct end e;
			struct peer p;
			int fd[2];
			open_world(&w, &LEAF(), false);
			w.keeper.is_silent = silent == 1;
			open_peer(&p, &w, TLS1_3_VERSION);
			socket_pair(fd);
			accept_end(&e, w.server, fd[0]);
			connect_peer(&p, fd[1]);
			for (int i = 0; i < steps; i++) {
				if (i % 3 == 0)
					SSL_do_handshake(p.ssl);
				else if (i % 3 == 1)
					step_end(&e);
				else
					turn(&w);
			}
			if (silent == 1 && steps >= 2) {
				assert_int_equal(w.keeper.n_asked, 1);
				close_end(&e);
				assert_int_equal(w.keeper.n_forgotten, 1);
			} else {
				close_end(&e);
			}
			hang_up(&p);
			close_peer(&p);
			turn(&w);
			close_world(&w);
		}
}

/* The answer has been stored, resume is deferred, and the connection goes in the same turn. */
static void freed_between_answer_and_resume(void **state)
{
	struct world w;
	struct end e;
	struct peer p;
	int fd[2];
	open_world(&w, &LEAF(), false);
	w.keeper.is_silent = true;
	open_peer(&p, &w, TLS1_3_VERSION);
	socket_pair(fd);
	accept_end(&e, w.server, fd[0]);
	connect_peer(&p, fd[1]);
	SSL_do_handshake(p.ssl);
	step_end(&e);
	assert_int_equal(e.io, TLS_WAIT);
	assert_int_equal(tls_handshake(e.t), TLS_WAIT); /* too early: nothing changes */
	assert_int_equal(w.keeper.n_asked, 1);
	on_answer(&w.keeper);
	assert_int_equal(e.resumed, 0);
	close_end(&e);
	assert_int_equal(w.keeper.n_forgotten, 0);
	turn(&w);
	hang_up(&p);
	close_peer(&p);
	close_world(&w);
}

/* A certificate is replaced while a connection lives and another one waits for its signature. */
static void replaced(void **state)
{
	struct world w;
	struct end e, late;
	struct peer p, q;
	int fd[2];
	struct made next;
	open_world(&w, &LEAF(), false);
	open_peer(&p, &w, TLS1_3_VERSION);
	open_peer(&q, &w, TLS1_3_VERSION);
	shake(&w, &e, &p);
	assert_int_equal(e.io, TLS_DONE);
	w.keeper.is_silent = true;
	socket_pair(fd);
	accept_end(&late, w.server, fd[0]);
	connect_peer(&q, fd[1]);
	SSL_do_handshake(q.ssl);
	step_end(&late);
	assert_int_equal(late.io, TLS_WAIT);

	make(&next, &LEAF(.san = "DNS:new.example.com", .to = 500 * HOUR), &w.ca);
	struct tls_config c = config_of(&w, &next, false);
	struct tls_server *second;
	assert_false(failed(tls_server_new(&c, w.loop, &second, NULL)));
	assert_true(tls_server_expires(second) > tls_server_expires(w.server) + 399 * HOUR);
	tls_server_unref(w.server);
	w.server = second;
	expect_echo(&e, &p);
	on_answer(&w.keeper);
	turn(&w);
	step_end(&late);
	assert_int_equal(SSL_do_handshake(q.ssl), 1);
	step_end(&late);
	assert_int_equal(late.io, TLS_DONE);
	expect_echo(&late, &q);
	hang_up(&q);
	close_end(&late);
	close_peer(&q);

	/* A new connection gets the new one, signed with the new key. */
	w.keeper.is_silent = false;
	w.keeper.key = next.key;
	open_peer(&q, &w, TLS1_3_VERSION);
	shake(&w, &late, &q);
	assert_int_equal(late.io, TLS_DONE);
	X509 *shown = SSL_get0_peer_certificate(q.ssl);
	assert_int_equal(X509_check_host(shown, "new.example.com", 0, 0, NULL), 1);
	hang_up(&q);
	close_end(&late);
	close_peer(&q);
	hang_up(&p);
	close_end(&e);
	close_peer(&p);
	close_world(&w);
	unmake(&next);
}

static void starving(void **state)
{
	enum { N = 150 };
	struct world w;
	static struct end e[N];
	static struct peer p[N];
	int done = 0;
	open_world(&w, &LEAF(), false);
	for (int i = 0; i < N; i++) {
		int fd[2];
		socket_pair(fd);
		open_peer(&p[i], &w, TLS1_3_VERSION);
		accept_end(&e[i], w.server, fd[0]);
		connect_peer(&p[i], fd[1]);
	}
	w.keeper.is_silent = true;
	for (int round = 0; round < 20 && done < N; round++) {
		for (int i = 0; i < N; i++) {
			ERR_clear_error();
			if (p[i].r != 1)
				p[i].r = SSL_do_handshake(p[i].ssl);
			step_end(&e[i]);
		}
		if (round == 0) {
			assert_int_equal(w.keeper.n_asked, 64);
			close_end(&e[0]); /* one that is being signed, one that waits for its turn */
			close_end(&e[140]);
			w.keeper.is_silent = false;
			loop_defer(w.loop, &w.keeper.task, on_answer, &w.keeper);
			e[0].io = e[140].io = TLS_END;
			done = 2;
		}
		turn(&w);
		done = 2;
		for (int i = 0; i < N; i++)
			done += e[i].io == TLS_DONE;
	}
	assert_int_equal(done, N);
	assert_true(w.keeper.most <= 64);
	for (int i = 0; i < N; i++) {
		hang_up(&p[i]);
		close_peer(&p[i]);
		if (e[i].t != NULL)
			close_end(&e[i]);
	}
	close_world(&w);
}

static void on_name(void *arg, str name)
{
	buf_add(arg, name);
	buf_add_char(arg, ';');
}

/* Both ends are ours. */
static void mutual(struct world *w, str name, struct end *s, struct end *c)
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

static void servers_of_one_ca(void **state)
{
	struct world w;
	struct end s, c;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 1000);
	open_world(&w, &LEAF(), true);
	mutual(&w, STR("sip.example.com"), &s, &c);
	assert_int_equal(s.io, TLS_DONE);
	assert_int_equal(c.io, TLS_DONE);
	assert_int_equal(w.keeper.n_signed, 2);
	assert_true(tls_peer_names(s.t, on_name, &b));
	assert_true(str_eq(buf_str(&b), STR("a.example.com;sip.example.com;")));
	assert_true(tls_peer_names(c.t, on_name, &b));
	uint8_t x[32], y[32]; /* what both sides have, and nobody between them */
	assert_true(!failed(tls_binding(s.t, x)) && !failed(tls_binding(c.t, y)) && memcmp(x, y, 32) == 0);
	assert_true(!failed(tls_leaf_hash(s.t, false, x)) && !failed(tls_leaf_hash(c.t, true, y)) && memcmp(x, y, 32) == 0);
	close_end(&c);
	size_t n, in[1];
	assert_int_equal(tls_read(s.t, in, sizeof(in), &n), TLS_END);
	close_end(&s);
	/* Another name than those of the certificate. */
	mutual(&w, STR("b.example.com"), &s, &c);
	assert_int_equal(c.io, TLS_FAILED);
	assert_string_equal(tls_error(c.t), "hostname mismatch");
	close_end(&c);
	close_end(&s);
	mutual(&w, STR("192.0.2.1"), &s, &c);
	assert_string_equal(tls_error(c.t), "IP address mismatch");
	close_end(&c);
	close_end(&s);
	close_world(&w);
}

/* Somebody who shows a certificate that proves nothing to us is served as anybody, and is nobody. */
static void stranger(void **state)
{
	static const char *const eku[] = { "clientAuth", "serverAuth", NULL };
	for (size_t i = 0; i < 3; i++) {
		struct world w;
		struct end e;
		struct peer p;
		struct made ca, leaf = { 0 };
		open_world(&w, &LEAF(), true);
		make(&ca, &CA(.cn = "Other CA"), NULL);
		open_peer(&p, &w, TLS1_3_VERSION);
		if (eku[i] != NULL) {
			make(&leaf, &LEAF(.eku = eku[i]), i == 0 ? &w.ca : &ca); /* a person's; or of a foreign CA */
			SSL_CTX_use_certificate(p.ctx, leaf.cert);
			SSL_CTX_use_PrivateKey(p.ctx, leaf.key);
		}
		shake(&w, &e, &p);
		assert_int_equal(e.io, TLS_DONE);
		assert_false(tls_peer_names(e.t, on_name, NULL));
		expect_echo(&e, &p);
		if (eku[i] != NULL)
			assert_null(p.session); /* no ticket that would carry the certificate */
		else
			assert_non_null(p.session);
		hang_up(&p);
		close_end(&e);
		close_peer(&p);
		unmake(&leaf);
		unmake(&ca);
		close_world(&w);
	}
}

static void people(void **state)
{
	const struct {
		const char *eku;  /* NULL: no certificate is shown */
		bool is_foreign;
		long to;
		const char *error; /* NULL: let in */
		bool only_servers;
	} rows[] = { { NULL, false, 0, NULL }, { "clientAuth", false, 0, NULL }, { "clientAuth", true, 0, "unable to get local issuer certificate" },
		{ "clientAuth", false, -60, "certificate has expired" }, { "serverAuth", false, 0, "unsuitable certificate purpose" },
		{ NULL, false, 0, "peer did not return a certificate", true }, { "serverAuth", false, 0, NULL, true },
		{ "serverAuth", true, 0, "unable to get local issuer certificate", true }, { "clientAuth", false, 0, "unsuitable certificate purpose", true } };
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct world w;
		struct end e;
		struct peer p;
		struct made ca, leaf = { 0 };
		char der[2048];
		size_t n;
		open_world(&w, &LEAF(), true);
		struct tls_config c = config_of(&w, &w.leaf, true);
		c.peers = rows[i / 2].only_servers ? TLS_PEERS_SERVERS_ONLY : TLS_PEERS_PEOPLE;
		tls_server_unref(w.server);
		assert_false(failed(tls_server_new(&c, w.loop, &w.server, NULL)));
		make(&ca, &CA(.cn = "Other CA"), NULL);
		open_peer(&p, &w, i % 2 == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
		if (rows[i / 2].eku != NULL) {
			make(&leaf, &LEAF(.eku = rows[i / 2].eku, .to = rows[i / 2].to), rows[i / 2].is_foreign ? &ca : &w.ca);
			SSL_CTX_use_certificate(p.ctx, leaf.cert);
			SSL_CTX_use_PrivateKey(p.ctx, leaf.key);
		}
		shake(&w, &e, &p);
		assert_int_equal(e.io, rows[i / 2].error != NULL ? TLS_FAILED : TLS_DONE);
		assert_int_equal(tls_refused_peer(e.t), rows[i / 2].error != NULL && rows[i / 2].eku != NULL);
		if (rows[i / 2].error != NULL)
			assert_string_equal(tls_error(e.t), rows[i / 2].error);
		assert_int_equal(!failed(tls_peer_certificate(e.t, der, sizeof(der), &n)), rows[i / 2].error == NULL && rows[i / 2].eku != NULL);
		assert_true(i / 2 != 1 || (n == (size_t)i2d_X509(leaf.cert, NULL) && err_is(tls_peer_certificate(e.t, der, n - 1, &n), ERR_CEILING)));
		hang_up(&p), close_end(&e), close_peer(&p), unmake(&leaf), unmake(&ca), close_world(&w);
	}
}

static void long_streams(void **state)
{
	struct world w;
	struct end e;
	struct peer p;
	open_world(&w, &LEAF(), false);
	open_peer(&p, &w, TLS1_3_VERSION);
	shake(&w, &e, &p);
	static char out[300000], in[300000];
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7 + i / 251);
	size_t put = 0, got = 0, n;
	int blocked = 0;
	while (got < sizeof(in)) {
		/* Another address each time, as from a buffer that has moved. */
		size_t len = sizeof(out) - put;
		char *copy = malloc(len + 1);
		memcpy(copy, out + put, len);
		enum tls_io io = tls_write(e.t, (str){ copy, len }, &n);
		free(copy);
		assert_true(io == TLS_DONE || io == TLS_WANT_WRITE);
		put += n;
		blocked += io == TLS_WANT_WRITE;
		if (io == TLS_WANT_WRITE || put == sizeof(out)) {
			int r = SSL_read(p.ssl, in + got, (int)(sizeof(in) - got));
			got += r > 0 ? (size_t)r : 0;
		}
	}
	assert_true(blocked > 0);
	assert_memory_equal(in, out, sizeof(in));

	/* Three records in one read: what the first read leaves is told. */
	char small[4];
	for (int i = 0; i < 3; i++)
		SSL_write(p.ssl, "abcdefgh", 8);
	for (int i = 0; i < 6; i++) {
		assert_true(i == 0 || tls_has_pending(e.t));
		assert_int_equal(tls_read(e.t, small, sizeof(small), &n), TLS_DONE);
		assert_int_equal(n, 4);
	}
	assert_int_equal(tls_read(e.t, small, sizeof(small), &n), TLS_WANT_READ);
	assert_false(tls_has_pending(e.t));
	hang_up(&p);
	assert_int_equal(tls_read(e.t, small, sizeof(small), &n), TLS_END);
	close_end(&e);
	close_peer(&p);
	close_world(&w);
}

static void expect_refusal(struct world *w, str chain, str ca, const char *error, const char *what)
{
	struct diag d = { 0 };
	struct tls_server *s = NULL;
	struct tls_config c = config_of(w, &w->leaf, false);
	c.chain_pem = chain;
	c.ca_pem = ca;
	err e = tls_server_new(&c, w->loop, &s, &d);
	assert_true(failed(e));
	assert_string_equal(e.def->name, error);
	if (strstr(d.what, what) == NULL)
		fail_msg("%s", d.what);
	assert_true(d.where[0] != '\0' && d.remedy[0] != '\0');
}

static void bad_certificates(void **state)
{
	static const struct {
		struct wish wish;
		const char *what;
	} rows[] = {
		{ LEAF(.bits = 1024), "1024 bits" },
		{ LEAF(.curve = "secp256k1"), "another kind" },
		{ LEAF(.eku = "clientAuth"), "not meant for servers" },
		{ LEAF(.from = -2 * HOUR, .to = -HOUR), "expired" },
		{ LEAF(.from = HOUR), "not valid yet" },
	};
	struct world w;
	struct made m;
	open_world(&w, &LEAF(), false);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make(&m, &rows[i].wish, &w.ca);
		expect_refusal(&w, str_of(m.pem), STR(""), "REFUSED", rows[i].what);
		unmake(&m);
	}
	expect_refusal(&w, STR(""), STR(""), "MALFORMED", "no certificate");
	expect_refusal(&w, STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), STR(""), "MALFORMED", "certificate 1");
	expect_refusal(&w, str_of(w.leaf.pem), STR("nonsense"), "MALFORMED", "no certificate");
	char both[16384];
	snprintf(both, sizeof(both), "%s%s", w.ca.pem, w.leaf.pem);
	expect_refusal(&w, str_of(both), STR(""), "MALFORMED", "not issued");
	snprintf(both, sizeof(both), "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", w.leaf.pem);
	expect_refusal(&w, str_of(both), STR(""), "MALFORMED", "certificate 2");
	make(&m, &CA(), NULL);
	expect_refusal(&w, str_of(m.pem), STR(""), "REFUSED", "not meant for servers");
	unmake(&m);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_of_keys),
		cmocka_unit_test(rsa_pkcs1),
		cmocka_unit_test(foreign_ticket),
		cmocka_unit_test(no_renegotiation),
		cmocka_unit_test(intermediate),
		cmocka_unit_test(old_is_refused),
		cmocka_unit_test(garbage),
		cmocka_unit_test(signature_fails),
		cmocka_unit_test(freed_in_every_state),
		cmocka_unit_test(freed_between_answer_and_resume),
		cmocka_unit_test(replaced),
		cmocka_unit_test(starving),
		cmocka_unit_test(servers_of_one_ca),
		cmocka_unit_test(stranger),
		cmocka_unit_test(people),
		cmocka_unit_test(long_streams),
		cmocka_unit_test(bad_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
