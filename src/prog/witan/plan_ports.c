/* SPDX-License-Identifier: Apache-2.0 */
/* witan plan ports - who may reach what, and packet filter rules of one host. */
#include "prog/witan/plan_input.h"

#include "service/plan_ports.h"

#include <stdio.h>

#define FORMATS   "table|json|nftables"
#define TEXT_MOST (16u << 20)

enum { TABLE, JSON, NFTABLES };

struct ports_options {
	struct plan_input n; /* first: what is handed to show */
	const char *host;
	struct witan_texts clients, admins;
};

static bool is_from(const struct plan_flow *f, const struct plan_unit *u)
{
	for (size_t i = 0; i < f->from.n; i++)
		if (f->from.p[i] == u)
			return true;
	return false;
}

static bool is_shown(const struct plan_flow *f, const struct plan_unit *only)
{
	return only == NULL || f->to == only || is_from(f, only);
}

/* ---- tables ---- */

static void print_port(const struct plan_flow *f)
{
	char port[32];
	if (f->last == f->first)
		(void)snprintf(port, sizeof port, "%u/%s", f->first, plan_transport_word(f->transport));
	else
		(void)snprintf(port, sizeof port, "%u-%u/%s", f->first, f->last, plan_transport_word(f->transport));
	(void)printf("  %-20s %-16s %-36s %-10s", port, plan_interface_word(f->at), f->service, f->protocol);
}

static void print_sources(const struct plan_flow *f)
{
	const char *before = " from ";
	for (unsigned g = 0; g < PLAN_GROUP_N; g++)
		if ((f->groups & 1u << g) != 0) {
			(void)printf("%s%s", before, plan_group_word((enum plan_group)g));
			before = ", ";
		}
	for (size_t i = 0; i < f->from.n; i++) {
		(void)printf("%s%.*s", before, STR_FMT(f->from.p[i]->name));
		before = ", ";
	}
}

static void print_unit(const struct plan_ports *ports, const struct plan_unit *u)
{
	(void)printf("%.*s (%s)", STR_FMT(u->name), plan_unit_word(u->kind));
	const char *before = ": ";
	TOPO_EACH (host, u->hosts) {
		if (u->hosts.n > 1 || !str_eq(*host, u->name))
			(void)printf("%s%.*s", before, STR_FMT(*host));
		before = ", ";
	}
	(void)putchar('\n');
	TOPO_EACH (f, ports->flows) {
		if (f->to != u)
			continue;
		print_port(f);
		print_sources(f);
		if (f->except.n != 0)
			(void)printf(", not at %.*s", STR_FMT(f->except));
		(void)printf("  [ports %s]\n", f->rule);
	}
	TOPO_EACH (f, ports->flows) {
		if (f->to != NULL || f->from.p[0] != u)
			continue;
		print_port(f);
		(void)printf(" to the internet  [ports %s]\n", f->rule);
	}
}

static void print_leaving(const struct plan_ports *ports, const struct plan_unit *u)
{
	(void)printf("opens connections to\n");
	TOPO_EACH (f, ports->flows)
		if (f->to != NULL && is_from(f, u)) {
			print_port(f);
			(void)printf(" at %.*s  [ports %s]\n", STR_FMT(f->to->name), f->rule);
		}
}

static void show_table(const struct plan_ports *ports, const struct plan_unit *only)
{
	TOPO_EACH (u, ports->units)
		if (only == NULL || u == only)
			print_unit(ports, u);
	if (only != NULL)
		print_leaving(ports, only);
}

/* ---- JSON ---- */

static json_t *hosts_json(const struct plan_flow *f)
{
	json_t *hosts = json_array();
	TOPO_EACH (host, f->to->hosts)
		if (plan_flow_is_at(f, *host))
			(void)json_array_append_new(hosts, plan_input_str(*host));
	return hosts;
}

static json_t *sources_json(const struct plan_flow *f)
{
	json_t *from = json_array();
	for (unsigned g = 0; g < PLAN_GROUP_N; g++)
		if ((f->groups & 1u << g) != 0)
			(void)json_array_append_new(from, json_string(plan_group_word((enum plan_group)g)));
	for (size_t i = 0; i < f->from.n; i++)
		(void)json_array_append_new(from, plan_input_str(f->from.p[i]->name));
	return from;
}

static json_t *flow_json(const struct plan_flow *f)
{
	json_t *o = json_object();
	if (f->to != NULL) {
		(void)json_object_set_new(o, "to", plan_input_str(f->to->name));
		(void)json_object_set_new(o, "role", json_string(plan_unit_word(f->to->kind)));
		(void)json_object_set_new(o, "hosts", hosts_json(f));
	} else {
		(void)json_object_set_new(o, "to", json_string(plan_group_word(PLAN_INTERNET)));
	}
	(void)json_object_set_new(o, "side", json_string(plan_flow_is_outside(f) ? "outside" : "inside"));
	(void)json_object_set_new(o, "interface", json_string(plan_interface_word(f->at)));
	(void)json_object_set_new(o, "port", json_integer(f->first));
	(void)json_object_set_new(o, "last-port", json_integer(f->last));
	(void)json_object_set_new(o, "transport", json_string(plan_transport_word(f->transport)));
	(void)json_object_set_new(o, "service", json_string(f->service));
	(void)json_object_set_new(o, "protocol", json_string(f->protocol));
	(void)json_object_set_new(o, "from", sources_json(f));
	json_t *rule = json_sprintf("ports %s", f->rule);
	(void)json_object_set_new(o, "rule", rule);
	return o;
}

static err show_json(const struct plan_ports *ports, const struct plan_unit *only)
{
	json_t *all = json_array();
	TOPO_EACH (f, ports->flows)
		if (is_shown(f, only))
			(void)json_array_append_new(all, flow_json(f));
	return plan_input_json(all);
}

/* ---- rules ---- */

static err read_networks(
	struct ports_options *o, const struct witan_texts *given, const char *option, struct plan_networks *to)
{
	for (size_t i = 0; i < given->n; i++) {
		err e = plan_networks_add(to, &o->n.arena, given->p[i], &o->n.diag);
		(void)snprintf(o->n.diag.where, sizeof o->n.diag.where, "%s", option);
		TRY(e);
	}
	return OK;
}

static err show_rules(struct ports_options *o, const struct plan_ports *ports)
{
	struct plan_nft nft = { .topo = &o->n.topo, .ports = ports, .known = &o->n.known };
	struct topo_names missing;
	struct buf b;
	if (o->host == NULL)
		return diag_fail(&o->n.diag, ERR(USAGE), "--format nftables", "add --host NAME",
			"the rules are those of one host");
	TRY(read_networks(o, &o->clients, "--internal-network", &nft.clients));
	TRY(read_networks(o, &o->admins, "--admin-network", &nft.admins));
	buf_init(&b, TEXT_MOST);
	err e = plan_nft_print(&nft, str_of(o->host), &o->n.arena, &b, &missing, &o->n.diag);
	if (failed(e)) {
		buf_fini(&b);
		return e;
	}
	TOPO_EACH (name, missing)
		plan_input_warn("ports 8", false, *name, "no address is known: its connections are not let through",
			"give it by --addresses FILE or --address NAME=ADDRESS");
	return plan_input_text(&b);
}

static err show(struct plan_input *n)
{
	struct ports_options *o = (struct ports_options *)n;
	struct plan_ports ports;
	const struct plan_unit *only = NULL;
	TRY(plan_ports(&n->topo, &n->arena, &ports, &n->diag));
	if (o->host != NULL && (only = plan_ports_find(&ports, str_of(o->host))) == NULL)
		return diag_fail(&n->diag, ERR(ABSENT), "--host", "witan plan ports names all hosts",
			"there is no host \"%.120s\"", o->host);
	if (n->format_at == NFTABLES)
		return show_rules(o, &ports);
	if (n->format_at == JSON)
		return show_json(&ports, only);
	show_table(&ports, only);
	return OK;
}

int plan_ports_main(int argc, char **argv, const char *dir)
{
	struct ports_options o = { .n.dir = dir };
	int status;
	const struct witan_option options[] = {
		PLAN_INPUT_TOPOLOGY(&o.n),
		PLAN_INPUT_ADDRESSES(&o.n),
		{ "--format", WITAN_TEXT, &o.n.format, FORMATS, "how it is printed; nftables: rules of one host", 0 },
		{ "--host", WITAN_TEXT, &o.host, "NAME", "one host alone", 0 },
		{ "--internal-network", WITAN_TEXTS, &o.clients, "NETWORK",
			"where clients are inside; may stand several times", 0 },
		{ "--admin-network", WITAN_TEXTS, &o.admins, "NETWORK",
			"from where hosts are managed; may stand several times", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	if (!witan_options(argc, argv, "ports [OPTION...]\n\nShows the listeners of every host and who may reach them.",
		    options, &status))
		return status;
	return plan_input_run(&o.n, FORMATS, show);
}
