/* SPDX-License-Identifier: Apache-2.0 */
/* What NTLM costs: microseconds of CPU time for one sign-in and for one signed message, the least of several runs. usage: bench_ntlm */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "wire/ntlm.h"

#define RUNS   9
#define ROUNDS 20000

/* A Type 3 as clients of the dialect send it, without what the proof would be: a wrong one costs the same. */
static size_t make_answer(uint8_t out[NTLM_MOST], str pairs)
{
	static const uint8_t flags[] = { 0x55, 0x82, 0x98, 0x62 };
	static const char names[] = "E\0X\0A\0M\0P\0L\0E\0a\0n\0n";
	const struct {
		uint8_t at, n;
	} fields[] = { { 28, 14 }, { 36, 6 }, { 20, 0 }, { 52, 16 } };
	size_t n = 72;
	memset(out, 0, NTLM_MOST);
	memcpy(out, "NTLMSSP\0\3", 9);
	memcpy(out + 60, flags, sizeof flags);
	memcpy(out + n, names, sizeof names);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		size_t size = fields[i].n != 0 ? fields[i].n : 44 + pairs.n;
		out[fields[i].at] = out[fields[i].at + 2] = (uint8_t)size;
		out[fields[i].at + 4] = (uint8_t)n;
		out[fields[i].at + 5] = (uint8_t)(n >> 8);
		if (fields[i].n == 0) {
			out[n + 16] = out[n + 17] = 1;
			memcpy(out + n + 44, pairs.p, pairs.n);
		}
		n += size;
	}
	return n;
}

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void must(bool ok, const char *what)
{
	if (!ok) {
		(void)fprintf(stderr, "bench_ntlm: %s\n", what);
		exit(1);
	}
}

static double sign_in(struct crypt *c, str challenge, str answer)
{
	static struct ntlm_authenticate a;
	uint8_t hash[16] = { 1 }, session[16];
	double start = now();
	for (int i = 0; i < ROUNDS; i++) {
		must(!failed(ntlm_authenticate_parse(answer, &a, NULL)), "the Type 3 is not read");
		must(err_is(ntlm_check(c, &a, STR(""), challenge, hash, session), ERR_REFUSED), "a proof of nothing is taken");
	}
	return (now() - start) / ROUNDS;
}

static double sign(struct crypt *c, const struct ntlm_keys *k)
{
	static const str text = STR("<NTLM><9616454F><1><SIP Communications Service><front.example.test><4037df9284354df39065195bd57a4b14><3>"
				    "<REGISTER><sip:ann@example.test><3e49177a52><sip:ann@example.test><5E61CCD925D17E04><><><7200><200>");
	uint8_t mac[16];
	double start = now();
	for (int i = 0; i < ROUNDS; i++)
		must(!failed(ntlm_mac(c, k, NTLM_SERVER, NTLM_SEQUENCE, text, mac)), "no signature");
	return (now() - start) / ROUNDS;
}

int main(void)
{
	const struct ntlm_challenge t = { .flags = NTLM_FLAGS_SIP, .random = { 1 }, .timestamp = 1, .domain = STR("EXAMPLE"), .computer = STR("FRONT"),
		.dns_domain = STR("example.test") };
	static uint8_t answer[NTLM_MOST];
	struct crypt *c;
	struct diag d = { 0 };
	struct buf b;
	struct ntlm_keys keys;
	double least[2] = { 1e9, 1e9 };
	must(!failed(crypt_new(&c)), "no memory");
	must(!failed(crypt_open_legacy(c, &d)), d.what);
	buf_init(&b, NTLM_MOST);
	must(!failed(ntlm_challenge_print(&t, &b)), "the Type 2 is not written");
	size_t n = make_answer(answer, str_cut(buf_str(&b), b.n - (size_t)(uint8_t)b.p[40], b.n));
	ntlm_keys_init(&keys, c, answer);
	for (int i = 0; i < RUNS; i++) {
		double took[2] = { sign_in(c, buf_str(&b), (str){ (const char *)answer, n }), sign(c, &keys) };
		for (int k = 0; k < 2; k++)
			least[k] = took[k] < least[k] ? took[k] : least[k];
	}
	printf("sign-in %.2f us\nsignature %.2f us\n", least[0], least[1]);
	buf_fini(&b);
	crypt_free(c);
	return 0;
}
