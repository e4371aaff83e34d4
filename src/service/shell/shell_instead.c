/* SPDX-License-Identifier: Apache-2.0 */
/* Names that nobody answers to: what PowerShell or the field has and this shell has not, and names that were misspelled. */
#include "base/near.h"
#include "service/shell/shell_priv.h"

static const struct {
	const char *name, *instead;
} others[] = {
	{ "Invoke-Expression", "call commands by & $name with @parameters" },
	{ "iex", "call commands by & $name with @parameters" },
	{ "Invoke-Command", "each cmdlet works on the whole deployment; run witan on the other server for local ones" },
	{ "Start-Process", "run programs from your own shell" },
	{ "Start-Job", "pipelines send many commands at once already" },
	{ "Remove-Item", "files belong to your own shell" },
	{ "Copy-Item", "files belong to your own shell" },
	{ "Move-Item", "files belong to your own shell" },
	{ "New-Item", "Out-File writes a file" },
	{ "Set-Content", "Out-File writes a file" },
	{ "Add-Content", "Out-File -Append adds to a file" },
	{ "Get-Item", "files belong to your own shell" },
	{ "Get-ChildItem", "files belong to your own shell" },
	{ "dir", "files belong to your own shell" },
	{ "ls", "files belong to your own shell" },
	{ "Set-Location", "give whole paths" },
	{ "cd", "give whole paths" },
	{ "Get-Location", "give whole paths" },
	{ "Test-Path", "use try { Get-Content FILE -ErrorAction Stop } catch { }" },
	{ "Import-Module", "all cmdlets are here already" },
	{ "Get-Module", "Get-Command -Module Lync lists all cmdlets" },
	{ "Remove-Module", "all cmdlets are here already" },
	{ "Add-Type", "types of .NET are not there" },
	{ "New-PSSession", "all cmdlets are here already" },
	{ "Import-PSSession", "all cmdlets are here already" },
	{ "Enter-PSSession", "all cmdlets are here already" },
	{ "Get-Process", "Get-CsWindowsService shows the server's processes" },
	{ "Get-Service", "use Get-CsWindowsService" },
	{ "Start-Service", "use Start-CsWindowsService" },
	{ "Stop-Service", "use Stop-CsWindowsService" },
	{ "Restart-Service", "use Stop-CsWindowsService and Start-CsWindowsService" },
	{ "Get-WmiObject", "use Get-CsComputer" },
	{ "Get-CimInstance", "use Get-CsComputer" },
	{ "Get-EventLog", "use journalctl of your own shell" },
	{ "Get-WinEvent", "use journalctl of your own shell" },
	{ "Get-Credential", "use Read-Host and Read-Host -AsSecureString" },
	{ "Invoke-WebRequest", "run curl from your own shell" },
	{ "Invoke-RestMethod", "run curl from your own shell" },
	{ "Send-MailMessage", "send mail from your own shell" },
	{ "Set-ExecutionPolicy", "scripts may always be run" },
	{ "Export-Clixml", "use ConvertTo-Json | Out-File" },
	{ "Import-Clixml", "use Get-Content | ConvertFrom-Json" },
	{ "Set-Variable", "write $name = value" },
	{ "Tee-Object", "use -OutVariable" },
	{ "tee", "use -OutVariable" },
	{ "Add-Member", "use Select-Object *, @{Name=\"x\";Expression={...}}" },
	{ "Get-ADUser", "use Get-CsAdUser" },
	{ "Register-ObjectEvent", "poll in a loop with Start-Sleep" },
	{ "Measure-Command", "use time of your own shell" },
	{ "Select-String", "use Where-Object { $_ -match \"...\" }" },
	{ "Out-GridView", "use Format-Table" },
	{ "ogv", "use Format-Table" },
	{ "Out-Host", "leave it out" },
	{ "Split-Path", "use -split" },
	{ "Join-Path", "join texts" },
	{ "Resolve-Path", "give whole paths" },
	{ "Unblock-File", "scripts may always be run" },
	{ "Start-Transcript", "use script(1) of your own shell" },
	{ "Stop-Transcript", "use script(1) of your own shell" },
	{ "Update-Help", "the help is part of the program" },
	/* cmdlets of the field whose work is done elsewhere */
	{ "Publish-CsTopology", "edit topology.yaml, see witan plan, and restart the server" },
	{ "Enable-CsTopology", "edit topology.yaml, see witan plan, and restart the server" },
	{ "Test-CsTopology", "run witan plan: it checks topology.yaml" },
	{ "Install-CsDatabase", "the server makes its store and brings it up to date itself" },
	{ "Install-CsAdServerSchema", "no directory has to be prepared" },
	{ "Enable-CsAdForest", "no directory has to be prepared" },
	{ "Enable-CsAdDomain", "no directory has to be prepared" },
};

const char *shell_instead(str name)
{
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (str_eq_case(name, str_of(others[i].name)))
			return others[i].instead;
	return NULL;
}

static str nearest_here(const struct shell *sh, str name)
{
	struct near near = { .want = name };
	const struct shell_local *local;
	for (size_t i = 0; i < sh->n_functions; i++)
		near_offer(&near, str_of(sh->functions[i].name));
	for (size_t i = 0; (local = shell_local_at(i)) != NULL; i++)
		near_offer(&near, str_of(local->name));
	return near_best(&near);
}

err shell_no_such_command(struct shell *sh, str name, str near)
{
	const char *instead = shell_instead(name);
	str shown = str_cut(name, 0, 80);
	if (instead != NULL)
		return shell_not_part(sh, "", shown, instead);
	if (near.n == 0)
		near = nearest_here(sh, name);
	if (near.n != 0)
		return shell_fail(sh, ERR(USAGE), "Get-Command lists all cmdlets",
			"there is no cmdlet %.*s; did you mean %.*s?", STR_FMT(shown), STR_FMT(near));
	return shell_fail(sh, ERR(USAGE), "Get-Command lists all cmdlets", "there is no cmdlet %.*s", STR_FMT(shown));
}
