/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialog - one dialog in which this server itself is a side (RFC 3261 12): what it is known by, and the requests that go out in it.
 * Who is told what, and when it ends, is the matter of its owner.
 */
#ifndef WITAN_ENGINE_DIALOG_H
#define WITAN_ENGINE_DIALOG_H

#include "base/err.h"
#include "engine/conn.h"
#include "wire/sip.h"

struct dialog {
	struct flow flow;     /* to the other side */
	str call_id;
	str local, remote;    /* From and To of what we send, tags included */
	str remote_tag;
	str target;           /* the URI of the other side's Contact */
	str routes;           /* Route values joined by ", "; empty without */
	uint32_t cseq;        /* of our last request */
	uint32_t remote_cseq; /* of the other side's last; 0: none yet */
	char text[];
};

#define DIALOG_TEXT_MAX 16384 /* bytes of all of it together */

/* The side that was called (12.1.1): from the request that begins it, our tag being `tag`. MALFORMED: no usable Contact; CEILING. */
err dialog_open_called(const struct inbound *request, str tag, struct dialog **out);
/* The side that called (12.1.2): from the 2xx. The same errors. */
err dialog_open_calling(const struct inbound *response, struct dialog **out);
/* NULL is allowed. */
void dialog_close(struct dialog *d);

/* A request of the other side (not ACK, not CANCEL) in its order (12.2.2). SIP_NO_TXN: of another dialog; SIP_ORDER. */
err dialog_take(struct dialog *d, const struct sip_msg *m);

/*
 * Begins the next request: start line, Route, Max-Forwards, From, To, Call-ID, CSeq (an ACK has that of `cseq`, the INVITE's; others pass 0). Without
 * Via, which the transaction adds.
 */
err dialog_request(struct dialog *d, enum sip_method_index method, uint32_t cseq, struct arena *a, struct sip_out *o);

#endif
