/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML into nodes, by libyaml's events. Only what a topology needs: one document of plain mappings, sequences and
 * scalars. Aliases, tags and keys that are not scalars are refused; size, depth and number of nodes are bounded.
 */
#include "model/topo/topo_priv.h"

#include <yaml.h>

#define DEPTH_MAX 12
#define NODES_MAX 100000u
#define KEYS_MAX  64u /* of one mapping; no section has so many */

struct yaml {
	struct topo_reader *r;
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
};

static struct topo_at at_of(yaml_mark_t mark)
{
	return (struct topo_at){ (uint32_t)mark.line + 1, (uint32_t)mark.column + 1 };
}

static void drop_event(struct yaml *y)
{
	if (y->has_event)
		yaml_event_delete(&y->event);
	y->has_event = false;
}

static err next_event(struct yaml *y)
{
	drop_event(y);
	if (yaml_parser_parse(&y->parser, &y->event)) {
		y->has_event = true;
		return OK;
	}
	if (y->parser.error == YAML_MEMORY_ERROR)
		return ERR(NO_MEMORY);
	bool read = y->parser.error == YAML_READER_ERROR;
	struct topo_at at = read ? (struct topo_at){ 0, 0 } : at_of(y->parser.problem_mark);
	return topo_refuse(y->r, ERR(MALFORMED), at,
		read ? "write the document in UTF-8" : "check indentation, quotes and brackets", "not YAML: %s",
		y->parser.problem != NULL ? y->parser.problem : "unreadable");
}

static err node_new(struct yaml *y, enum topo_node_kind kind, struct topo_node **out)
{
	struct topo_at at = at_of(y->event.start_mark);
	if (++y->r->n_nodes > NODES_MAX)
		return topo_refuse(y->r, ERR(CEILING), at, "split the deployment", "more than %u values", NODES_MAX);
	struct topo_node *n = arena_zalloc(y->r->arena, sizeof *n);
	if (n == NULL)
		return topo_refuse(
			y->r, ERR(CEILING), at, "split the deployment", "the document takes too much memory");
	n->kind = kind;
	n->at = at;
	*out = n;
	return OK;
}

static err no_extras(struct yaml *y, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct topo_at at = at_of(y->event.start_mark);
	if (anchor != NULL)
		return topo_refuse(y->r, ERR(MALFORMED), at, "remove it and write values out", "anchor &%.60s",
			(const char *)anchor);
	if (tag != NULL)
		return topo_refuse(y->r, ERR(MALFORMED), at, "remove it", "tag %.60s", (const char *)tag);
	return OK;
}

static err read_scalar(struct yaml *y, struct topo_node **out)
{
	const yaml_event_t *e = &y->event;
	TRY(no_extras(y, e->data.scalar.anchor, e->data.scalar.tag));
	TRY(node_new(y, TOPO_SCALAR, out));
	(*out)->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	(*out)->text = arena_copy(y->r->arena, (str){ (const char *)e->data.scalar.value, e->data.scalar.length });
	ENSURE((*out)->text.p != NULL, CEILING);
	return OK;
}

static err read_node(struct yaml *y, unsigned depth, struct topo_node **out);

static err read_key(struct yaml *y, struct topo_node *map, struct topo_node **out)
{
	if (y->event.type != YAML_SCALAR_EVENT)
		return topo_refuse(
			y->r, ERR(MALFORMED), at_of(y->event.start_mark), "write `key: value`", "a key must be a word");
	if (map->n >= KEYS_MAX)
		return topo_refuse(y->r, ERR(CEILING), map->at, "no part of a topology has so many",
			"more than %u keys", KEYS_MAX);
	TRY(read_scalar(y, out));
	for (struct topo_node *n = map->first; n != NULL; n = n->next)
		if (str_eq(n->key->text, (*out)->text))
			return topo_refuse(y->r, ERR(MALFORMED), (*out)->at, "keep one of the two",
				"the key \"%.*s\" stands here a second time (first in line %u)",
				STR_FMT(str_cut(n->key->text, 0, 60)), n->key->at.line);
	return next_event(y);
}

static err read_children(struct yaml *y, unsigned depth, struct topo_node *parent, yaml_event_type_t end)
{
	if (depth >= DEPTH_MAX)
		return topo_refuse(y->r, ERR(CEILING), parent->at, "no topology needs that",
			"nested deeper than %d levels", DEPTH_MAX);
	struct topo_node **link = &parent->first;
	for (;;) {
		TRY(next_event(y));
		if (y->event.type == end)
			return OK;
		struct topo_node *key = NULL, *child;
		if (parent->kind == TOPO_MAPPING)
			TRY(read_key(y, parent, &key));
		TRY(read_node(y, depth + 1, &child));
		child->key = key;
		*link = child;
		link = &child->next;
		parent->n++;
	}
}

static err read_node(struct yaml *y, unsigned depth, struct topo_node **out)
{
	switch (y->event.type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(y, out);
	case YAML_SEQUENCE_START_EVENT:
		TRY(no_extras(y, y->event.data.sequence_start.anchor, y->event.data.sequence_start.tag));
		TRY(node_new(y, TOPO_SEQUENCE, out));
		return read_children(y, depth, *out, YAML_SEQUENCE_END_EVENT);
	case YAML_MAPPING_START_EVENT:
		TRY(no_extras(y, y->event.data.mapping_start.anchor, y->event.data.mapping_start.tag));
		TRY(node_new(y, TOPO_MAPPING, out));
		return read_children(y, depth, *out, YAML_MAPPING_END_EVENT);
	case YAML_ALIAS_EVENT:
		return topo_refuse(y->r, ERR(MALFORMED), at_of(y->event.start_mark), "write the value out",
			"alias *%.60s", (const char *)y->event.data.alias.anchor);
	default:
		return topo_refuse(
			y->r, ERR(MALFORMED), at_of(y->event.start_mark), "write a value", "a value is missing");
	}
}

static err read_document(struct yaml *y, struct topo_node **out)
{
	TRY(next_event(y)); /* the stream begins */
	TRY(next_event(y));
	if (y->event.type != YAML_DOCUMENT_START_EVENT)
		return topo_refuse(y->r, ERR(MALFORMED), (struct topo_at){ 0, 0 },
			"see topology.yaml(5) for the four lines that a single server needs", "the document is empty");
	TRY(next_event(y));
	TRY(read_node(y, 0, out));
	TRY(next_event(y)); /* the document ends */
	TRY(next_event(y));
	if (y->event.type != YAML_STREAM_END_EVENT)
		return topo_refuse(y->r, ERR(MALFORMED), at_of(y->event.start_mark), "keep one", "a second document");
	return OK;
}

err topo_yaml_read(struct topo_reader *r, str text, struct topo_node **out)
{
	if (text.n > TOPO_SIZE_MAX)
		return topo_refuse(r, ERR(CEILING), (struct topo_at){ 0, 0 }, "split the deployment",
			"the document is larger than %u bytes", TOPO_SIZE_MAX);
	struct yaml y = { .r = r };
	if (!yaml_parser_initialize(&y.parser))
		return ERR(NO_MEMORY);
	yaml_parser_set_encoding(&y.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&y.parser, (const unsigned char *)text.p, text.n);
	err e = read_document(&y, out);
	drop_event(&y);
	yaml_parser_delete(&y.parser);
	return e;
}
