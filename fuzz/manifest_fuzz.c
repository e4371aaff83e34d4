/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a manifest, strict and lenient: what is taken strictly is the same leniently. And as a flat file. */
#include <stdlib.h>

#include "wire/mspl_manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static struct xml_reader *make_reader(void)
{
	struct xml_reader *r;
	CHECK(!failed(xml_reader_new(&r)));
	return r;
}

static void read_table(str text, enum mspl_delimiter delimiter, int8_t key)
{
	struct arena a;
	struct diag d = { 0 };
	const struct mspl_table *t;
	const struct mspl_file_row row = { .name = STR("f"), .path = STR("f.txt"), .columns = { STR("a"), STR("b") }, .n_columns = 2, .key = key, .delimiter = delimiter,
		.ignore_case = key == 1 };
	str value = { 0 };
	arena_init(&a, 16 << 20);
	if (failed(mspl_table_read(&row, text, &a, &t, &d)))
		CHECK(d.what[0] != '\0');
	else if (mspl_table_count(t) != 0 && key < 0)
		CHECK(mspl_table_find(t, STR("0"), 0, &value) && value.n <= text.n);
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct xml_reader *r;
	struct arena a;
	struct diag d = { 0 };
	struct mspl_manifest strict, lenient;
	str text = { (const char *)data, size };
	r = r != NULL ? r : make_reader();
	arena_init(&a, 8 << 20);
	bool is_strict = !failed(mspl_manifest_read(r, text, false, &a, &strict, &d));
	CHECK(is_strict || d.what[0] != '\0');
	bool is_lenient = !failed(mspl_manifest_read(r, text, true, &a, &lenient, &d));
	CHECK(!is_strict || (is_lenient && str_eq(strict.script.source, lenient.script.source) && str_eq(strict.app_uri, lenient.app_uri)));
	arena_fini(&a);
	for (int8_t key = -1; key < 2; key++)
		read_table(text, (enum mspl_delimiter)(key + 1), key);
	return 0;
}
