/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_IM_IM_PRIV_H
#define WITAN_SERVICE_IM_IM_PRIV_H

#include "base/list.h"
#include "base/map.h"
#include "engine/dialog.h"
#include "service/im.h"
#include "service/im/im_text.h"

#define IM_TAG       19               /* characters of our tags */
#define IM_OPAQUE    "app:im"         /* marks our Contact: a request with it is for a dialog of ours, or for none */
#define IM_QUESTION  "app:im-session"   /* marks a MESSAGE that is only for a session that its receiver has begun: 481 when there is none here */
#define IM_TARGETS   64               /* contacts of a user that are looked at */
#define IM_QUEUE_MAX 16               /* messages that wait for a session */
#define IM_PER_USER  64               /* conversations that one user has begun */
#define IM_IDLE_MS   (10 * 60 * 1000) /* a conversation in which nobody writes */
#define IM_ACK_MS    32000            /* until the ACK of a session is there (RFC 3261 13.3.1.4) */
#define IM_INVITE_MS 28000            /* until somebody takes a session: less than a sender of a MESSAGE waits (RFC 3261 Timer F) */
#define IM_FIRST_MAX 4096             /* bytes of a text that is put into an INVITE */
#define IM_OUT_MAX   (1u << 20)       /* bytes of a message of ours */
#define IM_FLOWS     256

struct im_talk;

/* A session that is being offered to devices. Lives until every branch has ended. */
struct im_leg {
	struct im_invite *invite;
	struct txn *txn;  /* NULL once it has ended */
	bool is_open;     /* no final answer yet */
};

struct im_invite {
	struct im *im;
	struct im_end *end;    /* NULL: nobody waits for it any more */
	struct im_item *first; /* whose text it carries along; referenced; NULL: none */
	struct timer timer;    /* until nobody waits for it any more */
	unsigned n, open, refs, best;
	struct im_leg legs[];
};

/* One side of a conversation. */
struct im_end {
	struct im_talk *talk;
	struct map_node by_tag;
	struct list by_flow;      /* while there is a dialog */
	struct dialog *dialog;    /* NULL: no session */
	struct im_invite *invite; /* NULL: none is being offered */
	struct list queue;        /* struct im_item: for the session that is being offered */
	unsigned n_queue;
	uint32_t n_sessions;      /* so many it has had */
	char tag[IM_TAG];
};

/* Who has begun conversations, and how many. */
struct im_user {
	struct map_node node;
	size_t n, aor_n;
	char aor[];
};

/* A conversation: near has begun it, far is at home here. */
struct im_talk {
	struct map_node by_pair;
	struct list node;
	struct im *im;
	struct im_user *user;
	struct im_end near, far;
	struct timer timer;
	uint64_t used_ms;
	unsigned refs;
	bool is_listed; /* found by its pair */
	bool is_over, is_acked;
	bool asks;      /* far may have begun a session with near, of which the home of near knows */
	size_t near_n, pair_n;
	char pair[]; /* near, line feed, far */
};

/* One message on its way, with the request that brought it. */
struct im_item {
	struct im_talk *talk; /* referenced */
	struct im_end *from, *to;
	struct request r;     /* r.in referenced, r.txn NULL once it has ended */
	struct im_text text;
	struct list node;     /* in to->queue, when is_queued */
	unsigned refs, waiting, best;
	uint32_t session;     /* of to, which it was sent in last */
	bool is_queued, is_answered, is_again;
	bool has_text;        /* an INVITE may have none */
};

struct im {
	struct im_config c;
	struct map tags, pairs, users;
	struct list talks;
	size_t n_talks;
	struct list flows[IM_FLOWS];
};

static inline str im_near(const struct im_talk *t)
{
	return (str){ t->pair, t->near_n };
}
static inline str im_far(const struct im_talk *t)
{
	return (str){ t->pair + t->near_n + 1, t->pair_n - t->near_n - 1 };
}
static inline str im_aor(const struct im_end *e)
{
	return e == &e->talk->near ? im_near(e->talk) : im_far(e->talk);
}
static inline struct im_end *im_other(struct im_end *e)
{
	return e == &e->talk->near ? &e->talk->far : &e->talk->near;
}

/* ---- conversations (im_talk.c) ---- */

/* By who has begun it and whom with; NULL. */
struct im_talk *im_talk_find(const struct im *s, str near, str far);
/* BUSY past a ceiling. A conversation of the same two that is there already is found by its dialogs only from now on. */
err im_talk_open(struct im *s, str near, str far, struct im_talk **out);
/* Over: who has a session is told, whoever waits is answered. */
void im_talk_end(struct im_talk *t);
void im_talk_unref(struct im_talk *t);
/* Somebody has written. */
void im_talk_use(struct im_talk *t);
/* Ends one in which there is no session, nor one to come. */
void im_talk_settle(struct im_talk *t);
struct im_end *im_end_find(const struct im *s, str tag);
void im_end_set_dialog(struct im_end *e, struct dialog *d);
/* Forgets its session; nobody is told. */
void im_end_drop_dialog(struct im_end *e);

/* ---- messages (im_item.c) ---- */

/* For a request in its server transaction. */
err im_item_new(struct im_talk *t, struct im_end *from, const struct request *r, struct im_item **out);
/* Sends it to the other side, by page, by session or both; the sender is answered by what becomes of it. */
void im_item_deliver(struct im_item *i);
/* First asks the home of the sender for a session of the receiver's. */
void im_item_ask(struct im_item *i);
void im_item_hold(struct im_item *i); /* one more delivery is under way */
void im_item_over(struct im_item *i, unsigned status); /* one has ended so */
void im_item_refuse_queue(struct im_end *e, unsigned status);

/* ---- what goes out (im_send.c) ---- */

/* To a standard client, or to the home of somebody: a MESSAGE by itself. */
void im_send_page(struct im_item *i, const struct reg_target *target);
/* The question of im_item_ask. */
void im_send_question(struct im_item *i);
/* In the session of e. */
void im_send_in_session(struct im_item *i, struct im_end *e);
void im_send_bye(struct im *s, struct dialog *d);
void im_send_ack(struct im *s, struct dialog *d, uint32_t cseq);
/* The 200 of an INVITE to us. */
void im_answer_invite(struct request *r, const struct im_end *e, bool has_shown_text);
/* How its text goes to a client of the dialect: as it came, or plain where a policy of either forbids more. p NULL: in no way. */
struct im_form {
	str type, body;
};
struct im_form im_session_form(const struct im_item *i);
/* "sip:" and an address of record, with parameters; p is NULL past the ceiling. */
str im_uri(struct arena *a, str aor, str params);
/* Our Contact; what an INVITE of ours offers, and what we answer. */
void im_add_contact(const struct im_talk *t, struct sip_out *o);
void im_add_offer(const struct im *s, struct sip_out *o);
void im_add_address(struct sip_out *o, enum sip_hdr_id id, str aor, str tag);
void im_add_call_id(const struct im *s, struct sip_out *o);
uint64_t im_request_id(void);

/* ---- sessions that we offer (im_invite.c) ---- */

/* To all of targets that speak the dialect; the queue of e goes there when somebody has taken it. */
void im_invite_begin(struct im_end *e, const struct reg_target *targets, size_t n);
void im_invite_abandon(struct im_invite *v);

/* ---- policies (im_permit.c) ---- */

struct im_ban {
	bool html, rtf;
};
struct im_ban im_ban(const struct im *s, str a, str b);
/* May the text of m pass as it is between these two? */
bool im_may_pass(const struct im *s, const struct sip_msg *m, str a, str b);

#endif
