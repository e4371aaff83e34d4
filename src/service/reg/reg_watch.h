/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_REG_REG_WATCH_H
#define WITAN_SERVICE_REG_REG_WATCH_H

#include "service/reg/reg_priv.h"

#define REG_WATCHES_MAX      100000 /* subscriptions of a process */
#define REG_WATCHES_USER_MAX 16     /* of one user */
#define REG_WATCH_TAG        16     /* characters of our tag */
#define REG_WATCH_SECONDS    3761   /* when the subscriber names none, and the longest (RFC 3680 4.4) */
#define REG_WATCH_BRIEF      60     /* the shortest; a shorter wish is 423 */
#define REG_WATCH_PAUSE_MS   5000   /* between two changes told (RFC 3680 4.10) */
#define REG_INFO_MAX         262144 /* bytes of one document */

/* What a dialog is made of, as the SUBSCRIBE had it. */
enum reg_watch_text { WATCH_CALL_ID, WATCH_FROM, WATCH_FROM_TAG, WATCH_TO, WATCH_EVENT, WATCH_ROUTES, WATCH_TEXTS };

/* One subscription: a dialog in which we tell a user what becomes of his contacts. */
struct reg_watch {
	struct map_node node;   /* by our tag */
	struct reg_watch *next; /* of the same user */
	struct reg_user *user;
	struct reg *reg;
	struct timer timer; /* always set: its end, or the end of a pause */
	struct txn *notify; /* under way; NULL */
	uint64_t expires_ms;
	uint64_t quiet_ms; /* no change is told before */
	struct flow flow;  /* where the subscriber is */
	uint32_t cseq;     /* of our last NOTIFY */
	uint32_t remote_cseq;
	uint32_t version; /* of the next document */
	uint32_t told;    /* serial of the last change that the subscriber knows; 0: he needs the whole state */
	bool is_pending;  /* something has changed that was not told yet */
	bool is_over;     /* to be freed by the timer */
	char tag[REG_WATCH_TAG];
	char *target; /* remote target: the Contact URI */
	uint16_t target_n;
	uint16_t n[WATCH_TEXTS];
	char text[];
};

static inline str reg_watch_text(const struct reg_watch *w, enum reg_watch_text which)
{
	const char *at = w->text;
	for (unsigned i = 0; i < (unsigned)which; i++)
		at += w->n[i];
	return (str){ at, w->n[which] };
}

/* ---- documents (reg_info.c) ---- */

/* What one document tells. */
struct reg_document {
	const struct reg_user *user;
	uint32_t since; /* partial: bindings, and ended ones, of a higher serial; 0: the whole state */
	uint32_t version;
};

/* application/reginfo+xml (RFC 3680 5, RFC 5628). */
err reg_info_print(const struct reg *g, const struct reg_document *i, struct buf *out);

/* ---- NOTIFY (reg_notify.c) ---- */

/* Sends one. reason: NULL while the subscription lives, else why it ends. An error: nothing was sent. */
err reg_notify(struct reg_watch *w, const struct reg_document *i, const char *reason);

/* Ends a subscription without a word; its user has to be settled. */
void reg_watch_free(struct reg_watch *w);
/* The NOTIFY under way has been answered: 0 for not at all. */
void reg_watch_answered(struct reg_watch *w, unsigned status);

#endif
