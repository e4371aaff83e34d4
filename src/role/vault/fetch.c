/* SPDX-License-Identifier: Apache-2.0 */
/* The lists that are fetched, each at its time; and the process that does it, which runs only while there are any. */
#include "base/enc.h"
#include "role/vault/vault_fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OWN_TEXT = 16384 };

int64_t vault_fetch_now(void)
{
	return (int64_t)(vault_unix_ms() / 1000);
}

static uint32_t period(const struct vault *v)
{
	return v->topo.certificates.crl_refresh;
}

/* ---- the table ---- */

static struct fetch_list *find(struct vault_fetches *f, str url)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_eq(str_of(f->lists[i].url), url))
			return &f->lists[i];
	return NULL;
}

static void name_file(struct vault *v, struct fetch_list *l)
{
	uint8_t hash[CRYPT_HASH_MAX];
	char hex[17] = "";
	const str url = str_of(l->url);
	crypt_hash(v->crypt, CRYPT_SHA256, &url, 1, hash);
	enc_hex(hash, 8, hex);
	(void)snprintf(l->file, sizeof l->file, "fetched-%.16s.crl", hex);
}

struct fetch_list *vault_fetch_want(struct vault *v, str url, str issuer)
{
	struct vault_fetches *f = v->fetches;
	struct fetch_list *l = find(f, url);
	if (l != NULL)
		return l;
	if (f->n == LISTS_MAX) {
		if (!f->is_full)
			LOG(&v->skel->log, LIST_SKIPPED, LOG_STR("url", url), LOG_Z("why", "certificates name more revocation lists than are fetched"),
				LOG_Z("remedy", "remove certificates and authorities that nobody needs, or copy the list to certs/NAME.crl"));
		f->is_full = true;
		return NULL;
	}
	l = &f->lists[f->n];
	*l = (struct fetch_list){ .id = ++f->last_id, .due = loop_now(v->skel->loop) };
	if (!str_to_z(url, l->url, sizeof l->url) || !str_to_z(issuer, l->issuer, sizeof l->issuer))
		return NULL;
	name_file(v, l);
	vault_fetch_read_kept(v, l);
	f->n++;
	return l;
}

static void drop_unnamed(struct vault_fetches *f)
{
	size_t n = 0;
	for (size_t i = 0; i < f->n; i++)
		if (f->lists[i].is_named)
			f->lists[n++] = f->lists[i];
	f->is_full = f->is_full && n == f->n;
	f->n = n;
}

/* ---- asking ---- */

/* Of the topology, what may be dialled though it is of this machine. */
static void print_own(const struct vault *v, struct buf *out)
{
	TOPO_EACH (site, v->topo.sites)
		TOPO_EACH (pool, site->pools)
			TOPO_EACH (server, pool->servers) {
				const struct topo_addresses *x = &server->external_address;
				const str all[] = { server->internal_address, x->access, x->web_conferencing, x->av };
				for (size_t i = 0; i < sizeof all / sizeof *all; i++)
					if (all[i].n != 0)
						buf_printf(out, "%.*s,", STR_FMT(all[i]));
			}
}

static void schedule(struct vault *v);

static void ask(struct vault *v, struct fetch_list *l)
{
	struct buf own DEFER(buf_fini) = { 0 };
	buf_init(&own, OWN_TEXT);
	print_own(v, &own);
	l->is_asked = true;
	/* a channel that does not take it is broken and closes by itself */
	(void)failed(ipc_send_fetch(v->fetches->channel, &(struct ipc_fetch){ .id = l->id, .url = str_of(l->url), .own = buf_str(&own) }, -1));
}

static void on_time(void *arg)
{
	struct vault *v = arg;
	struct vault_fetches *f = v->fetches;
	uint64_t now = loop_now(v->skel->loop);
	unsigned n = 0;
	for (size_t i = 0; i < f->n; i++)
		n += f->lists[i].is_asked ? 1 : 0;
	for (size_t i = 0; i < f->n && n < LISTS_AT_ONCE && f->channel != NULL; i++) {
		if (f->lists[i].is_asked || f->lists[i].due > now)
			continue;
		ask(v, &f->lists[i]);
		n++;
	}
	if (n < LISTS_AT_ONCE)
		schedule(v);
}

/* With the process away nothing is due: it is told all of it when it comes. */
static void schedule(struct vault *v)
{
	struct vault_fetches *f = v->fetches;
	uint64_t now = loop_now(v->skel->loop), first = UINT64_MAX;
	timer_clear(loop_timers(v->skel->loop), &f->timer);
	for (size_t i = 0; i < f->n; i++)
		if (!f->lists[i].is_asked && f->lists[i].due < first)
			first = f->lists[i].due;
	if (first == UINT64_MAX || f->channel == NULL)
		return;
	if (failed(timer_set(loop_timers(v->skel->loop), &f->timer, first > now ? first - now : 0, on_time, v)))
		skel_exit(v->skel, 1); /* master starts another one */
}

/* ---- what came of it ---- */

static void on_failure(struct vault *v, struct fetch_list *l, const char *why, const char *remedy)
{
	uint32_t random;
	crypt_random(&random, sizeof random);
	l->failures++;
	(void)snprintf(l->why, sizeof l->why, "%s", why);
	uint32_t seconds = list_again(l->failures, period(v), random);
	l->due = loop_now(v->skel->loop) + seconds * 1000ull;
	LOG(&v->skel->log, LIST_FAILED, LOG_Z("url", l->url), LOG_Z("issuer", l->issuer), LOG_Z("why", why), LOG_Z("remedy", remedy), LOG_INT("failures", l->failures),
		LOG_INT("again_seconds", seconds), LOG_Z("kept", l->ends == 0 ? "none" : l->ends > vault_fetch_now() ? "valid" : "ended"));
}

static void on_bytes(struct vault *v, struct fetch_list *l, str bytes)
{
	struct diag d = { 0 };
	bool is_new = false;
	err e = vault_fetch_take(v, l, bytes, &is_new, &d);
	meter_add(v->skel->meter, failed(e) ? METER_FETCH_REFUSED : METER_FETCH_LISTS, failed(e) || is_new ? 1 : 0);
	if (failed(e)) {
		on_failure(v, l, d.what[0] != '\0' ? d.what : e.def->text, d.remedy);
		return;
	}
	if (l->ends <= vault_fetch_now()) {
		on_failure(v, l, "the newest list that is there has ended", "ask the authority for a new one");
	} else {
		uint32_t seconds = list_next(vault_fetch_now(), l->ends, period(v));
		l->failures = 0;
		l->why[0] = '\0';
		l->due = loop_now(v->skel->loop) + seconds * 1000ull;
		if (is_new)
			LOG(&v->skel->log, LIST_FETCHED, LOG_Z("url", l->url), LOG_Z("issuer", l->issuer), LOG_Z("file", l->file), LOG_INT("entries", l->entries),
				LOG_INT("days", (l->ends - vault_fetch_now()) / 86400), LOG_INT("again_seconds", seconds));
	}
	if (is_new)
		vault_look_at_revocations(v);
}

static struct fetch_list *find_asked(struct vault_fetches *f, uint32_t id)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->lists[i].id == id && f->lists[i].is_asked)
			return &f->lists[i];
	return NULL; /* nothing names it any more */
}

static err on_fetched(struct vault *v, str body)
{
	struct ipc_fetched m;
	char why[240], remedy[240];
	TRY(ipc_fetched_parse(&m, body));
	struct fetch_list *l = find_asked(v->fetches, m.id);
	if (l != NULL) {
		ENSURE(str_to_z(str_cut(m.why, 0, sizeof why - 1), why, sizeof why) && str_to_z(str_cut(m.remedy, 0, sizeof remedy - 1), remedy, sizeof remedy), MALFORMED);
		l->is_asked = false;
		if (why[0] == '\0')
			on_bytes(v, l, m.bytes);
		else
			on_failure(v, l, why, remedy);
	}
	schedule(v);
	return OK;
}

/* ---- the process ---- */

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	return type == IPC_FETCHED ? on_fetched(arg, body) : ERR(MALFORMED);
}

/* What it was at may be why it ended: that waits like any failure. */
static void on_lost(struct vault *v)
{
	struct vault_fetches *f = v->fetches;
	f->channel = NULL;
	timer_clear(loop_timers(v->skel->loop), &f->timer);
	for (size_t i = 0; i < f->n; i++) {
		if (!f->lists[i].is_asked)
			continue;
		f->lists[i].is_asked = false;
		on_failure(v, &f->lists[i], "the process that fetches has ended meanwhile", "it is started again: see the log for process.died");
	}
}

static void on_close(void *arg, struct ipc *from)
{
	on_lost(arg);
}

static const struct ipc_door door = { .on_message = on_message, .on_close = on_close };

void vault_fetch_open(struct vault *v, int fd)
{
	struct ipc *channel;
	if (failed(ipc_open(v->skel->loop, fd, &door, v, &channel)))
		return;
	vault_fetch_close(v);
	v->fetches->channel = channel;
	schedule(v);
}

void vault_fetch_close(struct vault *v)
{
	if (v->fetches->channel == NULL)
		return;
	ipc_close(v->fetches->channel);
	on_lost(v);
}

bool vault_fetch_is_there(const struct vault *v)
{
	return v->fetches->channel != NULL;
}

/* ---- again and again ---- */

static void tell_master(struct vault *v)
{
	struct vault_fetches *f = v->fetches;
	bool runs = f->n != 0;
	if (f->is_told && runs == f->is_running)
		return;
	f->is_told = true;
	f->is_running = runs;
	(void)failed(ipc_send_process_want(v->skel->master, &(struct ipc_process_want){ .role = STR("fetch"), .runs = runs ? 1 : 0 }, -1));
}

void vault_fetch_look(struct vault *v, bool tells)
{
	struct vault_fetches *f = v->fetches;
	for (size_t i = 0; i < f->n; i++) {
		f->lists[i].is_named = false;
		/* somebody may have changed something because of what the log said */
		if (tells && f->lists[i].failures != 0)
			f->lists[i].due = loop_now(v->skel->loop);
	}
	if (period(v) != 0)
		vault_fetch_collect(v, tells);
	drop_unnamed(f);
	if (tells)
		vault_fetch_sweep(v);
	tell_master(v);
	schedule(v);
}

err vault_fetch_init(struct vault *v)
{
	v->fetches = calloc(1, sizeof *v->fetches);
	return v->fetches != NULL ? OK : ERR(NO_MEMORY);
}

bool vault_fetch_has_file(const struct vault *v, const char *name)
{
	for (size_t i = 0; i < v->fetches->n; i++)
		if (strcmp(v->fetches->lists[i].file, name) == 0)
			return true;
	return false;
}

void vault_fetch_each(const struct vault *v, void (*fn)(void *arg, const struct fetch_list *l), void *arg)
{
	for (size_t i = 0; i < v->fetches->n; i++)
		fn(arg, &v->fetches->lists[i]);
}
