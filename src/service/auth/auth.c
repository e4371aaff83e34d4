/* SPDX-License-Identifier: Apache-2.0 */
#include "service/auth.h"

#include <stdlib.h>
#include <time.h>

#include "base/enc.h"
#include "model/config.h"
#include "service/auth/auth_priv.h"

#define FORGET_MS         86400000 /* failures of a name as old as this count no more (vault's time too) */
#define FORGET_ADDRESS_MS 600000   /* and those of an address */
#define PER_ADDRESS       8        /* failures from an address that slow an answer like one of a name: many share one */

err auth_new(const struct auth_config *config, struct auth **out)
{
	struct auth *a = calloc(1, sizeof *a);
	ENSURE(a != NULL, NO_MEMORY);
	a->config = *config;
	guesses_init(&a->names, AUTH_GUESSED_MAX);
	guesses_init(&a->addresses, AUTH_GUESSED_MAX);
	list_init(&a->waits);
	list_init(&a->asks);
	*out = a;
	return OK;
}

void auth_free(struct auth *a)
{
	if (a == NULL)
		return;
	ASSERT(list_is_empty(&a->waits) && list_is_empty(&a->asks));
	guesses_fini(&a->names);
	guesses_fini(&a->addresses);
	free(a);
}

void auth_conn_closed(struct auth *a, struct conn *c)
{
	auth_answers_close(a, c);
	auth_asks_close(a, c);
	auth_conn_free(c);
}

void auth_lock(struct auth *a, str aor, uint32_t failures, uint64_t until_unix_ms)
{
	uint64_t now = auth_unix_ms(a), left = until_unix_ms > now ? until_unix_ms - now : 0;
	if (failures == 0)
		guesses_forget(&a->names, aor);
	else
		guesses_lock(&a->names, aor, failures, left != 0 ? a->config.timers->now + left : 0);
}

struct auth_policy auth_policy_of(const struct auth *a)
{
	const struct config *c = a->config.config;
	struct auth_policy p = { .nonce_ms = c->nonce_lifetime * 1000, .max_failures = c->max_failed_sign_ins };
	p.takes[CRYPT_MD5] = c->use_digest_md5;
	p.takes[CRYPT_SHA256] = c->use_digest_sha256 || !c->use_digest_md5; /* one there must be */
	return p;
}

uint64_t auth_unix_ms(const struct auth *a)
{
	struct timespec t;
	if (a->config.unix_ms != NULL)
		return a->config.unix_ms();
	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- who it is to be ---- */

static bool aor_of(struct auth *a, struct request *r, const struct uri *u, str *aor)
{
	const struct auth_door *door = &a->config.door;
	if (door->alias != NULL && uri_param(u, STR("gr"), NULL) && door->alias(a->config.arg, u, &r->in->arena, aor))
		return true;
	return !failed(uri_aor(u, &r->in->arena, aor));
}

static err refuse_impersonation(struct auth *a)
{
	meter_add(a->config.meter, METER_AUTH_IMPERSONATION, 1);
	return ERR(SIP_FORBIDDEN);
}

static err read_names(struct auth *a, struct request *r, struct claim *c)
{
	const struct sip_msg *m = &r->in->msg;
	bool is_register = m->method == SIP_METHOD_REGISTER;
	c->to = STR("");
	/* RFC 3261 10.3 step 5, RFC 4475 3.3.4: what is to be registered must be a SIP or SIPS URI */
	ENSURE(!is_register || aor_of(a, r, &m->to.uri, &c->to), MALFORMED);
	if (!aor_of(a, r, &m->from.uri, &c->from))
		return refuse_impersonation(a);
	c->realm = auth_realm(a, r);
	return OK;
}

/* ---- credentials ---- */

/* Those for our realm that we could check; MALFORMED: some are not well-formed. Other schemes are as if they were not
 * there (RFC 4475 3.3.7), and so is what has no qop (RFC 8760 2.7) or an algorithm that was not offered. */
static err read_credentials(const struct auth *a, const struct request *r, struct claim *c)
{
	const struct sip_msg *m = &r->in->msg;
	enum sip_hdr_id id = m->method == SIP_METHOD_REGISTER ? SIP_HDR_AUTHORIZATION : SIP_HDR_PROXY_AUTHORIZATION;
	struct auth_policy policy = auth_policy_of(a);
	c->has_digest = false;
	for (const struct sip_hdr *h = sip_hdr_first(m, id); h != NULL && !c->has_digest; h = sip_hdr_next(m, h)) {
		struct digest *d = &c->digest;
		TRY(digest_parse(h->value, d, NULL));
		c->has_digest = d->is_digest && str_eq_case(d->realm, c->realm) && d->hash_known &&
				policy.takes[d->hash] && str_eq_case(d->qop, STR("auth")) && d->nc_raw.n != 0 &&
				d->cnonce.n != 0;
	}
	return OK;
}

/* The URI that was signed must be the one that is asked for (RFC 7616 3.4.6). Clients differ in what they leave out of
 * it (transport, lr, a default port), so only scheme, user and host count. */
static bool is_same_uri(str signed_uri, const struct sip_msg *m)
{
	struct uri u;
	if (str_eq(signed_uri, m->request_uri))
		return true;
	if (failed(uri_parse(signed_uri, &u, NULL)))
		return false;
	return u.kind == m->uri.kind && (u.kind == URI_SIP || u.kind == URI_SIPS) && str_eq(u.user, m->uri.user) &&
	       str_eq_case(u.host, m->uri.host);
}

/* "ann" and the realm give "ann@example.test". What is too long is cut: nobody has such a name. */
static str claimed_aor(const struct claim *c, char out[USER_AOR_MAX])
{
	str domain = str_cut(c->realm, 0, USER_AOR_MAX / 2);
	str name = str_cut(c->digest.username, 0, USER_AOR_MAX - 1 - domain.n);
	size_t n = 0;
	for (size_t i = 0; i < name.n; i++)
		out[n++] = char_lower(name.p[i]);
	out[n++] = '@';
	memcpy(out + n, domain.p, domain.n);
	return (str){ out, n + domain.n };
}

/* Does the response prove u (NULL: an unknown user, or one who may not)? The work is the same for everybody. */
static bool is_right(struct auth *a, const struct request *r, const struct claim *c, const struct user *u, str aor)
{
	const struct digest *d = &c->digest;
	uint8_t ha1[CRYPT_HASH_MAX];
	char want[2 * CRYPT_HASH_MAX];
	size_t n = 2 * crypt_hash_size(d->hash);
	crypt_mac(a->config.crypt, (const str[]){ STR("auth nobody"), aor }, 2, ha1);
	bool may = u != NULL && u->enabled && (d->hash == CRYPT_SHA256 || u->has_md5);
	if (may && d->hash == CRYPT_SHA256)
		memcpy(ha1, u->ha1_sha256, sizeof u->ha1_sha256);
	else if (may)
		memcpy(ha1, u->ha1_md5, sizeof u->ha1_md5);
	digest_response(a->config.crypt, d, ha1, r->in->msg.method_name, want);
	crypt_wipe(ha1, sizeof ha1);
	bool is_equal = d->response.n == n && crypt_equal(d->response.p, want, n);
	crypt_wipe(want, sizeof want);
	return is_equal && may;
}

/* ---- outcomes ---- */

err auth_admit(struct auth *a, struct request *r, const struct claim *c, str proven)
{
	bool is_himself = str_eq(c->from, proven) && (c->to.n == 0 || str_eq(c->to, proven));
	if (!is_himself)
		return refuse_impersonation(a);
	r->aor = c->from;
	return OK;
}

/* The first lock, doubled with each wrong password after it: as vault reckons it for all processes together, so that a
 * name locks here for as long whether vault knows it or not. */
static uint64_t lock_ms(const struct config *c, uint32_t failures)
{
	uint32_t doubled = failures - c->max_failed_sign_ins;
	uint64_t seconds = doubled < 20 ? (uint64_t)c->lockout_seconds << doubled : UINT64_MAX;
	return (seconds < c->max_lockout_seconds ? seconds : c->max_lockout_seconds) * 1000;
}

/* A wrong password for a name that is not locked. Answers the failures in a row. */
static uint32_t count_failure(struct auth *a, const struct request *r, str aor)
{
	const struct auth_config *cf = &a->config;
	uint64_t now = cf->timers->now;
	uint32_t failures = guesses_add(&a->names, aor, now, FORGET_MS);
	meter_add(cf->meter, METER_AUTH_FAILED, 1);
	LOG(cf->log, AUTH_FAILED, LOG_REQ(r->in->request), LOG_STR("user", aor), LOG_INT("failures", failures));
	if (failures >= cf->config->max_failed_sign_ins)
		guesses_lock(&a->names, aor, failures, now + lock_ms(cf->config, failures));
	if (cf->door.on_failure != NULL)
		cf->door.on_failure(cf->arg, aor, &r->in->peer);
	return failures;
}

enum stage_verdict auth_wrong(struct auth *a, struct request *r, str aor, bool is_locked)
{
	char buf[GUESS_ADDRESS];
	str address = guesses_address(&r->in->peer, buf);
	uint32_t here = guesses_add(&a->addresses, address, a->config.timers->now, FORGET_ADDRESS_MS) / PER_ADDRESS;
	uint32_t failures = is_locked ? auth_policy_of(a).max_failures : count_failure(a, r, aor);
	if (is_locked)
		meter_add(a->config.meter, METER_AUTH_LOCKED, 1);
	return auth_challenge_later(a, r, guesses_delay_ms(failures > here ? failures : here));
}

enum stage_verdict auth_unproven(struct auth *a, struct request *r, str aor)
{
	char buf[GUESS_ADDRESS];
	str address = guesses_address(&r->in->peer, buf);
	uint32_t here = guesses_add(&a->addresses, address, a->config.timers->now, FORGET_ADDRESS_MS) / PER_ADDRESS;
	meter_add(a->config.meter, METER_AUTH_FAILED, 1);
	LOG(a->config.log, AUTH_UNPROVEN, LOG_REQ(r->in->request), LOG_STR("user", aor));
	return auth_challenge_later(a, r, guesses_delay_ms(here));
}

void auth_forgive(struct auth *a, const struct user *u)
{
	const struct auth_config *cf = &a->config;
	str aor = user_aor(u);
	if (u->failures == 0 && guesses_count(&a->names, aor) == 0)
		return;
	guesses_forget(&a->names, aor);
	if (cf->door.on_success != NULL)
		cf->door.on_success(cf->arg, aor);
}

err auth_check_factor(struct auth *a, const struct request *r, const struct user *u)
{
	if (!u->needs_certificate)
		return OK;
	meter_add(a->config.meter, METER_AUTH_SMARTCARD, 1);
	LOG(a->config.log, AUTH_SMARTCARD, LOG_REQ(r->in->request), LOG_STR("user", user_aor(u)));
	return ERR(CERTIFICATE_NEEDED);
}

static err right(struct auth *a, struct request *r, const struct claim *c, const struct user *u)
{
	const struct auth_config *cf = &a->config;
	uint32_t lifetime = auth_policy_of(a).nonce_ms;
	TRY(auth_check_factor(a, r, u));
	struct auth_conn *ac = auth_conn_get(r->conn);
	ENSURE(ac != NULL, NO_MEMORY);
	auth_conn_prove(ac, u, cf->timers->now + lifetime);
	auth_conn_nonce_use(ac, c->nonce_id, c->digest.nc);
	ac->is_md5 = c->digest.hash == CRYPT_MD5;
	conn_set_trusted(r->conn);
	meter_add(cf->meter, METER_AUTH_OK, 1);
	auth_forgive(a, u);
	return auth_admit(a, r, c, user_aor(u));
}

bool auth_is_locked(const struct auth *a, const struct user *u, str aor)
{
	return guesses_is_locked(&a->names, aor, a->config.timers->now) ||
	       (u != NULL && u->locked_until > auth_unix_ms(a));
}

/* Credentials with a nonce that may be used. */
static err check(struct auth *a, struct request *r, const struct claim *c, enum stage_verdict *v)
{
	char buf[USER_AOR_MAX];
	str aor = claimed_aor(c, buf);
	const struct user *u = user_find(a->config.users, aor);
	bool locked = auth_is_locked(a, u, aor);
	/* A locked account is not tried: the work is done against nobody, so that the answer takes as long. */
	if (is_right(a, r, c, locked ? NULL : u, aor))
		return right(a, r, c, u);
	*v = auth_wrong(a, r, aor, locked);
	return OK;
}

/* May the nonce be used? Otherwise a fresh one is offered with stale=true, so that the client need not ask for the
 * password again; nothing has been learned about it. */
static bool is_nonce_good(struct auth *a, const struct request *r, struct claim *c)
{
	const struct auth_config *cf = &a->config;
	uint64_t now = cf->timers->now;
	bool is_ours = nonce_read(cf->crypt, &r->in->flow, c->digest.nonce, c->nonce_id);
	if (!is_ours || now - nonce_time(c->nonce_id) >= auth_policy_of(a).nonce_ms) {
		meter_add(cf->meter, METER_AUTH_STALE, 1);
		return false;
	}
	enum nonce_verdict verdict = auth_conn_nonce(auth_conn_find(r->conn), c->nonce_id, c->digest.nc);
	if (verdict == NONCE_FRESH)
		return true;
	meter_add(cf->meter, verdict == NONCE_REPLAYED ? METER_AUTH_REPLAY : METER_AUTH_STALE, 1);
	if (verdict == NONCE_REPLAYED)
		LOG(cf->log, AUTH_REPLAY, LOG_REQ(r->in->request), LOG_STR("from", c->from),
			LOG_INT("count", c->digest.nc));
	return false;
}

static err by_credentials(struct auth *a, struct request *r, struct claim *c, enum stage_verdict *v)
{
	*v = STAGE_DONE;
	if (!c->has_digest) {
		auth_challenge(a, r, false);
		return OK;
	}
	ENSURE(is_same_uri(c->digest.uri, &r->in->msg), MALFORMED);
	if (!is_nonce_good(a, r, c)) {
		auth_challenge(a, r, true);
		return OK;
	}
	*v = STAGE_NEXT;
	return check(a, r, c, v);
}

/* ---- the stage ---- */

/* ACK and CANCEL cannot be challenged (RFC 3261 22.1); they belong to an INVITE whose sender was, so he must be known
 * here. */
static err unchallengeable(struct auth *a, struct request *r, const struct claim *c, enum stage_verdict *v)
{
	struct auth_conn *ac = auth_conn_find(r->conn);
	if (ac != NULL && auth_conn_proof(ac, c->from) != NULL) {
		r->aor = c->from;
		return OK;
	}
	ENSURE(r->in->msg.method == SIP_METHOD_ACK, SIP_FORBIDDEN);
	*v = STAGE_DONE;
	return OK;
}

/* Has the sender proven himself on this TLS connection, and lately? */
static bool is_proven(const struct auth *a, const struct request *r, const struct claim *c)
{
	struct auth_conn *ac = auth_conn_find(r->conn);
	if (ac == NULL || !conn_is_secure(r->conn))
		return false;
	const struct proof *p = auth_conn_proof(ac, c->from);
	return p != NULL && a->config.timers->now < p->until_ms;
}

/* Somebody else has had him prove it. */
static err vouched(struct auth *a, struct request *r, const struct claim *c)
{
	const struct user *u = user_find(a->config.users, c->from);
	ENSURE(u != NULL && u->enabled, SIP_FORBIDDEN);
	conn_set_trusted(r->conn);
	return auth_admit(a, r, c, user_aor(u));
}

err auth_stage(void *state, struct request *r, enum stage_verdict *v)
{
	struct auth *a = state;
	struct claim c;
	struct sipae_credentials given;
	enum sip_method_index method = r->in->msg.method;
	if (r->is_peer || r->conn == NULL)
		return OK;
	TRY(read_names(a, r, &c));
	if (r->is_vouched)
		return vouched(a, r, &c);
	TRY(auth_dialect_read(&r->in->msg, &given));
	if (given.is_known)
		return auth_dialect(a, r, &c, &given, v);
	if (method == SIP_METHOD_ACK || method == SIP_METHOD_CANCEL)
		return unchallengeable(a, r, &c, v);
	bool proven = is_proven(a, r, &c);
	/* REGISTER with credentials renews the proof; elsewhere they add nothing to what we know. */
	if (proven && method != SIP_METHOD_REGISTER)
		return auth_admit(a, r, &c, c.from);
	TRY(read_credentials(a, r, &c));
	if (proven && !c.has_digest)
		return auth_admit(a, r, &c, c.from);
	return by_credentials(a, r, &c, v);
}
