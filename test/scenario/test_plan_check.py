# SPDX-License-Identifier: Apache-2.0
"""witan plan check: a fresh deployment with a running server, whose names a real name server answers for, is clean; and each kind of fault is found."""
import json
import os
import re
import subprocess

import pytest

from deployment import BUILD, FQDN, ROOT, authority_files, free_port, wait_for
from namespaces import Site, need_namespaces
from test_plan_dns import ADDRESSES, PROXY, NameServer

HERE = [f"{FQDN}=127.0.0.1"]


def check(d, *more, status=None, wrap=(), addresses=HERE):
    """The report of a deployment, or of a topology when d is None."""
    words = [*wrap, BUILD / "witan", *(("--dir", d.dir) if d else ()), "plan", "check", "--format", "json"]
    for one in addresses:
        words += ["--address", one]
    done = subprocess.run([str(w) for w in [*words, *more]], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert done.returncode == (1 if report["errors"] else 0)
    if status is not None:
        assert done.returncode == status, done.stdout
    return report


def found(report, rule):
    return [f"{f['place']}: {f['what']}" for f in report["findings"] if f["rule"] == rule]


def errors(report):
    return {f["rule"] for f in report["findings"] if f["severity"] == "error"}


class Names:
    """The planned zones on a loopback address, perhaps changed before they are served."""

    def __init__(self, top, d, side="inside", edit=lambda text: text, more={}):
        zones = top / "zones"
        subprocess.run([BUILD / "witan", "--dir", d.dir, "plan", "dns", "--format", "zone", "--side", side, "--out", zones, "--address", *HERE], check=True, capture_output=True)
        for zone in (zones / side).glob("*.zone"):
            before = zone.read_text()
            zone.write_text(edit(before))
        for zone, records in more.items():
            (zones / side / f"{zone}.zone").write_text(f"$TTL 60\n@ IN SOA localhost. hostmaster.localhost. 1 60 60 60 60\n@ IN NS localhost.\n{records}\n")
            with open(zones / side / "named.conf", "a") as config:
                config.write(f'zone "{zone}" {{ type primary; file "{zone}.zone"; }};\n')
        self.server = NameServer(top, zones / side, recursion="yes" if more else "no")
        self.resolver = ["--resolver", f"127.0.0.1:{self.server.port}"]


@pytest.fixture
def names(tmp_path):
    made = []

    def make(*args, **more):
        top = tmp_path / f"names{len(made)}"
        top.mkdir()
        made.append(Names(top, *args, **more))
        return made[-1].resolver

    yield make
    for one in made:
        one.server.close()


@pytest.fixture
def server(server_factory):
    return server_factory(users=(), web=True, http=True, web_names=True)


def test_fresh_deployment_is_clean(server, names):
    report = check(server, *names(server), status=0)
    assert report["errors"] == 0 and errors(report) == set()
    assert len(report["certificates"]) >= 2  # real listeners were asked
    assert {f["severity"] for f in report["findings"] if f["rule"] == "L-later"} <= {"information"}  # what this version does not have is no error
    assert found(report, "D-root")
    text = subprocess.run([BUILD / "witan", "--dir", server.dir, "plan", "check", "--offline"], capture_output=True, text=True)
    assert text.returncode == 0 and "0 errors" in text.stdout, text.stdout
    page = server.top / "report.html"
    done = subprocess.run([BUILD / "witan", "--dir", server.dir, "plan", "check", "--offline", "--format", "html", "--out", page], capture_output=True, text=True)
    assert done.returncode == 0 and "ca/root.key" in page.read_text()


@pytest.mark.parametrize("edit, rule, what", [
    (lambda z: re.sub(r"(?m)^lyncdiscoverinternal\S*\s.*\n", "", z), "N-record", "lyncdiscoverinternal"),
    (lambda z: re.sub(r"(?m)^(sip\S*\s.*)127\.0\.0\.1", r"\g<1>127.0.0.9", z), "N-value", "127.0.0.9"),
    (lambda z: re.sub(r"(?m)^(_sipinternaltls\S* IN SRV 0 0 \d+) \S+", r"\1 sip.elsewhere.test.", z), "N-target", "sip.elsewhere.test"),
    (lambda z: re.sub(r"(?m)^(_sipinternaltls\S* IN SRV 0 0) \d+", r"\1 5099", z), "N-value", "port 5099"),
    (lambda z: re.sub(r"(?m)^(_sipinternaltls\S*\s.*\n)", "", z), "N-record", "_sipinternaltls"),
    (lambda z: z + "\n* IN A 127.0.0.7\n", "N-wild", "127.0.0.7"),
    (lambda z: re.sub(r"(?m)^(meet\S*)\s.*$", r"\1 IN CNAME meet.elsewhere.test.", z), "N-record", "meet"),
], ids=["record missing", "wrong address", "foreign target", "wrong port", "service missing", "wildcard", "alias to nowhere"])
def test_faults_of_names(server, names, edit, rule, what):
    report = check(server, *names(server, edit=edit))
    assert any(what in one for one in found(report, rule)), (rule, report["findings"])


def test_aliases_that_leave_the_domain(server, names):
    report = check(server, *names(server, edit=lambda z: re.sub(r"(?m)^(meet\S*)\s.*$", r"\1 IN CNAME web.elsewhere.test.", z),
                                  more={"elsewhere.test": "web IN A 127.0.0.1"}))
    assert any("meet" in one and "elsewhere.test" in one for one in found(report, "N-chain"))
    assert not any("meet" in one for one in found(report, "N-value"))


def test_no_name_server(server):
    report = check(server, "--resolver", f"127.0.0.1:{free_port()}", status=1)
    assert found(report, "N-server") and not found(report, "N-record")
    done = subprocess.run([BUILD / "witan", "--dir", server.dir, "plan", "check", "--resolver", "nowhere"], capture_output=True, text=True)
    assert done.returncode == 2 and "--resolver" in done.stderr


def test_view_from_outside(server, names, tmp_path):
    """What is for the inside must not be answered outside."""
    report = check(server, *names(server), "--side", "outside")
    assert any("lyncdiscoverinternal" in one for one in found(report, "N-leak")) and any("admin." in one for one in found(report, "N-leak"))
    assert not found(report, "N-record")  # nothing is published


def test_listener_down(server, names):
    resolver = names(server)
    server.stop()
    report = check(server, *resolver, status=1)
    assert found(report, "D-server")
    for port in (server.port_tls, server.port_tcp, server.port_web, server.port_http):
        assert any(f":{port}:" in one for one in found(report, "L-answer")), port
        assert any(f"{port}/tcp" in one for one in found(report, "L-here")), port


def test_foreign_listener_with_a_wrong_certificate(server, names, tmp_path):
    resolver = names(server)
    server.stop()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "k", "-out", tmp_path / "c",
                    "-subj", "/CN=somebody.else.test", "-days", "90"], check=True, capture_output=True)
    other = subprocess.Popen(["openssl", "s_server", "-accept", str(server.port_tls), "-cert", tmp_path / "c", "-key", tmp_path / "k", "-quiet"],
                             stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: f"{server.port_tls:04X} " in open("/proc/net/tcp6").read() + open("/proc/net/tcp").read())
        report = check(server, *resolver, status=1)
    finally:
        other.kill()
        other.wait()
    assert any(f"{server.port_tls}/tcp" in one and "openssl" in one and str(other.pid) in one for one in found(report, "L-foreign"))
    assert {"I-pool", "I-cn", "C-self"} & errors(report), errors(report)


def test_topology_changed_while_running(server, names):
    resolver = names(server)
    document = server.dir / "topology.yaml"
    document.write_text(document.read_text().replace(f", sip-tcp: {server.port_tcp}", ""))
    report = check(server, *resolver, status=1)
    assert found(report, "D-running")
    assert any(f"{server.port_tcp}/tcp" in one for one in found(report, "L-extra"))


def test_files(server, names):
    key = next(p for p in (server.dir / "keys").glob("*.key"))
    os.chmod(key, 0o644)
    os.chmod(server.dir / "ca", 0o755)
    if os.geteuid() == 0:
        os.chown(server.dir / "store", 0, 0)
    report = check(server, "--offline", status=1)
    assert any(key.name in one and "0644" in one for one in found(report, "D-mode"))
    assert any(one.startswith("ca:") for one in found(report, "D-mode"))
    if os.geteuid() == 0:
        assert any(one.startswith("store:") for one in found(report, "D-owner"))
        os.chown(server.dir / "store", os.stat(server.dir / "store/").st_uid, -1)
    (server.dir / "ca/root.key").rename(server.top / "moved.key")
    os.chmod(server.dir / "ca", 0o700)
    os.chmod(key, 0o400)
    assert not found(check(server, "--offline"), "D-root")


def test_expired_revocation_list(server, names, tmp_path):
    resolver = names(server)
    certificate, key = authority_files(server.dir)
    server.stop()
    pem = key.read_text()
    (tmp_path / "k").write_text(pem[pem.index("-----BEGIN"):])
    (tmp_path / "index").write_text("")
    (tmp_path / "ca.cnf").write_text(f"[ca]\ndefault_ca = x\n[x]\ndatabase = {tmp_path}/index\ndefault_md = sha256\ndefault_crl_days = 1\n")
    subprocess.run(["faketime", "-3 days", "openssl", "ca", "-config", tmp_path / "ca.cnf", "-gencrl", "-cert", certificate, "-keyfile", tmp_path / "k", "-out", tmp_path / "crl.pem"],
                   check=True, capture_output=True)
    subprocess.run(["openssl", "crl", "-in", tmp_path / "crl.pem", "-outform", "DER", "-out", server.dir / "certs/witan.crl"], check=True)
    report = check(server, "--offline", status=1)
    assert any("witan.crl" in one for one in found(report, "D-list"))
    # and as others get it
    (tmp_path / "www").mkdir()
    (tmp_path / "www/witan.crl").write_bytes((server.dir / "certs/witan.crl").read_bytes())
    tls = subprocess.Popen(["/usr/bin/python3", "-m", "http.server", str(server.port_http), "--bind", "127.0.0.1", "--directory", tmp_path / "www"], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: f"0100007F:{server.port_http:04X} " in open("/proc/net/tcp").read())
        done = subprocess.run([BUILD / "witan", "--dir", server.dir, "check", "certificates", server.dir / "certs", "--address", *HERE, "--format", "json"], capture_output=True, text=True)
    finally:
        tls.kill()
        tls.wait()
    assert any("witan.crl" in one for one in found(json.loads(done.stdout), "G04")), done.stdout


# ---- packet filter and reverse proxy, each on a machine of its own ----

@pytest.fixture
def site():
    need_namespaces("nft", "nginx")
    s = Site()
    yield s
    s.close()


def test_packet_filter(server, site):
    machine = site.add("fw")
    inside = ["--offline", "--internal-network", "10.0.0.0/8"]
    wrap = ["ip", "netns", "exec", machine]
    assert found(check(server, *inside, wrap=wrap), "F-none")
    rules = subprocess.run([BUILD / "witan", "--dir", server.dir, "plan", "ports", "--format", "nftables", "--host", FQDN, "--internal-network", "10.0.0.0/8", "--address", *HERE],
                           capture_output=True, text=True, check=True).stdout
    site.run(machine, "nft", "-f", "-", input=rules)
    report = check(server, *inside, wrap=wrap)
    assert not [f for f in report["findings"] if f["rule"].startswith("F-")], report["findings"]
    site.run(machine, "nft", "add", "rule", "inet", "witan", "input", "tcp", "dport", "23", "accept")
    assert any("dport 23" in one for one in found(check(server, *inside, wrap=wrap), "F-rules"))
    assert found(check(server, "--offline", wrap=wrap), "F-unseen")  # it says that it could not compare


def test_edge_and_proxy_behind_one_address(site, tmp_path):
    given = tmp_path / "addresses"
    given.write_text(ADDRESSES)
    words = ["--topology", ROOT / "test/topology/whole.yaml", "--addresses", given]
    subprocess.run([BUILD / "witan", "plan", "dns", *words, "--format", "zone", "--side", "outside", "--out", tmp_path / "zones"], check=True, capture_output=True)
    for zone in (tmp_path / "zones/outside").glob("*.zone"):
        zone.write_text(re.sub(rf"(?m)^(dirweb\S* IN A) {re.escape(PROXY)}", r"\1 192.0.2.11", zone.read_text()))
    machine = site.add("dns")
    os.chmod(tmp_path, 0o755)
    with site.inside(machine):
        server = NameServer(tmp_path, tmp_path / "zones/outside")
    try:
        report = check(None, *words, "--side", "outside", "--host", "rp01.internal.ad", "--resolver", f"127.0.0.1:{server.port}", wrap=["ip", "netns", "exec", machine], addresses=["rp01.internal.ad=127.0.0.1"])
    finally:
        server.close()
    assert any("dirweb.domain.com" in one and "192.0.2.11" in one for one in found(report, "N-value")), report["findings"]
    assert any("dirweb.domain.com" in one and "192.0.2.11" in one for one in found(report, "N-shared"))


ONE_PROXY = """organization: Example
sip-domains: [example.test, example.org]
internal-domain: example.test
simple-urls: shared
secondary-autodiscover: http
sites: [{name: Main, pools: [{pool: uc.example.test, role: standard-edition, web: {external: web.example.test}}], reverse-proxies: [{fqdn: rp.example.test, publishes: [uc.example.test]}]}]
"""


def test_reverse_proxy(site, tmp_path):
    machine = site.add("rp")
    topology = tmp_path / "t.yaml"
    topology.write_text(ONE_PROXY)
    os.chmod(tmp_path, 0o755)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", tmp_path / "k", "-out", tmp_path / "c",
                    "-subj", "/CN=rp.example.test", "-days", "90"], check=True, capture_output=True)

    def look(*words):
        return check(None, "--topology", topology, *words, wrap=["ip", "netns", "exec", machine], addresses=["rp.example.test=127.0.0.1"])

    def report(default, names, *more, plain=204):
        conf = tmp_path / "nginx.conf"
        block = f"listen 443 ssl%s; ssl_certificate {tmp_path}/c; ssl_certificate_key {tmp_path}/k;"
        conf.write_text(f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{ }}\nhttp {{ access_log off;\n"
                        f"server {{ {block % ' default_server'} return {default}; }}\n"
                        f"server {{ listen 80; server_name lyncdiscover.example.org; return {plain}; }}\n"
                        + "".join(f"server {{ {block % ''} server_name {name}; return {status}; }}\n" for name, status in names.items()) + "}\n")
        nginx = site.start(machine, "nginx", "-c", conf, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: ":443 " in site.run(machine, "ss", "-ltn") or nginx.poll() is not None)
            assert nginx.poll() is None, (tmp_path / "error.log").read_text()
            return look("--host", "rp.example.test", *more)
        finally:
            nginx.kill()
            nginx.wait()
            site.started.remove(nginx)

    good = {"web.example.test": 204, "lync.example.test": 204, "lyncdiscover.example.test": 204}
    clean = report(421, good)
    assert not found(clean, "P-open") and not found(clean, "P-answer") and not found(clean, "F-none")
    assert any("not-published.invalid" in one for one in found(report(200, good), "P-open"))
    is_served = not any("4443/tcp" in one for one in found(look("--host", "uc.example.test"), "L-later"))
    dead = report(421, {**good, "web.example.test": 502})
    assert any("web.example.test" in one for one in found(dead, "P-answer" if is_served else "P-later")) and ("P-answer" in errors(dead)) == is_served
    assert any("lyncdiscover.example.org" in one for one in found(report(421, good, plain=502), "P-answer"))  # 8080 of the pool is there
    here = report(421, good, "--here", "rp.example.test")
    assert not any(one.startswith("rp.example.test:") for one in found(here, "L-beyond")) and found(here, "N-beyond") and not found(here, "N-server") and not found(here, "D-server")
    del good["lync.example.test"]
    assert any("lync.example.test is refused" in one for one in found(report(421, good), "P-answer"))


BALANCED = """organization: Example
sip-domains: [example.test]
internal-domain: example.test
sites: [{name: Main, pools: [{pool: pool.example.test, role: front-end, balancer: tls, servers: [fe1.example.test, fe2.example.test], web: {external: web.example.test}}]}]
"""


def test_what_a_place_reaches_of_a_pool(site, tmp_path):
    """The balancer that ends TLS is looked at where its servers are; the second server has a replica listener, the first is the central one."""
    machine = site.add("place")
    topology = tmp_path / "t.yaml"
    topology.write_text(BALANCED)
    os.chmod(tmp_path, 0o755)

    def look(*more):
        given = [f"{name}.example.test=127.0.0.1" for name in ("pool", "fe1", "fe2")]
        return check(None, "--topology", topology, *more, wrap=["ip", "netns", "exec", machine], addresses=given)

    client, member = look(), look("--here", "fe1.example.test")
    for report in (client, member):
        asked = {one.partition(": ")[0] for one in found(report, "X-read")}
        assert {"pool.example.test:5061", "fe1.example.test:5061", "fe2.example.test:5061"} <= asked
        assert "fe1.example.test:4445" not in asked and ("fe2.example.test:4445" in asked) == (report is member)
        assert ("pool.example.test:444" in asked) == (report is member)
    assert any("4445/tcp from pool.example.test" in one for one in found(client, "L-beyond")) and not found(member, "L-beyond")
    assert not found(look("--side", "outside"), "X-read")  # nothing of it is for the Internet


def test_mistakes(server):
    def status(*words):
        return subprocess.run([BUILD / "witan", "--dir", server.dir, "plan", "check", *words], capture_output=True, text=True).returncode
    assert status("--side", "above") == status("--format", "csv") == status("--all", "--host", FQDN) == status("--what") == 2
    assert status("--here", FQDN) == 2
    assert status("--host", "nobody.example.test") != 0
    assert status("--topology", str(server.dir / "topology.yaml"), "--here", "nobody.example.test") != 0
    (server.dir / "host").write_text("nobody.example.test\n")
    assert status("--offline") != 0
