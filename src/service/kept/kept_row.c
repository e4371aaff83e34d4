/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as they travel: kind, 1 for gone, length of the key (2 bytes), of the value (4), both highest byte first; key, value. */
#include "service/kept.h"

#define HEAD 8

void kept_row_add(struct buf *out, const struct kept_row *row)
{
	ASSERT(row->kind > 0 && row->kind < KEPT_KINDS && row->key.n <= KEPT_KEY_MAX && row->value.n <= KEPT_VALUE_MAX);
	const char head[HEAD] = { (char)row->kind, row->is_gone, (char)(row->key.n >> 8), (char)row->key.n, (char)(row->value.n >> 24),
		(char)(row->value.n >> 16), (char)(row->value.n >> 8), (char)row->value.n };
	buf_add(out, (str){ head, sizeof head });
	buf_add(out, row->key);
	buf_add(out, row->value);
}

static size_t number(str s, size_t at, size_t n)
{
	size_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | (unsigned char)s.p[at + i];
	return v;
}

bool kept_row_next(str *rest, struct kept_row *row, err *e)
{
	if (rest->n == 0 || failed(*e))
		return false;
	size_t key = rest->n >= HEAD ? number(*rest, 2, 2) : 0, value = rest->n >= HEAD ? number(*rest, 4, 4) : 0;
	bool is_good = rest->n >= HEAD && rest->p[0] > 0 && rest->p[0] < KEPT_KINDS && (unsigned char)rest->p[1] <= 1 && key <= KEPT_KEY_MAX &&
		       value <= KEPT_VALUE_MAX && rest->n - HEAD >= key + value;
	if (!is_good) {
		*e = ERR(MALFORMED);
		return false;
	}
	*row = (struct kept_row){ .kind = (enum kept_kind)rest->p[0], .is_gone = rest->p[1] != 0, .key = str_cut(*rest, HEAD, HEAD + key),
		.value = str_cut(*rest, HEAD + key, HEAD + key + value) };
	*rest = str_cut(*rest, HEAD + key + value, rest->n);
	return true;
}
