/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_ENGINE_HOP_PRIV_H
#define WITAN_ENGINE_HOP_PRIV_H

#include "engine/hop.h"

/* RFC 2782: by priority; among equals at random, as likely as their weights say. Changes records. random answers any 32 bits. */
void hop_order_srv(struct dns_record *records, size_t n, uint32_t (*random)(void *arg), void *arg);
/* RFC 3403 4.1: by order, then by preference. Changes records. */
void hop_order_naptr(struct dns_record *records, size_t n);

#endif
