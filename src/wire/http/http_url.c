/* SPDX-License-Identifier: Apache-2.0 */
/* Where a file is to be fetched from (RFC 3986, RFC 9110 4.2.1), and the request for it. */
#include "wire/http/http_priv.h"

/* unreserved, sub-delims, ':', '@', '/', '?', '%' */
static const struct scan_set target_set = { { 0xaffffff200000000, 0x47fffffe87ffffff } };
/* letters, digits, '-', '.', '_' */
static const struct scan_set name_set = { { 0x03ff600000000000, 0x07fffffe87fffffe } };
/* hexadecimal digits, ':', '.' */
static const struct scan_set ip6_set = { { 0x07ff400000000000, 0x0000007e0000007e } };

static err refuse(struct diag *d, const char *what, str shown)
{
	err e = diag_fail(d, ERR(MALFORMED), "URL", "it must be http://HOST[:PORT]/PATH", "%s (%.*s)", what, STR_FMT(str_cut(shown, 0, 80)));
	diag_clean(d);
	return e;
}

static bool read_port(str text, uint16_t *out)
{
	uint32_t n;
	if (!str_to_u32(text, &n) || n == 0 || n > UINT16_MAX)
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool read_authority(struct scan *in, struct http_url *out)
{
	const str whole = scan_rest(in);
	bool is_ip6 = scan_char(in, '[');
	if (!scan_some(in, is_ip6 ? &ip6_set : &name_set, &out->host) || (is_ip6 && !scan_char(in, ']')))
		return false;
	out->port = 80;
	if (scan_char(in, ':')) {
		str rest = scan_rest(in), digits = str_split(str_split(rest, '/', &(str){ 0 }), '?', &(str){ 0 });
		if (!read_port(digits, &out->port))
			return false;
		*in = scan_of(str_cut(rest, digits.n, rest.n));
	}
	out->authority = str_cut(whole, 0, whole.n - scan_rest(in).n);
	return out->host.n <= 253;
}

err http_url_parse(str text, struct http_url *out, struct diag *d)
{
	str fragment, whole = text;
	*out = (struct http_url){ .port = 80 };
	if (text.n > HTTP_URL_MAX)
		return refuse(d, "the URL is longer than 1024 bytes", whole);
	if (!str_begins_case(text, STR("http://")))
		return refuse(d, "only http:// is fetched", whole);
	text = str_split(str_cut(text, 7, text.n), '#', &fragment);
	struct scan in = scan_of(text);
	if (!read_authority(&in, out))
		return refuse(d, "the URL names no host", whole);
	out->target = scan_rest(&in);
	if (out->target.n != 0 && out->target.p[0] != '/' && out->target.p[0] != '?')
		return refuse(d, "the URL names no host", whole);
	(void)scan_while(&in, &target_set);
	struct scan tail = scan_of(fragment); /* nobody is sent it, but the URL is shown as a whole */
	(void)scan_while(&tail, &target_set);
	return scan_at_end(&in) && scan_at_end(&tail) ? OK : refuse(d, "there is a character that no URL has", whole);
}

/* The base's path up to its last '/'. */
static str directory_of(str target)
{
	str path = str_split(target, '?', &(str){ 0 });
	while (path.n != 0 && path.p[path.n - 1] != '/')
		path.n--;
	return path.n != 0 ? path : STR("/");
}

/* "https:..." or another scheme, before any '/' or '?' (RFC 3986 3.1). */
static bool has_scheme(str s)
{
	size_t colon = str_find_char(s, ':');
	return colon < s.n && colon < str_find_char(s, '/') && colon < str_find_char(s, '?');
}

err http_url_join(const struct http_url *base, str location, char out[HTTP_URL_MAX + 1], struct diag *d)
{
	struct buf b DEFER(buf_fini) = { 0 };
	struct http_url checked;
	buf_init(&b, HTTP_URL_MAX);
	if (!has_scheme(location))
		buf_add(&b, STR("http:"));
	if (!has_scheme(location) && !str_begins(location, STR("//"))) {
		buf_add(&b, STR("//"));
		buf_add(&b, base->authority);
		if (str_begins(location, STR("?")))
			buf_add(&b, str_split(base->target, '?', &(str){ 0 }));
		else if (!str_begins(location, STR("/")))
			buf_add(&b, directory_of(base->target));
	}
	buf_add(&b, location);
	if (b.failed)
		return refuse(d, "the URL is longer than 1024 bytes", location);
	TRY(http_url_parse(buf_str(&b), &checked, d));
	return str_to_z(buf_str(&b), out, HTTP_URL_MAX + 1) ? OK : refuse(d, "there is a character that no URL has", location);
}

void http_get_print(struct buf *b, const struct http_url *url, str accept)
{
	buf_add(b, STR("GET "));
	if (url->target.n == 0 || url->target.p[0] != '/')
		buf_add_char(b, '/');
	buf_add(b, url->target);
	buf_add(b, STR(" HTTP/1.1\r\n"));
	http_field_print(b, STR("Host"), url->authority);
	http_field_print(b, STR("Accept"), accept);
	http_field_print(b, STR("Accept-Encoding"), STR("identity"));
	http_field_print(b, STR("User-Agent"), STR("Witan/" WITAN_VERSION));
	http_field_print(b, STR("Connection"), STR("close"));
	http_end_print(b);
}
