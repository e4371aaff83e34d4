# SPDX-License-Identifier: Apache-2.0
"""What the server presents, with which protocol, and how it is replaced."""
import socket
import ssl
import subprocess
import time

import pytest

from deployment import wait_for
from sip_client import Wire
from traffic import Traffic


def presented(server, **change):
    """(certificate as text, protocol, cipher) of a fresh connection."""
    with socket.create_connection(("127.0.0.1", server.port_tls), 10) as raw:
        with server.tls_client(**change).wrap_socket(raw, server_hostname=server.fqdn) as s:
            pem = ssl.DER_cert_to_PEM_cert(s.getpeercert(True))
            return pem, s.version(), s.cipher()


def text_of(pem):
    return subprocess.run(["openssl", "x509", "-noout", "-text"], input=pem, capture_output=True, text=True, check=True).stdout


def test_names_and_use(server):
    pem, version, cipher = presented(server)
    text = text_of(pem)
    assert version == "TLSv1.3" and "GCM" in cipher[0] or "CHACHA20" in cipher[0]
    assert "CN = uc.example.test" in text
    names = text.split("X509v3 Subject Alternative Name:")[1].split("\n")[1].strip()
    assert names.startswith("DNS:uc.example.test, DNS:sip.example.test")
    assert "TLS Web Server Authentication" in text and "CRL Distribution Points" in text


def test_protocols_and_suites(server):
    assert presented(server, maximum_version=ssl.TLSVersion.TLSv1_2)[1] == "TLSv1.2"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, OSError)):
        Wire("127.0.0.1", server.port_tls, old)
    cbc = server.tls_client(maximum_version=ssl.TLSVersion.TLSv1_2)
    cbc.set_ciphers("AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256")
    with pytest.raises((ssl.SSLError, OSError)):
        Wire("127.0.0.1", server.port_tls, cbc, server.fqdn)


@pytest.mark.parametrize("key", ["rsa-2048", "ec-p256"])
def test_key_kinds_and_resumption(server_factory, key):
    server = server_factory(key=key, fronts=2)
    tls = server.tls_client(maximum_version=ssl.TLSVersion.TLSv1_2)
    session, reused = None, []
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", server.port_tls), 10) as raw:
            with tls.wrap_socket(raw, server_hostname=server.fqdn, session=session) as s:
                reused.append(s.session_reused)
                session = session or s.session
    assert reused[0] is False and all(reused[1:]), "a session resumes at every front process"


def test_replaced_under_load_without_a_failed_request(server, client):
    ann = client(server, "ann").sign_in()
    first = presented(server)[0]
    traffic = Traffic(server, pairs=2, pause=0, new_connection_each=True)
    time.sleep(0.5)
    seen = {first}
    for _ in range(3):
        server.cli("Request-CsCertificate", "-New", "-Type", "Default")
        fresh = wait_for(lambda: next(iter({presented(server)[0]} - seen), None), 5, message="the old certificate is still presented")
        seen.add(fresh)
        time.sleep(0.5)
    tally = traffic.stop()
    assert tally.failed == [] and tally.lost == 0 and tally.done > 20
    assert ann.register().status == 200, "an old connection was dropped"


def test_certificate_survives_restart_of_keeper_and_server(server, client):
    server.cli("Request-CsCertificate", "-New", "-Type", "Default")
    time.sleep(0.5)
    now = presented(server)[0]
    old = server.kill("keeper0")
    server.wait_restarted("keeper0", old)
    assert presented(server)[0] == now
    server.restart()
    assert presented(server)[0] == now


def test_stranger_ca_is_not_trusted_by_clients(server):
    with pytest.raises(ssl.SSLCertVerificationError):
        Wire("127.0.0.1", server.port_tls, ssl.create_default_context(), server.fqdn)
    with pytest.raises(ssl.SSLCertVerificationError):
        Wire("127.0.0.1", server.port_tls, server.tls_client(), "other.example.test")
