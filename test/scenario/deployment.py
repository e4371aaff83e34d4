# SPDX-License-Identifier: Apache-2.0
"""A server of its own for each test: made by `witan init`, run by `witand`, its log read along."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WITAN_BUILD", ROOT / "build"))
FQDN = "uc.example.test"
DOMAIN = "example.test"
CRASH = re.compile(r"assert|AddressSanitizer|LeakSanitizer|runtime error|stack smashing|segfault", re.I)


def free_port():
    """A port nobody listens on, outside the range from which the system gives connections theirs."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("0.0.0.0", port))
                return port
            except OSError:
                continue


def wait_for(what, timeout=10.0, step=0.02, message="not so in time"):
    """Polls until what() is true; returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{message} ({timeout} s)")
        time.sleep(step)


def assigned_file(directory, usage="Default"):
    """The certificate that a deployment presents, its issuers after it."""
    for line in (pathlib.Path(directory) / "certs/assigned").read_text().splitlines():
        word, thumbprint, *_ = line.split()
        if word == usage:
            return pathlib.Path(directory) / f"certs/{thumbprint}.pem"
    raise AssertionError(f"nothing is assigned to {usage}")


def authority_files(directory):
    """Certificate and key of the authority that issues."""
    key, = (p for p in (pathlib.Path(directory) / "keys").glob("*.key") if "purpose: authority" in p.read_text())
    return pathlib.Path(directory) / "certs/issuing.pem", key


class Refused(Exception):
    """witan answered with a failure."""

    def __init__(self, done):
        super().__init__(f"exit {done.returncode}: {done.stderr or done.stdout}")
        self.status, self.stderr, self.stdout = done.returncode, done.stderr, done.stdout


class Deployment:
    def __init__(self, fronts=1, tcp=True, key="ec-p256", build=BUILD, directory=None, wrap=(), site="", pool="", web=False, fqdn=FQDN, domain=DOMAIN, more_pools=(), http=False, web_names=False, https=False, ntlm=False):
        self.fqdn, self.domain, self.build, self.wrap = fqdn, domain, build, list(wrap)
        self.port_tls, self.port_tcp = free_port(), free_port() if tcp else None
        self.port_web = free_port() if web else 0
        self.port_http = free_port() if http else 0
        self.port_https, self.port_external_http, self.port_external_https = [free_port() if https else 0 for _ in range(3)]
        self.passwords, self.process, self.events, self.noise = {}, None, [], []
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="witan-test-"))
        os.chmod(self.top, 0o755)
        self.dir = pathlib.Path(directory) if directory else self.top / "d"
        self.fronts = fronts
        self.ntlm = ntlm
        self.may_die = set()
        ports = f"sip-tls: {self.port_tls}" + (f", sip-tcp: {self.port_tcp}" if tcp else "") + \
            f", web: {self.port_web}, http: {self.port_http}, external-http: {self.port_external_http}" + \
            f", https: {self.port_https}, external-https: {self.port_external_https}"
        topology = self.top / "topology.yaml"
        topology.write_text(
            f"organization: Example\nsip-domains: [{domain}]\ninternal-domain: {domain}\n"
            f"certificates: {{key: {key}}}\n"
            f"sites: [{{name: Main, pools: [{{pool: {fqdn}, role: standard-edition, {f'web: {{external: web.{domain}}}, ' if web_names else ''}"
            f"front-processes: {fronts}{', ' + pool if pool else ''}, ports: {{{ports}}}}}{''.join(', ' + p for p in more_pools)}]{', ' + site if site else ''}}}]\n")
        self.cli("init", "--dir", str(self.dir), "--topology", str(topology), plain=True)

    # ---- commands ----

    def cli(self, *words, stdin="", plain=False, timeout=60):
        """Runs witan; returns its output, raises Refused on failure."""
        command = [str(self.build / "witan")] + ([] if plain else ["--dir", str(self.dir)]) + [str(w) for w in words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout)
        if done.returncode:
            raise Refused(done)
        return done.stdout

    def add_user(self, name, password=None):
        password = password or os.urandom(9).hex()
        self.cli("New-CsUser", "-SipAddress", f"sip:{name}@{self.domain}", "-DisplayName", name.capitalize(),
                 *(["-NtlmAllowed", "$true"] if self.ntlm else []), "-PasswordFile", "-", stdin=password + "\n")
        self.passwords[name] = password
        return password

    def add_users(self, *names):
        for name in names:
            self.add_user(name)

    def set(self, noun, **values):
        """Set-Cs... for the deployment-wide configuration object."""
        words = []
        for name, value in values.items():
            words += [f"-{name}", value]
        self.cli(f"Set-Cs{noun}", *words)

    def counters(self):
        """All counters of all processes, summed, by name."""
        found = {}
        for line in self.cli("Get-CsCounter").splitlines():
            match = re.match(r"\s*([a-z]+(?:\.[a-z0-9]+)+)\s*[: ]\s*(-?\d+)", line)
            if match:
                found[match.group(1)] = int(match.group(2))
        return found

    # ---- life ----

    def start(self, timeout=30.0, ready=True, env=None):
        since = len(self.events)
        self.process = subprocess.Popen(self.wrap + [str(self.build / "witand"), "--dir", str(self.dir)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
                                        env={**os.environ, **(env or {})})
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        if ready:
            self.wait_event("server.ready", timeout, since=since)
        return self

    def _read(self, pipe):
        for raw in pipe:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            try:
                event = json.loads(line)
                event["_text"] = line
                self.events.append(event)
            except (ValueError, TypeError):
                self.noise.append(line)

    def log(self, name, since=0):
        """Log lines of this event."""
        return [e for e in self.events[since:] if e.get("event") == name]

    def wait_event(self, name, timeout=10.0, since=0, wanted=lambda e: True):
        def look():
            if self.process.poll() is not None and not any(wanted(e) for e in self.log(name, since)):
                self.reader.join(2)
                if not self.log(name, since):
                    raise AssertionError(f"witand ended with {self.process.returncode}:\n" + self.tail())
            return next((e for e in self.log(name, since) if wanted(e)), None)
        try:
            return wait_for(look, timeout, message=f"no log line {name}")
        except AssertionError as why:
            raise AssertionError(f"{why}\n{self.tail()}") from None

    def tail(self, n=25):
        return "\n".join(self.noise[-n:] + [e["_text"] for e in self.events[-n:]])

    def processes(self):
        """{"front0": pid, ...} of the living children of master, by their command lines."""
        found = {}
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                stat = (path / "stat").read_text().rpartition(")")[2].split()
                words = (path / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if int(stat[1]) == self.process.pid and stat[0] != "Z" and "--role" in words:
                index = words[words.index("--index") + 1] if "--index" in words else "0"
                found[words[words.index("--role") + 1] + index] = int(path.name)
        return found

    def kill(self, name, sig=signal.SIGKILL):
        """Kills one process ("front0"); its death is then no reason for the test to fail."""
        pid = self.processes()[name]
        self.may_die.add(pid)
        os.kill(pid, sig)
        return pid

    def wait_restarted(self, name, old, timeout=10.0):
        """Until the process is there again and ready; returns the seconds that took."""
        start = time.monotonic()
        wait_for(lambda: self.processes().get(name, old) != old, timeout, message=f"{name} does not come back")
        pid = self.processes()[name]
        self.wait_event("process.ready", timeout, wanted=lambda e: e.get("child", e.get("pid")) == pid or str(pid) in e["_text"])
        return time.monotonic() - start

    def stop(self, timeout=15.0):
        """SIGTERM; returns the exit status. Leaves nothing running."""
        if not self.process:
            return None
        children = list(self.processes().values())
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                pass
        status = self.process.poll()
        if status is None:
            for pid in children:
                self._end(pid)
            self.process.kill()
            self.process.wait(5)
        self.reader.join(5)
        self.left = [pid for pid in children if self._lives(pid)]
        for pid in self.left:
            self._end(pid)
        return status

    @staticmethod
    def _lives(pid):
        try:
            return "witand" in pathlib.Path(f"/proc/{pid}/cmdline").read_text() and \
                pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    @staticmethod
    def _end(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def restart(self):
        assert self.stop() == 0
        return self.start()

    def verdict(self):
        """What must hold after every test: a clean end, nothing left over, no crash, no process that died by itself."""
        if self.process and self.process.returncode is None:
            status = self.stop()
            assert status == 0, f"SIGTERM ended witand with {status}\n{self.tail()}"
            assert not self.left, f"processes left over: {self.left}"
        bad = [line for line in self.noise if line.strip()]
        assert not bad, "not a log line on standard error:\n" + "\n".join(bad[:40])
        assert not [e["_text"] for e in self.events if CRASH.search(e["_text"])], self.tail()
        died = [e for e in self.log("process.died") if not any(str(pid) in e["_text"] for pid in self.may_die)]
        assert not died, f"processes died: {died}"

    def remove(self):
        if self.process and self.process.returncode is None:
            self.stop()
        shutil.rmtree(self.top, ignore_errors=True)

    # ---- for clients ----

    def tls_client(self, **change):
        tls = ssl.create_default_context(cafile=str(self.dir / "ca.pem"))
        for name, value in change.items():
            setattr(tls, name, value)
        return tls
