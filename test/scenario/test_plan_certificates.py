# SPDX-License-Identifier: Apache-2.0
"""witan plan certificates and rules: what people and programs see of it, and that every example plans."""
import json
import re

import pytest

from deployment import ROOT
from test_deployment import done, refused

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
WHOLE = ROOT / "test/topology/whole.yaml"
KEYS = ["host", "pool", "usage", "cn", "san", "eku", "key", "exportable", "ca", "shared-with", "listeners", "why", "crl-url"]


def plan(topology, *more):
    return json.loads(done("plan", "certificates", "--topology", topology, "--format", "json", *more))


def usage(certificates, word):
    return [c for c in certificates if word in c["usage"]]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_example_plans(path):
    certificates = plan(path)
    rules = {r["rule"] for r in json.loads(done("plan", "rules", "--format", "json"))}
    assert certificates and path.read_text().startswith("# ")
    for c in certificates:
        assert list(c) == KEYS and c["usage"] and c["eku"][0] == "serverAuth"
        assert [w["name"] for w in c["why"]] == (c["san"] or [c["cn"]]) and {w["rule"] for w in c["why"]} <= rules
    assert len(usage(certificates, "OAuthTokenIssuer")) == 1
    table = done("plan", "certificates", "--topology", path)
    assert table.count("  CN ") == len(certificates) and all(c["cn"] in table for c in certificates)


def test_examples_are_described():
    assert len(EXAMPLES) >= 16
    readme = (ROOT / "examples/README.md").read_text()
    assert sorted(re.findall(r"^\| \[([\w.-]+)\]", readme, re.M)) == [p.name for p in EXAMPLES]


def test_examples_show_their_variant():
    def names(example, word):
        return [n for c in usage(plan(ROOT / f"examples/{example}.yaml"), word) for n in c["san"]]

    def one(example, word):
        c, = usage(plan(ROOT / f"examples/{example}.yaml"), word)
        return c

    assert one("public-im", "AccessEdgeExternal")["eku"] == ["serverAuth", "clientAuth"]
    assert "XMPPServer" in one("xmpp", "AccessEdgeExternal")["usage"] and "example.org" in names("xmpp", "XMPPServer")
    assert one("hybrid", "AccessEdgeExternal")["shared-with"] == ["rp01.corp.example"]
    assert one("single-address", "DataEdgeExternal")["listeners"] == ["access 5061/tcp", "web-conferencing 444/tcp", "av 443/tcp"]
    assert one("separate-av", "AudioVideoAuthentication")["san"] == ["av.example.com"]
    assert "meet.example.org" in names("simple-urls-per-function", "WebServicesInternal")
    assert "lync.example.org" in names("simple-urls-per-domain", "WebServicesInternal")
    assert "uc.example.com" in names("simple-urls-shared", "WebServicesInternal") and "uc.example.org" not in names("simple-urls-shared", "WebServicesInternal")
    assert not [n for n in names("mediation", "Default") if n == "gw02.corp.example"]
    assert {c["host"] for c in usage(plan(ROOT / "examples/balancers.yaml"), "Default")} >= {"pool-tls.corp.example", "fe07.corp.example"}
    assert [c["san"][:2] for c in usage(plan(ROOT / "examples/geographic.yaml"), "AccessEdgeExternal")] == [
        ["sip.example.com", "sip-eu.example.com"], ["sip.example.com", "sip-us.example.com"]]


def test_one_host_and_one_usage():
    second = plan(WHOLE, "--host", "EDGE02.internal.ad")
    assert [c["host"] for c in second] == ["edge01.internal.ad"] * 2 and all("edge02.internal.ad" in c["shared-with"] for c in second)
    assert [c["host"] for c in plan(WHOLE, "--usage", "webservicesexternal", "--host", "rp01.internal.ad")] == ["rp01.internal.ad"]
    assert plan(WHOLE, "--usage", "Default", "--host", "gw01.internal.ad")[0]["listeners"] == ["5067/tcp"]


def test_public_names_have_no_url_of_ours():
    for c in plan(WHOLE):
        assert c["crl-url"] == ("" if c["ca"] == "public" else "http://pki.internal.ad/witan.crl")


def test_table_says_why():
    table = done("plan", "certificates", "--topology", WHOLE, "--host", "edge01.internal.ad")
    assert re.search(r"sip\.domain-b\.com +E-sip +remote users", table) and "also on    edge02.internal.ad" in table
    assert re.search(r"CN +edgepool\.internal\.ad +E-int ", table) and "SAN        none" in table
    assert "E-first" in done("plan", "rules") and "certificates" in done("plan", "--help")


def test_mistakes_are_answered(tmp_path):
    refused(2, "plan", "certificates", "--topology", WHOLE, "--usage", "Defualt", says=["did you mean Default?", "AccessEdgeExternal"])
    refused(1, "plan", "certificates", "--topology", WHOLE, "--host", "nobody.internal.ad", says=["no certificate for \"nobody.internal.ad\""])
    refused(1, "plan", "certificates", "--topology", WHOLE, "--host", "a b", says=["host name may not have"])
    refused(2, "plan", "certificates", "--topology", WHOLE, "--format", "xml", says=["table, json"])
    refused(2, "plan", "certs", says=["certificates, rules"])
    refused(2, "plan", says=["what plan?"])
    (tmp_path / "t.yaml").write_text(WHOLE.read_text().replace("access: sip.domain.com", "access: dirweb.domain.com"))
    refused(1, "plan", "certificates", "--topology", tmp_path / "t.yaml", says=["t.yaml:37:", "is used twice"])
