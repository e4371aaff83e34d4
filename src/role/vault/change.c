/* SPDX-License-Identifier: Apache-2.0 */
/* Every change is written together with what it was before. */
#include "role/vault/vault_priv.h"

#include <stdio.h>
#include <stdlib.h>

bool change_is_empty(const struct call *call)
{
	return json_array_size(call->diff) == 0;
}

err change_note(struct call *call, const char *kind, str identity, const json_t *before, const json_t *after)
{
	json_t *b = before != NULL ? json_deep_copy(before) : json_null(), *a = after != NULL ? json_deep_copy(after) : json_null();
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
