/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rbac - who may run which cmdlet on what. A role is a list of cmdlets with two scopes: for configuration (global, or sites) and for users
 * (global, or organisational units). The built-in roles are rows (rbac.def); their lists follow from the letters in the rows of kinds and
 * cmdlets. Custom roles are objects of the kind AdminRole. Several roles add up; what none of them allows is refused.
 */
#ifndef WITAN_MODEL_RBAC_H
#define WITAN_MODEL_RBAC_H

#include "base/err.h"
#include "base/str.h"
#include "model/cmd.h"

enum rbac_standard {
#define ROLE(name, letter, help) RBAC_##name,
#include "model/rbac.def"
#undef ROLE
	RBAC_STANDARD_N
};

struct rbac_standard_row {
	const char *name;
	char letter; /* as in the column `writers` of kinds and cmdlets; '*': everything; 'r': reads alone */
	const char *help;
};

extern const struct rbac_standard_row rbac_standard_rows[RBAC_STANDARD_N];

/* By name without regard to case; RBAC_STANDARD_N: it is none of them. */
enum rbac_standard rbac_standard_find(str name);
/* Whether a built-in role lists the cmdlet. */
bool rbac_standard_has(enum rbac_standard role, const struct cmd *c);
/* The list of a role's cmdlets, names in order: of a built-in one, or from the body of a custom one. The caller's; NULL without memory. */
json_t *rbac_cmdlets(str role, const json_t *body);

/* ---- what one administrator holds ---- */

enum { RBAC_ROLES_MAX = 64 };

struct rbac {
	bool is_root; /* the machine's root, or the owner of the deployment's files: everything, and audited */
	size_t n;
	struct rbac_role {
		enum rbac_standard standard; /* RBAC_STANDARD_N: a custom role */
		json_t *body;                /* of a custom role (a reference of ours), else NULL */
		char name[128];
	} roles[RBAC_ROLES_MAX];
};

void rbac_fini(struct rbac *r);
/* Adds a role; body is NULL for a built-in one, and referenced otherwise. What does not fit is not held. */
void rbac_add(struct rbac *r, str name, json_t *body);

/* Something that a command reads or writes. */
struct rbac_thing {
	bool writes;
	bool is_user;
	str site; /* the site it belongs to; empty: it is global */
	str ou;   /* of a user: distinguished name of his organisational unit; may be empty */
	const char *name; /* for the refusal */
};

/*
 * Whether some role lists the cmdlet. REFUSED: d names the roles held and one that would do.
 */
err rbac_check_cmd(const struct rbac *r, const struct cmd *c, struct diag *d);
/*
 * Whether some role that lists the cmdlet reaches the thing. Users: by user scopes. Everything else: by configuration scopes; what is global
 * may be read by every role, since it holds for its sites too, and changed only by a role whose scope is global. REFUSED with what is missing.
 */
err rbac_check_thing(const struct rbac *r, const struct cmd *c, const struct rbac_thing *t, struct diag *d);
/*
 * Whether somebody who holds r may hand out a role: every cmdlet of it is in his roles, with scopes that cover its scopes. REFUSED: d names
 * the first right that he lacks.
 */
err rbac_check_role(const struct rbac *r, str role, const json_t *body, struct diag *d);

/* "site:NAME" or "global"; "OU:DN" or "global". Sub-units are covered by their units. */
bool rbac_scope_covers(const char *scope, str thing, bool is_user);

#endif
