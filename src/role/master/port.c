/* SPDX-License-Identifier: Apache-2.0 */
#include "role/master/master_priv.h"

#include "os/net.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONTROL "run/control.sock"

/* Processes of a server that was killed a moment ago may still have its ports. */
enum { TRIES = 20, TRY_MS = 50 };

const struct port_row port_rows[PORT_N] = {
	[PORT_TLS] = { "tls", "front" },
	[PORT_TCP] = { "tcp", "front" },
	[PORT_WEB] = { "https", "web" },
	[PORT_INTERNAL] = { "tls-internal", "edge" },
	[PORT_EXTERNAL] = { "tls-external", "edge" },
	[PORT_CLIENT] = { "tls-external", "edge" },
	[PORT_REPLICA] = { "replica", "replicator" },
	[PORT_HTTP] = { "http", "web" },
	[PORT_EXTERNAL_HTTP] = { "external-http", "web" },
	[PORT_HTTPS] = { "https-internal", "web" },
	[PORT_EXTERNAL_HTTPS] = { "https-external", "web" },
};

uint16_t port_number(const struct plan *p, unsigned port)
{
	const uint16_t numbers[PORT_N] = { [PORT_TLS] = p->sip_tls, [PORT_TCP] = p->sip_tcp, [PORT_WEB] = p->web,
		[PORT_HTTP] = p->http, [PORT_EXTERNAL_HTTP] = p->external_http,
		[PORT_HTTPS] = p->https, [PORT_EXTERNAL_HTTPS] = p->external_https,
		[PORT_INTERNAL] = p->internal, [PORT_EXTERNAL] = p->external, [PORT_CLIENT] = p->client,
		[PORT_REPLICA] = p->replica };
	return numbers[port];
}

struct addr port_addr(const struct plan *p, unsigned port)
{
	struct addr a = { .family = 0 };
	if (port == PORT_EXTERNAL || port == PORT_CLIENT)
		a = p->outside;
	else if (port == PORT_INTERNAL || (port == PORT_REPLICA && p->role == TOPO_EDGE))
		a = p->inside;
	a.port = port_number(p, port);
	return a;
}

void ports_init(struct ports *p)
{
	for (unsigned port = 0; port < PORT_N; port++)
		for (unsigned i = 0; i < FRONTS_MAX; i++)
			p->fds[port][i] = -1;
	p->control = -1;
}

static err open_port(struct ports *p, const struct plan *plan, unsigned port, struct diag *d)
{
	struct addr at = port_addr(plan, port);
	unsigned n = strcmp(port_rows[port].role, "front") == 0 ? plan->n_fronts : 1;
	err e = OK;
	for (int i = 0; i < TRIES; i++) {
		e = net_listen_group(&at, LISTEN_BACKLOG, p->fds[port], n, d);
		if (!failed(e) || errno != EADDRINUSE)
			break;
		(void)nanosleep(&(struct timespec){ .tv_nsec = TRY_MS * 1000000L }, NULL);
	}
	for (unsigned i = 0; failed(e) && i < FRONTS_MAX; i++)
		p->fds[port][i] = -1;
	return e;
}

err ports_open_one(struct ports *p, const struct plan *plan, unsigned port, struct diag *d)
{
	return open_port(p, plan, port, d);
}

void ports_close_one(struct ports *p, unsigned port)
{
	for (unsigned i = 0; i < FRONTS_MAX; i++) {
		net_close(p->fds[port][i]);
		p->fds[port][i] = -1;
	}
}

/* Everybody on the machine may knock: vault lets root and the owner of the directory in, and everybody else sign in. */
static err open_control(int *out, struct diag *d)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = CONTROL };
	struct stat owner;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mode_t old = umask(0111);
	(void)unlink(CONTROL);
	bool is_fine = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
	(void)umask(old);
	is_fine = is_fine && stat(".", &owner) == 0 &&
		  (geteuid() != 0 || chown(CONTROL, owner.st_uid, owner.st_gid) == 0);
	is_fine = is_fine && listen(fd, 64) == 0;
	if (is_fine) {
		*out = fd;
		return OK;
	}
	err e = diag_fail(d, ERR(SYSTEM), CONTROL, "start the server as root or as the owner of the directory",
		"cannot make the socket: %s", strerror(errno));
	net_close(fd);
	return e;
}

err ports_open(struct ports *p, const struct plan *plan, struct diag *d)
{
	for (unsigned port = 0; port < PORT_N; port++)
		if (port_number(plan, port) != 0)
			TRY(open_port(p, plan, port, d));
	return open_control(&p->control, d);
}

void ports_close(struct ports *p)
{
	for (unsigned port = 0; port < PORT_N; port++)
		for (unsigned i = 0; i < FRONTS_MAX; i++)
			net_close(p->fds[port][i]);
	if (p->control >= 0)
		(void)unlink(CONTROL);
	net_close(p->control);
	ports_init(p);
}
