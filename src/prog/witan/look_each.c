/* SPDX-License-Identifier: Apache-2.0 */
/* Several things at a time, and connections: libcurl resolves names as the system does, and gives up in time. */
#include "prog/witan/look.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS = 16, QUIET_MS = 2000, STEP_MS = 50, CONNECT_MS = 5000 };

struct work {
	void (*fn)(void *arg, size_t i);
	void *arg;
	size_t n;
	atomic_size_t next, done;
};

static void *run(void *arg)
{
	struct work *w = arg;
	for (size_t i = atomic_fetch_add(&w->next, 1); i < w->n; i = atomic_fetch_add(&w->next, 1)) {
		w->fn(w->arg, i);
		(void)atomic_fetch_add(&w->done, 1);
	}
	return NULL;
}

static void tell(struct work *w, const char *what)
{
	const struct timespec step = { 0, STEP_MS * 1000000L };
	for (unsigned waited = 0; atomic_load(&w->done) < w->n; waited += STEP_MS) {
		(void)nanosleep(&step, NULL);
		if (waited > 0 && waited % QUIET_MS == 0)
			(void)fprintf(stderr, "%zu of %zu %s\n", atomic_load(&w->done), w->n, what);
	}
}

err look_each(size_t n, void (*fn)(void *arg, size_t i), void *arg, const char *what)
{
	struct work w = { .fn = fn, .arg = arg, .n = n };
	pthread_t threads[THREADS];
	size_t started = 0;
	while (started < THREADS && started < n && pthread_create(&threads[started], NULL, run, &w) == 0)
		started++;
	if (started == 0)
		return n == 0 ? OK : ERR(SYSTEM);
	tell(&w, what);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(threads[i], NULL);
	return OK;
}

/* ---- connections ---- */

struct look_line {
	CURL *curl;
	struct curl_slist *resolve;
};

void look_hang_up(struct look_line *line)
{
	if (line == NULL)
		return;
	curl_easy_cleanup(line->curl);
	curl_slist_free_all(line->resolve);
	free(line);
}

/* "HOST=ADDRESS" for this host; empty: none. */
static str find_address(const struct look *l, str host)
{
	TOPO_EACH (one, l->addresses) {
		str address, name = str_split(*one, '=', &address);
		if (str_eq_case(name, host))
			return address;
	}
	return (str){ "", 0 };
}

static void set_up(const struct look *l, struct look_line *line, const struct look_target *t)
{
	char url[400], pin[400];
	str address = find_address(l, t->dial);
	bool is_ip6 = str_find_char(t->dial, ':') < t->dial.n && t->dial.p[0] != '[';
	(void)snprintf(url, sizeof url, "http://%s%.*s%s:%u", is_ip6 ? "[" : "", STR_FMT(t->dial), is_ip6 ? "]" : "", t->port);
	(void)snprintf(pin, sizeof pin, "%.*s:%u:%.*s", STR_FMT(t->dial), t->port, STR_FMT(address));
	(void)curl_easy_setopt(line->curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(line->curl, CURLOPT_CONNECT_ONLY, 1L);
	(void)curl_easy_setopt(line->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(line->curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(line->curl, CURLOPT_NOSIGNAL, 1L);
	if (address.n > 0)
		line->resolve = curl_slist_append(NULL, pin);
	(void)curl_easy_setopt(line->curl, CURLOPT_RESOLVE, line->resolve);
}

err look_dial(const struct look *l, const struct look_target *t, struct look_line **out, int *fd, struct diag *d)
{
	struct look_line *line = calloc(1, sizeof *line);
	curl_socket_t s = CURL_SOCKET_BAD;
	*out = NULL;
	ENSURE(line != NULL, NO_MEMORY);
	line->curl = curl_easy_init();
	if (line->curl == NULL) {
		look_hang_up(line);
		return ERR(NO_MEMORY);
	}
	set_up(l, line, t);
	CURLcode rc = curl_easy_perform(line->curl);
	if (rc == CURLE_OK)
		rc = curl_easy_getinfo(line->curl, CURLINFO_ACTIVESOCKET, &s);
	if (rc != CURLE_OK || s == CURL_SOCKET_BAD) {
		look_hang_up(line);
		return diag_fail(d, ERR(ABSENT), "", "does the server run, and does the firewall let this machine through?", "nobody answers: %s",
			curl_easy_strerror(rc));
	}
	*fd = s;
	*out = line;
	return OK;
}
