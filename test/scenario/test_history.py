# SPDX-License-Identifier: Apache-2.0
"""Numbered changes: one for each, what they say, and going back to any of them."""
import random
import sqlite3

import pytest

from admin_client import AdminClient, Refusal
from objects import Objects, same_states
from schema_rows import STORED
from whole_site import WHOLE


@pytest.fixture
def admin(server):
    with AdminClient(server) as client:
        yield client


def history(admin, after=0):
    """Oldest first."""
    return list(reversed(admin.ask("Get-CsConfigurationHistory", After=after, Last=100000)))


def changes(admin, version):
    return admin.ask("Get-CsConfigurationHistory", Version=version)[0]["Changes"]


def test_every_change_has_a_number(admin, server):
    start = admin.version()
    done = [("New-CsConferencingPolicy", {"Identity": "Sales", "MaxMeetingSize": 100}), ("Set-CsConferencingPolicy", {"Identity": "Sales", "MaxMeetingSize": 50}),
            ("Grant-CsConferencingPolicy", {"Identity": "sip:ann@example.test", "PolicyName": "Sales"}), ("Set-CsUser", {"Identity": "sip:ann@example.test", "Title": "Dr."}),
            ("Remove-CsConferencingPolicy", {"Identity": "Sales", "Force": True}), ("Set-CsMeetingConfiguration", {"PstnCallersBypassLobby": False}),
            ("New-CsGroup", {"Identity": "Some", "Members": ["sip:ann@example.test"]}), ("Remove-CsMeetingConfiguration", {"Identity": "Global"})]
    nothing = [("Set-CsUser", {"Identity": "sip:ann@example.test", "Title": "Dr."}), ("Set-CsUser", {"Identity": "sip:ann@example.test", "Title": "x" * 200}),
               ("Set-CsGroup", {"Identity": "Some", "Members": ["sip:nobody@example.test"]}), ("New-CsGroup", {"Identity": "Other", "WhatIf": True}), ("Get-CsUser", {}),
               ("New-CsConferencingPolicy", {"Identity": "Mem", "InMemory": True})]
    versions = []
    for i, line in enumerate(done):
        admin.ask_whole(*line)
        versions.append(admin.version())
        if i < len(done) - 1:
            admin.many(nothing if i == 6 else nothing[1:2] + nothing[4:])
        assert admin.version() == versions[-1]
    found = history(admin, start)
    assert [o["Version"] for o in found] == versions == sorted(set(versions))
    assert [o["Command"].split()[0] for o in found] == [name for name, _ in done]
    assert {o["Author"] for o in found} == {"root"} and all(o["Time"].endswith("Z") for o in found)
    assert found[0]["What"] == "ConferencingPolicy Tag:Sales"
    assert changes(admin, versions[1]) == [{"kind": "ConferencingPolicy", "identity": "Tag:Sales", "before": {"MaxMeetingSize": 100}, "after": {"MaxMeetingSize": 50}}]
    assert changes(admin, versions[0])[0]["before"] is None and changes(admin, versions[4])[0]["after"] is None
    assert changes(admin, versions[2])[0]["after"]["ConferencingPolicy"] == "Sales"
    with pytest.raises(Refusal, match="ABSENT"):
        changes(admin, versions[-1] + 1)
    assert len(admin.ask("Get-CsConfigurationHistory", Last=2)) == 2


def test_going_back_gives_the_old_state_exactly(server_factory):
    """Everything that can be declared is declared, then changed at random; each state of before comes back whole."""
    server = server_factory(**WHOLE)
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    with AdminClient(server) as admin:
        objects = Objects(admin)
        states = [(admin.version(), objects.snapshot())]
        objects.fill()
        states.append((admin.version(), objects.snapshot()))
        kinds = [k for k in STORED if "s" in k.verbs]
        for _ in range(3):
            lines = []
            for kind in dice.sample(kinds, 40):
                there = list(admin.get(kind.name)) if "g" in kind.verbs else []
                identity = dice.choice(there) if there else None
                props = [p for p in kind.settable() if (v := objects.value(kind, p, True)) is not None]
                if identity is None or not props:
                    continue
                if dice.random() < 0.2 and "r" in kind.verbs:
                    lines.append((f"Remove-Cs{kind.name}", {"Identity": identity, "Force": True}))
                else:
                    lines.append((f"Set-Cs{kind.name}", {"Identity": identity, **{p.name: objects.value(kind, p, True) for p in dice.sample(props, min(len(props), 3))}}))
            assert sum(a["ok"] for a in admin.many(lines)) > 10
            states.append((admin.version(), objects.snapshot()))
        for i in [*range(len(states) - 2, -1, -1), *dice.sample(range(len(states)), len(states))]:
            version, state = states[i]
            before = objects.snapshot()
            told = admin.ask_whole("Restore-CsConfiguration", {"Version": version, "WhatIf": True})
            assert told["warnings"] and objects.snapshot() == before
            admin.ask("Restore-CsConfiguration", Version=version)
            now = objects.snapshot()
            assert now == state, (seed, i, same_states(state, now))
        assert admin.ask("Test-CsAuditLog")[0]["Result"] == "Success"
        with pytest.raises(Refusal, match="ABSENT"):
            admin.ask("Restore-CsConfiguration", Version=admin.version() + 1)


def test_users_come_back_as_they_were(admin, server):
    server.passwords["eve"] = "the first password"
    admin.add_admin("eve", "CsHelpDesk", password="the first password", Title="Dr.")
    version = admin.version()
    admin.ask("Remove-CsUser", Identity="sip:eve@example.test")
    admin.ask("New-CsUser", SipAddress="sip:later@example.test", Password="of somebody later")
    admin.ask("Restore-CsConfiguration", Version=version)
    assert admin.get("User", "sip:eve@example.test")["Title"] == "Dr."
    admin.sign_in("eve").close()
    assert "sip:later@example.test" not in admin.get("User")
    admin.ask("Restore-CsConfiguration", Version=history(admin)[-2]["Version"])
    assert "sip:later@example.test" in admin.get("User")
    with pytest.raises(Refusal, match="ABSENT"):
        admin.get("User", "sip:eve@example.test")


def test_what_was_restored_is_obeyed(server_factory, client):
    server = server_factory()
    with AdminClient(server) as admin:
        version = admin.version()
        admin.ask("Disable-CsUser", Identity="sip:ann@example.test")
        admin.ask("Set-CsRegistrarConfiguration", MaxEndpointsPerUser=1)
        assert client(server, "ann").register().status in (401, 403)
        admin.ask("Restore-CsConfiguration", Version=version)
        one, two = client(server, "ann").sign_in(), client(server, "ann").sign_in()
        assert one.register().status == two.register().status == 200


def test_secrets_come_back_unseen(server_factory):
    server = server_factory(**WHOLE)
    with AdminClient(server) as admin:
        admin.ask("Set-CsXmppGatewayConfiguration", DialbackPassphrase="the first open sesame")
        first = admin.version()
        admin.ask("Set-CsXmppGatewayConfiguration", DialbackPassphrase="the second open sesame")
        assert changes(admin, admin.version())[0]["before"] == {"DialbackPassphrase": "***"}
        admin.ask("Restore-CsConfiguration", Version=first)
        assert admin.get("XmppGatewayConfiguration", "Global")["DialbackPassphrase"] == "***"
        server.stop()
    with sqlite3.connect(next((server.dir / "store").glob("*.db"))) as db:
        assert db.execute("SELECT body FROM object WHERE kind = 'XmppGatewayConfiguration'").fetchone() == ('{"DialbackPassphrase":"the first open sesame"}',)
