/* SPDX-License-Identifier: Apache-2.0 */
/* What a user's devices are told of his contacts: the list, then each change (vnd-microsoft-roaming-contacts, [MS-SIP] 9.1). */
#include "service/contact/contact_priv.h"

#include "wire/xml.h"

#define TYPE "application/vnd-microsoft-roaming-contacts+xml"

void contact_add_text(struct buf *out, str text)
{
	if (!xml_add_escaped(out, text, true))
		out->failed = true;
}

void contact_add_attribute(struct buf *out, const char *name, str value)
{
	buf_printf(out, " %s=\"", name);
	contact_add_text(out, value);
	buf_add_char(out, '"');
}

static void add_groups(struct buf *out, uint64_t groups)
{
	const char *before = "";
	buf_add(out, STR(" groups=\""));
	for (unsigned id = 1; id <= CONTACT_GROUPS; id++) {
		if ((groups >> (id - 1) & 1) == 0)
			continue;
		buf_printf(out, "%s%u", before, id);
		before = " ";
	}
	buf_add_char(out, '"');
}

static void end_contact(struct buf *out, const struct contact_fields *c)
{
	contact_add_attribute(out, "name", c->name);
	add_groups(out, c->groups);
	buf_add(out, c->is_subscribed ? STR(" subscribed=\"true\"") : STR(" subscribed=\"false\""));
	contact_add_attribute(out, "externalURI", c->external);
	buf_add(out, STR("/>"));
}

/* In a change the address has its scheme, in the list it has not: clients rely on both. */
void contact_print_contact(struct buf *out, const char *element, const struct contact_fields *c)
{
	buf_printf(out, "<%s uri=\"sip:", element);
	contact_add_text(out, c->uri);
	buf_add_char(out, '"');
	end_contact(out, c);
}

void contact_print_group(struct buf *out, const char *element, uint32_t id, const struct contact_fields *g)
{
	buf_printf(out, "<%s id=\"%u\"", element, id);
	contact_add_attribute(out, "name", g->name);
	contact_add_attribute(out, "externalURI", g->external);
	buf_add(out, STR("/>"));
}

void contact_print_whole(const struct contact_list *l, struct buf *out)
{
	buf_printf(out, "<contactList deltaNum=\"%u\">", l->delta);
	for (uint32_t id = 1; id <= CONTACT_GROUPS; id++) {
		const struct contact_group *g = l->groups[id];
		if (g != NULL)
			contact_print_group(out, "group", id, &(struct contact_fields){ .name = contact_group_name(g), .external = contact_group_external(g) });
	}
	for (const struct contact *c = l->first; c != NULL; c = c->next) {
		buf_add(out, STR("<contact"));
		contact_add_attribute(out, "uri", contact_uri(c));
		end_contact(out, &(struct contact_fields){ .name = contact_name(c), .external = contact_external(c), .groups = c->groups, .is_subscribed = c->is_subscribed });
	}
	buf_add(out, STR("</contactList>"));
}

/* ---- the package ---- */

static err open_contacts(void *arg, struct subscription *s, const struct request *r)
{
	struct contacts *c = arg;
	struct contact_list *l = contact_list_find(c, r->target);
	ENSURE(r->aor.n != 0 && str_eq(r->aor, r->target), SIP_FORBIDDEN);
	if (s->subject != NULL)
		return OK;
	ENSURE(l != NULL && l->is_loaded, SIP_BUSY); /* contact_stage has seen to it */
	s->subject = l;
	list_add(&l->subscriptions, &s->of_subject);
	return OK;
}

/* told: the number of the change that the device knows. Who has missed one gets the list. */
static err tell_contacts(void *arg, struct subscription *s, bool is_whole, struct notification *n)
{
	const struct contact_list *l = s->subject;
	bool is_next = !is_whole && s->told == l->delta - 1 && l->change.n != 0;
	ENSURE(is_whole || s->told != l->delta, ABSENT);
	n->type = STR(TYPE);
	if (is_next)
		buf_printf(&n->body, "<contactDelta prevDeltaNum=\"%u\" deltaNum=\"%u\">%.*s</contactDelta>",
			s->told, l->delta, STR_FMT(buf_str(&l->change)));
	else
		contact_print_whole(l, &n->body);
	s->told = l->delta;
	return OK;
}

static void close_contacts(void *arg, struct subscription *s)
{
	list_remove(&s->of_subject);
	contact_list_settle(s->subject);
}

void contact_list_tell(struct contact_list *l)
{
	LIST_EACH (it, &l->subscriptions) {
		struct subscription *s = LIST_OF(it, struct subscription, of_subject);
		if (l->is_uncertain)
			s->told = 0;
		notifier_tell(s);
	}
}

static const str types[] = { { TYPE, sizeof TYPE - 1 }, { "", 0 } };

const struct notifier_package contact_package = {
	.event = { "vnd-microsoft-roaming-contacts", 30 },
	.accepts = types,
	.usual = 28800,
	.shortest = 60,
	.longest = 28800,
	.open = open_contacts,
	.tell = tell_contacts,
	.close = close_contacts,
};
