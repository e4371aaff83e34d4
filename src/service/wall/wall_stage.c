/* SPDX-License-Identifier: Apache-2.0 */
/* What a request is about, between whom, and what becomes of it. */
#include "service/wall/wall_priv.h"

#include "base/enc.h"
#include "wire/mime.h"

/* ---- what it is about ---- */

#define IM   (1u << WALL_IM)
#define CALL (1u << WALL_CALL)
#define FILE_ (1u << WALL_FILE)
#define CONF (1u << WALL_CONFERENCE)

/* By the type of a body, or of one of its parts. */
static const struct {
	char type[44];
	unsigned about;
} types[] = {
	{ "application/ms-filetransfer+xml", FILE_ }, { "application/vnd.gsma.rcs-ft-http+xml", FILE_ }, { "text/x-msmsgsinvite", FILE_ },
	{ "application/ms-conf-invite+xml", CONF }, { "text/", IM }, { "message/", IM }, { "application/im-iscomposing+xml", IM }, { "application/x-ms-ink", IM },
};

static unsigned about_type(str type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (str_begins_case(type, str_of(types[i].type)))
			return types[i].about;
	return 0;
}

static const struct {
	char media[24];
	unsigned about;
} media[] = { { "m=message ", IM }, { "m=x-ms-message ", IM }, { "m=data ", FILE_ }, { "m=x-ms-filetransfer ", FILE_ }, { "a=file-selector:", FILE_ } };

static unsigned about_line(str line)
{
	for (size_t i = 0; i < sizeof media / sizeof *media; i++)
		if (str_begins_case(line, str_of(media[i].media)))
			return media[i].about;
	return str_begins_case(line, STR("m=")) ? CALL : 0;
}

/* Line by line, so that no wrapping of parts hides what is offered. */
static unsigned about_body(str body)
{
	unsigned about = 0;
	while (body.n != 0) {
		str value, line = str_trim(str_split(body, '\n', &body)), name = str_split(line, ':', &value);
		about |= about_line(line);
		if (str_eq_case(name, STR("Content-Type")))
			about |= about_type(str_trim(value));
	}
	return about;
}

static unsigned about_request(const struct sip_msg *m)
{
	str params, type = mime_type(sip_hdr_value(m, SIP_HDR_CONTENT_TYPE), &params);
	unsigned about = about_type(type);
	if (m->method == SIP_METHOD_MESSAGE)
		return (about & FILE_) != 0 ? about : about | IM;
	if (m->method == SIP_METHOD_INFO)
		return str_eq_case(type, STR("application/xml")) ? IM : about;
	about |= about_body(m->body);
	return about != 0 || m->to_tag.n != 0 ? about : CALL; /* without an offer: a call */
}

/* ---- between whom ---- */

static str address(const struct uri *u, struct arena *a)
{
	str aor;
	return !failed(uri_aor(u, a, &aor)) ? aor : STR("");
}

/* What begins a dialog goes where its Request-URI says, whatever To says; within one only To has a name. */
static str receiver(const struct request *r)
{
	const struct sip_msg *m = &r->in->msg;
	if (r->target.n != 0)
		return r->target;
	return address(m->to_tag.n == 0 ? &m->uri : &m->to.uri, &r->in->arena);
}

/* ---- walls ---- */

static str or_else(str s, str other)
{
	return s.n != 0 ? s : other;
}

static err judge(struct wall *w, str from, str to, enum wall_modality m)
{
	struct wall_verdict v = wall_between(w, from, to, m);
	if (v.action == WALL_PASS)
		return OK;
	wall_report(w, &(const struct wall_incident){ v.rule, str_of(wall_action_names[v.action]), str_of(wall_modality_names[m]), from, to, STR("") });
	if (v.action == WALL_WARN)
		wall_warn(w, v.rule, from, to, or_else(v.warning, STR("Your contact with this person is written down.")));
	if (v.action != WALL_DENY)
		return OK;
	meter_add(w->c.meter, METER_WALL_DENIED, 1);
	return ERR(WALL_DENIED);
}

/* ---- content ---- */

static err act(struct wall *w, const struct wall_content *c, str from, str to, str text)
{
	str kept = c->row->KeepText ? str_cut(text, 0, WALL_TEXT) : STR("");
	wall_report(w, &(const struct wall_incident){ c->name, str_of(wall_action_names[c->action]), STR("Content"), from, to, kept });
	if (c->action == WALL_WARN)
		wall_warn(w, c->name, from, to, or_else(c->row->WarnMessage, STR("Your message has content that must not be sent.")));
	return c->action == WALL_DENY ? ERR(WALL_CONTENT) : OK;
}

static bool would_block(const struct wall *w, uint64_t rules)
{
	bool any = false;
	for (size_t i = 0; i < w->n_contents; i++)
		any = any || ((rules >> i & 1) != 0 && w->contents[i].action == WALL_DENY);
	return any;
}

/* Every rule that finds something is written down; one that refuses counts most. */
static err look_at(struct wall *w, str from, str to, str type, str body, struct arena *a, uint64_t rules)
{
	uint64_t found = 0;
	err worst = wall_content_find(w, type, body, a, rules, &found);
	if (err_is(worst, ERR_SIP_MEDIA_TYPE) && !would_block(w, rules))
		worst = OK;
	if (found != 0)
		meter_add(w->c.meter, METER_WALL_CONTENT, 1);
	for (size_t i = 0; i < w->n_contents; i++) {
		err e = (found >> i & 1) != 0 ? act(w, &w->contents[i], from, to, body) : OK;
		worst = failed(worst) ? worst : e;
	}
	return worst;
}

/* The first text of a session of the dialect. */
static err look_at_format(struct wall *w, str from, str to, str value, struct arena *a, uint64_t rules)
{
	str params, encoded, type = mime_type(value, &params);
	if (!sip_param(params, STR("ms-body"), &encoded))
		return OK;
	encoded = sip_unquote(encoded, a);
	size_t n = encoded.n + 1;
	char *bytes = arena_alloc(a, n);
	ENSURE(bytes != NULL, CEILING);
	ENSURE(!failed(enc_base64_read(encoded, bytes, &n)), SIP_MEDIA_TYPE);
	return look_at(w, from, to, type, (str){ bytes, n }, a, rules);
}

static err look_at_content(struct wall *w, const struct sip_msg *m, str from, str to, struct arena *a)
{
	struct wall_sides x, y;
	const struct wall_person p = wall_person_of(w, from), q = wall_person_of(w, to);
	if (w->n_contents == 0)
		return OK;
	wall_sides(w, &p, &x);
	wall_sides(w, &q, &y);
	uint64_t rules = ~(x.content | y.content);
	for (size_t i = 0; i < m->n_hdrs; i++)
		if (str_eq_case(m->hdrs[i].name, STR("ms-text-format")))
			TRY(look_at_format(w, from, to, m->hdrs[i].value, a, rules));
	return look_at(w, from, to, sip_hdr_value(m, SIP_HDR_CONTENT_TYPE), m->body, a, rules);
}

err wall_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct wall *w = state;
	const struct sip_msg *m = &r->in->msg;
	*v = STAGE_NEXT;
	wall_refresh(w);
	if (w->n_rules == 0 && w->n_contents == 0)
		return OK;
	str from = r->aor.n != 0 ? r->aor : address(&m->from.uri, &r->in->arena), to = receiver(r);
	unsigned about = about_request(m);
	if (from.n == 0 || to.n == 0 || r->is_own)
		return OK;
	for (unsigned k = 0; k < WALL_MODALITIES; k++)
		if ((about >> k & 1) != 0)
			TRY(judge(w, from, to, (enum wall_modality)k));
	return (about & IM) != 0 ? look_at_content(w, m, from, to, &r->in->arena) : OK;
}
