/* SPDX-License-Identifier: Apache-2.0 */
/* Given values: each type has one reader of text that checks it and writes it in the one form that is stored. */
#include "model/schema/schema_priv.h"

#include "wire/pattern.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MOST = 1024, BYTES_MOST = 65536, LIST_MOST = 10000, INT_DIGITS = 20 };

/* ---- bounds ---- */

/* The two sides of "a..b". */
static str side(const char *check, unsigned which)
{
	const char *dots = strstr(check, "..");
	if (dots == NULL)
		return STR("");
	return which == 0 ? (str){ check, (size_t)(dots - check) } : str_of(dots + 2);
}

static size_t most_bytes(const struct schema_prop *p, size_t usual)
{
	uint32_t n;
	return str_to_u32(side(p->check, 1), &n) ? n : usual;
}

static err refuse(const struct schema_prop *p, str s, struct diag *d)
{
	char remedy[200];
	schema_describe(p, remedy, sizeof remedy);
	char give[240];
	(void)snprintf(give, sizeof give, "give %s", remedy);
	return diag_fail(d, ERR(MALFORMED), p->name, give, "\"%.*s\" is not possible here", STR_FMT(str_cut(s, 0, 80)));
}

/* ---- text ---- */

bool value_is_text(str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t n = str_utf8_length(str_cut(s, i, s.n));
		unsigned char c = (unsigned char)s.p[i];
		if (n == 0 || (c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
			return false;
		i += n;
	}
	return true;
}

static bool read_text(const struct schema_prop *p, str s, struct buf *out)
{
	buf_add(out, s);
	return s.n <= most_bytes(p, TEXT_MOST) && value_is_text(s);
}

static bool is_one_of(str s, const char *chars)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || strchr(chars, s.p[i]) == NULL)
			return false;
	return s.n != 0;
}

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool read_enum(const struct schema_prop *p, str s, struct buf *out)
{
	for (str rest = str_of(p->check); rest.n != 0;) {
		str word = str_split(rest, '|', &rest);
		if (!str_eq_case(word, s))
			continue;
		buf_add(out, word);
		return true;
	}
	return false;
}

bool schema_is_domain(str s, bool star)
{
	if (star && str_begins(s, STR("*.")))
		s = str_cut(s, 2, s.n);
	if (s.n == 0 || s.n > 253)
		return false;
	for (str rest = s; rest.n != 0;) {
		bool more = str_find_char(rest, '.') < rest.n;
		str label = str_split(rest, '.', &rest);
		if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-' || !is_one_of(label, LETTERS DIGITS "-"))
			return false;
		if (more && rest.n == 0)
			return false;
	}
	return true;
}

static void add_lower(struct buf *out, str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_add_char(out, char_lower(s.p[i]));
}

static bool read_fqdn(const struct schema_prop *p, str s, struct buf *out)
{
	add_lower(out, s);
	return schema_is_domain(s, false);
}

static bool read_domain(const struct schema_prop *p, str s, struct buf *out)
{
	add_lower(out, s);
	return schema_is_domain(s, true);
}

/* Printable ASCII without what would end it where it is written (RFC 3986). */
static bool is_uri_text(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f || strchr("\"<>\\^`{|}", s.p[i]) != NULL)
			return false;
	return s.n <= TEXT_MOST;
}

static bool read_url(const struct schema_prop *p, str s, struct buf *out)
{
	size_t scheme = str_begins_case(s, STR("https://")) ? 8 : str_begins_case(s, STR("http://")) ? 7 : 0;
	add_lower(out, str_cut(s, 0, scheme));
	buf_add(out, str_cut(s, scheme, s.n));
	return scheme != 0 && s.n > scheme && is_uri_text(s);
}

static bool read_sipuri(const struct schema_prop *p, str s, struct buf *out)
{
	size_t colon = str_find_char(s, ':');
	str scheme = str_cut(s, 0, colon);
	bool known = str_eq_case(scheme, STR("sip")) || str_eq_case(scheme, STR("sips")) || str_eq_case(scheme, STR("tel"));
	if (!known && colon == s.n && str_find_char(s, '@') < s.n)
		buf_add(out, STR("sip:"));
	else if (!known || colon + 1 >= s.n)
		return false;
	add_lower(out, scheme);
	buf_add(out, str_cut(s, scheme.n, s.n));
	return is_uri_text(s) && out->n <= SCHEMA_IDENTITY_MAX;
}

static bool read_number(const struct schema_prop *p, str s, struct buf *out)
{
	buf_add(out, s);
	return s.n <= 64 && is_one_of(s, DIGITS "+*#()-. /;=ABCDabcdextEXT");
}

static bool read_ip(const struct schema_prop *p, str s, struct buf *out)
{
	char z[64], text[INET6_ADDRSTRLEN];
	struct in6_addr a;
	if (!str_to_z(s, z, sizeof z))
		return false;
	int family = str_find_char(s, ':') < s.n ? AF_INET6 : AF_INET;
	if (inet_pton(family, z, &a) != 1 || inet_ntop(family, &a, text, sizeof text) == NULL)
		return false;
	buf_add(out, str_of(text));
	return true;
}

static bool read_pattern(const struct schema_prop *p, str s, struct buf *out)
{
	struct pattern *pattern = NULL;
	if (failed(pattern_new(s, 0, &pattern, NULL)))
		return false;
	pattern_free(pattern);
	buf_add(out, s);
	return true;
}

static bool read_ref(const struct schema_prop *p, str s, struct buf *out)
{
	if (str_begins_case(s, STR("Tag:")))
		s = str_cut(s, 4, s.n);
	buf_add(out, s);
	return s.n != 0 && s.n <= SCHEMA_IDENTITY_MAX && value_is_text(s);
}

static bool read_bytes(const struct schema_prop *p, str s, struct buf *out)
{
	size_t n = s.n;
	buf_add(out, s);
	while (n != 0 && s.n - n < 2 && s.p[n - 1] == '=')
		n--;
	return s.n % 4 == 0 && s.n / 4 * 3 <= most_bytes(p, BYTES_MOST) + 2 && (n == 0 || is_one_of(str_cut(s, 0, n), LETTERS DIGITS "+/"));
}

static bool read_guid(const struct schema_prop *p, str s, struct buf *out)
{
	if (s.n == 38 && s.p[0] == '{' && s.p[37] == '}')
		s = str_cut(s, 1, 37);
	add_lower(out, s);
	for (size_t i = 0; i < s.n; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? s.p[i] != '-' : strchr("0123456789abcdefABCDEF", s.p[i]) == NULL || s.p[i] == '\0')
			return false;
	return s.n == 36;
}

/* ---- time ---- */

/* "hh:mm", "hh:mm:ss", "d.hh:mm:ss" in seconds. */
bool value_timespan(str s, int64_t *seconds)
{
	uint32_t days = 0, part[3] = { 0 };
	static const uint32_t most[3] = { 23, 59, 59 };
	size_t dot = str_find_char(s, '.'), colon = str_find_char(s, ':'), n = 0;
	if (dot < colon && (!str_to_u32(str_cut(s, 0, dot), &days) || days > 10000000))
		return false;
	for (str rest = dot < colon ? str_cut(s, dot + 1, s.n) : s; rest.n != 0; n++)
		if (n == 3 || !str_to_u32(str_split(rest, ':', &rest), &part[n]) || part[n] > most[n])
			return false;
	*seconds = (int64_t)days * 86400 + part[0] * 3600 + part[1] * 60 + part[2];
	return n >= 2 && s.p[s.n - 1] != ':';
}

static bool read_timespan(const struct schema_prop *p, str s, struct buf *out)
{
	int64_t v, least, most;
	if (!value_timespan(s, &v))
		return false;
	if (value_timespan(side(p->check, 0), &least) && value_timespan(side(p->check, 1), &most) && (v < least || v > most))
		return false;
	if (v >= 86400)
		buf_printf(out, "%lld.", (long long)(v / 86400));
	buf_printf(out, "%02d:%02d:%02d", (int)(v / 3600 % 24), (int)(v / 60 % 60), (int)(v % 60));
	return true;
}

static bool number_in(str s, size_t at, size_t n, uint32_t least, uint32_t most)
{
	uint32_t v;
	return str_to_u32(str_cut(s, at, at + n), &v) && s.n >= at + n && v >= least && v <= most;
}

/* "2026-01-31", "2026-01-31T12:00", "2026-01-31T12:00:00Z" (RFC 3339; the zone is UTC) */
static bool read_date(const struct schema_prop *p, str s, struct buf *out)
{
	if (s.n != 0 && (s.p[s.n - 1] == 'Z' || s.p[s.n - 1] == 'z'))
		s.n--;
	bool day = s.n >= 10 && s.p[4] == '-' && s.p[7] == '-' && number_in(s, 0, 4, 1970, 9999) && number_in(s, 5, 2, 1, 12) && number_in(s, 8, 2, 1, 31);
	bool clock = s.n >= 16 && (s.p[10] == 'T' || s.p[10] == ' ') && s.p[13] == ':' && number_in(s, 11, 2, 0, 23) && number_in(s, 14, 2, 0, 59);
	bool second = s.n == 19 && s.p[16] == ':' && number_in(s, 17, 2, 0, 59);
	if (!day || !(s.n == 10 || (clock && (s.n == 16 || second))))
		return false;
	buf_printf(out, "%.10sT%.5s:%.2sZ", s.p, clock ? s.p + 11 : "00:00", second ? s.p + 17 : "00");
	return true;
}

/* ---- one value ---- */

typedef bool read_fn(const struct schema_prop *p, str s, struct buf *out);

static read_fn *const readers[SCHEMA_TYPE_N] = {
	[SCHEMA_TEXT] = read_text, [SCHEMA_ENUM] = read_enum, [SCHEMA_TIMESPAN] = read_timespan, [SCHEMA_DATE] = read_date, [SCHEMA_FQDN] = read_fqdn,
	[SCHEMA_DOMAIN] = read_domain, [SCHEMA_URL] = read_url, [SCHEMA_SIPURI] = read_sipuri, [SCHEMA_NUMBER] = read_number, [SCHEMA_IP] = read_ip,
	[SCHEMA_PATTERN] = read_pattern, [SCHEMA_REF] = read_ref, [SCHEMA_SECRET] = read_text, [SCHEMA_BYTES] = read_bytes, [SCHEMA_GUID] = read_guid,
};

bool value_truth(str s, bool *out)
{
	if (s.n != 0 && s.p[0] == '$')
		s = str_cut(s, 1, s.n);
	*out = str_eq_case(s, STR("true"));
	return *out || str_eq_case(s, STR("false"));
}

bool value_int(str s, int64_t *out)
{
	uint64_t v;
	bool minus = s.n != 0 && s.p[0] == '-';
	if (s.n > INT_DIGITS || !str_to_u64(minus ? str_cut(s, 1, s.n) : s, &v) || v > INT64_MAX)
		return false;
	*out = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

static json_t *text_value(const struct schema_prop *p, str s)
{
	struct buf out DEFER(buf_fini) = { 0 };
	bool truth;
	int64_t v, least, most;
	buf_init(&out, 4 * BYTES_MOST);
	if (p->type == SCHEMA_BOOL)
		return value_truth(s, &truth) ? json_boolean(truth) : NULL;
	if (p->type == SCHEMA_INT)
		return value_int(s, &v) && value_int(side(p->check, 0), &least) && value_int(side(p->check, 1), &most) && v >= least && v <= most ? json_integer(v) : NULL;
	if (!readers[p->type](p, s, &out) || out.failed)
		return NULL;
	return json_stringn(out.n != 0 ? out.p : "", out.n);
}

/* JSON scalars as text; false for anything else. */
static bool scalar_text(const json_t *v, char room[32], str *out)
{
	*out = (str){ room, 0 };
	if (json_is_string(v))
		*out = (str){ json_string_value(v), json_string_length(v) };
	else if (json_is_boolean(v))
		*out = json_is_true(v) ? STR("True") : STR("False");
	else if (json_is_integer(v))
		out->n = (size_t)snprintf(room, 32, "%lld", (long long)json_integer_value(v));
	else
		return false;
	return true;
}

static const json_t *only(const json_t *given)
{
	return json_is_array(given) && json_array_size(given) == 1 ? json_array_get(given, 0) : given;
}

static err scalar(const struct schema_prop *p, const json_t *given, json_t **out, struct diag *d)
{
	char room[32];
	str s;
	given = only(given);
	if (json_is_object(given) && json_object_get(given, "Identity") != NULL)
		given = json_object_get(given, "Identity"); /* an object stands for its identity */
	if (!scalar_text(given, room, &s))
		return refuse(p, STR("a list or object"), d);
	if (s.n == 0 && p->type != SCHEMA_TEXT && p->type != SCHEMA_SECRET && p->type != SCHEMA_BYTES) {
		*out = NULL; /* an empty text unsets, as people write it */
		return OK;
	}
	*out = text_value(p, s);
	return *out != NULL ? OK : refuse(p, p->type == SCHEMA_SECRET ? STR("***") : s, d);
}

/* ---- lists ---- */

struct schema_prop value_element(const struct schema_prop *list)
{
	static const struct {
		const char *word;
		enum schema_type type;
	} words[] = { { "TEXT", SCHEMA_TEXT }, { "FQDN", SCHEMA_FQDN }, { "DOMAIN", SCHEMA_DOMAIN }, { "SIPURI", SCHEMA_SIPURI }, { "NUMBER", SCHEMA_NUMBER },
		{ "IP", SCHEMA_IP }, { "URL", SCHEMA_URL }, { "PATTERN", SCHEMA_PATTERN }, { "ENUM", SCHEMA_ENUM }, { "REF", SCHEMA_REF }, { "INT", SCHEMA_INT } };
	struct schema_prop p = { .name = list->name, .type = SCHEMA_TEXT, .dflt = "", .check = "", .flags = "", .help = list->help };
	str rest, word = str_split(str_of(list->check), ':', &rest);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (str_eq(str_of(words[i].word), word))
			p.type = words[i].type;
	p.check = rest.n != 0 ? rest.p : "";
	return p;
}

bool value_same(const json_t *a, const json_t *b)
{
	if (json_is_string(a) && json_is_string(b))
		return str_eq_case((str){ json_string_value(a), json_string_length(a) }, (str){ json_string_value(b), json_string_length(b) });
	return json_equal(a, b);
}

size_t value_index(const json_t *list, const json_t *v)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
		if (value_same(one, v))
			return i;
	return json_array_size(list);
}

/* One element of a LIST or OBJECTS. */
err value_one(const struct schema_prop *p, const json_t *given, json_t **out, struct diag *d)
{
	if (p->type == SCHEMA_LISTED) {
		const struct schema_prop element = value_element(p);
		TRY(scalar(&element, given, out, d));
		return *out != NULL ? OK : refuse(p, STR(""), d);
	}
	const struct schema_kind *k = schema_find(str_of(p->check));
	if (k == NULL || !json_is_object(given))
		return refuse(p, json_is_string(given) ? str_of(json_string_value(given)) : STR("this value"), d);
	return schema_object(k, given, out, d);
}

static err add_one(const struct schema_prop *p, json_t *list, const json_t *given, struct diag *d)
{
	json_t *v = NULL;
	if (json_array_size(list) >= LIST_MOST)
		return diag_fail(d, ERR(CEILING), p->name, "give fewer", "a list has at most %d elements", LIST_MOST);
	TRY(value_one(p, given, &v, d));
	if (value_index(list, v) != json_array_size(list)) {
		json_decref(v);
		return diag_fail(d, ERR(EXISTS), p->name, "leave it out", "%.80s stands in the list already", json_is_string(given) ? json_string_value(given) : "an element");
	}
	return json_array_append_new(list, v) == 0 ? OK : ERR(NO_MEMORY);
}

err value_add(const struct schema_prop *p, json_t *list, const json_t *given, struct diag *d)
{
	size_t i;
	json_t *one;
	if (!json_is_array(given))
		return add_one(p, list, given, d);
	json_array_foreach(given, i, one)
		TRY(add_one(p, list, one, d));
	return OK;
}

static err list(const struct schema_prop *p, const json_t *given, json_t **out, struct diag *d)
{
	json_t *all = json_array();
	ENSURE(all != NULL, NO_MEMORY);
	err e = value_add(p, all, given, d);
	if (failed(e))
		json_decref(all);
	else
		*out = all;
	return e;
}

/* ---- any ---- */

err schema_value(const struct schema_prop *p, const json_t *given, json_t **out, struct diag *d)
{
	*out = NULL;
	if (given == NULL || json_is_null(given))
		return OK;
	if (p->type == SCHEMA_LISTED || p->type == SCHEMA_OBJECTS)
		return list(p, given, out, d);
	if (p->type == SCHEMA_OBJECT)
		return value_one(p, only(given), out, d);
	return scalar(p, given, out, d);
}

json_t *schema_default(const struct schema_prop *p)
{
	json_t *v = NULL;
	if (p->dflt[0] == '\0')
		return NULL;
	if (p->type != SCHEMA_LISTED)
		return text_value(p, str_of(p->dflt));
	json_t *all = json_array();
	for (str rest = str_of(p->dflt); all != NULL && rest.n != 0;) {
		str one = str_split(rest, '|', &rest);
		v = json_stringn(one.p, one.n);
		if (failed(value_add(p, all, v, NULL))) {
			json_decref(all);
			all = NULL;
		}
		json_decref(v);
	}
	return all;
}
