# SPDX-License-Identifier: Apache-2.0
"""People of different organisations, through the Edges of both."""
import itertools
import json
import re
import shutil
import time

import pytest

from authority import Authority
from deployment import ROOT, Refused
from federation_site import REVOKED, FederationSite, Foreigner, issue
from namespaces import need_namespaces

pytestmark = pytest.mark.root
INNER = re.compile(rb"\.internal|10\.78\.")  # names and addresses inside


@pytest.fixture(scope="module")
def site():
    need_namespaces("named")
    s = FederationSite()
    try:
        for number, word in enumerate(("alpha", "beta"), 1):
            setattr(s, word, s.organisation(word, number, fronts=1 if word == "alpha" else 3))
            getattr(s, word).start()
        for o in s.organisations:
            o.fe.set("AccessEdgeConfiguration", AllowFederatedUsers="$true", EnablePartnerDiscovery="$true")
            o.up_to_date()
        yield s
    finally:
        s.close()


class Watching:
    """Keeps what comes to a client, to look for what it should not see."""

    def __init__(self, client):
        self.client, self.seen, receive = client, [], client.wire.receive

        def keep(*words):
            message = receive(*words)
            self.seen.append(message.bytes())
            return message
        client.wire.receive = keep


def test_message_both_ways(site):
    with site.alpha.client("ann") as ann, site.beta.client("bob") as bob:
        for one, other in ((ann, bob), (bob, ann)):
            seen = Watching(other)
            request = one.build("MESSAGE", other.aor, headers=[("Content-Type", "text/plain")], body=b"across")
            one.send(request)
            got = other.expect("MESSAGE")
            assert got.body == b"across" and got.get("p-asserted-identity") == f"<{one.aor}>"
            assert got.get("ms-edge-proxy-message-trust") is None  # for the server alone
            assert one.server.organisation.inner.encode() not in b"".join(seen.seen)
            other.reply(got, 200)
            assert one.response(request).status == 200
        status = one.message("sip:nobody@alpha.test").status
        assert status == 404


def test_call_both_ways(site):
    """A dialog: ringing, answer, re-INVITE, BYE from each side; nothing of the inside is seen on the other."""
    with site.alpha.client("ann") as ann, site.beta.client("bob") as bob:
        for one, other in ((ann, bob), (bob, ann)):
            watched = [(one, Watching(one)), (other, Watching(other))]
            invite = one.invite(other.aor)
            got = other.expect("INVITE")
            other.reply(got, 180)
            theirs = other.accept(got)
            ours = one.established(invite)
            other.expect("ACK")
            info = ours.send("INFO")
            other.reply(other.expect("INFO"), 200)
            assert one.response(info).status == 200
            info = theirs.send("INFO")
            one.reply(one.expect("INFO"), 200)
            assert other.response(info).status == 200
            bye = theirs.send("BYE")
            one.reply(one.expect("BYE"), 200)
            assert other.response(bye).status == 200
            for client, seen in watched:
                word = (site.beta if client is ann else site.alpha).inner
                foreign = re.compile(word.encode() + rb"|10\.78\." + (b"2" if client is ann else b"1"))
                found = foreign.search(b"".join(seen.seen))
                # SDP of the test clients names 127.0.0.1; who hides media addresses is the media relay
                assert not found, b"".join(seen.seen)[max(found.start() - 400, 0):found.end() + 80].decode()


def test_cancel(site):
    with site.alpha.client("ann") as ann, site.beta.client("bob") as bob:
        invite = ann.invite(bob.aor)
        got = bob.expect("INVITE")
        bob.reply(got, 180)
        ann.receive(lambda m: m.status == 180)
        ann.cancel(invite)
        bob.reply(bob.expect("CANCEL"), 200)
        bob.reply(got, 487)
        assert ann.response(invite).status == 487


def test_a_dialog_outlives_the_trunks(site):
    """What its Record-Route remembers has ended: the next request finds the way again."""
    with site.alpha.client("ann") as ann, site.beta.client("bob") as bob:
        invite = ann.invite(bob.aor)
        theirs = bob.accept(bob.expect("INVITE"))
        ours = ann.established(invite)
        bob.expect("ACK")
        # every connection of the Edge of alpha to others ends; those of the clients stand
        def trunks():
            lines = site.net.run(site.alpha.spaces["edge"], "ss", "-Htn", "state", "established", "( sport = 5061 or dport = 5061 )").splitlines()
            return {tuple(line.split()[2:4]) for line in lines}
        before = trunks()
        assert before
        site.net.run(site.alpha.spaces["edge"], "ss", "-K", "( sport = 5061 or dport = 5061 )")
        if before & trunks():
            pytest.skip("this kernel does not end connections for ss -K")
        for dialog, one, other in ((ours, ann, bob), (theirs, bob, ann)):
            info = dialog.send("INFO")
            other.reply(other.expect("INFO"), 200)
            assert one.response(info).status == 200


def text_of(method, uri, sender, more="", cseq=1):
    serial = next(SERIAL)
    return (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS 198.51.100.200:5061;branch=z9hG4bKp{serial}\r\nFrom: <sip:{sender}>;tag=t{serial}\r\nTo: <{uri}>\r\n"
            f"Call-ID: fed{serial}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:x@198.51.100.200>\r\n{more}Content-Length: 0\r\n\r\n").encode()


SERIAL = itertools.count(int(time.time()))
NOBODY, PAT = "sip:nobody@alpha.test", "pat@gamma.test"
GAMMA = ["sip.gamma.test"]


def certificate(site, kind, names):
    if kind == "untrusted":
        stranger = Authority("Stranger")
        return issue(names, stranger.certificate, stranger.key)
    more = {"good": {}, "expired": {"days": -1}, "revoked": {"serial": REVOKED}, "for people": {"uses": ("clientAuth",)}}[kind]
    return site.certificate(names, **more)


def ask(site, text, kind="good", names=GAMMA):
    wire = site.partner(*(certificate(site, kind, names) if kind else (None, None)))
    wire.send(text)
    try:
        return wire.receive(5)
    finally:
        wire.close()


# what a peer outside shows and says, and what becomes of it: 404 has passed both servers, since there is no such user
@pytest.mark.parametrize("kind, names, method, uri, sender, status", [
    ("good", GAMMA, "MESSAGE", NOBODY, PAT, 404),
    ("good", ["other.example", "sip.gamma.test"], "MESSAGE", NOBODY, PAT, 404),
    ("good", ["sip.gamma.test", "*.gamma.test"], "MESSAGE", NOBODY, PAT, 404),
    ("good", ["sip.beta.test"], "MESSAGE", NOBODY, PAT, 403),
    ("good", ["gamma.test"], "MESSAGE", NOBODY, PAT, 403),
    ("good", ["*.gamma.test"], "MESSAGE", NOBODY, PAT, 403),
    ("untrusted", GAMMA, "MESSAGE", NOBODY, PAT, 403),
    ("expired", GAMMA, "MESSAGE", NOBODY, PAT, 403),
    ("revoked", GAMMA, "MESSAGE", NOBODY, PAT, 403),
    ("for people", GAMMA, "MESSAGE", NOBODY, PAT, 403),
    (None, None, "MESSAGE", NOBODY, PAT, 403),
    ("good", GAMMA, "MESSAGE", NOBODY, "ann@alpha.test", 403),       # somebody outside who says that he is one of us
    ("good", GAMMA, "MESSAGE", NOBODY, "bob@beta.test", 403),        # or one of another partner
    ("good", GAMMA, "MESSAGE", NOBODY, "pat@strange.test", 403),     # whose DNS leads out of its domain
    ("good", GAMMA, "MESSAGE", NOBODY, "pat@nowhere.test", 504),     # which no DNS knows
    ("good", GAMMA, "MESSAGE", "sip:bob@beta.test", PAT, 403),       # through us to somebody else
    ("good", GAMMA, "MESSAGE", "sip:x@192.0.2.9", PAT, 403),
    ("good", GAMMA, "REGISTER", "sip:alpha.test", PAT, 405),
    ("good", GAMMA, "PUBLISH", NOBODY, PAT, 405),
    ("good", GAMMA, "OPTIONS", "sip:sip.alpha.test", "sip.gamma.test", 200),
])
def test_who_is_let_in(site, kind, names, method, uri, sender, status):
    answer = ask(site, text_of(method, uri, sender), kind, names)
    assert answer.status == status, answer.bytes().decode()
    assert not INNER.search(answer.bytes()), answer.bytes().decode()


@pytest.mark.parametrize("route", ["<sip:fe.alpha.internal:5061;transport=tls;lr>", "<sip:10.78.1.11;lr>, <sip:sip.beta.test;lr>", "<sip:sip.alpha.test;lr>, <sip:sip.beta.test;lr>"])
def test_a_route_leads_nowhere_else(site, route):
    answer = ask(site, text_of("MESSAGE", NOBODY, PAT, f"Route: {route}\r\n"))
    assert answer.status in (403, 404) and not INNER.search(answer.bytes())


def test_what_only_an_edge_may_say(site):
    """Marks and identities that a partner writes himself are worth nothing."""
    with site.alpha.client("ann") as ann:
        wire = site.partner(*certificate(site, "good", GAMMA))
        wire.send(text_of("MESSAGE", ann.aor, PAT, "P-Asserted-Identity: <sip:boss@alpha.test>\r\nms-edge-proxy-message-trust: ms-source-type=InternetUser;ms-source-address=10.78.1.11\r\n"))
        got = ann.expect("MESSAGE")
        assert got.all("p-asserted-identity") == [f"<sip:{PAT}>"] and got.get("ms-edge-proxy-message-trust") is None
        ann.reply(got, 200)
        assert wire.receive(5).status == 200
        wire.close()


def watch(c, target):
    return c.transact(c.build("SUBSCRIBE", target, contact=True, headers=[("Event", "presence"), ("Accept", "application/pidf+xml"), ("Expires", "600")]))


def basic(c):
    came = c.expect("NOTIFY")
    c.reply(came, 200)
    return re.search(r"<basic>(\w+)</basic>", came.text).group(1), came


def test_presence_across(site):
    """A watcher of another organisation: a subscription, its notifications, a refresh."""
    with site.alpha.client("ann") as ann, site.beta.client("bob") as bob:
        seen = Watching(bob)
        answer = watch(bob, ann.aor)
        assert answer.status == 200
        assert basic(bob)[0] == "open"
        ann.register(expires=0)
        assert basic(bob)[0] == "closed"
        found = re.search(rb"alpha\.internal|10\.78\.1\.", b"".join(seen.seen))
        assert not found, b"".join(seen.seen).decode()[max(found.start() - 300, 0):found.end() + 60]


@pytest.mark.parametrize("where", ["EdgeServer:edge-pool", "Registrar:fe"])
def test_m10_presence_is_not_shared(site, where):
    """The shipped script, by the command of its guide, at the Edge or at the Front End: presence is refused to partners, messages pass; without it, everything as before."""
    alpha = site.alpha
    edge = alpha.edge if where.startswith("Edge") else alpha.fe
    name, since = f"{where}.{alpha.inner}/HidePresence", len(edge.events)
    alpha.fe.cli("New-CsServerApplication", "-Identity", name, "-Uri", "http://witan.example/scripts/hide-presence", "-ScriptName", str(ROOT / "scripts/mspl/hide-presence.am"),
                 "-Enabled", "$true", "-Critical", "$false")
    edge.wait_event("script.loaded", since=since)
    with alpha.client("ann") as ann, site.beta.client("bob") as bob:
        answer = watch(bob, ann.aor)
        assert answer.status == 403 and "Presence not shared" in answer.start
        request = bob.build("MESSAGE", ann.aor, headers=[("Content-Type", "text/plain")], body=b"still")
        bob.send(request)
        ann.reply(ann.expect("MESSAGE"), 200)
        assert bob.response(request).status == 200
        alpha.fe.cli("Remove-CsServerApplication", name, "-Confirm:$false")
        alpha.up_to_date()
        time.sleep(0.3)  # its processes are told in the turn after
        assert watch(bob, ann.aor).status == 200


@pytest.fixture(scope="module")
def foreigner(site):
    if shutil.which("kamailio") is None:
        pytest.skip("needs the program kamailio")
    site.start_kamailio()
    f = Foreigner(site)
    yield f
    f.close()


def test_kamailio(site, foreigner):
    """A server of other people: messages and a call in both directions, over mutual TLS."""
    pat = foreigner.out
    with site.alpha.client("ann") as ann:
        request = ann.build("MESSAGE", pat.aor, headers=[("Content-Type", "text/plain")], body=b"to gamma")
        ann.send(request)
        there = foreigner.accept()
        got = there.expect("MESSAGE")
        assert got.body == b"to gamma" and not INNER.search(got.bytes()), got.bytes().decode()
        assert got.get("p-asserted-identity") == f"<{ann.aor}>"
        there.reply(got, 200)
        assert ann.response(request).status == 200
        # back
        request = pat.build("MESSAGE", ann.aor, headers=[("Content-Type", "text/plain")], body=b"from gamma")
        pat.send(request)
        got = ann.expect("MESSAGE")
        assert got.body == b"from gamma" and got.get("p-asserted-identity") == f"<{pat.aor}>"
        ann.reply(got, 200)
        assert pat.response(request).status == 200
        # a call to it, ended from there
        invite = ann.invite(pat.aor)
        theirs = there.accept(there.expect("INVITE"))
        ours = ann.established(invite)
        there.expect("ACK")
        info = ours.send("INFO")
        there.reply(there.expect("INFO"), 200)
        assert ann.response(info).status == 200
        bye = theirs.send("BYE")
        ann.reply(ann.expect("BYE"), 200)
        assert there.response(bye).status == 200
        # a call from it, ended here
        invite = pat.invite(ann.aor)
        ours = ann.accept(ann.expect("INVITE"))
        pat.established(invite)
        ann.expect("ACK")
        bye = ours.send("BYE")
        pat.reply(pat.expect("BYE"), 200)
        assert ann.response(bye).status == 200
        there.close()
    assert site.alpha.edge.counters()["federation.outward"] >= 3


def steps(site, *words):
    rows = json.loads(site.alpha.edge.cli("Test-CsFederatedPartner", *words, "-As", "json"))
    return [(r["Step"], r["Ok"]) for r in rows], rows[-1]["Detail"]


def test_a_partner_is_tried(site, foreigner):
    """Test-CsFederatedPartner stops where the way does."""
    whole = [(s, True) for s in ("Policy", "DNS", "Address", "Connection", "Certificate", "Answer")]
    assert steps(site, "beta.test")[0] == whole
    assert steps(site, "-Domain", "beta.test", "-TargetFqdn", "sip.beta.test")[0] == whole
    assert steps(site, "gamma.test")[0][:5] == whole[:5]  # what Kamailio says to OPTIONS is its affair
    for words, last, text in ((["beta.test", "-TargetFqdn", "sip.gamma.test"], "DNS", "another server"), (["nowhere.test"], "DNS", "no record"), (["strange.test"], "DNS", "inside the domain"),
                              (["wild.test"], "Certificate", "sip.gamma.test"), (["alpha.test"], "Policy", "own"), (["away.test"], "Connection", "nobody takes")):
        found, detail = steps(site, *words)
        assert found[-1] == (last, False) and text in detail, (words, found, detail)
    assert "no Edge" in refused(site.alpha.fe, "Get-CsFederationStatus")
    rows = {r["Domain"]: r for r in json.loads(site.alpha.edge.cli("Get-CsFederationStatus", "-As", "json"))}
    assert rows["beta.test"]["Type"] == "discovered" and rows["beta.test"]["MessagesOut"] > 0 and rows["gamma.test"]["MessagesIn"] > 0


def refused(host, *words):
    with pytest.raises(Refused) as why:
        host.cli(*words)
    return str(why.value)


def test_kamailio_with_a_bad_certificate(site, foreigner):
    """The other side refuses us, or shows what we refuse: the sender is told that nobody was reached."""
    with site.alpha.client("ann") as ann:
        assert ann.message("sip:pat@wild.test").status == 504  # its server shows the certificate of gamma.test


def test_a_tag_that_was_made_up_opens_nothing(site):
    """A request that looks like one within a dialog passes the same questions: the policy of whom it is for, and of who sends it."""
    fe, lone = site.alpha.fe, ["New-CsExternalAccessPolicy", "-Identity", "Tag:Lone", "-EnableFederationAccess", "$false"]
    with site.alpha.client("ann") as ann, site.alpha.client("eve") as eve, site.beta.client("bob") as bob:
        fe.cli(*lone)
        fe.cli("Grant-CsExternalAccessPolicy", "sip:eve@alpha.test", "-PolicyName", "Lone")
        time.sleep(0.3)  # until the processes have been told
        for to in (f"<{bob.aor}>;tag=made-up", f"<{bob.aor}>"):
            request = eve.build("MESSAGE", bob.aor, to=to, headers=[("Content-Type", "text/plain")], body=b"x")
            assert eve.transact(request).status == 403, to
        for to in (f"<{ann.aor}>;tag=made-up", f"<{eve.aor}>;tag=made-up", f"<{eve.aor}>"):
            request = bob.build("MESSAGE", eve.aor, to=to, headers=[("Content-Type", "text/plain")], body=b"x")
            assert bob.transact(request).status == 403
        eve.nothing(0.2, lambda m: m.is_request)
        fe.cli("Grant-CsExternalAccessPolicy", "sip:eve@alpha.test", "-PolicyName", "$null")
        fe.cli("Remove-CsExternalAccessPolicy", "Tag:Lone")


def test_settings_and_policies(site):
    """Both sides can say no: the setting, the policy of the user, the lists."""
    fe = site.alpha.fe
    with site.alpha.client("ann") as ann, site.beta.client("bob") as bob:
        def change(*words):
            fe.cli(*words)
            site.alpha.up_to_date()
        for off, on in (
            (["Set-CsAccessEdgeConfiguration", "-AllowFederatedUsers", "$false"], ["Set-CsAccessEdgeConfiguration", "-AllowFederatedUsers", "$true"]),
            (["Set-CsExternalAccessPolicy", "Global", "-EnableFederationAccess", "$false"], ["Set-CsExternalAccessPolicy", "Global", "-EnableFederationAccess", "$true"]),
            (["New-CsBlockedDomain", "beta.test"], ["Remove-CsBlockedDomain", "beta.test"]),
            (["Set-CsAccessEdgeConfiguration", "-EnablePartnerDiscovery", "$false"], ["Set-CsAccessEdgeConfiguration", "-EnablePartnerDiscovery", "$true"]),
        ):
            change(*off)
            assert ann.message(bob.aor).status == 403, off
            assert bob.message(ann.aor).status == 403, off
            bob.nothing(0.2, lambda m: m.is_request)
            change(*on)
        # who is listed needs no discovery; with a server of his own no DNS either
        change("Set-CsAccessEdgeConfiguration", "-EnablePartnerDiscovery", "$false")
        for more in ([], ["-ProxyFqdn", "sip.beta.test"]):
            change("New-CsAllowedDomain", "beta.test", *more)
            request = ann.build("MESSAGE", bob.aor, headers=[("Content-Type", "text/plain")], body=b"listed")
            ann.send(request)
            bob.reply(bob.expect("MESSAGE"), 200)
            assert ann.response(request).status == 200
            change("Remove-CsAllowedDomain", "beta.test")
        # another server than the listed one is not his
        change("New-CsAllowedDomain", "beta.test", "-ProxyFqdn", "sip.gamma.test")
        assert bob.message(ann.aor).status == 403
        change("Remove-CsAllowedDomain", "beta.test")
        change("Set-CsAccessEdgeConfiguration", "-EnablePartnerDiscovery", "$true")


def test_a_discovered_partner_has_limits(site):
    fe = site.alpha.fe
    fe.set("AccessEdgeConfiguration", DiscoveredPartnerStandardRate="5", MaxContactsPerDiscoveredPartner="3")
    site.alpha.up_to_date()
    wire = site.partner(*certificate(site, "good", GAMMA))
    try:
        time.sleep(1)
        for i in range(8):
            wire.send(text_of("MESSAGE", NOBODY, PAT))
        found = sorted(wire.receive(5).status for _ in range(8))
        assert found.count(503) >= 2 and found.count(404) >= 5, found
        time.sleep(1.1)
        for i in range(4):
            wire.send(text_of("MESSAGE", f"sip:n{i}@alpha.test", PAT))
        found = sorted(wire.receive(5).status for _ in range(4))
        assert 403 in found and 404 in found, found
    finally:
        wire.close()
        fe.set("AccessEdgeConfiguration", DiscoveredPartnerStandardRate="20", MaxContactsPerDiscoveredPartner="1000")
        site.alpha.up_to_date()
    assert site.alpha.edge.log("partner.watched")
