# SPDX-License-Identifier: Apache-2.0
"""A Windows domain with its own controller (Samba), and this machine joined to it by winbind: in a network namespace and directories of its own."""
import base64
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from deployment import wait_for
from lync_client import REALM, LyncClient, params, signed_text
from ntlm import Ntlm

PROGRAMS = ("samba", "samba-tool", "winbindd", "net", "wbinfo", "ip", "unshare")
ADDRESS = "192.0.2.10"  # Samba joins nothing by a loopback address
ADMIN, PASSWORD = "Controller-1", "Domain-Pass-1"


def missing():
    """Why there can be no domain here; empty: there can."""
    if os.geteuid() != 0:
        return "needs root: a network namespace and mounts"
    absent = [p for p in PROGRAMS if shutil.which(p, path="/usr/sbin:/sbin:" + os.environ["PATH"]) is None]
    return f"needs {', '.join(absent)} (apt install samba samba-ad-dc winbind)" if absent else ""


class Domain:
    realm, name, machine = "AD.EXAMPLE.TEST", "CORP", "UC01"

    def __init__(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="witan-domain-"))
        os.chmod(self.top, 0o755)
        self.space, self.running = f"witan-{os.getpid()}", []
        self.dns = self.realm.lower()
        for place in ("dc", "member"):
            (self.top / place / "run").mkdir(parents=True)
        (self.top / "hosts").write_text(f"{ADDRESS} dc1.{self.dns} dc1 {self.machine.lower()}.{self.dns}\n127.0.0.1 localhost\n")
        (self.top / "resolv.conf").write_text(f"search {self.dns}\nnameserver {ADDRESS}\n")
        (self.top / "krb5.conf").write_text(f"[libdefaults]\n default_realm = {self.realm}\n dns_lookup_kdc = false\n rdns = false\n"
                                            f"[realms]\n {self.realm} = {{\n  kdc = {ADDRESS}\n }}\n")
        subprocess.run(["ip", "netns", "add", self.space], check=True)
        for words in ("link set lo up", "link add name corp0 type veth peer name corp1", f"addr add {ADDRESS}/24 dev corp0", "link set corp0 up", "link set corp1 up"):
            subprocess.run(["ip", "-n", self.space, *words.split()], check=True)

    # ---- where things run ----

    def wrap(self, place="member"):
        """A program sees the sockets of winbind of that place, and nothing else is different."""
        pathlib.Path("/run/samba").mkdir(exist_ok=True)
        return ["unshare", "-m", "sh", "-c", f"mount --bind {self.top}/{place}/run /run/samba && exec \"$@\"", "sh"]

    def inside(self, place):
        mounts = f"mount --bind {self.top}/{place}/run /run/samba && mount --bind {self.top}/hosts /etc/hosts && " \
            f"mount --bind {self.top}/resolv.conf $(readlink -f /etc/resolv.conf) && exec \"$@\""
        return ["ip", "netns", "exec", self.space, "unshare", "-m", "sh", "-c", mounts, "sh"]

    def environment(self):
        return {**os.environ, "PATH": "/usr/sbin:/sbin:" + os.environ["PATH"], "KRB5_CONFIG": str(self.top / "krb5.conf")}

    def run(self, place, *words, fails=False):
        done = subprocess.run(self.inside(place) + list(map(str, words)), capture_output=True, text=True, timeout=120, env=self.environment(), stdin=subprocess.DEVNULL)
        assert fails or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def tool(self, *words):
        return self.run("dc", "samba-tool", *words, "-s", self.top / "dc/etc/smb.conf").stdout

    def begin(self, place, *words):
        log = open(self.top / place / "log", "ab")
        one = subprocess.Popen(self.inside(place) + list(map(str, words)), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                               env=self.environment(), start_new_session=True)
        self.running.append(one)
        return one

    # ---- the controller ----

    def start(self):
        options = [f"interfaces={ADDRESS}/24 127.0.0.1", "bind interfaces only=yes", "vfs objects=dfs_samba4 acl_xattr", "dns update command=/bin/true",
                   "spn update command=/bin/true", "gpo update command=/bin/true", "ntlm auth=ntlmv2-only",
                   "server services=s3fs, rpc, wrepl, ldap, cldap, kdc, drepl, winbindd, kcc, dns"]
        self.run("dc", "samba-tool", "domain", "provision", f"--realm={self.realm}", f"--domain={self.name}", "--server-role=dc", "--dns-backend=SAMBA_INTERNAL",
                 f"--adminpass={ADMIN}", "--host-name=dc1", f"--host-ip={ADDRESS}", f"--targetdir={self.top}/dc", *[f"--option={o}" for o in options])
        self.begin("dc", "samba", "-i", "-M", "prefork", "-s", self.top / "dc/etc/smb.conf", "--debug-stdout")
        wait_for(lambda: self.run("dc", "smbclient", "-s", self.top / "dc/etc/smb.conf", "-L", f"//{ADDRESS}", "-N", fails=True).returncode == 0, 60, 0.5,
                 "the controller does not start")
        self.tool("domain", "passwordsettings", "set", "--account-lockout-threshold=4", "--account-lockout-duration=30", "--min-pwd-age=0")
        self.join()
        return self

    def add(self, *people):
        for who in people:
            self.tool("user", "create", who, PASSWORD)

    # ---- the member ----

    def join(self):
        at = self.top / "member"
        (at / "smb.conf").write_text(
            f"[global]\n workgroup = {self.name}\n realm = {self.realm}\n security = ads\n netbios name = {self.machine}\n interfaces = {ADDRESS}/24\n bind interfaces only = yes\n"
            f" private dir = {at}/private\n lock directory = {at}/lock\n state directory = {at}/state\n cache directory = {at}/cache\n pid directory = {at}/run\n"
            f" ncalrpc dir = {at}/ncalrpc\n log file = {at}/log.%m\n winbind cache time = 1\n dns update command = /bin/true\n winbind offline logon = no\n")
        for folder in ("private", "lock", "state", "cache", "ncalrpc"):
            (at / folder).mkdir(mode=0o755, exist_ok=True)
        words = ("net", "ads", "join", "-s", at / "smb.conf", "-U", f"Administrator%{ADMIN}", "--no-dns-updates")
        wait_for(lambda: self.run("member", *words, fails=True).returncode == 0, 40, 1, "the machine cannot join")
        self.start_winbind()

    def start_winbind(self):
        at = self.top / "member"
        pipes = at / "state/winbindd_privileged"
        self.winbind = self.begin("member", "winbindd", "-F", "--no-process-group", "-s", at / "smb.conf", "--debug-stdout")
        wait_for(lambda: (pipes / "pipe").exists() and self.run("member", "wbinfo", "-P", fails=True).returncode == 0, 30, 0.3, "winbind does not start")
        shutil.chown(pipes, group="winbindd_priv")

    def winbind_signal(self, number):
        """To winbindd and what it has started."""
        os.killpg(self.winbind.pid, number)

    def stop_winbind(self):
        self.winbind_signal(signal.SIGKILL)
        self.winbind.wait(5)

    def stop(self):
        for one in self.running:
            try:
                os.killpg(one.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            one.wait(5)
        inside = subprocess.run(["ip", "netns", "pids", self.space], capture_output=True, text=True).stdout.split()
        for pid in inside:
            os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.2)
        subprocess.run(["ip", "netns", "del", self.space], check=False)
        shutil.rmtree(self.top, ignore_errors=True)


class NtlmClient(LyncClient):
    """Signs in by NTLM as an account of a domain, and signs and checks every message."""

    def mac(self, text, side="client"):
        return self.ntlm.mac(text, side).hex()

    def credentials(self, request, given=None, **more):
        self.count += 1
        number, random = str(self.count), os.urandom(4).hex()
        value = f'NTLM qop="auth", realm="{REALM}", targetname="{self.target.removeprefix("sip/")}"'
        value += f', opaque="{self.opaque}"' if self.opaque else ""
        if given is not None:
            value += f', gssapi-data="{base64.b64encode(given).decode()}", version={self.version}'
        if self.ntlm and given != b"":
            text = signed_text(request, random, number, self.target.removeprefix("sip/"), self.version).replace(b"<Kerberos>", b"<NTLM>", 1)
            value += f', crand="{random}", cnum="{number}", response="{self.mac(text)}"'
        return "Authorization" if request.method == "REGISTER" else "Proxy-Authorization", value

    def sign_in_as(self, account, password, domain="CORP"):
        """The final response."""
        self.ntlm, self.opaque = None, None
        request = self.register_request()
        request.headers.append(self.credentials(request, b""))
        self.send(request)
        answer = self.response(request)
        self.reg_cseq = answer.cseq
        p = params(answer.get("www-authenticate"))
        self.opaque = p["opaque"]
        self.ntlm = Ntlm(account, password, domain)
        answer = self.prove(self.ntlm.answer(base64.b64decode(p["gssapi-data"])))
        if answer.status == 200:
            self.check(answer)
        return answer

    def check(self, message):
        p = params(message.get("authentication-info"))
        text = signed_text(message, p["srand"], p["snum"], p["targetname"], self.version).replace(b"<Kerberos>", b"<NTLM>", 1)
        assert self.mac(text, "server") == p["rspauth"].lower(), "not signed by the server"
        return message
