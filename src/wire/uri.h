/* SPDX-License-Identifier: Apache-2.0 */
/* uri - SIP, SIPS and other URIs as slices (RFC 3261 19.1 and 25.1, RFC 5954 for IPv6, RFC 3966 for tel). */
#ifndef WITAN_WIRE_URI_H
#define WITAN_WIRE_URI_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum uri_kind { URI_SIP, URI_SIPS, URI_TEL, URI_OTHER };

struct uri {
	enum uri_kind kind;
	str raw;      /* all of it */
	str scheme;   /* "sip" as received */
	str user;     /* as received, escapes kept; empty without user */
	bool has_user;
	str password;
	str host;     /* name, IPv4, or IPv6 with its brackets; for tel and others: everything between ':' and ';' or '?' */
	uint16_t port;/* 0: not given */
	str params;   /* "transport=tls;lr" without the first ';' */
	str headers;  /* after '?' */
};

/*
 * Reads all of s. SIP and SIPS by the whole grammar; any other scheme only as far as scheme, opaque part and parameters.
 * A parameter may be there once, and 32 of them. MALFORMED with the reason in d (NULL allowed). Slices point into s. Pure.
 */
err uri_parse(str s, struct uri *out, struct diag *d);

/* Finds parameter `name` (ASCII case ignored). *value (NULL allowed) is empty when the parameter has none. */
bool uri_param(const struct uri *u, str name, str *value);

/* RFC 3261 19.1.4, with RFC 5954 for addresses: user case-sensitive after unescaping, host not, port and the parameters
 * user, ttl, method, maddr and transport must match when one side has them, headers as sets. Other schemes: byte by byte. */
bool uri_equal(const struct uri *a, const struct uri *b);

/*
 * The address of record as Witan stores and compares it: "user@host", unescaped, lower case, without scheme, password,
 * port, parameters and headers (docs/adr: user names do not differ by case). MALFORMED if u is not SIP or SIPS, has no
 * user, or has bytes in it that an AOR may not (controls, NUL, space, '@'); CEILING past 254 bytes or the arena.
 */
err uri_aor(const struct uri *u, struct arena *a, str *out);

/* Writes s with everything escaped that the user part of a SIP URI may not hold (RFC 3261 25.1 "user"). */
void uri_add_user(struct buf *b, str s);

/* Is s an IPv4 address, or an IPv6 address in brackets? */
bool uri_host_is_address(str s);
/* Is s one of those or a hostname (RFC 3261 25.1 "host")? */
bool uri_host_is_valid(str s);

#endif
