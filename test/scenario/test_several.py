# SPDX-License-Identifier: Apache-2.0
"""One topology, several servers: what is declared at the central one is at all of them, whatever dies in between."""
import datetime
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import time

import pytest

from deployment import Refused, wait_for
from several import DOMAIN, Site, openssl
from sip_client import Client

pytestmark = pytest.mark.root
SE, EDGE, DIRECTOR, MEDIATION = "role: standard-edition", "role: edge", "role: director", "role: mediation"


@pytest.fixture
def site(request):
    made = []

    def make(**others):
        made.append(Site(**others))
        return made[-1]

    yield make
    failed = getattr(request.node, "failed", False)
    try:
        for one in made:
            one.verdict(failed)
    finally:
        for one in made:
            one.remove()


def users(host):
    return sorted(u["SipAddress"] for u in json.loads(host.cli("Get-CsUser", "-As", "json") or "[]"))


def up_to_date(site, name, timeout=15):
    fqdn = f"{name}.{DOMAIN}"
    return wait_for(lambda: (lambda row: row if row and row["UpToDate"] else None)(site.central.status(fqdn)), timeout, 0.05, f"{name} is not up to date")


def rows(host, sql):
    """From the store's files of a server that has been stopped."""
    with sqlite3.connect(f"file:{host.dir}/store/witan.db?mode=ro", uri=True) as db:
        return db.execute(sql).fetchall()


def test_a_change_at_the_central_server_is_everywhere(site):
    s = site(second=SE)
    s.prepare("second")
    s.start()
    second = s.hosts["second"]
    s.central.add_users("ann", "bob")
    up_to_date(s, "second")
    assert users(second) == [f"sip:ann@{DOMAIN}", f"sip:bob@{DOMAIN}"]
    # people sign in there, by the password that they have here
    second.passwords = s.central.passwords
    ann = Client(second, "ann")
    ann.sign_in()
    ann.close()
    # a change, a removal
    s.central.cli("Set-CsUser", f"sip:bob@{DOMAIN}", "-Office", "Berlin")
    s.central.cli("Remove-CsUser", f"sip:ann@{DOMAIN}", "-Confirm:$false")
    s.central.cli("New-CsConferencingPolicy", "-Identity", "Tag:Sales", "-EnableP2PVideo", "$false")
    up_to_date(s, "second")
    assert users(second) == [f"sip:bob@{DOMAIN}"]
    assert "Berlin" in second.cli("Get-CsUser", f"sip:bob@{DOMAIN}", "-As", "json")
    assert json.loads(second.cli("Get-CsConferencingPolicy", "Tag:Sales", "-As", "json"))[0]["EnableP2PVideo"] is False
    row = s.central.status(second.fqdn)
    assert row["Version"] > 0 and row["ProductVersion"] and row["LastStatusReport"] and row["LastUpdateCreation"]


def test_a_copy_refuses_what_would_change_it(site):
    s = site(second=SE)
    s.prepare("second")
    s.start()
    second = s.hosts["second"]
    s.central.add_user("ann")
    up_to_date(s, "second")
    secret = s.top / "secret"
    secret.write_text("a long enough secret\n")
    for words in (["New-CsUser", "-SipAddress", f"sip:eve@{DOMAIN}", "-PasswordFile", str(secret)], ["Set-CsUser", f"sip:ann@{DOMAIN}", "-Office", "X"],
                  ["Remove-CsUser", f"sip:ann@{DOMAIN}", "-Confirm:$false"], ["New-CsConferencingPolicy", "-Identity", "Tag:A"], ["Set-CsClientPin", f"sip:ann@{DOMAIN}", "-Pin", "385274"]):
        with pytest.raises(Refused, match=r"changed on central\.example\.test"):
            second.cli(*words)
    second.cli("Unlock-CsUser", f"sip:ann@{DOMAIN}")
    second.cli("Invoke-CsManagementStoreReplication")
    assert users(second) == [f"sip:ann@{DOMAIN}"]
    assert json.loads(second.cli("Get-CsManagementStoreReplicationStatus", "-CentralManagementStoreStatus", "-As", "json"))[0] == \
        {**json.loads(s.central.cli("Get-CsManagementStoreReplicationStatus", "-CentralManagementStoreStatus", "-As", "json"))[0], "IsWritable": False}
    # it is noted there who tried
    assert "REFUSED" in second.cli("Get-CsAuditLog", "-As", "json")


def moment(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def test_a_change_takes_milliseconds(site, record_property):
    s = site(second=SE)
    s.prepare("second")
    s.start()
    up_to_date(s, "second")
    second = s.hosts["second"]
    took = []
    for i in range(20):
        since, said = len(second.events), len(s.central.events)
        s.central.cli("Set-CsConferencingPolicy", "-Identity", "Global", "-EnableP2PVideo", "$true" if i % 2 else "$false")
        applied = second.wait_event("copy.applied", since=since)
        done = s.central.wait_event("command.done", since=said)
        took.append((moment(applied) - moment(done)) * 1000)
        time.sleep(0.06)  # no more such lines a second than the log takes
    took.sort()
    record_property("milliseconds", took)
    print("milliseconds from the answer at the central server to the disk of the copy:", [round(t, 1) for t in took])
    assert took[len(took) // 2] < 100


def test_a_copy_goes_on_without_the_central_server(site):
    s = site(second=SE)
    s.prepare("second")
    s.start()
    second = s.hosts["second"]
    s.central.add_user("ann")
    second.passwords = s.central.passwords
    up_to_date(s, "second")
    assert s.central.stop() == 0
    second.restart()
    ann = Client(second, "ann")
    ann.sign_in()
    ann.close()
    assert second.status(second.fqdn)["State"] == "the central server is not connected"
    s.central.start()
    s.central.add_user("bob")
    up_to_date(s, "second")
    assert users(second) == [f"sip:ann@{DOMAIN}", f"sip:bob@{DOMAIN}"]
    assert s.central.cli("Test-CsAuditLog") and second.cli("Test-CsAuditLog")


def test_a_thousand_changes_while_it_was_away(site):
    s = site(second=SE)
    s.prepare("second")
    s.start()
    second = s.hosts["second"]
    s.central.add_user("ann")
    up_to_date(s, "second")
    before = s.central.status(second.fqdn)["Version"]
    assert second.stop() == 0
    script = s.top / "many.ps1"
    script.write_text("\n".join(f"Set-CsUser sip:ann@{DOMAIN} -Office 'room {i}'" for i in range(1000)))
    s.central.cli("run", str(script), timeout=120)
    assert s.central.status(second.fqdn)["UpToDate"] is False
    begin = time.monotonic()
    second.start()
    row = up_to_date(s, "second")
    print("caught up in", round(time.monotonic() - begin, 2), "s, with its start")
    assert row["Version"] >= before + 1000
    assert "room 999" in second.cli("Get-CsUser", f"sip:ann@{DOMAIN}", "-As", "json")


@pytest.mark.slow
@pytest.mark.parametrize("who", ["central", "copy"])
def test_killed_in_the_middle(site, who):
    """-9 at any moment of a push: afterwards both have the same, and nothing that was acknowledged is gone."""
    s = site(second=SE)
    s.prepare("second")
    s.start()
    second = s.hosts["second"]
    script = s.top / "users.ps1"
    script.write_text("\n".join(f"New-CsUser -SipAddress sip:u{i}@{DOMAIN} -Password (ConvertTo-SecureString 'a long secret {i}' -AsPlainText -Force)" for i in range(300)))
    s.central.cli("run", str(script), timeout=120)
    up_to_date(s, "second")
    for i in range(6):
        s.central.cli("Invoke-CsManagementStoreReplication")
        s.central.cli("Set-CsUser", f"sip:u{i}@{DOMAIN}", "-Office", f"round {i}")
        time.sleep(0.01 * i)
        victim = s.central if who == "central" else second
        process = "vault0" if i % 2 else "replicator0"
        old = victim.kill(process)
        victim.wait_restarted(process, old)
        up_to_date(s, "second")
        assert len(users(second)) == 300
        assert f"round {i}" in second.cli("Get-CsUser", f"sip:u{i}@{DOMAIN}", "-As", "json")
    for host in (s.central, second):
        assert host.stop() == 0
    assert rows(s.central, "SELECT aor, ha1_sha256, body FROM user ORDER BY aor") == rows(second, "SELECT aor, ha1_sha256, body FROM user ORDER BY aor")
    assert rows(second, "SELECT count(*) FROM staged") == [(0,)]


def test_an_edge_knows_no_secrets(site):
    s = site(edge=EDGE, mediation=MEDIATION)
    s.prepare("edge", "mediation")
    s.start()
    s.central.add_user("ann", "a password that nobody knows")
    s.central.cli("Set-CsClientPin", f"sip:ann@{DOMAIN}", "-Pin", "385274")
    s.central.cli("Enable-CsAdminCode", f"sip:ann@{DOMAIN}")
    s.central.cli("New-CsConferencingPolicy", "-Identity", "Tag:Seen")
    for name in ("edge", "mediation"):
        up_to_date(s, name)
        assert users(s.hosts[name]) == []
        assert "Tag:Seen" in s.hosts[name].cli("Get-CsConferencingPolicy")
    for host in s.hosts.values():
        assert host.stop() == 0
    (secret,), = rows(s.central, "SELECT ha1_sha256 FROM user")
    credentials = [bytes(value) if not isinstance(value, str) else value.encode() for value, in rows(s.central, "SELECT value FROM credential")]
    assert len(credentials) == 2
    for name in ("edge", "mediation"):
        for path in (s.hosts[name].dir / "store").iterdir():
            held = path.read_bytes()
            assert b"ann@" not in held
            assert not [c for c in [bytes(secret), *credentials] if c in held], path
    assert rows(s.hosts["edge"], "SELECT count(*) FROM object")[0][0] > 0


@pytest.mark.parametrize("restarted", [False, True])
def test_a_server_that_gets_another_role(site, restarted):
    """What it may not know any more goes, from the disk too; what it may know now comes."""
    s = site(second="role: director", third=MEDIATION)
    s.prepare("second", "third")
    s.start()
    s.central.add_user("ann", "a password that nobody knows")
    for name in ("second", "third"):
        up_to_date(s, name)
    assert users(s.hosts["second"]) == [f"sip:ann@{DOMAIN}"] and users(s.hosts["third"]) == []
    s.pools["second"], s.pools["third"] = s.pools["third"], s.pools["second"]
    path = s.central.dir / "topology.yaml"
    path.with_suffix(".new").write_text(s.topology())
    if restarted:
        assert s.central.stop() == 0
        os.replace(path.with_suffix(".new"), path)
        s.central.start()
    else:
        os.replace(path.with_suffix(".new"), path)
        s.central.process.send_signal(signal.SIGHUP)
    for name in ("second", "third"):
        s.hosts[name].wait_event("copy.file", wanted=lambda e: e["file"] == "topology.yaml")
        up_to_date(s, name)
    wait_for(lambda: users(s.hosts["third"]) == [f"sip:ann@{DOMAIN}"], 10)
    assert users(s.hosts["second"]) == []
    for host in s.hosts.values():
        assert host.stop() == 0
    (secret,), = rows(s.central, "SELECT ha1_sha256 FROM user")
    for path in (s.hosts["second"].dir / "store").iterdir():
        assert bytes(secret) not in path.read_bytes(), path


# ---- who gets in ----

def dial(host, address, port, files=None, name=None):
    """A TLS connection; files: certificate and key to show. Raises when it is refused, at the latest when something is read."""
    tls = ssl.create_default_context(cafile=str(host.site.central.dir / "ca.pem"))
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # the refusal comes within the handshake
    if files:
        tls.load_cert_chain(*files)
    sock = socket.create_connection((address, port), 5)
    return tls.wrap_socket(sock, server_hostname=name or host.fqdn)


def foreign(site, work, name):
    """A certificate for this name by an authority that nobody here knows."""
    work.mkdir()
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=DNS:{name}", "-addext", "extendedKeyUsage=serverAuth", cwd=work)
    return str(work / "cert.pem"), str(work / "key.pem")


def test_only_the_central_server_may_push(site, tmp_path):
    s = site(second=SE, third=SE)
    s.prepare("second", "third")
    s.start("central", "second")
    second, third = s.hosts["second"], s.hosts["third"]
    up_to_date(s, "second")
    third_files = s.files_of(third)
    for files in (None, foreign(s, tmp_path / "foreign", s.central.fqdn)):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            dial(second, "127.0.0.1", second.port_replica, files).recv(1)
    # a server of ours, but not that one
    since = len(second.events)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        dial(second, "127.0.0.1", second.port_replica, third_files).recv(1)
    second.wait_event("tls.failed", since=since, wanted=lambda e: "none of its names" in e["why"])
    # nonsense from strangers hurts nobody, nor do many who say nothing
    idle = [socket.create_connection(("127.0.0.1", second.port_replica), 5) for _ in range(40)]
    idle[0].sendall(os.urandom(500))
    s.central.add_user("ann")
    up_to_date(s, "second")
    assert second.counters()["copies.strangers"] >= 3
    for one in idle:
        one.close()


def test_what_breaks_the_protocol_is_hung_up_on(site):
    s = site(second=SE)
    s.prepare("second")
    s.start("second")
    second = s.hosts["second"]
    files = s.files_of(s.central)
    for bytes_ in (b"\xff\xff\xff\xff\x01", b"\0\0\0\0\x63", b"\0\0\0\0\0", b"\x11\0\0\0\1" + b"\x08" + b"\0" * 16, b"\x12\0\0\0\1" + b"\1" + b"\0" * 16 + b"\x7f"):
        connection = dial(second, "127.0.0.1", second.port_replica, files)
        hello = connection.recv(1000)
        assert hello[4] == 0 and b"second.example.test" in hello
        connection.sendall(bytes_)
        connection.settimeout(5)
        heard = b""
        while True:
            got = connection.recv(1000)
            heard += got
            if not got or heard[4:5] == b"\4":
                break
        connection.close()
    assert users(second) == []
    s.start("central")
    s.central.add_user("ann")
    up_to_date(s, "second")


def test_a_new_topology_reaches_everybody(site):
    s = site(second=SE)
    s.prepare("second")
    s.start()
    second = s.hosts["second"]
    up_to_date(s, "second")
    fresh = s.topology(more="simple-url-host: meet\n")
    path = s.central.dir / "topology.yaml"
    path.with_suffix(".new").write_text(fresh)
    os.replace(path.with_suffix(".new"), path)
    s.central.process.send_signal(signal.SIGHUP)
    second.wait_event("copy.file", wanted=lambda e: e["file"] == "topology.yaml")
    wait_for(lambda: (second.dir / "topology.yaml").read_text() == fresh, 5)
    second.wait_event("server.reloaded")
    # and over a restart
    second.restart()
    up_to_date(s, "second")
    assert not second.log("server.refused")


# ---- an Edge ----

def options(to):
    return (f"OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/TLS x.example;branch=z9hG4bKx1\r\nFrom: <sip:x@example.test>;tag=1\r\nTo: <sip:{to}>\r\n"
            "Call-ID: c1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n").encode()


def test_an_edge_has_two_sides(site, tmp_path):
    s = site(edge=EDGE + ", federation: true")
    s.prepare("edge")
    s.start()
    edge = s.hosts["edge"]
    up_to_date(s, "edge")
    assert "relay of media" in [e for e in edge.log("service.missing")][0]["what"]
    ours = s.files_of(s.central)
    # outside: everybody, by the public name; without a challenge before there is somebody to sign in
    for port in (443, 5061):
        outside = dial(edge, s.outside, port, name=f"sip.{DOMAIN}")
        for method in (b"OPTIONS", b"SUBSCRIBE", b"INVITE", b"MESSAGE"):
            outside.sendall(options("bob@example.test").replace(b"OPTIONS", method))
            answer = outside.recv(4096)
            assert answer.startswith(b"SIP/2.0 403 Forbidden"), answer
            assert b"uthenticate" not in answer and b"edge." not in answer
        outside.close()
    # nothing listens where it should not: the inner port outside, the outer one inside, any of them elsewhere
    for address, port in ((s.outside, edge.port_tls), (s.inside, 443), ("127.0.0.1", edge.port_tls), ("127.0.0.1", 443), (s.outside, edge.port_replica), ("127.0.0.1", edge.port_replica)):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), 2)
    # inside: servers of the topology
    inside = dial(edge, s.inside, edge.port_tls, ours)
    inside.sendall(options("bob@example.test"))
    assert inside.recv(4096).startswith(b"SIP/2.0 403 ")
    for files in (None, foreign(s, tmp_path / "foreign", s.central.fqdn)):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            dial(edge, s.inside, edge.port_tls, files).recv(1)
    # of our authority, but no server of the topology
    since = len(edge.events)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        dial(edge, s.inside, edge.port_tls, s.issue(s.central, f"printer.{DOMAIN}", s.central.dir, "")).recv(1)
    edge.wait_event("tls.failed", since=since, wanted=lambda e: "none of its names" in e["why"])
    assert edge.counters()["edge.refused"] == 8


def test_an_edge_without_its_external_certificate_takes_nobody_outside(site):
    s = site(edge=EDGE)
    s.prepare("edge")
    edge = s.hosts["edge"]
    assigned = edge.dir / "certs/assigned"
    assigned.write_text("".join(line for line in assigned.read_text().splitlines(True) if "External" not in line))
    edge.start()
    assert any("AccessEdgeExternal" in e["_text"] for e in edge.log("listener.failed"))
    sock = socket.create_connection((s.outside, 443), 2)
    sock.settimeout(1)
    with pytest.raises((TimeoutError, socket.timeout)):
        ssl.create_default_context().wrap_socket(sock, server_hostname=f"sip.{DOMAIN}")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((s.outside, 5061), 2)  # no partners are planned: nothing listens for them


@pytest.mark.slow
@pytest.mark.alone
def test_ten_thousand_users(site):
    s = site(second=SE)
    s.prepare("second")
    s.start("central")
    second = s.hosts["second"]
    table = s.top / "users.csv"
    table.write_text("SipAddress\n" + "\n".join(f"sip:u{i}@{DOMAIN}" for i in range(10000)))
    script = s.top / "users.ps1"
    script.write_text(f"Import-Csv {table} | ForEach-Object {{ New-CsUser -SipAddress $_.SipAddress -Password (ConvertTo-SecureString 'a long secret' -AsPlainText -Force) }}")
    s.central.cli("run", str(script), timeout=600)
    begin = time.monotonic()
    second.start()
    up_to_date(s, "second", 60)
    took = time.monotonic() - begin
    memory = {}
    for host in (s.central, second):
        for name, pid in host.processes().items():
            status = open(f"/proc/{pid}/status").read()
            memory[f"{host.fqdn.partition('.')[0]} {name}"] = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) // 1024
    print(f"10,000 users at the copy {took:.2f} s after its start; megabytes at most: {memory}")
    assert len(users(second)) == 10000
    assert took < 30
    assert memory["central replicator0"] < 64 and memory["second replicator0"] < 64


def test_a_revocation_reaches_everybody(site):
    """The list is at the copy at once, and web there serves the same one."""
    s = site(second=SE)
    s.prepare("second")
    s.start()
    up_to_date(s, "second")
    second = s.hosts["second"]
    before = (second.dir / "certs/witan.crl").read_bytes()
    s.central.add_user("ann")
    secret = s.top / "p12"
    secret.write_text("a password\n")
    s.central.cli("issue-certificate", "--user", f"sip:ann@{DOMAIN}", "--out", str(s.top / "ann.p12"), "--password-file", str(secret))
    begin = time.monotonic()
    s.central.cli("revoke-certificate", "--user", f"sip:ann@{DOMAIN}")
    wait_for(lambda: (second.dir / "certs/witan.crl").read_bytes() != before, 5)
    print("a revocation is on the disk of the copy after", round(time.monotonic() - begin, 3), "s")
    wait_for(lambda: (second.dir / "certs/witan.crl").read_bytes() == (s.central.dir / "certs/witan.crl").read_bytes(), 5)


# ---- what a certificate proved is taken back ----

def standing_at(edge, address, files, version, name=f"edge-pool.{DOMAIN}"):
    """A server's connection to the inner side of an Edge, over which it was answered."""
    tls = ssl.create_default_context(cafile=str(edge.dir / "ca.pem"))
    tls.minimum_version = tls.maximum_version = version
    tls.load_cert_chain(*files)
    sock = tls.wrap_socket(socket.create_connection((address, edge.port_tls), 5), server_hostname=name)
    sock.settimeout(10)
    sock.sendall(options(f"bob@{DOMAIN}"))
    assert sock.recv(4096).startswith(b"SIP/2.0 403 ")
    return tls, sock


def wait_end(sock, start, limit=5):
    """Until the other side has ended it; the seconds since start."""
    try:
        assert sock.recv(4096) == b""
    except ConnectionResetError:
        pass
    took = time.monotonic() - start
    assert took < limit
    return took


def is_taken(edge, address, tls, session=None, name=f"edge-pool.{DOMAIN}"):
    """Does it get an answer over a new connection, or one that goes on with a session?"""
    try:
        sock = tls.wrap_socket(socket.create_connection((address, edge.port_tls), 5), server_hostname=name, session=session)
        sock.settimeout(5)
        sock.sendall(options(f"bob@{DOMAIN}"))
        return sock.recv(4096) != b""
    except (ssl.SSLError, ConnectionError):
        return False


VERSIONS = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def serial_of(chain, cwd):
    return openssl("x509", "-in", chain, "-noout", "-serial", cwd=cwd).decode().strip().partition("=")[2]


def test_a_server_that_is_revoked_is_cut_off_everywhere(site):
    """Its connections to an Edge and the one by which it is a copy end within seconds; neither a new one nor an old session helps it."""
    from test_join import bundle, join
    s = site(second=SE, third=SE, edge=EDGE)
    s.start("central")
    for name in ("second", "third", "edge"):
        join(s, name, *bundle(s, name))
        s.hosts[name].start()
    for name in ("second", "third", "edge"):
        up_to_date(s, name)
    edge, second = s.hosts["edge"], s.hosts["second"]
    revoked, other = s.files_of(second), s.files_of(s.hosts["third"])
    bad, good = ([standing_at(edge, s.inside, files, version) for version in VERSIONS] for files in (revoked, other))
    sessions = [sock.session for _, sock in bad]
    since, since_edge = len(s.central.events), len(edge.events)
    start = time.monotonic()
    s.central.cli("revoke-certificate", "--serial", serial_of(revoked[0], s.top))
    took = [wait_end(sock, start) for _, sock in bad]
    s.central.wait_event("copy.lost", 5, since=since, wanted=lambda e: e["server"] == second.fqdn)
    print(f"cut off at the Edge after {took} s, as a copy after {time.monotonic() - start:.2f} s")
    assert s.central.log("peer.revoked", since) and edge.log("peer.revoked", since_edge)
    for (tls, _), session in zip(bad, sessions):
        assert not is_taken(edge, s.inside, tls, session) and not is_taken(edge, s.inside, tls)
    for tls, sock in good:  # nobody else is touched
        sock.sendall(options(f"bob@{DOMAIN}"))
        assert sock.recv(4096).startswith(b"SIP/2.0 403 ") and is_taken(edge, s.inside, tls)
    # what is declared from now on does not get there, but to the others
    s.central.add_user("ann")
    up_to_date(s, "third")
    time.sleep(6)  # longer than the longest wait between two tries
    assert not s.central.log("copy.connected", since) and users(second) == [] and users(s.hosts["third"]) == [f"sip:ann@{DOMAIN}"]
    assert s.central.status(second.fqdn)["UpToDate"] is False


def test_a_copy_cuts_off_a_central_server_that_is_revoked(site):
    """The list is put there as a file is copied: over that connection it might never come."""
    from test_peer_roles import write_list
    s = site(second=SE)
    s.prepare("second")
    s.start()
    up_to_date(s, "second")
    second = s.hosts["second"]
    signer = s.top / "signer"
    (signer / "certs").mkdir(parents=True)
    (signer / "keys").mkdir()
    shutil.copy(s.central.dir / "certs/issuing.pem", signer / "certs")
    shutil.copy(s.authority_key(), signer / "keys")
    since, start = len(second.events), time.monotonic()

    class At:
        dir, top = signer, s.top
    write_list(At, "revoked.crl", [s.files_of(s.central)[0]])
    os.replace(signer / "certs/revoked.crl", second.dir / "certs/revoked.crl")
    second.wait_event("peer.revoked", 5, since=since)
    second.wait_event("copy.lost", 5, since=since)
    print(f"the central server is cut off after {time.monotonic() - start:.2f} s")
    s.central.add_user("ann")
    time.sleep(6)
    assert not second.log("copy.connected", since) and users(second) == []


def test_a_root_that_is_trusted_no_longer(site):
    """Who was vouched for by it alone is cut off, when the file of roots has come to the Edge."""
    from test_peer_roles import certificate
    s = site(edge=EDGE)
    s.prepare("edge")
    edge, roots = s.hosts["edge"], s.central.dir / "ca.pem"
    ours = roots.read_text()
    both = certificate(s.central, s.central.fqdn, foreign=True)
    stranger = str(both), str(both)
    roots.write_text(ours + (both.parent / "ca.pem").read_text())
    shutil.copy(roots, edge.dir / "ca.pem")
    s.start()
    up_to_date(s, "edge")
    trusted = [standing_at(edge, s.inside, s.files_of(s.central), version, edge.fqdn)[1] for version in VERSIONS]
    tls, sock = standing_at(edge, s.inside, stranger, ssl.TLSVersion.TLSv1_3, edge.fqdn)
    start = time.monotonic()
    roots.with_suffix(".new").write_text(ours)
    os.replace(roots.with_suffix(".new"), roots)
    s.central.process.send_signal(signal.SIGHUP)
    print(f"cut off after {wait_end(sock, start):.2f} s")
    assert (edge.dir / "ca.pem").read_text() == ours
    assert not is_taken(edge, s.inside, tls, name=edge.fqdn)
    for one in trusted:
        one.sendall(options(f"bob@{DOMAIN}"))
        assert one.recv(4096).startswith(b"SIP/2.0 403 ")
