/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to certificates by itself: staged ones take over, those of the built-in authority are renewed, revocation lists come anew in time,
 * keys that nothing uses go, and whoever looks at the log hears of what will end. */
#include "base/enc.h"
#include "role/vault/vault_cert.h"

#include <stdio.h>

enum { DAY = 86400, WAIT_DAYS = 30, TICK_MS = 60 * 1000, ROOM = 256 * 1024 };

static int64_t now_of(void)
{
	return (int64_t)(vault_unix_ms() / 1000);
}

/* ---- staged ones ---- */

static void roll(struct vault *v)
{
	uint32_t changed;
	char usages[CERTSTORE_USAGES];
	struct diag d;
	err e = certstore_tick(v->certstore, now_of(), &changed, &d);
	if (failed(e))
		LOG(&v->skel->log, CERTIFICATE_FAILED, LOG_ERR(e), LOG_Z("where", d.where), LOG_Z("why", d.what), LOG_Z("remedy", d.remedy));
	if (failed(e) || changed == 0)
		return;
	certstore_usages_print(changed, usages);
	LOG(&v->skel->log, CERTIFICATE_ASSIGNED, LOG_Z("usages", usages), LOG_Z("why", "its time has come"));
	vault_certificates_changed(v);
}

/* ---- renewal ---- */

static bool is_ours(const struct vault *v, const struct certstore_cert *c)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct cert_view leaf, issuer;
	struct diag d;
	arena_init(&a, ROOM);
	return v->authority != NULL && !failed(cert_read(buf_str(&c->chain), &a, &leaf, &d)) && !failed(cert_view_read(vault_authority_der(v), &a, &issuer, &d)) &&
	       str_eq(leaf.issuer, issuer.subject) && str_eq(leaf.aki, issuer.ski);
}

/* At two thirds of its life and a little later, another while for each, so that the servers of a pool do not all renew at once. */
static int64_t renewed_at(const struct certstore_cert *c)
{
	int64_t life = c->until - c->from;
	uint32_t part = (uint32_t)(c->key[0] | c->key[1] << 8);
	return c->from + life / 3 * 2 + life / 24 * part / 65536;
}

static void on_renewed(struct work *w, err e)
{
	char usages[CERTSTORE_USAGES];
	certstore_usages_print(w->usages, usages);
	if (failed(e))
		LOG(&w->vault->skel->log, CERTIFICATE_FAILED, LOG_ERR(e), LOG_Z("usages", usages), LOG_Z("why", w->diag.what), LOG_Z("remedy", w->diag.remedy));
	else
		LOG(&w->vault->skel->log, CERTIFICATE_RENEWAL, LOG_Z("usages", usages));
	meter_add(w->vault->skel->meter, failed(e) ? METER_CERTIFICATES_NOT_RENEWED : METER_CERTIFICATES_RENEWED, 1);
}

/* Names that were asked for beside the plan's stay. */
static err add_old_names(struct work *w, const struct certstore_cert *c)
{
	struct cert_view x;
	TRY(cert_read(buf_str(&c->chain), &w->arena, &x, &w->diag));
	for (size_t i = 0; i < x.san.n; i++)
		TRY(order_add_name(w, x.san.p[i]));
	w->order.client_auth = false;
	for (size_t i = 0; i < x.usages.n; i++)
		w->order.client_auth = w->order.client_auth || str_eq(x.usages.p[i], STR("clientAuth"));
	return OK;
}

/* On a copy the authority is the central server's: a request is made here, and goes there over the connection that is there anyway. */
static void on_requested(struct work *w, err e)
{
	if (failed(e))
		on_renewed(w, e);
	else
		vault_live(w->vault);
}

static bool may_renew(struct vault *v, const struct certstore_cert *c)
{
	struct diag d;
	uint32_t usages = certstore_usages(v->certstore, c, false);
	if (v->is_copy) /* the key of OAuth is one for the whole deployment: it is brought here */
		return !v->joins && (usages & 1u << PLAN_OAUTH_TOKEN_ISSUER) == 0 && !vault_renews(v, usages);
	return !failed(vault_authority_check(v, &d));
}

static void renew(struct vault *v, const struct certstore_cert *c)
{
	struct work *w;
	struct diag d;
	if (!may_renew(v, c) || failed(work_new(v, NULL, &w, &d)))
		return;
	w->ended = v->is_copy ? on_requested : on_renewed;
	w->usages = certstore_usages(v->certstore, c, false);
	err e = order_fill(w);
	w->is_external = v->is_copy;
	w->exportable = c->exportable;
	if (!failed(e) && !v->is_copy)
		e = add_old_names(w, c);
	if (!failed(e))
		e = order_name(w);
	if (!failed(e) && v->is_copy)
		w->friendly = STR(VAULT_RENEWAL_NAME);
	if (!failed(e))
		e = order_start(w);
	if (failed(e))
		work_end(w, e);
}

static void renew_due(struct vault *v)
{
	for (size_t i = 0; i < certstore_count(v->certstore); i++) {
		const struct certstore_cert *c = certstore_at(v->certstore, i);
		if (renewed_at(c) <= now_of() && certstore_usages(v->certstore, c, false) != 0 && !vault_is_working(v) && is_ours(v, c))
			renew(v, c);
	}
}

/* ---- what nothing uses ---- */

static bool is_previous(const struct vault *v, const struct certstore_cert *c)
{
	for (unsigned u = 0; u < PLAN_USAGE_N; u++)
		if (strcmp(certstore_assignment(v->certstore, (enum plan_usage)u)->previous, c->thumbprint) == 0)
			return true;
	return false;
}

static bool is_used(const struct vault *v, const struct certstore_cert *c)
{
	return certstore_usages(v->certstore, c, true) != 0 || (is_previous(v, c) && c->until > now_of());
}

/* Nobody has used it yet; somebody has brought it, or asked for it a short while ago, and may be about to. */
static bool is_waiting(const struct vault *v, const struct certstore_cert *c)
{
	const struct key_entry *key = vault_key_find(v, c->key);
	return !c->was_used && c->until > now_of() && (key == NULL || key->made == 0 || key->made + (int64_t)WAIT_DAYS * DAY > now_of());
}

/* Those of the built-in authority that were replaced: the one before stays as long as it is valid. */
static void drop_certificates(struct vault *v)
{
	struct diag d;
	for (size_t i = 0; i < certstore_count(v->certstore);) {
		const struct certstore_cert *c = certstore_at(v->certstore, i);
		if (is_used(v, c) || is_waiting(v, c) || c->exportable || !is_ours(v, c) || failed(vault_certificate_remove(v, c, &d)))
			i++;
	}
}

static err on_key_dropped(struct work *w, str bytes)
{
	return OK;
}

/* Keys that were made for what was never finished: a kill came between. Only keeper's own, and only while nothing is under way. */
static void drop_keys(struct vault *v)
{
	uint8_t ids[VAULT_KEYS_MAX][32];
	size_t n = vault_key_ids(v, ids);
	for (size_t i = 0; i < n && vault_keeper_is_there(v); i++) {
		struct work *w;
		struct diag d;
		if (vault_key_find(v, ids[i])->made == 0 || certstore_has_key(v->certstore, ids[i]) || failed(work_new(v, NULL, &w, &d)))
			continue;
		const struct key_door door = work_door(w, on_key_dropped);
		err e = vault_key_remove(v, ids[i], &door, &w->diag);
		if (failed(e))
			work_end(w, e);
	}
}

/* ---- revocation list ---- */

/* A kill may come between what was issued, where somebody is marked, and the list: nobody asks for it again. */
static bool lists_all(const struct vault *v, int64_t now)
{
	for (size_t i = 0; i < v->issued.n; i++) {
		const struct issued *one = &v->issued.all[i];
		bool is_due = one->is_revoked && one->expires + (int64_t)CERT_CRL_GRACE_DAYS * DAY > now;
		if (is_due && !cert_crl_has(v->crl, one->revoked.serial))
			return false;
	}
	return true;
}

static void renew_list(struct vault *v)
{
	struct diag d;
	int64_t now = now_of();
	if (v->crl != NULL && lists_all(v, now) && cert_crl_is_fresh(v->crl, now) && cert_crl_begins(v->crl) + 3600 + DAY > now && cert_crl_ends(v->crl) > now + (VAULT_CRL_DAYS - 2) * DAY)
		return;
	if (failed(vault_authority_check(v, &d)))
		return;
	err e = vault_issue_crl(v, NULL, NULL, &d);
	if (failed(e))
		LOG(&v->skel->log, CRL_FAILED, LOG_ERR(e), LOG_Z("why", d.what), LOG_Z("remedy", d.remedy));
}

/* ---- warnings ---- */

static const int warn_days[] = { 30, 14, 7, 1 };

/* How many of the marks are passed. */
static unsigned marks(int64_t left)
{
	unsigned n = 0;
	for (size_t i = 0; i < sizeof warn_days / sizeof *warn_days; i++)
		n += left <= (int64_t)warn_days[i] * DAY ? 1 : 0;
	return n;
}

static void warn(struct vault *v)
{
	char usages[CERTSTORE_USAGES];
	int64_t now = now_of(), soon = 0;
	unsigned most = 0;
	for (size_t i = 0; i < certstore_count(v->certstore); i++) {
		const struct certstore_cert *c = certstore_at(v->certstore, i);
		uint32_t set = certstore_usages(v->certstore, c, false);
		unsigned n = set != 0 ? marks(c->until - now) : 0;
		soon += n != 0 ? 1 : 0;
		most = n > most ? n : most;
		if (n == 0 || n <= v->warned)
			continue;
		certstore_usages_print(set, usages);
		LOG(&v->skel->log, CERTIFICATE_EXPIRES, LOG_Z("usages", usages), LOG_Z("thumbprint", c->thumbprint), LOG_INT("days", c->until > now ? (c->until - now) / DAY : 0),
			LOG_Z("remedy", "Request-CsCertificate -New, Set-CsCertificate"));
	}
	v->warned = most;
	meter_add(v->skel->meter, METER_CERTIFICATES_ENDING, soon - (int64_t)meter_get(v->skel->meter, METER_CERTIFICATES_ENDING));
}

/* ---- all of it ---- */

static void on_tick(void *arg)
{
	struct vault *v = arg;
	roll(v);
	warn(v);
	vault_challenges_tick(v);
	vault_fetch_look(v, false);
	vault_tell_sts(v);
	if (vault_keeper_is_there(v) && !vault_is_working(v)) {
		drop_certificates(v);
		if (!vault_is_working(v))
			drop_keys(v);
		renew_due(v);
		renew_list(v);
		vault_ask_renewals(v);
	}
	if (failed(timer_set(loop_timers(v->skel->loop), &v->live, TICK_MS, on_tick, v)))
		skel_exit(v->skel, 1);
}

void vault_live(struct vault *v)
{
	if (failed(timer_set(loop_timers(v->skel->loop), &v->live, 0, on_tick, v)))
		skel_exit(v->skel, 1);
}
