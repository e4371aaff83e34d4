/* SPDX-License-Identifier: Apache-2.0 */
/* load_net - TLS connections of a load generator: one epoll, OpenSSL on the descriptor. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 16384, CEILING = 1 << 20 };

bool net_init(struct net *n, const char *host, uint16_t port, unsigned addresses, const char *ca, bool tls12)
{
	*n = (struct net){ .host = host, .port = port, .addresses = addresses };
	n->epoll = epoll_create1(EPOLL_CLOEXEC);
	n->tls = SSL_CTX_new(TLS_client_method());
	if (n->epoll < 0 || n->tls == NULL)
		return false;
	SSL_CTX_set_min_proto_version(n->tls, tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_max_proto_version(n->tls, tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_mode(
		n->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(n->tls, SSL_SESS_CACHE_OFF);
	if (ca == NULL)
		return true;
	SSL_CTX_set_verify(n->tls, SSL_VERIFY_PEER, NULL);
	return SSL_CTX_load_verify_locations(n->tls, ca, NULL) == 1;
}

static void want(struct net *n, struct link *l, void *arg, unsigned events)
{
	if (l->wanted == events)
		return;
	struct epoll_event e = { .events = events, .data.ptr = arg };
	epoll_ctl(n->epoll, l->wanted == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, l->fd, &e);
	l->wanted = events;
}

/* The next local address: 127.1.0.1, 127.1.0.2, ...; the port is chosen when connecting. */
static bool bind_local(struct net *n, int fd)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	if (n->addresses == 0)
		return true;
	int on = 1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	sin.sin_addr.s_addr = htonl(0x7f010001u + n->next_address++ % n->addresses);
	return bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0;
}

bool link_open(struct net *n, struct link *l, void *arg)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(n->port) };
	int on = 1;
	*l = (struct link){ .state = LINK_CONNECTING };
	buf_init(&l->in, CEILING);
	buf_init(&l->out, CEILING);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || inet_pton(AF_INET, n->host, &to.sin_addr) != 1)
		return false;
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (!bind_local(n, l->fd) || (connect(l->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS))
		return false;
	n->opened++;
	want(n, l, arg, EPOLLOUT);
	return true;
}

void link_close(struct net *n, struct link *l)
{
	if (l->state == LINK_DOWN)
		return;
	if (l->ssl != NULL) {
		if (l->state == LINK_UP)
			SSL_shutdown(l->ssl);
		SSL_free(l->ssl);
	}
	if (l->fd >= 0)
		close(l->fd);
	buf_fini(&l->in);
	buf_fini(&l->out);
	*l = (struct link){ .state = LINK_DOWN, .fd = -1 };
}

static bool begin_tls(struct net *n, struct link *l)
{
	int error = 0;
	socklen_t size = sizeof error;
	struct sockaddr_in sin;
	socklen_t sin_size = sizeof sin;
	if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
		return false;
	if (getsockname(l->fd, (struct sockaddr *)&sin, &sin_size) != 0)
		return false;
	inet_ntop(AF_INET, &sin.sin_addr, l->ip, sizeof l->ip);
	l->port = ntohs(sin.sin_port);
	l->ssl = SSL_new(n->tls);
	l->state = LINK_SHAKING;
	return l->ssl != NULL && SSL_set_fd(l->ssl, l->fd) == 1;
}

static bool shake(struct net *n, struct link *l, void *arg)
{
	ERR_clear_error();
	int r = SSL_connect(l->ssl);
	if (r == 1) {
		l->state = LINK_UP;
		want(n, l, arg, EPOLLIN);
		return true;
	}
	int why = SSL_get_error(l->ssl, r);
	want(n, l, arg, why == SSL_ERROR_WANT_WRITE ? EPOLLOUT : EPOLLIN);
	return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ;
}

static bool fill(struct link *l)
{
	for (;;) {
		if (!buf_reserve(&l->in, CHUNK))
			return false;
		ERR_clear_error();
		int r = SSL_read(l->ssl, l->in.p + l->in.n, CHUNK);
		if (r > 0) {
			l->in.n += (size_t)r;
			continue;
		}
		int why = SSL_get_error(l->ssl, r);
		return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
	}
}

bool link_flush(struct net *n, struct link *l, void *arg)
{
	while (l->out.n != 0) {
		ERR_clear_error();
		int r = SSL_write(l->ssl, l->out.p, (int)l->out.n);
		if (r <= 0) {
			int why = SSL_get_error(l->ssl, r);
			want(n, l, arg, EPOLLIN | EPOLLOUT);
			return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ;
		}
		buf_drop(&l->out, (size_t)r);
	}
	want(n, l, arg, EPOLLIN);
	return true;
}

bool link_work(struct net *n, struct link *l, void *arg)
{
	if (l->state == LINK_CONNECTING && !begin_tls(n, l))
		return false;
	if (l->state == LINK_SHAKING)
		return shake(n, l, arg);
	bool alive = fill(l);
	return link_flush(n, l, arg) && alive;
}
