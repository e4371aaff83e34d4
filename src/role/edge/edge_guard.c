/* SPDX-License-Identifier: Apache-2.0 */
/* The guard of the outer side: what of a client's requests and of the answers to them it is told. */
#include "role/edge/edge_priv.h"

#include "base/enc.h"
#include "wire/digest.h"
#include "wire/ntlm.h"
#include "wire/sipae.h"

#include <time.h>

#define TOKEN_MAX 4096

/* ---- its settings, its clock, its bans ---- */

static uint64_t now_ms(void *arg)
{
	const struct edge *e = arg;
	return loop_now(e->skel->loop);
}

static uint64_t unix_ms(void *arg)
{
	struct timespec t;
	(void)arg;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Vault keeps it, so that administrators see it, and a new process hears of it. */
static void on_ban(void *arg, const struct addr *a, bool network, uint64_t until_unix_ms, const char *why)
{
	struct edge *e = arg;
	char text[ADDR_TEXT];
	if (e->vault != NULL)
		(void)failed(ipc_send_ban(e->vault, &(struct ipc_ban){ .address = str_of(addr_print(a, text)), .network = network ? 1 : 0, .until_ms = until_unix_ms, .why = str_of(why) }, -1));
}

err edge_guard_open(struct edge *e)
{
	return guard_new(&(struct guard_config){ .now_ms = now_ms, .unix_ms = unix_ms, .log = &e->skel->log, .meter = e->skel->meter, .door = { on_ban }, .arg = e }, &e->guard);
}

void edge_guard_apply(struct edge *e)
{
	const struct config *c = &e->config;
	guard_set(e->guard, &(const struct guard_limits){ .is_on = c->guard_is_on, .failures = c->guard_failures, .address_failures = c->guard_address_failures,
				    .network_failures = c->guard_network_failures, .watch_ms = c->guard_watch_minutes * 60000, .lockout_ms = c->guard_lockout_minutes * 60000,
				    .offences = c->guard_offences, .connections = c->guard_connections, .ban_ms = c->guard_ban_minutes * 60000 });
}

err edge_guard_ban(struct edge *e, str body)
{
	struct ipc_ban m;
	struct addr a;
	TRY(ipc_ban_parse(&m, body));
	TRY(addr_parse(m.address, 0, &a));
	if (m.until_ms == 0)
		guard_unban(e->guard, &a);
	else
		guard_ban(e->guard, &a, m.network != 0, m.until_ms);
	return OK;
}

/* ---- who tries to sign in ---- */

/* The account in the third message of NTLM. */
static str ntlm_name(str token, struct arena *a)
{
	size_t n = token.n / 4 * 3;
	char *bytes = token.n != 0 && token.n <= TOKEN_MAX ? arena_alloc(a, n + 1) : NULL;
	struct ntlm_authenticate *m = arena_alloc(a, sizeof *m);
	if (bytes == NULL || m == NULL || failed(enc_base64_read(token, bytes, &n)) || failed(ntlm_authenticate_parse((str){ bytes, n }, m, NULL)))
		return STR("");
	return str_of(m->user);
}

/* A value of Authorization as an attempt at a password; false: it is none, or the first half of one. */
static bool read_attempt(str value, struct arena *a, str *name)
{
	struct sipae_credentials dialect;
	struct digest d;
	if (!failed(sipae_parse(value, &dialect, NULL)) && dialect.is_known) {
		*name = dialect.scheme == SIPAE_NTLM && dialect.response.n == 0 ? ntlm_name(dialect.token, a) : STR("");
		return name->n != 0;
	}
	if (failed(digest_parse(value, &d, NULL)) || !d.is_digest)
		return false;
	*name = d.username;
	return true;
}

bool edge_guard_read(const struct sip_msg *m, struct arena *a, struct edge_attempt *out)
{
	static const enum sip_hdr_id ids[] = { SIP_HDR_AUTHORIZATION, SIP_HDR_PROXY_AUTHORIZATION };
	char name[GUARD_NAME];
	str given;
	*out = (struct edge_attempt){ .cseq = m->cseq };
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
		for (const struct sip_hdr *h = sip_hdr_first(m, ids[i]); h != NULL; h = sip_hdr_next(m, h)) {
			if (!read_attempt(h->value, a, &given))
				continue;
			str key = guard_name(given, name);
			out->n = (uint8_t)key.n;
			memcpy(out->name, key.p, key.n);
			return true;
		}
	return false;
}

/* A nonce that has ended says nothing about the password (RFC 7616 3.3), and neither does the server's half of a proof. */
static bool is_refusal(const struct sip_msg *m)
{
	for (const struct sip_hdr *h = sip_hdr_first(m, SIP_HDR_WWW_AUTHENTICATE); h != NULL; h = sip_hdr_next(m, h))
		if (memmem(h->value.p, h->value.n, "stale=true", 10) != NULL)
			return false;
	return m->status == 401 || m->status == 403;
}

void edge_guard_answered(struct edge *e, const struct sip_msg *m, const struct addr *client, struct edge_attempt *t)
{
	str name = { t->name, t->n };
	if (t->n == 0 || m->is_request || m->status < 200 || m->cseq != t->cseq)
		return;
	if (m->status < 300)
		guard_succeeded(e->guard, name, client);
	else if (is_refusal(m))
		guard_failed(e->guard, name, client);
	t->n = 0;
}

err edge_guard_request(struct edge *e, const struct inbound *in, const struct addr *client)
{
	if (!guard_is_scanner(sip_hdr_value(&in->msg, SIP_HDR_USER_AGENT)))
		return OK;
	guard_offence(e->guard, client, "a scanner");
	return ERR(SIP_FORBIDDEN);
}
