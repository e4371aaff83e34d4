/* SPDX-License-Identifier: Apache-2.0 */
#include "model/policy.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct cs_ConferencingPolicy *find(const struct policies *p, const char *grants)
{
	return policies_find(p, SCHEMA_ID_ConferencingPolicy, str_of(grants));
}

static void put(struct policies *p, const char *identity, const char *body)
{
	assert_false(failed(policies_put(p, STR("ConferencingPolicy"), str_of(identity), str_of(body))));
}

/* Grant over service over site over global, the nearest used whole. */
static void the_nearest_holds(void **state)
{
	struct policies *p = NULL;
	assert_false(failed(policies_new(&p)));
	assert_int_equal(find(p, "")->MaxMeetingSize, 250);
	put(p, "Global", "{\"MaxMeetingSize\":10,\"AllowIPAudio\":false}");
	assert_int_equal(find(p, "")->MaxMeetingSize, 10);
	assert_false(find(p, "")->AllowIPAudio);
	put(p, "Site:Main", "{\"MaxMeetingSize\":20}");
	assert_int_equal(find(p, "")->MaxMeetingSize, 20);
	assert_true(find(p, "")->AllowIPAudio);
	put(p, "Tag:Sales", "{\"MaxMeetingSize\":30}");
	assert_int_equal(find(p, "VoicePolicy=x\nConferencingPolicy=SALES")->MaxMeetingSize, 30);
	assert_int_equal(find(p, "ConferencingPolicy=Gone")->MaxMeetingSize, 20);
	put(p, "Tag:Sales", "{\"MaxMeetingSize\":31}");
	assert_int_equal(find(p, "ConferencingPolicy=Sales")->MaxMeetingSize, 31);
	policies_remove(p, STR("ConferencingPolicy"), STR("site:main"));
	assert_int_equal(find(p, "")->MaxMeetingSize, 10);
	assert_int_equal(policies_count(p), 2);
	policies_free(p);
}

static void a_snapshot_drops_what_it_does_not_name(void **state)
{
	struct policies *p = NULL;
	assert_false(failed(policies_new(&p)));
	put(p, "Tag:A", "{\"MaxMeetingSize\":30}");
	put(p, "Global", "{\"MaxMeetingSize\":10}");
	policies_begin(p);
	put(p, "Tag:B", "{}");
	assert_int_equal(find(p, "ConferencingPolicy=A")->MaxMeetingSize, 30);
	policies_end(p);
	assert_int_equal(find(p, "ConferencingPolicy=A")->MaxMeetingSize, 250);
	assert_int_equal(policies_count(p), 1);
	policies_free(p);
}

static void what_is_not_known_is_passed_over(void **state)
{
	struct policies *p = NULL;
	assert_false(failed(policies_new(&p)));
	assert_false(failed(policies_put(p, STR("Nothing"), STR("Global"), STR("{}"))));
	assert_false(failed(policies_put(p, STR("WebOrigin"), STR("Global"), STR("{}"))));
	assert_true(err_is(policies_put(p, STR("ConferencingPolicy"), STR("Global"), STR("[")), ERR_MALFORMED));
	assert_int_equal(policies_count(p), 0);
	policies_remove(p, STR("ConferencingPolicy"), STR("Tag:None"));
	policies_free(p);
}

/* As it stands on the way of every call. */
static void a_look_up_allocates_nothing(void **state)
{
	struct policies *p = NULL;
	assert_false(failed(policies_new(&p)));
	put(p, "Tag:Sales", "{}");
	put(p, "Global", "{}");
	struct mallinfo2 before = mallinfo2();
	for (int i = 0; i < 1000; i++) {
		assert_non_null(find(p, "ConferencingPolicy=Sales"));
		assert_non_null(find(p, ""));
	}
	struct mallinfo2 after = mallinfo2();
	assert_int_equal(after.uordblks, before.uordblks);
	policies_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_holds),
		cmocka_unit_test(a_snapshot_drops_what_it_does_not_name),
		cmocka_unit_test(what_is_not_known_is_passed_over),
		cmocka_unit_test(a_look_up_allocates_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
