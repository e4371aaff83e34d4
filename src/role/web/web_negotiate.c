/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets of Kerberos over HTTP (RFC 4559): one message of the client, which keeper judges, and one that answers it beside what was asked for. */
#include "role/web/web_priv.h"

#include "base/enc.h"

#include <stdio.h>

/* The name as the keytab has it, of the host that was asked for; empty: there is no key of it. */
static str find_name(const struct web_conn *c)
{
	str one, rest = buf_str(&c->web->sites.kerberos), port, host = str_split(str_of(c->x.host), ':', &port);
	while (rest.n != 0) {
		one = str_split(rest, ',', &rest);
		if (host.n != 0 && str_eq_case(one, host))
			return one;
	}
	return STR("");
}

bool web_negotiate_is_offered(const struct web_conn *c)
{
	return !c->x.lacks_kerberos && find_name(c).n != 0;
}

static err refuse(struct web_conn *c, const char *why)
{
	web_service_note(c, str_of(why));
	web_proof_demand(c, STR(""));
	return ERR(SIGN_IN);
}

err web_negotiate_read(struct web_conn *c, struct web_proof *p)
{
	struct diag d = { 0 };
	str name = find_name(c);
	if (name.n == 0)
		return refuse(c, "Kerberos is not taken at this name");
	if (failed(spnego_parse(p->token, &p->frame, &d)))
		return refuse(c, d.what);
	/* What is offered next leaves Negotiate out, so that the client goes on by NTLM itself or by Basic. */
	c->x.lacks_kerberos = p->frame.mech == SPNEGO_NTLM;
	if (c->x.lacks_kerberos)
		return refuse(c, "NTLM is not taken within Negotiate");
	if (p->frame.mech == SPNEGO_OTHER || p->frame.token.n == 0)
		return refuse(c, "Negotiate has to begin with a ticket of Kerberos");
	int n = snprintf(p->target, sizeof p->target, "HTTP/%.*s", STR_FMT(name));
	if (n < 0 || (size_t)n >= sizeof p->target)
		return refuse(c, "the name is too long");
	p->scheme = WEB_NEGOTIATE;
	p->challenge = str_of(p->target);
	p->token = p->frame.token;
	return OK;
}

void web_negotiate_print(const struct spnego_message *frame, str token, struct buf *out)
{
	struct buf raw DEFER(buf_fini) = { 0 };
	buf_init(&raw, SPNEGO_MOST);
	spnego_answer_print(frame, token, &raw);
	if (raw.n == 0 && !raw.failed)
		return; /* the client has not asked for one */
	buf_add(out, STR("WWW-Authenticate: Negotiate "));
	if (!raw.failed && buf_reserve(out, ENC_BASE64_SIZE(raw.n))) {
		enc_base64(raw.p, raw.n, out->p + out->n);
		out->n += ENC_BASE64_SIZE(raw.n);
	}
	buf_add(out, STR("\r\n"));
	out->failed = out->failed || raw.failed;
}
