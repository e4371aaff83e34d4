/* SPDX-License-Identifier: Apache-2.0 */
/* TLS-DSK as SIP carries it (MS-SIPAE 3.2.5.1): a handshake in gssapi-data, by which the client proves that it has the key of its certificate; vault
 * judges whose that is. From it come the keys that both sides sign with. */
#include "service/auth/auth_dsk.h"

#include <stdlib.h>

#include "base/enc.h"
#include "model/config.h"
#include "service/auth/auth_priv.h"

/* What an association has. */
struct dsk {
	struct dsk_handshake *handshake; /* NULL: done, or it gave way to others */
	struct dsk_keys keys;            /* once done */
	uint8_t last[DSK_LAST_MAX];      /* our last flight */
	size_t n_last;
};

static bool is_on(const struct auth *a)
{
	return a->config.config->use_certificate && a->config.dsk != NULL;
}

static err begin(struct auth *a, struct sa *sa, str token, struct buf *told)
{
	ENSURE(token.n != 0, MALFORMED); /* the client has the first word */
	sa->dsk = calloc(1, sizeof *sa->dsk);
	ENSURE(sa->dsk != NULL, NO_MEMORY);
	struct auth_dsk *dsk = str_eq(sa->host, a->config.fqdn) ? a->config.dsk : a->config.dsk_outside; /* its certificate has the name */
	ENSURE(dsk != NULL, SIP_BUSY);
	TRY(dsk_handshake_new(dsk, a->config.timers->now, &sa->dsk->handshake));
	return dsk_handshake_begin(sa->dsk->handshake, token, told);
}

/* Its memory is needed for no longer than this. */
static err go_on(struct dsk *d, str token, struct buf *certificate)
{
	struct buf ours DEFER(buf_fini) = { 0 };
	buf_init(&ours, sizeof d->last);
	ENSURE(d->handshake != NULL, REFUSED); /* it has given way, or is done: the client begins anew */
	err e = dsk_handshake_end(d->handshake, token, &ours, certificate, &d->keys);
	dsk_handshake_free(d->handshake);
	if (failed(e))
		return e;
	memcpy(d->last, ours.p, ours.n);
	d->n_last = ours.n;
	return OK;
}

static err take(struct auth *a, struct sa *sa, str token, struct buf *told, struct auth_ask *q)
{
	if (sa->dsk == NULL)
		return begin(a, sa, token, told);
	TRY(go_on(sa->dsk, token, told));
	q->challenge = STR("");
	q->token = buf_str(told);
	return OK;
}

/* The association lasts no longer than the certificate. */
static err finish(struct auth *a, struct sa *sa, str key)
{
	int64_t left = sa->dsk->keys.ends - (int64_t)(auth_unix_ms(a) / 1000);
	(void)key;
	ENSURE(left > 0, REFUSED);
	sa->until_ms = a->config.timers->now + (uint64_t)left * 1000;
	return OK;
}

static str last(const struct sa *sa)
{
	return (str){ (const char *)sa->dsk->last, sa->dsk->n_last };
}

static size_t sign(struct auth *a, struct sa *sa, str text, char out[SA_SIGNATURE_MAX])
{
	(void)a;
	return failed(dsk_sign(sa->dsk->keys.server, text, out)) ? 0 : DSK_SIGNATURE;
}

static bool verify(struct auth *a, struct sa *sa, str text, str signature)
{
	(void)a;
	return dsk_verify(sa->dsk->keys.client, text, signature);
}

static void end(struct sa *sa)
{
	if (sa->dsk == NULL)
		return;
	dsk_handshake_free(sa->dsk->handshake);
	crypt_wipe(sa->dsk, sizeof *sa->dsk);
	free(sa->dsk);
}

const struct sa_scheme sa_dsk = { is_on, take, finish, sign, verify, end, .last = last };

void auth_set_sts(struct auth *a, str uri)
{
	if (!str_to_z(uri, a->sts_uri, sizeof a->sts_uri))
		a->sts_uri[0] = '\0';
}

const struct user *auth_revoked(struct auth *a, struct conn *c, bool (*is_revoked)(void *arg, const uint8_t issuer[32], str serial), void *arg)
{
	const struct auth_conn *ac = auth_conn_find(c);
	for (const struct sa *sa = ac != NULL ? ac->associations : NULL; sa != NULL; sa = sa->next) {
		if (sa->scheme != SIPAE_TLS_DSK || !sa_is_good(a, sa))
			continue;
		const struct dsk_keys *k = &sa->dsk->keys;
		if (is_revoked(arg, k->issuer, (str){ (const char *)k->serial, k->n_serial }))
			return sa->user;
	}
	return NULL;
}
