/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ntlm/ntlm_priv.h"

static const char where[] = "NTLM";
static const char not_ours[] = "look whether the client speaks NTLM as [MS-NLMP] has it";
static const char set_v2[] = "let the client send NTLMv2 only (Windows: LmCompatibilityLevel 3 or more)";

/* ---- what all messages are made of ---- */

uint32_t ntlm_type(str bytes)
{
	if (bytes.n < AT_TYPE + 4 || memcmp(bytes.p, "NTLMSSP", AT_TYPE) != 0)
		return 0;
	uint32_t type = get_number(bytes, AT_TYPE, 4);
	return type <= 3 ? type : 0;
}

bool ntlm_field(str s, size_t at, size_t header, str *out)
{
	size_t n = get_number(s, at, 2), from = get_number(s, at + 4, 4);
	*out = (str){ s.p, 0 };
	if (n == 0)
		return true;
	if (from < header || from > s.n || n > s.n - from)
		return false;
	*out = (str){ s.p + from, n };
	return true;
}

static bool is_over(str a, str b)
{
	return a.n > 0 && b.n > 0 && a.p < b.p + b.n && b.p < a.p + a.n;
}

/* All fields of a message, each in its place and none over another: a length that lies about another field would be read twice. */
static bool read_fields(str s, const size_t *at, size_t n, size_t header, str *out)
{
	for (size_t i = 0; i < n; i++) {
		if (!ntlm_field(s, at[i], header, &out[i]))
			return false;
		for (size_t k = 0; k < i; k++)
			if (is_over(out[i], out[k]))
				return false;
	}
	return true;
}

static err check_length(str s, uint32_t type, size_t least, struct diag *d)
{
	if (s.n > NTLM_MOST)
		return diag_fail(d, ERR(CEILING), where, not_ours, "a message of %zu bytes; %d are taken", s.n, NTLM_MOST);
	if (ntlm_type(s) != type || s.n < least)
		return diag_fail(d, ERR(MALFORMED), where, not_ours, "no message of type %u: %zu bytes of type %u", type, s.n, ntlm_type(s));
	return OK;
}

bool ntlm_pair_next(str *pairs, uint32_t *id, str *value)
{
	*id = NTLM_PAIR_END;
	*value = (str){ pairs->p, 0 };
	if (pairs->n == 0)
		return true;
	if (pairs->n < 4)
		return false;
	size_t n = get_number(*pairs, 2, 2);
	*id = get_number(*pairs, 0, 2);
	if (n > pairs->n - 4 || (*id == NTLM_PAIR_END && n != 0))
		return false;
	*value = str_cut(*pairs, 4, 4 + n);
	*pairs = str_cut(*pairs, 4 + n, pairs->n);
	return true;
}

bool ntlm_pair_find(str pairs, enum ntlm_pair id, str *value)
{
	uint32_t got;
	while (ntlm_pair_next(&pairs, &got, value) && got != NTLM_PAIR_END)
		if (got == id)
			return true;
	*value = (str){ "", 0 };
	return false;
}

/* ---- Type 1 ---- */

err ntlm_negotiate_parse(str bytes, struct ntlm_negotiate *out, struct diag *d)
{
	static const size_t at[] = { T1_DOMAIN, T1_WORKSTATION };
	str fields[2] = { { "", 0 }, { "", 0 } };
	*out = (struct ntlm_negotiate){ .domain = { "", 0 }, .workstation = { "", 0 } };
	TRY(check_length(bytes, 1, T1_LEAST, d));
	/* Old clients end behind the flags. */
	if (bytes.n > T1_LEAST && (bytes.n < T1_HEADER || !read_fields(bytes, at, 2, T1_HEADER, fields)))
		return diag_fail(d, ERR(MALFORMED), where, not_ours, "a field of the Type 1 is not inside of it, or over another");
	*out = (struct ntlm_negotiate){ get_number(bytes, T1_FLAGS, 4), fields[0], fields[1] };
	return OK;
}

/* ---- Type 3 ---- */

static err read_oem(str s, char *out)
{
	ENSURE(s.n <= NTLM_NAME_MOST, CEILING);
	for (size_t i = 0; i < s.n; i++)
		ENSURE(s.p[i] >= 0x20 && s.p[i] < 0x7f, MALFORMED); /* nobody says which code page it would be */
	(void)str_to_z(s, out, NTLM_NAME_MOST + 1);
	return OK;
}

static err read_name(const struct ntlm_authenticate *a, str s, const char *which, char *out, struct diag *d)
{
	err e = (a->flags & NTLM_UNICODE) != 0 ? ntlm_text_read(s, out, NTLM_NAME_MOST + 1) : read_oem(s, out);
	return failed(e) ? diag_fail(d, e, where, not_ours, "the name of the %s is %s", which, err_is(e, ERR_CEILING) ? "too long" : "not readable") : OK;
}

static err refuse_response(str nt, struct diag *d)
{
	if (nt.n == 0)
		return diag_fail(d, ERR(REFUSED), where, set_v2, "the client wants to be nobody (anonymous), or answers by LM alone");
	if (nt.n == V1_RESPONSE)
		return diag_fail(d, ERR(REFUSED), where, set_v2, "the client answers by NTLMv1, which is not taken");
	if (nt.n < PROOF + BLOB_PAIRS)
		return diag_fail(d, ERR(MALFORMED), where, not_ours, "a response of %zu bytes; NTLMv2 has %d at least", nt.n, PROOF + BLOB_PAIRS);
	if (nt.p[PROOF] != 1 || nt.p[PROOF + 1] != 1)
		return diag_fail(d, ERR(REFUSED), where, set_v2, "a response of version %u; 1 is taken (that of NTLMv2)", (uint8_t)nt.p[PROOF]);
	return OK;
}

static uint64_t get_time(str s, size_t at)
{
	return (uint64_t)get_number(s, at + 4, 4) << 32 | get_number(s, at, 4);
}

/* The response's pairs: all of them must be readable, for later somebody looks for one. */
static err read_response(struct ntlm_authenticate *a, struct diag *d)
{
	str blob = str_cut(a->response, PROOF, a->response.n), left, value;
	uint32_t id;
	a->timestamp = get_time(blob, BLOB_TIME);
	left = a->pairs = str_cut(blob, BLOB_PAIRS, blob.n);
	do {
		if (!ntlm_pair_next(&left, &id, &value) || (id == NTLM_PAIR_FLAGS && value.n != 4))
			return diag_fail(d, ERR(MALFORMED), where, not_ours, "the pairs of the response are not readable");
		if (id == NTLM_PAIR_FLAGS)
			a->has_mic = a->has_mic || (get_number(value, 0, 4) & 2) != 0;
	} while (id != NTLM_PAIR_END);
	a->pairs.n -= left.n;
	return OK;
}

enum { LM, NT, DOMAIN, USER, WORKSTATION, KEY, FIELDS };
static const size_t places[FIELDS] = { T3_LM, T3_NT, T3_DOMAIN, T3_USER, T3_WORKSTATION, T3_KEY };

static err read_authenticate(str bytes, struct ntlm_authenticate *a, struct diag *d)
{
	str f[FIELDS];
	TRY(check_length(bytes, 3, T3_HEADER, d));
	if (!read_fields(bytes, places, FIELDS, T3_HEADER, f))
		return diag_fail(d, ERR(MALFORMED), where, not_ours, "a field of the Type 3 is not inside of it, or over another");
	a->flags = get_number(bytes, T3_FLAGS, 4);
	a->raw = bytes;
	a->response = f[NT];
	a->session_key = f[KEY];
	TRY(refuse_response(f[NT], d));
	TRY(read_response(a, d));
	/* With a MIC the header is longer, and no field may be over it. */
	if (a->has_mic && (bytes.n < T3_WITH_MIC || !read_fields(bytes, places, FIELDS, T3_WITH_MIC, f)))
		return diag_fail(d, ERR(MALFORMED), where, not_ours, "the response speaks of a MIC, but a field is where it would be");
	TRY(read_name(a, f[USER], "user", a->user, d));
	TRY(read_name(a, f[DOMAIN], "domain", a->domain, d));
	TRY(read_name(a, f[WORKSTATION], "workstation", a->workstation, d));
	if (a->user[0] == '\0')
		return diag_fail(d, ERR(REFUSED), where, "enter a user name at the client", "the client names no user");
	return OK;
}

err ntlm_authenticate_parse(str bytes, struct ntlm_authenticate *out, struct diag *d)
{
	*out = (struct ntlm_authenticate){ 0 };
	err e = read_authenticate(bytes, out, d);
	if (failed(e))
		*out = (struct ntlm_authenticate){ 0 };
	return e;
}
