/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that people get for a web ticket (GetAndPublishCert): for the owner of the ticket alone, whatever the request says of a subject,
 * and only for who has the ticket's key. */
#include "role/vault/ticket_priv.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIGNATURE = 20, OF_ONE_MOST = 512, KEEP_FREE = ISSUED_MAX / 10 };

/* What is awaited from keeper. */
struct order {
	struct vault *vault;
	uint64_t id, life;
	char device[ISSUED_DEVICE];
};

/* ---- may he? ---- */

static err check_signature(const struct ipc_web_ticket_show *m, const struct webticket *t, struct diag *d)
{
	uint8_t mac[SIGNATURE];
	if (t->n_key == 0)
		return diag_fail(d, ERR(REFUSED), "ticket", "", "this needs a web ticket with a key (SymmetricKey)");
	TRY(crypt_mac_sha1((str){ (const char *)t->key, t->n_key }, m->text, mac));
	if (m->signature.n == sizeof mac && crypt_equal(mac, m->signature.p, sizeof mac))
		return OK;
	return diag_fail(d, ERR(REFUSED), "Signature", "", "the request is not signed by the key of its web ticket");
}

/* In words for whoever wanted the certificate; an administrator finds the reason by `witan status`. */
static err check_authority(struct vault *v, struct diag *d)
{
	err e = vault_authority_check(v, d);
	if (!failed(e) || err_is(e, ERR_BUSY))
		return e;
	return diag_fail(d, e, "authority", "", "this server cannot issue certificates now; tell your administrator (the authority is on the server with the central store)");
}

/* Nobody fills the list of what was issued, nor makes it impossible to renew a server's certificate. */
static err check_room(struct vault *v, const struct ticket_owner *o, struct diag *d)
{
	char user[ISSUED_NAME];
	unsigned n = 0;
	int64_t now = (int64_t)(vault_unix_ms() / 1000);
	(void)snprintf(user, sizeof user, "sip:%s", o->aor);
	for (size_t i = 0; i < v->issued.n; i++) {
		const struct issued *one = &v->issued.all[i];
		n += !one->is_revoked && one->expires > now && strcmp(one->user, user) == 0 ? 1 : 0;
	}
	if (n >= OF_ONE_MOST)
		return diag_fail(d, ERR(REFUSED), "certificate", "", "you have %u certificates that are valid; your administrator can take them back (Revoke-CsClientCertificate)", n);
	if (v->issued.n >= ISSUED_MAX - KEEP_FREE)
		return diag_fail(d, ERR(BUSY), "certificate", "", "the server has issued too many certificates; your administrator can shorten their time (Set-CsWebServiceConfiguration)");
	return OK;
}

static err check_key(struct vault *v, const struct cert_request_view *r, struct diag *d)
{
	uint32_t bits;
	str rest, kind = str_split(r->key, '-', &rest);
	if (!str_eq(kind, STR("rsa")) || !str_to_u32(rest, &bits))
		return OK; /* of the curves only those that are strong get this far */
	if (bits >= v->config.min_request_bits && bits <= v->config.max_request_bits)
		return OK;
	return diag_fail(d, ERR(REFUSED), "certificate request", "", "the key of the request has %u bits; from %u to %u are allowed here", bits, v->config.min_request_bits,
		v->config.max_request_bits);
}

/* ---- issuing ---- */

static void ended(struct work *w, err e)
{
	struct order *o = w->arg;
	if (failed(e))
		ticket_seen(o->vault, o->id, o->life, e, &w->diag, "", STR(""));
	free(o);
}

/* In the list, and on the disk, before it leaves. */
static err on_signed(struct work *w, str signature)
{
	struct vault *v = w->vault;
	struct order *o = w->arg;
	struct cert_view x;
	struct issued one = { .issued = (int64_t)(vault_unix_ms() / 1000) };
	struct buf der DEFER(buf_fini) = { 0 };
	char aor[VAULT_AOR + 1];
	buf_init(&der, CERT_DER_MAX);
	TRY(cert_seal(buf_str(&w->tbs), w->alg, signature, &der));
	TRY(cert_view_read(buf_str(&der), &w->arena, &x, &w->diag));
	one.expires = one.revoked.expires = x.not_after;
	ENSURE(str_to_z(w->client.address, aor, sizeof aor), CEILING);
	(void)snprintf(one.user, sizeof one.user, "sip:%s", aor);
	memcpy(one.revoked.serial, x.serial, sizeof one.revoked.serial);
	memcpy(one.device, o->device, sizeof one.device);
	TRY(issued_add(&v->issued, &one, &w->diag));
	TRY(issued_sync(&v->issued, &w->diag));
	LOG(&v->skel->log, CERTIFICATE_ISSUED, LOG_Z("user", aor), LOG_Z("serial", x.serial), LOG_Z("device", o->device), LOG_INT("ends", x.not_after));
	meter_add(v->skel->meter, METER_CERTIFICATES_ISSUED, 1);
	ticket_seen(v, o->id, o->life, OK, NULL, aor, buf_str(&der));
	return OK;
}

static err fill(struct work *w, const struct ipc_web_ticket_show *m, const struct ticket_owner *o, struct diag *d)
{
	struct vault *v = w->vault;
	struct plan_certificates plans;
	struct cert_request_view request;
	TRY(cert_request_read(m->request, false, &w->arena, &request, d));
	TRY(check_key(v, &request, d));
	TRY(vault_plan(v, &w->arena, &plans, d));
	w->client = (struct cert_client){ .address = arena_copy(&w->arena, str_of(o->aor)), .organization = v->topo.organization,
		.crl_url = plans.n != 0 ? plans.p[0].crl_url : STR(""), .ocsp_url = plans.n != 0 && vault_authority_chain(v).n != 0 ? plans.p[0].ocsp_url : STR(""),
		.seconds = v->config.certificate_hours * 3600 };
	ENSURE(w->client.address.p != NULL, NO_MEMORY);
	return cert_tbs_client(&w->client, request.spki, vault_authority_der(v), (int64_t)(vault_unix_ms() / 1000), &w->tbs, &w->alg, d);
}

static err start(struct vault *v, const struct ipc_web_ticket_show *m, const struct ticket_owner *owner, struct order *o, struct diag *d)
{
	struct work *w;
	TRY(work_new(v, NULL, &w, d));
	err e = fill(w, m, owner, d);
	if (!failed(e)) {
		e = work_sign(w, vault_authority_key(v), on_signed);
		*d = w->diag;
	}
	if (failed(e)) {
		work_end(w, OK); /* nobody is told by it */
		return e;
	}
	w->arg = o;
	w->ended = ended;
	return OK;
}

err ticket_certificate(struct vault *v, const struct ipc_web_ticket_show *m, const struct ticket_owner *owner, const struct webticket *t, struct diag *d)
{
	TRY(check_signature(m, t, d));
	if (!str_eq_case(m->entity, str_of(owner->aor)))
		return diag_fail(d, ERR(REFUSED), "Entity", "", "the web ticket is of sip:%s, and the certificate would be of sip:%.*s", owner->aor, STR_FMT(str_cut(m->entity, 0, 80)));
	TRY(check_authority(v, d));
	TRY(check_room(v, owner, d));
	struct order *o = calloc(1, sizeof *o);
	ENSURE(o != NULL, NO_MEMORY);
	*o = (struct order){ .vault = v, .id = m->id, .life = v->web_lives };
	err e = str_to_z(m->device, o->device, sizeof o->device) ? start(v, m, owner, o, d) : diag_fail(d, ERR(CEILING), "DeviceId", "", "the name of the device is too long");
	if (failed(e))
		free(o);
	return e;
}
