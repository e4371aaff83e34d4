/* SPDX-License-Identifier: Apache-2.0 */
/* TLS-DSK with a client made of OpenSSL; whose its certificate is, a test says instead of vault. */
#include "service/auth.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/enc.h"
#include "engine/stage_fake.h"
#include "model/config.h"
#include "service/auth/auth_dsk_world.h"
#include "service/auth/auth_priv.h"

#define DOMAIN "example.test"
#define FQDN   "uc01.example.test"
#define STS    "https://web.example.test/CertProv/CertProvisioningService.svc"
#define ALL    "AES128-SHA:AES256-SHA:@SECLEVEL=0"
#define SERIAL 0x1122334455667788

/* Made once: keys take their time. */
static struct auth_dsk *dsk;
static EVP_PKEY *key;
static X509 *certificate;

struct bench {
	struct auth *auth;
	struct users *users;
	struct crypt *crypt;
	struct timers timers;
	struct config config;
	struct meter meter;
	struct conn conn;
	unsigned n_failures, n_successes, n_asks, n_proven;
	uint64_t id, unix_ms;
	struct buf asked; /* the certificate */
	/* the client's */
	struct dsk_client client;
	char opaque[SA_OPAQUE + 1];
	uint8_t key[DSK_KEY], server_key[DSK_KEY];
};

static uint64_t now_ms;

static uint64_t unix_ms(void)
{
	return now_ms;
}

static void on_failure(void *arg, str aor, const struct addr *from)
{
	((struct bench *)arg)->n_failures++;
}

static void on_success(void *arg, str aor)
{
	((struct bench *)arg)->n_successes++;
}

static err on_ask(void *arg, const struct auth_ask *q)
{
	struct bench *b = arg;
	b->n_asks++;
	b->id = q->id;
	assert_int_equal(q->scheme, SIPAE_TLS_DSK);
	buf_reset(&b->asked);
	buf_add(&b->asked, q->token);
	return OK;
}

static void on_proven(void *arg, struct request *r)
{
	((struct bench *)arg)->n_proven++;
}

static void put_user(struct bench *b, const char *aor, bool enabled)
{
	uint8_t ha1[32] = { 0 };
	assert_false(failed(users_put(b->users, &(struct user_row){ .version = 1, .aor = str_of(aor), .display_name = STR(""), .enabled = enabled,
								.ha1_sha256 = { (char *)ha1, 32 } })));
}

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	memset(&fake, 0, sizeof fake);
	now_ms = (uint64_t)time(NULL) * 1000;
	timers_init(&b->timers, 5000);
	config_default(&b->config);
	assert_false(failed(crypt_new(&b->crypt)));
	assert_false(failed(users_new(&b->users)));
	assert_false(failed(users_set_domains(b->users, STR(DOMAIN))));
	put_user(b, "ann@" DOMAIN, true);
	put_user(b, "bob@" DOMAIN, true);
	b->conn = fake_conn(1, true);
	buf_init(&b->asked, DSK_CERTIFICATE_MAX);
	struct auth_config c = { .timers = &b->timers, .unix_ms = unix_ms, .crypt = b->crypt, .users = b->users, .fqdn = STR(FQDN), .dsk = dsk,
		.config = &b->config, .meter = &b->meter, .door = { on_failure, on_success, NULL, on_ask, on_proven }, .arg = b };
	assert_false(failed(auth_new(&c, &b->auth)));
	auth_set_sts(b->auth, STR(STS));
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	auth_conn_closed(b->auth, &b->conn);
	assert_int_equal(dsk_handshakes_count(dsk), 0); /* nothing is left behind */
	auth_free(b->auth);
	users_free(b->users);
	crypt_free(b->crypt);
	timers_fini(&b->timers);
	buf_fini(&b->asked);
	if (b->client.tls != NULL)
		dsk_client_fini(&b->client);
	free(b);
	return 0;
}

/* ---- a client ---- */

struct sent {
	err e;
	enum stage_verdict v;
	char aor[64];
};

static struct sent send_over(struct bench *b, struct conn *c, const char *method, const char *from, const char *credentials)
{
	struct sent s = { .v = STAGE_NEXT };
	struct request *r = fake_request(c,
		"%s sip:" DOMAIN " SIP/2.0\nVia: SIP/2.0/tls 192.0.2.1:40000\nFrom: <sip:%s@" DOMAIN ">;tag=1;epid=9afbb5a919ab\n"
		"To: <sip:%s@" DOMAIN ">\nCall-ID: c\nCSeq: 3 %s\nMax-Forwards: 70\n%sContent-Length: 0\n\n",
		method, from, strcmp(method, "REGISTER") == 0 ? from : "bob", method, credentials);
	assert_non_null(r);
	fake.status = 0;
	fake.answer[0] = '\0';
	s.e = auth_stage(b->auth, r, &s.v);
	assert_true(str_to_z(r->aor, s.aor, sizeof s.aor));
	fake_request_free(r);
	return s;
}

static struct sent send_as(struct bench *b, const char *method, const char *from, const char *credentials)
{
	return send_over(b, &b->conn, method, from, credentials);
}

static bool has(const char *text)
{
	return strstr(fake.answer, text) != NULL;
}

static const char *token_field(struct bench *b, str token)
{
	static char field[20000];
	char text[17000];
	assert_true(ENC_BASE64_SIZE(token.n) < sizeof text);
	enc_base64(token.p, token.n, text);
	snprintf(field, sizeof field, "Authorization: TLS-DSK qop=\"auth\", realm=\"SIP Communications Service\", targetname=\"" FQDN "\", %s%s%sgssapi-data=\"%.*s\", version=4\n",
		b->opaque[0] != '\0' ? "opaque=\"" : "", b->opaque, b->opaque[0] != '\0' ? "\", " : "", (int)ENC_BASE64_SIZE(token.n), text);
	return field;
}

static struct sent send_token(struct bench *b, str token)
{
	return send_as(b, "REGISTER", "ann", token_field(b, token));
}

/* The bytes of gssapi-data in the last answer; and the opaque. */
static void take_token(struct bench *b, struct buf *out)
{
	const char *at = strstr(fake.answer, "opaque=\""), *data = strstr(fake.answer, "gssapi-data=\"");
	assert_non_null(at);
	assert_non_null(data);
	memcpy(b->opaque, at + 8, SA_OPAQUE);
	data += 13;
	str text = { data, (size_t)(strchr(data, '"') - data) };
	size_t n = text.n / 4 * 3;
	char *bytes = malloc(n + 1);
	assert_false(failed(enc_base64_read(text, bytes, &n)));
	buf_reset(out);
	buf_add(out, (str){ bytes, n });
	free(bytes);
}

static void begin_with(struct bench *b, X509 *x, const char *suites, struct buf *told)
{
	struct buf hello;
	buf_init(&hello, DSK_FLIGHT_MAX);
	if (b->client.tls != NULL)
		dsk_client_fini(&b->client);
	dsk_client_init(&b->client, key, x, suites);
	b->opaque[0] = '\0';
	(void)dsk_client_step(&b->client, STR(""), &hello);
	struct sent s = send_token(b, buf_str(&hello));
	assert_false(failed(s.e));
	assert_int_equal(s.v, STAGE_DONE);
	assert_int_equal(fake.status, 401);
	take_token(b, told);
	buf_fini(&hello);
}

/* The keys as RFC 2246 5 has them, by another way than the server's. */
static void prf(const uint8_t *master, size_t n_master, const uint8_t *client, const uint8_t *server, uint8_t out[128])
{
	char digest[] = "MD5-SHA1", label[] = "client EAP encryption";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	uint8_t secret[48], seed[64];
	assert_int_equal(n_master, sizeof secret);
	memcpy(secret, master, sizeof secret);
	memcpy(seed, client, 32);
	memcpy(seed + 32, server, 32);
	OSSL_PARAM p[] = { OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret, sizeof secret),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label, sizeof label - 1), OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
		OSSL_PARAM_construct_end() };
	assert_int_equal(EVP_KDF_derive(ctx, out, 128, p), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void take_keys(struct bench *b)
{
	uint8_t master[48], client[32], server[32], all[128];
	size_t n = SSL_SESSION_get_master_key(SSL_get_session(b->client.tls), master, sizeof master);
	(void)SSL_get_client_random(b->client.tls, client, sizeof client);
	(void)SSL_get_server_random(b->client.tls, server, sizeof server);
	prf(master, n, client, server, all);
	memcpy(b->key, all + 64, sizeof b->key);
	memcpy(b->server_key, all + 96, sizeof b->server_key);
}

/* Both of the client's flights; then vault is asked. */
static struct sent offer(struct bench *b, X509 *x)
{
	struct buf told, flight;
	buf_init(&told, DSK_FLIGHT_MAX);
	buf_init(&flight, DSK_FLIGHT_MAX);
	begin_with(b, x, ALL, &told);
	(void)dsk_client_step(&b->client, buf_str(&told), &flight);
	struct sent s = send_token(b, buf_str(&flight));
	buf_fini(&told);
	buf_fini(&flight);
	return s;
}

static void tell(struct bench *b, bool is_right, const char *aor)
{
	fake.status = 0;
	fake.answer[0] = '\0';
	auth_told(b->auth, b->id, &(struct auth_told){ .is_right = is_right, .aor = str_of(aor) });
}

static void sign_in(struct bench *b, X509 *x)
{
	struct buf told, nothing;
	buf_init(&told, DSK_FLIGHT_MAX);
	buf_init(&nothing, DSK_FLIGHT_MAX);
	struct sent s = offer(b, x);
	assert_int_equal(s.v, STAGE_WAIT);
	tell(b, true, "ann@" DOMAIN);
	assert_int_equal(fake.status, 401);
	take_token(b, &told);
	assert_int_equal(dsk_client_step(&b->client, buf_str(&told), &nothing), 1);
	assert_int_equal(nothing.n, 0);
	take_keys(b);
	buf_fini(&told);
	buf_fini(&nothing);
}

static const char *signed_by(struct bench *b, const char *method, const char *from, unsigned count)
{
	static char field[1024];
	char text[512], hex[DSK_SIGNATURE];
	int n = snprintf(text, sizeof text, "<TLS-DSK><b2700b58><%u><SIP Communications Service><" FQDN "><c><3><%s><sip:%s@" DOMAIN "><1><sip:%s@" DOMAIN "><><><><>",
		count, method, from, strcmp(method, "REGISTER") == 0 ? from : "bob");
	assert_false(failed(dsk_sign(b->key, (str){ text, (size_t)n }, hex)));
	snprintf(field, sizeof field,
		"Authorization: TLS-DSK qop=\"auth\", opaque=\"%s\", realm=\"SIP Communications Service\", targetname=\"" FQDN "\", crand=\"b2700b58\", cnum=\"%u\", "
		"response=\"%.*s\"\n",
		b->opaque, count, DSK_SIGNATURE, hex);
	return field;
}

static struct sent send_signed(struct bench *b, const char *method, const char *from, unsigned count)
{
	return send_as(b, method, from, signed_by(b, method, from, count));
}

/* ---- vectors ---- */

static void vector(void **state)
{
	static const char text[] = "<TLS-DSK><0878f41b><1><SIP Communications Service><sip.witan.test><abc123><4><REGISTER><sip:alice@witan.test><1234><sip:alice@witan.test><><><><>";
	uint8_t client[32], server[32], master[48], all[128], want[DSK_KEY];
	char hex[DSK_SIGNATURE];
	assert_false(failed(enc_hex_read(STR("6B0476543803F98EB5D1D674632CAEE3F2AF309C10E3FD1E2D0D7980C4FE9075"), client, 32)));
	assert_false(failed(enc_hex_read(STR("33B75085DBC664F387CD37DAAEA2D19131B498DA9DD8B925E85D920F1E3DEB9C"), server, 32)));
	assert_false(failed(enc_hex_read(STR("E65FDE4FC7FA23F887113D45FA9F1D20CD2A1BE0569B854804BEDA1340C7BB278C69FC2E74D83CDF52B967AA8B6F489C"), master, 48)));
	prf(master, sizeof master, client, server, all);
	assert_false(failed(enc_hex_read(STR("94B770871A5A1847EB3CDEAC49796CE185FF5F6D4D5E16F1EC4BEA041EFD81B4"), want, 32)));
	assert_memory_equal(all + 96, want, 32);
	assert_false(failed(enc_hex_read(STR("AE4ED2312ACA623C46A1D483A1139A84FBE5D8683555C22CC7479D1ED1FFE795"), want, 32)));
	assert_memory_equal(all + 64, want, 32);
	assert_false(failed(dsk_sign(want, str_of(text), hex)));
	assert_memory_equal(hex, "51aafe7601066981dbb4a6dc48347b1b52cfec8d", DSK_SIGNATURE);
	assert_true(dsk_verify(want, str_of(text), STR("51AAFE7601066981DBB4A6DC48347B1B52CFEC8D")));
	assert_false(dsk_verify(want, str_of(text), STR("51aafe7601066981dbb4a6dc48347b1b52cfec8e")));
	assert_false(dsk_verify(want, str_of(text), STR("51aafe7601066981dbb4a6dc48347b1b52cfec")));
	assert_false(dsk_verify(want, str_of(text), STR("")));
}

static void joined(const char *in, const char *want)
{
	uint8_t bytes[512];
	char hex[1024];
	struct buf out;
	size_t n = strlen(in) / 2;
	buf_init(&out, 1 << 16);
	assert_false(failed(enc_hex_read(str_of(in), bytes, n)));
	err e = dsk_join((str){ (char *)bytes, n }, &out);
	assert_int_equal(failed(e), want == NULL);
	if (want == NULL) {
		assert_true(err_is(e, ERR_MALFORMED));
	} else {
		enc_hex(out.p, out.n, hex);
		assert_int_equal(2 * out.n, strlen(want));
		assert_memory_equal(hex, want, strlen(want));
	}
	buf_fini(&out);
}

static void records_are_joined(void **state)
{
	joined("", "");
	joined("1603010002aabb", "1603010002aabb");
	joined("1603010002aabb1603010001cc1603010001dd", "1603010004aabbccdd");
	joined("1603010001aa1403010001011603010001cc1603010001dd", "1603010001aa1403010001011603010001cc1603010001dd"); /* what is encrypted stays apart */
	joined("1403010001011603010001cc", "1403010001011603010001cc");
	joined("1603010001aa1603020001bb", "1603010001aa1603020001bb");
	joined("16030100", NULL);
	joined("1603010000", NULL);
	joined("1603010002aa", NULL);
	joined("1603010001aa16", NULL);
	joined("1603014001aa", NULL);
	/* more than a record has room for */
	struct buf in, out;
	buf_init(&in, 1 << 16);
	buf_init(&out, 1 << 16);
	for (int i = 0; i < 2; i++) {
		buf_add(&in, (str){ "\x16\x03\x01\x20\x01", 5 });
		for (int k = 0; k < 0x2001; k++)
			buf_add_char(&in, 'x');
	}
	assert_true(err_is(dsk_join(buf_str(&in), &out), ERR_CEILING));
	buf_fini(&in);
	buf_fini(&out);
}

/* ---- signing in ---- */

static void offered(void **state)
{
	struct bench *b = *state;
	assert_int_equal(send_as(b, "REGISTER", "ann", "").v, STAGE_DONE);
	assert_int_equal(fake.status, 401);
	assert_true(has("WWW-Authenticate: TLS-DSK realm=\"SIP Communications Service\", targetname=\"" FQDN "\", version=4, sts-uri=\"" STS "\"\r\n"));
	b->config.use_certificate = false;
	(void)send_as(b, "REGISTER", "ann", "");
	assert_false(has("TLS-DSK"));
	(void)send_token(b, STR("x")); /* nor taken */
	assert_int_equal(fake.status, 401);
	assert_false(has("TLS-DSK"));
	b->config.use_certificate = true;
	auth_set_sts(b->auth, STR(""));
	(void)send_as(b, "REGISTER", "ann", "");
	assert_false(has("TLS-DSK"));
}

static void signs_in(void **state)
{
	struct bench *b = *state;
	struct buf told, der;
	unsigned char *p;
	buf_init(&told, DSK_FLIGHT_MAX);
	begin_with(b, certificate, ALL, &told);
	/* one record, the four messages in it; ServerHelloDone is not alone */
	const uint8_t *t = (const uint8_t *)told.p;
	assert_int_equal(t[0], 22);
	assert_int_equal((size_t)t[3] << 8 | t[4], told.n - 5);
	static const uint8_t types[] = { 2, 11, 13, 14 };
	size_t at = 5;
	for (size_t i = 0; i < sizeof types; i++) {
		assert_int_equal(t[at], types[i]);
		at += 4 + ((size_t)t[at + 1] << 16 | (size_t)t[at + 2] << 8 | t[at + 3]);
	}
	assert_int_equal(at, told.n);
	assert_false(has("sts-uri"));

	sign_in(b, certificate);
	assert_int_equal(b->n_asks, 1);
	assert_int_equal(b->n_proven, 0); /* what was registered comes with a signature */
	assert_true(b->conn.trusted);
	p = NULL;
	int n = i2d_X509(certificate, &p);
	buf_init(&der, DSK_CERTIFICATE_MAX);
	assert_int_equal(b->asked.n, n);
	assert_memory_equal(b->asked.p, p, (size_t)n);
	OPENSSL_free(p);
	assert_int_equal(dsk_handshakes_count(dsk), 1); /* of the one that was begun first in this test */
	struct sent s = send_signed(b, "REGISTER", "ann", 1);
	assert_false(failed(s.e));
	assert_int_equal(s.v, STAGE_NEXT);
	assert_string_equal(s.aor, "ann@" DOMAIN);
	assert_int_equal(send_signed(b, "MESSAGE", "ann", 2).v, STAGE_NEXT);
	assert_int_equal(send_signed(b, "MESSAGE", "ann", 2).v, STAGE_DONE); /* a second time */
	assert_int_equal(fake.status, 401);
	b->key[0] ^= 1;
	assert_int_equal(send_signed(b, "MESSAGE", "ann", 3).v, STAGE_DONE);
	buf_fini(&told);
	buf_fini(&der);
}

static void what_leaves_is_signed(void **state)
{
	static const char answer[] = "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS 192.0.2.1\r\nFrom: <sip:ann@" DOMAIN ">;tag=1\r\nTo: <sip:bob@" DOMAIN ">;tag=2\r\n"
				     "Call-ID: c\r\nCSeq: 3 MESSAGE\r\nContent-Length: 0\r\n\r\n";
	struct bench *b = *state;
	struct buf out;
	char text[512], hex[DSK_SIGNATURE];
	buf_init(&out, 65536);
	sign_in(b, certificate);
	assert_true(auth_seal(b->auth, &b->conn, str_of(answer), &out));
	buf_add_char(&out, '\0');
	const char *at = strstr(out.p, "srand=\""), *signature = strstr(out.p, "rspauth=\"");
	assert_non_null(strstr(out.p, "Authentication-Info: TLS-DSK qop=\"auth\""));
	assert_non_null(at);
	assert_non_null(signature);
	int n = snprintf(text, sizeof text,
		"<TLS-DSK><%.8s><1><SIP Communications Service><" FQDN "><c><3><MESSAGE><sip:ann@" DOMAIN "><1><sip:bob@" DOMAIN "><2><><><><200>", at + 7);
	assert_false(failed(dsk_sign(b->server_key, (str){ text, (size_t)n }, hex)));
	assert_memory_equal(signature + 9, hex, DSK_SIGNATURE);
	buf_fini(&out);
}

static void other_suite(void **state)
{
	struct bench *b = *state;
	struct buf told;
	buf_init(&told, DSK_FLIGHT_MAX);
	begin_with(b, certificate, "AES256-SHA:@SECLEVEL=0", &told);
	buf_fini(&told);
	/* newer versions, and suites that are not ours, become no handshake */
	static const struct {
		const char *suites;
		int version;
	} bad[] = { { "AES128-SHA256:@SECLEVEL=0", TLS1_2_VERSION }, { "ECDHE-RSA-AES128-SHA:@SECLEVEL=0", TLS1_VERSION } };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct dsk_client c;
		struct buf hello;
		buf_init(&hello, DSK_FLIGHT_MAX);
		dsk_client_init(&c, key, certificate, ALL);
		SSL_free(c.tls);
		SSL_CTX_set_max_proto_version(c.ctx, bad[i].version);
		SSL_CTX_set_min_proto_version(c.ctx, bad[i].version);
		assert_int_equal(SSL_CTX_set_cipher_list(c.ctx, bad[i].suites), 1);
		c.tls = SSL_new(c.ctx);
		SSL_set_bio(c.tls, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
		SSL_set_connect_state(c.tls);
		(void)dsk_client_step(&c, STR(""), &hello);
		b->opaque[0] = '\0';
		(void)send_token(b, buf_str(&hello));
		assert_int_equal(fake.status, 401);
		assert_false(has("gssapi-data"));
		dsk_client_fini(&c);
		buf_fini(&hello);
	}
}

/* ---- who may not ---- */

static void refused_by_vault(void **state)
{
	struct bench *b = *state;
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(offer(b, certificate).v, STAGE_WAIT);
		tell(b, false, i % 2 == 0 ? "" : "ann@" DOMAIN);
		timers_run(&b->timers, b->timers.now + 20000);
		assert_int_equal(fake.status, 401);
		assert_false(has("gssapi-data"));
	}
	assert_int_equal(b->n_failures, 0); /* nobody is locked out by another's certificate */
	sign_in(b, certificate);
	assert_int_equal(send_signed(b, "REGISTER", "ann", 1).v, STAGE_NEXT);
	/* vault and the users here may differ for a moment: then it is no */
	put_user(b, "ann@" DOMAIN, false);
	assert_int_equal(offer(b, certificate).v, STAGE_WAIT);
	tell(b, true, "ann@" DOMAIN);
	timers_run(&b->timers, b->timers.now + 20000);
	assert_false(has("gssapi-data"));
	assert_int_equal(offer(b, certificate).v, STAGE_WAIT);
	tell(b, true, "nobody@" DOMAIN);
	timers_run(&b->timers, b->timers.now + 20000);
	assert_false(has("gssapi-data"));
}

static void locked(void **state)
{
	struct bench *b = *state;
	auth_lock(b->auth, STR("ann@" DOMAIN), 2, 0);
	sign_in(b, certificate);
	assert_int_equal(b->n_successes, 0); /* wrong passwords that were counted stay so */
	auth_lock(b->auth, STR("ann@" DOMAIN), 9, now_ms + 60000);
	assert_int_equal(offer(b, certificate).v, STAGE_WAIT);
	tell(b, true, "ann@" DOMAIN);
	timers_run(&b->timers, b->timers.now + 20000);
	assert_int_equal(fake.status, 401);
	assert_false(has("gssapi-data"));
	assert_int_equal(b->n_failures, 0);
}

static void certificate_of_another(void **state)
{
	struct bench *b = *state;
	assert_int_equal(offer(b, certificate).v, STAGE_WAIT);
	tell(b, true, "bob@" DOMAIN); /* From is ann */
	assert_int_equal(fake.status, 403);
	assert_false(has("gssapi-data"));
	assert_int_equal(b->n_proven, 0);
}

static void shows_none(void **state)
{
	struct bench *b = *state;
	assert_int_equal(offer(b, NULL).v, STAGE_DONE);
	assert_int_equal(fake.status, 401);
	assert_false(has("gssapi-data"));
	assert_int_equal(b->n_asks, 0);
	assert_int_equal(b->n_failures, 0);
}

/* A certificate is no secret: without its key it proves nothing. */
static void shows_one_without_its_key(void **state)
{
	struct bench *b = *state;
	struct buf told, flight;
	buf_init(&told, DSK_FLIGHT_MAX);
	buf_init(&flight, DSK_FLIGHT_MAX);
	begin_with(b, certificate, ALL, &told);
	(void)dsk_client_step(&b->client, buf_str(&told), &flight);
	/* CertificateVerify is the last message before ChangeCipherSpec */
	char *ccs = memmem(flight.p, flight.n, "\x14\x03\x01\x00\x01\x01", 6);
	assert_non_null(ccs);
	ccs[-1] ^= 1;
	assert_int_equal(send_token(b, buf_str(&flight)).v, STAGE_DONE);
	assert_int_equal(fake.status, 401);
	assert_false(has("gssapi-data"));
	assert_int_equal(b->n_asks, 0);
	buf_fini(&told);
	buf_fini(&flight);
}

/* More than a message may bring; also where every record of it is whole. */
static void is_too_long(void)
{
	struct dsk_handshake *h;
	struct buf long_one, ours;
	buf_init(&long_one, 1 << 16);
	buf_init(&ours, 1 << 16);
	while (long_one.n <= DSK_FLIGHT_MAX)
		buf_add(&long_one, (str){ "\x16\x03\x01\x00\x01\x01", 6 });
	assert_false(failed(dsk_handshake_new(dsk, 0, &h)));
	assert_true(err_is(dsk_handshake_begin(h, buf_str(&long_one), &ours), ERR_REFUSED));
	dsk_handshake_free(h);
	buf_fini(&long_one);
	buf_fini(&ours);
}

static void flights_that_are_wrong(void **state)
{
	struct bench *b = *state;
	struct buf hello, told, flight;
	struct dsk_client c;
	char big[5000] = { 22, 3, 1, 0x13, -0x7d, 1, 0, 0x13, 0x7f };
	buf_init(&hello, DSK_FLIGHT_MAX);
	buf_init(&told, DSK_FLIGHT_MAX);
	buf_init(&flight, DSK_FLIGHT_MAX);
	dsk_client_init(&c, key, certificate, ALL);
	(void)dsk_client_step(&c, STR(""), &hello);
	/* the first: cut anywhere, with something after it, long, of another kind */
	for (size_t n = 0; n < hello.n; n++) {
		b->opaque[0] = '\0';
		struct sent s = send_token(b, str_cut(buf_str(&hello), 0, n));
		assert_true(n == 0 ? err_is(s.e, ERR_MALFORMED) : fake.status == 401 || s.v == STAGE_WAIT);
		assert_false(has("gssapi-data"));
		timers_run(&b->timers, b->timers.now + 20000);
		b->conn.closed = false;
	}
	buf_add_char(&hello, '\x16');
	(void)send_token(b, buf_str(&hello));
	assert_false(has("gssapi-data"));
	(void)send_token(b, (str){ big, sizeof big });
	assert_false(has("gssapi-data"));
	assert_int_equal(dsk_handshakes_count(dsk), 0); /* each was dropped at once */
	is_too_long();
	dsk_client_fini(&c);
	/* the second: cut before its end, with something after it, twice the hello, twice the same */
	for (int i = 0; i < 4; i++) {
		begin_with(b, certificate, ALL, &told);
		buf_reset(&flight);
		(void)dsk_client_step(&b->client, buf_str(&told), &flight);
		str f = buf_str(&flight);
		if (i == 0)
			f.n--;
		if (i == 1)
			buf_add(&flight, (str){ "\x15\x03\x01\x00\x02\x01\x00", 7 });
		if (i == 2)
			f = str_cut(buf_str(&hello), 0, hello.n - 1);
		if (i == 3)
			f = str_cut(f, 11, f.n);
		(void)send_token(b, i == 1 ? buf_str(&flight) : f);
		timers_run(&b->timers, b->timers.now + 20000);
		assert_int_equal(fake.status, 401);
		assert_false(has("gssapi-data"));
		assert_int_equal(dsk_handshakes_count(dsk), 0);
	}
	assert_int_equal(b->n_asks, 0);
	assert_int_equal(b->n_failures, 0);
	buf_fini(&hello);
	buf_fini(&told);
	buf_fini(&flight);
}

/* Records in another order are another handshake. */
static void reordered(void **state)
{
	struct bench *b = *state;
	struct buf told, flight, mixed;
	buf_init(&told, DSK_FLIGHT_MAX);
	buf_init(&flight, DSK_FLIGHT_MAX);
	buf_init(&mixed, DSK_FLIGHT_MAX);
	begin_with(b, certificate, ALL, &told);
	(void)dsk_client_step(&b->client, buf_str(&told), &flight);
	size_t at = (size_t)((char *)memmem(flight.p, flight.n, "\x14\x03\x01\x00\x01\x01", 6) - flight.p);
	buf_add(&mixed, str_cut(buf_str(&flight), at, at + 6));
	buf_add(&mixed, str_cut(buf_str(&flight), 0, at));
	buf_add(&mixed, str_cut(buf_str(&flight), at + 6, flight.n));
	(void)send_token(b, buf_str(&mixed));
	assert_int_equal(fake.status, 401);
	assert_false(has("gssapi-data"));
	assert_int_equal(b->n_asks, 0);
	/* the handshake is over: the right flight comes too late */
	(void)send_token(b, buf_str(&flight));
	assert_false(has("gssapi-data"));
	assert_int_equal(b->n_asks, 0);
	buf_fini(&told);
	buf_fini(&flight);
	buf_fini(&mixed);
}

/* ---- limits ---- */

static void handshakes_are_bounded(void **state)
{
	enum { CONNS = DSK_HANDSHAKES_MAX / AUTH_SAS_MAX + 8 };
	static struct conn conns[CONNS];
	struct bench *b = *state;
	struct buf hello, told, flight;
	struct dsk_client c;
	buf_init(&hello, DSK_FLIGHT_MAX);
	buf_init(&told, DSK_FLIGHT_MAX);
	buf_init(&flight, DSK_FLIGHT_MAX);
	begin_with(b, certificate, ALL, &told); /* the oldest: it will give way */
	dsk_client_init(&c, key, certificate, ALL);
	(void)dsk_client_step(&c, STR(""), &hello);
	char opaque[SA_OPAQUE + 1];
	memcpy(opaque, b->opaque, sizeof opaque);
	b->opaque[0] = '\0';
	for (uint32_t i = 0; i < CONNS; i++) {
		conns[i] = fake_conn(i + 2, true);
		for (int k = 0; k < AUTH_SAS_MAX; k++)
			(void)send_over(b, &conns[i], "REGISTER", "ann", token_field(b, buf_str(&hello)));
		assert_true(dsk_handshakes_count(dsk) <= DSK_HANDSHAKES_MAX);
	}
	assert_int_equal(dsk_handshakes_count(dsk), DSK_HANDSHAKES_MAX);
	memcpy(b->opaque, opaque, sizeof opaque);
	(void)dsk_client_step(&b->client, buf_str(&told), &flight);
	(void)send_token(b, buf_str(&flight));
	assert_int_equal(fake.status, 401);
	assert_false(has("gssapi-data"));
	/* those that are not gone on with end when somebody else begins */
	timers_run(&b->timers, b->timers.now + DSK_HANDSHAKE_MS);
	begin_with(b, certificate, ALL, &told);
	assert_int_equal(dsk_handshakes_count(dsk), 1);
	for (uint32_t i = 0; i < CONNS; i++)
		auth_conn_closed(b->auth, &conns[i]);
	dsk_client_fini(&c);
	buf_fini(&hello);
	buf_fini(&told);
	buf_fini(&flight);
}

static void another_connection(void **state)
{
	struct bench *b = *state;
	struct conn other = fake_conn(9, true);
	sign_in(b, certificate);
	(void)send_over(b, &other, "MESSAGE", "ann", signed_by(b, "MESSAGE", "ann", 1));
	assert_int_equal(fake.status, 401);
	auth_conn_closed(b->auth, &other);
}

static void gone_meanwhile(void **state)
{
	struct bench *b = *state;
	assert_int_equal(offer(b, certificate).v, STAGE_WAIT);
	auth_conn_closed(b->auth, &b->conn);
	tell(b, true, "ann@" DOMAIN);
	assert_int_equal(fake.n_requests, 0);
	assert_int_equal(fake.status, 0);
	/* and vault */
	assert_int_equal(offer(b, certificate).v, STAGE_WAIT);
	auth_told_nothing(b->auth);
	assert_int_equal(fake.status, 503);
}

/* ---- how long it holds ---- */

static void ends_with_the_certificate(void **state)
{
	struct bench *b = *state;
	X509 *x = dsk_client_certificate(key, "ann", 3600, SERIAL);
	sign_in(b, x);
	timers_run(&b->timers, b->timers.now + 3590000);
	assert_int_equal(send_signed(b, "MESSAGE", "ann", 1).v, STAGE_NEXT);
	timers_run(&b->timers, b->timers.now + 20000);
	assert_int_equal(send_signed(b, "MESSAGE", "ann", 2).v, STAGE_DONE);
	X509_free(x);
	/* one that has ended is refused here too, whatever vault's clock says */
	x = dsk_client_certificate(key, "ann", -10, SERIAL);
	assert_int_equal(offer(b, x).v, STAGE_WAIT);
	tell(b, true, "ann@" DOMAIN);
	timers_run(&b->timers, b->timers.now + 20000);
	assert_false(has("gssapi-data"));
	X509_free(x);
	/* and a long one gives eight hours */
	sign_in(b, certificate);
	timers_run(&b->timers, b->timers.now + AUTH_SA_MS - 1);
	assert_int_equal(send_signed(b, "MESSAGE", "ann", 1).v, STAGE_NEXT);
	timers_run(&b->timers, b->timers.now + 1);
	assert_int_equal(send_signed(b, "MESSAGE", "ann", 2).v, STAGE_DONE);
}

struct list_fake {
	uint8_t serial[8];
	unsigned n_asked;
};

static bool is_revoked(void *arg, const uint8_t issuer[32], str serial)
{
	struct list_fake *l = arg;
	uint8_t want[32];
	unsigned n;
	l->n_asked++;
	assert_int_equal(X509_NAME_digest(X509_get_issuer_name(certificate), EVP_sha256(), want, &n), 1);
	assert_memory_equal(issuer, want, 32);
	return serial.n == sizeof l->serial && memcmp(serial.p, l->serial, serial.n) == 0;
}

static void revoked_later(void **state)
{
	struct bench *b = *state;
	struct list_fake list = { .serial = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x89 } };
	assert_null(auth_revoked(b->auth, &b->conn, is_revoked, &list));
	assert_int_equal(offer(b, certificate).v, STAGE_WAIT);
	assert_null(auth_revoked(b->auth, &b->conn, is_revoked, &list)); /* vault judges it by the newest list */
	assert_int_equal(list.n_asked, 0);
	sign_in(b, certificate);
	assert_null(auth_revoked(b->auth, &b->conn, is_revoked, &list));
	assert_int_equal(list.n_asked, 1);
	list.serial[7] = 0x88;
	assert_non_null(auth_revoked(b->auth, &b->conn, is_revoked, &list));
	/* disabled: it holds no more */
	put_user(b, "ann@" DOMAIN, false);
	assert_int_equal(send_signed(b, "MESSAGE", "ann", 1).v, STAGE_DONE);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vector),
		cmocka_unit_test(records_are_joined),
		CASE(offered),
		CASE(signs_in),
		CASE(what_leaves_is_signed),
		CASE(other_suite),
		CASE(refused_by_vault),
		CASE(locked),
		CASE(certificate_of_another),
		CASE(shows_none),
		CASE(shows_one_without_its_key),
		CASE(flights_that_are_wrong),
		CASE(reordered),
		CASE(handshakes_are_bounded),
		CASE(another_connection),
		CASE(gone_meanwhile),
		CASE(ends_with_the_certificate),
		CASE(revoked_later),
	};
	if (failed(auth_dsk_new(STR(FQDN), &dsk)))
		return 1;
	key = EVP_RSA_gen(2048);
	certificate = dsk_client_certificate(key, "ann", 365 * 86400L, SERIAL);
	int n = cmocka_run_group_tests(tests, NULL, NULL);
	X509_free(certificate);
	EVP_PKEY_free(key);
	auth_dsk_free(dsk);
	return n;
}
