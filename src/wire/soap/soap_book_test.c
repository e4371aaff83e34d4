/* SPDX-License-Identifier: Apache-2.0 */
/* Searches as clients write them, whole and cut anywhere; the people of an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/soap.h"

#define SAML "urn:oasis:names:tc:SAML:1.0:assertion"
#define TICKET \
	"<a:Assertion xmlns:a=\"" SAML "\" AssertionID=\"t1\"><a:Conditions NotBefore=\"2026-11-23T17:30:42Z\" NotOnOrAfter=\"2026-11-24T01:30:42Z\">" \
	"<a:AudienceRestrictionCondition><a:Audience>https://w.test/groupexpansion/service.svc</a:Audience></a:AudienceRestrictionCondition></a:Conditions>" \
	"<a:AuthenticationStatement><a:Subject><a:NameIdentifier>sip:ann@a.test</a:NameIdentifier><a:SubjectConfirmation><a:SubjectConfirmationData>AAEC" \
	"</a:SubjectConfirmationData></a:SubjectConfirmation></a:Subject></a:AuthenticationStatement></a:Assertion>"
#define ENVELOPE(header, body) \
	"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header><o:Security xmlns:o=\"urn:o\">" header "</o:Security></s:Header><s:Body>" body "</s:Body></s:Envelope>"
#define SEARCH(search, metadata) \
	ENVELOPE(TICKET, "<SearchAbEntry xmlns=\"DistributionListExpander\"> <AbEntryRequest> " search " <Metadata>" metadata "</Metadata> </AbEntryRequest></SearchAbEntry>")
#define ROW(on, value) "<AbEntryRequest.ChangeSearchQuery> <SearchOn>" on "</SearchOn> <Value>" value "</Value></AbEntryRequest.ChangeSearchQuery>"
#define ROWS(rows) "<ChangeSearch>" rows "</ChangeSearch>"
#define BASIC(list, value, verb) "<BasicSearch> <SearchList>" list "</SearchList> <Value>" value "</Value> <Verb>" verb "</Verb></BasicSearch>"
#define USUAL "<FromDialPad>false</FromDialPad> <MaxResultNum>100</MaxResultNum> <ReturnList>mail,title</ReturnList>"
#define FIVE ROW("sn", "a") ROW("sn", "a") ROW("sn", "a") ROW("sn", "a") ROW("sn", "a")

static struct xml_reader *reader;
static struct arena arena;
static struct diag diag;

static int setup(void **state)
{
	return failed(xml_reader_new(&reader)) ? 1 : 0;
}

static int teardown(void **state)
{
	xml_reader_free(reader);
	return 0;
}

static int fresh(void **state)
{
	arena_init(&arena, 1 << 20);
	diag = (struct diag){ .what = "" };
	return 0;
}

static int stale(void **state)
{
	arena_fini(&arena);
	return 0;
}

static bool knows(str attribute)
{
	return str_eq_case(attribute, STR("sn")) || str_eq_case(attribute, STR("mail"));
}

static err read_search(const char *text, struct soap_search *out)
{
	return soap_search_read(reader, str_of(text), &arena, knows, out, &diag);
}

static void rows_of_a_search(void **state)
{
	struct soap_search s;
	assert_false(failed(read_search(SEARCH(ROWS(ROW("givenName", "Rob &amp; Co") ROW("sn", "  ") ROW("x", "y")), USUAL), &s)));
	assert_true(s.n == 2 && !s.any && s.most == 100 && str_eq(s.wanted, STR("mail,title")));
	assert_true(str_eq(s.by[0].attribute, STR("givenName")) && str_eq(s.by[0].value, STR("Rob & Co")) && str_eq(s.by[1].attribute, STR("x")));
	assert_true(str_eq(s.ticket.user, STR("ann@a.test")) && s.ticket.sealed.n == 3);
	assert_false(failed(read_search(SEARCH(ROWS(ROW("sn", "a")), ""), &s)));
	assert_true(s.most == 0 && s.wanted.n == 0);
}

static void one_value_for_all(void **state)
{
	struct soap_search s;
	assert_false(failed(read_search(SEARCH(BASIC("c, SN,mailNickname,mail", " Ann ", "BeginsWith"), USUAL), &s)));
	assert_true(s.any && s.n == 2 && str_eq(s.by[0].attribute, STR("SN")) && str_eq(s.by[1].attribute, STR("mail")));
	assert_true(str_eq(s.by[0].value, STR("Ann")) && str_eq(s.by[1].value, STR("Ann")));
}

static void what_is_none(void **state)
{
	static const struct {
		const char *text;
		enum err_id want;
	} rows[] = {
		{ SEARCH(ROWS(FIVE FIVE), USUAL), ERR_CEILING },
		{ SEARCH(BASIC("sn,sn,sn,sn,sn,sn,sn,sn,sn", "a", ""), USUAL), ERR_CEILING },
		{ SEARCH(ROWS(""), USUAL), ERR_MALFORMED },
		{ SEARCH("", USUAL), ERR_MALFORMED },
		{ SEARCH(BASIC("c", "a", ""), USUAL), ERR_MALFORMED },
		{ SEARCH(BASIC("sn", " ", ""), USUAL), ERR_MALFORMED },
		{ SEARCH(BASIC("sn", "a", "Contains"), USUAL), ERR_REFUSED },
		{ SEARCH(ROWS(ROW("sn", "a")), "<FromDialPad>true</FromDialPad>"), ERR_REFUSED },
		{ SEARCH(ROWS(ROW("sn", "a")), "<MaxResultNum>-1</MaxResultNum>"), ERR_MALFORMED },
		{ SEARCH(ROWS(ROW("sn", "a&#10;b")), USUAL), ERR_MALFORMED },
		{ ENVELOPE(TICKET, "<QueryDLMembers xmlns=\"DistributionListExpander\"/>"), ERR_REFUSED },
		{ ENVELOPE(TICKET, "<SearchAbEntry/>"), ERR_REFUSED },
		{ ENVELOPE(TICKET, ""), ERR_MALFORMED },
		{ ENVELOPE("", "<SearchAbEntry xmlns=\"DistributionListExpander\"/>"), ERR_MALFORMED },
		{ "<!DOCTYPE a><a/>", ERR_MALFORMED },
	};
	struct soap_search s;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		diag.what[0] = '\0';
		err e = read_search(rows[i].text, &s);
		if (!err_is(e, rows[i].want) || diag.what[0] == '\0')
			fail_msg("row %zu: %s (%s)", i, e.def != NULL ? e.def->name : "OK", diag.what);
	}
}

static void cut_anywhere(void **state)
{
	static const char text[] = SEARCH(ROWS(ROW("sn", "a")), USUAL);
	struct soap_search s;
	for (size_t n = 0; n < sizeof text - 1; n++) {
		struct arena one;
		arena_init(&one, 1 << 20);
		assert_true(failed(soap_search_read(reader, (str){ text, n }, &one, knows, &s, &diag)));
		arena_fini(&one);
	}
	assert_false(failed(read_search(text, &s)));
}

static void room_that_ends(void **state)
{
	struct soap_search s;
	bool is_read = false;
	for (size_t room = 256; !is_read; room += 256) {
		struct arena small;
		arena_init(&small, room);
		err e = soap_search_read(reader, STR(SEARCH(ROWS(ROW("sn", "a")), USUAL)), &small, knows, &s, &diag);
		is_read = !failed(e);
		assert_true(is_read || room < (64u << 10));
		arena_fini(&small);
	}
}

static void people_that_were_found(void **state)
{
	struct soap_people p;
	struct xml_node *root;
	struct buf b;
	buf_init(&b, SOAP_PEOPLE_MAX);
	soap_people_begin(&p, &b);
	soap_people_next(&p);
	soap_people_add(&p, STR("mail"), STR("a<b"));
	soap_people_next(&p);
	soap_people_end(&p);
	assert_false(b.failed || failed(xml_tree_read(reader, buf_str(&b), NULL, &arena, &root, &diag)));
	const struct xml_node *items = xml_path(root, "Body", "SearchAbEntryResponse", "SearchAbEntryResult", "Items", NULL);
	const struct xml_node *one = xml_child(items, STR("AbEntry")), *two = xml_sibling(one, STR("AbEntry"));
	assert_true(str_eq(items->ns, STR("DistributionListExpander")) && xml_sibling(two, STR("AbEntry")) == NULL);
	const struct xml_node *attribute = xml_path(one, "Attributes", "Attribute", NULL);
	assert_true(str_eq(xml_node_text(xml_child(attribute, STR("Name")), &arena), STR("mail")));
	assert_true(str_eq(xml_node_text(xml_child(attribute, STR("Value")), &arena), STR("a<b")));
	assert_null(xml_path(two, "Attributes", "Attribute", NULL));
	buf_fini(&b);
	buf_init(&b, 512); /* what does not fit is not sent */
	soap_people_begin(&p, &b);
	for (int i = 0; i < 20; i++)
		soap_people_next(&p);
	soap_people_end(&p);
	assert_true(b.failed);
	buf_fini(&b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, stale)
	const struct CMUnitTest tests[] = {
		TEST(rows_of_a_search),
		TEST(one_value_for_all),
		TEST(what_is_none),
		TEST(cut_anywhere),
		TEST(room_that_ends),
		TEST(people_that_were_found),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
