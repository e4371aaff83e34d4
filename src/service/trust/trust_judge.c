/* SPDX-License-Identifier: Apache-2.0 */
/* One chain: the path by OpenSSL, then what it does not look at. */
#include "service/trust/trust_priv.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

enum { STRENGTH = 2, RSA_BITS_MIN = 2048 }; /* OpenSSL's security level: 112 bits, so no SHA-1 and no RSA below 2048 */

struct verify {
	const struct trust *trust;
	enum trust_reason doubt;
};

/* ---- the path ---- */

static bool is_own_root(const struct trust *t, X509 *root)
{
	for (size_t i = 0; i < t->n_own && (int)i < sk_X509_num(t->roots); i++)
		if (X509_cmp(sk_X509_value(t->roots, (int)i), root) == 0)
			return true;
	return false;
}

/* Lists that are not there, or too old, are a matter of policy; one that its issuer has not signed never does. A root is trusted because it was put there, not because it lists itself. */
static int on_verified(int ok, X509_STORE_CTX *x)
{
	struct verify *v = X509_STORE_CTX_get_app_data(x);
	const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(x);
	int error = X509_STORE_CTX_get_error(x);
	enum trust_reason r = trust_reason_of(error);
	if (ok == 1 || (error != X509_V_ERR_UNABLE_TO_GET_CRL && r != TRUST_CRL_STALE))
		return ok;
	int last = sk_X509_num(chain) - 1;
	if (X509_STORE_CTX_get_error_depth(x) == last)
		return 1;
	if ((is_own_root(v->trust, sk_X509_value(chain, last)) ? v->trust->own : v->trust->others) == TRUST_HARD)
		return 0;
	v->doubt = r;
	return 1;
}

static void ask_for(X509_STORE_CTX *x, const struct trust_case *c)
{
	X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(x);
	bool is_person = c->role == TRUST_CLIENT;
	/* whoever connected to whom: between servers a certificate proves which server it is (no clientAuth is asked of them) */
	(void)X509_VERIFY_PARAM_set_purpose(p, is_person ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
	(void)X509_VERIFY_PARAM_set_trust(p, is_person ? X509_TRUST_SSL_CLIENT : X509_TRUST_SSL_SERVER);
	(void)X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	X509_VERIFY_PARAM_set_time(p, (time_t)c->now);
	X509_VERIFY_PARAM_set_depth(p, TRUST_CHAIN_MAX - 1);
	X509_VERIFY_PARAM_set_auth_level(p, STRENGTH);
}

static enum trust_reason refuse_path(X509_STORE_CTX *x, struct diag *d)
{
	char when[64] = "";
	int error = X509_STORE_CTX_get_error(x);
	X509 *about = X509_STORE_CTX_get_current_cert(x);
	enum trust_reason r = error == X509_V_OK ? TRUST_UNTRUSTED : trust_reason_of(error);
	const char *detail = r == TRUST_UNTRUSTED || r == TRUST_CRL_MISSING ? X509_verify_cert_error_string(error) : "";
	const ASN1_TIME *t = about == NULL ? NULL : r == TRUST_EXPIRED ? X509_get0_notAfter(about) : r == TRUST_NOT_YET_VALID ? X509_get0_notBefore(about) : NULL;
	struct tm tm;
	if (t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 && strftime(when, sizeof when, r == TRUST_EXPIRED ? "on %Y-%m-%dT%H:%M:%SZ" : "from %Y-%m-%dT%H:%M:%SZ", &tm) != 0)
		detail = when;
	(void)failed(trust_refuse(r, about, detail, d));
	return r;
}

/* ---- what OpenSSL lets through ---- */

static bool is_strong(X509 *x)
{
	static const char *const curves[] = { "prime256v1", "secp384r1", "secp521r1" };
	EVP_PKEY *key = X509_get0_pubkey(x);
	char curve[64] = "";
	if (key == NULL)
		return false;
	if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, curve, sizeof curve, NULL) != 1)
		return false;
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
		if (strcmp(curve, curves[i]) == 0)
			return true;
	return false;
}

static const char *wrong_purpose(X509 *leaf, enum trust_role role)
{
	uint32_t usage = X509_get_extended_key_usage(leaf), key = X509_get_key_usage(leaf);
	if (usage == UINT32_MAX)
		return "it has no extended key usage";
	if (role != TRUST_CLIENT && (usage & XKU_SSL_SERVER) == 0)
		return "not for servers";
	if (role == TRUST_CLIENT && ((usage & XKU_SSL_CLIENT) == 0 || (usage & XKU_SSL_SERVER) != 0))
		return "not for people";
	/* every suite here has the key sign */
	if (key != UINT32_MAX && (key & KU_DIGITAL_SIGNATURE) == 0)
		return "its key may not sign";
	return X509_check_ca(leaf) == 1 ? "it is an authority" : NULL;
}

static enum trust_reason look_at_path(const STACK_OF(X509) *path, enum trust_role role, struct diag *d)
{
	int last = sk_X509_num(path) - 1;
	for (int i = 0; i < last; i++) {
		X509 *x = sk_X509_value(path, i);
		if (is_strong(x))
			continue;
		(void)failed(trust_refuse(TRUST_WEAK_KEY, x, "", d));
		return TRUST_WEAK_KEY;
	}
	X509 *leaf = sk_X509_value(path, 0);
	const char *detail = wrong_purpose(leaf, role);
	if (detail == NULL)
		return TRUST_FINE;
	(void)failed(trust_refuse(TRUST_WRONG_PURPOSE, leaf, detail, d));
	return TRUST_WRONG_PURPOSE;
}

/* ---- the verdict ---- */

static enum trust_reason judge(const struct trust *t, const struct trust_case *c, STACK_OF(X509) *certs, struct trust_verdict *out, struct diag *d)
{
	X509_STORE_CTX *x = X509_STORE_CTX_new();
	struct verify v = { .trust = t };
	enum trust_reason r = TRUST_UNTRUSTED;
	X509 *leaf = sk_X509_value(certs, 0);
	if (x == NULL || X509_STORE_CTX_init(x, t->store, leaf, certs) != 1) {
		(void)failed(trust_refuse(r, leaf, "out of memory", d));
		X509_STORE_CTX_free(x);
		return r;
	}
	ask_for(x, c);
	X509_STORE_CTX_set_app_data(x, &v);
	X509_STORE_CTX_set_verify_cb(x, on_verified);
	if (X509_verify_cert(x) != 1)
		r = refuse_path(x, d);
	else
		r = look_at_path(X509_STORE_CTX_get0_chain(x), c->role, d);
	if (r == TRUST_FINE)
		r = trust_names(leaf, c, out->name, d);
	out->doubt = v.doubt;
	X509_STORE_CTX_free(x);
	return r;
}

static size_t bytes_of(const STACK_OF(X509) *certs)
{
	size_t n = 0;
	for (int i = 0; i < sk_X509_num(certs); i++)
		n += (size_t)i2d_X509(sk_X509_value(certs, i), NULL);
	return n;
}

err trust_judge(const struct trust *t, const struct trust_case *c, str chain, struct trust_verdict *out, struct diag *d)
{
	STACK_OF(X509) *certs DEFER(trust_free_certs) = sk_X509_new_null();
	*out = (struct trust_verdict){ .reason = TRUST_FINE };
	ENSURE(certs != NULL, NO_MEMORY);
	out->reason = chain.n <= TRUST_TEXT_MAX ? trust_read(chain, TRUST_CHAIN_MAX, certs) : TRUST_TOO_LONG;
	if (out->reason == TRUST_FINE && bytes_of(certs) > TRUST_CHAIN_BYTES)
		out->reason = TRUST_TOO_LONG;
	if (out->reason != TRUST_FINE)
		return trust_refuse(out->reason, NULL, "", d);
	out->reason = judge(t, c, certs, out, d);
	ERR_clear_error();
	if (out->reason != TRUST_FINE)
		out->name[0] = '\0';
	return out->reason == TRUST_FINE ? OK : ERR(REFUSED);
}
