/* SPDX-License-Identifier: Apache-2.0 */
/* Where the check runs: on a host of the topology, or somewhere inside or outside; it decides what may be asked from here. */
#include "prog/witan/check_priv.h"

#include "os/net.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

/* A deployment of several servers says in its file `host` which one it is. */
static err read_deployment(struct checking *k)
{
	struct topo_host host;
	struct diag d = { 0 };
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/host", k->ask->dir);
	ENSURE(n > 0 && (size_t)n < sizeof path, CEILING);
	err e = topo_read_host(&k->topo, path, &host, &d);
	if (failed(e) && access(path, F_OK) == 0) {
		k->diag = d;
		return e;
	}
	if (!failed(e))
		k->here = host.server->fqdn;
	return OK; /* a directory of several servers without that file is none of them */
}

static err find_here(struct checking *k)
{
	if (k->ask->topology == NULL)
		return read_deployment(k);
	if (k->ask->here == NULL)
		return OK;
	TRY(topo_name(str_of(k->ask->here), &k->arena, &k->here, &k->diag));
	if (plan_ports_find(&k->ports, k->here) == NULL)
		return diag_fail(&k->diag, ERR(ABSENT), "--here", "witan plan ports names all hosts", "there is no host \"%.120s\"", k->ask->here);
	return OK;
}

/* Whether this machine has an address among those of administrators. */
static bool is_admin(const struct plan_networks *admins)
{
	struct ifaddrs *all = NULL;
	bool found = false;
	if (admins->n == 0 || getifaddrs(&all) != 0)
		return false;
	for (const struct ifaddrs *i = all; i != NULL && !found; i = i->ifa_next) {
		char text[NI_MAXHOST] = "";
		socklen_t size = i->ifa_addr == NULL ? 0 : i->ifa_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
		bool is_ip = size != 0 && (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6);
		if (is_ip && getnameinfo(i->ifa_addr, size, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0)
			found = plan_networks_has(admins, str_of(text));
	}
	freeifaddrs(all);
	return found;
}

static err find_groups(struct checking *k)
{
	struct plan_networks admins = { NULL, 0 };
	for (size_t i = 0; i < k->ask->admins.n; i++)
		TRY(plan_networks_add(&admins, &k->arena, k->ask->admins.p[i], &k->diag));
	k->from.groups = 1u << PLAN_CLIENTS | (is_admin(&admins) ? 1u << PLAN_ADMINS : 0);
	return OK;
}

/* Who stands at the border resolves names as the world does. */
err check_place(struct checking *k)
{
	TRY(find_here(k));
	const struct plan_unit *unit = k->here.n != 0 ? plan_ports_find(&k->ports, k->here) : NULL;
	bool is_border = unit != NULL && plan_unit_is_border(unit);
	k->is_outside = k->ask->side != NULL ? strcmp(k->ask->side, "outside") == 0 : is_border;
	k->from = (struct plan_origin){ .host = STR("") };
	if (k->is_outside && !is_border)
		k->from.groups = 1u << PLAN_INTERNET;
	else if (unit != NULL)
		k->from = (struct plan_origin){ .unit = unit, .host = k->here };
	else
		TRY(find_groups(k));
	return OK;
}
