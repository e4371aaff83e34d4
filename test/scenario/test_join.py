# SPDX-License-Identifier: Apache-2.0
"""A server joins by its bundle: it makes its keys, the central server connects, and gives it certificates - to it alone, and once."""
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time

import pytest

from deployment import BUILD, Refused, wait_for
from several import DOMAIN, openssl
from sip_client import Client
from test_several import DIRECTOR, EDGE, SE, dial, moment, options, rows, site, up_to_date, users  # noqa: F401

pytestmark = pytest.mark.root
PASSWORD = "a password for the bundle"


def bundle(s, name, *more):
    """Makes the bundle of a server; answers its file and that of the password."""
    secret, out = s.top / "password", s.top / f"{name}.bundle"
    secret.write_text(PASSWORD + "\n")
    s.central.cli("bundle", "--host", s.hosts[name].fqdn, "--out", str(out), "--password-file", str(secret), *more)
    return out, secret


def join(s, name, out, secret):
    s.hosts[name].cli("join", "--from", str(out), "--password-file", str(secret))


def certificate(host, usage):
    line = next((line for line in (host.dir / "certs/assigned").read_text().splitlines() if line.startswith(usage + " ")), None)
    return line and (host.dir / f"certs/{line.split()[1]}.pem")


def verify(s, host, usage):
    """As everybody else verifies: by the root alone, with what is presented."""
    chain = certificate(host, usage)
    done = subprocess.run(["openssl", "verify", "-purpose", "sslserver", "-CAfile", str(s.central.dir / "ca.pem"), "-untrusted", str(chain), str(chain)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return openssl("x509", "-in", str(chain), "-noout", "-ext", "subjectAltName", cwd=host.top).decode()


def test_a_server_joins(site):  # noqa: F811
    s = site(second=SE)
    s.start("central")
    s.central.add_user("ann")
    out, secret = bundle(s, "second")
    assert oct(out.stat().st_mode & 0o777) == "0o600"
    held = out.read_text()
    assert "BEGIN" not in held and "example.test" in held  # what is in clear says for whom it is, and nothing else
    second = s.hosts["second"]
    # as a person does it: one command makes the directory and serves
    second.process = subprocess.Popen(s.wrap + [str(BUILD / "witand"), "--join", str(out), "--password-file", str(secret), "--dir", str(second.dir)],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    import threading
    second.reader = threading.Thread(target=second._read, args=(second.process.stderr,), daemon=True)
    second.reader.start()
    second.wait_event("join.done", 20)
    up_to_date(s, "second")
    second.noise = [line for line in second.noise if not line.startswith("init: ")]
    # certificates by the plan, for keys that were made there
    assert second.fqdn in verify(s, second, "Default")
    key = second.dir / "keys"
    assert key.stat().st_uid != 0 and not [p for p in (s.central.dir / "keys").iterdir() if p.name in os.listdir(key)]
    # what was there only for joining is gone
    assert not (second.dir / "store/enrolment").exists()
    assert not list((second.dir / "certs").glob("*.request"))
    # it serves, with what is declared at the central server
    second.passwords = s.central.passwords
    ann = Client(second, "ann")
    ann.sign_in()
    ann.close()
    # and goes on so, over a restart, as everybody else
    second.restart()
    up_to_date(s, "second")
    assert "used" in s.central.cli("bundle", "--list")
    assert s.central.counters()["enrolments.done"] == 1
    # the password, the secret and its hash are in nobody's log
    for host in (s.central, second):
        assert PASSWORD not in "\n".join(e["_text"] for e in host.events)
        assert not any(e.get("role") == "fetch" for e in host.events), "all lists are those of the built-in authority"


def test_joining_takes_no_longer_than_it_must(site):  # noqa: F811
    """The central server has knocked in vain for long, and dials all the same as soon as it can be of use: before the enrolment and after it."""
    s = site(second=SE)
    s.start("central")
    second = s.hosts["second"]
    out, secret = bundle(s, "second")
    time.sleep(7)  # its waits have grown to the longest
    join(s, "second", out, secret)
    second.start()
    start = time.monotonic()
    up_to_date(s, "second")
    took = time.monotonic() - start
    knocked, = second.log("tls.failed")[:1]
    enrolled, = s.central.log("enrol.done")
    print(f"joined {took:.2f} s after it was ready; seen {moment(knocked)}, enrolled {moment(enrolled) - moment(knocked):.2f} s later, "
          f"{moment(s.central.log('copy.connected')[0]) - moment(enrolled):.2f} s more until it was connected")
    assert moment(enrolled) - moment(knocked) < 0.8 and moment(s.central.log("copy.connected")[0]) - moment(enrolled) < 1
    assert took < 3


def test_an_edge_joins(site):  # noqa: F811
    s = site(edge=EDGE)
    s.start("central")
    out, secret = bundle(s, "edge")
    join(s, "edge", out, secret)
    edge = s.hosts["edge"]
    edge.start()
    up_to_date(s, "edge")
    verify(s, edge, "Internal")
    inside = dial(edge, s.inside, edge.port_tls, s.files_of(s.central), name=f"edge-pool.{DOMAIN}")
    inside.sendall(options("bob@example.test"))
    assert inside.recv(4096).startswith(b"SIP/2.0 403 ")
    assert certificate(edge, "AccessEdgeExternal") is None  # of a public authority: asked for by an administrator


def test_a_bundle_is_used_once(site):  # noqa: F811
    s = site(second=SE)
    s.start("central")
    out, secret = bundle(s, "second")
    join(s, "second", out, secret)
    second = s.hosts["second"]
    second.start()
    up_to_date(s, "second")
    assert second.stop() == 0
    # the same bundle, on a machine that has nothing of the first: other keys
    shutil.rmtree(second.dir)
    join(s, "second", out, secret)
    since = len(second.events)
    second.start()
    second.wait_event("join.refused", 15, since=since, wanted=lambda e: "used before" in e["_text"])
    s.central.wait_event("enrol.refused", 15, wanted=lambda e: "used before" in e["_text"])
    assert not second.log("join.done", since=since)
    assert certificate(second, "Default") and "CN = second" in openssl("x509", "-in", str(certificate(second, "Default")), "-noout", "-issuer", cwd=second.top).decode()
    assert s.central.status(second.fqdn)["UpToDate"] is False
    # a newer one helps
    out.unlink()
    out, secret = bundle(s, "second")
    assert second.stop() == 0
    shutil.rmtree(second.dir)
    join(s, "second", out, secret)
    second.start()
    up_to_date(s, "second")


def test_another_bundle_is_refused(site):  # noqa: F811
    """Of another time, or of another server: the proof is wrong, and both logs say so."""
    s = site(second=SE, third=SE)
    s.start("central")
    old, secret = bundle(s, "second")
    kept = s.top / "old.bundle"
    old.rename(kept)
    bundle(s, "second")  # replaces the one before
    join(s, "second", kept, secret)
    second = s.hosts["second"]
    second.start()
    s.central.wait_event("enrol.refused", 15, wanted=lambda e: "proof is wrong" in e["_text"])
    second.wait_event("join.refused", 15, wanted=lambda e: "proof is wrong" in e["_text"])
    assert not second.log("join.done")
    assert s.central.counters()["enrolments.refused"] >= 1
    # of another server, put where this one should be
    out, secret = bundle(s, "third")
    third = s.hosts["third"]
    join(s, "third", out, secret)
    (third.dir / "host").write_text(second.fqdn + "\n")
    assert second.stop() == 0
    shutil.rmtree(second.dir)
    shutil.copytree(third.dir, second.dir)
    subprocess.run(["cp", "-a", f"{third.dir}/.", str(second.dir)], check=True)
    before = len(s.central.log("enrol.refused"))
    second.start()
    wait_for(lambda: len(s.central.log("enrol.refused")) > before, 15)
    assert not second.log("join.done")


def test_what_the_bundle_refuses(site):  # noqa: F811
    s = site(second=SE)
    s.start("central")
    second = s.hosts["second"]
    out, secret = bundle(s, "second")
    wrong = s.top / "wrong"
    wrong.write_text("a password of somebody else\n")
    with pytest.raises(Refused, match="does not open the bundle"):
        join(s, "second", out, wrong)
    changed = s.top / "changed"
    document = json.loads(out.read_text())
    document["sealed"] = document["sealed"][:-8] + ("A" * 8)
    changed.write_text(json.dumps(document))
    with pytest.raises(Refused, match="does not open the bundle"):
        join(s, "second", changed, secret)
    changed.write_text("{}")
    with pytest.raises(Refused, match="no bundle"):
        join(s, "second", changed, secret)
    assert not second.dir.exists()
    # its time is over, by the clock here
    command = ["faketime", "-f", "+8d", str(BUILD / "witan"), "--dir", str(second.dir), "join", "--from", str(out), "--password-file", str(secret)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "was good until" in done.stderr and "clock" in done.stderr
    # the central server says no for other reasons
    for words, why in ((["--host", f"nobody.{DOMAIN}"], "no server"), (["--host", s.central.fqdn], "central store itself"), (["--host", second.fqdn], "there is a file")):
        target = out if "file" in why else s.top / "new"
        with pytest.raises(Refused, match=why):
            s.central.cli("bundle", *words, "--out", str(target), "--password-file", str(secret))
    secret.write_text("short\n")
    with pytest.raises(Refused, match="fewer than 12"):
        s.central.cli("bundle", "--host", second.fqdn, "--out", str(s.top / "new"), "--password-file", str(secret))
    # taken back
    s.central.cli("bundle", "--revoke", second.fqdn)
    with pytest.raises(Refused, match="no enrolment"):
        s.central.cli("bundle", "--revoke", second.fqdn)
    secret.write_text(PASSWORD + "\n")
    join(s, "second", out, secret)
    second.start()
    second.wait_event("join.refused", 15, wanted=lambda e: "no bundle" in e["_text"])
    assert not second.log("join.done")
    assert s.central.status(second.fqdn)["UpToDate"] is False


@pytest.mark.slow
@pytest.mark.parametrize("process", ["vault0", "keeper0", "replicator0"])
def test_joining_survives_a_kill(site, process):  # noqa: F811
    s = site(second=SE)
    s.start("central")
    out, secret = bundle(s, "second")
    join(s, "second", out, secret)
    second = s.hosts["second"]
    second.start()
    for host in (s.central, second):
        host.kill(process)
    up_to_date(s, "second", 30)
    verify(s, second, "Default")


@pytest.mark.parametrize("last", ["assigned", "removed"])
def test_joining_ends_after_a_kill_at_its_end(site, last):  # noqa: F811
    """Killed when all certificates were there, and what the bundle has left was not gone yet: the central server sees a certificate of ours and
    waits for no proof any more."""
    s = site(second=SE)
    s.start("central")
    out, secret = bundle(s, "second")
    join(s, "second", out, secret)
    second = s.hosts["second"]
    before = s.top / "before"
    shutil.copytree(second.dir, before)
    for path in [before, *before.rglob("*")]:
        shutil.chown(path, (second.dir / path.relative_to(before)).stat().st_uid, (second.dir / path.relative_to(before)).stat().st_gid)
    second.start()
    up_to_date(s, "second")
    assert second.stop() == 0
    # as the disk was then
    subprocess.run(["cp", "-a", str(before / "store/enrolment"), str(second.dir / "store")], check=True)
    if last == "assigned":
        subprocess.run(["cp", "-a", *map(str, (before / "certs").glob("*.request")), str(second.dir / "certs")], check=True)
    since = len(second.events)
    second.start()
    second.wait_event("join.done", 15, since=since)
    s.central.add_user("ann")
    up_to_date(s, "second")
    assert users(second) == [f"sip:ann@{DOMAIN}"]
    assert not (second.dir / "store/enrolment").exists()
    assert not list((second.dir / "certs").glob("*.request"))
    verify(s, second, "Default")


def test_certificates_are_renewed_over_the_connection(site):  # noqa: F811
    """At two thirds of its life a copy asks the central server for the next one, with a key of its own; nobody has to do anything."""
    s = site(second=SE)
    s.made = "-25d"
    s.prepare("second")
    second = s.hosts["second"]
    before = certificate(second, "Default")
    keys = set(os.listdir(second.dir / "keys"))
    s.start()
    second.wait_event("certificate.renewal", 90)
    after = certificate(second, "Default")
    assert after != before and set(os.listdir(second.dir / "keys")) - keys
    assert second.fqdn in verify(s, second, "Default")
    assert not list((second.dir / "certs").glob("*.request"))
    second.restart()
    up_to_date(s, "second")
    assert s.central.log("enrol.done")[0]["what"] == "renewal"


def test_a_renewal_that_the_plan_has_left_behind(site):  # noqa: F811
    """A request that was made by another plan is refused for ever: after a day there is a new one, by the plan of today."""
    s = site(second=SE)
    s.made = "-25d"
    s.prepare("second")
    second = s.hosts["second"]
    second.start()
    request = wait_for(lambda: next(iter((second.dir / "certs").glob("*.request")), None), 90, 0.2)
    assert second.stop() == 0
    key = second.dir / f"keys/{request.name.partition('.')[0]}.key"
    other = openssl("req", "-new", "-key", str(key), "-subj", f"/CN=old.{DOMAIN}", "-addext", f"subjectAltName=DNS:old.{DOMAIN}", cwd=s.top).decode()
    lines = re.sub(r"made: \d+", f"made: {int(time.time()) - 2 * 86400}", request.read_text().partition("-----BEGIN")[0])
    request.write_text(lines + other)
    before = certificate(second, "Default")
    s.start()
    second.wait_event("certificate.renewal", 150)
    assert certificate(second, "Default") != before
    verify(s, second, "Default")
    assert not list((second.dir / "certs").glob("*.request"))


class Copy:
    """What a server does that was taken over: it has its certificate and key, and speaks as it likes."""

    def __init__(self, site, host):
        self.host = host
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*site.files_of(host))
        with socket.create_server(("0.0.0.0", host.port_replica)) as listener:
            listener.settimeout(15)
            self.sock = tls.wrap_socket(listener.accept()[0], server_side=True)
        self.sock.settimeout(10)
        self.kept = b""
        name = host.fqdn.encode()
        self.send(0, struct.pack("<HQQH", 1, 0, 0, len(name)) + name + struct.pack("<H", 0))

    def send(self, kind, body):
        self.sock.sendall(struct.pack("<IB", len(body), kind) + body)

    def receive(self):
        while len(self.kept) < 5 or len(self.kept) < 5 + struct.unpack("<I", self.kept[:4])[0]:
            got = self.sock.recv(65536)
            if not got:
                raise ConnectionError("hung up")
            self.kept += got
        n, kind = struct.unpack("<IB", self.kept[:5])
        body, self.kept = self.kept[5:5 + n], self.kept[5 + n:]
        return kind, body

    def enrol(self, orders):
        """One question; its answer: 7 and the certificates, or 4 and why not."""
        self.send(6, bytes(32) + json.dumps(orders).encode())
        while True:
            kind, body = self.receive()
            if kind in (4, 7):
                return kind, body


def request_of(path):
    text = path.read_text()
    usages = re.search("^usages: (.*)$", text, re.M).group(1)
    return {"usages": usages, "request": text[text.index("-----BEGIN"):]}


def test_a_server_that_was_taken_over_gets_few_certificates(site):  # noqa: F811
    """It may renew its own. It must not fill the list of what was issued until nobody else gets a certificate."""
    s = site(second=SE)
    s.start("central")
    out, secret = bundle(s, "second")
    join(s, "second", out, secret)
    second = s.hosts["second"]
    order = request_of(next((second.dir / "certs").glob("*.request")))
    second.start()
    up_to_date(s, "second")
    assert second.stop() == 0
    issued = (s.central.dir / "certs/issued").read_text().count("\n")
    copy = Copy(s, second)
    kinds = [copy.enrol([order])[0] for _ in range(60)]
    assert kinds[0] == 7 and kinds[-1] == 4
    assert kinds.count(7) <= 32
    assert (s.central.dir / "certs/issued").read_text().count("\n") - issued == kinds.count(7)
    s.central.wait_event("enrol.refused", wanted=lambda e: "than it can need" in e["why"])


def test_all_certificates_of_a_server_are_taken_back(site):  # noqa: F811
    """Also those that it was given while nobody knew that it was taken over."""
    s = site(second=SE)
    s.start("central")
    out, secret = bundle(s, "second")
    join(s, "second", out, secret)
    second = s.hosts["second"]
    order = request_of(next((second.dir / "certs").glob("*.request")))
    second.start()
    up_to_date(s, "second")
    assert second.stop() == 0
    copy = Copy(s, second)
    assert [copy.enrol([order])[0] for _ in range(2)] == [7, 7]
    with pytest.raises(Refused, match="the server itself"):
        s.central.cli("revoke-certificate", "--host", s.central.fqdn)
    with pytest.raises(Refused, match="give one of"):
        s.central.cli("revoke-certificate", "--host", second.fqdn, "--serial", "11")
    said = s.central.cli("revoke-certificate", "--host", second.fqdn.upper(), "--reason", "keyCompromise")
    assert said.count(f"of host:{second.fqdn}") == 3
    lines = [line.split() for line in (s.central.dir / "certs/issued").read_text().splitlines()]
    assert all((line[3] != "-") == (line[2] == f"host:{second.fqdn}") for line in lines)
    with pytest.raises((ConnectionError, ssl.SSLError)):  # it is cut off at once
        while True:
            copy.receive()


@pytest.mark.parametrize("kind", [2, 6])
def test_a_server_that_was_taken_over_does_not_stop_the_others(site, kind):  # noqa: F811
    """It says that it has taken what it was never sent, or asks for certificates, faster than vault can hear it: the other copies are told as ever."""
    s = site(second=SE, third=SE)
    s.prepare("second", "third")
    s.start("central", "third")
    up_to_date(s, "third")
    copy = Copy(s, s.hosts["second"])
    s.central.wait_event("copy.connected", wanted=lambda e: e["server"] == s.hosts["second"].fqdn)
    vault = s.central.processes()["vault0"]
    body = b"" if kind == 2 else bytes(32) + b"[" + b" " * 100000 + b"]"
    frames = (struct.pack("<IB", len(body), kind) + body) * (200000 if kind == 2 else 10)
    copy.sock.settimeout(2)
    os.kill(vault, signal.SIGSTOP)
    try:
        for _ in range(15 if kind == 2 else 90):
            copy.sock.sendall(frames)
        time.sleep(1)
    except OSError:
        pass  # hung up on
    finally:
        os.kill(vault, signal.SIGCONT)
    s.central.add_user("ann")
    up_to_date(s, "third")
    assert users(s.hosts["third"]) == [f"sip:ann@{DOMAIN}"]


def test_nobody_gets_the_key_of_tokens_by_asking(site):  # noqa: F811
    """The plan has it on each server with web services, but it is one key, which a person brings there."""
    s = site(second=SE + f", web: {{internal: web.{DOMAIN}, external: webext.{DOMAIN}}}")
    s.prepare("second")
    second = s.hosts["second"]
    s.start("central")
    plan = json.loads(s.central.cli("plan", "certificates", "--format", "json", "--topology", str(s.central.dir / "topology.yaml"), plain=True))
    token = next(one for one in plan if one["usage"] == ["OAuthTokenIssuer"])
    assert second.fqdn in [token["host"], *token["shared-with"]] and token["ca"] == "internal"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "t.key", "-out", "t.pem", "-subj", f"/CN={token['cn']}",
            "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in token["san"]), cwd=s.top)
    kind, why = Copy(s, second).enrol([{"usages": "OAuthTokenIssuer", "request": (s.top / "t.pem").read_text()}])
    assert kind == 4 and b"the plan has no certificate for OAuthTokenIssuer" in why, why


def test_a_full_disk_at_the_central_server(site):  # noqa: F811
    """What cannot be written is not given: else the bundle would be good once more, for other keys."""
    s = site(second=SE)
    store = s.central.dir / "store"
    disk = s.top / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "none", str(store)], check=True)
    try:
        shutil.chown(store, "witan-vault", "witan-vault")
        s.start("central")
        out, secret = bundle(s, "second")
        join(s, "second", out, secret)
        filler = store / "filler"
        with open(filler, "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 4096) == 4096:
                    pass
            except OSError:
                pass
        refused = 0
        for i in range(200):
            try:
                s.central.cli("New-CsVoicePolicy", "-Identity", f"Tag:P{i}", "-Description", "x" * 400)
            except Refused:
                refused += 1
            if refused == 3:
                break
        assert refused == 3
        second = s.hosts["second"]
        second.start()
        s.central.wait_event("enrol.refused", 20)
        assert not second.log("join.done") and not s.central.log("enrol.done")
        filler.unlink()
        s.central.wait_event("store.recovered", 10)
        second.wait_event("join.done", 30)
        up_to_date(s, "second")
        assert "used" in s.central.cli("bundle", "--list")
        assert s.central.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(store)], check=True)
