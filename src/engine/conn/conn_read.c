/* SPDX-License-Identifier: Apache-2.0 */
/* From bytes to messages: framing, parsing, and the answer to what is not well-formed. */
#include "engine/conn/conn_priv.h"

#include <stdlib.h>

#define ARENA_FIRST   4096u /* what an ordinary message needs for its rows and its answer, in the same allocation */
#define ARENA_CEILING (512u << 10)
#define HEAD_MAX      8192u /* of a header that does not end */

struct inbound *inbound_ref(struct inbound *in)
{
	in->refs++;
	return in;
}

void inbound_unref(struct inbound *in)
{
	if (in == NULL || --in->refs != 0)
		return;
	arena_fini(&in->arena);
	free(in);
}

/* One allocation: the struct, the bytes, and the first part of the arena. */
static struct inbound *inbound_alloc(str bytes, str *copy)
{
	struct inbound *in = malloc(sizeof *in + bytes.n + ARENA_FIRST);
	if (in == NULL)
		return NULL;
	memset(in, 0, sizeof *in);
	char *p = (char *)(in + 1);
	memcpy(p, bytes.p, bytes.n);
	*copy = (str){ p, bytes.n };
	arena_init_with(&in->arena, p + bytes.n, ARENA_FIRST, ARENA_CEILING + ARENA_FIRST);
	in->refs = 1;
	return in;
}

err inbound_new(str bytes, const struct sip_limits *limits, struct inbound **out, struct diag *d)
{
	str copy;
	*out = NULL;
	struct inbound *in = inbound_alloc(bytes, &copy);
	ENSURE(in != NULL, NO_MEMORY);
	err e = sip_msg_parse(&in->msg, copy, &in->arena, limits, d);
	if (failed(e) && !in->msg.answerable) {
		inbound_unref(in);
		return e;
	}
	*out = in;
	return e;
}

void inbound_set_source(struct inbound *in, const struct flow *flow, const struct addr *peer, bool secure, uint64_t request)
{
	char host[ADDR_TEXT];
	in->flow = *flow;
	in->peer = *peer;
	in->secure = secure;
	in->request = request;
	if (!in->msg.is_request)
		return;
	str port = in->msg.via.has_rport ? arena_decimal(&in->arena, peer->port) : STR("");
	const str parts[] = { STR(";received="), str_of(addr_print(peer, host)), port.n != 0 ? STR(";rport=") : STR(""), port };
	in->via_params = arena_join(&in->arena, parts, sizeof parts / sizeof parts[0]);
}

static void fill(struct conn *c, struct inbound *in)
{
	struct flow f = conn_flow(c);
	/* spreads over all 64 bits; never the same twice in a process */
	inbound_set_source(in, &f, &c->peer, c->secure, c->set->next_request += 0x9e3779b97f4a7c15u);
}

static void answer(struct conn *c, struct inbound *in, err why, const struct diag *d)
{
	struct sip_out o;
	struct buf b DEFER(buf_fini) = { 0 };
	struct flow f = conn_flow(c);
	if (!in->msg.is_request || in->msg.method == SIP_METHOD_ACK)
		return;
	fill(c, in);
	buf_init(&b, 65536);
	sip_out_reply(&o, &in->arena, &in->msg, why.def->sip, STR(""), STR("malformed"), in->via_params);
	if (d->what[0] != '\0' && why.def->sip == 400)
		sip_out_addf(&o, SIP_HDR_WARNING, "399 witan \"%.60s: %.120s\"", d->where, d->what);
	if (!failed(sip_out_print(&o, &b)))
		(void)failed(conn_send(c->set, &f, buf_str(&b)));
}

static void refuse(struct conn *c, struct inbound *in, err why, const struct diag *d)
{
	struct conns *s = c->set;
	char text[ADDR_TEXT];
	bool large = why.def->sip == 513 || why.def->sip == 413;
	meter_add(s->c.meter, large ? METER_SIP_TOO_LARGE : METER_SIP_MALFORMED, 1);
	LOG(s->c.log, MESSAGE_MALFORMED, LOG_Z("peer", addr_print(&c->peer, text)), LOG_ERR(why), LOG_Z("where", d->where),
		LOG_Z("why", d->what));
	if (in != NULL)
		answer(c, in, why, d);
}

static void deliver(struct conn *c, str bytes)
{
	struct conns *s = c->set;
	struct diag d = { 0 };
	struct inbound *in;
	err e = inbound_new(bytes, &s->c.limits.sip, &in, &d);
	if (failed(e)) {
		refuse(c, in, e, &d);
		inbound_unref(in);
		return;
	}
	fill(c, in);
	meter_add(s->c.meter, in->msg.is_request ? METER_SIP_REQUESTS : METER_SIP_RESPONSES, 1);
	s->c.door.on_message(s->c.arg, c, in);
	inbound_unref(in);
}

/* The whole header; of one that is too long to have an end, the lines it begins with, where those that an answer needs stand. */
static void head_of(const struct conn *c, str bytes, struct buf *out)
{
	size_t n = c->frame.header_length;
	if (n != 0) {
		buf_add(out, str_cut(bytes, 0, n));
		return;
	}
	for (n = bytes.n < HEAD_MAX ? bytes.n : HEAD_MAX; n != 0 && bytes.p[n - 1] != '\n'; n--)
		continue;
	buf_add(out, str_cut(bytes, 0, n));
	buf_add(out, STR("\r\n"));
}

/* The stream cannot be followed any more (18.3): what can be answered is answered, then the connection ends. */
static void lost(struct conn *c, str bytes, err why)
{
	struct diag d = { 0 };
	struct inbound *in = NULL;
	struct buf head DEFER(buf_fini) = { 0 };
	buf_init(&head, c->set->c.limits.sip.message + 4096u);
	head_of(c, bytes, &head);
	if (!head.failed && (c->frame.header_length != 0 || err_is(why, ERR_SIP_TOO_LARGE))) {
		err e = inbound_new(buf_str(&head), &c->set->c.limits.sip, &in, &d);
		(void)failed(e);
	}
	if (d.what[0] == '\0' || c->frame.header_length == 0)
		(void)failed(diag_fail(&d, why, "Content-Length", "", "%s", why.def->text));
	refuse(c, in, why, &d);
	inbound_unref(in);
	if (c->state != CONN_UP)
		return;
	if (c->out.n == 0) {
		conn_close(c, "the stream cannot be followed");
		return;
	}
	c->state = CONN_FLUSHING;
	conn_deadline(c, LATE_READER, c->set->c.limits.message_ms);
}

/*
 * Between messages: CRLF is ignored (RFC 3261 7.5), two of them are a ping and answered by one (RFC 5626 4.4.1). They may
 * come in as many pieces as the peer likes.
 */
static size_t take_crlf(struct conn *c, str bytes)
{
	size_t n = 0;
	struct flow f = conn_flow(c);
	while (bytes.n - n >= 2 && bytes.p[n] == '\r' && bytes.p[n + 1] == '\n') {
		n += 2;
		c->half_ping = !c->half_ping;
		if (c->half_ping)
			continue;
		meter_add(c->set->c.meter, METER_SIP_PINGS, 1);
		if (failed(conn_send(c->set, &f, STR("\r\n"))))
			return n;
	}
	if (n < bytes.n && bytes.p[n] != '\r')
		c->half_ping = false;
	return n;
}

/* Takes whole messages off the front; answers how many bytes they were. */
static size_t take_messages(struct conn *c, str bytes)
{
	size_t done = 0;
	while (c->state == CONN_UP && done < bytes.n) {
		str left = str_cut(bytes, done, bytes.n);
		if (c->frame.scanned == 0) {
			done += take_crlf(c, left);
			left = str_cut(bytes, done, bytes.n);
			if (left.n == 0 || str_eq(left, STR("\r")))
				break;
		}
		err e = sip_frame_find(&c->frame, left, &c->set->c.limits.sip);
		if (err_is(e, ERR_INCOMPLETE))
			break;
		if (failed(e)) {
			lost(c, left, e);
			break;
		}
		uint32_t length = c->frame.length;
		c->frame = (struct sip_frame){ 0 };
		deliver(c, str_cut(left, 0, length));
		done += length;
	}
	return done;
}

void conn_take(struct conn *c, str bytes)
{
	struct conns *s = c->set;
	bool had = c->in.n != 0;
	if (c->trusted && c->late == LATE_IDLE)
		conn_deadline(c, LATE_IDLE, s->c.limits.idle_ms);
	if (had) {
		buf_add(&c->in, bytes);
		if (c->in.failed) {
			conn_close(c, "a message is larger than its ceiling");
			return;
		}
		bytes = buf_str(&c->in);
	}
	size_t done = take_messages(c, bytes);
	if (c->state != CONN_UP)
		return;
	if (done == bytes.n) {
		if (had)
			buf_fini(&c->in);
		if (c->late == LATE_MESSAGE)
			conn_deadline(c, c->trusted ? LATE_IDLE : LATE_UNAUTHENTICATED,
				c->trusted ? s->c.limits.idle_ms : s->c.limits.unauthenticated_ms);
		return;
	}
	if (had)
		buf_drop(&c->in, done);
	else
		buf_add(&c->in, str_cut(bytes, done, bytes.n));
	/* only a trusted peer's message has a clock of its own: for others the one that runs is the shorter */
	if (c->trusted && c->late != LATE_READER && (c->late != LATE_MESSAGE || done != 0))
		conn_deadline(c, LATE_MESSAGE, s->c.limits.message_ms);
}
