/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/mspl.h"

#define FIELDS 16

/* A world in a few rows. */
struct world {
	struct mspl_world w;
	struct arena arena;
	struct mspl_result result;
	struct diag d;
	str names[FIELDS], values[FIELDS];
	size_t n;
	str content;
	char logged[256];
	bool is_short;
	const struct mspl_table *table;
};

static bool get(void *arg, enum mspl_property p, struct arena *a, struct mspl_value *v)
{
	struct world *w = arg;
	(void)a;
	if (w->is_short)
		return false;
	if (p == MSPL_AT_FROM)
		*v = mspl_text(STR("\"Ann <A>\" <sip:Ann@Example.test:5061;user=phone>;tag=1;epid=ab"));
	else if (p == MSPL_AT_CONTENT)
		*v = mspl_text(w->content);
	else if (p == MSPL_AT_STANDARD_METHOD)
		*v = mspl_enum(MSPL_ENUM_StandardMethod, MSPL_StandardMethod_Invite);
	else if (p == MSPL_AT_METHOD || p == MSPL_AT_FQDN)
		*v = mspl_text(STR("INVITE"));
	else if (p == MSPL_AT_STATUS_CODE)
		*v = (struct mspl_value){ .type = MSPL_INT, .number = 200 };
	else if (p == MSPL_AT_SOURCE_NETWORK)
		*v = mspl_enum(MSPL_ENUM_ExternalSourceNetwork, MSPL_ExternalSourceNetwork_Federation);
	return true;
}

static bool set(void *arg, enum mspl_property p, str value)
{
	struct world *w = arg;
	assert_int_equal(p, MSPL_AT_CONTENT);
	w->content = value;
	return true;
}

static bool header(void *arg, str name, size_t at, str *value, bool *is_there)
{
	struct world *w = arg;
	*is_there = false;
	for (size_t i = 0; i < w->n; i++) {
		if (!str_eq_case(w->names[i], name) || at-- != 0)
			continue;
		*value = w->values[i];
		*is_there = true;
		break;
	}
	return true;
}

static bool header_add(void *arg, str name, str value)
{
	struct world *w = arg;
	assert_true(w->n < FIELDS);
	w->names[w->n] = name;
	w->values[w->n++] = value;
	return true;
}

static bool header_remove(void *arg, str name, const str *value)
{
	struct world *w = arg;
	size_t kept = 0;
	for (size_t i = 0; i < w->n; i++) {
		if (str_eq_case(w->names[i], name) && (value == NULL || str_eq(*value, w->values[i])))
			continue;
		w->names[kept] = w->names[i];
		w->values[kept++] = w->values[i];
	}
	w->n = kept;
	return true;
}

static bool header_set(void *arg, str name, str value)
{
	struct world *w = arg;
	for (size_t i = 0; i < w->n; i++)
		if (str_eq_case(w->names[i], name)) {
			w->values[i] = value;
			return true;
		}
	return true;
}

static bool is_domain(void *arg, str domain)
{
	(void)arg;
	return str_eq_case(domain, STR("example.test"));
}

static bool home(void *arg, str user, bool is_phone, int64_t cluster, str *fqdn)
{
	(void)arg;
	(void)is_phone;
	if (str_eq_case(user, STR("ann@example.test")))
		*fqdn = cluster == MSPL_ClusterType_BackupRegistrar ? STR("uc02.example.test") : STR("uc01.example.test");
	return true;
}

static bool endpoint(void *arg, str user, size_t at, struct mspl_endpoint *e, bool *is_there)
{
	(void)arg;
	*is_there = str_eq(user, STR("bob@example.test")) && at < 2;
	*e = (struct mspl_endpoint){ .epid = at == 0 ? STR("e0") : STR("e1"), .instance = STR("i"), .contact = STR("<sip:c>"), .extra_methods = STR("PUBLISH, FOO"),
		.methods = MSPL_StandardMethod_Invite };
	return true;
}

static bool option(void *arg, str user, int64_t o, bool is_phone)
{
	(void)arg;
	(void)user;
	(void)is_phone;
	return o == MSPL_UserOption_Federation;
}

static bool field(void *arg, unsigned file, str key, unsigned column, str *value)
{
	struct world *w = arg;
	(void)file;
	return mspl_table_find(w->table, key, column, value);
}

static void on_log(void *arg, str level, str detail, str text)
{
	struct world *w = arg;
	(void)snprintf(w->logged, sizeof w->logged, "%.*s %.*s %.*s", STR_FMT(level), STR_FMT(detail), STR_FMT(text));
}

static const struct mspl_file_row policy = { .name = STR("policy"), .path = STR("policy.txt"), .columns = { STR("URI"), STR("Policy"), STR("Value") }, .n_columns = 3,
	.key = 0, .ignore_case = true };

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	w->w = (struct mspl_world){ .is_request = true, .get = get, .set = set, .header = header, .header_add = header_add, .header_remove = header_remove,
		.header_set = header_set, .is_domain = is_domain, .home = home, .endpoint = endpoint, .option = option, .field = field, .log = on_log };
	arena_init(&w->arena, 4 << 20);
	w->content = STR("a Secret");
	(void)header_add(w, STR("Contact"), STR("<sip:a>;expires=3"));
	(void)header_add(w, STR("To"), STR("<sip:bob@example.test>;tag=5"));
	assert_false(failed(mspl_table_read(&policy, STR("ann@example.test,filter,secret\r\n\r\nbob@example.test,\"a,\"\"b\"\"\"\n"), &w->arena, &w->table, NULL)));
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	arena_fini(&w->arena);
	free(w);
	return 0;
}

static err compile(struct world *w, const char *source, const struct mspl_program **p)
{
	return mspl_compile(&(struct mspl_script){ .source = str_of(source), .files = &policy, .n_files = 1 }, &w->arena, p, &w->d);
}

static err run(struct world *w, const char *source)
{
	const struct mspl_program *p;
	err e = compile(w, source, &p);
	if (failed(e))
		fail_msg("%s: %s (%s)", source, w->d.what, w->d.where);
	return mspl_run(p, &w->w, w, &w->arena, &w->result, &w->d);
}

/* The expression, logged, is this. */
static void is(struct world *w, const char *expression, const char *wanted)
{
	char source[1024], line[300];
	(void)snprintf(source, sizeof source, "Log(\"Event\", 1, %s);", expression);
	(void)snprintf(line, sizeof line, "Event 1 %s", wanted);
	err e = run(w, source);
	if (failed(e))
		fail_msg("%s: %s", expression, w->d.what);
	assert_string_equal(w->logged, line);
}

static void fails(struct world *w, const char *source, const char *why)
{
	assert_true(err_is(run(w, source), ERR_SCRIPT));
	if (strstr(w->d.what, why) == NULL)
		fail_msg("%s: \"%s\" is not \"%s\"", source, w->d.what, why);
	assert_true(w->d.line != 0);
}

static void refused(struct world *w, const char *source, unsigned line, unsigned column, const char *why)
{
	const struct mspl_program *p;
	assert_true(failed(compile(w, source, &p)) && p == NULL);
	if (strstr(w->d.what, why) == NULL || w->d.line != line || w->d.column != column)
		fail_msg("%s: %u:%u \"%s\" is not %u:%u \"%s\"", source, w->d.line, w->d.column, w->d.what, line, column, why);
	assert_true(w->d.remedy[0] != '\0');
}

/* ---- the language ---- */

static void expressions(void **state)
{
	struct world *w = *state;
	is(w, "1 + 2 - 0x10 + -3", "-16");
	is(w, "1.5 + 1", "2.5");
	is(w, "\"a\\\"\\\\\\u00e9\"", "a\"\\\xc3\xa9");
	is(w, "1 < 2 && !(\"b\" <= \"a\") || null", "true");
	is(w, "false || 1 == 1.0", "true");
	is(w, "true && null == \"x\"", "false");
	is(w, "sipResponse == null", "true");
	is(w, "sipRequest.StandardMethod == standardmethod.invite", "true");
	is(w, "StandardHeader.CallId", "Call-ID");
	is(w, "StatusClass.Success", "StatusClass.Success");
	is(w, "sipMessage.METHOD", "INVITE");
	is(w, "!sipRequest", "false");
	fails(w, "x = \"a\" + 1;", "sum");
	fails(w, "x = \"a\" == 1;", "compared");
	fails(w, "x = 9223372036854775807 + 1;", "too large");
}

static void statements(void **state)
{
	struct world *w = *state;
	assert_false(failed(run(w, "function f(a, b) { if (a > b) { return a; } return b; }\n"
				   "n = 0; foreach (x in Split(\"1,22,333\", \",\")) { if (x == \"22\") continue; n = n + LengthString(x); }\n"
				   "i = 0; while (true) { i = i + 1; if (i == 7) break; }\n"
				   "switch (n) { case 3: Log(\"Error\", 2, \"three\"); break; case 4: Log(\"Event\", 1, \"four \", f(i, 2)); break; default: break; }\n")));
	assert_string_equal(w->logged, "Event 1 four 7");
	assert_int_equal(w->result.action, MSPL_NOTHING);
	assert_false(failed(run(w, "if (false) Respond(400, \"no\"); else { } return; Respond(401, \"no\");")));
	assert_int_equal(w->result.action, MSPL_NOTHING);
}

static void what_is_refused(void **state)
{
	struct world *w = *state;
	refused(w, "x = 1;\nRespnd(403, \"a\");", 2, 1, "no function Respnd");
	assert_string_equal(w->d.remedy, "did you mean Respond?");
	refused(w, "Respond(403);", 1, 1, "with 1 arguments");
	refused(w, "function a() { b(); } function b() { a(); }", 1, 10, "calls itself");
	refused(w, "function a() { a(); }", 1, 10, "calls itself");
	refused(w, "switch (1) { case 1: Log(\"Event\", 1, \"\"); case 2: break; }", 1, 14, "runs into");
	refused(w, "break;", 1, 1, "no loop");
	refused(w, "{ x = 1; } Log(\"Event\", 1, x);", 1, 28, "has no value here");
	refused(w, "x = sipRequest.FromUser;", 1, 16, "no member FromUser");
	assert_string_equal(w->d.remedy, "write GetUserAtHost(sipRequest.From)");
	refused(w, "sipRequest.Method = \"x\";", 1, 12, "cannot be assigned");
	refused(w, "x = policy[\"a\"].Nix;", 1, 11, "no column Nix");
	refused(w, "x = @\"a\";", 1, 5, "means nothing");
	refused(w, "x = \"a\n\";", 1, 5, "does not end");
	refused(w, "/* x", 1, 1, "does not end");
	refused(w, "Dispatch(\"OnRequest\");", 1, 1, "managed part");
	refused(w, "x = QueryCategory(\"a\", 1, \"state\", 0);", 1, 5, "presence documents");
	refused(w, "x = StandardMethod.Invit;", 1, 20, "no value Invit");
	refused(w, "if (true) { Log(\"Event\", 1, \"\");", 1, 11, "has no }");
	refused(w, "x = 12ab;", 1, 5, "not a number");
	const struct mspl_program *p;
	struct mspl_script s = { .source = STR("Dispatch();"), .script_only = true, .line = 9, .column = 4 };
	assert_true(failed(mspl_compile(&s, &w->arena, &p, &w->d)));
	assert_non_null(strstr(w->d.what, "scriptOnly"));
	assert_true(w->d.line == 9 && w->d.column == 4);
	char deep[4096] = "x = ";
	memset(deep + 4, '(', 2000);
	assert_true(failed(compile(w, deep, &p)));
	assert_non_null(strstr(w->d.what, "nested"));
}

static void carets(void **state)
{
	struct buf b;
	struct diag d = { .line = 2, .column = 3 };
	(void)state;
	buf_init(&b, 1000);
	mspl_caret(STR("one\n\tx = ;\nthree"), &d, &b);
	assert_true(str_eq(buf_str(&b), STR("\tx = ;\n\t ^\n")));
	buf_fini(&b);
}

/* ---- functions ---- */

static void texts(void **state)
{
	struct world *w = *state;
	is(w, "Concatenate(\"a\", \"b\", \"c\")", "abc");
	is(w, "ContainsString(sipMessage.Content, \"SECRET\", true)", "true");
	is(w, "ContainsString(sipMessage.Content, \"SECRET\", false)", "false");
	is(w, "EqualString(\"A\", \"a\", true)", "true");
	is(w, "IndexOfString(\"abc\", \"c\")", "2");
	is(w, "IndexOfString(\"abc\", \"x\")", "-1");
	is(w, "SubString(\"abcdef\", 2)", "cdef");
	is(w, "SubString(\"abcdef\", 2, 3)", "cde");
	is(w, "GetDisplayName(sipMessage.From)", "Ann <A>");
	is(w, "GetUri(sipMessage.From)", "sip:Ann@Example.test:5061;user=phone");
	is(w, "GetScheme(sipMessage.From)", "sip");
	is(w, "GetUserName(sipMessage.From)", "Ann");
	is(w, "GetHostName(sipMessage.From)", "Example.test");
	is(w, "GetUserAtHost(sipMessage.From)", "Ann@Example.test");
	is(w, "GetUriParameter(sipMessage.From, \"User\")", "phone");
	is(w, "GetParameterValue(sipMessage.From, \"epid\")", "ab");
	is(w, "GetParameterValue(sipMessage.From, \"nix\")", "null");
	is(w, "GetHostName(\"sip:a@[2001:db8::1]:5061\")", "[2001:db8::1]");
	is(w, "GetUserName(\"tel:+4930;phone-context=x\")", "+4930");
	is(w, "GetUserAtHost(\"nonsense\")", "null");
	fails(w, "x = SubString(\"abc\", 4);", "outside");
	fails(w, "ContainsString(null, \"a\", true);", "argument 1 is null"); /* M11 */
}

static void people(void **state)
{
	struct world *w = *state;
	is(w, "DomainSupported(\"EXAMPLE.test\")", "true");
	is(w, "QueryHomeServer(\"sip:ann@example.test\")", "uc01.example.test");
	is(w, "QueryHomeServer(\"ann@example.test\", false, ClusterType.BackupRegistrar)", "uc02.example.test");
	is(w, "QueryHomeServer(\"eve@example.test\")", "null");
	is(w, "CheckUserOption(\"ann@example.test\", UserOption.Federation)", "true");
	is(w, "CheckUserOption(\"ann@example.test\", UserOption.UcEnabled, false)", "false");
	is(w, "QueryEndpoints(\"nobody@example.test\")", "0 values");
	assert_false(failed(run(w, "foreach (dbEndpoint in QueryEndpoints(\"bob@example.test\", true)) { if (SupportsMethod(StandardMethod.Invite, dbEndpoint.StandardMethods, "
				   "dbEndpoint.ExtraMethods) && SupportsMethod(\"foo\", dbEndpoint.StandardMethods, dbEndpoint.ExtraMethods)) Log(\"Event\", 1, dbEndpoint.EPID, "
				   "dbEndpoint.Instance, dbEndpoint.ContactInfo); }")));
	assert_string_equal(w->logged, "Event 1 e1i<sip:c>");
}

static void fields(void **state)
{
	struct world *w = *state;
	is(w, "AddHeader(\"X-Mark\", \" one \")", "true");
	is(w, "AddHeader(\"subject\", \"s\")", "true");
	is(w, "AddHeader(\"Subject\", \"t\")", "false");
	assert_false(failed(run(w, "foreach (v in GetHeaderValues(\"x-mark\")) Log(\"Debugr\", true, v);")));
	assert_string_equal(w->logged, "Debugr true one");
	assert_false(failed(run(w, "RemoveHeaders(\"X-Mark\", \"two\"); RemoveHeaders(StandardHeader.Subject);")));
	is(w, "GetHeaderValues(\"X-Mark\")", "1 values");
	is(w, "GetHeaderValues(\"Subject\")", "0 values");
	assert_false(failed(run(w, "SetParameterValue(\"To\", \"epid\", \"e1\"); SetParameterValue(\"Contact\", \"expires\", \"\");")));
	assert_true(str_eq(w->values[1], STR("<sip:bob@example.test>;tag=5;epid=e1")));
	assert_true(str_eq(w->values[0], STR("<sip:a>")));
	fails(w, "AddHeader(\"Via\", \"x\");", "belongs to the server");
	fails(w, "AddHeader(\"X\\r\\nY\", \"x\");", "no name");
	fails(w, "AddHeader(\"X-A\", \"x\\r\\nEvil: y\");", "one line");
	fails(w, "SetParameterValue(\"To\", \"tag\", \"x\");", "cannot be set");
	fails(w, "RemoveHeaders(\"From\");", "belongs to the server");
	assert_false(failed(run(w, "sipMessage.Content = Concatenate(sipMessage.Content, \"!\");")));
	assert_true(str_eq(w->content, STR("a Secret!")));
}

static void actions(void **state)
{
	struct world *w = *state;
	assert_false(failed(run(w, "Respond(302, \"Moved\", \"Contact: <sip:x>\");"))); /* M8 */
	assert_true(w->result.action == MSPL_RESPOND && w->result.status == 302 && w->result.n_fields == 1);
	assert_true(str_eq(w->result.field_names[0], STR("Contact")) && str_eq(w->result.field_values[0], STR("<sip:x>")));
	assert_false(failed(run(w, "BeginFork(false, 0); Fork(\"sip:a@x\"); Fork(\"sip:b@x\"); EndFork();"))); /* M9 */
	assert_true(w->result.action == MSPL_FORK && w->result.n_forks == 2 && !w->result.is_sequential);
	assert_false(failed(run(w, "RetargetRequest(\"sip:c@x\"); ProxyRequest();")));
	assert_true(w->result.action == MSPL_PROXY && w->result.uri.n == 0 && str_eq(w->result.retarget, STR("sip:c@x")));
	fails(w, "ProxyRequest(\"\"); Respond(403, \"a\");", "second action");
	fails(w, "BeginFork(false, 0); Fork(\"sip:a@x\");", "without EndFork");
	fails(w, "Fork(\"sip:a@x\");", "without BeginFork");
	fails(w, "Respond(403, \"a\\r\\nX: y\");", "one line");
	fails(w, "ProxyRequest(\"sip:a b\");", "no URI");
	(void)header_add(w, STR("Route"), STR("<sip:x;lr>"));
	fails(w, "ProxyRequest(\"sip:a@b\");", "with a Route");
	w->w.is_request = false;
	fails(w, "Respond(403, \"a\");", "for requests alone");
	fails(w, "x = sipRequest.Method;", "sipRequest is null"); /* M12 */
	assert_false(failed(run(w, "if (!sipRequest && sipResponse.StatusCode == 200) ProxyResponse();")));
	assert_int_equal(w->result.action, MSPL_PROXY);
}

static void bounds(void **state)
{
	struct world *w = *state;
	fails(w, "while (true) { }", "more than 500 turns"); /* M13 */
	assert_false(failed(run(w, "i = 0; while (i < 500) { i = i + 1; }")));
	fails(w, "i = 0; while (i < 501) { i = i + 1; }", "more than 500 turns");
	fails(w, "i = 0; while (i < 400) { i = i + 1; k = 0; while (k < 400) { k = k + 1; } }", "steps");
	fails(w, "a = sipMessage.Content; i = 0; while (i < 400) { i = i + 1; a = Concatenate(a, a); }", "too long");
	err e = run(w, "a = \"0123456789\"; i = 0; while (i < 11) { i = i + 1; a = Concatenate(a, a); } while (true) { b = Concatenate(a, a); }");
	assert_true(err_is(e, ERR_CEILING));
	fails(w, "function f(a) { return sipRequest; } x = f(1);", "cannot return");
	w->is_short = true;
	assert_true(err_is(run(w, "x = sipMessage.From;"), ERR_CEILING));
}

/* ---- flat files ---- */

static void records(void **state)
{
	struct world *w = *state;
	is(w, "policy[\"ANN@example.test\"].Policy", "filter");
	is(w, "policy[\"bob@example.test\"].Policy", "a,\"b\"");
	is(w, "policy[\"bob@example.test\"].Value", "");
	is(w, "policy[\"eve@example.test\"].Value", "null");
	fails(w, "x = policy[1].Value;", "found by a string");
	const struct mspl_table *t;
	struct mspl_file_row row = policy;
	assert_true(failed(mspl_table_read(&row, STR("a,b\nA,c\n"), &w->arena, &t, &w->d)));
	assert_non_null(strstr(w->d.what, "line 2: the key is there already"));
	assert_true(failed(mspl_table_read(&row, STR("a,b,c,d"), &w->arena, &t, &w->d)));
	assert_true(failed(mspl_table_read(&row, STR("a,\"b"), &w->arena, &t, &w->d)));
	row.key = -1;
	row.delimiter = MSPL_SPACE;
	str value;
	assert_false(failed(mspl_table_read(&row, STR("a  b\n\"c d\" e"), &w->arena, &t, &w->d)));
	assert_true(mspl_table_find(t, STR("1"), 0, &value) && str_eq(value, STR("c d")));
	assert_true(mspl_table_find(t, STR("0"), 1, &value) && str_eq(value, STR("b")));
	assert_false(mspl_table_find(t, STR("2"), 1, &value));
	assert_int_equal(mspl_table_count(t), 2);
}

static void the_filtering_application(void **state) /* M1 to M3 */
{
	struct world *w = *state;
	const char source[] = "from = GetUserAtHost(sipRequest.From); p = policy[from].Policy;\n"
			      "if (p == \"filter\") { if (ContainsString(sipMessage.Content, policy[from].Value, true)) { Respond(403, \"Forbidden (Message filtered)\"); return; } }\n"
			      "if (p == \"drop\") { return; }\nProxyRequest(\"\");";
	assert_false(failed(run(w, source)));
	assert_true(w->result.action == MSPL_RESPOND && w->result.status == 403);
	w->content = STR("nothing");
	assert_false(failed(run(w, source)));
	assert_int_equal(w->result.action, MSPL_PROXY);
	assert_false(failed(mspl_table_read(&policy, STR("ann@example.test,drop"), &w->arena, &w->table, NULL)));
	assert_false(failed(run(w, source)));
	assert_int_equal(w->result.action, MSPL_NOTHING);
}

/* ---- little memory, and sources that end early ---- */

static const char whole[] = "function f(a) { return Concatenate(a, \"x\"); }\n"
			    "switch (sipRequest.StandardMethod) { case StandardMethod.Invite: foreach (v in GetHeaderValues(\"Contact\")) { Log(\"Event\", 1, f(v)); } break; default: "
			    "break; }\nif (policy[\"ann@example.test\"].Policy == \"filter\") { AddHeader(\"X-A\", f(\"1\")); }";

static void cut_anywhere(void **state)
{
	struct world *w = *state;
	const struct mspl_program *p;
	for (size_t n = 0; n < sizeof whole; n++) {
		char *exact = malloc(n + 1);
		memcpy(exact, whole, n);
		struct mspl_script s = { .source = { exact, n }, .files = &policy, .n_files = 1 };
		err e = mspl_compile(&s, &w->arena, &p, &w->d);
		free(exact); /* nothing may point there */
		if (!failed(e))
			(void)failed(mspl_run(p, &w->w, w, &w->arena, &w->result, &w->d));
		else
			assert_true(w->d.what[0] != '\0');
	}
}

static void without_memory(void **state)
{
	struct world *w = *state;
	const struct mspl_program *p;
	for (uint32_t n = 1; n < 30; n++) {
		struct arena a;
		arena_init(&a, 1 << 20);
		a.fail_after = n;
		err e = mspl_compile(&(struct mspl_script){ .source = STR("x = \"a\"; Log(\"Event\", 1, Concatenate(x, \"b\"));") }, &a, &p, &w->d);
		if (!failed(e))
			e = mspl_run(p, &w->w, w, &a, &w->result, &w->d);
		assert_true(!failed(e) || err_is(e, ERR_CEILING));
		arena_fini(&a);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(expressions), TEST(statements), TEST(what_is_refused), TEST(carets), TEST(texts), TEST(people), TEST(fields), TEST(actions), TEST(bounds),
		TEST(records), TEST(the_filtering_application), TEST(cut_anywhere), TEST(without_memory),
	};
	return cmocka_run_group_tests_name("mspl", tests, NULL, NULL);
}
