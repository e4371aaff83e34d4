/* SPDX-License-Identifier: Apache-2.0 */
/* Keys from files, and signatures that OpenSSL's verifier accepts; what is not the input of a TLS signature is refused.
 */
#include "role/keeper/keeper_priv.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static EVP_PKEY *rsa, *ec;
static uint8_t digest[32];

static int setup(void **state)
{
	rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	ec = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	for (size_t i = 0; i < sizeof digest; i++)
		digest[i] = (uint8_t)(i * 7);
	return rsa == NULL || ec == NULL;
}

static int teardown(void **state)
{
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	return 0;
}

static str of(const void *p, size_t n)
{
	return (str){ p, n };
}

/* Whether `signature` is one of `digest` under the key. */
static bool is_signature(EVP_PKEY *pkey, int padding, const uint8_t *signature, size_t n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
	if (padding != 0)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
	if (padding == RSA_PKCS1_PSS_PADDING)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
	int r = EVP_PKEY_verify(ctx, signature, n, digest, sizeof digest);
	EVP_PKEY_CTX_free(ctx);
	return r == 1;
}

static void ecdsa(void **state)
{
	struct key k = { .file = { .pkey = ec } };
	uint8_t out[SIGNATURE_MAX];
	size_t n;
	assert_false(failed(key_sign(&k, TLS_SIGN_ECDSA, of(digest, sizeof digest), out, &n)));
	assert_true(is_signature(ec, 0, out, n));
	assert_true(err_is(key_sign(&k, TLS_SIGN_ECDSA, of(digest, 31), out, &n), ERR_REFUSED));
	assert_true(err_is(key_sign(&k, TLS_SIGN_ECDSA, of(digest, 0), out, &n), ERR_REFUSED));
	assert_true(err_is(key_sign(&k, TLS_SIGN_RSA_PKCS1, of(digest, sizeof digest), out, &n), ERR_REFUSED));
	assert_true(err_is(key_sign(&k, (enum tls_sign_kind)77, of(digest, sizeof digest), out, &n), ERR_REFUSED));
}

static void rsa_pkcs1(void **state)
{
	struct key k = { .file = { .pkey = rsa } };
	uint8_t out[SIGNATURE_MAX], info[19 + 32 + 1];
	size_t n;
	memcpy(info, "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 19);
	memcpy(info + 19, digest, sizeof digest);
	assert_false(failed(key_sign(&k, TLS_SIGN_RSA_PKCS1, of(info, 51), out, &n)));
	assert_true(is_signature(rsa, RSA_PKCS1_PADDING, out, n));
	assert_true(err_is(key_sign(&k, TLS_SIGN_RSA_PKCS1, of(info, 50), out, &n), ERR_REFUSED));
	assert_true(err_is(key_sign(&k, TLS_SIGN_RSA_PKCS1, of(info, 52), out, &n), ERR_REFUSED));
	assert_true(err_is(key_sign(&k, TLS_SIGN_ECDSA, of(digest, 32), out, &n), ERR_REFUSED));
	info[10] ^= 1;
	assert_true(err_is(key_sign(&k, TLS_SIGN_RSA_PKCS1, of(info, 51), out, &n), ERR_REFUSED));
}

/* A PSS block as OpenSSL encodes it: its own signature, opened with the public key. */
static size_t pss_block(const EVP_MD *md, uint8_t *block)
{
	uint8_t signature[256];
	size_t n = sizeof signature;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(rsa, NULL);
	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
	uint8_t hash[64] = { 0 };
	memcpy(hash, digest, sizeof digest);
	assert_int_equal(EVP_PKEY_sign(ctx, signature, &n, hash, (size_t)EVP_MD_get_size(md)), 1);
	EVP_PKEY_CTX_free(ctx);
	ctx = EVP_PKEY_CTX_new(rsa, NULL);
	size_t size = 256;
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, block, &size, signature, n), 1);
	EVP_PKEY_CTX_free(ctx);
	return size;
}

static void rsa_pss(void **state)
{
	struct key k = { .file = { .pkey = rsa } };
	uint8_t out[SIGNATURE_MAX], block[256];
	size_t n;
	assert_int_equal(pss_block(EVP_sha256(), block), 256);
	assert_false(failed(key_sign(&k, TLS_SIGN_RSA_RAW, of(block, 256), out, &n)));
	assert_true(is_signature(rsa, RSA_PKCS1_PSS_PADDING, out, n));
	assert_int_equal(pss_block(EVP_sha384(), block), 256);
	assert_false(failed(key_sign(&k, TLS_SIGN_RSA_RAW, of(block, 256), out, &n)));
	assert_int_equal(pss_block(EVP_sha512(), block), 256);
	assert_false(failed(key_sign(&k, TLS_SIGN_RSA_RAW, of(block, 256), out, &n)));
}

/* A front that was taken over must not have the key decrypt or sign what is not PSS. */
static void raw_blocks_are_looked_at(void **state)
{
	struct key k = { .file = { .pkey = rsa } };
	uint8_t out[SIGNATURE_MAX], block[257];
	size_t n;
	assert_int_equal(pss_block(EVP_sha256(), block), 256);
	assert_true(err_is(key_sign(&k, TLS_SIGN_RSA_RAW, of(block, 255), out, &n), ERR_REFUSED));
	assert_true(err_is(key_sign(&k, TLS_SIGN_RSA_RAW, of(block, 257), out, &n), ERR_REFUSED));
	for (size_t i = 0; i < 256; i += 5) {
		bool is_salt = i >= 256 - 33 - 32 && i < 256 - 33; /* any salt is a good one */
		block[i] ^= 0x10;
		err e = key_sign(&k, TLS_SIGN_RSA_RAW, of(block, 256), out, &n);
		assert_int_equal(err_is(e, ERR_REFUSED), !is_salt);
		block[i] ^= 0x10;
	}
	memset(block, 0xff, 256);
	block[0] = 0;
	block[1] = 1;
	assert_true(err_is(key_sign(&k, TLS_SIGN_RSA_RAW, of(block, 256), out, &n), ERR_REFUSED));
	memset(block, 0, 256);
	block[255] = 2;
	assert_true(err_is(key_sign(&k, TLS_SIGN_RSA_RAW, of(block, 256), out, &n), ERR_REFUSED));
}

/* ---- files ---- */

static char top[] = "/tmp/keeper_test.XXXXXX";

static void put_key(int dir, const char *name, EVP_PKEY *key, const char *passphrase)
{
	FILE *f = fdopen(openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600), "w");
	assert_non_null(f);
	if (key != NULL)
		assert_int_equal(PEM_write_PrivateKey(f, key, passphrase != NULL ? EVP_aes_128_cbc() : NULL,
					 (const unsigned char *)passphrase,
					 passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
			1);
	else
		fputs("this is no key\n", f);
	fclose(f);
}

static void id_of(EVP_PKEY *key, uint8_t out[32])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	assert_int_equal(EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
}

static void files(void **state)
{
	struct keys keys;
	struct diag d = { 0 };
	uint8_t id[32];
	assert_non_null(mkdtemp(top));
	int dir = open(top, O_RDONLY | O_DIRECTORY);
	assert_false(failed(keys_read(&keys, dir, &d)));
	assert_int_equal(keys.n, 0);
	put_key(dir, "one.key", rsa, NULL);
	put_key(dir, "two.key", ec, NULL);
	put_key(dir, "notes.txt", NULL, NULL);
	put_key(dir, ".hidden.key", NULL, NULL);
	assert_false(failed(keys_read(&keys, dir, &d)));
	assert_int_equal(keys.n, 2);
	id_of(ec, id);
	const struct key *found = keys_find(&keys, of(id, sizeof id));
	assert_non_null(found);
	assert_int_equal(EVP_PKEY_eq(found->file.pkey, ec), 1);
	id[0] ^= 1;
	assert_null(keys_find(&keys, of(id, sizeof id)));
	assert_null(keys_find(&keys, of(id, 31)));
	keys_fini(&keys);

	/* neither a file that is no key nor one with a passphrase (for which nobody is asked) is passed over */
	put_key(dir, "bad.key", NULL, NULL);
	assert_true(err_is(keys_read(&keys, dir, &d), ERR_MALFORMED));
	assert_string_equal(d.where, "keys/bad.key");
	assert_int_equal(keys.n, 0);
	put_key(dir, "bad.key", ec, "secret");
	assert_true(err_is(keys_read(&keys, dir, &d), ERR_MALFORMED));

	static const char *const names[] = { "one.key", "two.key", "bad.key", "notes.txt", ".hidden.key" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(unlinkat(dir, names[i], 0), 0);
	close(dir);
	assert_int_equal(rmdir(top), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ecdsa),
		cmocka_unit_test(rsa_pkcs1),
		cmocka_unit_test(rsa_pss),
		cmocka_unit_test(raw_blocks_are_looked_at),
		cmocka_unit_test(files),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
