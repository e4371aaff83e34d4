/* SPDX-License-Identifier: Apache-2.0 */
/* Whole requests through the stage: what goes on of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "service/filter.h"

struct world {
	struct policies *policies;
	struct meter meter;
	struct xml_reader *xml;
	struct filter filter;
	char body[8192];   /* what goes on */
	char format[2048]; /* ms-text-format of it */
};

static int open_world(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_false(failed(policies_new(&w->policies)));
	assert_false(failed(xml_reader_new(&w->xml)));
	w->filter = (struct filter){ w->policies, STR("example.test,own.example"), w->xml };
	*state = w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;
	policies_free(w->policies);
	xml_reader_free(w->xml);
	free(w);
	return 0;
}

static void set(struct world *w, const char *kind, const char *json)
{
	assert_false(failed(policies_put(w->policies, str_of(kind), STR("Global"), str_of(json))));
}
#define IM(w, json)   set(w, "ImFilterConfiguration", json)
#define FILES(w, json) set(w, "FileTransferFilterConfiguration", json)

/* A request with these fields and this body; what goes on is kept in w. */
static err pass(struct world *w, const char *fields, const char *body, uint32_t fail_after)
{
	char raw[16384];
	struct inbound *in;
	struct answers answers = { .meter = &w->meter };
	enum stage_verdict v = STAGE_DONE;
	int n = snprintf(raw, sizeof raw,
		"MESSAGE sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:ann@example.test>;tag=1\r\n"
		"To: <sip:bob@example.test>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\n%sContent-Length: %zu\r\n\r\n%s",
		fields, strlen(body), body);
	assert_false(failed(inbound_new((str){ raw, (size_t)n }, NULL, &in, NULL)));
	struct request r = { .in = in, .answers = &answers };
	in->arena.fail_after = fail_after;
	err e = filter_stage(&w->filter, &r, &v);
	assert_int_equal(v, STAGE_NEXT);
	str format = STR("");
	for (size_t i = 0; i < in->msg.n_hdrs; i++)
		if (str_eq(in->msg.hdrs[i].name, STR("ms-text-format")))
			format = in->msg.hdrs[i].value;
	assert_true(str_to_z(in->msg.body, w->body, sizeof w->body) && str_to_z(format, w->format, sizeof w->format));
	inbound_unref(in);
	return e;
}

static void expect(struct world *w, const char *type, const char *body, const char *changed)
{
	char fields[256];
	(void)snprintf(fields, sizeof fields, "Content-Type: %s\r\n", type);
	assert_false(failed(pass(w, fields, body, 0)));
	assert_string_equal(w->body, changed);
}

static void refused(struct world *w, const char *type, const char *body, enum err_id id)
{
	char fields[256];
	(void)snprintf(fields, sizeof fields, "Content-Type: %s\r\n", type);
	err e = pass(w, fields, body, 0);
	if (!err_is(e, id))
		print_error("%s: %s\n", body, failed(e) ? e.def->name : "passed");
	assert_true(err_is(e, id));
}

static void links_are_made_dead(void **state)
{
	struct world *w = *state;
	expect(w, "text/plain", "see http://x.example", "see _http://x.example");
	expect(w, "text/plain;charset=UTF-8", "nothing", "nothing");
	expect(w, "text/plain", "http://intranet/a http://a.own.example/ www.example.test", "http://intranet/a http://a.own.example/ www.example.test");
	expect(w, "text/plain", "http://notown.example http://2130706433/ http://intranet%2e/", "_http://notown.example _http://2130706433/ _http://intranet%2e/");
	expect(w, "text/html", "<a href=\"http://x.example\">http://x.example</a>", "<a _href=\"_http://x.example\">_http://x.example</a>");
	expect(w, "text/rtf", "{\\rtf1 {\\field{\\*\\fldinst{HYPERLINK \"http://x.example\"}}{\\fldrslt y}}}",
		"{\\rtf1 {\\field{\\*\\fldinst{HYPERLINK \"_http://x.example\"}}{\\fldrslt y}}}");
	IM(w, "{\"AllowMessage\":\"Beware: \"}");
	expect(w, "text/plain", "see http://x.example", "Beware: see _http://x.example");
	expect(w, "text/plain", "Beware: see _http://x.example", "Beware: see _http://x.example");
	expect(w, "text/plain", "Beware: see http://x.example", "Beware: see _http://x.example");
	IM(w, "{\"Enabled\":false}");
	expect(w, "text/plain", "see http://x.example", "see http://x.example");
}

static void warnings(void **state)
{
	struct world *w = *state;
	IM(w, "{\"Action\":\"Warn\",\"WarnMessage\":\"Beware \"}");
	expect(w, "text/plain", "see http://x.example", "Beware see http://x.example");
	expect(w, "text/plain", "see x.example", "see x.example");
	IM(w, "{\"Action\":\"Warn\",\"WarnMessage\":\"<a> & \xe2\x82\xac\"}");
	expect(w, "text/html", "<html><body x=y>www.x.example</body>", "<html><body x=y>&lt;a&gt; &amp; \xe2\x82\xacwww.x.example</body>");
	expect(w, "text/rtf", "{\\rtf1{\\fonttbl f;}\\pard{\\b www.x.example}}", "{\\rtf1{\\fonttbl f;}\\pard{\\uc1 <a> & \\u8364?}{\\b www.x.example}}");
	IM(w, "{\"Action\":\"Warn\"}");
	expect(w, "text/plain", "see http://x.example", "see http://x.example");
	refused(w, "text/plain", "see http://x.example/a.exe", ERR_FILTER_FILE);
}

static void links_are_refused(void **state)
{
	struct world *w = *state;
	IM(w, "{\"Action\":\"Block\"}");
	refused(w, "text/plain", "see http://x.example", ERR_FILTER_LINK);
	refused(w, "text/plain", "www.contoso.com", ERR_FILTER_LINK);
	refused(w, "text/plain", "wwwroot.contoso.com", ERR_FILTER_LINK);
	refused(w, "text/html", "&#104;ttp:&#47;/x.example", ERR_FILTER_LINK);
	refused(w, "text/html", "<a href=\"x\">y</a>", ERR_FILTER_LINK);
	refused(w, "text/rtf", "{\\rtf1 \\'68ttp://x.example}", ERR_FILTER_LINK);
	refused(w, "text/x-unknown", "http://x.example", ERR_FILTER_LINK);
	refused(w, "multipart/alternative;boundary=b", "--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\naHR0cDovL3guZXhhbXBsZQ==\r\n--b--\r\n",
		ERR_FILTER_LINK);
	refused(w, "message/cpim", "From: <sip:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\nhttp://x.example", ERR_FILTER_LINK);
	refused(w, "text/plain;charset=utf-16", "h", ERR_SIP_MEDIA_TYPE);
	refused(w, "text/rtf", "plain", ERR_SIP_MEDIA_TYPE);
	refused(w, "text/plain\r\nContent-Encoding: gzip", "x", ERR_SIP_MEDIA_TYPE);
	refused(w, "multipart/mixed", "--b\r\n", ERR_SIP_MEDIA_TYPE);
	expect(w, "text/plain", "http://intranet/a", "http://intranet/a");
	IM(w, "{\"Action\":\"Block\",\"IgnoreLocal\":false}");
	refused(w, "text/plain", "http://intranet/a", ERR_FILTER_LINK);
}

static void files_behind_links(void **state)
{
	struct world *w = *state;
	refused(w, "text/plain", "\\\\srv\\file.exe", ERR_FILTER_FILE);
	refused(w, "text/plain", "http://intranet/a%2eexe", ERR_FILTER_FILE);
	refused(w, "text/plain", "(see http://x.example/a.exe), please", ERR_FILTER_FILE);
	refused(w, "text/plain", "http://x.example/get?f=a.exe", ERR_FILTER_FILE);
	refused(w, "text/html", "<a href=\"http://x.example/my file.exe\">y</a>", ERR_FILTER_FILE);
	expect(w, "text/plain", "\\\\srv\\file.txt", "\\\\srv\\file.txt");
	expect(w, "text/plain", "www.contoso.com", "_www.contoso.com");
	IM(w, "{\"BlockFileExtension\":false}");
	expect(w, "text/plain", "\\\\srv\\file.exe", "\\\\srv\\file.exe");
}

/* Parts that do not change stay as they are, byte for byte; an encoded one that does goes on in base64. */
static void parts(void **state)
{
	struct world *w = *state;
	expect(w, "multipart/alternative;boundary=\"b\"",
		"pre\r\n--b\r\nContent-Type: text/plain\r\n\r\nwww.x.example\r\n--b\r\nContent-Type: image/gif\r\n\r\n\x01\r\n--b\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/html\r\n\r\nwww.x=2Eexample\r\n--b--\r\nend",
		"pre\r\n--b\r\nContent-Type: text/plain\r\n\r\n_www.x.example\r\n--b\r\nContent-Type: image/gif\r\n\r\n\x01\r\n--b\r\n"
		"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nX3d3dy54LmV4YW1wbGU=\r\n--b--\r\nend");
	expect(w, "message/cpim", "From: <sip:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\nwww.x.example",
		"From: <sip:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\n_www.x.example");
}

/* The first text of a session of the dialect stands in its header. */
static void first_text(void **state)
{
	struct world *w = *state;
	assert_false(failed(pass(w, "ms-text-format: text/plain; charset=UTF-8;ms-body=d3d3LngueQ==;x=y\r\nContent-Type: application/sdp\r\n", "v=0\r\n", 0)));
	assert_string_equal(w->format, "text/plain; charset=UTF-8;ms-body=X3d3dy54Lnk=;x=y");
	IM(w, "{\"Action\":\"Block\"}");
	assert_true(err_is(pass(w, "ms-text-format: text/plain; charset=UTF-8;ms-body=d3d3LngueQ==\r\n", "", 0), ERR_FILTER_LINK));
	assert_true(err_is(pass(w, "ms-text-format: text/plain;ms-body=!\r\n", "", 0), ERR_SIP_MEDIA_TYPE));
}

#define OLD(name) "Application-Name: File Transfer\r\nApplication-File: " name "\r\nApplication-FileSize: 5\r\nInvitation-Command: INVITE\r\n"
#define XML(name) "<request xmlns=\"http://schemas.microsoft.com/rtc/2009/05/filetransfer\" requestId=\"1\"><publishFile><fileInfo><id>x</id><name>" name "</name></fileInfo></publishFile></request>"
#define RCS(name) "<file xmlns=\"urn:gsma:params:xml:ns:rcs:rcs:fthttp\"><file-info type=\"file\"><file-name>" name "</file-name></file-info></file>"

static void files_are_refused(void **state)
{
	struct world *w = *state;
	refused(w, "text/x-msmsgsinvite; charset=UTF-8", OLD("a.exe"), ERR_FILTER_FILE);
	expect(w, "text/x-msmsgsinvite", OLD("a.txt"), OLD("a.txt"));
	refused(w, "application/ms-filetransfer+xml", XML("a.jpg.EXE"), ERR_FILTER_FILE);
	expect(w, "application/ms-filetransfer+xml", XML("a.jpg"), XML("a.jpg"));
	refused(w, "application/vnd.gsma.rcs-ft-http+xml", RCS("a.exe. "), ERR_FILTER_FILE);
	refused(w, "application/ms-filetransfer+xml", "<x", ERR_SIP_MEDIA_TYPE);
	refused(w, "application/sdp", "v=0\r\nm=message 1 TCP/MSRP *\r\na=file-selector:name:\"a%2Eexe\" size:4\r\n", ERR_FILTER_FILE);
	refused(w, "multipart/mixed;boundary=b", "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: application/ms-filetransfer+xml\r\n\r\n" XML("a.vbs") "\r\n--b--",
		ERR_FILTER_FILE);
	FILES(w, "{\"Extensions\":[\".jpg\"]}");
	refused(w, "application/ms-filetransfer+xml", XML("a.jpg"), ERR_FILTER_FILE);
	expect(w, "application/ms-filetransfer+xml", XML("a.exe"), XML("a.exe"));
	FILES(w, "{\"Action\":\"BlockAll\"}");
	refused(w, "application/ms-filetransfer+xml", XML("a.txt"), ERR_FILTER_FILE);
	refused(w, "application/sdp", "v=0\r\nm=x-ms-filetransfer 1 TCP x\r\n", ERR_FILTER_FILE);
	expect(w, "application/sdp", "v=0\r\nm=audio 1 RTP/SAVP 0\r\n", "v=0\r\nm=audio 1 RTP/SAVP 0\r\n");
	FILES(w, "{\"Enabled\":false,\"Action\":\"BlockAll\"}");
	expect(w, "text/x-msmsgsinvite", OLD("a.exe"), OLD("a.exe"));
}

/* Without memory nothing passes unseen. */
static void memory_can_fail(void **state)
{
	struct world *w = *state;
	unsigned n = 1;
	IM(w, "{\"AllowMessage\":\"x\"}");
	for (;; n++) {
		err e = pass(w, "ms-text-format: text/plain;ms-body=d3d3LngueQ==\r\nContent-Type: multipart/mixed;boundary=b\r\n",
			"--b\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/html\r\n\r\nd3d3LngueQ==\r\n--b--", n);
		if (!failed(e))
			break;
		assert_true(err_is(e, ERR_CEILING));
	}
	assert_true(n > 4 && n < 20);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, open_world, close_world)
	const struct CMUnitTest tests[] = {
		T(links_are_made_dead), T(warnings), T(links_are_refused), T(files_behind_links), T(parts), T(first_text), T(files_are_refused), T(memory_can_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
