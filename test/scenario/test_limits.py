# SPDX-License-Identifier: Apache-2.0
"""Ceilings, each with its protocol answer, and peers that are slow, silent or greedy."""
import socket
import time

import pytest

from deployment import wait_for
from sip_client import Closed, Message, Silence, Wire


def still_serves(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("MESSAGE", bob.aor, body="x")
    request = ann.begin(request)
    bob.reply(bob.expect("MESSAGE"), 200, "OK")
    assert ann.response(request).status == 200


def answer_or_end(device, request):
    """Status of the answer, or 0 if the connection just ended."""
    try:
        return device.response(request).status
    except (Closed, ConnectionError):
        return 0


def test_oversize_message_is_513(server, client):
    ann = client(server, "ann").sign_in()
    request = ann.build("MESSAGE", "sip:bob@example.test", headers=[("X-Filler", "a" * 1000)] * 100, body="x")
    ann.send(request)
    assert answer_or_end(ann, request) == 513
    still_serves(server, client)


def test_oversize_body_is_413_or_513(server, client):
    ann = client(server, "ann").sign_in()
    request = ann.build("MESSAGE", "sip:bob@example.test", body="x" * 100000)
    try:
        ann.send(request)
    except OSError:
        pass
    assert answer_or_end(ann, request) in (413, 513)
    still_serves(server, client)


def test_too_many_headers_is_513(server, client):
    ann = client(server, "ann").sign_in()
    request = ann.build("MESSAGE", "sip:bob@example.test", headers=[(f"X-{i}", "a") for i in range(200)], body="x")
    ann.send(request)
    assert answer_or_end(ann, request) == 513
    still_serves(server, client)


def test_endless_header_ends_the_connection(server, client):
    wire = Wire("127.0.0.1", server.port_tcp)
    with pytest.raises((OSError, Closed, Silence)):
        wire.send(b"MESSAGE sip:a@b SIP/2.0\r\nX: ")
        for _ in range(400):
            wire.send(b"y" * 1024)
        while True:
            wire.receive(5)
    wire.close()
    still_serves(server, client)


def test_slow_sender_is_gone_in_time(server_factory, client):
    server = server_factory(settings={"LimitsConfiguration": {"StalledSeconds": 3, "UnauthenticatedSeconds": 60}})
    ann = client(server, "ann").sign_in()
    begun = ann.build("MESSAGE", "sip:bob@example.test", body="x").bytes()
    start = time.monotonic()
    with pytest.raises((OSError, Closed)):
        for byte in begun:
            ann.wire.send(bytes([byte]))
            try:
                ann.wire.receive(0.2)
            except Silence:
                pass
            assert time.monotonic() - start < 8, "a byte now and then keeps the connection"
    still_serves(server, client)


def test_silent_connection_is_gone_in_time(server_factory, client):
    server = server_factory(settings={"LimitsConfiguration": {"UnauthenticatedSeconds": 2}})
    for port, tls in ((server.port_tcp, None), (server.port_tls, server.tls_client())):
        wire = Wire("127.0.0.1", port, tls, server.fqdn)
        assert 1 < wire.wait_closed(8) < 6
        wire.close()
    ann = client(server, "ann").sign_in()
    ann.nothing(4)
    assert ann.register().status == 200, "a signed-in user was closed"


def test_keepalives_alone_do_not_hold_an_unproven_connection(server_factory):
    server = server_factory(settings={"LimitsConfiguration": {"UnauthenticatedSeconds": 2}})
    wire = Wire("127.0.0.1", server.port_tcp)
    start = time.monotonic()
    with pytest.raises((OSError, Closed)):
        while time.monotonic() - start < 8:
            wire.send(b"\r\n\r\n")
            wire.wait_pong(2)
            time.sleep(0.3)
    assert time.monotonic() - start < 6


def test_default_limits_end_every_idle_stranger_within_30_seconds(server_factory):
    server = server_factory(users=())
    socks = [socket.create_connection(("127.0.0.1", server.port_tls)) for _ in range(3)]
    socks[1].sendall(b"\x16\x03\x01")
    half = Wire("127.0.0.1", server.port_tcp)
    half.send(b"REGISTER sip:example.test SIP/2.0\r\n")
    start = time.monotonic()
    for sock in socks:
        sock.settimeout(max(0.1, 33 - (time.monotonic() - start)))
        try:
            while sock.recv(100):
                pass
        except ConnectionError:
            pass
    half.wait_closed(max(0.1, 33 - (time.monotonic() - start)))
    assert time.monotonic() - start < 32


test_default_limits_end_every_idle_stranger_within_30_seconds = pytest.mark.slow(test_default_limits_end_every_idle_stranger_within_30_seconds)


def test_connections_per_address(server_factory, client):
    server = server_factory(settings={"LimitsConfiguration": {"MaxConnectionsPerAddress": 5}})
    held = [Wire("127.0.0.1", server.port_tcp, source="127.0.0.7") for _ in range(5)]
    extra = Wire("127.0.0.1", server.port_tcp, source="127.0.0.7")
    assert extra.wait_closed(5) < 3
    still_serves(server, client)
    held[0].close()
    time.sleep(0.3)
    again = Wire("127.0.0.1", server.port_tcp, source="127.0.0.7")
    with pytest.raises(Silence):
        again.wait_closed(1)
    for wire in held + [again]:
        wire.close()
    server.wait_event("connection.refused", 5)


def test_receiver_that_does_not_read_costs_only_itself(server_factory, client):
    """bob's device stops reading; ann goes on with eve, and bob's connection ends within the limit."""
    server = server_factory(users=("ann", "bob", "eve"), settings={"LimitsConfiguration": {"StalledSeconds": 3, "MaxQueueBytes": 65536}})
    bob = client(server, "bob", transport="tcp", connect=False)
    bob.connect()
    bob.wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    bob.sign_in()
    ann, eve = client(server, "ann").sign_in(), client(server, "eve").sign_in()
    requests = []
    for _ in range(400):
        request = ann.build("MESSAGE", bob.aor, body="z" * 30000)
        ann.send(request)
        requests.append(request)
    request = ann.build("MESSAGE", eve.aor, body="x")
    request = ann.begin(request)
    eve.reply(eve.expect("MESSAGE", 5), 200, "OK")
    assert ann.response(request, 5).status == 200
    wait_for(lambda: server.counters()["connections.closed.queue"] + server.counters()["connections.closed.slow"] >= 1, 12, 0.5,
             "bob's connection is kept")
    time.sleep(0.3)
    assert ann.message(bob.aor).status == 480


def test_malformed_requests_are_400_and_counted(server, client):
    ann = client(server, "ann").sign_in()
    for damage in (lambda m: [(n, "abc" if n == "CSeq" else v) for n, v in m.headers],
                   lambda m: [(n, v) for n, v in m.headers if n != "Call-ID"],
                   lambda m: [(n, "1 INVITE" if n == "CSeq" else v) for n, v in m.headers],
                   lambda m: [(n, "<sip:@@@>" if n == "To" else v) for n, v in m.headers]):
        request = ann.build("MESSAGE", "sip:bob@example.test")
        ann.send(Message(request.start, damage(request)))
        answer = ann.receive(lambda m: not m.is_request)
        assert answer.status == 400, answer.start
        assert len(answer.start) > len("SIP/2.0 400 "), "the reason is said"
    assert server.counters()["sip.malformed"] >= 4
    still_serves(server, client)


def test_garbage_ends_the_connection_only(server, client):
    for garbage in (b"\x00" * 200 + b"\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff\xfe" * 5000, b"SSH-2.0-x\r\n\r\n\r\n"):
        for port, tls in ((server.port_tcp, None), (server.port_tls, server.tls_client())):
            wire = Wire("127.0.0.1", port, tls, server.fqdn)
            wire.send(garbage)
            try:
                wire.wait_closed(1)
            except Silence:
                pass
            wire.close()
    raw = socket.create_connection(("127.0.0.1", server.port_tls))
    raw.sendall(b"REGISTER sip:example.test SIP/2.0\r\n\r\n")
    raw.close()
    still_serves(server, client)


def test_versions_schemes_and_long_uris(server, client):
    ann = client(server, "ann").sign_in()
    request = ann.build("MESSAGE", "sip:bob@example.test")
    request.start = request.start.replace("SIP/2.0", "SIP/7.0")
    ann.send(request)
    assert ann.receive(lambda m: not m.is_request).status == 505
    assert ann.transact(ann.build("MESSAGE", "tel:+15551234", to="tel:+15551234")).status in (404, 416)
    request = ann.build("OPTIONS", "sip:bob@example.test", headers=[("Proxy-Require", "frobnication")])
    answer = ann.transact(request)
    assert answer.status == 420 and "frobnication" in answer.get("unsupported")
