/* SPDX-License-Identifier: Apache-2.0 */
/* witan status: whether all is well with a server, for people and for programs that watch it. */
#include "prog/witan/cmdlet_priv.h"
#include "prog/witan/console.h"

#include <stdio.h>
#include <stdlib.h>

static void print_table(const json_t *rows)
{
	size_t i;
	json_t *one;
	(void)printf("%-15s %-44s %-6s %-5s %s\n", "Kind", "Name", "", "Days", "State");
	json_array_foreach(rows, i, one) {
		const json_t *days = json_object_get(one, "Days");
		char text[24] = "";
		if (days != NULL)
			(void)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(days));
		(void)printf("%-15s %-44s %-6s %-5s %s\n", json_string_value(json_object_get(one, "Kind")), json_string_value(json_object_get(one, "Name")),
			json_is_true(json_object_get(one, "Ok")) ? "ok" : "WRONG", text, json_string_value(json_object_get(one, "State")));
	}
}

static bool is_well(const json_t *rows)
{
	size_t i;
	json_t *one;
	bool all = json_array_size(rows) != 0;
	json_array_foreach(rows, i, one)
		all = all && json_is_true(json_object_get(one, "Ok"));
	return all;
}

static int show(const json_t *rows, bool as_json)
{
	if (as_json) {
		(void)json_dumpf(rows, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	} else {
		print_table(rows);
	}
	return is_well(rows) ? WITAN_DONE : WITAN_REFUSED;
}

int status_main(int argc, char **argv, const struct console_where *where)
{
	struct console c;
	struct diag d = { 0 };
	const char *format = "table";
	json_t *rows = NULL;
	int status;
	const struct witan_option options[] = {
		{ "--format", WITAN_TEXT, &format, "table|json", "how it is printed (default: table)", 0 },
		{ NULL, WITAN_FLAG, NULL, NULL, NULL, 0 },
	};
	if (!witan_options(argc, argv, "[OPTION...]\n\nSays whether all is well: processes, listeners, certificates and the days that are left to them, revocation lists.\nExit status 1: something is wrong.",
		    options, &status))
		return status;
	if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
		return witan_usage(argv[0], "--format cannot be \"%s\": table or json", format);
	err e = console_open(&c, where, &d);
	if (!failed(e)) {
		e = console_get(&c, "Get-CsServerStatus", &rows, &d);
		console_close(&c);
	}
	if (failed(e))
		return witan_fail(argv[0], e, &d);
	status = show(rows, strcmp(format, "json") == 0);
	json_decref(rows);
	return status;
}
