/* SPDX-License-Identifier: Apache-2.0 */
/* Dates, and the conditions of a request that compare them. Without the C library's locale. */
#include "wire/http/http_priv.h"

#include <time.h>

#define LAST_SECOND 253402300799 /* of the year 9999 */

static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void http_date_print(struct buf *b, str name, int64_t unix_seconds)
{
	time_t t = (time_t)unix_seconds;
	struct tm at;
	if (unix_seconds < 0 || unix_seconds > LAST_SECOND || gmtime_r(&t, &at) == NULL)
		return;
	buf_printf(b, "%.*s: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", STR_FMT(name), days + 3 * at.tm_wday, at.tm_mday,
		months + 3 * at.tm_mon, at.tm_year + 1900, at.tm_hour, at.tm_min, at.tm_sec);
}

/* ---- reading ---- */

struct date {
	uint32_t year, month, day, hour, minute, second; /* month from 0 */
};

/* Exactly n digits. */
static bool take_number(str *s, size_t n, uint32_t *out)
{
	if (s->n < n || !str_to_u32(str_cut(*s, 0, n), out))
		return false;
	*s = str_cut(*s, n, s->n);
	return true;
}

static bool take_text(str *s, str text)
{
	if (!str_begins(*s, text))
		return false;
	*s = str_cut(*s, text.n, s->n);
	return true;
}

static bool take_month(str *s, uint32_t *out)
{
	for (*out = 0; *out < 12; (*out)++)
		if (take_text(s, (str){ months + *out * 3, 3 }))
			return true;
	return false;
}

/* The name of the day says nothing that the date does not say; whether it is right is not looked at. */
static bool take_day_name(str *s)
{
	for (size_t i = 0; i < 7; i++)
		if (take_text(s, (str){ days + 3 * i, 3 }))
			return true;
	return false;
}

static bool take_time(str *s, struct date *d)
{
	return take_number(s, 2, &d->hour) && take_text(s, STR(":")) && take_number(s, 2, &d->minute) && take_text(s, STR(":")) &&
	       take_number(s, 2, &d->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool read_imf(str s, struct date *d)
{
	return take_day_name(&s) && take_text(&s, STR(", ")) && take_number(&s, 2, &d->day) && take_text(&s, STR(" ")) &&
	       take_month(&s, &d->month) && take_text(&s, STR(" ")) && take_number(&s, 4, &d->year) && take_text(&s, STR(" ")) &&
	       take_time(&s, d) && str_eq(s, STR(" GMT"));
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": what would be more than 50 years ahead is of the last century; 70 to 99 can only be that */
static bool read_rfc850(str s, struct date *d)
{
	(void)str_split(s, ',', &s);
	bool is_read = take_text(&s, STR(" ")) && take_number(&s, 2, &d->day) && take_text(&s, STR("-")) && take_month(&s, &d->month) &&
		       take_text(&s, STR("-")) && take_number(&s, 2, &d->year) && take_text(&s, STR(" ")) && take_time(&s, d) && str_eq(s, STR(" GMT"));
	d->year += d->year < 70 ? 2000 : 1900;
	return is_read;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool read_asctime(str s, struct date *d)
{
	return take_day_name(&s) && take_text(&s, STR(" ")) && take_month(&s, &d->month) && take_text(&s, STR(" ")) &&
	       take_number(&s, take_text(&s, STR(" ")) ? 1 : 2, &d->day) && take_text(&s, STR(" ")) && take_time(&s, d) &&
	       take_text(&s, STR(" ")) && take_number(&s, 4, &d->year) && s.n == 0;
}

err http_date_read(str s, int64_t *out)
{
	struct date d = { 0 };
	ENSURE(s.n <= 64 && (read_imf(s, &d) || read_rfc850(s, &d) || read_asctime(s, &d)), MALFORMED);
	ENSURE(d.year >= 1970 && d.day >= 1 && d.day <= 31 && d.hour <= 23 && d.minute <= 59 && d.second <= 60, MALFORMED);
	struct tm at = { .tm_year = (int)d.year - 1900, .tm_mon = (int)d.month, .tm_mday = (int)d.day, .tm_hour = (int)d.hour,
		.tm_min = (int)d.minute, .tm_sec = (int)d.second };
	*out = (int64_t)timegm(&at);
	return OK;
}

/* ---- conditions ---- */

static bool names_tag(str list, str etag)
{
	while (list.n != 0) {
		str one = str_trim(str_split(list, ',', &list));
		if (str_begins(one, STR("W/")))
			one = str_cut(one, 2, one.n);
		if (str_eq(one, etag) || str_eq(one, STR("*")))
			return true;
	}
	return false;
}

bool http_is_unchanged(const struct http_request *r, str etag, int64_t changed)
{
	bool has_tags = false;
	int64_t since;
	for (size_t i = 0; i < r->n_fields; i++) {
		if (!str_eq_case(r->fields[i].name, STR("If-None-Match")))
			continue;
		has_tags = true;
		if (names_tag(r->fields[i].value, etag))
			return true;
	}
	const struct http_field *f = http_field_find(r, STR("If-Modified-Since"));
	return !has_tags && f != NULL && !failed(http_date_read(f->value, &since)) && since >= changed;
}
