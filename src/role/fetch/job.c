/* SPDX-License-Identifier: Apache-2.0 */
/* One file: its name looked up, its addresses dialled one after another, the answer read, redirects followed. */
#include "role/fetch/fetch_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { READ_SIZE = 16384, READS_A_TURN = 16, REQUEST_MAX = 4096, IN_MAX = HTTP_HEADER_MAX + READ_SIZE };

/* A connection: it outlives its job until the loop has let go of the descriptor. */
struct link {
	struct job *job;
	int fd;
	bool is_up;
	struct watch watch;
};

static void hop(struct job *j);

/* ---- the end ---- */

static void on_closed(void *arg)
{
	struct link *l = arg;
	net_close(l->fd);
	free(l);
}

static void hang_up(struct job *j)
{
	if (j->link != NULL)
		watch_close(&j->link->watch, on_closed);
	j->link = NULL;
	timer_clear(loop_timers(j->f->skel->loop), &j->silence);
	buf_fini(&j->in);
	buf_fini(&j->out);
}

void job_drop(struct job *j)
{
	struct timers *t = loop_timers(j->f->skel->loop);
	hang_up(j);
	dns_cancel(&j->query);
	timer_clear(t, &j->silence);
	timer_clear(t, &j->whole);
	buf_fini(&j->body);
	list_remove(&j->node);
	j->f->n_jobs--;
	free(j);
}

static void fail(struct job *j, const char *remedy, const char *what)
{
	struct diag d;
	(void)failed(diag_fail(&d, ERR(REFUSED), j->url, remedy, "%s", what));
	fetch_tell(j, &d);
}

static void on_whole_time(void *arg)
{
	fail(arg, "is the server, or the way to it, overloaded?", "it took longer than 60 seconds");
}

/* ---- the answer ---- */

static bool is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void follow(struct job *j)
{
	char to[HTTP_URL_MAX + 1];
	struct diag d;
	hang_up(j);
	if (j->response.location[0] == '\0') {
		fail(j, "ask who runs the server", "it redirects, and does not say where to");
	} else if (failed(http_url_join(&j->at, str_of(j->response.location), to, &d))) {
		(void)snprintf(d.remedy, sizeof d.remedy, "ask who runs the server: it redirects to what is not fetched");
		fetch_tell(j, &d);
	} else if (++j->hops > HOPS_MAX) {
		fail(j, "ask who runs the server", "it redirects more than 3 times");
	} else {
		memcpy(j->url, to, sizeof to);
		hop(j);
	}
}

static void on_answer_end(struct job *j, err e, struct diag *d)
{
	char what[80];
	unsigned status = j->response.status;
	if (status != 0 && is_redirect(status)) {
		follow(j);
	} else if (status != 0 && status != 200) {
		(void)snprintf(what, sizeof what, "the server answers %u %s", status, http_reason(status));
		fail(j, "is the file there? ask who runs the server", what);
	} else if (failed(e)) {
		(void)snprintf(d->remedy, sizeof d->remedy, "%s", err_is(e, ERR_CEILING) ? "ask the authority for shorter lists" : "is it a server of HTTP? ask who runs it");
		fetch_tell(j, d);
	} else {
		fetch_tell(j, NULL);
	}
}

/* false: the job is over, or goes on elsewhere. */
static bool take(struct job *j, bool is_end)
{
	struct diag d = { 0 };
	size_t taken;
	err e = http_response_read(&j->response, buf_str(&j->in), is_end, &j->body, &taken, &d);
	buf_drop(&j->in, taken);
	/* the body of anything but the file is nobody's */
	if (err_is(e, ERR_INCOMPLETE) && (j->response.status == 0 || j->response.status == 200))
		return true;
	on_answer_end(j, e, &d);
	return false;
}

/* ---- the connection ---- */

static void connect_next(struct job *j);

static void on_silence(void *arg)
{
	struct job *j = arg;
	char text[ADDR_TEXT], what[120];
	const struct addr *a = &j->addresses[j->next != 0 ? j->next - 1 : 0];
	bool was_up = j->link != NULL && j->link->is_up;
	(void)snprintf(what, sizeof what, "%s port %u %s for 10 seconds", addr_print(a, text), a->port, was_up ? "says nothing" : "does not answer");
	hang_up(j);
	if (was_up) {
		fail(j, "is it a server of HTTP? ask who runs it", what);
		return;
	}
	(void)failed(diag_fail(&j->why, ERR(TIMEOUT), j->url, "is there a way from this server to it, through packet filters too?", "%s", what));
	connect_next(j);
}

static bool hear_until(struct job *j)
{
	return !failed(timer_set(loop_timers(j->f->skel->loop), &j->silence, SILENCE_MS, on_silence, j));
}

static void read_on(struct job *j)
{
	for (int i = 0; i < READS_A_TURN; i++) {
		size_t n = 0;
		if (!buf_reserve(&j->in, READ_SIZE)) {
			fail(j, "", "out of memory");
			return;
		}
		err e = net_read(j->link->fd, j->in.p + j->in.n, READ_SIZE, &n);
		if (err_is(e, ERR_ABSENT))
			return;
		j->in.n += n;
		if (!take(j, failed(e)))
			return;
		if (!hear_until(j)) {
			fail(j, "", "out of memory");
			return;
		}
	}
}

static void write_on(struct job *j)
{
	size_t n = 0;
	if (failed(net_write(j->link->fd, buf_str(&j->out), &n))) {
		hang_up(j);
		fail(j, "is it a server of HTTP? ask who runs it", "the other side closed before it was asked");
		return;
	}
	buf_drop(&j->out, n);
	watch_set(&j->link->watch, j->out.n != 0 ? WATCH_READ | WATCH_WRITE : WATCH_READ);
}

static void on_ready(void *arg, unsigned events)
{
	struct link *l = arg;
	struct job *j = l->job;
	char text[ADDR_TEXT];
	const struct addr *a = &j->addresses[j->next - 1];
	if (!l->is_up && failed(net_connected(l->fd))) {
		hang_up(j);
		(void)failed(diag_fail(&j->why, ERR(CLOSED), j->url, "is there a way from this server to it, through packet filters too?", "%s port %u takes no connection",
			addr_print(a, text), a->port));
		connect_next(j);
		return;
	}
	l->is_up = true;
	if (j->out.n != 0 && (events & WATCH_WRITE) != 0)
		write_on(j);
	else if ((events & WATCH_READ) != 0)
		read_on(j);
}

static err dial(struct job *j, const struct addr *to)
{
	struct link *l = calloc(1, sizeof *l);
	ENSURE(l != NULL, NO_MEMORY);
	*l = (struct link){ .job = j };
	err e = net_connect(to, &l->fd);
	if (failed(e)) {
		free(l);
		return e;
	}
	e = watch_open(j->f->skel->loop, &l->watch, l->fd, on_ready, l);
	if (failed(e)) {
		net_close(l->fd);
		free(l);
		return e;
	}
	j->link = l;
	buf_init(&j->out, REQUEST_MAX);
	buf_init(&j->in, IN_MAX);
	buf_fini(&j->body);
	buf_init(&j->body, BYTES_MAX);
	j->response = (struct http_response){ .status = 0 };
	http_get_print(&j->out, &j->at, STR("application/pkix-crl, */*"));
	watch_set(&l->watch, WATCH_WRITE);
	return j->out.failed || !hear_until(j) ? ERR(NO_MEMORY) : OK;
}

static void connect_next(struct job *j)
{
	char text[ADDR_TEXT];
	while (j->next < j->n) {
		const struct addr *a = &j->addresses[j->next++];
		const char *refusal = address_refusal(a, j->f->own, j->f->n_own);
		if (refusal != NULL) {
			(void)failed(diag_fail(&j->why, ERR(REFUSED), j->url, "serve the file at an address of the network, or name the address in topology.yaml as one of a server's",
				"%s is %s: nothing is fetched from there", addr_print(a, text), refusal));
			continue;
		}
		if (!failed(dial(j, a)))
			return;
		hang_up(j);
		(void)failed(diag_fail(&j->why, ERR(SYSTEM), j->url, "is there a way from this server to it, through packet filters too?", "%s port %u cannot be dialled", addr_print(a, text), a->port));
	}
	fetch_tell(j, &j->why);
}

/* ---- the name ---- */

static void on_dns(void *arg, err e, const struct dns_answer *a);

static void ask(struct job *j, enum dns_type type)
{
	j->asks = type;
	if (failed(dns_ask(j->f->dns, &j->query, type, j->at.host, on_dns, j)))
		fail(j, "is it written right in the certificate?", "its name cannot be looked up");
}

static void on_dns(void *arg, err e, const struct dns_answer *a)
{
	struct job *j = arg;
	for (size_t i = 0; !failed(e) && i < a->n && j->n < ADDRESSES_MAX; i++) {
		j->addresses[j->n] = a->records[i].addr;
		j->addresses[j->n++].port = j->at.port;
	}
	if (j->asks == DNS_A)
		ask(j, DNS_AAAA);
	else if (j->n == 0)
		fail(j, "does the DNS that this server asks know it?", "its name has no address");
	else
		connect_next(j);
}

static void hop(struct job *j)
{
	struct diag d;
	j->n = j->next = 0;
	if (failed(http_url_parse(str_of(j->url), &j->at, &d))) {
		fetch_tell(j, &d);
		return;
	}
	/* never by anything else that takes "127.1" for an address: what is no address is a name */
	if (failed(addr_parse(j->at.host, j->at.port, &j->addresses[0]))) {
		ask(j, DNS_A);
		return;
	}
	j->n = 1;
	connect_next(j);
}

static void on_begin(void *arg)
{
	hop(arg);
}

err job_start(struct fetch *f, const struct ipc_fetch *m)
{
	struct timers *t = loop_timers(f->skel->loop);
	ENSURE(f->n_jobs < JOBS_MAX, CEILING);
	struct job *j = calloc(1, sizeof *j);
	ENSURE(j != NULL, NO_MEMORY);
	*j = (struct job){ .f = f, .id = m->id };
	list_add(&f->jobs, &j->node);
	f->n_jobs++;
	err e = str_to_z(m->url, j->url, sizeof j->url) ? OK : ERR(MALFORMED);
	if (!failed(e))
		e = timer_set(t, &j->whole, WHOLE_MS, on_whole_time, j);
	if (!failed(e))
		e = timer_set(t, &j->silence, 0, on_begin, j);
	if (failed(e))
		job_drop(j);
	return e;
}
