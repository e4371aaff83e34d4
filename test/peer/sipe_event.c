/* SPDX-License-Identifier: Apache-2.0 */
/* What libpurple would show in windows, as events: conversations and chats, contacts, notices, search results. */
#include "sipe_client.h"

static GList *chats; /* PurpleConversation, newest first */

PurpleConversation *event_chat(const char *name)
{
	for (GList *one = chats; one; one = one->next)
		if (!name || g_str_equal(name, purple_conversation_get_name(one->data)))
			return one->data;
	return NULL;
}

/* ---- conversations ---- */

static void on_write(PurpleConversation *conversation, const char *name, const char *alias, const char *html,
	PurpleMessageFlags flags, time_t when)
{
	const char *with = purple_conversation_get_name(conversation), *event = NULL;
	bool chat = purple_conversation_get_type(conversation) == PURPLE_CONV_TYPE_CHAT;
	if (flags & PURPLE_MESSAGE_ERROR)
		event = "conversation-error";
	else if (flags & PURPLE_MESSAGE_SYSTEM)
		event = "conversation-notice";
	else if (flags & PURPLE_MESSAGE_RECV)
		event = chat ? "chat-message" : "message";
	else if (flags & PURPLE_MESSAGE_SEND)
		event = "message-sent";
	if (!event)
		return;
	char *text = purple_markup_strip_html(html);
	client_tell(event, "{s:s,s:s?,s:s,s:s}", "who", with, "from", name, "text", text, "html", html);
	g_free(text);
}

static void on_create(PurpleConversation *conversation)
{
	if (purple_conversation_get_type(conversation) != PURPLE_CONV_TYPE_CHAT)
		return;
	chats = g_list_prepend(chats, conversation);
	client_tell("chat-created", "{s:s}", "chat", purple_conversation_get_name(conversation));
}

static void on_destroy(PurpleConversation *conversation)
{
	chats = g_list_remove(chats, conversation);
}

static void on_join(PurpleConversation *conversation, GList *users, gboolean fresh)
{
	for (; users; users = users->next)
		client_tell("chat-joined", "{s:s,s:s}", "chat", purple_conversation_get_name(conversation), "who",
			purple_conv_chat_cb_get_name(users->data));
}

static void on_leave(PurpleConversation *conversation, GList *users)
{
	for (; users; users = users->next)
		client_tell("chat-left", "{s:s,s:s}", "chat", purple_conversation_get_name(conversation), "who",
			(char *)users->data);
}

static PurpleConversationUiOps conversation_doors = {
	.create_conversation = on_create,
	.destroy_conversation = on_destroy,
	.write_conv = on_write,
	.chat_add_users = on_join,
	.chat_remove_users = on_leave,
};

static void on_typing(PurpleAccount *account, const char *who, gpointer state)
{
	client_tell("typing", "{s:s,s:s}", "who", who, "state", state);
}

/* ---- contacts ---- */

static void on_contact(PurpleBuddy *buddy, gpointer event)
{
	PurpleGroup *group = purple_buddy_get_group(buddy);
	client_tell(event, "{s:s,s:s?}", "who", purple_buddy_get_name(buddy), "group",
		group ? purple_group_get_name(group) : NULL);
}

static void on_presence(PurpleBuddy *buddy, PurpleStatus *was, PurpleStatus *is)
{
	client_tell("presence", "{s:s,s:s,s:s}", "who", purple_buddy_get_name(buddy), "status",
		purple_status_get_id(is), "before", purple_status_get_id(was));
}

/* ---- notices ---- */

static void *on_notice(PurpleNotifyMsgType type, const char *title, const char *primary, const char *secondary)
{
	client_tell(type == PURPLE_NOTIFY_MSG_ERROR ? "error-box" : "box", "{s:s?,s:s?,s:s?}", "title", title, "text",
		primary, "detail", secondary);
	return NULL;
}

static void *on_formatted(const char *title, const char *primary, const char *secondary, const char *text)
{
	client_tell("box", "{s:s?,s:s?,s:s?}", "title", title, "text", primary, "detail", text);
	return NULL;
}

static void *on_person(PurpleConnection *gc, const char *who, PurpleNotifyUserInfo *person)
{
	json_t *rows = json_object();
	for (GList *one = purple_notify_user_info_get_entries(person); one; one = one->next) {
		const char *label = purple_notify_user_info_entry_get_label(one->data);
		const char *value = purple_notify_user_info_entry_get_value(one->data);
		if (label)
			json_object_set_new(rows, label, value ? json_string(value) : json_null());
	}
	client_tell("person", "{s:s,s:o}", "who", who, "rows", rows);
	return NULL;
}

static void *on_found(PurpleConnection *gc, const char *title, const char *primary, const char *secondary,
	PurpleNotifySearchResults *results, gpointer user)
{
	json_t *columns = json_array(), *rows = json_array();
	for (unsigned i = 0; i < purple_notify_searchresults_get_columns_count(results); i++)
		json_array_append_new(columns, json_string(purple_notify_searchresults_column_get_title(results, i)));
	for (GList *row = results->rows; row; row = row->next) {
		json_t *cells = json_array();
		for (GList *cell = row->data; cell; cell = cell->next)
			json_array_append_new(cells, cell->data ? json_string(cell->data) : json_null());
		json_array_append_new(rows, cells);
	}
	client_tell(
		"found", "{s:s?,s:s?,s:o,s:o}", "title", title, "text", secondary, "columns", columns, "rows", rows);
	return results; /* a handle that is not NULL keeps the results until it is closed */
}

static PurpleNotifyUiOps notice_doors = {
	.notify_message = on_notice,
	.notify_formatted = on_formatted,
	.notify_userinfo = on_person,
	.notify_searchresults = on_found,
};

void event_watch(void)
{
	static int me;
	static char added[] = "contact-added", removed[] = "contact-removed", typing[] = "typing", idle[] = "idle";
	void *list = purple_blist_get_handle(), *conversations = purple_conversations_get_handle();
	purple_conversations_set_ui_ops(&conversation_doors);
	purple_notify_set_ui_ops(&notice_doors);
	purple_signal_connect(list, "buddy-added", &me, PURPLE_CALLBACK(on_contact), added);
	purple_signal_connect(list, "buddy-removed", &me, PURPLE_CALLBACK(on_contact), removed);
	purple_signal_connect(list, "buddy-status-changed", &me, PURPLE_CALLBACK(on_presence), NULL);
	purple_signal_connect(conversations, "buddy-typing", &me, PURPLE_CALLBACK(on_typing), typing);
	purple_signal_connect(conversations, "buddy-typing-stopped", &me, PURPLE_CALLBACK(on_typing), idle);
}
