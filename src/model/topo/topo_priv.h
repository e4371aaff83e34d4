/* SPDX-License-Identifier: Apache-2.0 */
/* The rooms of model/topo: YAML -> nodes (topo_yaml) -> structs (topo_decode, by the rows of topo_key) -> rules
 * (topo_check). */
#ifndef WITAN_MODEL_TOPO_PRIV_H
#define WITAN_MODEL_TOPO_PRIV_H

#include "model/topo.h"

/* ---- nodes ---- */

enum topo_node_kind { TOPO_SCALAR, TOPO_SEQUENCE, TOPO_MAPPING };

struct topo_node {
	enum topo_node_kind kind;
	bool plain;            /* a scalar without quotes */
	str text;              /* of a scalar */
	struct topo_node *key; /* of an entry of a mapping; always a scalar */
	struct topo_node *next, *first;
	uint32_t n; /* children */
	struct topo_at at;
};

/* What one reading shares. */
struct topo_reader {
	struct arena *arena;
	const char *file;
	struct diag *diag;
	struct topo *topo;
	struct topo_use *uses, **uses_end; /* every name in the document, in its order */
	struct topo_warning *warnings, **warnings_end;
	unsigned n_nodes;
};

err topo_yaml_read(struct topo_reader *r, str text, struct topo_node **out);

/* Fills the reader's diag with a place in the document and answers e. */
err topo_refuse(struct topo_reader *r, err e, struct topo_at at, const char *remedy, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* Keeps a warning for topo->warnings. */
err topo_warn(struct topo_reader *r, struct topo_at at, str name, const char *remedy, const char *what);

/* ---- rows ---- */

/* TEXT and so on: how a value is written, and what its member is. */
enum topo_kind {
	TOPO_KIND_TEXT,    /* str: printable text */
	TOPO_KIND_URL,     /* str: http://... */
	TOPO_KIND_ADDRESS, /* str: IPv4 or IPv6 */
	TOPO_KIND_LABEL,   /* str: one label of a DNS name */
	TOPO_KIND_DOMAIN,  /* str: a DNS name */
	TOPO_KIND_NAME,    /* str: a DNS name; a warning if it has no domain */
	TOPO_KIND_DOMAINS, /* struct topo_names */
	TOPO_KIND_NAMES,   /* struct topo_names */
	TOPO_KIND_WORD,    /* uint32_t: index into words */
	TOPO_KIND_SET,     /* uint32_t: bits, of words by index */
	TOPO_KIND_BOOL,    /* bool */
	TOPO_KIND_PORT,    /* uint32_t: 1 to 65535 */
	TOPO_KIND_COUNT,   /* uint32_t: least to most */
	TOPO_KIND_MAP,     /* the struct of section `of` */
	TOPO_KIND_LIST,    /* struct topo_items of structs of section `of` */
	TOPO_KIND_N
};

/* The layout of every { struct topo_X *p; size_t n; }. */
struct topo_items {
	void *p;
	size_t n;
};

enum topo_section_id {
#define SECTION(name, what) SECTION_##name,
#define KEY(...)
#define SECTION_END
#include "model/topo/topo_key.def"
#undef SECTION
#undef KEY
#undef SECTION_END
	TOPO_SECTION_N
};

struct topo_key {
	const char *name;
	enum topo_kind kind;
	size_t offset;
	const char *help;
	const char *text;         /* default of a text */
	const char *const *words; /* ends with NULL */
	enum topo_section_id of;
	uint32_t standard, least, most; /* most 0: no bound */
	uint32_t roles;                 /* set of 1 << enum topo_role; 0: all */
	bool must, common;
};

struct topo_section {
	const char *what;
	size_t size; /* of the struct */
	const struct topo_key *keys;
	size_t n_keys;
};

extern const struct topo_section topo_sections[TOPO_SECTION_N];

/* Sets every member of a section's struct to its default. */
void topo_section_init(enum topo_section_id id, void *object, struct topo_at at);
err topo_decode(struct topo_reader *r, const struct topo_node *root, struct topo *t);

/* A name as it stands in the document: what rules about all names walk. */
struct topo_use {
	struct topo_use *next;
	str name;
	const struct topo_key *key;
	enum topo_section_id section;
	struct topo_at at;
};

/* Where the document says a name; name.p as the structs hold it. */
struct topo_at topo_use_at(const struct topo_reader *r, str name);

/* ---- rules ---- */

err topo_check(struct topo_reader *r);
/* Sites, hosts and pools that must not share a name, and names that the plan gives to something else (topo_check_name.c). */
err topo_check_names(struct topo_reader *r);
bool topo_has_domain(const struct topo *t, str name);

#endif
