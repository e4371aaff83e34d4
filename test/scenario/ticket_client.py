# SPDX-License-Identifier: Apache-2.0
"""A client of the web services: tickets, and certificates for them, by requests that it writes itself and signs with the ticket's key."""
import base64
import datetime
import hashlib
import hmac
import os
import re
import subprocess
import uuid
import xml.etree.ElementTree as ET

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from web_client import WebClient

TRUST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
SAML = "urn:oasis:names:tc:SAML:1.0:assertion"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
CERT_PATH = "/CertProv/CertProvisioningService.svc/WebTicket_Proof_SHA1"
TICKET_PATH = "/WebTicket/WebTicketService.svc/Auth"
USER_PATH = "/Autodiscover/AutodiscoverService.svc/root/user"


def p_sha1(secret, seed, n):
    a, out = hmac.new(secret, seed, "sha1").digest(), b""
    while len(out) < n:
        out += hmac.new(secret, a + seed, "sha1").digest()
        a = hmac.new(secret, a, "sha1").digest()
    return out[:n]


def csr(subject="ann@example.test", key=None):
    key = key or rsa.generate_private_key(65537, 2048)
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER), key


def instant(moment):
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Ticket:
    """What an answer to a RequestSecurityToken brings."""

    def __init__(self, body, entropy=b""):
        text = body.decode()
        self.assertion = re.search(r"<saml:Assertion.*</saml:Assertion>", text, re.S).group(0)
        self.id = re.search(r'AssertionID="([^"]*)"', self.assertion).group(1)
        self.context = re.search(r'Context="([^"]*)"', text).group(1)
        self.lifetime = re.search(r"<Lifetime>(.*)</Lifetime>", text, re.S).group(1)
        server = re.search(r"<Entropy><BinarySecret>([^<]*)<", text)
        self.key = p_sha1(entropy, base64.b64decode(server.group(1)), len(entropy)) if entropy else b""
        assert bool(server) == bool(entropy)

    @property
    def header(self):
        return "opaque=" + base64.b64encode(self.assertion.encode()).decode()


class TicketClient:
    def __init__(self, server, outside=False, name=None):
        self.server = server
        self.outside = outside
        self.name = name or ("web.example.test" if outside else "uc.example.test")
        self.port = server.port_external_https if outside else server.port_https
        self.base = "https://web.example.test" if outside else f"https://uc.example.test:{server.port_https}"
        self.http = self.connect()

    def connect(self):
        return WebClient(self.port, self.server.dir / "ca.pem", host=self.name)

    def post(self, path, body, **fields):
        return self.http.ask("POST", path, {"Content-Type": "text/xml", **fields}, body if isinstance(body, bytes) else body.encode())

    # ---- tickets ----

    def token_request(self, user="ann", entropy=b"", audience=None, context="c1"):
        key = (f"<Entropy><BinarySecret>{base64.b64encode(entropy).decode()}</BinarySecret></Entropy><KeyType>{TRUST}/SymmetricKey</KeyType>" if entropy else
               "<KeyType>http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey</KeyType>")
        return (f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}"><s:Body><RequestSecurityToken xmlns="{TRUST}" Context="{context}">'
                "<TokenType>http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1</TokenType>"
                "<RequestType>http://schemas.xmlsoap.org/ws/2005/02/trust/Issue</RequestType>"
                '<AppliesTo xmlns="http://schemas.xmlsoap.org/ws/2004/09/policy"><EndpointReference xmlns="http://www.w3.org/2005/08/addressing">'
                f"<Address>{audience or self.base + CERT_PATH}</Address></EndpointReference></AppliesTo>"
                '<Claims Dialect="urn:component:Microsoft.Rtc.WebAuthentication.2010:authclaims">'
                '<auth:ClaimType xmlns:auth="http://schemas.xmlsoap.org/ws/2006/12/authorization" Uri="http://schemas.xmlsoap.org/ws/2005/05/identity/claims/uri">'
                f"<auth:Value>sip:{user}@example.test</auth:Value></auth:ClaimType></Claims>{key}</RequestSecurityToken></s:Body></s:Envelope>")

    def ask_ticket(self, login="ann", password=None, user=None, **more):
        password = password if password is not None else self.server.passwords[login]
        coded = base64.b64encode(f"{login}:{password}".encode()).decode()
        return self.post(TICKET_PATH, self.token_request(user or login, **more), Authorization=f"Basic {coded}")

    def ticket(self, login="ann", bearer=False, **more):
        entropy = b"" if bearer else os.urandom(32)
        answer = self.ask_ticket(login, entropy=entropy, **more)
        assert answer.status == 200, (answer.status, answer.body)
        return Ticket(answer.body, entropy)

    # ---- certificates ----

    def certificate_request(self, ticket, request, user="ann", device="11111111-2222-3333-4444-555555555555", key=None, assertion=None, times=None, shape=None,
                            timestamp=None, digest=None):
        """shape changes the header after it was signed."""
        lifetime = times or ticket.lifetime
        stamp = f'<wsu:Timestamp xmlns:wsu="{WSU}" wsu:Id="timestamp">{lifetime}</wsu:Timestamp>'
        digest = digest or base64.b64encode(hashlib.sha1(stamp.encode()).digest()).decode()
        info = (f'<SignedInfo xmlns="{DSIG}"><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></CanonicalizationMethod>'
                f'<SignatureMethod Algorithm="{DSIG}hmac-sha1"></SignatureMethod><Reference URI="#timestamp"><Transforms>'
                '<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></Transform></Transforms>'
                f'<DigestMethod Algorithm="{DSIG}sha1"></DigestMethod><DigestValue>{digest}</DigestValue></Reference></SignedInfo>')
        value = base64.b64encode(hmac.new(key if key is not None else ticket.key, info.encode(), "sha1").digest()).decode()
        header = (f'<wsse:Security xmlns:wsse="{WSSE}" s:mustUnderstand="1">{timestamp or stamp}{assertion or ticket.assertion}<Signature xmlns="{DSIG}">{info}'
                  f'<SignatureValue>{value}</SignatureValue><KeyInfo><wsse:SecurityTokenReference><wsse:KeyIdentifier '
                  'ValueType="http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID">'
                  f"{ticket.id}</wsse:KeyIdentifier></wsse:SecurityTokenReference></KeyInfo></Signature></wsse:Security>")
        coded = base64.encodebytes(request).decode()
        return (f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}"><s:Header>{shape(header) if shape else header}</s:Header><s:Body>'
                f'<GetAndPublishCert xmlns="http://schemas.microsoft.com/OCS/AuthWebServices/" xmlns:wst="{TRUST}/" DeviceId="{{{device}}}" Entity="{user}@example.test">'
                f'<wst:RequestSecurityToken><wst:TokenType>http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3</wst:TokenType>'
                f"<wst:RequestType>{TRUST}/Issue</wst:RequestType>"
                f'<wsse:BinarySecurityToken xmlns:wsse="{WSSE}" ValueType="http://schemas.microsoft.com/OCS/AuthWebServices.xsd#PKCS10" '
                f'EncodingType="{WSSE}#Base64Binary">\r\n{coded}</wsse:BinarySecurityToken>'
                f'<RequestID xmlns="http://schemas.microsoft.com/windows/pki/2009/01/enrollment">{uuid.uuid4()}</RequestID>'
                "</wst:RequestSecurityToken></GetAndPublishCert></s:Body></s:Envelope>")

    def ask_certificate(self, ticket, request=None, **more):
        return self.post(CERT_PATH, self.certificate_request(ticket, request or csr()[0], **more))

    def certificate(self, ticket, request=None, **more):
        answer = self.ask_certificate(ticket, request, **more)
        assert answer.status == 200, (answer.status, answer.body)
        token = re.search(rb"<BinarySecurityToken[^>]*>([^<]*)<", answer.body).group(1)
        return x509.load_der_x509_certificate(base64.b64decode(token)), answer


def fault(answer):
    """The words of a fault, which stand in both places."""
    assert answer.status == 500 and answer["Content-Type"].startswith("text/xml"), (answer.status, answer.body)
    tree = ET.fromstring(answer.body)
    one = tree.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault")
    text = one.find("faultstring").text
    space = "{http://schemas.microsoft.com/Passport/SoapServices/SOAPFault}"
    assert one.find(f"{{{SOAP}}}Detail/{space}error/{space}internalerror/{space}text").text == text
    return text


def ntlm_by_curl(server, login, password, body, path=TICKET_PATH, port=None):
    """A foreign implementation of NTLM over HTTP: the body that came, and the status."""
    port = port or server.port_https
    done = subprocess.run(["curl", "-s", "--ntlm", "-u", f"EXAMPLE\\{login}:{password}", "--cacert", str(server.dir / "ca.pem"), "--resolve", f"uc.example.test:{port}:127.0.0.1",
                           "-H", "Content-Type: text/xml", "--data-binary", "@-", "-w", "\n%{http_code}", f"https://uc.example.test:{port}{path}"],
                          input=body.encode(), capture_output=True, timeout=30)
    text, _, status = done.stdout.rpartition(b"\n")
    return int(status), text


def weak_csr():
    return csr(key=rsa.generate_private_key(65537, 1024))[0]


def curve_csr():
    return csr(key=ec.generate_private_key(ec.SECP256R1()))[0]
