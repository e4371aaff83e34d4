/* SPDX-License-Identifier: Apache-2.0 */
/* near - which known name a misspelled one was meant to be, for "did you mean". */
#ifndef WITAN_BASE_NEAR_H
#define WITAN_BASE_NEAR_H

#include "base/str.h"

/* Letters to add, drop, exchange or swap (with the neighbour) until a is b, without regard to case; names longer than
   64 bytes are answered by 64. */
unsigned near_distance(str a, str b);

/* Collects the best of many names: struct near n = { .want = name }; near_offer(&n, candidate) for each; then
 * near_best. */
struct near {
	str want, best;
	unsigned distance; /* of best */
};

/* The candidate must outlive n. Of equally near ones the first wins. */
void near_offer(struct near *n, str candidate);
/* The nearest name if it is near enough to be meant (a third of the length, at least one letter), else empty. */
str near_best(const struct near *n);

#endif
