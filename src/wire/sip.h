/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sip - SIP messages (RFC 3261 7 and 25.1 and its extensions): read into slices, written from header rows.
 *
 * A parsed message stays as it is but for the two functions that say otherwise. What is sent on is a struct sip_out: a start line and a list of header rows, each
 * "as received" or "ours", written out once. Everything here is a pure function of bytes.
 */
#ifndef WITAN_WIRE_SIP_H
#define WITAN_WIRE_SIP_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/uri.h"

/* ---- vocabulary ---- */

enum sip_method_index {
#define METHOD(name) SIP_METHOD_##name,
#include "wire/sip_method.def"
#undef METHOD
	SIP_METHOD_OTHER, /* a token that is none of the above */
	SIP_METHOD_N
};

/* Sets of methods, for stage tables. */
enum {
#define METHOD(name) SIP_##name = 1u << SIP_METHOD_##name,
#include "wire/sip_method.def"
#undef METHOD
	SIP_OTHER = 1u << SIP_METHOD_OTHER,
	SIP_ANY = (1u << SIP_METHOD_N) - 1,
};

enum sip_hdr_id {
	SIP_HDR_OTHER, /* a name that is not in the table */
#define HDR(id, name, compact, kind) SIP_HDR_##id,
#include "wire/sip_hdr.def"
#undef HDR
	SIP_HDR_N
};

/* The method of a name, exactly (methods are case-sensitive, 7.1); SIP_METHOD_OTHER. */
enum sip_method_index sip_method_of(str name);
str sip_method_name(enum sip_method_index m);
/* The id of a long or compact name, ASCII case ignored; SIP_HDR_OTHER. */
enum sip_hdr_id sip_hdr_of(str name);
str sip_hdr_name(enum sip_hdr_id id);
/* The reason phrase for a status ("Not Found"); for unknown ones that of its class. */
str sip_reason(unsigned status);

/* ---- parts ---- */

/* name-addr or addr-spec with its parameters (From, To, Contact, Route, P-Asserted-Identity ...) */
struct sip_addr {
	str raw;     /* all of it */
	str display; /* as received, quotes kept; empty without */
	struct uri uri;
	bool is_star;/* Contact: * */
	bool has_brackets;
	str params;  /* header parameters after the address, without the first ';' */
};

struct sip_via {
	str raw;           /* this value alone */
	str transport;     /* "TLS" as received (any case, 18.1.1; RFC 2543 clients send lower case) */
	str host;          /* sent-by */
	uint16_t port;     /* 0: not given */
	str params;        /* without the first ';' */
	str branch;        /* empty without */
	bool has_cookie;   /* branch begins with z9hG4bK and has something after it */
	bool has_rport;    /* RFC 3581: asked for */
	str rport, received;
};

/* One more value from *rest (a header value whose grammar is a comma list); false at its end. Commas inside quotes, <>
 * and comments do not count. The value is trimmed. MALFORMED values are for the caller's parser to see. */
bool sip_next_value(str *rest, str *value);
/* One more ";name=value" from *rest; *value empty without '='; quotes kept. false at its end. */
bool sip_next_param(str *rest, str *name, str *value);
/* Finds a parameter by name (ASCII case ignored). value may be NULL. */
bool sip_param(str params, str name, str *value);
err sip_addr_parse(str s, struct sip_addr *out, struct diag *d);
err sip_via_parse(str s, struct sip_via *out, struct diag *d);
/* A quoted string without its quotes and escapes, or s itself if it is no quoted string. */
str sip_unquote(str s, struct arena *a);
/* qvalue in thousandths (0..1000); false if malformed. */
bool sip_qvalue(str s, unsigned *out);

/* ---- messages ---- */

struct sip_hdr {
	uint16_t id;   /* enum sip_hdr_id */
	uint16_t next; /* 1 + index of the next field with the same id; 0: none */
	str line;      /* the whole field as received, folds and final CRLF included */
	str name;
	str value;     /* trimmed; folds inside are kept and count as space */
};

struct sip_msg {
	str raw;                       /* the whole message */
	bool is_request;
	enum sip_method_index method;  /* of the request line, or of CSeq in a response */
	str method_name;
	str request_uri;               /* request */
	struct uri uri;                /* request: request_uri parsed */
	unsigned status;               /* response: 100..699 */
	str reason;
	struct sip_hdr *hdrs;          /* in the arena, in the order received */
	uint16_t n_hdrs;
	uint16_t first[SIP_HDR_N];     /* 1 + index of the first field of an id; 0: none */
	/* what every request and response has, decoded */
	struct sip_via via;            /* the topmost */
	struct sip_addr from, to;
	str from_tag, to_tag;          /* empty without */
	str call_id;
	uint32_t cseq;
	str cseq_method;
	uint8_t max_forwards;          /* 255 when has_max_forwards is false */
	bool has_max_forwards;
	str body;
	bool answerable;               /* after an error: it is a request but no ACK, and has a Via to send a response along */
};

/* Ceilings of what is read. Zero fields mean the defaults in brackets. */
struct sip_limits {
	uint32_t message; /* bytes [65536] */
	uint32_t header;  /* bytes of start line and header fields [32768] */
	uint32_t body;    /* bytes [65536] */
	uint16_t fields;  /* header fields [128] */
};

/* Remembers how far a stream has been looked through, so that a message that comes byte by byte is scanned once. */
struct sip_frame {
	uint32_t scanned;       /* bytes of whole fields that have been looked at */
	uint32_t header_length; /* 0: the empty line has not been seen */
	uint32_t length;        /* of the whole message, once the header is there */
	uint64_t body;          /* Content-Length, when has_body */
	bool has_body, refused;
};

/*
 * Finds the end of the message at the beginning of `in` (a stream, 18.3; leading CRLF must have been taken away).
 * OK: f->length bytes are one message. INCOMPLETE: more bytes are needed. SIP_TOO_LARGE: over a ceiling, SIP_ENTITY: the
 * body over its own. MALFORMED: Content-Length missing, negative, not a number or given twice with different values
 * (RFC 4475 3.1.2.3, 3.3.9); after these three the stream cannot be followed any more; f->header_length (when not 0)
 * bytes may still be parsed to answer. f starts zeroed and is zeroed again for the next message.
 */
err sip_frame_find(struct sip_frame *f, str in, const struct sip_limits *limits);

/*
 * Reads one whole message. On error (MALFORMED, SIP_VERSION, SIP_SCHEME, SIP_TOO_LARGE, CEILING) d (NULL allowed) says
 * where and why with the section, in the form of diag_clean, and m holds what could be read: a request with m->answerable
 * can be answered.
 * Slices point into raw, rows into the arena: both must outlive m.
 */
err sip_msg_parse(struct sip_msg *m, str raw, struct arena *a, const struct sip_limits *limits, struct diag *d);

/*
 * Rules beyond the grammar that hold whoever reads the message: an option tag in Require or Proxy-Require that no RFC
 * defines (SIP_EXTENSION), REGISTER with a To that is no SIP or SIPS URI (MALFORMED; RFC 3261 10.2), a response with a
 * broadcast or multicast address in a Via below the top (MALFORMED; RFC 4475 3.3.10: it must not be relayed). m must have
 * been parsed without error. For whoever judges a message without being the server that it is for (witan parse-message): the
 * services of a server have narrower rules of their own.
 */
err sip_msg_check(const struct sip_msg *m, struct diag *d);

/*
 * The one way to change a message that has come in: what is sent on by sip_out_from has this body, or this value of field i, and whoever reads m later knows
 * no other; raw stays as it came. body and value must live as long as m. MALFORMED: a value with a line end; CEILING: the arena.
 */
void sip_msg_change_body(struct sip_msg *m, str body);
err sip_msg_change_value(struct sip_msg *m, size_t i, str value, struct arena *a);

/* The first field of an id; NULL without. Then sip_hdr_next for the others. */
static inline const struct sip_hdr *sip_hdr_first(const struct sip_msg *m, enum sip_hdr_id id)
{
	return m->first[id] != 0 ? &m->hdrs[m->first[id] - 1] : NULL;
}
static inline const struct sip_hdr *sip_hdr_next(const struct sip_msg *m, const struct sip_hdr *h)
{
	return h->next != 0 ? &m->hdrs[h->next - 1] : NULL;
}
/* The value of the first field of an id; empty without. */
static inline str sip_hdr_value(const struct sip_msg *m, enum sip_hdr_id id)
{
	const struct sip_hdr *h = sip_hdr_first(m, id);
	return h != NULL ? h->value : (str){ "", 0 };
}

/* Walks the values of all fields of an id, comma lists opened (Via, Route, Contact, Supported ...). Starts zeroed. */
struct sip_walk {
	const struct sip_hdr *hdr;
	str rest;
	bool begun;
};
bool sip_walk_next(const struct sip_msg *m, enum sip_hdr_id id, struct sip_walk *w, str *value);
/* Does a token list (Supported, Require, Allow ...) hold the token? ASCII case ignored. */
bool sip_has_token(const struct sip_msg *m, enum sip_hdr_id id, str token);
/* Delta-seconds of Expires and the like; false if absent or malformed; larger values become UINT32_MAX. */
bool sip_hdr_seconds(const struct sip_msg *m, enum sip_hdr_id id, uint32_t *out);

/* ---- writing ---- */

struct sip_row {
	str line;  /* as received, CRLF included; or, when name.n != 0, ignored */
	str name;  /* ours */
	str value; /* ours, without CRLF */
	uint16_t id;
};

struct sip_out {
	struct arena *arena;
	str start;            /* start line without CRLF */
	struct sip_row *rows;
	uint16_t n, size;
	str body;
	bool failed;          /* the arena was full: must not be sent */
};

/*
 * A message to send on: rows as received (compact names written out, as existing clients need them) without the fields that always change hands (Content-Length is written by
 * sip_out_print). start is ours, in the arena or static.
 */
void sip_out_from(struct sip_out *o, struct arena *a, const struct sip_msg *m, str start);
/* An empty message (our own requests and responses). */
void sip_out_new(struct sip_out *o, struct arena *a, str start);
/*
 * A response to m by RFC 3261 8.2.6: Via rows with received and rport filled in where the row has `via_params` appended
 * (";received=192.0.2.1;rport=5060", or empty), From, To (with to_tag added if it has none and status > 100), Call-ID,
 * CSeq. reason empty: sip_reason(status).
 */
void sip_out_reply(struct sip_out *o, struct arena *a, const struct sip_msg *m, unsigned status, str reason, str to_tag,
	str via_params);

/* The top Via row becomes `via` (the received message's) with via_params in place of what it said of received and rport
 * (RFC 3261 18.2.1, RFC 3581 4); empty via_params: nothing changes. */
void sip_out_complete_via(struct sip_out *o, const struct sip_via *via, str via_params);

/* value must live as long as o (copy it into the arena if in doubt). */
void sip_out_add(struct sip_out *o, enum sip_hdr_id id, str value);
void sip_out_add_other(struct sip_out *o, str name, str value);
/* Before the first row of that id (at the front when there is none): Via, Record-Route, Path. */
void sip_out_add_top(struct sip_out *o, enum sip_hdr_id id, str value);
/* printf into the arena, then sip_out_add. */
void sip_out_addf(struct sip_out *o, enum sip_hdr_id id, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Removes all rows of an id. */
void sip_out_remove(struct sip_out *o, enum sip_hdr_id id);
/* Removes the first value of the first row of an id, the rest of a comma list stays (Via, Route). */
void sip_out_remove_top(struct sip_out *o, enum sip_hdr_id id);
/* Replaces the first value of the first row of an id (Via with received added); the rest of a comma list stays. */
void sip_out_replace_top(struct sip_out *o, enum sip_hdr_id id, str value);
/* One row of an id with this value instead of all that were there. */
void sip_out_set(struct sip_out *o, enum sip_hdr_id id, str value);

/*
 * Writes start line, rows, Content-Length, empty line and body. CEILING when o or b has failed, or when one of our own
 * values has a line end in it that is no fold: nobody can smuggle a field in.
 */
err sip_out_print(const struct sip_out *o, struct buf *b);

#endif
