/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One list, and how vault keeps it: a contact is "SUBSCRIBED GROUPS\nALIAS\nEXTERNAL" by its URI ("1 1 5\nBob B\n"), a group "NAME\nEXTERNAL" by
 * its number.
 */
#include "service/contact/contact_priv.h"

#include <stdio.h>
#include <stdlib.h>

struct contact *contact_find(const struct contact_list *l, str uri)
{
	struct contact *c = l->first;
	while (c != NULL && !str_eq_case(contact_uri(c), uri))
		c = c->next;
	return c;
}

/* ---- changing it ---- */

static void remove_contact(struct contact_list *l, str uri)
{
	struct contact **at = &l->first;
	while (*at != NULL && !str_eq_case(contact_uri(*at), uri))
		at = &(*at)->next;
	struct contact *c = *at;
	if (c == NULL)
		return;
	*at = c->next;
	l->n--;
	free(c);
}

static void copy(char **at, str s)
{
	if (s.n != 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
}

/* In the place of the one that was there, so that the order stays. */
static err put_contact(struct contact_list *l, const struct contact_fields *f)
{
	struct contact **at = &l->first, *old;
	while (*at != NULL && !str_eq_case(contact_uri(*at), f->uri))
		at = &(*at)->next;
	old = *at;
	ENSURE(old != NULL || l->n < CONTACT_MOST, CEILING);
	struct contact *c = calloc(1, sizeof *c + f->uri.n + f->name.n + f->external.n);
	ENSURE(c != NULL, NO_MEMORY);
	char *text = c->text;
	copy(&text, f->uri);
	copy(&text, f->name);
	copy(&text, f->external);
	c->uri_n = (uint16_t)f->uri.n;
	c->name_n = (uint16_t)f->name.n;
	c->external_n = (uint16_t)f->external.n;
	c->groups = f->groups;
	c->is_subscribed = f->is_subscribed;
	c->next = old != NULL ? old->next : NULL;
	*at = c;
	l->n += old == NULL;
	free(old);
	return OK;
}

static err put_group(struct contact_list *l, uint32_t id, str name, str external)
{
	struct contact_group *g = calloc(1, sizeof *g + name.n + external.n);
	ENSURE(g != NULL, NO_MEMORY);
	char *text = g->text;
	copy(&text, name);
	copy(&text, external);
	g->name_n = (uint16_t)name.n;
	g->external_n = (uint16_t)external.n;
	free(l->groups[id]);
	l->groups[id] = g;
	return OK;
}

void contact_list_empty(struct contact_list *l)
{
	while (l->first != NULL)
		remove_contact(l, contact_uri(l->first));
	for (size_t i = 0; i <= CONTACT_GROUPS; i++) {
		free(l->groups[i]);
		l->groups[i] = NULL;
	}
	buf_reset(&l->change);
}

err contact_list_begin(struct contact_list *l)
{
	contact_list_empty(l);
	l->delta = 1;
	return put_group(l, CONTACT_GROUP_OTHER, STR("~"), STR(""));
}

/* ---- rows ---- */

static err read_groups(str text, uint64_t *out)
{
	*out = 0;
	while (text.n != 0) {
		uint32_t id;
		ENSURE(str_to_u32(str_split(text, ' ', &text), &id) && id >= 1 && id <= CONTACT_GROUPS, CORRUPT);
		*out |= UINT64_C(1) << (id - 1);
	}
	return OK;
}

static err apply_contact(struct contact_list *l, const struct kept_row *row)
{
	struct contact_fields f = { .uri = row->key };
	str rest, groups, head = str_split(row->value, '\n', &rest), subscribed = str_split(head, ' ', &groups);
	if (row->is_gone) {
		remove_contact(l, row->key);
		return OK;
	}
	f.name = str_split(rest, '\n', &f.external);
	f.is_subscribed = str_eq(subscribed, STR("1"));
	ENSURE(f.is_subscribed || str_eq(subscribed, STR("0")), CORRUPT);
	ENSURE(f.uri.n != 0 && f.uri.n <= CONTACT_URI_MAX && f.name.n <= CONTACT_NAME_MAX && f.external.n <= CONTACT_URI_MAX, CORRUPT);
	TRY(read_groups(groups, &f.groups));
	return put_contact(l, &f);
}

static err apply_group(struct contact_list *l, const struct kept_row *row)
{
	uint32_t id;
	str external, name = str_split(row->value, '\n', &external);
	ENSURE(str_to_u32(row->key, &id) && id >= 1 && id <= CONTACT_GROUPS, CORRUPT);
	ENSURE(name.n <= CONTACT_NAME_MAX && external.n <= CONTACT_URI_MAX, CORRUPT);
	if (!row->is_gone)
		return put_group(l, id, name, external);
	free(l->groups[id]);
	l->groups[id] = NULL;
	return OK;
}

err contact_list_apply(struct contact_list *l, const struct kept_row *row)
{
	if (row->kind == KEPT_CONTACT)
		return apply_contact(l, row);
	if (row->kind == KEPT_GROUP)
		return apply_group(l, row);
	if (row->kind == KEPT_DELTA)
		return str_to_u32(row->value, &l->delta) ? OK : ERR(CORRUPT);
	return OK;
}

static void add_row(struct buf *rows, enum kept_kind kind, str key, struct buf *value)
{
	if (value->failed || key.n > KEPT_KEY_MAX)
		rows->failed = true;
	else
		kept_row_add(rows, &(struct kept_row){ .kind = kind, .key = key, .value = buf_str(value) });
}

void contact_add_row(struct buf *rows, const struct contact_fields *c)
{
	struct buf value DEFER(buf_fini) = { 0 };
	buf_init(&value, 2048);
	buf_add_char(&value, c->is_subscribed ? '1' : '0');
	for (unsigned id = 1; id <= CONTACT_GROUPS; id++)
		if ((c->groups >> (id - 1) & 1) != 0)
			buf_printf(&value, " %u", id);
	buf_printf(&value, "\n%.*s\n%.*s", STR_FMT(c->name), STR_FMT(c->external));
	add_row(rows, KEPT_CONTACT, c->uri, &value);
}

void contact_add_group_row(struct buf *rows, uint32_t id, const struct contact_fields *g)
{
	struct buf value DEFER(buf_fini) = { 0 };
	char key[12];
	int n = snprintf(key, sizeof key, "%u", id);
	buf_init(&value, 2048);
	buf_printf(&value, "%.*s\n%.*s", STR_FMT(g->name), STR_FMT(g->external));
	add_row(rows, KEPT_GROUP, (str){ key, (size_t)n }, &value);
}

void contact_add_gone(struct buf *rows, enum kept_kind kind, str key)
{
	kept_row_add(rows, &(struct kept_row){ .kind = kind, .is_gone = true, .key = key, .value = STR("") });
}
