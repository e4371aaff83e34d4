/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a user. DisplayName and Enabled stand in columns of their own, since every process is told of them; everything else is his body. */
#include "role/vault/user_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- bodies ---- */

void user_read(void *arg, const struct store_user *u)
{
	struct user_reading *r = arg;
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

err user_load(struct call *call, str aor, struct user_reading *r)
{
	*r = (struct user_reading){ 0 };
	err e = store_user_find(call->vault->store, aor, user_read, r);
	return err_is(e, ERR_ABSENT) ? user_not_there(call, aor) : failed(e) ? e : r->body != NULL ? OK : ERR(NO_MEMORY);
}

err command_user_body(struct call *call, str aor, json_t **out)
{
	struct user_reading r;
	TRY(user_load(call, aor, &r));
	*out = r.body;
	return OK;
}

/* What of a body stands in columns, and the rest as text (the caller frees). */
char *user_split(const json_t *body, struct store_user *u)
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

str user_text(const json_t *body, const char *name)
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

json_t *user_shown(const struct call *call, str aor, const struct user_reading *r)
{
	const struct vault *v = call->vault;
	char uri[VAULT_AOR + 4];
	const struct tally_entry *t = tally_find(&v->tally, aor);
	int n = snprintf(uri, sizeof uri, "sip:%.*s", STR_FMT(aor));
	json_t *o = schema_show(USER_KIND, (str){ uri, (size_t)n }, r->body);
	if (o == NULL)
		return NULL;
	str ou = user_text(r->body, "OU");
	(void)json_object_set_new(o, "SipAddress", json_string(uri));
	set_name(o, user_text(r->body, "DisplayName"), ou);
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

err user_show(struct call *call, str aor)
{
	struct user_reading r;
	TRY(user_load(call, aor, &r));
	err e = command_add_object(call, user_shown(call, aor, &r));
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
	TRY(command_reach(call, &(struct rbac_thing){ .writes = writes, .is_user = true, .ou = user_text(body, "OU"), .name = name }));
	return writes ? check_not_above(call, aor) : OK;
}

/* ---- changes ---- */

err user_note(struct call *call, str aor, const json_t *before, const json_t *after)
{
	char uri[VAULT_AOR + 4];
	int n = snprintf(uri, sizeof uri, "sip:%.*s", STR_FMT(aor));
	TRY(change_note(call, USER_KIND->name, (str){ uri, (size_t)n }, before, after));
	return vault_note(call->vault, VAULT_USER, aor);
}

err user_write(struct call *call, str aor, const json_t *before, const json_t *after)
{
	struct store_user u = { .aor = aor };
	if (json_equal(before, after))
		return OK;
	char *text = user_split(after, &u);
	err e = text != NULL ? store_user_set(call->vault->store, &u, STORE_USER_NAME | STORE_USER_ENABLED | STORE_USER_BODY, NULL) : ERR(NO_MEMORY);
	free(text);
	TRY(e);
	return user_note(call, aor, before, after);
}


err user_change(struct call *call, err (*fn)(struct call *call, str aor, const json_t *before, json_t *after))
{
	char room[VAULT_AOR];
	str aor;
	json_t *before = NULL;
	TRY(user_named(call, "Identity", room, &aor));
	TRY(command_user_body(call, aor, &before));
	json_t *after = json_deep_copy(before);
	err e = after != NULL ? command_reach_user(call, aor, before, true) : ERR(NO_MEMORY);
	if (!failed(e))
		e = fn(call, aor, before, after);
	json_decref(before);
	json_decref(after);
	if (!failed(e) && command_switch(call, "PassThru"))
		e = user_show(call, aor);
	return e;
}
