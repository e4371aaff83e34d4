/* SPDX-License-Identifier: Apache-2.0 */
/* load_peer - the users of a load run: how each mode registers, writes, calls and answers. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CONNECTING_MAX = 64, TRIES_MAX = 3, STARTS_MAX = 64 /* in one turn: each is to say hello soon, as if it were alone */ };

uint64_t load_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- what is counted ---- */

static size_t histogram_slot(uint64_t us)
{
	if (us < 32)
		return us;
	unsigned octave = 63u - (unsigned)__builtin_clzll(us);
	return (size_t)(octave - 4) * 32 + (us >> (octave - 5)) - 32;
}

static void count_op(struct load *l, const struct peer *p)
{
	uint64_t ns = l->now_ns > p->began_ns ? l->now_ns - p->began_ns : 0;
	if (!l->measuring)
		return;
	l->tally.ops++;
	l->tally.histogram[histogram_slot(ns / 1000)]++;
	if (ns > l->tally.longest_ns)
		l->tally.longest_ns = ns;
}

static void count_error(struct load *l, uint64_t *kind)
{
	if (l->measuring || l->mode == MODE_IDLE)
		(*kind)++;
}

/* ---- requests ---- */

/* An address of record: "u7@bench.test". */
static str aor_of(const struct load *l, const struct peer *p, char out[256])
{
	snprintf(out, 256, "%s%u@%s", l->prefix, p->user, l->domain);
	return str_of(out);
}

static void print_contact(const struct load *l, const struct peer *p, struct buf *b)
{
	if (l->mode == MODE_NTLM) {
		buf_printf(b, "Contact: <sip:%s:%u;transport=tls;ms-opaque=%08x>;methods=\"INVITE, MESSAGE, BENOTIFY\";proxy=replace;", p->link.ip, p->link.port, p->user);
		buf_printf(b, "+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-%012x>\"\r\n", p->user);
		return;
	}
	buf_printf(b, "Contact: <sip:%s%u@%s:%u;transport=tls>", l->prefix, p->user, p->link.ip, p->link.port);
	if (l->outbound)
		buf_printf(b, ";reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-%012x>\"", p->user);
	buf_add(b, STR("\r\n"));
}

/* Everything of a request up to the fields that only some have. branch: one letter that tells transactions of a CSeq
 * apart. */
static void print_head(const struct load *l, struct peer *p, str method, str uri, str to, char branch)
{
	struct buf *b = &p->link.out;
	char aor[256];
	aor_of(l, p, aor);
	buf_printf(b,
		"%.*s %.*s SIP/2.0\r\nVia: SIP/2.0/TLS %s:%u;branch=z9hG4bK%llx%c%u;rport\r\nMax-Forwards: 70\r\n",
		STR_FMT(method), STR_FMT(uri), p->link.ip, p->link.port, (unsigned long long)p->serial, branch,
		p->cseq);
	buf_printf(b, "From: <sip:%s>;tag=f%llx", aor, (unsigned long long)p->serial);
	if (l->mode == MODE_NTLM)
		buf_printf(b, ";epid=%08x", p->user);
	buf_printf(b, "\r\nTo: %.*s\r\nCall-ID: %llx@%s\r\nCSeq: %u %.*s\r\n", STR_FMT(to), (unsigned long long)p->serial, p->link.ip, p->cseq,
		STR_FMT(method));
}

static void print_credentials(const struct load *l, struct peer *p, str method, str uri)
{
	char user[64];
	snprintf(user, sizeof user, "%s%u", l->prefix, p->user);
	if (p->www.text != NULL)
		auth_print(&p->www, &p->link.out, l->crypt, false, str_of(user), str_of(l->password), method, uri);
	if (p->proxy.text != NULL)
		auth_print(&p->proxy, &p->link.out, l->crypt, true, str_of(user), str_of(l->password), method, uri);
}

static void print_body(struct peer *p, const char *type, str body)
{
	buf_printf(&p->link.out, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, body.n);
	buf_add(&p->link.out, body);
}

/* The texts of a REGISTER of p and of its answer that are signed. */
struct signed_text {
	char uri[300], call_id[64], cseq[16], tag[32];
	struct ntlm_fields fields;
};

static void signed_text(const struct load *l, const struct peer *p, struct signed_text *t)
{
	char aor[256];
	snprintf(t->uri, sizeof t->uri, "sip:%s", aor_of(l, p, aor).p);
	snprintf(t->call_id, sizeof t->call_id, "%llx@%s", (unsigned long long)p->serial, p->link.ip);
	snprintf(t->cseq, sizeof t->cseq, "%u", p->cseq);
	snprintf(t->tag, sizeof t->tag, "f%llx", (unsigned long long)p->serial);
	t->fields = (struct ntlm_fields){ .call_id = str_of(t->call_id), .cseq = str_of(t->cseq), .from = str_of(t->uri), .from_tag = str_of(t->tag), .to = str_of(t->uri),
		.to_tag = STR(""), .expires = STR("3600") };
}

static void print_ntlm(struct load *l, struct peer *p)
{
	struct signed_text t;
	signed_text(l, p, &t);
	if (!ntlm_print(&p->ntlm, l->crypt, &t.fields, &p->link.out))
		p->link.out.failed = true;
}

/* The 200 is signed, or the client would not go on. */
static bool is_signed(struct load *l, struct peer *p, const struct msg *m)
{
	struct signed_text t;
	str tag;
	signed_text(l, p, &t);
	const char *at = memmem(m->to.p, m->to.n, ";tag=", 5);
	tag = at != NULL ? (str){ at + 5, (size_t)(m->to.p + m->to.n - at - 5) } : STR("");
	t.fields.to_tag = str_split(tag, ';', &tag);
	t.fields.expires = m->expires;
	t.fields.status = m->status;
	return ntlm_is_signed(&p->ntlm, l->crypt, m->info, &t.fields);
}

static void send_register(struct load *l, struct peer *p)
{
	char aor[256], to[300], uri[200];
	snprintf(to, sizeof to, "<sip:%s>", aor_of(l, p, aor).p);
	snprintf(uri, sizeof uri, "sip:%s", l->domain);
	print_head(l, p, STR("REGISTER"), str_of(uri), str_of(to), 'r');
	print_contact(l, p, &p->link.out);
	buf_printf(&p->link.out, "Expires: 3600\r\n%s", l->outbound ? "Supported: path, outbound\r\n" : "");
	if (l->mode == MODE_NTLM)
		print_ntlm(l, p);
	else
		print_credentials(l, p, STR("REGISTER"), str_of(uri));
	buf_add(&p->link.out, STR("Content-Length: 0\r\n\r\n"));
	p->step = STEP_REGISTER;
}

static void send_message(struct load *l, struct peer *p)
{
	static char filler[4096];
	char aor[256], uri[300], to[310];
	if (filler[0] == '\0')
		memset(filler, 'x', sizeof filler);
	snprintf(uri, sizeof uri, "sip:%s", aor_of(l, p->other, aor).p);
	snprintf(to, sizeof to, "<%s>", uri);
	print_head(l, p, STR("MESSAGE"), str_of(uri), str_of(to), 'm');
	print_credentials(l, p, STR("MESSAGE"), str_of(uri));
	print_body(p, "text/plain", (str){ filler, l->body < sizeof filler ? l->body : sizeof filler });
	p->step = STEP_MESSAGE;
}

static void sdp_of(const struct peer *p, struct buf *b)
{
	buf_printf(b,
		"v=0\r\no=- %u 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %u RTP/AVP 0 8 101\r\n"
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n",
		p->user + 1, p->link.ip, p->link.ip, 20000 + p->user % 20000);
}

static void send_invite(struct load *l, struct peer *p)
{
	char aor[256], uri[300], to[310];
	struct buf sdp DEFER(buf_fini) = { 0 };
	buf_init(&sdp, 4096);
	snprintf(uri, sizeof uri, "sip:%s", aor_of(l, p->other, aor).p);
	snprintf(to, sizeof to, "<%s>", uri);
	print_head(l, p, STR("INVITE"), str_of(uri), str_of(to), 'i');
	print_contact(l, p, &p->link.out);
	print_credentials(l, p, STR("INVITE"), str_of(uri));
	sdp_of(p, &sdp);
	print_body(p, "application/sdp", buf_str(&sdp));
	p->step = STEP_INVITE;
}

/* ACK of a 2xx and BYE: within the dialog. */
static void send_in_dialog(struct load *l, struct peer *p, str method, char branch)
{
	print_head(l, p, method, str_of(p->target), str_of(p->to), branch);
	buf_add(&p->link.out, str_of(p->routes));
	if (branch == 'b')
		print_credentials(l, p, method, str_of(p->target));
	buf_add(&p->link.out, STR("Content-Length: 0\r\n\r\n"));
}

static void send_bye(struct load *l, struct peer *p)
{
	send_in_dialog(l, p, STR("BYE"), 'b');
	p->step = STEP_BYE;
}

/* ACK of a final answer that was not 2xx (RFC 3261 17.1.1.3): the INVITE's own branch. */
static void ack_refusal(struct load *l, struct peer *p, const struct msg *m)
{
	char aor[256], uri[300];
	snprintf(uri, sizeof uri, "sip:%s", aor_of(l, p->other, aor).p);
	print_head(l, p, STR("ACK"), str_of(uri), m->to, 'i');
	buf_add(&p->link.out, STR("Content-Length: 0\r\n\r\n"));
}

/* ---- presence: the first user publishes, all others watch him ---- */

static str publisher_of(const struct load *l, char out[300])
{
	char aor[256];
	snprintf(out, 300, "sip:%s", aor_of(l, &l->peers[0], aor).p);
	return str_of(out);
}

static void send_subscribe(struct load *l, struct peer *p)
{
	char uri[300], to[310];
	snprintf(to, sizeof to, "<%s>", publisher_of(l, uri).p);
	print_head(l, p, STR("SUBSCRIBE"), str_of(uri), str_of(to), 's');
	print_contact(l, p, &p->link.out);
	print_credentials(l, p, STR("SUBSCRIBE"), str_of(uri));
	buf_add(&p->link.out, STR("Event: presence\r\nAccept: application/pidf+xml\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"));
	p->step = STEP_SUBSCRIBE;
}

/* Batch SUBSCRIBE of the Lync dialect ([MS-PRES] 3.2) to those who come after p in a circle. */
static void send_list(struct load *l, struct peer *p)
{
	struct buf body DEFER(buf_fini) = { 0 };
	char aor[256], uri[300], to[310];
	buf_init(&body, 1 << 20);
	snprintf(uri, sizeof uri, "sip:%s", aor_of(l, p, aor).p);
	snprintf(to, sizeof to, "<%s>", uri);
	buf_printf(&body, "<batchSub xmlns=\"http://schemas.microsoft.com/2006/01/sip/batch-subscribe\" uri=\"%s\"><action name=\"subscribe\" id=\"1\"><adhocList>", uri);
	for (unsigned i = 1; i <= l->contacts; i++) {
		const struct peer *other = &l->peers[((size_t)(p - l->peers) + i) % l->n_peers];
		buf_printf(&body, "<resource uri=\"sip:%s\"/>", aor_of(l, other, aor).p);
	}
	buf_add(&body, STR("</adhocList><categoryList xmlns=\"http://schemas.microsoft.com/2006/09/sip/categorylist\"><category name=\"calendarData\"/>"
			   "<category name=\"contactCard\"/><category name=\"note\"/><category name=\"state\"/></categoryList></action></batchSub>"));
	p->cseq++;
	p->tries = 0;
	p->began_ns = load_clock();
	print_head(l, p, STR("SUBSCRIBE"), str_of(uri), str_of(to), 's');
	print_contact(l, p, &p->link.out);
	print_credentials(l, p, STR("SUBSCRIBE"), str_of(uri));
	buf_add(&p->link.out, STR("Event: presence\r\nAccept: application/msrtc-event-categories+xml, application/rlmi+xml, multipart/related\r\n"
				  "Supported: com.microsoft.autoextend, ms-benotify, ms-piggyback-first-notify, eventlist\r\n"
				  "Require: adhoclist, categoryList\r\nExpires: 3600\r\n"));
	print_body(p, "application/msrtc-adrl-categorylist+xml", buf_str(&body));
	p->step = STEP_SUBSCRIBE;
}

static void send_publish(struct load *l, struct peer *p)
{
	char uri[300], to[310], body[800];
	snprintf(to, sizeof to, "<%s>", publisher_of(l, uri).p);
	int n = snprintf(body, sizeof body,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"%s\"><tuple id=\"t\">"
		"<status><basic>open</basic></status><contact>%s</contact><note>state-%x-</note></tuple></presence>\r\n",
		uri, uri, l->state);
	print_head(l, p, STR("PUBLISH"), str_of(uri), str_of(to), 'p');
	print_credentials(l, p, STR("PUBLISH"), str_of(uri));
	buf_add(&p->link.out, STR("Event: presence\r\nExpires: 3600\r\n"));
	if (p->etag[0] != '\0')
		buf_printf(&p->link.out, "SIP-If-Match: %s\r\n", p->etag);
	print_body(p, "application/pidf+xml", (str){ body, (size_t)n });
	p->step = STEP_PUBLISH;
}

static void send_again(struct load *l, struct peer *p)
{
	switch (p->step) {
	case STEP_REGISTER:
		send_register(l, p);
		break;
	case STEP_MESSAGE:
		send_message(l, p);
		break;
	case STEP_INVITE:
		send_invite(l, p);
		break;
	case STEP_BYE:
		send_bye(l, p);
		break;
	case STEP_SUBSCRIBE:
		(l->mode == MODE_LISTS ? send_list : send_subscribe)(l, p);
		break;
	case STEP_PUBLISH:
		send_publish(l, p);
		break;
	case STEP_DOWN:
	case STEP_READY:
		break;
	}
}

/* ---- operations ---- */

static void forget_dialog(struct peer *p)
{
	free(p->to);
	free(p->target);
	free(p->routes);
	p->to = p->target = p->routes = NULL;
}

static void new_serial(struct load *l, struct peer *p)
{
	p->serial = ++l->serial;
	p->cseq = 1;
	p->tries = 0;
}

void peer_begin(struct load *l, struct peer *p)
{
	if (l->mode == MODE_PRESENCE) {
		if (p != l->peers)
			return;
		p->began_ns = load_clock();
		p->cseq++;
		p->tries = 0;
		l->state++;
		l->untold = (unsigned)l->n_peers - 1;
		send_publish(l, p);
		if (!link_flush(&l->net, &p->link, p))
			peer_expire(l, p);
		return;
	}
	if (l->mode == MODE_LISTS) {
		new_serial(l, p);
		send_list(l, p);
		if (!link_flush(&l->net, &p->link, p))
			peer_expire(l, p);
		return;
	}
	if (l->mode == MODE_IDLE || ((l->mode == MODE_MESSAGE || l->mode == MODE_CALL) && p->other == NULL))
		return;
	p->began_ns = load_clock();
	if (l->mode == MODE_MESSAGE || l->mode == MODE_CALL) {
		new_serial(l, p);
		(l->mode == MODE_MESSAGE ? send_message : send_invite)(l, p);
	} else {
		p->cseq++;
		p->tries = 0;
		if (l->mode == MODE_REGISTER) {
			/* the next user of this connection, who knows no nonce yet */
			auth_drop(&p->www);
			p->user = (unsigned)(p - l->peers) + (unsigned)l->n_peers * (p->turn++ % l->spread);
			new_serial(l, p);
		}
		send_register(l, p);
	}
	if (!link_flush(&l->net, &p->link, p))
		peer_expire(l, p);
}

static void peer_start(struct load *l, struct peer *p)
{
	if (l->mode == MODE_CONNREG) {
		p->user = l->next_user++ % l->users;
		p->began_ns = load_clock();
	}
	if (l->mode == MODE_NTLM)
		p->began_ns = load_clock();
	p->setting_up = true;
	l->connecting++;
	new_serial(l, p);
	p->step = STEP_REGISTER;
	if (!link_open(&l->net, &p->link, p))
		peer_expire(l, p);
}

static void peer_stop(struct load *l, struct peer *p)
{
	if (p->setting_up)
		l->connecting--;
	else if (p->step != STEP_DOWN)
		l->ready--;
	p->setting_up = false;
	p->step = STEP_DOWN;
	p->began_ns = 0;
	auth_drop(&p->www);
	auth_drop(&p->proxy);
	ntlm_drop(&p->ntlm);
	forget_dialog(p);
	link_close(&l->net, &p->link);
	if (l->next_start > (size_t)(p - l->peers))
		l->next_start = (size_t)(p - l->peers);
}

void load_ramp(struct load *l)
{
	unsigned most = l->mode == MODE_CONNREG || l->mode == MODE_NTLM ? l->n : CONNECTING_MAX;
	unsigned at_once = STARTS_MAX;
	for (; l->next_start < l->n_peers && l->connecting < most && at_once != 0; l->next_start++) {
		if (l->peers[l->next_start].step != STEP_DOWN)
			continue;
		peer_start(l, &l->peers[l->next_start]);
		at_once--;
	}
}

void peer_expire(struct load *l, struct peer *p)
{
	count_error(l, &l->tally.timeouts);
	peer_stop(l, p);
}

static void op_done(struct load *l, struct peer *p)
{
	count_op(l, p);
	p->step = STEP_READY;
	p->began_ns = 0;
	forget_dialog(p);
	if (l->mode == MODE_CONNREG)
		peer_stop(l, p);
	else if (l->running)
		peer_begin(l, p);
}

static void op_failed(struct load *l, struct peer *p, const struct msg *m)
{
	count_error(l, &l->tally.errors);
	if (l->verbose)
		fprintf(stderr, "%s%u: %u for %.*s\n", l->prefix, p->user, m->status, STR_FMT(m->method));
	peer_stop(l, p);
}

static void registered(struct load *l, struct peer *p)
{
	if (!p->setting_up || l->mode == MODE_CONNREG) {
		op_done(l, p);
		return;
	}
	if (l->mode == MODE_PRESENCE && p != l->peers && p->step == STEP_REGISTER) {
		new_serial(l, p);
		send_subscribe(l, p);
		return;
	}
	if (l->mode == MODE_NTLM) {
		count_op(l, p);
		p->began_ns = 0;
	}
	p->setting_up = false;
	p->step = STEP_READY;
	l->connecting--;
	l->ready++;
	if (l->running)
		peer_begin(l, p);
}

/* The route set of a caller is the Record-Route of the answer in reverse (RFC 3261 12.1.2). */
static void answered(struct load *l, struct peer *p, const struct msg *m)
{
	struct buf routes DEFER(buf_fini) = { 0 };
	buf_init(&routes, 65536);
	for (size_t i = m->n_route; i-- > 0;)
		buf_printf(&routes, "Route: %.*s\r\n", STR_FMT(m->route[i]));
	buf_add_char(&routes, '\0');
	str target, after;
	str_split(m->contact, '<', &target);
	target = str_split(target.n != 0 ? target : m->contact, '>', &after);
	forget_dialog(p);
	p->to = strndup(m->to.p, m->to.n);
	p->target = strndup(target.p, target.n);
	p->routes = strdup(routes.p);
	send_in_dialog(l, p, STR("ACK"), 'a');
	p->cseq++;
	p->tries = 0;
	send_bye(l, p);
}

static void challenged(struct load *l, struct peer *p, const struct msg *m)
{
	if (l->measuring)
		l->tally.challenges++;
	if (l->mode == MODE_NTLM) {
		char aor[256];
		if (++p->tries > TRIES_MAX || !ntlm_take(&p->ntlm, l->crypt, m, aor_of(l, p, aor), str_of(l->password))) {
			op_failed(l, p, m);
			return;
		}
		p->cseq++;
		send_again(l, p);
		return;
	}
	if (++p->tries >= TRIES_MAX || !auth_take(m->proxy ? &p->proxy : &p->www, m, l->only_md5)) {
		op_failed(l, p, m);
		return;
	}
	p->cseq++;
	send_again(l, p);
}

static bool is_mine(const struct peer *p, const struct msg *m)
{
	char id[64];
	snprintf(id, sizeof id, "%llx@%s", (unsigned long long)p->serial, p->link.ip);
	return str_eq(m->call_id, str_of(id)) && m->cseq == p->cseq;
}

/* The next is published when this one is answered and everybody has heard of it. */
static void publish_next(struct load *l)
{
	struct peer *p = &l->peers[0];
	if (l->running && p->step == STEP_READY && l->untold == 0)
		peer_begin(l, p);
}

static void published(struct load *l, struct peer *p, const struct msg *m)
{
	snprintf(p->etag, sizeof p->etag, "%.*s", STR_FMT(m->etag));
	p->step = STEP_READY;
	publish_next(l);
}

/* An operation is one watcher's hearing of it. */
static void notified(struct load *l, const struct msg *m)
{
	char wanted[32];
	int n = snprintf(wanted, sizeof wanted, "state-%x-", l->state);
	if (l->state == 0 || l->untold == 0 || memmem(m->body.p, m->body.n, wanted, (size_t)n) == NULL)
		return;
	count_op(l, &l->peers[0]);
	if (--l->untold == 0) {
		l->peers[0].began_ns = l->peers[0].step == STEP_READY ? 0 : l->peers[0].began_ns;
		publish_next(l);
	}
}

static void on_response(struct load *l, struct peer *p, const struct msg *m)
{
	if (m->status < 200 || !is_mine(p, m))
		return;
	if (p->step == STEP_INVITE && m->status >= 300)
		ack_refusal(l, p, m);
	if (m->status == 401 || m->status == 407) {
		challenged(l, p, m);
	} else if (m->status >= 300 || (l->mode == MODE_NTLM && !is_signed(l, p, m))) {
		op_failed(l, p, m);
	} else if (p->step == STEP_REGISTER || p->step == STEP_SUBSCRIBE) {
		registered(l, p);
	} else if (p->step == STEP_PUBLISH) {
		published(l, p, m);
	} else if (p->step == STEP_INVITE) {
		answered(l, p, m);
	} else if (p->step == STEP_MESSAGE || p->step == STEP_BYE) {
		op_done(l, p);
	}
}

/* ---- the called side ---- */

static void answer(struct load *l, struct peer *p, const struct msg *m, const char *line, bool with_contact, str body)
{
	struct buf *b = &p->link.out;
	buf_printf(b, "SIP/2.0 %s\r\n", line);
	for (size_t i = 0; i < m->n_via; i++)
		buf_printf(b, "Via: %.*s\r\n", STR_FMT(m->via[i]));
	bool tagged = memmem(m->to.p, m->to.n, ";tag=", 5) != NULL;
	buf_printf(b, "From: %.*s\r\nTo: %.*s", STR_FMT(m->from), STR_FMT(m->to));
	if (!tagged)
		buf_printf(b, ";tag=t%llx", (unsigned long long)p->user + 1);
	buf_printf(b, "\r\nCall-ID: %.*s\r\nCSeq: %u %.*s\r\n", STR_FMT(m->call_id), m->cseq, STR_FMT(m->method));
	if (with_contact) {
		for (size_t i = 0; i < m->n_route; i++)
			buf_printf(b, "Record-Route: %.*s\r\n", STR_FMT(m->route[i]));
		print_contact(l, p, b);
	}
	if (body.n != 0)
		print_body(p, "application/sdp", body);
	else
		buf_add(b, STR("Content-Length: 0\r\n\r\n"));
}

static void on_request(struct load *l, struct peer *p, const struct msg *m)
{
	if (str_eq(m->method, STR("ACK"))) {
		if (l->measuring)
			l->tally.acks++;
		return;
	}
	if (!str_eq(m->method, STR("INVITE"))) {
		answer(l, p, m, "200 OK", false, (str){ "", 0 });
		if (str_eq(m->method, STR("NOTIFY")))
			notified(l, m);
		return;
	}
	struct buf sdp DEFER(buf_fini) = { 0 };
	buf_init(&sdp, 4096);
	sdp_of(p, &sdp);
	answer(l, p, m, "180 Ringing", true, (str){ "", 0 });
	answer(l, p, m, "200 OK", true, buf_str(&sdp));
}

/* ---- input ---- */

/* False: what came is not SIP. */
static bool take_messages(struct load *l, struct peer *p)
{
	struct msg m;
	size_t done = 0;
	while (p->step != STEP_DOWN) {
		str rest = { p->link.in.p + done, p->link.in.n - done };
		size_t n = rest.n == 0 ? 0 : msg_frame(rest);
		if (n == SIZE_MAX || (n > 2 && !msg_parse(&m, str_cut(rest, 0, n))))
			return false;
		if (n == 0) {
			buf_drop(&p->link.in, done);
			return true;
		}
		done += n;
		if (n > 2)
			(m.status != 0 ? on_response : on_request)(l, p, &m);
	}
	return true;
}

void peer_work(struct load *l, struct peer *p)
{
	bool was_up = p->link.state == LINK_UP;
	bool alive = link_work(&l->net, &p->link, p);
	if (alive && !was_up && p->link.state == LINK_UP)
		send_register(l, p);
	if (p->link.in.n != 0)
		alive = take_messages(l, p) && alive;
	if (p->step == STEP_DOWN)
		return; /* closed on the way */
	if (alive)
		alive = link_flush(&l->net, &p->link, p);
	if (!alive) {
		count_error(l, l->mode == MODE_NTLM && !p->setting_up ? &l->tally.cut : &l->tally.lost);
		peer_stop(l, p);
	} else if (p->link.in.n == 0 && p->link.in.size != 0 && l->mode == MODE_IDLE) {
		buf_fini(&p->link.in);
		buf_init(&p->link.in, 1 << 20);
	}
}
