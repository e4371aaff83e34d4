/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a script: what compiles runs within its bounds, whatever the world answers. The first byte says what kind of message it is. */
#include <stdlib.h>

#include "wire/mspl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static bool get(void *arg, enum mspl_property p, struct arena *a, struct mspl_value *v)
{
	str *message = arg;
	(void)a;
	if (p % 3 == 0)
		*v = mspl_text(*message);
	else if (p % 3 == 1)
		*v = (struct mspl_value){ .type = MSPL_INT, .number = p };
	return true;
}

static bool set(void *arg, enum mspl_property p, str value)
{
	(void)p;
	*(str *)arg = value;
	return true;
}

static bool header(void *arg, str name, size_t at, str *value, bool *is_there)
{
	(void)name;
	*value = *(str *)arg;
	*is_there = at < 2;
	return true;
}

static bool change(void *arg, str name, str value)
{
	(void)arg;
	CHECK(memchr(value.p, '\n', value.n) == NULL && name.n != 0);
	return true;
}

static bool take(void *arg, str name, const str *value)
{
	(void)arg;
	(void)value;
	return name.n != 0;
}

static bool is_domain(void *arg, str domain)
{
	(void)arg;
	return domain.n > 3;
}

static bool home(void *arg, str user, bool is_phone, int64_t cluster, str *fqdn)
{
	(void)arg;
	(void)user;
	(void)cluster;
	if (is_phone)
		*fqdn = STR("uc01.example.test");
	return true;
}

static bool endpoint(void *arg, str user, size_t at, struct mspl_endpoint *e, bool *is_there)
{
	(void)arg;
	*e = (struct mspl_endpoint){ .epid = user, .instance = user, .contact = user, .extra_methods = user, .methods = 3 };
	*is_there = at < 3;
	return true;
}

static bool option(void *arg, str user, int64_t o, bool is_phone)
{
	(void)arg;
	(void)user;
	return is_phone || o == 1;
}

static bool field(void *arg, unsigned file, str key, unsigned column, str *value)
{
	(void)arg;
	(void)file;
	*value = key;
	return column == 0;
}

static void on_log(void *arg, str level, str detail, str text)
{
	(void)arg;
	(void)level;
	(void)detail;
	CHECK(text.n <= MSPL_STRING_MAX);
}

static void step(void *arg, uint32_t line, const char *what, const struct mspl_value *result)
{
	(void)arg;
	(void)result;
	CHECK(line != 0 && what[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mspl_file_row file = { .name = STR("policy"), .columns = { STR("a"), STR("b") }, .n_columns = 2, .key = 0 };
	struct arena a;
	struct diag d = { 0 };
	struct buf caret;
	const struct mspl_program *p;
	struct mspl_result result;
	if (size == 0)
		return 0;
	struct mspl_world w = { .is_request = (data[0] & 1) != 0, .get = get, .set = set, .header = header, .header_add = change, .header_remove = take,
		.header_set = change, .is_domain = is_domain, .home = home, .endpoint = endpoint, .option = option, .field = field, .log = on_log, .step = step };
	str message = STR("\"Ann\" <sip:ann@example.test;x=y>;tag=1;epid=\"a;b\"");
	struct mspl_script s = { .source = { (const char *)data + 1, size - 1 }, .files = &file, .n_files = 1 };
	arena_init(&a, 4 << 20);
	buf_init(&caret, 1 << 20);
	if (failed(mspl_compile(&s, &a, &p, &d))) {
		CHECK(p == NULL && d.what[0] != '\0');
		mspl_caret(s.source, &d, &caret);
	} else {
		err e = mspl_run(p, &w, &message, &a, &result, &d);
		CHECK(!failed(e) || err_is(e, ERR_SCRIPT) || err_is(e, ERR_CEILING));
		CHECK(result.instructions <= MSPL_INSTRUCTIONS_MAX + 2000);
	}
	buf_fini(&caret);
	arena_fini(&a);
	return 0;
}
