# SPDX-License-Identifier: Apache-2.0
"""People who have to show a smart card, or another certificate of an administrator's, before they get a web ticket; and what is refused to them."""
import os
import re
import ssl
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization

from deployment import BUILD, wait_for
from dsk_client import DskClient
from lync_client import LyncClient
from realm import Realm
from test_client_certificate import Shown, forge, issue, serial_of
from ticket_client import CERT_PATH, TICKET_PATH, USER_PATH, Ticket, TicketClient, csr, fault, ntlm_by_curl
from web_client import WebClient
from test_web_negotiate import by_curl

ANN = "sip:ann@example.test"
CARD_PATH = "/WebTicket/WebTicketService.svc/cert"


class CardClient(TicketClient):
    """A connection that shows a certificate."""

    def __init__(self, server, file=None, **more):
        self.file = file
        super().__init__(server, **more)

    def connect(self):
        tls = ssl.create_default_context(cafile=str(self.server.dir / "ca.pem"))
        if self.file:
            tls.load_cert_chain(self.file)
        return WebClient(self.port, None, host=self.name, tls=tls)

    def ask(self, user="ann", entropy=b"e" * 32, **more):
        return self.post(CARD_PATH, self.token_request(user, entropy=entropy, **more))


def words(answer, status=403):
    """Of a fault that is no 500."""
    assert answer.status == status, (answer.status, answer.body)
    return re.search(rb"<faultstring>([^<]*)<", answer.body).group(1).decode()


def require(server, name="ann", is_on=True):
    """Answers the warnings."""
    done = subprocess.run([BUILD / "witan", "--dir", server.dir, "Set-CsUser", "-Identity", f"sip:{name}@example.test", "-SmartcardLogonRequired", "$true" if is_on else "$false"],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    wait_for(lambda: asks(server) or not is_on, 5)
    return done.stderr


def asks(server):
    """Does the site inside ask for a certificate?"""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port_https}", "-servername", "uc.example.test"], input=b"", capture_output=True, timeout=10)
    return b"Acceptable client certificate CA names" in done.stdout


@pytest.fixture
def server(server_factory):
    return server_factory(users=("ann", "bob"), https=True, web_names=True)


@pytest.fixture
def held(server):
    """Ann has to; she has a card."""
    require(server)
    return server


def refused(server, client, why, user="ann"):
    before = server.counters()
    answer = client.ask(user)
    assert why in words(answer), words(answer)
    after = server.counters()
    assert after["tickets.refused.certificate"] == before["tickets.refused.certificate"] + 1
    assert after["tickets.refused"] == before["tickets.refused"] + 1 and after["tickets.given"] == before["tickets.given"]


def test_a_certificate_for_a_card(held):
    card = CardClient(held, issue(held))
    answer = card.ask()
    assert answer.status == 200, answer.body
    cert, _ = card.certificate(Ticket(answer.body, b"e" * 32))
    assert "ann@example.test" in cert.subject.rfc4514_string()
    assert held.counters()["tickets.given.certificate"] == 1 and held.counters()["certificates.issued"] == 1


def test_who_need_not_may_all_the_same(held):
    assert CardClient(held, issue(held, "bob")).ask("bob").status == 200
    assert TicketClient(held).ask_ticket("bob").status == 200


def test_nobody_is_asked_before_somebody_has_to(server):
    assert not asks(server)
    assert "no certificate was shown" in words(CardClient(server, issue(server)).ask())
    require(server)
    assert CardClient(server, issue(server)).ask().status == 200
    server.restart()
    assert asks(server)
    server.cli("Set-CsWebServiceConfiguration", "-UseCertificateAuth", "$false")
    assert "not taken here" in words(CardClient(server, issue(server)).ask()) or not asks(server)


def test_curl_shows_it(held):
    done = subprocess.run(["curl", "-s", "--cert", issue(held), "--cacert", held.dir / "ca.pem", "--resolve", f"uc.example.test:{held.port_https}:127.0.0.1", "-H", "Content-Type: text/xml",
                           "--data-binary", "@-", "-w", "\n%{http_code}", f"https://uc.example.test:{held.port_https}{CARD_PATH}"],
                          input=CardClient(held).token_request().encode(), capture_output=True, timeout=30)
    assert done.stdout.endswith(b"\n200") and b"sip:ann@example.test" in done.stdout


# ---- certificates that do not do ----

def test_none(held):
    refused(held, CardClient(held), "no certificate was shown")


def test_of_another_authority(held):
    refused(held, CardClient(held, forge(held, own=False)), "authority")
    assert held.counters()["chains.refused.untrusted"] == 1


def test_expired(held):
    refused(held, CardClient(held, forge(held, days=-1)), "expired")
    assert held.counters()["chains.refused.time"] == 1


def test_for_servers(held):
    refused(held, CardClient(held, forge(held, eku="serverAuth")), "")


def test_made_by_the_key_but_in_no_list(held):
    refused(held, CardClient(held, forge(held)), "not one that an administrator")


def test_of_another_user(held):
    refused(held, CardClient(held, issue(held, "bob")), "ask for a ticket of sip:ann", user="ann")


def test_revoked(held):
    card = issue(held)
    assert CardClient(held, card).ask().status == 200
    held.cli("revoke-certificate", "--serial", serial_of(card))
    wait_for(lambda: "revoked" in words(CardClient(held, card).ask()), 5)
    refused(held, CardClient(held, card), "revoked")


def test_of_a_device(held):
    """A certificate that came for a ticket gets no further one: it is no card."""
    first = CardClient(held, issue(held))
    request, key = csr()
    cert, _ = first.certificate(Ticket(first.ask().body, b"e" * 32), request)
    device = held.top / "device.pem"
    device.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + cert.public_bytes(serialization.Encoding.PEM))
    refused(held, CardClient(held, device), "issued for a web ticket")


def test_disabled_or_locked(held):
    card = issue(held)
    held.set("ProxyConfiguration", MaxFailedSignIns="2", LockoutSeconds="2")
    for _ in range(2):
        assert TicketClient(held).ask_ticket("ann", "wrong").status == 401
    assert "too many wrong passwords" in fault(CardClient(held, card).ask())
    wait_for(lambda: CardClient(held, card).ask().status == 200, 6, step=0.4)
    held.cli("Disable-CsUser", "-Identity", ANN)
    refused(held, CardClient(held, card), "disabled")


def test_through_a_reverse_proxy(held):
    refused(held, CardClient(held, outside=True), "reverse proxy")
    assert "you sign in by a smart card" in words(TicketClient(held, outside=True).ask_ticket())


def test_what_is_no_request(held):
    card = CardClient(held, issue(held))
    for body in ("", "x", "<a/>"):
        assert fault(card.post(CARD_PATH, body))
    assert card.http.ask("GET", CARD_PATH).status == 405
    assert "not one of this server" in words(card.ask(audience="https://evil.test" + CERT_PATH))


# ---- whatever is no certificate ----

def test_passwords_and_ntlm_get_no_ticket(held):
    client = TicketClient(held)
    assert "you sign in by a smart card" in words(client.ask_ticket())
    assert client.ask_ticket("ann", "wrong").status == 401, "who does not know the password is told nothing"
    held.cli("Set-CsUser", "-Identity", ANN, "-NtlmAllowed", "$true", "-PasswordFile", "-", stdin=held.passwords["ann"] + "\n")
    wait_for(lambda: any(v == "NTLM" for n, v in client.post(TICKET_PATH, "").fields), 5)
    status, text = ntlm_by_curl(held, "ann", held.passwords["ann"], client.token_request())
    assert status == 403 and b"you sign in by a smart card" in text
    assert held.counters()["tickets.refused.smartcard"] == 2 and held.counters()["tickets.given"] == 0


def test_kerberos_does_not_do_either(held, linger):
    realm = Realm()
    try:
        realm.add("ann")
        realm.service("sip/uc.example.test")
        keytab = realm.service("HTTP/uc.example.test")
        realm.start()
        held.cli("Import-CsKerberosKeytab", keytab)
        client = TicketClient(held)
        wait_for(lambda: any(v == "Negotiate" for n, v in client.post(TICKET_PATH, "").fields), 5)
        status, text = by_curl(held, realm, realm.sign_in("ann"), client.token_request())
        assert status == 403 and b"you sign in by a smart card" in text
        os.environ["KRB5_CONFIG"] = str(realm.top / "krb5.conf")
        lync = LyncClient(held, "ann")
        linger(lync.close)
        answer = lync.prove(lync.open(realm, realm.sign_in("ann")))
        assert answer.status == 403 and "smart card" in answer.get("ms-diagnostics")
    finally:
        os.environ.pop("KRB5_CONFIG", None)
        realm.remove()


def test_sip_takes_only_certificates(held, linger):
    """Digest with the right password is refused, and not counted as a guess; TLS-DSK goes on, also with what a card was needed for."""
    from sip_client import Client
    ann = Client(held, "ann")
    linger(ann.close)
    answer = ann.register()
    assert answer.status == 403
    assert held.wait_event("auth.smartcard")["user"] == "ann@example.test"
    assert held.counters()["auth.smartcard"] == 1 and held.counters()["auth.failed"] == 0 and held.counters()["registrar.bindings"] == 0
    card = CardClient(held, issue(held))
    request, key = csr()
    cert, _ = card.certificate(Ticket(card.ask().body, b"e" * 32), request)
    device = held.top / "device.pem"
    device.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + cert.public_bytes(serialization.Encoding.PEM))
    one = DskClient(held, "ann")
    linger(one.close)
    one.sign_in_by(device)
    assert held.counters()["registrar.bindings"] == 1


def test_the_rule_holds_at_once(server, linger):
    """Who is signed in by his password, and tickets of before, end with it; and an administrator is told of certificates of before."""
    from sip_client import Client
    ann = Client(server, "ann")
    linger(ann.close)
    ann.sign_in()
    client = TicketClient(server)
    ticket, document = client.ticket(), client.ticket(audience=client.base + USER_PATH)
    client.certificate(ticket)
    assert "1 certificates that they got before" in require(server)
    assert "no longer good" in fault(client.ask_certificate(ticket))
    assert client.http.ask("GET", USER_PATH, {"X-MS-WebTicket": document.header, "Accept": "application/vnd.microsoft.rtc.autodiscover+xml"}).status == 401
    assert ann.register().status == 403
    card = CardClient(server, issue(server))
    held = Ticket(card.ask().body, b"e" * 32)
    require(server, is_on=False)
    assert "no longer good" in fault(card.ask_certificate(held))
    assert client.ask_ticket().status == 200
    ann.sign_in()


def test_no_session_of_an_administrator_for_a_password(server_factory):
    server = server_factory(web=True)
    server.cli("Set-CsGroup", "-Identity", "CsAdministrator", "-Members", ANN)
    server.cli("Set-CsUser", "-Identity", ANN, "-SmartcardLogonRequired", "$true")
    with WebClient(server.port_web, server.dir / "ca.pem") as c:
        answer = c.ask("POST", "/api/v1/session", {}, {"User": ANN, "Password": server.passwords["ann"]})
        assert answer.status == 403 and answer.error == "CERTIFICATE_NEEDED"
        assert c.ask("POST", "/api/v1/session", {}, {"User": ANN, "Password": "wrong"}).status == 401
    with Shown(server, issue(server)) as c:
        assert c.sign_in().status == 201
