/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/xml_tree.h"

#define assert_str(s, z) assert_true(str_eq((s), STR(z)))

struct tree {
	struct xml_reader *reader;
	struct arena arena;
	struct xml_node *root;
	struct diag d;
};

static int set_up(void **state)
{
	struct tree *t = calloc(1, sizeof *t);
	assert_non_null(t);
	assert_false(failed(xml_reader_new(&t->reader)));
	arena_init(&t->arena, 1 << 20);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *t = *state;
	xml_reader_free(t->reader);
	arena_fini(&t->arena);
	free(t);
	return 0;
}

static err read_within(struct tree *t, str text, const struct xml_limits *limits)
{
	char *exact = malloc(text.n + 1);
	assert_non_null(exact);
	memcpy(exact, text.p, text.n);
	t->root = NULL;
	t->d = (struct diag){ 0 };
	err e = xml_tree_read(t->reader, (str){ exact, text.n }, limits, &t->arena, &t->root, &t->d);
	free(exact); /* nothing may point there */
	assert_true(failed(e) == (t->root == NULL));
	assert_true(!failed(e) || t->d.what[0] != '\0');
	return e;
}

static const struct xml_node *read_tree(struct tree *t, const char *z)
{
	assert_false(failed(read_within(t, str_of(z), NULL)));
	return t->root;
}

static void names_and_texts(void **state)
{
	struct tree *t = *state;
	const struct xml_node *n = read_tree(t,
		"<?xml version='1.0'?><!-- c --><p:publish xmlns:p='urn:a' xmlns='urn:b' id=\"1\"> <one x:y='2' xmlns:x='urn:x'>a&amp;<b>c</b> d</one>\n"
		"<two/><one>&#x41;<![CDATA[<z>]]></one></p:publish>");
	assert_str(n->name, "publish");
	assert_str(n->ns, "urn:a");
	assert_str(xml_attribute(n, STR("id")), "1");
	assert_null(xml_attribute(n, STR("none")).p);
	assert_null(xml_attribute(NULL, STR("id")).p);
	const struct xml_node *one = xml_child(n, STR("one"));
	assert_str(one->ns, "urn:b");
	assert_str(xml_attribute(one, STR("y")), "2");
	assert_str(xml_node_text(one, &t->arena), "a&c d");
	const struct xml_node *two = xml_sibling(one, STR(""));
	assert_str(two->name, "two");
	assert_str(xml_node_text(two, &t->arena), "");
	assert_str(xml_node_text(xml_sibling(one, STR("one")), &t->arena), "A<z>");
	assert_null(xml_sibling(two, STR("two")));
	assert_ptr_equal(xml_path(n, "one", "b", NULL), xml_child(one, STR("b")));
	assert_null(xml_path(n, "two", "b", "c", NULL));
	assert_null(xml_child(NULL, STR("x")));
	assert_str(xml_node_text(NULL, &t->arena), "");
}

/* A part, written alone, means what it meant in its document. */
static void parts_stand_alone(void **state)
{
	static const struct {
		const char *whole, *part, *want;
	} rows[] = {
		{ "<a><b/></a>", "b", "<b/>" },
		{ "<a xmlns='u'><b><c/></b></a>", "b", "<b xmlns=\"u\"><c/></b>" },
		{ "<a xmlns='u' xmlns:i='v'><b i:type='t'><c i:type='t'/></b></a>", "b", "<b xmlns=\"u\" xmlns:i=\"v\" i:type=\"t\"><c i:type=\"t\"/></b>" },
		{ "<x:a xmlns:x='u'><x:b q='1' x:r='2'>t<x:c>&lt;</x:c></x:b></x:a>", "b", "<x:b xmlns:x=\"u\" q=\"1\" x:r=\"2\">t<x:c>&lt;</x:c></x:b>" },
		{ "<a><b xmlns='u'><c xmlns=''/><c xmlns='w'><d/></c></b></a>", "b", "<b xmlns=\"u\"><c xmlns=\"\"/><c xmlns=\"w\"><d/></c></b>" },
		{ "<a xmlns:x='u'><b><c x:y='1'/><c x:y='2'/></b></a>", "b", "<b><c xmlns:x=\"u\" x:y=\"1\"/><c xmlns:x=\"u\" x:y=\"2\"/></b>" },
		{ "<a><b xml:lang='de' t=\"&quot;&#10;&amp;\">x</b></a>", "b", "<b xml:lang=\"de\" t=\"&quot;&#10;&amp;\">x</b>" },
		{ "<a><p:b xmlns:p='u'><p:c xmlns:p='v'/><p:c/></p:b></a>", "b", "<p:b xmlns:p=\"u\"><p:c xmlns:p=\"v\"/><p:c/></p:b>" },
	};
	struct tree *t = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf b, again;
		buf_init(&b, 4096);
		buf_init(&again, 4096);
		xml_node_print(xml_child(read_tree(t, rows[i].whole), str_of(rows[i].part)), &b);
		assert_true(str_eq(buf_str(&b), str_of(rows[i].want)));
		assert_false(failed(read_within(t, buf_str(&b), NULL)));
		xml_node_print(t->root, &again);
		assert_true(str_eq(buf_str(&b), buf_str(&again)));
		buf_fini(&b);
		buf_fini(&again);
	}
}

static void what_is_none_is_refused(void **state)
{
	static const char *const bad[] = { "", " ", "x", "<a>", "<a></b>", "<a/><a/>", "<a b=1/>", "<a b='1' b='2'/>", "<a>&x;</a>", "<a>\x01</a>",
		"<a>\xff</a>", "<p:a/>", "<a><!-- -- --></a>", "<a xmlns:x=''/>",
		"<!DOCTYPE a><a/>", "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
		"<!DOCTYPE a [<!ENTITY b '&c;&c;'><!ENTITY c '&d;&d;'><!ENTITY d 'e'>]><a>&b;</a>" };
	struct tree *t = *state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_true(err_is(read_within(t, str_of(bad[i]), NULL), ERR_MALFORMED));
	(void)read_tree(t, "<a/>"); /* the reader is none the worse */
}

/* Bombs: depth, elements, attributes, size, texts; each just below and just above its ceiling. */
static void ceilings(void **state)
{
	struct tree *t = *state;
	const struct xml_limits l = { .bytes = 60, .depth = 3, .nodes = 5, .attributes = 2 };
	static const struct {
		const char *good, *bad;
	} rows[] = {
		{ "<a><b><c/></b></a>", "<a><b><c><d/></c></b></a>" },
		{ "<a><b/><b/><b/><b/></a>", "<a><b/><b/><b/><b/><b/></a>" },
		{ "<a><b/>t<b/>t</a>", "<a><b/>t<b/>t<b/></a>" },
		{ "<a b='1' c='2' xmlns='x'/>", "<a b='1' c='2' d='3'/>" },
		{ "<a>..................................................</a>   ", "<a>..................................................</a>    " },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_false(failed(read_within(t, str_of(rows[i].good), &l)));
		assert_true(err_is(read_within(t, str_of(rows[i].bad), &l), ERR_CEILING));
	}
}

/* The arena ends somewhere: always an error, never half a tree. */
static void memory(void **state)
{
	struct tree *t = *state;
	for (uint32_t n = 1;; n++) {
		struct arena a;
		struct xml_node *root = NULL;
		arena_init(&a, 1 << 20);
		a.fail_after = n;
		err e = xml_tree_read(t->reader, STR("<a b='c'><d xmlns:q='r' q:e='f'>text</d></a>"), NULL, &a, &root, NULL);
		bool done = a.fail_after != 0;
		arena_fini(&a);
		assert_true(failed(e) ? err_is(e, ERR_CEILING) : done);
		if (done)
			break;
		assert_true(n < 100);
	}
}

/* Cut anywhere it is an error; a document that comes in a second time reads the same. */
static void cut(void **state)
{
	struct tree *t = *state;
	const str all = STR("<a xmlns='u' b='c'><d>t&amp;</d><!-- x --><e f='g'/></a>");
	for (size_t n = 0; n < all.n; n++)
		assert_true(failed(read_within(t, str_cut(all, 0, n), NULL)));
	assert_false(failed(read_within(t, all, NULL)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_and_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(parts_stand_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_none_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ceilings, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cut, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
