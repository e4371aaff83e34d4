/* SPDX-License-Identifier: Apache-2.0 */
/* Searches in the address book ([MS-ABS] web query): whoever shows a ticket may find the people that a SERVICE would find for him. */
#include "role/web/web_priv.h"

#include "base/enc.h"
#include "service/book.h"
#include "service/kept.h"
#include "service/photo.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA = 512 << 10, FILTER_MAX = 8192, USUAL_MOST = 20, PERSON_MAX = 254 };

struct web_book {
	char aor[WEB_SIPURI_MAX + 1]; /* whose search it is; empty: his ticket was not seen yet */
	uint32_t wanted; /* bit i: book_rows[i] */
	uint16_t most;
	bool any, with_photos;
	struct buf filter; /* rows of service/kept */
	char person[PERSON_MAX + 1], hash[PHOTO_HASH + 1]; /* of whom a photo is asked for, and which */
};

void web_book_free(struct web_book *b)
{
	if (b == NULL)
		return;
	buf_fini(&b->filter);
	free(b);
}

/* ---- the question ---- */

static bool is_searched(str attribute)
{
	const struct book_row *row = book_find(attribute);
	return row != NULL && row->is_searched;
}

/* What is wanted that is not known here is not told; nothing said means all. */
static uint32_t read_wanted(str list)
{
	uint32_t out = list.n == 0 ? UINT32_MAX : 0;
	while (list.n != 0) {
		const struct book_row *row = book_find(str_trim(str_split(list, ',', &list)));
		if (row != NULL)
			out |= UINT32_C(1) << (row - book_rows);
	}
	return out;
}

static bool wants_photos(str list)
{
	while (list.n != 0)
		if (str_begins_case(str_trim(str_split(list, ',', &list)), STR("photo")))
			return true;
	return false;
}

static err add_row(struct web_book *b, str attribute, str value, struct diag *d)
{
	const struct book_row *row = book_find(attribute);
	if (row == NULL || !row->is_searched)
		return diag_fail(d, ERR(MALFORMED), "SearchOn", "", "people cannot be searched by %.*s", STR_FMT(str_cut(attribute, 0, 60)));
	if (str_eq(row->property, STR("SipAddress")) && str_begins_case(value, STR("sip:")))
		value = str_cut(value, 4, value.n);
	if (value.n == 0)
		return diag_fail(d, ERR(MALFORMED), "Value", "", "the search says nothing to look for");
	kept_row_add(&b->filter, &(struct kept_row){ .kind = KEPT_CARD, .key = row->property, .value = value });
	return OK;
}

static err make(const struct soap_search *s, struct web_book *b, struct diag *d)
{
	b->any = s->any;
	b->most = (uint16_t)(s->most == 0 ? USUAL_MOST : s->most < BOOK_FOUND_MAX ? s->most : BOOK_FOUND_MAX);
	b->wanted = read_wanted(s->wanted);
	b->with_photos = s->wanted.n == 0 || wants_photos(s->wanted);
	buf_init(&b->filter, FILTER_MAX);
	for (size_t i = 0; i < s->n; i++)
		TRY(add_row(b, s->by[i].attribute, s->by[i].value, d));
	return b->filter.failed ? ERR(CEILING) : OK;
}

/* First the ticket is shown, then the people are asked for. */
err web_book_begin(struct web_conn *c, const struct http_request *q, const struct web_visit *v, struct diag *d)
{
	struct soap_search s;
	struct arena a DEFER(arena_fini) = { 0 };
	arena_init(&a, ARENA);
	TRY(soap_search_read(c->web->xml, q->body, &a, is_searched, &s, d));
	struct web_book *b = calloc(1, sizeof *b);
	ENSURE(b != NULL, NO_MEMORY);
	err e = make(&s, b, d);
	if (!failed(e))
		e = web_service_show(c, v, &s.ticket, NULL, d);
	if (failed(e)) {
		web_book_free(b);
		return e;
	}
	c->x.book = b;
	return OK;
}

/* A search may look at everybody. */
static err check_others(struct web *w, str aor, struct diag *d)
{
	size_t n = 0, n_own = 0;
	for (uint32_t i = 0; i < w->slots.n; i++) {
		const struct web_conn *c = slots_find(&w->slots, i);
		if (c == NULL || c->x.book == NULL || c->x.book->aor[0] == '\0')
			continue;
		n++;
		n_own += str_eq(str_of(c->x.book->aor), aor);
	}
	if (n < WEB_SEARCHES_MAX && n_own < WEB_USER_SEARCHES_MAX)
		return OK;
	return diag_fail(d, ERR(BUSY), "search", "search again in a moment", "too many searches at once");
}

static err begin(struct web_conn *c, struct web_book *b, str aor, struct diag *d)
{
	ENSURE(b != NULL, INTERNAL);
	TRY(web_ask_check(c->web, d));
	TRY(check_others(c->web, aor, d));
	ENSURE(str_to_z(aor, b->aor, sizeof b->aor), CEILING);
	web_ask_begin(c);
	return web_service_asked(c, ipc_send_directory_ask(c->web->vault,
		&(const struct ipc_directory_ask){ .id = c->x.id, .most = b->most, .any = b->any ? 1 : 0, .with_photos = b->with_photos ? 1 : 0, .filter = buf_str(&b->filter) }, -1));
}

err web_book_ask(struct web_conn *c, struct web_book *b, str aor, struct diag *d)
{
	err e = begin(c, b, aor, d);
	if (failed(e)) {
		web_book_free(b);
		return e;
	}
	c->x.book = b;
	meter_add(c->web->skel->meter, METER_BOOK_SEARCHES, 1);
	return OK;
}

/* ---- the answer ---- */

static void add_property(struct soap_people *p, uint32_t wanted, const struct kept_row *row)
{
	for (size_t i = 0; i < BOOK_ROWS; i++)
		if ((wanted >> i & 1) != 0 && str_eq(book_rows[i].property, row->key) && book_told(row->key) != NULL)
			soap_people_add(p, book_rows[i].attribute, row->value);
}

static void add_address(struct soap_people *p, str aor)
{
	char uri[WEB_SIPURI_MAX + 8];
	int n = snprintf(uri, sizeof uri, "sip:%.*s", STR_FMT(aor));
	if (n > 0 && (size_t)n < sizeof uri)
		soap_people_add(p, book_rows[0].attribute, str_of(uri));
}

/* The hash of a photo, and where it is: below the address that clients are told as the place of the book. */
static bool add_photo(struct soap_people *p, str aor, const struct kept_row *row)
{
	char path[sizeof "photos/" + 2 * PERSON_MAX + PHOTO_HASH], coded[2 * PERSON_MAX];
	if (str_eq(row->key, STR("PhotoSize")))
		soap_people_add(p, STR("photoSize"), row->value);
	if (!str_eq(row->key, STR("PhotoHash")) || aor.n > PERSON_MAX)
		return str_eq(row->key, STR("PhotoSize"));
	(void)snprintf(path, sizeof path, "photos/%.*s/%.*s", (int)enc_base64url(aor.p, aor.n, coded), coded, STR_FMT(row->value));
	soap_people_add(p, STR("photoRelPath"), str_of(path));
	soap_people_add(p, STR("photoHash"), row->value);
	return true;
}

static err print(const struct web_book *b, str rows, struct buf *out)
{
	struct soap_people p;
	struct kept_row row;
	str aor = STR("");
	err e = OK;
	soap_people_begin(&p, out);
	while (kept_row_next(&rows, &row, &e)) {
		if (row.kind != KEPT_CARD)
			continue;
		if (row.key.n != 0) {
			if (!add_photo(&p, aor, &row))
				add_property(&p, b->wanted, &row);
			continue;
		}
		aor = row.value;
		soap_people_next(&p);
		add_address(&p, row.value);
	}
	soap_people_end(&p);
	TRY(e);
	return out->failed ? ERR(CEILING) : OK;
}

static void answer(struct web_conn *c, const struct web_book *b, str rows)
{
	struct buf body DEFER(buf_fini) = { 0 };
	struct diag d = { 0 };
	buf_init(&body, SOAP_PEOPLE_MAX);
	err e = print(b, rows, &body);
	if (failed(e))
		web_service_refuse(c, e, &d);
	else
		web_answer_whole(c, &(const struct web_head){ .status = 200, .type = "text/xml; charset=utf-8" }, buf_str(&body));
}

err web_book_on_tell(struct web *w, str body)
{
	struct ipc_directory_tell m;
	struct diag d = { 0 };
	TRY(ipc_directory_tell_parse(&m, body));
	struct web_conn *c = web_ask_find(w, m.id);
	if (c == NULL || c->x.book == NULL)
		return OK; /* the client went away meanwhile */
	struct web_book *b = c->x.book;
	c->x.book = NULL;
	web_ask_end(c);
	err e = web_service_error(m.error);
	if (failed(e))
		web_service_refuse(c, e, &d);
	else
		answer(c, b, m.rows);
	web_book_free(b);
	return OK;
}

/* ---- photos ---- */

/* WEB_PHOTOS, the address in base64url, '/', the hash. */
static err read_path(str path, struct web_book *b)
{
	str hash, coded = str_split(str_cut(path, sizeof WEB_PHOTOS - 1, path.n), '/', &hash);
	size_t n = PERSON_MAX;
	ENSURE(coded.n != 0 && hash.n == PHOTO_HASH, ABSENT);
	if (failed(enc_base64url_read(coded, b->person, &n)) || !str_to_z(hash, b->hash, sizeof b->hash))
		return ERR(ABSENT);
	b->person[n] = '\0';
	return OK;
}

err web_book_photo(str path, struct web_book **out)
{
	struct web_book *b = calloc(1, sizeof *b);
	ENSURE(b != NULL, NO_MEMORY);
	err e = read_path(path, b);
	if (failed(e))
		web_book_free(b);
	else
		*out = b;
	return e;
}

err web_book_ask_photo(struct web_conn *c, struct web_book *b, struct diag *d)
{
	err e = b != NULL ? web_ask_check(c->web, d) : ERR(INTERNAL);
	if (!failed(e)) {
		web_ask_begin(c);
		e = web_service_asked(c, ipc_send_photo_ask(c->web->vault, &(const struct ipc_photo_ask){ .id = c->x.id, .aor = str_of(b->person), .hash = str_of(b->hash) }, -1));
	}
	if (failed(e)) {
		web_book_free(b);
		return e;
	}
	c->x.book = b;
	return OK;
}

err web_book_on_photo(struct web *w, str body)
{
	struct ipc_photo_tell m;
	char type[32];
	TRY(ipc_photo_tell_parse(&m, body));
	struct web_conn *c = web_ask_find(w, m.id);
	if (c == NULL || c->x.book == NULL)
		return OK; /* the client went away meanwhile */
	web_ask_end(c);
	err e = web_service_error(m.error);
	if (failed(e) || !str_to_z(m.mime, type, sizeof type)) {
		web_answer_error(c, failed(e) ? e : ERR(INTERNAL), NULL, NULL);
		return OK;
	}
	meter_add(w->skel->meter, METER_BOOK_PHOTOS, 1);
	web_answer_whole(c, &(const struct web_head){ .status = 200, .type = type }, m.bytes);
	return OK;
}
