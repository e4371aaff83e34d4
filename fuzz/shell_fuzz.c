/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a text of the administrators' shell, as an argument and as a filter. */
#include <stdlib.h>

#include "wire/shell.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void check_tree(const struct shell_node *n, str text)
{
	uint32_t kids = 0, height = 0;
	CHECK(n->at <= n->end && n->end <= text.n);
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next) {
		check_tree(kid, text);
		kids++;
		height = kid->height > height ? kid->height : height;
		CHECK(kid->next != NULL || kid == n->last);
	}
	CHECK(kids == n->n && n->height > height && n->height <= SHELL_HEIGHT_MAX);
}

static void check(str text, err (*parse)(struct arena *, str, struct shell_node **, struct diag *))
{
	struct arena a;
	struct buf out;
	struct diag d = { 0 };
	struct shell_node *n = NULL;
	arena_init(&a, 1u << 26);
	buf_init(&out, 1u << 22);
	err e = parse(&a, text, &n, &d);
	if (!failed(e)) {
		check_tree(n, text);
	} else if (!err_is(e, ERR_NO_MEMORY)) {
		CHECK(err_is(e, ERR_INCOMPLETE) || err_is(e, ERR_MALFORMED) || err_is(e, ERR_CEILING));
		CHECK(d.what[0] != '\0' && d.remedy[0] != '\0' && d.line != 0 && d.column != 0);
		shell_caret(text, &d, &out);
	}
	buf_fini(&out);
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str text = { (const char *)data, size };
	check(text, shell_parse);
	check(text, shell_parse_argument);
	check(text, shell_parse_filter);
	return 0;
}
