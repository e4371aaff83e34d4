/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_OS_JAIL_PRIV_H
#define WITAN_OS_JAIL_PRIV_H

#include "os/jail.h"

/* Sanitizers read /proc, make threads and map what they like: their builds run without filters. Never so in another
 * build. */
#ifdef __SANITIZE_ADDRESS__
#define JAIL_SANITIZER true
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define JAIL_SANITIZER true
#endif
#endif
#ifndef JAIL_SANITIZER
#define JAIL_SANITIZER false
#endif

/* No file outside the room, no TCP port, no signal to others. ABSENT: this kernel has no Landlock. */
err jail_landlock_make(const struct jail *j, int dir, int *out, struct diag *d);
/* Takes over what was made (while the directories could still be opened). */
err jail_landlock_enforce(int rules, struct diag *d);
/* Only the system calls of the row. ABSENT: this kernel has no filters. */
err jail_seccomp(const struct jail *j, struct diag *d);

#endif
