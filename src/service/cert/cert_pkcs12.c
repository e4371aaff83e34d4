/* SPDX-License-Identifier: Apache-2.0 */
/* Keys with their certificates, under a password (PKCS #12, RFC 7292). */
#include "service/cert/cert_answer.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>

enum { ROUNDS = 200000, FRIENDLY_MOST = 256 };

/* ---- reading ---- */

static err say(struct cert_found *f, enum err_id id, const char *remedy, const char *what)
{
	ERR_clear_error();
	return diag_fail(f->diag, (err){ &err_defs[id] }, cert_answer_where, remedy, "%s", what);
}

static void count(uint64_t *sum, uint64_t more)
{
	*sum = more > CERT_ROUNDS_MOST || *sum > CERT_ROUNDS_MOST ? UINT64_MAX : *sum + more;
}

/* Takes over the bags; NULL: there are none that could be read. */
static uint64_t rounds_of_bags(STACK_OF(PKCS12_SAFEBAG) *bags)
{
	uint64_t sum = 0;
	for (int i = 0; bags != NULL && i < sk_PKCS12_SAFEBAG_num(bags); i++) {
		const PKCS12_SAFEBAG *bag = sk_PKCS12_SAFEBAG_value(bags, i);
		const X509_ALGOR *how = NULL;
		if (PKCS12_SAFEBAG_get_nid(bag) == NID_safeContentsBag)
			count(&sum, UINT64_MAX); /* nobody writes bags in bags, and each could hold more work */
		if (PKCS12_SAFEBAG_get_nid(bag) != NID_pkcs8ShroudedKeyBag)
			continue;
		X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &how, NULL);
		count(&sum, cert_pbe_rounds(how));
	}
	sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
	return sum;
}

static uint64_t rounds_of_mac(const PKCS12 *p12)
{
	const ASN1_INTEGER *rounds = NULL;
	uint64_t n = 1;
	PKCS12_get0_mac(NULL, NULL, NULL, &rounds, p12);
	return rounds == NULL || ASN1_INTEGER_get_uint64(&n, rounds) == 1 ? n : UINT64_MAX;
}

/* All the work that trying a password would be. */
static uint64_t rounds_of(const PKCS12 *p12)
{
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
	uint64_t sum = 0;
	count(&sum, rounds_of_mac(p12));
	for (int i = 0; safes != NULL && i < sk_PKCS7_num(safes); i++) {
		PKCS7 *p7 = sk_PKCS7_value(safes, i);
		const int kind = OBJ_obj2nid(p7->type);
		if (kind == NID_pkcs7_data)
			count(&sum, rounds_of_bags(PKCS12_unpack_p7data(p7)));
		else if (kind == NID_pkcs7_encrypted && p7->d.encrypted != NULL)
			count(&sum, cert_pbe_rounds(p7->d.encrypted->enc_data->algorithm));
	}
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return sum;
}

/* What the bags of encrypted safes ask for besides, which shows only once these are open. */
static uint64_t rounds_within(const PKCS12 *p12, const char *password)
{
	STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(p12);
	uint64_t sum = 0;
	for (int i = 0; safes != NULL && i < sk_PKCS7_num(safes); i++) {
		PKCS7 *p7 = sk_PKCS7_value(safes, i);
		if (OBJ_obj2nid(p7->type) == NID_pkcs7_encrypted && p7->d.encrypted != NULL)
			count(&sum, rounds_of_bags(PKCS12_unpack_p7encdata(p7, password, -1)));
	}
	sk_PKCS7_pop_free(safes, PKCS7_free);
	return sum;
}

/* Without a password both none and an empty one are tried. */
static bool is_bounded(const PKCS12 *p12, const char *password)
{
	bool is_none = password == NULL || password[0] == '\0';
	return rounds_within(p12, password) <= CERT_ROUNDS_MOST && (!is_none || rounds_within(p12, password == NULL ? "" : NULL) <= CERT_ROUNDS_MOST);
}

struct opened {
	EVP_PKEY *key;
	X509 *cert;
	STACK_OF(X509) *others;
};

static err refuse_work(struct cert_found *f)
{
	return say(f, ERR_REFUSED, "export it again with fewer rounds", "its password would have to be stretched too often");
}

/* MALFORMED without a word: it does not open so. */
static err open_with(struct cert_found *f, PKCS12 *p12, struct opened *o)
{
	*o = (struct opened){ NULL };
	if (!is_bounded(p12, f->password))
		return refuse_work(f);
	return PKCS12_parse(p12, f->password, &o->key, &o->cert, &o->others) == 1 ? OK : ERR(MALFORMED);
}

/* RC2 and the like, as Windows wrote it for years: OpenSSL has them in a module of its own. */
static err open_legacy(struct cert_found *f, PKCS12 *p12, struct opened *o)
{
	OSSL_PROVIDER *legacy = OSSL_PROVIDER_try_load(NULL, "legacy", 1);
	err e = legacy != NULL ? open_with(f, p12, o) : ERR(MALFORMED);
	if (legacy != NULL)
		(void)OSSL_PROVIDER_unload(legacy);
	if (!err_is(e, ERR_MALFORMED))
		return e;
	if (legacy == NULL)
		return say(f, ERR_REFUSED, "export it again with AES-256, or convert it by `openssl pkcs12 -legacy`",
			"it is encrypted in an old way (RC2 or the like) that this process cannot read");
	return say(f, ERR_MALFORMED, "export it again with AES-256", "its content cannot be read with this password");
}

static err take(struct cert_found *f, const struct opened *o)
{
	int n = 0;
	const unsigned char *alias = o->cert != NULL ? X509_alias_get0(o->cert, &n) : NULL;
	if (alias != NULL && n > 0) {
		f->out->friendly_name = arena_copy(f->arena, (str){ (const char *)alias, (size_t)(n < FRIENDLY_MOST ? n : FRIENDLY_MOST) });
		ENSURE(f->out->friendly_name.p != NULL, CEILING);
	}
	if (o->cert != NULL)
		TRY(cert_found_add(f, o->cert));
	for (int i = 0; o->others != NULL && i < sk_X509_num(o->others); i++)
		TRY(cert_found_add(f, sk_X509_value(o->others, i)));
	return o->key != NULL ? cert_found_add_key(f, o->key) : OK;
}

static err open_and_take(struct cert_found *f, PKCS12 *p12)
{
	struct opened o;
	const char *password = f->password != NULL ? f->password : "";
	if (PKCS12_mac_present(p12) != 0 && PKCS12_verify_mac(p12, password, -1) != 1 && (password[0] != '\0' || PKCS12_verify_mac(p12, NULL, 0) != 1))
		return say(f, ERR_REFUSED, f->password != NULL ? "give the password that it was exported with" : "give its password",
			f->password != NULL ? "the password is wrong" : "it is sealed by a password");
	err e = open_with(f, p12, &o);
	if (err_is(e, ERR_MALFORMED))
		e = open_legacy(f, p12, &o);
	if (!failed(e))
		e = take(f, &o);
	EVP_PKEY_free(o.key);
	X509_free(o.cert);
	sk_X509_pop_free(o.others, X509_free);
	ERR_clear_error();
	return e;
}

err cert_found_pkcs12(struct cert_found *f, str der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)der.n);
	err e;
	if (p12 == NULL)
		e = say(f, ERR_MALFORMED, "export it again", "it looks like PKCS #12 but cannot be read");
	else if (rounds_of(p12) > CERT_ROUNDS_MOST)
		e = refuse_work(f);
	else
		e = open_and_take(f, p12);
	PKCS12_free(p12);
	ERR_clear_error();
	return e;
}

/* ---- writing ---- */

static bool fill(const struct topo_names *chain, X509 **leaf, STACK_OF(X509) *issuers)
{
	*leaf = chain->n > 0 ? cert_x509(chain->p[0]) : NULL;
	for (size_t i = 1; i < chain->n; i++) {
		X509 *x = cert_x509(chain->p[i]);
		if (x == NULL || sk_X509_push(issuers, x) <= 0) {
			X509_free(x);
			return false;
		}
	}
	return *leaf != NULL;
}

static err seal(EVP_PKEY *key, X509 *leaf, STACK_OF(X509) *issuers, const char *name, const char *password, struct buf *out, struct diag *d)
{
	unsigned char *der = NULL;
	PKCS12 *p12 = PKCS12_create(password, name, key, leaf, issuers, NID_aes_256_cbc, NID_aes_256_cbc, ROUNDS, ROUNDS, 0);
	int n = p12 != NULL ? i2d_PKCS12(p12, &der) : 0;
	PKCS12_free(p12);
	if (n <= 0)
		return cert_openssl(d, "PKCS #12");
	buf_add(out, (str){ (const char *)der, (size_t)n });
	OPENSSL_clear_free(der, (size_t)n);
	ENSURE(!out->failed, CEILING);
	return OK;
}

err cert_pkcs12_write(str pkcs8, const struct topo_names *chain, const char *friendly_name, const char *password, struct buf *out, struct diag *d)
{
	static const char where[] = "PKCS #12";
	if (password == NULL || password[0] == '\0')
		return diag_fail(d, ERR(REFUSED), where, "give a password", "a private key leaves only under a password");
	EVP_PKEY *key = cert_key_open(pkcs8);
	STACK_OF(X509) *issuers = sk_X509_new_null();
	X509 *leaf = NULL;
	err e;
	if (key == NULL || issuers == NULL || !fill(chain, &leaf, issuers))
		e = diag_fail(d, ERR(MALFORMED), where, "restore them from a copy", "the key or a certificate cannot be read");
	else if (X509_check_private_key(leaf, key) != 1)
		e = diag_fail(d, ERR(REFUSED), where, "give the key of the first certificate", "key and certificate do not belong together");
	else
		e = seal(key, leaf, issuers, friendly_name, password, out, d);
	EVP_PKEY_free(key);
	X509_free(leaf);
	sk_X509_pop_free(issuers, X509_free);
	ERR_clear_error();
	return e;
}
