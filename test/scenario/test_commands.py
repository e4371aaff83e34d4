# SPDX-License-Identifier: Apache-2.0
"""witan: users, settings, exit codes, who may speak to the control socket."""
import json
import os
import socket
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


def shown(server, user):
    return json.loads(server.cli("Get-CsUser", "-Identity", f"sip:{user}@example.test", "-As", "json"))[0]


def test_lock_outlives_the_vault_until_it_is_undone(server_factory, client):
    server = server_factory(settings={"ProxyConfiguration": {"MaxFailedSignIns": 3, "LockoutSeconds": 600}})
    for i in range(3):
        with client(server, "ann", password=f"guess{i}", source=f"127.0.0.{i + 10}") as device:
            assert device.register().status == 401
    server.wait_event("auth.locked", 5)
    assert shown(server, "ann")["LockedUntil"]
    server.wait_restarted("vault0", server.kill("vault0"))
    assert shown(server, "ann")["FailedSignIns"] == 3 and shown(server, "ann")["LockedUntil"]
    assert client(server, "ann").register().status == 401
    server.cli("Unlock-CsUser", "-Identity", "sip:ann@example.test")
    assert shown(server, "ann")["FailedSignIns"] == 0 and not shown(server, "ann")["LockedUntil"]
    assert client(server, "ann").register().status == 200


def test_every_command_leaves_an_audit_line_without_secrets(server):
    server.add_user("eve", password="a very secret word")
    with pytest.raises(Refused):
        server.cli("Remove-CsUser", "sip:nobody@example.test")
    done = server.wait_event("command.done", 5, wanted=lambda e: "sip:nobody" in e["command"])
    assert done["error"] == "ABSENT" and done["author"] == ("root" if os.geteuid() == 0 else f"uid {os.geteuid()}")
    made = next(e for e in server.log("command.done") if "sip:eve" in e["command"])
    assert made["error"] == "OK" and "-Password ***" in made["command"]
    assert not any("very secret" in e["_text"] for e in server.events)


def test_control_socket_takes_lines_in_any_pieces_and_refuses_nonsense(server):
    """What a program may send over the socket: whole groups, half lines, no JSON, lines without end."""
    def connect():
        at = socket.socket(socket.AF_UNIX)
        at.settimeout(10)
        at.connect(str(server.dir / "run/control.sock"))
        return at

    with connect() as at:
        line = json.dumps({"command": "Get-CsUser", "parameters": {"Identity": "sip:ann@example.test"}}).encode() + b"\n"
        for byte in line:
            at.send(bytes([byte]))
        answers = at.makefile("rb")
        assert json.loads(answers.readline())["ok"]
        at.send(line * 20)
        assert all(json.loads(answers.readline())["ok"] for _ in range(20))
        for bad in (b"nonsense", b"[]", b"{}", b'{"command":7}', b'{"command":"Get-CsUser","parameters":[]}', b"\xff\xfe"):
            at.send(bad + b"\n")
            assert json.loads(answers.readline())["error"] == "USAGE", bad
        at.send(line)
        assert json.loads(answers.readline())["ok"]
    with connect() as at:
        try:
            for _ in range(80):  # root may send a whole deployment as one line, but not more
                at.sendall(b"x" * 1_000_000)
            assert at.recv(1) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert "sip:ann" in server.cli("Get-CsUser")
