/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes into structs, by the rows: a reader for each kind of value, and one walk over the keys of a section. */
#include "model/topo/topo_priv.h"

#include "base/near.h"

#include <arpa/inet.h>
#include <stdio.h>

/* One value on its way into its member. */
struct value {
	struct topo_reader *r;
	const struct topo_key *key;
	enum topo_section_id section; /* that the key belongs to */
	const struct topo_node *node;
	void *member;
};

#define REFUSE(v, remedy, ...) topo_refuse((v)->r, ERR(MALFORMED), (v)->node->at, remedy, __VA_ARGS__)

static const char *const node_words[] = { "a single value", "a list", "a mapping" };

static err want(const struct value *v, enum topo_node_kind kind)
{
	if (v->node->kind == kind)
		return OK;
	return REFUSE(
		v, v->key->help, "\"%s\" takes %s, not %s", v->key->name, node_words[kind], node_words[v->node->kind]);
}

static err want_text(const struct value *v)
{
	TRY(want(v, TOPO_SCALAR));
	if (v->node->text.n == 0 || (v->node->plain && str_eq(v->node->text, STR("~"))))
		return REFUSE(v, "write a value, or leave the key out", "\"%s\" has no value", v->key->name);
	return OK;
}

static err set_str(const struct value *v, str s)
{
	memcpy(v->member, &s, sizeof s);
	return OK;
}

static err set_u32(const struct value *v, uint32_t n)
{
	memcpy(v->member, &n, sizeof n);
	return OK;
}

/* ---- texts ---- */

/* Also the line ends of Unicode and the C1 controls (U+0080 to U+009F). */
static bool is_control(str s, size_t i)
{
	unsigned char c = (unsigned char)s.p[i], d = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0,
		      e = i + 2 < s.n ? (unsigned char)s.p[i + 2] : 0;
	return c < 0x20 || c == 0x7f || (c == 0xc2 && d < 0xa0) || (c == 0xe2 && d == 0x80 && (e == 0xa8 || e == 0xa9));
}

static err read_text(const struct value *v)
{
	TRY(want_text(v));
	str s = v->node->text;
	if (v->key->most != 0 && s.n > v->key->most)
		return REFUSE(v, "shorten it", "\"%s\" has %zu octets; at most %u are allowed", v->key->name, s.n,
			v->key->most);
	for (size_t i = 0; i < s.n; i++)
		if (is_control(s, i))
			return REFUSE(v, "write it in one line of printable characters",
				"\"%s\" holds a control character", v->key->name);
	return set_str(v, s);
}

static err read_url(const struct value *v)
{
	TRY(want_text(v));
	str s = v->node->text;
	if (!str_begins(s, STR("http://")) || s.n < 10 || s.n > 512)
		return REFUSE(v,
			"write http://HOST/PATH; https cannot be used to check the certificate of https itself",
			"\"%s\" is not an http URL", v->key->name);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || strchr("\"<>\\^`{|}", s.p[i]) != NULL)
			return REFUSE(v, "write such characters as %XX",
				"\"%s\" holds a character that a URL may not have", v->key->name);
	return set_str(v, s);
}

static err read_address(const struct value *v)
{
	TRY(want_text(v));
	char z[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	if (!str_to_z(v->node->text, z, sizeof z) ||
		(inet_pton(AF_INET, z, bytes) != 1 && inet_pton(AF_INET6, z, bytes) != 1))
		return REFUSE(v, "write an IPv4 or IPv6 address", "\"%.*s\" is not an address",
			STR_FMT(str_cut(v->node->text, 0, 60)));
	return set_str(v, v->node->text);
}

static err keep_use(const struct value *v, str name)
{
	struct topo_use *u = arena_zalloc(v->r->arena, sizeof *u);
	ENSURE(u != NULL, CEILING);
	*u = (struct topo_use){ .name = name, .key = v->key, .section = v->section, .at = v->node->at };
	*v->r->uses_end = u;
	v->r->uses_end = &u->next;
	return OK;
}

static err read_dns(const struct value *v, unsigned least_labels, unsigned most_labels, str *out)
{
	TRY(want_text(v));
	struct diag why = { .what = "" };
	err e = topo_name(v->node->text, v->r->arena, out, &why);
	if (failed(e))
		return topo_refuse(
			v->r, e, v->node->at, why.remedy, "%s", why.what[0] != '\0' ? why.what : e.def->text);
	unsigned labels = 1;
	for (size_t i = 0; i < out->n; i++)
		labels += out->p[i] == '.';
	if (labels < least_labels)
		TRY(topo_warn(v->r, v->node->at, *out, "write the fully qualified name",
			"has no domain: only this machine may know it"));
	if (labels > most_labels)
		return REFUSE(v, "write the first label alone", "\"%s\" is one label, without a dot", v->key->name);
	if (v->key->common && out->n > 64)
		return topo_refuse(v->r, ERR(REFUSED), v->node->at, "choose a shorter name",
			"\"%.*s\" has %zu octets; it becomes a common name, which has at most 64",
			STR_FMT(str_cut(*out, 0, 100)), out->n);
	return keep_use(v, *out);
}

static err read_name(const struct value *v)
{
	str name;
	TRY(read_dns(v, 2, 127, &name));
	return set_str(v, name);
}

static err read_domain(const struct value *v)
{
	str name;
	TRY(read_dns(v, 1, 127, &name));
	return set_str(v, name);
}

static err read_label(const struct value *v)
{
	str name;
	TRY(read_dns(v, 1, 1, &name));
	return set_str(v, name);
}

static err want_items(const struct value *v)
{
	TRY(want(v, TOPO_SEQUENCE));
	if (v->node->n == 0 && v->key->must)
		return REFUSE(v, v->key->help, "\"%s\" is an empty list", v->key->name);
	if (v->key->most != 0 && v->node->n > v->key->most)
		return topo_refuse(v->r, ERR(CEILING), v->node->at, "split the deployment",
			"\"%s\" has %u entries; at most %u are allowed", v->key->name, v->node->n, v->key->most);
	return OK;
}

static err read_dns_list(const struct value *v, unsigned least_labels)
{
	TRY(want_items(v));
	struct topo_names names = { arena_alloc(v->r->arena, v->node->n * sizeof(str)), 0 };
	ENSURE(names.p != NULL, CEILING);
	for (const struct topo_node *n = v->node->first; n != NULL; n = n->next) {
		struct value item = *v;
		item.node = n;
		TRY(read_dns(&item, least_labels, 127, &names.p[names.n]));
		for (size_t i = 0; i < names.n; i++)
			if (str_eq(names.p[i], names.p[names.n]))
				return topo_refuse(v->r, ERR(REFUSED), n->at, "keep one of the two",
					"\"%.*s\" stands twice in \"%s\"", STR_FMT(str_cut(names.p[i], 0, 120)),
					v->key->name);
		names.n++;
	}
	memcpy(v->member, &names, sizeof names);
	return OK;
}

static err read_names(const struct value *v)
{
	return read_dns_list(v, 2);
}

static err read_domains(const struct value *v)
{
	return read_dns_list(v, 1);
}

/* ---- words and numbers ---- */

static err find_word(const struct value *v, const struct topo_node *n, uint32_t *out)
{
	char all[160] = "";
	struct near near = { .want = n->text };
	for (uint32_t i = 0; v->key->words[i] != NULL; i++) {
		if (n->kind == TOPO_SCALAR && str_eq(n->text, str_of(v->key->words[i]))) {
			*out = i;
			return OK;
		}
		near_offer(&near, str_of(v->key->words[i]));
		size_t at = strlen(all);
		(void)snprintf(all + at, sizeof all - at, "%s%s", i > 0 ? ", " : "write one of: ", v->key->words[i]);
	}
	if (n->kind != TOPO_SCALAR)
		return topo_refuse(v->r, ERR(MALFORMED), n->at, all, "\"%s\" takes a word, not %s", v->key->name,
			node_words[n->kind]);
	str best = near_best(&near);
	if (best.n != 0)
		return topo_refuse(v->r, ERR(MALFORMED), n->at, all,
			"\"%s\" cannot be \"%.*s\"; did you mean \"%.*s\"?", v->key->name,
			STR_FMT(str_cut(n->text, 0, 60)), STR_FMT(best));
	return topo_refuse(v->r, ERR(MALFORMED), n->at, all, "\"%s\" cannot be \"%.*s\"", v->key->name,
		STR_FMT(str_cut(n->text, 0, 60)));
}

static err read_word(const struct value *v)
{
	uint32_t word;
	TRY(find_word(v, v->node, &word));
	return set_u32(v, word);
}

static err read_set(const struct value *v)
{
	uint32_t set = 0, word;
	TRY(want(v, TOPO_SEQUENCE));
	for (const struct topo_node *n = v->node->first; n != NULL; n = n->next) {
		TRY(find_word(v, n, &word));
		set |= 1u << word;
	}
	return set_u32(v, set);
}

static err read_bool(const struct value *v)
{
	TRY(want_text(v));
	bool yes = str_eq(v->node->text, STR("true"));
	if (!v->node->plain || (!yes && !str_eq(v->node->text, STR("false"))))
		return REFUSE(v, "write true or false", "\"%s\" cannot be \"%.*s\"", v->key->name,
			STR_FMT(str_cut(v->node->text, 0, 60)));
	memcpy(v->member, &yes, sizeof yes);
	return OK;
}

static err read_number(const struct value *v, uint32_t least, uint32_t most)
{
	TRY(want_text(v));
	uint32_t n;
	if (v->node->plain && str_to_u32(v->node->text, &n) && n >= least && n <= most)
		return set_u32(v, n);
	return topo_refuse(v->r, ERR(MALFORMED), v->node->at, v->key->help,
		"\"%s\" takes a number from %u to %u, not \"%.*s\"", v->key->name, least, most,
		STR_FMT(str_cut(v->node->text, 0, 60)));
}

static err read_port(const struct value *v)
{
	return read_number(v, 1, 65535);
}

static err read_count(const struct value *v)
{
	return read_number(v, v->key->least, v->key->most);
}

/* ---- sections ---- */

static err decode_section(struct topo_reader *r, enum topo_section_id id, const struct topo_node *node, void *object);

static err read_map(const struct value *v)
{
	TRY(want(v, TOPO_MAPPING));
	return decode_section(v->r, v->key->of, v->node, v->member);
}

static err read_item(const struct value *v, const struct topo_node *n, void *object)
{
	const struct topo_section *s = &topo_sections[v->key->of];
	if (n->kind != TOPO_SCALAR || s->keys[0].kind != TOPO_KIND_NAME)
		return decode_section(v->r, v->key->of, n, object);
	topo_section_init(v->key->of, object, n->at);
	struct value name = { v->r, &s->keys[0], v->key->of, n, (char *)object + s->keys[0].offset };
	return read_name(&name);
}

static err read_list(const struct value *v)
{
	TRY(want_items(v));
	size_t size = topo_sections[v->key->of].size;
	struct topo_items items = { arena_zalloc(v->r->arena, size * v->node->n), 0 };
	ENSURE(items.p != NULL, CEILING);
	for (const struct topo_node *n = v->node->first; n != NULL; n = n->next)
		TRY(read_item(v, n, (char *)items.p + size * items.n++));
	memcpy(v->member, &items, sizeof items);
	return OK;
}

static err (*const readers[TOPO_KIND_N])(const struct value *v) = {
	[TOPO_KIND_TEXT] = read_text,
	[TOPO_KIND_URL] = read_url,
	[TOPO_KIND_ADDRESS] = read_address,
	[TOPO_KIND_LABEL] = read_label,
	[TOPO_KIND_DOMAIN] = read_domain,
	[TOPO_KIND_NAME] = read_name,
	[TOPO_KIND_DOMAINS] = read_domains,
	[TOPO_KIND_NAMES] = read_names,
	[TOPO_KIND_WORD] = read_word,
	[TOPO_KIND_SET] = read_set,
	[TOPO_KIND_BOOL] = read_bool,
	[TOPO_KIND_PORT] = read_port,
	[TOPO_KIND_COUNT] = read_count,
	[TOPO_KIND_MAP] = read_map,
	[TOPO_KIND_LIST] = read_list,
};

static err unknown_key(struct topo_reader *r, const struct topo_section *s, const struct topo_node *key)
{
	char remedy[240] = "";
	struct near near = { .want = key->text };
	for (size_t i = 0; i < s->n_keys; i++) {
		near_offer(&near, str_of(s->keys[i].name));
		size_t at = strlen(remedy);
		(void)snprintf(
			remedy + at, sizeof remedy - at, "%s%s", i > 0 ? ", " : "the keys here: ", s->keys[i].name);
	}
	str best = near_best(&near), shown = str_cut(key->text, 0, 60);
	if (best.n != 0)
		return topo_refuse(r, ERR(MALFORMED), key->at, remedy, "%s has no key \"%.*s\"; did you mean \"%.*s\"?",
			s->what, STR_FMT(shown), STR_FMT(best));
	return topo_refuse(r, ERR(MALFORMED), key->at, remedy, "%s has no key \"%.*s\"", s->what, STR_FMT(shown));
}

static const struct topo_key *find_key(const struct topo_section *s, str name)
{
	for (size_t i = 0; i < s->n_keys; i++)
		if (str_eq(str_of(s->keys[i].name), name))
			return &s->keys[i];
	return NULL;
}

static bool has_key(const struct topo_node *node, const char *name)
{
	for (const struct topo_node *n = node->first; n != NULL; n = n->next)
		if (str_eq(n->key->text, str_of(name)))
			return true;
	return false;
}

/* Keys that the pool's role has no use for are refused; only known once the whole mapping is read. */
static err check_roles(struct topo_reader *r, enum topo_section_id id, const struct topo_node *node, const struct topo_pool *pool)
{
	for (const struct topo_node *n = node->first; n != NULL; n = n->next) {
		const struct topo_key *key = find_key(&topo_sections[id], n->key->text);
		if (key->roles != 0 && (key->roles & 1u << pool->role) == 0)
			return topo_refuse(r, ERR(REFUSED), n->key->at, "remove it, or check the role",
				"a pool with the role %s has no \"%s\"", topo_role_word(pool->role), key->name);
		if (key->kind == TOPO_KIND_MAP)
			TRY(check_roles(r, key->of, n, pool));
	}
	return OK;
}

static err decode_section(struct topo_reader *r, enum topo_section_id id, const struct topo_node *node, void *object)
{
	const struct topo_section *s = &topo_sections[id];
	if (node->kind != TOPO_MAPPING)
		return topo_refuse(r, ERR(MALFORMED), node->at, "write it as key: value", "%s is a mapping, not %s",
			s->what, node_words[node->kind]);
	topo_section_init(id, object, node->at);
	for (const struct topo_node *n = node->first; n != NULL; n = n->next) {
		const struct topo_key *key = find_key(s, n->key->text);
		if (key == NULL)
			return unknown_key(r, s, n->key);
		struct value v = { r, key, id, n, (char *)object + key->offset };
		TRY(readers[key->kind](&v));
	}
	for (size_t i = 0; i < s->n_keys; i++)
		if (s->keys[i].must && !has_key(node, s->keys[i].name))
			return topo_refuse(r, ERR(MALFORMED), node->at, s->keys[i].help, "%s lacks \"%s\"", s->what,
				s->keys[i].name);
	return id == SECTION_pool ? check_roles(r, SECTION_pool, node, object) : OK;
}

err topo_decode(struct topo_reader *r, const struct topo_node *root, struct topo *t)
{
	return decode_section(r, SECTION_root, root, t);
}
