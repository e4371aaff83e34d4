/* SPDX-License-Identifier: Apache-2.0 */
/* witan plan proxy - what a reverse proxy publishes, and its configuration. */
#include "prog/witan/plan_input.h"

#include "os/net.h"
#include "service/plan_proxy.h"

#include <stdio.h>

#define FORMATS   "nginx|table|json"
#define TEXT_MOST (32u << 20)

enum { NGINX, TABLE, JSON };

struct proxy_options {
	struct plan_input n; /* first: what is handed to show */
	const char *host, *certificate, *key, *trusted;
	struct witan_texts listen;
	char listen_text[PLAN_PROXY_ADDRESSES_MAX][ADDR_TEXT];
};

static void show_table(const struct plan_proxy *p)
{
	TOPO_EACH (name, p->names)
		(void)printf("%-40.*s 443 -> %.*s:%u%s  %s\n", STR_FMT(name->name),
			STR_FMT(plan_publication_target(name)), plan_publication_port(name, true),
			name->autodiscover ? ", 80 -> 8080" : "", name->what);
}

static err show_json(const struct plan_proxy *p)
{
	json_t *all = json_array();
	TOPO_EACH (name, p->names) {
		str target = plan_publication_target(name);
		json_t *o = json_pack("{s:s%, s:s%, s:s%, s:i, s:s}", "host", p->proxy->fqdn.p, p->proxy->fqdn.n,
			"name", name->name.p, name->name.n, "to", target.p, target.n, "port",
			(int)plan_publication_port(name, true), "what", name->what);
		if (name->autodiscover)
			(void)json_object_set_new(o, "http-port", json_integer(plan_publication_port(name, false)));
		(void)json_array_append_new(all, o);
	}
	return plan_input_json(all);
}

static err read_listen(struct proxy_options *o, struct plan_proxy_style *style)
{
	for (size_t i = 0; i < o->listen.n; i++) {
		struct addr a;
		if (i == PLAN_PROXY_ADDRESSES_MAX || failed(addr_parse(o->listen.p[i], 0, &a)))
			return diag_fail(&o->n.diag, ERR(USAGE), "--listen", "write an IPv4 or IPv6 address",
				"\"%.*s\" is not an address, or one too many", STR_FMT(str_cut(o->listen.p[i], 0, 60)));
		style->listen[style->n_listen++] = addr_print_host(&a, o->listen_text[i]);
	}
	return OK;
}

/* What runs on the port that the proxy publishes must not be the management of the server. */
static void warn_of_management(const struct plan_proxy *p)
{
	TOPO_EACH (name, p->names)
		if (name->pool != NULL && str_eq(name->name, name->pool->web.external) &&
			(name->pool->ports.web == plan_publication_port(name, true) ||
				name->pool->ports.web == plan_publication_port(name, false)))
			plan_input_warn("RP-06", false, name->pool->pool,
				"its management has the port that is published; only /api is held back",
				"choose another port for ports: {web: PORT}, for example 444");
}

static err show(struct plan_input *n)
{
	struct proxy_options *o = (struct proxy_options *)n;
	struct plan_proxy_style style = {
		.certificate = str_of(o->certificate), .key = str_of(o->key), .trusted = str_of(o->trusted)
	};
	struct plan_proxy p;
	struct buf b;
	TRY(read_listen(o, &style));
	TRY(plan_proxy(&n->topo, str_of(o->host), &n->arena, &p, &n->diag));
	warn_of_management(&p);
	if (n->format_at == JSON)
		return show_json(&p);
	if (n->format_at == TABLE) {
		show_table(&p);
		return OK;
	}
	buf_init(&b, TEXT_MOST);
	err e = plan_proxy_print(&p, &n->known, &style, &b, &n->diag);
	if (failed(e)) {
		buf_fini(&b);
		return e;
	}
	return plan_input_text(&b);
}

int plan_proxy_main(int argc, char **argv, const char *dir)
{
	struct proxy_options o = { .n.dir = dir,
		.certificate = "/etc/witan/proxy.pem",
		.key = "/etc/witan/proxy.key",
		.trusted = "/etc/witan/ca.pem" };
	int status;
	const struct witan_option options[] = {
		PLAN_INPUT_TOPOLOGY(&o.n),
		PLAN_INPUT_ADDRESSES(&o.n),
		{ "--format", WITAN_TEXT, &o.n.format, FORMATS,
			"how it is printed; nginx: a file for /etc/nginx/conf.d", 0 },
		{ "--host", WITAN_TEXT, &o.host, "NAME", "which reverse proxy (default: the only one)", 0 },
		{ "--listen", WITAN_TEXTS, &o.listen, "ADDRESS",
			"where it listens (default: everywhere); may stand several times", 0 },
		{ "--certificate", WITAN_TEXT, &o.certificate, "FILE",
			"its certificate and chain (default: /etc/witan/proxy.pem)", 0 },
		{ "--key", WITAN_TEXT, &o.key, "FILE", "the key (default: /etc/witan/proxy.key)", 0 },
		{ "--trusted", WITAN_TEXT, &o.trusted, "FILE",
			"roots of the pools' certificates (default: /etc/witan/ca.pem)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	if (!witan_options(argc, argv,
		    "proxy [OPTION...]\n\nWrites the configuration of a reverse proxy that publishes the web services "
		    "of pools.",
		    options, &status))
		return status;
	return plan_input_run(&o.n, FORMATS, show);
}
