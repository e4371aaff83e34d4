/* SPDX-License-Identifier: Apache-2.0 */
/* What runs on a server of each role, and what of the role is still missing. */
#include "role/master/master_priv.h"

#define ROLE(name) (1u << TOPO_##name)
#define EVERY      ((1u << TOPO_ROLE_N) - 1)
#define SIGN_IN    (ROLE(STANDARD_EDITION) | ROLE(FRONT_END) | ROLE(SURVIVABLE_BRANCH))

/* Processes, by the roles of pools that have them; how many, and with which listeners: plan.c, port.c. */
static const struct {
	const char *process;
	uint32_t roles;
} parts[] = {
	{ "keeper", EVERY },
	{ "vault", EVERY },
	{ "front", SIGN_IN | ROLE(DIRECTOR) },
	{ "web", SIGN_IN | ROLE(DIRECTOR) },
	{ "edge", ROLE(EDGE) },
	{ "replicator", EVERY },
	{ "fetch", EVERY },
	{ "winbind", SIGN_IN | ROLE(DIRECTOR) },
};

bool master_runs(const char *process, uint32_t role)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strcmp(parts[i].process, process) == 0)
			return (parts[i].roles & 1u << role) != 0;
	return false;
}

/* In words for people. A row goes when its service is there. */
static const char *const missing[TOPO_ROLE_N] = {
	[TOPO_FRONT_END] = "passing requests on to the other members of the pool: whoever signs in at this server is reached here",
	[TOPO_DIRECTOR] = "a home for people who were given none: whoever has no RegistrarPool is served where he signs in, here as well",
	[TOPO_MEDIATION] = "calls to and from the telephone network: the server keeps its certificates and configuration, and nothing else",
	[TOPO_PERSISTENT_CHAT] = "chat rooms: the server keeps its certificates and configuration, and nothing else",
	[TOPO_TRUSTED_APPLICATION] = "a way for the application to the pool: the server keeps its certificates and configuration, and nothing else",
	[TOPO_SURVIVABLE_BRANCH] = "calls to and from the telephone network, and taking over from the central site",
	[TOPO_EDGE] = "web conferencing and the relay of media",
};

const char *master_missing(const struct topo_pool *pool)
{
	bool alone = pool->role == TOPO_FRONT_END && pool->servers.n == 1;
	return alone ? NULL : missing[pool->role];
}
