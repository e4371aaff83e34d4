# SPDX-License-Identifier: Apache-2.0
"""A client of the Lync dialect that signs in by TLS-DSK: a handshake of TLS 1.0 in its requests, then signatures (MS-SIPAE 3.2.5)."""
import base64
import hashlib
import hmac
import os
import re

from OpenSSL import SSL, crypto

from sip_client import Client

REALM = "SIP Communications Service"


def uri_of(value):
    found = re.search(r"<([^>]*)>", value or "")
    return found.group(1) if found else (value or "").partition(";")[0]


def params(value):
    return {n.lower(): quoted or bare for n, quoted, bare in re.findall(r'([\w-]+)=(?:"([^"]*)"|([^\s,]+))', value)}


def signed_text(message, random, number, target):
    cseq, method = message.get("cseq").split()
    asserted = [uri_of(value) for value in message.all("p-asserted-identity")]
    fields = ["TLS-DSK", random, number, REALM, target, message.call_id, cseq, method, uri_of(message.get("from")), message.param("from", "tag") or "",
              uri_of(message.get("to")), message.param("to", "tag") or "",
              *[next((uri for uri in asserted if uri.startswith(kind)), "") for kind in ("sip", "tel")], message.get("expires") or ""]
    fields += [] if message.is_request else [str(message.status)]
    return "".join(f"<{f}>" for f in fields).encode()


class Handshake:
    """The client's side; certificate: a file with key and certificate, None: it shows none."""

    def __init__(self, certificate):
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_VERSION)
        context.set_max_proto_version(SSL.TLS1_VERSION)
        context.set_cipher_list(b"AES128-SHA:@SECLEVEL=0")
        if certificate:
            context.use_certificate_file(str(certificate))
            context.use_privatekey_file(str(certificate))
        self.tls = SSL.Connection(context, None)
        self.tls.set_connect_state()

    def step(self, told=b""):
        if told:
            self.tls.bio_write(told)
        try:
            self.tls.do_handshake()
        except SSL.WantReadError:
            pass
        try:
            return self.tls.bio_read(65536)
        except SSL.WantReadError:
            return b""

    def keys(self):
        material = self.tls.export_keying_material(b"client EAP encryption", 128)
        return material[64:96], material[96:128]

    def subject(self):
        return crypto.X509.get_subject(self.tls.get_peer_certificate()).CN


class DskClient(Client):
    def __init__(self, server, user, **more):
        super().__init__(server, user, instance=f"urn:uuid:{os.urandom(4).hex()}-0000-1000-8000-{os.urandom(6).hex()}", **more)
        self.epid = os.urandom(6).hex()
        self.target, self.opaque, self.count = server.fqdn, None, 0

    def build(self, method, uri, **more):
        request = super().build(method, uri, **more)
        request.headers = [(n, v + f";epid={self.epid}" if n == "From" else v) for n, v in request.headers]
        return request

    def ask(self, *credentials):
        """A REGISTER with this; its final response."""
        request = self.register_request()
        request.headers += credentials
        self.send(request)
        answer = self.response(request)
        self.reg_cseq = answer.cseq
        return answer

    def challenges(self):
        answer = self.ask()
        assert answer.status == 401, answer.start
        return [value.split()[0] for value in answer.all("www-authenticate")], {v.split()[0]: params(v) for v in answer.all("www-authenticate")}

    def give(self, token):
        value = f'TLS-DSK qop="auth", realm="{REALM}", targetname="{self.target}"' + (f', opaque="{self.opaque}"' if self.opaque else "")
        return self.ask(("Authorization", value + f', gssapi-data="{base64.b64encode(token).decode()}", version=4'))

    def told(self, answer):
        """What the server's handshake says in a 401; None: it has none, which is a refusal."""
        for value in answer.all("www-authenticate"):
            p = params(value)
            if answer.status == 401 and value.startswith("TLS-DSK ") and "gssapi-data" in p:
                self.opaque = p["opaque"]
                return base64.b64decode(p["gssapi-data"])
        return None

    def prove(self, certificate):
        """The handshake; its last answer. The keys are there if it was good."""
        self.opaque, self.count = None, 0
        handshake = Handshake(certificate)
        flight = self.told(self.give(handshake.step()))
        assert flight and flight[0] == 22 and int.from_bytes(flight[3:5], "big") == len(flight) - 5, "not one record"
        answer = self.give(handshake.step(flight))
        last = self.told(answer)
        if last is not None:
            assert handshake.step(last) == b"" and handshake.subject() == self.server.fqdn
            self.key, self.server_key = handshake.keys()
        return answer

    def credentials(self, request, count=None):
        self.count += 1
        number, random = str(count or self.count), os.urandom(4).hex()
        mac = hmac.new(self.key, signed_text(request, random, number, self.target), hashlib.sha1).hexdigest()
        value = f'TLS-DSK qop="auth", realm="{REALM}", targetname="{self.target}", opaque="{self.opaque}", crand="{random}", cnum="{number}", response="{mac}"'
        return "Authorization" if request.method == "REGISTER" else "Proxy-Authorization", value

    def say(self, request, count=None):
        """Signed; its final response, whose signature is checked unless it is a challenge."""
        request.headers.append(self.credentials(request, count))
        self.send(request)
        answer = self.response(request)
        if request.method == "REGISTER":
            self.reg_cseq = answer.cseq
        return answer if answer.status in (401, 407) else self.check(answer)

    def check(self, message):
        value = message.get("authentication-info")
        assert value and value.startswith("TLS-DSK "), f"not signed: {message}"
        p = params(value)
        assert p["opaque"] == self.opaque and p["targetname"] == self.target
        want = hmac.new(self.server_key, signed_text(message, p["srand"], p["snum"], self.target), hashlib.sha1).hexdigest()
        assert hmac.compare_digest(p["rspauth"].lower(), want)
        return message

    def sign_in_by(self, certificate):
        answer = self.prove(certificate)
        assert self.told(answer) is not None, answer.start
        answer = self.say(self.register_request())
        assert answer.status == 200, answer.start
        return self
