/* SPDX-License-Identifier: Apache-2.0 */
/* The process: what vault asks for, and what it is told. */
#include "role/fetch/fetch_priv.h"

#include <stdlib.h>

/* A channel that does not take a message is broken and closes by itself (on_close). */
static void sent(err e)
{
	(void)failed(e);
}

void fetch_tell(struct job *j, const struct diag *why)
{
	struct ipc_fetched m = { .id = j->id };
	if (why != NULL) {
		m.why = str_of(why->what);
		m.remedy = str_of(why->remedy);
	} else {
		m.bytes = buf_str(&j->body);
	}
	if (why != NULL && m.why.n == 0)
		m.why = STR("it failed");
	meter_add(j->f->skel->meter, why == NULL ? METER_FETCHED : METER_FETCH_FAILED, 1);
	if (j->f->vault != NULL)
		sent(ipc_send_fetched(j->f->vault, &m, -1));
	job_drop(j);
}

static err on_fetch(struct fetch *f, str body)
{
	struct ipc_fetch m;
	TRY(ipc_fetch_parse(&m, body));
	f->n_own = address_list(m.own, f->own, OWN_MAX);
	err e = job_start(f, &m);
	if (failed(e))
		sent(ipc_send_fetched(f->vault, &(struct ipc_fetched){ .id = m.id, .why = str_of(e.def->text), .remedy = STR("it is tried again") }, -1));
	return OK;
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	return type == IPC_FETCH ? on_fetch(arg, body) : ERR(MALFORMED);
}

static void drop_all(struct fetch *f)
{
	LIST_EACH (n, &f->jobs)
		job_drop(LIST_OF(n, struct job, node));
}

/* The next vault asks anew. */
static void on_close(void *arg, struct ipc *from)
{
	struct fetch *f = arg;
	if (f->vault != from)
		return;
	f->vault = NULL;
	drop_all(f);
}

static const struct ipc_door door = { on_message, on_close };

static void fetch_on_channel(struct skel *s, str role, unsigned index, int fd)
{
	struct fetch *f = s->state;
	if (!str_eq(role, STR("vault"))) {
		net_close(fd);
		return;
	}
	if (f->vault != NULL)
		ipc_close(f->vault);
	f->vault = NULL;
	drop_all(f);
	err e = ipc_open(s->loop, fd, &door, f, &f->vault);
	if (failed(e))
		LOG(&s->log, CHANNEL_FAILED, LOG_STR("to", role), LOG_INT("index", index), LOG_ERR(e));
}

static err fetch_open(struct skel *s, struct diag *d)
{
	struct fetch *f = calloc(1, sizeof *f);
	ENSURE(f != NULL, NO_MEMORY);
	s->state = f;
	f->skel = s;
	list_init(&f->jobs);
	/* the system's list of DNS servers must be read before the jail */
	return dns_new(&(struct dns_config){ .loop = s->loop, .log = &s->log, .servers = STR("") }, &f->dns);
}

static err fetch_start(struct skel *s, struct diag *d)
{
	skel_ready(s);
	return OK;
}

/* No file, no listening, no keeper: outgoing connections, DNS and the channel to vault. */
static const struct jail jail = {
	.user = "witan-fetch",
	.room = "run/empty",
	.may = JAIL_NETWORK,
	.n_files = 64,
};

const struct role role_fetch = {
	.name = "fetch",
	.jail = &jail,
	.open = fetch_open,
	.start = fetch_start,
	.on_channel = fetch_on_channel,
};
