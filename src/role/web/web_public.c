/* SPDX-License-Identifier: Apache-2.0 */
/* What everybody may have without saying who he is: revocation lists and certificates of issuers, as vault has published them,
 * and questions about certificates (web_ocsp.c). */
#include "role/web/web_priv.h"

#include <stdlib.h>

struct web_item *web_item_ref(struct web_item *i)
{
	i->n_refs++;
	return i;
}

void web_item_unref(struct web_item *i)
{
	if (i != NULL && --i->n_refs == 0)
		free(i);
}

/* ---- what vault says ---- */

static err item_new(const struct ipc_published *m, struct web_item **out)
{
	struct web_item *i = calloc(1, sizeof *i + m->bytes.n);
	ENSURE(i != NULL, NO_MEMORY);
	i->n_refs = 1;
	i->since = m->since < INT64_MAX ? (int64_t)m->since : INT64_MAX;
	i->until = m->until < INT64_MAX ? (int64_t)m->until : INT64_MAX;
	i->n = m->bytes.n;
	memcpy(i->bytes, m->bytes.p, m->bytes.n);
	if (m->path.n == 0 || m->path.p[0] != '/' || !str_to_z(m->path, i->path, sizeof i->path) || !str_to_z(m->type, i->type, sizeof i->type) ||
		!str_to_z(m->etag, i->etag, sizeof i->etag)) {
		free(i);
		return ERR(MALFORMED);
	}
	*out = i;
	return OK;
}

/* The place of a path, or else a free one; NULL: there is neither. */
static struct web_item **find_place(struct web_public *p, str path)
{
	struct web_item **free_one = NULL;
	for (size_t i = 0; i < WEB_PUBLISHED_MAX; i++) {
		if (p->items[i] == NULL)
			free_one = free_one != NULL ? free_one : &p->items[i];
		else if (str_eq(str_of(p->items[i]->path), path))
			return &p->items[i];
	}
	return free_one;
}

err web_public_set(struct web_public *p, const struct ipc_published *m)
{
	struct web_item *fresh = NULL, **place = find_place(p, m->path);
	ENSURE(place != NULL || m->bytes.n == 0, CEILING);
	if (place == NULL)
		return OK;
	if (m->bytes.n != 0)
		TRY(item_new(m, &fresh));
	/* other bytes have a later date, whatever they say: who asks by date must not be told that nothing has changed */
	if (fresh != NULL && *place != NULL && strcmp(fresh->etag, (*place)->etag) != 0 && fresh->since <= (*place)->since)
		fresh->since = (*place)->since + 1;
	web_item_unref(*place);
	*place = fresh;
	return OK;
}

void web_public_forget(struct web_public *p, str begin)
{
	for (size_t i = 0; i < WEB_PUBLISHED_MAX; i++)
		if (p->items[i] != NULL && str_begins(str_of(p->items[i]->path), begin)) {
			web_item_unref(p->items[i]);
			p->items[i] = NULL;
		}
}

/* ---- what is asked for ---- */

/* Never says what else there may be at this server: management is behind another port. */
err web_public_find(const struct web_public *p, const struct http_request *q, size_t content, struct web_route *out, struct diag *d)
{
	if (web_ocsp_is(q->path))
		return web_ocsp_check(q, content, out, d);
	*out = (struct web_route){ .task = WEB_PUBLISHED, .allow = "GET, HEAD" };
	for (size_t i = 0; i < WEB_PUBLISHED_MAX && out->item == NULL; i++)
		if (p->items[i] != NULL && str_eq(str_of(p->items[i]->path), q->path))
			out->item = p->items[i];
	if (out->item == NULL)
		return diag_fail(d, ERR(ABSENT), "path", "", "There is nothing at this address.");
	if (q->method != HTTP_GET && q->method != HTTP_HEAD)
		return diag_fail(d, ERR(HTTP_METHOD), "method", "", "This can only be read (GET, HEAD).");
	if (content != 0)
		return diag_fail(d, ERR(CEILING), "body", "", "A request for this has no body.");
	return OK;
}

/* ---- what it is ---- */

/* Fresh for a short while only, though the list is good for longer: what is revoked must not stay hidden in a cache. Expires is for
 * HTTP/1.0, which knows no max-age. Past its end nothing is fresh. */
void web_public_print(const struct web_item *i, int64_t now, struct buf *b)
{
	int64_t left = i->until > now ? i->until - now : 0;
	int64_t fresh = left < WEB_FRESH_SECONDS ? left : WEB_FRESH_SECONDS;
	http_field_print(b, STR("Content-Type"), str_of(i->type));
	http_field_print(b, STR("X-Content-Type-Options"), STR("nosniff"));
	if (i->is_private) {
		http_field_print(b, STR("Cache-Control"), STR("no-store"));
		return;
	}
	buf_printf(b, "Cache-Control: public, max-age=%lld, must-revalidate\r\n", (long long)fresh);
	http_date_print(b, STR("Expires"), now + fresh);
	http_date_print(b, STR("Last-Modified"), i->since < now ? i->since : now);
	http_field_print(b, STR("ETag"), str_of(i->etag));
}
