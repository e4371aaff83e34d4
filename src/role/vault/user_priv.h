/* SPDX-License-Identifier: Apache-2.0 */
/* Users as the vault keeps them: what the cmdlets about users share. */
#ifndef WITAN_ROLE_VAULT_USER_PRIV_H
#define WITAN_ROLE_VAULT_USER_PRIV_H

#include "role/vault/vault_priv.h"

#define USER_KIND (&schema_kinds[SCHEMA_ID_User])

struct user_secret {
	uint8_t md5[CRYPT_HASH_MAX], sha256[CRYPT_HASH_MAX];
};

struct user_reading {
	json_t *body;
	bool has_md5;
	uint64_t created, changed;
};

/* ---- user_name.c ---- */

err user_not_there(struct call *call, str name);
/* The user whom the parameter of this name means. */
err user_named(struct call *call, const char *name, char out[VAULT_AOR], str *aor);

/* ---- user_body.c ---- */

/* A callback of the store: arg is a struct user_reading; its body is the caller's. */
void user_read(void *arg, const struct store_user *u);
err user_load(struct call *call, str aor, struct user_reading *r);
/* What of a body stands in columns, and the rest as text, which the caller frees; NULL without memory. u borrows from both. */
char *user_split(const json_t *body, struct store_user *u);
/* A text of the body; empty: not there. */
str user_text(const json_t *body, const char *name);
json_t *user_shown(const struct call *call, str aor, const struct user_reading *r);
err user_show(struct call *call, str aor);
/* Notes a change for the history and for the processes. */
err user_note(struct call *call, str aor, const json_t *before, const json_t *after);
err user_write(struct call *call, str aor, const json_t *before, const json_t *after);
/* Finds the user of -Identity, checks that he is in reach, and lets fn change him; -PassThru shows him afterwards. */
err user_change(struct call *call, err (*fn)(struct call *call, str aor, const json_t *before, json_t *after));

/* ---- proof.c ---- */

/* Who is meant by a name that somebody has typed. */
struct proof_named {
	char aor[VAULT_AOR + 1];
	unsigned n; /* 1: there is one */
	bool enabled;
};
bool proof_find_named(struct vault *v, str user, struct proof_named *out);
/* Is an NT hash kept for this user? */
bool proof_has_hash(struct vault *v, str aor);
struct ntlm_authenticate;
/* Whether a Type 3 is right; who: whose it is, or would have been. */
bool proof_ntlm(struct vault *v, const struct ntlm_authenticate *a, str negotiate, str challenge, struct proof_named *who, uint8_t key[16]);

/* Keeps what NTLM needs of the password (NULL: it is not being set), or forgets it where NTLM is not allowed. */
err user_keep_nt(struct call *call, str aor, bool is_allowed, const str *password);

/* ---- kerberos.c: whose name is a directory's? ---- */

struct owner {
	char aor[VAULT_AOR + 1];
	unsigned n; /* 1: there is one */
	bool enabled, has_name; /* has_name: another one than his address */
};
/* For store_user_find_by; arg: struct owner, n 0 before. */
void owner_keep(void *arg, const struct store_user *u);
/* An address of the same form, of a user who has no other name by which the directory knows him. */
bool owner_find_address(struct vault *v, str principal, struct owner *out);

/* ---- user_return.c ---- */

err user_remove(struct call *call, str aor, const json_t *before, json_t *after);

#endif
