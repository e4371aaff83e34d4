# SPDX-License-Identifier: Apache-2.0
"""Messages between real clients of the two kinds: pidgin-sipe, which writes in sessions, and Linphone, which sends single messages."""
import time

import pytest

from deployment import wait_for
from peers import Linphone
from sipe_client import SipeClient
from sip_client import Silence

pytestmark = pytest.mark.peers


def allow_ntlm(server, *names):
    """A user who may use NTLM has to get his password anew: what it needs is kept from then on."""
    for name in names:
        server.cli("Set-CsUser", f"sip:{name}@{server.domain}", "-NtlmAllowed", "$true", "-Password", server.passwords[name])


@pytest.fixture
def sipe(tmp_path, linger):
    """sipe(server, "ann"): signed in, in a folder of that name; the user must be allowed NTLM."""
    def make(server, user, folder=None, **more):
        one = SipeClient(tmp_path / (folder or user), **more)

        def end():
            status = one.end()
            assert status == 0 or one.killed, f"the client ended with {status}\n{one.tail()}"
        linger(end)
        one.sign_in(server, user, wait=False).wait("signed-on", 20)
        return one
    return make


@pytest.fixture
def linphone(tmp_path, linger):
    def make(server, user):
        one = Linphone(server, user, tmp_path / f"linphone-{user}")
        linger(one.end)
        return one.wait_signed_in()
    return make


def test_sipe_writes_to_linphone_and_is_answered(server, sipe, linphone):
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), linphone(server, "bob")
    ann.do("send", who="sip:bob@example.test", text="good-morning-bob")
    bob.wait_message("good-morning-bob")
    bob.message("sip:ann@example.test", "good-morning-ann")
    ann.wait("message", who="sip:bob@example.test")
    ann.do("send", who="sip:bob@example.test", text="second-to-bob")
    bob.wait_message("second-to-bob")
    assert server.counters()["messages.conversations"] == 1


def test_linphone_writes_to_sipe_and_is_answered(server, sipe, linphone):
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), linphone(server, "bob")
    bob.message("sip:ann@example.test", "good-morning-ann")
    ann.wait("message", who="sip:bob@example.test")
    ann.do("send", who="sip:bob@example.test", text="good-morning-bob")
    bob.wait_message("good-morning-bob")
    bob.message("sip:ann@example.test", "second-to-ann")
    ann.wait("message", who="sip:bob@example.test", fits=lambda e: "second" in e["html"])
    assert server.counters()["messages.conversations"] == 1


ANN, BOB = "sip:ann@example.test", "sip:bob@example.test"
COMPOSING = "application/im-iscomposing+xml"


def answer_message(client, status=200, timeout=15):
    """What comes by itself to a standard client, answered."""
    came = client.expect("MESSAGE", timeout)
    client.reply(came, status, "OK" if status == 200 else "No")
    return came


def write(client, to, body, kind="text/plain"):
    return client.begin(client.build("MESSAGE", to, headers=[("Content-Type", kind)], body=body))


def test_what_a_standard_client_gets(server, sipe, client):
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), client(server, "bob").sign_in()
    ann.do("send", who=BOB, text="Grüße & <b>")
    came = answer_message(bob)
    assert came.text == "Grüße & <b>" and came.get("content-type") == "text/plain;charset=UTF-8"
    assert ANN in came.get("from") and came.get("p-asserted-identity") == f"<{ANN}>" and "tag=" not in came.get("to")
    assert not came.all("authorization") and not came.all("ms-text-format")
    ann.do("send", who=BOB, text="second")
    assert answer_message(bob).text == "second"


def test_what_a_client_of_the_dialect_gets(server, sipe, client):
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), client(server, "bob").sign_in()
    for kind, body, seen in [("text/plain;charset=UTF-8", "Grüße & <b>", "Grüße & <b>"), ("text/html", "<p>so <b>bold</b></p>", "so bold")]:
        request = write(bob, ANN, body, kind)
        event = ann.wait("message", who=BOB)
        assert event["text"].strip() == seen
        assert bob.response(request).status == 200
    assert "<b>bold</b>" in event["html"].lower()
    assert server.counters()["messages.conversations"] == 1


def test_typing_both_ways(server, sipe, client):
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), client(server, "bob").sign_in()
    request = write(bob, ANN, "hello")
    ann.wait("message", who=BOB)
    assert bob.response(request).status == 200
    for state, seen in [("active", "typing"), ("idle", "idle")]:
        request = write(bob, ANN, f'<isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>{state}</state></isComposing>', COMPOSING)
        assert bob.response(request).status == 200
        ann.wait("typing", who=BOB, state=seen)
    ann.do("typing", who=BOB, on=True)
    came = answer_message(bob)
    assert came.get("content-type") == COMPOSING and "<state>active</state>" in came.text


def test_failures_are_told_to_the_sender(server, sipe, client):
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), client(server, "bob").sign_in()
    ann.do("send", who=BOB, text="never seen")
    answer_message(bob, 486)
    assert "never seen" in ann.wait("conversation-error", who=BOB)["text"]
    assert server.counters()["messages.conversations"] == 0
    bob.register(expires=0)
    ann.do("send", who=BOB, text="nobody there")
    assert "nobody there" in ann.wait("conversation-error", who=BOB)["text"]
    assert 'ms-diagnostics: 1007' in ann.log.read_text(errors="replace")
    ann.end()
    assert bob.sign_in().message(ANN, "gone").status == 480


def test_policy_makes_plain_text(server, sipe, client):
    allow_ntlm(server, "ann")
    ann, bob, cyd = sipe(server, "ann"), client(server, "bob").sign_in(), None
    server.cli("Set-CsClientPolicy", "-Identity", "Global", "-DisableHtmlIm", "$true")
    request = write(bob, ANN, "<p>so <b>bold</b> &amp; more</p>", "text/html")
    assert ann.wait("message", who=BOB)["html"].strip() == "so bold &amp; more"
    assert bob.response(request).status == 200
    server.add_user("cyd")
    cyd = client(server, "cyd").sign_in()
    request = write(bob, "sip:cyd@example.test", "<b>x</b>", "text/html")
    assert bob.response(request).status == 415
    cyd.nothing(0.5)


def test_two_devices_of_the_dialect(server, sipe, client):
    """pidgin-sipe waits ten seconds with its 200 when its user has two, and shows nothing before; the first to take the conversation has it, and the
    other's, who does not obey CANCEL, is ended."""
    allow_ntlm(server, "ann")
    one, two, bob = sipe(server, "ann", "one"), sipe(server, "ann", "two", host="second-desk"), client(server, "bob").sign_in()
    time.sleep(2)  # each has to hear of the other
    start = time.monotonic()
    request = write(bob, ANN, "hello both")
    assert bob.response(request, 20).status == 200
    assert 9 < time.monotonic() - start < 16
    wait_for(lambda: any("BYE sip:" in d.log.read_text(errors="replace") for d in (one, two)), 5, 0.1, "the other is not told that it is over")
    request = write(bob, ANN, "to one of them")
    assert bob.response(request).status == 200
    time.sleep(1)
    heard = [[e["text"] for e in d.seen("message")] for d in (one, two)]
    assert sorted(heard) == [[], ["hello both", "to one of them"]]
    assert server.counters()["messages.conversations"] == 1


def test_late_answer_between_clients_of_the_dialect(server, sipe):
    """Both devices take the conversation, in the same moment: the later one is told that it is over, not the caller. A device that has
    another beside it waits ten seconds before it answers, even if somebody writes there meanwhile."""
    server.add_user("cyd")
    allow_ntlm(server, "ann", "cyd")
    one, two, cyd = sipe(server, "ann", "one"), sipe(server, "ann", "two", host="second-desk"), sipe(server, "cyd")
    time.sleep(2)
    cyd.do("send", who=ANN, text="hello both")
    for device in (one, two):
        wait_for(lambda: "INVITE sip:127.0.0.1" in device.log.read_text(errors="replace"), 5, 0.1, "no INVITE came")
    one.do("send", who="sip:cyd@example.test", text="it is me")
    cyd.wait("message", who=ANN, text="it is me")

    def told():
        return [d for d in (one, two) if "BYE sip:" in d.log.read_text(errors="replace")]
    late = wait_for(told, 15, 0.2, "the later device is not told that it is over")
    assert len(late) == 1
    first = two if late[0] is one else one
    cyd.do("send", who=ANN, text="to the first")
    first.wait("message", who="sip:cyd@example.test", text="to the first")
    late[0].never("message", 1, text="to the first")
    assert told() == late


def test_devices_of_both_kinds(server, sipe, client):
    allow_ntlm(server, "ann")
    ann, phone, bob = sipe(server, "ann"), client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = write(bob, ANN, "hello both")
    assert answer_message(phone).text == "hello both"
    ann.wait("message", who=BOB, text="hello both")
    assert bob.response(request).status == 200
    phone_says = write(phone, BOB, "from the phone")
    assert answer_message(bob).text == "from the phone" and phone.response(phone_says).status == 200
    ann.do("send", who=BOB, text="from the desk")
    assert answer_message(bob).text == "from the desk"


@pytest.mark.parametrize("side", ["dialect", "standard"])
def test_connection_lost(server, sipe, client, side):
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), client(server, "bob").sign_in()
    ann.do("send", who=BOB, text="one")
    answer_message(bob)
    if side == "dialect":
        ann.kill()
        wait_for(lambda: server.counters()["messages.conversations"] == 0, 5, 0.1, "the conversation stays")
        assert bob.message(ANN, "two").status == 480
    else:
        bob.close()
        wait_for(lambda: server.counters()["registrar.bindings"] == 1, 5, 0.1, "the binding stays")
        ann.do("send", who=BOB, text="two")
        assert "two" in ann.wait("conversation-error", who=BOB)["text"]
        again = client(server, "bob").sign_in()
        ann.do("send", who=BOB, text="three")
        assert answer_message(again).text == "three"


def test_front_killed(server, sipe, linphone):
    """Both sign in again, Linphone by itself; what is written then opens a new conversation."""
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), linphone(server, "bob")
    ann.do("send", who=BOB, text="before")
    bob.wait_message("before")
    old = server.kill("front0")
    server.wait_restarted("front0", old)
    ann.wait("connection-error")
    ann.do("connect")
    ann.wait("signed-on", 20)
    wait_for(lambda: server.counters()["registrar.bindings"] == 2, 60, 0.5, "they do not come back")
    bob.message(ANN, "after-to-ann")
    ann.wait("message", who=BOB, text="after-to-ann")
    ann.do("send", who=BOB, text="after-to-bob")
    bob.wait_message("after-to-bob")


@pytest.mark.slow
def test_a_conversation_outlasts_the_wait_for_its_ack(server, sipe, client):
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), client(server, "bob").sign_in()
    ann.do("send", who=BOB, text="one")
    answer_message(bob)
    time.sleep(34)
    assert server.counters()["messages.conversations"] == 1
    ann.do("send", who=BOB, text="two")
    assert answer_message(bob).text == "two"


@pytest.mark.parametrize("fronts", [4])
def test_several_front_processes(server_factory, sipe, client, fronts):
    server = server_factory(fronts=fronts)
    names = ["ann", "bob"] + [f"u{i}" for i in range(4)]
    server.add_users(*names[2:])
    allow_ntlm(server, "ann")
    ann = sipe(server, "ann")
    for name in names[1:]:
        one, uri = client(server, name).sign_in(), f"sip:{name}@example.test"
        ann.do("send", who=uri, text=f"to {name}")
        assert answer_message(one).text == f"to {name}"
        request = write(one, ANN, f"from {name}")
        ann.wait("message", who=uri, text=f"from {name}")
        assert one.response(request).status == 200
        ann.do("send", who=uri, text=f"again to {name}")
        assert answer_message(one).text == f"again to {name}"
    assert server.counters()["messages.conversations"] == len(names) - 1, "an answer has opened a session of its own"
