/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The response context of RFC 3261 16: the branches of one request, group by group of equal q, and the one answer that goes
 * back. Lives from the first branch until the server transaction and every branch have ended.
 */
#include "service/route/route_priv.h"

#include <stdlib.h>

#include "engine/dialog.h"
#include "wire/sipae.h"

#define CHALLENGES 4 /* 401 and 407 answers whose challenges go back together (16.7 step 7) */

enum branch_state { BRANCH_WAITING, BRANCH_OPEN, BRANCH_DONE };

struct fork;

struct branch {
	struct fork *fork;
	struct reg_target target;
	struct txn *txn;    /* client transaction, until it ends */
	uint8_t state;
};

struct fork {
	struct route *s;
	struct request r;      /* r.in is referenced until nothing more is to be sent */
	struct route_way way;
	struct txn *server;    /* NULL once it has ended */
	struct inbound *best;  /* the best final answer so far */
	struct inbound *challenges[CHALLENGES];
	unsigned n_challenges;
	unsigned best_status;  /* also of an answer of ours (408, 480), when best is NULL */
	unsigned n, next, open, refs, breadth;
	bool done;             /* a final answer has gone back */
	bool stopped;          /* cancelled, or 6xx: no more groups */
	bool is_dialect;       /* the caller speaks the Lync dialect: it neither takes nor ends a second dialog */
	struct branch *winner; /* whose 2xx has gone back first; NULL */
	struct branch branches[];
};

static void fork_unref(struct fork *f)
{
	if (--f->refs != 0)
		return;
	inbound_unref(f->best);
	for (unsigned i = 0; i < f->n_challenges; i++)
		inbound_unref(f->challenges[i]);
	inbound_unref(f->r.in);
	free(f);
}

/* Nothing more will be sent: only late 2xx may still pass, and they need no copy of the request. */
static void fork_settle(struct fork *f)
{
	if (!f->done || f->open != 0)
		return;
	inbound_unref(f->r.in);
	f->r.in = NULL;
	inbound_unref(f->best);
	f->best = NULL;
}

/* ---- the answer that goes back ---- */

/* 16.7 step 6: 6xx before all, then the lowest class; inside 4xx those that help the caller to try again. Lower is better. */
static unsigned rank(unsigned status)
{
	switch (status) {
	case 401:
	case 407:
	case 415:
	case 420:
	case 484:
		return 40;
	case 408:
		return 42;
	case 503:
		return 51;
	default:
		return status >= 600 ? 0 : status / 100 * 10 + (status / 100 == 4 ? 1 : 0);
	}
}

static void consider(struct fork *f, unsigned status, struct inbound *in)
{
	if ((status == 401 || status == 407) && in != NULL && f->n_challenges < CHALLENGES)
		f->challenges[f->n_challenges++] = inbound_ref(in);
	if (f->best_status != 0 && rank(status) >= rank(f->best_status))
		return;
	inbound_unref(f->best);
	f->best = in != NULL ? inbound_ref(in) : NULL;
	f->best_status = status;
}

static err relay_challenges(struct fork *f)
{
	struct sip_out o;
	struct buf b DEFER(buf_fini) = { 0 };
	const enum sip_hdr_id ids[] = { SIP_HDR_WWW_AUTHENTICATE, SIP_HDR_PROXY_AUTHENTICATE };
	buf_init(&b, 1u << 20);
	str start = str_trim(str_cut(f->best->msg.raw, 0, str_find_char(f->best->msg.raw, '\n')));
	sip_out_from(&o, &f->best->arena, &f->best->msg, start);
	sip_out_remove_top(&o, SIP_HDR_VIA);
	for (unsigned i = 0; i < f->n_challenges; i++)
		for (unsigned k = 0; k < 2 && f->challenges[i] != f->best; k++)
			for (const struct sip_hdr *h = sip_hdr_first(&f->challenges[i]->msg, ids[k]); h != NULL;
				h = sip_hdr_next(&f->challenges[i]->msg, h))
				sip_out_add(&o, ids[k], h->value);
	TRY(sip_out_print(&o, &b));
	txn_reply_bytes(f->server, buf_str(&b), f->best_status);
	return OK;
}

/* 16.7 step 6: 503 speaks of one server only; the caller need not turn away from us. */
static err relay_best(struct fork *f)
{
	if (f->n_challenges > 1 && (f->best_status == 401 || f->best_status == 407))
		return relay_challenges(f);
	return route_relay(f->server, f->best, f->best_status == 503 ? STR("SIP/2.0 500 Server Internal Error") : STR(""), &f->r);
}

static void finish(struct fork *f)
{
	bool is_invite = f->r.in->msg.method == SIP_METHOD_INVITE;
	f->done = true;
	if (f->server == NULL) {
		fork_settle(f);
		return;
	}
	if (f->best != NULL && failed(relay_best(f)))
		request_reply(&f->r, 500, STR(""));
	else if (f->best == NULL && f->best_status == 408 && !is_invite)
		txn_drop(f->server);
	else if (f->best == NULL)
		request_refuse(&f->r, f->best_status, "route");
	fork_settle(f);
}

/* ---- branches ---- */

static void cancel_open(struct fork *f, str reason)
{
	f->stopped = true;
	for (unsigned i = 0; i < f->next; i++)
		if (f->branches[i].state == BRANCH_OPEN && f->branches[i].txn != NULL)
			txn_cancel(f->branches[i].txn, reason);
}

static bool branch_begin(struct branch *b);
static const struct txn_client_door branch_door;

/* Another flow to the same instance, when one has failed (RFC 5626 7: 430). */
static bool try_alternative(struct fork *f, const struct branch *b)
{
	unsigned i = (unsigned)(b - f->branches) + 1;
	for (; i < f->next && f->branches[i].target.is_alternative; i++)
		if (f->branches[i].state == BRANCH_WAITING && !f->stopped && branch_begin(&f->branches[i]))
			return true;
	return false;
}

static void group_begin(struct fork *f);

static void advance(struct fork *f)
{
	if (f->open != 0 || f->done)
		return;
	if (!f->stopped)
		group_begin(f);
	if (f->open == 0 && !f->done)
		finish(f);
}

/* The branch has its final answer, or never will. */
static void branch_over(struct branch *b, unsigned status, struct inbound *in)
{
	struct fork *f = b->fork;
	if (b->state != BRANCH_OPEN)
		return;
	b->state = BRANCH_DONE;
	f->open--;
	if (status == 430 && try_alternative(f, b))
		return;
	consider(f, status == 430 ? 480 : status, status == 430 ? NULL : in);
	if (status >= 600)
		cancel_open(f, STR(""));
	advance(f);
}

/* A dialog that nobody wants is ended by us: its caller would have to do it (13.2.2.4), but has gone, or does not know how. */
static void end_dialog(struct route *s, struct inbound *in)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct buf b DEFER(buf_fini) = { 0 };
	struct sip_out ack, bye;
	struct dialog *d;
	struct txn *t;
	arena_init(&a, 1u << 20);
	buf_init(&b, 1u << 20);
	if (failed(dialog_open_calling(in, &d)))
		return;
	d->routes = STR(""); /* they lead to us */
	if (!failed(dialog_request(d, SIP_METHOD_ACK, in->msg.cseq, &a, &ack)) && !failed(txns_add_via(s->c.txns, &in->flow, &ack)) &&
		!failed(sip_out_print(&ack, &b)))
		(void)failed(s->c.send(s->c.arg, &in->flow, in->request, buf_str(&b)));
	if (!failed(dialog_request(d, SIP_METHOD_BYE, 0, &a, &bye)) &&
		!failed(txn_client_open(s->c.txns, &in->flow, &bye, SIP_METHOD_BYE, STR(""), in->request, &branch_door, NULL, &t)))
		txn_forget(t);
	dialog_close(d);
}

/* A 2xx after the answer that has gone back: who called gets it too (16.7 step 5), unless he could not make anything of it. */
static bool is_unwanted(const struct branch *b, const struct inbound *in)
{
	const struct fork *f = b->fork;
	bool is_late = in->msg.method == SIP_METHOD_INVITE && f->done && f->winner != b && b->target.path.n == 0;
	return is_late && (f->server == NULL || f->is_dialect);
}

static void branch_accept(struct branch *b, struct inbound *in)
{
	struct fork *f = b->fork;
	bool was_open = b->state == BRANCH_OPEN;
	if (is_unwanted(b, in))
		end_dialog(f->s, in);
	else if (f->server != NULL && (!f->done || in->msg.method == SIP_METHOD_INVITE))
		(void)failed(route_relay(f->server, in, STR(""), NULL));
	if (f->winner == NULL && !f->done)
		f->winner = b;
	f->done = true;
	b->state = BRANCH_DONE;
	f->open -= was_open ? 1 : 0;
	cancel_open(f, STR("SIP;cause=200;text=\"Call completed elsewhere\""));
	fork_settle(f);
}

/* Its answer is kept from the caller: when no other branch has one, he gets none at all. */
static void branch_silence(struct branch *b)
{
	struct fork *f = b->fork;
	if (b->state != BRANCH_OPEN)
		return;
	b->state = BRANCH_DONE;
	f->open--;
	if (f->open != 0 || f->done || f->best_status != 0 || f->next < f->n) {
		advance(f);
		return;
	}
	f->done = true;
	if (f->server != NULL)
		txn_drop(f->server);
	fork_settle(f);
}

static void on_response(void *arg, struct txn *t, struct inbound *in)
{
	struct branch *b = arg;
	unsigned status = in->msg.status;
	const struct route_config *c = &b->fork->s->c;
	if (status == 100)
		return;
	if (c->pass != NULL && !c->pass(c->arg, in)) {
		if (status >= 200)
			branch_silence(b);
		return;
	}
	if (status < 200) {
		txn_client_limit(t, ROUTE_TIMER_C);
		if (!b->fork->done && b->fork->server != NULL)
			(void)failed(route_relay(b->fork->server, in, STR(""), NULL));
		return;
	}
	if (status < 300)
		branch_accept(b, in);
	else
		branch_over(b, status, in);
}

static void on_fail(void *arg, struct txn *t, err why)
{
	(void)t;
	branch_over(arg, why.def->sip, NULL);
}

static void on_branch_end(void *arg, struct txn *t)
{
	struct branch *b = arg;
	(void)t;
	b->txn = NULL;
	fork_unref(b->fork);
}

static const struct txn_client_door branch_door = { on_response, on_fail, on_branch_end };

static bool branch_begin(struct branch *b)
{
	struct fork *f = b->fork;
	struct sip_out o;
	char tail[ROUTE_TAIL];
	const struct route_hop hop = {
		.request_uri = b->target.uri, .path = b->target.path, .flow = b->target.flow, .breadth = f->breadth };
	b->state = BRANCH_DONE;
	if (failed(route_copy(f->s, &f->r, &f->way, &hop, &f->r.in->arena, &o)))
		return false;
	route_loop_hash(f->s, &f->r, tail);
	/* to another process of ours it is one hop with what that one does: no loop when it comes there */
	if (failed(txn_client_open(f->s->c.txns, &b->target.flow, &o, f->r.in->msg.method, (str){ tail, b->target.is_home ? 0 : sizeof tail },
			f->r.in->request, &branch_door, b, &b->txn)))
		return false;
	b->state = BRANCH_OPEN;
	f->open++;
	f->refs++;
	meter_add(f->s->c.meter, METER_ROUTE_FORKED, 1);
	return true;
}

/* All targets of the next q, at once. What cannot even be sent counts as not there. */
static void group_begin(struct fork *f)
{
	while (f->next < f->n && f->open == 0) {
		unsigned from = f->next;
		unsigned q = f->branches[from].target.q;
		while (f->next < f->n && f->branches[f->next].target.q == q)
			f->next++;
		for (unsigned i = from; i < f->next; i++) {
			if (f->branches[i].target.is_alternative || f->branches[i].state != BRANCH_WAITING)
				continue;
			if (!branch_begin(&f->branches[i]) && !try_alternative(f, &f->branches[i]))
				consider(f, 480, NULL);
		}
	}
}

/* ---- the server side ---- */

static void on_cancel(void *arg, struct txn *t)
{
	struct fork *f = arg;
	(void)t;
	if (f->done)
		return;
	if (f->best_status == 0 || rank(f->best_status) > rank(487))
		consider(f, 487, NULL);
	cancel_open(f, STR(""));
	advance(f);
}

static void on_server_end(void *arg, struct txn *t)
{
	struct fork *f = arg;
	(void)t;
	f->server = NULL;
	if (!f->done)
		cancel_open(f, STR(""));
	fork_unref(f);
}

static const struct txn_server_door server_door = { on_cancel, on_server_end };

/* RFC 5393 5.3.3: what a request may still spread to is divided among its parallel branches. */
static err share_breadth(struct fork *f, unsigned parallel)
{
	uint32_t breadth = ROUTE_BREADTH;
	str value = sip_hdr_value(&f->r.in->msg, SIP_HDR_MAX_BREADTH);
	if (value.n != 0)
		ENSURE(str_to_u32(value, &breadth), MALFORMED);
	ENSURE(breadth >= parallel, SIP_BREADTH);
	f->breadth = breadth / parallel;
	return OK;
}

static unsigned widest_group(const struct reg_target *targets, size_t n)
{
	unsigned widest = 1;
	for (size_t i = 0; i < n;) {
		unsigned wide = 0;
		for (unsigned q = targets[i].q; i < n && targets[i].q == q; i++)
			wide += targets[i].is_alternative ? 0 : 1;
		widest = wide > widest ? wide : widest;
	}
	return widest;
}

err route_fork(struct route *s, struct request *r, const struct route_way *w, const struct reg_target *targets, size_t n)
{
	struct fork *f = calloc(1, sizeof *f + n * sizeof f->branches[0]);
	ENSURE(f != NULL, NO_MEMORY);
	*f = (struct fork){ .s = s, .r = *r, .way = *w, .server = r->txn, .n = (unsigned)n, .refs = 1 };
	f->r.in = inbound_ref(r->in);
	f->r.conn = NULL;
	f->is_dialect = sipae_is_client(&r->in->msg);
	for (size_t i = 0; i < n; i++)
		f->branches[i] = (struct branch){ .fork = f, .target = targets[i] };
	err e = share_breadth(f, widest_group(targets, n));
	if (failed(e)) {
		fork_unref(f);
		return e;
	}
	txn_server_on(r->txn, &server_door, f);
	meter_add(s->c.meter, METER_ROUTE_RELAYED, 1);
	advance(f);
	return OK;
}
