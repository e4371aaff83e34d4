/* SPDX-License-Identifier: Apache-2.0 */
/* Texts become trees: each tree is compared as it is written by `write_node`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/shell.h"

static const char *const kinds[] = { "empty", "list", "pipe", "cmd", "param", "splat", "text", "expand", "number",
	"var", "array", "collect", "paren", "sub", "hash", "block", "type", "cast", "unary", "op", "member", "method",
	"index", "step", "assign", "if", "foreach", "for", "while", "do-while", "do-until", "switch", "break",
	"continue", "return", "throw", "exit", "try", "function", "params", "declare", "attribute", "named" };

static const char *const ops[] = { "", "", "&", ".", "eq", "ne", "gt", "ge", "lt", "le", "like", "notlike", "match",
	"notmatch", "contains", "notcontains", "in", "notin", "replace", "split", "join", "is", "isnot", "as", "and",
	"or", "xor", "not", "+", "-", "*", "/", "%", "neg", "plus", "f", "..", "++", "--", "=" };

static void write_node(const struct shell_node *n, struct buf *out)
{
	if (n->kind == SHELL_TEXT && n->op == SHELL_OP_WORD)
		return buf_add(out, n->text);
	if (n->kind == SHELL_TEXT)
		return buf_printf(out, "'%.*s'", STR_FMT(n->text));
	if (n->kind == SHELL_NUMBER && n->is_real)
		return buf_printf(out, "%g", n->real);
	if (n->kind == SHELL_NUMBER)
		return buf_printf(out, "%lld", (long long)n->integer);
	if (n->kind == SHELL_VAR)
		return buf_printf(out, "$%.*s", STR_FMT(n->text));
	buf_printf(out, "(%s", kinds[n->kind]);
	if (n->op > SHELL_OP_WORD)
		buf_printf(out, " %s%s", n->strict ? "!" : "", ops[n->op]);
	if (n->text.p != NULL && n->kind != SHELL_BLOCK)
		buf_printf(out, " -%.*s", STR_FMT(n->text));
	for (const struct shell_node *kid = n->kids; kid != NULL; kid = kid->next) {
		buf_add_char(out, ' ');
		write_node(kid, out);
	}
	buf_add_char(out, ')');
}

/* The tree of the only statement. */
static void is(const char *text, const char *want)
{
	struct arena a;
	struct buf out;
	struct diag d = { 0 };
	struct shell_node *n = NULL;
	arena_init(&a, 1 << 24);
	buf_init(&out, 1 << 16);
	err e = shell_parse(&a, str_of(text), &n, &d);
	if (failed(e))
		fail_msg("%s: %s: %s, %s", text, e.def->name, d.where, d.what);
	for (const struct shell_node *kid = n->last->kids; kid != NULL; kid = kid->next) {
		write_node(kid, &out);
		if (kid->next != NULL)
			buf_add_char(&out, '\n');
	}
	buf_add_char(&out, '\0');
	assert_string_equal(out.p, want);
	buf_fini(&out);
	arena_fini(&a);
}

static void refused(const char *text, enum err_id id, uint32_t line, uint32_t column, const char *what)
{
	struct arena a;
	struct diag d = { 0 };
	struct shell_node *n = NULL;
	arena_init(&a, 1 << 24);
	err e = shell_parse(&a, str_of(text), &n, &d);
	if (!err_is(e, id) || d.line != line || d.column != column || strstr(d.what, what) == NULL)
		fail_msg("%s: %s at %u:%u: %s", text, failed(e) ? e.def->name : "OK", d.line, d.column, d.what);
	assert_true(d.remedy[0] != '\0');
	arena_fini(&a);
}

/* ---- commands ---- */

static void commands(void **state)
{
	is("Get-CsUser", "(pipe (cmd Get-CsUser))");
	is("get-csuser sip:ann@example.test -Enabled:$true",
		"(pipe (cmd get-csuser sip:ann@example.test (param -Enabled $true)))");
	is("Set-X -A 5 -B '5' -C 10MB -D 007x -E -5 -F a,b , 'c'",
		"(pipe (cmd Set-X (param -A) 5 (param -B) '5' (param -C) 10485760 (param -D) 007x (param -E) -5 (param "
		"-F) (array a b 'c')))");
	is("Get-A | Set-B -Force|\n  fl *", "(pipe (cmd Get-A) (cmd Set-B (param -Force)) (cmd fl *))");
	is("A; B\r\nC # not this\n<# nor\nthis #> D", "(pipe (cmd A))\n(pipe (cmd B))\n(pipe (cmd C))\n(pipe (cmd D))");
	is("Get-X `\n -Y z", "(pipe (cmd Get-X (param -Y) z))");
	is("Get-X ` \r\n -Y z", "(pipe (cmd Get-X (param -Y) z))");
	is("Get\xe2\x80\x93X \xe2\x80\x93Name \xe2\x80\x9c"
	   "a b\xe2\x80\x9d \xe2\x80\x98"
	   "c\xe2\x80\x99",
		"(pipe (cmd Get-X (param -Name) 'a b' 'c'))");
	is("New-X -S \"C:\\x.am\"-Enabled $true", "(pipe (cmd New-X (param -S) 'C:\\x.am' (param -Enabled) $true))");
	is("X @args @{a=1} a@b.c @b.c", "(pipe (cmd X (splat -args) (hash 'a' (pipe 1)) a@b.c @b.c))");
	is("& 'Get-X' a; & $c b; & \"$v-X\"",
		"(pipe (cmd & 'Get-X' a))\n(pipe (cmd & $c b))\n(pipe (cmd & (expand $v '-X')))");
	is(".\\S.ps1 -A b; ./s.ps1; C:\\t\\x.ps1; . .\\lib.ps1",
		"(pipe (cmd .\\S.ps1 (param -A) b))\n(pipe (cmd ./s.ps1))\n(pipe (cmd C:\\t\\x.ps1))\n(pipe (cmd . "
		".\\lib.ps1))");
	is("X $site/Main $a.B[0] $(Get-Y) a$b-c x\"y z\"w",
		"(pipe (cmd X (expand $site /Main) (index (member $a 'B') 0) (sub (list (pipe (cmd Get-Y)))) (expand "
		"'a' $b '-c') xy zw))");
	is("X a:b c/d e* f\\g h+i=j k#l", "(pipe (cmd X a:b c/d e* f\\g h+i=j k#l))");
	is("X\xc2\xa0-A\xc2\xa0 b", "(pipe (cmd X (param -A) b))");
	is("? { $_.A }", "(pipe (cmd ? (block (empty) (list (pipe (member $_ 'A'))))))");
	is("X (Get-Y).Z -P (1+2)",
		"(pipe (cmd X (member (paren (pipe (cmd Get-Y))) 'Z') (param -P) (paren (pipe (op + 1 2)))))");
	is("\xef\xbb\xbfX", "(pipe (cmd X))");
}

/* ---- expressions ---- */

static void values(void **state)
{
	is("5; 1.5; 0x1F; 2KB; 1e3; .5", "(pipe 5)\n(pipe 1.5)\n(pipe 31)\n(pipe 2048)\n(pipe 1000)\n(pipe 0.5)");
	is("'it''s'; \"a`\"b`n\"; \"\"", "(pipe 'it's')\n(pipe 'a\"b\n')\n(pipe '')");
	is("\"a $b $($c.D + 1) ${e f}:$g.h `$i $\"", "(pipe (expand 'a ' $b ' ' (sub (list (pipe (op + (member $c 'D') "
						     "1)))) ' ' $e f ':' $g '.h ' '$' 'i $'))");
	is("@\"\na \"q\" $b\n\"@; @'\nx $y\n'@", "(pipe (expand 'a \"q\" ' $b))\n(pipe 'x $y')");
	is("@'\r\n\r\n'@", "(pipe '')");
	is("$global:x; $env:PATH; \"$a:b\"; $?",
		"(pipe $global:x)\n(pipe $env:PATH)\n(pipe (expand $a ':b'))\n(pipe $?)");
	is("@(); @(1,2); @(Get-X; 5)", "(pipe (collect (list)))\n(pipe (collect (list (pipe (array 1 2)))))\n(pipe "
				       "(collect (list (pipe (cmd Get-X)) (pipe 5))))");
	is("@{ A = 1; \"b c\" = 'x','y'\n $k = Get-Z }",
		"(pipe (hash 'A' (pipe 1) 'b c' (pipe (array 'x' 'y')) $k (pipe (cmd Get-Z))))");
	is("[ordered]@{}; [pscustomobject]@{a=1}; [int]'5' + 1; [string[]]$x",
		"(pipe (cast -ordered (hash)))\n(pipe (cast -pscustomobject (hash 'a' (pipe 1))))\n(pipe (op + (cast "
		"-int '5') 1))\n(pipe (cast -string[] $x))");
	is("$a.B.\"c d\".$e", "(pipe (member (member (member $a 'B') 'c d') $e))");
	is("$a.Trim().Split(',', 2)[-1]", "(pipe (index (method (method $a 'Trim') 'Split' ',' 2) (unary neg 1)))");
	is("[math]::Round(1.5, 1); [string]::Join(',', $a); [math]::PI",
		"(pipe (method (type -math) 'Round' 1.5 1))\n(pipe (method (type -string) 'Join' ',' $a))\n(pipe "
		"(member (type -math) 'PI'))");
	is("1..5; $a[1..2]; ,1; {x}", "(pipe (op .. 1 5))\n(pipe (index $a (op .. 1 2)))\n(pipe (array 1))\n(pipe "
				      "(block (empty) (list (pipe (cmd x)))))");
}

static void operators(void **state)
{
	is("1 + 2 * 3 - 4 / 5 % 6", "(pipe (op - (op + 1 (op * 2 3)) (op % (op / 4 5) 6)))");
	is("$a -eq 1 -and $b -like 'x*' -or -not $c",
		"(pipe (op or (op and (op eq $a 1) (op like $b 'x*')) (unary not $c)))");
	is("!$a -and $b", "(pipe (op and (unary not $a) $b))");
	is("'{0} {1}' -f 1, 2 + 'x'", "(pipe (op + (op f '{0} {1}' (array 1 2)) 'x'))");
	is("'a,b' -split ',' -join ';'", "(pipe (op join (op split 'a,b' ',') ';'))");
	is("$a -ceq 'B' -xor $a -ireplace 'x', 'y'", "(pipe (op xor (op !eq $a 'B') (op replace $a (array 'x' 'y'))))");
	is("$x -is [int] -and $y -isnot [string]",
		"(pipe (op and (op is $x (type -int)) (op isnot $y (type -string))))");
	is("'5' -as [int]", "(pipe (op as '5' (type -int)))");
	is("$x \xe2\x80\x93"
	   "eq 5",
		"(pipe (op eq $x 5))");
	is("$a-$b; $a - -1; -$a", "(pipe (op - $a $b))\n(pipe (op - $a (unary neg 1)))\n(pipe (unary neg $a))");
	is("$i++; $i--; ++$i; --$i",
		"(pipe (step ++ $i))\n(pipe (step -- $i))\n(pipe (step !++ $i))\n(pipe (step !-- $i))");
	is("$i\xe2\x80\x93-; --$i", "(pipe (step -- $i))\n(pipe (step !-- $i))");
	is("-join $a; -split 'a b'", "(pipe (unary join $a))\n(pipe (unary split 'a b'))");
	is("$a -contains\n 5", "(pipe (op contains $a 5))");
	is("$a -in 1,2 | X", "(pipe (op in $a (array 1 2)) (cmd X))");
}

/* ---- statements ---- */

static void statements(void **state)
{
	is("$x = Get-A | B; $x.P += 1; $x[0] -= 2; $a, $b = 1, 2; $c *= 2; [int]$d = '5'",
		"(assign = $x (pipe (cmd Get-A) (cmd B)))\n(assign + (member $x 'P') (pipe 1))\n(assign - (index $x 0) "
		"(pipe 2))\n(assign = (array $a $b) (pipe (array 1 2)))\n(assign * $c (pipe 2))\n(assign = (cast -int "
		"$d) (pipe '5'))");
	is("$a = $b = 3", "(assign = $a (assign = $b (pipe 3)))");
	is("if ($a) { B } elseif (c) { } \n else { D }",
		"(if (pipe $a) (list (pipe (cmd B))) (pipe (cmd c)) (list) (list (pipe (cmd D))))");
	is("$x = if ($a) { 1 } else { 2 }", "(assign = $x (if (pipe $a) (list (pipe 1)) (list (pipe 2))))");
	is("foreach ($u in Get-X) { $u }", "(foreach $u (pipe (cmd Get-X)) (list (pipe $u)))");
	is("for ($i = 0; $i -lt 5; $i++) { }; for (;;) { break }",
		"(for (assign = $i (pipe 0)) (pipe (op lt $i 5)) (pipe (step ++ $i)) (list))\n(for (empty) (empty) "
		"(empty) (list (break (empty))))");
	is("while ($a) { continue }; do { x } while ($b); do { } until ($c)",
		"(while (pipe $a) (list (continue (empty))))\n(do-while (list (pipe (cmd x))) (pipe $b))\n(do-until "
		"(list) (pipe $c))");
	is("switch -wildcard ($a) { 'x*' { 1 } 5 { 2 } {$_ -gt 1} { } default { 3 } }",
		"(switch like (pipe $a) 'x*' (list (pipe 1)) 5 (list (pipe 2)) (block (empty) (list (pipe (op gt $_ "
		"1)))) (list) (empty) (list (pipe 3)))");
	is("try { X } catch { throw } finally { Y }",
		"(try (list (pipe (cmd X))) (list (throw (empty))) (list (pipe (cmd Y))))");
	is("return $x; throw \"a\"; exit 1", "(return (pipe $x))\n(throw (pipe 'a'))\n(exit (pipe 1))");
	is("function Get-Z($a, [string]$b = 'x') { $a }", "(function -Get-Z (block (params (declare -a (empty)) "
							  "(declare -b 'x' (type -string))) (list (pipe $a))))");
	is("function F { param([Parameter(Mandatory=$true, Position=0)][ValidateSet('a','b')] [string] $X, "
	   "[switch]$Y)\n $X }",
		"(function -F (block (params (declare -X (empty) (attribute -Parameter (named -Mandatory $true) (named "
		"-Position 0)) (attribute -ValidateSet 'a' 'b') (type -string)) (declare -Y (empty) (type -switch))) "
		"(list (pipe $X))))");
	is("1 | foreach { $_ }; 2 | % Name; if-this; foreach.x",
		"(pipe 1 (cmd foreach (block (empty) (list (pipe $_)))))\n(pipe 2 (cmd % Name))\n(pipe (cmd "
		"if-this))\n(pipe (cmd foreach.x))");
	is("if (1) { } X", "(if (pipe 1) (list))\n(pipe (cmd X))");
}

static void scripts_declare(void **state)
{
	struct arena a;
	struct buf out;
	struct shell_node *n = NULL;
	arena_init(&a, 1 << 20);
	buf_init(&out, 4096);
	assert_false(failed(shell_parse(&a,
		STR("# a script\n[CmdletBinding()]\nparam(\n [Parameter(Mandatory)]\n [string] $A, # one\n $B = "
		    "5\n)\nGet-X $A"),
		&n, NULL)));
	write_node(n, &out);
	assert_true(str_eq(
		buf_str(&out), STR("(block (params (declare -A (empty) (attribute -Parameter (named -Mandatory)) (type "
				   "-string)) (declare -B 5)) (list (pipe (cmd Get-X $A))))")));
	buf_fini(&out);
	arena_fini(&a);
}

/* ---- refusing ---- */

static void mistakes_have_a_place(void **state)
{
	refused("Get-X > f", ERR_MALFORMED, 1, 7, "redirection: use Export-Csv / Out-File");
	refused("Get-X 2>&1", ERR_MALFORMED, 1, 8, "redirection");
	refused("Get-X\nGet-Y )", ERR_MALFORMED, 2, 7, "a ) closes nothing");
	refused("A && B", ERR_MALFORMED, 1, 3, "&& is not part of this shell");
	refused("A || B", ERR_MALFORMED, 1, 3, "|| is not part of this shell");
	refused("X --% y", ERR_MALFORMED, 1, 3, "--% is not part");
	refused("$x == 5", ERR_MALFORMED, 1, 4, "== is not part");
	refused("5 = 5", ERR_MALFORMED, 1, 1, "nothing that a value can be assigned to");
	refused("($x -foo 5)", ERR_MALFORMED, 1, 5, "there is no operator -foo");
	refused("\xc3\xa4\xc3\xa4; ($x -foo 5)", ERR_MALFORMED, 1, 9, "there is no operator -foo");
	refused("1 | 2", ERR_MALFORMED, 1, 5, "only the first part of a pipeline");
	refused("A | | B", ERR_MALFORMED, 1, 5, "a command is missing");
	refused("foreach (x in y) { }", ERR_MALFORMED, 1, 10, "a variable is missing");
	refused("foreach ($x of y) { }", ERR_MALFORMED, 1, 13, "\"in\" is missing");
	refused("try { } X", ERR_MALFORMED, 1, 9, "catch or finally is missing");
	refused("try { } catch [X] { }", ERR_MALFORMED, 1, 15, "by type");
	refused("try { } catch { } catch { }", ERR_MALFORMED, 1, 18, "more than one catch");
	refused("class X { }", ERR_MALFORMED, 1, 1, "class is not part");
	refused("break outer", ERR_MALFORMED, 1, 7, "labels");
	refused("-Name x", ERR_MALFORMED, 1, 1, "belongs to no command");
	refused("@{ 1 2 }", ERR_MALFORMED, 1, 6, "a = is missing");
	refused("@{ a = 1 b = 2 }", ERR_MALFORMED, 1, 10, "does not belong");
	refused("()", ERR_MALFORMED, 1, 2, "nothing between");
	refused("(1 + )", ERR_MALFORMED, 1, 6, "a value is missing");
	refused("1 + foo", ERR_MALFORMED, 1, 5, "is no value");
	refused("$x = 5 6", ERR_MALFORMED, 1, 8, "does not belong here");
	refused("\"`0\"", ERR_MALFORMED, 1, 2, "NUL");
}

static void more_may_follow(void **state)
{
	refused("Get-X |", ERR_INCOMPLETE, 1, 8, "a command is missing");
	refused("if ($x) {\n", ERR_INCOMPLETE, 2, 1, "a } is missing");
	refused("\"abc\n", ERR_INCOMPLETE, 1, 1, "inside a \" text");
	refused("@'\nabc", ERR_INCOMPLETE, 1, 1, "inside a here-string");
	refused("Get-X `\n", ERR_INCOMPLETE, 2, 1, "continued line");
	refused("Get-X `", ERR_INCOMPLETE, 1, 8, "continued line");
	refused("<# x", ERR_INCOMPLETE, 1, 5, "comment");
	refused("$x = ", ERR_INCOMPLETE, 1, 6, "missing");
	refused("1 -eq", ERR_INCOMPLETE, 1, 6, "missing");
	refused("X a,", ERR_INCOMPLETE, 1, 5, "missing");
	refused("@{ a = 1", ERR_INCOMPLETE, 1, 9, "a } is missing");
	refused("try { }", ERR_INCOMPLETE, 1, 8, "catch");
	refused("function f", ERR_INCOMPLETE, 1, 11, "missing");
	refused("$x.Foo(", ERR_INCOMPLETE, 1, 8, "missing");
}

static void sizes_have_ceilings(void **state)
{
	static char text[SHELL_TEXT_MAX + 2];
	memset(text, '(', 500);
	text[500] = '\0';
	refused(text, ERR_CEILING, 1, 102, "nested");
	memset(text, '-', 500);
	refused(text, ERR_CEILING, 1, 203, "nested");
	for (size_t i = 0; i < 3000; i += 2)
		memcpy(text + i, "1+", 3);
	refused(text, ERR_CEILING, 1, 1, "too many parts");
	memset(text, 'x', SHELL_TEXT_MAX + 1);
	refused(text, ERR_CEILING, 1, 1, "1 MiB");
	refused("a\xff", ERR_MALFORMED, 1, 2, "UTF-8");
}

static void carets(void **state)
{
	struct buf out;
	struct diag d = { .line = 2, .column = 4 };
	buf_init(&out, 256);
	shell_caret(STR("one\n\ta\xc3\xa4"
			"b\r\nthree"),
		&d, &out);
	assert_true(str_eq(buf_str(&out), STR(" a\xc3\xa4"
					      "b\n   ^\n")));
	buf_reset(&out);
	d.line = 0;
	shell_caret(STR("one"), &d, &out);
	assert_int_equal(out.n, 0);
	buf_fini(&out);
}

static void filters_have_bare_names(void **state)
{
	struct arena a;
	struct buf out;
	struct shell_node *n = NULL;
	arena_init(&a, 1 << 20);
	buf_init(&out, 4096);
	assert_false(
		failed(shell_parse_filter(&a, STR("{Enabled -eq $true -and (DisplayName -like \"A*\")}"), &n, NULL)));
	write_node(n, &out);
	assert_true(str_eq(buf_str(&out),
		STR("(op and (op eq (member $_ 'Enabled') $true) (paren (op like (member $_ 'DisplayName') 'A*')))")));
	assert_true(err_is(shell_parse_filter(&a, STR("Enabled -eq"), &n, NULL), ERR_INCOMPLETE));
	assert_true(err_is(shell_parse_filter(&a, STR("Enabled -eq 5 6"), &n, NULL), ERR_MALFORMED));
	assert_false(failed(shell_parse_argument(&a, STR("@{Add=\"a\",\"b\"}"), &n, NULL)));
	assert_int_equal(n->kind, SHELL_HASH);
	buf_fini(&out);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(values),
		cmocka_unit_test(operators),
		cmocka_unit_test(statements),
		cmocka_unit_test(scripts_declare),
		cmocka_unit_test(mistakes_have_a_place),
		cmocka_unit_test(more_may_follow),
		cmocka_unit_test(sizes_have_ceilings),
		cmocka_unit_test(carets),
		cmocka_unit_test(filters_have_bare_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
