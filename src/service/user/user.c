/* SPDX-License-Identifier: Apache-2.0 */
#include "service/user.h"

#include "base/crypt.h"

#include <stdlib.h>

#define DOMAINS_MAX 2048 /* bytes of the list of SIP domains */

struct users {
	struct map by_aor;
	uint32_t snapshot; /* number of the last one that was begun */
	bool is_snapshot;
	char domains[DOMAINS_MAX];
	size_t domains_n;
};

/* Nodes and users are ours and were never const; readers see them so. */
static struct user *user_of(const struct map_node *n)
{
	return MAP_OF((uintptr_t)n, struct user, node);
}

static str user_key(const struct map_node *n)
{
	return user_aor(user_of(n));
}

err users_new(struct users **out)
{
	struct users *s = calloc(1, sizeof *s);
	ENSURE(s != NULL, NO_MEMORY);
	map_init(&s->by_aor, user_key);
	*out = s;
	return OK;
}

const struct user *user_ref(const struct user *u)
{
	user_of(&u->node)->refs++;
	return u;
}

void user_unref(const struct user *u)
{
	if (u == NULL)
		return;
	struct user *mine = user_of(&u->node);
	ASSERT(mine->refs > 0);
	if (--mine->refs != 0)
		return;
	crypt_wipe(mine->ha1_md5, sizeof mine->ha1_md5);
	crypt_wipe(mine->ha1_sha256, sizeof mine->ha1_sha256);
	free(mine->text);
	free(mine);
}

/* Takes u out of the table; who holds a reference sees that he is gone. */
static void drop(struct users *s, struct user *u)
{
	map_remove(&s->by_aor, &u->node);
	u->enabled = false;
	u->epoch++;
	user_unref(u);
}

static void drop_each(void *arg, struct map_node *n)
{
	drop(arg, user_of(n));
}

void users_free(struct users *s)
{
	if (s == NULL)
		return;
	map_each(&s->by_aor, drop_each, s);
	map_fini(&s->by_aor);
	free(s);
}

void users_begin(struct users *s)
{
	s->snapshot++;
	s->is_snapshot = true;
}

/* The end of a snapshot: who hears of each that it did not name. */
struct ending {
	struct users *users;
	void (*gone)(void *arg, str aor);
	void *arg;
};

static void drop_unseen(void *arg, struct map_node *n)
{
	const struct ending *e = arg;
	if (user_of(n)->seen == e->users->snapshot)
		return;
	const struct user *u = user_ref(user_of(n));
	drop(e->users, user_of(n));
	if (e->gone != NULL)
		e->gone(e->arg, user_aor(u));
	user_unref(u);
}

void users_end(struct users *s, void (*gone)(void *arg, str aor), void *arg)
{
	struct ending e = { s, gone, arg };
	if (s->is_snapshot)
		map_each(&s->by_aor, drop_unseen, &e);
	s->is_snapshot = false;
}

static struct user *find(const struct users *s, str aor)
{
	struct map_node *n = map_find(&s->by_aor, aor);
	return n != NULL ? user_of(n) : NULL;
}

static bool is_valid(const struct user_row *row)
{
	return row->aor.n != 0 && row->aor.n <= USER_AOR_MAX && (row->ha1_md5.n == 0 || row->ha1_md5.n == 16) &&
	       row->ha1_sha256.n == 32 && row->grants.n <= USER_GRANTS_MAX;
}

/* A change that ends what was proven before: password, whether he may sign in, and how. */
static bool is_same_proof(const struct user *u, const struct user_row *row)
{
	return u->enabled == row->enabled && u->needs_certificate == row->needs_certificate && u->has_md5 == (row->ha1_md5.n != 0) &&
	       crypt_equal(u->ha1_sha256, row->ha1_sha256.p, sizeof u->ha1_sha256) &&
	       (!u->has_md5 || crypt_equal(u->ha1_md5, row->ha1_md5.p, sizeof u->ha1_md5));
}

static void set_proof(struct user *u, const struct user_row *row)
{
	u->enabled = row->enabled;
	u->needs_certificate = row->needs_certificate;
	u->has_md5 = row->ha1_md5.n != 0;
	memcpy(u->ha1_sha256, row->ha1_sha256.p, sizeof u->ha1_sha256);
	if (u->has_md5)
		memcpy(u->ha1_md5, row->ha1_md5.p, sizeof u->ha1_md5);
	u->epoch++;
}

/* aor, display name and grants in one piece of memory */
static err set_text(struct user *u, const struct user_row *row)
{
	const str parts[] = { row->aor, str_cut(row->display_name, 0, USER_NAME_MAX), row->grants };
	size_t n = 0;
	char *text = malloc(parts[0].n + parts[1].n + parts[2].n);
	ENSURE(text != NULL, NO_MEMORY);
	for (size_t i = 0; i < 3; i++) {
		if (parts[i].n != 0)
			memcpy(text + n, parts[i].p, parts[i].n);
		n += parts[i].n;
	}
	free(u->text);
	u->text = text;
	u->aor_n = (uint16_t)parts[0].n;
	u->name_n = (uint16_t)parts[1].n;
	u->grants_n = (uint16_t)parts[2].n;
	return OK;
}

static err add(struct users *s, const struct user_row *row, struct user **out)
{
	struct user *u = calloc(1, sizeof *u);
	ENSURE(u != NULL, NO_MEMORY);
	u->refs = 1;
	err e = set_text(u, row);
	if (!failed(e))
		e = map_add(&s->by_aor, &u->node);
	if (failed(e)) {
		user_unref(u);
		return e;
	}
	set_proof(u, row);
	*out = u;
	return OK;
}

err users_put(struct users *s, const struct user_row *row)
{
	ENSURE(is_valid(row), MALFORMED);
	struct user *u = find(s, row->aor);
	if (u == NULL)
		TRY(add(s, row, &u));
	else if (!str_eq(user_display_name(u), str_cut(row->display_name, 0, USER_NAME_MAX)) || !str_eq(user_grants(u), row->grants))
		TRY(set_text(u, row));
	if (!is_same_proof(u, row))
		set_proof(u, row);
	u->version = row->version;
	u->seen = s->snapshot;
	return OK;
}

void users_remove(struct users *s, str aor)
{
	struct user *u = find(s, aor);
	if (u != NULL)
		drop(s, u);
}

void users_lock(struct users *s, str aor, uint32_t failures, uint64_t until_unix_ms)
{
	struct user *u = find(s, aor);
	if (u == NULL)
		return;
	u->failures = failures;
	u->locked_until = until_unix_ms;
}

const struct user *user_find(const struct users *s, str aor)
{
	return find(s, aor);
}

size_t users_count(const struct users *s)
{
	return s->by_aor.n;
}

/* ---- domains ---- */

err users_set_domains(struct users *s, str domains)
{
	ENSURE(domains.n <= sizeof s->domains, CEILING);
	for (size_t i = 0; i < domains.n; i++)
		s->domains[i] = char_lower(domains.p[i]);
	s->domains_n = domains.n;
	return OK;
}

/* The domain that equals host; without one the first of the list, and false. */
static bool find_domain(const struct users *s, str host, str *out)
{
	str rest = { s->domains, s->domains_n };
	str first = str_trim(str_split(rest, ',', &rest));
	for (str domain = first;;) {
		if (domain.n != 0 && str_eq_case(domain, host)) {
			*out = domain;
			return true;
		}
		if (rest.n == 0)
			break;
		domain = str_trim(str_split(rest, ',', &rest));
	}
	*out = first;
	return false;
}

bool users_is_domain(const struct users *s, str host)
{
	str found;
	return find_domain(s, host, &found);
}

str users_domain(const struct users *s, str host)
{
	str found;
	(void)find_domain(s, host, &found);
	return found;
}
