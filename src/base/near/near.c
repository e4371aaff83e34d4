/* SPDX-License-Identifier: Apache-2.0 */
#include "base/near.h"

#define NEAR_MAX 64

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Damerau's distance with three rows: the one being filled, the one before and the one before that (for swaps). */
unsigned near_distance(str a, str b)
{
	unsigned rows[3][NEAR_MAX + 1];
	if (a.n > NEAR_MAX || b.n > NEAR_MAX)
		return NEAR_MAX;
	for (size_t j = 0; j <= b.n; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a.n; i++) {
		unsigned *row = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.n; j++) {
			char x = char_lower(a.p[i - 1]), y = char_lower(b.p[j - 1]);
			row[j] = least(before[j - 1] + (x != y), least(before[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && x == char_lower(b.p[j - 2]) && y == char_lower(a.p[i - 2]))
				row[j] = least(row[j], earlier[j - 2] + 1);
		}
	}
	return rows[a.n % 3][b.n];
}

void near_offer(struct near *n, str candidate)
{
	unsigned distance = near_distance(n->want, candidate);
	if (n->best.n != 0 && distance >= n->distance)
		return;
	n->best = candidate;
	n->distance = distance;
}

str near_best(const struct near *n)
{
	size_t allowed = n->best.n / 3 > 1 ? n->best.n / 3 : 1;
	return n->best.n != 0 && n->distance <= allowed ? n->best : (str){ "", 0 };
}
