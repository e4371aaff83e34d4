/* SPDX-License-Identifier: Apache-2.0 */
/* What people do to their own presence by SERVICE ([MS-PRES] 3.4 to 3.7). */
#include "service/pres/pres_change.h"

#include <stdlib.h>

#define FAULT          "application/msrtc-fault+xml"
#define SELF           "application/vnd-microsoft-roaming-self+xml"

/* ---- answers ---- */

static void answer(struct service *s)
{
	struct request *r = s->request;
	struct buf body DEFER(buf_fini) = { 0 };
	struct sip_out o;
	uint64_t shown = s->touched & ~(PRES_SELF_CONTAINERS | PRES_SELF_SUBSCRIBERS);
	buf_init(&body, 1 << 20);
	request_answer(r, &o, 200, STR(""));
	if (shown != 0) {
		pres_self_print(s->presentity, shown, &body);
		sip_out_add(&o, SIP_HDR_CONTENT_TYPE, STR(SELF));
		o.body = buf_str(&body);
	}
	if (body.failed)
		request_fail(r, ERR(CEILING), "presence");
	else
		request_send(r, &o, 200);
}

static void answer_fault(struct service *s)
{
	struct buf body DEFER(buf_fini) = { 0 };
	struct sip_out o;
	buf_init(&body, 65536);
	buf_printf(&body, "<Fault xmlns=\"http://schemas.microsoft.com/2006/09/sip/categories\"><Faultcode>Client.BadCall.WrongDelta</Faultcode><details>%.*s</details></Fault>",
		STR_FMT(buf_str(&s->fault)));
	request_answer(s->request, &o, 409, STR(""));
	sip_out_add(&o, SIP_HDR_CONTENT_TYPE, STR(FAULT));
	o.body = buf_str(&body);
	request_send(s->request, &o, 409);
	meter_add(s->pres->config.meter, METER_PRES_CONFLICTS, 1);
}

/* Watchers, and the user's other devices, are told what has been done. */
static void tell(struct service *s)
{
	presentity_show(s->presentity);
	if ((s->touched & PRES_SELF_CONTAINERS) != 0)
		presentity_place_watches(s->presentity);
	/* containers and watchers are not in the answer, so that who asked has to be told, too */
	bool is_answered = (s->touched & (PRES_SELF_CONTAINERS | PRES_SELF_SUBSCRIBERS)) == 0;
	pres_selves_tell(s->presentity, s->touched, is_answered ? &s->request->in->flow : NULL);
}

/* ---- keeping ---- */

/* A request whose change is on its way to the disk. */
struct saving {
	struct list of_presentity;
	struct presentity *presentity;
	struct request *request;
	uint64_t touched;
};

static void saving_free(struct saving *w)
{
	list_remove(&w->of_presentity);
	inbound_unref(w->request->in);
	free(w);
}

/* What vault has refused is in memory all the same: it is read again, before anybody changes more of it. */
static void on_saved(void *arg, err e)
{
	struct saving *w = arg;
	struct presentity *u = w->presentity;
	struct service s = { .pres = u->pres, .presentity = u, .request = w->request, .touched = w->touched };
	if (failed(e))
		request_fail(w->request, err_is(e, ERR_BUSY) ? ERR(SIP_BUSY) : e, "presence");
	else
		answer(&s);
	if (failed(e)) {
		u->is_stale = true;
		(void)failed(presentity_load(u));
	}
	tell(&s);
	saving_free(w);
	presentity_settle(u);
}

void pres_savings_forget(struct presentity *u)
{
	while (!list_is_empty(&u->savings)) {
		struct saving *w = LIST_OF(u->savings.next, struct saving, of_presentity);
		kept_forget(u->pres->config.kept, w);
		request_fail(w->request, ERR(SIP_BUSY), "presence");
		saving_free(w);
	}
}

static err keep(struct service *s, enum stage_verdict *v)
{
	struct saving *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	*w = (struct saving){ .presentity = s->presentity, .request = s->request, .touched = s->touched };
	err e = s->rows.failed ? ERR(CEILING) : kept_save(s->pres->config.kept, presentity_aor(s->presentity), buf_str(&s->rows), on_saved, w);
	if (failed(e)) {
		free(w);
		return err_is(e, ERR_BUSY) || err_is(e, ERR_CLOSED) ? ERR(SIP_BUSY) : e;
	}
	s->request->conn = NULL; /* it may have gone when vault answers */
	(void)inbound_ref(s->request->in);
	list_add(&s->presentity->savings, &w->of_presentity);
	*v = STAGE_WAIT;
	return OK;
}

/* ---- the stage ---- */

static const struct {
	str type;
	str root;
	err (*fn)(struct service *s);
} services[] = {
	{ { "application/msrtc-category-publish+xml", 38 }, { "publish", 7 }, pres_change_publish },
	{ { "application/msrtc-setcontainermembers+xml", 41 }, { "setContainerMembers", 19 }, pres_change_containers },
	{ { "application/msrtc-presence-setsubscriber+xml", 44 }, { "setSubscribers", 14 }, pres_change_subscribers },
};

static size_t find_service(const struct sip_msg *m)
{
	str rest, type = str_trim(str_split(sip_hdr_value(m, SIP_HDR_CONTENT_TYPE), ';', &rest));
	size_t i = 0;
	while (i < sizeof services / sizeof services[0] && !str_eq_case(type, services[i].type))
		i++;
	return i;
}

/* What is done in part, or cannot be kept: what vault has is read again. */
static void take_back(struct service *s)
{
	s->presentity->is_stale = true;
	(void)failed(presentity_load(s->presentity));
	presentity_settle(s->presentity);
	tell(s);
}

static err serve(struct service *s, size_t which, enum stage_verdict *v)
{
	struct request *r = s->request;
	struct xml_node *root;
	TRY(xml_tree_read(s->pres->config.xml, r->in->msg.body, NULL, &r->in->arena, &root, NULL));
	ENSURE(str_eq(root->name, services[which].root), MALFORMED);
	s->root = root;
	err e = services[which].fn(s);
	if (failed(e) && s->touched != 0)
		take_back(s);
	TRY(e);
	if (s->n_faults != 0) {
		answer_fault(s);
		return OK;
	}
	presentity_settle(s->presentity);
	if (s->rows.n == 0 && !s->rows.failed) {
		answer(s);
		tell(s);
		return OK;
	}
	e = keep(s, v);
	if (failed(e))
		take_back(s);
	return e;
}

static bool is_about_presence(const struct sip_msg *m)
{
	static const str events[] = { { "presence", 8 }, { "presence.winfo", 14 }, { "vnd-microsoft-roaming-self", 26 } };
	str rest, event = str_trim(str_split(sip_hdr_value(m, SIP_HDR_EVENT), ';', &rest));
	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
		if (str_eq_case(event, events[i]))
			return true;
	return false;
}

/* SUBSCRIBE goes on to the notifier once the one whom it is for is in memory. */
static err prepare(struct pres *p, struct request *r, enum stage_verdict *v)
{
	struct presentity *u;
	if (r->target.n == 0 || !is_about_presence(&r->in->msg))
		return OK;
	ENSURE(user_find(p->config.users, r->target) != NULL, SIP_NOT_FOUND);
	return presentity_need(p, r, r->target, &u, v);
}

err pres_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct pres *p = state;
	size_t which = find_service(&r->in->msg);
	if (r->in->msg.method == SIP_METHOD_SUBSCRIBE)
		return prepare(p, r, v);
	if (r->in->msg.method == SIP_METHOD_PUBLISH)
		return pres_publish_stage(p, r, v);
	if (r->in->msg.method != SIP_METHOD_SERVICE || which == sizeof services / sizeof services[0])
		return OK;
	ENSURE(r->aor.n != 0 && str_eq(r->aor, r->target), SIP_FORBIDDEN);
	struct service s = { .pres = p, .request = r };
	TRY(presentity_need(p, r, r->target, &s.presentity, v));
	if (*v != STAGE_NEXT)
		return OK;
	*v = STAGE_DONE;
	buf_init(&s.rows, PRES_ROWS_MAX);
	buf_init(&s.fault, 65536);
	err e = serve(&s, which, v);
	buf_fini(&s.rows);
	buf_fini(&s.fault);
	return e;
}
