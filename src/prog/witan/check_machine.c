/* SPDX-License-Identifier: Apache-2.0 */
/* What listens on this machine, by the tables of the kernel: what is planned here is there, and held by our processes; nothing else is. */
#include "prog/witan/check_priv.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <fcntl.h>
#include <unistd.h>

enum { SOCKETS_MAX = 4096, OURS_MAX = 65536, PORTS_END = 32768, TCP_LISTENS = 0x0a, UDP_OPEN = 0x07 };

struct socket {
	unsigned port;
	bool is_udp, is_loopback, is_ours;
	unsigned long inode;
};

struct machine {
	struct checking *k;
	const struct plan_unit *unit;
	pid_t master; /* 0: the server does not run */
	struct {
		struct socket *p;
		size_t n;
	} sockets;
};

/* ---- the tables ---- */

static void add_line(struct machine *m, const char *line, bool is_udp)
{
	char address[33];
	unsigned port, state;
	unsigned long inode;
	if (sscanf(line, " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %*d %*d %lu", address, &port, &state, &inode) != 4)
		return;
	if (state != (is_udp ? UDP_OPEN : TCP_LISTENS) || port == 0 || port >= PORTS_END || m->sockets.n == SOCKETS_MAX)
		return;
	bool is_loopback = strcmp(address, "0100007F") == 0 || strcmp(address, "00000000000000000000000001000000") == 0;
	m->sockets.p[m->sockets.n++] = (struct socket){ port, is_udp, is_loopback, false, inode };
}

static bool read_table(struct machine *m, const char *name)
{
	char path[64], line[512];
	(void)snprintf(path, sizeof path, "/proc/net/%s", name);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof line, f) != NULL)
		add_line(m, line, name[0] == 'u');
	(void)fclose(f);
	return true;
}

/* ---- who holds them ---- */

/* Calls fn for the sockets of one process. */
static bool each_inode(pid_t pid, bool (*fn)(void *arg, unsigned long inode), void *arg)
{
	char path[64], link[64];
	(void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	bool found = false;
	for (struct dirent *e = NULL; dir != NULL && !found && (e = readdir(dir)) != NULL;) {
		unsigned long inode;
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof link - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		found = sscanf(link, "socket:[%lu]", &inode) == 1 && fn(arg, inode);
	}
	if (dir != NULL)
		(void)closedir(dir);
	return found;
}

static bool mark_ours(void *arg, unsigned long inode)
{
	struct machine *m = arg;
	TOPO_EACH (s, m->sockets)
		s->is_ours = s->is_ours || s->inode == inode;
	return false;
}

static bool is_inode(void *arg, unsigned long inode)
{
	return *(const unsigned long *)arg == inode;
}

static pid_t parent_of(pid_t pid, char name[32])
{
	char path[64], line[512] = "";
	int parent = 0;
	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	if (f != NULL && fgets(line, sizeof line, f) == NULL)
		line[0] = '\0';
	if (f != NULL)
		(void)fclose(f);
	const char *open = strchr(line, '('), *close = strrchr(line, ')');
	if (open == NULL || close == NULL || sscanf(close + 1, " %*c %d", &parent) != 1)
		return 0;
	(void)snprintf(name, 32, "%.*s", (int)(close - open - 1), open + 1);
	return (pid_t)parent;
}

/* Calls fn for each process until it says that it has enough. */
static void each_process(struct machine *m, bool (*fn)(struct machine *m, void *arg, pid_t pid), void *arg)
{
	DIR *dir = opendir("/proc");
	for (struct dirent *e = NULL; dir != NULL && (e = readdir(dir)) != NULL;) {
		uint32_t pid;
		if (str_to_u32(str_of(e->d_name), &pid) && fn(m, arg, (pid_t)pid))
			break;
	}
	if (dir != NULL)
		(void)closedir(dir);
}

static bool mark_process(struct machine *m, void *arg, pid_t pid)
{
	char name[32] = "";
	if (pid == m->master || parent_of(pid, name) == m->master)
		(void)each_inode(pid, mark_ours, m);
	return false;
}

struct holder {
	unsigned long inode;
	char name[32];
	pid_t pid;
};

static bool holds(struct machine *m, void *arg, pid_t pid)
{
	struct holder *h = arg;
	if (!each_inode(pid, is_inode, &h->inode))
		return false;
	(void)parent_of(pid, h->name);
	h->pid = pid;
	return true;
}

static struct holder holder_of(struct machine *m, const struct socket *s)
{
	struct holder h = { .inode = s->inode, .name = "" };
	each_process(m, holds, &h);
	if (h.name[0] == '\0')
		(void)snprintf(h.name, sizeof h.name, "another program");
	return h;
}

/* The server holds a lock on the file with its number as long as it runs. */
static pid_t find_master(const char *dir)
{
	char path[4200], text[24] = "";
	uint32_t pid = 0;
	(void)snprintf(path, sizeof path, "%s/run/witand.pid", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	bool is_free = flock(fd, LOCK_SH | LOCK_NB) == 0;
	(void)close(fd);
	return n > 0 && !is_free && str_to_u32(str_trim((str){ text, (size_t)n }), &pid) ? (pid_t)pid : 0;
}

/* ---- what is planned ---- */

static bool is_planned(const struct machine *m, const struct socket *s)
{
	TOPO_EACH (f, m->k->ports.flows)
		if (f->to == m->unit && plan_flow_is_at(f, m->k->here) && f->first <= s->port && s->port <= f->last && (f->transport & (s->is_udp ? PLAN_UDP : PLAN_TCP)) != 0)
			return true;
	return false;
}

/* Where a reverse proxy comes to is of the topology, also when it has no proxy yet that would. */
static bool is_for_proxies(const struct machine *m, const struct socket *s)
{
	const struct topo_pool *pool = m->unit->pool;
	return pool != NULL && topo_has_web(pool) && !s->is_udp && (s->port == pool->ports.external_http || s->port == pool->ports.external_https);
}

static err check_planned(struct machine *m, const struct plan_flow *f, bool is_udp)
{
	const struct socket *any = NULL, *ours = NULL;
	TOPO_EACH (s, m->sockets)
		if (s->port == f->first && s->is_udp == is_udp) {
			any = s;
			ours = s->is_ours ? s : ours;
		}
	if (any == NULL)
		return check_fact_add(m->k, CHECK_FACT_LISTENER_ABSENT, m->k->here, "nothing listens at %u/%s (%s)", f->first, is_udp ? "udp" : "tcp", f->service);
	if (ours != NULL || m->unit->kind >= TOPO_ROLE_N)
		return OK;
	struct holder h = holder_of(m, any);
	return check_fact_add(m->k, CHECK_FACT_LISTENER_FOREIGN, m->k->here, "%u/%s (%s) is held by %s, process %d", f->first, is_udp ? "udp" : "tcp", f->service, h.name, (int)h.pid);
}

static err check_flows(struct machine *m)
{
	TOPO_EACH (f, m->k->ports.flows) {
		if (f->to != m->unit || !plan_flow_is_at(f, m->k->here) || f->standing != PLAN_STANDS || f->first != f->last || f->first >= PORTS_END)
			continue;
		if ((f->transport & PLAN_TCP) != 0)
			TRY(check_planned(m, f, false));
		if ((f->transport & PLAN_UDP) != 0)
			TRY(check_planned(m, f, true));
	}
	return OK;
}

static err check_sockets(struct machine *m)
{
	struct buf others DEFER(buf_fini) = { 0 };
	buf_init(&others, 800);
	TOPO_EACH (s, m->sockets) {
		if (is_planned(m, s) || is_for_proxies(m, s))
			continue;
		const char *word = s->is_udp ? "udp" : "tcp";
		if (s->is_ours)
			TRY(check_fact_add(m->k, CHECK_FACT_LISTENER_EXTRA, m->k->here, "the server listens at %u/%s, which is not planned", s->port, word));
		else if (!s->is_loopback)
			buf_printf(&others, "%s%u/%s (%s)", others.n > 0 ? ", " : "", s->port, word, holder_of(m, s).name);
	}
	return others.n > 0 ? check_fact_add(m->k, CHECK_FACT_LISTENER_OTHERS, m->k->here, "also listening: %.*s", STR_FMT(buf_str(&others))) : OK;
}

err check_machine(struct checking *k)
{
	struct machine m = { .k = k };
	bool ok = true;
	if (k->here.n == 0 || !check_is_asked(k, k->here))
		return OK;
	m.unit = plan_ports_find(&k->ports, k->here);
	m.sockets.p = arena_alloc(&k->arena, SOCKETS_MAX * sizeof *m.sockets.p);
	ENSURE(m.sockets.p != NULL, CEILING);
	static const char *const tables[] = { "tcp", "tcp6", "udp", "udp6" };
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		ok = (read_table(&m, tables[i]) || tables[i][3] == '6') && ok; /* a kernel may have no IPv6 */
	if (!ok)
		return check_fact_add(k, CHECK_FACT_FILE_UNSEEN, k->here, "/proc/net cannot be read: what listens here is not known");
	bool is_ours = m.unit->kind < TOPO_ROLE_N;
	m.master = is_ours ? find_master(k->ask->dir) : 0;
	if (is_ours && m.master == 0)
		TRY(check_fact_add(k, CHECK_FACT_SERVER_OFF, k->here, "no server runs in %s", k->ask->dir));
	else if (is_ours)
		each_process(&m, mark_process, NULL);
	TRY(check_flows(&m));
	return check_sockets(&m);
}
