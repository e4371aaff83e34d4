/* SPDX-License-Identifier: Apache-2.0 */
#include "service/hiding.h"

#include "base/enc.h"

#include <stdlib.h>

#define PARAM      "ms-internal-info" /* as Edges of the field call it */
#define USER       "hidden-"
#define PLAIN_MAX  8192u
#define VALUES_MAX 64u /* of one list */

struct hiding {
	struct hiding_config c;
};

err hiding_new(const struct hiding_config *config, struct hiding **out)
{
	struct hiding *h = calloc(1, sizeof *h);
	ENSURE(h != NULL, NO_MEMORY);
	h->c = *config;
	*out = h;
	return OK;
}

void hiding_free(struct hiding *h)
{
	free(h);
}

/* ---- sealed text ---- */

static err seal(const struct hiding *h, str plain, struct arena *a, str *out)
{
	ENSURE(plain.n <= PLAIN_MAX, CEILING);
	uint8_t *sealed = arena_alloc(a, plain.n + CRYPT_SEAL);
	char *text = arena_alloc(a, ENC_BASE64_SIZE(plain.n + CRYPT_SEAL));
	ENSURE(sealed != NULL && text != NULL, CEILING);
	TRY(crypt_seal(h->c.crypt, plain, sealed));
	*out = (str){ text, enc_base64url(sealed, plain.n + CRYPT_SEAL, text) };
	return OK;
}

static err unseal(const struct hiding *h, str text, struct arena *a, str *out)
{
	size_t n = text.n;
	ENSURE(text.n <= ENC_BASE64_SIZE(PLAIN_MAX + CRYPT_SEAL), MALFORMED);
	uint8_t *sealed = arena_alloc(a, n + 1);
	char *plain = arena_alloc(a, n + 1);
	ENSURE(sealed != NULL && plain != NULL, CEILING);
	ENSURE(!failed(enc_base64url_read(text, sealed, &n)) && n >= CRYPT_SEAL, MALFORMED);
	ENSURE(!failed(crypt_unseal(h->c.crypt, (str){ (const char *)sealed, n }, (uint8_t *)plain)), MALFORMED);
	*out = (str){ plain, n - CRYPT_SEAL };
	return OK;
}

/* ---- lists of values ---- */

struct values {
	str v[VALUES_MAX];
	size_t n;
};

static err read_values(const struct sip_msg *m, enum sip_hdr_id id, struct values *out)
{
	struct sip_walk w = { 0 };
	str value;
	out->n = 0;
	while (sip_walk_next(m, id, &w, &value)) {
		ENSURE(out->n < VALUES_MAX, CEILING);
		out->v[out->n++] = value;
	}
	return OK;
}

/* v[from], ... before v[to], with commas between them; from > to: backwards, v[to] included. */
static err join(const struct values *l, size_t from, size_t to, bool backwards, struct arena *a, str *out)
{
	str parts[2 * VALUES_MAX];
	size_t n = 0;
	for (size_t i = from; i < to; i++) {
		parts[n++] = STR(", ");
		parts[n++] = l->v[backwards ? to - 1 - (i - from) : i];
	}
	*out = n != 0 ? arena_join(a, parts + 1, n - 1) : STR("");
	return n != 0 && out->p == NULL ? ERR(CEILING) : OK;
}

/* The value with the parameter: at the end of a Via, in the URI of a route. */
static err with_param(str value, str sealed, struct arena *a, str *out)
{
	size_t end = str_find_char(value, '>');
	const str parts[] = { str_cut(value, 0, end), STR(";" PARAM "="), sealed, str_cut(value, end, value.n) };
	*out = arena_join(a, parts, 4);
	return out->p != NULL ? OK : ERR(CEILING);
}

/* Takes the parameter out of the value; false: it has none. */
static bool cut_param(str value, struct arena *a, str *without, str *sealed)
{
	const char *at = memmem(value.p, value.n, ";" PARAM "=", sizeof ";" PARAM "=" - 1);
	if (at == NULL)
		return false;
	size_t begin = (size_t)(at - value.p), from = begin + sizeof ";" PARAM "=" - 1, to = from;
	while (to < value.n && value.p[to] != ';' && value.p[to] != '>' && value.p[to] != ' ')
		to++;
	*sealed = str_cut(value, from, to);
	*without = arena_join(a, (const str[]){ str_cut(value, 0, begin), str_cut(value, to, value.n) }, 2);
	return without->p != NULL;
}

static bool is_access(const struct hiding *h, str value)
{
	struct sip_addr addr;
	return !failed(sip_addr_parse(value, &addr, NULL)) && str_eq_case(addr.uri.host, h->c.access);
}

static void set_values(struct sip_out *o, enum sip_hdr_id id, const struct values *l)
{
	sip_out_remove(o, id);
	for (size_t i = 0; i < l->n; i++)
		sip_out_add(o, id, l->v[i]);
}

/* ---- outward ---- */

/* All values below the first, which is ours, go into it. */
static err hide_below(const struct hiding *h, const struct sip_msg *m, enum sip_hdr_id id, struct arena *a, struct sip_out *o)
{
	struct values l;
	str rest, sealed;
	TRY(read_values(m, id, &l));
	if (l.n < 2)
		return OK;
	TRY(join(&l, 1, l.n, false, a, &rest));
	TRY(seal(h, rest, a, &sealed));
	TRY(with_param(l.v[0], sealed, a, &l.v[0]));
	l.n = 1;
	set_values(o, id, &l);
	return OK;
}

/* In an answer to a partner those of the inside stand above ours; he will send them in the other order. */
static err hide_above(const struct hiding *h, const struct sip_msg *m, struct arena *a, struct sip_out *o)
{
	struct values l;
	str rest, sealed;
	size_t ours = 0;
	TRY(read_values(m, SIP_HDR_RECORD_ROUTE, &l));
	while (ours < l.n && !is_access(h, l.v[ours]))
		ours++;
	if (l.n == 0 || ours == 0)
		return OK;
	if (ours == l.n) { /* not asked for by a request that came through here */
		sip_out_remove(o, SIP_HDR_RECORD_ROUTE);
		return OK;
	}
	TRY(join(&l, 0, ours, true, a, &rest));
	TRY(seal(h, rest, a, &sealed));
	TRY(with_param(l.v[ours], sealed, a, &l.v[ours]));
	memmove(l.v, l.v + ours, (l.n - ours) * sizeof l.v[0]);
	l.n -= ours;
	set_values(o, SIP_HDR_RECORD_ROUTE, &l);
	return OK;
}

static err hide_contact(const struct hiding *h, str *value, struct arena *a)
{
	struct sip_addr addr;
	str sealed;
	if (str_eq(*value, STR("*")) || failed(sip_addr_parse(*value, &addr, NULL)))
		return OK;
	if ((addr.uri.kind != URI_SIP && addr.uri.kind != URI_SIPS) || h->c.is_domain(h->c.arg, addr.uri.host))
		return OK;
	TRY(seal(h, addr.uri.raw, a, &sealed));
	const str parts[] = { STR("<sip:" USER), sealed, STR("@"), h->c.access, STR(":"), arena_decimal(a, h->c.port), STR(";transport=tls>"),
		addr.params.n != 0 ? STR(";") : STR(""), addr.params };
	*value = arena_join(a, parts, sizeof parts / sizeof *parts);
	return value->p != NULL ? OK : ERR(CEILING);
}

static err hide_contacts(const struct hiding *h, const struct sip_msg *m, struct arena *a, struct sip_out *o)
{
	struct values l;
	TRY(read_values(m, SIP_HDR_CONTACT, &l));
	for (size_t i = 0; i < l.n; i++)
		TRY(hide_contact(h, &l.v[i], a));
	if (l.n != 0)
		set_values(o, SIP_HDR_CONTACT, &l);
	return OK;
}

/* What servers tell each other, or clients of ours. */
static const char *const privates[] = { "ms-diagnostics", "ms-edge-proxy-message-trust", "ms-user-logon-data", "ms-application-via", "ms-split-domain-info",
	"ms-asserted-verification-level", "Warning", "Path", "Service-Route", "P-Access-Network-Info", "P-Charging-Vector", "P-Charging-Function-Addresses" };

static str row_name(const struct sip_row *row)
{
	return row->name.n != 0 ? row->name : str_trim(str_cut(row->line, 0, str_find_char(row->line, ':')));
}

static bool is_private(str name)
{
	for (size_t i = 0; i < sizeof privates / sizeof *privates; i++)
		if (str_eq_case(name, str_of(privates[i])))
			return true;
	return false;
}

/* The number and the reason of a failure are for everybody, where it was found is not: ms-diagnostics-public. */
static err publish_diagnostics(const struct sip_msg *m, struct arena *a, struct sip_out *o)
{
	struct buf b DEFER(buf_fini) = { 0 };
	str name, value, number = { 0 }, rest = { 0 };
	for (size_t i = 0; i < m->n_hdrs && rest.n == 0; i++)
		if (str_eq_case(m->hdrs[i].name, STR("ms-diagnostics")))
			rest = m->hdrs[i].value;
	if (rest.n == 0)
		return OK;
	buf_init(&b, 1024);
	number = str_trim(str_split(rest, ';', &rest));
	buf_printf(&b, "%.*s", STR_FMT(number));
	while (sip_next_param(&rest, &name, &value))
		if (str_eq_case(name, STR("reason")))
			buf_printf(&b, ";reason=%.*s", STR_FMT(value));
	str text = arena_copy(a, buf_str(&b));
	ENSURE(!b.failed && text.p != NULL, CEILING);
	sip_out_add_other(o, STR("ms-diagnostics-public"), text);
	return OK;
}

static void drop_private(struct sip_out *o)
{
	uint16_t kept = 0;
	for (uint16_t i = 0; i < o->n; i++)
		if (!is_private(row_name(&o->rows[i])))
			o->rows[kept++] = o->rows[i];
	o->n = kept;
}

static str start_of(const struct sip_msg *m)
{
	return str_trim(str_cut(m->raw, 0, str_find_char(m->raw, '\n')));
}

err hiding_outward(const struct hiding *h, const struct sip_msg *m, struct arena *a, struct sip_out *o)
{
	sip_out_from(o, a, m, start_of(m));
	drop_private(o);
	TRY(publish_diagnostics(m, a, o));
	if (m->is_request) {
		TRY(hide_below(h, m, SIP_HDR_VIA, a, o));
		TRY(hide_below(h, m, SIP_HDR_RECORD_ROUTE, a, o));
	} else {
		TRY(hide_above(h, m, a, o));
	}
	TRY(hide_contacts(h, m, a, o));
	return o->failed ? ERR(CEILING) : OK;
}

/* ---- inward ---- */

static bool is_hidden(const struct hiding *h, const struct uri *u)
{
	return u->has_user && str_begins(u->user, STR(USER)) && str_eq_case(u->host, h->c.access);
}

bool hiding_concerns(const struct hiding *h, const struct sip_msg *m)
{
	if (m->is_request && is_hidden(h, &m->uri))
		return true;
	size_t header = m->raw.n - m->body.n;
	return memmem(m->raw.p, header, ";" PARAM "=", sizeof ";" PARAM "=" - 1) != NULL;
}

/* What was sealed in a value stands below it again. */
static err open_list(const struct hiding *h, const struct sip_msg *m, enum sip_hdr_id id, struct arena *a, struct sip_out *o)
{
	struct values l;
	str sealed, plain;
	TRY(read_values(m, id, &l));
	for (size_t i = 0; i < l.n; i++) {
		if ((id != SIP_HDR_VIA && !is_access(h, l.v[i])) || (id == SIP_HDR_VIA && i != 0) || !cut_param(l.v[i], a, &l.v[i], &sealed))
			continue;
		TRY(unseal(h, sealed, a, &plain));
		ENSURE(l.n < VALUES_MAX, CEILING);
		memmove(l.v + i + 2, l.v + i + 1, (l.n - i - 1) * sizeof l.v[0]);
		l.v[i + 1] = plain;
		l.n++;
		set_values(o, id, &l);
		return OK; /* one is ours; whoever writes two plays tricks */
	}
	return OK;
}

static err open_request_uri(const struct hiding *h, const struct sip_msg *m, struct arena *a, str *start)
{
	struct uri u;
	str plain;
	*start = start_of(m);
	if (!is_hidden(h, &m->uri))
		return OK;
	TRY(unseal(h, str_cut(m->uri.user, sizeof USER - 1, m->uri.user.n), a, &plain));
	ENSURE(!failed(uri_parse(plain, &u, NULL)), MALFORMED);
	*start = arena_join(a, (const str[]){ m->method_name, STR(" "), plain, STR(" SIP/2.0") }, 4);
	return start->p != NULL ? OK : ERR(CEILING);
}

err hiding_inward(const struct hiding *h, const struct sip_msg *m, struct arena *a, struct sip_out *o)
{
	str start = start_of(m);
	if (m->is_request)
		TRY(open_request_uri(h, m, a, &start));
	sip_out_from(o, a, m, start);
	if (m->is_request) {
		TRY(open_list(h, m, SIP_HDR_ROUTE, a, o));
	} else {
		TRY(open_list(h, m, SIP_HDR_VIA, a, o));
		TRY(open_list(h, m, SIP_HDR_RECORD_ROUTE, a, o));
	}
	return o->failed ? ERR(CEILING) : OK;
}
