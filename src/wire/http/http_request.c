/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request ends, and what its request line and fields say. */
#include "wire/http/http_priv.h"

/* ! # $ % & ' * + - . 0-9 A-Z ^ _ ` a-z | ~ */
const struct scan_set http_token = { { 0x03ff6cfa00000000, 0x57ffffffc7fffffe } };
/* HTAB, SP, VCHAR, obs-text (RFC 9110 5.5) */
static const struct scan_set value_set = { { 0xffffffff00000200, 0x7fffffffffffffff, UINT64_MAX, UINT64_MAX } };
/* what a target may consist of: RFC 3986 characters and '%' */
static const struct scan_set target_set = { { 0xaffffff200000000, 0x47fffffeafffffff } };
/* RFC 3986 authority without userinfo: reg-name, IP literal, port */
static const struct scan_set host_set = { { 0x2fff7ff200000000, 0x47fffffeaffffffe } };

err http_refuse(struct diag *d, err e, const char *where, const char *what, str shown)
{
	err made = shown.n == 0 ? diag_fail(d, e, where, "see RFC 9112", "%s", what)
				: diag_fail(d, e, where, "see RFC 9112", "%s (%.*s)", what, STR_FMT(str_cut(shown, 0, 40)));
	diag_clean(d);
	return made;
}

/* ---- the request line ---- */

static const struct {
	str name;
	enum http_method method;
} methods[] = {
	{ { "GET", 3 }, HTTP_GET },       { { "HEAD", 4 }, HTTP_HEAD },   { { "POST", 4 }, HTTP_POST },
	{ { "PUT", 3 }, HTTP_PUT },       { { "PATCH", 5 }, HTTP_PATCH }, { { "DELETE", 6 }, HTTP_DELETE },
	{ { "OPTIONS", 7 }, HTTP_OPTIONS },
};

static enum http_method find_method(str name)
{
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (str_eq(methods[i].name, name))
			return methods[i].method;
	return HTTP_OTHER;
}

/* Everything after an absolute-form's authority is as in origin-form; nothing means "/". */
static err split_absolute(struct http_request *out, str *target, struct diag *d)
{
	str rest = *target;
	if (str_begins_case(rest, STR("https://")))
		rest = str_cut(rest, 8, rest.n);
	else if (str_begins_case(rest, STR("http://")))
		rest = str_cut(rest, 7, rest.n);
	else
		return http_refuse(d, ERR(MALFORMED), "request line", "this is no target of a request", *target);
	struct scan in = scan_of(rest);
	if (!scan_some(&in, &host_set, &out->host))
		return http_refuse(d, ERR(MALFORMED), "request line", "the target names no host", *target);
	*target = scan_rest(&in);
	if (target->n != 0 && target->p[0] != '/' && target->p[0] != '?')
		return http_refuse(d, ERR(MALFORMED), "request line", "this is no target of a request", rest);
	return OK;
}

static err read_target(struct http_request *out, str target, struct diag *d)
{
	bool is_whole = str_eq(target, STR("*")) && out->method == HTTP_OPTIONS;
	if (!is_whole && target.p[0] != '/')
		TRY(split_absolute(out, &target, d));
	out->path = str_split(target, '?', &out->query);
	if (out->path.n == 0)
		out->path = STR("/");
	return OK;
}

static err read_version(struct http_request *out, str version, struct diag *d)
{
	bool is_http = version.n == 8 && str_begins(version, STR("HTTP/")) && version.p[6] == '.' && version.p[5] >= '0' &&
		       version.p[5] <= '9' && version.p[7] >= '0' && version.p[7] <= '9';
	if (!is_http)
		return http_refuse(d, ERR(MALFORMED), "request line", "it does not end with a version", version);
	if (version.p[5] != '1')
		return http_refuse(d, ERR(HTTP_VERSION), "request line", "only HTTP/1.1 and 1.0 are spoken here", version);
	out->minor = version.p[7] == '0' ? 0 : 1;
	return OK;
}

/* method SP target SP version (RFC 9112 3): one blank each, since lenient readers have been tricked by more */
static err read_line(struct http_request *out, str line, struct diag *d)
{
	struct scan in = scan_of(line);
	str target;
	if (!scan_some(&in, &http_token, &out->method_name) || !scan_char(&in, ' '))
		return http_refuse(d, ERR(MALFORMED), "request line", "it does not begin with a method", line);
	out->method = find_method(out->method_name);
	if (!scan_some(&in, &target_set, &target) || !scan_char(&in, ' '))
		return http_refuse(d, ERR(MALFORMED), "request line", "its target is not well-formed", scan_rest(&in));
	TRY(read_version(out, scan_rest(&in), d));
	return read_target(out, target, d);
}

/* ---- fields ---- */

static err read_field(struct http_request *out, str line, struct diag *d)
{
	struct scan in = scan_of(line);
	struct http_field f;
	if (line.p[0] == ' ' || line.p[0] == '\t')
		return http_refuse(d, ERR(MALFORMED), "header", "a field goes on in a second line", line);
	/* no blank between name and colon: RFC 9112 5.1 */
	if (!scan_some(&in, &http_token, &f.name) || !scan_char(&in, ':'))
		return http_refuse(d, ERR(MALFORMED), "header", "a line is no field", line);
	f.value = scan_while(&in, &value_set);
	if (!scan_at_end(&in))
		return http_refuse(d, ERR(MALFORMED), "header", "a field holds a control character", f.name);
	if (out->n_fields == HTTP_FIELDS_MAX)
		return http_refuse(d, ERR(HTTP_HEADER), "header", "there are more than 64 fields", STR(""));
	f.value = str_trim(f.value);
	out->fields[out->n_fields++] = f;
	return OK;
}

const struct http_field *http_field_find(const struct http_request *r, str name)
{
	for (size_t i = 0; i < r->n_fields; i++)
		if (str_eq_case(r->fields[i].name, name))
			return &r->fields[i];
	return NULL;
}

const struct http_field *http_find_twice(const struct http_request *r, str name)
{
	const struct http_field *first = http_field_find(r, name);
	for (const struct http_field *f = first; first != NULL && ++f < r->fields + r->n_fields;)
		if (str_eq_case(f->name, name))
			return f;
	return NULL;
}

static err check_single(const struct http_request *r, struct diag *d)
{
	static const char *const names[] = { "Host", "Content-Length", "Content-Type", "Authorization", "Origin", "Expect",
		"Witan-CSRF", "Witan-Cookie" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (http_find_twice(r, str_of(names[i])) != NULL)
			return http_refuse(d, ERR(MALFORMED), names[i], "the field stands there twice", STR(""));
	return OK;
}

/* RFC 9112 3.2: also beside a target that names a host; HTTP/1.0 may leave it out. */
static err read_host(struct http_request *out, struct diag *d)
{
	const struct http_field *f = http_field_find(out, STR("Host"));
	if (f == NULL)
		return out->minor == 0 ? OK : http_refuse(d, ERR(MALFORMED), "Host", "the field is missing", STR(""));
	struct scan in = scan_of(f->value);
	str host;
	if (!scan_some(&in, &host_set, &host) || !scan_at_end(&in))
		return http_refuse(d, ERR(MALFORMED), "Host", "this is no host", f->value);
	if (out->host.n == 0)
		out->host = host;
	return OK;
}

static err read_length(const struct http_request *out, uint64_t *content, struct diag *d)
{
	const struct http_field *coding = http_field_find(out, STR("Transfer-Encoding"));
	const struct http_field *length = http_field_find(out, STR("Content-Length"));
	*content = 0;
	if (coding != NULL)
		return http_refuse(d, ERR(HTTP_CODING), "Transfer-Encoding", "send the body with Content-Length", coding->value);
	if (length != NULL && !str_to_u64(length->value, content))
		return http_refuse(d, ERR(MALFORMED), "Content-Length", "this is no length", length->value);
	return OK;
}

bool http_has_word(str list, str word)
{
	while (list.n != 0)
		if (str_eq_case(str_trim(str_split(list, ',', &list)), word))
			return true;
	return false;
}

static void read_persistence(struct http_request *out)
{
	out->keep_alive = out->minor == 1;
	for (size_t i = 0; i < out->n_fields; i++)
		if (str_eq_case(out->fields[i].name, STR("Connection")) && http_has_word(out->fields[i].value, STR("close")))
			out->keep_alive = false;
}

static err read_expect(struct http_request *out, struct diag *d)
{
	const struct http_field *f = http_field_find(out, STR("Expect"));
	if (f == NULL || out->minor == 0)
		return OK;
	if (!str_eq_case(f->value, STR("100-continue")))
		return http_refuse(d, ERR(HTTP_EXPECT), "Expect", "this cannot be expected here", f->value);
	out->expects_continue = true;
	return OK;
}

/* Lines end with CR LF; either of them alone is refused (RFC 9112 2.2). */
err http_line_take(str *rest, str *line, struct diag *d)
{
	size_t n = str_find_char(*rest, '\r');
	if (n + 1 >= rest->n || rest->p[n + 1] != '\n' || str_find_char(str_cut(*rest, 0, n), '\n') != n)
		return http_refuse(d, ERR(MALFORMED), "header", "a CR or LF stands alone", STR(""));
	*line = str_cut(*rest, 0, n);
	*rest = str_cut(*rest, n + 2, rest->n);
	return OK;
}

err http_fields_read(str fields, struct http_request *out, struct diag *d)
{
	for (str line;;) {
		TRY(http_line_take(&fields, &line, d));
		if (line.n == 0)
			break;
		TRY(read_field(out, line, d));
	}
	return fields.n == 0 ? OK : http_refuse(d, ERR(MALFORMED), "header", "a CR or LF stands alone", STR(""));
}

err http_header_read(str header, struct http_request *out, uint64_t *content, struct diag *d)
{
	str line;
	*out = (struct http_request){ .n_fields = 0 };
	TRY(http_line_take(&header, &line, d));
	TRY(read_line(out, line, d));
	TRY(http_fields_read(header, out, d));
	TRY(check_single(out, d));
	TRY(read_host(out, d));
	read_persistence(out);
	TRY(read_expect(out, d));
	return read_length(out, content, d);
}

/* ---- the whole ---- */

/* Before the header is whole, what can never become one is refused as early as it can be told. */
static err look_at_beginning(str in, struct diag *d)
{
	size_t line = str_find_char(in, '\n');
	if (line > HTTP_LINE_MAX)
		return http_refuse(d, ERR(HTTP_LINE), "request line", "it is longer than 4096 bytes", STR(""));
	if (in.n >= HTTP_HEADER_MAX)
		return http_refuse(d, ERR(HTTP_HEADER), "header", "it is longer than 16384 bytes", STR(""));
	if (line < in.n && (line == 0 || in.p[line - 1] != '\r'))
		return http_refuse(d, ERR(MALFORMED), "request line", "a CR or LF stands alone", STR(""));
	return ERR(INCOMPLETE);
}

/* The offset after an LF LF or LF CR LF, 0 while there is none; the strict reading comes after. */
size_t http_header_end(str in, size_t from)
{
	for (size_t i = from; i < in.n; i++) {
		if (in.p[i] != '\n' || i == 0)
			continue;
		if (in.p[i - 1] == '\n' || (i >= 2 && in.p[i - 1] == '\r' && in.p[i - 2] == '\n'))
			return i + 1;
	}
	return 0;
}

static err read_header(struct http_reader *r, str in, size_t body_most, struct http_request *out, struct diag *d)
{
	uint64_t content;
	str head = str_cut(in, 0, HTTP_HEADER_MAX);
	size_t n = http_header_end(head, r->looked);
	r->looked = head.n;
	if (n == 0)
		return look_at_beginning(head, d);
	if (str_find_char(head, '\n') > HTTP_LINE_MAX)
		return http_refuse(d, ERR(HTTP_LINE), "request line", "it is longer than 4096 bytes", STR(""));
	TRY(http_header_read(str_cut(in, 0, n), out, &content, d));
	if (content > body_most)
		return diag_fail(d, ERR(CEILING), "Content-Length", "send less", "%llu bytes are more than %zu",
			(unsigned long long)content, body_most);
	r->header = n;
	r->content = (size_t)content;
	r->has_header = true;
	return OK;
}

err http_request_read(struct http_reader *r, str in, size_t body_most, struct http_request *out, size_t *taken, struct diag *d)
{
	/* a client may send one empty line too many after a body (RFC 9112 2.2) */
	size_t skip = in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n' ? 2 : 0;
	str rest = str_cut(in, skip, in.n);
	uint64_t content;
	if (in.n == 0 || (in.n == 1 && in.p[0] == '\r'))
		return ERR(INCOMPLETE);
	if (!r->has_header)
		TRY(read_header(r, rest, body_most, out, d));
	else
		TRY(http_header_read(str_cut(rest, 0, r->header), out, &content, d));
	ENSURE(rest.n - r->header >= r->content, INCOMPLETE);
	out->body = str_cut(rest, r->header, r->header + r->content);
	*taken = skip + r->header + r->content;
	return OK;
}
