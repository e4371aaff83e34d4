/* SPDX-License-Identifier: Apache-2.0 */
/* sipload - load on a SIP server over TLS, and what an operation costs it. */
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage_text[] =
	"usage: sipload -m MODE -p PORT [options]\n"
	"modes (what one operation is):\n"
	"  register   REGISTER challenged and answered on a connection that stays\n"
	"  refresh    REGISTER with the nonce of before\n"
	"  connreg    new TLS connection, REGISTER challenged and answered, close\n"
	"  message    MESSAGE from one registered user to another and its 200\n"
	"  call       INVITE, 180, 200, ACK, BYE, 200 between two registered users\n"
	"  idle       N registered connections held; memory of the server for each\n"
	"  presence   PUBLISH of one user, and one NOTIFY to each of N watchers; an operation is a NOTIFY\n"
	"  ntlm       N users sign in at once as clients of the Lync dialect do, by NTLM, and stay; with -k a second time\n"
	"  lists      N users subscribe once to -c contacts each, as clients of the Lync dialect do; memory for each contact\n"
	"options:\n"
	"  -H HOST    IPv4 address [127.0.0.1]     -p PORT   [5061]\n"
	"  -n N       connections; message, call: pairs; connreg: at once [100]\n"
	"  -R N       register: users that take turns on each connection, so that a server that trusts a connection\n"
	"             once its user is proven challenges each operation all the same [20]\n"
	"  -U N       users to rotate through in connreg [1000]\n"
	"  -d SEC     measured time [5]            -w SEC    before it [1]\n"
	"  -D DOMAIN  [bench.test]                 -u PREFIX users are PREFIX0, PREFIX1, ... [u]\n"
	"  -P FILE    first line: the password of every user [\"secret\"]\n"
	"  -a FILE    CA certificates: the server must prove itself\n"
	"  -A N       local addresses to rotate over, from 127.1.0.1 on [0: the system's choice]\n"
	"  -c N       contacts of each user [100]\n"
	"  -B BYTES   body of a MESSAGE [100]\n"
	"  -2         TLS 1.2 instead of 1.3       -5        answer MD5 challenges only\n"
	"  -o         register with reg-id and +sip.instance (RFC 5626)\n"
	"  -S PID     the server: its processor time and memory, descendants included\n"
	"  -l LABEL   goes into the result         -j FILE   appends the result as a JSON line\n"
	"  -k ROLE    ntlm: kill -9 of the server's process with --role ROLE when all are signed in; they come again\n"
	"  -v         tell of each refused request\n";

static const char *const mode_names[MODE_N] = { "register", "refresh", "connreg", "message", "call", "idle", "presence", "ntlm", "lists" };

struct run {
	struct load load;
	double seconds, warm;
	pid_t server;
	const char *label, *json, *host, *ca, *kill;
	uint16_t port;
	unsigned addresses;
	bool tls12;
	struct cost before, after;
	double measured; /* seconds, as the clock says */
	size_t held;     /* idle: connections at the end */
};

static void report(const struct run *r, FILE *json);
static void report_roles(const struct run *r, FILE *json);

static void usage(const char *what)
{
	fprintf(stderr, "sipload: %s\n%s", what, usage_text);
	exit(2);
}

static enum mode mode_of(const char *name)
{
	for (unsigned i = 0; i < MODE_N; i++)
		if (strcmp(name, mode_names[i]) == 0)
			return (enum mode)i;
	usage("no such mode");
	return MODE_N;
}

static char *read_line(const char *path)
{
	char line[256] = "";
	FILE *f = fopen(path, "re");
	if (f == NULL || fgets(line, sizeof line, f) == NULL)
		usage("the password file cannot be read");
	fclose(f);
	line[strcspn(line, "\r\n")] = '\0';
	return strdup(line);
}

static unsigned number(const char *text)
{
	uint32_t n;
	if (!str_to_u32(str_of(text), &n))
		usage("not a number");
	return n;
}

static void take_option(struct run *r, int option, const char *arg)
{
	struct load *l = &r->load;
	switch (option) {
	case 'm':
		l->mode = mode_of(arg);
		break;
	case 'H':
		r->host = arg;
		break;
	case 'p':
		r->port = (uint16_t)number(arg);
		break;
	case 'n':
		l->n = number(arg);
		break;
	case 'R':
		l->spread = number(arg);
		break;
	case 'U':
		l->users = number(arg);
		break;
	case 'd':
		r->seconds = strtod(arg, NULL);
		break;
	case 'w':
		r->warm = strtod(arg, NULL);
		break;
	case 'D':
		l->domain = arg;
		break;
	case 'u':
		l->prefix = arg;
		break;
	case 'P':
		l->password = read_line(arg);
		break;
	case 'a':
		r->ca = arg;
		break;
	case 'A':
		r->addresses = number(arg);
		break;
	case 'c':
		l->contacts = number(arg);
		break;
	case 'B':
		l->body = number(arg);
		break;
	case '2':
		r->tls12 = true;
		break;
	case '5':
		l->only_md5 = true;
		break;
	case 'o':
		l->outbound = true;
		break;
	case 'S':
		r->server = (pid_t)number(arg);
		break;
	case 'l':
		r->label = arg;
		break;
	case 'j':
		r->json = arg;
		break;
	case 'k':
		r->kill = arg;
		break;
	case 'v':
		l->verbose = true;
		break;
	default:
		usage("unknown option");
	}
}

/* Two peers a pair in message and call: the even one asks, the odd one answers. */
static void make_peers(struct load *l)
{
	bool pairs = l->mode == MODE_MESSAGE || l->mode == MODE_CALL;
	l->n_peers = pairs ? 2 * (size_t)l->n : l->mode == MODE_PRESENCE ? l->n + 1u : l->n;
	l->peers = calloc(l->n_peers, sizeof *l->peers);
	if (l->peers == NULL || l->n_peers == 0 || l->users == 0 || l->spread == 0)
		usage("no connections to make");
	for (size_t i = 0; i < l->n_peers; i++) {
		l->peers[i].user = (unsigned)i;
		l->peers[i].other = pairs && i % 2 == 0 ? &l->peers[i + 1] : NULL;
	}
}

static void expire(struct load *l)
{
	uint64_t most = l->mode == MODE_NTLM ? 32000000000u : 10000000000u; /* a storm may take as long as a client waits (RFC 3261, timer F) */
	for (size_t i = 0; i < l->n_peers; i++) {
		struct peer *p = &l->peers[i];
		if (p->step != STEP_DOWN && p->began_ns != 0 && l->now_ns > p->began_ns + most)
			peer_expire(l, p);
	}
}

/* One wait for the network and what follows from it. */
static void turn(struct load *l)
{
	struct epoll_event events[256];
	load_ramp(l);
	int n = epoll_wait(l->net.epoll, events, 256, l->next_start < l->n_peers && l->mode == MODE_NTLM ? 1 : 50);
	l->now_ns = load_clock();
	for (int i = 0; i < n; i++)
		peer_work(l, events[i].data.ptr);
}

static void turn_until(struct load *l, uint64_t end_ns)
{
	uint64_t next = l->now_ns;
	while (l->now_ns < end_ns) {
		turn(l);
		if (l->now_ns < next)
			continue;
		next = l->now_ns + 1000000000u;
		expire(l);
	}
}

/* All are registered, or nobody new was for 20 s. */
static void set_up(struct load *l)
{
	uint64_t last = load_clock();
	unsigned ready = 0;
	while (l->ready < l->n_peers) {
		turn(l);
		if (l->ready > ready) {
			ready = l->ready;
			last = l->now_ns;
		}
		if (l->now_ns > last + 20000000000u) {
			fprintf(stderr, "sipload: only %u of %zu could register\n", l->ready, l->n_peers);
			return;
		}
	}
}

static void begin_all(struct load *l)
{
	l->running = true;
	for (size_t i = 0; i < l->n_peers; i++)
		if (l->peers[i].step == STEP_READY)
			peer_begin(l, &l->peers[i]);
}

static uint64_t after(uint64_t ns, double seconds)
{
	return ns + (uint64_t)(seconds * 1e9);
}

/* All sign in; those who were signed in have lost their connections first (again). Then they stay for a while. */
static void storm(struct run *r, bool again)
{
	struct load *l = &r->load;
	l->tally = (struct tally){ 0 };
	cost_read(r->server, true, &r->before);
	l->measuring = true;
	uint64_t start = load_clock(), next = start;
	l->now_ns = start;
	while ((l->ready < l->n_peers || (again && l->tally.cut < l->n_peers)) && l->now_ns < after(start, 120)) {
		turn(l);
		if (l->now_ns < next)
			continue;
		next = l->now_ns + 1000000000u;
		expire(l);
	}
	r->measured = (double)(l->now_ns - start) / 1e9;
	turn_until(l, after(l->now_ns, r->seconds));
	l->measuring = false;
	r->held = l->ready;
	cost_read(r->server, true, &r->after);
}

/* Everybody subscribes once; held: the lists that were granted. */
static void lists(struct run *r)
{
	struct load *l = &r->load;
	set_up(l);
	turn_until(l, after(load_clock(), r->warm));
	cost_read(r->server, true, &r->before);
	uint64_t start = load_clock();
	l->measuring = true;
	for (size_t i = 0; i < l->n_peers; i++) {
		if (l->peers[i].step == STEP_READY)
			peer_begin(l, &l->peers[i]);
		while (i >= l->tally.ops + l->tally.errors + l->tally.timeouts + l->tally.lost + 64)
			turn_until(l, load_clock() + 1000000); /* not all at once */
	}
	turn_until(l, after(load_clock(), r->seconds));
	l->measuring = false;
	r->measured = (double)(load_clock() - start) / 1e9;
	r->held = (size_t)l->tally.ops;
	cost_read(r->server, true, &r->after);
}

/* The first storm is reported at once, the second as any other result. */
static void storms(struct run *r, FILE *json)
{
	storm(r, false);
	if (r->kill == NULL)
		return;
	pid_t victim = cost_find(r->server, r->kill);
	report(r, json);
	if (victim == 0 || kill(victim, SIGKILL) != 0)
		usage("there is no process to kill");
	usleep(100000);
	storm(r, true);
}

static void measure(struct run *r)
{
	struct load *l = &r->load;
	if (l->mode == MODE_IDLE)
		cost_read(r->server, true, &r->before);
	if (l->mode != MODE_CONNREG)
		set_up(l);
	begin_all(l);
	turn_until(l, after(load_clock(), r->warm));
	if (l->mode != MODE_IDLE)
		cost_read(r->server, false, &r->before);
	uint64_t start = load_clock();
	l->measuring = true;
	turn_until(l, after(start, r->seconds));
	l->measuring = false;
	r->measured = (double)(load_clock() - start) / 1e9;
	r->held = l->ready;
	cost_read(r->server, l->mode == MODE_IDLE, &r->after);
}

/* ---- the result ---- */

/* Milliseconds that the fraction q of the operations did not exceed. */
static double latency(const struct tally *t, double q)
{
	uint64_t want = (uint64_t)(q * (double)t->ops), seen = 0;
	for (size_t i = 0; i < sizeof t->histogram / sizeof t->histogram[0]; i++) {
		seen += t->histogram[i];
		if (seen > want) {
			size_t octave = i < 32 ? 0 : i / 32 - 1;
			return (double)((i < 32 ? i : i % 32 + 32) << octave) / 1000;
		}
	}
	return 0;
}

/* What a kind of process has used in the measured time, in microseconds; who died meanwhile is left out. */
static double role_us(const struct run *r, size_t i, uint64_t *pss_before)
{
	uint64_t before = 0;
	*pss_before = 0;
	for (size_t k = 0; k < COST_ROLES; k++) {
		if (strcmp(r->before.role[k].name, r->after.role[i].name) != 0)
			continue;
		before = r->before.role[k].cpu_ns;
		*pss_before = r->before.role[k].pss_kb;
	}
	return ((double)r->after.role[i].cpu_ns - (double)before) / 1000;
}

/* What each kind of process has used, and how much memory it has come to. */
static void report_roles(const struct run *r, FILE *json)
{
	double ops = r->load.tally.ops != 0 ? (double)r->load.tally.ops : 1;
	fprintf(json, ", \"held\": %zu, \"cut\": %llu, \"roles\": {", r->held, (unsigned long long)r->load.tally.cut);
	for (size_t i = 0; i < COST_ROLES && r->after.role[i].name[0] != '\0'; i++) {
		uint64_t memory;
		double us = role_us(r, i, &memory);
		fprintf(json, "%s\"%s\": {\"cpu_us_op\": %.2f, \"pss_kb_before\": %llu, \"pss_kb\": %llu}", i != 0 ? ", " : "", r->after.role[i].name,
			us / ops, (unsigned long long)memory, (unsigned long long)r->after.role[i].pss_kb);
	}
	fprintf(json, "}");
}

/* Without the master ("-"), among whose dead children one would be counted that was killed. */
static double all_roles_us(const struct run *r)
{
	double us = 0;
	uint64_t memory;
	for (size_t i = 0; i < COST_ROLES && r->after.role[i].name[0] != '\0'; i++)
		us += r->after.role[i].name[0] != '-' ? role_us(r, i, &memory) : 0;
	return us;
}

static void report(const struct run *r, FILE *json)
{
	const struct load *l = &r->load;
	const struct tally *t = &l->tally;
	uint64_t errors = t->errors + t->timeouts + t->lost;
	double ops = t->ops != 0 ? (double)t->ops : 1, cpu_us = l->mode == MODE_NTLM ? all_roles_us(r) : (double)(r->after.cpu_ns - r->before.cpu_ns) / 1000;
	double kb = ((double)r->after.pss_kb - (double)r->before.pss_kb) / (r->held != 0 ? (double)r->held : 1);
	fprintf(json,
		"{\"label\": \"%s\", \"mode\": \"%s\", \"n\": %u, \"seconds\": %.3f, \"ops\": %llu, \"cpu_us_op\": "
		"%.2f, "
		"\"server_cpu\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"errors\": %llu, "
		"\"timeouts\": %llu, "
		"\"lost\": %llu, \"challenges\": %llu, \"acks\": %llu",
		r->label, mode_names[l->mode], l->n, r->measured, (unsigned long long)t->ops, cpu_us / ops,
		cpu_us / 1e6 / r->measured, latency(t, .5), latency(t, .99), (double)t->longest_ns / 1e6,
		(unsigned long long)t->errors, (unsigned long long)t->timeouts, (unsigned long long)t->lost,
		(unsigned long long)t->challenges, (unsigned long long)t->acks);
	if (l->mode == MODE_IDLE)
		fprintf(json, ", \"held\": %zu, \"pss_kb_before\": %llu, \"pss_kb_after\": %llu, \"kb_conn\": %.2f",
			r->held, (unsigned long long)r->before.pss_kb, (unsigned long long)r->after.pss_kb, kb);
	if (l->mode == MODE_NTLM || l->mode == MODE_LISTS)
		report_roles(r, json);
	fprintf(json, "}\n");
	if (l->mode == MODE_IDLE)
		printf("%s %s: %zu connections held, %.2f kB each (PSS %llu -> %llu kB), errors %llu\n", r->label,
			mode_names[l->mode], r->held, kb, (unsigned long long)r->before.pss_kb,
			(unsigned long long)r->after.pss_kb, (unsigned long long)errors);
	else
		printf("%s %s: %llu operations in %.2f s, %.1f us of server CPU each (%u processes, %.0f %% of a CPU), "
		       "p50 %.2f p99 %.2f max %.1f ms, errors %llu, timeouts %llu, lost %llu\n",
			r->label, mode_names[l->mode], (unsigned long long)t->ops, r->measured, cpu_us / ops,
			r->after.processes, cpu_us / 1e4 / r->measured, latency(t, .5), latency(t, .99),
			(double)t->longest_ns / 1e6, (unsigned long long)t->errors, (unsigned long long)t->timeouts,
			(unsigned long long)t->lost);
}

static void raise_limit(size_t need)
{
	struct rlimit now, more;
	getrlimit(RLIMIT_NOFILE, &now);
	more = (struct rlimit){ need, need > now.rlim_max ? need : now.rlim_max };
	if (now.rlim_cur < need && setrlimit(RLIMIT_NOFILE, &more) != 0)
		fprintf(stderr, "sipload: only %llu descriptors for %zu connections\n",
			(unsigned long long)now.rlim_cur, need);
}

int main(int argc, char **argv)
{
	static struct run r = { .seconds = 5,
		.warm = 1,
		.label = "",
		.host = "127.0.0.1",
		.port = 5061,
		.load = { .mode = MODE_N,
			.domain = "bench.test",
			.prefix = "u",
			.password = "secret",
			.n = 100,
			.users = 1000,
			.spread = 20,
			.contacts = 100,
			.body = 100 } };
	for (int c; (c = getopt(argc, argv, "m:H:p:n:U:R:d:w:D:u:P:a:A:B:25oS:l:j:k:c:v")) != -1;)
		take_option(&r, c, optarg);
	if (r.load.mode == MODE_N || optind != argc)
		usage("-m MODE is needed");
	signal(SIGPIPE, SIG_IGN);
	if (failed(crypt_new(&r.load.crypt)) || !net_init(&r.load.net, r.host, r.port, r.addresses, r.ca, r.tls12))
		usage("OpenSSL refuses the settings");
	/* Call-IDs and branches must differ from those of a run a moment ago */
	crypt_random(&r.load.serial, sizeof r.load.serial);
	r.load.serial = r.load.serial >> 32 << 28;
	struct diag d = { 0 };
	if (r.load.mode == MODE_NTLM && failed(crypt_open_legacy(r.load.crypt, &d)))
		usage(d.what);
	make_peers(&r.load);
	raise_limit(r.load.n_peers + 64);
	FILE *json = fopen(r.json != NULL ? r.json : "/dev/null", "ae");
	if (json == NULL)
		usage("the result file cannot be written");
	if (r.load.mode == MODE_NTLM)
		storms(&r, json);
	else if (r.load.mode == MODE_LISTS)
		lists(&r);
	else
		measure(&r);
	report(&r, json);
	fclose(json);
	return r.load.tally.ops != 0 || (r.load.mode == MODE_IDLE && r.held == r.load.n_peers) ? 0 : 1;
}
