/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as they come over a connection: frames, and what is in each. What is accepted must be written again as the same bytes. */
#include "wire/replica.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void same(struct buf *b, str body)
{
	CHECK(!b->failed && str_eq(buf_str(b), body));
	buf_reset(b);
}

static void take_rows(str rows, struct buf *b)
{
	struct replica_row r;
	str rest = rows;
	while (!failed(replica_row_read(&rest, &r)))
		replica_row_print(b, &r);
	same(b, str_cut(rows, 0, rows.n - rest.n));
}

static void take_body(enum replica_frame type, str body, struct buf *b)
{
	struct replica_hello h;
	struct replica_piece p;
	uint64_t version;
	if (type == REPLICA_HELLO && !failed(replica_hello_parse(&h, body))) {
		replica_hello_print(b, &h);
		same(b, body);
	}
	if (type == REPLICA_APPLIED && !failed(replica_applied_parse(&version, body))) {
		replica_applied_print(b, version);
		same(b, body);
	}
	if (type == REPLICA_PIECE && !failed(replica_piece_parse(&p, body))) {
		replica_piece_print(b, &p);
		same(b, body);
		take_rows(p.rows, b);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b;
	enum replica_frame type;
	str in = { (const char *)data, size }, body;
	size_t taken;
	buf_init(&b, 1 << 21);
	while (!failed(replica_frame_read(in, &type, &body, &taken))) {
		CHECK(taken >= REPLICA_FRAME_HEAD && taken <= in.n && body.n <= REPLICA_BODY_MAX);
		take_body(type, body, &b);
		in = str_cut(in, taken, in.n);
	}
	buf_fini(&b);
	return 0;
}
