/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_LINK_LINK_PRIV_H
#define WITAN_WIRE_LINK_LINK_PRIV_H

#include "wire/link.h"

/* Decoded characters as they come; what has no room is an error at the end. */
struct link_writer {
	struct link_text *t;
	char *p;
	uint32_t *at;
	size_t size;
	bool is_full;
};

err link_writer_init(struct link_writer *w, size_t size, struct link_text *t, struct arena *a);
void link_put(struct link_writer *w, char c, size_t at);
/* The UTF-8 of a character; others than real ones are left out. */
void link_put_code(struct link_writer *w, uint32_t c, size_t at);

err link_read_html(str s, struct arena *a, struct link_text *t);
err link_read_rtf(str s, struct arena *a, struct link_text *t);

#endif
