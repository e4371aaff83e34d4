/* SPDX-License-Identifier: Apache-2.0 */
/* The lists, and what they say of a domain. */
#include "service/fed/fed_priv.h"

#include <stdlib.h>

static const struct {
	const char *word, *source;
	bool passes, has_proxy;
} kinds[FED_KIND_N] = {
	[FED_OFF] = { "off", "Unknown", false, false },
	[FED_OWN] = { "own", "Unknown", false, false },
	[FED_BLOCKED] = { "blocked", "Unknown", false, false },
	[FED_ALLOWED] = { "allowed", "DirectPartner", true, false },
	[FED_DIRECT] = { "direct", "DirectPartner", true, true },
	[FED_HOSTING] = { "hosting-provider", "ClearingHouse", true, true },
	[FED_PUBLIC] = { "public-provider", "ClearingHouse", true, true },
	[FED_DISCOVERED] = { "discovered", "AutoFederation", true, false },
	[FED_DEFAULT] = { "default-route", "ClearingHouse", true, true },
	[FED_UNLISTED] = { "unlisted", "Unknown", false, false },
};

const char *fed_kind_word(enum fed_kind kind)
{
	return kinds[kind].word;
}

bool fed_kind_passes(enum fed_kind kind)
{
	return kinds[kind].passes;
}

bool fed_kind_has_proxy(enum fed_kind kind)
{
	return kinds[kind].has_proxy;
}

const char *fed_kind_source(enum fed_kind kind)
{
	return kinds[kind].source;
}

bool fed_name_clean(str name, char out[FED_NAME])
{
	if (name.n != 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n == 0 || name.n >= FED_NAME || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = char_lower(name.p[i]);
		bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
		if (!fine || (c == '.' && name.p[i - 1] == '.'))
			return false;
		out[i] = c;
	}
	out[name.n] = '\0';
	return true;
}

/* ---- the lists ---- */

static str entry_key(const struct map_node *n)
{
	return str_of(MAP_OF(n, const struct fed_entry, node)->domain);
}

static void lists_init(struct fed_lists *l)
{
	for (unsigned i = 0; i < FED_LISTS; i++)
		map_init(&l->lists[i], entry_key);
	l->n = 0;
}

static void drop_entry(void *arg, struct map_node *n)
{
	map_remove(arg, n);
	free(MAP_OF(n, struct fed_entry, node));
}

static void lists_fini(struct fed_lists *l)
{
	for (unsigned i = 0; i < FED_LISTS; i++) {
		map_each(&l->lists[i], drop_entry, &l->lists[i]);
		map_fini(&l->lists[i]);
	}
}

err fed_new(struct fed **out)
{
	struct fed *f = calloc(1, sizeof *f);
	ENSURE(f != NULL, NO_MEMORY);
	lists_init(&f->now);
	lists_init(&f->next);
	fed_peers_init(f);
	*out = f;
	return OK;
}

void fed_free(struct fed *f)
{
	if (f == NULL)
		return;
	lists_fini(&f->now);
	lists_fini(&f->next);
	fed_peers_fini(f);
	free(f);
}

void fed_set(struct fed *f, const struct fed_settings *s)
{
	f->settings = *s;
	if (!fed_name_clean(s->default_route, f->default_route))
		f->default_route[0] = '\0';
	f->settings.default_route = str_of(f->default_route);
}

err fed_set_domains(struct fed *f, str domains)
{
	return str_to_z(domains, f->domains, sizeof f->domains) ? OK : ERR(CEILING);
}

void fed_begin(struct fed *f)
{
	lists_fini(&f->next);
	lists_init(&f->next);
}

static enum fed_list list_of(enum fed_kind kind)
{
	return kind == FED_BLOCKED ? FED_LIST_BLOCKED : kind == FED_ALLOWED ? FED_LIST_ALLOWED : FED_LIST_PROVIDERS;
}

err fed_add(struct fed *f, const struct fed_row *row)
{
	struct fed_entry fresh = { .kind = row->kind, .level = row->level };
	struct map *list = &f->next.lists[list_of(row->kind)];
	ENSURE(fed_name_clean(row->domain, fresh.domain), MALFORMED);
	ENSURE(row->proxy.n == 0 || fed_name_clean(row->proxy, fresh.proxy), MALFORMED);
	if (row->kind == FED_ALLOWED && fresh.proxy[0] != '\0')
		fresh.kind = FED_DIRECT;
	ENSURE(!kinds[fresh.kind].has_proxy || fresh.proxy[0] != '\0', MALFORMED);
	if (map_find(list, str_of(fresh.domain)) != NULL) /* two providers of one domain: the first counts */
		return OK;
	ENSURE(f->next.n < FED_ROWS_MAX, CEILING);
	struct fed_entry *e = malloc(sizeof *e);
	ENSURE(e != NULL, NO_MEMORY);
	*e = fresh;
	err done = map_add(list, &e->node);
	if (failed(done)) {
		free(e);
		return done;
	}
	f->next.n++;
	return OK;
}

void fed_end(struct fed *f)
{
	struct fed_lists old = f->now;
	f->now = f->next;
	lists_init(&f->next);
	lists_fini(&old);
}

/* ---- what a domain is ---- */

static bool is_own(const struct fed *f, str domain)
{
	for (str rest = str_of(f->domains); rest.n != 0;)
		if (str_eq_case(str_split(rest, ',', &rest), domain))
			return true;
	return false;
}

/* The row of the domain itself, or of the nearest one above it. */
static const struct fed_entry *find(const struct map *list, str domain)
{
	while (domain.n != 0) {
		const struct map_node *n = map_find(list, domain);
		if (n != NULL)
			return MAP_OF(n, const struct fed_entry, node);
		(void)str_split(domain, '.', &domain);
	}
	return NULL;
}

static void by_default(const struct fed *f, struct fed_place *out)
{
	const struct fed_settings *s = &f->settings;
	if (s->uses_default && f->default_route[0] != '\0') {
		*out = (struct fed_place){ .kind = FED_DEFAULT, .level = s->default_level };
		(void)str_to_z(str_of(f->default_route), out->proxy, sizeof out->proxy);
	} else if (s->discovers && !s->uses_default) {
		*out = (struct fed_place){ .kind = FED_DISCOVERED, .level = s->discovered_level };
	}
}

void fed_find(const struct fed *f, str domain, struct fed_place *out)
{
	char name[FED_NAME];
	*out = (struct fed_place){ .kind = FED_UNLISTED, .level = FED_NEVER };
	if (!fed_name_clean(domain, name))
		return;
	if (is_own(f, str_of(name))) {
		out->kind = FED_OWN;
		return;
	}
	if (!f->settings.is_on) {
		out->kind = FED_OFF;
		return;
	}
	for (unsigned i = 0; i < FED_LISTS; i++) {
		const struct fed_entry *e = find(&f->now.lists[i], str_of(name));
		if (e == NULL)
			continue;
		out->kind = e->kind;
		out->level = e->level;
		(void)str_to_z(str_of(e->proxy), out->proxy, sizeof out->proxy);
		return;
	}
	by_default(f, out);
}

bool fed_is_inside(str domain, str host)
{
	if (host.n < domain.n || domain.n == 0)
		return false;
	size_t above = host.n - domain.n;
	return str_eq_case(str_cut(host, above, host.n), domain) && (above == 0 || host.p[above - 1] == '.');
}

struct wanted {
	str host;
	bool is_there;
};

static void compare(void *arg, struct map_node *n)
{
	struct wanted *w = arg;
	w->is_there = w->is_there || str_eq_case(str_of(MAP_OF(n, const struct fed_entry, node)->proxy), w->host);
}

bool fed_has_provider(const struct fed *f, str host)
{
	struct wanted w = { .host = host };
	struct map list = f->now.lists[FED_LIST_PROVIDERS]; /* map_each may change a list, compare does not */
	map_each(&list, compare, &w);
	return w.is_there && host.n != 0;
}

bool fed_fits(str proxy, str proven)
{
	char clean[FED_NAME];
	return proxy.n != 0 && fed_name_clean(proven, clean) && str_eq_case(str_of(clean), proxy);
}
