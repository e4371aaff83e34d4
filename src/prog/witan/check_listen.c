/* SPDX-License-Identifier: Apache-2.0 */
/* Whether each planned listener answers, and what is planned that this version does not have. */
#include "prog/witan/check_priv.h"

#include <stdio.h>

enum { SOURCES_SHOWN = 4 };

struct dialling {
	struct checking *k;
	struct dialled {
		struct look_target target;
		const struct plan_flow *flow;
		char failure[sizeof ((struct diag *)0)->what];
	} *p;
	size_t n;
};

static bool is_single(const struct plan_flow *f)
{
	return f->to != NULL && f->first == f->last && (f->transport & PLAN_TCP) != 0 && f->standing == PLAN_STANDS;
}

static void dial(void *arg, size_t i)
{
	struct dialling *all = arg;
	struct dialled *one = &all->p[i];
	struct look_line *line = NULL;
	struct diag d = { 0 };
	int fd;
	if (failed(look_dial(&all->k->look, &one->target, &line, &fd, &d)))
		(void)snprintf(one->failure, sizeof one->failure, "%s", d.what[0] != '\0' ? d.what : "nobody answers");
	look_hang_up(line);
}

static err say(struct checking *k, const struct dialled *one)
{
	char place[300];
	if (one->failure[0] == '\0')
		return OK;
	(void)snprintf(place, sizeof place, "%.*s:%u", STR_FMT(one->target.host), one->target.port);
	return check_fact_add(k, CHECK_FACT_LISTENER_SILENT, str_of(place), "%s (%s), dialled at %.*s: %s", one->flow->service, one->flow->protocol,
		STR_FMT(one->target.dial), one->failure);
}

static err tell_those(struct checking *k, const struct plan_unit *u)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 4096);
	TOPO_EACH (f, k->ports.flows)
		if (f->to == u && f->standing == PLAN_NOT_YET) {
			buf_printf(&b, "%s%s %u", b.n > 0 ? ", " : "", f->service, f->first);
			if (f->last != f->first)
				buf_printf(&b, "-%u", f->last);
			buf_printf(&b, "/%s", plan_transport_word(f->transport));
		}
	return b.n > 0 ? check_fact_add(k, CHECK_FACT_LISTENER_LATER, u->name, "planned, and not part of this version: %.*s", STR_FMT(buf_str(&b))) : OK;
}

static err tell_later(struct checking *k, const struct plan_unit *u)
{
	bool is_asked = false;
	TOPO_EACH (host, u->hosts)
		is_asked = is_asked || check_is_asked(k, *host);
	return is_asked ? tell_those(k, u) : OK;
}

/* ---- what others must look at ---- */

/* Whether it is dialled by nobody here: at each host that has it. */
static bool is_beyond(const struct checking *k, const struct plan_flow *f)
{
	bool found = false;
	if (!is_single(f))
		return false;
	TOPO_EACH (host, f->to->hosts) {
		if (!check_is_asked(k, *host) || !plan_flow_is_at(f, *host))
			continue;
		if (plan_origin_reaches(&k->from, f, *host))
			return false;
		found = true;
	}
	return found;
}

static bool is_same_from(const struct plan_flow *a, const struct plan_flow *b)
{
	return a->groups == b->groups && a->from.n == b->from.n && memcmp(a->from.p, b->from.p, a->from.n * sizeof *a->from.p) == 0;
}

static void print_from(const struct plan_flow *f, struct buf *out)
{
	const char *before = " from ";
	for (unsigned g = 0; g < PLAN_GROUP_N; g++)
		if ((f->groups & 1u << g) != 0) {
			buf_printf(out, "%s%s", before, plan_group_word((enum plan_group)g));
			before = ", ";
		}
	for (size_t i = 0; i < f->from.n && i < SOURCES_SHOWN; i++) {
		buf_printf(out, "%s%.*s", before, STR_FMT(f->from.p[i]->name));
		before = ", ";
	}
	if (f->from.n > SOURCES_SHOWN)
		buf_printf(out, " and %zu more", f->from.n - SOURCES_SHOWN);
}

/* From flows[i] on, those of its unit that the same may reach; what an earlier one has told is left out. */
static void print_beyond(const struct checking *k, size_t i, struct buf *out)
{
	const struct plan_flow *first = &k->ports.flows.p[i];
	for (size_t e = i; e > 0 && k->ports.flows.p[e - 1].to == first->to; e--)
		if (is_beyond(k, &k->ports.flows.p[e - 1]) && is_same_from(&k->ports.flows.p[e - 1], first))
			return;
	const char *before = out->n > 0 ? "; " : "";
	for (; i < k->ports.flows.n && k->ports.flows.p[i].to == first->to; i++) {
		const struct plan_flow *f = &k->ports.flows.p[i];
		if (!is_beyond(k, f) || !is_same_from(f, first))
			continue;
		const char *at = plan_interface_word(f->at);
		buf_printf(out, "%s%s %s%s%u/tcp", before, f->service, at, at[0] != '\0' ? " " : "", f->first);
		before = ", ";
	}
	print_from(first, out);
}

static err tell_beyond(struct checking *k, const struct plan_unit *u)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 16384);
	for (size_t i = 0; i < k->ports.flows.n; i++)
		if (k->ports.flows.p[i].to == u && is_beyond(k, &k->ports.flows.p[i]))
			print_beyond(k, i, &b);
	return b.n > 0 ? check_fact_add(k, CHECK_FACT_LISTENER_BEYOND, u->name, "not looked at from here: %.*s", STR_FMT(buf_str(&b))) : OK;
}

err check_ports(struct checking *k)
{
	struct dialling all = { .k = k };
	size_t room = 1;
	TOPO_EACH (f, k->ports.flows)
		room += is_single(f) ? f->to->hosts.n : 0;
	all.p = arena_zalloc(&k->arena, room * sizeof *all.p);
	ENSURE(all.p != NULL, CEILING);
	TOPO_EACH (f, k->ports.flows)
		if (is_single(f))
			TOPO_EACH (host, f->to->hosts)
				if (check_is_asked(k, *host) && plan_origin_reaches(&k->from, f, *host))
					all.p[all.n++] = (struct dialled){ .target = { .host = *host, .dial = check_dial(&k->topo, *host, f->at), .port = (uint16_t)f->first }, .flow = f };
	TRY(look_each(all.n, dial, &all, "planned listeners"));
	for (size_t i = 0; i < all.n; i++)
		TRY(say(k, &all.p[i]));
	TOPO_EACH (u, k->ports.units)
		TRY(tell_later(k, u));
	TOPO_EACH (u, k->ports.units)
		TRY(tell_beyond(k, u));
	return OK;
}
