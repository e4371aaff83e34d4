/* SPDX-License-Identifier: Apache-2.0 */
/* The account: sign-in with its settings, coming back after a lost connection, own status. */
#include "sipe_client.h"

#include <string.h>

static unsigned come_back_after; /* seconds; 0: never */
static guint come_back_timer;

static gboolean come_back(gpointer user)
{
	come_back_timer = 0;
	client_tell("trying-again", "{}");
	purple_account_connect(client_account);
	return G_SOURCE_REMOVE;
}

/* A lost connection is tried again as windows of this client do it; a refusal (password, certificate) is for good. */
static void on_error(PurpleConnection *gc, PurpleConnectionError code, const char *text, gpointer user)
{
	bool final = purple_connection_error_is_fatal(code);
	client_tell("connection-error", "{s:i,s:b,s:s?}", "code", (int)code, "final", final, "text", text);
	if (!final && come_back_after && !come_back_timer)
		come_back_timer = g_timeout_add_seconds(come_back_after, come_back, NULL);
}

static void on_connection(PurpleConnection *gc, gpointer name)
{
	client_tell(name, "{}");
}

static void on_own_status(PurpleAccount *account, PurpleStatus *was, PurpleStatus *is, gpointer user)
{
	client_tell("own-status", "{s:s,s:s?}", "status", purple_status_get_id(is), "note",
		purple_status_get_attr_string(is, "message"));
}

void account_watch(void)
{
	static int me;
	static char on[] = "signed-on", off[] = "signed-off";
	void *connections = purple_connections_get_handle();
	purple_signal_connect(connections, "signed-on", &me, PURPLE_CALLBACK(on_connection), on);
	purple_signal_connect(connections, "signed-off", &me, PURPLE_CALLBACK(on_connection), off);
	purple_signal_connect(connections, "connection-error", &me, PURPLE_CALLBACK(on_error), NULL);
	purple_signal_connect(
		purple_accounts_get_handle(), "account-status-changed", &me, PURPLE_CALLBACK(on_own_status), NULL);
}

static const char *trust(const char *file)
{
	PurpleCertificateScheme *x509 = purple_certificate_find_scheme("x509");
	PurpleCertificatePool *pool = purple_certificate_find_pool("x509", "ca");
	GSList *found = x509 ? purple_certificates_import(x509, file) : NULL;
	if (!found || !pool)
		return "the CA file cannot be read";
	const char *why = NULL;
	for (GSList *one = found; one; one = one->next) {
		char *name = purple_certificate_get_unique_id(one->data);
		if (!purple_certificate_pool_store(pool, name, one->data))
			why = "the CA is not taken";
		g_free(name);
		purple_certificate_destroy(one->data);
	}
	g_slist_free(found);
	return why;
}

/* Texts of the command that are settings of the plugin under the same name. "authentication" is ntlm, krb5, tls-dsk or
 * auto. */
static const struct {
	const char *name, *otherwise;
} settings[] = {
	{ "server", "" },
	{ "transport", "tls" },
	{ "authentication", "auto" },
	{ "useragent", NULL },
};

static void set_up(json_t *line)
{
	for (size_t i = 0; i < G_N_ELEMENTS(settings); i++) {
		const char *value = command_text(line, settings[i].name);
		if (value || settings[i].otherwise)
			purple_account_set_string(
				client_account, settings[i].name, value ? value : settings[i].otherwise);
	}
	purple_account_set_bool(client_account, "sso", json_is_true(json_object_get(line, "sso")));
	purple_account_set_bool(
		client_account, "dont-publish", TRUE); /* else it looks for a calendar server over HTTPS */
	const char *password = command_text(line, "password");
	if (password)
		purple_account_set_password(client_account, password);
	names_set(json_object_get(line, "hosts"), json_object_get(line, "srv"));
	come_back_after = (unsigned)json_integer_value(json_object_get(line, "come-back"));
}

/* uri, login, password or sso, server, ca, authentication, transport, status, note, come-back (seconds), hosts and srv
 * (sipe_names.c) */
const char *account_sign_in(json_t *line, json_t *answer)
{
	const char *uri = command_text(line, "uri"), *login = command_text(line, "login"),
		   *ca = command_text(line, "ca");
	const char *status = command_text(line, "status"), *note = command_text(line, "note");
	if (client_account)
		return "signed in already; connect and sign-off are for the same account";
	if (!uri)
		return "uri is missing";
	const char *why = ca ? trust(ca) : NULL;
	if (why)
		return why;
	char *name = login ? g_strdup_printf("%s,%s", uri, login) : g_strdup(uri);
	client_account = purple_account_new(name, CLIENT_PLUGIN);
	g_free(name);
	purple_accounts_add(client_account);
	purple_account_set_remember_password(client_account, TRUE); /* else it is asked for at every connection */
	set_up(line);
	purple_account_set_status(client_account, status ? status : "available", TRUE, "message", note, NULL);
	purple_account_set_enabled(client_account, CLIENT_UI, TRUE);
	return NULL;
}

const char *account_sign_off(json_t *line, json_t *answer)
{
	if (come_back_timer)
		g_source_remove(come_back_timer);
	come_back_timer = 0;
	purple_account_set_enabled(client_account, CLIENT_UI, FALSE);
	return NULL;
}

const char *account_connect(json_t *line, json_t *answer)
{
	const char *password = command_text(line, "password");
	if (password)
		purple_account_set_password(client_account, password);
	if (purple_account_get_enabled(client_account, CLIENT_UI))
		purple_account_connect(client_account);
	else
		purple_account_set_enabled(client_account, CLIENT_UI, TRUE);
	return NULL;
}

/* status, note */
const char *account_set_status(json_t *line, json_t *answer)
{
	const char *status = command_text(line, "status"), *note = command_text(line, "note");
	if (!status || !purple_account_get_status(client_account, status))
		return "no such status";
	purple_account_set_status(client_account, status, TRUE, "message", note, NULL);
	return NULL;
}
