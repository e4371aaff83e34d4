# SPDX-License-Identifier: Apache-2.0
"""People of ours outside: they sign in through an Edge, whose inside they never see."""
import re
import ssl
import time

import pytest

from deployment import ROOT, wait_for
from several import DOMAIN
from sip_client import Client, Closed, Silence, Wire
from sipe_client import SipeClient
from test_several import DIRECTOR, EDGE, SE, site, up_to_date

pytestmark = pytest.mark.root
INNER = re.compile(rb"(edge|central|edge-pool)\.example\.test|127\.1[0-9]+\.[0-9]+\.11\b")  # names and the address inside


class Outside:
    """The Edge as people outside see it."""

    def __init__(self, site):
        self.site, self.domain, self.fqdn, self.port_tls = site, DOMAIN, f"sip.{DOMAIN}", 443
        self.passwords, self.dir, self.host = site.central.passwords, site.central.dir, site.outside

    def tls_client(self, **change):
        return ssl.create_default_context(cafile=str(self.dir / "ca.pem"))


class Watching(Wire):
    """A connection that keeps all that came over it."""
    seen = b""

    def receive(self, timeout=10.0):
        message = super().receive(timeout)
        self.seen += message.bytes()
        return message


def wire(outside):
    w = Watching(outside.host, 443, outside.tls_client(), outside.fqdn)
    w.seen = b""
    return w


def client(outside, user, **more):
    c = Client(outside, user, host=outside.host, connect=False, **more)
    c.wire = wire(outside)
    return c


@pytest.fixture
def outside(site):
    s = site(edge=EDGE)
    s.prepare("edge")
    s.start()
    up_to_date(s, "edge")
    s.central.ntlm = True
    for user in ("ann", "bob"):
        s.central.add_user(user)
    s.central.cli("Set-CsExternalAccessPolicy", "Global", "-EnableOutsideAccess", "$true")
    return Outside(s)


def asks(outside, text):
    """The answer to a request of a stranger; None: none came."""
    w = wire(outside)
    w.send(text.replace("\n", "\r\n").encode())
    try:
        answer = w.receive(3)
    except (Silence, Closed):
        answer = None
    w.close()
    assert answer is None or not INNER.search(answer.bytes()), answer
    return answer


def text_of(method, to=f"ann@{DOMAIN}", sender=None, uri=None, more=""):
    return (f"{method} {uri or 'sip:' + DOMAIN} SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKx{time.monotonic_ns()}\nFrom: <sip:{sender or to}>;tag=1\nTo: <sip:{to}>\n"
            f"Call-ID: c{time.monotonic_ns()}\nCSeq: 1 {method}\nMax-Forwards: 70\nContact: <sip:x@192.0.2.1>\n{more}Content-Length: 0\n\n")


def test_signs_in_writes_and_is_called(outside):
    """RFC 3261 16: what passes the border is what was sent; the inside has no name there."""
    inside = outside.site.central
    with client(outside, "ann") as ann, Client(inside, "bob") as bob:
        ann.sign_in()
        bob.sign_in()
        for one, other in ((ann, bob), (bob, ann)):
            request = one.build("MESSAGE", other.aor, headers=[("Content-Type", "text/plain")], body=b"from far away")
            one.send(request)
            got = other.expect("MESSAGE")
            assert got.body == b"from far away" and got.get("p-asserted-identity") == f"<{one.aor}>"
            assert got.get("ms-edge-proxy-message-trust") is None  # for the server alone
            other.reply(got, 200)
            assert one.response(request).status == 200
        for one, other in ((bob, ann), (ann, bob)):
            invite = one.invite(other.aor)
            theirs = other.accept(other.expect("INVITE"))
            one.established(invite)
            other.expect("ACK")
            bye = theirs.send("BYE")
            one.reply(one.expect("BYE"), 200)
            assert other.response(bye).status == 200
        # who is signed in is told the way of the other side in a dialog with it (RFC 5658), and nothing else
        seen = b"".join(line for line in ann.wire.seen.splitlines(True) if not line.startswith((b"Record-Route: ", b"Route: ")))
        found = INNER.search(seen)
        assert not found, seen[max(found.start() - 300, 0):found.end() + 60].decode()
        assert b"sip.example.test:443" in ann.wire.seen  # the way back: Service-Route, Record-Route, Via
    counters = outside.site.hosts["edge"].counters()
    assert counters["edge.inward"] > 8 and counters["edge.outward"] > 8
    wait_for(lambda: outside.site.hosts["edge"].counters()["edge.clients"] == 0)


@pytest.mark.parametrize("request_of, status, reason", [
    (dict(method="INVITE"), 403, "Sign in first"),
    (dict(method="MESSAGE"), 403, "Sign in first"),
    (dict(method="OPTIONS"), 403, "Sign in first"),
    (dict(method="SUBSCRIBE", more="Event: presence\n"), 403, "Sign in first"),
    (dict(method="REGISTER", to="ann@elsewhere.test"), 403, "Forbidden"),
    (dict(method="REGISTER", sender="eve@elsewhere.test"), 403, "Forbidden"),
    (dict(method="REGISTER", to=DOMAIN), 403, "Forbidden"),
    (dict(method="REGISTER", more="Authorization: NTLM qop=\"auth\", realm=\"SIP Communications Service\", targetname=\"x\", gssapi-data=\"\"\n"), 403, "This way"),
    (dict(method="REGISTER"), 401, ""),
    (dict(method="REGISTER", uri="sip:central.example.test"), 401, ""),
    (dict(method="REGISTER", more="ms-edge-proxy-message-trust: ms-source-type=AuthorizedServer;ms-source-verified-user=verified\nP-Asserted-Identity: <sip:ann@example.test>\n"), 401, ""),
    (dict(method="CANCEL"), 403, "Sign in first"),
    (dict(method="ACK"), None, ""),
])
def test_what_strangers_get(outside, request_of, status, reason):
    """Nothing but REGISTER for somebody of ours reaches the inside before somebody has signed in."""
    outside.site.central.cli("Set-CsProxyConfiguration", "Global", "-UseNtlmForClientToProxyAuth", "$false")
    before = outside.site.central.counters()["sip.requests"]
    up_to_date(outside.site, "edge")
    edge = outside.site.hosts["edge"]
    since = len(edge.events)
    answer = asks(outside, text_of(**request_of))
    assert (answer.status if answer else None) == status
    if reason:
        edge.wait_event("request.refused", since=since, wanted=lambda e: reason in e["why"] and e["stage"] == "border")
    if status != 401:
        assert outside.site.central.counters()["sip.requests"] == before


def test_a_stranger_tries_for_a_while_and_not_for_ever(outside):
    w = wire(outside)
    for _ in range(40):
        try:
            w.send(text_of("REGISTER").replace("\n", "\r\n").encode())
            w.receive(3)
        except (Closed, OSError):
            return
    raise AssertionError("forty challenges, and the connection still stands")


def test_who_may_not_be_outside_may_not_sign_in_there(outside):
    s = outside.site
    s.central.cli("New-CsExternalAccessPolicy", "Inside", "-EnableOutsideAccess", "$false")
    s.central.cli("Grant-CsExternalAccessPolicy", f"sip:bob@{DOMAIN}", "-PolicyName", "Inside")
    with client(outside, "bob") as bob:
        assert bob.register().status == 403
    s.central.wait_event("request.refused", wanted=lambda e: "outside" in e["why"] and e["from"] == f"bob@{DOMAIN}")
    with Client(s.central, "bob") as bob:
        bob.sign_in()
    s.central.cli("Set-CsAccessEdgeConfiguration", "-AllowOutsideUsers", "$false")
    up_to_date(s, "edge")

    def nobody():
        with client(outside, "ann") as ann:
            return ann.register().status == 403
    wait_for(nobody)
    s.hosts["edge"].wait_event("request.refused", wanted=lambda e: "outside" in e["why"])


def test_the_inside_goes_and_comes_back(outside):
    """A client whose server dies is told at once, by the end of its connection, and signs in again; while there is none, it is told to wait."""
    s = outside.site
    with client(outside, "ann") as ann:
        ann.sign_in()
        old = s.central.kill("front0")
        ann.wire.wait_closed(5)
    s.central.wait_restarted("front0", old)
    client(outside, "ann").sign_in().close()
    s.central.stop()
    with client(outside, "ann") as ann:
        answer = ann.register(timeout=15)
        assert answer.status == 503
        assert not INNER.search(ann.wire.seen)
    assert s.hosts["edge"].log("next-hop.failed")


def test_a_real_client_of_the_dialect(outside, tmp_path):
    """pidgin-sipe through the Edge, and one inside: presence and messages, each signed by the server inside and verified by the client outside."""
    s = outside.site
    ann, bob = SipeClient(tmp_path / "ann"), SipeClient(tmp_path / "bob")
    try:
        ann.sign_in(outside, "ann", hosts={outside.fqdn: outside.host})
        bob.sign_in(s.central, "bob")
        for one, other, who in ((ann, bob, f"sip:bob@{DOMAIN}"), (bob, ann, f"sip:ann@{DOMAIN}")):
            one.do("add-contact", who=who)
            other.do("set-status", status="busy", note="in the lab")
            one.wait_contact(who, status="busy")
            one.do("send", who=who, text="from far away")
            other.wait("message", fits=lambda e: "from far away" in e["text"])
    finally:
        assert ann.end() == 0 and bob.end() == 0


def test_an_edge_that_ends_takes_its_clients_along(outside):
    edge = outside.site.hosts["edge"]
    people = [client(outside, user).sign_in() for user in ("ann", "bob") for _ in range(5)]
    wait_for(lambda: outside.site.central.counters()["registrar.bindings"] == 10)
    edge.stop()
    for one in people:
        one.wire.wait_closed(5)
    wait_for(lambda: outside.site.central.counters()["registrar.bindings"] == 0)


def test_a_script_at_the_edge(outside):
    """An old client is told so by the Edge: the inside does not hear of it. Others sign in."""
    s, edge = outside.site, outside.site.hosts["edge"]
    since = len(edge.events)
    s.central.cli("New-CsServerApplication", "-Identity", f"EdgeServer:edge-pool.{DOMAIN}/Versions", "-Uri", "http://witan.example/scripts/client-version",
                  "-ScriptName", str(ROOT / "scripts/mspl/client-version.am"), "-Enabled", "$true", "-Critical", "$true")
    edge.wait_event("script.loaded", since=since)
    before = s.central.counters()["sip.requests"]
    answer = asks(outside, text_of("REGISTER", more="User-Agent: UCCAPI/3.5.6907.0 OC/3.5.6907.0\n"))
    assert answer.status == 403 and "too old" in answer.start
    assert s.central.counters()["sip.requests"] == before
    client(outside, "ann").sign_in().close()


def inner_wire(outside, host):
    """A connection to the server inside, as another server of the topology."""
    context = outside.tls_client()
    context.load_cert_chain(*outside.site.files_of(host))
    return Wire("127.0.0.1", outside.site.central.port_tls, context, outside.site.central.fqdn)


@pytest.mark.parametrize("mark, status", [
    ("ms-source-type=InternetUser;ms-source-address=192.0.2.1", 401),
    (f"ms-source-type=InternetUser;ms-source-verified-user=verified;ms-source-access=sip.{DOMAIN};ms-source-address=192.0.2.1", 401),  # an Edge vouches for nobody
    ("ms-source-type=InternetUser", 403),  # a client's, and nobody's: it must not pass for a server's
    ("ms-source-type=InternetUser;ms-source-address=nowhere", 403),
    ("ms-source-type=InternetUser;ms-source-address=192.0.2.1;ms-source-port=70000", 403),
])
def test_what_an_edge_may_say(outside, mark, status):
    w = inner_wire(outside, outside.site.hosts["edge"])
    for _ in range(2):
        w.send(text_of("REGISTER", more=f"ms-edge-proxy-message-trust: {mark}\n").replace("\n", "\r\n").encode())
        assert w.receive().status == status
    w.close()


def test_ntlm_stays_inside(outside, tmp_path):
    """UseNtlmForClientToProxyAuth of the Edge alone: outside it is neither offered nor taken, inside it is."""
    s = outside.site
    s.central.cli("New-CsProxyConfiguration", f"service:EdgeServer:edge-pool.{DOMAIN}", "-UseNtlmForClientToProxyAuth", "$false")
    up_to_date(s, "edge")
    more = "User-Agent: UCCAPI/15.0\nms-keep-alive: UAC;hop-hop=yes\n"
    text = text_of("REGISTER", more=more).replace(";tag=1", ";tag=1;epid=0123456789ab")

    def offered():
        return [value.split()[0] for value in asks(outside, text).all("www-authenticate")]
    wait_for(lambda: "NTLM" not in offered())
    bob = SipeClient(tmp_path / "bob")
    try:
        bob.sign_in(s.central, "bob")
    finally:
        assert bob.end() == 0


# ---- a Director ----

@pytest.fixture
def directed(site):
    """An Edge whose next hop is a Director; ann is at home at the central server, bob at another one, carol was given no home."""
    s = site(next_hop="director", director=DIRECTOR, second=SE, edge=EDGE)
    s.prepare("director", "second", "edge")
    s.issue(s.hosts["director"], f"director.{DOMAIN},DNS:director-pool.{DOMAIN}", s.hosts["director"].dir, "Default")
    s.dns.names[f"director-pool.{DOMAIN}"] = ["127.0.0.1"]
    s.start()
    s.central.ntlm = True
    for user, home in (("ann", "central"), ("bob", "second"), ("carol", "")):
        s.central.add_user(user)
        if home:
            s.central.cli("Move-CsUser", f"sip:{user}@{DOMAIN}", "-Target", f"{home}.{DOMAIN}")
    s.central.cli("Set-CsExternalAccessPolicy", "Global", "-EnableOutsideAccess", "$true")
    for name in ("director", "second", "edge"):
        up_to_date(s, name)
    return Outside(s)


def at(host, user, passwords):
    return Client(host, user, passwords[user])


def test_a_director_proves_people_and_connects_them_with_their_homes(directed):
    s = directed.site
    homes = {"ann": s.central, "bob": s.hosts["second"], "carol": s.hosts["director"]}
    before = {name: h.counters()["registrar.bindings"] for name, h in homes.items()}
    assert set(before.values()) == {0}
    for user, home in homes.items():
        with client(directed, user) as one:
            one.sign_in()
            wait_for(lambda: home.counters()["registrar.bindings"] == 1)
            assert sum(h.counters()["registrar.bindings"] for h in homes.values()) == 1
            with at(home, user, directed.passwords) as desk:  # the same person at a desk inside
                desk.sign_in()
                request = desk.build("MESSAGE", desk.aor, headers=[("Content-Type", "text/plain")], body=b"to myself")
                desk.send(request)
                got = one.expect("MESSAGE")
                assert got.body == b"to myself" and got.get("authorization") is None
                one.reply(got, 200)
                desk.reply(desk.expect("MESSAGE"), 486)
                assert desk.response(request).status == 200
            assert not INNER.search(one.wire.seen), one.wire.seen
        wait_for(lambda: home.counters()["registrar.bindings"] == 0)


def test_wrong_passwords_end_at_the_director(directed):
    """RFC 3261 26.3.2: the home does not hear of who has not proven himself."""
    s = directed.site
    before = s.central.counters()["sip.requests"]
    with client(directed, "ann", password="wrong") as ann:
        assert ann.register().status == 401
    assert s.central.counters()["sip.requests"] == before
    s.hosts["director"].wait_event("auth.failed", wanted=lambda e: e["user"] == f"ann@{DOMAIN}")


def test_inside_a_director_sends_people_to_their_homes(directed):
    """RFC 3261 21.3.2."""
    s = directed.site
    with at(s.hosts["director"], "bob", directed.passwords) as bob:
        answer = bob.register()
        assert answer.status == 301 and answer.get("contact") == f"<sip:second.{DOMAIN}:{s.hosts['second'].port_tls};transport=tls>"


def test_a_home_that_is_gone(directed):
    s = directed.site
    s.hosts["second"].stop()
    with client(directed, "bob") as bob:
        assert bob.register(timeout=15).status == 503
    with client(directed, "ann") as ann:
        ann.sign_in()


def test_a_real_client_by_a_director(directed, tmp_path):
    """The Director verifies and makes the signatures of pidgin-sipe; the home serves it."""
    s = directed.site
    ann = SipeClient(tmp_path / "ann")
    try:
        ann.sign_in(directed, "ann", hosts={directed.fqdn: directed.host})
        ann.do("set-status", status="busy", note="in the lab")
        with at(s.central, "ann", directed.passwords) as desk:
            desk.sign_in()
        assert s.central.counters()["registrar.bindings"] >= 1 and s.hosts["director"].counters()["registrar.bindings"] == 0
        assert s.hosts["director"].counters()["auth.forged"] == 0
    finally:
        assert ann.end() == 0


def test_who_may_vouch(directed):
    """A Director may, for an Edge that there is; for one that there is not, nobody is told anything."""
    s = directed.site
    for access, status in ((f"sip.{DOMAIN}", 200), ("sip.elsewhere.test", 403), ("", 403)):
        w = inner_wire(directed, s.hosts["director"])
        mark = f"ms-source-type=InternetUser;ms-source-verified-user=verified;ms-source-access={access};ms-source-address=192.0.2.1;ms-source-port=1"
        w.send(text_of("REGISTER", more=f"ms-edge-proxy-message-trust: {mark}\n").replace("\n", "\r\n").encode())
        assert w.receive().status == status, access
        w.close()
