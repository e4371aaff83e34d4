/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of the vault's control socket (role/vault.h). */
#include "prog/witan/cmdlet_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MOST = 512 * 1024 * 1024 };

static err no_server(struct diag *d, const char *dir, int error)
{
	if (error == EACCES || error == EPERM)
		return diag_fail(d, ERR(REFUSED), dir, "be root or the owner of the deployment", "the control socket may not be used by you");
	return diag_fail(d, ERR(ABSENT), dir, "start it with `witand --dir DIR`, or name another deployment with --dir",
		"no server runs there (%s)", strerror(error));
}

/* By the directory's descriptor, because a socket's path is short (sun_path) and a deployment's may not be. */
err control_open(struct control *c, const char *dir, struct diag *d)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	*c = (struct control){ .fd = -1 };
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return no_server(d, dir, errno);
	(void)snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/run/control.sock", at);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = 0;
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&to, sizeof to) != 0)
		error = errno;
	(void)close(at);
	if (error == 0)
		return OK;
	control_close(c);
	return no_server(d, dir, error);
}

void control_close(struct control *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	free(c->in);
	*c = (struct control){ .fd = -1 };
}

static err gone(struct diag *d)
{
	return diag_fail(d, ERR(CLOSED), "control socket", "look at the server's log and try again", "the server has closed the connection");
}

err control_send(struct control *c, const json_t *line, struct diag *d)
{
	char *text = json_dumps(line, JSON_COMPACT);
	ENSURE(text != NULL, NO_MEMORY);
	size_t n = strlen(text);
	text[n++] = '\n'; /* where the NUL was */
	err e = OK;
	for (size_t at = 0; at < n && !failed(e);) {
		ssize_t sent = send(c->fd, text + at, n - at, MSG_NOSIGNAL);
		if (sent > 0)
			at += (size_t)sent;
		else if (errno != EINTR)
			e = gone(d);
	}
	explicit_bzero(text, n);
	free(text);
	return e;
}

err control_ask(struct control *c, const char *name, json_t *parameters, struct diag *d)
{
	json_t *line = json_pack("{s:s,s:O}", "command", name, "parameters", parameters);
	ENSURE(line != NULL, NO_MEMORY);
	err e = control_send(c, line, d);
	json_decref(line);
	return e;
}

static err read_more(struct control *c, struct diag *d)
{
	if (c->size - c->n < 65536) {
		ENSURE(c->size < LINE_MOST, CEILING);
		size_t size = c->size != 0 ? 2 * c->size : 131072;
		char *room = realloc(c->in, size);
		ENSURE(room != NULL, NO_MEMORY);
		c->in = room;
		c->size = size;
	}
	ssize_t n = recv(c->fd, c->in + c->n, c->size - c->n, 0);
	if (n < 0 && errno == EINTR)
		return OK;
	if (n <= 0)
		return gone(d);
	c->n += (size_t)n;
	return OK;
}

err control_read(struct control *c, json_t **out, struct diag *d)
{
	size_t seen = c->taken;
	for (;;) {
		const char *end = c->n > seen ? memchr(c->in + seen, '\n', c->n - seen) : NULL;
		if (end != NULL) {
			json_error_t at;
			*out = json_loadb(c->in + c->taken, (size_t)(end - (c->in + c->taken)), 0, &at);
			c->taken = (size_t)(end - c->in) + 1;
			return *out != NULL ? OK : diag_fail(d, ERR(MALFORMED), "control socket", "", "the answer is no JSON: %s", at.text);
		}
		seen = c->n;
		if (c->taken != 0) {
			memmove(c->in, c->in + c->taken, c->n - c->taken);
			c->n -= c->taken;
			seen -= c->taken;
			c->taken = 0;
		}
		TRY(read_more(c, d));
	}
}

static const char *text_of(const json_t *answer, const char *key)
{
	const char *s = json_string_value(json_object_get(answer, key));
	return s != NULL ? s : "";
}

err control_result(const json_t *answer, struct diag *d)
{
	if (json_is_true(json_object_get(answer, "ok")))
		return OK;
	const char *name = text_of(answer, "error");
	err e = ERR(REFUSED);
	for (size_t i = 0; i < ERR_N; i++)
		if (strcmp(err_defs[i].name, name) == 0)
			e = (err){ &err_defs[i] };
	return diag_fail(d, e, text_of(answer, "where"), text_of(answer, "remedy"), "%s", text_of(answer, "what"));
}
