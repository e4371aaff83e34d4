/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http - HTTP/1.1 as a server speaks it (RFC 9110, RFC 9112): requests read, answers written; and what a client needs that fetches a
 * file. Pure functions of bytes, and strict: what two readers could understand in two ways is refused, because a proxy may stand before us.
 */
#ifndef WITAN_WIRE_HTTP_H
#define WITAN_WIRE_HTTP_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum {
	HTTP_LINE_MAX = 4096,    /* bytes of the request line */
	HTTP_HEADER_MAX = 16384, /* of request line and fields together */
	HTTP_FIELDS_MAX = 64,
};

/* ---- requests ---- */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

struct http_field {
	str name, value; /* the value without blanks around it */
};

/* Everything is a slice of the bytes that it was read from. */
struct http_request {
	str method_name;
	enum http_method method;
	str path;  /* as it came: with its escapes; "*" for OPTIONS of the whole server */
	str query; /* what follows '?', as it came */
	str host;  /* with its port: of the target if that names one, else of Host (RFC 9112 3.2.2) */
	unsigned minor; /* HTTP/1.minor */
	bool keep_alive;
	bool expects_continue; /* the client waits for 100 (RFC 9110 10.1.1) */
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t n_fields;
	str body;
};

/* Where the reading of one request stands. Zeroed before each. */
struct http_reader {
	size_t looked;          /* bytes in which the end of the header was looked for */
	size_t header, content; /* bytes of each, once the header is whole; 0 before */
	bool has_header;
};

/*
 * Reads the request that `in` begins with; in holds all bytes of it that have come so far (r knows what was seen already).
 * OK: *out is it, and *taken bytes of `in` belong to it. INCOMPLETE: again with more bytes; once r->has_header is true, *out
 * holds all but the body. Everything else is an answer that ends the connection, with d (NULL allowed): MALFORMED,
 * HTTP_LINE, HTTP_HEADER, HTTP_CODING (any Transfer-Encoding), HTTP_VERSION, HTTP_EXPECT, CEILING (the body).
 */
err http_request_read(struct http_reader *r, str in, size_t body_most, struct http_request *out, size_t *taken, struct diag *d);

/* The first field of this name (without regard to case); NULL if there is none. Those that decide something (Host,
 * Content-Length, Content-Type, Authorization, Origin) never stand there twice. */
const struct http_field *http_field_find(const struct http_request *r, str name);

/* Without %-escapes. MALFORMED: an escape that is none, or one of NUL or '/' (the path would have other parts then). p is NULL
 * past the arena's ceiling (NO_MEMORY). */
err http_path_decode(str path, struct arena *a, str *out);
/* The value of the first parameter of this name in a query (WHATWG URL 5.1: '+' is a blank). ABSENT, MALFORMED, NO_MEMORY. */
err http_query_find(str query, str name, struct arena *a, str *out);
/* A cookie's value (RFC 6265 5.4). ABSENT; MALFORMED: the name stands there twice, so that somebody has planted one. */
err http_cookie_find(const struct http_request *r, str name, str *out);
/* "application/json" of "Application/JSON; charset=utf-8" without regard to case. */
bool http_type_is(str content_type, str type);
/* The token of "Bearer TOKEN" (RFC 6750 2.1); false for anything else. */
bool http_bearer_find(str authorization, str *token);
/* Seconds since 1970 of a date in one of its three forms (RFC 9110 5.6.7). MALFORMED; so are dates before 1970. */
err http_date_read(str s, int64_t *out);
/* Whether the client has what has this entity tag (with its quotes) and was changed then: If-None-Match names it or is "*" (compared
 * weakly, RFC 9110 13.1.2); without that field, If-Modified-Since is no earlier (13.1.3). */
bool http_is_unchanged(const struct http_request *r, str etag, int64_t changed);

/* ---- answers ---- */

/* "HTTP/1.1 200 OK" and Date; unix_seconds since 1970. */
void http_status_print(struct buf *b, unsigned status, int64_t unix_seconds);
/* A date as a field. Nothing for a time that no date can say (after the year 9999). */
void http_date_print(struct buf *b, str name, int64_t unix_seconds);
/* A value with CR, LF or NUL is a mistake of ours: b->failed. */
void http_field_print(struct buf *b, str name, str value);
/* The end of the header: with a length, in chunks (RFC 9112 7.1), or neither (204, or until the connection closes). */
void http_length_print(struct buf *b, uint64_t length);
void http_chunked_print(struct buf *b);
void http_end_print(struct buf *b);
/* One chunk; nothing for no bytes, since an empty one would be the last. */
void http_chunk_print(struct buf *b, str bytes);
void http_last_chunk_print(struct buf *b);
/* "Not Found"; "" for what has no name. */
const char *http_reason(unsigned status);

/* ---- as a client: one GET of a file ---- */

#define HTTP_URL_MAX 1024 /* bytes */

/* Slices of the text. */
struct http_url {
	str host;      /* without the brackets of an IPv6 address */
	str authority; /* with them, and with the port where one stands there: what goes into Host */
	uint16_t port; /* 80 where none stands there */
	str target;    /* path and query without a fragment; may be empty, or begin with '?' */
};

/* http://HOST[:PORT][/PATH][?QUERY]. MALFORMED with d: another scheme, a user's name, characters that no URL has, too long. */
err http_url_parse(str text, struct http_url *out, struct diag *d);
/* What a Location that came as answer for `base` means, as a whole URL (RFC 3986 5.2, "." and ".." are left to the server). MALFORMED. */
err http_url_join(const struct http_url *base, str location, char out[HTTP_URL_MAX + 1], struct diag *d);
/* The request. */
void http_get_print(struct buf *b, const struct http_url *url, str accept);

/* An answer as far as it has come. Zeroed before the first bytes. */
struct http_response {
	unsigned status; /* 0: the header is not whole yet; an interim answer (1xx) is passed over */
	char location[HTTP_URL_MAX + 1]; /* empty: none */
	struct {
		unsigned state;
		size_t looked;
		uint64_t left; /* of the body or the chunk */
	} reader;
};

/*
 * Takes from `in` what can be taken (*taken bytes; they are to be dropped) and adds the body to `body`, whose ceiling is the caller's.
 * is_end: the other side has closed. OK: the answer is whole. INCOMPLETE: again with what is left and more bytes. MALFORMED (also: cut off),
 * HTTP_HEADER, HTTP_VERSION, HTTP_CODING (a coding that was not asked for), CEILING (the body), with d.
 */
err http_response_read(struct http_response *r, str in, bool is_end, struct buf *body, size_t *taken, struct diag *d);

#endif
