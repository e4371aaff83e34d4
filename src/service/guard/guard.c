/* SPDX-License-Identifier: Apache-2.0 */
#include "service/guard.h"

#include "service/guess.h"

#include <stdlib.h>

#define NAMES_MAX     16384
#define ADDRESSES_MAX 16384
#define BANS_MAX      4096
#define MINUTE_MS     60000

struct guard {
	struct guard_config c;
	struct guard_limits limits;
	struct guesses names, addresses, networks, offences, rates;
	struct guesses bans, banned_networks; /* locked: banned */
};

static struct guesses *tables_of(struct guard *g, size_t i)
{
	struct guesses *const all[] = { &g->names, &g->addresses, &g->networks, &g->offences, &g->rates, &g->bans, &g->banned_networks };
	return i < sizeof all / sizeof all[0] ? all[i] : NULL;
}

err guard_new(const struct guard_config *config, struct guard **out)
{
	struct guard *g = calloc(1, sizeof *g);
	ENSURE(g != NULL, NO_MEMORY);
	g->c = *config;
	guesses_init(&g->names, NAMES_MAX);
	guesses_init(&g->addresses, ADDRESSES_MAX);
	guesses_init(&g->networks, ADDRESSES_MAX);
	guesses_init(&g->offences, ADDRESSES_MAX);
	guesses_init(&g->rates, ADDRESSES_MAX);
	guesses_init(&g->bans, BANS_MAX);
	guesses_init(&g->banned_networks, BANS_MAX);
	*out = g;
	return OK;
}

void guard_free(struct guard *g)
{
	struct guesses *t;
	if (g == NULL)
		return;
	for (size_t i = 0; (t = tables_of(g, i)) != NULL; i++)
		guesses_fini(t);
	free(g);
}

void guard_set(struct guard *g, const struct guard_limits *limits)
{
	g->limits = *limits;
}

static uint64_t now(const struct guard *g)
{
	return g->c.now_ms(g->c.arg);
}

/* ---- bans ---- */

/* The end of a ban on the monotonic clock, which no change of the time moves. */
void guard_ban(struct guard *g, const struct addr *a, bool network, uint64_t until_unix_ms)
{
	char buf[GUESS_ADDRESS];
	uint64_t unix_now = g->c.unix_ms(g->c.arg);
	if (until_unix_ms <= unix_now)
		return;
	struct guesses *t = network ? &g->banned_networks : &g->bans;
	guesses_lock(t, network ? guesses_network(a, buf) : guesses_address(a, buf), 1, now(g) + (until_unix_ms - unix_now));
}

static void ban(struct guard *g, const struct addr *a, bool network, const char *why)
{
	char text[ADDR_TEXT];
	uint64_t until = g->c.unix_ms(g->c.arg) + g->limits.ban_ms;
	guard_ban(g, a, network, until);
	meter_add(g->c.meter, METER_GUARD_BANNED, 1);
	LOG(g->c.log, ADDRESS_BANNED, LOG_Z("address", addr_print(a, text)), LOG_Z("of", network ? "its network" : "it alone"), LOG_Z("why", why),
		LOG_INT("seconds", g->limits.ban_ms / 1000), LOG_Z("remedy", "Remove-CsBannedAddress takes it back"));
	g->c.door.on_ban(g->c.arg, a, network, until, why);
}

void guard_unban(struct guard *g, const struct addr *a)
{
	char address[GUESS_ADDRESS], network[GUESS_ADDRESS];
	str one = guesses_address(a, address), all = guesses_network(a, network);
	guesses_forget(&g->bans, one);
	guesses_forget(&g->addresses, one);
	guesses_forget(&g->offences, one);
	guesses_forget(&g->rates, one);
	guesses_forget(&g->banned_networks, all);
	guesses_forget(&g->networks, all);
}

static bool is_banned(const struct guard *g, const struct addr *a)
{
	char buf[GUESS_ADDRESS];
	return guesses_is_locked(&g->bans, guesses_address(a, buf), now(g)) || guesses_is_locked(&g->banned_networks, guesses_network(a, buf), now(g));
}

/* ---- knocking ---- */

bool guard_may_connect(struct guard *g, const struct addr *a)
{
	char buf[GUESS_ADDRESS];
	if (!g->limits.is_on)
		return true;
	bool refuses = is_banned(g, a);
	meter_add(g->c.meter, METER_GUARD_REFUSED_BANNED, refuses ? 1 : 0);
	if (!refuses && guesses_rate(&g->rates, guesses_address(a, buf), now(g), MINUTE_MS) > g->limits.connections) {
		refuses = true;
		meter_add(g->c.meter, METER_GUARD_REFUSED_RATE, 1);
	}
	return !refuses;
}

/* ---- signing in ---- */

str guard_name(str name, char out[GUARD_NAME])
{
	size_t n = 0;
	str rest;
	if (str_begins_case(name, STR("sip:")))
		name = str_cut(name, 4, name.n);
	(void)str_split(name, '\\', &rest);
	name = rest.n != 0 ? rest : name;
	name = str_split(name, '@', &rest);
	for (; n < name.n && n < GUARD_NAME; n++)
		out[n] = char_lower(name.p[n]);
	return (str){ out, n };
}

bool guard_may_try(const struct guard *g, str name)
{
	return !g->limits.is_on || !guesses_is_locked(&g->names, name, now(g));
}

void guard_failed(struct guard *g, str name, const struct addr *a)
{
	char buf[GUESS_ADDRESS];
	const struct guard_limits *l = &g->limits;
	uint32_t by_name;
	if (!l->is_on)
		return;
	by_name = name.n != 0 ? guesses_add(&g->names, name, now(g), l->watch_ms) : 0;
	meter_add(g->c.meter, METER_GUARD_FAILED, 1);
	if (by_name == l->failures) {
		guesses_lock(&g->names, name, by_name, now(g) + l->lockout_ms);
		meter_add(g->c.meter, METER_GUARD_LOCKED, 1);
		LOG(g->c.log, NAME_LOCKED_OUT, LOG_STR("name", name), LOG_INT("failures", by_name), LOG_INT("seconds", l->lockout_ms / 1000));
	} else if (by_name > l->failures) {
		guesses_lock(&g->names, name, by_name, now(g) + l->lockout_ms);
	}
	if (guesses_add(&g->addresses, guesses_address(a, buf), now(g), l->watch_ms) == l->address_failures)
		ban(g, a, false, "too many failed sign-ins");
	if (guesses_add(&g->networks, guesses_network(a, buf), now(g), l->watch_ms) == l->network_failures)
		ban(g, a, true, "too many failed sign-ins from its network");
}

/* One right password does not excuse a spray of wrong ones: what the address has failed stays. */
void guard_succeeded(struct guard *g, str name, const struct addr *a)
{
	(void)a;
	guesses_forget(&g->names, name);
}

/* ---- scanners ---- */

void guard_offence(struct guard *g, const struct addr *a, const char *what)
{
	char buf[GUESS_ADDRESS];
	if (!g->limits.is_on)
		return;
	meter_add(g->c.meter, METER_GUARD_OFFENCES, 1);
	if (guesses_add(&g->offences, guesses_address(a, buf), now(g), g->limits.watch_ms) == g->limits.offences)
		ban(g, a, false, what);
}

bool guard_is_scanner(str user_agent)
{
	/* what tools for searching and attacking SIP servers call themselves, unless they are told not to */
	static const char *const names[] = { "friendly-scanner", "sipvicious", "sipcli", "sip-scan", "sipsak", "sundayddr", "friendly-request", "iwar", "csipsimple-scan", "pplsip", "siparmyknife" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (str_begins_case(user_agent, str_of(names[i])))
			return true;
	return false;
}
