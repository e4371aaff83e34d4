/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to vault, and what becomes of its answers. */
#include "role/web/web_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define JSON_TYPE   "application/json"
#define SLOT_SHIFT  40 /* a question's id: the slot of its connection above, a number of its own below */
#define RETRY_AFTER 5  /* seconds, for who signs in too often */

/* ---- asking ---- */

struct web_conn *web_ask_find(struct web *w, uint64_t id)
{
	struct web_conn *c = slots_find(&w->slots, (uint32_t)(id >> SLOT_SHIFT));
	return c != NULL && c->x.id == id && id != 0 ? c : NULL;
}

void web_ask_begin(struct web_conn *c)
{
	c->x.id = (uint64_t)c->slot << SLOT_SHIFT | (++c->web->last_ask & (((uint64_t)1 << SLOT_SHIFT) - 1));
}

void web_ask_end(struct web_conn *c)
{
	struct web *w = c->web;
	c->x.id = 0;
	if (c->x.task == WEB_OCSP) {
		w->ocsp.n_asks--;
		c->address->n_asks--;
		meter_add(w->skel->meter, METER_OCSP_WAITING, -1);
		return;
	}
	if (c->x.task == WEB_SERVICE)
		web_service_end(c);
	w->n_asks--;
	meter_add(w->skel->meter, METER_WEB_ASKED, -1);
}

void web_forget(struct web_conn *c)
{
	if (c->x.id == 0)
		return;
	if (c->web->vault != NULL && c->x.task != WEB_OCSP && c->x.task != WEB_SERVICE)
		(void)failed(ipc_send_admin_gone(c->web->vault, &(const struct ipc_admin_gone){ .id = c->x.id }, -1));
	web_ask_end(c);
}

err web_ask_check(const struct web *w, struct diag *d)
{
	if (w->vault == NULL)
		return diag_fail(d, ERR(BUSY), "vault", "try again in a moment", "the process that decides is being started");
	if (w->n_asks < WEB_ASKS_MAX && ipc_queued(w->vault) < WEB_ASK_QUEUE)
		return OK;
	return diag_fail(d, ERR(BUSY), "vault", "try again in a moment", "too many requests are being answered");
}

static err ask(struct web_conn *c, const char *line, str certificate)
{
	struct web *w = c->web;
	char text[ADDR_TEXT];
	web_ask_begin(c);
	err e = ipc_send_admin_ask(w->vault,
		&(const struct ipc_admin_ask){ .id = c->x.id, .address = str_of(addr_print(&c->peer, text)), .line = str_of(line), .certificate = certificate }, -1);
	if (failed(e)) {
		c->x.id = 0;
		return e;
	}
	w->n_asks++;
	meter_add(w->skel->meter, METER_WEB_ASKED, 1);
	web_conn_deadline(c, WEB_LATE_ANSWER, WEB_ANSWER_MS);
	return OK;
}

/* Which session it was, without keeping the session. */
static void session_mac(struct web *w, str session, uint8_t out[32])
{
	crypt_mac(w->mac, (const str[]){ STR("web user"), session }, 2, out);
}

/* For the access log: who signed in over this connection, as long as the session is the one he got. */
static void recall_user(struct web_conn *c, str session)
{
	uint8_t mac[32];
	if (c->user[0] == '\0' || session.n == 0)
		return;
	session_mac(c->web, session, mac);
	if (crypt_equal(mac, c->user_mac, sizeof mac))
		memcpy(c->x.user, c->user, sizeof c->x.user);
}

static err pass_on(struct web_conn *c, const struct http_request *q, const struct web_route *r, struct diag *d)
{
	char *line, certificate[WEB_CERTIFICATE_MAX];
	size_t n = 0;
	TRY(web_ask_check(c->web, d));
	err e = r->task == WEB_SIGN_IN ? tls_peer_certificate(c->tls, certificate, sizeof certificate, &n) : ERR(ABSENT);
	if (err_is(e, ERR_CEILING))
		return diag_fail(d, e, "certificate", "use a smaller one", "the certificate is longer than %d bytes", WEB_CERTIFICATE_MAX);
	TRY(web_line_make(r, q->body, n != 0, &line, d));
	e = ask(c, line, (str){ certificate, n });
	web_line_free(line);
	return e;
}

void web_begin(struct web_conn *c, const struct http_request *q, const struct web_route *r)
{
	struct diag d = { 0 };
	if (r->task == WEB_PUBLISHED) {
		web_answer_item(c, q, r->item);
		return;
	}
	if (r->task == WEB_OCSP) {
		web_ocsp_begin(c, q);
		return;
	}
	if (r->task == WEB_VISIT) {
		web_answer_visit(c, &r->visit);
		return;
	}
	if (r->task == WEB_SERVICE) {
		web_service_begin(c, q, &r->visit);
		return;
	}
	c->x.task = r->task;
	c->x.by_cookie = r->by_cookie;
	c->x.wants_cookie = r->wants_cookie;
	(void)str_to_z(r->session, c->x.session, sizeof c->x.session);
	recall_user(c, r->session);
	if (r->task == WEB_HEALTH) {
		web_answer_whole(c, &(const struct web_head){ .status = 204 }, STR(""));
		return;
	}
	if (r->task == WEB_OPENAPI) {
		web_answer_static(c, &(const struct web_head){ .status = 200, .type = JSON_TYPE }, buf_str(&c->web->openapi));
		return;
	}
	err e = pass_on(c, q, r, &d);
	if (failed(e))
		web_answer_error(c, e, &d, NULL);
}

/* ---- answers that are looked into ---- */

static void note_user(struct web_conn *c, const char *user, str session)
{
	(void)snprintf(c->user, sizeof c->user, "%s", user);
	memcpy(c->x.user, c->user, sizeof c->x.user);
	session_mac(c->web, session, c->user_mac);
}

/* The session goes into a cookie that scripts cannot read, its CSRF token into the answer. */
static bool to_cookie(struct web_conn *c, json_t *object, str session, char *cookie, size_t size)
{
	char csrf[WEB_CSRF];
	web_csrf(c->web->mac, session, csrf);
	(void)snprintf(cookie, size, WEB_COOKIE "=%.*s; Path=/; Secure; HttpOnly; SameSite=Strict", STR_FMT(session));
	return json_object_set_new(object, "CSRF", json_stringn(csrf, sizeof csrf)) == 0 && json_object_del(object, "Session") == 0;
}

static void send_json(struct web_conn *c, const struct web_head *h, const json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT);
	if (text != NULL)
		web_answer_whole(c, h, str_of(text));
	else
		web_answer_error(c, ERR(NO_MEMORY), NULL, NULL);
	web_line_free(text);
}

static void finish_sign_in(struct web_conn *c, unsigned http)
{
	struct web_head h = { .status = http, .type = JSON_TYPE };
	char cookie[WEB_SESSION_MAX + 96];
	json_t *answer = json_loadb(c->x.collected.p, c->x.collected.n, 0, NULL);
	json_t *object = json_array_get(json_object_get(answer, "objects"), 0);
	const char *session = json_string_value(json_object_get(object, "Session"));
	const char *user = json_string_value(json_object_get(object, "User"));
	bool is_in = http == 200 && session != NULL && strlen(session) <= WEB_SESSION_MAX;
	bool is_fine = is_in ? true : http >= 400 && answer != NULL;
	if (is_in) {
		h.status = 201;
		note_user(c, user != NULL ? user : "", str_of(session));
		if (c->x.wants_cookie) {
			is_fine = to_cookie(c, object, str_of(session), cookie, sizeof cookie);
			h.cookie = cookie;
		}
	}
	if (http == 503 || http == 429) { /* an account or address is locked, or has to wait */
		h.status = 429;
		h.retry_after = RETRY_AFTER;
	}
	meter_add(c->web->skel->meter, is_in ? METER_WEB_SIGN_INS : METER_WEB_SIGN_IN_FAILURES, 1);
	if (is_fine)
		send_json(c, &h, answer);
	else
		web_answer_error(c, ERR(INTERNAL), NULL, NULL);
	crypt_wipe(cookie, sizeof cookie);
	json_decref(answer);
}

static void finish_sign_out(struct web_conn *c, unsigned http)
{
	struct web_head h = { .status = http, .type = JSON_TYPE };
	if (c->x.by_cookie && http < 400)
		h.cookie = WEB_COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0";
	web_answer_whole(c, &h, buf_str(&c->x.collected));
}

static void finish_session(struct web_conn *c, unsigned http)
{
	json_t *answer = json_loadb(c->x.collected.p, c->x.collected.n, 0, NULL);
	const char *user = json_string_value(json_object_get(json_array_get(json_object_get(answer, "objects"), 0), "User"));
	if (http == 200 && user != NULL)
		note_user(c, user, str_of(c->x.session));
	json_decref(answer);
	if (c->x.task == WEB_CMDLETS && http == 200)
		web_answer_static(c, &(const struct web_head){ .status = 200, .type = JSON_TYPE }, buf_str(&c->web->cmdlets));
	else
		web_answer_whole(c, &(const struct web_head){ .status = http, .type = JSON_TYPE }, buf_str(&c->x.collected));
}

static void finish(struct web_conn *c, unsigned http)
{
	if (c->x.collected.failed)
		web_answer_error(c, ERR(INTERNAL), NULL, NULL);
	else if (c->x.task == WEB_SIGN_IN)
		finish_sign_in(c, http);
	else if (c->x.task == WEB_SIGN_OUT)
		finish_sign_out(c, http);
	else
		finish_session(c, http);
	if (c->x.collected.p != NULL)
		crypt_wipe(c->x.collected.p, c->x.collected.size);
	buf_fini(&c->x.collected);
	buf_init(&c->x.collected, WEB_COLLECT_MAX);
}

/* ---- answers that are passed on ---- */

static void pass_piece(struct web_conn *c, const struct ipc_admin_tell *m, unsigned http)
{
	struct web_head h = { .status = http, .type = JSON_TYPE, .retry_after = http == 503 ? 1 : 0 };
	if (c->x.status != 0) {
		web_answer_piece(c, m->bytes, m->is_last != 0);
		return;
	}
	if (m->is_last != 0) {
		web_answer_whole(c, &h, m->bytes);
		return;
	}
	web_answer_begin(c, &h);
	web_answer_piece(c, m->bytes, false);
}

static err on_tell(struct web *w, str body)
{
	struct ipc_admin_tell m;
	TRY(ipc_admin_tell_parse(&m, body));
	struct web_conn *c = web_ask_find(w, m.id);
	if (c == NULL || c->x.task == WEB_OCSP || c->x.task == WEB_SERVICE)
		return OK; /* the client went away meanwhile */
	unsigned http = m.http >= 200 && m.http <= 599 && m.http != 204 && m.http != 304 ? m.http : 500;
	if (m.is_last != 0)
		web_ask_end(c);
	else if (c->late == WEB_LATE_ANSWER)
		web_conn_deadline(c, WEB_LATE_ANSWER, WEB_ANSWER_MS);
	if (c->x.task == WEB_CMDLET) {
		pass_piece(c, &m, http);
		return OK;
	}
	buf_add(&c->x.collected, m.bytes);
	if (m.is_last != 0)
		finish(c, http);
	return OK;
}

/* ---- the channel ---- */

static err on_published(struct web *w, str body)
{
	struct ipc_published m;
	TRY(ipc_published_parse(&m, body));
	return web_public_set(&w->public, &m);
}

static err on_snapshot_end(struct web *w, str body)
{
	struct ipc_snapshot_end m;
	TRY(ipc_snapshot_end_parse(&m, body));
	web_set_public(w);
	return OK;
}

/* Who is connected by a certificate that was revoked, or that no root stands for any more, is cut off. */
static err on_revocation(struct web *w, str body)
{
	bool changed;
	TRY(identity_read_revocation(w->identity, body, &changed));
	for (uint32_t i = 0; changed && i < w->slots.n; i++) {
		struct web_conn *c = slots_find(&w->slots, i);
		char text[ADDR_TEXT];
		if (c == NULL || c->tls == NULL || c->state == WEB_HANDSHAKE || !failed(tls_judge_again(c->tls)) || tls_peer_refusal(c->tls) == NULL)
			continue;
		meter_add(w->skel->meter, METER_CONN_REVOKED, 1);
		LOG(&w->skel->log, PEER_REVOKED, LOG_Z("peer", addr_print(&c->peer, text)), LOG_INT("port", c->peer.port), LOG_Z("why", tls_peer_refusal(c->tls)->why));
		web_conn_close(c, tls_peer_refusal(c->tls)->why);
	}
	return OK;
}

static err on_site(struct web *w, enum ipc_type type, str body)
{
	struct ipc_web_site site;
	struct ipc_web_access access;
	if (type == IPC_WEB_ACCESS) {
		TRY(ipc_web_access_parse(&access, body));
		return web_sites_set_access(&w->sites, &access);
	}
	TRY(ipc_web_site_parse(&site, body));
	return web_sites_set(&w->sites, &site);
}

/* The web sites ask nobody for a certificate, since a browser would ask its user; unless somebody here has to show one. Behind a reverse proxy nobody
 * can. */
static enum identity_asks asks_at(const struct web *w, enum web_at at)
{
	if (at == WEB_AT_MANAGEMENT)
		return IDENTITY_ASKS_PEOPLE;
	return at == WEB_AT_HTTPS && w->sites.asks_people ? IDENTITY_ASKS_GUESTS : IDENTITY_ASKS_NOBODY;
}

static err on_certificate(struct web *w, str body)
{
	struct ipc_certificate m;
	struct tls_server *tls;
	TRY(ipc_certificate_parse(&m, body));
	for (enum web_at at = WEB_AT_MANAGEMENT; at < WEB_AT_N; at++) {
		if (web_entrances[at].usage == NULL || !str_eq(m.usage, str_of(web_entrances[at].usage)))
			continue;
		TRY(identity_read(w->identity, body, asks_at(w, at), &tls));
		if (tls != NULL)
			web_set_tls(w, at, tls);
	}
	return OK;
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct web *w = arg;
	(void)from;
	(void)fd;
	if (type == IPC_ADMIN_TELL)
		return on_tell(w, body);
	if (type == IPC_OCSP_TELL)
		return web_ocsp_on_tell(w, body);
	if (type == IPC_WEB_TICKET_TELL)
		return web_service_on_tell(w, body);
	if (type == IPC_WEB_TICKET_SEEN)
		return web_service_on_seen(w, body);
	if (type == IPC_DIRECTORY_TELL)
		return web_book_on_tell(w, body);
	if (type == IPC_PHOTO_TELL)
		return web_book_on_photo(w, body);
	if (type == IPC_OCSP_FORGET) {
		web_ocsp_forget(&w->ocsp);
		return OK;
	}
	if (type == IPC_PUBLISHED)
		return on_published(w, body);
	if (type == IPC_SNAPSHOT_END)
		return on_snapshot_end(w, body);
	if (type == IPC_REVOCATION)
		return on_revocation(w, body);
	if (type == IPC_WEB_SITE || type == IPC_WEB_ACCESS)
		return on_site(w, type, body);
	ENSURE(type == IPC_CERTIFICATE, MALFORMED);
	return on_certificate(w, body);
}

/* Nobody knows whether what was asked has been done: who asked is told so. */
static void fail_asks(struct web *w)
{
	struct diag d = { 0 };
	(void)failed(diag_fail(&d, ERR(CLOSED), "vault", "look whether it was done, and ask again",
		"the process that decides has ended in the middle"));
	for (uint32_t i = 0; i < w->slots.n; i++) {
		struct web_conn *c = slots_find(&w->slots, i);
		if (c == NULL || c->x.id == 0)
			continue;
		if (c->x.task == WEB_OCSP) {
			web_ocsp_late(c);
			continue;
		}
		web_ask_end(c);
		if (c->x.status != 0)
			web_conn_close(c, "vault has ended in the middle of an answer");
		else
			web_answer_error(c, ERR(CLOSED), &d, NULL);
	}
}

/* Vault has closed the channel and lives: only a process that starts gets a new one. */
static void on_alone(void *arg)
{
	struct web *w = arg;
	LOG(&w->skel->log, CHANNEL_FAILED, LOG_Z("to", "vault"), LOG_Z("why", "no new one has come"));
	skel_exit(w->skel, 1);
}

static void on_close(void *arg, struct ipc *from)
{
	struct web *w = arg;
	if (w->vault != from)
		return;
	w->vault = NULL;
	fail_asks(w);
	if (failed(timer_set(loop_timers(w->skel->loop), &w->alone, WEB_ALONE_MS, on_alone, w)))
		on_alone(w);
}

static const struct ipc_door door = { on_message, on_close };

err web_vault_open(struct web *w, int fd)
{
	struct ipc *old = w->vault;
	w->vault = NULL;
	if (old != NULL) {
		ipc_close(old);
		fail_asks(w);
	}
	timer_clear(loop_timers(w->skel->loop), &w->alone);
	web_ocsp_forget(&w->ocsp); /* the former one may have died between a revocation and saying so */
	web_public_forget(&w->public, STR("/.well-known/acme-challenge/"));
	return ipc_open(w->skel->loop, fd, &door, w, &w->vault);
}
