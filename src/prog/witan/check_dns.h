/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to a name server, several at a time. */
#ifndef WITAN_PROG_WITAN_CHECK_DNS_H
#define WITAN_PROG_WITAN_CHECK_DNS_H

#include "prog/witan/check_priv.h"

#include "base/map.h"
#include "os/dns.h"
#include "service/plan_dns.h"

enum names_kind { NAMES_PLANNED, NAMES_LEAK, NAMES_WILD };

struct names_value {
	str text; /* an address, or the target of a service */
	uint32_t port;
};

struct names_question {
	struct map_node node;
	str key;
	enum dns_type type;
	str name;
	const struct plan_record *record; /* the first that it is asked for; NULL: it is not planned */
	enum names_kind kind;
	struct arena arena; /* of the answer: questions are asked by several threads */
	bool is_silent;
	char failure[100];
	struct {
		struct names_value *p;
		size_t n;
	} values;
	struct topo_names aliases; /* names that the name leads to, where it is an alias */
};

struct names_asked {
	struct checking *k;
	struct names_question *p;
	size_t n, room;
	struct map by_key;
};

/* Room for so many questions. CEILING. */
err names_init(struct names_asked *all, struct checking *k, size_t room);
void names_fini(struct names_asked *all);
/* A question is asked once, for the first record. CEILING. */
err names_add(struct names_asked *all, enum dns_type type, str name, const struct plan_record *record, enum names_kind kind);
const struct names_question *names_find(const struct names_asked *all, enum dns_type type, str name);
/* Asks the resolver of the request, or the system's. USAGE with d: it is no address. */
err names_ask(struct names_asked *all, struct diag *d);

#endif
