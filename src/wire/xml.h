/* SPDX-License-Identifier: Apache-2.0 */
/* xml - writes XML 1.0 documents onto a buffer: well-formed whatever the text, or not at all. Pure. */
#ifndef WITAN_WIRE_XML_H
#define WITAN_WIRE_XML_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define XML_DEPTH_MAX 16

struct xml {
	struct buf *b;
	const char *names[XML_DEPTH_MAX]; /* of the open elements */
	unsigned depth;
	bool in_tag;  /* attributes may still be added */
	bool done;    /* the root element is closed */
	bool refused; /* text with a character that XML 1.0 forbids */
};

/* Writes the declaration. b must outlive x. */
void xml_init(struct xml *x, struct buf *b);
/* name is a literal: a name of XML 1.0 in ASCII, maybe with a prefix. */
void xml_open(struct xml *x, const char *name);
/* Of the element opened last, before its text and children. */
void xml_attr(struct xml *x, const char *name, str value);
void xml_attr_u64(struct xml *x, const char *name, uint64_t value);
void xml_text(struct xml *x, str text);
/* Ends the element opened last. */
void xml_close(struct xml *x);
/* An element with nothing but text. */
void xml_element(struct xml *x, const char *name, str text);
/* Is the document whole? MALFORMED: text was no UTF-8 or held a character that XML 1.0 2.2 forbids; CEILING: b was too
 * small. After an error what is in b must not be sent. */
err xml_end(struct xml *x);

/* Text as it stands in a document, for who puts one together of parts; false: it has a character that XML 1.0 2.2 forbids. */
bool xml_add_escaped(struct buf *out, str s, bool in_attribute);

#endif
