/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of well-known fields that sip_msg_parse does not decode: whoever reads one later may rely on it. */
#include "wire/sip/sip_priv.h"

static bool is_at_end(struct scan *s)
{
	sip_skip_space(s);
	return scan_at_end(s);
}

/* name-addr or addr-spec, once */
static err check_addr(str value, struct diag *d)
{
	struct sip_addr a;
	TRY(sip_addr_parse(value, &a, d));
	return a.is_star ? sip_refuse(d, NULL, "see RFC 3261 20", "'*' stands for no address here", value) : OK;
}

static err check_addrs(str value, struct diag *d)
{
	str one, rest = value;
	if (value.n == 0)
		return sip_refuse(d, NULL, "see RFC 3261 20", "the field is empty", value);
	while (sip_next_value(&rest, &one))
		TRY(check_addr(one, d));
	return OK;
}

static err check_contact(str value, struct diag *d)
{
	return value.n == 1 && value.p[0] == '*' ? OK : check_addrs(value, d);
}

/* name-addr only (Route and its kin) */
static err check_routes(str value, struct diag *d)
{
	str one, rest = value;
	if (value.n == 0)
		return sip_refuse(d, NULL, "see RFC 3261 20.34", "the field is empty", value);
	while (sip_next_value(&rest, &one)) {
		struct sip_addr a;
		TRY(sip_addr_parse(one, &a, d));
		if (!a.has_brackets)
			return sip_refuse(d, NULL, "see RFC 3261 20.34", "<> is missing around the address", one);
	}
	return OK;
}

/* delta-seconds, then parameters or a comment */
static err check_seconds(str value, struct diag *d)
{
	struct scan in = scan_of(value);
	str digits;
	if (!sip_some(&in, CHAR_DIGIT, &digits))
		return sip_refuse(d, NULL, "see RFC 3261 20.19", "there is no number of seconds", value);
	char c = scan_peek(&in);
	if (!scan_at_end(&in) && c != ';' && c != '(' && !sip_is(c, CHAR_SPACE))
		return sip_refuse(d, NULL, "see RFC 3261 20.19", "the number of seconds is not well-formed", value);
	return OK;
}

static bool is_one_of(str s, const char *names)
{
	for (; *names != '\0'; names += 3)
		if (s.n == 3 && memcmp(s.p, names, 3) == 0)
			return true;
	return false;
}

/* SIP-date: "Sat, 15 Oct 2005 04:44:56 GMT"; d stands for a digit */
static err check_date(str value, struct diag *d)
{
	static const char form[] = "..., dd ... dddd dd:dd:dd GMT";
	bool good = value.n == sizeof form - 1;
	for (size_t i = 0; good && i < value.n; i++) {
		char c = value.p[i];
		good = form[i] == 'd' ? c >= '0' && c <= '9' : form[i] == '.' || form[i] == c;
	}
	good = good && is_one_of(str_cut(value, 0, 3), "MonTueWedThuFriSatSun") &&
	       is_one_of(str_cut(value, 8, 11), "JanFebMarAprMayJunJulAugSepOctNovDec");
	return good ? OK : sip_refuse(d, NULL, "see RFC 3261 20.17", "the date is not well-formed", value);
}

/* type "/" subtype and parameters */
static err check_media_type(str value, struct diag *d)
{
	struct scan in = scan_of(value);
	str part;
	bool good = sip_some(&in, CHAR_TOKEN, &part);
	sip_skip_space(&in);
	good = good && scan_char(&in, '/');
	sip_skip_space(&in);
	good = good && sip_some(&in, CHAR_TOKEN, &part) && sip_read_params(&in, &part, NULL, NULL);
	return good ? OK : sip_refuse(d, NULL, "see RFC 3261 20.15", "the media type is not well-formed", value);
}

/* a token and parameters (Event, Subscription-State, Content-Disposition) */
static err check_token_params(str value, struct diag *d)
{
	struct scan in = scan_of(value);
	str part;
	if (!sip_some(&in, CHAR_TOKEN, &part) || !sip_read_params(&in, &part, NULL, NULL))
		return sip_refuse(d, NULL, "see RFC 3261 25.1", "the value is not well-formed", value);
	return OK;
}

/* 1#token: option tags must be known exactly, so nothing else may stand there */
static err check_tokens(str value, struct diag *d)
{
	str one, rest = value;
	while (sip_next_value(&rest, &one)) {
		struct scan in = scan_of(one);
		str token;
		if (!sip_some(&in, CHAR_TOKEN, &token) || !scan_at_end(&in))
			return sip_refuse(d, NULL, "see RFC 3261 25.1", "the list of tokens is not well-formed", value);
	}
	return OK;
}

/* auth-scheme LWS and something; what it means is for wire/digest */
static err check_auth(str value, struct diag *d)
{
	struct scan in = scan_of(value);
	str scheme;
	if (!sip_some(&in, CHAR_TOKEN, &scheme) || scan_at_end(&in) || !sip_is(*in.p, CHAR_SPACE))
		return sip_refuse(
			d, NULL, "see RFC 3261 20.7", "the scheme is not well-formed", STR("")); /* it may be secret */
	return OK;
}

/* response-num LWS CSeq-num LWS Method (RFC 3262 7.2) */
static err check_rack(str value, struct diag *d)
{
	struct scan in = scan_of(value);
	str part;
	bool good = sip_some(&in, CHAR_DIGIT, &part);
	sip_skip_space(&in);
	good = good && sip_some(&in, CHAR_DIGIT, &part);
	sip_skip_space(&in);
	good = good && sip_some(&in, CHAR_TOKEN, &part) && is_at_end(&in);
	return good ? OK : sip_refuse(d, NULL, "see RFC 3262 7.2", "the value is not well-formed", value);
}

static err check_number(str value, struct diag *d)
{
	uint32_t n;
	return str_to_u32(value, &n) ? OK : sip_refuse(d, NULL, "see RFC 3261 25.1", "this is no number", value);
}

/* warn-code SP warn-agent SP warn-text: the code's three digits are what programs read */
static err check_warning(str value, struct diag *d)
{
	struct scan in = scan_of(value);
	str code;
	if (!sip_some(&in, CHAR_DIGIT, &code) || code.n != 3 || scan_peek(&in) != ' ')
		return sip_refuse(d, NULL, "see RFC 3261 20.43", "the warning code is not three digits", value);
	return OK;
}

typedef err check_fn(str value, struct diag *d);

static check_fn *const checks[SIP_HDR_N] = {
	[SIP_HDR_CONTACT] = check_contact,
	[SIP_HDR_ROUTE] = check_routes,
	[SIP_HDR_RECORD_ROUTE] = check_routes,
	[SIP_HDR_PATH] = check_routes,
	[SIP_HDR_SERVICE_ROUTE] = check_routes,
	[SIP_HDR_P_ASSERTED_IDENTITY] = check_addrs,
	[SIP_HDR_P_PREFERRED_IDENTITY] = check_addrs,
	[SIP_HDR_REFER_TO] = check_addr,
	[SIP_HDR_REFERRED_BY] = check_addr,
	[SIP_HDR_REPLY_TO] = check_addr,
	[SIP_HDR_EXPIRES] = check_seconds,
	[SIP_HDR_MIN_EXPIRES] = check_seconds,
	[SIP_HDR_SESSION_EXPIRES] = check_seconds,
	[SIP_HDR_MIN_SE] = check_seconds,
	[SIP_HDR_RETRY_AFTER] = check_seconds,
	[SIP_HDR_DATE] = check_date,
	[SIP_HDR_CONTENT_TYPE] = check_media_type,
	[SIP_HDR_CONTENT_DISPOSITION] = check_token_params,
	[SIP_HDR_EVENT] = check_token_params,
	[SIP_HDR_SUBSCRIPTION_STATE] = check_token_params,
	[SIP_HDR_REQUIRE] = check_tokens,
	[SIP_HDR_PROXY_REQUIRE] = check_tokens,
	[SIP_HDR_SUPPORTED] = check_tokens,
	[SIP_HDR_UNSUPPORTED] = check_tokens,
	[SIP_HDR_AUTHORIZATION] = check_auth,
	[SIP_HDR_PROXY_AUTHORIZATION] = check_auth,
	[SIP_HDR_WWW_AUTHENTICATE] = check_auth,
	[SIP_HDR_PROXY_AUTHENTICATE] = check_auth,
	[SIP_HDR_RACK] = check_rack,
	[SIP_HDR_RSEQ] = check_number,
	[SIP_HDR_MAX_BREADTH] = check_number,
	[SIP_HDR_WARNING] = check_warning,
};

err sip_check_field(enum sip_hdr_id id, str value, struct diag *d)
{
	return checks[id] != NULL ? checks[id](value, d) : OK;
}
