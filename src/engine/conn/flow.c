/* SPDX-License-Identifier: Apache-2.0 */
/* Flows as others see them. */
#include "engine/conn.h"

#include <stdio.h>
#include <string.h>

str flow_reached_print(const struct flow *f, str name, char text[FLOW_REACHED_TEXT])
{
	uint8_t ip[4];
	memcpy(ip, &f->reached, sizeof ip);
	if (f->reached == 0)
		return name;
	int n = snprintf(text, FLOW_REACHED_TEXT, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
	return (str){ text, (size_t)n };
}
