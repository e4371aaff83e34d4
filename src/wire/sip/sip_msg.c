/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of messages. One pass cuts the header into rows; then the start line and the fields that every message has
 * are decoded, and the other well-known ones checked. The first thing that is wrong is reported; reading goes on, so
 * that a request can be answered.
 */
#include "wire/sip/sip_priv.h"

#define FEW      40          /* rows before the arena is asked */
#define CSEQ_MAX 0x7fffffffu /* RFC 3261 8.1.1.5 */

struct reader {
	struct sip_msg *m;
	struct arena *arena;
	struct diag *d; /* NULL once something is wrong */
	err e;
	struct sip_limits limits;
	const char *p, *end;
	struct sip_hdr *rows;
	unsigned n, size;
	struct sip_hdr few[FEW];
};

static void note(struct reader *r, err e, const char *where)
{
	if (!failed(e) || failed(r->e))
		return;
	r->e = e;
	if (r->d != NULL)
		(void)str_to_z(str_of(where), r->d->where, sizeof r->d->where);
	r->d = NULL;
}

static void refuse(struct reader *r, const char *where, const char *see, const char *what, str text)
{
	note(r, sip_refuse(r->d, where, see, what, text), where);
}

static void refuse_as(struct reader *r, err e, const char *where, const char *see, const char *what)
{
	note(r, diag_fail(r->d, e, where, see, "%s", what), where);
}

/* ---- rows ---- */

static bool take_line(struct reader *r, str *line)
{
	bool good;
	if (!sip_take_line(&r->p, r->end, line, &good))
		return false;
	if (!good)
		refuse(r, "header", "see RFC 3261 7, 25.1",
			"a line has a bare CR or LF, a control character or no UTF-8", *line);
	return true;
}

/* Moves the rows to the arena, with room for as many as the ceiling allows. */
static bool grow_rows(struct reader *r, unsigned size)
{
	struct sip_hdr *rows = arena_alloc(r->arena, (size != 0 ? size : 1) * sizeof *rows);
	if (rows == NULL) {
		refuse_as(r, ERR(CEILING), "header", "", "there is no memory for the header fields");
		return false;
	}
	memcpy(rows, r->rows, r->n * sizeof *rows);
	r->rows = rows;
	r->size = size;
	return true;
}

/* A place for one more row; NULL when there are too many. */
static struct sip_hdr *new_row(struct reader *r)
{
	if (r->n == r->limits.fields) {
		refuse_as(r, ERR(SIP_TOO_LARGE), "header", "see RFC 3261 21.5.7", "there are too many header fields");
		return NULL;
	}
	if (r->n == r->size && !grow_rows(r, r->limits.fields))
		return NULL;
	return &r->rows[r->n++];
}

static bool read_row(struct reader *r, str line)
{
	struct scan in = scan_of(line);
	str name = sip_while(&in, CHAR_TOKEN);
	while (in.p != in.end && (*in.p == ' ' || *in.p == '\t'))
		in.p++;
	if (name.n == 0 || !scan_char(&in, ':')) {
		refuse(r, "header", "see RFC 3261 7.3.1", "a line is no header field", str_trim(line));
		return true;
	}
	struct sip_hdr *row = new_row(r);
	if (row == NULL)
		return false;
	sip_skip_space(&in);
	while (in.end != in.p && sip_is(in.end[-1], CHAR_SPACE))
		in.end--;
	row->id = (uint16_t)sip_hdr_of(name);
	row->line = line;
	row->name = name;
	row->value = scan_rest(&in);
	return true;
}

/* The rows up to the empty line; then r->p is at the body. */
static void read_rows(struct reader *r)
{
	str line;
	for (;;) {
		if (r->end - r->p >= 2 && r->p[0] == '\r' && r->p[1] == '\n') {
			r->p += 2;
			break;
		}
		if (!take_line(r, &line)) {
			refuse(r, "header", "see RFC 3261 7", "the empty line after the header is missing", STR(""));
			r->p = r->end;
			break;
		}
		if (!read_row(r, line))
			break;
	}
	if ((size_t)(r->p - r->m->raw.p) > r->limits.header)
		refuse_as(r, ERR(SIP_TOO_LARGE), "header", "see RFC 3261 21.5.7", "the header is over its ceiling");
}

/* Hands the rows over and chains the fields of each name. */
static bool keep_rows(struct reader *r)
{
	struct sip_msg *m = r->m;
	if (r->rows == r->few && !grow_rows(r, r->n))
		return false;
	m->hdrs = r->rows;
	m->n_hdrs = (uint16_t)r->n;
	for (unsigned i = r->n; i-- > 0;) {
		struct sip_hdr *h = &m->hdrs[i];
		h->next = m->first[h->id];
		m->first[h->id] = (uint16_t)(i + 1);
	}
	return true;
}

/* ---- start line ---- */

/* "SIP/2.0"; another number of the same form is another version */
static void check_version(struct reader *r, const char *where, str s)
{
	struct scan in = scan_of(s);
	str major, minor;
	if (str_eq_case(s, STR("SIP/2.0")))
		return;
	in.p += str_begins_case(s, STR("SIP/")) ? 4 : 0;
	if (in.p != s.p && sip_some(&in, CHAR_DIGIT, &major) && scan_char(&in, '.') &&
		sip_some(&in, CHAR_DIGIT, &minor) && scan_at_end(&in))
		refuse_as(r, ERR(SIP_VERSION), where, "see RFC 3261 7.1", "the version is not SIP/2.0");
	else
		refuse(r, where, "see RFC 3261 7.1", "the SIP version is not well-formed", s);
}

static void read_request_line(struct reader *r, str line)
{
	struct sip_msg *m = r->m;
	static const char where[] = "Request-Line";
	str rest, version;
	m->method_name = str_split(line, ' ', &rest);
	struct scan in = scan_of(m->method_name);
	(void)sip_while(&in, CHAR_TOKEN);
	if (m->method_name.n == 0 || !scan_at_end(&in) || rest.n == 0) {
		refuse(r, where, "see RFC 3261 7.1", "the request line is not well-formed", line);
		return;
	}
	m->is_request = true;
	m->method = sip_method_of(m->method_name);
	m->request_uri = str_split(rest, ' ', &version);
	check_version(r, where, version);
	note(r, uri_parse(m->request_uri, &m->uri, r->d), where);
	if (m->uri.headers.n != 0 && m->uri.kind != URI_OTHER)
		refuse(r, where, "see RFC 3261 19.1.1", "the Request-URI has headers", m->request_uri);
	if (m->uri.kind == URI_OTHER)
		refuse_as(r, ERR(SIP_SCHEME), where, "see RFC 3261 8.2.2.1",
			"the scheme of the Request-URI is not known");
}

static void read_status_line(struct reader *r, str line)
{
	struct sip_msg *m = r->m;
	static const char where[] = "Status-Line";
	str rest;
	check_version(r, where, str_split(line, ' ', &rest));
	str code = str_cut(rest, 0, 3);
	uint32_t status;
	if (!str_to_u32(code, &status) || status < 100 || status > 699 || rest.n < 4 || rest.p[3] != ' ') {
		refuse(r, where, "see RFC 3261 7.2", "the status line is not well-formed", line);
		return;
	}
	m->status = status;
	m->reason = str_cut(rest, 4, rest.n);
}

static void read_start_line(struct reader *r)
{
	str line;
	if (!take_line(r, &line)) {
		refuse(r, "start line", "see RFC 3261 7", "there is no start line", STR(""));
		r->p = r->end;
		return;
	}
	while (line.n != 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	if (str_begins_case(line, STR("SIP/")))
		read_status_line(r, line);
	else
		read_request_line(r, line);
}

/* ---- the fields that every message has ---- */

/* The value of a field that must be there. */
static bool get_value(struct reader *r, enum sip_hdr_id id, const char *where, str *value)
{
	*value = sip_hdr_value(r->m, id);
	if (r->m->first[id] != 0)
		return true;
	refuse_as(r, ERR(MALFORMED), where, "see RFC 3261 8.1.1", "the field is missing");
	return false;
}

static void read_party(struct reader *r, enum sip_hdr_id id, const char *where, struct sip_addr *addr, str *tag)
{
	str value;
	if (!get_value(r, id, where, &value))
		return;
	note(r, sip_addr_parse_tag(value, addr, tag, r->d), where);
	if (addr->is_star)
		refuse(r, where, "see RFC 3261 20", "'*' stands for no address here", value);
}

static void read_via(struct reader *r)
{
	str value, top;
	if (!get_value(r, SIP_HDR_VIA, "Via", &value))
		return;
	if (!sip_next_value(&value, &top))
		top = STR("");
	note(r, sip_via_parse(top, &r->m->via, r->d), "Via");
}

/* word [ "@" word ] */
static void read_call_id(struct reader *r)
{
	str value, word;
	if (!get_value(r, SIP_HDR_CALL_ID, "Call-ID", &value))
		return;
	struct scan in = scan_of(value);
	bool good = sip_some(&in, CHAR_WORD, &word);
	if (good && scan_char(&in, '@'))
		good = sip_some(&in, CHAR_WORD, &word);
	r->m->call_id = value;
	if (!good || !scan_at_end(&in))
		refuse(r, "Call-ID", "see RFC 3261 20.8", "the value is not well-formed", value);
}

static void read_cseq(struct reader *r)
{
	struct sip_msg *m = r->m;
	str value;
	if (!get_value(r, SIP_HDR_CSEQ, "CSeq", &value))
		return;
	size_t n = 0;
	while (n < value.n && value.p[n] >= '0' && value.p[n] <= '9')
		n++;
	uint64_t number;
	if (!sip_digits(str_cut(value, 0, n), &number) || number > CSEQ_MAX) {
		refuse(r, "CSeq", "see RFC 3261 8.1.1.5", "the number is missing or not below 2^31", value);
		return;
	}
	m->cseq = (uint32_t)number;
	m->cseq_method = str_trim(str_cut(value, n, value.n));
	struct scan in = scan_of(m->cseq_method);
	(void)sip_while(&in, CHAR_TOKEN);
	if (m->cseq_method.n == 0 || m->cseq_method.p == value.p + n || !scan_at_end(&in))
		refuse(r, "CSeq", "see RFC 3261 20.16", "the method is missing or not well-formed", value);
	else if (m->is_request && !str_eq(m->cseq_method, m->method_name))
		refuse(r, "CSeq", "see RFC 3261 8.1.1.5", "the method is not that of the request line", value);
	if (!m->is_request) {
		m->method_name = m->cseq_method;
		m->method = sip_method_of(m->cseq_method);
	}
}

static void read_max_forwards(struct reader *r)
{
	struct sip_msg *m = r->m;
	uint64_t n;
	if (m->first[SIP_HDR_MAX_FORWARDS] == 0)
		return;
	str value = sip_hdr_value(m, SIP_HDR_MAX_FORWARDS);
	if (!sip_digits(value, &n) || n > 255) {
		refuse(r, "Max-Forwards", "see RFC 3261 20.22", "the value is no number from 0 to 255", value);
		return;
	}
	m->has_max_forwards = true;
	m->max_forwards = (uint8_t)n;
}

static void read_body(struct reader *r)
{
	struct sip_msg *m = r->m;
	static const char where[] = "Content-Length";
	const struct sip_hdr *h = sip_hdr_first(m, SIP_HDR_CONTENT_LENGTH);
	uint64_t n, again;
	m->body = (str){ r->p, (size_t)(r->end - r->p) };
	if (h != NULL) {
		if (!sip_digits(h->value, &n)) {
			refuse(r, where, "see RFC 3261 20.14", "the value is no number", h->value);
			return;
		}
		for (const struct sip_hdr *o = h; (o = sip_hdr_next(m, o)) != NULL;)
			if (!sip_digits(o->value, &again) || again != n)
				refuse(r, where, "see RFC 4475 3.3.9", "two fields have different values", o->value);
		if (n > m->body.n) {
			refuse(r, where, "see RFC 3261 18.3", "the body is shorter than the value says", h->value);
			return;
		}
		m->body.n = (size_t)n;
	}
	m->raw.n = (size_t)(m->body.p - m->raw.p) + m->body.n;
	if (m->body.n > r->limits.body)
		refuse_as(r, ERR(SIP_ENTITY), where, "see RFC 3261 21.4.11", "the body is over its ceiling");
}

static const char *name_of(const struct sip_hdr *h)
{
	return h->id != SIP_HDR_OTHER ? sip_hdr_name((enum sip_hdr_id)h->id).p : "header";
}

static void check_rows(struct reader *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct sip_hdr *h = &r->rows[i];
		enum sip_hdr_id id = (enum sip_hdr_id)h->id;
		if (h->next != 0 && sip_hdr_kind(id) == SIP_KIND_ONE && id != SIP_HDR_CONTENT_LENGTH)
			refuse(r, name_of(h), "see RFC 3261 7.3.1", "the field is there twice", str_trim(h->line));
		err e = sip_check_field(id, h->value, r->d);
		if (failed(e))
			note(r, e, name_of(h));
	}
}

err sip_msg_parse(struct sip_msg *m, str raw, struct arena *a, const struct sip_limits *limits, struct diag *d)
{
	struct reader r;
	while (raw.n >= 2 && raw.p[0] == '\r' && raw.p[1] == '\n') /* RFC 3261 7.5 */
		raw = str_cut(raw, 2, raw.n);
	*m = (struct sip_msg){ .raw = raw, .max_forwards = 255 };
	r.m = m;
	r.arena = a;
	r.d = d;
	r.e = OK;
	r.limits = sip_limits_of(limits);
	r.p = raw.p;
	r.end = raw.p + raw.n;
	r.rows = r.few;
	r.n = 0;
	r.size = r.limits.fields < FEW ? r.limits.fields : FEW;
	read_start_line(&r);
	read_rows(&r);
	if (!keep_rows(&r))
		return r.e;
	read_via(&r);
	read_party(&r, SIP_HDR_FROM, "From", &m->from, &m->from_tag);
	read_party(&r, SIP_HDR_TO, "To", &m->to, &m->to_tag);
	read_call_id(&r);
	read_cseq(&r);
	read_max_forwards(&r);
	read_body(&r);
	check_rows(&r);
	if (m->raw.n > r.limits.message)
		refuse_as(&r, ERR(SIP_TOO_LARGE), "message", "see RFC 3261 21.5.7", "the message is over its ceiling");
	m->answerable = m->is_request && m->method != SIP_METHOD_ACK && m->first[SIP_HDR_VIA] != 0;
	return r.e;
}

void sip_msg_change_body(struct sip_msg *m, str body)
{
	m->body = body;
}

err sip_msg_change_value(struct sip_msg *m, size_t i, str value, struct arena *a)
{
	struct sip_hdr *h = &m->hdrs[i];
	ENSURE(str_find_char(value, '\n') == value.n && str_find_char(value, '\r') == value.n, MALFORMED);
	str line = arena_join(a, (const str[]){ h->name, STR(": "), value, STR("\r\n") }, 4);
	ENSURE(line.p != NULL, CEILING);
	h->line = line;
	h->value = str_cut(line, h->name.n + 2, line.n - 2);
	return OK;
}
