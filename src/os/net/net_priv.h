/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_OS_NET_PRIV_H
#define WITAN_OS_NET_PRIV_H

#include "os/net.h"

#include <sys/socket.h>

/* family 4: 4 bytes at ip, 6: 16 bytes; an IPv4-mapped address becomes IPv4. */
void addr_make(uint8_t family, const void *ip, uint16_t port, struct addr *out);
socklen_t net_sockaddr(const struct addr *a, struct sockaddr_storage *out);

#endif
