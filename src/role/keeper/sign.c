/* SPDX-License-Identifier: Apache-2.0 */
#include "role/keeper/keeper_priv.h"

#include <openssl/rsa.h>

/* The digests of TLS 1.2 and 1.3 signatures, and what stands before each in a DigestInfo (RFC 8017 9.2 note 1). */
static const struct digest {
	const char *name;
	size_t size;
	char info[20]; /* 19 bytes */
} digests[] = {
	{ "SHA256", 32, "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20" },
	{ "SHA384", 48, "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30" },
	{ "SHA512", 64, "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40" },
};
enum { DIGESTS_N = sizeof digests / sizeof digests[0], INFO_SIZE = 19, BLOCK_MAX = SIGNATURE_MAX };

static bool is_digest(const struct key *k, str input)
{
	for (size_t i = 0; i < DIGESTS_N; i++)
		if (input.n == digests[i].size)
			return true;
	return false;
}

static bool is_digest_info(const struct key *k, str input)
{
	for (size_t i = 0; i < DIGESTS_N; i++)
		if (input.n == INFO_SIZE + digests[i].size && memcmp(input.p, digests[i].info, INFO_SIZE) == 0)
			return true;
	return false;
}

/* out ^= MGF1(seed) (RFC 8017 B.2.1) */
static bool unmask(const EVP_MD *md, str seed, uint8_t *out, size_t n)
{
	uint8_t block[EVP_MAX_MD_SIZE];
	size_t size = (size_t)EVP_MD_get_size(md);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool is_fine = ctx != NULL;
	for (uint32_t at = 0, i = 0; is_fine && at < n; at += (uint32_t)size, i++) {
		uint8_t count[4] = { (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
		is_fine = EVP_DigestInit_ex(ctx, md, NULL) == 1 && EVP_DigestUpdate(ctx, seed.p, seed.n) == 1 &&
			  EVP_DigestUpdate(ctx, count, sizeof count) == 1 && EVP_DigestFinal_ex(ctx, block, NULL) == 1;
		for (size_t j = 0; is_fine && j < size && at + j < n; j++)
			out[at + j] ^= block[j];
	}
	EVP_MD_CTX_free(ctx);
	return is_fine;
}

/* A block is masked DB, then the hash, then 0xbc; DB is zeros, 0x01, then the salt. */
static bool is_pss_of(const struct digest *g, str block, size_t bits)
{
	uint8_t db[BLOCK_MAX];
	const EVP_MD *md = EVP_get_digestbyname(g->name);
	if (md == NULL || block.n > sizeof db || block.n < 2 * g->size + 2)
		return false;
	size_t n = block.n - g->size - 1, at = n - g->size - 1;
	memcpy(db, block.p, n);
	if (!unmask(md, (str){ block.p + n, g->size }, db, n))
		return false;
	db[0] &= (uint8_t)(0xff >> (8 * block.n - (bits - 1)));
	for (size_t i = 0; i < at; i++)
		if (db[i] != 0)
			return false;
	return db[at] == 1;
}

static bool is_pss(const struct key *k, str input)
{
	size_t bits = (size_t)EVP_PKEY_get_bits(k->file.pkey), unused = 8 * input.n - (bits - 1);
	/* sizes that are no multiple of 8 bits would need blocks with another first byte: no such key is made */
	if (bits % 8 != 0 || input.n != bits / 8 || (uint8_t)input.p[input.n - 1] != 0xbc ||
		(uint8_t)input.p[0] >> (8 - unused) != 0)
		return false;
	for (size_t i = 0; i < DIGESTS_N; i++)
		if (is_pss_of(&digests[i], input, bits))
			return true;
	return false;
}

static const struct kind {
	const char *type;
	int padding; /* 0: none to be chosen */
	bool (*is_fit)(const struct key *k, str input);
} kinds[] = {
	[TLS_SIGN_ECDSA] = { "EC", 0, is_digest },
	[TLS_SIGN_RSA_PKCS1] = { "RSA", RSA_PKCS1_PADDING, is_digest_info },
	[TLS_SIGN_RSA_RAW] = { "RSA", RSA_NO_PADDING, is_pss },
};

err key_sign(const struct key *k, enum tls_sign_kind kind, str input, uint8_t out[SIGNATURE_MAX], size_t *n)
{
	ENSURE((size_t)kind < sizeof kinds / sizeof kinds[0], REFUSED);
	const struct kind *row = &kinds[kind];
	ENSURE(k->file.purpose == KEYFILE_TLS && EVP_PKEY_is_a(k->file.pkey, row->type) && row->is_fit(k, input), REFUSED);
	ENSURE(EVP_PKEY_get_size(k->file.pkey) <= SIGNATURE_MAX, CEILING);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->file.pkey, NULL);
	ENSURE(ctx != NULL, NO_MEMORY);
	*n = SIGNATURE_MAX;
	bool is_fine = EVP_PKEY_sign_init(ctx) == 1 &&
		       (row->padding == 0 || EVP_PKEY_CTX_set_rsa_padding(ctx, row->padding) == 1) &&
		       EVP_PKEY_sign(ctx, out, n, (const unsigned char *)input.p, input.n) == 1;
	EVP_PKEY_CTX_free(ctx);
	return is_fine ? OK : ERR(INTERNAL);
}
