/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sipae - how clients of the Lync dialect prove themselves and sign every message ([MS-SIPAE]): credentials and challenges, and
 * the text that a signature is about. No keys here: who holds an association signs (service/auth). Pure.
 */
#ifndef WITAN_WIRE_SIPAE_H
#define WITAN_WIRE_SIPAE_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/sip.h"

enum sipae_scheme { SIPAE_KERBEROS, SIPAE_NTLM, SIPAE_TLS_DSK, SIPAE_SCHEMES };

#define SIPAE_REALM       "SIP Communications Service" /* of every server: part of what is signed */
#define SIPAE_VERSION     4       /* the newest, which we offer; clients may ask for 2 or 3 */
#define SIPAE_TOKEN_MAX   16384   /* characters of gssapi-data */
#define SIPAE_OPAQUE_MAX  64      /* and of opaque, which names an association */

str sipae_scheme_name(enum sipae_scheme s);

/* One Authorization or Proxy-Authorization value. */
struct sipae_credentials {
	bool is_known;            /* of one of our schemes; otherwise nothing else is filled */
	enum sipae_scheme scheme;
	str opaque, realm, targetname;
	str token;                /* gssapi-data: base64 */
	bool has_token;           /* it is there, maybe empty: the client begins, or goes on, to prove itself */
	unsigned version;         /* 2 to 4; 2 when it is not said (MS-SIPAE 2.2.1) */
	str random;               /* crand */
	str number_raw;           /* cnum, as it is signed */
	uint32_t number;
	str response;             /* the signature, hexadecimal; empty: unsigned */
};

/* MALFORMED: grammar, a parameter twice or too long, a version or number that is none. */
err sipae_parse(str value, struct sipae_credentials *out, struct diag *d);

/* What is signed besides the message. */
struct sipae_stamp {
	enum sipae_scheme scheme;
	unsigned version;
	str random, number; /* crand and cnum of a client, srand and snum of a server */
	str realm, targetname;
};

/* The text of a signature (MS-SIPAE 3.2.5.2): fields of the message and the stamp, each in angle brackets. */
void sipae_text(const struct sip_msg *m, const struct sipae_stamp *s, struct buf *out);

/* A challenge's value: token NULL: there is none yet (the list of schemes of the first 401). */
struct sipae_challenge {
	enum sipae_scheme scheme;
	str targetname; /* server's FQDN */
	str opaque;     /* empty: no association yet */
	const str *token;
	str sts_uri;    /* TLS-DSK: where certificates are to be had; empty: not said */
	unsigned version;
};
void sipae_challenge_print(const struct sipae_challenge *c, struct buf *out);

/* "sip/" is put before the name of the server in what Kerberos has as targetname: a service principal. */
void sipae_target_print(enum sipae_scheme s, str fqdn, struct buf *out);

/* The message with an Authentication-Info field of this stamp and signature after its start line. */
void sipae_sign_print(str message, const struct sipae_stamp *s, str opaque, str signature, struct buf *out);

/* Does the request show that its client speaks the dialect? By epid in From, or a field that begins with "ms-". */
bool sipae_is_client(const struct sip_msg *m);
/* Of From; empty without. */
str sipae_epid(const struct sip_msg *m);

#endif
