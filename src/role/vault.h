/* SPDX-License-Identifier: Apache-2.0 */
/* vault - the only writer of the store; tells the fronts what is in it and answers administrators. */
#ifndef WITAN_ROLE_VAULT_H
#define WITAN_ROLE_VAULT_H

#include "role/skel.h"

extern const struct role role_vault;

#endif
