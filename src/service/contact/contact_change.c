/* SPDX-License-Identifier: Apache-2.0 */
/* What people do to their lists: each operation writes what is to be kept of it and what the devices are to be told; nothing is changed before it is kept. */
#include "service/contact/contact_priv.h"

#include <stdio.h>

#include "model/config.h"

/* ---- parameters ---- */

static str without_scheme(str uri)
{
	return str_begins_case(uri, STR("sip:")) ? str_cut(uri, 4, uri.n) : uri;
}

/* Line feeds would end a field where it is kept, and there are none in a name or an address. */
static bool is_one_line(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ')
			return false;
	return true;
}

static err check_names(const struct contact_call *c, const struct contact_fields *f)
{
	ENSURE(f->uri.p != NULL && f->name.p != NULL && f->external.p != NULL, CEILING);
	ENSURE(f->uri.n <= CONTACT_URI_MAX && f->name.n <= CONTACT_NAME_MAX && f->external.n <= CONTACT_URI_MAX, CEILING);
	ENSURE(is_one_line(f->uri) && is_one_line(f->name) && is_one_line(f->external), MALFORMED);
	return OK;
}

/* "1 5 7"; groups that are not there any more are passed over, and nobody is in no group. */
static err read_groups(const struct contact_call *c, uint64_t *out)
{
	str rest = contact_parameter(c, "groups");
	*out = 0;
	while (rest.n != 0) {
		uint32_t id;
		str one = str_split(rest, ' ', &rest);
		if (one.n == 0)
			continue;
		ENSURE(str_to_u32(one, &id), MALFORMED);
		if (id >= 1 && id <= CONTACT_GROUPS && c->list->groups[id] != NULL)
			*out |= UINT64_C(1) << (id - 1);
	}
	if (*out == 0)
		*out = UINT64_C(1) << (CONTACT_GROUP_OTHER - 1);
	return OK;
}

static err read_group_id(struct contact_call *c, uint32_t *out)
{
	ENSURE(str_to_u32(contact_parameter(c, "groupID"), out), MALFORMED);
	c->why = "there is no such group";
	ENSURE(*out >= 1 && *out <= CONTACT_GROUPS && c->list->groups[*out] != NULL, ABSENT);
	c->why = NULL;
	return OK;
}

static struct contact_fields fields_of(const struct contact *c)
{
	return (struct contact_fields){ contact_uri(c), contact_name(c), contact_external(c), c->groups, c->is_subscribed };
}

/* As administrators have set it for him. */
static size_t most_contacts(const struct contact_call *c)
{
	const struct contact_config *config = &c->contacts->config;
	const struct user *u = user_find(config->users, contact_list_aor(c->list));
	const struct cs_ClientPolicy *policy = policies_find(config->policies, SCHEMA_ID_ClientPolicy, u != NULL ? user_grants(u) : STR(""));
	int64_t most = policy->MaximumNumberOfContacts != SCHEMA_UNSET ? policy->MaximumNumberOfContacts : (int64_t)config->config->max_contacts;
	return most < CONTACT_MOST ? (size_t)most : CONTACT_MOST;
}

/* ---- contacts ---- */

err contact_set(struct contact_call *c)
{
	struct contact_fields f = { .uri = without_scheme(contact_parameter(c, "URI")), .name = contact_parameter(c, "displayName"),
		.external = contact_parameter(c, "externalURI") };
	const struct contact *old = contact_find(c->list, f.uri);
	TRY(check_names(c, &f));
	ENSURE(f.uri.n != 0 && str_find_char(f.uri, ' ') == f.uri.n, MALFORMED);
	TRY(read_groups(c, &f.groups));
	f.is_subscribed = !str_eq_case(contact_parameter(c, "subscribed"), STR("false"));
	c->why = "the contact list is full";
	ENSURE(old != NULL || c->list->n < most_contacts(c), REFUSED);
	c->why = NULL;
	if (old != NULL)
		f.uri = contact_uri(old); /* in the letters that it was added in, under which it is kept */
	contact_add_row(&c->rows, &f);
	contact_print_contact(&c->change, old != NULL ? "modifiedContact" : "addedContact", &f);
	return OK;
}

err contact_delete(struct contact_call *c)
{
	const struct contact *old = contact_find(c->list, without_scheme(contact_parameter(c, "URI")));
	if (old == NULL)
		return OK; /* another device was faster */
	contact_add_gone(&c->rows, KEPT_CONTACT, contact_uri(old));
	buf_add(&c->change, STR("<deletedContact uri=\"sip:"));
	contact_add_text(&c->change, contact_uri(old));
	buf_add(&c->change, STR("\"/>"));
	return OK;
}

/* ---- groups ---- */

static err read_group(const struct contact_call *c, struct contact_fields *f)
{
	*f = (struct contact_fields){ .uri = STR(""), .name = contact_parameter(c, "name"), .external = contact_parameter(c, "externalURI") };
	TRY(check_names(c, f));
	ENSURE(f->name.n != 0, MALFORMED);
	return OK;
}

/* The same name again (a client that did not hear the answer, or two devices at once) is the same group. */
static uint32_t find_group(const struct contact_list *l, str name)
{
	for (uint32_t id = 1; id <= CONTACT_GROUPS; id++)
		if (l->groups[id] != NULL && str_eq(contact_group_name(l->groups[id]), name))
			return id;
	return 0;
}

err contact_group_add(struct contact_call *c)
{
	struct contact_fields f;
	uint32_t id = 1;
	TRY(read_group(c, &f));
	c->group = find_group(c->list, f.name);
	if (c->group != 0)
		return OK;
	while (id <= CONTACT_GROUPS && c->list->groups[id] != NULL)
		id++;
	c->why = "there are as many groups as a contact list may have";
	ENSURE(id <= CONTACT_GROUPS, REFUSED);
	c->why = NULL;
	c->group = id;
	contact_add_group_row(&c->rows, id, &f);
	contact_print_group(&c->change, "addedGroup", id, &f);
	return OK;
}

err contact_group_modify(struct contact_call *c)
{
	struct contact_fields f;
	uint32_t id;
	TRY(read_group(c, &f));
	TRY(read_group_id(c, &id));
	c->why = "this group cannot be changed";
	ENSURE(id != CONTACT_GROUP_OTHER, REFUSED);
	c->why = NULL;
	contact_add_group_row(&c->rows, id, &f);
	contact_print_group(&c->change, "modifiedGroup", id, &f);
	return OK;
}

/* Its members leave it first, so that no device shows them in a group that it has not. */
err contact_group_delete(struct contact_call *c)
{
	uint32_t id;
	char key[12];
	TRY(read_group_id(c, &id));
	c->why = "this group cannot be removed";
	ENSURE(id != CONTACT_GROUP_OTHER, REFUSED);
	c->why = NULL;
	uint64_t bit = UINT64_C(1) << (id - 1);
	for (const struct contact *one = c->list->first; one != NULL; one = one->next) {
		struct contact_fields f = fields_of(one);
		if ((f.groups & bit) == 0)
			continue;
		f.groups &= ~bit;
		if (f.groups == 0)
			f.groups = UINT64_C(1) << (CONTACT_GROUP_OTHER - 1);
		contact_add_row(&c->rows, &f);
		contact_print_contact(&c->change, "modifiedContact", &f);
	}
	contact_add_gone(&c->rows, KEPT_GROUP, (str){ key, (size_t)snprintf(key, sizeof key, "%u", id) });
	buf_printf(&c->change, "<deletedGroup id=\"%u\"/>", id);
	return OK;
}
