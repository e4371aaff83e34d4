/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_FED_PRIV_H
#define WITAN_SERVICE_FED_PRIV_H

#include "service/fed.h"

#include "base/list.h"
#include "base/map.h"

struct fed_entry {
	struct map_node node;
	enum fed_kind kind;
	enum fed_level level;
	char domain[FED_NAME], proxy[FED_NAME];
};

/* The lists are asked in this order. */
enum fed_list { FED_LIST_BLOCKED, FED_LIST_ALLOWED, FED_LIST_PROVIDERS, FED_LISTS };

struct fed_lists {
	struct map lists[FED_LISTS];
	size_t n;
};

/* One that was heard of. */
struct fed_peer {
	struct map_node node;
	struct list seat; /* by when they were heard of, the last one at the end */
	enum fed_kind kind;
	bool is_watched;
	uint64_t watched_until;
	uint64_t seen, counts[FED_COUNT_N];
	uint64_t filled_at; /* of the bucket */
	uint64_t tokens;    /* thousandths of a message */
	uint64_t *contacts; /* hashes, open addressing, 0: free */
	size_t n_contacts, room;
	char domain[FED_NAME];
};

struct fed {
	struct fed_settings settings;
	char default_route[FED_NAME];
	char domains[2048];
	struct fed_lists now, next;
	struct map peers;
	struct list seats;
	size_t n_contacts;
	uint64_t k0, k1;
};

void fed_peers_init(struct fed *f);
void fed_peers_fini(struct fed *f);
/* Lower case, without a final dot; false: no name of a domain. */
bool fed_name_clean(str name, char out[FED_NAME]);

#endif
