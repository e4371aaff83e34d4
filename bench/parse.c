/* SPDX-License-Identifier: Apache-2.0 */
/* What reading costs: nanoseconds of CPU time a message, the least of several runs. usage: bench_parse */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "wire/digest.h"
#include "wire/sip.h"

#define RUNS   9
#define ROUNDS 100000

static const char reg[] =
	"REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/TLS "
	"192.0.2.11:44321;branch=z9hG4bK1234567890abcdef;rport;alias\r\n"
	"Max-Forwards: 70\r\nFrom: <sip:alice@example.test>;tag=9f8e7d6c5b\r\nTo: <sip:alice@example.test>\r\n"
	"Call-ID: 1234567890abcdef@192.0.2.11\r\nCSeq: 2 REGISTER\r\n"
	"Contact: <sip:alice@192.0.2.11:44321;transport=tls>;expires=3600\r\n"
	"Authorization: Digest username=\"alice\", realm=\"example.test\", nonce=\"abcdef0123456789abcdef0123456789\", "
	"uri=\"sip:example.test\", response=\"0123456789abcdef0123456789abcdef\", algorithm=MD5, cnonce=\"deadbeef\", "
	"qop=auth, "
	"nc=00000001\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n";

static const char message[] =
	"MESSAGE sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.11:44321;branch=z9hG4bKabcdef;rport\r\n"
	"Max-Forwards: 70\r\nRoute: <sip:front.example.test:5061;transport=tls;lr>\r\n"
	"From: \"Alice\" <sip:alice@example.test>;tag=9f8e7d6c5b\r\nTo: <sip:bob@example.test>\r\n"
	"Call-ID: abcdef@192.0.2.11\r\nCSeq: 20 MESSAGE\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nHello";

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void round_of(str raw, bool with_digest)
{
	char memory[4096];
	struct arena a;
	struct sip_msg m;
	struct digest g;
	struct sip_frame f = { 0 };
	arena_init_with(&a, memory, sizeof memory, 65536);
	if (failed(sip_frame_find(&f, raw, NULL)) || failed(sip_msg_parse(&m, raw, &a, NULL, NULL)))
		abort();
	if (with_digest && failed(digest_parse(sip_hdr_value(&m, SIP_HDR_AUTHORIZATION), &g, NULL)))
		abort();
	arena_fini(&a);
}

static void measure(const char *name, const char *z, bool with_digest)
{
	double least = 1e18;
	for (int run = 0; run < RUNS; run++) {
		double from = now();
		for (int i = 0; i < ROUNDS; i++)
			round_of(str_of(z), with_digest);
		double each = (now() - from) / ROUNDS;
		least = each < least ? each : least;
	}
	(void)printf("%-32s %5zu bytes %6.0f ns\n", name, str_of(z).n, least);
}

int main(void)
{
	measure("REGISTER, framed and read", reg, false);
	measure("REGISTER, and its credentials", reg, true);
	measure("MESSAGE, framed and read", message, false);
	return 0;
}
