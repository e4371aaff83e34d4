/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of RFC 4475 and RFC 5118 against test/torture/verdicts.tsv. */
#include "wire/sip/sip_test.h"

#define COLUMNS 8
enum { FILE_NAME, SECTION, KIND, PARSE, RULES, FRAME, ANSWER, LAYER };

/* Cuts a row into columns; false for a comment. */
static bool read_row(char *line, char *col[COLUMNS])
{
	char *rest = line;
	line[strcspn(line, "\n")] = '\0';
	if (line[0] == '#' || line[0] == '\0')
		return false;
	for (int i = 0; i < COLUMNS; i++) {
		col[i] = strsep(&rest, "\t");
		if (col[i] == NULL)
			fail_msg("a column is missing: %s", line);
	}
	return true;
}

static const char *answer_of(const struct sip_msg *m, err e, char z[8])
{
	(void)snprintf(z, 8, "%d", e.def->sip);
	return m->answerable ? z : "drop";
}

static void check_answer(char *col[COLUMNS], const struct sip_msg *m, err e, const struct diag *d)
{
	char z[8];
	assert_string_equal(col[KIND], "malformed");
	assert_string_equal(col[ANSWER], answer_of(m, e, z));
	assert_true(d->where[0] != '\0' && d->what[0] != '\0');
	assert_non_null(strstr(d->remedy, "see RFC "));
	for (const char *c = d->what; *c != '\0'; c++) /* it goes into a Warning field as it is */
		assert_true(*c >= ' ' && *c <= '~' && *c != '"' && *c != '\\');
}

static void check_message(char *col[COLUMNS])
{
	struct sip_msg m;
	struct sip_frame f = { 0 };
	struct diag d = { 0 };
	struct arena a;
	str raw = test_file(col[FILE_NAME]);
	arena_init(&a, 65536);
	err e = sip_msg_parse(&m, raw, &a, NULL, &d);
	assert_string_equal(test_err(e), col[PARSE]);
	if (failed(e)) {
		assert_string_equal(col[RULES], "-");
		assert_string_equal(col[LAYER], "parser");
		check_answer(col, &m, e, &d);
	} else {
		e = sip_msg_check(&m, &d);
		assert_string_equal(test_err(e), col[RULES]);
		if (failed(e))
			check_answer(col, &m, e, &d);
		else
			assert_string_equal(col[KIND], "well-formed");
	}
	assert_string_equal(test_err(sip_frame_find(&f, raw, NULL)), col[FRAME]);
	arena_fini(&a);
	free((char *)(uintptr_t)raw.p);
}

static void test_verdicts(void **state)
{
	(void)state;
	char line[512], *col[COLUMNS];
	unsigned rfc4475 = 0, rfc5118 = 0;
	FILE *f = fopen("test/torture/verdicts.tsv", "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		if (!read_row(line, col))
			continue;
		print_message("%s (%s)\n", col[FILE_NAME], col[SECTION]);
		check_message(col);
		rfc4475 += strncmp(col[FILE_NAME], "rfc4475/", 8) == 0;
		rfc5118 += strncmp(col[FILE_NAME], "rfc5118/", 8) == 0;
	}
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rfc4475, 49);
	assert_int_equal(rfc5118, 12);
}

struct held {
	struct sip_msg m;
	struct arena a;
	str raw;
};

static void hold(struct held *h, const char *name)
{
	h->raw = test_file(name);
	arena_init(&h->a, 65536);
	assert_ok(sip_msg_parse(&h->m, h->raw, &h->a, NULL, NULL));
}

static void drop(struct held *h)
{
	arena_fini(&h->a);
	free((char *)(uintptr_t)h->raw.p);
}

/* 3.1.1.1: what a tortuous INVITE says */
static void test_wsinv(void **state)
{
	(void)state;
	struct held h;
	struct sip_walk w = { 0 };
	struct sip_via via;
	struct sip_addr contact;
	str value;
	hold(&h, "rfc4475/wsinv.dat");
	assert_int_equal(h.m.method, SIP_METHOD_INVITE);
	assert_str(h.m.to_tag, "1918181833n");
	assert_str(h.m.from_tag, "98asjd8");
	assert_int_equal(h.m.max_forwards, 68);
	assert_int_equal(h.m.cseq, 9);
	assert_str(h.m.cseq_method, "INVITE");
	assert_str(h.m.via.transport, "UDP");
	assert_str(h.m.via.host, "192.0.2.2");
	assert_str(h.m.via.branch, "390skdjuw");
	assert_false(h.m.via.has_cookie);
	assert_str(sip_unquote(h.m.from.display, &h.a), "J Rosenberg \\\"");
	assert_int_equal(h.m.body.n, 150);
	for (int i = 0; i < 3; i++)
		assert_true(sip_walk_next(&h.m, SIP_HDR_VIA, &w, &value));
	assert_ok(sip_via_parse(value, &via, NULL));
	assert_str(via.host, "192.168.255.111");
	assert_str(via.branch, "z9hG4bK30239");
	assert_false(sip_walk_next(&h.m, SIP_HDR_VIA, &w, &value));
	assert_ok(sip_addr_parse(sip_hdr_value(&h.m, SIP_HDR_CONTACT), &contact, NULL));
	assert_true(sip_param(contact.params, STR("newparam"), &value));
	assert_str(value, "newvalue");
	assert_true(sip_param(contact.params, STR("q"), &value));
	assert_str(value, "0.33");
	assert_str(sip_hdr_value(&h.m, SIP_HDR_SUBJECT), "");
	drop(&h);
}

static void test_others(void **state)
{
	(void)state;
	struct held h;
	struct uri twin;
	str value;
	hold(&h, "rfc4475/intmeth.dat"); /* 3.1.1.2 */
	assert_str(h.m.method_name, "!interesting-Method0123456789_*+`.%indeed'~");
	assert_int_equal(h.m.method, SIP_METHOD_OTHER);
	assert_int_equal(h.m.max_forwards, 255);
	assert_true(h.m.has_max_forwards);
	assert_int_equal(h.m.to.display.n, 22); /* an escaped NUL is inside */
	assert_str(h.m.from_tag, "_token~1'+`*%!-.");
	drop(&h);
	hold(&h, "rfc4475/esc01.dat"); /* 3.1.1.3 */
	assert_err(uri_parse(STR("sip:sips:user@example.com@example.net"), &twin, NULL), MALFORMED);
	assert_str(h.m.uri.user, "sips%3Auser%40example.com");
	assert_int_equal(h.m.uri.kind, URI_SIP);
	drop(&h);
	hold(&h, "rfc4475/esc02.dat"); /* 3.1.1.5 */
	assert_int_equal(h.m.method, SIP_METHOD_OTHER);
	assert_int_equal(sip_hdr_next(&h.m, sip_hdr_first(&h.m, SIP_HDR_CONTACT))->next, 0);
	drop(&h);
	hold(&h, "rfc4475/semiuri.dat"); /* 3.1.1.9 */
	assert_str(h.m.uri.user, "user;par=u%40example.net");
	assert_int_equal(h.m.uri.params.n, 0);
	assert_true(sip_has_token(&h.m, SIP_HDR_ACCEPT, STR("message/sipfrag")));
	drop(&h);
	hold(&h, "rfc4475/noreason.dat"); /* 3.1.1.13 */
	assert_int_equal(h.m.status, 100);
	assert_int_equal(h.m.reason.n, 0);
	assert_int_equal(h.m.method, SIP_METHOD_INVITE);
	drop(&h);
	hold(&h, "rfc4475/badbranch.dat"); /* 3.2.1 */
	assert_str(h.m.via.branch, "z9hG4bK");
	assert_false(h.m.via.has_cookie);
	drop(&h);
	hold(&h, "rfc4475/cparam01.dat"); /* 3.3.12: of the header, not of the URI */
	assert_ok(sip_addr_parse(sip_hdr_value(&h.m, SIP_HDR_CONTACT), &h.m.to, NULL));
	assert_str(h.m.to.params, "unknownparam");
	assert_int_equal(h.m.to.uri.params.n, 0);
	drop(&h);
	hold(&h, "rfc5118/port-ambiguous.dat"); /* 4.3 */
	assert_str(h.m.uri.host, "[2001:db8::10:5070]");
	assert_int_equal(h.m.uri.port, 0);
	drop(&h);
	hold(&h, "rfc5118/port-unambiguous.dat"); /* 4.4 */
	assert_str(h.m.uri.host, "[2001:db8::10]");
	assert_int_equal(h.m.uri.port, 5070);
	drop(&h);
	hold(&h, "rfc5118/via-received-param-no-delim.dat"); /* 4.5 */
	assert_str(h.m.via.received, "2001:db8::9:255");
	drop(&h);
	hold(&h, "rfc4475/dblreq.dat"); /* 3.1.1.8: the second one is found behind the first and its line end */
	value = str_cut(h.raw, h.m.raw.n, h.raw.n);
	struct sip_frame f = { 0 };
	assert_true(str_begins(value, STR("\r\nINVITE ")));
	assert_ok(sip_frame_find(&f, str_cut(value, 2, value.n), NULL));
	assert_int_equal(f.body, 150);
	drop(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_wsinv),
		cmocka_unit_test(test_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
