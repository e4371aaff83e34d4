# SPDX-License-Identifier: Apache-2.0
"""Two organisations, each a server inside and an Edge, and an internet between them with a name server; hosts are network namespaces.

    alpha.test   fe 10.78.1.11   edge 10.78.1.12, 198.51.100.11
    beta.test    fe 10.78.2.11   edge 10.78.2.12, 198.51.100.12
    gamma.test   somebody else's server, 198.51.100.13; strangers are 198.51.100.200
"""
import datetime
import hashlib
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import namespaces
from authority import DAY, HASHES, USES, Authority, key_usage, make_key, name_of, pem_of
from deployment import BUILD, Deployment
from several import USERS
from sip_client import Client, Wire

NIC, EXTERNAL = "198.51.100.53", {"alpha": "198.51.100.11", "beta": "198.51.100.12", "gamma": "198.51.100.13"}
REVOKED = 4711


class Host(Deployment):
    """A server of an organisation: fe or edge."""

    def __init__(self, organisation, name, wrap):
        self.organisation, self.domain, self.build, self.wrap = organisation, organisation.domain, BUILD, wrap
        self.fqdn = f"{name}.{organisation.inner}"
        self.port_tls, self.port_tcp = 5061, None
        self.passwords, self.process, self.events, self.noise = {}, None, [], []
        self.fronts, self.may_die, self.ntlm = 1, set(), False
        self.top = organisation.top / name
        self.dir = self.top / "d"
        self.top.mkdir()


class Organisation:
    def __init__(self, site, word, number, fronts=1):
        self.site, self.word, self.domain, self.inner = site, word, f"{word}.test", f"{word}.internal"
        self.top = site.top / word
        self.top.mkdir(mode=0o755)
        self.addresses = {"fe": f"10.78.{number}.11", "edge": f"10.78.{number}.12"}
        site.net.segment(word)
        self.spaces = {}
        for name, address in self.addresses.items():
            self.spaces[name] = site.net.add(f"{word}{name}")
            site.net.plug(self.spaces[name], word, address + "/24")
        site.net.plug(self.spaces["edge"], "internet", EXTERNAL[word] + "/24")
        self.fe, self.edge = (Host(self, name, self.wrap(name)) for name in ("fe", "edge"))
        topology = self.top / "topology.yaml"
        topology.write_text(
            f"organization: {word}\nsip-domains: [{self.domain}]\ninternal-domain: {self.inner}\ncertificates: {{key: ec-p256}}\nsites: [{{name: Main, pools: ["
            f"{{pool: fe.{self.inner}, role: standard-edition, front-processes: {fronts}, ports: {{sip-tls: 5061, web: 0, http: 0, external-http: 0, https: 0, external-https: 0}}}}, "
            f"{{pool: edge-pool.{self.inner}, role: edge, federation: true, next-hop: fe.{self.inner}, external: {{access: sip.{self.domain}, web-conferencing: wc.{self.domain}, "
            f"av: av.{self.domain}}}, servers: [{{fqdn: edge.{self.inner}, internal-address: {self.addresses['edge']}, external-address: {{access: {EXTERNAL[word]}}}}}]}}]}}]\n")
        self.fe.cli("init", "--dir", self.fe.dir, "--topology", topology, "--host", self.fe.fqdn, plain=True)
        self.prepare_edge()

    def wrap(self, name):
        """With a list of names of its own; only the Edge can ask the name server of the internet."""
        folder = self.top / (name + ".etc")
        folder.mkdir()
        (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{address} {host}.{self.inner}\n" for host, address in self.addresses.items()) +
                                      f"{self.addresses['edge']} edge-pool.{self.inner}\n")
        (folder / "resolv.conf").write_text(f"nameserver {NIC}\noptions timeout:1 attempts:2\n")
        script = f'mount --bind {folder}/resolv.conf /etc/resolv.conf && mount --bind {folder}/hosts /etc/hosts && exec "$@"'
        return ["ip", "netns", "exec", self.spaces[name], "sh", "-c", script, "sh"]

    def prepare_edge(self):
        """What joining does otherwise, and the certificate for outside that one buys."""
        edge, ca = self.edge, self.fe.dir
        edge.dir.mkdir(mode=0o755)
        for place, mode in (("certs", 0o755), ("keys", 0o700), ("store", 0o700), ("run", 0o755)):
            (edge.dir / place).mkdir(mode=mode)
        shutil.copy(ca / "topology.yaml", edge.dir)
        with open(ca / "ca.pem", "ab") as roots:  # as docs/guide/edge.md says it
            roots.write(pem_of(self.site.public.above.certificate))
        shutil.copy(ca / "ca.pem", edge.dir)
        for file in ("witan.crl", "root.crl", "issuing.pem"):
            shutil.copy(ca / "certs" / file, edge.dir / "certs")
        for file in ("public.crl", "publicroot.crl"):
            shutil.copy(self.site.top / file, edge.dir / "certs")
        (edge.dir / "host").write_text(edge.fqdn + "\n")
        key = next(path for path in (ca / "keys").glob("*.key") if "purpose: authority" in path.read_text())
        issuing = x509.load_pem_x509_certificate((ca / "certs/issuing.pem").read_bytes())
        signer = serialization.load_pem_private_key(key.read_text()[key.read_text().index("-----BEGIN"):].encode(), None)
        self.store(edge, "Internal", *issue([edge.fqdn, f"edge-pool.{self.inner}"], issuing, signer))
        self.store(edge, "AccessEdgeExternal", *self.site.certificate([f"sip.{self.domain}"]))
        for place, user in USERS.items():
            for path in [edge.dir / place, *(edge.dir / place).iterdir()]:
                shutil.chown(path, user, user)

    @staticmethod
    def store(host, usage, chain, key):
        leaf = x509.load_pem_x509_certificate(chain)
        thumbprint = leaf.fingerprint(hashes.SHA1()).hex().upper()
        (host.dir / f"certs/{thumbprint}.pem").write_text(f"friendly-name: {usage}\nexportable: no\n" + chain.decode())
        with open(host.dir / "certs/assigned", "a") as out:
            out.write(f"{usage} {thumbprint} - - 0\n")
        spki = leaf.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        path = host.dir / f"keys/{hashlib.sha256(spki).hexdigest()[:16]}.key"
        path.write_text("purpose: tls\nexportable: no\nmade: 1700000000\n" + key.decode())
        path.chmod(0o400)

    def client(self, user):
        """Signed in inside."""
        if user not in self.fe.passwords:
            self.fe.add_user(user)
        with self.site.net.inside(self.spaces["fe"]):
            c = Client(self.fe, user, host=self.addresses["fe"])
        c.sign_in()
        return c

    def start(self):
        for host in (self.fe, self.edge):
            host.start()

    def up_to_date(self):
        """Until the Edge has what the server inside has, and obeys it."""
        import json
        from deployment import wait_for

        def is_there():
            rows = json.loads(self.fe.cli("Get-CsManagementStoreReplicationStatus", "-As", "json"))
            return all(row["UpToDate"] for row in rows if row["ReplicaFqdn"] == self.edge.fqdn and row["Process"] == "vault")
        wait_for(is_there, 20, message="the Edge does not get the store")


def issue(names, issuer, signer, days=300, serial=None, uses=("serverAuth", "clientAuth")):
    """(chain, key) in PEM."""
    key, now = make_key(), datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(name_of(names[0])).issuer_name(issuer.subject).public_key(key.public_key())
               .serial_number(serial or x509.random_serial_number()).not_valid_before(now - 2 * DAY).not_valid_after(now + days * DAY)
               .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
               .add_extension(x509.ExtendedKeyUsage([USES[u] for u in uses]), False).add_extension(x509.BasicConstraints(False, None), True)
               .add_extension(key_usage("digital_signature"), True).add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False))
    leaf = builder.sign(signer, HASHES["sha256"]())
    return pem_of(leaf, issuer), key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


# A foreign server with mutual TLS at its border: what is for alpha.test goes there, what is for its own people to the one client that it has.
KAMAILIO = """
debug=2
log_stderror=yes
children=2
tcp_children=2
enable_tls=yes
disable_tcp=no
listen=tls:{address}:5061
listen=tcp:127.0.0.1:5070
alias="gamma.test"
alias="sip.gamma.test"
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
modparam("rr", "enable_double_rr", 1)
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "{folder}/k.pem")
modparam("tls", "private_key", "{folder}/k.key")
modparam("tls", "ca_list", "{folder}/ca.pem")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)
request_route {{
	if (has_totag() && loose_route()) {{
		if (is_method("NOTIFY|SUBSCRIBE")) record_route();
		t_relay();
		exit;
	}}
	if (is_method("CANCEL")) {{
		t_relay();
		exit;
	}}
	if (is_method("ACK")) {{
		t_check_trans();
		exit;
	}}
	record_route();
	if ($rd == "alpha.test") {{
		$du = "sip:sip.alpha.test:5061;transport=tls";
	}} else if ($rd == "gamma.test") {{
		$du = "sip:127.0.0.1:5080;transport=tcp";
	}} else {{
		sl_send_reply("404", "Not here");
		exit;
	}}
	t_relay();
}}
"""


class Unasked(Client):
    """A client of whom nobody asks who he is."""

    def begin(self, request, timeout=10.0):
        self.send(request)
        return request


class Foreigner:
    """The client of the foreign server: it listens, and answers over the connection that comes."""

    def __init__(self, site):
        self.domain, self.passwords, self.port_tcp, self.fqdn = "gamma.test", {}, 5070, "gamma.test"
        with site.net.inside(site.spaces["gamma"]):
            self.listener = socket.create_server(("127.0.0.1", 5080))
            self.out = Unasked(self, "pat", transport="tcp")

    def accept(self):
        """The connection that the server has made to reach pat."""
        self.listener.settimeout(10)
        sock, _ = self.listener.accept()
        c = Unasked(self.out.server, "pat", transport="tcp", connect=False)
        c.wire = Wire.__new__(Wire)
        c.wire.sock, c.wire.buf, c.wire.pongs = sock, b"", 0
        return c

    def close(self):
        self.out.close()
        self.listener.close()


class FederationSite:
    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="witan-fed-"))
        os.chmod(self.top, 0o755)
        root = Authority("Public Root")
        self.public = Authority("Public Issuing", above=root, path_length=0)
        (self.top / "public.crl").write_bytes(self.public.crl([REVOKED]))
        (self.top / "publicroot.crl").write_bytes(root.crl())
        (self.top / "public.pem").write_bytes(pem_of(root.certificate))
        self.net = namespaces.Site()
        self.net.segment("internet")
        self.spaces = {}
        for name, address in (("nic", NIC), ("gamma", EXTERNAL["gamma"]), ("stranger", "198.51.100.200")):
            self.spaces[name] = self.net.add(name)
            self.net.plug(self.spaces[name], "internet", address + "/24")
        self.start_names()
        self.organisations = []

    def certificate(self, names, **more):
        return issue(names, self.public.certificate, self.public.key, **more)

    def start_names(self):
        folder = self.top / "named"
        folder.mkdir(mode=0o755)
        rows = ["$TTL 60", "@ SOA ns hostmaster 1 60 60 60 60", "@ NS ns", f"ns A {NIC}"]
        for word, address in EXTERNAL.items():
            rows += [f"sip.{word} A {address}", f"_sipfederationtls._tcp.{word} SRV 0 0 5061 sip.{word}.test."]
        # of domains whose record leads to a server outside of them
        rows += ["_sipfederationtls._tcp.strange SRV 0 0 5061 sip.gamma.test.", f"sip.wild A {EXTERNAL['gamma']}", "_sipfederationtls._tcp.wild SRV 0 0 5061 sip.wild.test.",
                 f"sip.away A {NIC}", "_sipfederationtls._tcp.away SRV 0 0 5061 sip.away.test."]
        (folder / "test.zone").write_text("\n".join(rows) + "\n")
        (folder / "named.conf").write_text(f'options {{ directory "{folder}"; listen-on {{ {NIC}; }}; listen-on-v6 {{ none; }}; pid-file none; session-keyfile none; recursion no; '
                                           'notify no; dnssec-validation no; };\ncontrols { };\nzone "test" { type primary; file "test.zone"; };\n')
        self.named = self.net.start(self.spaces["nic"], "named", "-g", "-c", folder / "named.conf", stderr=subprocess.PIPE, text=True)
        for line in self.named.stderr:
            if "all zones loaded" in line:
                break

    def organisation(self, word, number, **more):
        self.organisations.append(Organisation(self, word, number, **more))
        return self.organisations[-1]

    def start_kamailio(self):
        folder = self.top / "kamailio"
        folder.mkdir(mode=0o755)
        chain, key = self.certificate(["sip.gamma.test"])
        (folder / "k.pem").write_bytes(chain)
        (folder / "k.key").write_bytes(key)
        (folder / "ca.pem").write_bytes((self.top / "public.pem").read_bytes() + pem_of(self.public.certificate))
        (folder / "kamailio.cfg").write_text(KAMAILIO.format(address=EXTERNAL["gamma"], folder=folder))
        (folder / "resolv.conf").write_text(f"nameserver {NIC}\n")
        log = open(folder / "log", "w")
        self.net.start(self.spaces["gamma"], "sh", "-c", f'mount --bind {folder}/resolv.conf /etc/resolv.conf && exec kamailio -DD -E -f {folder}/kamailio.cfg '
                       f'-Y {folder} -m 64 -M 8', stdout=log, stderr=log)
        from deployment import wait_for

        def listens():
            with self.net.inside(self.spaces["gamma"]):
                with socket.socket() as s:
                    return s.connect_ex((EXTERNAL["gamma"], 5061)) == 0
        wait_for(listens, 15, message="kamailio does not listen: " + (folder / "log").read_text()[-2000:])

    def partner(self, chain, key, to="alpha", space="stranger"):
        """A connection to an Edge from outside, with a certificate or without."""
        tls = ssl.create_default_context(cafile=str(self.top / "public.pem"))
        if chain:
            for name, text in (("p.pem", chain), ("p.key", key)):
                (self.top / name).write_bytes(text)
            tls.load_cert_chain(self.top / "p.pem", self.top / "p.key")
        with self.net.inside(self.spaces[space]):
            return Wire(EXTERNAL[to], 5061, tls, f"sip.{to}.test")

    def tell(self):
        """What the servers have said, for people who look for a fault."""
        for organisation in self.organisations:
            for name in ("fe", "edge"):
                print(f"---- {organisation.word} {name}\n{getattr(organisation, name).tail(30)}")

    def close(self):
        self.tell()
        if (self.top / "kamailio/log").exists():
            print((self.top / "kamailio/log").read_text()[-4000:])
        try:
            for organisation in self.organisations:
                for host in (organisation.edge, organisation.fe):
                    host.verdict()
        finally:
            for organisation in self.organisations:
                for host in (organisation.edge, organisation.fe):
                    host.stop()
            self.net.close()
            shutil.rmtree(self.top, ignore_errors=True)
