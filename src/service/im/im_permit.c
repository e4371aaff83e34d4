/* SPDX-License-Identifier: Apache-2.0 */
/* What the ClientPolicy of either side forbids to be shown: HTML, and with it all that is not plain. */
#include "service/im/im_priv.h"

static struct im_ban ban_of(const struct im *s, str aor)
{
	const struct user *u = aor.n != 0 ? user_find(s->c.users, aor) : NULL;
	if (u == NULL)
		return (struct im_ban){ 0 }; /* of another server: its own decides */
	const struct cs_ClientPolicy *p = policies_find(s->c.policies, SCHEMA_ID_ClientPolicy, user_grants(u));
	return (struct im_ban){ .html = p->DisableHtmlIm, .rtf = p->DisableHtmlIm && p->DisableRTFIM };
}

struct im_ban im_ban(const struct im *s, str a, str b)
{
	struct im_ban one = ban_of(s, a), other = ban_of(s, b);
	return (struct im_ban){ one.html || other.html, one.rtf || other.rtf };
}

bool im_may_pass(const struct im *s, const struct sip_msg *m, str a, str b)
{
	str params, type = str_trim(str_split(sip_hdr_value(m, SIP_HDR_CONTENT_TYPE), ';', &params));
	bool is_html = str_eq_case(type, STR("text/html")), is_rtf = str_eq_case(type, STR("text/rtf"));
	if (!is_html && !is_rtf)
		return true;
	struct im_ban ban = im_ban(s, a, b);
	return is_html ? !ban.html : !ban.rtf;
}
