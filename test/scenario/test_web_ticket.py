# SPDX-License-Identifier: Apache-2.0
"""Web tickets, and what people get for them: certificates, and where they are at home."""
import base64
import datetime
import json
import pathlib
import re
import time
import xml.etree.ElementTree as ET

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from deployment import wait_for
from test_web_public import PublicClient
from test_web_site import SPACE, XML
from ticket_client import CERT_PATH, TICKET_PATH, USER_PATH, Ticket, TicketClient, csr, curve_csr, fault, instant, ntlm_by_curl, weak_csr

TEXT = {"Content-Type": "text/xml"}


@pytest.fixture
def server(server_factory):
    return server_factory(users=("ann", "bob"), http=True, https=True, web_names=True, tcp=False)


@pytest.fixture
def ann(server):
    client = TicketClient(server)
    yield client
    client.http.close()


def challenges(answer):
    return [value for name, value in answer.fields if name.lower() == "www-authenticate"]


def user_document(client, header, query=""):
    return client.http.ask("GET", USER_PATH + query, {"Accept": XML, **({"X-MS-WebTicket": header} if header else {})})


# ---- what there is ----

@pytest.mark.parametrize("outside", [False, True], ids=["inside", "outside"])
def test_services_are_described(server, outside):
    """By the path that clients go: the policy of a port says where tickets come from, and there is the port that gives them."""
    client = TicketClient(server, outside)
    answer = client.http.ask("GET", "/CertProv/CertProvisioningService.svc/mex")
    assert answer.status == 200 and answer["Content-Type"].startswith("text/xml")
    tree = ET.fromstring(answer.body)
    ids = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id"
    policy, = [e for e in tree.iter() if e.get(ids) == "CertProvisioningServiceWebTicketProof_SHA1_policy"]
    issuer, = [e.text for e in policy.iter("{http://www.w3.org/2005/08/addressing}Address")]
    assert issuer == client.base + "/WebTicket/WebTicketService.svc"
    ports = {p.get("name"): p[0].get("location") for p in tree.iter("{http://schemas.xmlsoap.org/wsdl/}port")}
    assert ports == {"CertProvisioningServiceWebTicketProof_SHA1": client.base + CERT_PATH}
    tree = ET.fromstring(client.http.ask("GET", issuer.removeprefix(client.base) + "/mex").body)
    ports = {p.get("name"): p[0].get("location") for p in tree.iter("{http://schemas.xmlsoap.org/wsdl/}port")}
    assert ports == {"WebTicketServiceWinNegotiate": client.base + TICKET_PATH}


def test_nothing_of_it_without_tls(server):
    for port, name in ((server.port_http, "uc.example.test"), (server.port_external_http, "web.example.test")):
        with PublicClient(port) as c:
            c.host = name
            for path in (TICKET_PATH, CERT_PATH):
                answer = c.ask("POST", path, TEXT, b"<x/>")
                assert answer.status in (405, 413), answer.status
        with PublicClient(port) as c:
            c.host = name
            answer = c.ask("GET", TICKET_PATH)
            assert answer.status == 301 and answer["Location"].startswith("https://")


# ---- tickets ----

def test_ticket_by_basic(server, ann):
    answer = ann.post(TICKET_PATH, ann.token_request())
    assert answer.status == 401 and challenges(answer) == ['Basic realm="SIP Communications Service", charset="UTF-8"']
    for login in ("ann", "ann@example.test", "EXAMPLE\\ann", "Ann@Example.test"):
        answer = ann.ask_ticket(login, server.passwords["ann"], user="ann", entropy=b"e" * 32)
        assert answer.status == 200 and answer["Content-Type"].startswith("text/xml"), login
    one = Ticket(answer.body, b"e" * 32)
    assert one.context == "c1" and "sip:ann@example.test" in one.assertion and server.passwords["ann"] not in answer.body.decode()
    ET.fromstring(one.assertion)  # stands by itself
    assert server.counters()["tickets.given"] == 4
    assert server.passwords["ann"] not in json.dumps(server.events)


def test_ticket_by_ntlm(server, ann):
    """By curl's NTLM. It is offered once somebody has what it needs, and only where the policy wants it."""
    body = ann.token_request(entropy=b"e" * 32)
    assert ntlm_by_curl(server, "ann", server.passwords["ann"], body)[0] == 401
    server.cli("Set-CsUser", "-Identity", "sip:ann@example.test", "-NtlmAllowed", "$true", "-PasswordFile", "-", stdin=server.passwords["ann"] + "\n")
    wait_for(lambda: challenges(ann.post(TICKET_PATH, "")) == ["NTLM", 'Basic realm="SIP Communications Service", charset="UTF-8"'], 5)
    status, text = ntlm_by_curl(server, "ann", server.passwords["ann"], body)
    assert status == 200, text
    ticket = Ticket(text, b"e" * 32)
    assert ann.certificate(ticket)[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "ann@example.test"
    assert ntlm_by_curl(server, "ann", "wrong", body)[0] == 401
    assert ntlm_by_curl(server, "bob", server.passwords["bob"], ann.token_request("bob"))[0] == 401, "bob may not"
    server.cli("Set-CsWebServiceConfiguration", "-UseWindowsAuth", "None")
    wait_for(lambda: len(challenges(ann.post(TICKET_PATH, ""))) == 1, 5)
    assert ntlm_by_curl(server, "ann", server.passwords["ann"], body)[0] == 401


def test_ntlm_needs_its_beginning(server, ann):
    """A third message without the first two of this connection proves nothing."""
    server.cli("Set-CsUser", "-Identity", "sip:ann@example.test", "-NtlmAllowed", "$true", "-PasswordFile", "-", stdin=server.passwords["ann"] + "\n")
    wait_for(lambda: "NTLM" in challenges(ann.post(TICKET_PATH, "")), 5)
    for token in (b"NTLMSSP\0\3\0\0\0" + bytes(60), b"NTLMSSP\0\2\0\0\0" + bytes(60), b"", b"x" * 4000):
        answer = ann.post(TICKET_PATH, ann.token_request(), Authorization="NTLM " + base64.b64encode(token).decode())
        assert answer.status == 401 and len(challenges(answer)) == 2
    first = b"NTLMSSP\0\1\0\0\0\x05\x82\x88\xa2" + bytes(16)
    answer = ann.post(TICKET_PATH, "", Authorization="NTLM " + base64.b64encode(first).decode())
    second, = challenges(answer)
    raw = base64.b64decode(second.removeprefix("NTLM "))
    assert answer.status == 401 and raw.startswith(b"NTLMSSP\0\2\0\0\0")
    answer = ann.post(TICKET_PATH, ann.token_request(), Authorization="NTLM " + base64.b64encode(b"NTLMSSP\0\3\0\0\0" + bytes(60)).decode())
    assert answer.status == 401 and len(challenges(answer)) == 2


def test_wrong_password_and_lock(server, ann):
    server.set("ProxyConfiguration", MaxFailedSignIns="3", LockoutSeconds="2")
    for name, password in (("ann", "wrong"), ("ann", ""), ("nobody", "x"), ("", "x"), ("ann@elsewhere.test", "x")):
        answer = ann.ask_ticket(name, password, user="ann")
        assert answer.status == 401 and len(challenges(answer)) == 1, name
    assert ann.ask_ticket("ann", "wrong").status == 401
    assert "too many wrong passwords" in fault(ann.ask_ticket("ann"))
    assert server.wait_event("auth.locked")["user"] == "ann@example.test"
    assert ann.ask_ticket("bob").status == 200
    wait_for(lambda: ann.ask_ticket("ann").status == 200, 6, step=0.3)


def test_disabled(server, ann):
    ticket = ann.ticket()
    server.cli("Disable-CsUser", "-Identity", "sip:ann@example.test")
    assert ann.ask_ticket().status == 401
    assert "no longer good" in fault(ann.ask_certificate(ticket))


def test_claim_of_another(server, ann):
    assert "ask for a ticket of sip:bob" in fault(ann.ask_ticket("ann", user="bob"))


def test_ticket_for_a_foreign_service(ann):
    for url in ("https://evil.test" + CERT_PATH, "http://uc.example.test" + CERT_PATH, "uc.example.test"):
        assert "not one of this server" in fault(ann.ask_ticket(audience=url))


@pytest.mark.parametrize("body", ["", "x", "<a/>", "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>",
                                  "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a>" * 50 + "</a>" * 50, "<a>" + "<b/>" * 5000 + "</a>"])
def test_what_is_no_request(server, ann, body):
    coded = base64.b64encode(f"ann:{server.passwords['ann']}".encode()).decode()
    assert fault(ann.post(TICKET_PATH, body, Authorization=f"Basic {coded}"))
    assert fault(ann.post(CERT_PATH, body))
    assert ann.ask_ticket().status == 200


def test_too_long_or_another_kind(ann):
    assert ann.http.ask("POST", TICKET_PATH, {"Content-Type": "application/json"}, b"{}").status == 415
    answer = ann.http.ask("POST", TICKET_PATH, TEXT, b"x" * 70000)
    assert answer.status == 413


def test_key_without_entropy(ann):
    for entropy in (b"short", b"x" * 65):
        assert "Entropy" in fault(ann.ask_ticket(entropy=entropy))


# ---- certificates ----

def test_certificate(server, ann):
    """Of who signed in, whatever the request says."""
    before = time.time()
    ticket = ann.ticket()
    request, key = csr("bob@example.test")
    cert, answer = ann.certificate(ticket, request)
    assert cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "ann@example.test"
    names = cert.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["sip:ann@example.test"]
    assert list(cert.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert cert.public_key().public_numbers() == key.public_key().public_numbers()
    assert abs(cert.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp() - before - 180 * 86400) < 60
    assert b'DeviceId="{11111111-2222-3333-4444-555555555555}"' in answer.body and b'Entity="ann@example.test"' in answer.body and b">Issued<" in answer.body
    shown, = json.loads(server.cli("Get-CsClientCertificate", "sip:ann@example.test", "-As", "json"))
    assert int(shown["SerialNumber"], 16) == cert.serial_number and shown["DeviceId"] == "11111111-2222-3333-4444-555555555555" and shown["PublishTime"]
    assert server.wait_event("certificate.issued")["device"] == shown["DeviceId"]
    ann.certificate(ticket, curve_csr(), device="second")
    assert len(json.loads(server.cli("Get-CsClientCertificate", "sip:ann@example.test", "-As", "json"))) == 2


def test_certificate_is_kept_and_revoked(server, ann):
    cert, _ = ann.certificate(ann.ticket())
    server.restart()
    shown, = json.loads(server.cli("Get-CsClientCertificate", "sip:ann@example.test", "-As", "json"))
    assert shown["DeviceId"] == "11111111-2222-3333-4444-555555555555"
    server.cli("Revoke-CsClientCertificate", "-Identity", "sip:ann@example.test")
    assert not server.cli("Get-CsClientCertificate", "sip:ann@example.test", "-As", "json").strip("[] \n")
    crl = x509.load_der_x509_crl((server.dir / "certs" / "witan.crl").read_bytes())
    assert crl.get_revoked_certificate_by_serial_number(cert.serial_number) is not None


def test_lifetime_and_key_by_policy(server, ann):
    ticket = ann.ticket()
    server.cli("Set-CsWebServiceConfiguration", "-DefaultValidityPeriodHours", "8", "-MinCSRKeySize", "3072")
    assert "2048 bits; from 3072" in fault(ann.ask_certificate(ticket))
    cert, _ = ann.certificate(ticket, csr(key=rsa.generate_private_key(65537, 3072))[0])
    assert abs(cert.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp() - time.time() - 8 * 3600) < 60


def test_request_that_gets_none(ann):
    ticket = ann.ticket()
    request = csr()[0]
    assert "1024 bits" in fault(ann.ask_certificate(ticket, weak_csr()))
    assert fault(ann.ask_certificate(ticket, b"no request"))
    broken = bytearray(request)
    broken[-20] ^= 1
    assert fault(ann.ask_certificate(ticket, bytes(broken)))
    assert ann.certificate(ticket, request)


def altered(old, new):
    def shape(header):
        assert old in header
        return header.replace(old, new)
    return shape


def test_signature_and_ticket(server, ann):
    """Everything that is not as it was signed and sealed."""
    ticket, bob = ann.ticket(), ann.ticket("bob")
    ask = ann.ask_certificate
    assert "not signed by the key" in fault(ask(ticket, key=b"k" * 32))
    assert "not signed by the key" in fault(ask(ticket, key=bob.key))
    assert "not the one that was signed" in fault(ask(ticket, shape=altered(":Created>20", ":Created>21")))
    assert "not the one that was signed" in fault(ask(ticket, digest=base64.b64encode(b"d" * 20).decode()))
    assert "does not cover" in fault(ask(ticket, shape=altered('URI="#timestamp"', 'URI="#other"')))
    assert "does not cover" in fault(ask(ticket, shape=altered('wsu:Id="timestamp"', 'wsu:Id="elsewhere"')))
    assert "not signed by the key" in fault(ask(ticket, shape=altered("<Transforms>", "<Transforms> ")))
    assert "algorithm" in fault(ask(ticket, shape=altered("hmac-sha1", "rsa-sha1")))
    stamp = '<wsu:Timestamp xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd" wsu:Id="timestamp">'
    assert "Timestamp" in fault(ask(ticket, shape=altered(stamp, stamp + "</wsu:Timestamp>" + stamp)))
    assert "signature" in fault(ask(ticket, shape=lambda h: re.sub(r"<Signature .*</Signature>", "", h, flags=re.S)))
    for change in (altered("sip:ann@", "sip:bob@"), altered(ticket.id, ticket.id[:-1] + ("0" if ticket.id[-1] != "0" else "1")),
                   lambda h: re.sub(r'NotOnOrAfter="20', 'NotOnOrAfter="21', h), altered(CERT_PATH + "</saml:Audience>", CERT_PATH + "x</saml:Audience>"),
                   lambda h: re.sub(r"(<saml:SubjectConfirmationData>..........)(.)", lambda m: m.group(1) + ("A" if m.group(2) != "A" else "B"), h)):
        assert "was changed" in fault(ask(ticket, shape=change))
    assert "of sip:bob" in fault(ask(bob))
    assert "of sip:ann" in fault(ask(ticket, user="bob"))
    assert "with a key" in fault(ask(ann.ticket(bearer=True)))
    assert "another service" in fault(ask(ann.ticket(audience=ann.base + USER_PATH)))
    assert ask(ticket).status == 200
    assert server.counters()["certificates.issued"] == 1 and server.counters()["tickets.refused"] >= 18
    assert not json.loads(server.cli("Get-CsClientCertificate", "sip:bob@example.test", "-As", "json") or "[]")


def test_other_form_of_the_same(ann):
    """A client that writes the signed elements otherwise: what counts is their canonical form."""
    ticket = ann.ticket()

    def shape(header):
        header = header.replace(' xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd" wsu:Id="timestamp"',
                                "\n  wsu:Id='timestamp'  xmlns:wsu='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd' ")
        header = header.replace('<DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"></DigestMethod>', "<DigestMethod Algorithm='http://www.w3.org/2000/09/xmldsig&#x23;sha1' />")
        return header.replace("<SignedInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\">", "<SignedInfo >").replace("<wsse:Security ", "<wsse:Security xmlns:unused='urn:u' ")
    assert ann.ask_certificate(ticket, shape=shape).status == 200


def test_time_of_a_message(ann):
    ticket, now = ann.ticket(), time.time()

    def at(since, until):
        return ann.ask_certificate(ticket, times=f"<wsu:Created>{instant(now + since)}</wsu:Created><wsu:Expires>{instant(now + until)}</wsu:Expires>")
    assert at(0, 300).status == 200 and at(200, 500).status == 200
    for since, until in ((-7200, -3600), (3600, 7200), (300, -100), (-600, 2 * 86400)):
        assert "not of this time" in fault(at(since, until)), (since, until)


def test_ticket_ends_with_the_password(server, ann):
    ticket = ann.ticket()
    home = ann.ticket(audience=ann.base + USER_PATH)
    assert user_document(ann, home.header).status == 200
    server.cli("Set-CsUser", "-Identity", "sip:ann@example.test", "-PasswordFile", "-", stdin="quite another one\n")
    assert "no longer good" in fault(ann.ask_certificate(ticket))
    assert user_document(ann, home.header).status == 401
    server.cli("Remove-CsUser", "-Identity", "sip:bob@example.test")
    assert ann.ask_ticket("bob").status == 401


def test_ticket_survives_the_processes(server, ann):
    """The key is the user's own: neither web nor vault nor the whole server need remember anything."""
    ticket = ann.ticket()
    for name in ("vault0", "web0"):
        old = server.kill(name)
        server.wait_restarted(name, old)
    assert wait_for(lambda: (lambda a: a if a.status == 200 else None)(TicketClient(server).ask_certificate(ticket)), 10)
    server.restart()
    assert wait_for(lambda: (lambda a: a if a.status == 200 else None)(TicketClient(server).ask_certificate(ticket)), 10)


def test_ticket_expires(server_factory):
    """After eight hours by the server's clock, though the message says that it is of now."""
    library = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
    if library is None:
        pytest.skip("needs faketime")
    server = server_factory(users=("ann",), https=True, web_names=True, tcp=False)
    client = TicketClient(server)
    ticket, home = client.ticket(), client.ticket(audience=client.base + USER_PATH)
    until = re.search(r'NotOnOrAfter="([^"]*)"', ticket.assertion).group(1)
    ends = datetime.datetime.strptime(until, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()
    assert abs(ends - time.time() - 8 * 3600) < 10
    for ahead, is_good in ((8 * 3600 - 120, True), (8 * 3600 + 1, False)):
        assert server.stop() == 0
        server.start(env={"LD_PRELOAD": str(library), "FAKETIME": f"+{ahead}s"})
        client, now = TicketClient(server), time.time() + ahead
        answer = client.ask_certificate(ticket, times=f"<wsu:Created>{instant(now)}</wsu:Created><wsu:Expires>{instant(now + 300)}</wsu:Expires>")
        assert answer.status == 200 if is_good else "has ended" in fault(answer)
        assert user_document(client, home.header).status == (200 if is_good else 401)


# ---- where a user is at home ----

@pytest.mark.parametrize("outside", [False, True], ids=["inside", "outside"])
def test_user_document(server, outside):
    client = TicketClient(server, outside)
    answer = user_document(client, None)
    assert answer.status == 401 and answer["X-MS-WebTicketURL"] == client.base + "/WebTicket/WebTicketService.svc" and answer["X-MS-WebTicketSupported"] == "cwt,saml"
    assert not challenges(answer)
    for bearer in (True, False):
        ticket = client.ticket(bearer=bearer, audience=client.base + USER_PATH)
        answer = user_document(client, ticket.header, "?sipuri=ann@example.test")
        assert answer.status == 200 and answer["Content-Type"].startswith(XML), answer.body
        tree = ET.fromstring(answer.body)
        assert tree.get("AccessLocation") == ("External" if outside else "Internal") and tree[0].tag == SPACE + "User"
        access = {e.tag.removeprefix(SPACE): (e.get("fqdn"), int(e.get("port"))) for e in tree[0] if e.get("fqdn")}
        assert access == ({} if outside else dict.fromkeys(("SipServerInternalAccess", "SipClientInternalAccess"), ("uc.example.test", server.port_tls)))
    assert user_document(client, ticket.header, "?sipuri=bob@example.test").status == 403
    assert user_document(client, client.ticket().header).status == 401, "a ticket for another service"
    for bad in ("opaque=", "opaque=!!!", "cwt=x", "opaque=" + base64.b64encode(b"<a/>").decode(), ticket.header[:-8]):
        assert user_document(client, bad).status == 401, bad


def test_nobody_is_told_who_is_there(server, ann):
    there, strange = (user_document(ann, None, f"?sipuri={name}@example.test") for name in ("ann", "zoe"))
    assert there.status == strange.status == 401 and there.body == strange.body
    one, two = (ann.post(TICKET_PATH, ann.token_request(name)) for name in ("ann", "zoe"))
    assert one.status == two.status == 401 and one.body == two.body and challenges(one) == challenges(two)
