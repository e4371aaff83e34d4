/* SPDX-License-Identifier: Apache-2.0 */
/* Web tickets: given to who proves himself over HTTP, and opened when one is shown (docs/adr/0069). Web has no keys of them. */
#include "role/vault/ticket_priv.h"

#include "wire/digest.h"
#include "wire/ntlm.h"

#include <stdio.h>

enum { BASIC, NTLM, NEGOTIATE, CERTIFICATE };

/* ---- who it is ---- */

static void keep_owner(void *arg, const struct store_user *u)
{
	struct ticket_owner *o = arg;
	o->is_there = u->enabled && u->ha1_sha256.n == sizeof o->secret && str_to_z(u->aor, o->aor, sizeof o->aor);
	o->needs_certificate = ticket_needs_certificate(u);
	if (o->is_there)
		memcpy(o->secret, u->ha1_sha256.p, sizeof o->secret);
}

void ticket_owner_find(struct vault *v, str aor, struct ticket_owner *out)
{
	char lower[VAULT_AOR];
	*out = (struct ticket_owner){ .is_there = false };
	if (aor.n == 0 || aor.n >= sizeof lower)
		return;
	for (size_t i = 0; i < aor.n; i++)
		lower[i] = char_lower(aor.p[i]);
	(void)failed(store_user_find(v->store, (str){ lower, aor.n }, keep_owner, out));
}

/* ---- the proof ---- */

/* What somebody says of himself, and whether it is so. */
struct claim {
	char name[VAULT_AOR]; /* whose failures are counted: his address, or what was typed */
	struct proof_named who;
	str password;             /* BASIC */
	struct ntlm_authenticate ntlm;
};

static err sign_in_refused(struct diag *d)
{
	return diag_fail(d, ERR(SIGN_IN), "sign-in", "", "the name or the password is wrong, or you may not sign in");
}

/* "EXAMPLE\ann", "ann", "ann@example.test" */
static str bare_name(str s)
{
	size_t at = str_find_char(s, '\\');
	return at < s.n ? str_cut(s, at + 1, s.n) : s;
}

static err read_claim(struct vault *v, const struct ipc_web_ticket_ask *m, struct claim *c, struct diag *d)
{
	str name = STR("");
	if (m->scheme == NTLM) {
		if (failed(ntlm_authenticate_parse(m->token, &c->ntlm, d)))
			return ERR(SIGN_IN);
		name = str_of(c->ntlm.user);
	} else {
		name = bare_name(str_split(m->token, ':', &c->password));
	}
	bool is_known = name.n != 0 && name.n <= NTLM_NAME_MOST && proof_find_named(v, name, &c->who);
	name = str_cut(is_known ? str_of(c->who.aor) : name, 0, sizeof c->name - 1);
	for (size_t i = 0; i < name.n; i++)
		c->name[i] = char_lower(name.p[i]);
	c->name[name.n] = '\0';
	return OK;
}

/* The same work whether the name exists or not. */
static bool is_password(struct vault *v, const struct claim *c, struct ticket_owner *o)
{
	uint8_t hash[CRYPT_HASH_MAX];
	str domain, name = str_split(str_of(c->name), '@', &domain);
	digest_ha1(v->crypt, CRYPT_SHA256, name, domain, c->password, hash);
	bool is_same = crypt_equal(hash, o->secret, sizeof o->secret) && c->password.n != 0;
	crypt_wipe(hash, sizeof hash);
	return is_same && o->is_there;
}

err ticket_lock_check(struct vault *v, const char *name, struct diag *d)
{
	const struct tally_entry *t = tally_find(&v->tally, str_of(name));
	uint64_t now = vault_unix_ms();
	if (t == NULL || t->until_ms <= now)
		return OK;
	return diag_fail(d, ERR(LOCKED), "sign-in", "", "too many wrong passwords: wait %llu seconds, or ask your administrator", (unsigned long long)((t->until_ms - now + 999) / 1000));
}

static bool judge(struct vault *v, const struct ipc_web_ticket_ask *m, struct claim *c, struct ticket_owner *o)
{
	uint8_t key[16];
	ticket_owner_find(v, c->who.n == 1 ? str_of(c->who.aor) : STR(""), o);
	if (m->scheme == BASIC)
		return is_password(v, c, o);
	bool is_right = effective_windows_auth(v, "NTLM") && v->config.use_ntlm && proof_ntlm(v, &c->ntlm, m->negotiate, m->challenge, &c->who, key);
	crypt_wipe(key, sizeof key);
	return is_right && o->is_there;
}

static err prove(struct vault *v, const struct ipc_web_ticket_ask *m, struct claim *c, struct ticket_owner *o, struct diag *d)
{
	char address[80];
	TRY(vault_store(v, d));
	ENSURE(m->scheme <= NTLM && str_to_z(m->address, address, sizeof address), MALFORMED);
	TRY(session_place_check(v, m->address, d));
	TRY(read_claim(v, m, c, d));
	TRY(ticket_lock_check(v, c->name, d));
	if (!judge(v, m, c, o)) {
		vault_count_failure(v, str_of(c->name), address[0] != '\0' ? address : "a reverse proxy", c->who.n == 1);
		session_place_count(v, m->address);
		return sign_in_refused(d);
	}
	vault_count_success(v, str_of(o->aor));
	return ticket_claim_check(o, m->claimed, d);
}

err ticket_claim_check(const struct ticket_owner *o, str claimed, struct diag *d)
{
	if (claimed.n != 0 && !str_eq_case(claimed, str_of(o->aor)))
		return diag_fail(d, ERR(REFUSED), "sign-in", "", "you have signed in as sip:%s, and ask for a ticket of sip:%.*s", o->aor, STR_FMT(str_cut(claimed, 0, 80)));
	return OK;
}

/* ---- giving one ---- */

static err make(struct vault *v, const struct ticket_want *q, const struct ticket_owner *o, struct ipc_web_ticket_tell *out, struct ticket_room *room)
{
	struct webticket t = { .audience = q->audience };
	uint8_t secret[CRYPT_HASH_MAX];
	size_t n = 0;
	webticket_new(&t, (int64_t)(vault_unix_ms() / 1000));
	if (q->entropy.n != 0) {
		crypt_random(room->entropy, sizeof room->entropy);
		out->entropy = (str){ (const char *)room->entropy, sizeof room->entropy };
		TRY(webticket_key(q->entropy, out->entropy, t.key, &t.n_key));
	}
	err e = webticket_seal(v->seals, ticket_secret(v, o, secret), str_of(o->aor), &t, room->sealed, &n);
	crypt_wipe(secret, sizeof secret);
	webticket_fini(&t);
	memcpy(room->id, t.id, sizeof room->id);
	out->ticket = str_of(room->id);
	out->since = (uint64_t)t.since;
	out->until = (uint64_t)t.until;
	out->sealed = (str){ (const char *)room->sealed, n };
	return e;
}

void ticket_tell(struct vault *v, const struct ticket_want *q, struct ticket_owner *o, err e, struct diag *d)
{
	struct ticket_room room;
	struct ipc_web_ticket_tell out = { .id = q->id, .proof = q->answer };
	if (!failed(e))
		e = ticket_factor_check(v, o, q->by_certificate, d);
	if (!failed(e))
		e = make(v, q, o, &out, &room);
	out.error = failed(e) ? (uint16_t)(e.def - err_defs + 1) : 0;
	diag_clean(d);
	out.what = failed(e) ? str_of(d->what[0] != '\0' ? d->what : e.def->text) : STR("");
	out.aor = str_of(o->is_there && !failed(e) ? o->aor : "");
	if (vault_web_channel(v) != NULL && q->life == v->web_lives)
		(void)failed(ipc_send_web_ticket_tell(vault_web_channel(v), &out, -1));
	crypt_wipe(o, sizeof *o);
	crypt_wipe(&room, sizeof room);
}

void vault_web_ticket_ask(struct vault *v, const struct ipc_web_ticket_ask *m)
{
	struct diag d = { 0 };
	struct claim c = { .password = STR("") };
	struct ticket_owner o = { .is_there = false };
	err e = OK;
	if (m->scheme == NEGOTIATE)
		e = ticket_kerberos(v, m, &d);
	else if (m->scheme == CERTIFICATE)
		e = ticket_factor(v, m, &o, &d);
	else
		e = prove(v, m, &c, &o, &d);
	if (m->scheme != NEGOTIATE || failed(e)) /* who has a token of Kerberos is told once keeper has judged */
		ticket_tell(v, &(const struct ticket_want){ .id = m->id, .life = v->web_lives, .audience = m->audience, .entropy = m->entropy, .answer = STR(""),
			.by_certificate = m->scheme == CERTIFICATE }, &o, e, &d);
}

/* ---- opening one ---- */

static err ticket_open(struct vault *v, const struct ipc_web_ticket_show *m, struct ticket_owner *o, struct webticket *out, struct diag *d)
{
	uint8_t secret[CRYPT_HASH_MAX];
	struct webticket shown = { .since = (int64_t)m->since, .until = (int64_t)m->until, .audience = m->audience };
	TRY(vault_store(v, d));
	ticket_owner_find(v, m->user, o);
	bool is_id = str_to_z(m->ticket, shown.id, sizeof shown.id);
	err e = webticket_open(v->seals, ticket_secret(v, o, secret), str_of(o->aor), is_id && o->is_there ? m->sealed : STR(""), &shown,
		(int64_t)(vault_unix_ms() / 1000), out, d);
	crypt_wipe(secret, sizeof secret);
	TRY(e);
	if (webticket_is_for(m->audience, m->path))
		return OK;
	webticket_fini(out);
	return diag_fail(d, ERR(REFUSED), "ticket", "", "the web ticket is for another service");
}

void ticket_seen(struct vault *v, uint64_t id, uint64_t life, err e, struct diag *d, const char *aor, str certificate)
{
	struct ipc_web_ticket_seen out = { .id = id, .error = failed(e) ? (uint16_t)(e.def - err_defs + 1) : 0, .aor = str_of(aor), .certificate = certificate };
	diag_clean(d);
	out.what = failed(e) ? str_of(d->what[0] != '\0' ? d->what : e.def->text) : STR("");
	if (vault_web_channel(v) != NULL && life == v->web_lives)
		(void)failed(ipc_send_web_ticket_seen(vault_web_channel(v), &out, -1));
}

void vault_web_ticket_show(struct vault *v, const struct ipc_web_ticket_show *m)
{
	struct diag d = { 0 };
	struct ticket_owner o;
	struct webticket t;
	err e = ticket_open(v, m, &o, &t, &d);
	if (!failed(e) && m->request.n != 0)
		e = ticket_certificate(v, m, &o, &t, &d);
	if (failed(e) || m->request.n == 0)
		ticket_seen(v, m->id, v->web_lives, e, &d, failed(e) ? "" : o.aor, STR(""));
	if (!failed(e))
		webticket_fini(&t);
	crypt_wipe(&o, sizeof o);
}
