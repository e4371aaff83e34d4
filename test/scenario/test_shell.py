# SPDX-License-Identifier: Apache-2.0
"""The administrators' shell at a real server: published commands as they stand, with what they answer.

test/transcript/commands.txt has blocks: lines of one session ("> ") and what they print. `WITAN_TRANSCRIPT=write` writes what they print now.
"""
import os
import pathlib
import re
import subprocess

import pytest

from deployment import ROOT, Deployment, Refused, wait_for

TRANSCRIPT = ROOT / "test/transcript/commands.txt"


class Corp(Deployment):
    """A pool and an Edge with the names that the commands have."""

    def __init__(self):
        super().__init__(fqdn="pool01.domain.local", tcp=False, domain="domain.local", more_pools=[
            "{pool: cheshirecat.absoluteuc.corp, role: edge, servers: [{fqdn: edge01.absoluteuc.corp, internal-address: 192.0.2.9, "
            "external-address: {access: 192.0.2.10, web-conferencing: 192.0.2.11, av: 192.0.2.12}}], "
            "external: {access: sip.domain.local, web-conferencing: webcon.domain.local, av: av.domain.local}, next-hop: pool01.domain.local}"])


@pytest.fixture(scope="module")
def corp():
    server = Corp().start()
    server.add_user("ann")
    yield server
    server.stop()


def run(server, text):
    done = subprocess.run([str(server.build / "witan"), "--dir", str(server.dir), "-c", text], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=30, cwd=ROOT)
    return done.stdout + done.stderr


def blocks(text):
    for block in text.strip("\n").split("\n\n> "):
        lines = block.removeprefix("> ").split("\n")
        n = 1
        while n < len(lines) and lines[n].startswith("> "):
            n += 1
        yield [lines[0]] + [line[2:] for line in lines[1:n]], "\n".join(lines[n:]).strip("\n")


@pytest.mark.alone
def test_published_commands_run_as_they_stand(corp):
    """One after another: what one has set, the next ones see."""
    written, wrong = [], []
    for commands, want in blocks(TRANSCRIPT.read_text()):
        got = re.sub(r"[ \t]+$", "", run(corp, "\n".join(commands)), flags=re.M).strip("\n")
        written.append("\n".join("> " + c for c in commands) + ("\n" + got if got else ""))
        if got != want:
            wrong.append((commands, want, got))
    if os.environ.get("WITAN_TRANSCRIPT") == "write":
        TRANSCRIPT.write_text("\n\n".join(written) + "\n")
        pytest.skip("written")
    assert not wrong, wrong[0]


def test_plain_port_opens_and_closes_on_the_running_server(corp):
    from deployment import free_port
    import socket
    port = free_port()
    corp.cli("Set-CsRegistrar", "registrar:pool01.domain.local", "-SipServerTcpPort", port)
    corp.wait_event("listener.opened", wanted=lambda e: e["port"] == port)
    socket.create_connection(("127.0.0.1", port), 5).close()
    corp.cli("Set-CsRegistrar", "registrar:pool01.domain.local", "-SipServerTcpPort", "$null")
    corp.wait_event("listener.closed", wanted=lambda e: e["port"] == port)

    def is_refused():
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            return True
        return False
    wait_for(is_refused, 2)  # the process has closed its own; the port is closed with the last who has it


def test_users_from_a_file(corp, tmp_path):
    rows = "".join(f"sip:many{i}@domain.local,Person {i},a password {i}\n" for i in range(300))
    (tmp_path / "users.csv").write_text("SipAddress,DisplayName,Password\n" + rows + "sip:many7@domain.local,Again,a password\n")
    out = run(corp, f"Import-Csv '{tmp_path}/users.csv' | New-CsUser | Measure-Object")
    assert "300" in out and "there is a user sip:many7@domain.local already" in out
    out = run(corp, "Get-CsUser -Filter {DisplayName -like 'Person 29*'} | Sort-Object DisplayName -Descending | Select-Object -ExpandProperty DisplayName")
    assert out.split("\n")[:2] == ["Person 299", "Person 298"]
    run(corp, f"Get-CsUser -Filter {{DisplayName -like 'Person*'}} | Select-Object SipAddress, DisplayName | Export-Csv '{tmp_path}/out.csv' -NoTypeInformation")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 301
    run(corp, "Get-CsUser -Filter {DisplayName -like 'Person*'} | Remove-CsUser -Confirm:$false")
    assert "many" not in corp.cli("Get-CsUser")


def test_scripts_have_parameters_and_functions(corp, tmp_path):
    script = tmp_path / "report.ps1"
    script.write_text("""# what holds for somebody
param([Parameter(Mandatory=$true)][string]$User, [int]$Most = 2)
function Shorten($text) { if ($text.Length -gt 24) { $text.Substring(0, 24) + "..." } else { $text } }
$n = 0
foreach ($policy in Get-CsEffectivePolicy $User) {
    if ($n -ge $Most) { break }
    Shorten "$($policy.PolicyType)=$($policy.PolicyName)"
    $n++
}
try { Get-CsUser sip:nobody@domain.local -ErrorAction Stop } catch { "caught: $_" }
""")
    done = subprocess.run([str(corp.build / "witan"), "--dir", str(corp.dir), "run", str(script), "-User", "sip:ann@domain.local", "-Most", "1"],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("...") or "=" in lines[0]
    assert lines[1].startswith("caught: ") and len(lines) == 2


@pytest.mark.parametrize("text, status", [("Get-CsUser sip:nobody@domain.local", 1), ("Get-CsUser -Nothing x", 2), ("if ($true) {", 2), ("1 + 1", 0)])
def test_exit_statuses(corp, text, status):
    done = subprocess.run([str(corp.build / "witan"), "--dir", str(corp.dir), "-c", text], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    assert done.returncode == status, done.stderr


def test_a_person_is_asked_before_something_is_removed(corp):
    """At a terminal (script(1) gives one): no answer, no removal."""
    corp.add_user("short")
    command = f"{corp.build}/witan --dir {corp.dir} Remove-CsUser sip:short@domain.local"
    for answer, there in (("n\n", True), ("y\n", False)):
        done = subprocess.run(["script", "-qec", command, "/dev/null"], input=answer, capture_output=True, text=True, timeout=30)
        assert "Remove-CsUser sip:short@domain.local?" in done.stdout
        assert ("sip:short" in corp.cli("Get-CsUser")) == there


def test_shell_at_a_terminal(corp):
    """A session as typed: a value, an unfinished block, an error with its place, completion by Tab, the end."""
    lines = "$a = 20 + 22; $a\nforeach ($i in 1..2) {\n'line ' + $i\n}\nGet-CsUser -Wrong x\nGet-CsMeetingConf\texit\n"
    done = subprocess.run(["script", "-qec", f"{corp.build}/witan --dir {corp.dir} shell", "/dev/null"], input=lines + "\nexit\n", capture_output=True,
                          text=True, timeout=30, env={**os.environ, "TERM": "dumb", "HOME": str(corp.top)})
    assert "42" in done.stdout and "line 2" in done.stdout
    assert "has no parameter -Wrong" in done.stdout and "^" in done.stdout


def test_one_server_from_another_place(corp, tmp_path):
    """The same commands over HTTPS give the same objects as at the console."""
    server = Deployment(web=True, tcp=False, fqdn="localhost").start()
    try:
        server.add_user("ann")
        server.cli("Set-CsGroup", "CsAdministrator", "-Members", "sip:ann@example.test")
        words = ["Get-CsMeetingConfiguration", "-As", "json"]
        here = server.cli(*words)
        env = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
        (tmp_path / "password").write_text(server.passwords["ann"] + "\n")
        there = subprocess.run([str(server.build / "witan"), "--server", f"https://localhost:{server.port_web}", "--ca", str(server.dir / "ca.pem"), "--user",
                                "sip:ann@example.test", "--password-file", str(tmp_path / "password"), *words], capture_output=True, text=True, timeout=30, env=env)
        assert there.returncode == 0, there.stderr
        assert there.stdout == here
    finally:
        server.stop()
