/* SPDX-License-Identifier: Apache-2.0 */
/* Administrators: who may connect, lines in, lines out, the audit line of each command, and traces. */
#include "role/vault/vault_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ADMINS_MAX = 64,
	LINE_MAX_BYTES = 64 * 1024,
	OUT_MAX = 256 * 1024 * 1024, /* all users of a large deployment as one line */
	OUT_HIGH = 1024 * 1024,      /* more waits: no further command is read, no trace added */
	IDLE_MS = 300 * 1000,
};

struct admin {
	struct list node;
	struct vault *vault;
	int fd;
	struct watch watch;
	struct buf in, out;
	struct timer idle;
	struct ucred who;
	uint32_t trace; /* id; 0: none */
	char filter[VAULT_AOR + 16];
	unsigned n_answers; /* that wait for the commit */
	uint64_t lost;      /* traced messages that were too many */
	bool at_end;        /* will send no more */
	bool is_closing;
};

/* One answer that waits for the commit. */
struct answer {
	struct list node;
	struct admin *admin; /* NULL: gone */
	struct ucred who;
	struct buf text; /* the line when all is well */
	char what[512];  /* the command without secrets, for the audit line */
	err result;
	struct diag diag;
};

/* ---- the connection ---- */

static void on_closed(void *arg)
{
	struct admin *a = arg;
	a->vault->n_admins--;
	(void)close(a->fd);
	buf_fini(&a->in);
	buf_fini(&a->out);
	free(a);
}

static void admin_close(struct admin *a)
{
	if (a->is_closing)
		return;
	a->is_closing = true;
	if (a->trace != 0)
		vault_tell_trace(a->vault, a->trace, str_of(a->filter), false);
	LIST_EACH(it, &a->vault->answers) {
		struct answer *w = LIST_OF(it, struct answer, node);
		if (w->admin == a)
			w->admin = NULL;
	}
	timer_clear(loop_timers(a->vault->skel->loop), &a->idle);
	list_remove(&a->node);
	watch_close(&a->watch, on_closed);
}

static void on_idle(void *arg)
{
	admin_close(arg);
}

static void stay_awake(struct admin *a)
{
	struct timers *t = loop_timers(a->vault->skel->loop);
	if (a->trace != 0)
		timer_clear(t, &a->idle);
	else if (failed(timer_set(t, &a->idle, IDLE_MS, on_idle, a)))
		admin_close(a);
}

static void watch_again(struct admin *a)
{
	unsigned events = a->out.n != 0 ? WATCH_WRITE : 0;
	if (!a->at_end && a->out.n < OUT_HIGH)
		events |= WATCH_READ;
	watch_set(&a->watch, events);
}

static void flush(struct admin *a)
{
	while (a->out.n != 0) {
		ssize_t n = send(a->fd, a->out.p, a->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			admin_close(a);
			return;
		}
		if (n <= 0)
			break;
		buf_drop(&a->out, (size_t)n);
	}
	if (a->out.failed || (a->at_end && a->out.n == 0 && a->n_answers == 0)) {
		admin_close(a);
		return;
	}
	watch_again(a);
}

/* ---- answers ---- */

static void add_json(struct buf *b, json_t *line)
{
	char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
	if (text != NULL)
		buf_add(b, str_of(text));
	buf_add_char(b, '\n');
	b->failed = b->failed || text == NULL;
	free(text);
}

static void add_error(struct buf *b, err e, const struct diag *d)
{
	bool told = d->what[0] != '\0';
	json_t *line = json_object();
	(void)json_object_set_new(line, "ok", json_false());
	(void)json_object_set_new(line, "error", json_string(e.def->name));
	(void)json_object_set_new(line, "what", command_json(str_of(told ? d->what : e.def->text)));
	(void)json_object_set_new(line, "where", command_json(str_of(d->where)));
	(void)json_object_set_new(line, "remedy", command_json(str_of(d->remedy)));
	add_json(b, line);
	json_decref(line);
}

static void audit(struct vault *v, const struct answer *w, err e)
{
	meter_add(v->skel->meter, failed(e) ? METER_COMMANDS_REFUSED : METER_COMMANDS, 1);
	LOG(&v->skel->log, COMMAND_DONE, LOG_INT("uid", w->who.uid), LOG_INT("pid", w->who.pid), LOG_Z("command", w->what), LOG_ERR(e));
}

static void give(struct vault *v, struct answer *w, err commit)
{
	err e = failed(w->result) ? w->result : commit;
	struct admin *a = w->admin;
	audit(v, w, e);
	list_remove(&w->node);
	if (a != NULL) {
		a->n_answers--;
		if (failed(e))
			add_error(&a->out, e, failed(w->result) ? &w->diag : &(struct diag){ .where = "store",
				.remedy = "nothing was changed; say it again when the store works" });
		else
			buf_add(&a->out, buf_str(&w->text));
		flush(a);
	}
	buf_fini(&w->text);
	free(w);
}

void vault_answer(struct vault *v, err e)
{
	LIST_EACH(it, &v->answers)
		give(v, LIST_OF(it, struct answer, node), e);
}

/* ---- commands ---- */

/* "New-CsUser -SipAddress sip:ann@example.test -PasswordFile ***" */
static void describe(const struct call *call, char *out, size_t size)
{
	struct cmd_param p;
	size_t n = (size_t)snprintf(out, size, "%s", call->cmd->name);
	for (size_t i = 0; cmd_param_at(call->cmd, i, &p); i++) {
		str text = { "***", 3 };
		bool given = p.kind == CMD_PASSWORD ? json_object_get(call->parameters, "Password") != NULL :
						      command_text(call, p.name, &text);
		if (given && n < size)
			n += (size_t)snprintf(out + n, size - n, " -%s %.*s", p.name, STR_FMT(str_cut(text, 0, 128)));
	}
}

static err start_trace(struct admin *a, const json_t *given, struct diag *d)
{
	struct call call = { .vault = a->vault };
	char aor_text[VAULT_AOR];
	str aor;
	const char *user = json_string_value(json_object_get(given, "User"));
	const char *address = json_string_value(json_object_get(given, "Address"));
	if (a->trace != 0 || (user == NULL) == (address == NULL))
		return diag_fail(d, ERR(USAGE), "trace", "say either --user or --address", "one user or one address can be traced at a time");
	if (user != NULL) {
		err e = command_address(&call, str_of(user), aor_text, &aor);
		*d = call.diag;
		TRY(e);
		(void)snprintf(a->filter, sizeof a->filter, "user:%.*s", STR_FMT(aor));
	} else {
		str s = str_of(address);
		for (size_t i = 0; i < s.n; i++)
			if (strchr("0123456789abcdefABCDEF.:", s.p[i]) == NULL)
				s.n = 0;
		if (s.n == 0 || s.n > 45)
			return diag_fail(d, ERR(USAGE), "--address", "write an IP address without port", "this is no IP address");
		(void)snprintf(a->filter, sizeof a->filter, "address:%s", address);
	}
	a->trace = ++a->vault->last_trace != 0 ? a->vault->last_trace : ++a->vault->last_trace;
	vault_tell_trace(a->vault, a->trace, str_of(a->filter), true);
	return OK;
}

static err run_line(struct admin *a, struct answer *w, const json_t *line)
{
	const char *name = json_string_value(json_object_get(line, "command"));
	const json_t *given = json_object_get(line, "parameters");
	struct call call = { .vault = a->vault };
	const struct cmd *near = NULL;
	if (name == NULL || (given != NULL && !json_is_object(given)))
		return diag_fail(&w->diag, ERR(USAGE), "line", "send {\"command\":NAME,\"parameters\":{...}}", "the line does not name a command");
	(void)snprintf(w->what, sizeof w->what, "%.64s", name);
	if (strcmp(name, "trace") == 0) {
		err e = start_trace(a, given, &w->diag);
		(void)snprintf(w->what, sizeof w->what, "trace %s", a->filter);
		buf_add(&w->text, STR("{\"ok\":true,\"objects\":[]}\n"));
		return e;
	}
	call.cmd = cmd_find(str_of(name), &near);
	if (call.cmd == NULL)
		return diag_fail(&w->diag, ERR(USAGE), name, "Get-Command lists the commands", near != NULL ? "unknown; did you mean %s?" : "unknown%s",
			near != NULL ? near->name : "");
	call.objects = json_array();
	err e = command_parameters(&call, given);
	if (!failed(e)) {
		describe(&call, w->what, sizeof w->what);
		e = command_run(&call);
	}
	json_t *all = json_pack("{s:b,s:O}", "ok", 1, "objects", call.objects);
	if (!failed(e))
		add_json(&w->text, all);
	json_decref(all);
	json_decref(call.objects);
	json_decref(call.parameters);
	w->diag = call.diag;
	return !failed(e) && w->text.failed ? ERR(NO_MEMORY) : e;
}

static void on_line(struct admin *a, str text)
{
	struct answer *w = calloc(1, sizeof *w);
	if (w == NULL) {
		admin_close(a);
		return;
	}
	*w = (struct answer){ .admin = a, .who = a->who };
	buf_init(&w->text, OUT_MAX);
	json_error_t at;
	json_t *line = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &at);
	if (line != NULL)
		w->result = run_line(a, w, line);
	else
		w->result = diag_fail(&w->diag, ERR(USAGE), "line", "send one JSON object a line", "%s", at.text);
	json_decref(line);
	list_add(&a->vault->answers, &w->node);
	a->n_answers++;
	vault_turn(a->vault);
}

static void take_lines(struct admin *a)
{
	size_t taken = 0;
	while (!a->is_closing && a->out.n < OUT_HIGH) {
		str rest = str_cut(buf_str(&a->in), taken, a->in.n);
		size_t n = str_find_char(rest, '\n');
		if (n == rest.n)
			break;
		if (n != 0)
			on_line(a, str_cut(rest, 0, n));
		crypt_wipe(a->in.p + taken, n); /* it may have held a password */
		taken += n + 1;
	}
	buf_drop(&a->in, taken);
	if (!a->is_closing && a->in.n >= LINE_MAX_BYTES && str_find_char(buf_str(&a->in), '\n') == a->in.n)
		admin_close(a);
}

static void read_some(struct admin *a)
{
	if (!buf_reserve(&a->in, 4096)) {
		admin_close(a);
		return;
	}
	ssize_t n = recv(a->fd, a->in.p + a->in.n, 4096, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && a->trace != 0)) {
		admin_close(a);
		return;
	}
	a->at_end = n == 0;
	a->in.n += (size_t)n;
	stay_awake(a);
	take_lines(a);
}

static void on_ready(void *arg, unsigned events)
{
	struct admin *a = arg;
	if (!a->is_closing && (events & WATCH_READ) != 0)
		read_some(a);
	if (!a->is_closing)
		flush(a);
}

/* ---- coming and going ---- */

static bool may_command(const struct vault *v, int fd, struct ucred *who)
{
	socklen_t n = sizeof *who;
	*who = (struct ucred){ .uid = (uid_t)-1 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &n) != 0 || n != sizeof *who)
		return false;
	return who->uid == 0 || who->uid == geteuid() || who->uid == v->owner;
}

static void turn_away(struct vault *v, int fd, const struct ucred *who, const char *why)
{
	static const char line[] = "{\"ok\":false,\"error\":\"REFUSED\",\"what\":\"you may not command this server\",\"where\":\"\","
		"\"remedy\":\"be root or the owner of the deployment directory\"}\n";
	meter_add(v->skel->meter, METER_COMMANDS_REFUSED, 1);
	LOG(&v->skel->log, COMMAND_REFUSED, LOG_INT("uid", who->uid), LOG_INT("pid", who->pid), LOG_Z("why", why));
	(void)!send(fd, line, sizeof line - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
}

static void welcome(struct vault *v, int fd)
{
	struct ucred who;
	if (!may_command(v, fd, &who)) {
		turn_away(v, fd, &who, "not an administrator");
		return;
	}
	struct admin *a = v->n_admins < ADMINS_MAX ? calloc(1, sizeof *a) : NULL;
	if (a == NULL) {
		turn_away(v, fd, &who, "too many administrators");
		return;
	}
	*a = (struct admin){ .vault = v, .fd = fd, .who = who };
	buf_init(&a->in, 2 * LINE_MAX_BYTES);
	buf_init(&a->out, OUT_MAX);
	if (failed(watch_open(v->skel->loop, &a->watch, fd, on_ready, a))) {
		(void)close(fd);
		free(a);
		return;
	}
	v->n_admins++;
	list_add(&v->admins, &a->node);
	watch_set(&a->watch, WATCH_READ);
	stay_awake(a);
}

static void on_connection(void *arg, unsigned events)
{
	struct vault *v = arg;
	int fd = accept4(v->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		welcome(v, fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		LOG(&v->skel->log, ACCEPT_FAILED, LOG_Z("listener", "control"), LOG_Z("why", strerror(errno)));
}

static void on_listener_closed(void *arg)
{
	struct vault *v = arg;
	(void)close(v->listener);
	v->listener = -1;
}

void vault_on_listener(struct skel *s, str transport, unsigned port, int fd)
{
	struct vault *v = s->state;
	if (!str_eq(transport, STR("control")) || v->listener >= 0) {
		(void)close(fd);
		return;
	}
	v->listener = fd;
	if (failed(watch_open(s->loop, &v->listener_watch, fd, on_connection, v))) {
		LOG(&s->log, LISTENER_FAILED, LOG_Z("listener", "control"), LOG_Z("why", "the event loop refuses it"));
		(void)close(fd);
		v->listener = -1;
		return;
	}
	v->listener_is_open = true;
	watch_set(&v->listener_watch, WATCH_READ);
}

void vault_close_admins(struct vault *v)
{
	LIST_EACH(it, &v->admins)
		admin_close(LIST_OF(it, struct admin, node));
	if (v->listener_is_open)
		watch_close(&v->listener_watch, on_listener_closed);
	v->listener_is_open = false;
}

/* ---- traces ---- */

static json_t *traced(const struct ipc_trace *m)
{
	char request[17];
	(void)snprintf(request, sizeof request, "%016llx", (unsigned long long)m->request);
	return json_pack("{s:{s:s,s:b,s:o,s:o}}", "trace", "request", request, "outgoing", m->outgoing != 0, "peer", command_json(m->peer),
		"message", command_json(m->bytes));
}

void vault_on_trace(struct vault *v, const struct ipc_trace *m)
{
	LIST_EACH(it, &v->admins) {
		struct admin *a = LIST_OF(it, struct admin, node);
		if (a->trace != m->id || m->id == 0)
			continue;
		if (a->out.n >= OUT_HIGH) {
			a->lost++;
			continue;
		}
		if (a->lost != 0)
			buf_printf(&a->out, "{\"lost\":%llu}\n", (unsigned long long)a->lost);
		a->lost = 0;
		json_t *line = traced(m);
		add_json(&a->out, line);
		json_decref(line);
		flush(a);
	}
}

void vault_tell_traces(struct vault *v, struct vault_front *f)
{
	LIST_EACH(it, &v->admins) {
		const struct admin *a = LIST_OF(it, struct admin, node);
		if (a->trace != 0)
			(void)failed(ipc_send_trace_set(f->channel, &(struct ipc_trace_set){ .id = a->trace, .filter = str_of(a->filter), .on = 1 }, -1));
	}
}
