# SPDX-License-Identifier: Apache-2.0
"""Administrators who sign in by a client certificate: issued, shown, refused, revoked, with whole servers."""
import base64
import hmac
import json
import os
import signal
import ssl
import stat
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployment import BUILD, Refused, authority_files, wait_for
from test_web import SESSION, stage, stage_factory, vault  # noqa: F401 (fixtures)
from test_web_client import Proxy
from test_faults import small_disk  # noqa: F401
from web_client import Closed, WebClient

ANN = "sip:ann@example.test"
PASSWORD = "open sesame"


def openssl(*words, stdin=None):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, input=stdin).stdout


def issue(server, name="ann", *more, pem=True):
    """A certificate of this user; its file."""
    out = server.top / f"{name}-{os.urandom(4).hex()}.{'pem' if pem else 'p12'}"
    server.cli("issue-certificate", "--user", f"sip:{name}@example.test", "--out", out, *(["--pem"] if pem else ["--password-file", "-"]), *more,
               stdin=PASSWORD + "\n")
    return out


def serial_of(file):
    return openssl("x509", "-in", file, "-noout", "-serial").decode().strip().partition("=")[2]


def people(server):
    """The words of each line on a certificate of a person in the list of what was issued."""
    lines = [line.split()[:4] for line in (server.dir / "certs/issued").read_text().splitlines()]
    return [line for line in lines if not line[2].startswith("host:")]


def forge(server, san="URI:sip:ann@example.test", eku="clientAuth", days=10, own=True, begins=None):
    """A certificate made by hand, by the deployment's key or a foreign one of the same name."""
    base = server.top / f"forged-{os.urandom(4).hex()}"
    ca, key = authority_files(server.dir)
    if not own:
        ca, key = f"{base}.ca", f"{base}.cakey"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", ca, "-subj", "/O=Example/CN=Example root CA")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{base}.key", "-out", f"{base}.csr", "-subj", "/CN=ann")
    with open(f"{base}.ext", "w", encoding="ascii") as f:
        f.write("basicConstraints=critical,CA:FALSE\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n" + (f"extendedKeyUsage={eku}\n" if eku else "") +
                (f"subjectAltName={san}\n" if san else ""))
    made = openssl("x509", "-req", "-in", f"{base}.csr", "-CA", ca, "-CAkey", key, "-set_serial", int.from_bytes(os.urandom(8), "big"), "-days", days,
                   "-extfile", f"{base}.ext")
    with open(f"{base}.key", "ab") as f:
        f.write(made)
    return f"{base}.key"


@pytest.fixture
def server(server_factory):
    """Ann may do everything, bob nothing."""
    server = server_factory(web=True)
    server.cli("Set-CsGroup", "-Identity", "CsAdministrator", "-Members", ANN)
    return server


class Shown(WebClient):
    """A connection that shows a certificate."""

    def __init__(self, server, file, **more):
        tls = ssl.create_default_context(cafile=str(server.dir / "ca.pem"))
        for name, value in more.items():
            setattr(tls, name, value)
        if file:
            tls.load_cert_chain(file)
        super().__init__(server.port_web, None, tls=tls)

    def sign_in(self, **body):
        return self.ask("POST", "/api/v1/session", {}, body)


def sign_in(server, file, **body):
    with Shown(server, file) as c:
        return c.sign_in(**body)


def bearer(answer):
    assert answer.status == 201, answer.body
    return {"Authorization": "Bearer " + answer.json["objects"][0]["Session"]}


def use(server, fields):
    with WebClient(server.port_web, server.dir / "ca.pem") as c:
        return c.ask("POST", "/api/v1/cmdlets/Get-CsUser", fields, {}).status


def audit(server):
    return json.loads(server.cli("Get-CsAuditLog", "-As", "json"))


def alert(server, file, version):
    """What the server says to a certificate that it does not want."""
    with pytest.raises((ssl.SSLError, Closed)) as why:
        c = Shown(server, file, maximum_version=version)
        c.send(c.head("GET", "/healthz"))
        c.socket.recv(100)
    return str(why.value)


def is_revoked(server, file):
    """Does the server say in the handshake that it was?"""
    try:
        return sign_in(server, file).status == 401
    except (ssl.SSLError, Closed, ConnectionResetError):
        return "revoked" in alert(server, file, ssl.TLSVersion.TLSv1_3).lower()


# ---- issuing ----

def test_what_is_issued(server):
    sealed = issue(server, pem=False)
    assert stat.S_IMODE(os.stat(sealed).st_mode) == 0o600
    made = openssl("pkcs12", "-in", sealed, "-passin", f"pass:{PASSWORD}", "-nokeys", "-clcerts")
    text = openssl("x509", "-noout", "-text", stdin=made).decode()
    for part in ("URI:sip:ann@example.test, email:ann@example.test", "TLS Web Client Authentication\n", "CA:FALSE", "/witan.crl", "CN = ann@example.test"):
        assert part in text
    assert "Server Authentication" not in text
    with pytest.raises(subprocess.CalledProcessError):
        openssl("pkcs12", "-in", sealed, "-passin", "pass:wrong", "-nokeys")
    plain = issue(server, "bob", "--days", "3")
    assert stat.S_IMODE(os.stat(plain).st_mode) == 0o600
    openssl("verify", "-CAfile", server.dir / "ca.pem", "-untrusted", server.dir / "certs/issuing.pem", "-purpose", "sslclient", plain)
    listed = people(server)
    assert stat.S_IMODE(os.stat(server.dir / "certs/issued").st_mode) == 0o600
    assert [line[2:] for line in listed] == [[ANN, "-"], ["sip:bob@example.test", "-"]]
    assert listed[1][0] == serial_of(plain) and abs(int(listed[1][1]) - time.time() - 3 * 86400) < 7200


def test_nothing_is_overwritten(server):
    out = issue(server)
    before = out.read_bytes()
    with pytest.raises(Refused) as why:
        server.cli("issue-certificate", "--user", ANN, "--out", out, "--pem")
    assert why.value.status == 1 and out.read_bytes() == before


def test_many_at_once(server_factory):
    """Nobody's line gets lost, nor what was revoked meanwhile."""
    server = server_factory(users=())
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: issue(server, f"user{n}"), range(16)))
        list(pool.map(lambda n: server.cli("revoke-certificate", "--user", f"sip:user{n}@example.test"), range(0, 16, 2)))
    lines = people(server)
    assert {line[0] for line in lines} == {serial_of(file) for file in made}
    revoked = {line[0] for line in lines if line[3] != "-"}
    text = openssl("crl", "-inform", "DER", "-in", server.dir / "certs/witan.crl", "-noout", "-text").decode()
    assert len(revoked) == 8 and all((line[0] in text) == (line[0] in revoked) for line in lines)


@pytest.mark.parametrize("words, says", [
    (["--user", "sip:ann@elsewhere.test", "--out", "OUT", "--pem"], "domain"), (["--user", "ann", "--out", "OUT", "--pem"], "not an address"),
    (["--user", "sip:a b@example.test", "--out", "OUT", "--pem"], "not an address"), (["--user", ANN, "--out", "OUT", "--days", "1096"], "--days"),
    (["--user", ANN, "--out", "OUT", "--days", "0"], "--days"), (["--user", ANN], "--out"), (["--out", "OUT"], "--user"),
    (["--user", ANN, "--out", "OUT", "--password-file", "/dev/null"], "password"), (["--user", ANN, "--out", "/nowhere/x", "--pem"], "cannot make"),
])
def test_what_is_not_issued(server_factory, words, says):
    server = server_factory(users=())
    out = server.top / "out"
    with pytest.raises(Refused) as why:
        server.cli("issue-certificate", *[out if w == "OUT" else w for w in words])
    assert says in why.value.stderr and not out.exists() and not people(server)


def test_without_the_key_of_the_authority(server_factory):
    server = server_factory(start=False)
    authority_files(server.dir)[1].rename(server.top / "authority.key")
    server.start()
    for words in (["issue-certificate", "--user", ANN, "--out", server.top / "x", "--pem"], ["revoke-certificate", "--user", ANN]):
        with pytest.raises(Refused) as why:
            server.cli(*words)
        assert why.value.status == 1 and "the key of the built-in authority is not on this machine" in why.value.stderr
    assert not (server.top / "x").exists()


# ---- signing in ----

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_instead_of_a_password(server, version):
    file = issue(server)
    with Shown(server, file, maximum_version=version) as c:
        answer = c.sign_in()
        fields = bearer(answer)
        assert answer.json["objects"][0]["User"] == ANN and answer.json["objects"][0]["Certificate"] == serial_of(file)
        assert c.ask("POST", "/api/v1/cmdlets/Get-CsUser", fields, {}).status == 200
        assert c.sign_in(User=ANN).status == 201 and c.sign_in(User="sip:Ann@example.test").status == 201
        assert c.sign_in(User="sip:bob@example.test").status == 401
        assert c.ask("POST", "/api/v1/cmdlets/Get-CsUser", {}, {}).status == 401, "the certificate is no session"
    assert use(server, fields) == 200, "the session needs no certificate"
    line = server.wait_event("command.done", wanted=lambda e: "certificate" in e["command"])
    assert line["command"] == f"sign-in {ANN} certificate {serial_of(file)}"
    lines = [line for line in audit(server) if line["Author"] == ANN]
    assert lines[0]["Command"] == f"sign-in certificate {serial_of(file)}" and lines[0]["Result"] == "OK"
    assert server.log("revocations.stale") == []


def test_a_password_still_does_it(server):
    file = issue(server)
    for shown in (None, file):
        assert sign_in(server, shown, User=ANN, Password=server.passwords["ann"]).status == 201
        assert sign_in(server, shown, User=ANN, Password="wrong").status == 401
    assert sign_in(server, None).status == 400
    assert sign_in(server, None, User=ANN).status == 400


def test_sip_asks_nobody(server):
    """The ports of SIP ask for no certificate, and whoever shows one there is served as before."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port_tls}", "-CAfile", str(server.dir / "ca.pem"), "-cert",
                           issue(server), "-servername", server.fqdn], input=b"", capture_output=True, timeout=20)
    assert b"Verify return code: 0" in done.stdout and b"Acceptable client certificate CA names" not in done.stdout
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port_web}", "-CAfile", str(server.dir / "ca.pem")], input=b"",
                          capture_output=True, timeout=20)
    assert b"Acceptable client certificate CA names\nO = Example, CN = Example issuing CA\nO = Example, CN = Example root CA" in done.stdout


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_alerts(server, version):
    rows = [(forge(server, own=False), "unknown ca|decrypt error|bad certificate"), (forge(server, days=-1), "certificate expired"),
            (forge(server, eku="serverAuth"), "unsupported certificate|bad certificate"), (forge(server, eku=None), "unsupported certificate"),
            (forge(server, eku="clientAuth,serverAuth"), "unsupported certificate")]
    for n, (file, says) in enumerate(rows, 1):
        told = alert(server, file, version).replace("_", " ").lower()
        assert any(word in told for word in says.split("|")), told
        wait_for(lambda: server.counters().get("tls.clients.refused") == n, message="not counted")
    assert sign_in(server, issue(server)).status == 201


def test_reasons_of_vault(server):
    rows = [(forge(server, san=None), "names no SIP address"), (forge(server, san="email:ann@example.test"), "names no SIP address"),
            (forge(server, san="URI:sip:ann@example.test,URI:sip:bob@example.test"), "does not name one"), (issue(server, "nobody"), "is not there")]
    for file, says in rows:
        answer = sign_in(server, file)
        assert (answer.status, answer.error) == (401, "SIGN_IN") and says in answer.json["what"], answer.body
    answer = sign_in(server, issue(server, "bob"))
    assert answer.status == 403 and "role" in answer.json["what"]
    assert sign_in(server, forge(server)).status == 201, "the deployment's own key counts, not the list"


def test_who_is_disabled_locked_or_gone(server):
    file = issue(server)
    fields = bearer(sign_in(server, file))
    server.cli("Disable-CsUser", "-Identity", ANN)
    answer = sign_in(server, file)
    assert answer.status == 401 and "disabled" in answer.json["what"] and use(server, fields) == 401
    server.cli("Enable-CsUser", "-Identity", ANN)
    fields = bearer(sign_in(server, file))
    for _ in range(12):
        sign_in(server, None, User=ANN, Password="wrong")
    assert sign_in(server, file).status == 429
    server.cli("Unlock-CsUser", "-Identity", ANN)
    assert sign_in(server, file).status == 201 and use(server, fields) == 200
    server.cli("Remove-CsUser", "-Identity", ANN)
    answer = sign_in(server, file)
    assert answer.status == 401 and "is not there" in answer.json["what"] and use(server, fields) == 401


def test_a_code_is_still_asked_for(server):
    file = issue(server)
    secret = json.loads(server.cli("Enable-CsAdminCode", "-Identity", ANN, "-As", "json"))
    secret = (secret[0] if isinstance(secret, list) else secret)["Secret"]
    answer = sign_in(server, file)
    assert (answer.status, answer.error) == (401, "CODE_NEEDED")
    assert sign_in(server, file, Code="000000").status == 401
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
    code = (struct.unpack_from(">I", mac, mac[19] & 15)[0] & 0x7fffffff) % 1000000
    assert sign_in(server, file, Code=f"{code:06}").status == 201


def test_a_certificate_does_not_forgive_guesses(server):
    file = issue(server)
    for _ in range(9):
        assert sign_in(server, None, User=ANN, Password="wrong").status == 401
        assert sign_in(server, file).status == 201
    sign_in(server, None, User=ANN, Password="wrong")
    assert sign_in(server, None, User=ANN, Password=server.passwords["ann"]).status == 429


# ---- what web sends to vault ----

def shown_to(stage, file):
    tls = ssl.create_default_context(cafile=str(stage.deployment.dir / "ca.pem"))
    tls.load_cert_chain(file)
    return stage.client(tls=tls)


def test_only_a_sign_in_takes_the_certificate_along(stage):  # noqa: F811
    file = forge(stage.deployment)
    with shown_to(stage, file) as c:
        c.ask("POST", "/api/v1/session", {}, {})
        c.ask("GET", "/api/v1/session", {"Authorization": f"Bearer {SESSION}"})
        c.ask("POST", "/api/v1/cmdlets/Get-CsUser", {"Authorization": f"Bearer {SESSION}"}, {})
    with stage.client() as c:
        c.ask("POST", "/api/v1/session", {}, {"User": "u", "Password": "right"})
    assert [ask.certificate for ask in stage.asks] == [openssl("x509", "-in", file, "-outform", "DER"), b"", b"", b""]
    assert stage.asks[0].line == {"command": "sign-in", "parameters": {}}


def test_a_certificate_that_is_too_long(stage):  # noqa: F811
    names = ",".join(f"DNS:{n}.{'x' * 60}.example.test" for n in range(110))
    with shown_to(stage, forge(stage.deployment, san="URI:sip:ann@example.test," + names)) as c:
        answer = c.ask("POST", "/api/v1/session", {}, {})
        assert answer.status == 413 and "certificate" in answer.json["what"] and not stage.asks
        assert c.ask("GET", "/healthz").status == 204


# ---- revocation ----

def test_revoked_while_it_runs(server):
    first, second = issue(server), issue(server)
    one, two = bearer(sign_in(server, first)), bearer(sign_in(server, second))
    live, other = Shown(server, first), Shown(server, second)
    assert live.ask("GET", "/healthz").status == other.ask("GET", "/healthz").status == 204
    assert f"revoked {serial_of(first)} of {ANN}" in server.cli("revoke-certificate", "--serial", serial_of(first).lower(), "--reason", "keyCompromise")
    live.socket.settimeout(5)
    assert live.socket.recv(100) == b"", "the connection stands"
    assert other.ask("GET", "/healthz").status == 204
    other.socket.close()
    wait_for(lambda: is_revoked(server, first), 5)
    assert "revoked" in server.wait_event("peer.revoked")["why"] and server.counters()["connections.closed.revoked"] == 1
    assert use(server, one) == 401 and use(server, two) == 200 and sign_in(server, second).status == 201
    text = openssl("crl", "-inform", "DER", "-in", server.dir / "certs/witan.crl", "-noout", "-text", "-CAfile", server.dir / "certs/issuing.pem").decode()
    assert serial_of(first) in text and "Key Compromise" in text and serial_of(second) not in text
    server.cli("Request-CsCertificate", "-New")
    server.restart()
    assert is_revoked(server, first) and sign_in(server, second).status == 201, "a new certificate of the server forgets nobody"
    server.cli("revoke-certificate", "--user", ANN)
    wait_for(lambda: is_revoked(server, second), 5)
    with pytest.raises(Refused) as why:
        server.cli("revoke-certificate", "--user", ANN)
    assert "no such certificate" in why.value.stderr
    for words in (["--user", ANN, "--serial", "1"], [], ["--user", ANN, "--reason", "anger"]):
        with pytest.raises(Refused) as why:
            server.cli("revoke-certificate", *words)
        assert why.value.status == 2
    server.cli("Test-CsAuditLog")


def test_revoked_and_killed_before_the_list(server):
    """The note that it was taken back is on the disk, the list is still the one before: the next start makes the list."""
    file, path = issue(server), server.dir / "certs/witan.crl"
    before = path.read_bytes()
    owner = path.stat()
    server.cli("revoke-certificate", "--serial", serial_of(file))
    assert server.stop() == 0
    path.write_bytes(before)
    os.chown(path, owner.st_uid, owner.st_gid)
    server.start()
    wait_for(lambda: is_revoked(server, file), 5)


@pytest.mark.root
def test_a_full_disk_while_a_certificate_is_revoked(server_factory, small_disk):  # noqa: F811
    """It is said that it was not done, and when there is room it can be said again."""
    server = server_factory(web=True, directory=small_disk / "d")
    server.cli("Set-CsGroup", "-Identity", "CsAdministrator", "-Members", ANN)
    file, filler = issue(server), small_disk / "filler"
    with open(filler, "wb", buffering=0) as f:
        try:
            while f.write(b"x" * 4096) == 4096:
                pass
        except OSError:
            pass
    with pytest.raises(Refused):
        server.cli("revoke-certificate", "--serial", serial_of(file))
    filler.unlink()
    wait_for(lambda: not server.cli("Set-CsGroup", "-Identity", "CsAdministrator", "-Members", ANN) or True, 10)
    assert f"revoked {serial_of(file)}" in server.cli("revoke-certificate", "--serial", serial_of(file))
    wait_for(lambda: is_revoked(server, file), 5)
    server.restart()
    assert is_revoked(server, file)


def list_for_a_second(server):
    """A good list that ends soon."""
    base = server.top / "soon"
    base.mkdir()
    (base / "index.txt").touch()
    (base / "config").write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={base}/index.txt\ndefault_md=sha256\n")
    openssl("ca", "-gencrl", "-config", base / "config", "-keyfile", authority_files(server.dir)[1], "-cert", server.dir / "certs/issuing.pem", "-crlsec", "1", "-out", base / "pem")
    return openssl("crl", "-in", base / "pem", "-outform", "DER")


def test_without_a_list_that_holds(server):
    file, path = issue(server), server.dir / "certs/witan.crl"
    fields = bearer(sign_in(server, file))
    good = path.read_bytes()
    for bad, says in ((b"nothing", "no revocation list"), (None, "no revocation list"), (list_for_a_second(server), "has ended")):
        path.unlink() if bad is None else path.write_bytes(bad)
        server.process.send_signal(signal.SIGHUP)
        answer = wait_for(lambda: (a := sign_in(server, file)).status == 401 and says in a.json["what"] and a)
        server.wait_event("revocations.stale")
        assert use(server, fields) == 200 and sign_in(server, None, User=ANN, Password=server.passwords["ann"]).status == 201
    path.unlink()
    server.restart()
    wait_for(lambda: sign_in(server, file).status == 201, message="a start makes the list that is missing")
    path.write_bytes(good)
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: sign_in(server, file).status == 201)


# ---- deaths ----

def test_web_dies(server):
    file = issue(server)
    fields = bearer(sign_in(server, file))
    for _ in range(2):
        server.wait_restarted("web0", server.kill("web0"))
        wait_for(lambda: use(server, fields) == 200, message="the session is over")
        assert sign_in(server, file).status == 201


# ---- the program ----

@pytest.fixture
def witan(server, tmp_path, linger):
    """witan(words...) as somebody elsewhere who trusts the authority."""
    proxy = Proxy(server.port_web)
    linger(proxy.server.close)
    tmp_path.chmod(0o700)
    env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path), "https_proxy": proxy.url, "HOME": str(tmp_path)}
    where = ["--server", f"https://uc.example.test:{server.port_web}", "--ca", str(server.dir / "ca.pem")]

    def run(*words, stdin="", before=()):
        return subprocess.run([str(BUILD / "witan"), *where, *map(str, before), *map(str, words)], input=stdin, capture_output=True, text=True, timeout=30,
                              env=env, cwd=tmp_path)
    return run


def split(server, file):
    """The same certificate in two files."""
    key, cert = server.top / "k.pem", server.top / "c.pem"
    key.write_bytes(openssl("pkey", "-in", file))
    cert.write_bytes(openssl("x509", "-in", file))
    return cert, key


def test_cmdlets_by_a_certificate(server, witan):
    pem, sealed = issue(server), issue(server, pem=False)
    cert, key = split(server, pem)
    (server.top / "password").write_text(PASSWORD + "\n")
    rows = [["--cert", pem], ["--cert", cert, "--key", key], ["--cert", sealed, "--password-file", server.top / "password"]]
    for before in rows:
        done = witan("Get-CsUser", "-Identity", "sip:bob@example.test", "-As", "json", before=before)
        assert done.returncode == 0 and "Bob" in done.stdout, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
    signed = [e["command"] for e in server.log("command.done") if e["command"].startswith("sign-in")]
    assert len(signed) == 3
    done = witan("Get-CsUser", "-Identity", "sip:bob@example.test", before=["--cert", sealed])
    assert done.returncode == 0, "the session is kept: neither certificate nor password is needed"


def test_sign_in_and_out_by_a_certificate(server, witan):
    pem = issue(server)
    for before, words in ((["--cert", pem], []), ([], ["--cert", pem])):
        done = witan("sign-in", *words, before=before)
        assert done.returncode == 0, done.stderr
        done = witan("sign-out", *words, before=before)
        assert done.returncode == 0, done.stderr
    assert witan("sign-out", "--cert", pem).returncode == 1


def test_what_the_program_refuses(server, witan):
    sealed, pem = issue(server, pem=False), issue(server)
    done = witan("sign-in", "--cert", sealed, "--password-file", "-", stdin="wrong\n")
    assert done.returncode == 1 and "password" in done.stderr
    done = witan("sign-in", "--cert", "/nowhere.pem")
    assert done.returncode == 1 and "/nowhere.pem" in done.stderr
    done = witan("sign-in", "--cert", forge(server, own=False))
    assert done.returncode == 1 and "refused the certificate" in done.stderr, done.stderr
    done = witan("sign-in", "--cert", issue(server, "bob"))
    assert done.returncode == 1 and "role" in done.stderr
    with pytest.raises(Refused) as why:
        server.cli("sign-in", "--cert", pem)
    assert "--server" in why.value.stderr
    server.cli("revoke-certificate", "--user", ANN)

    def says_why():
        """Whenever it is refused the program says that it may be the certificate; the alert itself may be lost behind the request."""
        done = witan("sign-in", "--cert", pem)
        assert done.returncode == 0 or "revoked" in done.stderr or "refused the certificate" in done.stderr, done.stderr
        return done.returncode == 1 and "revoked" in done.stderr
    wait_for(says_why)
