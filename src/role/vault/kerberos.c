/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sign-in by tickets: keeper has the keys and judges, the store knows whose name a principal is. The proof goes on to the front that has asked.
 */
#include "role/vault/user_priv.h"
#include "role/vault/vault_cert.h"

#include "service/kerberos.h"

#include <stdlib.h>

enum { TICKETS_MAX = 16384 };

/* A front that waits for what comes of a ticket. */
struct ticket {
	struct list node;
	struct vault *vault;
	struct ipc *to; /* NULL: it has gone */
	uint64_t id;
};

/* ---- what there is ---- */

static void keep_rows(void *arg, err e, const struct diag *d, str bytes)
{
	struct vault *v = arg;
	if (!failed(e))
		vault_kerberos_take(v, bytes);
}

void vault_kerberos_read(struct vault *v)
{
	struct diag d = { 0 };
	(void)failed(vault_keytab_get(v, &(struct key_door){ keep_rows, v }, &d)); /* asked again when keeper is back */
}

void vault_kerberos_take(struct vault *v, str rows)
{
	bool was = v->keytab.n != 0;
	if (v->keytab.ceiling == 0)
		buf_init(&v->keytab, KERBEROS_ROWS_MAX);
	buf_reset(&v->keytab);
	buf_add(&v->keytab, rows);
	for (unsigned i = 0; was != (v->keytab.n != 0) && i < VAULT_FRONTS_MAX; i++)
		if (v->fronts[i] != NULL)
			(void)failed(ipc_send_kerberos(v->fronts[i]->channel, &(struct ipc_kerberos){ .is_there = !was }, -1));
	vault_web_sites(v); /* for which names there are keys of HTTP */
}

/* ---- whose name is it? ---- */

void owner_keep(void *arg, const struct store_user *u)
{
	struct owner *o = arg;
	json_t *body = json_loadb(u->body.p, u->body.n, 0, NULL);
	o->n++;
	o->enabled = u->enabled;
	o->has_name = json_is_string(json_object_get(body, "SamAccountName")) || json_is_string(json_object_get(body, "UserPrincipalName"));
	if (!str_to_z(u->aor, o->aor, sizeof o->aor))
		o->n = 2;
	json_decref(body);
}

/* The realms of the keytab are the deployment's own. */
static bool is_home(const struct vault *v, str realm)
{
	struct kerberos_row row;
	str rest = buf_str(&v->keytab);
	while (kerberos_row_take(&rest, &row)) {
		str own;
		(void)str_split(row.principal, '@', &own);
		if (str_eq(own, realm))
			return true;
	}
	return false;
}

static bool is_declared(struct vault *v, str realm)
{
	size_t i;
	const json_t *one;
	bool is = false;
	json_t *body = effective_body(v, SCHEMA_ID_ProxyConfiguration);
	json_array_foreach(json_object_get(body, "KerberosRealms"), i, one)
		is = is || str_eq(str_of(json_string_value(one)), realm);
	json_decref(body);
	return is;
}

bool owner_find_address(struct vault *v, str principal, struct owner *out)
{
	char lower[VAULT_AOR + 1];
	if (!str_to_z(principal, lower, sizeof lower))
		return false;
	for (size_t i = 0; i < principal.n; i++)
		lower[i] = char_lower(lower[i]);
	(void)failed(store_user_find(v->store, str_of(lower), owner_keep, out));
	return out->n == 1 && !out->has_name;
}

/* By UserPrincipalName; of an own realm else by SamAccountName, else by address. A name that two people have is nobody's; NULL: somebody has it. */
static const char *find_owner(struct vault *v, str principal, struct owner *out)
{
	str realm, name = str_split(principal, '@', &realm);
	bool own = is_home(v, realm);
	*out = (struct owner){ .n = 0 };
	if (name.n == 0 || realm.n == 0 || str_find_char(name, '/') < name.n || str_find_char(principal, '\\') < principal.n)
		return "the principal is not that of a person";
	if (!own && !is_declared(v, realm))
		return "the realm is not trusted: neither the keytab has it nor KerberosRealms of ProxyConfiguration";
	if (failed(store_user_find_by(v->store, STORE_BY_UPN, principal, owner_keep, out)) || out->n != 0)
		return out->n == 1 ? NULL : "several users have it as UserPrincipalName";
	if (own && (failed(store_user_find_by(v->store, STORE_BY_SAM, name, owner_keep, out)) || out->n != 0))
		return out->n == 1 ? NULL : "several users have it as SamAccountName";
	return own && owner_find_address(v, principal, out) ? NULL : "no user has it as UserPrincipalName or SamAccountName";
}

/* ---- tickets ---- */

static void tell(struct ticket *t, const struct ipc_proof_tell *m)
{
	if (t->to != NULL)
		(void)failed(ipc_send_proof_tell(t->to, m, -1));
}

bool vault_kerberos_owner(struct vault *v, str principal, char *aor)
{
	struct owner owner;
	const char *why = v->store != NULL ? find_owner(v, principal, &owner) : "the store is not open";
	if (why == NULL && !owner.enabled)
		why = "the user is disabled";
	if (why != NULL)
		LOG(&v->skel->log, KERBEROS_NOBODY, LOG_STR("principal", principal), LOG_Z("why", why),
			LOG_Z("remedy", "Set-CsUser -UserPrincipalName, or declare the realm: Set-CsProxyConfiguration -KerberosRealms"));
	else
		memcpy(aor, owner.aor, sizeof owner.aor);
	return why == NULL;
}

static void tell_proof(struct ticket *t, str bytes)
{
	char aor[VAULT_AOR + 1] = "";
	str context, principal = str_split(bytes, '\0', &context);
	bool is_right = vault_kerberos_owner(t->vault, principal, aor);
	tell(t, &(struct ipc_proof_tell){ .id = t->id, .is_right = is_right, .aor = str_of(aor), .key = is_right ? context : STR("") });
}

static void ticket_free(struct ticket *t)
{
	list_remove(&t->node);
	t->vault->n_tickets--;
	free(t);
}

static void on_judged(void *arg, err e, const struct diag *d, str bytes)
{
	struct ticket *t = arg;
	if (!failed(e))
		tell_proof(t, bytes);
	else
		tell(t, &(struct ipc_proof_tell){ .id = t->id, .is_away = !err_is(e, ERR_REFUSED) });
	ticket_free(t);
}

void vault_judge_ticket(struct vault *v, struct ipc *to, const struct ipc_proof_ask *m)
{
	struct diag d = { 0 };
	struct ticket *t = v->n_tickets < TICKETS_MAX ? calloc(1, sizeof *t) : NULL;
	if (t == NULL) {
		(void)failed(ipc_send_proof_tell(to, &(struct ipc_proof_tell){ .id = m->id, .is_away = true }, -1));
		return;
	}
	*t = (struct ticket){ .vault = v, .to = to, .id = m->id };
	list_add(&v->tickets, &t->node);
	v->n_tickets++;
	err e = vault_ticket_ask(v, &(struct ipc_ticket_ask){ .target = m->challenge, .token = m->token }, &(struct key_door){ on_judged, t }, &d);
	if (failed(e))
		on_judged(t, e, &d, STR(""));
}

void vault_tickets_forget(struct vault *v, const struct ipc *to)
{
	LIST_EACH (it, &v->tickets) {
		struct ticket *t = LIST_OF(it, struct ticket, node);
		if (t->to == to)
			t->to = NULL;
	}
}

/* ---- names for web tickets ---- */

void vault_kerberos_names(const struct vault *v, struct buf *out)
{
	struct kerberos_row row;
	str rest = buf_str(&v->keytab), realm;
	while (kerberos_row_take(&rest, &row)) {
		str name = str_split(row.principal, '@', &realm);
		if (row.is_taken && str_begins_case(name, STR("HTTP/")))
			buf_printf(out, "%s%.*s", out->n != 0 ? "," : "", STR_FMT(str_cut(name, 5, name.n)));
	}
}
