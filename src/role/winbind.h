/* SPDX-License-Identifier: Apache-2.0 */
/*
 * winbind - asks Samba's winbind whether proofs of NTLM of a Windows domain's accounts are right. Its library waits for the answer, so it has
 * a process of its own, which does one thing after another: vault has the queue. A call that hangs ends the process (alarm), and master starts the
 * next. It runs only where NtlmDomains of ProxyConfiguration names a domain.
 */
#ifndef WITAN_ROLE_WINBIND_H
#define WITAN_ROLE_WINBIND_H

#include "role/skel.h"

extern const struct role role_winbind;

#endif
