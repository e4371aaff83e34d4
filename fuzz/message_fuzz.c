/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a request that carries a text, and the same bytes as HTML. */
#include <stdlib.h>

#include "service/im/im_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void check_html(str html)
{
	struct arena a;
	arena_init(&a, 1u << 20);
	str text = im_text_strip(html, &a);
	CHECK(text.p == NULL || text.n <= html.n);
	arena_fini(&a);
}

static void check_message(str raw, struct xml_reader *xml)
{
	struct arena a;
	struct sip_msg m;
	struct im_text t;
	arena_init(&a, 1u << 20);
	if (!failed(sip_msg_parse(&m, raw, &a, NULL, NULL)) && m.is_request) {
		if (!failed(im_text_read(&m, xml, &a, &t)))
			CHECK(t.is_typing || t.plain.p != NULL || t.is_rtf);
		if (im_text_first(&m, &a, &t))
			CHECK(t.plain.p != NULL && t.plain_type.n != 0 && !t.is_typing);
		(void)im_text_is_offer(&m);
	}
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct xml_reader *xml;
	if (xml == NULL)
		CHECK(!failed(xml_reader_new(&xml)));
	str raw = { (const char *)data, size };
	check_html(raw);
	check_message(raw, xml);
	return 0;
}
