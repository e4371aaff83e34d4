/* SPDX-License-Identifier: Apache-2.0 */
/* What an external authority answers: everything that it may send, in the order that a server presents. */
#include "service/cert/cert_answer.h"
#include "service/cert/cert_der.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>

const char cert_answer_where[] = "answer";

static err say(struct cert_found *f, enum err_id id, const char *remedy, const char *what)
{
	ERR_clear_error();
	return diag_fail(f->diag, (err){ &err_defs[id] }, cert_answer_where, remedy, "%s", what);
}

/* ---- gathering ---- */

err cert_found_add(struct cert_found *f, X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	str bytes = { (const char *)der, n > 0 ? (size_t)n : 0 };
	err e = n > 0 && n <= CERT_DER_MAX ? OK : say(f, ERR_MALFORMED, "ask the authority for it again", "a certificate in it is broken or too long");
	bool is_new = true;
	for (size_t i = 0; !failed(e) && is_new && i < f->n; i++)
		is_new = !str_eq(bytes, f->ders[i]);
	if (!failed(e) && is_new && f->n == CERT_ANSWER_CERTS)
		e = diag_fail(f->diag, ERR(CEILING), cert_answer_where, "split the file", "there are more than %d certificates in it", CERT_ANSWER_CERTS);
	if (!failed(e) && is_new) {
		f->ders[f->n] = arena_copy(f->arena, bytes);
		e = f->ders[f->n].p != NULL && X509_up_ref(x) == 1 ? OK : ERR(CEILING);
		if (!failed(e))
			f->certs[f->n++] = x;
	}
	OPENSSL_free(der);
	return e;
}

err cert_found_add_key(struct cert_found *f, EVP_PKEY *key)
{
	if (f->out->pkcs8.n != 0)
		return say(f, ERR_REFUSED, "leave one of them out", "there is more than one private key in it");
	return cert_key_write(key, &f->out->pkcs8);
}

err cert_found_pkcs7(struct cert_found *f, str der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	PKCS7 *p7 = d2i_PKCS7(NULL, &p, (long)der.n);
	STACK_OF(X509) *certs = p7 != NULL && PKCS7_type_is_signed(p7) && p7->d.sign != NULL ? p7->d.sign->cert : NULL;
	err e = p7 != NULL ? OK : say(f, ERR_MALFORMED, "ask the authority for it again, in Base64", "it looks like PKCS #7 but cannot be read");
	for (int i = 0; !failed(e) && certs != NULL && i < sk_X509_num(certs); i++)
		e = cert_found_add(f, sk_X509_value(certs, i));
	PKCS7_free(p7);
	ERR_clear_error();
	return e;
}

static err add_der(struct cert_found *f, str der)
{
	X509 *x = cert_x509(der);
	if (x == NULL)
		return say(f, ERR_MALFORMED, "ask the authority for it again, in Base64", "a certificate in it cannot be read");
	err e = cert_found_add(f, x);
	X509_free(x);
	return e;
}

/* ---- PEM ---- */

static err add_pem_key(struct cert_found *f, const char *label, const char *header, str der)
{
	struct buf pem, pkcs8;
	err e;
	buf_init(&pem, CERT_PEM_MAX);
	buf_init(&pkcs8, CERT_KEY_MAX);
	if (strstr(header, "ENCRYPTED") != NULL)
		e = say(f, ERR_REFUSED, "convert it: openssl pkcs8 -topk8", "its private key is encrypted in a form that is not read here");
	else if (!cert_pem_add(label, der, &pem))
		e = ERR(CEILING);
	else if (strcmp(label, PEM_STRING_PKCS8) != 0)
		e = cert_key_read(buf_str(&pem), &pkcs8, f->diag);
	else if (f->password == NULL)
		e = say(f, ERR_REFUSED, "give its password", "its private key is encrypted");
	else
		e = cert_key_unlock(buf_str(&pem), str_of(f->password), &pkcs8, f->diag);
	EVP_PKEY *key = failed(e) ? NULL : cert_key_open(buf_str(&pkcs8));
	if (key != NULL)
		e = cert_found_add_key(f, key);
	EVP_PKEY_free(key);
	cert_wipe(&pem);
	cert_wipe(&pkcs8);
	return e;
}

static bool ends_with(const char *label, const char *end)
{
	size_t n = strlen(label), m = strlen(end);
	return n >= m && strcmp(label + n - m, end) == 0;
}

/* What is neither certificate nor key (a request, parameters of curves) may lie beside them. */
static err add_block(struct cert_found *f, const char *label, const char *header, str der)
{
	if (cert_is_pem_certificate(label))
		return add_der(f, der);
	if (strcmp(label, PEM_STRING_PKCS7) == 0 || strcmp(label, PEM_STRING_PKCS7_SIGNED) == 0 || strcmp(label, PEM_STRING_CMS) == 0)
		return cert_found_pkcs7(f, der);
	if (ends_with(label, "PRIVATE KEY"))
		return add_pem_key(f, label, header, der);
	return OK;
}

static err add_pem(struct cert_found *f, str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	err e = bio != NULL ? OK : ERR(NO_MEMORY);
	char *label = NULL, *header = NULL;
	unsigned char *der = NULL;
	long n = 0;
	ERR_clear_error();
	while (!failed(e) && PEM_read_bio(bio, &label, &header, &der, &n) == 1) {
		e = add_block(f, label, header, (str){ (const char *)der, (size_t)n });
		OPENSSL_free(label);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)n);
	}
	unsigned long code = ERR_peek_last_error();
	if (!failed(e) && code != 0 && ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
		e = say(f, ERR_MALFORMED, "copy it again, with all its lines", "a part of it is damaged PEM");
	(void)BIO_free(bio);
	ERR_clear_error();
	return e;
}

/* ---- what it is ---- */

/* The tag of the first element inside; also of BER without a length, which some authorities write. 0: nothing is inside. */
static unsigned inner_tag(str bytes)
{
	if (bytes.n < 3 || bytes.p[0] != DER_SEQUENCE)
		return 0;
	const uint8_t length = (uint8_t)bytes.p[1];
	const size_t at = length <= 0x80 ? 2 : 2 + (length & 0x7fu);
	return at < bytes.n ? (uint8_t)bytes.p[at] : 0;
}

static bool is_pem(str bytes)
{
	return memmem(bytes.p, bytes.n, "-----BEGIN ", 11) != NULL;
}

static err gather(struct cert_found *f, str bytes)
{
	if (bytes.n > CERT_ANSWER_MAX)
		return diag_fail(f->diag, ERR(CEILING), cert_answer_where, "give the authority's answer alone", "it has more than %d bytes", CERT_ANSWER_MAX);
	const unsigned tag = inner_tag(bytes);
	if (tag == DER_SEQUENCE)
		return add_der(f, bytes);
	if (tag == DER_OID)
		return cert_found_pkcs7(f, bytes);
	if (tag == DER_INTEGER)
		return cert_found_pkcs12(f, bytes);
	if (bytes.n > 0 && is_pem(bytes))
		return add_pem(f, bytes);
	return say(f, ERR_MALFORMED, "give a certificate, PKCS #7 or PKCS #12, in PEM or DER", "it is none of the forms that a certificate comes in");
}

/* ---- putting it in order ---- */

static bool is_one_of(const uint8_t hash[32], const uint8_t (*hashes)[32], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(hash, hashes[i], 32) == 0)
			return true;
	return false;
}

/* Of several for the same key the one that begins last. f->n: none. */
static size_t find_leaf(const struct cert_found *f, const uint8_t (*hashes)[32], size_t n)
{
	size_t best = f->n;
	for (size_t i = 0; i < f->n; i++) {
		uint8_t hash[32];
		if (!cert_spki(f->certs[i], hash) || !is_one_of(hash, hashes, n))
			continue;
		if (best == f->n || cert_time_of(X509_get0_notBefore(f->certs[i])) > cert_time_of(X509_get0_notBefore(f->certs[best])))
			best = i;
	}
	return best;
}

static bool is_root(X509 *x)
{
	return X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
}

struct link {
	size_t at;      /* who has issued it; n: not here */
	bool is_broken; /* somebody of that name is here, but his key is another */
};

static struct link find_issuer(const struct cert_found *f, X509 *x, const bool used[CERT_ANSWER_CERTS])
{
	struct link out = { f->n, false };
	for (size_t i = 0; i < f->n; i++) {
		if (used[i] || X509_NAME_cmp(X509_get_subject_name(f->certs[i]), X509_get_issuer_name(x)) != 0)
			continue;
		if (X509_verify(x, X509_get0_pubkey(f->certs[i])) == 1)
			return (struct link){ i, false };
		out.is_broken = true;
	}
	return out;
}

static err refuse_link(struct cert_found *f, X509 *x)
{
	char z[128] = "";
	(void)X509_NAME_oneline(X509_get_issuer_name(x), z, sizeof z);
	ERR_clear_error();
	err e = diag_fail(f->diag, ERR(REFUSED), cert_answer_where, "ask the authority for the certificates of its issuers that belong to this one",
		"the chain does not link: the certificate of \"%s\" in it has not signed what names it as issuer", z);
	diag_clean(f->diag);
	return e;
}

static err walk(struct cert_found *f, size_t leaf, bool used[CERT_ANSWER_CERTS])
{
	size_t at = leaf;
	used[leaf] = true;
	while (!is_root(f->certs[at])) {
		struct link next = find_issuer(f, f->certs[at], used);
		if (next.at == f->n && next.is_broken)
			return refuse_link(f, f->certs[at]);
		if (next.at == f->n || is_root(f->certs[next.at]))
			return OK;
		at = next.at;
		used[at] = true;
		f->out->chain.p[f->out->chain.n++] = f->ders[at];
	}
	return OK;
}

static err refuse_leaf(struct cert_found *f)
{
	if (f->n == 0)
		return say(f, ERR_MALFORMED, "give the authority's answer", "there is no certificate in it");
	if (f->out->pkcs8.n != 0)
		return say(f, ERR_REFUSED, "give the certificate of this key too", "no certificate in it belongs to the private key that came along");
	char z[128] = "";
	(void)X509_NAME_oneline(X509_get_subject_name(f->certs[0]), z, sizeof z);
	err e = diag_fail(f->diag, ERR(ABSENT), cert_answer_where, "import it on the machine that made the request, or make a new request",
		"no certificate in it (the first: \"%s\") belongs to a pending request or to a key of this machine", z);
	diag_clean(f->diag);
	return e;
}

static err sort(struct cert_found *f, const uint8_t (*hashes)[32], size_t n)
{
	bool used[CERT_ANSWER_CERTS] = { false };
	uint8_t own[1][32];
	if (f->out->pkcs8.n != 0) {
		struct buf spki;
		buf_init(&spki, CERT_DER_MAX);
		err e = cert_key_spki(buf_str(&f->out->pkcs8), &spki, f->diag);
		cert_spki_hash(buf_str(&spki), own[0]);
		buf_fini(&spki);
		TRY(e);
		hashes = own;
		n = 1;
	}
	f->out->chain.p = arena_alloc(f->arena, CERT_ANSWER_CERTS * sizeof(str));
	f->out->others.p = arena_alloc(f->arena, CERT_ANSWER_CERTS * sizeof(str));
	ENSURE(f->out->chain.p != NULL && f->out->others.p != NULL, CEILING);
	const size_t leaf = find_leaf(f, hashes, n);
	err e = leaf < f->n ? walk(f, leaf, used) : refuse_leaf(f);
	if (leaf < f->n && !failed(e)) {
		f->out->leaf = f->ders[leaf];
		ENSURE(cert_spki(f->certs[leaf], f->out->hash), MALFORMED);
	}
	for (size_t i = 0; i < f->n; i++)
		if (!used[i])
			f->out->others.p[f->out->others.n++] = f->ders[i];
	return e;
}

err cert_answer_read(str bytes, const char *password, const uint8_t (*hashes)[32], size_t n, struct arena *a, struct cert_answer *out, struct diag *d)
{
	*out = (struct cert_answer){ .leaf = { "", 0 }, .friendly_name = { "", 0 } };
	buf_init(&out->pkcs8, CERT_KEY_MAX);
	struct cert_found f = { .arena = a, .password = password, .out = out, .diag = d };
	err e = gather(&f, bytes);
	if (!failed(e))
		e = sort(&f, hashes, n);
	for (size_t i = 0; i < f.n; i++)
		X509_free(f.certs[i]);
	ERR_clear_error();
	if (failed(e) && d != NULL && d->what[0] == '\0')
		return diag_fail(d, e, cert_answer_where, "", "%s", e.def->text);
	return e;
}

void cert_answer_fini(struct cert_answer *answer)
{
	cert_wipe(&answer->pkcs8);
}
