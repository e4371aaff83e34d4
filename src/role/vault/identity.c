/* SPDX-License-Identifier: Apache-2.0 */
/* Identities as people write them, in the one form that is stored. */
#include "base/near.h"
#include "role/vault/vault_priv.h"

#include <stdarg.h>
#include <stdio.h>

static err set(struct identity *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static err set(struct identity *out, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(out->text, sizeof out->text, fmt, ap);
	va_end(ap);
	ENSURE(n > 0 && (size_t)n < sizeof out->text && n <= SCHEMA_IDENTITY_MAX, CEILING);
	out->n = (size_t)n;
	return OK;
}

/* ---- refusals ---- */

static void describe_forms(const struct schema_kind *k, char *out, size_t size)
{
	size_t n = (size_t)snprintf(out, size, "write");
	if (schema_has(k->scopes, SCHEMA_AT_GLOBAL))
		n += (size_t)snprintf(out + n, size - n, " Global,");
	if (schema_has(k->scopes, SCHEMA_AT_SITE))
		n += (size_t)snprintf(out + n, size - n, " Site:NAME,");
	if (schema_has(k->scopes, SCHEMA_AT_SERVICE))
		n += (size_t)snprintf(out + n, size - n, " Service:ROLE:POOL (%s),", k->of);
	if (schema_has(k->scopes, SCHEMA_AT_TAG) && n < size)
		n += (size_t)snprintf(out + n, size - n, " or a name,");
	if (n < size && n > 0)
		out[n - 1] = '\0';
}

static err refuse(struct call *call, const struct schema_kind *k, str given)
{
	char forms[220];
	describe_forms(k, forms, sizeof forms);
	return diag_fail(&call->diag, ERR(MALFORMED), "Identity", forms, "\"%.*s\" is no instance of a %s", STR_FMT(str_cut(given, 0, 100)), k->name);
}

/* "EdgeServe:..." was meant to be "EdgeServer:..." */
static err refuse_role(struct call *call, str given, str word, str near)
{
	static const char *const words[] = { "Global", "Site", "Service", "Tag" };
	struct near best = { .want = word };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		near_offer(&best, str_of(words[i]));
	str meant = near.n != 0 ? near : near_best(&best);
	char remedy[160] = "Get-CsService lists the services";
	if (meant.n != 0)
		(void)snprintf(remedy, sizeof remedy, "did you mean %.*s:?", STR_FMT(meant));
	return diag_fail(&call->diag, ERR(MALFORMED), "Identity", remedy, "there is no kind of service %.*s: in \"%.*s\"", STR_FMT(str_cut(word, 0, 40)),
		STR_FMT(str_cut(given, 0, 100)));
}

/* ---- names ---- */

static bool is_name(str s)
{
	if (s.n == 0 || s.n > 256 || s.p[0] == ' ' || s.p[s.n - 1] == ' ')
		return false;
	for (size_t i = 0; i < s.n;) {
		size_t n = str_utf8_length(str_cut(s, i, s.n));
		if (n == 0 || (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f || strchr("*?\"\n", s.p[i]) != NULL)
			return false;
		i += n;
	}
	return true;
}

static bool take(str *s, str prefix)
{
	if (!str_begins_case(*s, prefix))
		return false;
	*s = str_cut(*s, prefix.n, s->n);
	return true;
}

/* ---- services ---- */

/* "Registrar:pool01.example.test"; s is what stands after "Service:", if that was there. */
static err of_service(struct call *call, const struct schema_kind *k, str given, str s, struct place *out)
{
	str fqdn, near = STR(""), word = str_split(s, ':', &fqdn);
	const char *role = place_role(word, &near);
	if (role == NULL)
		return refuse_role(call, given, word, near);
	if (!schema_of_has(k, str_of(role)))
		return refuse(call, k, given);
	if (!place_find(call->vault, str_of(role), fqdn, out))
		return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsService lists the services", "the topology has no service %s:%.*s", role,
			STR_FMT(str_cut(fqdn, 0, 100)));
	return OK;
}

static err parse_service(struct call *call, const struct schema_kind *k, str given, struct identity *out)
{
	struct place p;
	str s = given, rest, role = str_split(str_of(k->of), ' ', &rest);
	(void)take(&s, STR("Service:"));
	if (str_find_char(s, ':') == s.n) { /* the pool alone: the kind says the rest */
		if (!place_find(call->vault, role, s, &p))
			return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsService lists the services", "the topology has no service %.*s:%.*s", STR_FMT(role),
				STR_FMT(str_cut(s, 0, 100)));
	} else {
		TRY(of_service(call, k, given, s, &p));
	}
	out->site = p.site;
	return set(out, "%s:%.*s", p.role, STR_FMT(p.fqdn));
}

/* ---- scopes ---- */

static err parse_site(struct call *call, const struct schema_kind *k, str given, str name, struct identity *out)
{
	if (!schema_has(k->scopes, SCHEMA_AT_SITE))
		return refuse(call, k, given);
	if (!place_site(call->vault, name, &out->site))
		return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsSite lists the sites", "the topology has no site %.*s", STR_FMT(str_cut(name, 0, 100)));
	return set(out, "Site:%.*s", STR_FMT(out->site));
}

static err parse_scoped(struct call *call, const struct schema_kind *k, str given, struct identity *out)
{
	struct place p;
	str s = given;
	bool tag = schema_has(k->scopes, SCHEMA_AT_TAG);
	if (str_eq_case(s, STR("Global")))
		return schema_has(k->scopes, SCHEMA_AT_GLOBAL) ? set(out, "Global") : refuse(call, k, given);
	if (take(&s, STR("Site:")))
		return parse_site(call, k, given, s, out);
	bool named = take(&s, STR("Tag:"));
	if (!named && (take(&s, STR("Service:")) || str_find_char(s, ':') < s.n)) {
		if (!schema_has(k->scopes, SCHEMA_AT_SERVICE))
			return refuse(call, k, given);
		TRY(of_service(call, k, given, s, &p));
		out->site = p.site;
		return set(out, "Service:%s:%.*s", p.role, STR_FMT(p.fqdn));
	}
	if (!tag || !is_name(s) || str_find_char(s, '/') < s.n || str_find_char(s, ':') < s.n)
		return refuse(call, k, given);
	return set(out, "Tag:%.*s", STR_FMT(s));
}

/* ---- parts of something ---- */

static err parse_child(struct call *call, const struct schema_kind *k, str given, struct identity *out)
{
	struct identity parent = { 0 };
	str name = given, above = STR("Global");
	size_t at = given.n;
	while (at != 0 && given.p[at - 1] != '/')
		at--;
	if (at != 0) {
		above = str_cut(given, 0, at - 1);
		name = str_cut(given, at, given.n);
	} else {
		(void)command_text(call, "Parent", &above);
	}
	if (!is_name(name))
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", "write PARENT/NAME: Global/Example", "\"%.*s\" is no name", STR_FMT(str_cut(given, 0, 100)));
	err e = ERR(MALFORMED);
	for (str rest = str_of(k->of); rest.n != 0 && err_is(e, ERR_MALFORMED);) {
		const struct schema_kind *pk = schema_find(str_split(rest, ' ', &rest));
		if (pk == NULL)
			continue;
		call->diag = (struct diag){ 0 };
		parent = (struct identity){ 0 };
		e = identity_parse(call, pk, above, &parent);
		out->parent_kind = pk;
	}
	TRY(e);
	out->site = parent.site;
	out->parent = parent.n;
	return set(out, "%s/%.*s", parent.text, STR_FMT(name));
}

/* ---- any ---- */

static err parse_listed(struct call *call, const struct schema_kind *k, str given, struct identity *out)
{
	str s = given;
	(void)take(&s, STR("Global/"));
	if (k->id == SCHEMA_ID_Site) {
		(void)take(&s, STR("Site:"));
		if (!place_site(call->vault, s, &out->site))
			return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsSite lists the sites", "the topology has no site %.*s", STR_FMT(str_cut(s, 0, 100)));
		return set(out, "%.*s", STR_FMT(out->site));
	}
	if (!is_name(s))
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", "give a name of 1 to 256 bytes without control characters and * ? \"", "\"%.*s\" cannot be the name of a %s",
			STR_FMT(str_cut(given, 0, 100)), k->name);
	return set(out, "%.*s", STR_FMT(s));
}

err identity_parse(struct call *call, const struct schema_kind *k, str given, struct identity *out)
{
	*out = (struct identity){ .kind = k };
	str s = str_trim(given);
	switch (k->base) {
	case SCHEMA_POLICY:
	case SCHEMA_CONFIG:
		return parse_scoped(call, k, s, out);
	case SCHEMA_CHILD:
		return parse_child(call, k, s, out);
	case SCHEMA_SERVICE:
		return parse_service(call, k, s, out);
	default:
		return parse_listed(call, k, s, out);
	}
}

static bool is_sip_domain(const struct vault *v, str name)
{
	for (size_t i = 0; i < v->topo.sip_domains.n; i++)
		if (str_eq_case(v->topo.sip_domains.p[i], name))
			return true;
	return false;
}

/* What every service has one of, and nobody makes. */
bool identity_is_of_services(const struct schema_kind *k)
{
	return k->base == SCHEMA_SERVICE || (k->base == SCHEMA_CONFIG && schema_has(k->scopes, SCHEMA_AT_SERVICE) && !schema_has(k->verbs, SCHEMA_VERB_NEW));
}

bool identity_is_implicit(const struct call *call, const struct identity *i)
{
	str s = identity_str(i);
	switch (i->kind->id) {
	case SCHEMA_ID_AdminRole:
	case SCHEMA_ID_Group:
		return rbac_standard_find(s) != RBAC_STANDARD_N;
	case SCHEMA_ID_Site:
		return true; /* parsed against the topology */
	case SCHEMA_ID_SipDomain:
		return is_sip_domain(call->vault, s);
	default:
		return identity_is_of_services(i->kind) || (i->kind->base != SCHEMA_LIST && str_eq(s, STR("Global")));
	}
}
