# SPDX-License-Identifier: Apache-2.0
"""The process that serves administrators over HTTPS, with a vault of this program's own: HTTP, TLS, sessions, limits, faults."""
import json
import re
import signal
import socket
import ssl
import threading
import time

import pytest

from deployment import wait_for
from web_client import Closed
from web_stage import WebStage

SESSION = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-_"
BEARER = {"Authorization": f"Bearer {SESSION}"}
CMDLET = "/api/v1/cmdlets/Get-CsUser"


@pytest.fixture
def stage_factory(request):
    made = []

    def make(answer=None):
        made.append(WebStage(answer))
        return made[-1]

    yield make
    try:
        for stage in made:
            if not getattr(request.node, "failed", False):
                stage.verdict()
            else:
                print("\n".join(json.dumps(line) for line in stage.web.lines[-30:]), stage.web.noise)
    finally:
        for stage in made:
            stage.end()


@pytest.fixture
def stage(stage_factory):
    """A vault that knows ann's password and her session, and answers cmdlets with the line it was asked."""
    return stage_factory(vault)


def vault(line, ask):
    if line["command"] == "sign-in":
        given = line["parameters"]
        if given.get("Password") == "locked":
            ask.refuse("BUSY", 503)
        elif given.get("Password") == "right" and given.get("Code", "123456") == "123456":
            ask.tell({"ok": True, "objects": [{"Session": SESSION, "User": given["User"], "IdleSeconds": 900, "ExpiresAt": "2026-01-01T00:00:00Z"}]})
        else:
            ask.refuse("REFUSED", 401)
    elif line.get("session") != SESSION:
        ask.refuse("REFUSED", 401)
    elif line["command"] in ("session", "sign-out"):
        ask.tell({"ok": True, "objects": [{"User": "sip:ann@example.test"}]})
    elif line["command"] == "Get-CsLarge":
        for i in range(int(line["parameters"]["Pieces"])):
            ask.tell(b"%08d" % i * 8192, is_last=False)
        ask.tell(b"", is_last=True)
    elif line["command"] != "Get-CsNever":
        ask.tell({"ok": True, "objects": [line]})


def cookie_session(client):
    """Signs in as a browser does; the fields of its later requests."""
    answer = client.ask("POST", "/api/v1/session", {"Witan-Cookie": "1"}, {"User": "sip:ann@example.test", "Password": "right"})
    assert answer.status == 201
    name, _, rest = answer["Set-Cookie"].partition("=")
    return {"Cookie": f"{name}={rest.split(';')[0]}", "Witan-CSRF": answer.json["objects"][0]["CSRF"]}, answer


# ---- what there is ----

def test_health_and_what_every_answer_carries(stage):
    with stage.client() as c:
        for method, path, fields, status in (("GET", "/healthz", {}, 204), ("HEAD", "/healthz", {}, 204), ("GET", "/nothing", {}, 404),
                                             ("GET", "/api/v1/session", {}, 401), ("POST", CMDLET, BEARER, 415), ("PUT", CMDLET, BEARER, 405),
                                             ("GET", "/api/v1/openapi.json", {}, 200)):
            answer = c.ask(method, path, fields)
            assert answer.status == status, (method, path, answer.body)
            assert answer["Cache-Control"] == "no-store" and answer["X-Content-Type-Options"] == "nosniff"
            assert answer["Strict-Transport-Security"].startswith("max-age=") and answer["Referrer-Policy"] == "no-referrer"
            assert answer["Content-Security-Policy"] == "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" and answer["Date"] and answer["Connection"] is None
            assert (answer["Content-Type"] or "application/json") == "application/json"
            if status >= 400:
                assert set(answer.json) == {"ok", "error", "what", "where", "remedy"} and answer.json["ok"] is False
                assert answer.json["what"] and answer.json["remedy"]
    assert not stage.asks, "vault is not asked what web can answer"


def test_methods_and_paths(stage):
    rows = [("POST", "/healthz", 405, "GET, HEAD"), ("PUT", "/api/v1/session", 405, "POST, GET, HEAD, DELETE"), ("GET", CMDLET, 405, "POST"),
            ("DELETE", "/api/v1/cmdlets", 405, "GET, HEAD"), ("OPTIONS", CMDLET, 405, "POST"), ("BREW", "/healthz", 405, "GET, HEAD"),
            ("GET", "/", 404, None), ("GET", "/api/v1/cmdlets/", 404, None), ("POST", "/api/v1/cmdlets/a/b", 404, None),
            ("POST", "/api/v1/cmdlets/a%2fb", 404, None), ("GET", "/healthz/", 404, None), ("GET", "//healthz", 404, None),
            ("GET", "/api/v1/../v1/session", 404, None), ("OPTIONS", "*", 404, None)]
    with stage.client() as c:
        for method, path, status, allow in rows:
            answer = c.ask(method, path, {**BEARER, "Content-Length": "0"} if method not in ("GET", "OPTIONS") else BEARER)
            assert (answer.status, answer["Allow"]) == (status, allow), (method, path)


def test_head_is_a_get_without_body(stage):
    with stage.client() as c:
        get = c.ask("GET", "/api/v1/openapi.json")
        head = c.ask("HEAD", "/api/v1/openapi.json")
        assert head.status == 200 and head["Content-Length"] == get["Content-Length"] == str(len(get.body))
        assert c.ask("HEAD", "/api/v1/session", BEARER).status == 200
        assert c.ask("GET", "/healthz").status == 204, "the connection is where it should be"


def test_openapi_is_open_and_the_list_is_not(stage):
    with stage.client() as c:
        assert c.ask("GET", "/api/v1/openapi.json").json is not None
        assert c.ask("GET", "/api/v1/cmdlets").status == 401
        assert c.ask("GET", "/api/v1/cmdlets", BEARER).status == 200
        assert c.ask("GET", "/api/v1/cmdlets", {"Authorization": "Bearer wrong"}).status == 401


# ---- lines for vault ----

def test_a_request_becomes_a_line(stage):
    with stage.client() as c:
        answer = c.ask("POST", "/api/v1/cmdlets/New-CsUser?x=y", {**BEARER, "Content-Type": "Application/JSON; charset=utf-8"},
                       {"parameters": {"SipAddress": "sip:zoë@example.test", "N": 3, "Flag": True}, "input": [{"a": None}]})
        assert answer.status == 200
        assert answer.json["objects"] == [{"command": "New-CsUser", "parameters": {"SipAddress": "sip:zoë@example.test", "N": 3, "Flag": True},
                                           "input": [{"a": None}], "session": SESSION}]
        assert b"\n" not in stage.asks[0].raw and stage.asks[0].address == "127.0.0.1"
        assert c.ask("POST", CMDLET, BEARER, {}).json["objects"][0] == {"command": "Get-CsUser", "parameters": {}, "session": SESSION}
        c.ask("GET", "/api/v1/session", BEARER)
        assert stage.asks[-1].line == {"command": "session", "session": SESSION}
        c.ask("DELETE", "/api/v1/session", BEARER)
        assert stage.asks[-1].line == {"command": "sign-out", "session": SESSION}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"{}{}", b"{\"parameters\":[]}", b"{\"parameters\":{\"a\":1,\"a\":2}}", b"{\"Parameters\":{}}",
                                  b"\xff", b"{\"parameters\":{\"a\":\"\xff\"}}", b"{\"command\":\"x\"}", b"{\"session\":\"x\"}", b"[" * 100000,
                                  b"{\"parameters\":{\"a\":\"x\ny\"}}"])
def test_bad_json(stage, body):
    with stage.client() as c:
        answer = c.ask("POST", CMDLET, BEARER, body)
        assert answer.status == 400 and answer.error == "USAGE" and "JSON" in answer.json["remedy"]
        assert not stage.asks
        assert c.ask("POST", CMDLET, BEARER, {}).status == 200, "the connection goes on"


def test_a_line_break_in_a_value_is_no_second_line(stage):
    with stage.client() as c:
        value = "x\n{\"command\":\"Remove-CsUser\"}"
        assert c.ask("POST", CMDLET, BEARER, {"parameters": {"a": value}}).json["objects"][0]["parameters"] == {"a": value}
        assert b"\n" not in stage.asks[0].raw and len(stage.asks) == 1


def test_answers_in_pieces_are_passed_on_as_they_come(stage_factory):
    go = threading.Event()

    def slowly(line, ask):
        ask.tell(b"{\"ok\":true,", is_last=False)
        go.wait(10)
        ask.tell(b"\"objects\":[]}", is_last=False)
        ask.tell(b"\n", is_last=True)

    stage = stage_factory(slowly)
    with stage.client() as c:
        c.send(c.head("POST", CMDLET, BEARER, b"{}") + b"{}")
        wait_for(lambda: b"ok" in c.buffer or c._more(), 5)
        assert b"objects" not in c.buffer
        go.set()
        answer = c.read()
        assert answer["Transfer-Encoding"] == "chunked" and answer.json == {"ok": True, "objects": []}
        assert c.ask("GET", "/healthz").status == 204
    with stage.client() as c:
        answer = c.ask("POST", CMDLET, BEARER, b"{}", version="HTTP/1.0")
        assert answer["Transfer-Encoding"] is None and answer["Connection"] == "close" and answer.json == {"ok": True, "objects": []}


def test_vaults_refusals_keep_their_status(stage_factory):
    stage = stage_factory(lambda line, ask: ask.refuse(line["command"].split("-")[1], int(line["parameters"]["http"])))
    with stage.client() as c:
        for error, http in (("ABSENT", 404), ("REFUSED", 403), ("EXISTS", 409), ("REFUSED", 401), ("BUSY", 503), ("INTERNAL", 500)):
            answer = c.ask("POST", f"/api/v1/cmdlets/Get-{error}", BEARER, {"parameters": {"http": http}})
            assert (answer.status, answer.error) == (http, error)
            assert (answer["WWW-Authenticate"] == "Bearer") == (http == 401) and (answer["Retry-After"] is not None) == (http == 503)
        for odd in (0, 100, 204, 700):
            assert c.ask("POST", "/api/v1/cmdlets/Get-X", BEARER, {"parameters": {"http": odd}}).status == 500


# ---- signing in ----

def test_sign_in_of_a_program(stage):
    with stage.client() as c:
        answer = c.ask("POST", "/api/v1/session", {}, {"User": "sip:ann@example.test", "Password": "right", "Code": "123456"})
        assert answer.status == 201 and answer["Set-Cookie"] is None
        assert answer.json["objects"][0]["Session"] == SESSION and answer.json["objects"][0]["IdleSeconds"] == 900
        assert stage.asks[0].line["parameters"] == {"User": "sip:ann@example.test", "Password": "right", "Code": "123456"}
        assert c.ask("GET", "/api/v1/session", BEARER).json["objects"][0]["User"] == "sip:ann@example.test"
    line = stage.web.wait_log("web.request", lambda e: e["method"] == "GET")
    assert (line["path"], line["status"], line["user"], line["peer"]) == ("/api/v1/session", 200, "sip:ann@example.test", "127.0.0.1")
    assert line["bytes"] > 0 and line["milliseconds"] >= 0
    text = json.dumps(stage.web.lines)
    assert SESSION not in text and "right" not in text and "123456" not in text
    assert stage.counter("web.signins") == 1 and stage.counter("web.requests") == 2


def test_sign_in_refused(stage):
    with stage.client() as c:
        answer = c.ask("POST", "/api/v1/session", {}, {"User": "ann", "Password": "wrong"})
        assert answer.status == 401 and answer["WWW-Authenticate"] == "Bearer" and answer.error == "REFUSED"
        answer = c.ask("POST", "/api/v1/session", {}, {"User": "ann", "Password": "locked"})
        assert answer.status == 429 and int(answer["Retry-After"]) > 0 and answer.error == "BUSY"
        for body in ({}, {"User": "a"}, {"User": "a", "Password": 3}, {"User": "a", "Password": "b", "Code": 123456}, {"User": "a", "Password": "b", "X": ""}):
            assert c.ask("POST", "/api/v1/session", {}, body).status == 400
    assert stage.counter("web.signins.refused") == 2


def test_cookie_and_csrf(stage):
    with stage.client() as c:
        fields, answer = cookie_session(c)
        assert re.fullmatch(r"__Host-witan=[\w-]{43}; Path=/; Secure; HttpOnly; SameSite=Strict", answer["Set-Cookie"])
        assert "Session" not in answer.json["objects"][0] and SESSION.encode() not in answer.body
        assert c.ask("GET", "/api/v1/session", fields).status == 200
        assert c.ask("POST", CMDLET, fields, {}).status == 200
        n = len(stage.asks)
        for csrf in (None, "", "x", fields["Witan-CSRF"][:-1], fields["Witan-CSRF"].swapcase(), SESSION):
            for method, path in (("POST", CMDLET), ("GET", "/api/v1/session"), ("DELETE", "/api/v1/session"), ("GET", "/api/v1/cmdlets")):
                answer = c.ask(method, path, {**fields, "Witan-CSRF": csrf}, b"{}" if method == "POST" else None)
                assert answer.status == 403 and answer.error == "REFUSED" and "CSRF" in answer.json["where"]
        # the token of another session is none of this one
        other = {**fields, "Cookie": "__Host-witan=" + SESSION[::-1]}
        assert c.ask("GET", "/api/v1/session", other).status == 403
        assert len(stage.asks) == n, "vault was not asked"
        # somebody planted a second cookie
        assert c.ask("GET", "/api/v1/session", {**fields, "Cookie": fields["Cookie"] + "; __Host-witan=x"}).status == 401
        answer = c.ask("DELETE", "/api/v1/session", fields)
        assert answer.status == 200 and "Max-Age=0" in answer["Set-Cookie"]


def test_csrf_token_outlives_the_process(stage):
    with stage.client() as c:
        fields, _ = cookie_session(c)
    stage.web.end()
    stage.start_web()
    with stage.client() as c:
        assert c.ask("GET", "/api/v1/session", fields).status == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer a.b", "Bearer " + "x" * 129, SESSION, "Bearer é"])
def test_what_is_no_session(stage, value):
    with stage.client() as c:
        # even beside a good cookie
        fields, _ = cookie_session(c)
        n = len(stage.asks)
        for more in ({}, fields):
            answer = c.ask("POST", CMDLET, {**more, "Authorization": value.encode().decode("latin-1")}, {})
            assert answer.status == 401 and answer["WWW-Authenticate"] == "Bearer"
        assert len(stage.asks) == n


def test_origin(stage):
    with stage.client() as c:
        ours = f"https://{c.host}:{c.port}"
        for origin, status in ((ours, 200), (ours.upper().replace("HTTPS", "https"), 200), ("https://evil.test", 403), ("null", 403), ("", 403),
                               (ours.replace("https", "http"), 403), (f"https://{c.host}", 403), (ours + "/", 403), (ours + ".evil.test", 403)):
            answer = c.ask("POST", CMDLET, {**BEARER, "Origin": origin}, {})
            assert answer.status == status, origin
        assert c.ask("POST", "/api/v1/session", {"Origin": "https://evil.test"}, {"User": "a", "Password": "right"}).status == 403
        assert not any(line["command"] == "sign-in" for line in (a.line for a in stage.asks))


def test_content_type(stage):
    with stage.client() as c:
        for kind in (None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", "text/plain; application/json"):
            for path in (CMDLET, "/api/v1/session"):
                answer = c.ask("POST", path, {**BEARER, "Content-Type": kind}, b"{}")
                assert (answer.status, answer.error) == (415, "HTTP_TYPE"), kind


# ---- HTTP ----

@pytest.mark.parametrize("text,status", [
    ("GET /healthz HTTP/1.1\r\n\r\n", 400), ("GET /healthz HTTP/1.1\nHost: h\n\n", 400), ("GET /healthz HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
    ("GET /healthz HTTP/2.0\r\nHost: h\r\n\r\n", 505), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), ("hello\r\n\r\n", 400),
    ("GET /healthz HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400), ("GET /" + "x" * 4100 + " HTTP/1.1\r\nHost: h\r\n\r\n", 414),
    ("GET / HTTP/1.1\r\nHost: h\r\n" + "X: y\r\n" * 64 + "\r\n", 431), ("GET / HTTP/1.1\r\nHost: h\r\nX: " + "x" * 17000 + "\r\n\r\n", 431),
    ("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    ("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400),
    ("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    ("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n", 413), ("POST /a HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", 417),
    ("CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400), ("\x16\x03\x01\x00\x05hello\r\n\r\n", 400)])
def test_what_cannot_be_read_ends_the_connection(stage, text, status):
    with stage.client() as c:
        c.send(text + "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        answer = c.read()
        assert answer.status == status and answer["Connection"] == "close" and answer.json["ok"] is False
        assert c.is_closed()
    assert not stage.asks


def test_byte_by_byte(stage):
    with stage.client() as c:
        for byte in c.head("POST", CMDLET, BEARER, b"{}") + b"{}":
            c.send(bytes([byte]))
        assert c.read().status == 200
    assert len(stage.asks) == 1


def test_pipelining_keeps_the_order(stage):
    with stage.client() as c:
        requests = b""
        for i in range(40):
            body = json.dumps({"parameters": {"N": i}}).encode()
            requests += c.head("POST", CMDLET, BEARER, body) + body + (b"\r\n" if i % 3 == 0 else b"") + c.head("GET", "/healthz")
        c.send(requests)
        for i in range(40):
            assert c.read().json["objects"][0]["parameters"] == {"N": i}
            assert c.read().status == 204
    assert [ask.line["parameters"]["N"] for ask in stage.asks] == list(range(40))


def test_a_pipeliner_does_not_hold_up_others(stage_factory):
    """While his first request waits, his others are neither asked nor read without limit."""
    stage = stage_factory(lambda line, ask: line["command"] == "Get-CsNever" or ask.tell({"ok": True, "objects": []}))
    with stage.client(timeout=2) as c, stage.client() as other:
        c.send(c.head("POST", "/api/v1/cmdlets/Get-CsNever", BEARER, b"{}") + b"{}")
        request = c.head("POST", CMDLET, BEARER, b"{}") + b"{}"
        with pytest.raises((TimeoutError, ssl.SSLError, OSError)):
            for _ in range(100000):
                c.send(request * 100)
        assert other.ask("POST", CMDLET, BEARER, {}).status == 200
        assert len(stage.asks) == 2


def test_keep_alive_and_close(stage):
    with stage.client() as c:
        answer = c.ask("GET", "/healthz", {"Connection": "close"})
        assert answer.status == 204 and answer["Connection"] == "close" and c.is_closed()
    with stage.client() as c:
        answer = c.ask("GET", "/healthz", version="HTTP/1.0")
        assert answer.status == 204 and answer["Connection"] == "close" and c.is_closed()


def test_expect_continue(stage):
    with stage.client() as c:
        c.send(c.head("POST", CMDLET, {**BEARER, "Expect": "100-continue"}, b"{}"))
        assert c._line() == "HTTP/1.1 100 Continue" and c._line() == ""
        c.send("{}")
        assert c.read().status == 200
    with stage.client() as c:  # who may not, need not send the body
        c.send(c.head("POST", CMDLET, {"Expect": "100-continue"}, b"{}"))
        answer = c.read()
        assert answer.status == 401 and answer["Connection"] == "close"


def test_large_bodies(stage):
    with stage.client() as c:
        value = "x" * (1 << 20)
        body = json.dumps({"parameters": {"a": value[:1000000]}}).encode()
        assert c.ask("POST", CMDLET, BEARER, body).json["objects"][0]["parameters"]["a"] == value[:1000000]
        # longer than a message between processes may be, though not longer than a body
        assert c.ask("POST", CMDLET, BEARER, b" " * 10 + json.dumps({"parameters": {"a": value[:-40]}}).encode()).status == 413
        answer = c.ask("POST", CMDLET, {**BEARER, "Content-Length": str((1 << 20) + 1)}, body)
        assert answer.status == 413 and answer["Connection"] == "close"
        assert c.is_closed()
    with stage.client() as c:  # refused by its header: the answer comes while the body is still under way
        c.send(c.head("POST", CMDLET, {}, b"x" * 900000))
        assert c.read().status == 401
    assert len(stage.asks) == 1


def test_a_large_answer_to_a_slow_reader(stage):
    with stage.client(receive_buffer=4096) as c, stage.client() as quick:
        c.send(c.head("POST", "/api/v1/cmdlets/Get-CsLarge", BEARER, b"{\"parameters\":{\"Pieces\":200}}") + b"{\"parameters\":{\"Pieces\":200}}")
        time.sleep(0.5)
        assert quick.ask("GET", "/healthz").status == 204
        answer = c.read()
        assert len(answer.body) == 200 * 65536 and answer.body[-8:] == b"00000199"
        assert c.ask("GET", "/healthz").status == 204


@pytest.mark.slow
def test_more_than_the_queue_holds(stage):
    with stage.client(receive_buffer=4096) as c, stage.client() as quick:
        c.send(c.head("POST", "/api/v1/cmdlets/Get-CsLarge", BEARER, b"{\"parameters\":{\"Pieces\":4200}}") + b"{\"parameters\":{\"Pieces\":4200}}")
        stage.web.wait_log("limit.reached", timeout=30)
        with pytest.raises(Closed):
            c.read()
        assert quick.ask("GET", "/healthz").status == 204
    assert stage.counter("connections.closed.queue") == 1


# ---- TLS ----

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions(stage, version):
    tls = stage.deployment.tls_client(minimum_version=version, maximum_version=version)
    with stage.client(tls=tls) as c:
        assert c.socket.version() == version.name.replace("_", ".")
        assert c.ask("GET", "/healthz").status == 204


def test_old_tls_and_plain_http(stage):
    tls = stage.deployment.tls_client()
    tls.minimum_version = ssl.TLSVersion.TLSv1
    tls.maximum_version = ssl.TLSVersion.TLSv1_1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        stage.client(tls=tls)
    with socket.create_connection(("127.0.0.1", stage.port), timeout=5) as s:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
        data = b""
        try:
            while more := s.recv(1000):
                data += more
        except ConnectionError:
            pass
        assert b"HTTP" not in data
    wait_for(lambda: stage.counter("tls.failed") == 2, 5)


def test_the_certificate_is_checked_by_name(stage):
    with pytest.raises(ssl.SSLCertVerificationError):
        stage.client(host="other.example.test")


# ---- limits and slow clients ----

def test_connections_of_one_address(stage):
    clients = [stage.client() for _ in range(32)]
    with pytest.raises((ssl.SSLError, ConnectionError)):
        stage.client()
    assert stage.counter("connections.refused.address") == 1
    assert clients[0].ask("GET", "/healthz").status == 204
    clients.pop().close()
    wait_for(lambda: stage.counter("connections.open") == 31, 5)
    clients.append(stage.client())
    assert clients[-1].ask("GET", "/healthz").status == 204
    for c in clients:
        c.close()
    wait_for(lambda: stage.counter("connections.open") == 0, 5)


@pytest.mark.slow
def test_slow_clients(stage):
    """Nobody says hello; nobody asks; a header that does not end, however busily it goes on: each is over after ten seconds."""
    start = time.monotonic()
    mute = socket.create_connection(("127.0.0.1", stage.port))
    silent, slow, busy = stage.client(timeout=20), stage.client(timeout=20), stage.client(timeout=20)
    slow.send("GET /healthz HTT")
    busy.send("GET /healthz HTTP/1.1\r\nHost: h\r\n")

    def trickle():
        try:
            for i in range(200):
                busy.send(f"X{i}: y\r\n")
                time.sleep(0.5)
        except OSError:
            pass

    threading.Thread(target=trickle, daemon=True).start()
    for c in (silent, slow, busy):
        assert c.is_closed()
        assert 9 < time.monotonic() - start < 14
    mute.settimeout(5)
    assert mute.recv(100) == b""
    mute.close()
    assert stage.counter("tls.timeout") == 1 and stage.counter("connections.closed.slow") == 3
    with stage.client() as c:
        assert c.ask("GET", "/healthz").status == 204


@pytest.mark.slow
def test_a_flood_of_connections_is_survived(stage):
    """Many that come and go, half of them in the middle of the handshake."""
    for _ in range(20):
        halves = [socket.create_connection(("127.0.0.1", stage.port)) for _ in range(10)]
        for s in halves:
            s.sendall(b"\x16\x03\x01")
        with stage.client() as c:
            assert c.ask("POST", CMDLET, BEARER, {}).status == 200
        for s in halves:
            s.close()
    wait_for(lambda: stage.counter("connections.open") == 0 and stage.counter("tls.handshaking") == 0, 5)


# ---- faults ----

def test_a_client_that_goes_away_is_told_to_vault(stage):
    c = stage.client()
    c.send(c.head("POST", "/api/v1/cmdlets/Get-CsNever", BEARER, b"{}") + b"{}")
    wait_for(lambda: stage.asks, 5)
    assert stage.counter("web.waiting") == 1
    c.close()
    wait_for(lambda: stage.gone == [stage.asks[0].id], 5)
    assert stage.counter("web.waiting") == 0
    stage.asks[0].tell({"ok": True, "objects": []})  # too late: for nobody
    with stage.client() as c:
        assert c.ask("POST", CMDLET, BEARER, {}).status == 200


def test_vault_ends_under_requests(stage):
    with stage.client() as waiting, stage.client() as half:
        waiting.send(waiting.head("POST", "/api/v1/cmdlets/Get-CsNever", BEARER, b"{}") + b"{}")
        wait_for(lambda: stage.asks, 5)
        half.send(half.head("POST", "/api/v1/cmdlets/Get-CsNever", BEARER, b"{}") + b"{}")
        wait_for(lambda: len(stage.asks) == 2, 5)
        stage.asks[1].tell(b"{\"ok\":", is_last=False)
        wait_for(lambda: b"ok" in half.buffer or half._more(), 5)
        stage.vault.close()
        answer = waiting.read()
        assert answer.status == 502 and answer.error == "CLOSED"
        with pytest.raises(Closed):
            half.read()
        answer = waiting.ask("POST", CMDLET, BEARER, {})
        assert answer.status == 503 and answer["Retry-After"]
        assert waiting.ask("GET", "/healthz").status == 204
        stage.start_vault()
        wait_for(lambda: waiting.ask("POST", CMDLET, BEARER, {}).status == 200, 5)


def test_keeper_ends_and_comes_back(stage):
    with stage.client() as c:
        assert c.ask("GET", "/healthz").status == 204
    with stage.client() as c:
        stage.vault.close()
        stage.start_vault()  # also a new certificate: connections keep theirs
        assert c.ask("GET", "/healthz").status == 204
    with stage.client() as c:
        assert c.ask("GET", "/healthz").status == 204


def test_killed_under_requests(stage):
    clients = [stage.client() for _ in range(8)]
    for c in clients:
        c.send(c.head("POST", "/api/v1/cmdlets/Get-CsNever", BEARER, b"{}") + b"{}")
    wait_for(lambda: len(stage.asks) == 8, 5)
    stage.web.end(signal.SIGKILL)
    for c in clients:
        assert c.is_closed()
        c.close()
    stage.start_web()
    with stage.client() as c:
        assert c.ask("POST", CMDLET, BEARER, {}).status == 200


def test_a_message_that_breaks_the_rules_closes_the_channel_only(stage):
    stage.vault.send("USER_GONE", version=1, aor="sip:x@y")
    with stage.client() as c:
        wait_for(lambda: c.ask("POST", CMDLET, BEARER, {}).status == 503, 5)
        stage.start_vault()
        wait_for(lambda: c.ask("POST", CMDLET, BEARER, {}).status == 200, 5)


@pytest.mark.slow
def test_without_a_vault_for_long_it_is_started_anew(stage):
    stage.vault.close()
    assert stage.web.end(sig=None, timeout=20) == 1
    assert stage.web.log("channel.failed")
    stage.start_web()
    with stage.client() as c:
        assert c.ask("POST", CMDLET, BEARER, {}).status == 200


def test_drain_finishes_what_is_under_way(stage_factory):
    stage = stage_factory(lambda line, ask: None)
    with stage.client() as c, stage.client() as idle:
        assert idle.ask("GET", "/healthz").status == 204
        c.send(c.head("POST", CMDLET, BEARER, b"{}") + b"{}")
        wait_for(lambda: stage.asks, 5)
        stage.web.master.send("DRAIN", milliseconds=5000)
        time.sleep(0.2)
        stage.asks[0].tell({"ok": True, "objects": []})
        answer = c.read()
        assert answer.status == 200 and answer.json["ok"]
        assert idle.is_closed()
    assert stage.web.end(sig=None) == 0


def test_no_rights_to_spare(stage):
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{stage.web.pid}/status") if ":\t" in line)
    if b"__asan_init" in (stage.deployment.build / "witand").read_bytes():
        pytest.skip("builds with sanitizers run without filters")
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2" and status["Threads"].strip() == "1"
