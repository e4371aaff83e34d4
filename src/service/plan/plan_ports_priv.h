/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_PLAN_PORTS_PRIV_H
#define WITAN_SERVICE_PLAN_PORTS_PRIV_H

#include "service/plan_ports.h"

#include "service/plan/plan_door.h"

/* The part of a store's URL with its hosts; false if it has none. */
bool unit_store_hosts(str url, str *hosts);
/* Takes the next of them; false at the end, or when its port is none. */
bool unit_store_next(str *hosts, str *name, uint32_t *port);
err unit_add_all(const struct topo *t, struct arena *a, struct plan_ports *out, struct diag *d);

#endif
