/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of administrators: who says them, what they come to, and their answers at the end of the turn. */
#include "role/vault/vault_cert.h"

#include <stdio.h>
#include <stdlib.h>

enum { OUT_MAX = 256 * 1024 * 1024 }; /* all users of a large deployment as one line */

/* One answer that waits for the commit. */
struct answer {
	struct list node;
	struct line_door door;
	uint64_t id;
	bool is_awaited;
	char author[STORE_AOR_MAX + 8], address[80];
	struct buf text; /* the line when all is well */
	char what[512];  /* the command without secrets, for the log */
	json_t *warnings;
	err result;
	struct diag diag;
	const struct cmd *cmd; /* set when it is held */
};

/* ---- answers ---- */

static void add_json(struct buf *b, json_t *line)
{
	char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
	if (text != NULL)
		buf_add(b, str_of(text));
	b->failed = b->failed || text == NULL;
	free(text);
}

static void add_error(struct buf *b, err e, const struct diag *d, json_t *warnings)
{
	bool told = d->what[0] != '\0';
	json_t *line = json_object();
	(void)json_object_set_new(line, "ok", json_false());
	(void)json_object_set_new(line, "error", json_string(e.def->name));
	(void)json_object_set_new(line, "what", command_json(str_of(told ? d->what : e.def->text)));
	(void)json_object_set_new(line, "where", command_json(str_of(d->where)));
	(void)json_object_set_new(line, "remedy", command_json(str_of(d->remedy)));
	if (warnings != NULL)
		(void)json_object_set(line, "warnings", warnings);
	buf_reset(b);
	add_json(b, line);
	buf_add_char(b, '\n');
	json_decref(line);
}

static void give(struct vault *v, struct answer *w, err commit)
{
	err e = failed(w->result) ? w->result : commit;
	static const struct diag lost = { .where = "store", .remedy = "nothing was changed; say it again when the store works" };
	meter_add(v->skel->meter, failed(e) ? METER_COMMANDS_REFUSED : METER_COMMANDS, 1);
	LOG(&v->skel->log, COMMAND_DONE, LOG_Z("author", w->author), LOG_Z("from", w->address), LOG_Z("command", w->what), LOG_ERR(e));
	list_remove(&w->node);
	if (w->is_awaited) {
		if (failed(e))
			add_error(&w->text, e, failed(w->result) ? &w->diag : &lost, w->warnings);
		w->door.done(w->door.arg, w->id, e, buf_str(&w->text));
	}
	json_decref(w->warnings);
	if (w->text.p != NULL && strstr(w->what, "sign-in") != NULL)
		crypt_wipe(w->text.p, w->text.n);
	buf_fini(&w->text);
	free(w);
}

void vault_answer(struct vault *v, err e)
{
	LIST_EACH(it, &v->answers)
		give(v, LIST_OF(it, struct answer, node), e);
}

static unsigned forget(struct list *answers, const void *arg, uint64_t id, bool every)
{
	unsigned n = 0;
	LIST_EACH(it, answers) {
		struct answer *w = LIST_OF(it, struct answer, node);
		if (!w->is_awaited || w->door.arg != arg || (!every && w->id != id))
			continue;
		w->is_awaited = false;
		n++;
	}
	return n;
}

unsigned vault_line_forget(struct vault *v, const void *arg, uint64_t id, bool every)
{
	return forget(&v->answers, arg, id, every) + forget(&v->held, arg, id, every);
}

/* ---- answers that are held ---- */

struct held *command_hold(struct call *call)
{
	struct answer *w = call->answer;
	ASSERT(w->cmd == NULL);
	w->cmd = call->cmd;
	list_add(&call->vault->held, &w->node);
	call->held = (struct held *)w;
	return call->held;
}

static void print_object(struct buf *b, json_t *object, json_t *warnings)
{
	json_t *line = json_pack("{s:b,s:[]}", "ok", 1, "objects");
	if (json_is_array(object))
		(void)json_array_extend(json_object_get(line, "objects"), object);
	else if (object != NULL)
		(void)json_array_append(json_object_get(line, "objects"), object);
	if (json_array_size(warnings) != 0)
		(void)json_object_set(line, "warnings", warnings);
	add_json(b, line);
	buf_add_char(b, '\n');
	json_decref(line);
}

void command_release(struct vault *v, struct held *h, err e, const struct diag *d, json_t *object, json_t *warnings)
{
	struct answer *w = (struct answer *)h;
	if (warnings != NULL && w->warnings != NULL)
		(void)json_array_extend(w->warnings, warnings);
	else if (warnings != NULL)
		w->warnings = json_incref(warnings);
	json_decref(warnings);
	w->result = e;
	w->diag = *d;
	if (!failed(e))
		print_object(&w->text, object, w->warnings);
	json_decref(object);
	if (!failed(e) && w->text.failed)
		w->result = ERR(NO_MEMORY);
	command_audit(v, w->cmd, &(struct store_audit){ .author = str_of(w->author), .address = str_of(w->address), .command = str_of(w->what) }, w->result, &w->diag);
	list_remove(&w->node);
	list_add(&v->answers, &w->node);
	vault_turn(v);
}

/* ---- running ---- */

static void add_list(struct buf *b, const char *name, json_t *list)
{
	if (json_array_size(list) == 0)
		return;
	buf_printf(b, ",\"%s\":", name);
	add_json(b, list);
}

static void print_answer(struct buf *b, const struct call *call)
{
	buf_printf(b, "{\"ok\":true,\"objects\":[");
	buf_add(b, buf_str(&call->objects));
	buf_add_char(b, ']');
	if (call->cmd != NULL && call->cmd->kind != NULL)
		buf_printf(b, ",\"kind\":\"%s\"", call->cmd->kind->name);
	add_list(b, "warnings", call->warnings);
	add_list(b, "verbose", call->verbose);
	buf_add(b, STR("}\n"));
}

static err run_command(struct answer *w, struct call *call, const char *name, const json_t *given)
{
	const struct cmd *near = NULL;
	call->cmd = cmd_find(str_of(name), &near);
	if (call->cmd == NULL)
		return diag_fail(&w->diag, ERR(USAGE), name, "Get-Command lists the commands", near != NULL ? "unknown; did you mean %s?" : "unknown%s",
			near != NULL ? near->name : "");
	buf_init(&call->objects, OUT_MAX);
	err e = command_parameters(call, given);
	command_describe(call, w->what, sizeof w->what);
	if (!failed(e))
		e = command_run(call, w->what);
	if (!failed(e) && call->held == NULL)
		print_answer(&w->text, call);
	w->diag = call->diag;
	w->warnings = json_incref(call->warnings);
	json_decref(call->warnings);
	json_decref(call->verbose);
	json_decref(call->parameters);
	buf_fini(&call->objects);
	return !failed(e) && w->text.failed ? ERR(NO_MEMORY) : e;
}

static err run_session(struct vault *v, struct answer *w, struct session_ask *ask)
{
	json_t *object = NULL;
	const char *user = json_string_value(json_object_get(ask->given, "User"));
	(void)snprintf(w->what, sizeof w->what, "%s %.100s", ask->name, user != NULL ? user : "");
	err e = session_command(v, ask, &object, &w->diag);
	if (ask->by.serial[0] != '\0')
		(void)snprintf(w->what, sizeof w->what, "sign-in %s%s%scertificate %s", ask->by.address[0] != '\0' ? "sip:" : "", ask->by.address,
			ask->by.address[0] != '\0' ? " " : "", ask->by.serial);
	TRY(e);
	json_t *line = json_pack("{s:b,s:[o]}", "ok", 1, "objects", object);
	add_json(&w->text, line);
	buf_add_char(&w->text, '\n');
	json_decref(line);
	return OK;
}

static err run_line(struct vault *v, struct answer *w, const struct line_from *from, const json_t *line)
{
	const char *name = json_string_value(json_object_get(line, "command")), *session = json_string_value(json_object_get(line, "session"));
	const json_t *given = json_object_get(line, "parameters");
	struct author author = from->console != NULL ? *from->console : (struct author){ 0 };
	struct call call = { .vault = v, .author = &author, .input = json_object_get(line, "input"), .answer = w };
	if (name == NULL || (given != NULL && !json_is_object(given)))
		return diag_fail(&w->diag, ERR(USAGE), "line", "send {\"command\":NAME,\"parameters\":{...}}", "the line does not name a command");
	(void)snprintf(w->what, sizeof w->what, "%.64s", name);
	if (session_is_command(name))
		return run_session(v, w, &(struct session_ask){ .name = name, .given = given, .session = session, .address = w->address, .certificate = from->certificate });
	if (from->console == NULL || session != NULL) {
		author = (struct author){ 0 };
		TRY(session_author(v, session, w->address, &author, &w->diag));
		(void)snprintf(w->author, sizeof w->author, "%s", author.name);
	}
	err e = run_command(w, &call, name, given);
	rbac_fini(&author.rights);
	return e;
}

void vault_line(struct vault *v, const struct line_from *from, str text, const struct line_door *door, uint64_t id)
{
	struct answer *w = calloc(1, sizeof *w);
	if (w == NULL) {
		door->done(door->arg, id, ERR(NO_MEMORY), STR("{\"ok\":false,\"error\":\"NO_MEMORY\",\"what\":\"out of memory\",\"where\":\"\",\"remedy\":\"\"}\n"));
		return;
	}
	*w = (struct answer){ .door = *door, .id = id, .is_awaited = true };
	(void)snprintf(w->author, sizeof w->author, "%s", from->console != NULL ? from->console->name : "");
	(void)snprintf(w->address, sizeof w->address, "%s", from->address);
	buf_init(&w->text, OUT_MAX);
	json_error_t at;
	json_t *line = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &at);
	if (json_is_object(line))
		w->result = run_line(v, w, from, line);
	else
		w->result = diag_fail(&w->diag, ERR(USAGE), "line", "send one JSON object a line", "%s", at.text);
	json_decref(line);
	if (w->cmd != NULL)
		return; /* it is held */
	list_add(&v->answers, &w->node);
	vault_turn(v);
}
