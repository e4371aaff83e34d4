/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema - the objects that administrators declare, as rows. KIND, PROP and END in schema/NAME.def give each kind of object its C
 * struct (schema_struct.h), its record in the store, its cmdlets with their parameters, checks and help, the JSON of the
 * management interface, rights, completion and reference pages. Nothing else knows the name of a property.
 *
 *   KIND(name, base, scopes, verbs, writers, of, example, help)
 *   PROP(name, type, default, check, flags, help)
 *   END(name)
 */
#ifndef WITAN_MODEL_SCHEMA_H
#define WITAN_MODEL_SCHEMA_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>

enum schema_base {
	SCHEMA_POLICY,  /* may be granted to users: Global, Site:, Service:, or a name of its own (Tag:) */
	SCHEMA_CONFIG,  /* settings: Global, Site:, Service: */
	SCHEMA_LIST,    /* named things of one global list */
	SCHEMA_CHILD,   /* lives in an instance of the kind `of`: PARENT/NAME */
	SCHEMA_SERVICE, /* a service of the topology: ROLE:POOL */
	SCHEMA_MEMORY,  /* New- makes an object for a property of another kind; never stored by itself */
};

enum schema_type {
	SCHEMA_BOOL,     /* JSON true, false */
	SCHEMA_INT,      /* JSON integer within check "least..most" */
	SCHEMA_TEXT,     /* at most check "..N" bytes of UTF-8 without control characters but tab and line feed */
	SCHEMA_ENUM,     /* one word of check "A|B" */
	SCHEMA_TIMESPAN, /* "d.hh:mm:ss" within check "least..most" */
	SCHEMA_DATE,     /* "2026-01-31T12:00:00Z" */
	SCHEMA_FQDN,
	SCHEMA_DOMAIN, /* a domain, perhaps *.domain */
	SCHEMA_URL,    /* http or https */
	SCHEMA_SIPURI, /* sip:, sips: or tel: */
	SCHEMA_NUMBER, /* a telephone number as people dial it */
	SCHEMA_IP,
	SCHEMA_PATTERN, /* a regular expression */
	SCHEMA_REF,     /* the identity of an instance of kind `check` */
	SCHEMA_LISTED, /* LIST in the rows: JSON array of texts, each of the type in check: "TEXT", "REF:Kind", "ENUM:A|B", "INT:1..9" */
	SCHEMA_OBJECTS, /* JSON array of objects of the memory kind `check` */
	SCHEMA_OBJECT,  /* one such object */
	SCHEMA_SECRET,  /* never shown, never in a log */
	SCHEMA_BYTES,   /* base64 of at most check "..N" bytes */
	SCHEMA_GUID,
	SCHEMA_TYPE_N
};

/* Letters of the columns flags, scopes and verbs. */
enum schema_letter {
	SCHEMA_MANDATORY = 'm', /* New- needs it */
	SCHEMA_NEW_ONLY = 'n',  /* Set- cannot change it */
	SCHEMA_READ_ONLY = 'r', /* shown, never given */
	SCHEMA_FOREIGN = 'x',   /* has a meaning only in another product: kept, never obeyed */
	SCHEMA_NOTE = 'd',      /* for people: there is nothing to obey */
	SCHEMA_OBEYED = 'o',    /* the server obeys it today; without it, and without FOREIGN: a later version will */

	SCHEMA_AT_GLOBAL = 'G',
	SCHEMA_AT_SITE = 'S',
	SCHEMA_AT_SERVICE = 'V',
	SCHEMA_AT_TAG = 'T',

	SCHEMA_VERB_GET = 'g',
	SCHEMA_VERB_NEW = 'n',
	SCHEMA_VERB_SET = 's',
	SCHEMA_VERB_REMOVE = 'r',
	SCHEMA_VERB_GRANT = 'G',
};

static inline bool schema_has(const char *letters, enum schema_letter l)
{
	return strchr(letters, (int)l) != NULL;
}

struct schema_prop {
	const char *name;
	enum schema_type type;
	const char *dflt;  /* as text; "": unset */
	const char *check;
	const char *flags; /* letters */
	const char *help;
};

enum schema_id {
#define KIND(name, base, scopes, verbs, writers, of, example, help) SCHEMA_ID_##name,
#define PROP(name, type, dflt, check, flags, help)
#define END(name)
#include "model/schema_rows.h"
	SCHEMA_N
};

struct schema_kind {
	enum schema_id id;
	const char *name; /* "ConferencingPolicy": Get-CsConferencingPolicy */
	enum schema_base base;
	const char *scopes, *verbs; /* letters */
	const char *writers; /* letters of the built-in roles that may write, besides CsAdministrator (model/rbac.h) */
	const char *of;      /* roles of a service scope, kinds of a parent, or the word of a service's identity */
	const char *example; /* an identity for New- */
	const char *help;    /* "what people may do in ..." */
	const struct schema_prop *props;
	size_t n_props;
	size_t size; /* bytes of the kind's struct */
};

extern const struct schema_kind schema_kinds[SCHEMA_N];

/* By name without regard to case; NULL: there is none. */
const struct schema_kind *schema_find(str name);
/* By name without regard to case; NULL: there is none. */
const struct schema_prop *schema_prop_find(const struct schema_kind *k, str name);
/* The word of the rows for a type: "INT". */
const char *schema_type_word(enum schema_type t);
/* Whether an element of a blank-separated list of words (the column `of`) is `word`, without regard to case. */
bool schema_of_has(const struct schema_kind *k, str word);

/* ---- values ---- */

/* The most bytes of an identity. */
#define SCHEMA_IDENTITY_MAX 300

/*
 * Checks a given value and answers it in the one form that is stored; texts are taken for every type ("true", "12"), and an array
 * with one element for a single value. given NULL or JSON null: unset, *out is NULL. *out is the caller's. MALFORMED: d says why,
 * with the property as place.
 */
err schema_value(const struct schema_prop *p, const json_t *given, json_t **out, struct diag *d);
/* Whether s is a domain name in ASCII letters, digits and hyphens; with `star` it may begin with "*.". */
bool schema_is_domain(str s, bool star);
/* The default as it would be stored; NULL: unset or no memory. */
json_t *schema_default(const struct schema_prop *p);
/* A value that differs from the default and is allowed (for examples and tests); NULL: there is none (a reference). */
json_t *schema_sample(const struct schema_prop *p);
/* What a value of this property may be, in words: "a whole number from 1 to 64". */
void schema_describe(const struct schema_prop *p, char *out, size_t size);

/*
 * Changes a list value by a list modifier {"Add":[...],"Remove":[...],"Replace":[...]} (keys without regard to case), or takes a plain
 * value as replacement. now is the stored value or NULL. EXISTS: Add of what is there; MALFORMED. *out as in schema_value.
 */
err schema_modify(const struct schema_prop *p, const json_t *now, const json_t *given, json_t **out, struct diag *d);

/*
 * An object of a memory kind (or a whole instance, `id` false): known properties only, each checked, mandatory ones there. Names take the
 * letters of their rows. *out is the caller's.
 */
err schema_object(const struct schema_kind *k, const json_t *given, json_t **out, struct diag *d);

/* The order in which properties are shown: Identity, then the rows; unset ones as null, secrets as "***". body: what is stored. */
json_t *schema_show(const struct schema_kind *k, str identity, const json_t *body);

#endif
