# SPDX-License-Identifier: Apache-2.0
"""pidgin-sipe, a client that speaks the Lync dialect: what it sees of the server, and what the server sees of it."""
import pathlib
import re
import xml.etree.ElementTree as tree

import pytest

from deployment import wait_for
from sipe_client import SipeClient

pytestmark = pytest.mark.peers


@pytest.fixture
def server(server_factory):
    return server_factory(ntlm=True)


@pytest.fixture
def sipe(tmp_path, linger):
    """sipe("ann"): a client in a folder of that name, ended after the test; it must not have crashed."""
    def make(name, **more):
        one = SipeClient(tmp_path / name, **more)

        def end():
            status = one.end()
            assert status == 0 or one.killed, f"the client ended with {status}\n{one.tail()}"
        linger(end)
        return one
    return make


# ---- getting there ----

def test_foreign_authority_is_refused_by_the_client(server, server_factory, sipe):
    other = server_factory(start=False)
    ann = sipe("ann").sign_in(server, "ann", ca=str(other.dir / "ca.pem"), wait=False)
    assert "not trusted" in ann.wait("certificate-refused")["detail"]
    assert "invalid certificate" in ann.refused()
    assert server.counters()["registrar.bindings"] == 0


def test_another_name_than_the_server_has_is_refused_by_the_client(server, sipe):
    name = f"other.{server.domain}"
    ann = sipe("ann").sign_in(server, "ann", server=f"{name}:{server.port_tls}", hosts={name: "127.0.0.1"}, wait=False)
    assert f'claims to be from "{server.fqdn}"' in ann.wait("certificate-refused")["detail"]
    assert "invalid certificate" in ann.refused()
    assert server.counters()["registrar.bindings"] == 0


def test_nobody_listens(server, sipe):
    ann = sipe("ann").sign_in(server, "ann", server=f"{server.fqdn}:1", wait=False)
    assert ann.refused() == "SSL Connection Failed"


def test_scheme_that_is_not_offered(server, sipe):
    """The plugin asks for Kerberos, for which this server has no key."""
    ann = sipe("ann").sign_in(server, "ann", scheme="krb5", wait=False)
    failure = ann.wait("connection-error")
    assert failure["final"] and failure["text"] == "Incompatible authentication scheme chosen"
    assert server.counters()["registrar.bindings"] == 0


def test_server_found_by_srv_record(server, sipe):
    """Without a server in the account: autodiscover first, then the service records; the first that there is leads here."""
    ann = sipe("ann").sign_in(server, "ann", server=None, srv={f"_sipinternaltls._tcp.{server.domain}": [server.fqdn, server.port_tls]})
    asked = [(e["type"], e["name"].lower(), e.get("port")) for e in ann.seen("look-up")]
    hosts = {(f"lyncdiscoverinternal.{server.domain}", 443), (f"lyncdiscover.{server.domain}", 443)}
    assert hosts <= {(name, port) for kind, name, port in asked if kind == "host"}
    assert asked[-2:] == [("srv", f"_sipinternaltls._tcp.{server.domain}", None), ("host", server.fqdn, server.port_tls)]
    assert server.counters()["registrar.bindings"] == 1


# ---- the driver itself ----

def test_commands_before_sign_in_are_refused(sipe):
    ann = sipe("ann")
    assert ann.tell("contacts")["why"] == "sign in first"
    assert ann.tell("nonsense")["why"] == "no such command"
    assert ann.tell("sign-in", uri="ann@example.test", ca="/nonexistent")["why"] == "the CA file cannot be read"
    with pytest.raises(AssertionError, match="no event message.*not within 0.2 s"):
        ann.wait("message", 0.2)


def test_an_idle_client_costs_nothing(server, sipe):
    """It waits in the kernel: what it has used of the processor does not grow."""
    ann = sipe("ann").sign_in(server, "ann", scheme="krb5", wait=False)
    ann.refused()
    ann.wait("signed-off")

    def used():
        return sum(int(n) for n in pathlib.Path(f"/proc/{ann.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13])
    before = used()
    ann.never("signed-on", 2)
    assert used() - before <= 2, f"{used() - before} ticks in two seconds"


def test_second_host_name(sipe):
    """Two endpoints of one user differ by it."""
    one, two = sipe("one"), sipe("two", host="second-desk")
    names = [pathlib.Path(f"/proc/{c.process.pid}/ns/uts").readlink() for c in (one, two)]
    assert names[0] != names[1]


# ---- sign-in ----

ANN, BOB, CAROL = (f"sip:{name}@example.test" for name in ("ann", "bob", "carol"))


def befriend(ann, bob):
    ann.do("add-contact", who=BOB, group="Friends")
    bob.do("add-contact", who=ANN)
    ann.wait_contact(BOB, status="available")
    bob.wait_contact(ANN, status="available")
    return ann, bob


@pytest.fixture
def pair(server, sipe):
    """ann and bob, signed in, each on the other's list."""
    return befriend(*[sipe(n).sign_in(server, n) for n in ("ann", "bob")])


@pytest.mark.parametrize("scheme", ["ntlm", "auto"])
def test_sign_in(server, sipe, scheme):
    sipe("ann").sign_in(server, "ann", scheme=scheme)
    assert server.counters()["registrar.bindings"] == 1


def failure(client, server, user, **more):
    """The last word that somebody sees who cannot sign in."""
    last = client.sign_in(server, user, wait=False, **more).wait("connection-error")
    assert last["final"], "the client would try for ever"
    return last["text"]


def test_who_is_not_let_in(server, sipe):
    """Wrong password; somebody whom NTLM is not allowed; somebody disabled."""
    server.ntlm = False
    server.add_user("carol")
    assert failure(sipe("wrong"), server, "ann", password="wrong") == "Authentication failed"
    server.wait_event("auth.failed")
    assert failure(sipe("carol"), server, "carol") == "Authentication failed"
    server.cli("Set-CsUser", "-Identity", CAROL, "-NtlmAllowed", "$true", "-PasswordFile", "-", stdin=server.passwords["carol"] + "\n")
    sipe("now").sign_in(server, "carol")
    server.cli("Disable-CsUser", "-Identity", BOB)
    assert failure(sipe("bob"), server, "bob") == "Authentication failed"
    server.cli("Enable-CsUser", "-Identity", BOB)
    sipe("again").sign_in(server, "bob")
    assert server.counters()["registrar.bindings"] == 2


def test_locked_by_wrong_passwords(server, sipe):
    server.set("ProxyConfiguration", MaxFailedSignIns=3, LockoutSeconds=600, MaxLockoutSeconds=600)
    for n in range(3):
        assert failure(sipe(f"guess{n}"), server, "ann", password="wrong") == "Authentication failed"
    assert failure(sipe("right"), server, "ann") == "Authentication failed"
    sipe("bob").sign_in(server, "bob")
    server.cli("Unlock-CsUser", "-Identity", ANN)
    sipe("ann").sign_in(server, "ann")


def test_ntlm_turned_off(server, sipe):
    server.set("ProxyConfiguration", UseNtlmForClientToProxyAuth="$false")
    assert failure(sipe("ann"), server, "ann") == "Incompatible authentication scheme chosen"
    server.set("ProxyConfiguration", UseNtlmForClientToProxyAuth="$true")
    sipe("again").sign_in(server, "ann")


@pytest.mark.parametrize("command", ["Disable-CsUser", "Remove-CsUser"])
def test_signed_out_by_an_administrator(server, pair, command):
    """She is told why and does not come back; for others she is offline at once."""
    ann, bob = pair
    server.cli(command, "-Identity", ANN)
    assert ann.refused() == "You have been rejected by the server: User disabled"
    if command == "Disable-CsUser":
        bob.wait_contact(ANN, status="offline")
    wait_for(lambda: server.counters()["connections.open"] == 1, 5)
    assert server.counters()["registrar.bindings"] == 1


def test_signed_out_over_another_front(server_factory, sipe):
    """The word comes from her home and the end follows it, whichever process has her connection."""
    server = server_factory(fronts=4, ntlm=True, users=[f"u{i}" for i in range(8)])
    people = [sipe(f"u{i}").sign_in(server, f"u{i}") for i in range(8)]
    for i, one in enumerate(people):
        server.cli("Disable-CsUser", "-Identity", f"sip:u{i}@{server.domain}")
        assert one.refused() == "You have been rejected by the server: User disabled"
    wait_for(lambda: server.counters()["connections.open"] == 0, 5)


# ---- contacts ----

def shown(client):
    """{group: {address: name}} of what is on the list."""
    found = {}
    for (who, group), one in client.contacts().items():
        found.setdefault(group, {})[who] = one["alias"]
    return found


def wait_list(client, wanted, timeout=15):
    try:
        wait_for(lambda: shown(client) == wanted, timeout, 0.1)
    except AssertionError:
        raise AssertionError(f"wanted {wanted}\nshown {shown(client)}\n{client.tail()}") from None


def test_contacts_and_groups_are_kept(server, sipe):
    """Two devices have the same list after each change; a new one has it after vault, front or everything has ended."""
    server.add_user("carol")
    ann, second = sipe("ann").sign_in(server, "ann"), sipe("second", host="second-desk").sign_in(server, "ann")
    both = ann, second

    def both_show(wanted):
        for one in both:
            wait_list(one, wanted)
    ann.do("add-contact", who=BOB, group="Friends")
    both_show({"Friends": {BOB: "Bob"}})
    ann.do("add-contact", who=CAROL)
    both_show({"Friends": {BOB: "Bob"}, "Other Contacts": {CAROL: "Carol"}})
    second.do("menu", who=CAROL, path=["Copy to", "Friends"])
    both_show({"Friends": {BOB: "Bob", CAROL: "Carol"}, "Other Contacts": {CAROL: "Carol"}})
    second.do("rename-contact", who=BOB, alias="Bob <the & first>")
    ann.do("remove-contact", who=CAROL, group="Other Contacts")
    ann.do("rename-group", group="Friends", name="Mates & more")
    wanted = {"Mates & more": {BOB: "Bob <the & first>", CAROL: "Carol"}}
    both_show(wanted)
    for one in both:  # a client begins its random numbers with the second it starts in: two of one device at the same time would have one Call-ID
        one.end()
    old = server.kill("vault0")  # what a device has been told is written down
    server.wait_restarted("vault0", old)
    fresh = sipe("after-vault").sign_in(server, "ann")
    wait_list(fresh, wanted)
    fresh.end()
    old = server.kill("front0")
    server.wait_restarted("front0", old)
    fresh = sipe("after-front").sign_in(server, "ann")
    wait_list(fresh, wanted)
    fresh.end()
    server.restart()
    last = sipe("after-all").sign_in(server, "ann")
    wait_list(last, wanted)
    last.do("remove-contact", who=BOB)
    last.do("remove-contact", who=CAROL)
    last.do("remove-group", group="Mates & more")
    last.end()
    assert not sipe("empty").sign_in(server, "ann").contacts()


def test_directory_search(server, pair):
    """By given name, also by a part of it; nobody found is said."""
    server.add_user("carol")
    server.cli("Set-CsUser", "-Identity", CAROL, "-FirstName", "Carolin", "-LastName", "Test")
    ann = pair[0]

    def search(given):
        ann.do("action", label="Contact search")
        ann.do("fill", request=ann.wait("form")["request"], values={"given": given})
    search("Carol")
    assert [row for row in ann.wait("found")["rows"] if "carol@example.test" in row]
    search("Nobody")
    ann.wait("error-box", text="No contacts found")


# ---- presence ----

def test_presence_and_note(server, pair, sipe):
    ann, bob = pair
    for status in ("busy", "do-not-disturb", "be-right-back", "away", "invisible", "available"):
        ann.do("set-status", status=status, note=f"{status} & more")
        bob.wait_contact(ANN, status="offline" if status == "invisible" else status, note=f"{status} & more")
    ann.do("set-status", status="busy")
    bob.wait_contact(ANN, status="busy")
    wait_for(lambda: "available" not in str(bob.contact(ANN)["text"]), 5, 0.1, "the note stays")
    ann.end()
    bob.wait_contact(ANN, status="offline")


LEVELS = [("Personal", "busy", True), ("Team", "busy", True), ("Public", "busy", False), ("Blocked", "offline", False), ("Company", "busy", True)]


def test_each_access_level(server, pair, sipe):
    """What bob sees of ann by the level that she gives him; it outlives both."""
    ann, bob = pair
    ann.do("set-status", status="busy", note="in the lab")

    def bob_sees(client, status, has_note):
        client.wait_contact(ANN, status=status)
        wait_for(lambda: ("in the lab" in str(client.contact(ANN))) == has_note, 10, 0.1, f"{client.contact(ANN)}")
    bob_sees(bob, "busy", True)
    for level, status, has_note in LEVELS:
        ann.do("menu", who=BOB, path=["Access level", f"  {level}"])
        bob_sees(bob, status, has_note)
        wait_for(lambda: ann.contact(BOB)["shown"]["Access level"].lstrip("*= ") == level, 5, 0.1, f"{level} is not shown")
    ann.do("menu", who=BOB, path=["Access level", "  Blocked"])
    bob_sees(bob, "offline", False)
    old = server.kill("vault0")
    server.wait_restarted("vault0", old)
    bob.end()
    again = sipe("again").sign_in(server, "bob")
    again.wait_contact(ANN)
    again.never("presence", 1, who=ANN, status="busy")
    bob_sees(again, "offline", False)
    ann.wait_contact(BOB, status="available")


def test_a_standard_client_beside_it(server, sipe, client):
    """bob has a standard client: ann's Lync client sees what he publishes, he sees what she does."""
    bob = client(server, "bob").sign_in()
    ann = sipe("ann").sign_in(server, "ann")
    ann.do("add-contact", who=BOB)
    ann.wait_contact(BOB, status="available")
    body = ('<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
            'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:bob@example.test"><tuple id="a"><status><basic>open</basic></status></tuple>'
            '<dm:person id="p"><rpid:activities><rpid:away/></rpid:activities><dm:note>at lunch</dm:note></dm:person></presence>')
    headers = [("Event", "presence"), ("Expires", "600"), ("Content-Type", "application/pidf+xml")]
    assert bob.transact(bob.build("PUBLISH", bob.aor, to=bob.aor, headers=headers, body=body)).status == 200
    ann.wait_contact(BOB, status="away", note="at lunch")
    headers = [("Event", "presence"), ("Accept", "application/pidf+xml"), ("Expires", "600")]
    assert bob.transact(bob.build("SUBSCRIBE", ANN, contact=True, headers=headers)).status == 200

    def told():
        came = bob.expect("NOTIFY")
        bob.reply(came, 200, "OK")
        root = tree.fromstring(came.body)
        return root.findtext(".//{*}tuple/{*}status/{*}basic"), [e.tag.split("}")[1] for e in root.iterfind(".//{*}activities/*")], "".join(e.text for e in root.iterfind(".//{*}note"))

    def until(wanted):
        seen = [told()]
        while not wanted(*seen[-1]):
            assert len(seen) < 6, seen
            seen.append(told())
    until(lambda basic, activities, note: basic == "open")
    ann.do("set-status", status="busy", note="in the lab")
    until(lambda basic, activities, note: basic == "open" and activities == ["busy"] and "in the lab" in note)
    ann.end()
    until(lambda basic, activities, note: basic == "closed")


# ---- messages ----

def converse(ann, bob):
    """A message each way, typing, HTML."""
    ann.do("send", who=BOB, text="hello <bob>")
    bob.wait("message", who=ANN, text="hello <bob>")
    bob.do("typing", who=ANN, on=True)
    ann.wait("typing", who=BOB, state="typing")
    bob.do("send", who=ANN, html="<b>bold &amp; loud</b>")
    assert re.search("<b>.*bold &amp; loud.*</b>", ann.wait("message", who=BOB, text="bold & loud")["html"], re.I)


def test_messages_typing_and_html(pair):
    converse(*pair)


def test_message_that_is_not_delivered(server, pair):
    """Nobody of that name; nobody signed in; gone while the conversation was open. The text that was lost is shown."""
    server.add_user("carol")
    ann, bob = pair
    for who in ("sip:nobody@example.test", CAROL):
        ann.do("send", who=who, text="hello")
        assert "not delivered" in ann.wait("conversation-error", who=who)["text"]
    converse(ann, bob)
    bob.kill()
    bob.reader.join()
    ann.wait_contact(BOB, status="offline")
    ann.do("send", who=BOB, text="are you there?")
    assert re.search("not delivered.*are you there", ann.wait("conversation-error", who=BOB)["text"], re.S)


# ---- several devices ----

def test_status_of_one_device_is_that_of_the_other(server, pair, sipe):
    ann, bob = pair
    second = sipe("second", host="second-desk").sign_in(server, "ann")
    wait_list(second, {"Friends": {BOB: "Bob"}})
    assert server.counters()["registrar.bindings"] == 3
    ann.do("set-status", status="do-not-disturb", note="writing")
    bob.wait_contact(ANN, status="do-not-disturb", note="writing")
    second.wait("own-status", status="do-not-disturb", note="writing")
    second.do("set-status", status="available", note="done")
    bob.wait_contact(ANN, status="available", note="done")
    ann.wait("own-status", status="available", note="done")
    second.end()
    bob.never("presence", 1, who=ANN, status="offline")
    bob.wait_contact(ANN, status="available")


@pytest.mark.slow
def test_message_to_two_devices(server, pair, sipe):
    """Each of two unattended devices waits ten seconds for the other; then one conversation there is, and it goes on."""
    ann, bob = pair
    second = sipe("second", host="second-desk").sign_in(server, "ann")
    wait_list(second, {"Friends": {BOB: "Bob"}})
    wait_for(lambda: ann.log.read_text(errors="replace").count("categoryName=\"device\"") >= 1, 10)
    bob.do("send", who=ANN, text="to both")
    devices = (ann, second)
    wait_for(lambda: any(e["text"] == "to both" for d in devices for e in d.seen("message")), 30, 0.1, f"no device has it\n{ann.tail()}")
    taker = next(d for d in devices if any(e["text"] == "to both" for e in d.seen("message")))
    taker.do("send", who=BOB, text="here")
    bob.wait("message", who=ANN, text="here", timeout=20)
    assert not bob.seen("conversation-error")


# ---- what ends and begins again ----

def test_front_is_killed_during_a_conversation(server, sipe):
    """Both clients sign in again by themselves; list, note and conversation are there."""
    both = ann, bob = befriend(*[sipe(n).sign_in(server, n, **{"come-back": 1}) for n in ("ann", "bob")])
    ann.do("set-status", status="busy", note="before")
    bob.wait_contact(ANN, status="busy", note="before")
    converse(ann, bob)
    old = server.kill("front0")
    for one in both:
        assert not one.wait("connection-error")["final"]
    server.wait_restarted("front0", old)
    for one in both:
        one.wait_signed_on(30)
    wait_list(ann, {"Friends": {BOB: "Bob"}})
    bob.wait_contact(ANN, status="busy", note="before")
    ann.wait_contact(BOB, status="available")
    converse(ann, bob)
    assert server.counters()["registrar.bindings"] == 2


def test_server_is_restarted(server, sipe):
    both = ann, bob = befriend(*[sipe(n).sign_in(server, n, **{"come-back": 1}) for n in ("ann", "bob")])
    server.restart()
    for one in both:
        assert not one.wait("connection-error")["final"]
        one.wait_signed_on(30)
    ann.wait_contact(BOB, status="available")
    bob.wait_contact(ANN, status="available")
    converse(ann, bob)


def test_four_front_processes(server_factory, sipe):
    """Everything once, with people at home in other processes than their connections."""
    names = ["ann", "bob", "carol", "dave"]
    server = server_factory(fronts=4, ntlm=True, users=names)
    ann, bob, carol, dave = people = [sipe(n).sign_in(server, n) for n in names]
    for one in people[1:]:
        one.do("add-contact", who=ANN, group="Friends")
        one.wait_contact(ANN, status="available")
    ann.do("set-status", status="busy", note="four")
    for one in people[1:]:
        one.wait_contact(ANN, status="busy", note="four")
    levels = [("Blocked", bob, "offline"), ("Team", carol, "busy")]
    for n, (level, one, status) in enumerate(levels):
        who = (BOB, CAROL)[n]
        ann.do("add-contact", who=who)
        ann.wait_contact(who, status="available")
        ann.do("menu", who=who, path=["Access level", f"  {level}"])
        one.wait_contact(ANN, status=status)
    second = sipe("second", host="second-desk").sign_in(server, "ann")
    second.wait_contact(CAROL, status="available")
    for who, one in ((CAROL, carol), ("sip:dave@example.test", dave)):
        ann.do("send", who=who, text="all of you")
        one.wait("message", who=ANN, text="all of you")
    ann.end()
    second.end()
    dave.wait_contact(ANN, status="offline")
