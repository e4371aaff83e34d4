# SPDX-License-Identifier: Apache-2.0
"""Real user agents without screen or sound card: baresip, linphonec and SIPp, each in a folder of its own."""
import json
import math
import os
import pathlib
import queue
import re
import socket
import struct
import subprocess
import threading
import time
import wave

from deployment import free_port, wait_for

HERE = pathlib.Path(__file__).resolve().parent


def write_tone(path, hertz, seconds=60, rate=8000):
    """A WAV file with a sine."""
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(rate)
        w.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(2 * math.pi * hertz * i / rate))) for i in range(rate * seconds)))


def tone_share(path, hertz):
    """How much of a recording is this tone: the share of its quarter seconds in which it makes most of the power (Goertzel)."""
    data = pathlib.Path(path).read_bytes()
    at = data.find(b"data")
    form = data.find(b"fmt ")
    if at < 0 or form < 0:
        return 0.0
    channels, rate = struct.unpack_from("<HI", data, form + 10)
    samples = [v[0] for v in struct.iter_unpack("<h" + "h" * (channels - 1), data[at + 8:len(data) - (len(data) - at - 8) % (2 * channels)])]
    size, hits, blocks = rate // 4, 0, 0
    for start in range(0, len(samples) - size + 1, size):
        block = samples[start:start + size]
        blocks += 1
        power = sum(x * x for x in block) / size
        if power < 1000:
            continue
        k = 2 * math.cos(2 * math.pi * hertz / rate)
        a = b = 0.0
        for x in block:
            a, b = x + k * a - b, a
        tone = (a * a + b * b - k * a * b) / (size * size) * 2
        hits += tone > 0.5 * power
    return hits / blocks if blocks else 0.0


class Program:
    """A child process whose output is collected line by line."""

    def __init__(self, command, folder, stdin=None, env=None):
        self.lines, self.folder = [], pathlib.Path(folder)
        self.process = subprocess.Popen(command, cwd=folder, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env={**os.environ, "HOME": str(folder), **(env or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for raw in self.process.stdout:
            self.lines.append(raw.decode("utf-8", "replace").rstrip())

    @property
    def text(self):
        return "\n".join(self.lines)

    def wait_text(self, pattern, timeout=15, since=0):
        """Waits for a line; returns the match."""
        def look():
            ended = self.process.poll() is not None and not self.reader.is_alive()
            found = next((m for m in (re.search(pattern, line) for line in list(self.lines[since:])) if m), None)
            assert found or not ended, f"{self.process.args[0]} ended with {self.process.returncode} and did not print /{pattern}/"
            return found

        try:
            return wait_for(look, timeout, 0.05, f"{self.process.args[0]} does not print /{pattern}/")
        except AssertionError as why:
            raise AssertionError(f"{why}\n" + "\n".join(self.lines[-80:])) from None

    def end(self, timeout=5):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self.reader.join(2)


class Baresip(Program):
    """baresip 1.0.0, told what to do over its ctrl_tcp module (JSON in netstrings)."""

    def __init__(self, server, user, folder, tone=440, password=None, expires=600, ca=None, account=""):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True)
        self.control, self.tone, self.user = free_port(), tone, user
        write_tone(folder / "tone.wav", tone)
        (folder / "config").write_text(f"""\
poll_method epoll
sip_listen 127.0.0.1:0
sip_cafile {ca or server.dir / 'ca.pem'}
audio_player aufile,{folder}/none.wav
audio_source aufile,{folder}/tone.wav
audio_alert aufile,{folder}/none.wav
audio_srate 8000
audio_channels 1
net_interface 127.0.0.1
ctrl_tcp_listen 127.0.0.1:{self.control}
snd_path {folder}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module srtp.so
module sndfile.so
module_tmp account.so
module_app contact.so
module_app ctrl_tcp.so
module_app menu.so
""")
        (folder / "accounts").write_text(
            f'<sip:{user}@{server.domain};transport=tls>;auth_pass={password or server.passwords[user]};'
            f'outbound="sip:127.0.0.1:{server.port_tls};transport=tls";regint={expires};mediaenc=srtp{account}\n')
        (folder / "contacts").write_text("".join(f'"{n}" <sip:{n}@{server.domain}>\n' for n in server.passwords if n != user))
        super().__init__(["baresip", "-f", str(folder), "-s", "-v"], folder)
        self.wait_text("baresip is ready", 10)
        self.ctl = socket.create_connection(("127.0.0.1", self.control), 5)
        self.events, self.answers = [], queue.Queue()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self):
        data = b""
        while True:
            try:
                more = self.ctl.recv(65536)
            except OSError:
                return
            if not more:
                return
            data += more
            while (found := re.match(rb"(\d+):", data)) and len(data) > found.end() + int(found.group(1)):
                end = found.end() + int(found.group(1))
                record = json.loads(data[found.end():end].decode("utf-8", "replace"), strict=False)
                data = data[end + 1:]
                if record.get("response"):
                    self.answers.put(record)
                else:
                    self.events.append(record)

    def do(self, command, params=""):
        text = json.dumps({"command": command, "params": params, "token": "t"}).encode()
        self.ctl.settimeout(None)
        self.ctl.sendall(b"%d:%s," % (len(text), text))
        return self.answers.get(timeout=10)

    def wait_event(self, kind, timeout=15):
        try:
            return wait_for(lambda: next((e for e in self.events if e.get("type") == kind), None), timeout, 0.05,
                            f"baresip: no event {kind}")
        except AssertionError as why:
            raise AssertionError(f"{why}\n" + "\n".join(self.lines[-120:])) from None

    def wait_signed_in(self, timeout=15):
        self.wait_text(r"200 OK .*\[\d+ bindings?\]|All \d+ useragents? registered successfully", timeout)
        return self

    def message(self, to, text):
        for _ in range(20):
            if f"sip:{to}@" in self.do("contact_next")["data"]:
                break
        else:
            raise AssertionError(f"baresip has no contact {to}")
        self.do("message", text)

    def wait_message(self, text, timeout=15):
        self.wait_text(re.escape(text), timeout)

    def call(self, uri):
        self.do("dial", uri)

    def wait_incoming(self, timeout=15):
        self.wait_event("CALL_INCOMING", timeout)

    def answer(self):
        self.do("accept")

    def wait_established(self, timeout=15):
        self.wait_event("CALL_ESTABLISHED", timeout)

    def hang_up(self):
        self.do("hangup")

    def wait_ended(self, timeout=15):
        self.wait_event("CALL_CLOSED", timeout)

    def heard(self, hertz):
        """Share of what it heard in all its calls that is this tone."""
        found = sorted(self.folder.glob("dump-*-dec.wav"))
        return max((tone_share(path, hertz) for path in found), default=0.0)

    def end(self, timeout=5):
        super().end(timeout)
        if getattr(self, "ctl", None):
            self.ctl.close()


class Linphone(Program):
    """linphonec, told what to do on its standard input; plays a file and records one, so it needs no sound card."""

    def __init__(self, server, user, folder, tone=1000, password=None, ca=None, host=None, extra_sip=""):
        folder = pathlib.Path(folder)
        (folder / ".local/share/linphone").mkdir(parents=True)
        (folder / ".config/linphone").mkdir(parents=True)
        self.tone, self.user = tone, user
        rtp = free_port()
        write_tone(folder / "tone.wav", tone)
        host = host or "127.0.0.1"
        proxy = f"sip:{host}:{server.port_tls};transport=tls"
        (folder / "rc").write_text(f"""\
[sip]
sip_port=-1
sip_tcp_port=-1
sip_tls_port=-1
root_ca={ca or server.dir / 'ca.pem'}
verify_server_certs=1
verify_server_cn=0
media_encryption=srtp
default_proxy=0
{extra_sip}
[net]
dns_srv_enabled=0
[sound]
echocancellation=0
[rtp]
audio_rtp_port={rtp}
[auth_info_0]
username={user}
passwd={password or server.passwords[user]}
realm={server.domain}
domain={server.domain}
[proxy_0]
reg_proxy=<{proxy}>
reg_route=<{proxy};lr>
reg_identity=sip:{user}@{server.domain}
reg_sendregister=1
reg_expires=600
""")
        super().__init__(["stdbuf", "-oL", "linphonec", "-c", "rc", "-b", "rc", "-d", "6", "-l", "log"], folder, stdin=subprocess.PIPE)
        self.wait_text("linphonec>|Warning: video is disabled", 15)
        self.do("soundcard use files")
        self.do(f"play {folder}/tone.wav")
        self.do(f"record {folder}/heard.wav")

    def do(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_log(self, pattern, timeout=15):
        try:
            return wait_for(lambda: re.search(pattern, self.log()), timeout, 0.1, f"linphonec does not log /{pattern}/")
        except AssertionError as why:
            raise AssertionError(f"{why}\n{self.log()[-6000:]}") from None

    def wait_signed_in(self, timeout=20):
        self.wait_log(r"Register refresher \[200\]", timeout)
        return self

    def message(self, to, text):
        self.do(f"chat {to} {text}")

    def wait_message(self, text, timeout=15):
        self.wait_text(re.escape(text), timeout)

    def call(self, uri):
        self.do(f"call {uri}")

    def wait_incoming(self, timeout=15):
        self.wait_log(r"moving from state Linphone\w*CallStateIdle to Linphone\w*IncomingReceived|Linphone\w*CallIncomingReceived|IncomingReceived", timeout)

    def answer(self):
        self.do("answer")

    def wait_established(self, timeout=15):
        self.wait_log(r"StreamsRunning", timeout)

    def hang_up(self):
        self.do("terminate")

    def wait_ended(self, timeout=15):
        self.wait_log(r"CallEnd|CallStateEnd|to .*Released", timeout)

    def heard(self, hertz):
        path = self.folder / "heard.wav"
        return tone_share(path, hertz) if path.exists() else 0.0

    def end(self, timeout=5):
        try:
            self.do("quit")
            self.process.wait(timeout)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            pass
        super().end(timeout)


class TlsPipe(Program):
    """socat before a program that has no TLS: TCP on a free port here, TLS to the server there, its name and CA checked."""

    def __init__(self, server, folder):
        self.port = free_port()
        super().__init__(["socat", f"TCP-LISTEN:{self.port},bind=127.0.0.1,reuseaddr,fork",
                          f"OPENSSL:127.0.0.1:{server.port_tls},cafile={server.dir}/ca.pem,commonname={server.fqdn}"], folder)
        wait_for(lambda: self._listens(), 5, 0.05, "socat does not listen")

    def _listens(self):
        hexport = "%04X" % self.port
        return any(f":{hexport} " in line and " 0A " in line for line in open("/proc/net/tcp"))


class Sipp(Program):
    """SIPp with one of our scenario files over TCP; users come from a CSV that is written here."""

    def __init__(self, scenario, port, folder, users, count=1, rate=10, limit=20, timeout=60, arguments=()):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "users.csv").write_text("SEQUENTIAL\n" + "".join(";".join(str(c) for c in row) + "\n" for row in users))
        super().__init__(["sipp", f"127.0.0.1:{port}", "-sf", str(HERE / "sipp" / scenario), "-inf", "users.csv", "-t", "t1", "-i", "127.0.0.1",
                          "-p", str(free_port()), "-m", str(count), "-r", str(rate), "-l", str(limit), "-timeout", str(timeout), "-timeout_error",
                          "-nostdin", "-trace_err", "-error_file", "errors.log", "-mi", "127.0.0.1", "-max_retrans", "2", "-aa", "-auth_uri", "example.test", *arguments], folder)

    def wait_done(self, timeout=70):
        """Waits for the end; fails with what SIPp says if a call failed."""
        try:
            status = self.process.wait(timeout)
        finally:
            if self.process.poll() is None:
                self.process.kill()
        errors = self.folder / "errors.log"
        assert status == 0, f"SIPp ended with {status}\n{self.text[-3000:]}\n{errors.read_text()[-4000:] if errors.exists() else ''}"


def talk(caller, callee, uri, seconds=4.0):
    """caller calls callee, both talk, caller hangs up; each must have heard the other's tone."""
    caller.call(uri)
    callee.wait_incoming()
    callee.answer()
    callee.wait_established()
    caller.wait_established()
    time.sleep(seconds)
    caller.hang_up()
    callee.wait_ended()
    caller.wait_ended()
    time.sleep(0.5)
    for one, other in ((caller, callee), (callee, caller)):
        share = one.heard(other.tone)
        assert share > 0.5, f"{one.user} heard {other.user}'s tone {share:.0%} of the time"
        assert one.heard(one.tone) < 0.2, f"{one.user} heard himself"
