/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other servers join: an enrolment is a secret for one of them, of which this store keeps the hash. Whoever answers at that server's replica
 * listener and proves over the connection that he has the secret is given the certificates that the plan has for it, once.
 */
#include "base/enc.h"
#include "model/sealed.h"
#include "role/vault/vault_cert.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAYS = 7, ROOM = 16 << 20, ORDERS_MOST = 8, RENEWALS_MOST = 32, DAY_MS = 86400 * 1000 };

static const char kind[] = "Enrollment"; /* of the objects in the store; no row declares it, and no copy is told of it */

/* ---- what is kept ---- */

static void take_body(void *arg, const struct store_object *o)
{
	*(json_t **)arg = json_loadb(o->body.p, o->body.n, 0, NULL);
}

static json_t *load(struct vault *v, str fqdn)
{
	json_t *body = NULL;
	(void)failed(store_object_find(v->store, str_of(kind), fqdn, take_body, &body));
	return body;
}

static err keep(struct vault *v, str fqdn, const json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);
	ENSURE(text != NULL, NO_MEMORY);
	err e = store_object_set(v->store, str_of(kind), fqdn, str_of(text));
	free(text);
	v->awaits_changed = true;
	return e;
}

/* Outside of a command; on the disk after this turn. */
static err keep_now(struct vault *v, str fqdn, const json_t *body)
{
	TRY(store_begin(v->store));
	err e = keep(v, fqdn, body), end = store_end(v->store, !failed(e));
	vault_turn(v);
	return failed(e) ? e : end;
}

static int64_t now_of(void)
{
	return (int64_t)(vault_unix_ms() / 1000);
}

static const char *text_of(const json_t *body, const char *name)
{
	const char *s = json_string_value(json_object_get(body, name));
	return s != NULL ? s : "";
}

/* "open", "answered" (it may ask for the same again, until it is here as a server of ours), "used", "expired" */
static const char *state_of(const json_t *body)
{
	const char *s = text_of(body, "state");
	bool ends = json_integer_value(json_object_get(body, "expires")) <= now_of();
	return ends && strcmp(s, "used") != 0 ? "expired" : s;
}

bool vault_enrol_is_awaited(struct vault *v, str fqdn)
{
	json_t *body = load(v, fqdn);
	const char *state = body != NULL ? state_of(body) : "";
	bool is = strcmp(state, "open") == 0 || strcmp(state, "answered") == 0;
	json_decref(body);
	return is;
}

void vault_enrol_done(struct vault *v, str fqdn)
{
	json_t *body = load(v, fqdn);
	if (body != NULL && strcmp(text_of(body, "state"), "answered") == 0) {
		(void)json_object_set_new(body, "state", json_string("used"));
		(void)json_object_del(body, "answer");
		(void)failed(keep_now(v, fqdn, body)); /* said again when it connects the next time */
	}
	json_decref(body);
}

/* ---- the proof: the same on both sides ---- */

void vault_enrol_key(struct vault *v, str secret, uint8_t out[32])
{
	const str parts[] = { STR("witan enrolment secret"), secret };
	crypt_hash(v->crypt, CRYPT_SHA256, parts, 2, out);
}

err vault_enrol_proof(const uint8_t key[32], str fqdn, str binding, str orders, uint8_t out[32])
{
	struct crypt *c;
	const str parts[] = { STR("witan enrolment 1\n"), fqdn, STR("\n"), binding, orders };
	TRY(crypt_new(&c));
	crypt_mac_key(c, (str){ (const char *)key, 32 });
	crypt_mac(c, parts, sizeof parts / sizeof *parts, out);
	crypt_free(c);
	return OK;
}

/* ---- cmdlets ---- */

static void take_file(void *arg, str content)
{
	*(json_t **)arg = sealed_bytes(content.p, content.n);
}

static err add_file(struct vault *v, json_t *files, const char *name, struct diag *d)
{
	json_t *bytes = NULL;
	err e = store_file_find(v->store, str_of(name), take_file, &bytes);
	if (err_is(e, ERR_ABSENT))
		return OK;
	TRY(e);
	return json_object_set_new(files, name, bytes) == 0 ? OK : diag_fail(d, ERR(NO_MEMORY), name, "", "no memory for the file");
}

static err check_host(struct call *call, str given, struct topo_host *host)
{
	struct vault *v = call->vault;
	char lower[256];
	size_t n = given.n < sizeof lower ? given.n : 0;
	for (size_t i = 0; i < n; i++)
		lower[i] = char_lower(given.p[i]);
	if (v->central[0] == '\0')
		return diag_fail(&call->diag, ERR(REFUSED), "ReplicaFqdn", "add the server to topology.yaml", "this server is the only one of the topology");
	if (failed(topo_find_host(&v->topo, (str){ lower, n }, host, NULL)))
		return diag_fail(&call->diag, ERR(ABSENT), "ReplicaFqdn", "Get-CsComputer lists the servers", "the topology has no server %.*s", STR_FMT(str_cut(given, 0, 120)));
	if (str_eq_case(host->server->fqdn, str_of(v->skel->fqdn)))
		return diag_fail(&call->diag, ERR(REFUSED), "ReplicaFqdn", "name another server", "this is the server of the central store itself");
	return vault_authority_check(v, &call->diag);
}

static err answer_enrolment(struct call *call, str fqdn, const char *secret, int64_t expires)
{
	static const char *const names[] = { "topology.yaml", "ca.pem", "certs/issuing.pem", "certs/witan.crl", "certs/root.crl" };
	struct vault *v = call->vault;
	json_t *files = json_object();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		TRY(add_file(v, files, names[i], &call->diag));
	return command_add_object(call, json_pack("{s:o,s:s,s:s,s:o,s:I,s:o}", "ReplicaFqdn", command_json(fqdn), "Central", v->central, "Secret", secret, "Expires",
		command_moment((uint64_t)expires), "ExpiresAt", (json_int_t)expires, "Files", files));
}

err command_enrolment_new(struct call *call)
{
	struct vault *v = call->vault;
	struct topo_host host;
	uint64_t days = DAYS;
	uint8_t secret[32], key[32];
	char text[65] = "", hash[65] = "";
	str given = STR("");
	(void)command_text(call, "ReplicaFqdn", &given);
	(void)command_int(call, "Days", &days);
	TRY(command_reach(call, &(struct rbac_thing){ .writes = true, .name = "the whole deployment" }));
	TRY(check_host(call, given, &host));
	crypt_random(secret, sizeof secret);
	enc_hex(secret, sizeof secret, text);
	vault_enrol_key(v, str_of(text), key);
	enc_hex(key, sizeof key, hash);
	int64_t expires = now_of() + (int64_t)days * 86400;
	json_t *body = json_pack("{s:s,s:s,s:I,s:I}", "state", "open", "hash", hash, "made", (json_int_t)now_of(), "expires", (json_int_t)expires);
	err e = body != NULL ? keep(v, host.server->fqdn, body) : ERR(NO_MEMORY);
	if (!failed(e))
		e = change_note(call, kind, host.server->fqdn, NULL, json_object_get(body, "expires"));
	json_decref(body);
	if (!failed(e))
		e = answer_enrolment(call, host.server->fqdn, text, expires);
	crypt_wipe(text, sizeof text);
	crypt_wipe(secret, sizeof secret);
	return e;
}

struct listing {
	struct call *call;
	err e;
};

static void list_one(void *arg, const struct store_object *o)
{
	struct listing *l = arg;
	json_t *body = json_loadb(o->body.p, o->body.n, 0, NULL);
	if (!failed(l->e))
		l->e = command_add_object(l->call, json_pack("{s:o,s:s,s:o,s:o}", "ReplicaFqdn", command_json(o->identity), "State", state_of(body), "Made",
			command_moment((uint64_t)json_integer_value(json_object_get(body, "made"))), "Expires",
			command_moment((uint64_t)json_integer_value(json_object_get(body, "expires")))));
	json_decref(body);
}

err command_enrolment_get(struct call *call)
{
	struct listing l = { call, OK };
	TRY(vault_store(call->vault, &call->diag));
	TRY(store_objects_each(call->vault->store, str_of(kind), list_one, &l));
	return l.e;
}

err command_enrolment_remove(struct call *call)
{
	str given = STR("");
	(void)command_text(call, "ReplicaFqdn", &given);
	TRY(command_reach(call, &(struct rbac_thing){ .writes = true, .name = "the whole deployment" }));
	err e = store_object_remove(call->vault->store, str_of(kind), given);
	call->vault->awaits_changed = true;
	if (err_is(e, ERR_ABSENT))
		return diag_fail(&call->diag, e, "ReplicaFqdn", "Get-CsEnrollment lists them", "there is no enrolment of %.*s", STR_FMT(str_cut(given, 0, 120)));
	TRY(e);
	return change_note(call, kind, given, json_null(), NULL);
}

/* ---- what a joining server asks for ---- */

/* One conversation, of which each server has one at a time: its orders are filled one after the other. */
struct enrolling {
	struct list node;
	struct vault *vault;
	char fqdn[256];
	char hash[65]; /* of the secret that was proven */
	uint8_t orders_hash[32];
	json_t *orders, *answers;
	size_t at;
	bool renews; /* a server of ours asks: there is no bundle */
	bool is_over; /* answered when the turn is on the disk */
};

static struct enrolling *find_under_way(struct vault *v, const char *fqdn)
{
	LIST_EACH (n, &v->enrolments) {
		struct enrolling *x = LIST_OF(n, struct enrolling, node);
		if (str_eq_case(str_of(x->fqdn), str_of(fqdn)))
			return x;
	}
	return NULL;
}

static void refuse(struct vault *v, const char *fqdn, const char *why)
{
	meter_add(v->skel->meter, METER_ENROLMENTS_REFUSED, 1);
	LOG(&v->skel->log, ENROL_REFUSED, LOG_Z("server", fqdn), LOG_Z("why", why));
	if (v->replicator != NULL)
		(void)failed(ipc_send_enrolled(v->replicator, &(struct ipc_enrolled){ .fqdn = str_of(fqdn), .why = str_of(why), .bytes = STR("") }, -1));
}

static void give(struct vault *v, const char *fqdn, const json_t *answers)
{
	char *text = json_dumps(answers, JSON_COMPACT);
	if (text != NULL && v->replicator != NULL)
		(void)failed(ipc_send_enrolled(v->replicator, &(struct ipc_enrolled){ .fqdn = str_of(fqdn), .why = STR(""), .bytes = str_of(text) }, -1));
	free(text);
}

static void drop(struct enrolling *x)
{
	list_remove(&x->node);
	json_decref(x->orders);
	json_decref(x->answers);
	free(x);
}

/* Another bundle may have been made meanwhile, and it is not this one that is used up. NULL: done. */
static const char *use_up(struct enrolling *x)
{
	struct vault *v = x->vault;
	json_t *body = load(v, str_of(x->fqdn));
	char hash[65] = "";
	const char *why = NULL;
	if (body == NULL || strcmp(text_of(body, "state"), "open") != 0 || strcmp(text_of(body, "hash"), x->hash) != 0) {
		why = "the bundle was taken back meanwhile";
	} else {
		enc_hex(x->orders_hash, 32, hash);
		(void)json_object_set_new(body, "state", json_string("answered"));
		(void)json_object_set_new(body, "orders", json_string(hash));
		(void)json_object_set(body, "answer", x->answers);
		why = failed(keep_now(v, str_of(x->fqdn), body)) ? "the store of the central server takes nothing at the moment" : NULL;
	}
	json_decref(body);
	return why;
}

static void end(struct enrolling *x, const char *why)
{
	if (why == NULL && !x->renews)
		why = use_up(x);
	if (why != NULL) {
		refuse(x->vault, x->fqdn, why);
		drop(x);
		return;
	}
	x->is_over = true;
	vault_turn(x->vault);
}

static void count_renewal(struct enrolling *x)
{
	struct vault_copy *c = vault_copy_find(x->vault, str_of(x->fqdn));
	if (c != NULL)
		c->n_renewed += (unsigned)json_array_size(x->answers);
}

static void settle(struct enrolling *x, err e)
{
	struct vault *v = x->vault;
	if (failed(e)) {
		refuse(v, x->fqdn, e.def->text);
	} else {
		if (x->renews)
			count_renewal(x);
		meter_add(v->skel->meter, METER_ENROLMENTS, x->renews ? 0 : 1);
		LOG(&v->skel->log, ENROL_DONE, LOG_Z("server", x->fqdn), LOG_Z("what", x->renews ? "renewal" : "joining"), LOG_INT("certificates", json_array_size(x->answers)));
		give(v, x->fqdn, x->answers);
	}
	drop(x);
}

/* What was given out must not be forgotten, nor given twice: it leaves when it is on the disk that the bundle is used, and what was issued. */
void vault_enrol_settle(struct vault *v, err e)
{
	LIST_EACH (n, &v->enrolments) {
		struct enrolling *x = LIST_OF(n, struct enrolling, node);
		if (x->is_over)
			settle(x, e);
	}
}

static bool is_of_type(str spki, uint32_t type)
{
	static const struct {
		int bits;
		const char *group;
	} types[TOPO_KEY_TYPE_N] = { [TOPO_RSA_2048] = { 2048, NULL }, [TOPO_RSA_3072] = { 3072, NULL }, [TOPO_RSA_4096] = { 4096, NULL },
		[TOPO_EC_P256] = { 0, "prime256v1" }, [TOPO_EC_P384] = { 0, "secp384r1" } };
	const unsigned char *p = (const unsigned char *)spki.p;
	char group[64] = "";
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	bool is = key != NULL && (types[type].group != NULL ? EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 && strcmp(group, types[type].group) == 0 :
							       EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == types[type].bits);
	EVP_PKEY_free(key);
	return is;
}

static bool has(const struct topo_names *names, str name)
{
	TOPO_EACH (n, *names)
		if (str_eq_case(*n, name))
			return true;
	return false;
}

/* Exactly what the plan has: no name more, none less. */
static const char *compare(const struct cert_request_view *r, const struct cert_order *order, const struct plan_certificate *p)
{
	if (!str_eq_case(r->cn, p->cn))
		return "a request has another common name than the plan";
	if (r->san.n != order->san.n || r->mail.n != 0 || r->uri.n != 0)
		return "a request has other names than the plan";
	TOPO_EACH (name, order->san)
		if (!has(&r->san, *name))
			return "a request lacks a name of the plan";
	return is_of_type(r->spki, p->key) ? NULL : "a request has a key of another kind than the plan";
}

/* What a server may ask for itself. The key of OAuth is one for the whole deployment: it is brought, not made anew. */
static bool is_for(const struct plan_certificate *p, const char *fqdn)
{
	return plan_certificate_is_on(p, str_of(fqdn)) && !p->public_ca && (p->usages & 1u << PLAN_OAUTH_TOKEN_ISSUER) == 0;
}

/* The plan of the host for a set of usages; NULL: there is none, or it is not for this authority. */
static const struct plan_certificate *find_plan(struct work *w, const struct enrolling *x, const char *usages)
{
	struct plan_certificates plans;
	if (failed(plan_certificates(&w->vault->topo, &w->arena, &plans, &w->diag)))
		return NULL;
	for (size_t i = 0; i < plans.n; i++) {
		char text[CERTSTORE_USAGES];
		certstore_usages_print(plans.p[i].usages, text);
		if (is_for(&plans.p[i], x->fqdn) && strcmp(text, usages) == 0) {
			w->usages = plans.p[i].usages;
			return &plans.p[i];
		}
	}
	return NULL;
}

static void next_order(struct enrolling *x);

/* On the list before it is given out: what nobody could revoke is not. */
static err record(struct work *w, const struct enrolling *x, str der)
{
	struct cert_view c;
	TRY(cert_view_read(der, &w->arena, &c, &w->diag));
	struct issued one = { .expires = c.not_after, .revoked = { .expires = c.not_after } };
	(void)snprintf(one.user, sizeof one.user, "host:%.240s", x->fqdn);
	memcpy(one.revoked.serial, c.serial, sizeof one.revoked.serial);
	return issued_add(&w->vault->issued, &one, &w->diag);
}

static err on_signed(struct work *w, str signature)
{
	struct enrolling *x = w->arg;
	char usages[CERTSTORE_USAGES];
	struct buf der DEFER(buf_fini) = { 0 }, chain DEFER(buf_fini) = { 0 };
	buf_init(&der, CERT_DER_MAX);
	buf_init(&chain, CERT_PEM_MAX);
	TRY(cert_seal(buf_str(&w->tbs), w->alg, signature, &der));
	TRY(record(w, x, buf_str(&der)));
	cert_pem_print(buf_str(&der), &chain);
	buf_add(&chain, vault_authority_chain(w->vault));
	ENSURE(!chain.failed, CEILING);
	certstore_usages_print(w->usages, usages);
	(void)json_array_append_new(x->answers, json_pack("{s:s,s:s%}", "usages", usages, "chain", chain.p, chain.n));
	return OK;
}

static void on_ended(struct work *w, err e)
{
	struct enrolling *x = w->arg;
	if (failed(e))
		end(x, w->diag.what[0] != '\0' ? w->diag.what : e.def->text);
	else
		next_order(x);
}

/* The certificate is made from the plan; of the request counts the key alone, and that it asks for the same. */
static err start_order(struct work *w, struct enrolling *x)
{
	const json_t *one = json_array_get(x->orders, x->at);
	struct cert_request_view r;
	TRY(vault_authority_check(w->vault, &w->diag));
	TRY(cert_request_read(str_of(text_of(one, "request")), false, &w->arena, &r, &w->diag));
	const struct plan_certificate *p = find_plan(w, x, text_of(one, "usages"));
	if (p == NULL)
		return diag_fail(&w->diag, ERR(REFUSED), "usages", "", "the plan has no certificate for %.100s on this server", text_of(one, "usages"));
	TRY(cert_order_fill(p, w->vault->topo.organization, &w->arena, &w->order));
	const char *why = compare(&r, &w->order, p);
	if (why != NULL)
		return diag_fail(&w->diag, ERR(REFUSED), "request", "", "%s", why);
	TRY(cert_tbs_server(&w->order, r.spki, vault_authority_der(w->vault), now_of(), &w->tbs, &w->alg, &w->diag));
	return work_sign(w, vault_authority_key(w->vault), on_signed);
}

static void next_order(struct enrolling *x)
{
	struct work *w;
	struct diag d = { 0 };
	if (x->at == json_array_size(x->orders)) {
		end(x, NULL);
		return;
	}
	if (failed(work_new(x->vault, NULL, &w, &d))) {
		end(x, d.what);
		return;
	}
	w->arg = x;
	w->ended = on_ended;
	err e = start_order(w, x);
	x->at++;
	if (failed(e))
		work_end(w, e);
}

/* ---- who asks ---- */

static const char *check(struct vault *v, const struct ipc_enrol *m, const json_t *body, str orders)
{
	uint8_t key[32], want[32];
	char fqdn[256];
	if (body == NULL)
		return "there is no bundle for this server; make one by `witan bundle`";
	if (strcmp(state_of(body), "used") == 0)
		return "the bundle was used before; make a new one by `witan bundle`";
	if (strcmp(state_of(body), "expired") == 0)
		return "the bundle has expired; make a new one by `witan bundle`";
	if (!str_to_z(m->fqdn, fqdn, sizeof fqdn) || failed(enc_hex_read(str_of(text_of(body, "hash")), key, 32)) ||
		failed(vault_enrol_proof(key, m->fqdn, m->binding, orders, want)))
		return "the bundle of this server cannot be read";
	bool is_right = crypt_equal(want, m->bytes.p, 32);
	crypt_wipe(key, sizeof key);
	return is_right ? NULL : "the proof is wrong: the bundle is another one, or of another server, or was replaced by a newer one";
}

static bool was_answered(struct vault *v, const char *fqdn, const json_t *body, const uint8_t hash[32])
{
	char text[65] = "";
	enc_hex(hash, 32, text);
	if (strcmp(text_of(body, "orders"), text) != 0)
		return false;
	LOG(&v->skel->log, ENROL_DONE, LOG_Z("server", fqdn), LOG_Z("what", "the same again: the answer was lost"));
	give(v, fqdn, json_object_get(body, "answer"));
	return true;
}

/* proven: the hash of the secret; empty: a server of ours, that renews. */
static void begin(struct vault *v, const char *fqdn, str orders, const uint8_t hash[32], const char *proven)
{
	struct enrolling *x = calloc(1, sizeof *x);
	if (x == NULL)
		return;
	*x = (struct enrolling){ .vault = v, .renews = proven[0] == '\0', .answers = json_array(), .orders = json_loadb(orders.p, orders.n, JSON_REJECT_DUPLICATES, NULL) };
	(void)snprintf(x->fqdn, sizeof x->fqdn, "%s", fqdn);
	(void)snprintf(x->hash, sizeof x->hash, "%s", proven);
	memcpy(x->orders_hash, hash, 32);
	list_add(&v->enrolments, &x->node);
	if (!json_is_array(x->orders) || json_array_size(x->orders) == 0 || json_array_size(x->orders) > ORDERS_MOST)
		end(x, "what it asks for cannot be read");
	else
		next_order(x);
}

/* Its certificate has proven who it is. One that was taken over must not fill the list of what was issued, nor have keeper do nothing else. */
static void renew(struct vault *v, const char *fqdn, str orders)
{
	struct vault_copy *c = vault_copy_find(v, str_of(fqdn));
	uint64_t now = vault_unix_ms();
	if (c == NULL || !c->is_up)
		return;
	if (c->renewals_ms + DAY_MS <= now || c->renewals_ms > now) {
		c->renewals_ms = now;
		c->n_renewed = 0;
	}
	if (c->n_renewed >= RENEWALS_MOST)
		refuse(v, fqdn, "it has had more certificates within a day than it can need");
	else
		begin(v, fqdn, orders, (const uint8_t[32]){ 0 }, "");
}

static void join(struct vault *v, const struct ipc_enrol *m, const char *fqdn, str orders)
{
	uint8_t hash[32];
	json_t *kept = load(v, m->fqdn);
	const char *why = check(v, m, kept, orders);
	crypt_hash(v->crypt, CRYPT_SHA256, &orders, 1, hash);
	if (why == NULL && strcmp(text_of(kept, "state"), "answered") == 0 && !was_answered(v, fqdn, kept, hash))
		why = "the bundle was used before, for other keys; make a new one by `witan bundle`";
	else if (why == NULL && strcmp(text_of(kept, "state"), "open") == 0)
		begin(v, fqdn, orders, hash, text_of(kept, "hash"));
	if (why != NULL)
		refuse(v, fqdn, why);
	json_decref(kept);
}

/* While one is under way there is no second one: it is told what comes of the first, and may ask again. */
err vault_on_enrol(struct vault *v, str body)
{
	struct ipc_enrol m;
	char fqdn[256];
	TRY(ipc_enrol_parse(&m, body));
	ENSURE((m.binding.n == 96 || m.binding.n == 0) && m.bytes.n >= 32 && str_to_z(m.fqdn, fqdn, sizeof fqdn), MALFORMED);
	if (v->store == NULL || v->is_copy || find_under_way(v, fqdn) != NULL)
		return OK;
	str orders = str_cut(m.bytes, 32, m.bytes.n);
	if (m.binding.n == 0)
		renew(v, fqdn, orders);
	else
		join(v, &m, fqdn, orders);
	return OK;
}
