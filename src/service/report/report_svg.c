/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes in four columns from outside to inside, and a numbered line for each who presents something to somebody. */
#include "service/report/report_priv.h"

enum { WIDTH = 250, GAP = 110, MARGIN = 16, TOP = 52, HEAD = 46, LINE = 17, SPACE = 26, STEP = 22, LETTERS = 32 };

static void add_cut(struct buf *out, str s)
{
	report_add_html(out, str_cut(s, 0, LETTERS));
	if (s.n > LETTERS)
		buf_add(out, STR("\xe2\x80\xa6"));
}

static void add_box(const struct node *n, struct buf *out)
{
	buf_printf(out, "<g><title>");
	report_add_html(out, n->name);
	buf_printf(out, ", %s</title><rect class=\"box\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/>", n->kind, n->x, n->y, WIDTH, n->height);
	buf_printf(out, "<text class=\"name\" x=\"%d\" y=\"%d\">", n->x + 10, n->y + 19);
	add_cut(out, n->name);
	buf_printf(out, "</text><text class=\"kind\" x=\"%d\" y=\"%d\">%s</text>", n->x + 10, n->y + 36, n->kind);
	for (size_t i = 0; i < n->servers.n && i <= NODE_LINES; i++) {
		buf_printf(out, "<text class=\"kind\" x=\"%d\" y=\"%d\">", n->x + 20, n->y + HEAD + 6 + LINE * (int)i);
		if (i == NODE_LINES)
			buf_printf(out, "and %zu more", n->servers.n - NODE_LINES);
		else
			add_cut(out, n->servers.p[i]);
		buf_add(out, STR("</text>"));
	}
	buf_add(out, STR("</g>\n"));
}

/* Where the i-th of `of` lines leaves a side of a box. */
static int step(const struct node *n, size_t i, size_t of)
{
	return n->y + n->height * (int)(i + 1) / (int)(of + 1);
}

static size_t count(const struct picture *p, size_t node, size_t before, bool is_left)
{
	size_t n = 0;
	for (size_t i = 0; i < before; i++) {
		const struct flow *f = &p->flows.p[i];
		size_t other = f->from == node ? f->to : f->from;
		bool touches = f->from == node || f->to == node;
		n += touches && (p->nodes.p[other].column < p->nodes.p[node].column) == is_left;
	}
	return n;
}

static void place(struct picture *p, int bottoms[COLUMN_N])
{
	for (size_t i = 0; i < COLUMN_N; i++)
		bottoms[i] = TOP;
	for (size_t i = 0; i < p->nodes.n; i++) {
		struct node *n = &p->nodes.p[i];
		int lines = (int)(n->servers.n > NODE_LINES ? NODE_LINES + 1 : n->servers.n);
		size_t left = count(p, i, p->flows.n, true), right = count(p, i, p->flows.n, false);
		int room = STEP * ((int)(left > right ? left : right) + 1); /* of the lines that end here */
		n->height = HEAD + lines * LINE > room ? HEAD + lines * LINE : room;
		n->x = MARGIN + (int)n->column * (WIDTH + GAP);
		n->y = bottoms[n->column];
		bottoms[n->column] += n->height + SPACE;
	}
}

static int y_of(const struct picture *p, size_t flow, size_t node, bool is_left)
{
	return step(&p->nodes.p[node], count(p, node, flow, is_left), count(p, node, p->flows.n, is_left));
}

static void add_line(const struct picture *p, size_t i, struct buf *out)
{
	const struct flow *f = &p->flows.p[i];
	const struct node *a = &p->nodes.p[f->from], *b = &p->nodes.p[f->to];
	bool right = b->column > a->column, left = b->column < a->column;
	int x1 = a->x + (left ? 0 : WIDTH), x2 = b->x + (right ? 0 : WIDTH);
	int y1 = y_of(p, i, f->from, left), y2 = y_of(p, i, f->to, right);
	int bend = right ? GAP / 2 : left ? -GAP / 2 : GAP * 2 / 3, back = right || left ? bend : -bend;
	buf_printf(out, "<path class=\"line\" marker-end=\"url(#arrow)\" d=\"M%d %d C%d %d %d %d %d %d\"/>", x1, y1, x1 + bend, y1, x2 - back, y2, x2, y2);
	int x = x2 + (right ? -26 : 26);
	buf_printf(out, "<circle class=\"dot\" cx=\"%d\" cy=\"%d\" r=\"9\"/><text class=\"number\" x=\"%d\" y=\"%d\">%zu</text>\n", x, y2, x, y2 + 4, i + 1);
}

void report_svg(struct picture *p, size_t number, struct buf *out)
{
	static const char *const heads[COLUMN_N] = { "Outside", "Perimeter", "Inside", "Behind them" };
	int bottoms[COLUMN_N], height = 0, width = 2 * MARGIN + COLUMN_N * WIDTH + (COLUMN_N - 1) * GAP;
	place(p, bottoms);
	for (size_t i = 0; i < COLUMN_N; i++)
		height = bottoms[i] > height ? bottoms[i] : height;
	buf_printf(out, "<svg role=\"img\" aria-labelledby=\"picture%zu\" viewBox=\"0 0 %d %d\" xmlns=\"http://www.w3.org/2000/svg\"><title id=\"picture%zu\">Site ", number,
		width, height, number);
	report_add_html(out, p->site->name);
	buf_add(out, STR(": who presents certificates to whom; the table below says the same in words</title>\n"));
	buf_add(out, STR("<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">"
			 "<path d=\"M0 0 L8 4 L0 8 z\"/></marker></defs>\n"));
	for (size_t i = 0; i < COLUMN_N; i++)
		buf_printf(out, "<text class=\"head\" x=\"%d\" y=\"30\">%s</text>\n", MARGIN + (int)i * (WIDTH + GAP), heads[i]);
	for (size_t i = 0; i < p->nodes.n; i++)
		add_box(&p->nodes.p[i], out);
	for (size_t i = 0; i < p->flows.n; i++)
		add_line(p, i, out);
	buf_add(out, STR("</svg>\n"));
}
