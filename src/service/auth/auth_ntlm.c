/* SPDX-License-Identifier: Apache-2.0 */
/* NTLM as SIP carries it (MS-SIPAE 3.2.5.1): the challenge is made here, the proof judged by vault, which alone has the hash of the password. */
#include "base/enc.h"
#include "model/config.h"
#include "service/auth/auth_priv.h"

#define MAC 16 /* bytes of a signature */

static bool is_on(const struct auth *a)
{
	return a->config.config->use_ntlm && crypt_has_legacy(a->config.crypt);
}

/* The same bytes each time for one association: they are not kept. */
static err print_challenge(const struct auth *a, const struct sa *sa, struct buf *out)
{
	char domain[NTLM_SHORT_MOST], computer[NTLM_SHORT_MOST];
	str dns_domain = users_domain(a->config.users, STR(""));
	struct ntlm_challenge t = { .flags = NTLM_FLAGS_SIP, .timestamp = sa->ntlm.timestamp, .domain = ntlm_short_name(dns_domain, domain),
		.computer = ntlm_short_name(sa->host, computer), .dns_domain = dns_domain, .dns_computer = sa->host, .dns_forest = STR("") };
	/* the controller refuses a response to names that are not those of the machine that asks it (CVE-2015-0005) */
	if (a->ntlm_names.domain[0] != '\0') {
		t.domain = str_of(a->ntlm_names.domain);
		t.computer = str_of(a->ntlm_names.computer);
		t.dns_domain = str_of(a->ntlm_names.dns_domain);
	}
	memcpy(t.random, sa->ntlm.random, sizeof t.random);
	return ntlm_challenge_print(&t, out);
}

static err take(struct auth *a, struct sa *sa, str token, struct buf *told, struct auth_ask *q)
{
	bool begins = sa->ntlm.timestamp == 0;
	ENSURE(begins == (token.n == 0), MALFORMED);
	if (begins) {
		crypt_random(sa->ntlm.random, sizeof sa->ntlm.random);
		sa->ntlm.timestamp = ntlm_time(auth_unix_ms(a));
	}
	TRY(print_challenge(a, sa, told));
	if (begins)
		return OK;
	q->challenge = buf_str(told);
	q->token = token;
	return OK;
}

static err finish(struct auth *a, struct sa *sa, str key)
{
	ENSURE(key.n == 16, MALFORMED);
	ntlm_keys_init(&sa->ntlm.keys, a->config.crypt, (const uint8_t *)key.p);
	return OK;
}

static size_t sign(struct auth *a, struct sa *sa, str text, char out[SA_SIGNATURE_MAX])
{
	uint8_t mac[MAC];
	if (failed(ntlm_mac(a->config.crypt, &sa->ntlm.keys, NTLM_SERVER, NTLM_SEQUENCE, text, mac)))
		return 0;
	enc_hex(mac, sizeof mac, out);
	return 2 * sizeof mac;
}

static bool verify(struct auth *a, struct sa *sa, str text, str signature)
{
	return ntlm_mac_is(a->config.crypt, &sa->ntlm.keys, NTLM_CLIENT, NTLM_SEQUENCE, text, signature);
}

static void end(struct sa *sa)
{
	ntlm_keys_fini(&sa->ntlm.keys);
}

const struct sa_scheme sa_ntlm = { is_on, take, finish, sign, verify, end, .is_guess = true };

void auth_set_ntlm_names(struct auth *a, str domain, str dns_domain, str computer)
{
	if (str_to_z(domain, a->ntlm_names.domain, sizeof a->ntlm_names.domain) && str_to_z(computer, a->ntlm_names.computer, sizeof a->ntlm_names.computer) &&
		str_to_z(dns_domain, a->ntlm_names.dns_domain, sizeof a->ntlm_names.dns_domain))
		return;
	a->ntlm_names.domain[0] = '\0';
}
