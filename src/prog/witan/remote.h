/* SPDX-License-Identifier: Apache-2.0 */
/* remote - a server's management interface over HTTPS (role/web.h) as a link. Certificate and name are verified always. */
#ifndef WITAN_PROG_REMOTE_H
#define WITAN_PROG_REMOTE_H

#include "prog/witan/link.h"

struct remote_options {
	const char *ca;  /* a file of trusted authorities; NULL: that of dir, else the system's */
	const char *dir; /* a deployment whose ca.pem is trusted when it is there; NULL: none */
	const char *cert; /* the certificate's file: its sessions are remembered apart from others. NULL: none */
};

/* url: "https://uc.example.test:4443". Connects with the first command. USAGE, ABSENT (no such CA file). The caller closes *out. */
err remote_open(const char *url, const struct remote_options *o, struct link **out, struct diag *d);

/* Whether a file is PEM (else it is taken for PKCS #12), and whether it takes a password to open it; both may be NULL. ABSENT, REFUSED. */
err remote_look_at(const char *file, bool *is_pem, bool *is_sealed, struct diag *d);

#endif
