# SPDX-License-Identifier: Apache-2.0
"""Each process is killed during traffic: it is back in under a second and nothing acknowledged is lost."""
import threading
import time

import pytest

from deployment import Refused, wait_for
from sip_client import Closed
from traffic import Traffic


def relays(a, b):
    request = a.build("MESSAGE", b.aor, body="x")
    request = a.begin(request)
    b.reply(b.expect("MESSAGE"), 200, "OK")
    assert a.response(request).status == 200


@pytest.mark.parametrize("name", ["keeper0", "vault0"])
def test_kill_of_a_helper_costs_no_connection_and_no_request(server, client, name):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    traffic = Traffic(server, pairs=2)
    time.sleep(0.5)
    for _ in range(2):
        old = server.kill(name)
        assert server.wait_restarted(name, old) < 1.0 + 1.0, "start anew takes too long"
        time.sleep(0.6)
    tally = traffic.stop()
    assert tally.failed == [] and tally.lost == 0 and tally.done > 20
    relays(ann, bob)
    assert client(server, "ann").register().status == 200, "a new handshake and sign-in after the restart"


def test_back_within_a_second(server):
    for name in ("keeper0", "vault0", "front0"):
        old = server.kill(name)
        start = time.monotonic()
        wait_for(lambda: server.processes().get(name, old) != old, 5)
        wait_for(lambda: any(e.get("event") == "process.ready" for e in server.events[-20:]), 5)
        seconds = server.wait_restarted(name, old)
        assert time.monotonic() - start < 1.0, f"{name}: {seconds:.2f} s"
        time.sleep(0.3)


def test_kill_of_the_only_front_process(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    old = server.kill("front0")
    for device in (ann, bob):
        with pytest.raises((Closed, ConnectionError)):
            device.receive(timeout=5)
    server.wait_restarted("front0", old)
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    relays(ann, bob)
    relays(bob, ann)


def test_kill_of_one_front_process_costs_only_its_own_connections(server_factory, client):
    server = server_factory(fronts=2, users=("ann", "bob", *[f"u{i}" for i in range(8)]))
    devices = [client(server, f"u{i}").sign_in() for i in range(8)]
    old = server.kill("front1")
    server.wait_restarted("front1", old)
    time.sleep(0.5)
    alive, gone = [], []
    for device in devices:
        try:
            device.wire.send(b"\r\n\r\n")
            device.wire.wait_pong(2)
            alive.append(device)
        except (Closed, OSError):
            gone.append(device)
    assert alive and gone, f"{len(alive)} alive, {len(gone)} gone: connections are not shared out"
    # Bindings of the survivors hold, also those whose home was the killed process.
    for one in alive:
        for other in alive:
            if one is not other:
                relays(one, other)
    back = [client(server, d.user).sign_in() for d in gone]
    for device in back:
        relays(device, alive[0])
        relays(alive[0], device)


def test_no_acknowledged_user_is_lost_when_vault_dies(server):
    """Commands run all the time while vault is killed; whoever was acknowledged is there afterwards, with his password."""
    acknowledged, going = [], True

    def administrate():
        i = 0
        while going:
            name = f"new{i}"
            i += 1
            try:
                server.add_user(name)
                acknowledged.append(name)
            except Refused:
                server.passwords.pop(name, None)

    thread = threading.Thread(target=administrate)
    thread.start()
    try:
        for _ in range(4):
            time.sleep(0.4)
            old = server.kill("vault0")
            server.wait_restarted("vault0", old)
    finally:
        going = False
        thread.join(20)
    assert len(acknowledged) > 5
    listed = server.cli("Get-CsUser")
    assert [n for n in acknowledged if f"sip:{n}@example.test" not in listed] == []


def test_everything_survives_a_restart_of_the_server(server, client):
    server.set("RegistrarConfiguration", MaxEndpointsPerUser=2)
    server.restart()
    ann = client(server, "ann").sign_in()
    client(server, "ann").sign_in()
    assert client(server, "ann").register().status == 403
    assert ann.message("sip:bob@example.test").status == 480


def test_power_cut(server, client):
    """Master and all others are killed at once: what was acknowledged is there, and no lock file is in the way."""
    server.add_user("eve")
    pids = server.processes()
    for name in pids:
        server.may_die.add(pids[name])
    server.process.kill()
    server.process.wait(5)
    wait_for(lambda: not [p for p in pids.values() if server._lives(p)], 5, message="children outlive the master")
    server.start()
    client(server, "eve").sign_in()


def test_drain_lets_a_request_finish(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("MESSAGE", bob.aor, body="x")
    request = ann.begin(request)
    came = bob.expect("MESSAGE")
    server.process.terminate()
    time.sleep(0.3)
    bob.reply(came, 200, "OK")
    assert ann.response(request, 5).status == 200
    assert server.process.wait(20) == 0
    server.stop()
    assert server.log("server.stopped")
