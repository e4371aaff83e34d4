/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check - judges the certificates that an administrator has, and the listeners that present them, against what the topology asks
 * for. Pure: who calls it reads files, dials, fetches revocation lists and knows the time. The rules are rows of check/check_rule.def.
 */
#ifndef WITAN_SERVICE_CHECK_H
#define WITAN_SERVICE_CHECK_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/topo.h"
#include "service/cert.h"
#include "service/plan.h"

/* ---- what was seen ---- */

#define CHECK_SEEN_MAX 8192 /* places in one run */

/* What a listener answered to questions about its TLS. */
struct check_probe {
	uint16_t versions[8]; /* that it takes, as wire/hello numbers them */
	size_t versions_n;
	struct {
		uint16_t *p;
		size_t n;
	} suites;       /* that it takes */
	int64_t clock;  /* of the host, by its own word; 0: it said none */
	enum { CHECK_UNTRIED, CHECK_RESUMES, CHECK_ANEW } resumption; /* whether a session goes on at the same place */
	struct {
		struct check_resumption {
			str place; /* another member of the pool */
			bool resumed;
		} *p;
		size_t n;
	} elsewhere;
};

/* Certificates at one place. */
struct check_seen {
	str place;                 /* "certs/edge.pem", "edge01.internal.ad:443" */
	str host, usage;           /* who it is said to be for; empty: found by its names */
	struct topo_names chain;   /* in DER, at most CERT_ANSWER_CERTS, leaf first */
	bool is_ordered;           /* the chain is as a peer gets it; otherwise it is a heap of certificates */
	str failure;               /* why there is none; empty: there is */
	bool has_key, is_key_open; /* a private key lies beside it, which others than its owner may read */
	uint8_t key[32];           /* its cert_spki_hash */
	str key_place;
	const struct check_probe *probe; /* NULL: no listener */
};

/* One revocation list. */
struct check_list {
	str place;  /* its address */
	str der;    /* empty: there was no answer */
	str reason; /* why not */
	bool is_closed; /* it was not asked for: the plan lets who looked not go there */
};

/* What was seen that is no certificate. Who looked knows that it is so; the rows of check/check_fact.def say how bad it is. */
enum check_fact_kind {
#define FACT(name, ...) CHECK_FACT_##name,
#include "service/check/check_fact.def"
#undef FACT
	CHECK_FACT_N
};

struct check_fact {
	enum check_fact_kind kind;
	str place, what;
};

struct check_evidence {
	struct {
		struct check_seen *p;
		size_t n;
	} seen;
	struct {
		struct check_list *p;
		size_t n;
	} lists;
	struct {
		struct check_fact *p;
		size_t n;
	} facts;
	bool has_lists; /* they were asked for: an address without a list is one that did not answer */
	bool is_whole;  /* everything that is planned was to be there */
	bool is_inside; /* who looked has no business in the Internet: that a list there did not answer says nothing */
};

struct check_policy {
	int64_t now; /* seconds since 1970 */
	bool is_strict;
	struct topo_names internal_roots, public_roots; /* in DER; empty: not known */
	bool has_phones;         /* desk phones sign in */
	struct topo_names phone_roots; /* thumbprints of TrustedCACerts, 40 hexadecimal digits */
};

/* ---- what was found ---- */

enum check_severity { CHECK_ERROR, CHECK_WARNING, CHECK_INFORMATION, CHECK_SEVERITY_N };

struct check_rule {
	const char *id;    /* "E-first" */
	const char *group; /* of the analyser: "CERT-06" */
	enum check_severity severity, strict;
	const char *sentence, *remedy;
};

/* All rules in their order; NULL after the last. */
const struct check_rule *check_rule_at(size_t i);
/* "error" */
const char *check_severity_word(enum check_severity severity);

struct check_finding {
	const struct check_rule *rule;
	enum check_severity severity;
	str place, what; /* foreign bytes may stand in both */
	size_t seen;     /* which one it is about; SIZE_MAX: none */
};

/* A name of a certificate, and why it is there: the id of a rule of the plan, "" if there is no reason. */
struct check_name {
	str name;
	const char *rule;
};

/* "AccessEdgeExternal, DataEdgeExternal" */
void check_print_usages(const struct plan_certificate *p, struct buf *out);

/* What one of the places was taken for. */
struct check_match {
	const struct check_seen *seen;
	bool has_leaf;
	struct cert_view leaf;
	struct {
		const struct plan_certificate **p;
		size_t n;
	} plans; /* empty: for nothing that is planned */
	bool is_guess; /* by its names, and not by what the caller said */
	struct {
		struct check_name *p;
		size_t n;
	} names;
	size_t counts[CHECK_SEVERITY_N];
};

struct check_result {
	struct {
		struct check_match *p;
		size_t n;
	} matches; /* one for each place, in their order */
	struct {
		struct check_finding *p;
		size_t n;
	} findings; /* by severity, then by place */
	struct {
		const struct plan_certificate **p;
		size_t n;
	} unseen; /* planned, and nowhere among the places */
	size_t counts[CHECK_SEVERITY_N];
};

/* All of out lives in `a` and borrows from the rest. CEILING. Bytes that are no certificate are a finding, not an error. */
err check_run(const struct topo *t, const struct plan_certificates *plans, const struct check_evidence *evidence,
	const struct check_policy *policy, struct arena *a, struct check_result *out);

#endif
