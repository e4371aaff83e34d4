/* SPDX-License-Identifier: Apache-2.0 */
/* Looking around in a tree, and writing a part of it. */
#include "wire/xml.h"
#include "wire/xml_tree.h"

#include <stdarg.h>

static const struct xml_node *first_of(const struct xml_node *n, str name)
{
	while (n != NULL && (n->name.n == 0 || (name.n != 0 && !str_eq(n->name, name))))
		n = n->next;
	return n;
}

const struct xml_node *xml_child(const struct xml_node *n, str name)
{
	return n != NULL ? first_of(n->first, name) : NULL;
}

const struct xml_node *xml_sibling(const struct xml_node *n, str name)
{
	return first_of(n->next, name);
}

const struct xml_node *xml_path(const struct xml_node *n, ...)
{
	va_list ap;
	va_start(ap, n);
	for (const char *name; n != NULL && (name = va_arg(ap, const char *)) != NULL;)
		n = xml_child(n, str_of(name));
	va_end(ap);
	return n;
}

str xml_attribute(const struct xml_node *n, str name)
{
	for (const struct xml_attribute *one = n != NULL ? n->attributes : NULL; one != NULL; one = one->next)
		if (str_eq(one->name, name))
			return one->value;
	return (str){ 0 };
}

/* The node after n in the order of the document, within top; down: also what is in n. */
static const struct xml_node *step(const struct xml_node *n, const struct xml_node *top, bool down)
{
	if (down && n->first != NULL)
		return n->first;
	while (n != top && n->next == NULL)
		n = n->parent;
	return n != top ? n->next : NULL;
}

str xml_node_text(const struct xml_node *n, struct arena *a)
{
	size_t total = 0;
	for (const struct xml_node *at = n; at != NULL; at = step(at, n, true))
		total += at->text.n;
	if (total == 0)
		return STR("");
	char *p = arena_alloc(a, total), *to = p;
	if (p == NULL)
		return (str){ 0 };
	for (const struct xml_node *at = n; at != NULL; at = step(at, n, true)) {
		if (at->text.n != 0)
			memcpy(to, at->text.p, at->text.n);
		to += at->text.n;
	}
	return str_trim((str){ p, total });
}

/* ---- writing ---- */

static void add_name(struct buf *out, str prefix, str name)
{
	buf_add(out, prefix);
	if (prefix.n != 0)
		buf_add_char(out, ':');
	buf_add(out, name);
}

/* What a prefix means where n stands, as far as it has been written: by an element between n and top that uses it. */
static bool is_declared(const struct xml_node *n, const struct xml_node *top, str prefix, str ns)
{
	while (n != top) {
		n = n->parent;
		if (str_eq(n->prefix, prefix))
			return str_eq(n->ns, ns);
		for (const struct xml_attribute *one = n->attributes; prefix.n != 0 && one != NULL; one = one->next)
			if (str_eq(one->prefix, prefix))
				return str_eq(one->ns, ns);
	}
	return prefix.n == 0 && ns.n == 0;
}

static void declare(struct buf *out, str prefix, str ns)
{
	buf_add(out, STR(" xmlns"));
	if (prefix.n != 0)
		buf_add_char(out, ':');
	buf_add(out, prefix);
	buf_add(out, STR("=\""));
	(void)xml_add_escaped(out, ns, true);
	buf_add_char(out, '"');
}

/* Was the prefix declared on n itself for its own name or an attribute before this one? */
static bool is_declared_here(const struct xml_node *n, const struct xml_attribute *until, str prefix)
{
	bool found = str_eq(n->prefix, prefix);
	for (const struct xml_attribute *one = n->attributes; one != until; one = one->next)
		found = found || (one->ns.n != 0 && str_eq(one->prefix, prefix));
	return found;
}

static bool is_own_prefix(str prefix)
{
	return str_eq(prefix, STR("xml")); /* always declared */
}

static void open_tag(const struct xml_node *n, const struct xml_node *top, struct buf *out)
{
	buf_add_char(out, '<');
	add_name(out, n->prefix, n->name);
	if (!is_declared(n, top, n->prefix, n->ns))
		declare(out, n->prefix, n->ns);
	for (const struct xml_attribute *one = n->attributes; one != NULL; one = one->next) {
		if (one->ns.n != 0 && !is_own_prefix(one->prefix) && !is_declared_here(n, one, one->prefix) &&
			!is_declared(n, top, one->prefix, one->ns))
			declare(out, one->prefix, one->ns);
		buf_add_char(out, ' ');
		add_name(out, one->prefix, one->name);
		buf_add(out, STR("=\""));
		(void)xml_add_escaped(out, one->value, true);
		buf_add_char(out, '"');
	}
	buf_add(out, n->first != NULL ? STR(">") : STR("/>"));
}

static void close_tag(const struct xml_node *n, struct buf *out)
{
	buf_add(out, STR("</"));
	add_name(out, n->prefix, n->name);
	buf_add_char(out, '>');
}

void xml_node_print(const struct xml_node *n, struct buf *out)
{
	const struct xml_node *at = n;
	while (at != NULL) {
		if (at->name.n != 0)
			open_tag(at, n, out);
		else
			(void)xml_add_escaped(out, at->text, false);
		if (at->first != NULL) {
			at = at->first;
			continue;
		}
		while (at != n && at->next == NULL) {
			at = at->parent;
			close_tag(at, out);
		}
		at = at != n ? at->next : NULL;
	}
}
