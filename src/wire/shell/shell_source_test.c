/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that administrators copy from their documents, verbatim; cut at every length; with every allocation
 * failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/shell.h"

static const char *const sources[] = {
#include "wire/shell_published.def"
};

/* Every construct at least once. */
static const char everything[] =
	"[CmdletBinding()]\nparam([Parameter(Mandatory=$true)][ValidateSet('a')][string]$A = \"x\")\n"
	"function F($x) { if ($x -gt 1) { return 2 } elseif ($y) { } else { throw 'a' } }\n"
	"foreach ($u in 1..5) { $u++ }; for ($i = 0; ; --$i) { break }\nwhile ($true) { continue }\ndo { x } until "
	"(1)\n"
	"switch -regex ($a) { '^x' { 1 } {$_} { } default { } }\ntry { A } catch { B } finally { C }\n"
	"$h = @{ A = 1; \"b\" = 'it''s'; $c = 2 }; $h.A[-1].\"b c\" += $h.M(1, $x) * 1.5KB\n"
	"& $c @args -P:$true -Q \"a`\"b $($x.Y | Z) ${n} $u.v\" a$b/c 'x',\"y\" {$_.Z -like '*'} # end\n"
	"<# c #> [int]$z = [math]::Round(1, 2) -f 1, 2 -join ',' -is [string]\n@\"\nhere $x\n\"@ | % { , $_ }; "
	"@'\nh\n'@; exit\n";

static const str source = { everything, sizeof everything - 1 };

static err parse(str text, uint32_t fail_after)
{
	struct arena a;
	struct diag d = { 0 };
	struct shell_node *n = NULL;
	arena_init(&a, 1 << 26);
	a.fail_after = fail_after;
	/* in memory of exactly its size, so that a step too far is seen */
	char *copy = malloc(text.n != 0 ? text.n : 1);
	assert_non_null(copy);
	if (text.n != 0)
		memcpy(copy, text.p, text.n);
	err e = shell_parse(&a, (str){ copy, text.n }, &n, &d);
	if (!failed(e))
		assert_true(n->kind == SHELL_BLOCK && n->n == 2);
	else if (!err_is(e, ERR_NO_MEMORY))
		assert_true(d.line != 0 && d.column != 0 && d.what[0] != '\0' && d.remedy[0] != '\0');
	arena_fini(&a);
	free(copy);
	return e;
}

static void sources_are_read(void **state)
{
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		if (failed(parse(str_of(sources[i]), 0)))
			fail_msg("%s", sources[i]);
	assert_false(failed(parse(source, 0)));
}

static void cut_at(str text)
{
	for (size_t n = 0; n < text.n; n++) {
		err e = parse(str_cut(text, 0, n), 0);
		if (failed(e) && !err_is(e, ERR_INCOMPLETE) && !err_is(e, ERR_MALFORMED))
			fail_msg("%s at %zu of %.*s", e.def->name, n, STR_FMT(text));
	}
}

static void cut_at_every_length(void **state)
{
	cut_at(source);
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		cut_at(str_of(sources[i]));
}

/* An interactive shell asks for more lines as long as the answer is INCOMPLETE: never MALFORMED at the end of a line.
 */
static void lines_are_asked_for(void **state)
{
	str text = STR("if ($a) {\n  foreach ($u in Get-X |\n    Where-Object {\n $_.A -eq\n 1 }) {\n @{ a = 1\n b =\n "
		       "2 }\n \"x\ny\" } }");
	for (size_t n = 1; n < text.n; n++)
		if (text.p[n - 1] == '\n' && !err_is(parse(str_cut(text, 0, n), 0), ERR_INCOMPLETE))
			fail_msg("at %zu", n);
	assert_false(failed(parse(text, 0)));
}

static void every_allocation_may_fail(void **state)
{
	uint32_t n = 1;
	while (failed(parse(source, n))) {
		assert_true(err_is(parse(source, n), ERR_NO_MEMORY));
		n++;
	}
	assert_true(n > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_are_read),
		cmocka_unit_test(cut_at_every_length),
		cmocka_unit_test(lines_are_asked_for),
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
