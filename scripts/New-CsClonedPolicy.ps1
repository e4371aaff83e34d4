# SPDX-License-Identifier: Apache-2.0
<#
.SYNOPSIS
Makes a policy that has the same settings as another one.

.DESCRIPTION
Reads one policy by Get-Cs<PolicyType> and creates another by New-Cs<PolicyType> with equal properties. What the server
sets by itself (the identity and its parts) is not copied, and neither is what is not set in the source.

.PARAMETER SourcePolicyName
The policy to be read: global, site:Redmond, or the name of a per-user policy.

.PARAMETER TargetPolicyName
The policy to be made.

.PARAMETER PolicyType
ConferencingPolicy, ClientPolicy, ExternalAccessPolicy, VoicePolicy, or another noun that has Get-Cs and New-Cs.

.EXAMPLE
.\New-CsClonedPolicy.ps1 -SourcePolicyName global -TargetPolicyName "DefaultConferencing" -PolicyType ConferencingPolicy
#>
[CmdletBinding()]
param(
	[Parameter(Mandatory = $true)]
	[ValidateNotNullOrEmpty()]
	[string] $SourcePolicyName,

	[Parameter(Mandatory = $true)]
	[ValidateNotNullOrEmpty()]
	[string] $TargetPolicyName,

	[Parameter(Mandatory = $true)]
	[ValidatePattern('^[A-Za-z]+$')]
	[string] $PolicyType
)

$ownedByServer = 'Identity', 'Anchor', 'Element', 'ScopeClass', 'Key', 'XsAnyElements', 'XsAnyAttributes', 'PSComputerName', 'RunspaceId'

$source = & "Get-Cs$PolicyType" -Identity $SourcePolicyName -ErrorAction Stop
if ($null -eq $source) {
	throw "there is no $PolicyType $SourcePolicyName"
}
if ($source -is [array]) {
	throw "$SourcePolicyName names more than one $PolicyType"
}

$settings = @{ Identity = $TargetPolicyName }
foreach ($name in $source.Keys) {
	if ($name -notin $ownedByServer -and $null -ne $source.$name) {
		$settings.$name = $source.$name
	}
}
& "New-Cs$PolicyType" @settings -ErrorAction Stop
