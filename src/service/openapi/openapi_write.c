/* SPDX-License-Identifier: Apache-2.0 */
/* JSON written straight into the buffer: the document is large, and a tree of it would be larger. */
#include "service/openapi/openapi_priv.h"

void put_next(struct buf *b)
{
	char last = b->n != 0 ? b->p[b->n - 1] : '{';
	if (last != '{' && last != '[' && last != ':')
		buf_add_char(b, ',');
}

void put_text(struct buf *b, const char *z)
{
	buf_add_char(b, '"');
	for (; *z != '\0'; z++) {
		if ((unsigned char)*z < 0x20) {
			buf_printf(b, "\\u%04x", (unsigned char)*z);
			continue;
		}
		if (*z == '"' || *z == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, *z);
	}
	buf_add_char(b, '"');
}

void put_key(struct buf *b, const char *key)
{
	put_next(b);
	put_text(b, key);
	buf_add_char(b, ':');
}

void put_pair(struct buf *b, const char *key, const char *z)
{
	put_key(b, key);
	put_text(b, z);
}

void put_flag(struct buf *b, const char *key, bool value)
{
	put_key(b, key);
	buf_add(b, value ? STR("true") : STR("false"));
}

void put_open(struct buf *b, char c)
{
	put_next(b);
	buf_add_char(b, c);
}

void put_close(struct buf *b, char c)
{
	buf_add_char(b, c);
}

void put_ref(struct buf *b, const char *name)
{
	put_open(b, '{');
	put_key(b, "$ref");
	buf_printf(b, "\"#/components/schemas/%s\"", name);
	put_close(b, '}');
}
