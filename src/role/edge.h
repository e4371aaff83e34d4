/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge - the process of an Edge server, with a side inside and a side outside. Inside, only servers of the topology get through the
 * handshake; outside, everybody, by the external certificate. The services of the border are not there yet: whatever is asked, on
 * either side, is answered 503 by itself, and nothing is ever passed on.
 */
#ifndef WITAN_ROLE_EDGE_H
#define WITAN_ROLE_EDGE_H

#include "role/skel.h"

extern const struct role role_edge;

#endif
