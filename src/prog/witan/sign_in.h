/* SPDX-License-Identifier: Apache-2.0 */
/* sign_in - who commands a server from elsewhere, and the session that spares him his password for the next command. */
#ifndef WITAN_PROG_SIGN_IN_H
#define WITAN_PROG_SIGN_IN_H

#include "prog/witan/link.h"

struct sign_in {
	const char *user;          /* NULL: $WITAN_USER, else asked */
	const char *password_file; /* "-": standard input; NULL: asked. Of the user, or of the file in cert */
	const char *cert;          /* a file with the certificate to sign in with; NULL: the password counts */
	const char *key;           /* NULL: it is in the same file */
	bool must_keep;            /* a session that cannot be kept for the next command is of no use */
};

/* A line that nobody else is to see: of the file ("-": standard input), or NULL: asked on the terminal without being shown. */
#define SIGN_IN_SECRET 1024
err sign_in_secret(const char *file, const char *prompt, char out[SIGN_IN_SECRET], struct diag *d);

/* Asks what is not given (on a terminal only), presents it, keeps the session in l and on the disk. */
err sign_in(struct link *l, const struct sign_in *s, struct diag *d);
/* Ends the session at the server and forgets it here. */
err sign_out(struct link *l, struct diag *d);

/* ---- sessions on the disk: $XDG_RUNTIME_DIR/witan or ~/.config/witan, readable by their owner alone ---- */

/* Into l->session. ABSENT: none is kept for this server. */
err session_recall(struct link *l, struct diag *d);
err session_keep(const struct link *l, struct diag *d);
void session_forget(const struct link *l);

#endif
