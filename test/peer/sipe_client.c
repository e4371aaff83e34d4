/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: sipe_client --home DIR [--debug FILE] [--host NAME]
 *
 *   --home DIR     the user directory of libpurple; a new one is a client that nobody has used before
 *   --debug FILE   what libpurple and the plugin log, every SIP and HTTP message included
 *   --host NAME    takes this host name for itself: an endpoint is known by user and host name, so the second client of
 * a user on one machine needs another
 *
 * Reads commands on standard input, one JSON object a line: {"do": "send", "id": 7, "who": "sip:bob@example.test",
 * "text": "hello"}. Prints one JSON object a line: {"event": "answer", "id": 7, "ok": true} and what happens. Ends with
 * status 0 on the command quit, at the end of its input and on SIGTERM, signed off each time; with 2 if it cannot
 * start.
 */
#include "sipe_client.h"

#include <errno.h>
#include <glib-unix.h>
#include <locale.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 1 << 20,
};

PurpleAccount *client_account;
static GMainLoop *loop;
static FILE *debug_file;
static bool hushed;
static gint64 begin;

static double seconds(void)
{
	return (double)(g_get_monotonic_time() - begin) / 1e6;
}

void client_tell_object(const char *name, json_t *members)
{
	json_object_set_new(members, "event", json_string(name));
	json_object_set_new(members, "at", json_real(seconds()));
	char *text = json_dumps(members, JSON_COMPACT | JSON_REAL_PRECISION(9));
	if (text)
		puts(text);
	fflush(stdout);
	free(text);
	json_decref(members);
}

void client_tell(const char *name, const char *fmt, ...)
{
	json_error_t why;
	va_list list;
	va_start(list, fmt);
	json_t *members = json_vpack_ex(&why, 0, fmt, list);
	va_end(list);
	if (!members)
		members = json_pack("{s:s}", "unprintable", why.text);
	client_tell_object(name, members);
}

void client_quit(void)
{
	g_main_loop_quit(loop);
}

void client_hush(bool on)
{
	hushed = on;
}

/* ---- libpurple's event loop is GLib's ---- */

struct watch {
	PurpleInputFunction call;
	gpointer user;
};

static gboolean watch_ready(gint fd, GIOCondition what, gpointer user)
{
	const struct watch *w = user;
	unsigned found = 0;
	if (what & (G_IO_IN | G_IO_HUP | G_IO_ERR))
		found |= PURPLE_INPUT_READ;
	if (what & (G_IO_OUT | G_IO_ERR | G_IO_NVAL))
		found |= PURPLE_INPUT_WRITE;
	w->call(w->user, fd, (PurpleInputCondition)found);
	return G_SOURCE_CONTINUE;
}

static guint watch_add(gint fd, PurpleInputCondition wanted, PurpleInputFunction call, gpointer user)
{
	struct watch *w = g_new(struct watch, 1);
	*w = (struct watch){ call, user };
	unsigned what = G_IO_ERR | G_IO_HUP | G_IO_NVAL;
	if (wanted & PURPLE_INPUT_READ)
		what |= G_IO_IN;
	if (wanted & PURPLE_INPUT_WRITE)
		what |= G_IO_OUT;
	return g_unix_fd_add_full(G_PRIORITY_DEFAULT, fd, (GIOCondition)what, watch_ready, w, g_free);
}

static PurpleEventLoopUiOps loop_doors = {
	.timeout_add = g_timeout_add,
	.timeout_add_seconds = g_timeout_add_seconds,
	.timeout_remove = g_source_remove,
	.input_add = watch_add,
	.input_remove = g_source_remove,
};

/* ---- the log ---- */

/* The plugin drops what the server's list does not have when that list comes. Nothing but its log says when that has
 * been, and a contact added before is lost. */
static const char list_taken[] = "sipe_buddy_cleanup_local_list: overall";

static void debug_print(PurpleDebugLevel level, const char *category, const char *text)
{
	if (g_str_has_prefix(text, list_taken))
		client_tell("contacts-loaded", "{}");
	if (!debug_file || hushed)
		return;
	fprintf(debug_file, "%9.3f %s: %s", seconds(), category ? category : "-", text);
	fflush(debug_file);
}

static gboolean debug_wanted(PurpleDebugLevel level, const char *category)
{
	return debug_file || g_strcmp0(category, "sipe") == 0;
}

static PurpleDebugUiOps debug_doors = { .print = debug_print, .is_enabled = debug_wanted };

/* ---- commands ---- */

static gboolean stdin_ready(gint fd, GIOCondition what, gpointer user)
{
	GString *line = user;
	char block[4096];
	ssize_t n = read(fd, block, sizeof block);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return G_SOURCE_CONTINUE;
	if (n <= 0 || line->len + (size_t)n > LINE_MAX_BYTES) {
		client_quit();
		return G_SOURCE_REMOVE;
	}
	g_string_append_len(line, block, n);
	for (char *end; (end = memchr(line->str, '\n', line->len));) {
		char *one = g_strndup(line->str, (gsize)(end - line->str));
		g_string_erase(line, 0, end - line->str + 1);
		command_obey(one);
		g_free(one);
	}
	return G_SOURCE_CONTINUE;
}

static gboolean end_asked(gpointer user)
{
	client_quit();
	return G_SOURCE_CONTINUE;
}

/* ---- start ---- */

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "sipe_client: %s%s%s\n", what, why ? ": " : "", why ? why : "");
	return 2;
}

static bool take_host_name(const char *name)
{
	int flags = CLONE_NEWUTS | (geteuid() == 0 ? 0 : CLONE_NEWUSER);
	return unshare(flags) == 0 && sethostname(name, strlen(name)) == 0;
}

static bool start_purple(const char *home)
{
	purple_util_set_user_dir(home);
	purple_debug_set_enabled(FALSE);
	purple_debug_set_ui_ops(&debug_doors);
	purple_debug_set_verbose(debug_file != NULL);
	purple_debug_set_unsafe(debug_file != NULL); /* else the plugin leaves out what messages say */
	purple_eventloop_set_ui_ops(&loop_doors);
	purple_plugins_add_search_path("/usr/lib/purple-2");
	if (!purple_core_init(CLIENT_UI))
		return false;
	purple_set_blist(purple_blist_new());
	purple_prefs_load();
	purple_prefs_set_bool("/purple/logging/log_ims", FALSE);
	return true;
}

static void run(void)
{
	GString *line = g_string_new(NULL);
	account_watch();
	event_watch();
	request_watch();
	g_unix_signal_add(SIGTERM, end_asked, NULL);
	g_unix_signal_add(SIGINT, end_asked, NULL);
	g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, stdin_ready, line);
	client_tell("ready", "{s:s,s:s}", "purple", purple_core_get_version(), "plugin",
		purple_plugin_get_version(purple_find_prpl(CLIENT_PLUGIN)));
	g_main_loop_run(loop);
	if (client_account)
		purple_account_set_enabled(client_account, CLIENT_UI, FALSE);
	purple_core_quit();
	g_string_free(line, TRUE);
}

int main(int argc, char **argv)
{
	char *home = NULL, *debug = NULL, *host = NULL;
	GOptionEntry options[] = {
		{ "home", 0, 0, G_OPTION_ARG_FILENAME, &home, "user directory of libpurple", "DIR" },
		{ "debug", 0, 0, G_OPTION_ARG_FILENAME, &debug, "file for the log with every message", "FILE" },
		{ "host", 0, 0, G_OPTION_ARG_STRING, &host, "host name to take", "NAME" },
		{ NULL },
	};
	GError *why = NULL;
	setlocale(LC_ALL, "C.UTF-8"); /* the plugin converts the password for NTLM from the charset of the locale */
	begin = g_get_monotonic_time();
	GOptionContext *parser = g_option_context_new("- pidgin-sipe without a window; commands on standard input");
	g_option_context_add_main_entries(parser, options, NULL);
	if (!g_option_context_parse(parser, &argc, &argv, &why))
		return fail("bad arguments", why->message);
	g_option_context_free(parser);
	if (!home)
		return fail("--home DIR is missing", NULL);
	if (host && !take_host_name(host))
		return fail("cannot take another host name (needs root or user namespaces)", strerror(errno));
	if (debug && !(debug_file = fopen(debug, "we")))
		return fail(debug, strerror(errno));
	loop = g_main_loop_new(NULL, FALSE);
	if (!start_purple(home))
		return fail("libpurple does not start", NULL);
	if (!purple_ssl_is_supported() || !purple_find_prpl(CLIENT_PLUGIN))
		return fail("no TLS or no plugin prpl-sipe (Debian: pidgin-sipe)", NULL);
	run();
	g_main_loop_unref(loop);
	return 0;
}
