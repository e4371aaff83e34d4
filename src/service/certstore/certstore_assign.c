/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificate is for what: one small file, replaced as a whole. */
#include "service/certstore/certstore_priv.h"

#include "os/file.h"

enum { FILE_MOST = 64 * 1024 };

static const char path[] = "assigned";

/* ---- the file ---- */

static void take_thumbprint(const struct certstore *s, str word, char out[CERTSTORE_THUMBPRINT])
{
	const struct certstore_cert *c = certstore_find(s, word);
	(void)str_to_z(str_of(c != NULL ? c->thumbprint : ""), out, CERTSTORE_THUMBPRINT);
}

/* A certificate whose file somebody has taken away is not presented; better one that was than none. */
static void fall_back(struct certstore_assignment *a)
{
	if (a->current[0] == '\0') {
		memcpy(a->current, a->previous, sizeof a->current);
		a->previous[0] = '\0';
	}
	if (a->current[0] == '\0') {
		memcpy(a->current, a->next, sizeof a->current);
		a->next[0] = '\0';
	}
}

/* Whatever an assignment names. */
static void mark_used(struct certstore *s, const struct certstore_assignment *a)
{
	for (size_t i = 0; i < s->n; i++) {
		const char *name = s->certs[i].thumbprint;
		if (strcmp(name, a->current) == 0 || strcmp(name, a->previous) == 0 || strcmp(name, a->next) == 0)
			s->certs[i].was_used = true;
	}
}

static void take_line(struct certstore *s, str line)
{
	enum plan_usage usage;
	uint64_t since = 0;
	str rest, word = str_split(line, ' ', &rest);
	if (!plan_usage_find(word, &usage))
		return;
	struct certstore_assignment *a = &s->assigned[usage];
	take_thumbprint(s, str_split(rest, ' ', &rest), a->current);
	take_thumbprint(s, str_split(rest, ' ', &rest), a->previous);
	take_thumbprint(s, str_split(rest, ' ', &rest), a->next);
	if (str_to_u64(rest, &since))
		a->since = (int64_t)since;
	fall_back(a);
	mark_used(s, a);
}

err certstore_assigned_read(struct certstore *s, struct diag *d)
{
	struct buf text DEFER(buf_fini) = { 0 };
	err e = file_read(s->dir, path, FILE_MOST, &text, d);
	for (str rest = buf_str(&text); !failed(e) && rest.n != 0;)
		take_line(s, str_split(rest, '\n', &rest));
	return err_is(e, ERR_ABSENT) ? OK : e;
}

static const char *shown(const char *thumbprint)
{
	return thumbprint[0] != '\0' ? thumbprint : "-";
}

/* What is not written is not so: the assignments stay as the file says. */
static err change(struct certstore *s, const struct certstore_assignment after[PLAN_USAGE_N], struct diag *d)
{
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, FILE_MOST);
	for (unsigned u = 0; u < PLAN_USAGE_N; u++)
		if (after[u].current[0] != '\0' || after[u].next[0] != '\0')
			buf_printf(&text, "%s %s %s %s %lld\n", plan_usage_word((enum plan_usage)u), shown(after[u].current), shown(after[u].previous), shown(after[u].next),
				(long long)after[u].since);
	ENSURE(!text.failed, NO_MEMORY);
	TRY(file_write(s->dir, path, buf_str(&text), 0644, d));
	memcpy(s->assigned, after, sizeof s->assigned);
	for (unsigned u = 0; u < PLAN_USAGE_N; u++)
		mark_used(s, &after[u]);
	return OK;
}

/* ---- asking ---- */

const struct certstore_assignment *certstore_assignment(const struct certstore *s, enum plan_usage usage)
{
	return &s->assigned[usage];
}

const struct certstore_cert *certstore_assigned(const struct certstore *s, enum plan_usage usage)
{
	const char *thumbprint = s->assigned[usage].current;
	return thumbprint[0] != '\0' ? certstore_find(s, str_of(thumbprint)) : NULL;
}

uint32_t certstore_usages(const struct certstore *s, const struct certstore_cert *c, bool with_next)
{
	uint32_t set = 0;
	for (unsigned u = 0; u < PLAN_USAGE_N; u++)
		if (strcmp(s->assigned[u].current, c->thumbprint) == 0 || (with_next && strcmp(s->assigned[u].next, c->thumbprint) == 0))
			set |= 1u << u;
	return set;
}

/* ---- changing ---- */

static void put(struct certstore_assignment *a, const char *thumbprint)
{
	if (strcmp(a->current, thumbprint) != 0)
		memcpy(a->previous, a->current, sizeof a->previous);
	(void)str_to_z(str_of(thumbprint), a->current, sizeof a->current);
	a->next[0] = '\0';
	a->since = 0;
}

err certstore_assign(struct certstore *s, uint32_t usages, const struct certstore_cert *c, struct diag *d)
{
	struct certstore_assignment after[PLAN_USAGE_N];
	memcpy(after, s->assigned, sizeof after);
	for (unsigned u = 0; u < PLAN_USAGE_N; u++)
		if ((usages & 1u << u) != 0)
			put(&after[u], c->thumbprint);
	return change(s, after, d);
}

err certstore_roll(struct certstore *s, uint32_t usages, const struct certstore_cert *c, int64_t since, struct diag *d)
{
	struct certstore_assignment after[PLAN_USAGE_N];
	memcpy(after, s->assigned, sizeof after);
	for (unsigned u = 0; u < PLAN_USAGE_N; u++) {
		if ((usages & 1u << u) == 0)
			continue;
		if (after[u].current[0] == '\0')
			return diag_fail(d, ERR(REFUSED), "Roll", "assign it without -Roll", "%s has no certificate yet that could be followed", plan_usage_word((enum plan_usage)u));
		memcpy(after[u].next, c->thumbprint, sizeof after[u].next);
		after[u].since = since;
	}
	return change(s, after, d);
}

err certstore_unassign(struct certstore *s, uint32_t usages, struct diag *d)
{
	struct certstore_assignment after[PLAN_USAGE_N];
	memcpy(after, s->assigned, sizeof after);
	for (unsigned u = 0; u < PLAN_USAGE_N; u++)
		if ((usages & 1u << u) != 0)
			after[u] = (struct certstore_assignment){ .since = 0 };
	return change(s, after, d);
}

err certstore_tick(struct certstore *s, int64_t now, uint32_t *changed, struct diag *d)
{
	struct certstore_assignment after[PLAN_USAGE_N];
	uint32_t due = 0;
	*changed = 0;
	memcpy(after, s->assigned, sizeof after);
	for (unsigned u = 0; u < PLAN_USAGE_N; u++)
		if (after[u].next[0] != '\0' && after[u].since <= now) {
			char next[CERTSTORE_THUMBPRINT];
			memcpy(next, after[u].next, sizeof next);
			put(&after[u], next);
			due |= 1u << u;
		}
	if (due == 0)
		return OK;
	TRY(change(s, after, d));
	*changed = due;
	return OK;
}
