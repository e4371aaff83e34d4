/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_VAULT_PRIV_H
#define WITAN_ROLE_VAULT_PRIV_H

#include "base/crypt.h"
#include "base/list.h"
#include "base/map.h"
#include "model/cmd.h"
#include "model/config.h"
#include "model/store.h"
#include "role/vault.h"

#include <jansson.h>
#include <sys/types.h>

enum { VAULT_FRONTS_MAX = 256 };

/* ---- wrong passwords: tally.c ---- */

/* Names that exist are kept as long as they have failures; of other names the ones that failed last, so that a flood of
 * invented names costs a bounded room and can push out nobody who exists. */
struct tally {
	struct map map;
	struct list strangers; /* oldest first */
	size_t n_strangers, most_strangers;
};

struct tally_entry {
	struct map_node node;
	struct list place; /* among the strangers; a circle of its own for users */
	uint64_t until_ms, last_ms; /* milliseconds since 1970 */
	uint32_t failures;
	bool is_user;
	uint16_t n;
	char aor[];
};

void tally_init(struct tally *t, size_t most_strangers);
void tally_fini(struct tally *t);
/* NULL: nothing is counted. */
struct tally_entry *tally_find(const struct tally *t, str aor);
/* Counts a wrong password. *locked: the name is locked from now until entry->until_ms. While a lock runs nothing is counted.
 * NULL without memory. Good until the next call. */
struct tally_entry *tally_add(struct tally *t, str aor, bool is_user, uint64_t now_ms, const struct config *config, bool *locked);
/* As it was stored. */
err tally_put(struct tally *t, str aor, uint32_t failures, uint64_t until_ms);
/* Answers whether there was anything. */
bool tally_remove(struct tally *t, str aor);
/* fn must not change t. */
void tally_each(struct tally *t, void (*fn)(void *arg, const struct tally_entry *e), void *arg);

/* ---- the process: vault.c ---- */

struct vault_front {
	struct vault *vault;
	struct ipc *channel;
	unsigned index;
	bool wants_all; /* the whole state is to be sent */
};

struct vault {
	struct skel *skel;
	struct store *store; /* NULL: not opened yet */
	struct crypt *crypt;
	struct crypt *ticket_mac; /* keyed with the shared key */
	struct config config;     /* as committed */
	struct config next;       /* with the changes of this turn's commands */
	struct tally tally;
	struct vault_front *fronts[VAULT_FRONTS_MAX];
	struct list admins;
	struct list changes; /* to be told once they are committed */
	struct list answers; /* to be given then */
	struct loop_task turn;
	struct timer retry, rotate;
	int certificates; /* certs/, opened before the jail */
	struct buf chain; /* of certs/default.pem */
	struct buf ca;    /* ca.pem: who issues certificates for servers of the topology; read once, before the jail */
	uid_t owner;      /* of the deployment directory */
	int listener;
	struct watch listener_watch;
	bool listener_is_open;
	unsigned n_admins;
	uint32_t last_trace;
};

uint64_t vault_unix_ms(void);
/* At the end of this turn: commit, tell the fronts, answer the administrators. */
void vault_turn(struct vault *v);
/* OK when the store is open, else why it is not. */
err vault_store(struct vault *v, struct diag *d);

/* ---- telling the fronts: fronts.c ---- */

enum vault_change { VAULT_USER, VAULT_UNLOCK, VAULT_SETTINGS };

/* Notes that the fronts are to be told of aor (or the settings) once this turn is committed. */
err vault_note(struct vault *v, enum vault_change kind, str aor);
void vault_forget_changes(struct vault *v);
void vault_tell_changes(struct vault *v);
/* The whole state to each front that wants it. */
void vault_tell_all(struct vault *v);
void vault_want_all(struct vault *v);
void vault_tell_certificate(struct vault *v);
void vault_tell_lock(struct vault *v, str aor, uint32_t failures, uint64_t until_ms);
void vault_tell_trace(struct vault *v, uint32_t id, str filter, bool on);
void vault_on_channel(struct skel *s, str role, unsigned index, int fd);
bool vault_front_is_there(const struct vault *v, unsigned index);

/* ---- what a front presents: certificate.c ---- */

#define VAULT_TICKET_KEYS 80
enum { VAULT_TICKET_SECONDS = 12 * 3600 };

/* Reads the chain again; on error the one before stays. */
err vault_read_chain(struct vault *v, struct diag *d);
/* The same for every process and start of the vault within one start of the server and one period. */
void vault_ticket_keys(struct vault *v, uint64_t period, char out[VAULT_TICKET_KEYS]);

/* ---- administrators: control.c ---- */

struct admin;

void vault_on_listener(struct skel *s, str transport, unsigned port, int fd);
/* Gives the answers that waited for the commit; e is what it came to. */
void vault_answer(struct vault *v, err e);
void vault_close_admins(struct vault *v);
/* A message that a front traced. */
struct ipc_trace;
void vault_on_trace(struct vault *v, const struct ipc_trace *m);
/* Every trace there is, to a front that has come anew. */
void vault_tell_traces(struct vault *v, struct vault_front *f);

/* ---- commands: command.c and its neighbours ---- */

struct call {
	struct vault *vault;
	const struct cmd *cmd;
	json_t *parameters; /* checked: known names, values as text */
	json_t *objects;    /* the answer */
	struct diag diag;
};

/* Runs one command inside the group of this turn; objects, or an error with call->diag. */
err command_run(struct call *call);
/* Checks given parameters against the rows; call->parameters becomes a new object that the caller drops. */
err command_parameters(struct call *call, const json_t *given);
/* The text of a parameter; false when it was not given. */
bool command_text(const struct call *call, const char *name, str *out);
/* false when it was not given. */
bool command_bool(const struct call *call, const char *name, bool *out);
err command_add_object(struct call *call, json_t *object); /* takes over object; NULL: NO_MEMORY */
json_t *command_json(str text); /* a string; what is not UTF-8 is replaced by "?" */

#define VAULT_AOR 255
/* "sip:Ann@Example.test" or without scheme, in a domain of ours, as an address of record. */
err command_address(struct call *call, str given, char out[VAULT_AOR], str *aor);
err command_find_domain(const char *domains, str domain);

err command_user_new(struct call *call);
err command_user_get(struct call *call);
err command_user_set(struct call *call);
err command_user_remove(struct call *call);
err command_user_unlock(struct call *call);
err command_config_get(struct call *call);
err command_config_set(struct call *call);
err command_counter_get(struct call *call);
err command_service_get(struct call *call);

#endif
