/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hop/hop_priv.h"

#include "base/crypt.h"

#include <stdlib.h>

enum {
	TIMEOUT_MS = 8000,
	SERVICES_MAX = 8,    /* names of SRV records asked for */
	RECORDS_MAX = 64,    /* of one DNS answer, see dns_parse */
	MEMORY_MAX = 65536,
	PORT_TLS = 5061,     /* RFC 3261 19.1.2 */
	PORT_TCP = 5060,
};

/* The transports that we have, the better first. */
enum { TLS, TCP, TRANSPORTS };
static const struct {
	const char *param, *naptr, *srv;
	uint16_t port;
} transports[TRANSPORTS] = {
	[TLS] = { "tls", "SIPS+D2T", "_sips._tcp.", PORT_TLS },
	[TCP] = { "tcp", "SIP+D2T", "_sip._tcp.", PORT_TCP },
};

struct service {
	str name;
	int transport;
};

struct target {
	str host;
	uint16_t port;
	int transport;
};

struct hop_search {
	struct hop_config config;
	void (*done)(void *arg, err e, const struct hop *hops, size_t n);
	void *arg;
	struct arena arena;
	struct dns_query query;
	struct timer deadline;
	struct loop_task task;
	str domain;
	bool allowed[TRANSPORTS];
	bool is_denied[TRANSPORTS]; /* SRV says that there is no such service */
	struct service services[SERVICES_MAX];
	struct target targets[HOP_MAX];
	struct hop hops[HOP_MAX];
	size_t n_services, n_targets, n_hops;
	size_t service, target;     /* the one asked about */
	bool has_asked_ipv6;        /* about this target */
	err trouble;                /* the last reason why the DNS could not tell */
};

/* ---- the end ---- */

static void free_search(struct hop_search *s)
{
	dns_cancel(&s->query);
	timer_clear(loop_timers(s->config.loop), &s->deadline);
	loop_undefer(&s->task);
	arena_fini(&s->arena);
	free(s);
}

static void on_finish(void *arg)
{
	struct hop_search *s = arg;
	err e = s->n_hops != 0 ? OK : failed(s->trouble) ? s->trouble : ERR(ABSENT);
	dns_cancel(&s->query);
	s->done(s->arg, e, s->hops, s->n_hops);
	free_search(s);
}

static void finish(struct hop_search *s)
{
	loop_defer(s->config.loop, &s->task, on_finish, s);
}

static void on_deadline(void *arg)
{
	struct hop_search *s = arg;
	s->trouble = ERR(TIMEOUT);
	finish(s);
}

static uint32_t draw(void *arg)
{
	uint32_t v;
	crypt_random(&v, sizeof(v));
	return v;
}

/* ---- third: the addresses of each machine ---- */

static void add_target(struct hop_search *s, str host, uint16_t port, int transport)
{
	if (s->n_targets < HOP_MAX)
		s->targets[s->n_targets++] = (struct target){ host, port, transport };
}

static void add_hop(struct hop_search *s, const struct addr *a, const struct target *t)
{
	struct addr to = *a;
	bool secure = t->transport == TLS;
	to.port = t->port;
	for (size_t i = 0; i < s->n_hops; i++)
		if (s->hops[i].secure == secure && memcmp(&s->hops[i].addr, &to, sizeof(to)) == 0)
			return;
	if (s->n_hops < HOP_MAX)
		s->hops[s->n_hops++] = (struct hop){ .addr = to, .secure = secure, .name = s->domain, .host = t->host };
}

static void ask_addresses(struct hop_search *s);

/* dns_ask that never fails: what cannot be asked is answered with the reason. */
static void ask(struct hop_search *s, enum dns_type type, str name, void (*done)(void *arg, err e, const struct dns_answer *a))
{
	err e = dns_ask(s->config.dns, &s->query, type, name, done, s);
	if (failed(e))
		done(s, e, &(struct dns_answer){ 0 });
}

static void note_trouble(struct hop_search *s, err e)
{
	if (failed(e) && !err_is(e, ERR_ABSENT))
		s->trouble = e;
}

static void on_addresses(void *arg, err e, const struct dns_answer *a)
{
	struct hop_search *s = arg;
	note_trouble(s, e);
	/* The cache would always give the same address first. */
	size_t from = a->n > 1 ? draw(NULL) % a->n : 0;
	for (size_t i = 0; i < a->n; i++)
		add_hop(s, &a->records[(from + i) % a->n].addr, &s->targets[s->target]);
	if (s->config.has_ipv6 && !s->has_asked_ipv6) {
		s->has_asked_ipv6 = true;
	} else {
		s->target++;
		s->has_asked_ipv6 = false;
	}
	ask_addresses(s);
}

static void ask_addresses(struct hop_search *s)
{
	if (s->target == s->n_targets || s->n_hops == HOP_MAX) {
		finish(s);
		return;
	}
	bool is_ipv6 = s->config.has_ipv6 && !s->has_asked_ipv6;
	ask(s, is_ipv6 ? DNS_AAAA : DNS_A, s->targets[s->target].host, on_addresses);
}

/* ---- second: the machines of each service ---- */

/* RFC 3263 4.2: without any SRV record the domain itself is the machine. */
static void fall_back(struct hop_search *s)
{
	for (int t = 0; t < TRANSPORTS; t++)
		if (s->allowed[t] && !s->is_denied[t])
			add_target(s, s->domain, transports[t].port, t);
}

static void ask_services(struct hop_search *s);

static void on_service(void *arg, err e, const struct dns_answer *a)
{
	struct hop_search *s = arg;
	struct dns_record records[RECORDS_MAX];
	int transport = s->services[s->service].transport;
	size_t n = a->n < RECORDS_MAX ? a->n : RECORDS_MAX;
	note_trouble(s, e);
	for (size_t i = 0; i < n; i++)
		records[i] = a->records[i];
	hop_order_srv(records, n, draw, NULL);
	for (size_t i = 0; i < n; i++) {
		str host = arena_copy(&s->arena, records[i].name);
		if (records[i].name.n == 0)
			s->is_denied[transport] = true; /* RFC 2782: "." */
		else if (host.p != NULL)
			add_target(s, host, records[i].port, transport);
	}
	s->service++;
	ask_services(s);
}

static void ask_services(struct hop_search *s)
{
	if (s->service < s->n_services) {
		ask(s, DNS_SRV, s->services[s->service].name, on_service);
		return;
	}
	if (s->n_targets == 0)
		fall_back(s);
	ask_addresses(s);
}

static void add_service(struct hop_search *s, str prefix, str name, int transport)
{
	char *p = arena_alloc(&s->arena, prefix.n + name.n);
	if (p == NULL || s->n_services == SERVICES_MAX)
		return;
	memcpy(p, prefix.p, prefix.n);
	memcpy(p + prefix.n, name.p, name.n);
	s->services[s->n_services++] = (struct service){ { p, prefix.n + name.n }, transport };
}

static void add_usual_services(struct hop_search *s)
{
	for (int t = 0; t < TRANSPORTS; t++)
		if (s->allowed[t])
			add_service(s, str_of(transports[t].srv), s->domain, t);
}

/* ---- first: the services of the domain ---- */

static void add_naptr(struct hop_search *s, const struct dns_record *r)
{
	if (!str_eq_case(r->flags, STR("s")) || r->name.n == 0)
		return;
	for (int t = 0; t < TRANSPORTS; t++)
		if (s->allowed[t] && str_eq_case(r->service, str_of(transports[t].naptr)))
			add_service(s, STR(""), r->name, t);
}

static void on_naptr(void *arg, err e, const struct dns_answer *a)
{
	struct hop_search *s = arg;
	struct dns_record records[RECORDS_MAX];
	size_t n = a->n < RECORDS_MAX ? a->n : RECORDS_MAX;
	/* Many resolvers at the edge do not know NAPTR: whatever the reason, SRV may still tell. */
	for (size_t i = 0; i < n; i++)
		records[i] = a->records[i];
	hop_order_naptr(records, n);
	for (size_t i = 0; i < n; i++)
		add_naptr(s, &records[i]);
	if (s->n_services == 0)
		add_usual_services(s);
	ask_services(s);
}

/* ---- what the URI says ---- */

static err allow(struct hop_search *s, const struct uri *u, bool *is_given)
{
	str param;
	s->allowed[TLS] = true;
	s->allowed[TCP] = s->config.allows_tcp && u->kind == URI_SIP;
	*is_given = uri_param(u, STR("transport"), &param);
	/* "sips:...;transport=tcp" is TLS over TCP (RFC 3261 26.2.2). */
	if (!*is_given || (u->kind == URI_SIPS && str_eq_case(param, STR("tcp"))))
		return OK;
	bool is_any = false;
	for (int t = 0; t < TRANSPORTS; t++) {
		s->allowed[t] = s->allowed[t] && str_eq_case(param, str_of(transports[t].param));
		is_any = is_any || s->allowed[t];
	}
	return is_any ? OK : ERR(REFUSED);
}

/* RFC 3263 4.1 and 4.2: the less the URI says, the more the DNS is asked. */
static void begin(struct hop_search *s, const struct uri *u, bool is_transport_given)
{
	struct addr a;
	bool is_numeric = !failed(addr_parse(s->domain, 0, &a));
	if (!is_numeric && u->port == 0) {
		if (!is_transport_given) {
			ask(s, DNS_NAPTR, s->domain, on_naptr);
			return;
		}
		add_usual_services(s);
		ask_services(s);
		return;
	}
	for (int t = 0; t < TRANSPORTS; t++) {
		struct target to = { .port = u->port != 0 ? u->port : transports[t].port, .transport = t };
		if (s->allowed[t] && is_numeric)
			add_hop(s, &a, &to);
		else if (s->allowed[t])
			add_target(s, s->domain, to.port, t);
	}
	ask_addresses(s);
}

/* The certificate of an address is for the address as such: no brackets. */
static err set_domain(struct hop_search *s, const struct uri *u)
{
	str host = u->host;
	str maddr;
	if (uri_param(u, STR("maddr"), &maddr) && maddr.n != 0)
		host = maddr;
	if (host.n > 2 && host.p[0] == '[')
		host = str_cut(host, 1, host.n - 1);
	s->domain = arena_copy(&s->arena, host);
	return s->domain.p != NULL ? OK : ERR(NO_MEMORY);
}

err hop_find(const struct hop_config *config, const struct uri *u, void (*done)(void *arg, err e, const struct hop *hops, size_t n),
             void *arg, struct hop_search **out)
{
	bool is_transport_given = false;
	ENSURE(u->kind == URI_SIP || u->kind == URI_SIPS, MALFORMED);
	struct hop_search *s = calloc(1, sizeof(*s));
	ENSURE(s != NULL, NO_MEMORY);
	s->config = *config;
	s->done = done;
	s->arg = arg;
	arena_init(&s->arena, MEMORY_MAX);
	uint32_t ms = config->timeout_ms != 0 ? config->timeout_ms : TIMEOUT_MS;
	err e = allow(s, u, &is_transport_given);
	if (!failed(e))
		e = set_domain(s, u);
	if (!failed(e))
		e = timer_set(loop_timers(config->loop), &s->deadline, ms, on_deadline, s);
	if (failed(e)) {
		free_search(s);
		return e;
	}
	*out = s;
	begin(s, u, is_transport_given);
	return OK;
}

void hop_cancel(struct hop_search *s)
{
	if (s != NULL)
		free_search(s);
}
