/* SPDX-License-Identifier: Apache-2.0 */
/* keeper - holds the private keys and signs with them for the fronts and the web process; it has no socket but theirs. */
#ifndef WITAN_ROLE_KEEPER_H
#define WITAN_ROLE_KEEPER_H

#include "role/skel.h"

extern const struct role role_keeper;

#endif
