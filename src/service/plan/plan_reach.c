/* SPDX-License-Identifier: Apache-2.0 */
/* Who can look at what: flows from the side of one who asks. */
#include "service/plan_ports.h"

bool plan_flow_is_at(const struct plan_flow *flow, str host)
{
	if (flow->to == NULL || str_eq(flow->except, host))
		return false;
	TOPO_EACH (name, flow->to->hosts)
		if (str_eq(*name, host))
			return true;
	return false;
}

bool plan_unit_is_border(const struct plan_unit *u)
{
	return u->kind == TOPO_EDGE || u->kind == PLAN_REVERSE_PROXY;
}

static bool is_from(const struct plan_origin *from, const struct plan_flow *flow)
{
	for (size_t i = 0; i < flow->from.n; i++)
		if (flow->from.p[i] == from->unit)
			return true;
	return false;
}

/* Its filter lets everybody in, and whoever is not at the border is let out. */
static bool is_open(const struct plan_origin *from, const struct plan_flow *flow)
{
	bool is_everybody = (flow->groups & 1u << PLAN_INTERNET) != 0 && (flow->at == PLAN_ANY || flow->at == PLAN_INNER);
	return is_everybody && (from->unit == NULL || !plan_unit_is_border(from->unit));
}

bool plan_origin_reaches(const struct plan_origin *from, const struct plan_flow *flow, str host)
{
	if (!plan_flow_is_at(flow, host))
		return false;
	if (from->unit != NULL && (str_eq(from->host, host) || is_from(from, flow)))
		return true;
	return (from->groups & flow->groups) != 0 || is_open(from, flow);
}

bool plan_origin_leaves(const struct plan_origin *from, const struct plan_ports *ports, uint32_t port)
{
	if ((from->groups & 1u << PLAN_INTERNET) != 0)
		return true;
	TOPO_EACH (f, ports->flows)
		if (from->unit != NULL && f->to == NULL && is_from(from, f) && f->first <= port && port <= f->last && (f->transport & PLAN_TCP) != 0)
			return true;
	return false;
}
