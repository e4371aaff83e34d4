# SPDX-License-Identifier: Apache-2.0
"""Revocation lists and certificates of issuers over plain HTTP: what every peer fetches by the URL in a certificate, and nothing else."""
import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import pytest

from deployment import assigned_file, BUILD, Deployment, free_port, wait_for
from web_client import Closed, WebClient

ANN = "sip:ann@example.test"
NONE = b"There is nothing at this address.\n"


class PublicClient(WebClient):
    """The same without TLS, from any address of this machine."""

    def __init__(self, port, source="127.0.0.1", timeout=10, receive_buffer=None):
        self.host, self.port, self.buffer = "localhost", port, b""
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))


@pytest.fixture
def server(server_factory):
    """Its name is one that every program resolves."""
    return server_factory(users=("ann",), http=True, fqdn="localhost", tcp=False)


@pytest.fixture
def client(server):
    made = []

    def make(**more):
        made.append(PublicClient(server.port_http, **more))
        return made[-1]

    yield make
    for c in made:
        c.close()


def run(*words, status=0, **more):
    done = subprocess.run([*map(str, words)], capture_output=True, timeout=30, **more)
    assert status is None or done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def issue(server, name="ann"):
    out = server.top / f"{name}-{os.urandom(4).hex()}.pem"
    server.cli("issue-certificate", "--user", f"sip:{name}@example.test", "--out", out, "--pem")
    return out


def serial_of(file):
    return run("openssl", "x509", "-in", file, "-noout", "-serial").decode().strip().partition("=")[2]


def url_of(file):
    return re.search(r"URI:(http://\S+)", run("openssl", "x509", "-in", file, "-noout", "-text").decode()).group(1)


def fetch(server, path="/witan.crl"):
    with urllib.request.urlopen(f"http://localhost:{server.port_http}{path}", timeout=10) as answer:
        return answer.read()


# ---- what there is, and real peers ----

def test_curl_and_openssl_read_the_list(server):
    file = server.top / "got.crl"
    url = url_of(assigned_file(server.dir))
    assert url == f"http://localhost:{server.port_http}/witan.crl", "the certificate says where the list is served"
    fields = run("curl", "-sS", "-f", "-D", "-", "-o", file, url).decode()
    assert file.read_bytes() == (server.dir / "certs/witan.crl").read_bytes()
    assert "Content-Type: application/pkix-crl\r\n" in fields
    text = run("openssl", "crl", "-inform", "DER", "-in", file, "-noout", "-text", "-CAfile", server.dir / "certs/issuing.pem").decode()
    assert "verify OK" in text
    got = run("curl", "-sS", "-f", f"http://localhost:{server.port_http}/ca.crt")
    assert got == run("openssl", "x509", "-in", server.dir / "ca.pem", "-outform", "DER")


def test_what_a_peer_fetches_by_the_certificate_decides(server):
    """openssl verify finds the list by the URL in the certificate."""
    good, bad = issue(server), issue(server)
    verify = ("openssl", "verify", "-crl_check", "-crl_download", "-CAfile", server.dir / "ca.pem", "-untrusted", server.dir / "certs/issuing.pem")
    for file in (assigned_file(server.dir), good, bad):
        assert b": OK" in run(*verify, file)
    server.cli("revoke-certificate", "--serial", serial_of(bad), "--reason", "keyCompromise")
    start = time.monotonic()
    wait_for(lambda: b"certificate revoked" in run(*verify, bad, status=None), 5)
    assert time.monotonic() - start < 2
    assert b": OK" in run(*verify, good)


def test_a_new_list_is_served_at_once(server):
    before, file = fetch(server), issue(server)
    server.cli("revoke-certificate", "--serial", serial_of(file))
    start = time.monotonic()
    wait_for(lambda: fetch(server) != before, 5)
    assert time.monotonic() - start < 2
    assert fetch(server) == (server.dir / "certs/witan.crl").read_bytes()
    assert serial_of(file) in run("openssl", "crl", "-inform", "DER", "-noout", "-text", input=fetch(server)).decode()


def test_gnutls_and_curl_use_the_list(server_factory):
    server = server_factory(users=("ann",), http=True, web=True, fqdn="localhost", tcp=False)
    bad = issue(server)
    server.cli("revoke-certificate", "--serial", serial_of(bad))
    wait_for(lambda: serial_of(bad).lower() in run("certtool", "--crl-info", "--inder", input=fetch(server)).decode(), 5)
    listed = server.top / "list.pem"
    listed.write_bytes(run("openssl", "crl", "-inform", "DER", input=fetch(server)))
    assert b"Verified" in run("certtool", "--verify-crl", "--load-ca-certificate", server.dir / "certs/issuing.pem", "--infile", listed)
    verify = ("certtool", "--verify", "--load-ca-certificate", server.dir / "ca.pem", "--load-crl", listed, "--infile")
    whole = server.top / "whole.pem"
    whole.write_bytes(bad.read_bytes() + (server.dir / "certs/issuing.pem").read_bytes())
    assert b"revoked" in run(*verify, whole, status=1)
    assert b"Chain verification output: Verified" in run(*verify, assigned_file(server.dir))
    with open(listed, "ab") as both:  # curl asks for a list of each issuer
        both.write(run("openssl", "crl", "-inform", "DER", input=fetch(server, "/root.crl")))
    curl = ("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", server.dir / "ca.pem", "--crlfile", listed)
    assert run(*curl, f"https://localhost:{server.port_web}/healthz") == b"204"


def test_fields_of_an_answer(server, client):
    c = client()
    for path, kind in (("/witan.crl", "crl"), ("/ca.crt", "cert")):
        answer = c.ask("GET", path)
        assert answer.status == 200 and answer["Content-Type"] == f"application/pkix-{kind}"
        assert answer["Cache-Control"] == "public, max-age=300, must-revalidate" and answer["X-Content-Type-Options"] == "nosniff"
        assert re.fullmatch(r'"[0-9a-f]{32}"', answer["ETag"]) and answer["Strict-Transport-Security"] is None and answer["Connection"] is None
        seconds = [time.mktime(time.strptime(answer[name], "%a, %d %b %Y %H:%M:%S GMT")) for name in ("Last-Modified", "Date", "Expires")]
        assert seconds[0] < seconds[1] and seconds[2] == seconds[1] + 300
        head = c.ask("HEAD", path)
        assert head.status == 200 and head.body == b"" and [f for f in head.fields if f[0] not in ("Date", "Expires")] == [
            f for f in answer.fields if f[0] not in ("Date", "Expires")]
    listed = run("openssl", "crl", "-inform", "DER", "-noout", "-lastupdate", input=fetch(server)).decode().strip().partition("=")[2]
    assert time.strptime(c.ask("GET", "/witan.crl")["Last-Modified"], "%a, %d %b %Y %H:%M:%S GMT")[:6] == time.strptime(listed, "%b %d %H:%M:%S %Y GMT")[:6]


def test_conditions(server, client):
    c, file = client(), issue(server)
    first = c.ask("GET", "/witan.crl")
    known = [{"If-None-Match": first["ETag"]}, {"If-None-Match": f'"x", W/{first["ETag"]}'}, {"If-None-Match": "*"}, {"If-Modified-Since": first["Last-Modified"]}]
    for fields in known:
        answer = c.ask("GET", "/witan.crl", fields)
        assert answer.status == 304 and answer["ETag"] == first["ETag"] and answer["Expires"] and answer["Content-Length"] is None
        assert c.ask("HEAD", "/witan.crl", fields).status == 304
    for fields in ({"If-None-Match": '"x"'}, {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}, {"If-Modified-Since": "now"}):
        assert c.ask("GET", "/witan.crl", fields).status == 200
    server.cli("revoke-certificate", "--serial", serial_of(file))
    wait_for(lambda: c.ask("GET", "/witan.crl", known[0]).status == 200, 5)
    for fields in known[1:2] + known[3:]:
        answer = c.ask("GET", "/witan.crl", fields)
        assert answer.status == 200 and answer["ETag"] != first["ETag"], fields


def test_files_that_come_go_and_break(server, client):
    """Lists and certificates of an authority in two steps are served as soon as they are there; a file that is half written changes nothing."""
    c, certs = client(), server.dir / "certs"
    assert c.ask("GET", "/issuing.crt").body == run("openssl", "x509", "-in", certs / "issuing.pem", "-outform", "DER")
    whole = (certs / "root.crl").read_bytes()
    assert c.ask("GET", "/root.crl").body == whole and whole != fetch(server)
    (certs / "root.crl").write_bytes(whole[:50])
    os.kill(server.process.pid, signal.SIGHUP)
    event = server.wait_event("publish.failed")
    assert event["where"] == "root.crl" and event["remedy"] and "DER" in event["why"]
    assert c.ask("GET", "/root.crl").body == whole
    (certs / "root.crl").unlink()
    os.kill(server.process.pid, signal.SIGHUP)
    wait_for(lambda: c.ask("GET", "/root.crl").status == 404, 5)
    (certs / "root.crl").write_bytes(whole)
    os.kill(server.process.pid, signal.SIGHUP)
    wait_for(lambda: c.ask("GET", "/root.crl").body == whole, 5)


# ---- nothing else ----

def test_nothing_else_is_at_this_port(server, client):
    c = client()
    for method, path in (("GET", "/"), ("GET", "/healthz"), ("GET", "/api/v1/openapi.json"), ("GET", "/api/v1/session"), ("POST", "/api/v1/session"),
                         ("POST", "/api/v1/cmdlets/Get-CsUser"), ("GET", "/witan.crl/"), ("GET", "//witan.crl"), ("GET", "/certs/witan.crl"), ("GET", "/../ca.pem"),
                         ("GET", "/%2e%2e/topology.yaml"), ("GET", "/WITAN.CRL"), ("OPTIONS", "*")):
        answer = c.ask(method, path, {"Content-Length": "0"} if method == "POST" else {})
        assert (answer.status, answer.body, answer["Content-Type"]) == (404, NONE, "text/plain; charset=utf-8"), (method, path)
        assert answer["Cache-Control"] == "no-store" and answer["Server"] is None and answer["Set-Cookie"] is None
    assert c.ask("HEAD", "/healthz").body == b""
    assert server.wait_event("web.public")["status"] == 404 and not server.log("web.request")


def test_methods_and_bodies(server, client):
    c = client()
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
        answer = c.ask(method, "/witan.crl", {"Content-Length": "0"})
        assert (answer.status, answer["Allow"], answer["Connection"]) == (405, "GET, HEAD", None), method
    answer = c.ask("POST", "/witan.crl", {"Content-Length": "500000"})
    assert answer.status == 405 and answer["Connection"] == "close" and c.is_closed(), "the body is not waited for"
    c = client()
    assert c.ask("GET", "/witan.crl", {}, b"{}").status == 413
    assert c.ask("GET", "/witan.crl").status == 200, "a body that is there is passed over"
    for head, status in (("POST /api/v1/session HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n", 413),
                         ("GET /witan.crl HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 501), ("GET /witan.crl HTTP/1.1\r\n\r\n", 400),
                         ("GET /witan.crl HTTP/2.0\r\nHost: h\r\n\r\n", 505), ("GET /witan.crl\r\n\r\n", 400), ("\x16\x03\x01\x02\n\n", 400),
                         (f"GET /{'x' * 5000} HTTP/1.1\r\nHost: h\r\n\r\n", 414), (f"GET / HTTP/1.1\r\nHost: h\r\nX: {'x' * 17000}\r\n\r\n", 431),
                         ("GET / HTTP/1.1\r\nHost: h\r\n" + "X: y\r\n" * 70 + "\r\n", 431)):
        c = client()
        c.send(head)
        answer = c.read()
        assert answer.status == status and answer["Content-Type"].startswith("text/plain") and c.is_closed(), head[:60]


def test_old_clients(server, client):
    """Fetchers of lists are old: HTTP/1.0 without Host, a proxy's way of asking, several requests in one packet."""
    want = (server.dir / "certs/witan.crl").read_bytes()
    for head in ("GET /witan.crl HTTP/1.0\r\n\r\n", f"GET http://localhost:{server.port_http}/witan.crl HTTP/1.0\r\n\r\n",
                 "GET /witan.crl HTTP/1.0\r\nPragma: no-cache\r\nUser-Agent: Old/1\r\n\r\n", "GET /witan.crl?sn=1 HTTP/1.0\r\n\r\n"):
        c = client()
        c.send(head)
        answer = c.read()
        assert answer.status == 200 and answer.body == want and answer["Connection"] == "close" and answer["Content-Length"] == str(len(want)) and c.is_closed()
    c = client()
    c.send("GET HTTP://elsewhere:1/witan.crl HTTP/1.1\r\nHost: h\r\n\r\nHEAD /ca.crt HTTP/1.1\r\nHost: h\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n")
    assert c.read().body == want and c.read("HEAD").status == 200 and c.read().status == 404
    python = http.client.HTTPConnection("localhost", server.port_http, timeout=10)
    for _ in range(3):
        python.request("GET", "/witan.crl")
        assert python.getresponse().read() == want
    python.close()
    assert run("curl", "-sS", "-0", "-f", f"http://localhost:{server.port_http}/witan.crl") == want


# ---- limits ----

def test_many_connections(server, client):
    """More than there may be: the oldest gives way, and who asks is answered. One address has its share only."""
    ours = [client(source=f"127.0.1.{n // 32}") for n in range(256)]
    assert all(c.ask("HEAD", "/witan.crl").status == 200 for c in ours)
    late = [client(source="127.0.2.1") for _ in range(10)]
    assert all(c.ask("GET", "/witan.crl").status == 200 for c in late)
    assert sum(c.is_closed() for c in ours[:10]) == 10
    assert ours[10].ask("HEAD", "/witan.crl").status == 200
    greedy = [client(source="127.0.2.1") for _ in range(40)]
    with pytest.raises((Closed, ConnectionError)):
        greedy[-1].ask("GET", "/witan.crl")
    assert server.counters()["connections.refused.address"] == 50 - 32
    assert ours[60].ask("HEAD", "/witan.crl").status == 200


def test_a_flood_here_does_not_shut_out_administrators(server_factory):
    server = server_factory(users=("ann",), http=True, web=True, fqdn="localhost", tcp=False)
    public = [PublicClient(server.port_http) for _ in range(32)]
    over = PublicClient(server.port_http)
    assert over.is_closed(), "one address has 32"
    with WebClient(server.port_web, server.dir / "ca.pem", host="localhost") as c:
        assert c.ask("GET", "/healthz").status == 204
        assert c.ask("GET", "/witan.crl").status == 404, "lists are at the other port"
        assert public[0].ask("GET", "/witan.crl").status == 200
    for c in public + [over]:
        c.close()


@pytest.mark.slow
def test_slow_clients(server, client):
    start = time.monotonic()
    silent, slow, busy, idle = (client(timeout=20) for _ in range(4))
    slow.send("GET /witan.crl HTT")
    busy.send("GET /witan.crl HTTP/1.1\r\nHost: h\r\n")
    assert idle.ask("GET", "/witan.crl").status == 200

    def trickle():
        try:
            for i in range(60):
                busy.send(f"X{i}: y\r\n")
                time.sleep(0.5)
        except OSError:
            pass

    threading.Thread(target=trickle, daemon=True).start()
    for c in (silent, slow, busy, idle):
        assert c.is_closed()
        assert 9 < time.monotonic() - start < 14
    assert server.counters()["connections.closed.slow"] == 3
    assert client().ask("GET", "/witan.crl").status == 200


def long_list(folder, n):
    """A list of n certificates, of an authority of its own."""
    (folder / "index").write_text("".join(f"R\t400101000000Z\t260101000000Z\t7F{i:030X}\tunknown\t/CN={i}\n" for i in range(n)))
    (folder / "index.attr").touch()
    (folder / "number").write_text("01\n")
    (folder / "ca.cnf").write_text(f"[ca]\ndefault_ca = a\n[a]\ndatabase = {folder}/index\ncrlnumber = {folder}/number\ndefault_md = sha256\ndefault_crl_days = 30\n")
    if not (folder / "key").exists():
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key", "-out", folder / "ca", "-subj", "/CN=Root")
    run("openssl", "ca", "-config", folder / "ca.cnf", "-gencrl", "-keyfile", folder / "key", "-cert", folder / "ca", "-out", folder / "pem")
    return run("openssl", "crl", "-in", folder / "pem", "-outform", "DER")


def test_a_long_list_replaced_under_slow_readers(server, client, tmp_path):
    """Who has begun to read gets all of what he began with."""
    lists = [long_list(tmp_path, n) for n in (15000, 15001)]
    assert 500000 < len(lists[0]) != len(lists[1])
    for n, der in enumerate(lists):
        (server.dir / "certs/new").write_bytes(der)
        (server.dir / "certs/new").rename(server.dir / "certs/root.crl")
        os.kill(server.process.pid, signal.SIGHUP)
        wait_for(lambda: client().ask("HEAD", "/root.crl")["Content-Length"] == str(len(der)), 10)
        if n == 0:
            readers = [client(receive_buffer=2048) for _ in range(4)]
            for c in readers:
                c.send(c.head("GET", "/root.crl") * 25)
            time.sleep(0.3)
    for c in readers:
        got = [c.read().body for _ in range(25)]
        assert got[0] == lists[0] and got[-1] == lists[1] and all(body in lists for body in got)
        assert got == sorted(got, key=lambda body: body != lists[0])


def test_a_list_that_is_too_long(server, client, tmp_path):
    """It is not served, and the log says so; what was served before stays, and nothing else is harmed."""
    before = fetch(server, "/root.crl")
    (server.dir / "certs/root.crl").write_bytes(long_list(tmp_path, 32000))
    os.kill(server.process.pid, signal.SIGHUP)
    event = server.wait_event("publish.failed")
    assert event["where"] == "root.crl" and "larger" in event["why"]
    assert client().ask("GET", "/root.crl").body == before and client().ask("GET", "/witan.crl").status == 200


# ---- the processes ----

def test_web_dies_and_comes_back(server):
    want, old = fetch(server), server.kill("web0")
    server.wait_restarted("web0", old)
    assert fetch(server) == want, "who asks meanwhile waits and is answered"
    old = server.kill("vault0")
    assert fetch(server) == want, "the list is there without vault"
    server.wait_restarted("vault0", old)
    server.cli("revoke-certificate", "--serial", serial_of(issue(server)))
    wait_for(lambda: fetch(server) != want, 5)


def test_stop_and_start(server):
    want = fetch(server)
    assert "web" in server.cli("Get-CsWindowsService")
    server.cli("Stop-CsWindowsService", "-Name", "web")
    wait_for(lambda: "web0" not in server.processes(), 10)
    server.cli("Start-CsWindowsService", "-Name", "web")
    wait_for(lambda: "web0" in server.processes(), 10)
    assert fetch(server) == want


def test_no_port_no_process(server_factory):
    server = server_factory(users=(), tcp=False)
    assert "web0" not in server.processes() and not [e for e in server.log("listener.opened") if "http" in e["transport"]]
    ready, = server.log("server.ready")
    assert "http" not in ready and "external-http" not in ready


def test_all_ports(server_factory):
    server = server_factory(users=(), http=True, https=True, fqdn="localhost", tcp=False)
    ports = {"http": server.port_http, "https": server.port_https, "external-http": server.port_external_http, "external-https": server.port_external_https}
    for name in ("http", "external-http"):
        with PublicClient(ports[name]) as c:
            assert c.ask("GET", "/witan.crl").body == (server.dir / "certs/witan.crl").read_bytes()
    ready, = server.log("server.ready")
    assert {name: ready[name] for name in ports} == ports
    shown, status = server.cli("Get-CsService", "-WebServer"), server.cli("status")
    for row, name in (("PrimaryHttpPort", "http"), ("PrimaryHttpsPort", "https"), ("ExternalHttpPort", "external-http"), ("ExternalHttpsPort", "external-https")):
        assert re.search(rf"^{row}\s*: {ports[name]}$", shown, re.M), shown
    for row, name in (("HTTP", "http"), ("HTTPS", "https"), ("external HTTP", "external-http"), ("external HTTPS", "external-https")):
        assert re.search(rf"Listener +{row} {ports[name]}/tcp +ok +open", status), status


def test_check_names_a_port_that_is_taken(server_factory):
    server = server_factory(users=(), start=False, http=True, tcp=False)
    with socket.create_server(("0.0.0.0", server.port_http)):
        text = run(BUILD / "witand", "--dir", server.dir, "--check", status=1).decode()
    assert f"*:{server.port_http}" in text and "remedy" in text
    run(BUILD / "witand", "--dir", server.dir, "--check")
