# SPDX-License-Identifier: Apache-2.0
"""Hosts as network namespaces on two Ethernet segments, with a program in each that listens and tries to reach the others."""
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import subprocess

import pytest

CLONE_NEWNET = 0x40000000
HERE = pathlib.Path(__file__).resolve().parent


def run(*args, **more):
    done = subprocess.run(args, capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{' '.join(map(str, args))}: {done.stderr or done.stdout}"
    return done.stdout


def need_namespaces(*programs):
    """Skips the test where it cannot run, and says why."""
    if os.geteuid() != 0:
        pytest.skip("needs root: hosts are network namespaces")
    for name in ("ip", *programs):
        if shutil.which(name) is None:
            pytest.skip(f"needs the program {name}")
    probe = subprocess.run(["ip", "netns", "add", f"w{os.getpid()}probe"], capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"needs network namespaces: {probe.stderr.strip()}")
    run("ip", "netns", "delete", f"w{os.getpid()}probe")


class Site:
    """Namespaces that end with the test, whatever happens."""

    count = 0

    def __init__(self):
        Site.count += 1
        self.prefix = f"w{os.getpid()}s{Site.count}"
        self.made, self.started, self.ports = [], [], 0
        self.switch = self.add("switch")

    def add(self, name):
        space = self.prefix + name
        run("ip", "netns", "add", space)
        self.made.append(space)
        run("ip", "-n", space, "link", "set", "lo", "up")
        return space

    def segment(self, name):
        run("ip", "-n", self.switch, "link", "add", name, "type", "bridge")
        run("ip", "-n", self.switch, "link", "set", name, "up")

    def plug(self, space, segment, *addresses):
        """An interface called like the segment, with these addresses."""
        self.ports += 1
        port = f"{segment}{self.ports}"
        run("ip", "link", "add", port, "netns", self.switch, "type", "veth", "peer", "name", segment, "netns", space)
        run("ip", "-n", self.switch, "link", "set", port, "master", segment, "up")
        for address in addresses:
            run("ip", "-n", space, "address", "add", address, "dev", segment)
        run("ip", "-n", space, "link", "set", segment, "up")

    def start(self, space, *args, **more):
        """A program in a namespace; ended with it."""
        p = subprocess.Popen(["ip", "netns", "exec", space, *map(str, args)], **more)
        self.started.append(p)
        return p

    def run(self, space, *args, **more):
        return run("ip", "netns", "exec", space, *map(str, args), **more)

    @contextlib.contextmanager
    def inside(self, space):
        """Sockets that this thread opens, and programs that it starts, belong to the namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{space}") as there:
            assert libc.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(home.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())

    def close(self):
        for p in self.started:
            p.terminate()  # a server ends its workers, too
        for p in self.started:
            try:
                p.wait(5)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        for space in reversed(self.made):
            subprocess.run(["ip", "netns", "delete", space], capture_output=True)


class Prober:
    """The program in one namespace: test/scenario/prober.py."""

    def __init__(self, site, space):
        site.run(space, "sysctl", "-q", "net.ipv4.ip_local_port_range=20000 30000")
        self.p = site.start(space, "/usr/bin/python3", HERE / "prober.py", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **command):
        self.p.stdin.write(json.dumps(command) + "\n")
        self.p.stdin.flush()

    def answer(self):
        line = self.p.stdout.readline()
        assert line, "the prober has ended"
        return json.loads(line)
