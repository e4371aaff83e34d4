/* SPDX-License-Identifier: Apache-2.0 */
/* Kerberos as SIP carries it (MS-SIPAE 3.2.5.1): one token, which another process judges by the keys of the service; signatures are made here. */
#include "base/enc.h"
#include "model/config.h"
#include "service/auth/auth_priv.h"
#include "service/kerberos.h"

static bool is_on(const struct auth *a)
{
	return a->config.config->use_kerberos && a->has_kerberos;
}

static err take(struct auth *a, struct sa *sa, str token, struct buf *told, struct auth_ask *q)
{
	ENSURE(token.n != 0, MALFORMED); /* the client has the first and only word */
	sipae_target_print(SIPAE_KERBEROS, a->config.fqdn, told);
	ENSURE(!told->failed, CEILING);
	q->challenge = buf_str(told);
	q->token = token;
	return OK;
}

/* The association lasts no longer than the ticket. */
static err finish(struct auth *a, struct sa *sa, str key)
{
	TRY(kerberos_session_open(key, &sa->kerberos.context));
	uint32_t seconds = kerberos_session_seconds(sa->kerberos.context);
	ENSURE(seconds != 0, REFUSED);
	sa->until_ms = a->config.timers->now + (uint64_t)seconds * 1000;
	return OK;
}

static size_t sign(struct auth *a, struct sa *sa, str text, char out[SA_SIGNATURE_MAX])
{
	uint8_t mic[KERBEROS_MIC_MAX];
	size_t n = kerberos_session_sign(sa->kerberos.context, text, mic);
	enc_hex(mic, n, out);
	return 2 * n;
}

static bool verify(struct auth *a, struct sa *sa, str text, str signature)
{
	uint8_t mic[KERBEROS_MIC_MAX];
	return signature.n <= 2 * sizeof mic && !failed(enc_hex_read(signature, mic, signature.n / 2)) &&
	       kerberos_session_verify(sa->kerberos.context, text, (str){ (const char *)mic, signature.n / 2 });
}

static void end(struct sa *sa)
{
	kerberos_session_close(sa->kerberos.context);
}

const struct sa_scheme sa_kerberos = { is_on, take, finish, sign, verify, end, .is_guess = false };

void auth_set_kerberos(struct auth *a, bool is_there)
{
	a->has_kerberos = is_there;
}
