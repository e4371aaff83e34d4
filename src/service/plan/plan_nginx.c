/* SPDX-License-Identifier: Apache-2.0 */
/* What a reverse proxy publishes, as configuration of nginx. */
#include "service/plan_proxy.h"

#include <stdio.h>

#define LONG_NAME 40 /* octets; nginx' own table of names is for shorter ones */

struct nginx {
	const struct plan_proxy *plan;
	const struct plan_addresses *known;
	const struct plan_proxy_style *style;
	struct buf *out;
};

/* ---- destinations ---- */

static void print_upstream_name(struct nginx *x, const struct plan_publication *p, bool tls)
{
	buf_printf(x->out, "witan_%.*s_%u", STR_FMT(plan_publication_target(p)), plan_publication_port(p, tls));
}

/* A host by its addresses, or by its name, which nginx looks up when it starts. */
static void print_server(struct nginx *x, str host, uint32_t port)
{
	size_t count;
	const struct plan_address *known = plan_addresses_find(x->known, host, &count);
	if (known == NULL)
		buf_printf(x->out, "\tserver %.*s:%u;\n", STR_FMT(host), port);
	for (size_t i = 0; i < count; i++)
		buf_printf(x->out,
			plan_address_is_v6(known[i].address) ? "\tserver [%.*s]:%u; # %.*s\n"
							     : "\tserver %.*s:%u; # %.*s\n",
			STR_FMT(known[i].address), port, STR_FMT(host));
}

static void print_upstream(struct nginx *x, const struct plan_publication *p, bool tls)
{
	uint32_t port = plan_publication_port(p, tls);
	buf_add(x->out, STR("upstream "));
	print_upstream_name(x, p, tls);
	/* the same client always to the same server: sessions live there */
	buf_add(x->out, STR(" {\n\tip_hash;\n"));
	if (p->pool == NULL || p->pool->balancer != TOPO_BALANCE_DNS)
		print_server(x, plan_publication_target(p), port);
	else
		TOPO_EACH (server, p->pool->servers)
			print_server(x, server->fqdn, port);
	buf_add(x->out, STR("}\n"));
}

static bool is_first_of_target(const struct nginx *x, const struct plan_publication *p)
{
	for (const struct plan_publication *q = x->plan->names.p; q < p; q++)
		if (str_eq(plan_publication_target(q), plan_publication_target(p)))
			return false;
	return true;
}

/* Farms are none of ours: what they answer without TLS is not known. A pool may have no such listener. */
static bool has_http(const struct plan_publication *p)
{
	return p->pool != NULL && plan_publication_port(p, false) != 0;
}

static void print_upstreams(struct nginx *x)
{
	TOPO_EACH (p, x->plan->names) {
		if (!is_first_of_target(x, p))
			continue;
		print_upstream(x, p, true);
		if (has_http(p))
			print_upstream(x, p, false);
	}
}

/* ---- servers ---- */

static void print_listen(struct nginx *x, uint32_t port, const char *words)
{
	if (x->style->n_listen == 0)
		buf_printf(x->out, "\tlisten %u%s;\n\tlisten [::]:%u%s;\n", port, words, port, words);
	for (size_t i = 0; i < x->style->n_listen; i++)
		buf_printf(x->out, "\tlisten %s:%u%s;\n", x->style->listen[i], port, words);
}

static void print_limits(struct nginx *x)
{
	buf_add(x->out, STR("\tserver_tokens off;\n"
			    "\tclient_header_timeout 15s;\n"
			    "\tclient_body_timeout 60s;\n"
			    "\tlarge_client_header_buffers 4 16k;\n"));
}

static void print_tls(struct nginx *x)
{
	const struct plan_proxy_style *s = x->style;
	buf_printf(x->out,
		"\tssl_certificate \"%.*s\";\n"
		"\tssl_certificate_key \"%.*s\";\n"
		"\tssl_protocols TLSv1.2 TLSv1.3;\n"
		"\tssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
		"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;\n"
		"\tssl_session_cache shared:witan:10m;\n"
		"\tssl_session_tickets off;\n",
		STR_FMT(s->certificate), STR_FMT(s->key));
}

/* Names that are not published. A name decides alone: whoever sends another one, however it is spelt, ends here. */
static void print_default(struct nginx *x)
{
	buf_add(x->out, STR("\n# every other name is refused\nserver {\n"));
	print_listen(x, 443, " ssl default_server");
	buf_add(x->out, STR("\tserver_name \"\";\n"));
	print_limits(x);
	print_tls(x);
	buf_add(x->out, STR("\treturn 421;\n}\nserver {\n"));
	print_listen(x, 80, " default_server");
	buf_add(x->out, STR("\tserver_name \"\";\n"));
	print_limits(x);
	buf_add(x->out, STR("\treturn 421;\n}\n"));
}

/* What is the same for each request that is passed on. The name is written out, so that no other can be slipped in. */
static void print_pass(struct nginx *x, const struct plan_publication *p, bool tls)
{
	buf_printf(x->out, "\t\tproxy_pass %s://", tls ? "https" : "http");
	print_upstream_name(x, p, tls);
	buf_printf(x->out,
		";\n"
		"\t\tproxy_http_version 1.1;\n"
		"\t\tproxy_set_header Host %.*s;\n"
		"\t\tproxy_set_header Connection \"\";\n"
		"\t\tproxy_set_header X-Forwarded-For $remote_addr;\n"
		"\t\tproxy_set_header X-Forwarded-Proto $scheme;\n"
		"\t\tproxy_set_header Forwarded \"\";\n"
		"\t\tproxy_redirect off;\n"
		"\t\tproxy_cache off;\n"
		"\t\tproxy_buffering off; # events are passed on as they come, and nothing is kept on a disk\n"
		"\t\tproxy_request_buffering off;\n"
		"\t\tproxy_connect_timeout 10s;\n"
		"\t\tproxy_read_timeout 960s; # mobile clients wait that long for news\n"
		"\t\tproxy_send_timeout 960s;\n"
		"\t\tproxy_next_upstream error timeout;\n",
		STR_FMT(p->name));
	if (tls)
		buf_printf(x->out,
			"\t\tproxy_ssl_protocols TLSv1.2 TLSv1.3;\n"
			"\t\tproxy_ssl_server_name on;\n"
			"\t\tproxy_ssl_name %.*s;\n"
			"\t\tproxy_ssl_verify on;\n"
			"\t\tproxy_ssl_verify_depth 4;\n"
			"\t\tproxy_ssl_trusted_certificate \"%.*s\";\n",
			STR_FMT(plan_publication_target(p)), STR_FMT(x->style->trusted));
}

static void print_https(struct nginx *x, const struct plan_publication *p)
{
	buf_printf(x->out, "\n# %s\nserver {\n", p->what);
	print_listen(x, 443, " ssl");
	buf_printf(x->out, "\tserver_name %.*s;\n", STR_FMT(p->name));
	print_limits(x);
	print_tls(x);
	buf_add(x->out, STR("\tclient_max_body_size 100m;\n"
			    "\tproxy_hide_header Strict-Transport-Security;\n"
			    "\tadd_header Strict-Transport-Security \"max-age=315360000\" always;\n"));
	if (p->no_admin)
		buf_add(x->out, STR("\tlocation ~* ^/admin(/|$) { return 404; } # administration stays inside\n"));
	if (p->pool != NULL)
		buf_add(x->out, STR("\tlocation ~* ^/api(/|$) { return 404; } # management stays inside\n"));
	buf_add(x->out, STR("\tlocation / {\n"));
	print_pass(x, p, true);
	buf_add(x->out, STR("\t}\n}\n"));
}

static void print_http(struct nginx *x, const struct plan_publication *p)
{
	buf_add(x->out, STR("server {\n"));
	print_listen(x, 80, "");
	buf_printf(x->out, "\tserver_name %.*s;\n", STR_FMT(p->name));
	print_limits(x);
	if (has_http(p)) { /* only the directory itself: other ways to spell it go to HTTPS */
		buf_add(x->out, STR("\tlocation ^~ /.well-known/acme-challenge/ {\n\t\tlimit_except GET { deny all; }\n"));
		print_pass(x, p, false);
		buf_add(x->out, STR("\t}\n"));
	}
	if (p->autodiscover) {
		buf_add(x->out, STR("\tlocation ~* ^/(autodiscover/.*)?$ {\n"));
		print_pass(x, p, false);
		buf_add(x->out, STR("\t}\n"));
	}
	if (p->plain_only) { /* there is nothing else behind this name */
		buf_add(x->out, STR("\tlocation / { return 404; }\n}\n"));
		return;
	}
	buf_printf(x->out, "\tlocation / { return 301 https://%.*s$request_uri; }\n}\n", STR_FMT(p->name));
}

static void print_sizes(struct nginx *x)
{
	bool long_names = x->plan->names.n > 200;
	TOPO_EACH (p, x->plan->names)
		long_names = long_names || p->name.n > LONG_NAME;
	if (long_names)
		buf_add(x->out, STR("server_names_hash_bucket_size 512;\nserver_names_hash_max_size 4096;\n"));
}

/* Within double quotes nginx reads these itself. */
static err check_path(str path, const char *option, struct diag *d)
{
	for (size_t i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] < 0x20 || strchr("\"\\$", path.p[i]) != NULL)
			return diag_fail(d, ERR(REFUSED), option,
				"name a file without control characters, quotes, \\ and $",
				"such a path cannot stand in the configuration of nginx");
	return OK;
}

err plan_proxy_print(const struct plan_proxy *p, const struct plan_addresses *known,
	const struct plan_proxy_style *style, struct buf *out, struct diag *d)
{
	struct nginx x = { p, known, style, out };
	TRY(check_path(style->certificate, "--certificate", d));
	TRY(check_path(style->key, "--key", d));
	TRY(check_path(style->trusted, "--trusted", d));
	buf_printf(out, "# reverse proxy %.*s: what the topology publishes, for /etc/nginx/conf.d\n",
		STR_FMT(p->proxy->fqdn));
	print_sizes(&x);
	print_upstreams(&x);
	print_default(&x);
	TOPO_EACH (name, p->names)
		if (!name->plain_only)
			print_https(&x, name);
	buf_add(out, STR("\n# without TLS: autodiscover, answers to challenges of an ACME authority, and the way to HTTPS\n"));
	TOPO_EACH (name, p->names)
		print_http(&x, name);
	return OK;
}
