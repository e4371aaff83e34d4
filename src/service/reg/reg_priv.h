/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_REG_REG_PRIV_H
#define WITAN_SERVICE_REG_REG_PRIV_H

#include "base/map.h"
#include "service/reg.h"
#include "wire/sipae.h"

#define REG_CONTACTS_MAX 16   /* Contact values in one REGISTER */
#define REG_FLOWS_MAX    4    /* bindings of one device; a further one takes the place of the oldest */
#define REG_TEXT_MAX     1024 /* bytes of one URI, Call-ID, instance or Path that is kept */
#define REG_ENDED_MAX    64   /* contacts that are gone and not told yet; past it watchers are told the whole state */
#define REG_EPID_MAX     64   /* bytes */
#define REG_FLOW_TIMER   120  /* s between keep-alives that we ask for (RFC 5626 5.4 and its recommendation for TCP) */

/* Why a contact changes (RFC 3680 5.1). */
enum reg_event {
	REG_REGISTERED,
	REG_CREATED,
	REG_REFRESHED,
	REG_SHORTENED,
	REG_EXPIRED,
	REG_UNREGISTERED,
	REG_DEACTIVATED,
	REG_REJECTED
};

/* One contact of one user. Text: URI, Call-ID, instance (with <>), Path, epid (of the Lync dialect). */
struct reg_binding {
	struct reg_binding *next; /* of the same user, or on a list of those that are gone */
	struct reg_user *user;
	/* All bindings over one flow: the first is in the map, the others hang on it. */
	struct map_node by_flow;
	struct reg_binding *flow_next;
	uint64_t expires_ms; /* on the clock of the timers */
	struct flow flow;
	uint32_t cseq;
	uint32_t reg_id; /* 0: not by outbound */
	uint32_t since;  /* seconds since 1970: its instance is registered without a gap since then */
	uint32_t serial; /* grows with each refresh: the newest has the highest */
	uint32_t id;     /* names the contact in reginfo documents */
	uint16_t q;      /* thousandths */
	uint16_t uri_n, call_id_n, instance_n, path_n;
	uint8_t epid_n;
	uint8_t event; /* enum reg_event: the last */
	char text[];
};

static inline str reg_uri(const struct reg_binding *b)
{
	return (str){ b->text, b->uri_n };
}
static inline str reg_call_id(const struct reg_binding *b)
{
	return (str){ b->text + b->uri_n, b->call_id_n };
}
static inline str reg_instance(const struct reg_binding *b)
{
	return (str){ b->text + b->uri_n + b->call_id_n, b->instance_n };
}
static inline str reg_path(const struct reg_binding *b)
{
	return (str){ b->text + b->uri_n + b->call_id_n + b->instance_n, b->path_n };
}

static inline str reg_epid(const struct reg_binding *b)
{
	return (str){ b->text + b->uri_n + b->call_id_n + b->instance_n + b->path_n, b->epid_n };
}

/* A user who is signed in somewhere, or watched. */
struct reg_user {
	struct map_node node;
	struct reg_binding *bindings; /* newest first */
	struct reg_binding *ended;    /* what some watcher has not been told to be gone; the latest first */
	struct list watches;          /* subscriptions to his reg event package (reg_event.c) */
	size_t n_watches;
	bool is_ending;               /* they are being ended: he goes afterwards */
	struct timer expiry;          /* of the binding that ends first */
	struct reg *reg;
	uint16_t aor_n;
	char aor[];
};

static inline str reg_user_aor(const struct reg_user *u)
{
	return (str){ u->aor, u->aor_n };
}

struct reg {
	struct reg_config config;
	struct map users;   /* struct reg_user by aor */
	struct map flows;   /* struct reg_binding by flow, the first of each */
	size_t n_bindings;
	uint32_t serial, next_id;
};

uint64_t reg_unix_ms(const struct reg *g);
/* An address of record as a SIP URI, its user part escaped. */
void reg_add_uri(struct buf *out, str aor);
/* The same in brackets, as a field. */
void reg_add_address(struct sip_out *o, enum sip_hdr_id id, str aor);
static inline uint64_t reg_now(const struct reg *g)
{
	return g->config.timers->now;
}

/* One Contact of a REGISTER. */
struct reg_contact {
	struct uri uri;
	str instance;     /* with <>, without quotes */
	uint32_t reg_id;  /* 0: none, or outbound does not apply */
	uint32_t seconds; /* 0: to be removed */
	uint16_t q;
	bool is_endpoint; /* of the Lync dialect: its instance is bound once */
	bool replaced;    /* it was bound before */
	struct reg_binding *old;  /* what it replaces or removes; NULL: new */
	struct reg_binding *made; /* what it becomes */
};

/* ---- the table (reg_table.c) ---- */

err reg_table_init(struct reg *g);
void reg_table_fini(struct reg *g);
struct reg_user *reg_user_find(const struct reg *g, str aor);
/* Makes one when there is none; it stays while it has bindings or watches: call reg_user_settle after using it. */
err reg_user_get(struct reg *g, str aor, struct reg_user **out);
/* Sets the expiry timer anew, and frees a user who has nothing any more. */
void reg_user_settle(struct reg *g, struct reg_user *u);

/* What a binding is made of. */
struct reg_fields {
	str uri, call_id, instance, path, epid;
	struct flow flow;
	uint64_t expires_ms;
	uint32_t cseq, reg_id, since;
	uint16_t q;
};
/* A binding on no list yet; NULL without memory. */
struct reg_binding *reg_binding_new(const struct reg_fields *f);
/* The newest of u, with the next serial. */
void reg_binding_link(struct reg *g, struct reg_user *u, struct reg_binding *b);
void reg_binding_unlink(struct reg *g, struct reg_binding *b);
/* Are both of the same instance (which has a name)? */
bool reg_is_same_instance(str a, str b);
/* What a contact replaces or removes (RFC 3261 10.3 step 7; RFC 5626 6 when it has a reg-id); NULL: nothing. */
struct reg_binding *reg_match(const struct reg_user *u, const struct reg_contact *c);
/* The first binding of a flow; the others by flow_next. */
struct reg_binding *reg_flow_first(const struct reg *g, const struct flow *f);

/*
 * What has been taken out by one change (a list by `next`; their `event` says why): tells the processes of their flows
 * and who watches u (also about what was added or refreshed), frees them, and settles u, which may be gone afterwards.
 * over (NULL allowed): the flow that the change came over; what is bound there has changed too.
 */
void reg_changed(struct reg *g, struct reg_user *u, struct reg_binding *gone, const struct flow *over);

/* ---- what a REGISTER asks for (reg_contact.c) ---- */

struct reg_wish {
	bool is_star;
	bool is_outbound; /* reg-id is honoured: outbound is supported by the client and its first hop */
	bool wants_gruu;
	bool is_dialect; /* the client speaks the Lync dialect */
	str path; /* Path values joined by ", " */
	struct reg_contact contacts[REG_CONTACTS_MAX];
	size_t n;
};

/* Reads all that is about contacts. MALFORMED, SIP_INTERVAL, SIP_FIRST_HOP, CEILING. */
err reg_wish_read(const struct reg *g, const struct request *r, struct reg_wish *w);

/* ---- GRUUs (reg_gruu.c) ---- */

/* ";pub-gruu=..." and ";temp-gruu=..." of a binding with an instance, into the value of a Contact. */
void reg_gruu_print(struct reg *g, const struct reg_binding *b, struct buf *out);
void reg_gruu_public(const struct reg_binding *b, struct buf *out);
err reg_gruu_temporary(struct reg *g, const struct reg_binding *b, struct buf *out);
/* Does the GRUU u, of the user of b, name the instance of b? */
bool reg_gruu_names(const struct reg *g, const struct uri *u, const struct reg_binding *b);

/* ---- the Lync dialect (reg_dialect.c) ---- */

#define REG_ENDPOINT_NAME 24 /* characters */

/* ";gruu=..." of a binding whose instance is a UUID, into the value of a Contact. */
void reg_dialect_gruu_print(const struct reg_binding *b, struct buf *out);
bool reg_dialect_is_gruu(const struct uri *u);
/* Does such a GRUU, of the user of b, name the instance of b? */
bool reg_dialect_gruu_names(const struct uri *u, const struct reg_binding *b);
/* SIP_NO_ENDPOINT: neither epid nor instance ([MS-SIPREGE] 3.1.2.5.1). */
err reg_dialect_check(const struct request *r, const struct reg_wish *w);
/* Its client is told that it is signed out for good. */
void reg_dialect_farewell(struct reg *g, const struct reg_binding *b);
/* Fields that such clients look at in the 200. */
void reg_dialect_answer(const struct request *r, const struct reg_wish *w, struct sip_out *o);

/* ---- connections that have ended (reg_table.c) ---- */

/* A connection, or all connections of a process. */
struct reg_lost {
	struct reg *reg;
	struct flow flow;
	bool is_front;
};
bool reg_is_lost(const struct reg_lost *l, const struct flow *f);

/* ---- who watches (reg_event.c) ---- */

/* Tells all who watch u what has changed: bindings, and those that have ended, of a serial that they do not know yet.
 */
void reg_watches_tell(struct reg_user *u);
/* Frees what has ended and every watcher knows. */
void reg_watches_trim(struct reg_user *u);
/* Ends all subscriptions to u: with a last NOTIFY, or (reason NULL) without a word. u has to be settled. */
void reg_watches_end(struct reg_user *u, const char *reason);
extern const struct notifier_package reg_package;

#endif
