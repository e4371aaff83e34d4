/* SPDX-License-Identifier: Apache-2.0 */
#include "base/meter.h"

const struct meter_def meter_defs[METER_N] = {
#define COUNTER(id, name, kind, help) { name, kind, help },
#include "base/meter.def"
#undef COUNTER
};
