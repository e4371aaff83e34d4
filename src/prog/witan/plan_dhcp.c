/* SPDX-License-Identifier: Apache-2.0 */
/* witan plan dhcp - what a DHCP server tells desk phones. */
#include "prog/witan/plan_input.h"

#include "service/plan_dhcp.h"

#include <stdio.h>

#define FORMATS   "table|json|kea|isc"
#define TEXT_MOST 65536

enum { TABLE, JSON, KEA, ISC };

struct dhcp_options {
	struct plan_input n; /* first: what is handed to show */
	const char *pool;
};

static const char *hex(str octets, char out[2 * PLAN_DHCP_MOST + 1])
{
	out[0] = '\0';
	for (size_t i = 0; i < octets.n; i++)
		(void)snprintf(out + 2 * i, 3, "%02X", (unsigned char)octets.p[i]);
	return out;
}

static void show_table(const struct plan_dhcp *p)
{
	char text[2 * PLAN_DHCP_MOST + 1];
	(void)printf("pool        %.*s\n", STR_FMT(p->pool));
	(void)printf("option 43   for phones with vendor class %s (option 60): certificates from https://%.*s:443%s\n",
		PLAN_DHCP_CLASS, STR_FMT(p->web), PLAN_DHCP_PATH);
	(void)printf("            %s\n", hex(p->vendor, text));
	(void)printf("option 120  sign-in at %.*s\n            %s\n", STR_FMT(p->registrar), hex(p->servers, text));
}

static err show_json(const struct plan_dhcp *p)
{
	char vendor[2 * PLAN_DHCP_MOST + 1], servers[2 * PLAN_DHCP_MOST + 1];
	return plan_input_json(json_pack("[{s:i, s:s, s:s%, s:s%, s:s}, {s:i, s:s%, s:s%, s:s}]", "option", 43,
		"vendor-class", PLAN_DHCP_CLASS, "pool", p->pool.p, p->pool.n, "name", p->web.p, p->web.n, "hex",
		hex(p->vendor, vendor), "option", 120, "pool", p->pool.p, p->pool.n, "name", p->registrar.p,
		p->registrar.n, "hex", hex(p->servers, servers)));
}

static err show(struct plan_input *n)
{
	struct dhcp_options *o = (struct dhcp_options *)n;
	const struct topo_pool *pool = NULL;
	struct plan_dhcp p;
	struct buf b;
	if (o->pool != NULL && (pool = topo_find_pool(&n->topo, str_of(o->pool))) == NULL)
		return diag_fail(&n->diag, ERR(ABSENT), "--pool", "name a pool of the topology",
			"there is no pool \"%.100s\"", o->pool);
	TRY(plan_dhcp(&n->topo, pool, &n->arena, &p, &n->diag));
	if (n->format_at == JSON)
		return show_json(&p);
	if (n->format_at == TABLE) {
		show_table(&p);
		return OK;
	}
	buf_init(&b, TEXT_MOST);
	(n->format_at == KEA ? plan_dhcp_print_kea : plan_dhcp_print_isc)(&p, &b);
	return plan_input_text(&b);
}

int plan_dhcp_main(int argc, char **argv, const char *dir)
{
	struct dhcp_options o = { .n.dir = dir };
	int status;
	const struct witan_option options[] = {
		PLAN_INPUT_TOPOLOGY(&o.n),
		{ "--pool", WITAN_TEXT, &o.pool, "NAME", "whose phones (default: the pool where clients come in)", 0 },
		{ "--format", WITAN_TEXT, &o.n.format, FORMATS, "how it is printed; kea and isc: as configuration", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	if (!witan_options(argc, argv,
		    "dhcp [OPTION...]\n\nShows the DHCP options by which desk phones find their certificate and their "
		    "server.",
		    options, &status))
		return status;
	return plan_input_run(&o.n, FORMATS, show);
}
