# SPDX-License-Identifier: Apache-2.0
"""`witan check certificates` asks real listeners: OpenSSL, GnuTLS, nginx and witand, one by one and a whole deployment in a network of its own."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from authority import Mint
from deployment import BUILD, free_port, wait_for
from test_check import WHOLE, check, found, plan, row_of

EDGE = ["--host", "edge01.internal.ad", "--usage", "AccessEdgeExternal", "--topology", WHOLE]


@pytest.fixture(scope="module")
def mint():
    mint = Mint()
    yield mint
    mint.close()


@pytest.fixture(scope="module")
def edge(mint, tmp_path_factory):
    """Files of a good Edge certificate: (chain, key, roots inside, roots outside)."""
    top = tmp_path_factory.mktemp("edge")
    os.chmod(top, 0o755)
    mint.write(top, "edge", {**row_of({"base": "edge"}), "key": "rsa-2048", "key_file": "own"})
    return (top / "edge.pem", top / "edge.key", *mint.write_roots(top))


@pytest.fixture
def run():
    """Starts programs and ends them; each is there when its port takes connections."""
    started = []

    def start(*words, port=None, host="127.0.0.1", env=None):
        process = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})},
                                   start_new_session=True)
        started.append(process)
        if port:
            wait_for(lambda: takes(host, port), message=f"{words[0]} does not listen")
        return process

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)  # faketime and nginx have children, which would live on
        process.wait()


def takes(host, port):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def words_of(report, rule):
    return " ".join(f["what"] for f in report["findings"] if f["rule"] == rule)


def roots(edge):
    return ["--ca", edge[2], "--public-ca", edge[3]]


def nginx(top, servers, more=""):
    conf = pathlib.Path(top) / "nginx.conf"
    conf.write_text(f"daemon off; master_process off; worker_processes 1; pid {top}/nginx.pid; error_log {top}/error.log; events {{ worker_connections 500; }}\n"
                    f"http {{ access_log off; client_body_temp_path {top}/b; proxy_temp_path {top}/p; fastcgi_temp_path {top}/f; uwsgi_temp_path {top}/u; scgi_temp_path {top}/s;\n"
                    f"ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20; {more}\n{servers} }}\n")
    return ["nginx", "-e", f"{top}/error.log", "-c", conf]


def server_block(address, port, chain, key, more=""):
    return f"server {{ listen {address}:{port} ssl; ssl_certificate \"{chain}\"; ssl_certificate_key \"{key}\"; {more} return 204; }}\n"


def test_modern_server_is_clean(edge, run, tmp_path):
    port = free_port()
    run(*nginx(tmp_path, server_block("127.0.0.1", port, edge[0], edge[1])), port=port)
    assert found(check(f"127.0.0.1:{port}", *EDGE, *roots(edge), "--name", "sip.domain.com")) == []


def test_old_versions_and_suites_of_openssl(edge, run):
    port = free_port()
    run("openssl", "s_server", "-accept", port, "-cert", edge[0], "-cert_chain", edge[0], "-key", edge[1], "-cipher", "ALL:@SECLEVEL=0", "-quiet", port=port)
    report = check(f"127.0.0.1:{port}", *EDGE, *roots(edge), status=1)
    assert words_of(report, "TLS-01") == "it speaks TLS 1.0 it speaks TLS 1.1"
    assert "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA" in words_of(report, "TLS-02") and "anonymous: " in words_of(report, "TLS-02")
    assert "no forward secrecy: " in words_of(report, "TLS-03")


def test_what_no_library_would_offer(edge, run):
    """3DES is in no OpenSSL of today; it is found all the same."""
    port = free_port()
    run("gnutls-serv", "--quiet", "--port", port, "--x509certfile", edge[0], "--x509keyfile", edge[1], "--priority", "NORMAL:+3DES-CBC:+SHA1:-VERS-TLS1.0:-VERS-TLS1.1", port=port)
    report = check(f"127.0.0.1:{port}", *EDGE, *roots(edge), status=1)
    assert "3DES: TLS_" in words_of(report, "TLS-02") and "_WITH_3DES_EDE_CBC_SHA" in words_of(report, "TLS-02")
    assert words_of(report, "TLS-01") == ""


def test_no_resumption(edge, run, tmp_path):
    port = free_port()
    run(*nginx(tmp_path, server_block("127.0.0.1", port, edge[0], edge[1]), "ssl_session_tickets off; ssl_session_cache off;"),
        port=port)
    report = check(f"127.0.0.1:{port}", *EDGE, *roots(edge))
    assert ("S-here", "information") in found(report)


def test_a_certificate_of_ours_is_not_needed(edge, run):
    """A listener of mutual TLS presents its chain before it asks for ours."""
    for more in ([], ["-no_tls1_3"]):
        port = free_port()
        run("openssl", "s_server", "-accept", port, "-cert", edge[0], "-cert_chain", edge[0], "-key", edge[1], "-Verify", 1, "-CAfile", edge[2], "-min_protocol", "TLSv1.2",
            "-cipher", "ECDHE+AESGCM", "-quiet", *more, port=port)
        report = check(f"127.0.0.1:{port}", *EDGE, *roots(edge))
        assert set(found(report)) <= {("TLS-13", "information")}
        assert report["certificates"][0]["subject"].startswith("CN=sip.domain.com")


def test_chain_as_it_is_presented(mint, edge, run, tmp_path):
    port = free_port()
    mint.write(tmp_path, "x", {**row_of({"base": "edge"}), "chain": ["leaf"], "key_file": "own"})
    run(*nginx(tmp_path, server_block("127.0.0.1", port, tmp_path / "x.pem", tmp_path / "x.key")), port=port)
    assert found(check(f"127.0.0.1:{port}", *EDGE, *roots(edge))) == [("C-missing", "error")]


def test_wrong_clock(edge, run, tmp_path):
    port = free_port()
    run("faketime", "-f", "+10m", *nginx(tmp_path, server_block("127.0.0.1", port, edge[0], edge[1])), port=port)
    report = check(f"127.0.0.1:{port}", "--host", "rp01.internal.ad", "--usage", "WebServicesExternal", "--topology", WHOLE, *roots(edge))
    assert "seconds ahead" in words_of(report, "X-clock")


def test_who_speaks_no_tls(edge):
    with socket.create_server(("127.0.0.1", 0)) as plain, socket.create_server(("127.0.0.1", 0)) as silent:
        def talk():
            while True:
                try:
                    peer, _ = plain.accept()
                    peer.sendall(b"SIP/2.0 400 Bad Request\r\n\r\n")
                    peer.close()
                except OSError:
                    return
        threading.Thread(target=talk, daemon=True).start()
        begun = time.monotonic()
        report = check(f"127.0.0.1:{plain.getsockname()[1]}", f"127.0.0.1:{silent.getsockname()[1]}", f"127.0.0.1:{free_port()}", *EDGE, *roots(edge), status=1)
        assert time.monotonic() - begun < 20
    assert [f["rule"] for f in report["findings"]] == ["X-read"] * 3
    assert "does not answer with TLS" in words_of(report, "X-read") and "nobody answers" in words_of(report, "X-read") and "but does not answer" in words_of(report, "X-read")


def flood(listener, is_patient):
    """Never stops sending HelloRequest, which OpenSSL passes over; a patient one says no to whoever offers no tickets, as greetings of our own do."""
    def pour(peer):
        try:
            if is_patient and b"\x00\x23\x00\x00" not in peer.recv(4096):
                peer.sendall(b"\x15\x03\x03\x00\x02\x02\x28")
                return peer.close()
            while True:
                peer.sendall(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00" * 1000)
        except OSError:
            return peer.close()

    def take():
        while True:
            try:
                threading.Thread(target=pour, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                return
    threading.Thread(target=take, daemon=True).start()
    return listener.getsockname()[1]


def test_who_never_stops_sending(mint, edge, tmp_path):
    """Neither a listener nor a server of revocation lists holds the check."""
    with socket.create_server(("127.0.0.1", 0)) as patient, socket.create_server(("127.0.0.1", 0)) as other:
        mint.write(tmp_path, "x", {**row_of({"base": "edge"}), "cdp": [f"https://127.0.0.1:{flood(other, False)}/x.crl"]})
        begun = time.monotonic()
        report = check(f"127.0.0.1:{flood(patient, True)}", tmp_path / "x.pem", *EDGE, *roots(edge), status=1)
        assert time.monotonic() - begun < 40
    assert words_of(report, "X-read") == "it presents no certificate" and "/x.crl: " in words_of(report, "G04")


def test_own_server(server):
    """The listener of a fresh deployment, by its own topology and roots."""
    done = subprocess.run([str(BUILD / "witan"), "--dir", str(server.dir), "check", "certificates", f"127.0.0.1:{server.port_tls}", "--host", server.fqdn, "--usage", "Default",
                           "--name", server.fqdn, "--offline", "--format", "json"], capture_output=True, text=True, timeout=60)
    report = json.loads(done.stdout)
    assert done.returncode == 0, report["findings"]
    assert {f["severity"] for f in report["findings"]} <= {"information"}


# ---- a whole deployment ----

class Network:
    """A network of its own for programs that need fixed addresses and ports."""

    def __init__(self):
        self.keeper = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up && echo up && exec sleep 600"], stdout=subprocess.PIPE)
        assert self.keeper.stdout.readline() == b"up\n"

    def inside(self, *words):
        return ["nsenter", "-t", str(self.keeper.pid), "-n", *map(str, words)]

    def add_address(self, address):
        subprocess.run(self.inside("ip", "addr", "add", f"{address}/32", "dev", "lo"), check=True)

    def close(self):
        self.keeper.kill()
        self.keeper.wait()


@pytest.fixture
def network():
    network = Network()
    yield network
    network.close()


EDGE_ADDRESSES = {"edge01.internal.ad": {"access": "192.0.2.11", "web-conferencing": "192.0.2.12", "av": "192.0.2.13", "": "10.0.0.11"},
                  "edge02.internal.ad": {"access": "192.0.2.21", "web-conferencing": "192.0.2.22", "av": "192.0.2.23", "": "10.0.0.12"}}


def deployment(mint, network, top, other_edge=False, without=""):
    """Every listener that the plan names, each with its certificate, by one nginx; answers its command and the options of witan."""
    blocks, options, addresses = "", [], {}
    for i, p in enumerate(plan(WHOLE)):
        row = {"cn": p["cn"], "san": p["san"], "eku": p["eku"], "ca": p["ca"], "key_file": "own", "cdp": None}
        mint.write(top, f"c{i}", row)
        mint.write(top, "other", {**row, "key": "ec-p384"}) if other_edge and "AccessEdgeExternal" in p["usage"] else None
        for host in [p["host"], *p["shared-with"]]:
            for listener in p["listeners"]:
                side, _, port = listener.rpartition(" ")
                address = EDGE_ADDRESSES.get(host, {}).get(side) or addresses.setdefault(host, f"10.1.0.{len(addresses) + 1}")
                name = "other" if other_edge and host == "edge02.internal.ad" and "AccessEdgeExternal" in p["usage"] else f"c{i}"
                if host != without:
                    blocks += server_block(address, port.split("/")[0], f"{top}/{name}.pem", f"{top}/{name}.key")
    for host, address in addresses.items():
        network.add_address(address)
        options += ["--address", f"{host}={address}"]
    for sides in EDGE_ADDRESSES.values():
        for address in sides.values():
            network.add_address(address)
    return network.inside(*nginx(top, blocks)), options


def ask_all(mint, network, run, top, options=(), **change):
    command, addresses = deployment(mint, network, top, **change)
    run(*command)
    wait_for(lambda: subprocess.run(network.inside("sh", "-c", "ss -ltn | grep -q 192.0.2.11:443")).returncode == 0)
    inside, outside = mint.write_roots(top)
    done = subprocess.run(network.inside(BUILD / "witan", "check", "certificates", "--all", "--topology", WHOLE, "--ca", inside, "--public-ca", outside, *addresses, "--offline",
                                         "--format", "json", *options), capture_output=True, text=True, timeout=120)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


# without a network nobody can fetch a list, so that certificates here name none
NO_LIST = ("G04", "error")


def test_whole_deployment(mint, network, run, tmp_path):
    report = ask_all(mint, network, run, tmp_path)
    assert len(report["certificates"]) > 40
    assert set(found(report)) <= {NO_LIST, ("S-pool", "information")}
    assert {u for c in report["certificates"] for f in c["for"] for u in f["usage"]} >= {"Default", "WebServicesInternal", "WebServicesExternal", "AccessEdgeExternal", "Internal"}


def test_whole_deployment_with_faults(mint, network, run, tmp_path):
    report = ask_all(mint, network, run, tmp_path, other_edge=True, without="fe02.internal.ad")
    assert set(found(report)) <= {NO_LIST, ("S-pool", "information"), ("E-samekey", "error"), ("X-read", "error")}
    assert any(f["rule"] == "E-samekey" and "192.0.2.2" in f["place"] for f in report["findings"])
    assert any(f["rule"] == "X-read" and f["place"].startswith("fe02.internal.ad:") for f in report["findings"])
