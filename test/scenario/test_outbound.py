# SPDX-License-Identifier: Apache-2.0
"""RFC 5626 outbound, RFC 5627 GRUU, RFC 3680 registration events, keep-alive, connection reuse."""
import re
import time
import xml.etree.ElementTree as tree

from sip_client import Dialog, name_addr, split_values

URN = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"


def device(client, server, user="ann", **more):
    return client(server, user, instance=more.pop("instance", URN), reg_id=more.pop("reg_id", 1),
                  supported="path, outbound, gruu", **more)


def grus(answer, contact):
    row = next(c for c in split_values(answer.all("contact")) if contact in c)
    return {k: v for k, v in re.findall(r';(pub-gruu|temp-gruu)="([^"]+)"', row)}


def test_outbound_is_required_in_the_answer(server, client):
    answer = device(client, server).register()
    assert answer.status == 200 and "outbound" in (answer.get("require") or "")


def test_new_flow_replaces_the_old_one_of_the_same_instance(server, client):
    bob = client(server, "bob").sign_in()
    old = device(client, server).sign_in()
    new = device(client, server).sign_in()
    answer = new.register(expires=None, contact="")
    assert len(split_values(answer.all("contact"))) == 1
    request = bob.build("MESSAGE", new.aor, body="x")
    request = bob.begin(request)
    new.reply(new.expect("MESSAGE"), 200, "OK")
    assert bob.response(request).status == 200
    old.nothing(0.5, lambda m: m.is_request)


def test_second_flow_takes_over_when_the_first_ends(server, client):
    bob = client(server, "bob").sign_in()
    first, second = device(client, server, reg_id=1).sign_in(), device(client, server, reg_id=2).sign_in()
    request = bob.build("MESSAGE", first.aor, body="x")
    request = bob.begin(request)
    second.reply(second.expect("MESSAGE"), 200, "OK")
    assert bob.response(request).status == 200
    first.nothing(0.5, lambda m: m.is_request)
    second.close()
    time.sleep(0.3)
    request = bob.build("MESSAGE", first.aor, body="y")
    request = bob.begin(request)
    first.reply(first.expect("MESSAGE"), 200, "OK")
    assert bob.response(request).status == 200


def test_public_gruu_reaches_one_device(server, client):
    bob = client(server, "bob").sign_in()
    ann, other = device(client, server), client(server, "ann").sign_in()
    gruu = grus(ann.register(), ann.contact)
    assert "gr=" in gruu["pub-gruu"]
    for kind in ("pub-gruu", "temp-gruu"):
        request = bob.build("MESSAGE", gruu[kind], body=kind)
        request = bob.begin(request)
        came = ann.expect("MESSAGE")
        assert came.text == kind and name_addr(came.uri).startswith("sip:" + ann.contact_user)
        ann.reply(came, 200, "OK")
        assert bob.response(request).status == 200
    other.nothing(0.5, lambda m: m.is_request)
    assert "ann" not in gruu["temp-gruu"], "a temporary GRUU hides whose it is"


def test_gruu_of_a_device_that_left(server, client):
    bob, ann = client(server, "bob").sign_in(), device(client, server)
    gruu = grus(ann.register(), ann.contact)["pub-gruu"]
    ann.close()
    time.sleep(0.3)
    assert bob.message(gruu).status == 480
    assert bob.message("sip:ann@example.test;gr=urn:uuid:00000000-0000-0000-0000-000000000000").status in (404, 480)


def test_keepalive_is_answered(server, client):
    for transport in ("tls", "tcp"):
        ann = client(server, "ann", transport=transport).sign_in()
        for _ in range(3):
            ann.wire.send(b"\r\n\r\n")
            ann.wire.wait_pong()
        assert ann.wire.pongs == 3
        assert ann.register().status == 200


def test_nothing_is_dialled_to_a_client(server, client):
    """A contact with a made-up address: requests come over the connection it was registered on, or not at all."""
    bob, ann = client(server, "bob").sign_in(), client(server, "ann")
    answer = ann.register(contact="<sip:ann@192.0.2.77:5061;transport=tls>")
    assert answer.status == 200
    request = bob.build("MESSAGE", ann.aor, body="x")
    request = bob.begin(request)
    came = ann.expect("MESSAGE")
    assert came.uri.startswith("sip:ann@192.0.2.77:5061")
    ann.reply(came, 200, "OK")
    assert bob.response(request).status == 200


def watch(watcher, target):
    request = watcher.build("SUBSCRIBE", target, contact=True, headers=[("Event", "reg"), ("Accept", "application/reginfo+xml"), ("Expires", "600")])
    answer = watcher.transact(request)
    return answer


def info(request):
    root = tree.fromstring(request.body)
    space = {"r": "urn:ietf:params:xml:ns:reginfo"}
    return root, [c for c in root.iterfind(".//r:contact", space)]


def test_registration_events(server, client):
    ann = client(server, "ann").sign_in()
    assert watch(ann, ann.aor).status == 200
    came = ann.expect("NOTIFY")
    ann.reply(came, 200, "OK")
    root, found = info(came)
    assert came.get("event").startswith("reg") and came.get("subscription-state").startswith("active")
    assert root.get("state") == "full" and len(found) == 1 and found[0].get("state") == "active"
    version = int(root.get("version"))
    other = client(server, "ann").sign_in()
    came = ann.expect("NOTIFY")
    ann.reply(came, 200, "OK")
    root, found = info(came)
    assert int(root.get("version")) == version + 1
    assert any(c.get("state") == "active" and c.get("event") in ("registered", "created") for c in found)
    other.register(expires=0)
    came = ann.expect("NOTIFY")
    ann.reply(came, 200, "OK")
    root, found = info(came)
    assert int(root.get("version")) == version + 2
    gone = [c for c in found if other.contact_user in "".join(c.itertext())]
    assert all(c.get("state") == "terminated" for c in gone) and len(found) - len(gone) == (root.get("state") == "full")
    assert gone or root.get("state") == "full"


def test_registration_of_others_is_not_shown(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert watch(ann, bob.aor).status in (403, 404, 489)


def test_subscribe_and_notify_of_other_packages_are_relayed(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("SUBSCRIBE", bob.aor, contact=True, headers=[("Event", "dialog"), ("Expires", "600")])
    request = ann.begin(request)
    came = bob.expect("SUBSCRIBE")
    answer = bob.reply(came, 200, "OK", [("Contact", f"<{bob.contact}>"), ("Expires", "600")])
    assert ann.response(request).status == 200
    notify = Dialog(bob, came, answer, caller=False).send("NOTIFY", headers=[("Event", "dialog"), ("Subscription-State", "active")])
    came = ann.expect("NOTIFY")
    ann.reply(came, 200, "OK")
    assert bob.response(notify).status == 200
