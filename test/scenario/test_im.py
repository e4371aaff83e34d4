# SPDX-License-Identifier: Apache-2.0
"""Messages between real clients of the two kinds: pidgin-sipe, which writes in sessions, and Linphone, which sends single messages."""
import time

import pytest

from deployment import wait_for
from peers import Linphone
from sipe_client import SipeClient
from sip_client import Silence

pytestmark = pytest.mark.peers


def allow_ntlm(server, *names):
    """A user who may use NTLM has to get his password anew: what it needs is kept from then on."""
    for name in names:
        server.cli("Set-CsUser", f"sip:{name}@{server.domain}", "-NtlmAllowed", "$true", "-Password", server.passwords[name])


@pytest.fixture
def sipe(tmp_path, linger):
    """sipe(server, "ann"): signed in, in a folder of that name; the user must be allowed NTLM."""
    def make(server, user, folder=None, **more):
        one = SipeClient(tmp_path / (folder or user), **more)

        def end():
            status = one.end()
            assert status == 0 or one.killed, f"the client ended with {status}\n{one.tail()}"
        linger(end)
        one.sign_in(server, user, wait=False).wait("signed-on", 20)
        return one
    return make


@pytest.fixture
def linphone(tmp_path, linger):
    def make(server, user):
        one = Linphone(server, user, tmp_path / f"linphone-{user}")
        linger(one.end)
        return one.wait_signed_in()
    return make


def test_sipe_writes_to_linphone_and_is_answered(server, sipe, linphone):
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), linphone(server, "bob")
    ann.do("send", who="sip:bob@example.test", text="good-morning-bob")
    bob.wait_message("good-morning-bob")
    bob.message("sip:ann@example.test", "good-morning-ann")
    ann.wait("message", who="sip:bob@example.test")
    ann.do("send", who="sip:bob@example.test", text="second-to-bob")
    bob.wait_message("second-to-bob")
    assert server.counters()["messages.conversations"] == 1


def test_linphone_writes_to_sipe_and_is_answered(server, sipe, linphone):
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), linphone(server, "bob")
    bob.message("sip:ann@example.test", "good-morning-ann")
    ann.wait("message", who="sip:bob@example.test")
    ann.do("send", who="sip:bob@example.test", text="good-morning-bob")
    bob.wait_message("good-morning-bob")
    bob.message("sip:ann@example.test", "second-to-ann")
    ann.wait("message", who="sip:bob@example.test", fits=lambda e: "second" in e["html"])
    assert server.counters()["messages.conversations"] == 1
