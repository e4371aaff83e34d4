/* SPDX-License-Identifier: Apache-2.0 */
/* Between OpenSSL and the rest: its reasons, its streams, its times. */
#include "service/cert/cert_priv.h"

#include <openssl/err.h>

err cert_openssl(struct diag *d, const char *what)
{
	char reason[160] = "no reason given";
	unsigned long code = ERR_peek_last_error();
	if (code != 0)
		ERR_error_string_n(code, reason, sizeof reason);
	ERR_clear_error();
	return diag_fail(d, ERR(INTERNAL), what, "", "OpenSSL: %s", reason);
}

bool cert_spki(const X509 *x, uint8_t out[32])
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return ok;
}

BIO *cert_bio(str s)
{
	return s.n <= CERT_PEM_MAX ? BIO_new_mem_buf(s.p, (int)s.n) : NULL;
}

int cert_no_passphrase(char *room, int size, int writes, void *arg)
{
	return -1;
}

int64_t cert_time_of(const ASN1_TIME *t)
{
	struct tm tm;
	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}
