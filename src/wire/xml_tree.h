/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml_tree - reads XML documents that others wrote into a tree of an arena: whole, within ceilings, or not at all. Document types,
 * and with them entities of their own, are refused. Names are compared without their namespace where the caller says so: clients are careless
 * about them. Pure.
 */
#ifndef WITAN_WIRE_XML_TREE_H
#define WITAN_WIRE_XML_TREE_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct xml_attribute {
	struct xml_attribute *next; /* in the order of the document */
	str name, ns, prefix, value;
};

/* An element, or (name empty) a text. Children are in the order of the document. */
struct xml_node {
	struct xml_node *parent, *first, *last, *next;
	str name;   /* without prefix */
	str ns;     /* its namespace; empty without */
	str prefix;
	str text;   /* of a text */
	struct xml_attribute *attributes;
	uint32_t line, column; /* where it begins, 1-based */
};

/* Ceilings. Zero fields mean the defaults in brackets. */
struct xml_limits {
	uint32_t bytes;      /* of the document [262144] */
	uint32_t depth;      /* of elements [32] */
	uint32_t nodes;      /* elements and texts [8192] */
	uint32_t attributes; /* of one element, namespaces not counted [32] */
	bool keeps_space;    /* texts of nothing but blanks are nodes, too */
};

struct xml_reader; /* one per process: what reading needs is made once */
err xml_reader_new(struct xml_reader **out);
void xml_reader_free(struct xml_reader *r);

/*
 * Reads one document, as UTF-8 whatever it says of itself. MALFORMED: not well-formed, or with a document type; CEILING: over one of
 * the ceilings, the arena's too; d (NULL allowed) says where and why. Everything in *root lives in the arena, nothing in text.
 */
err xml_tree_read(struct xml_reader *r, str text, const struct xml_limits *limits, struct arena *a, struct xml_node **root, struct diag *d);

/* The first element among the children of n (NULL: none) with this local name, whatever its namespace; empty: any element. NULL. */
const struct xml_node *xml_child(const struct xml_node *n, str name);
/* The next such element after n. */
const struct xml_node *xml_sibling(const struct xml_node *n, str name);
/* From n down along local names: xml_path(n, "a", "b", NULL) is the first b in the first a. NULL when one is not there. */
const struct xml_node *xml_path(const struct xml_node *n, ...) __attribute__((sentinel));
/* The value of an attribute by its local name; p is NULL when it is not there. n may be NULL. */
str xml_attribute(const struct xml_node *n, str name);
/* All text of n and what is in it, trimmed, in the arena; empty when n is NULL. p is NULL past the ceiling. */
str xml_node_text(const struct xml_node *n, struct arena *a);

/* Writes n with everything in it as a fragment that stands by itself: namespaces are declared where they are needed, and texts escaped. */
void xml_node_print(const struct xml_node *n, struct buf *out);

#endif
