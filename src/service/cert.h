/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cert - certificates as bytes: keys, requests, what authorities issue and revoke, and reading. Pure: who calls it keeps the
 * files, dials, and knows the time.
 *
 * The private key of an authority and of a server lives in another process. So whatever is signed is made in two steps:
 * cert_tbs_...() answers the bytes to be signed and by which algorithm, and cert_seal() puts the signature to them. Where the key is at
 * hand, cert_sign_here() stands between. Certificates, requests and lists are DER unless a name or a comment says PEM; what is written
 * is appended to an open struct buf, whose ceiling is the caller's.
 */
#ifndef WITAN_SERVICE_CERT_H
#define WITAN_SERVICE_CERT_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/topo.h"
#include "service/plan.h"

/* ---- limits ---- */

#define CERT_PEM_MAX     65536 /* bytes of any PEM here that is ours */
#define CERT_DER_MAX     16384 /* bytes of one certificate or request */
#define CERT_KEY_MAX     8192  /* bytes of a private key */
#define CERT_SERIAL      41    /* characters of a serial number, with its NUL */
#define CERT_NAMES_MAX   256   /* names in one certificate or request */
#define CERT_NAME_OCTETS 253
#define CERT_CN_MAX      64 /* characters of a common name, organization or unit (RFC 5280 A.1) */

/* ---- keys ---- */

/* The topology's kinds keep their numbers, so one of them may stand where a cert_key is asked for. */
enum cert_key {
	CERT_RSA_2048 = TOPO_RSA_2048,
	CERT_RSA_3072 = TOPO_RSA_3072,
	CERT_RSA_4096 = TOPO_RSA_4096,
	CERT_EC_P256 = TOPO_EC_P256,
	CERT_EC_P384 = TOPO_EC_P384,
	CERT_EC_P521 = TOPO_KEY_TYPE_N,
	CERT_KEY_N
};

/* "rsa-2048" */
const char *cert_key_word(enum cert_key kind);
/* A new key as PKCS #8, not encrypted. Every pkcs8 is a secret: end its buffer by cert_wipe. INTERNAL. */
err cert_key_new(enum cert_key kind, struct buf *pkcs8, struct diag *d);
/* As PEM, encrypted by the passphrase (scrypt, AES-256-CBC), and back; 1 to 1024 bytes of passphrase. REFUSED (wrong passphrase), MALFORMED. */
err cert_key_lock(str pkcs8, str passphrase, struct buf *pem, struct diag *d);
err cert_key_unlock(str pem, str passphrase, struct buf *pkcs8, struct diag *d);
/* As PEM without encryption, and back (also the older forms "RSA PRIVATE KEY", "EC PRIVATE KEY"). MALFORMED; REFUSED: it is encrypted. */
err cert_key_print(str pkcs8, struct buf *pem);
err cert_key_read(str pem, struct buf *pkcs8, struct diag *d);
/* Its public half as SubjectPublicKeyInfo. MALFORMED. */
err cert_key_spki(str pkcs8, struct buf *spki, struct diag *d);
/* SHA-256 of a SubjectPublicKeyInfo, by which a key is named everywhere. */
void cert_spki_hash(str spki, uint8_t out[32]);
/* Overwrites what is in it, then buf_fini. */
void cert_wipe(struct buf *secret);

/* ---- signing ---- */

/* The key of who signs decides. */
enum cert_alg { CERT_SHA256_RSA, CERT_SHA256_ECDSA, CERT_SHA384_ECDSA, CERT_SHA512_ECDSA, CERT_ALG_N };

#define CERT_SIGNATURE_MAX 1024

/* What a key signs with. MALFORMED; REFUSED: a kind or size of key that nothing here takes. */
err cert_alg_find(str spki, enum cert_alg *out);
/* The signature by a key at hand, at most CERT_SIGNATURE_MAX bytes: an RSASSA-PKCS1-v1_5 or a DER-encoded ECDSA one. MALFORMED (the key). */
err cert_sign_here(str pkcs8, str tbs, struct buf *signature, struct diag *d);
/* A certificate, a request or a revocation list of what was signed and its signature, which is not looked at. */
err cert_seal(str tbs, enum cert_alg alg, str signature, struct buf *der);
/* Whether the key has signed a certificate, request or list. */
bool cert_is_signed(str der, str spki);
/* Whether a signature as cert_sign_here makes it is the key's, of this text. */
bool cert_is_signature(str signature, str text, str spki);

enum cert_tbs { CERT_TBS_NOTHING, CERT_TBS_REQUEST, CERT_TBS_CERTIFICATE, CERT_TBS_CRL, CERT_TBS_OCSP };

struct cert_tbs_view {
	enum cert_tbs kind;
	enum cert_alg alg;     /* CERTIFICATE, CRL: what it says itself */
	str issuer, subject;   /* Name in DER, slices of tbs; issuer: CERTIFICATE, CRL; subject: CERTIFICATE, REQUEST */
	str spki;              /* CERTIFICATE, REQUEST: slice of tbs */
	bool is_ca;            /* CERTIFICATE: it may sign others */
	int32_t path_length;   /* -1: no limit */
	uint8_t responder[20]; /* OCSP: SHA-1 of the responder's public key */
};

/* What somebody is asked to sign, at most CERT_CRL_MAX bytes: whole, DER in its one canonical form, of the version and the algorithms that
 * cert_tbs_...() write. Anything else is NOTHING, and then the rest of out is empty. */
enum cert_tbs cert_tbs_kind(str tbs, struct cert_tbs_view *out);

/* ---- what is asked for ---- */

/* In this order; what is empty is left out. c is two letters. */
struct cert_subject {
	str c, st, l, o, ou, cn;
};

/* What stands in every certificate below an authority; empty: left out. */
struct cert_urls {
	str crl, issuer, ocsp; /* http://... */
};

#define CERT_ROOT_DAYS      3652 /* ten years */
#define CERT_AUTHORITY_DAYS 1826 /* five */
#define CERT_SERVER_DAYS    365  /* at most 398, which is what clients accept */

/* Everything is valid from an hour before now (seconds since 1970; clocks differ), has a random serial number of 128 bits, and ends no
 * later than its issuer. All answer REFUSED with d for what must not stand in a certificate and for an issuer that has ended or may not
 * issue this, MALFORMED for an issuer or key that cannot be read. */

/* A root for itself: path length 1, CERT_ROOT_DAYS. */
err cert_tbs_root(const struct cert_subject *subject, str spki, int64_t now, struct buf *tbs, enum cert_alg *alg, struct diag *d);

/* An issuing authority below `issuer`: path length 0, CERT_AUTHORITY_DAYS, good only for names in the permitted domains. */
struct cert_authority {
	struct cert_subject subject;
	struct topo_names dns, mail; /* domains with all below them, domains of addresses; at least one dns */
	struct cert_urls urls;       /* of the root */
};
err cert_tbs_authority(const struct cert_authority *what, str spki, str issuer, int64_t now, struct buf *tbs, enum cert_alg *alg, struct diag *d);

/* A server's certificate, or the request for one. */
struct cert_order {
	struct cert_subject subject; /* cn <= CERT_CN_MAX */
	struct topo_names san;       /* dNSName in this order; none: cn only */
	bool client_auth;            /* beside serverAuth */
	uint32_t days;               /* 0: CERT_SERVER_DAYS */
	struct cert_urls urls;       /* not in a request */
	str template;                /* in a request only: the certificate template's name at an Active Directory authority; may be empty */
};
/* By the plan: cn, names, client_auth, crl. The names live in `a`. CEILING. */
err cert_order_fill(const struct plan_certificate *plan, str organization, struct arena *a, struct cert_order *out);
err cert_tbs_server(const struct cert_order *what, str spki, str issuer, int64_t now, struct buf *tbs, enum cert_alg *alg, struct diag *d);

/* ---- requests (PKCS #10, RFC 2986) ---- */

err cert_tbs_request(const struct cert_order *what, str spki, struct buf *tbs, enum cert_alg *alg, struct diag *d);
/* "CERTIFICATE REQUEST" in PEM. */
void cert_request_print(str der, struct buf *pem);

struct cert_request_view {
	str der, spki;       /* slices of the DER, in the arena */
	str subject, cn;     /* RFC 2253, readable; the last common name, may be empty */
	struct topo_names san, mail, uri; /* as asked for, in their order */
	struct topo_names usages;         /* of keys, extended: "serverAuth" or dotted numbers */
	struct cert_subject parts;        /* the first of each kind */
	str key;                          /* as in struct cert_view */
	uint8_t hash[32];                 /* cert_spki_hash */
};

/* A request in PEM or DER whose key has signed it: RSA of 2048 to 8192 bits (1024 too if is_weak_fine) or P-256, P-384, P-521, at most
 * CERT_NAMES_MAX names. All of out lives in `a`. MALFORMED, REFUSED with d. */
err cert_request_read(str text, bool is_weak_fine, struct arena *a, struct cert_request_view *out, struct diag *d);

/* ---- what an external authority answers, and what is carried elsewhere ---- */

#define CERT_ANSWER_MAX   (1 << 18) /* bytes */
#define CERT_ANSWER_CERTS 32

struct cert_answer {
	str leaf;                 /* empty: no certificate for one of the keys */
	struct topo_names chain;  /* its issuers, from the leaf on, as far as they are here; without the root */
	struct topo_names others; /* the root and everything that does not belong to the chain */
	struct buf pkcs8;         /* the key that came along, or empty; a secret */
	uint8_t hash[32];         /* of the leaf's public key */
	str friendly_name;        /* from PKCS #12; may be empty */
};

/* PEM (one or many certificates, a key), a certificate in DER, PKCS #7 in PEM or DER, PKCS #12 with its password (NULL: none was given). The
 * leaf is the certificate whose public key came along as private key or is one of `hashes` (of pending requests and keys at hand).
 * Certificates live in `a`; out is to be ended by cert_answer_fini whatever the answer. MALFORMED; REFUSED (password, a broken
 * chain, a key that fits nothing); ABSENT: no certificate for such a key is in it, but out->others is filled; CEILING. All with d. */
err cert_answer_read(str bytes, const char *password, const uint8_t (*hashes)[32], size_t n, struct arena *a, struct cert_answer *out, struct diag *d);
void cert_answer_fini(struct cert_answer *answer);

/* PKCS #12 (AES-256-CBC, PBKDF2 with HMAC-SHA-256) of a key, its certificate first and the others after it, for a password of at least 1 byte.
 * REFUSED: the key is not that of the first certificate. */
err cert_pkcs12_write(str pkcs8, const struct topo_names *chain, const char *friendly_name, const char *password, struct buf *out, struct diag *d);

/* All certificates of a PEM text as DER, at most CERT_ANSWER_CERTS. MALFORMED (none, or one cannot be read), CEILING, with d. */
err cert_pem_read(str pem, struct arena *a, struct topo_names *out, struct diag *d);
/* One certificate in PEM, appended. */
void cert_pem_print(str der, struct buf *pem);

/* ---- revocation ---- */

#define CERT_CRL_MAX        (1 << 20) /* bytes */
#define CERT_REVOKED_MAX    10000     /* certificates in a list */
#define CERT_CRL_GRACE_DAYS 30        /* that one stays in the list after its end */

/* RFC 5280 5.3.1, those that an authority like this one has. */
enum cert_reason { CERT_UNSPECIFIED, CERT_KEY_COMPROMISE, CERT_AFFILIATION_CHANGED, CERT_SUPERSEDED, CERT_CESSATION, CERT_REASON_N };

struct cert_revoked {
	char serial[CERT_SERIAL]; /* hexadecimal */
	int64_t when;             /* seconds since 1970 */
	enum cert_reason reason;
	int64_t expires; /* of the certificate; 0: not known, it stays in the list */
};

/* "keyCompromise" */
const char *cert_reason_word(enum cert_reason reason);
/* False if there is no such reason; compared without regard to case. */
bool cert_reason_find(str word, enum cert_reason *out);

/* The list of an authority (RFC 5280 5): who has ended CERT_CRL_GRACE_DAYS ago is left out. number only grows. CEILING (more than
 * CERT_REVOKED_MAX), MALFORMED (a serial, the issuer). */
struct cert_list {
	const struct cert_revoked *p;
	size_t n;
	uint64_t number;
	int64_t now, next; /* from an hour before now until next */
};
err cert_tbs_crl(const struct cert_list *list, str issuer, struct buf *tbs, enum cert_alg *alg, struct diag *d);

struct cert_crl;

/* A list in DER or PEM that one of the authorities of ca_pem has signed. MALFORMED, REFUSED (another one signed it, or a critical extension
 * that nothing here knows) with d. */
err cert_crl_read(str der, str ca_pem, struct cert_crl **out, struct diag *d);
void cert_crl_free(struct cert_crl *crl); /* NULL allowed */
/* The name of who has issued it, as in struct cert_view. */
err cert_crl_issuer(const struct cert_crl *crl, struct arena *a, str *out);
/* Seconds since 1970 after which it says nothing any more, and from when. */
int64_t cert_crl_ends(const struct cert_crl *crl);
int64_t cert_crl_begins(const struct cert_crl *crl);
/* Whether it says something at this time; clocks may differ by an hour. */
bool cert_crl_is_fresh(const struct cert_crl *crl, int64_t now);
uint64_t cert_crl_number(const struct cert_crl *crl); /* 0: none */
size_t cert_crl_count(const struct cert_crl *crl);
bool cert_crl_has(const struct cert_crl *crl, const char *serial);
/* Its n-th entry (< cert_crl_count); expires is not known. */
void cert_crl_get(const struct cert_crl *crl, size_t n, struct cert_revoked *out);

/* ---- OCSP (RFC 6960) ---- */

#define CERT_OCSP_REQUEST_MAX 4096 /* bytes */
#define CERT_OCSP_MAX         16384 /* bytes of a response */
#define CERT_OCSP_IDS         8     /* certificates asked about in one request */
#define CERT_OCSP_NONCE       32    /* bytes (RFC 8954) */

struct cert_ocsp_request {
	struct cert_ocsp_id {
		str id; /* CertID, a slice of the request */
		str name_hash, key_hash;
		bool is_sha256; /* else SHA-1 */
		char serial[CERT_SERIAL];
	} ids[CERT_OCSP_IDS];
	size_t n;
	uint8_t nonce[CERT_OCSP_NONCE];
	size_t nonce_n; /* 0: none */
};

enum cert_ocsp_status { CERT_OCSP_GOOD, CERT_OCSP_REVOKED, CERT_OCSP_UNKNOWN };
struct cert_ocsp_answer {
	enum cert_ocsp_status status;
	int64_t when; /* REVOKED, as the next */
	enum cert_reason reason;
};

/* MALFORMED, CEILING (too many certificates). out borrows from der. Signatures of requests are not looked at. */
err cert_ocsp_read(str der, struct cert_ocsp_request *out, struct diag *d);
/* Whether it asks about a certificate of this issuer. */
bool cert_ocsp_is_of(const struct cert_ocsp_id *id, str issuer);
/* A request of one certificate of the issuer, without nonce if nonce_n is 0. */
err cert_ocsp_print(const char *serial, str issuer, const uint8_t *nonce, size_t nonce_n, struct buf *der);
/* The answers to all of a request, by the issuer itself, good from now until next. */
err cert_tbs_ocsp(const struct cert_ocsp_request *request, const struct cert_ocsp_answer *answers, str issuer, int64_t now, int64_t next,
	struct buf *tbs, enum cert_alg *alg, struct diag *d);
/* The whole response with its signature and, if the caller likes, certificates. */
err cert_ocsp_seal(str tbs, enum cert_alg alg, str signature, const struct topo_names *certs, struct buf *der);
/* A response without an answer: malformedRequest 1, internalError 2, tryLater 3, sigRequired 5, unauthorized 6. */
void cert_ocsp_refuse(unsigned status, struct buf *der);
/* What a response that the issuer has signed says of one of its certificates, at `now`. nonce: as asked; nonce_n 0: not compared. MALFORMED,
 * REFUSED with d. */
err cert_ocsp_check(str der, const char *serial, str issuer, const uint8_t *nonce, size_t nonce_n, int64_t now, struct cert_ocsp_answer *out,
	struct diag *d);

/* ---- certificates of people ---- */

#define CERT_CLIENT_DAYS     365
#define CERT_CLIENT_DAYS_MAX 1095
#define CERT_CLIENT_DER_MAX  8192 /* bytes of one that is shown */
#define CERT_ADDRESS_MAX     254  /* bytes of an address without scheme */

/* Who is to prove himself, and for how long. */
struct cert_client {
	str address; /* "ann@example.test", of letters, digits and - _ . + ~ before the @ */
	str organization, crl_url;
	uint32_t days;            /* at most CERT_CLIENT_DAYS_MAX */
	uint32_t seconds;         /* instead of days, from now on; 0: days */
	str issuer_url, ocsp_url; /* may be empty */
};

/* For clientAuth alone, with SAN URI and rfc822Name; otherwise as cert_tbs_server. */
err cert_tbs_client(const struct cert_client *who, str spki, str issuer, int64_t now, struct buf *tbs, enum cert_alg *alg, struct diag *d);

struct cert_client_view {
	char address[CERT_ADDRESS_MAX + 1]; /* lower case, without scheme */
	char serial[CERT_SERIAL];           /* set as soon as there is a certificate, also when it is refused */
	int64_t expires;
};

/* Whether a certificate in DER proves who somebody is at `now`: issued by the first authority of ca_pem (those after it only complete the
 * way to its root), not in crl (which must not have ended), for clientAuth and not for servers, with one SIP address. Says nothing of who holds its key. REFUSED with the reason in d. */
err cert_client_check(str der, str ca_pem, const struct cert_crl *crl, int64_t now, struct cert_client_view *out, struct diag *d);

/* ---- reading ---- */

/* RFC 5280 4.2.1.3, as the bits of OpenSSL */
#define CERT_KU_SIGN       0x80u /* digitalSignature */
#define CERT_KU_ENCIPHER   0x20u /* keyEncipherment */
#define CERT_KU_AGREE      0x08u /* keyAgreement */
#define CERT_KU_CERT_SIGN  0x04u /* keyCertSign */
#define CERT_KU_CRL_SIGN   0x02u /* cRLSign */

struct cert_view {
	str subject, issuer;   /* RFC 2253, readable */
	struct topo_names san; /* dNSName entries in their order */
	str crl_url;           /* the first; may be empty */
	str key;               /* "rsa-2048" or what OpenSSL calls it */
	int64_t not_before, not_after;
	char serial[CERT_SERIAL]; /* hexadecimal, upper case, as the next */
	char thumbprint[41]; /* SHA-1 of the certificate, by which administrators name it */
	uint8_t spki[32];

	str cn;                          /* the last common name; may be empty */
	struct cert_subject parts;       /* the first of each kind in the subject */
	struct topo_names uri, mail, ip; /* further names, addresses as text */
	bool has_wildcard;               /* in cn or a dNSName */
	struct topo_names usages;        /* of keys, extended: "serverAuth" or dotted numbers */
	bool has_usages, has_key_usage;  /* whether there is such an extension */
	uint32_t key_usage;              /* CERT_KU_...; 0 without the extension */
	bool has_constraints, is_ca;     /* basicConstraints */
	int32_t path_length;             /* -1: no limit */
	uint32_t key_bits;
	str curve;                       /* "P-256"; empty: no EC key */
	str signature, hash;             /* "sha256WithRSAEncryption", "sha256" */
	struct topo_names crl_urls, issuer_urls, ocsp_urls;
	str ski, aki;                    /* identifiers of the keys, hexadecimal; may be empty */
	struct topo_names critical;      /* critical extensions that nothing here knows, dotted numbers */
	struct topo_names permitted;     /* name constraints: "DNS:example.test" */
	bool is_self_issued;             /* subject and issuer are the same */
	uint32_t version;                /* 3 */
};

/* The first certificate of a PEM text. All of out lives in `a`. MALFORMED with d. */
err cert_read(str pem, struct arena *a, struct cert_view *out, struct diag *d);
/* The same of a certificate in DER. */
err cert_view_read(str der, struct arena *a, struct cert_view *out, struct diag *d);
/* Its SubjectPublicKeyInfo. MALFORMED. */
err cert_spki_read(str der, struct buf *spki);

#endif
