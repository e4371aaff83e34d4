# SPDX-License-Identifier: Apache-2.0
"""Questions about single certificates (OCSP) over plain HTTP: what openssl, GnuTLS and curl are told, and what a flood of them does."""
import base64
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest

from deployment import assigned_file, wait_for
from test_web_public import PublicClient, client, issue, run, serial_of, server  # noqa: F401
from web_client import Closed

OCSP = {"Content-Type": "application/ocsp-request"}
LATER, MALFORMED, UNAUTHORIZED = b"\x30\x03\x0a\x01\x03", b"\x30\x03\x0a\x01\x01", b"\x30\x03\x0a\x01\x06"


def files(server):
    """Trust and issuer, as options of openssl ocsp."""
    return "-CAfile", server.dir / "ca.pem", "-issuer", server.dir / "certs/issuing.pem"


def url(server):
    return f"http://localhost:{server.port_http}/ocsp"


def openssl_says(server, *what):
    """'good', 'revoked' ... of one certificate, by a response that openssl has verified."""
    text = run("openssl", "ocsp", *files(server), "-url", url(server), *what).decode()
    assert "Response verify OK" in text, text
    return re.search(r"^\S+: (\w+)$", text, re.M).group(1), text


def question(server, *what, nonce=False):
    """A request in DER."""
    out = server.top / f"{os.urandom(4).hex()}.ocsp"
    run("openssl", "ocsp", *files(server)[2:], "-nonce" if nonce else "-no_nonce", "-reqout", out, *what)
    return out.read_bytes()


def of_serial(server, number, **more):
    return question(server, "-serial", f"0x{number:032X}", **more)


def path(der):
    return "/ocsp/" + urllib.parse.quote(base64.b64encode(der).decode(), safe="")


def says(server, der):
    """What a response says, verified."""
    out = server.top / f"{os.urandom(4).hex()}.response"
    out.write_bytes(der)
    text = run("openssl", "ocsp", *files(server), "-respin", out, "-resp_text", "-no_nonce").decode()
    assert "Response verify OK" in text
    return re.search(r"Cert Status: (\w+)", text).group(1)


# ---- real peers ----

def test_openssl_asks(server):
    file = issue(server)
    named = run("openssl", "x509", "-in", file, "-noout", "-ocsp_uri").decode().strip()
    assert named == url(server), "the certificate names the responder"
    assert run("openssl", "x509", "-in", assigned_file(server.dir), "-noout", "-ocsp_uri").decode().strip() == named
    for nonce in ("-nonce", "-no_nonce"):
        status, text = openssl_says(server, nonce, "-cert", file)
        assert status == "good" and "WARNING" not in text, text
        assert openssl_says(server, nonce, "-cert", assigned_file(server.dir))[0] == "good"
        assert openssl_says(server, nonce, "-serial", "0x1234567890ABCDEF1234567890ABCDEF")[0] == "unknown"
        assert openssl_says(server, nonce, "-sha256", "-cert", file)[0] == "good"
    server.cli("revoke-certificate", "--serial", serial_of(file), "--reason", "keyCompromise")
    start = time.monotonic()
    for nonce in ("-no_nonce", "-nonce"):
        status, text = openssl_says(server, nonce, "-cert", file)
        assert status == "revoked" and "Reason: keyCompromise" in text and "Revocation Time: " in text
    assert time.monotonic() - start < 2
    assert openssl_says(server, "-cert", assigned_file(server.dir))[0] == "good"


def test_many_in_one_request(server):
    good, bad = issue(server), issue(server)
    server.cli("revoke-certificate", "--serial", serial_of(bad))
    text = run("openssl", "ocsp", *files(server), "-url", url(server), "-cert", good, "-cert", bad, "-serial", "0x77").decode()
    assert "Response verify OK" in text
    assert re.findall(r"^\S+: (good|revoked|unknown)$", text, re.M) == ["good", "revoked", "unknown"]


def test_gnutls_asks(server):
    file = issue(server)
    ask = ("ocsptool", f"--ask={url(server)}", "--load-cert", file, "--load-issuer", server.dir / "certs/issuing.pem", "--load-signer", server.dir / "certs/issuing.pem")
    text = run(*ask, "--nonce").decode()
    assert "Certificate Status: good" in text and "Success" in text, text
    server.cli("revoke-certificate", "--serial", serial_of(file), "--reason", "superseded")
    text = run(*ask, status=None).decode()
    assert "Certificate Status: revoked" in text and "Verifying OCSP Response: Success" in text, text


def test_curl_gets(server):
    """As RFC 5019 has it: by GET, and with what caches need."""
    file, out = issue(server), server.top / "response"
    der = question(server, "-cert", file)
    fields = run("curl", "-sS", "-f", "-D", "-", "-o", out, f"http://localhost:{server.port_http}{path(der)}").decode()
    assert says(server, out.read_bytes()) == "good"
    assert "Content-Type: application/ocsp-response\r\n" in fields and "max-age=300" in fields
    tag = re.search(r"ETag: (\S+)", fields).group(1)
    again = run("curl", "-sS", "-f", "-D", "-", "-H", f"If-None-Match: {tag}", f"http://localhost:{server.port_http}{path(der)}").decode()
    assert again.startswith("HTTP/1.1 304 "), again
    posted = run("curl", "-sS", "-f", "-H", "Content-Type: application/ocsp-request", "--data-binary", "@-", url(server), input=der)
    assert posted == out.read_bytes(), "the same answer, signed once"


# ---- HTTP ----

def seconds(answer, name):
    return time.mktime(time.strptime(answer[name], "%a, %d %b %Y %H:%M:%S GMT"))


def test_what_may_be_kept(server, client):
    c, der = client(), question(server, "-cert", issue(server))
    first = c.ask("GET", path(der))
    assert says(server, first.body) == "good"
    for answer in (first, c.ask("GET", path(der)), c.ask("HEAD", path(der)), c.ask("POST", "/ocsp", OCSP | {"If-None-Match": "*"}, der)):
        assert answer.status == 200 and answer["Content-Type"] == "application/ocsp-response"
        assert answer["Cache-Control"] == "public, max-age=300, must-revalidate" and answer["ETag"] == first["ETag"]
        assert seconds(answer, "Last-Modified") <= seconds(answer, "Date") < seconds(answer, "Expires") <= seconds(answer, "Date") + 300
    assert c.ask("GET", path(der), {"If-Modified-Since": first["Last-Modified"]}).status == 304
    counters = server.counters()
    assert (counters["ocsp.signed"], counters["ocsp.cached"], counters["ocsp.waiting"]) == (1, 4, 0)
    # what is for one client, or says little, is for no cache
    for other in (question(server, "-serial", "0x5", nonce=True), of_serial(server, 5), b"x"):
        answer = c.ask("POST", "/ocsp", OCSP, other)
        assert (answer.status, answer["Cache-Control"], answer["ETag"], answer["Expires"]) == (200, "no-store", None, None)


def test_a_nonce_is_answered_anew(server, client):
    """What was kept from before proves nothing to who sends one."""
    c, what = client(), ("-cert", assigned_file(server.dir))
    kept = c.ask("POST", "/ocsp", OCSP, question(server, *what)).body
    assert c.ask("POST", "/ocsp", OCSP, question(server, *what)).body == kept
    der = question(server, *what, nonce=True)
    nonce = der[-16:]  # it stands last in the request
    answers = [c.ask("POST", "/ocsp", OCSP, der).body for _ in range(2)]
    assert all(nonce in a and says(server, a) == "good" for a in answers) and nonce not in kept


def test_until_when_it_is_good(server, client):
    answer = client().ask("GET", path(question(server, "-cert", issue(server))))
    out = server.top / "response"
    out.write_bytes(answer.body)
    text = run("openssl", "ocsp", "-respin", out, "-resp_text", "-noverify").decode()
    this, after = (time.mktime(time.strptime(re.search(rf"{name} Update: (.*) GMT", text).group(1), "%b %d %H:%M:%S %Y")) for name in ("This", "Next"))
    assert after - this == 3600


def test_ways_of_writing_a_path(server, client):
    """Some clients escape everything, some nothing."""
    serial = 1
    while not {"/", "+", "="} <= set(text := base64.b64encode(der := of_serial(server, serial)).decode()):
        serial += 0x10001
    c = client()  # only now: one that says nothing for ten seconds is closed
    for written in (text, text.rstrip("="), urllib.parse.quote(text, safe=""), text.replace("+", "%2b").replace("/", "%2f"),
                    "".join(f"%{ord(x):02X}" for x in text)):
        answer = c.ask("GET", f"/ocsp/{written}")
        assert answer.status == 200 and says(server, answer.body) == "unknown", written
    for written in ("", "=", "====", "A", "%", "%4", "%zz", text[:-2] + "*", text[:40], text + "=", "a-_b", "M" * 3900):
        answer = c.ask("GET", f"/ocsp/{written}")
        assert (answer.status, answer.body) == (200, MALFORMED), written
    assert der


def test_malformed(server, client):
    c, der = client(), question(server, "-cert", assigned_file(server.dir), nonce=True)
    assert says(server, c.ask("POST", "/ocsp", OCSP, der).body) == "good"
    for n in range(0, len(der), 3):
        assert c.ask("POST", "/ocsp", OCSP, der[:n]).body == MALFORMED, n
    assert c.ask("POST", "/ocsp", OCSP, der + b"\0").body == MALFORMED
    assert c.ask("POST", "/ocsp", OCSP, os.urandom(4096)).body == MALFORMED
    many = [x for n in range(9) for x in ("-serial", f"0x{n + 1}")]
    assert c.ask("POST", "/ocsp", OCSP, question(server, *many)).body == MALFORMED
    assert says(server, c.ask("POST", "/ocsp", OCSP, question(server, *many[:16])).body) == "unknown"
    assert server.counters()["ocsp.refused"] > 20


def test_methods_types_and_lengths(server, client):
    c, der = client(), of_serial(server, 1)
    for method, where, allow in (("GET", "/ocsp", "POST"), ("PUT", "/ocsp", "POST"), ("POST", path(der), "GET, HEAD"), ("DELETE", path(der), "GET, HEAD")):
        answer = c.ask(method, where, OCSP | {"Content-Length": "0"} if method != "GET" else {})
        assert (answer.status, answer["Allow"]) == (405, allow), (method, where)
    assert c.ask("POST", "/ocsp", {"Content-Type": "text/plain"}, der).status == 415
    assert c.ask("POST", "/ocsp", {"Content-Type": None}, der).status == 415
    assert says(server, c.ask("POST", "/ocsp", {"Content-Type": "Application/OCSP-Request; x=y"}, der).body) == "unknown"
    assert c.ask("GET", "/ocspx").status == 404
    answer = c.ask("POST", "/ocsp", OCSP | {"Content-Length": "4097"})
    assert answer.status == 413 and c.is_closed(), "what is too long is not read"
    c = client()
    assert c.ask("POST", "/ocsp", OCSP | {"Content-Length": "4096"}, b"\0" * 4096).body == MALFORMED
    assert c.ask("GET", path(der), {"Content-Length": "1"}, b"x").status == 413


def test_of_another_authority(server, client, tmp_path):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "key", "-out", tmp_path / "ca", "-subj", "/CN=Else")
    run("openssl", "ocsp", "-issuer", tmp_path / "ca", "-serial", "1", "-no_nonce", "-reqout", tmp_path / "request")
    assert client().ask("POST", "/ocsp", OCSP, (tmp_path / "request").read_bytes()).body == UNAUTHORIZED
    run("openssl", "ocsp", *files(server)[2:], "-serial", "1", "-issuer", tmp_path / "ca", "-serial", "1", "-no_nonce", "-reqout", tmp_path / "both")
    assert client().ask("POST", "/ocsp", OCSP, (tmp_path / "both").read_bytes()).body == UNAUTHORIZED


# ---- what it costs others ----

def test_a_greedy_address(server, client):
    """What has to be signed is for each address limited; what was signed is not, and others are served."""
    c, known = client(), question(server, "-cert", assigned_file(server.dir))
    assert says(server, c.ask("GET", path(known)).body) == "good"
    fresh = [of_serial(server, n, nonce=True) for n in range(1, 21)]
    got = [c.ask("POST", "/ocsp", OCSP, fresh[n % 20]).body for n in range(200)]
    assert 40 <= sum(body != LATER for body in got) < 120 and got[-1] == LATER
    assert says(server, c.ask("GET", path(known)).body) == "good"
    assert says(server, client(source="127.0.3.1").ask("POST", "/ocsp", OCSP, fresh[0]).body) == "unknown"
    assert server.counters()["ocsp.later"] == sum(body == LATER for body in got)
    time.sleep(0.5)
    assert c.ask("POST", "/ocsp", OCSP, fresh[0]).body != LATER, "it may again"


def sign_in_times(server, n=20):
    """Seconds of a TLS handshake each, for which keeper signs too."""
    tls, took = ssl.create_default_context(cafile=str(server.dir / "ca.pem")), []
    for _ in range(n):
        start = time.monotonic()
        with socket.create_connection(("127.0.0.1", server.port_tls), 10) as raw, tls.wrap_socket(raw, server_hostname=server.fqdn):
            took.append(time.monotonic() - start)
        time.sleep(0.02)
    return sorted(took)


@pytest.mark.slow
def test_a_flood_from_many_addresses(server, client):
    """Everybody is answered, if only to come back; the server does its other work meanwhile."""
    ends, answers, failures = threading.Event(), [], []
    fresh = [of_serial(server, n, nonce=True) for n in range(1, 9)]

    def flood(n):
        with PublicClient(server.port_http, source=f"127.0.4.{n}") as c:
            while not ends.is_set():
                try:
                    answers.append(c.ask("POST", "/ocsp", OCSP, fresh[n % 8]).body)
                except (Closed, OSError) as why:
                    failures.append(why)
                    return

    calm = sign_in_times(server)
    threads = [threading.Thread(target=flood, args=(n,), daemon=True) for n in range(1, 61)]
    for t in threads:
        t.start()
    start = time.monotonic()
    busy = sign_in_times(server)
    good = client(source="127.0.5.1").ask("GET", path(question(server, "-cert", assigned_file(server.dir))))
    server.cli("Get-CsUser")
    while time.monotonic() - start < 3:
        time.sleep(0.1)
    ends.set()
    for t in threads:
        t.join(10)
    took = time.monotonic() - start
    assert not failures and good.status == 200
    signed = server.counters()["ocsp.signed"]
    assert LATER in answers and 0 < signed <= 200 * (took + 2), (signed, took)
    print(f"handshake: {calm[10] * 1000:.1f} ms, in the flood {busy[10] * 1000:.1f} ms; {len(answers)} answers, {signed} signed")
    assert busy[10] < 1


@pytest.mark.slow
def test_slow_and_gone(server, client):
    start, der = time.monotonic(), of_serial(server, 1, nonce=True)
    slow = client(timeout=20)
    slow.send(slow.head("POST", "/ocsp", OCSP | {"Content-Length": str(len(der))}) + der[:20])
    for n in range(30):
        gone = client(source=f"127.0.6.{n + 1}")
        gone.send(gone.head("POST", "/ocsp", OCSP, der) + der)
        gone.close()
    assert slow.is_closed() and 9 < time.monotonic() - start < 14
    assert server.counters()["ocsp.waiting"] == 0
    assert says(server, client().ask("POST", "/ocsp", OCSP, der).body) == "unknown"


# ---- the processes ----

def test_keeper_and_vault_die(server, client):
    """What was signed is still given; everything else is to come back, and soon may."""
    c, known = client(), question(server, "-cert", assigned_file(server.dir))
    want = c.ask("GET", path(known)).body
    for name in ("keeper0", "vault0"):
        fresh, old = of_serial(server, 9, nonce=True), server.processes()[name]
        server.may_die.add(old)
        os.kill(old, signal.SIGSTOP)
        start = time.monotonic()
        assert c.ask("POST", "/ocsp", OCSP, fresh).body == LATER
        assert 4 < time.monotonic() - start < 7, "who does not answer is not waited for"
        assert c.ask("GET", path(known)).body == want
        c.send(c.head("POST", "/ocsp", OCSP, fresh) + fresh)
        time.sleep(0.1)
        os.kill(old, signal.SIGKILL)
        assert c.read("POST").body == LATER, "who waits when it dies is told so"
        server.wait_restarted(name, old)
        wait_for(lambda: c.ask("POST", "/ocsp", OCSP, fresh).body != LATER, 10, step=0.1)
        assert says(server, c.ask("POST", "/ocsp", OCSP, fresh).body) == "unknown"
        # a vault that died may have taken a certificate back and not said so
        assert (c.ask("GET", path(known)).body == want) == (name == "keeper0")
        assert openssl_says(server, "-cert", assigned_file(server.dir))[0] == "good"
    file = issue(server)
    server.cli("revoke-certificate", "--serial", serial_of(file))
    server.restart()
    assert openssl_says(server, "-cert", file)[0] == "revoked", "what was taken back stays so"


def test_revoked_while_it_is_signed(server, client):
    """What was built as good before and comes from keeper afterwards is not told, and not kept."""
    file = issue(server)
    der, c, keeper = question(server, "-cert", file), client(), server.processes()["keeper0"]
    os.kill(keeper, signal.SIGSTOP)
    try:
        c.send(c.head("GET", path(der)))
        wait_for(lambda: server.counters()["ocsp.waiting"] == 1, 3)
        revoking = subprocess.Popen([server.build / "witan", "--dir", server.dir, "revoke-certificate", "--serial", serial_of(file)], stdout=subprocess.DEVNULL)
        time.sleep(0.5)
    finally:
        os.kill(keeper, signal.SIGCONT)
    assert says(server, c.read().body) == "revoked"
    assert revoking.wait(10) == 0
    assert says(server, c.ask("GET", path(der)).body) == "revoked"


def test_revoked_under_load(server):
    """Nobody is told good after the command has ended, whatever was being signed at that moment."""
    certificates, wrong, ends = [issue(server) for _ in range(8)], [], threading.Event()
    questions = [question(server, "-cert", file) for file in certificates]
    revoked = [False] * 8

    def ask(n):
        with PublicClient(server.port_http, source=f"127.0.7.{n + 1}") as c:
            while not ends.is_set():
                was = list(revoked)
                for i in range(8):
                    body = c.ask("POST", "/ocsp", OCSP, questions[i]).body
                    if was[i] and body != LATER and says_revoked.get(body) is None:
                        says_revoked[body] = says(server, body)
                    if was[i] and body != LATER and says_revoked[body] != "revoked":
                        wrong.append((i, says_revoked[body]))

    says_revoked = {}
    threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(4)]
    for t in threads:
        t.start()
    for i, file in enumerate(certificates):
        server.cli("revoke-certificate", "--serial", serial_of(file))
        revoked[i] = True
    time.sleep(0.5)
    ends.set()
    for t in threads:
        t.join(10)
    assert not wrong and says_revoked


def test_no_address_where_nothing_is_served(server_factory):
    server = server_factory(users=(), tcp=False, start=False)
    assert run("openssl", "x509", "-in", assigned_file(server.dir), "-noout", "-ocsp_uri") == b""


# ---- measured ----

@pytest.mark.slow
@pytest.mark.alone
def test_answers_per_second(server):
    der = question(server, "-cert", assigned_file(server.dir))
    clients = [PublicClient(server.port_http, source=f"127.0.8.{n + 1}") for n in range(8)]
    request = clients[0].head("GET", path(der)) * 8
    assert says(server, clients[0].ask("GET", path(der)).body) == "good"
    start, n = time.monotonic(), 0
    while time.monotonic() - start < 3:
        for c in clients:
            c.send(request)
        for c in clients:
            for _ in range(8):
                assert c.read().status == 200
                n += 1
    kept = n / (time.monotonic() - start)
    fresh, later, start = of_serial(server, 3, nonce=True), 0, time.monotonic()
    took = []
    for i in range(200):
        c, at = clients[i % 8], time.monotonic()
        later += c.ask("POST", "/ocsp", OCSP, fresh).body == LATER
        took.append(time.monotonic() - at)
    for c in clients:
        c.close()
    print(f"{kept:.0f} answers a second that were signed before; {1000 * sorted(took)[100]:.2f} ms for a signed one, {later} of 200 later")
    assert kept > 1000 and later < 100
