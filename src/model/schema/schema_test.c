/* SPDX-License-Identifier: Apache-2.0 */
#include "model/schema_struct.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define EACH_PROP(k, p)                                                                               \
	for (const struct schema_kind *k = schema_kinds; k < schema_kinds + SCHEMA_N; k++)                \
		for (const struct schema_prop *p = k->props; p < k->props + k->n_props; p++)

static json_t *take(const struct schema_prop *p, const char *text)
{
	struct diag d = { 0 };
	json_t *given = json_string(text), *v = NULL;
	err e = schema_value(p, given, &v, &d);
	json_decref(given);
	if (failed(e)) {
		assert_string_equal(d.where, p->name);
		assert_true(d.what[0] != '\0' && d.remedy[0] != '\0');
		return NULL;
	}
	return v;
}

/* Every row is whole: letters that mean something, a sentence of help, references that lead somewhere, a default that it allows itself. */
static void rows_are_sound(void **state)
{
	for (const struct schema_kind *k = schema_kinds; k < schema_kinds + SCHEMA_N; k++) {
		assert_ptr_equal(schema_find(str_of(k->name)), k);
		assert_int_equal(strspn(k->scopes, "GSVT"), strlen(k->scopes));
		assert_int_equal(strspn(k->verbs, "gnsrG"), strlen(k->verbs));
		assert_int_equal(strspn(k->writers, "UVSALPRH"), strlen(k->writers));
		assert_true(strlen(k->help) >= 15);
		assert_int_equal(k->scopes[0] != '\0', k->base == SCHEMA_POLICY || k->base == SCHEMA_CONFIG);
		if (k->base == SCHEMA_CHILD)
			for (str rest = str_of(k->of); rest.n != 0;)
				assert_non_null(schema_find(str_split(rest, ' ', &rest)));
	}
	EACH_PROP (k, p) {
		assert_int_equal(strspn(p->flags, "mnrxdo"), strlen(p->flags));
		if (strlen(p->help) < 15)
			fail_msg("%s.%s has no help", k->name, p->name);
		assert_ptr_equal(schema_prop_find(k, str_of(p->name)), p);
		json_t *v = schema_default(p);
		if (p->dflt[0] != '\0' && v == NULL)
			fail_msg("%s.%s refuses its own default %s", k->name, p->name, p->dflt);
		json_decref(v);
		if (p->type == SCHEMA_OBJECT || p->type == SCHEMA_OBJECTS)
			assert_non_null(schema_find(str_of(p->check)));
	}
}

/* Every property that can be given: the sample is taken, is kept as it is, differs from the default; what is no value of it is refused. */
static void values_are_checked(void **state)
{
	EACH_PROP (k, p) {
		char words[300];
		struct diag d = { 0 };
		schema_describe(p, words, sizeof words);
		assert_true(strlen(words) > 5);
		json_t *v = schema_sample(p), *again = NULL, *dflt = schema_default(p);
		if (v == NULL && p->type != SCHEMA_REF && p->type != SCHEMA_OBJECT && p->type != SCHEMA_OBJECTS && strncmp(p->check, "REF", 3) != 0)
			fail_msg("%s.%s has no sample", k->name, p->name);
		if (v != NULL) {
			assert_false(failed(schema_value(p, v, &again, &d)));
			assert_true(json_equal(v, again));
			assert_false(dflt != NULL && json_equal(v, dflt));
		}
		json_decref(again);
		json_decref(v);
		json_decref(dflt);
		json_t *bad = json_pack("[[{s:s}]]", "nothing", "like it");
		again = NULL;
		assert_true(failed(schema_value(p, bad, &again, &d)));
		assert_string_equal(d.where, p->type == SCHEMA_OBJECT ? d.where : p->name);
		json_decref(bad);
		if (p->type == SCHEMA_INT)
			assert_null(take(p, "99999999999999999999"));
		if (p->type == SCHEMA_BOOL)
			assert_null(take(p, "perhaps"));
		if (p->type != SCHEMA_PATTERN && take(p, "\001") != NULL)
			fail_msg("%s.%s", k->name, p->name);
	}
}

/* Texts of each kind that are taken (and how they are stored), and that are not. */
static void types_have_their_forms(void **state)
{
	static const struct {
		enum schema_type type;
		const char *check, *given, *stored; /* NULL: refused */
	} rows[] = {
		{ SCHEMA_BOOL, "", "$true", NULL }, /* see below: no text */
		{ SCHEMA_TIMESPAN, "00:00:30..1.00:00:00", "00:10", "00:10:00" },
		{ SCHEMA_TIMESPAN, "00:00:30..1.00:00:00", "1.00:00:00", "1.00:00:00" },
		{ SCHEMA_TIMESPAN, "00:00:30..1.00:00:00", "00:00:29", NULL },
		{ SCHEMA_TIMESPAN, "00:00:30..1.00:00:00", "24:00:00", NULL },
		{ SCHEMA_TIMESPAN, "00:00:30..1.00:00:00", "00:10:", NULL },
		{ SCHEMA_DATE, "", "2026-01-31", "2026-01-31T00:00:00Z" },
		{ SCHEMA_DATE, "", "2026-01-31 12:30", "2026-01-31T12:30:00Z" },
		{ SCHEMA_DATE, "", "2026-13-31", NULL },
		{ SCHEMA_FQDN, "", "UC01.Example.Test", "uc01.example.test" },
		{ SCHEMA_FQDN, "", "*.example.test", NULL },
		{ SCHEMA_FQDN, "", "a..b", NULL },
		{ SCHEMA_FQDN, "", "-a.b", NULL },
		{ SCHEMA_FQDN, "", "a.b.", NULL },
		{ SCHEMA_DOMAIN, "", "*.Example.test", "*.example.test" },
		{ SCHEMA_URL, "", "HTTPS://meet.example.test/x?y", "https://meet.example.test/x?y" },
		{ SCHEMA_URL, "", "ftp://x", NULL },
		{ SCHEMA_URL, "", "https://x y", NULL },
		{ SCHEMA_SIPURI, "", "SIP:ann@example.test", "sip:ann@example.test" },
		{ SCHEMA_SIPURI, "", "ann@example.test", "sip:ann@example.test" },
		{ SCHEMA_SIPURI, "", "tel:+49;ext=1", "tel:+49;ext=1" },
		{ SCHEMA_SIPURI, "", "javascript:x", NULL },
		{ SCHEMA_NUMBER, "", "*100", "*100" },
		{ SCHEMA_NUMBER, "", "1 & 2", NULL },
		{ SCHEMA_IP, "", "192.0.2.1", "192.0.2.1" },
		{ SCHEMA_IP, "", "2001:DB8:0::1", "2001:db8::1" },
		{ SCHEMA_IP, "", "192.0.2", NULL },
		{ SCHEMA_PATTERN, "", "^\\+(\\d*)$", "^\\+(\\d*)$" },
		{ SCHEMA_PATTERN, "", "(", NULL },
		{ SCHEMA_ENUM, "Allow|Block", "block", "Block" },
		{ SCHEMA_ENUM, "Allow|Block", "bloc", NULL },
		{ SCHEMA_REF, "PinPolicy", "Tag:Sales", "Sales" },
		{ SCHEMA_BYTES, "..3", "AQID", "AQID" },
		{ SCHEMA_BYTES, "..3", "AQIDBAUG", NULL },
		{ SCHEMA_BYTES, "..3", "AQ==", "AQ==" },
		{ SCHEMA_GUID, "", "{6BA7B810-9dad-11d1-80b4-00c04fd430c8}", "6ba7b810-9dad-11d1-80b4-00c04fd430c8" },
		{ SCHEMA_GUID, "", "6ba7b810-9dad-11d1-80b4-00c04fd430cg", NULL },
		{ SCHEMA_TEXT, "..3", "abc", "abc" },
		{ SCHEMA_TEXT, "..3", "abcd", NULL },
		{ SCHEMA_TEXT, "", "a\x1b[2J", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct schema_prop p = { .name = "P", .type = rows[i].type, .check = rows[i].check, .dflt = "", .flags = "", .help = "" };
		json_t *v = take(&p, rows[i].given);
		if (rows[i].type == SCHEMA_BOOL)
			assert_true(json_is_true(v));
		else if (rows[i].stored == NULL)
			assert_null(v);
		else
			assert_string_equal(json_string_value(v), rows[i].stored);
		json_decref(v);
	}
}

static void lists_are_modified(void **state)
{
	const struct schema_prop p = { .name = "L", .type = SCHEMA_LISTED, .check = "TEXT", .dflt = "a|b", .flags = "", .help = "" };
	static const struct {
		const char *given, *want; /* NULL: refused */
	} rows[] = {
		{ "{\"add\":\"c\"}", "[\"a\",\"b\",\"c\"]" },
		{ "{\"Add\":[\"c\",\"d\"],\"Remove\":\"A\"}", "[\"b\",\"c\",\"d\"]" },
		{ "{\"Replace\":[\"x\"]}", "[\"x\"]" },
		{ "{\"Add\":\"B\"}", NULL },
		{ "{\"Remove\":\"c\"}", NULL },
		{ "{\"Sort\":\"c\"}", NULL },
		{ "[\"x\",\"y\"]", "[\"x\",\"y\"]" },
		{ "\"x\"", "[\"x\"]" },
		{ "[\"x\",\"X\"]", NULL },
	};
	json_t *now = schema_default(&p);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct diag d = { 0 };
		json_t *given = json_loads(rows[i].given, JSON_DECODE_ANY, NULL), *out = NULL;
		json_t *want = rows[i].want != NULL ? json_loads(rows[i].want, 0, NULL) : NULL;
		err e = schema_modify(&p, now, given, &out, &d);
		assert_int_equal(failed(e), want == NULL);
		assert_true(want == NULL || json_equal(out, want));
		json_decref(given);
		json_decref(out);
		json_decref(want);
	}
	json_t *out = now;
	assert_false(failed(schema_modify(&p, now, NULL, &out, NULL)));
	assert_null(out);
	json_decref(now);
}

/* The C struct has what was stored, and the defaults for the rest; every kind fills its struct to the end. */
static void structs_are_filled(void **state)
{
	for (const struct schema_kind *k = schema_kinds; k < schema_kinds + SCHEMA_N; k++) {
		struct arena a;
		arena_init(&a, 1 << 20);
		void *room = test_calloc(1, k->size + 8);
		assert_false(failed(schema_read(k, NULL, &a, room)));
		test_free(room);
		arena_fini(&a);
	}
	struct arena a;
	struct cs_MeetingConfiguration m;
	struct cs_VoiceRoute v;
	arena_init(&a, 1 << 20);
	json_t *body = json_pack("{s:b}", "PstnCallersBypassLobby", 0), *route = json_pack("{s:[s,s],s:i}", "PstnUsages", "Local", "Long", "Priority", 3);
	assert_false(failed(schema_read(&schema_kinds[SCHEMA_ID_MeetingConfiguration], body, &a, &m)));
	assert_false(m.PstnCallersBypassLobby);
	assert_true(m.AdmitAnonymousUsersByDefault);
	assert_false(failed(schema_read(&schema_kinds[SCHEMA_ID_VoiceRoute], route, &a, &v)));
	assert_int_equal(v.PstnUsages.n, 2);
	assert_true(str_eq(v.PstnUsages.p[1], STR("Long")));
	assert_int_equal(v.Priority, 3);
	json_decref(body);
	json_decref(route);
	arena_fini(&a);
}

static void objects_need_what_is_mandatory(void **state)
{
	const struct schema_kind *k = &schema_kinds[SCHEMA_ID_WebTrustedCACertificate];
	struct diag d = { 0 };
	json_t *whole = json_pack("{s:s,s:s}", "thumbprint", "7A06", "CAStore", "trustedrootca"), *part = json_pack("{s:s}", "Thumbprint", "7a"), *out = NULL;
	assert_false(failed(schema_object(k, whole, &out, &d)));
	assert_string_equal(json_string_value(json_object_get(out, "CAStore")), "TrustedRootCA");
	json_decref(out);
	assert_true(err_is(schema_object(k, part, &out, &d), ERR_USAGE));
	json_decref(whole);
	json_decref(part);
}

static void secrets_are_not_shown(void **state)
{
	static const struct schema_prop props[] = { { "Password", SCHEMA_SECRET, "", "", "", "" } };
	const struct schema_kind k = { .name = "K", .base = SCHEMA_LIST, .props = props, .n_props = 1 };
	json_t *body = json_pack("{s:s}", "Password", "open sesame"), *shown = schema_show(&k, STR("x"), body);
	assert_string_equal(json_string_value(json_object_get(shown, "Password")), "***");
	json_decref(shown);
	json_decref(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_sound),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(types_have_their_forms),
		cmocka_unit_test(lists_are_modified),
		cmocka_unit_test(structs_are_filled),
		cmocka_unit_test(objects_need_what_is_mandatory),
		cmocka_unit_test(secrets_are_not_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
