/* SPDX-License-Identifier: Apache-2.0 */
/* Security associations: who signs what on a connection (MS-SIPAE 3.2.1, 3.2.5.2). */
#include "service/auth/auth_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/enc.h"

#define TEXT_MAX (256u << 10) /* bytes of a text that is signed: as long as a message may be */

const struct sa_scheme *const sa_schemes[SIPAE_SCHEMES] = { [SIPAE_KERBEROS] = &sa_kerberos, [SIPAE_NTLM] = &sa_ntlm, [SIPAE_TLS_DSK] = &sa_dsk };

bool auth_is_outside(const struct conn *c)
{
	struct flow flow = conn_flow(c);
	return flow_is_outside(&flow);
}

str auth_host(const struct auth *a, const struct conn *c)
{
	struct flow flow = conn_flow(c);
	struct flow_place here = { .host = a->config.fqdn };
	if (flow_is_outside(&flow)) /* who has reached an address takes the name all the same */
		flow_place_find(&flow, a->config.ways, a->config.fqdn, 0, &here);
	return here.host;
}

bool sa_scheme_is_on(const struct auth *a, enum sipae_scheme s)
{
	return sa_schemes[s] != NULL && sa_schemes[s]->is_on(a);
}

static void sa_free(struct sa *sa)
{
	user_unref(sa->user);
	sa_schemes[sa->scheme]->close(sa);
	crypt_wipe(sa, sizeof *sa);
	free(sa);
}

void sa_remove(struct auth_conn *ac, struct sa *sa)
{
	struct sa **at = &ac->associations;
	while (*at != sa)
		at = &(*at)->next;
	*at = sa->next;
	sa_free(sa);
}

void sa_free_all(struct auth_conn *ac)
{
	while (ac->associations != NULL)
		sa_remove(ac, ac->associations);
}

/* What gives way: the oldest challenge that was not answered, else the oldest that nobody waits for; NULL. */
static struct sa *oldest(const struct auth_conn *ac, size_t *n)
{
	struct sa *begun = NULL, *ready = NULL;
	*n = 0;
	for (struct sa *sa = ac->associations; sa != NULL; sa = sa->next, ++*n) {
		begun = sa->state == SA_BEGUN ? sa : begun;
		ready = sa->state == SA_READY ? sa : ready;
	}
	return begun != NULL ? begun : ready;
}

struct sa *sa_new(struct auth_conn *ac, enum sipae_scheme scheme, unsigned version, str host)
{
	size_t n;
	struct sa *old = oldest(ac, &n);
	if (n >= AUTH_SAS_MAX && old == NULL)
		return NULL;
	if (n >= AUTH_SAS_MAX)
		sa_remove(ac, old);
	struct sa *sa = calloc(1, sizeof *sa);
	if (sa == NULL)
		return NULL;
	uint8_t name[SA_OPAQUE / 2];
	crypt_random(name, sizeof name);
	enc_hex(name, sizeof name, sa->opaque);
	sa->scheme = scheme;
	sa->version = version;
	sa->host = host;
	sa->next = ac->associations;
	ac->associations = sa;
	return sa;
}

struct sa *sa_find(const struct auth_conn *ac, enum sipae_scheme scheme, str opaque)
{
	struct sa *sa = ac != NULL ? ac->associations : NULL;
	while (sa != NULL && (sa->scheme != scheme || !str_eq_case(opaque, sa_opaque(sa))))
		sa = sa->next;
	return sa;
}

bool sa_is_good(const struct auth *a, const struct sa *sa)
{
	return sa->state == SA_READY && a->config.timers->now < sa->until_ms && sa->user->enabled && sa->epoch == sa->user->epoch;
}

struct sa *sa_of(const struct auth *a, const struct auth_conn *ac, str aor)
{
	for (struct sa *sa = ac != NULL ? ac->associations : NULL; sa != NULL; sa = sa->next)
		if (sa_is_good(a, sa) && (aor.n == 0 || str_eq(user_aor(sa->user), aor)))
			return sa;
	return NULL;
}

/* One that was good until its user, his password or his certificate was not: his client still believes it. */
struct sa *sa_last(const struct auth_conn *ac, str aor)
{
	for (struct sa *sa = ac->associations; sa != NULL; sa = sa->next)
		if (sa->state == SA_READY && str_eq(user_aor(sa->user), aor))
			return sa;
	return NULL;
}

void sa_open(struct auth *a, struct sa *sa, const struct user *u)
{
	sa->user = user_ref(u);
	sa->epoch = u->epoch;
	uint64_t most = a->config.timers->now + AUTH_SA_MS;
	sa->until_ms = sa->until_ms != 0 && sa->until_ms < most ? sa->until_ms : most;
	sa->state = SA_READY;
}

/* ---- signatures ---- */

/* The stamp of a signature; target is where "sip/FQDN" is put together. */
static struct sipae_stamp stamp_of(const struct sa *sa, struct buf *target, str random, str number)
{
	sipae_target_print(sa->scheme, sa->host, target);
	return (struct sipae_stamp){ .scheme = sa->scheme, .version = sa->version, .random = random, .number = number,
		.realm = STR(SIPAE_REALM), .targetname = buf_str(target) };
}

bool sa_verify(struct auth *a, struct sa *sa, const struct sip_msg *m, const struct sipae_credentials *c)
{
	struct buf target DEFER(buf_fini) = { 0 };
	struct buf text DEFER(buf_fini) = { 0 };
	buf_init(&target, 512);
	buf_init(&text, TEXT_MAX);
	struct sipae_stamp stamp = stamp_of(sa, &target, c->random, c->number_raw);
	if (c->targetname.n != 0)
		stamp.targetname = c->targetname; /* as the client spells it; it must be ours */
	if (c->response.n == 0 || !str_eq_case(stamp.targetname, buf_str(&target)) || !counts_is_fresh(&sa->counts, c->number))
		return false;
	sipae_text(m, &stamp, &text);
	if (text.failed || !sa_schemes[sa->scheme]->verify(a, sa, buf_str(&text), c->response))
		return false;
	counts_use(&sa->counts, c->number);
	return true;
}

err sa_sign(struct auth *a, struct sa *sa, const struct sip_msg *m, struct buf *out)
{
	struct buf target DEFER(buf_fini) = { 0 };
	struct buf text DEFER(buf_fini) = { 0 };
	char random[8], number[12], signature[SA_SIGNATURE_MAX];
	uint8_t chance[sizeof random / 2];
	buf_init(&target, 512);
	buf_init(&text, TEXT_MAX);
	crypt_random(chance, sizeof chance);
	enc_hex(chance, sizeof chance, random);
	(void)snprintf(number, sizeof number, "%u", sa->sent + 1);
	struct sipae_stamp stamp = stamp_of(sa, &target, (str){ random, sizeof random }, str_of(number));
	sipae_text(m, &stamp, &text);
	size_t n = text.failed ? 0 : sa_schemes[sa->scheme]->sign(a, sa, buf_str(&text), signature);
	ENSURE(n != 0, INTERNAL);
	sa->sent++;
	sipae_sign_print(m->raw, &stamp, sa_opaque(sa), (str){ signature, n }, out);
	return out->failed ? ERR(CEILING) : OK;
}
