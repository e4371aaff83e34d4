/* SPDX-License-Identifier: Apache-2.0 */
#include "role/vault/vault_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const uint64_t now = UINT64_C(1800000000000);

struct fixture {
	struct tally tally;
	struct config config;
	bool locked;
};

static int set_up(void **state)
{
	static struct fixture f;
	tally_init(&f.tally, 100);
	config_default(&f.config);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	tally_fini(&f->tally);
	return 0;
}

static struct tally_entry *miss(struct fixture *f, const char *name, bool is_user, uint64_t at)
{
	struct tally_entry *e = tally_add(&f->tally, str_of(name), is_user, at, &f->config, &f->locked);
	assert_non_null(e);
	return e;
}

/* Users and strangers alike: the tenth wrong password locks, and each later one for twice as long, up to the ceiling. */
static void ten_wrong_passwords_lock(void **state)
{
	struct fixture *f = *state;
	for (unsigned user = 0; user < 2; user++) {
		const char *name = user ? "ann@example.test" : "nobody@example.test";
		struct tally_entry *e = NULL;
		uint64_t at = now;
		for (unsigned i = 1; i <= 9; i++) {
			e = miss(f, name, user == 1, at++);
			assert_int_equal(e->failures, i);
			assert_false(f->locked);
		}
		const uint64_t seconds[] = { 60, 120, 240, 480, 960, 1920, 3600, 3600 };
		for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
			e = miss(f, name, user == 1, at);
			assert_true(f->locked);
			assert_int_equal(e->until_ms, at + seconds[i] * 1000);
			at = e->until_ms;
		}
	}
}

static void a_lock_is_not_prolonged_while_it_runs(void **state)
{
	struct fixture *f = *state;
	f->config.max_failed_sign_ins = 1;
	struct tally_entry *e = miss(f, "ann@example.test", true, now);
	assert_true(f->locked);
	e = miss(f, "ann@example.test", true, now + 59999);
	assert_false(f->locked);
	assert_int_equal(e->failures, 1);
	assert_int_equal(e->until_ms, now + 60000);
}

static void failures_are_forgotten(void **state)
{
	struct fixture *f = *state;
	(void)miss(f, "ann@example.test", true, now);
	assert_int_equal(miss(f, "ann@example.test", true, now + 1000)->failures, 2);
	assert_int_equal(miss(f, "ann@example.test", true, now + UINT64_C(25) * 3600 * 1000)->failures, 1);
	assert_true(tally_remove(&f->tally, STR("ann@example.test")));
	assert_false(tally_remove(&f->tally, STR("ann@example.test")));
	assert_null(tally_find(&f->tally, STR("ann@example.test")));
}

/* Invented names cost a bounded room, push each other out, and never a user. */
static void strangers_push_out_strangers_only(void **state)
{
	struct fixture *f = *state;
	(void)miss(f, "ann@example.test", true, now);
	for (unsigned i = 0; i < 1000; i++) {
		char name[40];
		(void)snprintf(name, sizeof name, "x%u@example.test", i);
		(void)miss(f, name, false, now);
	}
	assert_int_equal(f->tally.n_strangers, 100);
	assert_int_equal(tally_find(&f->tally, STR("ann@example.test"))->failures, 1);
	assert_null(tally_find(&f->tally, STR("x899@example.test")));
	assert_non_null(tally_find(&f->tally, STR("x900@example.test")));
	/* One that fails again is the youngest. */
	(void)miss(f, "x900@example.test", false, now);
	(void)miss(f, "new@example.test", false, now);
	assert_non_null(tally_find(&f->tally, STR("x900@example.test")));
	assert_null(tally_find(&f->tally, STR("x901@example.test")));
	/* Somebody who comes to exist begins anew, and is no stranger any more. */
	assert_int_equal(miss(f, "x950@example.test", true, now)->failures, 1);
	assert_int_equal(f->tally.n_strangers, 99);
}

static void stored_locks_hold(void **state)
{
	struct fixture *f = *state;
	assert_false(failed(tally_put(&f->tally, STR("ann@example.test"), 11, now + 5000)));
	assert_int_equal(miss(f, "ann@example.test", true, now)->failures, 11);
	assert_false(f->locked);
	assert_int_equal(miss(f, "ann@example.test", true, now + 5000)->failures, 12);
	assert_true(f->locked);
}

static void ticket_keys_are_of_key_and_period(void **state)
{
	struct vault v = { 0 }, other = { 0 };
	char a[VAULT_TICKET_KEYS], b[VAULT_TICKET_KEYS];
	assert_false(failed(crypt_new(&v.ticket_mac)));
	assert_false(failed(crypt_new(&other.ticket_mac)));
	crypt_mac_key(v.ticket_mac, STR("0123456789abcdef0123456789abcdef"));
	crypt_mac_key(other.ticket_mac, STR("0123456789abcdef0123456789abcdef"));
	vault_ticket_keys(&v, 7, a);
	vault_ticket_keys(&other, 7, b);
	assert_memory_equal(a, b, sizeof a); /* a vault that died comes back with the same */
	assert_memory_not_equal(a, a + 32, 32);
	assert_memory_not_equal(a, a + 64, 16);
	vault_ticket_keys(&v, 8, b);
	assert_memory_not_equal(a, b, sizeof a);
	crypt_mac_key(other.ticket_mac, STR("another key of another start....") );
	vault_ticket_keys(&other, 7, b);
	assert_memory_not_equal(a, b, sizeof a);
	crypt_free(v.ticket_mac);
	crypt_free(other.ticket_mac);
}

static void addresses_are_read(void **state)
{
	static struct skel skel;
	struct vault v = { .skel = &skel };
	(void)snprintf(skel.domains, sizeof skel.domains, "example.test, Second.test");
	static const struct {
		const char *given, *aor; /* NULL: refused */
	} rows[] = {
		{ "sip:Ann@Example.TEST", "ann@example.test" },
		{ "ann.b-c_d+e~1@second.test", "ann.b-c_d+e~1@second.test" },
		{ "  SIP:ann@example.test ", "ann@example.test" },
		{ "ann@elsewhere.test", NULL },
		{ "ann", NULL },
		{ "@example.test", NULL },
		{ "", NULL },
		{ "sip:", NULL },
		{ "a nn@example.test", NULL },
		{ "a%6en@example.test", NULL },
		{ "ann@example.test@example.test", NULL },
		{ "ann@example.test,Second.test", NULL },
		{ "ann@", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct call call = { .vault = &v };
		char text[VAULT_AOR];
		str aor;
		err e = command_address(&call, str_of(rows[i].given), text, &aor);
		assert_int_equal(failed(e), rows[i].aor == NULL);
		if (rows[i].aor != NULL)
			assert_true(str_eq(aor, str_of(rows[i].aor)));
		else
			assert_true(call.diag.what[0] != '\0' && call.diag.remedy[0] != '\0');
	}
}

static json_t *given(const char *text)
{
	json_error_t at;
	json_t *v = json_loads(text, 0, &at);
	assert_non_null(v);
	return v;
}

static void parameters_are_checked(void **state)
{
	static const struct {
		const char *cmd, *json;
		bool good;
	} rows[] = {
		{ "New-CsUser", "{\"sipaddress\":\"a\",\"Password\":\"b\"}", true },
		{ "New-CsUser", "{\"SipAddress\":\"a\"}", false },
		{ "New-CsUser", "{\"SipAddress\":\"a\",\"PasswordFile\":\"/etc/passwd\"}", false },
		{ "New-CsUser", "{\"SipAddress\":\"a\",\"Password\":\"b\",\"Enabled\":\"maybe\"}", true }, /* a property: checked when it is known what it changes */
		{ "New-CsUser", "{\"SipAddress\":\"a\",\"Password\":\"b\",\"Enabled\":true}", true },
		{ "New-CsUser", "{\"SipAddress\":[\"a\",\"b\"],\"Password\":\"b\"}", false },
		{ "Get-CsUser", "{\"ResultSize\":\"many\"}", false },
		{ "New-CsUser", "{\"SipAddress\":\"a\",\"sipaddress\":\"c\",\"Password\":\"b\"}", false },
		{ "Get-CsUser", "{\"Password\":\"b\"}", false },
		{ "Set-CsRegistrarConfiguration", "{\"MaxEndpointsPerUser\":4}", true },
		{ "Set-CsRegistrarConfiguration", "{\"UseDigestMd5\":true}", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct call call = { .cmd = cmd_find(str_of(rows[i].cmd), NULL) };
		json_t *parameters = given(rows[i].json);
		err e = command_parameters(&call, parameters);
		assert_int_equal(!failed(e), rows[i].good);
		assert_true(rows[i].good || err_is(e, ERR_USAGE) || err_is(e, ERR_MALFORMED));
		json_decref(parameters);
		json_decref(call.parameters);
	}
}

#define TALLY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TALLY(ten_wrong_passwords_lock),
		TALLY(a_lock_is_not_prolonged_while_it_runs),
		TALLY(failures_are_forgotten),
		TALLY(strangers_push_out_strangers_only),
		TALLY(stored_locks_hold),
		cmocka_unit_test(ticket_keys_are_of_key_and_period),
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(parameters_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
