/* SPDX-License-Identifier: Apache-2.0 */
/* Cmdlets: the control socket of the running server, and what Get-Help says. */
#ifndef WITAN_PROG_CMDLET_PRIV_H
#define WITAN_PROG_CMDLET_PRIV_H

#include "base/mem.h"
#include "model/cmd.h"
#include "prog/witan/witan_priv.h"

#include <jansson.h>
#include <stdio.h>

enum { EXPLAIN_SHORT, EXPLAIN_DETAILED, EXPLAIN_FULL, EXPLAIN_EXAMPLES };
/* Appends what Get-Help says of a cmdlet. */
void explain(struct buf *out, const struct cmd *c, unsigned what);
/* One parameter of it. ABSENT. */
err explain_parameter(struct buf *out, const struct cmd *c, str name);

/* The control socket of the running server. */
struct control {
	int fd;
	char *in;
	size_t n, size, taken;
};

err control_open(struct control *c, const char *dir, struct diag *d);
void control_close(struct control *c);
/* Sends {"command":name,"parameters":parameters}. */
err control_ask(struct control *c, const char *name, json_t *parameters, struct diag *d);
/* Sends any line. */
err control_send(struct control *c, const json_t *line, struct diag *d);
/* The next line; the caller drops *out. CLOSED at the end. */
err control_read(struct control *c, json_t **out, struct diag *d);
/* An answer as err: OK, or the refusal with its reason in d. */
err control_result(const json_t *answer, struct diag *d);

#endif
