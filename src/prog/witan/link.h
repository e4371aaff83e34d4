/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link - a server that can be asked: over the control socket of a deployment on this machine, or over HTTPS from anywhere. Both
 * carry the same lines (role/vault.h); who asks need not know which it is.
 */
#ifndef WITAN_PROG_LINK_H
#define WITAN_PROG_LINK_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

enum { LINK_SESSION = 128, LINK_NAME = 4096 };

struct link;

/* Files by which somebody proves who he is. */
struct link_certificate {
	const char *file;   /* PEM or PKCS #12 */
	const char *key;    /* PEM; NULL: in the same file */
	const char *secret; /* that opens them; empty: none */
};

struct link_kind {
	err (*send)(struct link *l, const char *command, json_t *parameters, json_t *input, struct diag *d);
	err (*receive)(struct link *l, json_t **answer, struct diag *d);
	/* NULL: there is no way to. */
	err (*present)(struct link *l, const struct link_certificate *c, struct diag *d);
	void (*close)(struct link *l);
};

struct link {
	const struct link_kind *kind;
	char name[LINK_NAME];           /* what sessions are remembered by: the URL, or the deployment's directory */
	char session[LINK_SESSION + 1]; /* presented with every command; empty: none (root and owner need none locally) */
};

/* Over DIR/run/control.sock. The caller closes *out. */
err link_open_local(const char *dir, struct link **out, struct diag *d);
/* The line that a command is; NULL without memory. session empty: none. */
json_t *link_line(const char *command, json_t *parameters, json_t *input, const char *session);

/* One command; parameters and input (NULL allowed) stay the caller's. Several may be sent before the first answer is received. */
static inline err link_send(struct link *l, const char *command, json_t *parameters, json_t *input, struct diag *d)
{
	return l->kind->send(l, command, parameters, input, d);
}

/* The next answer, in the order of the commands; the caller drops it. CLOSED: there is none to come. */
static inline err link_receive(struct link *l, json_t **answer, struct diag *d)
{
	return l->kind->receive(l, answer, d);
}

/* From now on the certificate is shown to the server. USAGE: not over this link. */
err link_present(struct link *l, const struct link_certificate *c, struct diag *d);

static inline void link_close(struct link *l)
{
	if (l != NULL)
		l->kind->close(l);
}

/* Does the answer say that a session is needed, or that the one presented is over? */
bool link_wants_sign_in(const json_t *answer);

#endif
