/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 100000, DEPTH = 2000, HEAP_KIB = 4096, NEST = 50 };

struct pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
	pcre2_match_data *match;
};

void pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	pcre2_match_data_free(p->match);
	pcre2_match_context_free(p->limits);
	pcre2_code_free(p->code);
	free(p);
}

static pcre2_code *compile(str text, uint32_t options, int *error, size_t *at)
{
	pcre2_compile_context *c = pcre2_compile_context_create(NULL);
	if (c == NULL) {
		*error = PCRE2_ERROR_NOMEMORY;
		return NULL;
	}
	(void)pcre2_set_parens_nest_limit(c, NEST);
	(void)pcre2_set_max_pattern_length(c, PATTERN_TEXT_MAX);
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)(text.n != 0 ? text.p : ""), text.n, options, error, at, c);
	pcre2_compile_context_free(c);
	return code;
}

static err refuse(str text, int error, size_t at, struct diag *d)
{
	char why[120] = "";
	(void)pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
	if (error == PCRE2_ERROR_NOMEMORY)
		return ERR(NO_MEMORY);
	err e = diag_fail(d, ERR(MALFORMED), "pattern", "correct the regular expression", "%s after \"%.*s\"", why, STR_FMT(str_cut(text, 0, at < 60 ? at : 60)));
	if (d != NULL)
		d->column = (uint32_t)at + 1;
	return e;
}

err pattern_new(str text, unsigned flags, struct pattern **out, struct diag *d)
{
	int error = 0;
	size_t at = 0;
	/* no \C, which could cut a character in two */
	uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | ((flags & PATTERN_CASELESS) != 0 ? PCRE2_CASELESS : 0);
	if (text.n > PATTERN_TEXT_MAX)
		return diag_fail(d, ERR(CEILING), "pattern", "write a shorter one", "a regular expression has at most %d bytes", PATTERN_TEXT_MAX);
	struct pattern *p = calloc(1, sizeof *p);
	ENSURE(p != NULL, NO_MEMORY);
	p->code = compile(text, options, &error, &at);
	if (p->code == NULL) {
		pattern_free(p);
		return refuse(text, error, at, d);
	}
	p->limits = pcre2_match_context_create(NULL);
	p->match = pcre2_match_data_create(PATTERN_GROUPS_MAX, NULL);
	if (p->limits == NULL || p->match == NULL) {
		pattern_free(p);
		return ERR(NO_MEMORY);
	}
	(void)pcre2_set_match_limit(p->limits, STEPS);
	(void)pcre2_set_depth_limit(p->limits, DEPTH);
	(void)pcre2_set_heap_limit(p->limits, HEAP_KIB);
	*out = p;
	return OK;
}

static bool match_from(const struct pattern *p, str s, size_t from, str groups[PATTERN_GROUPS_MAX], size_t *n_groups)
{
	int n = pcre2_match(p->code, (PCRE2_SPTR)(s.n != 0 ? s.p : ""), s.n, from, 0, p->match, p->limits);
	if (n < 0)
		return false;
	const size_t *at = pcre2_get_ovector_pointer(p->match);
	size_t most = n == 0 ? PATTERN_GROUPS_MAX : (size_t)n;
	for (size_t i = 0; groups != NULL && i < PATTERN_GROUPS_MAX; i++)
		groups[i] = i < most && at[2 * i] != PCRE2_UNSET && at[2 * i] <= at[2 * i + 1] ? str_cut(s, at[2 * i], at[2 * i + 1]) : (str){ "", 0 };
	if (n_groups != NULL)
		*n_groups = most;
	return true;
}

bool pattern_match(const struct pattern *p, str s, str groups[PATTERN_GROUPS_MAX], size_t *n_groups)
{
	return match_from(p, s, 0, groups, n_groups);
}

void pattern_expand(str with, const str *groups, size_t n_groups, struct buf *out)
{
	for (size_t i = 0; i < with.n; i++) {
		char next = i + 1 < with.n ? with.p[i + 1] : '\0';
		if (with.p[i] != '$' || !((next >= '0' && next <= '9') || next == '$')) {
			buf_add_char(out, with.p[i]);
			continue;
		}
		i++;
		if (next == '$')
			buf_add_char(out, '$');
		else if ((size_t)(next - '0') < n_groups)
			buf_add(out, groups[next - '0']);
	}
}

bool pattern_replace(const struct pattern *p, str s, str with, bool every, struct buf *out)
{
	str groups[PATTERN_GROUPS_MAX];
	size_t n_groups = 0, done = 0, from = 0;
	bool any = false;
	while (from <= s.n && match_from(p, s, from, groups, &n_groups)) {
		size_t at = groups[0].n != 0 ? (size_t)(groups[0].p - s.p) : pcre2_get_ovector_pointer(p->match)[0];
		any = true;
		buf_add(out, str_cut(s, done, at));
		pattern_expand(with, groups, n_groups, out);
		done = at + groups[0].n;
		if (!every)
			break;
		size_t step = done < s.n ? str_utf8_length(str_cut(s, done, s.n)) : 1;
		from = groups[0].n != 0 ? done : done + (step != 0 ? step : 1); /* an empty match must not be found again */
	}
	buf_add(out, str_cut(s, done, s.n));
	return any;
}
