/* SPDX-License-Identifier: Apache-2.0 */
/* What partners do: counters, rates, the contacts that they have tried. */
#include "service/fed/fed_priv.h"

#include "base/crypt.h"

#include <stdlib.h>

enum {
	WATCHED_MS = 600000,  /* a partner that was slowed down stays on the watch list for so long */
	UNKNOWN_MOST = 50,    /* contacts that do not exist: more of them look like guessing */
	WATCHED_RATE = 1,     /* messages a second of one that guesses */
	CONTACTS_FIRST = 64,
	TOKEN = 1000,
};

const char *fed_state_word(enum fed_state state)
{
	return state == FED_WATCHED ? "Watched" : "Normal";
}

const char *fed_count_word(enum fed_count count)
{
	static const char *const words[FED_COUNT_N] = { [FED_IN] = "MessagesIn", [FED_OUT] = "MessagesOut", [FED_REFUSED_IN] = "RefusedIn",
		[FED_REFUSED_OUT] = "RefusedOut", [FED_SLOWED] = "Slowed", [FED_UNKNOWN] = "UnknownContacts", [FED_SPOOFED] = "Spoofed" };
	return words[count];
}

/* ---- the table ---- */

static str peer_key(const struct map_node *n)
{
	return str_of(MAP_OF(n, const struct fed_peer, node)->domain);
}

void fed_peers_init(struct fed *f)
{
	map_init(&f->peers, peer_key);
	list_init(&f->seats);
	crypt_random(&f->k0, sizeof f->k0);
	crypt_random(&f->k1, sizeof f->k1);
}

static void drop(struct fed *f, struct fed_peer *p)
{
	map_remove(&f->peers, &p->node);
	list_remove(&p->seat);
	f->n_contacts -= p->n_contacts;
	free(p->contacts);
	free(p);
}

void fed_peers_fini(struct fed *f)
{
	while (!list_is_empty(&f->seats))
		drop(f, LIST_OF(f->seats.next, struct fed_peer, seat));
	map_fini(&f->peers);
}

static void heard(struct fed *f, struct fed_peer *p, enum fed_kind kind, uint64_t now)
{
	p->kind = kind;
	p->seen = now;
	list_remove(&p->seat);
	list_add(&f->seats, &p->seat);
}

/* NULL: no memory, or no name of a domain. */
static struct fed_peer *get(struct fed *f, str domain, enum fed_kind kind, uint64_t now)
{
	char name[FED_NAME];
	if (!fed_name_clean(domain, name))
		return NULL;
	struct map_node *n = map_find(&f->peers, str_of(name));
	if (n != NULL) {
		struct fed_peer *known = MAP_OF(n, struct fed_peer, node);
		heard(f, known, kind, now);
		return known;
	}
	if (f->peers.n >= FED_PARTNERS_MAX)
		drop(f, LIST_OF(f->seats.next, struct fed_peer, seat));
	struct fed_peer *p = calloc(1, sizeof *p);
	if (p == NULL)
		return NULL;
	*p = (struct fed_peer){ .kind = kind, .seen = now, .filled_at = now, .tokens = (uint64_t)f->settings.rate * TOKEN };
	(void)str_to_z(str_of(name), p->domain, sizeof p->domain);
	if (failed(map_add(&f->peers, &p->node))) {
		free(p);
		return NULL;
	}
	list_add(&f->seats, &p->seat);
	return p;
}

/* ---- limits ---- */

static void watch(struct fed_peer *p, uint64_t now)
{
	p->watched_until = now + WATCHED_MS;
}

static bool is_guessing(const struct fed_peer *p)
{
	return p->counts[FED_UNKNOWN] > UNKNOWN_MOST;
}

/* A bucket that holds what may come in one second. */
static bool has_token(const struct fed *f, struct fed_peer *p, uint64_t now)
{
	uint64_t rate = is_guessing(p) ? WATCHED_RATE : f->settings.rate;
	uint64_t passed = now - p->filled_at;
	p->tokens += rate * (passed < TOKEN ? passed : TOKEN);
	if (p->tokens > rate * TOKEN)
		p->tokens = rate * TOKEN;
	p->filled_at = now;
	if (p->tokens < TOKEN)
		return false;
	p->tokens -= TOKEN;
	return true;
}

/* Where the hash stands, or would. */
static uint64_t *slot_of(uint64_t *table, size_t room, uint64_t hash)
{
	size_t i = hash & (room - 1);
	while (table[i] != 0 && table[i] != hash)
		i = (i + 1) & (room - 1);
	return &table[i];
}

static bool grow(struct fed_peer *p)
{
	size_t room = p->room == 0 ? CONTACTS_FIRST : 2 * p->room;
	uint64_t *table = calloc(room, sizeof *table);
	if (table == NULL)
		return false;
	for (size_t i = 0; i < p->room; i++)
		if (p->contacts[i] != 0)
			*slot_of(table, room, p->contacts[i]) = p->contacts[i];
	free(p->contacts);
	p->contacts = table;
	p->room = room;
	return true;
}

static bool may_contact(struct fed *f, struct fed_peer *p, str contact)
{
	uint64_t hash = siphash(f->k0, f->k1, contact) | 1;
	if (p->room != 0 && *slot_of(p->contacts, p->room, hash) == hash)
		return true;
	if (f->settings.limits_contacts && p->n_contacts >= f->settings.contacts)
		return false;
	if (f->n_contacts >= FED_CONTACTS_MAX || (2 * p->n_contacts >= p->room && !grow(p)))
		return false;
	*slot_of(p->contacts, p->room, hash) = hash;
	p->n_contacts++;
	f->n_contacts++;
	return true;
}

err fed_take(struct fed *f, str domain, const struct fed_place *place, str contact, uint64_t now)
{
	struct fed_peer *p = get(f, domain, place->kind, now);
	ENSURE(p != NULL, NO_MEMORY);
	if (place->kind == FED_DISCOVERED && !has_token(f, p, now)) {
		p->counts[FED_SLOWED]++;
		watch(p, now);
		return ERR(BUSY);
	}
	if (place->kind == FED_DISCOVERED && contact.n != 0 && !may_contact(f, p, contact)) {
		p->counts[FED_REFUSED_IN]++;
		watch(p, now);
		return ERR(REFUSED);
	}
	p->counts[FED_IN]++;
	return OK;
}

void fed_count(struct fed *f, str domain, enum fed_kind kind, enum fed_count count, uint64_t now)
{
	struct fed_peer *p = get(f, domain, kind, now);
	if (p == NULL)
		return;
	p->counts[count]++;
	if (kind == FED_DISCOVERED && count == FED_UNKNOWN && is_guessing(p))
		watch(p, now);
}

void fed_each(const struct fed *f, void (*fn)(void *arg, const struct fed_partner *p), void *arg)
{
	const struct fed_peer *last = list_is_empty(&f->seats) ? NULL : LIST_OF(f->seats.prev, const struct fed_peer, seat);
	uint64_t now = last != NULL ? last->seen : 0;
	LIST_EACH(n, &f->seats) {
		const struct fed_peer *p = LIST_OF(n, const struct fed_peer, seat);
		struct fed_partner told = { .domain = str_of(p->domain), .kind = p->kind, .contacts = p->n_contacts, .seen = p->seen,
			.state = p->watched_until > now ? FED_WATCHED : FED_NORMAL };
		memcpy(told.counts, p->counts, sizeof told.counts);
		fn(arg, &told);
	}
}

size_t fed_partners(const struct fed *f)
{
	return f->peers.n;
}
