/* SPDX-License-Identifier: Apache-2.0 */
/* SearchAbEntry: searches in the address book, and the people that were found. */
#include "wire/soap/soap_priv.h"

#define INSTANCE "http://www.w3.org/2001/XMLSchema-instance"
#define TYPES    "http://www.w3.org/2001/XMLSchema"

enum { LIST_MAX = 1024, VALUE_MAX = 256 };

/* ---- the search ---- */

static err add(struct soap_search *s, str attribute, str value, struct diag *d)
{
	if (s->n == SOAP_SEARCH_MAX)
		return diag_fail(d, ERR(CEILING), "search", "search by fewer properties", "the search goes by more than %d properties", SOAP_SEARCH_MAX);
	s->by[s->n].attribute = attribute;
	s->by[s->n].value = value;
	s->n++;
	return OK;
}

/* Every property of the list may begin so. Clients list what other directories have, too. */
static err read_basic(const struct xml_node *basic, struct arena *a, bool (*knows)(str attribute), struct soap_search *out, struct diag *d)
{
	str list, value, verb;
	if (failed(soap_text_read(xml_child(basic, STR("SearchList")), a, LIST_MAX, &list)) || failed(soap_text_read(xml_child(basic, STR("Value")), a, VALUE_MAX, &value)) ||
		failed(soap_text_read(xml_child(basic, STR("Verb")), a, SOAP_WORD_MAX, &verb)))
		return soap_malformed(d, "BasicSearch");
	verb = str_trim(verb);
	if (verb.n != 0 && !str_eq_case(verb, STR("BeginsWith")))
		return diag_fail(d, ERR(REFUSED), "Verb", "ask for BeginsWith", "people are found by what is known of them begins with");
	value = str_trim(value);
	out->any = true;
	while (list.n != 0 && value.n != 0) {
		str attribute = str_trim(str_split(list, ',', &list));
		if (knows(attribute))
			TRY(add(out, attribute, value, d));
	}
	return OK;
}

static err read_rows(const struct xml_node *change, struct arena *a, struct soap_search *out, struct diag *d)
{
	str attribute, value;
	for (const struct xml_node *row = xml_child(change, STR("AbEntryRequest.ChangeSearchQuery")); row != NULL;
		row = xml_sibling(row, STR("AbEntryRequest.ChangeSearchQuery"))) {
		if (failed(soap_text_read(xml_child(row, STR("SearchOn")), a, SOAP_WORD_MAX, &attribute)) ||
			failed(soap_text_read(xml_child(row, STR("Value")), a, VALUE_MAX, &value)))
			return soap_malformed(d, "ChangeSearchQuery");
		value = str_trim(value);
		if (value.n != 0)
			TRY(add(out, str_trim(attribute), value, d));
	}
	return OK;
}

static err read_metadata(const struct xml_node *metadata, struct arena *a, struct soap_search *out, struct diag *d)
{
	str pad, most;
	if (failed(soap_text_read(xml_child(metadata, STR("FromDialPad")), a, SOAP_WORD_MAX, &pad)) ||
		failed(soap_text_read(xml_child(metadata, STR("MaxResultNum")), a, SOAP_WORD_MAX, &most)) ||
		failed(soap_text_read(xml_child(metadata, STR("ReturnList")), a, LIST_MAX, &out->wanted)))
		return soap_malformed(d, "Metadata");
	if (str_eq_case(str_trim(pad), STR("true")))
		return diag_fail(d, ERR(REFUSED), "FromDialPad", "type the name in letters", "names that were typed on the keys of a telephone are not searched");
	if (most.n != 0 && !str_to_u32(str_trim(most), &out->most))
		return soap_malformed(d, "MaxResultNum");
	return OK;
}

static err read_search(const struct xml_node *body, struct arena *a, bool (*knows)(str attribute), struct soap_search *out, struct diag *d)
{
	const struct xml_node *request = xml_child(body, STR("AbEntryRequest")), *basic = xml_child(request, STR("BasicSearch"));
	TRY(read_metadata(xml_child(request, STR("Metadata")), a, out, d));
	TRY(basic != NULL ? read_basic(basic, a, knows, out, d) : read_rows(xml_child(request, STR("ChangeSearch")), a, out, d));
	return out->n != 0 ? OK : diag_fail(d, ERR(MALFORMED), "search", "", "the search says nothing to look for");
}

err soap_search_read(struct xml_reader *r, str text, struct arena *a, bool (*knows)(str attribute), struct soap_search *out, struct diag *d)
{
	const struct xml_node *envelope, *body;
	*out = (struct soap_search){ .most = 0 };
	TRY(soap_envelope_read(r, text, a, "", &envelope, &body, d));
	if (!str_eq(body->name, STR("SearchAbEntry")) || !str_eq(body->ns, STR(SOAP_BOOK)))
		return diag_fail(d, ERR(REFUSED), "request", "", "the address book answers SearchAbEntry only: there are no distribution lists here");
	TRY(soap_assertion_read(xml_path(envelope, "Header", "Security", "Assertion", NULL), a, &out->ticket, d));
	return read_search(body, a, knows, out, d);
}

/* ---- the people ---- */

void soap_people_begin(struct soap_people *p, struct buf *out)
{
	*p = (struct soap_people){ .out = out };
	soap_open_body(&p->x, out);
	xml_open(&p->x, "SearchAbEntryResponse");
	xml_attr(&p->x, "xmlns", STR(SOAP_BOOK));
	xml_attr(&p->x, "xmlns:i", STR(INSTANCE));
	xml_attr(&p->x, "xmlns:t", STR(TYPES));
	xml_open(&p->x, "SearchAbEntryResult");
	xml_open(&p->x, "Items");
}

static void end_person(struct soap_people *p)
{
	if (p->has_person) {
		xml_close(&p->x);
		xml_close(&p->x);
	}
}

void soap_people_next(struct soap_people *p)
{
	end_person(p);
	xml_open(&p->x, "AbEntry");
	xml_open(&p->x, "Attributes");
	p->has_person = true;
}

void soap_people_add(struct soap_people *p, str attribute, str value)
{
	xml_open(&p->x, "Attribute");
	xml_element(&p->x, "Name", attribute);
	xml_open(&p->x, "Value");
	xml_attr(&p->x, "i:type", STR("t:string"));
	xml_text(&p->x, value);
	xml_close(&p->x);
	xml_close(&p->x);
}

void soap_people_end(struct soap_people *p)
{
	soap_end(&p->x, p->out);
}
