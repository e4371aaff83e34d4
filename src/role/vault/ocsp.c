/* SPDX-License-Identifier: Apache-2.0 */
/* What the built-in authority says of a certificate when a stranger asks (OCSP, RFC 6960). Answers are built here and signed by keeper, a few
 * at a time, so that a flood of questions leaves it time for everything else. */
#include "role/vault/vault_cert.h"

#include <stdlib.h>

enum { WAITING_MOST = 64, AT_KEEPER_MOST = 4, PER_SECOND = 200, TRIES = 3, GOOD_SECONDS = 3600, KEPT_SECONDS = 60 };

/* Responses without an answer (RFC 6960 4.2.1). */
enum { MALFORMED_REQUEST = 1, INTERNAL_ERROR = 2, TRY_LATER = 3, UNAUTHORIZED = 6 };

struct question {
	struct list node;
	struct vault *vault;
	uint64_t id; /* of web; 0: it was of one that is gone */
	struct buf bytes, tbs;
	struct cert_ocsp_request request; /* slices of bytes */
	enum cert_alg alg;
	int64_t now, next;
	uint32_t generation; /* of what is known, when the answer was built */
	unsigned tries;
	bool at_keeper, is_known; /* is_known: none of the certificates is unknown */
};

/* ---- telling ---- */

static void tell(struct vault *v, const struct ipc_ocsp_tell *m)
{
	struct ipc *to = vault_web_channel(v);
	if (to != NULL && m->id != 0)
		(void)failed(ipc_send_ocsp_tell(to, m, -1));
}

static void refuse(struct vault *v, uint64_t id, unsigned status)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 16);
	cert_ocsp_refuse(status, &b);
	meter_add(v->skel->meter, status == TRY_LATER ? METER_OCSP_LATER : METER_OCSP_REFUSED, 1);
	tell(v, &(struct ipc_ocsp_tell){ .id = id, .bytes = buf_str(&b) });
}

/* One that web may give again: of one certificate that was issued, for no nonce, and good for a while. What nobody has issued is not kept, since
 * there is no end to what can be asked for. */
static str kept_for(const struct question *q)
{
	bool is_kept = q->request.n == 1 && q->request.nonce_n == 0 && q->is_known && q->next - q->now > KEPT_SECONDS;
	return is_kept ? q->request.ids[0].id : STR("");
}

static err tell_signed(struct question *q, str signature)
{
	struct buf der DEFER(buf_fini) = { 0 };
	buf_init(&der, CERT_OCSP_MAX);
	TRY(cert_ocsp_seal(buf_str(&q->tbs), q->alg, signature, NULL, &der));
	meter_add(q->vault->skel->meter, METER_OCSP_SIGNED, 1);
	tell(q->vault, &(struct ipc_ocsp_tell){ .id = q->id, .since = (uint64_t)q->now, .until = (uint64_t)q->next, .certificate = kept_for(q), .bytes = buf_str(&der) });
	return OK;
}

/* ---- one question ---- */

static void question_free(struct question *q)
{
	struct vault_ocsp *o = &q->vault->ocsp;
	o->n--;
	o->n_at_keeper -= q->at_keeper ? 1 : 0;
	list_remove(&q->node);
	buf_fini(&q->bytes);
	buf_fini(&q->tbs);
	free(q);
}

static void give_up(struct question *q, err e, const struct diag *d)
{
	bool passes = err_is(e, ERR_BUSY) || err_is(e, ERR_CLOSED);
	if (!passes)
		LOG(&q->vault->skel->log, OCSP_FAILED, LOG_ERR(e), LOG_Z("where", d->where), LOG_Z("why", d->what), LOG_Z("remedy", d->remedy));
	refuse(q->vault, q->id, passes ? TRY_LATER : INTERNAL_ERROR);
	question_free(q);
}

static err find_answers(struct question *q, struct cert_ocsp_answer answers[CERT_OCSP_IDS])
{
	q->is_known = true;
	for (size_t i = 0; i < q->request.n; i++) {
		const struct issued *x;
		err e = issued_find(&q->vault->issued, q->request.ids[i].serial, &x);
		if (failed(e) && !err_is(e, ERR_ABSENT))
			return e;
		answers[i] = (struct cert_ocsp_answer){ .status = x == NULL ? CERT_OCSP_UNKNOWN : x->is_revoked ? CERT_OCSP_REVOKED : CERT_OCSP_GOOD };
		if (x != NULL && x->is_revoked) {
			answers[i].when = x->revoked.when;
			answers[i].reason = x->revoked.reason;
		}
		q->is_known = q->is_known && x != NULL;
	}
	return OK;
}

static err build(struct question *q, struct diag *d)
{
	struct vault *v = q->vault;
	struct cert_ocsp_answer answers[CERT_OCSP_IDS];
	TRY(find_answers(q, answers));
	buf_reset(&q->tbs);
	q->generation = v->ocsp.generation;
	q->now = (int64_t)(vault_unix_ms() / 1000);
	q->next = q->now + GOOD_SECONDS;
	if (q->next > vault_authority_ends(v))
		q->next = vault_authority_ends(v);
	return cert_tbs_ocsp(&q->request, answers, vault_authority_der(v), q->now, q->next, &q->tbs, &q->alg, d);
}

static bool is_ours(const struct vault *v, const struct cert_ocsp_request *r)
{
	/* a root that is its own issuing authority was not made for answers: its certificate does not say that it signs any */
	if (v->authority == NULL || vault_authority_chain(v).n == 0)
		return false;
	for (size_t i = 0; i < r->n; i++)
		if (!cert_ocsp_is_of(&r->ids[i], vault_authority_der(v)))
			return false;
	return true;
}

static void on_signed(void *arg, err e, const struct diag *d, str signature);

static err begin(struct question *q, struct diag *d)
{
	struct vault *v = q->vault;
	TRY(vault_authority_check(v, d));
	ENSURE(q->generation == v->ocsp.generation || is_ours(v, &q->request), BUSY);
	TRY(build(q, d));
	return vault_key_sign(v, vault_authority_key(v), buf_str(&q->tbs), &(struct key_door){ on_signed, q }, d);
}

/* Those that wait, as long as keeper has little to do for us. */
static void go_on(struct vault *v)
{
	LIST_EACH (it, &v->ocsp.questions) {
		struct question *q = LIST_OF(it, struct question, node);
		struct diag d = { 0 };
		if (v->ocsp.n_at_keeper >= AT_KEEPER_MOST)
			return;
		if (q->at_keeper)
			continue;
		q->at_keeper = true;
		v->ocsp.n_at_keeper++;
		err e = begin(q, &d);
		if (failed(e))
			give_up(q, e, &d);
	}
}

/* What was revoked while keeper signed must not be called good: then it is built again. */
static void on_signed(void *arg, err e, const struct diag *d, str signature)
{
	struct question *q = arg;
	struct vault *v = q->vault;
	struct diag why = *d;
	if (!failed(e) && q->generation != v->ocsp.generation) {
		e = ++q->tries < TRIES ? begin(q, &why) : ERR(BUSY);
		if (!failed(e))
			return;
	} else if (!failed(e)) {
		e = tell_signed(q, signature);
	}
	if (failed(e))
		give_up(q, e, &why);
	else
		question_free(q);
	go_on(v);
}

/* ---- what comes ---- */

static bool has_room(struct vault *v)
{
	struct vault_ocsp *o = &v->ocsp;
	uint64_t second = loop_now(v->skel->loop) / 1000;
	if (o->second != second) {
		o->second = second;
		o->n_in_second = 0;
	}
	return o->n < WAITING_MOST && o->n_in_second < PER_SECOND;
}

static err question_new(struct vault *v, uint64_t id, str der, struct question **out)
{
	struct question *q = calloc(1, sizeof *q);
	ENSURE(q != NULL, NO_MEMORY);
	*q = (struct question){ .vault = v, .id = id, .generation = v->ocsp.generation };
	buf_init(&q->bytes, CERT_OCSP_REQUEST_MAX);
	buf_init(&q->tbs, CERT_OCSP_MAX);
	buf_add(&q->bytes, der);
	err e = q->bytes.failed ? ERR(NO_MEMORY) : cert_ocsp_read(buf_str(&q->bytes), &q->request, NULL);
	if (failed(e)) {
		buf_fini(&q->bytes);
		free(q);
		return e;
	}
	list_add(&v->ocsp.questions, &q->node);
	v->ocsp.n++;
	*out = q;
	return OK;
}

void vault_ocsp_ask(struct vault *v, uint64_t id, str der)
{
	struct question *q;
	if (!has_room(v)) {
		refuse(v, id, TRY_LATER);
		return;
	}
	v->ocsp.n_in_second++;
	err e = question_new(v, id, der, &q);
	if (failed(e)) {
		refuse(v, id, err_is(e, ERR_NO_MEMORY) ? TRY_LATER : MALFORMED_REQUEST);
	} else if (!is_ours(v, &q->request)) {
		refuse(v, id, UNAUTHORIZED);
		question_free(q);
	} else {
		go_on(v);
	}
}

void vault_ocsp_forget(struct vault *v)
{
	LIST_EACH (it, &v->ocsp.questions)
		LIST_OF(it, struct question, node)->id = 0;
}

void vault_ocsp_changed(struct vault *v)
{
	struct ipc *to = vault_web_channel(v);
	v->ocsp.generation++;
	if (to != NULL)
		(void)failed(ipc_send_ocsp_forget(to, &(struct ipc_ocsp_forget){ 0 }, -1));
}
