# SPDX-License-Identifier: Apache-2.0
"""The two web sites of a pool: autodiscover, and pages for people who come by."""
import html.parser
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import xml.etree.ElementTree as ET

import pytest

from deployment import BUILD, Deployment, free_port, wait_for
from test_web_public import PublicClient
from web_client import WebClient

XML = "application/vnd.microsoft.rtc.autodiscover+xml"
SPACE = "{http://schemas.microsoft.com/rtc/2012/03/ucwa}"
ROOT = "/Autodiscover/AutodiscoverService.svc/root"
EDGE = ("{pool: edge.example.test, role: edge, servers: [{fqdn: edge01.example.test, internal-address: 10.0.0.1, external-address: "
        "{access: 192.0.2.1, web-conferencing: 192.0.2.2, av: 192.0.2.3}}], external: {access: sip.example.test, web-conferencing: wc.example.test, av: av.example.test}, "
        "next-hop: uc.example.test}")


@pytest.fixture
def server(server_factory):
    return server_factory(users=("ann",), http=True, https=True, web=True, web_names=True, tcp=False)


class Side:
    """A client of one of the sites, at any name of it."""

    def __init__(self, server, outside):
        self.server, self.outside = server, outside
        self.port = server.port_external_https if outside else server.port_https
        self.web = "https://web.example.test" if outside else f"https://uc.example.test:{server.port_https}"
        self.name = "lyncdiscover.example.test" if outside else "lyncdiscoverinternal.example.test"

    def ask(self, path, host=None, method="GET", accept=XML, **fields):
        host = host or self.name
        with WebClient(self.port, self.server.dir / "ca.pem", host=host) as c:  # the certificate has the name
            answer = c.ask(method, path, {"Accept": accept, **fields})
        assert answer["Strict-Transport-Security"] and answer["X-Content-Type-Options"] == "nosniff" and answer["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"] and answer["Server"] is None
        return answer

    def document(self, path, **more):
        answer = self.ask(path, **more)
        assert answer.status == 200 and answer["Content-Type"].startswith(XML), (answer.status, answer.body)
        tree = ET.fromstring(answer.body)
        assert tree.tag == SPACE + "AutodiscoverResponse" and tree.get("AccessLocation") == ("External" if self.outside else "Internal")
        return tree[0]


@pytest.fixture(params=[False, True], ids=["inside", "outside"])
def side(request, server):
    return Side(server, request.param)


def links(document):
    return {link.get("token"): link.get("href") for link in document.iter(SPACE + "Link")}


# ---- autodiscover ----

def test_root(side):
    for path in ("/?sipuri=ann@example.test", "/?sipuri=sip:nobody@example.test", "/", ROOT, "/AUTODISCOVER/autodiscoverservice.svc/Root/"):
        found = side.document(path)
        assert found.tag == SPACE + "Root" and links(found) == {"Domain": f"{side.web}{ROOT}/domain", "User": f"{side.web}{ROOT}/user"}
    assert links(side.document(ROOT, host=side.web.split("/")[2].split(":")[0]))["User"] == f"{side.web}{ROOT}/user"


def test_root_as_json(side):
    answer = side.ask("/?sipuri=ann@example.test", accept="application/json")
    assert answer["Content-Type"] == "application/json"
    assert answer.json == {"_links": {"self": {"href": side.web + ROOT}, "user": {"href": f"{side.web}{ROOT}/user"}}}
    assert side.ask("/", accept="text/html").status == 406


def test_domain(side):
    found = side.document(links(side.document("/"))["Domain"].removeprefix(side.web), host=side.web.split("/")[2].split(":")[0])
    assert found.tag == SPACE + "Domain"
    access = {e.tag.removeprefix(SPACE): (e.get("fqdn"), int(e.get("port"))) for e in found if e.get("fqdn")}
    inside = ("uc.example.test", side.server.port_tls)
    assert access == ({} if side.outside else {"SipServerInternalAccess": inside, "SipClientInternalAccess": inside})
    want = {"External/Autodiscover": "https://web.example.test" + ROOT}
    if not side.outside:
        want["Internal/Autodiscover"] = side.web + ROOT
    assert links(found) == want


def test_domain_with_an_edge(server_factory):
    """People are sent to the Edge from outside; names of the inside stay there."""
    server = server_factory(users=(), https=True, web_names=True, tcp=False, more_pools=(EDGE,))
    for outside in (False, True):
        found = Side(server, outside).document(ROOT + "/domain", host="web.example.test" if outside else "uc.example.test")
        access = {e.tag.removeprefix(SPACE): (e.get("fqdn"), e.get("port")) for e in found if e.get("fqdn")}
        assert access["SipClientExternalAccess"] == ("sip.example.test", "443") and access["SipServerExternalAccess"] == ("sip.example.test", "5061")
        assert ("uc.example.test" in ET.tostring(found).decode()) != outside


def test_nobody_is_told_who_is_there(side):
    """A user who is there, one who is not, none at all: the same answer, which sends them to where tickets are given."""
    there, strange, none = (side.ask(f"{ROOT}/user{query}") for query in ("?sipuri=ann@example.test", "?sipuri=zoe@example.test", ""))
    assert there.status == strange.status == none.status == 401 and there.body == strange.body == none.body
    assert there["X-MS-WebTicketURL"] == side.web + "/WebTicket/WebTicketService.svc" and there["X-MS-WebTicketSupported"] == "cwt,saml"


def test_other_domains_and_names(side):
    answer = side.ask("/?sipuri=ann@elsewhere.test")
    assert answer.status == 404 and b"SIP domain" in answer.body
    assert side.ask("/?sipuri=ann").status == 400
    for host in ("evil.test", "127.0.0.1", side.name + ".evil.test", "lyncdiscoverinternal.example.test" if side.outside else "web.example.test"):
        assert side.ask("/", Host=host).status == 421, host
    assert side.ask("/", Host=side.name.upper() + ":1").status == 200


def test_what_is_not_there(side):
    for path in ("/x", "/api/v1/session", "/healthz", "/api/v1/openapi.json", "/witan.crl", "/../etc/passwd", "/%2e%2e/x"):
        answer = side.ask(path)
        assert answer.status == 404 and answer.body == b"There is nothing at this address.\n" and answer["Content-Type"] == "text/plain; charset=utf-8", path
    answer = side.ask("/", method="POST")
    assert answer.status == 405 and answer["Allow"] == "GET, HEAD"
    assert side.ask("/", method="HEAD").body == b""


# ---- without TLS ----

def test_plain_http_says_where(server):
    for port, name, web in ((server.port_http, "lyncdiscoverinternal", f"https://uc.example.test:{server.port_https}"), (server.port_external_http, "lyncdiscover", "https://web.example.test")):
        with PublicClient(port) as c:
            c.host = name + ".example.test"
            answer = c.ask("GET", "/?sipuri=ann@example.test", {"Accept": XML})
            tree = ET.fromstring(answer.body)
            assert answer.status == 200 and links(tree) == {"Redirect": f"{web}{ROOT}?sipuri=ann@example.test"} and answer["Strict-Transport-Security"] is None
            answer = c.ask("GET", "/", {"Accept": "application/json"})
            assert answer.json["_links"]["redirect"]["href"] == web + ROOT
            assert c.ask("GET", "/?sipuri=ann@elsewhere.test").status == 404
            answer = c.ask("GET", f"{ROOT}/user?sipuri=ann@example.test")
            assert answer.status == 301 and answer["Location"].startswith(f"https://{name}.example.test") and answer["Location"].endswith(ROOT + "/user")
            answer = c.ask("GET", "/ann/ABC", {"Host": "meet.example.test"})
            assert answer.status == 301 and re.fullmatch(r"https://meet\.example\.test(:\d+)?/ann/ABC", answer["Location"])
            assert c.ask("GET", "/", {"Host": "evil.test"}).status == 404
            assert c.ask("GET", "/witan.crl", {"Host": "evil.test"}).status == 200  # lists are for everybody, whatever the name


# ---- pages ----

class Outline(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], {}, ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {(tag, name): value for name, value in attrs}

    def handle_data(self, data):
        self.words += data


@pytest.mark.parametrize("host, path, status, word", [("web.example.test", "/", 200, "Witan"), ("meet.example.test", "/", 501, "Meetings are not available yet"),
                                                      ("meet.example.test", "/ann/ABC123", 501, "Meetings are not available yet"), ("dialin.example.test", "/", 501, "dial in")])
def test_pages(server, host, path, status, word):
    answer = Side(server, True).ask(path, host=host, accept="text/html")
    text = answer.body.decode()
    page = Outline(text)
    assert answer.status == status and answer["Content-Type"] == "text/html; charset=utf-8" and word in page.words
    assert text.startswith("<!DOCTYPE html>") and page.attributes["html", "lang"] == "en" and page.tags.count("h1") == page.tags.count("main") == page.tags.count("title") == 1
    assert not {"script", "img", "link", "style", "form", "iframe"} & set(page.tags)
    assert subprocess.run([BUILD / "witan", "--version"], capture_output=True, text=True).stdout.split()[-1] not in text


def test_administration_has_no_page_outside(server):
    assert Side(server, False).ask("/", host="admin.example.test").status == 501
    assert Side(server, True).ask("/", host="web.example.test", Host="admin.example.test").status == 421


def test_browser_shows_the_page(server, tmp_path):
    if shutil.which("chromium") is None:
        pytest.skip("needs chromium")
    done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--ignore-certificate-errors", f"--user-data-dir={tmp_path}/b",
                           "--host-resolver-rules=MAP meet.example.test 127.0.0.1", "--window-size=320,600", f"--screenshot={tmp_path}/page.png",
                           f"https://meet.example.test:{server.port_external_https}/ann/ABC"], capture_output=True, text=True, timeout=120)
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG"), done.stderr
    asked, = server.log("web.site")[-1:]
    assert asked["host"].startswith("meet.example.test") and asked["site"] == "outside"


# ---- certificates ----

def presented(port, name, ca):
    with socket.create_connection(("127.0.0.1", port), 5) as raw, ssl.create_default_context(cafile=str(ca)).wrap_socket(raw, server_hostname=name) as tls:
        cert = tls.getpeercert()
        return cert["serialNumber"], {value for _, value in cert["subjectAltName"]}


def test_each_site_has_its_own(server):
    ca = server.dir / "ca.pem"
    found = {name: presented(port, "uc.example.test", ca) for name, port in (("web", server.port_web), ("in", server.port_https), ("out", server.port_external_https))}
    assert len({serial for serial, _ in found.values()}) == 3
    assert "lyncdiscoverinternal.example.test" in found["in"][1] and "web.example.test" in found["out"][1]
    assert not {"web.example.test", "lyncdiscoverinternal.example.test"} & found["web"][1] and "lyncdiscoverinternal.example.test" not in found["out"][1]
    with WebClient(server.port_https, ca, host="lyncdiscoverinternal.example.test") as c:
        server.cli("Request-CsCertificate", "-New", "-Type", "WebServicesInternal")
        newest = [x for x in json.loads(server.cli("Get-CsCertificate", "-All", "-As", "json")) if x["Thumbprint"] and "WebServicesInternal" in json.dumps(x)]
        for one in newest:
            server.cli("Set-CsCertificate", "-Type", "WebServicesInternal", "-Thumbprint", one["Thumbprint"])
        wait_for(lambda: presented(server.port_https, "uc.example.test", ca)[0] != found["in"][0], 10)
        assert c.ask("GET", "/", {"Accept": XML}).status == 200  # who was connected goes on
    assert presented(server.port_external_https, "uc.example.test", ca) == found["out"]


def test_without_web_names_the_server_shows_its_own(server_factory):
    server = server_factory(users=(), https=True, tcp=False)
    assert "uc.example.test" in presented(server.port_https, "uc.example.test", server.dir / "ca.pem")[1]
    with WebClient(server.port_https, server.dir / "ca.pem", host="uc.example.test") as c:
        assert c.ask("GET", "/").status == 200


def test_the_check_finds_them(server):
    done = subprocess.run([BUILD / "witan", "--dir", server.dir, "plan", "check", "--address", "uc.example.test=127.0.0.1", "--format", "json"], capture_output=True, text=True, timeout=120)
    report = json.loads(done.stdout)
    assert not [f for f in report["findings"] if f["rule"] in ("L-extra", "L-here", "L-answer", "L-foreign", "L-later")], done.stdout
    assert {(c["place"], tuple(c["for"][0]["usage"])) for c in report["certificates"]} >= {(f"uc.example.test:{server.port_https}", ("WebServicesInternal",))}


@pytest.mark.parametrize("shared", ["https", "external-https"])
def test_management_and_a_site_at_one_port(shared):
    port, other = free_port(), free_port()
    server = Deployment(fqdn="uc.example.test", tcp=False, https=True, web_names=True)
    path = server.dir / "topology.yaml"
    ports = {"sip-tls": free_port(), "web": port, "http": 0, "external-http": 0, "https": other, "external-https": other, shared: port}
    path.write_text(re.sub(r"ports: \{.*?\}", "ports: {" + ", ".join(f"{n}: {p}" for n, p in ports.items()) + "}", path.read_text()))
    name = "lyncdiscover.example.test"
    try:
        server.start()
        with WebClient(port, server.dir / "ca.pem", host=name) as c:
            assert c.ask("GET", "/", {"Accept": XML}).status == 200
            assert c.ask("GET", "/healthz").status == 204
            answer = c.ask("POST", "/api/v1/session", body={"User": "x", "Password": "y"})
            assert answer.status == 401 and answer.json["ok"] is False
            assert c.ask("GET", "/", {"Host": "evil.test"}).status == 421
        with WebClient(other, server.dir / "ca.pem", host=name) as c:
            assert c.ask("GET", "/healthz").status == 404 and c.ask("GET", "/api/v1/openapi.json").status == 404
        assert server.stop() == 0
        server.verdict()
    finally:
        server.remove()


# ---- limits, processes ----

def test_strangers_do_not_shut_administrators_out(server):
    """All connections that one address may have to a site: management is still there, and so is the other site."""
    ca = server.dir / "ca.pem"
    held = [WebClient(server.port_https, ca, host="uc.example.test") for _ in range(32)]
    try:
        with pytest.raises((OSError, ssl.SSLError)):
            WebClient(server.port_https, ca, host="uc.example.test").ask("GET", "/")
        with WebClient(server.port_web, ca) as c:
            assert c.ask("GET", "/healthz").status == 204
        proxy = [WebClient(server.port_external_https, ca, host="web.example.test") for _ in range(40)]  # a reverse proxy has one address for all
        assert proxy[-1].ask("GET", "/").status == 200
        for c in proxy:
            c.close()
    finally:
        for c in held:
            c.close()

    def one_more():
        try:
            return WebClient(server.port_https, ca, host="uc.example.test")
        except OSError:
            return None  # the server has not seen yet that they are gone

    with wait_for(one_more, 5) as c:
        answer = c.ask("GET", "/", {"Content-Length": "10"})
        assert answer.status == 413 and c.is_closed()


def test_counted_and_logged_apart(server):
    before = server.counters()
    side = Side(server, True)
    side.ask("/?sipuri=ann@example.test")
    side.ask("/x")
    wait_for(lambda: server.counters()["web.site"] - before["web.site"] == 2, 5)
    after = server.counters()
    assert after["web.site.refused"] - before["web.site.refused"] == 1 and after["web.requests"] == before["web.requests"]
    one = server.log("web.site")[0]
    assert one["path"] == "/" and one["host"].startswith(side.name) and "ann" not in json.dumps(one)


def test_web_dies_and_the_topology_changes(server):
    side = Side(server, True)
    old = server.kill("web0")
    server.wait_restarted("web0", old)
    assert links(side.document("/"))["User"].startswith("https://web.example.test")
    path = server.dir / "topology.yaml"
    path.write_text(path.read_text().replace("web.example.test", "web9.example.test"))
    os.kill(server.process.pid, signal.SIGHUP)
    wait_for(lambda: side.ask("/", host="web.example.test", Host="web9.example.test").status == 200, 10)
    assert links(side.document("/"))["User"] == f"https://web9.example.test{ROOT}/user"
    assert side.ask("/", host="web.example.test").status == 421
