# SPDX-License-Identifier: Apache-2.0
"""A small SIP user agent for tests: it says exactly what a test wants said, right or wrong, and hears everything.

It is blocking and single-threaded; a test with several clients reads from each in turn. Nothing is answered by itself.
"""
import hashlib
import itertools
import os
import re
import socket
import ssl
import time

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
           "c": "content-type", "e": "content-encoding", "k": "supported", "s": "subject", "o": "event",
           "r": "refer-to", "u": "allow-events"}
ALGORITHMS = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
SDP = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
       "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n")
_serial = itertools.count(1)


def token(kind=""):
    return f"{kind}{os.urandom(6).hex()}{next(_serial)}"


class Closed(Exception):
    """The server has closed the connection."""


class Silence(AssertionError):
    """Nothing (more) came in time."""


class Message:
    """A request or response: start line, header rows in order, body."""

    def __init__(self, start, headers=(), body=b""):
        self.start = start
        self.headers = list(headers)
        self.body = body.encode() if isinstance(body, str) else body

    @classmethod
    def parse(cls, head, body):
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape")).split("\r\n")
        rows = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            rows.append((name.strip(), value.strip()))
        return cls(lines[0], rows, body)

    def all(self, name):
        name = name.lower()
        return [v for n, v in self.headers if COMPACT.get(n.lower(), n.lower()) == name]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    @property
    def is_request(self):
        return not self.start.startswith("SIP/2.0 ")

    @property
    def method(self):
        return self.start.split()[0] if self.is_request else self.get("cseq", "0 -").split()[1]

    @property
    def uri(self):
        return self.start.split()[1]

    @property
    def status(self):
        return None if self.is_request else int(self.start.split()[1])

    @property
    def call_id(self):
        return self.get("call-id")

    @property
    def cseq(self):
        return int(self.get("cseq").split()[0])

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def param(self, header, name):
        """A header parameter such as the tag of To."""
        found = re.search(r";\s*%s\s*=\s*(\"[^\"]*\"|[^;,\s>]+)" % re.escape(name), self.get(header, "").rpartition(">")[2], re.I)
        return found.group(1).strip('"') if found else None

    def bytes(self):
        rows = [(n, v) for n, v in self.headers if COMPACT.get(n.lower(), n.lower()) != "content-length"]
        rows.append(("Content-Length", str(len(self.body))))
        return "\r\n".join([self.start] + [f"{n}: {v}" for n, v in rows] + ["", ""]).encode("utf-8", "surrogateescape") + self.body

    def __repr__(self):
        return f"<{self.start} | {self.call_id} {self.get('cseq')}>"


def name_addr(value):
    """The URI inside <...>, or up to the first semicolon."""
    found = re.search(r"<([^>]*)>", value)
    return found.group(1) if found else value.split(";")[0].strip()


def split_values(values):
    """Header values that may be comma-separated, each on its own (commas within <> and quotes stay)."""
    out = []
    for value in values:
        out += [v.strip() for v in re.findall(r'(?:"(?:\\.|[^"\\])*"|<[^>]*>|[^,"<])+', value)]
    return out


class Wire:
    """A TLS or TCP connection to the server with SIP framing."""

    def __init__(self, host, port, tls=None, server_name=None, source=None, timeout=10.0):
        self.sock = socket.create_connection((host, port), timeout=timeout,
                                             source_address=(source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            try:
                self.sock = tls.wrap_socket(self.sock, server_hostname=server_name)
            except BaseException:
                self.sock.close()
                raise
        self.buf = b""
        self.pongs = 0

    @property
    def address(self):
        return "%s:%d" % self.sock.getsockname()[:2]

    def send(self, data):
        self.sock.settimeout(20)
        self.sock.sendall(data.bytes() if isinstance(data, Message) else data)

    def receive(self, timeout=10.0):
        """The next message. Silence if none comes in time, Closed when the connection ends."""
        end = time.monotonic() + timeout
        while True:
            found = self._cut()
            if found:
                return found
            left = end - time.monotonic()
            if left <= 0:
                raise Silence(f"no message within {timeout} s")
            self.sock.settimeout(max(left, 0.001))
            try:
                data = self.sock.recv(65536)
            except (TimeoutError, ssl.SSLWantReadError):
                continue
            except (ConnectionError, ssl.SSLError, OSError) as why:
                raise Closed(str(why)) from why
            if not data:
                raise Closed("end of stream")
            self.buf += data

    def _cut(self):
        while self.buf.startswith(b"\r\n"):
            self.buf = self.buf[2:]
            self.pongs += 1
        head, mark, rest = self.buf.partition(b"\r\n\r\n")
        if not mark:
            return None
        message = Message.parse(head, b"")
        size = int(message.get("content-length", "0"))
        if len(rest) < size:
            return None
        message.body, self.buf = rest[:size], rest[size:]
        return message

    def wait_pong(self, timeout=5.0):
        """Waits for the CRLF that answers a keep-alive (RFC 5626 3.5.1)."""
        before, end = self.pongs, time.monotonic() + timeout
        while self.pongs == before:
            if self.buf.startswith(b"\r\n"):
                self._cut()
                continue
            left = end - time.monotonic()
            if left <= 0:
                raise Silence("no pong")
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(4096)
            except TimeoutError:
                continue
            if not data:
                raise Closed("end of stream")
            self.buf += data

    def wait_closed(self, timeout):
        """Reads until the server closes; answers the seconds that took, Silence if it does not."""
        start = time.monotonic()
        try:
            while True:
                left = timeout - (time.monotonic() - start)
                if left <= 0:
                    raise Silence(f"still open after {timeout} s")
                try:
                    self.receive(left)
                except Silence:
                    pass
        except (Closed, ConnectionError):
            return time.monotonic() - start

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


class Digest:
    """Credentials of one user and the nonces they were used with."""

    def __init__(self, user, password, algorithms=("SHA-256", "MD5")):
        self.user, self.password, self.algorithms = user, password, algorithms
        self.challenge, self.count = None, 0

    def take(self, response):
        """Chooses among the challenges of a 401 or 407; False if there is none we can answer."""
        header = "www-authenticate" if response.status == 401 else "proxy-authenticate"
        offers = {}
        for value in response.all(header):
            if value.lower().startswith("digest"):
                pairs = re.findall(r'(\w[\w-]*)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^,\s]+))', value[6:])
                offer = {k.lower(): quoted or bare for k, quoted, bare in pairs}
                offers.setdefault(offer.get("algorithm", "MD5").upper(), offer)
        for algorithm in self.algorithms:
            if algorithm in offers:
                self.challenge, self.count = offers[algorithm], 0
                self.header = "Authorization" if response.status == 401 else "Proxy-Authorization"
                return True
        return False

    def answer(self, method, request_uri, count=None, cnonce=None, **change):
        """(header name, value); `change` replaces single parameters with wrong ones."""
        c = self.challenge
        self.count += 1
        algorithm = c.get("algorithm", "MD5")
        digest = lambda *parts: ALGORITHMS[algorithm.upper()](":".join(parts).encode()).hexdigest()
        f = {"username": self.user, "realm": c["realm"], "nonce": c["nonce"], "uri": request_uri, "algorithm": algorithm,
             "cnonce": cnonce or token(), "nc": "%08x" % (count or self.count), "qop": "auth"}
        f.update({k: v for k, v in change.items() if k != "response"})
        ha1 = digest(f["username"], f["realm"], self.password)
        ha2 = digest(method, f["uri"])
        f["response"] = change.get("response") or digest(ha1, f["nonce"], f["nc"], f["cnonce"], f["qop"], ha2)
        bare = {"algorithm", "nc", "qop"}
        text = ", ".join(f"{k}={v}" if k in bare else f'{k}="{v}"' for k, v in f.items())
        if "opaque" in c:
            text += f', opaque="{c["opaque"]}"'
        return self.header, "Digest " + text


class Client:
    """One device of one user, on one connection."""

    def __init__(self, server, user="ann", password=None, *, transport="tls", source=None, tls=None, instance=None,
                 algorithms=("SHA-256", "MD5"), connect=True, reg_id=None, domain=None, host="127.0.0.1", supported=None):
        self.server, self.user, self.transport, self.source = server, user, transport, source
        self.domain = domain or server.domain
        self.aor = f"sip:{user}@{self.domain}"
        self.host = host
        self.tls = tls
        self.instance, self.reg_id, self.supported = instance, reg_id, supported
        self.digest = Digest(user, server.passwords.get(user, "") if password is None else password, algorithms)
        self.waiting = []
        self.tag = token("t")
        self.reg_call_id, self.reg_cseq = token("reg"), 0
        self.contact_user = token("d")
        self.wire = None
        if connect:
            self.connect()

    # ---- connection ----

    def connect(self):
        port = self.server.port_tls if self.transport == "tls" else self.server.port_tcp
        tls = (self.tls or self.server.tls_client()) if self.transport == "tls" else None
        self.wire = Wire(self.host, port, tls, self.server.fqdn, self.source)
        return self

    def close(self):
        if self.wire:
            self.wire.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def contact(self):
        return f"sip:{self.contact_user}@{self.wire.address};transport={self.transport}"

    def send(self, message):
        self.wire.send(message)

    def receive(self, wanted=lambda m: True, timeout=10.0):
        """The first message that `wanted` accepts; others wait for their turn."""
        for i, message in enumerate(self.waiting):
            if wanted(message):
                return self.waiting.pop(i)
        end = time.monotonic() + timeout
        while True:
            try:
                message = self.wire.receive(max(end - time.monotonic(), 0))
            except Silence:
                raise Silence(f"{self.user}: nothing of the kind within {timeout} s; heard {self.waiting}") from None
            if wanted(message):
                return message
            self.waiting.append(message)

    def expect(self, method, timeout=10.0):
        """The next request with this method."""
        return self.receive(lambda m: m.is_request and m.method == method, timeout)

    def response(self, request, timeout=10.0, final=True):
        """The next (final) response to a request of ours."""
        return self.receive(lambda m: not m.is_request and m.call_id == request.call_id and m.cseq == request.cseq
                            and m.method == request.method and (m.status >= 200 or not final), timeout)

    def nothing(self, seconds=1.0, wanted=lambda m: True):
        """Fails if a message of this kind comes within so many seconds."""
        try:
            got = self.receive(wanted, seconds)
        except Silence:
            return
        raise AssertionError(f"{self.user}: unexpected {got}")

    # ---- requests ----

    def via(self):
        return ("Via", f"SIP/2.0/{self.transport.upper()} {self.wire.address};branch=z9hG4bK{token()};rport")

    def build(self, method, uri, *, to=None, sender=None, call_id=None, cseq=1, headers=(), body=b"", contact=False, tag=None):
        rows = [self.via(), ("Max-Forwards", "70"), ("From", f"<{sender or self.aor}>;tag={tag or token('f')}"),
                ("To", to if to and "<" in to else f"<{to or uri}>"), ("Call-ID", call_id or token("c")), ("CSeq", f"{cseq} {method}")]
        if contact:
            rows.append(("Contact", f"<{self.contact}>"))
        return Message(f"{method} {uri} SIP/2.0", rows + list(headers), body)

    def again(self, request, extra=()):
        """The same request anew: next CSeq, new branch, with more headers (credentials)."""
        names = {n for n, _ in extra}
        rows = []
        for name, value in request.headers:
            if name in names:
                continue
            if name == "CSeq":
                value = f"{request.cseq + 1} {request.method}"
            rows.append((name, value))
        rows[0] = self.via()
        return Message(request.start, rows + list(extra), request.body)

    def transact(self, request, timeout=10.0, on_sent=None):
        """Sends, answers one challenge (two if the nonce was stale), returns the final response. INVITE: ACKs failures."""
        for attempt in range(3):
            self.send(request)
            self.last = request
            answer = self.response(request, timeout)
            if request.method == "INVITE" and answer.status >= 300:
                self.ack_failure(request, answer)
            if answer.status not in (401, 407) or attempt == 2 or not self.digest.take(answer):
                return answer
            if attempt and self.digest.challenge.get("stale", "").lower() != "true":
                return answer
            request = self.again(request, [self.digest.answer(request.method, request.uri)])
        return answer

    def begin(self, request, timeout=10.0):
        """Sends a request and goes past the challenge, which over plain TCP precedes each; returns what is under way then."""
        self.send(request)
        if self.transport == "tls":
            return request
        first = self.response(request, timeout, final=False)
        assert first.status in (401, 407), f"over TCP each request must be challenged, not answered {first.start}"
        assert self.digest.take(first)
        if request.method == "INVITE":
            self.ack_failure(request, first)
        request = self.again(request, [self.digest.answer(request.method, request.uri)])
        self.send(request)
        return request

    def ack_failure(self, request, answer):
        rows = [request.headers[0], ("Max-Forwards", "70"), ("From", request.get("from")), ("To", answer.get("to")),
                ("Call-ID", request.call_id), ("CSeq", f"{request.cseq} ACK")]
        rows += [("Route", v) for v in request.all("route")]
        self.send(Message(f"ACK {request.uri} SIP/2.0", rows))

    def register_request(self, expires=3600, q=None, contact=None, headers=(), aor=None):
        self.reg_cseq += 1
        value = contact or f"<{self.contact}>"
        if q is not None:
            value += f";q={q}"
        if self.instance and not contact:
            value += f';+sip.instance="<{self.instance}>"'
        if self.reg_id and not contact:
            value += f";reg-id={self.reg_id}"
        rows = [] if contact == "" else [("Contact", value)]
        if expires is not None:
            rows.append(("Expires", str(expires)))
        if self.supported:
            rows.append(("Supported", self.supported))
        return self.build("REGISTER", f"sip:{self.domain}", to=aor or self.aor, sender=aor or self.aor, call_id=self.reg_call_id,
                          cseq=self.reg_cseq, tag=self.tag, headers=rows + list(headers))

    def register(self, expires=3600, timeout=10.0, **more):
        """REGISTER, with the answer to a challenge; returns the final response."""
        answer = self.transact(self.register_request(expires, **more), timeout)
        self.reg_cseq = answer.cseq
        return answer

    def sign_in(self, **more):
        """register() that must succeed; returns the client."""
        answer = self.register(**more)
        assert answer.status == 200, f"{self.user} cannot sign in: {answer.start}"
        return self

    def message(self, to, text="hello", timeout=10.0, **more):
        request = self.build("MESSAGE", to, headers=[("Content-Type", "text/plain")] + list(more.pop("headers", ())), body=text, **more)
        return self.transact(request, timeout)

    def reply(self, request, status, reason="-", headers=(), body=b"", tag=None):
        rows = [(n, v) for n, v in request.headers if COMPACT.get(n.lower(), n.lower()) in ("via", "from", "call-id", "cseq")
                or (COMPACT.get(n.lower(), n.lower()) == "record-route" and 100 < status < 300)]
        to = request.get("to")
        if "tag=" not in to and status > 100:
            to += f";tag={tag or self.tag}"
        rows.append(("To", to))
        answer = Message(f"SIP/2.0 {status} {reason}", rows + list(headers), body)
        self.send(answer)
        return answer

    # ---- calls ----

    def invite_request(self, to, headers=(), sdp_port=40000, **more):
        return self.build("INVITE", to, contact=True, headers=[("Content-Type", "application/sdp"), *headers],
                          body=SDP.format(port=sdp_port), **more)

    def invite(self, to, timeout=10.0, **more):
        """Starts a call; returns the INVITE that is under way now."""
        return self.begin(self.invite_request(to, **more), timeout)

    def cancel(self, request):
        rows = [request.headers[0], ("Max-Forwards", "70"), ("From", request.get("from")), ("To", request.get("to")),
                ("Call-ID", request.call_id), ("CSeq", f"{request.cseq} CANCEL")]
        rows += [("Route", v) for v in request.all("route")]
        message = Message(f"CANCEL {request.uri} SIP/2.0", rows)
        self.send(message)
        return message

    def accept(self, request, sdp_port=40002, headers=()):
        """Answers an INVITE with 200; returns the dialog."""
        answer = self.reply(request, 200, "OK", [("Contact", f"<{self.contact}>"), ("Content-Type", "application/sdp"), *headers],
                            SDP.format(port=sdp_port))
        return Dialog(self, request, answer, caller=False)

    def established(self, request, timeout=10.0):
        """Waits for the 2xx of our INVITE and ACKs it; returns the dialog."""
        answer = self.response(request, timeout)
        assert answer.status == 200, f"call refused: {answer.start}"
        dialog = Dialog(self, request, answer, caller=True)
        dialog.ack(request.cseq)
        return dialog


class Dialog:
    """RFC 3261 12: who, where to, by which way."""

    def __init__(self, client, request, answer, caller):
        self.client, self.call_id = client, request.call_id
        routes = split_values(answer.all("record-route") if caller else request.all("record-route"))
        if caller:
            self.local, self.remote = request.get("from"), answer.get("to")
            self.target, self.routes = name_addr(answer.get("contact")), routes[::-1]
            self.cseq = request.cseq
        else:
            self.local, self.remote = answer.get("to"), request.get("from")
            self.target, self.routes = name_addr(request.get("contact")), routes
            self.cseq = 100

    def build(self, method, headers=(), body=b"", cseq=None):
        if cseq is None:
            self.cseq += 1
        rows = [self.client.via(), ("Max-Forwards", "70"), ("From", self.local), ("To", self.remote), ("Call-ID", self.call_id),
                ("CSeq", f"{cseq or self.cseq} {method}"), ("Contact", f"<{self.client.contact}>")]
        rows += [("Route", r) for r in self.routes]
        return Message(f"{method} {self.target} SIP/2.0", rows + list(headers), body)

    def ack(self, cseq):
        self.client.send(self.build("ACK", cseq=cseq))

    def request(self, method, timeout=10.0, **more):
        answer = self.client.transact(self.build(method, **more), timeout)
        self.cseq = max(self.cseq, answer.cseq)
        return answer

    def send(self, method, **more):
        request = self.client.begin(self.build(method, **more))
        self.cseq = request.cseq
        return request
