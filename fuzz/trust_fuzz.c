/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a chain that a peer, a person or a server shows, and as a revocation list; some of the corpus is of this root. */
#include <stdlib.h>

#include "service/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())
#define NOW         1800000000

static const char root[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBfDCCASKgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlGdXp6IHJv\n"
	"b3QwIBcNMjYxMTI0MTUzODQ3WhgPMjEyNjEwMzExNTM4NDdaMBQxEjAQBgNVBAMM\n"
	"CUZ1enogcm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMGf4fNSJHuIxN4j\n"
	"tX0DWTOyogIxsqjNBudZSfxhjeUtRKXpxpU+/xmCyw2USZe2sUFIQoMPviZH/jd0\n"
	"MkqFHPGjYzBhMB0GA1UdDgQWBBTZ7bIQkFPzZragzbu7UF4qQGJQ2TAfBgNVHSME\n"
	"GDAWgBTZ7bIQkFPzZragzbu7UF4qQGJQ2TAPBgNVHRMBAf8EBTADAQH/MA4GA1Ud\n"
	"DwEB/wQEAwIBBjAKBggqhkjOPQQDAgNIADBFAiBTdTkfiF/3fl1GoSEiFTBQ4rQl\n"
	"NHeHzDXl5IXgKyvXQgIhALWhJWwphusxuauT+AE7SgJx3lDhSLqPv8+suWdI68Bi\n"
	"-----END CERTIFICATE-----\n";

static bool knows(void *arg, str name)
{
	CHECK(name.n != 0 && name.n < TRUST_NAME && memchr(name.p, '*', name.n) == NULL && memchr(name.p, 0, name.n) == NULL);
	return str_eq_case(name, STR("a.example.com")) || str_eq_case(name, STR("b.example.com"));
}

static void judge(const struct trust *t, enum trust_role role, str name, str in)
{
	const struct trust_case c = { .role = role, .name = name, .is_known = knows, .now = NOW };
	struct trust_verdict v;
	struct diag d = { 0 };
	err e = trust_judge(t, &c, in, &v, &d);
	CHECK(failed(e) == (v.reason != TRUST_FINE) && failed(e) == (d.what[0] != '\0'));
	CHECK(failed(e) || role == TRUST_CLIENT || v.name[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct trust *soft;
	struct trust *t;
	struct diag d = { 0 };
	str in = { (const char *)data, size };
	const struct trust_config config = { str_of(root), 1, TRUST_SOFT, TRUST_SOFT };
	if (soft == NULL)
		CHECK(!failed(trust_new(&config, &soft, &d)));
	judge(soft, TRUST_PEER, STR(""), in);
	judge(soft, TRUST_SERVER, STR("192.0.2.1"), in);
	judge(soft, TRUST_CLIENT, STR("ann@example.com"), in);
	judge(soft, TRUST_CLIENT, STR(""), in);
	CHECK(!failed(trust_new(&config, &t, &d)));
	err e = trust_add_list(t, in, "list", &d);
	CHECK(!failed(e) || d.what[0] != '\0');
	trust_free(t);
	return 0;
}
