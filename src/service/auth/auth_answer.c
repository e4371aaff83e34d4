/* SPDX-License-Identifier: Apache-2.0 */
#include "service/auth/auth_priv.h"

#include <stdlib.h>

/* One answer to a wrong password that is not sent yet. The request lives in the arena of `in`, which we keep. */
struct wait {
	struct list node;
	struct timer timer;
	struct auth *auth;
	struct request *request;
};

static const str md5_only[] = {
#define MD5_ONLY(text) { text, sizeof text - 1 },
#include "service/auth/auth_md5.def"
#undef MD5_ONLY
};

static const str algorithms[CRYPT_HASH_N] = { { "MD5", 3 }, { "SHA-256", 7 } };

str auth_realm(const struct auth *a, const struct request *r)
{
	const struct sip_msg *m = &r->in->msg;
	return users_domain(a->config.users, m->method == SIP_METHOD_REGISTER ? m->to.uri.host : m->from.uri.host);
}

/* Does the client know MD5 alone: because it says who it is, or because it has used it on this connection? */
static bool is_md5_only(const struct request *r)
{
	const struct auth_conn *ac = auth_conn_find(r->conn);
	str agent = sip_hdr_value(&r->in->msg, SIP_HDR_USER_AGENT);
	if (ac != NULL && ac->is_md5)
		return true;
	for (size_t i = 0; i < sizeof md5_only / sizeof md5_only[0]; i++)
		if (str_begins(agent, md5_only[i]))
			return true;
	return false;
}

static void add_challenge(const struct auth *a, const struct request *r, struct sip_out *o, enum crypt_hash h,
	const char nonce[NONCE_TEXT], bool stale)
{
	bool is_register = r->in->msg.method == SIP_METHOD_REGISTER;
	str realm = auth_realm(a, r);
	sip_out_addf(o, is_register ? SIP_HDR_WWW_AUTHENTICATE : SIP_HDR_PROXY_AUTHENTICATE,
		"Digest realm=\"%.*s\", nonce=\"%.*s\", algorithm=%.*s, qop=\"auth\"%s", STR_FMT(realm), NONCE_TEXT,
		nonce, STR_FMT(algorithms[h]), stale ? ", stale=true" : "");
}

static void challenge_digest(struct auth *a, struct request *r, bool stale)
{
	unsigned status = r->in->msg.method == SIP_METHOD_REGISTER ? 401 : 407;
	struct auth_policy policy = auth_policy_of(a);
	bool sha256 = policy.takes[CRYPT_SHA256] && !(policy.takes[CRYPT_MD5] && is_md5_only(r));
	struct sip_out o;
	char nonce[NONCE_TEXT]; /* one for all: it is the count that is used up */
	nonce_make(a->config.crypt, &r->in->flow, a->config.timers->now, a->n_nonces++, nonce);
	request_answer(r, &o, status, STR(""));
	if (sha256)
		add_challenge(a, r, &o, CRYPT_SHA256, nonce, stale); /* the one we prefer comes first (RFC 8760 2.3) */
	if (policy.takes[CRYPT_MD5])
		add_challenge(a, r, &o, CRYPT_MD5, nonce, stale);
	request_send(r, &o, status);
}

void auth_challenge(struct auth *a, struct request *r, bool stale)
{
	if (auth_dialect_is_for(a, r))
		auth_dialect_challenge(a, r);
	else
		challenge_digest(a, r, stale);
	meter_add(a->config.meter, METER_AUTH_CHALLENGED, 1);
}

/* ---- slowed answers ---- */

static void wait_free(struct wait *w)
{
	struct auth *a = w->auth;
	struct auth_conn *ac = auth_conn_find(w->request->conn);
	if (ac != NULL)
		ac->n_waits--;
	a->n_waits--;
	timer_clear(a->config.timers, &w->timer);
	list_remove(&w->node);
	inbound_unref(w->request->in);
	free(w);
}

static void on_wait_over(void *arg)
{
	struct wait *w = arg;
	auth_challenge(w->auth, w->request, false);
	wait_free(w);
}

static bool wait_open(struct auth *a, struct auth_conn *ac, struct request *r, uint32_t delay_ms)
{
	if (ac == NULL || ac->n_waits >= AUTH_WAITS_CONN_MAX || a->n_waits >= AUTH_WAITS_MAX)
		return false;
	struct wait *w = calloc(1, sizeof *w);
	if (w == NULL || failed(timer_set(a->config.timers, &w->timer, delay_ms, on_wait_over, w))) {
		free(w);
		return false;
	}
	w->auth = a;
	w->request = r;
	(void)inbound_ref(r->in);
	list_add(&a->waits, &w->node);
	ac->n_waits++;
	a->n_waits++;
	return true;
}

enum stage_verdict auth_challenge_later(struct auth *a, struct request *r, uint32_t delay_ms)
{
	if (delay_ms != 0 && wait_open(a, auth_conn_get(r->conn), r, delay_ms))
		return STAGE_WAIT;
	auth_challenge(a, r, false);
	if (delay_ms != 0)
		conn_close(r->conn, "too many wrong passwords at once");
	return STAGE_DONE;
}

void auth_answers_close(struct auth *a, struct conn *c)
{
	const struct auth_conn *ac = auth_conn_find(c);
	if (ac == NULL || ac->n_waits == 0)
		return;
	LIST_EACH (it, &a->waits) {
		struct wait *w = LIST_OF(it, struct wait, node);
		if (w->request->conn == c)
			wait_free(w);
	}
}
