# SPDX-License-Identifier: Apache-2.0
"""The deployment of scripts/five-machines: two servers, a Director, an Edge and a reverse proxy, each with the packet filter of the plan."""
import http.client
import json
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

from deployment import wait_for
from five_site import DIRECTOR, DIRECTOR_WEB, brought_up, errors, files_of, five, give, in_use, inside, issue, presented, report, status, thumbprint
from sip_client import Client

pytestmark = [pytest.mark.root, pytest.mark.slow]
PUBLISHED = ["web1", "web2", "dirweb", "meet", "dialin", "lyncdiscover"]


class Server:
    """One server of the deployment, as the clients of the tests want it."""

    def __init__(self, site, name, fqdn, address):
        self.fqdn, self.domain, self.port_tls, self.port_tcp, self.passwords = fqdn, "example.com", 5061, None, {}
        self.site, self.name, self.address = site, name, address
        self.dir = site.dir / name / "d"

    def tls_client(self, **change):
        return ssl.create_default_context(cafile=str(self.dir / "ca.pem"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with brought_up(tmp_path_factory) as one:
        yield one


def test_every_server_is_up_to_date(site):
    rows = wait_for(lambda: (lambda r: r if all(x["UpToDate"] for x in r.values()) else None)(status(site)), 15)
    assert set(rows) == {"uc02.corp.example", "dir01.corp.example", "edge01.corp.example"}


INNER_EDGE, OUTER_EDGE, PROXY = {"10.77.1.11:5061", "10.77.1.11:4443"}, {"198.51.100.11:443", "198.51.100.11:5061"}, {"rp01.corp.example:443"}
SIP = {f"{host}.corp.example:5061" for host in ("uc01", "uc02", "dir01")}
WEB = {f"{host}.corp.example:444" for host in ("uc01", "uc02", "dir01")}


def look(site, machine, *more):
    """witan plan check on one of the machines: with the deployment there, or with the topology alone."""
    outer = site.dir / "outer"  # the reverse proxy, as it is found outside
    outer.write_text("".join(line + "\n" for line in (site.dir / "addresses").read_text().splitlines() if not line.startswith("rp01.")) + "rp01.corp.example 198.51.100.20\n")
    given = ["--internal-network", five.CLIENTS, "--admin-network", five.ADMINS, "--addresses", outer if machine == "stranger" else site.dir / "addresses"]
    if machine not in five.SERVERS:
        given += ["--topology", five.TOPOLOGY, "--ca", site.dir / "uc01/d/ca.pem"]
    return report(site, machine, "plan", "check", *given, *more, server=machine if machine in five.SERVERS else "uc01")


def told(found, rule):
    return {f["place"]: f["what"] for f in found["findings"] if f["rule"] == rule}


@pytest.mark.parametrize("machine, more, places, beyond", [
    ("uc01", (), SIP | WEB | INNER_EDGE | PROXY | {"uc02.corp.example:4445", "dir01.corp.example:4445"}, {"edge.corp.example"}),
    ("uc02", (), SIP | WEB | {"10.77.1.11:5061", "uc02.corp.example:4445"} | PROXY, {"edge.corp.example", "dir.corp.example"}),
    ("dir01", (), SIP | WEB | {"10.77.1.11:5061", "dir01.corp.example:4445"} | PROXY, {"edge.corp.example", "uc02.corp.example"}),
    ("edge01", (), {"dir01.corp.example:5061"} | INNER_EDGE | OUTER_EDGE, {"uc01.corp.example", "uc02.corp.example", "dir.corp.example", "rp01.corp.example"}),
    ("rp01", ("--here", "rp01.corp.example"), PROXY, {"uc01.corp.example", "uc02.corp.example", "dir.corp.example", "edge.corp.example"}),
    ("client", (), SIP | WEB | PROXY, {"uc01.corp.example", "uc02.corp.example", "dir.corp.example", "edge.corp.example"}),
    ("stranger", ("--side", "outside"), OUTER_EDGE | PROXY, {"uc01.corp.example", "uc02.corp.example", "dir.corp.example", "edge.corp.example"}),
], ids=lambda v: v if isinstance(v, str) else "")
def test_everything_is_as_planned(site, machine, more, places, beyond):
    """No error wherever it is asked; all that the plan lets this machine reach was looked at, and who may look at the rest is said."""
    found = look(site, machine, *more)
    assert errors(found) == [] and found["errors"] == 0
    seen = {c["place"] for c in found["certificates"]}
    assert places <= seen
    # the web listeners, 443 inside and 4443, are the only other ones: they come to this test with the service, which plan ports then counts as built
    assert all(place.endswith((":443", ":4443")) for place in seen - places), seen - places
    assert set(told(found, "L-beyond")) == beyond
    assert not told(found, "F-unseen") and not told(found, "D-unseen") and not told(found, "N-server")  # what is of this machine was looked at


def test_what_is_seen_elsewhere_is_said(site):
    """Where one must stand to see the rest, and which revocation list this machine may not fetch."""
    edge, inside_, outside = look(site, "edge01"), look(site, "uc02"), look(site, "stranger", "--side", "outside")
    later = [f["what"] for f in inside_["findings"] if f["rule"] == "L-later" and f["place"] == "edge.corp.example"]
    assert any("not part of this version" in what and "media relay 3478/udp" in what for what in later)
    assert "configuration 4445/tcp from uc01.corp.example" in told(edge, "L-beyond")["uc02.corp.example"]
    assert "sign-in access 443/tcp" in told(inside_, "L-beyond")["edge.corp.example"] and "from internet" in told(inside_, "L-beyond")["edge.corp.example"]
    assert "SIP internal 5061/tcp from uc01.corp.example" in told(outside, "L-beyond")["edge.corp.example"]
    lists = [(f["severity"], f["what"]) for f in inside_["findings"] if f["rule"] == "G04"]
    assert lists and all(severity == "information" and "198.51.100.53/public.crl" in what for severity, what in lists)
    assert not [f for f in edge["findings"] + outside["findings"] if f["rule"] == "G04"]  # the Edge has the own list as a copy, and fetches the public one


def test_faults_are_found_from_where_they_are_seen(site):
    """The Edge without its copy of the own revocation list; the public list away, seen from the Edge and outside; a packet filter that lets less through than planned."""
    copy, public = site.dir / "edge01/d/certs/witan.crl", site.dir / "nic/lists/public.crl"
    for path, machines, what in ((copy, {"edge01": ()}, "certs/witan.crl"), (public, {"edge01": (), "stranger": ("--side", "outside")}, "public.crl")):
        path.rename(path.with_name("away"))
        try:
            for machine, more in machines.items():
                assert any(rule == "G04" and what in text for rule, _, text in errors(look(site, machine, *more))), machine
            if path == public:
                assert errors(look(site, "uc01")) == []
        finally:
            path.with_name("away").rename(path)
    site.on("uc02", "nft", "insert", "rule", "inet", "witan", "input", "tcp", "dport", "444", "drop")
    try:
        assert any(rule == "L-answer" and place == "uc02.corp.example:444" for rule, place, _ in errors(look(site, "dir01")))
        assert any(rule == "F-rules" for rule, _, _ in errors(look(site, "uc02")))
        assert errors(look(site, "edge01")) == []
    finally:
        site.on("uc02", "nft", "-f", site.dir / "uc02/rules.nft")
    assert errors(look(site, "dir01")) == [] and errors(look(site, "uc02")) == []


@pytest.mark.parametrize("place, more", [("198.51.100.11:443", ["--host", "edge01.corp.example", "--usage", "AccessEdgeExternal", "--name", "sip.example.com"]),
                                         ("198.51.100.20:443", ["--host", "rp01.corp.example", "--usage", "WebServicesExternal", "--name", "dirweb.example.com"])])
def test_certificates_outside(site, place, more):
    found = report(site, "stranger", "check", "certificates", place, *more)
    assert errors(found) == [] and len(found["certificates"]) == 1


@pytest.mark.parametrize("server, machine, address, port, name", [
    ("uc02", "uc01", "10.77.0.12", 4445, "uc02.corp.example"), ("dir01", "uc01", "10.77.0.13", 4445, "dir01.corp.example"),
    ("edge01", "uc01", "10.77.1.11", 4443, "edge.corp.example"), ("edge01", "uc01", "10.77.1.11", 5061, "edge.corp.example")])
def test_a_stranger_is_refused_inside(site, tmp_path, server, machine, address, port, name):
    """From a place that the packet filter lets in: with no certificate, and with one of another authority."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "k", "-out", tmp_path / "c", "-subj",
                    "/CN=uc01.corp.example", "-addext", "subjectAltName=DNS:uc01.corp.example"], check=True, capture_output=True)
    for own in (False, True):
        tls = ssl.create_default_context(cafile=str(site.dir / "uc01/d/ca.pem"))
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        if own:
            tls.load_cert_chain(tmp_path / "c", tmp_path / "k")
        with inside(site, machine):
            raw = socket.create_connection((address, port), 5)
        with raw, pytest.raises((ssl.SSLError, ConnectionError)) as why:
            tls.wrap_socket(raw, server_hostname=name).recv(1)
        assert "CERTIFICATE_VERIFY_FAILED" not in str(why.value)  # it is they who refuse us


@pytest.mark.parametrize("machine, address, port", [("client", "10.77.0.12", 4445), ("client", "10.77.1.11", 5061), ("client", "10.77.1.11", 4443), ("edge01", "10.77.0.11", 5061),
                                                    ("edge01", "10.77.0.11", 444), ("stranger", "198.51.100.11", 4443), ("stranger", "198.51.100.20", 22)])
def test_what_is_not_planned_does_not_pass(site, machine, address, port):
    with inside(site, machine), pytest.raises((TimeoutError, ConnectionError, OSError)):
        socket.create_connection((address, port), 0.7)


@pytest.fixture(scope="module")
def ann(site):
    for user in ("ann", "ben"):
        site.witan("uc01", "New-CsUser", "-SipAddress", f"sip:{user}@example.com", "-DisplayName", user.title(), "-PasswordFile", "-", input="a password of theirs\n")
    wait_for(lambda: all(r["UpToDate"] for r in status(site).values()), 15)
    return "a password of theirs"


def client(site, server, address, password, user="ann"):
    host = Server(site, server, f"{server}.corp.example", address)
    host.passwords[user] = password
    with inside(site, "client"):
        return Client(host, user, host=address)


HOMES = {"uc01": "10.77.0.11", "uc02": "10.77.0.12", "dir01": "10.77.0.13"}


def test_a_user_signs_in(site, ann):
    for server, address in HOMES.items():
        with client(site, server, address, ann) as c:
            c.sign_in()


def fetch(site, machine, url, *words):
    """What somebody on a machine is answered: status, header and body. Names are looked up there."""
    out = site.on(machine, "curl", "-sS", "-i", "--max-time", "10", "-H", "Accept: application/vnd.microsoft.rtc.autodiscover+xml;v=1", *words, url)
    head, _, body = out.replace("\r\n", "\n").partition("\n\n")
    return int(head.split()[1]), head, body


def outside(site, name, path="/", *words):
    return fetch(site, "stranger", f"https://{name}.example.com{path}", "--cacert", site.dir / "public/root.pem", *words)


def web_log(site, machine):
    return [json.loads(line) for line in (site.dir / machine / "witand.log").read_text().splitlines() if '"web.site"' in line]


BEHIND = {"web1": ("uc01", "web1"), "web2": ("uc02", "web2")}  # all others: the Director
SERVICE = "/Autodiscover/AutodiscoverService.svc/root"


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_names(site, name):
    """Through the reverse proxy to the right pool: its log has the name, and links lead to its web services."""
    machine, web = BEHIND.get(name, ("dir01", "dirweb"))
    host, before = f"{name}.example.com", {m: len(web_log(site, m)) for m in ("uc01", "uc02", "dir01")}
    status, head, body = outside(site, name, SERVICE + "?sipuri=ann@example.com")
    assert status == 200 and 'AccessLocation="External"' in body and f'href="https://{web}.example.com{SERVICE}/user"' in body, (status, body)
    assert "max-age=315360000" in head and head.lower().count("strict-transport-security") == 1
    assert "corp.example" not in head + body
    status, head, body = outside(site, name)
    assert status == (501 if name in ("meet", "dialin") else 200), body
    assert "Meetings are not available yet" in body if name in ("meet", "dialin") else "Redirect" not in body
    found = {m: [line for line in web_log(site, m)[before[m]:] if line["host"] == host] for m in before}
    assert {m for m, lines in found.items() if lines} == {machine} and all(line["site"] == "outside" for line in found[machine])


def test_names_that_are_not_published(site):
    for name in ("lyncdiscoverinternal", "admin", "evil", "sip"):
        where = f"{name}.example.com:443:198.51.100.20"
        status, *_ = fetch(site, "stranger", f"https://{name}.example.com/", "-k", "--resolve", where)
        assert status == 421, name
    for path in ("/api/v1/session", "/API/v1/openapi.json", "/healthz", "/witan.crl"):
        assert outside(site, "dirweb", path)[0] == 404
    assert outside(site, "lyncdiscover", "/?sipuri=ann@elsewhere.example")[0] == 404
    assert outside(site, "lyncdiscover", SERVICE + "/user?sipuri=ann@example.com")[0] == 401


def test_autodiscover_without_tls(site):
    """Outside over port 80: where to ask, and nothing else."""
    status, head, body = fetch(site, "stranger", "http://lyncdiscover.example.com/?sipuri=ann@example.com")
    link = re.search(r'token="Redirect" href="([^"]+)"', body)
    assert status == 200 and link and link.group(1) == f"https://dirweb.example.com{SERVICE}?sipuri=ann@example.com", body
    assert fetch(site, "stranger", link.group(1), "--cacert", site.dir / "public/root.pem")[0] == 200
    status, head, _ = fetch(site, "stranger", "http://web1.example.com/")
    assert status == 301 and "https://web1.example.com/" in head


def test_autodiscover_inside(site):
    """By the name in DNS to the Director, over TLS with the deployment's own authority."""
    ca = site.dir / "uc01/d/ca.pem"
    status, _, body = fetch(site, "client", "https://lyncdiscoverinternal.example.com/?sipuri=ann@example.com", "--cacert", ca)
    assert status == 200 and 'AccessLocation="Internal"' in body
    link = re.search(r'token="Domain" href="([^"]+)"', body).group(1)
    assert link.startswith("https://dirweb.corp.example/")
    status, _, body = fetch(site, "client", link, "--cacert", ca)
    assert status == 200 and '<SipClientInternalAccess fqdn="dir.corp.example" port="5061"/>' in body and '<SipClientExternalAccess fqdn="sip.example.com" port="443"/>' in body
    status, _, body = fetch(site, "client", "http://lyncdiscoverinternal.example.com/", )
    assert status == 200 and f'href="https://dirweb.corp.example{SERVICE}"' in body
    assert presented(site, "client", "10.77.0.13", 443, "dirweb.corp.example") != presented(site, "client", "10.77.0.13", 444, "dir01.corp.example")


class Traffic:
    """The same thing again and again, in a thread of its own, until stopped: what failed, and how often it went well."""

    def __init__(self, name, once):
        self.name, self.once, self.failed, self.done, self.stopping = name, once, [], 0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            try:
                self.once()
                self.done += 1
            except Exception as why:  # noqa: BLE001 - whatever it is, it is a failed request
                self.failed.append(repr(why))
            time.sleep(0.03)

    def stop(self):
        self.stopping.set()
        self.thread.join(15)
        return self.done, self.failed[:3]


def opened(site, machine, address, port, name, roots, own=None):
    """A TLS connection from a machine, with the server's name checked."""
    tls = ssl.create_default_context(cafile=str(roots))
    if own:
        tls.load_cert_chain(*own)
        tls.maximum_version = ssl.TLSVersion.TLSv1_2  # there the handshake ends after the server's judgement
    with inside(site, machine):
        raw = socket.create_connection((address, port), 10)
    return tls.wrap_socket(raw, server_hostname=name)


def options(sock, wanted):
    """One request and its answer, on a connection."""
    sock.sendall(f"OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/TLS x.invalid;branch=z9hG4bK{time.monotonic_ns()}\r\nMax-Forwards: 70\r\nFrom: <sip:x@example.com>;tag=a\r\n"
                 f"To: <sip:example.com>\r\nCall-ID: {time.monotonic_ns()}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode())
    answer = sock.recv(8192)
    assert answer.startswith(b"SIP/2.0 ") and answer.split()[1] in wanted, answer


def get(sock, host, path):
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/vnd.microsoft.rtc.autodiscover+xml;v=1\r\n\r\n".encode())
    answer = http.client.HTTPResponse(sock)
    answer.begin()
    answer.read()
    assert answer.status in (200, 204), (host, path, answer.status)


# Each listener that presents a certificate of ours: from where, where, by which name; what is asked there.
ANSWERED, AT_THE_EDGE = (b"200", b"401", b"403", b"404", b"405", b"407"), (b"200", b"403")  # an Edge answers what it does not pass on
LISTENERS = [
    *((f"SIP at {m}", "client", a, 5061, n, lambda s: options(s, ANSWERED), False)
      for m, a, n in (("uc01", "10.77.0.11", "uc01.corp.example"), ("uc02", "10.77.0.12", "uc02.corp.example"), ("dir01", "10.77.0.13", "dir.corp.example"))),
    *((f"management of {m}", "client", a, 444, f"{m}.corp.example", lambda s, m=m: get(s, f"{m}.corp.example:444", "/healthz"), False)
      for m, a in (("uc01", "10.77.0.11"), ("uc02", "10.77.0.12"), ("dir01", "10.77.0.13"))),
    ("web inside", "client", "10.77.0.13", 443, "lyncdiscoverinternal.example.com", lambda s: get(s, "lyncdiscoverinternal.example.com", "/?sipuri=ann@example.com"), False),
    ("web outside", "stranger", "198.51.100.20", 443, "dirweb.example.com", lambda s: get(s, "dirweb.example.com", "/"), False),
    ("Edge, people", "stranger", "198.51.100.11", 443, "sip.example.com", lambda s: options(s, AT_THE_EDGE), False),
    ("Edge, partners", "stranger", "198.51.100.11", 5061, "sip.example.com", lambda s: options(s, AT_THE_EDGE), False),
    ("Edge inside", "uc01", "10.77.1.11", 5061, "edge.corp.example", lambda s: options(s, AT_THE_EDGE), True),
]


@pytest.fixture
def load(site, ann):
    """Requests on new connections and on old ones, everywhere; ends with what came of them: {what: (well, failures)}."""
    site.witan("uc01", "Set-CsAttackProtectionConfiguration", "Global", "-Enabled", "$false")  # this is more than one address may, and nothing that clients do
    wait_for(lambda: status(site)["edge01.corp.example"]["UpToDate"])
    own, roots, running, old = files_of(site, "uc01"), {False: site.dir / "uc01/d/ca.pem", True: site.dir / "public/root.pem"}, [], []
    for what, machine, address, port, name, ask, has_own in LISTENERS:
        def connect(machine=machine, address=address, port=port, name=name, has_own=has_own):
            return opened(site, machine, address, port, name, roots[machine == "stranger"], own if has_own else None)

        def once(connect=connect, ask=ask):
            with connect() as sock:
                ask(sock)

        running.append(Traffic(what, once))
        old.append(connect())
        running.append(Traffic(f"{what}, one connection", lambda ask=ask, sock=old[-1]: ask(sock)))
    people = [client(site, server, address, ann) for server, address in HOMES.items()]

    def register(one):
        assert one.register().status == 200

    for one in people:
        one.sign_in()
        running.append(Traffic(f"{one.server.name}, signed in", lambda one=one: register(one)))
    yield lambda: {one.name: one.stop() for one in running}
    for one in running:
        one.stop()
    for one in (*old, *people):
        one.close()


# What is replaced: at which server, for what, and where it is then seen.
RENEWED = {"dir01": [("Default", 5061, "dir.corp.example", DIRECTOR), ("WebServicesExternal", 4443, "dirweb.example.com", DIRECTOR_WEB)],
           "uc02": [("Default", 5061, "uc02.corp.example", ["uc02.corp.example", "sip.example.com"])],
           "edge01": [("Internal", 5061, "edge.corp.example", ["edge.corp.example"])]}


def test_renewal_under_load(site, load, tmp_path):
    """New certificates for every listener of the deployment, while requests run on old and new connections and changes go to all servers; none fails."""
    time.sleep(0.5)
    number = 0
    lost = {m: (site.dir / m / "witand.log").read_text().count('"copy.lost"') for m in five.SERVERS}

    def change():
        nonlocal number
        number += 1
        site.witan("uc01", "Set-CsUser", "-Identity", "sip:ben@example.com", "-DisplayName", f"Ben {number}")

    for usage, port, name in (("Default", 5061, "uc01.corp.example"), ("WebServicesInternal", 443, "lyncdiscoverinternal.example.com")):
        before = presented(site, "client", "10.77.0.11", port, name)
        site.witan("uc01", "Request-CsCertificate", "-New", "-Type", usage)
        if in_use(site, "uc01", usage) == before:  # it is made, and to be used by a command of its own
            newest = max((c for c in json.loads(site.witan("uc01", "Get-CsCertificate", "-All", "-As", "json")) if c.get("RequestedFor") == usage and not c.get("Use")),
                         key=lambda c: c["NotBefore"])
            site.witan("uc01", "Set-CsCertificate", "-Type", usage, "-Thumbprint", newest["Thumbprint"])
        wait_for(lambda: presented(site, "client", "10.77.0.11", port, name) != before, 10, 0.1)
        change()
    for machine, usages in RENEWED.items():
        for i, (usage, port, name, names) in enumerate(usages):
            folder = tmp_path / f"{machine}{i}"
            folder.mkdir()
            want = thumbprint(issue(site, folder, {"san": names, "ca": "internal"}))
            give(site, machine, usage, folder, folder / "c")
            address = "10.77.1.11" if machine == "edge01" else HOMES[machine]
            wait_for(lambda: presented(site, machine, address, port, name) == want, 10, 0.1)
            change()
    (site.dir / "edge01/edge.req").unlink()
    (site.dir / "edge01/edge.pem").unlink()
    site.certify_edge("Renewed")
    want = thumbprint(site.dir / "edge01/edge.pem")
    wait_for(lambda: presented(site, "stranger", "198.51.100.11", 443, "sip.example.com") == want == presented(site, "stranger", "198.51.100.11", 5061, "sip.example.com"), 10, 0.1)
    change()
    wait_for(lambda: all(r["UpToDate"] for r in status(site).values()), 10)
    for machine in ("uc02", "dir01"):
        assert json.loads(site.witan(machine, "Get-CsUser", "-Identity", "sip:ben@example.com", "-As", "json"))[0]["DisplayName"] == f"Ben {number}"
    time.sleep(0.5)
    done = load()
    print("\n".join(f"{what:<40} {well:>5} {failed}" for what, (well, failed) in done.items()))
    assert {what: failed for what, (_, failed) in done.items() if failed} == {}
    assert min(well for well, _ in done.values()) > 10, done
    # the connections of the copies were there all the time; whoever comes anew is shown the new ones there, too
    assert {m: (site.dir / m / "witand.log").read_text().count('"copy.lost"') for m in five.SERVERS} == lost
    for machine, address, port, name, usage in (("uc02", HOMES["uc02"], 4445, "uc02.corp.example", "Default"), ("dir01", HOMES["dir01"], 4445, "dir01.corp.example", "Default"),
                                                ("edge01", "10.77.1.11", 4443, "edge.corp.example", "Internal")):
        assert presented(site, "uc01", address, port, name) == in_use(site, machine, usage)


def reaches(one, other):
    """A message to somebody who is signed in at the same server, and the answer."""
    request = one.build("MESSAGE", "sip:ann@example.com", headers=[("Content-Type", "text/plain")], body="are you there?")
    request = one.begin(request)
    got = other.expect("MESSAGE")
    other.reply(got, 200, "OK")
    return one.response(request).status == 200 and got.text == "are you there?"


@pytest.mark.parametrize("down", list(HOMES))
def test_the_others_go_on(site, ann, down):
    """Whichever of them is away: who is signed in at another stays so and is reached, and others sign in there."""
    rest = {server: address for server, address in HOMES.items() if server != down}
    there = {server: client(site, server, address, ann) for server, address in rest.items()}
    try:
        for one in there.values():
            one.sign_in()
        site.stop(down)
        for server, address in rest.items():
            with client(site, server, address, ann, "ben") as new:
                new.sign_in()
                assert reaches(new, there[server])  # the registration of before, on its connection
            assert there[server].register().status == 200
        if down == "uc01":
            for server in rest:
                assert "the central server is not connected" in site.witan(server, "Get-CsManagementStoreReplicationStatus", "-As", "json")
        else:
            wait_for(lambda: not status(site)[f"{down}.corp.example"]["UpToDate"], 10)
            site.witan("uc01", "Set-CsUser", "-Identity", "sip:ann@example.com", "-DisplayName", f"Ann without {down}")
    finally:
        for one in there.values():
            one.close()
        site.restart(down)
    wait_for(lambda: all(r["UpToDate"] for r in status(site).values()), 30)
    with client(site, down, HOMES[down], ann) as c:
        c.sign_in()
    if down != "uc01":  # what was changed meanwhile has come
        user, = json.loads(site.witan(down, "Get-CsUser", "-Identity", "sip:ann@example.com", "-As", "json"))
        assert user["DisplayName"] == f"Ann without {down}"
