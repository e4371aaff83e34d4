# SPDX-License-Identifier: Apache-2.0
"""Hostile load beside honest users."""
import os
import resource
import socket
import threading
import time
from concurrent import futures

import pytest

from sip_client import Client
from traffic import Tally

pytestmark = [pytest.mark.slow, pytest.mark.alone]


class HalfOpen:
    """Keeps `count` TCP connections at the TLS port that never finish (or begin) a handshake, and renews those that are ended."""

    def __init__(self, port, count=1500):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
        self.port, self.count, self.going, self.opened = port, count, True, 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        hello = bytes.fromhex("160301020001") + b"\0\1\xfc\3\3" + os.urandom(32)
        held = []
        while self.going:
            while len(held) < self.count and self.going:
                s = socket.socket()
                s.setblocking(False)
                try:
                    s.bind((f"127.0.{1 + self.opened % 200}.{1 + self.opened // 200 % 250}", 0))
                    s.connect(("127.0.0.1", self.port))
                except BlockingIOError:
                    pass
                except OSError:
                    s.close()
                    break
                held.append(s)
                self.opened += 1
                if self.opened % 50 == 0:
                    time.sleep(0.01)
            time.sleep(0.1)
            still = []
            for i, s in enumerate(held):
                try:
                    if i % 2:
                        s.send(hello[:20])
                    if not s.recv(100):
                        s.close()
                        continue
                except BlockingIOError:
                    pass
                except OSError:
                    s.close()
                    continue
                still.append(s)
            held = still
        for s in held:
            s.close()

    def stop(self):
        self.going = False
        self.thread.join(20)


def honest(server, seconds, threads=4):
    """Users who connect, sign in, and leave, again and again; the share that succeed."""
    tally, end = Tally(), time.monotonic() + seconds

    def visit(name, source):
        while time.monotonic() < end:
            try:
                with Client(server, name, connect=False, source=source) as c:
                    start = time.monotonic()
                    c.connect()
                    assert c.register(timeout=10).status == 200
                    tally.good(time.monotonic() - start)
            except Exception as why:  # whatever an honest user meets is a failure of the server
                tally.bad(repr(why))
            time.sleep(0.05)

    running = [threading.Thread(target=visit, args=(f"u{i}", f"127.0.0.{20 + i}")) for i in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return tally


@pytest.mark.parametrize("fronts", [1, 4])
def test_half_open_tls_connections(server_factory, fronts):
    server = server_factory(fronts=fronts, users=[f"u{i}" for i in range(4)], settings={"LimitsConfiguration": {"MaxHandshakes": 500}})
    calm = honest(server, 2)
    assert calm.share == 1.0 and calm.done > 10, calm.failed[:3]
    flood = HalfOpen(server.port_tls)
    try:
        time.sleep(2)
        during = honest(server, 10)
    finally:
        flood.stop()
    assert flood.opened > 1500
    time.sleep(2)
    after = honest(server, 3)
    assert during.share >= 0.85, f"{during.share:.0%} of {during.done + len(during.failed)}: {during.failed[:3]}"
    assert during.done > 20
    assert after.share == 1.0, after.failed[:3]


def test_flood_of_requests_from_one_user_does_not_starve_others(server_factory):
    server = server_factory(users=[f"u{i}" for i in range(4)] + ["greedy"])
    greedy = Client(server, "greedy").sign_in()
    going, sent = True, [0]

    def pour():
        block = b"".join(greedy.build("OPTIONS", "sip:example.test").bytes() for _ in range(50))
        while going:
            try:
                greedy.send(block)
                sent[0] += 50
            except OSError:
                return

    threads = [threading.Thread(target=pour, daemon=True)]
    greedy.wire.sock.settimeout(20)
    for t in threads:
        t.start()
    try:
        during = honest(server, 5)
    finally:
        going = False
        greedy.close()
    for t in threads:
        t.join(25)
    assert sent[0] > 100
    assert during.share == 1.0, during.failed[:3]


def test_descriptor_flood_recovers(server_factory):
    """As many connections as there may be descriptors, then gone: the next users get in."""
    server = server_factory(users=[f"u{i}" for i in range(4)], wrap=["prlimit", "--nofile=200:200"])
    flood = HalfOpen(server.port_tls, count=600)
    time.sleep(3)
    flood.stop()
    time.sleep(2)
    after = honest(server, 3)
    assert after.share == 1.0, after.failed[:3]
    assert sum(len(e["_text"]) for e in server.events) < 300000, "the flood filled the log"


def test_a_crowd_gets_in_at_once(server_factory):
    """Many more than may shake hands at a time come together: all wait their turn, and nobody is pushed out by the others."""
    names = [f"u{i}" for i in range(64)]
    server = server_factory(users=names, settings={"LimitsConfiguration": {"MaxHandshakes": 16}})
    with futures.ThreadPoolExecutor(len(names)) as crowd:
        clients = list(crowd.map(lambda name: Client(server, name).sign_in(), names))
    counters = server.counters()
    assert counters["registrar.bindings"] == len(names) and counters["connections.accepted"] == len(names)
    for one in clients:
        one.close()

