/* SPDX-License-Identifier: Apache-2.0 */
/* What the process of an Edge knows of partners, and what it finds when it tries to reach one: asked there, told here. */
#include "role/vault/vault_cert.h"

#include <stdlib.h>

enum { ASKED_MAX = 20 };

struct asked {
	struct list node;
	uint64_t id;
	struct held *held;
	json_t *objects;
};

static void end(struct vault *v, struct asked *a, err e)
{
	struct diag d = { 0 };
	if (failed(e))
		(void)diag_fail(&d, e, "edge", "try again in a moment", "the process that knows partners has ended");
	list_remove(&a->node);
	command_release(v, a->held, e, &d, a->objects, NULL);
	free(a);
}

void vault_edge_lost(struct vault *v)
{
	while (!list_is_empty(&v->asked))
		end(v, LIST_OF(v->asked.next, struct asked, node), ERR(BUSY));
}

/* "Name=value" a line; numbers and truth as such. */
static json_t *object_of(str text)
{
	json_t *o = json_object();
	while (text.n != 0) {
		uint32_t number;
		str value, name = str_split(str_split(text, '\n', &text), '=', &value);
		char key[64];
		json_t *v = str_eq(value, STR("True")) ? json_true() : str_eq(value, STR("False")) ? json_false() : str_to_u32(value, &number) ? json_integer(number) : command_json(value);
		if (str_to_z(name, key, sizeof key))
			(void)json_object_set_new(o, key, v);
		else
			json_decref(v);
	}
	return o;
}

err vault_on_fed_tell(struct vault *v, str body)
{
	struct ipc_fed_tell m;
	TRY(ipc_fed_tell_parse(&m, body));
	LIST_EACH(it, &v->asked) {
		struct asked *a = LIST_OF(it, struct asked, node);
		if (a->id != m.id)
			continue;
		if (m.text.n != 0)
			(void)json_array_append_new(a->objects, object_of(m.text));
		if (m.is_last != 0)
			end(v, a, OK);
		return OK;
	}
	return OK; /* nobody waits for it any more */
}

static unsigned count(const struct vault *v)
{
	unsigned n = 0;
	LIST_EACH(it, &v->asked)
		n++;
	return n;
}

static err ask(struct call *call, str domain, str target)
{
	static const char *const where = "edge";
	struct vault *v = call->vault;
	if (v->edge == NULL)
		return diag_fail(&call->diag, ERR(ABSENT), where, "run it on a server of the Edge pool that federates (witan --dir there)", "this server is no Edge, or its process is being started");
	if (count(v) >= ASKED_MAX)
		return diag_fail(&call->diag, ERR(BUSY), where, "try again in a moment", "%d questions are under way", ASKED_MAX);
	struct asked *a = calloc(1, sizeof *a);
	ENSURE(a != NULL, NO_MEMORY);
	a->id = vault_unix_ms() << 8 | (count(v) & 0xff);
	while (a->id == v->last_asked)
		a->id++;
	v->last_asked = a->id;
	a->objects = json_array();
	err e = vault_edge_ask(v, a->id, domain, target);
	if (!failed(e) && (a->held = command_hold(call)) != NULL) {
		list_add(&v->asked, &a->node);
		return OK;
	}
	json_decref(a->objects);
	free(a);
	return failed(e) ? e : ERR(NO_MEMORY);
}

err command_federation_status(struct call *call)
{
	return ask(call, STR(""), STR(""));
}

err command_federation_test(struct call *call)
{
	str domain = STR(""), target = STR("");
	(void)command_text(call, "Domain", &domain);
	(void)command_text(call, "TargetFqdn", &target);
	return ask(call, domain, target);
}
