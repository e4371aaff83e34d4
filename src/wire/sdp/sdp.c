/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/sdp.h"

#include "base/scan.h"

#define SEE "see RFC 8866 9"

/* token-char of RFC 8866 9 */
static const struct scan_set token_set = { { 0x03ff6cfa00000000, 0x7fffffffc7fffffe } };
static const struct scan_set digit_set = { { 0x03ff000000000000 } };

struct reader {
	struct sdp *s;
	struct sdp_media *m; /* the medium being read; NULL in the session part */
	unsigned rank;       /* place of the last line in the order */
	unsigned seen;       /* bit of each session rule that was met */
	struct diag *d;
};

static err refuse(struct reader *r, const char *what, str line)
{
	err e = diag_fail(
		r->d, ERR(MALFORMED), "SDP", SEE, "%s: '%.*s'", what, line.n < 100 ? (int)line.n : 100, line.p);
	diag_clean(r->d);
	return e;
}

/* One more field that a space ends; the last one ends with the line. */
static bool take_field(str *rest, str *out)
{
	if (rest->n == 0)
		return false;
	*out = str_split(*rest, ' ', rest);
	return out->n != 0;
}

static bool is_all(str s, const struct scan_set *set)
{
	struct scan in = scan_of(s);
	(void)scan_while(&in, set);
	return s.n != 0 && scan_at_end(&in);
}

static bool read_address(str *rest, struct sdp_address *out)
{
	return take_field(rest, &out->net) && is_all(out->net, &token_set) && take_field(rest, &out->type) &&
	       is_all(out->type, &token_set) && take_field(rest, &out->host) && rest->n == 0;
}

/* ---- the value of each line; false: not well-formed ---- */

typedef bool line_fn(struct reader *r, str value);

static bool read_version(struct reader *r, str value)
{
	(void)r;
	return str_eq(value, STR("0"));
}

static bool read_origin(struct reader *r, str value)
{
	struct sdp *s = r->s;
	return take_field(&value, &s->user) && take_field(&value, &s->id) && is_all(s->id, &digit_set) &&
	       take_field(&value, &s->version) && is_all(s->version, &digit_set) && read_address(&value, &s->origin);
}

static bool read_name(struct reader *r, str value)
{
	r->s->name = value;
	return true;
}

static bool read_connection(struct reader *r, str value)
{
	struct sdp_address c = { 0 };
	if (!read_address(&value, &c))
		return false;
	if (r->m == NULL)
		r->s->connection = c;
	else if (r->m->connection.host.p == r->s->connection.host.p) /* its first one */
		r->m->connection = c;
	return true;
}

static bool read_bandwidth(struct reader *r, str value)
{
	(void)r;
	str number, type = str_split(value, ':', &number);
	return is_all(type, &token_set) && is_all(number, &digit_set);
}

static bool read_time(struct reader *r, str value)
{
	(void)r;
	str stop, start = str_split(value, ' ', &stop);
	return is_all(start, &digit_set) && is_all(stop, &digit_set);
}

static bool read_attribute(struct reader *r, str value)
{
	(void)r;
	size_t colon = str_find_char(value, ':');
	return is_all(str_cut(value, 0, colon), &token_set) && (colon == value.n || colon + 1 < value.n);
}

static bool read_text(struct reader *r, str value)
{
	(void)r;
	return value.n != 0;
}

static bool read_port(str s, struct sdp_media *m)
{
	uint32_t port;
	size_t slash = str_find_char(s, '/');
	m->ports = 1;
	if (slash != s.n && (!str_to_u32(str_cut(s, slash + 1, s.n), &m->ports) || m->ports == 0))
		return false;
	if (!str_to_u32(str_cut(s, 0, slash), &port) || port > UINT16_MAX)
		return false;
	m->port = (uint16_t)port;
	return true;
}

static bool is_proto(str s)
{
	bool more = true;
	while (more) {
		more = str_find_char(s, '/') != s.n;
		if (!is_all(str_split(s, '/', &s), &token_set))
			return false;
	}
	return true;
}

static bool read_media(struct reader *r, str value)
{
	str port, rest = value;
	struct sdp_media *m = &r->s->media[r->s->n_media++];
	*m = (struct sdp_media){ .connection = r->s->connection };
	r->m = m;
	if (!take_field(&rest, &m->media) || !is_all(m->media, &token_set) || !take_field(&rest, &port) ||
		!read_port(port, m) || !take_field(&rest, &m->proto) || !is_proto(m->proto))
		return false;
	m->formats = rest;
	str format;
	do
		if (!take_field(&rest, &format) || !is_all(format, &token_set))
			return false;
	while (rest.n != 0);
	return m->formats.p[m->formats.n - 1] != ' ';
}

/* ---- the order of the lines ---- */

struct rule {
	char type;
	bool repeats;
	uint8_t rank; /* may not be below that of the line before */
	line_fn *read;
};

enum { SEEN_V = 1, SEEN_O = 2, SEEN_S = 4, SEEN_T = 8, SEEN_ALL = 15 };

static const struct rule session_rules[] = {
	{ 'v', false, 1, read_version },
	{ 'o', false, 2, read_origin },
	{ 's', false, 3, read_name },
	{ 't', true, 10, read_time },
	{ 'i', false, 4, read_text },
	{ 'u', false, 5, read_text },
	{ 'e', true, 6, read_text },
	{ 'p', true, 7, read_text },
	{ 'c', false, 8, read_connection },
	{ 'b', true, 9, read_bandwidth },
	{ 'r', true, 10, read_text },
	{ 'z', false, 11, read_text },
	{ 'k', false, 12, read_text },
	{ 'a', true, 13, read_attribute },
	{ 'm', true, 14, read_media },
	{ 0 },
};

static const struct rule media_rules[] = {
	{ 'i', false, 1, read_text },
	{ 'c', true, 2, read_connection },
	{ 'b', true, 3, read_bandwidth },
	{ 'k', false, 4, read_text },
	{ 'a', true, 5, read_attribute },
	{ 'm', true, 6, read_media },
	{ 0 },
};

static const struct rule *find_rule(const struct reader *r, char type)
{
	const struct rule *rule = r->m != NULL ? media_rules : session_rules;
	while (rule->type != '\0' && rule->type != type)
		rule++;
	return rule->type != '\0' ? rule : NULL;
}

static err read_line(struct reader *r, str line)
{
	if (line.n < 2 || line.p[1] != '=')
		return refuse(r, "a line is not of the form x=...", line);
	if (str_find_char(line, '\r') != line.n || str_find_char(line, '\0') != line.n)
		return refuse(r, "a line has a bare CR or a NUL", line);
	const struct rule *rule = find_rule(r, line.p[0]);
	if (rule == NULL)
		return refuse(r, "a line of this type may not stand here", line);
	if (rule->rank < r->rank || (rule->rank == r->rank && !rule->repeats))
		return refuse(r, "a line is out of order or there twice", line);
	if (r->m == NULL && rule - session_rules < 4)
		r->seen |= 1u << (rule - session_rules);
	if (rule->type == 'r' && (r->seen & SEEN_T) == 0)
		return refuse(r, "r= comes before t=", line);
	if (rule->type == 'm' && r->seen != SEEN_ALL)
		return refuse(r, "v=, o=, s= or t= is missing before the first medium", line);
	r->rank = rule->type == 'm' ? 0 : rule->rank;
	if (!rule->read(r, str_cut(line, 2, line.n)))
		return refuse(r, "a line is not well-formed", line);
	return OK;
}

/* The next line without its end. */
static str take_line(str *rest)
{
	str line = str_split(*rest, '\n', rest);
	if (line.n != 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static err make_media(struct reader *r, str raw, struct arena *a)
{
	size_t n = 0;
	for (str rest = raw; rest.n != 0;)
		n += str_begins(take_line(&rest), STR("m="));
	if (n > SDP_MEDIA_MAX)
		return diag_fail(r->d, ERR(CEILING), "SDP", "", "there are over %d media", SDP_MEDIA_MAX);
	r->s->media = arena_alloc(a, (n != 0 ? n : 1) * sizeof *r->s->media);
	ENSURE(r->s->media != NULL, CEILING);
	return OK;
}

/* Each medium has a connection, and lines of its own. */
static err check_media(struct reader *r, str raw)
{
	struct sdp *s = r->s;
	for (unsigned i = 0; i < s->n_media; i++)
		if (s->media[i].connection.host.n == 0)
			return refuse(r, "there is no c= line for a medium", s->media[i].media);
	if (r->seen != SEEN_ALL)
		return refuse(r, "v=, o=, s= or t= is missing", raw);
	return OK;
}

err sdp_parse(struct sdp *s, str raw, struct arena *a, struct diag *d)
{
	struct reader r = { .s = s, .d = d };
	*s = (struct sdp){ 0 };
	TRY(make_media(&r, raw, a));
	str *lines = &s->lines;
	*lines = (str){ raw.p, 0 };
	for (str rest = raw; rest.n != 0;) {
		const char *from = rest.p;
		TRY(read_line(&r, take_line(&rest)));
		if (from[0] == 'm') {
			lines = &r.m->lines;
			*lines = (str){ rest.p, 0 };
		} else {
			lines->n = (size_t)(rest.p - lines->p);
		}
	}
	return check_media(&r, raw);
}

bool sdp_next_attr(str *lines, str *name, str *value)
{
	while (lines->n != 0) {
		str line = take_line(lines);
		if (!str_begins(line, STR("a=")))
			continue;
		*name = str_split(str_cut(line, 2, line.n), ':', value);
		return true;
	}
	return false;
}

bool sdp_attr(str lines, str name, str *value)
{
	str n, v;
	while (sdp_next_attr(&lines, &n, &v)) {
		if (!str_eq(n, name))
			continue;
		if (value != NULL)
			*value = v;
		return true;
	}
	return false;
}
