/* SPDX-License-Identifier: Apache-2.0 */
/* Which applications see a message, and what their decisions do to it. */
#include "service/script/script_priv.h"

#include <stdlib.h>

err scripts_new(const struct script_config *config, struct scripts **out)
{
	struct scripts *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	s->c = *config;
	err e = xml_reader_new(&s->xml);
	if (failed(e)) {
		free(s);
		return e;
	}
	*out = s;
	return OK;
}

static void drop_all(struct apps *a)
{
	for (size_t i = 0; i < a->n; i++)
		app_free(a->p[i]);
	a->n = 0;
}

void scripts_free(struct scripts *s)
{
	if (s == NULL)
		return;
	drop_all(&s->now);
	drop_all(&s->next);
	xml_reader_free(s->xml);
	free(s);
}

void scripts_watch(struct scripts *s, const struct script_watch *watch)
{
	s->watch = *watch;
}

size_t scripts_count(const struct scripts *s)
{
	return s->now.n;
}

/* ---- loading ---- */

void scripts_begin(struct scripts *s)
{
	drop_all(&s->next);
}

/* One with the same priority comes after those that were there before. */
static void insert(struct apps *a, struct app *one)
{
	size_t at = a->n;
	while (at > 0 && a->p[at - 1]->priority > one->priority) {
		a->p[at] = a->p[at - 1];
		at--;
	}
	a->p[at] = one;
	a->n++;
}

/* What is as it was keeps its count of failures. */
static void take_over(const struct scripts *s, struct app *one)
{
	for (size_t i = 0; i < s->now.n; i++) {
		const struct app *old = s->now.p[i];
		if (!str_eq(old->identity, one->identity) || !str_eq(old->manifest_text, one->manifest_text) || !str_eq(old->files_text, one->files_text))
			continue;
		one->is_known = true;
		one->failures = old->failures;
		one->is_disabled = old->is_disabled;
	}
}

err scripts_put(struct scripts *s, const struct script_row *row)
{
	struct app *one;
	struct diag d = { 0 };
	ENSURE(s->next.n < SCRIPT_APPS_MAX, CEILING);
	err e = app_load(s->xml, row, &one, &d);
	if (one == NULL)
		return e;
	bool is_ours = failed(e) || (one->manifest.roles >> s->c.role & 1) != 0;
	if (failed(e))
		LOG(s->c.log, SCRIPT_REFUSED, LOG_STR("application", row->identity), LOG_Z("where", d.where), LOG_Z("why", d.what), LOG_Z("remedy", d.remedy),
			LOG_INT("critical", row->is_critical));
	if (!is_ours || (failed(e) && !row->is_critical)) {
		app_free(one);
		return OK;
	}
	take_over(s, one);
	insert(&s->next, one);
	return OK;
}

void scripts_end(struct scripts *s)
{
	drop_all(&s->now);
	s->now = s->next;
	s->next = (struct apps){ 0 };
	for (size_t i = 0; i < s->now.n; i++)
		if (!s->now.p[i]->is_known && s->now.p[i]->program != NULL)
			LOG(s->c.log, SCRIPT_LOADED, LOG_STR("application", s->now.p[i]->identity), LOG_INT("priority", s->now.p[i]->priority));
}

/* ---- which messages an application sees ---- */

/* A Route that only names this server is the way to it, not a way to somewhere. */
static bool has_strict_route(const struct scripts *s, const struct sip_msg *m)
{
	struct sip_walk w = { 0 };
	struct sip_addr a;
	str value;
	while (sip_walk_next(m, SIP_HDR_ROUTE, &w, &value))
		if (failed(sip_addr_parse(value, &a, NULL)) || a.uri.has_user || !(str_eq_case(a.uri.host, s->c.fqdn) || str_eq_case(a.uri.host, s->c.pool)))
			return true;
	return false;
}

static bool is_phone_uri(const struct uri *u)
{
	str value;
	return u->kind == URI_TEL || (sip_param(u->params, STR("user"), &value) && str_eq_case(value, STR("phone")));
}

static bool sees_request(const struct scripts *s, const struct app *a, const struct sip_msg *m)
{
	int64_t method = script_method(m->method_name);
	const struct mspl_manifest *f = &a->manifest;
	if ((f->methods & (method != MSPL_StandardMethod_Unknown ? (uint32_t)method : MSPL_METHOD_OTHER)) == 0)
		return false;
	if (!f->strict_route && has_strict_route(s, m))
		return false;
	if (f->domain_supported && !s->c.door.is_domain(s->c.arg, m->uri.host))
		return false;
	return f->phone_uri || !is_phone_uri(&m->uri);
}

static bool sees(const struct scripts *s, const struct app *a, const struct sip_msg *m)
{
	return m->is_request ? sees_request(s, a, m) : (a->manifest.classes >> (m->status / 100) & 1) != 0;
}

/* ---- running ---- */

static void count_failure(struct scripts *s, struct app *a, const struct inbound *in, err e, const struct diag *d)
{
	meter_add(s->c.meter, METER_SCRIPT_FAILED, 1);
	LOG(s->c.log, SCRIPT_FAILED, LOG_REQ(in->request), LOG_STR("application", a->identity), LOG_Z("where", d->where), LOG_Z("why", d->what), LOG_ERR(e),
		LOG_INT("failures", a->failures + 1));
	if (++a->failures < SCRIPT_FAILURES_MAX || a->is_disabled)
		return;
	a->is_disabled = true;
	LOG(s->c.log, SCRIPT_DISABLED, LOG_STR("application", a->identity), LOG_INT("failures", a->failures), LOG_INT("critical", a->is_critical),
		LOG_Z("remedy", "mend the script and say Set-CsServerApplication -ScriptName"));
}

static err run(struct run *u, struct mspl_result *out)
{
	struct diag d = { 0 };
	struct mspl_world w = script_world;
	w.is_request = u->in->msg.is_request;
	w.step = u->s->watch.step != NULL ? w.step : NULL;
	meter_add(u->s->c.meter, METER_SCRIPT_RUN, 1);
	err e = mspl_run(u->app->program, &w, u, &u->in->arena, out, &d);
	if (!failed(e) && out->retarget.n != 0 && out->action != MSPL_RESPOND)
		e = run_retarget(u, out->retarget);
	if (!failed(e) && out->action == MSPL_PROXY && out->uri.n != 0)
		e = run_retarget(u, out->uri);
	if (!failed(e) && out->action != MSPL_RESPOND)
		e = run_end_change(u);
	if (failed(e)) {
		if (d.what[0] == '\0')
			(void)failed(diag_fail(&d, e, "message", "", "the changed message could not be written"));
		count_failure(u->s, u->app, u->in, e, &d);
	}
	return e;
}

/* The application cannot judge: where it is Critical nothing passes that it has not seen. *goes_on: as its manifest says. */
static err cannot_judge(const struct app *a, bool *goes_on)
{
	ENSURE(!a->is_critical, SCRIPT);
	*goes_on = a->manifest.proxy_by_default;
	return OK;
}

/* ---- requests ---- */

static void respond(struct request *r, const struct mspl_result *m)
{
	struct sip_out o;
	request_answer(r, &o, m->status, m->reason);
	for (size_t i = 0; i < m->n_fields; i++) {
		enum sip_hdr_id id = sip_hdr_of(m->field_names[i]);
		if (id != SIP_HDR_OTHER)
			sip_out_add(&o, id, m->field_values[i]);
		else
			sip_out_add_other(&o, m->field_names[i], m->field_values[i]);
	}
	request_send(r, &o, m->status);
}

static void answer(struct run *u, const struct mspl_result *m)
{
	meter_add(u->s->c.meter, METER_SCRIPT_ANSWERED, 1);
	LOG(u->s->c.log, SCRIPT_ANSWERED, LOG_REQ(u->in->request), LOG_STR("application", u->app->identity), LOG_INT("status", m->status), LOG_STR("reason", m->reason),
		LOG_STR("method", u->in->msg.method_name), LOG_STR("from", u->r->aor));
	respond(u->r, m);
}

static err take_forks(struct run *u, const struct mspl_result *m)
{
	str *uris = arena_alloc(&u->in->arena, m->n_forks * sizeof *uris);
	ENSURE(uris != NULL, CEILING);
	for (size_t i = 0; i < m->n_forks; i++) {
		uris[i] = arena_copy(&u->in->arena, m->forks[i]);
		ENSURE(uris[i].p != NULL, CEILING);
	}
	u->r->forks = uris;
	u->r->n_forks = m->n_forks;
	u->r->forks_in_turn = m->is_sequential;
	return OK;
}

/* Whether the next application is asked. A provisional answer ends nothing. */
static err decide(struct run *u, const struct mspl_result *m, bool *goes_on)
{
	*goes_on = true;
	switch (m->action) {
	case MSPL_NOTHING:
		*goes_on = u->app->manifest.proxy_by_default || m->retarget.n != 0;
		return OK;
	case MSPL_PROXY:
		return OK;
	case MSPL_FORK:
		return take_forks(u, m);
	case MSPL_RESPOND:
		answer(u, m);
		*goes_on = m->status < 200;
		return OK;
	}
	return OK;
}

static err see(struct scripts *s, struct app *a, struct request *r, const struct script_source *source, bool *goes_on, bool *is_answered)
{
	struct run u = { .s = s, .app = a, .in = r->in, .r = r, .source = *source };
	struct mspl_result m;
	if (a->program == NULL || a->is_disabled || failed(run(&u, &m)))
		return cannot_judge(a, goes_on);
	*is_answered = m.action == MSPL_RESPOND && m.status >= 200;
	return decide(&u, &m, goes_on);
}

static void discard(struct scripts *s, const struct app *a, struct request *r)
{
	meter_add(s->c.meter, METER_SCRIPT_DROPPED, 1);
	LOG(s->c.log, SCRIPT_DROPPED, LOG_REQ(r->in->request), LOG_STR("application", a->identity), LOG_STR("method", r->in->msg.method_name), LOG_STR("from", r->aor));
	if (r->txn != NULL)
		txn_drop(r->txn);
}

err script_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct scripts *s = state;
	struct script_source source = { 0 };
	bool is_known = false;
	for (size_t i = 0; i < s->now.n; i++) {
		struct app *a = s->now.p[i];
		bool goes_on = true, is_answered = false;
		if (r->in->msg.method == SIP_METHOD_CANCEL || !sees(s, a, &r->in->msg))
			continue;
		if (!is_known)
			s->c.door.source(s->c.arg, r->in, r, &source);
		is_known = true;
		TRY(see(s, a, r, &source, &goes_on, &is_answered));
		if (goes_on)
			continue;
		if (!is_answered)
			discard(s, a, r);
		*v = STAGE_DONE;
		return OK;
	}
	return OK;
}

/* ---- responses ---- */

static bool see_response(struct scripts *s, struct app *a, struct inbound *in, const struct script_source *source)
{
	struct run u = { .s = s, .app = a, .in = in, .source = *source };
	struct mspl_result m;
	bool goes_on = false;
	if (a->program == NULL || a->is_disabled || failed(run(&u, &m)))
		return !failed(cannot_judge(a, &goes_on)) && goes_on;
	return m.action == MSPL_PROXY || a->manifest.proxy_by_default;
}

bool script_response(struct scripts *s, struct inbound *in)
{
	struct script_source source = { 0 };
	bool is_known = false;
	for (size_t i = 0; i < s->now.n; i++) {
		if (!sees(s, s->now.p[i], &in->msg))
			continue;
		if (!is_known)
			s->c.door.source(s->c.arg, in, NULL, &source);
		is_known = true;
		if (!see_response(s, s->now.p[i], in, &source)) {
			meter_add(s->c.meter, METER_SCRIPT_DROPPED, 1);
			return false;
		}
	}
	return true;
}
