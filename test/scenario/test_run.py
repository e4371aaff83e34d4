# SPDX-License-Identifier: Apache-2.0
"""./run as a newcomer uses it: from nothing to two clients that talk, by the printed text alone."""
import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest

from deployment import BUILD, ROOT, free_port, wait_for
from peers import Program, tone_share


class Run(Program):
    def __init__(self, folder, port):
        self.dir, self.control = folder / "var", free_port()
        super().__init__(["bash", str(ROOT / "run"), "--dir", str(self.dir), "--port", str(port), "--port-web", str(free_port()), "--port-http", str(free_port()), "--port-https", str(free_port())], folder,
                         env={"HOME": os.environ.get("HOME", "/root"), "WITAN_BUILD": str(BUILD), "WITAN_BARESIP_CONTROL": str(self.control)})

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@pytest.fixture
def folder(tmp_path):
    """Server processes of other users must be able to pass through."""
    for path in [tmp_path, *tmp_path.parents]:
        if path.name and "pytest" in path.name:
            path.chmod(0o755)
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.mark.slow
@pytest.mark.peers
def test_from_nothing_to_a_call(folder, linger):
    port = free_port()
    run = Run(folder, port)
    linger(run.end)
    run.wait_text("Ctrl-C stops the server", 240)
    listed = re.search(r"^ *revocation list +(http://\S+/witan\.crl)$", run.text, re.M).group(1)
    with urllib.request.urlopen(listed, timeout=10) as answer:
        assert answer.read() == (run.dir / "certs/witan.crl").read_bytes()
    web = re.search(r"^ *web services +https://(\S+):(\d+)/ ", run.text, re.M)
    tls = ssl.create_default_context(cafile=str(run.dir / "ca.pem"))
    with socket.create_connection(("127.0.0.1", int(web.group(2))), 10) as raw, tls.wrap_socket(raw, server_hostname="lyncdiscoverinternal.example.test") as sock:
        sock.sendall(b"GET /?sipuri=ann@example.test HTTP/1.1\r\nHost: lyncdiscoverinternal.example.test\r\n\r\n")
        discovered = http.client.HTTPResponse(sock)
        discovered.begin()
        assert discovered.status == 200 and web.group(1) in discovered.read().decode()
    users = dict(re.findall(r"^(\w+) \S+ (\S+)$", (run.dir / "users.txt").read_text(), re.M))
    assert set(users) == {"ann", "bob"} and all(len(p) >= 12 for p in users.values())
    assert (run.dir / "users.txt").stat().st_mode & 0o077 == 0
    for secret in users.values():
        assert secret not in run.text, "a password is printed"
    # The two commands that the text tells, as it tells them.
    ann_line = next(line for line in run.lines if re.match(r"\s+ann:\s+baresip", line)).split("ann:")[1].strip()
    bob_line = next(line for line in run.lines if re.match(r"\s+bob:\s+cd", line)).split("bob:")[1].strip()
    ann = Program(["bash", "-c", "exec " + ann_line + " -s"], folder)
    linger(ann.end)
    bob = Program(["bash", "-c", bob_line.replace(" linphonec -c", " stdbuf -oL linphonec -c")], folder, stdin=subprocess.PIPE)
    linger(bob.end)

    def bob_does(line):
        bob.process.stdin.write(line.encode() + b"\n")
        bob.process.stdin.flush()

    ann.wait_text(r"200 OK .*\[\d+ binding", 15)
    bob.wait_text("Warning: video", 10)
    for line in run.lines:
        if re.match(r"\s+(soundcard use|play|record) ", line):
            bob_does(line.strip())
    wait_for(lambda: (bob_does("status register"), time.sleep(0.5), "registered, identity" in bob.text)[-1], 15)
    bob_does("chat sip:ann@example.test Hello-Ann")
    ann.wait_text("Hello-Ann", 10)
    if any("has no sound card" in line for line in run.lines):
        bob_does("call sip:ann@example.test")
        ann.wait_text("Incoming call|incoming", 10)
        with socket.create_connection(("127.0.0.1", run.control), 5) as control:
            control.sendall(b"33:" + b'{"command":"accept","token":"t"}' + b" ,")
            time.sleep(5)
            bob_does("terminate")
            time.sleep(1)
        assert max(tone_share(p, 1000) for p in (run.dir / "clients/baresip-ann").glob("dump-*-dec.wav")) > 0.5, "ann does not hear bob"
        assert tone_share(run.dir / "clients/linphone-bob/heard.wav", 440) > 0.5, "bob does not hear ann"
    assert run.process.poll() is None
    assert run.stop() == 0
    wait_for(lambda: not _listens(port), 10)
    # The second call takes seconds, and everybody is still there.
    start = time.monotonic()
    again = Run(folder, port)
    linger(again.end)
    again.wait_text("Ctrl-C stops the server", 30)
    assert time.monotonic() - start < 15
    assert dict(re.findall(r"^(\w+) \S+ (\S+)$", (run.dir / "users.txt").read_text(), re.M)) == users
    assert again.stop() == 0


def _listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def test_help_and_usage():
    done = subprocess.run(["bash", ROOT / "run", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "usage: ./run" in done.stdout
    assert subprocess.run(["bash", ROOT / "run", "--bogus"], capture_output=True).returncode == 2
    assert subprocess.run(["bash", ROOT / "check", "--bogus"], capture_output=True).returncode == 2
