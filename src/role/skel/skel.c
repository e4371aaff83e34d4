/* SPDX-License-Identifier: Apache-2.0 */
#include "role/skel.h"

#include "base/crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MASTER_FD = 3, LOG_FD = 2 };

/* The one process that this is. */
static struct run {
	struct skel skel; /* first: what the role sees */
	const char *dir;
	int status;
	bool is_inside; /* HELLO has come, the jail is shut */
	bool is_started, is_ready;
} run;

void skel_exit(struct skel *s, int status)
{
	run.status = status;
	loop_stop(s->loop);
}

void skel_ready(struct skel *s)
{
	if (run.is_ready)
		return;
	run.is_ready = true;
	/* without master the process ends anyway */
	if (failed(ipc_send_ready(s->master, &(struct ipc_ready){ 0 }, -1)))
		skel_exit(s, 1);
}

/* Master shows it to the administrator. */
static void refuse(struct skel *s, err e, const struct diag *d)
{
	struct ipc_refused m = { .where = str_of(d->where), .what = str_of(d->what), .remedy = str_of(d->remedy) };
	if (d->what[0] == '\0')
		m.what = str_of(e.def->text);
	(void)failed(ipc_send_refused(s->master, &m, -1));
	skel_exit(s, 1);
}

/* ---- messages of master ---- */

static err set_room(struct skel *s, struct diag *d)
{
	char path[PATH_MAX];
	if (jail_is_changing_root(s->role->jail))
		return OK;
	if (realpath(run.dir, path) == NULL ||
		(size_t)snprintf(s->room, sizeof s->room, "%s/%s", path, s->role->jail->room) >= sizeof s->room)
		return diag_fail(d, ERR(SYSTEM), "--dir", "give a shorter path", "cannot tell the path of %s", run.dir);
	return OK;
}

static err enter(struct skel *s, struct diag *d)
{
	s->dir = open(run.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return diag_fail(d, ERR(SYSTEM), run.dir, "", "cannot open the directory: %s", strerror(errno));
	TRY(set_room(s, d));
	if (s->role->open != NULL)
		TRY(s->role->open(s, d));
	TRY(jail_enter(s->role->jail, s->dir, &s->log, d));
	(void)close(s->dir);
	s->dir = -1;
	return OK;
}

static err on_hello(struct skel *s, str body, int fd)
{
	struct ipc_hello m;
	struct diag d = { 0 };
	TRY(ipc_hello_parse(&m, body));
	ENSURE(!run.is_inside && str_eq(m.role, str_of(s->role->name)) && m.shared_key.n == sizeof s->shared_key,
		MALFORMED);
	ENSURE(str_to_z(m.fqdn, s->fqdn, sizeof s->fqdn) && str_to_z(m.domains, s->domains, sizeof s->domains),
		MALFORMED);
	ENSURE(str_to_z(m.peers, s->peers, sizeof s->peers) && str_to_z(m.next_hop, s->next_hop, sizeof s->next_hop), MALFORMED);
	ENSURE(str_to_z(m.access, s->access, sizeof s->access), MALFORMED);
	memcpy(s->shared_key, m.shared_key.p, sizeof s->shared_key);
	s->index = m.index;
	s->n_fronts = m.n_fronts;
	s->log.index = m.index;
	err e = enter(s, &d);
	run.is_inside = !failed(e);
	if (failed(e))
		refuse(s, e, &d);
	return OK;
}

static err on_channel(struct skel *s, str body, int fd)
{
	struct ipc_channel m;
	err e = ipc_channel_parse(&m, body);
	if (failed(e) || s->role->on_channel == NULL)
		(void)close(fd);
	else
		s->role->on_channel(s, m.role, m.index, fd);
	return e;
}

static err on_listener(struct skel *s, str body, int fd)
{
	struct ipc_listener m;
	err e = ipc_listener_parse(&m, body);
	if (failed(e) || s->role->on_listener == NULL)
		(void)close(fd);
	else
		s->role->on_listener(s, m.transport, m.port, fd);
	return e;
}

static err on_listener_gone(struct skel *s, str body, int fd)
{
	struct ipc_listener_gone m;
	TRY(ipc_listener_gone_parse(&m, body));
	if (s->role->on_listener_gone != NULL)
		s->role->on_listener_gone(s, m.transport, m.port);
	return OK;
}

/* The first page is this process's own; others (for vault) are put at their place to be read. */
static err map_page(struct skel *s, const struct ipc_meter_map *m, int fd)
{
	size_t all = (size_t)m->n_slots * METER_PAGE;
	ENSURE(m->slot < m->n_slots && (s->n_meters == 0 || s->n_meters == m->n_slots), MALFORMED);
	if (s->meters == NULL) {
		void *room = mmap(NULL, all, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ENSURE(room != MAP_FAILED, NO_MEMORY);
		s->meters = room;
		s->n_meters = m->n_slots;
	}
	int protection = s->meter == NULL ? PROT_READ | PROT_WRITE : PROT_READ;
	void *page = mmap(&s->meters[m->slot], METER_PAGE, protection, MAP_SHARED | MAP_FIXED, fd, 0);
	ENSURE(page != MAP_FAILED, NO_MEMORY);
	if (s->meter == NULL)
		s->meter = page;
	return OK;
}

static err on_meter_map(struct skel *s, str body, int fd)
{
	struct ipc_meter_map m;
	err e = ipc_meter_map_parse(&m, body);
	if (!failed(e))
		e = map_page(s, &m, fd);
	(void)close(fd);
	return e;
}

static err on_start(struct skel *s, str body, int fd)
{
	struct diag d = { 0 };
	TRY(ipc_start_parse(&(struct ipc_start){ 0 }, body));
	ENSURE(!run.is_started, MALFORMED);
	run.is_started = true;
	err e = s->role->start != NULL ? s->role->start(s, &d) : OK;
	if (failed(e))
		refuse(s, e, &d);
	return OK;
}

static err on_file_piece(struct skel *s, str body, int fd)
{
	struct ipc_file_piece m;
	TRY(ipc_file_piece_parse(&m, body));
	if (s->role->on_file != NULL)
		s->role->on_file(s, m.name, m.is_last != 0, m.bytes);
	return OK;
}

static err on_reload(struct skel *s, str body, int fd)
{
	TRY(ipc_reload_parse(&(struct ipc_reload){ 0 }, body));
	if (s->role->on_reload != NULL)
		s->role->on_reload(s);
	return OK;
}

static err on_drain(struct skel *s, str body, int fd)
{
	struct ipc_drain m;
	TRY(ipc_drain_parse(&m, body));
	if (s->role->drain != NULL)
		s->role->drain(s, m.milliseconds);
	else
		skel_exit(s, 0);
	return OK;
}

static err (*const messages[IPC_N])(struct skel *s, str body, int fd) = {
	[IPC_HELLO] = on_hello,
	[IPC_CHANNEL] = on_channel,
	[IPC_LISTENER] = on_listener,
	[IPC_LISTENER_GONE] = on_listener_gone,
	[IPC_METER_MAP] = on_meter_map,
	[IPC_START] = on_start,
	[IPC_FILE_PIECE] = on_file_piece,
	[IPC_RELOAD] = on_reload,
	[IPC_DRAIN] = on_drain,
};

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct skel *s = arg;
	bool is_refused = run.status != 0; /* what still comes is for nobody */
	if (messages[type] != NULL && !is_refused && run.is_inside == (type != IPC_HELLO))
		return messages[type](s, body, fd);
	if (fd >= 0)
		(void)close(fd);
	return is_refused ? OK : ERR(MALFORMED);
}

/* No process outlives master. */
static void on_master_gone(void *arg, struct ipc *from)
{
	struct skel *s = arg;
	s->master = NULL;
	skel_exit(s, 1);
}

static const struct ipc_door master_door = { on_message, on_master_gone };

/* ---- the process ---- */

static bool read_words(const struct role *role, int argc, char **argv)
{
	uint32_t index = 0;
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--dir") == 0)
			run.dir = argv[i + 1];
		else if (strcmp(argv[i], "--index") == 0 && !str_to_u32(str_of(argv[i + 1]), &index))
			return false;
		else if (strcmp(argv[i], "--role") == 0 && strcmp(argv[i + 1], role->name) != 0)
			return false;
	}
	run.skel.index = index;
	return run.dir != NULL && fcntl(MASTER_FD, F_GETFD) >= 0;
}

int skel_main(const struct role *role, int argc, char **argv)
{
	struct skel *s = &run.skel;
	char name[16]; /* as ps and top show it */
	s->role = role;
	s->dir = -1;
	if (!read_words(role, argc, argv)) {
		(void)fprintf(stderr, "witand: --role is for witand itself: start it as `witand --dir D`\n");
		return 2;
	}
	/* master is told to end, and tells the others how */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)umask(077);
	(void)snprintf(name, sizeof name, "witan-%s", role->name);
	(void)prctl(PR_SET_NAME, name);
	(void)fcntl(MASTER_FD, F_SETFD, FD_CLOEXEC);
	log_init(&s->log, LOG_FD, role->name, s->index);
	err e = loop_new(&s->loop);
	if (!failed(e))
		e = ipc_open(s->loop, MASTER_FD, &master_door, s, &s->master);
	if (failed(e)) {
		LOG(&s->log, SERVER_REFUSED, LOG_ERR(e));
		return 1;
	}
	loop_run(s->loop);
	if (s->master != NULL)
		ipc_close(s->master);
	crypt_wipe(s->shared_key, sizeof s->shared_key);
	return run.status;
}
