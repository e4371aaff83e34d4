/* SPDX-License-Identifier: Apache-2.0 */
/* When a list is fetched again, and which of two is the older one. */
#include "role/vault/vault_fetch.h"

uint32_t list_next(int64_t now, int64_t ends, uint32_t period)
{
	int64_t half = ends > now ? (ends - now) / 2 : 0;
	int64_t least = period < LIST_LEAST_SECONDS ? period : LIST_LEAST_SECONDS;
	return half < least ? (uint32_t)least : half > period ? period : (uint32_t)half;
}

uint32_t list_again(unsigned failures, uint32_t period, uint32_t random)
{
	uint32_t wait = LIST_AGAIN_SECONDS;
	for (unsigned i = 1; i < failures && wait < LIST_AGAIN_MOST; i++)
		wait *= 2;
	wait = wait < LIST_AGAIN_MOST ? wait : LIST_AGAIN_MOST;
	wait = wait < period ? wait : period;
	return wait - wait / 4 + (uint32_t)((uint64_t)(wait / 2) * random >> 32);
}

bool list_is_older(const struct list_age *fresh, const struct list_age *kept)
{
	return fresh->begins < kept->begins || (fresh->number != 0 && kept->number != 0 && fresh->number < kept->number);
}
