/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soap - the SOAP 1.1 messages of web services that clients of the Lync dialect use: web tickets (WS-Trust 1.3, [MS-OCAUTHWS]), certificates
 * for them (GetAndPublishCert) and searches in the address book ([MS-ABS]). Read within ceilings, with the signature of the message laid out for whoever has the key; written
 * whole. Pure.
 */
#ifndef WITAN_WIRE_SOAP_H
#define WITAN_WIRE_SOAP_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/xml.h"
#include "wire/xml_tree.h"

#define SOAP_MOST         65536 /* bytes of a message that is read */
#define SOAP_ANSWER_MAX   65536
#define SOAP_ENTROPY_MIN  16 /* bytes */
#define SOAP_ENTROPY_MAX  64
#define SOAP_URL_MAX      300
#define SOAP_WORD_MAX     128 /* bytes of a context, an id, a device */
#define SOAP_SEALED_MAX   1024 /* bytes of what a ticket holds sealed */
#define SOAP_REQUEST_MAX  16384 /* bytes of a certificate request in DER */
#define SOAP_SIGNATURE    20 /* bytes: HMAC-SHA-1 */

/* ---- times ("2026-11-23T17:30:42Z") ---- */

/* Seconds since 1970; fractions of a second are passed over. MALFORMED: anything else, or no Z. */
err soap_time_read(str s, int64_t *out);
void soap_time_print(int64_t unix_seconds, struct buf *out);

/* ---- exclusive canonical form (XML-EXC-C14N 1.0, without comments) ---- */

/* n as the root of what is signed. The tree has to be read with limits.keeps_space. */
void soap_canonical_print(const struct xml_node *n, struct buf *out);

/* ---- requests. What is read lives in the arena ---- */

/* RequestSecurityToken */
struct soap_ticket_request {
	str context;    /* to be said again; may be empty */
	str applies_to; /* URL of the service that the ticket is for */
	str claimed;    /* who says he asks, without scheme; may be empty */
	str entropy;    /* bytes, of the client; empty: a ticket for bearers */
	bool is_bearer;
};
/* MALFORMED: no such request, or one of its parts; CEILING; REFUSED: another kind of token or request. */
err soap_ticket_request_read(struct xml_reader *r, str text, struct arena *a, struct soap_ticket_request *out, struct diag *d);

/* A ticket as somebody shows it: what stands readable in it, and what is sealed. */
struct soap_ticket {
	str user; /* without scheme */
	str id, audience;
	int64_t since, until;
	str sealed; /* bytes */
};
/* The assertion by itself, as X-MS-WebTicket carries it. MALFORMED, CEILING. */
err soap_ticket_read(struct xml_reader *r, str text, struct arena *a, struct soap_ticket *out, struct diag *d);

/* GetAndPublishCert */
struct soap_certificate_request {
	struct soap_ticket ticket;
	int64_t since, until; /* of the message */
	str signed_bytes;     /* what the signature is of */
	str signature;        /* SOAP_SIGNATURE bytes */
	str entity;           /* whose certificate; without scheme */
	str device;           /* without braces; may be empty */
	str request;          /* PKCS #10 in DER */
	str id;               /* may be empty */
};
/* The digest of the timestamp is verified here; the signature is not. MALFORMED, CEILING; REFUSED: another algorithm, a signature that does not
 * cover the timestamp, or a timestamp that was changed. */
err soap_certificate_request_read(struct xml_reader *r, str text, struct arena *a, struct soap_certificate_request *out, struct diag *d);

/* SearchAbEntry of the address book's web query ([MS-ABS]) */
#define SOAP_SEARCH_MAX 8    /* properties that it goes by */
#define SOAP_PEOPLE_MAX (1u << 20) /* bytes of an answer */

struct soap_search {
	struct soap_ticket ticket;
	uint32_t most;   /* people; 0: not said */
	str wanted;      /* names of what is wanted of each, with commas between them; empty: all */
	bool any;        /* one of the properties is enough, rather than all */
	size_t n;
	struct {
		str attribute, value; /* what it begins with; never empty */
	} by[SOAP_SEARCH_MAX];
};
/* Of a simple search each property that `knows` is taken, of another all. MALFORMED, CEILING; REFUSED: another request than a search, another kind of
 * comparison, or names typed on the keys of a telephone. */
err soap_search_read(struct xml_reader *r, str text, struct arena *a, bool (*knows)(str attribute), struct soap_search *out, struct diag *d);

/* ---- answers; out->failed when one does not fit ---- */

struct soap_ticket_answer {
	str context, issuer, audience, id, user;
	int64_t since, until;
	str sealed;  /* bytes */
	str entropy; /* of the server; empty: for bearers */
};
void soap_ticket_answer_print(const struct soap_ticket_answer *t, struct buf *out);

struct soap_certificate_answer {
	str device, entity, id;
	str der;
};
void soap_certificate_answer_print(const struct soap_certificate_answer *c, struct buf *out);

/* People, one after the other, each with what is said of him. */
struct soap_people {
	struct xml x;
	struct buf *out;
	bool has_person;
};
void soap_people_begin(struct soap_people *p, struct buf *out);
void soap_people_next(struct soap_people *p);
void soap_people_add(struct soap_people *p, str attribute, str value);
void soap_people_end(struct soap_people *p);

/* The text is what clients show to people. is_ours: the server could not, rather than that the client was wrong. */
void soap_fault_print(str text, bool is_ours, struct buf *out);

/* What services there are, as clients look them up (WSDL 1.1 with WS-Policy); base: "https://web.example.com". */
void soap_ticket_service_print(str base, struct buf *out);
void soap_certificate_service_print(str base, struct buf *out);
void soap_book_service_print(str base, struct buf *out);

#endif
