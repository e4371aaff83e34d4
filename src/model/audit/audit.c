/* SPDX-License-Identifier: Apache-2.0 */
#include "model/audit.h"

static str number(uint64_t v, char room[8])
{
	for (int i = 0; i < 8; i++)
		room[i] = (char)(v >> (8 * i) & 0xff);
	return (str){ room, 8 };
}

/* Each text with its length before it: no two lines have the same bytes. */
void audit_hash(struct crypt *c, const uint8_t before[AUDIT_HASH], const struct store_audit *a, uint8_t out[AUDIT_HASH])
{
	const str texts[] = { a->author, a->address, a->command, a->result, a->detail };
	enum { N = sizeof texts / sizeof *texts };
	char rooms[N + 2][8];
	str parts[3 + 2 * N] = { { (const char *)before, AUDIT_HASH }, number(a->number, rooms[N]), number(a->time, rooms[N + 1]) };
	uint8_t hash[CRYPT_HASH_MAX];
	for (size_t i = 0; i < N; i++) {
		parts[3 + 2 * i] = number(texts[i].n, rooms[i]);
		parts[4 + 2 * i] = texts[i];
	}
	crypt_hash(c, CRYPT_SHA256, parts, sizeof parts / sizeof *parts, hash);
	memcpy(out, hash, AUDIT_HASH);
}

void audit_follow(struct crypt *c, struct audit_walk *w, const struct store_audit *a)
{
	uint8_t hash[AUDIT_HASH];
	audit_hash(c, w->hash, a, hash);
	bool follows = a->number == w->number + 1 && a->hash.n == AUDIT_HASH && memcmp(hash, a->hash.p, AUDIT_HASH) == 0;
	if (!follows && w->broken == 0)
		w->broken = a->number;
	w->number = a->number;
	if (a->hash.n == AUDIT_HASH)
		memcpy(w->hash, a->hash.p, AUDIT_HASH);
}
