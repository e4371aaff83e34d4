/* SPDX-License-Identifier: Apache-2.0 */
/* The life of each process: started, told what it needs, connected with the others, started again when it dies. */
#include "role/master/master_priv.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

unsigned backoff_next(unsigned *wait, uint64_t lived_ms)
{
	unsigned now = lived_ms >= LIFE_MS ? 0 : *wait;
	unsigned then = now != 0 ? now * 2 : BACKOFF_FIRST_MS;
	*wait = then < BACKOFF_MAX_MS ? then : BACKOFF_MAX_MS;
	return now;
}

/* ---- counters ---- */

/* A page each, in a memory of its own that cannot be cut: who writes to his page cannot reach another. */
static err page_make(struct master *m, unsigned slot)
{
	int fd = memfd_create("witan-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ENSURE(fd >= 0, SYSTEM);
	m->page_fds[slot] = fd;
	ENSURE(ftruncate(fd, METER_PAGE) == 0, NO_MEMORY);
	ENSURE(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0, SYSTEM);
	void *page = mmap(NULL, METER_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ENSURE(page != MAP_FAILED, NO_MEMORY);
	m->pages[slot] = page;
	return OK;
}

/* Totals go on after a death; what the process had open is gone. */
static void clear_gauges(struct meter *page)
{
	for (unsigned i = 0; i < METER_N; i++)
		if (meter_defs[i].kind == METER_GAUGE)
			__atomic_store_n(&page->v[i], 0, __ATOMIC_RELAXED);
}

/* ---- what a new process is told ---- */

/* A message that cannot be sent ends the channel, and that ends the process: nothing more is to be done here. */
static void told(err e)
{
	(void)failed(e);
}

static void send_pages(struct master *m, struct child *c)
{
	uint16_t n = (uint16_t)(m->n_children + 1);
	bool is_reader = strcmp(c->role->name, "vault") == 0;
	for (unsigned i = 0; i <= n; i++) {
		unsigned slot = i == 0 ? c->slot : i - 1; /* its own is the first */
		if (i != 0 && (!is_reader || slot == c->slot))
			continue;
		int fd = fcntl(m->page_fds[slot], F_DUPFD_CLOEXEC, 0);
		if (fd >= 0)
			told(ipc_send_meter_map(
				c->channel, &(struct ipc_meter_map){ .slot = (uint16_t)slot, .n_slots = n }, fd));
	}
}

static void send_listener(struct child *c, const char *transport, uint16_t port, int listener)
{
	int fd = listener >= 0 ? fcntl(listener, F_DUPFD_CLOEXEC, 0) : -1;
	if (fd >= 0)
		told(ipc_send_listener(
			c->channel, &(struct ipc_listener){ .transport = str_of(transport), .port = port }, fd));
}

static void send_listeners(struct master *m, struct child *c)
{
	for (unsigned port = 0; port < PORT_N; port++)
		if (strcmp(c->role->name, port_rows[port].role) == 0)
			send_listener(c, port_rows[port].transport, port_number(&m->plan, port), m->ports.fds[port][c->index]);
	if (strcmp(c->role->name, "vault") == 0)
		send_listener(c, "control", 0, m->ports.control);
}

static void send_channel(struct child *to, const struct child *other, int fd)
{
	told(ipc_send_channel(to->channel,
		&(struct ipc_channel){ .role = str_of(other->role->name), .index = (uint16_t)other->index }, fd));
}

/* Keeper and vault know those who face outward, and each other; fronts know each other too. Who fetches or asks the domain signs nothing: it knows vault alone. */
static bool may_talk(const struct role *a, const struct role *b)
{
	if (is_on_demand(a) || is_on_demand(b))
		return strcmp(a->name, "vault") == 0 || strcmp(b->name, "vault") == 0;
	return is_outward(a) != is_outward(b) || !is_outward(a) || (is_front(a) && is_front(b));
}

static void send_channels(struct master *m, struct child *c)
{
	int pair[2];
	for (struct child *o = m->children; o < m->children + m->n_children; o++) {
		if (o == c || o->channel == NULL || !may_talk(c->role, o->role))
			continue;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
			continue;
		send_channel(c, o, pair[0]);
		send_channel(o, c, pair[1]);
	}
}

static void send_all(struct master *m, struct child *c)
{
	struct ipc_hello hello = {
		.role = str_of(c->role->name),
		.index = (uint16_t)c->index,
		.n_fronts = (uint16_t)m->plan.n_fronts,
		.shared_key = { (const char *)m->shared_key, sizeof m->shared_key },
		.fqdn = str_of(m->plan.fqdn),
		.domains = str_of(m->plan.domains),
		.peers = str_of(m->plan.peers),
		.next_hop = str_of(m->plan.next_hop),
		.access = str_of(m->plan.access),
	};
	told(ipc_send_hello(c->channel, &hello, -1));
	send_pages(m, c);
	send_listeners(m, c);
	send_channels(m, c);
	told(ipc_send_start(c->channel, &(struct ipc_start){ 0 }, -1));
}

/* ---- what it tells ---- */

static err on_ready(struct child *c, str body)
{
	struct ipc_ready m;
	TRY(ipc_ready_parse(&m, body));
	c->is_ready = true;
	LOG(&c->master->log, PROCESS_READY, LOG_Z("role", c->role->name), LOG_INT("index", c->index),
		LOG_INT("pid", c->pid));
	master_on_ready(c->master);
	return OK;
}

static err on_refused(struct child *c, str body)
{
	struct ipc_refused m;
	TRY(ipc_refused_parse(&m, body));
	c->is_refused = true;
	master_on_refused(c->master, c, &m);
	return OK;
}

static err on_process_want(struct child *c, str body)
{
	struct ipc_process_want m;
	TRY(ipc_process_want_parse(&m, body));
	children_want(c->master, &m);
	return OK;
}

static err on_service_port(struct child *c, str body)
{
	struct ipc_service_port m;
	TRY(ipc_service_port_parse(&m, body));
	ENSURE(str_eq(m.transport, str_of(port_rows[PORT_TCP].transport)), MALFORMED);
	children_set_port(c->master, PORT_TCP, m.port);
	return OK;
}

static err on_file_piece(struct child *c, str body)
{
	struct ipc_file_piece m;
	TRY(ipc_file_piece_parse(&m, body));
	return files_take(c->master, &m);
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct child *c = arg;
	if (fd >= 0)
		(void)close(fd);
	if (strcmp(c->role->name, "vault") == 0 && type == IPC_PROCESS_WANT)
		return on_process_want(c, body);
	if (strcmp(c->role->name, "vault") == 0 && type == IPC_SERVICE_PORT)
		return on_service_port(c, body);
	if (strcmp(c->role->name, "vault") == 0 && type == IPC_FILE_PIECE)
		return on_file_piece(c, body);
	if (type == IPC_READY)
		return on_ready(c, body);
	if (type == IPC_REFUSED)
		return on_refused(c, body);
	return ERR(MALFORMED);
}

/* It is ending, or it broke the rules: then it must. */
static void on_close(void *arg, struct ipc *from)
{
	struct child *c = arg;
	c->channel = NULL;
	if (c->pid != 0 && !c->is_refused && c->master->phase <= SERVING)
		(void)kill(c->pid, SIGKILL);
}

static const struct ipc_door door = { on_message, on_close };

/* ---- life and death ---- */

static void start_later(struct child *c, unsigned ms);

static void start(void *arg)
{
	struct child *c = arg;
	struct master *m = c->master;
	int fd;
	c->is_ready = c->is_refused = false;
	c->since = loop_now(m->loop);
	err e = spawn(m, c->role, c->index, &c->pid, &fd);
	if (!failed(e))
		e = ipc_open(m->loop, fd, &door, c, &c->channel);
	if (failed(e)) {
		LOG(&m->log, PROCESS_DIED, LOG_Z("role", c->role->name), LOG_INT("index", c->index), LOG_INT("pid", 0),
			LOG_ERR(e));
		if (c->pid > 0)
			(void)kill(c->pid, SIGKILL);
		else
			start_later(c, BACKOFF_MAX_MS);
		return;
	}
	LOG(&m->log, PROCESS_STARTED, LOG_Z("role", c->role->name), LOG_INT("index", c->index), LOG_INT("pid", c->pid));
	send_all(m, c);
}

static void start_later(struct child *c, unsigned ms)
{
	struct master *m = c->master;
	c->pid = 0;
	if (ms != 0)
		LOG(&m->log, PROCESS_BACKOFF, LOG_Z("role", c->role->name), LOG_INT("index", c->index),
			LOG_INT("milliseconds", ms));
	if (failed(timer_set(loop_timers(m->loop), &c->again, ms, start, c)))
		start(c);
}

static void log_death(struct child *c, int status, uint64_t lived)
{
	char how[64];
	if (WIFSIGNALED(status))
		(void)snprintf(how, sizeof how, "signal %d (%s)", WTERMSIG(status), sigabbrev_np(WTERMSIG(status)));
	else
		(void)snprintf(how, sizeof how, "exit %d", WEXITSTATUS(status));
	LOG(&c->master->log, PROCESS_DIED, LOG_Z("role", c->role->name), LOG_INT("index", c->index),
		LOG_INT("pid", c->pid), LOG_Z("how", how), LOG_INT("lived_ms", lived));
}

static void bury(struct child *c, int status)
{
	struct master *m = c->master;
	uint64_t lived = loop_now(m->loop) - c->since;
	if (c->channel != NULL)
		ipc_close(c->channel);
	c->channel = NULL;
	clear_gauges(m->pages[c->slot]);
	if (m->phase > SERVING || m->status != 0) {
		c->pid = 0;
		master_on_gone(m);
		return;
	}
	if (c->is_unwanted) {
		LOG(&m->log, PROCESS_STOPPED, LOG_Z("role", c->role->name), LOG_INT("index", c->index), LOG_INT("pid", c->pid));
		c->pid = 0;
		return;
	}
	log_death(c, status, lived);
	meter_add(m->pages[0], METER_PROCESS_RESTARTS, 1);
	start_later(c, backoff_next(&c->wait, lived));
}

void children_reap(struct master *m)
{
	for (struct child *c = m->children; c < m->children + m->n_children; c++) {
		int status;
		if (c->pid > 0 && waitpid(c->pid, &status, WNOHANG) == c->pid)
			bury(c, status);
	}
}

/* ---- what administrators ask for ---- */

static void want(struct child *c, bool runs)
{
	if (runs && c->is_unwanted && c->pid == 0) {
		c->is_unwanted = false;
		start(c);
	} else if (runs) {
		c->is_unwanted = false; /* still ending: it is started again when it has */
	} else if (!c->is_unwanted) {
		c->is_unwanted = true;
		timer_clear(loop_timers(c->master->loop), &c->again);
		if (c->channel != NULL)
			told(ipc_send_drain(c->channel, &(struct ipc_drain){ .milliseconds = DRAIN_MS }, -1));
	}
}

void children_want(struct master *m, const struct ipc_process_want *w)
{
	for (struct child *c = m->children; m->phase <= SERVING && c < m->children + m->n_children; c++)
		if (is_outward(c->role) && (m->phase == SERVING || is_on_demand(c->role)) && str_eq(str_of(c->role->name), w->role) && c->index == w->index)
			want(c, w->runs != 0);
}

static void tell_port(struct master *m, unsigned port, bool gone)
{
	for (struct child *c = m->children; c < m->children + m->n_children; c++) {
		if (c->channel == NULL || strcmp(c->role->name, port_rows[port].role) != 0)
			continue;
		if (gone)
			told(ipc_send_listener_gone(c->channel, &(struct ipc_listener_gone){ .transport = str_of(port_rows[port].transport),
				.port = port_number(&m->plan, port) }, -1));
		else
			send_listener(c, port_rows[port].transport, port_number(&m->plan, port), m->ports.fds[port][c->index]);
	}
}

/* What an administrator has set holds over the document; a port that cannot be opened is told, and stays closed. */
void children_set_port(struct master *m, unsigned port, uint16_t number)
{
	struct diag d = { 0 };
	if (port_number(&m->plan, port) == number || m->phase > SERVING)
		return;
	if (port_number(&m->plan, port) != 0) {
		ports_close_one(&m->ports, port);
		tell_port(m, port, true);
	}
	m->plan.sip_tcp = number;
	if (number == 0)
		return;
	err e = ports_open_one(&m->ports, &m->plan, port, &d);
	if (failed(e)) {
		LOG(&m->log, LISTENER_FAILED, LOG_Z("transport", port_rows[port].transport), LOG_INT("port", number), LOG_Z("why", d.what), LOG_Z("remedy", d.remedy));
		m->plan.sip_tcp = 0;
		return;
	}
	tell_port(m, port, false);
}

/* ---- all of them ---- */

static void add(struct master *m, const struct role *role, unsigned index)
{
	struct child *c = &m->children[m->n_children++];
	/* vault says when there is something to do for it */
	*c = (struct child){ .master = m, .role = role, .index = index, .slot = m->n_children, .is_unwanted = is_on_demand(role) };
}

unsigned children_of(const struct plan *p, const struct role *r)
{
	if (!master_runs(r->name, p->role))
		return 0;
	if (strcmp(r->name, "web") == 0)
		return (p->web | p->http | p->external_http | p->https | p->external_https) != 0 ? 1 : 0;
	if (strcmp(r->name, "replicator") == 0)
		return p->has_others ? 1 : 0;
	return is_front(r) ? p->n_fronts : 1;
}

err children_init(struct master *m, const struct role *const *roles, struct diag *d)
{
	err e = page_make(m, 0);
	for (; *roles != NULL; roles++)
		for (unsigned i = 0; i < children_of(&m->plan, *roles); i++)
			add(m, *roles, i);
	for (unsigned i = 1; !failed(e) && i <= m->n_children; i++)
		e = page_make(m, i);
	return failed(e) ? diag_fail(d, e, "counters", "", "no memory for them") : OK;
}

void children_start(struct master *m)
{
	for (struct child *c = m->children; c < m->children + m->n_children; c++)
		if (!c->is_unwanted)
			start(c);
}

void children_kill(struct master *m)
{
	for (struct child *c = m->children; c < m->children + m->n_children; c++) {
		timer_clear(loop_timers(m->loop), &c->again);
		if (c->pid > 0)
			(void)kill(c->pid, SIGKILL);
	}
}

void children_drain(struct master *m, bool outward)
{
	for (struct child *c = m->children; c < m->children + m->n_children; c++) {
		timer_clear(loop_timers(m->loop), &c->again);
		if (c->channel != NULL && is_outward(c->role) == outward)
			told(ipc_send_drain(c->channel, &(struct ipc_drain){ .milliseconds = DRAIN_MS }, -1));
	}
}

void children_reload(struct master *m)
{
	for (struct child *c = m->children; c < m->children + m->n_children; c++)
		if (c->channel != NULL && strcmp(c->role->name, "vault") == 0)
			files_tell(c->channel);
	for (struct child *c = m->children; c < m->children + m->n_children; c++)
		if (c->channel != NULL)
			told(ipc_send_reload(c->channel, &(struct ipc_reload){ 0 }, -1));
}

unsigned children_count(const struct master *m, bool outward)
{
	unsigned n = 0;
	for (const struct child *c = m->children; c < m->children + m->n_children; c++)
		n += c->pid > 0 && is_outward(c->role) == outward ? 1 : 0;
	return n;
}

bool children_are_ready(const struct master *m)
{
	for (const struct child *c = m->children; c < m->children + m->n_children; c++)
		if (!c->is_ready && !is_on_demand(c->role)) /* nobody needs it in order to serve */
			return false;
	return true;
}
