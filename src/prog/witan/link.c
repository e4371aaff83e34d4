/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket as a link. */
#include "prog/witan/link.h"

#include "prog/witan/cmdlet_priv.h"

#include <stdlib.h>

struct local {
	struct link link; /* first */
	struct control control;
};

json_t *link_line(const char *command, json_t *parameters, json_t *input, const char *session)
{
	json_t *line = json_pack("{s:s,s:O*,s:O*}", "command", command, "parameters", parameters, "input", input);
	if (line != NULL && session[0] != '\0' && json_object_set_new(line, "session", json_string(session)) != 0) {
		json_decref(line);
		return NULL;
	}
	return line;
}

static err send_local(struct link *l, const char *command, json_t *parameters, json_t *input, struct diag *d)
{
	struct local *c = (struct local *)l;
	json_t *line = link_line(command, parameters, input, l->session);
	ENSURE(line != NULL, NO_MEMORY);
	err e = control_send(&c->control, line, d);
	json_decref(line);
	return e;
}

static err receive_local(struct link *l, json_t **answer, struct diag *d)
{
	return control_read(&((struct local *)l)->control, answer, d);
}

static void close_local(struct link *l)
{
	struct local *c = (struct local *)l;
	control_close(&c->control);
	explicit_bzero(l->session, sizeof l->session);
	free(c);
}

static const struct link_kind kind = { .send = send_local, .receive = receive_local, .close = close_local };

err link_open_local(const char *dir, struct link **out, struct diag *d)
{
	char *path = realpath(dir, NULL);
	struct local *c = calloc(1, sizeof *c);
	err e = c != NULL ? control_open(&c->control, dir, d) : ERR(NO_MEMORY);
	if (!failed(e)) {
		c->link.kind = &kind;
		(void)str_to_z(str_of(path != NULL ? path : dir), c->link.name, sizeof c->link.name);
		*out = &c->link;
	} else {
		free(c);
	}
	free(path);
	return e;
}

err link_present(struct link *l, const struct link_certificate *c, struct diag *d)
{
	if (l->kind->present != NULL)
		return l->kind->present(l, c, d);
	return diag_fail(d, ERR(USAGE), "--cert", "name the server by --server https://NAME:PORT", "the control socket knows no certificates");
}

bool link_wants_sign_in(const json_t *answer)
{
	const char *name = json_string_value(json_object_get(answer, "error"));
	for (size_t i = 0; name != NULL && i < ERR_N; i++)
		if (strcmp(err_defs[i].name, name) == 0)
			return err_defs[i].http == 401;
	return false;
}
