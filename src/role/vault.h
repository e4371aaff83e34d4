/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault - the only writer of the store. It tells each front the whole state when the front's channel comes, then every
 * change once it is on the disk; counts wrong passwords for all fronts; presents the certificate's chain and the ticket
 * keys; and obeys administrators on the control socket (root, the vault's own user, and the owner of the deployment).
 *
 * Control socket: a line of JSON {"command":"New-CsUser","parameters":{"SipAddress":"sip:ann@example.test",...}}, answered by
 * a line {"ok":true,"objects":[...]} or {"ok":false,"error":NAME,"what":...,"where":...,"remedy":...}, in order, any number.
 * A line {"command":"trace","parameters":{"User":...}} (or "Address") is answered by {"ok":true,"objects":[]} and then by a line
 * {"trace":{"request":...,"outgoing":...,"peer":...,"message":...}} for each message, until the administrator goes.
 */
#ifndef WITAN_ROLE_VAULT_H
#define WITAN_ROLE_VAULT_H

#include "role/skel.h"

extern const struct role role_vault;

#endif
