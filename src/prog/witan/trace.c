/* SPDX-License-Identifier: Apache-2.0 */
/* witan trace: SIP messages of one user or address while it runs. */
#include "prog/witan/cmdlet_priv.h"
#include "service/shell.h"

#include <time.h>

static const char usage_text[] =
	"usage: witan [--dir DIR] trace --user sip:ann@example.test | --address 192.0.2.1 [--json]\n"
	"\n"
	"Shows the SIP messages of one user, or over connections of one address, until Ctrl-C. Credentials are masked.\n"
	"  --json    one JSON object a line\n";

static void show_message(const json_t *t)
{
	char now[32];
	time_t seconds = time(NULL);
	struct tm tm;
	(void)strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
	const json_t *message = json_object_get(t, "message");
	const char *request = json_string_value(json_object_get(t, "request")), *peer = json_string_value(json_object_get(t, "peer"));
	(void)printf("%s  request %s  %s ", now, request != NULL ? request : "", json_is_true(json_object_get(t, "outgoing")) ? "to" : "from");
	shell_print_text(stdout, str_of(peer));
	(void)putchar('\n');
	shell_print_text(stdout, (str){ json_string_value(message), json_string_length(message) });
	(void)fputs("\n", stdout);
}

static void show_line(const json_t *line, bool as_json)
{
	const json_t *t = json_object_get(line, "trace");
	if (as_json) {
		(void)json_dumpf(line, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else if (t != NULL) {
		show_message(t);
	} else {
		(void)fprintf(stderr, "witan trace: %lld messages were too many to show\n",
			(long long)json_integer_value(json_object_get(line, "lost")));
	}
	(void)fflush(stdout);
}

static err follow(struct control *c, json_t *parameters, bool as_json, struct diag *d)
{
	json_t *line = NULL;
	TRY(control_ask(c, "trace", parameters, d));
	TRY(control_read(c, &line, d));
	err e = control_result(line, d);
	json_decref(line);
	while (!failed(e) && ferror(stdout) == 0) {
		e = control_read(c, &line, d);
		if (failed(e))
			break;
		show_line(line, as_json);
		json_decref(line);
	}
	return e;
}

int trace_main(int argc, char **argv, const char *dir)
{
	json_t *parameters = json_object();
	bool as_json = false, bad = argc < 2 || parameters == NULL;
	for (int i = 1; i < argc && !bad; i++) {
		str word = str_of(argv[i]);
		if (str_eq(word, STR("--help"))) {
			(void)fputs(usage_text, stdout);
			json_decref(parameters);
			return WITAN_DONE;
		}
		bool user = str_eq(word, STR("--user")), address = str_eq(word, STR("--address"));
		if (str_eq(word, STR("--json")))
			as_json = true;
		else if ((user || address) && i + 1 < argc)
			bad = json_object_set_new(parameters, user ? "User" : "Address", json_string(argv[++i])) != 0;
		else
			bad = true;
	}
	if (bad || json_object_size(parameters) != 1) {
		json_decref(parameters);
		return witan_usage(argv[0], "say either --user or --address");
	}
	struct control c;
	struct diag d = { 0 };
	err e = control_open(&c, dir, &d);
	if (!failed(e)) {
		e = follow(&c, parameters, as_json, &d);
		control_close(&c);
	}
	json_decref(parameters);
	return failed(e) ? witan_fail(argv[0], e, &d) : WITAN_DONE;
}
