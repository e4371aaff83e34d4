/* SPDX-License-Identifier: Apache-2.0 */
/* What a watcher is shown, as PIDF with the data model and rich presence (RFC 3863, 4479, 4480): the same state and note as in categories. */
#include "service/pres/pres_priv.h"

#include "wire/xml.h"

/* From the least number on. */
static const struct {
	uint32_t from;
	const char *activity; /* RFC 4480 3.2; NULL: none */
	const char *note;
} rows[] = {
	{ 0, NULL, "Online" },
	{ BUSY, "busy", "Busy" },
	{ DO_NOT_DISTURB, "busy", "Do not disturb" },
	{ BE_RIGHT_BACK, "away", "Be right back" },
	{ AWAY, "away", "Away" },
	{ OFFLINE, NULL, "Offline" },
};

static size_t row_of(uint32_t availability)
{
	size_t i = sizeof rows / sizeof rows[0] - 1;
	while (i > 0 && availability < rows[i].from)
		i--;
	return i;
}

/* The first <availability> of the state that the view shows; offline when it shows none. */
static uint32_t shown_availability(const struct xml_node *categories, struct arena *a)
{
	uint32_t availability;
	const struct xml_node *state = NULL;
	for (const struct xml_node *c = xml_child(categories, STR("category")); c != NULL && state == NULL; c = xml_sibling(c, STR("category")))
		state = xml_child(c, STR("state"));
	return str_to_u32(xml_node_text(xml_child(state, STR("availability")), a), &availability) ? availability : PRES_OFFLINE;
}

/* The note that was published last; of several in one second the last. Times of this server compare as text. */
static str shown_note(const struct xml_node *categories, struct arena *a)
{
	const struct xml_node *newest = NULL;
	str at = STR("");
	for (const struct xml_node *c = xml_child(categories, STR("category")); c != NULL; c = xml_sibling(c, STR("category"))) {
		str time = xml_attribute(c, STR("publishTime"));
		if (xml_child(c, STR("note")) == NULL || str_cmp(time, at) < 0)
			continue;
		newest = c;
		at = time;
	}
	return newest != NULL ? xml_node_text(xml_path(newest, "note", "body", NULL), a) : STR("");
}

static void add_escaped(struct buf *out, str s)
{
	if (!xml_add_escaped(out, s, true))
		out->failed = true;
}

static void print(const struct presentity *p, uint32_t availability, str note, struct buf *out)
{
	size_t row = row_of(availability);
	buf_add(out, STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\""
			 " xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:"));
	add_escaped(out, presentity_aor(p));
	buf_printf(out, "\"><tuple id=\"w1\"><status><basic>%s</basic></status><contact priority=\"1\">sip:", availability >= OFFLINE ? "closed" : "open");
	add_escaped(out, presentity_aor(p));
	buf_add(out, STR("</contact>"));
	if (note.n != 0) {
		buf_add(out, STR("<note>"));
		add_escaped(out, note);
		buf_add(out, STR("</note>"));
	}
	buf_add(out, STR("</tuple><dm:person id=\"p1\">"));
	if (rows[row].activity != NULL)
		buf_printf(out, "<rpid:activities><rpid:%s/></rpid:activities>", rows[row].activity);
	buf_printf(out, "<dm:note>%s</dm:note></dm:person></presence>\n", rows[row].note);
}

/* From what the view shows: nothing can be seen here that it hides. */
static err write_pidf(struct presentity *p, struct pres_view *v)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct buf shown DEFER(buf_fini) = { 0 };
	struct xml_node *root;
	arena_init(&a, 1 << 20);
	buf_init(&shown, PRES_VIEW_MAX + 64);
	buf_add(&shown, STR("<categories>"));
	pres_view_print(v, UINT64_C(1) << CATEGORY_STATE | UINT64_C(1) << CATEGORY_NOTE, 0, &shown);
	buf_add(&shown, STR("</categories>"));
	ENSURE(!shown.failed, CEILING);
	TRY(xml_tree_read(p->pres->config.xml, buf_str(&shown), NULL, &a, &root, NULL));
	print(p, shown_availability(root, &a), shown_note(root, &a), &v->pidf);
	return OK;
}

err pres_pidf_print(struct pres_watch *w, struct buf *out)
{
	if (w->view->pidf.n == 0)
		TRY(write_pidf(w->presentity, w->view));
	w->told = w->presentity->serial;
	buf_add(out, buf_str(&w->view->pidf));
	return w->view->pidf.failed ? ERR(CEILING) : OK;
}
