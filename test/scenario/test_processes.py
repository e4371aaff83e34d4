# SPDX-License-Identifier: Apache-2.0
"""Master and its processes: who dies comes back, who is asked to end ends, who is not alone is refused, nobody has rights to spare."""
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from deployment import assigned_file, authority_files, wait_for


def witand(server, *words, env=None):
    """Runs witand until it ends; its status, output and messages."""
    done = subprocess.run([str(server.build / "witand"), "--dir", str(server.dir), *words], capture_output=True, text=True, timeout=20,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout, done.stderr


def status_of(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def back(server, name, old):
    """Seconds until a process that was killed says READY again."""
    start = time.monotonic()
    wait_for(lambda: [e for e in server.log("process.ready") if e["pid"] == server.processes().get(name) != old], 10,
             message=f"{name} does not come back")
    return time.monotonic() - start


def is_sanitized(server):
    return b"__asan_init" in (server.build / "witand").read_bytes()


@pytest.mark.parametrize("name", ["keeper0", "vault0", "front0", "front1"])
def test_killed_process_is_back_within_a_second(server_factory, name):
    server = server_factory(fronts=2, users=())
    others = {n: pid for n, pid in server.processes().items() if n != name}
    for most in (1, 1, 2):  # from the second time on it waits a little, longer each time
        old = server.kill(name)
        assert back(server, name, old) < most
    now = server.processes()
    assert {n: pid for n, pid in now.items() if n != name} == others, "the others were not to be touched"
    assert len(server.log("server.ready")) == 1
    assert len(server.log("process.died")) == 3


def test_all_processes_at_once(server_factory):
    server = server_factory(fronts=3, users=())
    old = {name: server.kill(name) for name in server.processes()}
    assert len(old) == 5
    for name, pid in old.items():
        assert back(server, name, pid) < 3
    assert server.stop() == 0


def test_descriptors_of_master_do_not_grow(server_factory):
    server = server_factory(fronts=2, users=())

    def count():
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))

    before = count()
    for name in ("front0", "vault0", "keeper0", "front0"):
        back(server, name, server.kill(name))
    wait_for(lambda: count() <= before, 3, message=f"master had {before} descriptors, now {count()}")


def test_no_process_outlives_master(server_factory):
    server = server_factory(fronts=2, users=())
    children = list(server.processes().values())
    server.process.kill()
    server.process.wait()
    wait_for(lambda: not any(server._lives(pid) for pid in children), 1, message="processes without master")
    server.start()
    assert server.stop() == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_in_order(server_factory, sig):
    server = server_factory(fronts=2, users=())
    start = time.monotonic()
    server.process.send_signal(sig)
    assert server.process.wait(10) == 0
    assert time.monotonic() - start < 6
    server.reader.join(2)
    assert server.log("server.draining") and server.log("server.stopped")[0]["status"] == 0
    assert not server.log("process.died")
    assert not (server.dir / "run/control.sock").exists()
    assert (server.dir / "run/witand.pid").read_text() == ""


def test_one_server_in_a_directory(server_factory):
    server = server_factory(users=())
    status, _, said = witand(server)
    assert status == 1
    assert "running in this directory" in said and str(server.process.pid) in said and "remedy" in said
    assert server.process.poll() is None and len(server.processes()) == 3
    assert witand(server, "--check")[0] == 0, "its own ports are not taken"


def test_port_of_a_stranger(server_factory):
    server = server_factory(users=(), start=False)
    with socket.create_server(("", server.port_tls), reuse_port=True):
        for words in ((), ("--check",)):
            status, _, said = witand(server, *words)
            assert status == 1 and str(server.port_tls) in said and "in use" in said and "remedy" in said
    assert witand(server, "--check")[0] == 0


def test_usage():
    from deployment import BUILD
    for words, status in ((["--help"], 0), (["--version"], 0), ([], 2), (["--dir"], 2), (["--dir", "/nowhere"], 1), (["--nonsense"], 2),
                          (["--role", "front", "--dir", "/nowhere"], 2), (["--role", "nobody"], 2)):
        done = subprocess.run([str(BUILD / "witand"), *words], capture_output=True, text=True, timeout=10)
        assert done.returncode == status, words
        assert status == 0 or done.stderr.startswith("witand: ") or words[:1] == ["--role"]


def test_check_names_each_fault(server_factory):
    server = server_factory(users=(), start=False)
    status, told, said = witand(server, "--check")
    assert (status, said) == (0, "") and told.count(" ok") == 6

    def refused(word):
        status, told, said = witand(server, "--check")
        assert status == 1 and "remedy" in said, said
        assert [line.split()[0] for line in told.splitlines() if "refused" in line] == [word], told
        return said

    key = next(p for p in (server.dir / "keys").glob("*.key") if p != authority_files(server.dir)[1])
    was = key.read_bytes()
    key.chmod(0o644)
    assert key.name in refused("key")
    key.chmod(0o600)
    key.write_bytes(subprocess.run(["openssl", "genpkey", "-algorithm", "RSA"], capture_output=True, check=True).stdout)
    assert "none of the keys" in refused("key")
    key.write_bytes(was)
    key.chmod(0o400)

    store = server.dir / "store/witan.db"
    kept = store.read_bytes() if store.exists() else None
    store.write_bytes(b"this is not a store, whoever wrote it")
    assert "witan.db" in refused("store")
    store.unlink()
    if kept is not None:
        store.write_bytes(kept)

    topology = server.dir / "topology.yaml"
    text = topology.read_text()
    topology.write_text(text.replace("sip-tls: ", "sip-tls: 1"))
    assert "topology.yaml" in refused("topology")
    topology.write_text(text)

    certificate = assigned_file(server.dir)
    certificate.write_text("nothing")
    status, told, said = witand(server, "--check")
    assert status == 1 and f"certs/{certificate.name}" in said


def test_broken_key_refuses_the_start(server_factory):
    server = server_factory(users=(), start=False)
    key = next(p for p in (server.dir / "keys").glob("*.key") if p != authority_files(server.dir)[1])
    was = key.read_bytes()
    key.chmod(0o600)
    key.write_bytes(b"no key")
    server.start(ready=False)
    event = server.wait_event("server.refused")
    assert key.name in event["where"] and event["reason"] and event["remedy"]
    assert server.process.wait(10) == 1
    key.write_bytes(was)
    server.events.clear()
    server.start()
    assert server.stop() == 0


def test_hangup_reads_keys_again(server_factory):
    server = server_factory(users=())
    pids = server.processes()
    key = next(p for p in (server.dir / "keys").glob("*.key") if p != authority_files(server.dir)[1])
    other = key.with_name("other.key")
    other.write_bytes(key.read_bytes())
    os.chown(other, key.stat().st_uid, key.stat().st_gid)
    server.process.send_signal(signal.SIGHUP)
    server.wait_event("keys.read", wanted=lambda e: e["keys"] == 2)
    server.wait_event("server.reloaded")
    # what cannot be read changes nothing
    other.write_bytes(b"no key")
    server.process.send_signal(signal.SIGHUP)
    assert "other.key" in server.wait_event("keys.failed")["where"]
    assert server.processes() == pids


def test_service_manager_is_told(server_factory, tmp_path):
    server = server_factory(users=(), start=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(tmp_path / "notify"))
        s.settimeout(15)
        server.start(env={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"})
        seen = []

        def wait(word):
            while not any(word in m for m in seen):
                seen.append(s.recv(500).decode())

        wait("READY=1")
        wait("WATCHDOG=1")
        seen.clear()
        server.process.send_signal(signal.SIGHUP)
        wait("RELOADING=1")
        wait("READY=1")
        assert server.stop() == 0
        wait("STOPPING=1")


def test_counters_outlive_a_process(server_factory):
    server = server_factory(users=())
    for _ in range(2):
        back(server, "front0", server.kill("front0"))
    assert server.counters()["process.restarts"] == 2


def test_processes_have_no_rights_to_spare(server_factory):
    server = server_factory(fronts=2, users=())
    if is_sanitized(server):
        pytest.skip("builds with sanitizers run without filters")
    users, roots = set(), set()
    for name, pid in server.processes().items():
        status = status_of(pid)
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", name
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0 or os.geteuid() != 0, name
        assert status["Threads"] == "1", name
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]
        if os.geteuid() == 0:
            uids = set(status["Uid"].split())
            assert len(uids) == 1 and "0" not in uids, name
            assert status["Groups"].strip() == "", name
            users |= uids
            roots.add(os.readlink(f"/proc/{pid}/root"))
    if os.geteuid() == 0:
        assert len(users) == 3, "keeper, vault and the fronts are three users"
        assert roots == {str(server.dir / d) for d in ("keys", "store", "run/empty")}


def test_only_master_has_no_jail_and_it_speaks_to_nobody(server_factory):
    """Listening sockets are master's, connections never."""
    server = server_factory(users=())
    with socket.create_connection(("127.0.0.1", server.port_tls)):
        time.sleep(0.1)
        links = [os.readlink(f"/proc/{server.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{server.process.pid}/fd")]
        inodes = {link[8:-1] for link in links if link.startswith("socket:")}
        tables = [pathlib.Path(f"/proc/net/{name}") for name in ("tcp", "tcp6")]
        rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
        assert {row[3] for row in rows if row[9] in inodes} == {"0A"}  # LISTEN
