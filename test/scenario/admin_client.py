# SPDX-License-Identifier: Apache-2.0
"""An administrator's program on the control socket: lines of JSON, any number under way at once."""
import json
import os
import socket


class Refusal(Exception):
    """The vault answered with an error."""

    def __init__(self, answer, line=None):
        self.error, self.what, self.where, self.remedy = (answer[k] for k in ("error", "what", "where", "remedy"))
        self.warnings = answer.get("warnings", [])
        super().__init__(f"{self.error} at {self.where!r}: {self.what} ({self.remedy}) <- {json.dumps(line, ensure_ascii=False)[:300]}")


class AdminClient:
    def __init__(self, server, session=None, timeout=60):
        self.server, self.session = server, session
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(str(server.dir / "run/control.sock"))
        self.answers = self.sock.makefile("rb")

    def close(self):
        self.answers.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def line(self, command, parameters=None, given=None):
        line = {"command": command, "parameters": parameters or {}}
        if given is not None:
            line["input"] = given
        if self.session:
            line["session"] = self.session
        return line

    def send(self, *lines):
        self.sock.sendall(b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def read(self):
        text = self.answers.readline()
        if not text.endswith(b"\n"):
            raise ConnectionError("the vault has closed")
        return json.loads(text)

    def ask(self, command, **parameters):
        """The objects of the answer; raises Refusal."""
        return self.ask_whole(command, parameters)["objects"]

    def ask_whole(self, command, parameters=None, given=None):
        line = self.line(command, parameters, given)
        self.send(line)
        answer = self.read()
        if not answer["ok"]:
            raise Refusal(answer, line)
        return answer

    def get(self, noun, identity=None):
        """All instances by identity, or one."""
        if identity is not None:
            return self.ask(f"Get-Cs{noun}", Identity=identity)[0]
        return {o["Identity"]: o for o in self.ask(f"Get-Cs{noun}")}

    def many(self, lines, window=200):
        """Sends lines [(command, parameters), ...] behind each other; their answers in order."""
        lines = [self.line(*one) if isinstance(one, tuple) else one for one in lines]
        answers = []
        for at in range(0, len(lines), window):
            part = lines[at:at + window]
            self.send(*part)
            answers += [self.read() for _ in part]
        return answers

    def all(self, lines):
        """As many, but each must be obeyed."""
        lines = list(lines)
        for line, answer in zip(lines, self.many(lines)):
            if not answer["ok"]:
                raise Refusal(answer, line)

    # ---- administrators ----

    def add_user(self, name, password=None, **more):
        password = password or os.urandom(9).hex()
        self.ask("New-CsUser", SipAddress=f"sip:{name}@{self.server.domain}", Password=password, **more)
        self.server.passwords[name] = password
        return password

    def add_admin(self, name, *groups, **more):
        """A user in groups."""
        self.add_user(name, **more)
        for group in groups:
            self.ask("Set-CsGroup", Identity=group, Members={"Add": f"sip:{name}@{self.server.domain}"})

    def sign_in(self, name, code=None, password=None):
        """A client of his own, bound by the roles of this user."""
        given = {"User": f"sip:{name}@{self.server.domain}", "Password": password or self.server.passwords[name]}
        if code is not None:
            given["Code"] = code
        other = AdminClient(self.server)
        try:
            other.session = other.ask("sign-in", **given)[0]["Session"]
        except Refusal:
            other.close()
            raise
        return other

    def version(self):
        return self.ask("Get-CsServerVersion")[0]["StoreVersion"]
