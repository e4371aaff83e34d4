/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ROLE_WINBIND_WINBIND_PRIV_H
#define WITAN_ROLE_WINBIND_WINBIND_PRIV_H

#include "role/winbind.h"

/* What a status of the domain ([MS-ERREF] 2.3.1) means here. */
struct winbind_verdict {
	uint32_t status;
	/* REFUSED: a wrong password, or nobody's name: it counts as a guess. SIP_ACCOUNT, SIP_ACCOUNT_LOCKED, SIP_PASSWORD: not now, whatever the
	 * password. BUSY: nothing was judged. */
	enum err_id error;
	const char *why, *remedy; /* for the log; remedy may be empty */
};

/* Statuses without a row judge nothing. */
const struct winbind_verdict *winbind_verdict_of(uint32_t status);

#endif
