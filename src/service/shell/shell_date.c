/* SPDX-License-Identifier: Apache-2.0 */
/* Dates are texts (ISO 8601) and spans are texts (d.hh:mm:ss): what looks like one can be asked for its parts. */
#include <stdlib.h>
#include <time.h>

#include "service/shell/shell_priv.h"

enum { MS = 1000, MINUTE = 60 * MS, HOUR = 60 * MINUTE, DAY = 24 * HOUR, YEAR_MAX = 9999 };

/* ---- calendar ---- */

/* Days since 1970 of a date of the Gregorian calendar, and back (years 1 to 9999). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719469;
}

struct calendar {
	int64_t year, month, day, hour, minute, second, ms, weekday;
};

static struct calendar calendar_of(struct shell_date d)
{
	int64_t local = d.ms + (int64_t)d.offset * MINUTE;
	int64_t days = local / DAY - (local % DAY < 0), rest = local - days * DAY, z = days + 719468;
	int64_t era = z / 146097, doe = z - era * 146097, yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), m = (5 * doy + 2) / 153;
	struct calendar c = { .day = doy - (153 * m + 2) / 5 + 1,
		.month = m < 10 ? m + 3 : m - 9,
		.hour = rest / HOUR,
		.minute = rest / MINUTE % 60 };
	c.year = yoe + era * 400 + (c.month <= 2);
	c.second = rest / MS % 60;
	c.ms = rest % MS;
	c.weekday = ((days + 4) % 7 + 7) % 7;
	return c;
}

static int64_t days_in(int64_t year, int64_t month)
{
	return month == 12 ? 31 : days_of(year, month + 1, 1) - days_of(year, month, 1);
}

/* ---- reading ---- */

/* Between `least` and `most` digits. */
static bool take_digits(str *s, size_t least, size_t most, int64_t *out)
{
	size_t n = 0;
	*out = 0;
	while (n < s->n && n < most && s->p[n] >= '0' && s->p[n] <= '9')
		*out = *out * 10 + (s->p[n++] - '0');
	*s = str_cut(*s, n, s->n);
	return n >= least;
}

static bool take_one(str *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = str_cut(*s, 1, s->n);
	return true;
}

static bool take_fraction(str *s, int64_t *ms)
{
	int64_t scale = 100;
	*ms = 0;
	if (s->n == 0 || s->p[0] < '0' || s->p[0] > '9')
		return false;
	for (; s->n != 0 && s->p[0] >= '0' && s->p[0] <= '9'; *s = str_cut(*s, 1, s->n)) {
		*ms += (s->p[0] - '0') * scale;
		scale /= 10;
	}
	return true;
}

/* hh:mm[:ss[.fff]] */
static bool take_time(str *s, int64_t *ms)
{
	int64_t h, m, sec = 0, f = 0;
	if (!take_digits(s, 1, 2, &h) || !take_one(s, ':') || !take_digits(s, 2, 2, &m))
		return false;
	if (take_one(s, ':') && !take_digits(s, 2, 2, &sec))
		return false;
	if (take_one(s, '.') && !take_fraction(s, &f))
		return false;
	*ms = h * HOUR + m * MINUTE + sec * MS + f;
	return h < 24 && m < 60 && sec < 61;
}

static bool take_zone(str *s, int *offset)
{
	int64_t h, m = 0;
	*offset = 0;
	if (s->n == 0 || take_one(s, 'Z'))
		return true;
	bool west = s->p[0] == '-';
	if (!take_one(s, '+') && !take_one(s, '-'))
		return false;
	if (!take_digits(s, 2, 2, &h) || (take_one(s, ':') && !take_digits(s, 2, 2, &m)) || h > 14 || m > 59)
		return false;
	*offset = (int)(west ? -(h * 60 + m) : h * 60 + m);
	return true;
}

static bool take_american(str *s, int64_t *year, int64_t *month, int64_t *day)
{
	return take_digits(s, 1, 2, month) && take_one(s, '/') && take_digits(s, 1, 2, day) && take_one(s, '/') &&
	       take_digits(s, 4, 4, year);
}

static bool take_iso(str *s, int64_t *year, int64_t *month, int64_t *day)
{
	return take_digits(s, 4, 4, year) && take_one(s, '-') && take_digits(s, 2, 2, month) && take_one(s, '-') &&
	       take_digits(s, 2, 2, day);
}

static void take_half(str *s, int64_t *time)
{
	str rest = str_trim(*s);
	bool pm = str_eq_case(rest, STR("PM")), am = str_eq_case(rest, STR("AM"));
	if (pm && *time < 12 * HOUR)
		*time += 12 * HOUR;
	if (am && *time >= 12 * HOUR)
		*time -= 12 * HOUR;
	if (am || pm)
		*s = (str){ "", 0 };
}

bool shell_date_read(str s, bool american, struct shell_date *out)
{
	int64_t year = 0, month = 0, day = 0, time = 0;
	str before = s;
	if (!take_iso(&s, &year, &month, &day)) {
		s = before;
		if (!american || !take_american(&s, &year, &month, &day))
			return false;
	}
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
		return false;
	if ((take_one(&s, 'T') || take_one(&s, ' ')) && !take_time(&s, &time))
		return false;
	if (american)
		take_half(&s, &time);
	if (!take_zone(&s, &out->offset) || s.n != 0)
		return false;
	out->ms = days_of(year, month, day) * DAY + time - (int64_t)out->offset * MINUTE;
	return true;
}

/* ---- writing ---- */

void shell_date_write(struct shell_date d, struct buf *out)
{
	struct calendar c = calendar_of(d);
	int zone = abs(d.offset);
	buf_printf(out, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld", (long long)c.year, (long long)c.month,
		(long long)c.day, (long long)c.hour, (long long)c.minute, (long long)c.second);
	if (c.ms != 0)
		buf_printf(out, ".%03lld", (long long)c.ms);
	if (d.offset == 0)
		buf_add_char(out, 'Z');
	else
		buf_printf(out, "%c%02d:%02d", d.offset < 0 ? '-' : '+', zone / 60, zone % 60);
}

static const char *const months[] = { "January", "February", "March", "April", "May", "June", "July", "August",
	"September", "October", "November", "December" };
static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

static void write_name(const char *name, size_t n, struct buf *out)
{
	buf_add(out, n == 3 ? str_cut(str_of(name), 0, 3) : str_of(name));
}

/* n equal letters of a format */
static void write_letters(const struct calendar *c, char letter, size_t n, struct buf *out)
{
	long long v = 0;
	switch (letter) {
	case 'y':
		v = n <= 2 ? c->year % 100 : c->year;
		break;
	case 'M':
		v = c->month;
		break;
	case 'd':
		v = c->day;
		break;
	case 'H':
		v = c->hour;
		break;
	case 'h':
		v = c->hour % 12 != 0 ? c->hour % 12 : 12;
		break;
	case 'm':
		v = c->minute;
		break;
	case 's':
		v = c->second;
		break;
	case 'f':
		v = n == 1 ? c->ms / 100 : n == 2 ? c->ms / 10 : c->ms;
		break;
	case 't':
		write_name(c->hour < 12 ? "AM" : "PM", n, out);
		return;
	default:
		break;
	}
	if (letter == 'M' && n >= 3)
		write_name(months[c->month - 1], n, out);
	else if (letter == 'd' && n >= 3)
		write_name(weekdays[c->weekday], n, out);
	else
		buf_printf(out, "%0*lld", (int)(n < 9 ? n : 9), v);
}

void shell_date_write_as(struct shell_date d, str format, struct buf *out)
{
	struct calendar c = calendar_of(d);
	if (format.n == 1 && (format.p[0] == 'o' || format.p[0] == 'O' || format.p[0] == 's')) {
		shell_date_write(d, out);
		return;
	}
	if (format.n == 1 && format.p[0] == 'd')
		format = STR("yyyy-MM-dd");
	for (size_t i = 0, n; i < format.n; i += n) {
		char letter = format.p[i];
		for (n = 1; i + n < format.n && format.p[i + n] == letter;)
			n++;
		if (strchr("yMdHhmsft", letter) != NULL) {
			write_letters(&c, letter, n, out);
		} else if (letter == '\'') {
			n = str_find_char(str_cut(format, i + 1, format.n), '\'') + 2;
			buf_add(out, str_cut(format, i + 1, i + n - 1));
		} else {
			buf_add(out, str_cut(format, i, i + n));
		}
	}
}

/* ---- parts ---- */

bool shell_date_part(struct shell_date d, str name, json_t **out)
{
	struct calendar c = calendar_of(d);
	const struct {
		const char *name;
		int64_t v;
	} parts[] = { { "Year", c.year }, { "Month", c.month }, { "Day", c.day }, { "Hour", c.hour },
		{ "Minute", c.minute }, { "Second", c.second }, { "Millisecond", c.ms },
		{ "DayOfYear", days_of(c.year, c.month, c.day) - days_of(c.year, 1, 1) + 1 } };
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (str_eq_case(name, str_of(parts[i].name))) {
			*out = json_integer(parts[i].v);
			return true;
		}
	if (!str_eq_case(name, STR("DayOfWeek")))
		return false;
	*out = json_string(weekdays[c.weekday]);
	return true;
}

struct shell_date shell_date_add_months(struct shell_date d, int64_t months_more)
{
	struct calendar c = calendar_of(d);
	int64_t month = c.year * 12 + c.month - 1 + months_more, year = month / 12;
	int64_t time = d.ms + (int64_t)d.offset * MINUTE - days_of(c.year, c.month, c.day) * DAY;
	if (year < 1 || year > YEAR_MAX)
		return d;
	month = month % 12 + 1;
	int64_t day = c.day < days_in(year, month) ? c.day : days_in(year, month);
	d.ms = days_of(year, month, day) * DAY + time - (int64_t)d.offset * MINUTE;
	return d;
}

struct shell_date shell_date_now(void)
{
	struct timespec now;
	struct tm local;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	struct shell_date d = { .ms = (int64_t)now.tv_sec * MS + now.tv_nsec / 1000000 };
	if (localtime_r(&now.tv_sec, &local) != NULL)
		d.offset = (int)(local.tm_gmtoff / 60);
	return d;
}

/* ---- spans ---- */

bool shell_span_read(str s, int64_t *ms)
{
	int64_t days = 0, time;
	bool negative = take_one(&s, '-');
	size_t dot = str_find_char(s, '.');
	if (dot < str_find_char(s, ':')) {
		if (!take_digits(&s, 1, 8, &days) || !take_one(&s, '.'))
			return false;
	}
	if (!take_time(&s, &time) || s.n != 0)
		return false;
	*ms = days * DAY + time;
	if (negative)
		*ms = -*ms;
	return true;
}

void shell_span_write(int64_t ms, struct buf *out)
{
	uint64_t v = ms < 0 ? (uint64_t)0 - (uint64_t)ms : (uint64_t)ms;
	if (ms < 0)
		buf_add_char(out, '-');
	if (v >= DAY)
		buf_printf(out, "%llu.", (unsigned long long)(v / DAY));
	buf_printf(
		out, "%02u:%02u:%02u", (unsigned)(v / HOUR % 24), (unsigned)(v / MINUTE % 60), (unsigned)(v / MS % 60));
	if (v % MS != 0)
		buf_printf(out, ".%03u", (unsigned)(v % MS));
}

bool shell_span_part(int64_t ms, str name, json_t **out)
{
	static const struct {
		const char *name;
		int64_t unit, most; /* most 0: total, a fraction */
	} parts[] = { { "Days", DAY, INT64_MAX }, { "Hours", HOUR, 24 }, { "Minutes", MINUTE, 60 },
		{ "Seconds", MS, 60 }, { "Milliseconds", 1, 1000 }, { "TotalDays", DAY, 0 }, { "TotalHours", HOUR, 0 },
		{ "TotalMinutes", MINUTE, 0 }, { "TotalSeconds", MS, 0 }, { "TotalMilliseconds", 1, 0 } };
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (!str_eq_case(name, str_of(parts[i].name)))
			continue;
		*out = parts[i].most != 0 ? json_integer(ms / parts[i].unit % parts[i].most)
					  : json_real((double)ms / (double)parts[i].unit);
		return true;
	}
	return false;
}
