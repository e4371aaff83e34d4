/* SPDX-License-Identifier: Apache-2.0 */
/* The topology of a new deployment: four lines composed from options, or a document with some values overridden. */
#include "prog/witan/init_priv.h"

#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* The machine's name if it is a full one, else uc01 in the default SIP domain. */
static void default_fqdn(str domain, char *out, size_t size)
{
	char host[256] = "";
	if (gethostname(host, sizeof host - 1) == 0 && strchr(host, '.') != NULL)
		(void)snprintf(out, size, "%s", host);
	else
		(void)snprintf(out, size, "uc01.%.*s", STR_FMT(domain));
}

static err check_name(struct init *in, const char *option, str given, str *out)
{
	err e = topo_name(given, &in->arena, out, &in->diag);
	if (failed(e))
		(void)snprintf(in->diag.where, sizeof in->diag.where, "%s", option);
	return e;
}

/* The four lines of a single server. */
static err compose(struct init *in)
{
	char fqdn_text[512];
	str domain, fqdn, rest;
	buf_reset(&in->text);
	for (size_t i = 0; i < in->sip_domains.n; i++) {
		TRY(check_name(in, "--sip-domain", in->sip_domains.p[i], &domain));
		in->sip_domains.p[i] = domain;
	}
	default_fqdn(in->sip_domains.p[0], fqdn_text, sizeof fqdn_text);
	TRY(check_name(in, "--fqdn", str_of(in->fqdn != NULL ? in->fqdn : fqdn_text), &fqdn));
	(void)str_split(fqdn, '.', &rest);
	if (rest.n == 0)
		rest = in->sip_domains.p[0];
	buf_add(&in->text, STR("organization: X\nsip-domains: ["));
	for (size_t i = 0; i < in->sip_domains.n; i++)
		buf_printf(&in->text, "\"%.*s\",", STR_FMT(in->sip_domains.p[i]));
	buf_printf(&in->text,
		"]\ninternal-domain: \"%.*s\"\nsites: [{name: Main, pools: [{pool: \"%.*s\", role: "
		"standard-edition, ports: {web: 0, http: 0, https: 0, external-http: 0, external-https: 0}}]}]\n",
		STR_FMT(rest), STR_FMT(fqdn));
	return OK;
}

static err parse(struct init *in, const char *file)
{
	err e = topo_parse(&in->topo, &in->arena, buf_str(&in->text), file != NULL ? file : "topology.yaml", &in->diag);
	if (failed(e) && file == NULL) /* nobody has seen the lines of this document */
		(void)snprintf(in->diag.where, sizeof in->diag.where, "the options");
	TRY(e);
	str fqdn = STR("");
	if (in->host_name != NULL)
		TRY(check_name(in, "--host", str_of(in->host_name), &fqdn));
	in->host_file = fqdn.n != 0;
	TRY(topo_find_host(&in->topo, fqdn, &in->host, &in->diag));
	if (in->fqdn == NULL)
		return OK;
	TRY(check_name(in, "--fqdn", str_of(in->fqdn), &fqdn));
	if (str_eq(fqdn, in->host.server->fqdn))
		return OK;
	return diag_fail(&in->diag, ERR(REFUSED), "--fqdn", "leave --fqdn out", "the topology's server is \"%.*s\"",
		STR_FMT(in->host.server->fqdn));
}

static void set_if(uint32_t *to, uint32_t asked)
{
	*to = asked != 0 ? asked : *to;
}

/* What the options say beyond the names; answers whether that changes the document. */
static err override(struct init *in, bool *changed)
{
	enum topo_key_type key;
	*changed = in->organization != NULL || in->key != NULL ||
		   in->port_sip_tls + in->port_sip_tcp + in->port_web + in->port_http + in->port_https + in->front_processes != 0;
	TOPO_EACH (site, in->topo.sites)
		TOPO_EACH (pool, site->pools) {
			if (pool != in->host.pool)
				continue;
			set_if(&pool->ports.sip_tls, in->port_sip_tls);
			set_if(&pool->ports.sip_tcp, in->port_sip_tcp);
			set_if(&pool->ports.web, in->port_web);
			set_if(&pool->ports.http, in->port_http);
			set_if(&pool->ports.https, in->port_https);
			if (in->port_https != 0 && pool->web.internal.n == 0 && topo_has_web(pool)) /* its names are in a certificate only where a pool says that it has web services */
				pool->web.internal = pool->pool;
			set_if(&pool->front_processes, in->front_processes);
		}
	if (in->organization != NULL)
		in->topo.organization = str_of(in->organization);
	if (in->key == NULL)
		return OK;
	if (!topo_key_type_find(str_of(in->key), &key))
		return diag_fail(&in->diag, ERR(USAGE), "--key", "rsa-2048, rsa-3072, rsa-4096, ec-p256 or ec-p384",
			"there are no keys \"%s\"", in->key);
	in->topo.certificates.key = key;
	return OK;
}

err init_topology(struct init *in)
{
	bool changed;
	if (in->topology != NULL) {
		TRY(file_read(AT_FDCWD, in->topology, TOPO_SIZE_MAX, &in->text, &in->diag));
		TRY(parse(in, in->topology));
	} else {
		TRY(compose(in));
		TRY(parse(in, NULL));
		if (in->organization == NULL)
			in->topo.organization = in->topo.sip_domains.p[0];
	}
	TRY(override(in, &changed));
	if (in->topology == NULL || changed) {
		buf_reset(&in->text);
		topo_print(&in->topo, &in->text);
		ENSURE(!in->text.failed, CEILING);
		TRY(parse(in, NULL)); /* the rules see what the options changed */
	}
	witan_warn(&in->topo);
	enum plan_usage usage = in->host.pool->role == TOPO_EDGE ? PLAN_INTERNAL : PLAN_DEFAULT;
	return plan_certificate_host(&in->topo, &in->host, usage, &in->arena, &in->plan, &in->diag);
}
