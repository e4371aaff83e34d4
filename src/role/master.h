/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master - makes the server: opens its ports, starts the other processes, connects them with each other, and starts
 * them again when they die. It never reads a byte of the network.
 */
#ifndef WITAN_ROLE_MASTER_H
#define WITAN_ROLE_MASTER_H

#include "model/topo.h"
#include "role/skel.h"

/*
 * Runs the server of the deployment directory `dir` until SIGTERM or SIGINT. roles: whom to start, in this order, ended
 * by NULL; of them those run that a server of this role has, of "front" as many as the topology says, of the others one. Answers the exit status.
 */
int master_main(const char *dir, const struct role *const *roles);
/* Whether a server of this role (enum topo_role) runs such a process ("front"), if its ports are not closed. */
bool master_runs(const char *process, uint32_t role);
/* Which services of such a server this version does not have yet, for people; NULL: none is missing. */
const char *master_missing(const struct topo_pool *pool);
/* Says on standard output and error whether the server could start; changes nothing. Answers the exit status. */
int master_check(const char *dir, const struct role *const *roles);

#endif
