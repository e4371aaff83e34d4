# SPDX-License-Identifier: Apache-2.0
"""Other servers that connect: which of them is believed, by name, role and certificate; and what revoking one of them does."""
import itertools
import ssl
import subprocess
import time

import pytest

from deployment import authority_files, wait_for
from sip_client import Closed, Message, Wire, token

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
NUMBER = itertools.count(1)
POOLS = ["{pool: dirpool.example.test, role: director, servers: [dir01.example.test], web: {external: dirweb.example.test}}",
         "{pool: medpool.example.test, role: mediation, servers: [med01.example.test]}",
         "{pool: chat.example.test, role: persistent-chat, servers: [chat01.example.test]}",
         "{pool: app.example.test, role: trusted-application, servers: [app01.example.test]}",
         "{pool: edge.example.test, role: edge, servers: [edge01.example.test], next-hop: uc.example.test, "
         "external: {access: access.example.test, web-conferencing: webcon.example.test, av: av.example.test}}"]
SITE = ("pstn-gateways: [{fqdn: gw01.example.test, port: 5067, transport: tls, mediation: uc.example.test}, "
        "{fqdn: gw02.example.test, port: 5067, transport: tls, mediation: medpool.example.test}], "
        "reverse-proxies: [{fqdn: rp.example.test, publishes: [uc.example.test]}]")


@pytest.fixture
def site(server_factory):
    def make(**more):
        return server_factory(pool="collocated: [mediation]", site=SITE, more_pools=POOLS, web_names=True, **more)
    return make


def openssl(top, *words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, cwd=top, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def certificate(server, name, san=True, eku="serverAuth", foreign=False, days=30, key=EC):
    """PEM with the key, of the deployment's authority or of one that nobody trusts."""
    top = server.top / f"peer{next(NUMBER)}"
    top.mkdir()
    ca, ca_key = authority_files(server.dir)
    if foreign:
        ca, ca_key = top / "ca.pem", top / "ca.key"
        openssl(top, "req", "-x509", *EC, "-nodes", "-keyout", ca_key, "-out", ca, "-subj", "/CN=Foreign")
    openssl(top, "req", "-new", *key, "-nodes", "-keyout", "key.pem", "-out", "req.pem", "-subj", f"/CN={name}")
    names = san if isinstance(san, str) else f"DNS:{name}"
    (top / "ext").write_text((f"subjectAltName={names}\n" if san else "") + (f"extendedKeyUsage={eku}\n" if eku else "") + "basicConstraints=CA:FALSE\n")
    openssl(top, "x509", "-req", "-in", "req.pem", "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-CAserial", top / "serial", "-days", days, "-extfile", "ext",
            "-out", "cert.pem")
    (top / "both.pem").write_text((top / "cert.pem").read_text() + ca.read_text() + (top / "key.pem").read_text())
    return top / "both.pem"


class Peer:
    """A server that has connected."""

    def __init__(self, server, file):
        tls = server.tls_client()
        if file:
            tls.load_cert_chain(file)
        self.wire = Wire("127.0.0.1", server.port_tls, tls, server.fqdn)

    def ask(self):
        """200: it may. 407: it must prove itself as anybody else."""
        self.wire.send(Message("OPTIONS sip:uc.example.test SIP/2.0", [
            ("Via", f"SIP/2.0/TLS peer.example.test;branch=z9hG4bK{token()}"), ("From", "<sip:x@example.test>;tag=g"), ("To", "<sip:uc.example.test>"),
            ("Call-ID", token()), ("CSeq", "1 OPTIONS"), ("Max-Forwards", "70"), ("P-Asserted-Identity", "<tel:+4930123>")]))
        return self.wire.receive(5).status

    def wait_closed(self, seconds):
        self.wire.sock.settimeout(seconds)
        start = time.monotonic()
        try:
            while self.wire.sock.recv(1000):
                pass
        except (ConnectionResetError, ssl.SSLError):
            pass
        return time.monotonic() - start


def is_believed(server, file):
    peer = Peer(server, file)
    try:
        return peer.ask() not in (401, 407)
    finally:
        peer.wire.close()


# name, how it is certified, reason (None: believed)
ROWS = [
    ("gw01.example.test", {}, None),
    ("GW01.example.test", {}, None),
    ("dirpool.example.test", {}, None),
    ("dir01.example.test", {}, None),
    ("med01.example.test", {}, None),
    ("chat01.example.test", {}, None),
    ("app01.example.test", {}, None),
    ("edge.example.test", {"san": False}, None),
    ("edge01.example.test", {}, None),
    ("anything", {"san": "DNS:other.example.test,DNS:dirpool.example.test"}, None),
    ("anything", {"san": "URI:sip:dirpool.example.test"}, None),
    ("dirpool.example.test", {"eku": "serverAuth,clientAuth"}, None),
    ("gw02.example.test", {}, "wrong-name"),
    ("access.example.test", {}, "wrong-name"),
    ("rp.example.test", {}, "wrong-name"),
    ("stranger.example.test", {}, "wrong-name"),
    ("dirpool.example.test", {"san": "DNS:stranger.example.test"}, "wrong-name"),
    ("anything", {"san": "DNS:dirpool.example.test,URI:sip:example.test"}, "wrong-name"),
    ("anything", {"san": "DNS:*.example.test"}, "wildcard"),
    ("*.example.test", {"san": "DNS:dirpool.example.test"}, "wildcard"),
    ("dirpool.example.test", {"eku": None}, "wrong-purpose"),
    ("dirpool.example.test", {"eku": "clientAuth"}, "wrong-purpose"),
    ("dirpool.example.test", {"foreign": True}, "untrusted"),
    ("dirpool.example.test", {"days": -1}, "expired"),
    ("dirpool.example.test", {"key": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"]}, None),
]
ROWS[-1] = ("dirpool.example.test", {"key": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]}, None)


def test_who_is_believed(site):
    server = site()
    assert not is_believed(server, None), "nobody without a certificate"
    assert not server.log("peer.refused")
    for name, how, reason in ROWS:
        since = len(server.events)
        assert is_believed(server, certificate(server, name, **how)) == (reason is None), (name, how)
        if reason:
            event = server.wait_event("peer.refused", since=since)
            assert event["reason"] == reason and event["why"], event
            assert len(server.log("peer.refused", since)) == 1, "once a connection"
        time.sleep(0.25)  # the log takes five of these a second
    counters = server.counters()
    refused = [reason for _, _, reason in ROWS]
    assert counters["chains.refused.name"] == refused.count("wrong-name") + refused.count("wildcard")
    assert counters["chains.refused.purpose"] == 2 and counters["chains.refused.untrusted"] == counters["chains.refused.time"] == 1
    assert counters["chains.accepted"] == refused.count(None)


# ---- revocation ----

def write_list(server, name, revoked=(), seconds=86400):
    """A list of the authority in certs/, put there as a file is copied."""
    top = server.top / f"list{next(NUMBER)}"
    top.mkdir()
    (top / "index.txt").touch()
    (top / "config").write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={top}/index.txt\ndefault_md=sha256\n")
    authority, key = authority_files(server.dir)
    ca = ["ca", "-config", "config", "-cert", authority, "-keyfile", key]
    for one in revoked:
        openssl(top, *ca, "-revoke", one)
    openssl(top, *ca, "-gencrl", "-crlsec", seconds, "-out", "pem")
    openssl(top, "crl", "-in", "pem", "-outform", "DER", "-out", "der")
    fresh = server.dir / "certs" / ".fresh"
    fresh.write_bytes((top / "der").read_bytes())
    fresh.chmod(0o644)
    fresh.rename(server.dir / "certs" / name)


def test_revoked_on_a_live_connection(site):
    server = site(fronts=2)
    bad, good = certificate(server, "gw01.example.test"), certificate(server, "dirpool.example.test")
    ones, other, user = [Peer(server, bad) for _ in range(6)], Peer(server, good), Peer(server, None)
    for one in (*ones, other):
        assert one.ask() not in (401, 407)
    assert user.ask() in (401, 407)
    assert all(one.wire.sock.session is None or not one.wire.sock.session.has_ticket for one in ones), "a ticket would outlive it"
    start = time.monotonic()
    write_list(server, "witan.crl", [bad])
    for one in ones:
        one.wait_closed(5)
    took = time.monotonic() - start
    assert took < 5
    print(f"revoked after {took:.2f} s")
    assert other.ask() not in (401, 407) and user.ask() in (401, 407), "nobody else is touched"
    assert not is_believed(server, bad) and is_believed(server, good)
    assert server.wait_event("peer.refused")["reason"] == "revoked"
    assert wait_for(lambda: server.counters()["connections.closed.revoked"] == 6)
    write_list(server, "witan.crl")
    wait_for(lambda: is_believed(server, bad), 5, 0.2, "taken back, but not believed")


def test_a_new_process_knows_it_from_the_start(site):
    server = site()
    bad = certificate(server, "gw01.example.test")
    write_list(server, "witan.crl", [bad], seconds=8 * 86400)  # so long that the server has no reason for a new one
    wait_for(lambda: not is_believed(server, bad), 5, 0.2)
    server.wait_restarted("front0", server.kill("front0"))
    assert not is_believed(server, bad)
    server.wait_restarted("vault0", server.kill("vault0"))
    assert not is_believed(server, bad)
    server.restart()
    assert not is_believed(server, bad)


def test_without_a_list(site):
    """Of the own authority: nobody is believed, until it is there again. A connection that stands goes on."""
    server = site()
    file, path = certificate(server, "gw01.example.test"), server.dir / "certs/witan.crl"
    standing = Peer(server, file)
    assert standing.ask() not in (401, 407)
    path.unlink()
    wait_for(lambda: not is_believed(server, file), 5, 0.2)
    assert server.wait_event("peer.refused")["reason"] == "crl-missing"
    assert standing.ask() not in (401, 407)
    write_list(server, "witan.crl", seconds=1)
    time.sleep(1.5)
    wait_for(lambda: not is_believed(server, file) and [e for e in server.log("peer.refused") if e["reason"] == "crl-stale"], 8, 0.3)
    path.write_bytes(b"nothing")
    server.wait_event("revocations.stale", wanted=lambda e: "witan.crl" in e["where"])
    write_list(server, "another-name.crl")
    wait_for(lambda: is_believed(server, file), 5, 0.2)
    # whoever stood through all this is still one who can be cut off
    assert standing.ask() not in (401, 407)
    write_list(server, "another-name.crl", [file])
    standing.wait_closed(5)


def test_softly_without_a_list(site):
    server = site(key="ec-p256, revocation: soft")
    file = certificate(server, "gw01.example.test")
    (server.dir / "certs/witan.crl").unlink()
    server.wait_event("revocations.read", wanted=lambda e: e["lists"] == 1)  # of the root
    assert is_believed(server, file)
    event = server.wait_event("peer.doubted")
    assert event["reason"] == "crl-missing" and event["name"] == "gw01.example.test"
    assert server.counters()["chains.doubted"] >= 1
