/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of an order at the server. The friendly name, remembered before the request is made, tells the request or the certificate that is ours
 * from all others. */
#include "prog/witan/acme_order.h"

#include "model/sealed.h"
#include "model/topo.h"
#include "prog/witan/cmdlet_priv.h"
#include "prog/witan/link.h"
#include "service/cert.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROOM = 32 << 20 };

/* ---- asking the server ---- */

/* The caller drops *objects; parameters are taken over. Each time by a link of its own: what the authority takes its time for is longer than the
 * server waits for a command, which may also have been started anew meanwhile. */
static err ask(struct acme_order *o, const char *cmdlet, json_t *parameters, json_t **objects)
{
	json_t *answer = NULL;
	struct link *link = NULL;
	err e = parameters != NULL ? link_open_local(o->deployment, &link, &o->diag) : ERR(NO_MEMORY);
	if (!failed(e))
		e = link_send(link, cmdlet, parameters, NULL, &o->diag);
	if (!failed(e))
		e = link_receive(link, &answer, &o->diag);
	if (!failed(e))
		e = control_result(answer, &o->diag);
	if (!failed(e) && objects != NULL)
		*objects = json_incref(json_object_get(answer, "objects"));
	json_decref(parameters);
	json_decref(answer);
	link_close(link);
	return e;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *z = json_string_value(json_object_get(o, name));
	return z != NULL ? z : "";
}

static json_t *usages_list(const struct acme_order *o)
{
	json_t *list = json_array();
	for (str rest = str_of(o->conf.usages); rest.n != 0;) {
		str word = str_split(rest, ',', &rest);
		(void)json_array_append_new(list, json_stringn(word.p, word.n));
	}
	return list;
}

static int64_t time_of(const json_t *o, const char *name)
{
	struct tm tm = { 0 };
	return strptime(text_of(o, name), "%Y-%m-%dT%H:%M:%SZ", &tm) != NULL ? (int64_t)timegm(&tm) : 0;
}

/* ---- renewal ---- */

static bool is_old(const json_t *certificate)
{
	int64_t from = time_of(certificate, "NotBefore"), until = time_of(certificate, "NotAfter");
	return (int64_t)time(NULL) >= from + (until - from) / 3 * 2;
}

/* What is staged for later counts: it was ordered already. */
err acme_order_is_due(struct acme_order *o, bool *due)
{
	*due = false;
	for (str rest = str_of(o->conf.usages); rest.n != 0 && !*due;) {
		json_t *objects = NULL;
		str word = str_split(rest, ',', &rest);
		TRY(ask(o, "Get-CsCertificate", json_pack("{s:[s#]}", "Type", word.p, (int)word.n), &objects));
		*due = json_array_size(objects) == 0 || is_old(json_array_get(objects, 0));
		json_decref(objects);
	}
	return OK;
}

/* ---- the request ---- */

/* Whether a request still asks for all that the topology wants. */
static err is_as_planned(struct acme_order *o, const char *pem, struct arena *a, bool *out)
{
	struct topo topo;
	struct topo_host host;
	struct cert_request_view request;
	TRY(deploy_read(o->deployment, a, &topo, &host, &o->diag));
	TRY(cert_request_read(str_of(pem), false, a, &request, &o->diag));
	*out = true;
	for (str rest = str_of(o->conf.usages); rest.n != 0;) {
		enum plan_usage usage;
		struct plan_certificate plan;
		if (!plan_usage_find(str_split(rest, ',', &rest), &usage))
			continue;
		TRY(plan_certificate_host(&topo, &host, usage, a, &plan, &o->diag));
		for (size_t i = 0; i < plan.san.n; i++) {
			bool found = false;
			for (size_t j = 0; j < request.san.n; j++)
				found = found || str_eq_case(plan.san.p[i].name, request.san.p[j]);
			*out = *out && found;
		}
	}
	return OK;
}

static err keep_or_drop(struct acme_order *o, const json_t *pending, json_t **request)
{
	struct arena a DEFER(arena_fini) = { 0 };
	bool good = false;
	arena_init(&a, ROOM);
	if (failed(is_as_planned(o, text_of(pending, "Request"), &a, &good)))
		good = true; /* what cannot be judged here is judged by the authority */
	o->diag = (struct diag){ 0 };
	if (!good)
		return ask(o, "Remove-CsCertificate", json_pack("{s:s}", "Pending", text_of(pending, "Pending")), NULL);
	(void)printf("%s: the request that waits is used again\n", o->conf.usages);
	*request = json_string(text_of(pending, "Request"));
	return *request != NULL ? OK : ERR(NO_MEMORY);
}

/* Where an earlier run has come to: *request is what waits, or *thumbprint what only has to be used. */
static err find_earlier(struct acme_order *o, json_t **request, char thumbprint[CERTSTORE_THUMBPRINT])
{
	json_t *all = NULL, *one;
	size_t i;
	err e = OK;
	TRY(ask(o, "Get-CsCertificate", json_pack("{s:b}", "All", 1), &all));
	json_array_foreach(all, i, one) {
		const char *state = text_of(one, "State");
		if (o->conf.friendly[0] == '\0' || strcmp(text_of(one, "FriendlyName"), o->conf.friendly) != 0)
			continue;
		if (strcmp(state, "pending") == 0 && !failed(e))
			e = keep_or_drop(o, one, request);
		else if (strcmp(state, "unassigned") == 0 && !is_old(one))
			(void)str_to_z(str_of(text_of(one, "Thumbprint")), thumbprint, CERTSTORE_THUMBPRINT);
	}
	json_decref(all);
	return e;
}

static void make_name(struct acme_order *o)
{
	char day[32] = "";
	struct tm tm;
	time_t now = time(NULL);
	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &tm);
	(void)snprintf(o->conf.friendly, sizeof o->conf.friendly, "ACME %.60s %s", o->conf.usages, day);
}

/* Remembered first: a request that was made but not noted would never be found again. */
static err make_request(struct acme_order *o, json_t **request)
{
	json_t *objects = NULL;
	make_name(o);
	TRY(acme_conf_write(o->dir, &o->conf, &o->diag));
	TRY(ask(o, "Request-CsCertificate", json_pack("{s:b,s:o,s:s,s:s}", "New", 1, "Type", usages_list(o), "Output", "acme", "FriendlyName", o->conf.friendly), &objects));
	*request = json_incref(json_object_get(json_array_get(objects, 0), "Request"));
	json_decref(objects);
	(void)printf("%s: request made, its key stays with the server\n", o->conf.usages);
	return json_is_string(*request) ? OK : ERR(INTERNAL);
}

err acme_order_try(struct acme_order *o)
{
	return ask(o, "Request-CsCertificate", json_pack("{s:b,s:o,s:s,s:b}", "New", 1, "Type", usages_list(o), "Output", "acme", "WhatIf", 1), NULL);
}

/* ---- the answer ---- */

static err import(struct acme_order *o, str chain, char thumbprint[CERTSTORE_THUMBPRINT])
{
	json_t *objects = NULL;
	TRY(ask(o, "Import-CsCertificate", json_pack("{s:s,s:o}", "Path", "acme", "Content", sealed_bytes(chain.p, chain.n)), &objects));
	(void)str_to_z(str_of(text_of(json_array_get(objects, 0), "Thumbprint")), thumbprint, CERTSTORE_THUMBPRINT);
	json_decref(objects);
	return thumbprint[0] != '\0' ? OK : ERR(INTERNAL);
}

/* Those that we have ordered before, which are over and for nothing. What cannot be removed now is removed by the next run. */
static void drop_old(struct acme_order *o)
{
	char begin[ACME_NAME];
	json_t *all = NULL, *one;
	size_t i;
	(void)snprintf(begin, sizeof begin, "ACME %.60s ", o->conf.usages);
	if (failed(ask(o, "Get-CsCertificate", json_pack("{s:b}", "All", 1), &all)))
		return;
	json_array_foreach(all, i, one)
		if (strcmp(text_of(one, "State"), "unassigned") == 0 && str_begins(str_of(text_of(one, "FriendlyName")), str_of(begin)) && time_of(one, "NotAfter") < (int64_t)time(NULL))
			(void)failed(ask(o, "Remove-CsCertificate", json_pack("{s:s}", "Thumbprint", text_of(one, "Thumbprint")), NULL));
	json_decref(all);
	o->diag = (struct diag){ 0 };
}

static err use(struct acme_order *o, const char *thumbprint)
{
	json_t *objects = NULL;
	TRY(ask(o, "Set-CsCertificate", json_pack("{s:o,s:s}", "Type", usages_list(o), "Thumbprint", thumbprint), &objects));
	(void)printf("%s: certificate %s is in use, valid until %s, issued by %s\n", o->conf.usages, thumbprint, text_of(json_array_get(objects, 0), "NotAfter"),
		text_of(json_array_get(objects, 0), "Issuer"));
	json_decref(objects);
	drop_old(o);
	return OK;
}

/* ---- all of it ---- */

/* Whether anybody could be answered at all is said before the authority finds it out. */
static err check_http(struct acme_order *o)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct topo topo;
	struct topo_host host;
	if (o->conf.hook[0] != '\0')
		return OK;
	arena_init(&a, ROOM);
	TRY(deploy_read(o->deployment, &a, &topo, &host, &o->diag));
	if (topo_has_web(host.pool) && (host.pool->ports.http != 0 || host.pool->ports.external_http != 0))
		return OK;
	return diag_fail(&o->diag, ERR(REFUSED), "ports.http", "name a port for http or external-http in the topology and restart, or use --challenge dns-01 --hook PROGRAM",
		"this server answers nothing over plain HTTP");
}

static err have_signed(struct acme_order *o, const struct acme_run *run, json_t *request, char thumbprint[CERTSTORE_THUMBPRINT])
{
	struct acme_run with = *run;
	struct buf chain DEFER(buf_fini) = { 0 };
	buf_init(&chain, ACME_ANSWER_MAX);
	if (request == NULL)
		TRY(make_request(o, &request));
	with.request = (str){ json_string_value(request), json_string_length(request) };
	(void)fflush(stdout);
	err e = acme_client_run(&with, o->lock, &chain, &o->diag);
	json_decref(request);
	TRY(e);
	return import(o, buf_str(&chain), thumbprint);
}

err acme_order_run(struct acme_order *o, const struct acme_run *run)
{
	json_t *request = NULL;
	char thumbprint[CERTSTORE_THUMBPRINT] = "";
	TRY(check_http(o));
	TRY(find_earlier(o, &request, thumbprint));
	err e = acme_conf_write(o->dir, &o->conf, &o->diag);
	if (failed(e)) {
		json_decref(request);
		return e;
	}
	if (thumbprint[0] == '\0')
		TRY(have_signed(o, run, request, thumbprint));
	else
		json_decref(request);
	TRY(use(o, thumbprint));
	o->conf.friendly[0] = '\0'; /* done: the next order begins anew, whatever becomes of this certificate */
	return acme_conf_write(o->dir, &o->conf, &o->diag);
}
