/* SPDX-License-Identifier: Apache-2.0 */
/* Users. DisplayName and Enabled stand in columns of their own, since every process is told of them; everything else is his body. */
#include "role/vault/vault_priv.h"

#include "base/enc.h"
#include "wire/digest.h"

#include <stdio.h>
#include <stdlib.h>

enum { PASSWORD_LEAST = 8, PASSWORD_MOST = 256 };

#define USER_KIND (&schema_kinds[SCHEMA_ID_User])

/* ---- addresses ---- */

err command_find_domain(const char *domains, str domain)
{
	for (str rest = str_of(domains); rest.n != 0;) {
		str one = str_trim(str_split(rest, ',', &rest));
		if (one.n != 0 && str_eq_case(one, domain))
			return OK;
	}
	return ERR(ABSENT);
}

static bool is_name(str s)
{
	if (s.n == 0 || s.n > 64)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.+~", c) != NULL)))
			return false;
	}
	return true;
}

err command_address(struct call *call, str given, char out[VAULT_AOR], str *aor)
{
	static const char remedy[] = "write it as sip:ann@example.test, with letters, digits and - _ . + ~";
	str s = str_trim(given), domain;
	if (str_begins_case(s, STR("sip:")))
		s = str_cut(s, 4, s.n);
	if (s.n == 0 || s.n >= VAULT_AOR)
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", remedy, "an address has 1 to %d characters", VAULT_AOR - 1);
	for (size_t i = 0; i < s.n; i++)
		out[i] = char_lower(s.p[i]);
	*aor = (str){ out, s.n };
	str name = str_split(*aor, '@', &domain);
	if (!is_name(name))
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", remedy, "%.*s is not an address of a user", STR_FMT(str_cut(s, 0, 80)));
	if (failed(command_find_domain(call->vault->skel->domains, domain))) {
		char ours[200];
		(void)snprintf(ours, sizeof ours, "the SIP domains of the topology are: %.150s", call->vault->skel->domains);
		return diag_fail(&call->diag, ERR(MALFORMED), "Identity", ours, "%.*s is not in a domain of this deployment", STR_FMT(str_cut(s, 0, 80)));
	}
	return OK;
}

static err not_there(struct call *call, str name)
{
	return diag_fail(&call->diag, ERR(ABSENT), "Identity", "Get-CsUser lists the users", "there is no user %.*s", STR_FMT(str_cut(name, 0, 120)));
}

/* ---- by other names ---- */

struct other {
	char *room;
	size_t n;
	unsigned found;
};

static void keep_aor(void *arg, const struct store_user *u)
{
	struct other *o = arg;
	o->found++;
	o->n = u->aor.n < VAULT_AOR ? u->aor.n : 0;
	memcpy(o->room, u->aor.p, o->n);
}

static err by_other_name(struct call *call, str given, char out[VAULT_AOR], str *aor)
{
	static const enum store_user_name names[] = { STORE_BY_SAM, STORE_BY_UPN, STORE_BY_DISPLAY_NAME };
	size_t slash = str_find_char(given, '\\'); /* DOMAIN\sam */
	str sam = slash < given.n ? str_cut(given, slash + 1, given.n) : given;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct other o = { out, 0, 0 };
		TRY(store_user_find_by(call->vault->store, names[i], names[i] == STORE_BY_SAM ? sam : given, keep_aor, &o));
		if (o.found > 1)
			return diag_fail(&call->diag, ERR(REFUSED), "Identity", "name him by his address", "%u users are called %.*s", o.found, STR_FMT(str_cut(given, 0, 80)));
		if (o.found == 1) {
			*aor = (str){ out, o.n };
			return OK;
		}
	}
	return ERR(ABSENT);
}

static void ignore(void *arg, const struct store_user *u)
{
}

err command_user_identity(struct call *call, str given, char out[VAULT_AOR], str *aor)
{
	struct diag before = call->diag;
	TRY(vault_store(call->vault, &call->diag));
	given = str_trim(given);
	err e = command_address(call, given, out, aor);
	if (!failed(e))
		e = store_user_find(call->vault->store, *aor, ignore, NULL);
	else if (!str_begins_case(given, STR("sip:"))) {
		struct diag why = call->diag;
		call->diag = before;
		err other = by_other_name(call, given, out, aor);
		if (!err_is(other, ERR_ABSENT))
			return other;
		if (str_find_char(given, '@') == given.n)
			return not_there(call, given);
		call->diag = why;
		return e;
	} else
		return e;
	return err_is(e, ERR_ABSENT) ? not_there(call, given) : e;
}

static err identity(struct call *call, const char *name, char out[VAULT_AOR], str *aor)
{
	str given;
	if (!command_text(call, name, &given))
		return diag_fail(&call->diag, ERR(USAGE), name, "name a user", "-%s is missing", name);
	return command_user_identity(call, given, out, aor);
}

/* ---- bodies ---- */

struct reading {
	json_t *body;
	bool has_md5;
	uint64_t created, changed;
};

static void read_user(void *arg, const struct store_user *u)
{
	struct reading *r = arg;
	r->body = json_loadb(u->body.p, u->body.n, 0, NULL);
	if (r->body == NULL)
		r->body = json_object();
	(void)json_object_set_new(r->body, "DisplayName", command_json(u->display_name));
	if (!u->enabled)
		(void)json_object_set_new(r->body, "Enabled", json_false());
	r->has_md5 = u->ha1_md5.n != 0;
	r->created = u->created;
	r->changed = u->changed;
}

static err load(struct call *call, str aor, struct reading *r)
{
	*r = (struct reading){ 0 };
	err e = store_user_find(call->vault->store, aor, read_user, r);
	return err_is(e, ERR_ABSENT) ? not_there(call, aor) : failed(e) ? e : r->body != NULL ? OK : ERR(NO_MEMORY);
}

err command_user_body(struct call *call, str aor, json_t **out)
{
	struct reading r;
	TRY(load(call, aor, &r));
	*out = r.body;
	return OK;
}

/* What of a body stands in columns, and the rest as text (the caller frees). */
static char *split_body(const json_t *body, struct store_user *u)
{
	json_t *rest = json_copy((json_t *)(uintptr_t)body);
	const json_t *name = json_object_get(body, "DisplayName");
	u->display_name = str_of(json_string_value(name));
	u->enabled = !json_is_false(json_object_get(body, "Enabled"));
	(void)json_object_del(rest, "DisplayName");
	(void)json_object_del(rest, "Enabled");
	char *text = json_dumps(rest, JSON_COMPACT);
	json_decref(rest);
	u->body = str_of(text);
	return text;
}

static str text_of(const json_t *body, const char *name)
{
	const json_t *v = json_object_get(body, name);
	return json_is_string(v) ? (str){ json_string_value(v), json_string_length(v) } : STR("");
}

/* ---- what is shown ---- */

static void set_name(json_t *o, str name, str ou)
{
	char text[900];
	(void)snprintf(text, sizeof text, "CN=%.*s%s%.*s", STR_FMT(name), ou.n != 0 ? "," : "", STR_FMT(ou));
	(void)json_object_set_new(o, "DistinguishedName", command_json(str_of(text)));
}

static json_t *user_object(const struct call *call, str aor, const struct reading *r)
{
	const struct vault *v = call->vault;
	char uri[VAULT_AOR + 4];
	const struct tally_entry *t = tally_find(&v->tally, aor);
	int n = snprintf(uri, sizeof uri, "sip:%.*s", STR_FMT(aor));
	json_t *o = schema_show(USER_KIND, (str){ uri, (size_t)n }, r->body);
	if (o == NULL)
		return NULL;
	str ou = text_of(r->body, "OU");
	(void)json_object_set_new(o, "SipAddress", json_string(uri));
	set_name(o, text_of(r->body, "DisplayName"), ou);
	if (json_object_get(r->body, "RegistrarPool") == NULL)
		(void)json_object_set_new(o, "RegistrarPool", command_json(place_pool(v)));
	(void)json_object_set(o, "HomeServer", json_object_get(o, "RegistrarPool"));
	(void)json_object_set_new(o, "DigestMd5", json_boolean(r->has_md5));
	(void)json_object_set_new(o, "FailedSignIns", json_integer(t != NULL ? t->failures : 0));
	(void)json_object_set_new(o, "LockedUntil", command_moment(t != NULL && t->until_ms > vault_unix_ms() ? t->until_ms / 1000 : 0));
	(void)json_object_set_new(o, "WhenCreated", command_moment(r->created));
	(void)json_object_set_new(o, "WhenChanged", command_moment(r->changed));
	return o;
}

static err show(struct call *call, str aor)
{
	struct reading r;
	TRY(load(call, aor, &r));
	err e = command_add_object(call, user_object(call, aor, &r));
	json_decref(r.body);
	return e;
}

/* ---- rights ---- */

struct comparison {
	struct call *call;
	err e;
};

static void compare_role(void *arg, str role, json_t *body, const char *by)
{
	struct comparison *c = arg;
	if (!failed(c->e))
		c->e = rbac_check_role(&c->call->author->rights, role, body, &c->call->diag);
}

/* Whoever could set an administrator's password would have his rights: all of them, also those that one session has no room for. */
static err check_not_above(struct call *call, str aor)
{
	struct comparison c = { call, OK };
	TRY(rights_each(call->vault, aor, compare_role, &c));
	return c.e;
}

err command_reach_user(struct call *call, str aor, const json_t *body, bool writes)
{
	char name[VAULT_AOR + 4];
	if (call->author->rights.is_root)
		return OK;
	(void)snprintf(name, sizeof name, "sip:%.*s", STR_FMT(aor));
	TRY(command_reach(call, &(struct rbac_thing){ .writes = writes, .is_user = true, .ou = text_of(body, "OU"), .name = name }));
	return writes ? check_not_above(call, aor) : OK;
}

/* ---- secrets ---- */

struct secret {
	uint8_t md5[CRYPT_HASH_MAX], sha256[CRYPT_HASH_MAX];
};

static err make_secret(struct call *call, str aor, struct store_user *u, struct secret *s)
{
	struct vault *v = call->vault;
	str password = STR(""), domain;
	(void)command_text(call, "Password", &password);
	bool bad = password.n < PASSWORD_LEAST || password.n > PASSWORD_MOST;
	for (size_t i = 0; i < password.n; i++)
		bad = bad || (unsigned char)password.p[i] < 0x20 || password.p[i] == 0x7f;
	if (bad)
		return diag_fail(&call->diag, ERR(MALFORMED), "Password", "choose a longer one, in one line",
			"a password has %d to %d bytes and no control characters", PASSWORD_LEAST, PASSWORD_MOST);
	str name = str_split(aor, '@', &domain);
	digest_ha1(v->crypt, CRYPT_SHA256, name, domain, password, s->sha256);
	u->ha1_sha256 = (str){ (const char *)s->sha256, crypt_hash_size(CRYPT_SHA256) };
	if (v->next.use_digest_md5) {
		digest_ha1(v->crypt, CRYPT_MD5, name, domain, password, s->md5);
		u->ha1_md5 = (str){ (const char *)s->md5, crypt_hash_size(CRYPT_MD5) };
	}
	return OK;
}

/* ---- checks across users ---- */

struct sharer {
	str aor;
	bool found;
};

static void look(void *arg, const struct store_user *u)
{
	struct sharer *s = arg;
	s->found = s->found || !str_eq(u->aor, s->aor);
}

static err check_unique(struct call *call, str aor, const json_t *body)
{
	static const struct {
		const char *property;
		enum store_user_name by;
	} rows[] = { { "SamAccountName", STORE_BY_SAM }, { "UserPrincipalName", STORE_BY_UPN }, { "LineURI", STORE_BY_LINE } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sharer s = { aor, false };
		str v = text_of(body, rows[i].property);
		if (v.n == 0)
			continue;
		TRY(store_user_find_by(call->vault->store, rows[i].by, v, look, &s));
		if (s.found)
			return diag_fail(&call->diag, ERR(EXISTS), rows[i].property, "each user has one of his own", "another user has %.*s already", STR_FMT(str_cut(v, 0, 80)));
	}
	return OK;
}

static err check_name(struct call *call, const json_t *body)
{
	str name = text_of(body, "DisplayName");
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
			return diag_fail(&call->diag, ERR(MALFORMED), "DisplayName", "write it in one line", "a name has no control characters");
	return OK;
}

/* ---- changes ---- */

static err note(struct call *call, str aor, const json_t *before, const json_t *after)
{
	char uri[VAULT_AOR + 4];
	int n = snprintf(uri, sizeof uri, "sip:%.*s", STR_FMT(aor));
	TRY(change_note(call, USER_KIND->name, (str){ uri, (size_t)n }, before, after));
	return vault_note(call->vault, VAULT_USER, aor);
}

static err write_body(struct call *call, str aor, const json_t *before, const json_t *after)
{
	struct store_user u = { .aor = aor };
	if (json_equal(before, after))
		return OK;
	char *text = split_body(after, &u);
	err e = text != NULL ? store_user_set(call->vault->store, &u, STORE_USER_NAME | STORE_USER_ENABLED | STORE_USER_BODY, NULL) : ERR(NO_MEMORY);
	free(text);
	TRY(e);
	return note(call, aor, before, after);
}

static err set_properties(struct call *call, str aor, const json_t *before, json_t *after)
{
	TRY(object_apply(call, USER_KIND, before, after));
	TRY(check_name(call, after));
	TRY(check_unique(call, aor, after));
	TRY(command_reach_user(call, aor, after, true)); /* also where he is moved to */
	return write_body(call, aor, before, after);
}

/* ---- New ---- */

static err add_user(struct call *call, str aor, const json_t *body)
{
	struct secret secret;
	struct store_user u = { .aor = aor };
	char *text = split_body(body, &u);
	ENSURE(text != NULL, NO_MEMORY);
	err e = make_secret(call, aor, &u, &secret);
	if (!failed(e))
		e = store_user_add(call->vault->store, &u, NULL);
	crypt_wipe(&secret, sizeof secret);
	free(text);
	if (err_is(e, ERR_EXISTS))
		return diag_fail(&call->diag, e, "SipAddress", "Set-CsUser changes him", "there is a user sip:%.*s already", STR_FMT(str_cut(aor, 0, 120)));
	return e;
}

static err new_user(struct call *call, str aor, json_t *body)
{
	str rest, name = str_split(aor, '@', &rest);
	json_t *empty = json_object();
	err e = object_apply(call, USER_KIND, empty, body);
	json_decref(empty);
	TRY(e);
	if (text_of(body, "DisplayName").n == 0)
		(void)json_object_set_new(body, "DisplayName", json_stringn(name.p, name.n));
	TRY(check_name(call, body));
	TRY(check_unique(call, aor, body));
	TRY(command_reach_user(call, aor, body, true));
	TRY(add_user(call, aor, body));
	return note(call, aor, NULL, body);
}

err command_user_new(struct call *call)
{
	char room[VAULT_AOR];
	str given = STR(""), aor;
	(void)command_text(call, "SipAddress", &given);
	TRY(command_address(call, given, room, &aor));
	json_t *body = json_object();
	ENSURE(body != NULL, NO_MEMORY);
	err e = new_user(call, aor, body);
	json_decref(body);
	return failed(e) ? e : show(call, aor);
}

/* ---- Get ---- */

struct listing {
	struct call *call;
	str ou;
	uint64_t most, n;
	err e;
};

static bool is_wanted(const struct listing *l, str aor, const json_t *body, const json_t *shown)
{
	str ou = text_of(body, "OU");
	char scope[560];
	(void)snprintf(scope, sizeof scope, "OU:%.*s", STR_FMT(l->ou));
	if (l->ou.n != 0 && !rbac_scope_covers(scope, ou, true))
		return false;
	return object_passes(l->call, aor, shown);
}

static void list_user(void *arg, const struct store_user *u)
{
	struct listing *l = arg;
	struct reading r = { 0 };
	struct diag before = l->call->diag;
	if (!failed(l->e) && l->n++ % 256 == 255 && vault_unix_ms() > l->call->until_ms)
		l->e = diag_fail(&l->call->diag, ERR(CEILING), l->call->cmd->name, "ask for fewer (-OU, -ResultSize), or by a simpler -Filter", "it takes too long");
	if (failed(l->e) || l->call->n_objects >= l->most)
		return;
	read_user(&r, u);
	if (r.body != NULL && !failed(command_reach_user(l->call, u->aor, r.body, false))) {
		json_t *shown = user_object(l->call, u->aor, &r);
		if (shown != NULL && is_wanted(l, u->aor, r.body, shown))
			l->e = command_add_object(l->call, json_incref(shown));
		json_decref(shown);
	} else {
		l->call->diag = before;
	}
	json_decref(r.body);
}

static err list_users(struct call *call)
{
	struct listing l = { .call = call, .most = UINT64_MAX };
	(void)command_text(call, "OU", &l.ou);
	if (command_int(call, "ResultSize", &l.most) && l.most == 0)
		l.most = UINT64_MAX;
	if (command_switch(call, "UnAssignedUser"))
		return OK; /* every user here has a pool */
	TRY(store_users_each(call->vault->store, list_user, &l));
	return l.e;
}

err command_user_get(struct call *call)
{
	char room[VAULT_AOR];
	str given, aor;
	json_t *body = NULL;
	TRY(vault_store(call->vault, &call->diag));
	if (!command_text(call, "Identity", &given))
		return list_users(call);
	TRY(command_user_identity(call, given, room, &aor));
	TRY(command_user_body(call, aor, &body));
	err e = command_reach_user(call, aor, body, false);
	json_decref(body);
	return failed(e) ? e : show(call, aor);
}

err command_ad_user_get(struct call *call)
{
	return command_user_get(call);
}

/* ---- Set ---- */

static err set_password(struct call *call, str aor, bool *any)
{
	struct secret secret;
	struct store_user u = { .aor = aor };
	*any = command_value(call, "Password") != NULL;
	if (!*any)
		return OK;
	TRY(make_secret(call, aor, &u, &secret));
	err e = store_user_set(call->vault->store, &u, STORE_USER_SECRET, NULL);
	crypt_wipe(&secret, sizeof secret);
	TRY(e);
	return vault_note(call->vault, VAULT_USER, aor);
}

static bool anything_given(const struct call *call)
{
	struct cmd_param p;
	for (size_t i = 0; cmd_param_at(call->cmd, i, &p); i++)
		if (!p.is_common && strcmp(p.name, "Identity") != 0 && command_value(call, p.name) != NULL)
			return true;
	return false;
}

static err with_user(struct call *call, err (*fn)(struct call *call, str aor, const json_t *before, json_t *after))
{
	char room[VAULT_AOR];
	str aor;
	json_t *before = NULL;
	TRY(identity(call, "Identity", room, &aor));
	TRY(command_user_body(call, aor, &before));
	json_t *after = json_deep_copy(before);
	err e = after != NULL ? command_reach_user(call, aor, before, true) : ERR(NO_MEMORY);
	if (!failed(e))
		e = fn(call, aor, before, after);
	json_decref(before);
	json_decref(after);
	if (!failed(e) && command_switch(call, "PassThru"))
		e = show(call, aor);
	return e;
}

static err set_user(struct call *call, str aor, const json_t *before, json_t *after)
{
	bool password;
	if (!anything_given(call))
		return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "Get-Help Set-CsUser -Full shows them", "there is nothing to change");
	TRY(set_password(call, aor, &password));
	return set_properties(call, aor, before, after);
}

err command_user_set(struct call *call)
{
	return with_user(call, set_user);
}

static err enable(struct call *call, str aor, const json_t *before, json_t *after)
{
	str pool;
	(void)json_object_del(after, "Enabled");
	if (command_text(call, "RegistrarPool", &pool)) {
		if (topo_find_pool(&call->vault->topo, pool) == NULL)
			return diag_fail(&call->diag, ERR(ABSENT), "RegistrarPool", "Get-CsPool lists the pools", "there is no pool %.*s", STR_FMT(str_cut(pool, 0, 100)));
		(void)json_object_set_new(after, "RegistrarPool", json_stringn(pool.p, pool.n));
	}
	return write_body(call, aor, before, after);
}

err command_user_enable(struct call *call)
{
	return with_user(call, enable);
}

static err disable(struct call *call, str aor, const json_t *before, json_t *after)
{
	(void)json_object_set_new(after, "Enabled", json_false());
	return write_body(call, aor, before, after);
}

err command_user_disable(struct call *call)
{
	return with_user(call, disable);
}

static err move(struct call *call, str aor, const json_t *before, json_t *after)
{
	str pool = STR("");
	(void)command_text(call, "Target", &pool);
	const struct topo_pool *p = topo_find_pool(&call->vault->topo, pool);
	if (p == NULL || (p->role != TOPO_STANDARD_EDITION && p->role != TOPO_FRONT_END && p->role != TOPO_SURVIVABLE_BRANCH))
		return diag_fail(&call->diag, ERR(ABSENT), "Target", "Get-CsPool lists the pools", "no pool %.*s signs users in", STR_FMT(str_cut(pool, 0, 100)));
	if (!str_eq_case(p->pool, place_pool(call->vault)))
		command_warn(call, "a user of another pool is served there; this server does not pass him on yet");
	(void)json_object_set_new(after, "RegistrarPool", json_stringn(p->pool.p, p->pool.n));
	return write_body(call, aor, before, after);
}

err command_user_move(struct call *call)
{
	return with_user(call, move);
}

err command_user_grant_property(struct call *call, const struct schema_prop *p, str name)
{
	char room[VAULT_AOR];
	str aor;
	json_t *before = NULL;
	TRY(identity(call, "Identity", room, &aor));
	TRY(command_user_body(call, aor, &before));
	json_t *after = json_deep_copy(before);
	err e = after != NULL ? command_reach_user(call, aor, before, true) : ERR(NO_MEMORY);
	if (!failed(e) && name.n != 0)
		(void)json_object_set_new(after, p->name, json_stringn(name.p, name.n));
	else if (!failed(e))
		(void)json_object_del(after, p->name);
	if (!failed(e))
		e = write_body(call, aor, before, after);
	json_decref(before);
	json_decref(after);
	if (!failed(e) && command_switch(call, "PassThru"))
		e = show(call, aor);
	return e;
}

/* ---- Remove ---- */

static void keep_secret(void *arg, const struct store_user *u)
{
	struct call *call = arg;
	char md5[64], sha256[64], aor[VAULT_AOR + 1];
	enc_hex(u->ha1_sha256.p, u->ha1_sha256.n < 32 ? u->ha1_sha256.n : 32, sha256);
	enc_hex(u->ha1_md5.p, u->ha1_md5.n < 16 ? u->ha1_md5.n : 16, md5);
	if (!str_to_z(u->aor, aor, sizeof aor))
		return;
	json_t *secret = json_pack("{s:s#,s:s#}", "sha256", sha256, (int)(2 * u->ha1_sha256.n), "md5", md5, (int)(2 * u->ha1_md5.n));
	(void)json_object_set_new(call->sealed, aor, secret);
	crypt_wipe(sha256, sizeof sha256);
	crypt_wipe(md5, sizeof md5);
}

/* Secrets that he has besides his password. */
static const char *const credentials[] = { "totp", "pin" };

static void keep_credential(void *arg, str value)
{
	char *text = malloc(2 * value.n + 1);
	if (text == NULL)
		return;
	enc_hex(value.p, value.n, text);
	*(json_t **)arg = json_stringn(text, 2 * value.n);
	crypt_wipe(text, 2 * value.n);
	free(text);
}

static void keep_credentials(struct call *call, str aor)
{
	char name[VAULT_AOR + 1];
	for (size_t i = 0; i < sizeof credentials / sizeof *credentials && str_to_z(aor, name, sizeof name); i++) {
		json_t *v = NULL;
		if (!failed(store_credential_find(call->vault->store, aor, str_of(credentials[i]), keep_credential, &v)) && v != NULL)
			(void)json_object_set(json_object_get(call->sealed, name), credentials[i], v);
		json_decref(v);
	}
}

static err remove_user(struct call *call, str aor, const json_t *before, json_t *after)
{
	TRY(store_user_find(call->vault->store, aor, keep_secret, call));
	keep_credentials(call, aor);
	TRY(store_user_remove(call->vault->store, aor, NULL));
	return note(call, aor, before, NULL);
}

err command_user_remove(struct call *call)
{
	(void)json_object_del(call->parameters, "PassThru");
	return with_user(call, remove_user);
}

static err unlock(struct call *call, str aor, const json_t *before, json_t *after)
{
	TRY(store_lock_remove(call->vault->store, aor));
	return vault_note(call->vault, VAULT_UNLOCK, aor);
}

err command_user_unlock(struct call *call)
{
	return with_user(call, unlock);
}

/* ---- back from the history ---- */

static bool read_secret(const json_t *sealed, str aor, struct secret *out, bool *has_md5)
{
	char name[VAULT_AOR + 1];
	const json_t *kept;
	if (!str_to_z(aor, name, sizeof name))
		return false;
	kept = json_object_get(sealed, name);
	const char *sha256 = json_string_value(json_object_get(kept, "sha256")), *md5 = json_string_value(json_object_get(kept, "md5"));
	*has_md5 = md5 != NULL && !failed(enc_hex_read(str_of(md5), out->md5, 16));
	return sha256 != NULL && !failed(enc_hex_read(str_of(sha256), out->sha256, 32));
}

static err bring_back_credentials(struct call *call, str aor, const json_t *sealed)
{
	char name[VAULT_AOR + 1];
	for (size_t i = 0; i < sizeof credentials / sizeof *credentials && str_to_z(aor, name, sizeof name); i++) {
		uint8_t value[2048];
		str text = text_of(json_object_get(sealed, name), credentials[i]);
		if (text.n == 0 || text.n > 2 * sizeof value || failed(enc_hex_read(text, value, text.n / 2)))
			continue;
		err e = store_credential_set(call->vault->store, aor, str_of(credentials[i]), (str){ (const char *)value, text.n / 2 });
		crypt_wipe(value, sizeof value);
		TRY(e);
	}
	return OK;
}

/* Without the secret (it was not kept, or is of a user made since) he is back, but cannot sign in before he gets a password. */
static err bring_back(struct call *call, str aor, const json_t *body, const json_t *sealed)
{
	struct secret secret;
	bool has_md5 = false;
	struct store_user u = { .aor = aor };
	crypt_random(&secret, sizeof secret);
	if (!read_secret(sealed, aor, &secret, &has_md5))
		command_warn(call, "sip:%.*s needs a new password", STR_FMT(aor));
	char *text = split_body(body, &u);
	ENSURE(text != NULL, NO_MEMORY);
	u.ha1_sha256 = (str){ (const char *)secret.sha256, 32 };
	u.ha1_md5 = (str){ (const char *)secret.md5, has_md5 ? 16 : 0 };
	err e = store_user_add(call->vault->store, &u, NULL);
	crypt_wipe(&secret, sizeof secret);
	free(text);
	TRY(e);
	TRY(bring_back_credentials(call, aor, sealed));
	return note(call, aor, NULL, body);
}

err command_user_restore(struct call *call, str given, const json_t *before, const json_t *sealed)
{
	char room[VAULT_AOR];
	str aor;
	json_t *now = NULL;
	TRY(command_address(call, given, room, &aor));
	struct diag d = call->diag;
	if (!json_is_null(before))
		TRY(command_reach_user(call, aor, before, true));
	if (failed(command_user_body(call, aor, &now))) {
		call->diag = d;
		return json_is_null(before) ? OK : bring_back(call, aor, before, sealed);
	}
	err e = command_reach_user(call, aor, now, true);
	if (!failed(e))
		e = json_is_null(before) ? remove_user(call, aor, now, NULL) : write_body(call, aor, now, before);
	json_decref(now);
	return e;
}

/* ---- where and how he is served ---- */

static err user_for_reading(struct call *call, char room[VAULT_AOR], str *aor, json_t **body)
{
	TRY(identity(call, "Identity", room, aor));
	TRY(command_user_body(call, *aor, body));
	err e = command_reach_user(call, *aor, *body, false);
	if (failed(e)) {
		json_decref(*body);
		*body = NULL;
	}
	return e;
}

err command_user_pool_get(struct call *call)
{
	char room[VAULT_AOR];
	str aor;
	json_t *body = NULL, *servers = json_array();
	err e = user_for_reading(call, room, &aor, &body);
	if (failed(e)) {
		json_decref(servers);
		return e;
	}
	str pool = text_of(body, "RegistrarPool");
	pool = pool.n != 0 ? pool : place_pool(call->vault);
	const struct topo_pool *p = topo_find_pool(&call->vault->topo, pool);
	for (size_t i = 0; p != NULL && i < p->servers.n; i++)
		(void)json_array_append_new(servers, command_json(p->servers.p[i].fqdn));
	e = command_add_object(call, json_pack("{s:o,s:o,s:n,s:[o],s:o}", "Identity", command_uri(aor), "PrimaryPoolFqdn", command_json(pool), "BackupPoolFqdn",
		"UserServicesPools", command_json(pool), "PrimaryPoolMachinesInPreferredOrder", servers));
	json_decref(body);
	return e;
}

err command_effective_policy_get(struct call *call)
{
	char room[VAULT_AOR];
	str aor, only = STR("");
	json_t *body = NULL;
	err e = user_for_reading(call, room, &aor, &body);
	TRY(e);
	(void)command_text(call, "PolicyType", &only);
	if (str_begins_case(only, STR("Cs")) && schema_find(only) == NULL)
		only = str_cut(only, 2, only.n);
	for (size_t i = 0; i < SCHEMA_N && !failed(e); i++) {
		const struct schema_kind *k = &schema_kinds[i];
		struct identity held;
		const char *why = "";
		if (k->base != SCHEMA_POLICY || (only.n != 0 && !str_eq_case(str_of(k->name), only)))
			continue;
		e = effective_policy(call, k, body, &held, &why);
		if (!failed(e))
			e = command_add_object(call, json_pack("{s:s,s:s,s:s}", "PolicyType", k->name, "PolicyName", held.text, "Source", why));
	}
	json_decref(body);
	if (!failed(e) && call->n_objects == 0)
		return diag_fail(&call->diag, ERR(ABSENT), "PolicyType", "leave it out to see all", "there is no kind of policy %.*s", STR_FMT(str_cut(only, 0, 60)));
	return e;
}
