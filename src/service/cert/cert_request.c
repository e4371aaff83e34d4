/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of others (PKCS #10, RFC 2986): who sends one has shown that the key is his. */
#include "service/cert/cert_der.h"
#include "service/cert/cert_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static const char remedy[] = "make the request again, with an RSA key of at least 2048 bits or one on P-256, P-384 or P-521";

static err say(struct diag *d, enum err_id id, const char *what)
{
	return diag_fail(d, (err){ &err_defs[id] }, "certificate request", remedy, "%s", what);
}

/* DER begins with a SEQUENCE; anything else is tried as PEM. */
static X509_REQ *parse(str text)
{
	if (text.n == 0 || text.n > CERT_PEM_MAX)
		return NULL;
	if (text.p[0] != DER_SEQUENCE) {
		BIO *bio = cert_bio(text);
		X509_REQ *r = bio != NULL ? PEM_read_bio_X509_REQ(bio, NULL, cert_no_passphrase, NULL) : NULL;
		(void)BIO_free(bio);
		return r;
	}
	const unsigned char *p = (const unsigned char *)text.p;
	X509_REQ *r = d2i_X509_REQ(NULL, &p, (long)text.n);
	if (r != NULL && p == (const unsigned char *)text.p + text.n)
		return r;
	X509_REQ_free(r);
	return NULL;
}

static err copy_der(X509_REQ *r, struct arena *a, struct cert_request_view *out)
{
	unsigned char *der = NULL;
	int n = i2d_X509_REQ(r, &der);
	if (n > 0)
		out->der = arena_copy(a, (str){ (const char *)der, (size_t)n });
	OPENSSL_free(der);
	ENSURE(n > 0, MALFORMED);
	ENSURE(out->der.p != NULL, CEILING);
	struct der all, info, x;
	str in = out->der;
	ENSURE(der_take(&in, DER_SEQUENCE, &all) && der_take(&all.content, DER_SEQUENCE, &info) && der_take(&info.content, DER_INTEGER, &x) &&
		der_take(&info.content, DER_SEQUENCE, &x) && der_take(&info.content, DER_SEQUENCE, &x), MALFORMED);
	out->spki = x.whole;
	return OK;
}

static err check_key(X509_REQ *r, const struct cert_request_view *view, bool is_weak_fine, struct diag *d)
{
	struct cert_spki_view key;
	int hash = NID_undef;
	EVP_PKEY *pkey = X509_REQ_get0_pubkey(r);
	if (!cert_spki_look(view->spki, &key) || pkey == NULL)
		return say(d, ERR_REFUSED, "its key is of a kind that gets no certificate");
	if (!cert_spki_is_fine(&key, is_weak_fine))
		return diag_fail(d, ERR(REFUSED), "certificate request", remedy, "its RSA key has %u bits", key.bits);
	if (X509_REQ_verify(r, pkey) != 1)
		return say(d, ERR_REFUSED, "it is not signed by its own key, so it was changed or belongs to somebody else");
	(void)OBJ_find_sigid_algs(X509_REQ_get_signature_nid(r), &hash, NULL);
	if (hash == NID_md5 || hash == NID_md4 || hash == NID_md2)
		return say(d, ERR_REFUSED, "it is signed with a hash that is broken");
	return OK;
}

static err read_names(const STACK_OF(X509_EXTENSION) *wishes, struct arena *a, struct cert_request_view *out, struct diag *d)
{
	int critical = 0;
	GENERAL_NAMES *names = X509V3_get_d2i(wishes, NID_subject_alt_name, &critical, NULL);
	err e = OK;
	if (names == NULL && critical != -1)
		e = say(d, ERR_MALFORMED, "the names that it asks for cannot be read");
	else if (names != NULL && sk_GENERAL_NAME_num(names) > CERT_NAMES_MAX)
		e = diag_fail(d, ERR(REFUSED), "certificate request", "ask for fewer names", "it has %d names, at most %d are allowed", sk_GENERAL_NAME_num(names), CERT_NAMES_MAX);
	const struct {
		int type;
		struct topo_names *to;
	} kinds[] = { { GEN_DNS, &out->san }, { GEN_EMAIL, &out->mail }, { GEN_URI, &out->uri } };
	for (size_t i = 0; !failed(e) && i < sizeof kinds / sizeof *kinds; i++)
		e = cert_names_of(names, kinds[i].type, a, kinds[i].to);
	GENERAL_NAMES_free(names);
	return e;
}

static err read_usages(const STACK_OF(X509_EXTENSION) *wishes, struct arena *a, struct cert_request_view *out, struct diag *d)
{
	int critical = 0;
	EXTENDED_KEY_USAGE *usages = X509V3_get_d2i(wishes, NID_ext_key_usage, &critical, NULL);
	if (usages == NULL && critical != -1)
		return say(d, ERR_MALFORMED, "the usages that it asks for cannot be read");
	err e = cert_usage_words(usages, a, &out->usages);
	EXTENDED_KEY_USAGE_free(usages);
	return e;
}

static err read_wishes(X509_REQ *r, struct arena *a, struct cert_request_view *out, struct diag *d)
{
	STACK_OF(X509_EXTENSION) *wishes = X509_REQ_get_extensions(r);
	err e = read_names(wishes, a, out, d);
	if (!failed(e))
		e = read_usages(wishes, a, out, d);
	sk_X509_EXTENSION_pop_free(wishes, X509_EXTENSION_free);
	return e;
}

static err read_request(X509_REQ *r, bool is_weak_fine, struct arena *a, struct cert_request_view *out, struct diag *d)
{
	err e = copy_der(r, a, out);
	if (failed(e))
		return say(d, err_is(e, ERR_CEILING) ? ERR_CEILING : ERR_MALFORMED, "it cannot be read");
	if (out->der.n > CERT_DER_MAX)
		return diag_fail(d, ERR(REFUSED), "certificate request", "ask for fewer names", "it has %zu bytes, at most %d are allowed", out->der.n, CERT_DER_MAX);
	TRY(check_key(r, out, is_weak_fine, d));
	cert_spki_hash(out->spki, out->hash);
	const X509_NAME *subject = X509_REQ_get_subject_name(r);
	out->subject = cert_name_text(subject, a);
	out->key = cert_key_text(X509_REQ_get0_pubkey(r), a);
	ENSURE(out->subject.p != NULL && out->key.p != NULL, CEILING);
	e = cert_name_parts(subject, a, &out->parts, &out->cn);
	if (err_is(e, ERR_MALFORMED))
		return say(d, ERR_MALFORMED, "its subject cannot be read");
	TRY(e);
	return read_wishes(r, a, out, d);
}

err cert_request_read(str text, bool is_weak_fine, struct arena *a, struct cert_request_view *out, struct diag *d)
{
	*out = (struct cert_request_view){ .der = { NULL, 0 } };
	X509_REQ *r = parse(text);
	err e = r != NULL ? read_request(r, is_weak_fine, a, out, d) : say(d, ERR_MALFORMED, "it is not a certificate request in PEM or DER");
	X509_REQ_free(r);
	ERR_clear_error();
	return e;
}
