/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fed - with whom of other organisations this one speaks: the lists that administrators keep, in the order that they count, what a
 * partner has to prove, and how much one that was found by DNS alone may send. No sockets, no clock of its own: who asks brings the
 * time. Kept by an Edge, told by vault.
 */
#ifndef WITAN_SERVICE_FED_H
#define WITAN_SERVICE_FED_H

#include "base/err.h"
#include "base/str.h"

#define FED_NAME         256   /* bytes of a name, NUL included (names of the field: up to 256 characters, of DNS 253) */
#define FED_ROWS_MAX     20000 /* of all lists together */
#define FED_PARTNERS_MAX 2000  /* that are counted; the one that was silent longest gives way */
#define FED_CONTACTS_MAX (1u << 20) /* remembered for all partners together */

struct fed;

/* What a domain is to us, in the order in which the lists are asked. */
enum fed_kind {
	FED_OFF,        /* no federation at all */
	FED_OWN,        /* it is ours */
	FED_BLOCKED,
	FED_ALLOWED,    /* listed, its server found by DNS */
	FED_DIRECT,     /* listed with its server */
	FED_HOSTING,    /* at a hosting provider of that name */
	FED_PUBLIC,     /* at a public provider of that name */
	FED_DISCOVERED, /* not listed, found by DNS */
	FED_DEFAULT,    /* not listed, behind the default route */
	FED_UNLISTED,   /* not listed, and nobody may be found */
	FED_KIND_N
};

/* "blocked", "allowed": the same for ever, for logs and programs. */
const char *fed_kind_word(enum fed_kind kind);
/* Are requests from and to such a domain taken? */
bool fed_kind_passes(enum fed_kind kind);
/* Is its server the one that is configured, and not one that DNS names? */
bool fed_kind_has_proxy(enum fed_kind kind);
/* The word of ms-edge-proxy-message-trust (ms-source-type) for what comes from there. */
const char *fed_kind_source(enum fed_kind kind);

/* How far senders are trusted: VerificationLevel. */
enum fed_level { FED_BY_SOURCE, FED_ALWAYS, FED_NEVER, FED_LEVEL_N };

struct fed_settings {
	bool is_on;           /* AllowFederatedUsers */
	bool discovers;       /* EnablePartnerDiscovery */
	bool uses_default;    /* UseDefaultRouting */
	bool limits_contacts; /* EnableDiscoveredPartnerContactsLimit */
	uint32_t rate;        /* DiscoveredPartnerStandardRate, messages a second */
	uint32_t contacts;    /* MaxContactsPerDiscoveredPartner */
	enum fed_level discovered_level, default_level;
	str default_route;    /* DefaultRouteFqdn; copied */
};

/* One entry of a list; slices are copied. */
struct fed_row {
	enum fed_kind kind;  /* FED_BLOCKED, FED_ALLOWED, FED_HOSTING or FED_PUBLIC */
	str domain;          /* of a provider: its NameDecorationDomain, or the domain of its server */
	str proxy;           /* empty: by DNS. A provider must have one */
	enum fed_level level;
};

err fed_new(struct fed **out);
void fed_free(struct fed *f); /* NULL allowed */

void fed_set(struct fed *f, const struct fed_settings *s);
/* The SIP domains of the deployment, with commas between them; copied. */
err fed_set_domains(struct fed *f, str domains);
/* The lists anew: begin, add for each row, end; until end the old ones hold. CEILING: too many rows; MALFORMED: no name of a domain. */
void fed_begin(struct fed *f);
err fed_add(struct fed *f, const struct fed_row *row);
void fed_end(struct fed *f);

/* ---- decisions ---- */

struct fed_place {
	enum fed_kind kind;
	enum fed_level level;
	char proxy[FED_NAME]; /* where fed_kind_has_proxy */
};

/*
 * What `domain` (any case) is to us. Lists hold for a domain and all below it; of several rows of a list the longest name counts.
 * The order: own, blocked, allowed, providers, discovery, refused.
 */
void fed_find(const struct fed *f, str domain, struct fed_place *out);

/* May a server of this name, that DNS gave for `domain`, be its access proxy? Only one of that domain, or below it. */
bool fed_is_inside(str domain, str host);
/* Is it the server of a provider? Its customers' domains lead there. */
bool fed_has_provider(const struct fed *f, str host);
/* Does `proven`, a name in the certificate of a peer, let it speak for a domain of which this is the proxy? ASCII case ignored; never a
 * wildcard. */
bool fed_fits(str proxy, str proven);

/* ---- what partners do ---- */

enum fed_state { FED_NORMAL, FED_WATCHED, FED_STATE_N };
const char *fed_state_word(enum fed_state state);

enum fed_count { FED_IN, FED_OUT, FED_REFUSED_IN, FED_REFUSED_OUT, FED_SLOWED, FED_UNKNOWN, FED_SPOOFED, FED_COUNT_N };
const char *fed_count_word(enum fed_count count);

/* A message of a partner for `contact` ("bob@example.com"; empty: within a dialog). OK; BUSY: over its rate; REFUSED: it has tried too many
 * different contacts. Only discovered partners are limited. now: milliseconds, never less than before. */
err fed_take(struct fed *f, str domain, const struct fed_place *p, str contact, uint64_t now);
/* Counts for a partner, whoever he is. FED_UNKNOWN (a contact that does not exist) makes a discovered one watched. */
void fed_count(struct fed *f, str domain, enum fed_kind kind, enum fed_count count, uint64_t now);

struct fed_partner {
	str domain; /* during the call */
	enum fed_kind kind;
	enum fed_state state;
	size_t contacts; /* different ones so far */
	uint64_t counts[FED_COUNT_N];
	uint64_t seen; /* when it was last heard of, in the milliseconds of who asks */
};
void fed_each(const struct fed *f, void (*fn)(void *arg, const struct fed_partner *p), void *arg);
size_t fed_partners(const struct fed *f);

#endif
