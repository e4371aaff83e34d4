/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about certificates over plain HTTP (OCSP, RFC 6960; RFC 5019 for what is fetched by GET and kept): answered by what was signed before, or
 * by vault. Whoever asks is told something in any case. */
#include "role/web/web_priv.h"

#include "base/enc.h"

#include <stdlib.h>
#include <time.h>

enum { MALFORMED_REQUEST = 1, TRY_LATER = 3 };

/* ---- answers ---- */

/* since and until 0: for who asked, and nobody else. */
static err item_new(struct web *w, str bytes, uint64_t since, uint64_t until, struct web_item **out)
{
	uint8_t hash[CRYPT_HASH_MAX];
	struct web_item *i = calloc(1, sizeof *i + bytes.n);
	ENSURE(i != NULL, NO_MEMORY);
	*i = (struct web_item){ .n_refs = 1, .is_private = until == 0, .since = (int64_t)since, .until = (int64_t)until, .n = bytes.n };
	(void)str_to_z(STR("application/ocsp-response"), i->type, sizeof i->type);
	crypt_hash(w->mac, CRYPT_SHA256, &bytes, 1, hash);
	i->etag[0] = '"';
	enc_hex(hash, 16, i->etag + 1);
	i->etag[33] = '"';
	memcpy(i->bytes, bytes.p, bytes.n);
	*out = i;
	return OK;
}

static void refuse(struct web_conn *c, unsigned status)
{
	struct web_item *i;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 16);
	cert_ocsp_refuse(status, &b);
	meter_add(c->web->skel->meter, status == TRY_LATER ? METER_OCSP_LATER : METER_OCSP_REFUSED, 1);
	if (failed(item_new(c->web, buf_str(&b), 0, 0, &i))) {
		web_answer_error(c, ERR(NO_MEMORY), NULL, NULL);
		return;
	}
	web_answer_item(c, NULL, i);
	web_item_unref(i);
}

void web_ocsp_late(struct web_conn *c)
{
	web_forget(c);
	refuse(c, TRY_LATER);
}

/* ---- asking ---- */

static bool may_ask(struct web_conn *c)
{
	struct web *w = c->web;
	return w->vault != NULL && w->ocsp.n_asks < WEB_OCSP_ASKS_MAX && c->address->n_asks < WEB_OCSP_ADDRESS_MAX && ipc_queued(w->vault) < WEB_ASK_QUEUE &&
	       web_ocsp_may_ask(&w->ocsp, (str){ (const char *)c->address->key, sizeof c->address->key }, loop_now(w->skel->loop));
}

static void ask(struct web_conn *c, str der)
{
	struct web *w = c->web;
	web_ask_begin(c);
	if (failed(ipc_send_ocsp_ask(w->vault, &(struct ipc_ocsp_ask){ .id = c->x.id, .request = der }, -1))) {
		c->x.id = 0;
		refuse(c, TRY_LATER);
		return;
	}
	w->ocsp.n_asks++;
	c->address->n_asks++;
	meter_add(w->skel->meter, METER_OCSP_WAITING, 1);
	web_conn_deadline(c, WEB_LATE_ANSWER, WEB_OCSP_MS);
}

void web_ocsp_begin(struct web_conn *c, const struct http_request *q)
{
	struct web *w = c->web;
	struct cert_ocsp_request r;
	char room[CERT_OCSP_REQUEST_MAX];
	str der;
	c->x.task = WEB_OCSP;
	if (failed(web_ocsp_read(q, room, &der)) || failed(cert_ocsp_read(der, &r, NULL))) {
		refuse(c, MALFORMED_REQUEST);
		return;
	}
	struct web_item *i = r.n == 1 && r.nonce_n == 0 ? web_ocsp_find(&w->ocsp, r.ids[0].id, (int64_t)time(NULL)) : NULL;
	if (i != NULL) {
		meter_add(w->skel->meter, METER_OCSP_CACHED, 1);
		web_answer_item(c, q, i);
	} else if (may_ask(c)) {
		ask(c, der);
	} else {
		refuse(c, TRY_LATER);
	}
}

/* ---- what vault says ---- */

/* Also one that nobody waits for any more is kept: it was signed. */
err web_ocsp_on_tell(struct web *w, str body)
{
	struct ipc_ocsp_tell m;
	struct web_item *i;
	TRY(ipc_ocsp_tell_parse(&m, body));
	ENSURE(m.bytes.n != 0 && m.bytes.n <= CERT_OCSP_MAX && m.certificate.n <= CERT_OCSP_REQUEST_MAX && m.since <= m.until && m.until < INT64_MAX, MALFORMED);
	bool is_kept = m.certificate.n != 0;
	TRY(item_new(w, m.bytes, is_kept ? m.since : 0, is_kept ? m.until : 0, &i));
	if (is_kept)
		(void)failed(web_ocsp_keep(&w->ocsp, m.certificate, i));
	struct web_conn *c = web_ask_find(w, m.id);
	if (c != NULL && c->x.task == WEB_OCSP) {
		web_ask_end(c);
		web_answer_item(c, NULL, i);
	}
	web_item_unref(i);
	return OK;
}
