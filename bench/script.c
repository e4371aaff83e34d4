/* SPDX-License-Identifier: Apache-2.0 */
/* What a script costs a message: nanoseconds of CPU time, the least of several runs. usage: bench_script scripts/mspl/hide-presence.am */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "os/file.h"
#include "service/script.h"

#define RUNS   9
#define ROUNDS 50000

#define MESSAGE(method, event)                                                                                                   \
	method " sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.11:44321;branch=z9hG4bKabcdef;rport\r\nMax-Forwards: 70\r\n"   \
		"From: \"Alice\" <sip:alice@example.test>;tag=9f8e7d6c5b\r\nTo: <sip:bob@example.test>\r\nCall-ID: abcdef@192.0.2.11\r\n" \
		"CSeq: 20 " method "\r\n" event "Content-Length: 0\r\n\r\n"

static int64_t network;

static void source(void *arg, const struct inbound *in, const struct request *r, struct script_source *out)
{
	(void)arg;
	(void)in;
	(void)r;
	out->network = network;
}

static bool is_domain(void *arg, str domain)
{
	(void)arg;
	return str_eq_case(domain, STR("example.test"));
}

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Reading is measured, too, and taken off by who reads the numbers: a script needs a message of its own each time. */
static void round_of(struct scripts *s, str raw, bool with_script)
{
	static struct inbound in;
	char memory[8192];
	struct request r = { .in = &in };
	enum stage_verdict v = STAGE_NEXT;
	arena_init_with(&in.arena, memory, sizeof memory, 262144);
	if (failed(sip_msg_parse(&in.msg, raw, &in.arena, NULL, NULL)) || (with_script && failed(script_stage(s, &r, &v))) || v != STAGE_NEXT)
		abort();
	arena_fini(&in.arena);
}

static double least_of(struct scripts *s, const char *z, bool with_script)
{
	double least = 1e18;
	for (int run = 0; run < RUNS; run++) {
		double from = now();
		for (int i = 0; i < ROUNDS; i++)
			round_of(s, str_of(z), with_script);
		double each = (now() - from) / ROUNDS;
		least = each < least ? each : least;
	}
	return least;
}

static void measure(struct scripts *s, const char *name, const char *z)
{
	(void)printf("%-60s %6.0f ns\n", name, least_of(s, z, true) - least_of(s, z, false));
}

int main(int argc, char **argv)
{
	static struct meter meter;
	struct buf manifest;
	struct log log;
	struct scripts *s;
	struct diag d = { 0 };
	buf_init(&manifest, 1 << 20);
	if (argc != 2 || failed(file_read(AT_FDCWD, argv[1], 1 << 20, &manifest, &d)))
		return 2;
	log_init(&log, 2, "bench", 0);
	if (failed(scripts_new(&(const struct script_config){ .fqdn = STR("uc"), .pool = STR("uc"), .role = MSPL_ServerRole_FrontEnd,
				       .door = { .source = source, .is_domain = is_domain }, .log = &log, .meter = &meter },
		    &s)))
		return 1;
	scripts_begin(s);
	if (failed(scripts_put(s, &(const struct script_row){ .identity = STR("bench"), .manifest = buf_str(&manifest), .files = STR("") })))
		return 1;
	scripts_end(s);
	measure(s, "MESSAGE, which the manifest does not select", MESSAGE("MESSAGE", ""));
	measure(s, "SUBSCRIBE from inside, looked at and passed", MESSAGE("SUBSCRIBE", "Event: presence\r\n"));
	network = MSPL_ExternalSourceNetwork_Federation;
	measure(s, "SUBSCRIBE of a partner for something else, its Event read", MESSAGE("SUBSCRIBE", "Event: dialog\r\n"));
	scripts_free(s);
	buf_fini(&manifest);
	return 0;
}
