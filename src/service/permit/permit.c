/* SPDX-License-Identifier: Apache-2.0 */
#include "service/permit.h"

/* "m=video 49170 RTP/SAVP 96": a port of 0 is not wanted (RFC 3264 5.1) */
static bool offers(str line, str medium)
{
	if (!str_begins_case(line, medium))
		return false;
	str rest, port = str_split(str_cut(line, medium.n, line.n), ' ', &rest);
	return !str_eq(port, STR("0"));
}

unsigned permit_media(str body)
{
	unsigned media = 0;
	while (body.n != 0) {
		str line = str_split(body, '\n', &body);
		media |= offers(line, STR("m=audio ")) ? PERMIT_AUDIO : 0;
		media |= offers(line, STR("m=video ")) ? PERMIT_VIDEO : 0;
	}
	return media;
}

static err check(const struct permit *p, str aor, unsigned media)
{
	const struct user *u = aor.n != 0 ? user_find(p->users, aor) : NULL;
	if (u == NULL)
		return OK; /* of another server: its own decides */
	str grants = user_grants(u);
	ENSURE(!str_eq(policy_grant(grants, STR("AudioVideoDisabled")), STR("True")), SIP_FORBIDDEN);
	const struct cs_ConferencingPolicy *policy = policies_find(p->policies, SCHEMA_ID_ConferencingPolicy, grants);
	ENSURE((media & PERMIT_VIDEO) == 0 || policy->EnableP2PVideo, SIP_MEDIA);
	return OK;
}

/* Who signs out may do so from everywhere; the stage after this one tells it from signing in. */
static err check_outside(const struct permit *p, const struct request *r)
{
	const struct user *u = flow_is_outside(&r->in->flow) ? user_find(p->users, r->aor) : NULL;
	if (u == NULL)
		return OK;
	const struct cs_ExternalAccessPolicy *policy = policies_find(p->policies, SCHEMA_ID_ExternalAccessPolicy, user_grants(u));
	return policy->EnableOutsideAccess ? OK : ERR(SIP_OUTSIDE);
}

err permit_stage(void *state, struct request *r, enum stage_verdict *v)
{
	const struct permit *p = state;
	if (r->in->msg.method == SIP_METHOD_REGISTER)
		return check_outside(p, r);
	unsigned media = permit_media(r->in->msg.body);
	*v = STAGE_NEXT;
	if (media == 0)
		return OK;
	TRY(check(p, r->aor, media));
	return check(p, r->target, media);
}
