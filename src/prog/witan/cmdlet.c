/* SPDX-License-Identifier: Apache-2.0 */
/* One cmdlet straight from another shell: `witan Get-CsUser -Identity sip:ann@example.test -As json`. */
#include "prog/witan/cmdlet_priv.h"
#include "prog/witan/console.h"

#include <stdlib.h>

/* Takes -As HOW (or -As:HOW) out of the words. */
static err take_as(int *argc, char **argv, enum shell_as *as)
{
	int n = 1;
	for (int i = 1; i < *argc; i++) {
		str word = str_of(argv[i]), value, name = word;
		if (!cmd_take_dash(&name) || !str_eq_case(str_split(name, ':', &value), STR("As"))) {
			argv[n++] = argv[i];
			continue;
		}
		if (value.n == 0) {
			ENSURE(++i < *argc, USAGE);
			value = str_of(argv[i]);
		}
		ENSURE(shell_as_find(value, as), USAGE);
	}
	argv[n] = NULL;
	*argc = n;
	return OK;
}

static bool wants_help(int argc, char **argv)
{
	return argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0 || strcmp(argv[1], "-h") == 0);
}

static int run(int argc, char **argv, const struct console_where *where, enum shell_as as)
{
	struct console c;
	struct diag d = { 0 };
	str *words = calloc((size_t)argc + 1, sizeof *words);
	err e = words != NULL ? console_open(&c, where, &d) : ERR(NO_MEMORY);
	if (failed(e)) {
		free(words);
		return witan_fail(argv[0], e, &d);
	}
	for (int i = 0; i < argc; i++)
		words[i] = str_of(argv[i]);
	c.as = as;
	e = console_run_words(&c, (size_t)argc, words);
	console_close(&c);
	free(words);
	return !failed(e) ? WITAN_DONE : err_is(e, ERR_USAGE) ? WITAN_USAGE : WITAN_REFUSED;
}

int cmdlet_main(int argc, char **argv, const struct console_where *where)
{
	enum shell_as as = SHELL_AS_AUTO;
	if (wants_help(argc, argv))
		return run(3, (char *[]){ (char[]){ "Get-Help" }, argv[0], (char[]){ "-Full" }, NULL }, where, as);
	if (failed(take_as(&argc, argv, &as)))
		return witan_usage(argv[0], "-As takes table, list, json or csv");
	return run(argc, argv, where, as);
}
