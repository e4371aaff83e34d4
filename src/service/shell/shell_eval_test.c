/* SPDX-License-Identifier: Apache-2.0 */
/* What expressions and statements give. */
#include "service/shell/shell_fake.h"

static void numbers_and_texts(void **state)
{
	gives("1 + 2 * 3; 7 / 2; 8 / 2; 7 % 3; -5; 2KB; 1.5 + 1; 10 - 2 - 3", "7\n3.5\n4\n1\n-5\n2048\n2.5\n5\n");
	gives("'a' + 1; 'ab' * 3; \"x$(1 + 1)y\"; '1' + 1; 1 + '1'", "a1\nababab\nx2y\n11\n2\n");
	gives("9223372036854775807 + 1", "9.22337203685478e+18\n");
	gives("$x = 5; \"$x ${x}y `$x $($x + 1)\"", "5 5y $x 6\n");
	gives("$u = @{ Name = 'ann' }; \"$u.Name $($u.Name)\"", "@{Name=ann}.Name ann\n");
	gives("[math]::Round(2.5); [math]::Round(3.5); [math]::Round(2.25, 1); [math]::Floor(-1.5); "
	      "[math]::Ceiling(1.2); [math]::Max(2, 3); [math]::Min(2, 3)",
		"2\n4\n2.2\n-2\n2\n3\n2\n");
	gives("[string]::IsNullOrEmpty(''); [string]::Join('-', 1, 2)", "True\n1-2\n");
}

static void text_methods(void **state)
{
	gives("'aBc'.ToUpper(); ' x '.Trim(); 'a,b'.Split(',')[1]; 'abc'.Replace('b', 'x'); 'abc'.StartsWith('ab'); "
	      "'abc'.Contains('z')",
		"ABC\nx\nb\naxc\nTrue\nFalse\n");
	gives("'abc'.Substring(1); 'abc'.Substring(1, 1); 'abc'.IndexOf('c'); 'a'.PadLeft(3) + '|'; 'a'.PadRight(3, "
	      "'.'); 'abc'.Length; (5).ToString()",
		"bc\nb\n2\n  a|\na..\n3\n5\n");
	gives("'\xc3\xa4'.ToUpper(); '\xc3\xa4'.Length; '\xc3\x84' -eq '\xc3\xa4'", "\xc3\x84\n1\nTrue\n");
	gives("'a-b' -replace '(\\w)-(\\w)', '$2+$1'; 'a1b22c' -split '\\d+'; 1, 2 -join '-'; -join ('a', 'b'); 'a b' "
	      "-split ' ', 2",
		"b+a\na\nb\nc\n1-2\nab\na\nb\n");
	gives("'{0:N2} {1,5}|{1,-5}| {0:D4} {2:P0} {{x}}' -f 1234, 'ab', 0.5", "1,234.00    ab|ab   | 1234 50% {x}\n");
}

static void comparisons(void **state)
{
	gives("'A' -eq 'a'; 'A' -ceq 'a'; 5 -eq '5'; '5' -eq 5; 'b' -gt 'a'; 10 -gt 9; $null -eq $null; '' -eq $null",
		"True\nFalse\nTrue\nTrue\nTrue\nTrue\nTrue\nFalse\n");
	gives("'Ann' -like 'a*'; 'Ann' -like '?nn'; 'Ann' -like '[b-z]*'; 'Ann' -notlike 'x*'; 'Ann' -match '^a(.)n'; "
	      "$Matches[1]",
		"True\nTrue\nFalse\nTrue\nTrue\nn\n");
	gives("1, 2, 3 -gt 1; (1, 2 -contains 2); 3 -in 1, 2; 'a' -notin 'b'", "2\n3\nTrue\nFalse\nTrue\n");
	gives("$true -eq 'False'; $true -and $false; $true -or $false; -not 0; !'a'; $true -xor $true",
		"False\nFalse\nTrue\nTrue\nFalse\nFalse\n");
	gives("5 -is [int]; 'a' -is [string]; 'a' -isnot [int]; '5' -as [int]; $null -eq ('x' -as [int])",
		"True\nTrue\nTrue\n5\nTrue\n");
	gives("'10.00:00:00' -gt '9.00:00:00'; '2026-11-24T12:00:00Z' -lt '2026-11-24T12:00:00-01:00'", "True\nTrue\n");
}

static void lists_and_hashes(void **state)
{
	gives("$a = 1..5; $a[0]; $a[-1]; $a[1..2]; $a.Count; @().Count; @(5).Count; (5).Count; $null.Count",
		"1\n5\n2\n3\n5\n0\n1\n1\n0\n");
	gives("$a = @(); $a += 1; $a += 2, 3; $b = $a; $b += 4; $a.Count; $b.Count; ,(1, 2) | % { $_.Count }",
		"3\n4\n2\n");
	gives("$h = @{ A = 1; 'b c' = 2 }; $h.a; $h['B C']; $h.D = 3; $h.Count; $h.Keys -join ','; "
	      "$h.ContainsKey('a'); $h.Remove('A'); $h.Count",
		"1\n2\n3\nA,b c,D\nTrue\n2\n");
	gives("foreach ($p in @{ x = 1; y = 2 }.GetEnumerator()) { \"$($p.Name)=$($p.Value)\" }", "x=1\ny=2\n");
	gives("$o = [pscustomobject]@{ A = 1 }; $o.A = 2; $o.A; $o -is [hashtable]; @{} -is [hashtable]",
		"2\nFalse\nTrue\n");
	gives("(Get-CsUser).DisplayName; (Get-CsUser)[1].Age; (Get-CsUser sip:ann@example.test).Count",
		"send Get-CsUser {}\nAnn\nBob\nCy\nsend Get-CsUser {}\n9\nsend Get-CsUser "
		"{\"Identity\":\"sip:ann@example.test\"}\n1\n");
	gives("$a, $b, $c = 1, 2, 3, 4; $a; $b; $c.Count; $x = $y = 7; $x + $y", "1\n2\n2\n14\n");
	gives("[int]'5' + 1; [string]5 + 1; [bool]'x'; [int[]]('1', '2') | % { $_ + 1 }; [array]5 | % Count",
		"6\n51\nTrue\n2\n3\n1\n");
	gives("(1, 2).Contains(2); @{ a = 1 }.Values; ('b', 'a').IndexOf('a')", "True\n1\n1\n");
}

static void dates(void **state)
{
	gives("[datetime]'2026-02-28'; ([datetime]'2/28/2026 1:05 PM').AddDays(1); "
	      "([datetime]'2026-01-31').AddMonths(1).Month; ([datetime]'2026-11-24').DayOfWeek",
		"2026-02-28T00:00:00Z\n2026-03-01T13:05:00Z\n2\nTuesday\n");
	gives("[timespan]'1.02:03:04'; ([timespan]'0:30').TotalHours; [datetime]'2026-11-24' - "
	      "[datetime]'2026-11-23T12:00:00Z'; ([datetime]'2026-11-24').ToString('dd.MM.yyyy')",
		"1.02:03:04\n0.5\n12:00:00\n24.11.2026\n");
	gives("(Get-Date) -gt '2020-01-01'; Get-Date -Date 2026-11-24 -Format 'yyyy MMM'", "True\n2026 Nov\n");
}

static void statements(void **state)
{
	gives("if (1 -eq 2) { 'a' } elseif ($true) { 'b' } else { 'c' }; $x = if ($false) { 1 } else { 2 }; $x",
		"b\n2\n");
	gives("foreach ($i in 1..5) { if ($i -eq 2) { continue }; if ($i -eq 4) { break }; $i }", "1\n3\n");
	gives("for ($i = 0; $i -lt 3; $i++) { $i }; while ($i -gt 1) { $i--; $i }; do { $i++ } until ($i -ge 3); $i",
		"0\n1\n2\n2\n1\n3\n");
	gives("switch (2) { 1 { 'a' } 2 { 'b' } default { 'c' } }; switch -wildcard ('xyz') { 'x*' { 'd'; break } '*z' "
	      "{ 'e' } }; switch (9) { {$_ -gt 5} { 'big' } }; switch (1) { 5 { } default { 'f' } }",
		"b\nd\nbig\nf\n");
	gives("function Add($a, [int]$b = 2) { $a + $b }; Add 1; Add 1 5; Add -b '7' -a 1", "3\n6\n8\n");
	gives("function F { param([switch]$On, [Parameter(Mandatory=$true)]$X) if ($On) { \"on $X\" } else { \"off "
	      "$X\" } }; F -X 1 -On; F 2",
		"on 1\noff 2\n");
	gives("function F { return 5; 6 }; F; function G { $args.Count }; G a b c; function H { $input | % { $_ * 2 } "
	      "}; 1, 2 | H",
		"5\n3\n2\n4\n");
	gives("$x = 1; function F { $x = 2; $script:y = 3; $x }; F; $x; $y; & { $x = 9 }; $x", "2\n1\n3\n1\n");
	gives("$b = { param($n) $n + 1 }; & $b 4; $s = 'Get-CsUser'; (& $s).Count", "5\nsend Get-CsUser {}\n3\n");
	gives("try { throw 'oops' } catch { \"caught $_\"; $_.Exception.Message } finally { 'done' }",
		"caught oops\noops\ndone\n");
	gives("try { 1 / 0 } catch { $_.FullyQualifiedErrorId }; $Error.Count; $Error[0].Exception.Message",
		"USAGE\n1\na division by zero\n");
	gives("try { try { throw 'a' } catch { throw } } catch { \"again $_\" }", "again a\n");
	gives("function F { try { return 1 } finally { 'end' } }; F", "1\nend\n");
	gives("$p = @{ Identity = 'a'; Enabled = $true }; Set-CsUser @p",
		"send Set-CsUser {\"Identity\":\"a\",\"Enabled\":true}\n");
	gives("[void](1 + 1); $null = 5; exit; 'never'", "");
}

static void mistakes(void **state)
{
	refused("Get-CsUsr", ERR_USAGE, 1, 1, "there is no cmdlet Get-CsUsr; did you mean Get-CsUser?");
	refused("'a'\nSet-CsUser -Enabeld $true", ERR_USAGE, 2, 12,
		"Set-CsUser has no parameter -Enabeld; did you mean -Enabled?");
	refused("Get-CsUser | Where-Objct { 1 }", ERR_USAGE, 1, 14, "did you mean Where-Object?");
	refused("Get-CsUser | Select-Object -Frist 5", ERR_USAGE, 1, 28,
		"Select-Object has no parameter -Frist; did you mean -First?");
	refused("Set-CsUser a\nGet-CsUser | sort -Descnding", ERR_USAGE, 2, 19, "did you mean -Descending?");
	refused("Invoke-Expression 'x'", ERR_USAGE, 1, 1, "Invoke-Expression is not part of this shell");
	refused("Test-Path x", ERR_USAGE, 1, 1, "not part of this shell");
	refused("[xml]'<a/>'", ERR_USAGE, 1, 1, "the type [xml] is not part of this shell");
	refused("[io.file]::Delete('x')", ERR_USAGE, 1, 1, "is not part of this shell");
	refused("New-Object Net.WebClient", ERR_USAGE, 1, 1, "not part of this shell");
	refused("1 +\n 'x'", ERR_USAGE, 1, 1, "\"x\" is no number");
	refused("$null.Trim()", ERR_USAGE, 1, 1, "$null has no method Trim");
	refused("'a'.Foo(1)", ERR_USAGE, 1, 1, "there is no method Foo");
	refused("'abc' -match '('", ERR_MALFORMED, 1, 1, "");
	refused("$env:PATH", ERR_USAGE, 1, 1, "$env:PATH is not part of this shell");
	refused("$true = 5", ERR_REFUSED, 1, 1, "$true cannot be set");
	refused("$u = Get-CsUser sip:ann@example.test\n$u.DisplayNam = 'x'", ERR_ABSENT, 2, 1,
		"did you mean DisplayName?");
	refused("Set-CsUser a b", ERR_USAGE, 1, 14, "\"b\" belongs to no parameter of Set-CsUser");
	refused("Set-CsUser a -Identity b", ERR_USAGE, 1, 12, "\"a\" belongs to no parameter");
	refused("Set-CsUser -Identity", ERR_USAGE, 1, 12, "-Identity needs a value");
	refused("Set-CsUser -Identity a -Identity b", ERR_USAGE, 1, 24, "-Identity stands there twice");
	refused("function F([ValidateSet('a','b')]$x) { }; F c", ERR_USAGE, 1, 43, "-x is one of a, b");
	refused("function F([Parameter(Mandatory)]$x) { }; F", ERR_USAGE, 1, 43, "-x of F is missing");
	refused("function F { throw 'deep' }\nF", ERR_REFUSED, 1, 14, "deep");
	refused("throw 'x'", ERR_REFUSED, 1, 1, "x");
	refused("$a = @{}; $a.b = $a", ERR_USAGE, 1, 11, "cannot hold itself");
	refused("Get-CsUser |", ERR_INCOMPLETE, 1, 13, "");
}

static void nothing_is_sent_before_all_names_are_known(void **state)
{
	static const char *const texts[] = { "Set-CsUser a; Get-CsUsr",
		"Set-CsUser a; if ($false) { Set-CsUser -Nam b }", "Set-CsUser a; 1 | Sort-Object -Foo",
		"function F { Get-Nothing }; Set-CsUser a" };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct fake f;
		struct diag d;
		err e;
		fake_open(&f);
		assert_string_equal(fake_run(&f, texts[i], &e, &d), "");
		assert_true(err_is(e, ERR_USAGE));
		fake_close(&f);
	}
}

static void limits(void **state)
{
	refused("while ($true) { }", ERR_CEILING, 1, 8, "5 million steps");
	refused("function F { F }; F", ERR_CEILING, 1, 14, "nested");
	refused("1..2000000", ERR_CEILING, 1, 1, "million");
	refused("'x' * 20000000", ERR_CEILING, 1, 1, "16 MiB");
	refused("$a = @(); while ($true) { $a += 1..100000 }", ERR_CEILING, 1, 27, "256 MiB");
	gives("foreach ($i in 1..100000) { }; foreach ($i in 1..100000) { }; 'ok'", "ok\n");
	gives("$a = @(); foreach ($i in 1..100000) { $a += $i }; $a.Count", "100000\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_texts),
		cmocka_unit_test(text_methods),
		cmocka_unit_test(comparisons),
		cmocka_unit_test(lists_and_hashes),
		cmocka_unit_test(dates),
		cmocka_unit_test(statements),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(nothing_is_sent_before_all_names_are_known),
		cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
