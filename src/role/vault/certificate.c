/* SPDX-License-Identifier: Apache-2.0 */
/* The chain that fronts present, the list of what was revoked, and the keys by which all of them resume each other's TLS sessions. */
#include "os/file.h"
#include "role/vault/vault_cert.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum { CHAIN_MAX = 256 * 1024 };

static const char former[] = "default.pem";

/* Where the certificate was before there were several. Whoever puts one there still has it used, and finds it under its thumbprint afterwards. */
static err take_former(struct vault *v, struct diag *d)
{
	struct buf text DEFER(buf_fini) = { 0 };
	const struct certstore_cert *c = NULL;
	err e = file_read(v->certificates, former, CHAIN_MAX, &text, d);
	if (err_is(e, ERR_ABSENT))
		return OK;
	if (!failed(e))
		e = certstore_add(v->certstore, buf_str(&text), STR("Default"), false, &c, d);
	if (failed(e) && !err_is(e, ERR_EXISTS)) {
		(void)snprintf(d->where, sizeof d->where, "certs/default.pem");
		return e;
	}
	TRY(certstore_assign(v->certstore, 1u << PLAN_DEFAULT, c, d));
	LOG(&v->skel->log, CERTIFICATE_ASSIGNED, LOG_Z("usages", "Default"), LOG_Z("thumbprint", c->thumbprint), LOG_Z("from", former));
	if (unlinkat(v->certificates, former, 0) != 0)
		return diag_fail(d, ERR(SYSTEM), "certs/default.pem", "remove it: it is in the store now", "cannot remove it: %s", strerror(errno));
	return OK;
}

static err check_default(const struct certstore *s, const struct diag *odd, struct diag *d)
{
	if (certstore_assigned(s, PLAN_DEFAULT) != NULL || certstore_assigned(s, PLAN_INTERNAL) != NULL)
		return OK;
	if (odd->what[0] != '\0')
		*d = *odd;
	else
		(void)failed(diag_fail(d, ERR(ABSENT), "certs/assigned", "put the server's certificate and its issuers into certs/default.pem, in PEM, and its key into keys/",
			"no certificate is assigned to Default"));
	return ERR(ABSENT);
}

err vault_read_certificates(struct vault *v, struct diag *d)
{
	struct certstore *fresh = NULL, *old = v->certstore;
	struct diag odd = { 0 };
	unsigned n = 0;
	TRY(certstore_open(v->certificates, &fresh, &n, &odd));
	if (n != 0)
		LOG(&v->skel->log, CERTIFICATE_FAILED, LOG_Z("where", odd.where), LOG_Z("why", odd.what), LOG_Z("remedy", odd.remedy));
	v->certstore = fresh;
	err e = take_former(v, d);
	if (!failed(e))
		e = check_default(fresh, &odd, d);
	if (failed(e)) {
		v->certstore = old;
		certstore_close(fresh);
		return e;
	}
	certstore_close(old);
	return OK;
}

/* The usages whose certificate a listener presents, the best first. */
static const enum plan_usage presented[VAULT_LISTENER_N][2] = {
	[VAULT_SIP] = { PLAN_DEFAULT, PLAN_INTERNAL },
	[VAULT_WEB] = { PLAN_DEFAULT, PLAN_WEB_SERVICES_INTERNAL }, /* management, which is of the server itself */
	[VAULT_WEB_INSIDE] = { PLAN_WEB_SERVICES_INTERNAL, PLAN_DEFAULT },
	[VAULT_WEB_OUTSIDE] = { PLAN_WEB_SERVICES_EXTERNAL, PLAN_DEFAULT },
	[VAULT_REPLICA] = { PLAN_INTERNAL, PLAN_DEFAULT },
	[VAULT_EDGE_INSIDE] = { PLAN_INTERNAL, PLAN_DEFAULT },
	[VAULT_EDGE_OUTSIDE] = { PLAN_ACCESS_EDGE_EXTERNAL, PLAN_ACCESS_EDGE_EXTERNAL },
};

/* A web site may have the port of management: then one listener is both, and presents what clients of the site expect. */
static enum vault_listener at_one_port(const struct vault *v, enum vault_listener of)
{
	struct topo_host host;
	if (of != VAULT_WEB || failed(topo_find_host(&v->topo, str_of(v->skel->fqdn), &host, NULL)) || !topo_has_web(host.pool))
		return of;
	const struct topo_ports *p = &host.pool->ports;
	return p->web == p->https ? VAULT_WEB_INSIDE : p->web == p->external_https ? VAULT_WEB_OUTSIDE : of;
}

const struct certstore_cert *vault_presented(const struct vault *v, enum vault_listener of)
{
	of = at_one_port(v, of);
	const struct certstore_cert *c = certstore_assigned(v->certstore, presented[of][0]);
	return c != NULL ? c : certstore_assigned(v->certstore, presented[of][1]);
}

void vault_certificates_changed(struct vault *v)
{
	vault_tell_certificate(v);
}

err vault_plan(struct vault *v, struct arena *a, struct plan_certificates *out, struct diag *d)
{
	size_t n = 0;
	TRY(plan_certificates(&v->topo, a, out, d));
	for (size_t i = 0; i < out->n; i++)
		if (plan_certificate_is_on(&out->p[i], str_of(v->skel->fqdn)))
			out->p[n++] = out->p[i];
	out->n = n;
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
		e = cert_crl_read(buf_str(&der), buf_str(&v->trust), &fresh, &d);
	buf_fini(&der);
	cert_crl_free(v->crl);
	v->crl = failed(e) ? NULL : fresh;
	if (failed(e))
		tell_stale(v, &d);
	else
		(void)vault_knows_revocations(v);
	v->files_changed = true; /* what was revoked is known to the copies at once */
	if (v->store != NULL)
		vault_turn(v);
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
