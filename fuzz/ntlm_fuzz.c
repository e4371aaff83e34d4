/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what a client sends for NTLM, as far as the proof of a password. */
#include <stdlib.h>

#include "wire/ntlm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static struct crypt *make_crypt(void)
{
	struct crypt *c;
	CHECK(!failed(crypt_new(&c)));
	CHECK(!failed(crypt_open_legacy(c, NULL)));
	return c;
}

static void check_inside(str outer, str s)
{
	CHECK(s.n == 0 || (s.p >= outer.p && s.p + s.n <= outer.p + outer.n));
}

static void check_name(const char *name)
{
	str s = str_of(name);
	CHECK(s.n <= NTLM_NAME_MOST);
	for (size_t n; s.n > 0; s = str_cut(s, n, s.n))
		CHECK((n = str_utf8_length(s)) > 0 && (uint8_t)s.p[0] >= 0x20);
}

static str challenge(void)
{
	static const struct ntlm_challenge t = { .flags = NTLM_FLAGS_SIP, .random = { 1 }, .timestamp = 1, .domain = STR("EXAMPLE") };
	static struct buf b;
	if (b.n == 0) {
		buf_init(&b, NTLM_MOST);
		CHECK(!failed(ntlm_challenge_print(&t, &b)));
	}
	return buf_str(&b);
}

static void check_authenticate(struct crypt *c, str in, const struct ntlm_authenticate *a)
{
	static const uint8_t hash[16] = { 1 };
	uint8_t session[16];
	char target[NTLM_NAME_MOST];
	str value;
	check_name(a->user);
	check_name(a->domain);
	check_name(a->workstation);
	check_inside(in, a->pairs);
	check_inside(in, a->response);
	check_inside(in, a->session_key);
	CHECK(a->user[0] != '\0');
	if (ntlm_pair_find(a->pairs, NTLM_PAIR_TARGET, &value) && !failed(ntlm_text_read(value, target, sizeof target)))
		check_name(target);
	CHECK(err_is(ntlm_check(c, a, STR(""), challenge(), hash, session), ERR_REFUSED));
	CHECK(err_is(ntlm_check(c, a, STR(""), challenge(), NULL, session), ERR_REFUSED));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct crypt *c; /* loading a library for each input would take longer than everything else */
	static struct ntlm_authenticate a;
	struct ntlm_negotiate n;
	struct diag d = { 0 };
	str in = { (const char *)data, size };
	c = c != NULL ? c : make_crypt();
	if (!failed(ntlm_negotiate_parse(in, &n, &d))) {
		check_inside(in, n.domain);
		check_inside(in, n.workstation);
		(void)ntlm_flags_http(n.flags);
	} else {
		CHECK(d.what[0] != '\0');
	}
	d = (struct diag){ 0 };
	if (!failed(ntlm_authenticate_parse(in, &a, &d)))
		check_authenticate(c, in, &a);
	else
		CHECK(d.what[0] != '\0' && a.user[0] == '\0');
	return 0;
}
