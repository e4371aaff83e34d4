/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_REPLICATOR_PRIV_H
#define WITAN_ROLE_REPLICATOR_PRIV_H

#include "base/list.h"
#include "os/dns.h"
#include "os/net.h"
#include "os/tls.h"
#include "role/identity.h"
#include "role/replicator.h"
#include "wire/replica.h"

enum {
	LINKS_MAX = 1024,      /* other servers */
	STRANGERS_MAX = 16,    /* accepted connections that have not proven yet who they are; the oldest gives way */
	SHAKE_MS = 10000,      /* for TCP, TLS and HELLO together */
	PING_MS = 10000,
	SILENCE_MS = 30000,
	ENROL_QUEUE_MAX = 1 << 20, /* bytes that may wait for vault when a question for certificates comes; over it, it is dropped and asked again later */
	RETRY_FIRST_MS = 200,  /* between two tries to dial; doubled up to */
	RETRY_MOST_MS = 5000,
	RETRY_AWAITED_MS = 1000, /* the most where somebody has made a bundle, and waits that it joins */
};

struct replicator;
struct link;

/* ---- pipe.c: one connection that carries frames ---- */

enum pipe_state { PIPE_CONNECTING, PIPE_SHAKING, PIPE_UP, PIPE_DEAD };

struct pipe {
	struct list node; /* among the accepted; else a circle of its own */
	struct replicator *r;
	struct link *link; /* NULL: accepted */
	enum pipe_state state;
	int fd;
	struct tls *tls;
	struct addr peer;
	struct watch watch;
	struct buf in, out;
	struct loop_task work; /* writes, or reads on, at the end of the turn */
	struct timer timer;
	uint64_t heard;
	unsigned owed; /* pieces that were sent and not answered yet */
	bool is_accepted;
	bool is_refused;   /* dialled: its certificate is none of ours */
	bool is_enrolling; /* dialled, and nothing is known of it but that it answers */
	bool is_proven; /* accepted: it is the central server; dialled: HELLO has come */
	bool is_hungry;
};

/* Takes over fd. link: NULL for one that was accepted. */
err pipe_open(struct replicator *r, int fd, const struct addr *peer, struct link *link, struct pipe **out);
/* Its owner is told (replicator_on_down) unless he is the one who closes. */
void pipe_close(struct pipe *p, const char *why);
/* Ends a connection whose other side's certificate was revoked, or that no root stands for any more. */
void pipe_judge_again(struct pipe *p);
/* To one that is enrolling goes what concerns that alone. */
void pipe_send(struct pipe *p, enum replica_frame type, str body);

/* ---- link.c: another server to be dialled ---- */

struct link {
	struct list node;
	struct replicator *r;
	char fqdn[256], pool[256], address[64];
	uint16_t port;
	bool tries_enrol; /* the next time: it has shown a certificate that is none of ours, so it may be one that wants to join */
	bool is_awaited; /* it may join at any moment */
	bool is_wanted; /* named by the list that is coming */
	struct pipe *pipe;
	struct dns_query query;
	enum dns_type asks;
	bool is_asking;
	struct timer again;
	unsigned wait;
	bool is_told; /* the log has said that it is away */
};

err link_want(struct replicator *r, const struct ipc_replica_host *m);
void link_free(struct link *l);
void link_start(struct link *l);
/* Its connection has ended. */
void link_on_down(struct link *l, const char *why);
struct link *link_find(struct replicator *r, str fqdn);

/* ---- the process: replicator.c ---- */

struct replicator {
	struct skel *skel;
	struct identity *identity;
	struct tls_server *tls; /* NULL: not told yet */
	struct dns *dns;
	struct ipc *vault;
	struct list links;    /* where the central store is */
	size_t n_links;
	bool knows_self, is_central, joins;
	char central[256];
	uint64_t version, mark; /* the moment that this copy has */
	struct list accepted; /* struct pipe, oldest first */
	size_t n_accepted;
	struct pipe *source;  /* the one of the central server; NULL: none */
	int listener;
	struct watch listener_watch;
	bool is_listening, is_draining;
};

/* Told by a pipe. */
void replicator_on_up(struct pipe *p);
err replicator_on_frame(struct pipe *p, enum replica_frame type, str body);
void replicator_on_down(struct pipe *p, const char *why);
bool replicator_may_dial(const struct replicator *r);

/* listen.c */
err listen_open(struct replicator *r, int fd);
void listen_set(struct replicator *r);
void listen_close(struct replicator *r);

#endif
