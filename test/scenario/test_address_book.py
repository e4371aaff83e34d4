# SPDX-License-Identifier: Apache-2.0
"""The address book's web query: who has a web ticket for it finds the people that a SERVICE finds, and nobody else does."""
import hashlib
import struct
import xml.etree.ElementTree as ET
import zlib

import pytest

from deployment import Refused, wait_for
from sipe_client import SipeClient
from ticket_client import SOAP, WSSE, TicketClient, fault
from test_contacts import subscribe

PATH = "/groupexpansion/service.svc"
NS = "{DistributionListExpander}"
WANTED = "displayName,msRTCSIP-PrimaryUserAddress,title,telephoneNumber,homePhone,mobile,otherTelephone,mail,company,country,photoRelPath,photoSize,photoHash"
BOB = "sip:bob@example.test"


@pytest.fixture
def server(server_factory):
    server = server_factory(users=("ann", "bob", "carol"), http=True, https=True, web_names=True, ntlm=True)
    server.cli("Set-CsUser", BOB, "-FirstName", "Robert", "-LastName", "Bee", "-Country", "DE", "-Company", "A & B", "-WindowsEmailAddress", "bob@mail.example.test",
               "-Phone", "+49 1", "-Department", "Secret")
    return server


@pytest.fixture
def ann(server):
    client = TicketClient(server)
    yield client
    client.http.close()


def ticket(client, path=PATH, **more):
    return client.ticket(bearer=True, audience=client.base + path, **more)


def envelope(ticket, body):
    assertion = ticket.assertion if ticket else ""
    return (f'<?xml version="1.0"?><soap:Envelope xmlns:soap="{SOAP}"><soap:Header><wsse:Security xmlns:wsse="{WSSE}">{assertion}</wsse:Security></soap:Header>'
            f"<soap:Body>{body}</soap:Body></soap:Envelope>")


def request(search, most=10, wanted=WANTED, pad="false"):
    return (f'<SearchAbEntry xmlns="DistributionListExpander" xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/"> <AbEntryRequest> {search} <Metadata>'
            f" <FromDialPad>{pad}</FromDialPad> <MaxResultNum>{most}</MaxResultNum> <ReturnList>{wanted}</ReturnList> </Metadata> </AbEntryRequest></SearchAbEntry>")


def rows(**by):
    text = "".join(f"<AbEntryRequest.ChangeSearchQuery><SearchOn>{k.replace('_', '-')}</SearchOn><Value>{v}</Value></AbEntryRequest.ChangeSearchQuery>" for k, v in by.items())
    return f'<ChangeSearch xmlns:q1="DistributionListExpander" soapenc:arrayType="q1:AbEntryRequest.ChangeSearchQuery[{len(by)}]"> {text}</ChangeSearch>'


def basic(value, among="c,company,displayName,givenName,mail,mailNickname,msRTCSIP-PrimaryUserAddress,sn", verb="BeginsWith"):
    return f"<BasicSearch> <SearchList>{among}</SearchList> <Value>{value}</Value> <Verb>{verb}</Verb></BasicSearch>"


def ask(client, ticket, search, **more):
    return client.post(PATH, envelope(ticket, request(search, **more)))


def people(answer):
    """[{name: value}], each name once."""
    assert answer.status == 200 and answer["Content-Type"].startswith("text/xml"), (answer.status, answer.body)
    items = ET.fromstring(answer.body).find(f"{{{SOAP}}}Body/{NS}SearchAbEntryResponse/{NS}SearchAbEntryResult/{NS}Items")
    found = []
    for entry in items.findall(f"{NS}AbEntry"):
        pairs = [(a.find(f"{NS}Name").text, a.find(f"{NS}Value").text) for a in entry.findall(f"{NS}Attributes/{NS}Attribute")]
        assert len(dict(pairs)) == len(pairs)
        found.append(dict(pairs))
    return found


def addresses(answer):
    return sorted(p["msRTCSIP-PrimaryUserAddress"] for p in people(answer))


@pytest.mark.parametrize("outside", [False, True], ids=["inside", "outside"])
def test_service_is_described(server, outside):
    """The port and the policy of the same name, by which clients come to a ticket; the port answers."""
    client = TicketClient(server, outside)
    tree = ET.fromstring(client.http.ask("GET", PATH + "/mex").body)
    ids = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id"
    policy, = [e for e in tree.iter() if e.get(ids) == "AddressBookWebTicketBearer_policy"]
    assert [e.text for e in policy.iter("{http://www.w3.org/2005/08/addressing}Address")] == [client.base + "/WebTicket/WebTicketService.svc"]
    ports = {p.get("name"): p[0].get("location") for p in tree.iter("{http://schemas.xmlsoap.org/wsdl/}port")}
    assert ports == {"AddressBookWebTicketBearer": client.base + PATH + "/WebTicket_Bearer"}
    answer = client.post(PATH + "/WebTicket_Bearer", envelope(ticket(client), request(rows(givenName="Rob"))))
    assert addresses(answer) == [BOB]
    client.http.close()


def test_people_are_found(server, ann):
    t = ticket(ann)
    assert people(ask(ann, t, rows(givenName="rob", sn="B"))) == [{
        "msRTCSIP-PrimaryUserAddress": BOB, "displayName": "Bob", "mail": "bob@mail.example.test", "company": "A & B", "country": "DE", "telephoneNumber": "+49 1"}]
    assert people(ask(ann, t, rows(givenName="rob"), wanted="mail,unicodePwd")) == [{"msRTCSIP-PrimaryUserAddress": BOB, "mail": "bob@mail.example.test"}]
    assert people(ask(ann, t, rows(givenName="rob", sn="C"))) == []
    assert addresses(ask(ann, t, rows(msRTCSIP_PrimaryUserAddress="sip:bob@example.test"))) == [BOB]
    assert addresses(ask(ann, t, rows(msRTCSIP_PrimaryUserAddress="BOB@example.test"))) == [BOB]
    for value in ("de", "a &amp; b", "Bob", "robert", "bob@mail", "sip:bob@", "bee"):
        assert addresses(ask(ann, t, basic(value))) == [BOB], value
    assert people(ask(ann, t, basic("secret"))) == []
    assert addresses(ask(ann, t, rows(displayName="ann"))) == ["sip:ann@example.test"]
    server.cli("Disable-CsUser", BOB)
    assert people(ask(ann, t, rows(givenName="rob"))) == []


def test_no_more_than_wanted(server, ann):
    for i in range(5):
        server.add_user(f"zed{i}")
    t = ticket(ann)
    assert len(people(ask(ann, t, rows(displayName="zed"), most=3))) == 3
    assert len(people(ask(ann, t, rows(displayName="zed"), most=4000000000))) == 5
    assert len(people(ask(ann, t, rows(displayName="zed"), most=""))) == 5


def test_what_is_refused(server, ann):
    t = ticket(ann)
    assert "cannot be searched by unicodePwd" in fault(ask(ann, t, rows(unicodePwd="x")))
    assert "cannot be searched by telephoneNumber" in fault(ask(ann, t, rows(telephoneNumber="+49")))
    assert "nothing to look for" in fault(ask(ann, t, rows(givenName=" ")))
    assert "nothing to look for" in fault(ask(ann, t, rows(msRTCSIP_PrimaryUserAddress="sip:")))
    assert "nothing to look for" in fault(ask(ann, t, basic("x", among="mailNickname")))
    assert "begins with" in fault(ask(ann, t, basic("bob", verb="Contains")))
    assert "keys of a telephone" in fault(ask(ann, t, basic("262"), pad="true"))
    assert "MaxResultNum" in fault(ask(ann, t, rows(sn="b"), most="many"))
    assert "no distribution lists" in fault(ann.post(PATH, envelope(t, '<QueryDLMembers xmlns="DistributionListExpander"><groupMailAddress>all@example.test</groupMailAddress></QueryDLMembers>')))
    assert "envelope" in fault(ann.post(PATH, "<a/>"))
    assert ann.http.ask("GET", PATH).status == 405


def test_nobody_without_a_ticket(server, ann):
    """None, one of another service, one that was altered, one of somebody who was disabled."""
    assert "ticket" in fault(ask(ann, None, rows(sn="b")))
    assert "another service" in fault(ask(ann, ann.ticket(bearer=True), rows(sn="b")))
    t = ticket(ann)
    t.assertion = t.assertion.replace("sip:ann@", "sip:bob@")
    assert "b@" not in fault(ask(ann, t, rows(sn="b")))
    t = ticket(ann)
    server.cli("Disable-CsUser", "sip:ann@example.test")
    assert "ticket" in fault(ask(ann, t, rows(sn="b")))


def test_searches_at_once(server, ann):
    """One user may have few at once, and all are answered."""
    t = ticket(ann)
    clients = [ann.connect() for _ in range(12)]
    body = envelope(t, request(rows(sn="nobody"))).encode()
    for c in clients:
        c.send(c.head("POST", PATH, {"Content-Type": "text/xml"}, body) + body)
    answers = [c.read("POST") for c in clients]
    assert all(a.status == 200 or "too many searches" in fault(a) for a in answers) and any(a.status == 200 for a in answers)
    for c in clients:
        c.close()
    assert addresses(ask(ann, t, rows(sn="bee"))) == [BOB]


def test_provisioned(server, client):
    """Clients are told both addresses, and that there are no files to download."""
    one = client(server, "ann").sign_in()
    text = subscribe(one, "vnd-microsoft-provisioning-v2", 0, b"").text
    assert f"<dlxInternalUrl>https://uc.example.test:{server.port_https}{PATH}</dlxInternalUrl>" in text
    assert f"<dlxExternalUrl>https://web.example.test{PATH}</dlxExternalUrl>" in text
    assert '<property name="AddressBookAvailability">WebSearchOnly</property>' in text
    assert f"<absInternalServerUrl>https://uc.example.test:{server.port_https}/abs/handler</absInternalServerUrl>" in text
    assert "<absExternalServerUrl>https://web.example.test/abs/handler</absExternalServerUrl>" in text


# ---- a real client ----

@pytest.mark.peers
@pytest.mark.parametrize("scheme", ["ntlm", "tls-dsk", "auto"])
def test_by_a_real_client(server, tmp_path, linger, scheme):
    """pidgin-sipe finds somebody by the web query. With its own name in the requests, the first two have 256 bytes together here, after which libpurple's
    ring buffer sends what was in it before."""
    one = SipeClient(tmp_path / "ann")
    linger(one.end)
    one.sign_in(server, "ann", scheme=scheme, useragent="a client")

    def search(given):
        one.do("action", label="Contact search")
        one.do("fill", request=one.wait("form")["request"], values={"given": given})
    search("Rob")
    assert [row for row in one.wait("found")["rows"] if "bob@example.test" in row]
    search("Nobody")
    one.wait("error-box", text="No contacts found")
    assert server.counters()["book.searches"] >= 2


# ---- photos ----

def png(side, fill=0):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes([fill]) * side for _ in range(side))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def photo(server, tmp_path):
    """Gives bob a photo."""
    file = tmp_path / "bob.png"
    file.write_bytes(png(96))
    server.cli("Import-CsUserPhoto", "-Identity", BOB, "-Path", str(file))
    return file


def fetch(client, path, ticket):
    return client.http.ask("GET", f"/abs/handler/{path}", {"X-MS-WebTicket": ticket.header} if ticket else {})


def test_photo_is_found_and_fetched(server, ann, photo):
    t = ticket(ann)
    found, = people(ask(ann, t, rows(givenName="rob")))
    assert found["photoSize"] == str(len(photo.read_bytes())) and found["photoHash"] == hashlib.sha256(photo.read_bytes()).hexdigest()[:32]
    answer = fetch(ann, found["photoRelPath"], t)
    assert answer.status == 200 and answer["Content-Type"] == "image/png" and answer.body == photo.read_bytes()
    assert fetch(ann, found["photoRelPath"], ticket(ann, "/abs/handler")).body == photo.read_bytes()
    assert "photoHash" not in people(ask(ann, t, rows(displayName="ann")))[0]
    assert "photoHash" not in people(ask(ann, t, rows(givenName="rob"), wanted="mail"))[0]
    assert server.counters()["book.photos"] == 2
    shown = server.cli("Get-CsUserPhoto", "-Identity", BOB)
    assert found["photoHash"] in shown and "image/png" in shown and "96" in shown
    server.restart()
    assert found["photoHash"] in server.cli("Get-CsUserPhoto", "-Identity", BOB)


def test_photo_is_not_for_everybody(server, ann, photo):
    """Nobody without a ticket, none of another service; none by an old hash, of somebody disabled, or where photos are not searched."""
    t = ticket(ann)
    path = people(ask(ann, t, rows(givenName="rob")))[0]["photoRelPath"]
    answer = fetch(ann, path, None)
    assert answer.status == 401 and answer["X-MS-WebTicketURL"].endswith("/WebTicket/WebTicketService.svc")
    assert fetch(ann, path, ann.ticket(bearer=True)).status == 401
    for wrong in (path[:-1] + ("0" if path[-1] != "0" else "1"), path[:-1], path + "0", "photos/YW5u/" + "0" * 32, "photos//" + "0" * 32, "photos/..", "photos/"):
        assert fetch(ann, wrong, t).status in (400, 404), wrong
    assert fetch(ann, "C-0ce3.lsabs", t).status == 404
    server.cli("Set-CsAddressBookConfiguration", "-Identity", "Global", "-EnablePhotoSearch", "$false")
    assert "photoHash" not in people(ask(ann, t, rows(givenName="rob")))[0] and fetch(ann, path, t).status == 404
    server.cli("Set-CsAddressBookConfiguration", "-Identity", "Global", "-EnablePhotoSearch", "$true")
    assert fetch(ann, path, t).status == 200
    server.cli("Disable-CsUser", BOB)
    assert fetch(ann, path, t).status == 404
    server.cli("Enable-CsUser", BOB)
    server.cli("Remove-CsUserPhoto", "-Identity", BOB, "-Confirm:$false")
    assert fetch(ann, path, t).status == 404 and "photoHash" not in people(ask(ann, t, rows(givenName="rob")))[0]


def test_what_is_no_photo(server, tmp_path):
    file = tmp_path / "file"
    for content, why in ((b"<svg/>", "neither JPEG nor PNG"), (png(1025), "1025 by 1025"), (png(96) + b"\0" * 30720, "at most 30720"), (b"", "neither JPEG nor PNG")):
        file.write_bytes(content)
        with pytest.raises(Refused, match=why):
            server.cli("Import-CsUserPhoto", "-Identity", BOB, "-Path", str(file))
    assert "False" in server.cli("Get-CsUserPhoto", "-Identity", BOB)


@pytest.mark.peers
@pytest.mark.parametrize("scheme", ["ntlm", "tls-dsk"])
def test_photo_by_a_real_client(server, tmp_path, linger, photo, scheme):
    """pidgin-sipe looks a new contact up in the book, and fetches the photo."""
    one = SipeClient(tmp_path / "ann")
    linger(one.end)
    one.sign_in(server, "ann", scheme=scheme, useragent="a client")
    one.do("add-contact", who=BOB, group="Friends")
    wait_for(lambda: server.counters()["book.photos"] == 1, 15)
