/* SPDX-License-Identifier: Apache-2.0 */
/* What one is asked to sign. Two readers must agree: one that follows the structure byte by byte, and OpenSSL's, whose
 * own writing of what it has read must be the same bytes again. */
#include "service/cert/cert_tbs.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

/* ---- following the structure ---- */

static bool is_positive(str v, size_t most)
{
	return v.n > 0 && v.n <= most && ((uint8_t)v.p[0] & 0x80) == 0 && !str_eq(v, DER_TEXT("\0"));
}

static bool is_time(const struct der *d)
{
	return d->tag == DER_UTC || d->tag == DER_TIME;
}

static bool take_time(str *in)
{
	struct der d;
	return der_next(in, &d) && is_time(&d);
}

static bool take_alg(str *in, enum cert_alg *out)
{
	struct der d;
	return der_take(in, DER_SEQUENCE, &d) && cert_alg_read(d.whole, out);
}

static bool take_whole(str *in, unsigned tag, str *out)
{
	struct der d;
	if (!der_take(in, tag, &d))
		return false;
	*out = d.whole;
	return true;
}

static bool is_extension(str in)
{
	struct der d;
	if (!der_take(&in, DER_OID, &d))
		return false;
	if (der_take(&in, DER_BOOLEAN, &d) && (uint8_t)d.content.p[0] != 0xff)
		return false; /* DER does not write a default */
	return der_take(&in, DER_OCTETS, &d) && der_is_canonical(d.content) && in.n == 0;
}

/* [tag] { SEQUENCE OF Extension }, or nothing. */
static bool take_extensions(str *in, unsigned tag)
{
	struct der d, list, one;
	if (in->n == 0)
		return true;
	if (!der_take(in, tag, &d) || in->n != 0 || !der_take(&d.content, DER_SEQUENCE, &list) || d.content.n != 0 || list.content.n == 0)
		return false;
	while (list.content.n > 0)
		if (!der_take(&list.content, DER_SEQUENCE, &one) || !is_extension(one.content))
			return false;
	return true;
}

static bool is_validity(str *in)
{
	struct der d;
	return der_take(in, DER_SEQUENCE, &d) && take_time(&d.content) && take_time(&d.content) && d.content.n == 0;
}

static bool is_known_key(str spki)
{
	struct cert_spki_view v;
	return cert_spki_look(spki, &v) && cert_spki_is_fine(&v, false);
}

static bool follow_certificate(str in, struct cert_tbs_view *out)
{
	struct der d;
	return der_take(&in, DER_CONSTRUCTED + 0, &d) && str_eq(d.content, DER_TEXT("\x02\x01\x02")) && der_take(&in, DER_INTEGER, &d) &&
	       is_positive(d.content, 20) && take_alg(&in, &out->alg) && take_whole(&in, DER_SEQUENCE, &out->issuer) && is_validity(&in) &&
	       take_whole(&in, DER_SEQUENCE, &out->subject) && take_whole(&in, DER_SEQUENCE, &out->spki) && is_known_key(out->spki) &&
	       take_extensions(&in, DER_CONSTRUCTED + 3);
}

static bool follow_request(str in, struct cert_tbs_view *out)
{
	struct der d;
	return der_take(&in, DER_INTEGER, &d) && str_eq(d.content, DER_TEXT("\0")) && take_whole(&in, DER_SEQUENCE, &out->subject) &&
	       take_whole(&in, DER_SEQUENCE, &out->spki) && is_known_key(out->spki) && der_take(&in, DER_CONSTRUCTED + 0, &d) && in.n == 0;
}

static bool follow_list(str in, struct cert_tbs_view *out)
{
	struct der d;
	if (!der_take(&in, DER_INTEGER, &d) || !str_eq(d.content, DER_TEXT("\x01")) || !take_alg(&in, &out->alg) ||
		!take_whole(&in, DER_SEQUENCE, &out->issuer) || !take_time(&in) || !take_time(&in))
		return false;
	(void)der_take(&in, DER_SEQUENCE, &d); /* without entries there is none */
	return in.n != 0 && take_extensions(&in, DER_CONSTRUCTED + 0);
}

static bool follow_ocsp(str in, struct cert_tbs_view *out)
{
	struct der d, key;
	if (!der_take(&in, DER_CONSTRUCTED + 2, &d) || !der_take(&d.content, DER_OCTETS, &key) || d.content.n != 0 || key.content.n != sizeof out->responder)
		return false;
	memcpy(out->responder, key.content.p, sizeof out->responder);
	return der_take(&in, DER_TIME, &d) && der_take(&in, DER_SEQUENCE, &d) && d.content.n != 0 && take_extensions(&in, DER_CONSTRUCTED + 1);
}

/* ---- what OpenSSL makes of it ---- */

static bool is_same(unsigned char *der, int n, str tbs)
{
	bool ok = n > 0 && str_eq((str){ (const char *)der, (size_t)n }, tbs);
	OPENSSL_free(der);
	return ok;
}

/* Under a signature that nobody made, since OpenSSL reads nothing without one. */
static bool seal_empty(const struct cert_tbs_view *v, str tbs, struct buf *out)
{
	buf_init(out, tbs.n + 64);
	return !failed(cert_seal(tbs, v->alg, DER_TEXT("\0"), out));
}

static bool read_authority(X509 *x, struct cert_tbs_view *out)
{
	int critical = 0;
	BASIC_CONSTRAINTS *c = X509_get_ext_d2i(x, NID_basic_constraints, &critical, NULL);
	int64_t length = -1;
	out->is_ca = c != NULL && c->ca != 0;
	bool ok = c != NULL ? c->pathlen == NULL || (ASN1_INTEGER_get_int64(&length, c->pathlen) == 1 && length >= 0 && length <= INT32_MAX) : critical == -1;
	out->path_length = (int32_t)length;
	BASIC_CONSTRAINTS_free(c);
	return ok;
}

static bool agrees_certificate(str sealed, str tbs, struct cert_tbs_view *out)
{
	X509 *x = cert_x509(sealed);
	unsigned char *der = NULL;
	int n = x != NULL ? i2d_re_X509_tbs(x, &der) : 0;
	/* an extension that is there twice or cannot be read makes OpenSSL call the whole invalid */
	bool ok = is_same(der, n, tbs) && (X509_get_extension_flags(x) & EXFLAG_INVALID) == 0 && read_authority(x, out);
	X509_free(x);
	return ok;
}

static bool agrees_request(str sealed, str tbs, struct cert_tbs_view *out)
{
	const unsigned char *p = (const unsigned char *)sealed.p;
	X509_REQ *r = d2i_X509_REQ(NULL, &p, (long)sealed.n);
	unsigned char *der = NULL;
	int n = r != NULL ? i2d_re_X509_REQ_tbs(r, &der) : 0;
	X509_REQ_free(r);
	return is_same(der, n, tbs);
}

static bool agrees_list(str sealed, str tbs, struct cert_tbs_view *out)
{
	const unsigned char *p = (const unsigned char *)sealed.p;
	X509_CRL *l = d2i_X509_CRL(NULL, &p, (long)sealed.n);
	unsigned char *der = NULL;
	int n = l != NULL ? i2d_re_X509_CRL_tbs(l, &der) : 0;
	X509_CRL_free(l);
	return is_same(der, n, tbs);
}

static bool agrees_ocsp(str sealed, str tbs, struct cert_tbs_view *out)
{
	const unsigned char *p = (const unsigned char *)tbs.p;
	OCSP_RESPDATA *r = d2i_OCSP_RESPDATA(NULL, &p, (long)tbs.n);
	unsigned char *der = NULL;
	int n = r != NULL ? i2d_OCSP_RESPDATA(r, &der) : 0;
	OCSP_RESPDATA_free(r);
	return is_same(der, n, tbs);
}

static const struct kind {
	enum cert_tbs kind;
	unsigned tag; /* of the first element */
	bool (*follow)(str in, struct cert_tbs_view *out);
	bool (*agrees)(str sealed, str tbs, struct cert_tbs_view *out);
} kinds[] = {
	{ CERT_TBS_CERTIFICATE, DER_CONSTRUCTED + 0, follow_certificate, agrees_certificate },
	{ CERT_TBS_REQUEST, DER_INTEGER, follow_request, agrees_request },
	{ CERT_TBS_CRL, DER_INTEGER, follow_list, agrees_list },
	{ CERT_TBS_OCSP, DER_CONSTRUCTED + 2, follow_ocsp, agrees_ocsp },
};

static bool is_kind(const struct kind *k, str content, str tbs, struct cert_tbs_view *out)
{
	struct buf sealed;
	*out = (struct cert_tbs_view){ .kind = k->kind, .path_length = -1 };
	if (!k->follow(content, out))
		return false;
	bool ok = seal_empty(out, tbs, &sealed) && k->agrees(buf_str(&sealed), tbs, out);
	buf_fini(&sealed);
	ERR_clear_error();
	return ok;
}

enum cert_tbs cert_tbs_kind(str tbs, struct cert_tbs_view *out)
{
	str in = tbs;
	struct der all, first;
	if (tbs.n <= CERT_CRL_MAX && der_take(&in, DER_SEQUENCE, &all) && in.n == 0 && der_is_canonical(tbs)) {
		str content = all.content;
		for (size_t i = 0; der_next(&content, &first) && i < sizeof kinds / sizeof *kinds; i++, content = all.content)
			if (kinds[i].tag == first.tag && is_kind(&kinds[i], all.content, tbs, out))
				return out->kind;
	}
	*out = (struct cert_tbs_view){ .kind = CERT_TBS_NOTHING, .path_length = -1 };
	return CERT_TBS_NOTHING;
}
