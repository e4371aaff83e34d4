# SPDX-License-Identifier: Apache-2.0
"""Log lines, request ids, counters and the trace."""
import re
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
    ann.message("sip:nobody@example.test")
    after = server.counters()
    grown = {k: after[k] - before.get(k, 0) for k in after}
    assert grown["auth.accepted"] >= 2 and grown["auth.challenged"] >= 2
    assert grown["registrar.added"] == 2 and after["registrar.bindings"] == 2
    assert grown["tls.handshakes"] == 2 and after["connections.open"] == 2
    assert grown["route.relayed"] >= 1 and grown["route.offline"] >= 1
    assert after["store.users"] == 2


def test_log_is_limited_when_somebody_makes_noise(server, client):
    ann = client(server, "ann")
    before = len(server.events)
    for _ in range(600):
        ann.send(ann.build("MESSAGE", "sip:b@c", headers=[("CSeq", "broken")]))
    time.sleep(2)
    assert len(server.events) - before < 150
    server.wait_event("log.held", 10)


def test_trace_of_a_user_masks_credentials(server, client):
    server.cli("trace", "sip:ann@example.test")
    time.sleep(0.5)
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    relay(ann, bob, body="a private word")
    lines = wait_for(lambda: len(server.log("sip.trace")) >= 4 and server.log("sip.trace"), 5, message="no trace")
    text = "\n".join(e["_text"] for e in lines)
    assert "REGISTER" in text and "MESSAGE" in text
    assert not re.search(r'response=\\?"[0-9a-f]{16}', text), "credentials in the trace"
    seen = len(server.log("sip.trace"))
    server.cli("trace", "-Stop", "sip:ann@example.test")
    time.sleep(0.3)
    relay(ann, bob)
    time.sleep(0.5)
    assert len(server.log("sip.trace")) <= seen + 1


def test_trace_of_one_user_is_not_of_others(server, client):
    server.cli("trace", "sip:eve@example.test")
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    relay(ann, bob)
    time.sleep(0.5)
    assert server.log("sip.trace") == []
