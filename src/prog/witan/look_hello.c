/* SPDX-License-Identifier: Apache-2.0 */
/* Which versions and suites a listener takes: offer some, strike what it chose, offer the rest. */
#include "prog/witan/look_probe.h"

#include "base/crypt.h"
#include "wire/hello.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

enum { ANSWER_ROOM = 16384 + 512, HELLO_ROOM = 4096 };

int64_t probe_clock(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is over is over, though there be more to read: a server may talk for ever. */
bool probe_wait(int fd, short events, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = until - probe_clock();
	int n = 0;
	while (left > 0 && (n = poll(&p, 1, (int)left)) < 0 && errno == EINTR)
		left = until - probe_clock();
	return n > 0;
}

static bool send_all(int fd, str s, int64_t until)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		if (n > 0)
			s = str_cut(s, (size_t)n, s.n);
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		else if (!probe_wait(fd, POLLOUT, until))
			return false;
	}
	return true;
}

/* REFUSED: an alert or the end, which says no. TIMEOUT; MALFORMED: no TLS. */
static err read_answer(int fd, int64_t until, struct hello_answer *out)
{
	char bytes[ANSWER_ROOM];
	size_t have = 0;
	while (have < sizeof bytes) {
		ENSURE(probe_wait(fd, POLLIN, until), TIMEOUT);
		ssize_t n = recv(fd, bytes + have, sizeof bytes - have, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		ENSURE(n > 0, REFUSED);
		have += (size_t)n;
		err e = hello_parse((str){ bytes, have }, out);
		if (!err_is(e, ERR_INCOMPLETE))
			return failed(e) ? e : out->version == 0 ? ERR(REFUSED) : OK;
	}
	return ERR(MALFORMED);
}

static err ask(struct probe *p, uint16_t version, const uint16_t *suites, size_t n, struct hello_answer *out)
{
	struct look_line *line;
	struct buf b;
	struct diag d = { 0 };
	uint8_t random[32];
	int fd;
	int64_t until = probe_clock() + PROBE_WAIT_MS;
	ENSURE(until < p->until, TIMEOUT);
	err e = look_dial(p->look, p->target, &line, &fd, &d);
	if (failed(e)) {
		(void)snprintf(p->failure, sizeof p->failure, "%s", d.what[0] != '\0' ? d.what : e.def->text);
		return e;
	}
	buf_init(&b, HELLO_ROOM);
	crypt_random(random, sizeof random);
	hello_print(version, p->target->name, suites, n, random, &b);
	if (b.failed || !send_all(fd, buf_str(&b), until))
		e = ERR(REFUSED);
	else
		e = read_answer(fd, until, out);
	buf_fini(&b);
	look_hang_up(line);
	return e;
}

static bool strike(uint16_t *suites, size_t *n, uint16_t id)
{
	for (size_t i = 0; i < *n; i++) {
		if (suites[i] != id)
			continue;
		suites[i] = suites[--*n];
		return true;
	}
	return false;
}

static void keep_suite(struct probe *p, uint16_t id)
{
	for (size_t i = 0; i < p->found.suites.n; i++)
		if (p->found.suites.p[i] == id)
			return;
	if (p->found.suites.n < HELLO_SUITES)
		p->found.suites.p[p->found.suites.n++] = id;
}

static bool ask_version(struct probe *p, uint16_t version)
{
	uint16_t suites[HELLO_SUITES];
	size_t n = hello_suites(version, suites, HELLO_SUITES);
	bool spoken = false;
	struct hello_answer answer;
	while (n > 0) {
		err e = ask(p, version, suites, n, &answer);
		if (err_is(e, ERR_ABSENT))
			return false;
		if (err_is(e, ERR_MALFORMED) && p->failure[0] == '\0')
			(void)snprintf(p->failure, sizeof p->failure, "it does not answer with TLS");
		if (err_is(e, ERR_TIMEOUT) && p->failure[0] == '\0')
			(void)snprintf(p->failure, sizeof p->failure, "it takes connections, but does not answer");
		if (failed(e) || answer.version != version || !strike(suites, &n, answer.suite))
			break;
		if (!spoken)
			p->found.versions[p->found.versions_n++] = version;
		spoken = true;
		keep_suite(p, answer.suite);
	}
	return p->failure[0] == '\0' || spoken;
}

void probe_hellos(struct probe *p)
{
	p->found.suites.p = arena_alloc(&p->arena, HELLO_SUITES * sizeof *p->found.suites.p);
	if (p->found.suites.p == NULL)
		return;
	for (uint16_t version = HELLO_TLS_1_3; version >= HELLO_SSL_3; version--)
		if (!ask_version(p, version) && p->found.versions_n == 0)
			return; /* nobody there: no need to ask four times more */
	if (p->found.versions_n > 0)
		p->failure[0] = '\0';
}
