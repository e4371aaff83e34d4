/* SPDX-License-Identifier: Apache-2.0 */
/* What no request tells: memory that runs out, a certificate that ends, log lines that nobody read. */
#include "role/front/front_priv.h"

#include <malloc.h>
#include <time.h>

#define LOOK_MS      1000
#define DAY          86400
#define WARN_DAYS    30 /* roles-certs: less is worth a warning, once a day */

static void watch_memory(struct front *f)
{
	struct mallinfo2 m = mallinfo2();
	uint64_t used = m.uordblks + m.hblkhd, ceiling = (uint64_t)f->config.max_memory << 20;
	bool is_full = used > (f->is_full ? ceiling / 10 * 9 : ceiling); /* not back and forth at the edge */
	if (is_full == f->is_full)
		return;
	f->is_full = is_full;
	conns_set_full(f->conns, is_full);
	LOG(&f->skel->log, MEMORY_LOW, LOG_Z("state", is_full ? "new connections are refused" : "over"),
		LOG_INT("megabytes", used >> 20), LOG_INT("limit", f->config.max_memory),
		LOG_Z("remedy", "Set-CsLimitsConfiguration -MaxMemoryMegabytes, or more front-processes"));
}

static void watch_certificate(struct front *f)
{
	int64_t now = time(NULL);
	if (f->tls == NULL || f->skel->index != 0 || now < f->warned_at + DAY)
		return;
	int64_t left = tls_server_expires(f->tls) - now;
	if (left > WARN_DAYS * DAY)
		return;
	f->warned_at = now;
	LOG(&f->skel->log, CERTIFICATE_EXPIRES, LOG_INT("days", left / DAY),
		LOG_Z("remedy", "witan Request-CsCertificate -New -Type Default"));
}

void front_watch(void *arg)
{
	struct front *f = arg;
	watch_memory(f);
	watch_certificate(f);
	front_wall_watch(f);
	meter_add(f->skel->meter, METER_LOG_LOST, (int64_t)(f->skel->log.lost - meter_get(f->skel->meter, METER_LOG_LOST)));
	(void)failed(timer_set(loop_timers(f->skel->loop), &f->watch_timer, LOOK_MS, front_watch, f));
}
