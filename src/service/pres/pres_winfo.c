/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches a user: presence.winfo, for himself alone (RFC 3857, 3858). */
#include "service/pres/pres_priv.h"

#include <stdlib.h>

#include "wire/xml.h"

#define TYPE     "application/watcherinfo+xml"
#define LIST_MAX 2000 /* watchers in one document */

/* What one subscription of his has been told. */
struct watcher_list {
	uint32_t version; /* of the next document */
};

static void add_escaped(struct buf *out, str s)
{
	if (!xml_add_escaped(out, s, true))
		out->failed = true;
}

/* Always the whole list: a document of another version says nothing about those before it. */
static void print(const struct presentity *u, uint32_t version, struct buf *out)
{
	size_t n = 0;
	buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<watcherinfo xmlns=\"urn:ietf:params:xml:ns:watcherinfo\" version=\"%u\" state=\"full\">", version);
	buf_add(out, STR("<watcher-list resource=\"sip:"));
	add_escaped(out, presentity_aor(u));
	buf_add(out, STR("\" package=\"presence\">"));
	for (struct list *it = u->watches.next; it != &u->watches && n < LIST_MAX; it = it->next, n++) {
		const struct pres_watch *w = LIST_OF(it, struct pres_watch, of_presentity);
		buf_printf(out, "<watcher id=\"w%u\" event=\"subscribe\" status=\"active\">sip:", w->id);
		add_escaped(out, (str){ w->aor, w->aor_n });
		buf_add(out, STR("</watcher>"));
	}
	buf_add(out, STR("</watcher-list></watcherinfo>\n"));
}

static err open_info(void *arg, struct subscription *s, const struct request *r)
{
	struct presentity *u = presentity_find(arg, r->target);
	ENSURE(r->aor.n != 0 && str_eq(r->aor, r->target), SIP_FORBIDDEN);
	if (s->subject != NULL)
		return OK;
	ENSURE(u != NULL && u->is_loaded, SIP_BUSY); /* pres_stage has seen to it */
	struct watcher_list *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	s->own = w;
	s->subject = u;
	list_add(&u->infos, &s->of_subject);
	return OK;
}

static err tell_info(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	struct watcher_list *w = s->own;
	(void)arg;
	(void)is_whole;
	n->type = STR(TYPE);
	print(s->subject, w->version++, &n->body);
	return OK;
}

static void close_info(void *arg, struct subscription *s)
{
	(void)arg;
	list_remove(&s->of_subject);
	free(s->own);
	presentity_settle(s->subject);
}

void pres_winfo_changed(struct presentity *u)
{
	LIST_EACH (it, &u->infos)
		notifier_tell(LIST_OF(it, struct subscription, of_subject));
}

static const str types[] = { { TYPE, sizeof TYPE - 1 }, { "", 0 } };

const struct notifier_package pres_winfo_package = {
	.event = { "presence.winfo", 14 },
	.accepts = types,
	.usual = 3600,
	.shortest = 60,
	.longest = 28800,
	.pause_ms = 5000, /* RFC 3857 4.9 */
	.open = open_info,
	.tell = tell_info,
	.close = close_info,
};
