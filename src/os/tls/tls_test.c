/* SPDX-License-Identifier: Apache-2.0 */
#include "os/tls/tls_world.h"

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
		cmocka_unit_test(long_streams),
		cmocka_unit_test(bad_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
