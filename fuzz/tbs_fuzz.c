/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a key is asked to sign: what is told apart is whole, and what is sealed is read as the same kind by others. */
#include <stdlib.h>

#include "service/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static bool lies_in(str part, str whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const str in = { (const char *)data, size };
	struct cert_tbs_view v, again;
	enum cert_tbs kind = cert_tbs_kind(in, &v);
	CHECK(kind == v.kind && lies_in(v.issuer, in) && lies_in(v.subject, in) && lies_in(v.spki, in));
	if (kind == CERT_TBS_NOTHING) {
		CHECK(v.issuer.n == 0 && v.subject.n == 0 && v.spki.n == 0);
		return 0;
	}
	struct buf sealed;
	enum cert_alg alg;
	buf_init(&sealed, size + 1024);
	CHECK(v.spki.n == 0 || !failed(cert_alg_find(v.spki, &alg)));
	CHECK(!failed(cert_seal(in, v.alg, STR("x"), &sealed)));
	CHECK(cert_tbs_kind(buf_str(&sealed), &again) == CERT_TBS_NOTHING); /* what is sealed is not sealed again */
	CHECK(v.spki.n == 0 || !cert_is_signed(buf_str(&sealed), v.spki));
	buf_fini(&sealed);
	return 0;
}
