/* SPDX-License-Identifier: Apache-2.0 */
#include "service/reg/reg_priv.h"
void reg_watches_init(struct reg *g)
{
	(void)g;
}
void reg_watches_fini(struct reg *g)
{
	(void)g;
}
void reg_watches_tell(struct reg *g, struct reg_user *u, const struct reg_binding *gone, uint32_t since)
{
}
void reg_watches_flow_gone(struct reg *g, const struct flow *f)
{
}
void reg_watches_front_gone(struct reg *g, uint16_t front)
{
}
err reg_subscribe_stage(void *state, struct request *r, enum stage_verdict *v)
{
	return OK;
}
