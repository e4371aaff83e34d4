/* SPDX-License-Identifier: Apache-2.0 */
/* guess - who fails how often: a table of names or addresses that stays within its size, whatever comes. The entry that was not touched for the longest time
 * gives way. */
#ifndef WITAN_SERVICE_GUESS_H
#define WITAN_SERVICE_GUESS_H

#include "base/list.h"
#include "base/map.h"
#include "os/net.h"

struct guesses {
	struct map by_key;
	struct list by_age; /* oldest first */
	size_t most;
};

void guesses_init(struct guesses *g, size_t most);
void guesses_fini(struct guesses *g);
/* Failures in a row of key. */
uint32_t guesses_count(const struct guesses *g, str key);
bool guesses_is_locked(const struct guesses *g, str key, uint64_t now_ms);
/* One more; answers how many there are now (0 only without memory). They begin anew when the last is forget_ms ago. */
uint32_t guesses_add(struct guesses *g, str key, uint64_t now_ms, uint64_t forget_ms);
/* One more, of those since the window began that this key is in: how many. A new window begins when it is over. 0 only without memory. */
uint32_t guesses_rate(struct guesses *g, str key, uint64_t now_ms, uint64_t window_ms);
/* Key is locked until then (0: not), and has failed so often at least. */
void guesses_lock(struct guesses *g, str key, uint32_t failures, uint64_t until_ms);
void guesses_forget(struct guesses *g, str key);

#define GUESS_ADDRESS 17 /* bytes of a key made of an address */
/* IPv4: the address; IPv6: its /64. Answers the key in out. */
str guesses_address(const struct addr *a, char out[GUESS_ADDRESS]);
/* IPv4: its /24; IPv6: its /48. */
str guesses_network(const struct addr *a, char out[GUESS_ADDRESS]);
/* How long the answer after this many failures waits. */
uint32_t guesses_delay_ms(uint32_t failures);

#endif
