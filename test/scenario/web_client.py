# SPDX-License-Identifier: Apache-2.0
"""A client of the management interface that sends what it is told, byte for byte, and reads answers strictly."""
import json
import socket
import ssl


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def __getitem__(self, name):
        """The value of a field, or None; fails when it stands there twice."""
        found = [v for n, v in self.fields if n.lower() == name.lower()]
        assert len(found) <= 1, f"{name} twice: {found}"
        return found[0] if found else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]


class Closed(Exception):
    """The server has ended the connection before the answer was whole."""


class WebClient:
    def __init__(self, port, ca, host="uc.example.test", address="127.0.0.1", tls=None, timeout=10, receive_buffer=None):
        self.host, self.port, self.buffer = host, port, b""
        context = tls or ssl.create_default_context(cafile=str(ca))
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(timeout)
        plain.connect((address, port))
        try:
            self.socket = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def head(self, method, path, fields=(), body=None, version="HTTP/1.1"):
        rows = {"Host": f"{self.host}:{self.port}"}
        if body is not None:
            rows |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in dict(fields).items():
            rows.pop(name, None)
            if value is not None:
                rows[name] = value
        return (f"{method} {path} {version}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in rows.items()) + "\r\n").encode()

    def ask(self, method, path, fields=(), body=None, version="HTTP/1.1"):
        """One request and its answer."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send(self.head(method, path, fields, body, version) + (body or b""))
        return self.read(method)

    def is_closed(self):
        """Whether the server closes now (and sends nothing before)."""
        try:
            self._more()
        except Closed:
            return True
        return False

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError) as why:
            if isinstance(why, TimeoutError):
                raise
            data = b""
        if not data:
            raise Closed(self.buffer[:200])
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode()

    def _bytes(self, n):
        while len(self.buffer) < n:
            self._more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def _chunks(self):
        body = b""
        while True:
            size = int(self._line(), 16)
            body += self._bytes(size)
            assert self._line() == ""
            if size == 0:
                return body

    def _rest(self):
        try:
            while True:
                self._more()
        except Closed:
            data, self.buffer = self.buffer, b""
            return data

    def read(self, method="GET"):
        """The next answer (100 is passed over)."""
        version, status, *_ = self._line().split(" ", 2)
        assert version == "HTTP/1.1"
        fields = []
        while line := self._line():
            name, _, value = line.partition(": ")
            fields.append((name, value))
        answer = Answer(int(status), fields, b"")
        if answer.status == 100:
            return self.read(method)
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        if answer["Transfer-Encoding"] == "chunked":
            answer.body = self._chunks()
        elif answer["Content-Length"] is not None:
            answer.body = self._bytes(int(answer["Content-Length"]))
        else:
            answer.body = self._rest()
        return answer
