/* SPDX-License-Identifier: Apache-2.0 */
/* Reading where a request wants to go: Route (16.4), Request-URI (16.5), and the home of its target. */
#include "service/route/route_priv.h"

#include "base/map.h"

uint16_t route_home_of(const struct route *s, str aor)
{
	return (uint16_t)(siphash(s->c.home_k0, s->c.home_k1, aor) % s->c.n_fronts);
}

bool route_is_own_name(const struct route *s, str host)
{
	bool is_way = false;
	for (size_t i = 0; s->c.ways != NULL && i < s->c.ways->n; i++)
		is_way = is_way || str_eq_case(host, s->c.ways->ways[i].host);
	return is_way || str_eq_case(host, s->c.fqdn);
}

/* sip.<domain> and the server's own name are names of this server; so is any address literal, since a client's first Route can
 * only mean the server that it is connected to. */
static bool is_this_server(const struct route *s, const struct uri *u)
{
	if (u->kind != URI_SIP && u->kind != URI_SIPS)
		return false;
	if (route_is_own_name(s, u->host) || uri_host_is_address(u->host))
		return true;
	if (str_begins_case(u->host, STR("sip.")) && users_is_domain(s->c.users, str_cut(u->host, 4, u->host.n)))
		return true;
	return !u->has_user && users_is_domain(s->c.users, u->host);
}

/* The other side is another process of this server, which has its own Route value after this one. */
static bool leads_home(const struct route *s, const struct route_way *w)
{
	return w->by_token && s->c.home_flow != NULL && w->flow.slot == s->c.home_flow(s->c.arg, STR("")).slot;
}

/* Takes the Route values off the front that name us, and what the first of them with a token says. */
static err read_routes(const struct route *s, const struct request *r, struct route_way *w)
{
	struct sip_walk walk = { 0 };
	struct sip_addr a;
	str value, token = STR("");
	while (sip_walk_next(&r->in->msg, SIP_HDR_ROUTE, &walk, &value)) {
		TRY(sip_addr_parse(value, &a, NULL));
		if (leads_home(s, w) && !str_eq(a.uri.user, token))
			return OK;
		struct flow other;
		bool has_token = a.uri.has_user && route_token_read(s, a.uri.user, r->in->msg.from_tag, &other);
		/* below ours an address is that of another proxy */
		w->leads_elsewhere = !is_this_server(s, &a.uri) || (w->by_token && !has_token && uri_host_is_address(a.uri.host));
		w->onward = a.uri;
		if (w->leads_elsewhere)
			return OK;
		w->own_routes++;
		if (has_token && !w->by_token) {
			w->flow = other;
			token = a.uri.user;
		}
		w->by_token = w->by_token || has_token;
	}
	return OK;
}

/* 16.4: a strict router put our Record-Route into the Request-URI; the last Route value is the real target. */
static err undo_strict_routing(const struct route *s, const struct request *r, struct route_way *w)
{
	struct sip_walk walk = { 0 };
	struct sip_addr a;
	str value, last = { 0 };
	if (!w->uri.has_user || !is_this_server(s, &w->uri) || !route_token_read(s, w->uri.user, r->in->msg.from_tag, &w->flow))
		return OK;
	w->by_token = true;
	while (sip_walk_next(&r->in->msg, SIP_HDR_ROUTE, &walk, &value))
		last = value;
	if (last.n == 0)
		return OK;
	TRY(sip_addr_parse(last, &a, NULL));
	w->request_uri = a.uri.raw;
	w->uri = a.uri;
	return OK;
}

err route_way(const struct route *s, const struct request *r, struct route_way *w, str *target)
{
	*w = (struct route_way){ .request_uri = r->in->msg.request_uri, .uri = r->in->msg.uri };
	*target = STR("");
	if (sip_hdr_first(&r->in->msg, SIP_HDR_ROUTE) != NULL)
		TRY(read_routes(s, r, w));
	if (!w->by_token && w->uri.has_user && w->uri.user.n == ROUTE_TOKEN_SIZE)
		TRY(undo_strict_routing(s, r, w));
	if (w->by_token)
		return OK;
	if (w->uri.kind == URI_TEL || w->uri.kind == URI_OTHER)
		return ERR(SIP_SCHEME);
	if (s->c.reg != NULL && reg_gruu_aor(s->c.reg, &w->uri, &r->in->arena, target)) {
		w->is_gruu = true;
		return OK;
	}
	w->is_server = !w->uri.has_user && is_this_server(s, &w->uri);
	w->is_foreign = !w->is_server && !users_is_domain(s->c.users, w->uri.host);
	if (w->is_server || w->is_foreign || !w->uri.has_user)
		return OK;
	return uri_aor(&w->uri, &r->in->arena, target);
}

err route_home(struct route *s, struct request *r, uint16_t *front)
{
	struct route_way w;
	const struct sip_msg *m = &r->in->msg;
	*front = s->c.front;
	if (m->method == SIP_METHOD_REGISTER) {
		r->target = r->aor;
		*front = r->aor.n != 0 ? route_home_of(s, r->aor) : s->c.front;
		return OK;
	}
	err e = route_way(s, r, &w, &r->target);
	if (failed(e))
		return m->method == SIP_METHOD_ACK ? OK : e;
	/* a dialog with the server itself (reg event): it lives where the address in To is at home */
	if (w.is_server && m->to_tag.n != 0 && users_is_domain(s->c.users, m->to.uri.host) && m->to.uri.has_user)
		TRY(uri_aor(&m->to.uri, &r->in->arena, &r->target));
	if (r->target.n != 0)
		*front = route_home_of(s, r->target);
	return OK;
}
