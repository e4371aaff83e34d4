/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session on behalf of somebody who writes single messages: INVITE to all devices of the dialect, the first 2xx wins (RFC 3261 13.2.2.4). Clients may
 * take one seconds after it was cancelled: those sessions are ended at once.
 */
#include "service/im/im_priv.h"

#include <stdlib.h>

#include "base/enc.h"

static void unref(struct im_invite *v)
{
	if (--v->refs == 0)
		free(v);
}

static void cancel(struct im_invite *v, str reason)
{
	for (unsigned i = 0; i < v->n; i++)
		if (v->legs[i].is_open && v->legs[i].txn != NULL)
			txn_cancel(v->legs[i].txn, reason);
}

/* Nobody waits for it any more; answers its side of the conversation. */
static struct im_end *let_go(struct im_invite *v)
{
	struct im_end *e = v->end;
	timer_clear(v->im->c.timers, &v->timer);
	v->end = NULL;
	v->first = NULL;
	e->invite = NULL;
	return e;
}

void im_invite_abandon(struct im_invite *v)
{
	(void)let_go(v);
	cancel(v, STR(""));
}

/* Nobody has taken it. */
static void give_up(struct im_invite *v, unsigned status)
{
	struct im_end *e = let_go(v);
	struct im_talk *t = e->talk;
	t->refs++;
	cancel(v, STR(""));
	im_item_refuse_queue(e, status);
	im_talk_settle(t);
	im_talk_unref(t);
}

static void on_timeout(void *arg)
{
	give_up(arg, 480);
}

/* ---- what was answered ---- */

/* A session that nobody wants: taken too late, or by a second device. */
static void refuse_session(struct im_invite *v, struct inbound *in)
{
	struct dialog *d;
	if (failed(dialog_open_calling(in, &d)))
		return;
	im_send_ack(v->im, d, in->msg.cseq);
	im_send_bye(v->im, d);
	dialog_close(d);
}

/* What has waited goes there, in its order; the text that the INVITE carried is there already when the client says so. */
static void flush(struct im_end *e, struct im_item *first, bool has_shown)
{
	while (!list_is_empty(&e->queue) && e->dialog != NULL) {
		struct im_item *i = LIST_OF(e->queue.next, struct im_item, node);
		list_remove(&i->node);
		i->is_queued = false;
		e->n_queue--;
		bool is_there = i == first && has_shown;
		if (!is_there)
			im_send_in_session(i, e);
		im_item_over(i, is_there ? 200 : 0);
	}
}

static void win(struct im_invite *v, struct inbound *in, struct dialog *d)
{
	struct im_item *first = v->first;
	struct im_end *e = let_go(v);
	struct im_talk *t = e->talk;
	t->refs++;
	im_end_set_dialog(e, d);
	im_send_ack(v->im, d, in->msg.cseq);
	cancel(v, STR("SIP;cause=200;text=\"Call completed elsewhere\""));
	flush(e, first, sip_has_token(&in->msg, SIP_HDR_SUPPORTED, STR("ms-text-format")));
	im_talk_unref(t);
}

static void leg_over(struct im_leg *leg, unsigned status)
{
	struct im_invite *v = leg->invite;
	if (!leg->is_open)
		return;
	leg->is_open = false;
	v->open--;
	if (v->best == 0 || status >= 600 || (v->best == 480 && status != 408))
		v->best = status;
	if (status >= 600)
		cancel(v, STR("")); /* a person has declined, for all devices */
	if (v->open == 0 && v->end != NULL)
		give_up(v, v->best == 0 ? 480 : v->best);
}

static void leg_accepted(struct im_leg *leg, struct inbound *in)
{
	struct im_invite *v = leg->invite;
	struct dialog *d;
	if (v->end == NULL) {
		leg_over(leg, 487);
		refuse_session(v, in);
		return;
	}
	if (failed(dialog_open_calling(in, &d))) { /* nowhere to send anything to */
		leg_over(leg, 480);
		return;
	}
	v->open -= leg->is_open ? 1 : 0;
	leg->is_open = false;
	win(v, in, d);
}

static void on_response(void *arg, struct txn *t, struct inbound *in)
{
	unsigned status = in->msg.status;
	if (status < 200)
		txn_client_limit(t, 2 * IM_INVITE_MS);
	else if (status < 300)
		leg_accepted(arg, in);
	else
		leg_over(arg, status);
}

static void on_fail(void *arg, struct txn *t, err why)
{
	(void)t;
	leg_over(arg, why.def->sip);
}

static void on_end(void *arg, struct txn *t)
{
	struct im_leg *leg = arg;
	(void)t;
	leg->txn = NULL;
	unref(leg->invite);
}

static const struct txn_client_door door = { on_response, on_fail, on_end };

/* ---- the offer ---- */

/* The first text goes along, so that the client can show it before anybody has taken the session. */
static bool add_first(const struct im_item *i, struct sip_out *o)
{
	struct im_form form = im_session_form(i);
	if (form.body.p == NULL || form.body.n == 0 || form.body.n > IM_FIRST_MAX || i->text.is_rtf)
		return false;
	char *encoded = arena_alloc(o->arena, ENC_BASE64_SIZE(form.body.n));
	if (encoded == NULL)
		return false;
	enc_base64(form.body.p, form.body.n, encoded);
	const str parts[] = { form.type, STR(";ms-body="), { encoded, ENC_BASE64_SIZE(form.body.n) } };
	str value = arena_join(o->arena, parts, sizeof parts / sizeof parts[0]);
	if (value.p != NULL)
		sip_out_add_other(o, STR("ms-text-format"), value);
	return value.p != NULL;
}

static err send_leg(struct im_invite *v, struct im_leg *leg, const struct reg_target *target, const struct im_item *first, str call_id, bool *carries)
{
	struct im_end *e = v->end;
	struct arena a DEFER(arena_fini) = { 0 };
	struct sip_out o;
	arena_init(&a, IM_OUT_MAX);
	str start = arena_join(&a, (const str[]){ STR("INVITE "), target->uri, STR(" SIP/2.0") }, 3);
	ENSURE(start.p != NULL, CEILING);
	sip_out_new(&o, &a, start);
	if (target->path.n != 0)
		sip_out_add(&o, SIP_HDR_ROUTE, target->path);
	sip_out_add(&o, SIP_HDR_MAX_FORWARDS, STR("70"));
	im_add_address(&o, SIP_HDR_FROM, im_aor(im_other(e)), (str){ e->tag, IM_TAG });
	im_add_address(&o, SIP_HDR_TO, im_aor(e), STR(""));
	sip_out_add(&o, SIP_HDR_CALL_ID, call_id);
	sip_out_add(&o, SIP_HDR_CSEQ, STR("1 INVITE"));
	im_add_contact(e->talk, &o);
	im_add_address(&o, SIP_HDR_P_ASSERTED_IDENTITY, im_aor(im_other(e)), STR(""));
	*carries = add_first(first, &o);
	im_add_offer(v->im, &o);
	TRY(txn_client_open(v->im->c.txns, &target->flow, &o, SIP_METHOD_INVITE, STR(""), first->r.in->request, &door, leg, &leg->txn));
	return OK;
}

static void open_legs(struct im_invite *v, const struct reg_target *targets, size_t n, struct im_item *first)
{
	struct sip_out call_id;
	bool carries = false;
	sip_out_new(&call_id, &first->r.in->arena, STR(""));
	im_add_call_id(v->im, &call_id);
	for (size_t i = 0; i < n && !call_id.failed; i++) {
		struct im_leg *leg = &v->legs[v->n];
		if (!targets[i].is_dialect || targets[i].is_alternative)
			continue;
		*leg = (struct im_leg){ .invite = v };
		if (failed(send_leg(v, leg, &targets[i], first, call_id.rows[0].value, &carries)))
			continue;
		leg->is_open = true;
		v->n++;
		v->open++;
		v->refs++;
	}
	v->first = carries ? first : NULL;
}

void im_invite_begin(struct im_end *e, const struct reg_target *targets, size_t n)
{
	struct im_invite *v = calloc(1, sizeof *v + n * sizeof v->legs[0]);
	struct im_item *first = LIST_OF(e->queue.next, struct im_item, node);
	if (v == NULL) {
		im_item_refuse_queue(e, 480);
		return;
	}
	v->im = e->talk->im;
	v->end = e;
	v->refs = 1;
	if (failed(timer_set(v->im->c.timers, &v->timer, IM_INVITE_MS, on_timeout, v))) {
		free(v);
		im_item_refuse_queue(e, 480);
		return;
	}
	open_legs(v, targets, n, first);
	e->invite = v;
	if (v->open == 0)
		give_up(v, 480);
	unref(v);
}
