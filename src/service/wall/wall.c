/* SPDX-License-Identifier: Apache-2.0 */
/* The walls, compiled, and the decision. */
#include "service/wall/wall_priv.h"

#include <stdlib.h>
#include <time.h>

const char *const wall_modality_names[WALL_MODALITIES] = { "IM", "Presence", "Call", "Conference", "File" };
const char *const wall_action_names[] = { "Pass", "Log", "Warn", "Deny" };

enum { DAY = 86400 };

static str key_of(const struct map_node *n)
{
	const struct wall_key *k = MAP_OF(n, struct wall_key, node);
	return (str){ k->key, k->n };
}

err wall_new(const struct wall_config *config, struct wall **out)
{
	struct wall *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	w->c = *config;
	map_init(&w->keys, key_of);
	*out = w;
	return OK;
}

static void drop_key(void *arg, struct map_node *n)
{
	struct wall *w = arg;
	map_remove(&w->keys, n);
	free(MAP_OF(n, struct wall_key, node));
}

static void clear(struct wall *w)
{
	map_each(&w->keys, drop_key, w);
	for (size_t i = 0; i < w->n_contents; i++)
		pattern_free(w->contents[i].pattern);
	w->n_contents = w->n_rules = 0;
	memset(w->about, 0, sizeof w->about);
	memset(&w->both, 0, sizeof w->both);
}

void wall_free(struct wall *w)
{
	if (w == NULL)
		return;
	clear(w);
	map_fini(&w->keys);
	free(w);
}

uint64_t wall_now(const struct wall *w)
{
	return w->c.unix_seconds != NULL ? w->c.unix_seconds() : (uint64_t)time(NULL);
}

/* ---- sets ---- */

static void set_add(struct wall_set *s, size_t i)
{
	s->w[i / 64] |= UINT64_C(1) << i % 64;
}

static void set_unite(struct wall_set *s, const struct wall_set *with)
{
	for (size_t i = 0; i < WALL_WORDS; i++)
		s->w[i] |= with->w[i];
}

/* ---- compiling ---- */

static struct wall_key *key_get(struct wall *w, str selector)
{
	char room[WALL_KEY_MAX];
	str key = wall_key_of(selector, room);
	struct map_node *n = map_find(&w->keys, key);
	if (n != NULL)
		return MAP_OF(n, struct wall_key, node);
	struct wall_key *k = calloc(1, sizeof *k + key.n);
	if (k == NULL)
		return NULL;
	k->n = key.n;
	memcpy(k->key, key.p, key.n);
	if (!failed(map_add(&w->keys, &k->node)))
		return k;
	free(k);
	return NULL;
}

static unsigned word_index(const char *const *words, unsigned n, str word)
{
	unsigned i = 0;
	while (i < n && !str_eq_case(str_of(words[i]), word))
		i++;
	return i;
}

static void take_wall(void *arg, str identity, const void *value)
{
	struct wall *w = arg;
	const struct cs_EthicalWall *row = value;
	static const char *const days[] = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday" };
	if (!row->Enabled || w->n_rules == WALL_RULES_MAX)
		return;
	struct wall_rule *r = &w->rules[w->n_rules++];
	*r = (struct wall_rule){ .name = identity, .row = row, .both = str_eq(row->Direction, STR("Both")) };
	r->action = (enum wall_action)word_index(wall_action_names, WALL_DENY, row->Action);
	r->begin = row->BeginTime != SCHEMA_UNSET ? (uint32_t)row->BeginTime : 0;
	r->end = row->EndTime != SCHEMA_UNSET ? (uint32_t)row->EndTime : 0;
	for (size_t i = 0; i < row->Days.n; i++)
		r->days = (uint8_t)(r->days | 1u << word_index(days, 7, row->Days.p[i]));
}

static int by_priority(const void *a, const void *b)
{
	const struct wall_rule *x = a, *y = b;
	if (x->row->Priority != y->row->Priority)
		return x->row->Priority < y->row->Priority ? -1 : 1;
	return str_cmp(x->name, y->name);
}

/* Marks wall i at each selector of a list, in the member at this place. */
static void index_list(struct wall *w, size_t i, const struct schema_texts *list, size_t place)
{
	for (size_t k = 0; k < list->n; k++) {
		struct wall_key *key = key_get(w, list->p[k]);
		if (key != NULL)
			set_add((struct wall_set *)(void *)((char *)key + place), i);
	}
}

static void index_rule(struct wall *w, size_t i)
{
	const struct wall_rule *r = &w->rules[i];
	index_list(w, i, &r->row->From, offsetof(struct wall_key, from));
	index_list(w, i, &r->row->To, offsetof(struct wall_key, to));
	index_list(w, i, &r->row->Exceptions, offsetof(struct wall_key, except));
	if (r->both)
		set_add(&w->both, i);
	for (size_t k = 0; k < r->row->Modalities.n; k++) {
		unsigned m = word_index(wall_modality_names, WALL_MODALITIES, r->row->Modalities.p[k]);
		if (m < WALL_MODALITIES)
			set_add(&w->about[m], i);
	}
}

static void take_content(void *arg, str identity, const void *value)
{
	struct wall *w = arg;
	const struct cs_MessageContentRule *row = value;
	size_t i = w->n_contents;
	if (!row->Enabled || !wall_content_new(w, identity, row))
		return;
	for (size_t k = 0; k < row->Exceptions.n; k++) {
		struct wall_key *key = key_get(w, row->Exceptions.p[k]);
		if (key != NULL)
			key->content |= UINT64_C(1) << i;
	}
}

static void compile(struct wall *w)
{
	clear(w);
	policies_each(w->c.policies, SCHEMA_ID_EthicalWall, take_wall, w);
	qsort(w->rules, w->n_rules, sizeof *w->rules, by_priority);
	for (size_t i = 0; i < w->n_rules; i++)
		index_rule(w, i);
	policies_each(w->c.policies, SCHEMA_ID_MessageContentRule, take_content, w);
	if (w->n_rules == WALL_RULES_MAX)
		LOG(w->c.log, LIMIT_REACHED, LOG_Z("limit", "ethical walls"), LOG_INT("value", WALL_RULES_MAX));
	w->version = policies_version(w->c.policies);
	w->is_compiled = true;
	w->has_changed = true;
}

/* ---- hours ---- */

/* A wall across midnight belongs to the day on which it begins. */
static bool is_active(const struct wall_rule *r, uint64_t now)
{
	uint32_t second = (uint32_t)(now % DAY);
	unsigned day = (unsigned)((now / DAY + 3) % 7); /* 1970-01-01 was a Thursday */
	bool is_inside = r->begin < r->end ? second >= r->begin && second < r->end : r->begin == r->end || second >= r->begin || second < r->end;
	if (r->begin > r->end && second < r->end)
		day = (day + 6) % 7;
	return is_inside && (r->days == 0 || (r->days >> day & 1) != 0);
}

static void look_at_clock(struct wall *w, uint64_t now)
{
	struct wall_set active = { 0 };
	for (size_t i = 0; i < w->n_rules; i++)
		if (is_active(&w->rules[i], now))
			set_add(&active, i);
	w->has_changed = w->has_changed || memcmp(&active, &w->active, sizeof active) != 0;
	w->active = active;
	w->minute = now / 60;
}

void wall_refresh(struct wall *w)
{
	uint64_t now = wall_now(w);
	bool is_old = !w->is_compiled || w->version != policies_version(w->c.policies);
	if (is_old)
		compile(w);
	if (is_old || w->minute != now / 60)
		look_at_clock(w, now);
}

bool wall_has_changed(struct wall *w)
{
	wall_refresh(w);
	bool has = w->has_changed;
	w->has_changed = false;
	return has;
}

/* ---- the decision ---- */

struct adding {
	const struct wall *w;
	struct wall_sides *out;
};

static void add_sides(void *arg, str key)
{
	const struct adding *a = arg;
	const struct map_node *n = map_find(&a->w->keys, key);
	if (n == NULL)
		return;
	const struct wall_key *k = MAP_OF(n, const struct wall_key, node);
	set_unite(&a->out->from, &k->from);
	set_unite(&a->out->to, &k->to);
	set_unite(&a->out->except, &k->except);
	a->out->content |= k->content;
}

void wall_sides(const struct wall *w, const struct wall_person *p, struct wall_sides *out)
{
	*out = (struct wall_sides){ 0 };
	wall_keys_each(p, add_sides, &(struct adding){ w, out });
}

/* The first wall that stands between them; WALL_RULES_MAX: none. */
static size_t first_wall(const struct wall *w, const struct wall_sides *a, const struct wall_sides *b, enum wall_modality m)
{
	for (size_t i = 0; i < WALL_WORDS; i++) {
		uint64_t there = a->from.w[i] & b->to.w[i], back = a->to.w[i] & b->from.w[i] & w->both.w[i];
		uint64_t walls = (there | back) & w->about[m].w[i] & w->active.w[i] & ~(a->except.w[i] | b->except.w[i]);
		if (walls != 0)
			return i * 64 + (size_t)__builtin_ctzll(walls);
	}
	return WALL_RULES_MAX;
}

struct wall_verdict wall_decide(struct wall *w, const struct wall_person *a, const struct wall_person *b, enum wall_modality m)
{
	struct wall_sides x, y;
	wall_refresh(w);
	if (w->n_rules == 0 || str_eq(a->aor, b->aor))
		return (struct wall_verdict){ .rule = STR("") };
	wall_sides(w, a, &x);
	wall_sides(w, b, &y);
	size_t i = first_wall(w, &x, &y, m);
	if (i == WALL_RULES_MAX)
		return (struct wall_verdict){ .rule = STR("") };
	return (struct wall_verdict){ w->rules[i].action, w->rules[i].name, w->rules[i].row->WarnMessage };
}

struct wall_person wall_person_of(const struct wall *w, str aor)
{
	str domain;
	(void)str_split(aor, '@', &domain);
	const struct user *u = user_find(w->c.users, aor);
	return (struct wall_person){ aor, u != NULL ? policy_grant(user_grants(u), STR("Groups")) : STR(""), users_is_domain(w->c.users, domain) };
}

struct wall_verdict wall_between(struct wall *w, str a, str b, enum wall_modality m)
{
	const struct wall_person x = wall_person_of(w, a), y = wall_person_of(w, b);
	return wall_decide(w, &x, &y, m);
}

/* ---- why ---- */

static str find_fitting(const struct wall_person *p, const struct schema_texts *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (wall_fits(p, list->p[i]))
			return list->p[i];
	return STR("");
}

void wall_explain(struct wall *w, const struct wall_person *a, const struct wall_person *b, const struct wall_verdict *v, struct buf *out)
{
	size_t i = 0;
	while (i < w->n_rules && !str_eq(w->rules[i].name, v->rule))
		i++;
	if (i == w->n_rules) {
		buf_add(out, STR("no wall stands between them now"));
		return;
	}
	const struct wall_rule *r = &w->rules[i];
	str from = find_fitting(a, &r->row->From), to = find_fitting(b, &r->row->To);
	bool there = from.n != 0 && to.n != 0;
	if (!there) {
		from = find_fitting(b, &r->row->From);
		to = find_fitting(a, &r->row->To);
	}
	buf_printf(out, "%.*s is in From by %.*s, %.*s in To by %.*s", STR_FMT(there ? a->aor : b->aor), STR_FMT(from), STR_FMT(there ? b->aor : a->aor), STR_FMT(to));
	if (r->row->Exceptions.n != 0)
		buf_add(out, STR("; no exception fits"));
	if (r->begin != r->end || r->days != 0)
		buf_add(out, STR("; its hours (UTC) are now"));
}
