# SPDX-License-Identifier: Apache-2.0
"""NTLM by the password of a Windows domain: a controller and a joined machine of Samba, and what happens when they are not well."""
import signal
import time

import pytest

from deployment import Refused, wait_for
from domain import PASSWORD, Domain, NtlmClient, missing
from sipe_client import SipeClient

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.peers, pytest.mark.xdist_group("domain")]


@pytest.fixture(scope="module")
def domain():
    why = missing()
    if why:
        pytest.skip(why)
    one = Domain()
    try:
        one.start()
        one.add("ann", "dora", "lena", "paula", "sam")
        yield one
    finally:
        one.stop()


@pytest.fixture
def server(server_factory, domain):
    """ann, dora, lena and paula are of the domain; bob is not, and may use NTLM."""
    server = server_factory(users=(), wrap=domain.wrap())
    for name in ("ann", "dora", "lena", "paula"):
        server.add_user(name)
        server.cli("Set-CsUser", f"sip:{name}@{server.domain}", "-SamAccountName", name, "-UserPrincipalName", f"{name}@{domain.dns}")
    server.ntlm = True
    server.add_user("bob")
    server.set("ProxyConfiguration", NtlmDomains="CORP,ad.example.test")
    server.wait_event("winbind.ready", 30)
    return server


@pytest.fixture
def dialect(request):
    made = []

    def make(server, user):
        made.append(NtlmClient(server, user))
        return made[-1]
    yield make
    for one in made:
        one.close()


def test_right_and_wrong_passwords(server, domain, dialect):
    ann = dialect(server, "ann")
    answer = ann.sign_in_as("ann", PASSWORD)
    assert answer.status == 200, answer
    assert dialect(server, "ann").sign_in_as(f"ann@{domain.dns}", PASSWORD, "").status == 200, "by UserPrincipalName"
    assert dialect(server, "ann").sign_in_as("ann", "wrong").status == 401
    assert dialect(server, "ann").sign_in_as("ann", server.passwords["ann"]).status == 401, "the password here is another one"
    assert dialect(server, "bob").sign_in_as("bob", server.passwords["bob"]).status == 200, "whose hash is kept here is judged here"
    assert server.counters()["winbind.asked"] == 4
    assert "answers for the domain CORP" in server.cli("status")


def test_who_is_nobodys_is_not_asked_about(server, dialect):
    assert dialect(server, "ann").sign_in_as("sam", PASSWORD).status == 401, "an account of the domain, and no user"
    assert dialect(server, "ann").sign_in_as("ann", PASSWORD, "OTHER").status == 401, "a domain that is not declared"
    assert server.counters()["winbind.asked"] == 0
    assert "SamAccountName" in server.wait_event("winbind.refused")["remedy"]


def test_accounts_that_may_not_be_used(server, domain, dialect):
    domain.tool("user", "disable", "dora")
    assert dialect(server, "dora").sign_in_as("dora", PASSWORD).status == 403
    domain.tool("user", "setpassword", "paula", f"--newpassword={PASSWORD}x", "--must-change-at-next-login")
    answer = dialect(server, "paula").sign_in_as("paula", PASSWORD + "x")
    assert answer.status == 403 and 'reason="The Password Has Expired"' in answer.get("ms-diagnostics")
    for _ in range(4):
        assert dialect(server, "lena").sign_in_as("lena", "wrong").status in (401, 403)
    answer = dialect(server, "lena").sign_in_as("lena", PASSWORD)
    assert answer.status == 403 and 'reason="The Account Is Locked"' in answer.get("ms-diagnostics")
    for why in ("the account is disabled in the domain", "the password must be changed", "the account is locked in the domain"):
        server.wait_event("winbind.refused", wanted=lambda e: e["why"] == why)


def test_winbind_is_not_there_and_comes_back(server, domain, dialect):
    domain.stop_winbind()
    try:
        assert dialect(server, "ann").sign_in_as("ann", PASSWORD).status == 503
        event = server.wait_event("winbind.failed")
        assert "winbind does not answer" in event["why"] and "net ads join" in event["remedy"]
        assert dialect(server, "bob").sign_in_as("bob", server.passwords["bob"]).status == 200
        with pytest.raises(Refused, match="winbind does not answer"):
            server.cli("status")
    finally:
        domain.start_winbind()
    server.wait_event("winbind.ready", 30, since=server.events.index(event))
    assert dialect(server, "ann").sign_in_as("ann", PASSWORD).status == 200


def test_winbind_hangs_and_blocks_nobody(server, domain, dialect):
    since = len(server.events)
    server.may_die.add(server.processes()["winbind0"])
    domain.winbind_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        ann = dialect(server, "ann")
        bob = dialect(server, "bob")
        assert bob.sign_in_as("bob", server.passwords["bob"]).status == 200
        assert time.monotonic() - began < 3
        assert ann.sign_in_as("ann", PASSWORD).status == 503
        assert time.monotonic() - began < 16
        server.wait_event("process.died", 15, since=since, wanted=lambda e: e["role"] == "winbind" and "ALRM" in e["how"])
        server.may_die.update(server.processes().get(n) for n in ("winbind0",))
    finally:
        domain.winbind_signal(signal.SIGCONT)
    wait_for(lambda: dialect(server, "ann").sign_in_as("ann", PASSWORD).status == 200, 40, 1, "it does not come back")


def test_process_is_started_again_and_stopped(server, dialect):
    old = server.kill("winbind0")
    server.wait_restarted("winbind0", old)
    wait_for(lambda: dialect(server, "ann").sign_in_as("ann", PASSWORD).status == 200, 20, 0.5)
    server.set("ProxyConfiguration", NtlmDomains="$null")
    wait_for(lambda: "winbind0" not in server.processes(), 10)


def test_pidgin_sipe(server, tmp_path):
    ann = SipeClient(tmp_path / "ann")
    try:
        ann.sign_in(server, "ann", login="CORP\\ann", password=PASSWORD)
    finally:
        ann.end()
