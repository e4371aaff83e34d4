/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the body of a message, its type in the first line: looked at, and what comes of it looked at again: nothing more is changed. */
#include <stdlib.h>

#include "service/filter/filter_priv.h"
#include "wire/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static struct policies *policies;
static struct filter filter;

static void open_filter(void)
{
	CHECK(!failed(policies_new(&policies)));
	CHECK(!failed(xml_reader_new(&filter.xml)));
	CHECK(!failed(policies_put(policies, STR("ImFilterConfiguration"), STR("Global"), STR("{\"AllowMessage\":\"Beware <&{ \",\"IgnoreLocal\":false}"))));
	filter.policies = policies;
	filter.domains = STR("example.test");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	str body, out, again, type = str_split((str){ (const char *)data, size }, '\n', &body);
	if (policies == NULL)
		open_filter();
	arena_init(&a, 16 << 20);
	struct filter_look l = {
		.filter = &filter,
		.im = policies_find(policies, SCHEMA_ID_ImFilterConfiguration, STR("")),
		.file = policies_find(policies, SCHEMA_ID_FileTransferFilterConfiguration, STR("")),
		.arena = &a,
	};
	if (!failed(filter_body(&l, type, body, 0, &out)) && out.p != NULL && str_eq_case(type, STR("text/plain"))) {
		CHECK(!failed(filter_body(&l, type, out, 0, &again)));
		CHECK(again.p == NULL);
	}
	(void)(number_has_card(body) || number_has_iban(body));
	arena_fini(&a);
	return 0;
}
