/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the person before the window. Each is an event with a number and waits for the command answer or fill.
 * The one about a certificate that nobody vouches for is answered at once: no.
 */
#include "sipe_client.h"

#include <stdarg.h>
#include <string.h>

enum {
	CHOICES = 8,
	WAITING = 64,
};

struct choice {
	char *label;
	GCallback call;
};

/* One that waits. A question has choices; a form has fields and two of them, OK and cancel; a line of text has no
 * fields. */
struct waiting {
	unsigned number;
	enum { ASK_ACTION, ASK_FIELDS, ASK_TEXT, ASK_WATCHER } kind;
	PurpleRequestFields *fields;
	struct choice choices[CHOICES];
	size_t n_choices;
	void *user;
};

static GList *waiting;
static unsigned last_number;

static struct waiting *keep(int kind, void *user)
{
	struct waiting *w = g_new0(struct waiting, 1);
	w->number = ++last_number;
	w->kind = (typeof(w->kind))kind;
	w->user = user;
	if (g_list_length(waiting) < WAITING)
		waiting = g_list_append(waiting, w);
	else
		g_error("%d questions wait for an answer", WAITING);
	return w;
}

static void add_choice(struct waiting *w, const char *label, GCallback call)
{
	if (w->n_choices < CHOICES)
		w->choices[w->n_choices++] = (struct choice){ g_strdup(label ? label : ""), call };
}

static void forget(struct waiting *w)
{
	if (!g_list_find(waiting, w))
		return;
	waiting = g_list_remove(waiting, w);
	for (size_t i = 0; i < w->n_choices; i++)
		g_free(w->choices[i].label);
	if (w->fields)
		purple_request_fields_destroy(w->fields);
	g_free(w);
}

static struct waiting *find_waiting(json_t *line)
{
	json_int_t number = json_integer_value(json_object_get(line, "request"));
	for (GList *one = waiting; one; one = one->next)
		if (((struct waiting *)one->data)->number == number)
			return one->data;
	return NULL;
}

static json_t *labels(const struct waiting *w)
{
	json_t *list = json_array();
	for (size_t i = 0; i < w->n_choices; i++)
		json_array_append_new(list, json_string(w->choices[i].label));
	return list;
}

/* ---- asked ---- */

static bool is_about_certificate(const char *title, const char *primary)
{
	return (title && strstr(title, "ertificate")) || (primary && strstr(primary, "ertificate"));
}

static gboolean refuse(gpointer user)
{
	struct waiting *w = user;
	if (!g_list_find(waiting, w))
		return G_SOURCE_REMOVE;
	size_t no = w->n_choices > 1 ? 1 : 0; /* accept, reject, view */
	PurpleRequestActionCb call = (PurpleRequestActionCb)w->choices[no].call;
	if (call)
		call(w->user, (int)no);
	forget(w);
	return G_SOURCE_REMOVE;
}

static void *on_action(const char *title, const char *primary, const char *secondary, int otherwise,
	PurpleAccount *account, const char *who, PurpleConversation *conversation, void *user, size_t count,
	va_list actions)
{
	struct waiting *w = keep(ASK_ACTION, user);
	for (size_t i = 0; i < count; i++) {
		const char *label = va_arg(actions, const char *);
		add_choice(w, label, (GCallback)va_arg(actions, PurpleRequestActionCb));
	}
	bool certificate = is_about_certificate(title, primary);
	client_tell(certificate ? "certificate-refused" : "question", "{s:i,s:s?,s:s?,s:s?,s:o}", "request",
		(int)w->number, "title", title, "text", primary, "detail", secondary, "choices", labels(w));
	if (certificate)
		g_idle_add(refuse, w);
	return w;
}

static void *on_fields(const char *title, const char *primary, const char *secondary, PurpleRequestFields *fields,
	const char *ok, GCallback ok_call, const char *no, GCallback no_call, PurpleAccount *account, const char *who,
	PurpleConversation *conversation, void *user)
{
	struct waiting *w = keep(ASK_FIELDS, user);
	json_t *names = json_object();
	w->fields = fields;
	add_choice(w, ok, ok_call);
	add_choice(w, no, no_call);
	for (GList *group = purple_request_fields_get_groups(fields); group; group = group->next)
		for (GList *one = purple_request_field_group_get_fields(group->data); one; one = one->next) {
			const char *label = purple_request_field_get_label(one->data);
			json_object_set_new(
				names, purple_request_field_get_id(one->data), json_string(label ? label : ""));
		}
	client_tell("form", "{s:i,s:s?,s:s?,s:o}", "request", (int)w->number, "title", title, "text", primary, "fields",
		names);
	return w;
}

static void *on_text(const char *title, const char *primary, const char *secondary, const char *otherwise,
	gboolean many, gboolean masked, gchar *hint, const char *ok, GCallback ok_call, const char *no,
	GCallback no_call, PurpleAccount *account, const char *who, PurpleConversation *conversation, void *user)
{
	struct waiting *w = keep(ASK_TEXT, user);
	add_choice(w, ok, ok_call);
	add_choice(w, no, no_call);
	client_tell("form", "{s:i,s:s?,s:s?,s:{s:s}}", "request", (int)w->number, "title", title, "text", primary,
		"fields", "text", "");
	return w;
}

static void *on_watcher(PurpleAccount *account, const char *who, const char *id, const char *alias, const char *text,
	gboolean listed, PurpleAccountRequestAuthorizationCb yes, PurpleAccountRequestAuthorizationCb no, void *user)
{
	struct waiting *w = keep(ASK_WATCHER, user);
	add_choice(w, "accept", (GCallback)yes);
	add_choice(w, "deny", (GCallback)no);
	client_tell("watcher", "{s:i,s:s,s:s?,s:b}", "request", (int)w->number, "who", who, "alias", alias, "listed",
		(int)listed);
	return w;
}

static void on_added_by(PurpleAccount *account, const char *who, const char *id, const char *alias, const char *text)
{
	client_tell("added-by", "{s:s,s:s?,s:s?}", "who", who, "alias", alias, "text", text);
}

static void on_close(PurpleRequestType type, void *handle)
{
	forget(handle);
}

/* ---- answered ---- */

/* Before it returns libpurple may have closed what it asked: nothing of w is used after the call. */
static void choose(struct waiting *w, size_t i)
{
	GCallback call = w->choices[i].call;
	if (!call)
		return;
	if (w->kind == ASK_WATCHER)
		((PurpleAccountRequestAuthorizationCb)call)(w->user);
	else
		((PurpleRequestActionCb)call)(w->user, (int)i);
}

/* request, choice: the beginning of a label, without the underscore that marks a key */
const char *request_answer(json_t *line, json_t *answer)
{
	struct waiting *w = find_waiting(line);
	const char *choice = command_text(line, "choice");
	if (!w || (w->kind != ASK_ACTION && w->kind != ASK_WATCHER))
		return "no such question waits";
	for (size_t i = 0; choice && i < w->n_choices; i++) {
		const char *label = w->choices[i].label;
		if (g_ascii_strncasecmp(label + (*label == '_'), choice, strlen(choice)) != 0)
			continue;
		choose(w, i);
		forget(w);
		return NULL;
	}
	return "no such choice";
}

static void fill_field(PurpleRequestField *field, json_t *value)
{
	switch (purple_request_field_get_type(field)) {
	case PURPLE_REQUEST_FIELD_STRING:
		purple_request_field_string_set_value(field, json_string_value(value));
		break;
	case PURPLE_REQUEST_FIELD_BOOLEAN:
		purple_request_field_bool_set_value(field, json_is_true(value));
		break;
	case PURPLE_REQUEST_FIELD_CHOICE:
		purple_request_field_choice_set_value(field, (int)json_integer_value(value));
		break;
	default:
		break;
	}
}

static const char *send_fields(struct waiting *w, json_t *values, bool cancel)
{
	const char *id;
	json_t *value;
	json_object_foreach(values, id, value) if (!purple_request_fields_exists(w->fields, id)) return "no such field";
	json_object_foreach(values, id, value) fill_field(purple_request_fields_get_field(w->fields, id), value);
	PurpleRequestFieldsCb call = (PurpleRequestFieldsCb)w->choices[cancel].call;
	if (call)
		call(w->user, w->fields);
	return NULL;
}

/* request, values {"field": "text", ...}, cancel */
const char *request_fill(json_t *line, json_t *answer)
{
	struct waiting *w = find_waiting(line);
	json_t *values = json_object_get(line, "values");
	bool cancel = json_is_true(json_object_get(line, "cancel"));
	if (!w || (w->kind != ASK_FIELDS && w->kind != ASK_TEXT))
		return "no such form waits";
	const char *why = NULL;
	if (w->kind == ASK_FIELDS)
		why = send_fields(w, values, cancel);
	else if (w->choices[cancel].call)
		((PurpleRequestInputCb)w->choices[cancel].call)(
			w->user, json_string_value(json_object_get(values, "text")));
	if (!why)
		forget(w);
	return why;
}

void request_watch(void)
{
	static PurpleRequestUiOps doors = {
		.request_action = on_action,
		.request_fields = on_fields,
		.request_input = on_text,
		.close_request = on_close,
	};
	static PurpleAccountUiOps account_doors = {
		.request_add = on_added_by,
		.notify_added = on_added_by,
		.request_authorize = on_watcher,
		.close_account_request = (void (*)(void *))forget,
	};
	purple_request_set_ui_ops(&doors);
	purple_accounts_set_ui_ops(&account_doors);
}
