/* SPDX-License-Identifier: Apache-2.0 */
/* photo - pictures of people: what a file says of itself. Nothing of it is unpacked. Pure. */
#ifndef WITAN_SERVICE_PHOTO_H
#define WITAN_SERVICE_PHOTO_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define PHOTO_MAX  30720 /* bytes, as clients are told by default (MaxPhotoSizeKB) */
#define PHOTO_SIDE 1024  /* pixels of a side */
#define PHOTO_HASH 32    /* characters */

struct photo {
	const char *type; /* "image/jpeg", "image/png" */
	uint32_t width, height;
};

/* MALFORMED: neither JPEG nor PNG, or without a size; CEILING: too many bytes or pixels. d (NULL allowed) says which. */
err photo_read(str bytes, struct photo *out, struct diag *d);

#endif
