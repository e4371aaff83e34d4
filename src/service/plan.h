/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan - what the topology asks for, from the document alone: which certificates each host has, and why each name is in
 * them. Pure: no file, no clock, no network.
 */
#ifndef WITAN_SERVICE_PLAN_H
#define WITAN_SERVICE_PLAN_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/topo.h"

/* ---- certificates ---- */

enum plan_usage { PLAN_DEFAULT, PLAN_USAGE_N };

struct plan_name {
	str name;
	const char *rule; /* why it is there: the id of a rule, for example "G20" */
};

/* One certificate of one host. */
struct plan_certificate {
	enum plan_usage usage;
	str host, pool;
	str cn;
	struct {
		struct plan_name *p;
		size_t n;
	} san; /* in the order they are written; the first is cn */
	enum topo_key_type key;
	bool client_auth; /* beside serverAuth */
	bool exportable;
	bool public_ca;
	str crl_url;
	struct topo_names listeners; /* that present it: "5061/tcp" */
};

struct plan_certificates {
	struct plan_certificate *p;
	size_t n;
};

/* "Default" */
const char *plan_usage_word(enum plan_usage usage);
/* False if there is no such usage; compared without regard to case. */
bool plan_usage_find(str word, enum plan_usage *out);

/* The certificates of all hosts whose roles have rows, in the topology's order. Lives in `a`, borrows from t. REFUSED
 * with d when a name becomes too long; CEILING by the arena. */
err plan_certificates(const struct topo *t, struct arena *a, struct plan_certificates *out, struct diag *d);
/* One of them; ABSENT with d when the host has no such certificate. */
err plan_certificate_host(const struct topo *t, const struct topo_host *host, enum plan_usage usage, struct arena *a,
	struct plan_certificate *out, struct diag *d);

#endif
