/* SPDX-License-Identifier: Apache-2.0 */
/* What the header of a request decides: where it goes, and whether it may. */
#include "role/web/web_priv.h"

#include "base/enc.h"
#include "base/scan.h"

#include <stdio.h>

/* base64url (RFC 4648 5), which sessions are written in */
static const struct scan_set session_set = { { 0x03ff200000000000, 0x07fffffe87fffffe } };

static const struct row {
	const char *path; /* with '/' at its end: what follows is a cmdlet */
	enum http_method method;
	enum web_task task;
	bool is_open; /* no session needed */
	bool has_body;
} rows[] = {
	{ "/healthz", HTTP_GET, WEB_HEALTH, true, false },
	{ "/api/v1/openapi.json", HTTP_GET, WEB_OPENAPI, true, false },
	{ "/api/v1/session", HTTP_POST, WEB_SIGN_IN, true, true },
	{ "/api/v1/session", HTTP_GET, WEB_SESSION, false, false },
	{ "/api/v1/session", HTTP_DELETE, WEB_SIGN_OUT, false, false },
	{ "/api/v1/cmdlets", HTTP_GET, WEB_CMDLETS, false, false },
	{ "/api/v1/cmdlets/", HTTP_POST, WEB_CMDLET, false, true },
};
enum { ROWS = sizeof rows / sizeof rows[0] };

/* ---- the path ---- */

/* Names of cmdlets consist of letters and one hyphen: an escape in them is not looked through. */
static bool is_cmdlet(str name)
{
	/* A-Z a-z 0-9 - */
	static const struct scan_set set = { { 0x03ff200000000000, 0x07fffffe07fffffe } };
	struct scan in = scan_of(name);
	str all;
	return name.n <= 80 && scan_some(&in, &set, &all) && scan_at_end(&in);
}

static bool is_path(const struct row *row, str path)
{
	str want = str_of(row->path);
	if (want.p[want.n - 1] != '/')
		return str_eq(path, want);
	return str_begins(path, want) && is_cmdlet(str_cut(path, want.n, path.n));
}

bool web_route_is(str path)
{
	return str_eq(path, STR("/healthz")) || str_eq(path, STR("/api")) || str_begins(path, STR("/api/"));
}

static void add_allow(char allow[64], const struct row *row)
{
	static const char *const names[] = { [HTTP_GET] = "GET, HEAD", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE" };
	size_t n = strlen(allow);
	(void)snprintf(allow + n, 64 - n, "%s%s", n != 0 ? ", " : "", names[row->method]);
}

static err find_row(const struct http_request *q, struct web_route *out, const struct row **row, struct diag *d)
{
	enum http_method method = q->method == HTTP_HEAD ? HTTP_GET : q->method;
	*row = NULL;
	for (size_t i = 0; i < ROWS; i++) {
		if (!is_path(&rows[i], q->path))
			continue;
		add_allow(out->allow, &rows[i]);
		if (rows[i].method == method)
			*row = &rows[i];
	}
	if (*row != NULL)
		return OK;
	if (out->allow[0] != '\0')
		return diag_fail(d, ERR(HTTP_METHOD), "method", "use one of the methods in Allow", "%.*s is not possible here",
			STR_FMT(str_cut(q->method_name, 0, 20)));
	return diag_fail(d, ERR(ABSENT), "path", "GET /api/v1/openapi.json lists what there is", "there is nothing at this path");
}

/* ---- the origin ---- */

/* A page of somebody else may not speak through the browser of a person who is signed in here. */
static err check_origin(const struct http_request *q, struct diag *d)
{
	const struct http_field *f = http_field_find(q, STR("Origin"));
	if (f == NULL)
		return OK;
	str host = str_cut(f->value, 8, f->value.n);
	if (str_begins_case(f->value, STR("https://")) && str_eq_case(host, q->host))
		return OK;
	return diag_fail(d, ERR(REFUSED), "Origin", "pages of other servers may not use this one", "the page is of another origin");
}

/* ---- who asks ---- */

void web_csrf(struct crypt *mac, str session, char out[WEB_CSRF])
{
	uint8_t bytes[32];
	crypt_mac(mac, (const str[]){ STR("web csrf"), session }, 2, bytes);
	(void)enc_base64url(bytes, sizeof bytes, out);
}

static bool is_session(str s)
{
	struct scan in = scan_of(s);
	str all;
	return s.n <= WEB_SESSION_MAX && scan_some(&in, &session_set, &all) && scan_at_end(&in);
}

/* A token in Authorization wins over a cookie, since no foreign page can make a browser send one. */
static err find_session(const struct http_request *q, struct web_route *out, struct diag *d)
{
	const struct http_field *f = http_field_find(q, STR("Authorization"));
	bool found;
	if (f != NULL) {
		found = http_bearer_find(f->value, &out->session);
	} else {
		found = !failed(http_cookie_find(q, STR(WEB_COOKIE), &out->session));
		out->by_cookie = true;
	}
	if (found && is_session(out->session))
		return OK;
	return diag_fail(d, ERR(SIGN_IN), "session", "POST /api/v1/session, then Authorization: Bearer SESSION", "no session was presented");
}

static err check_csrf(const struct http_request *q, struct crypt *mac, const struct web_route *r, struct diag *d)
{
	char want[WEB_CSRF];
	const struct http_field *f = http_field_find(q, STR("Witan-CSRF"));
	web_csrf(mac, r->session, want);
	bool is_right = f != NULL && f->value.n == sizeof want && crypt_equal(f->value.p, want, sizeof want);
	crypt_wipe(want, sizeof want);
	if (is_right)
		return OK;
	return diag_fail(d, ERR(REFUSED), "Witan-CSRF", "send the CSRF of the sign-in's answer in this field",
		"a cookie alone is not enough: any page could have the browser send it");
}

/* A form of a foreign page cannot send this type without asking first (CORS). */
static err check_type(const struct http_request *q, struct diag *d)
{
	const struct http_field *f = http_field_find(q, STR("Content-Type"));
	if (f != NULL && http_type_is(f->value, STR("application/json")))
		return OK;
	return diag_fail(d, ERR(HTTP_TYPE), "Content-Type", "send application/json", "this kind of content is not taken here");
}

err web_route_find(const struct http_request *q, struct crypt *mac, struct web_route *out, struct diag *d)
{
	const struct row *row;
	*out = (struct web_route){ .task = WEB_HEALTH };
	TRY(find_row(q, out, &row, d));
	TRY(check_origin(q, d));
	out->task = row->task;
	out->cmdlet = row->task == WEB_CMDLET ? str_cut(q->path, strlen(row->path), q->path.n) : STR("");
	if (!row->is_open) {
		TRY(find_session(q, out, d));
		if (out->by_cookie)
			TRY(check_csrf(q, mac, out, d));
	}
	const struct http_field *f = http_field_find(q, STR("Witan-Cookie"));
	out->wants_cookie = f != NULL && str_eq(f->value, STR("1"));
	return row->has_body ? check_type(q, d) : OK;
}
