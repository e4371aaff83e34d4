/* SPDX-License-Identifier: Apache-2.0 */
/* The process: opening, the end of a turn, and coming back after a failure of the store. */
#include "base/enc.h"
#include "os/file.h"
#include "role/vault/vault_cert.h"
#include "role/vault/vault_winbind.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STRANGERS = 65536, RETRY_MS = 1000, CA_MAX = 256 * 1024 };

uint64_t vault_unix_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- before the jail ---- */

static err look_at_dir(struct vault *v, struct diag *d)
{
	struct stat st;
	if (fstat(v->skel->dir, &st) != 0)
		return diag_fail(d, ERR(SYSTEM), "--dir", "", "cannot look at the directory: %s", strerror(errno));
	v->owner = st.st_uid;
	v->certificates = openat(v->skel->dir, "certs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->certificates < 0)
		return diag_fail(d, ERR(ABSENT), "certs/", "make the deployment directory with `witan init`", "cannot open the directory: %s",
			strerror(errno));
	v->topology = openat(v->skel->dir, "topology.yaml", O_RDONLY | O_CLOEXEC);
	TRY(vault_read_topology(v, d));
	TRY(file_read(v->skel->dir, "ca.pem", CA_MAX, &v->ca, d));
	TRY(vault_take_former(v, v->skel->role->jail->user, d));
	return vault_read_authority(v, d);
}

/* JSON texts hold passwords for a moment: nothing of them stays in freed memory. */
static void wipe_and_free(void *p)
{
	if (p != NULL)
		crypt_wipe(p, malloc_usable_size(p));
	free(p);
}

static err vault_open(struct skel *s, struct diag *d)
{
	struct vault *v = calloc(1, sizeof *v);
	ENSURE(v != NULL, NO_MEMORY);
	v->skel = s;
	s->state = v;
	list_init(&v->admins);
	list_init(&v->bans);
	list_init(&v->changes);
	list_init(&v->answers);
	list_init(&v->kept);
	list_init(&v->searches);
	list_init(&v->copies);
	list_init(&v->enrolments);
	buf_init(&v->topology_text, TOPO_SIZE_MAX + 1);
	buf_init(&v->incoming, TOPO_SIZE_MAX + 1);
	list_init(&v->held);
	list_init(&v->asked);
	list_init(&v->works);
	list_init(&v->tickets);
	list_init(&v->ocsp.questions);
	tally_init(&v->tally, STRANGERS);
	config_default(&v->config);
	v->next = v->config;
	v->listener = v->topology = -1;
	TRY(crypt_new(&v->crypt));
	struct diag legacy = { 0 };
	if (failed(crypt_open_legacy(v->crypt, &legacy)))
		LOG(&s->log, AUTH_NO_LEGACY, LOG_Z("why", legacy.what), LOG_Z("remedy", legacy.remedy));
	TRY(crypt_new(&v->ticket_mac));
	TRY(crypt_new(&v->seals));
	crypt_mac_key(v->ticket_mac, (str){ (const char *)s->shared_key, sizeof s->shared_key });
	json_set_alloc_funcs(malloc, wipe_and_free);
	(void)umask(077);
	(void)signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error to answer, not an end */
	TRY(vault_fetch_init(v));
	TRY(vault_winbind_init(v));
	TRY(look_at_dir(v, d));
	vault_read_revocations(v);
	return vault_read_certificates(v, d);
}

/* ---- the store ---- */

static void load_lock(void *arg, str aor, uint32_t failures, uint64_t until_ms)
{
	struct vault *v = arg;
	(void)failed(tally_put(&v->tally, aor, failures, until_ms));
}

static err load(struct vault *v)
{
	TRY(effective_config(v, &v->config, NULL));
	TRY(store_locks_each(v->store, load_lock, v));
	v->next = v->config;
	return OK;
}

/* Without a store the vault stays and tries again: fronts go on with what they know. */
static err open_store(struct vault *v, struct diag *d)
{
	char path[sizeof v->skel->room + 16];
	struct store *s = NULL;
	(void)snprintf(path, sizeof path, "%s/witan.db", v->skel->room);
	TRY(store_open(&(struct store_config){ .path = path, .log = &v->skel->log, .meter = v->skel->meter }, &s, d));
	v->store = s;
	vault_edge_partners(v, SCHEMA_ID_AccessEdgeConfiguration);
	vault_edge_applications(v);
	err e = load(v);
	if (failed(e)) {
		store_close(s);
		v->store = NULL;
		return e;
	}
	skel_ready(v->skel);
	vault_tell_ports(v);
	vault_winbind_look(v);
	vault_know_copies(v);
	if (v->is_copy)
		vault_give_files(v);
	vault_turn(v);
	return OK;
}

err vault_store(struct vault *v, struct diag *d)
{
	if (v->store != NULL)
		return OK;
	return diag_fail(d, ERR(BUSY), "store", "see the log for store.failed", "the store cannot be opened at the moment");
}

static void retry_later(struct vault *v);

static void on_retry(void *arg)
{
	struct vault *v = arg;
	struct diag d = { 0 };
	err e = v->store == NULL ? open_store(v, &d) : store_retry(v->store);
	if (failed(e))
		retry_later(v);
	else
		vault_turn(v);
}

static void retry_later(struct vault *v)
{
	if (!timer_is_set(&v->retry) && failed(timer_set(loop_timers(v->skel->loop), &v->retry, RETRY_MS, on_retry, v)))
		skel_exit(v->skel, 1); /* master starts another one */
}

/* The plain TCP port of the registrar: what an administrator has set, else what the topology says (which master has opened). */
void vault_tell_ports(struct vault *v)
{
	struct call call = { .vault = v };
	struct identity i;
	json_t *body = NULL;
	if (failed(identity_parse(&call, &schema_kinds[SCHEMA_ID_Registrar], place_pool(v), &i)) || failed(object_load(&call, &i, &body)))
		return;
	const json_t *port = json_object_get(body, "SipServerTcpPort");
	const struct topo_pool *pool = topo_find_pool(&v->topo, place_pool(v));
	uint16_t n = pool != NULL ? (uint16_t)pool->ports.sip_tcp : 0;
	if (port != NULL)
		n = json_is_integer(port) ? (uint16_t)json_integer_value(port) : 0;
	json_decref(body);
	(void)failed(ipc_send_service_port(v->skel->master, &(struct ipc_service_port){ .transport = STR("tcp"), .port = n }, -1));
}

/* ---- the end of a turn ---- */

static bool anybody_waits(const struct vault *v)
{
	for (unsigned i = 0; i < VAULT_FRONTS_MAX; i++)
		if (v->fronts[i] != NULL && v->fronts[i]->wants_all)
			return true;
	return false;
}

/* The newest line of the audit, once it is on the disk: its hash stands for all lines before it, so that the log shows what is missing at the end. */
static void log_audit(struct vault *v)
{
	char hash[2 * AUDIT_HASH];
	if (!v->audit_is_known || v->audit_logged == v->audit_number)
		return;
	v->audit_logged = v->audit_number;
	enc_hex(v->audit_hash, AUDIT_HASH, hash);
	LOG(&v->skel->log, AUDIT_LINE, LOG_INT("number", v->audit_number), LOG_STR("hash", ((str){ hash, sizeof hash })));
}

static void on_turn(void *arg)
{
	struct vault *v = arg;
	struct diag d;
	err e = v->store != NULL ? store_commit(v->store) : OK;
	err given = !failed(e) ? issued_sync(&v->issued, &d) : e; /* certificates of people are given out in the answers below */
	if (failed(e)) {
		v->next = v->config;
		v->audit_is_known = false; /* lines of the lost group are lost with it */
		vault_forget_changes(v);
	} else {
		v->config = v->next;
		log_audit(v);
		vault_tell_changes(v);
	}
	vault_answer(v, given);
	vault_kept_answer(v, e);
	vault_enrol_settle(v, given);
	vault_tell_copies(v, e);
	if (v->store != NULL && !store_is_failed(v->store))
		vault_tell_all(v);
	if (v->store == NULL || store_is_failed(v->store) || anybody_waits(v))
		retry_later(v);
}

void vault_turn(struct vault *v)
{
	loop_defer(v->skel->loop, &v->turn, on_turn, v);
}

/* ---- life ---- */

static void rotate_later(struct vault *v);

/* History grows with every change: what is older than its ceiling goes. */
static void trim(struct vault *v)
{
	if (failed(store_begin(v->store)))
		return;
	err e = store_history_trim(v->store, VAULT_HISTORY_MOST);
	if (!failed(e))
		e = store_moments_trim(v->store);
	e = store_end(v->store, !failed(e));
	if (!failed(e))
		e = store_commit(v->store);
}

/* A new period: other ticket keys; and what was replaced in the store leaves its journal. */
static void on_rotate(void *arg)
{
	struct vault *v = arg;
	vault_tell_certificate(v);
	(void)vault_knows_revocations(v);
	if (v->store != NULL && list_is_empty(&v->answers) && list_is_empty(&v->changes) && !failed(store_commit(v->store))) {
		trim(v);
		(void)failed(store_tidy(v->store));
	}
	rotate_later(v);
}

static void rotate_later(struct vault *v)
{
	const uint64_t period = (uint64_t)VAULT_TICKET_SECONDS * 1000;
	uint64_t left = period - vault_unix_ms() % period;
	if (failed(timer_set(loop_timers(v->skel->loop), &v->rotate, left + 1, on_rotate, v)))
		skel_exit(v->skel, 1);
}

static err vault_start(struct skel *s, struct diag *d)
{
	struct vault *v = s->state;
	rotate_later(v);
	vault_live(v);
	TRY(vault_watch_revocations(v));
	vault_fetch_look(v, true);
	vault_tell_revocations(v); /* to processes that were there before this one */
	err e = open_store(v, d);
	if (!failed(e))
		return OK;
	LOG(&s->log, STORE_FAILED, LOG_ERR(e), LOG_Z("why", d->what), LOG_Z("remedy", d->remedy));
	if (err_is(e, ERR_CORRUPT) || err_is(e, ERR_REFUSED))
		return e; /* no second try helps: a person must */
	retry_later(v);
	return OK;
}

static void vault_on_reload(struct skel *s)
{
	struct vault *v = s->state;
	struct diag d = { 0 };
	err e = vault_read_authority(v, &d);
	vault_read_revocations(v);
	vault_look_at_revocations(v);
	vault_publish(v);
	vault_kerberos_read(v);
	if (!failed(e))
		e = vault_read_certificates(v, &d);
	if (failed(e)) {
		LOG(&s->log, CERTIFICATE_FAILED, LOG_ERR(e), LOG_Z("where", d.where), LOG_Z("why", d.what), LOG_Z("remedy", d.remedy));
		return;
	}
	vault_tell_certificate(v);
	e = vault_read_topology(v, &d);
	vault_web_sites(v);
	vault_tell_sts(v);
	if (failed(e))
		LOG(&s->log, SERVER_REFUSED, LOG_ERR(e), LOG_Z("where", d.where), LOG_Z("reason", d.what), LOG_Z("remedy", d.remedy));
	vault_tell_revocations(v); /* the topology says how strict to be */
	vault_know_copies(v);
	vault_fetch_look(v, true);
}

static void vault_drain(struct skel *s, uint32_t ms)
{
	struct vault *v = s->state;
	on_turn(v); /* what was begun is finished */
	vault_close_admins(v);
	vault_web_close(v);
	vault_bans_drop(v, UINT64_MAX);
	vault_edge_close(v);
	vault_fetch_close(v);
	vault_winbind_close(v);
	vault_replicator_close(v);
	sessions_fini(v);
	timer_clear(loop_timers(s->loop), &v->live);
	free(v->challenges);
	cert_crl_free(v->crl);
	v->crl = NULL;
	store_close(v->store);
	v->store = NULL;
	skel_exit(s, 0);
}

static const char *const writes[] = { "certs", NULL };

static const struct jail jail = {
	.user = "witan-vault",
	.room = "store",
	.writes = writes,
	.may = JAIL_READ | JAIL_WRITE | JAIL_ACCEPT,
	.n_files = 1024,
};

const struct role role_vault = {
	.name = "vault",
	.jail = &jail,
	.open = vault_open,
	.start = vault_start,
	.on_channel = vault_on_channel,
	.on_listener = vault_on_listener,
	.on_file = vault_on_file,
	.on_reload = vault_on_reload,
	.drain = vault_drain,
};
