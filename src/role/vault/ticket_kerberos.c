/* SPDX-License-Identifier: Apache-2.0 */
/* Web tickets for a ticket of Kerberos: keeper judges it, the store knows whose name the principal is, as at sign-in by SIP (docs/adr/0066). */
#include "role/vault/ticket_priv.h"

#include <stdlib.h>

enum { ORDERS_MAX = 256 }; /* as many as web asks at once */

/* What is awaited from keeper; web's message is copied, as it is gone by then. */
struct order {
	struct vault *vault;
	struct ticket_want want;
	str claimed;
	char bytes[];
};

static str keep(char **at, str s)
{
	str kept = { *at, s.n };
	if (s.n != 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return kept;
}

static struct order *order_new(struct vault *v, const struct ipc_web_ticket_ask *m)
{
	struct order *o = calloc(1, sizeof *o + m->claimed.n + m->audience.n + m->entropy.n);
	if (o == NULL)
		return NULL;
	char *at = o->bytes;
	o->vault = v;
	o->want = (struct ticket_want){ .id = m->id, .life = v->web_lives, .audience = keep(&at, m->audience), .entropy = keep(&at, m->entropy) };
	o->claimed = keep(&at, m->claimed);
	return o;
}

static void order_free(struct order *o)
{
	o->vault->n_web_orders--;
	free(o);
}

static err judge(struct order *q, str principal, struct ticket_owner *o, struct diag *d)
{
	struct vault *v = q->vault;
	char aor[VAULT_AOR + 1];
	TRY(vault_store(v, d));
	if (vault_kerberos_owner(v, principal, aor))
		ticket_owner_find(v, str_of(aor), o);
	if (!o->is_there)
		return diag_fail(d, ERR(SIGN_IN), "sign-in", "", "the ticket of Kerberos is nobody's here who may sign in");
	TRY(ticket_lock_check(v, o->aor, d));
	return ticket_claim_check(o, q->claimed, d);
}

static void on_judged(void *arg, err e, const struct diag *why, str bytes)
{
	struct order *q = arg;
	struct ticket_owner o = { .is_there = false };
	struct diag d = *why;
	str principal = str_split(bytes, '\0', &q->want.answer);
	if (failed(e))
		q->want.answer = STR("");
	else
		e = judge(q, principal, &o, &d);
	ticket_tell(q->vault, &q->want, &o, err_is(e, ERR_REFUSED) && !o.is_there ? ERR(SIGN_IN) : e, &d);
	order_free(q);
}

bool vault_takes_negotiate(struct vault *v)
{
	return v->config.use_kerberos && effective_windows_auth(v, "Negotiate");
}

/* A wrong one is no guess at a password: nobody is counted against, as at the front. */
err ticket_kerberos(struct vault *v, const struct ipc_web_ticket_ask *m, struct diag *d)
{
	if (!vault_takes_negotiate(v))
		return diag_fail(d, ERR(SIGN_IN), "sign-in", "", "Kerberos is not taken here");
	if (v->n_web_orders >= ORDERS_MAX)
		return diag_fail(d, ERR(BUSY), "keeper", "", "too many sign-ins at once: try again in a moment");
	struct order *o = order_new(v, m);
	ENSURE(o != NULL, NO_MEMORY);
	v->n_web_orders++;
	err e = vault_ticket_ask(v, &(struct ipc_ticket_ask){ .target = m->challenge, .token = m->token, .can_answer = 1 }, &(struct key_door){ on_judged, o }, d);
	if (failed(e))
		order_free(o);
	return e;
}
