/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notifier - our side of event subscriptions (RFC 6665): dialogs in which somebody is told what becomes of something. What is told is the
 * matter of packages; when and how, ours. Subscriptions live in the memory of one process and end with the connection of their subscriber.
 *
 * Clients of the Lync dialect get the first notification within the 200 ("piggy-back") and the others as BENOTIFY, which nobody answers,
 * where they support that ([MS-SIP] 3.2, [MS-PRES] 3.2).
 */
#ifndef WITAN_ENGINE_NOTIFIER_H
#define WITAN_ENGINE_NOTIFIER_H

#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/timer.h"
#include "engine/stage.h"
#include "engine/txn.h"

struct notifier; /* all subscriptions of a process */
struct subscription;

/* What one notification says. */
struct notification {
	struct buf body;
	str type;    /* Content-Type; of a body that is not empty */
	str require; /* option tags that the body needs (eventlist); empty: none */
};

/* Times in seconds unless it says otherwise. Everything may be called from inside a call of the notifier. */
struct notifier_package {
	str event;          /* "presence": the token of Event */
	const str *accepts; /* types that it can write, the first also for who accepts everything; ends with an empty one */
	uint32_t usual, shortest, longest;
	uint32_t pause_ms;  /* between two changes told to one subscriber */
	/*
	 * SUBSCRIBE has come, a new one or one that renews: may it be, and what about? Sets s->subject (and s->arg) of a new
	 * one. An error is answered; then a new one is not there, and close is not called.
	 */
	err (*open)(void *arg, struct subscription *s, const struct request *r);
	/* What s is to be told now: everything, or (is_whole false) what has changed since it was told last. ABSENT: nothing. */
	err (*tell)(void *arg, struct subscription *s, bool is_whole, struct notification *n);
	/* It is over; it is freed after the call. May be NULL. */
	void (*close)(void *arg, struct subscription *s);
};

struct subscription {
	/* the package's */
	const struct notifier_package *package;
	void *arg;           /* of the package as it was added */
	void *subject;       /* what it is about; NULL only before open */
	struct list of_subject; /* the package may link it to others of its subject */
	void *own;           /* whatever it keeps with it; freed by its close */
	uint32_t told;       /* whatever it marks what was told by; 0 in a new one */
	/* ours */
	struct map_node node; /* by our tag */
	struct subscription *flow_next; /* over the same connection */
	struct notifier *notifier;
	struct timer timer;  /* always set: its end, or the end of a pause */
	struct txn *notify;  /* under way; NULL */
	uint64_t expires_ms, quiet_ms;
	struct flow flow;
	uint32_t cseq, remote_cseq;
	uint32_t seconds;
	bool is_pending, wants_whole, is_over;
	bool is_quick, is_extended; /* BENOTIFY; it goes on by itself as long as the connection */
	bool is_telling;
	const char *last_word; /* is_over: the reason that it is told; NULL: none */
	char tag[16];
	uint16_t target_n, n[7];
	char *target;
	char text[];
};

struct notifier_config {
	struct timers *timers;
	struct txns *txns;
	/* Sends a whole message that nobody answers. */
	err (*send)(void *arg, const struct flow *to, uint64_t request, str bytes);
	void *arg;
	uint32_t most; /* subscriptions of the process */
};

err notifier_new(const struct notifier_config *config, struct notifier **out);
/* Ends all without a word. */
void notifier_free(struct notifier *n);
/* package must outlive n. */
err notifier_add(struct notifier *n, const struct notifier_package *package, void *arg);

/* SUBSCRIBE for r->target, new or in its dialog; a package that nobody has added is NEXT. state: the notifier. */
err notifier_stage(void *state, struct request *r, enum stage_verdict *v);

/* Something has changed for s: it is told at once, or after its pause and the answer to what it was told before. */
void notifier_tell(struct subscription *s);
/* Ends it: with a last notification (reason: RFC 6665 4.1.3, a constant), or (NULL) without a word. In a later turn when it is called from inside a call of the
 * notifier; otherwise s is gone afterwards. */
void notifier_end(struct subscription *s, const char *reason);

/* The connection has gone; all connections of another front process have. Subscriptions over them end without a word. */
void notifier_flow_gone(struct notifier *n, const struct flow *f);
void notifier_front_gone(struct notifier *n, uint16_t front);

/* Of the SUBSCRIBE that made it. */
str subscription_call_id(const struct subscription *s);
size_t notifier_count(const struct notifier *n);

#endif
