/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a certificate and as the list of its issuer: judged by every rule, reported in every form. */
#include <stdlib.h>

#include "service/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())
#define NOW         1800000000

static const char document[] =
	"organization: Example\nsip-domains: [example.com]\ninternal-domain: corp.example\n"
	"sites: [{name: Main, pools: [{pool: uc01.corp.example, role: standard-edition, web: {external: webext.example.com}}]}]\n";

/* No byte of a certificate may become markup or steer a terminal. */
static void look_at(const struct buf *b, bool is_html)
{
	CHECK(!b->failed);
	for (size_t i = 0; i < b->n; i++) {
		unsigned char c = (unsigned char)b->p[i];
		CHECK(c >= 0x20 ? c != 0x7f : c == '\n');
	}
	CHECK(!is_html || memmem(b->p, b->n, "<script", 7) == NULL);
}

static void report(const struct topo *t, const struct check_result *result)
{
	struct report r = { .topo = t, .result = result, .now = NOW, .command = STR("witan check"), .topology = STR("topology.yaml") };
	void (*const forms[])(const struct report *, struct buf *) = { report_text, report_json, report_html };
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct buf b;
		buf_init(&b, REPORT_MAX);
		forms[i](&r, &b);
		look_at(&b, i == 2);
		buf_fini(&b);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct topo t;
	struct plan_certificates plans;
	struct check_result result;
	str in = { (const char *)data, size }, chain[] = { in, in };
	struct check_seen seen = { .place = STR("x.pem"), .chain = { chain, 2 }, .is_ordered = size % 2 == 0 };
	struct check_list list = { .place = STR("http://pki.example.com/a.crl"), .der = in };
	struct check_evidence evidence = { .seen = { &seen, 1 }, .lists = { &list, 1 }, .has_lists = true };
	struct check_policy policy = { .now = NOW, .internal_roots = { chain, 1 }, .has_phones = true };
	arena_init(&a, 64u << 20);
	CHECK(!failed(topo_parse(&t, &a, str_of(document), "topology.yaml", NULL)));
	CHECK(!failed(plan_certificates(&t, &a, &plans, NULL)));
	CHECK(!failed(check_run(&t, &plans, &evidence, &policy, &a, &result)));
	CHECK(result.matches.n == 1 && (result.matches.p[0].has_leaf || result.counts[CHECK_ERROR] > 0));
	report(&t, &result);
	arena_fini(&a);
	return 0;
}
