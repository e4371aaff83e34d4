/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard - who may knock at the border, and how often: failed sign-ins by name, address and network; connections by address; offences of scanners;
 * addresses that are banned for a while. All of it within fixed tables, so that a flood of names or addresses displaces its own oldest
 * (docs/adr/0088). It decides and remembers; who asks it refuses.
 */
#ifndef WITAN_SERVICE_GUARD_H
#define WITAN_SERVICE_GUARD_H

#include "base/err.h"
#include "base/log.h"
#include "base/meter.h"
#include "os/net.h"

struct guard_limits {
	bool is_on;
	uint32_t failures;         /* failed sign-ins by one name until it is locked out here */
	uint32_t address_failures; /* by one address (IPv6: its /64) until it is banned */
	uint32_t network_failures; /* by a /24 (IPv6: /48) until all of it is */
	uint32_t watch_ms;         /* failures as old as this count no more */
	uint32_t lockout_ms;
	uint32_t offences;         /* requests that no client of ours makes, until their address is banned */
	uint32_t connections;      /* in a minute from one address; more are refused */
	uint32_t ban_ms;
};

struct guard_door {
	/* An address is banned until then (milliseconds since 1970); network: and all of its network. */
	void (*on_ban)(void *arg, const struct addr *a, bool network, uint64_t until_unix_ms, const char *why);
};

struct guard_config {
	uint64_t (*now_ms)(void *arg);      /* monotonic */
	uint64_t (*unix_ms)(void *arg);
	struct log *log;
	struct meter *meter;
	struct guard_door door;
	void *arg;
};

struct guard;

err guard_new(const struct guard_config *config, struct guard **out);
void guard_free(struct guard *g); /* NULL allowed */
void guard_set(struct guard *g, const struct guard_limits *limits);

/* A connection is asked for; it counts. */
bool guard_may_connect(struct guard *g, const struct addr *a);

/*
 * The names by which somebody may be meant, as one key: "sip:Ann@example.test", "ann@corp.example", "CORP\ann" and "ann" are "ann", so that a guesser gains nothing by
 * spelling. Two people of one name in two domains share it. The result is in out; empty: nobody is named.
 */
#define GUARD_NAME 128
str guard_name(str name, char out[GUARD_NAME]);
/* May a sign-in by this name (guard_name) be tried? */
bool guard_may_try(const struct guard *g, str name);
/* It was tried, and found wrong or right. */
void guard_failed(struct guard *g, str name, const struct addr *a);
void guard_succeeded(struct guard *g, str name, const struct addr *a);

/* A request that no client of ours makes. */
void guard_offence(struct guard *g, const struct addr *a, const char *what);
/* Does a scanner introduce itself so (User-Agent)? */
bool guard_is_scanner(str user_agent);

/* As on_ban says it; for a ban that was known before. */
void guard_ban(struct guard *g, const struct addr *a, bool network, uint64_t until_unix_ms);
/* The ban ends, and what led to it is forgotten. */
void guard_unban(struct guard *g, const struct addr *a);

#endif
