/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that say more of a certificate or a request than its PEM. */
#include "service/certstore/certstore_priv.h"

#include <stdio.h>

enum { ROOM = 256 * 1024 };

static void add_line(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s: %s\n", name, value);
}

/* The value of a line before the first block; empty: there is none. */
static str line_find(str text, const char *name)
{
	while (text.n != 0) {
		str value, line = str_split(text, '\n', &text);
		if (str_begins(line, STR("-----BEGIN")))
			break;
		if (str_eq(str_split(line, ':', &value), str_of(name)))
			return str_trim(value);
	}
	return STR("");
}

static err take_block(str text, struct buf *out)
{
	const char *at = text.n != 0 ? memmem(text.p, text.n, "-----BEGIN ", 11) : NULL;
	buf_init(out, CERT_PEM_MAX);
	ENSURE(at != NULL, MALFORMED);
	buf_add(out, str_cut(text, (size_t)(at - text.p), text.n));
	return out->failed ? ERR(CEILING) : OK;
}

/* ---- certificates ---- */

void certstore_cert_print(const struct certstore_cert *c, struct buf *out)
{
	add_line(out, "friendly-name", c->friendly);
	add_line(out, "exportable", c->exportable ? "yes" : "no");
	buf_add(out, buf_str(&c->chain));
}

static err take_view(struct certstore_cert *c, struct diag *d)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct cert_view v;
	arena_init(&a, ROOM);
	TRY(cert_read(buf_str(&c->chain), &a, &v, d));
	memcpy(c->thumbprint, v.thumbprint, sizeof c->thumbprint);
	memcpy(c->key, v.spki, sizeof c->key);
	c->from = v.not_before;
	c->until = v.not_after;
	return OK;
}

err certstore_cert_parse(struct certstore_cert *c, str text, struct diag *d)
{
	*c = (struct certstore_cert){ .exportable = str_eq(line_find(text, "exportable"), STR("yes")) };
	(void)str_to_z(str_cut(line_find(text, "friendly-name"), 0, sizeof c->friendly - 1), c->friendly, sizeof c->friendly);
	err e = take_block(text, &c->chain);
	return failed(e) ? diag_fail(d, e, "certificate", "bring it as PEM", "there is no certificate in it") : take_view(c, d);
}

/* ---- requests ---- */

void certstore_request_print(const struct certstore_request *r, struct buf *out)
{
	add_line(out, "friendly-name", r->friendly);
	add_line(out, "usages", r->usages);
	add_line(out, "exportable", r->exportable ? "yes" : "no");
	buf_printf(out, "made: %lld\n", (long long)r->made);
	buf_add(out, buf_str(&r->pem));
}

err certstore_request_parse(struct certstore_request *r, str text, struct diag *d)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct cert_request_view v;
	uint64_t made = 0;
	*r = (struct certstore_request){ .exportable = str_eq(line_find(text, "exportable"), STR("yes")) };
	(void)str_to_z(str_cut(line_find(text, "friendly-name"), 0, sizeof r->friendly - 1), r->friendly, sizeof r->friendly);
	(void)str_to_z(str_cut(line_find(text, "usages"), 0, sizeof r->usages - 1), r->usages, sizeof r->usages);
	if (str_to_u64(line_find(text, "made"), &made))
		r->made = (int64_t)made;
	TRY(take_block(text, &r->pem));
	arena_init(&a, ROOM);
	TRY(cert_request_read(buf_str(&r->pem), true, &a, &v, d));
	memcpy(r->key, v.hash, sizeof r->key);
	return OK;
}

/* ---- names ---- */

bool certstore_has_friendly(const struct certstore *s, str friendly)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq_case(str_of(s->certs[i].friendly), friendly))
			return true;
	for (size_t i = 0; i < s->n_requests; i++)
		if (str_eq_case(str_of(s->requests[i].friendly), friendly))
			return true;
	return false;
}

/* What stands in a line of a file has no line feeds, and is no part of a character. */
static str clean(str given, char room[CERTSTORE_FRIENDLY])
{
	const size_t most = CERTSTORE_FRIENDLY - sizeof " (4294967295)";
	size_t n = 0;
	given = str_trim(given);
	while (n < given.n && n < most) {
		room[n] = (unsigned char)given.p[n] < ' ' || given.p[n] == 0x7f ? ' ' : given.p[n];
		n++;
	}
	while (n < given.n && n > 0 && ((unsigned char)given.p[n] & 0xc0) == 0x80)
		n--;
	return str_trim((str){ room, n });
}

void certstore_friendly_make(const struct certstore *s, str given, char out[CERTSTORE_FRIENDLY])
{
	char room[CERTSTORE_FRIENDLY];
	str base = clean(given, room);
	if (base.n == 0)
		base = STR("Witan");
	(void)snprintf(out, CERTSTORE_FRIENDLY, "%.*s", STR_FMT(base));
	for (unsigned i = 2; certstore_has_friendly(s, str_of(out)); i++)
		(void)snprintf(out, CERTSTORE_FRIENDLY, "%.*s (%u)", STR_FMT(base), i);
}

/* ---- usages ---- */

bool certstore_usages_find(str words, uint32_t *out, str *bad)
{
	*out = 0;
	while (words.n != 0) {
		enum plan_usage usage;
		str word = str_trim(str_split(words, ',', &words));
		*bad = word;
		if (!plan_usage_find(word, &usage))
			return false;
		*out |= 1u << usage;
	}
	return true;
}

void certstore_usages_print(uint32_t usages, char out[CERTSTORE_USAGES])
{
	size_t n = 0;
	out[0] = '\0';
	for (unsigned u = 0; u < PLAN_USAGE_N; u++)
		if ((usages & 1u << u) != 0 && n < CERTSTORE_USAGES)
			n += (size_t)snprintf(out + n, CERTSTORE_USAGES - n, "%s%s", n != 0 ? "," : "", plan_usage_word((enum plan_usage)u));
}
