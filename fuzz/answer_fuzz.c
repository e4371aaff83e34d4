/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what an authority answers (PEM, DER, PKCS #7, PKCS #12), for a key that may be in it; each certificate is viewed too. */
#include <stdlib.h>

#include "service/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static void view_all(const struct topo_names *all, struct arena *a)
{
	struct cert_view v;
	struct diag d = { 0 };
	CHECK(all->n <= CERT_ANSWER_CERTS);
	for (size_t i = 0; i < all->n; i++)
		if (!failed(cert_view_read(all->p[i], a, &v, &d)))
			CHECK(v.key.n != 0 && v.thumbprint[39] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct cert_answer out;
	struct topo_names all;
	struct cert_view v;
	struct diag d = { 0 };
	const str in = { (const char *)data, size };
	uint8_t hash[1][32] = { { 0 } };
	arena_init(&a, 4 << 20);
	if (!failed(cert_view_read(in, &a, &v, &d)))
		memcpy(hash[0], v.spki, 32); /* a certificate alone is for its key */
	d = (struct diag){ 0 };
	err e = cert_answer_read(in, "sesame", hash, 1, &a, &out, &d);
	CHECK(failed(e) ? d.what[0] != '\0' && out.leaf.n == 0 : out.leaf.n != 0);
	view_all(&out.chain, &a);
	view_all(&out.others, &a);
	cert_answer_fini(&out);
	if (!failed(cert_pem_read(in, &a, &all, &d)))
		view_all(&all, &a);
	arena_fini(&a);
	return 0;
}
