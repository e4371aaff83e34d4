# SPDX-License-Identifier: Apache-2.0
"""pidgin-sipe, a client that speaks the Lync dialect: what it sees of the server, and what the server sees of it."""
import pathlib

import pytest

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
    ann = sipe("ann").sign_in(server, "ann", scheme="krb5", server=None, wait=False,
                              srv={f"_sipinternaltls._tcp.{server.domain}": [server.fqdn, server.port_tls]})
    ann.refused()
    asked = [(e["type"], e["name"].lower(), e.get("port")) for e in ann.seen("look-up")]
    hosts = {(f"lyncdiscoverinternal.{server.domain}", 443), (f"lyncdiscover.{server.domain}", 443)}
    assert hosts <= {(name, port) for kind, name, port in asked if kind == "host"}
    assert asked[-2:] == [("srv", f"_sipinternaltls._tcp.{server.domain}", None), ("host", server.fqdn, server.port_tls)]
    assert server.counters()["registrar.bindings"] == 0


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

@pytest.fixture
def pair(server, sipe):
    """ann and bob, signed in, each on the other's list."""
    ann, bob = (sipe(n).sign_in(server, n) for n in ("ann", "bob"))
    ann.do("add-contact", who=ANN_SEES, group="Friends")
    bob.do("add-contact", who=BOB_SEES)
    ann.wait_contact(ANN_SEES, status="available")
    bob.wait_contact(BOB_SEES, status="available")
    return ann, bob


BOB_SEES, ANN_SEES = "sip:ann@example.test", "sip:bob@example.test"


@pytest.mark.parametrize("scheme", ["ntlm", "tls-dsk", "auto"])
def test_sign_in(server, sipe, scheme):
    sipe("ann").sign_in(server, "ann", scheme=scheme)
    assert server.counters()["registrar.bindings"] == 1


@pytest.mark.parametrize("scheme", ["ntlm", "tls-dsk"])
def test_wrong_password(server, sipe, scheme):
    assert "ailed" in sipe("ann").sign_in(server, "ann", scheme=scheme, password="wrong", wait=False).refused()
    server.wait_event("auth.failed")
    assert server.counters()["registrar.bindings"] == 0


def test_disabled_user(server, sipe):
    server.cli("Disable-CsUser", "-Identity", "ann@example.test")
    assert sipe("ann").sign_in(server, "ann", wait=False).refused()


def test_locked_user(server, sipe):
    for n in range(12):
        sipe(f"ann{n}").sign_in(server, "ann", password="wrong", wait=False).refused()
    assert sipe("ann").sign_in(server, "ann", wait=False).refused()


# ---- contacts and presence ----

def test_contacts_are_there_after_a_restart(server, pair, sipe):
    for one in pair:
        one.end()
    server.restart()
    again = sipe("fresh").sign_in(server, "ann")
    again.wait_contact(ANN_SEES, group="Friends")


def test_contact_removed(pair):
    pair[0].do("remove-contact", who=ANN_SEES)
    assert not pair[0].contacts()


@pytest.mark.parametrize("status", ["busy", "do-not-disturb", "be-right-back", "away", "invisible"])
def test_presence(pair, status):
    ann, bob = pair
    ann.do("set-status", status=status, note=f"note for {status}")
    bob.wait_contact(BOB_SEES, status="offline" if status == "invisible" else status, note=f"note for {status}")
    ann.do("set-status", status="available")
    bob.wait_contact(BOB_SEES, status="available")


def test_offline_after_sign_off(pair):
    pair[0].end()
    pair[1].wait_contact(BOB_SEES, status="offline")


def test_blocked_sees_nothing(pair):
    pair[0].do("menu", who=ANN_SEES, path=["Access level", "  Blocked"])
    pair[1].wait_contact(BOB_SEES, status="offline")


# ---- messages ----

def test_messages_typing_and_html(pair):
    ann, bob = pair
    ann.do("send", who=ANN_SEES, text="hello <bob>")
    bob.wait("message", who=BOB_SEES, text="hello <bob>")
    bob.do("typing", who=BOB_SEES, on=True)
    ann.wait("typing", who=ANN_SEES, state="typing")
    bob.do("send", who=BOB_SEES, html="<b>bold</b>")
    assert "<B>" in ann.wait("message", who=ANN_SEES, text="bold")["html"].upper()


def test_message_to_nobody(pair):
    pair[0].do("send", who="sip:nobody@example.test", text="hello")
    pair[0].wait("conversation-error", who="sip:nobody@example.test")


@pytest.mark.slow
def test_two_devices(server, pair, sipe):
    """Whichever of two unattended devices takes the message does it after ten seconds."""
    second = sipe("second", host="second-desk").sign_in(server, "ann")
    assert server.counters()["registrar.bindings"] == 3
    second.wait_contact(ANN_SEES, group="Friends")
    pair[1].do("send", who=BOB_SEES, text="to both")
    devices = (pair[0], second)
    pair[0]._until(lambda: next((e for d in devices for e in d.seen("message") if e["text"] == "to both"), None), 25, "no device has it")


def test_directory_search(server, pair):
    server.add_user("carol")
    pair[0].do("action", label="Contact search")
    pair[0].do("fill", request=pair[0].wait("form")["request"], values={"given": "Carol"})
    assert any("carol@example.test" in (cell or "") for row in pair[0].wait("found")["rows"] for cell in row)


@pytest.mark.slow
def test_front_is_killed(server, sipe):
    ann = sipe("ann").sign_in(server, "ann", **{"come-back": 1})
    old = server.kill("front0")
    ann.wait("connection-error")
    server.wait_restarted("front0", old)
    ann.wait_signed_on(30)
