# SPDX-License-Identifier: Apache-2.0
"""Requests to and from other servers of the topology: found by DNS, proven by certificate, believed in what they assert."""
import itertools
import os
import socket
import ssl
import struct
import subprocess
import threading

import pytest

from deployment import authority_files, free_port
from sip_client import Message, Wire, token

pytestmark = pytest.mark.root
GATEWAY, PORT = "gw01.example.test", free_port()
SERIAL = itertools.count(1)


class NameServer(threading.Thread):
    """Answers A questions from a table, everything else with an empty answer."""

    def __init__(self, address, names):
        super().__init__(daemon=True)
        self.names, self.asked = names, []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.settimeout(0.2)  # so that closing it is noticed
        self.sock.bind((address, 53))
        self.start()

    def run(self):
        while True:
            try:
                question, peer = self.sock.recvfrom(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            at, labels = 12, []
            while question[at]:
                labels.append(question[at + 1:at + 1 + question[at]].decode())
                at += 1 + question[at]
            kind = struct.unpack(">H", question[at + 1:at + 3])[0]
            name = ".".join(labels).lower()
            self.asked.append((name, kind))
            found = self.names.get(name, []) if kind == 1 else []
            head = question[:2] + struct.pack(">HHHHH", 0x8580 if name in self.names else 0x8583, 1, len(found), 0, 0)
            rows = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(a) for a in found)
            self.sock.sendto(head + question[12:at + 5] + rows, peer)


def certificate(server, name, usage="serverAuth"):
    """A certificate of the deployment's own CA for another server, as files."""
    top = server.top / name
    top.mkdir()
    run = lambda *words: subprocess.run(words, check=True, capture_output=True, cwd=top)
    run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "req.pem", "-subj", f"/CN={name}")
    (top / "ext").write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage={usage}\n")
    run("openssl", "x509", "-req", "-in", "req.pem", "-CA", *(words := [str(p) for p in authority_files(server.dir)])[:1], "-CAkey", words[1],
        "-CAcreateserial", "-CAserial", str(top / "serial"), "-days", "30", "-extfile", "ext", "-out", "cert.pem")
    return str(top / "cert.pem"), str(top / "key.pem")


class Gateway:
    """A server that answers every MESSAGE with 200 and remembers it."""

    def __init__(self, server, address, files):
        self.heard = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self.sock = socket.create_server((address, PORT), reuse_port=True)
        self.context = context
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                sock, _ = self.sock.accept()
                wire = Wire.__new__(Wire)
                wire.sock, wire.buf, wire.pongs = self.context.wrap_socket(sock, server_side=True), b"", 0
            except OSError:
                return
            threading.Thread(target=self.serve, args=(wire,), daemon=True).start()

    def serve(self, wire):
        try:
            while True:
                request = wire.receive(60)
                self.heard.append(request)
                keep = ("via", "from", "to", "call-id", "cseq")
                wire.send(Message("SIP/2.0 200 OK", [(n, v) for n, v in request.headers if n.lower() in keep]))
        except Exception:
            return


@pytest.fixture
def deployment(server_factory, tmp_path):
    """A server that knows one gateway; its processes see a name server of the test."""
    os.chmod(tmp_path, 0o755)
    address = f"127.{os.getpid() % 250}.{next(SERIAL)}.77"
    resolv = tmp_path / "resolv.conf"
    resolv.write_text(f"nameserver {address}\noptions timeout:1 attempts:1\n")
    resolv.chmod(0o644)
    wrap = ["unshare", "-m", "sh", "-c", f"mount --bind {resolv} /etc/resolv.conf && exec \"$@\"", "sh"]
    names = NameServer(address, {GATEWAY: ["127.0.0.66", "127.0.0.67"]})
    server = server_factory(wrap=wrap, pool="collocated: [mediation]", site=f"pstn-gateways: [{{fqdn: {GATEWAY}, port: {PORT}, transport: tls, mediation: uc.example.test}}]")
    server.names = names
    yield server
    names.sock.close()



def test_a_message_reaches_the_gateway_at_its_second_address(deployment, client):
    gateway = Gateway(deployment, "127.0.0.67", certificate(deployment, GATEWAY))
    ann = client(deployment, "ann")
    ann.sign_in()
    answer = ann.message(f"sip:+4930123@{GATEWAY}:{PORT};transport=tls", "hello")
    assert answer.status == 200
    assert gateway.heard[0].get("p-asserted-identity") == "<sip:ann@example.test>"
    assert ann.message(f"sip:+4930124@{GATEWAY}:{PORT};transport=tls", "again").status == 200
    assert len(gateway.heard) == 2


def test_a_gateway_with_another_name_is_not_spoken_to(deployment, client):
    gateway = Gateway(deployment, "127.0.0.67", certificate(deployment, "other.example.test"))
    ann = client(deployment, "ann")
    ann.sign_in()
    assert ann.message(f"sip:+4930123@{GATEWAY}:{PORT};transport=tls", "hello").status in (408, 503)
    assert not gateway.heard


def test_a_gateway_may_call_in_and_is_believed(deployment, client):
    bob = client(deployment, "bob")
    bob.sign_in()
    context = deployment.tls_client()
    context.load_cert_chain(*certificate(deployment, GATEWAY))
    wire = Wire("127.0.0.1", deployment.port_tls, context, deployment.fqdn)
    wire.send(Message("MESSAGE sip:bob@example.test SIP/2.0", [
        ("Via", f"SIP/2.0/TLS {GATEWAY}:{PORT};branch=z9hG4bK{token()}"), ("From", f"<sip:+4930123@{GATEWAY}>;tag=g"),
        ("To", "<sip:bob@example.test>"), ("Call-ID", token()), ("CSeq", "1 MESSAGE"), ("Max-Forwards", "70"),
        ("P-Asserted-Identity", "<tel:+4930123>"), ("Content-Type", "text/plain")], "ring"))
    got = bob.expect("MESSAGE")
    assert got.get("p-asserted-identity") == "<tel:+4930123>"
    bob.reply(got, 200)
    assert wire.receive(5).status == 200
    wire.close()


def test_a_stranger_with_a_certificate_of_ours_must_prove_himself(deployment):
    context = deployment.tls_client()
    context.load_cert_chain(*certificate(deployment, "stranger.example.test"))
    wire = Wire("127.0.0.1", deployment.port_tls, context, deployment.fqdn)
    wire.send(Message("MESSAGE sip:bob@example.test SIP/2.0", [
        ("Via", f"SIP/2.0/TLS x;branch=z9hG4bK{token()}"), ("From", "<sip:ann@example.test>;tag=g"), ("To", "<sip:bob@example.test>"),
        ("Call-ID", token()), ("CSeq", "1 MESSAGE"), ("Max-Forwards", "70")]))
    assert wire.receive(5).status == 407
    wire.close()
