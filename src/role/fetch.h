/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch - gets files of other organisations by HTTP (revocation lists), when vault asks and from where vault says, and gives the bytes back
 * unread. The only process that dials addresses which certificates name; so it may connect and do nothing else, knows no secret, and has
 * a channel to vault alone. It runs only where there is something to fetch.
 */
#ifndef WITAN_ROLE_FETCH_H
#define WITAN_ROLE_FETCH_H

#include "role/skel.h"

extern const struct role role_fetch;

#endif
