/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edge - the process of an Edge server, with a side inside and a side outside. Inside, only servers of the topology get through the
 * handshake; outside, everybody, by the external certificate. Clients outside who ask to sign in are connected with the pool inside
 * (edge_client.c); the Edge has no secrets, so it is there that they prove who they are. Partners are not there yet: what servers inside ask is
 * answered 503.
 */
#ifndef WITAN_ROLE_EDGE_H
#define WITAN_ROLE_EDGE_H

#include "role/skel.h"

extern const struct role role_edge;

#endif
