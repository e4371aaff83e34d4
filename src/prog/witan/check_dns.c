/* SPDX-License-Identifier: Apache-2.0 */
/* Planned records against what a name server says. */
#include "prog/witan/check_dns.h"

#include "service/plan_proxy.h"

enum { DNS_PORT = 53 };

struct naming {
	struct checking *k;
	struct plan_dns plan;
	enum plan_side side;
	struct names_asked all;
};

/* ---- addresses ---- */

static bool leads_to(const struct names_question *q, str address)
{
	TOPO_EACH (one, q->values)
		if (str_eq(one->text, address))
			return true;
	return false;
}

/* Whether a host without a known address is found at one of the addresses of the question; when it is not found itself, nothing is known. */
static bool may_be_host(const struct naming *n, const struct names_question *q, str host, str address)
{
	const struct names_question *own = str_eq(host, q->name) ? NULL : names_find(&n->all, q->type, host);
	return own == NULL || own->values.n == 0 || leads_to(own, address);
}

static bool is_of(const struct naming *n, const struct plan_record *r, const struct names_question *q)
{
	return r->side == n->side && r->type != PLAN_SRV && str_eq(r->name, q->name) && (r->type == PLAN_AAAA) == (q->type == DNS_AAAA);
}

static bool is_expected(const struct naming *n, const struct names_question *q, str address)
{
	TOPO_EACH (r, n->plan.records)
		if (is_of(n, r, q) && (r->address.n != 0 ? str_eq(r->address, address) : may_be_host(n, q, r->target, address)))
			return true;
	return false;
}

static err check_chain(const struct naming *n, const struct names_question *q)
{
	TOPO_EACH (domain, n->k->topo.sip_domains)
		TOPO_EACH (alias, q->aliases)
			if (plan_name_is_within(q->name, *domain) && !plan_name_is_within(*alias, *domain))
				return check_fact_add(n->k, CHECK_FACT_NAME_CHAIN, q->name, "it is an alias that leads to %.*s, out of %.*s", STR_FMT(*alias), STR_FMT(*domain));
	return OK;
}

static err check_addresses(struct naming *n, const struct names_question *q)
{
	if (q->values.n == 0)
		return check_fact_add(n->k, CHECK_FACT_NAME_MISSING, q->name, "there is no %s record (%s, [%s])", q->type == DNS_A ? "A" : "AAAA", q->record->why, q->record->rule);
	TRY(check_chain(n, q));
	TOPO_EACH (one, q->values)
		if (!is_expected(n, q, one->text))
			TRY(check_fact_add(n->k, CHECK_FACT_NAME_OTHER, q->name, "it leads to %.*s, which is not planned (%s)", STR_FMT(one->text), q->record->why));
	TOPO_EACH (r, n->plan.records)
		if (is_of(n, r, q) && r->address.n != 0 && !leads_to(q, r->address))
			TRY(check_fact_add(n->k, CHECK_FACT_NAME_OTHER, q->name, "it does not lead to %.*s (%.*s)", STR_FMT(r->address), STR_FMT(r->target)));
	return OK;
}

/* ---- services ---- */

static bool is_same(const struct names_value *v, const struct plan_record *r)
{
	return str_eq(v->text, r->target) && v->port == r->port;
}

static err check_target(struct naming *n, const struct names_question *q, const struct names_value *v)
{
	const struct plan_record *r = q->record;
	const struct names_question *address = names_find(&n->all, DNS_A, v->text), *v6 = names_find(&n->all, DNS_AAAA, v->text);
	if (r->zone.n != 0 && plan_name_is_within(r->target, r->zone) && !plan_name_is_within(v->text, r->zone))
		return check_fact_add(n->k, CHECK_FACT_NAME_FOREIGN, q->name, "its target %.*s lies outside of %.*s", STR_FMT(v->text), STR_FMT(r->zone));
	if (!is_same(v, r))
		return check_fact_add(n->k, CHECK_FACT_NAME_OTHER, q->name, "it leads to %.*s port %u, planned is %.*s port %u", STR_FMT(v->text), v->port, STR_FMT(r->target), r->port);
	if (address != NULL && address->values.n == 0 && (v6 == NULL || v6->values.n == 0))
		return check_fact_add(n->k, CHECK_FACT_NAME_DANGLING, q->name, "its target %.*s has no address", STR_FMT(v->text));
	return OK;
}

static err check_service(struct naming *n, const struct names_question *q)
{
	bool may_lack = str_begins(q->name, STR("_xmpp")) || str_begins(q->name, STR("_ntp"));
	if (q->values.n == 0)
		return check_fact_add(n->k, may_lack ? CHECK_FACT_NAME_OPTIONAL : CHECK_FACT_NAME_MISSING, q->name, "there is no SRV record to %.*s port %u (%s, [%s])",
			STR_FMT(q->record->target), q->record->port, q->record->why, q->record->rule);
	TOPO_EACH (v, q->values)
		TRY(check_target(n, q, v));
	return OK;
}

/* ---- what must not be there ---- */

static err check_absent(struct naming *n, const struct names_question *q)
{
	if (q->values.n == 0)
		return OK;
	return check_fact_add(n->k, q->kind == NAMES_WILD ? CHECK_FACT_NAME_WILD : CHECK_FACT_NAME_LEAK, q->name, "it leads to %.*s", STR_FMT(q->values.p[0].text));
}

static err ask_absent(struct naming *n, const struct topo_names *names)
{
	TOPO_EACH (name, *names)
		TRY(names_add(&n->all, DNS_A, *name, NULL, NAMES_LEAK));
	return OK;
}

static err ask_others(struct naming *n)
{
	struct plan_names names;
	const struct topo *t = &n->k->topo;
	TRY(plan_names(t, &n->k->arena, &names, &n->k->diag));
	TOPO_EACH (domain, t->sip_domains) {
		str wild = arena_join(&n->k->arena, (str[]){ STR("witan-nobody-entered-this."), *domain }, 2);
		ENSURE(wild.p != NULL, CEILING);
		TRY(names_add(&n->all, DNS_A, wild, NULL, NAMES_WILD));
	}
	if (n->side == PLAN_INSIDE)
		return OK;
	if (t->simple_urls == TOPO_URLS_PER_FUNCTION)
		TRY(ask_absent(n, &(struct topo_names){ &names.admin, 1 }));
	return ask_absent(n, &names.autodiscover_inside);
}

static bool is_edge_name(const struct topo *t, str name)
{
	TOPO_EACH (site, t->sites)
		TOPO_EACH (pool, site->pools) {
			const struct topo_external *x = &pool->external;
			if (pool->role == TOPO_EDGE && (str_eq(name, x->access) || str_eq(name, x->regional_access) || str_eq(name, x->web_conferencing) || str_eq(name, x->av)))
				return true;
		}
	return false;
}

static err check_published(struct naming *n, const struct names_question *q)
{
	TOPO_EACH (edge, n->plan.records)
		if (edge->side == PLAN_OUTSIDE && edge->address.n != 0 && is_edge_name(&n->k->topo, edge->name) && leads_to(q, edge->address))
			return check_fact_add(n->k, CHECK_FACT_NAME_SHARED, q->name, "a reverse proxy publishes it, and it leads to %.*s, where %.*s is", STR_FMT(edge->address),
				STR_FMT(edge->name));
	return OK;
}

/* Who dials the one would reach the other. */
static err check_shared(struct naming *n)
{
	TOPO_EACH (site, n->k->topo.sites)
		TOPO_EACH (proxy, site->reverse_proxies) {
			struct plan_proxy plan;
			TRY(plan_proxy(&n->k->topo, proxy->fqdn, &n->k->arena, &plan, &n->k->diag));
			TOPO_EACH (p, plan.names) {
				const struct names_question *q = names_find(&n->all, DNS_A, p->name);
				if (q != NULL && n->side == PLAN_OUTSIDE)
					TRY(check_published(n, q));
			}
		}
	return OK;
}

/* ---- names of one host ---- */

static err add_names_of(const struct checking *k, const struct plan_unit *u, struct topo_names *own, struct arena *a, struct diag *d)
{
	struct plan_proxy plan = { .names = { NULL, 0 } };
	if (u->proxy != NULL)
		TRY(plan_proxy(&k->topo, u->name, a, &plan, d));
	*own = (struct topo_names){ arena_alloc(a, (plan.names.n + 8) * sizeof(str)), 0 };
	ENSURE(own->p != NULL, CEILING);
	own->p[own->n++] = str_of(k->ask->host);
	own->p[own->n++] = u->name;
	if (u->pool != NULL) {
		const str names[] = { u->pool->web.internal, u->pool->web.external, u->pool->external.access, u->pool->external.regional_access, u->pool->external.web_conferencing, u->pool->external.av };
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (names[i].n != 0)
				own->p[own->n++] = names[i];
	}
	TOPO_EACH (p, plan.names)
		own->p[own->n++] = p->name;
	return OK;
}

static bool is_about(const struct topo_names *own, const struct plan_record *r)
{
	TOPO_EACH (name, *own)
		if (str_eq_case(*name, r->name) || str_eq_case(*name, r->target))
			return true;
	return false;
}

/* ---- the run ---- */

static err ask_planned(struct naming *n)
{
	static const enum dns_type types[] = { [PLAN_A] = DNS_A, [PLAN_AAAA] = DNS_AAAA, [PLAN_CNAME] = DNS_A, [PLAN_SRV] = DNS_SRV };
	struct topo_names own = { NULL, 0 };
	const char *host = n->k->ask->host;
	if (host != NULL)
		TRY(add_names_of(n->k, plan_ports_find(&n->k->ports, str_of(host)), &own, &n->k->arena, &n->k->diag));
	TOPO_EACH (r, n->plan.records)
		if (r->side == n->side && (host == NULL || is_about(&own, r)))
			TRY(names_add(&n->all, types[r->type], r->name, r, NAMES_PLANNED));
	return OK;
}

static err judge(struct naming *n)
{
	size_t silent = 0;
	const struct names_question *first = NULL;
	for (size_t i = 0; i < n->all.n; i++) {
		const struct names_question *q = &n->all.p[i];
		if (q->is_silent) {
			first = first != NULL ? first : q;
			silent++;
		} else {
			TRY(q->kind != NAMES_PLANNED ? check_absent(n, q) : q->type == DNS_SRV ? check_service(n, q) : check_addresses(n, q));
		}
	}
	if (silent > 0)
		TRY(check_fact_add(n->k, CHECK_FACT_NAME_UNANSWERED, n->k->ask->resolver != NULL ? str_of(n->k->ask->resolver) : STR("the system's resolver"),
			"%zu of %zu questions, the first for %.*s: %s", silent, n->all.n, STR_FMT(first->name), first->failure));
	return check_shared(n);
}

/* A reverse proxy has its destinations by address. */
static bool may_ask(const struct checking *k)
{
	bool is_border = k->from.unit != NULL && plan_unit_is_border(k->from.unit);
	return !is_border || k->ask->resolver != NULL || plan_origin_leaves(&k->from, &k->ports, DNS_PORT);
}

err check_dns(struct checking *k)
{
	static const struct plan_dns_options options = { .cname = false };
	struct naming n = { .k = k, .side = k->is_outside ? PLAN_OUTSIDE : PLAN_INSIDE };
	if (!may_ask(k))
		return check_fact_add(k, CHECK_FACT_NAME_BEYOND, k->here, "the plan lets this host ask no name server");
	TRY(plan_dns(&k->topo, &k->known, &options, &k->arena, &n.plan, &k->diag));
	TOPO_EACH (f, n.plan.findings)
		TRY(check_fact_add(k, f->is_error ? CHECK_FACT_NAME_PLAN_ERROR : CHECK_FACT_NAME_PLAN, f->subject, "%s: %s; %s", f->rule, f->what, f->remedy));
	TRY(names_init(&n.all, k, n.plan.records.n + 3 * k->topo.sip_domains.n + 1));
	err e = ask_planned(&n);
	if (!failed(e))
		e = ask_others(&n);
	if (!failed(e))
		e = names_ask(&n.all, &k->diag);
	if (!failed(e))
		e = judge(&n);
	names_fini(&n.all);
	return e;
}
