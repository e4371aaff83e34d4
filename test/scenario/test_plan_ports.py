# SPDX-License-Identifier: Apache-2.0
"""witan plan ports: the packet filter of every host of a deployment is loaded in a namespace of its own, and exactly the planned
connections pass."""
import ipaddress
import json
import subprocess

import pytest

from deployment import BUILD
from namespaces import Prober, Site, need_namespaces

CLIENTS, ADMINS = "10.77.1.0/24", "10.77.2.0/24"
TOPOLOGY = """
organization: Example
sip-domains: [example.com, example.org]
internal-domain: corp.example
sites:
  - name: Main
    pools:
      - pool: eepool.corp.example
        role: front-end
        servers: [fe01.corp.example, fe02.corp.example]
        web: {internal: eeweb.corp.example, external: eeweb.example.com}
        collocated: [mediation, conferencing]
        store: {kind: postgresql, url: "postgresql://witan@db.corp.example:6543/witan"}
        ports: {sip-tls: 5461, web: 4440}
      - pool: dirpool.corp.example
        role: director
        servers: [dir01.corp.example]
        web: {internal: dirweb.corp.example, external: dirweb.example.com}
      - pool: chat.corp.example
        role: persistent-chat
        servers: [chat01.corp.example]
      - pool: edge.corp.example
        role: edge
        servers:
          - {fqdn: edge01.corp.example, internal-address: 10.77.0.11, external-address: {access: 198.51.100.11, web-conferencing: 198.51.100.12, av: 198.51.100.13}}
        external: {access: sip.example.com, web-conferencing: webcon.example.com, av: av.example.com}
        next-hop: dirpool.corp.example
        federation: true
    reverse-proxies:
      - {fqdn: rp01.corp.example, publishes: [dirpool.corp.example, eepool.corp.example]}
    pstn-gateways:
      - {fqdn: gw01.corp.example, mediation: eepool.corp.example}
    office-web-apps:
      - {internal: wac.corp.example, external: wac.example.com}
"""
ADDRESSES = """
# a remark
fe01.corp.example 10.77.0.21
10.77.0.22 fe02.corp.example fe02   # as in /etc/hosts
dir01.corp.example 10.77.0.31
chat01.corp.example 10.77.0.35
db.corp.example 10.77.0.41
gw01.corp.example 10.77.0.51
wac.corp.example 10.77.0.61
rp01.corp.example 10.77.0.71
"""
# name: addresses inside, addresses outside
HOSTS = {
    "fe01.corp.example": (["10.77.0.21"], []),
    "fe02.corp.example": (["10.77.0.22"], []),
    "dir01.corp.example": (["10.77.0.31"], []),
    "chat01.corp.example": (["10.77.0.35"], []),
    "db.corp.example": (["10.77.0.41"], []),
    "gw01.corp.example": (["10.77.0.51"], []),
    "wac.corp.example": (["10.77.0.61"], []),
    "edge01.corp.example": (["10.77.0.11"], ["198.51.100.11", "198.51.100.12", "198.51.100.13"]),
    "rp01.corp.example": (["10.77.0.71"], ["198.51.100.20"]),
}
OTHERS = {  # nobody's rules
    "client": (["10.77.1.100"], []),
    "admin": (["10.77.2.5"], []),
    "guest": (["10.77.3.9"], []),
    "stranger": ([], ["198.51.100.200"]),
}
PLACES = {**HOSTS, **OTHERS}
INTERFACES = {"internal": "10.77.0.11", "access": "198.51.100.11", "web-conferencing": "198.51.100.12", "av": "198.51.100.13"}
UNPLANNED = {"tcp": (21, 25, 135, 445, 1433, 5059, 5060, 5432, 8443, 49151), "udp": (53, 1434, 3479, 5061, 49151)}


def witan(*args, status=0):
    done = subprocess.run([BUILD / "witan", "plan", "ports", *map(str, args)], capture_output=True, text=True, timeout=20)
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    (folder / "topology.yaml").write_text(TOPOLOGY)
    (folder / "addresses").write_text(ADDRESSES)
    return ["--topology", folder / "topology.yaml", "--addresses", folder / "addresses"]


class Plan:
    """The flows, judged here by other means than the rules were made by."""

    def __init__(self, files):
        self.flows = json.loads(witan(*files, "--format", "json").stdout)
        self.units = {}
        for f in self.flows:
            self.units.setdefault(f["to"], set()).update(f.get("hosts", ()))
        self.unit_of = {host: unit for unit, hosts in self.units.items() for host in hosts}
        self.host_of = {a: name for name, (inner, outer) in PLACES.items() for a in (*inner, *outer)}

    def ports(self, transport):
        found = set(UNPLANNED[transport])
        for f in self.flows:
            if transport in f["transport"]:
                found |= {f["port"], f["last-port"]}
        return sorted(found)

    def has(self, flow, transport, port):
        return transport in flow["transport"] and flow["port"] <= port <= flow["last-port"]

    def is_source(self, flow, source):
        if "internet" in flow["from"]:
            return True
        groups = {"clients": CLIENTS, "administrators": ADMINS}
        if any(ipaddress.ip_address(source) in ipaddress.ip_network(groups[g]) for g in flow["from"] if g in groups):
            return True
        host = self.host_of[source]
        return self.unit_of.get(host) in flow["from"] and source in HOSTS[host][0]

    def may_enter(self, source, to, transport, port):
        host = self.host_of[to]
        if host not in HOSTS:
            return True
        for f in self.flows:
            at = f["interface"]
            here = host in f.get("hosts", ()) and (host != "edge01.corp.example" or INTERFACES[at] == to)
            if here and self.has(f, transport, port) and self.is_source(f, source):
                return True
        return False

    def may_leave(self, source, to, transport, port):
        host = self.host_of[source]
        if host not in ("edge01.corp.example", "rp01.corp.example"):
            return True
        inside = source in HOSTS[host][0]
        for f in self.flows:
            if self.unit_of[host] not in f["from"] or not self.has(f, transport, port):
                continue
            if f["to"] == "internet" and not inside and to.startswith("198."):
                return True
            target = self.host_of[to]
            if f["to"] == self.unit_of.get(target) and to in HOSTS[target][0] and (inside or host == "rp01.corp.example"):
                return True
        return False


@pytest.fixture(scope="module")
def site(files):
    need_namespaces("nft")
    made = Site()
    try:
        made.segment("in")
        made.segment("out")
        made.spaces = {}
        for number, (name, (inner, outer)) in enumerate(PLACES.items()):
            space = made.spaces[name] = made.add(f"h{number}")
            if inner:
                made.plug(space, "in", *(f"{a}/16" for a in inner))
            if outer:
                made.plug(space, "out", *(f"{a}/24" for a in outer))
        # a way through the Edge, for whoever would take it
        made.run(made.spaces["edge01.corp.example"], "sysctl", "-q", "net.ipv4.ip_forward=1")
        made.run(made.spaces["stranger"], "ip", "route", "add", "10.77.0.0/16", "via", "198.51.100.11")
        for name, (inner, outer) in PLACES.items():
            if not outer:
                made.run(made.spaces[name], "ip", "route", "add", "198.51.100.0/24", "via", "10.77.0.11")
        yield made
    finally:
        made.close()


def rules(files, host):
    return witan(*files, "--host", host, "--format", "nftables", "--internal-network", CLIENTS, "--admin-network", ADMINS).stdout


def test_exactly_the_planned_connections_pass(files, site):
    plan = Plan(files)
    ports = {t: plan.ports(t) for t in ("tcp", "udp")}
    probers = {name: Prober(site, space) for name, space in site.spaces.items()}
    for name, prober in probers.items():
        prober.ask(listen=[*PLACES[name][0], *PLACES[name][1]], **ports)
    for prober in probers.values():
        assert prober.answer() is True
    for name in HOSTS:
        text = rules(files, name)
        site.run(site.spaces[name], "nft", "-c", "-f", "-", input=text)
        for _ in range(2):  # a second time replaces the first
            site.run(site.spaces[name], "nft", "-f", "-", input=text)
    asked = {}
    for name, prober in probers.items():
        inner, outer = PLACES[name]
        targets = [a for other, (i, o) in PLACES.items() if other != name for a in (*i, *o)]
        asked[name] = []
        for to in targets:
            sources = (*inner, *outer) if name == "edge01.corp.example" else outer if to.startswith("198.") and outer else inner or outer
            asked[name] += [[s, to, t, p] for s in sources for t in ports for p in ports[t]]
        prober.ask(probe=asked[name])
    wrong, passed, n = [], 0, 0
    for name, prober in probers.items():
        for probe, came in zip(asked[name], prober.answer()):
            source, to, transport, port = probe
            # the Edge connects the two sides for nobody, and takes or sends nothing for one side on the other
            meet = source.startswith("10.") == to.startswith("10.")
            want = meet and plan.may_leave(*probe) and plan.may_enter(*probe)
            passed += came
            n += 1
            if came != want:
                wrong.append(f"{name} {source} -> {plan.host_of[to]} {to} {port}/{transport}: {'passes, is not planned' if came else 'is planned, does not pass'}")
    assert not wrong, f"{len(wrong)} of {n}\n" + "\n".join(wrong[:40])
    assert n > 5000 and 300 < passed < n / 2
    print(f"{n} connections tried, {passed} passed")


def reached(plan, source, to, port, transport="tcp"):
    return plan.may_enter(source, to, transport, port)


def test_the_plan_itself(files):
    """What the port tables say, for a few that matter, by hand."""
    plan = Plan(files)
    fe, director, edge, proxy, chat = "10.77.0.21", "10.77.0.31", "10.77.0.11", "10.77.0.71", "10.77.0.35"
    client, admin, guest, stranger = "10.77.1.100", "10.77.2.5", "10.77.3.9", "198.51.100.200"
    yes = [(client, fe, 5461), (client, fe, 443), (client, fe, 8057), (director, fe, 5461), (edge, director, 5061), (proxy, fe, 4443), (proxy, fe, 8080), (proxy, director, 4443),
           (fe, edge, 5061), (fe, edge, 5062), (fe, edge, 8057), (fe, edge, 4443), (client, edge, 443), (fe, "10.77.0.41", 6543), ("10.77.0.51", fe, 5067), (fe, "10.77.0.51", 5067),
           (fe, chat, 5041), (client, chat, 443), (admin, fe, 22), (admin, edge, 22), (admin, fe, 4440), (proxy, "10.77.0.61", 443), (fe, "10.77.0.22", 8404),
           (stranger, "198.51.100.11", 443), (stranger, "198.51.100.11", 5061), (stranger, "198.51.100.12", 443), (stranger, "198.51.100.13", 443), (stranger, "198.51.100.20", 443),
           (stranger, "198.51.100.20", 80)]
    no = [(client, fe, 5061), (client, fe, 5062), (client, fe, 4443), (edge, fe, 5461), (edge, fe, 443), (proxy, fe, 443), (client, "10.77.0.41", 6543), (director, "10.77.0.41", 6543),
          (client, edge, 5061), (client, edge, 4443), (director, edge, 4443), (client, fe, 22), (stranger, "198.51.100.11", 22), (stranger, "198.51.100.11", 5269), (stranger, edge, 5061),
          (guest, fe, 5461), (fe, "10.77.0.51", 5068), (stranger, "198.51.100.12", 5061), (director, chat, 5041), (client, chat, 5041), ("10.77.0.51", fe, 5068)]
    assert [q for q in yes if not reached(plan, *q)] == []
    assert [q for q in no if reached(plan, *q)] == []
    assert reached(plan, client, edge, 3478, "udp") and reached(plan, client, fe, 60000, "udp") and not reached(plan, client, fe, 49151, "udp")


def test_one_address(files, tmp_path):
    """An Edge with one outer address has a port for each service."""
    one = TOPOLOGY.replace(", web-conferencing: 198.51.100.12, av: 198.51.100.13", "").replace("federation: true", "single-address: true\n        xmpp: [example.org]")
    (tmp_path / "t.yaml").write_text(one)
    flows = json.loads(witan("--topology", tmp_path / "t.yaml", "--host", "edge01.corp.example", "--format", "json").stdout)
    outside = {(f["port"], f["transport"], f["interface"]) for f in flows if f["from"] == ["internet"]}
    assert outside == {(5061, "tcp", "access"), (5269, "tcp", "access"), (444, "tcp", "web-conferencing"), (443, "tcp", "av"), (3478, "udp", "av")}
    text = witan("--topology", tmp_path / "t.yaml", *files[2:], "--host", "edge01.corp.example", "--format", "nftables", "--internal-network", CLIENTS).stdout
    assert "198.51.100.12" not in text and "ip daddr { 198.51.100.11 } tcp dport 444 accept" in text and "dport 22 " not in text


def test_both_families_and_balancers(files, tmp_path):
    """Rules for hosts with addresses of both families, and for servers behind a balancer, load; each family has its own."""
    need_namespaces("nft")
    behind = TOPOLOGY.replace("collocated: [mediation, conferencing]", "collocated: [mediation, conferencing]\n        balancer: tcp").replace("next-hop: dirpool", "next-hop: eepool")
    (tmp_path / "t.yaml").write_text(behind)
    (tmp_path / "a").write_text(ADDRESSES + "fe01.corp.example fd00::21\nfe02.corp.example fd00::22\nchat01.corp.example fd00::35\neepool.corp.example 10.77.0.20 fd00::20\n")
    given = ("--topology", tmp_path / "t.yaml", "--addresses", tmp_path / "a", "--format", "nftables", "--internal-network", "10.77.0.0/16,10.77.1.0/24,fd00:1::/48", "--admin-network", "fd00:2::/64")
    site = Site()
    try:
        space = site.add("rules")
        text = {host: witan(*given, "--host", host).stdout for host in HOSTS}
        for rules_of in text.values():
            site.run(space, "nft", "-f", "-", input=rules_of)
            loaded = site.run(space, "nft", "list", "table", "inet", "witan")
            assert loaded.count(" accept") == rules_of.count(" accept")
    finally:
        site.close()
    fe, edge = text["fe01.corp.example"], text["edge01.corp.example"]
    assert "ip saddr { 10.77.0.22, 10.77.0.31, 10.77.0.35, 10.77.0.11, 10.77.0.20 } tcp dport 5461 accept" in fe and "ip6 saddr { fd00::22, fd00::35, fd00::20 } tcp dport 5461 accept" in fe
    assert "ip6 saddr @clients6 tcp dport 443 accept" in fe and "ip6 saddr @admins6 tcp dport 22 accept" in fe and "@admins4" not in fe
    # the Edge dials the balancer as well as the servers behind it, from its inner address
    assert "ip saddr { 10.77.0.11 } ip daddr { 10.77.0.20, 10.77.0.21, 10.77.0.22 } tcp dport 5461 accept" in edge and "@admins6 tcp dport 22" not in edge


def test_mistakes_are_explained(files, tmp_path):
    assert "add --host NAME" in witan(*files, "--format", "nftables", status=2).stderr
    host = ("--host", "fe01.corp.example", "--format", "nftables")
    assert "--internal-network 10.0.0.0/8" in witan(*files, *host, status=1).stderr
    assert "not a network" in witan(*files, *host, "--internal-network", "10.0.0.1/8", status=1).stderr
    assert "--internal-network: " in witan(*files, *host, "--internal-network", "10.0.0.0/33", status=1).stderr
    assert "there is no host" in witan(*files, "--host", "fe09.corp.example", status=1).stderr
    missing = witan(*files[:2], "--address", "fe02.corp.example=10.77.0.22", *host, "--internal-network", CLIENTS)
    assert "dir01.corp.example: no address is known" in missing.stderr and "# no address known: dir01.corp.example" in missing.stdout
    (tmp_path / "bad").write_text("fe01.corp.example 10.77.0.21\nfe02.corp.example 10.77.0.300\n")
    bad = witan(*files[:2], "--addresses", tmp_path / "bad", status=1).stderr
    assert "bad:2" in bad and "10.77.0.300" in bad and "remedy" in bad
