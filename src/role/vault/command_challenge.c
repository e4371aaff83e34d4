/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to challenges of an ACME authority (RFC 8555, http-01): text that the web process shows to everybody for a while. Only in memory: a
 * challenge that a restart interrupts is made anew by whoever wants the certificate. */
#include "base/enc.h"
#include "role/vault/vault_cert.h"

#include <stdio.h>
#include <stdlib.h>

#define PATH_BEGIN "/.well-known/acme-challenge/"

enum { TOKEN_MAX = 128, THUMBPRINT = 43, SECONDS = 3600 };

struct vault_challenge {
	char token[TOKEN_MAX + 1];
	char text[TOKEN_MAX + 1 + THUMBPRINT + 1];
	int64_t until; /* 0: a free place */
};

static int64_t now_of(void)
{
	return (int64_t)(vault_unix_ms() / 1000);
}

/* ---- what is allowed ---- */

static bool is_base64url(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-' || s.p[i] == '_'))
			return false;
	return s.n != 0;
}

/* The token, a dot, and the SHA-256 of the account's key: nothing else can be shown to the world by this way. */
bool vault_challenge_is_answer(str token, str text)
{
	str thumbprint;
	str first = str_split(text, '.', &thumbprint);
	return token.n <= TOKEN_MAX && is_base64url(token) && str_eq(first, token) && thumbprint.n == THUMBPRINT && is_base64url(thumbprint);
}

static err take_token(struct call *call, str *out)
{
	*out = STR("");
	(void)command_text(call, "Token", out);
	if (out->n <= TOKEN_MAX && is_base64url(*out))
		return OK;
	return diag_fail(&call->diag, ERR(USAGE), "Token", "give it as the authority has: letters, digits, - and _", "this is no token of a challenge");
}

/* ---- telling web ---- */

static void tell(struct vault *v, const struct vault_challenge *c, bool is_there)
{
	char path[sizeof PATH_BEGIN + TOKEN_MAX], tag[40], hex[33] = "";
	uint8_t hash[CRYPT_HASH_MAX];
	struct ipc *to = vault_web_channel(v);
	str text = str_of(c->text);
	if (to == NULL)
		return;
	(void)snprintf(path, sizeof path, PATH_BEGIN "%s", c->token);
	crypt_hash(v->crypt, CRYPT_SHA256, &text, 1, hash);
	enc_hex(hash, 16, hex);
	(void)snprintf(tag, sizeof tag, "\"%.32s\"", hex);
	/* no cache is to keep it: it is over as soon as it begins */
	(void)failed(ipc_send_published(to, &(struct ipc_published){ .path = str_of(path), .type = STR("text/plain"), .etag = str_of(tag),
		.since = (uint64_t)now_of(), .until = (uint64_t)now_of(), .bytes = is_there ? text : STR("") }, -1));
}

void vault_challenges_tell(struct vault *v)
{
	for (size_t i = 0; v->challenges != NULL && i < VAULT_CHALLENGES_MAX; i++)
		if (v->challenges[i].until > now_of())
			tell(v, &v->challenges[i], true);
}

static void forget(struct vault *v, struct vault_challenge *c)
{
	tell(v, c, false);
	*c = (struct vault_challenge){ .until = 0 };
}

void vault_challenges_tick(struct vault *v)
{
	for (size_t i = 0; v->challenges != NULL && i < VAULT_CHALLENGES_MAX; i++)
		if (v->challenges[i].until != 0 && v->challenges[i].until <= now_of())
			forget(v, &v->challenges[i]);
}

/* ---- cmdlets ---- */

/* The place of a token, or else a free one. NULL: there is neither. */
static struct vault_challenge *find(struct vault *v, str token, bool or_free)
{
	struct vault_challenge *found = NULL;
	for (size_t i = 0; v->challenges != NULL && i < VAULT_CHALLENGES_MAX; i++) {
		struct vault_challenge *c = &v->challenges[i];
		if (c->until != 0 && str_eq(str_of(c->token), token))
			return c;
		if (or_free && c->until == 0 && found == NULL)
			found = c;
	}
	return found;
}

static err add(struct call *call, str token, str text)
{
	struct vault *v = call->vault;
	vault_challenges_tick(v);
	if (v->challenges == NULL)
		v->challenges = calloc(VAULT_CHALLENGES_MAX, sizeof *v->challenges);
	ENSURE(v->challenges != NULL, NO_MEMORY);
	struct vault_challenge *c = find(v, token, true);
	if (c == NULL)
		return diag_fail(&call->diag, ERR(CEILING), "Token", "take some away: Remove-CsAcmeChallenge; each is forgotten after an hour", "%d answers are shown already", VAULT_CHALLENGES_MAX);
	if (!str_to_z(token, c->token, sizeof c->token) || !str_to_z(text, c->text, sizeof c->text))
		return ERR(CEILING);
	c->until = now_of() + SECONDS;
	tell(v, c, true);
	return OK;
}

err command_challenge_new(struct call *call)
{
	str token, text = STR("");
	char path[sizeof PATH_BEGIN + TOKEN_MAX];
	TRY(command_reach_server(call));
	TRY(take_token(call, &token));
	(void)command_text(call, "KeyAuthorization", &text);
	if (!vault_challenge_is_answer(token, text))
		return diag_fail(&call->diag, ERR(USAGE), "KeyAuthorization", "TOKEN.THUMBPRINT, as RFC 8555 section 8.1 says", "this is no answer to the challenge");
	if (!vault_web_is_there(call->vault))
		return diag_fail(&call->diag, ERR(REFUSED), "ports.http", "name a port for http or external-http in the topology, or use another challenge", "this server serves nothing over plain HTTP");
	if (!call->what_if)
		TRY(add(call, token, text));
	(void)snprintf(path, sizeof path, PATH_BEGIN "%.*s", STR_FMT(token));
	return command_add_object(call, json_pack("{s:s,s:o}", "Path", path, "Until", command_moment((uint64_t)(now_of() + SECONDS))));
}

err command_challenge_remove(struct call *call)
{
	str token;
	TRY(command_reach_server(call));
	TRY(take_token(call, &token));
	struct vault_challenge *c = find(call->vault, token, false);
	if (c == NULL)
		return diag_fail(&call->diag, ERR(ABSENT), "Token", "nothing has to be done", "no answer to this challenge is shown");
	if (!call->what_if)
		forget(call->vault, c);
	return OK;
}
