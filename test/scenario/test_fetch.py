# SPDX-License-Identifier: Apache-2.0
"""Revocation lists of other authorities: fetched from nginx and from servers that do everything wrong, judged, kept, and obeyed."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from deployment import Refused, free_port, wait_for
from test_check_probe import nginx
from sip_client import Closed
from test_peer_roles import EC, Peer, openssl

ADDRESS = "198.18.0.80"  # for tests of networks (RFC 2544): what is fetched must not come from 127.0.0.1
GATEWAYS = ("pstn-gateways: [{fqdn: gw01.example.test, port: 5067, transport: tls, mediation: uc.example.test}, "
            "{fqdn: gw02.example.test, port: 5067, transport: tls, mediation: uc.example.test}]")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it gives the machine an address for the time of the tests")


@pytest.fixture(scope="module")
def address():
    made = subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], capture_output=True, text=True)
    if made.returncode != 0 and "exists" not in made.stderr:
        pytest.skip(f"no address can be added: {made.stderr.strip()}")
    yield ADDRESS
    if made.returncode == 0:
        subprocess.run(["ip", "address", "delete", f"{ADDRESS}/32", "dev", "lo"], check=True)


class Foreign:
    """An authority elsewhere, run by `openssl ca`."""

    def __init__(self, top, name, cn=None):
        self.top = top / name
        self.top.mkdir()
        (self.top / "index").touch()
        (self.top / "crlnumber").write_text("01\n")
        (self.top / "config").write_text(
            f"[ca]\ndefault_ca=a\n[a]\ndatabase={self.top}/index\ncrlnumber={self.top}/crlnumber\ndefault_md=sha256\nnew_certs_dir={self.top}\npolicy=p\nrand_serial=yes\n"
            f"unique_subject=no\ncertificate={self.top}/ca.pem\nprivate_key={self.top}/ca.key\n[p]\ncommonName=supplied\n[delta]\n2.5.29.27=critical,ASN1:INTEGER:1\n")
        openssl(self.top, "req", "-x509", *EC, "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", f"/CN={cn or name} authority", "-days", "30",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def pem(self):
        return (self.top / "ca.pem").read_text()

    def issue(self, name, *urls):
        """A server's certificate that says where the list is; PEM with its key."""
        base = self.top / name
        openssl(self.top, "req", "-new", *EC, "-nodes", "-keyout", f"{base}.key", "-out", f"{base}.req", "-subj", f"/CN={name}")
        points = "".join(f"crlDistributionPoints={','.join('URI:' + u for u in urls)}\n" if urls else "")
        (self.top / "ext").write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n{points}")
        openssl(self.top, "ca", "-batch", "-notext", "-config", "config", "-in", f"{base}.req", "-extfile", "ext", "-days", "20", "-out", f"{base}.crt")
        both = self.top / f"{name}.both"
        both.write_text((self.top / f"{name}.crt").read_text() + self.pem() + (self.top / f"{name}.key").read_text())
        return both

    def revoke(self, name):
        openssl(self.top, "ca", "-config", "config", "-revoke", f"{name}.crt")

    def list(self, form="DER", seconds=None, more=()):
        times = ["-crlsec", seconds] if seconds else ["-crldays", 7]
        openssl(self.top, "ca", "-config", "config", "-gencrl", *times, *more, "-out", "list.pem")
        openssl(self.top, "crl", "-in", "list.pem", "-outform", form, "-out", "list.crl")
        return (self.top / "list.crl").read_bytes()


class Web:
    """nginx with files; and beside it a server that answers what it is told, byte by byte if need be."""

    def __init__(self, top, address, linger):
        self.files, self.port, self.odd_port = top / "files", free_port(), free_port()
        self.address = address
        self.files.mkdir()
        os.chmod(self.files, 0o755)
        log = top / "access.log"
        site = (f"log_format own '$request_method $uri $status'; server {{ access_log {log} own; listen {address}:{self.port}; root {self.files};\n"
                f"location /moved {{ return 302 /good.crl; }} location /round {{ return 301 /round; }} location /secure {{ return 301 https://{address}/x; }}\n"
                f"location /home {{ return 302 http://127.0.0.1:{self.port}/good.crl; }} location /broken {{ return 503; }} }}")
        self.process = subprocess.Popen([str(w) for w in nginx(top, site)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        linger(self.end)
        self.log, self.odd, self.asked = log, {}, []
        wait_for(lambda: self.takes(), message="nginx does not listen")
        self.listener = socket.create_server((address, self.odd_port))
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def takes(self):
        try:
            socket.create_connection((self.address, self.port), 1).close()
            return True
        except OSError:
            return False

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(sock,), daemon=True).start()

    def answer(self, sock):
        request = sock.recv(4096).decode()  # one write, so it comes at once
        path = request.split()[1] if request else ""
        self.asked.append(request)
        try:
            for piece in self.odd.get(path, [b"HTTP/1.1 404 Not Found\r\n\r\n"]):
                if isinstance(piece, bytes):
                    sock.sendall(piece)
                else:
                    time.sleep(piece)
        except OSError:
            pass
        sock.close()

    def url(self, path):
        return f"http://{self.address}:{self.port}/{path}"

    def odd_url(self, path):
        return f"http://{self.address}:{self.odd_port}/{path}"

    def put(self, name, content):
        fresh = self.files / f".{name}"
        fresh.write_bytes(content)
        fresh.chmod(0o644)
        fresh.rename(self.files / name)

    def end(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if hasattr(self, "listener"):
            self.listener.shutdown(socket.SHUT_RDWR)  # else the thread would go on to wait, and might answer at the next test's listener
            self.thread.join(5)
            self.listener.close()


@pytest.fixture
def web(tmp_path, address, linger):
    os.chmod(tmp_path, 0o755)
    return Web(tmp_path, address, linger)


def refresh(server, seconds, **more):
    path = server.dir / "topology.yaml"
    text = path.read_text()
    more = "".join(f", {k}: {v}" for k, v in {"crl-refresh": seconds, **more}.items())
    path.write_text(re.sub(r"certificates: \{(key: [^,}]*)[^}]*\}", rf"certificates: {{\1{more}}}", text))


def trust(server, *authorities):
    path = server.dir / "ca.pem"
    path.write_text(path.read_text() + "".join(a.pem() for a in authorities))


def keep(server, *files):
    """Certificates of others, in the store of the machine: they name the lists."""
    for file in files:
        chain = file.read_text().split("-----BEGIN PRIVATE KEY")[0]
        der = openssl(file.parent, "x509", "-in", file, "-noout", "-fingerprint", "-sha1").split("=")[1].strip().replace(":", "")
        (server.dir / "certs" / f"{der}.pem").write_text(chain)


def fetched(server):
    return sorted(p.name for p in (server.dir / "certs").glob("fetched-*.crl"))


def test_a_list_is_fetched_kept_and_obeyed(server_factory, web, tmp_path):
    """A certificate of a foreign authority is revoked there: its connection ends after the next fetch."""
    ca = Foreign(tmp_path, "Elsewhere")
    server = server_factory(start=False, site=GATEWAYS, pool="collocated: [mediation]")
    bad, good = (ca.issue(name, "ldap:///CN=x", web.url("good.crl")) for name in ("gw01.example.test", "gw02.example.test"))
    web.put("good.crl", ca.list())
    trust(server, ca)
    keep(server, good)
    refresh(server, 1, revocation="hard")
    server.start()
    event = server.wait_event("list.fetched", 10)
    assert event["url"] == web.url("good.crl") and event["issuer"] == "CN=Elsewhere authority" and event["entries"] == 0 and event["again_seconds"] == 1
    file, = fetched(server)
    assert file == event["file"] and (server.dir / "certs" / file).read_bytes() == (web.files / "good.crl").read_bytes()
    one, other = wait_for(lambda: (Peer(server, bad), Peer(server, good)))
    assert one.ask() not in (401, 407) and other.ask() not in (401, 407), "hard, and the list is there"
    before = (server.dir / "certs" / file).stat().st_mtime_ns
    wait_for(lambda: web.log.read_text().count("GET /good.crl 200") >= 4, 10)
    assert (server.dir / "certs" / file).stat().st_mtime_ns == before, "the same list is not written again"
    ca.revoke("gw01.example.test")
    web.put("good.crl", ca.list("PEM"))
    one.wait_closed(8)
    assert server.wait_event("peer.revoked")["why"] and other.ask() not in (401, 407), "nobody else is touched"
    status = server.cli("status")
    assert re.search(rf"RevocationList +{re.escape(web.url('good.crl'))} +ok +6 +valid, 0 hours old, 1 entries", status), status
    assert re.search(r"Process +fetch +ok", status)
    assert server.counters()["fetch.lists"] == 2 and server.counters()["fetch.refused"] == 0


def test_a_fetcher_that_is_killed_comes_back(server_factory, web, tmp_path):
    ca = Foreign(tmp_path, "Elsewhere")
    server = server_factory(start=False)
    web.odd["/silent.crl"] = [30]
    web.put("good.crl", ca.list())
    trust(server, ca)
    keep(server, ca.issue("a.example.test", web.url("good.crl")), ca.issue("b.example.test", web.odd_url("silent.crl")))
    refresh(server, 2)
    server.start()
    server.wait_event("list.fetched", 10)
    wait_for(lambda: any("silent" in r for r in web.asked))
    old = server.kill("fetch0")
    event = server.wait_event("list.failed", 5)
    assert "ended meanwhile" in event["why"] and event["url"] == web.odd_url("silent.crl") and event["kept"] == "none"
    server.wait_restarted("fetch0", old)
    n = web.log.read_text().count("/good.crl")
    wait_for(lambda: web.log.read_text().count("/good.crl") > n, 10, message="the new one fetches nothing")
    assert len(fetched(server)) == 1 and server.counters()["process.restarts"] == 1


FAULTS = {
    "gone.crl": "404 Not Found", "broken": "503", "round": "redirects more than 3 times", "secure": "only http:// is fetched", "home": "address of this machine itself",
    "!silent": "says nothing for 10 seconds", "!cut": "ended before", "!huge": "longer than", "!long": "longer than", "!ssh": "no answer of HTTP", "!gzip": "not asked for",
    "!closed": "ended before", "text.crl": "not a revocation list", "stranger.crl": "no authority that is trusted here has signed it", "other.crl": "it is the list of CN=Other",
    "delta.crl": "delta list", "ended.crl": "has ended", "empty.crl": "not a revocation list",
}


def test_what_goes_wrong_is_told_and_harms_nothing(server_factory, web, tmp_path):
    ca, other, stranger = (Foreign(tmp_path, name) for name in ("Elsewhere", "Other", "Stranger"))
    server = server_factory(start=False)
    web.put("good.crl", ca.list())
    web.put("text.crl", b"<html>hello</html>")
    web.put("empty.crl", b"")
    web.put("stranger.crl", stranger.list())
    web.put("other.crl", other.list())
    web.put("delta.crl", ca.list(more=["-crlexts", "delta"]))
    web.put("ended.crl", ca.list(seconds=1))
    head = b"HTTP/1.1 200 OK\r\n"
    web.odd.update({"/silent": [30], "/cut": [head + b"Content-Length: 500\r\n\r\n0"], "/huge": [head + b"Content-Length: 99999999\r\n\r\n", 1],
                    "/long": [head + b"\r\n"] + [b"0" * 65536] * 40, "/ssh": [b"SSH-2.0-OpenSSH\r\n\r\n"], "/gzip": [head + b"Content-Encoding: gzip\r\n\r\nx"], "/closed": []})
    want = {(web.odd_url(k[1:]) if k[0] == "!" else web.url(k)): v for k, v in FAULTS.items()}
    want |= {"http://nowhere.invalid/x.crl": "", "http://127.0.0.1:1/x.crl": "address of this machine itself", "http://[::1]:1/x.crl": "address of this machine itself",
             "http://169.254.169.254/latest": "link-local", f"http://{web.address}:1/x.crl": "takes no connection"}
    files = [ca.issue(f"h{i}.example.test", url) for i, url in enumerate(want)]
    trust(server, ca, other)
    keep(server, *files, ca.issue("good.example.test", web.url("moved")), ca.issue("ldap.example.test", "ldap:///CN=x?certificateRevocationList"))
    server.start()
    skipped = server.wait_event("list.skipped", 10)
    assert "ldap.example.test" in skipped["certificate"] and "certs/NAME.crl" in skipped["remedy"]
    assert server.wait_event("list.fetched", 40)["url"] == web.url("moved"), "a redirect is followed"

    def failures():
        return {e["url"]: e for e in reversed(server.events) if e.get("event") == "list.failed"}  # the first of each
    wait_for(lambda: set(want) <= set(failures()), 80, 0.2, "not everything that fails is told")
    for url, why in want.items():
        event = failures()[url]
        assert why in event["why"] and event["remedy"] and 45 <= event["again_seconds"] <= 75, (url, event, web.asked)
    assert failures().keys() == want.keys()
    # only what is good is kept, and the one that has ended, which is better than nothing
    assert len(fetched(server)) == 2
    assert not any(e.get("event") == "process.died" for e in server.events)
    with pytest.raises(Refused) as bad:
        server.cli("status")
    assert re.search(rf"RevocationList +{re.escape(web.url('gone.crl'))} +.*not fetched yet; failed since: \d, the last time because: the server answers 404 Not Found", bad.value.stdout)
    counters = server.counters()
    assert counters["fetch.refused"] == 5 and counters["fetch.lists"] == 2 and counters["fetch.failed"] == len(want) - 6


def test_slow(server_factory, web, tmp_path):
    """A byte now and then is no answer either."""
    ca = Foreign(tmp_path, "Elsewhere")
    server = server_factory(start=False)
    web.odd["/slow"] = [b"HTTP/1.1 200 OK\r\n\r\n"] + [b"0", 5] * 20
    trust(server, ca)
    keep(server, ca.issue("a.example.test", web.odd_url("slow")))
    server.start()
    assert "longer than 60 seconds" in server.wait_event("list.failed", 75)["why"]


def test_an_older_list_does_not_take_the_place_of_a_newer_one(server_factory, web, tmp_path):
    ca = Foreign(tmp_path, "Elsewhere")
    server = server_factory(start=False)
    ca.issue("bad.example.test")
    old = ca.list()
    ca.revoke("bad.example.test")
    new = ca.list()
    web.put("good.crl", new)
    trust(server, ca)
    keep(server, ca.issue("a.example.test", web.url("good.crl")))
    (server.dir / "certs" / "mine.crl").write_bytes(old)
    refresh(server, 1)
    server.start()
    server.wait_event("list.fetched", 10)
    web.put("good.crl", old)
    event = server.wait_event("list.failed", 10)
    assert "older than the one that is kept" in event["why"] and event["kept"] == "valid"
    file, = fetched(server)
    assert (server.dir / "certs" / file).read_bytes() == new and (server.dir / "certs" / "mine.crl").read_bytes() == old
    assert re.search(r"RevocationList +http\S+ +ok +6 +valid, 0 hours old, 1 entries; failed since: \d+, the last time because: the list is older", server.cli("status"))
    web.put("good.crl", ca.list())
    server.wait_event("list.fetched", 10, since=len(server.events))


def test_nothing_to_fetch(server_factory, web, tmp_path):
    """Without such certificates there is no such process; nor where it is not wanted."""
    ca = Foreign(tmp_path, "Elsewhere")
    server = server_factory()
    assert "fetch" not in server.cli("status") and not any(e.get("role") == "fetch" for e in server.events)
    web.put("good.crl", ca.list())
    trust(server, ca)
    keep(server, ca.issue("a.example.test", web.url("good.crl")))
    refresh(server, 0)
    server.stop()
    server.start()
    assert not any(e.get("role") == "fetch" for e in server.events)
    refresh(server, 60)
    server.process.send_signal(signal.SIGHUP)
    server.wait_event("list.fetched", 10)
    (file,) = fetched(server)
    refresh(server, 0)
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: any(e.get("event") == "process.stopped" and e.get("role") == "fetch" for e in server.events), 10)
    assert fetched(server) == [file], "a list that is good goes on to count"


def is_refused(server, file):
    try:
        return Peer(server, file).ask() in (401, 407)
    except (OSError, Closed):
        return True


def test_what_a_peer_shows_says_where_the_list_is(server_factory, web, tmp_path):
    """No certificate here names the list of an authority that is trusted: the first peer that comes does. Hard: it is refused until the list is there."""
    ca, stranger = Foreign(tmp_path, "Elsewhere"), Foreign(tmp_path, "Namesake", "Elsewhere")
    server = server_factory(start=False, site=GATEWAYS, pool="collocated: [mediation]")
    bad, good = (ca.issue(name, web.url("good.crl")) for name in ("gw01.example.test", "gw02.example.test"))
    forged = stranger.issue("gw01.example.test", web.url("forged.crl"))
    for name in ("good.crl", "forged.crl"):
        web.put(name, ca.list())
    trust(server, ca)
    refresh(server, 1, revocation="hard")
    server.start()
    assert not any(e.get("role") == "fetch" for e in server.events)
    assert is_refused(server, forged) and is_refused(server, bad)
    event = server.wait_event("list.fetched", 10)
    assert event["url"] == web.url("good.crl")
    assert (server.dir / "certs" / "fetched").read_text() == f"{web.url('good.crl')} CN=Elsewhere authority\n"
    wait_for(lambda: not is_refused(server, bad), 5, 0.2, "the list is there, and the peer is refused")
    one, other = Peer(server, bad), Peer(server, good)
    assert one.ask() not in (401, 407) and other.ask() not in (401, 407)
    ca.revoke("gw01.example.test")
    web.put("good.crl", ca.list())
    one.wait_closed(8)
    assert other.ask() not in (401, 407) and is_refused(server, bad)
    assert "forged" not in web.log.read_text(), "whoever is not trusted names nothing"
    # it outlives a restart, in which nobody connects
    server.stop()
    n = web.log.read_text().count("/good.crl")
    server.start()
    wait_for(lambda: web.log.read_text().count("/good.crl") > n, 10, message="the list of the peer is forgotten")
