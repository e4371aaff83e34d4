/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out: messages by themselves, messages in sessions, and what begins and ends these. */
#include "service/im/im_priv.h"

#include "base/crypt.h"
#include "base/enc.h"

#define SDP_TYPES "text/plain text/html multipart/alternative application/im-iscomposing+xml"

uint64_t im_request_id(void)
{
	uint64_t id;
	crypt_random(&id, sizeof id);
	return id;
}

void im_add_call_id(const struct im *s, struct sip_out *o)
{
	uint8_t random[16];
	char hex[2 * sizeof random];
	crypt_random(random, sizeof random);
	enc_hex(random, sizeof random, hex);
	sip_out_addf(o, SIP_HDR_CALL_ID, "%.*s@%.*s", (int)sizeof hex, hex, STR_FMT(s->c.fqdn));
}

str im_uri(struct arena *a, str aor, str params)
{
	struct buf b DEFER(buf_fini) = { 0 };
	size_t at = str_find_char(aor, '@');
	buf_init(&b, 4 * USER_AOR_MAX);
	buf_add(&b, STR("sip:"));
	uri_add_user(&b, str_cut(aor, 0, at));
	buf_add(&b, str_cut(aor, at, aor.n));
	buf_add(&b, params);
	return b.failed ? (str){ NULL, 0 } : arena_copy(a, buf_str(&b));
}

static void add_uri(struct sip_out *o, enum sip_hdr_id id, str uri, str tag)
{
	o->failed = o->failed || uri.p == NULL;
	if (!o->failed)
		sip_out_addf(o, id, "<%.*s>%s%.*s", STR_FMT(uri), tag.n != 0 ? ";tag=" : "", STR_FMT(tag));
}

void im_add_address(struct sip_out *o, enum sip_hdr_id id, str aor, str tag)
{
	add_uri(o, id, im_uri(o->arena, aor, STR("")), tag);
}

/* The called user's address of record leads to his home, which is this process. */
void im_add_contact(const struct im_talk *t, struct sip_out *o)
{
	add_uri(o, SIP_HDR_CONTACT, im_uri(o->arena, im_far(t), STR(";opaque=" IM_OPAQUE)), STR(""));
}

/* Address and port mean nothing: messages go the way of the signalling. */
void im_add_offer(const struct im *s, struct sip_out *o)
{
	str fqdn = s->c.fqdn;
	sip_out_add(o, SIP_HDR_CONTENT_TYPE, STR("application/sdp"));
	o->body = arena_join(o->arena,
		(const str[]){ STR("v=0\r\no=- 0 0 IN IP4 "), fqdn, STR("\r\ns=session\r\nc=IN IP4 "), fqdn,
			STR("\r\nt=0 0\r\nm=message 5060 sip null\r\na=accept-types:" SDP_TYPES "\r\n") },
		5);
	o->failed = o->failed || o->body.p == NULL;
}

void im_answer_invite(struct request *r, const struct im_end *e, bool has_shown_text)
{
	struct sip_out o;
	const struct sip_msg *m = &r->in->msg;
	sip_out_reply(&o, &r->in->arena, m, 200, STR(""), (str){ e->tag, IM_TAG }, r->in->via_params);
	for (const struct sip_hdr *h = sip_hdr_first(m, SIP_HDR_RECORD_ROUTE); h != NULL; h = sip_hdr_next(m, h))
		sip_out_add(&o, SIP_HDR_RECORD_ROUTE, h->value);
	im_add_contact(e->talk, &o);
	if (has_shown_text)
		sip_out_add(&o, SIP_HDR_SUPPORTED, STR("ms-text-format"));
	im_add_offer(e->talk->im, &o);
	request_send(r, &o, 200);
}

/* ---- by themselves ---- */

static void on_response(void *arg, struct txn *t, struct inbound *in)
{
	(void)t;
	if (in->msg.status >= 200)
		im_item_over(arg, in->msg.status);
}

static void on_fail(void *arg, struct txn *t, err why)
{
	(void)t;
	im_item_over(arg, why.def->sip);
}

static const struct txn_client_door page_door = { on_response, on_fail, NULL };

/* A message that came by itself goes on as it came; of one out of a session, what a standard client can show. */
static struct im_form page_form(const struct im_item *i)
{
	if (i->r.in->msg.method == SIP_METHOD_MESSAGE && i->r.in->msg.to_tag.n == 0)
		return (struct im_form){ i->text.type, i->text.body };
	if (i->text.is_typing)
		return (struct im_form){ IM_COMPOSING_TYPE, im_text_composing(i->text.is_active) };
	return (struct im_form){ i->text.plain_type, i->text.plain };
}

static err send_page(struct im_item *i, const struct reg_target *target, const struct im_form *form, const struct txn_client_door *door)
{
	struct im *s = i->talk->im;
	struct arena a DEFER(arena_fini) = { 0 };
	struct sip_out o;
	struct txn *t;
	uint8_t random[8];
	char tag[2 * sizeof random];
	arena_init(&a, IM_OUT_MAX);
	str start = arena_join(&a, (const str[]){ STR("MESSAGE "), target->uri, STR(" SIP/2.0") }, 3);
	ENSURE(start.p != NULL, CEILING);
	crypt_random(random, sizeof random);
	enc_hex(random, sizeof random, tag);
	sip_out_new(&o, &a, start);
	if (target->path.n != 0)
		sip_out_add(&o, SIP_HDR_ROUTE, target->path);
	sip_out_add(&o, SIP_HDR_MAX_FORWARDS, STR("70"));
	im_add_address(&o, SIP_HDR_FROM, im_aor(i->from), (str){ tag, sizeof tag });
	im_add_address(&o, SIP_HDR_TO, im_aor(i->to), STR(""));
	im_add_call_id(s, &o);
	sip_out_add(&o, SIP_HDR_CSEQ, STR("1 MESSAGE"));
	im_add_address(&o, SIP_HDR_P_ASSERTED_IDENTITY, im_aor(i->from), STR(""));
	sip_out_add(&o, SIP_HDR_CONTENT_TYPE, form->type);
	o.body = form->body;
	return txn_client_open(s->c.txns, &target->flow, &o, SIP_METHOD_MESSAGE, STR(""), i->r.in->request, door, i, &t);
}

void im_send_page(struct im_item *i, const struct reg_target *target)
{
	struct im_form form = page_form(i);
	im_item_hold(i);
	meter_add(i->talk->im->c.meter, METER_IM_TRANSLATED, 1);
	if (form.body.p == NULL)
		im_item_over(i, 415);
	else if (failed(send_page(i, target, &form, &page_door)))
		im_item_over(i, 480);
}

/* No such session: the message goes the usual way. */
static void not_there(struct im_item *i)
{
	i->talk->asks = false;
	if (!i->talk->is_over)
		im_item_deliver(i);
	im_item_over(i, 0);
}

static void on_answer(void *arg, struct txn *t, struct inbound *in)
{
	(void)t;
	if (in->msg.status == 481)
		not_there(arg);
	else if (in->msg.status >= 200)
		im_item_over(arg, in->msg.status);
}

static void on_no_answer(void *arg, struct txn *t, err why)
{
	(void)t;
	(void)why;
	not_there(arg);
}

static const struct txn_client_door question_door = { on_answer, on_no_answer, NULL };

void im_send_question(struct im_item *i)
{
	struct im *s = i->talk->im;
	const struct im_form form = { i->text.type, i->text.body };
	str uri = im_uri(&i->r.in->arena, im_far(i->talk), STR(";opaque=" IM_QUESTION));
	const struct reg_target home = { .uri = uri, .path = STR(""), .flow = s->c.home_flow(s->c.arg, im_near(i->talk)) };
	im_item_hold(i);
	if (uri.p == NULL || failed(send_page(i, &home, &form, &question_door)))
		not_there(i);
}

/* ---- in sessions ---- */

struct im_form im_session_form(const struct im_item *i)
{
	const struct im_text *t = &i->text;
	struct im_ban ban = im_ban(i->talk->im, im_near(i->talk), im_far(i->talk));
	if (t->is_typing)
		return (struct im_form){ IM_KEYBOARD_TYPE, im_text_keyboard(t->is_active) };
	if (ban.rtf || (ban.html && t->is_html))
		return (struct im_form){ t->plain_type, t->plain };
	return (struct im_form){ t->type, t->body };
}

/* The other side no longer knows the session: the message opens a new one, once. */
static void session_lost(struct im_item *i)
{
	struct im_end *e = i->to;
	if (i->talk->is_over) {
		im_item_over(i, 480);
		return;
	}
	if (e->n_sessions == i->session)
		im_end_drop_dialog(e);
	if (e == &i->talk->far && !i->is_again && !i->text.is_typing) {
		i->is_again = true;
		im_item_deliver(i);
	} else if (e == &i->talk->near) {
		im_talk_end(i->talk);
	}
	im_item_over(i, 480);
}

static void on_session_response(void *arg, struct txn *t, struct inbound *in)
{
	struct im_item *i = arg;
	unsigned status = in->msg.status;
	(void)t;
	if (status == 481 || status == 408)
		session_lost(i);
	else if (status >= 200)
		im_item_over(i, status);
}

static void on_session_fail(void *arg, struct txn *t, err why)
{
	(void)t;
	(void)why;
	session_lost(arg);
}

static const struct txn_client_door session_door = { on_session_response, on_session_fail, NULL };

static err send_in_session(struct im_item *i, struct dialog *d, const struct im_form *form)
{
	struct im *s = i->talk->im;
	struct arena a DEFER(arena_fini) = { 0 };
	struct sip_out o;
	struct txn *t;
	enum sip_method_index method = i->text.is_typing ? SIP_METHOD_INFO : SIP_METHOD_MESSAGE;
	arena_init(&a, IM_OUT_MAX);
	TRY(dialog_request(d, method, 0, &a, &o));
	im_add_contact(i->talk, &o);
	sip_out_add(&o, SIP_HDR_CONTENT_TYPE, form->type);
	o.body = form->body;
	return txn_client_open(s->c.txns, &d->flow, &o, method, STR(""), i->r.in->request, &session_door, i, &t);
}

void im_send_in_session(struct im_item *i, struct im_end *e)
{
	struct im_form form = im_session_form(i);
	im_item_hold(i);
	i->session = e->n_sessions;
	meter_add(i->talk->im->c.meter, METER_IM_TRANSLATED, 1);
	if (form.body.p == NULL)
		im_item_over(i, 415);
	else if (failed(send_in_session(i, e->dialog, &form)))
		im_item_over(i, 480);
}

void im_send_bye(struct im *s, struct dialog *d)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct sip_out o;
	struct txn *t;
	arena_init(&a, IM_OUT_MAX);
	if (failed(dialog_request(d, SIP_METHOD_BYE, 0, &a, &o)))
		return;
	if (!failed(txn_client_open(s->c.txns, &d->flow, &o, SIP_METHOD_BYE, STR(""), im_request_id(), &page_door, NULL, &t)))
		txn_forget(t); /* nobody waits for its answer */
}

void im_send_ack(struct im *s, struct dialog *d, uint32_t cseq)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct buf b DEFER(buf_fini) = { 0 };
	struct sip_out o;
	arena_init(&a, IM_OUT_MAX);
	buf_init(&b, IM_OUT_MAX);
	if (!failed(dialog_request(d, SIP_METHOD_ACK, cseq, &a, &o)) && !failed(txns_add_via(s->c.txns, &d->flow, &o)) && !failed(sip_out_print(&o, &b)))
		(void)failed(s->c.send(s->c.arg, &d->flow, im_request_id(), buf_str(&b)));
}
