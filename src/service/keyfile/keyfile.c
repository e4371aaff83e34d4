/* SPDX-License-Identifier: Apache-2.0 */
#include "service/keyfile.h"

#include "base/crypt.h"
#include "base/enc.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RSA_LEAST = 1024, RSA_MOST = 8192 };

static const char *const purposes[KEYFILE_PURPOSE_N] = { [KEYFILE_TLS] = "tls", [KEYFILE_AUTHORITY] = "authority" };

const char *keyfile_purpose_word(enum keyfile_purpose purpose)
{
	return purposes[purpose];
}

bool keyfile_purpose_find(str word, enum keyfile_purpose *out)
{
	for (unsigned i = 0; i < KEYFILE_PURPOSE_N; i++)
		if (str_eq(word, str_of(purposes[i]))) {
			*out = (enum keyfile_purpose)i;
			return true;
		}
	return false;
}

bool keyfile_is_name(const char *name)
{
	size_t n = strlen(name);
	return name[0] != '.' && n > 4 && strcmp(name + n - 4, ".key") == 0;
}

void keyfile_name(const uint8_t id[32], char out[KEYFILE_NAME])
{
	enc_hex(id, 8, out);
	memcpy(out + 16, ".key", 5);
}

/* ---- keys ---- */

static const struct {
	const char *word;
	unsigned rsa_bits; /* or */
	const char *curve;
} types[] = {
	{ "rsa-2048", 2048, NULL },
	{ "rsa-3072", 3072, NULL },
	{ "rsa-4096", 4096, NULL },
	{ "ec-p256", 0, "P-256" },
	{ "ec-p384", 0, "P-384" },
	{ "ec-p521", 0, "P-521" },
};

static err openssl(struct diag *d)
{
	char reason[160] = "no reason given";
	unsigned long code = ERR_peek_last_error();
	if (code != 0)
		ERR_error_string_n(code, reason, sizeof reason);
	ERR_clear_error();
	return diag_fail(d, ERR(INTERNAL), "key", "", "OpenSSL: %s", reason);
}

static bool identify(struct keyfile *k)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(k->pkey, &der);
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, k->id, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return ok;
}

static bool is_fit(const EVP_PKEY *pkey)
{
	int bits = EVP_PKEY_get_bits(pkey);
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return bits >= RSA_LEAST && bits <= RSA_MOST;
	return EVP_PKEY_is_a(pkey, "EC");
}

err keyfile_take(struct keyfile *k, EVP_PKEY *pkey, struct diag *d)
{
	k->pkey = pkey;
	if (pkey != NULL && is_fit(pkey) && identify(k))
		return OK;
	keyfile_fini(k);
	ERR_clear_error();
	return diag_fail(d, ERR(REFUSED), "key", "use RSA of 2048 to 8192 bits, or EC", "it is not a private key that this server can use");
}

err keyfile_make(struct keyfile *k, str type, struct diag *d)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (!str_eq(type, str_of(types[i].word)))
			continue;
		k->pkey = types[i].curve != NULL ? EVP_EC_gen(types[i].curve) : EVP_RSA_gen(types[i].rsa_bits);
		if (k->pkey != NULL && identify(k))
			return OK;
		keyfile_fini(k);
		return openssl(d);
	}
	return diag_fail(d, ERR(USAGE), "key", "rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384 or ec-p521", "\"%.*s\" is no type of key",
		STR_FMT(str_cut(type, 0, 40)));
}

void keyfile_fini(struct keyfile *k)
{
	EVP_PKEY_free(k->pkey);
	k->pkey = NULL;
}

/* ---- text ---- */

/* Without it OpenSSL would ask on the terminal. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	return -1;
}

static err take_line(struct keyfile *k, str line, struct diag *d)
{
	str value, name = str_split(line, ':', &value);
	uint64_t made;
	value = str_trim(value);
	if (str_eq(name, STR("purpose")) && !keyfile_purpose_find(value, &k->purpose))
		return diag_fail(d, ERR(MALFORMED), "key", "write \"purpose: tls\" or \"purpose: authority\", or leave the line out", "it has a purpose that is not known");
	if (str_eq(name, STR("exportable")))
		k->exportable = str_eq(value, STR("yes"));
	if (str_eq(name, STR("made")) && str_to_u64(value, &made))
		k->made = (int64_t)made;
	return OK;
}

/* Only what stands before the PEM block; lines that say something else are other programs' (openssl writes some). */
static err take_lines(struct keyfile *k, str text, struct diag *d)
{
	while (text.n != 0) {
		str line = str_split(text, '\n', &text);
		if (str_begins(line, STR("-----BEGIN")))
			return OK;
		TRY(take_line(k, line, d));
	}
	return OK;
}

err keyfile_parse(struct keyfile *k, str text, struct diag *d)
{
	*k = (struct keyfile){ .purpose = KEYFILE_TLS };
	ENSURE(text.n <= KEYFILE_MAX, CEILING);
	TRY(take_lines(k, text, d));
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	EVP_PKEY *pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (pkey != NULL && !failed(keyfile_take(k, pkey, NULL)))
		return OK;
	return diag_fail(d, ERR(MALFORMED), "key", "write the key as PEM without a passphrase: openssl pkey -in OLD -out NEW",
		"this is not an RSA or EC private key that can be read");
}

err keyfile_print(const struct keyfile *k, struct buf *out)
{
	char *p = NULL;
	buf_printf(out, "purpose: %s\nexportable: %s\n", purposes[k->purpose], k->exportable ? "yes" : "no");
	if (k->made != 0)
		buf_printf(out, "made: %lld\n", (long long)k->made);
	BIO *bio = BIO_new(BIO_s_secmem()); /* which OpenSSL wipes when it frees it */
	bool ok = bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) == 1;
	long n = ok ? BIO_get_mem_data(bio, &p) : 0;
	if (n > 0)
		buf_add(out, (str){ p, (size_t)n });
	BIO_free(bio);
	return n > 0 && !out->failed ? OK : ERR(NO_MEMORY);
}

/* ---- files ---- */

static void name_file(struct diag *d, const char *name)
{
	if (d != NULL)
		(void)snprintf(d->where, sizeof d->where, "keys/%.128s", name);
}

err keyfile_read(struct keyfile *k, int dir, const char *name, struct diag *d)
{
	struct buf text;
	*k = (struct keyfile){ .purpose = KEYFILE_TLS };
	err e = file_read(dir, name, KEYFILE_MAX, &text, d);
	if (!failed(e))
		e = keyfile_parse(k, buf_str(&text), d);
	if (text.p != NULL)
		crypt_wipe(text.p, text.size);
	buf_fini(&text);
	if (failed(e))
		name_file(d, name);
	return e;
}

/* The keeper, who is not root, must be able to read what root writes. */
static err give_to_owner(int dir, const char *name, struct diag *d)
{
	struct stat st;
	if (geteuid() != 0)
		return OK;
	if (fstat(dir, &st) == 0 && fchownat(dir, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) == 0)
		return OK;
	return diag_fail(d, ERR(SYSTEM), "keys/", "", "cannot give the key to its owner: %s", strerror(errno));
}

err keyfile_write(const struct keyfile *k, int dir, struct diag *d)
{
	char name[KEYFILE_NAME];
	struct buf text;
	keyfile_name(k->id, name);
	buf_init(&text, KEYFILE_MAX);
	err e = keyfile_print(k, &text);
	if (!failed(e))
		e = file_write(dir, name, buf_str(&text), 0400, d);
	if (text.p != NULL)
		crypt_wipe(text.p, text.size);
	buf_fini(&text);
	if (!failed(e))
		e = give_to_owner(dir, name, d);
	if (failed(e))
		name_file(d, name);
	return e;
}
