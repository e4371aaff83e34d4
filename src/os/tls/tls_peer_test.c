/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that peers show. */
#include "os/tls/tls_world.h"

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
	size_t n;
	char in[8];
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

/* ---- a judge of ours ---- */

struct court {
	unsigned n_asked;
	bool refuses;
	enum tls_fault fault;
	size_t n;
	bool is_ours;
	enum tls_peers peers;
	char name[64], first[2048];
};

static err on_judge(void *arg, const struct tls_shown *shown, char name[TLS_NAME], struct tls_refusal *out)
{
	struct court *c = arg;
	c->n_asked++;
	c->n = shown->chain.n;
	c->is_ours = shown->is_ours;
	c->peers = shown->peers;
	(void)str_to_z(shown->name, c->name, sizeof(c->name));
	memcpy(c->first, shown->chain.p, shown->chain.n < sizeof(c->first) ? shown->chain.n : sizeof(c->first));
	(void)snprintf(name, TLS_NAME, "proven.example");
	if (!c->refuses)
		return OK;
	*out = (struct tls_refusal){ .fault = c->fault, .word = "because", .why = "because of this" };
	return ERR(REFUSED);
}

static void set_judge(struct world *w, struct court *c, enum tls_peers peers)
{
	struct tls_config config = config_of(w, &w->leaf, true);
	config.judge = (struct tls_judge){ on_judge, c };
	config.peers = peers;
	tls_server_unref(w->server);
	assert_false(failed(tls_server_new(&config, w->loop, &w->server, NULL)));
}

static void a_judge_is_asked_about_whom_we_dial(void **state)
{
	struct world w;
	struct end s, c;
	struct court court = { 0 };
	static const char *const names[] = { "sip.example.com", "192.0.2.1", "anything.example" };
	open_world(&w, &LEAF(), true);
	set_judge(&w, &court, TLS_PEERS_SERVERS);
	for (size_t i = 0; i < 3; i++) { /* the judge alone decides on names */
		court.n_asked = 0;
		mutual(&w, str_of(names[i]), &s, &c);
		assert_int_equal(c.io, TLS_DONE);
		assert_int_equal(court.n_asked, 2); /* first by who connects, then by the other end */
		assert_int_equal(court.n, i2d_X509(w.leaf.cert, NULL));
		assert_false(court.is_ours);
		assert_string_equal(court.name, "");
		assert_false(failed(tls_judge_again(c.t)));
		assert_true(court.is_ours && court.n_asked == 3);
		assert_string_equal(court.name, names[i]);
		assert_int_equal(court.n, i2d_X509(w.leaf.cert, NULL));
		close_end(&c);
		close_end(&s);
	}
	court.refuses = true;
	mutual(&w, STR("sip.example.com"), &s, &c);
	assert_int_equal(c.io, TLS_FAILED);
	assert_string_equal(tls_error(c.t), "because of this");
	assert_string_equal(tls_peer_refusal(c.t)->word, "because");
	close_end(&c);
	close_end(&s);
	close_world(&w);
}

/* At a port for servers whoever is refused is nobody; he is told so where people prove themselves. */
static void a_judge_is_asked_about_who_connects(void **state)
{
	static const struct {
		enum tls_peers peers;
		bool refuses, is_in;
	} rows[] = { { TLS_PEERS_SERVERS, false, true }, { TLS_PEERS_SERVERS, false, true }, { TLS_PEERS_SERVERS, true, true }, { TLS_PEERS_PEOPLE, false, true }, { TLS_PEERS_PEOPLE, true, false },
		{ TLS_PEERS_GUESTS, false, true }, { TLS_PEERS_GUESTS, true, true } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world w;
		struct end e;
		struct peer p;
		struct made ca, leaf;
		struct court court = { .refuses = rows[i].refuses, .fault = TLS_FAULT_REVOKED };
		char der[2048];
		size_t n = 0;
		open_world(&w, &LEAF(), true);
		set_judge(&w, &court, rows[i].peers);
		make(&ca, &CA(.cn = "Other CA"), NULL);
		make(&leaf, &LEAF(), &ca); /* whom tls itself would not trust */
		open_peer(&p, &w, TLS1_3_VERSION);
		SSL_CTX_use_certificate(p.ctx, leaf.cert);
		SSL_CTX_use_PrivateKey(p.ctx, leaf.key);
		SSL_CTX_add1_chain_cert(p.ctx, ca.cert);
		shake(&w, &e, &p);
		assert_int_equal(e.io, rows[i].is_in ? TLS_DONE : TLS_FAILED);
		assert_int_equal(court.n_asked, 1);
		assert_int_equal(court.peers, rows[i].peers);
		assert_int_equal(court.n, i2d_X509(leaf.cert, NULL) + i2d_X509(ca.cert, NULL));
		assert_int_equal(tls_peer_refusal(e.t) != NULL, rows[i].refuses);
		assert_int_equal(!failed(tls_peer_certificate(e.t, der, sizeof(der), &n)), !rows[i].refuses);
		assert_true(str_eq(tls_peer_name(e.t), str_of(rows[i].refuses ? "" : "proven.example")));
		struct buf names DEFER(buf_fini) = { .ceiling = 1000 };
		assert_int_equal(tls_peer_names(e.t, on_name, &names), !rows[i].refuses);
		assert_memory_equal(court.first, rows[i].refuses ? court.first : der, n);
		if (!rows[i].is_in)
			assert_string_equal(tls_error(e.t), "because of this");
		assert_null(p.session); /* no ticket that would carry the certificate */
		/* what matters to a handshake alone changes nothing for who is connected */
		court.refuses = true;
		court.fault = TLS_FAULT_OTHER;
		assert_false(failed(tls_judge_again(e.t)));
		assert_int_equal(tls_peer_refusal(e.t) != NULL, rows[i].refuses);
		assert_true(str_eq(tls_peer_name(e.t), str_of(rows[i].refuses ? "" : "proven.example")));
		/* it is taken back: from then on it proves nothing */
		court.fault = i % 2 == 0 ? TLS_FAULT_REVOKED : TLS_FAULT_UNTRUSTED;
		court.n = 0;
		assert_int_equal(failed(tls_judge_again(e.t)), !rows[i].refuses);
		assert_int_equal(court.n, rows[i].refuses ? 0 : i2d_X509(leaf.cert, NULL) + i2d_X509(ca.cert, NULL));
		assert_true(tls_peer_refusal(e.t) != NULL && !tls_peer_names(e.t, on_name, NULL) && tls_peer_name(e.t).n == 0);
		hang_up(&p), close_end(&e), close_peer(&p), unmake(&leaf), unmake(&ca), close_world(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_of_one_ca),
		cmocka_unit_test(stranger),
		cmocka_unit_test(people),
		cmocka_unit_test(a_judge_is_asked_about_whom_we_dial),
		cmocka_unit_test(a_judge_is_asked_about_who_connects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
