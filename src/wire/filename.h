/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filename - what the name of a file that somebody sends ends with, whatever it is dressed up as: without the path, streams ("a.exe::$DATA"), dots and blanks
 * at the end, marks that turn or hide text (U+202E, U+200B ...); wide and other forms of letters and dots as the ordinary ones. Pure.
 */
#ifndef WITAN_WIRE_FILENAME_H
#define WITAN_WIRE_FILENAME_H

#include "base/str.h"

#define FILENAME_MAX_BYTES 256 /* of a plain name that are looked at: its end */

/* The name as it would be on a disk, in lower case, into out; answers its bytes. name in UTF-8; what is none stays as it is. */
size_t filename_plain(str name, char out[FILENAME_MAX_BYTES]);
/* Does it end with one of the extensions (".exe"; without regard to case; a missing dot is added in thought)? */
bool filename_has(str name, const str *extensions, size_t n);
/* The path of a URL with its %-escapes undone: into out, at most size bytes of its end; answers how many. */
size_t filename_unescape(str path, char *out, size_t size);

#endif
