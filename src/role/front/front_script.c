/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators' scripts can learn of a Front End, and where their decisions lead. */
#include "role/front/front_priv.h"

/* ---- where a message comes from ---- */

/* Of an Edge: what it has found out about the sender, in ms-edge-proxy-message-trust. */
struct told {
	const char *word;
	int64_t number;
};

static const struct told networks[] = {
	{ "federation", MSPL_ExternalSourceNetwork_Federation },
	{ "publiccloud", MSPL_ExternalSourceNetwork_PublicCloud },
	{ NULL, 0 },
};

static const struct told sources[] = {
	{ PEER_SOURCE_CLIENT, MSPL_ExternalSourceType_InternetUser },
	{ "DirectPartner", MSPL_ExternalSourceType_DirectPartner },
	{ "ClearingHouse", MSPL_ExternalSourceType_ClearingHouse },
	{ "AutoFederation", MSPL_ExternalSourceType_AutoFed },
	{ "AuthorizedServer", MSPL_ExternalSourceType_AuthorizedServer },
	{ NULL, 0 },
};

static void look_up(const struct told *rows, str word, int64_t *number)
{
	for (; rows->word != NULL; rows++)
		if (str_eq_case(word, str_of(rows->word)))
			*number = rows->number;
}

static void read_mark(const struct sip_msg *m, struct script_source *out)
{
	const struct peer_mark k = peer_mark_read(m);
	if (k.source.n == 0)
		return;
	out->origin = MSPL_MessageOrigin_NetworkExternal;
	out->type = MSPL_ExternalSourceType_AccessProxy;
	look_up(networks, k.network, &out->network);
	look_up(sources, k.source, &out->type);
}

/* Only what an Edge has passed in, and front_fed_stage has let through, has a sender that is none of ours. */
static bool is_partner(const struct front *f, const struct request *r)
{
	str domain;
	(void)str_split(r->aor, '@', &domain);
	return r->aor.n != 0 && !users_is_domain(f->users, domain);
}

static void source(void *arg, const struct inbound *in, const struct request *r, struct script_source *out)
{
	const struct front *f = arg;
	out->origin = MSPL_MessageOrigin_NetworkInternal;
	if (r == NULL)
		return;
	out->is_authenticated = r->aor.n != 0 || r->is_peer;
	if (flow_is_outside(&r->in->flow)) { /* somebody's own connection, by an Edge */
		out->origin = MSPL_MessageOrigin_NetworkExternal;
		out->type = MSPL_ExternalSourceType_InternetUser;
	}
	if (!r->is_peer && !is_partner(f, r))
		return;
	out->type = MSPL_ExternalSourceType_AuthorizedServer;
	read_mark(&in->msg, out);
}

/* ---- users ---- */

static bool is_domain(void *arg, str domain)
{
	const struct front *f = arg;
	return users_is_domain(f->users, domain);
}

/* "Ann@Example.test" as an address of record; NULL: nobody's. */
static const struct user *find_user(const struct front *f, str user, struct arena *a, str *aor)
{
	struct uri u;
	str text = arena_join(a, (const str[]){ STR("sip:"), user }, 2);
	if (text.p == NULL || failed(uri_parse(text, &u, NULL)) || !u.has_user || failed(uri_aor(&u, a, aor)))
		return NULL;
	const struct user *found = user_find(f->users, *aor);
	return found != NULL && found->enabled ? found : NULL;
}

static bool home(void *arg, str user, struct arena *a, str *fqdn)
{
	const struct front *f = arg;
	str aor;
	if (find_user(f, user, a, &aor) != NULL)
		*fqdn = f->fqdn;
	return true;
}

enum { ENDPOINTS = 16 };

/* Devices of who is at home in this process, as is the target of every request that a script sees. */
static bool endpoint(void *arg, str user, size_t at, struct arena *a, struct mspl_endpoint *e, bool *is_there)
{
	const struct front *f = arg;
	struct reg_target *targets = arena_alloc(a, ENDPOINTS * sizeof *targets);
	str aor, epid = STR("");
	if (targets == NULL)
		return false;
	size_t n = find_user(f, user, a, &aor) != NULL ? reg_find(f->reg, aor, a, targets, ENDPOINTS) : 0;
	*is_there = at < n;
	if (!*is_there)
		return true;
	struct uri u;
	if (!failed(uri_parse(targets[at].uri, &u, NULL)))
		(void)sip_param(u.params, STR("epid"), &epid);
	const int64_t all = 0x1fff; /* what a device can do it says when it is asked */
	*e = (struct mspl_endpoint){ .epid = epid, .instance = targets[at].instance, .contact = targets[at].uri, .extra_methods = STR(""), .methods = all };
	return true;
}

/* Marks of a user that belong to one of the options; who has none is not allowed. */
static bool option(void *arg, str user, int64_t which)
{
	const struct front *f = arg;
	struct arena a DEFER(arena_fini) = { 0 };
	str aor;
	arena_init(&a, 4096);
	const struct user *u = find_user(f, user, &a, &aor);
	if (u == NULL)
		return false;
	str grants = user_grants(u);
	while (grants.n != 0)
		if (str_eq(str_split(grants, '\n', &grants), STR("AudioVideoDisabled=True")))
			return which == MSPL_UserOption_NoAudioVideo;
	return which == MSPL_UserOption_UcEnabled;
}

/* ---- the stage ---- */

err front_script_open(struct front *f)
{
	const struct script_config config = { .fqdn = f->fqdn, .pool = f->fqdn, .role = MSPL_ServerRole_FrontEnd, .door = { source, is_domain, home, endpoint, option },
		.arg = f, .log = &f->skel->log, .meter = f->skel->meter };
	return scripts_new(&config, &f->scripts);
}

/* The new target may be at home elsewhere: then it goes there, as a branch of ours. */
static err follow(struct front *f, struct request *r)
{
	if (r->n_forks != 0 || r->target.n == 0 || route_home_of(f->route, r->target) == f->skel->index)
		return OK;
	str *one = arena_alloc(&r->in->arena, sizeof *one);
	ENSURE(one != NULL, CEILING);
	*one = r->in->msg.request_uri;
	r->forks = one;
	r->n_forks = 1;
	return OK;
}

/* Requests of our own to a home have been seen where they came from. */
err front_script_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct front *f = state;
	str before = r->in->msg.request_uri;
	if (r->in->flow.slot == FRONT_SELF || scripts_count(f->scripts) == 0)
		return OK;
	TRY(script_stage(f->scripts, r, v));
	if (*v != STAGE_NEXT || r->in->msg.method == SIP_METHOD_ACK || r->in->msg.method == SIP_METHOD_REGISTER)
		return OK;
	if (!str_eq(before, r->in->msg.request_uri))
		TRY(follow(f, r));
	if (r->n_forks == 0)
		return OK;
	*v = STAGE_DONE;
	stage_run(front_stages, f->states, FRONT_STAGE_ROUTE, r);
	return OK;
}

bool front_script_response(void *arg, struct inbound *in)
{
	struct front *f = arg;
	return scripts_count(f->scripts) == 0 || script_response(f->scripts, in);
}
