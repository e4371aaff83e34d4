/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/stage.h"

#include "base/enc.h"
#include "base/map.h"
#include "wire/sipae.h"

#define ANSWER_CEILING (256u << 10)

void stage_run(const struct stage *stages, void *const *states, size_t from, struct request *r)
{
	for (size_t i = from; stages[i].fn != NULL; i++) {
		enum stage_verdict v = STAGE_NEXT;
		if ((stages[i].methods & 1u << r->in->msg.method) == 0)
			continue;
		err e = stages[i].fn(states[i], r, &v);
		if (failed(e)) {
			request_fail(r, e, stages[i].name);
			return;
		}
		if (v != STAGE_NEXT)
			return;
	}
	request_reply(r, r->in->msg.method == SIP_METHOD_OTHER ? 501 : 405, STR(""));
}

/* A tag that needs no memory: a keyed hash of the dialog's beginning (8.2.7: the same for each retransmission). */
static void make_tag(const struct request *r, char out[20])
{
	const struct sip_msg *m = &r->in->msg;
	uint64_t h = siphash(r->answers->tag_k0, r->answers->tag_k1, m->call_id);
	h = siphash(r->answers->tag_k0 ^ h, r->answers->tag_k1, m->from_tag);
	memcpy(out, "wtag", 4);
	enc_hex(&h, sizeof h, out + 4);
}

bool request_is_our_tag(const struct request *r)
{
	char tag[20];
	make_tag(r, tag);
	return str_eq(r->in->msg.to_tag, (str){ tag, sizeof tag });
}

void request_answer(struct request *r, struct sip_out *o, unsigned status, str reason)
{
	char tag[20];
	make_tag(r, tag);
	str kept = arena_copy(&r->in->arena, (str){ tag, sizeof tag });
	sip_out_reply(o, &r->in->arena, &r->in->msg, status, reason, kept, r->in->via_params);
	if (kept.p == NULL)
		o->failed = true;
}

void request_send(struct request *r, const struct sip_out *o, unsigned status)
{
	if (r->in->msg.method == SIP_METHOD_ACK)
		return;
	if (r->txn != NULL) {
		txn_reply(r->txn, o, status);
		return;
	}
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, ANSWER_CEILING);
	if (!failed(sip_out_print(o, &b)))
		(void)failed(r->answers->send(r->answers->arg, &r->in->flow, r->in->request, buf_str(&b)));
}

void request_reply(struct request *r, unsigned status, str reason)
{
	struct sip_out o;
	request_answer(r, &o, status, reason);
	request_send(r, &o, status);
}

static unsigned diagnostics_number(const struct err_def *def)
{
	static const struct {
		const struct err_def *def;
		unsigned number;
	} rows[] = {
#define DIAGNOSTICS(name, number) { &err_defs[ERR_##name], number },
#include "engine/stage/stage_diagnostics.def"
#undef DIAGNOSTICS
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].def == def)
			return rows[i].number;
	return 2;
}

static void add_diagnostics(const struct request *r, struct sip_out *o, const struct err_def *def, str text)
{
	if (!sipae_is_client(&r->in->msg))
		return;
	struct buf b DEFER(buf_fini) = { 0 };
	struct flow_place here = { .host = r->answers->fqdn };
	if (flow_is_outside(&r->in->flow))
		flow_place_find(&r->in->flow, r->answers->ways, r->answers->fqdn, 0, &here);
	buf_init(&b, 1024);
	buf_printf(&b, "%u;reason=\"%.*s\";source=\"%.*s\"", diagnostics_number(def), STR_FMT(text), STR_FMT(here.host));
	str value = arena_copy(o->arena, buf_str(&b));
	if (!b.failed && value.p != NULL)
		sip_out_add_other(o, STR("ms-diagnostics"), value);
}

/* The first row that is answered so; NULL: none. */
static const struct err_def *find_row(unsigned status)
{
	for (size_t i = 0; i < ERR_N; i++)
		if (err_defs[i].sip == status)
			return &err_defs[i];
	return NULL;
}

void request_add_diagnostics(const struct request *r, struct sip_out *o, unsigned status)
{
	add_diagnostics(r, o, find_row(status), sip_reason(status));
}

static void answer_error(struct request *r, struct sip_out *o, unsigned status, const struct err_def *def, str text, const char *where)
{
	char peer[ADDR_TEXT];
	bool ours = status >= 500;
	meter_add(r->answers->meter, ours ? METER_SIP_FAILED : METER_SIP_REFUSED, 1);
	const struct log_field fields[] = {
		LOG_REQ(r->in->request), LOG_Z("stage", where), LOG_Z("error", def != NULL ? def->name : "SIP"), LOG_STR("why", text), LOG_INT("status", status),
		LOG_STR("method", r->in->msg.method_name), LOG_STR("uri", r->in->msg.request_uri), LOG_STR("from", r->aor),
		LOG_Z("peer", addr_print(&r->in->peer, peer)), { .key = NULL },
	};
	log_write(r->answers->log, ours ? EV_REQUEST_FAILED : EV_REQUEST_REFUSED, fields);
	request_answer(r, o, status, STR(""));
	add_diagnostics(r, o, def, text);
}

unsigned request_answer_error(struct request *r, struct sip_out *o, err why, const char *where)
{
	unsigned status = why.def->sip != 0 ? why.def->sip : 500;
	answer_error(r, o, status, why.def, str_of(why.def->text), where);
	return status;
}

void request_fail(struct request *r, err why, const char *where)
{
	struct sip_out o;
	unsigned status = request_answer_error(r, &o, why, where);
	request_send(r, &o, status);
}

void request_refuse(struct request *r, unsigned status, const char *where)
{
	struct sip_out o;
	answer_error(r, &o, status, find_row(status), sip_reason(status), where);
	request_send(r, &o, status);
}
