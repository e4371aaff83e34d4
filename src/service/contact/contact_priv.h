/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WITAN_SERVICE_CONTACT_PRIV_H
#define WITAN_SERVICE_CONTACT_PRIV_H

#include "base/map.h"
#include "service/contact.h"

/* The product's limits (MSFT_SIPESUserContactData, MSFT_SIPESUserContactGroupData). */
#define CONTACT_GROUPS   64   /* groups are numbered from 1 */
#define CONTACT_NAME_MAX 256  /* bytes of an alias, or of a group's name */
#define CONTACT_URI_MAX  454  /* bytes */
#define CONTACT_MOST     1000 /* of one user, whatever the policies say */

#define CONTACT_SEARCHES_MAX 64 /* under way in one process */

/* The group of those whom nobody has put anywhere. It is always there. */
#define CONTACT_GROUP_OTHER 1

struct contact_group {
	uint16_t name_n, external_n;
	char text[]; /* name, external URI */
};

struct contact {
	struct contact *next; /* in the order of their making */
	uint64_t groups;      /* bit 0: group 1 */
	bool is_subscribed;
	uint16_t uri_n, name_n, external_n;
	char text[]; /* URI without its scheme, alias, external URI */
};

/* What is said of a contact or a group, wherever it comes from. */
struct contact_fields {
	str uri, name, external;
	uint64_t groups;
	bool is_subscribed;
};

struct contact_list {
	struct map_node node;
	struct contacts *contacts;
	bool is_loaded, is_loading, is_saving, is_uncertain;
	struct list waiting;       /* requests, until it is loaded or the change before is saved */
	struct list subscriptions;
	struct contact_group *groups[CONTACT_GROUPS + 1];
	struct contact *first;
	size_t n;
	uint32_t delta;            /* number of the last change, from 1 */
	struct buf change;         /* it, as it is told; empty: not known any more */
	struct timer timer;        /* always set: is it still needed? */
	uint16_t aor_n;
	char aor[];
};

/* A search that vault has not answered. */
struct contact_ask {
	struct list node;
	uint64_t id;
	struct request *request;
};

struct contacts {
	struct contact_config config;
	struct map lists; /* by address of record */
	struct list asks;
	size_t n_asks;
	uint64_t last_id;
};

static inline str contact_uri(const struct contact *c)
{
	return (str){ c->text, c->uri_n };
}
static inline str contact_name(const struct contact *c)
{
	return (str){ c->text + c->uri_n, c->name_n };
}
static inline str contact_external(const struct contact *c)
{
	return (str){ c->text + c->uri_n + c->name_n, c->external_n };
}
static inline str contact_group_name(const struct contact_group *g)
{
	return (str){ g->text, g->name_n };
}
static inline str contact_group_external(const struct contact_group *g)
{
	return (str){ g->text + g->name_n, g->external_n };
}
static inline str contact_list_aor(const struct contact_list *l)
{
	return (str){ l->aor, l->aor_n };
}

/* ---- the list itself (contact_list.c) ---- */

struct contact *contact_find(const struct contact_list *l, str uri);
/* Reads or changes one row, as vault has it: rows that are loaded and changes that were saved go the same way. CORRUPT, NO_MEMORY. */
err contact_list_apply(struct contact_list *l, const struct kept_row *row);
/* What everybody has, with nothing of his own. NO_MEMORY. */
err contact_list_begin(struct contact_list *l);
void contact_list_empty(struct contact_list *l);
/* The row that keeps it; rows->failed when it is over a limit. */
void contact_add_row(struct buf *rows, const struct contact_fields *c);
void contact_add_group_row(struct buf *rows, uint32_t id, const struct contact_fields *g);
void contact_add_gone(struct buf *rows, enum kept_kind kind, str key);

/* ---- documents (contact_event.c) ---- */

extern const struct notifier_package contact_package;
void contact_print_whole(const struct contact_list *l, struct buf *out);
/* <addedContact uri="sip:..." .../>: of a change */
void contact_print_contact(struct buf *out, const char *element, const struct contact_fields *c);
void contact_print_group(struct buf *out, const char *element, uint32_t id, const struct contact_fields *g);
/* Escaped; and as an attribute. */
void contact_add_text(struct buf *out, str text);
void contact_add_attribute(struct buf *out, const char *name, str value);
/* All devices are told of the change that was made last. */
void contact_list_tell(struct contact_list *l);

/* ---- lists in memory (contact_table.c) ---- */

struct contact_list *contact_list_find(const struct contacts *c, str aor);
/* For a request, which waits (*v is WAIT) until the list is loaded and (is_change) no other change is on its way. */
err contact_list_need(struct contacts *c, struct request *r, str aor, bool is_change, struct contact_list **out, enum stage_verdict *v);
/* Something that kept it in memory has gone. */
void contact_list_settle(struct contact_list *l);
/* Those who waited go on, as far as they may. */
void contact_list_resume(struct contact_list *l);

/* ---- changes (contact_change.c) ---- */

/* One request on its way. */
struct contact_call {
	struct contacts *contacts;
	struct contact_list *list;
	struct request *request;
	const struct xml_node *body, *operation; /* s:Body, and what is asked for */
	const char *name;                        /* of the operation */
	const char *why;                         /* it is refused, for people; NULL: by the error alone */
	uint32_t group;                          /* the one that was made; 0: none */
	struct buf rows, change;
};
err contact_set(struct contact_call *c);
err contact_delete(struct contact_call *c);
err contact_group_add(struct contact_call *c);
err contact_group_modify(struct contact_call *c);
err contact_group_delete(struct contact_call *c);

/* ---- SOAP (contact_soap.c) ---- */

/* Text of a parameter of the operation, trimmed; empty: it is not there. */
str contact_parameter(const struct contact_call *c, const char *name);
/* A body that has been put into an envelope. */
void contact_answer(struct request *r, str body);
void contact_refuse(struct request *r, err e, const char *why);

/* ---- search (contact_search.c) ---- */

err contact_search_begin(struct contact_call *c);

#endif
