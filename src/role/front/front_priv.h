/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_FRONT_PRIV_H
#define WITAN_ROLE_FRONT_PRIV_H

#include "base/crypt.h"
#include "engine/conn.h"
#include "engine/link.h"
#include "engine/pair.h"
#include "engine/notifier.h"
#include "engine/stage.h"
#include "engine/txn.h"
#include "model/config.h"
#include "model/policy.h"
#include "os/dns.h"
#include "role/front.h"
#include "role/identity.h"
#include "service/auth.h"
#include "service/contact.h"
#include "service/filter.h"
#include "service/im.h"
#include "service/kept.h"
#include "service/peer.h"
#include "service/permit.h"
#include "service/pres.h"
#include "service/provision.h"
#include "service/reg.h"
#include "service/route.h"
#include "service/script.h"
#include "service/user.h"
#include "service/wall.h"
#include "wire/xml_tree.h"

#define FRONT_MAX    64 /* front processes of one server */
#define FRONT_STAGES 17
#define FRONT_TRACES 16
#define FRONT_SELF   UINT32_MAX /* slot of the flow over which requests of our own go: no connection */

/* A channel to another front process. */
struct front_peer {
	struct front *front;
	struct ipc *ipc; /* NULL: it is not there now */
	uint16_t index;
};

/* A descriptor that came before the rooms were there. */
struct front_early {
	char role[16];   /* of a channel, or the transport of a listener */
	unsigned number; /* index, or port */
	int fd;
	bool is_listener;
};

/* What somebody wants to see: the messages of one user, or of one address. */
struct front_trace {
	uint32_t id;
	bool on, by_address;
	char text[256]; /* address of record, or address */
};

struct front {
	struct skel *skel;
	struct crypt *crypt;  /* keyed with what all front processes share */
	struct config config;
	struct conns *conns;
	struct txns *txns;
	struct peers *peers_known;
	struct users *users;
	struct policies *policies;
	struct permit permit;
	struct filter filter;
	struct wall *wall;
	bool groups_changed; /* of somebody: presence is decided anew in the next second */
	struct auth_dsk *dsk, *dsk_outside; /* NULL: its key could not be made */
	struct auth *auth;
	struct notifier *notifier;
	struct kept *kept;
	struct xml_reader *xml;
	struct pres *pres;
	struct contacts *contacts;
	struct provision provision;
	char trusted[4096]; /* names that clients are told to trust */
	char inside[300], outside[300]; /* web services that they are told of */
	struct reg *reg;
	struct im *im;
	struct scripts *scripts;
	struct route *route;
	struct list own;      /* requests of our own, and answers to them, that wait for the next turn */
	unsigned n_own;
	struct loop_task own_task;
	struct answers answers;
	void *states[FRONT_STAGES];
	struct ipc *vault;
	struct identity *identity;
	bool has_rooms, has_certificate, has_snapshot, ready, draining;
	struct front_peer peers[FRONT_MAX];
	struct front_early early[FRONT_MAX + 8];
	unsigned n_early;
	struct dns *dns;      /* NULL: there is no other server to look for */
	struct links *links;  /* connections of ours to other servers */
	uint16_t port_tls, port_tcp;
	str fqdn;
	struct timer watch_timer; /* looks after memory and the certificate's end */
	struct tls_server *tls;   /* what is presented now */
	int64_t warned_at;        /* seconds since 1970: of the certificate's end */
	bool is_full;
	struct timer drain_timer;
	uint64_t drain_until;
	struct front_trace traces[FRONT_TRACES];
	unsigned n_traces;
};

/* front.c */
extern const struct stage front_stages[];
#define FRONT_STAGE_PROVEN 2 /* where one goes on whose sender was proven by another process */
#define FRONT_STAGE_HOME 4 /* where a request of another front process begins */
#define FRONT_STAGE_PRESENCE 10 /* where one goes on that has waited for what its user keeps */
#define FRONT_STAGE_CONTACT 11 /* the same */
#define FRONT_STAGE_ROUTE 15   /* where one goes on whose targets a script has chosen */
void front_handle(struct front *f, struct inbound *in, struct conn *c, str aor, bool is_peer, size_t from);
err front_send(void *arg, const struct flow *to, uint64_t request, str bytes);
void front_apply_config(struct front *f);
void front_check_ready(struct front *f);

/* front_watch.c: begins to look, once a second */
void front_watch(void *arg);

/* front_vault.c */
err front_vault_open(struct front *f, int fd);
void front_tell_failure(void *arg, str aor, const struct addr *from);
void front_tell_success(void *arg, str aor);
err front_ask(void *arg, const struct auth_ask *q);
extern const struct kept_door front_kept_door;
err front_search(void *arg, const struct contact_search *q);

/* front_fed.c */
err front_fed_stage(void *state, struct request *r, enum stage_verdict *v);
extern const struct route_door front_door;

/* front_elsewhere.c */
err front_elsewhere_stage(void *state, struct request *r, enum stage_verdict *v);
/* A message of the home of somebody who is passed on, for him; false: it is none. */
bool front_elsewhere_outward(struct front *f, struct conn *c, const struct inbound *in);
/* An answer of such a person, already believed. */
bool front_elsewhere_response(struct conn *c, const struct inbound *in);

/* front_wall.c */
err front_wall_open(struct front *f);
bool front_is_walled(void *arg, str publisher, str watcher);
void front_wall_watch(struct front *f);
/* front_script.c */
err front_script_stage(void *state, struct request *r, enum stage_verdict *v);
bool front_script_response(void *arg, struct inbound *in);
err front_script_open(struct front *f);

/* front_self.c */
struct flow front_self_flow(void *arg, str aor);
err front_self_send(struct front *f, const struct flow *to, uint64_t request, str bytes);
err front_self_take(struct front *f, uint16_t from, uint64_t request, str bytes);

/* front_bus.c */
err front_bus_open(struct front *f, unsigned index, int fd);
err front_bus_pass(struct front *f, uint16_t to, const struct request *r);
void front_bus_response(struct front *f, uint16_t to, struct inbound *in);
err front_bus_write(struct front *f, const struct flow *to, uint64_t request, str bytes);
void front_bus_flow_gone(struct front *f, struct conn *c);
void front_bus_keep(void *arg, const struct flow *flow, str aor, str bytes);
void front_bus_forget(void *arg, const struct flow *flow, str aor);

void front_bus_watch(void *arg, uint16_t front, uint32_t id, str aor, str watcher, str categories);
void front_bus_unwatch(void *arg, uint16_t front, uint32_t id);
void front_bus_news(void *arg, uint16_t front, uint32_t id, str pieces);

void front_bus_end(struct front *f, const struct flow *flow, str aor);

/* front_end.c */
void front_end_conn(struct front *f, const struct flow *flow, str aor);
void front_farewell(void *arg, const struct flow *to, str aor, struct sip_out *o);
/* Its user signs by a certificate that was revoked: told, and cut off. */
void front_end_revoked(struct front *f, struct conn *c, str aor);

/* front_trace.c */
void front_trace_set(struct front *f, uint32_t id, str filter, bool on);
void front_trace(struct front *f, const struct addr *peer, uint64_t request, bool outgoing, str bytes);

#endif
