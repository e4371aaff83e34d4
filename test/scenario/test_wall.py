# SPDX-License-Identifier: Apache-2.0
"""Ethical walls and rules for content: standard clients, with one front process and with several, and a client of the dialect."""
import json
import time

import pytest

from deployment import wait_for
from sip_client import Silence
from test_im import allow_ntlm, answer_message, sipe, write  # noqa: F401
from test_presence import publish, pidf, seen, watch

ANN, BOB, CYD = (f"sip:{name}@example.test" for name in ("ann", "bob", "cyd"))


@pytest.fixture(params=[1, 3], ids=["one front", "three fronts"])
def server(request, server_factory):
    return server_factory(fronts=request.param, users=["ann", "bob", "cyd"])


def settle(server, *words):
    out = server.cli(*words)
    time.sleep(0.3)
    return out


def build(server, *more):
    """Ann is of research, bob of trading, cyd of neither."""
    server.cli("Set-CsUser", ANN, "-Department", "Research Berlin")
    server.cli("New-CsGroup", "Traders", "-Members", BOB)
    return settle(server, "New-CsEthicalWall", "Main", "-From", "Department=Research*", "-To", "Traders", *more)


def passes(sender, receiver, text="hello"):
    request = write(sender, receiver.aor, text)
    assert answer_message(receiver).text == text
    assert sender.response(request).status == 200


def shown(server, *words):
    out = server.cli(*words, "-As", "json").strip()
    return json.loads(out) if out else []


def sees(c, *wanted):
    """Sooner or later: a change of the person himself may be told on the way."""
    for _ in range(4):
        if seen(c)[:len(wanted)] == wanted:
            return
    raise AssertionError(f"never {wanted}")


def incidents(server):
    return shown(server, "Get-CsEthicalWallIncident")


def test_messages_and_calls(server, client):
    ann, bob, cyd = (client(server, name).sign_in() for name in ("ann", "bob", "cyd"))
    passes(ann, bob)
    build(server)
    assert ann.message(BOB, "no").status == 403
    assert bob.message(ANN, "no").status == 403
    assert ann.transact(ann.build("INVITE", BOB, contact=True, headers=[("Content-Type", "application/sdp")], body="v=0\r\nm=audio 9 RTP/AVP 0\r\n")).status == 403
    passes(ann, cyd)
    passes(bob, cyd)
    settle(server, "Set-CsEthicalWall", "Main", "-Exceptions", ANN)
    passes(ann, bob)
    settle(server, "Set-CsEthicalWall", "Main", "-Exceptions", "$null")
    assert ann.message(BOB, "no").status == 403
    settle(server, "Set-CsUser", ANN, "-Department", "Sales")  # a change of the person is one of the wall
    passes(ann, bob)
    settle(server, "Set-CsUser", ANN, "-Department", "Research")
    settle(server, "Set-CsGroup", "Traders", "-Members", CYD)
    passes(ann, bob)
    assert ann.message(CYD, "no").status == 403
    settle(server, "Remove-CsEthicalWall", "Main", "-Confirm:$false")
    passes(ann, cyd)
    assert server.counters()["wall.denied"] == 5


def test_presence_follows_while_it_stands(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert publish(ann, pidf(activity="<rpid:busy/>")).status == 200
    assert watch(bob, ann.aor).status == 200
    assert seen(bob) == ("open", "busy", "")
    build(server, "-Modalities", "Presence")
    sees(bob, "closed")
    passes(ann, bob)  # only presence
    settle(server, "Set-CsEthicalWall", "Main", "-Enabled", "$false")
    sees(bob, "open", "busy")
    settle(server, "Set-CsEthicalWall", "Main", "-Enabled", "$true")
    sees(bob, "closed")
    settle(server, "Set-CsUser", ANN, "-Department", "Sales")
    sees(bob, "open", "busy")


def test_who_is_walled_off_is_not_told(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert publish(ann, pidf(activity="<rpid:busy/>", note="secret")).status == 200
    build(server)
    assert watch(bob, ann.aor).status == 200
    came = bob.expect("NOTIFY")
    bob.reply(came, 200, "OK")
    assert "closed" in came.text and "busy" not in came.text and "secret" not in came.text


def test_warning_and_incidents(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    build(server, "-Action", "Warn", "-WarnMessage", "This contact is written down.")
    request = write(ann, BOB, "hello")
    notice = answer_message(ann)
    assert notice.text == "This contact is written down." and "sip:notice@example.test" in notice.get("from")
    assert answer_message(bob).text == "hello"
    assert ann.response(request).status == 200
    passes(ann, bob, "again")  # told once in a while
    with pytest.raises(Silence):
        ann.expect("MESSAGE", 0.5)
    wait_for(lambda: len(incidents(server)) == 2)
    newest = incidents(server)[0]
    assert (newest["Rule"], newest["Action"], newest["Modality"], newest["From"], newest["To"]) == ("Main", "Warn", "IM", ANN, BOB)
    assert "Text" not in newest


def test_content(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    settle(server, "New-CsMessageContentRule", "Accounts", "-Detect", "Iban", "-Action", "Block", "-KeepText", "$true")
    assert ann.message(BOB, "to DE89 3704 0044 0532 0130 00").status == 403
    passes(ann, bob, "to DE88 3704 0044 0532 0130 00")
    settle(server, "New-CsMessageContentRule", "Cards", "-Detect", "CardNumber")
    request = write(ann, BOB, "4111 1111 1111 1111")
    assert answer_message(ann).text == "Your message has content that must not be sent."
    answer_message(bob)
    assert ann.response(request).status == 200
    wait_for(lambda: len(incidents(server)) == 2)
    cards, accounts = incidents(server)
    assert "Text" not in cards and accounts["Text"] == "to DE89 3704 0044 0532 0130 00"
    assert len(shown(server, "Get-CsEthicalWallIncident", "-User", CYD)) == 0


def test_what_it_would_decide(server):
    build(server, "-Modalities", "IM,Presence", "-Priority", "7")
    rows = {row["Modality"]: row for row in shown(server, "Test-CsEthicalWall", "-From", ANN, "-To", BOB)}
    assert [rows[m]["Action"] for m in ("IM", "Presence", "Call", "Conference", "File")] == ["Deny", "Deny", "Allow", "Allow", "Allow"]
    assert rows["IM"]["Wall"] == "Main"
    assert rows["IM"]["Why"] == "ann@example.test is in From by Department=Research*, bob@example.test in To by Traders"
    [row] = shown(server, "Test-CsEthicalWall", "-From", BOB, "-To", "sip:eve@fabrikam.test", "-Modality", "IM")
    assert row["Action"] == "Allow" and row["Why"] == "no wall stands between them now"


@pytest.mark.peers
def test_a_session_that_stands(server_factory, sipe, client):  # noqa: F811
    server = server_factory(users=["ann", "bob"])
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), client(server, "bob").sign_in()
    ann.do("send", who=BOB, text="first")
    assert answer_message(bob).text == "first"
    build(server)
    ann.do("send", who=BOB, text="second")
    assert "second" in ann.wait("conversation-error", who=BOB)["text"]
    assert len(wait_for(lambda: incidents(server))) == 1
