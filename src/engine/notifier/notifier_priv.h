/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ENGINE_NOTIFIER_PRIV_H
#define WITAN_ENGINE_NOTIFIER_PRIV_H

#include "engine/notifier.h"

#define PACKAGES_MAX 16
#define TEXT_MOST    1024   /* bytes of one text of a dialog that is kept */
#define BODY_MOST    524288 /* bytes of one notification */
#define TAG          16     /* characters of our tag */
#define FLOW_MOST    2000   /* subscriptions over one connection, but that of a server */

/* What a dialog is made of, as the SUBSCRIBE had it; OURS: the address of record that it was for. */
enum dialog_text { DIALOG_CALL_ID, DIALOG_FROM, DIALOG_FROM_TAG, DIALOG_TO, DIALOG_EVENT, DIALOG_ROUTES, DIALOG_OURS, DIALOG_TEXTS };

struct notifier {
	struct notifier_config config;
	uint64_t next_id; /* that follows a notification through the log; begins by chance */
	struct map by_tag, by_flow; /* struct subscription, struct flow_list */
	struct {
		const struct notifier_package *package;
		void *arg;
	} packages[PACKAGES_MAX];
	size_t n_packages;
	unsigned depth;  /* calls of packages, and of who sends, that are under way: nothing is freed before they have ended */
	bool is_closing;
};

/* All subscriptions over one flow. */
struct flow_list {
	struct map_node node;
	struct flow flow;
	struct subscription *first;
	size_t n;
};

str subscription_text(const struct subscription *s, enum dialog_text which);
/* NULL: none. */
struct flow_list *notifier_find_flow(const struct notifier *n, const struct flow *f);
err subscription_link(struct subscription *s, const struct flow *f);
void subscription_unlink(struct subscription *s);
/* Sets the timer of a new one; from then on setting it again needs no memory. */
err subscription_start_timer(struct subscription *s);
void subscription_set_timer(struct subscription *s);
/* Whoever is at work now may hold s: it ends in a later turn. */
void subscription_end_later(struct subscription *s, const char *reason);
/* What cannot be sent is the end, in a later turn. */
void subscription_tell_now(struct subscription *s);
static inline uint64_t notifier_now(const struct notifier *n)
{
	return n->config.timers->now;
}

/* Sends what the package has to tell. reason: NULL while s lives. An error: nothing was sent, and s is to end. */
err notifier_send(struct subscription *s, bool is_whole, const char *reason);
/* 200 to a SUBSCRIBE, with the first notification where the client wants it there: *told. is_last: the subscription ends with it. */
err notifier_answer(struct subscription *s, struct request *r, bool is_last, bool *told);
/* The NOTIFY under way was answered: 0 for not at all. */
void notifier_answered(struct subscription *s, unsigned status);

#endif
