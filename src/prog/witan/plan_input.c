/* SPDX-License-Identifier: Apache-2.0 */
/* What the subjects of `witan plan` have in common: documents that are read, and how results are printed. */
#include "prog/witan/plan_input.h"

#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>

#define ARENA_MOST (256u << 20) /* names of the largest topology there may be */

err plan_input_addresses(const char *file, const struct witan_texts *pairs, struct arena *a, struct plan_addresses *out, struct diag *d)
{
	struct buf text DEFER(buf_fini) = { 0 };
	if (file != NULL) {
		TRY(file_read(AT_FDCWD, file, PLAN_ADDRESSES_SIZE_MAX, &text, d));
		str copy = arena_copy(a, buf_str(&text));
		ENSURE(copy.p != NULL, CEILING);
		TRY(plan_addresses_parse(out, a, copy, file, d));
	}
	for (size_t i = 0; i < pairs->n; i++)
		TRY(plan_addresses_add(out, a, pairs->p[i], d));
	return OK;
}

static err read_topology(struct plan_input *n)
{
	char path[4096];
	int length = snprintf(path, sizeof path, "%s%s", n->topology != NULL ? n->topology : n->dir,
		n->topology != NULL ? "" : "/topology.yaml");
	if (length < 0 || (size_t)length >= sizeof path)
		return diag_fail(&n->diag, ERR(REFUSED), "--topology", "use a shorter path", "the path is too long");
	TRY(topo_read(&n->topo, &n->arena, path, &n->diag));
	witan_warn(&n->topo);
	return OK;
}

static err run(struct plan_input *n, err (*show)(struct plan_input *n))
{
	TRY(read_topology(n));
	TRY(plan_input_addresses(n->addresses, &n->address, &n->arena, &n->known, &n->diag));
	return show(n);
}

static bool find_format(struct plan_input *n, const char *words)
{
	str rest = str_of(words);
	for (n->format_at = 0; rest.n > 0; n->format_at++)
		if (str_eq(str_split(rest, '|', &rest), str_of(n->format)))
			return true;
	n->format_at = 0;
	return n->format == NULL;
}

int plan_input_run(struct plan_input *n, const char *words, err (*show)(struct plan_input *n))
{
	if (!find_format(n, words))
		return witan_usage("plan", "--format cannot be \"%s\": %s", n->format, words);
	arena_init(&n->arena, ARENA_MOST);
	err e = run(n, show);
	arena_fini(&n->arena);
	return failed(e) ? witan_fail("plan", e, &n->diag) : WITAN_DONE;
}

err plan_input_json(json_t *all)
{
	bool ok = all != NULL && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
	json_decref(all);
	return ok ? OK : ERR(NO_MEMORY);
}

json_t *plan_input_str(str s)
{
	return json_stringn(s.p, s.n);
}

err plan_input_text(struct buf *b)
{
	bool ok = !b->failed && (b->n == 0 || fwrite(b->p, 1, b->n, stdout) == b->n);
	buf_fini(b);
	return ok ? OK : ERR(NO_MEMORY);
}

void plan_input_warn(const char *rule, bool is_error, str subject, const char *what, const char *remedy)
{
	(void)fprintf(stderr, "witan plan: %s %s: %.*s%s%s\n    remedy: %s\n", is_error ? "error" : "warning", rule,
		STR_FMT(subject), subject.n != 0 ? ": " : "", what, remedy);
}
