/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as records of TLS-DSK: joined, as the first flight of a client, and as the second after a hello that was right. */
#include <openssl/err.h>

#include "service/auth.h"
#include "service/auth/auth_dsk_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static struct auth_dsk *dsk;
static struct buf hello;

static void make_world(void)
{
	struct dsk_client c;
	CHECK(!failed(auth_dsk_new(STR("uc01.example.test"), &dsk)));
	buf_init(&hello, DSK_FLIGHT_MAX);
	dsk_client_init(&c, NULL, NULL, "AES128-SHA:@SECLEVEL=0");
	(void)dsk_client_step(&c, STR(""), &hello);
	dsk_client_fini(&c);
}

/* What is joined is whole, no longer, and stays the same when it is joined again. */
static void check_join(str in)
{
	struct buf once, twice;
	buf_init(&once, 1 << 20);
	buf_init(&twice, 1 << 20);
	bool is_fine = !failed(dsk_join(in, &once));
	CHECK(!is_fine || dsk_is_whole(in) || in.n == 0);
	if (is_fine && in.n != 0) {
		CHECK(dsk_is_whole(buf_str(&once)) && once.n <= in.n && once.p[0] == in.p[0]);
		CHECK(!failed(dsk_join(buf_str(&once), &twice)) && str_eq(buf_str(&once), buf_str(&twice)));
	}
	buf_fini(&once);
	buf_fini(&twice);
}

static void check_flights(str first, str second)
{
	struct dsk_handshake *h = NULL;
	struct dsk_keys keys;
	struct buf ours, certificate;
	buf_init(&ours, DSK_FLIGHT_MAX);
	buf_init(&certificate, DSK_CERTIFICATE_MAX);
	CHECK(!failed(dsk_handshake_new(dsk, 0, &h)) && h != NULL && dsk_handshakes_count(dsk) == 1);
	err e = dsk_handshake_begin(h, first, &ours);
	CHECK(failed(e) || (ours.n > 5 && ours.p[0] == 22));
	buf_reset(&ours);
	CHECK(failed(e) || failed(dsk_handshake_end(h, second, &ours, &certificate, &keys))); /* nobody guesses a signature */
	dsk_handshake_free(h);
	CHECK(h == NULL && dsk_handshakes_count(dsk) == 0 && ERR_peek_error() == 0);
	buf_fini(&ours);
	buf_fini(&certificate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str in = { (const char *)data, size };
	if (dsk == NULL)
		make_world(); /* a key takes longer than everything else */
	check_join(in);
	check_flights(in, in);
	check_flights(buf_str(&hello), in);
	return 0;
}
