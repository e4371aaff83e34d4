/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that joins: what its bundle left in store/enrolment, the proof that it gives the central server, and the certificates that it gets.
 * The keys were made here and stay here; the requests for them wait in the machine's store of certificates.
 */
#include "os/file.h"
#include "role/vault/vault_cert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_MOST = 4096, CLOCK_SLACK = 300, STALE = 86400 };

static void path_of(const struct vault *v, char out[4200])
{
	(void)snprintf(out, 4200, "%s/enrolment", v->skel->room);
}

/* ---- the proof ---- */

static bool is_renewal(const struct certstore_request *r)
{
	return str_begins(str_of(r->friendly), STR(VAULT_RENEWAL_NAME));
}

/* All requests that wait, of a server that joins; or those that renew. */
static json_t *orders_of(const struct vault *v)
{
	json_t *orders = json_array();
	for (size_t i = 0; i < certstore_request_count(v->certstore); i++) {
		const struct certstore_request *r = certstore_request_at(v->certstore, i);
		if (!v->joins && !is_renewal(r))
			continue;
		(void)json_array_append_new(orders, json_pack("{s:s,s:s%}", "usages", r->usages, "request", r->pem.p, r->pem.n));
	}
	return orders;
}

err vault_on_enrol_ask(struct vault *v, str body)
{
	struct ipc_enrol_ask m;
	uint8_t key[32], proof[32];
	struct buf b DEFER(buf_fini) = { 0 };
	TRY(ipc_enrol_ask_parse(&m, body));
	ENSURE(m.binding.n == 96, MALFORMED);
	if (!v->joins)
		return OK;
	json_t *orders = orders_of(v);
	char *text = json_dumps(orders, JSON_COMPACT);
	json_decref(orders);
	ENSURE(text != NULL, NO_MEMORY);
	vault_enrol_key(v, str_of(v->join_secret), key);
	err e = vault_enrol_proof(key, str_of(v->skel->fqdn), m.binding, str_of(text), proof);
	crypt_wipe(key, sizeof key);
	buf_init(&b, IPC_BODY_MAX);
	buf_add(&b, (str){ (const char *)proof, 32 });
	buf_add(&b, str_of(text));
	free(text);
	TRY(e);
	return ipc_send_enrol_proof(v->replicator, &(struct ipc_enrol_proof){ .bytes = buf_str(&b) }, -1);
}

/* ---- renewal: the connection itself proves who asks ---- */

bool vault_renews(const struct vault *v, uint32_t usages)
{
	char text[CERTSTORE_USAGES];
	certstore_usages_print(usages, text);
	for (size_t i = 0; i < certstore_request_count(v->certstore); i++) {
		const struct certstore_request *r = certstore_request_at(v->certstore, i);
		if (is_renewal(r) && strcmp(r->usages, text) == 0)
			return true;
	}
	return false;
}

/* The plan may be another one since, and what was asked for then is refused for ever: the next try is made by the plan of its day. */
static void drop_stale(struct vault *v)
{
	struct diag d;
	for (size_t i = 0; i < certstore_request_count(v->certstore);) {
		const struct certstore_request *r = certstore_request_at(v->certstore, i);
		bool is_stale = is_renewal(r) && r->made + STALE <= (int64_t)(vault_unix_ms() / 1000);
		if (!is_stale || failed(certstore_request_remove(v->certstore, r, &d)))
			i++;
	}
}

void vault_ask_renewals(struct vault *v)
{
	struct buf b DEFER(buf_fini) = { 0 };
	const uint8_t none[32] = { 0 };
	if (!v->is_copy || v->joins)
		return;
	drop_stale(v);
	if (!v->central_is_there || v->replicator == NULL)
		return;
	json_t *orders = orders_of(v);
	char *text = json_array_size(orders) != 0 ? json_dumps(orders, JSON_COMPACT) : NULL;
	json_decref(orders);
	if (text == NULL)
		return;
	buf_init(&b, IPC_BODY_MAX);
	buf_add(&b, (str){ (const char *)none, sizeof none });
	buf_add(&b, str_of(text));
	free(text);
	(void)failed(ipc_send_enrol_proof(v->replicator, &(struct ipc_enrol_proof){ .bytes = buf_str(&b) }, -1));
}

/* ---- what comes of it ---- */

static err refuse(struct vault *v, struct diag *d, err e)
{
	meter_add(v->skel->meter, METER_ENROLMENTS_REFUSED, 1);
	LOG(&v->skel->log, JOIN_REFUSED, LOG_Z("central", v->central), LOG_ERR(e), LOG_Z("why", d->what), LOG_Z("remedy", d->remedy));
	return e;
}

static err check_clock(const struct certstore_cert *c, struct diag *d)
{
	int64_t now = (int64_t)(vault_unix_ms() / 1000);
	if (c->from > now + CLOCK_SLACK)
		return diag_fail(d, ERR(REFUSED), "clock", "set the clock of this machine right; the central server tries again", "the certificates begin %lld minutes from now: the clocks of the two servers differ",
			(long long)(c->from - now) / 60);
	if (c->until <= now)
		return diag_fail(d, ERR(REFUSED), "clock", "set the clock of this machine right; the central server tries again", "the certificates have ended: the clocks of the two servers differ");
	return OK;
}

/* Kept, and not presented yet: until all of it is there, what this server asks for stays the same. */
static err take_one(struct vault *v, const json_t *one, struct diag *d)
{
	const struct certstore_cert *c = NULL;
	const char *chain = json_string_value(json_object_get(one, "chain"));
	ENSURE(chain != NULL, MALFORMED);
	err e = certstore_add(v->certstore, str_of(chain), STR("Witan"), false, &c, d);
	if (failed(e) && !err_is(e, ERR_EXISTS))
		return e;
	if (certstore_request_find(v->certstore, c->key) == NULL)
		return diag_fail(d, ERR(REFUSED), "answer", "", "a certificate came for a key that nothing was requested for");
	return check_clock(c, d);
}

static err take_all(struct vault *v, const json_t *answers, struct diag *d)
{
	if (!json_is_array(answers))
		return diag_fail(d, ERR(MALFORMED), "central", "", "the answer cannot be read");
	for (size_t i = 0; i < json_array_size(answers); i++)
		TRY(take_one(v, json_array_get(answers, i), d));
	return OK;
}

/* ---- each step can be done again: a kill between two of them is followed by the rest, at the next start ---- */

/* What has come for a request; the certificate signed by itself has the key of one, too. */
static const struct certstore_cert *answer_to(const struct vault *v, const struct certstore_request *r)
{
	const struct certstore_cert *found = NULL;
	for (size_t i = 0; i < certstore_count(v->certstore); i++) {
		const struct certstore_cert *c = certstore_at(v->certstore, i);
		if (memcmp(c->key, r->key, sizeof c->key) == 0 && strcmp(c->friendly, VAULT_JOIN_NAME) != 0 && (found == NULL || c->until > found->until))
			found = c;
	}
	return found;
}

static bool has_every_answer(const struct vault *v)
{
	for (size_t i = 0; i < certstore_request_count(v->certstore); i++)
		if (answer_to(v, certstore_request_at(v->certstore, i)) == NULL)
			return false;
	return true;
}

static err present(struct vault *v, const struct certstore_request *r, const struct certstore_cert *c, struct diag *d)
{
	uint32_t usages = 0;
	for (str rest = str_of(r->usages); rest.n != 0;) {
		enum plan_usage usage;
		if (plan_usage_find(str_split(rest, ',', &rest), &usage))
			usages |= 1u << usage;
	}
	TRY(certstore_assign(v->certstore, usages, c, d));
	LOG(&v->skel->log, CERTIFICATE_ASSIGNED, LOG_Z("usages", r->usages), LOG_Z("thumbprint", c->thumbprint));
	return OK;
}

static err present_all(struct vault *v, struct diag *d)
{
	for (size_t i = 0; i < certstore_request_count(v->certstore); i++) {
		const struct certstore_request *r = certstore_request_at(v->certstore, i);
		const struct certstore_cert *c = answer_to(v, r);
		if (c != NULL)
			TRY(present(v, r, c, d));
	}
	return OK;
}

static err drop_answered(struct vault *v, struct diag *d)
{
	for (size_t i = 0; i < certstore_request_count(v->certstore);) {
		const struct certstore_request *r = certstore_request_at(v->certstore, i);
		if (answer_to(v, r) == NULL)
			i++;
		else
			TRY(certstore_request_remove(v->certstore, r, d));
	}
	return OK;
}

/* What this server presented until now was signed by itself. */
static void drop_own(struct vault *v)
{
	struct diag d;
	for (size_t i = 0; i < certstore_count(v->certstore);) {
		const struct certstore_cert *c = certstore_at(v->certstore, i);
		if (strcmp(c->friendly, VAULT_JOIN_NAME) != 0 || certstore_usages(v->certstore, c, true) != 0 || failed(vault_certificate_remove(v, c, &d)))
			i++;
	}
}

/* Once all is there. The requests go after the secret: with both of them the next start comes here again. */
static err end_joining(struct vault *v, struct diag *d)
{
	char path[4200];
	path_of(v, path);
	if (!has_every_answer(v))
		return diag_fail(d, ERR(REFUSED), "answer", "", "not every certificate that was asked for has come");
	TRY(present_all(v, d));
	if (unlink(path) != 0 && errno != ENOENT)
		return diag_fail(d, ERR(SYSTEM), "store/enrolment", "remove it", "the secret of the bundle cannot be removed");
	crypt_wipe(v->join_secret, sizeof v->join_secret);
	v->joins = false;
	TRY(drop_answered(v, d));
	drop_own(v);
	meter_add(v->skel->meter, METER_ENROLMENTS, 1);
	LOG(&v->skel->log, JOIN_DONE, LOG_Z("central", v->central));
	vault_certificates_changed(v);
	return OK;
}

static err finish(struct vault *v, struct diag *d)
{
	if (v->joins) {
		TRY(end_joining(v, d));
		vault_know_copies(v);
		return OK;
	}
	TRY(present_all(v, d));
	TRY(drop_answered(v, d));
	LOG(&v->skel->log, CERTIFICATE_RENEWAL, LOG_Z("central", v->central));
	meter_add(v->skel->meter, METER_CERTIFICATES_RENEWED, 1);
	vault_certificates_changed(v);
	return OK;
}

err vault_on_enrolled(struct vault *v, str body)
{
	struct ipc_enrolled m;
	struct diag d = { 0 };
	TRY(ipc_enrolled_parse(&m, body));
	if (m.why.n != 0) {
		(void)refuse(v, &d, diag_fail(&d, ERR(REFUSED), "central", "see the log of the central server", "%.*s", STR_FMT(str_cut(m.why, 0, 300))));
		return OK;
	}
	json_t *answers = json_loadb(m.bytes.p, m.bytes.n, JSON_REJECT_DUPLICATES, NULL);
	err e = take_all(v, answers, &d);
	json_decref(answers);
	if (!failed(e))
		e = finish(v, &d);
	if (failed(e))
		(void)refuse(v, &d, e);
	return OK;
}

/* ---- at the start ---- */

/* In text; without it this server has joined, or was made otherwise. */
static void read_secret(struct vault *v)
{
	char path[4200];
	struct buf text;
	path_of(v, path);
	err e = file_read(AT_FDCWD, path, FILE_MOST, &text, NULL);
	json_t *o = failed(e) ? NULL : json_loadb(text.p, text.n, 0, NULL);
	const char *secret = json_string_value(json_object_get(o, "secret"));
	v->joins = secret != NULL && str_to_z(str_of(secret), v->join_secret, sizeof v->join_secret);
	json_decref(o);
	if (text.p != NULL)
		crypt_wipe(text.p, text.size);
	buf_fini(&text);
}

/* With its certificates this server is one of ours to the central one, which would not listen to a proof any more: what is left is done here. A
 * request that has its answer is left by a kill between two steps. */
void vault_read_enrolment(struct vault *v)
{
	struct diag d = { 0 };
	read_secret(v);
	err e = !v->joins ? drop_answered(v, &d) : has_every_answer(v) ? end_joining(v, &d) : OK;
	if (failed(e))
		(void)refuse(v, &d, e);
	if (v->joins)
		LOG(&v->skel->log, JOIN_WAITS, LOG_Z("central", v->central), LOG_Z("what", "this server waits for the central one to connect"));
}
