/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only user of OpenSSL's key methods. They are deprecated in 3.0 in favour of providers; a provider that signs
 * elsewhere needs some 1,000 lines for what the methods do in 100, and 3.x keeps them. For a key with a foreign method
 * OpenSSL's export to a provider fails by design, and its legacy path calls the method.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "os/tls/tls_priv.h"

#include <openssl/async.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum { KEY_SLOT = 0 }; /* the application's own slot of the extra data of RSA and EC_KEY: needs no registration */

/* On the job's stack. Bytes of the signature, 0: it could not be made. */
static size_t ask(struct tls_key *k, enum tls_sign_kind kind, str input, uint8_t *out, size_t room)
{
	struct tls *t = k != NULL ? k->server->busy : NULL;
	if (t == NULL || ASYNC_get_current_job() == NULL)
		return 0;
	struct tls_sign s = { .tls = t, .key = k, .kind = kind, .input = input, .out = out, .room = room };
	t->sign = &s;
	while (!s.is_done)
		if (!ASYNC_pause_job())
			break;
	t->sign = NULL;
	return s.is_done ? s.n : 0;
}

static int on_ec_sign(int type, const unsigned char *digest, int n, unsigned char *sig, unsigned *sig_n, const BIGNUM *kinv,
                      const BIGNUM *r, EC_KEY *ec)
{
	str input = { (const char *)digest, (size_t)n };
	size_t made = ask(EC_KEY_get_ex_data(ec, KEY_SLOT), TLS_SIGN_ECDSA, input, sig, (size_t)ECDSA_size(ec));
	*sig_n = (unsigned)made;
	return made != 0;
}

static int on_rsa_private(int n, const unsigned char *from, unsigned char *to, RSA *rsa, int padding)
{
	enum tls_sign_kind kind = padding == RSA_NO_PADDING ? TLS_SIGN_RSA_RAW : TLS_SIGN_RSA_PKCS1;
	if (padding != RSA_NO_PADDING && padding != RSA_PKCS1_PADDING)
		return -1;
	size_t made = ask(RSA_get_ex_data(rsa, KEY_SLOT), kind, (str){ (const char *)from, (size_t)n }, to, (size_t)RSA_size(rsa));
	return made == (size_t)RSA_size(rsa) ? (int)made : -1;
}

static bool dress_ec(struct tls_key *k, EVP_PKEY *public)
{
	const EC_KEY *original = EVP_PKEY_get0_EC_KEY(public);
	EC_KEY *ec = original != NULL ? EC_KEY_dup(original) : NULL;
	EC_KEY_METHOD *m = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	k->method = m;
	if (ec == NULL || m == NULL)
		goto bad;
	EC_KEY_METHOD_set_sign(m, on_ec_sign, NULL, NULL);
	if (!EC_KEY_set_method(ec, m) || !EC_KEY_set_ex_data(ec, KEY_SLOT, k) || !EVP_PKEY_assign_EC_KEY(k->pkey, ec))
		goto bad;
	return true;
bad:
	EC_KEY_free(ec);
	return false;
}

static bool dress_rsa(struct tls_key *k, EVP_PKEY *public)
{
	const RSA *original = EVP_PKEY_get0_RSA(public);
	RSA *rsa = original != NULL ? RSAPublicKey_dup(original) : NULL;
	RSA_METHOD *m = RSA_meth_dup(RSA_PKCS1_OpenSSL());
	k->method = m;
	if (rsa == NULL || m == NULL)
		goto bad;
	if (!RSA_meth_set1_name(m, "keeper") || !RSA_meth_set_priv_enc(m, on_rsa_private) || !RSA_set_method(rsa, m))
		goto bad;
	if (!RSA_set_ex_data(rsa, KEY_SLOT, k) || !EVP_PKEY_assign_RSA(k->pkey, rsa))
		goto bad;
	return true;
bad:
	RSA_free(rsa);
	return false;
}

static bool identify(struct tls_key *k, X509 *leaf)
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
	bool is_fine = n > 0 && EVP_Digest(der, (size_t)n, k->id, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return is_fine;
}

err tls_key_init(struct tls_key *k, struct tls_server *s, X509 *leaf)
{
	EVP_PKEY *public = X509_get0_pubkey(leaf);
	*k = (struct tls_key){ .pkey = EVP_PKEY_new(), .is_ec = EVP_PKEY_is_a(public, "EC"), .server = s };
	bool is_fine = k->pkey != NULL && identify(k, leaf);
	is_fine = is_fine && (k->is_ec ? dress_ec(k, public) : dress_rsa(k, public));
	if (is_fine)
		return OK;
	tls_key_fini(k);
	return ERR(NO_MEMORY);
}

void tls_key_fini(struct tls_key *k)
{
	EVP_PKEY_free(k->pkey);
	if (k->is_ec)
		EC_KEY_METHOD_free(k->method);
	else
		RSA_meth_free(k->method);
	*k = (struct tls_key){ 0 };
}
