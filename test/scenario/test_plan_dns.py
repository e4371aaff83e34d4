# SPDX-License-Identifier: Apache-2.0
"""witan plan dns: its zones are loaded by a name server, and whatever a client asks for, in the order in which clients ask, ends at
the right host."""
import json
import shutil
import subprocess

import pytest

from deployment import BUILD, ROOT, free_port, wait_for

DOMAINS = ("domain.com", "domain-a.com", "domain-b.com")
DIRECTOR, PROXY = "10.0.0.31", "192.0.2.40"
EDGES = {"access": {"192.0.2.11", "192.0.2.21"}, "webcon": {"192.0.2.12", "192.0.2.22"}, "av": {"192.0.2.13", "192.0.2.23"}}
ADDRESSES = f"""
fe01.internal.ad 10.0.0.21
fe02.internal.ad 10.0.0.22
fe03.internal.ad 10.0.0.23 fd00::23
eepoolwebint.internal.ad 10.0.0.20
se01.internal.ad 10.0.0.25
{DIRECTOR} dir01.internal.ad
rp01.internal.ad 10.0.0.40
dirweb.domain.com {PROXY}
gw01.internal.ad 10.0.0.51
wacfarm.internal.ad 10.0.0.61
clock.internal.ad 10.0.0.5
"""


def witan(*args, status=0):
    done = subprocess.run([BUILD / "witan", "plan", "dns", *map(str, args)], capture_output=True, text=True, timeout=20)
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    path = tmp_path_factory.mktemp("dns") / "addresses"
    path.write_text(ADDRESSES)
    return ["--topology", ROOT / "test/topology/whole.yaml", "--addresses", path]


class NameServer:
    """named with the zones of one side, on a port of its own."""

    def __init__(self, folder, zones, recursion="no"):
        self.folder, self.port = folder, free_port()
        (folder / "all.conf").write_text(
            f'options {{ directory "{zones}"; listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file "{folder}/pid"; session-keyfile "{folder}/session.key"; '
            f'recursion {recursion}; notify no; dnssec-validation no; minimal-responses yes; }};\ncontrols {{ }};\ninclude "{zones}/named.conf";\n')
        self.log = open(folder / "log", "w")
        self.p = subprocess.Popen(["named", "-g", "-c", folder / "all.conf"], stdout=self.log, stderr=self.log)
        wait_for(lambda: "all zones loaded" in (folder / "log").read_text() or self.p.poll() is not None, message="named does not start")
        assert self.p.poll() is None, (folder / "log").read_text()

    def ask(self, name, kind):
        """The answers as dig prints them; CNAMEs are followed."""
        done = subprocess.run(["dig", "@127.0.0.1", "-p", str(self.port), "+short", "+time=2", "+tries=2", name, kind], capture_output=True, text=True, timeout=10, check=True)
        return [line for line in done.stdout.splitlines() if not line.startswith(";")]

    def addresses(self, name):
        return {a for a in self.ask(name, "A") if a[0].isdigit()}

    def service(self, name):
        """Targets of an SRV record with their addresses: {(port, host)}, addresses."""
        found = {(int(port), host.rstrip(".")) for _p, _w, port, host in (line.split() for line in self.ask(name, "SRV"))}
        return found, set().union(*(self.addresses(host) for _port, host in found))

    def close(self):
        self.p.terminate()
        self.p.wait(10)
        self.log.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """serve(side, options of witan plan dns...): a name server with these zones, each checked before."""
    for program in ("named", "named-checkzone", "dig"):
        if shutil.which(program) is None:
            pytest.skip(f"needs the program {program}")
    made = []

    def make(side, *args):
        folder = tmp_path_factory.mktemp(side)
        witan(*args, "--format", "zone", "--side", side, "--out", folder / "zones")
        for zone in (folder / "zones" / side).glob("*.zone"):
            checked = subprocess.run(["named-checkzone", "-i", "local-sibling", zone.stem, zone], capture_output=True, text=True)
            assert checked.returncode == 0 and "warning" not in checked.stdout and "has no address" not in checked.stdout, checked.stdout
        made.append(NameServer(folder, folder / "zones" / side))
        made[-1].zones = sorted(z.stem for z in (folder / "zones" / side).glob("*.zone"))
        return made[-1]

    yield make
    for server in made:
        server.close()


def check_inside(server):
    for d in DOMAINS:
        assert server.addresses(f"lyncdiscoverinternal.{d}") == {DIRECTOR}
        assert server.addresses(f"lyncdiscover.{d}") == set()
        assert server.service(f"_sipinternaltls._tcp.{d}") == ({(5061, f"sip.{d}")}, {DIRECTOR})
        assert server.ask(f"_sipinternal._tcp.{d}", "SRV") == []  # the Director has no TCP
        assert server.ask(f"_sip._tls.{d}", "SRV") == []
        assert server.addresses(f"sip.{d}") == {DIRECTOR}
        assert server.addresses(f"meet.{d}") == {DIRECTOR}
    assert server.addresses("dialin.domain.com") == server.addresses("admin.domain.com") == {DIRECTOR}
    for name in ("eepoolweb", "seweb", "dirweb"):  # mobile clients use the outer site
        assert server.addresses(f"{name}.domain.com") == {PROXY}


def check_servers(server):
    assert server.addresses("eepool.internal.ad") == {"10.0.0.21", "10.0.0.22", "10.0.0.23"}
    assert server.ask("eepool.internal.ad", "AAAA") == ["fd00::23"] == server.ask("fe03.internal.ad", "AAAA")
    assert server.addresses("eepoolwebint.internal.ad") == {"10.0.0.20"}
    assert server.addresses("edgepool.internal.ad") == {"10.0.0.11", "10.0.0.12"}
    assert server.addresses("edge02.internal.ad") == {"10.0.0.12"}
    assert server.addresses("dirwebint.internal.ad") == {DIRECTOR}
    assert server.addresses("gw01.internal.ad") == {"10.0.0.51"} and server.addresses("wacfarm.internal.ad") == {"10.0.0.61"}


def test_clients_inside(files, serve):
    server = serve("inside", *files, "--name-server", "ns1.internal.ad=10.0.0.2", "--time-server", "clock.internal.ad")
    assert server.zones == ["domain-a.com", "domain-b.com", "domain.com", "internal.ad"]
    check_inside(server)
    check_servers(server)
    assert server.ask("_ntp._udp.domain.com", "SRV") == ["0 0 123 clock.internal.ad."] and server.addresses("clock.internal.ad") == {"10.0.0.5"}
    assert server.ask("internal.ad", "NS") == ["ns1.internal.ad."] and server.addresses("ns1.internal.ad") == {"10.0.0.2"}
    assert server.addresses("sipinternal.domain.com") == server.addresses("ucupdates-r2.internal.ad") == set()


def test_keys_of_the_topology_add_names(files, serve, tmp_path):
    topology = tmp_path / "topology.yaml"
    topology.write_text((ROOT / "test/topology/whole.yaml").read_text() + "legacy-names: true\ndevice-update: true\n")
    inside, outside = (serve(side, "--topology", topology, *files[2:]) for side in ("inside", "outside"))
    assert inside.addresses("ucupdates-r2.internal.ad") == {DIRECTOR}
    for d in DOMAINS:
        assert inside.addresses(f"sipinternal.{d}") == {DIRECTOR} and inside.addresses(f"sipexternal.{d}") == set()
        assert outside.addresses(f"sipexternal.{d}") == EDGES["access"] and outside.addresses(f"sipinternal.{d}") == set()


def test_pin_point_zones(files, serve):
    """Where the SIP domains are served elsewhere, only single names are answered here."""
    server = serve("inside", *files, "--pin-point")
    assert "domain.com" not in server.zones and "sip.domain.com" in server.zones and "_sipinternaltls._tcp.domain-a.com" in server.zones and "internal.ad" in server.zones
    check_inside(server)
    check_servers(server)


@pytest.mark.parametrize("more", [(), ("--cname",)])
def test_clients_outside(files, serve, more):
    server = serve("outside", *files, *more)
    assert server.zones == ["domain-a.com", "domain-b.com", "domain.com"]
    for d in DOMAINS:
        assert server.addresses(f"lyncdiscover.{d}") == {PROXY}
        assert server.service(f"_sip._tls.{d}") == ({(443, f"sip.{d}")}, EDGES["access"])
        assert server.service(f"_sipfederationtls._tcp.{d}") == ({(5061, f"sip.{d}")}, EDGES["access"])
        assert server.addresses(f"sip.{d}") == EDGES["access"]
        assert server.addresses(f"meet.{d}") == {PROXY}
        for hidden in (f"lyncdiscoverinternal.{d}", f"sipinternal.{d}", f"admin.{d}", f"_sipinternaltls._tcp.{d}"):
            assert server.ask(hidden, "A") == server.ask(hidden, "SRV") == []
    assert server.service("_xmpp-server._tcp.domain.com") == ({(5269, "sip.domain.com")}, EDGES["access"])
    assert server.ask("_xmpp-server._tcp.domain-a.com", "SRV") == []
    assert server.addresses("webcon.domain.com") == EDGES["webcon"] and server.addresses("av.domain.com") == EDGES["av"]
    for name in ("eepoolweb", "seweb", "dirweb", "dialin", "wac"):
        assert server.addresses(f"{name}.domain.com") == {PROXY}
    # a CNAME never leaves the SIP domain
    assert ("dirweb.domain.com." in server.ask("lyncdiscover.domain.com", "A")) == bool(more)
    assert server.ask("lyncdiscover.domain-a.com", "A") == [PROXY]


def test_without_addresses(files):
    """Names that nobody has located are shown as such, and are remarks in zones."""
    table = witan(*files[:2]).stdout
    assert "? (dir01.internal.ad)" in table and "10.0.0.12" in table
    done = witan(*files[:2], "--format", "zone", "--side", "inside", "--zone", "domain.com")
    assert "; no address known: sip.domain.com. IN A (dir01.internal.ad)" in done.stdout and "have no address" in done.stderr
    rows = json.loads(witan(*files[:2], "--format", "json").stdout)
    record = next(r for r in rows if r["kind"] == "record" and r["name"] == "sip.domain.com" and r["side"] == "inside")
    assert record == {"kind": "record", "side": "inside", "zone": "domain.com", "name": "sip.domain.com", "type": "A", "host": "dir01.internal.ad", "address": None,
                      "rule": "dns 2.9, G20", "why": "target of the SRV record, and sign-in without it"}
    finding = next(r for r in rows if r["kind"] == "finding")
    assert finding["rule"] == "DNS-08" and finding["severity"] == "warning" and finding["remedy"]


FOUND = [
    ("web: {internal: eepoolwebint.internal.ad, external: eepoolweb.domain.com}", "web: {external: eepoolweb.domain.com}", "error DNS-08: eepool.internal.ad"),
    ("access: sip.domain.com", "access: sip.elsewhere.test", "error DNS-03: sip.elsewhere.test"),
    ("publishes: [dirpool.internal.ad, eepool.internal.ad, se01.internal.ad]", "publishes: [eepool.internal.ad, se01.internal.ad]", "error DNS-05: dirpool.internal.ad"),
    ("web-conferencing: 192.0.2.12", "web-conferencing: 192.0.2.11", "error DNS-11: edge01.internal.ad"),
    ("av: 192.0.2.13", f"av: {PROXY}", "error DNS-11: edge01.internal.ad: an address of the Edge is the reverse proxy's"),
    ("{fqdn: gw01.internal.ad", "{fqdn: gw01.telephone.test", "warning dns 1: gw01.telephone.test: lies in no zone"),
    ("external: seweb.domain.com", "external: seweb.internal.ad", "error dns 1: seweb.internal.ad"),
]


@pytest.mark.parametrize("old, new, message", FOUND)
def test_what_cannot_work_is_found(files, tmp_path, old, new, message):
    text = (ROOT / "test/topology/whole.yaml").read_text()
    assert old in text and message not in witan(*files).stderr
    (tmp_path / "t.yaml").write_text(text.replace(old, new))
    found = witan("--topology", tmp_path / "t.yaml", *files[2:]).stderr
    assert message in found and "remedy: " in found


def test_mistakes_are_explained(files):
    assert "add --side inside" in witan(*files, "--format", "zone", status=2).stderr
    assert "inside or outside" in witan(*files, "--side", "both", status=2).stderr
    assert "no zone of that name" in witan(*files, "--format", "zone", "--side", "outside", "--zone", "internal.ad", status=1).stderr
    assert "table|json|zone" in witan(*files, "--format", "bind", status=2).stderr
