# SPDX-License-Identifier: Apache-2.0
"""A realm of Kerberos with its own KDC (MIT krb5), in a temporary directory on a free port, and tokens of its people."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from deployment import free_port, wait_for

SBIN = "/usr/sbin:/sbin:" + os.environ.get("PATH", "")


class Realm:
    def __init__(self, name="EXAMPLE.TEST", domain="example.test", enctypes="aes256-cts:normal aes128-cts:normal"):
        self.name, self.domain = name, domain
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="witan-realm-"))
        self.port, self.process, self.known = free_port(), None, [self]
        (self.top / "kdc.conf").write_text(
            f"[kdcdefaults]\n kdc_ports = {self.port}\n kdc_tcp_ports = {self.port}\n[realms]\n {name} = {{\n"
            f"  database_name = {self.top}/principal\n  key_stash_file = {self.top}/stash\n  acl_file = {self.top}/acl\n"
            f"  supported_enctypes = {enctypes}\n }}\n")
        self.write_config()
        self.run("kdb5_util", "create", "-s", "-P", "master", "-r", name)

    def write_config(self):
        realms = "".join(f" {r.name} = {{\n  kdc = 127.0.0.1:{r.port}\n }}\n" for r in self.known)
        names = "".join(f" {r.domain} = {r.name}\n .{r.domain} = {r.name}\n" for r in self.known)
        (self.top / "krb5.conf").write_text(
            f"[libdefaults]\n default_realm = {self.name}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n"
            f" dns_canonicalize_hostname = false\n allow_rc4 = true\n[realms]\n{realms}[domain_realm]\n{names}")

    def env(self, cache=None):
        return {**os.environ, "PATH": SBIN, "KRB5_CONFIG": str(self.top / "krb5.conf"), "KRB5_KDC_PROFILE": str(self.top / "kdc.conf"),
                "KRB5CCNAME": f"FILE:{cache}" if cache else f"FILE:{self.top}/none", "KRB5RCACHENAME": "none:"}

    def run(self, *words, stdin="", cache=None, wrap=()):
        done = subprocess.run([*wrap, *map(str, words)], input=stdin, capture_output=True, text=True, env=self.env(cache), timeout=30)
        assert done.returncode == 0, f"{words}: {done.stderr}{done.stdout}"
        return done.stdout

    def admin(self, query):
        return self.run("kadmin.local", "-r", self.name, "-q", query)

    def add(self, *people):
        for who in people:
            self.admin(f"addprinc -pw secret-{who} {who}")

    def service(self, principal, file="sip.keytab", enctypes=None):
        """A service principal, made where it is not there yet, gets new keys; they go into the file, beside what it has."""
        self.admin(f"addprinc -randkey {principal}")
        self.admin(f"ktadd -k {self.top / file}{f' -e {enctypes}' if enctypes else ''} {principal}")
        return self.top / file

    def start(self, wrap=()):
        self.log = open(self.top / "kdc.log", "wb")
        self.process = subprocess.Popen([*wrap, "krb5kdc", "-n", "-r", self.name], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, env=self.env(), start_new_session=True)
        wait_for(lambda: b"starting" in (self.top / "kdc.log").read_bytes(), 10, message="the KDC does not start")
        return self

    def stop(self):
        if self.process:
            os.killpg(self.process.pid, 15)
            self.process.wait(10)
            self.log.close()
        self.process = None

    def trust(self, other):
        """People of this realm get tickets for services of the other."""
        for realm in (self, other):
            realm.admin(f"addprinc -pw between krbtgt/{other.name}@{self.name}")
            realm.known = [self, other]
            realm.write_config()

    def sign_in(self, who, wrap=(), words=()):
        """A ticket cache of the user."""
        cache = self.top / f"{who}.{os.urandom(3).hex()}.cache"
        self.run("kinit", *words, f"{who}@{self.name}", stdin=f"secret-{who}\n", cache=cache, wrap=wrap)
        return cache

    def context(self, cache, service, wrap=()):
        """Token and exported context for a service ("sip/host@REALM"), made by another process: under another clock, say."""
        program = ("import gssapi, sys; n = gssapi.Name(sys.argv[1], gssapi.NameType.kerberos_principal); "
                   "c = gssapi.SecurityContext(name=n, usage='initiate', mech=gssapi.MechType.kerberos, "
                   "flags=gssapi.RequirementFlag.integrity); print(c.step().hex(), c.export().hex())")
        return [bytes.fromhex(word) for word in self.run("/usr/bin/python3", "-c", program, service, cache=cache, wrap=wrap).split()]

    def token(self, cache, service, wrap=()):
        return self.context(cache, service, wrap)[0]

    def remove(self):
        self.stop()
        shutil.rmtree(self.top, ignore_errors=True)
