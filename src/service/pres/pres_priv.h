/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_PRES_PRIV_H
#define WITAN_SERVICE_PRES_PRIV_H

#include "base/map.h"
#include "engine/notifier.h"
#include "service/pres.h"
#include "wire/xml_tree.h"

#define PRES_CATEGORIES   60     /* names of categories that a process knows at once */
#define PRES_NAME_MAX     64     /* bytes of the name of a category */
#define PRES_PUBLICATIONS 256    /* of one user */
#define PRES_BODY_MAX     16384  /* bytes of one publication */
#define PRES_MEMBERS_MAX  1000   /* of all containers of one user */
#define PRES_WATCHERS_MAX 10000  /* of one user */
#define PRES_VIEW_MAX     65536  /* bytes of what one container shows */
#define PRES_EPID_MAX     64
#define PRES_CONTAINERS   64     /* of one user */
#define PRES_BYTES_MAX    262144 /* of all publications of one user */
#define PRES_WAITING_MAX  256    /* requests that wait until one user is loaded */

struct presentity;

/* Availability ([MS-PRES] 2.2.2.7.1): the least number of each state. */
enum {
	AVAILABLE = 3000, AVAILABLE_IDLE = 4500, BUSY = 6000, BUSY_IDLE = 7500, DO_NOT_DISTURB = 9000, BE_RIGHT_BACK = 12000, AWAY = 15000, OFFLINE = 18000,
	PRES_OFFLINE = 18500, /* as it is told */
	PRES_AVAILABLE = 3500,
};

/* ---- names of categories (pres_category.c) ---- */

/* Those that this server itself looks into; they are known from the beginning, in this order. Others that clients use are known, too, so that nobody can
 * use up the names. */
enum pres_category { CATEGORY_STATE, CATEGORY_NOTE, CATEGORY_CALENDAR, CATEGORY_CARD, CATEGORY_SERVICES, CATEGORY_USER, CATEGORY_DEVICE, CATEGORY_HOURS, CATEGORY_OWN };

struct pres_categories {
	char names[PRES_CATEGORIES][PRES_NAME_MAX];
	size_t n;
};
void pres_categories_init(struct pres_categories *c);
/* Its number, making one for a new name. CEILING: too many, or too long; MALFORMED: no name. */
err pres_category_get(struct pres_categories *c, str name, uint8_t *out);
bool pres_category_find(const struct pres_categories *c, str name, uint8_t *out);
static inline str pres_category_name(const struct pres_categories *c, uint8_t number)
{
	return str_of(c->names[number]);
}

/* ---- publications (pres_publication.c) ---- */

enum pres_expire { EXPIRE_STATIC, EXPIRE_USER, EXPIRE_ENDPOINT, EXPIRE_TIME };

/* What a state says, read once. */
enum pres_state { STATE_NONE, STATE_USER, STATE_MACHINE, STATE_PHONE, STATE_CALENDAR };

struct publication {
	struct publication *next; /* in the order of their making */
	uint32_t instance, version;
	uint16_t container;
	uint8_t category, expire, state; /* enum pres_expire, pres_state */
	bool is_manual;
	uint32_t availability;
	uint64_t published_ms; /* since 1970 */
	uint64_t expires_ms;   /* EXPIRE_TIME: on the clock of the timers */
	uint16_t epid_n, activity_n, meeting_n;
	uint32_t body_n;
	char text[]; /* epid of its device, activity, meeting, body: one element */
};

static inline str publication_epid(const struct publication *p)
{
	return (str){ p->text, p->epid_n };
}
static inline str publication_activity(const struct publication *p)
{
	return (str){ p->text + p->epid_n, p->activity_n };
}
static inline str publication_body(const struct publication *p)
{
	return (str){ p->text + p->epid_n + p->activity_n + p->meeting_n, p->body_n };
}
/* Subject and place of the meeting that a calendar's state is about. */
static inline str publication_meeting(const struct publication *p)
{
	return (str){ p->text + p->epid_n + p->activity_n, p->meeting_n };
}
static inline size_t publication_bytes(const struct publication *p)
{
	return (size_t)p->epid_n + p->activity_n + p->meeting_n + p->body_n;
}

/* Which one it is. */
struct pres_key {
	uint8_t category;
	uint16_t container;
	uint32_t instance;
};

/* What is to be published. */
struct pres_publish {
	struct pres_key key;
	uint32_t version; /* that it will have */
	enum pres_expire expire;
	uint64_t published_ms, expires_ms;
	str epid;
	const struct xml_node *body; /* NULL: empty */
};

/* Where the one of this key hangs, or would. */
struct publication **pres_publication_find(struct presentity *p, const struct pres_key *k);
uint32_t pres_publication_version(struct presentity *p, const struct pres_key *k); /* 0: there is none */
/* Makes one that is nowhere yet; free gives it back. CEILING, NO_MEMORY. */
err pres_publication_make(const struct pres_publish *w, struct arena *a, struct publication **out);
/* Takes it, in the place of the one that had its key. */
void pres_publication_put(struct presentity *p, struct publication *made);
/* Both, within the ceilings of a user. */
err pres_publication_set(struct presentity *p, const struct pres_publish *w, struct arena *a);
void pres_publication_remove(struct presentity *p, const struct pres_key *k);
void pres_publications_free(struct presentity *p);
/* Removes those whose device, user or time has gone; answers a bit for each category that lost one. */
uint64_t pres_publications_expire(struct presentity *p);
/* When the next one ends by time; UINT64_MAX: none. */
uint64_t pres_publications_next(const struct presentity *p);

struct pres_aggregate {
	uint32_t availability;
	const struct publication *by; /* whose state it is; NULL: nobody's */
};
/* Of the states in container 2, or 3, which is for those who may see more. */
struct pres_aggregate pres_aggregate(const struct presentity *p, uint16_t container);

/* ---- containers (pres_container.c) ---- */

enum pres_member_kind { MEMBER_USER, MEMBER_DOMAIN, MEMBER_SAME_ENTERPRISE, MEMBER_FEDERATED, MEMBER_PUBLIC_CLOUD, MEMBER_EVERYONE, MEMBER_KINDS };

struct pres_member {
	struct pres_member *next;
	enum pres_member_kind kind;
	uint16_t value_n;
	char value[]; /* address of record, domain; empty for the other kinds */
};

struct pres_container {
	struct pres_container *next; /* by rising number */
	uint16_t number;
	uint32_t version;
	struct pres_member *members;
	size_t n;
};

#define CONTAINER_EXTERNAL   100
#define CONTAINER_COLLEAGUES 200
#define CONTAINER_WORKGROUP  300
#define CONTAINER_FRIENDS    400
#define CONTAINER_BLOCKED    32000

str pres_member_kind_name(enum pres_member_kind k);
bool pres_member_kind_find(str name, enum pres_member_kind *out);
struct pres_container *pres_container_find(const struct presentity *p, uint32_t number);
/* Makes it when it is not there; NULL without memory, or when he has too many. */
struct pres_container *pres_container_get(struct presentity *p, uint16_t number);
/* OK also when he is in it. CEILING, NO_MEMORY. */
err pres_member_add(struct presentity *p, struct pres_container *c, enum pres_member_kind kind, str value);
void pres_member_remove(struct presentity *p, struct pres_container *c, enum pres_member_kind kind, str value);
void pres_container_empty(struct presentity *p, struct pres_container *c);
void pres_containers_free(struct presentity *p);
/* Adds the containers that everybody has, with their usual members where they were not there. */
err pres_containers_usual(struct presentity *p);
/* The container whose content a watcher (an address of record) is shown; 0: that of strangers. */
uint16_t pres_container_of(const struct presentity *p, str watcher);

/* ---- who watches (pres_watch.c) ---- */

/* What the watchers of one container see: the piece of each category, and when it changed last. */
struct pres_piece {
	uint8_t category;
	uint32_t serial;
	uint32_t at, n; /* in the view's text */
};
struct pres_view {
	struct pres_view *next;
	uint16_t container;
	size_t n_watches;
	struct pres_piece pieces[PRES_CATEGORIES];
	size_t n_pieces;
	struct buf text;
	struct buf pidf;      /* the same as PIDF, when somebody has asked for it; empty: not written since it changed */
	struct pres_far *far; /* of a user who is at home in another process: what that tells us (pres_far.c); of one watch */
};

struct pres_watch {
	struct list of_presentity;
	struct presentity *presentity;
	struct pres_view *view;
	uint64_t categories; /* a bit for each that is wanted */
	uint32_t told;       /* serial */
	const struct pres_watch_door *door;
	void *arg;
	uint32_t id; /* among those of the user */
	uint16_t aor_n;
	char aor[]; /* of the watcher */
};

struct pres_watch_door {
	/* Something that it wants has changed. */
	void (*on_news)(void *arg, struct pres_watch *w);
	/* The user is gone for good: w is to be closed. May be NULL. */
	void (*on_gone)(void *arg, struct pres_watch *w);
};

struct pres {
	struct pres_config config;
	struct map fars;   /* struct pres_far by id */
	struct map guests; /* struct pres_guest by process and id: who watches from there */
	uint32_t next_far;
	struct map presentities; /* by address of record */
	struct pres_categories categories;
};

/* ---- one user ---- */

/* Somebody who watches, and whether the user has taken notice. */
struct pres_subscriber {
	struct pres_subscriber *next;
	bool is_acknowledged;
	uint16_t aor_n;
	char aor[];
};

struct presentity {
	struct map_node node;
	struct pres *pres;
	bool is_far; /* he is at home in another process: nothing of him is here but what is watched */
	bool is_loaded, is_loading;
	bool is_stale;             /* a change is not on the disk, so that what is in memory is not what is kept: it is to be read again */
	struct list waiting;       /* requests, until he is loaded (pres_table.c) */
	size_t n_waiting;
	struct publication *publications;
	size_t n_publications, n_bytes;
	struct pres_container *containers;
	size_t n_containers, n_members;
	struct pres_view *views;
	struct list watches;
	size_t n_watches;
	uint32_t last_watch;
	struct pres_subscriber *subscribers;
	size_t n_subscribers;
	struct list selves;        /* subscriptions of his own to what he publishes (pres_self.c) */
	struct list infos;         /* and to who watches him (pres_winfo.c) */
	uint32_t serial;           /* of the last change that watchers see */
	uint32_t aggregate_version;
	uint64_t aggregate_ms;     /* when the aggregate changed last */
	uint32_t aggregate;        /* availability, as last reckoned */
	struct timer timer;        /* of publications that end by time */
	uint64_t loaded_ms;        /* since 1970 */
	struct list savings;       /* changes that vault has not acknowledged (pres_service.c) */
	struct buf card;           /* what the directory says of him: rows of KEPT_CARD */
	uint16_t aor_n;
	char aor[];
};

static inline str presentity_aor(const struct presentity *p)
{
	return (str){ p->aor, p->aor_n };
}

struct presentity *presentity_find(const struct pres *p, str aor);
/* Made when he is not there; not loaded then. */
err presentity_get(struct pres *p, str aor, struct presentity **out);
/* The same for a request, which waits (*v is WAIT) until he is loaded. */
err presentity_need(struct pres *p, struct request *r, str aor, struct presentity **out, enum stage_verdict *v);
/* Reads what vault has of him (anew; pres_read.c). */
err presentity_load(struct presentity *u);
/* Those who wait for him go on, or (false) are answered that he cannot be read. */
void presentity_wake(struct presentity *u, bool goes_on);
/* Everything that vault keeps of him leaves the memory. */
void presentity_empty(struct presentity *u);
/* Changes that are under way are answered as failed. */
void pres_savings_forget(struct presentity *u);
/* Something that kept him in memory has gone; he goes in a later turn if nothing does. */
void presentity_settle(struct presentity *u);
uint64_t pres_unix_ms(const struct pres *p);

/* What his devices come to, taken together. */
void presentity_reckon(struct presentity *p);
/* Something that he shows may have changed: his watchers are told what has (pres_watch.c). */
void presentity_show(struct presentity *p);
/* Who belongs to which container may have changed. */
void presentity_place_watches(struct presentity *p);
/* watcher: address of record; categories: a bit for each. The first news are the caller's to print. SIP_BUSY, NO_MEMORY. */
err pres_watch_open(struct presentity *p, str watcher, uint64_t categories, const struct pres_watch_door *door, void *arg, struct pres_watch **out);
void pres_watch_close(struct pres_watch *w);
/* Elements <category>: all, or those that have changed since the last time; false: nothing was written. */
bool pres_watch_print(struct pres_watch *w, bool is_whole, struct buf *out);

/* Is there anything to print yet? */
bool pres_watch_is_ready(const struct pres_watch *w);

/* ---- across processes (pres_far.c) ---- */

void pres_fars_init(struct pres *p);
void pres_fars_fini(struct pres *p);
bool pres_is_far(const struct pres *p, str aor);
/* Asks his home for what w wants; v is empty, and w's alone. */
err pres_far_open(struct pres_watch *w, struct pres_view *v);
void pres_far_close(struct pres_view *v);

/* ---- what containers show (pres_view.c) ---- */

/* Writes it anew; a bit for each category that is other than before. */
uint64_t pres_view_refresh(struct presentity *p, struct pres_view *v);
/* Of the wanted categories those that changed after a serial; 0: all. */
void pres_view_print(const struct pres_view *v, uint64_t categories, uint32_t since, struct buf *out);
/* The same for another process: "NAME LENGTH\n" before each piece. */
void pres_view_pack(const struct presentity *p, const struct pres_view *v, uint64_t categories, uint32_t since, struct buf *out);
/* Puts pieces in the place of those that are there; those that are other get the next serial. Answers a bit for each of them. MALFORMED: not packed. */
err pres_view_unpack(struct presentity *p, struct pres_view *v, str pieces, uint64_t *changed);
void pres_add_time(struct buf *out, uint64_t unix_ms);

/* ---- what people see of themselves (pres_self.c) ---- */

extern const struct notifier_package pres_self_package;
/* What of himself a user is told: publications of categories (a bit for each), and his containers. */
#define PRES_SELF_CONTAINERS  (UINT64_C(1) << 63)
#define PRES_SELF_SUBSCRIBERS (UINT64_C(1) << 62)
void pres_self_print(struct presentity *p, uint64_t what, struct buf *out);
/* Who watches u that he has not seen before is shown to him. */
void pres_subscriber_seen(struct presentity *u, str watcher);
/* Subscriptions to who watches u are told. */
void pres_winfo_changed(struct presentity *u);
/* NULL: no memory, or too many. */
struct pres_subscriber *pres_subscriber_get(struct presentity *u, str aor);
void pres_subscribers_free(struct presentity *u);
/* All his devices are told, but the one that the change came over (NULL: all). */
void pres_selves_tell(struct presentity *p, uint64_t what, const struct flow *but);

/* ---- PUBLISH (pres_publish.c) ---- */

err pres_publish_stage(struct pres *p, struct request *r, enum stage_verdict *v);

/* ---- what people see of others (pres_event.c) ---- */

extern const struct notifier_package pres_package;
/* ---- who watches (pres_winfo.c) ---- */
extern const struct notifier_package pres_winfo_package;
/* The whole of what w is shown, for clients of standard SIP (pres_pidf.c). */
err pres_pidf_print(struct pres_watch *w, struct buf *out);

#endif
