/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test-CsFederatedPartner: the way to a partner, one step after the other, as it would be gone for a message: lists, DNS, address, connection, certificate,
 * answer to OPTIONS. Ends where it stops. And Get-CsFederationStatus: who was heard of.
 */
#include "role/edge/edge_priv.h"

#include <stdio.h>
#include <stdlib.h>

#define TESTS_MAX 20
#define TEXT_MAX  2048

struct test {
	struct list node;
	struct edge *e;
	uint64_t id;
	struct fed_place place;
	struct dns_query query;
	uint16_t port;
	char domain[FED_NAME], target[FED_NAME];
	struct flow flow;
	bool is_dialling, is_up;
	struct arena arena;
};

static void tell(const struct edge *e, uint64_t id, bool is_last, str text)
{
	if (e->vault != NULL)
		(void)failed(ipc_send_fed_tell(e->vault, &(struct ipc_fed_tell){ .id = id, .is_last = is_last ? 1 : 0, .text = text }, -1));
}

/* ---- status ---- */

struct telling {
	const struct edge *e;
	uint64_t id;
};

static void tell_partner(void *arg, const struct fed_partner *p)
{
	const struct telling *t = arg;
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, TEXT_MAX);
	buf_printf(&b, "Domain=%.*s\nType=%s\nState=%s\nContacts=%zu\nSilentSeconds=%llu\n", STR_FMT(p->domain), fed_kind_word(p->kind), fed_state_word(p->state), p->contacts,
		(unsigned long long)((loop_now(t->e->skel->loop) - p->seen) / 1000));
	for (unsigned i = 0; i < FED_COUNT_N; i++)
		buf_printf(&b, "%s=%llu\n", fed_count_word((enum fed_count)i), (unsigned long long)p->counts[i]);
	tell(t->e, t->id, false, buf_str(&b));
}

/* ---- steps ---- */

static void step(const struct test *t, const char *name, bool ok, const char *detail)
{
	struct buf b DEFER(buf_fini) = { 0 };
	char clean[512];
	size_t n = 0;
	for (; detail[n] != '\0' && n + 1 < sizeof clean; n++)
		clean[n] = detail[n] == '\n' || detail[n] == '\r' ? ' ' : detail[n];
	clean[n] = '\0';
	buf_init(&b, TEXT_MAX);
	buf_printf(&b, "Step=%s\nOk=%s\nDetail=%s\n", name, ok ? "True" : "False", clean);
	tell(t->e, t->id, false, buf_str(&b));
}

static void finish(struct test *t)
{
	struct conn *c = t->is_dialling ? conn_find(t->e->sides[EDGE_OUTSIDE].conns, &t->flow) : NULL;
	tell(t->e, t->id, true, STR(""));
	dns_cancel(&t->query);
	list_remove(&t->node);
	t->e->n_tests--;
	if (c != NULL)
		conn_close(c, "the test is over");
	arena_fini(&t->arena);
	free(t);
}

static void stop(struct test *t, const char *name, const char *detail)
{
	step(t, name, false, detail);
	finish(t);
}

static void on_response(void *arg, struct txn *txn, struct inbound *in)
{
	struct test *t = arg;
	char text[300];
	if (in->msg.status < 200)
		return;
	txn_forget(txn);
	(void)snprintf(text, sizeof text, "%u %.*s", in->msg.status, (int)(in->msg.reason.n < 200 ? in->msg.reason.n : 200), in->msg.reason.p);
	/* any answer shows that SIP is spoken there; who forbids OPTIONS may take messages all the same */
	step(t, "Answer", in->msg.status != 403 && in->msg.status < 500, text);
	finish(t);
}

static void on_fail(void *arg, struct txn *txn, err why)
{
	struct test *t = arg;
	txn_forget(txn);
	stop(t, "Answer", why.def->text);
}

static const struct txn_client_door door = { .on_response = on_response, .on_fail = on_fail };

static err send_options(struct test *t)
{
	struct sip_out o;
	struct txn *txn;
	uint64_t random[2];
	const struct skel *s = t->e->skel;
	crypt_random(random, sizeof random);
	sip_out_new(&o, &t->arena, arena_join(&t->arena, (const str[]){ STR("OPTIONS sip:"), str_of(t->target), STR(" SIP/2.0") }, 3));
	sip_out_addf(&o, SIP_HDR_FROM, "<sip:%s>;tag=%016llx", s->access, (unsigned long long)random[0]);
	sip_out_addf(&o, SIP_HDR_TO, "<sip:%s>", t->target);
	sip_out_addf(&o, SIP_HDR_CALL_ID, "%016llx", (unsigned long long)random[1]);
	sip_out_add(&o, SIP_HDR_CSEQ, STR("1 OPTIONS"));
	sip_out_add(&o, SIP_HDR_MAX_FORWARDS, STR("70"));
	return txn_client_open(t->e->txns, &t->flow, &o, SIP_METHOD_OPTIONS, STR(""), 0, &door, t, &txn);
}

static struct test *find(const struct edge *e, const struct conn *c)
{
	struct flow flow = conn_flow(c);
	LIST_EACH(n, &e->tests) {
		struct test *t = LIST_OF(n, struct test, node);
		if (t->is_dialling && flow_eq(&t->flow, &flow))
			return t;
	}
	return NULL;
}

bool edge_try_up(struct edge *e, struct conn *c)
{
	struct test *t = find(e, c);
	if (t == NULL)
		return false;
	t->is_up = true;
	t->flow = conn_flow(c);
	step(t, "Connection", true, "TCP and TLS are up");
	step(t, "Certificate", true, tls_cipher(conn_tls(c)));
	if (failed(send_options(t)))
		stop(t, "Answer", "the request could not be sent");
	return true;
}

void edge_try_gone(struct edge *e, struct conn *c)
{
	struct test *t = find(e, c);
	if (t == NULL || t->is_up)
		return; /* what waits for its answer is told by the transaction */
	const struct tls_refusal *why = conn_tls(c) != NULL ? tls_peer_refusal(conn_tls(c)) : NULL;
	char text[300];
	t->is_dialling = false;
	(void)snprintf(text, sizeof text, "nobody takes connections there, or TLS failed: %s", conn_tls(c) != NULL ? tls_error(conn_tls(c)) : "");
	stop(t, why != NULL ? "Certificate" : "Connection", why != NULL ? why->why : text);
}

static void on_address(void *arg, err e, const struct dns_answer *a)
{
	struct test *t = arg;
	char text[ADDR_TEXT];
	if (failed(e) || a->n == 0) {
		stop(t, "Address", "its name has no address");
		return;
	}
	struct addr to = a->records[0].addr;
	to.port = t->port;
	step(t, "Address", true, addr_print(&to, text));
	if (failed(conns_connect(t->e->sides[EDGE_OUTSIDE].conns, &to, true, str_of(t->target), &t->flow)))
		stop(t, "Connection", "none could be begun: is there a certificate for outside?");
	else
		t->is_dialling = true;
}

static void ask_address(struct test *t)
{
	if (failed(dns_ask(t->e->dns, &t->query, DNS_A, str_of(t->target), on_address, t)))
		stop(t, "Address", "DNS cannot be asked for this name");
}

static void on_srv(void *arg, err e, const struct dns_answer *a)
{
	struct test *t = arg;
	char text[FED_NAME + 100];
	for (size_t i = 0; !failed(e) && i < a->n; i++) {
		const struct dns_record *r = &a->records[i];
		bool is_other = t->target[0] != '\0' && !str_eq_case(r->name, str_of(t->target));
		if (is_other || !edge_fed_is_proxy(t->e, str_of(t->domain), r->name) || !str_to_z(r->name, t->target, sizeof t->target))
			continue;
		t->port = r->port;
		(void)snprintf(text, sizeof text, "%s, port %u", t->target, t->port);
		step(t, "DNS", true, text);
		ask_address(t);
		return;
	}
	stop(t, "DNS", failed(e) ? "there is no record _sipfederationtls._tcp of the domain" : "the record names another server, or none inside the domain");
}

static void ask_dns(struct test *t)
{
	char name[DNS_NAME_MAX + 1];
	if (!edge_fed_service(str_of(t->domain), name) || failed(dns_ask(t->e->dns, &t->query, DNS_SRV, str_of(name), on_srv, t)))
		stop(t, "DNS", "DNS cannot be asked for this name");
}

static void begin(struct test *t)
{
	fed_find(t->e->fed, str_of(t->domain), &t->place);
	if (!fed_kind_passes(t->place.kind)) {
		stop(t, "Policy", fed_kind_word(t->place.kind));
		return;
	}
	if (fed_kind_has_proxy(t->place.kind) && t->target[0] != '\0' && !str_eq_case(str_of(t->target), str_of(t->place.proxy))) {
		stop(t, "Policy", "another server is listed for the domain");
		return;
	}
	step(t, "Policy", true, fed_kind_word(t->place.kind));
	if (!fed_kind_has_proxy(t->place.kind)) {
		ask_dns(t);
		return;
	}
	(void)str_to_z(str_of(t->place.proxy), t->target, sizeof t->target);
	t->port = t->e->ways.ways[0].port;
	ask_address(t);
}

err edge_try_ask(struct edge *e, str body)
{
	struct ipc_fed_ask m;
	TRY(ipc_fed_ask_parse(&m, body));
	if (m.domain.n == 0) {
		fed_each(e->fed, tell_partner, &(struct telling){ e, m.id });
		tell(e, m.id, true, STR(""));
		return OK;
	}
	struct test *t = e->n_tests < TESTS_MAX ? calloc(1, sizeof *t) : NULL;
	if (t == NULL || !str_to_z(m.domain, t->domain, sizeof t->domain) || !str_to_z(m.target, t->target, sizeof t->target)) {
		free(t);
		tell(e, m.id, true, STR("Step=Policy\nOk=False\nDetail=too many tests, or too long a name\n"));
		return OK;
	}
	t->e = e;
	t->id = m.id;
	arena_init(&t->arena, 1 << 16);
	list_add(&e->tests, &t->node);
	e->n_tests++;
	begin(t);
	return OK;
}
