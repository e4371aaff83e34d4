/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a message says, whichever way it came: MESSAGE with text of several kinds, INFO with KeyboardActivity, isComposing (RFC 3994), or the first text
 * that an INVITE of the Lync dialect carries along (ms-text-format). Pure.
 */
#ifndef WITAN_SERVICE_IM_IM_TEXT_H
#define WITAN_SERVICE_IM_IM_TEXT_H

#include "wire/sip.h"
#include "wire/xml_tree.h"

struct im_text {
	bool is_typing, is_active; /* somebody has begun to write, or has stopped */
	bool is_html, is_rtf;      /* it has such a form; several: multipart */
	str type, body;            /* as it came; of typing empty */
	str plain_type, plain;     /* as plain text; plain.p is NULL where there is none */
};

/* From the body of m. SIP_MEDIA_TYPE: nothing that could be shown; CEILING: the arena. */
err im_text_read(const struct sip_msg *m, struct xml_reader *xml, struct arena *a, struct im_text *out);
/* The first text that an INVITE carries along (ms-text-format with ms-body); false: none that could be read. */
bool im_text_first(const struct sip_msg *m, struct arena *a, struct im_text *out);
/* Does m offer a session of messages as the dialect has it ("m=message 5060 sip null"), and nothing else? */
bool im_text_is_offer(const struct sip_msg *m);

/* HTML as text: without tags and what is not shown, line ends where lines end, entities decoded. p is NULL past the ceiling. */
str im_text_strip(str html, struct arena *a);

/* Typing as either kind of client has it. */
#define IM_COMPOSING_TYPE STR("application/im-iscomposing+xml")
str im_text_composing(bool is_active);
#define IM_KEYBOARD_TYPE STR("application/xml")
str im_text_keyboard(bool is_active);

#endif
