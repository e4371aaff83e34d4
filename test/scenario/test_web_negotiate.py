# SPDX-License-Identifier: Apache-2.0
"""Web tickets for a ticket of Kerberos: a real KDC, curl, and a client by hand that looks at what it is answered."""
import base64
import os
import subprocess

import gssapi
import pytest

from deployment import wait_for
from realm import Realm
from sipe_client import SipeClient
from ticket_client import TICKET_PATH, Ticket, TicketClient, ntlm_by_curl

SERVICE = "HTTP/uc.example.test@EXAMPLE.TEST"
SPNEGO = gssapi.OID.from_int_seq("1.3.6.1.5.5.2")
BASIC = 'Basic realm="SIP Communications Service", charset="UTF-8"'
NTLM_FIRST = b"NTLMSSP\0\1\0\0\0\x05\x82\x88\xa2" + bytes(16)


@pytest.fixture(scope="module")
def realm():
    r = Realm()
    r.add("ann", "bob", "eve")
    r.service("sip/uc.example.test")
    r.service("HTTP/uc.example.test")
    r.service("HTTP/web.example.test", file="other.keytab")
    r.service("sip/uc.example.test", file="siponly.keytab")
    r.admin(f"ktadd -norandkey -k {r.top}/both.keytab sip/uc.example.test HTTP/uc.example.test HTTP/web.example.test")
    old = os.environ.get("KRB5_CONFIG")
    os.environ["KRB5_CONFIG"] = str(r.top / "krb5.conf")
    yield r.start()
    r.remove()
    os.environ.pop("KRB5_CONFIG") if old is None else os.environ.update(KRB5_CONFIG=old)


@pytest.fixture
def server(server_factory, realm):
    server = server_factory(users=("ann", "bob"), https=True, web_names=True, tcp=False)
    server.cli("Import-CsKerberosKeytab", realm.top / "both.keytab")
    wait_for(lambda: "Negotiate" in challenges(TicketClient(server).post(TICKET_PATH, "")), 5)
    return server


@pytest.fixture
def ann(server):
    client = TicketClient(server)
    yield client
    client.http.close()


def challenges(answer):
    return [value for name, value in answer.fields if name.lower() == "www-authenticate"]


def by_curl(server, realm, cache, body, *more, name="uc.example.test", port=None):
    port = port or server.port_https
    done = subprocess.run(["curl", "-s", "--negotiate", "-u", ":", "--cacert", str(server.dir / "ca.pem"), "--resolve", f"{name}:{port}:127.0.0.1", "-H", "Content-Type: text/xml",
                           "--data-binary", "@-", "-w", "\n%{http_code}", *more, f"https://{name}:{port}{TICKET_PATH}"],
                          input=body.encode(), capture_output=True, timeout=30, env=realm.env(cache))
    text, _, status = done.stdout.rpartition(b"\n")
    return int(status), text


def begin(realm, user="ann", service=SERVICE, mech=SPNEGO, mutual=True):
    name = gssapi.Name(service, gssapi.NameType.kerberos_principal)
    credentials = gssapi.Credentials(usage="initiate", store={"ccache": f"FILE:{realm.sign_in(user)}"})
    flags = [gssapi.RequirementFlag.mutual_authentication] if mutual else [gssapi.RequirementFlag.integrity]
    return gssapi.SecurityContext(name=name, usage="initiate", creds=credentials, mech=mech, flags=flags)


def give(client, token, body=None):
    return client.post(TICKET_PATH, body or client.token_request(), Authorization="Negotiate " + base64.b64encode(token).decode())


def refused(server, client, token, why, offer=("Negotiate", BASIC)):
    before, since = server.counters()["tickets.refused"], len(server.events)
    answer = give(client, token)
    assert answer.status == 401 and challenges(answer) == list(offer), challenges(answer)
    assert server.counters()["tickets.refused"] == before + 1
    assert why in server.wait_event("ticket.refused", since=since)["why"]


# ---- curl ----

def test_curl_gets_a_ticket_and_a_certificate(server, realm, ann):
    body = ann.token_request(entropy=b"e" * 32)
    status, text = by_curl(server, realm, realm.sign_in("ann"), body)
    assert status == 200, text
    cert, _ = ann.certificate(Ticket(text, b"e" * 32))
    assert "ann@example.test" in cert.subject.rfc4514_string()
    assert server.counters()["tickets.given.kerberos"] == 1 and server.counters()["kerberos.accepted"] == 1
    assert by_curl(server, realm, realm.sign_in("ann"), body, "--no-keepalive")[0] == 200, "another token"


def test_curl_without_a_ticket_or_with_another_ones(server, realm, ann):
    assert by_curl(server, realm, realm.top / "nothing", ann.token_request())[0] == 401
    status, text = by_curl(server, realm, realm.sign_in("bob"), ann.token_request("ann"))
    assert status == 500 and b"signed in as sip:bob@example.test" in text
    assert by_curl(server, realm, realm.sign_in("eve"), ann.token_request("eve"))[0] == 401
    assert "eve@EXAMPLE.TEST" == server.wait_event("kerberos.nobody")["principal"]


def test_outside_by_its_own_name(server, realm):
    outside = TicketClient(server, outside=True)
    assert "Negotiate" in challenges(outside.post(TICKET_PATH, ""))
    status, text = by_curl(server, realm, realm.sign_in("ann"), outside.token_request(), name="web.example.test", port=server.port_external_https)
    assert status == 200, text


# ---- by hand ----

@pytest.mark.parametrize("mutual", [True, False], ids=["mutual", "one way"])
def test_the_answer_proves_the_server(server, realm, ann, mutual):
    context = begin(realm, mutual=mutual)
    answer = give(ann, context.step())
    assert answer.status == 200, answer.body
    assert "sip:ann@example.test" in Ticket(answer.body).assertion
    word, _, coded = challenges(answer)[0].partition(" ")
    assert word == "Negotiate" and context.step(base64.b64decode(coded)) is None
    assert context.complete and bool(context.actual_flags & gssapi.RequirementFlag.mutual_authentication) == mutual


def test_bare_tokens_of_kerberos(server, realm, ann):
    context = begin(realm, mech=gssapi.MechType.kerberos)
    answer = give(ann, context.step())
    assert answer.status == 200
    context.step(base64.b64decode(challenges(answer)[0].removeprefix("Negotiate ")))
    assert context.complete
    answer = give(ann, begin(realm, mech=gssapi.MechType.kerberos, mutual=False).step())
    assert answer.status == 200 and not challenges(answer)


def test_what_is_refused(server, realm, ann):
    token = begin(realm).step()
    refused(server, ann, token[:-1], "none of SPNEGO")
    refused(server, ann, b"opaque", "none of SPNEGO")
    refused(server, ann, b"", "none of SPNEGO")
    broken = bytearray(token)
    broken[-20] ^= 1
    refused(server, ann, bytes(broken), "")
    assert give(ann, token).status == 200
    refused(server, ann, token, "used before")
    refused(server, ann, begin(realm, service="sip/uc.example.test@EXAMPLE.TEST").step(), "another service")
    refused(server, ann, begin(realm, service="HTTP/web.example.test@EXAMPLE.TEST").step(), "another service")
    assert ann.ask_ticket().status == 200, "nobody was locked"
    assert not server.log("auth.locked")


def test_ntlm_within_it_is_told_to_go_by_its_own_name(server, ann):
    """A client without a ticket: what is offered next leaves Negotiate out, on this connection."""
    server.cli("Set-CsUser", "-Identity", "sip:ann@example.test", "-NtlmAllowed", "$true", "-PasswordFile", "-", stdin=server.passwords["ann"] + "\n")
    wait_for(lambda: challenges(ann.post(TICKET_PATH, "")) == ["Negotiate", "NTLM", BASIC], 5)
    refused(server, ann, NTLM_FIRST, "NTLM is not taken within", ("NTLM", BASIC))
    framed = bytes.fromhex("60 3e 0606 2b0601050502 a0 34 30 32 a0 0e 30 0c 060a 2b06010401823702020a a2 20 04 1e".replace(" ", "")) + NTLM_FIRST[:30].ljust(30, b"\0")
    fresh = TicketClient(server)
    refused(server, fresh, framed, "NTLM is not taken within", ("NTLM", BASIC))
    assert ntlm_by_curl(server, "ann", server.passwords["ann"], ann.token_request())[0] == 200
    assert fresh.ask_ticket().status == 200
    assert "Negotiate" in challenges(TicketClient(server).post(TICKET_PATH, ""))


def test_a_locked_or_disabled_user(server, realm, ann):
    server.set("ProxyConfiguration", MaxFailedSignIns="2", LockoutSeconds="2")
    for _ in range(2):
        assert ann.ask_ticket("ann", "wrong").status == 401
    answer = give(ann, begin(realm).step())
    assert answer.status == 500 and b"too many wrong passwords" in answer.body
    wait_for(lambda: give(ann, begin(realm).step()).status == 200, 6, step=0.4)
    server.cli("Disable-CsUser", "-Identity", "sip:ann@example.test")
    assert give(ann, begin(realm).step()).status == 401


def test_where_it_is_offered(server, realm, ann):
    """A key for the name that was asked for, and a policy that lets it."""
    def offers():
        return challenges(ann.post(TICKET_PATH, ""))
    outside = TicketClient(server, outside=True)
    for values in ("NTLM", "None"):
        server.cli("Set-CsWebServiceConfiguration", "-UseWindowsAuth", values)
        wait_for(lambda: offers() == [BASIC], 5)
        refusal = give(ann, begin(realm).step())
        assert refusal.status == 401 and challenges(refusal) == [BASIC]
    server.cli("Set-CsWebServiceConfiguration", "-UseWindowsAuth", "Negotiate")
    wait_for(lambda: offers() == ["Negotiate", BASIC], 5)
    server.set("ProxyConfiguration", UseKerberosForClientToProxyAuth="$false")
    wait_for(lambda: offers() == [BASIC], 5)
    server.set("ProxyConfiguration", UseKerberosForClientToProxyAuth="$true")
    wait_for(lambda: offers() == ["Negotiate", BASIC], 5)
    realm.admin(f"ktadd -norandkey -k {realm.top}/inside.keytab HTTP/uc.example.test")
    assert "HTTP/web" not in server.cli("Import-CsKerberosKeytab", realm.top / "inside.keytab")
    wait_for(lambda: challenges(outside.post(TICKET_PATH, "")) == [BASIC], 5)
    assert offers() == ["Negotiate", BASIC] and give(ann, begin(realm).step()).status == 200
    server.cli("Remove-CsKerberosKeytab", "-Confirm:$false")
    wait_for(lambda: offers() == [BASIC], 5)


def test_processes_die(server, realm, ann):
    for name in ("keeper0", "vault0", "web0"):
        old = server.kill(name)
        server.wait_restarted(name, old)

        def works():
            try:
                return give(TicketClient(server), begin(realm).step()).status == 200
            except OSError:
                return False
        wait_for(works, 15, step=0.3)


@pytest.mark.peers
def test_pidgin_sipe_gets_its_certificate_by_single_sign_on(server, realm, tmp_path, linger):
    """TLS-DSK whose certificate comes for a ticket of Kerberos: no password anywhere."""
    one = SipeClient(tmp_path / "ann", env={"KRB5_CONFIG": str(realm.top / "krb5.conf"), "KRB5CCNAME": f"FILE:{realm.sign_in('ann')}"})
    linger(one.end)
    one.sign_in(server, "ann", scheme="tls-dsk", sso=True)
    assert server.counters()["tickets.given.kerberos"] >= 1 and server.counters()["certificates.issued"] == 1


@pytest.mark.peers
def test_pidgin_sipe_without_a_ticket(server, tmp_path, linger):
    """Where Negotiate is offered it goes by Kerberos or else by NTLM, and never by Basic: so people need a ticket or what NTLM needs, or it must not be offered."""
    made = []

    def bob(**more):
        for before in made:  # two of them begin with the same Call-ID and endpoint, and would be one device that goes back in its count (RFC 3261 10.3)
            before.end()
        made.append(SipeClient(tmp_path / f"bob{len(made)}", env={"KRB5_CONFIG": "/nonexistent", "KRB5CCNAME": "MEMORY:"}))
        linger(made[-1].end)
        return made[-1].sign_in(server, "bob", scheme="tls-dsk", **more)
    assert "Web ticket request" in bob(wait=False).refused()
    server.cli("Set-CsUser", "-Identity", "sip:bob@example.test", "-NtlmAllowed", "$true", "-PasswordFile", "-", stdin=server.passwords["bob"] + "\n")
    wait_for(lambda: "NTLM" in challenges(TicketClient(server).post(TICKET_PATH, "")), 5)
    bob()
    server.cli("Set-CsUser", "-Identity", "sip:bob@example.test", "-NtlmAllowed", "$false")
    server.cli("Set-CsWebServiceConfiguration", "-UseWindowsAuth", "None")
    wait_for(lambda: challenges(TicketClient(server).post(TICKET_PATH, "")) == [BASIC], 5)
    bob()
    assert server.counters()["tickets.given.kerberos"] == 0 and server.counters()["certificates.issued"] == 2
