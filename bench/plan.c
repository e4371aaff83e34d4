/* SPDX-License-Identifier: Apache-2.0 */
/* What planning costs: milliseconds of CPU time for a large deployment, the least of several runs. usage: bench_plan */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "model/topo.h"
#include "service/plan.h"

#define RUNS    9
#define POOLS   200
#define MEMBERS 4
#define DOMAINS 50
#define SITES   4
#define ARENA   (512u << 20)

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void put_pool(struct buf *b, unsigned n)
{
	buf_printf(b, "      - pool: pool%u.internal.example\n        role: front-end\n        servers: [", n);
	for (unsigned i = 0; i < MEMBERS; i++)
		buf_printf(b, "%sfe%u-%u.internal.example", i > 0 ? ", " : "", n, i);
	buf_printf(b, "]\n        web: {internal: web%u.internal.example, external: ext%u.domain0.example}\n", n, n);
}

static void put_site(struct buf *b, unsigned site)
{
	unsigned first = site * (POOLS / SITES);
	buf_printf(b, "  - name: Site %u\n    pools:\n", site);
	for (unsigned i = 0; i < POOLS / SITES; i++)
		put_pool(b, first + i);
	buf_printf(b,
		"      - {pool: edge%u.internal.example, role: edge, servers: [edge%u-1.internal.example, "
		"edge%u-2.internal.example], next-hop: "
		"pool%u.internal.example, external: {access: sip.domain0.example, regional-access: "
		"sip%u.domain0.example, web-conferencing: "
		"webcon%u.domain0.example, av: av%u.domain0.example}}\n    reverse-proxies:\n      - {fqdn: "
		"rp%u.internal.example, publishes: [",
		site, site, site, first, site, site, site, site);
	for (unsigned i = 0; i < POOLS / SITES; i++)
		buf_printf(b, "%spool%u.internal.example", i > 0 ? ", " : "", first + i);
	buf_printf(b, "]}\n");
}

static void put_topology(struct buf *b)
{
	buf_printf(b, "organization: Example\ninternal-domain: internal.example\nsip-domains: [");
	for (unsigned i = 0; i < DOMAINS; i++)
		buf_printf(b, "%sdomain%u.example", i > 0 ? ", " : "", i);
	buf_printf(b, "]\nsites:\n");
	for (unsigned i = 0; i < SITES; i++)
		put_site(b, i);
}

/* Reading and planning once; how long each took. */
static void measure(str text, double took[2], size_t *certificates, size_t *names)
{
	struct arena a;
	struct topo t;
	struct plan_certificates all;
	struct diag d;
	arena_init(&a, ARENA);
	double from = now();
	if (failed(topo_parse(&t, &a, text, "bench", &d)))
		abort();
	double read = now();
	if (failed(plan_certificates(&t, &a, &all, &d)))
		abort();
	took[0] = read - from;
	took[1] = now() - read;
	*certificates = all.n;
	*names = 0;
	TOPO_EACH (c, all)
		*names += c->san.n;
	arena_fini(&a);
}

int main(void)
{
	double least[2] = { 1e18, 1e18 };
	size_t certificates = 0, names = 0;
	struct buf b;
	buf_init(&b, TOPO_SIZE_MAX);
	put_topology(&b);
	for (int run = 0; run < RUNS; run++) {
		double took[2];
		measure(buf_str(&b), took, &certificates, &names);
		for (int i = 0; i < 2; i++)
			least[i] = took[i] < least[i] ? took[i] : least[i];
	}
	(void)printf(
		"%d pools of %d servers, %d SIP domains: read %.1f ms, planned %.1f ms (%zu certificates, %zu names)\n",
		POOLS, MEMBERS, DOMAINS, least[0], least[1], certificates, names);
	buf_fini(&b);
	return 0;
}
