/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates by which people sign in at a front (TLS-DSK): where they get them, and whose one is. That its owner has the key, the front has seen. */
#include "role/vault/user_priv.h"
#include "role/vault/vault_cert.h"
#include "service/plan_dhcp.h"
#include "service/plan_web.h"
#include "service/trust.h"

#include <stdio.h>

enum { PLAN_ROOM = 1 << 20 };

/* ---- where ---- */

/* Of the web services inside, else outside; they must be able to issue one, because some clients give up where they get none. */
static err print_sts(const struct vault *v, struct buf *out)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct diag d = { 0 };
	struct topo_host host;
	struct plan_web plan;
	arena_init(&a, PLAN_ROOM);
	TRY(vault_authority_check(v, &d));
	TRY(topo_find_host(&v->topo, str_of(v->skel->fqdn), &host, &d));
	TRY(plan_web(&v->topo, &host, &a, &plan, &d));
	const struct plan_web_site *inside = &plan.sites[PLAN_INSIDE], *outside = &plan.sites[PLAN_OUTSIDE];
	str url = inside->port != 0 && inside->url.n != 0 ? inside->url : outside->port != 0 ? outside->url : STR("");
	if (url.n != 0)
		buf_printf(out, "%.*s" PLAN_DHCP_PATH, STR_FMT(url));
	return out->failed ? ERR(CEILING) : OK;
}

/* What does not fit is not told: a client then asks its user. */
static bool find_trusted(struct vault *v)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct trust_model model = { .value = STR("") };
	char fresh[sizeof v->trusted];
	arena_init(&a, PLAN_ROOM);
	if (failed(trust_model(&v->topo, &a, &model)) || !str_to_z(model.value, fresh, sizeof fresh))
		fresh[0] = '\0';
	bool is_new = strcmp(fresh, v->trusted) != 0;
	(void)snprintf(v->trusted, sizeof v->trusted, "%s", fresh);
	return is_new;
}

/* The address book is there also where no certificate is issued. */
static bool find_sites(struct vault *v)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct diag d = { 0 };
	struct topo_host host;
	struct plan_web plan = { 0 };
	char fresh[PLAN_SIDE_N][sizeof v->sites[0]] = { "" };
	arena_init(&a, PLAN_ROOM);
	bool is_read = !failed(topo_find_host(&v->topo, str_of(v->skel->fqdn), &host, &d)) && !failed(plan_web(&v->topo, &host, &a, &plan, &d));
	for (size_t i = 0; is_read && i < PLAN_SIDE_N; i++)
		if (plan.sites[i].port == 0 || !str_to_z(plan.sites[i].url, fresh[i], sizeof fresh[i]))
			fresh[i][0] = '\0';
	bool is_new = false;
	for (size_t i = 0; i < PLAN_SIDE_N; i++) {
		is_new = is_new || strcmp(fresh[i], v->sites[i]) != 0;
		(void)snprintf(v->sites[i], sizeof v->sites[i], "%s", fresh[i]);
	}
	return is_new;
}

static bool find_uri(struct vault *v)
{
	struct buf uri DEFER(buf_fini) = { 0 };
	char fresh[sizeof v->sts];
	buf_init(&uri, sizeof fresh - 1);
	err e = print_sts(v, &uri);
	if (err_is(e, ERR_BUSY))
		return false; /* keeper comes back in a moment */
	if (failed(e) || !str_to_z(buf_str(&uri), fresh, sizeof fresh))
		fresh[0] = '\0';
	bool is_new = strcmp(fresh, v->sts) != 0;
	(void)snprintf(v->sts, sizeof v->sts, "%s", fresh);
	return is_new;
}

bool vault_find_sts(struct vault *v)
{
	bool has_other_uri = find_uri(v), has_other_sites = find_sites(v);
	return find_trusted(v) || has_other_uri || has_other_sites;
}

/* ---- whose ---- */

struct person {
	bool is_there, enabled;
};

static void keep_person(void *arg, const struct store_user *u)
{
	*(struct person *)arg = (struct person){ true, u->enabled };
}

/* Address in lower case, as the store has it. REFUSED with d. */
static err find_owner(struct vault *v, str certificate, struct cert_client_view *of, struct diag *d)
{
	struct person who = { .is_there = false };
	(void)vault_knows_revocations(v);
	TRY(cert_client_check(certificate, buf_str(&v->trust), v->crl, (int64_t)(vault_unix_ms() / 1000), of, d));
	err e = store_user_find(v->store, str_of(of->address), keep_person, &who);
	if (failed(e) && !err_is(e, ERR_ABSENT))
		return e;
	if (!who.is_there || !who.enabled)
		return diag_fail(d, ERR(REFUSED), "certificate", "ask for Enable-CsUser, or for a certificate of his own", "its user is not there, or disabled");
	return OK;
}

void vault_judge_certificate(struct vault *v, struct ipc *to, const struct ipc_proof_ask *m)
{
	struct cert_client_view of = { .expires = 0 };
	struct diag d = { 0 };
	err e = find_owner(v, m->token, &of, &d);
	if (failed(e))
		LOG(&v->skel->log, AUTH_CERTIFICATE, LOG_Z("serial", of.serial), LOG_Z("user", of.address), LOG_Z("why", d.what), LOG_Z("remedy", d.remedy));
	/* who has gone waits for nothing */
	(void)failed(ipc_send_proof_tell(to, &(struct ipc_proof_tell){ .id = m->id, .is_right = failed(e) ? 0 : 1, .aor = str_of(of.address) }, -1));
}
