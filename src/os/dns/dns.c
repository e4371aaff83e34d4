/* SPDX-License-Identifier: Apache-2.0 */
#include "os/dns/dns_priv.h"

#include "base/map.h"

#include <ares.h>
#include <ares_nameser.h>
#include <stdlib.h>
#include <sys/time.h>

enum {
	TTL_MAX = 3600,      /* seconds; so that a change is seen within the hour whatever its TTL was */
	TTL_FAILURE = 5,     /* of a failure, so that a broken zone is not asked for each message */
	ANSWER_MAX = 32768,  /* bytes of one parsed answer */
	EDNS_SIZE = 1232,    /* largest UDP answer without fragments (DNS flag day 2020) */
};

/* One question, under way or answered. */
struct lookup {
	struct map_node node;
	struct list age;     /* in dns.answered, oldest use first; alone while it is under way */
	struct list waiting; /* struct dns_query */
	struct dns *dns;
	struct loop_task deliver;
	bool is_answered, is_delivering, is_fixed; /* fixed: by the list of names; it stays */
	err e;
	struct arena arena;
	struct dns_answer answer;
	uint64_t expires;    /* milliseconds of the loop */
	size_t key_size;
	char key[DNS_NAME_MAX + 2]; /* type, name; NUL-ended */
};

struct socket {
	struct list node;
	struct watch watch;
	struct dns *dns;
	int fd;
};

struct dns {
	struct loop *loop;
	struct log *log;
	struct meter *meter;
	ares_channel channel;
	struct list sockets;
	struct timer timer;
	struct map lookups;
	struct list answered;
	uint32_t n_lookups, n_pending, cache, pending;
	bool is_closing;
};

static str key_of(const struct map_node *n)
{
	const struct lookup *l = MAP_OF(n, const struct lookup, node);
	return (str){ l->key, l->key_size };
}

/* ---- c-ares and the loop ---- */

static void on_time(void *arg);

static void set_timer(struct dns *d)
{
	struct timeval tv, *t = ares_timeout(d->channel, NULL, &tv);
	if (t == NULL) {
		timer_clear(loop_timers(d->loop), &d->timer);
		return;
	}
	uint64_t ms = (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_usec / 1000 + 1;
	/* Without memory for a timer the question stays until its next packet; nothing else can be done. */
	(void)timer_set(loop_timers(d->loop), &d->timer, ms, on_time, d).def;
}

static void on_time(void *arg)
{
	struct dns *d = arg;
	ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(d);
}

static void on_ready(void *arg, unsigned events)
{
	struct socket *s = arg;
	struct dns *d = s->dns;
	int fd = s->fd;
	ares_process_fd(d->channel, (events & WATCH_READ) != 0 ? fd : ARES_SOCKET_BAD, (events & WATCH_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
	set_timer(d);
}

static void on_socket_closed(void *arg)
{
	free(arg);
}

static struct socket *find_socket(struct dns *d, int fd)
{
	LIST_EACH(it, &d->sockets) {
		struct socket *s = LIST_OF(it, struct socket, node);
		if (s->fd == fd)
			return s;
	}
	return NULL;
}

static struct socket *add_socket(struct dns *d, int fd)
{
	struct socket *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->dns = d;
	s->fd = fd;
	if (failed(watch_open(d->loop, &s->watch, fd, on_ready, s))) {
		free(s);
		return NULL;
	}
	list_add(&d->sockets, &s->node);
	return s;
}

/* Without a watch the question ends by its time-out. c-ares closes fd after the last call; watch_close lets go of it at once. */
static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns *d = arg;
	struct socket *s = find_socket(d, fd);
	bool is_wanted = readable != 0 || writable != 0;
	if (s == NULL && is_wanted)
		s = add_socket(d, fd);
	if (s == NULL)
		return;
	if (is_wanted) {
		watch_set(&s->watch, (readable != 0 ? WATCH_READ : 0u) | (writable != 0 ? WATCH_WRITE : 0u));
		return;
	}
	list_remove(&s->node);
	watch_close(&s->watch, on_socket_closed);
}

/* ---- lookups ---- */

static void free_lookup(struct lookup *l)
{
	LIST_EACH(it, &l->waiting)
		list_remove(it);
	loop_undefer(&l->deliver);
	list_remove(&l->age);
	map_remove(&l->dns->lookups, &l->node);
	l->dns->n_lookups--;
	arena_fini(&l->arena);
	free(l);
}

static void on_deliver(void *arg)
{
	struct lookup *l = arg;
	static const struct dns_answer none = { 0 };
	struct list now;
	l->is_delivering = true;
	/* Whoever asks again from inside waits for the next delivery. */
	list_add_before(&l->waiting, &now);
	list_remove(&l->waiting);
	while (!list_is_empty(&now)) {
		struct dns_query *q = LIST_OF(now.next, struct dns_query, node);
		list_remove(&q->node);
		q->done(q->arg, l->e, failed(l->e) ? &none : &l->answer);
	}
	l->is_delivering = false;
}

static err err_of(int status)
{
	static const struct {
		int status;
		err e;
	} rows[] = {
		{ ARES_ENOTFOUND, { &err_defs[ERR_ABSENT] } },
		{ ARES_ENODATA, { &err_defs[ERR_ABSENT] } },
		{ ARES_ETIMEOUT, { &err_defs[ERR_TIMEOUT] } },
		{ ARES_ENOMEM, { &err_defs[ERR_NO_MEMORY] } },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].e;
	return ERR(SYSTEM);
}

static void judge(struct lookup *l, int status, str message)
{
	bool is_told = status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA;
	l->answer = (struct dns_answer){ .ttl = TTL_FAILURE };
	l->e = err_of(status);
	if (is_told && message.n != 0)
		l->e = dns_parse((enum dns_type)l->key[0], message, &l->arena, &l->answer);
	if (failed(l->e) && !err_is(l->e, ERR_ABSENT))
		l->answer.ttl = TTL_FAILURE;
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int n)
{
	struct lookup *l = arg;
	struct dns *d = l->dns;
	d->n_pending--;
	if (d->is_closing)
		return;
	judge(l, status, bytes != NULL ? (str){ (const char *)bytes, (size_t)n } : STR(""));
	uint32_t ttl = l->answer.ttl < TTL_MAX ? l->answer.ttl : TTL_MAX;
	l->expires = loop_now(d->loop) + ttl * 1000u;
	l->is_answered = true;
	list_add(&d->answered, &l->age);
	loop_defer(d->loop, &l->deliver, on_deliver, l);
	if (!failed(l->e) || err_is(l->e, ERR_ABSENT))
		return;
	meter_add(d->meter, METER_DNS_FAILURES, 1);
	LOG(d->log, DNS_FAILED, LOG_Z("name", l->key + 1), LOG_ERR(l->e));
}

static void ask(struct lookup *l)
{
	static const int codes[DNS_TYPE_N] = { [DNS_A] = ns_t_a, [DNS_AAAA] = ns_t_aaaa, [DNS_SRV] = ns_t_srv, [DNS_NAPTR] = ns_t_naptr };
	struct dns *d = l->dns;
	list_remove(&l->age);
	arena_fini(&l->arena);
	arena_init(&l->arena, ANSWER_MAX);
	l->is_answered = false;
	d->n_pending++;
	meter_add(d->meter, METER_DNS_QUERIES, 1);
	ares_query(d->channel, l->key + 1, ns_c_in, codes[(int)l->key[0]], on_answer, l);
	set_timer(d);
}

static bool is_idle(const struct lookup *l)
{
	return l->is_answered && !l->is_delivering && list_is_empty(&l->waiting);
}

/* Forgets the answer that was used longest ago. */
static bool make_room(struct dns *d)
{
	if (d->n_lookups < d->cache)
		return true;
	LIST_EACH(it, &d->answered) {
		struct lookup *l = LIST_OF(it, struct lookup, age);
		if (!is_idle(l))
			continue;
		free_lookup(l);
		return true;
	}
	return false;
}

static err add_lookup(struct dns *d, str key, struct lookup **out)
{
	ENSURE(make_room(d), BUSY);
	struct lookup *l = calloc(1, sizeof(*l));
	ENSURE(l != NULL, NO_MEMORY);
	l->dns = d;
	l->key_size = key.n;
	memcpy(l->key, key.p, key.n);
	list_init(&l->age);
	list_init(&l->waiting);
	arena_init(&l->arena, ANSWER_MAX);
	err e = map_add(&d->lookups, &l->node);
	if (failed(e)) {
		free(l);
		return e;
	}
	d->n_lookups++;
	*out = l;
	return OK;
}

/* ---- asking ---- */

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Lower case, no final dot, labels of 1 to 63 letters, digits, '-' and '_'. */
static err make_key(enum dns_type type, str name, char key[DNS_NAME_MAX + 2], size_t *size)
{
	size_t label = 0;
	if (name.n != 0 && name.p[name.n - 1] == '.')
		name.n--;
	ENSURE(name.n != 0 && name.n <= DNS_NAME_MAX, MALFORMED);
	key[0] = (char)type;
	for (size_t i = 0; i < name.n; i++) {
		char c = char_lower(name.p[i]);
		bool is_dot = c == '.';
		ENSURE(is_dot ? label != 0 : is_name_char(c) && label < 63, MALFORMED);
		label = is_dot ? 0 : label + 1;
		key[1 + i] = c;
	}
	ENSURE(label != 0, MALFORMED);
	*size = 1 + name.n;
	return OK;
}

err dns_ask(struct dns *d, struct dns_query *q, enum dns_type type, str name, void (*done)(void *arg, err e, const struct dns_answer *a),
            void *arg)
{
	char key[DNS_NAME_MAX + 2];
	size_t size = 0;
	TRY(make_key(type, name, key, &size));
	struct map_node *known = map_find(&d->lookups, (str){ key, size });
	struct lookup *l = known != NULL ? MAP_OF(known, struct lookup, node) : NULL;
	bool is_stale = l != NULL && is_idle(l) && l->expires <= loop_now(d->loop);
	if (l == NULL || is_stale)
		ENSURE(d->n_pending < d->pending, BUSY);
	if (l == NULL)
		TRY(add_lookup(d, (str){ key, size }, &l));
	*q = (struct dns_query){ .done = done, .arg = arg };
	list_add(&l->waiting, &q->node);
	if (known == NULL || is_stale) {
		ask(l);
	} else if (l->is_answered) {
		list_remove(&l->age);
		if (!l->is_fixed)
			list_add(&d->answered, &l->age);
		loop_defer(d->loop, &l->deliver, on_deliver, l);
	}
	return OK;
}

void dns_cancel(struct dns_query *q)
{
	if (q->node.next != NULL)
		list_remove(&q->node);
}

/* ---- the machine's own list of names ---- */

/* The answer about a name of it: its addresses of this kind, or that there are none. NULL: no name, no memory, or no room. */
static struct lookup *fixed(struct dns *d, enum dns_type type, str name)
{
	char key[DNS_NAME_MAX + 2];
	size_t size = 0;
	struct lookup *l;
	if (failed(make_key(type, name, key, &size)))
		return NULL;
	struct map_node *known = map_find(&d->lookups, (str){ key, size });
	if (known != NULL)
		return MAP_OF(known, struct lookup, node);
	if (d->n_lookups >= d->cache / 2 || failed(add_lookup(d, (str){ key, size }, &l))) /* half of the room is for answers */
		return NULL;
	l->is_answered = l->is_fixed = true;
	l->expires = UINT64_MAX;
	l->e = ERR(ABSENT);
	return l;
}

static void on_host(void *arg, str name, const struct addr *a)
{
	struct dns *d = arg;
	struct lookup *l = fixed(d, a->family == 4 ? DNS_A : DNS_AAAA, name);
	(void)fixed(d, a->family == 4 ? DNS_AAAA : DNS_A, name);
	struct dns_record *records = l != NULL ? arena_alloc(&l->arena, (l->answer.n + 1) * sizeof *records) : NULL;
	if (records == NULL)
		return;
	if (l->answer.n != 0)
		memcpy(records, l->answer.records, l->answer.n * sizeof *records);
	records[l->answer.n] = (struct dns_record){ .addr = *a };
	l->answer = (struct dns_answer){ .records = records, .n = l->answer.n + 1, .ttl = TTL_MAX };
	l->e = OK;
}

/* A list that cannot be read is none: the name servers are asked. */
static void set_hosts(struct dns *d, const struct dns_config *config)
{
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&text, DNS_HOSTS_MAX);
	if (config->hosts.n != 0)
		buf_add(&text, config->hosts);
	else if (config->servers.n != 0 || failed(dns_hosts_read("/etc/hosts", &text)))
		return;
	dns_hosts_each(buf_str(&text), on_host, d);
}

/* ---- opening and closing ---- */

static err set_servers(struct dns *d, str servers)
{
	char z[512];
	if (servers.n == 0)
		return OK;
	ENSURE(str_to_z(servers, z, sizeof(z)) && ares_set_servers_ports_csv(d->channel, z) == ARES_SUCCESS, MALFORMED);
	return OK;
}

static uint32_t or_else(uint32_t v, uint32_t otherwise)
{
	return v != 0 ? v : otherwise;
}

static err open_channel(struct dns *d, const struct dns_config *config)
{
	struct ares_options o = {
		.flags = ARES_FLAG_EDNS | ARES_FLAG_STAYOPEN,
		.timeout = (int)or_else(config->timeout_ms, 2000),
		.tries = (int)or_else(config->tries, 2),
		.ednspsz = EDNS_SIZE,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = d,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB;
	ENSURE(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS, SYSTEM);
	if (ares_init_options(&d->channel, &o, mask) == ARES_SUCCESS)
		return OK;
	d->channel = NULL;
	ares_library_cleanup();
	return ERR(SYSTEM);
}

err dns_new(const struct dns_config *config, struct dns **out)
{
	struct dns *d = calloc(1, sizeof(*d));
	ENSURE(d != NULL, NO_MEMORY);
	*d = (struct dns){ .loop = config->loop, .log = config->log, .meter = config->meter };
	d->cache = or_else(config->cache, 4096);
	d->pending = or_else(config->pending, 256);
	list_init(&d->sockets);
	list_init(&d->answered);
	map_init(&d->lookups, key_of);
	err e = open_channel(d, config);
	if (!failed(e))
		e = set_servers(d, config->servers);
	if (failed(e)) {
		dns_free(d);
		return e;
	}
	set_hosts(d, config);
	*out = d;
	return OK;
}

static void on_each_free(void *arg, struct map_node *n)
{
	free_lookup(MAP_OF(n, struct lookup, node));
}

void dns_free(struct dns *d)
{
	if (d == NULL)
		return;
	d->is_closing = true;
	if (d->channel != NULL) {
		ares_destroy(d->channel);
		ares_library_cleanup();
	}
	timer_clear(loop_timers(d->loop), &d->timer);
	map_each(&d->lookups, on_each_free, d);
	map_fini(&d->lookups);
	free(d);
}
