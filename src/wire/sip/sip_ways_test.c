/* SPDX-License-Identifier: Apache-2.0 */
/* Valid messages four ways: whole, byte by byte, cut at every length, and with each allocation failing in turn. */
#include "wire/sip/sip_test.h"

static const char *const files[] = { "rfc4475/wsinv.dat", "rfc4475/intmeth.dat", "rfc4475/esc01.dat",
	"rfc4475/longreq.dat", "rfc4475/mpart01.dat", "rfc4475/unreason.dat", "rfc4475/semiuri.dat",
	"rfc5118/ipv4-mapped-ipv6.dat" };
#define FILES (sizeof files / sizeof files[0])

static void release(str s)
{
	free((char *)(uintptr_t)s.p);
}

static void each_file(void (*fn)(str raw))
{
	for (size_t i = 0; i < FILES; i++) {
		str raw = test_file(files[i]);
		fn(raw);
		release(raw);
	}
}

/* Everything that is read must lie in the message. */
static void assert_inside(str raw, str s)
{
	if (s.n != 0)
		assert_true(s.p >= raw.p && s.p + s.n <= raw.p + raw.n);
}

static void check_slices(str raw, const struct sip_msg *m)
{
	const str parts[] = { m->raw, m->method_name, m->request_uri, m->uri.host, m->reason, m->via.raw, m->via.host,
		m->via.branch, m->from.raw, m->from.display, m->to.raw, m->from_tag, m->to_tag, m->call_id,
		m->cseq_method, m->body };
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		assert_inside(raw, parts[i]);
	for (unsigned i = 0; i < m->n_hdrs; i++) {
		assert_inside(raw, m->hdrs[i].line);
		assert_inside(m->hdrs[i].line, m->hdrs[i].name);
		assert_inside(m->hdrs[i].line, m->hdrs[i].value);
	}
}

static void whole(str raw)
{
	struct sip_msg m;
	struct arena a;
	struct sip_frame f = { 0 };
	arena_init(&a, 65536);
	assert_ok(sip_frame_find(&f, raw, NULL));
	assert_ok(sip_msg_parse(&m, raw, &a, NULL, NULL));
	assert_int_equal(m.raw.n, f.length);
	check_slices(raw, &m);
	arena_fini(&a);
}

/* The stream grows by one byte, each time in memory of its own; only the last byte ends the message. */
static void bytewise(str raw)
{
	struct sip_frame f = { 0 }, at_once = { 0 };
	assert_ok(sip_frame_find(&at_once, raw, NULL));
	for (size_t n = 0; n < at_once.length; n++) {
		str part = test_exact(str_cut(raw, 0, n));
		assert_err(sip_frame_find(&f, part, NULL), INCOMPLETE);
		assert_true(f.scanned <= n);
		release(part);
	}
	assert_ok(sip_frame_find(&f, str_cut(raw, 0, at_once.length), NULL));
	assert_memory_equal(&f, &at_once, sizeof f);
}

/* A shorter message is never well-formed: its header does not end, or its body is short. */
static void truncated(str raw)
{
	struct sip_frame f = { 0 };
	assert_ok(sip_frame_find(&f, raw, NULL));
	for (size_t n = 0; n < f.length; n++) {
		struct sip_msg m;
		struct arena a;
		struct diag d = { 0 };
		str part = test_exact(str_cut(raw, 0, n));
		arena_init(&a, 65536);
		assert_err(sip_msg_parse(&m, part, &a, NULL, &d), MALFORMED);
		assert_true(d.what[0] != '\0');
		check_slices(part, &m);
		arena_fini(&a);
		release(part);
	}
}

static void print_to_nowhere(const struct sip_msg *m, struct arena *a, err *e)
{
	struct sip_out o;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 65536);
	sip_out_reply(&o, a, m, 480, STR(""), STR("abc"), STR(";received=192.0.2.1;rport=5"));
	sip_out_add_top(&o, SIP_HDR_RECORD_ROUTE, STR("<sip:a.example.com;lr>"));
	sip_out_addf(&o, SIP_HDR_EXPIRES, "%u", 3600u);
	*e = sip_out_print(&o, &b);
}

/* Each failing allocation gives CEILING and nothing half done. */
static void starved(str raw)
{
	for (uint32_t n = 1;; n++) {
		struct sip_msg m;
		struct arena a;
		struct diag d = { 0 };
		arena_init(&a, 65536);
		a.fail_after = n;
		err e = sip_msg_parse(&m, raw, &a, NULL, &d);
		if (failed(e)) {
			check_slices(raw, &m); /* rows that fitted before may be there, to answer with */
			assert_true(!m.answerable || m.n_hdrs != 0);
		} else {
			print_to_nowhere(&m, &a, &e);
		}
		bool done = a.fail_after != 0;
		arena_fini(&a);
		if (done) {
			assert_ok(e);
			assert_true(n > 3);
			return;
		}
		assert_err(e, CEILING);
	}
}

static void test_whole(void **state)
{
	(void)state;
	each_file(whole);
}

static void test_bytewise(void **state)
{
	(void)state;
	each_file(bytewise);
}

static void test_truncated(void **state)
{
	(void)state;
	each_file(truncated);
}

static void test_starved(void **state)
{
	(void)state;
	each_file(starved);
}

static const char small[] =
	"OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/TLS h.example.com;branch=z9hG4bK1\r\n"
	"From: <sip:a@example.com>;tag=1\r\nTo: <sip:a@example.com>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
	"Content-Length: 4\r\n\r\nbody";

static void check_limits(struct sip_limits l, const char *frame, const char *parse)
{
	struct sip_frame f = { 0 };
	struct sip_msg m;
	struct arena a;
	arena_init(&a, 65536);
	assert_string_equal(test_err(sip_frame_find(&f, str_of(small), &l)), frame);
	assert_string_equal(test_err(sip_msg_parse(&m, str_of(small), &a, &l, NULL)), parse);
	assert_true(m.answerable);
	arena_fini(&a);
}

static void test_limits(void **state)
{
	(void)state;
	check_limits((struct sip_limits){ 0 }, "OK", "OK");
	check_limits((struct sip_limits){ .message = sizeof small - 1 }, "OK", "OK");
	check_limits((struct sip_limits){ .message = sizeof small - 2 }, "SIP_TOO_LARGE", "SIP_TOO_LARGE");
	check_limits((struct sip_limits){ .header = sizeof small - 5 }, "OK", "OK");
	check_limits((struct sip_limits){ .header = sizeof small - 6 }, "SIP_TOO_LARGE", "SIP_TOO_LARGE");
	check_limits((struct sip_limits){ .body = 4 }, "OK", "OK");
	check_limits((struct sip_limits){ .body = 3 }, "SIP_ENTITY", "SIP_ENTITY");
	check_limits((struct sip_limits){ .fields = 6 }, "OK", "OK");
	check_limits((struct sip_limits){ .fields = 5 }, "OK", "SIP_TOO_LARGE");
}

/* More fields than the first block of rows takes. */
static void test_many_fields(void **state)
{
	(void)state;
	struct buf b DEFER(buf_fini) = { 0 };
	struct arena a;
	struct sip_msg m;
	struct sip_walk w = { 0 };
	str value;
	buf_init(&b, 65536);
	buf_add(&b, str_cut(str_of(small), 0, sizeof small - 7));
	for (unsigned i = 0; i < 100; i++)
		buf_printf(&b, "X-%u: %u\r\n", i, i);
	buf_add(&b, STR("\r\nbody"));
	arena_init(&a, 65536);
	assert_ok(sip_msg_parse(&m, buf_str(&b), &a, NULL, NULL));
	assert_int_equal(m.n_hdrs, 106);
	unsigned n = 0;
	while (sip_walk_next(&m, SIP_HDR_OTHER, &w, &value))
		n++;
	assert_int_equal(n, 100);
	arena_fini(&a);
}

static err frame_of(const char *z)
{
	struct sip_frame f = { 0 };
	return sip_frame_find(&f, str_of(z), NULL);
}

/* RFC 3261 18.3, RFC 4475 3.1.2.3, 3.3.9 */
static void test_frames(void **state)
{
	(void)state;
	assert_err(frame_of("A b SIP/2.0\r\n\r\n"), MALFORMED);
	assert_ok(frame_of("A b SIP/2.0\r\nContent-Length: 0\r\n\r\n"));
	assert_ok(frame_of("A b SIP/2.0\r\nl:0\r\n\r\n"));
	assert_ok(frame_of("A b SIP/2.0\r\ncontent-lengtH \t:\r\n\t 00\r\n\r\n"));
	assert_ok(frame_of("A b SIP/2.0\r\nL: 1\r\nContent-Length: 1\r\n\r\nx"));
	assert_err(frame_of("A b SIP/2.0\r\nL: 1\r\n\r\n"), INCOMPLETE);
	assert_err(frame_of("A b SIP/2.0\r\nL: 1\r\nContent-Length: 2\r\n\r\nxy"), MALFORMED);
	assert_err(frame_of("A b SIP/2.0\r\nL: 1\r\nContent-Length: x\r\n\r\nxy"), MALFORMED);
	assert_err(frame_of("A b SIP/2.0\r\nL: -1\r\n\r\n"), MALFORMED);
	assert_err(frame_of("A b SIP/2.0\r\nL: +1\r\n\r\n"), MALFORMED);
	assert_err(frame_of("A b SIP/2.0\r\nL: 1 1\r\n\r\n"), MALFORMED);
	assert_err(frame_of("A b SIP/2.0\r\nL:\r\n\r\n"), MALFORMED);
	assert_err(frame_of("A b SIP/2.0\r\nL: 99999999999999999999999\r\n\r\n"), SIP_ENTITY);
	assert_err(frame_of("A b SIP/2.0\r\nL: 4294967296\r\n\r\n"), SIP_ENTITY);
	/* a name inside another field's value or fold is no field */
	assert_err(frame_of("A b SIP/2.0\r\nX: y\r\n l: 0\r\n\r\n"), MALFORMED);
	/* only CRLF CRLF ends a header */
	assert_err(frame_of("A b SIP/2.0\nl: 0\n\n"), INCOMPLETE);
}

/* After a refusal the frame stays refused. */
static void test_refused_frame(void **state)
{
	(void)state;
	struct sip_frame f = { 0 };
	str in = STR("A b SIP/2.0\r\nL: x\r\n\r\n");
	assert_err(sip_frame_find(&f, in, NULL), MALFORMED);
	assert_int_equal(f.header_length, in.n);
	assert_err(sip_frame_find(&f, in, NULL), MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_bytewise),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_starved),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_fields),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_refused_frame),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
