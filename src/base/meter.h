/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter - counters. Each process owns one page of a shared memory that master made; it alone writes there, and whoever
 * answers Get-CsCounter adds the pages up. Rows: meter.def.
 */
#ifndef WITAN_BASE_METER_H
#define WITAN_BASE_METER_H

#include <stddef.h>
#include <stdint.h>

enum meter_id {
#define COUNTER(id, name, kind, help) METER_##id,
#include "base/meter.def"
#undef COUNTER
	METER_N
};

enum meter_kind { METER_TOTAL, METER_GAUGE }; /* a total only grows; a gauge says how many there are now */

struct meter_def {
	const char *name; /* "sip.requests" */
	enum meter_kind kind;
	const char *help;
};

extern const struct meter_def meter_defs[METER_N];

#define METER_PAGE 4096u

/* As large as a page, so that an array of them can be made of pages of many owners. */
struct meter {
	union {
		uint64_t v[METER_N]; /* read and written by atomic access alone */
		char page[METER_PAGE];
	};
};
_Static_assert(sizeof(struct meter) == METER_PAGE, "the counters have outgrown their page");

/* One writer: a load and a store, no locked instruction. m may be NULL (a unit test). */
static inline void meter_add(struct meter *m, enum meter_id id, int64_t by)
{
	if (m == NULL)
		return;
	uint64_t v = __atomic_load_n(&m->v[id], __ATOMIC_RELAXED);
	__atomic_store_n(&m->v[id], v + (uint64_t)by, __ATOMIC_RELAXED);
}

static inline uint64_t meter_get(const struct meter *m, enum meter_id id)
{
	return m != NULL ? __atomic_load_n(&m->v[id], __ATOMIC_RELAXED) : 0;
}

#endif
