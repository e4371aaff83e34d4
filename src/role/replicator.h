/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replicator - carries changes of the central store to the other servers of the topology. Where the central store is, it dials every other
 * server (an Edge never dials inwards) and keeps the connection; elsewhere it listens, and takes the central server alone. Mutual TLS by the
 * topology's names. What it carries it does not read: pieces go from vault to vault, one at a time (wire/replica.h).
 */
#ifndef WITAN_ROLE_REPLICATOR_H
#define WITAN_ROLE_REPLICATOR_H

#include "role/skel.h"

extern const struct role role_replicator;

#endif
