# SPDX-License-Identifier: Apache-2.0
"""Log lines, request ids, counters and the trace."""
import json
import re
import subprocess
import threading
import time

from deployment import wait_for


def relay(a, b, body="x"):
    request = a.build("MESSAGE", b.aor, body=body)
    request = a.begin(request)
    b.reply(b.expect("MESSAGE"), 200, "OK")
    assert a.response(request).status == 200


def test_every_line_is_json_with_time_level_and_event(server, client):
    client(server, "ann").sign_in()
    client(server, "bob", password="wrong").register()
    server.cli("Get-CsUser")
    time.sleep(0.3)
    assert server.noise == []
    for event in server.events:
        assert {"time", "level", "event"} <= set(event), event


def test_a_refused_request_has_an_id(server, client):
    client(server, "ann", password="wrong").register()
    event = server.wait_event("auth.failed", 5)
    assert event.get("request"), event


def test_counters_count(server, client):
    before = server.counters()
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    relay(ann, bob)
    server.add_user("eve")
    ann.message("sip:eve@example.test")
    after = server.counters()
    grown = {k: after[k] - before.get(k, 0) for k in after}
    assert grown["auth.accepted"] >= 2 and grown["auth.challenged"] >= 2
    assert grown["registrar.added"] == 2 and after["registrar.bindings"] == 2
    assert grown["tls.handshakes"] == 2 and after["connections.open"] == 2
    assert grown["route.relayed"] >= 1 and grown["route.offline"] >= 1
    assert after["store.users"] == 3


def test_log_is_limited_when_somebody_makes_noise(server, client):
    ann = client(server, "ann")
    before = len(server.events)
    for _ in range(600):
        ann.send(ann.build("MESSAGE", "sip:b@c", headers=[("CSeq", "broken")]))
    time.sleep(2)
    assert len(server.events) - before < 150
    ann.send(ann.build("MESSAGE", "sip:b@c", headers=[("CSeq", "broken")]))
    server.wait_event("log.held", 10)


def trace(server, linger, *words):
    """witan trace as a person runs it; answers what it has shown so far."""
    shown = []
    process = subprocess.Popen([str(server.build / "witan"), "--dir", str(server.dir), "trace", *words], stdout=subprocess.PIPE, text=True)
    threading.Thread(target=lambda: shown.extend(iter(process.stdout.readline, "")), daemon=True).start()

    def end():
        process.kill()
        process.wait(5)

    linger(end)
    wait_for(lambda: any(e["command"].startswith("trace ") for e in server.log("command.done")), 5, message="the trace did not begin")
    return shown, end


def test_trace_of_a_user_masks_credentials(server, client, linger):
    shown, end = trace(server, linger, "--user", "sip:ann@example.test")
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    relay(ann, bob, body="a private word")
    wait_for(lambda: any("MESSAGE sip:" in line for line in shown), 5, message="no trace")
    text = "".join(shown)
    assert "REGISTER sip:" in text and "Authorization: Digest" in text
    assert not re.search(r'response="?[0-9a-f]{16}', text), "credentials in the trace"
    end()
    time.sleep(0.3)
    relay(ann, bob)


def test_trace_of_one_user_is_not_of_others(server, client, linger):
    shown, _ = trace(server, linger, "--user", "sip:eve@example.test")
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    relay(ann, bob)
    time.sleep(0.5)
    assert shown == []


def test_trace_of_an_address(server, client, linger):
    shown, _ = trace(server, linger, "--address", "127.0.0.1", "--json")
    client(server, "ann").sign_in()
    line = json.loads(wait_for(lambda: shown and shown[0], 5, message="no trace"))
    assert line["trace"]["message"].startswith("REGISTER ") and not line["trace"]["outgoing"]
