# SPDX-License-Identifier: Apache-2.0
"""People who sign in by TLS-DSK, with certificates of the built-in authority and with others, at a whole server."""
import os

import pytest

from deployment import authority_files, wait_for
from dsk_client import DskClient, Handshake
from sip_client import Closed
from sipe_client import SipeClient
from test_client_certificate import forge, issue, serial_of

STS = "/CertProv/CertProvisioningService.svc"


@pytest.fixture
def server(server_factory):
    return server_factory(web_names=True, https=True)


@pytest.fixture
def device(linger):
    def make(server, user="ann"):
        one = DskClient(server, user)
        linger(one.close)
        return one
    return make


def refusals(server):
    return server.log("auth.certificate_refused")


def refused(server, client, certificate, why):
    """The proof is not taken, the next challenge lists all schemes, and the log says why."""
    before = len(refusals(server))
    answer = client.prove(certificate)
    assert answer.status == 401 and client.told(answer) is None
    assert any("sts-uri" in v for v in answer.all("www-authenticate"))
    wait_for(lambda: len(refusals(server)) > before)
    assert why in refusals(server)[-1]["why"], refusals(server)[-1]


def test_offered_after_the_others(server, device):
    names, offers = device(server).challenges()
    assert names == ["NTLM", "TLS-DSK"]
    assert offers["TLS-DSK"]["sts-uri"].startswith("https://") and offers["TLS-DSK"]["sts-uri"].endswith(STS)
    assert offers["TLS-DSK"]["targetname"] == server.fqdn and offers["TLS-DSK"]["version"] == "4"
    server.set("ProxyConfiguration", UseCertificateForClientToProxyAuth="$false")
    wait_for(lambda: device(server).challenges()[0] == ["NTLM"])


def test_not_offered_without_web_services(server_factory, device):
    assert device(server_factory()).challenges()[0] == ["NTLM"]


def test_signs_in(server, device):
    ann, bob = device(server).sign_in_by(issue(server, "ann")), device(server, "bob").sign_in_by(issue(server, "bob"))
    assert server.counters()["registrar.bindings"] == 2
    request = ann.build("INFO", bob.aor, body="hello")
    request.headers.append(ann.credentials(request))
    ann.send(request)
    came = bob.check(bob.expect("INFO"))
    assert came.text == "hello" and came.get("authorization") is None and came.get("proxy-authorization") is None
    # a count is good once, and what is forged is nobody's
    assert ann.say(ann.build("INFO", bob.aor, body="again"), count=1).status == 401
    ann.key = bytes(32)
    assert ann.say(ann.build("INFO", bob.aor, body="forged")).status == 401
    assert server.counters()["auth.forged"] == 2


def test_certificate_of_somebody_else(server, device):
    bob = device(server, "bob")
    answer = bob.prove(issue(server, "ann"))
    assert answer.status == 403 and answer.get("ms-diagnostics").startswith("4004;")
    assert server.counters()["registrar.bindings"] == 0


def test_certificates_that_prove_nothing(server, device):
    ann = device(server)
    refused(server, ann, forge(server, own=False), "another authority")
    refused(server, ann, forge(server, eku="serverAuth"), "not one for people")
    refused(server, ann, forge(server, eku=""), "not one for people")
    refused(server, ann, forge(server, san="URI:sip:ann@other.example"), "not there")
    refused(server, ann, forge(server, san=""), "names no SIP address")
    refused(server, ann, forge(server, san="URI:sip:ann@example.test,URI:sip:bob@example.test"), "one SIP address")
    refused(server, ann, forge(server, days=-1), "expired")
    answer = ann.prove(None)
    assert answer.status == 401 and ann.told(answer) is None
    assert server.counters()["auth.locked"] == 0
    ann.sign_in_by(issue(server, "ann"))  # nobody is locked out by what others show


def test_disabled(server, device):
    certificate, ann = issue(server, "ann"), device(server)
    ann.sign_in_by(certificate)
    server.cli("Disable-CsUser", "-Identity", ann.aor)
    signed_out(ann)
    assert server.counters()["registrar.bindings"] == 0
    refused(server, device(server), certificate, "disabled")


def signed_out(device):
    """It is told so by a message that is signed, the last one."""
    last = device.check(device.expect("BENOTIFY", timeout=15))
    assert last.get("event") == "registration-notify" and last.get("subscription-state") == "terminated;expires=0"
    assert last.text == "deregistered;event=rejected" and last.get("ms-diagnostics-public") == '4141;reason="User disabled"'
    with pytest.raises(Closed):
        device.receive(timeout=5)


def test_revoked(server, device):
    """One is revoked: who signs by it is cut off, and cannot come back with it; others stay."""
    mine, other, bobs = issue(server, "ann"), issue(server, "ann"), issue(server, "bob")
    ann, second, bob = device(server).sign_in_by(mine), device(server).sign_in_by(other), device(server, "bob").sign_in_by(bobs)
    server.cli("Revoke-CsClientCertificate", "-SerialNumber", serial_of(mine))
    signed_out(ann)
    refused(server, device(server), mine, "revoked")
    assert second.say(second.register_request()).status == 200
    assert bob.say(bob.register_request()).status == 200
    assert server.counters()["connections.closed.revoked"] == 1


def test_association_of_another_connection(server, device):
    ann, thief = device(server).sign_in_by(issue(server, "ann")), device(server)
    thief.opaque, thief.key, thief.server_key = ann.opaque, ann.key, ann.server_key
    assert thief.say(thief.register_request()).status == 401


def test_handshakes_that_nobody_goes_on_with(server, device):
    """They cost a bounded piece of memory, and who comes meanwhile signs in."""
    before = device(server)
    crowd = [device(server, "bob") for _ in range(40)]
    for one in crowd:
        for _ in range(16):
            one.opaque = None
            assert one.told(one.give(Handshake(None).step())) is not None
    before.sign_in_by(issue(server, "ann"))
    assert crowd[0].told(crowd[0].give(b"\x16\x03\x01\x00\x01\x00")) is None


def test_front_dies(server, device):
    certificate = issue(server, "ann")
    ann = device(server).sign_in_by(certificate)
    old = server.kill("front0")
    with pytest.raises(Closed):
        ann.receive(timeout=10)
    server.wait_restarted("front0", old)
    device(server).sign_in_by(certificate)


def test_not_offered_where_nothing_can_be_issued(server, device):
    """The key of the authority is taken away: clients that would get no certificate are not sent for one, who has one goes on."""
    key = authority_files(server.dir)[1]
    ann = device(server).sign_in_by(issue(server, "ann"))
    os.rename(key, f"{key}.away")
    old = server.kill("keeper0")
    server.wait_restarted("keeper0", old)
    wait_for(lambda: device(server).challenges()[0] == ["NTLM"])
    assert ann.say(ann.register_request()).status == 200
    os.rename(f"{key}.away", key)
    old = server.kill("keeper0")
    server.wait_restarted("keeper0", old)
    wait_for(lambda: device(server).challenges()[0] == ["NTLM", "TLS-DSK"])


# ---- the real client ----

@pytest.fixture
def sipe(tmp_path, linger):
    def make(name):
        one = SipeClient(tmp_path / name)
        linger(one.end)
        return one
    return make


@pytest.mark.peers
def test_real_client(server, sipe):
    """pidgin-sipe gets a certificate from the web services by password, signs in by it, and is cut off when it is revoked."""
    ann, bob = sipe("ann").sign_in(server, "ann", scheme="tls-dsk"), sipe("bob").sign_in(server, "bob", scheme="tls-dsk")
    assert server.counters()["registrar.bindings"] == 2
    ann.do("send", who="sip:bob@example.test", text="hello")
    assert "hello" in bob.wait("message")["text"]
    assert server.counters()["auth.accepted"] == 2 and server.counters()["auth.failed"] == 0
    server.cli("Revoke-CsClientCertificate", "-Identity", "sip:ann@example.test")
    ann.wait("connection-error")
    wait_for(lambda: server.counters()["connections.closed.revoked"] == 1)
    assert bob.tell("contacts")["ok"]
