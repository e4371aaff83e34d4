/* SPDX-License-Identifier: Apache-2.0 */
/* Flows as others see them. */
#include "engine/conn.h"

#include <stdio.h>
#include <string.h>

bool flow_is_outside(const struct flow *f)
{
	uint8_t octets[4];
	memcpy(octets, &f->reached, sizeof octets);
	return f->reached != 0 && octets[0] == 0;
}

static bool find_way(const struct flow_ways *ways, unsigned number, struct flow_place *out)
{
	if (ways == NULL || number == 0 || number > ways->n)
		return false;
	out->host = ways->ways[number - 1].host;
	out->port = ways->ways[number - 1].port;
	return true;
}

void flow_place_find(const struct flow *f, const struct flow_ways *ways, str name, uint16_t port, struct flow_place *out)
{
	uint8_t octets[4];
	memcpy(octets, &f->reached, sizeof octets);
	out->host = name;
	out->port = port;
	if (f->reached == 0 || (octets[0] == 0 && find_way(ways, octets[3], out)) || octets[0] == 0)
		return;
	int n = snprintf(out->text, sizeof out->text, "%u.%u.%u.%u", octets[0], octets[1], octets[2], octets[3]);
	out->host = (str){ out->text, (size_t)n };
}
