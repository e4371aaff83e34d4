/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_OS_DNS_PRIV_H
#define WITAN_OS_DNS_PRIV_H

#include "os/dns.h"

#define DNS_HOSTS_MAX (256u << 10) /* bytes of the machine's list of names */

/* Each name of a hosts(5) text with its address, in order; lines that are no such are passed over. */
void dns_hosts_each(str text, void (*fn)(void *arg, str name, const struct addr *a), void *arg);
/* ABSENT: no such file; CEILING: larger than out may be, or unreadable. */
err dns_hosts_read(const char *path, struct buf *out);

#endif
