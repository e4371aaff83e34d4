/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_CHECK_PRIV_H
#define WITAN_SERVICE_CHECK_PRIV_H

#include "service/check.h"

#define DAY            86400
#define FINDINGS_MAX   65536
#define NAME_TEXT_MOST 100 /* characters of a foreign name that are repeated */

/* What a certificate is to do, as far as the rules tell them apart; a set. */
enum check_part {
	PART_EDGE = 1 << 0,          /* the Edge's outside */
	PART_EDGE_INTERNAL = 1 << 1, /* its inside, whose SAN nobody reads */
	PART_PROXY = 1 << 2,
	PART_DEFAULT = 1 << 3,
	PART_WEB = 1 << 4,
	PART_OAUTH = 1 << 5, /* signs tokens; nobody dials it */
	PART_OTHER = 1 << 6, /* gateways, Office Web Apps */
	PART_ALL = (1 << 7) - 1,
};

/* A certificate and what was read of it. */
struct link {
	str der;
	struct cert_view view;
};

enum walk_end {
	WALK_NOWHERE, /* the issuer of the last one is not at hand */
	WALK_SELF,    /* a root that nobody said to trust */
	WALK_INTERNAL,
	WALK_PUBLIC,
	WALK_FORGED, /* who is named as issuer has not signed it */
};

#define WALK_MOST 10

/* The way from the leaf to its root. */
struct walk {
	const struct link *p[WALK_MOST];
	size_t n;
	enum walk_end end;
};

struct subject {
	const struct check_seen *seen;
	size_t index;
	struct check_match *match;
	struct {
		struct link *p;
		size_t n;
	} chain; /* what could be read; the first is the leaf */
	bool is_readable;
	struct walk walk;
	uint32_t parts;
	bool is_public;
};

struct links {
	struct link *p;
	size_t n;
};

struct check {
	const struct topo *topo;
	const struct plan_certificates *plans;
	const struct check_evidence *evidence;
	const struct check_policy *policy;
	struct arena *arena;
	struct check_result *out;
	struct {
		struct subject *p;
		size_t n;
	} subjects;
	struct links internal, public; /* roots */
	const struct check_row *row;   /* the rule at hand */
	size_t findings_room;
	bool is_full; /* no memory for another finding */
};

enum check_scope {
	SCOPE_SEEN, /* each place */
	SCOPE_LEAF, /* each place with a certificate */
	SCOPE_PLAN, /* the same, with each plan that it fits */
	SCOPE_ALL,  /* everything at once */
};

typedef void check_fn(struct check *c, struct subject *s, const struct plan_certificate *p);

struct check_row {
	struct check_rule rule;
	enum check_scope scope;
	uint32_t parts; /* of subjects that the rule is for */
	check_fn *fn;
	const char *of; /* a word for fn */
};

/* A finding by the rule at hand; s NULL: about no place in particular. */
void check_say(struct check *c, const struct subject *s, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* For a message: at most NAME_TEXT_MOST bytes of it. */
#define CHECK_TEXT(s) (int)((s).n < NAME_TEXT_MOST ? (s).n : NAME_TEXT_MOST), (s).p

/* ---- plans ---- */

uint32_t check_parts(const struct plan_certificate *p);
bool check_has_usage(const struct plan_certificate *p, str word);
/* Office Web Apps, whose names clients dial and no server compares. */
bool check_is_farm(const struct plan_certificate *p);
/* Certificates of authorities may lie in a directory; nobody presents them, and they name no hosts. */
bool check_is_authority(const struct subject *s);
/* Fills the plans of the match: by what is said of the place, or by the names. CEILING. */
err check_match(struct check *c, struct subject *s);

/* ---- names ---- */

/* As DNS compares, without a dot at the end. */
bool check_name_eq(str a, str b);
bool check_is_wildcard(str name);
/* Whether a name of a certificate holds for a host: itself, or a wildcard for one label (RFC 6125 6.4.3). */
bool check_covers(str name, str host);
bool check_is_below(str name, str domain);
bool check_has_name(const struct topo_names *list, str name);
/* The rule by which the plans of s, or of another usage of its hosts, ask for it; NULL: nobody does. */
const char *check_why(struct check *c, const struct subject *s, str name);

/* ---- the chain ---- */

/* All certificates that can be read. CEILING. */
err check_links(const struct topo_names *ders, struct arena *a, struct links *out);
void check_walk(struct check *c, struct subject *s);
bool check_is_signed(const struct link *what, const struct link *by);

#define RULE(id, group, severity, strict, scope, parts, fn, of, sentence, remedy) check_fn fn;
#include "service/check/check_rule.def"
#undef RULE

#endif
