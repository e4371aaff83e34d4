/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_MODEL_SCHEMA_PRIV_H
#define WITAN_MODEL_SCHEMA_PRIV_H

#include "base/mem.h"
#include "model/schema_struct.h"

/* ---- value.c ---- */

bool value_is_text(str s);
bool value_truth(str s, bool *out);
bool value_int(str s, int64_t *out);
bool value_timespan(str s, int64_t *seconds);
/* The row of an element of a LIST. */
struct schema_prop value_element(const struct schema_prop *list);
/* Equal as administrators compare: texts without regard to case. */
bool value_same(const json_t *a, const json_t *b);
/* Where v stands in the list; its size if it does not. */
size_t value_index(const json_t *list, const json_t *v);
/* One element, checked. */
err value_one(const struct schema_prop *p, const json_t *given, json_t **out, struct diag *d);
/* Appends one given element, or each of a given array; EXISTS. */
err value_add(const struct schema_prop *p, json_t *list, const json_t *given, struct diag *d);

#endif
