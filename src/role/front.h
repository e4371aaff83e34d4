/* SPDX-License-Identifier: Apache-2.0 */
/* front - the process that speaks SIP with users: connections, sign-in, registrar, routing. Several share one server. */
#ifndef WITAN_ROLE_FRONT_H
#define WITAN_ROLE_FRONT_H

#include "role/skel.h"

extern const struct role role_front;

#endif
