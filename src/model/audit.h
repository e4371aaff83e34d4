/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit - the chain of what administrators did: each line holds a hash over itself and the line before, so that a line which is changed or
 * taken out breaks it. The newest number and hash also go to the log, so that a cut end shows beside it.
 */
#ifndef WITAN_MODEL_AUDIT_H
#define WITAN_MODEL_AUDIT_H

#include "base/crypt.h"
#include "base/str.h"
#include "model/store.h"

enum { AUDIT_HASH = 32 };

/* The hash of a line (its member hash is not read) after a line with hash `before` (32 zero bytes for the first). */
void audit_hash(struct crypt *c, const uint8_t before[AUDIT_HASH], const struct store_audit *a, uint8_t out[AUDIT_HASH]);

/* Walks lines in order; *broken is the number of the first one that does not follow (0: none so far). Begin with a zeroed struct. */
struct audit_walk {
	uint8_t hash[AUDIT_HASH];
	uint64_t number, broken;
};
void audit_follow(struct crypt *c, struct audit_walk *w, const struct store_audit *a);

#endif
