/* SPDX-License-Identifier: Apache-2.0 */
/* The process: what vault asks, and whether winbind is there at all. */
#include "base/crypt.h"
#include "role/winbind/winbind_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <wbclient.h>

enum { CALL_SECONDS = 8, LOOK_MS = 15000, NAME_MAX_BYTES = 513, CHALLENGE = 8 };

struct winbind {
	struct skel *skel;
	struct ipc *vault;        /* NULL: no channel */
	struct wbcContext *winbind;
	struct timer look;
	bool has_looked, is_there;
	char domain[64], dns_domain[256], computer[64];
	const char *why, *remedy; /* it is not there */
};

/* A channel that does not take a message is broken and closes by itself (on_close). */
static void sent(err e)
{
	(void)failed(e);
}

/* ---- is it there? ---- */

static const char remedy_winbind[] = "apt install winbind; net ads join; systemctl start winbind; then try: wbinfo --ping-dc";

static const char *find_winbind(struct winbind *w, const char **remedy)
{
	struct wbcInterfaceDetails *d = NULL;
	*remedy = remedy_winbind;
	if (wbcCtxInterfaceDetails(w->winbind, &d) != WBC_ERR_SUCCESS)
		return "winbind does not answer at its socket";
	(void)snprintf(w->domain, sizeof w->domain, "%s", d->netbios_domain);
	(void)snprintf(w->dns_domain, sizeof w->dns_domain, "%s", d->dns_domain != NULL ? d->dns_domain : "");
	(void)snprintf(w->computer, sizeof w->computer, "%s", d->netbios_name);
	wbcFreeMemory(d);
	*remedy = "is there a way to a domain controller, and is the machine still joined? wbinfo --ping-dc; wbinfo --check-secret";
	return wbcCtxPingDc(w->winbind, w->domain, NULL) == WBC_ERR_SUCCESS ? NULL : "winbind answers, but reaches no domain controller";
}

static void tell_state(struct winbind *w)
{
	if (w->vault == NULL || !w->has_looked)
		return;
	sent(ipc_send_winbind_state(w->vault, &(struct ipc_winbind_state){ .is_there = w->is_there, .domain = str_of(w->domain), .dns_domain = str_of(w->dns_domain),
		.computer = str_of(w->computer), .why = str_of(w->is_there ? "" : w->why), .remedy = str_of(w->is_there ? "" : w->remedy) }, -1));
}

static void log_state(struct winbind *w)
{
	if (w->is_there)
		LOG(&w->skel->log, WINBIND_READY, LOG_Z("domain", w->domain), LOG_Z("dns_domain", w->dns_domain), LOG_Z("computer", w->computer));
	else
		LOG(&w->skel->log, WINBIND_FAILED, LOG_Z("why", w->why), LOG_Z("remedy", w->remedy));
}

static void on_look(void *arg)
{
	struct winbind *w = arg;
	(void)alarm(CALL_SECONDS);
	const char *why = find_winbind(w, &w->remedy);
	(void)alarm(0);
	bool is_new = !w->has_looked || w->why != why;
	w->has_looked = true;
	w->is_there = why == NULL;
	w->why = why;
	if (is_new) {
		log_state(w);
		tell_state(w);
	}
	if (failed(timer_set(loop_timers(w->skel->loop), &w->look, LOOK_MS, on_look, w)))
		skel_exit(w->skel, 1); /* master starts another one */
}

/* ---- proofs ---- */

/* A failure that is not the account's shows at once, not at the next look. */
static void look_now(struct winbind *w)
{
	timer_clear(loop_timers(w->skel->loop), &w->look);
	if (failed(timer_set(loop_timers(w->skel->loop), &w->look, 0, on_look, w)))
		skel_exit(w->skel, 1);
}

static void tell_failure(struct winbind *w, uint64_t id, wbcErr r, const struct wbcAuthErrorInfo *info)
{
	uint32_t status = r == WBC_ERR_AUTH_ERROR && info != NULL ? info->nt_status : 0;
	const struct winbind_verdict *v = winbind_verdict_of(status);
	struct ipc_winbind_tell m = { .id = id, .error = (uint16_t)(v->error + 1), .status = status, .why = str_of(v->why), .remedy = str_of(v->remedy) };
	if (r == WBC_ERR_WINBIND_NOT_AVAILABLE) {
		m.why = STR("winbind does not answer at its socket");
		m.remedy = str_of(remedy_winbind);
	}
	sent(ipc_send_winbind_tell(w->vault, &m, -1));
	if (v->error == ERR_BUSY)
		look_now(w);
}

static wbcErr ask(struct winbind *w, struct wbcAuthUserParams *p, struct wbcAuthUserInfo **info, struct wbcAuthErrorInfo **error)
{
	(void)alarm(CALL_SECONDS);
	wbcErr r = wbcCtxAuthenticateUserEx(w->winbind, p, info, error);
	(void)alarm(0);
	return r;
}

static err judge(struct winbind *w, const struct ipc_winbind_ask *m)
{
	char user[NAME_MAX_BYTES], domain[NAME_MAX_BYTES], workstation[NAME_MAX_BYTES];
	uint8_t response[8192];
	struct wbcAuthUserParams p = { .account_name = user, .domain_name = domain, .workstation_name = workstation, .level = WBC_AUTH_USER_LEVEL_RESPONSE };
	struct wbcAuthUserInfo *info = NULL;
	struct wbcAuthErrorInfo *error = NULL;
	ENSURE(str_to_z(m->user, user, sizeof user) && str_to_z(m->domain, domain, sizeof domain), MALFORMED);
	ENSURE(str_to_z(m->workstation, workstation, sizeof workstation), MALFORMED);
	ENSURE(m->challenge.n == CHALLENGE && m->response.n <= sizeof response && m->response.n != 0, MALFORMED);
	memcpy(p.password.response.challenge, m->challenge.p, CHALLENGE);
	memcpy(response, m->response.p, m->response.n);
	p.password.response.nt_data = response;
	p.password.response.nt_length = (uint32_t)m->response.n;
	wbcErr r = ask(w, &p, &info, &error);
	if (r == WBC_ERR_SUCCESS && info != NULL) {
		sent(ipc_send_winbind_tell(w->vault, &(struct ipc_winbind_tell){ .id = m->id, .key = { (const char *)info->user_session_key, 16 } }, -1));
		crypt_wipe(info->user_session_key, 16);
	} else {
		tell_failure(w, m->id, r, error);
	}
	wbcFreeMemory(info);
	wbcFreeMemory(error);
	return OK;
}

/* ---- the process ---- */

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct ipc_winbind_ask m;
	ENSURE(type == IPC_WINBIND_ASK, MALFORMED);
	TRY(ipc_winbind_ask_parse(&m, body));
	return judge(arg, &m);
}

/* The next vault asks anew. */
static void on_close(void *arg, struct ipc *from)
{
	struct winbind *w = arg;
	if (w->vault == from)
		w->vault = NULL;
}

static const struct ipc_door door = { on_message, on_close };

static void winbind_on_channel(struct skel *s, str role, unsigned index, int fd)
{
	struct winbind *w = s->state;
	if (!str_eq(role, STR("vault"))) {
		(void)close(fd);
		return;
	}
	if (w->vault != NULL)
		ipc_close(w->vault);
	w->vault = NULL;
	err e = ipc_open(s->loop, fd, &door, w, &w->vault);
	if (failed(e))
		LOG(&s->log, CHANNEL_FAILED, LOG_STR("to", role), LOG_INT("index", index), LOG_ERR(e));
	else
		tell_state(w);
}

static err winbind_open(struct skel *s, struct diag *d)
{
	struct winbind *w = calloc(1, sizeof *w);
	ENSURE(w != NULL, NO_MEMORY);
	s->state = w;
	w->skel = s;
	w->winbind = wbcCtxCreate();
	return w->winbind != NULL ? OK : ERR(NO_MEMORY);
}

static err winbind_start(struct skel *s, struct diag *d)
{
	skel_ready(s);
	look_now(s->state);
	return OK;
}

/* The sockets of winbind are elsewhere in the system and are made anew when it starts again, so its root stays the system's; it reads no file of it. */
static const struct jail jail = {
	.user = "witan-winbind",
	.group = "winbindd_priv",
	.room = "/",
	.may = JAIL_LOCAL,
	.n_files = 64,
};

const struct role role_winbind = {
	.name = "winbind",
	.jail = &jail,
	.open = winbind_open,
	.start = winbind_start,
	.on_channel = winbind_on_channel,
};
