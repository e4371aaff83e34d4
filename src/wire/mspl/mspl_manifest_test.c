/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/mspl_manifest.h"

struct world {
	struct xml_reader *x;
	struct arena arena;
	struct mspl_manifest m;
	struct diag d;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	assert_false(failed(xml_reader_new(&w->x)));
	arena_init(&w->arena, 4 << 20);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	xml_reader_free(w->x);
	arena_fini(&w->arena);
	free(w);
	return 0;
}

#define BEGIN "<lc:applicationManifest xmlns:lc=\"http://schemas.microsoft.com/lcs/2006/05\" appUri=\"http://example.test/a\">"
#define SCRIPT "<lc:splScript><![CDATA[\n  ProxyRequest(\"\");\n]]></lc:splScript>"
#define END "</lc:applicationManifest>"

static err read_manifest(struct world *w, const char *text, bool is_lenient)
{
	w->d = (struct diag){ 0 };
	err e = mspl_manifest_read(w->x, str_of(text), is_lenient, &w->arena, &w->m, &w->d);
	assert_true(!failed(e) || w->d.what[0] != '\0');
	return e;
}

static void refused(struct world *w, const char *text, unsigned line, const char *why)
{
	assert_true(failed(read_manifest(w, text, false)));
	if (strstr(w->d.what, why) == NULL || w->d.line != line)
		fail_msg("%s: line %u \"%s\"", text, w->d.line, w->d.what);
}

static void with_everything(void **state)
{
	struct world *w = *state;
	const char text[] = "<?xml version=\"1.0\"?>\n" BEGIN "\n<lc:allowRegistrationBeforeUserServices/><lc:serverFilter roles=\"FrontEnd, AccessProxy\"/>\n"
		"<lc:requestFilter methodNames=\"INVITE,OTHER\" strictRoute=\"true\" registrarGenerated=\"TRUE\" domainSupported=\"true\" phoneUri=\"false\"/>"
		"<lc:responseFilter reasonCodes=\"2XX,4XX\"/><lc:proxyByDefault action=\"false\"/><lc:scriptOnly/>"
		"<lc:file name=\"a\" path=\"a.txt\" keyColumnName=\"K\" ignoreCase=\"true\" static=\"false\" delimitedBy=\"whitespace\"><lc:column name=\"K\"/><lc:column "
		"name=\"V\"/></lc:file><lc:file name=\"b\" path=\"b.txt\"><lc:column name=\"x\"/></lc:file>\n" SCRIPT END;
	assert_false(failed(read_manifest(w, text, false)));
	assert_true(str_eq(w->m.app_uri, STR("http://example.test/a")));
	assert_true(w->m.before_user_services && w->m.strict_route && w->m.registrar_generated && w->m.domain_supported && !w->m.phone_uri && !w->m.proxy_by_default);
	assert_int_equal(w->m.roles, 1u << MSPL_ServerRole_FrontEnd | 1u << MSPL_ServerRole_AccessProxy);
	assert_int_equal(w->m.methods, MSPL_StandardMethod_Invite | MSPL_METHOD_OTHER);
	assert_int_equal(w->m.classes, 1 << 2 | 1 << 4);
	assert_true(w->m.script.script_only && w->m.script.n_files == 2);
	assert_true(w->m.script.files[0].key == 0 && w->m.script.files[0].delimiter == MSPL_SPACE && !w->m.script.files[0].is_static && w->m.script.files[0].n_columns == 2);
	assert_true(w->m.script.files[1].key == -1 && w->m.script.files[1].is_static);
	assert_true(w->m.script.line == 5 && str_eq(str_trim(w->m.script.source), STR("ProxyRequest(\"\");")));
}

static void defaults(void **state)
{
	struct world *w = *state;
	assert_false(failed(read_manifest(w, "<applicationManifest xmlns:lc=\"http://schemas.microsoft.com/lcs/2006/05\" xmlns=\"http://schemas.microsoft.com/lcs/2006/05\" "
					     "lc:appUri=\"u\"><splScript>Log(\"Event\", 1, \"\");</splScript></applicationManifest>", false)));
	assert_true(w->m.methods == UINT32_MAX && w->m.classes == 0x7e && w->m.proxy_by_default && w->m.roles == UINT32_MAX && !w->m.script.script_only);
	assert_true(w->m.script.line == 1 && str_eq(w->m.app_uri, STR("u")));
}

/* The place of a mistake in the script is one of the manifest. */
static void places(void **state)
{
	struct world *w = *state;
	const struct mspl_program *p;
	assert_false(failed(read_manifest(w, BEGIN "\n<lc:splScript><![CDATA[\n  Nix();\n]]></lc:splScript>" END, false)));
	assert_true(failed(mspl_compile(&w->m.script, &w->arena, &p, &w->d)));
	assert_true(w->d.line == 3 && w->d.column == 3);
}

static void what_is_refused(void **state)
{
	struct world *w = *state;
	refused(w, "<a/>", 1, "no manifest");
	refused(w, "", 1, "no element found");
	refused(w, BEGIN "\n" END, 1, "no splScript");
	refused(w, BEGIN "\n<lc:scriptonly/>" SCRIPT END, 2, "no element scriptonly");
	refused(w, BEGIN "<lc:scriptOnly/>\n<lc:proxyByDefault action=\"true\"/>" SCRIPT END, 2, "too late");
	refused(w, BEGIN "<lc:requestFilter methodName=\"INVITE\"/>" SCRIPT END, 1, "no attribute methodName");
	assert_string_equal(w->d.remedy, "did you mean methodNames?");
	refused(w, BEGIN "<lc:requestFilter methodNames=\"INVITE,NIX\"/>" SCRIPT END, 1, "has no 'NIX'");
	refused(w, BEGIN "<lc:proxyByDefault action=\"yes\"/>" SCRIPT END, 1, "action=");
	refused(w, BEGIN "<lc:file name=\"a\" path=\"p\" keyColumnName=\"x\"><lc:column name=\"y\"/></lc:file>" SCRIPT END, 1, "none of the columns");
	refused(w, BEGIN "<lc:file name=\"a\" path=\"p\" ignoreCase=\"true\"><lc:column name=\"y\"/></lc:file>" SCRIPT END, 1, "without a key");
	refused(w, BEGIN "<lc:file name=\"a\" path=\"p\"/>" SCRIPT END, 1, "without columns");
	refused(w, BEGIN "<lc:splScript/>" END, 1, "no script");
}

static void what_published_ones_get_wrong(void **state)
{
	struct world *w = *state;
	const char *const texts[] = { "<?xml version=\"1.0\">\n" BEGIN "\n" SCRIPT END, BEGIN "\n<lc:requestFilter methodNames=\"ALL\" / >\n<lc:scriptOnly / >" SCRIPT END };
	for (size_t i = 0; i < 2; i++) {
		assert_true(failed(read_manifest(w, texts[i], false)));
		assert_true(w->d.line == i + 1 && w->d.remedy[0] != '\0');
		assert_false(failed(read_manifest(w, texts[i], true)));
		assert_true(str_eq(str_trim(w->m.script.source), STR("ProxyRequest(\"\");")));
		assert_int_equal(w->m.script.line, 3);
	}
	assert_true(w->m.script.script_only);
	/* in a script it is a matter of the script */
	assert_false(failed(read_manifest(w, BEGIN "<lc:splScript><![CDATA[x = \"/ >\";]]></lc:splScript>" END, false)));
	assert_true(str_eq(w->m.script.source, STR("x = \"/ >\";")));
}

static void cut_anywhere(void **state)
{
	struct world *w = *state;
	static const char text[] = "<?xml version=\"1.0\"?>" BEGIN "<lc:scriptOnly / >" SCRIPT END;
	for (size_t n = 0; n + 1 < sizeof text; n++) {
		char *exact = malloc(n + 1);
		memcpy(exact, text, n);
		assert_true(failed(mspl_manifest_read(w->x, (str){ exact, n }, true, &w->arena, &w->m, &w->d)));
		free(exact);
	}
}

static void without_memory(void **state)
{
	struct world *w = *state;
	for (uint32_t n = 1; n < 40; n++) {
		struct arena a;
		arena_init(&a, 1 << 20);
		a.fail_after = n;
		err e = mspl_manifest_read(w->x, STR(BEGIN "<lc:file name=\"a\" path=\"p\"><lc:column name=\"y\"/></lc:file>" SCRIPT END), false, &a, &w->m, NULL);
		assert_true(!failed(e) || err_is(e, ERR_CEILING));
		arena_fini(&a);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(with_everything), TEST(defaults), TEST(places), TEST(what_is_refused), TEST(what_published_ones_get_wrong), TEST(cut_anywhere), TEST(without_memory),
	};
	return cmocka_run_group_tests_name("mspl_manifest", tests, NULL, NULL);
}
