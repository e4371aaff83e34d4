/* SPDX-License-Identifier: Apache-2.0 */
#include "service/user.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>

static const char hash[32] = "0123456789abcdef0123456789abcde";
static const char other_hash[32] = "X123456789abcdef0123456789abcde";

static struct user_row row_of(const char *aor)
{
	return (struct user_row){ .version = 1,
		.aor = str_of(aor),
		.display_name = STR("Ann"),
		.enabled = true,
		.ha1_md5 = { hash, 16 },
		.ha1_sha256 = { hash, 32 } };
}

static struct users *users_of(const char *const *aors)
{
	struct users *s;
	assert_false(failed(users_new(&s)));
	for (; *aors != NULL; aors++) {
		struct user_row row = row_of(*aors);
		assert_false(failed(users_put(s, &row)));
	}
	return s;
}

#define USERS(...) users_of((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void finds_by_aor(void **state)
{
	struct users *s = USERS("ann@example.test", "bob@example.test");
	assert_int_equal(users_count(s), 2);
	const struct user *u = user_find(s, STR("ann@example.test"));
	assert_non_null(u);
	assert_true(str_eq(user_display_name(u), STR("Ann")));
	assert_true(u->enabled && u->has_md5);
	assert_memory_equal(u->ha1_sha256, hash, 32);
	assert_null(user_find(s, STR("carol@example.test")));
	users_remove(s, STR("ann@example.test"));
	users_remove(s, STR("ann@example.test"));
	assert_null(user_find(s, STR("ann@example.test")));
	users_free(s);
}

static void hear_of(void *arg, str aor)
{
	strcat(arg, "-");
	strncat(arg, aor.p, aor.n);
}

static void a_snapshot_drops_whom_it_does_not_name(void **state)
{
	char gone[64] = "";
	struct users *s = USERS("ann@example.test", "bob@example.test");
	struct user_row bob = row_of("bob@example.test");
	users_begin(s);
	assert_false(failed(users_put(s, &bob)));
	assert_non_null(user_find(s, STR("ann@example.test")));
	/* vault died in the middle and begins anew */
	users_begin(s);
	assert_false(failed(users_put(s, &bob)));
	users_end(s, hear_of, gone);
	assert_string_equal(gone, "-ann@example.test");
	assert_null(user_find(s, STR("ann@example.test")));
	assert_non_null(user_find(s, STR("bob@example.test")));
	users_end(s, hear_of, gone);
	assert_string_equal(gone, "-ann@example.test");
	assert_int_equal(users_count(s), 1);
	users_free(s);
}

static void the_epoch_tells_whether_a_proof_holds(void **state)
{
	struct users *s = USERS("ann@example.test");
	const struct user *u = user_ref(user_find(s, STR("ann@example.test")));
	uint32_t epoch = u->epoch;
	struct user_row row = row_of("ann@example.test");
	row.version = 2;
	row.display_name = STR("Ann Other");
	assert_false(failed(users_put(s, &row)));
	assert_int_equal(u->epoch, epoch);
	assert_true(str_eq(user_display_name(u), STR("Ann Other")));
	row.ha1_sha256 = (str){ other_hash, 32 };
	assert_false(failed(users_put(s, &row)));
	assert_int_not_equal(u->epoch, epoch);
	epoch = u->epoch;
	row.needs_certificate = true;
	assert_false(failed(users_put(s, &row)));
	assert_true(u->needs_certificate);
	assert_int_not_equal(u->epoch, epoch);
	epoch = u->epoch;
	assert_false(failed(users_put(s, &row)));
	assert_int_equal(u->epoch, epoch);
	row.needs_certificate = false;
	assert_false(failed(users_put(s, &row)));
	assert_int_not_equal(u->epoch, epoch);
	epoch = u->epoch;
	row.enabled = false;
	assert_false(failed(users_put(s, &row)));
	assert_int_not_equal(u->epoch, epoch);
	row.enabled = true;
	assert_false(failed(users_put(s, &row)));
	epoch = u->epoch;
	users_remove(s, STR("ann@example.test"));
	assert_int_not_equal(u->epoch, epoch);
	assert_false(u->enabled);
	users_free(s);
	assert_true(str_eq(user_aor(u), STR("ann@example.test")));
	user_unref(u);
}

static void a_lock_is_kept_with_the_user(void **state)
{
	struct users *s = USERS("ann@example.test");
	users_lock(s, STR("ann@example.test"), 10, 5000);
	users_lock(s, STR("nobody@example.test"), 10, 5000);
	const struct user *u = user_find(s, STR("ann@example.test"));
	assert_int_equal(u->failures, 10);
	assert_int_equal(u->locked_until, 5000);
	struct user_row row = row_of("ann@example.test");
	assert_false(failed(users_put(s, &row)));
	assert_int_equal(u->locked_until, 5000);
	users_free(s);
}

static void bad_rows_are_refused(void **state)
{
	struct users *s = USERS();
	struct user_row row = row_of("");
	assert_true(err_is(users_put(s, &row), ERR_MALFORMED));
	row = row_of("ann@example.test");
	row.ha1_sha256.n = 31;
	assert_true(err_is(users_put(s, &row), ERR_MALFORMED));
	row = row_of("ann@example.test");
	row.ha1_md5.n = 15;
	assert_true(err_is(users_put(s, &row), ERR_MALFORMED));
	row.ha1_md5.n = 0;
	assert_false(failed(users_put(s, &row)));
	assert_false(user_find(s, STR("ann@example.test"))->has_md5);
	users_free(s);
}

static void knows_the_domains(void **state)
{
	struct users *s = USERS();
	assert_false(users_is_domain(s, STR("")));
	assert_false(failed(users_set_domains(s, STR("Example.test, other.test"))));
	assert_true(users_is_domain(s, STR("EXAMPLE.test")));
	assert_true(users_is_domain(s, STR("other.test")));
	assert_false(users_is_domain(s, STR("ther.test")));
	assert_false(users_is_domain(s, STR("")));
	assert_true(str_eq(users_domain(s, STR("Other.Test")), STR("other.test")));
	assert_true(str_eq(users_domain(s, STR("foreign.test")), STR("example.test")));
	users_free(s);
}

static void a_hundred_thousand_users(void **state)
{
	struct users *s = USERS();
	char aor[40];
	for (int i = 0; i < 100000; i++) {
		snprintf(aor, sizeof aor, "user%d@example.test", i);
		struct user_row row = row_of(aor);
		assert_false(failed(users_put(s, &row)));
	}
	assert_int_equal(users_count(s), 100000);
	assert_non_null(user_find(s, STR("user99999@example.test")));
	users_begin(s);
	users_end(s, NULL, NULL);
	assert_int_equal(users_count(s), 0);
	users_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_by_aor),
		cmocka_unit_test(a_snapshot_drops_whom_it_does_not_name),
		cmocka_unit_test(the_epoch_tells_whether_a_proof_holds),
		cmocka_unit_test(a_lock_is_kept_with_the_user),
		cmocka_unit_test(bad_rows_are_refused),
		cmocka_unit_test(knows_the_domains),
		cmocka_unit_test(a_hundred_thousand_users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
