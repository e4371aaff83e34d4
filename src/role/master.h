/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master - makes the server: opens its ports, starts the other processes, connects them with each other, and starts
 * them again when they die. It never reads a byte of the network.
 */
#ifndef WITAN_ROLE_MASTER_H
#define WITAN_ROLE_MASTER_H

#include "role/skel.h"

/*
 * Runs the server of the deployment directory `dir` until SIGTERM or SIGINT. roles: whom to start, in this order, ended
 * by NULL; there are as many processes of "front" as the topology says, and one of each other. Answers the exit status.
 */
int master_main(const char *dir, const struct role *const *roles);
/* Says on standard output and error whether the server could start; changes nothing. Answers the exit status. */
int master_check(const char *dir, const struct role *const *roles);

#endif
