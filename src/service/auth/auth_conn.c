/* SPDX-License-Identifier: Apache-2.0 */
#include "service/auth/auth_priv.h"

#include <stdlib.h>

#define WINDOW 64 /* counts that may come late */

struct auth_conn *auth_conn_find(struct conn *c)
{
	return *conn_user_slot(c);
}

struct auth_conn *auth_conn_get(struct conn *c)
{
	struct auth_conn *ac = *conn_user_slot(c);
	if (ac != NULL)
		return ac;
	ac = calloc(1, sizeof *ac);
	if (ac == NULL)
		return NULL;
	ac->proofs = &ac->proof;
	ac->nonces = &ac->nonce;
	ac->nonces_size = 1;
	*conn_user_slot(c) = ac;
	return ac;
}

void auth_conn_free(struct conn *c)
{
	struct auth_conn *ac = *conn_user_slot(c);
	if (ac == NULL)
		return;
	sa_free_all(ac);
	for (size_t i = 0; i < ac->n_proofs; i++)
		user_unref(ac->proofs[i].user);
	if (ac->proofs != &ac->proof)
		free(ac->proofs);
	if (ac->nonces != &ac->nonce)
		free(ac->nonces);
	free(ac);
	*conn_user_slot(c) = NULL;
}

/* ---- proofs ---- */

static struct proof *find_proof(struct auth_conn *ac, str aor)
{
	for (size_t i = 0; i < ac->n_proofs; i++)
		if (str_eq(user_aor(ac->proofs[i].user), aor))
			return &ac->proofs[i];
	return NULL;
}

const struct proof *auth_conn_proof(struct auth_conn *ac, str aor)
{
	struct proof *p = find_proof(ac, aor);
	if (p == NULL || p->epoch != p->user->epoch || !p->user->enabled)
		return NULL;
	p->used = ++ac->uses;
	return p;
}

static struct proof *oldest_proof(struct auth_conn *ac)
{
	struct proof *oldest = &ac->proofs[0];
	for (size_t i = 1; i < ac->n_proofs; i++)
		if (ac->proofs[i].used < oldest->used)
			oldest = &ac->proofs[i];
	return oldest;
}

/* A free place; NULL when the list is full or cannot grow. */
static struct proof *new_proof(struct auth_conn *ac)
{
	if (ac->n_proofs == 1 && ac->proofs == &ac->proof) {
		struct proof *list = calloc(AUTH_PROOFS_MAX, sizeof *list);
		if (list == NULL)
			return NULL;
		list[0] = ac->proof;
		ac->proofs = list;
	}
	return ac->n_proofs < AUTH_PROOFS_MAX ? &ac->proofs[ac->n_proofs++] : NULL;
}

void auth_conn_prove(struct auth_conn *ac, const struct user *u, uint64_t until_ms)
{
	struct proof *p = find_proof(ac, user_aor(u));
	if (p == NULL)
		p = new_proof(ac);
	if (p == NULL)
		p = oldest_proof(ac);
	user_ref(u);
	user_unref(p->user);
	*p = (struct proof){ .user = u, .until_ms = until_ms, .epoch = u->epoch, .used = ++ac->uses };
}

bool auth_is_alone(struct conn *c, str aor)
{
	const struct auth_conn *ac = auth_conn_find(c);
	const struct sa *sa = ac != NULL ? ac->associations : NULL;
	bool is_there = false;
	if (ac == NULL || ac->n_proofs != 0)
		return false;
	for (; sa != NULL; sa = sa->next) {
		if (sa->user != NULL && !str_eq(user_aor(sa->user), aor))
			return false;
		is_there = is_there || sa->user != NULL;
	}
	return is_there;
}

/* ---- counts that were used ---- */

bool counts_is_fresh(const struct counts *c, uint32_t count)
{
	if (count > c->top)
		return true;
	uint32_t behind = c->top - count;
	return count != 0 && behind < WINDOW && (c->window >> behind & 1) == 0;
}

void counts_use(struct counts *c, uint32_t count)
{
	if (count <= c->top) {
		c->window |= UINT64_C(1) << (c->top - count);
		return;
	}
	uint32_t step = count - c->top;
	c->window = step < WINDOW ? c->window << step | 1 : 1;
	c->top = count;
}

/* ---- nonces in use ---- */

static struct nonce_use *find_nonce(const struct auth_conn *ac, const uint8_t id[NONCE_ID])
{
	for (size_t i = 0; ac != NULL && i < ac->n_nonces; i++)
		if (memcmp(ac->nonces[i].id, id, NONCE_ID) == 0)
			return &ac->nonces[i];
	return NULL;
}

enum nonce_verdict auth_conn_nonce(const struct auth_conn *ac, const uint8_t id[NONCE_ID], uint32_t count)
{
	const struct nonce_use *u = find_nonce(ac, id);
	if (u == NULL && count != 0)
		return ac != NULL && nonce_order(id) <= ac->floor ? NONCE_FORGOTTEN : NONCE_FRESH;
	return u != NULL && counts_is_fresh(&u->counts, count) ? NONCE_FRESH : NONCE_REPLAYED;
}

static struct nonce_use *oldest_nonce(struct auth_conn *ac)
{
	struct nonce_use *oldest = &ac->nonces[0];
	for (size_t i = 1; i < ac->n_nonces; i++)
		if (memcmp(ac->nonces[i].id, oldest->id, NONCE_ID) <
			0) /* an id begins with its moment, high byte first */
			oldest = &ac->nonces[i];
	return oldest;
}

/* Room for twice as many; false when there are enough or there is no memory. */
static bool grow_nonces(struct auth_conn *ac)
{
	if (ac->nonces_size == AUTH_NONCES_MAX)
		return false;
	struct nonce_use *list = calloc(2u * ac->nonces_size, sizeof *list);
	if (list == NULL)
		return false;
	memcpy(list, ac->nonces, ac->n_nonces * sizeof *list);
	if (ac->nonces != &ac->nonce)
		free(ac->nonces);
	ac->nonces = list;
	ac->nonces_size = (uint8_t)(2u * ac->nonces_size);
	return true;
}

/* A place for a nonce. When the oldest gives way, what is as old as it or older will not be taken any more. */
static struct nonce_use *new_nonce(struct auth_conn *ac)
{
	/* One user renews his nonce now and then: his place is enough, and costs nothing. */
	bool is_single = ac->n_proofs <= 1 && ac->nonces_size == 1;
	if (ac->n_nonces < ac->nonces_size || (!is_single && grow_nonces(ac)))
		return &ac->nonces[ac->n_nonces++];
	struct nonce_use *u = oldest_nonce(ac);
	uint64_t t = nonce_order(u->id);
	ac->floor = t > ac->floor ? t : ac->floor;
	return u;
}

void auth_conn_nonce_use(struct auth_conn *ac, const uint8_t id[NONCE_ID], uint32_t count)
{
	struct nonce_use *u = find_nonce(ac, id);
	if (u == NULL) {
		u = new_nonce(ac);
		*u = (struct nonce_use){ 0 };
		memcpy(u->id, id, NONCE_ID);
	}
	counts_use(&u->counts, count);
}
