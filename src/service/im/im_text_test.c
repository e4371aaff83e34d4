/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "service/im/im_text.h"

struct world {
	struct arena a;
	struct xml_reader *xml;
};

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	arena_init(&w->a, 1u << 20);
	assert_false(failed(xml_reader_new(&w->xml)));
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;
	arena_fini(&w->a);
	xml_reader_free(w->xml);
	free(w);
	return 0;
}

static void check(str s, const char *expected)
{
	if (!str_eq(s, str_of(expected)))
		fail_msg("expected \"%s\", was \"%.*s\"", expected, STR_FMT(s));
}

static void html_becomes_text(void **state)
{
	static const struct {
		const char *html, *text;
	} rows[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "<p>so <b>bold</b></p>", "so bold" },
		{ "one<br>two<BR/>three<div>four</div>five", "one\ntwo\nthreefour\nfive" },
		{ "<html><head><title>no</title></head><body>  a \r\n  b\t</body></html>", "a b" },
		{ "<style>p { color: red }</style><script>if (a < b) x();</script>seen", "seen" },
		{ "a<!-- <b>not</b> -->b<!-- open", "ab" },
		{ "1 &lt; 2 &amp;&amp; 3 &gt; 2 &quot;&apos;&nbsp;&#65;&#x42;&#x20AC;&#128512;", "1 < 2 && 3 > 2 \"' AB\u20ac\U0001F600" },
		{ "&unknown; &#0; &#xD800; &#x110000; &#99999999999; & &; &#; &#x;", "&unknown; &#0; &#xD800; &#x110000; &#99999999999; & &; &#; &#x;" },
		{ "a < b <3 <", "a < b <3 <" },
		{ "<a href=\"x\">link", "link" },
		{ "<", "<" },
		{ "cut <b", "cut" },
	};
	struct world *w = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		check(im_text_strip(str_of(rows[i].html), &w->a), rows[i].text);
}

/* text has its lines ended by \n. */
static void parse(struct world *w, const char *text, struct sip_msg *m)
{
	char *raw = arena_alloc(&w->a, 2 * strlen(text) + 1);
	size_t n = 0;
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '\n')
			raw[n++] = '\r';
		raw[n++] = *p;
	}
	struct diag d = { 0 };
	if (failed(sip_msg_parse(m, (str){ raw, n }, &w->a, NULL, &d)))
		fail_msg("%s", d.what);
}

static err read_body(struct world *w, const char *method, const char *type, const char *body, struct im_text *t)
{
	char text[4096];
	struct sip_msg m;
	size_t n = strlen(body);
	for (const char *p = body; *p != '\0'; p++)
		n += *p == '\n';
	(void)snprintf(text, sizeof text,
		"%s sip:bob@example.test SIP/2.0\nVia: SIP/2.0/TLS c;branch=z9hG4bK1\nFrom: <sip:ann@example.test>;tag=a\nTo: <sip:bob@example.test>\n"
		"Call-ID: c\nCSeq: 1 %s\nContent-Type: %s\nContent-Length: %zu\n\n%s",
		method, method, type, n, body);
	parse(w, text, &m);
	return im_text_read(&m, w->xml, &w->a, t);
}

static void bodies_are_read(void **state)
{
	static const char both[] = "before\n--b\nContent-Type: text/rtf\n\n{\\rtf1 x}\n--b\nContent-Type: text/html; charset=UTF-8\n\n<b>h</b>\n"
				   "--b\nContent-type: text/plain; charset=utf-8\n\nplain\n\n--b--\n";
	static const struct {
		const char *type, *body, *plain_type, *plain;
		bool is_html, is_rtf;
	} rows[] = {
		{ "text/plain", "x", "text/plain;charset=UTF-8", "x" },
		{ "TEXT/Plain; charset=UTF-8;msgr=WAAt", "x", "text/plain;charset=UTF-8", "x" },
		{ "text/plain; charset=iso-8859-1", "x", "text/plain;charset=iso-8859-1", "x" },
		{ "text/html", "<i>x</i>", "text/plain;charset=UTF-8", "x", true },
		{ "text/rtf", "{\\rtf1 x}", "", NULL, false, true },
		{ "multipart/alternative;boundary=\"b\"", both, "text/plain;charset=utf-8", "plain", true, true },
		{ "multipart/related; type=\"text/html\"; boundary=b", "--b\nContent-Type: text/html\n\n<b>h</b>\n--b\nContent-Type: image/gif\nContent-Transfer-Encoding: "
			"base64\n\nAAAA\n--b--", "text/plain;charset=UTF-8", "h", true },
		{ "multipart/alternative;boundary=b", "--b\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\neA==\n--b--", "text/plain;charset=UTF-8", "x" },
	};
	struct world *w = *state;
	struct im_text t;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_false(failed(read_body(w, "MESSAGE", rows[i].type, rows[i].body, &t)));
		check(t.type, rows[i].type);
		assert_false(t.is_typing);
		assert_int_equal(t.is_html, rows[i].is_html);
		assert_int_equal(t.is_rtf, rows[i].is_rtf);
		if (rows[i].plain == NULL) {
			assert_null(t.plain.p);
			continue;
		}
		check(t.plain, rows[i].plain);
		check(t.plain_type, rows[i].plain_type);
	}
	static const struct {
		const char *type, *body;
	} refused[] = {
		{ "image/gif", "x" },
		{ "multipart/alternative", both },
		{ "multipart/alternative;boundary=other", both },
		{ "multipart/alternative;boundary=\"\"", both },
		{ "multipart/mixed;boundary=b", both },
		{ "multipart/alternative;boundary=b", "--b\nContent-Type: text/plain\nContent-Transfer-Encoding: x-uue\n\neA==\n--b--" },
		{ "multipart/alternative;boundary=b", "--b--" },
		{ "application/xml", "<KeyboardActivity><status status=\"type\"/></KeyboardActivity>" },
		{ "application/im-iscomposing+xml", "<other/>" },
		{ "application/im-iscomposing+xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><isComposing><state>&a;</state></isComposing>" },
	};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		assert_true(err_is(read_body(w, "MESSAGE", refused[i].type, refused[i].body, &t), ERR_SIP_MEDIA_TYPE));
}

static void typing_is_read(void **state)
{
	struct world *w = *state;
	struct im_text t;
	for (int on = 0; on < 2; on++) {
		char body[512];
		(void)snprintf(body, sizeof body, "%.*s", STR_FMT(im_text_keyboard(on)));
		assert_false(failed(read_body(w, "INFO", "application/xml", body, &t)));
		assert_true(t.is_typing && t.is_active == on);
		(void)snprintf(body, sizeof body, "%.*s", STR_FMT(im_text_composing(on)));
		assert_false(failed(read_body(w, "MESSAGE", "application/im-iscomposing+xml", body, &t)));
		assert_true(t.is_typing && t.is_active == on);
	}
}

static void invite(struct world *w, const char *fields, const char *body, struct sip_msg *m)
{
	char text[4096];
	size_t n = strlen(body);
	for (const char *p = body; *p != '\0'; p++)
		n += *p == '\n';
	(void)snprintf(text, sizeof text,
		"INVITE sip:bob@example.test SIP/2.0\nVia: SIP/2.0/TLS c\nFrom: <sip:ann@example.test>;tag=a\nTo: <sip:bob@example.test>\n"
		"Call-ID: c\nCSeq: 1 INVITE\nContact: <sip:a@b>\n%sContent-Length: %zu\n\n%s",
		fields, n, body);
	parse(w, text, m);
}

static void first_text_of_an_invite(void **state)
{
	struct world *w = *state;
	struct sip_msg m;
	struct im_text t;
	invite(w, "ms-text-format: text/plain; charset=UTF-8;msgr=WAAt;ms-body=aGVsbG8gYm9i\n", "", &m);
	assert_true(im_text_first(&m, &w->a, &t));
	check(t.type, "text/plain; charset=UTF-8;msgr=WAAt");
	check(t.body, "hello bob");
	check(t.plain, "hello bob");
	/* of several the first that can be shown */
	invite(w, "Ms-Text-Format: text/rtf;ms-body=e30=\nms-text-format: text/html;ms-body=PGI+eDwvYj4=\n", "", &m);
	assert_true(im_text_first(&m, &w->a, &t));
	check(t.body, "<b>x</b>");
	check(t.plain, "x");
	static const char *const none[] = { "", "ms-text-format: text/plain\n", "ms-text-format: text/plain;ms-body=\n", "ms-text-format: text/plain;ms-body=%%%\n",
		"ms-text-format: image/gif;ms-body=aGVsbG8gYm9i\n" };
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		invite(w, none[i], "", &m);
		assert_false(im_text_first(&m, &w->a, &t));
	}
}

static void what_is_a_session_of_messages(void **state)
{
	static const struct {
		const char *type, *body;
		bool is_offer;
	} rows[] = {
		{ "application/sdp", "v=0\nm=message 5061 sip null\na=accept-types:text/plain\n", true },
		{ "application/sdp; charset=x", "v=0\nm=x-ms-message 5060 sip null", true },
		{ "application/sdp", "v=0\nm=message 7394 TCP/MSRP *\n", false },
		{ "application/sdp", "v=0\nm=message 5061 sip null\nm=audio 4000 RTP/AVP 0\n", false },
		{ "application/sdp", "v=0\nm=audio 4000 RTP/AVP 0\n", false },
		{ "application/sdp", "", false },
		{ "multipart/alternative;boundary=b", "--b\n\nm=message 5061 sip null\n--b--", false },
	};
	struct world *w = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char fields[256];
		struct sip_msg m;
		(void)snprintf(fields, sizeof fields, "Content-Type: %s\n", rows[i].type);
		invite(w, fields, rows[i].body, &m);
		assert_int_equal(im_text_is_offer(&m), rows[i].is_offer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(html_becomes_text, open_world, close_world),
		cmocka_unit_test_setup_teardown(bodies_are_read, open_world, close_world),
		cmocka_unit_test_setup_teardown(typing_is_read, open_world, close_world),
		cmocka_unit_test_setup_teardown(first_text_of_an_invite, open_world, close_world),
		cmocka_unit_test_setup_teardown(what_is_a_session_of_messages, open_world, close_world),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
