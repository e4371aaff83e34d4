# SPDX-License-Identifier: Apache-2.0
"""A real client of the Lync dialect: pidgin-sipe without a window (test/peer/sipe_client.c), told what to do in lines of JSON."""
import json
import os
import pathlib
import subprocess
import threading
import time

from deployment import BUILD, wait_for


class SipeClient:
    """One endpoint of one user. Its folder is its home: a new folder is a client that nobody has used, the same one again is the same client
    after a restart. Each wait takes the oldest event that fits and has not been taken yet."""

    def __init__(self, folder, host=None, build=BUILD, env=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.events, self.answers, self.last, self.news, self.killed = [], {}, 0, threading.Condition(), False
        self.log = self.folder / "debug.log"
        command = [str(pathlib.Path(build) / "test/peer/sipe_client"), "--home", str(self.folder / "purple"), "--debug", str(self.log)]
        self.errors = open(self.folder / "stderr", "w")
        self.process = subprocess.Popen(command + (["--host", host] if host else []), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, env={**os.environ, "HOME": str(self.folder), **(env or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.wait("ready")

    def _read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            with self.news:
                if event["event"] == "answer":
                    self.answers[event.get("id")] = event
                else:
                    self.events.append(event)
                self.news.notify_all()
        with self.news:
            self.news.notify_all()

    # ---- saying and waiting ----

    def tail(self, lines=60):
        """What is known when something fails: the events, then the end of the client's log."""
        log = self.log.read_text(errors="replace").splitlines()[-lines:] if self.log.exists() else []
        return "\n".join(["-- events:"] + [json.dumps(e) for e in self.events[-30:]] + [f"-- end of {self.log}:"] + log)

    def _until(self, look, timeout, what):
        end = time.monotonic() + timeout
        with self.news:
            while True:
                found = look()
                if found is not None:
                    return found
                left = end - time.monotonic()
                ended = not self.reader.is_alive()
                if ended or left <= 0:
                    break
                self.news.wait(min(left, 0.5))
        why = f"the client ended with {self.process.wait()}" if ended else f"not within {timeout} s"
        raise AssertionError(f"{what}: {why}\n{self.tail()}")

    def tell(self, do, timeout=10, **members):
        """Sends a command without waiting for more than that it was understood; returns the answer whether good or not."""
        self.last += 1
        number = self.last
        try:
            self.process.stdin.write(json.dumps({"do": do, "id": number, **members}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise AssertionError(f"{do}: the client ended with {self.process.wait()}\n{self.tail()}") from None
        return self._until(lambda: self.answers.pop(number, None), timeout, f"no answer to {do}")

    def do(self, command, **members):
        """Sends a command that must be obeyed; names with a dash are written with an underscore."""
        answer = self.tell(command, **{name.replace("_", "-"): value for name, value in members.items()})
        assert answer["ok"], f"{command} {members}: {answer['why']}\n{self.tail()}"
        return answer

    def _take(self, name, fits, members):
        for event in self.events:
            if event["event"] == name and not event.get("taken") and all(event.get(k) == v for k, v in members.items()) and fits(event):
                event["taken"] = True
                return event
        return None

    def wait(self, name, timeout=15, fits=lambda event: True, **members):
        """Waits for an event of this name and these members."""
        return self._until(lambda: self._take(name, fits, members), timeout, f"no event {name} {members or ''}")

    def never(self, name, seconds=2, **members):
        """Fails if such an event comes within this time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.news:
                found = self._take(name, lambda event: True, members)
            assert not found, f"{found}\n{self.tail()}"
            time.sleep(0.1)

    def seen(self, name):
        """All events of this name so far."""
        with self.news:
            return [e for e in self.events if e["event"] == name]

    # ---- signing in and out ----

    def sign_in(self, server, user, /, scheme="ntlm", wait=True, **members):
        """Signs in at a deployment: the given user, password, server and authority unless a member says otherwise."""
        members = {"uri": f"{user}@{server.domain}", "password": server.passwords.get(user), "server": f"{server.fqdn}:{server.port_tls}",
                   "hosts": {server.fqdn: "127.0.0.1"}, "ca": str(server.dir / "ca.pem"), "authentication": scheme, "transport": "tls", **members}
        self.do("sign-in", **{k: v for k, v in members.items() if v is not None})
        return self.wait_signed_on() if wait else self

    def wait_signed_on(self, timeout=20):
        """Until the server has taken the sign-in and its contact list has come, before which nothing can be added to it."""
        self.wait("signed-on", timeout)
        self.wait("contacts-loaded", timeout)
        return self

    def refused(self, timeout=20):
        """Waits until the sign-in has failed; returns the text that a person would see."""
        return self.wait("connection-error", timeout)["text"]

    def contacts(self):
        """{(address, group): contact}"""
        return {(c["who"], c["group"]): c for c in self.do("contacts")["contacts"]}

    def contact(self, who):
        return self.do("contact", who=who)["contact"]

    def wait_contact(self, who, timeout=15, **members):
        """Waits until a contact is shown so: status, alias, group, and of what is beside it and in its tooltip: note, text (parts of it)."""
        def look():
            answer = self.tell("contact", who=who)
            found = answer.get("contact")
            if not found or any(found[k] != v for k, v in members.items() if k not in ("note", "text")):
                return None
            if "text" in members and members["text"] not in (found["text"] or ""):
                return None
            if "note" in members and members["note"] != found["shown"].get("Note"):
                return None
            return found
        try:
            return wait_for(look, timeout, 0.1, f"{who} is not shown as {members}")
        except AssertionError as why:
            raise AssertionError(f"{why}\nit is {self.tell('contact', who=who)}\n{self.tail()}") from None

    # ---- end ----

    def end(self, timeout=10):
        """Signs off and ends the program, which must end by itself and well."""
        if self.process.poll() is None:
            try:
                self.process.stdin.close()
                self.process.wait(timeout)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait(5)
        self.reader.join(5)
        self.errors.close()
        return self.process.returncode

    def kill(self):
        """As if the machine had lost power."""
        self.killed = True
        self.process.kill()
        self.end()
