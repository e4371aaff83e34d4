/* SPDX-License-Identifier: Apache-2.0 */
/* What vault tells: settings, certificates, users, locks, traces; and what it is told: who failed to prove himself. */
#include "role/front/front_priv.h"

static err on_setting(struct front *f, str body)
{
	struct ipc_setting m;
	struct diag d = { 0 };
	TRY(ipc_setting_parse(&m, body));
	/* a property that a newer vault knows and we do not is no reason to stop */
	if (failed(config_set(&f->config, m.object, m.property, m.value, &d)))
		LOG(&f->skel->log, REQUEST_FAILED, LOG_STR("setting", m.property), LOG_Z("why", d.what));
	if (f->has_snapshot)
		front_apply_config(f);
	return OK;
}

/* Is he in other groups of walls than before? */
static bool has_moved(const struct front *f, const struct ipc_user *m)
{
	const struct user *u = user_find(f->users, m->aor);
	return !str_eq(policy_grant(u != NULL ? user_grants(u) : STR(""), STR("Groups")), policy_grant(m->grants, STR("Groups")));
}

static err on_user(struct front *f, str body)
{
	struct ipc_user m;
	TRY(ipc_user_parse(&m, body));
	f->groups_changed = f->groups_changed || has_moved(f, &m);
	if (m.enabled == 0)
		reg_user_gone(f->reg, m.aor);
	TRY(users_put(f->users, &(const struct user_row){ .version = m.version, .aor = m.aor, .display_name = m.display_name,
				       .enabled = m.enabled != 0, .ha1_md5 = m.ha1_md5, .ha1_sha256 = m.ha1_sha256, .grants = m.grants,
				       .needs_certificate = str_eq(policy_grant(m.grants, STR("SmartcardLogonRequired")), STR("True")) }));
	if (f->has_snapshot)
		pres_user_changed(f->pres, m.aor);
	return OK;
}

/* Nobody of that name is known any more: all else that is kept in memory of him goes, too. */
static void forget_user(void *arg, str aor)
{
	struct front *f = arg;
	reg_user_gone(f->reg, aor);
	contact_user_gone(f->contacts, aor);
	pres_user_changed(f->pres, aor);
}

static err on_user_gone(struct front *f, str body)
{
	struct ipc_user_gone m;
	TRY(ipc_user_gone_parse(&m, body));
	users_remove(f->users, m.aor);
	forget_user(f, m.aor);
	return OK;
}

static err on_policy(struct front *f, str body)
{
	struct ipc_policy m;
	TRY(ipc_policy_parse(&m, body));
	return policies_put(f->policies, m.kind, m.identity, m.body);
}

static err on_policy_gone(struct front *f, str body)
{
	struct ipc_policy_gone m;
	TRY(ipc_policy_gone_parse(&m, body));
	policies_remove(f->policies, m.kind, m.identity);
	return OK;
}

static err on_lock(struct front *f, str body)
{
	struct ipc_lock m;
	TRY(ipc_lock_parse(&m, body));
	users_lock(f->users, m.aor, m.failures, m.until_ms);
	auth_lock(f->auth, m.aor, m.failures, m.until_ms);
	return OK;
}

static err on_snapshot_end(struct front *f, str body)
{
	struct ipc_snapshot_end m;
	TRY(ipc_snapshot_end_parse(&m, body));
	users_end(f->users, forget_user, f); /* whom vault does not know any more since it was here last */
	policies_end(f->policies);
	f->has_snapshot = true;
	front_apply_config(f);
	front_check_ready(f);
	return OK;
}

/* A certificate that cannot be used leaves the one before in its place. */
static err on_certificate(struct front *f, str body)
{
	struct tls_server *tls;
	/* without other servers nobody could present a certificate that means anything: it is not asked for */
	TRY(identity_read(f->identity, body, peers_count(f->peers_known) != 0 ? IDENTITY_ASKS_SERVERS : IDENTITY_ASKS_NOBODY, &tls));
	if (tls == NULL)
		return OK;
	conns_set_tls(f->conns, tls);
	tls_server_unref(f->tls);
	f->tls = tls;
	f->warned_at = 0;
	f->has_certificate = true;
	conns_judge_again(f->conns); /* by the roots that came along */
	front_check_ready(f);
	return OK;
}

static bool is_revoked(void *arg, const uint8_t issuer[32], str serial)
{
	const struct front *f = arg;
	return identity_is_revoked(f->identity, issuer, serial);
}

/* Who signs by a certificate that was taken back since then is not who he was. */
static void judge_person_again(void *arg, struct conn *c)
{
	struct front *f = arg;
	char text[ADDR_TEXT];
	const struct user *u = auth_revoked(f->auth, c, is_revoked, f);
	if (u == NULL)
		return;
	meter_add(f->skel->meter, METER_CONN_REVOKED, 1);
	LOG(&f->skel->log, PEER_REVOKED, LOG_Z("peer", addr_print(conn_peer(c), text)), LOG_INT("port", conn_peer(c)->port), LOG_Z("why", "the certificate that its user signs by was revoked"));
	front_end_revoked(f, c, user_aor(u));
}

static err on_revocation(struct front *f, str body)
{
	bool changed;
	TRY(identity_read_revocation(f->identity, body, &changed));
	if (changed) {
		conns_judge_again(f->conns);
		conns_each(f->conns, judge_person_again, f);
	}
	return OK;
}

static err on_sts(struct front *f, str body)
{
	struct ipc_sts m;
	TRY(ipc_sts_parse(&m, body));
	auth_set_sts(f->auth, m.uri);
	if (!str_to_z(m.trusted, f->trusted, sizeof f->trusted))
		f->trusted[0] = '\0';
	f->provision.trusted = str_of(f->trusted);
	if (!str_to_z(m.inside, f->inside, sizeof f->inside) || !str_to_z(m.outside, f->outside, sizeof f->outside))
		f->inside[0] = f->outside[0] = '\0';
	f->provision.inside = str_of(f->inside);
	f->provision.outside = str_of(f->outside);
	return OK;
}

static err on_trace_set(struct front *f, str body)
{
	struct ipc_trace_set m;
	TRY(ipc_trace_set_parse(&m, body));
	front_trace_set(f, m.id, m.filter, m.on != 0);
	return OK;
}

static err on_proof_tell(struct front *f, str body)
{
	struct ipc_proof_tell m;
	TRY(ipc_proof_tell_parse(&m, body));
	ENSURE(m.error <= ERR_N, MALFORMED);
	err e = { m.error != 0 ? &err_defs[m.error - 1] : NULL };
	auth_told(f->auth, m.id, &(struct auth_told){ .is_away = m.is_away != 0, .is_right = m.is_right != 0, .error = e, .aor = m.aor, .key = m.key });
	return OK;
}

static err on_kerberos(struct front *f, str body)
{
	struct ipc_kerberos m;
	TRY(ipc_kerberos_parse(&m, body));
	auth_set_kerberos(f->auth, m.is_there != 0);
	return OK;
}

static err on_ntlm_names(struct front *f, str body)
{
	struct ipc_ntlm_names m;
	TRY(ipc_ntlm_names_parse(&m, body));
	auth_set_ntlm_names(f->auth, m.domain, m.dns_domain, m.computer);
	return OK;
}

static err on_kept_rows(struct front *f, str body)
{
	struct ipc_kept_rows m;
	TRY(ipc_kept_rows_parse(&m, body));
	kept_told_rows(f->kept, m.id, m.rows, m.is_last != 0);
	return OK;
}

static err on_kept_done(struct front *f, str body)
{
	struct ipc_kept_done m;
	TRY(ipc_kept_done_parse(&m, body));
	ENSURE(m.error <= ERR_N, MALFORMED);
	kept_told_done(f->kept, m.id, m.error != 0 ? (err){ &err_defs[m.error - 1] } : OK);
	return OK;
}

static err on_directory_tell(struct front *f, str body)
{
	struct ipc_directory_tell m;
	TRY(ipc_directory_tell_parse(&m, body));
	ENSURE(m.error <= ERR_N, MALFORMED);
	contacts_told_people(f->contacts, m.id, m.error != 0 ? (err){ &err_defs[m.error - 1] } : OK, m.rows, m.has_more != 0);
	return OK;
}

static err on_application_begin(struct front *f, str body)
{
	(void)body;
	scripts_begin(f->scripts);
	return OK;
}

static err on_application(struct front *f, str body)
{
	struct ipc_application m;
	TRY(ipc_application_parse(&m, body));
	return scripts_put(f->scripts, &(const struct script_row){ .identity = m.identity, .priority = m.priority, .is_critical = m.is_critical != 0,
					       .manifest = m.manifest, .files = m.files });
}

static err on_application_end(struct front *f, str body)
{
	(void)body;
	scripts_end(f->scripts);
	return OK;
}

static err (*const readers[IPC_N])(struct front *f, str body) = {
	[IPC_SETTING] = on_setting,
	[IPC_USER] = on_user,
	[IPC_USER_GONE] = on_user_gone,
	[IPC_LOCK] = on_lock,
	[IPC_POLICY] = on_policy,
	[IPC_POLICY_GONE] = on_policy_gone,
	[IPC_SNAPSHOT_END] = on_snapshot_end,
	[IPC_CERTIFICATE] = on_certificate,
	[IPC_TRACE_SET] = on_trace_set,
	[IPC_REVOCATION] = on_revocation,
	[IPC_KERBEROS] = on_kerberos,
	[IPC_NTLM_NAMES] = on_ntlm_names,
	[IPC_STS] = on_sts,
	[IPC_PROOF_TELL] = on_proof_tell,
	[IPC_APPLICATION_BEGIN] = on_application_begin,
	[IPC_APPLICATION] = on_application,
	[IPC_APPLICATION_END] = on_application_end,
	[IPC_KEPT_ROWS] = on_kept_rows,
	[IPC_KEPT_DONE] = on_kept_done,
	[IPC_DIRECTORY_TELL] = on_directory_tell,
};

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	(void)from;
	(void)fd;
	ENSURE(readers[type] != NULL, MALFORMED);
	return readers[type](arg, body);
}

/* Without vault everything goes on with what is known, until it is back. */
static void on_close(void *arg, struct ipc *from)
{
	struct front *f = arg;
	if (f->vault != from)
		return;
	f->vault = NULL;
	f->n_traces = 0; /* whoever looked has lost his line */
	auth_told_nothing(f->auth);
	kept_told_nothing(f->kept);
	contacts_told_nothing(f->contacts);
}

static const struct ipc_door door = { on_message, on_close };

err front_vault_open(struct front *f, int fd)
{
	if (f->vault != NULL)
		ipc_close(f->vault);
	f->vault = NULL;
	TRY(ipc_open(f->skel->loop, fd, &door, f, &f->vault));
	users_begin(f->users);
	policies_begin(f->policies);
	return OK;
}

void front_tell_failure(void *arg, str aor, const struct addr *from)
{
	struct front *f = arg;
	char text[ADDR_TEXT];
	if (f->vault != NULL)
		(void)failed(ipc_send_auth_failed(f->vault,
			&(const struct ipc_auth_failed){ .aor = aor, .address = str_of(addr_print(from, text)) }, -1));
}

void front_tell_success(void *arg, str aor)
{
	struct front *f = arg;
	if (f->vault != NULL)
		(void)failed(ipc_send_auth_ok(f->vault, &(const struct ipc_auth_ok){ .aor = aor }, -1));
}

err front_ask(void *arg, const struct auth_ask *q)
{
	struct front *f = arg;
	ENSURE(f->vault != NULL, BUSY);
	return ipc_send_proof_ask(f->vault, &(const struct ipc_proof_ask){ .id = q->id, .scheme = (uint8_t)q->scheme, .challenge = q->challenge, .token = q->token }, -1);
}

static err kept_ask(void *arg, uint64_t id, str aor)
{
	struct front *f = arg;
	ENSURE(f->vault != NULL, BUSY);
	return ipc_send_kept_ask(f->vault, &(const struct ipc_kept_ask){ .id = id, .aor = aor }, -1);
}

static err kept_set(void *arg, uint64_t id, str aor, str rows)
{
	struct front *f = arg;
	ENSURE(f->vault != NULL, BUSY);
	return ipc_send_kept_set(f->vault, &(const struct ipc_kept_set){ .id = id, .aor = aor, .rows = rows }, -1);
}

err front_search(void *arg, const struct contact_search *q)
{
	struct front *f = arg;
	ENSURE(f->vault != NULL, BUSY);
	return ipc_send_directory_ask(f->vault, &(const struct ipc_directory_ask){ .id = q->id, .most = (uint16_t)q->most, .filter = q->filter }, -1);
}

const struct kept_door front_kept_door = { kept_ask, kept_set };
