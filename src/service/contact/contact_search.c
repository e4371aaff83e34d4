/* SPDX-License-Identifier: Apache-2.0 */
/* Searching for people ([MS-SIP] directorySearch): the question goes to vault, which alone knows more of users than their names. */
#include "service/contact/contact_priv.h"

#include "service/book.h"

#include <stdlib.h>

#define NS         "http://schemas.microsoft.com/winrtc/2002/11/sip"
#define FILTER_MAX 8192
#define USUAL_MOST 20

/* ---- the question ---- */

static str property_of(str attribute)
{
	const struct book_row *row = book_find(attribute);
	return row != NULL && row->is_searched ? row->property : STR("");
}

static err read_filter(struct contact_call *c, struct buf *filter)
{
	size_t n = 0;
	for (const struct xml_node *row = xml_child(xml_child(c->body, STR("Array")), STR("row")); row != NULL; row = xml_sibling(row, STR("row"))) {
		str property = property_of(xml_attribute(row, STR("attrib"))), value = str_trim(xml_attribute(row, STR("value")));
		if (str_eq(property, STR("SipAddress")) && str_begins_case(value, STR("sip:")))
			value = str_cut(value, 4, value.n);
		if (value.n == 0)
			continue;
		c->why = "people cannot be searched by this property";
		ENSURE(property.n != 0 && n++ < BOOK_FILTER_MAX, MALFORMED);
		c->why = NULL;
		ENSURE(value.n <= CONTACT_NAME_MAX, CEILING);
		kept_row_add(filter, &(struct kept_row){ .kind = KEPT_CARD, .key = property, .value = value });
	}
	c->why = "the search says nothing to look for";
	ENSURE(n != 0, MALFORMED);
	c->why = NULL;
	return filter->failed ? ERR(CEILING) : OK;
}

static uint32_t read_most(const struct contact_call *c)
{
	uint32_t most;
	if (!str_to_u32(contact_parameter(c, "maxResults"), &most) || most == 0)
		most = USUAL_MOST;
	return most < BOOK_FOUND_MAX ? most : BOOK_FOUND_MAX;
}

/* One at a time for each user: a search may look at everybody. */
static bool is_asking(const struct contacts *s, str aor)
{
	LIST_EACH (it, &s->asks)
		if (str_eq(LIST_OF(it, struct contact_ask, node)->request->aor, aor))
			return true;
	return false;
}

err contact_search_begin(struct contact_call *c)
{
	struct contacts *s = c->contacts;
	struct request *r = c->request;
	struct buf filter DEFER(buf_fini) = { 0 };
	buf_init(&filter, FILTER_MAX);
	TRY(read_filter(c, &filter));
	ENSURE(user_find(s->config.users, r->aor) != NULL, SIP_FORBIDDEN);
	ENSURE(s->n_asks < CONTACT_SEARCHES_MAX && !is_asking(s, r->aor), SIP_BUSY);
	struct contact_ask *ask = calloc(1, sizeof *ask);
	ENSURE(ask != NULL, NO_MEMORY);
	*ask = (struct contact_ask){ .id = ++s->last_id, .request = r };
	err e = s->config.door.search(s->config.arg, &(struct contact_search){ ask->id, read_most(c), buf_str(&filter) });
	if (failed(e)) {
		free(ask);
		return ERR(SIP_BUSY);
	}
	r->conn = NULL; /* it may have gone when vault answers */
	(void)inbound_ref(r->in);
	list_add(&s->asks, &ask->node);
	s->n_asks++;
	return OK;
}

/* ---- the answer ---- */

static void add_property(struct buf *out, const struct kept_row *row)
{
	const struct book_row *told = book_told(row->key);
	if (told != NULL)
		contact_add_attribute(out, told->shown, row->value);
}

static size_t print_people(struct buf *out, str rows)
{
	struct kept_row row;
	err e = OK;
	size_t n = 0;
	while (kept_row_next(&rows, &row, &e)) {
		if (row.kind != KEPT_CARD)
			continue;
		if (row.key.n != 0) {
			add_property(out, &row);
			continue;
		}
		buf_add(out, n++ == 0 ? STR("<m:row uri=\"sip:") : STR("/><m:row uri=\"sip:"));
		contact_add_text(out, row.value);
		buf_add_char(out, '"');
	}
	buf_add(out, n != 0 ? STR("/>") : STR(""));
	return n;
}

static void tell(struct request *r, str rows, bool has_more)
{
	struct buf body DEFER(buf_fini) = { 0 };
	buf_init(&body, 1 << 19);
	buf_printf(&body, "<m:directorySearch xmlns:m=\"" NS "\"><m:searchResult m:href=\"#searchArray\"/><m:moreAvailable>%s</m:moreAvailable></m:directorySearch>"
			  "<m:Array xmlns:m=\"" NS "\" m:id=\"searchArray\">",
		has_more ? "true" : "false");
	(void)print_people(&body, rows);
	buf_add(&body, STR("</m:Array>"));
	if (body.failed)
		contact_refuse(r, ERR(CEILING), NULL);
	else
		contact_answer(r, buf_str(&body));
}

static void end(struct contacts *c, struct contact_ask *ask)
{
	list_remove(&ask->node);
	c->n_asks--;
	inbound_unref(ask->request->in);
	free(ask);
}

void contacts_told_people(struct contacts *c, uint64_t id, err e, str rows, bool has_more)
{
	LIST_EACH (it, &c->asks) {
		struct contact_ask *ask = LIST_OF(it, struct contact_ask, node);
		if (ask->id != id)
			continue;
		if (failed(e))
			contact_refuse(ask->request, err_is(e, ERR_BUSY) ? ERR(SIP_BUSY) : e, NULL);
		else
			tell(ask->request, rows, has_more);
		end(c, ask);
		return;
	}
}

void contacts_told_nothing(struct contacts *c)
{
	LIST_EACH (it, &c->asks) {
		struct contact_ask *ask = LIST_OF(it, struct contact_ask, node);
		contact_refuse(ask->request, ERR(SIP_BUSY), NULL);
		end(c, ask);
	}
}
