/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscription to presence is about: pres_event.c makes it, pres_list.c prints it. */
#ifndef WITAN_SERVICE_PRES_LIST_H
#define WITAN_SERVICE_PRES_LIST_H

#include "service/pres/pres_priv.h"

#define PRES_CATEGORIES_TYPE "application/msrtc-event-categories+xml"
#define PRES_PIDF_TYPE       "application/pidf+xml"
#define PRES_LIST_TYPE       "multipart/related;type=\"application/rlmi+xml\";start=\"<list>\";boundary="
#define PRES_BOUNDARY        32 /* characters */

/* One user of a list. */
struct resource {
	struct event *event;
	struct pres_watch *watch; /* NULL: there is no such user */
	bool is_pending, is_new, is_chosen; /* chosen: it is in the notification at hand */
	uint16_t aor_n;
	char aor[];
};

/* What one subscription is about. */
struct event {
	struct pres *pres;
	struct subscription *subscription;
	bool is_list, is_pidf;
	uint64_t categories;
	uint32_t version; /* of the next list */
	size_t n, room;
	struct resource **resources;
	char type[sizeof PRES_LIST_TYPE + PRES_BOUNDARY]; /* of the last list; the boundary is drawn anew for each, so that nobody can write it into what he publishes */
	uint16_t watcher_n;
	char watcher[];
};

static inline str resource_aor(const struct resource *one)
{
	return (str){ one->aor, one->aor_n };
}

static inline str watcher_of(const struct event *e)
{
	return (str){ e->watcher, e->watcher_n };
}

/* tell of the package. */
err pres_event_tell(void *arg, struct subscription *s, bool is_whole, struct notification *n);

#endif
