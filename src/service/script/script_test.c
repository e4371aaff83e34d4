/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/stage_fake.h"
#include "service/script.h"

struct world {
	struct conn conn;
	struct log log;
	struct meter meter;
	struct scripts *scripts;
	struct request *r;
	struct script_source source;
	enum stage_verdict v;
	unsigned drops;
};

static unsigned drops;

void txn_drop(struct txn *t)
{
	(void)t;
	drops++;
}

static void source(void *arg, const struct inbound *in, const struct request *r, struct script_source *out)
{
	const struct world *w = arg;
	(void)in;
	(void)r;
	*out = w->source;
}

static bool is_domain(void *arg, str domain)
{
	(void)arg;
	return str_eq_case(domain, STR("example.test"));
}

static bool home(void *arg, str user, struct arena *a, str *fqdn)
{
	(void)arg;
	(void)a;
	if (str_eq(user, STR("bob@example.test")))
		*fqdn = STR("uc01.example.test");
	return true;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	w->conn = fake_conn(1, true);
	log_init(&w->log, 2, "test", 0);
	w->log.level = LOG_ERROR + 1;
	fake.answers = (struct answers){ .log = &w->log, .meter = &w->meter };
	const struct script_config config = { .fqdn = STR("uc01.example.test"), .pool = STR("pool.example.test"), .role = MSPL_ServerRole_FrontEnd,
		.door = { .source = source, .is_domain = is_domain, .home = home }, .arg = w, .log = &w->log, .meter = &w->meter };
	assert_false(failed(scripts_new(&config, &w->scripts)));
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	if (w->r != NULL)
		fake_request_free(w->r);
	scripts_free(w->scripts);
	free(w);
	return 0;
}

#define MANIFEST "<m:applicationManifest xmlns:m=\"http://schemas.microsoft.com/lcs/2006/05\" appUri=\"u\">%s<m:splScript><![CDATA[%s]]></m:splScript></m:applicationManifest>"

static void put(struct world *w, const char *name, unsigned priority, bool is_critical, const char *head, const char *script)
{
	char text[4096];
	(void)snprintf(text, sizeof text, MANIFEST, head, script);
	assert_false(failed(scripts_put(w->scripts, &(const struct script_row){ .identity = str_of(name), .priority = priority, .is_critical = is_critical,
								.manifest = str_of(text), .files = STR("") })));
}

static void load(struct world *w, bool is_critical, const char *head, const char *script)
{
	scripts_begin(w->scripts);
	put(w, "one", 1, is_critical, head, script);
	scripts_end(w->scripts);
}

/* What becomes of a request. */
static err ask(struct world *w, const char *line, const char *fields)
{
	str rest, method = str_split(str_of(line), ' ', &rest);
	if (w->r != NULL)
		fake_request_free(w->r);
	fake.n_answers = 0;
	fake.status = 0;
	drops = 0;
	w->v = STAGE_NEXT;
	w->r = fake_request(&w->conn, "%s SIP/2.0\nVia: SIP/2.0/TLS c1;branch=z9hG4bK1\nMax-Forwards: 70\nFrom: <sip:ann@example.test>;tag=a\nTo: <sip:bob@example.test>\nCall-ID: 1\n"
				      "CSeq: 1 %.*s\nm: <sip:c1>\n%sContent-Length: 5\n\nhello", line, STR_FMT(method), fields);
	assert_non_null(w->r);
	static struct txn txn;
	w->r->txn = &txn;
	return script_stage(w->scripts, w->r, &w->v);
}

static bool has(const struct world *w, const char *part)
{
	str raw = w->r->in->msg.raw;
	return memmem(raw.p, raw.n, part, strlen(part)) != NULL;
}

#define MESSAGE "MESSAGE sip:bob@example.test"

static void answers_with_fields(void **state)
{
	struct world *w = *state;
	load(w, false, "", "Respond(302, \"Moved\", \"Contact: <sip:x>\", \"X-A: b\");");
	assert_false(failed(ask(w, MESSAGE, "")));
	assert_true(w->v == STAGE_DONE && fake.status == 302);
	assert_non_null(strstr(fake.answer, "SIP/2.0 302 Moved\r\n"));
	assert_non_null(strstr(fake.answer, "Contact: <sip:x>\r\nX-A: b\r\n"));
	load(w, false, "", "Respond(183, \"Wait\");");
	assert_false(failed(ask(w, MESSAGE, "")));
	assert_true(w->v == STAGE_NEXT && fake.status == 183);
}

static void changes_what_goes_on(void **state)
{
	struct world *w = *state;
	load(w, false, "", "AddHeader(\"X-A\", \"b\"); RemoveHeaders(\"Subject\"); SetParameterValue(\"Contact\", \"q\", \"1\"); sipMessage.Content = \"bye\";");
	assert_false(failed(ask(w, MESSAGE, "s: one\n")));
	assert_int_equal(w->v, STAGE_NEXT);
	assert_true(has(w, "X-A: b\r\n") && !has(w, "one") && has(w, "Contact: <sip:c1>;q=1\r\n") && has(w, "Content-Length: 3\r\n\r\nbye"));
	assert_true(str_eq(w->r->in->msg.body, STR("bye")) && has(w, "Via: SIP/2.0/TLS c1;branch=z9hG4bK1\r\n"));
	load(w, false, "", "if (true) { AddHeader(\"X-A\", \"b\"); x = GetUserName(null); }");
	assert_false(failed(ask(w, MESSAGE, "")));
	assert_false(has(w, "X-A")); /* what a failed one did is undone */
}

static void new_targets(void **state)
{
	struct world *w = *state;
	load(w, false, "", "ProxyRequest(\"sip:Carl@Example.test\");");
	assert_false(failed(ask(w, MESSAGE, "")));
	assert_true(str_eq(w->r->target, STR("carl@example.test")) && has(w, "MESSAGE sip:Carl@Example.test SIP/2.0\r\n"));
	load(w, false, "", "RetargetRequest(\"sip:x@other.test\");");
	assert_false(failed(ask(w, MESSAGE, "")));
	assert_true(w->r->target.n == 0 && str_eq(w->r->in->msg.request_uri, STR("sip:x@other.test")));
	load(w, false, "", "BeginFork(true, 0); Fork(\"sip:a@example.test\"); Fork(\"sip:b@example.test\"); EndFork();");
	assert_false(failed(ask(w, MESSAGE, "")));
	assert_true(w->r->n_forks == 2 && w->r->forks_in_turn && str_eq(w->r->forks[1], STR("sip:b@example.test")));
}

static void what_is_not_let_pass(void **state)
{
	struct world *w = *state;
	load(w, false, "<m:proxyByDefault action=\"false\"/>", "if (sipRequest.Method == \"INFO\") ProxyRequest();");
	assert_false(failed(ask(w, MESSAGE, "")));
	assert_true(w->v == STAGE_DONE && fake.n_answers == 0 && drops == 1);
	assert_false(failed(ask(w, "INFO sip:bob@example.test", "")));
	assert_int_equal(w->v, STAGE_NEXT);
}

static void the_manifest_selects(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *filter, *line, *fields;
		bool sees;
	} rows[] = {
		{ "methodNames=\"INVITE\"", MESSAGE, "", false }, /* M15 */
		{ "methodNames=\"INVITE,MESSAGE\"", MESSAGE, "", true },
		{ "methodNames=\"NONE\"", MESSAGE, "", false },
		{ "methodNames=\"OTHER\"", "PUBLISH sip:bob@example.test", "", true },
		{ "methodNames=\"OTHER\"", MESSAGE, "", false },
		{ "domainSupported=\"true\"", "MESSAGE sip:eve@other.test", "", false }, /* M16 */
		{ "domainSupported=\"true\"", MESSAGE, "", true },
		{ "domainSupported=\"false\"", "MESSAGE sip:eve@other.test", "", true },
		{ "methodNames=\"ALL\"", MESSAGE, "Route: <sip:uc01.example.test;lr>\n", true },
		{ "methodNames=\"ALL\"", MESSAGE, "Route: <sip:token@uc01.example.test;lr>\n", false },
		{ "strictRoute=\"true\"", MESSAGE, "Route: <sip:token@uc01.example.test;lr>\n", true },
		{ "phoneUri=\"false\"", "MESSAGE sip:+49@example.test;user=phone", "", false },
		{ "phoneUri=\"true\"", "MESSAGE sip:+49@example.test;user=phone", "", true },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char head[200];
		(void)snprintf(head, sizeof head, "<m:requestFilter %s/>", rows[i].filter);
		load(w, false, head, "Respond(499, \"seen\");");
		assert_false(failed(ask(w, rows[i].line, rows[i].fields)));
		if ((fake.status == 499) != rows[i].sees)
			fail_msg("%s: %s", rows[i].filter, rows[i].line);
	}
	load(w, false, "<m:serverFilter roles=\"AccessProxy\"/>", "Respond(499, \"seen\");");
	assert_int_equal(scripts_count(w->scripts), 0);
}

static void by_priority(void **state)
{
	struct world *w = *state;
	scripts_begin(w->scripts);
	put(w, "late", 7, false, "", "AddHeader(\"X-O\", \"late\");");
	put(w, "early", 0, false, "", "AddHeader(\"X-O\", \"early\");");
	put(w, "last", 7, false, "", "foreach (v in GetHeaderValues(\"X-O\")) { AddHeader(\"X-P\", v); }");
	scripts_end(w->scripts);
	assert_false(failed(ask(w, MESSAGE, "")));
	assert_true(has(w, "X-O: early\r\nX-O: late\r\nX-P: early\r\nX-P: late\r\n"));
}

static void failures(void **state) /* M11 */
{
	struct world *w = *state;
	load(w, false, "", "x = GetUserName(null);");
	for (unsigned i = 0; i < 12; i++) {
		assert_false(failed(ask(w, MESSAGE, "")));
		assert_int_equal(w->v, STAGE_NEXT);
	}
	assert_int_equal(meter_get(&w->meter, METER_SCRIPT_FAILED), SCRIPT_FAILURES_MAX);
	load(w, false, "", "x = GetUserName(null);"); /* the same text: it stays off */
	assert_false(failed(ask(w, MESSAGE, "")));
	assert_int_equal(meter_get(&w->meter, METER_SCRIPT_FAILED), SCRIPT_FAILURES_MAX);
	load(w, true, "", "x = GetUserName(null); // mended");
	assert_true(err_is(ask(w, MESSAGE, ""), ERR_SCRIPT)); /* critical: 503 */
	scripts_begin(w->scripts);
	put(w, "broken", 1, true, "", "x = ;");
	put(w, "left out", 1, false, "", "x = ;");
	scripts_end(w->scripts);
	assert_int_equal(scripts_count(w->scripts), 1);
	assert_true(err_is(ask(w, MESSAGE, ""), ERR_SCRIPT));
}

static void what_a_script_sees(void **state)
{
	struct world *w = *state;
	w->source = (struct script_source){ .origin = MSPL_MessageOrigin_NetworkExternal, .network = MSPL_ExternalSourceNetwork_Federation, .is_authenticated = true,
		.tls_peer = STR("edge.other.test") };
	load(w, false, "", "if (sipMessage.ExternalSourceNetwork == ExternalSourceNetwork.Federation && sipMessage.Origin == MessageOrigin.NetworkExternal && "
			   "sipMessage.Authenticated && sipMessage.TlsPeer == \"edge.other.test\" && Role == ServerRole.FrontEnd && FQDN == \"uc01.example.test\" && "
			   "requestTarget.DomainSupported && requestTarget.Aor == \"bob@example.test\" && requestSource.Aor == \"ann@example.test\" && !requestTarget.IsPhone && "
			   "sipMessage.Stamp == null && QueryHomeServer(requestTarget.Aor) == FQDN && sipMessage.Content == \"hello\" && sipRequest.RequestURI == \"sip:bob@example.test\")"
			   " Respond(200, \"all\");");
	assert_false(failed(ask(w, MESSAGE, "")));
	assert_int_equal(fake.status, 200);
}

static void responses(void **state)
{
	struct world *w = *state;
	assert_false(failed(ask(w, MESSAGE, ""))); /* for its memory */
	struct inbound *in = w->r->in;
	assert_false(failed(sip_msg_parse(&in->msg, STR("SIP/2.0 486 Busy\r\nVia: SIP/2.0/TLS c1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: 1\r\n"
							  "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"), &in->arena, NULL, NULL)));
	load(w, false, "<m:responseFilter reasonCodes=\"2XX\"/><m:proxyByDefault action=\"false\"/>", "x = 1;");
	assert_true(script_response(w->scripts, in));
	load(w, false, "<m:responseFilter reasonCodes=\"4XX\"/><m:proxyByDefault action=\"false\"/>", "if (sipResponse.StatusClass == StatusClass.ClientFailure) { x = 1; }");
	assert_false(script_response(w->scripts, in));
	load(w, false, "", "AddHeader(\"X-A\", sipResponse.ReasonPhrase); ProxyResponse();");
	assert_true(script_response(w->scripts, in) && has(w, "SIP/2.0 486 Busy\r\n") && has(w, "X-A: Busy\r\n"));
}

static void files(void **state)
{
	struct buf b;
	struct diag d;
	str content;
	(void)state;
	buf_init(&b, 1000);
	script_file_print(STR("a b.txt"), STR("x,1\ny,2\n"), &b);
	script_file_print(STR("c.txt"), STR(""), &b);
	assert_true(script_file_find(buf_str(&b), STR("a b.txt"), &content) && str_eq(content, STR("x,1\ny,2\n")));
	assert_true(script_file_find(buf_str(&b), STR("c.txt"), &content) && content.n == 0);
	assert_false(script_file_find(buf_str(&b), STR("d.txt"), &content));
	assert_false(script_file_find(STR("99 a\nx"), STR("a"), &content));
	char text[1000];
	(void)snprintf(text, sizeof text, MANIFEST, "<m:file name=\"f\" path=\"c.txt\"><m:column name=\"k\"/></m:file>", "x = f[0].k;");
	assert_false(failed(script_check(str_of(text), buf_str(&b), STR("u"), false, &d)));
	assert_true(failed(script_check(str_of(text), STR(""), STR("u"), false, &d)));
	assert_true(failed(script_check(str_of(text), buf_str(&b), STR("v"), false, &d)));
	assert_string_equal(d.where, "Uri");
	buf_fini(&b);
}

static void without_memory(void **state)
{
	struct world *w = *state;
	load(w, false, "", "AddHeader(\"X-A\", Concatenate(\"a\", \"b\")); ProxyRequest(\"sip:carl@example.test\");");
	for (uint32_t n = 1; n < 20; n++) {
		assert_false(failed(ask(w, "INFO sip:bob@example.test", "Route: <sip:x@y>\n"))); /* not seen */
		w->r->in->msg.n_hdrs--; /* takes no memory; the Content-Length is written anew */
		w->r->in->arena.fail_after = n;
		(void)failed(script_stage(w->scripts, w->r, &w->v)); /* refused or passed, never half */
		w->r->in->arena.fail_after = 0;
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(answers_with_fields), TEST(changes_what_goes_on), TEST(new_targets), TEST(what_is_not_let_pass), TEST(the_manifest_selects), TEST(by_priority),
		TEST(failures), TEST(what_a_script_sees), TEST(responses), TEST(files), TEST(without_memory),
	};
	return cmocka_run_group_tests_name("script", tests, NULL, NULL);
}
