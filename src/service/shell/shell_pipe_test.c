/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines: local cmdlets, the server's cmdlets, errors on the way, files, secrets. */
#include "service/shell/shell_fake.h"

#define USERS "send Get-CsUser {}\n"

static void filtering(void **state)
{
	gives("Get-CsUser | Where-Object {$_.Enabled -eq $true -and $_.Age -gt 30} | % DisplayName", USERS "Cy\n");
	gives("Get-CsUser | where Enabled | % DisplayName; Get-CsUser | ? -Property DisplayName -like 'B*' | % Age; "
	      "Get-CsUser | ? Age -gt 9 | % { $_.Age }",
		USERS "Ann\nCy\n" USERS "9\n" USERS "30\n41\n");
	gives("1..5 | ForEach-Object -Begin { $s = 0 } -Process { $s += $_ } -End { $s }; 'ab' | % ToUpper",
		"15\nAB\n");
	gives("Get-CsUser | select DisplayName, Age -First 1",
		USERS "DisplayName  Age\n-----------  ---\nAnn           30\n");
	gives("(Get-CsUser | select D*, @{Name='Old';Expression={$_.Age -gt 30}} -Last 1 | ConvertTo-Json -Compress)",
		USERS "{\"DisplayName\":\"Cy\",\"Old\":true}\n");
	gives("Get-CsUser | select * -ExcludeProperty Identity, Enabled -Skip 2 | ConvertTo-Json -Compress",
		USERS "{\"DisplayName\":\"Cy\",\"Age\":41}\n");
	gives("1, 2, 2, 3, 1 | select -Unique; 1..1000000 | select -First 2", "1\n2\n3\n1\n2\n");
	gives("Get-CsUser | select -ExpandProperty DisplayName | sort -Descending", USERS "Cy\nBob\nAnn\n");
	gives("Get-CsUser | sort Enabled, @{Expression='Age';Descending=$true} | % DisplayName; 3, 1, 2, 1 | sort "
	      "-Unique",
		USERS "Bob\nCy\nAnn\n1\n2\n3\n");
	gives("Get-CsUser | group Enabled | select Count, Name | ConvertTo-Csv",
		USERS "\"Count\",\"Name\"\n\"2\",\"True\"\n\"1\",\"False\"\n");
	gives("(Get-CsUser | measure Age -Sum -Average -Minimum -Maximum | ConvertTo-Json -Compress); (1..5 | "
	      "measure).Count",
		USERS "{\"Count\":3,\"Average\":26.666666666666668,\"Sum\":80,\"Maximum\":41,\"Minimum\":9,"
		      "\"Property\":\"Age\"}\n5\n");
	gives("Compare-Object 1, 2, 3 2, 3, 4 | % { \"$($_.InputObject)$($_.SideIndicator)\" }", "4=>\n1<=\n");
}

static void the_servers_cmdlets(void **state)
{
	gives("Get-CsUser | Set-CsUser -Enabled $false",
		USERS "send Set-CsUser {\"Enabled\":false} < "
		      "{\"Identity\":\"sip:ann@example.test\",\"DisplayName\":\"Ann\",\"Enabled\":true,\"Age\":30}\n"
		      "send Set-CsUser {\"Enabled\":false} < "
		      "{\"Identity\":\"sip:bob@example.test\",\"DisplayName\":\"Bob\",\"Enabled\":false,\"Age\":9}\n"
		      "send Set-CsUser {\"Enabled\":false} < "
		      "{\"Identity\":\"sip:cy@example.test\",\"DisplayName\":\"Cy\",\"Enabled\":true,\"Age\":41}\n");
	gives("set-csuser a -lineuri 0301 -Confirm:$false -PassThru",
		"send Set-CsUser {\"LineURI\":\"0301\",\"Confirm\":false,\"PassThru\":true,\"Identity\":\"a\"}\n");
	gives("New-CsAdminRole R -Cmdlets @{Add='a','b'}; New-CsAdminRole R -Cmdlets a; New-CsAdminRole R -Cmdlets "
	      "$null",
		"send New-CsAdminRole {\"Cmdlets\":{\"Add\":[\"a\",\"b\"]},\"Identity\":\"R\"}\nsend New-CsAdminRole "
		"{\"Cmdlets\":[\"a\"],\"Identity\":\"R\"}\nsend New-CsAdminRole "
		"{\"Cmdlets\":null,\"Identity\":\"R\"}\n");
	gives("$x = 'A*'; Get-CsUser -Filter {DisplayName -like $x -and $_.Enabled -eq $true} | Out-Null",
		"send Get-CsUser {\"Filter\":\"DisplayName -like 'A*' -and $_.Enabled -eq $true\"}\n");
	gives("$u = @{ N = \"it's\" }; Get-CsUser -Filter { DisplayName -eq $u.N -or Age -eq $u.Z } | Out-Null",
		"send Get-CsUser {\"Filter\":\" DisplayName -eq 'it''s' -or Age -eq $null \"}\n");
	gives("Get-CsMeetingConfiguration -OutVariable m | Out-Null; $m.Count",
		"send Get-CsMeetingConfiguration {}\n1\n");
	gives("@() | Set-CsUser -Enabled $true; $null | Out-Null", "");
	gives("Set-CsUser warned", "send Set-CsUser {\"Identity\":\"warned\"}\nwarning: a warning\n");
	gives("Get-CsUser | select -First 1 | Set-CsUser -PassThru | Enable-CsUser",
		USERS "send Set-CsUser {\"PassThru\":true} < "
		      "{\"Identity\":\"sip:ann@example.test\",\"DisplayName\":\"Ann\",\"Enabled\":true,\"Age\":30}\n"
		      "send Enable-CsUser {} < "
		      "{\"Identity\":\"sip:ann@example.test\",\"DisplayName\":\"Ann\",\"Enabled\":true,\"Age\":30}\n");
}

static void many_are_under_way(void **state)
{
	struct fake f;
	err e;
	struct diag d;
	fake_open(&f);
	f.quiet_sends = true;
	(void)fake_run(&f,
		"1..1000 | % { [pscustomobject]@{ Identity = \"u$_\"; N = $_ } } | Set-CsUser -PassThru | % { $_.N } | "
		"measure -Sum | % { \"$($_.Count) $($_.Sum)\" }",
		&e, &d);
	assert_false(failed(e));
	assert_string_equal(f.log.p, "1000 500500\n");
	assert_int_equal(f.most_waiting, 64);
	/* in order, through two of the server's cmdlets */
	(void)fake_run(&f,
		"$last = 0; 1..300 | % { [pscustomobject]@{ Identity = \"u$_\"; N = $_ } } | Set-CsUser -PassThru | "
		"Set-CsUser -PassThru | % { if ($_.N -ne $last + 1) { 'out of order' }; $last = $_.N }; $last",
		&e, &d);
	assert_string_equal(f.log.p, "300\n");
	assert_true(f.most_waiting <= 64);
	/* one by one when the first error ends it */
	f.most_waiting = 0;
	(void)fake_run(
		&f, "'a', 'b', 'c' | % { [pscustomobject]@{ Identity = $_ } } | Set-CsUser -ErrorAction Stop", &e, &d);
	assert_int_equal(f.most_waiting, 1);
	fake_close(&f);
}

static void progress_is_told(void **state)
{
	struct fake f;
	err e;
	struct diag d;
	fake_open(&f);
	f.quiet_sends = f.is_slow = true;
	(void)json_object_set_new(f.files, "u.csv",
		json_string("Identity\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\ns\nt\nu\nv\nw\nx\n"));
	const char *found = fake_run(&f, "Import-Csv u.csv | Set-CsUser", &e, &d);
	assert_false(failed(e));
	/* all 24 are sent before the first answer is taken, so that what is told counts answers */
	assert_true(
		str_begins(str_of(found), STR("progress: 1 of 24\n")) || str_begins(str_of(found), STR("progress: 2")));
	fake_close(&f);
}

static void errors_of_one_object(void **state)
{
	struct fake f;
	err e;
	struct diag d;
	fake_open(&f);
	f.quiet_sends = true;
	const char *three = "'a', 'nobody', 'c' | % { [pscustomobject]@{ Identity = $_ } } | Set-CsUser -PassThru";
	char text[512];
	(void)snprintf(text, sizeof text, "%s | %% Identity; $?", three);
	assert_string_equal(fake_run(&f, text, &e, &d),
		"error: there is no user nobody\n  remedy: look at Get-CsUser\na\nc\nFalse\n");
	assert_true(err_is(e, ERR_ABSENT));
	assert_true(shell_has_told(f.sh));
	assert_string_equal(d.what, "there is no user nobody");
	(void)snprintf(text, sizeof text,
		"%s -ErrorAction SilentlyContinue -ErrorVariable v | %% Identity; $?; $v.Count; $Error.Count; "
		"\"$($Error[0])\"",
		three);
	assert_string_equal(fake_run(&f, text, &e, &d), "a\nc\nFalse\n1\n2\nthere is no user nobody\n");
	assert_false(failed(e));
	(void)snprintf(text, sizeof text, "try { %s -EA Stop | %% Identity } catch { \"caught: $_\" }; 'on'", three);
	assert_string_equal(fake_run(&f, text, &e, &d), "a\ncaught: there is no user nobody\non\n");
	assert_false(failed(e));
	(void)snprintf(text, sizeof text, "$ErrorActionPreference = 'Stop'; %s; 'never'", three);
	(void)fake_run(&f, text, &e, &d);
	assert_true(err_is(e, ERR_ABSENT));
	assert_false(shell_has_told(f.sh));
	assert_int_equal(d.line, 1);
	(void)fake_run(&f, "$ErrorActionPreference = 'Continue'; Set-CsUser unsendable; 'on'", &e, &d);
	assert_string_equal(f.log.p, "error: the connection is gone\n  remedy: connect again\non\n");
	assert_true(err_is(e, ERR_CLOSED));
	fake_close(&f);
}

static void interruptions(void **state)
{
	struct fake f;
	err e;
	struct diag d;
	fake_open(&f);
	f.quiet_sends = true;
	f.interrupt_after = 3;
	(void)fake_run(&f,
		"try { 1..1000 | % { [pscustomobject]@{ Identity = $_ } } | Set-CsUser } catch { 'no' } finally { "
		"'end' }; 'never'",
		&e, &d);
	assert_true(err_is(e, ERR_REFUSED));
	assert_string_equal(d.what, "interrupted");
	assert_string_equal(f.log.p, "end\n");
	/* answers that nobody waited for are passed over */
	assert_string_equal(fake_run(&f, "(Get-CsUser).Count", &e, &d), "3\n");
	assert_false(failed(e));
	shell_interrupt(f.sh);
	assert_string_equal(fake_run(&f, "'on'", &e, &d), "on\n");
	fake_close(&f);
}

static void files(void **state)
{
	struct fake f;
	fake_open(&f);
	f.quiet_sends = true;
	fake_is(&f,
		"Get-CsUser | select DisplayName, Age | Export-Csv u.csv -NoTypeInformation; Import-Csv u.csv | % { "
		"\"$($_.displayname) $($_.Age)\" }",
		"Ann 30\nBob 9\nCy 41\n");
	fake_is(&f, "Get-Content u.csv -TotalCount 2; (Get-Content u.csv -Raw).Length",
		"\"DisplayName\",\"Age\"\n\"Ann\",\"30\"\n51\n");
	fake_is(&f, "Get-CsUser | fl DisplayName | Out-File o.txt; 'x' | Out-File o.txt -Append; Get-Content o.txt",
		"DisplayName : Ann\n\nDisplayName : Bob\n\nDisplayName : Cy\nx\n");
	fake_is(&f,
		"'{\"a\":[1,{\"b\":null}]}' | ConvertFrom-Json | % { $_.a[0] }; 'a;b', '1;\"x;y\"' | ConvertFrom-Csv "
		"-Delimiter ';' | % b",
		"1\nx;y\n");
	fake_is(&f, "Get-CsUser -Identity x | Out-String", "\n");
	fake_is(&f, "(Get-CsUser sip:ann@example.test | ft DisplayName | Out-String).Trim()",
		"DisplayName\n-----------\nAnn\n");
	fake_is(&f, "Get-Content nothing -ErrorAction SilentlyContinue; 'on'", "on\n");
	fake_close(&f);
	refused("'a' | Out-File forbidden -ErrorAction Stop", ERR_REFUSED, 1, 7, "forbidden cannot be written");
	refused("Import-Csv nothing -EA Stop", ERR_ABSENT, 1, 1, "there is no file nothing");
	refused("'{' | ConvertFrom-Json", ERR_MALFORMED, 1, 7, "line 2");
}

static void secrets(void **state)
{
	struct fake f;
	err e;
	struct diag d;
	fake_open(&f);
	f.typed = "s3cret";
	fake_is(&f,
		"$p = Read-Host PIN -AsSecureString; $p; \"$p\"; $p | ConvertTo-Json; [pscustomobject]@{ P = $p } | "
		"fl; $p.Length",
		"ask PIN: "
		"(hidden)\nSystem.Security.SecureString\nSystem.Security.SecureString\n\"System.Security."
		"SecureString\"\nP : System.Security.SecureString\n1\n");
	fake_is(&f, "New-CsUser a -Password $p; New-CsUser a -Password (ConvertTo-SecureString x -AsPlainText -Force)",
		"send New-CsUser {\"Password\":\"s3cret\",\"Identity\":\"a\"}\nsend New-CsUser "
		"{\"Password\":\"x\",\"Identity\":\"a\"}\n");
	const char *const refusals[] = { "New-CsUser a -DisplayName $p", "[string]$p",
		"[pscustomobject]@{ Identity = $p } | Set-CsUser", "New-CsUser a -DisplayName @{ x = $p }" };
	for (size_t i = 0; i < 4; i++) {
		const char *found = fake_run(&f, refusals[i], &e, &d);
		assert_true(err_is(e, ERR_REFUSED));
		assert_null(strstr(found, "s3cret"));
	}
	const char *const tries[] = { "$p.'\001secret'", "$p | select *", "$p.Keys", "$p | gm", "$p -join ''",
		"\"$($p | Out-String)\"", "$p | ConvertTo-Csv", "Get-Variable p | fl", "$p.ToString()",
		"$p -replace 'a'", "'{0}' -f $p", "$p | % { $_ }" };
	for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
		assert_null(strstr(fake_run(&f, tries[i], &e, &d), "s3cret"));
	(void)json_object_set_new(f.files, "pin.txt", json_string("4711\r\n"));
	fake_is(&f, "New-CsUser a -PasswordFile pin.txt",
		"send New-CsUser {\"Password\":\"4711\",\"Identity\":\"a\"}\n");
	fake_is(&f, "$name = Read-Host 'Name'; $name", "ask Name: \ns3cret\n");
	fake_close(&f);
}

static void knowing(void **state)
{
	gives("Get-Command * -Module Lync -CommandType cmdlet | % Name", "Get-CsUser\nSet-CsUser\nEnable-CsUser\n");
	gives("gcm -Verb Get -Noun Cs* | % Name; (gcm *-Object).Count; (gcm -TotalCount 2).Count",
		"Get-CsUser\n8\n2\n");
	gives("Get-Help Get-CsUser -Full; Get-Help; help Get-CsUser -Parameter Identity",
		"help of \"Get-CsUser\" 1\nhelp of \"\" 0\nhelp of \"Get-CsUser Identity\" 8\n");
	gives("Get-CsUser -?", "help of \"Get-CsUser\" 0\n");
	gives("Get-Help where",
		"Where-Object: Passes on the objects for which a condition is true.\naliases: where ?\nparameters: "
		"-FilterScript VALUE [-Property] VALUE [-Value] VALUE -EQ -NE -GT -GE -LT -LE -Like -NotLike -Match "
		"-NotMatch -Contains -NotContains -In -NotIn -CEQ -CNE -CLike -CMatch -CContains\nexample: Get-CsUser "
		"| Where-Object { $_.Enabled -eq $true }\n");
	gives("Get-CsUser sip:ann@example.test | gm | % { \"$($_.Name) $($_.Definition)\" }",
		"send Get-CsUser {\"Identity\":\"sip:ann@example.test\"}\nIdentity string\nDisplayName string\nEnabled "
		"bool\nAge int\n");
	gives("Get-Alias fl | % Definition; $x = 5; (Get-Variable x).Value; (New-Object PSObject -Property @{ a = 1 "
	      "}).a",
		"Format-List\n5\n1\n");
	gives("Write-Host a; Write-Host b -NoNewline; echo c; Write-Warning d; Write-Verbose e; 1 | Write-Host",
		"a\nbc\nwarning: d\nverbose: e\n1\n");
	gives("echo a b c; Write-Host x y (1 + 1); Write-Output (1, 2).Count", "a\nb\nc\nx y 2\n2\n");
	gives("Start-Sleep -Milliseconds 5", "");
	refused("Get-Help Get-CsNothing", ERR_USAGE, 1, 1, "there is no cmdlet Get-CsNothing");
	refused("Start-Sleep 100", ERR_USAGE, 1, 1, "60 seconds");
	for (size_t i = 0; shell_local_at(i) != NULL; i++)
		assert_ptr_equal(shell_local_find(str_of(shell_local_at(i)->name)), shell_local_at(i));
}

static void scripts(void **state)
{
	struct fake f;
	err e;
	struct diag d;
	fake_open(&f);
	const char *clone = ".\\New-CsClonedPolicy.ps1 -SourcePolicyName global -TargetPolicyName "
			    "\"DefaultConferencing\" -PolicyType ConferencingPolicy";
	fake_is(&f, clone,
		"send Get-CsConferencingPolicy {\"Identity\":\"global\"}\n"
		"send New-CsConferencingPolicy "
		"{\"Identity\":\"DefaultConferencing\",\"MaxMeetingSize\":250,\"AllowIPAudio\":true,\"BlockedUris\":["
		"\"a\",\"b\"]}\n"
		"Identity\n--------\nTag:DefaultConferencing\n");
	(void)fake_run(&f, "./New-CsClonedPolicy.ps1 global x EmptyPolicy", &e, &d);
	assert_string_equal(d.what, "there is no EmptyPolicy global");
	assert_true(strstr(d.where, "New-CsClonedPolicy.ps1, line") != NULL && d.line == 1 && d.column == 1);
	(void)fake_run(&f, "'x'; ./New-CsClonedPolicy.ps1 global x 'Bad; Policy'", &e, &d);
	assert_string_equal(d.what, "-PolicyType does not match its pattern");
	(void)fake_run(&f, "./New-CsClonedPolicy.ps1 global x NoSuchPolicy", &e, &d);
	assert_non_null(strstr(d.what, "there is no cmdlet Get-CsNoSuchPolicy"));
	(void)fake_run(&f, "./New-CsClonedPolicy.ps1 nobody x ConferencingPolicy", &e, &d);
	assert_string_equal(d.what, "there is no user nobody");
	assert_non_null(strstr(fake_run(&f, "Get-Help ./New-CsClonedPolicy.ps1", &e, &d), ".SYNOPSIS\nMakes a policy"));
	(void)json_object_set_new(f.files, "lib.ps1", json_string("function Twice($x) { $x * 2 }\n$y = 5"));
	(void)json_object_set_new(f.files, "bad.ps1", json_string("'a'\nif ("));
	fake_is(&f, ". ./lib.ps1; Twice $y", "10\n");
	(void)fake_run(&f, "./bad.ps1", &e, &d);
	assert_true(err_is(e, ERR_MALFORMED) && strstr(d.where, "bad.ps1, line 2, column 5") != NULL);
	(void)fake_run(&f, "./none.ps1", &e, &d);
	assert_true(err_is(e, ERR_ABSENT));
	fake_close(&f);
}

static void functions_have_their_place(void **state)
{
	struct fake f;
	err e;
	struct diag d;
	fake_open(&f);
	fake_is(&f, "function F {\n  throw 'deep'\n}", "");
	(void)fake_run(&f, "'x'\n  F", &e, &d);
	assert_true(err_is(e, ERR_REFUSED));
	assert_string_equal(d.where, "F, line 2, column 3");
	assert_true(d.line == 2 && d.column == 3);
	(void)fake_run(&f, "1..2 | % {\n Set-CsUser -Identity $_ -ErrorAction Stop; 1 / 0 }", &e, &d);
	assert_true(d.line == 2 && d.column == 45);
	fake_close(&f);
}

static void words(void **state)
{
	static const struct {
		const char *words[8], *want;
	} lines[] = {
		{ { "Get-CsUser", "-Identity", "sip:ann@example.test" },
			"send Get-CsUser {\"Identity\":\"sip:ann@example.test\"}\n" },
		{ { "Set-CsUser", "x y", "-Enabled:$false", "-LineURI", "+49 30 1", "-Confirm:false", "-PassThru" },
			"send Set-CsUser {\"Enabled\":false,\"LineURI\":\"+49 30 "
			"1\",\"Confirm\":false,\"PassThru\":true,\"Identity\":\"x y\"}\n" },
		{ { "New-CsAdminRole", "R", "-Cmdlets", "a, b" },
			"send New-CsAdminRole {\"Cmdlets\":[\"a\",\"b\"],\"Identity\":\"R\"}\n" },
		{ { "New-CsAdminRole", "R", "-Cmdlets", "@{Add=\"a\",\"b\"}" },
			"send New-CsAdminRole {\"Cmdlets\":{\"Add\":[\"a\",\"b\"]},\"Identity\":\"R\"}\n" },
		{ { "Set-CsUser", "R", "-LineURI", "" }, "send Set-CsUser {\"LineURI\":\"\",\"Identity\":\"R\"}\n" },
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct fake f;
		struct diag d = { 0 };
		str all[8];
		size_t n = 0;
		fake_open(&f);
		for (; n < 8 && lines[i].words[n] != NULL; n++)
			all[n] = str_of(lines[i].words[n]);
		err e = shell_run_words(f.sh, n, all, &d);
		if (failed(e))
			fail_msg("%s: %s", e.def->name, d.what);
		buf_add_char(&f.log, '\0');
		f.log.p[strlen(lines[i].want)] = '\0'; /* without what is shown */
		assert_string_equal(f.log.p, lines[i].want);
		fake_close(&f);
	}
}

static void words_are_refused(void **state)
{
	struct fake f;
	struct diag d = { 0 };
	fake_open(&f);
	assert_true(err_is(shell_run_words(f.sh, 1, (str[]){ STR("Get-CsUsr") }, &d), ERR_USAGE));
	assert_non_null(strstr(d.what, "did you mean Get-CsUser?"));
	assert_true(err_is(
		shell_run_words(f.sh, 3, (str[]){ STR("Set-CsUser"), STR("-Enabled"), STR("$(") }, &d), ERR_MALFORMED));
	assert_true(err_is(shell_run_words(f.sh, 2, (str[]){ STR("Set-CsUser"), STR("-Enabled") }, &d), ERR_USAGE));
	assert_true(err_is(shell_run_words(f.sh, 0, NULL, &d), ERR_USAGE));
	assert_int_equal(f.log.n, 0);
	fake_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filtering),
		cmocka_unit_test(the_servers_cmdlets),
		cmocka_unit_test(many_are_under_way),
		cmocka_unit_test(progress_is_told),
		cmocka_unit_test(errors_of_one_object),
		cmocka_unit_test(interruptions),
		cmocka_unit_test(files),
		cmocka_unit_test(secrets),
		cmocka_unit_test(knowing),
		cmocka_unit_test(scripts),
		cmocka_unit_test(functions_have_their_place),
		cmocka_unit_test(words),
		cmocka_unit_test(words_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
