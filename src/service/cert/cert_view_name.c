/* SPDX-License-Identifier: Apache-2.0 */
/* The names and addresses in a certificate or a request. */
#include "service/cert/cert_priv.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

err cert_extension(X509 *x, int nid, void **out)
{
	int critical = 0;
	*out = X509_get_ext_d2i(x, nid, &critical, NULL);
	return *out != NULL || critical == -1 ? OK : ERR(MALFORMED); /* -1: there is none */
}

static str string_text(const ASN1_STRING *s, struct arena *a)
{
	int n = ASN1_STRING_length(s);
	return arena_copy(a, (str){ n > 0 ? (const char *)ASN1_STRING_get0_data(s) : "", n > 0 ? (size_t)n : 0 });
}

/* ---- distinguished names ---- */

str cert_name_text(const X509_NAME *name, struct arena *a)
{
	char *p = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	str s = { NULL, 0 };
	if (bio != NULL &&
		X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0) {
		long n = BIO_get_mem_data(bio, &p);
		s = arena_copy(a, (str){ n > 0 ? p : "", n > 0 ? (size_t)n : 0 });
	}
	BIO_free(bio);
	return s;
}

static err read_part(const X509_NAME *name, int at, struct arena *a, str *out)
{
	unsigned char *utf8 = NULL;
	*out = (str){ "", 0 };
	if (at < 0)
		return OK;
	int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	ENSURE(n >= 0, MALFORMED);
	*out = arena_copy(a, (str){ (const char *)utf8, (size_t)n });
	OPENSSL_free(utf8);
	ENSURE(out->p != NULL, CEILING);
	return OK;
}

static int last_of(const X509_NAME *name, int nid)
{
	int at = -1, next = -1;
	while ((next = X509_NAME_get_index_by_NID(name, nid, next)) >= 0)
		at = next;
	return at;
}

err cert_name_parts(const X509_NAME *name, struct arena *a, struct cert_subject *out, str *last_cn)
{
	const struct {
		int nid;
		str *to;
	} parts[] = { { NID_countryName, &out->c }, { NID_stateOrProvinceName, &out->st }, { NID_localityName, &out->l },
		{ NID_organizationName, &out->o }, { NID_organizationalUnitName, &out->ou }, { NID_commonName, &out->cn } };
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		TRY(read_part(name, X509_NAME_get_index_by_NID(name, parts[i].nid, -1), a, parts[i].to));
	return read_part(name, last_of(name, NID_commonName), a, last_cn);
}

/* ---- alternative names ---- */

static str address_text(const ASN1_STRING *s, struct arena *a)
{
	char z[INET6_ADDRSTRLEN] = "?";
	const unsigned char *p = ASN1_STRING_get0_data(s);
	if (ASN1_STRING_length(s) == 4)
		(void)inet_ntop(AF_INET, p, z, sizeof z);
	else if (ASN1_STRING_length(s) == 16)
		(void)inet_ntop(AF_INET6, p, z, sizeof z);
	return arena_copy(a, str_of(z));
}

err cert_names_of(const GENERAL_NAMES *names, int type, struct arena *a, struct topo_names *out)
{
	int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0, found = 0, had;
	for (int i = 0; i < n; i++)
		found += sk_GENERAL_NAME_value(names, i)->type == type;
	*out = (struct topo_names){ arena_alloc(a, (size_t)found * sizeof(str)), 0 };
	ENSURE(out->p != NULL, CEILING);
	for (int i = 0; i < n; i++) {
		const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &had);
		if (had != type)
			continue;
		out->p[out->n] = type == GEN_IPADD ? address_text(value, a) : string_text(value, a);
		ENSURE(out->p[out->n++].p != NULL, CEILING);
	}
	return OK;
}

static bool has_wildcard(const struct cert_view *v)
{
	if (str_find_char(v->cn, '*') < v->cn.n)
		return true;
	for (size_t i = 0; i < v->san.n; i++)
		if (str_find_char(v->san.p[i], '*') < v->san.p[i].n)
			return true;
	return false;
}

static err split_names(const GENERAL_NAMES *names, struct arena *a, struct cert_view *out)
{
	TRY(cert_names_of(names, GEN_DNS, a, &out->san));
	TRY(cert_names_of(names, GEN_URI, a, &out->uri));
	TRY(cert_names_of(names, GEN_EMAIL, a, &out->mail));
	return cert_names_of(names, GEN_IPADD, a, &out->ip);
}

err cert_view_names(X509 *x, struct arena *a, struct cert_view *out)
{
	GENERAL_NAMES *names;
	TRY(cert_extension(x, NID_subject_alt_name, (void **)&names));
	err e = split_names(names, a, out);
	GENERAL_NAMES_free(names);
	out->has_wildcard = !failed(e) && has_wildcard(out);
	return e;
}

err cert_usage_words(const EXTENDED_KEY_USAGE *usages, struct arena *a, struct topo_names *out)
{
	int n = usages != NULL ? sk_ASN1_OBJECT_num(usages) : 0;
	*out = (struct topo_names){ arena_alloc(a, (size_t)n * sizeof(str)), 0 };
	ENSURE(out->p != NULL, CEILING);
	for (int i = 0; i < n; i++) {
		const ASN1_OBJECT *o = sk_ASN1_OBJECT_value(usages, i);
		char z[80];
		int nid = OBJ_obj2nid(o);
		if (nid == NID_undef)
			(void)OBJ_obj2txt(z, sizeof z, o, 1);
		out->p[out->n] = arena_copy(a, str_of(nid != NID_undef ? OBJ_nid2sn(nid) : z));
		ENSURE(out->p[out->n++].p != NULL, CEILING);
	}
	return OK;
}

/* ---- where to ask ---- */

struct urls {
	struct topo_names *out;
	size_t room;
	struct arena *arena;
};

static err add_url(struct urls *u, const GENERAL_NAME *name)
{
	if (name->type != GEN_URI || u->out->n == u->room)
		return OK;
	u->out->p[u->out->n] = string_text(name->d.uniformResourceIdentifier, u->arena);
	ENSURE(u->out->p[u->out->n++].p != NULL, CEILING);
	return OK;
}

static err open_urls(struct urls *u, struct topo_names *out, struct arena *a)
{
	enum { ROOM = 16 }; /* more than anybody has */
	*u = (struct urls){ out, ROOM, a };
	*out = (struct topo_names){ arena_alloc(a, ROOM * sizeof(str)), 0 };
	ENSURE(out->p != NULL, CEILING);
	return OK;
}

static err read_points(const CRL_DIST_POINTS *points, struct arena *a, struct topo_names *out)
{
	struct urls u;
	TRY(open_urls(&u, out, a));
	for (int i = 0; points != NULL && i < sk_DIST_POINT_num(points); i++) {
		const DIST_POINT_NAME *name = sk_DIST_POINT_value(points, i)->distpoint;
		if (name == NULL || name->type != 0)
			continue;
		for (int k = 0; k < sk_GENERAL_NAME_num(name->name.fullname); k++)
			TRY(add_url(&u, sk_GENERAL_NAME_value(name->name.fullname, k)));
	}
	return OK;
}

static err read_access(const AUTHORITY_INFO_ACCESS *all, struct arena *a, struct cert_view *out)
{
	struct urls issuers, ocsp;
	TRY(open_urls(&issuers, &out->issuer_urls, a));
	TRY(open_urls(&ocsp, &out->ocsp_urls, a));
	for (int i = 0; all != NULL && i < sk_ACCESS_DESCRIPTION_num(all); i++) {
		const ACCESS_DESCRIPTION *one = sk_ACCESS_DESCRIPTION_value(all, i);
		int nid = OBJ_obj2nid(one->method);
		if (nid == NID_ad_ca_issuers || nid == NID_ad_OCSP)
			TRY(add_url(nid == NID_ad_OCSP ? &ocsp : &issuers, one->location));
	}
	return OK;
}

err cert_view_urls(X509 *x, struct arena *a, struct cert_view *out)
{
	CRL_DIST_POINTS *points;
	AUTHORITY_INFO_ACCESS *access;
	TRY(cert_extension(x, NID_crl_distribution_points, (void **)&points));
	err e = read_points(points, a, &out->crl_urls);
	CRL_DIST_POINTS_free(points);
	TRY(e);
	out->crl_url = out->crl_urls.n > 0 ? out->crl_urls.p[0] : STR("");
	TRY(cert_extension(x, NID_info_access, (void **)&access));
	e = read_access(access, a, out);
	AUTHORITY_INFO_ACCESS_free(access);
	return e;
}

static err read_subtrees(const NAME_CONSTRAINTS *c, struct arena *a, struct topo_names *out)
{
	int n = c != NULL && c->permittedSubtrees != NULL ? sk_GENERAL_SUBTREE_num(c->permittedSubtrees) : 0, type;
	*out = (struct topo_names){ arena_alloc(a, (size_t)n * sizeof(str)), 0 };
	ENSURE(out->p != NULL, CEILING);
	for (int i = 0; i < n; i++) {
		const ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_SUBTREE_value(c->permittedSubtrees, i)->base, &type);
		if (type != GEN_DNS && type != GEN_EMAIL && type != GEN_URI)
			continue;
		const str parts[] = { type == GEN_DNS ? STR("DNS:") : type == GEN_EMAIL ? STR("email:") : STR("URI:"),
			{ (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) } };
		out->p[out->n] = arena_join(a, parts, 2);
		ENSURE(out->p[out->n++].p != NULL, CEILING);
	}
	return OK;
}

err cert_view_permitted(X509 *x, struct arena *a, struct topo_names *out)
{
	NAME_CONSTRAINTS *c;
	TRY(cert_extension(x, NID_name_constraints, (void **)&c));
	err e = read_subtrees(c, a, out);
	NAME_CONSTRAINTS_free(c);
	return e;
}
