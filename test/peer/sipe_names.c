/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for the client that no name server of this machine has: the members hosts and srv of sign-in. A host may stand
 * with the port that the client asks for, "lyncdiscover.example.test:443": "127.0.0.1:18443", and leads then to that
 * port here, so that a test needs no port below 1024. With hosts given, what is not in it does not exist. Each question
 * is the event look-up.
 */
#include "sipe_client.h"

#include <arpa/inet.h>
#include <dnsquery.h>
#include <dnssrv.h>
#include <string.h>

static json_t *hosts, *services;

/* "address" or "address:port"; IPv4, as loopback tests have it. */
static bool read_address(const char *text, unsigned short port, struct sockaddr_in *out)
{
	char **parts = g_strsplit(text, ":", 2);
	guint64 other = port;
	*out = (struct sockaddr_in){ .sin_family = AF_INET };
	bool good = inet_pton(AF_INET, parts[0], &out->sin_addr) == 1 &&
		    (!parts[1] || g_ascii_string_to_unsigned(parts[1], 10, 1, 65535, &other, NULL));
	out->sin_port = htons((unsigned short)other);
	g_strfreev(parts);
	return good;
}

static const char *find_host(const char *name, unsigned short port)
{
	char *low = g_ascii_strdown(name, -1), *full = g_strdup_printf("%s:%u", low, port);
	const char *found = json_string_value(json_object_get(hosts, full));
	if (!found)
		found = json_string_value(json_object_get(hosts, low));
	g_free(full);
	g_free(low);
	return found;
}

static gboolean on_host(
	PurpleDnsQueryData *query, PurpleDnsQueryResolvedCallback resolved, PurpleDnsQueryFailedCallback failed)
{
	const char *name = purple_dnsquery_get_host(query);
	unsigned short port = purple_dnsquery_get_port(query);
	struct sockaddr_in address;
	bool literal = read_address(name, port, &address);
	if (!literal)
		client_tell("look-up", "{s:s,s:s,s:i}", "type", "host", "name", name, "port", (int)port);
	if (!hosts)
		return FALSE;
	const char *found = literal ? name : find_host(name, port);
	if (!found || !read_address(found, port, &address)) {
		failed(query, "no such name");
		return TRUE;
	}
	GSList *list = g_slist_append(NULL, GSIZE_TO_POINTER(sizeof address));
	resolved(query, g_slist_append(list, g_memdup2(&address, sizeof address)));
	return TRUE;
}

/* A question about a service that is answered from the main loop: who asks does not know its own question before the
 * call returns. */
struct service {
	PurpleSrvTxtQueryData *query;
	PurpleSrvTxtQueryResolvedCallback resolved;
	PurpleSrvTxtQueryFailedCallback failed;
	guint idle;
};

static GList *asked;

static gboolean answer_service(gpointer user)
{
	struct service one = *(struct service *)user;
	asked = g_list_remove(asked, user);
	g_free(user);
	char *name = g_ascii_strdown(purple_srv_txt_query_get_query(one.query), -1);
	json_t *target = json_object_get(services, name);
	const char *host = json_string_value(json_array_get(target, 0));
	g_free(name);
	if (!host) {
		one.failed(one.query, "no such name");
		return G_SOURCE_REMOVE;
	}
	PurpleSrvResponse *record = g_new0(PurpleSrvResponse, 1);
	g_strlcpy(record->hostname, host, sizeof record->hostname);
	record->port = (int)json_integer_value(json_array_get(target, 1));
	one.resolved(one.query, g_list_append(NULL, record));
	return G_SOURCE_REMOVE;
}

static gboolean on_service(PurpleSrvTxtQueryData *query, PurpleSrvTxtQueryResolvedCallback resolved,
	PurpleSrvTxtQueryFailedCallback failed)
{
	client_tell("look-up", "{s:s,s:s}", "type", "srv", "name", purple_srv_txt_query_get_query(query));
	if (!hosts)
		return FALSE;
	struct service *one = g_new(struct service, 1);
	*one = (struct service){ query, resolved, failed, g_idle_add(answer_service, one) };
	asked = g_list_append(asked, one);
	return TRUE;
}

static void on_service_destroy(PurpleSrvTxtQueryData *query)
{
	for (GList *link = asked; link; link = link->next) {
		struct service *one = link->data;
		if (one->query != query)
			continue;
		g_source_remove(one->idle);
		asked = g_list_delete_link(asked, link);
		g_free(one);
		return;
	}
}

static void on_destroy(PurpleDnsQueryData *query)
{
}

void names_set(json_t *host_table, json_t *service_table)
{
	static PurpleDnsQueryUiOps host_doors = { .resolve_host = on_host, .destroy = on_destroy };
	static PurpleSrvTxtQueryUiOps service_doors = { .resolve = on_service, .destroy = on_service_destroy };
	hosts = json_incref(host_table);
	services = json_incref(service_table);
	purple_dnsquery_set_ui_ops(&host_doors);
	purple_srv_txt_query_set_ui_ops(&service_doors);
}
