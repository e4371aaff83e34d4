/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in and out of PEM (RFC 7468). */
#include "service/cert/cert_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>

X509 *cert_x509(str der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509 *x = der.n != 0 && der.n <= CERT_DER_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;
	if (x != NULL && p == (const unsigned char *)der.p + der.n)
		return x;
	X509_free(x);
	return NULL;
}

bool cert_pem_add(const char *label, str der, struct buf *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	bool ok = bio != NULL && der.n <= INT32_MAX && PEM_write_bio(bio, label, "", (const unsigned char *)der.p, (long)der.n) > 0;
	long n = ok ? BIO_get_mem_data(bio, &p) : 0;
	if (n > 0)
		buf_add(pem, (str){ p, (size_t)n });
	else
		pem->failed = true;
	BIO_free(bio);
	return !pem->failed;
}

void cert_pem_print(str der, struct buf *pem)
{
	(void)cert_pem_add("CERTIFICATE", der, pem);
}

void cert_request_print(str der, struct buf *pem)
{
	(void)cert_pem_add("CERTIFICATE REQUEST", der, pem);
}

bool cert_is_pem_certificate(const char *label)
{
	return strcmp(label, PEM_STRING_X509) == 0 || strcmp(label, PEM_STRING_X509_OLD) == 0;
}

/* Only where the text ends may there be no further block. */
static bool is_end(void)
{
	unsigned long code = ERR_peek_last_error();
	return code == 0 || (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE);
}

static err add_block(const char *label, str der, struct arena *a, struct topo_names *out, struct diag *d)
{
	static const char remedy[] = "restore it from a copy";
	if (!cert_is_pem_certificate(label))
		return OK;
	if (out->n == CERT_ANSWER_CERTS)
		return diag_fail(d, ERR(CEILING), "certificates", "split the file", "there are more than %d certificates in it", CERT_ANSWER_CERTS);
	X509 *x = cert_x509(der);
	if (x == NULL)
		return diag_fail(d, ERR(MALFORMED), "certificates", remedy, "certificate %zu of it cannot be read", out->n + 1);
	X509_free(x);
	out->p[out->n] = arena_copy(a, der);
	ENSURE(out->p[out->n++].p != NULL, CEILING);
	return OK;
}

static err read_blocks(BIO *bio, struct arena *a, struct topo_names *out, struct diag *d)
{
	err e = OK;
	char *label = NULL, *header = NULL;
	unsigned char *der = NULL;
	long n = 0;
	while (!failed(e) && PEM_read_bio(bio, &label, &header, &der, &n) == 1) {
		e = add_block(label, (str){ (const char *)der, (size_t)n }, a, out, d);
		OPENSSL_free(label);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)n); /* it may have been a key */
	}
	TRY(e);
	if (!is_end())
		return diag_fail(d, ERR(MALFORMED), "certificates", "restore it from a copy", "after certificate %zu it is not PEM any more", out->n);
	if (out->n == 0)
		return diag_fail(d, ERR(MALFORMED), "certificates", "restore it from a copy", "there is no certificate in PEM in it");
	return OK;
}

err cert_pem_read(str pem, struct arena *a, struct topo_names *out, struct diag *d)
{
	*out = (struct topo_names){ arena_alloc(a, CERT_ANSWER_CERTS * sizeof(str)), 0 };
	ENSURE(out->p != NULL, CEILING);
	if (pem.n > CERT_ANSWER_MAX)
		return diag_fail(d, ERR(CEILING), "certificates", "split the file", "it has more than %d bytes", CERT_ANSWER_MAX);
	ERR_clear_error();
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	ENSURE(bio != NULL, NO_MEMORY);
	err e = read_blocks(bio, a, out, d);
	BIO_free(bio);
	ERR_clear_error();
	return e;
}
