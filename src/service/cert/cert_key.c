/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys as bytes (RFC 5958), and what a public one says of itself (RFC 3279, RFC 5480). */
#include "service/cert/cert_der.h"
#include "service/cert/cert_priv.h"

#include "base/crypt.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

enum { SALT = 16, SCRYPT_N = 1 << 14, SCRYPT_R = 8, SCRYPT_P = 1, PASSPHRASE_MOST = 1024, RSA_BITS_MOST = 8192 };

static const struct {
	const char *word;
	int rsa_bits;             /* or */
	const char *curve;
} kinds[CERT_KEY_N] = {
	[CERT_RSA_2048] = { "rsa-2048", 2048, NULL },
	[CERT_RSA_3072] = { "rsa-3072", 3072, NULL },
	[CERT_RSA_4096] = { "rsa-4096", 4096, NULL },
	[CERT_EC_P256] = { "ec-p256", 0, "P-256" },
	[CERT_EC_P384] = { "ec-p384", 0, "P-384" },
	[CERT_EC_P521] = { "ec-p521", 0, "P-521" },
};

const char *cert_key_word(enum cert_key kind)
{
	return kinds[kind].word;
}

void cert_wipe(struct buf *secret)
{
	if (secret->p != NULL)
		OPENSSL_cleanse(secret->p, secret->size);
	buf_fini(secret);
}

/* ---- in and out of OpenSSL ---- */

/* The room is made at once, so that no copy stays where the buffer was before it grew. */
static err add_secret(str bytes, struct buf *out)
{
	ENSURE(bytes.n <= CERT_KEY_MAX && buf_reserve(out, CERT_KEY_MAX), CEILING);
	buf_add(out, bytes);
	ENSURE(!out->failed, CEILING);
	return OK;
}

err cert_key_write(EVP_PKEY *key, struct buf *pkcs8)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	int n = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
	PKCS8_PRIV_KEY_INFO_free(info);
	err e = n > 0 ? add_secret((str){ (const char *)der, (size_t)n }, pkcs8) : ERR(INTERNAL);
	if (der != NULL)
		OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	return e;
}

EVP_PKEY *cert_key_open(str pkcs8)
{
	const unsigned char *p = (const unsigned char *)pkcs8.p;
	PKCS8_PRIV_KEY_INFO *info = pkcs8.n != 0 && pkcs8.n <= CERT_KEY_MAX ? d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.n) : NULL;
	EVP_PKEY *key = info != NULL && p == (const unsigned char *)pkcs8.p + pkcs8.n ? EVP_PKCS82PKEY(info) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	ERR_clear_error();
	return key;
}

static err no_key(struct diag *d)
{
	ERR_clear_error();
	return diag_fail(d, ERR(MALFORMED), "private key", "restore it from a copy", "it is not a private key that can be read");
}

err cert_key_new(enum cert_key kind, struct buf *pkcs8, struct diag *d)
{
	EVP_PKEY *key = kinds[kind].curve != NULL ? EVP_EC_gen(kinds[kind].curve) : EVP_RSA_gen((unsigned)kinds[kind].rsa_bits);
	if (key == NULL)
		return cert_openssl(d, "private key");
	err e = cert_key_write(key, pkcs8);
	EVP_PKEY_free(key);
	return e;
}

/* ---- PEM ---- */

err cert_key_print(str pkcs8, struct buf *pem)
{
	BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when it is freed */
	char *p = NULL;
	bool ok = bio != NULL && pkcs8.n <= CERT_KEY_MAX && PEM_write_bio(bio, PEM_STRING_PKCS8INF, "", (const unsigned char *)pkcs8.p, (long)pkcs8.n) > 0;
	long n = ok ? BIO_get_mem_data(bio, &p) : 0;
	if (n > 0 && buf_reserve(pem, 2 * CERT_KEY_MAX))
		buf_add(pem, (str){ p, (size_t)n });
	BIO_free(bio);
	ERR_clear_error();
	ENSURE(n > 0, MALFORMED);
	ENSURE(!pem->failed, CEILING);
	return OK;
}

static err read_plain(const char *label, const char *header, str der, struct buf *pkcs8, struct diag *d)
{
	if (strcmp(label, PEM_STRING_PKCS8) == 0 || strstr(header, "ENCRYPTED") != NULL)
		return diag_fail(d, ERR(REFUSED), "private key", "give it with its passphrase removed", "it is encrypted");
	const unsigned char *p = (const unsigned char *)der.p;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)der.n);
	if (key == NULL)
		return no_key(d);
	err e = cert_key_write(key, pkcs8);
	EVP_PKEY_free(key);
	return e;
}

static bool is_key_label(const char *label)
{
	size_t n = strlen(label);
	return n >= 11 && strcmp(label + n - 11, "PRIVATE KEY") == 0;
}

struct block {
	char *label, *header;
	unsigned char *der;
	long n;
};

static void block_fini(struct block *b)
{
	OPENSSL_free(b->label);
	OPENSSL_free(b->header);
	if (b->der != NULL)
		OPENSSL_clear_free(b->der, (size_t)b->n);
	*b = (struct block){ 0 };
}

/* The first private key of a PEM text. */
static bool find_block(str pem, struct block *b)
{
	BIO *bio = cert_bio(pem);
	bool found = false;
	while (!found && bio != NULL && PEM_read_bio(bio, &b->label, &b->header, &b->der, &b->n) == 1) {
		found = is_key_label(b->label);
		if (!found)
			block_fini(b);
	}
	(void)BIO_free(bio);
	ERR_clear_error();
	return found;
}

err cert_key_read(str pem, struct buf *pkcs8, struct diag *d)
{
	struct block b DEFER(block_fini) = { 0 };
	if (!find_block(pem, &b))
		return no_key(d);
	err e = read_plain(b.label, b.header, (str){ (const char *)b.der, (size_t)b.n }, pkcs8, d);
	ERR_clear_error();
	return e;
}

/* ---- under a passphrase ---- */

static X509_SIG *lock(PKCS8_PRIV_KEY_INFO *info, str passphrase)
{
	unsigned char salt[SALT];
	crypt_random(salt, sizeof salt);
	X509_ALGOR *how = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, sizeof salt, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
	X509_SIG *out = how != NULL ? PKCS8_set0_pbe(passphrase.p, (int)passphrase.n, info, how) : NULL;
	if (out == NULL)
		X509_ALGOR_free(how);
	return out;
}

err cert_key_lock(str pkcs8, str passphrase, struct buf *pem, struct diag *d)
{
	if (passphrase.n == 0 || passphrase.n > PASSPHRASE_MOST)
		return diag_fail(d, ERR(REFUSED), "passphrase", "use 1 to 1024 bytes", "it is empty or too long");
	const unsigned char *p = (const unsigned char *)pkcs8.p;
	PKCS8_PRIV_KEY_INFO *info = pkcs8.n <= CERT_KEY_MAX ? d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.n) : NULL;
	if (info == NULL)
		return no_key(d);
	X509_SIG *locked = lock(info, passphrase);
	unsigned char *der = NULL;
	int n = locked != NULL ? i2d_X509_SIG(locked, &der) : 0;
	err e = n > 0 ? OK : cert_openssl(d, "private key");
	if (n > 0 && !cert_pem_add(PEM_STRING_PKCS8, (str){ (const char *)der, (size_t)n }, pem))
		e = ERR(CEILING);
	OPENSSL_free(der);
	X509_SIG_free(locked);
	PKCS8_PRIV_KEY_INFO_free(info);
	return e;
}

static err unlock(str der, str passphrase, struct buf *pkcs8, struct diag *d)
{
	const unsigned char *p = (const unsigned char *)der.p;
	X509_SIG *locked = der.n <= CERT_KEY_MAX ? d2i_X509_SIG(NULL, &p, (long)der.n) : NULL;
	const X509_ALGOR *how = NULL;
	if (locked != NULL)
		X509_SIG_get0(locked, &how, NULL);
	const bool is_bounded = how != NULL && cert_pbe_rounds(how) <= CERT_ROUNDS_MOST;
	PKCS8_PRIV_KEY_INFO *info = is_bounded ? PKCS8_decrypt(locked, passphrase.p, (int)passphrase.n) : NULL;
	EVP_PKEY *key = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
	err e;
	if (locked == NULL || !is_bounded)
		e = no_key(d);
	else if (key == NULL)
		e = diag_fail(d, ERR(REFUSED), "private key", "give the passphrase that it was written with", "the passphrase does not open it");
	else
		e = cert_key_write(key, pkcs8);
	EVP_PKEY_free(key);
	PKCS8_PRIV_KEY_INFO_free(info);
	X509_SIG_free(locked);
	ERR_clear_error();
	return e;
}

err cert_key_unlock(str pem, str passphrase, struct buf *pkcs8, struct diag *d)
{
	struct block b DEFER(block_fini) = { 0 };
	if (!find_block(pem, &b) || strcmp(b.label, PEM_STRING_PKCS8) != 0 || passphrase.n > PASSPHRASE_MOST)
		return no_key(d);
	return unlock((str){ (const char *)b.der, (size_t)b.n }, passphrase, pkcs8, d);
}

/* ---- the public half ---- */

err cert_key_spki(str pkcs8, struct buf *spki, struct diag *d)
{
	EVP_PKEY *key = cert_key_open(pkcs8);
	unsigned char *der = NULL;
	int n = key != NULL ? i2d_PUBKEY(key, &der) : 0;
	EVP_PKEY_free(key);
	if (n <= 0)
		return no_key(d);
	buf_add(spki, (str){ (const char *)der, (size_t)n });
	OPENSSL_free(der);
	ENSURE(!spki->failed, CEILING);
	return OK;
}

void cert_spki_hash(str spki, uint8_t out[32])
{
	if (EVP_Digest(spki.p, spki.n, out, NULL, EVP_sha256(), NULL) != 1)
		ASSERT(false);
}

static const struct {
	str oid; /* of the curve */
	unsigned bits;
	enum cert_alg alg;
} curves[] = {
	{ { "\x2a\x86\x48\xce\x3d\x03\x01\x07", 8 }, 256, CERT_SHA256_ECDSA },
	{ { "\x2b\x81\x04\x00\x22", 5 }, 384, CERT_SHA384_ECDSA },
	{ { "\x2b\x81\x04\x00\x23", 5 }, 521, CERT_SHA512_ECDSA },
};

static bool look_rsa(str how, str bits, struct cert_spki_view *out)
{
	struct der null, key, n, e;
	if (!der_take(&how, 0x05, &null) || null.content.n != 0 || how.n != 0 || !der_take(&bits, DER_SEQUENCE, &key) || bits.n != 0)
		return false;
	str in = key.content;
	if (!der_take(&in, DER_INTEGER, &n) || !der_take(&in, DER_INTEGER, &e) || in.n != 0)
		return false;
	str modulus = n.content;
	if (modulus.n > 1 && modulus.p[0] == '\0')
		modulus = str_cut(modulus, 1, modulus.n);
	unsigned top = modulus.n > 0 ? (uint8_t)modulus.p[0] : 0, used = 0;
	for (; top != 0; top >>= 1)
		used++;
	out->is_rsa = true;
	out->alg = CERT_SHA256_RSA;
	out->bits = modulus.n > 0 && modulus.n <= RSA_BITS_MOST / 8 ? (unsigned)(modulus.n - 1) * 8 + used : 0;
	return out->bits > 0;
}

static bool look_ec(str how, str point, struct cert_spki_view *out)
{
	struct der curve;
	if (!der_take(&how, DER_OID, &curve) || how.n != 0)
		return false;
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
		if (str_eq(curve.content, curves[i].oid)) {
			out->alg = curves[i].alg;
			out->bits = curves[i].bits;
			return point.n == 1 + 2 * ((curves[i].bits + 7) / 8) && point.p[0] == 4; /* not compressed */
		}
	return false;
}

bool cert_spki_look(str spki, struct cert_spki_view *out)
{
	static const str rsa = { "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", 9 }, ec = { "\x2a\x86\x48\xce\x3d\x02\x01", 7 };
	struct der all, how, oid, bits;
	*out = (struct cert_spki_view){ .bits = 0 };
	if (!der_take(&spki, DER_SEQUENCE, &all) || spki.n != 0 || !der_take(&all.content, DER_SEQUENCE, &how) ||
		!der_take(&how.content, DER_OID, &oid) || !der_take(&all.content, DER_BITS, &bits) || all.content.n != 0 ||
		bits.content.n < 2 || bits.content.p[0] != '\0')
		return false;
	out->key = str_cut(bits.content, 1, bits.content.n);
	if (str_eq(oid.content, rsa))
		return look_rsa(how.content, out->key, out);
	return str_eq(oid.content, ec) && look_ec(how.content, out->key, out);
}

bool cert_spki_is_fine(const struct cert_spki_view *v, bool is_weak_fine)
{
	return !v->is_rsa || (v->bits >= (is_weak_fine ? 1024 : 2048) && v->bits <= RSA_BITS_MOST);
}

err cert_alg_find(str spki, enum cert_alg *out)
{
	struct cert_spki_view v;
	ENSURE(cert_spki_look(spki, &v), MALFORMED);
	ENSURE(cert_spki_is_fine(&v, false), REFUSED);
	*out = v.alg;
	return OK;
}
