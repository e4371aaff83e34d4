/* SPDX-License-Identifier: Apache-2.0 */
/* The exclusive canonical form (XML-EXC-C14N 1.0) of an element: a namespace is declared where a name first uses it and no earlier. Inclusive
 * prefixes, comments and processing instructions there are none of: the reader of requests refuses the first and drops the others. */
#include "wire/soap/soap_priv.h"

#include <stdlib.h>

enum { NAMES = 24 }; /* namespaces of one element; more: it fails */

/* What is declared in the output, innermost first. */
struct scope {
	const struct scope *outer;
	str prefix[NAMES], ns[NAMES];
	size_t n;
};

static bool find(const struct scope *s, str prefix, str *ns)
{
	for (; s != NULL; s = s->outer)
		for (size_t i = s->n; i > 0; i--)
			if (str_eq(s->prefix[i - 1], prefix)) {
				*ns = s->ns[i - 1];
				return true;
			}
	*ns = STR("");
	return false;
}

/* In the order of their prefixes. */
static void need(struct scope *s, str prefix, str ns, struct buf *out)
{
	str now;
	bool is_declared = find(s, prefix, &now);
	if (str_eq(prefix, STR("xml")) || (is_declared && str_eq(now, ns)) || (!is_declared && ns.n == 0))
		return;
	if (s->n == NAMES) {
		out->failed = true;
		return;
	}
	size_t i = s->n++;
	for (; i > 0 && str_cmp(s->prefix[i - 1], prefix) > 0; i--) {
		s->prefix[i] = s->prefix[i - 1];
		s->ns[i] = s->ns[i - 1];
	}
	s->prefix[i] = prefix;
	s->ns[i] = ns;
}

static void add_escaped(struct buf *out, str s, bool in_attribute)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '&')
			buf_add(out, STR("&amp;"));
		else if (c == '<')
			buf_add(out, STR("&lt;"));
		else if (c == '>' && !in_attribute)
			buf_add(out, STR("&gt;"));
		else if (c == '"' && in_attribute)
			buf_add(out, STR("&quot;"));
		else if (c == '\r' || (in_attribute && (c == '\t' || c == '\n')))
			buf_printf(out, "&#x%X;", (unsigned)c);
		else
			buf_add_char(out, c);
	}
}

static void add_name(struct buf *out, str prefix, str name)
{
	buf_add(out, prefix);
	if (prefix.n != 0)
		buf_add_char(out, ':');
	buf_add(out, name);
}

static void add_scope(const struct scope *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++) {
		buf_add(out, s->prefix[i].n != 0 ? STR(" xmlns:") : STR(" xmlns"));
		buf_add(out, s->prefix[i]);
		buf_add(out, STR("=\""));
		add_escaped(out, s->ns[i], true);
		buf_add_char(out, '"');
	}
}

static int by_name(const void *a, const void *b)
{
	const struct xml_attribute *x = *(const struct xml_attribute *const *)a, *y = *(const struct xml_attribute *const *)b;
	int c = str_cmp(x->ns, y->ns);
	return c != 0 ? c : str_cmp(x->name, y->name);
}

/* By namespace, then name; those without a namespace first. */
static void add_attributes(const struct xml_node *n, struct buf *out)
{
	const struct xml_attribute *all[2 * NAMES];
	size_t count = 0;
	for (const struct xml_attribute *a = n->attributes; a != NULL; a = a->next) {
		if (count == sizeof all / sizeof *all) {
			out->failed = true;
			return;
		}
		all[count++] = a;
	}
	qsort(all, count, sizeof *all, by_name);
	for (size_t i = 0; i < count; i++) {
		buf_add_char(out, ' ');
		add_name(out, all[i]->prefix, all[i]->name);
		buf_add(out, STR("=\""));
		add_escaped(out, all[i]->value, true);
		buf_add_char(out, '"');
	}
}

static void print(const struct xml_node *n, const struct scope *outer, struct buf *out)
{
	struct scope s = { .outer = outer };
	if (n->name.n == 0) {
		add_escaped(out, n->text, false);
		return;
	}
	need(&s, n->prefix, n->ns, out);
	for (const struct xml_attribute *a = n->attributes; a != NULL; a = a->next)
		if (a->prefix.n != 0)
			need(&s, a->prefix, a->ns, out);
	buf_add_char(out, '<');
	add_name(out, n->prefix, n->name);
	add_scope(&s, out);
	add_attributes(n, out);
	buf_add_char(out, '>');
	for (const struct xml_node *c = n->first; c != NULL; c = c->next)
		print(c, &s, out);
	buf_add(out, STR("</"));
	add_name(out, n->prefix, n->name);
	buf_add_char(out, '>');
}

void soap_canonical_print(const struct xml_node *n, struct buf *out)
{
	print(n, NULL, out);
}
