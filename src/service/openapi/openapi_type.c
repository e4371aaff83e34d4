/* SPDX-License-Identifier: Apache-2.0 */
/* Types of the schema as JSON Schema. */
#include "service/openapi/openapi_priv.h"

#include <jansson.h>
#include <stdlib.h>

static const struct type {
	const char *json;   /* NULL: not a plain value */
	const char *format; /* NULL: none */
} types[SCHEMA_TYPE_N] = {
	[SCHEMA_BOOL] = { "boolean", NULL },
	[SCHEMA_INT] = { "integer", NULL },
	[SCHEMA_TEXT] = { "string", NULL },
	[SCHEMA_ENUM] = { "string", NULL },
	[SCHEMA_TIMESPAN] = { "string", NULL },
	[SCHEMA_DATE] = { "string", "date-time" },
	[SCHEMA_FQDN] = { "string", "hostname" },
	[SCHEMA_DOMAIN] = { "string", NULL },
	[SCHEMA_URL] = { "string", "uri" },
	[SCHEMA_SIPURI] = { "string", NULL }, /* also written without its scheme */
	[SCHEMA_NUMBER] = { "string", NULL },
	[SCHEMA_IP] = { "string", NULL },
	[SCHEMA_PATTERN] = { "string", "regex" },
	[SCHEMA_REF] = { "string", NULL },
	[SCHEMA_SECRET] = { "string", "password" },
	[SCHEMA_BYTES] = { "string", NULL },
	[SCHEMA_GUID] = { "string", "uuid" },
};

/* A row that says no number limits nothing. */
static void put_limit(struct buf *b, const char *key, str number)
{
	uint64_t n;
	bool is_negative = number.n > 1 && number.p[0] == '-';
	if (!str_to_u64(str_cut(number, is_negative ? 1 : 0, number.n), &n))
		return;
	put_key(b, key);
	buf_add(b, number);
}

/* "1..64" */
static void put_range(struct buf *b, const char *check)
{
	str most, least = str_split(str_of(check), '.', &most);
	put_limit(b, "minimum", least);
	put_limit(b, "maximum", str_cut(most, 1, most.n));
}

static void put_words(struct buf *b, str words, bool or_null)
{
	put_key(b, "enum");
	put_open(b, '[');
	while (words.n != 0) {
		char word[256];
		(void)str_to_z(str_split(words, '|', &words), word, sizeof word);
		put_next(b);
		put_text(b, word);
	}
	if (or_null) {
		put_next(b);
		buf_add(b, STR("null"));
	}
	put_close(b, ']');
}

/* What narrows a plain value beyond its type. */
static void put_check(struct buf *b, enum schema_type type, const char *check, bool or_null)
{
	uint32_t most;
	if (types[type].format != NULL)
		put_pair(b, "format", types[type].format);
	if (type == SCHEMA_INT)
		put_range(b, check);
	else if (type == SCHEMA_ENUM)
		put_words(b, str_of(check), or_null);
	else if (type == SCHEMA_TIMESPAN)
		put_pair(b, "pattern", "^([0-9]+\\.)?[0-9]{1,2}:[0-9]{2}:[0-9]{2}$");
	else if (type == SCHEMA_BYTES)
		put_pair(b, "contentEncoding", "base64");
	else if (type == SCHEMA_SECRET)
		put_flag(b, "writeOnly", true);
	else if (type == SCHEMA_TEXT && strncmp(check, "..", 2) == 0 && str_to_u32(str_of(check + 2), &most))
		buf_printf(b, ",\"maxLength\":%u", most); /* bytes are never fewer than characters */
}

static void put_plain(struct buf *b, enum schema_type type, const char *check, bool or_null)
{
	put_key(b, "type");
	if (or_null)
		buf_printf(b, "[\"%s\",\"null\"]", types[type].json);
	else
		put_text(b, types[type].json);
	put_check(b, type, check, or_null);
}

/* "ENUM:A|B": the type of a list's elements by the word of the rows. */
static void put_element(struct buf *b, const char *check)
{
	str rest, word = str_split(str_of(check), ':', &rest);
	enum schema_type type = SCHEMA_TEXT;
	for (unsigned t = 0; t < SCHEMA_TYPE_N; t++)
		if (types[t].json != NULL && str_eq(word, str_of(schema_type_word((enum schema_type)t))))
			type = (enum schema_type)t;
	put_open(b, '{');
	put_plain(b, type, rest.n != 0 ? rest.p : "", false);
	put_close(b, '}');
}

static void put_array(struct buf *b, enum schema_type type, const char *check)
{
	put_pair(b, "type", "array");
	put_key(b, "items");
	if (type == SCHEMA_LISTED)
		put_element(b, check);
	else
		put_ref(b, check);
}

/* A list may be given whole, or as what is to be added and removed. */
static void put_changed_list(struct buf *b, enum schema_type type, const char *check)
{
	put_key(b, "anyOf");
	put_open(b, '[');
	put_open(b, '{');
	put_array(b, type, check);
	put_close(b, '}');
	put_ref(b, "ListModifier");
	buf_add(b, STR(",{\"type\":\"null\"}"));
	put_close(b, ']');
}

/* An object given or null. */
static void put_object(struct buf *b, const char *kind)
{
	put_key(b, "anyOf");
	put_open(b, '[');
	put_ref(b, kind);
	buf_add(b, STR(",{\"type\":\"null\"}"));
	put_close(b, ']');
}

static void put_default(struct buf *b, const struct schema_prop *p)
{
	json_t *v = p != NULL && types[p->type].json != NULL && p->type != SCHEMA_SECRET ? schema_default(p) : NULL;
	char *text = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	if (text != NULL) {
		put_key(b, "default");
		buf_add(b, str_of(text));
	}
	free(text);
	json_decref(v);
}

/* can_change: values are given (by null or a list modifier too), not shown. */
static void put_value(struct buf *b, enum schema_type type, const char *check, bool can_change, bool or_null)
{
	if (type == SCHEMA_LISTED || type == SCHEMA_OBJECTS) {
		if (can_change)
			put_changed_list(b, type, check);
		else
			put_array(b, type, check);
	} else if (type == SCHEMA_OBJECT) {
		put_object(b, check);
	} else {
		put_plain(b, type, check, or_null);
	}
}

/* The object that Set- takes in place of its properties (-Instance) is no text. */
static bool is_object(const struct cmd_param *p)
{
	return p->prop == NULL && strcmp(p->name, "Instance") == 0;
}

void put_param_schema(struct buf *b, const struct cmd_param *p)
{
	bool is_null_allowed = p->prop != NULL && !p->required;
	put_open(b, '{');
	put_pair(b, "description", p->help);
	if (is_object(p))
		put_pair(b, "type", "object");
	else if (strcmp(p->name, "PolicyName") == 0)
		put_plain(b, p->type, p->check, true);
	else
		put_value(b, p->type, p->check, p->prop != NULL, is_null_allowed);
	if (p->required == false)
		put_default(b, p->prop);
	put_close(b, '}');
}

void put_prop_schema(struct buf *b, const struct schema_prop *p)
{
	put_open(b, '{');
	put_pair(b, "description", p->help);
	put_value(b, p->type, p->check, false, true);
	put_default(b, p);
	if (schema_has(p->flags, SCHEMA_READ_ONLY))
		put_flag(b, "readOnly", true);
	put_close(b, '}');
}
