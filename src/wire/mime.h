/* SPDX-License-Identifier: Apache-2.0 */
/* mime - bodies of several parts (RFC 2046 5.1) and the headers of parts, as slices. Pure. */
#ifndef WITAN_WIRE_MIME_H
#define WITAN_WIRE_MIME_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define MIME_PARTS_MAX 16

struct mime_part {
	str header; /* lines, without the empty one; empty: none */
	str body;   /* as it stands, without the line end that belongs to the boundary */
};

/* "text/plain; charset=UTF-8;msgr=...": the type alone, the rest its parameters (for sip_param). */
str mime_type(str value, str *params);
/* The field of a part's header, by name without regard to case; empty without. */
str mime_field(str header, str name);
/* Parts header and body at the first empty line; without one all is header. */
struct mime_part mime_cut(str part);

/* A walk over the parts of a body; boundary without quotes. */
struct mime_walk {
	str rest, boundary;
};
/* MALFORMED: no boundary that RFC 2046 5.1.1 allows. */
err mime_begin(struct mime_walk *w, str boundary, str body);
/* The next part; false after the last. */
bool mime_next(struct mime_walk *w, struct mime_part *part);

/* Content-Transfer-Encoding undone (RFC 2045 6): quoted-printable and base64 into the arena, others as they are. MALFORMED: neither
 * known nor readable; CEILING: the arena. */
err mime_decode(str encoding, str body, struct arena *a, str *out);

#endif
