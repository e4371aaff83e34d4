/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: asked of keeper, which alone has the keys. When keeper dies, what waits is asked again of the next one. */
#include "role/front/front_priv.h"

#include <stdlib.h>

#define INPUT_MAX   1024 /* bytes: a padded RSA block of 8192 bits */
#define SIGNS_MAX   20000

struct front_sign {
	struct list node;
	uint64_t id;
	struct tls_sign *sign;
	uint8_t kind, key[32];
	uint16_t n;
	uint8_t input[];
};

static void ask(struct front *f, const struct front_sign *w)
{
	if (f->keeper == NULL)
		return; /* asked when there is one again */
	(void)failed(ipc_send_sign(f->keeper,
		&(const struct ipc_sign){ .id = w->id, .kind = w->kind, .key = { (const char *)w->key, sizeof w->key },
			.input = { (const char *)w->input, w->n } },
		-1));
}

static err sign(void *arg, struct tls_sign *s, enum tls_sign_kind kind, const uint8_t key[32], str input)
{
	struct front *f = arg;
	ENSURE(input.n <= INPUT_MAX && f->n_signs < SIGNS_MAX, CEILING);
	struct front_sign *w = malloc(sizeof *w + input.n);
	ENSURE(w != NULL, NO_MEMORY);
	*w = (struct front_sign){ .id = ++f->next_sign, .sign = s, .kind = (uint8_t)kind, .n = (uint16_t)input.n };
	memcpy(w->key, key, sizeof w->key);
	memcpy(w->input, input.p, input.n);
	list_add(&f->signs, &w->node);
	f->n_signs++;
	ask(f, w);
	return OK;
}

static void remove_sign(struct front *f, struct front_sign *w)
{
	list_remove(&w->node);
	f->n_signs--;
	free(w);
}

static void forget(void *arg, struct tls_sign *s)
{
	struct front *f = arg;
	LIST_EACH(n, &f->signs) {
		struct front_sign *w = LIST_OF(n, struct front_sign, node);
		if (w->sign != s)
			continue;
		remove_sign(f, w);
		return;
	}
}

struct tls_signer front_signer(struct front *f)
{
	return (struct tls_signer){ .sign = sign, .forget = forget, .arg = f };
}

/* Answers come in the order of the questions, so the search ends at the first entries. */
static err on_signed(struct front *f, str body)
{
	struct ipc_signed m;
	TRY(ipc_signed_parse(&m, body));
	LIST_EACH(n, &f->signs) {
		struct front_sign *w = LIST_OF(n, struct front_sign, node);
		if (w->id != m.id)
			continue;
		struct tls_sign *s = w->sign;
		remove_sign(f, w);
		meter_add(f->skel->meter, METER_TLS_SIGNED, 1);
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
	struct front *f = arg;
	if (f->keeper == from)
		f->keeper = NULL;
}

static const struct ipc_door door = { on_message, on_close };

err front_keeper_open(struct front *f, int fd)
{
	if (f->keeper != NULL)
		ipc_close(f->keeper);
	f->keeper = NULL;
	TRY(ipc_open(f->skel->loop, fd, &door, f, &f->keeper));
	LIST_EACH(n, &f->signs)
		ask(f, LIST_OF(n, struct front_sign, node));
	return OK;
}
