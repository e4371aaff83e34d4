/* SPDX-License-Identifier: Apache-2.0 */
/* People who show a smart card, or another certificate, for a web ticket. TLS has judged it, as at the management interface; vault does so again. */
#include "role/web/web_priv.h"

static err need(struct diag *d, const char *what)
{
	return diag_fail(d, ERR(CERTIFICATE_NEEDED), "certificate", "", "%s", what);
}

err web_certificate_read(struct web_conn *c, struct web_proof *p, struct diag *d)
{
	_Static_assert(sizeof p->room >= WEB_CERTIFICATE_MAX, "its room is that of a proof");
	size_t n = 0;
	*p = (struct web_proof){ .scheme = WEB_CERTIFICATE, .negotiate = STR(""), .challenge = STR("") };
	if (c->at == WEB_AT_EXTERNAL_HTTPS)
		return need(d, "a certificate cannot be shown through a reverse proxy: sign in inside first");
	err e = tls_peer_certificate(c->tls, (char *)p->room, WEB_CERTIFICATE_MAX, &n);
	const struct tls_refusal *r = tls_peer_refusal(c->tls);
	if (r != NULL)
		return need(d, r->why);
	if (failed(e))
		return need(d, err_is(e, ERR_CEILING) ? "the certificate is too long" : "no certificate was shown");
	p->token = (str){ (const char *)p->room, n };
	return OK;
}
