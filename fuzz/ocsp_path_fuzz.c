/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an HTTP request for everybody, and a question about certificates in its path or body. */
#include <stdlib.h>

#include "role/web/web_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct web_public nothing;
	static struct web_ocsp o;
	struct http_reader reader = { 0 };
	struct http_request q;
	struct web_route r;
	struct cert_ocsp_request asked;
	struct diag d = { 0 };
	char room[CERT_OCSP_REQUEST_MAX];
	size_t taken;
	str der;
	if (o.map.key == NULL)
		web_ocsp_init(&o);
	if (failed(http_request_read(&reader, (str){ (const char *)data, size }, CERT_OCSP_REQUEST_MAX, &q, &taken, &d)) || !web_ocsp_is(q.path))
		return 0;
	if (failed(web_public_find(&nothing, &q, reader.content, &r, &d))) {
		CHECK(d.what[0] != '\0' && r.allow[0] != '\0');
		return 0;
	}
	CHECK(r.task == WEB_OCSP);
	if (failed(web_ocsp_read(&q, room, &der)))
		return 0;
	CHECK(der.n <= CERT_OCSP_REQUEST_MAX);
	if (!failed(cert_ocsp_read(der, &asked, NULL)))
		CHECK(web_ocsp_find(&o, asked.ids[0].id, 1) == NULL);
	return 0;
}
