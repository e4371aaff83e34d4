/* SPDX-License-Identifier: Apache-2.0 */
/* What the stages for walls and filters cost a message: nanoseconds of CPU time, the least of several runs. usage: bench_filter */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "service/filter.h"
#include "service/wall.h"

#define RUNS   7
#define ROUNDS 20000
#define WALLS  200

static struct policies *policies;
static struct users *users;
static struct wall *wall;
static struct filter filter;
static struct meter meter;
static struct log journal;

#define CHECK(e) (failed(e) ? abort() : (void)0)

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void on_incident(void *arg, const struct wall_incident *i)
{
	(void)arg;
	(void)i;
}

static void on_tell(void *arg, str aor, str text)
{
	(void)arg;
	(void)aor;
	(void)text;
}

static void put_walls(void)
{
	char name[32], json[256];
	for (unsigned i = 0; i < WALLS; i++) {
		(void)snprintf(name, sizeof name, "w%u", i);
		(void)snprintf(json, sizeof json, "{\"From\":[\"Department=D%u*\"],\"To\":[\"Group%u\",\"*.partner%u.test\"],\"Priority\":%u}", i, i, i, i + 1);
		CHECK(policies_put(policies, STR("EthicalWall"), str_of(name), str_of(json)));
	}
}

static void open_all(void)
{
	CHECK(policies_new(&policies));
	CHECK(users_new(&users));
	CHECK(users_set_domains(users, STR("example.test")));
	CHECK(xml_reader_new(&filter.xml));
	filter.policies = policies;
	filter.domains = STR("example.test");
	CHECK(wall_new(&(const struct wall_config){ .policies = policies, .users = users, .door = { on_incident, on_tell }, .log = &journal, .meter = &meter }, &wall));
}

static void round_of(str raw, err (*fn)(void *state, struct request *r, enum stage_verdict *v), void *state, double *spent)
{
	struct inbound *in;
	struct answers answers = { .meter = &meter };
	enum stage_verdict v;
	CHECK(inbound_new(raw, NULL, &in, NULL));
	struct request r = { .in = in, .answers = &answers, .aor = STR("ann@example.test"), .target = STR("bob@example.test") };
	double from = now();
	(void)failed(fn(state, &r, &v));
	*spent += now() - from;
	inbound_unref(in);
}

static void measure(const char *name, const char *type, const char *body, err (*fn)(void *state, struct request *r, enum stage_verdict *v), void *state)
{
	char raw[8192];
	double least = 1e18;
	int n = snprintf(raw, sizeof raw,
		"MESSAGE sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:ann@example.test>;tag=1\r\nTo: <sip:bob@example.test>\r\n"
		"Call-ID: c\r\nCSeq: 1 MESSAGE\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
		type, strlen(body), body);
	for (int run = 0; run < RUNS; run++) {
		double spent = 0;
		for (int i = 0; i < ROUNDS; i++)
			round_of((str){ raw, (size_t)n }, fn, state, &spent);
		least = spent / ROUNDS < least ? spent / ROUNDS : least;
	}
	(void)printf("%-44s %5zu bytes %7.0f ns\n", name, strlen(body), least);
}

static void nothing(const char *what)
{
	(void)printf("%s\n", what);
}

static err none(void *state, struct request *r, enum stage_verdict *v)
{
	(void)state;
	(void)r;
	*v = STAGE_NEXT;
	return OK;
}

int main(void)
{
	static char text[2001], html[2001];
	for (size_t i = 0; i + 10 <= 2000; i += 10) {
		memcpy(text + i, "some words", 10);
		memcpy(html + i, "<b>so</b> ", 10);
	}
	open_all();
	nothing("each with two readings of the clock, which the first line shows");
	measure("nothing", "text/plain", "Hello", none, NULL);
	measure("wall stage, no walls", "text/plain", "Hello", wall_stage, wall);
	put_walls();
	measure("wall stage, 200 walls, none fits", "text/plain", "Hello", wall_stage, wall);
	CHECK(policies_put(policies, STR("MessageContentRule"), STR("Cards"), STR("{\"Detect\":\"CardNumber\"}")));
	CHECK(policies_put(policies, STR("MessageContentRule"), STR("Iban"), STR("{\"Detect\":\"Iban\"}")));
	CHECK(policies_put(policies, STR("MessageContentRule"), STR("Word"), STR("{\"Pattern\":\"project\\\\s+apollo\"}")));
	measure("wall stage, and 3 rules for content", "text/plain", text, wall_stage, wall);
	measure("filter stage, no link", "text/plain", "Hello", filter_stage, &filter);
	measure("filter stage, no link", "text/plain", text, filter_stage, &filter);
	measure("filter stage, no link", "text/html", html, filter_stage, &filter);
	measure("filter stage, a link made dead", "text/plain", "see http://x.example", filter_stage, &filter);
	return 0;
}
