/* SPDX-License-Identifier: Apache-2.0 */
/* Names, pieces of values, and the grammar of single fields. */
#include "wire/sip/sip_test.h"

static void test_names(void **state)
{
	(void)state;
	static const struct {
		enum sip_hdr_id id;
		const char *name;
		char compact;
	} rows[] = {
#define HDR(id, text, compact, kind) { SIP_HDR_##id, text, compact },
#include "wire/sip_hdr.def"
#undef HDR
	};
	char other[64];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (sip_hdr_of(str_of(rows[i].name)) != rows[i].id)
			fail_msg("%s is not found: run tools/sip-names", rows[i].name);
		assert_str(sip_hdr_name(rows[i].id), rows[i].name);
		(void)str_to_z(str_of(rows[i].name), other, sizeof other);
		for (char *c = other; *c != '\0'; c++)
			*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : char_lower(*c);
		assert_int_equal(sip_hdr_of(str_of(other)), rows[i].id);
		other[0] = '.';
		assert_int_equal(sip_hdr_of(str_of(other)), SIP_HDR_OTHER);
		str cut = str_cut(str_of(rows[i].name), 0, strlen(rows[i].name) - 1);
		assert_true(cut.n == 1 || sip_hdr_of(cut) == SIP_HDR_OTHER);
		if (rows[i].compact != '\0') {
			assert_int_equal(sip_hdr_of((str){ &rows[i].compact, 1 }), rows[i].id);
			other[0] = (char)(rows[i].compact - 32);
			assert_int_equal(sip_hdr_of((str){ other, 1 }), rows[i].id);
		}
	}
	assert_int_equal(sip_hdr_of(STR("")), SIP_HDR_OTHER);
	assert_int_equal(sip_hdr_of(STR("z")), SIP_HDR_OTHER);
	assert_int_equal(sip_hdr_of(STR("\xe4")), SIP_HDR_OTHER);
	for (unsigned m = 0; m < SIP_METHOD_OTHER; m++)
		assert_int_equal(sip_method_of(sip_method_name((enum sip_method_index)m)), m);
	assert_int_equal(sip_method_of(STR("invite")), SIP_METHOD_OTHER);
	assert_int_equal(sip_method_of(STR("")), SIP_METHOD_OTHER);
	assert_str(sip_reason(404), "Not Found");
	assert_str(sip_reason(100), "Trying");
	assert_str(sip_reason(608), "Rejected");
	assert_str(sip_reason(499), "Request Failure");
	assert_str(sip_reason(0), "Unknown");
	assert_str(sip_reason(700), "Unknown");
}

/* Each set of characters against its spelling in RFC 3261 25.1. */
static void test_characters(void **state)
{
	(void)state;
#define ALPHANUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define TOKEN    ALPHANUM "-.!%*_+`'~"
	static const struct {
		unsigned set;
		const char *members;
	} sets[] = {
		{ CHAR_TOKEN, TOKEN },
		{ CHAR_WORD, TOKEN "()<>:\\\"/[]?{}" },
		{ CHAR_VALUE, TOKEN "[]:" },
		{ CHAR_SPACE, " \t\r\n" },
		{ CHAR_DIGIT, "0123456789" },
	};
	for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
		for (int c = 0; c < 256; c++)
			assert_int_equal(sip_is((char)c, sets[i].set), c != 0 && strchr(sets[i].members, c) != NULL);
}

static void check_list(const char *list, size_t n, const char *const *want)
{
	str rest = str_of(list), value;
	for (size_t i = 0; i < n; i++) {
		assert_true(sip_next_value(&rest, &value));
		assert_str(value, want[i]);
	}
	assert_false(sip_next_value(&rest, &value));
}

static void test_lists(void **state)
{
	(void)state;
	check_list("", 0, NULL);
	check_list(" a ", 1, (const char *const[]){ "a" });
	check_list("a, b\r\n ,\tc", 3, (const char *const[]){ "a", "b", "c" });
	check_list("a,,b", 3, (const char *const[]){ "a", "", "b" });
	check_list("\"a,\\\",b\" <sip:x,y@z>, c", 2, (const char *const[]){ "\"a,\\\",b\" <sip:x,y@z>", "c" });
	check_list("a (b, (c,\\),) d), e", 2, (const char *const[]){ "a (b, (c,\\),) d)", "e" });
	check_list("\"a, b", 1, (const char *const[]){ "\"a, b" });
	check_list("<a, b", 1, (const char *const[]){ "<a, b" });
	check_list("a, \"\\", 2, (const char *const[]){ "a", "\"\\" });
	str rest = STR("a;b = c ; d=\"x;y\"; e=<z;w>;f"), name, value;
	static const char *const want[][2] = { { "a", "" }, { "b", "c" }, { "d", "\"x;y\"" }, { "e", "<z;w>" },
		{ "f", "" } };
	for (size_t i = 0; i < 5; i++) {
		assert_true(sip_next_param(&rest, &name, &value));
		assert_str(name, want[i][0]);
		assert_str(value, want[i][1]);
	}
	assert_false(sip_next_param(&rest, &name, &value));
	assert_true(sip_param(STR("a=1;TAG=2"), STR("tag"), &value));
	assert_str(value, "2");
	assert_false(sip_param(STR("a=1;tagg=2"), STR("tag"), NULL));
}

static void test_values(void **state)
{
	(void)state;
	struct arena a;
	unsigned q;
	arena_init(&a, 4096);
	assert_str(sip_unquote(STR("token"), &a), "token");
	assert_str(sip_unquote(STR("\"\""), &a), "");
	assert_str(sip_unquote(STR("\"a b\""), &a), "a b");
	assert_str(sip_unquote(STR("\"a\\\"\\\\b\r\n \t c\""), &a), "a\"\\b c");
	a.fail_after = 1;
	assert_null(sip_unquote(STR("\"\\a\""), &a).p);
	arena_fini(&a);
	static const struct {
		const char *z;
		unsigned q;
	} good[] = { { "0", 0 }, { "1", 1000 }, { "0.", 0 }, { "1.000", 1000 }, { "0.5", 500 }, { "0.25", 250 },
		{ "0.001", 1 } };
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		assert_true(sip_qvalue(str_of(good[i].z), &q));
		assert_int_equal(q, good[i].q);
	}
	static const char *const bad[] = { "", "2", "1.1", "1.001", "0.1234", "0,5", "00", ".5", "0.x", "-0", "0 " };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(sip_qvalue(str_of(bad[i]), &q));
}

static bool is_addr(const char *z, struct sip_addr *out)
{
	struct diag d = { 0 };
	err e = sip_addr_parse(str_of(z), out, &d);
	assert_true(!failed(e) || d.what[0] != '\0');
	return !failed(e);
}

static void test_addresses(void **state)
{
	(void)state;
	struct sip_addr a;
	assert_true(is_addr("\"A. \\\"B\\\" <c>\"<sip:a@b;x=y?h=v>;p;q=\"1;2\" ; r = z", &a));
	assert_str(a.display, "\"A. \\\"B\\\" <c>\"");
	assert_str(a.uri.raw, "sip:a@b;x=y?h=v");
	assert_str(a.params, "p;q=\"1;2\" ; r = z");
	assert_true(a.has_brackets);
	assert_true(is_addr("A  B <sip:a@b>", &a));
	assert_str(a.display, "A  B");
	assert_int_equal(a.params.n, 0);
	assert_true(is_addr("<sip:a@b>", &a));
	assert_int_equal(a.display.n, 0);
	assert_true(is_addr("sip:a@b;tag=1", &a)); /* a header parameter: no brackets (RFC 3261 20) */
	assert_str(a.params, "tag=1");
	assert_int_equal(a.uri.params.n, 0);
	assert_false(a.has_brackets);
	assert_true(is_addr("*", &a));
	assert_true(a.is_star);
	assert_true(is_addr("caller<sip:a@b>", &a));
	assert_str(a.display, "caller");
	static const char *const bad[] = { "", "<sip:a@b", "sip:a@b>", "< sip:a@b>", "<sip:a@b >", "\"A <sip:a@b>",
		"A, B <sip:a@b>", "<sip:a@b>x", "<sip:a@b>;", "<sip:a@b>;;a", "<sip:a@b>;a=", "<sip:a@b>;a=\"x",
		"<sip:a@b>;a=b c", "<sip:a@b>,<sip:c@d>", "sip:a@b?x=y", "sip:a,b@c", "sip:a@b x", "\"A\" sip:a@b",
		"\"A\" B <sip:a@b>", "<>", "A", "**", "<sip:a@b>;=x", "A:B <sip:a@b>", "<sip:a@b>;a==b" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (is_addr(bad[i], &a))
			fail_msg("%s is accepted", bad[i]);
}

static bool is_via(const char *z, struct sip_via *out)
{
	struct diag d = { 0 };
	err e = sip_via_parse(str_of(z), out, &d);
	assert_true(!failed(e) || d.what[0] != '\0');
	return !failed(e);
}

static void test_vias(void **state)
{
	(void)state;
	struct sip_via v;
	assert_true(is_via("SIP/2.0/tls h.example.com:5061;rport;BRANCH=z9hG4bKx;received=192.0.2.1;alias", &v));
	assert_str(v.transport, "tls");
	assert_str(v.host, "h.example.com");
	assert_int_equal(v.port, 5061);
	assert_str(v.branch, "z9hG4bKx");
	assert_str(v.received, "192.0.2.1");
	assert_true(v.has_cookie && v.has_rport);
	assert_int_equal(v.rport.n, 0);
	assert_true(is_via("SIP  / 2.0 / TCP\r\n [2001:db8::1] : 7 ; rport = 9 ;x=\"y;z\"", &v));
	assert_str(v.host, "[2001:db8::1]");
	assert_int_equal(v.port, 7);
	assert_str(v.rport, "9");
	assert_int_equal(v.branch.n, 0);
	assert_true(is_via("SIP/2.0/UDP h", &v));
	assert_false(v.has_rport);
	static const char *const bad[] = { "", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0 h", "SIP/2.0/UDPh:1x",
		"SIP/2.0/UDP h:", "SIP/2.0/UDP h:0", "SIP/2.0/UDP h:65536", "SIP/2.0/UDP h;", "SIP/2.0/UDP h;;",
		"SIP/2.0/UDP h;branch=", "SIP/2.0/UDP h;branch", "SIP/2.0/UDP h;branch=a;branch=b",
		"SIP/2.0/UDP h;rport;rport", "SIP/2.0/UDP h;rport=x", "SIP/2.0/UDP h;received=1;received=2",
		"SIP/2.0/UDP h x", "SIP/2.0/UDP h_x", "SIP/2.0/UDP 1.2.3.4.5", "SIP/2.0/UDP [::1",
		"SIP/2.0/UDP h, SIP/2.0/UDP i" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (is_via(bad[i], &v))
			fail_msg("%s is accepted", bad[i]);
}

/* A message with one field more or one changed; answers what sip_msg_parse does. */
static err parse_with(const char *start, const char *fields, struct sip_msg *m, struct arena *a)
{
	char z[2048];
	struct diag d = { 0 };
	(void)snprintf(z, sizeof z,
		"%s\r\nVia: SIP/2.0/TLS h.example.com;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\n"
		"To: <sip:b@example.com>\r\nCall-ID: 1@h\r\nCSeq: 1 OPTIONS\r\n%s\r\n",
		start, fields);
	str raw = test_exact(str_of(z));
	err e = sip_msg_parse(m, raw, a, NULL, &d);
	assert_true(!failed(e) || (d.where[0] != '\0' && d.what[0] != '\0' && strncmp(d.remedy, "see RFC ", 8) == 0));
	free((char *)(uintptr_t)raw.p);
	return e;
}

#define OPTIONS_LINE "OPTIONS sip:b@example.com SIP/2.0"

static bool is_message(const char *start, const char *fields)
{
	struct sip_msg m;
	struct arena a;
	arena_init(&a, 65536);
	err e = parse_with(start, fields, &m, &a);
	arena_fini(&a);
	return !failed(e);
}

static void test_start_lines(void **state)
{
	(void)state;
	static const char *const good[] = { OPTIONS_LINE, "OPTIONS sips:example.com SIP/2.0", "OPTIONS tel:+1 sip/2.0",
		"SIP/2.0 200 OK", "SIP/2.0 200 ", "SIP/2.0 699 \xc3\xa4", "\r\n\r\n" OPTIONS_LINE };
	static const char *const bad[] = { "", "OPTIONS", "OPTIONS ", "OPTIONS sip:b@example.com",
		"OPTIONS sip:b@example.com ", " " OPTIONS_LINE, OPTIONS_LINE " ", "OPTIONS  sip:b@example.com SIP/2.0",
		"OPTIONS sip:b@example.com  SIP/2.0", "OPTIONS\tsip:b@example.com SIP/2.0",
		"OPT(IONS sip:b@example.com SIP/2.0", "OPTIONS sip:b@example.com SIP/2",
		"OPTIONS sip:b@example.com HTTP/1.1", "OPTIONS sip:b@example.com SIP/2.1",
		"OPTIONS sip:b@example.com SIP/2.0.", "OPTIONS http://b/ SIP/2.0",
		"OPTIONS sip:b@example.com?a=b SIP/2.0", "OPTIONS <sip:b@example.com> SIP/2.0", "OPTIONS * SIP/2.0",
		"options sip:b@example.com SIP/2.0", "SIP/2.0 200", "SIP/2.0  200 OK", "SIP/2.0 99 X", "SIP/2.0 700 X",
		"SIP/2.0 2000 X", "SIP/2.0 20x X", "SIP/3.0 200 OK", "SIP/2.0 200 \xff",
		"OPTIONS sip:b@example.com\r\n SIP/2.0" };
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!is_message(good[i], ""))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (is_message(bad[i], ""))
			fail_msg("%s is accepted", bad[i]);
}

static void test_fields(void **state)
{
	(void)state;
	static const char *const good[] = { "", "Nn:\r\n", "Nn :y\r\n", "Nn\t: y\r\n z\r\n\tw\r\n", "Nn: a\tb\r\n",
		"Nn: \"\\\x01\"\r\n", "Contact: *\r\n", "Contact: <sip:a@b>, sip:c@d;q=0.5\r\n",
		"m: <sip:a@b>\r\nContact: <sip:c@d>\r\n", "Expires: 0\r\n", "Expires: 99999999999999999999\r\n",
		"Session-Expires: 90 ;refresher=uas\r\n", "Retry-After: 5 (soon)\r\n",
		"Route: <sip:a;lr>, \"B\" <sip:b;lr>;x=y\r\n", "Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n",
		"Max-Forwards: 0\r\n", "Content-Type: text/plain; charset=\"utf 8\"\r\n", "c: a / b\r\n",
		"Event: presence.winfo;id=7\r\n", "Supported:\r\n", "Supported: a, b\r\nk: c\r\n",
		"Authorization: Digest a=b\r\nAuthorization: Digest c=d\r\n", "Warning: 307 isi.edu \"x\"\r\n",
		"RAck: 776656 1 INVITE\r\n", "Refer-To: <sip:a@b?Replaces=x%40y%3Bto-tag%3Dz>\r\n",
		"Server: a (b, (c))\r\n", "Content-Length: 0\r\nl: 00\r\n", "Nn: \xf0\x9f\x98\x80\r\n",
		"P-Asserted-Identity: \"A\" <sip:a@b>, tel:+1\r\n" };
	static const char *const bad[] = { "Nn\r\n", ": x\r\n", "Nn y: z\r\n", "Nn: a\nY: b\r\n", "Nn: a\rb\r\n",
		"Nn: \x01\r\n", "Nn: \x7f\r\n", "Nn: \xff\r\n", "Nn: \xc3\r\n", "Nn: \xed\xa0\x80\r\n",
		"\xc3\xa4: x\r\n", " Nn: y: z\r\n", "Contact:\r\n", "Contact: *, <sip:a@b>\r\n",
		"Contact: <sip:a@b>,\r\n ,\r\n", "Contact: sip:a@b?x=y\r\n", "Expires: x\r\n", "Expires:\r\n",
		"Expires: -1\r\n", "Expires: 1x\r\n", "Route: sip:a;lr\r\n", "Route: <sip:a;lr>;;\r\n",
		"Record-Route: <sip:a b>\r\n", "Date: Sat, 13 Nov 2010 23:29:00 EST\r\n",
		"Date: Sat, 13 Now 2010 23:29:00 GMT\r\n", "Max-Forwards: 256\r\n", "Max-Forwards: x\r\n",
		"Max-Forwards: -1\r\n", "Max-Forwards: 7\r\nMax-Forwards: 7\r\n", "Content-Type: text\r\n",
		"Content-Type: text/\r\n", "Content-Type: a/b;\r\n", "Event:\r\n", "Event: a b\r\n",
		"Supported: a b\r\n", "Require: (a)\r\n", "Authorization: Digest\r\n", "Authorization: =\r\n",
		"Warning: 1812 x \"y\"\r\n", "RAck: 1 INVITE\r\n", "RSeq: 4294967296\r\n", "Content-Length: 1\r\n",
		"Content-Length: 0\r\nl: 1\r\n", "To: <sip:c@d>\r\n", "f: <sip:c@d>\r\n", "Call-ID: 2\r\n",
		"CSeq: 1 OPTIONS\r\n", "Event: a\r\no: b\r\n", "Refer-To: <sip:a@b>, <sip:c@d>\r\n",
		"Reply-To: *\r\n" };
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!is_message(OPTIONS_LINE, good[i]))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (is_message(OPTIONS_LINE, bad[i]))
			fail_msg("%s is accepted", bad[i]);
}

static err parse_raw(const char *z, struct sip_msg *m, struct arena *a)
{
	return sip_msg_parse(m, str_of(z), a, NULL, NULL);
}

/* The fields that must be there, one by one: with what is wrong the request can still be answered. */
static void test_required(void **state)
{
	(void)state;
	static const char *const fields[] = { "Via: SIP/2.0/TLS h\r\n", "From: <sip:a@b>;tag=1\r\n",
		"To: <sip:a@b>\r\n", "Call-ID: x\r\n", "CSeq: 4 ACK\r\n" };
	static const char *const broken[] = { "Via: SIP\r\n", "From: <sip:a@b>;tag\r\n",
		"To: <sip:a@b>;tag=1;tag=2\r\n", "Call-ID: a@b@c\r\n", "CSeq: 4ACK\r\n", "CSeq: ACK\r\n",
		"CSeq: 4 ACK x\r\n", "CSeq: 2147483648 ACK\r\n", "CSeq: 4 BYE\r\n", "From: *\r\n", "Call-ID:\r\n",
		"Via:\r\n" };
	struct sip_msg m;
	struct arena a;
	arena_init(&a, 1 << 20);
	for (size_t skip = 0; skip <= 5; skip++) {
		char z[1024] = "ACK sip:a SIP/2.0\r\n";
		for (size_t i = 0; i < 5; i++)
			if (i != skip)
				(void)strncat(z, fields[i], sizeof z - strlen(z) - 1);
		(void)strncat(z, "\r\n", sizeof z - strlen(z) - 1);
		assert_string_equal(test_err(parse_raw(z, &m, &a)), skip == 5 ? "OK" : "MALFORMED");
		assert_false(m.answerable); /* nothing answers an ACK */
	}
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
		char z[1024] = "ACK sip:a SIP/2.0\r\n";
		size_t same = strcspn(broken[i], ":");
		for (size_t k = 0; k < 5; k++)
			(void)strncat(z, strncmp(fields[k], broken[i], same) == 0 ? broken[i] : fields[k],
				sizeof z - strlen(z) - 1);
		(void)strncat(z, "\r\n", sizeof z - strlen(z) - 1);
		if (!failed(parse_raw(z, &m, &a)))
			fail_msg("%s is accepted", broken[i]);
	}
	arena_fini(&a);
}

static void test_reading(void **state)
{
	(void)state;
	struct sip_msg m;
	struct arena a;
	struct sip_walk w = { 0 };
	uint32_t seconds;
	str value;
	arena_init(&a, 65536);
	assert_ok(
		parse_raw("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS a, SIP/2.0/TLS b\r\nv: SIP/2.0/TLS c\r\nf: "
			  "<sip:a@b>;tag=9\r\nt: <sip:a@b>\r\n"
			  "i: x\r\nCSeq: 7 PUBLISH\r\nSupported: path, Gruu\r\nSupported:\r\nk: outbound\r\nExpires: "
			  "18446744073709551616\r\n"
			  "Min-SE: 90;x\r\nWWW-Authenticate: Digest a=\"b\", c=d\r\nWWW-Authenticate: NTLM e=f\r\n\r\n",
			&m, &a));
	assert_int_equal(m.status, 200);
	assert_int_equal(m.method, SIP_METHOD_PUBLISH);
	assert_int_equal(m.cseq, 7);
	assert_false(m.has_max_forwards);
	assert_int_equal(m.max_forwards, 255);
	assert_false(m.answerable);
	for (const char *host = "abc"; *host != '\0'; host++) {
		assert_true(sip_walk_next(&m, SIP_HDR_VIA, &w, &value));
		assert_int_equal(value.p[value.n - 1], *host);
	}
	assert_false(sip_walk_next(&m, SIP_HDR_VIA, &w, &value));
	w = (struct sip_walk){ 0 };
	assert_true(sip_walk_next(&m, SIP_HDR_WWW_AUTHENTICATE, &w, &value));
	assert_str(value, "Digest a=\"b\", c=d");
	assert_true(sip_walk_next(&m, SIP_HDR_WWW_AUTHENTICATE, &w, &value));
	assert_str(value, "NTLM e=f");
	assert_false(sip_walk_next(&m, SIP_HDR_WWW_AUTHENTICATE, &w, &value));
	assert_true(sip_has_token(&m, SIP_HDR_SUPPORTED, STR("gruu")));
	assert_true(sip_has_token(&m, SIP_HDR_SUPPORTED, STR("outbound")));
	assert_false(sip_has_token(&m, SIP_HDR_SUPPORTED, STR("100rel")));
	assert_true(sip_hdr_seconds(&m, SIP_HDR_EXPIRES, &seconds));
	assert_int_equal(seconds, UINT32_MAX);
	assert_true(sip_hdr_seconds(&m, SIP_HDR_MIN_SE, &seconds));
	assert_int_equal(seconds, 90);
	assert_false(sip_hdr_seconds(&m, SIP_HDR_MIN_EXPIRES, &seconds));
	arena_fini(&a);
}

static err rules_of(const char *start, const char *fields)
{
	struct sip_msg m;
	struct arena a;
	char z[2048];
	arena_init(&a, 65536);
	(void)snprintf(z, sizeof z, "%s\r\nv: SIP/2.0/TLS h\r\nf: <sip:a@b>;tag=1\r\ni: x\r\n%s\r\n", start, fields);
	assert_ok(parse_raw(z, &m, &a));
	err e = sip_msg_check(&m, NULL);
	arena_fini(&a);
	return e;
}

static void test_rules(void **state)
{
	(void)state;
	assert_ok(
		rules_of("REGISTER sip:b SIP/2.0", "t: <sips:a@b>\r\nCSeq: 1 REGISTER\r\nRequire: path, OUTBOUND\r\n"));
	assert_err(rules_of("REGISTER sip:b SIP/2.0", "t: <tel:+1>\r\nCSeq: 1 REGISTER\r\n"), MALFORMED);
	assert_err(rules_of("BYE sip:b SIP/2.0", "t: <tel:+1>\r\nCSeq: 1 BYE\r\nRequire: path, nonesuch\r\n"),
		SIP_EXTENSION);
	assert_err(rules_of("BYE sip:b SIP/2.0", "t: <tel:+1>\r\nCSeq: 1 BYE\r\nProxy-Require: x\r\n"), SIP_EXTENSION);
	static const char *const many[] = { "255.255.255.255", "224.0.0.1", "239.255.255.255", "[ff02::1]",
		"[FF0e::1]" };
	static const char *const one[] = { "223.255.255.255", "240.0.0.1", "[fe80::1]", "[ff::1]", "ff02.example.com" };
	char fields[256];
	for (size_t i = 0; i < 5; i++) {
		(void)snprintf(fields, sizeof fields, "v: SIP/2.0/UDP %s\r\nt: <sip:a@b>\r\nCSeq: 1 BYE\r\n", many[i]);
		assert_err(rules_of("SIP/2.0 200 OK", fields), MALFORMED);
		(void)snprintf(fields, sizeof fields, "v: SIP/2.0/UDP %s\r\nt: <sip:a@b>\r\nCSeq: 1 BYE\r\n", one[i]);
		assert_ok(rules_of("SIP/2.0 200 OK", fields));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_vias),
		cmocka_unit_test(test_start_lines),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
