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
	GUESTS_MAX = 24, /* of them who are neither root nor the owner: they cannot keep those out */
	LINE_MAX_BYTES = 1024 * 1024,
	LINE_MAX_ROOT = 64 * 1024 * 1024, /* a whole deployment to import */
	READ_BYTES = 64 * 1024,
	OUT_MAX = 300 * 1024 * 1024, /* the largest answer, and some more */
	OUT_HIGH = 1024 * 1024,      /* more waits: no further command is read, no trace added */
	IDLE_MS = 300 * 1000,
	GUEST_IDLE_MS = 60 * 1000,
};

struct admin {
	struct list node;
	struct vault *vault;
	int fd;
	struct watch watch;
	struct buf in, out;
	size_t out_at; /* bytes of out that are sent */
	struct timer idle;
	struct author author;
	uint32_t trace; /* id; 0: none */
	char filter[VAULT_AOR + 16];
	unsigned n_answers; /* that wait for the commit */
	uint64_t lost;      /* traced messages that were too many */
	bool at_end;        /* will send no more */
	bool is_closing;
};

/* ---- the connection ---- */

static void on_closed(void *arg)
{
	struct admin *a = arg;
	a->vault->n_admins--;
	a->vault->n_guests -= a->author.rights.is_root ? 0 : 1;
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
	(void)vault_line_forget(a->vault, a, 0, true);
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
	else if (failed(timer_set(t, &a->idle, a->author.rights.is_root ? IDLE_MS : GUEST_IDLE_MS, on_idle, a)))
		admin_close(a);
}

static size_t unsent(const struct admin *a)
{
	return a->out.n - a->out_at;
}

static void watch_again(struct admin *a)
{
	unsigned events = unsent(a) != 0 ? WATCH_WRITE : 0;
	if (!a->at_end && unsent(a) < OUT_HIGH)
		events |= WATCH_READ;
	watch_set(&a->watch, events);
}

static void flush(struct admin *a)
{
	while (unsent(a) != 0) {
		ssize_t n = send(a->fd, a->out.p + a->out_at, unsent(a), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			admin_close(a);
			return;
		}
		if (n <= 0)
			break;
		a->out_at += (size_t)n;
	}
	if (unsent(a) <= a->out_at) { /* what moves is no more than what was sent: a long answer is not moved for each piece */
		buf_drop(&a->out, a->out_at);
		a->out_at = 0;
	}
	if (a->out.failed || (a->at_end && unsent(a) == 0 && a->n_answers == 0)) {
		admin_close(a);
		return;
	}
	watch_again(a);
}

/* ---- lines ---- */

static void on_done(void *arg, uint64_t id, err e, str text)
{
	struct admin *a = arg;
	a->n_answers--;
	buf_add(&a->out, text);
	flush(a);
}

static void add_json(struct buf *b, json_t *line)
{
	char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
	if (text != NULL)
		buf_add(b, str_of(text));
	buf_add_char(b, '\n');
	b->failed = b->failed || text == NULL;
	free(text);
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

/* A trace is no cmdlet: it shows what people write, to whoever owns the machine. */
static void answer_trace(struct admin *a, const json_t *given)
{
	struct diag d = { 0 };
	char what[sizeof a->filter + 8];
	err e = a->author.rights.is_root ? start_trace(a, given, &d) :
					   diag_fail(&d, ERR(REFUSED), "trace", "be root or the owner of the deployment", "only the machine's own administrator may read messages");
	json_t *line = failed(e) ? json_pack("{s:b,s:s,s:o,s:o,s:o}", "ok", 0, "error", e.def->name, "what", command_json(str_of(d.what)), "where",
					   command_json(str_of(d.where)), "remedy", command_json(str_of(d.remedy))) :
				   json_pack("{s:b,s:[]}", "ok", 1, "objects");
	(void)snprintf(what, sizeof what, "trace %s", a->filter);
	meter_add(a->vault->skel->meter, failed(e) ? METER_COMMANDS_REFUSED : METER_COMMANDS, 1);
	LOG(&a->vault->skel->log, COMMAND_DONE, LOG_Z("author", a->author.name), LOG_Z("from", a->author.address), LOG_Z("command", what), LOG_ERR(e));
	add_json(&a->out, line);
	json_decref(line);
}

static void on_line(struct admin *a, str text)
{
	json_t *line = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(line, "command"));
	if (name != NULL && strcmp(name, "trace") == 0) {
		answer_trace(a, json_object_get(line, "parameters"));
		json_decref(line);
		return;
	}
	json_decref(line);
	a->n_answers++;
	vault_line(a->vault, &(struct line_from){ .console = a->author.rights.is_root ? &a->author : NULL, .address = a->author.address }, text,
		&(struct line_door){ on_done, a }, 0);
}

static void take_lines(struct admin *a)
{
	size_t taken = 0;
	while (!a->is_closing && unsent(a) < OUT_HIGH) {
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
	size_t most = a->author.rights.is_root ? LINE_MAX_ROOT : LINE_MAX_BYTES;
	if (!a->is_closing && a->in.n >= most && str_find_char(buf_str(&a->in), '\n') == a->in.n)
		admin_close(a);
}

static void read_some(struct admin *a)
{
	if (!buf_reserve(&a->in, READ_BYTES)) {
		admin_close(a);
		return;
	}
	ssize_t n = recv(a->fd, a->in.p + a->in.n, READ_BYTES, MSG_DONTWAIT);
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

/* Root, and who owns the deployment's files, could do everything anyway: their commands are audited, but not bound. Everybody else at the
 * console signs in with his password, and is bound by his roles. */
static bool find_author(const struct vault *v, int fd, struct ucred *who, struct author *out)
{
	socklen_t n = sizeof *who;
	*who = (struct ucred){ .uid = (uid_t)-1 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &n) != 0 || n != sizeof *who)
		return false;
	out->rights.is_root = who->uid == 0 || who->uid == geteuid() || who->uid == v->owner;
	if (who->uid == 0)
		(void)snprintf(out->name, sizeof out->name, "root");
	else
		(void)snprintf(out->name, sizeof out->name, "uid %u", (unsigned)who->uid);
	(void)snprintf(out->address, sizeof out->address, "console, pid %d", (int)who->pid);
	return true;
}

static void turn_away(struct vault *v, int fd, const struct ucred *who, const char *why)
{
	static const char line[] = "{\"ok\":false,\"error\":\"BUSY\",\"what\":\"too many administrators are connected\",\"where\":\"\","
		"\"remedy\":\"try again later\"}\n";
	meter_add(v->skel->meter, METER_COMMANDS_REFUSED, 1);
	LOG(&v->skel->log, COMMAND_REFUSED, LOG_INT("uid", who->uid), LOG_INT("pid", who->pid), LOG_Z("why", why));
	(void)!send(fd, line, sizeof line - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
}

static void welcome(struct vault *v, int fd)
{
	struct ucred who;
	struct author author = { 0 };
	if (!find_author(v, fd, &who, &author)) {
		turn_away(v, fd, &who, "unknown peer");
		return;
	}
	bool fits = v->n_admins < ADMINS_MAX && (author.rights.is_root || v->n_guests < GUESTS_MAX);
	struct admin *a = fits ? calloc(1, sizeof *a) : NULL;
	if (a == NULL) {
		turn_away(v, fd, &who, "too many administrators");
		return;
	}
	*a = (struct admin){ .vault = v, .fd = fd, .author = author };
	buf_init(&a->in, (author.rights.is_root ? LINE_MAX_ROOT : LINE_MAX_BYTES) + 2 * READ_BYTES);
	buf_init(&a->out, OUT_MAX);
	if (failed(watch_open(v->skel->loop, &a->watch, fd, on_ready, a))) {
		(void)close(fd);
		free(a);
		return;
	}
	v->n_admins++;
	v->n_guests += author.rights.is_root ? 0 : 1;
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
		if (unsent(a) >= OUT_HIGH) {
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
