/* SPDX-License-Identifier: Apache-2.0 */
/* Identities as people write them; PINs; one-time codes. */
#include "role/vault/vault_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const char document[] =
	"organization: Example\nsip-domains: [example.test]\ninternal-domain: example.test\n"
	"sites:\n"
	"- {name: Main, pools: [{pool: uc01.example.test, role: standard-edition, collocated: [mediation], web: {external: web.example.test}}],"
	" pstn-gateways: [{fqdn: gw01.example.test, mediation: uc01.example.test}]}\n"
	"- {name: New York, pools: [{pool: dir02.example.test, role: director, servers: [d2.example.test],"
	" web: {internal: dirweb2.example.test, external: dirwebext2.example.test}}]}\n";

struct fixture {
	struct skel skel;
	struct arena room;
	struct vault vault;
};

static int set_up(void **state)
{
	static struct fixture f;
	struct diag d = { 0 };
	f = (struct fixture){ 0 };
	f.vault.skel = &f.skel;
	arena_init(&f.room, 1 << 20);
	if (failed(topo_parse(&f.vault.topo, &f.room, str_of(document), "topology.yaml", &d))) {
		print_error("%s: %s\n", d.where, d.what);
		return 1;
	}
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	arena_fini(&((struct fixture *)*state)->room);
	return 0;
}

static void identities_have_one_form(void **state)
{
	static const struct {
		enum schema_id kind;
		const char *given, *stored, *site; /* stored NULL: refused, site says what the remedy says */
	} rows[] = {
		{ SCHEMA_ID_ConferencingPolicy, "global", "Global", "" },
		{ SCHEMA_ID_ConferencingPolicy, " Global ", "Global", "" },
		{ SCHEMA_ID_ConferencingPolicy, "site:main", "Site:Main", "Main" },
		{ SCHEMA_ID_ConferencingPolicy, "SITE:new york", "Site:New York", "New York" },
		{ SCHEMA_ID_ConferencingPolicy, "tag:Sales", "Tag:Sales", "" },
		{ SCHEMA_ID_ConferencingPolicy, "Sales and more", "Tag:Sales and more", "" },
		{ SCHEMA_ID_ConferencingPolicy, "Sit:Main", NULL, "Global" },
		{ SCHEMA_ID_ConferencingPolicy, "site:Berlin", NULL, "Get-CsSite" },
		{ SCHEMA_ID_ConferencingPolicy, "service:Registrar:uc01.example.test", NULL, "write Global" },
		{ SCHEMA_ID_ConferencingPolicy, "a/b", NULL, "write Global" },
		{ SCHEMA_ID_ConferencingPolicy, "", NULL, "write Global" },
		{ SCHEMA_ID_ConferencingPolicy, "*", NULL, "write Global" },
		{ SCHEMA_ID_ConferencingPolicy, "\xff", NULL, "write Global" },
		{ SCHEMA_ID_DialPlan, "Registrar:UC01.example.test", "Service:Registrar:uc01.example.test", "Main" },
		{ SCHEMA_ID_DialPlan, "service:pstngateway:gw01.example.test", "Service:PstnGateway:gw01.example.test", "Main" },
		{ SCHEMA_ID_DialPlan, "Service:Director:dir02.example.test", NULL, "write Global" },
		{ SCHEMA_ID_RegistrarConfiguration, "Sales", NULL, "Service:ROLE:POOL (Registrar)" },
		{ SCHEMA_ID_RegistrarConfiguration, "Registrer:uc01.example.test", NULL, "did you mean Registrar" },
		{ SCHEMA_ID_Registrar, "uc01.example.test", "Registrar:uc01.example.test", "Main" },
		{ SCHEMA_ID_Registrar, "registrar:uc01.example.test", "Registrar:uc01.example.test", "Main" },
		{ SCHEMA_ID_Registrar, "Registrar:uc02.example.test", NULL, "Get-CsService" },
		{ SCHEMA_ID_EdgeServer, "EdgeServe:uc01.example.test", NULL, "did you mean EdgeServer" },
		{ SCHEMA_ID_Director, "Service:Director:dir02.example.test", "Director:dir02.example.test", "New York" },
		{ SCHEMA_ID_VoiceNormalizationRule, "Prefix All", "Global/Prefix All", "" },
		{ SCHEMA_ID_VoiceNormalizationRule, "site:MAIN/Prefix All", "Site:Main/Prefix All", "Main" },
		{ SCHEMA_ID_VoiceNormalizationRule, "Sales/Prefix All", "Tag:Sales/Prefix All", "" },
		{ SCHEMA_ID_VoiceNormalizationRule, "Sales/", NULL, "PARENT/NAME" },
		{ SCHEMA_ID_VoiceNormalizationRule, "site:Berlin/x", NULL, "Get-CsSite" },
		{ SCHEMA_ID_ServerApplication, "Registrar:uc01.example.test/App", "Registrar:uc01.example.test/App", "Main" },
		{ SCHEMA_ID_AllowedDomain, "Fabrikam.test", "Fabrikam.test", "" },
		{ SCHEMA_ID_AllowedDomain, "global/fabrikam.test", "fabrikam.test", "" },
		{ SCHEMA_ID_Site, "site:NEW YORK", "New York", "New York" },
		{ SCHEMA_ID_Site, "Berlin", NULL, "Get-CsSite" },
		{ SCHEMA_ID_Group, " Global/CsAdministrator", "CsAdministrator", "" },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct call call = { .vault = &f->vault };
		struct identity id;
		err e = identity_parse(&call, &schema_kinds[rows[i].kind], str_of(rows[i].given), &id);
		if (failed(e) != (rows[i].stored == NULL))
			fail_msg("%s \"%s\": %s", schema_kinds[rows[i].kind].name, rows[i].given, failed(e) ? call.diag.what : id.text);
		if (failed(e)) {
			assert_string_equal(call.diag.where, "Identity");
			if (strstr(call.diag.remedy, rows[i].site) == NULL)
				fail_msg("\"%s\": %s", rows[i].given, call.diag.remedy);
			continue;
		}
		assert_string_equal(id.text, rows[i].stored);
		assert_int_equal(id.n, strlen(id.text));
		assert_true(str_eq(id.site, str_of(rows[i].site)));
		/* What is stored is read as itself. */
		struct identity again;
		assert_false(failed(identity_parse(&call, id.kind, identity_str(&id), &again)));
		assert_string_equal(again.text, id.text);
	}
}

static void long_names_are_refused(void **state)
{
	struct fixture *f = *state;
	static char text[2000];
	memset(text, 'x', sizeof text);
	for (size_t n = 200; n < sizeof text; n += n < 320 ? 1 : 400)
		for (size_t k = 0; k < SCHEMA_N; k++) {
			struct call call = { .vault = &f->vault };
			struct identity id;
			if (!failed(identity_parse(&call, &schema_kinds[k], (str){ text, n }, &id)))
				assert_true(id.n <= SCHEMA_IDENTITY_MAX && n <= 256 && id.text[id.n] == '\0');
		}
}

static void what_is_there_without_being_made(void **state)
{
	static const struct {
		enum schema_id kind;
		const char *identity;
		bool is;
	} rows[] = {
		{ SCHEMA_ID_ConferencingPolicy, "Global", true }, { SCHEMA_ID_ConferencingPolicy, "Site:Main", false }, { SCHEMA_ID_ConferencingPolicy, "Sales", false },
		{ SCHEMA_ID_Registrar, "uc01.example.test", true }, { SCHEMA_ID_RgsConfiguration, "Service:ApplicationServer:uc01.example.test", true },
		{ SCHEMA_ID_AdminRole, "CsHelpDesk", true }, { SCHEMA_ID_AdminRole, "Mine", false }, { SCHEMA_ID_Group, "cshelpdesk", true },
		{ SCHEMA_ID_SipDomain, "example.test", true }, { SCHEMA_ID_SipDomain, "other.test", false }, { SCHEMA_ID_Site, "Main", true }, { SCHEMA_ID_AllowedDomain, "Global", false },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct call call = { .vault = &f->vault };
		struct identity id;
		assert_false(failed(identity_parse(&call, &schema_kinds[rows[i].kind], str_of(rows[i].identity), &id)));
		if (identity_is_implicit(&call, &id) != rows[i].is)
			fail_msg("%s %s", id.kind->name, id.text);
	}
}

/* RFC 6238, appendix B, the last six digits. */
static void codes_are_those_of_authenticators(void **state)
{
	static const struct {
		uint64_t time;
		uint32_t code;
	} rows[] = { { 59, 287082 }, { 1111111109, 81804 }, { 1111111111, 50471 }, { 1234567890, 5924 }, { 2000000000, 279037 }, { 20000000000, 353130 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(session_code(STR("12345678901234567890"), rows[i].time / 30), rows[i].code);
}

static void easy_pins(void **state)
{
	static const struct {
		const char *pin, *line;
		bool common;
	} rows[] = {
		{ "123456", "", true }, { "987654", "", true }, { "000000", "", true }, { "999999", "tel:+1", true }, { "1", "", true }, { "", "", true }, { "12", "", true },
		{ "385274", "", false }, { "123457", "", false }, { "112233", "", false }, { "135791", "", false }, { "5551234", "tel:+14255551234;ext=77", true },
		{ "425555", "tel:+14255551234", true }, { "425556", "tel:+14255551234", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (pin_is_common(str_of(rows[i].pin), str_of(rows[i].line)) != rows[i].common)
			fail_msg("%s", rows[i].pin);
}

#define PLACED(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(identities_have_one_form),
		PLACED(long_names_are_refused),
		PLACED(what_is_there_without_being_made),
		cmocka_unit_test(codes_are_those_of_authenticators),
		cmocka_unit_test(easy_pins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
