/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the values of a parsed message. */
#include "wire/sip/sip_priv.h"

bool sip_walk_next(const struct sip_msg *m, enum sip_hdr_id id, struct sip_walk *w, str *value)
{
	if (!w->begun) {
		w->begun = true;
		w->hdr = sip_hdr_first(m, id);
		w->rest = w->hdr != NULL ? w->hdr->value : STR("");
	}
	while (w->hdr != NULL) {
		if (sip_hdr_kind(id) == SIP_KIND_LIST && sip_next_value(&w->rest, value))
			return true;
		bool whole = sip_hdr_kind(id) != SIP_KIND_LIST;
		if (whole)
			*value = w->hdr->value;
		w->hdr = sip_hdr_next(m, w->hdr);
		w->rest = w->hdr != NULL ? w->hdr->value : STR("");
		if (whole)
			return true;
	}
	return false;
}

bool sip_has_token(const struct sip_msg *m, enum sip_hdr_id id, str token)
{
	struct sip_walk w = { 0 };
	str value;
	while (sip_walk_next(m, id, &w, &value))
		if (str_eq_case(value, token))
			return true;
	return false;
}

bool sip_hdr_seconds(const struct sip_msg *m, enum sip_hdr_id id, uint32_t *out)
{
	str value = sip_hdr_value(m, id);
	size_t n = 0;
	while (n < value.n && value.p[n] >= '0' && value.p[n] <= '9')
		n++;
	if (n < value.n && value.p[n] != ';' && value.p[n] != '(' && !sip_is(value.p[n], CHAR_SPACE))
		return false;
	uint64_t v;
	if (!sip_digits(str_cut(value, 0, n), &v))
		return false;
	*out = v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
	return true;
}
