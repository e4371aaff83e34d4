/* SPDX-License-Identifier: Apache-2.0 */
/* What a user publishes, and what it comes to taken together ([MS-PRES] 3.2 and 3.4). */
#include "service/pres/pres_priv.h"

#include <stdlib.h>

struct publication **pres_publication_find(struct presentity *p, const struct pres_key *k)
{
	struct publication **at = &p->publications;
	while (*at != NULL && ((*at)->category != k->category || (*at)->instance != k->instance || (*at)->container != k->container))
		at = &(*at)->next;
	return at;
}

uint32_t pres_publication_version(struct presentity *p, const struct pres_key *k)
{
	const struct publication *now = *pres_publication_find(p, k);
	return now != NULL ? now->version : 0;
}

static void drop(struct presentity *p, struct publication **at)
{
	struct publication *gone = *at;
	*at = gone->next;
	p->n_publications--;
	p->n_bytes -= publication_bytes(gone);
	free(gone);
}

void pres_publication_remove(struct presentity *p, const struct pres_key *k)
{
	struct publication **at = pres_publication_find(p, k);
	if (*at != NULL)
		drop(p, at);
}

void pres_publications_free(struct presentity *p)
{
	while (p->publications != NULL)
		drop(p, &p->publications);
}

/* ---- what a state says ---- */

static const struct {
	str type;
	enum pres_state state;
} states[] = { { { "userState", 9 }, STATE_USER }, { { "machineState", 12 }, STATE_MACHINE }, { { "phoneState", 10 }, STATE_PHONE },
	{ { "calendarState", 13 }, STATE_CALENDAR } };

static void read_state(const struct xml_node *body, struct arena *a, struct publication *out, struct buf *activity, struct buf *meeting)
{
	static const str about_meeting[] = { { "meetingSubject", 14 }, { "meetingLocation", 15 } };
	str type = xml_attribute(body, STR("type"));
	uint32_t availability = 0;
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
		if (str_eq(type, states[i].type))
			out->state = (uint8_t)states[i].state;
	out->is_manual = str_eq_case(xml_attribute(body, STR("manual")), STR("true"));
	if (str_to_u32(xml_node_text(xml_child(body, STR("availability")), a), &availability))
		out->availability = availability;
	for (const struct xml_node *one = xml_child(body, STR("activity")); one != NULL; one = xml_sibling(one, STR("activity")))
		xml_node_print(one, activity);
	for (size_t i = 0; i < sizeof about_meeting / sizeof about_meeting[0] && out->state == STATE_CALENDAR; i++)
		if (xml_child(body, about_meeting[i]) != NULL)
			xml_node_print(xml_child(body, about_meeting[i]), meeting);
}

/* ---- publishing ---- */

err pres_publication_make(const struct pres_publish *w, struct arena *a, struct publication **out)
{
	struct publication head = { .instance = w->key.instance, .container = w->key.container, .category = w->key.category, .expire = (uint8_t)w->expire,
		.version = w->version, .published_ms = w->published_ms, .expires_ms = w->expires_ms };
	struct buf body DEFER(buf_fini) = { 0 };
	struct buf activity DEFER(buf_fini) = { 0 };
	struct buf meeting DEFER(buf_fini) = { 0 };
	buf_init(&body, PRES_BODY_MAX);
	buf_init(&activity, 2048);
	buf_init(&meeting, 2048);
	if (w->body != NULL)
		xml_node_print(w->body, &body);
	if (w->body != NULL && w->key.category == CATEGORY_STATE)
		read_state(w->body, a, &head, &activity, &meeting);
	ENSURE(!body.failed && !activity.failed && !meeting.failed && w->epid.n <= PRES_EPID_MAX, CEILING);
	struct publication *p = malloc(sizeof *p + w->epid.n + activity.n + meeting.n + body.n);
	ENSURE(p != NULL, NO_MEMORY);
	*p = head;
	p->epid_n = (uint16_t)w->epid.n;
	p->activity_n = (uint16_t)activity.n;
	p->meeting_n = (uint16_t)meeting.n;
	p->body_n = (uint32_t)body.n;
	const str parts[] = { w->epid, buf_str(&activity), buf_str(&meeting), buf_str(&body) };
	char *to = p->text;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (parts[i].n != 0)
			memcpy(to, parts[i].p, parts[i].n);
		to += parts[i].n;
	}
	*out = p;
	return OK;
}

void pres_publication_put(struct presentity *p, struct publication *made)
{
	const struct pres_key key = { made->category, made->container, made->instance };
	struct publication **at = pres_publication_find(p, &key);
	if (*at != NULL)
		drop(p, at);
	made->next = *at;
	*at = made;
	p->n_publications++;
	p->n_bytes += publication_bytes(made);
}

err pres_publication_set(struct presentity *p, const struct pres_publish *w, struct arena *a)
{
	const struct publication *old = *pres_publication_find(p, &w->key);
	struct publication *made;
	ENSURE(old != NULL || p->n_publications < PRES_PUBLICATIONS, CEILING);
	TRY(pres_publication_make(w, a, &made));
	if (p->n_bytes + publication_bytes(made) - (old != NULL ? publication_bytes(old) : 0) > PRES_BYTES_MAX) {
		free(made);
		return ERR(CEILING);
	}
	pres_publication_put(p, made);
	return OK;
}

/* ---- what ends by itself ---- */

static bool is_over(const struct presentity *p, const struct publication *one)
{
	const struct pres_config *c = &p->pres->config;
	switch ((enum pres_expire)one->expire) {
	case EXPIRE_ENDPOINT:
		return !c->door.is_signed_in(c->arg, presentity_aor(p), publication_epid(one));
	case EXPIRE_USER:
		return !c->door.is_signed_in(c->arg, presentity_aor(p), STR(""));
	case EXPIRE_TIME:
		return one->expires_ms <= c->timers->now;
	case EXPIRE_STATIC:
		break;
	}
	return false;
}

uint64_t pres_publications_expire(struct presentity *p)
{
	uint64_t gone = 0;
	for (struct publication **at = &p->publications; *at != NULL;) {
		if (is_over(p, *at)) {
			gone |= UINT64_C(1) << (*at)->category;
			drop(p, at);
		} else {
			at = &(*at)->next;
		}
	}
	return gone;
}

uint64_t pres_publications_next(const struct presentity *p)
{
	uint64_t at = UINT64_MAX;
	for (const struct publication *one = p->publications; one != NULL; one = one->next)
		if (one->expire == EXPIRE_TIME && one->expires_ms < at)
			at = one->expires_ms;
	return at;
}

/* ---- taken together ---- */

/* Is somebody at this device? Clients there are say of the machine what its user has chosen, busy or do not disturb, as well. */
static bool is_attended(uint32_t availability)
{
	bool is_idle = (availability >= AVAILABLE_IDLE && availability < BUSY) || (availability >= BUSY_IDLE && availability < DO_NOT_DISTURB);
	return !is_idle && availability < BE_RIGHT_BACK;
}

/* The device that is used most speaks for all; telephone and calendar add to it. What the user has chosen himself counts more, but that he is available says
 * nothing when he is not there. */
struct pres_aggregate pres_aggregate(const struct presentity *p, uint16_t container)
{
	const struct publication *machine = NULL, *user = NULL, *winner;
	for (const struct publication *one = p->publications; one != NULL; one = one->next) {
		if (one->category != CATEGORY_STATE || one->container != container)
			continue;
		if (one->state == STATE_MACHINE && (machine == NULL || one->availability < machine->availability))
			machine = one;
		if (one->state == STATE_USER && one->is_manual && one->availability != 0)
			user = one;
	}
	winner = machine;
	for (const struct publication *one = p->publications; one != NULL; one = one->next)
		if (one->category == CATEGORY_STATE && one->container == container && (one->state == STATE_PHONE || one->state == STATE_CALENDAR) &&
			one->availability > (winner != NULL ? winner->availability : PRES_AVAILABLE) && one->availability < AWAY)
			winner = one;
	bool is_there = p->pres->config.door.is_signed_in(p->pres->config.arg, presentity_aor(p), STR(""));
	if (!is_there)
		return (struct pres_aggregate){ .availability = PRES_OFFLINE };
	if (user != NULL && (user->availability >= AVAILABLE_IDLE || machine == NULL || is_attended(machine->availability)))
		winner = user;
	if (winner == NULL) /* a device that tells nothing of itself: a standard client that is signed in */
		return (struct pres_aggregate){ .availability = PRES_AVAILABLE };
	return (struct pres_aggregate){ .availability = winner->availability, .by = winner };
}
