/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of dialled numbers: dial plans, policies, routes, trunks, by the objects as they are stored. */
#include "role/vault/vault_priv.h"

#include "wire/pattern.h"

#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_MOST = 512 };

/* ---- objects in the order of their priority ---- */

struct gather {
	struct call *call;
	json_t *list;            /* bodies with "Identity" (the part after the parent) and all defaults */
	const struct identity *parent; /* NULL: a list of its own */
};

static err gather_one(void *arg, const struct identity *i, json_t *body)
{
	struct gather *g = arg;
	if (g->parent != NULL && !(i->parent == g->parent->n && str_eq_case((str){ i->text, i->parent }, identity_str(g->parent))))
		return OK;
	str name = g->parent != NULL ? str_cut(identity_str(i), i->parent + 1, i->n) : identity_str(i);
	return json_array_append_new(g->list, schema_show(i->kind, name, body)) == 0 ? OK : ERR(NO_MEMORY);
}

static json_int_t priority_of(const json_t *o)
{
	const json_t *p = json_object_get(o, "Priority");
	return json_is_integer(p) ? json_integer_value(p) : INT32_MAX;
}

/* Insertion: lists are short, and equal priorities keep the order of their names. */
static void sort(json_t *list)
{
	for (size_t i = 1; i < json_array_size(list); i++)
		for (size_t k = i; k != 0 && priority_of(json_array_get(list, k - 1)) > priority_of(json_array_get(list, k)); k--) {
			json_t *o = json_incref(json_array_get(list, k));
			(void)json_array_remove(list, k);
			(void)json_array_insert_new(list, k - 1, o);
		}
}

static err ordered(struct call *call, enum schema_id kind, const struct identity *parent, json_t **out)
{
	struct gather g = { call, json_array(), parent };
	err e = object_each(call, &schema_kinds[kind], gather_one, &g);
	if (failed(e)) {
		json_decref(g.list);
		return e;
	}
	sort(g.list);
	*out = g.list;
	return OK;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	return s != NULL ? s : "";
}

/* ---- translation ---- */

static bool matches(const char *pattern, str number, str groups[PATTERN_GROUPS_MAX], size_t *n)
{
	struct pattern *p = NULL;
	bool is = pattern[0] != '\0' && !failed(pattern_new(str_of(pattern), 0, &p, NULL)) && pattern_match(p, number, groups, n);
	pattern_free(p);
	return is;
}

/* The first rule that matches makes the number; false: none does. */
static bool translate(const json_t *rules, str number, struct buf *out, const char **rule)
{
	size_t i;
	json_t *one;
	json_array_foreach(rules, i, one) {
		str groups[PATTERN_GROUPS_MAX];
		size_t n = 0;
		if (!matches(text_of(one, "Pattern"), number, groups, &n))
			continue;
		pattern_expand(str_of(text_of(one, "Translation")), groups, n, out);
		*rule = text_of(one, "Identity");
		return !out->failed;
	}
	return false;
}

/* What people dial with blanks, dashes and brackets is digits to the rules. */
static str plain_number(str s, char room[NUMBER_MOST])
{
	size_t n = 0;
	for (size_t i = 0; i < s.n && n < NUMBER_MOST; i++)
		if (strchr(" -().", s.p[i]) == NULL)
			room[n++] = s.p[i];
	return (str){ room, n };
}

/* A dial plan without rules has the one that it begins with. */
static err dial_plan_rules(struct call *call, const struct identity *plan, json_t **out)
{
	TRY(ordered(call, SCHEMA_ID_VoiceNormalizationRule, plan, out));
	if (json_array_size(*out) == 0)
		(void)json_array_append_new(*out, json_pack("{s:s,s:s,s:s}", "Identity", "Prefix All", "Pattern", "^(\\d{11})$", "Translation", "+$1"));
	return OK;
}

struct outcome {
	char number[NUMBER_MOST + 1];
	char rule[300], usage[300], route[300];
	json_t *gateways;
	bool translated, routed;
};

static err normalize(struct call *call, const struct identity *plan, str dialed, struct outcome *o)
{
	char room[NUMBER_MOST];
	struct buf out DEFER(buf_fini) = { 0 };
	json_t *rules = NULL;
	const char *rule = "";
	buf_init(&out, NUMBER_MOST);
	TRY(dial_plan_rules(call, plan, &rules));
	o->translated = translate(rules, plain_number(dialed, room), &out, &rule);
	(void)snprintf(o->rule, sizeof o->rule, "%s", o->translated ? rule : "");
	(void)snprintf(o->number, sizeof o->number, "%.*s", (int)out.n, out.p != NULL ? out.p : "");
	json_decref(rules);
	return OK;
}

/* ---- routes ---- */

static bool has(const json_t *list, const char *text)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
		if (str_eq_case(str_of(json_string_value(one)), str_of(text)))
			return true;
	return false;
}

static bool find_route(const json_t *routes, const char *usage, str number, struct outcome *o)
{
	size_t i;
	json_t *route;
	json_array_foreach(routes, i, route) {
		if (!has(json_object_get(route, "PstnUsages"), usage) || !matches(text_of(route, "NumberPattern"), number, NULL, NULL))
			continue;
		(void)snprintf(o->route, sizeof o->route, "%s", text_of(route, "Identity"));
		(void)snprintf(o->usage, sizeof o->usage, "%s", usage);
		o->gateways = json_incref(json_object_get(route, "PstnGatewayList"));
		return true;
	}
	return false;
}

/* The usages of the policy in their order, and for each the routes in theirs. */
static err route(struct call *call, const struct identity *policy, str number, struct outcome *o)
{
	json_t *body = NULL, *routes = NULL, *usage;
	size_t i;
	TRY(object_load(call, policy, &body));
	err e = ordered(call, SCHEMA_ID_VoiceRoute, NULL, &routes);
	json_array_foreach(json_object_get(body, "PstnUsages"), i, usage)
		if (!failed(e) && !o->routed)
			o->routed = find_route(routes, json_string_value(usage), number, o);
	json_decref(routes);
	json_decref(body);
	return e;
}

/* ---- parameters ---- */

static err named(struct call *call, const char *parameter, enum schema_id kind, struct identity *out)
{
	str name = STR("");
	json_t *body = NULL;
	(void)command_text(call, parameter, &name);
	TRY(identity_parse(call, &schema_kinds[kind], name, out));
	TRY(object_load(call, out, &body));
	json_decref(body);
	return command_reach(call, &(struct rbac_thing){ .site = out->site, .name = out->text });
}

static str number_of(const struct call *call, const char *parameter)
{
	str s = STR("");
	(void)command_text(call, parameter, &s);
	return s;
}

static json_t *or_null(const char *s)
{
	return s[0] != '\0' ? json_string(s) : json_null();
}

/* ---- the cmdlets ---- */

err command_dial_plan_test(struct call *call)
{
	struct identity plan;
	struct outcome o = { 0 };
	TRY(named(call, "Dialplan", SCHEMA_ID_DialPlan, &plan));
	TRY(normalize(call, &plan, number_of(call, "DialedNumber"), &o));
	return command_add_object(call, json_pack("{s:o,s:o}", "TranslatedNumber", or_null(o.number), "MatchingRule", or_null(o.rule)));
}

err command_normalization_test(struct call *call)
{
	struct identity i;
	char room[NUMBER_MOST];
	struct buf out DEFER(buf_fini) = { 0 };
	json_t *body = NULL;
	const char *rule = "";
	buf_init(&out, NUMBER_MOST);
	TRY(named(call, "NormalizationRule", SCHEMA_ID_VoiceNormalizationRule, &i));
	TRY(object_load(call, &i, &body));
	json_t *list = json_pack("[o]", schema_show(i.kind, identity_str(&i), body));
	bool is = translate(list, plain_number(number_of(call, "DialedNumber"), room), &out, &rule);
	json_decref(list);
	json_decref(body);
	return command_add_object(call, json_pack("{s:o}", "TranslatedNumber", is ? json_stringn(out.p != NULL ? out.p : "", out.n) : json_null()));
}

err command_route_test(struct call *call)
{
	struct identity i;
	json_t *body = NULL;
	TRY(named(call, "Route", SCHEMA_ID_VoiceRoute, &i));
	TRY(object_load(call, &i, &body));
	json_t *shown = schema_show(i.kind, identity_str(&i), body);
	bool is = matches(text_of(shown, "NumberPattern"), number_of(call, "TargetNumber"), NULL, NULL);
	json_decref(shown);
	json_decref(body);
	return command_add_object(call, json_pack("{s:b}", "MatchesPattern", is));
}

err command_voice_policy_test(struct call *call)
{
	struct identity policy;
	struct outcome o = { 0 };
	TRY(named(call, "VoicePolicy", SCHEMA_ID_VoicePolicy, &policy));
	TRY(route(call, &policy, number_of(call, "TargetNumber"), &o));
	json_decref(o.gateways);
	return command_add_object(call, json_pack("{s:o,s:o}", "FirstMatchingRoute", or_null(o.route), "FirstMatchingUsage", or_null(o.usage)));
}

static err by_trunk(struct call *call, enum schema_id kind, const struct identity *trunk, str number, char out[NUMBER_MOST + 1], char rule[300])
{
	struct buf b DEFER(buf_fini) = { 0 };
	json_t *rules = NULL;
	const char *name = "";
	buf_init(&b, NUMBER_MOST);
	TRY(ordered(call, kind, trunk, &rules));
	bool is = translate(rules, number, &b, &name);
	/* what no rule takes goes out as it is */
	(void)snprintf(out, NUMBER_MOST + 1, "%.*s", STR_FMT(is ? buf_str(&b) : str_cut(number, 0, NUMBER_MOST)));
	(void)snprintf(rule, 300, "%s", is ? name : "");
	json_decref(rules);
	return OK;
}

err command_trunk_test(struct call *call)
{
	struct identity trunk;
	char called[NUMBER_MOST + 1], rule[300], calling[NUMBER_MOST + 1], calling_rule[300];
	TRY(named(call, "TrunkConfiguration", SCHEMA_ID_TrunkConfiguration, &trunk));
	TRY(by_trunk(call, SCHEMA_ID_OutboundTranslationRule, &trunk, number_of(call, "DialedNumber"), called, rule));
	TRY(by_trunk(call, SCHEMA_ID_OutboundCallingNumberTranslationRule, &trunk, number_of(call, "CallingNumber"), calling, calling_rule));
	return command_add_object(call, json_pack("{s:o,s:o,s:o,s:o}", "TranslatedNumber", or_null(called), "MatchingRule", or_null(rule), "TranslatedCallingNumber", or_null(calling),
		"CallingNumberMatchingRule", or_null(calling_rule)));
}

err command_voice_user_test(struct call *call)
{
	char room[VAULT_AOR];
	str given = number_of(call, "SipUri"), aor;
	struct identity plan, policy;
	struct outcome o = { 0 };
	const char *why;
	json_t *body = NULL;
	TRY(command_user_identity(call, given, room, &aor));
	TRY(command_user_body(call, aor, &body));
	err e = command_reach_user(call, aor, body, false);
	if (!failed(e))
		e = effective_policy(call, &schema_kinds[SCHEMA_ID_DialPlan], body, &plan, &why);
	if (!failed(e))
		e = effective_policy(call, &schema_kinds[SCHEMA_ID_VoicePolicy], body, &policy, &why);
	if (!failed(e))
		e = normalize(call, &plan, number_of(call, "DialedNumber"), &o);
	if (!failed(e) && o.translated)
		e = route(call, &policy, str_of(o.number), &o);
	json_decref(body);
	TRY(e);
	return command_add_object(call, json_pack("{s:s,s:o,s:o,s:s,s:o,s:o,s:o}", "DialPlan", plan.text, "TranslatedNumber", or_null(o.number), "MatchingRule", or_null(o.rule), "VoicePolicy",
		policy.text, "FirstMatchingUsage", or_null(o.usage), "FirstMatchingRoute", or_null(o.route), "PstnGatewayList", o.gateways != NULL ? o.gateways : json_array()));
}

static bool is_expected(const json_t *test, const char *name, const char *got)
{
	const char *want = text_of(test, name);
	return want[0] == '\0' || str_eq_case(str_of(want), str_of(got));
}

err command_voice_test_test(struct call *call)
{
	struct identity test, plan, policy;
	struct outcome o = { 0 };
	json_t *body = NULL;
	TRY(named(call, "Identity", SCHEMA_ID_VoiceTestConfiguration, &test));
	TRY(object_load(call, &test, &body));
	json_t *t = schema_show(test.kind, identity_str(&test), body);
	json_decref(body);
	err e = identity_parse(call, &schema_kinds[SCHEMA_ID_DialPlan], str_of(text_of(t, "TargetDialplan")), &plan);
	if (!failed(e))
		e = identity_parse(call, &schema_kinds[SCHEMA_ID_VoicePolicy], str_of(text_of(t, "TargetVoicePolicy")), &policy);
	if (!failed(e))
		e = normalize(call, &plan, str_of(text_of(t, "DialedNumber")), &o);
	if (!failed(e) && o.translated)
		e = route(call, &policy, str_of(o.number), &o);
	bool good = is_expected(t, "ExpectedTranslatedNumber", o.number) && is_expected(t, "ExpectedUsage", o.usage) && is_expected(t, "ExpectedRoute", o.route);
	json_decref(o.gateways);
	json_decref(t);
	TRY(e);
	return command_add_object(call, json_pack("{s:s,s:o,s:o,s:o,s:o}", "Result", good ? "Success" : "Failure", "TranslatedNumber", or_null(o.number), "MatchingRule", or_null(o.rule),
		"FirstMatchingUsage", or_null(o.usage), "FirstMatchingRoute", or_null(o.route)));
}

err command_voice_policy_copy(struct call *call)
{
	struct identity from, to;
	str name = STR("");
	json_t *body = NULL;
	(void)command_text(call, "PolicyName", &name);
	TRY(named(call, "Identity", SCHEMA_ID_VoicePolicy, &from));
	TRY(identity_parse(call, from.kind, name, &to));
	TRY(command_reach(call, &(struct rbac_thing){ .writes = true, .site = to.site, .name = to.text }));
	if (object_exists(call, &to))
		return diag_fail(&call->diag, ERR(EXISTS), "PolicyName", "choose another name", "there is a VoicePolicy %s already", to.text);
	TRY(object_load(call, &from, &body));
	err e = change_object(call, to.kind, identity_str(&to), NULL, body);
	if (!failed(e))
		e = command_add_object(call, schema_show(to.kind, identity_str(&to), body));
	json_decref(body);
	return e;
}
