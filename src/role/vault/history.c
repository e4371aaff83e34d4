/* SPDX-License-Identifier: Apache-2.0 */
/* The numbered changes, taking them back, the audit, and copies of the store. */
#include "base/enc.h"
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LAST = 100 };

/* What others did is for those who reach everything that it may be about; others see what they did themselves. */
static bool sees_others(struct call *call)
{
	struct diag before = call->diag;
	bool all = !failed(command_reach(call, &(struct rbac_thing){ .writes = true })) && !failed(command_reach(call, &(struct rbac_thing){ .writes = true, .is_user = true }));
	call->diag = before;
	return all;
}

/* ---- Get-CsConfigurationHistory ---- */

struct listing {
	struct call *call;
	uint64_t only; /* 0: all */
	bool of_others;
	err e;
};

static void add_change(void *arg, const struct store_change *c)
{
	struct listing *l = arg;
	size_t i;
	json_t *one;
	char what[300] = "";
	if (failed(l->e) || (l->only != 0 && c->version != l->only) || (!l->of_others && !str_eq(c->author, str_of(l->call->author->name))))
		return;
	json_t *diff = json_loadb(c->diff.p, c->diff.n, 0, NULL);
	json_array_foreach(diff, i, one)
		if (i < 3)
			(void)snprintf(what + strlen(what), sizeof what - strlen(what), "%s%s %s", i != 0 ? ", " : "", json_string_value(json_object_get(one, "kind")),
				json_string_value(json_object_get(one, "identity")));
	if (json_array_size(diff) > 3)
		(void)snprintf(what + strlen(what), sizeof what - strlen(what), ", and %zu more", json_array_size(diff) - 3);
	json_t *o = json_pack("{s:I,s:o,s:o,s:o,s:s}", "Version", (json_int_t)c->version, "Time", command_moment(c->time), "Author", command_json(c->author), "Command",
		command_json(c->command), "What", what);
	if (o != NULL && l->only != 0)
		(void)json_object_set(o, "Changes", diff);
	json_decref(diff);
	l->e = command_add_object(l->call, o);
}

err command_history_get(struct call *call)
{
	struct listing l = { .call = call, .of_others = sees_others(call) };
	uint64_t last = LAST, after = 0;
	TRY(vault_store(call->vault, &call->diag));
	(void)command_int(call, "Last", &last);
	(void)command_int(call, "After", &after);
	if (command_int(call, "Version", &l.only)) {
		after = l.only - 1;
		last = INT64_MAX;
	}
	TRY(store_history_each(call->vault->store, after, last, add_change, &l));
	if (!failed(l.e) && l.only != 0 && call->n_objects == 0)
		return diag_fail(&call->diag, ERR(ABSENT), "Version", "Get-CsConfigurationHistory lists them", "there is no change with this number");
	return l.e;
}

/* ---- taking back ---- */

struct undoing {
	struct call *call;
	json_t *changes; /* [diff, sealed], newest first */
	uint64_t oldest;
};

static void gather(void *arg, const struct store_change *c)
{
	struct undoing *u = arg;
	json_t *diff = json_loadb(c->diff.p, c->diff.n, 0, NULL), *sealed = c->sealed.n != 0 ? json_loadb(c->sealed.p, c->sealed.n, 0, NULL) : json_object();
	u->oldest = c->version;
	(void)json_array_append_new(u->changes, json_pack("[o,o]", diff != NULL ? diff : json_array(), sealed != NULL ? sealed : json_object()));
}

static err undo_object(struct call *call, const struct schema_kind *k, str identity, const json_t *before)
{
	struct identity i;
	json_t *now = NULL;
	TRY(identity_parse(call, k, identity, &i));
	struct diag d = call->diag;
	if (failed(object_load(call, &i, &now))) {
		now = NULL;
		call->diag = d;
	}
	err e = change_object(call, k, identity_str(&i), now, json_is_null(before) ? NULL : before);
	json_decref(now);
	return e;
}

static err undo_one(struct call *call, const json_t *one, const json_t *before, const json_t *sealed)
{
	const char *kind = json_string_value(json_object_get(one, "kind")), *identity = json_string_value(json_object_get(one, "identity"));
	const struct schema_kind *k = schema_find(str_of(kind));
	if (k == NULL || identity == NULL) {
		command_warn(call, "%s %s is of another version and stays as it is", kind != NULL ? kind : "?", identity != NULL ? identity : "?");
		return OK;
	}
	if (k->id == SCHEMA_ID_AdminRole || k->id == SCHEMA_ID_Group) /* who holds which rights: only for those who hold all of them */
		TRY(rbac_check_role(&call->author->rights, STR("CsAdministrator"), NULL, &call->diag));
	return k->id == SCHEMA_ID_User ? command_user_restore(call, str_of(identity), before, sealed) : undo_object(call, k, str_of(identity), before);
}

static err undo(struct call *call, const json_t *changes)
{
	size_t i;
	json_t *change;
	json_array_foreach(changes, i, change) {
		const json_t *diff = json_array_get(change, 0);
		for (size_t k = json_array_size(diff); k-- != 0;) {
			const json_t *one = json_array_get(diff, k), *sealed = json_array_get(change, 1);
			json_t *before = change_unseal(json_object_get(one, "before"), sealed, k);
			err e = undo_one(call, one, before, sealed);
			json_decref(before);
			TRY(e);
		}
	}
	return OK;
}

struct span {
	uint64_t first, n;
};

static void measure(void *arg, const struct store_change *c)
{
	struct span *s = arg;
	s->first = c->version;
	s->n++;
}

/* Whether every change after the version is still known. As many as are kept: older ones may have gone. */
static err check_known(struct call *call, uint64_t version)
{
	struct span s = { 0 };
	TRY(store_history_each(call->vault->store, 0, INT64_MAX, measure, &s));
	if (version > store_version(call->vault->store))
		return diag_fail(&call->diag, ERR(ABSENT), "Version", "Get-CsConfigurationHistory lists them", "there is no such version yet");
	if (version + 1 < s.first && s.n >= VAULT_HISTORY_MOST)
		return diag_fail(&call->diag, ERR(ABSENT), "Version", "go back to a later one, or import a file of that time", "changes before version %llu are no longer known",
			(unsigned long long)s.first);
	return OK;
}

err command_history_restore(struct call *call)
{
	struct undoing u = { .call = call, .changes = json_array() };
	uint64_t version = 0;
	(void)command_int(call, "Version", &version);
	err e = check_known(call, version);
	if (!failed(e))
		e = command_reach(call, &(struct rbac_thing){ .writes = true, .name = "the whole configuration" });
	if (!failed(e))
		e = store_history_each(call->vault->store, version, INT64_MAX, gather, &u);
	if (!failed(e))
		e = undo(call, u.changes);
	json_decref(u.changes);
	return e;
}

/* ---- the audit ---- */

struct reading {
	struct call *call;
	str user;
	bool of_others;
	err e;
};

static void add_audit(void *arg, const struct store_audit *a)
{
	struct reading *r = arg;
	char hash[65];
	if (failed(r->e) || (r->user.n != 0 && !str_eq_case(a->author, r->user)) || (!r->of_others && !str_eq(a->author, str_of(r->call->author->name))))
		return;
	enc_hex(a->hash.p, a->hash.n < 32 ? a->hash.n : 32, hash);
	hash[64] = '\0';
	r->e = command_add_object(r->call, json_pack("{s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "Number", (json_int_t)a->number, "Time", command_moment(a->time), "Author",
		command_json(a->author), "From", command_json(a->address), "Command", command_json(a->command), "Result", command_json(a->result), "Detail",
		command_json(a->detail), "Hash", hash));
}

static void number_of(void *arg, const struct store_audit *a)
{
	*(uint64_t *)arg = a->number;
}

err command_audit_get(struct call *call)
{
	struct reading r = { .call = call, .of_others = sees_others(call) };
	uint64_t last = LAST, from = 0, newest = 0;
	TRY(vault_store(call->vault, &call->diag));
	(void)command_text(call, "User", &r.user);
	(void)command_int(call, "Last", &last);
	if (!command_int(call, "From", &from)) {
		TRY(store_audit_last(call->vault->store, number_of, &newest));
		from = newest > last ? newest - last + 1 : 1;
	}
	TRY(store_audit_each(call->vault->store, from, last, add_audit, &r));
	return r.e;
}

struct proving {
	struct vault *vault;
	struct audit_walk walk;
};

static void follow(void *arg, const struct store_audit *a)
{
	struct proving *p = arg;
	audit_follow(p->vault->crypt, &p->walk, a);
}

err command_audit_test(struct call *call)
{
	struct proving p = { .vault = call->vault };
	char hash[65], what[120] = "every line follows the one before it";
	TRY(vault_store(call->vault, &call->diag));
	TRY(store_audit_each(call->vault->store, 0, INT64_MAX, follow, &p));
	if (p.walk.broken != 0)
		(void)snprintf(what, sizeof what, "line %llu does not follow the one before it", (unsigned long long)p.walk.broken);
	else if (call->vault->audit_is_known && p.walk.number < call->vault->audit_number)
		(void)snprintf(what, sizeof what, "lines after %llu are missing", (unsigned long long)p.walk.number);
	bool whole = p.walk.broken == 0 && !(call->vault->audit_is_known && p.walk.number < call->vault->audit_number);
	enc_hex(p.walk.hash, AUDIT_HASH, hash);
	hash[64] = '\0';
	return command_add_object(call, json_pack("{s:s,s:I,s:s,s:s}", "Result", whole ? "Success" : "Failure", "Lines", (json_int_t)p.walk.number, "Diagnosis", what, "Hash", hash));
}

/* ---- copies ---- */

static bool is_file_name(str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = char_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c == '.' && i != 0)))
			return false;
	}
	return s.n != 0 && s.n <= 64;
}

err command_store_backup(struct call *call)
{
	struct vault *v = call->vault;
	char stamp[40], path[sizeof v->skel->room + 120];
	time_t now = time(NULL);
	struct tm tm;
	str name = { stamp, strftime(stamp, sizeof stamp, "witan-%Y%m%d-%H%M%S.db", gmtime_r(&now, &tm)) };
	(void)command_text(call, "Name", &name);
	if (!is_file_name(name) || str_begins_case(name, STR("witan.db")))
		return diag_fail(&call->diag, ERR(MALFORMED), "Name", "write letters, digits, dot and hyphen", "%.*s cannot be the name of a copy", STR_FMT(str_cut(name, 0, 80)));
	TRY(command_reach(call, &(struct rbac_thing){ .writes = true, .name = "the whole store" }));
	if (call->what_if)
		return OK;
	TRY(vault_store(v, &call->diag));
	TRY(store_commit(v->store));
	(void)snprintf(path, sizeof path, "%s/%.*s", v->skel->room, STR_FMT(name));
	TRY(store_backup(v->store, path, &call->diag));
	return command_add_object(call, json_pack("{s:o,s:I}", "File", command_json(name), "Version", (json_int_t)store_version(v->store)));
}
