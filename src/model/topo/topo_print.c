/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The document in its canonical form, by the rows: what is at its default is left out, lists of words and mappings of
 * single values go in one line, lists of mappings get a line for each key.
 */
#include "model/topo/topo_priv.h"

/* What YAML readers would take for something else than text when it is not quoted. */
static const char *const not_text[] = { "true", "false", "yes", "no", "on", "off", "null", "y", "n" };

static bool is_letter(char c)
{
	return char_lower(c) >= 'a' && char_lower(c) <= 'z';
}

static bool is_plain(str s)
{
	if (!is_letter(s.p[0]) || s.p[s.n - 1] == ' ')
		return false;
	for (size_t i = 0; i < sizeof not_text / sizeof *not_text; i++)
		if (str_eq_case(s, str_of(not_text[i])))
			return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_letter(s.p[i]) && !(s.p[i] >= '0' && s.p[i] <= '9') && strchr("-. ", s.p[i]) == NULL)
			return false;
	return true;
}

static void put_text(struct buf *out, str s)
{
	if (s.n != 0 && is_plain(s)) {
		buf_add(out, s);
		return;
	}
	buf_add_char(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, s.p[i]);
	}
	buf_add_char(out, '"');
}

static const void *member_of(const struct topo_key *k, const void *object)
{
	return (const char *)object + k->offset;
}

static struct topo_items items_of(const void *member)
{
	struct topo_items items;
	memcpy(&items, member, sizeof items);
	return items;
}

static bool is_section_standard(enum topo_section_id id, const void *object);

static bool is_text_standard(const struct topo_key *k, const void *member)
{
	str s;
	memcpy(&s, member, sizeof s);
	return str_eq(s, str_of(k->text));
}

static bool is_standard(const struct topo_key *k, const void *member)
{
	uint32_t n = 0;
	switch (k->kind) {
	case TOPO_KIND_MAP:
		return is_section_standard(k->of, member);
	case TOPO_KIND_LIST:
	case TOPO_KIND_NAMES:
	case TOPO_KIND_DOMAINS:
		return items_of(member).n == 0;
	case TOPO_KIND_BOOL:
		return *(const bool *)member == (k->standard != 0);
	case TOPO_KIND_WORD:
	case TOPO_KIND_SET:
	case TOPO_KIND_PORT:
	case TOPO_KIND_COUNT:
		memcpy(&n, member, sizeof n);
		return n == k->standard && !(k->must && k->kind == TOPO_KIND_WORD);
	default:
		return is_text_standard(k, member);
	}
}

/* Words that may not be left out are at no default, but a mapping that says nothing else is not there at all. */
static bool is_section_standard(enum topo_section_id id, const void *object)
{
	const struct topo_section *s = &topo_sections[id];
	for (size_t i = 0; i < s->n_keys; i++) {
		struct topo_key key = s->keys[i];
		key.must = false;
		if (!is_standard(&key, member_of(&key, object)))
			return false;
	}
	return true;
}

/* ---- one line ---- */

static void put_flow_map(struct buf *out, enum topo_section_id id, const void *object);

static void put_names(struct buf *out, const void *member)
{
	struct topo_items items = items_of(member);
	const str *names = items.p;
	buf_add_char(out, '[');
	for (size_t i = 0; i < items.n; i++) {
		buf_add(out, i > 0 ? STR(", ") : STR(""));
		put_text(out, names[i]);
	}
	buf_add_char(out, ']');
}

static void put_set(struct buf *out, const struct topo_key *k, uint32_t set)
{
	bool more = false;
	buf_add_char(out, '[');
	for (uint32_t i = 0; k->words[i] != NULL; i++) {
		if ((set & 1u << i) == 0)
			continue;
		buf_add(out, more ? STR(", ") : STR(""));
		buf_add(out, str_of(k->words[i]));
		more = true;
	}
	buf_add_char(out, ']');
}

static void put_number(struct buf *out, const struct topo_key *k, const void *member)
{
	uint32_t n;
	memcpy(&n, member, sizeof n);
	if (k->kind == TOPO_KIND_WORD)
		buf_add(out, str_of(k->words[n]));
	else if (k->kind == TOPO_KIND_SET)
		put_set(out, k, n);
	else
		buf_add_u64(out, n);
}

static void put_flow(struct buf *out, const struct topo_key *k, const void *member)
{
	str s;
	switch (k->kind) {
	case TOPO_KIND_MAP:
		put_flow_map(out, k->of, member);
		return;
	case TOPO_KIND_NAMES:
	case TOPO_KIND_DOMAINS:
		put_names(out, member);
		return;
	case TOPO_KIND_BOOL:
		buf_add(out, *(const bool *)member ? STR("true") : STR("false"));
		return;
	case TOPO_KIND_WORD:
	case TOPO_KIND_SET:
	case TOPO_KIND_PORT:
	case TOPO_KIND_COUNT:
		put_number(out, k, member);
		return;
	default:
		memcpy(&s, member, sizeof s);
		put_text(out, s);
	}
}

static void put_flow_map(struct buf *out, enum topo_section_id id, const void *object)
{
	const struct topo_section *s = &topo_sections[id];
	bool more = false;
	buf_add_char(out, '{');
	for (size_t i = 0; i < s->n_keys; i++) {
		const struct topo_key *k = &s->keys[i];
		if (is_standard(k, member_of(k, object)))
			continue;
		buf_printf(out, "%s%s: ", more ? ", " : "", k->name);
		put_flow(out, k, member_of(k, object));
		more = true;
	}
	buf_add_char(out, '}');
}

/* ---- many lines ---- */

static void put_block(struct buf *out, enum topo_section_id id, const void *object, unsigned indent, bool in_list);

/* A server of a name alone is that name. */
static bool is_name_alone(enum topo_section_id id, const void *object)
{
	const struct topo_section *s = &topo_sections[id];
	for (size_t i = 1; i < s->n_keys; i++)
		if (!is_standard(&s->keys[i], member_of(&s->keys[i], object)))
			return false;
	return s->keys[0].kind == TOPO_KIND_NAME;
}

static bool has_lists(enum topo_section_id id)
{
	const struct topo_section *s = &topo_sections[id];
	for (size_t i = 0; i < s->n_keys; i++)
		if (s->keys[i].kind == TOPO_KIND_LIST)
			return true;
	return false;
}

static void put_list(struct buf *out, enum topo_section_id id, struct topo_items items, unsigned indent)
{
	size_t size = topo_sections[id].size;
	for (size_t i = 0; i < items.n; i++) {
		const void *object = (const char *)items.p + size * i;
		buf_printf(out, "\n%*s- ", (int)indent, "");
		if (is_name_alone(id, object))
			put_flow(out, &topo_sections[id].keys[0], member_of(&topo_sections[id].keys[0], object));
		else if (has_lists(id))
			put_block(out, id, object, indent + 2, true);
		else
			put_flow_map(out, id, object);
	}
}

/* A standard edition's server is the pool itself, which needs no saying. */
static bool is_implied(enum topo_section_id id, const struct topo_key *k, const void *object)
{
	const struct topo_pool *pool = object;
	return id == SECTION_pool && k->kind == TOPO_KIND_LIST && pool->role == TOPO_STANDARD_EDITION;
}

static void put_block(struct buf *out, enum topo_section_id id, const void *object, unsigned indent, bool in_list)
{
	const struct topo_section *s = &topo_sections[id];
	bool first = true;
	for (size_t i = 0; i < s->n_keys; i++) {
		const struct topo_key *k = &s->keys[i];
		const void *member = member_of(k, object);
		if (is_standard(k, member) || is_implied(id, k, object))
			continue;
		if (!first || !in_list)
			buf_printf(out, "%s%*s", first ? "" : "\n", (int)indent, "");
		first = false;
		buf_printf(out, "%s:", k->name);
		if (k->kind == TOPO_KIND_LIST) {
			put_list(out, k->of, items_of(member), indent + 2);
		} else {
			buf_add_char(out, ' ');
			put_flow(out, k, member);
		}
	}
}

void topo_print(const struct topo *t, struct buf *out)
{
	put_block(out, SECTION_root, t, 0, false);
	buf_add_char(out, '\n');
}
