# SPDX-License-Identifier: Apache-2.0
"""`witan check certificates`: every fixture of test/fixture/certificates.json is found fault with, and nothing else is."""
import json
import pathlib
import subprocess

import pytest

from authority import Mint
from deployment import BUILD, ROOT

TABLE = json.loads((ROOT / "test/fixture/certificates.json").read_text())
WHOLE = ROOT / "test/topology/whole.yaml"


@pytest.fixture(scope="module")
def mint():
    mint = Mint()
    yield mint
    mint.close()


def check(*words, status=None):
    """The report as JSON."""
    done = subprocess.run([str(BUILD / "witan"), "check", "certificates", "--format", "json", *map(str, words)], capture_output=True, text=True, timeout=120)
    assert done.returncode in ((0, 1) if status is None else (status,)), done.stderr + done.stdout
    report = json.loads(done.stdout)
    assert done.returncode == (1 if report["errors"] else 0)
    return report


def found(report):
    """Every rule that was broken with its severity, each once."""
    return sorted({(f["rule"], f["severity"]) for f in report["findings"]})


def row_of(file):
    row = {**TABLE["bases"][file["base"]], **file}
    row["san"] = [n for n in row["san"] if n not in file.get("drop", [])] + file.get("add", [])
    return row


def write_topology(path, changes):
    text = WHOLE.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
    return path


def judge(mint, tmp_path, files, topology=(), options=()):
    where = tmp_path / "certificates"
    where.mkdir()
    roots = mint.write_roots(tmp_path)
    for name, row in files:
        mint.write(where, name, row)
    document = write_topology(tmp_path / "topology.yaml", topology)
    return check(where, "--topology", document, "--ca", roots[0], "--public-ca", roots[1], *options)


@pytest.mark.parametrize("fixture", TABLE["fixtures"], ids=lambda f: f["name"])
def test_fixture(mint, tmp_path, fixture):
    files = [(TABLE["names"][f.get("as", f["base"])], row_of(f)) for f in fixture["files"]]
    report = judge(mint, tmp_path, files, fixture.get("topology", ()), fixture.get("options", ()))
    assert found(report) == sorted(map(tuple, fixture["expect"])), json.dumps(report["findings"], indent=1)
    for finding in report["findings"]:
        assert finding["why"] and finding["remedy"] and finding["what"] and "certificates/" in finding["place"]
    assert [len(c["for"]) > 0 for c in report["certificates"]] == [True] * len(files)


def plan(topology):
    done = subprocess.run([str(BUILD / "witan"), "plan", "certificates", "--topology", str(topology), "--format", "json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("strict", [False, True])
def test_what_the_plan_makes_is_clean(mint, tmp_path, strict):
    plans = plan(WHOLE)
    assert len(plans) > 10
    files = []
    for i, p in enumerate(plans):
        row = {"cn": p["cn"], "san": p["san"], "eku": p["eku"], "ca": p["ca"], "key": "rsa-2048" if i == 0 else "ec-p256", "key_name": f"clean {i}", "serial": 1000 + i}
        files += [(f"{host} {p['usage'][0]}", row) for host in [p["host"], *p["shared-with"]]]
    mint_once = {}
    write = mint.write

    def write_same(directory, name, row):
        """One certificate for all hosts that share it."""
        if row["serial"] not in mint_once:
            mint_once[row["serial"]] = write(directory, name, row) and (pathlib.Path(directory) / f"{name}.pem").read_bytes()
        (pathlib.Path(directory) / f"{name}.pem").write_bytes(mint_once[row["serial"]])

    mint.write = write_same
    try:
        report = judge(mint, tmp_path, files, options=["--strict", "--whole"] if strict else ["--whole"])
    finally:
        mint.write = write
    assert report["findings"] == [] and report["unseen"] == []
    assert all(n["rule"] for c in report["certificates"] for n in c["names"])


def test_found_by_names_alone(mint, tmp_path):
    """Files that say nothing are matched by what is in them, and the report says that it guessed."""
    files = [(f"file{i}", row_of({"base": base})) for i, base in enumerate(TABLE["bases"])]
    report = judge(mint, tmp_path, files)
    usages = {base: (c["for"][0]["hosts"][0], c["for"][0]["usage"][0]) for base, c in zip(TABLE["bases"], report["certificates"])}
    assert usages == {"edge": ("edge01.internal.ad", "AccessEdgeExternal"), "edge-internal": ("edge01.internal.ad", "Internal"),
                      "proxy": ("rp01.internal.ad", "WebServicesExternal"), "fe01": ("fe01.internal.ad", "Default"), "fe02": ("fe02.internal.ad", "Default"),
                      "se01": ("se01.internal.ad", "Default"), "dir01-outside": ("dir01.internal.ad", "WebServicesExternal"),
                      "fe01-inside": ("fe01.internal.ad", "WebServicesInternal"), "oauth": (usages["oauth"][0], "OAuthTokenIssuer")}
    assert all(c["by-names"] for c in report["certificates"])
    assert found(report) == []


ORACLES = json.loads((ROOT / "test/fixture/oracles.json").read_text())


@pytest.mark.parametrize("oracle", ORACLES["oracles"], ids=lambda o: o["name"])
def test_what_manuals_print_is_accepted(mint, tmp_path, oracle):
    text = ORACLES["topology"]
    for word, value in {**ORACLES["defaults"], **oracle.get("with", {})}.items():
        text = text.replace(word, value)
    for old, new in oracle.get("change", ()):
        assert old in text
        text = text.replace(old, new)
    topology = tmp_path / "topology.yaml"
    topology.write_text(text)
    roots = mint.write_roots(tmp_path)
    where = tmp_path / "certificates"
    where.mkdir()
    mint.write(where, oracle["for"], oracle["row"])
    report = check(where, "--topology", topology, "--ca", roots[0], "--public-ca", roots[1], status=0)
    assert report["errors"] == 0 and report["certificates"][0]["for"]


def test_what_lacks_altogether(mint, tmp_path):
    report = judge(mint, tmp_path, [("fe01.internal.ad Default", row_of({"base": "fe01"}))], options=["--whole"])
    said = " ".join(f["what"] for f in report["findings"])
    assert found(report) == [("X-missing", "error")] and report["certificates"][0]["for"]
    assert "fe02.internal.ad has no certificate for Default" in said and "AccessEdgeExternal" in said and "OAuthTokenIssuer" in said and "fe01.internal.ad has no certificate for Default" not in said


def test_every_form_of_file(mint, tmp_path):
    """DER, PKCS #7 in both forms, whatever their order; files that hold no certificate are passed over, broken ones are not."""
    where, roots = tmp_path / "certificates", mint.write_roots(tmp_path)
    where.mkdir()
    mint.write(tmp_path, "leaf", row_of({"base": "edge"}))
    (tmp_path / "leaf-only.pem").write_bytes((tmp_path / "leaf.pem").read_bytes().split(b"-----END CERTIFICATE-----")[0] + b"-----END CERTIFICATE-----\n")
    issuing = (tmp_path / "leaf.pem").read_bytes()[len((tmp_path / "leaf-only.pem").read_bytes()):]
    (tmp_path / "issuing.pem").write_bytes(issuing)
    ssl = ["openssl"]
    name = "edge01.internal.ad AccessEdgeExternal"
    heap = ["crl2pkcs7", "-nocrl", "-certfile", tmp_path / "issuing.pem", "-certfile", tmp_path / "leaf-only.pem"]
    for words in (["x509", "-in", tmp_path / "leaf.pem", "-outform", "DER", "-out", where / f"{name}.cer"], [*heap, "-out", where / f"{name} a.p7b"],
                  [*heap, "-outform", "DER", "-out", where / f"{name} b.p7b"]):
        subprocess.run(ssl + [str(w) for w in words], check=True, capture_output=True)
    (where / "readme.txt").write_text("nothing")
    (where / "broken.crt").write_bytes(b"\x30\x82\x01\x00nothing")
    report = check(where, "--topology", WHOLE, "--ca", roots[0], "--public-ca", roots[1], status=1)
    assert found(report) == [("X-read", "error")] and [f["place"].rpartition("/")[2] for f in report["findings"]] == ["broken.crt"]
    assert sum(c.get("subject", "").startswith("CN=sip.domain.com") for c in report["certificates"]) == 3


def sign(top, *words):
    """A certificate by OpenSSL of what the other library does not write."""
    subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", str(top / "k"), "-out", str(top / "r"), "-subj", "/CN=fe01.internal.ad"], check=True, capture_output=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(top / "ck"), "-out", str(top / "c"), "-subj", "/CN=Other CA", "-days", "300"], check=True,
                   capture_output=True)
    out = top / "fe01.internal.ad Default.pem"
    subprocess.run(["openssl", "x509", "-req", "-in", str(top / "r"), "-CA", str(top / "c"), "-CAkey", str(top / "ck"), "-CAcreateserial", "-days", "200", "-out", str(out), *words], check=True,
                   capture_output=True)
    return out


def test_version_1_and_pss(tmp_path):
    assert ("X-version", "error") in found(check(sign(tmp_path), "--topology", WHOLE, "--offline", status=1))
    assert ("G10", "warning") in found(check(sign(tmp_path, "-sigopt", "rsa_padding_mode:pss"), "--topology", WHOLE, "--offline", status=1))


@pytest.mark.parametrize("words, said", [
    ([], "check what?"), (["certificates"], "what certificates?"), (["certificates", "x:70000"], "no such file"), (["certificates", "/nowhere.pem"], "no such file"),
    (["certificates", ".", "--format", "xml"], "text, json or html"), (["certificates", ".", "--usage", "Nonsense"], "no usage"), (["everything"], "there is: certificates"),
    (["certificates", ".", "--stict"], "did you mean --strict"), (["certificates", ".", "--phone-root", "12"], "40 hexadecimal digits")])
def test_wrong_command_line(words, said):
    done = subprocess.run([str(BUILD / "witan"), "check", *words, *(["--topology", str(WHOLE)] if len(words) > 1 else [])], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_refused_topology_is_said(tmp_path):
    """N14 by the document itself: a Director may not have a Front End's external web name."""
    document = write_topology(tmp_path / "t.yaml", [("dirweb.domain.com", "eepoolweb.domain.com")])
    done = subprocess.run([str(BUILD / "witan"), "check", "certificates", ".", "--topology", str(document)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "eepoolweb.domain.com" in done.stderr and "remedy" in done.stderr
