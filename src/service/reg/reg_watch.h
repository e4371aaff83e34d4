/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_REG_REG_WATCH_H
#define WITAN_SERVICE_REG_REG_WATCH_H

#include "service/reg/reg_priv.h"

#define REG_WATCHES_USER_MAX 16 /* subscriptions of one user */

/* ---- documents (reg_info.c) ---- */

/* What one document tells. */
struct reg_document {
	const struct reg_user *user;
	uint32_t since; /* partial: bindings, and ended ones, of a higher serial; 0: the whole state */
	uint32_t version;
};

/* application/reginfo+xml (RFC 3680 5, RFC 5628). */
err reg_info_print(const struct reg *g, const struct reg_document *i, struct buf *out);

#endif
