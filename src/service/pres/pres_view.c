/* SPDX-License-Identifier: Apache-2.0 */
/* What the watchers of a container are shown. Everything that a privacy relationship hides is hidden here, whoever asks in whatever dialect. */
#include "service/pres/pres_priv.h"

#include <stdlib.h>
#include <time.h>

#include "wire/xml.h"

#define NS "http://schemas.microsoft.com/2006/09/sip/"

/* The levels of the table of privacy relationships (External, Colleagues ...), as bits. */
enum { EXTERNAL = 1, COLLEAGUES = 2, WORKGROUP = 4, FRIENDS = 8, INSIDE = COLLEAGUES | WORKGROUP | FRIENDS, KNOWN = EXTERNAL | INSIDE, ANYBODY = ~0 };

static int level_of(uint16_t container)
{
	static const struct {
		uint16_t number;
		int level;
	} rows[] = { { CONTAINER_EXTERNAL, EXTERNAL }, { CONTAINER_COLLEAGUES, COLLEAGUES }, { CONTAINER_WORKGROUP, WORKGROUP }, { CONTAINER_FRIENDS, FRIENDS } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].number == container)
			return rows[i].level;
	return 0; /* strangers, the blocked, and levels that nobody has defined */
}

void pres_add_time(struct buf *out, uint64_t unix_ms)
{
	char text[32];
	struct tm tm;
	time_t t = (time_t)(unix_ms / 1000);
	if (gmtime_r(&t, &tm) != NULL && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) != 0)
		buf_add(out, str_of(text));
}

static void add_text(struct buf *out, str s)
{
	if (!xml_add_escaped(out, s, false))
		out->failed = true;
}

static void open_category(struct buf *out, str name, uint32_t instance, uint64_t published_ms)
{
	buf_printf(out, "<category name=\"%.*s\" instance=\"%u\" publishTime=\"", STR_FMT(name), instance);
	pres_add_time(out, published_ms);
	buf_add(out, STR("\">"));
}

static void add_nothing(struct buf *out, str name)
{
	buf_printf(out, "<category name=\"%.*s\"/>", STR_FMT(name));
}

/* ---- state ---- */

/* What his calendar shows to those who may see more. */
static void add_meeting(const struct presentity *p, struct buf *out)
{
	for (const struct publication *one = p->publications; one != NULL; one = one->next)
		if (one->category == CATEGORY_STATE && one->state == STATE_CALENDAR && one->container == 3 && one->availability >= BUSY)
			buf_add(out, publication_meeting(one));
}

static void add_state(struct presentity *p, uint16_t container, struct buf *out)
{
	int level = level_of(container);
	/* what people show to their workgroup may say more: it is aggregated from a container of its own */
	struct pres_aggregate a = pres_aggregate(p, container == CONTAINER_WORKGROUP ? 3 : 2);
	if (level == 0 && container != CONTAINER_BLOCKED) {
		add_nothing(out, STR("state"));
		return;
	}
	if (level == 0)
		a = (struct pres_aggregate){ .availability = PRES_OFFLINE };
	bool is_shown = a.by != NULL && a.availability < OFFLINE; /* who appears offline does not show that he is there */
	open_category(out, STR("state"), 1, level != 0 ? p->aggregate_ms : 0);
	buf_add(out, STR("<state xmlns=\"" NS "state\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"aggregateState\""));
	if ((level & (WORKGROUP | FRIENDS)) != 0 && is_shown) {
		buf_add(out, STR(" lastActive=\""));
		pres_add_time(out, a.by->published_ms);
		buf_add_char(out, '"');
	}
	buf_printf(out, "><availability>%u</availability>", a.availability);
	if ((level & INSIDE) != 0 && is_shown)
		buf_add(out, publication_activity(a.by));
	if ((level & WORKGROUP) != 0 && is_shown)
		add_meeting(p, out);
	buf_add(out, STR("</state></category>"));
}

/* ---- card ---- */

static str card_value(const struct presentity *p, const char *property)
{
	str rest = buf_str(&p->card);
	struct kept_row row;
	err e = OK;
	while (kept_row_next(&rest, &row, &e))
		if (str_eq(row.key, str_of(property)))
			return row.value;
	return STR("");
}

static void add_field(struct buf *out, const char *element, str value)
{
	if (value.n == 0)
		return;
	buf_printf(out, "<%s>", element);
	add_text(out, value);
	buf_printf(out, "</%s>", element);
}

static void add_phone(struct buf *out, const char *type, str display)
{
	if (display.n == 0)
		return;
	buf_printf(out, "<phone type=\"%s\"><uri>tel:", type);
	for (size_t i = 0; i < display.n; i++)
		if ((display.p[i] >= '0' && display.p[i] <= '9') || (display.p[i] == '+' && i == 0))
			buf_add_char(out, display.p[i]);
	buf_add(out, STR("</uri>"));
	add_field(out, "displayString", display);
	buf_add(out, STR("</phone>"));
}

/* The directory's card, as far as the level goes; publications of his own come after it. */
static void add_card(struct presentity *p, uint16_t container, struct buf *out)
{
	static const struct {
		const char *element, *property;
		int level;
	} fields[] = { { "company", "Company", KNOWN }, { "title", "Title", KNOWN }, { "department", "Department", INSIDE }, { "office", "Office", INSIDE } };
	int level = level_of(container);
	const struct user *u = user_find(p->pres->config.users, presentity_aor(p));
	str mail = card_value(p, "WindowsEmailAddress");
	open_category(out, STR("contactCard"), 0, p->loaded_ms);
	buf_add(out, STR("<contactCard xmlns=\"" NS "contactcard\"><identity><name>"));
	add_field(out, "displayName", u != NULL && user_display_name(u).n != 0 ? user_display_name(u) : presentity_aor(p));
	add_field(out, "firstName", card_value(p, "FirstName"));
	add_field(out, "lastName", card_value(p, "LastName"));
	buf_add(out, STR("</name>"));
	add_field(out, "email", mail.n != 0 ? mail : presentity_aor(p));
	buf_add(out, STR("</identity>"));
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if ((fields[i].level & level) != 0)
			add_field(out, fields[i].element, card_value(p, fields[i].property));
	if ((level & INSIDE) != 0)
		add_phone(out, "work", card_value(p, "Phone"));
	if ((level & (WORKGROUP | FRIENDS)) != 0)
		add_phone(out, "mobile", card_value(p, "MobilePhone"));
	if ((level & INSIDE) != 0 && (card_value(p, "City").n != 0 || card_value(p, "Country").n != 0)) {
		buf_add(out, STR("<address type=\"work\">"));
		add_field(out, "city", card_value(p, "City"));
		add_field(out, "countryCode", card_value(p, "Country"));
		buf_add(out, STR("</address>"));
	}
	buf_add(out, STR("</contactCard></category>"));
}

/* ---- what is passed on as it was published ---- */

static bool add_published(const struct presentity *p, uint8_t category, uint16_t container, struct buf *out)
{
	bool any = false;
	for (const struct publication *one = p->publications; one != NULL; one = one->next) {
		if (one->category != category || one->container != container)
			continue;
		any = true;
		open_category(out, pres_category_name(&p->pres->categories, category), one->instance, one->published_ms);
		buf_add(out, publication_body(one));
		buf_add(out, STR("</category>"));
	}
	return any;
}

/* Which levels may see what people publish of a category; the client decides further by where it publishes. */
static int levels_of(uint8_t category)
{
	switch (category) {
	case CATEGORY_NOTE:
	case CATEGORY_CALENDAR:
	case CATEGORY_HOURS:
		return INSIDE;
	default:
		return KNOWN;
	}
}

static void add_piece(struct presentity *p, uint8_t category, uint16_t container, struct buf *out)
{
	bool may = (levels_of(category) & level_of(container)) != 0;
	if (category == CATEGORY_STATE) {
		add_state(p, container, out);
		return;
	}
	if (category == CATEGORY_CARD)
		add_card(p, container, out);
	bool any = may && add_published(p, category, container, out);
	if (!any && category != CATEGORY_CARD)
		add_nothing(out, pres_category_name(&p->pres->categories, category));
}

/* ---- one view ---- */

static const struct pres_piece *find_piece(const struct pres_view *v, uint8_t category)
{
	for (size_t i = 0; i < v->n_pieces; i++)
		if (v->pieces[i].category == category)
			return &v->pieces[i];
	return NULL;
}

static str piece_text(const struct pres_view *v, const struct pres_piece *piece)
{
	return str_cut(buf_str(&v->text), piece->at, piece->at + piece->n);
}

/* Takes the place of what v had; pieces that are other than before get the next serial. Answers a bit for each of them. */
static uint64_t replace(struct presentity *p, struct pres_view *v, struct pres_view *fresh)
{
	uint64_t changed = 0;
	for (size_t i = 0; i < fresh->n_pieces; i++) {
		struct pres_piece *piece = &fresh->pieces[i];
		const struct pres_piece *old = find_piece(v, piece->category);
		bool is_same = old != NULL && str_eq(piece_text(v, old), piece_text(fresh, piece));
		piece->serial = is_same ? old->serial : p->serial + 1;
		changed |= is_same ? 0 : UINT64_C(1) << piece->category;
	}
	if (changed != 0)
		buf_reset(&v->pidf);
	buf_fini(&v->text);
	memcpy(v->pieces, fresh->pieces, sizeof v->pieces);
	v->n_pieces = fresh->n_pieces;
	v->text = fresh->text;
	return changed;
}

static struct pres_piece *begin_piece(struct pres_view *v, uint8_t category)
{
	struct pres_piece *piece = &v->pieces[v->n_pieces++];
	*piece = (struct pres_piece){ .category = category, .at = (uint32_t)v->text.n };
	return piece;
}

static void end_piece(struct pres_view *v, struct pres_piece *piece)
{
	piece->n = (uint32_t)(v->text.n - piece->at);
}

/* Writes all pieces anew. */
uint64_t pres_view_refresh(struct presentity *p, struct pres_view *v)
{
	struct pres_view fresh = { .n_pieces = 0 };
	buf_init(&fresh.text, PRES_VIEW_MAX);
	for (size_t i = 0; i < p->pres->categories.n; i++) {
		struct pres_piece *piece = begin_piece(&fresh, (uint8_t)i);
		add_piece(p, (uint8_t)i, v->container, &fresh.text);
		end_piece(&fresh, piece);
	}
	if (!fresh.text.failed)
		return replace(p, v, &fresh);
	buf_fini(&fresh.text);
	return 0; /* what he shows is too much: watchers keep what they know */
}

/* ---- for other processes ---- */

void pres_view_pack(const struct presentity *p, const struct pres_view *v, uint64_t categories, uint32_t since, struct buf *out)
{
	for (size_t i = 0; i < v->n_pieces; i++) {
		const struct pres_piece *piece = &v->pieces[i];
		if ((categories >> piece->category & 1) == 0 || (since != 0 && piece->serial <= since))
			continue;
		buf_printf(out, "%.*s %u\n", STR_FMT(pres_category_name(&p->pres->categories, piece->category)), piece->n);
		buf_add(out, piece_text(v, piece));
	}
}

static err unpack_one(struct presentity *p, struct pres_view *fresh, str *rest)
{
	str text, head = str_split(*rest, '\n', &text), length, name = str_split(head, ' ', &length);
	uint8_t category;
	uint32_t n;
	ENSURE(str_to_u32(length, &n) && n <= text.n, MALFORMED);
	TRY(pres_category_get(&p->pres->categories, name, &category));
	ENSURE(find_piece(fresh, category) == NULL, MALFORMED);
	struct pres_piece *piece = begin_piece(fresh, category);
	buf_add(&fresh->text, str_cut(text, 0, n));
	end_piece(fresh, piece);
	*rest = str_cut(text, n, text.n);
	return OK;
}

err pres_view_unpack(struct presentity *p, struct pres_view *v, str pieces, uint64_t *changed)
{
	struct pres_view fresh = { .n_pieces = 0 };
	err e = OK;
	buf_init(&fresh.text, 2 * PRES_VIEW_MAX);
	while (pieces.n != 0 && !failed(e))
		e = unpack_one(p, &fresh, &pieces);
	for (size_t i = 0; i < v->n_pieces && !failed(e); i++) {
		if (find_piece(&fresh, v->pieces[i].category) != NULL)
			continue;
		struct pres_piece *piece = begin_piece(&fresh, v->pieces[i].category);
		buf_add(&fresh.text, piece_text(v, &v->pieces[i]));
		end_piece(&fresh, piece);
	}
	if (!failed(e) && fresh.text.failed)
		e = ERR(CEILING);
	if (failed(e)) {
		buf_fini(&fresh.text);
		return e;
	}
	*changed = replace(p, v, &fresh);
	return OK;
}

void pres_view_print(const struct pres_view *v, uint64_t categories, uint32_t since, struct buf *out)
{
	for (size_t i = 0; i < v->n_pieces; i++)
		if ((categories >> v->pieces[i].category & 1) != 0 && (since == 0 || v->pieces[i].serial > since))
			buf_add(out, piece_text(v, &v->pieces[i]));
}
