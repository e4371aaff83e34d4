/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/net.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void addresses(void **state)
{
	static const struct {
		const char *in, *out, *host;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", "192.0.2.1" },
		{ "2001:DB8:0::1", "2001:db8::1", "[2001:db8::1]" },
		{ "[2001:db8::1]", "2001:db8::1", "[2001:db8::1]" },
		{ "::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7" },
		{ "::", "::", "[::]" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]" },
	};
	static const char *const bad[] = { "", "1.2.3", "1.2.3.256", "[192.0.2.1]", "example.com", "[::1", "::1]", "fe80::1%eth0", "01.2.3.4.5" };
	char text[ADDR_TEXT];
	struct addr a;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(failed(addr_parse(str_of(rows[i].in), 5061, &a)));
		assert_int_equal(a.port, 5061);
		assert_string_equal(addr_print(&a, text), rows[i].out);
		assert_string_equal(addr_print_host(&a, text), rows[i].host);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(failed(addr_parse(str_of(bad[i]), 1, &a)));
	assert_true(failed(addr_parse((str){ "1.2.3.4\0x", 9 }, 1, &a)));
	struct addr b;
	assert_false(failed(addr_parse(STR("::ffff:1.2.3.4"), 9, &a)));
	assert_false(failed(addr_parse(STR("1.2.3.4"), 9, &b)));
	assert_memory_equal(&a, &b, sizeof(a));
}

static bool is_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	return poll(&p, 1, 2000) == 1;
}

static void check_stream(const struct addr *where, const char *to)
{
	int listener, client, server, none;
	struct addr at, peer, mine;
	char in[16];
	size_t n;
	assert_false(failed(net_listen(where, 16, &listener, NULL)));
	assert_false(failed(net_local(listener, &at)));
	assert_true(err_is(net_accept(listener, &none, &peer), ERR_ABSENT));
	assert_false(failed(addr_parse(str_of(to), at.port, &at)));
	assert_false(failed(net_connect(&at, &client)));
	assert_true(is_ready(client, POLLOUT) && is_ready(listener, POLLIN));
	assert_false(failed(net_connected(client)));
	assert_false(failed(net_accept(listener, &server, &peer)));
	assert_false(failed(net_local(client, &mine)));
	assert_memory_equal(&mine, &peer, sizeof(mine));
	assert_true((fcntl(server, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(server, F_GETFD) & FD_CLOEXEC) != 0);
	assert_true((fcntl(client, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(client, F_GETFD) & FD_CLOEXEC) != 0);

	assert_true(err_is(net_read(server, in, sizeof(in), &n), ERR_ABSENT));
	assert_false(failed(net_write(client, STR("hello"), &n)));
	assert_int_equal(n, 5);
	assert_true(is_ready(server, POLLIN));
	assert_false(failed(net_read(server, in, sizeof(in), &n)));
	assert_int_equal(n, 5);

	/* A peer that does not read: some day nothing more is taken, without an error. */
	static char block[65536];
	size_t total = 0;
	do {
		assert_false(failed(net_write(client, (str){ block, sizeof(block) }, &n)));
		total += n;
	} while (n != 0 && total < 100000000);
	assert_int_equal(n, 0);

	net_close(server);
	assert_true(is_ready(client, POLLIN));
	assert_true(err_is(net_read(client, in, sizeof(in), &n), ERR_CLOSED));
	net_close(client);
	net_close(listener);
}

static void streams(void **state)
{
	struct addr a;
	assert_false(failed(addr_parse(STR("127.0.0.1"), 0, &a)));
	check_stream(&a, "127.0.0.1");
	check_stream(&(struct addr){ 0 }, "127.0.0.1");
	if (!failed(addr_parse(STR("::1"), 0, &a)) && access("/proc/net/if_inet6", R_OK) == 0) {
		int fd = -1;
		if (failed(net_listen(&a, 1, &fd, NULL)))
			return; /* a kernel without IPv6 on loopback */
		net_close(fd);
		check_stream(&a, "::1");
		check_stream(&(struct addr){ 0 }, "::1");
	}
}

static void refusals(void **state)
{
	int fd, again;
	struct addr a;
	struct diag d = { 0 };
	assert_false(failed(addr_parse(STR("127.0.0.1"), 0, &a)));
	assert_false(failed(net_listen(&a, 1, &fd, &d)));
	assert_false(failed(net_local(fd, &a)));
	assert_true(err_is(net_listen(&a, 1, &again, &d), ERR_SYSTEM));
	assert_non_null(strstr(d.where, "127.0.0.1:"));
	assert_non_null(strstr(d.what, "in use"));
	assert_non_null(strstr(d.remedy, "ss -ltnp"));
	net_close(fd);

	/* Nobody listens there now. */
	err e = net_connect(&a, &fd);
	if (!failed(e)) {
		assert_true(is_ready(fd, POLLOUT));
		e = net_connected(fd);
		net_close(fd);
	}
	assert_true(err_is(e, ERR_CLOSED));
}

static void no_descriptors(void **state)
{
	struct rlimit old, low;
	struct addr a, peer;
	int fd, client, server;
	assert_false(failed(addr_parse(STR("127.0.0.1"), 0, &a)));
	assert_false(failed(net_listen(&a, 4, &fd, NULL)));
	assert_false(failed(net_local(fd, &a)));
	assert_false(failed(net_connect(&a, &client)));
	assert_true(is_ready(fd, POLLIN));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)client + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	err e = net_accept(fd, &server, &peer);
	err f = net_connect(&a, &server);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(err_is(e, ERR_BUSY));
	assert_true(err_is(f, ERR_BUSY));
	assert_false(failed(net_accept(fd, &server, &peer)));
	net_close(server);
	net_close(client);
	net_close(fd);
}

/* Connections go to all sockets of a group; the address is refused to others, and to a second group. */
static void groups(void **state)
{
	enum { N = 4, CLIENTS = 64 };
	int fds[N], more[N], clients[CLIENTS], fd;
	unsigned got[N] = { 0 }, all = 0;
	struct addr a, peer;
	struct diag d = { 0 };
	assert_false(failed(addr_parse(STR("127.0.0.1"), 0, &a)));
	assert_false(failed(net_listen_group(&a, CLIENTS, fds, N, &d)));
	assert_false(failed(net_local(fds[0], &a)));
	assert_true(err_is(net_listen_group(&a, 1, more, N, &d), ERR_SYSTEM));
	assert_true(err_is(net_listen(&a, 1, &fd, &d), ERR_SYSTEM));
	for (unsigned i = 0; i < CLIENTS; i++) {
		assert_false(failed(net_connect(&a, &clients[i])));
		assert_true(is_ready(clients[i], POLLOUT));
	}
	for (unsigned i = 0; i < N; i++)
		for (; !failed(net_accept(fds[i], &fd, &peer)); net_close(fd))
			got[i]++;
	for (unsigned i = 0; i < N; i++) {
		assert_true(got[i] != 0);
		all += got[i];
		net_close(fds[i]);
	}
	assert_int_equal(all, CLIENTS);
	for (unsigned i = 0; i < CLIENTS; i++)
		net_close(clients[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses), cmocka_unit_test(streams), cmocka_unit_test(refusals), cmocka_unit_test(no_descriptors),
		cmocka_unit_test(groups),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
