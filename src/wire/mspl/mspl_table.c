/* SPDX-License-Identifier: Apache-2.0 */
/* Flat files: records, one a line, found by a key column or by their number. */
#include "base/map.h"
#include "wire/mspl/mspl_priv.h"

#define RECORDS 65536

struct record {
	str fields[MSPL_COLUMNS_MAX];
	uint32_t next; /* 1 + index of the next with the same hash; 0: none */
};

struct mspl_table {
	const struct mspl_file_row *row;
	struct record *records;
	uint32_t *heads; /* 1 + index; 0: none */
	size_t n, n_heads;
};

struct reading {
	struct mspl_table *t;
	struct arena *arena;
	struct diag *d;
	uint32_t line;
};

static err refuse(struct reading *r, const char *remedy, const char *what)
{
	char where[100];
	if (r->d == NULL)
		return ERR(MALFORMED);
	size_t n = r->t->row->path.n < 60 ? r->t->row->path.n : 60;
	memcpy(where, r->t->row->path.p, n);
	where[n] = '\0';
	err e = diag_fail(r->d, ERR(MALFORMED), where, remedy, "line %u: %s", r->line, what);
	r->d->line = r->line;
	diag_clean(r->d);
	return e;
}

static bool is_delimiter(const struct mspl_file_row *row, char c)
{
	return row->delimiter == MSPL_COMMA ? c == ',' : row->delimiter == MSPL_TAB ? c == '\t' : c == ' ' || c == '\t';
}

/* A field in quotes; *rest begins with the quote. Only one with "" in it is written anew. */
static err quoted(struct reading *r, str *rest, str *out)
{
	size_t i = 1, n = 0;
	bool doubled = false;
	while (i < rest->n && !(rest->p[i] == '"' && (i + 1 >= rest->n || rest->p[i + 1] != '"'))) {
		doubled = doubled || rest->p[i] == '"';
		i += rest->p[i] == '"' ? 2 : 1;
	}
	if (i >= rest->n)
		return refuse(r, "close it in its line", "a quote that does not end");
	*out = str_cut(*rest, 1, i);
	*rest = str_cut(*rest, i + 1, rest->n);
	if (!doubled)
		return OK;
	char *copy = arena_alloc(r->arena, out->n);
	ENSURE(copy != NULL, CEILING);
	for (size_t k = 0; k < out->n; k++) {
		copy[n++] = out->p[k];
		k += out->p[k] == '"' ? 1 : 0;
	}
	*out = (str){ copy, n };
	return OK;
}

static err field(struct reading *r, str *rest, str *out)
{
	size_t n = 0;
	if (rest->n != 0 && rest->p[0] == '"')
		return quoted(r, rest, out);
	while (n < rest->n && !is_delimiter(r->t->row, rest->p[n]))
		n++;
	*out = str_trim(str_cut(*rest, 0, n));
	*rest = str_cut(*rest, n, rest->n);
	return OK;
}

static err fields(struct reading *r, str line, struct record *one)
{
	const struct mspl_file_row *row = r->t->row;
	*one = (struct record){ 0 };
	for (unsigned i = 0; i < MSPL_COLUMNS_MAX; i++)
		one->fields[i] = STR("");
	for (unsigned i = 0; line.n != 0; i++) {
		if (i == row->n_columns)
			return refuse(r, "declare more columns, or put a field with a delimiter in quotes", "more fields than columns");
		TRY(field(r, &line, &one->fields[i]));
		if (line.n != 0 && !is_delimiter(row, line.p[0]))
			return refuse(r, "put the whole field in quotes", "something stands after a quote");
		line = str_cut(line, 1, line.n);
		while (row->delimiter == MSPL_SPACE && line.n != 0 && is_delimiter(row, line.p[0])) /* more than one stands for one */
			line = str_cut(line, 1, line.n);
	}
	return OK;
}

static uint32_t *head_of(const struct mspl_table *t, str key)
{
	uint64_t h = 1469598103934665603u;
	for (size_t i = 0; i < key.n; i++)
		h = (h ^ (unsigned char)(t->row->ignore_case ? char_lower(key.p[i]) : key.p[i])) * 1099511628211u;
	return &t->heads[(h ^ h >> 32) % t->n_heads];
}

static const struct record *find(const struct mspl_table *t, str key)
{
	for (uint32_t i = *head_of(t, key); i != 0; i = t->records[i - 1].next) {
		str is = t->records[i - 1].fields[t->row->key];
		if (t->row->ignore_case ? str_eq_case(is, key) : str_eq(is, key))
			return &t->records[i - 1];
	}
	return NULL;
}

static err add(struct reading *r, str line)
{
	struct mspl_table *t = r->t;
	struct record *one = &t->records[t->n];
	TRY(fields(r, line, one));
	if (t->row->key >= 0) {
		str key = one->fields[t->row->key];
		if (find(t, key) != NULL)
			return refuse(r, "every key may be there once", "the key is there already");
		uint32_t *head = head_of(t, key);
		one->next = *head;
		*head = (uint32_t)t->n + 1;
	}
	t->n++;
	return OK;
}

static size_t count_lines(str text)
{
	size_t n = 1;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n' ? 1 : 0;
	return n;
}

err mspl_table_read(const struct mspl_file_row *row, str text, struct arena *a, const struct mspl_table **out, struct diag *d)
{
	size_t most = count_lines(text);
	struct mspl_table *t = arena_zalloc(a, sizeof *t);
	struct reading r = { t, a, d, 0 };
	if (t == NULL || most > RECORDS)
		return diag_fail(d, ERR(CEILING), "file", "make it smaller", "a file has at most %d records", RECORDS);
	*t = (struct mspl_table){ .row = row, .n_heads = most, .records = arena_alloc(a, most * sizeof *t->records), .heads = arena_zalloc(a, most * sizeof *t->heads) };
	if (t->records == NULL || t->heads == NULL)
		return diag_fail(d, ERR(CEILING), "file", "make it smaller", "there is not enough memory for the file");
	if (str_begins(text, STR("\xef\xbb\xbf")))
		text = str_cut(text, 3, text.n);
	while (text.n != 0) {
		str line = str_split(text, '\n', &text);
		r.line++;
		line = row->delimiter == MSPL_TAB ? str_cut(line, 0, line.n - (line.n != 0 && line.p[line.n - 1] == '\r' ? 1 : 0)) : str_trim(line);
		if (str_trim(line).n != 0)
			TRY(add(&r, line));
	}
	*out = t;
	return OK;
}

bool mspl_table_find(const struct mspl_table *t, str key, unsigned column, str *out)
{
	uint32_t number;
	const struct record *one = NULL;
	if (column >= t->row->n_columns)
		return false;
	if (t->row->key >= 0)
		one = find(t, key);
	else if (str_to_u32(key, &number) && number < t->n)
		one = &t->records[number];
	if (one != NULL)
		*out = one->fields[column];
	return one != NULL;
}

size_t mspl_table_count(const struct mspl_table *t)
{
	return t->n;
}
