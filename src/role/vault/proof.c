/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs that only the owner of the secrets can judge: NTLM of clients that sign in at a front. The hash of a password never leaves this process. */
#include "role/vault/user_priv.h"
#include "role/vault/vault_winbind.h"

#include "wire/ntlm.h"
#include "wire/sipae.h"

#include <stdio.h>

#define NT_HASH 16

/* ---- whose is it? ---- */

static void keep_named(void *arg, const struct store_user *u)
{
	struct proof_named *n = arg;
	n->n++;
	n->enabled = u->enabled;
	if (!str_to_z(u->aor, n->aor, sizeof n->aor))
		n->n = 2;
}

/* "ann" by SamAccountName, else as the first part of an address in the first domain; "ann@example.test" by UserPrincipalName, else
 * by address. A name that two people have is nobody's. */
bool proof_find_named(struct vault *v, str user, struct proof_named *out)
{
	char aor[NTLM_NAME_MOST + VAULT_AOR + 2], lower[VAULT_AOR + 1];
	bool has_domain = str_find_char(user, '@') < user.n;
	str rest, domain = str_split(str_of(v->skel->domains), ',', &rest);
	*out = (struct proof_named){ .n = 0 };
	if (failed(store_user_find_by(v->store, has_domain ? STORE_BY_UPN : STORE_BY_SAM, user, keep_named, out)) || out->n != 0)
		return out->n == 1;
	int n = snprintf(aor, sizeof aor, has_domain ? "%.*s" : "%.*s@%.*s", STR_FMT(user), STR_FMT(domain));
	if (n < 0 || (size_t)n >= sizeof lower)
		return false;
	for (int i = 0; i <= n; i++)
		lower[i] = char_lower(aor[i]);
	(void)failed(store_user_find(v->store, str_of(lower), keep_named, out));
	return out->n == 1;
}

/* ---- the proof ---- */

struct secret {
	uint8_t hash[NT_HASH];
	bool is_there;
};

static void keep_hash(void *arg, str value)
{
	struct secret *s = arg;
	s->is_there = value.n == sizeof s->hash;
	if (s->is_there)
		memcpy(s->hash, value.p, sizeof s->hash);
}

bool proof_has_hash(struct vault *v, str aor)
{
	struct secret secret = { .is_there = false };
	(void)failed(store_credential_find(v->store, aor, STR("nt"), keep_hash, &secret));
	crypt_wipe(secret.hash, sizeof secret.hash);
	return secret.is_there;
}

static void tell(struct ipc *to, const struct ipc_proof_tell *m)
{
	(void)failed(ipc_send_proof_tell(to, m, -1)); /* who has gone waits for nothing */
}

bool proof_ntlm(struct vault *v, const struct ntlm_authenticate *a, str negotiate, str challenge, struct proof_named *who, uint8_t key[16])
{
	struct secret secret = { .is_there = false };
	bool is_known = proof_find_named(v, str_of(a->user), who);
	if (is_known && who->enabled)
		(void)failed(store_credential_find(v->store, str_of(who->aor), STR("nt"), keep_hash, &secret));
	bool is_right = !failed(ntlm_check(v->crypt, a, negotiate, challenge, secret.is_there ? secret.hash : NULL, key));
	crypt_wipe(&secret, sizeof secret);
	return is_right;
}

static void judge_ntlm(struct vault *v, struct ipc *to, const struct ipc_proof_ask *m)
{
	struct ntlm_authenticate a;
	struct proof_named who = { .n = 0 };
	uint8_t key[16];
	if (failed(ntlm_authenticate_parse(m->token, &a, NULL))) {
		tell(to, &(struct ipc_proof_tell){ .id = m->id });
		return;
	}
	if (v->store != NULL && vault_winbind_takes(v, &a)) {
		vault_winbind_ask(v, to, m, &a);
		return;
	}
	bool is_right = proof_ntlm(v, &a, STR(""), m->challenge, &who, key);
	tell(to, &(struct ipc_proof_tell){ .id = m->id, .is_right = is_right ? 1 : 0, .aor = who.n == 1 ? str_of(who.aor) : STR(""),
			 .key = is_right ? (str){ (const char *)key, sizeof key } : STR("") });
	crypt_wipe(key, sizeof key);
}

err vault_judge_proof(struct vault *v, struct ipc *to, str body)
{
	struct ipc_proof_ask m;
	TRY(ipc_proof_ask_parse(&m, body));
	ENSURE(m.scheme < SIPAE_SCHEMES, MALFORMED);
	if (m.scheme == SIPAE_KERBEROS)
		vault_judge_ticket(v, to, &m);
	else if (m.scheme == SIPAE_TLS_DSK)
		vault_judge_certificate(v, to, &m);
	else
		judge_ntlm(v, to, &m);
	return OK;
}

/* ---- what is kept for it ---- */

/* The hash is as good as the password to whoever has it, and quickly tried out: it is kept only for people who need NTLM. */
err user_keep_nt(struct call *call, str aor, bool is_allowed, const str *password)
{
	uint8_t hash[NT_HASH];
	struct secret now = { .is_there = false };
	struct store *s = call->vault->store;
	if (!is_allowed)
		return store_credential_remove(s, aor, STR("nt"));
	if (password == NULL) {
		(void)failed(store_credential_find(s, aor, STR("nt"), keep_hash, &now));
		if (!now.is_there)
			command_warn(call, "sip:%.*s can sign in by NTLM once the password has been set anew: Set-CsUser -Password", STR_FMT(aor));
		crypt_wipe(&now, sizeof now);
		return OK;
	}
	err e = ntlm_hash(call->vault->crypt, *password, hash);
	if (failed(e))
		return diag_fail(&call->diag, e, "NtlmAllowed", "choose a password of at most 256 bytes in UTF-8, and see that libssl3 is whole", "NTLM cannot be had with this password");
	e = store_credential_set(s, aor, STR("nt"), (str){ (const char *)hash, sizeof hash });
	crypt_wipe(hash, sizeof hash);
	if (!failed(e) && !call->vault->has_ntlm) {
		call->vault->has_ntlm = true;
		vault_web_sites(call->vault);
	}
	return e;
}
