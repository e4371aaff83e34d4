/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests are for us, and what becomes of them. */
#include "service/im/im_priv.h"

/* ---- what begins a conversation ---- */

/* By whoever has begun it; or the session of somebody who wrote to the sender before and waits for his answer. */
static struct im_end *find_sender(struct im *s, const struct request *r)
{
	struct im_talk *t = im_talk_find(s, r->aor, r->target);
	if (t != NULL)
		return &t->near;
	t = im_talk_find(s, r->target, r->aor);
	return t != NULL && t->near.dialog != NULL ? &t->far : NULL;
}

/* Marks of ours in the Request-URI. */
static bool is_marked(const struct sip_msg *m, str mark)
{
	str opaque;
	return uri_param(&m->uri, STR("opaque"), &opaque) && str_eq(opaque, mark);
}

/* Somebody who has begun a session with the sender is at home in another process than this one, where that session is: he asks. */
static bool is_elsewhere(const struct im *s, const struct request *r)
{
	return s->c.home_flow(s->c.arg, r->aor).front != s->c.home_flow(s->c.arg, r->target).front;
}

static err take_question(struct im *s, struct request *r, enum stage_verdict *v)
{
	struct im_text text;
	struct im_item *i;
	struct im_talk *t = im_talk_find(s, r->target, r->aor);
	ENSURE(t != NULL && t->near.dialog != NULL, SIP_NO_TXN);
	TRY(im_text_read(&r->in->msg, s->c.xml, &r->in->arena, &text));
	TRY(im_item_new(t, &t->far, r, &i));
	*v = STAGE_WAIT;
	i->text = text;
	i->has_text = true;
	im_item_deliver(i);
	return OK;
}

static err take_page(struct im *s, struct request *r, enum stage_verdict *v)
{
	struct im_text text;
	struct im_item *i;
	struct im_talk *t;
	struct im_end *from = find_sender(s, r);
	unsigned kinds = reg_kinds(s->c.reg, r->target);
	if (from == NULL && (kinds & REG_DIALECT) == 0)
		return OK;
	err e = im_text_read(&r->in->msg, s->c.xml, &r->in->arena, &text);
	if (failed(e))
		return (kinds & REG_STANDARD) != 0 ? OK : e; /* standard devices say themselves what they make of it */
	if (from == NULL) {
		TRY(im_talk_open(s, r->aor, r->target, &t));
		from = &t->near;
		t->asks = is_elsewhere(s, r);
	}
	TRY(im_item_new(from->talk, from, r, &i));
	*v = STAGE_WAIT;
	i->text = text;
	i->has_text = true;
	if (from->talk->asks)
		im_item_ask(i);
	else
		im_item_deliver(i);
	return OK;
}

static err take_invite(struct im *s, struct request *r, enum stage_verdict *v)
{
	struct im_talk *t;
	struct im_item *i;
	if (!im_text_is_offer(&r->in->msg) || (reg_kinds(s->c.reg, r->target) & REG_STANDARD) == 0)
		return OK;
	TRY(im_talk_open(s, r->aor, r->target, &t));
	err e = im_item_new(t, &t->near, r, &i);
	if (failed(e)) {
		im_talk_end(t);
		return e;
	}
	*v = STAGE_WAIT;
	i->has_text = im_text_first(&r->in->msg, &r->in->arena, &i->text);
	im_item_deliver(i);
	return OK;
}

/* ---- what comes in a dialog of ours ---- */

static err take_bye(struct im_end *e, struct request *r)
{
	request_reply(r, 200, STR(""));
	im_end_drop_dialog(e);
	im_talk_end(e->talk);
	return OK;
}

static err take_again(struct im_end *e, struct request *r)
{
	im_talk_use(e->talk);
	im_answer_invite(r, e, false);
	return OK;
}

/* OPTIONS, and UPDATE that says that the session goes on (RFC 4028). */
static err take_sign_of_life(struct im_end *e, struct request *r)
{
	im_talk_use(e->talk);
	request_reply(r, 200, STR(""));
	return OK;
}

static err take_text(struct im_end *e, struct request *r)
{
	struct im_item *i;
	struct im_text text;
	TRY(im_text_read(&r->in->msg, e->talk->im->c.xml, &r->in->arena, &text));
	TRY(im_item_new(e->talk, e, r, &i));
	i->text = text;
	i->has_text = true;
	im_item_deliver(i);
	return OK;
}

static err (*const in_dialog[SIP_METHOD_N])(struct im_end *e, struct request *r) = {
	[SIP_METHOD_MESSAGE] = take_text,
	[SIP_METHOD_INFO] = take_text,
	[SIP_METHOD_BYE] = take_bye,
	[SIP_METHOD_INVITE] = take_again,
	[SIP_METHOD_OPTIONS] = take_sign_of_life,
	[SIP_METHOD_UPDATE] = take_sign_of_life,
};

static err take_in_dialog(struct im_end *e, struct request *r, enum stage_verdict *v)
{
	const struct sip_msg *m = &r->in->msg;
	bool is_his = e->dialog != NULL && str_eq(r->aor, im_aor(e));
	if (m->method == SIP_METHOD_ACK) {
		e->talk->is_acked = e->talk->is_acked || is_his;
		*v = STAGE_DONE;
		return OK;
	}
	ENSURE(is_his, SIP_NO_TXN);
	TRY(dialog_take(e->dialog, m));
	ENSURE(in_dialog[m->method] != NULL, SIP_METHOD);
	*v = STAGE_WAIT;
	return in_dialog[m->method](e, r);
}

static err in_some_dialog(struct im *s, struct request *r, enum stage_verdict *v)
{
	struct im_end *e = im_end_find(s, r->in->msg.to_tag);
	if (e != NULL)
		return take_in_dialog(e, r, v);
	if (!is_marked(&r->in->msg, STR(IM_OPAQUE)))
		return OK;
	/* of a session that is no more, or was of a process that has died: the sender begins a new one */
	*v = STAGE_DONE;
	return r->in->msg.method == SIP_METHOD_ACK ? OK : ERR(SIP_NO_TXN);
}

static str called(const struct request *r)
{
	str aor;
	if (r->target.n != 0)
		return r->target;
	return !failed(uri_aor(&r->in->msg.to.uri, &r->in->arena, &aor)) ? aor : STR("");
}

/* A GRUU names one device, and a call to oneself has no two sides. */
static bool is_between_people(const struct im *s, const struct request *r)
{
	str aor;
	return r->aor.n != 0 && r->target.n != 0 && !str_eq(r->aor, r->target) && !reg_gruu_aor(s->c.reg, &r->in->msg.uri, &r->in->arena, &aor);
}

err im_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct im *s = state;
	const struct sip_msg *m = &r->in->msg;
	err e = OK;
	if (m->to_tag.n != 0)
		e = in_some_dialog(s, r, v);
	else if (m->method == SIP_METHOD_MESSAGE && is_marked(m, STR(IM_QUESTION)))
		e = take_question(s, r, v);
	else if (m->method == SIP_METHOD_MESSAGE && is_between_people(s, r))
		e = take_page(s, r, v);
	else if (m->method == SIP_METHOD_INVITE && is_between_people(s, r))
		e = take_invite(s, r, v);
	if (failed(e) || *v != STAGE_NEXT || m->method != SIP_METHOD_MESSAGE)
		return e;
	ENSURE(im_may_pass(s, m, r->aor, called(r)), SIP_MEDIA_TYPE);
	return OK;
}
