/* SPDX-License-Identifier: Apache-2.0 */
/* PUBLISH of standard clients (RFC 3903): a PIDF document becomes a state and a note of the user, which end when it does. */
#include "base/crypt.h"
#include "base/enc.h"
#include "service/pres/pres_priv.h"
#include "wire/xml.h"

#define NS         "http://schemas.microsoft.com/2006/09/sip/"
#define PIDF       "application/pidf+xml"
#define STANDARD   0x40000000u /* in the instance of what standard clients publish */
#define SHORTEST   60          /* s */
#define LONGEST    86400
#define USUAL      3600
#define ETAG       17 /* characters: instance and version in hexadecimal, a hyphen between */
#define NOTE_MAX   1024

/* What one PUBLISH asks for. */
struct event_state {
	bool has_match, has_body;
	uint32_t instance, version; /* of the entity that is meant */
	uint32_t seconds, availability;
	str activity; /* token of the dialect; empty: none */
	str note;
};

/* Activities (RFC 4480 3.2) that say something about being available. The first in the document counts. */
static const struct {
	str name;
	uint32_t availability;
	str token;
} activities[] = {
	{ { "on-the-phone", 12 }, 6500, { "on-the-phone", 12 } },
	{ { "meeting", 7 }, 6500, { "in-a-meeting", 12 } },
	{ { "busy", 4 }, 6500, { "", 0 } },
	{ { "dnd", 3 }, 9500, { "", 0 } },
	{ { "presentation", 12 }, 9500, { "in-presentation", 15 } },
	{ { "away", 4 }, 15500, { "", 0 } },
	{ { "meal", 4 }, 12500, { "", 0 } },
	{ { "breakfast", 9 }, 12500, { "", 0 } },
	{ { "dinner", 6 }, 12500, { "", 0 } },
	{ { "sleeping", 8 }, 15500, { "", 0 } },
	{ { "vacation", 8 }, 15500, { "out-of-office", 13 } },
	{ { "permanent-absence", 17 }, 15500, { "", 0 } },
};

static bool is_open(const struct xml_node *presence, struct arena *a)
{
	bool any = false, open = false;
	for (const struct xml_node *t = xml_child(presence, STR("tuple")); t != NULL; t = xml_sibling(t, STR("tuple"))) {
		str basic = xml_node_text(xml_path(t, "status", "basic", NULL), a);
		any = any || basic.n != 0;
		open = open || str_eq_case(basic, STR("open"));
	}
	return open || !any;
}

static void read_activity(const struct xml_node *presence, struct event_state *e)
{
	const struct xml_node *list = xml_path(presence, "person", "activities", NULL);
	for (const struct xml_node *n = xml_child(list, STR("")); n != NULL; n = xml_sibling(n, STR("")))
		for (size_t i = 0; i < sizeof activities / sizeof activities[0]; i++)
			if (str_eq(n->name, activities[i].name)) {
				e->availability = activities[i].availability;
				e->activity = activities[i].token;
				return;
			}
}

/* Between characters. */
static str cut_note(str note)
{
	size_t n = note.n < NOTE_MAX ? note.n : NOTE_MAX;
	while (n < note.n && n > 0 && ((unsigned char)note.p[n] & 0xC0) == 0x80)
		n--;
	return str_cut(note, 0, n);
}

static str read_note(const struct xml_node *presence, struct arena *a)
{
	const struct xml_node *places[] = { xml_child(xml_child(presence, STR("person")), STR("note")), xml_child(presence, STR("note")),
		xml_child(xml_child(presence, STR("tuple")), STR("note")) };
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (places[i] != NULL)
			return cut_note(xml_node_text(places[i], a));
	return STR("");
}

static err read_body(struct pres *p, const struct request *r, struct event_state *e)
{
	struct arena *a = &r->in->arena;
	struct xml_node *root;
	str rest, type = str_trim(str_split(sip_hdr_value(&r->in->msg, SIP_HDR_CONTENT_TYPE), ';', &rest));
	e->has_body = r->in->msg.body.n != 0;
	if (!e->has_body)
		return OK;
	ENSURE(str_eq_case(type, STR(PIDF)), SIP_MEDIA_TYPE);
	TRY(xml_tree_read(p->config.xml, r->in->msg.body, NULL, a, &root, NULL));
	ENSURE(str_eq(root->name, STR("presence")), MALFORMED);
	e->availability = PRES_AVAILABLE;
	e->activity = STR("");
	if (is_open(root, a))
		read_activity(root, e);
	else
		e->availability = PRES_OFFLINE;
	e->note = read_note(root, a);
	return OK;
}

static bool read_etag(str text, struct event_state *e)
{
	uint8_t b[8];
	if (text.n != ETAG || text.p[8] != '-' || failed(enc_hex_read(str_cut(text, 0, 8), b, 4)) || failed(enc_hex_read(str_cut(text, 9, 17), b + 4, 4)))
		return false;
	e->instance = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	e->version = (uint32_t)b[4] << 24 | (uint32_t)b[5] << 16 | (uint32_t)b[6] << 8 | b[7];
	return true;
}

static err read_publish(struct pres *p, const struct request *r, struct event_state *e)
{
	const struct sip_hdr *match = sip_hdr_first(&r->in->msg, SIP_HDR_SIP_IF_MATCH);
	*e = (struct event_state){ .seconds = USUAL, .has_match = match != NULL };
	(void)sip_hdr_seconds(&r->in->msg, SIP_HDR_EXPIRES, &e->seconds);
	e->seconds = e->seconds < LONGEST ? e->seconds : LONGEST;
	ENSURE(e->seconds == 0 || e->seconds >= SHORTEST, SIP_INTERVAL);
	TRY(read_body(p, r, e));
	ENSURE(match == NULL || read_etag(match->value, e), SIP_CONDITION);
	ENSURE(match != NULL || e->has_body, MALFORMED); /* RFC 3903 6 step 5 */
	return OK;
}

/* ---- what it becomes ---- */

static struct pres_key key_of(const struct event_state *e, uint8_t category, uint16_t container)
{
	return (struct pres_key){ .category = category, .container = container, .instance = e->instance };
}

static err put(struct presentity *u, const struct request *r, const struct event_state *e, struct pres_key key, const struct buf *body)
{
	struct xml_node *root = NULL;
	ENSURE(!body->failed, CEILING);
	TRY(xml_tree_read(u->pres->config.xml, buf_str(body), NULL, &r->in->arena, &root, NULL));
	const struct pres_publish w = { .key = key, .version = pres_publication_version(u, &key) + 1, .expire = EXPIRE_TIME, .published_ms = pres_unix_ms(u->pres),
		.expires_ms = u->pres->config.timers->now + (uint64_t)e->seconds * 1000, .epid = STR(""), .body = root };
	return pres_publication_set(u, &w, &r->in->arena);
}

static const uint16_t state_containers[] = { 2, 3 }, note_containers[] = { CONTAINER_COLLEAGUES, CONTAINER_WORKGROUP, CONTAINER_FRIENDS };
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static err put_state(struct presentity *u, const struct request *r, const struct event_state *e)
{
	struct buf body DEFER(buf_fini) = { 0 };
	buf_init(&body, PRES_BODY_MAX);
	buf_printf(&body, "<state xmlns=\"" NS "state\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"machineState\" manual=\"false\"><availability>%u</availability>",
		e->availability);
	if (e->activity.n != 0)
		buf_printf(&body, "<activity token=\"%.*s\" minAvailability=\"%u\" maxAvailability=\"%u\"/>", STR_FMT(e->activity), e->availability - 500, e->availability + 2499);
	buf_add(&body, STR("</state>"));
	for (size_t i = 0; i < COUNT(state_containers); i++)
		TRY(put(u, r, e, key_of(e, CATEGORY_STATE, state_containers[i]), &body));
	return OK;
}

static void remove_note(struct presentity *u, const struct event_state *e)
{
	for (size_t i = 0; i < COUNT(note_containers); i++) {
		struct pres_key k = key_of(e, CATEGORY_NOTE, note_containers[i]);
		pres_publication_remove(u, &k);
	}
}

static err put_note(struct presentity *u, const struct request *r, const struct event_state *e)
{
	struct buf body DEFER(buf_fini) = { 0 };
	buf_init(&body, PRES_BODY_MAX);
	remove_note(u, e);
	if (e->note.n == 0)
		return OK;
	buf_add(&body, STR("<note xmlns=\"" NS "note\"><body type=\"personal\" uri=\"\">"));
	if (!xml_add_escaped(&body, e->note, false))
		return ERR(MALFORMED);
	buf_add(&body, STR("</body></note>"));
	for (size_t i = 0; i < COUNT(note_containers); i++)
		TRY(put(u, r, e, key_of(e, CATEGORY_NOTE, note_containers[i]), &body));
	return OK;
}

/* Lives on as it is (RFC 3903 6 step 4): all of its parts. */
static void refresh(struct presentity *u, const struct event_state *e)
{
	for (struct publication *p = u->publications; p != NULL; p = p->next)
		if (p->instance == e->instance && p->expire == EXPIRE_TIME) {
			p->expires_ms = u->pres->config.timers->now + (uint64_t)e->seconds * 1000;
			p->version++;
		}
}

static void remove_all(struct presentity *u, const struct event_state *e)
{
	remove_note(u, e);
	for (size_t i = 0; i < COUNT(state_containers); i++) {
		struct pres_key k = key_of(e, CATEGORY_STATE, state_containers[i]);
		pres_publication_remove(u, &k);
	}
}

static err apply(struct presentity *u, const struct request *r, struct event_state *e)
{
	struct pres_key k;
	if (!e->has_match) {
		crypt_random(&e->instance, sizeof e->instance);
		e->instance |= STANDARD;
	}
	k = key_of(e, CATEGORY_STATE, state_containers[0]);
	const struct publication *old = *pres_publication_find(u, &k);
	ENSURE(!e->has_match || ((e->instance & STANDARD) != 0 && old != NULL && old->expire == EXPIRE_TIME && old->version == e->version), SIP_CONDITION);
	if (e->seconds == 0) {
		remove_all(u, e);
		return OK;
	}
	if (!e->has_body) {
		refresh(u, e);
		return OK;
	}
	err failure = put_state(u, r, e);
	if (!failed(failure))
		failure = put_note(u, r, e);
	if (failed(failure) && !e->has_match)
		remove_all(u, e); /* nobody knows its tag */
	return failure;
}

static void answer(struct presentity *u, struct request *r, const struct event_state *e)
{
	struct pres_key k = key_of(e, CATEGORY_STATE, state_containers[0]);
	struct sip_out o;
	request_answer(r, &o, 200, STR(""));
	sip_out_addf(&o, SIP_HDR_SIP_ETAG, "%08x-%08x", e->instance, pres_publication_version(u, &k));
	sip_out_addf(&o, SIP_HDR_EXPIRES, "%u", e->seconds);
	request_send(r, &o, 200);
}

err pres_publish_stage(struct pres *p, struct request *r, enum stage_verdict *v)
{
	struct presentity *u;
	struct event_state e;
	str rest, event = str_trim(str_split(sip_hdr_value(&r->in->msg, SIP_HDR_EVENT), ';', &rest));
	if (!str_eq_case(event, STR("presence")))
		return OK;
	ENSURE(r->aor.n != 0 && str_eq(r->aor, r->target), SIP_FORBIDDEN);
	TRY(presentity_need(p, r, r->target, &u, v));
	if (*v != STAGE_NEXT)
		return OK;
	*v = STAGE_DONE;
	err failure = read_publish(p, r, &e);
	if (!failed(failure))
		failure = apply(u, r, &e);
	if (err_is(failure, ERR_SIP_INTERVAL)) {
		struct sip_out o;
		request_answer(r, &o, 423, STR(""));
		sip_out_addf(&o, SIP_HDR_MIN_EXPIRES, "%u", SHORTEST);
		request_send(r, &o, 423);
		return OK;
	}
	TRY(failure);
	answer(u, r, &e);
	meter_add(p->config.meter, METER_PRES_PUBLISHED, 1);
	presentity_settle(u);
	presentity_show(u);
	pres_selves_tell(u, UINT64_C(1) << CATEGORY_STATE | UINT64_C(1) << CATEGORY_NOTE, NULL);
	return OK;
}
