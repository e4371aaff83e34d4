/* SPDX-License-Identifier: Apache-2.0 */
/* Who may sign in no more is told so by his home, and loses his connection where that is (docs/adr/0076). */
#include "role/front/front_priv.h"

#define FAREWELL_MAX 8192

/* Others may use the connection as well (a proxy): then it stays, and he is not let in over it any more. */
void front_end_conn(struct front *f, const struct flow *flow, str aor)
{
	struct conn *c = conn_find(f->conns, flow);
	if (c != NULL && auth_is_alone(c, aor))
		conn_end(c, "its user may sign in no more");
}

static void send_it(struct front *f, const struct flow *to, struct sip_out *o)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, FAREWELL_MAX);
	if (!failed(txns_add_via(f->txns, to, o)) && !failed(sip_out_print(o, &b)))
		(void)failed(front_send(f, to, 0, buf_str(&b)));
}

/* Both take the same way, so that the end does not overtake the word. */
void front_farewell(void *arg, const struct flow *to, str aor, struct sip_out *o)
{
	struct front *f = arg;
	send_it(f, to, o);
	if (to->front == f->skel->index)
		front_end_conn(f, to, aor);
	else
		front_bus_end(f, to, aor);
}

/* Of a certificate only its own connection knows, wherever its user is at home. */
void front_end_revoked(struct front *f, struct conn *c, str aor)
{
	struct arena a DEFER(arena_fini) = { 0 };
	struct flow flow = conn_flow(c);
	struct sip_out o;
	arena_init(&a, FAREWELL_MAX);
	reg_farewell_print(&(struct reg_farewell){ .aor = aor }, &a, &o);
	send_it(f, &flow, &o);
	c = conn_find(f->conns, &flow);
	if (c != NULL)
		conn_end(c, "the certificate that its user signs by was revoked");
}
