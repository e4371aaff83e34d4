# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with certificates, injected into the deployment of scripts/five-machines: the check says of each what it is, and nothing else."""
import json
import shutil
import subprocess

import pytest

import five_site
from deployment import wait_for
from five_site import DIRECTOR, EDGE, EXTERNAL, OURS, PROXY, DIRECTOR_WEB, brought_up, give, in_use, presented, report, thumbprint

pytestmark = [pytest.mark.root, pytest.mark.slow]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with brought_up(tmp_path_factory) as one:
        five_site.write_old_list(one)
        yield one


LONG = "a-host-whose-name-is-much-longer-than-any-common-name-may-be.example.com"
# Where a certificate is put, and from where it is then looked at: machine, address, port, what it is for, the name that is asked for.
PLACES = {
    # another program answers at an address of the Edge, as after a mistake of an administrator
    "outer": ("stranger", "198.51.100.12", 443, ["--host", "edge01.corp.example", "--usage", "AccessEdgeExternal"], "sip.example.com"),
    "edge": ("stranger", "198.51.100.11", 443, ["--host", "edge01.corp.example", "--usage", "AccessEdgeExternal"], "sip.example.com"),
    "edge inside": ("dir01", "10.77.1.11", 5061, ["--host", "edge01.corp.example", "--usage", "Internal"], "edge.corp.example"),
    "proxy": ("stranger", "198.51.100.20", 443, ["--host", "rp01.corp.example", "--usage", "WebServicesExternal"], "dirweb.example.com"),
    "director": ("client", "10.77.0.13", 5061, ["--host", "dir01.corp.example", "--usage", "Default"], "dir.corp.example"),
    "director's web": ("dir01", "10.77.0.13", 4443, ["--host", "dir01.corp.example", "--usage", "WebServicesExternal"], "dirweb.example.com"),
}
GOOD = {"outer": {"san": EDGE}, "proxy": {"san": PROXY}, **{place: {"san": san, "ca": ca} for place, (_, _, ca, san) in OURS.items()}}
OLD = "http://198.51.100.53/old.crl"


def without(names, *drop):
    return [name for name in names if name not in drop]


# number of the fault, place, what differs from a good certificate, what differs in the topology and on the command line, what the check says
FAULTS = [
    *(("none", place, {}, {}, set()) for place in PLACES),
    ("N1", "outer", {"san": [*EDGE, "*.example.com"], "cn": "*.example.com"}, {}, {("G06", "error"), ("E-wild", "error")}),
    ("N1", "edge", {"san": ["wc.example.com", "av.example.com"]}, {}, {("E-access", "error"), ("E-cn", "warning")}),
    ("N2", "edge", {"san": [*EDGE, "*.example.com"]}, {}, {("E-wild", "error")}),
    ("N3", "edge", {"san": ["wc.example.com", "sip.example.com", "av.example.com"], "cn": "sip.example.com"}, {}, {("E-first", "warning")}),
    ("N3 strict", "edge", {"san": ["wc.example.com", "sip.example.com", "av.example.com"], "cn": "sip.example.com"}, {"options": ["--strict"]}, {("E-first", "error")}),
    ("N4", "edge", {}, {"topology": [("[example.com]", "[example.com, example.org]")]}, {("E-sip", "error")}),
    ("N5", "edge", {"san": without(EDGE, "wc.example.com")}, {}, {("E-webconf", "error")}),
    ("N6", "proxy", {"san": [*without(PROXY, "web2.example.com"), "*.example.com"]}, {}, {("R-ext", "error")}),
    ("N7", "proxy", {"cn": "proxy.example.com"}, {}, {("G05", "error"), ("X-extra", "warning")}),
    ("N8", "director", {"cn": "dir01.corp.example"}, {}, {("I-pool", "error")}),
    ("N9", "director", {"san": without(DIRECTOR, "dir01.corp.example")}, {}, {("I-member", "error")}),
    ("N10", "outer", {"eku": []}, {}, {("G02", "error")}),
    ("N10", "proxy", {"eku": []}, {}, {("G02", "error")}),
    ("N11", "outer", {"eku": ["clientAuth"]}, {}, {("G02", "error")}),
    ("N12", "edge", {"cdp": ""}, {}, {("G04", "error")}),
    ("N12", "director", {"cdp": ""}, {}, {("G04", "error")}),
    ("N14", "director's web", {"san": ["web1.example.com" if name == "dirweb.example.com" else name for name in DIRECTOR_WEB], "cn": "dir.corp.example"}, {},
     {("T-dirweb", "error"), ("I-web", "error"), ("X-extra", "warning")}),
    ("N15", "outer", {"key": "rsa-1024"}, {}, {("G09", "error")}),
    ("N16 soon", "edge", {"days": 20}, {}, {("G21", "warning")}),
    ("N16 soon", "director", {"days": 20}, {}, {("G21", "warning")}),
    ("N16 this week", "proxy", {"days": 3}, {}, {("G21", "error")}),
    ("N16 expired", "outer", {"start": -40, "days": -1}, {}, {("G21", "error")}),
    ("N16 not yet", "outer", {"start": 3}, {}, {("G21", "error")}),
    ("N17", "edge", {"san": [*EDGE, "edge01.corp.example"]}, {}, {("P-leak", "warning")}),
    ("N17", "proxy", {"san": [*PROXY, "admin.example.com"]}, {}, {("P-leak", "warning")}),
    ("N18", "edge inside", {"san": ["edge.corp.example", "*.corp.example"]}, {}, {("G07", "warning")}),
    ("N19 gone", "edge", {"cdp": "http://198.51.100.53/gone.crl"}, {}, {("G04", "error")}),
    ("N19 nobody listens", "outer", {"cdp": "http://198.51.100.53:9/x.crl"}, {}, {("G04", "error")}),
    ("N19 ended", "proxy", {"cdp": OLD}, {}, {("G04", "error")}),
    ("N20", "proxy", {"san": [*PROXY, "*.example.com"]},
     {"topology": [("    reverse-proxies:", "    office-web-apps:\n      - {internal: wac.corp.example, external: wac.office.example.com}\n    reverse-proxies:")]}, {("G08", "error")}),
    ("N22", "director", {}, {"options": ["--phone-root", "00112233445566778899AABBCCDDEEFF00112233"]}, {("G17", "warning")}),
    ("N23", "proxy", {"cn": LONG, "san": [*PROXY, LONG]}, {}, {("G16", "error"), ("X-extra", "warning")}),
    ("self-signed", "outer", {"ca": "self", "cdp": "http://198.51.100.53/public.crl"}, {}, {("C-self", "error")}),
    ("SHA-1", "outer", {"hash": "sha1"}, {}, {("G10", "error")}),
]


def as_numbered(fault):
    return f"{fault[0]} at {fault[1]}"


def changed_topology(path, changes):
    text = five_site.five.TOPOLOGY.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return path


def listen(site, certificate, key, address="198.51.100.12"):
    """Another program on the Edge, with this certificate. The caller ends it."""
    p = subprocess.Popen(site.inside("edge01", "openssl", "s_server", "-accept", f"{address}:443", "-cert", certificate, "-cert_chain", certificate, "-key", key, "-quiet", "-cipher", "ALL:@SECLEVEL=0"),
                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: f"{address}:443" in site.on("edge01", "ss", "-tln"))
    return p


class Put:
    """A certificate at its place; what was there before comes back."""

    def __init__(self, site, place, tmp_path, row):
        self.site, self.place, self.process = site, place, None
        self.certificate = five_site.issue(site, tmp_path, {**GOOD[place], **row})
        self.tmp_path = tmp_path

    def __enter__(self):
        site, machine = self.site, PLACES[self.place][0]
        if self.place == "outer":
            self.process = listen(site, self.certificate, self.tmp_path / "k")
        elif self.place == "proxy":
            folder = site.dir / "rp01"
            for kept, new in (("proxy.pem", self.certificate), ("proxy.key", self.tmp_path / "k")):
                shutil.copy(folder / kept, self.tmp_path / kept)
                shutil.copy(new, folder / kept)
            self.reload()
        else:
            owner, usage, *_ = OURS[self.place]
            self.before = in_use(site, owner, usage)
            give(site, owner, usage, self.tmp_path, self.certificate)
        _, address, port, _, name = PLACES[self.place]
        want = thumbprint(self.certificate)
        # after a reload former workers of nginx still take connections for a moment, in turn with the new ones
        wait_for(lambda: all(presented(site, machine, address, port, name) == want for _ in range(5 if self.place == "proxy" else 1)), 10, 0.1)
        return self

    def reload(self):
        self.site.on("rp01", "sh", "-c", f"kill -HUP $(cat '{self.site.dir}/rp01/nginx.run')")

    def __exit__(self, *why):
        site = self.site
        if self.process:
            self.process.kill()
            self.process.wait()
        elif self.place == "proxy":
            for kept in ("proxy.pem", "proxy.key"):
                shutil.copy(self.tmp_path / kept, site.dir / "rp01" / kept)
            self.reload()
        elif hasattr(self, "before"):
            owner, usage, *_ = OURS[self.place]
            site.witan(owner, "Set-CsCertificate", "-Type", usage, "-Thumbprint", self.before)
            site.witan(owner, "Remove-CsCertificate", "-Thumbprint", thumbprint(self.certificate))


def said(found):
    """What counts of a report: not what other programs offer of TLS, and no information."""
    return {(f["rule"], f["severity"]) for f in found["findings"] if f["severity"] != "information" and not f["rule"].startswith(("TLS-", "S-"))}


@pytest.mark.parametrize("fault", FAULTS, ids=as_numbered)
def test_fault(site, tmp_path, fault):
    _, place, row, around, expected = fault
    machine, address, port, options, name = PLACES[place]
    if "topology" in around:
        options = [*options, "--topology", changed_topology(tmp_path / "t.yaml", around["topology"]), "--ca", site.dir / "uc01/d/ca.pem"]
    with Put(site, place, tmp_path, row):
        found = report(site, machine, "check", "certificates", f"{address}:{port}", *options, *around.get("options", []), "--name", name)
    assert said(found) == expected, json.dumps(found["findings"], indent=1)
    assert all(f["what"] and f["remedy"] for f in found["findings"]) and len(found["certificates"]) == 1


def test_what_a_server_does_not_take(site, tmp_path):
    """N11 at a server of ours: it says itself that nobody would believe it, and goes on with what it has."""
    before = in_use(site, "dir01", "Default")
    certificate = five_site.issue(site, tmp_path, {**GOOD["director"], "eku": ["clientAuth"]})
    with pytest.raises(five_site.five.Failed, match="no serverAuth.*\n.*remedy: ask for a certificate"):
        give(site, "dir01", "Default", tmp_path, certificate)
    assert in_use(site, "dir01", "Default") == before == presented(site, "client", "10.77.0.13", 5061, "dir.corp.example")
    site.witan("dir01", "Remove-CsCertificate", "-Thumbprint", thumbprint(certificate))


def test_members_of_an_edge_pool_differ(site, tmp_path):
    """N13: a second member answers with a key of its own; with the same certificate and key there is no fault."""
    topology = changed_topology(tmp_path / "t.yaml", [
        ("av: 198.51.100.13}}\n", "av: 198.51.100.13}}\n          - {fqdn: edge02.corp.example, internal-address: 10.77.1.12, external-address: {access: 198.51.100.12, "
         "web-conferencing: 198.51.100.14, av: 198.51.100.15}}\n")])
    own, same = tmp_path / "own", tmp_path / "same"
    for folder in (own, same):
        folder.mkdir()
        five_site.issue(site, folder, GOOD["edge"])
    shared = five_site.issue(site, same, {**GOOD["edge"], "key_name": "shared"})
    first = listen(site, shared, same / "k", "198.51.100.13")
    try:
        for folder, expected in ((own, {("E-samekey", "error")}), (same, set())):
            second = listen(site, folder / "c", folder / "k")
            try:
                found = report(site, "stranger", "check", "certificates", "edge01.corp.example:443", "edge02.corp.example:443", "--usage", "AccessEdgeExternal", "--topology", topology,
                               "--ca", site.dir / "uc01/d/ca.pem", "--address", "edge01.corp.example=198.51.100.13", "--address", "edge02.corp.example=198.51.100.12", "--name", "sip.example.com")
            finally:
                second.kill()
                second.wait()
            assert said(found) == expected, json.dumps(found["findings"], indent=1)
    finally:
        first.kill()
        first.wait()


def test_pools_sign_tokens_differently(site, tmp_path):
    """N21: the second server has the certificate for tokens of the first, as the guide says; then an administrator brings it another one."""
    folder = tmp_path / "certificates"

    def judged():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for machine in ("uc01", "uc02"):
            shutil.copy(site.dir / machine / f"d/certs/{in_use(site, machine, 'OAuthTokenIssuer')}.pem", folder / f"{machine}.corp.example OAuthTokenIssuer.pem")
        return said(report(site, "uc01", "check", "certificates", folder))

    shared, sealed = in_use(site, "uc01", "OAuthTokenIssuer"), tmp_path / "tokens.pfx"
    site.witan("uc01", "Export-CsCertificate", shared, "-Path", sealed, "-PasswordFile", "-", input="a word for it\n")
    for part in (sealed, *tmp_path.parents[:3], tmp_path):
        part.chmod(part.stat().st_mode | 0o055)
    site.witan("uc02", "Import-CsCertificate", sealed, "-PasswordFile", "-", input="a word for it\n")
    site.witan("uc02", "Set-CsCertificate", "-Type", "OAuthTokenIssuer", "-Thumbprint", shared)
    assert judged() == set()
    other = tmp_path / "other"
    other.mkdir()
    give(site, "uc02", "OAuthTokenIssuer", other, five_site.issue(site, other, {"san": ["example.com"], "ca": "internal"}))
    assert judged() == {("O-same", "error")}
