/* SPDX-License-Identifier: Apache-2.0 */
/* People who have to show a smart card, or another certificate that an administrator gave them, before they get a web ticket (docs/adr/0074). */
#include "role/vault/ticket_priv.h"

/* ---- who has to ---- */

bool ticket_needs_certificate(const struct store_user *u)
{
	static const char mark[] = "\"SmartcardLogonRequired\"";
	if (u->body.n < sizeof mark || memmem(u->body.p, u->body.n, mark, sizeof mark - 1) == NULL)
		return false;
	json_t *body = json_loadb(u->body.p, u->body.n, 0, NULL);
	bool is = json_is_true(json_object_get(body, "SmartcardLogonRequired"));
	json_decref(body);
	return is;
}

static void note(void *arg, const struct store_user *u)
{
	struct vault *v = arg;
	v->has_smartcards = v->has_smartcards || ticket_needs_certificate(u);
}

/* Browsers ask their user where a server asks for a certificate: none is asked for before somebody has to show one. */
bool vault_asks_people(struct vault *v)
{
	if (!v->knows_smartcards && v->store != NULL)
		v->knows_smartcards = !failed(store_users_each(v->store, note, v));
	return v->has_smartcards && v->config.use_certificate_auth;
}

void vault_note_smartcard(struct vault *v, const struct store_user *u)
{
	if (v->has_smartcards || !ticket_needs_certificate(u))
		return;
	v->has_smartcards = true;
	vault_web_sites(v);
	vault_web_certificate(v); /* with which it asks from now on */
}

err ticket_factor_check(struct vault *v, const struct ticket_owner *o, bool by_certificate, struct diag *d)
{
	if (!o->needs_certificate || by_certificate)
		return OK;
	return diag_fail(d, ERR(CERTIFICATE_NEEDED), "sign-in", "", "you sign in by a smart card or another certificate, not by a password: show it at /WebTicket/WebTicketService.svc/cert");
}

str ticket_secret(struct vault *v, const struct ticket_owner *o, uint8_t room[CRYPT_HASH_MAX])
{
	const str own = { (const char *)o->secret, sizeof o->secret };
	if (!o->needs_certificate)
		return own;
	crypt_hash(v->crypt, CRYPT_SHA256, (const str[]){ STR("web ticket by certificate"), own }, 2, room);
	return (str){ (const char *)room, crypt_hash_size(CRYPT_SHA256) };
}

/* ---- what is one ---- */

static err refuse(struct diag *d, const char *what)
{
	return diag_fail(d, ERR(REFUSED), "certificate", "", "%s", what);
}

/* One for a web ticket would be a way to keep what a card was needed for once; it proves a device, not a card. */
static err check_listed(struct vault *v, const struct cert_client_view *of, struct diag *d)
{
	const struct issued *one;
	if (failed(issued_find(&v->issued, of->serial, &one)) || one == NULL)
		return refuse(d, "the certificate is not one that an administrator of this server has issued");
	if (one->device[0] != '\0')
		return refuse(d, "the certificate was issued for a web ticket, and gets no other one");
	return one->is_revoked ? refuse(d, "the certificate was revoked") : OK;
}

static err judge(struct vault *v, const struct ipc_web_ticket_ask *m, struct cert_client_view *of, struct ticket_owner *out, struct diag *d)
{
	TRY(vault_store(v, d));
	if (!v->config.use_certificate_auth)
		return refuse(d, "certificates are not taken here (UseCertificateAuth)");
	(void)vault_knows_revocations(v);
	TRY(cert_client_check(m->token, buf_str(&v->trust), v->crl, (int64_t)(vault_unix_ms() / 1000), of, d));
	TRY(check_listed(v, of, d));
	ticket_owner_find(v, str_of(of->address), out);
	if (!out->is_there)
		return refuse(d, "the user of the certificate is not there, or disabled");
	TRY(ticket_lock_check(v, out->aor, d));
	return ticket_claim_check(out, m->claimed, d);
}

/* What web says is believed in one point: that who asks has the certificate's key (docs/adr/0047). Nobody is counted against: there is nothing to guess. */
err ticket_factor(struct vault *v, const struct ipc_web_ticket_ask *m, struct ticket_owner *out, struct diag *d)
{
	struct cert_client_view of = { .expires = 0 };
	err e = judge(v, m, &of, out, d);
	if (failed(e)) {
		out->is_there = false;
		LOG(&v->skel->log, AUTH_CERTIFICATE, LOG_Z("serial", of.serial), LOG_Z("user", of.address), LOG_Z("why", d->what), LOG_Z("remedy", d->remedy));
	}
	return e;
}
