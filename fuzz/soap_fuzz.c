/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a request of the web services; whatever is taken is within its ceilings, and the canonical form is a fixed point. */
#include <stdlib.h>

#include "wire/soap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static struct xml_reader *make_reader(void)
{
	struct xml_reader *r;
	CHECK(!failed(xml_reader_new(&r)));
	return r;
}

static void check_ticket(const struct soap_ticket *t)
{
	CHECK(t->user.n <= SOAP_URL_MAX && t->audience.n <= SOAP_URL_MAX && t->id.n <= SOAP_WORD_MAX && t->sealed.n <= SOAP_SEALED_MAX);
	CHECK(t->since >= 0 && t->until >= 0);
}

/* Printed, read and printed again it is the same. */
static void check_canonical(struct xml_reader *r, str text, struct arena *a)
{
	const struct xml_limits limits = { .bytes = 1 << 20, .nodes = 1 << 16, .attributes = 64, .keeps_space = true };
	struct xml_node *root;
	struct buf one, two;
	buf_init(&one, 1 << 20);
	buf_init(&two, 1 << 20);
	if (!failed(xml_tree_read(r, text, &limits, a, &root, NULL))) {
		soap_canonical_print(root, &one);
		if (!one.failed && !failed(xml_tree_read(r, buf_str(&one), &limits, a, &root, NULL))) {
			soap_canonical_print(root, &two);
			CHECK(str_eq(buf_str(&one), buf_str(&two)));
		}
	}
	buf_fini(&one);
	buf_fini(&two);
}

static bool knows(str attribute)
{
	return str_eq_case(attribute, STR("sn"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct xml_reader *r;
	struct arena a;
	struct soap_ticket_request ask;
	struct soap_ticket ticket;
	struct soap_certificate_request certificate;
	struct soap_search search;
	str text = { (const char *)data, size };
	int64_t t;
	r = r != NULL ? r : make_reader();
	arena_init(&a, 8 << 20);
	if (!failed(soap_ticket_request_read(r, text, &a, &ask, NULL)))
		CHECK(ask.applies_to.n <= SOAP_URL_MAX && ask.context.n <= SOAP_WORD_MAX && ask.is_bearer == (ask.entropy.n == 0) && ask.entropy.n <= SOAP_ENTROPY_MAX);
	if (!failed(soap_ticket_read(r, text, &a, &ticket, NULL)))
		check_ticket(&ticket);
	if (!failed(soap_certificate_request_read(r, text, &a, &certificate, NULL))) {
		check_ticket(&certificate.ticket);
		CHECK(certificate.signature.n == SOAP_SIGNATURE && certificate.request.n <= SOAP_REQUEST_MAX && certificate.device.n <= SOAP_WORD_MAX);
	}
	if (!failed(soap_search_read(r, text, &a, knows, &search, NULL))) {
		check_ticket(&search.ticket);
		CHECK(search.n != 0 && search.n <= SOAP_SEARCH_MAX);
		for (size_t i = 0; i < search.n; i++)
			CHECK(search.by[i].value.n != 0 && search.by[i].value.n <= 256 && (!search.any || knows(search.by[i].attribute)));
	}
	(void)failed(soap_time_read(text, &t));
	check_canonical(r, text, &a);
	arena_fini(&a);
	return 0;
}
