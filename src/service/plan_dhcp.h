/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_dhcp - what a DHCP server tells desk phones: where to get their certificate (option 43 for the vendor class
 * MS-UC-Client) and where to sign in (option 120, RFC 3361). Pure.
 */
#ifndef WITAN_SERVICE_PLAN_DHCP_H
#define WITAN_SERVICE_PLAN_DHCP_H

#include "base/mem.h"
#include "model/topo.h"

#define PLAN_DHCP_CLASS "MS-UC-Client"
#define PLAN_DHCP_PATH  "/CertProv/CertProvisioningService.svc"
#define PLAN_DHCP_MOST  255 /* octets of an option */

struct plan_dhcp {
	str pool, registrar, web; /* the pool; names in option 120 and in option 43 */
	str vendor;               /* octets of option 43 */
	str servers;              /* octets of option 120 */
};

/* For the phones of a pool (its registrar and web services); pool NULL: where clients come in. Lives in `a`. REFUSED
 * with d: a pool without registrar or web services, or a name too long for an option. */
err plan_dhcp(
	const struct topo *t, const struct topo_pool *pool, struct arena *a, struct plan_dhcp *out, struct diag *d);

/* Appends what is to be put into the configuration of Kea (JSON, kea-dhcp4) or of ISC dhcpd. */
void plan_dhcp_print_kea(const struct plan_dhcp *p, struct buf *out);
void plan_dhcp_print_isc(const struct plan_dhcp *p, struct buf *out);

#endif
