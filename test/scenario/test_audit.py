# SPDX-License-Identifier: Apache-2.0
"""The audit: who did what, without secrets, and a chain that shows what was changed in the file behind the server's back."""
import json
import sqlite3

import pytest

from admin_client import AdminClient, Refusal
from whole_site import WHOLE


@pytest.fixture
def admin(server):
    with AdminClient(server) as client:
        yield client


def proof(server):
    with AdminClient(server) as admin:
        return admin.ask("Test-CsAuditLog")[0]


def newest_in_log(server):
    line = server.log("audit.line")[-1]
    return line["number"], line["hash"]


def change(server, *statements):
    """In the file of a server that is stopped, and started again."""
    assert server.stop() == 0
    with sqlite3.connect(next((server.dir / "store").glob("*.db"))) as db:
        for statement in statements:
            assert db.execute(statement).rowcount != 0, statement
    db.close()
    assert not list((server.dir / "store").glob("*.db-*"))
    server.start()


def test_lines_say_who_did_what(admin, server):
    admin.add_admin("eve", "CsUserAdministrator")
    with admin.sign_in("eve") as eve:
        eve.ask("Set-CsUser", Identity="sip:ann@example.test", Title="Dr.")
        with pytest.raises(Refusal):
            eve.ask("New-CsAllowedDomain", Identity="x.test")
        with pytest.raises(Refusal):
            eve.ask("Set-CsUser", Identity="sip:nobody@example.test", Title="Dr.")
        eve.ask("Get-CsUser")
        eve.ask("Set-CsUser", Identity="sip:ann@example.test", Title="None", WhatIf=True)
    admin.ask("Export-CsConfiguration", FileName="x", Password="a long enough word")
    lines = admin.ask("Get-CsAuditLog", Last=4)
    assert [(o["Author"], o["Command"], o["Result"]) for o in lines] == [
        ("sip:eve@example.test", "Set-CsUser -Identity sip:ann@example.test -Title Dr.", "OK"), ("sip:eve@example.test", "New-CsAllowedDomain -Identity x.test", "REFUSED"),
        ("sip:eve@example.test", "Set-CsUser -Identity sip:nobody@example.test -Title Dr.", "ABSENT"), ("root", "Export-CsConfiguration -FileName x -Password ***", "OK")]
    assert [o["Number"] for o in lines] == list(range(lines[0]["Number"], lines[0]["Number"] + 4))
    assert json.loads(lines[0]["Detail"])[0]["after"]["Title"] == "Dr." and lines[0]["From"].startswith("console, pid")
    assert {o["Author"] for o in admin.ask("Get-CsAuditLog", User="sip:eve@example.test")} == {"sip:eve@example.test"}
    assert admin.ask("Get-CsAuditLog", From=lines[2]["Number"]) == lines[2:]
    server.wait_event("audit.line", 5, wanted=lambda e: (e["number"], e["hash"]) == (lines[-1]["Number"], lines[-1]["Hash"]))


@pytest.mark.parametrize("statement", [
    "UPDATE audit SET author = 'sip:ann@example.test' WHERE number = 3", "UPDATE audit SET time = time + 1 WHERE number = 3", "UPDATE audit SET address = '' WHERE number = 3",
    "UPDATE audit SET command = command || ' ' WHERE number = 3", "UPDATE audit SET result = 'OK ' WHERE number = 3", "UPDATE audit SET detail = '' WHERE number = 3",
    "UPDATE audit SET hash = randomblob(32) WHERE number = 3", "DELETE FROM audit WHERE number = 3", "DELETE FROM audit WHERE number <= 3",
    "UPDATE audit SET author = command, command = author WHERE number = 3",
    "INSERT INTO audit SELECT 0, time, author, address, command, result, detail, hash FROM audit WHERE number = 3", "UPDATE audit SET number = number + 1 WHERE number = (SELECT max(number) FROM audit)"])
def test_changed_lines_show(server_factory, statement):
    server = server_factory(users=("ann", "bob", "carol", "dan", "eve"))
    good = proof(server)
    assert (good["Result"], good["Lines"]) == ("Success", 5)
    change(server, statement)
    found = proof(server)
    assert found["Result"] == "Failure" and "does not follow" in found["Diagnosis"], found
    with AdminClient(server) as admin:
        admin.ask("New-CsVoicePolicy", Identity="Sales")
    assert proof(server)["Result"] == "Failure", "what comes after heals nothing"


def test_a_cut_end_shows_beside_the_log(server_factory):
    server = server_factory(users=("ann", "bob", "carol"))
    with AdminClient(server) as admin:
        admin.ask("New-CsVoicePolicy", Identity="Secret")
    found = proof(server)
    assert (found["Lines"], found["Hash"]) == newest_in_log(server)
    server.restart()
    found = proof(server)
    assert (found["Result"], found["Lines"], found["Hash"]) == ("Success", *newest_in_log(server))
    change(server, "DELETE FROM audit WHERE number >= 3")
    found = proof(server)
    assert found["Lines"] == 2 and (found["Lines"], found["Hash"]) != newest_in_log(server)
    logged = {e["number"]: e["hash"] for e in server.log("audit.line")}
    for name in ("dan", "eve"):
        server.add_user(name)
    found = proof(server)
    assert found["Lines"] == 4 and found["Hash"] != logged[4], "lines in the place of others have other hashes"


SECRETS = {"password": "a word of ann's own", "new": "another word of ann's", "pin": "729416", "phrase": "open sesame, gateway", "wrong": "a wrong guess of eve's", "file": "a word for the file"}


def test_no_secret_is_written_anywhere(server_factory):
    server = server_factory(**WHOLE)
    ann = "sip:ann2@example.test"
    with AdminClient(server) as admin:
        admin.ask("New-CsUser", SipAddress=ann, Password=SECRETS["password"])
        admin.ask("Set-CsUser", Identity=ann, Password=SECRETS["new"], PassThru=True)
        admin.ask("Set-CsUser", Identity=ann, Passw=SECRETS["new"])
        admin.ask("Set-CsClientPin", Identity=ann, Pin=SECRETS["pin"])
        admin.ask("Set-CsXmppGatewayConfiguration", DialbackPassphrase=SECRETS["phrase"])
        admin.ask("Set-CsIPPhonePolicy", LocalProvisioningServerPassword=SECRETS["phrase"])
        admin.ask("Set-CsXmppGatewayConfiguration", DialbackPassphrase=SECRETS["phrase"] + "!", Verbose=True)
        admin.many([("Set-CsUser", {"Identity": "sip:nobody@example.test", "Password": SECRETS["new"]}), ("Set-CsUser", {"Identity": ann, "Password": SECRETS["new"] + "\u0001"}),
                    ("New-CsUser", {"SipAddress": "x", "Password": SECRETS["password"]}), ("Set-CsUser", {"Identity": ann, "Password": [SECRETS["new"], "b"]}),
                    ("Set-CsUser", {"Identity": ann, "Passwort": SECRETS["new"]}), ("Set-CsXmppGatewayConfiguration", {"DialbackPassphrase": {"a": SECRETS["phrase"]}}),
                    ("Set-CsXmppGatewayConfiguration", {"Instance": {"Identity": "Global", "DialbackPassphrase": SECRETS["phrase"]}}),
                    ("sign-in", {"User": ann, "Password": SECRETS["wrong"]}), ("sign-in", {"User": SECRETS["wrong"], "Password": ""}), ("sign-in", {"User": ann, "Password": SECRETS["new"]}),
                    {"command": "Set-CsUser", "parameters": {"Identity": ann}, "input": {"Password": SECRETS["new"]}}])
        secret = admin.ask("Enable-CsAdminCode", Identity=ann)[0]["Secret"]
        token = None
        admin.ask("Set-CsGroup", Identity="CsHelpDesk", Members=[ann])
        admin.ask("Disable-CsAdminCode", Identity=ann)
        server.passwords["ann2"] = SECRETS["new"]
        with admin.sign_in("ann2") as session:
            token = session.session
            session.ask("Get-CsUser")
        document = admin.ask("Export-CsConfiguration", FileName="x", Password=SECRETS["file"])[0]["Document"]
        admin.ask("Import-CsConfiguration", FileName="x", Password=SECRETS["file"], Document=document)
        admin.ask("Remove-CsUser", Identity=ann)
        admin.ask("Restore-CsConfiguration", Version=admin.ask("Get-CsConfigurationHistory")[1]["Version"])
        versions = [o["Version"] for o in admin.ask("Get-CsConfigurationHistory", Last=1000)]
        shown = {"history": [admin.ask("Get-CsConfigurationHistory", Version=v) for v in versions], "audit": admin.ask("Get-CsAuditLog", Last=1000), "document": document,
                 "objects": [admin.ask(f"Get-Cs{n}") for n in ("User", "AdUser", "XmppGatewayConfiguration", "IPPhonePolicy", "ClientPinInfo") if n != "ClientPinInfo"]}
    server.stop()
    shown["log"] = [e["_text"] for e in server.events]
    with sqlite3.connect(next((server.dir / "store").glob("*.db"))) as db:
        shown["store"] = [db.execute(f"SELECT {column} FROM {table}").fetchall() for table, column in
                          (("history", "command"), ("history", "diff"), ("audit", "command"), ("audit", "detail"), ("user", "body"))]
        hashes = [h[0].hex() for h in db.execute("SELECT ha1_sha256 FROM user")]
    for place, content in shown.items():
        text = json.dumps(content, ensure_ascii=False)
        for name, word in [*SECRETS.items(), ("code", secret), ("token", token), *(("hash", h) for h in hashes)]:
            if name == "wrong" and place == "log":
                continue  # what somebody types for his name is said by auth.failed
            assert word not in text, (place, name)
