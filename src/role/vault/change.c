/* SPDX-License-Identifier: Apache-2.0 */
/* Every change is written together with what it was before. */
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <stdlib.h>

bool change_is_empty(const struct call *call)
{
	return json_array_size(call->diff) == 0;
}

json_t *change_take_secrets(const struct schema_kind *k, json_t *body)
{
	json_t *taken = json_object();
	for (size_t i = 0; k != NULL && i < k->n_props; i++) {
		const char *name = k->props[i].name;
		json_t *v = json_object_get(body, name);
		if (k->props[i].type != SCHEMA_SECRET || !json_is_string(v))
			continue;
		(void)json_object_set(taken, name, v);
		(void)json_object_set_new(body, name, json_string("***"));
	}
	return taken;
}

/* Secrets stand among what is sealed, by the place of the change in the command; what is shown has stars. */
static void seal_secrets(struct call *call, const char *kind, json_t *before, json_t *after)
{
	char place[24];
	const struct schema_kind *k = schema_find(str_of(kind));
	json_t *was = change_take_secrets(k, before), *is = change_take_secrets(k, after);
	(void)snprintf(place, sizeof place, "#%zu", json_array_size(call->diff));
	if (json_object_size(was) != 0)
		(void)json_object_set(call->sealed, place, was);
	json_decref(was);
	json_decref(is);
}

json_t *change_unseal(const json_t *body, const json_t *sealed, size_t place)
{
	char name[24];
	json_t *whole = json_copy((json_t *)(uintptr_t)body);
	(void)snprintf(name, sizeof name, "#%zu", place);
	if (json_is_object(whole))
		(void)json_object_update(whole, json_object_get(sealed, name));
	return whole;
}

err change_note(struct call *call, const char *kind, str identity, const json_t *before, const json_t *after)
{
	json_t *b = before != NULL ? json_deep_copy(before) : json_null(), *a = after != NULL ? json_deep_copy(after) : json_null();
	seal_secrets(call, kind, b, a);
	json_t *one = json_pack("{s:s,s:o,s:o,s:o}", "kind", kind, "identity", command_json(identity), "before", b, "after", a);
	ENSURE(one != NULL && json_array_append_new(call->diff, one) == 0, NO_MEMORY);
	command_tell(call, "%s %s %.*s", before == NULL ? "makes" : after == NULL ? "removes" : "changes", kind, STR_FMT(str_cut(identity, 0, 200)));
	return OK;
}

static err store(struct call *call, const struct schema_kind *k, str identity, const json_t *after)
{
	struct vault *v = call->vault;
	if (after == NULL)
		return store_object_remove(v->store, str_of(k->name), identity);
	char *text = json_dumps(after, JSON_COMPACT);
	ENSURE(text != NULL, NO_MEMORY);
	err e = strlen(text) <= STORE_BODY_MAX ? store_object_set(v->store, str_of(k->name), identity, str_of(text)) :
						 diag_fail(&call->diag, ERR(CEILING), "Identity", "give it less to hold", "the object would have more than %u bytes", STORE_BODY_MAX);
	free(text);
	return e;
}

err change_object(struct call *call, const struct schema_kind *k, str identity, const json_t *before, const json_t *after)
{
	char key[SCHEMA_IDENTITY_MAX + 80];
	if (before != NULL && after != NULL && json_equal(before, after))
		return OK;
	err e = store(call, k, identity, after);
	if (after == NULL && err_is(e, ERR_ABSENT))
		return OK; /* an implicit instance that was never changed */
	TRY(e);
	TRY(change_note(call, k->name, identity, before, after));
	int n = snprintf(key, sizeof key, "%s\n%.*s", k->name, STR_FMT(identity));
	return vault_note(call->vault, VAULT_OBJECT, (str){ key, (size_t)n });
}
