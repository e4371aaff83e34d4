/* SPDX-License-Identifier: Apache-2.0 */
/* How people prove themselves over HTTP: Basic (RFC 7617), Negotiate (web_negotiate.c) and NTLM ([MS-NTHT]), which goes in two steps over one connection. Vault judges. A further
 * scheme is offered in web_proof_demand and read in web_proof_read. */
#include "role/web/web_priv.h"

#include "base/enc.h"

#include <stdlib.h>
#include <time.h>

enum { CHALLENGE_MAX = 2048 };

/* The first two messages, which the third answers; good for one. */
struct web_ntlm {
	size_t n_negotiate, n_challenge;
	uint8_t negotiate[NTLM_MOST], challenge[CHALLENGE_MAX];
};

void web_proof_end(struct web_conn *c)
{
	free(c->ntlm);
	c->ntlm = NULL;
}

/* ---- asking for it ---- */

void web_proof_demand(struct web_conn *c, str challenge)
{
	static const char text[] = "This needs your name and password.\n";
	struct buf more DEFER(buf_fini) = { 0 };
	buf_init(&more, 2 * CHALLENGE_MAX);
	if (challenge.n != 0) {
		buf_add(&more, STR("WWW-Authenticate: NTLM "));
		if (buf_reserve(&more, ENC_BASE64_SIZE(challenge.n))) {
			enc_base64(challenge.p, challenge.n, more.p + more.n);
			more.n += ENC_BASE64_SIZE(challenge.n);
		}
		buf_add(&more, STR("\r\n"));
	} else {
		buf_add(&more, web_negotiate_is_offered(c) ? STR("WWW-Authenticate: Negotiate\r\n") : STR(""));
		buf_add(&more, c->web->sites.offers_ntlm ? STR("WWW-Authenticate: NTLM\r\n") : STR(""));
		buf_add(&more, STR("WWW-Authenticate: Basic realm=\"SIP Communications Service\", charset=\"UTF-8\"\r\n"));
	}
	if (more.failed)
		web_answer_error(c, ERR(NO_MEMORY), NULL, NULL);
	else
		web_answer_whole(c, &(const struct web_head){ .status = 401, .type = "text/plain; charset=utf-8", .more = buf_str(&more) }, str_of(text));
}

static err print_challenge(struct web *w, str negotiate, struct buf *out)
{
	char domain[NTLM_SHORT_MOST], computer[NTLM_SHORT_MOST];
	struct ntlm_negotiate n;
	str rest, dns_domain = str_split(buf_str(&w->sites.domains), ',', &rest), fqdn = str_of(w->skel->fqdn);
	TRY(ntlm_negotiate_parse(negotiate, &n, NULL));
	struct ntlm_challenge t = { .flags = ntlm_flags_http(n.flags), .timestamp = ntlm_time((uint64_t)time(NULL) * 1000), .domain = ntlm_short_name(dns_domain, domain),
		.computer = ntlm_short_name(fqdn, computer), .dns_domain = dns_domain, .dns_computer = fqdn, .dns_forest = STR("") };
	crypt_random(t.random, sizeof t.random);
	return ntlm_challenge_print(&t, out);
}

/* The Type 1: answered by a challenge that belongs to this connection. */
static err begin_ntlm(struct web_conn *c, str negotiate)
{
	struct buf challenge DEFER(buf_fini) = { 0 };
	buf_init(&challenge, CHALLENGE_MAX);
	web_proof_end(c);
	if (!failed(print_challenge(c->web, negotiate, &challenge)))
		c->ntlm = malloc(sizeof *c->ntlm);
	if (c->ntlm == NULL) {
		web_proof_demand(c, STR(""));
		return ERR(SIGN_IN);
	}
	memcpy(c->ntlm->negotiate, negotiate.p, negotiate.n);
	memcpy(c->ntlm->challenge, challenge.p, challenge.n);
	c->ntlm->n_negotiate = negotiate.n;
	c->ntlm->n_challenge = challenge.n;
	web_proof_demand(c, buf_str(&challenge));
	return ERR(SIGN_IN);
}

/* ---- reading it ---- */

static err read_ntlm(struct web_conn *c, struct web_proof *p)
{
	uint32_t type = p->token.n <= NTLM_MOST ? ntlm_type(p->token) : 0;
	if (c->web->sites.offers_ntlm && type == 1)
		return begin_ntlm(c, p->token);
	if (type != 3 || c->ntlm == NULL) {
		c->x.lacks_kerberos = true; /* who has a ticket does not come by NTLM */
		web_proof_demand(c, STR(""));
		return ERR(SIGN_IN);
	}
	p->scheme = WEB_NTLM;
	p->negotiate = (str){ (const char *)c->ntlm->negotiate, c->ntlm->n_negotiate };
	p->challenge = (str){ (const char *)c->ntlm->challenge, c->ntlm->n_challenge };
	return OK;
}

err web_proof_read(struct web_conn *c, const struct http_request *q, struct web_proof *out)
{
	const struct http_field *f = http_field_find(q, STR("Authorization"));
	str word, coded = STR("");
	size_t n = sizeof out->room;
	out->negotiate = out->challenge = STR("");
	out->frame = (struct spnego_message){ .token = STR("") };
	word = f != NULL ? str_split(f->value, ' ', &coded) : STR("");
	bool is_read = f != NULL && ENC_BASE64_SIZE(sizeof out->room - 8) >= coded.n && !failed(enc_base64_read(str_trim(coded), out->room, &n));
	out->token = (str){ (const char *)out->room, is_read ? n : 0 };
	if (is_read && str_eq_case(word, STR("NTLM")))
		return read_ntlm(c, out);
	if (is_read && str_eq_case(word, STR("Negotiate")))
		return web_negotiate_read(c, out);
	if (is_read && str_eq_case(word, STR("Basic")) && str_find_char(out->token, ':') < n) {
		out->scheme = WEB_BASIC;
		return OK;
	}
	web_proof_demand(c, STR(""));
	return ERR(SIGN_IN);
}
