/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in vault: it builds what is to be signed and keeps what was signed; the keys are keeper's. */
#ifndef WITAN_ROLE_VAULT_CERT_H
#define WITAN_ROLE_VAULT_CERT_H

#include "role/vault/vault_priv.h"
#include "service/certstore.h"
#include "service/issued.h"
#include "service/keyfile.h"

enum { VAULT_KEYS_MAX = 64, VAULT_WORKS_MAX = 64, VAULT_CRL_DAYS = 7 };

/* ---- keeper: keys.c ---- */

struct key_entry {
	uint8_t id[32];
	enum keyfile_purpose purpose;
	bool exportable;
	int64_t made; /* 0: not by keeper */
};

/* Called in a later turn: what keeper has answered, or CLOSED when it went away before. */
struct key_door {
	void (*done)(void *arg, err e, const struct diag *d, str bytes);
	void *arg;
};

void vault_keeper_open(struct vault *v, int fd);
/* Whether it is there and has told its keys. */
bool vault_keeper_is_there(const struct vault *v);
/* NULL: it has no such key. */
const struct key_entry *vault_key_find(const struct vault *v, const uint8_t id[32]);
/* Ids of its keys for servers, at most VAULT_KEYS_MAX. */
size_t vault_key_ids(const struct vault *v, uint8_t (*out)[32]);
/* BUSY with d: keeper is not there at the moment. */
err vault_key_make(struct vault *v, str type, bool exportable, const struct key_door *door, struct diag *d);
err vault_key_sign(struct vault *v, const uint8_t id[32], str tbs, const struct key_door *door, struct diag *d);
err vault_key_import(struct vault *v, str pkcs8, bool exportable, const struct key_door *door, struct diag *d);
err vault_key_export(struct vault *v, const struct certstore_cert *c, str password, const struct key_door *door, struct diag *d);
err vault_key_remove(struct vault *v, const uint8_t id[32], const struct key_door *door, struct diag *d);
/* The keys for Kerberos: all in place of those before (none: removed), or as they are; answered by rows (service/kerberos). */
err vault_keytab_set(struct vault *v, str bytes, const struct key_door *door, struct diag *d);
err vault_keytab_get(struct vault *v, const struct key_door *door, struct diag *d);
/* Does the token prove somebody to the target? Answered as TICKET_ASK says; its id is set here. */
err vault_ticket_ask(struct vault *v, const struct ipc_ticket_ask *ask, const struct key_door *door, struct diag *d);
/* Nobody is told any more of what this arg has asked. */
void vault_key_forget(struct vault *v, const void *arg);

/* ---- work.c: what takes several answers of keeper ---- */

struct work {
	struct list node;
	struct vault *vault;
	struct held *held; /* who waits for it; NULL: nobody has asked */
	err (*next)(struct work *w, str bytes); /* what comes after the answer that is awaited */
	void (*ended)(struct work *w, err e);   /* NULL allowed */
	struct arena arena;                     /* of everything below */
	struct diag diag;
	json_t *object;    /* what is answered, or an array of such; NULL: nothing */
	json_t *warnings;  /* said besides; NULL: none */
	struct buf tbs;    /* what is being signed */
	enum cert_alg alg;
	str spki;
	uint8_t key[32];
	/* a certificate of a server */
	struct cert_order order;
	const char *type; /* of key */
	str friendly;
	uint32_t usages;
	bool exportable, is_external;
	str chain; /* PEM of what is brought in */
	void *arg;         /* whoever has begun it */
	/* a certificate of a person */
	struct cert_client client;
};

/* A new one; held NULL: nobody has asked. *out is to be started by one of vault_key_..., through work_door, or ended. BUSY: there are too many. */
err work_new(struct vault *v, struct held *held, struct work **out, struct diag *d);
struct key_door work_door(struct work *w, err (*next)(struct work *w, str bytes));
/* Tells who waits, and frees it. */
void work_end(struct work *w, err e);
/* Makes the answer of the command that runs wait for w; e: whether its first step was begun. w has ended on an error. */
err work_start(struct call *call, struct work *w, err e);
/* Signs w->tbs by the issuing authority or another key. */
err work_sign(struct work *w, const uint8_t key[32], err (*next)(struct work *w, str signature));
bool vault_is_working(const struct vault *v);

/* ---- line.c: an answer that waits for more than the commit ---- */

/* Keeps the answer of the command that runs; the command then answers OK. NULL without memory. */
struct held *command_hold(struct call *call);
/* Gives it. object (NULL: none; an array: each of them) and warnings (NULL: none) are taken over. */
void command_release(struct vault *v, struct held *h, err e, const struct diag *d, json_t *object, json_t *warnings);

/* ---- authority.c: the built-in one that issues ---- */

/* Reads certs/issuing.pem and what was issued. Before the jail, and at every reload. */
err vault_read_authority(struct vault *v, struct diag *d);
/* REFUSED or ABSENT with d: why nothing can be issued now. */
err vault_authority_check(const struct vault *v, struct diag *d);
/* Its certificate in DER, its key, and the PEM that follows a leaf (empty where it is the root itself). */
str vault_authority_der(const struct vault *v);
const uint8_t *vault_authority_key(const struct vault *v);
str vault_authority_chain(const struct vault *v);
int64_t vault_authority_ends(const struct vault *v); /* seconds since 1970 */
/* Signs a new revocation list and puts it into force; held (NULL: nobody) is told then. */
err vault_issue_crl(struct vault *v, struct held *held, json_t *object, struct diag *d);

/* ---- former.c: before the jail ---- */

/* Takes over what a deployment of the former layout has; user: whom vault becomes. */
err vault_take_former(struct vault *v, const char *user, struct diag *d);

/* ---- order.c: a new key, and a certificate or a request for it ---- */

/* By the plan of this host for w->usages: names, kind of key, who signs. ABSENT with w->diag: nothing is planned for one of them. */
err order_fill(struct work *w);
err order_add_name(struct work *w, str name);
/* A friendly name by usages and day. */
err order_name(struct work *w);
/* Asks for the key; everything else follows. */
err order_start(struct work *w);

/* ---- command_certificate.c ---- */

/* Removes a certificate that is for nothing, and its key if nothing else has it. */
err vault_certificate_remove(struct vault *v, const struct certstore_cert *c, struct diag *d);

/* ---- certificate_show.c ---- */

json_t *certificate_object(const struct vault *v, const struct certstore_cert *c);
json_t *certificate_request_object(const struct certstore_request *r);
/* The set of -Type; 0: not given. USAGE. */
err certificate_usages(struct call *call, uint32_t *out);
/* What -Thumbprint names. ABSENT. */
err certificate_find(struct call *call, const struct certstore_cert **out);

/* ---- live.c: what happens by itself ---- */

/* Once a minute, and when something has changed. */
void vault_live(struct vault *v);

/* ---- enrol.c, join.c ---- */

/* The friendly name of what a joining server presents until it has certificates. */
#define VAULT_JOIN_NAME "Witan before joining"
/* What the friendly name of a request begins with that the central server is to answer. */
#define VAULT_RENEWAL_NAME "Witan renewal"
/* Whether such a request is waiting for these usages. */
bool vault_renews(const struct vault *v, uint32_t usages);
/* Sends them, on a copy that is connected. */
void vault_ask_renewals(struct vault *v);

/* ---- certificate.c ---- */

/* Reads certs/ again and takes in what a deployment of the former layout has there. */
err vault_read_certificates(struct vault *v, struct diag *d);
/* What usages present has changed: the processes are told. */
void vault_certificates_changed(struct vault *v);
/* The certificate in force for fronts (Default) or web. NULL: none. */
const struct certstore_cert *vault_presented(const struct vault *v, enum vault_listener of);
/* The certificates that the plan wants for this host. */
err vault_plan(struct vault *v, struct arena *a, struct plan_certificates *out, struct diag *d);

#endif
