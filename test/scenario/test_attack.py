# SPDX-License-Identifier: Apache-2.0
"""What comes to an Edge from the Internet besides clients: guessers, floods, scanners, forgers. Honest people go on all the while, and nothing grows."""
import contextlib
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from deployment import Refused, wait_for
from several import DOMAIN
from sip_client import Client, Closed, Silence, Wire
from test_edge import INNER, Outside, client, outside, text_of
from test_several import EDGE, site, up_to_date

pytestmark = pytest.mark.root


def from_(outside, number):
    """An address of the Internet."""
    return f"127.200.{number >> 8}.{number & 255 or 1}"


def knock(outside, source, timeout=5):
    return Wire(outside.host, 443, outside.tls_client(), outside.fqdn, source, timeout)


def guess(outside, user, password, source):
    c = Client(outside, user, password, host=outside.host, connect=False, source=source)
    c.wire = knock(outside, source)
    try:
        return c.register().status
    finally:
        c.close()


def protect(outside, **values):
    s = outside.site
    s.central.set("AttackProtectionConfiguration", **values)
    up_to_date(s, "edge")
    time.sleep(0.2)  # its processes are told in the turn after


def bans(outside):
    return json.loads(outside.site.hosts["edge"].cli("Get-CsBannedAddress", "-As", "json") or "[]")


class Honest:
    """Somebody who signs in and writes to herself, again and again; over a connection that stands, and over new ones."""

    def __init__(self, outside):
        self.outside, self.done, self.failed, self.why, self.stop = outside, 0, 0, [], threading.Event()
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self.stay, self.come_and_go)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        wait_for(lambda: self.done > 4)
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join(20)

    def count(self, what):
        try:
            what()
            self.done += 1
        except (AssertionError, OSError, Closed, Silence) as why:
            self.failed += 1
            self.why.append(repr(why))

    def write(self, one):
        request = one.build("MESSAGE", one.aor, headers=[("Content-Type", "text/plain")], body=b"x")
        one.send(request)
        one.reply(one.expect("MESSAGE", 5), 200)
        assert one.response(request, 5).status == 200

    def stay(self):
        with client(self.outside, "ann", source="127.1.1.1") as ann:
            ann.sign_in()
            while not self.stop.wait(0.02):
                self.count(lambda: self.write(ann))

    def come_and_go(self):
        def once():
            with client(self.outside, "bob", source="127.1.1.2") as bob:
                bob.sign_in()
        while not self.stop.wait(0.1):
            self.count(once)

    def verdict(self):
        assert self.done > 20 and self.failed <= self.done / 100, (self.done, self.failed, self.why[:5])


def memory(outside):
    """Kilobytes that the process of the Edge holds."""
    pid = outside.site.hosts["edge"].processes()["edge0"]
    return int(next(line.split()[1] for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")))


@contextlib.contextmanager
def under_attack(outside):
    """Around an attack: nobody honest fails, no process dies, and the inside hears nothing of it that it need not."""
    edge = outside.site.hosts["edge"]
    before, pids = memory(outside), edge.processes()
    with Honest(outside) as honest:
        yield honest
        wait_for(lambda: honest.done > 30, 30)
    honest.verdict()
    assert edge.processes() == pids
    wait_for(lambda: memory(outside) < before + 16384, 15, 0.2, "the Edge has grown")


def test_one_name_is_guessed_from_many_places(outside):
    """After five wrong passwords the Edge itself says no, to the right one as well; inside the name is not locked, and works."""
    s = outside.site
    protect(outside, MaxFailedSignIns=5)
    assert [guess(outside, "ann", "wrong", from_(outside, n)) for n in range(5)] == [401] * 5
    before = s.central.counters()["sip.requests"]
    assert guess(outside, "ann", s.central.passwords["ann"], from_(outside, 77)) == 403  # the right one as well
    assert s.central.counters()["sip.requests"] - before <= 1  # the request for a challenge alone
    s.hosts["edge"].wait_event("name.locked-out", wanted=lambda e: e["name"] == "ann")
    with Client(s.central, "ann") as ann:
        ann.sign_in()
    assert guess(outside, "bob", s.central.passwords["bob"], from_(outside, 78)) == 200


def test_many_names_are_sprayed_from_one_place(outside):
    """Each name fails once, the address often: it is banned, administrators see it and take it back, and a new process knows of it."""
    edge, bad = outside.site.hosts["edge"], "127.201.1.1"
    protect(outside, MaxFailedPerAddress=8)
    with under_attack(outside):
        for n in range(8):
            assert guess(outside, f"n{n}", "wrong", bad) == 401
        with pytest.raises(OSError):
            knock(outside, bad, 2)
        row, = bans(outside)
        assert row["Identity"] == bad and row["Scope"] == "Address" and 3000 < row["SecondsLeft"] <= 3600
    pid = edge.kill("edge0")
    edge.wait_restarted("edge0", pid)
    with pytest.raises(OSError):
        knock(outside, bad, 2)
    with pytest.raises(Refused):
        edge.cli("Remove-CsBannedAddress", "127.201.1.2", "-Confirm:$false")
    edge.cli("Remove-CsBannedAddress", bad, "-Confirm:$false")
    assert bans(outside) == []

    def is_back():
        try:
            knock(outside, bad, 2).close()
            return True
        except OSError:
            return False
    wait_for(is_back)


def test_scanners_are_known(outside):
    """Requests that no client makes, or a name that scanners give themselves."""
    protect(outside, MaxOffences=5)
    with under_attack(outside):
        for source, texts in (("127.202.1.1", [text_of("OPTIONS")] * 5), ("127.202.1.2", [text_of("REGISTER", more="User-Agent: friendly-scanner\n")] * 5),
                              ("127.202.1.3", [text_of("INVITE", to=f"{n}@elsewhere.test") for n in range(5)])):
            for text in texts:
                w = knock(outside, source)
                w.send(text.replace("\n", "\r\n").encode())
                answer = w.receive(5)
                assert answer.status == 403 and not INNER.search(answer.bytes())
                w.close()
            with pytest.raises(OSError):
                knock(outside, source, 2)
    assert {row["Identity"] for row in bans(outside)} == {"127.202.1.1", "127.202.1.2", "127.202.1.3"}


def test_a_flood_of_connections_from_one_place(outside):
    """More than the limit in a minute are refused before TLS; others notice nothing."""
    protect(outside, MaxConnectionsPerMinute=100)
    with under_attack(outside):
        refused = 0
        for _ in range(300):
            with socket.socket() as sock:
                sock.settimeout(2)
                sock.bind(("127.203.1.1", 0))
                try:
                    sock.connect((outside.host, 443))
                    sock.sendall(b"\x16\x03\x01")
                    sock.settimeout(0.01)
                    refused += sock.recv(1) == b""
                except (TimeoutError, socket.timeout):
                    pass
                except OSError:
                    refused += 1
        assert refused >= 150
    assert outside.site.hosts["edge"].counters()["guard.refused.rate"] >= 150


def test_handshakes_that_do_not_go_on(outside):
    """Slowloris: hundreds of connections with half a handshake, or half a message, a byte now and then."""
    with under_attack(outside):
        held = []
        for n in range(300):
            sock = socket.socket()
            sock.bind((f"127.204.{n % 50}.1", 0))
            sock.connect((outside.host, 443))
            sock.sendall(b"\x16\x03\x01\x02\x00\x01")
            held.append(sock)
        for n in range(40):
            w = knock(outside, f"127.205.{n}.1")
            w.send(b"REGISTER sip:example.test SIP/2.0\r\nVia: ")
            held.append(w.sock)
        for _ in range(20):
            time.sleep(0.1)
            for sock in held[::7]:
                with contextlib.suppress(OSError):
                    sock.send(b"x")
        for sock in held:
            sock.close()


def test_what_is_too_long_or_no_message_at_all(outside):
    with under_attack(outside):
        for n, junk in enumerate((b"\x00" * 4096, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", text_of("REGISTER", more="X: " + "y" * 300000 + "\n").encode(),
                                  text_of("REGISTER").replace("Content-Length: 0", "Content-Length: 99999999").replace("\n", "\r\n").encode(),
                                  text_of("REGISTER", more="".join(f"X{i}: y\n" for i in range(2000))).replace("\n", "\r\n").encode(),
                                  b"REGISTER" * 100000)):
            for k in range(5):
                w = knock(outside, f"127.206.{n}.{k + 1}")
                with contextlib.suppress(OSError, Closed):
                    w.send(junk)
                with contextlib.suppress(Silence, Closed, OSError, ValueError):
                    answer = w.receive(0.5)
                    assert not INNER.search(answer.bytes()), answer
                w.close()


def test_nobody_gets_further_by_a_forged_field(outside):
    """Route, Via, P-Asserted-Identity and what only an Edge may say: without a proof none of them opens anything, and with one he acts as himself alone."""
    s = outside.site
    inner = f"sip:central.{DOMAIN}:{s.central.port_tls};transport=tls;lr"
    mark = f"ms-edge-proxy-message-trust: ms-source-type=InternetUser;ms-source-verified-user=verified;ms-source-access=sip.{DOMAIN};ms-source-address=192.0.2.1;ms-source-port=1\n"
    for n, more in enumerate((f"Route: <{inner}>\n", f"Route: <sip:{s.inside};lr>\n", f"P-Asserted-Identity: <sip:bob@{DOMAIN}>\n", mark, mark * 2,
                              f"Record-Route: <{inner}>\n", f"Path: <{inner}>\nSupported: path\n", "Via: SIP/2.0/TLS central.example.test;branch=z9hG4bKw0\n")):
        w = knock(outside, f"127.207.{n}.1")
        w.send(text_of("REGISTER", to=f"bob@{DOMAIN}", more=more).replace("\n", "\r\n").encode())
        answer = w.receive(5)
        assert answer.status in (400, 401, 403) and answer.status // 100 == 4, answer
        w.close()
    with client(outside, "ann") as ann, Client(s.central, "bob") as bob:
        ann.sign_in()
        bob.sign_in()
        for more in ([("P-Asserted-Identity", f"<sip:eve@{DOMAIN}>")], [("ms-edge-proxy-message-trust", mark.partition(": ")[2].strip())]):
            request = ann.build("MESSAGE", bob.aor, headers=[("Content-Type", "text/plain"), *more], body=b"x")
            ann.send(request)
            got = bob.expect("MESSAGE")
            assert got.get("p-asserted-identity") == f"<{ann.aor}>" and got.get("ms-edge-proxy-message-trust") is None
            bob.reply(got, 200)
            assert ann.response(request).status == 200
        for uri, more in ((f"sip:x@elsewhere.test", []), (bob.aor, [("Route", "<sip:elsewhere.test;lr>")]), (f"sip:bob@central.{DOMAIN}", []), (f"sip:{s.inside}:{s.hosts['edge'].port_tls}", [])):
            request = ann.build("MESSAGE", uri, headers=[("Content-Type", "text/plain"), *more], body=b"x")  # an open relay?
            ann.send(request)
            assert ann.response(request).status in (403, 404, 480, 503)
        request = ann.build("MESSAGE", bob.aor, sender=f"sip:bob@{DOMAIN}", headers=[("Content-Type", "text/plain")], body=b"x")
        ann.send(request)
        assert ann.response(request).status in (403, 407)  # bob has not proven himself here


@pytest.mark.skipif(not shutil.which("svwar") and not shutil.which("sipvicious_svwar"), reason="sipvicious is not installed")
def test_sipvicious(outside):
    """The tools that everybody uses, over TLS by socat: they find no extension, and are banned by the name that they give themselves."""
    protect(outside, MaxOffences=5)
    tool = shutil.which("svwar") or shutil.which("sipvicious_svwar")
    relay = subprocess.Popen(["socat", "UDP4-LISTEN:5060,bind=127.208.1.1,fork,reuseaddr", f"OPENSSL:{outside.host}:443,verify=0,bind=127.208.1.2,commonname={outside.fqdn}"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with under_attack(outside):
            for _ in range(3):  # it gives up at the first answer of this kind
                done = subprocess.run([tool, "--force", "-e100-140", "-m", "REGISTER", "--domain", DOMAIN, "127.208.1.1"], capture_output=True, text=True, timeout=60)
                assert "found nothing" in done.stdout + done.stderr, done.stdout + done.stderr
    finally:
        relay.terminate()
        relay.wait()
    assert any(row["Identity"] == "127.208.1.2" for row in bans(outside))
