/* SPDX-License-Identifier: Apache-2.0 */
#include "service/plan_dhcp.h"

#include "service/plan.h"

#include "service/plan/plan_door.h"

enum { SUB_CLASS = 1, SUB_SCHEME, SUB_HOST, SUB_PORT, SUB_PATH };

#define BY_NAME 0 /* RFC 3361: the servers are given as domain names */

static void add_sub(struct buf *b, char code, str octets)
{
	buf_add_char(b, code);
	buf_add_char(b, (char)octets.n);
	buf_add(b, octets);
}

static err vendor_option(struct plan_dhcp *p, uint32_t port, struct arena *a, struct diag *d)
{
	str digits = arena_decimal(a, port);
	struct buf b DEFER(buf_fini) = { 0 };
	ENSURE(digits.p != NULL, CEILING);
	buf_init(&b, 1024);
	if (p->web.n <= PLAN_DHCP_MOST) {
		add_sub(&b, SUB_CLASS, STR(PLAN_DHCP_CLASS));
		add_sub(&b, SUB_SCHEME, STR("https"));
		add_sub(&b, SUB_HOST, p->web);
		add_sub(&b, SUB_PORT, digits);
		add_sub(&b, SUB_PATH, STR(PLAN_DHCP_PATH));
	}
	if (b.n == 0 || b.n > PLAN_DHCP_MOST)
		return diag_fail(d, ERR(REFUSED), "topology.yaml", "give the pool a shorter internal web name",
			"\"%.*s\" is too long for DHCP option 43", STR_FMT(str_cut(p->web, 0, 100)));
	p->vendor = arena_copy(a, buf_str(&b));
	ENSURE(!b.failed && p->vendor.p != NULL, CEILING);
	return OK;
}

/* RFC 3361 3.1, RFC 1035 3.1 */
static err servers_option(struct plan_dhcp *p, struct arena *a, struct diag *d)
{
	struct buf b DEFER(buf_fini) = { 0 };
	buf_init(&b, 1024);
	buf_add_char(&b, BY_NAME);
	for (str rest = p->registrar; rest.n > 0;) {
		str label = str_split(rest, '.', &rest);
		buf_add_char(&b, (char)label.n);
		buf_add(&b, label);
	}
	buf_add_char(&b, 0);
	if (b.n > PLAN_DHCP_MOST)
		return diag_fail(d, ERR(REFUSED), "topology.yaml", "give the pool a shorter name",
			"\"%.*s\" is too long for DHCP option 120", STR_FMT(str_cut(p->registrar, 0, 100)));
	p->servers = arena_copy(a, buf_str(&b));
	ENSURE(!b.failed && p->servers.p != NULL, CEILING);
	return OK;
}

static err find_pool(const struct topo *t, struct arena *a, const struct topo_pool **pool, struct diag *d)
{
	struct plan_doors doors;
	if (*pool == NULL) {
		TRY(plan_doors(t, a, &doors));
		if (doors.n == 1)
			*pool = doors.p[0].pool;
		else
			return diag_fail(d, ERR(REFUSED), "topology.yaml", "name the pool by --pool NAME",
				doors.n == 0 ? "no pool signs users in"
					     : "each region has a pool of its own for its phones");
	}
	if (!topo_has_web(*pool))
		return diag_fail(d, ERR(REFUSED), "topology.yaml",
			"name a Director, Front End or Standard Edition pool",
			"the pool \"%.*s\" has no web services that phones could get a certificate from",
			STR_FMT(str_cut((*pool)->pool, 0, 120)));
	if ((*pool)->ports.https == 0)
		return diag_fail(d, ERR(REFUSED), "topology.yaml", "give it ports: {https: 443}",
			"the pool \"%.*s\" has no listener for web services inside", STR_FMT(str_cut((*pool)->pool, 0, 120)));
	return OK;
}

err plan_dhcp(
	const struct topo *t, const struct topo_pool *pool, struct arena *a, struct plan_dhcp *out, struct diag *d)
{
	TRY(find_pool(t, a, &pool, d));
	*out = (struct plan_dhcp){ .pool = pool->pool, .registrar = pool->pool, .web = plan_web_internal(pool) };
	TRY(vendor_option(out, pool->ports.https, a, d));
	return servers_option(out, a, d);
}

static void add_hex(struct buf *out, str octets, const char *between)
{
	for (size_t i = 0; i < octets.n; i++)
		buf_printf(out, "%s%02x", i == 0 ? "" : between, (unsigned char)octets.p[i]);
}

void plan_dhcp_print_kea(const struct plan_dhcp *p, struct buf *out)
{
	buf_printf(out, "{ \"Dhcp4\": {\n"
			"  \"option-def\": [ { \"name\": \"uc-sip-servers\", \"code\": 120, \"space\": \"dhcp4\", "
			"\"type\": \"binary\" } ],\n"
			"  \"option-data\": [ { \"name\": \"uc-sip-servers\", \"code\": 120, \"space\": \"dhcp4\", "
			"\"csv-format\": false,\n"
			"    \"data\": \"");
	add_hex(out, p->servers, "");
	buf_printf(out, "\" } ],\n"
			"  \"client-classes\": [ { \"name\": \"" PLAN_DHCP_CLASS
			"\", \"test\": \"option[60].text == '" PLAN_DHCP_CLASS "'\",\n"
			"    \"option-def\": [ { \"name\": \"vendor-encapsulated-options\", \"code\": 43, \"type\": "
			"\"binary\" } ],\n"
			"    \"option-data\": [ { \"name\": \"vendor-encapsulated-options\", \"code\": 43, "
			"\"csv-format\": false,\n"
			"      \"data\": \"");
	add_hex(out, p->vendor, "");
	buf_add(out, STR("\" } ] } ]\n} }\n"));
}

void plan_dhcp_print_isc(const struct plan_dhcp *p, struct buf *out)
{
	buf_printf(out,
		"# phones of %.*s\n"
		"option uc-sip-servers code 120 = string;\n"
		"option uc-sip-servers ",
		STR_FMT(p->pool));
	add_hex(out, p->servers, ":");
	buf_add(out, STR(";\nclass \"" PLAN_DHCP_CLASS "\" {\n"
			 "  match if option vendor-class-identifier = \"" PLAN_DHCP_CLASS "\";\n"
			 "  option vendor-encapsulated-options "));
	add_hex(out, p->vendor, ":");
	buf_add(out, STR(";\n}\n"));
}
