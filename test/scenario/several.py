# SPDX-License-Identifier: Apache-2.0
"""Several servers of one topology on this machine: each a deployment of its own, found by a name server of the test."""
import hashlib
import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile

from deployment import BUILD, Deployment, free_port
from test_next_hop import NameServer

NUMBER = itertools.count(1)
DOMAIN = "example.test"
USERS = {"keys": "witan-keeper", "store": "witan-vault", "certs": "witan-vault"}


def openssl(*words, cwd):
    return subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=cwd).stdout


class Host(Deployment):
    """One server of a site."""

    def __init__(self, site, fqdn):
        self.site, self.fqdn, self.domain, self.build, self.wrap = site, fqdn, DOMAIN, BUILD, site.wrap
        self.port_tls, self.port_tcp, self.port_web, self.port_replica = site.ports[fqdn], None, 0, site.replica_ports[fqdn]
        self.passwords, self.process, self.events, self.noise = {}, None, [], []
        self.top, self.dir = site.top / fqdn, site.top / fqdn / "d"
        self.top.mkdir()
        self.fronts, self.may_die, self.ntlm = 1, set(), False

    def status(self, fqdn=""):
        """What Get-CsManagementStoreReplicationStatus says of other servers, by name."""
        import json
        rows = json.loads(self.cli("Get-CsManagementStoreReplicationStatus", "-As", "json"))
        found = {row["ReplicaFqdn"]: row for row in rows if row["Process"] == "vault"}
        return found.get(fqdn) if fqdn else found


class Site:
    """central: a Standard Edition server; others: {name: lines of its pool}. Names end with the domain."""

    def __init__(self, next_hop="central", **others):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="witan-site-"))
        os.chmod(self.top, 0o755)
        net = f"127.{100 + os.getpid() % 100}.{next(NUMBER)}"
        self.inside, self.outside = f"{net}.11", f"{net}.12"
        self.names = ["central." + DOMAIN] + [f"{name}.{DOMAIN}" for name in others]
        self.ports = {name: free_port() for name in self.names}
        self.replica_ports = {name: free_port() for name in self.names}
        self.dns = NameServer(f"{net}.53", {name: ["127.0.0.1"] for name in self.names})
        resolv = self.top / "resolv.conf"
        resolv.write_text(f"nameserver {net}.53\noptions timeout:1 attempts:1\n")
        self.wrap = ["unshare", "-m", "sh", "-c", f"mount --bind {resolv} /etc/resolv.conf && exec \"$@\"", "sh"]
        self.pools = {"central": "role: standard-edition", **others}
        self.next_hop = f"{next_hop}.{DOMAIN}" if next_hop == "central" else f"{next_hop}-pool.{DOMAIN}"  # of an Edge
        self.hosts, self.made = {}, ""  # made: when certificates are, "-25d"
        for name in self.pools:
            self.hosts[name] = Host(self, f"{name}.{DOMAIN}")
        self.central = self.hosts["central"]
        document = self.top / "topology.yaml"
        document.write_text(self.topology())
        self.central.cli("init", "--dir", str(self.central.dir), "--topology", str(document), "--host", self.central.fqdn, plain=True)

    def topology(self, more=""):
        pools = []
        for name, lines in self.pools.items():
            fqdn = f"{name}.{DOMAIN}"
            web = "" if "edge" in lines else ", web: 0" + (", http: 0, external-http: 0, https: 0, external-https: 0" if "standard" in lines or "director" in lines else "")
            ports = f"ports: {{sip-tls: {self.ports[fqdn]}, replica: {self.replica_ports[fqdn]}{web}}}"
            if "role: edge" in lines:
                lines += (f", next-hop: {self.next_hop}, external: {{access: sip.{DOMAIN}, web-conferencing: wc.{DOMAIN}, av: av.{DOMAIN}}}, servers: "
                          f"[{{fqdn: {fqdn}, internal-address: {self.inside}, external-address: {{access: {self.outside}}}}}]")
                fqdn = f"{name}-pool.{DOMAIN}"
            elif "standard-edition" not in lines:
                lines += f", servers: [{fqdn}]"
                fqdn = f"{name}-pool.{DOMAIN}"
            pools.append(f"{{pool: {fqdn}, {lines}, {ports}}}")
        return (f"organization: Example\nsip-domains: [{DOMAIN}]\ninternal-domain: {DOMAIN}\ncertificates: {{key: ec-p256}}\n{more}"
                f"sites: [{{name: Main, pools: [{', '.join(pools)}]}}]\n")

    def prepare(self, *names):
        """Directories of other servers by hand, with certificates of the central server's authority: what joining does otherwise."""
        for name in names:
            host, ca = self.hosts[name], self.central.dir
            host.dir.mkdir(mode=0o755)
            for place, mode in (("certs", 0o755), ("keys", 0o700), ("store", 0o700), ("run", 0o755)):
                (host.dir / place).mkdir(mode=mode)
            shutil.copy(ca / "topology.yaml", host.dir)
            shutil.copy(ca / "ca.pem", host.dir)
            for file in ("witan.crl", "root.crl", "issuing.pem"):
                shutil.copy(ca / "certs" / file, host.dir / "certs")
            (host.dir / "host").write_text(host.fqdn + "\n")
            self.issue(host, host.fqdn, host.dir, "Internal" if "role: edge" in self.pools[name] else "Default")
            if "role: edge" in self.pools[name]:
                self.issue(host, f"sip.{DOMAIN}", host.dir, "AccessEdgeExternal")
            for place, user in USERS.items():
                for path in [host.dir / place, *(host.dir / place).iterdir()]:
                    shutil.chown(path, user, user)

    def authority_key(self):
        """The file of the central server's issuing key."""
        return next(path for path in (self.central.dir / "keys").glob("*.key") if "purpose: authority" in path.read_text())

    def files_of(self, host):
        """What a server presents to others, for a client of the test: certificate and key."""
        usage = "Internal" if "role: edge" in self.pools[host.fqdn.partition(".")[0]] else "Default"
        thumbprint = [line.split()[1] for line in (host.dir / "certs/assigned").read_text().splitlines() if line.startswith(usage + " ")][-1]
        chain = host.dir / f"certs/{thumbprint}.pem"
        spki = openssl("x509", "-in", str(chain), "-noout", "-pubkey", cwd=host.top)
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=spki, check=True, capture_output=True).stdout
        return str(chain), str(host.dir / f"keys/{hashlib.sha256(der).hexdigest()[:16]}.key")

    def issue(self, host, name, directory, usage="Default"):
        """A certificate by the issuing authority of the central server, and its key, in the machine's store."""
        ca, work = self.central.dir, host.top
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "new.key", "-out", "req.pem", "-subj", f"/CN={name}", cwd=work)
        (work / "ext").write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n")
        subprocess.run([*(["faketime", "-f", self.made] if self.made else []), "openssl", "x509", "-req", "-in", "req.pem", "-CA", str(ca / "certs/issuing.pem"),
                        "-CAkey", str(self.authority_key()), "-CAcreateserial", "-CAserial", str(self.top / "serial"), "-days", "30", "-extfile", "ext",
                        "-out", "leaf.pem"], check=True, capture_output=True, cwd=work)
        leaf, issuing = (work / "leaf.pem").read_text(), (ca / "certs/issuing.pem").read_text()
        der = openssl("x509", "-in", "leaf.pem", "-outform", "DER", cwd=work)
        thumbprint = hashlib.sha1(der).hexdigest().upper()
        (directory / f"certs/{thumbprint}.pem").write_text(f"friendly-name: {usage} {name}\nexportable: no\n{leaf}{issuing}")
        if usage:
            with open(directory / "certs/assigned", "a") as out:
                out.write(f"{usage} {thumbprint} - - 0\n")
        spki = openssl("pkey", "-in", "new.key", "-pubout", "-outform", "DER", cwd=work)
        key = directory / f"keys/{hashlib.sha256(spki).hexdigest()[:16]}.key"
        key.write_text("purpose: tls\nexportable: no\nmade: 1700000000\n" + (work / "new.key").read_text())
        key.chmod(0o400)
        shutil.chown(key, "witan-keeper", "witan-keeper")
        return str(directory / f"certs/{thumbprint}.pem"), str(key)

    def start(self, *names):
        for name in names or self.hosts:
            self.hosts[name].start()
        return self

    def verdict(self, failed):
        for host in self.hosts.values():
            if failed:
                print(f"---- log of {host.fqdn}\n{host.tail(40)}")
                host.stop()
            else:
                host.verdict()

    def remove(self):
        for host in self.hosts.values():
            if host.process and host.process.returncode is None:
                host.stop()
        self.dns.sock.close()
        shutil.rmtree(self.top, ignore_errors=True)
