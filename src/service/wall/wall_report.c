/* SPDX-License-Identifier: Apache-2.0 */
/* Writing down, and telling who has begun it: both bounded, so that nobody floods vault or himself. */
#include "service/wall/wall_priv.h"

void wall_report(struct wall *w, const struct wall_incident *i)
{
	uint64_t now = wall_now(w);
	LOG(w->c.log, WALL_INCIDENT, LOG_STR("rule", i->rule), LOG_STR("action", i->action), LOG_STR("modality", i->modality), LOG_STR("from", i->from),
		LOG_STR("to", i->to));
	if (w->burst_second != now) {
		w->burst_second = now;
		w->burst = 0;
	}
	if (w->burst++ >= WALL_BURST)
		meter_add(w->c.meter, METER_WALL_LOST, 1);
	else
		w->c.door.incident(w->c.arg, i);
}

void wall_warn(struct wall *w, str rule, str from, str to, str text)
{
	uint64_t now = wall_now(w), h = siphash(siphash(1, 2, rule), siphash(3, 4, from), to);
	struct wall_told *t = &w->told[h % WALL_TOLD];
	meter_add(w->c.meter, METER_WALL_WARNED, 1);
	if (t->hash == h && t->until > now)
		return;
	*t = (struct wall_told){ h, now + WALL_TOLD_S };
	w->c.door.tell(w->c.arg, from, text);
}
