/* SPDX-License-Identifier: Apache-2.0 */
/* All listeners: each alone first, then the sessions of one at the other members of its pool. */
#include "prog/witan/look_probe.h"

#include <stdio.h>

enum { PROBE_OCTETS = 4 << 20, MEMBERS = 4 /* at which a session is tried */ };

struct probing {
	struct probe *p;
	size_t n;
};

static void ask_one(void *arg, size_t i)
{
	struct probe *p = &((struct probing *)arg)->p[i];
	p->until = probe_clock() + PROBE_ALL_MS;
	probe_hellos(p);
	if (p->failure[0] == '\0')
		probe_handshake(p);
}

static bool is_member(const struct look_target *a, const struct look_target *b)
{
	return a != b && a->pool.n > 0 && str_eq(a->pool, b->pool) && a->port == b->port && str_eq(a->usage, b->usage) && !str_eq(a->host, b->host);
}

static str place_of(struct arena *a, const struct look_target *t)
{
	str parts[] = { t->dial, STR(":"), arena_decimal(a, t->port) };
	return arena_join(a, parts, sizeof parts / sizeof *parts);
}

static void try_members(void *arg, size_t i)
{
	struct probing *all = arg;
	struct probe *p = &all->p[i];
	if (p->session == NULL || p->found.resumption != CHECK_RESUMES)
		return;
	p->found.elsewhere.p = arena_alloc(&p->arena, MEMBERS * sizeof *p->found.elsewhere.p);
	for (size_t k = 0; p->found.elsewhere.p != NULL && k < all->n && p->found.elsewhere.n < MEMBERS; k++) {
		if (!is_member(p->target, all->p[k].target) || all->p[k].chain.n == 0)
			continue;
		p->found.elsewhere.p[p->found.elsewhere.n++] =
			(struct check_resumption){ place_of(&p->arena, all->p[k].target), probe_resumes(p, all->p[k].target) };
	}
}

/* What a thread has found, copied to where the others' things are. */
static err keep(struct look *l, const struct probe *p)
{
	struct check_probe *found = arena_alloc(l->arena, sizeof *found);
	struct check_seen seen = { .place = place_of(l->arena, p->target),
		.host = p->target->host,
		.usage = p->target->usage,
		.is_ordered = true,
		.failure = arena_copy(l->arena, str_of(p->chain.n == 0 ? p->failure : "")),
		.probe = found };
	seen.chain.p = arena_alloc(l->arena, (p->chain.n + 1) * sizeof(str));
	ENSURE(found != NULL && seen.place.p != NULL && seen.failure.p != NULL && seen.chain.p != NULL, CEILING);
	*found = p->found;
	found->suites.p = arena_alloc(l->arena, (found->suites.n + 1) * sizeof *found->suites.p);
	found->elsewhere.p = arena_alloc(l->arena, (found->elsewhere.n + 1) * sizeof *found->elsewhere.p);
	ENSURE(found->suites.p != NULL && found->elsewhere.p != NULL, CEILING);
	for (size_t i = 0; i < found->suites.n; i++)
		found->suites.p[i] = p->found.suites.p[i];
	for (size_t i = 0; i < found->elsewhere.n; i++) {
		found->elsewhere.p[i] = p->found.elsewhere.p[i];
		found->elsewhere.p[i].place = arena_copy(l->arena, p->found.elsewhere.p[i].place);
		ENSURE(found->elsewhere.p[i].place.p != NULL, CEILING);
	}
	for (size_t i = 0; i < p->chain.n; i++) {
		seen.chain.p[seen.chain.n++] = arena_copy(l->arena, p->chain.p[i]);
		ENSURE(seen.chain.p[i].p != NULL, CEILING);
	}
	return look_add(l, seen);
}

static void end(struct probing *all)
{
	for (size_t i = 0; i < all->n; i++) {
		SSL_SESSION_free(all->p[i].session);
		arena_fini(&all->p[i].arena);
	}
}

err look_listeners(struct look *l, const struct look_target *targets, size_t n, struct diag *d)
{
	struct probing all = { arena_zalloc(l->arena, (n + 1) * sizeof *all.p), n };
	ENSURE(all.p != NULL && n <= CHECK_SEEN_MAX, CEILING);
	for (size_t i = 0; i < n; i++) {
		all.p[i].look = l;
		all.p[i].target = &targets[i];
		arena_init(&all.p[i].arena, PROBE_OCTETS);
	}
	err e = look_each(n, ask_one, &all, "listeners");
	if (!failed(e))
		e = look_each(n, try_members, &all, "listeners, their sessions at other members");
	for (size_t i = 0; !failed(e) && i < n; i++)
		e = keep(l, &all.p[i]);
	end(&all);
	return failed(e) ? diag_fail(d, e, "listeners", "ask fewer at once", "%s", e.def->text) : OK;
}
