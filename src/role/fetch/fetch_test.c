/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses are dialled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "role/fetch/fetch_priv.h"

static const struct {
	const char *address;
	bool is_fine;
} rows[] = {
	{ "192.0.2.1", true }, { "10.1.2.3", true }, { "172.16.0.1", true }, { "126.255.255.255", true }, { "128.0.0.1", true }, { "223.255.255.255", true },
	{ "127.0.0.1", false }, { "127.255.0.9", false }, { "0.0.0.0", false }, { "0.1.2.3", false }, { "169.254.169.254", false }, { "169.253.0.1", true },
	{ "224.0.0.1", false }, { "239.1.2.3", false }, { "240.0.0.1", false }, { "255.255.255.255", false },
	{ "2001:db8::1", true }, { "fd00::1", true }, { "::1", false }, { "::", false }, { "::2", false }, { "fe80::1", false }, { "febf::1", false }, { "fec0::1", true },
	{ "ff02::1", false }, { "::ffff:127.0.0.1", false }, { "::ffff:192.0.2.1", true },
	{ "64:ff9b::7f00:1", false }, { "64:ff9b::c000:201", true }, { "2002:7f00:1::", false }, { "2002:a9fe:a9fe::1", false }, { "2002:c000:201::1", true },
};

static void what_may_be_dialled(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct addr a;
		assert_false(failed(addr_parse(str_of(rows[i].address), 80, &a)));
		if ((address_refusal(&a, NULL, 0) == NULL) != rows[i].is_fine)
			fail_msg("%s", rows[i].address);
	}
	assert_non_null(address_refusal(&(struct addr){ .family = 0 }, NULL, 0));
}

static void the_topology_has_its_own(void **state)
{
	struct addr own[4], a;
	assert_int_equal(address_list(STR("127.0.0.2, nonsense,,::1,10.0.0.1,10.0.0.2,10.0.0.3"), own, 4), 4);
	assert_int_equal(address_list(STR(""), own + 3, 1), 0);
	assert_false(failed(addr_parse(STR("127.0.0.2"), 8080, &a)));
	assert_null(address_refusal(&a, own, 4)); /* whatever the port */
	assert_false(failed(addr_parse(STR("127.0.0.3"), 0, &a)));
	assert_non_null(address_refusal(&a, own, 4));
	assert_false(failed(addr_parse(STR("::1"), 0, &a)));
	assert_null(address_refusal(&a, own, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_may_be_dialled), cmocka_unit_test(the_topology_has_its_own) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
