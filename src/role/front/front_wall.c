/* SPDX-License-Identifier: Apache-2.0 */
/* What walls need of the rest: incidents go to vault, people are told by a message of ours, presence follows. */
#include "role/front/front_priv.h"

#include "base/enc.h"

#define TEXT_MAX 8192

static void on_incident(void *arg, const struct wall_incident *i)
{
	struct front *f = arg;
	if (f->vault == NULL || failed(ipc_send_wall_incident(f->vault, &(const struct ipc_wall_incident){ .rule = i->rule, .action = i->action,
		.modality = i->modality, .from = i->from, .to = i->to, .text = i->text }, -1)))
		meter_add(f->skel->meter, METER_WALL_LOST, 1);
}

static void on_response(void *arg, struct txn *t, struct inbound *in)
{
	(void)arg;
	(void)t;
	(void)in;
}

/* Whoever is told may have gone: nothing is kept for him. */
static void on_fail(void *arg, struct txn *t, err why)
{
	(void)arg;
	(void)t;
	(void)why;
}

static const struct txn_client_door door = { on_response, on_fail, NULL };

static str make_address(struct front *f, struct arena *a, const char *tag, size_t n)
{
	return arena_join(a, (const str[]){ STR("<sip:notice@"), users_domain(f->users, STR("")), STR(">;tag="), { tag, n } }, 4);
}

static err send_notice(struct front *f, str aor, str text)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct sip_out o;
	struct txn *t;
	uint64_t random[3];
	char id[48];
	arena_init(&a, TEXT_MAX);
	crypt_random(random, sizeof random);
	enc_hex(random, sizeof random, id);
	str uri = arena_join(&a, (const str[]){ STR("sip:"), aor }, 2), to = arena_join(&a, (const str[]){ STR("<"), uri, STR(">") }, 3);
	str start = arena_join(&a, (const str[]){ STR("MESSAGE "), uri, STR(" SIP/2.0") }, 3), from = make_address(f, &a, id, 16);
	ENSURE(uri.p != NULL && to.p != NULL && start.p != NULL && from.p != NULL, CEILING);
	sip_out_new(&o, &a, start);
	sip_out_add(&o, SIP_HDR_MAX_FORWARDS, STR("70"));
	sip_out_add(&o, SIP_HDR_FROM, from);
	sip_out_add(&o, SIP_HDR_TO, to);
	sip_out_addf(&o, SIP_HDR_CALL_ID, "%.*s@%.*s", 32, id + 16, STR_FMT(f->fqdn));
	sip_out_add(&o, SIP_HDR_CSEQ, STR("1 MESSAGE"));
	sip_out_add(&o, SIP_HDR_CONTENT_TYPE, STR("text/plain;charset=UTF-8"));
	o.body = text;
	const struct flow home = front_self_flow(f, aor);
	return txn_client_open(f->txns, &home, &o, SIP_METHOD_MESSAGE, STR(""), random[0], &door, f, &t);
}

/* Only people of ours can be told. */
static void on_tell(void *arg, str aor, str text)
{
	struct front *f = arg;
	if (user_find(f->users, aor) != NULL)
		(void)failed(send_notice(f, aor, text));
}

err front_wall_open(struct front *f)
{
	return wall_new(&(const struct wall_config){ .policies = f->policies, .users = f->users, .door = { on_incident, on_tell }, .arg = f, .log = &f->skel->log,
				.meter = f->skel->meter },
		&f->wall);
}

bool front_is_walled(void *arg, str publisher, str watcher)
{
	const struct front *f = arg;
	return wall_between(f->wall, watcher, publisher, WALL_PRESENCE).action == WALL_DENY;
}

/* Subscriptions that stand follow within a second. */
void front_wall_watch(struct front *f)
{
	bool has_changed = wall_has_changed(f->wall);
	if (f->has_snapshot && (has_changed || f->groups_changed))
		pres_config_changed(f->pres);
	f->groups_changed = false;
}
