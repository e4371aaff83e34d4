/* SPDX-License-Identifier: Apache-2.0 */
/* The printer: what is sent on says the same as what was received, changed only where asked. */
#include "wire/sip/sip_test.h"

#include <glob.h>

static const char request[] =
	"INVITE sip:bob@example.com SIP/2.0\r\n"
	"v: SIP/2.0/tls c.example.com:5061;branch=z9hG4bK1;rport;received=10.0.0.1 , SIP/2.0/TCP d.example.com\r\n"
	"Via: SIP/2.0/TLS e.example.com;branch=z9hG4bK3\r\n"
	"Max-Forwards: 70\r\n"
	"Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n"
	"Route: <sip:p3.example.com;lr>\r\n"
	"f: \"Ann, A.\" <sip:ann@example.com>;tag=a1\r\n"
	"t: <sip:bob@example.com>\r\n"
	"i: 77@c.example.com\r\n"
	"CSeq: 314 INVITE\r\n"
	"Timestamp: 54\r\n"
	"X-Own:  as is \r\n"
	"k: 100rel\r\n"
	"l: 3\r\n"
	"\r\n"
	"abc";

struct held {
	struct sip_msg m;
	struct arena a;
	struct buf b;
	struct sip_out o;
};

static void begin(struct held *h)
{
	arena_init(&h->a, 65536);
	buf_init(&h->b, 65536);
	assert_ok(sip_msg_parse(&h->m, str_of(request), &h->a, NULL, NULL));
	sip_out_from(&h->o, &h->a, &h->m, STR("INVITE sip:bob@192.0.2.2 SIP/2.0"));
}

static void end(struct held *h, const char *want)
{
	assert_ok(sip_out_print(&h->o, &h->b));
	assert_str(buf_str(&h->b), want);
	arena_fini(&h->a);
	buf_fini(&h->b);
}

static void test_as_received(void **state)
{
	(void)state;
	struct held h;
	begin(&h);
	end(&h, "INVITE sip:bob@192.0.2.2 SIP/2.0\r\n"
		"Via: SIP/2.0/tls c.example.com:5061;branch=z9hG4bK1;rport;received=10.0.0.1 , SIP/2.0/TCP "
		"d.example.com\r\n"
		"Via: SIP/2.0/TLS e.example.com;branch=z9hG4bK3\r\n"
		"Max-Forwards: 70\r\n"
		"Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n"
		"Route: <sip:p3.example.com;lr>\r\n"
		"From: \"Ann, A.\" <sip:ann@example.com>;tag=a1\r\n"
		"To: <sip:bob@example.com>\r\n"
		"Call-ID: 77@c.example.com\r\n"
		"CSeq: 314 INVITE\r\n"
		"Timestamp: 54\r\n"
		"X-Own:  as is \r\n"
		"Supported: 100rel\r\n"
		"Content-Length: 3\r\n\r\nabc");
}

static void test_changes(void **state)
{
	(void)state;
	struct held h;
	begin(&h);
	sip_out_add_top(&h.o, SIP_HDR_VIA, STR("SIP/2.0/TLS us.example.com;branch=z9hG4bK0"));
	sip_out_add_top(&h.o, SIP_HDR_RECORD_ROUTE, STR("<sip:us.example.com;lr>"));
	sip_out_set(&h.o, SIP_HDR_MAX_FORWARDS, STR("69"));
	sip_out_set(&h.o, SIP_HDR_EXPIRES, STR("60"));
	sip_out_set(&h.o, SIP_HDR_ROUTE, STR("<sip:q.example.com;lr>"));
	sip_out_remove(&h.o, SIP_HDR_SUPPORTED);
	sip_out_remove(&h.o, SIP_HDR_TIMESTAMP);
	sip_out_add_other(&h.o, STR("X-Ours"), STR("1"));
	sip_out_addf(&h.o, SIP_HDR_SERVER, "Witan/%d.%d", 0, 1);
	sip_out_add(&h.o, SIP_HDR_CONTENT_LENGTH, STR("99")); /* never believed */
	h.o.body = STR("");
	end(&h, "INVITE sip:bob@192.0.2.2 SIP/2.0\r\n"
		"Record-Route: <sip:us.example.com;lr>\r\n"
		"Via: SIP/2.0/TLS us.example.com;branch=z9hG4bK0\r\n"
		"Via: SIP/2.0/tls c.example.com:5061;branch=z9hG4bK1;rport;received=10.0.0.1 , SIP/2.0/TCP "
		"d.example.com\r\n"
		"Via: SIP/2.0/TLS e.example.com;branch=z9hG4bK3\r\n"
		"Max-Forwards: 69\r\n"
		"Route: <sip:q.example.com;lr>\r\n"
		"From: \"Ann, A.\" <sip:ann@example.com>;tag=a1\r\n"
		"To: <sip:bob@example.com>\r\n"
		"Call-ID: 77@c.example.com\r\n"
		"CSeq: 314 INVITE\r\n"
		"X-Own:  as is \r\n"
		"Expires: 60\r\n"
		"X-Ours: 1\r\n"
		"Server: Witan/0.1\r\n"
		"Content-Length: 0\r\n\r\n");
}

static str first_value(const struct held *h, enum sip_hdr_id id)
{
	for (unsigned i = 0; i < h->o.n; i++)
		if (h->o.rows[i].id == id)
			return h->o.rows[i].name.n != 0 ? h->o.rows[i].value : h->o.rows[i].line;
	return STR("");
}

static void test_tops(void **state)
{
	(void)state;
	struct held h;
	begin(&h);
	sip_out_remove_top(&h.o, SIP_HDR_ROUTE);
	assert_str(first_value(&h, SIP_HDR_ROUTE), "<sip:p2.example.com;lr>");
	sip_out_replace_top(&h.o, SIP_HDR_ROUTE, STR("<sip:r.example.com>"));
	assert_str(first_value(&h, SIP_HDR_ROUTE), "<sip:r.example.com>");
	sip_out_remove_top(&h.o, SIP_HDR_ROUTE);
	assert_str(first_value(&h, SIP_HDR_ROUTE), "Route: <sip:p3.example.com;lr>\r\n");
	sip_out_remove_top(&h.o, SIP_HDR_ROUTE);
	sip_out_remove_top(&h.o, SIP_HDR_ROUTE);
	assert_str(first_value(&h, SIP_HDR_ROUTE), "");
	sip_out_replace_top(&h.o, SIP_HDR_VIA, STR("SIP/2.0/TLS x.example.com"));
	assert_str(first_value(&h, SIP_HDR_VIA), "SIP/2.0/TLS x.example.com, SIP/2.0/TCP d.example.com");
	sip_out_remove_top(&h.o, SIP_HDR_VIA);
	assert_str(first_value(&h, SIP_HDR_VIA), "SIP/2.0/TCP d.example.com");
	sip_out_remove_top(&h.o, SIP_HDR_FROM); /* commas in it separate nothing */
	assert_str(first_value(&h, SIP_HDR_FROM), "");
	arena_fini(&h.a);
	buf_fini(&h.b);
}

static void test_reply(void **state)
{
	(void)state;
	struct held h;
	begin(&h);
	sip_out_reply(&h.o, &h.a, &h.m, 404, STR(""), STR("b2"), STR(";received=192.0.2.9;rport=999"));
	end(&h, "SIP/2.0 404 Not Found\r\n"
		"Via: SIP/2.0/tls c.example.com:5061;branch=z9hG4bK1;received=192.0.2.9;rport=999, SIP/2.0/TCP "
		"d.example.com\r\n"
		"Via: SIP/2.0/TLS e.example.com;branch=z9hG4bK3\r\n"
		"From: \"Ann, A.\" <sip:ann@example.com>;tag=a1\r\n"
		"To: <sip:bob@example.com>;tag=b2\r\n"
		"Call-ID: 77@c.example.com\r\n"
		"CSeq: 314 INVITE\r\n"
		"Content-Length: 0\r\n\r\n");
	begin(&h);
	sip_out_reply(&h.o, &h.a, &h.m, 100, STR("Wait"), STR("b2"), STR(""));
	end(&h, "SIP/2.0 100 Wait\r\n"
		"Via: SIP/2.0/tls c.example.com:5061;branch=z9hG4bK1;rport;received=10.0.0.1 , SIP/2.0/TCP "
		"d.example.com\r\n"
		"Via: SIP/2.0/TLS e.example.com;branch=z9hG4bK3\r\n"
		"From: \"Ann, A.\" <sip:ann@example.com>;tag=a1\r\n"
		"To: <sip:bob@example.com>\r\n"
		"Call-ID: 77@c.example.com\r\n"
		"CSeq: 314 INVITE\r\n"
		"Timestamp: 54\r\n"
		"Content-Length: 0\r\n\r\n");
}

/* A request that was refused is answered with what is there. */
static void test_reply_to_broken(void **state)
{
	(void)state;
	struct held h;
	str raw = test_file("rfc4475/badinv01.dat");
	arena_init(&h.a, 65536);
	buf_init(&h.b, 65536);
	assert_err(sip_msg_parse(&h.m, raw, &h.a, NULL, NULL), MALFORMED);
	assert_true(h.m.answerable);
	sip_out_reply(&h.o, &h.a, &h.m, 400, STR(""), STR("x"), STR(";received=192.0.2.9"));
	assert_ok(sip_out_print(&h.o, &h.b));
	assert_true(str_begins(buf_str(&h.b), STR("SIP/2.0 400 Bad Request\r\nTo: sip:j.user@example.com;tag=x\r\n")));
	arena_fini(&h.a);
	buf_fini(&h.b);
	free((char *)(uintptr_t)raw.p);
}

/* RFC 4475 3.3.8: of fields that may be there once, the response has one. */
static void test_reply_to_multi(void **state)
{
	(void)state;
	struct held h;
	str raw = test_file("rfc4475/multi01.dat");
	arena_init(&h.a, 65536);
	buf_init(&h.b, 65536);
	assert_err(sip_msg_parse(&h.m, raw, &h.a, NULL, NULL), MALFORMED);
	sip_out_reply(&h.o, &h.a, &h.m, 400, STR(""), STR("x"), STR(";received=192.0.2.9"));
	assert_ok(sip_out_print(&h.o, &h.b));
	assert_str(buf_str(&h.b), "SIP/2.0 400 Bad Request\r\n"
				  "Via: SIP/2.0/UDP 192.0.2.25;branch=z9hG4bKkdjuw;received=192.0.2.9\r\n"
				  "CSeq: 5 INVITE\r\n"
				  "Call-ID: multi01.98asdh@192.0.2.1\r\n"
				  "From: sip:caller@example.com;tag=3413415\r\n"
				  "To: sip:user@example.com;tag=x\r\n"
				  "Content-Length: 0\r\n\r\n");
	arena_fini(&h.a);
	buf_fini(&h.b);
	free((char *)(uintptr_t)raw.p);
}

static void test_smuggling(void **state)
{
	(void)state;
	static const char *const bad[] = { "a\r\nX: y", "a\nX: y", "a\rb", "a\r\n", "a\n b" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct held h;
		begin(&h);
		sip_out_add(&h.o, SIP_HDR_SUBJECT, str_of(bad[i]));
		assert_err(sip_out_print(&h.o, &h.b), CEILING);
		sip_out_from(&h.o, &h.a, &h.m, str_of(bad[i]));
		buf_reset(&h.b);
		assert_err(sip_out_print(&h.o, &h.b), CEILING);
		arena_fini(&h.a);
		buf_fini(&h.b);
	}
	struct held h;
	begin(&h);
	sip_out_add(&h.o, SIP_HDR_SUBJECT, STR("a\r\n folded"));
	assert_ok(sip_out_print(&h.o, &h.b));
	arena_fini(&h.a);
	buf_fini(&h.b);
}

static void test_ceilings(void **state)
{
	(void)state;
	struct held h;
	begin(&h);
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 64);
	assert_err(sip_out_print(&h.o, &b), CEILING);
	for (unsigned i = 0; i < 100; i++) /* rows grow */
		sip_out_addf(&h.o, SIP_HDR_REASON, "%u", i);
	assert_ok(sip_out_print(&h.o, &h.b));
	h.a.fail_after = 1;
	sip_out_addf(&h.o, SIP_HDR_REASON, "%u", 1u);
	assert_true(h.o.failed);
	assert_err(sip_out_print(&h.o, &h.b), CEILING);
	arena_fini(&h.a);
	buf_fini(&h.b);
}

/* parse, print, parse: the same message */
static void round_trip(str raw)
{
	struct sip_msg m, again;
	struct sip_out o;
	struct arena a;
	struct buf b DEFER(buf_fini) = { 0 };
	arena_init(&a, 1 << 20);
	buf_init(&b, 1 << 17);
	if (!failed(sip_msg_parse(&m, raw, &a, NULL, NULL))) {
		str start = str_cut(m.raw, 0, str_find_char(m.raw, '\r'));
		sip_out_from(&o, &a, &m, start);
		assert_ok(sip_out_print(&o, &b));
		assert_ok(sip_msg_parse(&again, buf_str(&b), &a, NULL, NULL));
		assert_int_equal(again.n_hdrs, m.n_hdrs + (m.first[SIP_HDR_CONTENT_LENGTH] == 0));
		assert_true(str_eq(again.body, m.body));
		assert_true(str_eq(again.from_tag, m.from_tag) && str_eq(again.call_id, m.call_id));
		assert_true(str_eq(again.via.raw, m.via.raw) && again.cseq == m.cseq && again.method == m.method);
		for (unsigned id = 1; id < SIP_HDR_N; id++)
			assert_true(str_eq(sip_hdr_value(&m, (enum sip_hdr_id)id),
					    sip_hdr_value(&again, (enum sip_hdr_id)id)) ||
				    id == SIP_HDR_CONTENT_LENGTH);
	}
	arena_fini(&a);
}

static void test_round_trips(void **state)
{
	(void)state;
	glob_t g;
	assert_int_equal(glob("test/torture/rfc*/*.dat", 0, NULL, &g), 0);
	assert_int_equal(g.gl_pathc, 61);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		str raw = test_file(g.gl_pathv[i] + sizeof "test/torture/" - 1);
		round_trip(raw);
		free((char *)(uintptr_t)raw.p);
	}
	globfree(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_received),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_tops),
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_reply_to_broken),
		cmocka_unit_test(test_reply_to_multi),
		cmocka_unit_test(test_smuggling),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_round_trips),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
