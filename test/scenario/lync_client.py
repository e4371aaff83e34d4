# SPDX-License-Identifier: Apache-2.0
"""A client of the Lync dialect that signs in by Kerberos, and signs and checks every message; says what a test wants said."""
import base64
import os
import re

from sip_client import Client, Message, token

REALM = "SIP Communications Service"


def uri_of(value):
    found = re.search(r"<([^>]*)>", value or "")
    return found.group(1) if found else (value or "").partition(";")[0]


def params(value):
    return {n.lower(): (q if q else b) for n, q, b in re.findall(r'([\w-]+)=(?:"([^"]*)"|([^\s,]+))', value)}


def signed_text(message, random, number, target, version):
    """What a signature is about (MS-SIPAE 3.2.5.2)."""
    cseq, method = message.get("cseq").split()
    fields = ["Kerberos", random, number, REALM, target, message.call_id, cseq, method, uri_of(message.get("from")), message.param("from", "tag") or ""]
    fields += [uri_of(message.get("to"))] if version > 2 else []
    fields += [message.param("to", "tag") or ""]
    asserted = [uri_of(v) for v in message.all("p-asserted-identity")]
    fields += [next((u for u in asserted if u.startswith(kind)), "") for kind in ("sip", "tel")] if version > 2 else []
    fields += [message.get("expires") or ""]
    fields += [] if message.is_request else [str(message.status)]
    return "".join(f"<{f}>" for f in fields).encode()


class LyncClient(Client):
    def __init__(self, server, user, **more):
        super().__init__(server, user, instance=f"urn:uuid:{os.urandom(4).hex()}-0000-1000-8000-{os.urandom(6).hex()}", **more)
        self.epid = os.urandom(6).hex()
        self.target = f"sip/{server.fqdn}"
        self.context = self.opaque = None
        self.count, self.version = 0, 4

    def build(self, method, uri, **more):
        request = super().build(method, uri, **more)
        request.headers = [(n, v + f";epid={self.epid}" if n == "From" else v) for n, v in request.headers]
        return request

    # ---- the proof ----

    def open(self, realm, cache, service=None):
        """A context by the tickets of the cache; returns the token."""
        import gssapi
        os.environ["KRB5_CONFIG"] = str(realm.top / "krb5.conf")
        credentials = gssapi.Credentials(usage="initiate", store={"ccache": f"FILE:{cache}"})
        name = gssapi.Name(service or f"{self.target}@EXAMPLE.TEST", gssapi.NameType.kerberos_principal)
        self.context = gssapi.SecurityContext(name=name, usage="initiate", creds=credentials, mech=gssapi.MechType.kerberos,
                                              flags=gssapi.RequirementFlag.integrity)
        return self.context.step()

    def credentials(self, request, given=None, count=None, forge=False):
        self.count += 1
        number, random = str(count or self.count), os.urandom(4).hex()
        value = f'Kerberos qop="auth", realm="{REALM}", targetname="{self.target}"'
        if self.opaque:
            value += f', opaque="{self.opaque}"'
        if given is not None:
            value += f', gssapi-data="{base64.b64encode(given).decode()}", version={self.version}'
        if self.context and (given is None or self.version > 3):
            text = signed_text(request, random, number, self.target, self.version)
            mic = self.context.get_signature(text + b"!" if forge else text)
            value += f', crand="{random}", cnum="{number}", response="{mic.hex()}"'
        name = "Authorization" if request.method == "REGISTER" else "Proxy-Authorization"
        return name, value

    def challenges(self):
        """The values of the first 401."""
        request = self.register_request()
        self.send(request)
        answer = self.response(request)
        assert answer.status == 401, answer.start
        return answer.all("www-authenticate")

    def prove(self, given, **more):
        """REGISTER with a token; the final response, whose signature is checked."""
        request = self.register_request()
        request.headers.append(self.credentials(request, given, **more))
        self.send(request)
        answer = self.response(request)
        self.reg_cseq = answer.cseq
        if answer.status == 200:
            self.opaque = params(answer.get("authentication-info"))["opaque"]
        return answer

    def sign_in_by(self, realm, cache, service=None):
        answer = self.prove(self.open(realm, cache, service))
        assert answer.status == 200, answer.start
        self.check(answer)
        return self

    # ---- signatures ----

    def check(self, message):
        """Fails unless the server has signed it for us."""
        value = message.get("authentication-info")
        assert value and value.startswith("Kerberos "), f"not signed: {message}"
        p = params(value)
        assert p["opaque"] == self.opaque and p["targetname"] == self.target and p["realm"] == REALM
        self.context.verify_signature(signed_text(message, p["srand"], p["snum"], p["targetname"], self.version), bytes.fromhex(p["rspauth"]))
        return message

    def say(self, method, uri, **more):
        """A signed request; its final response, whose signature is checked."""
        forge, count = more.pop("forge", False), more.pop("count", None)
        request = self.build(method, uri, **more)
        request.headers.append(self.credentials(request, forge=forge, count=count))
        self.send(request)
        answer = self.response(request)
        return answer if answer.status in (401, 407) else self.check(answer)

    def answer(self, request, status=200):
        rows = [(n, v) for n, v in request.headers if n.lower() in ("via", "from", "to", "call-id", "cseq")]
        tag = token("t")
        rows = [(n, v + f";tag={tag}" if n.lower() == "to" and "tag=" not in v else v) for n, v in rows]
        response = Message(f"SIP/2.0 {status} OK", rows)
        self.count += 1
        random, number = os.urandom(4).hex(), str(self.count)
        mic = self.context.get_signature(signed_text(response, random, number, self.target, self.version))
        response.headers.append(("Proxy-Authorization", f'Kerberos qop="auth", realm="{REALM}", targetname="{self.target}", opaque="{self.opaque}", '
                                 f'crand="{random}", cnum="{number}", response="{mic.hex()}"'))
        self.send(response)
