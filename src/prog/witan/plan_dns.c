/* SPDX-License-Identifier: Apache-2.0 */
/* witan plan dns - records, and zone files with them. */
#include "prog/witan/plan_input.h"

#include "os/file.h"
#include "service/plan_dns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMATS   "table|json|zone"
#define ZONE_MOST (64u << 20)

enum { TABLE, JSON, ZONE };

struct dns_options {
	struct plan_input n; /* first: what is handed to show */
	struct plan_dns_options records;
	struct plan_zone_style style;
	const char *side, *zone, *out, *name_server, *time_server;
	bool one_side;
	enum plan_side only;
};

/* ---- tables ---- */

static bool is_shown(const struct dns_options *o, const struct plan_record *r)
{
	return (!o->one_side || r->side == o->only) && (o->zone == NULL || str_eq(r->zone, str_of(o->zone)));
}

static void print_value(const struct plan_record *r)
{
	if (r->type == PLAN_SRV)
		(void)printf("%-5s 0 0 %u %.*s", plan_record_word(r->type), r->port, STR_FMT(r->target));
	else if (r->type == PLAN_CNAME)
		(void)printf("%-5s %.*s", plan_record_word(r->type), STR_FMT(r->target));
	else if (str_eq(r->target, r->name))
		(void)printf(
			"%-5s %.*s", plan_record_word(r->type), STR_FMT(r->address.n != 0 ? r->address : STR("?")));
	else
		(void)printf("%-5s %.*s (%.*s)", plan_record_word(r->type),
			STR_FMT(r->address.n != 0 ? r->address : STR("?")), STR_FMT(r->target));
}

static void show_table(const struct dns_options *o, const struct plan_dns *dns)
{
	for (unsigned side = 0; side < PLAN_SIDE_N; side++) {
		if (o->one_side && o->only != side)
			continue;
		(void)printf("%s%s\n", side != 0 && !o->one_side ? "\n" : "", plan_side_word((enum plan_side)side));
		TOPO_EACH (r, dns->records) {
			if (r->side != side || !is_shown(o, r))
				continue;
			(void)printf("  %-40.*s ", STR_FMT(r->name));
			print_value(r);
			(void)printf("  [%s] %s\n", r->rule, r->why);
		}
	}
}

static json_t *record_json(const struct plan_record *r)
{
	json_t *o = json_pack("{s:s, s:s, s:s%, s:s%, s:s}", "kind", "record", "side", plan_side_word(r->side), "zone",
		r->zone.p, r->zone.n, "name", r->name.p, r->name.n, "type", plan_record_word(r->type));
	if (r->type == PLAN_A || r->type == PLAN_AAAA) {
		(void)json_object_set_new(o, "host", plan_input_str(r->target));
		(void)json_object_set_new(o, "address", r->address.n != 0 ? plan_input_str(r->address) : json_null());
	} else {
		(void)json_object_set_new(o, "target", plan_input_str(r->target));
	}
	if (r->type == PLAN_SRV) {
		(void)json_object_set_new(o, "priority", json_integer(0));
		(void)json_object_set_new(o, "weight", json_integer(0));
		(void)json_object_set_new(o, "port", json_integer(r->port));
	}
	(void)json_object_set_new(o, "rule", json_string(r->rule));
	(void)json_object_set_new(o, "why", json_string(r->why));
	return o;
}

static err show_json(const struct dns_options *o, const struct plan_dns *dns)
{
	json_t *all = json_array();
	TOPO_EACH (r, dns->records)
		if (is_shown(o, r))
			(void)json_array_append_new(all, record_json(r));
	TOPO_EACH (f, dns->findings)
		(void)json_array_append_new(
			all, json_pack("{s:s, s:s, s:s, s:s%, s:s, s:s}", "kind", "finding", "rule", f->rule,
				     "severity", f->is_error ? "error" : "warning", "subject", f->subject.p,
				     f->subject.n, "what", f->what, "remedy", f->remedy));
	return plan_input_json(all);
}

/* ---- zone files ---- */

static err make_directory(struct dns_options *o, const char *path)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return OK;
	return diag_fail(&o->n.diag, ERR(SYSTEM), path, "name a directory that you may write to", "cannot be made: %s",
		strerror(errno));
}

/* OUT/SIDE/ZONE.zone, and OUT/SIDE/named.conf, which names them. */
static err write_zones(struct dns_options *o, const struct plan_dns *dns, const struct topo_names *zones)
{
	char folder[3072], path[4096];
	struct buf conf DEFER(buf_fini) = { 0 };
	buf_init(&conf, ZONE_MOST);
	(void)snprintf(folder, sizeof folder, "%s/%s", o->out, plan_side_word(o->only));
	TRY(make_directory(o, o->out));
	TRY(make_directory(o, folder));
	TOPO_EACH (zone, *zones) {
		struct buf b DEFER(buf_fini) = { 0 };
		buf_init(&b, ZONE_MOST);
		plan_zone_print(dns, o->only, *zone, &o->style, &b);
		ENSURE(!b.failed, NO_MEMORY);
		(void)snprintf(path, sizeof path, "%s/%.*s.zone", folder, STR_FMT(*zone));
		TRY(file_write(AT_FDCWD, path, buf_str(&b), 0644, &o->n.diag));
		buf_printf(&conf, "zone \"%.*s\" { type primary; file \"%.*s.zone\"; };\n", STR_FMT(*zone),
			STR_FMT(*zone));
	}
	(void)snprintf(path, sizeof path, "%s/named.conf", folder);
	return file_write(AT_FDCWD, path, buf_str(&conf), 0644, &o->n.diag);
}

static err print_zones(struct dns_options *o, const struct plan_dns *dns, const struct topo_names *zones)
{
	struct buf b;
	bool found = false;
	buf_init(&b, ZONE_MOST);
	TOPO_EACH (zone, *zones)
		if (o->zone == NULL || str_eq(*zone, str_of(o->zone))) {
			plan_zone_print(dns, o->only, *zone, &o->style, &b);
			found = true;
		}
	TRY(plan_input_text(&b));
	return found ? OK
		     : diag_fail(&o->n.diag, ERR(ABSENT), "--zone", "witan plan dns shows all records",
			       "there is no zone of that name %s", plan_side_word(o->only));
}

static err show_zones(struct dns_options *o, const struct plan_dns *dns)
{
	struct topo_names zones;
	size_t missing = 0;
	if (!o->one_side)
		return diag_fail(&o->n.diag, ERR(USAGE), "--format zone", "add --side inside or --side outside",
			"the zones of both sides have the same names");
	TRY(plan_zones(dns, o->only, o->style.pin_point, &o->n.arena, &zones));
	TOPO_EACH (r, dns->records)
		missing += is_shown(o, r) && (r->type == PLAN_A || r->type == PLAN_AAAA) && r->address.n == 0;
	if (missing != 0)
		(void)fprintf(stderr,
			"witan plan: %zu records have no address and are remarks in the zones\n    remedy: give "
			"addresses by --addresses FILE or --address NAME=ADDRESS\n",
			missing);
	return o->out != NULL ? write_zones(o, dns, &zones) : print_zones(o, dns, &zones);
}

static err show(struct plan_input *n)
{
	struct dns_options *o = (struct dns_options *)n;
	struct plan_dns dns;
	o->records.time_server = str_of(o->time_server);
	o->style.name_server = str_split(str_of(o->name_server), '=', &o->style.name_server_address);
	TRY(plan_dns(&n->topo, &n->known, &o->records, &n->arena, &dns, &n->diag));
	if (n->format_at != JSON)
		TOPO_EACH (f, dns.findings)
			plan_input_warn(f->rule, f->is_error, f->subject, f->what, f->remedy);
	if (n->format_at == ZONE)
		return show_zones(o, &dns);
	if (n->format_at == JSON)
		return show_json(o, &dns);
	show_table(o, &dns);
	return OK;
}

int plan_dns_main(int argc, char **argv, const char *dir)
{
	struct dns_options o = { .n.dir = dir, .style.serial = 1 };
	int status;
	const struct witan_option options[] = {
		PLAN_INPUT_TOPOLOGY(&o.n),
		PLAN_INPUT_ADDRESSES(&o.n),
		{ "--format", WITAN_TEXT, &o.n.format, FORMATS, "how it is printed", 0 },
		{ "--side", WITAN_TEXT, &o.side, "inside|outside", "one side alone; zones need it", 0 },
		{ "--zone", WITAN_TEXT, &o.zone, "NAME", "one zone alone", 0 },
		{ "--out", WITAN_TEXT, &o.out, "DIR", "write zones to DIR/SIDE, with a named.conf that names them", 0 },
		{ "--pin-point", WITAN_FLAG, &o.style.pin_point, NULL,
			"inside: a zone for each name, where the SIP domain is served elsewhere", 0 },
		{ "--cname", WITAN_FLAG, &o.records.cname, NULL,
			"outside: CNAME where the target is in the same SIP domain", 0 },
		{ "--time-server", WITAN_TEXT, &o.time_server, "NAME", "where desk phones get the time", 0 },
		{ "--name-server", WITAN_TEXT, &o.name_server, "NAME[=ADDRESS]", "of the zones (default: localhost)",
			0 },
		{ "--serial", WITAN_NUMBER, &o.style.serial, "N", "of the zones (default: 1)", UINT32_MAX },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	if (!witan_options(argc, argv,
		    "dns [OPTION...]\n\nShows the DNS records that the topology asks for, inside and outside, and why "
		    "each is there.",
		    options, &status))
		return status;
	if (o.side != NULL && !plan_side_find(str_of(o.side), &o.only))
		return witan_usage("plan", "--side cannot be \"%s\": inside or outside", o.side);
	o.one_side = o.side != NULL;
	return plan_input_run(&o.n, FORMATS, show);
}
