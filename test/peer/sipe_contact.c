/* SPDX-License-Identifier: Apache-2.0 */
/* The contact list: what is in it, changing it, and the menu of a contact (access level, new chat). */
#include "sipe_client.h"

#include <string.h>

static PurpleBuddy *find_contact(json_t *line)
{
	const char *who = command_text(line, "who");
	return who ? purple_find_buddy(client_account, who) : NULL;
}

static PurpleGroup *get_group(const char *name)
{
	PurpleGroup *group = purple_find_group(name);
	if (!group) {
		group = purple_group_new(name);
		purple_blist_add_group(group, NULL);
	}
	return group;
}

static PurplePluginProtocolInfo *plugin(void)
{
	return PURPLE_PLUGIN_PROTOCOL_INFO(purple_find_prpl(CLIENT_PLUGIN));
}

/* What the plugin writes beside a contact and into its tooltip: note, calendar, access level. */
static json_t *shown(PurpleBuddy *buddy)
{
	json_t *rows = json_object();
	PurpleNotifyUserInfo *person = purple_notify_user_info_new();
	client_hush(true);
	plugin()->tooltip_text(buddy, person, TRUE);
	client_hush(false);
	for (GList *one = purple_notify_user_info_get_entries(person); one; one = one->next) {
		const char *label = purple_notify_user_info_entry_get_label(one->data);
		const char *value = purple_notify_user_info_entry_get_value(one->data);
		if (!label || !value)
			continue;
		char *plain = purple_markup_strip_html(value);
		json_object_set_new(rows, label, json_string(plain));
		g_free(plain);
	}
	purple_notify_user_info_destroy(person);
	return rows;
}

static json_t *describe(PurpleBuddy *buddy)
{
	bool online = purple_account_is_connected(client_account);
	PurpleStatus *status = purple_presence_get_active_status(purple_buddy_get_presence(buddy));
	char *text = online ? plugin()->status_text(buddy) : NULL;
	json_t *found = json_pack("{s:s,s:s,s:s,s:s?,s:s,s:o}", "who", purple_buddy_get_name(buddy), "alias",
		purple_buddy_get_alias(buddy), "group", purple_group_get_name(purple_buddy_get_group(buddy)), "text",
		text, "status", purple_status_get_id(status), "shown", online ? shown(buddy) : json_object());
	g_free(text);
	return found;
}

/* All contacts; one that is in two groups is there twice. */
const char *contact_list(json_t *line, json_t *answer)
{
	json_t *list = json_array();
	GSList *all = purple_find_buddies(client_account, NULL);
	for (GSList *one = all; one; one = one->next)
		json_array_append_new(list, describe(one->data));
	g_slist_free(all);
	json_object_set_new(answer, "contacts", list);
	return NULL;
}

const char *contact_show(json_t *line, json_t *answer)
{
	PurpleBuddy *buddy = find_contact(line);
	if (!buddy)
		return "no such contact";
	json_object_set_new(answer, "contact", describe(buddy));
	return NULL;
}

/* who, group */
const char *contact_add(json_t *line, json_t *answer)
{
	const char *who = command_text(line, "who"), *group = command_text(line, "group");
	if (!who)
		return "who is missing";
	PurpleBuddy *buddy = purple_buddy_new(client_account, who, NULL);
	purple_blist_add_buddy(buddy, NULL, get_group(group ? group : "Other Contacts"), NULL);
	purple_account_add_buddy(client_account, buddy);
	return NULL;
}

/* who, group (without it from every group) */
const char *contact_remove(json_t *line, json_t *answer)
{
	const char *who = command_text(line, "who"), *group = command_text(line, "group");
	GSList *all = who ? purple_find_buddies(client_account, who) : NULL;
	const char *why = "no such contact";
	for (GSList *one = all; one; one = one->next) {
		PurpleGroup *in = purple_buddy_get_group(one->data);
		if (group && !g_str_equal(group, purple_group_get_name(in)))
			continue;
		purple_account_remove_buddy(client_account, one->data, in);
		purple_blist_remove_buddy(one->data);
		why = NULL;
	}
	g_slist_free(all);
	return why;
}

/* who, group: into this one */
const char *contact_move(json_t *line, json_t *answer)
{
	PurpleBuddy *buddy = find_contact(line);
	const char *group = command_text(line, "group");
	if (!buddy || !group)
		return "no such contact, or group is missing";
	purple_blist_add_buddy(buddy, NULL, get_group(group), NULL); /* an old contact is moved, and the server told */
	return NULL;
}

/* who, alias */
const char *contact_rename(json_t *line, json_t *answer)
{
	PurpleBuddy *buddy = find_contact(line);
	if (!buddy)
		return "no such contact";
	purple_blist_alias_buddy(buddy, command_text(line, "alias"));
	serv_alias_buddy(buddy);
	return NULL;
}

const char *contact_add_group(json_t *line, json_t *answer)
{
	const char *group = command_text(line, "group");
	if (!group)
		return "group is missing";
	get_group(group);
	return NULL;
}

/* group, name: the new one */
const char *contact_rename_group(json_t *line, json_t *answer)
{
	const char *group = command_text(line, "group"), *name = command_text(line, "name");
	PurpleGroup *found = group ? purple_find_group(group) : NULL;
	if (!found || !name)
		return "no such group, or name is missing";
	purple_blist_rename_group(found, name);
	return NULL;
}

/* group: an empty one */
const char *contact_remove_group(json_t *line, json_t *answer)
{
	const char *group = command_text(line, "group");
	PurpleGroup *found = group ? purple_find_group(group) : NULL;
	if (!found)
		return "no such group";
	purple_account_remove_group(client_account, found);
	purple_blist_remove_group(found);
	return NULL;
}

/* ---- the menu of a contact ---- */

static void menu_free(GList *menu)
{
	for (GList *one = menu; one; one = one->next)
		if (one->data) {
			PurpleMenuAction *entry = one->data;
			menu_free(entry->children);
			entry->children = NULL;
			purple_menu_action_free(entry);
		}
	g_list_free(menu);
}

/* The entry below these labels; each is the beginning of one. */
static PurpleMenuAction *menu_find(GList *menu, json_t *path, size_t depth)
{
	const char *wanted = json_string_value(json_array_get(path, depth));
	for (GList *one = menu; wanted && one; one = one->next) {
		PurpleMenuAction *entry = one->data;
		if (!entry || !g_str_has_prefix(entry->label, wanted))
			continue;
		return depth + 1 == json_array_size(path) ? entry : menu_find(entry->children, path, depth + 1);
	}
	return NULL;
}

static json_t *menu_labels(GList *menu)
{
	json_t *list = json_array();
	for (GList *one = menu; one; one = one->next) {
		PurpleMenuAction *entry = one->data;
		if (!entry)
			continue;
		if (entry->children)
			json_array_append_new(list,
				json_pack("{s:s,s:o}", "label", entry->label, "below", menu_labels(entry->children)));
		else
			json_array_append_new(list, json_string(entry->label));
	}
	return list;
}

/* who */
const char *contact_menu_labels(json_t *line, json_t *answer)
{
	PurpleBuddy *buddy = find_contact(line);
	if (!buddy)
		return "no such contact";
	GList *menu = plugin()->blist_node_menu(PURPLE_BLIST_NODE(buddy));
	json_object_set_new(answer, "menu", menu_labels(menu));
	menu_free(menu);
	return NULL;
}

/* who, path: labels from the top, ["Access level", "Colleagues"] */
const char *contact_menu(json_t *line, json_t *answer)
{
	PurpleBuddy *buddy = find_contact(line);
	if (!buddy)
		return "no such contact";
	GList *menu = plugin()->blist_node_menu(PURPLE_BLIST_NODE(buddy));
	PurpleMenuAction *entry = menu_find(menu, json_object_get(line, "path"), 0);
	PurpleCallback call = entry ? entry->callback : NULL;
	if (call)
		((void (*)(PurpleBlistNode *, gpointer))call)(PURPLE_BLIST_NODE(buddy), entry->data);
	menu_free(menu);
	return call ? NULL : "no such entry";
}

/* ---- blocking ---- */

const char *contact_deny(json_t *line, json_t *answer)
{
	const char *who = command_text(line, "who");
	return who && purple_privacy_deny_add(client_account, who, FALSE) ? NULL : "who is missing or blocked already";
}

const char *contact_permit(json_t *line, json_t *answer)
{
	const char *who = command_text(line, "who");
	return who && purple_privacy_deny_remove(client_account, who, FALSE) ? NULL : "who is missing or not blocked";
}
