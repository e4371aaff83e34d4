/* SPDX-License-Identifier: Apache-2.0 */
/* Every JSON allocation of an evaluation fails once: it ends with an error, and nothing is touched that is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "service/shell.h"

static size_t fail_after; /* 0: never */
static bool is_door;      /* what the door allocates does not fail */
static json_t *answer;

static void *failing_malloc(size_t n)
{
	if (!is_door && fail_after != 0 && --fail_after == 0)
		return NULL;
	return malloc(n);
}

static const char *find(void *arg, str name, str *near)
{
	*near = (str){ "", 0 };
	return str_eq_case(name, STR("Get-X")) ? "Get-X" : NULL;
}

static enum shell_param param(void *arg, const char *cmdlet, str name, const char **canonical, str *near)
{
	*canonical = str_eq_case(name, STR("L")) ? "L" : str_eq_case(name, STR("P")) ? "P" : "A";
	return str_eq_case(name, STR("L"))   ? SHELL_PARAM_LIST
	       : str_eq_case(name, STR("P")) ? SHELL_PARAM_SECRET
					     : SHELL_PARAM_VALUE;
}

static const char *positional(void *arg, const char *cmdlet, size_t i)
{
	return i == 0 ? "A" : NULL;
}

static err send(void *arg, const char *cmdlet, json_t *parameters, json_t *input, struct diag *d)
{
	assert_true(json_is_object(parameters));
	return OK;
}

static err receive(void *arg, json_t **out, struct diag *d)
{
	is_door = true;
	*out = json_deep_copy(answer);
	is_door = false;
	return OK;
}

static void show(void *arg, json_t *objects, const struct shell_format *how)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);
	is_door = true;
	shell_print(to, objects, how, 40);
	is_door = false;
	(void)fclose(to);
	free(text);
}

static void say(void *arg, enum shell_stream stream, str text)
{
}

static err read_file(void *arg, str path, struct buf *out, struct diag *d)
{
	buf_add(out, STR("a,b\n1,2\n"));
	return OK;
}

static err write_file(void *arg, str path, bool append, str text, struct diag *d)
{
	return OK;
}

static const char *const texts[] = {
	"$h = @{ A = 1; 'b' = 'x', 2.5 }; $h.C = $h.A + 1; \"$($h.C) $h\"; $h['b'][1]; $h.Keys; $h + @{ z = 1 }",
	"function F($a, [int]$b = 2, [switch]$c) { $a + $b; if ($c) { $args } }; F 1 -c; 1, 2 | % { $_ * 2 }; & { "
	"param($q) $q } 5",
	"Get-X a -L x | ? N -gt 0 | select Identity, @{Name='M';Expression={$_.N + 1}} | sort M -Descending | ft; "
	"Get-X -Filter { N -eq $h } | group N | measure",
	"try { throw 'x' } catch { $_.Exception.Message; \"$_\" } finally { 'y' }; $Error[0]; 'a,b' -split ','; 'a' "
	"-replace 'a', 'b'; 'ab' -match '(a)'; $Matches[1]",
	"1..3 | ConvertTo-Json | ConvertFrom-Json; Import-Csv f | Export-Csv g; Get-X | fl | Out-String; Get-Content "
	"f; 'a' | Out-File x; Get-X | ConvertTo-Csv | ConvertFrom-Csv",
	"$p = ConvertTo-SecureString x -AsPlainText -Force; Get-X -P $p; $p; Get-X -OutVariable o -ErrorVariable v | "
	"Out-Null; $o; Get-Command; Get-Alias fl; Get-Member -InputObject 5; Get-Variable p",
	"[int]'5'; [double]'1'; [string[]](1, 2); [datetime]'2026-01-01'; [pscustomobject]@{ a = 1 }; [math]::Max(1, "
	"2.5); 'abc'.Substring(1); 'a'.PadLeft(3); (Get-Date).AddDays(1).Year; '{0:N1}' -f 5; -5; !1; 1, 2 -contains 2",
	"switch (1, 2) { 1 { 'a' } {$_ -eq 2} { 'b' } }; $a = @(); $a += 1; $a += 2; $a[0] = 5; $i = 0; $i++; $a -join "
	"'-'; 'x' * 3; $a * 2; Compare-Object 1 2",
};

static void every_allocation_may_fail(void **state)
{
	static const struct shell_door door = { find, param, positional, send, receive, show, say, NULL, read_file,
		write_file, NULL, NULL, NULL };
	json_set_alloc_funcs(failing_malloc, free);
	answer = json_loads("{\"ok\":true,\"objects\":[{\"Identity\":\"x\",\"N\":1,\"L\":[1,\"b\"]},{\"Identity\":"
			    "\"y\",\"N\":2}],\"warnings\":[\"w\"]}",
		0, NULL);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t n = 0, left = 0;
		while (left == 0) {
			struct shell *sh = NULL;
			struct diag d = { 0 };
			fail_after = ++n;
			err e = shell_new(&door, NULL, &sh);
			if (!failed(e))
				e = shell_run(sh, str_of(texts[i]), &d);
			left = fail_after;
			fail_after = 0;
			if (left != 0 && failed(e))
				fail_msg("%s: %s, %s", texts[i], e.def->name, d.what);
			shell_free(sh);
			assert_true(n < 20000);
		}
		assert_true(n > 30);
	}
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
