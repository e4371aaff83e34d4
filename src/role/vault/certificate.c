/* SPDX-License-Identifier: Apache-2.0 */
/* The chain that fronts present, the list of what was revoked, and the keys by which all of them resume each other's TLS sessions. */
#include "os/file.h"
#include "role/vault/vault_priv.h"

enum { CHAIN_MAX = 256 * 1024 };

err vault_read_chain(struct vault *v, struct diag *d)
{
	struct buf fresh;
	err e = file_read(v->certificates, "default.pem", CHAIN_MAX, &fresh, d);
	if (failed(e)) {
		buf_fini(&fresh);
		return e;
	}
	if (memmem(fresh.p != NULL ? fresh.p : "", fresh.n, "-----BEGIN CERTIFICATE-----", 27) == NULL) {
		buf_fini(&fresh);
		return diag_fail(d, ERR(MALFORMED), "certs/default.pem", "put the server's certificate and its issuers there, in PEM",
			"there is no certificate in it");
	}
	buf_fini(&v->chain);
	v->chain = fresh;
	buf_fini(&v->external);
	if (failed(file_read(v->certificates, "external.pem", CHAIN_MAX, &v->external, NULL)))
		buf_reset(&v->external); /* only an Edge has one */
	return OK;
}

/* ---- revocations ---- */

static void tell_stale(struct vault *v, const struct diag *d)
{
	LOG(&v->skel->log, REVOCATIONS_STALE, LOG_Z("where", d->where), LOG_Z("why", d->what), LOG_Z("remedy", d->remedy));
}

void vault_read_revocations(struct vault *v)
{
	struct buf der;
	struct diag d = { 0 };
	struct cert_crl *fresh = NULL;
	err e = file_read(v->certificates, "witan.crl", CERT_CRL_MAX, &der, &d);
	if (!failed(e))
		e = cert_crl_read(buf_str(&der), buf_str(&v->ca), &fresh, &d);
	buf_fini(&der);
	cert_crl_free(v->crl);
	v->crl = failed(e) ? NULL : fresh;
	if (failed(e))
		tell_stale(v, &d);
	else
		(void)vault_knows_revocations(v);
}

bool vault_knows_revocations(struct vault *v)
{
	struct diag d;
	if (v->crl != NULL && cert_crl_ends(v->crl) > (int64_t)(vault_unix_ms() / 1000))
		return true;
	(void)failed(diag_fail(&d, ERR(REFUSED), "certs/witan.crl", "`witan Request-CsCertificate -New` writes a new one",
		"nobody signs in by a certificate: the revocation list %s", v->crl != NULL ? "has ended" : "cannot be used"));
	tell_stale(v, &d);
	return false;
}

/* ---- tickets ---- */

/* As the expansion of RFC 5869: each block is the MAC of the one before, the purpose, the period and a number. */
void vault_ticket_keys(struct vault *v, uint64_t period, char out[VAULT_TICKET_KEYS])
{
	uint8_t block[32];
	size_t have = 0;
	for (uint8_t number = 1; have < VAULT_TICKET_KEYS; number++) {
		const str parts[] = { { (const char *)block, number == 1 ? 0 : sizeof block }, STR("witan tls tickets"),
			{ (const char *)&period, sizeof period }, { (const char *)&number, 1 } };
		crypt_mac(v->ticket_mac, parts, sizeof parts / sizeof *parts, block);
		size_t n = VAULT_TICKET_KEYS - have < sizeof block ? VAULT_TICKET_KEYS - have : sizeof block;
		memcpy(out + have, block, n);
		have += n;
	}
	crypt_wipe(block, sizeof block);
}
