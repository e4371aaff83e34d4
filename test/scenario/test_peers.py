# SPDX-License-Identifier: Apache-2.0
"""Programs that people use: baresip and Linphone sign in, write and hear each other; SIPp through socat and over TCP."""
import threading
import time

import pytest

from deployment import wait_for
from peers import Baresip, Linphone, Sipp, TlsPipe, talk
from sip_client import Closed, Silence

pytestmark = pytest.mark.peers
KINDS = {"baresip": Baresip, "linphone": Linphone}
PAIRS = [("baresip", "baresip"), ("linphone", "linphone"), ("baresip", "linphone"), ("linphone", "baresip")]


@pytest.fixture
def peer(tmp_path, linger):
    def make(kind, server, user, **more):
        one = KINDS[kind](server, user, tmp_path / user, **more)
        linger(one.end)
        return one
    return make


def address(kind, user):
    return user if kind == "baresip" else f"sip:{user}@example.test"


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_sign_in_write_and_talk(server, peer, kinds):
    ann = peer(kinds[0], server, "ann", tone=440).wait_signed_in()
    bob = peer(kinds[1], server, "bob", tone=1000).wait_signed_in()
    ann.message(address(kinds[0], "bob"), "good-morning-bob")
    bob.wait_message("good-morning-bob")
    bob.message(address(kinds[1], "ann"), "good-morning-ann")
    ann.wait_message("good-morning-ann")
    talk(ann, bob, "sip:bob@example.test")
    assert server.counters()["transactions.open"] < 20


@pytest.mark.parametrize("fronts", [4])
def test_calls_between_front_processes(server_factory, peer, fronts):
    server = server_factory(fronts=fronts)
    ann = peer("baresip", server, "ann", tone=440).wait_signed_in()
    bob = peer("linphone", server, "bob", tone=1000).wait_signed_in()
    talk(bob, ann, "sip:ann@example.test")


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_password(server, peer, kind):
    ann = peer(kind, server, "ann", password="wrong")
    if kind == "baresip":
        ann.wait_text("401 Unauthorized", 10)
    else:
        ann.wait_log("401 Unauthorized", 15)
    server.wait_event("auth.failed", 10)
    assert server.counters()["registrar.bindings"] == 0


@pytest.mark.parametrize("kind", ["linphone"])
def test_foreign_ca_is_refused_by_the_client(server_factory, peer, kind):
    """baresip 1.0.0 does not verify certificates, whatever its sip_cafile says; later ones do."""
    server, other = server_factory(), server_factory(start=False)
    ann = peer(kind, server, "ann", ca=other.dir / "ca.pem")
    server.wait_event("tls.failed", 15)
    time.sleep(1)
    assert server.counters()["registrar.bindings"] == 0
    assert ann.process.poll() is None


@pytest.mark.parametrize("kind", ["linphone"])
def test_client_comes_back_after_a_restart_of_the_front(server, peer, kind):
    """Linphone comes as soon as it sees the connection end; baresip 1.0.0 waits for its next refresh."""
    ann = peer(kind, server, "ann").wait_signed_in()
    old = server.kill("front0")
    server.wait_restarted("front0", old)
    wait_for(lambda: server.counters()["registrar.bindings"] == 1, 50, 0.5, f"{kind} does not come back")
    assert ann.process.poll() is None


test_client_comes_back_after_a_restart_of_the_front = pytest.mark.slow(test_client_comes_back_after_a_restart_of_the_front)


def callee(device, going):
    """Answers every message and call until told to stop."""
    while going:
        try:
            request = device.receive(lambda m: m.is_request, 0.2)
        except Silence:
            continue
        except (Closed, OSError):
            return
        if request.method == "INVITE":
            device.reply(request, 180, "Ringing", [("Contact", f"<{device.contact}>")])
            device.accept(request)
        elif request.method != "ACK":
            device.reply(request, 200, "OK")


@pytest.fixture
def answering(client, linger):
    def make(server, user):
        device, going = client(server, user).sign_in(), [True]
        thread = threading.Thread(target=callee, args=(device, going), daemon=True)
        thread.start()
        linger(lambda: (going.clear(), thread.join(5)))
        return device
    return make


@pytest.mark.parametrize("way, scenario", [("socat", "register"), ("socat", "message"), ("socat", "caller"), ("tcp", "register")])
def test_sipp(server, answering, tmp_path, linger, way, scenario):
    """Over TLS a proof holds for the connection; over TCP each request is challenged, and SIPp has but one URI to answer with."""
    names = [f"s{i}" for i in range(10)]
    server.add_users(*names)
    server.set("ProxyConfiguration", UseDigestSha256="False")  # SIPp 3.6 knows MD5 only and looks at the first challenge only
    answering(server, "bob")
    rows = [(n, server.domain, f"[authentication username={n} password={server.passwords[n]}]", "bob") for n in names]
    port = server.port_tcp
    if way == "socat":
        pipe = TlsPipe(server, tmp_path)
        linger(pipe.end)
        port = pipe.port
    sipp = Sipp(f"{scenario}.xml", port, tmp_path / "sipp", rows, count=len(names), rate=10)
    linger(sipp.end)
    sipp.wait_done()
    assert server.counters()["auth.accepted"] >= len(names)
