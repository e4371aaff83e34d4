# SPDX-License-Identifier: Apache-2.0
"""Presence: what a standard client sees of another, privacy mode, and what people keep when processes are killed."""
import os
import re
import shutil
import signal

from deployment import wait_for

PIDF = ('<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" '
        'entity="sip:{aor}"><tuple id="a"><status><basic>open</basic></status></tuple><dm:person id="p"><rpid:activities><rpid:{activity}/></rpid:activities>'
        '<dm:note>{note}</dm:note></dm:person></presence>')
NOTE = ('<publish xmlns="http://schemas.microsoft.com/2006/09/sip/rich-presence"><publications uri="{aor}"><publication categoryName="note" instance="0" '
        'container="200" version="{version}" expireType="static"><note><body>{note}</body></note></publication></publications></publish>')
MEMBERS = ('<setContainerMembers xmlns="http://schemas.microsoft.com/2006/09/sip/container-management"><container id="{container}" version="{version}">'
           '<member action="add" type="user" value="{who}"/></container></setContainerMembers>')
SELF = "application/vnd-microsoft-roaming-self+xml"


def service(client, kind, body):
    return client.transact(client.build("SERVICE", client.aor, headers=[("Content-Type", f"application/msrtc-{kind}+xml")], body=body))


def publish_note(client, version, note):
    return service(client, "category-publish", NOTE.format(aor=client.aor, version=version, note=note))


def subscribe(client, whom, event="presence", headers=(), expires=3600):
    request = client.build("SUBSCRIBE", whom, headers=[("Event", event), ("Expires", str(expires)), *headers], contact=True)
    return client.transact(request)


def notified(client):
    came = client.expect("NOTIFY")
    client.reply(came, 200, "OK")
    return came


def roaming_self(client):
    """Everything the server keeps of a user, read once."""
    answer = subscribe(client, client.aor, "vnd-microsoft-roaming-self", [("Supported", "ms-piggyback-first-notify")], expires=0)
    return answer.text if answer.status == 200 else f"{answer.start}"


def test_standard_clients_see_each_other(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert subscribe(bob, ann.aor).status == 200
    assert "<basic>open</basic>" in notified(bob).text
    request = ann.build("PUBLISH", ann.aor, headers=[("Event", "presence"), ("Expires", "600"), ("Content-Type", "application/pidf+xml")],
                        body=PIDF.format(aor=ann.aor[4:], activity="on-the-phone", note="calling"))
    answer = ann.transact(request)
    assert answer.status == 200 and answer.get("sip-etag")
    came = notified(bob).text
    assert "<rpid:busy/>" in came and "<note>calling</note>" in came
    gone = ann.transact(ann.build("PUBLISH", ann.aor, headers=[("Event", "presence"), ("Expires", "0"), ("SIP-If-Match", answer.get("sip-etag"))]))
    assert gone.status == 200
    came = notified(bob).text
    assert "<rpid:busy/>" not in came and "calling" not in came
    ann.register(expires=0)
    assert "<basic>closed</basic>" in notified(bob).text


def test_blocked_watchers_see_nothing(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert subscribe(bob, ann.aor).status == 200
    assert "<basic>open</basic>" in notified(bob).text
    answer = service(ann, "setcontainermembers", MEMBERS.format(container=32000, version=0, who=bob.aor[4:]))
    assert answer.status == 200
    assert "<basic>closed</basic>" in notified(bob).text


def test_privacy_mode(server, client):
    """Without a list of contacts nobody is one."""
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert subscribe(bob, ann.aor).status == 200
    assert "<basic>open</basic>" in notified(bob).text
    server.set("PrivacyConfiguration", EnablePrivacyMode="$true")
    assert "<basic>closed</basic>" in notified(bob).text
    server.set("PrivacyConfiguration", EnablePrivacyMode="$false")
    assert "<basic>open</basic>" in notified(bob).text


def test_own_watchers(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert subscribe(ann, ann.aor, "presence.winfo").status == 200
    assert bob.aor not in notified(ann).text
    assert subscribe(bob, ann.aor).status == 200
    assert f'status="active">{bob.aor}</watcher>' in notified(ann).text
    assert subscribe(bob, ann.aor, "presence.winfo").status == 403


def test_what_was_acknowledged_outlives_kills(server, client):
    """Vault and front die again and again while a note is changed: the newest version that was acknowledged is there."""
    ann = client(server, "ann").sign_in()
    version = 0
    for turn in range(4):
        for _ in range(3):
            assert publish_note(ann, version, f"note {version + 1}").status == 200
            version += 1
        for name in ("vault0", "front0"):
            old = server.kill(name)
            server.wait_restarted(name, old)
        ann.close()
        ann = client(server, "ann").sign_in()
        wait_for(lambda: "<roamingData" in roaming_self(ann), 20, 0.2, message="vault does not answer")
        seen = roaming_self(ann)
        assert f"note {version}<" in seen and f'version="{version}" expireType="static"' in seen, f"turn {turn}: {seen}"


def test_changes_without_vault_are_refused_and_taken_back(server, client):
    ann = client(server, "ann").sign_in()
    assert publish_note(ann, 0, "kept").status == 200
    old = server.kill("vault0")
    statuses = set()

    def is_back():
        answer = publish_note(ann, 1, "new")
        statuses.add(answer.status)
        return answer.status in (200, 409)  # 409: it was on the disk, and only the answer was lost
    wait_for(is_back, 30, 0.05, message="no change is taken any more")
    assert statuses <= {200, 409, 503}
    server.wait_restarted("vault0", old)
    assert re.search(r">new</body>", roaming_self(ann))


def test_nothing_is_left_of_a_removed_user(server, client):
    ann = client(server, "ann").sign_in()
    bob = client(server, "bob").sign_in()
    assert subscribe(bob, ann.aor).status == 200
    notified(bob)
    assert publish_note(ann, 0, "kept").status == 200
    notified(bob)
    server.cli("Remove-CsUser", "-Identity", ann.aor)
    came = bob.expect("NOTIFY")
    while "terminated" not in came.get("subscription-state"):
        bob.reply(came, 200, "OK")
        came = bob.expect("NOTIFY")
    assert "reason=noresource" in came.get("subscription-state")
    bob.reply(came, 200, "OK")
    assert subscribe(bob, ann.aor).status == 404
    ann.close()
    server.add_user("ann")
    ann = client(server, "ann").sign_in()
    assert publish_note(ann, 0, "anew").status == 200


def test_nothing_is_left_of_a_user_whom_vault_does_not_know_any_more(server, client):
    """The store is an older one when vault comes back: whom it does not name is gone for the fronts, too."""
    store, older = server.dir / "store", server.top / "older"
    shutil.copytree(store, older)
    server.add_user("carol")
    carol, bob = client(server, "carol").sign_in(), client(server, "bob").sign_in()
    assert subscribe(bob, carol.aor).status == 200
    assert "<basic>open</basic>" in notified(bob).text
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        old = server.kill("vault0")
        for file in store.iterdir():
            if not (older / file.name).exists():
                file.unlink()
        for file in older.iterdir():
            (store / file.name).write_bytes(file.read_bytes())
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    server.wait_restarted("vault0", old)
    came = bob.expect("NOTIFY")
    while "terminated" not in came.get("subscription-state"):
        bob.reply(came, 200, "OK")
        came = bob.expect("NOTIFY")
    bob.reply(came, 200, "OK")
    assert subscribe(bob, carol.aor).status == 404
    assert server.counters()["registrar.bindings"] == 1
