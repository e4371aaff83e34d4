/* SPDX-License-Identifier: Apache-2.0 */
/* Records of TLS 1.0 (RFC 2246 6.2.1), joined; and the signatures of TLS-DSK. */
#include "base/crypt.h"
#include "base/enc.h"
#include "service/auth/auth_dsk.h"

enum { HEADER = 5, RECORD_MAX = 16384, HANDSHAKE = 22, MAC = 20 };

struct record {
	uint8_t type;
	str version, body;
};

/* The first of *in, which then begins after it. */
static err take(str *in, struct record *out)
{
	const uint8_t *p = (const uint8_t *)in->p;
	ENSURE(in->n >= HEADER, MALFORMED);
	size_t n = (size_t)p[3] << 8 | p[4];
	ENSURE(n != 0 && n <= RECORD_MAX && in->n - HEADER >= n, MALFORMED);
	*out = (struct record){ p[0], str_cut(*in, 1, 3), str_cut(*in, HEADER, HEADER + n) };
	*in = str_cut(*in, HEADER + n, in->n);
	return OK;
}

bool dsk_is_whole(str records)
{
	struct record r;
	bool is_whole = records.n != 0;
	while (is_whole && records.n != 0)
		is_whole = !failed(take(&records, &r));
	return is_whole;
}

static err print(const struct record *first, str body, struct buf *out)
{
	ENSURE(body.n <= RECORD_MAX, CEILING);
	buf_add_char(out, (char)first->type);
	buf_add(out, first->version);
	buf_add_char(out, (char)(body.n >> 8));
	buf_add_char(out, (char)(body.n & 0xff));
	buf_add(out, body);
	return out->failed ? ERR(CEILING) : OK;
}

err dsk_join(str records, struct buf *out)
{
	struct buf body DEFER(buf_fini) = { 0 };
	struct record first = { .type = 0 }, r;
	buf_init(&body, RECORD_MAX + 1);
	str rest = records, from = records;
	while (rest.n != 0) {
		from = rest;
		TRY(take(&rest, &r));
		bool joins = r.type == HANDSHAKE && (body.n == 0 || str_eq(r.version, first.version));
		if (!joins)
			break;
		first = body.n == 0 ? r : first;
		buf_add(&body, r.body);
		ENSURE(!body.failed, CEILING);
		from = rest;
	}
	if (body.n != 0)
		TRY(print(&first, buf_str(&body), out));
	for (rest = from; rest.n != 0;) {
		TRY(take(&rest, &r));
		TRY(print(&r, r.body, out));
	}
	return OK;
}

err dsk_sign(const uint8_t key[DSK_KEY], str text, char out[DSK_SIGNATURE])
{
	uint8_t mac[MAC];
	TRY(crypt_mac_sha1((str){ (const char *)key, DSK_KEY }, text, mac));
	enc_hex(mac, sizeof mac, out);
	return OK;
}

bool dsk_verify(const uint8_t key[DSK_KEY], str text, str signature)
{
	uint8_t want[MAC], given[MAC];
	if (signature.n != DSK_SIGNATURE || failed(enc_hex_read(signature, given, sizeof given)))
		return false;
	return !failed(crypt_mac_sha1((str){ (const char *)key, DSK_KEY }, text, want)) && crypt_equal(want, given, sizeof want);
}
