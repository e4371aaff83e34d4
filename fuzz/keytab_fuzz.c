/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a keytab, as what is told of one, and as a token. */
#include <stdlib.h>
#include <string.h>

#include "service/kerberos.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void check_inside(str outer, str s)
{
	CHECK(s.n != 0 && s.p >= outer.p && s.p + s.n <= outer.p + outer.n);
}

static void check_key(str raw, const struct kerberos_key *k)
{
	char name[KERBEROS_NAME_MAX + 1], type[32];
	check_inside(raw, k->realm);
	check_inside(raw, k->key);
	check_inside(raw, k->record);
	CHECK(k->n_parts != 0 && k->n_parts <= KERBEROS_PARTS_MAX);
	for (unsigned i = 0; i < k->n_parts; i++)
		check_inside(raw, k->parts[i]);
	str printed = kerberos_principal_print(k, name);
	CHECK(printed.n != 0 && printed.n <= KERBEROS_NAME_MAX && strlen(name) == printed.n && memchr(name, '\n', printed.n) == NULL && memchr(name, '\t', printed.n) == NULL);
	CHECK(kerberos_enctype_print(k->enctype, type)[0] != '\0');
}

/* What is printed is read again as the same. */
static void check_again(const struct kerberos_key *keys, size_t n)
{
	static struct kerberos_key again[KERBEROS_KEYS_MAX];
	struct kerberos_row row;
	struct buf file, rows;
	size_t n_again, n_taken = 0, n_rows = 0;
	buf_init(&file, KERBEROS_KEYTAB_MAX);
	buf_init(&rows, KERBEROS_ROWS_MAX);
	kerberos_keytab_print(keys, n, &file);
	kerberos_rows_print(keys, n, &rows);
	CHECK(!file.failed && !rows.failed);
	CHECK(!failed(kerberos_keytab_read(buf_str(&file), again, &n_again, NULL)));
	for (size_t i = 0; i < n; i++)
		n_taken += kerberos_is_taken(&keys[i]);
	CHECK(n_taken == n_again);
	for (str rest = buf_str(&rows); kerberos_row_take(&rest, &row);)
		n_rows++;
	CHECK(n_rows == n);
	buf_fini(&file);
	buf_fini(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kerberos_key keys[KERBEROS_KEYS_MAX];
	str raw = { (const char *)data, size };
	struct kerberos_row row;
	struct diag d = { 0 };
	size_t n;
	(void)kerberos_is_token(raw);
	for (str rest = raw; kerberos_row_take(&rest, &row);)
		check_inside(raw, row.principal);
	if (failed(kerberos_keytab_read(raw, keys, &n, &d))) {
		CHECK(d.what[0] != '\0');
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		check_key(raw, &keys[i]);
	check_again(keys, n);
	return 0;
}
