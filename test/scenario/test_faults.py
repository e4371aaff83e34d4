# SPDX-License-Identifier: Apache-2.0
"""The machine runs out of something: clear events, a bounded log, and recovery without a restart."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

from deployment import Refused, wait_for


def serves(server, client, names=("ann", "bob")):
    ann, bob = (client(server, n).sign_in() for n in names)
    request = ann.build("MESSAGE", bob.aor, body="x")
    request = ann.begin(request)
    bob.reply(bob.expect("MESSAGE"), 200, "OK")
    assert ann.response(request).status == 200
    ann.close()
    bob.close()


def test_out_of_descriptors(server_factory, client):
    server = server_factory(wrap=["prlimit", "--nofile=100:100"])
    pid = server.processes()["front0"]
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    before = sum(len(e["_text"]) for e in server.events)
    socks = []
    for _ in range(150):
        s = socket.socket()
        s.setblocking(False)
        try:
            s.connect(("127.0.0.1", server.port_tls))
        except BlockingIOError:
            pass
        socks.append(s)
    time.sleep(4)
    lines = sum(len(e["_text"]) for e in server.events) - before
    assert lines < 20000, f"{lines} bytes of log in 4 seconds"
    server.wait_event("accept.failed", 3)
    request = ann.build("MESSAGE", bob.aor, body="x")
    request = ann.begin(request)
    bob.reply(bob.expect("MESSAGE"), 200, "OK")
    assert ann.response(request).status == 200, "who is signed in goes on"
    cpu = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    start = int(cpu[11]) + int(cpu[12])
    time.sleep(1)
    cpu = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    assert int(cpu[11]) + int(cpu[12]) - start < 50, "busy loop while no descriptor is left"
    for s in socks:
        s.close()
    time.sleep(1.5)
    ann.close()
    bob.close()
    serves(server, client)


@pytest.fixture
def small_disk(tmp_path, linger):
    """A file system of eight megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "none", str(place)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no mount here: {done.stderr.strip()}")
    linger(lambda: subprocess.run(["umount", "-l", str(place)], check=True))
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and parent != pathlib.Path("/") and parent.name != "tmp":
            parent.chmod(parent.stat().st_mode | 0o755)
    tmp_path.chmod(0o755)
    return place


@pytest.mark.root
def test_full_disk(server_factory, client, small_disk):
    server = server_factory(directory=small_disk / "d")
    filler = small_disk / "filler"
    ann = client(server, "ann").sign_in()
    with open(filler, "wb", buffering=0) as f:
        try:
            while f.write(b"x" * 4096) == 4096:
                pass
        except OSError:
            pass
    refused = []
    for i in range(60):
        try:
            server.add_user(f"full{i}")
        except Refused as why:
            server.passwords.pop(f"full{i}", None)
            refused.append(why)
            if len(refused) >= 3:
                break
    assert refused, "60 users fitted on a full disk"
    assert refused[0].status == 1
    server.wait_event("store.failed", 5)
    serves(server, client)
    filler.unlink()
    server.add_user("after")
    listed = server.cli("Get-CsUser")
    for name in server.passwords:
        assert f"sip:{name}@example.test" in listed, f"{name} was acknowledged"
    client(server, "after").sign_in()
    server.wait_event("store.recovered", 5)
    assert ann.register().status == 200


def test_unreadable_store_is_a_clear_event(server, client):
    server.stop()
    path = next((server.dir / "store").glob("*.db"))
    good = path.read_bytes()
    for extra in path.parent.glob("*.db-*"):
        extra.unlink()
    path.write_bytes(b"this is not a database" * 500)
    server.start(ready=False)
    bad = wait_for(lambda: next((e for e in server.events if e.get("event") in ("store.failed", "server.refused", "process.died")), None), 15)
    wait_for(lambda: any("store" in e["_text"] for e in server.events if e.get("level") in ("error", "warning", "critical") or e.get("event") == "server.refused"), 10)
    assert bad
    status = server.stop()
    assert status is not None
    server.may_die.update(int(e.get("child", e.get("pid", 0))) for e in server.log("process.died"))
    server.process = None
    path.write_bytes(good)
    server.start()
    client(server, "ann").sign_in()


def test_check_only_validates(server):
    server.stop()
    done = subprocess.run([server.build / "witand", "--dir", server.dir, "--check"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    topology = server.dir / "topology.yaml"
    text = topology.read_text()
    topology.write_text(text.replace("sip-domains", "sip-domain"))
    done = subprocess.run([server.build / "witand", "--dir", server.dir, "--check"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "sip-domains" in done.stderr and "topology.yaml" in done.stderr, "place and remedy"


def test_port_in_use_is_a_clear_refusal(server_factory):
    server = server_factory(start=False)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("0.0.0.0", server.port_tls))
        s.listen()
        server.start(ready=False)
        assert server.process.wait(10) == 1
    server.stop()
    assert "cannot listen" in "\n".join(server.noise) and "remedy" in "\n".join(server.noise)
    server.noise.clear()


def test_second_server_on_the_same_deployment_is_refused(server, client):
    done = subprocess.run([server.build / "witand", "--dir", server.dir], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    serves(server, client)


ROOMS = {"keeper0": ".key", "vault0": ("witan.db", "witan.db-wal", "witan.db-shm", "witan.db-journal")}


def test_jail_of_every_process(server):
    """No new privileges, a seccomp filter, and, when started by root, users and rooms of their own."""
    for name, pid in server.processes().items():
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        assert status["NoNewPrivs"].strip() == "1", name
        assert status["Seccomp"].strip() == "2", name
        assert int(status["CapEff"].strip(), 16) == 0, name
        if os.geteuid() == 0:
            assert status["Uid"].split()[0] != "0", f"{name} runs as root"
            seen = [n for n in os.listdir(f"/proc/{pid}/root") if not n.endswith(ROOMS.get(name, ""))]
            assert name in ROOMS and not seen or not os.listdir(f"/proc/{pid}/root"), f"{name} sees {seen}"
        sockets = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd") if _link(pid, n).startswith("socket:")]
        assert sockets
    keeper = server.processes()["keeper0"]
    inet = {line.split()[9] for kind in ("tcp", "tcp6") for line in open(f"/proc/net/{kind}").readlines()[1:]}
    for n in os.listdir(f"/proc/{keeper}/fd"):
        inode = _link(keeper, n)
        assert inode[8:-1] not in inet if inode.startswith("socket:") else True, "keeper has a network socket"


def _link(pid, n):
    try:
        return os.readlink(f"/proc/{pid}/fd/{n}")
    except OSError:
        return ""
