/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_WIRE_SOAP_PRIV_H
#define WITAN_WIRE_SOAP_PRIV_H

#include "wire/soap.h"

#define SOAP_ENVELOPE  "http://schemas.xmlsoap.org/soap/envelope/"
#define SOAP_TRUST     "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
#define SOAP_WSU       "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
#define SOAP_WSSE      "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
#define SOAP_SAML      "urn:oasis:names:tc:SAML:1.0:assertion"
#define SOAP_SAML_TYPE "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1"
#define SOAP_X509_TYPE "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
#define SOAP_OCS       "http://schemas.microsoft.com/OCS/AuthWebServices/"
#define SOAP_BOOK      "DistributionListExpander"
#define SOAP_DSIG      "http://www.w3.org/2000/09/xmldsig#"
#define SOAP_XENC      "http://www.w3.org/2001/04/xmlenc#"
#define SOAP_BEARER    "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"

/* Whatever is wrong with a request, said in one way. */
err soap_malformed(struct diag *d, const char *what);
/* Bytes of base64 that may be broken into lines, at most `most`. MALFORMED: none, or more. */
err soap_bytes_read(const struct xml_node *n, struct arena *a, size_t most, str *out);
/* The text of n in `a`; MALFORMED when it is longer than `most`. */
err soap_text_read(const struct xml_node *n, struct arena *a, size_t most, str *out);
/* The envelope of a message and the first element of its body, or NULL with d. */
err soap_envelope_read(struct xml_reader *r, str text, struct arena *a, const char *request, const struct xml_node **envelope, const struct xml_node **body,
	struct diag *d);
/* "sip:ann@example.test" without the scheme. */
str soap_user(str s);

/* soap_print.c */
void soap_open_body(struct xml *x, struct buf *out);
void soap_end(struct xml *x, struct buf *out);

/* soap_ticket.c: of an Assertion element */
err soap_assertion_read(const struct xml_node *n, struct arena *a, struct soap_ticket *out, struct diag *d);

#endif
