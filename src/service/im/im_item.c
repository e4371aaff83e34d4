/* SPDX-License-Identifier: Apache-2.0 */
/* One message on its way: to whom it goes, and what its sender is told. */
#include "service/im/im_priv.h"

#include <stdlib.h>

static void unref(struct im_item *i)
{
	if (--i->refs != 0)
		return;
	im_talk_unref(i->talk);
	inbound_unref(i->r.in);
	free(i);
}

/* ---- the answer to the sender ---- */

static bool is_call(const struct im_item *i)
{
	return i->r.in->msg.method == SIP_METHOD_INVITE;
}

/* A session of a client is there from our 200 on. */
static void accept_call(struct im_item *i)
{
	struct dialog *d;
	err e = i->talk->is_over ? ERR(SIP_UNAVAILABLE) : dialog_open_called(i->r.in, (str){ i->from->tag, IM_TAG }, &d);
	if (failed(e)) {
		request_fail(&i->r, e, "message");
		im_talk_end(i->talk);
		return;
	}
	im_end_set_dialog(i->from, d);
	i->talk->is_acked = false;
	im_talk_use(i->talk);
	im_answer_invite(&i->r, i->from, i->has_text);
}

static void answer(struct im_item *i, unsigned status)
{
	if (i->is_answered)
		return;
	i->is_answered = true;
	if (i->r.txn == NULL)
		return;
	if (status >= 300)
		request_refuse(&i->r, status, "message");
	else if (is_call(i))
		accept_call(i);
	else
		request_reply(&i->r, 200, STR(""));
}

static void on_cancel(void *arg, struct txn *t)
{
	struct im_item *i = arg;
	(void)t;
	if (i->is_answered)
		return;
	answer(i, 487);
	im_talk_end(i->talk);
}

static void on_end(void *arg, struct txn *t)
{
	struct im_item *i = arg;
	(void)t;
	i->r.txn = NULL;
	unref(i);
}

static const struct txn_server_door server_door = { on_cancel, on_end };

err im_item_new(struct im_talk *t, struct im_end *from, const struct request *r, struct im_item **out)
{
	struct im_item *i = calloc(1, sizeof *i);
	ENSURE(i != NULL, NO_MEMORY);
	*i = (struct im_item){ .talk = t, .from = from, .to = im_other(from), .r = *r, .refs = 1 };
	t->refs++;
	inbound_ref(r->in);
	i->r.conn = NULL;
	list_init(&i->node);
	txn_server_on(r->txn, &server_door, i);
	*out = i;
	return OK;
}

/* ---- what becomes of it ---- */

void im_item_hold(struct im_item *i)
{
	i->refs++;
	i->waiting++;
}

/* What helps the sender most: a reason that a person gave before one of the network. */
static unsigned worse(unsigned status)
{
	return status >= 600 ? 0 : status == 408 || status == 480 || status == 481 ? 2 : status >= 500 ? 3 : 1;
}

void im_item_over(struct im_item *i, unsigned status)
{
	if (status >= 200 && status < 300)
		answer(i, status);
	else if (status != 0 && (i->best == 0 || worse(status) < worse(i->best)))
		i->best = status;
	if (--i->waiting == 0) {
		/* the words of the hop before us: its timeouts and lost dialogs are not the sender's */
		bool is_lost = i->best == 0 || i->best == 408 || i->best == 481 || i->best == 430;
		answer(i, is_lost ? 480 : i->best);
		im_talk_settle(i->talk);
	}
	unref(i);
}

void im_item_refuse_queue(struct im_end *e, unsigned status)
{
	while (!list_is_empty(&e->queue)) {
		struct im_item *i = LIST_OF(e->queue.next, struct im_item, node);
		list_remove(&i->node);
		i->is_queued = false;
		e->n_queue--;
		im_item_over(i, status);
	}
}

/* Until somebody has taken the session. */
static void wait_for_session(struct im_item *i, struct im_end *e, const struct reg_target *targets, size_t n)
{
	if (e->n_queue == IM_QUEUE_MAX) {
		i->best = 503;
		return;
	}
	im_item_hold(i);
	list_add(&e->queue, &i->node);
	i->is_queued = true;
	e->n_queue++;
	if (e->invite == NULL)
		im_invite_begin(e, targets, n);
}

static void to_devices(struct im_item *i, struct im_end *e)
{
	struct reg_target *targets = arena_alloc(&i->r.in->arena, IM_TARGETS * sizeof *targets);
	size_t n = targets != NULL ? reg_find(i->talk->im->c.reg, im_aor(e), &i->r.in->arena, targets, IM_TARGETS) : 0;
	bool has_dialect = false;
	for (size_t k = 0; k < n; k++) {
		has_dialect = has_dialect || targets[k].is_dialect;
		if (!targets[k].is_dialect && !targets[k].is_alternative && !i->is_again)
			im_send_page(i, &targets[k]);
	}
	if (e->dialog != NULL)
		im_send_in_session(i, e);
	else if (has_dialect && !i->text.is_typing) /* nothing is opened for somebody who has not said anything yet */
		wait_for_session(i, e, targets, n);
}

/* By way of his home, where it is known what he has signed in with. */
static void to_home(struct im_item *i, str aor)
{
	struct im *s = i->talk->im;
	str uri = im_uri(&i->r.in->arena, aor, STR(""));
	if (uri.p != NULL)
		im_send_page(i, &(const struct reg_target){ .uri = uri, .path = STR(""), .flow = s->c.home_flow(s->c.arg, aor) });
}

void im_item_deliver(struct im_item *i)
{
	im_item_hold(i);
	im_talk_use(i->talk);
	if (i->text.is_typing) /* whether it is seen does not matter to who writes */
		answer(i, 200);
	if (i->has_text && i->to == &i->talk->far)
		to_devices(i, i->to);
	else if (i->has_text && i->to->dialog != NULL)
		im_send_in_session(i, i->to);
	else if (i->has_text)
		to_home(i, im_aor(i->to));
	im_item_over(i, is_call(i) && !i->has_text ? 200 : 0);
}

void im_item_ask(struct im_item *i)
{
	im_item_hold(i);
	im_talk_use(i->talk);
	if (i->text.is_typing)
		answer(i, 200);
	im_send_question(i);
	im_item_over(i, 0);
}
