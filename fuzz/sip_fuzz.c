/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a SIP message: read, walked, answered, printed and read again; and found in a stream that comes in
 * pieces. */
#include <stdlib.h>

#include "wire/sip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static const struct sip_limits wide = { .message = 1u << 20, .header = 1u << 19, .body = 1u << 20, .fields = 4096 };

static void check_inside(str outer, str s)
{
	CHECK(s.n == 0 || (s.p >= outer.p && s.p + s.n <= outer.p + outer.n));
}

static void walk_params(str params)
{
	str name, value;
	while (sip_next_param(&params, &name, &value)) {
		unsigned q;
		(void)sip_qvalue(value, &q);
	}
}

static void walk_value(str value, struct arena *a)
{
	struct sip_addr addr;
	struct sip_via via;
	if (!failed(sip_addr_parse(value, &addr, NULL))) {
		(void)sip_unquote(addr.display, a);
		walk_params(addr.params);
		check_inside(value, addr.uri.raw);
		check_inside(value, addr.params);
	}
	if (!failed(sip_via_parse(value, &via, NULL))) {
		walk_params(via.params);
		check_inside(value, via.host);
		check_inside(value, via.branch);
	}
}

static void walk(const struct sip_msg *m, struct arena *a)
{
	for (unsigned id = 0; id < SIP_HDR_N; id++) {
		struct sip_walk w = { 0 };
		str value;
		uint32_t seconds;
		(void)sip_hdr_seconds(m, (enum sip_hdr_id)id, &seconds);
		while (sip_walk_next(m, (enum sip_hdr_id)id, &w, &value)) {
			check_inside(m->raw, value);
			walk_value(value, a);
		}
	}
}

static void compare(const struct sip_msg *m, const struct sip_msg *n)
{
	CHECK(n->n_hdrs == m->n_hdrs + (m->first[SIP_HDR_CONTENT_LENGTH] == 0) ||
		m->first[SIP_HDR_CONTENT_LENGTH] != 0);
	CHECK(n->is_request == m->is_request && n->method == m->method && n->status == m->status && n->cseq == m->cseq);
	CHECK(n->max_forwards == m->max_forwards && n->has_max_forwards == m->has_max_forwards);
	CHECK(str_eq(n->body, m->body) && str_eq(n->call_id, m->call_id) && str_eq(n->via.raw, m->via.raw));
	CHECK(str_eq(n->from.raw, m->from.raw) && str_eq(n->to.raw, m->to.raw) &&
		str_eq(n->request_uri, m->request_uri));
	for (unsigned id = 1; id < SIP_HDR_N; id++) {
		const struct sip_hdr *x = sip_hdr_first(m, (enum sip_hdr_id)id),
				     *y = sip_hdr_first(n, (enum sip_hdr_id)id);
		for (; id != SIP_HDR_CONTENT_LENGTH && x != NULL; x = sip_hdr_next(m, x), y = sip_hdr_next(n, y))
			CHECK(y != NULL && str_eq(x->value, y->value));
		CHECK(id == SIP_HDR_CONTENT_LENGTH || y == NULL);
	}
}

static void print_again(const struct sip_msg *m, struct arena *a)
{
	struct sip_out o;
	struct sip_msg again;
	struct buf b;
	buf_init(&b, 1u << 20);
	sip_out_from(&o, a, m, str_cut(m->raw, 0, str_find_char(m->raw, '\r')));
	CHECK(!failed(sip_out_print(&o, &b)));
	CHECK(!failed(sip_msg_parse(&again, buf_str(&b), a, &wide, NULL)));
	compare(m, &again);
	struct sip_frame f = { 0 };
	CHECK(!failed(sip_frame_find(&f, buf_str(&b), &wide)) && f.length == b.n);
	buf_fini(&b);
}

static void change(const struct sip_msg *m, struct arena *a)
{
	struct sip_out o;
	struct sip_msg again;
	struct buf b;
	buf_init(&b, 1u << 20);
	sip_out_from(&o, a, m, STR("MESSAGE sip:a@example.com SIP/2.0"));
	sip_out_remove_top(&o, SIP_HDR_ROUTE);
	sip_out_replace_top(&o, SIP_HDR_VIA, STR("SIP/2.0/TLS x.example.com"));
	sip_out_add_top(&o, SIP_HDR_VIA, STR("SIP/2.0/TLS y.example.com;branch=z9hG4bKy"));
	sip_out_set(&o, SIP_HDR_CSEQ, STR("1 MESSAGE"));
	sip_out_remove(&o, SIP_HDR_P_ASSERTED_IDENTITY);
	CHECK(!failed(sip_out_print(&o, &b)));
	CHECK(!failed(sip_msg_parse(&again, buf_str(&b), a, &wide, NULL)));
	CHECK(str_eq(again.via.branch, STR("z9hG4bKy")) && again.method == SIP_METHOD_MESSAGE);
	buf_fini(&b);
}

/* A response to a well-formed request is a well-formed response. */
static void reply(const struct sip_msg *m, bool good, struct arena *a)
{
	struct sip_out o;
	struct sip_msg again;
	struct buf b;
	buf_init(&b, 1u << 20);
	sip_out_reply(&o, a, m, 480, STR(""), STR("tag"), STR(";received=192.0.2.1;rport=5061"));
	err e = sip_out_print(&o, &b);
	CHECK(!good || !failed(e));
	if (good) {
		CHECK(!failed(sip_msg_parse(&again, buf_str(&b), a, &wide, NULL)));
		CHECK(again.status == 480 && str_eq(again.call_id, m->call_id) && str_eq(again.from.raw, m->from.raw));
		CHECK(str_eq(again.via.received, STR("192.0.2.1")) && str_eq(again.via.branch, m->via.branch));
		CHECK(str_eq(again.to_tag, m->to_tag.n != 0 ? m->to_tag : STR("tag")));
	}
	buf_fini(&b);
}

/* However the stream is cut, the frame ends at the same byte with the same answer. */
static void frames(str raw)
{
	struct sip_frame whole = { 0 }, f = { 0 };
	err e = sip_frame_find(&whole, raw, NULL), piece = ERR(INCOMPLETE);
	size_t step = raw.n < 600 ? 1 : 1 + raw.n / 97;
	for (size_t n = 0; n <= raw.n && err_is(piece, ERR_INCOMPLETE);
		n += n + step > raw.n && n != raw.n ? raw.n - n : step)
		piece = sip_frame_find(&f, str_cut(raw, 0, n), NULL);
	CHECK(piece.def == e.def);
	CHECK(f.header_length == whole.header_length && f.length == whole.length);
	CHECK(failed(e) || whole.length <= raw.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	str raw = { (const char *)data, size };
	struct sip_msg m;
	struct arena a;
	struct diag d = { 0 };
	arena_init(&a, 1u << 22);
	frames(raw);
	err e = sip_msg_parse(&m, raw, &a, NULL, &d);
	check_inside(raw, m.raw);
	walk(&m, &a);
	if (failed(e)) {
		CHECK(d.where[0] != '\0' && d.what[0] != '\0');
	} else {
		(void)sip_msg_check(&m, &d);
		print_again(&m, &a);
		if (m.is_request)
			change(&m, &a);
	}
	if (m.answerable)
		reply(&m, !failed(e), &a);
	arena_fini(&a);
	return 0;
}
