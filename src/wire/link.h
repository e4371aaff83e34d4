/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link - links in a text as its reader's client would find them: plain text, HTML (tags taken away, entities decoded, the values of attributes by
 * themselves) and RTF (what is shown, and the instructions of fields, such as HYPERLINK). Each character remembers where in the source it stands, so that
 * something can be put in front of it. Pure.
 */
#ifndef WITAN_WIRE_LINK_H
#define WITAN_WIRE_LINK_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum link_form { LINK_PLAIN, LINK_HTML, LINK_RTF };

#define LINK_BLANK '\x1e' /* stands for a blank inside a quoted value: it does not end a link */

struct link_text {
	const char *p;
	const uint32_t *at; /* of each byte, its place in the source; NULL: the same place */
	size_t n;
	size_t begin; /* where in the source something can be put before all that is shown */
};

/* Reads a whole source; the arena should have room for 12 times its bytes. MALFORMED: RTF that is none or too deep; CEILING: the arena. */
err link_read(enum link_form form, str source, struct arena *a, struct link_text *out);

/* What links begin with: "http:", "ftp.", "www*." (anything up to a dot), "href" (with =). */
struct link_rules {
	const str *prefixes;
	size_t n;
	bool heads[256]; /* first characters, lower case */
};
void link_rules_init(struct link_rules *r, const str *prefixes, size_t n);

struct link {
	str text;     /* from its prefix to its end, decoded; blanks may be LINK_BLANK */
	str target;   /* the same without href= and quotes */
	size_t place; /* in the source, where something may be put in front */
	bool is_path; /* \\server\file: known by its form, whatever the prefixes */
};
/* The next link from *from on (in characters of t); false: none. */
bool link_next(const struct link_rules *r, const struct link_text *t, size_t *from, struct link *out);

/* The host of a link's target ("srv" of "http://ann@srv:80/a" and of "\\srv\a"); empty: none. */
str link_host(str target);
/* The name of the file that it leads to, without escapes: into out; empty: it has no path. */
str link_file(str target, char *out, size_t size);

#endif
