# SPDX-License-Identifier: Apache-2.0
"""The machine's certificates: another authority's answers, staged replacement, what keys may do, deployments of the former layout, kills at any moment."""
import datetime
import json
import os
import pathlib
import pty
import random
import select
import signal
import socket
import ssl
import stat
import subprocess
import threading
import time

import pytest

from deployment import Refused, assigned_file, authority_files, wait_for

PASSWORD = "long enough a password"


def openssl(*words, stdin=None, cwd=None):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, input=stdin, cwd=cwd).stdout


class Authority:
    """One made by openssl: a root and an authority below it that signs requests."""

    def __init__(self, top):
        self.top = top
        top.mkdir()
        self.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.pem", "-subj", "/O=Elsewhere/CN=Root", "-days", "30")
        self.run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "below.key", "-out", "below.req", "-subj", "/O=Elsewhere/CN=Below")
        (top / "below.ext").write_text("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        self.run("x509", "-req", "-in", "below.req", "-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "17", "-days", "29", "-extfile", "below.ext", "-out", "below.pem")
        (top / "leaf.ext").write_text("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")

    def run(self, *words):
        return openssl(*words, cwd=self.top)

    def sign(self, request, days=10, name="leaf"):
        """The certificate for a request, as a PEM file."""
        out = self.top / f"{name}.pem"
        self.run("x509", "-req", "-in", request, "-CA", "below.pem", "-CAkey", "below.key", "-set_serial", int.from_bytes(os.urandom(8), "big"), "-days", days,
                 "-extfile", "leaf.ext", "-copy_extensions", "copyall", "-out", out)
        return out

    def answer(self, form, leaf):
        """leaf as an authority hands it over."""
        out = self.top / f"answer.{form}"
        if form == "pem":
            out.write_bytes(leaf.read_bytes() + (self.top / "below.pem").read_bytes() + (self.top / "root.pem").read_bytes())
        elif form == "der":
            self.run("x509", "-in", leaf, "-outform", "DER", "-out", out)
        else:
            self.run("crl2pkcs7", "-nocrl", "-certfile", leaf, "-certfile", "root.pem", "-certfile", "below.pem", "-out", out,
                     *(["-outform", "DER"] if form == "p7c" else []))
        return out


@pytest.fixture
def elsewhere(tmp_path):
    return Authority(tmp_path / "elsewhere")


def presented(server, ca):
    """What a client that trusts ca alone is shown, with all issuers."""
    tls = ssl.create_default_context(cafile=str(ca))
    with socket.create_connection(("127.0.0.1", server.port_tls), 10) as raw, tls.wrap_socket(raw, server_hostname=server.fqdn) as s:
        return s.getpeercert(True)


def shown(server, *words):
    return json.loads(server.cli("Get-CsCertificate", *words, "-As", "json"))


def request(server, file, *words):
    server.cli("Request-CsCertificate", "-New", "-Output", file, *words)
    return file


# ---- another authority ----

@pytest.mark.parametrize("form", ["pem", "der", "p7b", "p7c"])
def test_an_answer_of_another_authority(server_factory, elsewhere, form):
    server = server_factory(users=(), web=True)
    req = request(server, server.top / "req.pem", "-FriendlyName", "From elsewhere", "-Organization", "Our Ltd", "-OU", "IT", "-Country", "DE", "-State", "Berlin", "-City",
                  "Berlin", "-DomainName", "extra.example.test,more.example.test", "-ClientEku", "$true")
    text = openssl("req", "-in", req, "-noout", "-text", "-verify").decode()
    for part in ("C = DE, ST = Berlin, L = Berlin, O = Our Ltd, OU = IT, CN = uc.example.test", "DNS:uc.example.test, DNS:sip.example.test, DNS:extra.example.test, DNS:more.example.test",
                 "TLS Web Client Authentication"):
        assert part in text
    pending, = [c for c in shown(server, "-All") if c["State"] == "pending"]
    assert pending["FriendlyName"] == "From elsewhere" and pending["Use"] == "Default"
    server.restart()
    leaf = elsewhere.sign(req)
    answer, = json.loads(server.cli("Import-CsCertificate", elsewhere.answer(form, leaf), "-As", "json"))
    assert answer["RequestedFor"] == "Default" and answer["FriendlyName"] == "From elsewhere" and answer["State"] == "unassigned" and answer["HasPrivateKey"]
    assert not [c for c in shown(server, "-All") if c["State"] == "pending"]
    print_of = answer["Thumbprint"].lower()
    server.cli("Set-CsCertificate", "-Type", "Default", "-Thumbprint", "\u200e" + " ".join(print_of[i:i + 2] for i in range(0, 40, 2)))
    ca = elsewhere.top / "root.pem"
    if form == "der":  # the issuer did not come along: whoever trusts the root alone cannot know it
        ca = elsewhere.top / "both.pem"
        ca.write_bytes((elsewhere.top / "below.pem").read_bytes() + (elsewhere.top / "root.pem").read_bytes())
    wait_for(lambda: safe(lambda: presented(server, ca)) == openssl("x509", "-in", leaf, "-outform", "DER"), message="it is not presented")
    server.restart()
    assert presented(server, ca) == openssl("x509", "-in", leaf, "-outform", "DER")


def safe(what):
    try:
        return what()
    except OSError:
        return None


def test_pkcs12_comes_with_its_key_and_leaves_only_sealed(server_factory, elsewhere):
    server = server_factory(users=(), key="ec-p256")
    elsewhere.run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "own.key", "-out", "own.req", "-subj", "/CN=uc.example.test", "-addext", "subjectAltName=DNS:uc.example.test")
    leaf = elsewhere.sign(elsewhere.top / "own.req")
    sealed = elsewhere.top / "own.pfx"
    elsewhere.run("pkcs12", "-export", "-inkey", "own.key", "-in", leaf, "-certfile", "below.pem", "-passout", f"pass:{PASSWORD}", "-out", sealed)
    with pytest.raises(Refused) as why:
        server.cli("Import-CsCertificate", sealed, "-PasswordFile", "-", stdin="wrong\n")
    assert "password" in why.value.stderr
    answer, = json.loads(server.cli("Import-CsCertificate", sealed, "-PasswordFile", "-", "-PrivateKeyExportable", "$true", "-As", "json", stdin=PASSWORD + "\n"))
    server.cli("Set-CsCertificate", "-Type", "Default", "-Thumbprint", answer["Thumbprint"])
    wait_for(lambda: safe(lambda: presented(server, elsewhere.top / "root.pem")), message="it is not presented")
    out = server.top / "out.pfx"
    server.cli("Export-CsCertificate", answer["Thumbprint"], "-Path", out, "-PasswordFile", "-", stdin=PASSWORD + "\n")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    key = openssl("pkcs12", "-in", out, "-passin", f"pass:{PASSWORD}", "-nodes", "-nocerts")
    assert openssl("pkey", stdin=key, *("-pubout",)) == openssl("pkey", "-in", elsewhere.top / "own.key", "-pubout")
    assert subprocess.run(["openssl", "pkcs12", "-in", out, "-passin", "pass:", "-nodes"], capture_output=True).returncode != 0
    # not exportable: never, whoever asks and however
    own, = [c for c in shown(server, "-All") if c["Thumbprint"] != answer["Thumbprint"]]
    with pytest.raises(Refused) as why:
        server.cli("Export-CsCertificate", own["Thumbprint"], "-Path", server.top / "never", "-PasswordFile", "-", stdin=PASSWORD + "\n")
    assert "may not leave" in why.value.stderr and not (server.top / "never").exists()
    assert server.counters()["keys.exports.refused"] == 1 and server.log("key.refused")
    assert [line["Result"] for line in json.loads(server.cli("Get-CsAuditLog", "-As", "json")) if line["Command"].startswith("Export-CsCertificate")] == ["OK", "REFUSED"]


@pytest.mark.parametrize("content, says", [(b"", "answer"), (b"nothing", "none of the forms"), (b"\x30\x82\xff\xff" + b"x" * 100, "none of the forms")])
def test_what_is_no_answer(server_factory, content, says):
    server = server_factory(users=())
    file = server.top / "answer"
    file.write_bytes(content)
    with pytest.raises(Refused) as why:
        server.cli("Import-CsCertificate", file)
    assert why.value.status == 1 and says in why.value.stderr


def test_an_answer_to_nobodys_request(server_factory, elsewhere):
    server = server_factory(users=())
    elsewhere.run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "own.key", "-out", "own.req", "-subj", "/CN=uc.example.test")
    with pytest.raises(Refused) as why:
        server.cli("Import-CsCertificate", elsewhere.sign(elsewhere.top / "own.req"))
    assert why.value.status == 1 and len(shown(server, "-All")) == 1


# ---- the dialogue ----

class Terminal:
    """witan certificates at a terminal of its own."""

    def __init__(self, server, cwd):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execv(str(server.build / "witan"), ["witan", "--dir", str(server.dir), "certificates"])
        self.text = ""

    def wait(self, words, timeout=20):
        end = time.monotonic() + timeout
        while words not in self.text:
            assert select.select([self.fd], [], [], max(0, end - time.monotonic()))[0], f"{words!r} does not come: {self.text[-600:]!r}"
            try:
                self.text += os.read(self.fd, 4096).decode()
            except OSError:
                break
        assert words in self.text, self.text[-600:]
        seen, _, self.text = self.text.partition(words)
        return seen

    def answer(self, *pairs):
        for question, line in pairs:
            self.wait(question)
            os.write(self.fd, line.encode() + b"\n")

    def quit(self):
        self.answer(("Which task", "q"))
        return os.waitpid(self.pid, 0)[1]


def test_the_dialogue(server_factory, elsewhere):
    server = server_factory(users=(), key="ec-p256")
    top = elsewhere.top
    t = Terminal(server, top)
    t.answer(("Which task", "1"), ("What is it for", ""), ("By the built-in authority", "n"), ("Friendly name", "It's ours"), ("Kind of key", "RSA"), ("Bits", ""),
             ("May the private key", "y"), ("Organization", "Our Ltd"), ("Organizational unit", ""), ("Country", "DE"), ("State", ""), ("City", ""), ("Add sip.DOMAIN", ""),
             ("Further names", "more.example.test"), ("File for the request", ""))
    t.wait("The same without this dialogue:")
    command = t.wait("Do it")
    for part in ("Request-CsCertificate -New -Type Default", "-FriendlyName 'It'\\''s ours'", "-KeyAlg RSA -KeySize 2048", "-PrivateKeyExportable '$true'", "-DomainName more.example.test", "-Output request.pem"):
        assert part in command
    os.write(t.fd, b"\n")
    t.wait("come back with its answer")
    t.wait("1 request waits for an answer.")
    assert t.quit() == 0
    # some days later
    leaf = elsewhere.sign(top / "request.pem")
    answer = elsewhere.answer("p7b", leaf)
    t = Terminal(server, top)
    t.wait("1 request waits for an answer.")
    t.answer(("Which task", "2"), ("File with the answer", answer.name), ("Does a password", ""), ("Do it", "y"), ("Use it now", "y"))
    listed = t.wait("Which one")
    number, = [line.split()[0] for line in listed.splitlines() if "unassigned" in line and "It's ours" in line]
    os.write(t.fd, number.encode() + b"\n")
    t.answer(("What is it for", ""), ("From when on", ""), ("Do it", ""))
    t.answer(("Which task", "4"))
    assert "It's ours" in t.wait("Which task")
    os.write(t.fd, b"q\n")
    assert os.waitpid(t.pid, 0)[1] == 0
    wait_for(lambda: safe(lambda: presented(server, top / "root.pem")) == openssl("x509", "-in", leaf, "-outform", "DER"), message="it is not presented")


# ---- status ----

def test_status(server_factory):
    server = server_factory(users=(), web=True)
    rows = json.loads(server.cli("status", "--format", "json"))
    assert {r["Kind"] for r in rows} == {"Process", "Listener", "Certificate", "RevocationList"} and all(r["Ok"] for r in rows)
    assert "SIP over TLS" in server.cli("status")
    server.cli("Stop-CsWindowsService", "-Name", "web", "-Confirm:$false")
    with pytest.raises(Refused) as why:
        server.cli("status")
    assert why.value.status == 1 and "WRONG" in why.value.stdout and "stopped by an administrator" in why.value.stdout
    with pytest.raises(Refused) as why:
        server.cli("status", "--format", "xml")
    assert why.value.status == 2


# ---- assigning ----

def test_staged(server_factory):
    server = server_factory(users=(), key="ec-p256")
    first = shown(server)[0]["Thumbprint"]
    server.cli("Request-CsCertificate", "-New")
    second = shown(server)[0]["Thumbprint"]
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    server.cli("Set-CsCertificate", "-Type", "Default", "-Thumbprint", first, "-Roll", "-EffectiveDate", soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    states = {c["Thumbprint"]: c["State"] for c in shown(server, "-All")}
    assert states == {first: "next", second: "assigned"}
    server.restart()
    assert {c["Thumbprint"]: c["State"] for c in shown(server, "-All")}[first] in ("next", "assigned")
    time.sleep(3.5)
    server.restart()  # at a start, or within the minute
    wait_for(lambda: {c["Thumbprint"]: c["State"] for c in shown(server, "-All")} == {first: "assigned", second: "previous"}, message="it did not take over")


def test_what_cannot_be_assigned_or_removed(server_factory):
    server = server_factory(users=(), key="ec-p256")
    first = shown(server)[0]["Thumbprint"]
    for words, says in ((["Set-CsCertificate", "-Type", "Default", "-Thumbprint", "0" * 40], "no certificate"), (["Set-CsCertificate", "-Type", "Nothing", "-Thumbprint", first], "no use"),
                        (["Set-CsCertificate", "-Type", "Default", "-Thumbprint", first, "-Roll"], "-Roll"),
                        (["Set-CsCertificate", "-Type", "Default", "-Thumbprint", first, "-Roll", "-EffectiveDate", "2090-01-01"], "expired"),
                        (["Remove-CsCertificate", first, "-Confirm:$false"], "assigned"), (["Remove-CsCertificate", "-Type", "Default", "-Confirm:$false"], "Default")):
        with pytest.raises(Refused) as why:
            server.cli(*words)
        assert says in why.value.stderr, words
    assert shown(server)[0]["Thumbprint"] == first
    server.cli("Request-CsCertificate", "-New", "-WhatIf")
    assert len(shown(server, "-All")) == 1 and len(list((server.dir / "keys").glob("*.key"))) == 2
    request(server, server.top / "req", "-FriendlyName", "x")
    with pytest.raises(Refused) as why:
        request(server, server.top / "req2", "-FriendlyName", "X")
    assert "another certificate has this name" in why.value.stderr
    pending, = [c for c in shown(server, "-All") if c["State"] == "pending"]
    server.cli("Remove-CsCertificate", "-Pending", pending["Pending"], "-Confirm:$false")
    wait_for(lambda: len(list((server.dir / "keys").glob("*.key"))) == 2, message="its key is still there")
    assert [c["Result"] for c in json.loads(server.cli("Test-CsCertificateConfiguration", "-As", "json"))] == ["Passed"]


# ---- rights ----

def test_a_front_gets_signatures_for_handshakes_and_nothing_else(server):
    """Every message of vault on a front's channel ends that channel: proved in units; here that fronts do well beside it."""
    before = server.counters()
    server.cli("Request-CsCertificate", "-New")
    assert server.counters()["keys.made"] == before["keys.made"] + 1 and server.counters()["keys.signatures"] >= before["keys.signatures"] + 1
    assert {stat.S_IMODE(p.stat().st_mode) for p in (server.dir / "keys").iterdir()} == {0o400}


# ---- the former layout ----

def make_former(server):
    """A deployment as it was made before keys had a purpose, by hand: one authority that is its own root, its key in ca/."""
    d, run = server.dir, lambda *words: openssl(*words, cwd=server.top)
    for path in list((d / "certs").iterdir()) + list((d / "keys").iterdir()) + list((d / "ca").iterdir()):
        path.unlink()
    config = server.top / "old.cnf"
    config.write_text("[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
                      "[leaf]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                      "subjectAltName=DNS:uc.example.test,DNS:sip.example.test\ncrlDistributionPoints=URI:http://uc.example.test/witan.crl\n"
                      "[a]\ndatabase=index.txt\ndefault_md=sha256\ncrlnumber=number\n[b]\nauthorityKeyIdentifier=keyid\n")
    run("req", "-x509", "-config", config, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-sha384", "-nodes", "-keyout", d / "ca/ca.key", "-out", d / "ca.pem",
        "-subj", "/O=Example/CN=Example root CA", "-days", "3652")
    key = server.top / "default.key"
    run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    run("req", "-new", "-config", config, "-key", key, "-subj", "/O=Example/CN=uc.example.test", "-out", "old.req")
    run("x509", "-req", "-in", "old.req", "-CA", d / "ca.pem", "-CAkey", d / "ca/ca.key", "-set_serial", "4711", "-days", "300", "-extfile", config, "-extensions", "leaf", "-out",
        d / "certs/default.pem")
    spki = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
    name = openssl("dgst", "-sha256", "-r", stdin=spki).decode()[:16]
    where = d / f"keys/default-{name}.key"
    where.write_bytes(key.read_bytes())
    (server.top / "index.txt").touch()
    (server.top / "number").write_text("6553F100\n")
    run("ca", "-gencrl", "-config", config, "-name", "a", "-keyfile", d / "ca/ca.key", "-cert", d / "ca.pem", "-crldays", "365", "-crlexts", "b", "-out", "crl.pem")
    run("crl", "-in", "crl.pem", "-outform", "DER", "-out", d / "certs/witan.crl")
    (d / "ca/issued").write_text("0BADCAFE 1999999999 sip:bob@example.test -\n")
    os.chmod(d / "ca/issued", 0o600)
    os.chmod(d / "ca/ca.key", 0o600)
    os.chmod(where, 0o400)
    if os.geteuid() == 0:
        os.chown(d / "certs", 0, 0)
        st = os.stat(d / "keys")
        os.chown(where, st.st_uid, st.st_gid)
    return where


def test_a_deployment_of_the_former_layout_goes_on(server_factory):
    server = server_factory(start=False)
    key = make_former(server)
    was = openssl("x509", "-in", server.dir / "certs/default.pem", "-outform", "DER")
    server.start()
    server.add_users("ann", "bob")
    ca = server.dir / "ca.pem"
    assert presented(server, ca) == was and key.exists()
    assert not (server.dir / "ca/ca.key").exists() and not (server.dir / "ca/issued").exists() and not (server.dir / "certs/default.pem").exists()
    assert "purpose: authority" in authority_files(server.dir)[1].read_text() and authority_files(server.dir)[0].read_bytes() == ca.read_bytes()
    assert "0BADCAFE 1999999999 sip:bob@example.test -" in (server.dir / "certs/issued").read_text()
    # the same authority issues on, and takes back
    server.cli("Request-CsCertificate", "-New")
    wait_for(lambda: presented(server, ca) != was)
    assert openssl("verify", "-x509_strict", "-CAfile", ca, assigned_file(server.dir))
    server.cli("revoke-certificate", "--serial", "0BADCAFE")
    assert "0BADCAFE" in openssl("crl", "-inform", "DER", "-in", server.dir / "certs/witan.crl", "-noout", "-text").decode()
    server.restart()
    assert presented(server, ca) != was and server.cli("issue-certificate", "--user", "sip:ann@example.test", "--out", server.top / "x.pem", "--pem")
    server.cli("Request-CsCertificate", "-New")
    wait_for(lambda: not key.exists(), message="the former key is still there though nothing uses it")


@pytest.mark.parametrize("sabotage", ["keeper0", "vault0"])
def test_taking_over_may_be_killed(server_factory, sabotage):
    """At whatever moment of the take-over: the next start goes on."""
    for _ in range(4):
        server = server_factory(start=False)
        make_former(server)
        server.start(ready=False)
        time.sleep(random.uniform(0, 0.08))
        for pid in list(server.processes().values()) + [server.process.pid]:
            server.may_die.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        server.process.wait(10)
        time.sleep(0.2)
        server.start()
        presented(server, server.dir / "ca.pem")
        server.cli("Request-CsCertificate", "-New")
        assert len([p for p in (server.dir / "keys").glob("*.key") if "purpose: authority" in p.read_text()]) == 1


# ---- kills at any moment ----

def keys_on_disk(server):
    found = {}
    for path in (server.dir / "keys").glob("*.key"):
        try:
            found[openssl("pkey", "-in", path, "-pubout", "-outform", "DER")] = path.name
        except subprocess.CalledProcessError:
            assert not path.exists(), f"{path.name} is half a key"
    return found


def has_its_key(server, path, kind):
    """Whether the key of this file is there; a file that goes away meanwhile needs none."""
    while path.exists():
        try:
            public = openssl("pkey", "-pubin", "-outform", "DER", stdin=openssl(kind, "-in", path, "-noout", "-pubkey"))
        except subprocess.CalledProcessError:
            assert not path.exists(), f"{path.name} is half a file"
            continue
        if public in keys_on_disk(server):
            return True
        if path.exists():
            return False
    return True


def every_certificate_has_its_key(server):
    for path in (server.dir / "certs").glob("*.pem"):
        assert path.name == "issuing.pem" or has_its_key(server, path, "x509"), f"{path.name} has lost its key"
    for path in (server.dir / "certs").glob("*.request"):
        assert has_its_key(server, path, "req"), f"{path.name} has lost its key"
    assert assigned_file(server.dir).exists()


@pytest.mark.slow
def test_killed_at_any_moment(server_factory, elsewhere):
    """keeper, vault or the whole server, while certificates are requested, imported and assigned: never a lost key, never a listener without one."""
    server = server_factory(users=(), key="ec-p256")
    both = server.top / "both.pem"
    both.write_bytes((server.dir / "ca.pem").read_bytes() + (elsewhere.top / "root.pem").read_bytes())
    stop, told, random_ = threading.Event(), [], random.Random(7)

    def work(n):
        i = 0
        while not stop.is_set():
            i += 1
            try:
                if n == 0:
                    server.cli("Request-CsCertificate", "-New")
                else:
                    req = server.top / f"r{n}-{i}"
                    request(server, req)
                    leaf = elsewhere.sign(req, name=f"l{n}-{i}")
                    told.append(openssl("x509", "-in", leaf, "-noout", "-pubkey"))
                    answer, = json.loads(server.cli("Import-CsCertificate", elsewhere.answer("p7b", leaf), "-As", "json"))
                    server.cli("Set-CsCertificate", "-Type", "Default", "-Thumbprint", answer["Thumbprint"])
                    for c in shown(server, "-All"):
                        if c.get("State") == "unassigned":
                            server.cli("Remove-CsCertificate", c["Thumbprint"], "-Confirm:$false")
            except (Refused, ValueError, IndexError):
                time.sleep(0.05)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for t in threads:
        t.start()
    end = time.monotonic() + 25
    kills = 0
    while time.monotonic() < end:
        time.sleep(random_.uniform(0.02, 0.6))
        victim = random_.choice(["keeper0", "keeper0", "vault0", "vault0", "all"])
        try:
            if victim != "all":
                old = server.kill(victim)
                server.wait_restarted(victim, old, timeout=20)
            else:
                pids = list(server.processes().values()) + [server.process.pid]
                server.may_die.update(pids)
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                server.process.wait(10)
                time.sleep(0.2)
                server.start()
            kills += 1
        except (KeyError, ProcessLookupError):
            continue
        every_certificate_has_its_key(server)
        assert wait_for(lambda: safe(lambda: presented(server, both)), message="a listener without a certificate")
    stop.set()
    for t in threads:
        t.join(60)
    assert kills > 8 and len(told) > 3
    server.cli("Request-CsCertificate", "-New")
    server.restart()
    every_certificate_has_its_key(server)
    wait_for(lambda: len(keys_on_disk(server)) <= len(shown(server, "-All")) + 1, message="keys that nothing uses are left over")
    assert not [p for p in (server.dir / "certs").iterdir() if p.name.startswith(".")]


def test_renewed_unasked(server_factory):
    """At two thirds of its life, without being told; the key before stays as long as the certificate."""
    server = server_factory(users=(), start=False, key="ec-p256")
    ahead = {"FAKETIME": "+300d", "LD_PRELOAD": next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), "")}
    if not ahead["LD_PRELOAD"]:
        pytest.skip("needs faketime")
    before = assigned_file(server.dir)
    server.start(env={k: str(v) for k, v in ahead.items()})
    server.wait_event("certificate.renewal", 20)
    server.wait_event("crl.issued", 20)
    assert assigned_file(server.dir) != before and before.exists()
    every_certificate_has_its_key(server)
    assert server.counters()["certificates.renewed"] == 1


def test_two_requests_at_once_beside_many_keys(server_factory):
    """Vault asks keeper for its keys after each of them: the two lists are two, and not one that is too long."""
    server = server_factory()
    keys = server.dir / "keys"
    owner = keys.stat()
    for i in range(40):
        made = keys / f"other{i}.key"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", made)
        made.chmod(0o400)
        os.chown(made, owner.st_uid, owner.st_gid)
    server.process.send_signal(signal.SIGHUP)
    server.wait_event("keys.read", wanted=lambda e: e["keys"] > 40)
    before = server.processes()
    os.kill(before["keeper0"], signal.SIGSTOP)  # so that both wait for it together
    command = [str(server.build / "witan"), "--dir", str(server.dir), "Request-CsCertificate", "-New", "-Type", "Default", "-KeyAlg", "ECDH_P256"]
    asked = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    time.sleep(0.7)
    os.kill(before["keeper0"], signal.SIGCONT)
    for one in asked:
        _, why = one.communicate(timeout=20)
        assert one.returncode == 0, why
    assert server.processes() == before
    assert not server.log("channel.failed")
    every_certificate_has_its_key(server)


@pytest.mark.parametrize("kind,why", [(["rsa:1024"], "1024 bits"), (["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], "secp256k1"),
                                      (["ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "secp521r1")])
def test_what_no_listener_can_present_is_not_assigned(server_factory, kind, why):
    """It would be noticed at the next start, by everybody."""
    server = server_factory()
    openssl("req", "-x509", "-newkey", *kind, "-nodes", "-keyout", "w.key", "-out", "w.pem", "-subj", f"/CN={server.fqdn}", "-addext", f"subjectAltName=DNS:{server.fqdn}",
            "-addext", "extendedKeyUsage=serverAuth", cwd=server.top)
    openssl("pkcs12", "-export", "-in", "w.pem", "-inkey", "w.key", "-out", "w.p12", "-passout", f"pass:{PASSWORD}", cwd=server.top)
    brought = json.loads(server.cli("Import-CsCertificate", "-Path", server.top / "w.p12", "-PasswordFile", "-", "-As", "json", stdin=PASSWORD + "\n"))
    with pytest.raises(Refused, match=why):
        server.cli("Set-CsCertificate", "-Type", "Default", "-Thumbprint", brought[0]["Thumbprint"])
    server.restart()
    assert presented(server, server.dir / "ca.pem")


def test_a_key_that_no_listener_can_present_is_not_made(server_factory):
    server = server_factory()
    with pytest.raises(Refused, match="P-521"):
        server.cli("Request-CsCertificate", "-New", "-Type", "Default", "-KeyAlg", "ECDH_P521")
    server.restart()
    assert presented(server, server.dir / "ca.pem")
