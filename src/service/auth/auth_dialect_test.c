/* SPDX-License-Identifier: Apache-2.0 */
/* Sign-in by NTLM and signatures, with the proof judged by a test instead of vault. */
#include "service/auth.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/enc.h"
#include "engine/stage_fake.h"
#include "model/config.h"
#include "service/auth/auth_priv.h"

#define DOMAIN "example.test"
#define FQDN   "uc01.example.test"
#define TYPE_3 "TlRMTVNTUAADAAAA" /* whatever: vault judges it */

static const uint8_t session_key[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

struct bench {
	struct auth *auth;
	struct users *users;
	struct crypt *crypt;
	struct timers timers;
	struct config config;
	struct meter meter;
	struct conn conn;
	unsigned n_failures, n_successes, n_asks, n_proven;
	char failed_aor[64], proven[64];
	uint64_t id;
	uint8_t asked_challenge[8];
	err refuse_ask;
	/* the client's */
	char opaque[SA_OPAQUE + 1];
	struct ntlm_keys keys;
	unsigned count;
};

static uint64_t unix_ms(void)
{
	return 1700000000000;
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

static err on_ask(void *arg, const struct auth_ask *q)
{
	struct bench *b = arg;
	if (failed(b->refuse_ask))
		return b->refuse_ask;
	b->n_asks++;
	b->id = q->id;
	if (q->scheme == SIPAE_KERBEROS) {
		assert_true(str_eq(q->challenge, STR("sip/" FQDN)) && str_eq(q->token, STR("ticket")));
		return OK;
	}
	assert_int_equal(q->scheme, SIPAE_NTLM);
	assert_int_equal(ntlm_type(q->challenge), 2);
	memcpy(b->asked_challenge, q->challenge.p + 24, 8);
	assert_int_equal(ntlm_type(q->token), 3);
	return OK;
}

static void on_proven(void *arg, struct request *r)
{
	struct bench *b = arg;
	b->n_proven++;
	assert_true(str_to_z(r->aor, b->proven, sizeof b->proven));
}

static void put_user_who(struct bench *b, const char *aor, bool enabled, bool needs_certificate)
{
	uint8_t ha1[32] = { 0 };
	assert_false(failed(users_put(b->users, &(struct user_row){ .version = 1, .aor = str_of(aor), .display_name = STR(""), .enabled = enabled,
								.needs_certificate = needs_certificate, .ha1_sha256 = { (char *)ha1, 32 } })));
}

static void put_user(struct bench *b, const char *aor, bool enabled)
{
	put_user_who(b, aor, enabled, false);
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	memset(&fake, 0, sizeof fake);
	timers_init(&b->timers, 5000);
	config_default(&b->config);
	assert_false(failed(crypt_new(&b->crypt)));
	assert_false(failed(crypt_open_legacy(b->crypt, NULL)));
	assert_false(failed(users_new(&b->users)));
	assert_false(failed(users_set_domains(b->users, STR(DOMAIN))));
	put_user(b, "ann@" DOMAIN, true);
	put_user(b, "bob@" DOMAIN, true);
	b->conn = fake_conn(1, true);
	b->refuse_ask = OK;
	struct auth_config c = { .timers = &b->timers, .unix_ms = unix_ms, .crypt = b->crypt, .users = b->users, .fqdn = STR(FQDN),
		.config = &b->config, .meter = &b->meter, .door = { on_failure, on_success, NULL, on_ask, on_proven }, .arg = b };
	assert_false(failed(auth_new(&c, &b->auth)));
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	auth_conn_closed(b->auth, &b->conn);
	auth_free(b->auth);
	users_free(b->users);
	crypt_free(b->crypt);
	timers_fini(&b->timers);
	free(b);
	return 0;
}

/* ---- a client ---- */

struct sent {
	err e;
	enum stage_verdict v;
	char aor[64];
	struct request *r;
};

/* Runs a request of ann; credentials is a whole field or empty. The request is kept by whoever waits for it. */
static struct sent send_from(struct bench *b, struct conn *c, const char *method, const char *from, const char *credentials)
{
	struct sent s = { .v = STAGE_NEXT };
	s.r = fake_request(c,
		"%s sip:" DOMAIN " SIP/2.0\nVia: SIP/2.0/tls 192.0.2.1:40000\nFrom: <sip:%s@" DOMAIN ">;tag=1;epid=9afbb5a919ab\n"
		"To: <sip:%s@" DOMAIN ">\nCall-ID: c\nCSeq: 3 %s\nMax-Forwards: 70\n%sContent-Length: 0\n\n",
		method, from, strcmp(method, "REGISTER") == 0 ? from : "bob", method, credentials);
	assert_non_null(s.r);
	fake.status = 0;
	fake.answer[0] = '\0';
	s.e = auth_stage(b->auth, s.r, &s.v);
	assert_true(str_to_z(s.r->aor, s.aor, sizeof s.aor));
	fake_request_free(s.r);
	return s;
}

static struct sent send_it(struct bench *b, const char *method, const char *credentials)
{
	return send_from(b, &b->conn, method, "ann", credentials);
}

static bool has(const char *text)
{
	return strstr(fake.answer, text) != NULL;
}

static void take_opaque(struct bench *b)
{
	const char *at = strstr(fake.answer, "opaque=\"");
	assert_non_null(at);
	memcpy(b->opaque, at + 8, SA_OPAQUE);
}

/* The client's signature under a request as send_from writes it. */
static const char *signature(struct bench *b, const char *method, const char *from, unsigned count)
{
	static char hex[33];
	char text[512];
	uint8_t mac[16];
	int n = snprintf(text, sizeof text, "<NTLM><b2700b58><%u><SIP Communications Service><" FQDN "><c><3><%s><sip:%s@" DOMAIN "><1><sip:%s@" DOMAIN "><><><><>",
		count, method, from, strcmp(method, "REGISTER") == 0 ? from : "bob");
	assert_false(failed(ntlm_mac(b->crypt, &b->keys, NTLM_CLIENT, NTLM_SEQUENCE, (str){ text, (size_t)n }, mac)));
	enc_hex(mac, sizeof mac, hex);
	return hex;
}

static const char *signed_by(struct bench *b, const char *method, const char *from, unsigned count, const char *token)
{
	static char field[1024];
	snprintf(field, sizeof field,
		"Authorization: NTLM qop=\"auth\", opaque=\"%s\", realm=\"SIP Communications Service\", targetname=\"" FQDN "\", %s crand=\"b2700b58\", "
		"cnum=\"%u\", response=\"%s\"\n",
		b->opaque, token, count, signature(b, method, from, count));
	return field;
}

/* The first two rounds. */
static void begin(struct bench *b)
{
	struct sent s = send_it(b, "REGISTER", "Authorization: NTLM qop=\"auth\", realm=\"SIP Communications Service\", targetname=\"" FQDN "\", gssapi-data=\"\", version=4\n");
	assert_false(failed(s.e));
	assert_int_equal(s.v, STAGE_DONE);
	assert_int_equal(fake.status, 401);
	take_opaque(b);
	ntlm_keys_init(&b->keys, b->crypt, session_key);
	b->count = 1;
	s = send_it(b, "REGISTER", signed_by(b, "REGISTER", "ann", 1, "gssapi-data=\"" TYPE_3 "\", version=4,"));
	assert_false(failed(s.e));
	assert_int_equal(s.v, STAGE_WAIT);
}

static void tell(struct bench *b, bool is_right, const char *aor)
{
	auth_told(b->auth, b->id, &(struct auth_told){ .is_right = is_right, .aor = str_of(aor), .key = { (const char *)session_key, is_right ? 16 : 0 } });
}

static void sign_in(struct bench *b)
{
	begin(b);
	tell(b, true, "ann@" DOMAIN);
	assert_int_equal(b->n_proven, 1);
	assert_string_equal(b->proven, "ann@" DOMAIN);
}

/* ---- tests ---- */

/* By what the client shows, and by what the configuration says. */
static void who_is_asked_how(void **state)
{
	struct bench *b = *state;
	(void)send_it(b, "REGISTER", "");
	assert_int_equal(fake.status, 401);
	assert_true(has("WWW-Authenticate: NTLM realm=\"SIP Communications Service\", targetname=\"" FQDN "\", version=4\r\n"));
	assert_false(has("Digest"));
	b->config.use_ntlm = false;
	(void)send_it(b, "REGISTER", "");
	assert_true(has("WWW-Authenticate: Digest ") && !has("NTLM"));
	/* a scheme that is off, or that we do not have, is not taken */
	(void)send_it(b, "REGISTER", "Authorization: NTLM gssapi-data=\"\", version=4\n");
	assert_true(has("WWW-Authenticate: Digest ") && !has("opaque"));
	b->config.use_ntlm = true;
	(void)send_it(b, "REGISTER", "Authorization: Kerberos gssapi-data=\"YII=\", version=4\n");
	assert_true(has("WWW-Authenticate: NTLM ") && !has("opaque"));
	assert_int_equal(b->n_asks, 0);
}

static void signs_in(void **state)
{
	struct bench *b = *state;
	sign_in(b);
	assert_true(b->conn.trusted);
	assert_int_equal(meter_get(&b->meter, METER_AUTH_OK), 1);
	/* every later message is signed */
	struct sent s = send_it(b, "MESSAGE", signed_by(b, "MESSAGE", "ann", 2, ""));
	assert_false(failed(s.e));
	assert_int_equal(s.v, STAGE_NEXT);
	assert_string_equal(s.aor, "ann@" DOMAIN);
	/* counts may overtake one another, but each is good once */
	assert_int_equal(send_it(b, "MESSAGE", signed_by(b, "MESSAGE", "ann", 5, "")).v, STAGE_NEXT);
	assert_int_equal(send_it(b, "MESSAGE", signed_by(b, "MESSAGE", "ann", 4, "")).v, STAGE_NEXT);
	assert_int_equal(send_it(b, "MESSAGE", signed_by(b, "MESSAGE", "ann", 5, "")).v, STAGE_DONE);
	assert_int_equal(fake.status, 401);
	assert_int_equal(meter_get(&b->meter, METER_AUTH_FORGED), 1);
}

/* An ask that is answered twice, late, or never asked changes nothing. */
static void answers_are_good_once(void **state)
{
	struct bench *b = *state;
	sign_in(b);
	tell(b, true, "bob@" DOMAIN);
	auth_told(b->auth, 99, &(struct auth_told){ .is_right = true, .aor = STR("bob@" DOMAIN), .key = STR("0123456789abcdef") });
	assert_int_equal(b->n_proven, 1);
}

static void wrong_passwords(void **state)
{
	struct bench *b = *state;
	begin(b);
	tell(b, false, "ann@" DOMAIN);
	assert_int_equal(b->n_failures, 1);
	assert_string_equal(b->failed_aor, "ann@" DOMAIN);
	timers_run(&b->timers, b->timers.now + 60000);
	assert_int_equal(fake.status, 401);
	assert_false(has("opaque")); /* which tells the client that it was wrong */
	assert_int_equal(b->n_proven, 0);
	/* nobody of that name: who is counted is whom the request says it is from */
	begin(b);
	tell(b, false, "");
	assert_int_equal(b->n_failures, 2);
	assert_string_equal(b->failed_aor, "ann@" DOMAIN);
	/* the proof is right, the signature is not */
	begin(b);
	b->keys.sign[NTLM_CLIENT][0] ^= 1;
	auth_told(b->auth, b->id, &(struct auth_told){ .is_right = true, .aor = STR("ann@" DOMAIN), .key = STR("0123456789abcdef") });
	assert_int_equal(b->n_failures, 3);
	assert_int_equal(b->n_proven, 0);
	/* a key of the wrong size */
	begin(b);
	auth_told(b->auth, b->id, &(struct auth_told){ .is_right = true, .aor = STR("ann@" DOMAIN), .key = STR("short") });
	assert_int_equal(b->n_proven, 0);
}

/* While he is locked even the right password is wrong. */
static void locked(void **state)
{
	struct bench *b = *state;
	auth_lock(b->auth, STR("ann@" DOMAIN), 10, 1700000060000);
	begin(b);
	tell(b, true, "ann@" DOMAIN);
	assert_int_equal(b->n_proven, 0);
	assert_int_equal(b->n_failures, 0); /* and he cannot be locked for longer by it */
	assert_int_equal(meter_get(&b->meter, METER_AUTH_LOCKED), 1);
}

/* A right proof is no guess, and does not do. Who was signed in by one is so no longer. */
static void who_needs_a_certificate(void **state)
{
	struct bench *b = *state;
	sign_in(b);
	put_user_who(b, "ann@" DOMAIN, true, true);
	begin(b);
	tell(b, true, "ann@" DOMAIN);
	assert_int_equal(fake.status, 403);
	assert_int_equal(b->n_proven, 1);
	assert_int_equal(b->n_failures, 0);
	assert_int_equal(meter_get(&b->meter, METER_AUTH_SMARTCARD), 1);
	put_user_who(b, "ann@" DOMAIN, true, false);
	begin(b);
	tell(b, true, "ann@" DOMAIN);
	assert_int_equal(b->n_proven, 2);
}

/* Bob's password does not make him ann. */
static void acts_as_himself(void **state)
{
	struct bench *b = *state;
	begin(b);
	tell(b, true, "bob@" DOMAIN);
	assert_int_equal(fake.status, 403);
	assert_int_equal(b->n_proven, 0);
	struct sent s = send_from(b, &b->conn, "MESSAGE", "ann", signed_by(b, "MESSAGE", "ann", 2, ""));
	assert_true(err_is(s.e, ERR_SIP_FORBIDDEN));
	assert_int_equal(send_from(b, &b->conn, "MESSAGE", "bob", signed_by(b, "MESSAGE", "bob", 3, "")).v, STAGE_NEXT);
	assert_int_equal(meter_get(&b->meter, METER_AUTH_IMPERSONATION), 2);
}

static void forged(void **state)
{
	struct bench *b = *state;
	char other[SA_OPAQUE + 1];
	sign_in(b);
	/* of another text */
	char *text = strdup(signed_by(b, "MESSAGE", "ann", 2, ""));
	assert_int_equal(send_it(b, "INFO", text).v, STAGE_DONE);
	/* one digit changed, none, too few */
	char *digits = strstr(text, "response=\"") + 10;
	digits[31] = digits[31] == '0' ? '1' : '0';
	assert_int_equal(send_it(b, "MESSAGE", text).v, STAGE_DONE);
	memcpy(digits, "\"\n", 3);
	assert_int_equal(send_it(b, "MESSAGE", text).v, STAGE_DONE);
	free(text);
	assert_int_equal(meter_get(&b->meter, METER_AUTH_FORGED), 3);
	/* unsigned, by somebody who signs */
	assert_int_equal(send_it(b, "MESSAGE", "").v, STAGE_DONE);
	assert_int_equal(fake.status, 401);
	/* an association that is not there */
	memcpy(other, b->opaque, sizeof other);
	b->opaque[0] = b->opaque[0] == '0' ? '1' : '0';
	assert_int_equal(send_it(b, "MESSAGE", signed_by(b, "MESSAGE", "ann", 2, "")).v, STAGE_DONE);
	assert_int_equal(fake.status, 401);
	memcpy(b->opaque, other, sizeof other);
	/* or there, but on another connection */
	struct conn c = fake_conn(2, true);
	assert_int_equal(send_from(b, &c, "MESSAGE", "ann", signed_by(b, "MESSAGE", "ann", 2, "")).v, STAGE_DONE);
	assert_int_equal(fake.status, 401);
	auth_conn_closed(b->auth, &c);
	/* the name of another server */
	text = strdup(signed_by(b, "MESSAGE", "ann", 2, ""));
	memcpy(strstr(text, "uc01"), "uc02", 4);
	assert_int_equal(send_it(b, "MESSAGE", text).v, STAGE_DONE);
	free(text);
	/* what cannot be challenged */
	assert_true(err_is(send_it(b, "CANCEL", signed_by(b, "INFO", "ann", 2, "")).e, ERR_SIP_FORBIDDEN));
	fake.n_answers = 0;
	struct sent s = send_it(b, "ACK", signed_by(b, "INFO", "ann", 2, ""));
	assert_int_equal(s.v, STAGE_DONE);
	/* and the right one still holds */
	assert_int_equal(send_it(b, "MESSAGE", signed_by(b, "MESSAGE", "ann", 2, "")).v, STAGE_NEXT);
}

static void malformed(void **state)
{
	static const char *const bad[] = { "Authorization: NTLM gssapi-data=\"@\", version=4\n", "Authorization: NTLM gssapi-data=\"TlRM\", version=4\n",
		"Authorization: NTLM gssapi-data=\"\", version=9\n", "Authorization: NTLM opaque=\"a\", opaque=\"b\"\n" };
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_true(err_is(send_it(b, "REGISTER", bad[i]).e, ERR_MALFORMED));
	assert_int_equal(b->n_asks, 0);
}

/* Vault is not there, does not answer, or dies: the client tries again later. */
static void nobody_to_ask(void **state)
{
	struct bench *b = *state;
	b->refuse_ask = ERR(BUSY);
	(void)send_it(b, "REGISTER", "Authorization: NTLM gssapi-data=\"\", version=4\n");
	take_opaque(b);
	ntlm_keys_init(&b->keys, b->crypt, session_key);
	assert_true(err_is(send_it(b, "REGISTER", signed_by(b, "REGISTER", "ann", 1, "gssapi-data=\"" TYPE_3 "\", version=4,")).e, ERR_SIP_BUSY));
	b->refuse_ask = OK;
	begin(b);
	timers_run(&b->timers, b->timers.now + AUTH_ASK_MS);
	assert_int_equal(fake.status, 503);
	begin(b);
	fake.status = 0;
	auth_told_nothing(b->auth);
	assert_int_equal(fake.status, 503);
	begin(b);
	fake.status = 0;
	auth_told(b->auth, b->id, &(struct auth_told){ .is_away = true });
	assert_int_equal(fake.status, 503);
	/* the account may not be used: that is no guess */
	begin(b);
	fake.status = 0;
	auth_told(b->auth, b->id, &(struct auth_told){ .error = ERR(SIP_PASSWORD), .aor = STR("ann@" DOMAIN) });
	assert_int_equal(fake.status, 403);
	assert_int_equal(b->n_proven, 0);
	/* the client has gone meanwhile */
	begin(b);
	auth_conn_closed(b->auth, &b->conn);
	tell(b, true, "ann@" DOMAIN);
	assert_int_equal(b->n_proven, 0);
}

static void associations_end(void **state)
{
	struct bench *b = *state;
	sign_in(b);
	timers_run(&b->timers, b->timers.now + AUTH_SA_MS - 1);
	assert_int_equal(send_it(b, "MESSAGE", signed_by(b, "MESSAGE", "ann", 2, "")).v, STAGE_NEXT);
	timers_run(&b->timers, b->timers.now + 1);
	assert_int_equal(send_it(b, "MESSAGE", signed_by(b, "MESSAGE", "ann", 3, "")).v, STAGE_DONE);
	assert_int_equal(fake.status, 401);
	b->n_proven = 0;
	sign_in(b);
	put_user(b, "ann@" DOMAIN, false);
	assert_int_equal(send_it(b, "MESSAGE", signed_by(b, "MESSAGE", "ann", 2, "")).v, STAGE_DONE);
}

/* Many begin, none goes on: memory is bounded, and what is in use stays. */
static void challenges_are_bounded(void **state)
{
	struct bench *b = *state;
	sign_in(b);
	char opaque[SA_OPAQUE + 1];
	memcpy(opaque, b->opaque, sizeof opaque);
	size_t n = 0;
	for (int i = 0; i < 100; i++)
		(void)send_it(b, "REGISTER", "Authorization: NTLM gssapi-data=\"\", version=4\n");
	memcpy(b->opaque, opaque, sizeof opaque);
	assert_int_equal(send_it(b, "MESSAGE", signed_by(b, "MESSAGE", "ann", 2, "")).v, STAGE_NEXT);
	for (struct sa *sa = auth_conn_find(&b->conn)->associations; sa != NULL; sa = sa->next)
		n++;
	assert_int_equal(n, AUTH_SAS_MAX);
}

/* ---- what leaves, and what answers ---- */

static bool seal(struct bench *b, const char *message, struct buf *out)
{
	buf_reset(out);
	return auth_seal(b->auth, &b->conn, str_of(message), out);
}

#define OK_200(status)                                                                                                     \
	"SIP/2.0 " status "\r\nVia: SIP/2.0/tls 192.0.2.1\r\nFrom: <sip:ann@" DOMAIN ">;tag=1;epid=9afbb5a919ab\r\nTo: <sip:bob@" DOMAIN \
	">;tag=2\r\nCall-ID: c\r\nCSeq: 3 MESSAGE\r\nContent-Length: 0\r\n\r\n"

static void what_leaves_is_signed(void **state)
{
	struct bench *b = *state;
	struct buf out;
	char want[512], hex[33] = "", *at;
	uint8_t mac[16];
	buf_init(&out, 1 << 20);
	assert_false(seal(b, OK_200("200 OK"), &out));
	begin(b);
	assert_false(seal(b, OK_200("200 OK"), &out));
	tell(b, true, "ann@" DOMAIN);
	for (unsigned i = 1; i <= 2; i++) {
		assert_true(seal(b, OK_200("200 OK"), &out));
		buf_add_char(&out, '\0');
		at = strstr(out.p, "srand=\"");
		assert_non_null(at);
		int n = snprintf(want, sizeof want, "<NTLM><%.8s><%u><SIP Communications Service><" FQDN "><c><3><MESSAGE><sip:ann@" DOMAIN "><1><sip:bob@" DOMAIN "><2><><><><200>", at + 7, i);
		assert_false(failed(ntlm_mac(b->crypt, &b->keys, NTLM_SERVER, NTLM_SEQUENCE, (str){ want, (size_t)n }, mac)));
		enc_hex(mac, sizeof mac, hex);
		at = strstr(out.p, "rspauth=\"");
		assert_non_null(at);
		assert_memory_equal(at + 9, hex, 32);
		assert_non_null(strstr(out.p, b->opaque));
		at = strstr(out.p, "Via: ");
		assert_string_equal(at, strstr(OK_200("200 OK"), "Via: ")); /* nothing else is changed */
	}
	assert_false(seal(b, OK_200("401 Unauthorized"), &out));
	assert_false(seal(b, OK_200("100 Trying"), &out));
	assert_false(seal(b, "nonsense", &out));
	assert_int_equal(out.n, 0);
	buf_fini(&out);
}

/* That it is over is said under the association that is over; nobody comes in by it. */
static void the_last_word_is_signed(void **state)
{
	struct bench *b = *state;
	struct buf out;
	buf_init(&out, 1 << 20);
	assert_false(auth_is_alone(&b->conn, STR("ann@" DOMAIN)));
	sign_in(b);
	assert_true(auth_is_alone(&b->conn, STR("ann@" DOMAIN)));
	assert_false(auth_is_alone(&b->conn, STR("bob@" DOMAIN)));
	put_user(b, "ann@" DOMAIN, false);
	assert_true(seal(b, "BENOTIFY sip:ann@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/tls 192.0.2.1\r\nFrom: <sip:ann@" DOMAIN ">;tag=1\r\nTo: <sip:ann@" DOMAIN
			    ">\r\nCall-ID: c\r\nCSeq: 1 BENOTIFY\r\nContent-Length: 0\r\n\r\n", &out));
	assert_false(seal(b, "BENOTIFY sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/tls 192.0.2.1\r\nFrom: <sip:bob@" DOMAIN ">;tag=1\r\nTo: <sip:bob@" DOMAIN
			     ">\r\nCall-ID: c\r\nCSeq: 1 BENOTIFY\r\nContent-Length: 0\r\n\r\n", &out));
	buf_fini(&out);
}

/* The answer to a user with hundreds of devices, and a large body. */
static void however_long_it_is(void **state)
{
	struct bench *b = *state;
	struct buf out, message;
	buf_init(&out, 2 << 20);
	buf_init(&message, 2 << 20);
	sign_in(b);
	buf_add(&message, STR("SIP/2.0 200 OK\r\nVia: SIP/2.0/tls 192.0.2.1\r\nFrom: <sip:ann@" DOMAIN ">;tag=1\r\nTo: <sip:ann@" DOMAIN ">;tag=2\r\nCall-ID: c\r\nCSeq: 3 REGISTER\r\n"));
	for (unsigned i = 0; i < 1024; i++)
		buf_printf(&message, "Contact: <sip:ann@192.0.2.1:%u;transport=tls>;expires=7200\r\n", i + 1);
	buf_add(&message, STR("Content-Length: 600000\r\n\r\n"));
	for (unsigned i = 0; i < 60000; i++)
		buf_add(&message, STR("0123456789"));
	assert_true(auth_seal(b->auth, &b->conn, buf_str(&message), &out));
	assert_true(out.n > message.n);
	buf_fini(&message);
	buf_fini(&out);
}

static bool answers(struct bench *b, const char *status, const char *credentials)
{
	char text[2048];
	struct arena a;
	struct sip_msg m;
	arena_init(&a, 65536);
	snprintf(text, sizeof text,
		"SIP/2.0 %s\r\nVia: SIP/2.0/TLS uc01.example.test\r\nFrom: <sip:bob@" DOMAIN ">;tag=1\r\nTo: <sip:ann@" DOMAIN ">;tag=2\r\n"
		"Call-ID: c\r\nCSeq: 3 MESSAGE\r\n%sContent-Length: 0\r\n\r\n",
		status, credentials);
	assert_false(failed(sip_msg_parse(&m, str_of(text), &a, NULL, NULL)));
	bool is_good = auth_response(b->auth, &b->conn, &m);
	arena_fini(&a);
	return is_good;
}

static void responses_are_signed_too(void **state)
{
	struct bench *b = *state;
	char text[512], field[1024], hex[33] = "";
	uint8_t mac[16];
	assert_true(answers(b, "200 OK", "")); /* nobody signs here yet */
	sign_in(b);
	assert_false(answers(b, "200 OK", ""));
	assert_true(answers(b, "180 Ringing", ""));
	int n = snprintf(text, sizeof text, "<NTLM><b2700b58><2><SIP Communications Service><" FQDN "><c><3><MESSAGE><sip:bob@" DOMAIN "><1><sip:ann@" DOMAIN "><2><><><><200>");
	assert_false(failed(ntlm_mac(b->crypt, &b->keys, NTLM_CLIENT, NTLM_SEQUENCE, (str){ text, (size_t)n }, mac)));
	enc_hex(mac, sizeof mac, hex);
	snprintf(field, sizeof field, "Authorization: NTLM opaque=\"%s\", targetname=\"" FQDN "\", crand=\"b2700b58\", cnum=\"2\", response=\"%s\"\r\n", b->opaque, hex);
	assert_false(answers(b, "486 Busy Here", field));
	assert_true(answers(b, "200 OK", field));
	assert_false(answers(b, "200 OK", field));
	assert_false(answers(b, "200 OK", "Authorization: NTLM opaque=\r\n"));
}

/* Tickets: offered where there are keys; a bad one is no guess at a password, and locks nobody. */
static void tickets(void **state)
{
	struct bench *b = *state;
	static const char field[] = "Authorization: Kerberos qop=\"auth\", realm=\"SIP Communications Service\", targetname=\"sip/" FQDN "\", gssapi-data=\"dGlja2V0\", "
				    "version=4, crand=\"b2700b58\", cnum=\"1\", response=\"00\"\n";
	(void)send_it(b, "REGISTER", field);
	assert_int_equal(b->n_asks, 0);
	auth_set_kerberos(b->auth, true);
	(void)send_it(b, "REGISTER", "");
	assert_true(has("WWW-Authenticate: Kerberos realm=\"SIP Communications Service\", targetname=\"sip/" FQDN "\", version=4\r\n"));
	b->config.use_kerberos = false;
	(void)send_it(b, "REGISTER", "");
	assert_false(has("Kerberos"));
	b->config.use_kerberos = true;
	for (unsigned i = 1; i <= 6; i++) { /* the first ones are not slowed by their address */
		assert_int_equal(send_it(b, "REGISTER", field).v, STAGE_WAIT);
		assert_int_equal(b->n_asks, i);
		auth_told(b->auth, b->id, &(struct auth_told){ .is_right = false, .aor = STR("") });
		assert_int_equal(fake.status, 401);
		assert_false(has("opaque"));
	}
	assert_int_equal(b->n_failures, 0);
	assert_int_equal(meter_get(&b->meter, METER_AUTH_FAILED), 6);
	/* what does not open is no proof either; nobody there: to be tried again */
	(void)send_it(b, "REGISTER", field);
	auth_told(b->auth, b->id, &(struct auth_told){ .is_right = true, .aor = STR("ann@" DOMAIN), .key = STR("no context") });
	assert_int_equal(fake.status, 401);
	(void)send_it(b, "REGISTER", field);
	auth_told(b->auth, b->id, &(struct auth_told){ .is_away = true });
	assert_int_equal(fake.status, 503);
	assert_int_equal(b->n_proven, 0);
	assert_true(failed(send_it(b, "REGISTER", "Authorization: Kerberos gssapi-data=\"\", version=4\n").e));
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(who_is_asked_how),
		CASE(signs_in),
		CASE(answers_are_good_once),
		CASE(wrong_passwords),
		CASE(locked),
		CASE(who_needs_a_certificate),
		CASE(acts_as_himself),
		CASE(forged),
		CASE(malformed),
		CASE(nobody_to_ask),
		CASE(associations_end),
		CASE(challenges_are_bounded),
		CASE(what_leaves_is_signed),
		CASE(the_last_word_is_signed),
		CASE(however_long_it_is),
		CASE(responses_are_signed_too),
		CASE(tickets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
