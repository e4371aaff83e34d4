/* SPDX-License-Identifier: Apache-2.0 */
/* What the process of an Edge is told: limits and certificates. Of people it is told nothing. */
#include "role/vault/vault_priv.h"
#include "service/fed.h"

#include <stdlib.h>
#include <unistd.h>

struct vault_edge {
	struct vault *vault;
	struct ipc *channel;
};

/* A channel that does not take a message is broken and closes by itself (on_close). */
static void sent(err e)
{
	(void)failed(e);
}

void vault_edge_settings(struct vault *v)
{
	if (v->edge == NULL)
		return;
	for (size_t i = 0; i < CONFIG_N; i++) {
		char text[CONFIG_TEXT];
		sent(ipc_send_setting(v->edge->channel, &(struct ipc_setting){ .object = str_of(schema_kinds[config_defs[i].kind].name),
			.property = str_of(config_defs[i].property), .value = str_of(config_print(&v->config, &config_defs[i], text)) }, -1));
	}
}

/* ---- partners ---- */

static const char *const levels[] = { "UseSourceVerification", "AlwaysVerifiable", "AlwaysUnverifiable" }; /* as enum fed_level has them */

static uint8_t level_of(const json_t *body, const char *property)
{
	const char *word = json_string_value(json_object_get(body, property));
	for (uint8_t i = 0; word != NULL && i < sizeof levels / sizeof *levels; i++)
		if (strcmp(word, levels[i]) == 0)
			return i;
	return FED_BY_SOURCE;
}

static str text_of(const json_t *body, const char *property)
{
	return str_of(json_string_value(json_object_get(body, property)));
}

/* People of a provider have its domain, or any that DNS leads to its server. */
static str provider_domain(const json_t *body)
{
	str rest, decoration = text_of(body, "NameDecorationDomain");
	(void)str_split(text_of(body, "ProxyFqdn"), '.', &rest);
	return decoration.n != 0 ? decoration : rest;
}

/* The kinds that say something about partners. */
static const struct partner_kind {
	enum schema_id id;
	enum fed_kind kind;
	bool is_provider;
} partner_kinds[] = {
	{ SCHEMA_ID_BlockedDomain, FED_BLOCKED, false },
	{ SCHEMA_ID_AllowedDomain, FED_ALLOWED, false },
	{ SCHEMA_ID_HostingProvider, FED_HOSTING, true },
	{ SCHEMA_ID_PublicProvider, FED_PUBLIC, true },
};

struct telling {
	const struct vault_edge *edge;
	const struct partner_kind *of;
};

static void tell(const struct vault_edge *e, const struct ipc_partner *m)
{
	sent(ipc_send_partner(e->channel, m, -1));
}

static void tell_partner(void *arg, const struct store_object *o)
{
	const struct telling *t = arg;
	json_t *body = json_loadb(o->body.p, o->body.n, 0, NULL);
	if (body == NULL || (t->of->is_provider && !json_is_true(json_object_get(body, "Enabled")))) {
		json_decref(body);
		return;
	}
	tell(t->edge, &(struct ipc_partner){ .kind = (uint8_t)t->of->kind, .level = level_of(body, "VerificationLevel"), .proxy = text_of(body, "ProxyFqdn"),
		.domain = t->of->is_provider ? provider_domain(body) : o->identity });
	json_decref(body);
}

/* How far those are trusted who are in no list, and where everything goes that has no other way. */
static void tell_unlisted(void *arg, const struct store_object *o)
{
	const struct vault_edge *e = arg;
	json_t *body = json_loadb(o->body.p, o->body.n, 0, NULL);
	tell(e, &(struct ipc_partner){ .kind = FED_DISCOVERED, .level = level_of(body, "DiscoveredPartnerVerificationLevel") });
	tell(e, &(struct ipc_partner){ .kind = FED_DEFAULT, .level = level_of(body, "VerificationLevel"), .proxy = text_of(body, "DefaultRouteFqdn") });
	json_decref(body);
}

static void tell_partners(struct vault *v)
{
	tell(v->edge, &(struct ipc_partner){ .kind = FED_DISCOVERED });
	tell(v->edge, &(struct ipc_partner){ .kind = FED_DEFAULT });
	err e = store_objects_each(v->store, STR("AccessEdgeConfiguration"), tell_unlisted, v->edge);
	tell(v->edge, &(struct ipc_partner){ .is_first = 1, .kind = FED_UNLISTED });
	for (size_t i = 0; !failed(e) && i < sizeof partner_kinds / sizeof *partner_kinds; i++)
		e = store_objects_each(v->store, str_of(schema_kinds[partner_kinds[i].id].name), tell_partner, &(struct telling){ v->edge, &partner_kinds[i] });
	if (!failed(e)) /* otherwise what was told before holds: a list that is not whole may be worse than an old one */
		tell(v->edge, &(struct ipc_partner){ .is_last = 1, .kind = FED_UNLISTED });
}

void vault_edge_partners(struct vault *v, enum schema_id changed)
{
	bool concerns = changed == SCHEMA_ID_AccessEdgeConfiguration;
	for (size_t i = 0; i < sizeof partner_kinds / sizeof *partner_kinds; i++)
		concerns = concerns || partner_kinds[i].id == changed;
	if (v->edge != NULL && v->store != NULL && concerns)
		tell_partners(v);
}

void vault_edge_applications(struct vault *v)
{
	if (v->edge != NULL && v->store != NULL)
		sent(vault_send_applications(v, v->edge->channel, "EdgeServer"));
}

void vault_edge_revocations(struct vault *v)
{
	if (v->edge != NULL)
		sent(vault_send_revocations(v, v->edge->channel));
}

void vault_edge_certificate(struct vault *v)
{
	if (v->edge == NULL)
		return;
	sent(vault_send_certificate(v, v->edge->channel, VAULT_EDGE_INSIDE));
	sent(vault_send_certificate(v, v->edge->channel, VAULT_EDGE_OUTSIDE));
	sent(ipc_send_snapshot_end(v->edge->channel, &(struct ipc_snapshot_end){ .version = v->told }, -1));
}

err vault_edge_ask(struct vault *v, uint64_t id, str domain, str target)
{
	ENSURE(v->edge != NULL, BUSY);
	return ipc_send_fed_ask(v->edge->channel, &(struct ipc_fed_ask){ .id = id, .domain = domain, .target = target }, -1);
}

static err on_message(void *arg, struct ipc *from, enum ipc_type type, str body, int fd)
{
	struct vault *v = ((struct vault_edge *)arg)->vault;
	if (type == IPC_BAN)
		return vault_on_ban(v, body);
	if (type == IPC_FED_TELL)
		return vault_on_fed_tell(v, body);
	return type == IPC_LIST_MISSING ? vault_on_list_missing(v, body) : ERR(MALFORMED);
}

static void on_close(void *arg, struct ipc *from)
{
	struct vault_edge *e = arg;
	e->vault->edge = NULL;
	vault_edge_lost(e->vault);
	free(e);
}

static const struct ipc_door door = { .on_message = on_message, .on_close = on_close };

void vault_edge_open(struct vault *v, int fd)
{
	struct vault_edge *e = calloc(1, sizeof *e);
	if (e == NULL) {
		(void)close(fd);
		return;
	}
	*e = (struct vault_edge){ .vault = v };
	if (failed(ipc_open(v->skel->loop, fd, &door, e, &e->channel))) {
		free(e);
		return;
	}
	vault_edge_close(v);
	v->edge = e;
	vault_edge_settings(v);
	vault_tell_bans(v, e->channel);
	vault_edge_partners(v, SCHEMA_ID_AccessEdgeConfiguration);
	vault_edge_applications(v);
	vault_edge_revocations(v);
	vault_edge_certificate(v);
}

struct ipc *vault_edge_channel(const struct vault *v)
{
	return v->edge != NULL ? v->edge->channel : NULL;
}

void vault_edge_close(struct vault *v)
{
	if (v->edge == NULL)
		return;
	ipc_close(v->edge->channel);
	free(v->edge);
	v->edge = NULL;
	vault_edge_lost(v);
}
