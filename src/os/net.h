/* SPDX-License-Identifier: Apache-2.0 */
/* net - TCP sockets and addresses of both families. Every socket is non-blocking and close-on-exec. */
#ifndef WITAN_OS_NET_H
#define WITAN_OS_NET_H

#include "base/err.h"
#include "base/str.h"

/* 20 bytes; comparable with memcmp once made by one of the functions here. IPv4-mapped addresses are stored as IPv4. */
struct addr {
	uint8_t ip[16];
	uint16_t port;  /* host order */
	uint8_t family; /* 4 or 6; 0: none */
	uint8_t pad;
};

#define ADDR_TEXT 64 /* bytes that every printed address fits into, NUL included */

/* "192.0.2.1" or "2001:db8::1" (with or without brackets); port as given. */
err addr_parse(str s, uint16_t port, struct addr *out);
/* Without port and brackets, NUL-ended: "2001:db8::1". Answers out. */
const char *addr_print(const struct addr *a, char out[ADDR_TEXT]);
/* As a SIP host: IPv6 in brackets. */
const char *addr_print_host(const struct addr *a, char out[ADDR_TEXT]);

/* A listening socket: SO_REUSEADDR, backlog as given. SYSTEM with the reason in d. Family 0 listens on all addresses of
 * both families (IPv4 alone where the host has no IPv6). */
err net_listen(const struct addr *a, int backlog, int *fd, struct diag *d);
/* n listening sockets on the same address, among which the system spreads the connections evenly (SO_REUSEPORT). Each has a
 * queue of its own that lasts as long as anybody has the socket open. Port 0: one free port for all of them. */
err net_listen_group(const struct addr *a, int backlog, int *fds, unsigned n, struct diag *d);
/* One waiting connection, TCP_NODELAY set. ABSENT: none is waiting. BUSY: no descriptor or memory left (EMFILE, ENFILE, ENOBUFS, ENOMEM). */
err net_accept(int listener, int *fd, struct addr *peer);
/* Begins to connect; done when writable, then net_connected. */
err net_connect(const struct addr *to, int *fd);
err net_connected(int fd);
err net_local(int fd, struct addr *out);
/* *n bytes read. ABSENT: nothing now. CLOSED: the end. */
err net_read(int fd, void *p, size_t size, size_t *n);
/* *n bytes taken (maybe 0). CLOSED: the peer is gone. */
err net_write(int fd, str s, size_t *n);
void net_close(int fd);

#endif
