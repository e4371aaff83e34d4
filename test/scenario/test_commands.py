# SPDX-License-Identifier: Apache-2.0
"""witan: users, settings, exit codes, who may speak to the control socket."""
import os
import subprocess

import pytest

from deployment import Refused


def test_users_come_change_and_go(server):
    server.add_user("eve")
    listed = server.cli("Get-CsUser")
    assert all(f"sip:{n}@example.test" in listed for n in ("ann", "bob", "eve"))
    one = server.cli("Get-CsUser", "-Identity", "sip:EVE@example.test")
    assert "Eve" in one and "ann" not in one
    server.cli("Set-CsUser", "-Identity", "sip:eve@example.test", "-DisplayName", "Eve the Second")
    assert "Eve the Second" in server.cli("Get-CsUser", "-Identity", "sip:eve@example.test")
    server.cli("Remove-CsUser", "-Identity", "sip:eve@example.test")
    assert "eve" not in server.cli("Get-CsUser")


def test_exit_codes(server):
    with pytest.raises(Refused) as why:
        server.add_user("ann")
    assert why.value.status == 1 and why.value.stderr
    for words in (["New-CsUser", "-Bogus", "x"], ["Get-CsNothing"], ["frobnicate"], ["Set-CsRegistrarConfiguration", "-MaxEndpointsPerUser"]):
        with pytest.raises(Refused) as why:
            server.cli(*words)
        assert why.value.status == 2, words
    for words in (["Get-CsUser", "-Identity", "sip:nobody@example.test"], ["Remove-CsUser", "-Identity", "sip:nobody@example.test"],
                  ["Set-CsRegistrarConfiguration", "-MaxEndpointsPerUser", "0"]):
        with pytest.raises(Refused) as why:
            server.cli(*words)
        assert why.value.status == 1, words


def test_addresses_are_checked(server):
    for address in ("sip:@example.test", "sip:a b@example.test", "bob", "sip:ann@elsewhere.invalid", "sip:" + "a" * 300 + "@example.test", "mailto:a@b"):
        with pytest.raises(Refused):
            server.cli("New-CsUser", "-SipAddress", address, "-DisplayName", "x", "-PasswordFile", "-", stdin="word-word\n")


def test_near_names_are_suggested(server):
    with pytest.raises(Refused) as why:
        server.cli("Get-CsUsers")
    assert "Get-CsUser" in why.value.stderr


def test_settings_are_listed_and_kept(server):
    server.set("RegistrarConfiguration", MaxEndpointsPerUser=5)
    text = server.cli("Get-CsRegistrarConfiguration")
    assert "MaxEndpointsPerUser" in text and "5" in text


def test_no_server_is_said_clearly(server_factory):
    server = server_factory(start=False)
    with pytest.raises(Refused) as why:
        server.cli("Get-CsUser")
    assert why.value.status == 1 and why.value.stderr.strip()


@pytest.mark.root
def test_other_users_of_the_machine_are_refused(server):
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(server.build / "witan"), "--dir", str(server.dir), "Get-CsUser"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and "sip:ann" not in done.stdout


def test_init_does_not_overwrite(server):
    with pytest.raises(Refused):
        server.cli("init", "--dir", server.dir, "--sip-domain", "example.test", plain=True)
    assert "sip:ann" in server.cli("Get-CsUser")


def test_many_users(server):
    for i in range(60):
        server.add_user(f"m{i}")
    assert server.cli("Get-CsUser").count("sip:m") >= 60
