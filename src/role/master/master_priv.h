/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_MASTER_PRIV_H
#define WITAN_ROLE_MASTER_PRIV_H

#include "os/net.h"
#include "role/master.h"

#include <limits.h>
#include <sys/types.h>

enum {
	FRONTS_MAX = 64,
	CHILDREN_MAX = FRONTS_MAX + 8,
	LISTEN_BACKLOG = 4096,
	START_MS = 30000,     /* until every process must have said READY */
	DRAIN_MS = 5000,      /* what processes are given to finish */
	DRAIN_GRACE_MS = 500, /* and a little more, before they are killed */
	BACKOFF_FIRST_MS = 50,
	BACKOFF_MAX_MS = 5000,
	LIFE_MS = 10000, /* a process that lived so long is started again at once */
};

/* ---- plan.c: what the topology document means for this server ---- */

struct plan {
	uint32_t role;             /* enum topo_role */
	const char *missing;       /* of its services, for people; NULL: nothing */
	char fqdn[256];
	char domains[2048];        /* comma-separated, the default first */
	char peers[8192];          /* other servers of the topology and their roles, as service/peer reads them */
	char next_hop[262];        /* "NAME:PORT": of an Edge the pool inside that requests go to, of others the Edge pool to other organisations; empty: none */
	char access[256];          /* of an Edge: its name outside; else empty */
	uint16_t sip_tls, sip_tcp; /* 0: no such listener, as those that follow */
	uint16_t web, http, https, external_http, external_https; /* without all of them no web process either; a site may share `web` (then 0) */
	uint16_t replica;          /* 0: it has the central store, or is alone */
	bool has_others, is_copy;  /* the topology has more servers; the central store is on another one */
	uint16_t internal, external, client; /* of an Edge: SIP inside; outside for partners and for people */
	struct addr inside, outside; /* of an Edge: which interface is which; family 0 on other servers */
	unsigned n_fronts;
};

/* Reads topology.yaml and host of the current directory. */
err plan_read(struct plan *p, struct diag *d);

/* ---- lock.c: one server in a directory ---- */

/* Enters the directory, opens run/witand.pid there and locks it. EXISTS: a server is running. full: its path. */
err lock_take(const char *dir, char full[PATH_MAX], int *fd, struct diag *d);
void lock_release(int fd);
/* The number of the process that has the lock in the current directory; 0: nobody. */
pid_t lock_owner(void);

/* ---- port.c: listening sockets, kept for the life of the server, so that no connection is lost with a process ---- */

enum { PORT_TLS, PORT_TCP, PORT_WEB, PORT_HTTP, PORT_EXTERNAL_HTTP, PORT_HTTPS, PORT_EXTERNAL_HTTPS, PORT_INTERNAL, PORT_EXTERNAL, PORT_CLIENT, PORT_REPLICA, PORT_N };

struct ports {
	int fds[PORT_N][FRONTS_MAX]; /* -1: none */
	int control;
};

/* Whom a port is for, and what he knows it by. */
struct port_row {
	const char *transport, *role;
};
extern const struct port_row port_rows[PORT_N];
uint16_t port_number(const struct plan *p, unsigned port);
/* Where it listens: family 0 for every address of the machine. */
struct addr port_addr(const struct plan *p, unsigned port);

void ports_init(struct ports *p);
err ports_open(struct ports *p, const struct plan *plan, struct diag *d);
void ports_close(struct ports *p);
/* One port of the plan, opened and closed while the server runs. */
err ports_open_one(struct ports *p, const struct plan *plan, unsigned port, struct diag *d);
void ports_close_one(struct ports *p, unsigned port);

/* ---- notify.c: the service manager, where there is one (sd_notify(3)) ---- */

struct notify {
	char path[108];       /* empty: there is none */
	unsigned watchdog_ms; /* 0: not asked for */
};

/* Reads the environment, and takes it out so that nobody else speaks for the server. */
void notify_init(struct notify *n);
/* "READY=1" */
void notify_tell(const struct notify *n, const char *state);

/* ---- back-off ---- */

/* Milliseconds to wait before a process is started that lived this long; *wait is remembered between its deaths. */
unsigned backoff_next(unsigned *wait, uint64_t lived_ms);

/* ---- the processes ---- */

struct master;

struct child {
	struct master *master;
	const struct role *role;
	unsigned index, slot; /* slot: of its page of counters */
	pid_t pid;            /* 0: it does not run */
	struct ipc *channel;  /* NULL: none */
	bool is_ready, is_refused;
	bool is_unwanted; /* an administrator has stopped it, or there is nothing for it to do: it is not started by itself */
	uint64_t since; /* when it was started */
	unsigned wait;  /* of backoff_next */
	struct timer again;
};

enum phase { STARTING, SERVING, DRAINING_OUTWARD, DRAINING_REST };

struct master {
	struct loop *loop;
	struct log log;
	struct plan plan;
	struct plan document; /* as topology.yaml said at the start; plan differs by what administrators have set since */
	struct ports ports;
	struct notify notify;
	enum phase phase;
	int status; /* to exit with */
	char dir[PATH_MAX];
	int lock, exe;
	uint8_t shared_key[32];
	unsigned n_children;
	struct child children[CHILDREN_MAX];
	struct meter *pages[CHILDREN_MAX + 1]; /* [0]: master's own */
	int page_fds[CHILDREN_MAX + 1];
	struct timer deadline, watchdog;
	struct buf incoming; /* a file that vault sends, as far as it has come */
	struct loop_task reload;
};

static inline bool is_front(const struct role *r)
{
	return strcmp(r->name, "front") == 0;
}

/* Runs while vault wants it; nobody needs it in order to serve. */
static inline bool is_on_demand(const struct role *r)
{
	return strcmp(r->name, "fetch") == 0 || strcmp(r->name, "winbind") == 0;
}

/* Speaks with the world: it needs the others, and none of them needs it. */
static inline bool is_outward(const struct role *r)
{
	return is_front(r) || strcmp(r->name, "web") == 0 || strcmp(r->name, "edge") == 0 || strcmp(r->name, "replicator") == 0 || is_on_demand(r);
}

/* How many of this role the plan asks for. */
unsigned children_of(const struct plan *p, const struct role *r);

/* children.c */
err children_init(struct master *m, const struct role *const *roles, struct diag *d);
void children_start(struct master *m);
void children_reap(struct master *m);
void children_kill(struct master *m);
void children_drain(struct master *m, bool outward);
void children_reload(struct master *m);
/* Of those that face outward or of the others, how many run. */
unsigned children_count(const struct master *m, bool outward);
bool children_are_ready(const struct master *m);

/* What vault asks for in the name of administrators. */
void children_want(struct master *m, const struct ipc_process_want *w);
void children_set_port(struct master *m, unsigned port, uint16_t number);

/* spawn.c: a new process with its end of a channel as descriptor 3; answers our end. */
err spawn(const struct master *m, const struct role *role, unsigned index, pid_t *pid, int *fd);

/* file.c */

/* Tells a vault what the files say that it cannot open any more. */
void files_tell(struct ipc *vault);
/* A file that the central store has sent: kept if it is one of those that may come, and then taken over. */
err files_take(struct master *m, const struct ipc_file_piece *p);

/* master.c, told by children.c and file.c */
void master_reload(void *master);
void master_on_ready(struct master *m);
void master_on_gone(struct master *m);
void master_on_refused(struct master *m, const struct child *c, const struct ipc_refused *why);

#endif
