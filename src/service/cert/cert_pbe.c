/* SPDX-License-Identifier: Apache-2.0 */
/* How much work a file asks for before its password can be tried (RFC 8018, RFC 7914): a foreign one may ask for hours. */
#include "service/cert/cert_priv.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>

#define TOO_MANY UINT64_MAX

static uint64_t rounds_of(const ASN1_INTEGER *n)
{
	uint64_t v = TOO_MANY;
	return n != NULL && ASN1_INTEGER_get_uint64(&v, n) == 1 ? v : TOO_MANY;
}

static uint64_t pbkdf2_rounds(const ASN1_TYPE *parameter)
{
	PBKDF2PARAM *p = parameter != NULL ? ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), parameter) : NULL;
	uint64_t n = p != NULL ? rounds_of(p->iter) : TOO_MANY;
	PBKDF2PARAM_free(p);
	return n;
}

/* Its memory is bounded by OpenSSL (32 MiB), and so is its work but for p. */
static uint64_t scrypt_rounds(const ASN1_TYPE *parameter)
{
	SCRYPT_PARAMS *p = parameter != NULL ? ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), parameter) : NULL;
	uint64_t n = p != NULL ? rounds_of(p->parallelizationParameter) : TOO_MANY;
	SCRYPT_PARAMS_free(p);
	return n > 16 ? TOO_MANY : n * 16384;
}

static uint64_t pbes2_rounds(const ASN1_TYPE *parameter)
{
	PBE2PARAM *p = parameter != NULL ? ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), parameter) : NULL;
	uint64_t n = TOO_MANY;
	int nid = p != NULL ? OBJ_obj2nid(p->keyfunc->algorithm) : NID_undef;
	if (nid == NID_id_pbkdf2)
		n = pbkdf2_rounds(p->keyfunc->parameter);
	else if (nid == NID_id_scrypt)
		n = scrypt_rounds(p->keyfunc->parameter);
	PBE2PARAM_free(p);
	return n;
}

static uint64_t pbe1_rounds(const ASN1_TYPE *parameter)
{
	PBEPARAM *p = parameter != NULL ? ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), parameter) : NULL;
	uint64_t n = p != NULL ? rounds_of(p->iter) : TOO_MANY;
	PBEPARAM_free(p);
	return n;
}

uint64_t cert_pbe_rounds(const X509_ALGOR *how)
{
	return OBJ_obj2nid(how->algorithm) == NID_pbes2 ? pbes2_rounds(how->parameter) : pbe1_rounds(how->parameter);
}
