# SPDX-License-Identifier: Apache-2.0
"""Who may do what: built-in roles against every cmdlet, scopes, and ways to more rights than one has, each closed."""
import base64
import hashlib
import hmac
import struct
import time

import pytest

import schema_rows
from admin_client import AdminClient, Refusal
from deployment import wait_for
from objects import Objects, identity_of
from schema_rows import CMDS, KINDS, ROLES
from whole_site import WHOLE

SALES, BERLIN = "OU=Sales,DC=example,DC=test", "OU=Berlin,OU=Sales,DC=example,DC=test"


@pytest.fixture
def admin(server):
    with AdminClient(server) as client:
        yield client


@pytest.fixture
def whole(server_factory):
    return server_factory(**WHOLE)


@pytest.fixture
def root(whole):
    with AdminClient(whole) as client:
        yield client


# ---- the matrix ----

# Cmdlets with parameters of their own; everything else follows from the rows of its kind.
GIVEN = {
    "SIPURI": "sip:ann@example.test", "SECRET": "a long enough word", "NUMBER": "14255551234", "INT": 1, "REF": "uc.example.test",
    ("Get-CsAdminRoleAssignment", "Identity"): "sip:ann@example.test", ("Test-CsAdminRole", "User"): "sip:ann@example.test",
    ("Test-CsAdminRole", "Command"): "Get-CsUser", ("New-CsUser", "SipAddress"): "sip:new@example.test", ("Set-CsClientPin", "Pin"): "385274",
    ("Restore-CsConfiguration", "Version"): 0, "TEXT": "Global",
}


def lines(cmd):
    """A line that lacks nothing, and would change nothing."""
    given = {"WhatIf": True} if cmd.writes else {}
    kind = cmd.kind
    if kind is None:
        for name, type_, _check, letters in cmd.params:
            if "m" in letters or (cmd.name, name) in GIVEN:
                given[name] = GIVEN.get((cmd.name, name), GIVEN.get(type_))
        return cmd.name, given
    if cmd.verb in ("New", "Set", "Remove") and kind.base != "MEMORY":
        given["Identity"] = identity_of(kind) or "Nothing"
    if cmd.verb == "New":
        given |= {p.name: schema_rows.sample(p, False, lambda *_: "Nothing") for p in kind.props if p.has("m")}
    if cmd.verb == "Set" and kind.settable():
        prop = kind.settable()[0]
        given[prop.name] = schema_rows.sample(prop, False, lambda *_: "Nothing")
    if cmd.verb == "Grant":
        given |= {"Identity": "sip:ann@example.test", "PolicyName": "Nothing"}
    return cmd.name, given


def lists(letter, cmd):
    """Whether a built-in role has a cmdlet, by the letters of the rows: everything, what all may, what its letter writes, and what reads."""
    if letter == "*" or "o" in cmd.letters or letter in cmd.writers:
        return True
    if "w" in cmd.letters or "h" in cmd.letters:
        return False
    return cmd.verb != "Test" or letter in "HSr"


def is_refused(answer):
    return not answer["ok"] and answer["error"] == "REFUSED" and answer["what"].startswith("none of your roles lists")


# what they need besides is said by no row: a file's content that `witan` sends along, or one of several parameters
ONE_OF_SEVERAL = {"Import-CsConfiguration", "Import-CsCertificate", "Import-CsKerberosKeytab", "Import-CsUserPhoto", "New-CsAcmeChallenge", "Remove-CsCertificate", "Request-CsCertificate", "Revoke-CsClientCertificate"}


def test_every_role_and_every_cmdlet(server_factory):
    server = server_factory()
    names = sorted(CMDS)
    assert len(names) > 500 and len(ROLES) == 11
    bad = []
    with AdminClient(server) as admin:
        for i, role in enumerate(ROLES):
            admin.add_admin(f"admin{i}", role)
            with admin.sign_in(f"admin{i}") as him:
                answers = him.many([lines(CMDS[name]) for name in names])
            listed = {o["Name"] for o in admin.get("AdminRole", role)["Cmdlets"]}
            for name, answer in zip(names, answers):
                may = lists(ROLES[role], CMDS[name])
                if is_refused(answer) == may or (name in listed) != may or (answer.get("error") == "USAGE" and name not in ONE_OF_SEVERAL):
                    bad.append((role, name, "may" if may else "may not", name in listed, answer if not answer["ok"] else "ok"))
                if is_refused(answer) and (answer["where"] != name or not answer["remedy"].startswith(f"ask for a role that lists {name}")):
                    bad.append((role, name, answer))
    assert not bad, f"{len(bad)} of them:\n" + "\n".join(map(str, bad[:30]))


def test_what_the_roles_are_for(root, whole):
    """Not by letters: what the published description of each role says."""
    may = {
        "CsViewOnlyAdministrator": (["Get-CsUser", "Get-CsVoiceRoute", "Get-CsAdminRole", "Get-CsTopology"], ["Set-CsUser", "New-CsUser", "Grant-CsVoicePolicy", "Remove-CsVoiceRoute", "Export-CsConfiguration"]),
        "CsHelpDesk": (["Get-CsUser", "Lock-CsClientPin", "Unlock-CsClientPin", "Unlock-CsUser", "Test-CsVoiceUser"], ["Set-CsUser", "Disable-CsUser", "Set-CsMeetingConfiguration", "Grant-CsPinPolicy"]),
        "CsUserAdministrator": (["New-CsUser", "Set-CsUser", "Move-CsUser", "Grant-CsVoicePolicy", "Grant-CsExternalAccessPolicy", "Set-CsClientPin", "Set-CsConferencingPolicy"],
                                ["Set-CsVoicePolicy", "New-CsAllowedDomain", "Set-CsRegistrarConfiguration", "New-CsAdminRole", "Set-CsSite", "Backup-CsStore"]),
        "CsVoiceAdministrator": (["New-CsDialPlan", "New-CsVoiceNormalizationRule", "Set-CsVoicePolicy", "New-CsVoiceRoute", "Set-CsTrunkConfiguration", "New-CsUnassignedNumber", "New-CsCallParkOrbit"],
                                 ["New-CsUser", "Set-CsAccessEdgeConfiguration", "Set-CsMeetingConfiguration", "Grant-CsConferencingPolicy"]),
        "CsServerAdministrator": (["Stop-CsWindowsService", "Start-CsWindowsService", "Set-CsRegistrarConfiguration", "Set-CsProxyConfiguration", "Set-CsCdrConfiguration", "Set-CsPinPolicy"],
                                  ["New-CsAllowedDomain", "Set-CsExternalAccessPolicy", "Set-CsUser", "Import-CsConfiguration"]),
        "CsArchivingAdministrator": (["Set-CsArchivingPolicy", "Set-CsArchivingConfiguration", "Get-CsUser"], ["Set-CsConferencingPolicy", "Set-CsUser"]),
        "CsPersistentChatAdministrator": (["New-CsPersistentChatRoom", "New-CsPersistentChatCategory", "Set-CsPersistentChatPolicy"], ["Set-CsUser", "Set-CsArchivingPolicy"]),
        "CsLocationAdministrator": (["Get-CsLocationPolicy", "Get-CsNetworkSite"], ["Set-CsLocationPolicy", "New-CsLocationPolicy"]),
        "CsResponseGroupAdministrator": (["Get-CsService", "Get-CsUser", "Set-CsRgsConfiguration"], ["Set-CsUser"]),
    }
    for role, (can, cannot) in may.items():
        has = {o["Name"] for o in root.get("AdminRole", role)["Cmdlets"]}
        assert set(can) <= has, (role, set(can) - has)
        assert not set(cannot) & has, (role, set(cannot) & has)
    assert {o["Name"] for o in root.get("AdminRole", "CsAdministrator")["Cmdlets"]} == set(CMDS)


def test_built_in_roles_stay(admin):
    for line in (("Remove-CsAdminRole", {"Identity": "CsHelpDesk"}), ("Set-CsAdminRole", {"Identity": "cshelpdesk", "Cmdlets": {"Add": "Set-CsUser"}}),
                 ("New-CsAdminRole", {"Identity": "CsHelpDesk", "Template": "CsAdministrator"}), ("Set-CsAdminRole", {"Identity": " Global/CsHelpDesk", "Cmdlets": []}),
                 ("Set-CsAdminRole", {"Identity": "CsAdministrator", "ConfigScopes": ["site:Main"]})):
        with pytest.raises(Refusal, match="REFUSED"):
            admin.ask_whole(*line)
    assert len(admin.get("AdminRole", "CsHelpDesk")["Cmdlets"]) > 100


# ---- scopes ----

def make_role(admin, name, template="CsAdministrator", **more):
    admin.ask("New-CsAdminRole", Identity=name, Template=template, **more)


def test_configuration_scopes(root, whole):
    make_role(root, "BranchAdmin", ConfigScopes=["site:Branch"])
    root.add_admin("eve", "BranchAdmin")
    root.ask("New-CsTrunkConfiguration", Identity="site:Main")
    root.ask("New-CsMeetingConfiguration", Identity="site:Main")
    with root.sign_in("eve") as eve:
        eve.ask("New-CsMeetingConfiguration", Identity="site:branch")
        eve.ask("Set-CsMeetingConfiguration", Identity="Site:Branch", PstnCallersBypassLobby=False)
        eve.ask("Set-CsDirector", Identity="Director:dir02.example.test", SipPort=5062)
        eve.ask("New-CsWebServiceConfiguration", Identity="Service:WebServer:dir02.example.test")
        eve.ask("New-CsDialPlan", Identity="site:Branch")
        eve.ask("New-CsVoiceNormalizationRule", Identity="site:Branch/Example")
        assert set(eve.get("MeetingConfiguration")) == {"Global", "Site:Branch"}, "of other sites a list does not speak"
        assert eve.get("MeetingConfiguration", "Global"), "what is global holds for the branch too, and can be read"
        assert {o["Identity"] for o in eve.ask("Get-CsService")} == {"WebServer:dir02.example.test", "Director:dir02.example.test"}
        assert [o["Identity"] for o in eve.ask("Get-CsPool")] == ["dir02.example.test"]
        eve.ask("Remove-CsMeetingConfiguration", Identity="Site:Branch")
        out = [("Set-CsMeetingConfiguration", {"Identity": "Global", "PstnCallersBypassLobby": False}), ("Set-CsMeetingConfiguration", {"PstnCallersBypassLobby": False}),
               ("Set-CsMeetingConfiguration", {"Identity": "Site:Main", "PstnCallersBypassLobby": False}), ("New-CsTrunkConfiguration", {"Identity": "Site:Perimeter"}),
               ("Remove-CsTrunkConfiguration", {"Identity": "site:Main"}), ("Get-CsTrunkConfiguration", {"Identity": "site:Main"}),
               ("Set-CsRegistrar", {"Identity": "Registrar:uc01.example.test", "SipServerTcpPort": 5090}), ("Set-CsDirector", {"Identity": "dir01.example.test", "SipPort": 5063}),
               ("New-CsAllowedDomain", {"Identity": "fabrikam.test"}), ("New-CsVoicePolicy", {"Identity": "Tag:Mine"}), ("New-CsVoiceNormalizationRule", {"Identity": "Global/Example"}),
               ("Export-CsConfiguration", {"FileName": "x", "Password": "a long enough word"}), ("Restore-CsConfiguration", {"Version": 0}),
               ("Set-CsSite", {"Identity": "Main", "Description": "x"}), ("Enable-CsPublicProvider", {"Identity": "x"}), ("Set-CsPstnUsage", {"Usage": ["x"]}),
               ("Copy-CsVoicePolicy", {"Identity": "Global", "PolicyName": "Mine"}), ("Backup-CsStore", {}), ("Invoke-CsManagementStoreReplication", {}),
               ("Stop-CsWindowsService", {"Name": "front.0"}), ("Set-CsMeetingConfiguration", {"Instance": {"Identity": "Global", "PstnCallersBypassLobby": False}}),
               ("New-CsAdminRole", {"Identity": "Wider", "Template": "CsHelpDesk"}), ("Set-CsAdminRole", {"Identity": "BranchAdmin", "ConfigScopes": ["global"]})]
        bad = []
        for line, answer in zip(out, eve.many(out)):
            scope = "out of reach of your roles (BranchAdmin)" in answer.get("what", "") and "configuration scope" in answer["remedy"]
            gift = "with scopes that you do not have" in answer.get("what", "") and "nobody can give rights" in answer["remedy"]
            if answer.get("error") != "REFUSED" or not (scope or gift):
                bad.append((line, answer))
        assert not bad, bad
        assert {o["Author"] for command in ("Get-CsConfigurationHistory", "Get-CsAuditLog") for o in eve.ask(command)} == {"sip:eve@example.test"}, "nor of what others did elsewhere"
        with pytest.raises(Refusal, match="ABSENT"):
            eve.ask("Get-CsConfigurationHistory", Version=root.ask("Get-CsConfigurationHistory")[-1]["Version"])
    assert set(root.get("MeetingConfiguration")) == {"Global", "Site:Main"} and not root.get("AllowedDomain")


def test_user_scopes(root, whole):
    make_role(root, "SalesAdmin", "CsUserAdministrator", UserScopes=[f"OU:{SALES}"])
    root.add_admin("eve", "SalesAdmin", OU=SALES)
    root.add_user("sales", OU=SALES.lower())
    root.add_user("berlin", OU=BERLIN)
    root.add_user("other", OU="OU=Presales,DC=example,DC=test")
    root.add_user("near", OU="X" + SALES)
    root.ask("New-CsConferencingPolicy", Identity="Sample")
    inside, outside = ("sales", "berlin"), ("other", "near", "ann")
    with root.sign_in("eve") as eve:
        assert {o["Identity"] for o in eve.ask("Get-CsUser")} == {f"sip:{n}@example.test" for n in ("eve", *inside)}

        def things(name):
            who = {"Identity": f"sip:{name}@example.test"}
            return [("Set-CsUser", {**who, "DisplayName": f"The {name}"}), ("Grant-CsConferencingPolicy", {**who, "PolicyName": "Sample"}), ("Set-CsClientPin", {**who, "Pin": "729416"}),
                    ("Lock-CsClientPin", who), ("Disable-CsUser", who), ("Enable-CsUser", who), ("Unlock-CsUser", who), ("Move-CsUser", {**who, "Target": whole.fqdn}),
                    ("Get-CsUser", who), ("Get-CsUserPoolInfo", who), ("Get-CsClientPinInfo", who), ("Get-CsEffectivePolicy", who), ("Set-CsUser", {**who, "Password": "another word"}),
                    ("Set-CsUser", {"Identity": name, "OU": SALES}), ("Remove-CsUser", who)]
        for name in inside:
            assert not [a for a in eve.many(things(name)[:-2]) if not a["ok"]], name
        for name in outside:
            for line, answer in zip(things(name), eve.many(things(name))):
                assert answer.get("error") in ("REFUSED", "ABSENT" if "Identity" in line[1] and line[1]["Identity"] == name else "REFUSED"), (line, answer)
                assert "user scope" in answer["remedy"] and "SalesAdmin" in answer["what"] or answer["error"] == "ABSENT", answer
        for line in (("Set-CsUser", {"Identity": "sip:sales@example.test", "OU": "OU=Presales,DC=example,DC=test"}), ("Set-CsUser", {"Identity": "sip:sales@example.test", "OU": None}),
                     ("New-CsUser", {"SipAddress": "sip:new@example.test", "Password": "long enough"}),
                     ("New-CsUser", {"SipAddress": "sip:new@example.test", "Password": "long enough", "OU": "DC=example,DC=test"})):
            with pytest.raises(Refusal, match="REFUSED"):
                eve.ask_whole(*line)
        eve.ask("New-CsUser", SipAddress="sip:new@example.test", Password="long enough", OU=BERLIN)
        eve.ask("Remove-CsUser", Identity="sip:new@example.test")


def test_roles_add_up(root, whole):
    """Each right comes whole from one role: the cmdlet of one and the scope of another are no right."""
    make_role(root, "MainVoice", "CsVoiceAdministrator", ConfigScopes=["site:Main"])
    make_role(root, "BranchServer", "CsServerAdministrator", ConfigScopes=["site:Branch"])
    root.add_admin("eve", "MainVoice", "BranchServer")
    with root.sign_in("eve") as eve:
        eve.ask("New-CsVoicePolicy", Identity="site:Main")
        eve.ask("New-CsPinPolicy", Identity="site:Branch")
        for line in (("New-CsPinPolicy", {"Identity": "site:Main"}), ("New-CsVoicemailReroutingConfiguration", {"Identity": "site:Branch"})):
            with pytest.raises(Refusal, match="REFUSED"):
                eve.ask_whole(*line)
        assert {o["Role"] for o in root.ask("Get-CsAdminRoleAssignment", Identity="sip:eve@example.test")} == {"MainVoice", "BranchServer"}


# ---- ways up ----

def test_nobody_gives_rights_that_he_does_not_have(admin, server):
    admin.ask("New-CsAdminRole", Identity="RoleMaker", Template="CsHelpDesk", Cmdlets={"Add": ["New-CsAdminRole", "Set-CsAdminRole", "Remove-CsAdminRole", "Set-CsGroup", "New-CsGroup", "Set-CsUser"]},
              UserScopes=["global"])
    admin.ask("New-CsAdminRole", Identity="Stronger", Template="CsServerAdministrator")
    admin.add_admin("eve", "RoleMaker")
    admin.add_user("friend")
    with admin.sign_in("eve") as eve:
        eve.ask("New-CsAdminRole", Identity="Little", Template="CsHelpDesk")
        eve.ask("Set-CsAdminRole", Identity="Little", Cmdlets={"Remove": "Get-CsUser"})
        eve.ask("Set-CsGroup", Identity="Little", Members={"Add": "sip:friend@example.test"})
        refused = [("New-CsAdminRole", {"Identity": "Big", "Template": "CsAdministrator"}), ("New-CsAdminRole", {"Identity": "Big", "Template": "Stronger"}),
                   ("New-CsAdminRole", {"Identity": "Big", "Template": "CsHelpDesk", "Cmdlets": {"Add": "New-CsUser"}}),
                   ("Set-CsAdminRole", {"Identity": "RoleMaker", "Cmdlets": {"Add": "New-CsUser"}}), ("Set-CsAdminRole", {"Identity": "Stronger", "Cmdlets": {"Remove": "Set-CsPinPolicy"}}),
                   ("Remove-CsAdminRole", {"Identity": "Stronger"}), ("Set-CsAdminRole", {"Identity": "Global/Stronger", "Cmdlets": ["Get-CsUser"]}),
                   ("Set-CsAdminRole", {"Instance": {**admin.get("AdminRole", "Little"), "Cmdlets": ["Remove-CsUser"]}})]
        for line in refused:
            with pytest.raises(Refusal, match="REFUSED") as why:
                eve.ask_whole(*line)
            assert "nobody can give rights" in why.value.remedy, why.value


@pytest.mark.parametrize("identity", ["CsAdministrator", "csadministrator", "Global/CsAdministrator", "global/CSADMINISTRATOR", " CsAdministrator ", "\tCsAdministrator"])
def test_nobody_puts_himself_among_administrators(admin, server, identity):
    admin.add_admin("eve", "CsUserAdministrator")
    admin.ask("New-CsGroup", Identity="Deputies")
    admin.ask("Set-CsGroup", Identity="CsAdministrator", Members={"Add": "Deputies"})
    me = {"Members": {"Add": "sip:eve@example.test"}}
    with admin.sign_in("eve") as eve:
        for line in (("Set-CsGroup", {"Identity": identity, **me}), ("Set-CsGroup", {"Identity": identity, "Members": ["sip:eve@example.test"]}), ("Remove-CsGroup", {"Identity": identity}),
                     ("Set-CsGroup", {"Instance": {"Identity": identity, "Members": ["sip:eve@example.test"]}}), ("Set-CsGroup", {"Identity": identity.replace("CsAdministrator", "Deputies"), **me})):
            if "Deputies" in str(line) or "dministrator" in str(line).lower():
                with pytest.raises(Refusal, match="REFUSED|ABSENT|EXISTS"):
                    eve.ask_whole(*line)
        with pytest.raises(Refusal, match="REFUSED|EXISTS"):
            eve.ask("New-CsGroup", Identity=identity, Members=["sip:eve@example.test"])
        assert [o["Role"] for o in admin.ask("Get-CsAdminRoleAssignment", Identity="sip:eve@example.test")] == ["CsUserAdministrator"]
        with pytest.raises(Refusal, match="REFUSED"):
            eve.ask("New-CsAllowedDomain", Identity="fabrikam.test")


def test_groups_in_groups(admin, server):
    admin.add_admin("eve", "CsUserAdministrator")
    admin.ask("New-CsGroup", Identity="Inner")
    admin.ask("New-CsGroup", Identity="Outer", Members=["Inner"])
    admin.ask("Set-CsGroup", Identity="CsHelpDesk", Members={"Add": "Outer"})
    admin.ask("Set-CsGroup", Identity="CsAdministrator", Members={"Add": "Outer"})
    admin.add_user("friend")
    with admin.sign_in("eve") as eve:
        for line in (("Set-CsGroup", {"Identity": "Inner", "Members": {"Add": "sip:eve@example.test"}}), ("Set-CsGroup", {"Identity": "Outer", "Members": {"Add": "sip:eve@example.test"}}),
                     ("Remove-CsGroup", {"Identity": "Inner"}), ("Set-CsGroup", {"Identity": "Inner", "Description": "x"})):
            with pytest.raises(Refusal, match="REFUSED"):
                eve.ask_whole(*line)
        admin.ask("Remove-CsGroup", Identity="Inner")
        with pytest.raises(Refusal, match="REFUSED"):
            eve.ask("New-CsGroup", Identity="Inner", Members=["sip:eve@example.test"])
    admin.ask("New-CsGroup", Identity="Inner", Members=["sip:friend@example.test"])
    assert {o["By"] for o in admin.ask("Get-CsAdminRoleAssignment", Identity="friend@example.test")} == {"Inner > Outer > CsHelpDesk", "Inner > Outer > CsAdministrator"}
    with admin.sign_in("friend") as friend:
        friend.ask("New-CsAllowedDomain", Identity="fabrikam.test")


def test_many_groups_hide_nothing(admin, server):
    """However many groups there are, what somebody holds by the last of them counts; and groups that contain each other hold nobody up."""
    admin.add_admin("boss", "CsAdministrator")
    admin.add_admin("eve", "CsUserAdministrator")
    names = [f"A{i:04}" for i in range(2100)]
    with admin.sign_in("eve") as eve:
        admin.all(("New-CsGroup", {"Identity": name, "Members": ["sip:ann@example.test"]}) for name in names)
        with pytest.raises(Refusal, match="REFUSED"):
            eve.ask("Set-CsUser", Identity="sip:boss@example.test", Password="known to eve")
        with admin.sign_in("boss") as boss:
            boss.ask("New-CsAllowedDomain", Identity="fabrikam.test")
        circle = names[:40]
        eve.all(("Set-CsGroup", {"Identity": name, "Members": [other for other in circle if other != name] + ["sip:eve@example.test"]}) for name in circle)
        start = time.monotonic()
        eve.ask("Get-CsUser")
        assert time.monotonic() - start < 5
        admin.ask("Set-CsGroup", Identity="CsHelpDesk", Members=[circle[-1]])
        assert {o["Role"] for o in admin.ask("Get-CsAdminRoleAssignment", Identity="sip:eve@example.test")} == {"CsUserAdministrator", "CsHelpDesk"}


def test_a_group_cannot_pass_for_a_user(admin, server):
    """A group called like somebody would give its members what he holds, today or later."""
    admin.add_admin("eve", "CsUserAdministrator")
    with admin.sign_in("eve") as eve:
        for name in ("ann@example.test", "sip:ann@example.test", "SIP:Ann@Example.test"):
            with pytest.raises(Refusal, match="MALFORMED"):
                eve.ask("New-CsGroup", Identity=name, Members=["sip:eve@example.test"])
    with pytest.raises(Refusal, match="MALFORMED"):
        admin.ask("New-CsAdminRole", Identity="ann@example.test", Template="CsHelpDesk")


def test_members_are_written_as_they_count(admin, server):
    """A name that is taken gives its rights: an address in any letters. Other names of a user are refused with his address."""
    admin.add_user("eve", SamAccountName="evil")
    admin.ask("Set-CsGroup", Identity="CsHelpDesk", Members=["SIP:Eve@example.test"])
    with admin.sign_in("eve") as eve:
        assert eve.ask("Get-CsUser")
    for name in ("evil", "EXAMPLE\\evil", "eve", "sip:nobody@example.test", "Nobody", " sip:eve@example.test"):
        with pytest.raises(Refusal) as why:
            admin.ask("Set-CsGroup", Identity="CsHelpDesk", Members={"Add": name})
        assert why.value.error in ("ABSENT", "MALFORMED", "EXISTS") and why.value.where == "Members"


def test_who_has_more_is_out_of_reach(admin, server):
    admin.add_admin("boss", "CsAdministrator")
    admin.add_admin("eve", "CsUserAdministrator")
    boss = {"Identity": "sip:boss@example.test"}
    tries = [("Set-CsUser", {**boss, "Password": "known to eve"}), ("Set-CsUser", {**boss, "Enabled": False}), ("Disable-CsUser", boss), ("Set-CsUser", {**boss, "OU": SALES}),
             ("Set-CsUser", {**boss, "SamAccountName": "x"}), ("Remove-CsUser", boss), ("Set-CsClientPin", boss), ("Unlock-CsUser", boss), ("Move-CsUser", {**boss, "Target": server.fqdn}),
             ("Grant-CsPinPolicy", {**boss, "PolicyName": None}), ("Set-CsUser", {"Identity": "Boss", "Password": "known to eve"}),
             ("Set-CsUser", {"Instance": {**boss, "DisplayName": "Fool"}})]
    with admin.sign_in("eve") as eve:
        for line in tries:
            with pytest.raises(Refusal) as why:
                eve.ask_whole(*line)
            assert why.value.error == "REFUSED", why.value
        # Nor by his address when he is gone: what his groups hold waits for whoever is called so.
        admin.ask("Remove-CsUser", **boss)
        with pytest.raises(Refusal, match="REFUSED"):
            eve.ask("New-CsUser", SipAddress="sip:boss@example.test", Password="known to eve")
        eve.ask("Set-CsUser", Identity="sip:eve@example.test", DisplayName="Eve")
        eve.ask("Set-CsUser", Identity="sip:ann@example.test", Password="new and long")
    with pytest.raises(Refusal):
        admin.sign_in("boss", password="known to eve")


def test_going_back_and_importing_give_no_rights(admin, server):
    """A role that may restore or import, and little else, gets nothing more by it."""
    admin.add_user("eve")
    admin.ask("Set-CsGroup", Identity="CsAdministrator", Members=["sip:eve@example.test"])
    was = admin.version()
    admin.ask("Set-CsGroup", Identity="CsAdministrator", Members=["sip:ann@example.test"])
    admin.ask("New-CsAdminRole", Identity="Restorer", Template="CsViewOnlyAdministrator",
              Cmdlets={"Add": ["Restore-CsConfiguration", "Import-CsConfiguration", "Export-CsConfiguration", "New-CsConferencingPolicy"]})
    admin.ask("Set-CsGroup", Identity="Restorer", Members=["sip:eve@example.test"])
    document = admin.ask("Export-CsConfiguration", FileName="x", Password="a long enough word")[0]["Document"]
    with admin.sign_in("eve") as eve:
        now = admin.version()
        eve.ask("New-CsConferencingPolicy", Identity="Mine")
        eve.ask("Restore-CsConfiguration", Version=now)
        with pytest.raises(Refusal, match="REFUSED"):
            eve.ask("Restore-CsConfiguration", Version=was)
        with pytest.raises(Refusal, match="REFUSED"):
            eve.ask("Import-CsConfiguration", FileName="x", Password="a long enough word", Document=document)
    assert [o["Role"] for o in admin.ask("Get-CsAdminRoleAssignment", Identity="sip:eve@example.test")] == ["Restorer"]
    admin.add_admin("boss", "CsAdministrator")
    with admin.sign_in("boss") as boss:
        boss.ask("Restore-CsConfiguration", Version=was)


# ---- sessions ----

def test_sessions_follow_rights(admin, server):
    admin.add_user("eve")
    with pytest.raises(Refusal, match="REFUSED") as why:
        admin.sign_in("eve")
    assert "no administrator's role" in why.value.what
    admin.ask("Set-CsGroup", Identity="CsHelpDesk", Members=["sip:eve@example.test"])
    with admin.sign_in("eve") as eve:
        assert eve.ask("session")[0]["User"] == "sip:eve@example.test"
        assert eve.ask("Get-CsUser")
        admin.ask("Set-CsGroup", Identity="CsHelpDesk", Members=[])
        with pytest.raises(Refusal, match="REFUSED"):
            eve.ask("Get-CsUser")
        admin.ask("Set-CsGroup", Identity="CsUserAdministrator", Members=["sip:eve@example.test"])
        assert eve.ask("New-CsUser", SipAddress="sip:x@example.test", Password="long enough"), "nor must he sign in again for what he gets"
        admin.ask("Disable-CsUser", Identity="sip:eve@example.test")
        with pytest.raises(Refusal, match="SIGN_IN"):
            eve.ask("Get-CsUser")
        admin.ask("Enable-CsUser", Identity="sip:eve@example.test")
        with pytest.raises(Refusal, match="SIGN_IN"):
            eve.ask("Get-CsUser")
    with admin.sign_in("eve") as eve:
        other = dict(eve.line("Get-CsUser"))
        eve.ask("sign-out")
        eve.send(other)
        assert eve.read()["error"] == "SIGN_IN"
    with admin.sign_in("eve") as eve:
        admin.ask("Remove-CsUser", Identity="sip:eve@example.test")
        with pytest.raises(Refusal, match="SIGN_IN"):
            eve.ask("Get-CsUser")
    with AdminClient(server, session="x" * 43) as nobody:
        with pytest.raises(Refusal, match="SIGN_IN"):
            nobody.ask("Get-CsUser")


def test_a_new_password_ends_sessions(admin, server):
    """Who changes the password of an account that others have used wants them out."""
    admin.add_admin("eve", "CsHelpDesk")
    with admin.sign_in("eve") as thief:
        assert thief.ask("Get-CsUser")
        admin.ask("Set-CsUser", Identity="sip:eve@example.test", Password="another one, long")
        with pytest.raises(Refusal, match="SIGN_IN"):
            thief.ask("Get-CsUser")


def test_a_custom_role_that_is_removed_ends(admin, server):
    make_role(admin, "Mine", "CsHelpDesk")
    admin.add_admin("eve", "Mine")
    with admin.sign_in("eve") as eve:
        assert eve.ask("Get-CsUser")
        admin.ask("Set-CsAdminRole", Identity="Mine", Cmdlets={"Remove": "Get-CsUser"})
        with pytest.raises(Refusal, match="REFUSED"):
            eve.ask("Get-CsUser")
        assert eve.ask("Get-CsPool")
        admin.ask("Remove-CsAdminRole", Identity="Mine")
        with pytest.raises(Refusal, match="REFUSED"):
            eve.ask("Get-CsPool")


# ---- one-time codes, locks ----

def code(secret, at=None, step=0):
    """RFC 6238 with HMAC-SHA-1, 30 seconds, 6 digits."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(at or time.time()) // 30 + step), hashlib.sha1).digest()
    offset = mac[19] & 15
    return f"{(struct.unpack('>I', mac[offset:offset + 4])[0] & 0x7fffffff) % 1000000:06}"


def wrong_code(secret):
    right = {code(secret, step=i) for i in range(-3, 4)}
    return next(f"{i:06}" for i in range(100) if f"{i:06}" not in right)


def shown(admin, name):
    return admin.get("User", f"sip:{name}@example.test")


def test_one_time_codes(admin, server):
    assert code(base64.b32encode(b"12345678901234567890").decode(), 59) == "287082", "RFC 6238, appendix B"
    admin.add_admin("eve", "CsHelpDesk")
    secret = admin.ask("Enable-CsAdminCode", Identity="sip:eve@example.test")[0]
    assert secret["Url"].startswith("otpauth://totp/") and secret["Secret"] in secret["Url"]
    secret = secret["Secret"]
    with pytest.raises(Refusal, match="CODE_NEEDED"):
        admin.sign_in("eve")
    with pytest.raises(Refusal, match="SIGN_IN"):
        admin.sign_in("eve", password="not it at all", code=code(secret))
    if time.time() % 30 > 25:
        time.sleep(30 - time.time() % 30)
    good = code(secret)
    admin.sign_in("eve", code=good).close()
    with pytest.raises(Refusal, match="SIGN_IN"):
        admin.sign_in("eve", code=good)
    before = shown(admin, "eve")["FailedSignIns"]
    with pytest.raises(Refusal, match="SIGN_IN"):
        admin.sign_in("eve", code=wrong_code(secret))
    assert shown(admin, "eve")["FailedSignIns"] == before + 1
    for bad in ("12345", "1234567", "abcdef", "-12345", " 12345", ""):
        with pytest.raises(Refusal, match="SIGN_IN|CODE_NEEDED"):
            admin.sign_in("eve", code=bad)
    admin.ask("Unlock-CsUser", Identity="sip:eve@example.test")
    admin.sign_in("eve", code=code(secret, step=1)).close()
    admin.ask("Disable-CsAdminCode", Identity="sip:eve@example.test")
    admin.sign_in("eve").close()


def test_codes_cannot_be_guessed_by_who_knows_the_password(admin, server, client):
    """A good sign-in elsewhere, which takes the password alone, must not wipe out the count of wrong codes."""
    admin.add_admin("eve", "CsHelpDesk")
    secret = admin.ask("Enable-CsAdminCode", Identity="sip:eve@example.test")[0]["Secret"]
    errors = []
    for _ in range(12):
        with pytest.raises(Refusal) as why:
            admin.sign_in("eve", code=wrong_code(secret))
        errors.append(why.value.error)
        if why.value.error == "LOCKED":
            break
        with client(server, "eve") as device:
            assert device.register().status == 200
        wait_for(lambda: shown(admin, "eve")["FailedSignIns"] == 0, 5)
    assert errors[-1] == "LOCKED" and len(errors) == 11, errors
    admin.ask("Unlock-CsUser", Identity="sip:eve@example.test")
    admin.sign_in("eve", code=code(secret)).close()


def test_an_enabled_code_survives_removal_and_return(admin, server):
    """Who is brought back by the history signs in as he did before."""
    admin.add_admin("eve", "CsHelpDesk")
    secret = admin.ask("Enable-CsAdminCode", Identity="sip:eve@example.test")[0]["Secret"]
    admin.ask("Set-CsClientPin", Identity="sip:eve@example.test", Pin="729416")
    version = admin.version()
    admin.ask("Remove-CsUser", Identity="sip:eve@example.test")
    admin.ask("Restore-CsConfiguration", Version=version)
    with pytest.raises(Refusal, match="CODE_NEEDED"):
        admin.sign_in("eve")
    admin.sign_in("eve", code=code(secret)).close()
    assert admin.ask("Get-CsClientPinInfo", Identity="sip:eve@example.test")[0]["IsPinSet"] is True


def test_ten_wrong_passwords_lock(admin, server):
    admin.add_admin("eve", "CsHelpDesk")
    for i in range(10):
        with pytest.raises(Refusal, match="SIGN_IN"):
            admin.sign_in("eve", password=f"a wrong one {i}")
    with pytest.raises(Refusal, match="LOCKED") as why:
        admin.sign_in("eve")
    assert "seconds more" in why.value.what and "Unlock-CsUser" in why.value.remedy
    assert shown(admin, "eve")["LockedUntil"]
    admin.ask("Unlock-CsUser", Identity="sip:eve@example.test")
    admin.sign_in("eve").close()
    for i in range(11):
        with pytest.raises(Refusal, match="SIGN_IN" if i < 10 else "LOCKED") as why:
            admin.sign_in("nobody", password=f"a wrong one {i}")
    assert "nobody" not in why.value.what, "the same answer whether he exists or not"


def test_refused_lines_of_sessions_are_audited(admin, server):
    admin.add_admin("eve", "CsViewOnlyAdministrator")
    with admin.sign_in("eve") as eve:
        with pytest.raises(Refusal, match="REFUSED"):
            eve.ask("Remove-CsUser", Identity="sip:ann@example.test")
        line = eve.ask("Get-CsAuditLog", Last=1)[0]
    assert (line["Author"], line["Command"], line["Result"]) == ("sip:eve@example.test", "Remove-CsUser -Identity sip:ann@example.test", "REFUSED")
    assert "none of your roles lists" in line["Detail"] and line["From"].startswith("console")


def test_test_admin_role_says_what_happens(root, whole):
    make_role(root, "BranchAdmin", ConfigScopes=["site:Branch"], UserScopes=[f"OU:{SALES}"])
    root.add_admin("eve", "BranchAdmin", "CsHelpDesk")
    root.add_user("sales", OU=BERLIN)
    asked = {"Get-CsUser": True, "Set-CsUser -Identity sip:ann@example.test -DisplayName X": False, "Set-CsUser sip:sales@example.test": True,
             "New-CsMeetingConfiguration -Identity site:Branch": True, "New-CsMeetingConfiguration 'site:Main'": False, "Unlock-CsUser sip:ann@example.test": True,
             "Set-CsMeetingConfiguration -PstnCallersBypassLobby $false": False}
    with root.sign_in("eve") as eve:
        for line, want in asked.items():
            said = root.ask("Test-CsAdminRole", User="sip:eve@example.test", Command=line)[0]
            assert said["Allowed"] is want, (line, said)
            assert bool(said["Role"]) is want and bool(said["Reason"]) is not want
        assert eve.ask("Unlock-CsUser", Identity="sip:ann@example.test") == []
