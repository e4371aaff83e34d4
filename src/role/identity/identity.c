/* SPDX-License-Identifier: Apache-2.0 */
#include "role/identity.h"

#include "role/identity/identity_priv.h"

#include <stdlib.h>

#define INPUT_MAX   1024 /* bytes: a padded RSA block of 8192 bits */
#define SIGNS_MAX   20000

struct sign {
	struct list node;
	uint64_t id;
	struct tls_sign *sign;
	uint8_t kind, key[32];
	uint16_t n;
	uint8_t input[];
};

static void ask(struct identity *i, const struct sign *w)
{
	if (i->keeper == NULL)
		return; /* asked when there is one again */
	(void)failed(ipc_send_sign(i->keeper,
		&(const struct ipc_sign){ .id = w->id, .kind = w->kind, .key = { (const char *)w->key, sizeof w->key },
			.input = { (const char *)w->input, w->n } },
		-1));
}

static err sign(void *arg, struct tls_sign *s, enum tls_sign_kind kind, const uint8_t key[32], str input)
{
	struct identity *i = arg;
	ENSURE(input.n <= INPUT_MAX && i->n_signs < SIGNS_MAX, CEILING);
	struct sign *w = malloc(sizeof *w + input.n);
	ENSURE(w != NULL, NO_MEMORY);
	*w = (struct sign){ .id = ++i->next_sign, .sign = s, .kind = (uint8_t)kind, .n = (uint16_t)input.n };
	memcpy(w->key, key, sizeof w->key);
	memcpy(w->input, input.p, input.n);
	list_add(&i->signs, &w->node);
	i->n_signs++;
	ask(i, w);
	return OK;
}

static void remove_sign(struct identity *i, struct sign *w)
{
	list_remove(&w->node);
	i->n_signs--;
	free(w);
}

static void forget(void *arg, struct tls_sign *s)
{
	struct identity *i = arg;
	LIST_EACH(n, &i->signs) {
		struct sign *w = LIST_OF(n, struct sign, node);
		if (w->sign != s)
			continue;
		remove_sign(i, w);
		return;
	}
}

/* Answers come in the order of the questions, so the search ends at the first entries. */
static err on_signed(struct identity *i, str body)
{
	struct ipc_signed m;
	TRY(ipc_signed_parse(&m, body));
	LIST_EACH(n, &i->signs) {
		struct sign *w = LIST_OF(n, struct sign, node);
		if (w->id != m.id)
			continue;
		struct tls_sign *s = w->sign;
		remove_sign(i, w);
		meter_add(i->skel->meter, METER_TLS_SIGNED, 1);
		tls_sign_done(s, m.signature);
		return OK;
	}
	return OK; /* the handshake is gone */
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	(void)from;
	(void)fd;
	return type == IPC_SIGNED ? on_signed(arg, body) : ERR(MALFORMED);
}

static void on_close(void *arg, struct ipc *from)
{
	struct identity *i = arg;
	if (i->keeper == from)
		i->keeper = NULL;
}

static const struct ipc_door door = { on_message, on_close };

err identity_keeper_open(struct identity *i, int fd)
{
	if (i->keeper != NULL)
		ipc_close(i->keeper);
	i->keeper = NULL;
	TRY(ipc_open(i->skel->loop, fd, &door, i, &i->keeper));
	LIST_EACH(n, &i->signs)
		ask(i, LIST_OF(n, struct sign, node));
	return OK;
}

/* ---- the certificate ---- */

err identity_read(struct identity *i, str body, enum identity_asks asks, struct tls_server **out)
{
	struct ipc_certificate m;
	struct diag d = { 0 };
	struct log *log = &i->skel->log;
	*out = NULL;
	TRY(ipc_certificate_parse(&m, body));
	ENSURE(m.ticket_keys.n == 80, MALFORMED);
	static const enum tls_peers peers[] = { [IDENTITY_ASKS_NOBODY] = TLS_PEERS_SERVERS, [IDENTITY_ASKS_SERVERS] = TLS_PEERS_SERVERS,
		[IDENTITY_TAKES_SERVERS_ONLY] = TLS_PEERS_SERVERS_ONLY, [IDENTITY_ASKS_PARTNERS] = TLS_PEERS_PARTNERS, [IDENTITY_ASKS_PEOPLE] = TLS_PEERS_PEOPLE,
		[IDENTITY_ASKS_GUESTS] = TLS_PEERS_GUESTS };
	if (asks != IDENTITY_ASKS_NOBODY && asks != IDENTITY_ASKS_GUESTS) /* who asks nobody judges nobody; guests come where people are asked, too */
		i->asks = asks;
	const struct tls_config config = { .chain_pem = m.chain_pem, .ca_pem = asks != IDENTITY_ASKS_NOBODY ? m.ca_pem : STR(""),
		.peers = peers[asks], .ticket_keys = m.ticket_keys.p, .signer = { .sign = sign, .forget = forget, .arg = i },
		.judge = { identity_judge, i } };
	err e = identity_set_roots(i, m.ca_pem, &d);
	if (!failed(e))
		e = tls_server_new(&config, i->skel->loop, out, &d);
	if (failed(e)) {
		*out = NULL;
		LOG(log, SERVER_REFUSED, LOG_Z("where", d.where), LOG_Z("what", d.what), LOG_Z("remedy", d.remedy));
	} else {
		LOG(log, TLS_CERTIFICATE, LOG_STR("usage", m.usage), LOG_INT("expires", tls_server_expires(*out)));
	}
	return OK;
}

err identity_new(struct skel *s, struct identity **out)
{
	struct identity *i = calloc(1, sizeof *i);
	ENSURE(i != NULL, NO_MEMORY);
	i->skel = s;
	list_init(&i->signs);
	identity_trust_init(i);
	*out = i;
	return OK;
}
