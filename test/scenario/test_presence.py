# SPDX-License-Identifier: Apache-2.0
"""Presence of standard clients, and lists of people in one subscription: with one front process and with several."""
import email
import xml.etree.ElementTree as tree

import pytest

from deployment import wait_for
from sip_client import Closed

PEOPLE = ["ann", "bob", *[f"u{i}" for i in range(6)]]
NS = {"p": "urn:ietf:params:xml:ns:pidf", "r": "urn:ietf:params:xml:ns:pidf:rpid", "c": "http://schemas.microsoft.com/2006/09/sip/categories"}


@pytest.fixture(params=[1, 4], ids=["one front", "four fronts"])
def server(request, server_factory):
    return server_factory(fronts=request.param, users=PEOPLE)


def pidf(basic="open", activity="", note=""):
    return (f'<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" '
            f'entity="sip:x@example.test"><tuple id="a"><status><basic>{basic}</basic></status></tuple><dm:person id="p"><rpid:activities>{activity}</rpid:activities>'
            f'{f"<dm:note>{note}</dm:note>" if note else ""}</dm:person></presence>')


def publish(c, body=None, etag=None, expires=600):
    headers = [("Event", "presence"), ("Expires", str(expires))] + ([("SIP-If-Match", etag)] if etag else []) + ([("Content-Type", "application/pidf+xml")] if body else [])
    return c.transact(c.build("PUBLISH", c.aor, to=c.aor, headers=headers, body=body or b""))


def watch(c, target):
    return c.transact(c.build("SUBSCRIBE", target, contact=True, headers=[("Event", "presence"), ("Accept", "application/pidf+xml"), ("Expires", "600")]))


def seen(c, timeout=10.0):
    """basic, activity, note of the next NOTIFY."""
    came = c.expect("NOTIFY", timeout)
    c.reply(came, 200, "OK")
    root = tree.fromstring(came.body)
    activity = root.find(".//r:activities/*", NS)
    note = root.find("p:tuple/p:note", NS)
    return root.findtext("p:tuple/p:status/p:basic", None, NS), activity.tag.split("}")[1] if activity is not None else "", note.text if note is not None else ""


def test_a_standard_client_is_watched(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert watch(bob, ann.aor).status == 200
    assert seen(bob) == ("open", "", "")
    answer = publish(ann, pidf(activity="<rpid:busy/>", note="in a <tag> &amp; more".replace("<tag>", "&lt;tag&gt;")))
    assert answer.status == 200 and answer.get("expires") == "600"
    assert seen(bob) == ("open", "busy", "in a <tag> & more")
    etag = answer.get("sip-etag")
    answer = publish(ann, etag=etag)  # refreshed: nothing to tell
    assert answer.status == 200 and answer.get("sip-etag") != etag
    assert publish(ann, etag=etag).status == 412
    answer = publish(ann, pidf(activity="<rpid:away/>"), etag=answer.get("sip-etag"))
    assert seen(bob) == ("open", "away", "")
    assert publish(ann, etag=answer.get("sip-etag"), expires=0).status == 200
    assert seen(bob) == ("open", "", "")
    ann.register(expires=0)
    assert seen(bob) == ("closed", "", "")


def test_what_is_refused(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert publish(ann, pidf(), expires=10).status == 423
    assert publish(ann).status == 400
    assert publish(ann, pidf(), etag="00000000-00000000").status == 412
    assert publish(ann, "<presence>").status == 400
    bomb = '<!DOCTYPE a [<!ENTITY b "cccccccccc">]><presence xmlns="urn:ietf:params:xml:ns:pidf">&b;</presence>'
    assert publish(ann, bomb).status == 400
    other = bob.build("PUBLISH", ann.aor, to=ann.aor, headers=[("Event", "presence"), ("Content-Type", "application/pidf+xml")], body=pidf())
    assert bob.transact(other).status == 403
    assert watch(ann, f"sip:nobody@{server.domain}").status == 404
    request = ann.build("SUBSCRIBE", bob.aor, contact=True, headers=[("Event", "presence"), ("Accept", "text/plain"), ("Expires", "600")])
    assert ann.transact(request).status == 406


def batch(c, *people):
    list_ = "".join(f'<resource uri="sip:{p}@{c.domain}"/>' for p in people)
    body = (f'<batchSub xmlns="http://schemas.microsoft.com/2006/01/sip/batch-subscribe" uri="{c.aor}" name=""><action name="subscribe" id="1"><adhocList>{list_}</adhocList>'
            '<categoryList xmlns="http://schemas.microsoft.com/2006/09/sip/categorylist"><category name="state"/><category name="note"/><category name="contactCard"/></categoryList>'
            '</action></batchSub>')
    return c.transact(c.build("SUBSCRIBE", c.aor, to=c.aor, contact=True, body=body, headers=[
        ("Event", "presence"), ("Accept", "application/msrtc-event-categories+xml, application/rlmi+xml, multipart/related"), ("Require", "adhoclist, categoryList"), ("Supported", "eventlist"),
        ("Content-Type", "application/msrtc-adrl-categorylist+xml"), ("Expires", "600")]))


def told(message, into):
    """What a notification says of each: availability."""
    text = message.get("content-type").encode() + b"\r\n\r\n" + message.body
    mail = email.message_from_bytes(b"Content-Type: " + text)
    for part in mail.walk():
        if part.get_content_type() == "application/msrtc-event-categories+xml":
            root = tree.fromstring(part.get_payload(decode=True).strip())
            value = [e.text for e in root.iter() if e.tag.endswith("}availability")]
            into[root.get("uri").split(":")[1].split("@")[0]] = value[0] if value else None
        if part.get_content_type() == "application/rlmi+xml":
            for one in tree.fromstring(part.get_payload(decode=True).strip()):
                if one[0].get("state") == "terminated":
                    into[one.get("uri").split(":")[1].split("@")[0]] = one[0].get("statusCode")


def follow(c, into, wanted, seconds=10):
    def look():
        while into != wanted:
            try:
                came = c.receive(lambda m: m.is_request and m.method == "NOTIFY", 0.3)
            except (AssertionError, Closed):
                return False
            c.reply(came, 200, "OK")
            told(came, into)
        return True
    assert wait_for(look, seconds), into


def test_a_list_of_people(server, client):
    ann = client(server, "ann").sign_in()
    others = [client(server, f"u{i}").sign_in() for i in range(3)]
    people, now = [f"u{i}" for i in range(6)], {}
    assert batch(ann, *people, "nobody").status == 200
    there = {f"u{i}": "3500" if i < 3 else "18500" for i in range(6)} | {"nobody": "404"}
    follow(ann, now, there)
    for one in others:
        assert publish(one, pidf(activity="<rpid:away/>")).status == 200
    follow(ann, now, there | {f"u{i}": "15500" for i in range(3)})
    others[0].close()
    follow(ann, now, there | {"u0": "18500", "u1": "15500", "u2": "15500"})


def signed_in(c):
    """Still, or (when its front has gone) again: each is another client then."""
    try:
        return c if c.register().status == 200 else None
    except (Closed, OSError):
        return None


def test_a_list_outlives_the_homes_of_its_people(server_factory, client):
    """Each front is killed in turn. Where neither her connection nor her own home was there, the watcher notices nothing but the truth."""
    server = server_factory(fronts=4, users=PEOPLE)
    people = [f"u{i}" for i in range(6)]
    others = {p: client(server, p).sign_in() for p in people}
    ann, now, lost = client(server, "ann").sign_in(), {}, 0
    assert batch(ann, *people).status == 200
    follow(ann, now, {p: "3500" for p in people})
    for number in range(4):
        old = server.kill(f"front{number}")
        wait_for(lambda n=number, p=old: server.processes().get(f"front{n}") not in (None, p), 10)
        wait_for(lambda: len(server.log("process.ready")) >= 7 + number, 10)
        others = {p: signed_in(c) or client(server, p).sign_in() for p, c in others.items()}
        activity, state = [("away", "15500"), ("meal", "12500"), ("busy", "6500"), ("other", "3500")][number]  # of several publications the most active counts
        for c in others.values():
            assert publish(c, pidf(activity=f"<rpid:{activity}/>")).status == 200
        was_connected = signed_in(ann)
        ann = was_connected or client(server, "ann").sign_in()
        try:
            follow(ann, now, {p: state for p in people}, 3)
        except AssertionError:
            lost += was_connected is not None
            now.clear()
            assert batch(ann, *people).status == 200
            follow(ann, now, {p: state for p in people})
    assert lost <= 1, "her own home died once; who else died is nothing to her"
