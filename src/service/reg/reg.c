/* SPDX-License-Identifier: Apache-2.0 */
#include "service/reg.h"

#include <stdlib.h>
#include <time.h>

#include "model/config.h"
#include "service/reg/reg_priv.h"

#define ANSWER_MAX 65536 /* bytes of one Contact value in an answer, at most */

err reg_new(const struct reg_config *config, struct reg **out)
{
	struct reg *g = calloc(1, sizeof *g);
	ENSURE(g != NULL, NO_MEMORY);
	g->config = *config;
	g->serial = 1; /* 0 means: nothing told yet */
	err e = reg_table_init(g);
	if (!failed(e) && config->notifier != NULL)
		e = notifier_add(config->notifier, &reg_package, g);
	if (failed(e)) {
		reg_free(g);
		return e;
	}
	*out = g;
	return OK;
}

void reg_set_ports(struct reg *g, uint16_t tls, uint16_t tcp)
{
	g->config.port_tls = tls;
	g->config.port_tcp = tcp;
}

void reg_free(struct reg *g)
{
	if (g == NULL)
		return;
	reg_table_fini(g);
	free(g);
}

uint64_t reg_unix_ms(const struct reg *g)
{
	struct timespec t;
	if (g->config.unix_ms != NULL)
		return g->config.unix_ms();
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- may it be so? ---- */

/* Within one Call-ID each request must be younger than what it changes (RFC 3261 10.3 step 7). */
static err check_order(const struct sip_msg *m, const struct reg_binding *old)
{
	bool is_late = str_eq(m->call_id, reg_call_id(old)) && m->cseq <= old->cseq;
	ENSURE(!is_late, SIP_ORDER);
	return OK;
}

/* Is b replaced or removed by one of the contacts? */
static bool goes_away(const struct reg_wish *w, const struct reg_binding *b)
{
	for (size_t i = 0; b != NULL && i < w->n; i++)
		if (w->contacts[i].old == b)
			return true;
	return false;
}

static err find_old(const struct sip_msg *m, const struct reg_user *u, struct reg_wish *w)
{
	for (const struct reg_binding *b = w->is_star && u != NULL ? u->bindings : NULL; b != NULL; b = b->next)
		TRY(check_order(m, b));
	for (size_t i = 0; i < w->n; i++) {
		struct reg_binding *old = reg_match(u, &w->contacts[i]);
		if (old != NULL)
			TRY(check_order(m, old));
		/* URI equality is not transitive: what two contacts match belongs to the first. */
		w->contacts[i].old = goes_away(w, old) ? NULL : old;
		w->contacts[i].replaced = old != NULL;
	}
	return OK;
}

/* A device is an instance, and without one a Contact URI. */
static bool is_same_device(str instance_a, str uri_a, str instance_b, str uri_b)
{
	if (instance_a.n != 0 || instance_b.n != 0)
		return reg_is_same_instance(instance_a, instance_b);
	return str_eq(uri_a, uri_b);
}

/* Is contact i of a device that is neither bound now nor asked for before? */
static bool is_new_device(const struct reg_user *u, const struct reg_wish *w, size_t i)
{
	const struct reg_contact *c = &w->contacts[i];
	if (c->seconds == 0)
		return false;
	for (const struct reg_binding *b = u != NULL ? u->bindings : NULL; b != NULL; b = b->next)
		if (!goes_away(w, b) && is_same_device(c->instance, c->uri.raw, reg_instance(b), reg_uri(b)))
			return false;
	for (size_t j = 0; j < i; j++) {
		const struct reg_contact *o = &w->contacts[j];
		if (o->seconds != 0 && is_same_device(c->instance, c->uri.raw, o->instance, o->uri.raw))
			return false;
	}
	return true;
}

/* Devices that stay bound whatever the contacts add. */
static size_t staying_devices(const struct reg_user *u, const struct reg_wish *w)
{
	size_t n = 0;
	for (const struct reg_binding *b = u != NULL ? u->bindings : NULL; b != NULL; b = b->next) {
		bool is_first = !goes_away(w, b);
		for (const struct reg_binding *o = u->bindings; is_first && o != b; o = o->next)
			is_first = goes_away(w, o) ||
				   !is_same_device(reg_instance(b), reg_uri(b), reg_instance(o), reg_uri(o));
		n += is_first;
	}
	return n;
}

/* The limit is for what is new: a device that is signed in stays so when the limit is lowered. */
static err check_devices(const struct reg *g, const struct reg_user *u, const struct reg_wish *w)
{
	size_t devices = 0;
	bool adds = false;
	for (size_t i = 0; i < w->n; i++) {
		devices += is_new_device(u, w, i);
		adds = adds || (w->contacts[i].old == NULL && w->contacts[i].seconds != 0);
	}
	if (!adds)
		return OK;
	ENSURE(devices + staying_devices(u, w) <= g->config.config->max_endpoints, SIP_DECLINE_DEVICES);
	return OK;
}

/* ---- making it so ---- */

/* Since when is the instance registered without a gap under this Call-ID (for temporary GRUUs)? */
static uint32_t since_of(const struct reg *g, const struct reg_user *u, const struct reg_contact *c, str call_id)
{
	uint32_t since = (uint32_t)(reg_unix_ms(g) / 1000);
	for (const struct reg_binding *b = u != NULL ? u->bindings : NULL; b != NULL; b = b->next)
		if (reg_is_same_instance(reg_instance(b), c->instance) && str_eq(reg_call_id(b), call_id) &&
			b->since < since)
			since = b->since;
	return since;
}

static void free_made(struct reg_wish *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->contacts[i].made);
}

/* Everything that needs memory, so that the rest cannot fail half-way: all or nothing (RFC 3261 10.3 step 7). */
static err make_bindings(struct reg *g, const struct request *r, const struct reg_user *u, struct reg_wish *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct reg_contact *c = &w->contacts[i];
		if (c->seconds == 0)
			continue;
		c->made = reg_binding_new(&(struct reg_fields){ .uri = c->uri.raw,
			.call_id = r->in->msg.call_id,
			.instance = c->instance,
			.path = w->path,
			.epid = str_cut(sipae_epid(&r->in->msg), 0, REG_EPID_MAX),
			.flow = r->in->flow,
			.expires_ms = reg_now(g) + (uint64_t)c->seconds * 1000,
			.cseq = r->in->msg.cseq,
			.reg_id = c->reg_id,
			.since = since_of(g, u, c, r->in->msg.call_id),
			.q = c->q });
		if (c->made == NULL) {
			free_made(w);
			return ERR(NO_MEMORY);
		}
	}
	return OK;
}

static void take_out(struct reg *g, struct reg_binding *b, enum reg_event why, struct reg_binding **gone)
{
	reg_binding_unlink(g, b);
	b->event = (uint8_t)why;
	b->next = *gone;
	*gone = b;
}

static void remove_binding(struct reg *g, const struct request *r, struct reg_binding *b, struct reg_binding **gone)
{
	meter_add(g->config.meter, METER_REG_REMOVED, 1);
	LOG(g->config.log, UNREGISTERED, LOG_REQ(r->in->request), LOG_STR("user", r->aor),
		LOG_STR("contact", reg_uri(b)));
	take_out(g, b, REG_UNREGISTERED, gone);
}

/* The oldest binding of the device of b when it has more than it may; NULL. */
static struct reg_binding *surplus(const struct reg_binding *b)
{
	struct reg_binding *oldest = NULL;
	size_t n = 0;
	for (struct reg_binding *o = b->user->bindings; o != NULL; o = o->next) {
		if (!reg_is_same_instance(reg_instance(o), reg_instance(b)))
			continue;
		n++;
		oldest = o;
	}
	return n > REG_FLOWS_MAX ? oldest : NULL;
}

/* A device that has come back too often over new connections loses its oldest bindings. */
static void bound_flows(struct reg *g, const struct reg_wish *w, struct reg_binding **gone)
{
	struct reg_binding *b;
	for (size_t i = 0; i < w->n; i++)
		while (w->contacts[i].made != NULL && (b = surplus(w->contacts[i].made)) != NULL)
			take_out(g, b, REG_EXPIRED, gone);
}

static void apply_contact(
	struct reg *g, const struct request *r, struct reg_user *u, struct reg_contact *c, struct reg_binding **gone)
{
	struct reg_binding *old = c->old, *made = c->made;
	if (made == NULL) {
		if (old != NULL)
			remove_binding(g, r, old, gone);
		return;
	}
	made->id = old != NULL ? old->id : ++g->next_id;
	if (old != NULL) {
		made->event = old->expires_ms <= made->expires_ms ? REG_REFRESHED : REG_SHORTENED;
		take_out(g, old, REG_REFRESHED, gone);
	}
	reg_binding_link(g, u, made);
	meter_add(g->config.meter, old != NULL ? METER_REG_REFRESHED : METER_REG_ADDED, 1);
	LOG(g->config.log, REGISTERED, LOG_REQ(r->in->request), LOG_STR("user", r->aor),
		LOG_STR("contact", reg_uri(made)), LOG_INT("seconds", c->seconds));
}

static err apply(struct reg *g, const struct request *r, struct reg_wish *w)
{
	struct reg_user *u = reg_user_find(g, r->aor);
	struct reg_binding *gone = NULL;
	TRY(find_old(&r->in->msg, u, w));
	TRY(check_devices(g, u, w));
	if (w->n == 0 && (!w->is_star || u == NULL))
		return OK; /* only asked what there is */
	TRY(make_bindings(g, r, u, w));
	err e = reg_user_get(g, r->aor, &u);
	if (failed(e)) {
		free_made(w);
		return e;
	}
	while (w->is_star && u->bindings != NULL)
		remove_binding(g, r, u->bindings, &gone);
	for (size_t i = 0; i < w->n; i++)
		apply_contact(g, r, u, &w->contacts[i], &gone);
	bound_flows(g, w, &gone);
	reg_changed(g, u, gone, &r->in->flow);
	return OK;
}

/* ---- the answer ---- */

void reg_add_address(struct sip_out *o, enum sip_hdr_id id, str aor)
{
	struct buf uri DEFER(buf_fini) = { 0 };
	buf_init(&uri, 4 * USER_AOR_MAX);
	reg_add_uri(&uri, aor);
	sip_out_addf(o, id, "<%.*s>", STR_FMT(buf_str(&uri)));
}

static void print_contact(struct reg *g, const struct reg_binding *b, const struct reg_wish *w, struct buf *out)
{
	uint64_t now = reg_now(g), left = b->expires_ms > now ? b->expires_ms - now : 0;
	buf_add_char(out, '<');
	buf_add(out, reg_uri(b));
	buf_add(out, STR(">;expires="));
	buf_add_u64(out, (left + 999) / 1000);
	if (b->q != 1000)
		buf_printf(out, ";q=0.%03u", b->q);
	if (b->reg_id != 0)
		buf_printf(out, ";reg-id=%u", b->reg_id);
	if (b->instance_n != 0)
		buf_printf(out, ";+sip.instance=\"%.*s\"", STR_FMT(reg_instance(b)));
	if (w->wants_gruu)
		reg_gruu_print(g, b, out);
	if (w->is_dialect)
		reg_dialect_gruu_print(b, out);
}

static void add_contacts(struct reg *g, const struct request *r, const struct reg_wish *w, struct sip_out *o)
{
	const struct reg_user *u = reg_user_find(g, r->aor);
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, ANSWER_MAX);
	for (const struct reg_binding *b = u != NULL ? u->bindings : NULL; b != NULL; b = b->next) {
		buf_reset(&text);
		print_contact(g, b, w, &text);
		str value = arena_copy(&r->in->arena, buf_str(&text));
		if (text.failed || value.p == NULL)
			o->failed = true;
		else
			sip_out_add(o, SIP_HDR_CONTACT, value);
	}
}

/* RFC 3608: requests of this client are to come to us first, the way they came now. */
static void add_service_route(const struct reg *g, const struct request *r, struct sip_out *o)
{
	const struct reg_config *c = &g->config;
	bool secure = r->in->secure;
	struct flow_place here;
	flow_place_find(&r->in->flow, c->ways, c->fqdn, secure ? c->port_tls : c->port_tcp, &here);
	if (here.port != 0)
		sip_out_addf(o, SIP_HDR_SERVICE_ROUTE, "<sip:%.*s:%u;transport=%s;lr>", STR_FMT(here.host), here.port,
			secure ? "tls" : "tcp");
}

static void add_date(const struct reg *g, struct sip_out *o)
{
	char date[32];
	struct tm tm;
	time_t now = (time_t)(reg_unix_ms(g) / 1000);
	if (gmtime_r(&now, &tm) != NULL && strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm) != 0)
		sip_out_addf(o, SIP_HDR_DATE, "%s", date);
}

static void answer(struct reg *g, struct request *r, const struct reg_wish *w)
{
	struct sip_out o;
	request_answer(r, &o, 200, STR(""));
	add_contacts(g, r, w, &o);
	if (w->is_dialect) {
		reg_dialect_answer(r, w, &o);
		add_date(g, &o);
		request_send(r, &o, 200);
		return;
	}
	add_service_route(g, r, &o);
	if (w->path.n != 0)
		sip_out_add(&o, SIP_HDR_PATH, w->path);
	reg_add_address(&o, SIP_HDR_P_ASSOCIATED_URI, r->aor);
	if (w->is_outbound) {
		sip_out_add(&o, SIP_HDR_REQUIRE, STR("outbound"));
		sip_out_addf(&o, SIP_HDR_FLOW_TIMER, "%u", REG_FLOW_TIMER);
	}
	sip_out_add(&o, SIP_HDR_SUPPORTED, STR("gruu, outbound, path"));
	add_date(g, &o);
	request_send(r, &o, 200);
}

/* ---- the stage ---- */

/* 420 for what a registrar would have to know and we do not (RFC 3261 8.2.2.3). Answers whether it was sent. */
static bool refuse_extensions(struct request *r)
{
	static const str known[] = { { "gruu", 4 }, { "outbound", 8 }, { "path", 4 } };
	struct sip_walk walk = { 0 };
	struct sip_out o;
	str tag;
	bool is_bad = false;
	while (sip_walk_next(&r->in->msg, SIP_HDR_REQUIRE, &walk, &tag)) {
		size_t i = 0;
		while (i < sizeof known / sizeof known[0] && !str_eq_case(known[i], tag))
			i++;
		if (i < sizeof known / sizeof known[0])
			continue;
		if (!is_bad)
			request_answer(r, &o, 420, STR(""));
		is_bad = true;
		sip_out_add(&o, SIP_HDR_UNSUPPORTED, tag);
	}
	if (is_bad)
		request_send(r, &o, 420);
	return is_bad;
}

/* Whose contacts? Only his who asks, and only by a SIP or SIPS address of ours (RFC 3261 10.3 steps 3 to 5). */
static err check_names(const struct reg *g, const struct request *r)
{
	const struct sip_msg *m = &r->in->msg;
	str to;
	ENSURE(m->uri.kind == URI_SIP || m->uri.kind == URI_SIPS, SIP_SCHEME);
	TRY(uri_aor(&m->to.uri, &r->in->arena, &to));
	ENSURE(reg_is_ours(g, &m->to.uri), SIP_NOT_FOUND);
	ENSURE(r->aor.n != 0 && str_eq(to, r->aor), SIP_FORBIDDEN);
	return OK;
}

/* The refusals that carry a field of their own; others are answered by their error. */
static err refuse(struct reg *g, struct request *r, err why)
{
	struct sip_out o;
	meter_add(g->config.meter, METER_REG_REFUSED, 1);
	LOG(g->config.log, REGISTER_REFUSED, LOG_REQ(r->in->request), LOG_STR("user", r->aor), LOG_ERR(why));
	if (err_is(why, ERR_SIP_INTERVAL)) {
		request_answer(r, &o, 423, STR(""));
		sip_out_addf(&o, SIP_HDR_MIN_EXPIRES, "%u", g->config.config->min_expiration);
		request_send(r, &o, 423);
		return OK;
	}
	if (err_is(why, ERR_SIP_DECLINE_DEVICES)) {
		request_answer(r, &o, 403, str_of(why.def->text));
		sip_out_addf(&o, SIP_HDR_WARNING, "399 %.*s \"at most %u devices\"", STR_FMT(g->config.fqdn),
			g->config.config->max_endpoints);
		request_send(r, &o, 403);
		return OK;
	}
	return why;
}

err reg_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct reg *g = state;
	struct reg_wish w;
	*v = STAGE_DONE;
	TRY(check_names(g, r));
	if (refuse_extensions(r))
		return OK;
	err e = reg_wish_read(g, r, &w);
	if (!failed(e))
		e = apply(g, r, &w);
	if (failed(e))
		return refuse(g, r, e);
	answer(g, r, &w);
	return OK;
}
