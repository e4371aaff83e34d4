/* SPDX-License-Identifier: Apache-2.0 */
/* Records as master files (RFC 1035 5). */
#include "service/plan_dns.h"

#include <stdio.h>

#define TTL 3600u

/* Which zone a record is written to: of pin-point zones the name itself is one, but in the servers' own domain. */
static str zone_of(const struct plan_dns *dns, const struct plan_record *r, bool pin_point)
{
	bool own = pin_point && r->zone.n != 0 && r->side == PLAN_INSIDE && !str_eq(r->zone, dns->internal_domain);
	return own ? r->name : r->zone;
}

static bool has(const struct topo_names *names, str name)
{
	TOPO_EACH (known, *names)
		if (str_eq(*known, name))
			return true;
	return false;
}

err plan_zones(const struct plan_dns *dns, enum plan_side side, bool pin_point, struct arena *a, struct topo_names *out)
{
	*out = (struct topo_names){ arena_alloc(a, (dns->records.n + 1) * sizeof *out->p), 0 };
	ENSURE(out->p != NULL, CEILING);
	TOPO_EACH (r, dns->records) {
		str zone = zone_of(dns, r, pin_point);
		if (r->side == side && zone.n != 0 && !has(out, zone))
			out->p[out->n++] = zone;
	}
	return OK;
}

/* The postmaster of a zone _sip._tcp.DOMAIN is that of DOMAIN: mail does not go to underscores. */
static str mail_domain(str zone)
{
	while (zone.n > 1 && zone.p[0] == '_')
		(void)str_split(zone, '.', &zone);
	return zone;
}

static void print_head(enum plan_side side, str zone, const struct plan_zone_style *style, struct buf *out)
{
	str server = style->name_server.n != 0 ? style->name_server : STR("localhost");
	buf_printf(out,
		"; %.*s, %s\n$TTL %u\n%.*s. IN SOA %.*s. hostmaster.%.*s. %u 7200 900 1209600 %u\n%.*s. IN NS %.*s.\n",
		STR_FMT(zone), plan_side_word(side), TTL, STR_FMT(zone), STR_FMT(server), STR_FMT(mail_domain(zone)),
		style->serial, TTL, STR_FMT(zone), STR_FMT(server));
	bool within = server.n > zone.n && server.p[server.n - zone.n - 1] == '.' &&
		      str_eq(str_cut(server, server.n - zone.n, server.n), zone);
	if (within && style->name_server_address.n != 0)
		buf_printf(out, "%.*s. IN %s %.*s\n", STR_FMT(server),
			plan_address_is_v6(style->name_server_address) ? "AAAA" : "A",
			STR_FMT(style->name_server_address));
}

static void print_record(const struct plan_record *r, struct buf *out)
{
	const char *type = plan_record_word(r->type);
	if (r->type == PLAN_SRV)
		buf_printf(out, "%.*s. IN SRV 0 0 %u %.*s.", STR_FMT(r->name), r->port, STR_FMT(r->target));
	else if (r->type == PLAN_CNAME)
		buf_printf(out, "%.*s. IN CNAME %.*s.", STR_FMT(r->name), STR_FMT(r->target));
	else if (r->address.n == 0)
		buf_printf(out, "; no address known: %.*s. IN A (%.*s)", STR_FMT(r->name), STR_FMT(r->target));
	else
		buf_printf(out, "%.*s. IN %s %.*s", STR_FMT(r->name), type, STR_FMT(r->address));
	buf_printf(out, " ; %s: %s\n", r->rule, r->why);
}

void plan_zone_print(
	const struct plan_dns *dns, enum plan_side side, str zone, const struct plan_zone_style *style, struct buf *out)
{
	print_head(side, zone, style, out);
	TOPO_EACH (r, dns->records)
		if (r->side == side && str_eq(zone_of(dns, r, style->pin_point), zone))
			print_record(r, out);
}
