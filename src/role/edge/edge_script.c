/* SPDX-License-Identifier: Apache-2.0 */
/* Administrators' scripts at the border: what they can learn of an Edge. Between partners and the inside they are a stage; of clients they see what comes in, and
 * the answers that go out. */
#include "role/edge/edge_priv.h"

/* What a partner is to scripts, by the list that he is in. */
static const int64_t types[FED_KIND_N] = {
	[FED_ALLOWED] = MSPL_ExternalSourceType_DirectPartner,
	[FED_DIRECT] = MSPL_ExternalSourceType_DirectPartner,
	[FED_HOSTING] = MSPL_ExternalSourceType_DirectPartner,
	[FED_PUBLIC] = MSPL_ExternalSourceType_ClearingHouse,
	[FED_DISCOVERED] = MSPL_ExternalSourceType_AutoFed,
	[FED_DEFAULT] = MSPL_ExternalSourceType_ClearingHouse,
};

static void source(void *arg, const struct inbound *in, const struct request *r, struct script_source *out)
{
	const struct edge *e = arg;
	const struct conn *c = r != NULL ? r->conn : NULL;
	struct fed_place place;
	out->origin = in->flow.front == EDGE_OUTSIDE ? MSPL_MessageOrigin_NetworkExternal : MSPL_MessageOrigin_NetworkInternal;
	out->type = MSPL_ExternalSourceType_AuthorizedServer;
	out->is_authenticated = in->flow.front == EDGE_INSIDE;
	if (c != NULL && conn_tls(c) != NULL)
		out->tls_peer = tls_peer_name(conn_tls(c));
	if (in->flow.front == EDGE_INSIDE)
		return;
	out->type = MSPL_ExternalSourceType_InternetUser;
	if (out->tls_peer.n == 0 && (c != NULL || !in->msg.is_request))
		return;
	fed_find(e->fed, in->msg.from.uri.host, &place);
	out->type = types[place.kind];
	out->network = place.kind == FED_PUBLIC ? MSPL_ExternalSourceNetwork_PublicCloud : MSPL_ExternalSourceNetwork_Federation;
}

static bool is_domain(void *arg, str domain)
{
	const struct edge *e = arg;
	return users_is_domain(e->domains, domain);
}

err edge_script_open(struct edge *e)
{
	const struct script_config config = { .fqdn = str_of(e->skel->fqdn), .pool = str_of(e->skel->fqdn), .role = MSPL_ServerRole_AccessProxy,
		.door = { .source = source, .is_domain = is_domain }, .arg = e, .log = &e->skel->log, .meter = e->skel->meter };
	return scripts_new(&config, &e->scripts);
}

/* Targets that a script has chosen are nobody's here: the inside knows who has which devices. */
err edge_script_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct edge *e = state;
	if (scripts_count(e->scripts) == 0)
		return OK;
	TRY(script_stage(e->scripts, r, v));
	ENSURE(r->n_forks == 0, SIP_FORBIDDEN);
	return OK;
}

bool edge_script_response(void *arg, struct inbound *in)
{
	struct edge *e = arg;
	return scripts_count(e->scripts) == 0 || script_response(e->scripts, in);
}

/* ---- what vault tells ---- */

err edge_script_take(struct edge *e, str body)
{
	struct ipc_application m;
	TRY(ipc_application_parse(&m, body));
	return scripts_put(e->scripts, &(const struct script_row){ .identity = m.identity, .priority = m.priority, .is_critical = m.is_critical != 0,
					       .manifest = m.manifest, .files = m.files });
}
