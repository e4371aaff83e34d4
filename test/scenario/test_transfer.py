# SPDX-License-Identifier: Apache-2.0
"""A whole deployment out into a document and in again, elsewhere; who has no password or has changed it gets nothing."""
import base64
import hashlib
import json
import sqlite3

import pytest

from admin_client import AdminClient, Refusal
from objects import Objects, same_states
from test_rights import code
from whole_site import WHOLE

PASSWORD = "a long enough word"


def take_out(admin, password=PASSWORD):
    return admin.ask("Export-CsConfiguration", FileName="x", Password=password)[0]["Document"]


def put_in(admin, document, password=PASSWORD, **more):
    return admin.ask("Import-CsConfiguration", FileName="x", Password=password, Document=document, **more)


def test_everything_goes_over(server_factory):
    one, two = server_factory(**WHOLE), server_factory(users=("carol",), **WHOLE)
    with AdminClient(one) as here, AdminClient(two) as there:
        objects = Objects(here)
        objects.fill()
        here.ask("Enable-CsUser", Identity="sip:ann@example.test")
        here.ask("Set-CsGroup", Identity="CsAdministrator", Members=["sip:ann@example.test"])
        secret = here.ask("Enable-CsAdminCode", Identity="sip:ann@example.test")[0]["Secret"]
        here.ask("Set-CsClientPin", Identity="sip:ann@example.test", Pin="729416")
        photo = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x60\0\0\0\x60".ljust(30720, b"p")  # as long as one may be
        here.ask("Import-CsUserPhoto", Identity="sip:ann@example.test", Path="ann.png", Content=base64.b64encode(photo).decode())
        document = take_out(here)
        text = json.dumps(document)
        for word in ("a first open sesame", "a second open sesame", one.passwords["ann"], secret, "729416"):
            assert word not in text
        assert not [name for name in ("ha1", "sha256", "md5") if f'"{name}' in text]
        empty = Objects(there).snapshot()
        version = there.version()
        there.ask("New-CsVoicePolicy", Identity="OfBefore")
        told = there.ask_whole("Import-CsConfiguration", {"FileName": "x", "Password": PASSWORD, "Document": document, "WhatIf": True})
        assert len(told["warnings"]) > 100 and there.get("VoicePolicy", "OfBefore")
        counted = put_in(there, document)[0]
        assert counted["Users"] == 2 and counted["Objects"] > 125
        here_now, there_now = objects.snapshot(), Objects(there).snapshot()
        assert here_now == there_now, same_states(here_now, there_now)
        two.passwords["ann"] = one.passwords["ann"]
        with pytest.raises(Refusal, match="CODE_NEEDED"):
            there.sign_in("ann")
        with there.sign_in("ann", code=code(secret)) as ann:
            assert ann.ask("Get-CsClientPinInfo", Identity="sip:ann@example.test")[0]["IsPinSet"]
            assert ann.ask("Get-CsUserPhoto", Identity="sip:ann@example.test")[0]["Hash"] == hashlib.sha256(photo).hexdigest()[:32]
        assert there.ask("Test-CsAuditLog")[0]["Result"] == "Success"
        again = take_out(there)
        for part in ("objects", "users"):
            assert sorted(map(json.dumps, again[part])) == sorted(map(json.dumps, document[part]))
        there.ask("Restore-CsConfiguration", Version=version)
        back = Objects(there).snapshot()
        assert back == empty, same_states(empty, back)
        there.ask("Set-CsGroup", Identity="CsHelpDesk", Members=["sip:carol@example.test"])
        there.sign_in("carol").close()


def test_secrets_of_objects_go_over(server_factory):
    one, two = server_factory(), server_factory()
    with AdminClient(one) as here, AdminClient(two) as there:
        here.ask("Set-CsXmppGatewayConfiguration", DialbackPassphrase="open sesame")
        put_in(there, take_out(here))
        assert there.get("XmppGatewayConfiguration", "Global")["DialbackPassphrase"] == "***"
    two.stop()
    with sqlite3.connect(next((two.dir / "store").glob("*.db"))) as db:
        assert db.execute("SELECT body FROM object WHERE kind = 'XmppGatewayConfiguration'").fetchone()[0] == '{"DialbackPassphrase":"open sesame"}'


def test_a_document_that_was_changed_is_refused(server_factory):
    server = server_factory()
    with AdminClient(server) as admin:
        admin.ask("New-CsVoicePolicy", Identity="Sales")
        document = take_out(admin)
        before, version = Objects(admin).snapshot(), admin.version()

        def refused(changed, password=PASSWORD, errors="REFUSED|MALFORMED"):
            with pytest.raises(Refusal, match=errors):
                put_in(admin, changed, password)
            assert admin.version() == version

        refused(document, "another long word", "REFUSED")
        refused(document, "short", "MALFORMED")
        refused(document, "", "MALFORMED|USAGE")
        for name in document:
            refused({n: v for n, v in document.items() if n != name})
            value = document[name]
            if isinstance(value, str):
                refused({**document, name: ("B" if value[0] == "A" else "A") + value[1:]})
            elif isinstance(value, int):
                refused({**document, name: value + 1})
            else:
                refused({**document, name: value[1:]})
                refused({**document, name: value + value[:1]})
        refused({**document, "more": 1})
        refused({**document, "objects": [{**document["objects"][0], "body": {"AllowCallForwarding": False}}]})
        for nonsense in ("text", 7, [], {}, {"format": "witan-deployment"}):
            with pytest.raises(Refusal):
                put_in(admin, nonsense)
        with pytest.raises(Refusal, match="MALFORMED"):
            take_out(admin, "short")
        assert Objects(admin).snapshot() == before
        put_in(admin, document)
        assert Objects(admin).snapshot() == before


def test_copies_of_the_store(server_factory):
    server = server_factory()
    with AdminClient(server) as admin:
        admin.ask("New-CsVoicePolicy", Identity="Sales")
        copy = admin.ask("Backup-CsStore", Name="copy.db")[0]
        assert copy == {"File": "copy.db", "Version": admin.version()}
        with pytest.raises(Refusal, match="EXISTS"):
            admin.ask("Backup-CsStore", Name="copy.db")
        for name in ("../copy.db", "a/b", ".hidden", "witan.db", "WITAN.DB-wal", "", "a b", "x" * 65):
            with pytest.raises(Refusal) as why:
                admin.ask("Backup-CsStore", Name=name)
            assert why.value.error in ("MALFORMED", "USAGE"), name
        admin.ask("Backup-CsStore", Name="other.db", WhatIf=True)
        assert not (server.dir / "store/other.db").exists()
        admin.ask("Remove-CsVoicePolicy", Identity="Sales")
        before = admin.get("User")
    server.stop()
    store = server.dir / "store"
    (store / "copy.db").replace(store / "witan.db")
    server.start()
    with AdminClient(server) as admin:
        assert admin.get("VoicePolicy", "Sales") and {n: o["SipAddress"] for n, o in admin.get("User").items()} == {n: o["SipAddress"] for n, o in before.items()}
        assert admin.ask("Test-CsAuditLog")[0]["Result"] == "Success"
