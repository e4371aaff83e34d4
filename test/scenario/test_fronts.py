# SPDX-License-Identifier: Apache-2.0
"""Four front processes behave like one."""
import time

import pytest

from traffic import Traffic


@pytest.fixture
def four(server_factory):
    return server_factory(fronts=4, users=("ann", "bob", *[f"u{i}" for i in range(6)]))


def test_everybody_reaches_everybody(four, client):
    devices = [client(four, f"u{i}", transport="tls" if i % 2 else "tcp").sign_in() for i in range(6)]
    for one in devices:
        for other in devices:
            if one is other:
                continue
            request = one.build("MESSAGE", other.aor, body=f"{one.user} to {other.user}")
            request = one.begin(request)
            came = other.expect("MESSAGE")
            assert came.text == f"{one.user} to {other.user}"
            other.reply(came, 200, "OK")
            assert one.response(request).status == 200


def test_calls_between_processes(four, client):
    for i in range(6):
        ann, bob = client(four, "ann").sign_in(), client(four, "bob").sign_in()
        request = ann.invite(bob.aor)
        came = bob.expect("INVITE")
        bob.reply(came, 180, "Ringing", [("Contact", f"<{bob.contact}>")])
        theirs = bob.accept(came)
        ours = ann.established(request)
        bob.expect("ACK")
        info = theirs.send("INFO")
        ann.reply(ann.expect("INFO"), 200, "OK")
        assert bob.response(info).status == 200
        bye = ours.send("BYE")
        bob.reply(bob.expect("BYE"), 200, "OK")
        assert ann.response(bye).status == 200
        cancelled = bob.invite(ann.aor)
        came = ann.expect("INVITE")
        ann.reply(came, 180, "Ringing")
        bob.receive(lambda m: m.status == 180)
        stop = bob.cancel(cancelled)
        assert bob.response(stop).status == 200
        ann.reply(ann.expect("CANCEL"), 200, "OK")
        ann.reply(came, 487, "Request Terminated")
        assert bob.response(cancelled).status == 487
        ann.register(expires=0)
        bob.register(expires=0)
        ann.close()
        bob.close()


def test_forking_across_processes(four, client):
    ann = client(four, "ann").sign_in()
    devices = [client(four, "bob").sign_in() for _ in range(6)]
    request = ann.build("MESSAGE", devices[0].aor, body="x")
    request = ann.begin(request)
    for device in devices:
        device.reply(device.expect("MESSAGE"), 200, "OK")
    assert ann.response(request).status == 200
    one = devices[0].register(expires=None, contact="")
    assert len([c for v in one.all("contact") for c in v.split(",")]) == 6


def test_lock_counts_for_all_processes(four, client):
    for i in range(10):
        device = client(four, "bob", password=f"guess{i}")
        assert device.register().status == 401
        device.close()
    four.wait_event("auth.locked", 5)
    assert client(four, "bob").register().status == 401


def test_steady_traffic_loses_nothing(four):
    traffic = Traffic(four, pairs=6, pause=0)
    time.sleep(4)
    tally = traffic.stop()
    assert tally.failed == [] and tally.lost == 0 and tally.done > 100


def test_processes_run_as_many_as_the_topology_says(four):
    assert sorted(four.processes()) == ["front0", "front1", "front2", "front3", "keeper0", "vault0"]
