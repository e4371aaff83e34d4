/* SPDX-License-Identifier: Apache-2.0 */
/* Rules beyond the grammar that hold whoever reads the message. */
#include "wire/sip/sip_priv.h"

static const char *const options[] = {
#define OPTION(tag) tag,
#include "wire/sip/sip_option.def"
#undef OPTION
};

static bool is_option(str tag)
{
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		if (str_eq_case(tag, str_of(options[i])))
			return true;
	return false;
}

static err check_options(const struct sip_msg *m, enum sip_hdr_id id, struct diag *d)
{
	struct sip_walk w = { 0 };
	str tag;
	while (sip_walk_next(m, id, &w, &tag))
		if (!is_option(tag))
			return diag_fail(d, ERR(SIP_EXTENSION), sip_hdr_name(id).p, "see RFC 3261 8.2.2.3",
				"no RFC defines the option tag '%.*s'", (int)(tag.n < 100 ? tag.n : 100), tag.p);
	return OK;
}

/* 255.255.255.255 or a multicast address: 224.0.0.0/4, ff00::/8 */
static bool is_many(str host)
{
	uint32_t first;
	str rest;
	if (!uri_host_is_address(host))
		return false;
	if (host.p[0] == '[')
		return str_begins_case(host, STR("[ff")) && str_find_char(host, ':') == 5;
	return str_eq(host, STR("255.255.255.255")) ||
	       (str_to_u32(str_split(host, '.', &rest), &first) && first >= 224 && first <= 239);
}

/* The Via values below the top are where a response would be relayed to. */
static err check_relays(const struct sip_msg *m, struct diag *d)
{
	struct sip_walk w = { 0 };
	str value;
	(void)sip_walk_next(m, SIP_HDR_VIA, &w, &value);
	while (sip_walk_next(m, SIP_HDR_VIA, &w, &value)) {
		struct sip_via via;
		TRY(sip_via_parse(value, &via, d));
		if (is_many(via.host))
			return sip_refuse(
				d, "Via", "see RFC 4475 3.3.10", "a response is not relayed to many at once", via.host);
	}
	return OK;
}

err sip_msg_check(const struct sip_msg *m, struct diag *d)
{
	if (!m->is_request)
		return check_relays(m, d);
	if (m->method == SIP_METHOD_REGISTER && m->to.uri.kind != URI_SIP && m->to.uri.kind != URI_SIPS)
		return sip_refuse(
			d, "To", "see RFC 3261 10.2", "no SIP or SIPS URI, so nobody can be registered", m->to.uri.raw);
	TRY(check_options(m, SIP_HDR_PROXY_REQUIRE, d));
	return check_options(m, SIP_HDR_REQUIRE, d);
}
