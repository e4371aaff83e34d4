/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spnego - the frame in which clients of HTTP carry a token of Kerberos or NTLM (RFC 4178; RFC 4559 `Negotiate`): their first message, and
 * our answer to it, which is the last one. Pure.
 */
#ifndef WITAN_WIRE_SPNEGO_H
#define WITAN_WIRE_SPNEGO_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define SPNEGO_MOST       12288 /* bytes of a message that is read: no header of HTTP holds more in Base64 */
#define SPNEGO_MECHS_MAX  16    /* mechanisms that a client may list */
#define SPNEGO_FRAME_MOST 64    /* bytes of the frame around an answer's token */

enum spnego_mech {
	SPNEGO_OTHER,
	SPNEGO_KERBEROS,
	SPNEGO_KERBEROS_OLD, /* the same by the number that Windows 2000 gave it, which clients still list first */
	SPNEGO_NTLM,
	SPNEGO_MECHS
};

struct spnego_message {
	bool is_framed;        /* false: a bare token of Kerberos or NTLM, which some clients send */
	enum spnego_mech mech; /* the client's first choice, which its token is of */
	str token;             /* slice of what was read; empty: none came along */
};

/* MALFORMED, CEILING with d. */
err spnego_parse(str in, struct spnego_message *out, struct diag *d);
/* What answers m: the token of its mechanism, framed as m was, and nothing more is to come (accept-completed). An empty token framed says only that. */
void spnego_answer_print(const struct spnego_message *m, str token, struct buf *out);

#endif
