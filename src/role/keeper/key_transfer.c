/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that come in, and those that may go out: never but sealed by a password. */
#include "role/keeper/keeper_priv.h"

#include "base/crypt.h"
#include "service/cert.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

enum { NAME_MOST = 200, PASSWORD_LEAST = 8, PASSWORD_MOST = 256, CHAIN_ROOM = 512 * 1024, SEAL_ROUNDS = 200000 };

err key_read_pkcs8(str der, struct keyfile *out, struct diag *d)
{
	const unsigned char *p = (const unsigned char *)der.p;
	PKCS8_PRIV_KEY_INFO *info = der.n <= KEYFILE_MAX ? d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n) : NULL;
	EVP_PKEY *pkey = info != NULL && p == (const unsigned char *)der.p + der.n ? EVP_PKCS82PKEY(info) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	ERR_clear_error();
	if (pkey == NULL)
		return diag_fail(d, ERR(MALFORMED), "key", "bring it as PKCS #12 or PKCS #8", "it is not a private key that can be read");
	return keyfile_take(out, pkey, d);
}

/* ---- out ---- */

struct sealing {
	struct arena arena;
	X509 *leaf;
	STACK_OF(X509) *issuers;
	PKCS12 *sealed;
};

static void sealing_fini(struct sealing *s)
{
	PKCS12_free(s->sealed);
	sk_X509_pop_free(s->issuers, X509_free);
	X509_free(s->leaf);
	arena_fini(&s->arena);
	ERR_clear_error();
}

static X509 *read_x509(str der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	return d2i_X509(NULL, &p, (long)der.n);
}

static err read_chain(struct sealing *s, str pem, struct diag *d)
{
	struct topo_names chain;
	TRY(cert_pem_read(pem, &s->arena, &chain, d));
	s->leaf = read_x509(chain.p[0]);
	s->issuers = sk_X509_new_null();
	ENSURE(s->leaf != NULL && s->issuers != NULL, NO_MEMORY);
	for (size_t i = 1; i < chain.n; i++) {
		X509 *x = read_x509(chain.p[i]);
		if (x == NULL || sk_X509_push(s->issuers, x) <= 0) {
			X509_free(x);
			return ERR(NO_MEMORY);
		}
	}
	return OK;
}

static err seal(struct sealing *s, const struct key *k, const char *name, const char *password, struct buf *out)
{
	unsigned char *der = NULL;
	s->sealed = PKCS12_create(password, name, k->file.pkey, s->leaf, s->issuers, NID_aes_256_cbc, NID_aes_256_cbc, SEAL_ROUNDS, SEAL_ROUNDS, 0);
	int n = s->sealed != NULL ? i2d_PKCS12(s->sealed, &der) : 0;
	if (n > 0)
		buf_add(out, (str){ (const char *)der, (size_t)n });
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	return n > 0 && !out->failed ? OK : ERR(INTERNAL);
}

err key_export(const struct key *k, str name, str password, str chain_pem, struct buf *out, struct diag *d)
{
	char name_z[NAME_MOST + 1] = "witan", password_z[PASSWORD_MOST + 1];
	struct sealing s DEFER(sealing_fini) = { .leaf = NULL };
	if (k->file.purpose != KEYFILE_TLS || !k->file.exportable)
		return diag_fail(d, ERR(REFUSED), "key", "request a new certificate with -PrivateKeyExportable $true", "the private key may not leave this machine");
	if (password.n < PASSWORD_LEAST || !str_to_z(password, password_z, sizeof password_z))
		return diag_fail(d, ERR(USAGE), "Password", "give 8 to 256 bytes", "the password is too short or too long");
	if (name.n != 0)
		(void)str_to_z(str_cut(name, 0, NAME_MOST), name_z, sizeof name_z);
	arena_init(&s.arena, CHAIN_ROOM);
	err e = read_chain(&s, chain_pem, d);
	if (!failed(e) && X509_check_private_key(s.leaf, k->file.pkey) != 1)
		e = diag_fail(d, ERR(REFUSED), "certificate", "", "the certificate is not that of the key");
	if (!failed(e))
		e = seal(&s, k, name_z, password_z, out);
	crypt_wipe(password_z, sizeof password_z);
	return e;
}
