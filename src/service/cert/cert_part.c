/* SPDX-License-Identifier: Apache-2.0 */
/* Names and extensions in DER (RFC 5280 4.1.2, 4.2), and what may stand in them. */
#include "service/cert/cert_tbs.h"

#include <openssl/evp.h>

#define URL_OCTETS 1024

/* ---- subjects ---- */

static const struct part {
	size_t at; /* in struct cert_subject */
	const char *word;
	str oid;
	size_t most; /* characters (RFC 5280 A.1) */
} parts[] = {
	{ offsetof(struct cert_subject, c), "country", { "\x55\x04\x06", 3 }, 2 },
	{ offsetof(struct cert_subject, st), "state", { "\x55\x04\x08", 3 }, 128 },
	{ offsetof(struct cert_subject, l), "city", { "\x55\x04\x07", 3 }, 128 },
	{ offsetof(struct cert_subject, o), "organization", { "\x55\x04\x0a", 3 }, CERT_CN_MAX },
	{ offsetof(struct cert_subject, ou), "organizational unit", { "\x55\x04\x0b", 3 }, CERT_CN_MAX },
	{ offsetof(struct cert_subject, cn), "common name", { "\x55\x04\x03", 3 }, CERT_CN_MAX },
};

static str part_of(const struct cert_subject *subject, const struct part *part)
{
	str s;
	memcpy(&s, (const char *)subject + part->at, sizeof s);
	return s;
}

/* Characters of UTF-8 text without control characters; SIZE_MAX: it is none. */
static size_t count_characters(str s)
{
	size_t n = 0;
	while (s.n > 0) {
		size_t length = str_utf8_length(s);
		if (length == 0 || (uint8_t)s.p[0] < 0x20 || s.p[0] == 0x7f)
			return SIZE_MAX;
		s = str_cut(s, length, s.n);
		n++;
	}
	return n;
}

static bool is_letter(char c)
{
	c = char_lower(c);
	return c >= 'a' && c <= 'z';
}

err cert_subject_check(const struct cert_subject *subject, struct diag *d)
{
	bool has_any = false;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		str s = part_of(subject, &parts[i]);
		size_t n = count_characters(s);
		if (n == SIZE_MAX)
			return diag_fail(d, ERR(REFUSED), parts[i].word, "use printable characters in UTF-8", "the %s is not text", parts[i].word);
		if (n > parts[i].most)
			return diag_fail(d, ERR(REFUSED), parts[i].word, "use a shorter one", "the %s has %zu characters, at most %zu are allowed", parts[i].word, n,
				parts[i].most);
		has_any = has_any || n > 0;
	}
	str c = subject->c;
	if (c.n != 0 && (c.n != 2 || !is_letter(c.p[0]) || !is_letter(c.p[1])))
		return diag_fail(d, ERR(REFUSED), "country", "use the two letters of ISO 3166, for example DE", "\"%.*s\" is no country code", STR_FMT(c));
	if (!has_any)
		return diag_fail(d, ERR(REFUSED), "subject", "give a common name", "the subject is empty");
	return OK;
}

static void add_country(struct buf *b, str s)
{
	char upper[2];
	for (size_t i = 0; i < 2; i++)
		upper[i] = s.p[i] >= 'a' ? (char)(s.p[i] - 32) : s.p[i];
	der_add(b, DER_PRINTABLE, (str){ upper, 2 });
}

void cert_add_name(struct buf *b, const struct cert_subject *subject)
{
	const size_t from = b->n;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		str s = part_of(subject, &parts[i]);
		const size_t part = b->n;
		if (s.n == 0)
			continue;
		der_add(b, DER_OID, parts[i].oid);
		if (parts[i].at == offsetof(struct cert_subject, c))
			add_country(b, s);
		else
			der_add(b, DER_UTF8, s);
		der_wrap(b, part, DER_SEQUENCE);
		der_wrap(b, part, DER_SET);
	}
	der_wrap(b, from, DER_SEQUENCE);
}

/* ---- names of hosts ---- */

/* Without the wildcard that may be its first label. */
static bool is_host(str s)
{
	size_t label = 0;
	if (s.n == 0 || s.n > CERT_NAME_OCTETS)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '.' ? label == 0 || s.p[i - 1] == '-' : !(is_letter(c) || (c >= '0' && c <= '9') || (c == '-' && label > 0)))
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0 && s.p[s.n - 1] != '-';
}

err cert_names_check(const struct topo_names *names, bool wildcards, struct diag *d)
{
	if (names->n > CERT_NAMES_MAX)
		return diag_fail(d, ERR(REFUSED), "subject alternative names", "ask for fewer names", "%zu names, at most %d are allowed", names->n, CERT_NAMES_MAX);
	for (size_t i = 0; i < names->n; i++) {
		str s = names->p[i];
		const bool is_wild = wildcards && str_begins(s, STR("*."));
		if (!is_host(is_wild ? str_cut(s, 2, s.n) : s))
			return diag_fail(d, ERR(REFUSED), "subject alternative names", "use letters, digits, hyphens and dots", "\"%.*s\" is not a DNS name",
				STR_FMT(str_cut(s, 0, 100)));
	}
	return OK;
}

static bool is_url(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return s.n <= URL_OCTETS;
}

err cert_urls_check(const struct cert_urls *urls, struct diag *d)
{
	if (is_url(urls->crl) && is_url(urls->issuer) && is_url(urls->ocsp))
		return OK;
	return diag_fail(d, ERR(REFUSED), "addresses in the certificate", "use an http URL", "one has characters outside ASCII or more than %d octets", URL_OCTETS);
}

/* ---- extensions ---- */

#define CE(n) DER_TEXT("\x55\x1d" n)

struct cert_open cert_open_extension(struct buf *b, str oid, bool critical)
{
	const size_t from = b->n;
	der_add(b, DER_OID, oid);
	if (critical)
		der_add_bool(b, true);
	return (struct cert_open){ from, b->n };
}

void cert_close_extension(struct buf *b, struct cert_open open)
{
	der_wrap(b, open.value, DER_OCTETS);
	der_wrap(b, open.from, DER_SEQUENCE);
}

void cert_add_constraints(struct buf *b, bool is_ca, unsigned path_length)
{
	struct cert_open e = cert_open_extension(b, CE("\x13"), true);
	const size_t from = b->n;
	if (is_ca) {
		der_add_bool(b, true);
		der_add_uint(b, DER_INTEGER, path_length);
	}
	der_wrap(b, from, DER_SEQUENCE);
	cert_close_extension(b, e);
}

void cert_add_key_usage(struct buf *b, uint32_t usage)
{
	struct cert_open e = cert_open_extension(b, CE("\x0f"), true);
	const char byte = (char)usage;
	unsigned unused = 0;
	while ((usage >> unused & 1) == 0)
		unused++; /* X.690 11.2.2: no zeros at the end */
	der_add_bits(b, (str){ &byte, 1 }, unused);
	cert_close_extension(b, e);
}

void cert_add_usages(struct buf *b, bool server, bool client)
{
	struct cert_open e = cert_open_extension(b, CE("\x25"), false);
	const size_t from = b->n;
	if (server)
		der_add(b, DER_OID, DER_TEXT("\x2b\x06\x01\x05\x05\x07\x03\x01"));
	if (client)
		der_add(b, DER_OID, DER_TEXT("\x2b\x06\x01\x05\x05\x07\x03\x02"));
	der_wrap(b, from, DER_SEQUENCE);
	cert_close_extension(b, e);
}

void cert_key_identifier(str key, uint8_t out[20])
{
	if (EVP_Digest(key.p, key.n, out, NULL, EVP_sha1(), NULL) != 1)
		ASSERT(!"SHA-1");
}

void cert_add_ski(struct buf *b, const uint8_t ski[20])
{
	struct cert_open e = cert_open_extension(b, CE("\x0e"), false);
	der_add(b, DER_OCTETS, (str){ (const char *)ski, 20 });
	cert_close_extension(b, e);
}

void cert_add_aki(struct buf *b, const uint8_t ski[20])
{
	struct cert_open e = cert_open_extension(b, CE("\x23"), false);
	const size_t from = b->n;
	der_add(b, DER_CLASS + 0, (str){ (const char *)ski, 20 });
	der_wrap(b, from, DER_SEQUENCE);
	cert_close_extension(b, e);
}

void cert_add_san(struct buf *b, const struct topo_names *dns)
{
	if (dns->n == 0)
		return;
	struct cert_open e = cert_open_extension(b, CE("\x11"), false);
	const size_t from = b->n;
	for (size_t i = 0; i < dns->n; i++)
		der_add(b, DER_CLASS + 2, dns->p[i]);
	der_wrap(b, from, DER_SEQUENCE);
	cert_close_extension(b, e);
}

static void add_crl_url(struct buf *b, str url)
{
	struct cert_open e = cert_open_extension(b, CE("\x1f"), false);
	const size_t from = b->n;
	der_add(b, DER_CLASS + 6, url);
	der_wrap(b, from, DER_CONSTRUCTED + 0); /* fullName */
	der_wrap(b, from, DER_CONSTRUCTED + 0); /* distributionPoint */
	der_wrap(b, from, DER_SEQUENCE);
	der_wrap(b, from, DER_SEQUENCE);
	cert_close_extension(b, e);
}

static void add_access(struct buf *b, str method, str url)
{
	const size_t from = b->n;
	if (url.n == 0)
		return;
	der_add(b, DER_OID, method);
	der_add(b, DER_CLASS + 6, url);
	der_wrap(b, from, DER_SEQUENCE);
}

void cert_add_urls(struct buf *b, const struct cert_urls *urls)
{
	if (urls->crl.n != 0)
		add_crl_url(b, urls->crl);
	if (urls->ocsp.n == 0 && urls->issuer.n == 0)
		return;
	struct cert_open e = cert_open_extension(b, DER_TEXT("\x2b\x06\x01\x05\x05\x07\x01\x01"), false);
	const size_t from = b->n;
	add_access(b, DER_TEXT("\x2b\x06\x01\x05\x05\x07\x30\x01"), urls->ocsp);
	add_access(b, DER_TEXT("\x2b\x06\x01\x05\x05\x07\x30\x02"), urls->issuer);
	der_wrap(b, from, DER_SEQUENCE);
	cert_close_extension(b, e);
}
