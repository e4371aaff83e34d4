/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of an ACME authority (RFC 8555): what is remembered of an order, and the client (dehydrated) that carries it out. */
#ifndef WITAN_PROG_ACME_PRIV_H
#define WITAN_PROG_ACME_PRIV_H

#include "base/mem.h"
#include "prog/witan/witan_priv.h"
#include "service/certstore.h"

enum { ACME_TEXT = 1024, ACME_NAME = 128, ACME_ANSWER_MAX = 1 << 18 };

/* What an order was made by, and is renewed by: acme/NAME.conf. Secrets are not in it. */
struct acme_conf {
	char usages[CERTSTORE_USAGES]; /* "Default,WebServicesInternal" */
	char ca[ACME_TEXT];            /* URL of the directory */
	char contact[ACME_TEXT];       /* a mail address; empty: none */
	char challenge[16];            /* http-01, dns-01, tls-alpn-01 */
	char hook[ACME_TEXT];          /* whole path; empty: this program's own (http-01) */
	char ca_file[ACME_TEXT];       /* whole path; empty: the system's authorities */
	char friendly[ACME_NAME];      /* of the order under way: its request, then its certificate until that is in use; empty: none */
};

/* The name of its file without ".conf", by usages: "Default+WebServicesInternal". CEILING. */
err acme_conf_name(const char *usages, char out[ACME_NAME], struct diag *d);
/* dir: of acme/. ABSENT, MALFORMED with d. */
err acme_conf_read(int dir, const char *name, struct acme_conf *out, struct diag *d);
err acme_conf_write(int dir, const struct acme_conf *c, struct diag *d);
/* Whether it may be handed to the client: an https URL, whole paths that are there, a challenge that there is. USAGE with d. */
err acme_conf_check(const struct acme_conf *c, struct diag *d);

/* One run of the client. */
struct acme_run {
	const struct acme_conf *conf;
	const char *deployment; /* whole path */
	int dir;                /* of acme/ */
	const char *eab_kid, *eab_hmac; /* NULL: none; for the first registration at the authority */
	str request;            /* PEM */
};

/* The client's path. ABSENT with d: it is not installed. */
err acme_client_find(const char **out, struct diag *d);
/* Opens acme/ of a deployment, makes it where it is not there, and waits for its lock, which is held as long as *out is open, also by the client.
 * BUSY, REFUSED with d. */
err acme_open(int deployment, int *out, int *lock, struct diag *d);
/* Has the request signed; appends the chain, leaf first. What went wrong is told in d, with the client's last lines on standard error. */
err acme_client_run(const struct acme_run *r, int lock, struct buf *chain, struct diag *d);

#endif
