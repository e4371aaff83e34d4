# SPDX-License-Identifier: Apache-2.0
"""Sign-in by Kerberos against a real KDC: a client of the Lync dialect by hand, signing and checking every message."""
import base64
import re

import gssapi
import pytest

from deployment import Refused, wait_for
from lync_client import LyncClient
from realm import Realm
from sipe_client import SipeClient

SERVICE = "sip/uc.example.test@EXAMPLE.TEST"


@pytest.fixture(scope="module")
def realm():
    r = Realm()
    r.add("ann", "bob", "eve")
    r.service("sip/uc.example.test")
    yield r.start()
    r.remove()


@pytest.fixture
def kerberos(server, realm):
    server.cli("Import-CsKerberosKeytab", realm.top / "sip.keytab")
    return server


@pytest.fixture
def lync():
    made = []

    def make(server, user="ann", **more):
        made.append(LyncClient(server, user, **more))
        return made[-1]

    yield make
    for c in made:
        c.close()


def refusal(server, given, lync, user="ann", version=4, why=""):
    """A token that must be refused: 401 with the schemes anew, and keeper says why."""
    since, before = len(server.events), server.counters().get("kerberos.refused", 0)
    c = lync(server, user)
    c.version = version
    answer = c.prove(given)
    assert answer.status == 401, answer.start
    assert not [v for v in answer.all("www-authenticate") if "gssapi-data" in v], "there is nothing to go on with"
    assert server.counters()["kerberos.refused"] == before + 1
    if why: # a few lines a second are logged
        server.wait_event("kerberos.refused", since=since, wanted=lambda e: why in e["why"])


def test_it_is_offered_only_where_there_is_a_keytab(server, realm, lync):
    def offered():
        return [v for v in lync(server).challenges() if v.startswith("Kerberos ")]
    assert not offered()
    server.cli("Import-CsKerberosKeytab", realm.top / "sip.keytab")
    wait_for(offered)
    assert offered() == ['Kerberos realm="SIP Communications Service", targetname="sip/uc.example.test", version=4']
    server.set("ProxyConfiguration", UseKerberosForClientToProxyAuth="$false")
    wait_for(lambda: not offered())
    assert lync(server).prove(b"\x60\x00").status == 401
    server.set("ProxyConfiguration", UseKerberosForClientToProxyAuth="$true")
    wait_for(offered)
    server.cli("Remove-CsKerberosKeytab", "-Confirm:$false")
    wait_for(lambda: not offered())
    with pytest.raises(Refused, match="no keytab"):
        server.cli("Get-CsKerberosKeytab")


def test_sign_in_and_requests_signed_both_ways(kerberos, realm, lync):
    ann = lync(kerberos).sign_in_by(realm, realm.sign_in("ann"))
    bob = lync(kerberos, "bob").sign_in_by(realm, realm.sign_in("bob"))
    request = ann.build("INFO", "sip:bob@example.test", headers=[("Content-Type", "text/plain")], body="hello")
    request.headers.append(ann.credentials(request))
    ann.send(request)
    got = bob.check(bob.expect("INFO"))
    assert got.body == b"hello" and not got.get("proxy-authorization")
    bob.answer(got)
    assert ann.check(ann.response(request)).status == 200
    assert kerberos.counters()["kerberos.accepted"] == 2


@pytest.mark.parametrize("version", [2, 3])
def test_older_versions_sign_from_the_next_message_on(kerberos, realm, lync, version):
    ann = lync(kerberos)
    ann.version = version
    ann.sign_in_by(realm, realm.sign_in("ann"))
    assert ann.say("OPTIONS", "sip:example.test").status != 401


def test_signatures_in_any_order_but_each_once(kerberos, realm, lync):
    ann = lync(kerberos).sign_in_by(realm, realm.sign_in("ann"))
    assert ann.say("OPTIONS", "sip:example.test", count=9).status != 401
    assert ann.say("OPTIONS", "sip:example.test", count=7).status != 401
    assert ann.say("OPTIONS", "sip:example.test", count=7).status in (401, 407)
    assert ann.say("OPTIONS", "sip:example.test", count=10, forge=True).status in (401, 407)
    other = lync(kerberos)
    other.context, other.opaque = ann.context, ann.opaque
    assert other.say("OPTIONS", "sip:example.test", count=11).status in (401, 407), "an association belongs to its connection"


def test_a_wrong_signature_beside_a_right_token(kerberos, realm, lync):
    ann = lync(kerberos)
    assert ann.prove(ann.open(realm, realm.sign_in("ann")), forge=True).status == 401


def test_a_ticket_of_somebody_else(kerberos, realm, lync):
    eve = lync(kerberos, "ann")
    answer = eve.prove(eve.open(realm, realm.sign_in("bob")))
    assert answer.status == 403 and answer.get("ms-diagnostics").startswith("4004;")
    nobody = lync(kerberos, "ann")
    assert nobody.prove(nobody.open(realm, realm.sign_in("eve"))).status == 401
    assert "eve@EXAMPLE.TEST" == kerberos.wait_event("kerberos.nobody")["principal"]


@pytest.mark.parametrize("version", [2, 4])
def test_a_token_is_good_once(kerberos, realm, lync, version):
    ann = lync(kerberos)
    ann.version = version
    given = ann.open(realm, realm.sign_in("ann"))
    assert ann.prove(given).status == 200
    refusal(kerberos, given, lync, version=version, why="used before")
    assert ann.say("OPTIONS", "sip:example.test").status != 401, "the true one goes on"


def test_what_is_not_whole(kerberos, realm, lync):
    given = realm.token(realm.sign_in("ann"), SERVICE)
    for bad in (given[:-1], given + b"\0", given[:40], b"NTLMSSP\0" + given, given[:2] + b"\0" + given[3:]):
        refusal(kerberos, bad, lync)
    flipped = bytearray(given)
    flipped[-20] ^= 1
    refusal(kerberos, bytes(flipped), lync)
    assert kerberos.counters()["kerberos.refused"] == 6
    assert lync(kerberos).sign_in_by(realm, realm.sign_in("ann")), "nobody was locked"


def test_one_step_and_bare(kerberos, realm, lync):
    """A client that waits for an answer of ours would wait for ever; SPNEGO is not what the dialect has."""
    ann = lync(kerberos)
    ann.open(realm, realm.sign_in("ann"))
    name = gssapi.Name(SERVICE, gssapi.NameType.kerberos_principal)
    credentials = gssapi.Credentials(usage="initiate", store={"ccache": f"FILE:{realm.sign_in('ann')}"})
    flags = [gssapi.RequirementFlag.integrity, gssapi.RequirementFlag.mutual_authentication]
    mutual = gssapi.SecurityContext(name=name, usage="initiate", creds=credentials, mech=gssapi.MechType.kerberos, flags=flags)
    refusal(kerberos, mutual.step(), lync, why="mutual authentication")
    spnego = gssapi.SecurityContext(name=name, usage="initiate", creds=credentials, mech=gssapi.OID.from_int_seq("1.3.6.1.5.5.2"), flags=flags[0])
    refusal(kerberos, spnego.step(), lync, why="no token of Kerberos")


def test_nobody_is_locked_out_by_bad_tickets(kerberos, realm, lync):
    given = realm.token(realm.sign_in("ann"), SERVICE)[:-1]
    kerberos.set("ProxyConfiguration", MaxFailedSignIns="3")
    for _ in range(5):
        refusal(kerberos, given, lync)
    assert not kerberos.log("auth.locked")
    lync(kerberos).sign_in_by(realm, realm.sign_in("ann"))


def test_clocks_and_tickets_that_have_ended(kerberos, realm, lync):
    cache = realm.sign_in("ann")
    realm.run("kvno", SERVICE, cache=cache)
    ahead = ["faketime", "-f", "+10m"]
    refusal(kerberos, realm.token(cache, SERVICE, wrap=ahead), lync, why="clocks differ")
    past = ["faketime", "-f", "-3h"]
    realm.stop()
    realm.start(wrap=past)
    try:
        cache = realm.sign_in("ann", wrap=past, words=["-l", "10m"])
        given = realm.token(cache, SERVICE, wrap=past)
    finally:
        realm.stop()
        realm.start()
    refusal(kerberos, given, lync, why="ticket has expired")


class Ended:
    """A context of a ticket that has ended, which the library's other face refuses to touch."""

    def __init__(self, context):
        self.context = context

    def get_signature(self, text):
        return gssapi.raw.get_mic(self.context, text)

    def verify_signature(self, text, mic):
        gssapi.raw.verify_mic(self.context, text, mic)


def test_an_association_ends_with_its_ticket(kerberos, realm, lync):
    """Tickets are taken until five minutes after their end: this one has 8 seconds left of these."""
    realm.stop()
    realm.start(wrap=["faketime", "-f", "-600s"])
    try:
        cache = realm.sign_in("ann", wrap=["faketime", "-f", "-600s"], words=["-l", "308s"])
        realm.run("kvno", SERVICE, cache=cache, wrap=["faketime", "-f", "-600s"])
        given, context = realm.context(cache, SERVICE, wrap=["faketime", "-f", "-298s"])
    finally:
        realm.stop()
        realm.start()
    ann = lync(kerberos)
    ann.context = Ended(gssapi.raw.import_sec_context(context))
    assert ann.prove(given).status == 200
    assert ann.say("OPTIONS", "sip:example.test").status not in (401, 407)
    wait_for(lambda: ann.say("OPTIONS", "sip:example.test").status in (401, 407), 20, 0.5)


def test_the_ticket_of_another_service(kerberos, realm, lync):
    realm.service("HTTP/uc.example.test", file="both.keytab")
    realm.admin(f"ktadd -norandkey -k {realm.top}/both.keytab sip/uc.example.test")
    kerberos.cli("Import-CsKerberosKeytab", realm.top / "both.keytab")
    given = realm.token(realm.sign_in("ann"), "HTTP/uc.example.test@EXAMPLE.TEST")
    refusal(kerberos, given, lync, why="another service")
    assert lync(kerberos).sign_in_by(realm, realm.sign_in("ann"))


def test_new_keys_take_the_place_of_old_ones(server, lync):
    realm = Realm()
    try:
        realm.add("ann")
        first = realm.service("sip/uc.example.test", "first.keytab")
        realm.start()
        server.cli("Import-CsKerberosKeytab", first)
        old = realm.sign_in("ann")
        given = realm.token(old, SERVICE)
        second = realm.service("sip/uc.example.test", "second.keytab")
        new = realm.sign_in("ann")
        refusal(server, realm.token(new, SERVICE), lync, why="another version")
        both = realm.top / "both.keytab"
        both.write_bytes(first.read_bytes() + second.read_bytes()[2:])
        server.cli("Import-CsKerberosKeytab", both)
        shown = server.cli("Get-CsKerberosKeytab")
        assert re.search(r"\b2\b.*aes256", shown) and re.search(r"\b3\b.*aes256", shown)
        assert lync(server).prove(given) is not None
        assert lync(server).sign_in_by(realm, new)
        server.cli("Import-CsKerberosKeytab", second)
        refusal(server, realm.token(old, SERVICE), lync, why="another version")
    finally:
        realm.remove()


def test_only_aes(server, lync):
    realm = Realm()
    try:
        realm.add("ann")
        weak = realm.service("sip/uc.example.test", "weak.keytab", "arcfour-hmac:normal")
        with pytest.raises(Refused, match="no AES key"):
            server.cli("Import-CsKerberosKeytab", weak)
        mixed = realm.service("sip/uc.example.test", "mixed.keytab", "aes256-cts:normal,arcfour-hmac:normal")
        assert re.search(r"arcfour-hmac .*False", server.cli("Import-CsKerberosKeytab", mixed))
        assert "arcfour" not in server.cli("Get-CsKerberosKeytab")
        kept = (server.dir / "keys/sip.keytab").read_bytes()
        assert len(kept) < len(mixed.read_bytes()), "a key of RC4 is not kept"
        realm.admin("setstr sip/uc.example.test session_enctypes arcfour-hmac")
        config = realm.top / "krb5.conf"
        config.write_text(config.read_text().replace("[realms]", " permitted_enctypes = aes256-cts arcfour-hmac\n[realms]"))
        realm.start()
        refusal(server, realm.token(realm.sign_in("ann"), SERVICE), lync, why="of a kind that is not taken")
    finally:
        realm.remove()


def test_realms_and_names(server_factory, lync):
    home, other = Realm(), Realm("OTHER.TEST", "other.test")
    try:
        home.add("ann", "asmith", "robert")
        other.add("carol", "ann")
        other.trust(home)
        keytab = home.service("sip/uc.example.test")
        home.start(), other.start()
        server = server_factory(users=("ann", "bob", "carol", "dora"))
        server.cli("Import-CsKerberosKeytab", keytab)
        server.cli("Set-CsUser", "sip:bob@example.test", "-SamAccountName", "robert")
        server.cli("Set-CsUser", "sip:dora@example.test", "-UserPrincipalName", "asmith@example.test")
        server.cli("Set-CsUser", "sip:carol@example.test", "-UserPrincipalName", "carol@other.test")
        lync(server, "ann").sign_in_by(home, home.sign_in("ann"))
        lync(server, "bob").sign_in_by(home, home.sign_in("robert"))
        lync(server, "dora").sign_in_by(home, home.sign_in("asmith"))
        cache = other.sign_in("carol")
        carol = lync(server, "carol")
        assert carol.prove(carol.open(other, cache)).status == 401
        assert "realm is not trusted" in server.wait_event("kerberos.nobody")["why"]
        server.set("ProxyConfiguration", KerberosRealms="OTHER.TEST")
        lync(server, "carol").sign_in_by(other, cache)
        false = lync(server, "ann")
        assert false.prove(false.open(other, other.sign_in("ann"))).status == 401, "ann of the other realm is not ours"
    finally:
        home.remove(), other.remove()


def test_keeper_dies_and_who_is_signed_in_goes_on(kerberos, realm, lync):
    ann = lync(kerberos).sign_in_by(realm, realm.sign_in("ann"))
    old = kerberos.kill("keeper0")
    assert ann.say("OPTIONS", "sip:example.test").status != 401
    kerberos.wait_restarted("keeper0", old)
    wait_for(lambda: [v for v in lync(kerberos).challenges() if v.startswith("Kerberos ")])
    lync(kerberos, "bob").sign_in_by(realm, realm.sign_in("bob"))
    assert ann.say("OPTIONS", "sip:example.test").status != 401


def test_a_front_that_starts_anew_offers_it(kerberos, realm, lync):
    old = kerberos.kill("front0")
    kerberos.wait_restarted("front0", old)
    lync(kerberos).sign_in_by(realm, realm.sign_in("ann"))


def test_a_file_that_was_put_there_holds_after_a_reload(server, realm, lync):
    keytab = server.dir / "keys/sip.keytab"
    keytab.write_bytes((realm.top / "sip.keytab").read_bytes())
    keytab.chmod(0o644)
    server.process.send_signal(1)
    wait_for(lambda: [v for v in lync(server).challenges() if v.startswith("Kerberos ")])
    lync(server).sign_in_by(realm, realm.sign_in("ann"))
    keytab.write_bytes(b"\5\2\0\0\0\1")
    since = len(server.events)
    server.process.send_signal(1)
    server.wait_event("kerberos.keys_failed", since=since)
    lync(server, "bob").sign_in_by(realm, realm.sign_in("bob"))


def test_what_administrators_see(kerberos, realm):
    shown = kerberos.cli("Get-CsKerberosKeytab")
    assert "sip/uc.example.test@EXAMPLE.TEST" in shown and "aes256-cts-hmac-sha1-96" in shown
    secret = (realm.top / "sip.keytab").read_bytes()[-36:-4]
    everything = shown + "".join(e["_text"] for e in kerberos.events)
    assert secret.hex() not in everything and base64.b64encode(secret).decode() not in everything
    assert "Import-CsKerberosKeytab" in kerberos.cli("Get-CsAuditLog", "-Last", "5")
    assert (kerberos.dir / "keys/sip.keytab").stat().st_mode & 0o777 == 0o400
    with pytest.raises(Refused, match="no keytab of version 5.2"):
        kerberos.cli("Import-CsKerberosKeytab", kerberos.dir / "ca.pem")


# ---- a real client: pidgin-sipe ----

@pytest.fixture
def sipe(tmp_path, linger):
    """sipe("ann", realm, cache): pidgin-sipe in a folder of that name, with these tickets (none: it asks for some by its password)."""
    def make(name, realm, cache=None):
        tickets = f"FILE:{cache}" if cache else "MEMORY:"
        one = SipeClient(tmp_path / f"{name}.{len(list(tmp_path.iterdir()))}", env={"KRB5_CONFIG": str(realm.top / "krb5.conf"), "KRB5CCNAME": tickets})
        linger(one.end)
        return one
    return make


@pytest.mark.peers
def test_pidgin_sipe_with_single_sign_on(kerberos, realm, sipe):
    ann = sipe("ann", realm, realm.sign_in("ann")).sign_in(kerberos, "ann", scheme="krb5", sso=True)
    bob = sipe("bob", realm, realm.sign_in("bob")).sign_in(kerberos, "bob", scheme="krb5", sso=True)
    ann.do("send", who="sip:bob@example.test", text="hello")
    bob.wait("message", text="hello")
    old = kerberos.kill("keeper0")
    bob.do("send", who="sip:ann@example.test", text="still here")
    ann.wait("message", text="still here")
    kerberos.wait_restarted("keeper0", old)
    assert kerberos.counters()["auth.forged"] == 0


@pytest.mark.peers
def test_pidgin_sipe_with_the_password_of_the_realm(kerberos, realm, sipe):
    sipe("ann", realm).sign_in(kerberos, "ann", scheme="krb5", login="ann@EXAMPLE.TEST", password="secret-ann")


@pytest.mark.peers
def test_pidgin_sipe_is_told_when_it_may_not(kerberos, realm, sipe):
    """The ticket of another user; none at all."""
    bob = sipe("bob", realm, realm.sign_in("bob")).sign_in(kerberos, "ann", scheme="krb5", sso=True, wait=False)
    assert "rejected by the server" in bob.refused()
    assert kerberos.counters()["auth.impersonation"] == 1
    eve = sipe("eve", realm, realm.top / "nothing").sign_in(kerberos, "ann", scheme="krb5", sso=True, wait=False)
    assert "Failed to authenticate" in eve.refused()
    assert kerberos.counters()["registrar.bindings"] == 0
