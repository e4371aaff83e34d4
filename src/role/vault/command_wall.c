/* SPDX-License-Identifier: Apache-2.0 */
/* What walls would decide, and what they have. */
#include "role/vault/vault_priv.h"
#include "service/wall.h"

enum { LAST = 100, REASON = 2048 };

/* ---- Test-CsEthicalWall ---- */

struct person {
	struct vault *vault;
	struct wall_person is;
	char aor[VAULT_AOR];
	struct buf groups; /* "Groups=..." */
	bool is_known;
};

static void know(void *arg, const struct store_user *u)
{
	struct person *p = arg;
	json_t *body = json_loadb(u->body.p, u->body.n, 0, NULL);
	p->is_known = true;
	vault_print_groups(p->vault, u, body, &p->groups);
	json_decref(body);
}

static bool is_own(const struct vault *v, str domain)
{
	for (size_t i = 0; i < v->topo.sip_domains.n; i++)
		if (str_eq_case(v->topo.sip_domains.p[i], domain))
			return true;
	return false;
}

/* Somebody of another organisation is as good as one of ours. */
static err read_person(struct call *call, const char *name, struct person *p)
{
	str given = STR(""), domain;
	(void)command_text(call, name, &given);
	if (str_begins_case(given, STR("sip:")))
		given = str_cut(given, 4, given.n);
	if (!str_to_z(given, p->aor, sizeof p->aor) || str_find_char(given, '@') == given.n)
		return diag_fail(&call->diag, ERR(MALFORMED), name, "write sip:USER@DOMAIN", "%.*s is no address", STR_FMT(str_cut(given, 0, 80)));
	for (char *c = p->aor; *c != '\0'; c++)
		*c = char_lower(*c);
	(void)str_split(str_of(p->aor), '@', &domain);
	p->vault = call->vault;
	buf_init(&p->groups, 16384);
	err e = store_user_find(call->vault->store, str_of(p->aor), know, p);
	if (failed(e) && !err_is(e, ERR_ABSENT))
		return e;
	p->is = (struct wall_person){ str_of(p->aor), policy_grant(buf_str(&p->groups), STR("Groups")), is_own(call->vault, domain) };
	if (p->is.is_own && !p->is_known)
		command_warn(call, "there is no user %s: he is in no group", p->aor);
	return OK;
}

static void keep(void *arg, const struct store_object *o)
{
	(void)failed(policies_put(arg, o->kind, o->identity, o->body));
}

static err show(struct call *call, struct wall *w, const struct person *a, const struct person *b, enum wall_modality m)
{
	struct buf why DEFER(buf_fini) = { 0 };
	struct wall_verdict v = wall_decide(w, &a->is, &b->is, m);
	buf_init(&why, REASON);
	wall_explain(w, &a->is, &b->is, &v, &why);
	return command_add_object(call, json_pack("{s:o,s:o,s:s,s:s,s:o,s:o}", "From", command_uri(a->is.aor), "To", command_uri(b->is.aor), "Modality",
		wall_modality_names[m], "Action", v.action == WALL_PASS ? "Allow" : wall_action_names[v.action], "Wall", command_json(v.rule), "Why",
		command_json(buf_str(&why))));
}

static err show_all(struct call *call, struct wall *w, const struct person *a, const struct person *b)
{
	str only = STR("");
	(void)command_text(call, "Modality", &only);
	for (unsigned m = 0; m < WALL_MODALITIES; m++)
		if (only.n == 0 || str_eq_case(only, str_of(wall_modality_names[m])))
			TRY(show(call, w, a, b, (enum wall_modality)m));
	return OK;
}

static err test(struct call *call, struct policies *p, struct person *a, struct person *b)
{
	struct wall *w;
	TRY(store_objects_each(call->vault->store, STR("EthicalWall"), keep, p));
	if (vault_walls_refresh(call->vault))
		vault_want_all(call->vault); /* cannot be: every change of them is told */
	TRY(read_person(call, "From", a));
	TRY(read_person(call, "To", b));
	TRY(wall_new(&(const struct wall_config){ .policies = p, .log = &call->vault->skel->log, .meter = call->vault->skel->meter }, &w));
	err e = show_all(call, w, a, b);
	wall_free(w);
	return e;
}

err command_wall_test(struct call *call)
{
	struct policies *p;
	struct person a = { 0 }, b = { 0 };
	TRY(vault_store(call->vault, &call->diag));
	TRY(policies_new(&p));
	err e = test(call, p, &a, &b);
	buf_fini(&a.groups);
	buf_fini(&b.groups);
	policies_free(p);
	return e;
}

/* ---- Get-CsEthicalWallIncident ---- */

struct listing {
	struct call *call;
	err e;
};

static void add_incident(void *arg, const struct store_incident *i)
{
	struct listing *l = arg;
	if (failed(l->e))
		return;
	json_t *o = json_pack("{s:I,s:o,s:o,s:o,s:o,s:o,s:o}", "Number", (json_int_t)i->number, "Time", command_moment(i->time), "Rule", command_json(i->rule), "Action",
		command_json(i->action), "Modality", command_json(i->modality), "From", command_uri(i->from), "To", command_uri(i->to));
	if (o != NULL && i->text.n != 0)
		(void)json_object_set_new(o, "Text", command_json(i->text));
	l->e = command_add_object(l->call, o);
}

err command_wall_incident_get(struct call *call)
{
	struct listing l = { .call = call };
	uint64_t last = LAST;
	char room[VAULT_AOR];
	str user = STR("");
	TRY(vault_store(call->vault, &call->diag));
	(void)command_int(call, "Last", &last);
	if (command_text(call, "User", &user)) {
		user = str_begins_case(user, STR("sip:")) ? str_cut(user, 4, user.n) : user;
		ENSURE(str_to_z(user, room, sizeof room), MALFORMED);
		for (char *c = room; *c != '\0'; c++)
			*c = char_lower(*c);
		user = str_of(room);
	}
	TRY(store_incidents_each(call->vault->store, user, last, add_incident, &l));
	return l.e;
}
