# SPDX-License-Identifier: Apache-2.0
"""The deployment of scripts/five-machines for tests: two servers, a Director, an Edge and a reverse proxy, each with the packet filter of the plan."""
import contextlib
import datetime
import hashlib
import importlib.machinery
import importlib.util
import json
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from authority import DAY, HASHES, USES, key_usage, make_key, pem_of
from deployment import BUILD, ROOT
from namespaces import Site, need_namespaces

loader = importlib.machinery.SourceFileLoader("five_machines", str(ROOT / "scripts/five-machines"))
five = importlib.util.module_from_spec(importlib.util.spec_from_loader("five_machines", loader))
loader.exec_module(five)
EXTERNAL = "AccessEdgeExternal,DataEdgeExternal,AudioVideoAuthentication"
EDGE = ["sip.example.com", "wc.example.com", "av.example.com"]
PROXY = ["dirweb.example.com", "web1.example.com", "web2.example.com", "dialin.example.com", "meet.example.com", "lyncdiscover.example.com"]
DIRECTOR = ["dir.corp.example", "dir01.corp.example", "sip.example.com"]
DIRECTOR_WEB = ["dir.corp.example", "dir01.corp.example", "dirweb.example.com", "dialin.example.com", "meet.example.com", "lyncdiscover.example.com"]
# Places whose servers are ours: machine, usages, who signs, names of a good certificate.
OURS = {"edge": ("edge01", EXTERNAL, "public", EDGE), "edge inside": ("edge01", "Internal", "internal", ["edge.corp.example"]),
        "director": ("dir01", "Default", "internal", DIRECTOR), "director's web": ("dir01", "WebServicesExternal", "internal", DIRECTOR_WEB)}


@contextlib.contextmanager
def brought_up(tmp_path_factory):
    need_namespaces("nft", "named", "nginx", "openssl", "faketime", "curl")
    top = tmp_path_factory.mktemp("five")
    for part in (top, *top.parents[:2]):
        part.chmod(part.stat().st_mode | 0o055)
    one = five.Five(top / "machines", BUILD)
    try:
        done = subprocess.run([ROOT / "scripts/five-machines", "--dir", one.dir, "--build", BUILD, "up"], capture_output=True, text=True, timeout=80)
        assert done.returncode == 0, done.stdout + done.stderr
        yield one
    finally:
        one.down()
        left = [line for line in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.splitlines() if line.startswith(one.prefix)]
        assert not left and not one.dir.exists(), left


def inside(site, machine):
    """Sockets of this thread belong to the machine."""
    return Site.inside(None, site.space(machine))


def status(site):
    rows = json.loads(site.witan("uc01", "Get-CsManagementStoreReplicationStatus", "-As", "json"))
    return {row["ReplicaFqdn"]: row for row in rows if row["Process"] == "vault"}


def report(site, machine, *words, server="uc01"):
    done = subprocess.run(site.inside(machine, BUILD / "witan", "--dir", site.dir / server / "d", *words, "--format", "json", "--public-ca", site.dir / "public/root.pem"),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def errors(found):
    return [(f["rule"], f["place"], f["what"]) for f in found["findings"] if f["severity"] == "error"]


def thumbprint(path):
    der = subprocess.run(["openssl", "x509", "-in", path, "-outform", "DER"], capture_output=True, check=True).stdout
    return hashlib.sha1(der).hexdigest().upper()


def presented(site, machine, address, port, name):
    out = site.on(machine, "sh", "-c", f"openssl s_client -connect {address}:{port} -servername {name} </dev/null 2>/dev/null | openssl x509 -outform DER | sha1sum")
    return out.split()[0].upper()


def authority_of(site, kind):
    """(certificate, key, where its lists are) of the one that stands for a public authority, or of the deployment's own."""
    if kind == "public":
        certificate, key, lists = site.dir / "public/issuing.pem", site.dir / "public/issuing.key", "http://198.51.100.53/public.crl"
    else:
        certificate, lists = site.dir / "uc01/d/certs/issuing.pem", "http://uc01.corp.example/witan.crl"
        key = next(path for path in (site.dir / "uc01/d/keys").glob("*.key") if "purpose: authority" in path.read_text())
    text = key.read_text()
    return (x509.load_pem_x509_certificate(certificate.read_bytes()), serialization.load_pem_private_key(text[text.index("-----BEGIN"):].encode(), None), lists)


def issue(site, directory, row):
    """A certificate as a row describes it, good but for what the row says: DIRECTORY/c with its issuer, its key beside it as DIRECTORY/k."""
    issuer, signer, lists = authority_of(site, row.get("ca", "public"))
    key, now = make_key(row.get("key", "ec-p256"), row.get("key_name", "")), datetime.datetime.utcnow()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, row.get("cn", row["san"][0]), _validate=False)])
    if row.get("ca") == "self":
        issuer, signer = None, key
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(now + row.get("start", -0.1) * DAY).not_valid_after(now + row.get("days", 300) * DAY)
               .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in row["san"]]), False)
               .add_extension(x509.BasicConstraints(False, None), True).add_extension(key_usage("digital_signature"), True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    if issuer:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False)
    if row.get("eku", ["serverAuth"]):
        builder = builder.add_extension(x509.ExtendedKeyUsage([USES[use] for use in row.get("eku", ["serverAuth"])]), False)
    if row.get("cdp", lists):
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(row.get("cdp", lists))], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), False)
    certificate = builder.sign(signer, HASHES[row.get("hash", "sha256")]())
    (directory / "c").write_bytes(pem_of(certificate, *([issuer] if issuer else [])))
    (directory / "k").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return directory / "c"


def write_old_list(site):
    """A revocation list of the public authority that has ended, beside the one that counts."""
    issuer, signer, _ = authority_of(site, "public")
    now = datetime.datetime.utcnow()
    crl = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(now - 9 * DAY).next_update(now - 2 * DAY).sign(signer, hashes.SHA256())
    (site.dir / "nic/lists/old.crl").write_bytes(crl.public_bytes(serialization.Encoding.DER))


def in_use(site, machine, usage):
    first = usage.partition(",")[0]
    return next(c["Thumbprint"] for c in json.loads(site.witan(machine, "Get-CsCertificate", "-Type", first, "-As", "json")))


def give(site, machine, usage, tmp_path, certificate):
    """The certificate with its key into the server's own store, as an administrator brings it, and into use."""
    pfx = tmp_path / "p.pfx"
    subprocess.run(["openssl", "pkcs12", "-export", "-in", certificate, "-inkey", tmp_path / "k", "-out", pfx, "-passout", "pass:a word for it"], check=True, capture_output=True)
    for file in (pfx, *tmp_path.parents[:3], tmp_path):
        file.chmod(file.stat().st_mode | 0o055)
    site.witan(machine, "Import-CsCertificate", "-Path", pfx, "-PasswordFile", "-", input="a word for it\n")
    site.witan(machine, "Set-CsCertificate", "-Type", usage, "-Thumbprint", thumbprint(certificate))


def files_of(site, machine):
    """What a server presents to others, for a client of the test: certificate and key."""
    chain = site.dir / machine / f"d/certs/{in_use(site, machine, 'Default')}.pem"
    public = x509.load_pem_x509_certificate(chain.read_bytes()).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return str(chain), str(site.dir / machine / f"d/keys/{hashlib.sha256(public).hexdigest()[:16]}.key")
