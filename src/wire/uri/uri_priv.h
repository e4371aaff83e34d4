/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_URI_URI_PRIV_H
#define WITAN_WIRE_URI_URI_PRIV_H

#include "base/str.h"

/* Walks text with %HH escapes. A character of the reserved set that was escaped is not the same as the bare one (RFC 3261
 * 19.1.4), so it comes with URI_ESCAPED. -1 at the end; the escapes must have been checked. */
#define URI_ESCAPED 0x100
int uri_next_char(str *rest);
/* The value of one hexadecimal digit; -1 for any other character. */
int uri_hex_digit(char c);

#endif
