/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an XML document; what is taken must, printed, be taken again and print the same. */
#include <stdlib.h>

#include "wire/xml_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static struct xml_reader *make_reader(void)
{
	struct xml_reader *r;
	CHECK(!failed(xml_reader_new(&r)));
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct xml_reader *r;
	struct arena a;
	struct xml_node *root;
	struct diag d = { 0 };
	struct buf one, two;
	r = r != NULL ? r : make_reader();
	arena_init(&a, 4 << 20);
	buf_init(&one, 1 << 20);
	buf_init(&two, 1 << 20);
	if (failed(xml_tree_read(r, (str){ (const char *)data, size }, NULL, &a, &root, &d))) {
		CHECK(d.what[0] != '\0');
	} else {
		(void)xml_node_text(root, &a);
		xml_node_print(root, &one);
		const struct xml_limits wide = { .bytes = 1 << 20, .nodes = 1 << 20, .attributes = 64 };
		CHECK(one.failed || !failed(xml_tree_read(r, buf_str(&one), &wide, &a, &root, &d)));
		xml_node_print(root, &two);
		CHECK(one.failed || str_eq(buf_str(&one), buf_str(&two)));
	}
	buf_fini(&one);
	buf_fini(&two);
	arena_fini(&a);
	return 0;
}
