# SPDX-License-Identifier: Apache-2.0
"""Keeper, vault or master dies at any moment while certificates are issued, taken back, staged or renewed: what was acknowledged is so, numbers of lists only grow,
and what was under way ends by itself."""
import datetime
import pathlib
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from admin_client import AdminClient, Refusal
from deployment import assigned_file, wait_for
from test_certstore import every_certificate_has_its_key, keys_on_disk, openssl, shown

pytestmark = pytest.mark.slow
VICTIMS = ["keeper0", "vault0", "master"]


def dice_of():
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    return random.Random(seed)


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(server, victim, **more):
    """One process, or master, whose children must end by themselves; it is there again afterwards."""
    if victim != "master":
        server.wait_restarted(victim, server.kill(victim), 30)
        return
    children = list(server.processes().values())
    server.may_die.update([server.process.pid, *children])
    server.process.kill()
    server.process.wait(10)
    wait_for(lambda: not any(is_alive(pid) for pid in children), 20, message="who is left without master does not end")
    server.start(**more)


def presented(server):
    """SHA-1 of what the listener shows now."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with tls.wrap_socket(socket.create_connection(("127.0.0.1", server.port_tls), 10)) as sock:
        return openssl("x509", "-inform", "DER", "-noout", "-fingerprint", "-sha1", stdin=sock.getpeercert(True)).decode().strip().partition("=")[2].replace(":", "")


def is_presented(server):
    try:
        return presented(server) == assigned_file(server.dir).stem
    except OSError:
        return False


def check(server):
    """The store of certificates is whole, and what is assigned is presented."""
    every_certificate_has_its_key(server)
    wait_for(lambda: is_presented(server), 10, 0.1, "the listener does not present what is assigned")


# ---- issuing and taking back ----

class Lists(threading.Thread):
    """Reads the list whenever it changes: {number: bytes}."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.over, self.seen, self.wrong = path, threading.Event(), [], []

    def run(self):
        before = None
        while not self.over.is_set():
            der = self.path.read_bytes()
            if der != before:
                number = int(openssl("crl", "-inform", "DER", "-noout", "-crlnumber", stdin=der).decode().strip().partition("=")[2], 16)
                if self.seen and number <= self.seen[-1]:
                    self.wrong.append((self.seen[-1], number))
                self.seen.append(number)
                before = der
            time.sleep(0.005)


class People(threading.Thread):
    """Issues certificates and takes them back, several under way at once; remembers what was acknowledged."""

    def __init__(self, server, number, request, over):
        super().__init__(daemon=True)
        self.server, self.number, self.request, self.over = server, number, request, over
        self.issued, self.revoked, self.refused, self.why = [], [], [], None

    def speak(self, admin, n):
        who = f"sip:u{self.number}x{n}@example.test"
        answers = admin.many([("New-CsClientCertificate", {"Identity": who, "Request": self.request})] * 4)
        mine = [a["objects"][0]["SerialNumber"] for a in answers if a["ok"]]
        self.issued += mine
        lines = [("Revoke-CsClientCertificate", {"SerialNumber": serial}) for serial in mine[:2]]
        for serial, line in zip(mine, lines):
            admin.send(admin.line(*line))
        for serial in mine[:2]:
            answer = admin.read()
            if answer["ok"]:
                self.revoked.append(serial)
            else:
                self.refused.append(f"{answer['error']}: {answer['what']}")

    def run(self):
        n = 0
        while not self.over.is_set():
            n += 1
            try:
                with AdminClient(self.server, timeout=30) as admin:
                    self.speak(admin, n)
            except (OSError, Refusal):
                time.sleep(0.03)
            except Exception as why:  # shown by the test
                self.why = why
                return


def issued_lines(server):
    """{serial: is it revoked}."""
    rows = [line.split() for line in (server.dir / "certs/issued").read_text().splitlines()]
    assert all(len(row) in (4, 6) for row in rows)  # the last two: when, and to which device
    return {row[0]: row[3] != "-" for row in rows}


def listed(server):
    text = openssl("crl", "-inform", "DER", "-in", server.dir / "certs/witan.crl", "-noout", "-text").decode()
    return {line.split(":")[1].strip() for line in text.splitlines() if "Serial Number:" in line}


@pytest.mark.parametrize("victims", [["keeper0"], ["vault0"], VICTIMS], ids=["keeper", "vault", "any"])
def test_issued_and_taken_back(server_factory, victims):
    dice = dice_of()
    server = server_factory(users=(), key="ec-p256")
    top, over = server.top, threading.Event()
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", top / "k", "-out", top / "r", "-subj", "/CN=x")
    lists = Lists(server.dir / "certs/witan.crl")
    people = [People(server, i, (top / "r").read_text(), over) for i in range(4)]
    for thread in (lists, *people):
        thread.start()
    kills, end = 0, time.monotonic() + 15
    while time.monotonic() < end:
        time.sleep(dice.uniform(0.02, 0.4))
        kill(server, dice.choice(victims))
        kills += 1
    over.set()
    for one in people:
        one.join(60)
        assert one.why is None and not one.is_alive(), one.why
    issued, revoked = {s for one in people for s in one.issued}, {s for one in people for s in one.revoked}
    # a revocation that nobody was told of may stand in what was issued: then it is in the list as well, without being asked for
    wait_for(lambda: {s for s, is_revoked in issued_lines(server).items() if is_revoked} == listed(server), 10, 0.2, "the list is not what was taken back")
    lines = issued_lines(server)
    lists.over.set()
    lists.join(10)
    refused = [why for one in people for why in one.refused]
    print(f"{kills} kills: refused to take back: { {why: refused.count(why) for why in refused} }")
    print(f"{kills} kills: {len(issued)} issued and {len(revoked)} taken back with acknowledgement; {len(lines)} lines, {sum(lines.values())} of them revoked; {len(lists.seen)} lists")
    assert not lists.wrong, f"numbers that went back or stood: {lists.wrong}"
    assert issued <= set(lines) and all(lines[serial] for serial in revoked) and revoked <= listed(server)
    assert kills > 5 and len(issued) > 50 and len(revoked) > 20
    check(server)
    server.restart()
    assert issued_lines(server) == lines and {s for s, is_revoked in lines.items() if is_revoked} == listed(server)


def test_marked_but_not_on_the_list(server_factory):
    """What a kill leaves between the two files: nobody can ask for it again, so it must come by itself."""
    server = server_factory(users=(), key="ec-p256")
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", server.top / "k", "-out", server.top / "r", "-subj", "/CN=x")
    with AdminClient(server) as admin:
        serial = admin.ask("New-CsClientCertificate", Identity="sip:ann@example.test", Request=(server.top / "r").read_text())[0]["SerialNumber"]
    assert server.stop() == 0
    index = server.dir / "certs/issued"
    rows = [line.split() for line in index.read_text().splitlines()]
    for row in rows:
        row[3] = f"{int(time.time())}:keyCompromise" if row[0] == serial else row[3]
    index.write_text("".join(" ".join(row) + "\n" for row in rows))
    server.start()
    wait_for(lambda: serial in listed(server), 5, 0.1, "not on the list")


# ---- renewal ----

def ahead():
    library = next(iter(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
    if library is None:
        pytest.skip("needs faketime")
    return {"FAKETIME": "+300d", "LD_PRELOAD": str(library)}


def reset(server, kept):
    shutil.rmtree(server.dir)
    subprocess.run(["cp", "-a", kept, server.dir], check=True)


def is_renewed(server, before):
    return assigned_file(server.dir) != before and not list((server.dir / "certs").glob(".*"))


@pytest.mark.parametrize("victim", VICTIMS)
def test_renewed_unasked(server_factory, victim):
    """At two thirds of its life, while the process dies at moments spread over the whole of it."""
    env, dice = ahead(), dice_of()
    server = server_factory(users=(), start=False, key="ec-p256")
    kept, before = server.top / "kept", assigned_file(server.dir)
    subprocess.run(["cp", "-a", server.dir, kept], check=True)

    def begin():
        server.start(env=env, ready=False)
        wait_for(lambda: victim == "master" or victim in server.processes(), 10, 0.002)

    begin()
    start = time.monotonic()
    wait_for(lambda: is_renewed(server, before), 20, 0.002, "the renewal does not end")
    took = time.monotonic() - start
    server.wait_event("server.ready", 20)
    assert server.stop() == 0
    interrupted = 0
    for _ in range(12):
        reset(server, kept)
        begin()
        time.sleep(dice.uniform(0, took * 1.1))
        interrupted += not is_renewed(server, before)
        if victim == "master":
            kill(server, victim, env=env)
        else:
            pid = server.kill(victim)
            wait_for(lambda: server.processes().get(victim, pid) != pid, 20)
        wait_for(lambda: is_renewed(server, before), 20, 0.05, "the renewal does not end")
        check(server)
        wait_for(lambda: len(keys_on_disk(server)) <= len(shown(server, "-All")) + 1, 10, 0.1, "keys that nothing uses are left over")
        if victim == "master" or dice.random() < 0.3:
            assert server.stop() == 0
            server.start(env=env)
            check(server)
        assert server.stop() == 0
    print(f"a renewal takes {took:.2f} s from the victim's start; {interrupted} of 12 kills came before its end")
    assert interrupted >= 2


# ---- what is staged ----

def test_staged(server_factory):
    """A second certificate takes over at its time, whoever dies before, while and after."""
    dice = dice_of()
    server = server_factory(users=(), key="ec-p256")
    server.cli("Request-CsCertificate", "-New")
    for n in range(9):
        victim = VICTIMS[n % 3]
        now = {c["Thumbprint"]: c["State"] for c in shown(server, "-All")}
        other = next(t for t, state in now.items() if state not in ("assigned", "next"))
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
        words = [server.build / "witan", "--dir", server.dir, "Set-CsCertificate", "-Type", "Default", "-Thumbprint", other, "-Roll", "-EffectiveDate", soon.strftime("%Y-%m-%dT%H:%M:%SZ")]
        said = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.choice([dice.uniform(0, 0.08), dice.uniform(1.8, 3.2)]))
        kill(server, victim)
        is_said = said.wait(20) == 0
        check(server)
        if not is_said:  # it may have come to the disk all the same; nobody was told
            server.cli(*words[3:])
        wait_for(lambda: datetime.datetime.now(datetime.timezone.utc) > soon, 5)
        kill(server, victim)
        kill(server, "vault0")
        wait_for(lambda: assigned_file(server.dir).stem == other, 5, 0.1, "what was staged has not taken over")
        check(server)


# ---- the authority ----

def test_the_authority_is_renewed(server_factory):
    """`witan renew-authority` or a process is killed at any moment: what is on the disk is the one or the other, and once more is all it takes."""
    dice = dice_of()
    server = server_factory(users=(), key="ec-p256")
    issuing, ca = server.dir / "certs/issuing.pem", server.dir / "ca.pem"
    words = [server.build / "witan", "--dir", server.dir, "renew-authority"]
    start = time.monotonic()
    subprocess.run(words, check=True, capture_output=True)
    took = time.monotonic() - start
    killed = 0
    for n in range(16):
        said = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, took * 1.1))
        if n % 4 == 3:
            said.send_signal(signal.SIGKILL)
            killed += said.wait(10) != 0
        else:
            kill(server, VICTIMS[n % 4])
            said.wait(20)
        for leaf in (assigned_file(server.dir),):
            openssl("verify", "-purpose", "sslserver", "-CAfile", ca, "-untrusted", issuing, leaf)
        check(server)
    subprocess.run(words, check=True, capture_output=True)
    server.cli("Request-CsCertificate", "-New")
    openssl("verify", "-purpose", "sslserver", "-CAfile", ca, "-untrusted", issuing, assigned_file(server.dir))
    check(server)
    # what a kill has left is no burden
    assert not [p for p in (server.dir / "certs").iterdir() if p.name.startswith(".")]
    server.restart()
    check(server)
