/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault - the only writer of the store. It tells each front the whole state when the front's channel comes, then every
 * change once it is on the disk; counts wrong passwords for all fronts; presents the certificate's chain and the ticket
 * keys; and obeys administrators: on the control socket (root, its own user and the owner of the deployment as they are, everybody
 * else by a session), and through the web process, which carries the same lines and has no rights of its own.
 *
 * A line of JSON {"command":"New-CsUser","parameters":{"SipAddress":"sip:ann@example.test",...},"input":OBJECT,"session":TOKEN} - input is what
 * was piped in, and both may be absent - is answered by a line {"ok":true,"objects":[...],"kind":...,"warnings":[...],"verbose":[...]} or
 * {"ok":false,"error":NAME,"what":...,"where":...,"remedy":...,"warnings":[...]}, in order, any number. Nothing is answered before it is on the
 * disk. "sign-in" (User, Password, Code; or a certificate that web sends along) answers a Session; "session" tells whose it is, "sign-out" ends it.
 * A line {"command":"trace","parameters":{"User":...}} (or "Address") is answered by {"ok":true,"objects":[]} and then by a line
 * {"trace":{"request":...,"outgoing":...,"peer":...,"message":...}} for each message, until the administrator goes.
 */
#ifndef WITAN_ROLE_VAULT_H
#define WITAN_ROLE_VAULT_H

#include "role/skel.h"

extern const struct role role_vault;

#endif
