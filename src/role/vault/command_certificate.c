/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of this server: requested, brought in, assigned, given out, removed. */
#include "base/enc.h"
#include "model/sealed.h"
#include "os/tls.h"
#include "role/vault/vault_cert.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- Request- ---- */

static err keep_text(struct work *w, const struct call *call, const char *name, str *out)
{
	str given;
	if (!command_text(call, name, &given) || given.n == 0)
		return OK;
	*out = arena_copy(&w->arena, given);
	return out->p != NULL ? OK : ERR(NO_MEMORY);
}

static err take_subject(struct work *w, const struct call *call)
{
	TRY(keep_text(w, call, "Organization", &w->order.subject.o));
	TRY(keep_text(w, call, "OU", &w->order.subject.ou));
	TRY(keep_text(w, call, "Country", &w->order.subject.c));
	TRY(keep_text(w, call, "State", &w->order.subject.st));
	TRY(keep_text(w, call, "City", &w->order.subject.l));
	TRY(keep_text(w, call, "FriendlyName", &w->friendly));
	return keep_text(w, call, "Template", &w->order.template);
}

static err take_names(struct work *w, const struct call *call)
{
	size_t i;
	json_t *one;
	char name[300];
	json_array_foreach(command_value(call, "DomainName"), i, one)
		for (str rest = str_of(json_string_value(one)); rest.n != 0;) {
			str word = str_trim(str_split(rest, ',', &rest));
			if (word.n != 0)
				TRY(order_add_name(w, word));
		}
	for (i = 0; command_switch(call, "AllSipDomain") && i < w->vault->topo.sip_domains.n; i++) {
		(void)snprintf(name, sizeof name, "sip.%.*s", STR_FMT(w->vault->topo.sip_domains.p[i]));
		TRY(order_add_name(w, str_of(name)));
	}
	return OK;
}

static err take_key(struct work *w, const struct call *call)
{
	static const struct {
		const char *alg;
		uint64_t bits;
		const char *type;
	} types[] = { { "RSA", 2048, "rsa-2048" }, { "RSA", 3072, "rsa-3072" }, { "RSA", 4096, "rsa-4096" }, { "ECDH_P256", 0, "ec-p256" }, { "ECDH_P384", 0, "ec-p384" },
		{ "ECDH_P521", 0, "ec-p521" } };
	str alg = STR("");
	uint64_t bits = 0;
	bool has_bits = command_int(call, "KeySize", &bits), has_alg = command_text(call, "KeyAlg", &alg);
	if (!has_bits && !has_alg)
		return OK;
	if (!has_alg)
		alg = STR("RSA");
	if (!has_bits && str_eq(alg, STR("RSA")))
		bits = 2048;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (str_eq(alg, str_of(types[i].alg)) && types[i].bits == bits) {
			w->type = types[i].type;
			return OK;
		}
	return diag_fail(&w->diag, ERR(USAGE), "KeySize", "2048, 3072 or 4096 with RSA; none with ECDH_...", "there is no such key");
}

/* What no listener could present must not become what all of them need at the next start. Tokens are no listener's. */
static bool is_presented(uint32_t usages)
{
	return (usages & ~(1u << PLAN_OAUTH_TOKEN_ISSUER)) != 0;
}

static err check_key_type(struct work *w)
{
	if (strcmp(w->type, "ec-p521") != 0 || !is_presented(w->usages))
		return OK;
	return diag_fail(&w->diag, ERR(USAGE), "KeyAlg", "ECDH_P256, ECDH_P384 or RSA", "no listener presents a key on P-521");
}

static err take_authority(struct work *w, const struct call *call)
{
	str ca, output;
	if (command_text(call, "CA", &ca)) {
		if (!str_eq_case(ca, STR("built-in")))
			return diag_fail(&w->diag, ERR(USAGE), "CA", "-CA built-in, or -Output FILE for a request that you bring to another authority", "\"%.*s\" cannot be asked from here",
				STR_FMT(str_cut(ca, 0, 60)));
		w->is_external = false;
	}
	if (command_text(call, "Output", &output))
		w->is_external = true;
	return w->is_external ? OK : vault_authority_check(w->vault, &w->diag);
}

static err take_request(struct work *w, struct call *call)
{
	bool exportable;
	TRY(certificate_usages(call, &w->usages));
	w->usages = w->usages != 0 ? w->usages : 1u << PLAN_DEFAULT;
	TRY(order_fill(w));
	TRY(order_name(w));
	TRY(take_subject(w, call));
	TRY(take_names(w, call));
	TRY(take_key(w, call));
	TRY(check_key_type(w));
	TRY(take_authority(w, call));
	if (command_bool(call, "ClientEku", &w->order.client_auth) && w->order.client_auth)
		command_tell(call, "adds clientAuth");
	if (command_bool(call, "PrivateKeyExportable", &exportable))
		w->exportable = exportable;
	if (certstore_has_friendly(w->vault->certstore, w->friendly) && command_value(call, "FriendlyName") != NULL)
		return diag_fail(&w->diag, ERR(EXISTS), "FriendlyName", "choose another one: it is how certificates are told apart", "another certificate has this name");
	if (!w->is_external && command_value(call, "Template") != NULL)
		command_warn(call, "-Template is ignored: the built-in authority has none");
	if (command_value(call, "Report") != NULL)
		command_warn(call, "-Report is ignored: the answer says what was done");
	return OK;
}

err command_certificate_request(struct call *call)
{
	struct work *w;
	TRY(command_reach_server(call));
	if (!command_switch(call, "New"))
		return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "Get-CsCertificate -All shows requests that wait, Import-CsCertificate takes their answers", "-New is missing");
	TRY(work_new(call->vault, NULL, &w, &call->diag));
	err e = take_request(w, call);
	if (call->what_if || failed(e)) {
		if (!failed(e))
			command_warn(call, "What if: makes a key and a certificate%s of %zu names", w->is_external ? " request" : "", w->order.san.n);
		call->diag = w->diag;
		work_end(w, OK);
		return e;
	}
	return work_start(call, w, order_start(w));
}

/* ---- Import- ---- */

static err add_certificate(struct work *w)
{
	struct vault *v = w->vault;
	const struct certstore_cert *c = NULL;
	const struct certstore_request *r;
	err e = certstore_add(v->certstore, w->chain, w->friendly, w->exportable, &c, &w->diag);
	if (failed(e) && !err_is(e, ERR_EXISTS))
		return e;
	r = certstore_request_find(v->certstore, c->key);
	w->object = certificate_object(v, c);
	if (r != NULL && w->object != NULL) {
		(void)json_object_set_new(w->object, "RequestedFor", json_string(r->usages));
		TRY(certstore_request_remove(v->certstore, r, &w->diag));
	}
	w->diag = (struct diag){ 0 };
	LOG(&v->skel->log, CERTIFICATE_ADDED, LOG_Z("thumbprint", c->thumbprint), LOG_Z("name", c->friendly), LOG_INT("ends", c->until));
	return OK;
}

static err on_key_brought(struct work *w, str spki)
{
	return add_certificate(w);
}

static err keep_chain(struct work *w, const struct cert_answer *answer)
{
	struct buf pem DEFER(buf_fini) = { 0 };
	buf_init(&pem, CERT_PEM_MAX);
	cert_pem_print(answer->leaf, &pem);
	for (size_t i = 0; i < answer->chain.n; i++)
		cert_pem_print(answer->chain.p[i], &pem);
	ENSURE(!pem.failed, CEILING);
	w->chain = arena_copy(&w->arena, buf_str(&pem));
	return w->chain.p != NULL ? OK : ERR(NO_MEMORY);
}

/* The name of the request that it answers goes over to it. */
static err name_import(struct work *w, const struct call *call, const struct cert_answer *answer)
{
	const struct certstore_request *r = certstore_request_find(w->vault->certstore, answer->hash);
	str name = r != NULL ? str_of(r->friendly) : answer->friendly_name.n != 0 ? answer->friendly_name : STR("Imported");
	(void)command_text(call, "FriendlyName", &name);
	w->friendly = arena_copy(&w->arena, name);
	if (r != NULL)
		w->exportable = r->exportable;
	return w->friendly.p != NULL ? OK : ERR(NO_MEMORY);
}

static size_t known_keys(const struct vault *v, uint8_t (*out)[32])
{
	size_t n = vault_key_ids(v, out);
	for (size_t i = 0; i < certstore_request_count(v->certstore); i++)
		memcpy(out[n++], certstore_request_at(v->certstore, i)->key, 32);
	return n;
}

static err take_import(struct work *w, struct call *call, struct cert_answer *answer)
{
	uint8_t keys[VAULT_KEYS_MAX + CERTSTORE_REQUESTS_MAX][32];
	char password[257] = "";
	size_t n = 0, n_keys = known_keys(w->vault, keys);
	str given;
	if (!vault_keeper_is_there(w->vault))
		return diag_fail(&w->diag, ERR(BUSY), "keeper", "try again in a moment", "the keeper of the keys is being started");
	if (!json_is_string(command_value(call, "Content")))
		return diag_fail(&w->diag, ERR(USAGE), "Path", "import by `witan Import-CsCertificate FILE`", "the content of the file did not come along");
	uint8_t *bytes = sealed_bytes_read(command_value(call, "Content"), &n);
	bool has_password = command_text(call, "Password", &given) && str_to_z(given, password, sizeof password);
	err e = bytes != NULL ? cert_answer_read((str){ (const char *)bytes, n }, has_password ? password : NULL, (const uint8_t(*)[32])keys, n_keys, &w->arena, answer, &w->diag) : ERR(MALFORMED);
	crypt_wipe(password, sizeof password);
	if (bytes != NULL)
		crypt_wipe(bytes, n);
	free(bytes);
	return e;
}

/* Without a key that came along it is already keeper's, and nothing has to be waited for. */
static err run_import(struct work *w, struct call *call, const struct cert_answer *answer, bool *waits)
{
	bool exportable = false;
	(void)command_bool(call, "PrivateKeyExportable", &exportable);
	w->exportable = exportable;
	TRY(name_import(w, call, answer));
	TRY(keep_chain(w, answer));
	*waits = answer->pkcs8.n != 0;
	if (!*waits)
		return add_certificate(w);
	const struct key_door door = work_door(w, on_key_brought);
	return vault_key_import(w->vault, buf_str(&answer->pkcs8), exportable, &door, &w->diag);
}

err command_certificate_import(struct call *call)
{
	struct work *w;
	struct cert_answer answer = { .leaf = STR("") };
	bool waits = false;
	TRY(command_reach_server(call));
	TRY(work_new(call->vault, NULL, &w, &call->diag));
	err e = take_import(w, call, &answer);
	if (!failed(e) && !call->what_if)
		e = run_import(w, call, &answer, &waits);
	cert_answer_fini(&answer);
	if (waits)
		return work_start(call, w, e);
	call->diag = w->diag;
	json_t *object = json_incref(w->object);
	work_end(w, OK);
	if (failed(e) || object == NULL)
		return e;
	return command_add_object(call, object);
}

/* ---- Set- ---- */

static err check_use(struct call *call, const struct certstore_cert *c, uint32_t usages, int64_t from)
{
	const struct vault *v = call->vault;
	if (!vault_keeper_is_there(v))
		return diag_fail(&call->diag, ERR(BUSY), "keeper", "try again in a moment", "the keeper of the keys is being started");
	if (vault_key_find(v, c->key) == NULL)
		return diag_fail(&call->diag, ERR(REFUSED), "Thumbprint", "import it with its key, as PKCS #12", "its private key is not on this machine");
	if (c->until <= from)
		return diag_fail(&call->diag, ERR(REFUSED), "Thumbprint", "request a new one", "the certificate %s", from > (int64_t)(vault_unix_ms() / 1000) ? "will have expired by then" : "has expired");
	if (c->from > from)
		return diag_fail(&call->diag, ERR(REFUSED), "Thumbprint", "assign it later: -Roll -EffectiveDate", "the certificate is not valid yet");
	return is_presented(usages) ? tls_chain_check(buf_str(&c->chain), &call->diag) : OK;
}

static err take_date(struct call *call, int64_t *out)
{
	str text;
	struct tm tm = { 0 };
	char z[32];
	if (!command_text(call, "EffectiveDate", &text) || !str_to_z(text, z, sizeof z) || strptime(z, "%Y-%m-%dT%H:%M:%SZ", &tm) == NULL)
		return diag_fail(&call->diag, ERR(USAGE), "EffectiveDate", "2026-01-31T12:00:00Z", "-Roll needs the time from which on it holds");
	*out = (int64_t)timegm(&tm);
	return OK;
}

err command_certificate_set(struct call *call)
{
	struct vault *v = call->vault;
	const struct certstore_cert *c;
	uint32_t usages;
	char text[CERTSTORE_USAGES];
	int64_t now = (int64_t)(vault_unix_ms() / 1000), from = now;
	bool roll = command_switch(call, "Roll");
	TRY(command_reach_server(call));
	TRY(certificate_usages(call, &usages));
	TRY(certificate_find(call, &c));
	if (roll)
		TRY(take_date(call, &from));
	TRY(check_use(call, c, usages, from > now ? from : now));
	certstore_usages_print(usages, text);
	if (call->what_if) {
		command_warn(call, "What if: assigns %s to %s", c->thumbprint, text);
		return OK;
	}
	if (roll && from > now)
		TRY(certstore_roll(v->certstore, usages, c, from, &call->diag));
	else
		TRY(certstore_assign(v->certstore, usages, c, &call->diag));
	LOG(&v->skel->log, CERTIFICATE_ASSIGNED, LOG_Z("usages", text), LOG_Z("thumbprint", c->thumbprint), LOG_INT("from", from));
	vault_certificates_changed(v);
	vault_live(v);
	return command_add_object(call, certificate_object(v, c));
}

/* ---- Remove- ---- */

static err on_key_removed(struct work *w, str bytes)
{
	return OK;
}

/* The certificate is gone; a key that cannot be removed now goes when keeper is there again (live.c). */
static void drop_key(struct vault *v, const uint8_t key[32])
{
	struct work *w;
	struct diag d;
	if (certstore_has_key(v->certstore, key) || failed(work_new(v, NULL, &w, &d)))
		return;
	const struct key_door door = work_door(w, on_key_removed);
	if (failed(vault_key_remove(v, key, &door, &w->diag)))
		work_end(w, OK);
}

static err remove_pending(struct call *call, str id)
{
	struct vault *v = call->vault;
	for (size_t i = 0; i < certstore_request_count(v->certstore); i++) {
		const struct certstore_request *r = certstore_request_at(v->certstore, i);
		uint8_t key[32];
		char hex[16];
		enc_hex(r->key, 8, hex);
		if (!str_eq_case(id, (str){ hex, sizeof hex }))
			continue;
		memcpy(key, r->key, sizeof key);
		if (call->what_if)
			return OK;
		TRY(certstore_request_remove(v->certstore, r, &call->diag));
		drop_key(v, key);
		return OK;
	}
	return diag_fail(&call->diag, ERR(ABSENT), "Pending", "Get-CsCertificate -All lists them", "there is no such request");
}

static err remove_usages(struct call *call, uint32_t usages)
{
	if ((usages & 1u << PLAN_DEFAULT) != 0)
		return diag_fail(&call->diag, ERR(REFUSED), "Type", "assign another certificate to it: Set-CsCertificate", "the server cannot be without a certificate for Default");
	if (!call->what_if) {
		TRY(certstore_unassign(call->vault->certstore, usages, &call->diag));
		vault_certificates_changed(call->vault);
	}
	return OK;
}

err vault_certificate_remove(struct vault *v, const struct certstore_cert *c, struct diag *d)
{
	uint8_t key[32];
	memcpy(key, c->key, sizeof key);
	LOG(&v->skel->log, CERTIFICATE_REMOVED, LOG_Z("thumbprint", c->thumbprint), LOG_Z("name", c->friendly));
	TRY(certstore_remove(v->certstore, c, d));
	drop_key(v, key);
	return OK;
}

err command_certificate_remove(struct call *call)
{
	const struct certstore_cert *c;
	uint32_t usages;
	str text;
	TRY(command_reach_server(call));
	TRY(certificate_usages(call, &usages));
	if (command_text(call, "Pending", &text))
		return remove_pending(call, text);
	if (usages != 0)
		return remove_usages(call, usages);
	if (!command_text(call, "Thumbprint", &text))
		return diag_fail(&call->diag, ERR(USAGE), call->cmd->name, "Get-CsCertificate -All lists them", "give -Thumbprint, -Type or -Pending");
	TRY(certificate_find(call, &c));
	if (certstore_usages(call->vault->certstore, c, true) != 0 || call->what_if) {
		char used[CERTSTORE_USAGES];
		certstore_usages_print(certstore_usages(call->vault->certstore, c, true), used);
		return used[0] == '\0' ? OK : diag_fail(&call->diag, ERR(REFUSED), "Thumbprint", "assign another one first: Set-CsCertificate", "it is assigned to %.200s", used);
	}
	return vault_certificate_remove(call->vault, c, &call->diag);
}

/* ---- Export- ---- */

static err on_exported(struct work *w, str bytes)
{
	w->object = json_pack("{s:s#,s:o}", "Thumbprint", w->friendly.p, (int)w->friendly.n, "Content", sealed_bytes(bytes.p, bytes.n));
	return OK;
}

err command_certificate_export(struct call *call)
{
	const struct certstore_cert *c;
	struct work *w;
	str password = STR("");
	TRY(command_reach_server(call));
	TRY(certificate_find(call, &c));
	(void)command_text(call, "Password", &password);
	TRY(work_new(call->vault, NULL, &w, &call->diag));
	w->friendly = arena_copy(&w->arena, str_of(c->thumbprint));
	const struct key_door door = work_door(w, on_exported);
	return work_start(call, w, vault_key_export(call->vault, c, password, &door, &w->diag));
}
