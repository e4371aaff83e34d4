/* SPDX-License-Identifier: Apache-2.0 */
#include "prog/witan/check_dns.h"

#include "os/net.h"

#include <ares.h>
#include <ares_nameser.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>

enum { TRY_MS = 2000, TRIES = 2, ANSWER_OCTETS = 256 * 1024, SOCKETS = 8 };

static str key_of(const struct map_node *node)
{
	return MAP_OF(node, const struct names_question, node)->key;
}

static str make_key(struct arena *a, enum dns_type type, str name)
{
	static const char letters[DNS_TYPE_N] = { [DNS_A] = '4', [DNS_AAAA] = '6', [DNS_SRV] = 's', [DNS_NAPTR] = 'n' };
	return arena_join(a, (str[]){ { &letters[type], 1 }, name }, 2);
}

err names_init(struct names_asked *all, struct checking *k, size_t room)
{
	*all = (struct names_asked){ .k = k, .room = room, .p = arena_zalloc(&k->arena, room * sizeof *all->p) };
	map_init(&all->by_key, key_of);
	ENSURE(all->p != NULL, CEILING);
	return ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS ? OK : ERR(SYSTEM);
}

void names_fini(struct names_asked *all)
{
	for (size_t i = 0; i < all->n; i++)
		arena_fini(&all->p[i].arena);
	map_fini(&all->by_key);
	ares_library_cleanup();
}

const struct names_question *names_find(const struct names_asked *all, enum dns_type type, str name)
{
	str key = make_key(&all->k->arena, type, name);
	const struct map_node *node = key.p != NULL ? map_find(&all->by_key, key) : NULL;
	return node != NULL ? MAP_OF(node, const struct names_question, node) : NULL;
}

err names_add(struct names_asked *all, enum dns_type type, str name, const struct plan_record *record, enum names_kind kind)
{
	if (names_find(all, type, name) != NULL)
		return OK;
	ENSURE(all->n < all->room, CEILING);
	struct names_question *q = &all->p[all->n++];
	*q = (struct names_question){ .key = make_key(&all->k->arena, type, name), .type = type, .name = name, .record = record, .kind = kind };
	arena_init(&q->arena, ANSWER_OCTETS);
	ENSURE(q->key.p != NULL, CEILING);
	return map_add(&all->by_key, &q->node);
}

/* ---- one question ---- */

static void keep_values(struct names_question *q, const struct dns_answer *a)
{
	q->values.p = arena_alloc(&q->arena, (a->n + 1) * sizeof *q->values.p);
	for (size_t i = 0; q->values.p != NULL && i < a->n; i++) {
		char text[ADDR_TEXT];
		const struct dns_record *r = &a->records[i];
		str value = q->type == DNS_SRV ? r->name : str_of(addr_print_host(&r->addr, text));
		value = arena_copy(&q->arena, value);
		if (value.p != NULL)
			q->values.p[q->values.n++] = (struct names_value){ value, r->port };
	}
}

/* What the name is an alias for: each but the first, which was asked for. */
static void keep_aliases(struct names_question *q, const unsigned char *message, int n)
{
	struct hostent *host = NULL;
	if (q->type != DNS_A || ares_parse_a_reply(message, n, &host, NULL, NULL) != ARES_SUCCESS)
		return;
	size_t count = 1;
	for (char **alias = host->h_aliases; *alias != NULL; alias++)
		count++;
	q->aliases.p = arena_alloc(&q->arena, count * sizeof(str));
	for (size_t i = 0; q->aliases.p != NULL && i < count; i++) {
		char name[DNS_NAME_MAX + 1];
		size_t length = 0;
		for (const char *p = i == 0 ? host->h_name : host->h_aliases[i - 1]; p[length] != '\0' && length < DNS_NAME_MAX; length++)
			name[length] = char_lower(p[length]);
		str copy = arena_copy(&q->arena, (str){ name, length });
		if (copy.p != NULL && count > 1)
			q->aliases.p[q->aliases.n++] = copy;
	}
	ares_free_hostent(host);
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *message, int n)
{
	struct names_question *q = arg;
	struct dns_answer answer;
	if (status == ARES_ENODATA || status == ARES_ENOTFOUND)
		return;
	err e = status == ARES_SUCCESS ? dns_parse(q->type, (str){ (const char *)message, (size_t)n }, &q->arena, &answer) : OK;
	q->is_silent = status != ARES_SUCCESS || (failed(e) && !err_is(e, ERR_ABSENT));
	if (q->is_silent)
		(void)snprintf(q->failure, sizeof q->failure, "%s", status != ARES_SUCCESS ? ares_strerror(status) : e.def->text);
	else if (!failed(e)) {
		keep_values(q, &answer);
		keep_aliases(q, message, n);
	}
}

static void wait_answer(ares_channel channel)
{
	for (;;) {
		ares_socket_t sockets[SOCKETS];
		struct pollfd fds[SOCKETS];
		nfds_t n = 0;
		int mask = ares_getsock(channel, sockets, SOCKETS);
		for (int i = 0; i < SOCKETS; i++) {
			short events = (short)((ARES_GETSOCK_READABLE(mask, i) ? POLLIN : 0) | (ARES_GETSOCK_WRITABLE(mask, i) ? POLLOUT : 0));
			if (events != 0)
				fds[n++] = (struct pollfd){ sockets[i], events, 0 };
		}
		if (n == 0)
			return;
		struct timeval most = { TRY_MS / 1000, 0 }, room;
		const struct timeval *t = ares_timeout(channel, &most, &room);
		if (poll(fds, n, (int)(t->tv_sec * 1000 + t->tv_usec / 1000) + 1) <= 0)
			ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
		for (nfds_t i = 0; i < n; i++)
			if (fds[i].revents != 0)
				ares_process_fd(channel, (fds[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0 ? fds[i].fd : ARES_SOCKET_BAD,
					(fds[i].revents & POLLOUT) != 0 ? fds[i].fd : ARES_SOCKET_BAD);
	}
}

static bool open_channel(const char *resolver, ares_channel *out)
{
	struct ares_options o = { .timeout = TRY_MS, .tries = TRIES };
	if (ares_init_options(out, &o, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS)
		return false;
	if (resolver == NULL || ares_set_servers_ports_csv(*out, resolver) == ARES_SUCCESS)
		return true;
	ares_destroy(*out);
	return false;
}

static void ask(void *arg, size_t i)
{
	static const int codes[DNS_TYPE_N] = { [DNS_A] = ns_t_a, [DNS_AAAA] = ns_t_aaaa, [DNS_SRV] = ns_t_srv, [DNS_NAPTR] = ns_t_naptr };
	struct names_asked *all = arg;
	struct names_question *q = &all->p[i];
	ares_channel channel;
	char name[DNS_NAME_MAX + 1];
	q->is_silent = true;
	(void)snprintf(q->failure, sizeof q->failure, "it cannot be asked");
	if (!str_to_z(q->name, name, sizeof name) || !open_channel(all->k->ask->resolver, &channel))
		return;
	q->is_silent = false;
	ares_query(channel, name, ns_c_in, codes[q->type], on_answer, q);
	wait_answer(channel);
	ares_destroy(channel);
}

err names_ask(struct names_asked *all, struct diag *d)
{
	ares_channel probe;
	if (!open_channel(all->k->ask->resolver, &probe))
		return diag_fail(d, ERR(USAGE), "--resolver", "give an address, with a port if it is not 53: 192.0.2.53, 127.0.0.1:5353, [2001:db8::53]:53",
			"\"%.100s\" is no name server", all->k->ask->resolver != NULL ? all->k->ask->resolver : "the system's");
	ares_destroy(probe);
	return look_each(all->n, ask, all, "names");
}
