/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replica - what the central store and its copies on other servers say to each other, over TLS: frames, and the rows of a store inside
 * them. Pure functions of bytes. Integers are little-endian.
 *
 * The copy begins with HELLO: the moment of the store that it has. The central one answers by pieces: of everything, or of what has
 * changed since; each piece is answered by TAKEN before the next one is sent, so that nobody holds more than one. The last piece
 * makes them hold, all at once; APPLIED says that they are on the disk. From then on every change comes at once in the same way.
 */
#ifndef WITAN_WIRE_REPLICA_H
#define WITAN_WIRE_REPLICA_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum { REPLICA_PROTOCOL = 1, REPLICA_FIELDS = 10, REPLICA_FRAME_HEAD = 5 };
#define REPLICA_BODY_MAX ((1u << 20) - 4096) /* bytes of a frame's body */

/* ---- frames: length (4), type (1), body ---- */

enum replica_frame {
	REPLICA_HELLO,   /* from the copy */
	REPLICA_PIECE,   /* to the copy */
	REPLICA_TAKEN,   /* from the copy: the next piece may come */
	REPLICA_APPLIED, /* from the copy: all of it is on the disk */
	REPLICA_REFUSED, /* either way: it cannot, and why; the connection ends */
	REPLICA_PING,    /* either way: still here */
	REPLICA_ENROL,   /* a proof (32), and what is asked for as JSON: instead of HELLO, from a server that has no certificate of ours yet; later, to renew */
	REPLICA_ENROLLED, /* to it: its certificates, as JSON */
	REPLICA_FRAME_N
};

/* The frame that `in` begins with; *taken bytes of it belong to it, body is a slice. INCOMPLETE: again with more bytes. MALFORMED: no such
 * type; CEILING: longer than its type may be. Both are told by the first 5 bytes. */
err replica_frame_read(str in, enum replica_frame *type, str *body, size_t *taken);
void replica_frame_print(struct buf *b, enum replica_frame type, str body);

struct replica_hello {
	uint16_t protocol;
	uint64_t version, mark; /* of the moment that the copy has; 0, 0: none */
	str fqdn, product;
};

err replica_hello_parse(struct replica_hello *h, str body);
void replica_hello_print(struct buf *b, const struct replica_hello *h);
/* The body of APPLIED. */
err replica_applied_parse(uint64_t *version, str body);
void replica_applied_print(struct buf *b, uint64_t version);

/* ---- pieces ---- */

enum { REPLICA_BEGIN = 1, REPLICA_WHOLE = 2, REPLICA_END = 4 }; /* flags; WHOLE, with BEGIN: what is not told goes */

struct replica_piece {
	uint8_t flags;
	uint64_t version, mark; /* of the moment that holds after END */
	str rows;
};

err replica_piece_parse(struct replica_piece *p, str body);
/* The head; rows follow it in b. */
void replica_piece_print(struct buf *b, const struct replica_piece *p);

enum replica_row_type {
	REPLICA_OBJECT,      /* kind, identity, body */
	REPLICA_USER,        /* address, display name, "1" or "0", two hashes, body, created, changed */
	REPLICA_CREDENTIAL,  /* address, kind, value; after its user */
	REPLICA_FILE,        /* name, content */
	REPLICA_OBJECT_GONE, /* kind, identity */
	REPLICA_USER_GONE,   /* address */
	REPLICA_ROW_N
};

struct replica_row {
	enum replica_row_type type;
	str field[REPLICA_FIELDS]; /* as many as the type has */
};

/* The row that *rows begins with, which becomes the rest. ABSENT: there is none left. MALFORMED. */
err replica_row_read(str *rows, struct replica_row *out);
void replica_row_print(struct buf *b, const struct replica_row *r);
/* Bytes of it when printed. */
size_t replica_row_size(const struct replica_row *r);
unsigned replica_row_fields(enum replica_row_type type);

#endif
