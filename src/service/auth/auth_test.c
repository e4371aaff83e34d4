/* SPDX-License-Identifier: Apache-2.0 */
#include "service/auth.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/enc.h"
#include "engine/stage_fake.h"
#include "model/config.h"
#include "service/auth/auth_priv.h"

#define DOMAIN "example.test"

/* Everything that a test needs: two users (ann, bob), one server, a clock. */
struct bench {
	struct auth *auth;
	struct users *users;
	struct crypt *crypt;
	struct timers timers;
	struct config config;
	struct meter meter;
	unsigned n_failures, n_successes;
	char failed_aor[USER_AOR_MAX + 1];
};

static uint64_t unix_now = 1000000;

static uint64_t unix_ms(void)
{
	return unix_now;
}

static void on_failure(void *arg, str aor, const struct addr *from)
{
	struct bench *b = arg;
	b->n_failures++;
	assert_true(str_to_z(aor, b->failed_aor, sizeof b->failed_aor));
}

static void on_success(void *arg, str aor)
{
	((struct bench *)arg)->n_successes++;
}

static void put_user(struct bench *b, const char *name, const char *password)
{
	uint8_t md5[32], sha256[32];
	char aor[64];
	snprintf(aor, sizeof aor, "%s@" DOMAIN, name);
	digest_ha1(b->crypt, CRYPT_MD5, str_of(name), STR(DOMAIN), str_of(password), md5);
	digest_ha1(b->crypt, CRYPT_SHA256, str_of(name), STR(DOMAIN), str_of(password), sha256);
	struct user_row row = { .version = 1,
		.aor = str_of(aor),
		.display_name = STR(""),
		.enabled = true,
		.ha1_md5 = { (char *)md5, 16 },
		.ha1_sha256 = { (char *)sha256, 32 } };
	assert_false(failed(users_put(b->users, &row)));
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	memset(&fake, 0, sizeof fake);
	timers_init(&b->timers, 5000);
	config_default(&b->config);
	assert_false(failed(crypt_new(&b->crypt)));
	assert_false(failed(users_new(&b->users)));
	assert_false(failed(users_set_domains(b->users, STR(DOMAIN ",other.test"))));
	put_user(b, "ann", "secret");
	put_user(b, "bob", "secret2");
	struct auth_config c = { .timers = &b->timers,
		.unix_ms = unix_ms,
		.crypt = b->crypt,
		.users = b->users,
		.config = &b->config,
		.meter = &b->meter,
		.door = { on_failure, on_success, NULL },
		.arg = b };
	assert_false(failed(auth_new(&c, &b->auth)));
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	auth_free(b->auth);
	users_free(b->users);
	crypt_free(b->crypt);
	timers_fini(&b->timers);
	free(b);
	return 0;
}

/* ---- a client ---- */

/* What a client knows and sends; zero fields are the usual. */
struct client {
	struct conn *conn;
	const char *method; /* MESSAGE */
	const char *from;   /* "ann" of sip:ann@example.test */
	const char *to;     /* REGISTER: from, others: bob */
	const char *username, *password;
	const char *nonce;
	unsigned nc; /* 1 */
	bool md5;
	const char *uri;   /* in the credentials */
	const char *extra; /* header lines */
	bool no_qop;
};

static const char * or (const char *a, const char *b)
{
	return a != NULL ? a : b;
}

static void credentials(struct bench *b, const struct client *c, const char *request_uri, char *out, size_t size)
{
	enum crypt_hash h = c->md5 ? CRYPT_MD5 : CRYPT_SHA256;
	const char *user = or (c->username, or (c->from, "ann")), *method = or (c->method, "MESSAGE");
	char nc[9], response[65] = { 0 };
	uint8_t ha1[32];
	snprintf(nc, sizeof nc, "%08x", c->nc != 0 ? c->nc : 1);
	struct digest d = { .nonce = str_of(c->nonce),
		.uri = str_of(or (c->uri, request_uri)),
		.cnonce = STR("abc"),
		.qop = STR("auth"),
		.nc_raw = str_of(nc),
		.hash = h };
	digest_ha1(b->crypt, h, str_of(user), STR(DOMAIN), str_of(or (c->password, "secret")), ha1);
	digest_response(b->crypt, &d, ha1, str_of(method), response);
	snprintf(out, size,
		"%s: Digest username=\"%s\", realm=\"" DOMAIN "\", nonce=\"%s\", uri=\"%s\", response=\"%s\", "
		"algorithm=%s, cnonce=\"abc\"%s, nc=%s\n",
		strcmp(method, "REGISTER") == 0 ? "Authorization" : "Proxy-Authorization", user, c->nonce,
		or (c->uri, request_uri), response, c->md5 ? "MD5" : "SHA-256", c->no_qop ? "" : ", qop=auth", nc);
}

static struct request *client_request(struct bench *b, const struct client *c)
{
	const char *method = or (c->method, "MESSAGE"), *from = or (c->from, "ann");
	bool is_register = strcmp(method, "REGISTER") == 0;
	const char *to = or (c->to, is_register ? from : "bob");
	char uri[64], auth[1024] = "";
	snprintf(uri, sizeof uri, "sip:%s" DOMAIN, is_register ? "" : "bob@");
	if (c->nonce != NULL)
		credentials(b, c, uri, auth, sizeof auth);
	return fake_request(c->conn,
		"%s %s SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\nFrom: <sip:%s@" DOMAIN ">;tag=1\n"
		"To: <sip:%s@" DOMAIN ">\nCall-ID: 1\nCSeq: 1 %s\nMax-Forwards: 70\n%s%sContent-Length: 0\n\n",
		method, uri, from, to, method, auth, or (c->extra, ""));
}

struct result {
	err e;
	enum stage_verdict verdict;
	char aor[64];
};

static struct result run(struct bench *b, const struct client *c)
{
	struct request *r = client_request(b, c);
	struct result result = { .verdict = STAGE_NEXT };
	fake.status = 0;
	result.e = auth_stage(b->auth, r, &result.verdict);
	assert_true(str_to_z(r->aor, result.aor, sizeof result.aor));
	fake_request_free(r);
	return result;
}

static bool challenge_has(const char *text)
{
	return strstr(fake.answer, text) != NULL;
}

/* The nonce of the last challenge, in a buffer of its own for a few calls. */
static const char *last_nonce(void)
{
	static char nonces[8][NONCE_TEXT + 1];
	static unsigned next;
	char *out = nonces[next++ % 8];
	const char *at = strstr(fake.answer, "nonce=\"");
	assert_non_null(at);
	memcpy(out, at + 7, NONCE_TEXT);
	return out;
}

/* Asks and takes the nonce. */
static const char *challenge(struct bench *b, struct client c)
{
	c.nonce = NULL;
	struct result result = run(b, &c);
	assert_false(failed(result.e));
	assert_int_equal(result.verdict, STAGE_DONE);
	return last_nonce();
}

#define RUN(b, ...)       run(b, &(struct client){ __VA_ARGS__ })
#define CHALLENGE(b, ...) challenge(b, (struct client){ __VA_ARGS__ })

#define ASSERT_PASSES(got, name)                                \
	do {                                                    \
		struct result got_ = (got);                     \
		assert_false(failed(got_.e));                   \
		assert_int_equal(got_.verdict, STAGE_NEXT);     \
		assert_string_equal(got_.aor, name "@" DOMAIN); \
	} while (0)

#define ASSERT_STATUS(got, code)                            \
	do {                                                \
		struct result got_ = (got);                 \
		assert_false(failed(got_.e));               \
		assert_int_equal(got_.verdict, STAGE_DONE); \
		assert_int_equal(fake.status, code);        \
		assert_string_equal(got_.aor, "");          \
	} while (0)

#define ASSERT_REFUSED(got, id)                        \
	do {                                           \
		struct result got_ = (got);            \
		assert_true(err_is(got_.e, ERR_##id)); \
	} while (0)

/* ---- challenges ---- */

static void everybody_is_challenged(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	ASSERT_STATUS(RUN(b, .conn = &c, .method = "REGISTER"), 401);
	const char *sha = strstr(fake.answer, "algorithm=SHA-256"), *md5 = strstr(fake.answer, "algorithm=MD5");
	assert_non_null(sha);
	assert_non_null(md5);
	assert_true(sha < md5);
	assert_true(challenge_has("WWW-Authenticate: Digest realm=\"example.test\""));
	assert_true(challenge_has("qop=\"auth\""));
	assert_false(challenge_has("stale"));
	ASSERT_STATUS(RUN(b, .conn = &c), 407);
	assert_true(challenge_has("Proxy-Authenticate: Digest"));
	b->config.use_digest_md5 = false;
	ASSERT_STATUS(RUN(b, .conn = &c), 407);
	assert_false(challenge_has("MD5"));
	assert_false(c.trusted);
	assert_null(c.user_slot);
}

static void old_clients_are_offered_md5_alone(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	ASSERT_STATUS(RUN(b, .conn = &c, .extra = "User-Agent: baresip v1.0.0 (x86_64/linux)\n"), 407);
	assert_false(challenge_has("SHA-256"));
	assert_true(challenge_has("MD5"));
	b->config.use_digest_md5 = false;
	ASSERT_STATUS(RUN(b, .conn = &c, .extra = "User-Agent: baresip v1.0.0 (x86_64/linux)\n"), 407);
	assert_true(challenge_has("SHA-256"));
	assert_false(challenge_has("MD5"));
}

static void foreign_credentials_are_none(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	static const char *const extras[] = {
		"Proxy-Authorization: NoOneKnowsThisScheme opaque-data=here\n",
		"Proxy-Authorization: Digest username=\"ann\", realm=\"foreign.test\", nonce=\"1\", uri=\"sip:a\", "
		"response=\"2\", "
		"qop=auth, nc=00000001, cnonce=\"1\"\n",
		"Proxy-Authorization: Digest username=\"ann\", realm=\"example.test\", nonce=\"1\", uri=\"sip:a\", "
		"response=\"2\"\n",
		"Proxy-Authorization: Digest username=\"ann\", realm=\"example.test\", nonce=\"1\", uri=\"sip:a\", "
		"response=\"2\", "
		"algorithm=SHA-512, qop=auth, nc=00000001, cnonce=\"1\"\n",
		"Authorization: Digest username=\"ann\", realm=\"example.test\", nonce=\"1\", uri=\"sip:a\", "
		"response=\"2\", "
		"qop=auth, nc=00000001, cnonce=\"1\"\n",
	};
	for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
		ASSERT_STATUS(RUN(b, .conn = &c, .extra = extras[i]), 407);
		assert_false(challenge_has("stale"));
	}
	assert_int_equal(b->n_failures, 0);
}

/* ---- right passwords ---- */

static void a_right_password_proves(void **state)
{
	struct bench *b = *state;
	for (int md5 = 0; md5 < 2; md5++) {
		struct conn c = fake_conn(1, true);
		const char *nonce = CHALLENGE(b, .conn = &c, .method = "REGISTER");
		ASSERT_PASSES(RUN(b, .conn = &c, .method = "REGISTER", .nonce = nonce, .md5 = md5 != 0), "ann");
		assert_true(c.trusted);
		/* the connection is proven now: no more challenges */
		ASSERT_PASSES(RUN(b, .conn = &c), "ann");
		ASSERT_PASSES(RUN(b, .conn = &c, .method = "REGISTER"), "ann");
		ASSERT_STATUS(RUN(b, .conn = &c, .from = "bob"), 407);
		auth_conn_closed(b->auth, &c);
		assert_null(c.user_slot);
	}
	assert_int_equal(b->n_successes, 0);
}

static void without_tls_each_request_is_challenged(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, false);
	const char *nonce = CHALLENGE(b, .conn = &c);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce), "ann");
	ASSERT_STATUS(RUN(b, .conn = &c), 407);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce, .nc = 2), "ann");
	auth_conn_closed(b->auth, &c);
}

static void the_right_realm_is_chosen_among_several(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	const char *nonce = CHALLENGE(b, .conn = &c);
	struct request *r;
	char auth[1024];
	struct client client = { .conn = &c, .nonce = nonce };
	credentials(b, &client, "sip:bob@" DOMAIN, auth, sizeof auth);
	r = fake_request(&c,
		"MESSAGE sip:bob@" DOMAIN " SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\n"
		"From: <sip:ann@" DOMAIN ">;tag=1\nTo: <sip:bob@" DOMAIN
		">\nCall-ID: 1\nCSeq: 1 MESSAGE\nMax-Forwards: 70\n"
		"Proxy-Authorization: Digest username=\"x\", realm=\"gateway.test\", nonce=\"1\", uri=\"sip:a\", "
		"response=\"2\", "
		"qop=auth, nc=00000001, cnonce=\"1\"\n%sContent-Length: 0\n\n",
		auth);
	enum stage_verdict v = STAGE_NEXT;
	assert_false(failed(auth_stage(b->auth, r, &v)));
	assert_int_equal(v, STAGE_NEXT);
	assert_true(str_eq(r->aor, STR("ann@" DOMAIN)));
	fake_request_free(r);
	auth_conn_closed(b->auth, &c);
}

static void a_connection_may_serve_several_users(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	char name[8];
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "u%d", i);
		put_user(b, name, "secret");
		const char *nonce = CHALLENGE(b, .conn = &c, .from = name);
		struct result got = RUN(b, .conn = &c, .from = name, .nonce = nonce);
		assert_false(failed(got.e));
		assert_int_equal(got.verdict, STAGE_NEXT);
	}
	ASSERT_PASSES(RUN(b, .conn = &c, .from = "u19"), "u19");
	ASSERT_PASSES(RUN(b, .conn = &c, .from = "u4"), "u4");
	ASSERT_STATUS(RUN(b, .conn = &c, .from = "u3"), 407);
	auth_conn_closed(b->auth, &c);
}

static void a_proof_ends(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	const char *nonce = CHALLENGE(b, .conn = &c);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce), "ann");
	/* with its time */
	timers_run(&b->timers, b->timers.now + b->config.nonce_lifetime * 1000 - 1);
	ASSERT_PASSES(RUN(b, .conn = &c), "ann");
	timers_run(&b->timers, b->timers.now + 1);
	ASSERT_STATUS(RUN(b, .conn = &c), 407);
	/* with the password */
	nonce = CHALLENGE(b, .conn = &c);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce), "ann");
	put_user(b, "ann", "another");
	ASSERT_STATUS(RUN(b, .conn = &c), 407);
	nonce = CHALLENGE(b, .conn = &c);
	ASSERT_STATUS(RUN(b, .conn = &c, .nonce = nonce), 407);
	nonce = CHALLENGE(b, .conn = &c);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce, .password = "another"), "ann");
	/* with the user */
	users_remove(b->users, STR("ann@" DOMAIN));
	ASSERT_STATUS(RUN(b, .conn = &c), 407);
	auth_conn_closed(b->auth, &c);
}

static void servers_and_other_processes_are_not_asked(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	struct request *r = client_request(b, &(struct client){ .conn = &c });
	enum stage_verdict v = STAGE_NEXT;
	r->is_peer = true;
	assert_false(failed(auth_stage(b->auth, r, &v)));
	r->is_peer = false;
	r->conn = NULL;
	assert_false(failed(auth_stage(b->auth, r, &v)));
	assert_int_equal(v, STAGE_NEXT);
	assert_int_equal(fake.n_answers, 0);
	fake_request_free(r);
}

/* ---- nonces ---- */

static void a_nonce_is_good_once_for_each_count(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, false);
	const char *nonce = CHALLENGE(b, .conn = &c);
	static const struct {
		unsigned nc;
		bool passes;
	} rows[] = {
		{ 1, true },
		{ 1, false },
		{ 2, true },
		{ 5, true },
		{ 4, true },
		{ 4, false },
		{ 3, true },
		{ 100, true },
		{ 37, true },
		{ 37, false },
		{ 36, false },
		{ 99, true },
		{ 0xffffffff, true },
		{ 101, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct result got = RUN(b, .conn = &c, .nonce = nonce, .nc = rows[i].nc);
		assert_int_equal(got.verdict, rows[i].passes ? STAGE_NEXT : STAGE_DONE);
		if (!rows[i].passes)
			assert_true(challenge_has("stale=true"));
	}
	assert_int_equal(meter_get(&b->meter, METER_AUTH_REPLAY), 5);
	assert_int_equal(b->n_failures, 0);
	auth_conn_closed(b->auth, &c);
}

static void an_old_or_foreign_nonce_is_stale(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true), other = fake_conn(2, true);
	const char *nonce = CHALLENGE(b, .conn = &c);
	ASSERT_STATUS(RUN(b, .conn = &other, .nonce = nonce), 407);
	assert_true(challenge_has("stale=true"));
	ASSERT_STATUS(RUN(b, .conn = &c, .nonce = "0123456789abcdef0123456789abcdef"), 407);
	assert_true(challenge_has("stale=true"));
	ASSERT_STATUS(RUN(b, .conn = &c, .nonce = "x"), 407);
	timers_run(&b->timers, b->timers.now + b->config.nonce_lifetime * 1000);
	ASSERT_STATUS(RUN(b, .conn = &c, .nonce = nonce), 407);
	assert_true(challenge_has("stale=true"));
	assert_int_equal(meter_get(&b->meter, METER_AUTH_STALE), 4);
	/* a wrong password with a bad nonce tells nothing, and counts for nothing */
	ASSERT_STATUS(RUN(b, .conn = &c, .nonce = nonce, .password = "wrong"), 407);
	assert_true(challenge_has("stale=true"));
	assert_int_equal(b->n_failures, 0);
	auth_conn_closed(b->auth, &c);
	auth_conn_closed(b->auth, &other);
}

static void forgotten_nonces_cannot_be_replayed(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, false);
	char first[NONCE_TEXT + 1];
	memcpy(first, CHALLENGE(b, .conn = &c), sizeof first);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = first), "ann");
	for (int i = 0; i < 2 * AUTH_NONCES_MAX; i++) {
		timers_run(&b->timers, b->timers.now + 1);
		const char *nonce = CHALLENGE(b, .conn = &c, .from = i % 2 != 0 ? "ann" : "bob");
		struct result got = RUN(b, .conn = &c, .from = i % 2 != 0 ? "ann" : "bob", .nonce = nonce,
			.password = i % 2 != 0 ? "secret" : "secret2");
		assert_int_equal(got.verdict, STAGE_NEXT);
	}
	ASSERT_STATUS(RUN(b, .conn = &c, .nonce = first), 407);
	ASSERT_STATUS(RUN(b, .conn = &c, .nonce = first, .nc = 2), 407);
	assert_true(challenge_has("stale=true"));
	auth_conn_closed(b->auth, &c);
}

static void the_signed_uri_must_be_the_requested_one(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *uri;
		bool passes;
	} rows[] = {
		{ "sip:bob@example.test", true },
		{ "sip:bob@EXAMPLE.test;transport=tls", true },
		{ "sip:bob@example.test:5061", true },
		{ "sip:carol@example.test", false },
		{ "sip:bob@foreign.test", false },
		{ "sips:bob@example.test", false },
		{ "sip:example.test", false },
		{ "tel:+1", false },
		{ "", false },
		{ "garbage", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct conn c = fake_conn(1, true);
		const char *nonce = CHALLENGE(b, .conn = &c);
		struct result got = RUN(b, .conn = &c, .nonce = nonce, .uri = rows[i].uri);
		if (rows[i].passes)
			ASSERT_PASSES(got, "ann");
		else
			ASSERT_REFUSED(got, MALFORMED);
		auth_conn_closed(b->auth, &c);
	}
}

/* ---- acting as somebody else ---- */

static void nobody_acts_as_somebody_else(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	const char *nonce = CHALLENGE(b, .conn = &c, .from = "bob");
	ASSERT_REFUSED(RUN(b, .conn = &c, .from = "bob", .username = "ann", .nonce = nonce), SIP_FORBIDDEN);
	ASSERT_PASSES(RUN(b, .conn = &c), "ann");
	auth_conn_closed(b->auth, &c);
	nonce = CHALLENGE(b, .conn = &c, .method = "REGISTER", .from = "ann", .to = "bob");
	ASSERT_REFUSED(RUN(b, .conn = &c, .method = "REGISTER", .to = "bob", .nonce = nonce), SIP_FORBIDDEN);
	nonce = CHALLENGE(b, .conn = &c, .method = "REGISTER", .from = "bob", .to = "ann");
	ASSERT_REFUSED(
		RUN(b, .conn = &c, .method = "REGISTER", .from = "bob", .to = "ann", .username = "ann", .nonce = nonce),
		SIP_FORBIDDEN);
	assert_int_equal(meter_get(&b->meter, METER_AUTH_IMPERSONATION), 3);
	/* ann is proven: registering bob without credentials is refused at once */
	ASSERT_REFUSED(RUN(b, .conn = &c, .method = "REGISTER", .from = "ann", .to = "bob"), SIP_FORBIDDEN);
	auth_conn_closed(b->auth, &c);
}

static void names_must_be_addresses(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	static const struct {
		const char *method, *from, *to;
		enum err_id why;
	} rows[] = {
		{ "REGISTER", "<sip:ann@example.test>", "isbn:2983792873", ERR_MALFORMED }, /* RFC 4475 3.3.4 */
		{ "REGISTER", "<sip:ann@example.test>", "<sip:example.test>", ERR_MALFORMED },
		{ "REGISTER", "<http://www.example.com>", "<sip:ann@example.test>", ERR_SIP_FORBIDDEN },
		{ "MESSAGE", "<tel:+15551234>", "<sip:ann@example.test>", ERR_SIP_FORBIDDEN },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct request *r = fake_request(&c,
			"%s sip:example.test SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bK1\n"
			"From: %s;tag=1\nTo: %s\nCall-ID: 1\nCSeq: 1 %s\nMax-Forwards: 70\nContent-Length: 0\n\n",
			rows[i].method, rows[i].from, rows[i].to, rows[i].method);
		enum stage_verdict v = STAGE_NEXT;
		assert_true(err_is(auth_stage(b->auth, r, &v), rows[i].why));
		fake_request_free(r);
	}
}

static void ack_and_cancel_need_a_proof(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	struct result got = RUN(b, .conn = &c, .method = "ACK");
	assert_false(failed(got.e));
	assert_int_equal(got.verdict, STAGE_DONE);
	assert_int_equal(fake.n_answers, 0);
	ASSERT_REFUSED(RUN(b, .conn = &c, .method = "CANCEL"), SIP_FORBIDDEN);
	const char *nonce = CHALLENGE(b, .conn = &c);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce), "ann");
	/* also when the proof is too old for anything else: they cannot be challenged */
	timers_run(&b->timers, b->timers.now + b->config.nonce_lifetime * 1000);
	ASSERT_PASSES(RUN(b, .conn = &c, .method = "ACK"), "ann");
	ASSERT_PASSES(RUN(b, .conn = &c, .method = "CANCEL"), "ann");
	ASSERT_REFUSED(RUN(b, .conn = &c, .method = "CANCEL", .from = "bob"), SIP_FORBIDDEN);
	auth_conn_closed(b->auth, &c);
}

/* ---- guessing ---- */

/* One wrong try, and the time its answer took. */
static uint64_t fail_once(struct bench *b, struct conn *c, const char *user, const char *password)
{
	const char *nonce = CHALLENGE(b, .conn = c, .from = user);
	uint64_t begin = b->timers.now;
	fake.answer[0] = '\0';
	struct result got = RUN(b, .conn = c, .from = user, .nonce = nonce, .password = password);
	assert_false(failed(got.e));
	assert_int_not_equal(got.verdict, STAGE_NEXT);
	if (got.verdict == STAGE_WAIT) {
		assert_string_equal(fake.answer, "");
		timers_run(&b->timers, timers_next(&b->timers) + b->timers.now);
	}
	assert_int_equal(fake.status, 407);
	assert_false(challenge_has("stale"));
	return b->timers.now - begin;
}

/* The last answer without what is new in each: nonces. */
static void copy_answer(char *out)
{
	memcpy(out, fake.answer, sizeof fake.answer);
	for (char *at = out; (at = strstr(at, "nonce=\"")) != NULL; at += 7)
		memset(at + 7, 'x', NONCE_TEXT);
}

static void known_and_unknown_are_answered_alike(void **state)
{
	struct bench *b = *state;
	char known[sizeof fake.answer], unknown[sizeof fake.answer], *at;
	for (int i = 0; i < 12; i++) {
		struct conn c1 = fake_conn(1, true), c2 = fake_conn(2, true), c3 = fake_conn(3, true);
		uint64_t t1 = fail_once(b, &c1, "ann", "wrong");
		copy_answer(known);
		uint64_t t2 = fail_once(b, &c2, "zoe", "wrong");
		copy_answer(unknown);
		while ((at = strstr(unknown, "zoe")) != NULL)
			memcpy(at, "ann", 3);
		assert_string_equal(known, unknown);
		assert_int_equal(t1, t2);
		auth_conn_closed(b->auth, &c1);
		auth_conn_closed(b->auth, &c2);
		auth_conn_closed(b->auth, &c3);
	}
	assert_int_equal(b->n_failures, 20);
}

static void answers_grow_slower(void **state)
{
	struct bench *b = *state;
	static const uint32_t want[] = { 0, 0, 125, 250, 500, 1000, 2000, 2000, 2000, 2000, 2000, 2000 };
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		struct conn c = fake_conn(1, true);
		assert_int_equal(fail_once(b, &c, "ann", "wrong"), want[i]);
		auth_conn_closed(b->auth, &c);
	}
}

static void guessing_locks(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	for (unsigned i = 0; i < b->config.max_failed_sign_ins; i++)
		(void)fail_once(b, &c, "ann", "wrong");
	assert_int_equal(b->n_failures, 10);
	assert_string_equal(b->failed_aor, "ann@" DOMAIN);
	/* the right one is not even looked at, and is answered as a wrong one is */
	(void)fail_once(b, &c, "ann", "secret");
	assert_int_equal(b->n_failures, 10);
	assert_int_equal(meter_get(&b->meter, METER_AUTH_LOCKED), 1);
	/* others are not touched */
	const char *nonce = CHALLENGE(b, .conn = &c, .from = "bob");
	ASSERT_PASSES(RUN(b, .conn = &c, .from = "bob", .password = "secret2", .nonce = nonce), "bob");
	timers_run(&b->timers, b->timers.now + b->config.lockout_seconds * 1000);
	nonce = CHALLENGE(b, .conn = &c);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce), "ann");
	auth_conn_closed(b->auth, &c);
}

static void a_right_password_and_vault_forgive(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	for (unsigned i = 0; i < 9; i++)
		(void)fail_once(b, &c, "ann", "wrong");
	const char *nonce = CHALLENGE(b, .conn = &c);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce), "ann");
	assert_int_equal(b->n_successes, 1);
	for (unsigned i = 0; i < 10; i++)
		(void)fail_once(b, &c, "bob", "wrong");
	auth_lock(b->auth, STR("bob@" DOMAIN), 0, 0);
	nonce = CHALLENGE(b, .conn = &c, .from = "bob");
	ASSERT_PASSES(RUN(b, .conn = &c, .from = "bob", .nonce = nonce, .password = "secret2"), "bob");
	auth_conn_closed(b->auth, &c);
}

static void vault_locks(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	users_lock(b->users, STR("ann@" DOMAIN), 10, unix_now + 60000);
	(void)fail_once(b, &c, "ann", "secret");
	unix_now += 60000;
	const char *nonce = CHALLENGE(b, .conn = &c);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce), "ann");
	assert_int_equal(b->n_successes, 1);
	auth_conn_closed(b->auth, &c);
}

static void locks_double_for_everybody(void **state)
{
	struct bench *b = *state;
	static const char *const names[] = { "ann", "zoe" };
	for (size_t i = 0; i < 2; i++) {
		struct conn c = fake_conn((uint32_t)i + 1, true);
		unsigned failures = b->n_failures;
		for (unsigned n = 0; n < 10; n++)
			(void)fail_once(b, &c, names[i], "wrong");
		timers_run(&b->timers, b->timers.now + b->config.lockout_seconds * 1000);
		assert_int_equal(fail_once(b, &c, names[i], "wrong"), 2000);
		assert_int_equal(b->n_failures - failures, 11);
		timers_run(&b->timers, b->timers.now + b->config.lockout_seconds * 1500);
		assert_int_equal(fail_once(b, &c, names[i], "wrong"), 2000);
		assert_int_equal(b->n_failures - failures, 11); /* not looked at */
		timers_run(&b->timers, b->timers.now + b->config.lockout_seconds * 500);
		assert_int_equal(fail_once(b, &c, names[i], "wrong"), 2000);
		assert_int_equal(b->n_failures - failures, 12);
		auth_conn_closed(b->auth, &c);
	}
}

static void vault_locks_strangers_too(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	auth_lock(b->auth, STR("zoe@" DOMAIN), 10, unix_now + 5000);
	(void)fail_once(b, &c, "zoe", "wrong");
	assert_int_equal(b->n_failures, 0);
	timers_run(&b->timers, b->timers.now + 5000);
	(void)fail_once(b, &c, "zoe", "wrong");
	assert_int_equal(b->n_failures, 1);
	/* tries at other processes count here */
	auth_lock(b->auth, STR("bob@" DOMAIN), 9, 0);
	(void)fail_once(b, &c, "bob", "wrong");
	(void)fail_once(b, &c, "bob", "secret2");
	assert_int_equal(b->n_failures, 2);
	auth_conn_closed(b->auth, &c);
}

static void disabled_users_are_as_unknown(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	uint8_t hash[32] = { 0 };
	struct user_row row = { .version = 2,
		.aor = STR("ann@" DOMAIN),
		.display_name = STR(""),
		.enabled = false,
		.ha1_md5 = STR(""),
		.ha1_sha256 = { (char *)hash, 32 } };
	digest_ha1(b->crypt, CRYPT_SHA256, STR("ann"), STR(DOMAIN), STR("secret"), hash);
	assert_false(failed(users_put(b->users, &row)));
	(void)fail_once(b, &c, "ann", "secret");
	/* enabled, but nothing stored for MD5 */
	row.enabled = true;
	assert_false(failed(users_put(b->users, &row)));
	const char *nonce = CHALLENGE(b, .conn = &c);
	ASSERT_STATUS(RUN(b, .conn = &c, .nonce = nonce, .md5 = true), 407);
	nonce = CHALLENGE(b, .conn = &c);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce), "ann");
	auth_conn_closed(b->auth, &c);
}

/* A right password is no guess, and does not do; a wrong one is one as ever. */
static void who_needs_a_certificate_has_no_password(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	uint8_t hash[32] = { 0 };
	struct user_row row = { .version = 2, .aor = STR("ann@" DOMAIN), .display_name = STR(""), .enabled = true, .needs_certificate = true, .ha1_md5 = STR(""), .ha1_sha256 = { (char *)hash, 32 } };
	digest_ha1(b->crypt, CRYPT_SHA256, STR("ann"), STR(DOMAIN), STR("secret"), hash);
	assert_false(failed(users_put(b->users, &row)));
	const char *nonce = CHALLENGE(b, .conn = &c);
	assert_true(err_is(RUN(b, .conn = &c, .nonce = nonce).e, ERR_CERTIFICATE_NEEDED));
	assert_int_equal(b->n_failures, 0);
	(void)fail_once(b, &c, "ann", "wrong");
	assert_int_equal(b->n_failures, 1);
	row.needs_certificate = false;
	assert_false(failed(users_put(b->users, &row)));
	nonce = CHALLENGE(b, .conn = &c);
	ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce), "ann");
	row.needs_certificate = true; /* what was proven ends with it */
	assert_false(failed(users_put(b->users, &row)));
	ASSERT_STATUS(RUN(b, .conn = &c), 407);
	auth_conn_closed(b->auth, &c);
}

static void slowed_answers_are_bounded(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	for (int i = 0; i < 4; i++)
		(void)fail_once(b, &c, "ann", "wrong");
	for (int i = 0; i < AUTH_WAITS_CONN_MAX; i++) {
		const char *nonce = CHALLENGE(b, .conn = &c);
		struct result got = RUN(b, .conn = &c, .nonce = nonce, .password = "wrong");
		assert_int_equal(got.verdict, STAGE_WAIT);
	}
	assert_false(c.closed);
	const char *nonce = CHALLENGE(b, .conn = &c);
	ASSERT_STATUS(RUN(b, .conn = &c, .nonce = nonce, .password = "wrong"), 407);
	assert_true(c.closed);
	unsigned answers = fake.n_answers;
	auth_conn_closed(b->auth, &c);
	timers_run(&b->timers, b->timers.now + 10000);
	assert_int_equal(fake.n_answers, answers);
}

static void an_address_that_guesses_is_slowed(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, true);
	char name[16];
	uint64_t last = 0;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "nobody%d", i);
		last = fail_once(b, &c, name, "wrong");
	}
	assert_int_equal(last, 2000);
	auth_conn_closed(b->auth, &c);
}

static void failures_are_remembered_of_a_bounded_number(void **state)
{
	struct guesses g;
	char key[16];
	guesses_init(&g, AUTH_GUESSED_MAX);
	for (int i = 0; i < AUTH_GUESSED_MAX + 10; i++) {
		snprintf(key, sizeof key, "n%d", 10 + i);
		assert_int_equal(guesses_add(&g, str_of(key), 1, 100), 1);
		(void)guesses_add(&g, STR("n5"), 1, 100); /* stays: it is touched again and again */
	}
	assert_int_equal(g.by_key.n, AUTH_GUESSED_MAX);
	assert_int_not_equal(guesses_count(&g, STR("n5")), 0);
	assert_int_equal(guesses_count(&g, STR("n11")), 0);
	assert_int_equal(guesses_add(&g, STR("n5"), 101, 100), 1);
	guesses_fini(&g);
	struct addr a = { .ip = { 0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5 }, .family = 6 }, a2 = a;
	char b1[17], b2[17];
	a2.ip[15] = 9;
	assert_true(str_eq(guesses_address(&a, b1), guesses_address(&a2, b2)));
	a2.ip[7] = 9;
	assert_false(str_eq(guesses_address(&a, b1), guesses_address(&a2, b2)));
}

static void an_idle_connection_costs_little(void **state)
{
	assert_true(sizeof(struct auth_conn) <= 200);
}

/* Over plain TCP each request is challenged: however many come in one millisecond, none of their nonces is taken for a forgotten one. */
static void nonces_of_one_moment_have_an_order(void **state)
{
	struct bench *b = *state;
	struct conn c = fake_conn(1, false);
	for (unsigned i = 0; i < 200; i++) {
		const char *nonce = CHALLENGE(b, .conn = &c);
		ASSERT_PASSES(RUN(b, .conn = &c, .nonce = nonce), "ann");
	}
	auth_conn_closed(b->auth, &c);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(everybody_is_challenged),
		CASE(old_clients_are_offered_md5_alone),
		CASE(foreign_credentials_are_none),
		CASE(a_right_password_proves),
		CASE(without_tls_each_request_is_challenged),
		CASE(nonces_of_one_moment_have_an_order),
		CASE(the_right_realm_is_chosen_among_several),
		CASE(a_connection_may_serve_several_users),
		CASE(a_proof_ends),
		CASE(servers_and_other_processes_are_not_asked),
		CASE(a_nonce_is_good_once_for_each_count),
		CASE(an_old_or_foreign_nonce_is_stale),
		CASE(forgotten_nonces_cannot_be_replayed),
		CASE(the_signed_uri_must_be_the_requested_one),
		CASE(nobody_acts_as_somebody_else),
		CASE(names_must_be_addresses),
		CASE(ack_and_cancel_need_a_proof),
		CASE(known_and_unknown_are_answered_alike),
		CASE(answers_grow_slower),
		CASE(guessing_locks),
		CASE(a_right_password_and_vault_forgive),
		CASE(vault_locks),
		CASE(locks_double_for_everybody),
		CASE(vault_locks_strangers_too),
		CASE(disabled_users_are_as_unknown),
		CASE(who_needs_a_certificate_has_no_password),
		CASE(slowed_answers_are_bounded),
		CASE(an_address_that_guesses_is_slowed),
		CASE(failures_are_remembered_of_a_bounded_number),
		CASE(an_idle_connection_costs_little),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
