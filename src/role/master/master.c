/* SPDX-License-Identifier: Apache-2.0 */
#include "role/master/master_priv.h"

#include "base/crypt.h"
#include "os/net.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the end ---- */

static void on_drain_over(void *arg)
{
	children_kill(arg);
}

static void next_phase(struct master *m)
{
	if (m->phase == DRAINING_OUTWARD && children_count(m, true) == 0) {
		m->phase = DRAINING_REST;
		children_drain(m, false);
	}
	if (m->phase == DRAINING_REST && children_count(m, false) == 0)
		loop_stop(m->loop);
}

void master_on_gone(struct master *m)
{
	next_phase(m);
}

/* Those who speak with the world go first: what they still have to do needs the others. */
static void drain(struct master *m)
{
	if (m->phase > SERVING) {
		children_kill(m); /* asked twice */
		return;
	}
	m->phase = DRAINING_OUTWARD;
	LOG(&m->log, SERVER_DRAINING, LOG_INT("milliseconds", DRAIN_MS));
	notify_tell(&m->notify, "STOPPING=1");
	ports_close(&m->ports);
	timer_clear(loop_timers(m->loop), &m->deadline);
	children_drain(m, true);
	if (failed(timer_set(loop_timers(m->loop), &m->deadline, DRAIN_MS + DRAIN_GRACE_MS, on_drain_over, m)))
		children_kill(m);
	next_phase(m);
}

static void refuse(struct master *m)
{
	m->status = 1;
	drain(m);
}

void master_on_refused(struct master *m, const struct child *c, const struct ipc_refused *why)
{
	LOG(&m->log, SERVER_REFUSED, LOG_Z("role", c->role->name), LOG_STR("where", why->where),
		LOG_STR("reason", why->what), LOG_STR("remedy", why->remedy));
	/* once the server has served, what is wrong now may be right again when the process is started the next time */
	if (m->phase == STARTING && !is_on_demand(c->role))
		refuse(m);
}

/* ---- the beginning ---- */

void master_on_ready(struct master *m)
{
	if (m->phase != STARTING || !children_are_ready(m))
		return;
	m->phase = SERVING;
	timer_clear(loop_timers(m->loop), &m->deadline);
	struct log_field fields[12] = {
		LOG_Z("dir", m->dir),
		LOG_Z("fqdn", m->plan.fqdn),
		LOG_Z("role", topo_role_word((enum topo_role)m->plan.role)),
		LOG_INT("fronts", m->plan.n_fronts),
	};
	unsigned n = 4;
	if (m->plan.sip_tls != 0)
		fields[n++] = LOG_INT("sip-tls", m->plan.sip_tls);
	if (m->plan.sip_tcp != 0)
		fields[n++] = LOG_INT("sip-tcp", m->plan.sip_tcp);
	if (m->plan.web != 0)
		fields[n++] = LOG_INT("web", m->plan.web);
	if (m->plan.http != 0)
		fields[n++] = LOG_INT("http", m->plan.http);
	if (m->plan.external_http != 0)
		fields[n++] = LOG_INT("external-http", m->plan.external_http);
	if (m->plan.https != 0)
		fields[n++] = LOG_INT("https", m->plan.https);
	if (m->plan.external_https != 0)
		fields[n++] = LOG_INT("external-https", m->plan.external_https);
	log_write(&m->log, EV_SERVER_READY, fields);
	notify_tell(&m->notify, "READY=1\nSTATUS=serving");
}

static void on_start_over(void *arg)
{
	struct master *m = arg;
	LOG(&m->log, SERVER_REFUSED, LOG_Z("where", "start"), LOG_INT("milliseconds", START_MS),
		LOG_Z("reason", "the processes were not ready in time"), LOG_Z("remedy", "the lines before say why"));
	refuse(m);
}

/* ---- signals and time ---- */

static void on_end(void *arg)
{
	drain(arg);
}

static void on_child(void *arg)
{
	children_reap(arg);
}

static bool is_same(const struct plan *a, const struct plan *b)
{
	return strcmp(a->fqdn, b->fqdn) == 0 && strcmp(a->domains, b->domains) == 0 &&
	       strcmp(a->peers, b->peers) == 0 && strcmp(a->next_hop, b->next_hop) == 0 && strcmp(a->access, b->access) == 0 && a->sip_tls == b->sip_tls && a->sip_tcp == b->sip_tcp && a->web == b->web &&
	       a->http == b->http && a->external_http == b->external_http && a->https == b->https && a->external_https == b->external_https && a->n_fronts == b->n_fronts && a->role == b->role &&
	       a->internal == b->internal && a->external == b->external && a->client == b->client &&
	       a->replica == b->replica && a->has_others == b->has_others && a->is_copy == b->is_copy &&
	       memcmp(&a->inside, &b->inside, sizeof a->inside) == 0 && memcmp(&a->outside, &b->outside, sizeof a->outside) == 0;
}

/* Certificates, keys and what vault reads are taken over at once; names, ports and processes are those of the start. */
void master_reload(void *arg)
{
	struct master *m = arg;
	struct plan fresh;
	struct diag d = { 0 };
	struct timespec now;
	char state[64];
	if (m->phase != SERVING)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
	notify_tell(&m->notify, state);
	err e = plan_read(&fresh, &d);
	if (failed(e))
		LOG(&m->log, SERVER_REFUSED, LOG_ERR(e), LOG_Z("where", d.where), LOG_Z("reason", d.what),
			LOG_Z("remedy", d.remedy));
	else if (!is_same(&fresh, &m->document))
		LOG(&m->log, SERVER_STALE, LOG_Z("where", "topology.yaml"), LOG_Z("remedy", "restart the server"));
	children_reload(m);
	LOG(&m->log, SERVER_RELOADED);
	notify_tell(&m->notify, "READY=1");
}

static void on_watchdog(void *arg)
{
	struct master *m = arg;
	notify_tell(&m->notify, "WATCHDOG=1");
	if (failed(timer_set(loop_timers(m->loop), &m->watchdog, m->notify.watchdog_ms, on_watchdog, m)))
		LOG(&m->log, MEMORY_LOW);
}

static err listen_to_signals(struct master *m)
{
	TRY(loop_signal(m->loop, SIGTERM, on_end, m));
	TRY(loop_signal(m->loop, SIGINT, on_end, m));
	TRY(loop_signal(m->loop, SIGHUP, master_reload, m));
	return loop_signal(m->loop, SIGCHLD, on_child, m);
}

/* ---- all of it ---- */

static err prepare(struct master *m, const char *dir, const struct role *const *roles, struct diag *d)
{
	TRY(lock_take(dir, m->dir, &m->lock, d));
	m->exe = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (m->exe < 0)
		return diag_fail(d, ERR(SYSTEM), "/proc/self/exe", "mount /proc", "cannot open the program: %s",
			strerror(errno));
	TRY(plan_read(&m->plan, d));
	m->document = m->plan;
	TRY(ports_open(&m->ports, &m->plan, d));
	TRY(children_init(m, roles, d));
	crypt_random(m->shared_key, sizeof m->shared_key);
	TRY(loop_new(&m->loop));
	return listen_to_signals(m);
}

static void serve(struct master *m)
{
	LOG(&m->log, SERVER_STARTING, LOG_Z("dir", m->dir), LOG_Z("version", WITAN_VERSION), LOG_INT("pid", getpid()));
	if (m->plan.missing != NULL)
		LOG(&m->log, SERVICE_MISSING, LOG_Z("role", topo_role_word((enum topo_role)m->plan.role)),
			LOG_Z("what", m->plan.missing));
	if (failed(timer_set(loop_timers(m->loop), &m->deadline, START_MS, on_start_over, m)))
		return;
	if (m->notify.watchdog_ms != 0)
		on_watchdog(m);
	children_start(m);
	loop_run(m->loop);
	children_kill(m);
	LOG(&m->log, SERVER_STOPPED, LOG_INT("status", m->status));
}

/* The descriptors that everything else counts on. */
static void open_standard(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	net_close(fd);
}

static void say(err e, const struct diag *d)
{
	bool is_told = d->what[0] != '\0';
	(void)fprintf(
		stderr, "witand: %s%s%s\n", d->where, d->where[0] != '\0' ? ": " : "", is_told ? d->what : e.def->text);
	if (d->remedy[0] != '\0')
		(void)fprintf(stderr, "  remedy: %s\n", d->remedy);
}

int master_main(const char *dir, const struct role *const *roles)
{
	static struct master master;
	struct master *m = &master;
	struct diag d = { 0 };
	open_standard();
	(void)umask(022);
	m->lock = m->exe = -1;
	ports_init(&m->ports);
	log_init(&m->log, STDERR_FILENO, "master", 0);
	notify_init(&m->notify);
	err e = prepare(m, dir, roles, &d);
	if (failed(e)) {
		say(e, &d);
		m->status = 1;
	} else {
		serve(m);
	}
	ports_close(&m->ports);
	lock_release(m->lock);
	crypt_wipe(m->shared_key, sizeof m->shared_key);
	return m->status;
}
