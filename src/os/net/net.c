/* SPDX-License-Identifier: Apache-2.0 */
#include "os/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/net/net_priv.h"

socklen_t net_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		return sizeof(*in);
	}
	/* Family 0 becomes the unspecified address of IPv6. */
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)out;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	if (a->family == 6)
		memcpy(&in6->sin6_addr, a->ip, 16);
	return sizeof(*in6);
}

static void addr_of(const struct sockaddr_storage *from, struct addr *out)
{
	*out = (struct addr){ 0 };
	if (from->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
		addr_make(4, &in->sin_addr, ntohs(in->sin_port), out);
	} else if (from->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)from;
		addr_make(6, &in6->sin6_addr, ntohs(in6->sin6_port), out);
	}
}

static void set_nodelay(int fd)
{
	/* Not a reason to fail: it is refused for sockets that are not TCP (tests) and for a peer that has gone already. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

static int listen_on(const struct addr *a, int backlog, bool shared)
{
	struct sockaddr_storage sa;
	socklen_t n = net_sockaddr(a, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	bool is_fine = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) == 0;
	if (is_fine && sa.ss_family == AF_INET6)
		is_fine = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ a->family == 6 }, sizeof(int)) == 0;
	if (is_fine && shared)
		is_fine = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)) == 0;
	if (is_fine && bind(fd, (const struct sockaddr *)&sa, n) == 0 && listen(fd, backlog) == 0)
		return fd;
	int reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

static const char *listen_remedy(int reason)
{
	static const struct {
		int reason;
		const char *remedy;
	} rows[] = {
		{ EADDRINUSE, "another program listens there: `ss -ltnp` shows which; stop it, or choose another port" },
		{ EADDRNOTAVAIL, "this machine has no such address: `ip addr` shows those it has" },
		{ EACCES, "a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE" },
		{ EAFNOSUPPORT, "this machine has no IPv6: choose an IPv4 address" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].reason == reason)
			return rows[i].remedy;
	return "";
}

static int listen_somewhere(const struct addr *a, int backlog, bool shared)
{
	int fd = listen_on(a, backlog, shared);
	if (fd < 0 && a->family == 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
		fd = listen_on(&(struct addr){ .family = 4, .port = a->port }, backlog, shared);
	return fd;
}

static err listen_failed(const struct addr *a, struct diag *d)
{
	int reason = errno;
	char host[ADDR_TEXT], where[ADDR_TEXT + 16];
	snprintf(where, sizeof(where), "%s:%u", a->family == 0 ? "*" : addr_print_host(a, host), (unsigned)a->port);
	return diag_fail(d, ERR(SYSTEM), where, listen_remedy(reason), "cannot listen: %s", strerror(reason));
}

err net_listen(const struct addr *a, int backlog, int *fd, struct diag *d)
{
	*fd = listen_somewhere(a, backlog, false);
	return *fd >= 0 ? OK : listen_failed(a, d);
}

err net_listen_group(const struct addr *a, int backlog, int *fds, unsigned n, struct diag *d)
{
	/* a stranger of the same user who shares the port too would get a part of the connections: without sharing he is noticed */
	int alone = -1;
	TRY(net_listen(a, backlog, &alone, d));
	struct addr bound = *a;
	err e = a->port == 0 ? net_local(alone, &bound) : OK;
	bound.family = a->family;
	memcpy(bound.ip, a->ip, sizeof(bound.ip));
	close(alone);
	TRY(e);
	for (unsigned i = 0; i < n; i++) {
		fds[i] = listen_somewhere(&bound, backlog, true);
		if (fds[i] >= 0)
			continue;
		e = listen_failed(&bound, d);
		while (i-- != 0)
			close(fds[i]);
		return e;
	}
	return OK;
}

static bool is_exhausted(int reason)
{
	return reason == EMFILE || reason == ENFILE || reason == ENOBUFS || reason == ENOMEM;
}

/* Linux hands errors of the new connection to accept; those connections are gone, the next may be fine (accept(2)). */
static bool is_aborted(int reason)
{
	return reason == ECONNABORTED || reason == EPROTO || reason == ENETDOWN || reason == ENOPROTOOPT || reason == EHOSTDOWN ||
	       reason == ENONET || reason == EHOSTUNREACH || reason == EOPNOTSUPP || reason == ENETUNREACH || reason == EINTR;
}

err net_accept(int listener, int *fd, struct addr *peer)
{
	struct sockaddr_storage sa = { 0 };
	for (int tries = 0; tries < 16; tries++) {
		socklen_t n = sizeof(sa);
		*fd = accept4(listener, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (*fd >= 0 || !is_aborted(errno))
			break;
	}
	if (*fd >= 0) {
		set_nodelay(*fd);
		addr_of(&sa, peer);
		return OK;
	}
	if (errno == EAGAIN || is_aborted(errno))
		return ERR(ABSENT);
	return is_exhausted(errno) ? ERR(BUSY) : ERR(SYSTEM);
}

err net_connect(const struct addr *to, int *fd)
{
	struct sockaddr_storage sa;
	socklen_t n = net_sockaddr(to, &sa);
	*fd = -1;
	ENSURE(to->family != 0, MALFORMED);
	int s = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0)
		return is_exhausted(errno) ? ERR(BUSY) : ERR(SYSTEM);
	set_nodelay(s);
	if (connect(s, (const struct sockaddr *)&sa, n) != 0 && errno != EINPROGRESS && errno != EINTR) {
		close(s);
		return ERR(CLOSED);
	}
	*fd = s;
	return OK;
}

err net_connected(int fd)
{
	int reason = 0;
	socklen_t n = sizeof(reason);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &n) != 0)
		return ERR(SYSTEM);
	if (reason != 0)
		return reason == ETIMEDOUT ? ERR(TIMEOUT) : ERR(CLOSED);
	struct sockaddr_storage sa;
	n = sizeof(sa);
	return getpeername(fd, (struct sockaddr *)&sa, &n) == 0 ? OK : ERR(INCOMPLETE);
}

err net_local(int fd, struct addr *out)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n = sizeof(sa);
	ENSURE(getsockname(fd, (struct sockaddr *)&sa, &n) == 0, SYSTEM);
	addr_of(&sa, out);
	return OK;
}

err net_read(int fd, void *p, size_t size, size_t *n)
{
	ssize_t got;
	*n = 0;
	do
		got = read(fd, p, size);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		*n = (size_t)got;
		return OK;
	}
	if (got == 0)
		return size == 0 ? OK : ERR(CLOSED);
	return errno == EAGAIN ? ERR(ABSENT) : ERR(CLOSED);
}

err net_write(int fd, str s, size_t *n)
{
	ssize_t put;
	*n = 0;
	do
		put = send(fd, s.p, s.n, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	if (put >= 0) {
		*n = (size_t)put;
		return OK;
	}
	return errno == EAGAIN || errno == ENOBUFS ? OK : ERR(CLOSED);
}

void net_close(int fd)
{
	if (fd >= 0)
		close(fd);
}
