# SPDX-License-Identifier: Apache-2.0
"""witan sign-in and sign-out against the real web process (with a vault of this program's own), and against a control socket."""
import json
import os
import pty
import select
import socket
import stat
import subprocess
import threading
import time

import pytest

from deployment import BUILD
from test_web import SESSION, stage, stage_factory, vault  # noqa: F401 (fixtures)

URL = "https://uc.example.test"


class Proxy:
    """The name of the test's server cannot be looked up: this leads CONNECT to a port of this machine."""

    def __init__(self, port):
        self.server, self.to, self.lines = socket.create_server(("127.0.0.1", 0)), port, []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.getsockname()[1]}"

    def _serve(self):
        while True:
            try:
                one, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._lead, args=(one,), daemon=True).start()

    def _lead(self, one):
        head = b""
        while b"\r\n\r\n" not in head:
            head += one.recv(4096)
        self.lines.append(head.split(b"\r\n")[0].decode())
        other = socket.create_connection(("127.0.0.1", self.to))
        one.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            for s in select.select([one, other], [], [])[0]:
                try:
                    data = s.recv(65536)
                except ConnectionError:
                    data = b""
                if not data:
                    one.close(), other.close()
                    return
                (other if s is one else one).sendall(data)


@pytest.fixture
def place(tmp_path, stage, linger):  # noqa: F811
    """How witan is run: its environment, and what follows `witan`."""
    proxy = Proxy(stage.port)
    linger(proxy.server.close)
    tmp_path.chmod(0o700)
    env = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path), "https_proxy": proxy.url, "WITAN_SERVER": f"{URL}:{stage.port}",
           "HOME": str(tmp_path)}
    return stage, env


def run(place, *words, stdin="", **more):
    stage, env = place
    return subprocess.run([str(BUILD / "witan"), "--dir", str(stage.deployment.dir), *words], input=stdin, capture_output=True, text=True,
                          timeout=20, env={**env, **more})


def sessions(place):
    folder = f"{place[1]['XDG_RUNTIME_DIR']}/witan"
    return [os.path.join(folder, name) for name in os.listdir(folder)] if os.path.isdir(folder) else []


def test_sign_in_and_out(place):
    stage = place[0]
    done = run(place, "sign-in", "--user", "sip:ann@example.test", "--password-file", "-", stdin="right\n")
    assert done.returncode == 0, done.stderr
    assert stage.asks[0].line == {"command": "sign-in", "parameters": {"User": "sip:ann@example.test", "Password": "right"}}
    kept, = sessions(place)
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o600 and open(kept).read() == SESSION
    assert stat.S_IMODE(os.stat(os.path.dirname(kept)).st_mode) == 0o700
    assert "right" not in done.stdout + done.stderr and SESSION not in done.stdout + done.stderr
    done = run(place, "sign-out")
    assert done.returncode == 0, done.stderr
    assert stage.asks[-1].line == {"command": "sign-out", "session": SESSION}
    assert not sessions(place)
    done = run(place, "sign-out")
    assert done.returncode == 1 and "there is none" in done.stderr


def test_refused(place):
    for password, says in (("wrong", "refused"), ("locked", "refused")):
        done = run(place, "sign-in", "--user", "ann", "--password-file", "-", stdin=password)
        assert done.returncode == 1 and says in done.stderr
    assert not sessions(place)
    done = run(place, "sign-in", "--password-file", "-", stdin="right", WITAN_USER="sip:bob@example.test")
    assert done.returncode == 0 and place[0].asks[-1].line["parameters"]["User"] == "sip:bob@example.test"


def test_who_cannot_be_asked_is_told(place):
    done = subprocess.run(["setsid", str(BUILD / "witan"), "sign-in"], capture_output=True, text=True, timeout=20, env=place[1], stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and "no terminal" in done.stderr and "--user" in done.stderr


def test_certificate_and_name_are_verified(place, tmp_path):
    stage, env = place
    words = ["sign-in", "--user", "ann", "--password-file", "-"]
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", "/dev/null", "-out", str(other)],
                   check=True, capture_output=True)
    for more in (["--server", f"https://localhost:{stage.port}"], ["--ca", str(other)], ["--dir", "/nowhere"]):
        done = run(place, *words, *more, stdin="right")
        assert done.returncode == 1 and "certificate" in done.stderr.lower() and "--ca" in done.stderr, (more, done.stderr)
    assert not stage.asks, "the password stays here"
    assert run(place, *words, "--dir", "/nowhere", "--ca", str(stage.deployment.dir / "ca.pem"), stdin="right").returncode == 0


@pytest.mark.parametrize("url", ["http://uc.example.test", "uc.example.test", "https://", "https://ann:secret@uc.example.test", "https://uc.example.test/x", "ftp://x"])
def test_addresses_that_are_none(place, url):
    done = run(place, "sign-in", "--server", url, "--user", "ann", "--password-file", "-", stdin="right")
    assert done.returncode == 2 and "https://NAME:PORT" in done.stderr


def test_no_server_there(place):
    done = run(place, "sign-in", "--server", "https://localhost:1", "--user", "ann", "--password-file", "-", stdin="right", https_proxy="")
    assert done.returncode == 1 and "localhost:1" in done.stderr and "remedy" in done.stderr


def test_a_session_that_others_could_read_is_not_used(place):
    assert run(place, "sign-in", "--user", "ann", "--password-file", "-", stdin="right").returncode == 0
    kept, = sessions(place)
    os.chmod(kept, 0o644)
    done = run(place, "sign-out")
    assert done.returncode == 1 and "there is none" in done.stderr
    os.chmod(os.path.dirname(kept), 0o777)
    done = run(place, "sign-in", "--user", "ann", "--password-file", "-", stdin="right")
    assert done.returncode == 1 and "nobody else may write" in done.stderr


def typed(place, *words, answers):
    """Runs witan on a terminal; answers: (what it asks, what is typed). Its output and exit status."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(str(BUILD / "witan"), ["witan", *words], place[1])
    seen, at, end = "", 0, time.monotonic() + 15
    status = None
    while status is None and time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                seen += os.read(fd, 4096).decode()
            except OSError:
                pass
        if answers and answers[0][0] in seen[at:]:
            at = len(seen)
            os.write(fd, answers.pop(0)[1].encode() + b"\n")
        done, code = os.waitpid(pid, os.WNOHANG)
        status = os.waitstatus_to_exitcode(code) if done else None
    os.close(fd)
    assert status is not None, seen
    return seen, status


def test_what_is_not_given_is_asked(stage_factory, tmp_path, linger):  # noqa: F811
    def wants_code(line, ask):
        if line["parameters"].get("Code") is None:
            ask.refuse("CODE_NEEDED", 401)
        else:
            vault(line, ask)

    stage = stage_factory(wants_code)  # noqa: F811
    proxy = Proxy(stage.port)
    linger(proxy.server.close)
    tmp_path.chmod(0o700)
    env = {"XDG_RUNTIME_DIR": str(tmp_path), "https_proxy": proxy.url, "HOME": str(tmp_path)}
    words = ["sign-in", "--server", f"{URL}:{stage.port}", "--ca", str(stage.deployment.dir / "ca.pem")]
    seen, status = typed((stage, env), *words, answers=[("User", "sip:ann@example.test"), ("Password", "right"), ("Code", "123456")])
    assert status == 0, seen
    assert "sip:ann@example.test" in seen and "right" not in seen and "123456" not in seen
    assert [ask.line["parameters"].get("Code") for ask in stage.asks] == [None, "123456"]
    assert [line.split()[0] for line in proxy.lines] == ["CONNECT"], "one connection for both"


def test_over_the_control_socket(tmp_path):
    """Who is neither root nor the owner signs in there too; here somebody plays the server."""
    folder = tmp_path / "d"
    (folder / "run").mkdir(parents=True)
    tmp_path.chmod(0o700)
    got = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "run/control.sock"))
        server.listen()

        def serve():
            for answer in ({"Session": SESSION, "User": "ann"}, {}):
                one, _ = server.accept()
                got.append(json.loads(one.makefile().readline()))
                one.sendall(json.dumps({"ok": True, "objects": [answer]}).encode() + b"\n")
                one.close()

        threading.Thread(target=serve, daemon=True).start()
        env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        for words in (["sign-in", "--user", "ann", "--password-file", "-"], ["sign-out"]):
            done = subprocess.run([str(BUILD / "witan"), "--dir", str(folder), *words], input="right\n", capture_output=True, text=True, timeout=10, env=env)
            assert done.returncode == 0, done.stderr
    assert got == [{"command": "sign-in", "parameters": {"User": "ann", "Password": "right"}}, {"command": "sign-out", "parameters": {}, "session": SESSION}]
    assert list((tmp_path / ".config/witan").iterdir()) == []
