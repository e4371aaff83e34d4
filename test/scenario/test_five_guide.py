# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/guide/certificates.md, as they stand there, on the running Edge of scripts/five-machines."""
import os
import re
import shlex
import shutil
import subprocess

import pytest

from deployment import BUILD, ROOT, wait_for
from five_site import EXTERNAL, brought_up, errors, five, presented, report, status, thumbprint

pytestmark = [pytest.mark.root, pytest.mark.slow]
PLACEHOLDERS = {"http://pki.example.com/issuing.crl": "http://198.51.100.53/public.crl"}  # where the authority of the test has its list


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with brought_up(tmp_path_factory) as one:
        yield one


def blocks(heading):
    """What stands between the fences of a section, one text each, without their indentation."""
    text = (ROOT / "docs/guide/certificates.md").read_text()
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)
    found = [re.sub(r"^" + indent, "", body, flags=re.M) for indent, body in re.findall(r"^( *)```[a-z]*\n(.*?)^ *```$", section, re.M | re.S)]
    assert found, heading
    return found


class Desk:
    """A folder on a machine, where an administrator types; `witan` there is the machine's."""

    def __init__(self, site, machine, folder):
        self.site, self.machine, self.folder = site, machine, folder
        bin_ = folder / "bin"
        bin_.mkdir(exist_ok=True)
        (bin_ / "witan").unlink(missing_ok=True)
        (bin_ / "witan").symlink_to(BUILD / "witan")
        self.env = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "WITAN_DIR": str(site.dir / machine / "d")}

    def type(self, text, **more):
        for word, real in PLACEHOLDERS.items():
            text = text.replace(word, real)
        script = f"cd {shlex.quote(str(self.folder))} && set -e\n{text}"
        done = subprocess.run(self.site.inside(self.machine, "bash", "-c", script), capture_output=True, text=True, timeout=60, env=self.env, **more)
        assert done.returncode == 0, text + done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def folder(tmp_path):
    for part in (tmp_path, *tmp_path.parents[:3]):
        part.chmod(part.stat().st_mode | 0o055)
    return tmp_path


def test_an_answer_gets_into_the_edge(site, folder):
    """Request, answer, import, use, and a look from outside."""
    request, sign, take, use, look = blocks("A certificate of another authority")
    desk = Desk(site, "edge01", folder)
    before = presented(site, "stranger", "198.51.100.11", 443, "sip.example.com")
    desk.type(request)
    for file in ("issuing.pem", "issuing.key"):  # the authority's desk
        shutil.copy(site.dir / "public" / file, folder)
    desk.type(sign)
    (folder / "issuing.key").unlink()
    printed = desk.type(take)
    told = re.search(r"^Thumbprint +: (\w{40})$", printed, re.M).group(1)
    assert told == thumbprint(folder / "answer.pem") != before
    spaced = " ".join(told.lower()[i:i + 2] for i in range(0, 40, 2))
    use, n = re.subn(r'"3B 63 48 9D \.\.\."', f'"{spaced}"', use)
    assert n == 1
    tested = desk.type(use)
    assert re.findall(r"^(\w+) +Passed +" + told, tested, re.M) == EXTERNAL.split(",")
    wait_for(lambda: presented(site, "stranger", "198.51.100.11", 443, "sip.example.com") == told, 10, 0.1)
    outside = Desk(site, "stranger", folder)
    shutil.copy(five.TOPOLOGY, folder / "topology.yaml")
    # the test's authority is no public one: its root is said
    assert f"{told[:8]}" in outside.type(look.rstrip() + f" --public-ca {site.dir}/public/root.pem --ca {site.dir}/uc01/d/ca.pem --format json").upper()
    assert errors(report(site, "stranger", "plan", "check", "--side", "outside", "--topology", five.TOPOLOGY, "--ca", site.dir / "uc01/d/ca.pem", "--addresses", outer(site))) == []


def outer(site):
    path = site.dir / "outer"
    path.write_text("".join(line + "\n" for line in (site.dir / "addresses").read_text().splitlines() if not line.startswith("rp01.")) + "rp01.corp.example 198.51.100.20\n")
    return path


def test_the_same_on_another_machine(site, folder):
    """What an Edge shows outside leaves it sealed by a password, and only so."""
    export, take = blocks("The same certificate on several machines")[0].strip().splitlines()
    before = presented(site, "stranger", "198.51.100.11", 443, "sip.example.com")
    Desk(site, "edge01", folder).type(export.replace("THUMBPRINT", before), input="a word for it\n")
    assert "PRIVATE KEY" not in (folder / "edge.pfx").read_bytes().decode("latin-1")
    (folder / "edge.pfx").chmod(0o644)
    Desk(site, "uc02", folder).type(take, input="a word for it\n")
    assert before in site.witan("uc02", "Get-CsCertificate", "-All", "-As", "json")


@pytest.mark.parametrize("machine", five.SERVERS)
def test_all_is_well(site, machine):
    """The first command of the guide, on each server: what it has is told, and nothing is wrong."""
    said = Desk(site, machine, site.dir).type("witan status")
    rows = re.findall(r"^(Process|Listener|Certificate|RevocationList) +(.*?) +(ok|WRONG) +\d* +(.+)$", said, re.M)
    assert {wrong for *_, wrong, _ in rows} == {"ok"} and len(rows) == len(said.splitlines()) - 1
    processes = {name for kind, name, *_ in rows if kind == "Process"}
    listeners = [name for kind, name, *_ in rows if kind == "Listener"]
    if machine == "edge01":
        assert processes == {"keeper", "vault", "edge", "fetch"} and listeners == ["inside, SIP over TLS 5061/tcp", "outside, sign-in 443/tcp", "outside, partners 5061/tcp"]
        site.witan("edge01", "Stop-CsWindowsService", "edge")
        try:
            done = subprocess.run(site.inside("edge01", BUILD / "witan", "--dir", site.dir / "edge01/d", "status"), capture_output=True, text=True, timeout=20)
            assert done.returncode == 1 and "nobody takes connections" in done.stdout and "stopped by an administrator" in done.stdout
        finally:
            site.witan("edge01", "Start-CsWindowsService", "edge")
    else:
        assert {"front.0", "web"} < processes and "edge" not in processes and "HTTPS 443/tcp" in listeners
    assert len(status(site)) == 3
