/* SPDX-License-Identifier: Apache-2.0 */
/* Flows as rules of nft(8), for one host. */
#include "service/plan/plan_nft_priv.h"

#include <stdio.h>

static bool is_dmz(const struct nft *n)
{
	return n->unit->kind == TOPO_EDGE || n->unit->kind == PLAN_REVERSE_PROXY;
}

/* ---- rules ---- */

static void print_ports(struct nft *n, const struct plan_flow *f)
{
	const char *key = f->transport == PLAN_TCP   ? "tcp"
			  : f->transport == PLAN_UDP ? "udp"
						     : "meta l4proto { tcp, udp } th";
	buf_printf(n->out, "%s dport %u", key, f->first);
	if (f->last != f->first)
		buf_printf(n->out, "-%u", f->last);
	buf_printf(n->out, " accept comment \"%s\"\n", f->service);
}

/* One rule of one family: own addresses at `own_side`, the peer's at the other. NULL: any. */
static void print_rule(struct nft *n, const char *family, const char *own_side, const char *own, const char *peer_side,
	const char *peer, const struct plan_flow *f)
{
	buf_add(n->out, STR("\t\t"));
	if (own != NULL)
		buf_printf(n->out, "%s %s { %s } ", family, own_side, own);
	if (peer != NULL)
		buf_printf(n->out, peer[0] == '@' ? "%s %s %s " : "%s %s { %s } ", family, peer_side, peer);
	print_ports(n, f);
}

struct direction {
	const char *own, *peer; /* "daddr", "saddr" */
};
static const struct direction in = { "daddr", "saddr" }, out = { "saddr", "daddr" };

/* NULL: nothing, or it was too much, which ends the plan (print_flow). */
static const char *text_of(struct buf *b)
{
	if (b->n == 0 || !buf_reserve(b, 1))
		return NULL;
	b->p[b->n] = '\0';
	return b->p;
}

/* Peers of both families; where the own addresses are of one family only, that one alone. */
static void print_peers(
	struct nft *n, struct direction side, struct nft_peers *own, struct nft_peers *peer, const struct plan_flow *f)
{
	const char *own4 = text_of(&own->v4), *own6 = text_of(&own->v6);
	bool any = own4 == NULL && own6 == NULL;
	if (peer->v4.n != 0 && (any || own4 != NULL))
		print_rule(n, "ip", side.own, own4, side.peer, text_of(&peer->v4), f);
	if (peer->v6.n != 0 && (any || own6 != NULL))
		print_rule(n, "ip6", side.own, own6, side.peer, text_of(&peer->v6), f);
}

static bool has_family(const struct plan_networks *networks, bool v6)
{
	TOPO_EACH (net, *networks)
		if (net->is_v6 == v6)
			return true;
	return false;
}

static void print_networks(struct nft *n, struct nft_peers *own, const struct plan_networks *networks, const char *set,
	const struct plan_flow *f)
{
	char name[32];
	for (int v6 = 0; v6 < 2; v6++) {
		const char *mine = text_of(v6 ? &own->v6 : &own->v4), *other = text_of(v6 ? &own->v4 : &own->v6);
		if (!has_family(networks, v6 != 0) || (mine == NULL && other != NULL))
			continue;
		(void)snprintf(name, sizeof name, "@%s%d", set, v6 ? 6 : 4);
		print_rule(n, v6 ? "ip6" : "ip", "daddr", mine, "saddr", name, f);
	}
}

static void print_anybody(struct nft *n, struct direction side, struct nft_peers *own, const struct plan_flow *f)
{
	const char *own4 = text_of(&own->v4), *own6 = text_of(&own->v6);
	if (own4 == NULL && own6 == NULL)
		print_rule(n, "", side.own, NULL, side.peer, NULL, f);
	if (own4 != NULL)
		print_rule(n, "ip", side.own, own4, side.peer, NULL, f);
	if (own6 != NULL)
		print_rule(n, "ip6", side.own, own6, side.peer, NULL, f);
}

static err print_in(struct nft *n, const struct plan_flow *f, struct nft_peers *own, struct nft_peers *peer)
{
	TRY(nft_add_own(n, own, f->at));
	if ((f->groups & 1u << PLAN_INTERNET) != 0) {
		print_anybody(n, in, own, f);
		return OK;
	}
	if ((f->groups & 1u << PLAN_CLIENTS) != 0 && n->given->clients.n == 0)
		return diag_fail(n->diag, ERR(REFUSED), "--internal-network",
			"say where they are: --internal-network 10.0.0.0/8", "%.*s serves clients (%s)",
			STR_FMT(str_cut(n->host, 0, 120)), f->service);
	if ((f->groups & 1u << PLAN_CLIENTS) != 0)
		print_networks(n, own, &n->given->clients, "clients", f);
	if ((f->groups & 1u << PLAN_ADMINS) != 0)
		print_networks(n, own, &n->given->admins, "admins", f);
	for (size_t i = 0; i < f->from.n; i++)
		TRY(nft_add_unit(n, peer, f->from.p[i]));
	TRY(nft_add_own_balancer(n, peer, f));
	print_peers(n, in, own, peer, f);
	return OK;
}

static err print_out(struct nft *n, const struct plan_flow *f, struct nft_peers *own, struct nft_peers *peer)
{
	if (f->to == NULL) {
		TRY(nft_add_outer(n, own));
		print_anybody(n, out, own, f);
		return OK;
	}
	if (n->unit->kind == TOPO_EDGE)
		TRY(nft_add_own(n, own, PLAN_INNER));
	if (f->to->pool != NULL && f->to->pool->balancer != TOPO_BALANCE_DNS)
		TRY(nft_add_balancer(n, peer, f->to->pool));
	TRY(nft_add_unit(n, peer, f->to));
	print_peers(n, out, own, peer, f);
	return OK;
}

static err print_flow(struct nft *n, const struct plan_flow *f,
	err (*print)(struct nft *n, const struct plan_flow *f, struct nft_peers *own, struct nft_peers *peer))
{
	struct nft_peers own, peer;
	nft_peers_init(&own);
	nft_peers_init(&peer);
	err e = print(n, f, &own, &peer);
	bool cut = own.v4.failed || own.v6.failed || peer.v4.failed || peer.v6.failed;
	nft_peers_fini(&own);
	nft_peers_fini(&peer);
	return failed(e) ? e : cut ? ERR(CEILING) : OK;
}

static bool is_from(const struct plan_flow *f, const struct plan_unit *u)
{
	for (size_t i = 0; i < f->from.n; i++)
		if (f->from.p[i] == u)
			return true;
	return false;
}

/* ---- chains ---- */

static void print_set(struct nft *n, const char *name, const struct plan_networks *networks, bool v6)
{
	if (!has_family(networks, v6))
		return;
	buf_printf(n->out, "\tset %s%d {\n\t\ttype ipv%d_addr\n\t\tflags interval\n\t\tauto-merge\n\t\telements = {",
		name, v6 ? 6 : 4, v6 ? 6 : 4);
	const char *before = " ";
	TOPO_EACH (net, *networks)
		if (net->is_v6 == v6) {
			buf_printf(n->out, "%s%.*s", before, STR_FMT(net->text));
			before = ", ";
		}
	buf_add(n->out, STR(" }\n\t}\n"));
}

static void print_chain(struct nft *n, const char *hook)
{
	buf_printf(n->out, "\tchain %s {\n\t\ttype filter hook %s priority filter; policy drop;\n", hook, hook);
}

/* What every host needs so that IP itself works. */
static void print_basics(struct nft *n, const char *interface)
{
	buf_printf(n->out,
		"\t\tct state established,related accept\n\t\tct state invalid drop\n\t\t%s \"lo\" accept\n"
		"\t\ticmp type { destination-unreachable, time-exceeded, parameter-problem } accept\n"
		"\t\ticmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, "
		"nd-router-solicit, nd-router-advert, "
		"nd-neighbor-solicit, nd-neighbor-advert } accept\n",
		interface);
}

static void print_echo(struct nft *n, const struct plan_networks *networks, const char *set)
{
	if (has_family(networks, false))
		buf_printf(n->out, "\t\tip saddr @%s4 icmp type echo-request limit rate 20/second accept\n", set);
	if (has_family(networks, true))
		buf_printf(n->out, "\t\tip6 saddr @%s6 icmpv6 type echo-request limit rate 20/second accept\n", set);
}

static err print_input(struct nft *n)
{
	print_chain(n, "input");
	print_basics(n, "iifname");
	if (n->unit->kind == TOPO_EDGE) /* whatever sender it claims */
		buf_add(n->out, STR("\t\tfib daddr . iif type unicast drop comment \"for the address of another "
				    "interface\"\n"));
	print_echo(n, &n->given->clients, "clients");
	print_echo(n, &n->given->admins, "admins");
	if (n->given->admins.n == 0)
		buf_add(n->out, STR("\t\t# no --admin-network was given: nobody manages this host over the network\n"));
	TOPO_EACH (f, n->given->ports->flows)
		if (f->to == n->unit && plan_flow_is_at(f, n->host))
			TRY(print_flow(n, f, print_in));
	buf_add(n->out, STR("\t}\n"));
	return OK;
}

static void print_drop(struct nft *n, const struct plan_networks *networks, const char *set)
{
	if (has_family(networks, false))
		buf_printf(n->out, "\t\tip daddr @%s4 drop\n", set);
	if (has_family(networks, true))
		buf_printf(n->out, "\t\tip6 daddr @%s6 drop\n", set);
}

/* Whatever is inside and not planned: the Internet begins beyond it. */
static err print_inside(struct nft *n, const struct plan_flow *none, struct nft_peers *own, struct nft_peers *peer)
{
	struct topo_names unknown = { 0 }, *missing = n->missing;
	struct buf remarks, *text = n->out;
	buf_init(&remarks, NFT_LIST_MOST);
	n->missing = &unknown; /* nothing is let through here, so that nobody needs to hear of it */
	n->out = &remarks;
	err e = OK;
	TOPO_EACH (u, n->given->ports->units)
		if (!failed(e))
			e = nft_add_unit(n, peer, u);
	n->missing = missing;
	n->out = text;
	buf_fini(&remarks);
	if (peer->v4.n != 0)
		buf_printf(n->out, "\t\tip daddr { %s } drop\n", text_of(&peer->v4));
	if (peer->v6.n != 0)
		buf_printf(n->out, "\t\tip6 daddr { %s } drop\n", text_of(&peer->v6));
	print_drop(n, &n->given->clients, "clients");
	print_drop(n, &n->given->admins, "admins");
	return e;
}

static err print_output(struct nft *n)
{
	print_chain(n, "output");
	print_basics(n, "oifname");
	TOPO_EACH (f, n->given->ports->flows)
		if (f->to != NULL && is_from(f, n->unit))
			TRY(print_flow(n, f, print_out));
	TRY(print_flow(n, NULL, print_inside));
	if (n->unit->kind == TOPO_EDGE)
		buf_add(n->out, STR("\t\tfib saddr . oif type != local drop comment \"by the interface of another "
				    "address\"\n"));
	TOPO_EACH (f, n->given->ports->flows)
		if (f->to == NULL && is_from(f, n->unit))
			TRY(print_flow(n, f, print_out));
	buf_add(n->out, STR("\t}\n"));
	return OK;
}

static err print_table(struct nft *n)
{
	buf_printf(n->out,
		"#!/usr/sbin/nft -f\n# %.*s: what is planned, and nothing else\ntable inet witan\ndelete table inet "
		"witan\ntable inet witan {\n",
		STR_FMT(n->host));
	for (int v6 = 0; v6 < 2; v6++) {
		print_set(n, "clients", &n->given->clients, v6 != 0);
		print_set(n, "admins", &n->given->admins, v6 != 0);
	}
	TRY(print_input(n));
	if (is_dmz(n)) {
		print_chain(n, "forward");
		buf_add(n->out, STR("\t}\n"));
		TRY(print_output(n));
	}
	buf_add(n->out, STR("}\n"));
	return OK;
}

err plan_nft_print(const struct plan_nft *nft, str host, struct arena *a, struct buf *to, struct topo_names *missing,
	struct diag *d)
{
	struct nft n = { .given = nft,
		.unit = plan_ports_find(nft->ports, host),
		.host = host,
		.arena = a,
		.out = to,
		.missing = missing,
		.diag = d };
	*missing = (struct topo_names){ 0 };
	if (n.unit == NULL)
		return diag_fail(d, ERR(ABSENT), "--host",
			"name a server, reverse proxy, gateway or database host of the topology",
			"there is no host \"%.*s\"", STR_FMT(str_cut(host, 0, 120)));
	n.server = nft_server(n.unit, host);
	return print_table(&n);
}
