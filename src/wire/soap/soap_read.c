/* SPDX-License-Identifier: Apache-2.0 */
/* What all requests have: the envelope, texts, bytes, times. */
#include "wire/soap/soap_priv.h"

#include "base/enc.h"

#include <time.h>

/* Of what our clients send: a GetAndPublishCert with its assertion is some 8 kB. */
static const struct xml_limits limits = { .bytes = SOAP_MOST, .depth = 24, .nodes = 512, .attributes = 16, .keeps_space = true };

err soap_malformed(struct diag *d, const char *what)
{
	return diag_fail(d, ERR(MALFORMED), "request", "see [MS-OCAUTHWS]", "the request has no usable %s", what);
}

err soap_text_read(const struct xml_node *n, struct arena *a, size_t most, str *out)
{
	*out = xml_node_text(n, a);
	ENSURE(out->p != NULL, CEILING);
	ENSURE(out->n <= most, MALFORMED);
	for (size_t i = 0; i < out->n; i++)
		ENSURE((unsigned char)out->p[i] >= 0x20, MALFORMED);
	return OK;
}

err soap_bytes_read(const struct xml_node *n, struct arena *a, size_t most, str *out)
{
	str text = xml_node_text(n, a);
	ENSURE(text.p != NULL && text.n <= 2 * most + 64, MALFORMED);
	char *bare = arena_alloc(a, text.n + 1);
	size_t size = 0, room = text.n;
	ENSURE(bare != NULL, CEILING);
	for (size_t i = 0; i < text.n; i++)
		if (strchr(" \t\r\n", text.p[i]) == NULL || text.p[i] == '\0')
			bare[size++] = text.p[i];
	char *bytes = arena_alloc(a, room + 1);
	ENSURE(bytes != NULL, CEILING);
	ENSURE(size != 0, MALFORMED);
	TRY(enc_base64_read((str){ bare, size }, bytes, &room));
	ENSURE(room <= most, MALFORMED);
	*out = (str){ bytes, room };
	return OK;
}

str soap_user(str s)
{
	return str_begins_case(s, STR("sip:")) ? str_cut(s, 4, s.n) : s;
}

err soap_envelope_read(struct xml_reader *r, str text, struct arena *a, const char *request, const struct xml_node **envelope, const struct xml_node **body,
	struct diag *d)
{
	struct xml_node *root;
	TRY(xml_tree_read(r, text, &limits, a, &root, d));
	const struct xml_node *of_body = xml_child(root, STR("Body"));
	if (!str_eq(root->name, STR("Envelope")) || !str_eq(root->ns, STR(SOAP_ENVELOPE)) || of_body == NULL || xml_sibling(of_body, STR("Body")) != NULL)
		return soap_malformed(d, "SOAP envelope");
	*envelope = root;
	*body = xml_child(of_body, str_of(request));
	return *body != NULL ? OK : soap_malformed(d, request);
}

/* ---- times ---- */

static bool digits(str s, size_t at, size_t n, int *out)
{
	*out = 0;
	for (size_t i = at; i < at + n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*out = *out * 10 + (s.p[i] - '0');
	}
	return true;
}

static bool is_fraction(str s)
{
	if (s.n < 2 || s.n > 10 || s.p[0] != '.')
		return s.n == 0;
	for (size_t i = 1; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

err soap_time_read(str s, int64_t *out)
{
	struct tm t = { 0 };
	bool fine = s.n >= 20 && s.n <= 32 && s.p[s.n - 1] == 'Z' && s.p[4] == '-' && s.p[7] == '-' && s.p[10] == 'T' && s.p[13] == ':' && s.p[16] == ':';
	fine = fine && digits(s, 0, 4, &t.tm_year) && digits(s, 5, 2, &t.tm_mon) && digits(s, 8, 2, &t.tm_mday) && digits(s, 11, 2, &t.tm_hour) &&
	       digits(s, 14, 2, &t.tm_min) && digits(s, 17, 2, &t.tm_sec) && is_fraction(str_cut(s, 19, s.n - 1));
	ENSURE(fine && t.tm_year >= 1970 && t.tm_mon >= 1 && t.tm_mon <= 12 && t.tm_mday >= 1 && t.tm_mday <= 31 && t.tm_hour < 24 && t.tm_min < 60 && t.tm_sec <= 60,
		MALFORMED);
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	*out = (int64_t)timegm(&t);
	return OK;
}

void soap_time_print(int64_t unix_seconds, struct buf *out)
{
	struct tm t;
	char text[40];
	time_t at = (time_t)unix_seconds;
	if (gmtime_r(&at, &t) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &t) == 0)
		out->failed = true;
	else
		buf_add(out, str_of(text));
}
