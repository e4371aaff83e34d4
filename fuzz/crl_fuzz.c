/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a revocation list: of the authority that has signed those of the corpus. */
#include <stdlib.h>

#include "service/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static const char ca[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIICqDCCAk2gAwIBAgIQNR4QK2fagHE4jQlgsJWuwDAKBggqhkjOPQQDAjAsMRAw\n"
	"DgYDVQQKDAdFeGFtcGxlMRgwFgYDVQQDDA9FeGFtcGxlIHJvb3QgQ0EwHhcNMjcw\n"
	"MTE1MDcwMDAwWhcNMzIwMTE1MDcwMDAwWjAxMRAwDgYDVQQKDAdFeGFtcGxlMR0w\n"
	"GwYDVQQDDBRFeGFtcGxlIGlzc3VpbmcgQ0EgMTBZMBMGByqGSM49AgEGCCqGSM49\n"
	"AwEHA0IABATFZ4NFL3lAl2QVSKIV7oQ52xkZeveputMkAsLuXhesrWHmWfmPbxAG\n"
	"X3xfXuZEBW/SmTIMoP6eL1yHPJuFViajggFKMIIBRjASBgNVHRMBAf8ECDAGAQH/\n"
	"AgEAMA4GA1UdDwEB/wQEAwIBhjBvBgNVHR4BAf8EZTBjoC8wDoIMZXhhbXBsZS50\n"
	"ZXN0MA2CC2ludGVybmFsLmFkMA6BDGV4YW1wbGUudGVzdKEwMAqHCAAAAAAAAAAA\n"
	"MCKHIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMB0GA1UdDgQWBBQy\n"
	"G1UkX8cKCUFUXe9Ecit6nwKRljAfBgNVHSMEGDAWgBSNLhAuk/Oe5gQbDxLG0a/P\n"
	"uXutyTAxBgNVHR8EKjAoMCagJKAihiBodHRwOi8vcGtpLmV4YW1wbGUudGVzdC9y\n"
	"b290LmNybDA8BggrBgEFBQcBAQQwMC4wLAYIKwYBBQUHMAKGIGh0dHA6Ly9wa2ku\n"
	"ZXhhbXBsZS50ZXN0L3Jvb3QuY2VyMAoGCCqGSM49BAMCA0kAMEYCIQD4FVkHYy5/\n"
	"uY0hlWwPxR9BvCnnIAEwVWOP48AiVsVdOgIhAOJ9sJpvX9x+sjcWA692ky5gQAwu\n"
	"E6jlxK6UETyOMQfc\n"
	"-----END CERTIFICATE-----\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cert_crl *crl = NULL;
	struct cert_revoked one;
	struct diag d = { 0 };
	err e = cert_crl_read((str){ (const char *)data, size }, str_of(ca), &crl, &d);
	CHECK(!failed(e) || d.what[0] != '\0');
	if (failed(e))
		return 0;
	CHECK(cert_crl_ends(crl) > 0 && cert_crl_begins(crl) > 0 && cert_crl_is_fresh(crl, cert_crl_ends(crl) - 1));
	(void)cert_crl_number(crl);
	for (size_t i = 0; i < cert_crl_count(crl); i++) {
		cert_crl_get(crl, i, &one);
		CHECK(cert_crl_has(crl, one.serial));
	}
	CHECK(!cert_crl_has(crl, "1"));
	cert_crl_free(crl);
	return 0;
}
