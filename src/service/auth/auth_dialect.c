/* SPDX-License-Identifier: Apache-2.0 */
/* Sign-in and signatures of clients of the Lync dialect (MS-SIPAE 3.2): Kerberos, NTLM and TLS-DSK. */
#include "service/auth/auth_priv.h"

#include <stdlib.h>

#include "base/enc.h"

#define TOLD_MAX  16384 /* bytes of a token of ours */
#define VALUE_MAX 32768 /* characters of a challenge */
#define FIELDS_MAX 2048 /* of what leaves: twice what a message may have that comes in, and what is added to it; room is taken for all of them */

err auth_dialect_read(const struct sip_msg *m, struct sipae_credentials *out)
{
	static const enum sip_hdr_id ids[] = { SIP_HDR_AUTHORIZATION, SIP_HDR_PROXY_AUTHORIZATION };
	*out = (struct sipae_credentials){ 0 };
	for (size_t i = 0; i < sizeof ids / sizeof ids[0] && !out->is_known; i++)
		for (const struct sip_hdr *h = sip_hdr_first(m, ids[i]); h != NULL && !out->is_known; h = sip_hdr_next(m, h))
			TRY(sipae_parse(h->value, out, NULL));
	return OK;
}

/* ---- challenges ---- */

/* Tickets are had inside, for a name that is known there alone. */
static bool may_use(const struct auth *a, const struct conn *c, enum sipae_scheme s)
{
	return sa_scheme_is_on(a, s) && (s != SIPAE_KERBEROS || !auth_is_outside(c));
}

/* Some clients give up where they get no certificate: who has one may use it all the same. */
static bool is_offered(const struct auth *a, const struct request *r, enum sipae_scheme s)
{
	return may_use(a, r->conn, s) && (s != SIPAE_TLS_DSK || a->sts_uri[0] != '\0');
}

bool auth_dialect_is_for(const struct auth *a, const struct request *r)
{
	const struct auth_conn *ac = auth_conn_find(r->conn);
	bool is_on = false;
	if ((ac == NULL || ac->associations == NULL) && !sipae_is_client(&r->in->msg))
		return false;
	for (size_t i = 0; i < SIPAE_SCHEMES; i++)
		is_on = is_on || is_offered(a, r, (enum sipae_scheme)i);
	return is_on;
}

static void add_challenge(struct auth *a, struct sip_out *o, const struct sa *sa, enum sipae_scheme scheme, str host, const str *token)
{
	struct buf target DEFER(buf_fini) = { 0 };
	struct buf value DEFER(buf_fini) = { 0 };
	buf_init(&target, 512);
	buf_init(&value, VALUE_MAX);
	sipae_target_print(scheme, host, &target);
	sipae_challenge_print(&(struct sipae_challenge){ .scheme = scheme, .targetname = buf_str(&target),
				      .opaque = sa != NULL ? sa_opaque(sa) : STR(""), .token = token,
				      .sts_uri = scheme == SIPAE_TLS_DSK && sa == NULL ? str_of(a->sts_uri) : STR(""),
				      .version = sa != NULL ? sa->version : SIPAE_VERSION },
		&value);
	str kept = arena_copy(o->arena, buf_str(&value));
	if (target.failed || value.failed || kept.p == NULL)
		o->failed = true;
	else
		sip_out_add(o, SIP_HDR_WWW_AUTHENTICATE, kept);
}

void auth_dialect_challenge(struct auth *a, struct request *r)
{
	struct sip_out o;
	request_answer(r, &o, 401, STR(""));
	for (unsigned i = 0; i < SIPAE_SCHEMES; i++)
		if (is_offered(a, r, (enum sipae_scheme)i))
			add_challenge(a, &o, NULL, (enum sipae_scheme)i, auth_host(a, r->conn), NULL);
	request_send(r, &o, 401);
}

/* What cannot be challenged (RFC 3261 22.1): an ACK is dropped, a CANCEL refused. */
static err challenge(struct auth *a, struct request *r)
{
	ENSURE(r->in->msg.method != SIP_METHOD_CANCEL, SIP_FORBIDDEN);
	auth_challenge(a, r, false);
	return OK;
}

static err send_token(struct auth *a, struct request *r, const struct sa *sa, str told)
{
	struct sip_out o;
	char *text = arena_alloc(&r->in->arena, ENC_BASE64_SIZE(told.n));
	ENSURE(text != NULL, CEILING);
	enc_base64(told.p, told.n, text);
	const str token = { text, ENC_BASE64_SIZE(told.n) };
	request_answer(r, &o, 401, STR(""));
	add_challenge(a, &o, sa, sa->scheme, sa->host, &token);
	request_send(r, &o, 401);
	return OK;
}

/* ---- proofs that others judge ---- */

static void ask_free(struct ask *q)
{
	struct auth *a = q->auth;
	timer_clear(a->config.timers, &q->timer);
	list_remove(&q->node);
	a->n_asks--;
	inbound_unref(q->request->in);
	free(q);
}

static void answer_away(struct ask *q)
{
	sa_remove(auth_conn_find(q->request->conn), q->sa);
	request_fail(q->request, ERR(SIP_BUSY), "auth");
	ask_free(q);
}

static void on_ask_over(void *arg)
{
	answer_away(arg);
}

static err ask(struct auth *a, struct request *r, const struct claim *c, struct sa *sa, struct auth_ask *question)
{
	ENSURE(a->n_asks < AUTH_ASKS_MAX && a->config.door.on_ask != NULL, SIP_BUSY);
	struct ask *q = calloc(1, sizeof *q);
	ENSURE(q != NULL, NO_MEMORY);
	*q = (struct ask){ .auth = a, .sa = sa, .request = r, .from = c->from, .to = c->to, .id = ++a->next_ask };
	err e = timer_set(a->config.timers, &q->timer, AUTH_ASK_MS, on_ask_over, q);
	if (failed(e)) {
		free(q);
		return e;
	}
	(void)inbound_ref(r->in);
	list_add(&a->asks, &q->node);
	a->n_asks++;
	sa->state = SA_ASKED;
	question->id = q->id;
	question->scheme = sa->scheme;
	e = a->config.door.on_ask(a->config.arg, question);
	if (failed(e))
		ask_free(q);
	return failed(e) ? ERR(SIP_BUSY) : OK;
}

/* Nobody waits for the answers of a connection that has gone. */
void auth_asks_close(struct auth *a, struct conn *c)
{
	const struct auth_conn *ac = auth_conn_find(c);
	if (ac == NULL || ac->associations == NULL)
		return;
	LIST_EACH (it, &a->asks) {
		struct ask *q = LIST_OF(it, struct ask, node);
		if (q->request->conn == c)
			ask_free(q);
	}
}

void auth_told_nothing(struct auth *a)
{
	LIST_EACH (it, &a->asks)
		answer_away(LIST_OF(it, struct ask, node));
}

/* With version 4 the message that ends the proof is signed itself, unless something more is said; before, the first signed one is the next. */
static bool is_finished(struct auth *a, struct sa *sa, const struct sip_msg *m, str key)
{
	struct sipae_credentials given;
	if (failed(sa_schemes[sa->scheme]->finish(a, sa, key)) || failed(auth_dialect_read(m, &given)))
		return false;
	return sa->version < 4 || sa_schemes[sa->scheme]->last != NULL || sa_verify(a, sa, m, &given);
}

static err judge(struct auth *a, const struct ask *q, const struct auth_told *t, enum stage_verdict *v)
{
	struct request *r = q->request;
	struct auth_conn *ac = auth_conn_find(r->conn);
	const struct user *u = t->aor.n != 0 ? user_find(a->config.users, t->aor) : NULL;
	bool is_locked = auth_is_locked(a, u, t->aor.n != 0 ? t->aor : q->from);
	if (failed(t->error)) {
		sa_remove(ac, q->sa);
		return t->error;
	}
	bool is_right = t->is_right && !is_locked && u != NULL && u->enabled && is_finished(a, q->sa, &r->in->msg, t->key);
	if (!is_right) {
		bool is_guess = sa_schemes[q->sa->scheme]->is_guess;
		str aor = t->aor.n != 0 ? t->aor : q->from;
		sa_remove(ac, q->sa);
		*v = is_guess || is_locked ? auth_wrong(a, r, aor, is_locked) : auth_unproven(a, r, aor);
		return OK;
	}
	err e = q->sa->scheme != SIPAE_TLS_DSK ? auth_check_factor(a, r, u) : OK;
	if (failed(e)) {
		sa_remove(ac, q->sa);
		return e;
	}
	sa_open(a, q->sa, u);
	conn_set_trusted(r->conn);
	meter_add(a->config.meter, METER_AUTH_OK, 1);
	if (sa_schemes[q->sa->scheme]->is_guess) /* others say nothing of who has guessed at the password */
		auth_forgive(a, u);
	TRY(auth_admit(a, r, &(struct claim){ .from = q->from, .to = q->to }, user_aor(u)));
	if (sa_schemes[q->sa->scheme]->last == NULL)
		return OK;
	*v = STAGE_DONE;
	return send_token(a, r, q->sa, sa_schemes[q->sa->scheme]->last(q->sa));
}

static struct ask *find_ask(struct auth *a, uint64_t id)
{
	LIST_EACH (it, &a->asks) { /* answers come in the order of the asks, so it is one of the first */
		struct ask *q = LIST_OF(it, struct ask, node);
		if (q->id == id)
			return q;
	}
	return NULL;
}

void auth_told(struct auth *a, uint64_t id, const struct auth_told *t)
{
	struct ask *q = find_ask(a, id);
	enum stage_verdict v = STAGE_NEXT;
	if (q == NULL)
		return;
	if (t->is_away) {
		answer_away(q);
		return;
	}
	struct request *r = q->request;
	err e = judge(a, q, t, &v);
	if (failed(e))
		request_fail(r, e, "auth");
	else if (v == STAGE_NEXT)
		a->config.door.on_proven(a->config.arg, r);
	ask_free(q);
}

/* ---- requests ---- */

static err take_token(struct auth *a, struct request *r, const struct claim *c, struct sa *sa, str token, enum stage_verdict *v)
{
	struct buf told DEFER(buf_fini) = { 0 };
	struct auth_ask q = { 0 };
	buf_init(&told, TOLD_MAX);
	err e = sa_schemes[sa->scheme]->take(a, sa, token, &told, &q);
	if (!failed(e) && q.token.p == NULL)
		return told.failed ? ERR(CEILING) : send_token(a, r, sa, buf_str(&told));
	if (!failed(e))
		e = ask(a, r, c, sa, &q);
	if (!failed(e)) {
		*v = STAGE_WAIT;
		return OK;
	}
	bool is_guess = sa_schemes[sa->scheme]->is_guess;
	sa_remove(auth_conn_find(r->conn), sa);
	if (!err_is(e, ERR_REFUSED))
		return e;
	*v = is_guess ? auth_wrong(a, r, c->from, auth_is_locked(a, NULL, c->from)) : auth_unproven(a, r, c->from);
	return OK;
}

static err by_token(struct auth *a, struct request *r, const struct claim *c, const struct sipae_credentials *given, struct sa *sa, enum stage_verdict *v)
{
	struct auth_conn *ac = auth_conn_get(r->conn);
	size_t n = given->token.n / 4 * 3;
	char *bytes = arena_alloc(&r->in->arena, n + 1);
	ENSURE(bytes != NULL && ac != NULL, NO_MEMORY);
	TRY(enc_base64_read(given->token, bytes, &n));
	ENSURE(r->in->msg.method != SIP_METHOD_ACK && r->in->msg.method != SIP_METHOD_CANCEL, SIP_FORBIDDEN);
	if (sa == NULL)
		sa = sa_new(ac, given->scheme, given->version, auth_host(a, r->conn));
	ENSURE(sa != NULL, SIP_BUSY);
	return take_token(a, r, c, sa, (str){ bytes, n }, v);
}

static err by_signature(struct auth *a, struct request *r, const struct claim *c, const struct sipae_credentials *given, struct sa *sa, enum stage_verdict *v)
{
	if (!sa_is_good(a, sa)) {
		sa_remove(auth_conn_find(r->conn), sa);
		return challenge(a, r);
	}
	if (!sa_verify(a, sa, &r->in->msg, given)) {
		meter_add(a->config.meter, METER_AUTH_FORGED, 1);
		LOG(a->config.log, AUTH_FORGED, LOG_REQ(r->in->request), LOG_STR("user", user_aor(sa->user)), LOG_STR("method", r->in->msg.method_name),
			LOG_INT("count", given->number));
		return challenge(a, r);
	}
	*v = STAGE_NEXT;
	return auth_admit(a, r, c, user_aor(sa->user));
}

err auth_dialect(struct auth *a, struct request *r, const struct claim *c, const struct sipae_credentials *given, enum stage_verdict *v)
{
	struct sa *sa = given->opaque.n != 0 ? sa_find(auth_conn_find(r->conn), given->scheme, given->opaque) : NULL;
	bool is_lost = given->opaque.n != 0 && sa == NULL; /* an association of another connection, or one that has ended */
	*v = STAGE_DONE;
	if (is_lost || !may_use(a, r->conn, given->scheme))
		return challenge(a, r);
	if (sa != NULL && sa->state == SA_READY)
		return by_signature(a, r, c, given, sa, v);
	ENSURE(sa == NULL || sa->state == SA_BEGUN, SIP_BUSY);
	if (!given->has_token)
		return challenge(a, r);
	return by_token(a, r, c, given, sa, v);
}

/* ---- responses, and what leaves ---- */

bool auth_response(struct auth *a, struct conn *c, const struct sip_msg *m)
{
	const struct auth_conn *ac = auth_conn_find(c);
	struct sipae_credentials given;
	if (ac == NULL || ac->associations == NULL || sa_of(a, ac, STR("")) == NULL)
		return true;
	if (failed(auth_dialect_read(m, &given)))
		return false;
	if (!given.is_known)
		return m->status < 200; /* MS-SIPAE 3.2.5: provisional ones need no signature */
	struct sa *sa = sa_find(ac, given.scheme, given.opaque);
	bool is_good = sa != NULL && sa_is_good(a, sa) && sa_verify(a, sa, m, &given);
	if (!is_good)
		meter_add(a->config.meter, METER_AUTH_FORGED, 1);
	return is_good;
}

/* Challenges are not signed: they are for whoever has no association, or must begin anew. */
static bool wants_signature(const struct sip_msg *m)
{
	return m->is_request || (m->status != 100 && m->status != 401 && m->status != 407);
}

/* A message of ours for the association whose user it is for: his who asked, or his who is asked. */
static bool seal(struct auth *a, const struct auth_conn *ac, const struct sip_msg *m, struct arena *arena, struct buf *out)
{
	const struct uri *u = m->is_request ? &m->to.uri : &m->from.uri;
	str aor = STR("");
	if (failed(uri_aor(u, arena, &aor)))
		aor = STR("");
	struct sa *sa = sa_of(a, ac, aor);
	if (sa == NULL)
		sa = sa_of(a, ac, STR(""));
	if (sa == NULL)
		sa = sa_last(ac, aor); /* that it is over is said under it, too */
	if (sa == NULL || !wants_signature(m))
		return false;
	size_t n = out->n;
	if (!failed(sa_sign(a, sa, m, out)))
		return true;
	out->n = n;
	return false;
}

bool auth_seal(struct auth *a, struct conn *c, str message, struct buf *out)
{
	static const struct sip_limits any = { UINT32_MAX, UINT32_MAX, UINT32_MAX, FIELDS_MAX };
	const struct auth_conn *ac = auth_conn_find(c);
	struct sip_msg m;
	struct arena arena;
	char first[8192];
	if (ac == NULL || ac->associations == NULL)
		return false;
	arena_init_with(&arena, first, sizeof first, 1 << 20);
	bool is_sealed = !failed(sip_msg_parse(&m, message, &arena, &any, NULL)) && seal(a, ac, &m, &arena, out);
	arena_fini(&arena);
	return is_sealed;
}
