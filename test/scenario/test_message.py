# SPDX-License-Identifier: Apache-2.0
"""MESSAGE, OPTIONS and other requests outside a call."""
import pytest


def exchange(sender, receiver, text, **more):
    """sender writes to receiver; returns (what came, the answer)."""
    request = sender.build("MESSAGE", receiver.aor, headers=[("Content-Type", "text/plain")] + list(more.get("headers", ())), body=text)
    request = sender.begin(request)
    came = receiver.expect("MESSAGE")
    receiver.reply(came, 200, "OK")
    return came, sender.response(request)


@pytest.mark.parametrize("transports", [("tls", "tls"), ("tcp", "tls"), ("tls", "tcp")])
def test_both_ways(server, client, transports):
    ann, bob = (client(server, n, transport=t).sign_in() for n, t in zip(("ann", "bob"), transports))
    came, answer = exchange(ann, bob, "Grüße, Bob")
    assert came.text == "Grüße, Bob" and answer.status == 200
    came, answer = exchange(bob, ann, "Grüße, Ann")
    assert came.text == "Grüße, Ann" and answer.status == 200


def test_request_of_a_stranger_is_challenged(server, client):
    bob = client(server, "bob").sign_in()
    ann = client(server, "ann")
    request = ann.build("MESSAGE", bob.aor, body="x")
    ann.send(request)
    assert ann.response(request).status in (401, 407)
    bob.nothing(0.5)


def test_message_without_registration_but_with_credentials(server, client):
    bob, ann = client(server, "bob").sign_in(), client(server, "ann")
    request = ann.build("MESSAGE", bob.aor, body="x", headers=[("Content-Type", "text/plain")])
    ann.send(request)
    challenge = ann.response(request)
    assert ann.digest.take(challenge)
    request = ann.again(request, [ann.digest.answer("MESSAGE", request.uri)])
    ann.send(request)
    came = bob.expect("MESSAGE")
    assert not came.all("authorization") and not came.all("proxy-authorization"), "credentials went on to the other user"
    bob.reply(came, 200, "OK")
    assert ann.response(request).status == 200


def test_offline_is_480_and_unknown_is_404_or_480(server, client):
    ann = client(server, "ann").sign_in()
    assert ann.message("sip:bob@example.test").status == 480
    assert ann.message("sip:nobody@example.test").status in (404, 480)


def test_impersonation_is_403(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("MESSAGE", bob.aor, sender=bob.aor, body="x")
    assert ann.transact(request).status == 403
    bob.nothing(0.5)


def test_asserted_identity_is_ours_to_say(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    came, _ = exchange(ann, bob, "x", headers=[("P-Asserted-Identity", "<sip:boss@example.test>")])
    assert all("boss" not in v for v in came.all("p-asserted-identity"))


def test_options_to_the_server_and_to_a_user(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert ann.transact(ann.build("OPTIONS", "sip:example.test")).status == 200
    request = ann.build("OPTIONS", bob.aor)
    request = ann.begin(request)
    bob.reply(bob.expect("OPTIONS"), 200, "OK")
    assert ann.response(request).status == 200


def test_unknown_methods_of_known_users_pass(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("FROBNICATE", bob.aor)
    request = ann.begin(request)
    bob.reply(bob.expect("FROBNICATE"), 200, "OK")
    assert ann.response(request).status == 200


def test_max_forwards(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("MESSAGE", bob.aor, body="x")
    request.headers = [(n, "0" if n == "Max-Forwards" else v) for n, v in request.headers]
    assert ann.transact(request).status == 483
    came, _ = exchange(ann, bob, "y")
    assert int(came.get("max-forwards")) == 69


def test_preloaded_route_to_the_server_by_address_and_name(server, client):
    """baresip and Linphone send every request with a Route to the outbound proxy they were told, by address or name."""
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    for route in (f"<sip:127.0.0.1:{server.port_tls};transport=tls;lr>", f"<sip:{server.fqdn}:{server.port_tls};transport=tls;lr>"):
        came, answer = exchange(ann, bob, "x", headers=[("Route", route)])
        assert answer.status == 200 and not came.all("route")


def test_foreign_route_is_refused(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("MESSAGE", bob.aor, body="x", headers=[("Route", "<sip:proxy.elsewhere.invalid:5061;transport=tls;lr>")])
    assert ann.transact(request).status >= 400
    bob.nothing(0.5)


@pytest.mark.slow
def test_no_answer_of_the_receiver_is_no_answer(server, client):
    """RFC 4320 4.1: no 408 for what is not an INVITE; the sender's own Timer F has run out by then."""
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("MESSAGE", bob.aor, body="x")
    ann.send(request)
    bob.expect("MESSAGE")
    ann.nothing(34)
    assert server.counters()["transactions.open"] == 0


def test_receiver_goes_away_during_the_request(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("MESSAGE", bob.aor, body="x")
    ann.send(request)
    bob.expect("MESSAGE")
    bob.close()
    assert ann.response(request, timeout=5).status in (408, 430, 480, 503)
