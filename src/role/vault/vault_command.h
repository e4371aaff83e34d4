/* SPDX-License-Identifier: Apache-2.0 */
/* Administrators' commands: how one is run, what it is about, and what each does. The second half of vault_priv.h, which files of this module include. */
#ifndef WITAN_ROLE_VAULT_VAULT_COMMAND_H
#define WITAN_ROLE_VAULT_VAULT_COMMAND_H

#include "role/vault/vault_priv.h"

/* ---- commands: command.c ---- */

/* Who says a command, and from where. */
struct author {
	char name[STORE_AOR_MAX + 8]; /* "sip:ann@example.test", "root", "uid 1000" */
	char address[80];             /* "console", or where he is connected from */
	struct rbac rights;
};

struct call {
	struct vault *vault;
	const struct cmd *cmd;
	struct author *author;
	json_t *parameters; /* checked, by the names of the rows; values of properties as given, all others in their stored form */
	json_t *input;      /* what was piped in, or NULL */
	struct buf objects; /* the answer: objects as JSON, with commas between them */
	size_t n_objects;
	json_t *warnings, *verbose;
	json_t *diff;       /* what was changed: [{kind, identity, before, after}] */
	json_t *sealed;     /* secrets that taking the change back needs: {aor: {...}} */
	bool what_if;       /* nothing is to be kept */
	uint64_t until_ms;  /* when a long list is given up: the vault has others to answer, too */
	struct list *mark;  /* what was noted for the processes before this command */
	struct diag diag;
	struct answer *answer; /* of this command */
	struct held *held;  /* it waits: the command is not done when it returns */
};

/* Runs one command inside the group of this turn; objects, or an error with call->diag. Writes its history and its line of the audit. */
err command_run(struct call *call, const char *what);
/* A line of the audit for what is no cmdlet; number and hash are set here. In the group of this turn. */
err command_audit_add(struct vault *v, const struct store_audit *line);
/* The line of a command that is done after all: what changes something, and everything that was refused. detail: what was changed, or "". */
void command_audit(struct vault *v, const struct cmd *cmd, const struct store_audit *who, err e, const struct diag *d);
/* Takes given parameters and the piped object by the rows; call->parameters becomes a new object that the caller drops. */
err command_parameters(struct call *call, const json_t *given);
/* "New-CsUser -SipAddress sip:ann@example.test -Password ***" */
void command_describe(const struct call *call, char *out, size_t size);
/* NULL: not given. JSON null: given as $null. */
json_t *command_value(const struct call *call, const char *name);
/* The text of a parameter; false when it was not given. */
bool command_text(const struct call *call, const char *name, str *out);
/* false when it was not given. */
bool command_bool(const struct call *call, const char *name, bool *out);
bool command_int(const struct call *call, const char *name, uint64_t *out);
/* Whether a switch was given. */
bool command_switch(const struct call *call, const char *name);
err command_add_object(struct call *call, json_t *object); /* takes over object; NULL: NO_MEMORY */
json_t *command_json(str text); /* a string; what is not UTF-8 is replaced by "?" */
json_t *command_uri(str aor);   /* "sip:ann@example.test", as identities of users are shown */
json_t *command_moment(uint64_t seconds); /* since 1970, as a DATE; null for 0 */
void command_warn(struct call *call, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void command_tell(struct call *call, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* for -Verbose */
/* Refuses what the roles of the author do not reach. */
err command_reach(struct call *call, const struct rbac_thing *t);
/* The same for a change to this server. */
err command_reach_server(struct call *call);

/* ---- place.c: the topology as services and sites ---- */

#define PLACE_MAX 512

struct place {
	const char *role; /* "Registrar" */
	str fqdn, site;   /* of the pool */
	const struct topo_pool *pool;       /* or */
	const struct topo_gateway *gateway;
};

err vault_read_topology(struct vault *v, struct diag *d);
/* Every service of the topology. */
void places_each(const struct vault *v, void (*fn)(void *arg, const struct place *p), void *arg);
/* By role and pool, without regard to case; false: there is none. */
bool place_find(const struct vault *v, str role, str fqdn, struct place *out);
/* The site in the letters of the topology; false: there is none. */
bool place_site(const struct vault *v, str name, str *out);
/* The role in its own letters, NULL: there is no such role; *near (NULL allowed) may say which was meant. */
const char *place_role(str word, str *near);
/* The pool that -Target names, which must be one that signs users in; warns of one that this server does not serve. */
err place_target(struct call *call, str *pool);
/* The pool of this server. */
str place_pool(const struct vault *v);

/* ---- identity.c ---- */

struct identity {
	const struct schema_kind *kind;
	size_t n;
	char text[SCHEMA_IDENTITY_MAX + 4]; /* as stored: "Global", "Site:Berlin", "Service:Registrar:pool01.example.test", "Tag:Sales", "Tag:Sales/Prefix All" */
	str site;          /* it belongs to; empty: it is global */
	size_t parent;     /* bytes of the parent's identity; 0: it has none */
	const struct schema_kind *parent_kind;
};

static inline str identity_str(const struct identity *i)
{
	return (str){ i->text, i->n };
}

/* Reads an identity as people write it. MALFORMED with the forms that there are, or what was meant. */
err identity_parse(struct call *call, const struct schema_kind *k, str given, struct identity *out);
/* Whether an instance is there without being stored: Global, a service of the topology, a built-in role. */
bool identity_is_implicit(const struct call *call, const struct identity *i);
/* Whether every service of the topology has one instance of this kind from the beginning. */
bool identity_is_of_services(const struct schema_kind *k);

/* ---- object.c: Get-, New-, Set-, Remove-, Move-, Grant- of every kind ---- */

err object_get(struct call *call);
err object_new(struct call *call);
err object_set(struct call *call);
err object_remove(struct call *call);
err object_grant(struct call *call);
err object_move(struct call *call);
/* Gives the instance that -Identity names, of kind k, one value; for cmdlets with a verb for it. Owns value. */
err object_set_property(struct call *call, const struct schema_kind *k, const char *property, json_t *value);
/* The stored body, or an empty one of an implicit instance; *out is the caller's. ABSENT. */
err object_load(struct call *call, const struct identity *i, json_t **out);
bool object_exists(struct call *call, const struct identity *i);
/* Applies the given properties (of parameters, or of -Instance) to a body. */
err object_apply(struct call *call, const struct schema_kind *k, const json_t *now, json_t *body);
/* All instances of a kind, implicit ones first; body is borrowed. Stops at an error. */
err object_each(struct call *call, const struct schema_kind *k, err (*fn)(void *arg, const struct identity *i, json_t *body), void *arg);
/* Whether an object passes -Filter and the like. */
bool object_passes(const struct call *call, str identity, const json_t *shown);
/* Answers an object that passes. Owns shown; NULL is NO_MEMORY. */
err object_offer(struct call *call, str identity, json_t *shown);

/* ---- change.c: what is changed, written with what it was before ---- */

/* Stores after (NULL: removes) and notes the difference; before may be NULL. Nothing happens when both are equal. */
err change_object(struct call *call, const struct schema_kind *k, str identity, const json_t *before, const json_t *after);
/* Notes a difference that was stored otherwise. */
err change_note(struct call *call, const char *kind, str identity, const json_t *before, const json_t *after);
bool change_is_empty(const struct call *call);
/* Puts stars in the place of a body's secrets, and answers them as an object (the caller's). k may be NULL. */
json_t *change_take_secrets(const struct schema_kind *k, json_t *body);
/* What stood before the change at this place of a command's history, with its secrets; the caller's. */
json_t *change_unseal(const json_t *body, const json_t *sealed, size_t place);

/* ---- effective.c: which instance holds ---- */

/* What the service of this server obeys now. CORRUPT never: unreadable values leave the default. */
/* The instance of a kind that holds for this server's registrar; NULL: none is declared. The caller frees it. */
json_t *effective_body(struct vault *v, enum schema_id kind);
err effective_config(struct vault *v, struct config *out, struct diag *d);
/* Whether people may prove themselves to web services by the scheme, "NTLM" or "Negotiate" (WebServiceConfiguration UseWindowsAuth). */
bool effective_windows_auth(struct vault *v, const char *scheme);
/* The identity that holds for a user with this body: granted, service, site, Global; *why says which. Good until the next call. */
err effective_policy(struct call *call, const struct schema_kind *k, const json_t *user, struct identity *out, const char **why);

/* ---- rights.c: who holds which roles ---- */

/* Fills the roles of a user by groups and their groups. */
err rights_load(struct vault *v, str aor, struct rbac *out);
/* Calls fn for each role with the groups by which it is held ("CsHelpDesk", "Support > CsHelpDesk"). */
err rights_each(struct vault *v, str aor, void (*fn)(void *arg, str role, json_t *body, const char *by), void *arg);

/* ---- the cmdlets ---- */

#define VAULT_AOR 255
/* "sip:Ann@Example.test" or without scheme, in a domain of ours, as an address of record. */
err command_address(struct call *call, str given, char out[VAULT_AOR], str *aor);
/* The same for a user who exists, also by SamAccountName, UPN or display name. */
err command_user_identity(struct call *call, str given, char out[VAULT_AOR], str *aor);
err command_find_domain(const char *domains, str domain);
/* The user as stored: DisplayName and Enabled among his properties. ABSENT. *out is the caller's. */
err command_user_body(struct call *call, str aor, json_t **out);
/* Sets a property of the user in -Identity to name; empty: unsets it. */
err command_user_grant_property(struct call *call, const struct schema_prop *p, str name);
/* Makes the user as he was before a change (null: removes him); sealed: what was kept of secrets when he was removed. */
err command_user_restore(struct call *call, str identity, const json_t *before, const json_t *sealed);
/* Refuses users outside the author's user scopes, and those who hold rights that he lacks. */
err command_reach_user(struct call *call, str aor, const json_t *body, bool writes);

#define COMMAND(name) err command_##name(struct call *call)
COMMAND(user_new);
COMMAND(user_get);
COMMAND(user_set);
COMMAND(user_remove);

COMMAND(user_enable);
COMMAND(user_disable);
COMMAND(user_move);
COMMAND(user_unlock);
COMMAND(ad_user_get);
COMMAND(user_pool_get);
COMMAND(effective_policy_get);
COMMAND(photo_import);
COMMAND(photo_get);
COMMAND(photo_remove);
COMMAND(pin_set);
COMMAND(pin_lock);
COMMAND(pin_unlock);
COMMAND(pin_get);
COMMAND(role_get);
COMMAND(role_new);
COMMAND(role_set);
COMMAND(role_remove);
COMMAND(role_update);
COMMAND(role_assignment_get);
COMMAND(role_test);
COMMAND(application_get);
COMMAND(application_new);
COMMAND(application_set);
COMMAND(group_new);
COMMAND(group_set);
COMMAND(group_remove);
COMMAND(totp_enable);
COMMAND(totp_disable);
COMMAND(wall_test);
COMMAND(wall_incident_get);
COMMAND(audit_get);
COMMAND(audit_test);
COMMAND(history_get);
COMMAND(history_restore);
COMMAND(config_export);
COMMAND(config_import);
COMMAND(store_backup);
COMMAND(replication_get);
COMMAND(replication_invoke);
COMMAND(enrolment_new);
COMMAND(enrolment_get);
COMMAND(enrolment_remove);
COMMAND(topology_get);
COMMAND(pool_get);
COMMAND(computer_get);
COMMAND(service_get);
COMMAND(version_get);
COMMAND(trunk_get);
COMMAND(process_get);
COMMAND(computer_enable);
COMMAND(process_stop);
COMMAND(process_start);
COMMAND(counter_get);
COMMAND(banned_address_get);
COMMAND(banned_address_remove);
COMMAND(voice_policy_copy);
COMMAND(dial_plan_test);
COMMAND(normalization_test);
COMMAND(route_test);
COMMAND(voice_policy_test);
COMMAND(trunk_test);
COMMAND(voice_user_test);
COMMAND(voice_test_test);
COMMAND(provider_enable);
COMMAND(provider_disable);
COMMAND(status_get);
COMMAND(certificate_request);
COMMAND(certificate_import);
COMMAND(certificate_set);
COMMAND(certificate_get);
COMMAND(certificate_remove);
COMMAND(certificate_export);
COMMAND(certificate_test);
COMMAND(federation_status);
COMMAND(federation_test);
COMMAND(keytab_import);
COMMAND(keytab_get);
COMMAND(keytab_remove);
COMMAND(challenge_new);
COMMAND(challenge_remove);
COMMAND(client_certificate_new);
COMMAND(client_certificate_revoke);
COMMAND(client_certificate_get);
#undef COMMAND

#endif
