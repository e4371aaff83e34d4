/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hop - where a request for a SIP URI goes next, by RFC 3263: numeric, with port, by NAPTR, by SRV (RFC 2782), or by address
 * records alone. TLS always; TCP only where it is allowed, and never for sips.
 */
#ifndef WITAN_ENGINE_HOP_H
#define WITAN_ENGINE_HOP_H

#include "base/err.h"
#include "base/str.h"
#include "os/dns.h"
#include "os/loop.h"
#include "os/net.h"
#include "wire/uri.h"

#define HOP_MAX 16 /* places of one answer */

struct hop {
	struct addr addr; /* with port */
	bool secure;      /* TLS, else TCP */
	str name;         /* what the peer's certificate must be for: the domain of the URI (RFC 5922 7.1), or its address */
	str host;         /* the machine's name by DNS, for the log; empty if the URI had an address */
};

struct hop_config {
	struct dns *dns;
	struct loop *loop;
	bool allows_tcp;
	bool has_ipv6;       /* IPv6 addresses come first, then */
	uint32_t timeout_ms; /* for everything together: what is known by then is answered; 0: 8000 */
};

struct hop_search;

/*
 * done(arg, e, hops, n) is called once, in a later turn; hops, best first, are valid during the call: try each until one takes
 * the request. ABSENT: the domain offers nothing that we may use; otherwise the reason why the DNS could not tell (TIMEOUT, BUSY).
 * Answers at once, without calling done: MALFORMED (neither SIP nor SIPS), REFUSED (a transport that is not allowed),
 * NO_MEMORY. *out is for hop_cancel and ends with done. u may go after the call.
 */
err hop_find(const struct hop_config *config, const struct uri *u, void (*done)(void *arg, err e, const struct hop *hops, size_t n),
             void *arg, struct hop_search **out);
/* done will not be called. Not from inside done. */
void hop_cancel(struct hop_search *s);

#endif
