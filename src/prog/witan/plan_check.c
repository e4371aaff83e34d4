/* SPDX-License-Identifier: Apache-2.0 */
/* witan plan check - compares what the topology asks for with reality: the listeners, their certificates, names, files, packet filter, proxies. */
#include "prog/witan/check_priv.h"
#include "prog/witan/plan_input.h"

#include <stdarg.h>
#include <stdio.h>

#define FACTS_MAX 65536
#define CUT       " ..."
#define WEB_PORT  80 /* where public authorities have their lists */

err check_fact_add(struct checking *k, enum check_fact_kind kind, str place, const char *fmt, ...)
{
	char text[900];
	va_list ap;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) >= (int)sizeof text)
		memcpy(text + sizeof text - sizeof CUT, CUT, sizeof CUT);
	va_end(ap);
	size_t n = k->evidence.facts.n;
	if (n == k->facts_room) {
		size_t room = n == 0 ? 64 : 2 * n;
		struct check_fact *p = room <= FACTS_MAX ? arena_alloc(&k->arena, room * sizeof *p) : NULL;
		ENSURE(p != NULL, CEILING);
		if (n > 0)
			memcpy(p, k->evidence.facts.p, n * sizeof *p);
		k->evidence.facts.p = p;
		k->facts_room = room;
	}
	struct check_fact f = { kind, arena_copy(&k->arena, place), arena_copy(&k->arena, str_of(text)) };
	ENSURE(f.place.p != NULL && f.what.p != NULL, CEILING);
	k->evidence.facts.p[k->evidence.facts.n++] = f;
	return OK;
}

/* ---- before certificates are looked at ---- */

/* Hosts are dialled where the administrator says that they are. */
static err dial_known(struct checking *k)
{
	struct topo_names *to = &k->look.addresses;
	*to = (struct topo_names){ arena_alloc(&k->arena, (k->known.n + 1) * sizeof(str)), 0 };
	ENSURE(to->p != NULL, CEILING);
	TOPO_EACH (one, k->known) {
		to->p[to->n] = arena_join(&k->arena, (str[]){ one->name, STR("="), one->address }, 3);
		ENSURE(to->p[to->n++].p != NULL, CEILING);
	}
	return OK;
}

static err find_host(struct checking *k)
{
	if (k->ask->host != NULL && plan_ports_find(&k->ports, str_of(k->ask->host)) == NULL)
		return diag_fail(&k->diag, ERR(ABSENT), "--host", "witan plan ports names all hosts", "there is no host \"%.120s\"", k->ask->host);
	return OK;
}

static err prepare(struct checking *k)
{
	TRY(plan_ports(&k->topo, &k->arena, &k->ports, &k->diag));
	TRY(plan_input_addresses(k->ask->address_file, &k->ask->addresses, &k->arena, &k->known, &k->diag));
	TRY(dial_known(k));
	TRY(find_host(k));
	TRY(check_place(k));
	k->look.on_list = check_list_read;
	k->look.arg = k;
	k->evidence.is_inside = !plan_origin_leaves(&k->from, &k->ports, WEB_PORT);
	return OK;
}

/* ---- everything else ---- */

static err look_rest(struct checking *k)
{
	static const struct {
		err (*look)(struct checking *k);
		bool is_remote;
	} each[] = {
		{ check_files, false },
		{ check_machine, false },
		{ check_ports, true },
		{ check_dns, true },
		{ check_proxies, true },
		{ check_firewall, false },
	};
	for (size_t i = 0; i < sizeof each / sizeof *each; i++)
		if (!each[i].is_remote || !k->ask->is_offline)
			TRY(each[i].look(k));
	return OK;
}

int plan_check_main(int argc, char **argv, const char *dir)
{
	struct request ask = { .dir = dir, .prepare = prepare, .more = look_rest };
	bool all = false;
	int status;
	const struct witan_option options[] = {
		{ "--all", WITAN_FLAG, &all, NULL, "every host of the topology (the default)", 0 },
		{ "--host", WITAN_TEXT, &ask.host, "NAME", "one host alone", 0 },
		{ "--topology", WITAN_TEXT, &ask.topology, "FILE", "a topology document (default: the deployment's, whose files are looked at then)", 0 },
		{ "--here", WITAN_TEXT, &ask.here, "NAME", "with --topology: which of its hosts this machine is (default: none)", 0 },
		{ "--side", WITAN_TEXT, &ask.side, "inside|outside",
			"where this machine is: names and listeners as they are seen from there (default: inside; on an Edge and a reverse proxy outside)", 0 },
		{ "--resolver", WITAN_TEXT, &ask.resolver, "ADDRESS[:PORT]", "the name server that is asked (default: the system's)", 0 },
		{ "--address", WITAN_TEXTS, &ask.addresses, "HOST=ADDRESS", "where a host is; may stand several times", 0 },
		{ "--addresses", WITAN_TEXT, &ask.address_file, "FILE", "addresses of hosts: lines NAME ADDRESS, or as /etc/hosts", 0 },
		{ "--internal-network", WITAN_TEXTS, &ask.clients, "NETWORK", "where clients are inside, for the packet filter", 0 },
		{ "--admin-network", WITAN_TEXTS, &ask.admins, "NETWORK", "from where hosts are managed, for the packet filter", 0 },
		{ "--ca", WITAN_TEXT, &ask.ca, "FILE", "roots that are trusted inside (default: ca.pem of the deployment)", 0 },
		{ "--public-ca", WITAN_TEXT, &ask.public_ca, "FILE", "roots that everybody trusts (default: the system's)", 0 },
		{ "--offline", WITAN_FLAG, &ask.is_offline, NULL, "asks nobody over the network: files and this machine alone", 0 },
		{ "--strict", WITAN_FLAG, &ask.is_strict, NULL, "by the strict profile", 0 },
		{ "--format", WITAN_TEXT, &ask.format, "text|json|html", "how the report is written", 0 },
		{ "--out", WITAN_TEXT, &ask.out, "FILE", "where (default: standard output)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	check_note(&ask, "plan check", argc, argv);
	if (!witan_options(argc, argv,
		    "check [OPTION...]\n\nCompares what the topology asks for with what there is: listeners and their certificates, names, files of the\ndeployment, packet "
		    "filter, reverse proxies. Changes nothing.\nExit status: 0 no errors, 1 errors found, 2 the command line is wrong.",
		    options, &status))
		return status;
	if (all && ask.host != NULL)
		return witan_usage("plan", "--all and --host cannot stand together");
	if (ask.side != NULL && strcmp(ask.side, "inside") != 0 && strcmp(ask.side, "outside") != 0)
		return witan_usage("plan", "--side cannot be \"%s\": inside or outside", ask.side);
	if (ask.here != NULL && ask.topology == NULL)
		return witan_usage("plan", "--here stands beside --topology: the deployment says itself which host it is");
	ask.is_all = !ask.is_offline;
	return check_start(&ask, "plan");
}
