# SPDX-License-Identifier: Apache-2.0
"""witan verify-chain against chains that openssl made, with every kind of fault; and what clients are told to trust."""
import datetime
import json
import pathlib
import subprocess

import pytest

from deployment import BUILD

ROOT = pathlib.Path(__file__).resolve().parents[2]
CA = "basicConstraints=critical,CA:TRUE{}\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
LEAF = "extendedKeyUsage={}\nsubjectAltName={}\nauthorityKeyIdentifier=keyid\n"
EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
SERVER = LEAF.format("serverAuth", "DNS:a.example.com")


class Authorities:
    """Certificates in a directory, made as they are asked for."""

    def __init__(self, top):
        self.top, self.serial = top, 100
        self.root("root")
        self.issue("middle", "root", CA.format(",pathlen:0"))
        self.issue("leaf", "middle", SERVER)

    def run(self, *words):
        done = subprocess.run(["openssl", *map(str, words)], capture_output=True, cwd=self.top, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def path(self, name):
        return self.top / f"{name}.pem"

    def root(self, name, cn=None, key=EC, more=()):
        self.run("req", "-x509", *key, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={cn or name}", "-days", "3650",
                 "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign", *more)

    def issue(self, name, issuer, extensions, cn=None, key=EC, sign=(), days=(), of=None):
        """of: for the key of another certificate."""
        if not of:
            self.run("req", "-new", *key, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={cn or name}")
        else:
            self.run("req", "-new", "-key", f"{of}.key", "-out", f"{name}.csr", "-subj", f"/CN={cn or of}")
            (self.top / f"{name}.key").write_bytes((self.top / f"{of}.key").read_bytes())
        self.serial += 1
        (self.top / "ext").write_text(extensions)
        base = self.top / f"{name}.ca"
        base.mkdir()
        (base / "index.txt").touch()
        (base / "config").write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={base}/index.txt\ndefault_md=sha256\nnew_certs_dir={base}\npolicy=p\nunique_subject=no\n"
                                     f"rand_serial=yes\n[p]\ncommonName=supplied\n")
        times = days or ("-days", "365")
        self.run("ca", "-batch", "-notext", "-config", base / "config", "-in", f"{name}.csr", "-cert", f"{issuer}.pem", "-keyfile", f"{issuer}.key",
                 "-extfile", "ext", "-out", f"{name}.pem", *times, *sign)

    def list(self, name, issuer, revoked=(), days=30, form="PEM", crlsec=None):
        base = self.top / f"{name}.list"
        base.mkdir()
        (base / "index.txt").touch()
        (base / "config").write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={base}/index.txt\ndefault_md=sha256\n")
        ca = ["ca", "-config", base / "config", "-cert", f"{issuer}.pem", "-keyfile", f"{issuer}.key"]
        for one in revoked:
            self.run(*ca, "-revoke", f"{one}.pem")
        self.run(*ca, "-gencrl", *(("-crlsec", crlsec) if crlsec else ("-crldays", days)), "-out", base / "pem")
        self.run("crl", "-in", base / "pem", "-out", f"{name}.crl", "-outform", form)
        return self.top / f"{name}.crl"

    def chain(self, *names, form="pem"):
        file = self.top / f"{'+'.join(names)}.{form}-chain"
        if form == "der":
            file.write_bytes(b"".join(subprocess.run(["openssl", "x509", "-in", self.path(n), "-outform", "DER"], capture_output=True, check=True).stdout
                                      for n in names))
        else:
            file.write_bytes(b"".join(self.path(n).read_bytes() for n in names))
        return file

    def verify(self, *names, role="server", name="a.example.com", ca="root", form="pem", crl=(), policy=None, at=None):
        words = [BUILD / "witan", "verify-chain", "--role", role, "--ca", self.path(ca), "--format", "json"]
        for option, value in (("--name", name), ("--policy", policy), ("--at", at)):
            words += [option, value] if value else []
        for one in crl:
            words += ["--crl", one]
        done = subprocess.run([*map(str, words), str(self.chain(*names, form=form))], capture_output=True, text=True)
        assert done.returncode in (0, 1) and not done.stderr, done
        verdict = json.loads(done.stdout)
        assert verdict["ok"] == (done.returncode == 0) == (verdict["reason"] == "ok")
        assert verdict["ok"] or (verdict["what"] and verdict["remedy"] and verdict["where"]), verdict
        return verdict


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Authorities(tmp_path_factory.mktemp("trust"))


def past(a, b):
    now = datetime.datetime.now(datetime.timezone.utc)
    return ("-startdate", f"{now + datetime.timedelta(days=a):%Y%m%d%H%M%SZ}", "-enddate", f"{now + datetime.timedelta(days=b):%Y%m%d%H%M%SZ}")


RSA = lambda bits: ["-newkey", f"rsa:{bits}"]
CURVE = lambda name: ["-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{name}"]
PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1")

# name, what issue() is given beside issuer and extensions, extensions, role, name asked for, reason
LEAVES = [
    ("fine", {}, SERVER, "server", "a.example.com", "ok"),
    ("fine-for-a-peer", {}, SERVER, "peer", "a.example.com", "ok"),
    ("another-name", {}, SERVER, "peer", "b.example.com", "wrong-name"),
    ("name-below", {}, SERVER, "server", "x.a.example.com", "wrong-name"),
    ("name-above", {}, SERVER, "server", "example.com", "wrong-name"),
    ("wildcard", {}, LEAF.format("serverAuth", "DNS:*.example.com"), "peer", "a.example.com", "wildcard"),
    ("wildcard-at-a-server", {}, LEAF.format("serverAuth", "DNS:*.example.com"), "server", "a.example.com", "wildcard"),
    ("wildcard-beside", {}, LEAF.format("serverAuth", "DNS:a.example.com,DNS:*.example.com"), "peer", "a.example.com", "ok"),
    ("wildcard-cn", {"cn": "*.example.com"}, SERVER, "peer", "a.example.com", "wildcard"),
    ("cn-alone", {"cn": "a.example.com"}, "extendedKeyUsage=serverAuth\n", "peer", "a.example.com", "ok"),
    ("cn-beside-san", {"cn": "a.example.com"}, LEAF.format("serverAuth", "DNS:b.example.com"), "peer", "a.example.com", "wrong-name"),
    ("cn-beside-mail", {"cn": "a.example.com"}, LEAF.format("serverAuth", "email:a@example.com"), "peer", "a.example.com", "wrong-name"),
    ("uri-first", {}, LEAF.format("serverAuth", "DNS:a.example.com,URI:sip:example.com"), "peer", "example.com", "ok"),
    ("uri-wins", {}, LEAF.format("serverAuth", "DNS:a.example.com,URI:sip:example.com"), "peer", "a.example.com", "wrong-name"),
    ("no-eku", {}, "subjectAltName=DNS:a.example.com\n", "peer", "a.example.com", "wrong-purpose"),
    ("any-eku", {}, LEAF.format("anyExtendedKeyUsage", "DNS:a.example.com"), "peer", "a.example.com", "wrong-purpose"),
    ("eku-for-people", {}, LEAF.format("clientAuth", "DNS:a.example.com"), "peer", "a.example.com", "wrong-purpose"),
    ("eku-for-code", {}, LEAF.format("codeSigning", "DNS:a.example.com"), "server", "a.example.com", "wrong-purpose"),
    ("eku-both", {}, LEAF.format("serverAuth,clientAuth", "DNS:a.example.com"), "peer", "a.example.com", "ok"),
    ("key-usage-other", {}, SERVER + "keyUsage=critical,keyAgreement\n", "peer", "a.example.com", "wrong-purpose"),
    ("expired", {"days": past(-10, -1)}, SERVER, "peer", "a.example.com", "expired"),
    ("not-yet", {"days": past(1, 10)}, SERVER, "peer", "a.example.com", "not-yet-valid"),
    ("rsa-1024", {"key": RSA(1024)}, SERVER, "peer", "a.example.com", "weak-key"),
    ("rsa-2048", {"key": RSA(2048)}, SERVER, "peer", "a.example.com", "ok"),
    ("p-384", {"key": CURVE("P-384")}, SERVER, "peer", "a.example.com", "ok"),
    ("p-521", {"key": CURVE("P-521")}, SERVER, "peer", "a.example.com", "ok"),
    ("secp256k1", {"key": CURVE("secp256k1")}, SERVER, "peer", "a.example.com", "weak-key"),
    ("brainpool", {"key": CURVE("brainpoolP256r1")}, SERVER, "peer", "a.example.com", "weak-key"),
    ("ed25519", {"key": ["-newkey", "ed25519"]}, SERVER, "peer", "a.example.com", "weak-key"),
    ("sha1", {"sign": ("-md", "sha1")}, SERVER, "peer", "a.example.com", "weak-hash"),
    ("sha512", {"sign": ("-md", "sha512")}, SERVER, "peer", "a.example.com", "ok"),
    ("critical", {}, SERVER + "1.3.6.1.4.1.99999.1=critical,ASN1:NULL\n", "peer", "a.example.com", "unknown-extension"),
    ("not-critical", {}, SERVER + "1.3.6.1.4.1.99999.1=ASN1:NULL\n", "peer", "a.example.com", "ok"),
    ("ca-as-leaf", {}, CA.format("") + "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:a.example.com\n", "peer", "a.example.com", "wrong-purpose"),
    ("person", {}, LEAF.format("clientAuth", "URI:sip:ann@example.com"), "client", "ann@example.com", "ok"),
    ("person-unnamed", {}, LEAF.format("clientAuth", "URI:sip:ann@example.com"), "client", None, "ok"),
    ("another-person", {}, LEAF.format("clientAuth", "URI:sip:ann@example.com"), "client", "bob@example.com", "wrong-name"),
    ("person-and-server", {}, LEAF.format("clientAuth,serverAuth", "URI:sip:ann@example.com"), "client", "ann@example.com", "wrong-purpose"),
    ("server-as-person", {}, SERVER, "client", None, "wrong-purpose"),
]


@pytest.mark.parametrize("row", LEAVES, ids=lambda r: r[0])
def test_leaves(made, row):
    name, how, extensions, role, asked, reason = row
    made.issue(f"l-{name}", "middle", extensions, **how)
    for form in ("pem", "der"):
        assert made.verify(f"l-{name}", "middle", role=role, name=asked, form=form)["reason"] == reason


# name, issuer, extensions, more, reason of a leaf below it
MIDDLES = [
    ("good", CA.format(""), {}, {}, "ok"),
    ("no-ca-flag", "basicConstraints=critical,CA:FALSE\nkeyUsage=digitalSignature\n", {}, {}, "not-an-authority"),
    ("no-constraints", "keyUsage=critical,keyCertSign,cRLSign\n", {}, {}, "not-an-authority"),
    ("nothing-at-all", "subjectKeyIdentifier=hash\n", {}, {}, "not-an-authority"),
    ("no-cert-sign", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\n", {}, {}, "not-an-authority"),
    ("gone", CA.format(""), {"days": past(-10, -1)}, {}, "expired"),
    ("early", CA.format(""), {"days": past(1, 10)}, {}, "not-yet-valid"),
    ("permits", CA.format("") + "nameConstraints=critical,permitted;DNS:example.com\n", {}, {}, "ok"),
    ("permits-not", CA.format("") + "nameConstraints=critical,permitted;DNS:example.net\n", {}, {}, "name-constraints"),
    ("excludes", CA.format("") + "nameConstraints=critical,excluded;DNS:example.com\n", {}, {}, "name-constraints"),
    ("excludes-other", CA.format("") + "nameConstraints=critical,excluded;DNS:b.example.com\n", {}, {}, "ok"),
    ("critical", CA.format("") + "1.3.6.1.4.1.99999.1=critical,ASN1:NULL\n", {}, {}, "unknown-extension"),
    ("for-people", CA.format("") + "extendedKeyUsage=clientAuth\n", {}, {}, "wrong-purpose"),
    ("for-servers", CA.format("") + "extendedKeyUsage=serverAuth\n", {}, {}, "ok"),
    ("sha1", CA.format(""), {"sign": ("-md", "sha1")}, {}, "weak-hash"),
    ("rsa-1024", CA.format(""), {"key": RSA(1024)}, {}, "weak-key"),
    ("pss", CA.format(""), {"key": RSA(2048)}, {"sign": PSS}, "ok"),
    ("pss-sha1", CA.format(""), {"key": RSA(2048)}, {"sign": (*PSS, "-md", "sha1")}, "weak-hash"),
]


@pytest.mark.parametrize("row", MIDDLES, ids=lambda r: r[0])
def test_authorities(made, row):
    name, extensions, how, below, reason = row
    made.issue(f"m-{name}", "root", extensions, **how)
    made.issue(f"m-{name}-leaf", f"m-{name}", SERVER.replace("authorityKeyIdentifier=keyid\n", ""), **below)
    assert made.verify(f"m-{name}-leaf", f"m-{name}", role="peer")["reason"] == reason


def test_a_common_name_is_constrained_too(made):
    made.issue("n-middle", "root", CA.format("") + "nameConstraints=critical,permitted;DNS:example.net\n")
    made.issue("n-leaf", "n-middle", "extendedKeyUsage=serverAuth\n", cn="a.example.com")
    assert made.verify("n-leaf", "n-middle", role="peer")["reason"] == "name-constraints"


def test_paths(made):
    made.issue("deep", "middle", CA.format(""))
    made.issue("deep-leaf", "deep", SERVER)
    assert made.verify("leaf", "middle")["reason"] == "ok"
    assert made.verify("leaf", "middle", "root")["reason"] == "ok"
    assert made.verify("leaf", "root", "middle")["reason"] == "ok", "only the leaf has a place"
    assert made.verify("middle", "leaf")["reason"] == "wrong-purpose", "the leaf stands first"
    assert made.verify("leaf")["reason"] == "untrusted"
    assert made.verify("deep-leaf", "deep", "middle")["reason"] == "path-length"
    for ca in ("leaf", "middle"):
        assert made.verify("leaf", "middle", ca=ca)["reason"] == "untrusted", "a path ends at a root"


def test_self_signed_and_namesakes(made):
    made.root("alone", more=["-addext", "extendedKeyUsage=serverAuth", "-addext", "subjectAltName=DNS:a.example.com"])
    made.root("namesake", cn="root")
    made.issue("forged", "namesake", SERVER.replace("authorityKeyIdentifier=keyid\n", ""))
    assert made.verify("alone")["reason"] == "untrusted"
    assert made.verify("forged")["reason"] == "untrusted"
    assert made.verify("forged", "namesake")["reason"] == "untrusted"


def test_cross_signed(made):
    """An authority that two roots have signed: its servers hold for who trusts either."""
    made.root("other")
    made.issue("crossed", "root", CA.format(""))
    made.issue("crossed-too", "other", CA.format(""), of="crossed", cn="crossed")
    made.issue("cross-leaf", "crossed", SERVER)
    for ca, fits, other in (("root", "crossed", "crossed-too"), ("other", "crossed-too", "crossed")):
        assert made.verify("cross-leaf", fits, ca=ca)["reason"] == "ok"
        assert made.verify("cross-leaf", fits, other, ca=ca)["reason"] == "ok"
        assert made.verify("cross-leaf", other, ca=ca)["reason"] == "untrusted"
    assert made.verify("cross-leaf", "crossed", ca="other")["reason"] == "untrusted"


def test_lengths(made):
    before = "root"
    for i in range(8):
        made.issue(f"c{i}", before, CA.format(""))
        before = f"c{i}"
        made.issue(f"c{i}-leaf", before, SERVER)
    names = [f"c{i}" for i in range(7, -1, -1)]
    assert made.verify("c6-leaf", *names[1:])["reason"] == "ok"
    assert made.verify("c7-leaf", *names)["reason"] == "too-long"
    made.issue("fat", "middle", SERVER + "1.3.6.1.4.1.99999.2=ASN1:UTF8String:" + "x" * 33000 + "\n")
    assert made.verify("fat", "middle")["reason"] == "too-long"


def test_revocation(made):
    made.issue("r-middle", "root", CA.format(""))
    made.issue("r-leaf", "r-middle", SERVER)
    root, none = made.list("r-root", "root", form="DER"), made.list("r-none", "r-middle")
    hit, over = made.list("r-hit", "r-middle", ["r-leaf"]), made.list("r-over", "root", ["r-middle"])
    made.root("r-false", cn="r-middle")
    forged = made.list("r-forged", "r-false", ["r-leaf"])
    chain = ("r-leaf", "r-middle")
    verdict = made.verify(*chain, crl=[root, none])
    assert verdict["reason"] == "ok" and verdict["doubt"] == ""
    assert made.verify(*chain, crl=[root, hit])["reason"] == "revoked"
    assert made.verify(*chain, crl=[over, none])["reason"] == "revoked", "of an intermediate"
    for crl in ([none], [root], [root, forged]):
        assert made.verify(*chain, crl=crl)["reason"] == "crl-missing"
    assert made.verify(*chain, policy="hard")["reason"] == "crl-missing"
    for crl in ([], [root], [none]):
        verdict = made.verify(*chain, crl=crl, policy="soft")
        assert verdict["reason"] == "ok" and verdict["doubt"] == "crl-missing"
    assert made.verify(*chain, crl=[hit], policy="soft")["reason"] == "revoked"
    later = f"{datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=40):%Y-%m-%dT%H:%M:%SZ}"
    assert made.verify(*chain, crl=[root, none], at=later)["reason"] == "crl-stale"
    verdict = made.verify(*chain, crl=[root, none], at=later, policy="soft")
    assert verdict["reason"] == "ok" and verdict["doubt"] == "crl-stale"
    assert made.verify(*chain, at="1000000000")["reason"] == "not-yet-valid"


def witan(*words, stdin=b""):
    return subprocess.run([str(BUILD / "witan"), *map(str, words)], input=stdin, capture_output=True)


def test_what_is_no_chain(made):
    ca = ["verify-chain", "--role", "peer", "--name", "a.example.com", "--ca", made.path("root")]
    for text in (b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\x30\x82"):
        done = witan(*ca, "-", stdin=text)
        assert done.returncode == 1 and b"malformed" in done.stdout, done
    assert witan(*ca, "-", stdin=b"x" * 70000).stdout.startswith(b"refused (too-long)")
    assert witan(*ca, "-", stdin=made.chain("leaf", "middle").read_bytes()).stdout.startswith(b"ok: a peer by the name a.example.com")
    done = witan(*ca, made.top / "nowhere")
    assert done.returncode == 1 and b"nowhere" in done.stderr and not done.stdout
    assert b"root.key" in witan(*ca[:-1], made.top / "root.key", made.path("leaf")).stderr
    assert b"root.pem" in witan(*ca, "--crl", made.path("root"), made.path("leaf")).stderr


@pytest.mark.parametrize("words", [[], ["x.pem"], ["--role", "king", "--ca", "x", "x.pem"], ["--role", "peer", "--ca", "x", "x.pem"],
                                   ["--role", "peer", "--name", "a", "x.pem"], ["--role", "peer", "--name", "a", "--ca", "x"],
                                   ["--role", "peer", "--name", "a", "--ca", "x", "--policy", "mild", "x.pem"],
                                   ["--role", "peer", "--name", "a", "--ca", "x", "--at", "noon", "x.pem"],
                                   ["--role", "peer", "--name", "a", "--ca", "x", "--format", "xml", "x.pem"]])
def test_usage(words):
    done = witan("verify-chain", *words)
    assert done.returncode == 2 and done.stderr and not done.stdout


# ---- what clients are told ----

WHOLE = ["--topology", ROOT / "test/topology/whole.yaml"]


def test_plan_trust():
    plan = json.loads(witan("plan", "trust", *WHOLE, "--format", "json").stdout)
    listed = plan["TrustModelData"].split(",")
    assert "eepool.internal.ad" in listed and len(listed) == len(set(listed))
    for row in plan["servers"]:
        below = row["server"] == row["sip-domain"] or row["server"].endswith("." + row["sip-domain"])
        assert row["listed"] == (not below)
        assert below or row["server"] in listed
    assert not any("gw01" in name or "edge" in name for name in listed), "clients never meet them"
    reg = witan("plan", "trust", *WHOLE, "--format", "reg", "--also", "lync.com").stdout
    assert reg[:2] == b"\xff\xfe"
    lines = reg[2:].decode("utf-16-le").split("\r\n")
    assert lines == ["Windows Registry Editor Version 5.00", "", r"[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Office\15.0\Lync]",
                     f'"TrustModelData"="{plan["TrustModelData"]},lync.com"', "", ""]
    gpo = witan("plan", "trust", *WHOLE, "--format", "gpo", "--office", "16.0").stdout.decode().split("\r\n")
    assert gpo[1:] == ["Computer", r"SOFTWARE\Policies\Microsoft\Office\16.0\Lync", "TrustModelData", "SZ:" + plan["TrustModelData"], ""]


def test_nothing_to_list(tmp_path):
    file = tmp_path / "t.yaml"
    file.write_text("organization: E\nsip-domains: [example.com]\ninternal-domain: example.com\n"
                    "sites: [{name: M, pools: [{pool: uc.example.com, role: standard-edition, web: {external: web.example.com}}]}]\n")
    assert '"TrustModelData"=-' in witan("plan", "trust", "--topology", file, "--format", "reg").stdout[2:].decode("utf-16-le")
    assert witan("plan", "trust", "--topology", file, "--format", "gpo").stdout.endswith(b"DELETE\r\n")


def test_wide_names_are_warned_of():
    for name in ("co.uk", "local"):
        done = witan("plan", "trust", *WHOLE, "--also", name)
        assert done.returncode == 0 and b"GPO-01" in done.stderr and name.encode() in done.stdout
    assert not witan("plan", "trust", *WHOLE, "--also", "lync.com").stderr
    assert witan("plan", "trust", *WHOLE, "--also", "*.lync.com").returncode == 1
    for words in (["--format", "xml"], ["--office", "17.0"]):
        assert witan("plan", "trust", *WHOLE, *words).returncode == 2
