/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and Via values. */
#include "wire/sip/sip_priv.h"

#define SEE_ADDR "see RFC 3261 20.10, 25.1"
#define SEE_VIA  "see RFC 3261 20.42"

/* The display name up to '<'; false if this is no name-addr. s ends behind the '<'. */
static bool read_display(struct scan *s, str *display, bool *broken)
{
	struct scan at = *s;
	*broken = false;
	if (scan_peek(&at) == '"') {
		*broken = true;
		if (!sip_take_quoted(&at, display))
			return false;
		sip_skip_space(&at);
	} else {
		*display = str_trim(sip_while(&at, CHAR_TOKEN | CHAR_SPACE));
	}
	if (!scan_char(&at, '<'))
		return false;
	*s = at;
	return true;
}

static bool take_tag(void *arg, str name, str value)
{
	str *tag = arg;
	if (name.n != 3 || !str_eq_case(name, STR("tag")))
		return true;
	if (tag->n != 0 || value.n == 0 || value.p[0] == '"')
		return false;
	*tag = value;
	return true;
}

/* The addr-spec without brackets ends at a ';' or LWS, and may not hold ',' or '?' (RFC 3261 20). */
static str bare_spec(struct scan *s)
{
	const char *from = s->p;
	while (s->p != s->end && *s->p != ';' && !sip_is(*s->p, CHAR_SPACE))
		s->p++;
	return (str){ from, (size_t)(s->p - from) };
}

static bool has_any(str s, const char *set)
{
	for (const char *c = set; *c != '\0'; c++)
		if (str_find_char(s, *c) != s.n)
			return true;
	return false;
}

err sip_addr_parse_tag(str s, struct sip_addr *out, str *tag, struct diag *d)
{
	struct scan in = scan_of(s);
	bool broken;
	str spec;
	*out = (struct sip_addr){ .raw = s };
	if (s.n == 1 && s.p[0] == '*') {
		out->is_star = true;
		return OK;
	}
	out->has_brackets = read_display(&in, &out->display, &broken);
	if (!out->has_brackets && broken)
		return sip_refuse(d, "address", SEE_ADDR, "the display name is not well-formed", s);
	if (out->has_brackets) {
		size_t end = str_find_char(scan_rest(&in), '>');
		if (end == scan_left(&in))
			return sip_refuse(d, "address", SEE_ADDR, "the '>' is missing", s);
		spec = str_cut(scan_rest(&in), 0, end);
		in.p += end + 1;
	} else {
		out->display = STR("");
		spec = bare_spec(&in);
		if (has_any(spec, ",?"))
			return sip_refuse(d, "address", "see RFC 3261 20", "',' and '?' need <> around the address", s);
	}
	TRY(uri_parse(spec, &out->uri, d));
	if (!sip_read_params(&in, &out->params, tag != NULL ? take_tag : NULL, tag))
		return sip_refuse(d, "address", SEE_ADDR, "what follows the address is not well-formed", s);
	return OK;
}

err sip_addr_parse(str s, struct sip_addr *out, struct diag *d)
{
	return sip_addr_parse_tag(s, out, NULL, d);
}

static bool take_slash(struct scan *s)
{
	sip_skip_space(s);
	if (!scan_char(s, '/'))
		return false;
	sip_skip_space(s);
	return true;
}

/* sent-protocol LWS; the version is not judged here but in the start line */
static bool read_protocol(struct scan *s, str *transport)
{
	str name, version;
	if (scan_left(s) > 8 && memcmp(s->p, "SIP/2.0/", 8) == 0)
		s->p += 8;
	else if (!sip_some(s, CHAR_TOKEN, &name) || !take_slash(s) || !sip_some(s, CHAR_TOKEN, &version) ||
		 !take_slash(s))
		return false;
	sip_skip_space(s);
	if (!sip_some(s, CHAR_TOKEN, transport))
		return false;
	if (scan_at_end(s) || !sip_is(*s->p, CHAR_SPACE))
		return false;
	sip_skip_space(s);
	return true;
}

/* host [ COLON port ]: read as the host part of a URI is */
static bool read_sent_by(struct scan *s, struct sip_via *v)
{
	const char *from = s->p;
	bool bracket = scan_peek(s) == '[';
	while (s->p != s->end && *s->p != ';' && (bracket || *s->p != ':') && !sip_is(*s->p, CHAR_SPACE))
		if (*s->p++ == ']')
			bracket = false;
	v->host = (str){ from, (size_t)(s->p - from) };
	if (!uri_host_is_valid(v->host))
		return false;
	struct scan at = *s;
	sip_skip_space(&at);
	if (!scan_char(&at, ':'))
		return true;
	sip_skip_space(&at);
	from = at.p;
	while (at.p != at.end && *at.p >= '0' && *at.p <= '9')
		at.p++;
	uint32_t port;
	if (!str_to_u32((str){ from, (size_t)(at.p - from) }, &port) || port == 0 || port > UINT16_MAX)
		return false;
	v->port = (uint16_t)port;
	*s = at;
	return true;
}

static bool set_once(str *at, str value)
{
	if (at->n != 0 || value.n == 0)
		return false;
	*at = value;
	return true;
}

static bool take_via_param(void *arg, str name, str value)
{
	struct sip_via *v = arg;
	if (name.n == 6 && str_eq_case(name, STR("branch")))
		return set_once(&v->branch, value);
	if (name.n == 8 && str_eq_case(name, STR("received")))
		return set_once(&v->received, value);
	if (name.n == 5 && str_eq_case(name, STR("rport"))) {
		uint32_t port;
		if (v->has_rport || (value.n != 0 && (!str_to_u32(value, &port) || port > UINT16_MAX)))
			return false;
		v->has_rport = true;
		v->rport = value;
	}
	return true;
}

err sip_via_parse(str s, struct sip_via *out, struct diag *d)
{
	struct scan in = scan_of(s);
	*out = (struct sip_via){ .raw = s };
	if (!read_protocol(&in, &out->transport))
		return sip_refuse(d, "Via", SEE_VIA, "the protocol is not well-formed", s);
	if (!read_sent_by(&in, out))
		return sip_refuse(d, "Via", SEE_VIA, "the sent-by address is not well-formed", s);
	if (!sip_read_params(&in, &out->params, take_via_param, out))
		return sip_refuse(d, "Via", SEE_VIA, "a parameter is not well-formed", s);
	out->has_cookie = out->branch.n > 7 && str_begins_case(out->branch, STR("z9hG4bK"));
	return OK;
}
