/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/hello.h"

enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, CLIENT_HELLO = 1, SERVER_HELLO = 2, RECORD_MOST = 16384 + 2048 };
enum { EXT_SERVER_NAME = 0, EXT_GROUPS = 10, EXT_POINTS = 11, EXT_SIGNATURES = 13, EXT_VERSIONS = 43, EXT_KEY_SHARE = 51 };

static const struct hello_suite suites_known[] = {
#define SUITE(id, name, grade, why) { id, name, HELLO_##grade, why },
#include "wire/hello/hello_suite.def"
#undef SUITE
};

#define KNOWN (sizeof suites_known / sizeof *suites_known)
_Static_assert(KNOWN <= HELLO_SUITES, "HELLO_SUITES holds every suite");

const struct hello_suite *hello_suite_at(size_t i)
{
	return i < KNOWN ? &suites_known[i] : NULL;
}

const struct hello_suite *hello_suite_find(uint16_t id)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (suites_known[i].id == id)
			return &suites_known[i];
	return NULL;
}

/* Suites of 1.3 are its own (RFC 8446 B.4); those with AEAD or SHA-2 came with 1.2, which the registry tells by number. */
static bool fits(uint16_t version, uint16_t id)
{
	bool is_1_3 = id >> 8 == 0x13;
	if (version == HELLO_TLS_1_3 || is_1_3)
		return version == HELLO_TLS_1_3 && is_1_3;
	bool is_1_2 = (id >= 0x003b && id <= 0x0040) || (id >= 0x0067 && id <= 0x006d) || (id >= 0x009c && id <= 0x00a7) ||
		      (id >= 0xc023 && id <= 0xc032) || id >= 0xc09c;
	return version == HELLO_TLS_1_2 || !is_1_2;
}

size_t hello_suites(uint16_t version, uint16_t *out, size_t room)
{
	size_t n = 0;
	for (size_t i = 0; i < KNOWN && n < room; i++)
		if (fits(version, suites_known[i].id))
			out[n++] = suites_known[i].id;
	return n;
}

const char *hello_version_word(uint16_t version)
{
	static const char *const words[] = { "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3" };
	return version >= HELLO_SSL_3 && version <= HELLO_TLS_1_3 ? words[version - HELLO_SSL_3] : "unknown";
}

/* ---- writing ---- */

static void add_number(struct buf *b, size_t v, unsigned bytes)
{
	while (bytes-- > 0)
		buf_add_char(b, (char)(v >> (8 * bytes) & 0xff));
}

static void add_numbers(struct buf *b, const uint16_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_number(b, v[i], 2);
}

/* The list of an extension, with its length before it. */
static void add_list(struct buf *b, uint16_t type, const uint16_t *v, size_t n)
{
	add_number(b, type, 2);
	add_number(b, 2 * n + 2, 2);
	add_number(b, 2 * n, 2);
	add_numbers(b, v, n);
}

static void add_server_name(struct buf *b, str name)
{
	if (name.n == 0)
		return;
	add_number(b, EXT_SERVER_NAME, 2);
	add_number(b, name.n + 5, 2);
	add_number(b, name.n + 3, 2);
	add_number(b, 0, 1);
	add_number(b, name.n, 2);
	buf_add(b, name);
}

static void add_extensions(struct buf *b, uint16_t version, str name)
{
	/* X25519, P-256, P-384, P-521, X448, the groups of RFC 7919 */
	static const uint16_t groups[] = { 0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x0100, 0x0101 };
	/* ECDSA, PSS and PKCS #1 with SHA-2, EdDSA, then SHA-1 */
	static const uint16_t signatures[] = { 0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0807,
		0x0808, 0x0203, 0x0201, 0x0202 };
	if (version == HELLO_SSL_3)
		return; /* it has none */
	add_server_name(b, name);
	add_list(b, EXT_GROUPS, groups, sizeof groups / sizeof *groups);
	add_number(b, EXT_POINTS, 2);
	add_number(b, 0x00020100, 4); /* uncompressed */
	if (version >= HELLO_TLS_1_2)
		add_list(b, EXT_SIGNATURES, signatures, sizeof signatures / sizeof *signatures);
	if (version < HELLO_TLS_1_3)
		return;
	add_number(b, EXT_VERSIONS, 2);
	add_number(b, 0x0003020304, 5); /* a list of one */
	add_number(b, EXT_KEY_SHARE, 2);
	add_number(b, 0x00020000, 4); /* none yet: the server names the group (RFC 8446 4.2.8) */
}

void hello_print(uint16_t version, str server_name, const uint16_t *suites, size_t n, const uint8_t random[32], struct buf *out)
{
	struct buf ext, body;
	uint16_t said = version < HELLO_TLS_1_3 ? version : HELLO_TLS_1_2; /* 1.3 hides behind 1.2 (RFC 8446 4.1.2) */
	buf_init(&ext, 2048);
	buf_init(&body, 4096);
	add_extensions(&ext, version, server_name);
	add_number(&body, said, 2);
	buf_add(&body, (str){ (const char *)random, 32 });
	add_number(&body, 0, 1); /* no session */
	add_number(&body, 2 * n, 2);
	add_numbers(&body, suites, n);
	add_number(&body, 0x0100, 2); /* no compression */
	if (ext.n > 0)
		add_number(&body, ext.n, 2);
	buf_add(&body, buf_str(&ext));
	add_number(out, RECORD_HANDSHAKE, 1);
	add_number(out, version == HELLO_SSL_3 ? HELLO_SSL_3 : HELLO_TLS_1_0, 2);
	add_number(out, body.n + 4, 2);
	add_number(out, CLIENT_HELLO, 1);
	add_number(out, body.n, 3);
	buf_add(out, buf_str(&body));
	out->failed = out->failed || ext.failed || body.failed;
	buf_fini(&ext);
	buf_fini(&body);
}

/* ---- reading ---- */

struct cursor {
	const uint8_t *p;
	size_t n;
	bool bad; /* something was not there */
};

static size_t take(struct cursor *c, unsigned bytes)
{
	size_t v = 0;
	if (c->n < bytes) {
		c->bad = true;
		c->n = 0;
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | c->p[i];
	c->p += bytes;
	c->n -= bytes;
	return v;
}

static struct cursor take_part(struct cursor *c, size_t n)
{
	struct cursor part = { c->p, n <= c->n ? n : 0, n > c->n };
	c->bad = c->bad || n > c->n;
	c->p += part.n;
	c->n = n <= c->n ? c->n - n : 0;
	return part;
}

static void read_extensions(struct cursor *c, struct hello_answer *out)
{
	struct cursor all = c->n > 0 ? take_part(c, take(c, 2)) : *c;
	while (all.n > 0 && !all.bad) {
		size_t type = take(&all, 2);
		struct cursor one = take_part(&all, take(&all, 2));
		if (type == EXT_VERSIONS && one.n == 2)
			out->version = (uint16_t)take(&one, 2);
	}
	c->bad = c->bad || all.bad;
}

static err read_server_hello(struct cursor c, struct hello_answer *out)
{
	ENSURE(take(&c, 1) == SERVER_HELLO, MALFORMED);
	c = take_part(&c, take(&c, 3));
	out->version = (uint16_t)take(&c, 2);
	(void)take_part(&c, 32);
	(void)take_part(&c, take(&c, 1));
	out->suite = (uint16_t)take(&c, 2);
	(void)take(&c, 1);
	read_extensions(&c, out);
	ENSURE(!c.bad && out->version >= HELLO_SSL_3 && out->version <= HELLO_TLS_1_3, MALFORMED);
	return OK;
}

/* A message may be cut into several records; a ServerHello that does not fit one is none that we know. */
err hello_parse(str bytes, struct hello_answer *out)
{
	struct cursor c = { (const uint8_t *)bytes.p, bytes.n, false };
	*out = (struct hello_answer){ 0 };
	ENSURE(c.n == 0 || c.p[0] == RECORD_ALERT || c.p[0] == RECORD_HANDSHAKE, MALFORMED);
	ENSURE(c.n < 2 || c.p[1] == 3, MALFORMED);
	ENSURE(c.n >= 5, INCOMPLETE);
	size_t type = take(&c, 1);
	(void)take(&c, 2);
	size_t length = take(&c, 2);
	ENSURE(length > 0 && length <= RECORD_MOST, MALFORMED);
	ENSURE(c.n >= length, INCOMPLETE);
	c = take_part(&c, length);
	if (type == RECORD_HANDSHAKE) {
		err e = read_server_hello(c, out);
		if (failed(e))
			*out = (struct hello_answer){ 0 };
		return e;
	}
	ENSURE(length == 2, MALFORMED);
	(void)take(&c, 1);
	out->alert = (uint8_t)take(&c, 1);
	return OK;
}
