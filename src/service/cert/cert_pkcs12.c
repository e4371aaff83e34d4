/* SPDX-License-Identifier: Apache-2.0 */
/* A key with its certificates under a password (PKCS #12, RFC 7292): read from elsewhere, and written for elsewhere. */
#include "service/cert/cert_answer.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>

enum { SEAL_ROUNDS = 250000, BAGS_DEEP = 4, PASSWORD_MOST = 1024, FRIENDLY_MOST = 256 };

static const char where[] = "answer";

struct opening {
	struct cert_found *found;
	const char *password; /* may be NULL, which is not the same as an empty one (RFC 7292 B.1) */
	int n;                /* bytes of it */
	uint64_t rounds;      /* asked for so far */
};

/* ---- reading ---- */

static err refuse_work(struct opening *o)
{
	return diag_fail(o->found->diag, ERR(REFUSED), where, "export it again with fewer rounds", "opening it would take too long: its password is stretched too often");
}

static bool is_affordable(struct opening *o, uint64_t rounds)
{
	if (rounds > CERT_ROUNDS_MOST || o->rounds + rounds > CERT_ROUNDS_MOST)
		return false;
	o->rounds += rounds;
	return true;
}

/* The password is right by now, so it is the cipher: OpenSSL 3 leaves RC2 to its legacy provider. */
static err refuse_cipher(struct opening *o)
{
	return diag_fail(o->found->diag, ERR(REFUSED), where,
		"convert it: openssl pkcs12 -legacy -in OLD -nodes -out ALL.pem, then openssl pkcs12 -export -in ALL.pem -out NEW",
		"it is sealed by a cipher that is not used any more, or damaged");
}

static err take_key(struct opening *o, const PKCS8_PRIV_KEY_INFO *info)
{
	struct cert_found *f = o->found;
	if (f->pkcs8->n != 0)
		return diag_fail(f->diag, ERR(REFUSED), where, "export one key and its certificate only", "there are two private keys in it");
	EVP_PKEY *key = EVP_PKCS82PKEY(info);
	if (key == NULL)
		return diag_fail(f->diag, ERR(REFUSED), where, "use a key of RSA, P-256 or P-384", "the private key in it cannot be read");
	err e = cert_key_write(key, f->pkcs8);
	EVP_PKEY_free(key);
	return e;
}

static err take_sealed_key(struct opening *o, const PKCS12_SAFEBAG *bag)
{
	const X509_ALGOR *how = NULL;
	X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &how, NULL);
	if (!is_affordable(o, cert_pbe_rounds(how)))
		return refuse_work(o);
	PKCS8_PRIV_KEY_INFO *info = PKCS12_decrypt_skey(bag, o->password, o->n);
	if (info == NULL)
		return refuse_cipher(o);
	err e = take_key(o, info);
	PKCS8_PRIV_KEY_INFO_free(info);
	return e;
}

static err take_name(struct opening *o, PKCS12_SAFEBAG *bag)
{
	struct cert_found *f = o->found;
	char *name = f->friendly_name.n == 0 ? PKCS12_get_friendlyname(bag) : NULL;
	if (name == NULL)
		return OK;
	f->friendly_name = arena_copy(f->arena, cert_cut_text(str_of(name), FRIENDLY_MOST));
	OPENSSL_free(name);
	ENSURE(f->friendly_name.p != NULL, CEILING);
	return OK;
}

static err take_certificate(struct opening *o, PKCS12_SAFEBAG *bag)
{
	X509 *x = PKCS12_SAFEBAG_get_bag_nid(bag) == NID_x509Certificate ? PKCS12_SAFEBAG_get1_cert(bag) : NULL;
	if (x == NULL)
		return diag_fail(o->found->diag, ERR(MALFORMED), where, "export it again", "a certificate in it cannot be read");
	err e = cert_found_add(o->found, x);
	X509_free(x);
	return failed(e) ? e : take_name(o, bag);
}

static err take_bags(struct opening *o, const STACK_OF(PKCS12_SAFEBAG) *bags, unsigned depth);

static err take_bag(struct opening *o, PKCS12_SAFEBAG *bag, unsigned depth)
{
	switch (PKCS12_SAFEBAG_get_nid(bag)) {
	case NID_keyBag: return take_key(o, PKCS12_SAFEBAG_get0_p8inf(bag));
	case NID_pkcs8ShroudedKeyBag: return take_sealed_key(o, bag);
	case NID_certBag: return take_certificate(o, bag);
	case NID_safeContentsBag: return take_bags(o, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
	default: return OK; /* lists, secrets of other programs */
	}
}

static err take_bags(struct opening *o, const STACK_OF(PKCS12_SAFEBAG) *bags, unsigned depth)
{
	ENSURE(depth < BAGS_DEEP, CEILING);
	for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); i++)
		TRY(take_bag(o, sk_PKCS12_SAFEBAG_value(bags, i), depth));
	return OK;
}

static err open_part(struct opening *o, PKCS7 *part, STACK_OF(PKCS12_SAFEBAG) **out)
{
	if (PKCS7_type_is_data(part)) {
		*out = PKCS12_unpack_p7data(part);
		ENSURE(*out != NULL, MALFORMED);
		return OK;
	}
	ENSURE(PKCS7_type_is_encrypted(part) && part->d.encrypted != NULL && part->d.encrypted->enc_data != NULL, MALFORMED);
	if (!is_affordable(o, cert_pbe_rounds(part->d.encrypted->enc_data->algorithm)))
		return refuse_work(o);
	*out = PKCS12_unpack_p7encdata(part, o->password, o->n);
	return *out != NULL ? OK : refuse_cipher(o);
}

static err take_parts(struct opening *o, const STACK_OF(PKCS7) *parts)
{
	for (int i = 0; i < sk_PKCS7_num(parts); i++) {
		STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
		TRY(open_part(o, sk_PKCS7_value(parts, i), &bags));
		err e = take_bags(o, bags, 0);
		sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
		TRY(e);
	}
	return OK;
}

/* No password and an empty one are both in use for "none". */
static bool is_open(struct opening *o, PKCS12 *p)
{
	const char *given = o->found->password;
	const char *const tries[] = { given, given == NULL || given[0] == '\0' ? (given == NULL ? "" : NULL) : given };
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
		o->password = tries[i];
		o->n = tries[i] != NULL ? (int)strlen(tries[i]) : 0;
		if (PKCS12_verify_mac(p, o->password, o->n) == 1)
			return true;
	}
	return false;
}

static err check_mac(struct opening *o, PKCS12 *p)
{
	const ASN1_INTEGER *rounds = NULL;
	uint64_t n = 1;
	struct diag *d = o->found->diag;
	if (!PKCS12_mac_present(p))
		return diag_fail(d, ERR(REFUSED), where, "export it again with a password", "nothing protects it: it has no MAC");
	PKCS12_get0_mac(NULL, NULL, NULL, &rounds, p);
	if (rounds != NULL && ASN1_INTEGER_get_uint64(&n, rounds) != 1)
		n = UINT64_MAX;
	if (n > CERT_ROUNDS_MOST / 2 || !is_affordable(o, 2 * n))
		return refuse_work(o);
	if (o->found->password != NULL && strlen(o->found->password) > PASSWORD_MOST)
		return diag_fail(d, ERR(REFUSED), where, "give its password", "the password has more than %d bytes", PASSWORD_MOST);
	if (is_open(o, p))
		return OK;
	return diag_fail(d, ERR(REFUSED), where, "give the password that it was exported with", o->found->password == NULL ? "it needs a password" : "the password does not open it");
}

err cert_pkcs12_read(struct cert_found *f, str der)
{
	struct opening o = { .found = f };
	const unsigned char *at = (const unsigned char *)der.p;
	PKCS12 *p = d2i_PKCS12(NULL, &at, (long)der.n);
	STACK_OF(PKCS7) *parts = NULL;
	ENSURE(p != NULL, MALFORMED);
	err e = check_mac(&o, p);
	if (!failed(e) && (parts = PKCS12_unpack_authsafes(p)) == NULL)
		e = ERR(MALFORMED);
	if (!failed(e))
		e = take_parts(&o, parts);
	sk_PKCS7_pop_free(parts, PKCS7_free);
	PKCS12_free(p);
	ERR_clear_error();
	return e;
}

/* ---- writing ---- */

static void free_stack(STACK_OF(X509) **s)
{
	sk_X509_pop_free(*s, X509_free);
}

static err read_chain(const struct topo_names *chain, STACK_OF(X509) **out, struct diag *d)
{
	*out = sk_X509_new_null();
	ENSURE(*out != NULL, NO_MEMORY);
	for (size_t i = 0; i < chain->n; i++) {
		X509 *x = cert_x509(chain->p[i]);
		if (x == NULL)
			return diag_fail(d, ERR(MALFORMED), "certificate chain", "", "certificate %zu of it cannot be read", i + 1);
		if (sk_X509_push(*out, x) <= 0) {
			X509_free(x);
			return ERR(NO_MEMORY);
		}
	}
	return OK;
}

static err seal(EVP_PKEY *key, X509 *leaf, STACK_OF(X509) *issuers, const char *name, const char *password, struct buf *out, struct diag *d)
{
	unsigned char *der = NULL;
	PKCS12 *sealed = PKCS12_create(password, name, key, leaf, issuers, NID_aes_256_cbc, NID_aes_256_cbc, SEAL_ROUNDS, SEAL_ROUNDS, 0);
	int n = sealed != NULL ? i2d_PKCS12(sealed, &der) : 0;
	PKCS12_free(sealed);
	if (n <= 0)
		return cert_openssl(d, "PKCS #12");
	buf_add(out, (str){ (const char *)der, (size_t)n });
	OPENSSL_free(der);
	ENSURE(!out->failed, CEILING);
	return OK;
}

err cert_pkcs12_write(str pkcs8, const struct topo_names *chain, const char *friendly_name, const char *password, struct buf *out, struct diag *d)
{
	STACK_OF(X509) *issuers DEFER(free_stack) = NULL;
	if (password == NULL || password[0] == '\0' || strlen(password) > PASSWORD_MOST)
		return diag_fail(d, ERR(REFUSED), "password", "use 1 to 1024 bytes", "a private key leaves only under a password");
	TRY(read_chain(chain, &issuers, d));
	X509 *leaf = sk_X509_shift(issuers);
	EVP_PKEY *key = cert_key_open(pkcs8);
	err e;
	if (key == NULL)
		e = diag_fail(d, ERR(MALFORMED), "private key", "", "it cannot be read");
	else if (leaf == NULL || X509_check_private_key(leaf, key) != 1)
		e = diag_fail(d, ERR(REFUSED), "certificate chain", "put the certificate of the key first", "the first certificate is not that of the key");
	else
		e = seal(key, leaf, issuers, friendly_name, password, out, d);
	EVP_PKEY_free(key);
	X509_free(leaf);
	ERR_clear_error();
	return e;
}
