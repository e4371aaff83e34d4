# SPDX-License-Identifier: Apache-2.0
"""Calls: set up, changed and ended through the proxy; forking; CANCEL."""
import time

import pytest


def call(caller, callee, **more):
    """A call from INVITE to ACK; returns (caller's dialog, callee's dialog)."""
    request = caller.invite(callee.aor, **more)
    came = callee.expect("INVITE")
    callee.reply(came, 180, "Ringing", [("Contact", f"<{callee.contact}>")])
    theirs = callee.accept(came)
    ours = caller.established(request)
    callee.expect("ACK")
    return ours, theirs


def answer_next(device, dialog_client, method, status=200):
    came = device.expect(method)
    device.reply(came, status, "OK")
    return came


@pytest.mark.parametrize("transports", [("tls", "tls"), ("tcp", "tls"), ("tls", "tcp")])
def test_whole_call(server, client, transports):
    ann, bob = (client(server, n, transport=t).sign_in() for n, t in zip(("ann", "bob"), transports))
    ours, theirs = call(ann, bob)
    assert ours.routes, "the proxy must record-route, nobody can reach a client directly"
    if transports[0] != transports[1]:
        assert len(ours.routes) == 2, "doubled Record-Route where the transport changes (RFC 5658)"
    for sender, receiver, dialog in ((ann, bob, ours), (bob, ann, theirs)):
        request = dialog.send("INFO", body="x")
        answer_next(receiver, sender, "INFO")
        assert sender.response(request).status == 200
    request = theirs.send("BYE")
    answer_next(ann, bob, "BYE")
    assert bob.response(request).status == 200


def test_reinvite_update_prack_and_refer_pass(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    ours, theirs = call(ann, bob)
    request = theirs.send("INVITE", headers=[("Content-Type", "application/sdp")], body="v=0\r\n")
    came = ann.expect("INVITE")
    ann.reply(came, 200, "OK", [("Contact", f"<{ann.contact}>")])
    assert bob.response(request).status == 200
    theirs.ack(request.cseq)
    ann.expect("ACK")
    for method in ("UPDATE", "PRACK", "REFER", "NOTIFY"):
        headers = [("Refer-To", "<sip:eve@example.test?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>")] if method == "REFER" else []
        request = ours.send(method, headers=headers)
        came = bob.expect(method)
        if headers:
            assert came.get("refer-to") == headers[0][1]
        bob.reply(came, 202 if method == "REFER" else 200, "OK")
        assert ann.response(request).status in (200, 202)
    assert ours.cseq >= 5


def test_early_media_and_provisional_answers_pass_in_order(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.invite(bob.aor, headers=[("Supported", "100rel,timer"), ("Session-Expires", "1800")])
    came = bob.expect("INVITE")
    assert came.get("session-expires") == "1800"
    bob.reply(came, 183, "Session Progress", [("Contact", f"<{bob.contact}>"), ("RSeq", "1"), ("Require", "100rel")], b"v=0\r\n")
    bob.reply(came, 180, "Ringing", [("Contact", f"<{bob.contact}>")])
    heard = [ann.receive(lambda m: not m.is_request and 100 < m.status < 200) for _ in range(2)]
    assert [m.status for m in heard] == [183, 180]
    assert heard[0].get("rseq") == "1" and heard[0].text == "v=0\r\n"
    bob.reply(came, 486, "Busy Here")
    answer = ann.response(request)
    assert answer.status == 486
    bob.expect("ACK")
    ann.ack_failure(request, answer)


def test_trying_comes_at_once(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.invite(bob.aor)
    assert ann.response(request, timeout=2, final=False).status == 100
    bob.reply(bob.expect("INVITE"), 603, "Decline")
    assert ann.response(request).status == 603


def test_call_to_somebody_offline(server, client):
    ann = client(server, "ann").sign_in()
    assert ann.transact(ann.invite_request("sip:bob@example.test")).status == 480


def test_cancel(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.invite(bob.aor)
    came = bob.expect("INVITE")
    bob.reply(came, 180, "Ringing")
    ann.receive(lambda m: m.status == 180)
    cancel = ann.cancel(request)
    assert ann.response(cancel).status == 200
    stop = bob.expect("CANCEL")
    bob.reply(stop, 200, "OK")
    bob.reply(came, 487, "Request Terminated")
    answer = ann.response(request)
    assert answer.status == 487
    ann.ack_failure(request, answer)
    bob.expect("ACK")


def test_cancel_of_nothing_is_481(server, client):
    ann = client(server, "ann").sign_in()
    request = ann.invite_request("sip:bob@example.test")
    assert ann.response(ann.cancel(request)).status == 481


def test_parallel_forking_first_answer_wins(server, client):
    ann = client(server, "ann").sign_in()
    desk, mobile = client(server, "bob").sign_in(), client(server, "bob").sign_in()
    request = ann.invite(desk.aor)
    at_desk, at_mobile = desk.expect("INVITE"), mobile.expect("INVITE")
    desk.reply(at_desk, 180, "Ringing")
    mobile.reply(at_mobile, 180, "Ringing")
    mobile.accept(at_mobile)
    ann.established(request)
    mobile.expect("ACK")
    desk.reply(desk.expect("CANCEL"), 200, "OK")
    desk.reply(at_desk, 487, "Request Terminated")
    desk.expect("ACK")


def test_forking_answers_the_best_failure(server, client):
    ann = client(server, "ann").sign_in()
    desk, mobile = client(server, "bob").sign_in(), client(server, "bob").sign_in()
    request = ann.invite(desk.aor)
    desk.reply(desk.expect("INVITE"), 503, "Service Unavailable")
    time.sleep(0.2)
    mobile.reply(mobile.expect("INVITE"), 486, "Busy Here")
    assert ann.response(request).status == 486


def test_global_failure_cancels_the_others(server, client):
    ann = client(server, "ann").sign_in()
    desk, mobile = client(server, "bob").sign_in(), client(server, "bob").sign_in()
    request = ann.invite(desk.aor)
    at_desk = desk.expect("INVITE")
    desk.reply(at_desk, 180, "Ringing")
    mobile.reply(mobile.expect("INVITE"), 603, "Decline")
    desk.reply(desk.expect("CANCEL"), 200, "OK")
    desk.reply(at_desk, 487, "Request Terminated")
    assert ann.response(request).status == 603


def test_serial_forking_by_q(server, client):
    ann = client(server, "ann").sign_in()
    first, second = client(server, "bob").sign_in(q=0.9), client(server, "bob").sign_in(q=0.2)
    request = ann.invite(first.aor)
    came = first.expect("INVITE")
    second.nothing(0.7, lambda m: m.is_request)
    first.reply(came, 486, "Busy Here")
    first.expect("ACK")
    came = second.expect("INVITE")
    second.accept(came)
    ann.established(request)
    second.expect("ACK")


def test_message_to_two_devices_has_one_answer(server, client):
    ann = client(server, "ann").sign_in()
    devices = [client(server, "bob").sign_in() for _ in range(2)]
    request = ann.build("MESSAGE", devices[0].aor, body="x")
    request = ann.begin(request)
    for device in devices:
        device.reply(device.expect("MESSAGE"), 200, "OK")
    assert ann.response(request).status == 200
    ann.nothing(1, lambda m: not m.is_request)


def test_lost_ack_of_a_refusal_is_the_proxys_business(server, client):
    """Over TCP and TLS nothing is sent twice."""
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.invite(bob.aor)
    bob.reply(bob.expect("INVITE"), 486, "Busy Here")
    assert ann.response(request).status == 486
    bob.expect("ACK")
    ann.nothing(1.5)


def test_request_in_dialog_from_a_third_user_is_refused(server_factory, client):
    server = server_factory(users=("ann", "bob", "eve"))
    ann, bob, eve = (client(server, n).sign_in() for n in ("ann", "bob", "eve"))
    ours, _ = call(ann, bob)
    forged = ours.build("BYE")
    forged.headers[0] = eve.via()
    assert eve.transact(forged).status == 403
    bob.nothing(0.7)


def test_loop_is_found(server, client):
    """A request that comes back to the server with its own Via is refused, not forwarded for ever."""
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("MESSAGE", bob.aor, body="x")
    request = ann.begin(request)
    came = bob.expect("MESSAGE")
    back = bob.build("MESSAGE", bob.aor, body="x", sender=bob.aor)
    vias = [("Via", v) for v in came.all("via")]
    back.headers = [back.headers[0]] + vias + [(n, v) for n, v in came.headers if n.lower() not in ("via", "route", "record-route", "from")]
    back.headers.append(("From", f"<{bob.aor}>;tag=x"))
    bob.send(back)
    heard = bob.receive(lambda m: m.method == "MESSAGE", 3)
    assert heard.is_request or heard.status in (482, 483, 403, 481)
    bob.reply(came, 200, "OK")
    assert ann.response(request).status == 200
