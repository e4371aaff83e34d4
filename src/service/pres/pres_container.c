/* SPDX-License-Identifier: Apache-2.0 */
/* Who may see what: the containers of a user and their members ([MS-PRES] 3.5.1). The one place that decides it. */
#include "service/pres/pres_priv.h"

#include <stdlib.h>

#include "model/config.h"

static const str kinds[MEMBER_KINDS] = { { "user", 4 }, { "domain", 6 }, { "sameEnterprise", 14 }, { "federated", 9 }, { "publicCloud", 11 }, { "everyone", 8 } };

str pres_member_kind_name(enum pres_member_kind k)
{
	return kinds[k];
}

bool pres_member_kind_find(str name, enum pres_member_kind *out)
{
	for (unsigned i = 0; i < MEMBER_KINDS; i++)
		if (str_eq_case(name, kinds[i])) {
			*out = (enum pres_member_kind)i;
			return true;
		}
	return false;
}

struct pres_container *pres_container_find(const struct presentity *p, uint32_t number)
{
	struct pres_container *c = p->containers;
	while (c != NULL && c->number != number)
		c = c->next;
	return c;
}

struct pres_container *pres_container_get(struct presentity *p, uint16_t number)
{
	struct pres_container **at = &p->containers;
	while (*at != NULL && (*at)->number < number)
		at = &(*at)->next;
	if (*at != NULL && (*at)->number == number)
		return *at;
	struct pres_container *c = p->n_containers < PRES_CONTAINERS ? calloc(1, sizeof *c) : NULL;
	if (c == NULL)
		return NULL;
	p->n_containers++;
	c->number = number;
	c->next = *at;
	*at = c;
	return c;
}

static struct pres_member **find_member(struct pres_container *c, enum pres_member_kind kind, str value)
{
	struct pres_member **at = &c->members;
	while (*at != NULL && ((*at)->kind != kind || !str_eq_case(value, (str){ (*at)->value, (*at)->value_n })))
		at = &(*at)->next;
	return at;
}

err pres_member_add(struct presentity *p, struct pres_container *c, enum pres_member_kind kind, str value)
{
	if (*find_member(c, kind, value) != NULL)
		return OK;
	ENSURE(p->n_members < PRES_MEMBERS_MAX && value.n <= USER_AOR_MAX, CEILING);
	struct pres_member *m = malloc(sizeof *m + value.n);
	ENSURE(m != NULL, NO_MEMORY);
	*m = (struct pres_member){ .next = c->members, .kind = kind, .value_n = (uint16_t)value.n };
	for (size_t i = 0; i < value.n; i++)
		m->value[i] = char_lower(value.p[i]);
	c->members = m;
	c->n++;
	p->n_members++;
	return OK;
}

void pres_member_remove(struct presentity *p, struct pres_container *c, enum pres_member_kind kind, str value)
{
	struct pres_member **at = find_member(c, kind, value), *m = *at;
	if (m == NULL)
		return;
	*at = m->next;
	c->n--;
	p->n_members--;
	free(m);
}

static void empty(struct presentity *p, struct pres_container *c)
{
	for (struct pres_member *m = c->members, *next; m != NULL; m = next) {
		next = m->next;
		free(m);
	}
	p->n_members -= c->n;
	c->members = NULL;
	c->n = 0;
}

void pres_container_empty(struct presentity *p, struct pres_container *c)
{
	empty(p, c);
}

void pres_containers_free(struct presentity *p)
{
	for (struct pres_container *c = p->containers, *next; c != NULL; c = next) {
		next = c->next;
		empty(p, c);
		free(c);
	}
	p->containers = NULL;
	p->n_containers = 0;
}

/* What everybody has who has chosen nothing yet. */
static const struct {
	uint16_t number;
	int kind; /* -1: nobody */
} usual[] = { { 0, -1 }, { CONTAINER_EXTERNAL, MEMBER_FEDERATED }, { CONTAINER_COLLEAGUES, MEMBER_SAME_ENTERPRISE }, { CONTAINER_WORKGROUP, -1 },
	{ CONTAINER_FRIENDS, -1 }, { CONTAINER_BLOCKED, -1 } };

err pres_containers_usual(struct presentity *p)
{
	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
		bool is_new = pres_container_find(p, usual[i].number) == NULL;
		struct pres_container *c = pres_container_get(p, usual[i].number);
		ENSURE(c != NULL, NO_MEMORY);
		if (is_new && usual[i].kind >= 0)
			TRY(pres_member_add(p, c, (enum pres_member_kind)usual[i].kind, STR("")));
	}
	return OK;
}

/* ---- the decision ---- */

static bool is_member(const struct presentity *p, const struct pres_member *m, str watcher)
{
	str value = { m->value, m->value_n }, domain;
	(void)str_split(watcher, '@', &domain);
	bool is_ours = users_is_domain(p->pres->config.users, domain);
	switch (m->kind) {
	case MEMBER_USER:
		return str_eq_case(value, watcher);
	case MEMBER_DOMAIN:
		return str_eq_case(value, domain);
	case MEMBER_SAME_ENTERPRISE:
		return is_ours;
	case MEMBER_FEDERATED:
		return !is_ours;
	case MEMBER_EVERYONE:
		return true;
	case MEMBER_PUBLIC_CLOUD: /* no public provider is known to this version */
	case MEMBER_KINDS:
		break;
	}
	return false;
}

/* Privacy mode: only his contacts see what people show, whoever else is named in a container. */
static bool is_outside(const struct presentity *p, str watcher)
{
	const struct pres_config *c = &p->pres->config;
	return c->config->use_privacy_mode && (c->door.is_contact == NULL || !c->door.is_contact(c->arg, presentity_aor(p), watcher));
}

/* Kinds stand from the most to the least telling: who is named himself is not judged by his domain. Among equals the higher number counts, so that
 * being blocked wins ([MS-PRES] 3.5.1.3). */
uint16_t pres_container_of(const struct presentity *p, str watcher)
{
	uint16_t best = 0;
	enum pres_member_kind by = MEMBER_KINDS;
	if (str_eq(watcher, presentity_aor(p)))
		return CONTAINER_FRIENDS;
	const struct pres_config *c = &p->pres->config;
	if (is_outside(p, watcher) || (c->door.is_walled != NULL && c->door.is_walled(c->arg, presentity_aor(p), watcher)))
		return CONTAINER_BLOCKED;
	for (const struct pres_container *k = p->containers; k != NULL; k = k->next)
		for (const struct pres_member *m = k->members; m != NULL; m = m->next)
			if (m->kind <= by && is_member(p, m, watcher)) {
				by = m->kind;
				best = k->number;
			}
	return best;
}
