/* SPDX-License-Identifier: Apache-2.0 */
/* What an authority outside answers, in whatever form it gives it, and put in order. */
#include "service/cert/cert_answer.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>

static const char where[] = "answer";

/* ---- what was found ---- */

static bool is_known(const struct cert_found *f, str der)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_eq(f->der[i], der))
			return true;
	return false;
}

static err keep(struct cert_found *f, X509 *x, str der)
{
	if (is_known(f, der))
		return OK;
	if (der.n > CERT_DER_MAX)
		return diag_fail(f->diag, ERR(CEILING), where, "ask the authority for one with fewer names", "a certificate in it has more than %d bytes", CERT_DER_MAX);
	if (f->n == CERT_ANSWER_CERTS)
		return diag_fail(f->diag, ERR(CEILING), where, "split the file", "there are more than %d certificates in it", CERT_ANSWER_CERTS);
	f->der[f->n] = arena_copy(f->arena, der);
	ENSURE(f->der[f->n].p != NULL, CEILING);
	(void)X509_up_ref(x);
	f->x[f->n++] = x;
	return OK;
}

err cert_found_add(struct cert_found *f, X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	ENSURE(n > 0, MALFORMED);
	err e = keep(f, x, (str){ (const char *)der, (size_t)n });
	OPENSSL_free(der);
	return e;
}

err cert_found_stack(struct cert_found *f, const STACK_OF(X509) *all)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		TRY(cert_found_add(f, sk_X509_value(all, i)));
	return OK;
}

static void found_fini(struct cert_found *f)
{
	for (size_t i = 0; i < f->n; i++)
		X509_free(f->x[i]);
}

/* ---- PKCS #7 ---- */

static err take_pkcs7(struct cert_found *f, PKCS7 *p)
{
	if (PKCS7_type_is_signed(p) && p->d.sign != NULL)
		return cert_found_stack(f, p->d.sign->cert);
	return diag_fail(f->diag, ERR(MALFORMED), where, "ask for the certificate chain as PKCS #7 (.p7b) or PEM", "its PKCS #7 holds no certificates");
}

static err read_pkcs7(struct cert_found *f, str der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)der.n);
	ENSURE(p7 != NULL, MALFORMED);
	err e = take_pkcs7(f, p7);
	PKCS7_free(p7);
	return e;
}

static err read_certificate(struct cert_found *f, str der)
{
	X509 *x = cert_x509(der);
	ENSURE(x != NULL, MALFORMED);
	err e = cert_found_add(f, x);
	X509_free(x);
	return e;
}

/* ---- PEM ---- */

static err read_key(struct cert_found *f, str der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	EVP_PKEY *key = der.n <= CERT_KEY_MAX ? d2i_AutoPrivateKey(NULL, &p, (long)der.n) : NULL;
	if (f->pkcs8->n != 0) {
		EVP_PKEY_free(key);
		return diag_fail(f->diag, ERR(REFUSED), where, "leave one of them", "there are two private keys in it");
	}
	ENSURE(key != NULL, MALFORMED);
	err e = cert_key_write(key, f->pkcs8);
	EVP_PKEY_free(key);
	return e;
}

static err refuse_encrypted(struct cert_found *f, str der)
{
	return diag_fail(f->diag, ERR(REFUSED), where, "give the key as PKCS #12, or without its passphrase", "the private key in it is encrypted");
}

static const struct {
	const char *label;
	err (*read)(struct cert_found *f, str der);
} blocks[] = {
	{ PEM_STRING_X509, read_certificate },
	{ PEM_STRING_X509_OLD, read_certificate },
	{ PEM_STRING_PKCS7, read_pkcs7 },
	{ PEM_STRING_PKCS7_SIGNED, read_pkcs7 },
	{ "CMS", read_pkcs7 },
	{ PEM_STRING_PKCS8INF, read_key },
	{ PEM_STRING_RSA, read_key },
	{ PEM_STRING_ECPRIVATEKEY, read_key },
	{ PEM_STRING_PKCS8, refuse_encrypted },
};

static err read_block(struct cert_found *f, const char *label, const char *header, str der)
{
	if (strstr(header, "ENCRYPTED") != NULL)
		return refuse_encrypted(f, der);
	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
		if (strcmp(label, blocks[i].label) == 0) {
			err e = blocks[i].read(f, der);
			if (err_is(e, ERR_MALFORMED) && f->diag->what[0] == '\0')
				return diag_fail(f->diag, e, where, "fetch it from the authority again", "its block \"%.40s\" cannot be read", label);
			return e;
		}
	return OK; /* parameters of a curve, requests, text of other programs */
}

static bool is_end(void)
{
	unsigned long code = ERR_peek_last_error();
	return code == 0 || (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE);
}

static err read_pem(struct cert_found *f, str text)
{
	char *label = NULL, *header = NULL;
	unsigned char *der = NULL;
	long n = 0;
	err e = OK;
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	ENSURE(bio != NULL, NO_MEMORY);
	ERR_clear_error();
	while (!failed(e) && PEM_read_bio(bio, &label, &header, &der, &n) == 1) {
		e = read_block(f, label, header, (str){ (const char *)der, (size_t)n });
		OPENSSL_free(label);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)n); /* it may have been a key */
	}
	if (!failed(e) && !is_end())
		e = diag_fail(f->diag, ERR(MALFORMED), where, "fetch it from the authority again", "after certificate %zu it is not PEM any more", f->n);
	BIO_free(bio);
	return e;
}

/* ---- which form it is ---- */

static bool is_pem(str s)
{
	return s.n != 0 && memmem(s.p, s.n, "-----BEGIN ", 11) != NULL;
}

/* Each form refuses the others by its first elements. */
static err read_der(struct cert_found *f, str bytes)
{
	err e = read_certificate(f, bytes);
	if (err_is(e, ERR_MALFORMED))
		e = read_pkcs7(f, bytes);
	if (err_is(e, ERR_MALFORMED) && f->diag->what[0] == '\0')
		e = cert_pkcs12_read(f, bytes);
	return e;
}

static err read_any(struct cert_found *f, str bytes)
{
	if (bytes.n > CERT_ANSWER_MAX)
		return diag_fail(f->diag, ERR(CEILING), where, "give a file with the certificate and its issuers only", "it has more than %d bytes", CERT_ANSWER_MAX);
	err e = is_pem(bytes) ? read_pem(f, bytes) : read_der(f, bytes);
	ERR_clear_error();
	if (err_is(e, ERR_MALFORMED) && f->diag->what[0] == '\0')
		return diag_fail(f->diag, e, where, "give what the authority answered: PEM, DER, PKCS #7 or PKCS #12", "it is in none of the forms that are read here");
	TRY(e);
	if (f->n == 0)
		return diag_fail(f->diag, ERR(MALFORMED), where, "give what the authority answered, not the request", "there is no certificate in it");
	return OK;
}

/* ---- the order ---- */

/* By the key that came along, else by those that are waited for. SIZE_MAX: none. */
static size_t find_leaf(const struct cert_found *f, const uint8_t (*hashes)[32], size_t n)
{
	for (size_t i = 0; i < f->n; i++) {
		uint8_t hash[32];
		if (!cert_spki(f->x[i], hash))
			continue;
		for (size_t j = 0; j < n; j++)
			if (memcmp(hash, hashes[j], sizeof hash) == 0)
				return i;
	}
	return SIZE_MAX;
}

static size_t find_issuer(const struct cert_found *f, X509 *x, const bool *is_taken)
{
	for (size_t i = 0; i < f->n; i++)
		if (!is_taken[i] && X509_check_issued(f->x[i], x) == X509_V_OK && X509_verify(x, X509_get0_pubkey(f->x[i])) == 1)
			return i;
	return SIZE_MAX;
}

/* From the leaf up, without the root, which whoever verifies must have himself. */
static void put_in_order(const struct cert_found *f, size_t leaf, struct cert_answer *out)
{
	bool is_taken[CERT_ANSWER_CERTS] = { false };
	if (leaf != SIZE_MAX) {
		out->leaf = f->der[leaf];
		is_taken[leaf] = true;
		for (size_t at = leaf; (at = find_issuer(f, f->x[at], is_taken)) != SIZE_MAX && X509_self_signed(f->x[at], 0) != 1;) {
			out->chain.p[out->chain.n++] = f->der[at];
			is_taken[at] = true;
		}
	}
	for (size_t i = 0; i < f->n; i++)
		if (!is_taken[i])
			out->others.p[out->others.n++] = f->der[i];
}

/* A file with one certificate that is no authority's, and that fits nothing, is most likely the answer to another request. */
static err refuse_leaf(const struct cert_found *f, bool has_key)
{
	if (has_key)
		return diag_fail(f->diag, ERR(REFUSED), where, "give a file with both", "none of its certificates belongs to the private key in it");
	return diag_fail(f->diag, ERR(ABSENT), where, "take it to the machine that made the request, or make a new request here",
		"none of its certificates is for a key of this machine");
}

static err check_leaf(const struct cert_found *f, size_t leaf)
{
	struct cert_spki_view key;
	struct buf spki DEFER(buf_fini) = { 0 };
	buf_init(&spki, CERT_DER_MAX);
	TRY(cert_spki_read(f->der[leaf], &spki));
	if (cert_spki_look(buf_str(&spki), &key) && cert_spki_is_fine(&key, false))
		return OK;
	return diag_fail(f->diag, ERR(REFUSED), where, "make a new request with RSA of at least 2048 bits, P-256 or P-384", "its key is too weak, or of a kind that is not used here");
}

static err key_hash(str pkcs8, uint8_t out[32], struct diag *d)
{
	struct buf spki DEFER(buf_fini) = { 0 };
	buf_init(&spki, CERT_DER_MAX);
	TRY(cert_key_spki(pkcs8, &spki, d));
	cert_spki_hash(buf_str(&spki), out);
	return OK;
}

static err arrange(const struct cert_found *f, const uint8_t (*hashes)[32], size_t n, struct cert_answer *out)
{
	uint8_t own[1][32];
	const bool has_key = f->pkcs8->n != 0;
	out->chain.p = arena_alloc(f->arena, CERT_ANSWER_CERTS * sizeof(str));
	out->others.p = arena_alloc(f->arena, CERT_ANSWER_CERTS * sizeof(str));
	ENSURE(out->chain.p != NULL && out->others.p != NULL, CEILING);
	if (has_key)
		TRY(key_hash(buf_str(f->pkcs8), own[0], f->diag));
	size_t leaf = has_key ? find_leaf(f, (const uint8_t(*)[32])own, 1) : find_leaf(f, hashes, n);
	put_in_order(f, leaf, out);
	if (leaf == SIZE_MAX)
		return refuse_leaf(f, has_key);
	TRY(check_leaf(f, leaf));
	ENSURE(cert_spki(f->x[leaf], out->hash), MALFORMED);
	return OK;
}

err cert_answer_read(str bytes, const char *password, const uint8_t (*hashes)[32], size_t n, struct arena *a, struct cert_answer *out, struct diag *d)
{
	struct diag ignored = { 0 };
	*out = (struct cert_answer){ .leaf = { NULL, 0 } };
	buf_init(&out->pkcs8, CERT_KEY_MAX);
	struct cert_found f DEFER(found_fini) = { .arena = a, .password = password, .pkcs8 = &out->pkcs8, .diag = d != NULL ? d : &ignored };
	*f.diag = (struct diag){ 0 };
	TRY(read_any(&f, bytes));
	out->friendly_name = f.friendly_name;
	err e = arrange(&f, hashes, n, out);
	ERR_clear_error();
	return e;
}

void cert_answer_fini(struct cert_answer *answer)
{
	cert_wipe(&answer->pkcs8);
}
