/* SPDX-License-Identifier: Apache-2.0 */
/* load_sip - as much of SIP as a load generator reads, and answers to challenges. */
#include "load.h"

#include "base/enc.h"

#include <stdio.h>
#include <stdlib.h>

size_t msg_frame(str in)
{
	if (in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n')
		return 2;
	const char *end = memmem(in.p, in.n, "\r\n\r\n", 4);
	if (end == NULL)
		return in.n > 65536 ? SIZE_MAX : 0;
	str head = { in.p, (size_t)(end - in.p) + 4 };
	uint32_t body = 0;
	for (str rest = head, line; rest.n != 0;) {
		line = str_trim(str_split(rest, '\n', &rest));
		str value, name = str_trim(str_split(line, ':', &value));
		if (str_eq_case(name, STR("Content-Length")) || str_eq_case(name, STR("l")))
			if (!str_to_u32(str_trim(value), &body))
				return SIZE_MAX;
	}
	return head.n + body <= in.n ? head.n + body : 0;
}

/* Record-Route elements, separated by commas outside <>. */
static void add_routes(struct msg *m, str value)
{
	size_t from = 0;
	bool inside = false;
	for (size_t i = 0; i <= value.n; i++) {
		if (i < value.n && (value.p[i] == '<' || value.p[i] == '>'))
			inside = value.p[i] == '<';
		if (i < value.n && (value.p[i] != ',' || inside))
			continue;
		if (m->n_route < SIP_LINES)
			m->route[m->n_route++] = str_trim(str_cut(value, from, i));
		from = i + 1;
	}
}

static void take_field(struct msg *m, str name, str value)
{
	if (str_eq_case(name, STR("Via")) || str_eq_case(name, STR("v"))) {
		if (m->n_via < SIP_LINES)
			m->via[m->n_via++] = value;
	} else if (str_eq_case(name, STR("From")) || str_eq_case(name, STR("f"))) {
		m->from = value;
	} else if (str_eq_case(name, STR("To")) || str_eq_case(name, STR("t"))) {
		m->to = value;
	} else if (str_eq_case(name, STR("Call-ID")) || str_eq_case(name, STR("i"))) {
		m->call_id = value;
	} else if (str_eq_case(name, STR("Contact")) || str_eq_case(name, STR("m"))) {
		m->contact = value;
	} else if (str_eq_case(name, STR("SIP-ETag"))) {
		m->etag = value;
	} else if (str_eq_case(name, STR("Expires"))) {
		m->expires = value;
	} else if (str_eq_case(name, STR("Authentication-Info"))) {
		m->info = value;
	} else if (str_eq_case(name, STR("Record-Route"))) {
		add_routes(m, value);
	} else if (str_eq_case(name, STR("CSeq"))) {
		str method, number = str_split(value, ' ', &method);
		(void)str_to_u32(number, &m->cseq);
		if (m->status != 0)
			m->method = str_trim(method);
	} else if (str_eq_case(name, STR("WWW-Authenticate")) || str_eq_case(name, STR("Proxy-Authenticate"))) {
		m->proxy = char_lower(name.p[0]) == 'p';
		if (m->n_challenge < SIP_LINES)
			m->challenge[m->n_challenge++] = value;
	}
}

bool msg_parse(struct msg *m, str bytes)
{
	*m = (struct msg){ 0 };
	str rest, line = str_trim(str_split(bytes, '\n', &rest));
	str word = str_split(line, ' ', &line);
	if (str_begins(word, STR("SIP/2.0"))) {
		uint32_t status;
		if (!str_to_u32(str_cut(line, 0, 3), &status) || status < 100)
			return false;
		m->status = status;
	} else {
		m->method = word;
	}
	while (rest.n != 0) {
		line = str_trim(str_split(rest, '\n', &rest));
		if (line.n == 0)
			break;
		str value, name = str_trim(str_split(line, ':', &value));
		take_field(m, name, str_trim(value));
	}
	m->body = rest;
	return m->n_via != 0 && m->call_id.n != 0;
}

str msg_parameter(str challenge, str name)
{
	str rest;
	str_split(challenge, ' ', &rest);
	while (rest.n != 0) {
		str value, key = str_trim(str_split(rest, '=', &value));
		bool quoted = value.n != 0 && value.p[0] == '"';
		if (quoted)
			value = str_split(str_cut(value, 1, value.n), '"', &rest);
		else
			value = str_trim(str_split(value, ',', &rest));
		if (quoted)
			str_split(rest, ',', &rest);
		if (str_eq_case(key, name))
			return value;
	}
	return (str){ "", 0 };
}

bool auth_take(struct auth *a, const struct msg *m, bool only_md5)
{
	for (size_t i = 0; i < m->n_challenge; i++) {
		str algorithm = msg_parameter(m->challenge[i], STR("algorithm"));
		bool sha256 = str_eq_case(algorithm, STR("SHA-256"));
		if (!str_begins_case(m->challenge[i], STR("Digest")) || (sha256 && only_md5))
			continue;
		if (!sha256 && algorithm.n != 0 && !str_eq_case(algorithm, STR("MD5")))
			continue;
		auth_drop(a);
		a->text = strndup(m->challenge[i].p, m->challenge[i].n);
		str text = str_of(a->text);
		a->realm = msg_parameter(text, STR("realm"));
		a->nonce = msg_parameter(text, STR("nonce"));
		a->opaque = msg_parameter(text, STR("opaque"));
		a->qop = msg_parameter(text, STR("qop")).n != 0;
		a->sha256 = sha256;
		return a->nonce.n != 0;
	}
	return false;
}

void auth_drop(struct auth *a)
{
	free(a->text);
	*a = (struct auth){ 0 };
}

/* hex: 65 bytes; answers the text in it. */
static str hash_hex(struct crypt *c, bool sha256, const str *parts, size_t n, char *hex)
{
	enum crypt_hash kind = sha256 ? CRYPT_SHA256 : CRYPT_MD5;
	uint8_t digest[CRYPT_HASH_MAX];
	crypt_hash(c, kind, parts, n, digest);
	enc_hex(digest, crypt_hash_size(kind), hex);
	return (str){ hex, 2 * crypt_hash_size(kind) };
}

void auth_print(struct auth *a, struct buf *b, struct crypt *c, bool proxy, str user, str password, str method, str uri)
{
	char hex1[65], hex2[65], hex3[65], nc[9];
	const str colon = STR(":"), cnonce = STR("0a4f113b");
	str ha1 = hash_hex(c, a->sha256, (const str[]){ user, colon, a->realm, colon, password }, 5, hex1);
	str ha2 = hash_hex(c, a->sha256, (const str[]){ method, colon, uri }, 3, hex2);
	snprintf(nc, sizeof nc, "%08x", ++a->nc);
	const str all[] = { ha1, colon, a->nonce, colon, str_of(nc), colon, cnonce, colon, STR("auth"), colon, ha2 };
	const str old[] = { ha1, colon, a->nonce, colon, ha2 };
	str response = a->qop ? hash_hex(c, a->sha256, all, 11, hex3) : hash_hex(c, a->sha256, old, 5, hex3);
	buf_printf(b,
		"%s: Digest username=\"%.*s\", realm=\"%.*s\", nonce=\"%.*s\", uri=\"%.*s\", response=\"%.*s\", "
		"algorithm=%s",
		proxy ? "Proxy-Authorization" : "Authorization", STR_FMT(user), STR_FMT(a->realm), STR_FMT(a->nonce),
		STR_FMT(uri), STR_FMT(response), a->sha256 ? "SHA-256" : "MD5");
	if (a->qop)
		buf_printf(b, ", qop=auth, nc=%s, cnonce=\"%.*s\"", nc, STR_FMT(cnonce));
	if (a->opaque.n != 0)
		buf_printf(b, ", opaque=\"%.*s\"", STR_FMT(a->opaque));
	buf_add(b, STR("\r\n"));
}
