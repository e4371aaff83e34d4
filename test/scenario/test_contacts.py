# SPDX-License-Identifier: Apache-2.0
"""Contact lists: kept on the server, changed by SERVICE with SOAP, told to all devices; the search for people; what clients are provisioned with."""
import re

import pytest

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NS = "http://schemas.microsoft.com/winrtc/2002/11/sip"
EVENT = "vnd-microsoft-roaming-contacts"


def soap(c, inner, to=None):
    body = f'<s:Envelope xmlns:s="{SOAP}" xmlns:m="{NS}"><s:Body>{inner}</s:Body></s:Envelope>'
    return c.transact(c.build("SERVICE", to or c.aor, to=to or c.aor, headers=[("Content-Type", "application/SOAP+xml")], body=body.encode()))


def subscribe(c, event=EVENT, expires=600, body=b""):
    return c.transact(c.build("SUBSCRIBE", c.aor, to=c.aor, contact=True, body=body, headers=[
        ("Event", event), ("Expires", str(expires)), ("Supported", "ms-benotify"), ("Supported", "ms-piggyback-first-notify")]))


def told(c):
    return c.expect("BENOTIFY").text


def set_contact(c, who, groups="1", name=""):
    return soap(c, f"<m:setContact><m:displayName>{name}</m:displayName><m:groups>{groups}</m:groups><m:subscribed>true</m:subscribed>"
                   f"<m:URI>sip:{who}</m:URI><m:externalURI/><m:deltaNum>1</m:deltaNum></m:setContact>")


def add_group(c, name):
    answer = soap(c, f"<m:addGroup><m:name>{name}</m:name><m:externalURI/><m:deltaNum>1</m:deltaNum></m:addGroup>")
    assert answer.status == 200
    return re.search(r"<m:groupID>(\d+)</m:groupID>", answer.text)[1]


@pytest.mark.parametrize("fronts", [1, 3])
def test_two_devices_have_one_list(server_factory, client, fronts):
    server = server_factory(fronts=fronts)
    one, two = client(server, "ann").sign_in(), client(server, "ann").sign_in()
    for c in (one, two):
        assert '<contactList deltaNum="1"><group id="1" name="~" externalURI=""/></contactList>' in subscribe(c).text
    group = add_group(one, "Friends &amp; co")
    assert group == "2"
    for c in (one, two):
        assert '<contactDelta prevDeltaNum="1" deltaNum="2"><addedGroup id="2" name="Friends &amp; co"' in told(c)
    assert set_contact(two, "bob@example.test", group, "Bob").status == 200
    for c in (one, two):
        assert '<addedContact uri="sip:bob@example.test" name="Bob" groups="2"' in told(c)
    assert soap(one, f"<m:deleteGroup><m:groupID>{group}</m:groupID><m:deltaNum>1</m:deltaNum></m:deleteGroup>").status == 200
    for c in (one, two):
        assert re.search(r'<modifiedContact uri="sip:bob@example.test" name="Bob" groups="1"[^>]*/><deletedGroup id="2"/>', told(c))
    fault = soap(one, "<m:setACE/>")
    assert fault.status == 400 and "<faultcode>s:Client</faultcode>" in fault.text


def test_what_was_answered_is_kept(server_factory, client):
    server = server_factory()
    ann = client(server, "ann").sign_in()
    subscribe(ann)
    group = add_group(ann, "Work")
    for i, end in enumerate((lambda: server.wait_restarted("vault0", server.kill("vault0"), 30),
                             lambda: server.wait_restarted("front0", server.kill("front0"), 30), server.restart)):
        assert set_contact(ann, f"who{i}@example.test", group).status == 200
        end()
        if i != 0:
            ann = client(server, "ann").sign_in()
        text = subscribe(ann).text
        assert f'<group id="{group}" name="Work"' in text
        for n in range(i + 1):
            assert f'<contact uri="who{n}@example.test" name="" groups="{group}"' in text
        assert f'deltaNum="{i + 3}"' in text


def test_a_policy_limits_a_list(server, client):
    ann = client(server, "ann").sign_in()
    server.cli("Set-CsClientPolicy", "-Identity", "Global", "-MaximumNumberOfContacts", "1")
    assert set_contact(ann, "bob@example.test").status == 200
    full = set_contact(ann, "cyd@example.test")
    assert full.status == 403 and "the contact list is full" in full.text
    assert set_contact(ann, "bob@example.test", name="Bob").status == 200


def test_a_list_is_its_owners(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert soap(ann, "<m:deleteContact><m:URI>sip:x@example.test</m:URI></m:deleteContact>", to=bob.aor).status == 403
    request = ann.build("SUBSCRIBE", bob.aor, to=bob.aor, contact=True, headers=[("Event", EVENT)])
    assert ann.transact(request).status == 403


def search(c, most=20, **rows):
    array = "".join(f'<m:row m:attrib="{a.replace("_", "-")}" m:value="{v}"/>' for a, v in rows.items())
    return soap(c, f'<m:directorySearch><m:filter m:href="#searchArray"/><m:maxResults>{most}</m:maxResults></m:directorySearch>'
                   f'<m:Array m:id="searchArray">{array}</m:Array>', to="sip:example.test")


def test_people_are_found(server, client):
    ann = client(server, "ann").sign_in()
    server.cli("Set-CsUser", "sip:bob@example.test", "-FirstName", "Robert", "-LastName", "Bee", "-City", "Bonn", "-WindowsEmailAddress", "bob@mail.example.test")
    found = search(ann, givenName="rob", sn="B")
    assert found.status == 200
    assert re.search(r'<m:row uri="sip:bob@example.test"[^>]* email="bob@mail.example.test"[^>]* city="Bonn"/>', found.text)
    assert found.text.count("<m:row ") == 1 and "<m:moreAvailable>false" in found.text
    assert "<m:row " not in search(ann, givenName="rob", sn="C").text
    assert '<m:row uri="sip:bob@' in search(ann, msRTCSIP_PrimaryUserAddress="sip:bob@example.test").text
    server.cli("Disable-CsUser", "sip:bob@example.test")
    assert "<m:row " not in search(ann, givenName="rob").text
    assert search(ann, unicodePwd="x").status == 400


def test_provisioning(server, client):
    ann = client(server, "ann").sign_in()
    server.cli("Set-CsClientPolicy", "-Identity", "Global", "-DisableRTFIM", "$true", "-IMWarning", "a < b")
    body = b'<provisioningGroupList xmlns="http://schemas.microsoft.com/2006/09/sip/provisioninggrouplist">' \
           b'<provisioningGroup name="ServerConfiguration"/><provisioningGroup name="endpointConfiguration"/></provisioningGroupList>'
    answer = subscribe(ann, "vnd-microsoft-provisioning-v2", 0, body)
    assert answer.status == 200 and answer.get("Expires") == "0" and answer.get("subscription-state") == "terminated;expires=0"
    assert answer.get("Content-Type") == "application/vnd-microsoft-roaming-provisioning-v2+xml"
    assert '<property name="DisableRTFIM">true</property>' in answer.text and '<property name="IMWarning">a &lt; b</property>' in answer.text
    assert "focusFactoryUri" not in answer.text and "meetingPolicy" not in answer.text
    # the room of group chat that clients look for next
    request = ann.build("INVITE", "sip:ocschat@example.test", contact=True, headers=[("Content-Type", "application/sdp")],
                        body=b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=session\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 5060 sip sip:ann@example.test\r\n")
    assert ann.transact(request).status == 404
