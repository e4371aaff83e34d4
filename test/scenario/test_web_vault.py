# SPDX-License-Identifier: Apache-2.0
"""The management interface of whole servers: real vault, real rights, real passwords. (test_web.py plays vault itself.)"""
import json
import os
import pathlib
import signal
import subprocess

import pytest

from deployment import BUILD, wait_for
from web_client import WebClient


ADMIN = "sip:ann@example.test"


@pytest.fixture
def server(server_factory):
    """Ann may do everything, bob nothing."""
    server = server_factory(web=True)
    give_role(server)
    return server


def give_role(server):
    """By the owner, over the control socket: who is in the group of a role's name holds the role."""
    server.cli("Set-CsGroup", "-Identity", "CsAdministrator", "-Members", ADMIN)


@pytest.fixture
def client(server):
    made = []

    def make(**more):
        made.append(WebClient(server.port_web, server.dir / "ca.pem", **more))
        return made[-1]

    yield make
    for c in made:
        c.close()


def sign_in(c, server, name="ann", password=None):
    return c.ask("POST", "/api/v1/session", {}, {"User": f"sip:{name}@example.test", "Password": password or server.passwords[name]})


def bearer(answer):
    return {"Authorization": "Bearer " + answer.json["objects"][0]["Session"]}


def test_sign_in_is_needed(server, client):
    c = client()
    assert c.ask("GET", "/healthz").status == 204
    assert c.ask("POST", "/api/v1/cmdlets/Get-CsUser", {}, {}).status == 401
    assert c.ask("POST", "/api/v1/cmdlets/Get-CsUser", {"Authorization": "Bearer " + "A" * 43}, {}).status == 401


def test_a_cmdlet(server, client):
    c = client()
    fields = bearer(sign_in(c, server))
    answer = c.ask("POST", "/api/v1/cmdlets/Get-CsUser", fields, {"parameters": {"Identity": "sip:bob@example.test"}})
    assert answer.status == 200 and answer.json["objects"][0]["DisplayName"] == "Bob"
    answer = c.ask("POST", "/api/v1/cmdlets/Get-CsUser", fields, {"parameters": {"Identity": "sip:nobody@example.test"}})
    assert answer.status == 404 and answer.error == "ABSENT"
    answer = c.ask("POST", "/api/v1/cmdlets/Get-CsNothing", fields, {})
    assert 400 <= answer.status < 500 and not answer.json["ok"]
    assert c.ask("GET", "/api/v1/session", fields).json["objects"][0]["User"] == ADMIN
    names = {o["Name"] for o in c.ask("GET", "/api/v1/cmdlets", fields).json["objects"]}
    assert "Get-CsUser" in names
    assert c.ask("DELETE", "/api/v1/session", fields).status == 200
    assert c.ask("POST", "/api/v1/cmdlets/Get-CsUser", fields, {}).status == 401


def test_rights(server, client):
    c = client()
    answer = sign_in(c, server, "bob")
    if answer.status == 201:  # somebody without a role may be let in, but not do anything
        answer = c.ask("POST", "/api/v1/cmdlets/Get-CsUser", bearer(answer), {})
    assert answer.status in (401, 403)


def test_wrong_passwords_lock(server, client):
    c = client(timeout=60)
    statuses = [sign_in(c, server, "ann", "wrong").status for _ in range(12)]
    assert set(statuses) <= {401, 429} and 429 in statuses
    answer = sign_in(c, server)
    assert answer.status == 429 and int(answer["Retry-After"]) > 0


def test_sessions_outlive_the_web_process(server, client):
    fields = bearer(sign_in(client(), server))
    old = server.kill("web0", signal.SIGKILL)
    server.wait_restarted("web0", old)
    assert client().ask("GET", "/api/v1/session", fields).status == 200


def test_everything_at_once_is_killed(server, client):
    fields = bearer(sign_in(client(), server))
    for name in ("web0", "keeper0", "vault0"):
        server.wait_restarted(name, server.kill(name))
    c = client()
    wait_for(lambda: c.ask("GET", "/api/v1/session", fields).status in (200, 401), 5)


def test_clients_that_ask_and_go_while_vault_is_busy(server, client):
    vault = server.processes()["vault0"]
    os.kill(vault, signal.SIGSTOP)
    try:
        for _ in range(700):
            with WebClient(server.port_web, server.dir / "ca.pem") as other:
                other.send(other.head("GET", "/api/v1/session", {"Authorization": "Bearer x"}))
    finally:
        os.kill(vault, signal.SIGCONT)
    died = len(server.log("process.died"))
    wait_for(lambda: client().ask("GET", "/api/v1/session", {"Authorization": "Bearer x"}).status == 401, 20)
    assert len(server.log("process.died")) == died


def test_the_web_process_has_no_rights_to_spare(server):
    pid = server.processes()["web0"]
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    if os.geteuid() == 0:
        others = {n: p for n, p in server.processes().items() if n != "web0"}
        uid = os.stat(f"/proc/{pid}").st_uid
        assert uid != 0 and uid not in {os.stat(f"/proc/{p}").st_uid for p in others.values()}
        assert os.readlink(f"/proc/{pid}/root") == str(server.dir / "run/empty")


def test_no_process_without_a_port(server_factory):
    server = server_factory(users=())
    assert "web0" not in server.processes()


def test_the_description_validates(server, client):
    document = client().ask("GET", "/api/v1/openapi.json").json
    assert document["openapi"] == "3.1.0" and "/api/v1/cmdlets/Get-CsUser" in document["paths"]


def test_the_program_over_https(server, tmp_path):
    """The server's name leads nowhere here, so curl is told the way as a proxy would be."""
    from test_web_client import Proxy
    proxy = Proxy(server.port_web)
    tmp_path.chmod(0o700)
    env = {"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path), "https_proxy": proxy.url}
    command = [str(BUILD / "witan"), "--dir", str(server.dir)]
    more = ["--server", f"https://{server.fqdn}:{server.port_web}"]
    done = subprocess.run([*command, "sign-in", *more, "--user", ADMIN, "--password-file", "-"], input=server.passwords["ann"], env=env,
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([*command, "sign-out", *more], env=env, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    proxy.server.close()


def test_nothing_secret_is_logged(server, client):
    c = client()
    answer = sign_in(c, server)
    c.ask("POST", "/api/v1/cmdlets/Set-CsUser", bearer(answer), {"parameters": {"Identity": "sip:bob@example.test", "Password": "a-new-secret-word"}})
    server.wait_event("web.request", wanted=lambda e: e["path"].endswith("Set-CsUser"))
    text = json.dumps(server.events)
    for secret in (server.passwords["ann"], answer.json["objects"][0]["Session"], "a-new-secret-word"):
        assert secret not in text
