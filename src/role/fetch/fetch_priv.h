/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_FETCH_PRIV_H
#define WITAN_ROLE_FETCH_PRIV_H

#include "base/list.h"
#include "os/dns.h"
#include "os/net.h"
#include "role/fetch.h"
#include "wire/http.h"

enum {
	JOBS_MAX = 8,          /* at once */
	HOPS_MAX = 3,          /* redirects that are followed */
	ADDRESSES_MAX = 8,     /* of a name, tried one after another */
	OWN_MAX = 256,         /* addresses of the topology */
	SILENCE_MS = 10000,    /* without a byte, or until a connection stands */
	WHOLE_MS = 60000,      /* for everything, redirects included */
	BYTES_MAX = (1 << 20) - 4096, /* of a file; with the message around it, it fits a channel */
};

/* ---- address.c ---- */

/* Why nothing is fetched from this address: it is of this machine or its own link, or of nobody. NULL: it may be dialled. What is among own
 * (IP addresses alone) may be. */
const char *address_refusal(const struct addr *a, const struct addr *own, size_t n_own);
/* "192.0.2.1,2001:db8::1"; what is no address is left out, as is what is beyond `most`. Answers how many. */
size_t address_list(str text, struct addr *out, size_t most);

/* ---- job.c: one file ---- */

struct fetch;
struct link;

struct job {
	struct list node;
	struct fetch *f;
	uint32_t id;
	char url[HTTP_URL_MAX + 1]; /* where it is now, redirects followed */
	struct http_url at;         /* of url */
	unsigned hops;
	struct dns_query query;
	enum dns_type asks;
	struct addr addresses[ADDRESSES_MAX];
	size_t n, next;
	struct link *link; /* NULL: not connected at the moment */
	struct buf out, in, body;
	struct http_response response;
	struct diag why; /* what the last address came to */
	struct timer silence, whole;
};

struct ipc_fetch;
/* Begins it; vault is told what came of it in a later turn. */
err job_start(struct fetch *f, const struct ipc_fetch *m);
/* Nobody is told any more. */
void job_drop(struct job *j);

/* ---- fetch.c ---- */

struct fetch {
	struct skel *skel;
	struct dns *dns;
	struct ipc *vault; /* NULL: no channel */
	struct list jobs;
	unsigned n_jobs;
	struct addr own[OWN_MAX];
	size_t n_own;
};

/* What came of a job; the job is dropped. why NULL: its body is the file. */
void fetch_tell(struct job *j, const struct diag *why);

#endif
