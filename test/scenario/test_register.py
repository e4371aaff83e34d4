# SPDX-License-Identifier: Apache-2.0
"""Signing in and out: RFC 3261 10.3, expiry bounds, devices."""
import re
import time

import pytest

from sip_client import Client, split_values, token


def contacts(answer):
    return split_values(answer.all("contact"))


def bindings(device):
    """What the registrar says is bound (REGISTER without Contact)."""
    answer = device.register(expires=None, contact="")
    assert answer.status == 200, answer.start
    return contacts(answer)


@pytest.mark.parametrize("transport", ["tls", "tcp"])
@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_sign_in_and_out(server, client, transport, algorithm):
    ann = client(server, "ann", transport=transport, algorithms=(algorithm,))
    answer = ann.register()
    assert answer.status == 200
    assert [c for c in contacts(answer) if ann.contact in c]
    assert len(bindings(ann)) == 1
    assert ann.register(expires=0).status == 200
    assert bindings(ann) == []


def test_challenge_offers_sha256_before_md5(server, client):
    ann = client(server, "ann")
    request = ann.register_request()
    ann.send(request)
    answer = ann.response(request)
    assert answer.status == 401
    offers = answer.all("www-authenticate")
    assert [re.search(r"algorithm=\"?([\w-]+)", o).group(1) for o in offers] == ["SHA-256", "MD5"]
    assert all('realm="example.test"' in o and "auth" in o for o in offers)


def test_md5_only_while_policy_allows(server_factory, client):
    server = server_factory(settings={"ProxyConfiguration": {"UseDigestMd5": "False"}})
    old = client(server, "ann", algorithms=("MD5",))
    assert old.register().status == 401
    assert client(server, "ann").register().status == 200


def test_star_removes_all(server, client):
    one, two = client(server, "ann").sign_in(), client(server, "ann").sign_in()
    assert len(bindings(one)) == 2
    assert two.register(expires=0, contact="*").status == 200
    assert bindings(one) == []


def test_expiry_is_kept_within_bounds(server, client):
    ann = client(server, "ann")
    short = ann.register(expires=10)
    assert short.status == 423
    assert int(short.get("min-expires")) == 300
    granted = contacts(ann.register(expires=999999))
    assert int(re.search(r"expires=(\d+)", granted[0]).group(1)) == 3600


def test_registration_ends_when_it_expires(server_factory, client):
    server = server_factory(settings={"RegistrarConfiguration": {"MinEndpointExpiration": 1, "DefaultEndpointExpiration": 60}})
    ann, bob = client(server, "ann").sign_in(expires=2), client(server, "bob").sign_in()
    time.sleep(1)
    request = bob.build("MESSAGE", ann.aor, body="x", headers=[("Content-Type", "text/plain")])
    request = bob.begin(request)
    ann.reply(ann.expect("MESSAGE"), 200, "OK")
    assert bob.response(request).status == 200
    time.sleep(2)
    assert bob.message(ann.aor).status == 480
    assert bindings(ann) == []


def test_too_many_devices(server_factory, client):
    server = server_factory(settings={"RegistrarConfiguration": {"MaxEndpointsPerUser": 3}})
    devices = [client(server, "ann").sign_in() for _ in range(3)]
    extra = client(server, "ann")
    assert extra.register().status == 403
    assert len(bindings(devices[0])) == 3
    assert devices[1].register().status == 200, "a refresh is no new device"
    assert devices[2].register(expires=0).status == 200
    assert extra.register().status == 200


def test_connection_end_ends_registration(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    ann.close()
    time.sleep(0.5)
    assert bob.message(ann.aor).status == 480


def test_older_cseq_does_not_win(server, client):
    ann = client(server, "ann").sign_in()
    ann.reg_cseq = 0
    request = ann.again(ann.register_request(expires=0))
    request.headers = [(n, "1 REGISTER" if n == "CSeq" else v) for n, v in request.headers]
    ann.send(request)
    assert ann.response(request).status >= 400
    ann.reg_call_id, ann.reg_cseq = token("new"), 0
    assert len(bindings(ann)) == 1


def test_register_for_somebody_else(server, client):
    ann = client(server, "ann").sign_in()
    answer = ann.register(aor="sip:bob@example.test")
    assert answer.status == 403
    bob = client(server, "bob").sign_in()
    assert len(bindings(bob)) == 1


def test_path_and_service_route(server, client):
    ann = client(server, "ann", supported="path")
    answer = ann.register(headers=[("Path", "<sip:edge.example.test;lr>")])
    assert answer.status in (200, 420)
    plain = client(server, "ann").register()
    assert plain.status == 200
    for route in plain.all("service-route"):
        assert ";lr" in route


def test_unknown_domain_is_refused(server, client):
    ann = client(server, "ann").sign_in()
    assert ann.message("sip:somebody@elsewhere.invalid").status in (403, 404)


def test_user_changes_hold_at_once(server, client):
    ann = client(server, "ann").sign_in()
    server.add_user("eve")
    eve = client(server, "eve").sign_in()
    server.cli("Set-CsUser", "-Identity", "sip:eve@example.test", "-PasswordFile", "-", stdin="another-word\n")
    late = client(server, "eve")
    assert late.register().status == 401
    assert client(server, "eve", password="another-word").register().status == 200
    server.cli("Remove-CsUser", "-Identity", "sip:eve@example.test")
    assert ann.message("sip:eve@example.test").status in (404, 480)
    assert client(server, "eve", password="another-word").register().status == 401
    assert eve.register().status in (401, 403)
