/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a leaf (RFC 5922 7.1, 7.2). */
#include "service/trust/trust_priv.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { NAMES_MOST = 1000 };

struct walk {
	const struct trust_case *c;
	char name[TRUST_NAME]; /* the one that fits */
	char shown[160];       /* the first few, for people */
	bool has_uri, has_wildcard;
};

static bool is_host(str s)
{
	if (s.n == 0 || s.n >= TRUST_NAME)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = char_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
			return false;
	}
	return true;
}

/* RFC 5922 7.2: names are equal or they are not. */
static bool is_asked_for(const struct trust_case *c, str name)
{
	if (c->name.n != 0)
		return str_eq_case(c->name, name);
	return c->is_known != NULL && c->is_known(c->arg, name);
}

static void show(struct walk *w, str name)
{
	size_t n = strlen(w->shown);
	if (n + name.n + 3 < sizeof w->shown)
		(void)snprintf(w->shown + n, sizeof w->shown - n, "%s%.*s", n != 0 ? ", " : "", STR_FMT(name));
}

/* Would it fit, if a star stood for a label? Which names are known is not asked: there may be one. */
static bool is_covered(const struct trust_case *c, str wild)
{
	size_t dot = str_find_char(c->name, '.');
	return c->name.n == 0 || (str_begins(wild, STR("*.")) && str_eq_case(str_cut(wild, 1, wild.n), str_cut(c->name, dot, c->name.n)));
}

static void take(struct walk *w, str name)
{
	show(w, name);
	if (name.n != 0 && memchr(name.p, '*', name.n) != NULL) {
		w->has_wildcard = w->has_wildcard || is_covered(w->c, name);
		return;
	}
	/* a NUL inside would be a trick (CVE-2009-2408); so is everything that no host is called */
	if (w->name[0] == '\0' && is_host(name) && is_asked_for(w->c, name))
		(void)str_to_z(name, w->name, sizeof w->name);
}

static str text_of(const ASN1_STRING *s)
{
	return (str){ (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) };
}

/* "sip:example.com" names a domain; with a user, a port or parameters it names something else. */
static bool is_domain_uri(str uri, str *host)
{
	if (!str_begins_case(uri, STR("sip:")))
		return false;
	*host = str_cut(uri, 4, uri.n);
	return is_host(*host);
}

static void take_kind(struct walk *w, const GENERAL_NAMES *names, int kind)
{
	int n = sk_GENERAL_NAME_num(names);
	for (int i = 0; i < n && i < NAMES_MOST; i++) {
		int type;
		str host, value = text_of(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type));
		if (type != kind)
			continue;
		if (kind == GEN_DNS) {
			take(w, value);
		} else if (is_domain_uri(value, &host)) {
			w->has_uri = true;
			take(w, host);
		}
	}
}

/* Only where there is no subjectAltName at all, as on an Edge's inner side; and only one. */
static void take_common_name(struct walk *w, X509 *leaf)
{
	X509_NAME *subject = X509_get_subject_name(leaf);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return;
	int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (n > 0)
		take(w, (str){ (char *)text, (size_t)n });
	OPENSSL_free(text);
}

static bool has_wild_common_name(X509 *leaf)
{
	char cn[TRUST_NAME] = "";
	int n = X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, cn, sizeof cn);
	return n > 0 && memchr(cn, '*', strlen(cn)) != NULL;
}

static bool has_address(const struct trust_case *c, const GENERAL_NAMES *names)
{
	char z[64];
	uint8_t ip[16];
	size_t n = 0;
	if (c->role != TRUST_SERVER || !str_to_z(c->name, z, sizeof z))
		return false;
	if (inet_pton(AF_INET, z, ip) == 1)
		n = 4;
	else if (inet_pton(AF_INET6, z, ip) == 1)
		n = 16;
	for (int i = 0; n != 0 && i < sk_GENERAL_NAME_num(names); i++) {
		int type;
		str v = text_of(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type));
		if (type == GEN_IPADD && v.n == n && memcmp(v.p, ip, n) == 0)
			return true;
	}
	return false;
}

static enum trust_reason server_names(X509 *leaf, const GENERAL_NAMES *names, struct walk *w, struct diag *d)
{
	char detail[200] = "it has no name";
	if (names == NULL) {
		take_common_name(w, leaf);
	} else {
		take_kind(w, names, GEN_URI);
		if (!w->has_uri)
			take_kind(w, names, GEN_DNS);
		if (has_address(w->c, names))
			(void)str_to_z(w->c->name, w->name, sizeof w->name);
	}
	if (w->name[0] != '\0' && !has_wild_common_name(leaf))
		return TRUST_FINE;
	if (w->shown[0] != '\0')
		(void)snprintf(detail, sizeof detail, "its names: %s", w->shown);
	enum trust_reason r = w->has_wildcard || has_wild_common_name(leaf) ? TRUST_WILDCARD : TRUST_WRONG_NAME;
	(void)failed(trust_refuse(r, leaf, detail, d));
	return r;
}

static enum trust_reason client_name(X509 *leaf, const GENERAL_NAMES *names, struct walk *w, struct diag *d)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < NAMES_MOST; i++) {
		int type;
		str uri = text_of(GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type));
		if (type == GEN_URI && str_begins_case(uri, STR("sip:")) && str_eq_case(str_cut(uri, 4, uri.n), w->c->name)) {
			(void)str_to_z(w->c->name, w->name, sizeof w->name);
			return TRUST_FINE;
		}
	}
	(void)failed(trust_refuse(TRUST_WRONG_NAME, leaf, "it does not name that SIP address", d));
	return TRUST_WRONG_NAME;
}

enum trust_reason trust_names(X509 *leaf, const struct trust_case *c, char name[TRUST_NAME], struct diag *d)
{
	struct walk w = { .c = c };
	int critical = -1;
	if (c->role == TRUST_CLIENT && c->name.n == 0)
		return TRUST_FINE;
	GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);
	enum trust_reason r;
	if (names == NULL && critical != -1) {
		r = TRUST_MALFORMED; /* there is one, but it cannot be read or is there twice */
		(void)failed(trust_refuse(r, leaf, "its subjectAltName cannot be read", d));
	} else {
		r = c->role == TRUST_CLIENT ? client_name(leaf, names, &w, d) : server_names(leaf, names, &w, d);
	}
	GENERAL_NAMES_free(names);
	memcpy(name, w.name, sizeof w.name);
	return r;
}
