# SPDX-License-Identifier: Apache-2.0
"""What an administrator counts on as a whole: a lost machine comes back, and a role ends where its site ends, wherever its holder sits."""
import os
import shutil
import subprocess

import pytest

from deployment import Refused
from whole_site import WHOLE

SEAL = "a password for the file\n"


def test_a_deployment_comes_back_on_an_empty_machine(server_factory, client, tmp_path):
    """Exported, deleted, restored, imported: the same authority, the same keys, the same people with the same passwords."""
    server = server_factory(users=("ann", "bob"))
    server.cli("New-CsConferencingPolicy", "Plain", "-EnableP2PVideo", "$false")
    server.cli("Grant-CsConferencingPolicy", "sip:bob@example.test", "Plain")
    server.cli("Set-CsClientPin", "sip:ann@example.test", "-PinFile", "-", stdin="385274\n")
    authority = (server.dir / "ca.pem").read_bytes()
    keys = sorted(p.name for p in (server.dir / "keys").iterdir())
    out = tmp_path / "deployment.json"
    server.cli("Export-CsConfiguration", "-FileName", out, "-PasswordFile", "-", stdin=SEAL)
    text = out.read_text()
    assert out.stat().st_mode & 0o077 == 0
    assert "PRIVATE KEY" not in text and all(p not in text for p in server.passwords.values())
    server.stop()
    shutil.rmtree(server.dir)

    with pytest.raises(Refused) as refused:
        server.cli("restore", "--from", out, stdin="another password\n")
    assert "password" in str(refused.value) and not server.dir.exists()
    forged = tmp_path / "forged.json"
    forged.write_text(text.replace("EnableP2PVideo", "EnableP2PAudio"))
    with pytest.raises(Refused, match="signature"):
        server.cli("restore", "--from", forged, stdin=SEAL)
    server.cli("restore", "--from", out, stdin=SEAL)
    assert (server.dir / "ca.pem").read_bytes() == authority
    assert sorted(p.name for p in (server.dir / "keys").iterdir()) == keys
    server.start()
    with pytest.raises(Refused):
        server.cli("Get-CsUser", "sip:ann@example.test")
    server.cli("Import-CsConfiguration", "-FileName", out, "-PasswordFile", "-", stdin=SEAL)
    client(server, "ann").sign_in()
    client(server, "bob").sign_in()
    assert "Tag:Plain" in server.cli("Get-CsEffectivePolicy", "sip:bob@example.test", "-PolicyType", "ConferencingPolicy")
    assert "True" in server.cli("Get-CsClientPinInfo", "sip:ann@example.test")


def elsewhere(server, who, place, *words):
    """As a person does it from another machine."""
    env = {**os.environ, "HOME": str(place), "XDG_RUNTIME_DIR": str(place)}
    (place / "password").write_text(server.passwords[who] + "\n")
    done = subprocess.run([str(server.build / "witan"), "--server", f"https://localhost:{server.port_web}", "--ca", str(server.dir / "ca.pem"), "--user",
                           f"sip:{who}@example.test", "--password-file", str(place / "password"), *words], capture_output=True, text=True, timeout=30, env=env)
    return done.returncode, done.stdout + done.stderr


def at_the_console(server, who, place, *words):
    """As somebody who is not root: a session over the control socket."""
    env = {**os.environ, "HOME": str(place), "XDG_RUNTIME_DIR": str(place)}
    (place / "password").write_text(server.passwords[who] + "\n")
    done = subprocess.run([str(server.build / "witan"), "--dir", str(server.dir), "--user", f"sip:{who}@example.test", "--password-file",
                           str(place / "password"), *words], capture_output=True, text=True, timeout=30, env=env)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("way", [elsewhere, at_the_console])
def test_a_role_for_one_site(server_factory, tmp_path, way):
    tmp_path.chmod(0o700)
    server = server_factory(users=("ann",), **{**WHOLE, "site": WHOLE["site"].replace(WHOLE["fqdn"], "localhost"), "web": True, "fqdn": "localhost"})
    other = next(s for s in server.cli("-c", "Get-CsSite | Select-Object -ExpandProperty Identity").split() if s not in ("Main", "Site:Main"))
    other = other.removeprefix("Site:")
    server.cli("New-CsAdminRole", "SiteServers", "-Template", "CsServerAdministrator", "-ConfigScopes", "site:Main")
    server.cli("Set-CsGroup", "SiteServers", "-Members", "sip:ann@example.test")
    status, said = way(server, "ann", tmp_path, "New-CsPinPolicy", "site:Main", "-MinPasswordLength", "7")
    assert status == 0, said
    status, said = way(server, "ann", tmp_path, "New-CsPinPolicy", f"site:{other}", "-MinPasswordLength", "7")
    assert status == 1 and "SiteServers" in said and f"site:{other}" in said.lower().replace(other.lower(), other), said
    status, said = way(server, "ann", tmp_path, "Set-CsPinPolicy", "Global", "-MinPasswordLength", "7")
    assert status == 1 and "configuration scope global" in said, said
    status, said = way(server, "ann", tmp_path, "New-CsConferencingPolicy", "site:Main")
    assert status == 1 and "none of your roles lists New-CsConferencingPolicy" in said and "such as" in said, said
    status, said = way(server, "ann", tmp_path, "Get-CsPinPolicy", "Global")
    assert status == 0, said
    log = server.cli("Get-CsAuditLog", "-As", "json")
    assert "sip:ann@example.test" in log and "REFUSED" in log
