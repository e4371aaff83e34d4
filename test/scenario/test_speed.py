# SPDX-License-Identifier: Apache-2.0
"""How long management takes: numbers are printed; the ceilings are generous, for busy machines."""
import os
import statistics
import subprocess
import time

import pytest

from admin_client import AdminClient

USERS = 10000


def new_users(first, n):
    return [("New-CsUser", {"SipAddress": f"sip:user{i}@example.test", "Password": f"word of user {i}", "DisplayName": f"User {i}", "SamAccountName": f"sam{i}",
                            "LineURI": f"tel:+4930{i:06}"}) for i in range(first, first + n)]


def round_trips(admin, n, command, **given):
    """Milliseconds: (median, longest)."""
    took = []
    for _ in range(n):
        start = time.perf_counter()
        assert admin.ask(command, **given)
        took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took), max(took)


@pytest.mark.slow
def test_many_users(server_factory):
    server = server_factory(users=())
    with AdminClient(server) as admin:
        start = time.monotonic()
        admin.all(new_users(0, USERS))
        first = time.monotonic() - start
        start = time.monotonic()
        admin.all(new_users(USERS, USERS))
        second = time.monotonic() - start
        print(f"{USERS} users: {first:.2f} s, {USERS} more: {second:.2f} s")
        assert first < 20 and second < 30
        for how in ("sip:user12345@example.test", "sam12345", "User 12345"):
            median, longest = round_trips(admin, 200, "Get-CsUser", Identity=how)
            print(f"Get-CsUser {how} among {2 * USERS}: median {median:.2f} ms, longest {longest:.2f} ms")
            assert median < 5
        median, longest = round_trips(admin, 50, "Set-CsUser", Identity="sip:user12345@example.test", PassThru=True, Title="Dr.")
        print(f"Set-CsUser that changes nothing: median {median:.2f} ms, longest {longest:.2f} ms")
        start = time.monotonic()
        assert len(admin.ask("Get-CsUser")) == 2 * USERS
        print(f"all of them: {time.monotonic() - start:.2f} s")
        start = time.monotonic()
        assert admin.ask("Test-CsAuditLog")[0]["Result"] == "Success"
        print(f"Test-CsAuditLog of {2 * USERS} lines: {time.monotonic() - start:.2f} s")


@pytest.mark.slow
def test_many_policies(server_factory):
    server = server_factory(users=())
    with AdminClient(server) as admin:
        times = []
        for part in range(3):
            start = time.monotonic()
            admin.all(("New-CsVoicePolicy", {"Identity": f"P{part}-{i}", "Description": "x"}) for i in range(1000))
            times.append(time.monotonic() - start)
        print("1000 policies, and again, and again:", *(f"{t:.2f} s" for t in times))
        assert times[2] < 10
        median, longest = round_trips(admin, 100, "Get-CsVoicePolicy", Identity="P1-500")
        print(f"one of 3000: median {median:.2f} ms, longest {longest:.2f} ms")
        assert median < 5


@pytest.mark.slow
def test_a_setting_reaches_every_process(server_factory, client):
    """Users of many processes register again and again: from when on do all answers have the new ceiling?"""
    names = [f"u{i}" for i in range(40)]
    server = server_factory(fronts=8, users=())
    took = []
    with AdminClient(server) as admin:
        for name in names:
            admin.add_user(name)
        devices = [client(server, name, transport="tcp").sign_in() for name in names]
        for value in range(1200, 1210):
            start = time.perf_counter()
            admin.ask("Set-CsRegistrarConfiguration", MaxEndpointExpiration=value)
            told = time.perf_counter()
            while True:
                answers = [device.register(7200) for device in devices]
                assert all(answer.status == 200 for answer in answers), answers
                if all(answer.param("Contact", "expires") == str(value) for answer in answers):
                    break
            took.append(((told - start) * 1000, (time.perf_counter() - start) * 1000))
        acknowledged, everywhere = (statistics.median(t) for t in zip(*took))
        print(f"a setting: acknowledged after {acknowledged:.1f} ms, obeyed in every answer of {len(devices)} users in 8 processes after {everywhere:.1f} ms")
        assert everywhere < 1000


def cpu_seconds(server):
    """{process: seconds of processor so far}."""
    found = {}
    for name, pid in server.processes().items():
        words = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
        found[name] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return found


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("key", ["ec-p256", "rsa-2048"])
def test_ten_thousand_certificates_of_people(server_factory, key, record_property):
    """Requests of RSA keys, as people's devices make them, each for another user; each is on the disk before it is answered."""
    total = int(os.environ.get("WITAN_CERTIFICATES", "10000"))
    server = server_factory(users=(), key=key)
    subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", server.top / "k", "-out", server.top / "r", "-subj", "/CN=x"], check=True, capture_output=True)
    request = (server.top / "r").read_text()
    with AdminClient(server) as admin:
        before, start = cpu_seconds(server), time.monotonic()
        admin_lines = [("New-CsClientCertificate", {"Identity": f"sip:u{i}@example.test", "Request": request}) for i in range(total)]
        answers = admin.many(admin_lines, window=48)
        wall = time.monotonic() - start
        after = cpu_seconds(server)
    assert all(a["ok"] for a in answers), next(a for a in answers if not a["ok"])
    serials = {a["objects"][0]["SerialNumber"] for a in answers}
    assert len(serials) == total and {line.split()[0] for line in (server.dir / "certs/issued").read_text().splitlines()} >= serials
    used = {name: round((after[name] - before[name]) * 1000 / total, 2) for name in after if after[name] - before[name] > 0.01}
    print(f"{total} certificates in {wall:.1f} s, {total / wall:.0f} a second; milliseconds of processor for each: {used}")
    record_property("seconds", wall)
    assert wall / total < 60 / 10000
