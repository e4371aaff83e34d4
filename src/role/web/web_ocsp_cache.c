/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked about certificates as bytes, answers that may be given again, and how often one address may ask for fresh ones. */
#include "role/web/web_priv.h"

#include "base/enc.h"

#include <stdlib.h>

#define PATH STR("/ocsp")

/* ---- what a header asks for (RFC 6960 A.1) ---- */

bool web_ocsp_is(str path)
{
	return str_eq(path, PATH) || str_begins(path, STR("/ocsp/"));
}

err web_ocsp_check(const struct http_request *q, size_t content, struct web_route *out, struct diag *d)
{
	bool is_post = q->path.n == PATH.n;
	const struct http_field *type = http_field_find(q, STR("Content-Type"));
	*out = (struct web_route){ .task = WEB_OCSP };
	(void)str_to_z(is_post ? STR("POST") : STR("GET, HEAD"), out->allow, sizeof out->allow);
	if (is_post != (q->method == HTTP_POST) || (!is_post && q->method != HTTP_GET && q->method != HTTP_HEAD))
		return diag_fail(d, ERR(HTTP_METHOD), "method", "", "Questions are asked by POST, or by GET with the question in the path.");
	if (content > (is_post ? CERT_OCSP_REQUEST_MAX : 0))
		return diag_fail(d, ERR(CEILING), "body", "", "The question is too long.");
	if (is_post && (type == NULL || !http_type_is(type->value, STR("application/ocsp-request"))))
		return diag_fail(d, ERR(HTTP_TYPE), "Content-Type", "", "A question is of the type application/ocsp-request.");
	return OK;
}

static bool unescape(str *in, char *out)
{
	*out = in->p[0];
	size_t n = in->p[0] == '%' ? 3 : 1;
	if (n == 3 && (in->n < 3 || failed(enc_hex_read(str_cut(*in, 1, 3), out, 1))))
		return false;
	*in = str_cut(*in, n, in->n);
	return true;
}

/* base64, of which each character may be escaped. '/' often is not. */
static bool read_path(str in, char room[CERT_OCSP_REQUEST_MAX], size_t *n)
{
	char text[ENC_BASE64_SIZE(CERT_OCSP_REQUEST_MAX)];
	size_t m = 0, end;
	while (in.n != 0) {
		if (m == sizeof text || !unescape(&in, &text[m]) || text[m] == '-' || text[m] == '_')
			return false;
		text[m] = text[m] == '+' ? '-' : text[m] == '/' ? '_' : text[m];
		m++;
	}
	for (end = m; end > 0 && m - end < 2 && text[end - 1] == '=';)
		end--;
	*n = CERT_OCSP_REQUEST_MAX;
	return (m % 4 == 0 || end == m) && !failed(enc_base64url_read((str){ text, end }, room, n));
}

err web_ocsp_read(const struct http_request *q, char room[CERT_OCSP_REQUEST_MAX], str *der)
{
	size_t n = 0;
	*der = q->body;
	if (q->path.n == PATH.n)
		return OK;
	ENSURE(read_path(str_cut(q->path, PATH.n + 1, q->path.n), room, &n), MALFORMED);
	*der = (str){ room, n };
	return OK;
}

/* ---- answers that may be given again ---- */

struct entry {
	struct map_node node;
	struct list row;
	struct web_item *item;
	size_t n;
	char id[];
};

static str entry_key(const struct map_node *n)
{
	const struct entry *e = MAP_OF(n, const struct entry, node);
	return (str){ e->id, e->n };
}

void web_ocsp_init(struct web_ocsp *o)
{
	map_init(&o->map, entry_key);
	list_init(&o->rows);
}

static void drop(struct web_ocsp *o, struct entry *e)
{
	map_remove(&o->map, &e->node);
	list_remove(&e->row);
	web_item_unref(e->item);
	free(e);
	o->n--;
}

void web_ocsp_forget(struct web_ocsp *o)
{
	LIST_EACH (it, &o->rows)
		drop(o, LIST_OF(it, struct entry, row));
}

/* In the last quarter of its life another one takes its place, so that nobody gets one that ends on the way. */
struct web_item *web_ocsp_find(struct web_ocsp *o, str id, int64_t now)
{
	struct map_node *n = map_find(&o->map, id);
	struct entry *e = n != NULL ? MAP_OF(n, struct entry, node) : NULL;
	if (e == NULL)
		return NULL;
	list_remove(&e->row);
	list_add(&o->rows, &e->row);
	if (now >= e->item->since && now < e->item->until - (e->item->until - e->item->since) / 4)
		return e->item;
	drop(o, e);
	return NULL;
}

err web_ocsp_keep(struct web_ocsp *o, str id, struct web_item *item)
{
	struct map_node *old = map_find(&o->map, id);
	if (old != NULL)
		drop(o, MAP_OF(old, struct entry, node));
	if (o->n == WEB_OCSP_KEPT_MAX)
		drop(o, LIST_OF(o->rows.next, struct entry, row));
	struct entry *e = calloc(1, sizeof *e + id.n);
	ENSURE(e != NULL, NO_MEMORY);
	e->n = id.n;
	memcpy(e->id, id.p, id.n);
	if (failed(map_add(&o->map, &e->node))) {
		free(e);
		return ERR(NO_MEMORY);
	}
	list_add(&o->rows, &e->row);
	e->item = web_item_ref(item);
	o->n++;
	return OK;
}

/* ---- how often ---- */

/* A moment for each of a fixed number of places: when all that came from there would have come at an even pace. Addresses that meet in
 * one place share what one may have. */
bool web_ocsp_may_ask(struct web_ocsp *o, str address, uint64_t now_ms)
{
	uint64_t *at = &o->paces[siphash(o->map.k0, o->map.k1, address) % WEB_OCSP_PACES];
	uint64_t from = *at > now_ms ? *at : now_ms;
	if (from - now_ms > WEB_OCSP_BURST_MS)
		return false;
	*at = from + WEB_OCSP_PACE_MS;
	return true;
}
