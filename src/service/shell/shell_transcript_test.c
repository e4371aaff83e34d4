/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands that administrators copy from their documents, run one after another in one session: what is sent, shown
 * and told is compared with the committed transcript. `shell_transcript_test --write` writes it anew.
 */
#include "service/shell/shell_fake.h"

#define TRANSCRIPT "src/service/shell/shell_transcript.txt"

static const char *const sources[] = {
#include "wire/shell_published.def"
};

static void write_all(struct buf *out)
{
	struct fake f;
	struct diag d;
	err e;
	fake_open(&f);
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		const char *found = fake_run(&f, sources[i], &e, &d);
		buf_printf(out, "> %s\n%s", sources[i], found);
		if (failed(e))
			buf_printf(out, "FAILED %s: %s\n", e.def->name, d.what);
	}
	fake_close(&f);
	assert_false(out->failed);
}

static void sources_run_as_before(void **state)
{
	struct buf now, before;
	char line[1024];
	buf_init(&now, 1 << 20);
	buf_init(&before, 1 << 20);
	write_all(&now);
	FILE *in = fopen(TRANSCRIPT, "r");
	assert_non_null(in);
	while (fgets(line, sizeof line, in) != NULL)
		buf_add(&before, str_of(line));
	(void)fclose(in);
	buf_add_char(&now, '\0');
	buf_add_char(&before, '\0');
	assert_string_equal(now.p, before.p);
	assert_null(strstr(now.p, "FAILED"));
	buf_fini(&now);
	buf_fini(&before);
}

static int write_transcript(void)
{
	struct buf now;
	buf_init(&now, 1 << 20);
	write_all(&now);
	FILE *out = fopen(TRANSCRIPT, "w");
	if (out == NULL || fwrite(now.p, 1, now.n, out) != now.n || fclose(out) != 0)
		return 1;
	buf_fini(&now);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_run_as_before),
	};
	if (argc == 2 && strcmp(argv[1], "--write") == 0)
		return write_transcript();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
