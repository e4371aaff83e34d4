# SPDX-License-Identifier: Apache-2.0
"""witan plan proxy: nginx runs what it writes, in a namespace where its ports are free; every published name reaches the right pool,
and nothing else gets in."""
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time
import warnings

import pytest

from deployment import BUILD, ROOT, wait_for
from namespaces import Site, need_namespaces

WHOLE = ROOT / "test/topology/whole.yaml"
PROXY = "127.1.0.40"
HOSTS = {"dir01.internal.ad": "127.1.0.31", "fe01.internal.ad": "127.1.0.21", "fe02.internal.ad": "127.1.0.22", "fe03.internal.ad": "127.1.0.23", "se01.internal.ad": "127.1.0.25",
         "wacfarm.internal.ad": "127.1.0.61"}
POOLS = {"dirpool.internal.ad": ["dir01.internal.ad"], "eepool.internal.ad": [f"fe0{n}.internal.ad" for n in (1, 2, 3)], "se01.internal.ad": ["se01.internal.ad"],
         "wacfarm.internal.ad": ["wacfarm.internal.ad"]}
# what is to be published, and where it leads
PUBLISHED = {"dirweb.domain.com": "dirpool.internal.ad", "eepoolweb.domain.com": "eepool.internal.ad", "seweb.domain.com": "se01.internal.ad", "wac.domain.com": "wacfarm.internal.ad",
             "dialin.domain.com": "dirpool.internal.ad",
             **{f"{label}.{d}": "dirpool.internal.ad" for label in ("meet", "lyncdiscover") for d in ("domain.com", "domain-a.com", "domain-b.com")}}


def witan(*args, status=0):
    done = subprocess.run([BUILD / "witan", "plan", "proxy", *map(str, args)], capture_output=True, text=True, timeout=20)
    assert done.returncode == status, done.stderr
    return done


class Authority:
    """Certificates made by openssl."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.path("key"), "-out", self.path("pem"), "-days", "2", "-subj", f"/CN={name}")

    def path(self, end):
        return self.folder / f"{self.name}.{end}"

    def run(self, *args):
        done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def issue(self, *names):
        """Certificate and key in one file."""
        both, request = self.folder / f"{self.name}-{names[0]}.pem", self.folder / "request"
        sans = self.folder / "sans"
        sans.write_text("subjectAltName=" + ",".join(f"DNS:{n}" for n in names) + "\nextendedKeyUsage=serverAuth\n")
        self.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.folder / "k", "-out", request, "-subj", f"/CN={names[0]}")
        self.run("x509", "-req", "-in", request, "-CA", self.path("pem"), "-CAkey", self.path("key"), "-CAcreateserial", "-days", "2", "-extfile", sans, "-out", self.folder / "c")
        both.write_text((self.folder / "c").read_text() + (self.folder / "k").read_text())
        return both


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.count += 1
        if self.path.startswith("/slow"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"first", b"second"):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
                time.sleep(1.5)
            self.wfile.write(b"0\r\n\r\n")
            return
        size = int(self.headers.get("Content-Length", 0))
        body = json.dumps({"host": self.server.name, "port": self.server.server_port, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "count": self.server.count,
                           "got": len(self.rfile.read(size))}).encode()
        self.send_response(200)
        for key, value in (("Content-Length", str(len(body))), ("Cache-Control", "max-age=1000"), ("Strict-Transport-Security", "max-age=1")):
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a proxy that does not trust the certificate hangs up


def backend(name, address, port, certificate=None):
    server = Quiet((address, port), Answer)
    server.name, server.count = name, 0
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


class Response:
    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1]) if raw else 0
        self.headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}

    @property
    def json(self):
        return json.loads(self.body)


class Stage:
    """Pools, and nginx before them."""

    def __init__(self, site, folder, topology=WHOLE, certificate_names=None, hosts=HOSTS):
        self.site, self.folder, self.space = site, folder, site.add(f"rp{len(site.made)}")
        self.inner, self.outer = Authority(folder, "inner"), Authority(folder, "outer")
        (folder / "addresses").write_text("".join(f"{name} {address}\n" for name, address in HOSTS.items()))
        front = self.outer.issue("proxy", *(certificate_names or PUBLISHED), "admin.domain.com")
        text = witan("--topology", topology, "--addresses", folder / "addresses", "--listen", PROXY, "--certificate", front, "--key", front, "--trusted", self.inner.path("pem")).stdout
        (folder / "witan.conf").write_text(text)
        (folder / "nginx.conf").write_text(f"pid {folder}/pid;\nerror_log {folder}/error.log info;\nworker_processes 1;\ndaemon off;\nevents {{}}\nhttp {{\naccess_log off;\n"
                                           + "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) + f"include {folder}/witan.conf;\n}}\n")
        self.backends = {}
        with site.inside(self.space):
            for pool, members in POOLS.items():
                for name in members:
                    self.backends[name] = self.serve(name, pool)
        self.p = site.start(self.space, "nginx", "-c", folder / "nginx.conf", "-e", folder / "error.log")
        wait_for(lambda: self.p.poll() is not None or self.is_up(), message="nginx does not start")
        assert self.p.poll() is None, (folder / "error.log").read_text()

    def serve(self, name, pool):
        """The services of one server."""
        certificate = self.inner.issue(pool, name)
        if pool == "wacfarm.internal.ad":
            return [backend(name, HOSTS[name], 443, certificate)]
        return [backend(name, HOSTS[name], 4443, certificate), backend(name, HOSTS[name], 8080)]

    def is_up(self):
        with self.site.inside(self.space), socket.socket() as s:
            return s.connect_ex((PROXY, 443)) == 0

    def connect(self, name=None, tls=True, context=None):
        with self.site.inside(self.space):
            s = socket.create_connection((PROXY, 443 if tls else 80), timeout=10)
        if not tls:
            return s
        if context is None:
            context = ssl.create_default_context(cafile=self.outer.path("pem"))
            context.check_hostname = name is not None
        return context.wrap_socket(s, server_hostname=name)

    def raw(self, text, name=None, tls=True):
        with self.connect(name, tls) as s:
            s.sendall(text)
            got = b""
            try:
                while chunk := s.recv(65536):
                    got += chunk
            except (ConnectionResetError, ssl.SSLError):
                pass
        return Response(got)

    def get(self, host, path="/", sni=True, tls=True, method="GET", more=""):
        name = host.split(":")[0].rstrip(".").lower() if sni else None
        return self.raw(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n".encode(), name if name in PUBLISHED else None, tls)

    def stop_backend(self, name):
        for server in self.backends.pop(name):
            server.shutdown()
            server.server_close()

    def restart_backend(self, name, certificate):
        self.stop_backend(name)
        with self.site.inside(self.space):
            self.backends[name] = [backend(name, HOSTS[name], 4443, certificate)]

    def close(self):
        for name in list(self.backends):
            self.stop_backend(name)


@pytest.fixture
def stage(tmp_path):
    need_namespaces("nginx", "openssl")
    site, made = Site(), []

    def make(**more):
        made.append(Stage(site, tmp_path, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()
    site.close()


def test_each_name_reaches_its_pool(stage):
    s = stage()
    for name, pool in PUBLISHED.items():
        got = s.get(name, "/some/path?x=%2F..", more="X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\n")
        assert got.status == 200, (name, got.status, got.body)
        assert got.json["host"] in POOLS[pool] and got.json["port"] == (443 if name.startswith("wac") else 4443)
        assert got.json["path"] == "/some/path?x=%2F.."
        sent = got.json["headers"]
        assert sent["host"] == name and sent["x-forwarded-for"].startswith("127.") and sent["x-forwarded-proto"] == "https" and "forwarded" not in sent
        assert got.headers["strict-transport-security"] == "max-age=315360000"
    first, second = (s.get("seweb.domain.com", "/same").json["count"] for _ in range(2))
    assert second == first + 1  # nothing is kept
    assert s.get("meet.domain.com", "/upload", method="POST", more="Content-Length: 3\r\n\r\nabc").json["got"] == 3


def test_other_names_are_refused(stage):
    s = stage()
    refused = ["admin.domain.com", "lyncdiscoverinternal.domain.com", "eepool.internal.ad", "dir01.internal.ad", "domain.com", "www.domain.com", "sip.domain.com", "meet", "meet.madhatter.evil",
               "madhatter.evil", "meet.domain.com.madhatter.evil", "meet.domain.comx", "xmeet.domain.com", "dialin.domain-a.com", PROXY, "[::1]", "localhost", "*.domain.com", "_"]
    for host in refused:
        for tls in (True, False):
            got = s.get(host, tls=tls)
            assert got.status in (400, 421), (host, tls, got.status)
    # the certificate of a published name does not open the way for another
    assert s.raw(b"GET / HTTP/1.1\r\nHost: admin.domain.com\r\nConnection: close\r\n\r\n", "meet.domain.com").status == 421
    assert s.raw(b"GET / HTTP/1.0\r\n\r\n", "meet.domain.com").status == 421
    assert sum(server.count for servers in s.backends.values() for server in servers) == 0


def test_ways_to_write_a_name(stage):
    s = stage()
    for host in ("MEET.Domain.COM", "meet.domain.com.", "meet.domain.com:443", "meet.domain.com:8443", "Meet.domain.com.:443"):
        got = s.get(host)
        assert got.status == 200 and got.json["headers"]["host"] == "meet.domain.com" and got.json["host"] == "dir01.internal.ad", host
    absolute = s.raw(b"GET https://seweb.domain.com/x HTTP/1.1\r\nHost: madhatter.evil\r\nConnection: close\r\n\r\n", "meet.domain.com")
    assert absolute.status == 400 or (absolute.json["host"], absolute.json["headers"]["host"]) == ("se01.internal.ad", "seweb.domain.com")
    assert s.raw(b"GET https://madhatter.evil/x HTTP/1.1\r\nHost: meet.domain.com\r\nConnection: close\r\n\r\n", "meet.domain.com").status in (400, 421)
    broken = [b"Host: meet.domain.com\r\nHost: seweb.domain.com", b"Host: meet.domain.com@madhatter.evil", b"Host: meet.domain.com/x", b"Host: meet.domain.com seweb.domain.com",
              b"Host: meet.domain.com\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", b"Host: meet.domain.com\r\nContent-Length: 3\r\nContent-Length: 4",
              b"Host: meet.domain.com\r\nX: " + b"y" * 20000]
    before = sum(server.count for servers in s.backends.values() for server in servers)
    for lines in broken:
        assert s.raw(b"POST / HTTP/1.1\r\n" + lines + b"\r\nConnection: close\r\n\r\n", "meet.domain.com").status in (400, 414, 421, 494), lines[:60]
    assert sum(server.count for servers in s.backends.values() for server in servers) == before


def test_challenges_of_an_acme_authority(stage):
    """They reach the pool that the name is of, in clear; nothing else of /.well-known does, and no other method."""
    s = stage()
    below = "/.well-known/acme-challenge/"
    for name, pool in PUBLISHED.items():
        got = s.get(name, below + "token", tls=False)
        if name.startswith("wac"):
            assert got.status == 301
            continue
        assert got.status == 200, (name, got.status)
        assert got.json["host"] in POOLS[pool] and got.json["port"] == 8080 and got.json["path"] == below + "token" and got.json["headers"]["host"] == name
        assert s.get(name, below + "token", tls=False, method="POST", more="Content-Length: 0\r\n").status == 403
    before = sum(server.count for servers in s.backends.values() for server in servers)
    for path in ("/.well-known/", "/.well-known/acme-challenge", "/.well-known/acme-challeng/x", "/.well-known/acme-challenge/../../witan.crl", "/.well-known/acme-challenge/%2e%2e/%2e%2e/witan.crl",
                 "/.WELL-KNOWN/acme-challenge/x", "/witan.crl"):
        assert s.get("seweb.domain.com", path, tls=False).status == 301, path
    for host in ("se01.internal.ad", "sip.domain.com", "admin.domain.com"):
        assert s.get(host, below + "x", tls=False).status == 421
    assert sum(server.count for servers in s.backends.values() for server in servers) == before


def test_without_tls(stage):
    """Autodiscover is passed on in clear, everything else is sent to HTTPS."""
    s = stage()
    for name in PUBLISHED:
        for path in ("/x?y=1", "/Autodiscoverx", "/meet/autodiscover/"):
            got = s.get(name, path, tls=False)
            assert got.status == 301 and got.headers["location"] == f"https://{name}{path}", (name, path, got.status)
    for d in ("domain.com", "domain-a.com", "domain-b.com"):
        for path in ("/", "/?sipuri=sip:ann@domain.com", "/Autodiscover/AutodiscoverService.svc/Root"):
            got = s.get(f"lyncdiscover.{d}", path, tls=False)
            assert got.status == 200 and (got.json["host"], got.json["port"], got.json["headers"]["host"]) == ("dir01.internal.ad", 8080, f"lyncdiscover.{d}")
    assert s.get("meet.domain.com", "/", tls=False).status == 301


def test_destinations_prove_themselves(stage, tmp_path):
    s = stage()
    s.restart_backend("se01.internal.ad", s.inner.issue("se02.internal.ad"))
    assert s.get("seweb.domain.com").status == 502
    other = Authority(tmp_path, "other")
    s.restart_backend("se01.internal.ad", other.issue("se01.internal.ad"))
    assert s.get("seweb.domain.com").status == 502
    assert sum(server.count for server in s.backends["se01.internal.ad"]) == 0  # no request was sent to them
    s.restart_backend("se01.internal.ad", s.inner.issue("se01.internal.ad"))
    wait_for(lambda: s.get("seweb.domain.com").status == 200, timeout=15, step=0.5)
    assert s.get("meet.domain.com").status == 200


def test_a_client_stays_at_its_server(stage):
    s = stage()
    names = {s.get("eepoolweb.domain.com").json["host"] for _ in range(12)}
    assert len(names) == 1
    s.stop_backend(names.pop())
    assert {s.get("eepoolweb.domain.com").status for _ in range(6)} == {200}


def test_tls_and_waiting(stage):
    s = stage()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, OSError)):
        s.connect("meet.domain.com", context=old)
    modern = ssl.create_default_context(cafile=s.outer.path("pem"))
    modern.maximum_version = ssl.TLSVersion.TLSv1_2
    modern.set_ciphers("AES128-GCM-SHA256:AES128-SHA")  # no forward secrecy
    with pytest.raises((ssl.SSLError, OSError)):
        s.connect("meet.domain.com", context=modern)
    # what a server sends is passed on at once, while it goes on
    with s.connect("meet.domain.com") as c:
        c.sendall(b"GET /slow HTTP/1.1\r\nHost: meet.domain.com\r\nConnection: close\r\n\r\n")
        began, got = time.monotonic(), b""
        while b"first" not in got:
            got += c.recv(65536)
        assert time.monotonic() - began < 1.2
        while chunk := c.recv(65536):
            got += chunk
        assert b"second" in got and time.monotonic() - began > 2.5
    text = (s.folder / "witan.conf").read_text()
    assert text.count("proxy_read_timeout 960s;") == text.count("proxy_pass ") and "proxy_ssl_verify off" not in text


def test_administration_stays_inside(stage, tmp_path):
    """Where one host has all simple URLs, and where management has a published port."""
    topology = tmp_path / "t.yaml"
    topology.write_text(WHOLE.read_text().replace("simple-urls: per-function", "simple-urls: shared"))
    s = stage(topology=topology, certificate_names=["lync.domain.com", "eepoolweb.domain.com"])

    def get(host, path):
        return s.raw(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode(), host)

    assert get("lync.domain.com", "/domain-a.com/Meet").status == 200 and get("lync.domain.com", "/Administrators").status == 200
    for path in ("/Admin", "/admin/", "/ADMIN/x", "//Admin", "/x/../Admin", "/%41dmin", "/./admin?x"):
        assert get("lync.domain.com", path).status == 404, path
    for path in ("/api/v1/cmdlets/Get-CsUser", "/API/", "//api/v1", "/x/../api/"):
        assert get("eepoolweb.domain.com", path).status == 404, path
    topology.write_text(WHOLE.read_text().replace("web: 444,", "web: 4443,"))
    assert "its management has the port that is published" in witan("--topology", topology).stderr


def test_formats_and_mistakes(tmp_path):
    rows = json.loads(witan("--topology", WHOLE, "--format", "json").stdout)
    assert {r["name"]: r["to"] for r in rows} == PUBLISHED and all(r["host"] == "rp01.internal.ad" for r in rows)
    assert {r["name"] for r in rows if r.get("http-port") == 8080} == {n for n in PUBLISHED if n.startswith("lyncdiscover.")}
    assert "lyncdiscover.domain.com" in witan("--topology", WHOLE, "--format", "table").stdout
    assert "no such reverse proxy" in witan("--topology", WHOLE, "--host", "rp02.internal.ad", status=1).stderr
    assert "not an address" in witan("--topology", WHOLE, "--listen", "everywhere", status=2).stderr
    assert "quotes" in witan("--topology", WHOLE, "--key", 'x"; include /etc/passwd; "', status=1).stderr
    two = tmp_path / "t.yaml"
    two.write_text(WHOLE.read_text().replace("    reverse-proxies:\n", "    reverse-proxies:\n      - {fqdn: rp02.internal.ad, publishes: [se01.internal.ad]}\n"))
    assert "name one by --host NAME" in witan("--topology", two, status=1).stderr
    second = json.loads(witan("--topology", two, "--host", "rp02.internal.ad", "--format", "json").stdout)
    assert {r["name"] for r in second} == {"seweb.domain.com", "wac.domain.com"}  # the Director is published by the other
