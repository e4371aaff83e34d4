/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as objects, and which of them a command means. */
#include "base/enc.h"
#include "role/vault/vault_cert.h"

#include <stdio.h>

enum { ROOM = 256 * 1024 };

static json_t *names(const struct topo_names *n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n->n; i++)
		(void)json_array_append_new(list, command_json(n->p[i]));
	return list;
}

/* What it is for: now, from a date on, before. */
static void add_state(const struct vault *v, const struct certstore_cert *c, json_t *o)
{
	char usages[CERTSTORE_USAGES];
	const char *state = certstore_usages(v->certstore, c, false) != 0 ? "assigned" : "unassigned";
	uint32_t set = certstore_usages(v->certstore, c, true);
	int64_t since = 0;
	for (unsigned u = 0; u < PLAN_USAGE_N; u++) {
		const struct certstore_assignment *a = certstore_assignment(v->certstore, (enum plan_usage)u);
		if (strcmp(a->previous, c->thumbprint) == 0 && strcmp(state, "unassigned") == 0)
			state = "previous";
		if (strcmp(a->next, c->thumbprint) == 0) {
			state = "next";
			since = a->since;
		}
	}
	certstore_usages_print(set, usages);
	(void)json_object_set_new(o, "Use", json_string(usages));
	(void)json_object_set_new(o, "State", json_string(state));
	if (since != 0)
		(void)json_object_set_new(o, "EffectiveDate", command_moment((uint64_t)since));
}

json_t *certificate_object(const struct vault *v, const struct certstore_cert *c)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct cert_view x;
	struct diag d;
	json_t *o = json_object();
	const struct key_entry *key = vault_key_find(v, c->key);
	arena_init(&a, ROOM);
	add_state(v, c, o);
	if (failed(cert_read(buf_str(&c->chain), &a, &x, &d)))
		return o;
	(void)json_object_set_new(o, "FriendlyName", command_json(str_of(c->friendly)));
	(void)json_object_set_new(o, "Subject", command_json(x.subject));
	(void)json_object_set_new(o, "AlternativeNames", names(&x.san));
	(void)json_object_set_new(o, "Issuer", command_json(x.issuer));
	(void)json_object_set_new(o, "NotBefore", command_moment((uint64_t)x.not_before));
	(void)json_object_set_new(o, "NotAfter", command_moment((uint64_t)x.not_after));
	(void)json_object_set_new(o, "SerialNumber", json_string(x.serial));
	(void)json_object_set_new(o, "Thumbprint", json_string(x.thumbprint));
	(void)json_object_set_new(o, "Key", command_json(x.key));
	(void)json_object_set_new(o, "HasPrivateKey", vault_keeper_is_there(v) ? json_boolean(key != NULL) : json_null());
	(void)json_object_set_new(o, "PrivateKeyExportable", json_boolean(key != NULL ? key->exportable : c->exportable));
	return o;
}

json_t *certificate_request_object(const struct certstore_request *r)
{
	char id[16];
	enc_hex(r->key, 8, id);
	return json_pack("{s:s,s:s,s:o,s:s#,s:o,s:b,s:o}", "Use", r->usages, "State", "pending", "FriendlyName", command_json(str_of(r->friendly)), "Pending", id, 16, "Made",
		command_moment((uint64_t)r->made), "PrivateKeyExportable", r->exportable, "Request", command_json(buf_str(&r->pem)));
}

/* ---- which ones ---- */

err certificate_usages(struct call *call, uint32_t *out)
{
	const json_t *list = command_value(call, "Type");
	size_t i;
	json_t *one;
	str bad;
	*out = 0;
	json_array_foreach(list, i, one) {
		uint32_t set;
		if (!certstore_usages_find(str_of(json_string_value(one)), &set, &bad)) {
			char all[CERTSTORE_USAGES];
			certstore_usages_print(UINT32_MAX, all);
			return diag_fail(&call->diag, ERR(USAGE), "Type", all, "\"%.*s\" is no use of a certificate", STR_FMT(str_cut(bad, 0, 60)));
		}
		*out |= set;
	}
	return OK;
}

err certificate_find(struct call *call, const struct certstore_cert **out)
{
	str thumbprint = STR("");
	(void)command_text(call, "Thumbprint", &thumbprint);
	*out = certstore_find(call->vault->certstore, thumbprint);
	if (*out == NULL)
		return diag_fail(&call->diag, ERR(ABSENT), "Thumbprint", "Get-CsCertificate -All lists them", "there is no certificate %.*s on this server", STR_FMT(str_cut(thumbprint, 0, 60)));
	return OK;
}

static bool shows(const struct call *call, const struct certstore_cert *c, uint32_t wanted)
{
	uint32_t set = certstore_usages(call->vault->certstore, c, command_switch(call, "All"));
	if (wanted != 0)
		return (set & wanted) != 0;
	return set != 0 || command_switch(call, "All");
}

err command_certificate_get(struct call *call)
{
	const struct certstore *s = call->vault->certstore;
	uint32_t wanted;
	TRY(certificate_usages(call, &wanted));
	for (size_t i = 0; i < certstore_count(s); i++)
		if (shows(call, certstore_at(s, i), wanted))
			TRY(command_add_object(call, certificate_object(call->vault, certstore_at(s, i))));
	for (size_t i = 0; command_switch(call, "All") && wanted == 0 && i < certstore_request_count(s); i++)
		TRY(command_add_object(call, certificate_request_object(certstore_request_at(s, i))));
	return OK;
}

/* ---- as planned? ---- */

struct judged {
	const char *result;
	struct buf detail;
};

static void find(struct judged *j, const char *result, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void find(struct judged *j, const char *result, const char *fmt, ...)
{
	char text[300];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (strcmp(j->result, "Failed") != 0)
		j->result = result;
	buf_printf(&j->detail, "%s%s", j->detail.n != 0 ? "; " : "", text);
}

static bool has_name(const struct topo_names *san, str name)
{
	for (size_t i = 0; i < san->n; i++)
		if (str_eq_case(san->p[i], name))
			return true;
	return false;
}

static void judge(struct vault *v, const struct plan_certificate *p, const struct certstore_cert *c, struct arena *a, struct judged *j)
{
	struct cert_view x;
	struct diag d;
	int64_t now = (int64_t)(vault_unix_ms() / 1000);
	if (failed(cert_read(buf_str(&c->chain), a, &x, &d))) {
		find(j, "Failed", "the certificate cannot be read");
		return;
	}
	if (vault_keeper_is_there(v) && vault_key_find(v, c->key) == NULL)
		find(j, "Failed", "its private key is not on this machine");
	if (c->until <= now)
		find(j, "Failed", "it has expired");
	else if (c->until < now + 30 * 86400)
		find(j, "Warning", "it expires in %lld days", (long long)((c->until - now) / 86400));
	if (c->from > now)
		find(j, "Failed", "it is not valid yet");
	if (!str_eq_case(x.cn, p->cn))
		find(j, "Failed", "its common name is %.*s, not %.*s", STR_FMT(str_cut(x.cn, 0, 100)), STR_FMT(str_cut(p->cn, 0, 100)));
	for (size_t i = 0; i < p->san.n; i++)
		if (!has_name(&x.san, p->san.p[i].name))
			find(j, "Failed", "it lacks the name %.*s (%s)", STR_FMT(str_cut(p->san.p[i].name, 0, 100)), plan_rules[p->san.p[i].rule].id);
}

static err test_one(struct call *call, const struct plan_certificate *p, enum plan_usage usage, struct arena *a)
{
	struct vault *v = call->vault;
	const struct certstore_cert *c = certstore_assigned(v->certstore, usage);
	struct judged j = { .result = "Passed" };
	buf_init(&j.detail, 8192);
	if (c == NULL)
		find(&j, "Failed", "no certificate is assigned; Request-CsCertificate -New -Type %s", plan_usage_word(usage));
	else
		judge(v, p, c, a, &j);
	json_t *o = json_pack("{s:s,s:s,s:o,s:o}", "Use", plan_usage_word(usage), "Result", j.result, "Thumbprint", c != NULL ? json_string(c->thumbprint) : json_null(), "Detail",
		command_json(buf_str(&j.detail)));
	buf_fini(&j.detail);
	return command_add_object(call, o);
}

err command_certificate_test(struct call *call)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct plan_certificates plans;
	arena_init(&a, 16 << 20);
	TRY(vault_plan(call->vault, &a, &plans, &call->diag));
	for (size_t i = 0; i < plans.n; i++)
		for (unsigned usage = 0; usage < PLAN_USAGE_N; usage++)
			if ((plans.p[i].usages & 1u << usage) != 0)
				TRY(test_one(call, &plans.p[i], (enum plan_usage)usage, &a));
	return OK;
}
