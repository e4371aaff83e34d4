# SPDX-License-Identifier: Apache-2.0
"""The real web process and the real keeper, with this program as their master and their vault: what vault says is the test's to choose."""
import array
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import struct
import threading

from deployment import ROOT, Deployment, assigned_file, wait_for
from web_client import WebClient

KINDS = {"U8": "B", "U16": "H", "U32": "I", "U64": "Q"}


def _rows():
    names = re.findall(r"^IPC_MSG\((\w+), \w+\)", (ROOT / "src/os/ipc.def").read_text(), re.M)
    fields = {}
    for line in (ROOT / "src/os/ipc_fields.def").read_text().splitlines():
        found = re.match(r"#define IPC_FIELDS_(\w+)\(F\)(.*)", line)
        if found:
            fields[found.group(1)] = re.findall(r"F\((\w+), (\w+)\)", found.group(2))
    return names, fields


NAMES, FIELDS = _rows()


class Channel:
    """One end of a channel between processes."""

    def __init__(self, sock):
        self.socket, self.buffer, self.lock = sock, b"", threading.Lock()

    def send(self, name, fd=None, **values):
        body = b""
        for kind, field in FIELDS[name]:
            value = values.pop(field)
            if kind == "STR":
                value = value.encode() if isinstance(value, str) else value
                body += struct.pack("<I", len(value)) + value
            else:
                body += struct.pack("<" + KINDS[kind], value)
        assert not values, values
        frame = struct.pack("<IH", len(body), NAMES.index(name)) + body
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        with self.lock:
            n = self.socket.sendmsg([frame], rights)
            if n < len(frame):
                self.socket.sendall(frame[n:])

    def receive(self):
        """(name, {field: value}), or None at the end."""
        head = self._bytes(6)
        if head is None:
            return None
        size, kind = struct.unpack("<IH", head)
        body, at, values = self._bytes(size), 0, {}
        for kind_of, field in FIELDS[NAMES[kind]]:
            if kind_of == "STR":
                n, = struct.unpack_from("<I", body, at)
                values[field] = body[at + 4:at + 4 + n]
                at += 4 + n
            else:
                values[field], = struct.unpack_from("<" + KINDS[kind_of], body, at)
                at += struct.calcsize(KINDS[kind_of])
        assert at == len(body)
        return NAMES[kind], values

    def _bytes(self, n):
        while len(self.buffer) < n:
            try:
                data = self.socket.recv(1 << 20)
            except OSError:
                data = b""
            if not data:
                return None
            self.buffer += data
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Process:
    """A process of the server whose master we are."""

    def __init__(self, stage, role):
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        directory = stage.deployment.dir
        self.role, self.ready, self.refusal, self.lines, self.noise = role, threading.Event(), None, [], []
        self.pid = os.posix_spawn(str(stage.deployment.build / "witand"), ["witand", "--role", role, "--index", "0", "--dir", str(directory)],
                                  os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 2), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
        theirs.close()
        os.close(write)
        self.status = None
        self.master = Channel(ours)
        self.reader = threading.Thread(target=self._read_log, args=(read,), daemon=True)
        self.reader.start()
        threading.Thread(target=self._read_master, daemon=True).start()
        self.master.send("HELLO", role=role, index=0, n_fronts=1, shared_key=stage.key, fqdn="uc.example.test", domains="example.test", peers="", next_hop="", access="")
        page = os.memfd_create("page")
        os.ftruncate(page, 4096)
        self.master.send("METER_MAP", fd=page, slot=0, n_slots=1)
        self.page = page

    def _read_log(self, fd):
        with os.fdopen(fd, "rb") as pipe:
            for raw in pipe:
                try:
                    self.lines.append(json.loads(raw))
                except ValueError:
                    if b"ASan is ignoring" in raw or b"False positive" in raw or b"For details see" in raw:
                        continue  # the stacks of OpenSSL's jobs are not the sanitizer's
                    self.noise.append(raw.decode("utf-8", "replace"))

    def _read_master(self):
        while message := self.master.receive():
            if message[0] == "READY":
                self.ready.set()
            else:
                self.refusal = message

    def log(self, event):
        return [line for line in self.lines if line.get("event") == event]

    def wait_log(self, event, wanted=lambda line: True, timeout=10):
        return wait_for(lambda: next((line for line in self.log(event) if wanted(line)), None), timeout, message=f"no log line {event}")

    def end(self, sig=signal.SIGKILL, timeout=10):
        """Its exit status; sig None: it ends by itself."""
        if self.status is None:
            if sig is not None:
                os.kill(self.pid, sig)
            wait_for(self._is_over, timeout, message=f"{self.role} does not end")
        self.reader.join(5)
        self.master.close()
        return self.status

    def _is_over(self):
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.status = os.waitstatus_to_exitcode(status)
        return pid != 0


class WebStage:
    """answer(line, ask) is called for each line, in a thread; ask.tell(...) answers."""

    def __init__(self, answer=None):
        self.deployment = Deployment(web=True)
        self.key, self.asks, self.gone = secrets.token_bytes(32), [], []
        self.answer = answer or (lambda line, ask: ask.tell({"ok": True, "objects": [], "line": line}))
        directory = self.deployment.dir
        (directory / "run/empty").mkdir(exist_ok=True)
        os.chmod(directory / "run/empty", 0o755)
        self.listener = socket.create_server(("127.0.0.1", self.deployment.port_web), backlog=100)
        self.listener.setblocking(False)
        self.port = self.deployment.port_web
        self.keeper = Process(self, "keeper")
        self.keeper.master.send("START")
        self.web = self.vault = None
        self.processes = [self.keeper]
        self.start_web()

    def start_web(self):
        """A web process of its own with new channels, as master makes it when one has died."""
        self.web = Process(self, "web")
        self.processes.append(self.web)
        one, other = socket.socketpair()
        self.keeper.master.send("CHANNEL", fd=one.fileno(), role="web", index=0)
        self.web.master.send("CHANNEL", fd=other.fileno(), role="keeper", index=0)
        one.close(), other.close()
        self.web.master.send("LISTENER", fd=os.dup(self.listener.fileno()), transport="https", port=self.port)
        self.start_vault()
        self.web.master.send("START")
        assert self.web.ready.wait(10), f"{self.web.refusal} {self.web.noise}"

    def start_vault(self):
        """A vault that has just come, or come again."""
        ours, theirs = socket.socketpair()
        self.vault = Channel(ours)
        self.web.master.send("CHANNEL", fd=theirs.fileno(), role="vault", index=0)
        theirs.close()
        chain = assigned_file(self.deployment.dir).read_bytes()
        ca = (self.deployment.dir / "certs/issuing.pem").read_bytes() + (self.deployment.dir / "ca.pem").read_bytes()
        self.vault.send("CERTIFICATE", usage="Default", chain_pem=chain, ca_pem=ca, ticket_keys=self.key * 2 + self.key[:16])
        threading.Thread(target=self._serve, args=(self.vault,), daemon=True).start()

    def _serve(self, vault):
        while message := vault.receive():
            name, values = message
            if name == "ADMIN_GONE":
                self.gone.append(values["id"])
                continue
            ask = Ask(vault, values)
            self.asks.append(ask)
            self.answer(ask.line, ask)

    def client(self, **more):
        return WebClient(self.port, self.deployment.dir / "ca.pem", **more)

    def counter(self, name):
        names = re.findall(r'^COUNTER\(\w+, "([^"]+)"', (ROOT / "src/base/meter.def").read_text(), re.M)
        return struct.unpack("<Q", os.pread(self.web.page, 8, 8 * names.index(name)))[0]

    def end(self):
        for process in self.processes:
            if process.status is None:
                process.end()
        self.listener.close()
        self.deployment.remove()

    def verdict(self):
        """Nothing but log lines on standard error; web ends in order when it is asked to."""
        if self.web.status is None:
            self.web.master.send("DRAIN", milliseconds=500)
            assert self.web.end(sig=None) == 0, (self.web.status, self.web.noise)
        for process in self.processes:
            assert not process.noise, process.noise


class Ask:
    def __init__(self, vault, values):
        self.vault, self.id, self.address, self.raw = vault, values["id"], values["address"].decode(), values["line"]
        self.certificate = values["certificate"]
        self.line = json.loads(self.raw)

    def tell(self, answer, http=200, is_last=True):
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n"
        self.vault.send("ADMIN_TELL", id=self.id, http=http, is_last=1 if is_last else 0, bytes=data)

    def refuse(self, error, http, **more):
        self.tell({"ok": False, "error": error, "what": "refused", "where": "", "remedy": "", **more}, http)
