/* SPDX-License-Identifier: Apache-2.0 */
/* The commands by name, and those about messages and chats. */
#include "sipe_client.h"

#include <string.h>

const char *command_text(json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

static PurpleConversation *conversation_with(const char *who)
{
	PurpleConversation *found = purple_find_conversation_with_account(PURPLE_CONV_TYPE_IM, who, client_account);
	return found ? found : purple_conversation_new(PURPLE_CONV_TYPE_IM, client_account, who);
}

/* ---- messages ---- */

/* who, and text or html */
static const char *send_message(json_t *line, json_t *answer)
{
	const char *who = command_text(line, "who"), *text = command_text(line, "text"),
		   *html = command_text(line, "html");
	if (!who || (!text && !html))
		return "who or text is missing";
	char *escaped = html ? g_strdup(html) : g_markup_escape_text(text, -1);
	purple_conv_im_send(PURPLE_CONV_IM(conversation_with(who)), escaped);
	g_free(escaped);
	return NULL;
}

/* who, on */
static const char *send_typing(json_t *line, json_t *answer)
{
	const char *who = command_text(line, "who");
	if (!who)
		return "who is missing";
	bool on = !json_is_false(json_object_get(line, "on"));
	serv_send_typing(purple_account_get_connection(client_account), who, on ? PURPLE_TYPING : PURPLE_NOT_TYPING);
	return NULL;
}

static const char *close_conversation(json_t *line, json_t *answer)
{
	const char *who = command_text(line, "who");
	PurpleConversation *found =
		who ? purple_find_conversation_with_account(PURPLE_CONV_TYPE_IM, who, client_account) : NULL;
	if (!found)
		return "no such conversation";
	purple_conversation_destroy(found);
	return NULL;
}

static const char *ask_person(json_t *line, json_t *answer)
{
	const char *who = command_text(line, "who");
	if (!who)
		return "who is missing";
	serv_get_info(purple_account_get_connection(client_account), who);
	return NULL;
}

/* ---- chats ---- */

/* text or html, chat (the newest one without) */
static const char *send_chat(json_t *line, json_t *answer)
{
	const char *text = command_text(line, "text"), *html = command_text(line, "html");
	PurpleConversation *chat = event_chat(command_text(line, "chat"));
	if (!chat || (!text && !html))
		return "no such chat, or text is missing";
	char *escaped = html ? g_strdup(html) : g_markup_escape_text(text, -1);
	purple_conv_chat_send(PURPLE_CONV_CHAT(chat), escaped);
	g_free(escaped);
	return NULL;
}

static const char *invite_chat(json_t *line, json_t *answer)
{
	const char *who = command_text(line, "who");
	PurpleConversation *chat = event_chat(command_text(line, "chat"));
	if (!chat || !who)
		return "no such chat, or who is missing";
	serv_chat_invite(purple_account_get_connection(client_account), purple_conv_chat_get_id(PURPLE_CONV_CHAT(chat)),
		"", who);
	return NULL;
}

static const char *leave_chat(json_t *line, json_t *answer)
{
	PurpleConversation *chat = event_chat(command_text(line, "chat"));
	if (!chat)
		return "no such chat";
	purple_conversation_destroy(chat);
	return NULL;
}

/* ---- the menu of the account ---- */

static void actions_free(GList *actions)
{
	for (GList *one = actions; one; one = one->next)
		if (one->data)
			purple_plugin_action_free(one->data);
	g_list_free(actions);
}

/* label: its beginning. "Contact search" opens a form. */
static const char *run_action(json_t *line, json_t *answer)
{
	const char *label = command_text(line, "label"), *why = "no such action";
	PurplePlugin *plugin = purple_find_prpl(CLIENT_PLUGIN);
	PurpleConnection *gc = purple_account_get_connection(client_account);
	GList *actions = PURPLE_PLUGIN_ACTIONS(plugin, gc);
	for (GList *one = actions; label && one; one = one->next) {
		PurplePluginAction *action = one->data;
		if (!action || !g_str_has_prefix(action->label, label))
			continue;
		action->plugin = plugin;
		action->context = gc;
		action->callback(action);
		why = NULL;
		break;
	}
	actions_free(actions);
	return why;
}

static const char *list_actions(json_t *line, json_t *answer)
{
	json_t *list = json_array();
	GList *actions =
		PURPLE_PLUGIN_ACTIONS(purple_find_prpl(CLIENT_PLUGIN), purple_account_get_connection(client_account));
	for (GList *one = actions; one; one = one->next)
		if (one->data)
			json_array_append_new(list, json_string(((PurplePluginAction *)one->data)->label));
	actions_free(actions);
	json_object_set_new(answer, "actions", list);
	return NULL;
}

static const char *quit(json_t *line, json_t *answer)
{
	client_quit();
	return NULL;
}

/* ---- the table ---- */

enum need {
	NOTHING,
	ACCOUNT,
	SIGNED_ON,
};

static const struct {
	const char *name;
	client_command *obey;
	enum need need;
} commands[] = {
	{ "sign-in", account_sign_in, NOTHING },
	{ "quit", quit, NOTHING },
	{ "sign-off", account_sign_off, ACCOUNT },
	{ "connect", account_connect, ACCOUNT },
	{ "contacts", contact_list, ACCOUNT },
	{ "contact", contact_show, ACCOUNT },
	{ "set-status", account_set_status, SIGNED_ON },
	{ "add-contact", contact_add, SIGNED_ON },
	{ "remove-contact", contact_remove, SIGNED_ON },
	{ "move-contact", contact_move, SIGNED_ON },
	{ "rename-contact", contact_rename, SIGNED_ON },
	{ "add-group", contact_add_group, SIGNED_ON },
	{ "rename-group", contact_rename_group, SIGNED_ON },
	{ "remove-group", contact_remove_group, SIGNED_ON },
	{ "menu", contact_menu, SIGNED_ON },
	{ "menu-labels", contact_menu_labels, SIGNED_ON },
	{ "deny", contact_deny, SIGNED_ON },
	{ "permit", contact_permit, SIGNED_ON },
	{ "send", send_message, SIGNED_ON },
	{ "typing", send_typing, SIGNED_ON },
	{ "close", close_conversation, SIGNED_ON },
	{ "person", ask_person, SIGNED_ON },
	{ "send-chat", send_chat, SIGNED_ON },
	{ "invite-chat", invite_chat, SIGNED_ON },
	{ "leave-chat", leave_chat, SIGNED_ON },
	{ "action", run_action, SIGNED_ON },
	{ "actions", list_actions, SIGNED_ON },
	{ "answer", request_answer, NOTHING },
	{ "fill", request_fill, NOTHING },
};

static const char *unmet(enum need need)
{
	if (need >= ACCOUNT && !client_account)
		return "sign in first";
	return need == SIGNED_ON && !purple_account_is_connected(client_account) ? "not signed on" : NULL;
}

static const char *obey(json_t *line, json_t *answer)
{
	const char *name = command_text(line, "do");
	for (size_t i = 0; name && i < G_N_ELEMENTS(commands); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		const char *why = unmet(commands[i].need);
		return why ? why : commands[i].obey(line, answer);
	}
	return "no such command";
}

void command_obey(const char *text)
{
	json_error_t wrong;
	json_t *line = json_loads(text, 0, &wrong), *answer = json_object();
	json_t *id = json_object_get(line, "id");
	const char *why = line ? obey(line, answer) : wrong.text;
	if (id)
		json_object_set(answer, "id", id);
	json_object_set_new(answer, "ok", json_boolean(!why));
	if (why)
		json_object_set_new(answer, "why", json_string(why));
	client_tell_object("answer", answer);
	json_decref(line);
}
