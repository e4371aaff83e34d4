/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wall - who may not have contact with whom (EthicalWall), and what messages may not say (MessageContentRule; docs/adr/0086). The rules are compiled into an
 * index from what a person is - his address, domain, the groups that vault says he is in - to sets of walls, so that a decision is a few look-ups and a few
 * words of bits, however many walls there are. One function decides for messages, calls, files, conferences and presence.
 */
#ifndef WITAN_SERVICE_WALL_H
#define WITAN_SERVICE_WALL_H

#include "engine/stage.h"
#include "model/policy.h"
#include "service/user.h"

enum wall_modality { WALL_IM, WALL_PRESENCE, WALL_CALL, WALL_CONFERENCE, WALL_FILE, WALL_MODALITIES };
extern const char *const wall_modality_names[WALL_MODALITIES];

enum wall_action { WALL_PASS, WALL_LOG, WALL_WARN, WALL_DENY };
extern const char *const wall_action_names[];

#define WALL_RULES_MAX 512 /* walls; those of the largest priority past it do not hold, which is logged */

struct wall_person {
	str aor;     /* lower case */
	str groups;  /* the groups that vault named: hexadecimal marks parted by commas; empty: none */
	bool is_own; /* of a domain of ours */
};

struct wall_verdict {
	enum wall_action action;
	str rule;    /* empty: no wall fits */
	str warning; /* what Warn tells */
};

struct wall_incident {
	str rule, action, modality, from, to;
	str text; /* empty: not to be kept */
};

struct wall_door {
	/* Something has happened that must be written down. */
	void (*incident)(void *arg, const struct wall_incident *i);
	/* A person is to be told something, as a message of the server. */
	void (*tell)(void *arg, str aor, str text);
};

struct wall_config {
	struct policies *policies;
	const struct users *users; /* NULL: none are known (vault) */
	struct wall_door door;
	void *arg;
	struct log *log;
	struct meter *meter;
	uint64_t (*unix_seconds)(void); /* NULL: the system's clock */
};

struct wall;
err wall_new(const struct wall_config *config, struct wall **out);
void wall_free(struct wall *w); /* NULL is allowed */

/* Does a have contact with b, who begin it, allowed? Names in the verdict live until the policies change. */
struct wall_verdict wall_decide(struct wall *w, const struct wall_person *a, const struct wall_person *b, enum wall_modality m);
/* The same for addresses, with what users say of them. */
struct wall_verdict wall_between(struct wall *w, str a, str b, enum wall_modality m);
/* Why: which selectors of the deciding wall fit, as a sentence. */
void wall_explain(struct wall *w, const struct wall_person *a, const struct wall_person *b, const struct wall_verdict *v, struct buf *out);
/* Has anything changed since the last call that presence must follow: rules, or the hour? */
bool wall_has_changed(struct wall *w);

/*
 * For INVITE, MESSAGE, INFO and UPDATE, in dialogs too: WALL_DENIED, WALL_CONTENT. Before the filters, so that rules see what was written. state: the wall.
 */
err wall_stage(void *state, struct request *r, enum stage_verdict *v);

/* ---- groups, for vault ---- */

#define WALL_MARK 16 /* characters of a group's mark */

/* Does a selector ("Department=Research*", "Traders") name a group that only vault can tell members of? */
bool wall_is_group(str selector);
void wall_mark(str selector, char out[WALL_MARK]);
/* Of "Department=Research*": name and pattern; false: the name of a Group. */
bool wall_attribute(str selector, str *name, str *pattern);
/* Patterns have * for any characters; without regard to case. */
bool wall_matches(str pattern, str value);

#endif
