/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a certificate request: what is taken has a key that may be certified, and its names fit into a certificate. */
#include <stdlib.h>

#include "service/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct cert_request_view v;
	struct diag d = { 0 };
	arena_init(&a, 1 << 20);
	err e = cert_request_read((str){ (const char *)data, size }, false, &a, &v, &d);
	enum cert_alg alg;
	if (failed(e)) {
		CHECK(d.what[0] != '\0');
	} else {
		CHECK(v.der.n <= CERT_DER_MAX && v.san.n + v.mail.n + v.uri.n <= CERT_NAMES_MAX);
		CHECK(!failed(cert_alg_find(v.spki, &alg)) && cert_is_signed(v.der, v.spki));
	}
	arena_fini(&a);
	return 0;
}
