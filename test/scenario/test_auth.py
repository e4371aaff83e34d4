# SPDX-License-Identifier: Apache-2.0
"""Proving who one is: wrong passwords, guessing, replays."""
import re
import statistics
import time

from deployment import wait_for


def shape(answer):
    """An answer without what differs by chance or by asking (nonces, tags, addresses, ids)."""
    names = []
    for name, value in answer.headers:
        if name.lower() in ("via", "to", "from", "call-id", "cseq"):
            value = ""
        names.append((name, re.sub(r'(nonce|opaque)="[^"]*"', "", value)))
    return answer.start, names, answer.body


def guess(device):
    """One wrong password with a fresh challenge; returns the final answer."""
    return device.register()


def test_wrong_password(server, client):
    ann = client(server, "ann", password="wrong")
    assert ann.register().status == 401
    assert server.wait_event("auth.failed", 5)
    assert client(server, "ann").register().status == 200


def test_unknown_user_is_answered_like_a_known_one(server, client):
    known = guess(client(server, "ann", password="wrong"))
    unknown = guess(client(server, "nobody", password="wrong"))
    assert shape(known) == shape(unknown)


def test_unknown_user_takes_as_long(server, client):
    """Medians of several tries; an honest difference of work shows as a factor, not as a few per cent."""
    times = {"known": [], "unknown": []}
    server.add_users(*[f"u{i}" for i in range(8)])
    for i in range(8):
        for kind, name in (("known", f"u{i}"), ("unknown", f"x{i}")):
            device = client(server, name, password="wrong")
            start = time.monotonic()
            assert guess(device).status == 401
            times[kind].append(time.monotonic() - start)
    known, unknown = (statistics.median(times[k]) for k in ("known", "unknown"))
    assert abs(known - unknown) < 0.3 * max(known, unknown) + 0.005, times


def test_guessing_is_locked_after_ten_tries_and_looks_the_same(server_factory, client):
    server = server_factory(settings={"ProxyConfiguration": {"LockoutSeconds": 4, "MaxLockoutSeconds": 4}})
    answers = []
    for i in range(10):
        device = client(server, "ann", password=f"guess{i}", source=f"127.0.0.{i + 10}")
        answers.append(guess(device))
        device.close()
    assert {a.status for a in answers} == {401}
    server.wait_event("auth.locked", 5)
    right = client(server, "ann").register()
    assert right.status == 401, "the right password opened a locked account"
    assert shape(right) == shape(answers[-1])
    assert client(server, "bob").register().status == 200, "another account is locked too"
    wait_for(lambda: client(server, "ann").register().status == 200, 15, 0.5, "the lock does not end")


def test_signed_in_user_is_not_thrown_out_by_guessers(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    for i in range(11):
        device = client(server, "ann", password=f"guess{i}")
        guess(device)
        device.close()
    request = ann.build("MESSAGE", bob.aor, body="x")
    request = ann.begin(request)
    bob.reply(bob.expect("MESSAGE"), 200, "OK")
    assert ann.response(request).status == 200


def challenged(device):
    request = device.register_request()
    device.send(request)
    answer = device.response(request)
    assert answer.status == 401 and device.digest.take(answer)
    return request


def test_replayed_credentials_are_refused(server, client):
    ann = client(server, "ann")
    request = challenged(ann)
    credentials = ann.digest.answer("REGISTER", request.uri)
    first = ann.again(request, [credentials])
    ann.send(first)
    assert ann.response(first).status == 200
    thief = client(server, "ann", password="unknown to him")
    stolen = thief.register_request()
    stolen.headers.append(credentials)
    thief.send(stolen)
    assert thief.response(stolen).status == 401


def test_parameters_are_checked(server, client):
    for change in ({"realm": "elsewhere"}, {"uri": "sip:elsewhere.test"}, {"response": "0" * 64}, {"nonce": "made-up"}, {"nc": "zzzzzzzz"},
                   {"qop": "auth-int"}, {"username": "bob"}, {"algorithm": "SHA-512-256"}):
        ann = client(server, "ann")
        request = challenged(ann)
        request = ann.again(request, [ann.digest.answer("REGISTER", request.uri, **change)])
        ann.send(request)
        answer = ann.response(request)
        assert answer.status in (400, 401, 403), (change, answer.start)
        ann.close()


def test_credentials_without_qop_are_refused(server, client):
    ann = client(server, "ann")
    request = challenged(ann)
    name, value = ann.digest.answer("REGISTER", request.uri)
    value = re.sub(r", (qop|nc)=[^,]*", "", value)
    request = ann.again(request, [(name, value)])
    ann.send(request)
    assert ann.response(request).status in (400, 401)


def test_stale_nonce_is_said_to_be_stale(server_factory, client):
    server = server_factory(settings={"ProxyConfiguration": {"NonceLifetime": 10}})
    ann = client(server, "ann")
    request = challenged(ann)
    time.sleep(11)
    request = ann.again(request, [ann.digest.answer("REGISTER", request.uri)])
    ann.send(request)
    answer = ann.response(request)
    assert answer.status == 401 and re.search(r"stale=\"?true", answer.get("www-authenticate"), re.I)
    assert ann.digest.take(answer)
    request = ann.again(request, [ann.digest.answer("REGISTER", request.uri)])
    ann.send(request)
    assert ann.response(request).status == 200


def test_secrets_stay_out_of_log_and_world(server, client):
    client(server, "ann").sign_in()
    client(server, "bob", password="another-secret-word").register()
    text = "\n".join(e["_text"] for e in server.events)
    for secret in [*server.passwords.values(), "another-secret-word"]:
        assert secret not in text
    for path in server.dir.rglob("*"):
        if path.is_file() and (path.suffix == ".key" or "store" in path.parts):
            assert path.stat().st_mode & 0o077 == 0, f"{path} is readable by others"
            data = path.read_bytes()
            assert not any(s.encode() in data for s in server.passwords.values()), f"{path} holds a password"
