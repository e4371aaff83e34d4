/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/replica.h"

/* ---- numbers and texts ---- */

static void put(struct buf *b, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_char(b, (char)(v >> 8 * i));
}

static bool take(str *s, size_t n, uint64_t *v)
{
	if (s->n < n)
		return false;
	*v = 0;
	for (size_t i = 0; i < n; i++)
		*v |= (uint64_t)(unsigned char)s->p[i] << 8 * i;
	*s = str_cut(*s, n, s->n);
	return true;
}

/* A text of at most `most` bytes after its length in `size` bytes. */
static bool take_text(str *s, size_t size, size_t least, size_t most, str *out)
{
	uint64_t n;
	str rest = *s;
	if (!take(&rest, size, &n) || n < least || n > most || n > rest.n)
		return false;
	*out = str_cut(rest, 0, (size_t)n);
	*s = str_cut(rest, (size_t)n, rest.n);
	return true;
}

/* ---- frames ---- */

static const struct {
	size_t least, most;
} frames[REPLICA_FRAME_N] = {
	[REPLICA_HELLO] = { 22, 1024 },
	[REPLICA_PIECE] = { 17, REPLICA_BODY_MAX },
	[REPLICA_TAKEN] = { 0, 0 },
	[REPLICA_APPLIED] = { 8, 8 },
	[REPLICA_REFUSED] = { 0, 512 },
	[REPLICA_PING] = { 0, 0 },
	[REPLICA_ENROL] = { 32, 128 << 10 },
	[REPLICA_ENROLLED] = { 0, 512 << 10 },
};

err replica_frame_read(str in, enum replica_frame *type, str *body, size_t *taken)
{
	uint64_t n, t;
	str rest = in;
	*taken = 0;
	if (!take(&rest, 4, &n) || !take(&rest, 1, &t))
		return ERR(INCOMPLETE);
	ENSURE(t < REPLICA_FRAME_N && n >= frames[t].least, MALFORMED);
	ENSURE(n <= frames[t].most, CEILING);
	if (rest.n < n)
		return ERR(INCOMPLETE);
	*type = (enum replica_frame)t;
	*body = str_cut(rest, 0, (size_t)n);
	*taken = REPLICA_FRAME_HEAD + (size_t)n;
	return OK;
}

void replica_frame_print(struct buf *b, enum replica_frame type, str body)
{
	put(b, body.n, 4);
	put(b, type, 1);
	buf_add(b, body);
}

err replica_hello_parse(struct replica_hello *h, str body)
{
	uint64_t protocol;
	ENSURE(take(&body, 2, &protocol) && take(&body, 8, &h->version) && take(&body, 8, &h->mark), MALFORMED);
	ENSURE(take_text(&body, 2, 1, 253, &h->fqdn) && take_text(&body, 2, 0, 64, &h->product) && body.n == 0, MALFORMED);
	h->protocol = (uint16_t)protocol;
	return OK;
}

void replica_hello_print(struct buf *b, const struct replica_hello *h)
{
	put(b, h->protocol, 2);
	put(b, h->version, 8);
	put(b, h->mark, 8);
	put(b, h->fqdn.n, 2);
	buf_add(b, h->fqdn);
	put(b, h->product.n, 2);
	buf_add(b, h->product);
}

err replica_applied_parse(uint64_t *version, str body)
{
	ENSURE(take(&body, 8, version) && body.n == 0, MALFORMED);
	return OK;
}

void replica_applied_print(struct buf *b, uint64_t version)
{
	put(b, version, 8);
}

/* ---- pieces ---- */

err replica_piece_parse(struct replica_piece *p, str body)
{
	uint64_t flags;
	ENSURE(take(&body, 1, &flags) && take(&body, 8, &p->version) && take(&body, 8, &p->mark), MALFORMED);
	ENSURE((flags & ~(uint64_t)(REPLICA_BEGIN | REPLICA_WHOLE | REPLICA_END)) == 0, MALFORMED);
	ENSURE((flags & REPLICA_WHOLE) == 0 || (flags & REPLICA_BEGIN) != 0, MALFORMED);
	p->flags = (uint8_t)flags;
	p->rows = body;
	return OK;
}

void replica_piece_print(struct buf *b, const struct replica_piece *p)
{
	put(b, p->flags, 1);
	put(b, p->version, 8);
	put(b, p->mark, 8);
	buf_add(b, p->rows);
}

/* ---- rows ---- */

enum { KIND = 64, IDENTITY = 300, ADDRESS = 254, NAME = 256, BODY = 768 << 10, DATE = 20, CONTENT = 1000 << 10 };

struct bounds {
	uint32_t least, most;
};

static const struct {
	unsigned n;
	struct bounds field[REPLICA_FIELDS];
} rows[REPLICA_ROW_N] = {
	[REPLICA_OBJECT] = { 3, { { 1, KIND }, { 1, IDENTITY }, { 2, BODY } } },
	[REPLICA_USER] = { 8, { { 3, ADDRESS }, { 0, NAME }, { 1, 1 }, { 0, 16 }, { 32, 32 }, { 2, BODY }, { 1, DATE }, { 1, DATE } } },
	[REPLICA_CREDENTIAL] = { 3, { { 3, ADDRESS }, { 1, KIND }, { 1, 32768 } } },
	[REPLICA_FILE] = { 2, { { 1, KIND }, { 0, CONTENT } } },
	[REPLICA_OBJECT_GONE] = { 2, { { 1, KIND }, { 1, IDENTITY } } },
	[REPLICA_USER_GONE] = { 1, { { 3, ADDRESS } } },
};

unsigned replica_row_fields(enum replica_row_type type)
{
	return rows[type].n;
}

/* What no single length tells. */
static bool is_sound(const struct replica_row *r)
{
	uint64_t date;
	if (r->type != REPLICA_USER)
		return true;
	bool is_flag = r->field[2].p[0] == '0' || r->field[2].p[0] == '1';
	return is_flag && (r->field[3].n == 0 || r->field[3].n == 16) && str_to_u64(r->field[6], &date) && str_to_u64(r->field[7], &date);
}

err replica_row_read(str *in, struct replica_row *out)
{
	uint64_t type;
	str rest = *in;
	ENSURE(rest.n != 0, ABSENT);
	ENSURE(take(&rest, 1, &type) && type < REPLICA_ROW_N, MALFORMED);
	*out = (struct replica_row){ .type = (enum replica_row_type)type };
	for (unsigned i = 0; i < rows[type].n; i++)
		ENSURE(take_text(&rest, 4, rows[type].field[i].least, rows[type].field[i].most, &out->field[i]), MALFORMED);
	ENSURE(is_sound(out), MALFORMED);
	*in = rest;
	return OK;
}

void replica_row_print(struct buf *b, const struct replica_row *r)
{
	put(b, r->type, 1);
	for (unsigned i = 0; i < rows[r->type].n; i++) {
		put(b, r->field[i].n, 4);
		buf_add(b, r->field[i]);
	}
}

size_t replica_row_size(const struct replica_row *r)
{
	size_t n = 1;
	for (unsigned i = 0; i < rows[r->type].n; i++)
		n += 4 + r->field[i].n;
	return n;
}
