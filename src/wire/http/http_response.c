/* SPDX-License-Identifier: Apache-2.0 */
/* What a server answers to a GET (RFC 9112): its header, and the body with a length, in chunks, or up to the end of the connection. */
#include "wire/http/http_priv.h"

enum state { HEADER, LENGTH, TO_END, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, WHOLE };
enum { SIZE_LINE_MAX = 1024 };

/* ---- the header ---- */

/* HTTP/1.x SP 3DIGIT [SP reason] */
static err read_status(str line, unsigned *status, struct diag *d)
{
	str version = str_cut(line, 0, 9), digits = str_cut(line, 9, 12);
	uint32_t n;
	if (version.n != 9 || !str_begins(version, STR("HTTP/")) || version.p[6] != '.' || version.p[8] != ' ')
		return http_refuse(d, ERR(MALFORMED), "status line", "this is no answer of HTTP", line);
	if (version.p[5] != '1' || (version.p[7] != '0' && version.p[7] != '1'))
		return http_refuse(d, ERR(HTTP_VERSION), "status line", "only HTTP/1.1 and 1.0 are spoken here", version);
	if (digits.n != 3 || !str_to_u32(digits, &n) || n < 100 || n > 599 || (line.n > 12 && line.p[12] != ' '))
		return http_refuse(d, ERR(MALFORMED), "status line", "its status is none", line);
	*status = (unsigned)n;
	return OK;
}

static err read_coding(struct http_response *r, const struct http_request *fields, struct diag *d)
{
	const struct http_field *coding = http_field_find(fields, STR("Transfer-Encoding"));
	const struct http_field *length = http_field_find(fields, STR("Content-Length"));
	const struct http_field *content = http_field_find(fields, STR("Content-Encoding"));
	if (content != NULL && !str_eq_case(content->value, STR("identity")))
		return http_refuse(d, ERR(HTTP_CODING), "Content-Encoding", "the answer has a coding that was not asked for", content->value);
	if (http_find_twice(fields, STR("Content-Length")) != NULL || http_find_twice(fields, STR("Transfer-Encoding")) != NULL || (coding != NULL && length != NULL))
		return http_refuse(d, ERR(MALFORMED), "header", "it says twice where the body ends", STR(""));
	if (coding != NULL && !str_eq_case(coding->value, STR("chunked")))
		return http_refuse(d, ERR(HTTP_CODING), "Transfer-Encoding", "only chunked is read", coding->value);
	if (length != NULL && !str_to_u64(length->value, &r->reader.left))
		return http_refuse(d, ERR(MALFORMED), "Content-Length", "this is no length", length->value);
	r->reader.state = coding != NULL ? CHUNK_SIZE : length != NULL ? LENGTH : TO_END;
	return OK;
}

/* An answer to which a body cannot belong is whole with its header. */
static bool has_no_body(unsigned status)
{
	return status == 204 || status == 304;
}

static err read_fields(struct http_response *r, str header, struct diag *d)
{
	struct http_request fields = { .n_fields = 0 };
	unsigned status = 0;
	str line;
	TRY(http_line_take(&header, &line, d));
	TRY(read_status(line, &status, d));
	TRY(http_fields_read(header, &fields, d));
	if (status < 200)
		return status == 101 ? http_refuse(d, ERR(MALFORMED), "status line", "the server changes the protocol", line) : OK;
	const struct http_field *to = http_field_find(&fields, STR("Location"));
	if (to != NULL && !str_to_z(to->value, r->location, sizeof r->location))
		return http_refuse(d, ERR(MALFORMED), "Location", "it is longer than 1024 bytes", STR(""));
	TRY(read_coding(r, &fields, d));
	if (has_no_body(status))
		r->reader.state = WHOLE;
	r->status = status;
	return OK;
}

static err take_header(struct http_response *r, str in, size_t *taken, struct diag *d)
{
	str head = str_cut(in, 0, HTTP_HEADER_MAX);
	size_t n = http_header_end(head, r->reader.looked);
	r->reader.looked = head.n;
	if (n == 0 && head.n == HTTP_HEADER_MAX)
		return http_refuse(d, ERR(HTTP_HEADER), "header", "it is longer than 16384 bytes", STR(""));
	ENSURE(n != 0, INCOMPLETE);
	r->reader.looked = 0; /* another header may follow an interim answer */
	*taken = n;
	return read_fields(r, str_cut(in, 0, n), d);
}

/* ---- the body ---- */

static err add(struct buf *body, str bytes, struct diag *d)
{
	buf_add(body, bytes);
	return !body->failed ? OK : diag_fail(d, ERR(CEILING), "body", "", "it is longer than %zu bytes", body->ceiling);
}

static err take_left(struct http_response *r, str in, enum state then, struct buf *body, size_t *taken, struct diag *d)
{
	*taken = in.n < r->reader.left ? in.n : (size_t)r->reader.left;
	/* a length that can never fit is refused before its bytes come */
	if (r->reader.left > body->ceiling - body->n)
		return diag_fail(d, ERR(CEILING), "body", "", "it is longer than %zu bytes", body->ceiling);
	TRY(add(body, str_cut(in, 0, *taken), d));
	r->reader.left -= *taken;
	if (r->reader.left == 0)
		r->reader.state = then;
	return r->reader.left == 0 ? OK : ERR(INCOMPLETE);
}

static err take_to_end(struct http_response *r, str in, bool is_end, struct buf *body, size_t *taken, struct diag *d)
{
	*taken = in.n;
	TRY(add(body, in, d));
	ENSURE(is_end, INCOMPLETE);
	r->reader.state = WHOLE;
	return OK;
}

static int hex_digit(char c)
{
	c = char_lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to 8 hexadecimal digits, then maybe an extension, which is not looked at. */
static bool read_size(str line, uint64_t *out)
{
	size_t n = 0;
	*out = 0;
	for (; n < line.n && hex_digit(line.p[n]) >= 0; n++) {
		if (n == 8)
			return false;
		*out = *out << 4 | (uint64_t)hex_digit(line.p[n]);
	}
	return n != 0 && (n == line.n || line.p[n] == ';' || line.p[n] == ' ' || line.p[n] == '\t');
}

static err take_line(str in, str *line, size_t *taken, struct diag *d)
{
	size_t n = str_find_char(in, '\n');
	if ((n == in.n ? in.n : n) > SIZE_LINE_MAX)
		return http_refuse(d, ERR(MALFORMED), "chunk", "a line is too long", STR(""));
	ENSURE(n < in.n, INCOMPLETE);
	*taken = n + 1;
	str rest = str_cut(in, 0, n + 1);
	return http_line_take(&rest, line, d);
}

static err take_size(struct http_response *r, str in, size_t *taken, struct diag *d)
{
	str line;
	TRY(take_line(in, &line, taken, d));
	if (!read_size(line, &r->reader.left))
		return http_refuse(d, ERR(MALFORMED), "chunk", "this is no length", line);
	r->reader.state = r->reader.left != 0 ? CHUNK : TRAILER;
	return OK;
}

static err take_chunk_end(struct http_response *r, str in, size_t *taken, struct diag *d)
{
	str line;
	TRY(take_line(in, &line, taken, d));
	if (line.n != 0)
		return http_refuse(d, ERR(MALFORMED), "chunk", "it is longer than it says", STR(""));
	r->reader.state = CHUNK_SIZE;
	return OK;
}

/* Fields behind the last chunk say nothing that counts here; as many of them as of a header. */
static err take_trailer(struct http_response *r, str in, size_t *taken, struct diag *d)
{
	str line;
	TRY(take_line(in, &line, taken, d));
	if (line.n != 0 && ++r->reader.looked > HTTP_FIELDS_MAX)
		return http_refuse(d, ERR(HTTP_HEADER), "trailer", "there are more than 64 fields", STR(""));
	r->reader.state = line.n == 0 ? WHOLE : TRAILER;
	return OK;
}

static err step(struct http_response *r, str in, bool is_end, struct buf *body, size_t *taken, struct diag *d)
{
	*taken = 0;
	switch ((enum state)r->reader.state) {
	case HEADER:
		return take_header(r, in, taken, d);
	case LENGTH:
		return take_left(r, in, WHOLE, body, taken, d);
	case TO_END:
		return take_to_end(r, in, is_end, body, taken, d);
	case CHUNK_SIZE:
		return take_size(r, in, taken, d);
	case CHUNK:
		return take_left(r, in, CHUNK_END, body, taken, d);
	case CHUNK_END:
		return take_chunk_end(r, in, taken, d);
	case TRAILER:
		return take_trailer(r, in, taken, d);
	case WHOLE:
		return OK;
	}
	return ERR(INTERNAL);
}

err http_response_read(struct http_response *r, str in, bool is_end, struct buf *body, size_t *taken, struct diag *d)
{
	err e = OK;
	*taken = 0;
	while (!failed(e) && r->reader.state != WHOLE) {
		size_t n;
		e = step(r, str_cut(in, *taken, in.n), is_end, body, &n, d);
		*taken += n;
	}
	if (is_end && err_is(e, ERR_INCOMPLETE))
		return http_refuse(d, ERR(MALFORMED), "answer", "the connection ended before the answer did", STR(""));
	return e;
}
