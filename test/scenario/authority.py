# SPDX-License-Identifier: Apache-2.0
"""Authorities and certificates as a table describes them, good and bad, and a web server with their revocation lists."""
import datetime
import http.server
import ipaddress
import os
import pathlib
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
HASHES = {"sha256": hashes.SHA256, "sha1": hashes.SHA1, "md5": hashes.MD5}
USES = {"serverAuth": ExtendedKeyUsageOID.SERVER_AUTH, "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH}
KEY_USES = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only",
            "decipher_only"]
KEYS = {}


def make_key(kind="ec-p256", name=""):
    """A key of this kind; the same one whenever it is asked for by the same name."""
    if (kind, name) not in KEYS or not name:
        KEYS[kind, name] = {"rsa": lambda n: rsa.generate_private_key(65537, int(n)), "ec": lambda n: ec.generate_private_key(
            {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p224": ec.SECP224R1}[n]()), "ed25519": lambda n: ed25519.Ed25519PrivateKey.generate()}[
                kind.partition("-")[0]](kind.partition("-")[2])
    return KEYS[kind, name]


def key_usage(*words):
    return x509.KeyUsage(**{w: w in words for w in KEY_USES})


def name_of(cn):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"), x509.NameAttribute(NameOID.COMMON_NAME, cn, _validate=False)])


def pem_of(*certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


class Authority:
    """A certificate that signs others, with its key."""

    def __init__(self, cn, above=None, path_length=None, days=3650, start=-10, hash="sha256", is_ca=True, uses=("key_cert_sign", "crl_sign"), key="ec-p256", permitted=()):
        self.key, self.cn, self.above = make_key(key), cn, above
        now = datetime.datetime.utcnow()
        signer = above or self
        builder = (x509.CertificateBuilder().subject_name(name_of(cn)).issuer_name(name_of(signer.cn)).public_key(self.key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now + start * DAY).not_valid_after(now + days * DAY)
                   .add_extension(x509.BasicConstraints(is_ca, path_length if is_ca else None), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False))
        if uses:
            builder = builder.add_extension(key_usage(*uses), True)
        if permitted:
            builder = builder.add_extension(x509.NameConstraints([x509.DNSName(d) for d in permitted], None), True)
        self.certificate = builder.sign(signer.key, HASHES[hash]())

    def crl(self, revoked=(), start=-1, days=30):
        now = datetime.datetime.utcnow()
        builder = x509.CertificateRevocationListBuilder().issuer_name(name_of(self.cn)).last_update(now + start * DAY).next_update(now + days * DAY)
        for serial in revoked:
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - DAY).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Lists:
    """Serves what is put into `at`: path: bytes, an HTTP status, or "silence"."""

    def __init__(self):
        at = self.at = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                what = at.get(self.path, 404)
                if what == "silence":
                    time.sleep(8)
                    return
                self.send_response(200 if isinstance(what, bytes) else what)
                self.end_headers()
                self.wfile.write(what if isinstance(what, bytes) else b"")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Mint:
    """Two authorities with an issuing one each, and certificates from rows."""

    def __init__(self):
        self.lists = Lists()
        self.roots, self.issuers = {}, {}
        for word in ("public", "internal", "stranger"):
            self.roots[word] = Authority(f"{word.capitalize()} root")
            self.issuers[word] = Authority(f"{word.capitalize()} issuing", self.roots[word], 0)
            self.lists.at[f"/{word}.crl"] = self.issuers[word].crl()
        public, root = self.issuers["public"], self.roots["public"]
        # faulty ones; those of one name have different keys
        self.issuers["namesake"] = Authority(public.cn, root, 0)
        self.issuers["expired"] = Authority("Expired issuing", root, 0, days=-1)
        self.issuers["toothless"] = Authority("Toothless issuing", root, None, is_ca=False, uses=())
        self.issuers["sha1"] = Authority("Weak issuing", root, 0, hash="sha1")
        self.issuers["unborn"] = Authority("Unborn issuing", root, 0, start=2)
        self.issuers["clerk"] = Authority("Clerk issuing", root, 0, uses=("crl_sign",))
        self.issuers["narrow"] = Authority("Narrow issuing", root, 0, permitted=["domain.com", "domain-a.com"])
        self.issuers["deep"] = Authority("Deep issuing", public, 0)
        self.issuers["rsa"] = Authority("RSA issuing", self.roots["internal"], 0, key="rsa-2048")
        for word in ("expired", "toothless", "sha1", "unborn", "clerk", "narrow", "deep", "rsa"):
            self.lists.at[f"/{word}.crl"] = self.issuers[word].crl()
        self.lists.at.update({"/stale.crl": public.crl(start=-9, days=-2), "/early.crl": public.crl(start=0.5), "/silent.crl": "silence", "/broken.crl": b"nothing",
                              "/revoked.crl": public.crl([4711]), "/namesake.crl": self.issuers["stranger"].crl(), "/gone.crl": 404, "/failed.crl": 503})

    def close(self):
        self.lists.close()

    def issue(self, row):
        """(certificate, chain in PEM, key in PEM) of a row."""
        key = make_key(row.get("key", "ec-p256"), row.get("key_name", ""))
        word = row.get("ca", "internal")
        issuer = self.issuers.get(word)
        certificate = self._sign(row, key, issuer)
        links = {"leaf": certificate, "key_of_other": certificate}
        if issuer:
            links.update(issuing=issuer.certificate, root=issuer.above.certificate, stray=self.issuers["stranger"].certificate,
                         namesake=self.issuers["namesake"].certificate)
        chain = row.get("chain", ["leaf", "issuing"] if issuer else ["leaf"])
        text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return certificate, pem_of(*(links[c] for c in chain)), text

    def _sign(self, row, key, issuer):
        now = datetime.datetime.utcnow()
        cn = row["cn"]
        builder = (x509.CertificateBuilder().subject_name(name_of(cn)).issuer_name(name_of(issuer.cn if issuer else cn)).public_key(key.public_key())
                   .serial_number(row.get("serial") or x509.random_serial_number()).not_valid_before(now + row.get("start", -1) * DAY)
                   .not_valid_after(now + row.get("days", 300) * DAY))
        for value, is_critical in self._extensions(row):
            builder = builder.add_extension(value, is_critical)
        return builder.sign(issuer.key if issuer else key, None if row.get("key") == "ed25519" and not issuer else HASHES[row.get("hash", "sha256")]())

    def _extensions(self, row):
        names = [x509.DNSName._init_without_validation(n) for n in row["san"]] + [x509.IPAddress(ipaddress.ip_address(i)) for i in row.get("ip", [])]
        if names:
            yield x509.SubjectAlternativeName(names), False
        if row.get("eku", ["serverAuth"]) is not None:
            yield x509.ExtendedKeyUsage([USES[u] for u in row.get("eku", ["serverAuth"])]), False
        yield x509.BasicConstraints(row.get("is_ca", False), None), True
        yield key_usage(*row.get("key_usage", ["digital_signature", "key_encipherment"])), True
        urls = row.get("cdp", [f"/{row.get('ca', 'internal')}.crl"])
        if urls:
            urls = [self.lists.url + u if u.startswith("/") else u for u in urls]
            yield x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier(u)], None, None, None) for u in urls]), False
        if row.get("aia", True):
            yield x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS,
                                                                          x509.UniformResourceIdentifier(self.lists.url + "/issuing.cer"))]), False
        if "critical" in row:
            yield x509.UnrecognizedExtension(x509.ObjectIdentifier(row["critical"]), b"\x05\x00"), True

    def write(self, directory, name, row):
        """NAME.pem, and NAME.key if the row asks for it."""
        certificate, chain, key = self.issue(row)
        directory = pathlib.Path(directory)
        (directory / f"{name}.pem").write_bytes(chain)
        if "key_file" in row:
            other = make_key("ec-p256", "somebody else's").private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            path = directory / f"{name}.key"
            path.write_bytes(key if row["key_file"] == "own" else other)
            os.chmod(path, int(row.get("mode", "600"), 8))
        return certificate

    def write_roots(self, directory):
        """Paths of (internal, public) roots."""
        paths = []
        for word in ("internal", "public"):
            path = pathlib.Path(directory) / f"{word}-roots.pem"
            path.write_bytes(pem_of(self.roots[word].certificate))
            paths.append(str(path))
        return paths
