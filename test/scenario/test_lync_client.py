# SPDX-License-Identifier: Apache-2.0
"""pidgin-sipe, a client that speaks the Lync dialect: what it sees of the server, and what the server sees of it."""
import pathlib

import pytest

from sipe_client import SipeClient

pytestmark = pytest.mark.peers


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
