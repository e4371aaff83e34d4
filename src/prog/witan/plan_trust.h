/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_PROG_WITAN_PLAN_TRUST_H
#define WITAN_PROG_WITAN_PLAN_TRUST_H

/* `witan plan trust`, with options of its own; argv[0] is "plan". */
int plan_trust_main(int argc, char **argv, const char *dir);

#endif
