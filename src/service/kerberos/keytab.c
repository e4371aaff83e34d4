/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a service's keys: 05 02, then records: a length (negative: a hole; 0: the end), the number of parts, realm, parts, type of
 * the name, time, a version of 8 bits, type and bytes of the key, and since long a version of 32 bits after it.
 */
#include "service/kerberos.h"

#include <stdio.h>
#include <string.h>

enum { ENCTYPE_AES128_SHA1 = 17, ENCTYPE_AES256_SHA1 = 18, ENCTYPE_AES128_SHA256 = 19, ENCTYPE_AES256_SHA384 = 20 };

static const struct {
	int32_t enctype;
	const char *name;
	size_t size; /* of a key; 0: not taken */
} enctypes[] = {
	{ 1, "des-cbc-crc", 0 },
	{ 2, "des-cbc-md4", 0 },
	{ 3, "des-cbc-md5", 0 },
	{ 16, "des3-cbc-sha1", 0 },
	{ ENCTYPE_AES128_SHA1, "aes128-cts-hmac-sha1-96", 16 },
	{ ENCTYPE_AES256_SHA1, "aes256-cts-hmac-sha1-96", 32 },
	{ ENCTYPE_AES128_SHA256, "aes128-cts-hmac-sha256-128", 16 },
	{ ENCTYPE_AES256_SHA384, "aes256-cts-hmac-sha384-192", 32 },
	{ 23, "arcfour-hmac", 0 },
	{ 24, "arcfour-hmac-exp", 0 },
	{ 25, "camellia128-cts-cmac", 0 },
	{ 26, "camellia256-cts-cmac", 0 },
};
enum { ENCTYPES_N = sizeof enctypes / sizeof enctypes[0] };

bool kerberos_is_taken(const struct kerberos_key *k)
{
	for (size_t i = 0; i < ENCTYPES_N; i++)
		if (enctypes[i].enctype == k->enctype)
			return enctypes[i].size != 0 && enctypes[i].size == k->key.n;
	return false;
}

const char *kerberos_enctype_print(int32_t enctype, char out[32])
{
	for (size_t i = 0; i < ENCTYPES_N; i++)
		if (enctypes[i].enctype == enctype) {
			(void)snprintf(out, 32, "%s", enctypes[i].name);
			return out;
		}
	(void)snprintf(out, 32, "type %d", enctype);
	return out;
}

/* ---- reading ---- */

/* What is left to read; once something was missing it stays so. */
struct reader {
	str rest;
	bool is_short;
};

static uint32_t take_number(struct reader *r, size_t n)
{
	uint32_t v = 0;
	r->is_short = r->is_short || r->rest.n < n;
	for (size_t i = 0; i < n && !r->is_short; i++)
		v = v << 8 | (uint8_t)r->rest.p[i];
	r->rest = r->is_short ? STR("") : str_cut(r->rest, n, r->rest.n);
	return v;
}

static str take_counted(struct reader *r)
{
	size_t n = take_number(r, 2);
	r->is_short = r->is_short || r->rest.n < n;
	if (r->is_short)
		return STR("");
	str s = str_cut(r->rest, 0, n);
	r->rest = str_cut(r->rest, n, r->rest.n);
	return s;
}

static bool is_name(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((uint8_t)s.p[i] < 0x20 || (uint8_t)s.p[i] >= 0x7f)
			return false;
	return s.n != 0 && s.n <= KERBEROS_NAME_MAX;
}

static err read_record(str record, struct kerberos_key *k)
{
	struct reader r = { record, false };
	k->n_parts = take_number(&r, 2);
	ENSURE(k->n_parts != 0 && k->n_parts <= KERBEROS_PARTS_MAX, MALFORMED);
	k->realm = take_counted(&r);
	ENSURE(is_name(k->realm), MALFORMED);
	size_t n = k->realm.n;
	for (unsigned i = 0; i < k->n_parts; i++) {
		k->parts[i] = take_counted(&r);
		ENSURE(is_name(k->parts[i]), MALFORMED);
		n += 2 * (k->parts[i].n + 1);
	}
	k->name_type = (int32_t)take_number(&r, 4);
	k->made = take_number(&r, 4);
	k->version = take_number(&r, 1);
	k->enctype = (int32_t)take_number(&r, 2);
	k->key = take_counted(&r);
	ENSURE(!r.is_short && k->key.n != 0 && n + k->realm.n <= KERBEROS_NAME_MAX, MALFORMED);
	uint32_t version = r.rest.n >= 4 ? take_number(&r, 4) : 0;
	k->version = version != 0 ? version : k->version;
	return OK;
}

static err wrong(struct diag *d, err e, const char *what)
{
	return diag_fail(d, e, "keytab", "make it anew: `kadmin ktadd`, `ktpass`, or `samba-tool domain exportkeytab`", "%s", what);
}

err kerberos_keytab_read(str bytes, struct kerberos_key *out, size_t *n, struct diag *d)
{
	struct reader r = { bytes, false };
	*n = 0;
	if (bytes.n > KERBEROS_KEYTAB_MAX)
		return wrong(d, ERR(CEILING), "it is larger than 64 KiB");
	if (take_number(&r, 2) != 0x0502)
		return wrong(d, ERR(MALFORMED), "it is no keytab of version 5.2");
	while (r.rest.n != 0) {
		const char *start = r.rest.p;
		int64_t size = (int32_t)take_number(&r, 4);
		if (size == 0 && !r.is_short)
			return OK; /* room that was never used */
		uint64_t length = (uint64_t)(size < 0 ? -size : size);
		if (r.is_short || length > r.rest.n)
			return wrong(d, ERR(MALFORMED), "it ends within a record");
		str record = str_cut(r.rest, 0, length);
		r.rest = str_cut(r.rest, length, r.rest.n);
		if (size < 0)
			continue;
		if (*n == KERBEROS_KEYS_MAX)
			return wrong(d, ERR(CEILING), "it has more than 256 keys");
		if (failed(read_record(record, &out[*n])))
			return wrong(d, ERR(MALFORMED), "a record is not well-formed");
		out[(*n)++].record = (str){ start, length + 4 };
	}
	return OK;
}

void kerberos_keytab_print(const struct kerberos_key *keys, size_t n, struct buf *out)
{
	buf_add(out, (str){ "\x05\x02", 2 });
	for (size_t i = 0; i < n; i++)
		if (kerberos_is_taken(&keys[i]))
			buf_add(out, keys[i].record);
}

/* ---- what may be shown ---- */

static size_t add_part(str part, char *out, size_t at)
{
	for (size_t i = 0; i < part.n && at + 2 < KERBEROS_NAME_MAX; i++) {
		if (part.p[i] == '/' || part.p[i] == '@' || part.p[i] == '\\')
			out[at++] = '\\';
		out[at++] = part.p[i];
	}
	return at;
}

str kerberos_principal_print(const struct kerberos_key *k, char out[KERBEROS_NAME_MAX + 1])
{
	size_t n = 0;
	for (unsigned i = 0; i < k->n_parts; i++) {
		if (i != 0 && n < KERBEROS_NAME_MAX)
			out[n++] = '/';
		n = add_part(k->parts[i], out, n);
	}
	if (n < KERBEROS_NAME_MAX)
		out[n++] = '@';
	n = add_part(k->realm, out, n);
	out[n] = '\0';
	return (str){ out, n };
}

void kerberos_rows_print(const struct kerberos_key *keys, size_t n, struct buf *out)
{
	char name[KERBEROS_NAME_MAX + 1];
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%.*s\t%u\t%d\t%u\t%d\n", STR_FMT(kerberos_principal_print(&keys[i], name)), keys[i].version, keys[i].enctype, keys[i].made,
			kerberos_is_taken(&keys[i]) ? 1 : 0);
}

static bool take_field(str *line, uint32_t *out)
{
	str word = str_split(*line, '\t', line);
	uint64_t v = 0;
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(word.p[i] - '0');
		if (v > UINT32_MAX)
			return false;
	}
	*out = (uint32_t)v;
	return word.n != 0;
}

bool kerberos_row_take(str *rows, struct kerberos_row *out)
{
	uint32_t enctype, taken;
	if (rows->n == 0)
		return false;
	str line = str_split(*rows, '\n', rows);
	out->principal = str_split(line, '\t', &line);
	if (!take_field(&line, &out->version) || !take_field(&line, &enctype) || !take_field(&line, &out->made) || !take_field(&line, &taken))
		return false;
	out->enctype = (int32_t)enctype;
	out->is_taken = taken != 0;
	return out->principal.n != 0;
}
