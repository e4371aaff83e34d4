/* SPDX-License-Identifier: Apache-2.0 */
/* not to be committed */
#include "service/cert/cert_priv.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <stdlib.h>

static X509 *x_of(str der) { const unsigned char *p = (const unsigned char *)der.p; return d2i_X509(NULL, &p, (long)der.n); }

err cert_tbs_crl(const struct cert_list *l, str issuer, struct buf *tbs, enum cert_alg *alg, struct diag *d)
{
	X509 *ca = x_of(issuer);
	X509_CRL *crl = X509_CRL_new();
	EVP_PKEY *pub = X509_get0_pubkey(ca);
	bool ec = EVP_PKEY_is_a(pub, "EC");
	int bits = EVP_PKEY_get_bits(pub);
	EVP_PKEY *tmp = ec ? EVP_EC_gen(bits > 384 ? "P-521" : bits > 256 ? "P-384" : "P-256") : EVP_RSA_gen(2048);
	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca));
	ASN1_TIME *from = ASN1_TIME_adj(NULL, (time_t)(l->now - 3600), 0, 0), *to = ASN1_TIME_adj(NULL, (time_t)l->next, 0, 0);
	X509_CRL_set1_lastUpdate(crl, from); X509_CRL_set1_nextUpdate(crl, to);
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, ca, NULL, NULL, crl, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
	X509_CRL_add_ext(crl, e, -1); X509_EXTENSION_free(e);
	ASN1_INTEGER *num = ASN1_INTEGER_new(); ASN1_INTEGER_set_uint64(num, l->number);
	X509_CRL_add1_ext_i2d(crl, NID_crl_number, num, 0, 0); ASN1_INTEGER_free(num);
	for (size_t i = 0; i < l->n; i++) {
		if (l->p[i].expires != 0 && l->p[i].expires + 30 * 86400 < l->now) continue;
		X509_REVOKED *r = X509_REVOKED_new(); BIGNUM *bn = NULL; BN_hex2bn(&bn, l->p[i].serial);
		ASN1_INTEGER *s = BN_to_ASN1_INTEGER(bn, NULL); X509_REVOKED_set_serialNumber(r, s); ASN1_INTEGER_free(s); BN_free(bn);
		ASN1_TIME *w = ASN1_TIME_adj(NULL, (time_t)l->p[i].when, 0, 0); X509_REVOKED_set_revocationDate(r, w); ASN1_TIME_free(w);
		static const int codes[] = {0, 1, 3, 4, 5};
		if (codes[l->p[i].reason]) { ASN1_ENUMERATED *v = ASN1_ENUMERATED_new(); ASN1_ENUMERATED_set(v, codes[l->p[i].reason]); X509_REVOKED_add1_ext_i2d(r, NID_crl_reason, v, 0, 0); ASN1_ENUMERATED_free(v); }
		X509_CRL_add0_revoked(crl, r);
	}
	X509_CRL_sort(crl);
	*alg = !ec ? CERT_SHA256_RSA : bits > 384 ? CERT_SHA512_ECDSA : bits > 256 ? CERT_SHA384_ECDSA : CERT_SHA256_ECDSA;
	X509_CRL_sign(crl, tmp, !ec ? EVP_sha256() : bits > 384 ? EVP_sha512() : bits > 256 ? EVP_sha384() : EVP_sha256());
	unsigned char *der = NULL; int n = i2d_re_X509_CRL_tbs(crl, &der);
	if (n > 0) buf_add(tbs, (str){ (char *)der, (size_t)n });
	OPENSSL_free(der); ASN1_TIME_free(from); ASN1_TIME_free(to); X509_CRL_free(crl); X509_free(ca); EVP_PKEY_free(tmp);
	return n > 0 ? OK : ERR(INTERNAL);
}
int64_t cert_crl_begins(const struct cert_crl *c) { return cert_time_of(X509_CRL_get0_lastUpdate(c->list)); }
bool cert_crl_is_fresh(const struct cert_crl *c, int64_t now) { return cert_crl_begins(c) <= now + 3600 && cert_crl_ends(c) > now; }
uint64_t cert_crl_number(const struct cert_crl *c)
{
	uint64_t v = 0; ASN1_INTEGER *n = X509_CRL_get_ext_d2i(c->list, NID_crl_number, NULL, NULL);
	if (n) ASN1_INTEGER_get_uint64(&v, n);
	ASN1_INTEGER_free(n); return v;
}
size_t cert_crl_count(const struct cert_crl *c) { int n = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(c->list)); return n > 0 ? (size_t)n : 0; }

static str der_of(X509 *x, struct arena *a) { unsigned char *p = NULL; int n = i2d_X509(x, &p); str s = arena_copy(a, (str){ (char *)p, (size_t)n }); OPENSSL_free(p); return s; }

void cert_answer_fini(struct cert_answer *a) { cert_wipe(&a->pkcs8); }
err cert_answer_read(str b, const char *password, const uint8_t (*hashes)[32], size_t n, struct arena *a, struct cert_answer *out, struct diag *d)
{
	STACK_OF(X509) *all = sk_X509_new_null(); EVP_PKEY *key = NULL;
	*out = (struct cert_answer){ .leaf = { "", 0 } }; buf_init(&out->pkcs8, CERT_KEY_MAX);
	out->friendly_name = STR("");
	const unsigned char *p = (const unsigned char *)b.p;
	PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)b.n);
	if (p12) {
		X509 *leaf = NULL; STACK_OF(X509) *more = NULL;
		if (!PKCS12_parse(p12, password, &key, &leaf, &more)) { PKCS12_free(p12); return diag_fail(d, ERR(REFUSED), "Password", "give the right password", "the password does not open it"); }
		if (leaf) sk_X509_push(all, leaf);
		for (int i = 0; i < sk_X509_num(more); i++) sk_X509_push(all, sk_X509_value(more, i));
		PKCS12_free(p12);
	} else {
		p = (const unsigned char *)b.p; X509 *x = d2i_X509(NULL, &p, (long)b.n);
		p = (const unsigned char *)b.p; PKCS7 *p7 = x ? NULL : d2i_PKCS7(NULL, &p, (long)b.n);
		BIO *bio = BIO_new_mem_buf(b.p, (int)b.n);
		if (!x && !p7) p7 = PEM_read_bio_PKCS7(bio, NULL, NULL, NULL);
		if (x) sk_X509_push(all, x);
		else if (p7 && p7->d.sign) { for (int i = 0; i < sk_X509_num(p7->d.sign->cert); i++) sk_X509_push(all, X509_dup(sk_X509_value(p7->d.sign->cert, i))); }
		else { BIO *c = BIO_new_mem_buf(b.p, (int)b.n); while ((x = PEM_read_bio_X509(c, NULL, NULL, NULL))) sk_X509_push(all, x); BIO_free(c);
			c = BIO_new_mem_buf(b.p, (int)b.n); key = PEM_read_bio_PrivateKey(c, NULL, NULL, (char[]){ "" }); BIO_free(c); }
		PKCS7_free(p7); BIO_free(bio);
	}
	ERR_clear_error();
	out->chain.p = arena_alloc(a, 32 * sizeof(str)); out->others.p = arena_alloc(a, 32 * sizeof(str));
	X509 *leaf = NULL;
	for (int i = 0; i < sk_X509_num(all) && !leaf; i++) { X509 *x = sk_X509_value(all, i); uint8_t h[32]; cert_spki(x, h);
		if (key && X509_check_private_key(x, key) == 1) leaf = x;
		for (size_t j = 0; !key && j < n; j++) if (!memcmp(h, hashes[j], 32)) leaf = x;
		if (leaf) memcpy(out->hash, h, 32); }
	if (!leaf) return diag_fail(d, ERR(ABSENT), "file", "import it on the machine that made the request, or with its key as PKCS #12", sk_X509_num(all) ? "no certificate in it is for a key of this server" : "there is no certificate in it");
	out->leaf = der_of(leaf, a);
	for (X509 *at = leaf, *next; at; at = next) { next = NULL;
		for (int i = 0; i < sk_X509_num(all); i++) { X509 *x = sk_X509_value(all, i); if (x != at && X509_check_issued(x, at) == X509_V_OK && X509_check_issued(x, x) != X509_V_OK) { next = x; break; } }
		if (next && out->chain.n < 10) out->chain.p[out->chain.n++] = der_of(next, a); else break; }
	if (key) { unsigned char *o = NULL; PKCS8_PRIV_KEY_INFO *i8 = EVP_PKEY2PKCS8(key); int m = i2d_PKCS8_PRIV_KEY_INFO(i8, &o); buf_add(&out->pkcs8, (str){ (char *)o, (size_t)m }); OPENSSL_free(o); PKCS8_PRIV_KEY_INFO_free(i8); EVP_PKEY_free(key); }
	sk_X509_pop_free(all, X509_free);
	return OK;
}
err cert_pkcs12_write(str pkcs8, const struct topo_names *chain, const char *name, const char *password, struct buf *out, struct diag *d)
{
	const unsigned char *p = (const unsigned char *)pkcs8.p; PKCS8_PRIV_KEY_INFO *i8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.n); EVP_PKEY *key = EVP_PKCS82PKEY(i8);
	X509 *leaf = x_of(chain->p[0]); STACK_OF(X509) *more = sk_X509_new_null(); for (size_t i = 1; i < chain->n; i++) sk_X509_push(more, x_of(chain->p[i]));
	PKCS12 *s = PKCS12_create(password, name, key, leaf, more, NID_aes_256_cbc, NID_aes_256_cbc, 200000, 200000, 0);
	unsigned char *o = NULL; int n = i2d_PKCS12(s, &o); buf_add(out, (str){ (char *)o, (size_t)n }); OPENSSL_free(o);
	PKCS12_free(s); sk_X509_pop_free(more, X509_free); X509_free(leaf); EVP_PKEY_free(key); PKCS8_PRIV_KEY_INFO_free(i8);
	return OK;
}
