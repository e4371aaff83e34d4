/* SPDX-License-Identifier: Apache-2.0 */
/* Selectors: what walls call people by, and what a person answers to. */
#include "service/wall/wall_priv.h"

#include "base/enc.h"

#define LABELS_MAX 16 /* of a domain that are looked at */

static bool is_word(str s)
{
	return str_eq_case(s, STR("external")) || str_eq_case(s, STR("internal")) || str_eq_case(s, STR("everyone"));
}

static bool is_plain(str s)
{
	return is_word(s) || str_begins_case(s, STR("sip:")) || str_begins_case(s, STR("domain:")) || str_begins(s, STR("*."));
}

bool wall_is_group(str selector)
{
	return !is_plain(str_trim(selector));
}

/* A name before an equals sign is that of a property; else all of it is the name of a group. */
bool wall_attribute(str selector, str *name, str *pattern)
{
	selector = str_trim(selector);
	*name = str_trim(str_split(selector, '=', pattern));
	*pattern = str_trim(*pattern);
	return str_find_char(selector, '=') < selector.n;
}

static str lower(str s, char *room, size_t size)
{
	size_t n = s.n < size ? s.n : size;
	for (size_t i = 0; i < n; i++)
		room[i] = char_lower(s.p[i]);
	return (str){ room, n };
}

/* A mark says nothing of the group to who does not know its selector. The keys are the same everywhere: vault and fronts must agree. */
void wall_mark(str selector, char out[WALL_MARK])
{
	char room[1024];
	uint64_t h = siphash(0x77616c6c, 0x6d61726b, lower(str_trim(selector), room, sizeof room));
	enc_hex(&h, sizeof h, out);
}

bool wall_matches(str pattern, str value)
{
	size_t p = 0, v = 0, star = SIZE_MAX, mark = 0;
	while (v < value.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			mark = v;
		} else if (p < pattern.n && char_lower(pattern.p[p]) == char_lower(value.p[v])) {
			p++;
			v++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			v = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

str wall_key_of(str selector, char room[WALL_KEY_MAX])
{
	selector = str_trim(selector);
	if (wall_is_group(selector)) {
		room[0] = '#';
		wall_mark(selector, room + 1);
		return (str){ room, 1 + WALL_MARK };
	}
	if (str_begins(selector, STR("*."))) {
		memcpy(room, "domain:", 7);
		return (str){ room, 7 + lower(selector, room + 7, WALL_KEY_MAX - 7).n };
	}
	return lower(selector, room, WALL_KEY_MAX);
}

/* ---- what a person answers to ---- */

struct giving {
	void (*fn)(void *arg, str key);
	void *arg;
};

static void give(const struct giving *g, const char *prefix, str rest)
{
	char room[WALL_KEY_MAX];
	size_t n = strlen(prefix);
	if (n + rest.n > sizeof room)
		return;
	memcpy(room, prefix, n);
	g->fn(g->arg, (str){ room, n + lower(rest, room + n, sizeof room - n).n });
}

/* The domain itself, and "*." with each domain above it. */
static void give_domains(const struct giving *g, str domain)
{
	give(g, "domain:", domain);
	for (unsigned i = 0; i < LABELS_MAX; i++) {
		str above;
		(void)str_split(domain, '.', &above);
		if (above.n == 0)
			return;
		give(g, "domain:*.", above);
		domain = above;
	}
}

void wall_keys_each(const struct wall_person *p, void (*fn)(void *arg, str key), void *arg)
{
	const struct giving g = { fn, arg };
	str domain, groups = p->groups;
	(void)str_split(p->aor, '@', &domain);
	give(&g, "everyone", STR(""));
	give(&g, p->is_own ? "internal" : "external", STR(""));
	give(&g, "sip:", p->aor);
	give_domains(&g, domain);
	while (groups.n != 0)
		give(&g, "#", str_split(groups, ',', &groups));
}

struct fitting {
	str key;
	bool fits;
};

static void compare(void *arg, str key)
{
	struct fitting *f = arg;
	f->fits = f->fits || str_eq(f->key, key);
}

bool wall_fits(const struct wall_person *p, str selector)
{
	char room[WALL_KEY_MAX];
	struct fitting f = { wall_key_of(selector, room), false };
	wall_keys_each(p, compare, &f);
	return f.fits;
}
