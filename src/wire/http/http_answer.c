/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: status line, fields, and how the body ends. */
#include "wire/http/http_priv.h"

static const struct {
	unsigned status;
	const char *reason;
} reasons[] = {
	{ 100, "Continue" },
	{ 200, "OK" },
	{ 201, "Created" },
	{ 204, "No Content" },
	{ 301, "Moved Permanently" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 421, "Misdirected Request" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
	{ 508, "Loop Detected" },
};

const char *http_reason(unsigned status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "";
}

void http_status_print(struct buf *b, unsigned status, int64_t unix_seconds)
{
	buf_printf(b, "HTTP/1.1 %03u %s\r\n", status, http_reason(status));
	http_date_print(b, STR("Date"), unix_seconds);
}

void http_field_print(struct buf *b, str name, str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0')
			b->failed = true;
	if (b->failed)
		return;
	buf_add(b, name);
	buf_add(b, STR(": "));
	buf_add(b, value);
	buf_add(b, STR("\r\n"));
}

void http_length_print(struct buf *b, uint64_t length)
{
	buf_add(b, STR("Content-Length: "));
	buf_add_u64(b, length);
	buf_add(b, STR("\r\n\r\n"));
}

void http_chunked_print(struct buf *b)
{
	buf_add(b, STR("Transfer-Encoding: chunked\r\n\r\n"));
}

void http_end_print(struct buf *b)
{
	buf_add(b, STR("\r\n"));
}

void http_chunk_print(struct buf *b, str bytes)
{
	if (bytes.n == 0)
		return;
	buf_printf(b, "%zx\r\n", bytes.n);
	buf_add(b, bytes);
	buf_add(b, STR("\r\n"));
}

void http_last_chunk_print(struct buf *b)
{
	buf_add(b, STR("0\r\n\r\n"));
}
