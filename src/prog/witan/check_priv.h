/* SPDX-License-Identifier: Apache-2.0 */
/* One run of `witan check` or `witan plan check`: what was asked, what was seen. */
#ifndef WITAN_PROG_WITAN_CHECK_PRIV_H
#define WITAN_PROG_WITAN_CHECK_PRIV_H

#include "prog/witan/witan_priv.h"

#include "model/topo.h"
#include "prog/witan/look.h"
#include "service/plan_ports.h"

#define WORDS_MAX 256 /* files and listeners in one line */

struct checking;

struct request {
	const char *dir, *topology, *format, *host, *usage, *name, *ca, *public_ca, *out;
	struct witan_texts addresses, phone_roots;
	bool is_all, is_strict, is_offline, is_whole;
	const char *words[WORDS_MAX];
	size_t words_n;
	char topology_path[4096];
	char command[1024];
	/* of `witan plan check` */
	err (*prepare)(struct checking *k);
	err (*more)(struct checking *k); /* looks at the rest; NULL: certificates are all */
	const char *resolver, *address_file, *side, *here;
	struct witan_texts clients, admins;
};

struct checking {
	const struct request *ask;
	struct arena arena;
	struct topo topo;
	struct plan_certificates plans;
	struct check_evidence evidence;
	struct check_policy policy;
	struct check_result result;
	struct look look;
	struct plan_ports ports;   /* with `more` */
	struct plan_addresses known;
	str here; /* the host of the topology that this machine is; empty: none */
	struct plan_origin from; /* from where everything is asked, with `more` */
	bool is_outside;         /* names are asked as they are seen outside */
	size_t facts_room;
	struct diag diag;
};

/* check.c: the command line is read; answers the exit status. */
int check_start(struct request *ask, const char *command);
/* What report.command is. */
void check_note(struct request *ask, const char *command, int argc, char **argv);

/* check_target.c: looks at certificates in files and at listeners. */
err check_look(struct checking *k);
/* Where a host of an Edge is dialled; another host by its name. */
str check_dial(const struct topo *t, str host, enum plan_interface at);

/* Adds a fact. place is kept as it is, what is printed. CEILING. */
err check_fact_add(struct checking *k, enum check_fact_kind kind, str place, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Whether this host is to be looked at. */
bool check_is_asked(const struct checking *k, str host);
/* check_place.c: finds k->here, k->from, k->is_outside. ABSENT, MALFORMED with k->diag. */
err check_place(struct checking *k);
/* check_list.c, a look.on_list: a list that k->from may not fetch is closed, or read from the copy that this machine was sent. */
err check_list_read(struct look *l, struct check_list *list);

/* Each looks at one thing and adds facts. */
err check_ports(struct checking *k);    /* every planned listener, from outside it */
err check_machine(struct checking *k);  /* what listens here */
err check_files(struct checking *k);    /* the deployment */
err check_dns(struct checking *k);
err check_firewall(struct checking *k);
err check_proxies(struct checking *k);

#endif
