# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a server of its own for each test, users on it, clients that are closed in the end."""
import os
import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from deployment import Deployment  # noqa: E402
from sip_client import Client      # noqa: E402


@pytest.fixture
def server_factory(request):
    """server_factory(fronts=4, users=["ann"], start=True, ...): a running server; checked and removed after the test."""
    made = []

    def make(users=("ann", "bob"), start=True, settings=None, **more):
        server = Deployment(**more)
        made.append(server)
        if start:
            server.start()
            server.add_users(*users)
            for noun, values in (settings or {}).items():
                server.set(noun, **values)
        return server

    yield make
    failed = getattr(request.node, "failed", False)
    try:
        for server in made:
            if failed:
                print(f"---- log of {server.dir}\n{server.tail(40)}")
                server.stop()
            else:
                server.verdict()
    finally:
        for server in made:
            server.remove()


@pytest.fixture
def server(server_factory):
    """One front process, TLS and TCP, users ann and bob."""
    return server_factory()


@pytest.fixture
def client(request):
    """client(server, "ann"): a Client that is closed after the test."""
    made = []

    def make(server, user="ann", **more):
        made.append(Client(server, user, **more))
        return made[-1]

    yield make
    for c in made:
        c.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call" and report.failed:
        item.failed = True


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than about ten seconds")
    config.addinivalue_line("markers", "peers: needs SIPp, baresip or Linphone")
    config.addinivalue_line("markers", "root: needs root (mounts, system users)")
    config.addinivalue_line("markers", "alone: heavy on the machine; not beside other tests")


def pytest_runtest_setup(item):
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture
def linger():
    """Callables that are run after the test, last first (stop a process, unmount)."""
    todo = []
    yield todo.append
    for act in reversed(todo):
        act()
