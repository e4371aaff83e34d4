/* SPDX-License-Identifier: Apache-2.0 */
/* Whom this process trusts: what vault told, and the verdict on each chain that is shown (service/trust). */
#include "role/identity/identity_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void identity_trust_init(struct identity *i)
{
	buf_init(&i->roots, 1 << 20);
}

void identity_set_peers(struct identity *i, bool (*may)(void *arg, str name), void *arg)
{
	i->may = may;
	i->may_arg = arg;
}

void identity_forgive_lists(struct identity *i)
{
	i->forgives_lists = true;
}

void identity_set_vault(struct identity *i, struct ipc *const *vault)
{
	i->vault = vault;
}

/* ---- what is trusted ---- */

static void free_lists(struct identity_lists *l)
{
	for (size_t k = 0; l != NULL && k < l->n; k++)
		buf_fini(&l->lists[k].der);
	free(l);
}

/* Where people sign in, a list that is missing refuses nobody here: vault, which knows what a sign-in is, says no, and why. */
static struct trust_config config_of(const struct identity *i, const struct identity_lists *l)
{
	struct trust_config c = { .roots_pem = buf_str(&i->roots), .own = TRUST_HARD, .others = TRUST_HARD };
	if (l != NULL) {
		c.own = l->own;
		c.others = l->others;
		c.n_own = l->n_own;
	}
	if (i->asks == IDENTITY_ASKS_PEOPLE || i->forgives_lists)
		c.own = c.others = TRUST_SOFT;
	return c;
}

static err make(struct identity *i, const struct identity_lists *l, struct diag *d)
{
	struct trust *fresh;
	struct diag why;
	const struct trust_config config = config_of(i, l);
	TRY(trust_new(&config, &fresh, d));
	/* vault has looked at them; one that cannot be taken all the same is missing, and that is for the policy */
	for (size_t k = 0; l != NULL && k < l->n; k++)
		if (failed(trust_add_list(fresh, buf_str(&l->lists[k].der), l->lists[k].name, &why)))
			LOG(&i->skel->log, REVOCATIONS_STALE, LOG_Z("where", why.where), LOG_Z("why", why.what), LOG_Z("remedy", why.remedy));
	trust_free(i->trust);
	i->trust = fresh;
	return OK;
}

err identity_set_roots(struct identity *i, str ca_pem, struct diag *d)
{
	struct buf before = i->roots;
	buf_init(&i->roots, 1 << 20);
	buf_add(&i->roots, ca_pem);
	err e = i->roots.failed ? ERR(CEILING) : make(i, i->known, d);
	struct buf *drop = failed(e) ? &i->roots : &before;
	buf_fini(drop);
	if (failed(e))
		i->roots = before;
	return e;
}

static err take(struct identity_lists *l, const struct ipc_revocation *m)
{
	l->own = m->own == TRUST_HARD ? TRUST_HARD : TRUST_SOFT;
	l->others = m->others == TRUST_HARD ? TRUST_HARD : TRUST_SOFT;
	l->n_own = m->n_own;
	if (m->list.n == 0)
		return OK;
	ENSURE(l->n < TRUST_LISTS_MAX && m->list.n <= TRUST_LIST_MAX, MALFORMED);
	struct identity_list *one = &l->lists[l->n++];
	(void)str_to_z(str_cut(m->name, 0, sizeof one->name - 1), one->name, sizeof one->name);
	buf_init(&one->der, TRUST_LIST_MAX);
	buf_add(&one->der, m->list);
	return one->der.failed ? ERR(NO_MEMORY) : OK;
}

err identity_read_revocation(struct identity *i, str body, bool *changed)
{
	struct ipc_revocation m;
	struct diag d = { 0 };
	*changed = false;
	TRY(ipc_revocation_parse(&m, body));
	if (m.is_first != 0) { /* one that was begun before will not be ended: vault has died meanwhile */
		free_lists(i->coming);
		i->coming = NULL;
	}
	if (i->coming == NULL)
		i->coming = calloc(1, sizeof *i->coming);
	ENSURE(i->coming != NULL, NO_MEMORY);
	TRY(take(i->coming, &m));
	if (m.is_last == 0)
		return OK;
	free_lists(i->known);
	i->known = i->coming;
	i->coming = NULL;
	if (i->trust == NULL)
		return OK; /* the roots come with the certificate */
	*changed = true;
	return make(i, i->known, &d);
}

bool identity_is_revoked(const struct identity *i, const uint8_t issuer[32], str serial)
{
	return i->trust != NULL && trust_is_revoked(i->trust, issuer, serial);
}

/* ---- verdicts ---- */

static const struct {
	enum tls_fault fault;
	enum meter_id meter;
} rows[TRUST_REASON_N] = {
	[TRUST_FINE] = { TLS_FAULT_OTHER, METER_CHAIN_ACCEPTED },
	[TRUST_MALFORMED] = { TLS_FAULT_OTHER, METER_CHAIN_OTHER },
	[TRUST_TOO_LONG] = { TLS_FAULT_OTHER, METER_CHAIN_OTHER },
	[TRUST_UNTRUSTED] = { TLS_FAULT_UNTRUSTED, METER_CHAIN_UNTRUSTED },
	[TRUST_NOT_AUTHORITY] = { TLS_FAULT_UNTRUSTED, METER_CHAIN_UNTRUSTED },
	[TRUST_PATH_LENGTH] = { TLS_FAULT_UNTRUSTED, METER_CHAIN_UNTRUSTED },
	[TRUST_NAME_CONSTRAINTS] = { TLS_FAULT_UNTRUSTED, METER_CHAIN_UNTRUSTED },
	[TRUST_CRITICAL_EXTENSION] = { TLS_FAULT_OTHER, METER_CHAIN_OTHER },
	[TRUST_EXPIRED] = { TLS_FAULT_EXPIRED, METER_CHAIN_EXPIRED },
	[TRUST_NOT_YET_VALID] = { TLS_FAULT_OTHER, METER_CHAIN_EXPIRED },
	[TRUST_REVOKED] = { TLS_FAULT_REVOKED, METER_CHAIN_REVOKED },
	[TRUST_CRL_MISSING] = { TLS_FAULT_OTHER, METER_CHAIN_LIST },
	[TRUST_CRL_STALE] = { TLS_FAULT_OTHER, METER_CHAIN_LIST },
	[TRUST_WRONG_PURPOSE] = { TLS_FAULT_PURPOSE, METER_CHAIN_PURPOSE },
	[TRUST_WEAK_KEY] = { TLS_FAULT_OTHER, METER_CHAIN_WEAK },
	[TRUST_WEAK_HASH] = { TLS_FAULT_OTHER, METER_CHAIN_WEAK },
	[TRUST_WRONG_NAME] = { TLS_FAULT_NAME, METER_CHAIN_NAME },
	[TRUST_WILDCARD] = { TLS_FAULT_NAME, METER_CHAIN_NAME },
};

static bool nobody(void *arg, str name)
{
	return false;
}

static bool anybody(void *arg, str name)
{
	return true;
}

static struct trust_case case_of(const struct identity *i, const struct tls_shown *shown)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_REALTIME, &t);
	struct trust_case c = { .role = TRUST_PEER, .is_known = i->may != NULL ? i->may : nobody, .arg = i->may_arg, .now = (int64_t)t.tv_sec };
	if (shown->is_ours) {
		c.role = TRUST_SERVER;
		c.name = shown->name;
	} else if (shown->peers == TLS_PEERS_PARTNERS) {
		c.is_known = anybody; /* for which domain it may speak is looked at with each request */
	} else if (shown->peers == TLS_PEERS_PEOPLE || shown->peers == TLS_PEERS_GUESTS) {
		c.role = TRUST_CLIENT;
	}
	return c;
}

static bool is_of_list(enum trust_reason reason)
{
	return reason == TRUST_CRL_MISSING || reason == TRUST_CRL_STALE;
}

/* Vault may have it fetched, so that the next handshake is judged by it. A few each second: whoever has not proven anything may be the cause. */
static void tell_missing(struct identity *i, str chain)
{
	enum { IN_A_SECOND = 10 };
	uint64_t second = loop_now(i->skel->loop) / 1000;
	if (i->vault == NULL || *i->vault == NULL)
		return;
	if (second != i->second)
		i->n_in_second = 0;
	i->second = second;
	/* a channel that does not take it is broken and closes by itself */
	if (i->n_in_second++ < IN_A_SECOND)
		(void)failed(ipc_send_list_missing(*i->vault, &(struct ipc_list_missing){ .chain = chain }, -1));
}

err identity_judge(void *arg, const struct tls_shown *shown, char name[TLS_NAME], struct tls_refusal *out)
{
	struct identity *i = arg;
	struct trust_verdict v;
	struct diag d = { 0 };
	const struct trust_case c = case_of(i, shown);
	ENSURE(i->trust != NULL, REFUSED);
	err e = trust_judge(i->trust, &c, shown->chain, &v, &d);
	meter_add(i->skel->meter, rows[v.reason].meter, 1);
	if (c.role != TRUST_CLIENT && (is_of_list(v.reason) || (!failed(e) && is_of_list(v.doubt))))
		tell_missing(i, shown->chain);
	if (!failed(e) && v.doubt != TRUST_FINE && c.role != TRUST_CLIENT) {
		meter_add(i->skel->meter, METER_CHAIN_DOUBTED, 1);
		LOG(&i->skel->log, PEER_DOUBTED, LOG_Z("name", v.name), LOG_Z("reason", trust_word(v.doubt)));
	}
	(void)snprintf(name, TLS_NAME, "%s", v.name);
	if (!failed(e))
		return OK;
	out->fault = rows[v.reason].fault;
	(void)snprintf(out->word, sizeof out->word, "%s", trust_word(v.reason));
	(void)snprintf(out->why, sizeof out->why, "%s: %s", d.where, d.what);
	return e;
}
