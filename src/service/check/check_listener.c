/* SPDX-License-Identifier: Apache-2.0 */
/* What a listener said when it was asked, and what there is at all. */
#include "service/check/check_priv.h"

#include "wire/hello.h"

#define CLOCK_SECONDS 60

void rule_unreadable(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->seen->failure.n > 0)
		check_say(c, s, "%.*s", CHECK_TEXT(s->seen->failure));
	else if (!s->is_readable)
		check_say(c, s, s->seen->chain.n == 0 ? "there is no certificate" : "certificate %zu of %zu is not readable", s->chain.n + 1, s->seen->chain.n);
}

void rule_clock_host(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	int64_t there = s->seen->probe != NULL ? s->seen->probe->clock : 0, ahead = there - c->policy->now;
	if (there != 0 && (ahead > CLOCK_SECONDS || ahead < -CLOCK_SECONDS))
		check_say(c, s, "it is %lld seconds %s", (long long)(ahead < 0 ? -ahead : ahead), ahead < 0 ? "behind" : "ahead");
}

void rule_versions(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	for (size_t i = 0; s->seen->probe != NULL && i < s->seen->probe->versions_n; i++)
		if (s->seen->probe->versions[i] < HELLO_TLS_1_2)
			check_say(c, s, "it speaks %s", hello_version_word(s->seen->probe->versions[i]));
}

/* Appends the names of all suites that have the fault; false: none has. */
static bool list_suites(const struct check_probe *probe, enum hello_grade grade, const char *why, struct buf *out)
{
	size_t n = 0;
	for (size_t i = 0; i < probe->suites.n; i++) {
		const struct hello_suite *suite = hello_suite_find(probe->suites.p[i]);
		if (suite != NULL && suite->grade == grade && strcmp(suite->why, why) == 0)
			buf_printf(out, "%s%s", n++ > 0 ? ", " : "", suite->name);
	}
	return n > 0;
}

/* A finding for each fault, with all suites that have it. */
static void say_suites(struct check *c, struct subject *s, enum hello_grade grade)
{
	for (size_t i = 0; s->seen->probe != NULL && hello_suite_at(i) != NULL; i++) {
		const struct hello_suite *suite = hello_suite_at(i);
		struct buf b;
		buf_init(&b, 8192);
		if (suite->grade == grade && list_suites(s->seen->probe, grade, suite->why, &b))
			check_say(c, s, "%s: %.*s", suite->why, (int)b.n, b.p); /* the next suite with this fault says the same, once */
		buf_fini(&b);
	}
}

void rule_broken(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	say_suites(c, s, HELLO_BROKEN);
}

void rule_dated(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	say_suites(c, s, HELLO_DATED);
}

void rule_no_1_3(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	const struct check_probe *probe = s->seen->probe;
	bool found = probe == NULL || probe->versions_n == 0;
	for (size_t i = 0; !found && i < probe->versions_n; i++)
		found = probe->versions[i] == HELLO_TLS_1_3;
	if (!found)
		check_say(c, s, "it speaks no TLS 1.3");
}

void rule_resume_here(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->seen->probe != NULL && s->seen->probe->resumption == CHECK_ANEW)
		check_say(c, s, "a session is not resumed");
}

/* That some members resume and others do not is what makes connections slow now and then. */
void rule_resume_pool(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	const struct check_probe *probe = s->seen->probe;
	for (size_t i = 0; probe != NULL && probe->resumption == CHECK_RESUMES && i < probe->elsewhere.n; i++)
		if (!probe->elsewhere.p[i].resumed)
			check_say(c, s, "its sessions are not resumed at %.*s", CHECK_TEXT(probe->elsewhere.p[i].place));
}

/* ---- everything at once ---- */

static bool was_asked(const struct check *c, const struct plan_certificate *p)
{
	for (size_t i = 0; i < c->subjects.n; i++) {
		const struct check_seen *seen = c->subjects.p[i].seen;
		if (seen->failure.n > 0 && seen->host.n > 0 && plan_certificate_is_on(p, seen->host) && check_has_usage(p, seen->usage))
			return true;
	}
	return false;
}

void rule_missing(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	for (size_t i = 0; c->evidence->is_whole && i < c->out->unseen.n; i++) {
		const struct plan_certificate *lost = c->out->unseen.p[i];
		if (was_asked(c, lost))
			continue; /* X-read says why there is none */
		struct buf usages;
		buf_init(&usages, 1024);
		check_print_usages(lost, &usages);
		check_say(c, NULL, "%.*s has no certificate for %.*s", CHECK_TEXT(lost->host), STR_FMT(buf_str(&usages)));
		buf_fini(&usages);
	}
}

void rule_unknown(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	if (s->match->plans.n == 0 && !check_is_authority(s))
		check_say(c, s, "\"%.*s\" fits nothing that is planned", CHECK_TEXT(s->match->leaf.subject));
}

typedef bool pair_fn(struct check *c, const struct subject *a, const struct subject *b);

/* Each pair of certificates, said at the second. */
static void each_pair(struct check *c, pair_fn *is_bad, const char *said)
{
	for (size_t i = 0; i < c->subjects.n; i++) {
		for (size_t k = 0; k < i; k++) {
			struct subject *a = &c->subjects.p[k], *b = &c->subjects.p[i];
			if (!a->match->has_leaf || !b->match->has_leaf || !is_bad(c, a, b))
				continue;
			check_say(c, b, "%s %.*s", said, CHECK_TEXT(a->seen->place));
			break;
		}
	}
}

static bool is_same(const struct subject *a, const struct subject *b)
{
	return strcmp(a->match->leaf.thumbprint, b->match->leaf.thumbprint) == 0;
}

static bool is_same_key(const struct subject *a, const struct subject *b)
{
	return memcmp(a->match->leaf.spki, b->match->leaf.spki, 32) == 0;
}

static bool is_serial_again(struct check *c, const struct subject *a, const struct subject *b)
{
	return !is_same(a, b) && str_eq(a->match->leaf.issuer, b->match->leaf.issuer) && strcmp(a->match->leaf.serial, b->match->leaf.serial) == 0;
}

void rule_serial(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	each_pair(c, is_serial_again, "it has the serial number of");
}

/* Taken for the same certificate, which several hosts are to share. */
static bool is_twin(const struct subject *a, const struct subject *b, uint32_t part)
{
	for (size_t i = 0; i < a->match->plans.n; i++)
		for (size_t k = 0; k < b->match->plans.n; k++) {
			const struct plan_certificate *p = a->match->plans.p[i];
			if (p == b->match->plans.p[k] && (check_parts(p) & part) != 0 && p->shared_with.n > 0)
				return true;
		}
	return false;
}

static bool is_edge_apart(struct check *c, const struct subject *a, const struct subject *b)
{
	return !is_same(a, b) && is_twin(a, b, PART_EDGE);
}

void rule_same_key(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	each_pair(c, is_edge_apart, "it is not the certificate of");
}

static bool is_for_one_host(const struct subject *s)
{
	bool is_one = s->match->plans.n > 0 && s->seen->host.n > 0;
	for (size_t i = 0; is_one && i < s->match->plans.n; i++)
		is_one = s->match->plans.p[i]->shared_with.n == 0;
	return is_one;
}

static bool is_key_shared(struct check *c, const struct subject *a, const struct subject *b)
{
	return is_same_key(a, b) && is_for_one_host(a) && is_for_one_host(b) && !check_name_eq(a->seen->host, b->seen->host);
}

void rule_shared_key(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	each_pair(c, is_key_shared, "it has the key of");
}

static bool is_oauth_apart(struct check *c, const struct subject *a, const struct subject *b)
{
	return !is_same(a, b) && (a->parts & b->parts & PART_OAUTH) != 0;
}

void rule_oauth(struct check *c, struct subject *s, const struct plan_certificate *p)
{
	each_pair(c, is_oauth_apart, "it is not the certificate of");
}
