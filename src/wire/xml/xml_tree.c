/* SPDX-License-Identifier: Apache-2.0 */
/* Reading by expat. */
#include "wire/xml_tree.h"

#include <expat.h>
#include <stdlib.h>

#define SEPARATOR '\n' /* between namespace, name and prefix; none of them can hold it */
#define BYTES      262144
#define DEPTH      32
#define NODES      8192
#define ATTRIBUTES 32
#define TOKEN_MAX  65536 /* bytes of a text that comes in pieces and is put together */

struct xml_reader {
	XML_Parser parser;
	struct xml_limits limits;
	struct arena *arena;
	struct xml_node *root, *at; /* the open element */
	struct buf text;            /* of the open element, not yet a node */
	uint32_t line, column;      /* where that text began */
	uint32_t depth, nodes;
	err failure;
	const char *why;
};

static void fail(struct xml_reader *r, err e, const char *why)
{
	if (!failed(r->failure)) {
		r->failure = e;
		r->why = why;
	}
	(void)XML_StopParser(r->parser, XML_FALSE);
}

/* "namespace\nname\nprefix", "namespace\nname" or "name" */
static bool split_name(struct arena *a, const char *z, str *ns, str *name, str *prefix)
{
	str all = arena_copy(a, str_of(z)), rest = { 0 };
	if (all.p == NULL)
		return false;
	*ns = *prefix = STR("");
	str first = str_split(all, SEPARATOR, &rest);
	*name = first;
	if (rest.n == 0)
		return true;
	*ns = first;
	*name = str_split(rest, SEPARATOR, prefix);
	return true;
}

static struct xml_node *add_node(struct xml_reader *r)
{
	struct xml_node *n = r->nodes < r->limits.nodes ? arena_zalloc(r->arena, sizeof *n) : NULL;
	if (n == NULL) {
		fail(r, ERR(CEILING), "too many elements");
		return NULL;
	}
	r->nodes++;
	n->line = (uint32_t)XML_GetCurrentLineNumber(r->parser);
	n->column = (uint32_t)XML_GetCurrentColumnNumber(r->parser) + 1;
	n->parent = r->at;
	if (r->at == NULL)
		r->root = n;
	else if (r->at->last == NULL)
		r->at->first = n;
	else
		r->at->last->next = n;
	if (r->at != NULL)
		r->at->last = n;
	return n;
}

/* What was said since the last tag becomes a node; space between elements does not count, unless it is asked for. */
static void end_text(struct xml_reader *r)
{
	str text = buf_str(&r->text);
	if (r->text.failed)
		fail(r, ERR(CEILING), "a text is too long");
	else if (r->at != NULL && text.n != 0 && (r->limits.keeps_space || str_trim(text).n != 0)) {
		struct xml_node *n = add_node(r);
		text = arena_copy(r->arena, text);
		if (n != NULL && text.p != NULL) {
			n->text = text;
			n->line = r->line;
			n->column = r->column;
		} else {
			fail(r, ERR(CEILING), "the texts are too long");
		}
	}
	buf_reset(&r->text);
}

static bool add_attribute(struct xml_reader *r, struct xml_attribute **at, const char *name, const char *value)
{
	struct xml_attribute *one = arena_zalloc(r->arena, sizeof *one);
	if (one == NULL || !split_name(r->arena, name, &one->ns, &one->name, &one->prefix))
		return false;
	one->value = arena_copy(r->arena, str_of(value));
	*at = one;
	return one->value.p != NULL;
}

static void on_open(void *arg, const char *name, const char **attributes)
{
	struct xml_reader *r = arg;
	end_text(r);
	struct xml_node *n = failed(r->failure) ? NULL : add_node(r);
	if (n == NULL)
		return;
	if (++r->depth > r->limits.depth)
		fail(r, ERR(CEILING), "elements are nested too deeply");
	if (!split_name(r->arena, name, &n->ns, &n->name, &n->prefix))
		fail(r, ERR(CEILING), "the names are too long");
	struct xml_attribute **at = &n->attributes;
	for (uint32_t i = 0; attributes[2 * i] != NULL && !failed(r->failure); i++, at = &(*at)->next)
		if (i == r->limits.attributes || !add_attribute(r, at, attributes[2 * i], attributes[2 * i + 1])) {
			fail(r, ERR(CEILING), "an element has too many attributes");
			return;
		}
	r->at = n;
}

static void on_close(void *arg, const char *name)
{
	struct xml_reader *r = arg;
	(void)name;
	end_text(r);
	if (r->at != NULL)
		r->at = r->at->parent;
	r->depth--;
}

static void on_text(void *arg, const char *p, int n)
{
	struct xml_reader *r = arg;
	if (r->text.n == 0) {
		r->line = (uint32_t)XML_GetCurrentLineNumber(r->parser);
		r->column = (uint32_t)XML_GetCurrentColumnNumber(r->parser) + 1;
	}
	buf_add(&r->text, (str){ p, (size_t)n });
}

/* Nobody who speaks to us needs one, and entities are how documents explode. */
static void on_doctype(void *arg, const char *name, const char *system, const char *public, int has_subset)
{
	(void)name;
	(void)system;
	(void)public;
	(void)has_subset;
	fail(arg, ERR(MALFORMED), "a document type is not taken");
}

err xml_reader_new(struct xml_reader **out)
{
	struct xml_reader *r = calloc(1, sizeof *r);
	ENSURE(r != NULL, NO_MEMORY);
	r->parser = XML_ParserCreateNS(NULL, SEPARATOR);
	if (r->parser == NULL) {
		free(r);
		return ERR(NO_MEMORY);
	}
	buf_init(&r->text, TOKEN_MAX);
	*out = r;
	return OK;
}

void xml_reader_free(struct xml_reader *r)
{
	if (r == NULL)
		return;
	XML_ParserFree(r->parser);
	buf_fini(&r->text);
	free(r);
}

static void begin(struct xml_reader *r, const struct xml_limits *limits, struct arena *a)
{
	static const struct xml_limits none;
	const struct xml_limits *l = limits != NULL ? limits : &none;
	r->limits = (struct xml_limits){ l->bytes != 0 ? l->bytes : BYTES, l->depth != 0 ? l->depth : DEPTH, l->nodes != 0 ? l->nodes : NODES,
		l->attributes != 0 ? l->attributes : ATTRIBUTES, l->keeps_space };
	r->arena = a;
	r->root = r->at = NULL;
	r->depth = r->nodes = 0;
	r->failure = OK;
	buf_reset(&r->text);
	r->text.failed = false;
	(void)XML_ParserReset(r->parser, "UTF-8");
	XML_SetReturnNSTriplet(r->parser, 1);
	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, on_open, on_close);
	XML_SetCharacterDataHandler(r->parser, on_text);
	XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
}

err xml_tree_read(struct xml_reader *r, str text, const struct xml_limits *limits, struct arena *a, struct xml_node **root, struct diag *d)
{
	begin(r, limits, a);
	if (text.n > r->limits.bytes)
		return diag_fail(d, ERR(CEILING), "XML", "send a smaller document", "the document is over %u bytes", r->limits.bytes);
	enum XML_Status status = XML_Parse(r->parser, text.n != 0 ? text.p : "", (int)text.n, 1);
	if (!failed(r->failure) && status == XML_STATUS_OK) {
		*root = r->root;
		return OK;
	}
	const char *why = failed(r->failure) ? r->why : XML_ErrorString(XML_GetErrorCode(r->parser));
	err e = diag_fail(d, failed(r->failure) ? r->failure : ERR(MALFORMED), "XML", "see XML 1.0", "line %lu: %s",
		(unsigned long)XML_GetCurrentLineNumber(r->parser), why);
	if (d != NULL) {
		d->line = (uint32_t)XML_GetCurrentLineNumber(r->parser);
		d->column = (uint32_t)XML_GetCurrentColumnNumber(r->parser) + 1;
	}
	return e;
}
