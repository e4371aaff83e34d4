/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skel - what every process of the server has in common. A role is a const table; skel_main runs it: channel to master on
 * descriptor 3, log on descriptor 2, counters, jail, start, drain, exit. Order of life: HELLO -> role->open (still with
 * the rights it was started with: open files now) -> jail -> CHANNEL, LISTENER, METER_MAP (their doors, any number, also
 * later when another process was started anew) -> START -> role->start -> ... -> DRAIN -> role->drain -> skel_exit.
 */
#ifndef WITAN_ROLE_SKEL_H
#define WITAN_ROLE_SKEL_H

#include "base/err.h"
#include "base/log.h"
#include "base/meter.h"
#include "os/ipc.h"
#include "os/jail.h"
#include "os/loop.h"

struct skel;

struct role {
	const char *name; /* "front" */
	const struct jail *jail;
	/* Each may be NULL. An error from open or start ends the process; d is shown to the administrator (REFUSED to master). */
	err (*open)(struct skel *s, struct diag *d);
	err (*start)(struct skel *s, struct diag *d);
	/* fd is the role's now: a connected local socket to process `role`.`index`; replaces an earlier one of the same name. */
	void (*on_channel)(struct skel *s, str role, unsigned index, int fd);
	/* fd is the role's now: a listening TCP socket. transport: "tls", "tcp", "https", "http", "external-http", "https-internal", "https-external", or
	 * "control" (AF_UNIX stream). */
	void (*on_listener)(struct skel *s, str transport, unsigned port, int fd);
	/* Accept no more at this port. */
	void (*on_listener_gone)(struct skel *s, str transport, unsigned port);
	/* A piece of a file of the deployment, as it is now; before the reload that it belongs to. */
	void (*on_file)(struct skel *s, str name, bool is_last, str bytes);
	void (*on_reload)(struct skel *s);
	/* Stop taking new work, finish what is under way within `ms` milliseconds, then skel_exit. NULL: exits at once. */
	void (*drain)(struct skel *s, uint32_t ms);
};

struct skel {
	const struct role *role;
	struct loop *loop;
	struct log log;
	struct meter *meter;       /* this process's page */
	struct meter *meters;      /* all pages, [0] is master's; vault alone sees their content, the others only their own */
	unsigned n_meters;
	struct ipc *master;
	int dir;                   /* descriptor of the deployment directory; valid in role->open only */
	unsigned index, n_fronts;
	char room[4096];           /* what the path of a file in the jail's room begins with: room + "/witan.db" */
	char fqdn[256];            /* this server's name */
	char domains[2048];        /* SIP domains, comma-separated, the default first */
	char peers[8192];          /* the other servers of the topology and their roles, as service/peer reads them */
	char next_hop[262];        /* "NAME:PORT": of an Edge the pool inside that requests go to, of others the Edge pool to other organisations; empty: none */
	char access[256];          /* of an Edge: its name outside; else empty */
	uint8_t shared_key[32];    /* the same in all processes of this start of the server, of nobody else */
	void *state;               /* the role's own */
};

/* Runs a role until it ends; answers the exit status. The words of argv are --role NAME --index N --dir D. */
int skel_main(const struct role *role, int argc, char **argv);
/* Tells master that the role serves (once; role->start may be too early for it). */
void skel_ready(struct skel *s);
/* Ends the process after this turn. */
void skel_exit(struct skel *s, int status);

#endif
