/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of plan_rule.def and plan_usage.def as tables. */
#include "service/plan/plan_priv.h"

const struct plan_rule_row plan_rules[PLAN_RULE_N] = {
#define RULE(name, ...) [PLAN_RULE_##name] = { __VA_ARGS__ },
#include "service/plan/plan_rule.def"
#undef RULE
};

static const struct {
	const char *word, *help;
} usages[PLAN_USAGE_N] = {
#define USAGE(name, ...) [PLAN_##name] = { __VA_ARGS__ },
#include "service/plan/plan_usage.def"
#undef USAGE
};

const char *plan_usage_word(enum plan_usage usage)
{
	return usages[usage].word;
}

bool plan_usage_find(str word, enum plan_usage *out)
{
	for (unsigned i = 0; i < PLAN_USAGE_N; i++) {
		if (str_eq_case(word, str_of(usages[i].word))) {
			*out = (enum plan_usage)i;
			return true;
		}
	}
	return false;
}
