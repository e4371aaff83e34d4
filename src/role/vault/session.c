/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administrators who sign in with a password or a certificate, from elsewhere or at the console. Vault alone makes and checks sessions; whoever carries them
 * (the web process) can use one that it was given, but make none. Of a token only its hash is kept.
 */
#include "base/enc.h"
#include "role/vault/ticket_priv.h"
#include "wire/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SESSIONS_MOST = 256, SESSIONS_OF_ONE = 16, TOKEN = 32, TOKEN_TEXT = 44, IDLE_MS = 15 * 60 * 1000, LIFE_MS = 12 * 3600 * 1000, CODES_MOST = 64,
	PLACES_MOST = 4096, PLACE_FAILURES = 50, REFUSALS_MS = 10000 };

struct session {
	uint8_t hash[CRYPT_HASH_MAX]; /* of the token */
	uint8_t password[CRYPT_HASH_MAX]; /* a hash of what was stored of the password: another one ends the session */
	uint64_t begun, used;         /* milliseconds since 1970; begun 0: free */
	char aor[VAULT_AOR + 1];
	char serial[CERT_SERIAL];     /* of the certificate that he signed in with; empty: with a password */
	int64_t ends;                 /* the certificate, seconds since 1970 */
};

/* A code is good once: the step of the last one that each administrator used. */
struct code {
	uint64_t step;
	char aor[VAULT_AOR + 1];
};

struct sessions {
	struct session all[SESSIONS_MOST];
	struct code codes[CODES_MOST];
	struct tally wrong_codes; /* by themselves: a sign-in elsewhere, which takes the password alone, does not make up for them */
	struct tally places; /* where wrong passwords came from */
	unsigned next_code;
	uint64_t refusal; /* when a refused certificate was last written into the audit: who shows one without end must not fill it */
};

void sessions_fini(struct vault *v)
{
	if (v->sessions != NULL) {
		tally_fini(&v->sessions->wrong_codes);
		tally_fini(&v->sessions->places);
		crypt_wipe(v->sessions, sizeof *v->sessions);
	}
	free(v->sessions);
	v->sessions = NULL;
}

bool session_is_command(const char *name)
{
	return strcmp(name, "sign-in") == 0 || strcmp(name, "sign-out") == 0 || strcmp(name, "session") == 0;
}

/* ---- the table ---- */

static void hash_token(struct vault *v, str token, uint8_t out[CRYPT_HASH_MAX])
{
	const str parts[] = { STR("witan session"), token };
	crypt_hash(v->crypt, CRYPT_SHA256, parts, 2, out);
}

static void hash_password(struct vault *v, str stored, uint8_t out[CRYPT_HASH_MAX])
{
	const str parts[] = { STR("witan session password"), stored };
	crypt_hash(v->crypt, CRYPT_SHA256, parts, 2, out);
}

static bool is_over(const struct session *s, uint64_t now)
{
	return s->begun == 0 || now - s->used > IDLE_MS || now - s->begun > LIFE_MS;
}

static struct session *find(struct vault *v, const char *token)
{
	uint8_t hash[CRYPT_HASH_MAX];
	struct session *found = NULL;
	uint64_t now = vault_unix_ms();
	if (token == NULL || v->sessions == NULL)
		return NULL;
	hash_token(v, str_of(token), hash);
	for (unsigned i = 0; i < SESSIONS_MOST; i++) {
		struct session *s = &v->sessions->all[i];
		if (is_over(s, now))
			*s = (struct session){ 0 };
		else if (crypt_equal(s->hash, hash, 32))
			found = s;
	}
	return found;
}

/* A free place; somebody who has too many, or a full table, loses the session that was not used for longest. */
static struct session *place(struct vault *v, str aor)
{
	struct session *free_one = NULL, *oldest = NULL, *own = NULL;
	unsigned n_own = 0;
	uint64_t now = vault_unix_ms();
	for (unsigned i = 0; i < SESSIONS_MOST; i++) {
		struct session *s = &v->sessions->all[i];
		if (is_over(s, now)) {
			free_one = s;
			continue;
		}
		oldest = oldest == NULL || s->used < oldest->used ? s : oldest;
		if (!str_eq(str_of(s->aor), aor))
			continue;
		n_own++;
		own = own == NULL || s->used < own->used ? s : own;
	}
	return n_own >= SESSIONS_OF_ONE ? own : free_one != NULL ? free_one : oldest;
}

static json_t *describe(const struct session *s, const char *token)
{
	char uri[VAULT_AOR + 5];
	(void)snprintf(uri, sizeof uri, "sip:%s", s->aor);
	json_t *o = json_pack("{s:s,s:i,s:o}", "User", uri, "IdleSeconds", IDLE_MS / 1000, "ExpiresAt", command_moment((s->begun + LIFE_MS) / 1000));
	if (o != NULL && s->serial[0] != '\0')
		(void)json_object_set_new(o, "Certificate", json_string(s->serial));
	if (o != NULL && token != NULL)
		(void)json_object_set_new(o, "Session", json_string(token));
	return o;
}

/* ---- one-time codes (RFC 6238: HMAC-SHA-1, 30 seconds, 6 digits; RFC 4226 5.3) ---- */

uint32_t session_code(str secret, uint64_t step)
{
	uint8_t mac[20], text[8];
	for (int i = 0; i < 8; i++)
		text[i] = (uint8_t)(step >> (8 * (7 - i)));
	if (failed(crypt_mac_sha1(secret, (str){ (const char *)text, 8 }, mac)))
		return UINT32_MAX;
	unsigned at = mac[19] & 0xf;
	uint32_t v = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 | (uint32_t)mac[at + 2] << 8 | mac[at + 3];
	return v % 1000000;
}

static struct code *last_code(struct sessions *t, str aor)
{
	for (unsigned i = 0; i < CODES_MOST; i++)
		if (str_eq(str_of(t->codes[i].aor), aor))
			return &t->codes[i];
	struct code *c = &t->codes[t->next_code++ % CODES_MOST];
	*c = (struct code){ 0 };
	(void)str_to_z(aor, c->aor, sizeof c->aor);
	return c;
}

static bool is_code(struct sessions *t, str aor, str secret, str given, uint64_t now_s)
{
	uint32_t want;
	struct code *last = last_code(t, aor);
	bool good = false;
	if (given.n != 6 || !str_to_u32(given, &want))
		return false;
	for (uint64_t step = now_s / 30 - 1; step <= now_s / 30 + 1; step++) {
		if (step <= last->step || session_code(secret, step) != want)
			continue;
		last->step = step;
		good = true;
	}
	return good;
}

/* ---- signing in ---- */

struct proof {
	str sha256;
	uint8_t kept[32];
	size_t n_kept;
	bool exists; /* with a password */
	bool is_there, enabled, needs_certificate;
	uint8_t totp[64];
	size_t n_totp;
};

static void keep_user(void *arg, const struct store_user *u)
{
	struct proof *p = arg;
	p->exists = u->ha1_sha256.n == 32;
	p->is_there = true;
	p->enabled = u->enabled;
	p->needs_certificate = ticket_needs_certificate(u);
	p->n_kept = p->exists ? 32 : 0;
	if (p->exists)
		memcpy(p->kept, u->ha1_sha256.p, 32);
}

static void keep_totp(void *arg, str value)
{
	struct proof *p = arg;
	p->n_totp = value.n <= sizeof p->totp ? value.n : 0;
	memcpy(p->totp, value.p, p->n_totp);
}

static void look_up(struct vault *v, str aor, struct proof *p)
{
	(void)failed(store_user_find(v->store, aor, keep_user, p));
	(void)failed(store_credential_find(v->store, aor, STR("totp"), keep_totp, p));
}

/* The same work and the same answer whether the name exists or not. */
static bool is_password(struct vault *v, str aor, str password, struct proof *p)
{
	uint8_t hash[CRYPT_HASH_MAX];
	str domain, name = str_split(aor, '@', &domain);
	look_up(v, aor, p);
	digest_ha1(v->crypt, CRYPT_SHA256, name, domain, password, hash);
	bool same = crypt_equal(hash, p->kept, 32);
	crypt_wipe(hash, sizeof hash);
	return same && p->exists && p->enabled;
}

static err refuse(struct vault *v, str aor, const char *address, bool exists, struct diag *d)
{
	vault_count_failure(v, aor, address, exists);
	return diag_fail(d, ERR(SIGN_IN), "sign-in", "write your address (sip:ann@example.test) and your password", "the address, the password or the code is wrong, or you may not sign in");
}

static err check_lock(const struct tally *tally, str aor, struct diag *d)
{
	const struct tally_entry *t = tally_find(tally, aor);
	uint64_t now = vault_unix_ms();
	if (t == NULL || t->until_ms <= now)
		return OK;
	return diag_fail(d, ERR(LOCKED), "sign-in", "wait, or ask for Unlock-CsUser", "too many wrong passwords: locked for %llu seconds more", (unsigned long long)((t->until_ms - now + 999) / 1000));
}

static err check_code(struct vault *v, str aor, const json_t *given, const char *address, const struct proof *p, struct diag *d)
{
	const json_t *code = json_object_get(given, "Code");
	if (p->n_totp == 0)
		return OK;
	if (!json_is_string(code) || json_string_length(code) == 0)
		return diag_fail(d, ERR(CODE_NEEDED), "sign-in", "give the code that your authenticator shows", "this administrator signs in with a one-time code, too");
	str c = { json_string_value(code), json_string_length(code) };
	TRY(check_lock(&v->sessions->wrong_codes, aor, d));
	if (is_code(v->sessions, aor, (str){ (const char *)p->totp, p->n_totp }, c, vault_unix_ms() / 1000)) {
		(void)tally_remove(&v->sessions->wrong_codes, aor);
		return OK;
	}
	bool locked;
	(void)tally_add(&v->sessions->wrong_codes, aor, true, vault_unix_ms(), &v->config, &locked);
	return refuse(v, aor, address, true, d);
}

static err check_proof(struct vault *v, str aor, const json_t *given, const char *address, struct proof *p, struct diag *d)
{
	const json_t *password = json_object_get(given, "Password");
	str text = { json_string_value(password), json_string_length(password) };
	TRY(check_lock(&v->tally, aor, d));
	if (!json_is_string(password) || !is_password(v, aor, text, p))
		return refuse(v, aor, address, p->exists, d);
	return check_code(v, aor, given, address, p, d);
}

static err check_roles(struct vault *v, str aor, struct diag *d)
{
	struct rbac rights = { 0 };
	TRY(rights_load(v, aor, &rights));
	bool any = rights.n != 0;
	rbac_fini(&rights);
	return any ? OK : diag_fail(d, ERR(REFUSED), "sign-in", "ask an administrator to put you into a group: Set-CsGroup CsHelpDesk -Members @{Add=\"sip:...\"}",
		"you hold no administrator's role");
}

/* ---- who tries many names from one place ---- */

/* "192.0.2.1:4711" and "[2001:db8::1]:4711" without the port, "console, pid 11" without the process. */
static str host_of(str address)
{
	size_t n = address.n;
	while (n != 0 && address.p[n - 1] >= '0' && address.p[n - 1] <= '9')
		n--;
	if (n != 0 && n < address.n && address.p[n - 1] == ':')
		return str_cut(address, 0, n - 1);
	return str_cut(address, 0, str_find_char(address, ','));
}

static void init_tallies(struct sessions *s)
{
	tally_init(&s->wrong_codes, 1);
	tally_init(&s->places, PLACES_MOST);
}

/* A place may fail more often than a person, since an office can be behind one address; then it waits as he would. */
static void count_place(struct vault *v, str host)
{
	bool locked;
	struct config many = v->config;
	many.max_failed_sign_ins = PLACE_FAILURES;
	(void)tally_add(&v->sessions->places, host, false, vault_unix_ms(), &many, &locked);
	if (locked)
		LOG(&v->skel->log, AUTH_LOCKED, LOG_STR("address", host), LOG_INT("failures", PLACE_FAILURES));
}

static bool make_sessions(struct vault *v)
{
	if (v->sessions == NULL && (v->sessions = calloc(1, sizeof *v->sessions)) != NULL)
		init_tallies(v->sessions);
	return v->sessions != NULL;
}

err session_place_check(struct vault *v, str address, struct diag *d)
{
	ENSURE(make_sessions(v), NO_MEMORY);
	return address.n != 0 ? check_lock(&v->sessions->places, host_of(address), d) : OK;
}

void session_place_count(struct vault *v, str address)
{
	if (address.n != 0 && make_sessions(v))
		count_place(v, host_of(address));
}

/* ---- with a password ---- */

static err by_password(struct vault *v, const struct session_ask *ask, char room[VAULT_AOR], str *aor, struct proof *p, struct diag *d)
{
	struct call call = { .vault = v };
	str user = str_of(json_string_value(json_object_get(ask->given, "User")));
	if (failed(command_user_identity(&call, user, room, aor))) { /* what nobody is called is counted as a wrong password, too */
		size_t n = user.n < VAULT_AOR ? user.n : VAULT_AOR - 1;
		memcpy(room, user.p, n);
		*aor = (str){ room, n };
	}
	str host = host_of(str_of(ask->address));
	TRY(check_lock(&v->sessions->places, host, d));
	err e = check_proof(v, *aor, ask->given, ask->address, p, d);
	if (err_is(e, ERR_SIGN_IN))
		count_place(v, host);
	return e;
}

/* ---- with a certificate ---- */

static err check_named(struct vault *v, const json_t *user, str aor, struct diag *d)
{
	struct call call = { .vault = v };
	char room[VAULT_AOR];
	str named = STR("");
	if (user == NULL)
		return OK;
	if (!failed(command_user_identity(&call, (str){ json_string_value(user), json_string_length(user) }, room, &named)) && str_eq(named, aor))
		return OK;
	return diag_fail(d, ERR(SIGN_IN), "certificate", "leave the user out, or show his certificate", "the certificate is one of sip:%.*s", STR_FMT(aor));
}

static err check_user(str aor, const struct proof *p, struct diag *d)
{
	if (!p->is_there)
		return diag_fail(d, ERR(SIGN_IN), "certificate", "ask an administrator", "the user of the certificate, sip:%.*s, is not there", STR_FMT(aor));
	if (!p->enabled)
		return diag_fail(d, ERR(SIGN_IN), "certificate", "ask for Enable-CsUser", "the user of the certificate, sip:%.*s, is disabled", STR_FMT(aor));
	return OK;
}

/* What web says is believed in one point: that who asks has the certificate's key. A second factor stays one. */
static err by_certificate(struct vault *v, struct session_ask *ask, char room[VAULT_AOR], str *aor, struct proof *p, struct diag *d)
{
	(void)vault_knows_revocations(v);
	err e = cert_client_check(ask->certificate, buf_str(&v->trust), v->crl, (int64_t)(vault_unix_ms() / 1000), &ask->by, d);
	if (failed(e))
		return err_is(e, ERR_REFUSED) ? ERR(SIGN_IN) : e;
	ENSURE(str_to_z(str_of(ask->by.address), room, VAULT_AOR), CEILING);
	*aor = str_of(room);
	look_up(v, *aor, p);
	TRY(check_user(*aor, p, d));
	TRY(check_named(v, json_object_get(ask->given, "User"), *aor, d));
	TRY(check_lock(&v->tally, *aor, d));
	return check_code(v, *aor, ask->given, ask->address, p, d);
}

/* Commands of his are in the audit; how he came to give them is, too. */
static void audit_certificate(struct vault *v, const struct session_ask *ask, err e, const struct diag *d)
{
	char author[VAULT_AOR + 5], command[CERT_SERIAL + 32];
	uint64_t now = vault_unix_ms();
	if (ask->by.serial[0] == '\0' || (failed(e) && now - v->sessions->refusal < REFUSALS_MS))
		return;
	v->sessions->refusal = failed(e) ? now : v->sessions->refusal;
	(void)snprintf(author, sizeof author, "sip:%s", ask->by.address);
	(void)snprintf(command, sizeof command, "sign-in certificate %s", ask->by.serial);
	(void)failed(command_audit_add(v, &(struct store_audit){ .time = now / 1000, .author = ask->by.address[0] != '\0' ? str_of(author) : STR("-"),
		.address = str_of(ask->address), .command = str_of(command), .result = str_of(failed(e) ? e.def->name : "OK"),
		.detail = failed(e) ? str_of(d->what) : STR("") }));
}

/* ---- both ---- */

static json_t *begin(struct vault *v, str aor, const uint8_t password[CRYPT_HASH_MAX], const struct session_ask *ask)
{
	char token[TOKEN_TEXT];
	uint8_t bytes[TOKEN];
	crypt_random(bytes, sizeof bytes);
	token[enc_base64url(bytes, sizeof bytes, token)] = '\0';
	struct session *s = place(v, aor);
	*s = (struct session){ .begun = vault_unix_ms(), .used = vault_unix_ms(), .ends = ask->by.expires };
	(void)str_to_z(aor, s->aor, sizeof s->aor);
	memcpy(s->serial, ask->by.serial, sizeof s->serial);
	hash_token(v, str_of(token), s->hash);
	memcpy(s->password, password, sizeof s->password);
	json_t *object = describe(s, token);
	crypt_wipe(token, sizeof token);
	crypt_wipe(bytes, sizeof bytes);
	return object;
}

static err prove(struct vault *v, struct session_ask *ask, char room[VAULT_AOR], str *aor, uint8_t password[CRYPT_HASH_MAX], struct diag *d)
{
	struct proof p = { 0 };
	bool has_password = json_object_get(ask->given, "Password") != NULL || ask->certificate.n == 0;
	err e = has_password ? by_password(v, ask, room, aor, &p, d) : by_certificate(v, ask, room, aor, &p, d);
	hash_password(v, (str){ (const char *)p.kept, p.n_kept }, password);
	bool is_enough = !has_password || !p.needs_certificate;
	crypt_wipe(&p, sizeof p);
	TRY(e);
	if (!is_enough)
		return diag_fail(d, ERR(CERTIFICATE_NEEDED), "sign-in", "show it: --cert and --key", "you sign in by a smart card or another certificate, not by a password");
	TRY(check_roles(v, *aor, d));
	if (has_password)
		vault_count_success(v, *aor); /* a certificate says nothing of who guessed passwords meanwhile */
	return OK;
}

static err sign_in(struct vault *v, struct session_ask *ask, json_t **object, struct diag *d)
{
	char room[VAULT_AOR];
	uint8_t password[CRYPT_HASH_MAX];
	str aor = STR("");
	ENSURE(make_sessions(v), NO_MEMORY);
	TRY(vault_store(v, d));
	err e = prove(v, ask, room, &aor, password, d);
	audit_certificate(v, ask, e, d);
	TRY(e);
	*object = begin(v, aor, password, ask);
	return *object != NULL ? OK : ERR(NO_MEMORY);
}

static err no_session(struct diag *d)
{
	return diag_fail(d, ERR(SIGN_IN), "session", "sign in", "there is no such session, or it has ended");
}

/* A certificate that has ended or was revoked takes its sessions along. */
static bool is_void(const struct vault *v, const struct session *s)
{
	if (s->serial[0] == '\0')
		return false;
	return s->ends <= (int64_t)(vault_unix_ms() / 1000) || (v->crl != NULL && cert_crl_has(v->crl, s->serial));
}

static struct session *find_valid(struct vault *v, const char *token)
{
	struct session *s = find(v, token);
	if (s == NULL || !is_void(v, s))
		return s;
	*s = (struct session){ 0 };
	return NULL;
}

err session_command(struct vault *v, struct session_ask *ask, json_t **object, struct diag *d)
{
	if (strcmp(ask->name, "sign-in") == 0)
		return sign_in(v, ask, object, d);
	struct session *s = find_valid(v, ask->session);
	if (s == NULL)
		return no_session(d);
	*object = describe(s, NULL);
	s->used = vault_unix_ms();
	if (strcmp(ask->name, "sign-out") == 0)
		*s = (struct session){ 0 };
	return *object != NULL ? OK : ERR(NO_MEMORY);
}

struct standing {
	struct vault *vault;
	const struct session *session;
	bool holds; /* he is there, enabled, with the password that he signed in with */
};

static void look_at_user(void *arg, const struct store_user *u)
{
	struct standing *s = arg;
	uint8_t password[CRYPT_HASH_MAX];
	hash_password(s->vault, u->ha1_sha256, password);
	s->holds = u->enabled && crypt_equal(password, s->session->password, sizeof password);
}

err session_author(struct vault *v, const char *session, const char *address, struct author *out, struct diag *d)
{
	struct session *s = find_valid(v, session);
	struct standing standing = { v, s, false };
	if (s == NULL)
		return no_session(d);
	TRY(vault_store(v, d));
	(void)failed(store_user_find(v->store, str_of(s->aor), look_at_user, &standing));
	if (!standing.holds) {
		*s = (struct session){ 0 };
		return no_session(d);
	}
	s->used = vault_unix_ms();
	(void)snprintf(out->name, sizeof out->name, "sip:%s", s->aor);
	(void)snprintf(out->address, sizeof out->address, "%s", address);
	return rights_load(v, str_of(s->aor), &out->rights);
}

void session_forget_codes(struct vault *v, str aor)
{
	if (v->sessions != NULL)
		(void)tally_remove(&v->sessions->wrong_codes, aor);
}

/* ---- a second factor for an administrator ---- */

static err show_secret(struct call *call, str aor, const uint8_t secret[20])
{
	char text[ENC_BASE32_SIZE(20) + 1], url[500];
	text[enc_base32(secret, 20, text)] = '\0';
	(void)snprintf(url, sizeof url, "otpauth://totp/Witan:%.*s?secret=%s&issuer=Witan", STR_FMT(aor), text);
	err e = command_add_object(call, json_pack("{s:o,s:s,s:s}", "Identity", command_uri(aor), "Secret", text, "Url", url));
	crypt_wipe(text, sizeof text);
	crypt_wipe(url, sizeof url);
	return e;
}

static err user_for_writing(struct call *call, char room[VAULT_AOR], str *aor)
{
	str given = STR("");
	json_t *body = NULL;
	(void)command_text(call, "Identity", &given);
	TRY(command_user_identity(call, given, room, aor));
	TRY(command_user_body(call, *aor, &body));
	err e = command_reach_user(call, *aor, body, true);
	json_decref(body);
	return e;
}

err command_totp_enable(struct call *call)
{
	char room[VAULT_AOR];
	uint8_t secret[20];
	str aor;
	TRY(user_for_writing(call, room, &aor));
	crypt_random(secret, sizeof secret);
	err e = store_credential_set(call->vault->store, aor, STR("totp"), (str){ (const char *)secret, sizeof secret });
	if (!failed(e))
		e = show_secret(call, aor, secret);
	crypt_wipe(secret, sizeof secret);
	return e;
}

err command_totp_disable(struct call *call)
{
	char room[VAULT_AOR];
	str aor;
	TRY(user_for_writing(call, room, &aor));
	return store_credential_remove(call->vault->store, aor, STR("totp"));
}
