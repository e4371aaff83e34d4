/* SPDX-License-Identifier: Apache-2.0 */
/* The process: its life, and what master hands to it. */
#include "role/web/web_priv.h"

#include "service/openapi.h"

#include <malloc.h>
#include <stdlib.h>

#define QUIET_MS    20 /* how often a draining process looks whether it is done */
#define OPENAPI_MAX (32 << 20)

static str address_key(const struct map_node *n)
{
	return (str){ (const char *)MAP_OF(n, const struct web_address, node)->key, 17 };
}

/* JSON texts hold passwords for a moment: nothing of them stays in freed memory. */
static void wipe_and_free(void *p)
{
	if (p != NULL)
		crypt_wipe(p, malloc_usable_size(p));
	free(p);
}

static err print_descriptions(struct web *w, struct diag *d)
{
	buf_init(&w->openapi, OPENAPI_MAX);
	buf_init(&w->cmdlets, OPENAPI_MAX);
	openapi_print(&w->openapi);
	openapi_cmdlets_print(&w->cmdlets);
	if (w->openapi.failed || w->cmdlets.failed)
		return diag_fail(d, ERR(NO_MEMORY), "web", "", "no memory for the description of the interface");
	return OK;
}

static err web_open(struct skel *s, struct diag *d)
{
	struct web *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	s->state = w;
	w->skel = s;
	slots_init(&w->slots);
	list_init(&w->handshaking[0]);
	list_init(&w->handshaking[1]);
	web_sites_init(&w->sites);
	list_init(&w->dirty);
	list_init(&w->dead);
	list_init(&w->public_conns);
	web_ocsp_init(&w->ocsp);
	map_init(&w->addresses, address_key);
	json_set_alloc_funcs(malloc, wipe_and_free);
	TRY(xml_reader_new(&w->xml));
	TRY(crypt_new(&w->mac));
	/* the same in the next life of this process, so that pages go on after it was started anew */
	crypt_mac_key(w->mac, (str){ (const char *)s->shared_key, sizeof s->shared_key });
	TRY(identity_new(s, &w->identity));
	return print_descriptions(w, d);
}

static void web_on_channel(struct skel *s, str role, unsigned index, int fd)
{
	struct web *w = s->state;
	err e = ERR(REFUSED);
	if (str_eq(role, STR("vault")))
		e = web_vault_open(w, fd);
	else if (str_eq(role, STR("keeper")))
		e = identity_keeper_open(w->identity, fd);
	else
		net_close(fd);
	if (failed(e))
		LOG(&s->log, CHANNEL_FAILED, LOG_STR("to", role), LOG_INT("index", index), LOG_ERR(e));
}

static void web_on_listener(struct skel *s, str transport, unsigned port, int fd)
{
	enum web_at at = WEB_AT_MANAGEMENT;
	while (at < WEB_AT_N && !str_eq(transport, str_of(web_entrances[at].transport)))
		at++;
	err e = at < WEB_AT_N ? web_listen(s->state, fd, at, (uint16_t)port) : ERR(MALFORMED);
	if (!failed(e)) {
		LOG(&s->log, LISTENER_OPENED, LOG_STR("transport", transport), LOG_INT("port", port));
		return;
	}
	net_close(fd);
	LOG(&s->log, LISTENER_FAILED, LOG_STR("transport", transport), LOG_INT("port", port), LOG_ERR(e));
}

/* Whoever connects before vault has told the certificate waits in the listener's queue; the server need not. */
static err web_start(struct skel *s, struct diag *d)
{
	(void)d;
	skel_ready(s);
	return OK;
}

static void drain_look(void *arg)
{
	struct web *w = arg;
	bool is_done = w->n_asks == 0 && w->ocsp.n_asks == 0 && w->queued == 0;
	if (!is_done && loop_now(w->skel->loop) < w->drain_until &&
		!failed(timer_set(loop_timers(w->skel->loop), &w->drain_timer, QUIET_MS, drain_look, w)))
		return;
	for (uint32_t i = 0; i < w->slots.n; i++)
		if (slots_find(&w->slots, i) != NULL)
			web_conn_close(slots_find(&w->slots, i), "the server ends");
	/* not freed: the loop still knows the connections in this turn, which is the last */
	skel_exit(w->skel, 0);
}

static void web_drain(struct skel *s, uint32_t ms)
{
	struct web *w = s->state;
	if (w->is_draining)
		return;
	w->is_draining = true;
	timer_clear(loop_timers(s->loop), &w->alone);
	w->drain_until = loop_now(s->loop) + ms;
	web_stop_listening(w);
	drain_look(w);
}

/* It needs nothing of the file system: what it must know, vault and master tell. */
static const struct jail jail = {
	.user = "witan-web",
	.room = "run/empty",
	.may = JAIL_ACCEPT,
	.n_files = 2048,
};

const struct role role_web = {
	.name = "web",
	.jail = &jail,
	.open = web_open,
	.start = web_start,
	.on_channel = web_on_channel,
	.on_listener = web_on_listener,
	.drain = web_drain,
};
