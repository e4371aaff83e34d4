/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contact - the contact list of a user: contacts, the groups that he has put them in, and the search for new ones ([MS-SIP] 3.7, 9.1). The lists of the
 * users whose home this process is are in its memory; vault keeps them (service/kept), and a change is answered and told to all of his devices once it
 * is on the disk there.
 */
#ifndef WITAN_SERVICE_CONTACT_H
#define WITAN_SERVICE_CONTACT_H

#include "base/err.h"
#include "base/log.h"
#include "base/timer.h"
#include "engine/notifier.h"
#include "engine/stage.h"
#include "model/policy.h"
#include "service/kept.h"
#include "service/user.h"
#include "wire/xml_tree.h"

struct config;
struct contacts; /* all lists of a process */

/* What somebody looks for. Rows of service/kept of the kind KEPT_CARD: property ("FirstName"; "SipAddress") and what it is to begin with, all of them. */
struct contact_search {
	uint64_t id;
	uint32_t most;
	str filter;
};

struct contact_door {
	/* A request that had to wait may begin again at this stage. */
	void (*resume)(void *arg, struct request *r);
	/* A question to vault; an error: it is not there. */
	err (*search)(void *arg, const struct contact_search *q);
	/* Whom aor has in his list is other than before. May be NULL. */
	void (*on_change)(void *arg, str aor);
};

struct contact_config {
	struct timers *timers;
	const struct users *users;
	const struct policies *policies;
	const struct config *config;
	struct notifier *notifier; /* where the package is added */
	struct kept *kept;
	struct xml_reader *xml;
	struct log *log;
	struct contact_door door;
	void *arg;
};

err contacts_new(const struct contact_config *config, struct contacts **out);
/* The notifier must have been freed before. */
void contacts_free(struct contacts *c);

/* SERVICE of a user to himself with application/SOAP+xml: changes of his list, and searches. SUBSCRIBE to his list waits here until it is loaded. */
err contact_stage(void *state, struct request *r, enum stage_verdict *v);

/* Is other (an address of record) in the list of aor? false also while the list is not in memory. */
bool contact_has(const struct contacts *c, str aor, str other);
/* The same for the list itself. */
bool contact_is_loaded(const struct contacts *c, str aor);
/* Reads the list of aor if it is not in memory; on_change follows. It is forgotten a minute after nobody uses it. */
err contact_load(struct contacts *c, str aor);
/* He is not a user any more: what is in memory of him goes. */
void contact_user_gone(struct contacts *c, str aor);

/* ---- what vault answers to a search ---- */

/* rows of KEPT_CARD; one with an empty property begins a person, and says his address. Unknown ids are passed over. */
void contacts_told_people(struct contacts *c, uint64_t id, err e, str rows, bool has_more);
/* Vault has gone: searches fail. */
void contacts_told_nothing(struct contacts *c);

#endif
