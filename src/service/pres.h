/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pres - presence: what people publish, who may see what of it, and who watches ([MS-PRES]; RFC 3856, 3903). All of one user lives in
 * the memory of his home; what outlives his devices is kept by vault (service/kept).
 *
 * A user publishes instances of categories (state, note, contactCard ...) into containers, which are access levels. A watcher sees the
 * container that he belongs to. One place decides that for all dialects (pres_container.c), one what a container shows (pres_view.c).
 */
#ifndef WITAN_SERVICE_PRES_H
#define WITAN_SERVICE_PRES_H

#include "base/err.h"
#include "base/log.h"
#include "base/meter.h"
#include "base/timer.h"
#include "engine/notifier.h"
#include "engine/stage.h"
#include "service/kept.h"
#include "service/user.h"
#include "wire/xml_tree.h"

struct config;
struct pres;

struct pres_door {
	/* Which front process aor is at home in. */
	uint16_t (*home)(void *arg, str aor);
	/* To another front process: somebody at home here watches aor, who is at home there (categories: names, one a line); he does no longer; what
	 * a watcher there is shown. What cannot be sent is asked for anew when the process is there again (pres_front_up). */
	void (*watch)(void *arg, uint16_t front, uint32_t id, str aor, str watcher, str categories);
	void (*unwatch)(void *arg, uint16_t front, uint32_t id);
	void (*news)(void *arg, uint16_t front, uint32_t id, str pieces);
	/* Is a device of aor signed in: any (epid empty), or the one of this epid? */
	bool (*is_signed_in)(void *arg, str aor, str epid);
	/* A request that had to wait may begin again at this stage. */
	void (*resume)(void *arg, struct request *r);
	/* Is other in the contact list of aor? Only contacts see what people show in privacy mode. NULL: nobody is. */
	bool (*is_contact)(void *arg, str aor, str other);
	/* Must watcher see aor as somebody does whom he has blocked, whatever aor has chosen? NULL: nobody. */
	bool (*is_walled)(void *arg, str aor, str watcher);
};

struct pres_config {
	uint16_t front; /* this process */
	struct timers *timers;
	uint64_t (*unix_ms)(void); /* milliseconds since 1970; NULL: the system's clock */
	const struct users *users;
	const struct config *config;
	struct notifier *notifier; /* where the packages are added */
	struct kept *kept;
	struct xml_reader *xml;
	str fqdn;
	struct log *log;
	struct meter *meter;
	struct pres_door door;
	void *arg;
};

err pres_new(const struct pres_config *config, struct pres **out);
/* The notifier must have been freed before. */
void pres_free(struct pres *p);

/* SERVICE of a user to himself: publishes, changes containers, acknowledges watchers. PUBLISH of presence (RFC 3903). SUBSCRIBE to a user waits here until he
 * is in memory, and goes on. Others are NEXT. */
err pres_stage(void *state, struct request *r, enum stage_verdict *v);

/* Devices of aor have signed in or out. */
void pres_devices_changed(struct pres *p, str aor);
/* Administrators have changed what is known of aor, or he is gone. */
void pres_user_changed(struct pres *p, str aor);
/* The contact list of aor has changed, or a property of the configuration: who may see what is decided anew. */
void pres_contacts_changed(struct pres *p, str aor);
void pres_config_changed(struct pres *p);

/* ---- watching across front processes ---- */

/* What another process sends by its doors. MALFORMED. */
err pres_on_watch(struct pres *p, uint16_t front, uint32_t id, str aor, str watcher, str categories);
void pres_on_unwatch(struct pres *p, uint16_t front, uint32_t id);
err pres_on_news(struct pres *p, uint16_t front, uint32_t id, str pieces);
/* A channel to it is there (again): what is watched there is asked for anew. */
void pres_front_up(struct pres *p, uint16_t front);
/* It has gone, with everybody who watched from there. */
void pres_front_gone(struct pres *p, uint16_t front);

#endif
