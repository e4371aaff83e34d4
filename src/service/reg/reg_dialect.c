/* SPDX-License-Identifier: Apache-2.0 */
/* What clients of the Lync dialect want of a registrar ([MS-SIPREGE] 3.1, [MS-SIPRE] GRUU): endpoints by epid, their GRUUs, the answer. */
#include "base/enc.h"
#include "service/reg/reg_priv.h"

#define GUID       16
#define ENDPOINT   (GUID + 2) /* bytes of an endpoint's name: its GUID and two that are zero */

static const str endpoint_prefix = { "user:epid:", 10 };

/* 34D859DB-6585-5F91-A3B4-DE853C15347D: what stands before the third hyphen is a number each, lowest byte first ([MS-DTYP] 2.3.4). */
static bool read_guid(str text, uint8_t out[GUID])
{
	static const uint8_t order[GUID] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	static const size_t groups[] = { 8, 4, 4, 4, 12 };
	uint8_t plain[GUID], *p = plain;
	size_t at = 0;
	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
		if (i != 0 && !str_eq(str_cut(text, at, at + 1), STR("-")))
			return false;
		at += i != 0;
		if (failed(enc_hex_read(str_cut(text, at, at + groups[i]), p, groups[i] / 2)))
			return false;
		at += groups[i];
		p += groups[i] / 2;
	}
	for (size_t i = 0; i < GUID; i++)
		out[i] = plain[order[i]];
	return at == text.n;
}

/* The endpoint's name in a GRUU: 24 characters; false: the instance is no UUID. */
static bool endpoint_name(str instance, char out[REG_ENDPOINT_NAME])
{
	uint8_t bytes[ENDPOINT] = { 0 };
	const str before = STR("<urn:uuid:");
	if (!str_begins_case(instance, before) || !read_guid(str_cut(instance, before.n, instance.n - 1), bytes))
		return false;
	(void)enc_base64url(bytes, sizeof bytes, out);
	return true;
}

void reg_dialect_gruu_print(const struct reg_binding *b, struct buf *out)
{
	char name[REG_ENDPOINT_NAME];
	if (!endpoint_name(reg_instance(b), name))
		return;
	buf_add(out, STR(";gruu=\""));
	reg_add_uri(out, reg_user_aor(b->user));
	buf_printf(out, ";opaque=%.*s%.*s;gruu\"", STR_FMT(endpoint_prefix), REG_ENDPOINT_NAME, name);
}

bool reg_dialect_is_gruu(const struct uri *u)
{
	str opaque;
	return uri_param(u, STR("gruu"), NULL) && uri_param(u, STR("opaque"), &opaque) && str_begins_case(opaque, endpoint_prefix);
}

bool reg_dialect_gruu_names(const struct uri *u, const struct reg_binding *b)
{
	char name[REG_ENDPOINT_NAME];
	str opaque;
	return uri_param(u, STR("opaque"), &opaque) && endpoint_name(reg_instance(b), name) &&
	       str_eq(str_cut(opaque, endpoint_prefix.n, opaque.n), (str){ name, sizeof name });
}

err reg_dialect_check(const struct request *r, const struct reg_wish *w)
{
	for (size_t i = 0; i < w->n; i++)
		ENSURE(w->contacts[i].instance.n != 0 || sipae_epid(&r->in->msg).n != 0, SIP_NO_ENDPOINT);
	return OK;
}

/* ---- the answer ---- */

static bool was_there(const struct reg_wish *w)
{
	bool old = false;
	for (size_t i = 0; i < w->n; i++)
		old = old || w->contacts[i].replaced;
	return old;
}

static uint32_t longest(const struct reg_wish *w)
{
	uint32_t seconds = 0;
	for (size_t i = 0; i < w->n; i++)
		seconds = w->contacts[i].seconds > seconds ? w->contacts[i].seconds : seconds;
	return seconds;
}

/* Values of Supported stand one in a field: clients compare whole fields. Allow-Events has no spaces for the same reason. */
void reg_dialect_answer(const struct request *r, const struct reg_wish *w, struct sip_out *o)
{
	static const str supported[] = { { "adhoclist", 9 }, { "msrtc-event-categories", 22 } };
	bool asks_keep_alive = false;
	sip_out_addf(o, SIP_HDR_EXPIRES, "%u", longest(w));
	if (longest(w) != 0)
		sip_out_add_other(o, STR("presence-state"), was_there(w) ? STR("register-action=\"refreshed\"") : STR("register-action=\"added\""));
	for (size_t i = 0; i < r->in->msg.n_hdrs; i++)
		asks_keep_alive = asks_keep_alive || str_eq_case(r->in->msg.hdrs[i].name, STR("ms-keep-alive"));
	if (asks_keep_alive)
		sip_out_add_other(o, STR("ms-keep-alive"), STR("UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300"));
	for (size_t i = 0; i < sizeof supported / sizeof supported[0]; i++)
		sip_out_add(o, SIP_HDR_SUPPORTED, supported[i]);
	sip_out_add(o, SIP_HDR_ALLOW_EVENTS,
		STR("vnd-microsoft-provisioning,vnd-microsoft-roaming-contacts,vnd-microsoft-roaming-ACL,presence,presence.wpending,"
		    "vnd-microsoft-roaming-self,vnd-microsoft-provisioning-v2"));
	sip_out_add(o, SIP_HDR_SERVER, STR("RTC/5.0"));
}

/* ---- the end ---- */

static void add_person(struct sip_out *o, enum sip_hdr_id id, str aor, const char *parameter, str value)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 1024);
	buf_add_char(&b, '<');
	reg_add_uri(&b, aor);
	buf_add_char(&b, '>');
	if (value.n != 0)
		buf_printf(&b, ";%s=%.*s", parameter, STR_FMT(value));
	str text = arena_copy(o->arena, buf_str(&b));
	if (b.failed || text.p == NULL)
		o->failed = true;
	else
		sip_out_add(o, id, text);
}

/* Nobody answers it: what would an answer change? It stands in no dialog, as [MS-SIPREGE] 4.1.3 has it. */
void reg_farewell_print(const struct reg_farewell *w, struct arena *a, struct sip_out *o)
{
	char tag[16], call[32];
	uint8_t chance[24];
	struct buf start DEFER(buf_fini) = { 0 };
	buf_init(&start, 2048);
	buf_add(&start, STR("BENOTIFY "));
	if (w->target.n != 0)
		buf_add(&start, w->target);
	else
		reg_add_uri(&start, w->aor);
	buf_add(&start, STR(" SIP/2.0"));
	str line = arena_copy(a, buf_str(&start));
	crypt_random(chance, sizeof chance);
	enc_hex(chance, sizeof tag / 2, tag);
	enc_hex(chance + sizeof tag / 2, sizeof call / 2, call);
	sip_out_new(o, a, line);
	o->failed = o->failed || start.failed || line.p == NULL;
	sip_out_add(o, SIP_HDR_MAX_FORWARDS, STR("70"));
	add_person(o, SIP_HDR_FROM, w->aor, "tag", (str){ tag, sizeof tag });
	add_person(o, SIP_HDR_TO, w->aor, "epid", w->epid);
	sip_out_addf(o, SIP_HDR_CALL_ID, "%.*s", (int)sizeof call, call);
	sip_out_add(o, SIP_HDR_CSEQ, STR("1 BENOTIFY"));
	sip_out_add(o, SIP_HDR_EVENT, STR("registration-notify"));
	sip_out_add(o, SIP_HDR_SUBSCRIPTION_STATE, STR("terminated;expires=0"));
	sip_out_add_other(o, STR("ms-diagnostics-public"), STR("4141;reason=\"User disabled\""));
	sip_out_add(o, SIP_HDR_CONTENT_TYPE, STR("text/registration-event"));
	o->body = STR("deregistered;event=rejected");
}

void reg_dialect_farewell(struct reg *g, const struct reg_binding *b)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct sip_out o;
	if (reg_epid(b).n == 0 || g->config.door.on_farewell == NULL)
		return;
	arena_init(&a, 16384);
	reg_farewell_print(&(struct reg_farewell){ reg_uri(b), reg_user_aor(b->user), reg_epid(b) }, &a, &o);
	g->config.door.on_farewell(g->config.arg, &b->flow, reg_user_aor(b->user), &o);
}
