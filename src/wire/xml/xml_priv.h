/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_XML_XML_PRIV_H
#define WITAN_WIRE_XML_XML_PRIV_H

#include "base/mem.h"

/* Text as it stands in a document; false: it has a character that XML 1.0 2.2 forbids. */
bool xml_add_escaped(struct buf *out, str s, bool in_attribute);

#endif
