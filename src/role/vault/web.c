/* SPDX-License-Identifier: Apache-2.0 */
/* The web process: it carries lines of administrators who are elsewhere, and has no rights of its own. Long answers go in pieces, no faster than
 * they are taken. */
#include "role/vault/vault_priv.h"
#include "service/plan_web.h"

#include <stdlib.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, QUEUE_HIGH = 4 * 1024 * 1024, PUMP_MS = 5, WAITING_MOST = 512, HOSTS_MAX = 128 * 1024, PLAN_ROOM = 1 << 20 };

struct reply {
	struct list node;
	uint64_t id;
	uint16_t http;
	struct buf text;
	size_t sent;
};

struct vault_web {
	struct vault *vault;
	struct ipc *channel;
	struct list replies;
	unsigned n_waiting; /* asked, not answered yet */
	struct timer pump;
};

static void drop(struct reply *r)
{
	list_remove(&r->node);
	buf_fini(&r->text);
	free(r);
}

static void drop_all(struct vault_web *w)
{
	(void)vault_line_forget(w->vault, w, 0, true);
	LIST_EACH(it, &w->replies)
		drop(LIST_OF(it, struct reply, node));
	timer_clear(loop_timers(w->vault->skel->loop), &w->pump);
}

/* ---- answers ---- */

static void pump(void *arg);

static void pump_later(struct vault_web *w)
{
	if (!timer_is_set(&w->pump))
		(void)failed(timer_set(loop_timers(w->vault->skel->loop), &w->pump, PUMP_MS, pump, w));
}

/* false: the queue is long enough for now. */
static bool send_pieces(struct vault_web *w, struct reply *r)
{
	while (ipc_queued(w->channel) < QUEUE_HIGH) {
		str piece = str_cut(buf_str(&r->text), r->sent, r->sent + PIECE);
		r->sent += piece.n;
		bool last = r->sent == r->text.n;
		if (failed(ipc_send_admin_tell(w->channel, &(struct ipc_admin_tell){ .id = r->id, .http = r->http, .is_last = last ? 1 : 0, .bytes = piece }, -1)) || last) {
			drop(r);
			return true;
		}
	}
	return false;
}

static void pump(void *arg)
{
	struct vault_web *w = arg;
	LIST_EACH(it, &w->replies)
		if (!send_pieces(w, LIST_OF(it, struct reply, node))) {
			pump_later(w);
			return;
		}
}

static void on_done(void *arg, uint64_t id, err e, str text)
{
	struct vault_web *w = arg;
	struct reply *r = calloc(1, sizeof *r);
	w->n_waiting -= w->n_waiting != 0 ? 1 : 0;
	if (r == NULL)
		return; /* the web process answers by its own time limit */
	*r = (struct reply){ .id = id, .http = failed(e) ? e.def->http : 200 };
	buf_init(&r->text, text.n + 1);
	buf_add(&r->text, text);
	list_add(&w->replies, &r->node);
	pump(w);
}

/* ---- lines ---- */

static err on_ask(struct vault_web *w, str body)
{
	struct ipc_admin_ask m;
	char address[80];
	TRY(ipc_admin_ask_parse(&m, body));
	if (!str_to_z(m.address, address, sizeof address))
		return ERR(MALFORMED);
	if (w->n_waiting >= WAITING_MOST) {
		w->n_waiting++;
		on_done(w, m.id, ERR(BUSY), STR("{\"ok\":false,\"error\":\"BUSY\",\"what\":\"too many commands at once\",\"where\":\"\",\"remedy\":\"try again in a moment\"}\n"));
		return OK;
	}
	w->n_waiting++;
	vault_line(w->vault, &(struct line_from){ .address = address, .certificate = m.certificate }, m.line, &(struct line_door){ on_done, w }, m.id);
	return OK;
}

static err on_ocsp(struct vault_web *w, str body)
{
	struct ipc_ocsp_ask m;
	TRY(ipc_ocsp_ask_parse(&m, body));
	vault_ocsp_ask(w->vault, m.id, m.request);
	return OK;
}

static err on_ticket_ask(struct vault_web *w, str body)
{
	struct ipc_web_ticket_ask m;
	TRY(ipc_web_ticket_ask_parse(&m, body));
	vault_web_ticket_ask(w->vault, &m);
	return OK;
}

static err on_ticket_show(struct vault_web *w, str body)
{
	struct ipc_web_ticket_show m;
	TRY(ipc_web_ticket_show_parse(&m, body));
	vault_web_ticket_show(w->vault, &m);
	return OK;
}

static err on_gone(struct vault_web *w, str body)
{
	struct ipc_admin_gone m;
	TRY(ipc_admin_gone_parse(&m, body));
	w->n_waiting -= vault_line_forget(w->vault, w, m.id, false);
	LIST_EACH(it, &w->replies)
		if (LIST_OF(it, struct reply, node)->id == m.id)
			drop(LIST_OF(it, struct reply, node));
	return OK;
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	if (type == IPC_ADMIN_ASK)
		return on_ask(arg, body);
	if (type == IPC_OCSP_ASK)
		return on_ocsp(arg, body);
	if (type == IPC_WEB_TICKET_ASK)
		return on_ticket_ask(arg, body);
	if (type == IPC_WEB_TICKET_SHOW)
		return on_ticket_show(arg, body);
	if (type == IPC_PHOTO_ASK)
		return vault_photo_ask(((struct vault_web *)arg)->vault, from, body);
	if (type == IPC_DIRECTORY_ASK)
		return vault_directory_ask(((struct vault_web *)arg)->vault, from, body);
	return type == IPC_ADMIN_GONE ? on_gone(arg, body) : ERR(MALFORMED);
}

static void on_close(void *arg, struct ipc *from)
{
	struct vault_web *w = arg;
	drop_all(w);
	vault_ocsp_forget(w->vault);
	vault_directory_forget(w->vault, w->channel);
	w->vault->web = NULL;
	free(w);
}

static const struct ipc_door door = { .on_message = on_message, .on_close = on_close };

/* ---- coming and going ---- */

/* Whether this server listens there. */
static bool has_listener(const struct vault *v, enum vault_listener of)
{
	struct topo_host host;
	if (of == VAULT_WEB)
		return true;
	if (failed(topo_find_host(&v->topo, str_of(v->skel->fqdn), &host, NULL)) || !topo_has_web(host.pool))
		return false;
	return (of == VAULT_WEB_INSIDE ? host.pool->ports.https : host.pool->ports.external_https) != 0;
}

void vault_web_certificate(struct vault *v)
{
	static const enum vault_listener all[] = { VAULT_WEB, VAULT_WEB_INSIDE, VAULT_WEB_OUTSIDE };
	for (size_t i = 0; v->web != NULL && i < sizeof all / sizeof *all; i++)
		if (has_listener(v, all[i]))
			(void)failed(vault_send_certificate(v, v->web->channel, all[i]));
}

static err send_site(struct vault_web *w, const struct plan_web_site *site, bool outside)
{
	struct buf hosts DEFER(buf_fini) = { 0 };
	buf_init(&hosts, HOSTS_MAX);
	for (size_t i = 0; i < site->names.n; i++)
		buf_printf(&hosts, "%u %.*s\n", (unsigned)site->names.p[i].use, STR_FMT(site->names.p[i].name));
	ENSURE(!hosts.failed, CEILING);
	return ipc_send_web_site(w->channel,
		&(struct ipc_web_site){ .outside = outside ? 1 : 0, .port = (uint16_t)site->port, .url = site->url, .hosts = buf_str(&hosts) }, -1);
}

static void note_ntlm(void *arg, str aor, str kind, str value)
{
	bool *any = arg;
	*any = *any || str_eq(kind, STR("nt"));
}

/* Clients that are offered it take nothing else: it is of use only where somebody has what it needs. */
static bool offers_ntlm(struct vault *v)
{
	if (!v->has_ntlm && v->store != NULL)
		(void)failed(store_credentials_each(v->store, note_ntlm, &v->has_ntlm));
	return v->has_ntlm && v->config.use_ntlm && crypt_has_legacy(v->crypt) && effective_windows_auth(v, "NTLM");
}

static err send_access(struct vault_web *w, const struct plan_web_access sip[PLAN_SIDE_N])
{
	const struct plan_web_access *in = &sip[PLAN_INSIDE], *out = &sip[PLAN_OUTSIDE];
	const struct topo_names *domains = &w->vault->topo.sip_domains;
	struct buf text DEFER(buf_fini) = { 0 }, kerberos DEFER(buf_fini) = { 0 };
	buf_init(&text, HOSTS_MAX);
	buf_init(&kerberos, HOSTS_MAX);
	if (vault_takes_negotiate(w->vault))
		vault_kerberos_names(w->vault, &kerberos);
	for (size_t i = 0; i < domains->n; i++)
		buf_printf(&text, "%s%.*s", i != 0 ? "," : "", STR_FMT(domains->p[i]));
	ENSURE(!text.failed && !kerberos.failed, CEILING);
	return ipc_send_web_access(w->channel,
		&(struct ipc_web_access){ .domains = buf_str(&text), .inside = in->fqdn, .inside_port = (uint16_t)in->client, .outside = out->fqdn,
			.outside_server = (uint16_t)out->server, .outside_client = (uint16_t)out->client,
			.offers_ntlm = offers_ntlm(w->vault) ? 1 : 0, .kerberos = buf_str(&kerberos), .asks_people = vault_asks_people(w->vault) ? 1 : 0 }, -1);
}

static err send_sites(struct vault_web *w, struct diag *d)
{
	struct vault *v = w->vault;
	struct arena a DEFER(arena_fini) = { 0 };
	struct topo_host host;
	struct plan_web plan;
	arena_init(&a, PLAN_ROOM);
	TRY(topo_find_host(&v->topo, str_of(v->skel->fqdn), &host, d));
	TRY(plan_web(&v->topo, &host, &a, &plan, d));
	TRY(send_access(w, plan.sip));
	TRY(send_site(w, &plan.sites[PLAN_INSIDE], false));
	return send_site(w, &plan.sites[PLAN_OUTSIDE], true);
}

void vault_web_sites(struct vault *v)
{
	struct diag d = { 0 };
	err e = v->web != NULL ? send_sites(v->web, &d) : OK;
	if (failed(e) && !err_is(e, ERR_CLOSED))
		LOG(&v->skel->log, PUBLISH_FAILED, LOG_ERR(e), LOG_Z("where", "web sites"), LOG_Z("why", d.what), LOG_Z("remedy", d.remedy));
}

void vault_web_revocations(struct vault *v)
{
	if (v->web != NULL)
		(void)failed(vault_send_revocations(v, v->web->channel));
}

void vault_web_open(struct vault *v, int fd)
{
	struct vault_web *w = calloc(1, sizeof *w);
	if (w == NULL) {
		(void)close(fd);
		return;
	}
	*w = (struct vault_web){ .vault = v };
	list_init(&w->replies);
	if (failed(ipc_open(v->skel->loop, fd, &door, w, &w->channel))) {
		free(w);
		return;
	}
	vault_web_close(v);
	v->web = w;
	v->web_lives++;
	vault_web_revocations(v);
	vault_web_sites(v);
	vault_web_certificate(v);
	vault_publish(v);
	vault_challenges_tell(v);
	(void)failed(ipc_send_snapshot_end(w->channel, &(struct ipc_snapshot_end){ .version = v->told }, -1));
}

void vault_web_close(struct vault *v)
{
	if (v->web == NULL)
		return;
	drop_all(v->web);
	vault_ocsp_forget(v);
	vault_directory_forget(v, v->web->channel);
	ipc_close(v->web->channel);
	free(v->web);
	v->web = NULL;
}

bool vault_web_is_there(const struct vault *v)
{
	return v->web != NULL;
}

struct ipc *vault_web_channel(const struct vault *v)
{
	return v->web != NULL ? v->web->channel : NULL;
}
