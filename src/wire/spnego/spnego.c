/* SPDX-License-Identifier: Apache-2.0 */
/* NegTokenInit, read; NegTokenResp, written (RFC 4178 4.2). Only definite lengths, and nothing behind the end. */
#include "wire/spnego.h"

#include <string.h>

enum { APPLICATION_0 = 0x60, OBJECT_ID = 0x06, OCTETS = 0x04, ENUMERATED = 0x0a, SEQUENCE = 0x30, TAG_0 = 0xa0, TAG_1, TAG_2, TAG_3 };

#define NAME "\x2b\x06\x01\x05\x05\x02" /* 1.3.6.1.5.5.2 */

static const str names[SPNEGO_MECHS] = {
	[SPNEGO_KERBEROS] = STR("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"),     /* 1.2.840.113554.1.2.2 */
	[SPNEGO_KERBEROS_OLD] = STR("\x2a\x86\x48\x82\xf7\x12\x01\x02\x02"), /* 1.2.840.48018.1.2.2 */
	[SPNEGO_NTLM] = STR("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"),     /* 1.3.6.1.4.1.311.2.2.10 */
};

/* ---- reading ---- */

/* The value of the next element, if it has this tag and ends within what is left. */
static bool take(str *rest, unsigned tag, str *value)
{
	if (rest->n < 2 || (uint8_t)rest->p[0] != tag)
		return false;
	size_t n = (uint8_t)rest->p[1], at = 2, more = n > 0x80 ? n & 0x7f : 0;
	if (n == 0x80 || more > 2 || rest->n < 2 + more)
		return false;
	for (n = more == 0 ? n : 0; more != 0; more--)
		n = n << 8 | (uint8_t)rest->p[at++];
	if (rest->n - at < n)
		return false;
	*value = str_cut(*rest, at, at + n);
	*rest = str_cut(*rest, at + n, rest->n);
	return true;
}

/* The same, where the element may be left out. false: it is there and broken. */
static bool take_if_there(str *rest, unsigned tag, str *value)
{
	*value = STR("");
	return rest->n == 0 || (uint8_t)rest->p[0] != tag || take(rest, tag, value);
}

static enum spnego_mech find(str name)
{
	for (size_t i = 0; i < SPNEGO_MECHS; i++)
		if (names[i].n != 0 && str_eq(name, names[i]))
			return (enum spnego_mech)i;
	return SPNEGO_OTHER;
}

static bool read_mechs(str tagged, enum spnego_mech *first)
{
	str list, name;
	size_t n = 0;
	if (!take(&tagged, SEQUENCE, &list) || tagged.n != 0)
		return false;
	for (; list.n != 0 && n < SPNEGO_MECHS_MAX; n++) {
		if (!take(&list, OBJECT_ID, &name))
			return false;
		*first = n == 0 ? find(name) : *first;
	}
	return n != 0 && list.n == 0;
}

static bool read_init(str init, struct spnego_message *out)
{
	str all, mechs, flags, token, mic;
	if (!take(&init, SEQUENCE, &all) || init.n != 0 || !take(&all, TAG_0, &mechs) || !read_mechs(mechs, &out->mech))
		return false;
	if (!take_if_there(&all, TAG_1, &flags) || !take_if_there(&all, TAG_2, &token) || !take_if_there(&all, TAG_3, &mic) || all.n != 0)
		return false;
	return token.n == 0 || (take(&token, OCTETS, &out->token) && token.n == 0);
}

/* [APPLICATION 0] with the name of a mechanism in front (RFC 2743 3.1). */
static bool read_framed(str in, struct spnego_message *out)
{
	str all, name, init;
	if (!take(&in, APPLICATION_0, &all) || in.n != 0 || !take(&all, OBJECT_ID, &name))
		return false;
	out->is_framed = str_eq(name, (str){ NAME, sizeof NAME - 1 });
	if (!out->is_framed)
		out->mech = find(name);
	return out->is_framed ? take(&all, TAG_0, &init) && all.n == 0 && read_init(init, out) : true;
}

err spnego_parse(str in, struct spnego_message *out, struct diag *d)
{
	*out = (struct spnego_message){ .mech = SPNEGO_OTHER, .token = STR("") };
	if (in.n > SPNEGO_MOST)
		return diag_fail(d, ERR(CEILING), "Negotiate", "", "its token is too long");
	if (str_begins(in, (str){ "NTLMSSP", 8 })) {
		out->mech = SPNEGO_NTLM;
		out->token = in;
		return OK;
	}
	if (!read_framed(in, out))
		return diag_fail(d, ERR(MALFORMED), "Negotiate", "", "its token is none of SPNEGO, Kerberos or NTLM");
	out->token = out->is_framed ? out->token : in;
	return OK;
}

/* ---- writing ---- */

static size_t head_size(size_t n)
{
	return n < 0x80 ? 2 : n < 0x100 ? 3 : 4;
}

static void add_head(struct buf *out, unsigned tag, size_t n)
{
	buf_add_char(out, (char)tag);
	if (n >= 0x80)
		buf_add_char(out, (char)(n < 0x100 ? 0x81 : 0x82));
	if (n >= 0x100)
		buf_add_char(out, (char)(n >> 8));
	buf_add_char(out, (char)(n & 0xff));
}

static size_t with_head(size_t n)
{
	return head_size(n) + n;
}

void spnego_answer_print(const struct spnego_message *m, str token, struct buf *out)
{
	static const char completed[] = { (char)TAG_0, 3, ENUMERATED, 1, 0 };
	str name = names[m->mech];
	if (!m->is_framed) {
		buf_add(out, token);
		return;
	}
	size_t n_token = token.n != 0 ? with_head(with_head(token.n)) : 0;
	size_t n = sizeof completed + with_head(with_head(name.n)) + n_token;
	add_head(out, TAG_1, with_head(n));
	add_head(out, SEQUENCE, n);
	buf_add(out, (str){ completed, sizeof completed });
	add_head(out, TAG_1, with_head(name.n));
	add_head(out, OBJECT_ID, name.n);
	buf_add(out, name);
	if (token.n == 0)
		return;
	add_head(out, TAG_2, with_head(token.n));
	add_head(out, OCTETS, token.n);
	buf_add(out, token);
}
