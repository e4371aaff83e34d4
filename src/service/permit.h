/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permit - may somebody sign in from outside (ExternalAccessPolicy, EnableOutsideAccess)? And what may two people use when one calls the other: sound and picture, by the marks and the policies of both. A call that offers more is
 * refused before it rings: 403 for a user whose AudioVideoDisabled is set, 488 for a picture that a ConferencingPolicy with EnableP2PVideo
 * $false forbids, so that the caller's client can offer sound alone (RFC 3261 21.4.26).
 */
#ifndef WITAN_SERVICE_PERMIT_H
#define WITAN_SERVICE_PERMIT_H

#include "engine/stage.h"
#include "model/policy.h"
#include "service/user.h"

struct permit {
	const struct users *users;
	const struct policies *policies;
};

/* For REGISTER; and for INVITE, also within a dialog. A request without an offer passes: what the other side then offers is not known here. */
err permit_stage(void *state, struct request *r, enum stage_verdict *v);

/* Which media a body offers, read line by line (RFC 8866 5.14), so that no wrapping or mistake around them hides them. */
enum permit_media { PERMIT_AUDIO = 1 << 0, PERMIT_VIDEO = 1 << 1 };
unsigned permit_media(str body);

#endif
