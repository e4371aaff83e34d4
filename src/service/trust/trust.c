/* SPDX-License-Identifier: Apache-2.0 */
/* Roots and lists, and the reader of chains. */
#include "service/trust/trust_priv.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

enum { ROOTS_MAX = 256, ROOTS_BYTES = 256 * 1024 };

void trust_free_certs(STACK_OF(X509) **s)
{
	sk_X509_pop_free(*s, X509_free);
}

/* ---- reading ---- */

static bool is_pem(str in)
{
	return in.n != 0 && memmem(in.p, in.n, "-----BEGIN ", 11) != NULL;
}

static bool keep(STACK_OF(X509) *out, X509 *x)
{
	if (sk_X509_push(out, x) > 0)
		return true;
	X509_free(x);
	return false;
}

/* Without it a block that says it is encrypted makes the reader ask at the terminal. */
static int no_passphrase(char *room, int size, int writes, void *arg)
{
	return -1;
}

static enum trust_reason read_pem(str in, int most, STACK_OF(X509) *out)
{
	BIO *bio = BIO_new_mem_buf(in.p, (int)in.n);
	enum trust_reason r = TRUST_FINE;
	X509 *x;
	while (bio != NULL && r == TRUST_FINE && (x = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL)
		if (!keep(out, x) || sk_X509_num(out) > most)
			r = TRUST_TOO_LONG;
	BIO_free(bio);
	/* at the end PEM finds no more start line; any other complaint is about what is there */
	unsigned long e = ERR_peek_last_error();
	bool is_end = ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE;
	return r == TRUST_FINE && !is_end ? TRUST_MALFORMED : r;
}

static enum trust_reason read_der(str in, int most, STACK_OF(X509) *out)
{
	const unsigned char *p = (const unsigned char *)in.p, *end = p + in.n;
	while (p < end) {
		X509 *x = d2i_X509(NULL, &p, end - p);
		if (x == NULL)
			return TRUST_MALFORMED;
		if (!keep(out, x) || sk_X509_num(out) > most)
			return TRUST_TOO_LONG;
	}
	return TRUST_FINE;
}

enum trust_reason trust_read(str in, int most, STACK_OF(X509) *out)
{
	if (in.n == 0)
		return TRUST_MALFORMED;
	if (in.n > INT_MAX)
		return TRUST_TOO_LONG;
	ERR_clear_error();
	enum trust_reason r = is_pem(in) ? read_pem(in, most, out) : read_der(in, most, out);
	ERR_clear_error();
	return r == TRUST_FINE && sk_X509_num(out) == 0 ? TRUST_MALFORMED : r;
}

/* ---- roots ---- */

static err fill(struct trust *t, const struct trust_config *config, struct diag *d)
{
	t->store = X509_STORE_new();
	t->roots = sk_X509_new_null();
	ENSURE(t->store != NULL && t->roots != NULL, NO_MEMORY);
	enum trust_reason r = config->roots_pem.n <= ROOTS_BYTES ? trust_read(config->roots_pem, ROOTS_MAX, t->roots) : TRUST_TOO_LONG;
	if (r != TRUST_FINE)
		return diag_fail(d, ERR(MALFORMED), "trusted certificates", "give the certificates of the authorities in PEM",
			r == TRUST_TOO_LONG ? "there are too many" : "there is none that can be read");
	for (int i = 0; i < sk_X509_num(t->roots); i++)
		ENSURE(X509_STORE_add_cert(t->store, sk_X509_value(t->roots, i)) == 1, NO_MEMORY);
	return OK;
}

err trust_new(const struct trust_config *config, struct trust **out, struct diag *d)
{
	struct trust *t = calloc(1, sizeof *t);
	ENSURE(t != NULL, NO_MEMORY);
	*t = (struct trust){ .n_own = config->n_own, .own = config->own, .others = config->others };
	err e = fill(t, config, d);
	ERR_clear_error();
	if (failed(e)) {
		trust_free(t);
		return e;
	}
	*out = t;
	return OK;
}

void trust_free(struct trust *t)
{
	if (t == NULL)
		return;
	trust_free_certs(&t->roots);
	X509_STORE_free(t->store);
	free(t);
}

/* ---- lists ---- */

static X509_CRL *read_list(str list)
{
	const unsigned char *p = (const unsigned char *)list.p;
	if (!is_pem(list)) {
		X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)list.n);
		if (crl != NULL && p != (const unsigned char *)list.p + list.n) {
			X509_CRL_free(crl);
			crl = NULL;
		}
		return crl;
	}
	BIO *bio = BIO_new_mem_buf(list.p, (int)list.n);
	X509_CRL *crl = bio != NULL ? PEM_read_bio_X509_CRL(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	return crl;
}

err trust_add_list(struct trust *t, str list, const char *where, struct diag *d)
{
	if (t->n_lists == TRUST_LISTS_MAX || list.n > TRUST_LIST_MAX)
		return diag_fail(d, ERR(CEILING), where, "take lists away that nobody needs", "there are more than %d revocation lists, or this one is over %d bytes",
			TRUST_LISTS_MAX, TRUST_LIST_MAX);
	X509_CRL *crl = list.n != 0 ? read_list(list) : NULL;
	bool is_list = crl != NULL, has_end = is_list && X509_CRL_get0_nextUpdate(crl) != NULL;
	bool ok = has_end && X509_STORE_add_crl(t->store, crl) == 1;
	X509_CRL_free(crl);
	ERR_clear_error();
	if (!has_end)
		return diag_fail(d, ERR(MALFORMED), where, "fetch it from its authority again", is_list ? "it does not say when the next list comes" : "it is not a revocation list in DER or PEM");
	ENSURE(ok, NO_MEMORY);
	t->n_lists++;
	return OK;
}

/* NULL: it is no list, or one of another issuer. */
static X509_CRL *list_of(const X509_OBJECT *o, const uint8_t issuer[32])
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	X509_CRL *list = X509_OBJECT_get0_X509_CRL(o);
	bool is_it = list != NULL && X509_NAME_digest(X509_CRL_get_issuer(list), EVP_sha256(), hash, &n) == 1 && n == 32 && memcmp(hash, issuer, n) == 0;
	return is_it ? list : NULL;
}

bool trust_is_revoked(const struct trust *t, const uint8_t issuer[32], str serial)
{
	bool is_named = false;
	STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(t->store);
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	if (number == NULL || serial.n > INT_MAX || ASN1_STRING_set(number, serial.p, (int)serial.n) != 1)
		all = NULL;
	for (int i = 0; i < sk_X509_OBJECT_num(all) && !is_named; i++) {
		X509_REVOKED *entry;
		X509_CRL *list = list_of(sk_X509_OBJECT_value(all, i), issuer);
		is_named = list != NULL && X509_CRL_get0_by_serial(list, &entry, number) == 1;
	}
	ASN1_INTEGER_free(number);
	return is_named;
}
