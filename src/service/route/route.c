/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of RFC 3261 16.3 and the choice of targets (16.5). */
#include "service/route/route_priv.h"

#include <stdlib.h>

err route_new(const struct route_config *config, struct route **out)
{
	struct route *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	s->c = *config;
	*out = s;
	return OK;
}

void route_set_ports(struct route *s, uint16_t tls, uint16_t tcp)
{
	s->c.port_tls = tls;
	s->c.port_tcp = tcp;
}

void route_free(struct route *s)
{
	free(s);
}

/* 16.3 step 5: no extension is understood that a proxy would have to act on. */
static err check_proxy_require(struct request *r, enum stage_verdict *v)
{
	struct sip_walk w = { 0 };
	struct sip_out o;
	str token;
	if (sip_hdr_first(&r->in->msg, SIP_HDR_PROXY_REQUIRE) == NULL)
		return OK;
	request_answer(r, &o, 420, STR(""));
	while (sip_walk_next(&r->in->msg, SIP_HDR_PROXY_REQUIRE, &w, &token))
		sip_out_add(&o, SIP_HDR_UNSUPPORTED, token);
	request_send(r, &o, 420);
	*v = STAGE_DONE;
	return OK;
}

static err check(struct route *s, struct request *r, enum stage_verdict *v)
{
	const struct sip_msg *m = &r->in->msg;
	if (m->has_max_forwards && m->max_forwards == 0) {
		meter_add(s->c.meter, METER_ROUTE_LOOPS, 1);
		return ERR(SIP_HOPS);
	}
	if (route_is_loop(s, r)) {
		meter_add(s->c.meter, METER_ROUTE_LOOPS, 1);
		return ERR(SIP_LOOP);
	}
	return check_proxy_require(r, v);
}

/* A request to the server itself, outside of any dialog. */
static err serve(struct request *r)
{
	struct sip_out o;
	if (r->in->msg.method != SIP_METHOD_OPTIONS)
		return ERR(SIP_NOT_FOUND);
	request_answer(r, &o, 200, STR(""));
	sip_out_add(&o, SIP_HDR_ALLOW, STR("INVITE, ACK, BYE, CANCEL, REGISTER, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, INFO, PRACK, UPDATE, REFER"));
	sip_out_add(&o, SIP_HDR_ACCEPT, STR("*/*"));
	sip_out_add(&o, SIP_HDR_SUPPORTED, STR("path, outbound, gruu"));
	sip_out_add(&o, SIP_HDR_ALLOW_EVENTS, STR("reg"));
	request_send(r, &o, 200);
	return OK;
}

/* The other side of a dialog, by the flow that our Record-Route remembers; or by a new one, if that was to another server and has ended. */
static err to_flow(struct route *s, struct request *r, const struct route_way *w)
{
	const struct reg_target target = { .uri = w->request_uri, .flow = w->flow };
	bool is_gone = s->c.door.is_up != NULL && !s->c.door.is_up(s->c.arg, &w->flow);
	err e = is_gone ? route_onward(s, r, w, &w->flow) : ERR(ABSENT);
	return err_is(e, ERR_ABSENT) ? route_fork(s, r, w, &target, 1) : e;
}

static err to_user(struct route *s, struct request *r, const struct route_way *w)
{
	struct reg_target *targets = arena_alloc(&r->in->arena, ROUTE_TARGETS * sizeof *targets);
	ENSURE(targets != NULL, CEILING);
	const struct user *u = user_find(s->c.users, r->target);
	ENSURE(u != NULL && u->enabled, SIP_NOT_FOUND);
	size_t n = w->is_gruu ? reg_find_gruu(s->c.reg, &w->uri, &r->in->arena, targets, ROUTE_TARGETS)
			      : reg_find(s->c.reg, r->target, &r->in->arena, targets, ROUTE_TARGETS);
	if (w->uri.kind == URI_SIPS) { /* 16.5 and 26.2.2: TLS on every hop */
		size_t kept = 0;
		for (size_t i = 0; i < n; i++)
			if (!targets[i].flow.is_plain)
				targets[kept++] = targets[i];
		n = kept;
	}
	if (n == 0) {
		meter_add(s->c.meter, METER_ROUTE_OFFLINE, 1);
		return ERR(SIP_UNAVAILABLE);
	}
	return route_fork(s, r, w, targets, n);
}

/* Where somebody at home in this process is, or the way to the process that knows. Answers how many. */
static size_t add_user(struct route *s, struct request *r, const struct uri *u, str aor, struct reg_target *out, size_t room)
{
	if (s->c.home_flow != NULL && route_home_of(s, aor) != s->c.front && room != 0) {
		*out = (struct reg_target){ .uri = u->raw, .path = STR(""), .instance = STR(""), .flow = s->c.home_flow(s->c.arg, aor), .is_home = true };
		return 1;
	}
	return reg_find(s->c.reg, aor, &r->in->arena, out, room);
}

/* Who is meant by the URIs that a script sends the request to; a URI that is nobody's here is left out. */
static err to_forks(struct route *s, struct request *r, struct route_way *w)
{
	struct reg_target *targets = arena_alloc(&r->in->arena, ROUTE_TARGETS * sizeof *targets);
	size_t n = 0;
	ENSURE(targets != NULL, CEILING);
	for (size_t i = 0; i < r->n_forks; i++) {
		struct uri u;
		str aor;
		if (failed(uri_parse(r->forks[i], &u, NULL)) || !u.has_user || !users_is_domain(s->c.users, u.host) || failed(uri_aor(&u, &r->in->arena, &aor)))
			continue;
		const struct user *known = user_find(s->c.users, aor);
		size_t more = known != NULL && known->enabled ? add_user(s, r, &u, aor, targets + n, ROUTE_TARGETS - n) : 0;
		for (size_t k = n; k < n + more; k++)
			targets[k].q = r->forks_in_turn ? (uint16_t)(1000 - i) : 1000;
		n += more;
	}
	ENSURE(n != 0, SIP_UNAVAILABLE);
	return route_fork(s, r, w, targets, n);
}

/* The ACK for a 2xx has no transaction (13.2.2.4): it goes by the flow of its dialog, or nowhere. */
static err pass_ack(struct route *s, struct request *r, const struct route_way *w)
{
	struct sip_out o;
	struct buf b DEFER(buf_fini) = { 0 };
	char tail[ROUTE_TAIL];
	if (!w->by_token || (r->in->msg.has_max_forwards && r->in->msg.max_forwards == 0))
		return OK;
	const struct route_hop hop = { .request_uri = w->request_uri, .flow = w->flow };
	TRY(route_copy(s, r, w, &hop, &r->in->arena, &o));
	bool secure = !w->flow.is_plain;
	route_loop_hash(s, r, tail);
	struct flow_place here;
	flow_place_find(&w->flow, s->c.ways, s->c.fqdn, secure ? s->c.port_tls : s->c.port_tcp, &here);
	const str via[] = { secure ? STR("SIP/2.0/TLS ") : STR("SIP/2.0/TCP "), here.host, STR(":"),
		arena_decimal(o.arena, here.port), STR(";branch=z9hG4bKa"), { tail, ROUTE_TAIL } };
	str value = arena_join(o.arena, via, sizeof via / sizeof via[0]);
	ENSURE(value.p != NULL, CEILING);
	sip_out_add_top(&o, SIP_HDR_VIA, value);
	buf_init(&b, 1u << 20);
	TRY(sip_out_print(&o, &b));
	return s->c.send(s->c.arg, &w->flow, r->in->request, buf_str(&b));
}

static err choose(struct route *s, struct request *r)
{
	struct route_way w;
	str target;
	TRY(route_way(s, r, &w, &target));
	if (r->in->msg.method == SIP_METHOD_ACK) {
		(void)failed(pass_ack(s, r, &w)); /* nobody is told: an ACK is never answered */
		return OK;
	}
	if (r->n_forks != 0)
		return to_forks(s, r, &w);
	if (w.by_token)
		return to_flow(s, r, &w);
	ENSURE(!w.leads_elsewhere, SIP_FORBIDDEN);
	if (w.is_server)
		return serve(r);
	if (w.is_foreign || s->c.reg == NULL)
		return route_onward(s, r, &w, NULL);
	ENSURE(target.n != 0, SIP_NOT_FOUND);
	r->target = target;
	return to_user(s, r, &w);
}

err route_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct route *s = state;
	if (r->in->msg.method == SIP_METHOD_ACK) {
		*v = STAGE_DONE;
		return choose(s, r);
	}
	TRY(check(s, r, v));
	if (*v != STAGE_NEXT)
		return OK;
	*v = STAGE_WAIT;
	return choose(s, r);
}
