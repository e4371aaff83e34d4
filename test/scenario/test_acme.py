# SPDX-License-Identifier: Apache-2.0
"""witan acme against a real ACME server (pebble) by a real client (dehydrated): from nothing to a certificate that the running server presents, its
renewal, and everything that can go wrong on the way."""
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import ssl
import stat
import subprocess
import tempfile
import time

import pytest

from deployment import BUILD, Refused, free_port, wait_for

HMAC = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
BELOW = "/.well-known/acme-challenge/"


class Acme:
    """An ACME authority with the DNS that it looks names up in."""

    def __init__(self, top, http_port, validity=86400, eab=False):
        self.top, self.processes = top, []
        top.mkdir(exist_ok=True)
        self.port, self.manage, self.dns, self.dns_manage = free_port(), free_port(), free_port(), free_port()
        self.url = f"https://localhost:{self.port}/dir"
        self.ca = top / "own.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", top / "own.key", "-out", self.ca, "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-days", "3"], check=True, capture_output=True)
        config = {"listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.manage}", "certificate": str(self.ca), "privateKey": str(top / "own.key"),
                  "httpPort": http_port, "tlsPort": free_port(), "certificateValidityPeriod": validity, "externalAccountBindingRequired": eab, "externalAccountMACKeys": {"kid-1": HMAC}}
        (top / "pebble.json").write_text(json.dumps({"pebble": config}))
        self.run("pebble-challtestsrv", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-dns01", f"127.0.0.1:{self.dns}", "-management", f"127.0.0.1:{self.dns_manage}")
        self.start()

    def run(self, *words, **env):
        log = open(self.top / f"{words[0]}.log", "ab")
        self.processes.append(subprocess.Popen([*map(str, words)], stdout=log, stderr=log, env={**os.environ, **env}))
        return self.processes[-1]

    def start(self):
        self.pebble = self.run("pebble", "-config", self.top / "pebble.json", "-dnsserver", f"127.0.0.1:{self.dns}", PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT="0", PEBBLE_AUTHZREUSE="0")
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0, message="pebble does not start")

    def stop(self):
        self.pebble.kill()
        self.pebble.wait()

    def roots(self):
        """What clients of this authority trust."""
        tls = ssl.create_default_context(cafile=str(self.ca))
        tls.check_hostname = False
        c = http.client.HTTPSConnection("127.0.0.1", self.manage, timeout=10, context=tls)
        c.request("GET", "/roots/0")
        return c.getresponse().read().decode()

    def set_known(self, name, known):
        """Whether the name can be looked up."""
        c = http.client.HTTPConnection("127.0.0.1", self.dns_manage, timeout=10)
        c.request("POST", "/clear-servfail" if known else "/set-servfail", json.dumps({"host": name}))
        assert c.getresponse().status == 200

    def close(self):
        for p in self.processes:
            p.kill()
            p.wait()


@pytest.fixture
def made():
    all_made = []
    yield all_made
    for one in all_made:
        one.close()


@pytest.fixture
def stage(server_factory, tmp_path, made):
    def make(**more):
        server = server_factory(users=(), tcp=False, http=True)
        made.append(Acme(tmp_path / "acme", server.port_http, **more))
        return server, made[-1]
    return make


def acme(server, *words, status=0, wrap=()):
    done = subprocess.run([*map(str, wrap), str(BUILD / "witan"), "--dir", str(server.dir), "acme", *map(str, words)], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def order(server, authority, *words, **more):
    return acme(server, "--usage", "Default", "--ca", authority.url, "--ca-file", authority.ca, *words, **more)


def presented(server, roots=None):
    """Thumbprint, issuer, names and lifetime of what a client is shown that trusts these roots alone; None: it does not."""
    tls = ssl.create_default_context(cadata=roots) if roots else ssl.create_default_context(cafile=str(server.dir / "ca.pem"))
    try:
        with socket.create_connection(("127.0.0.1", server.port_tls), 10) as raw, tls.wrap_socket(raw, server_hostname=server.fqdn) as s:
            return s.getpeercert()
    except ssl.SSLCertVerificationError:
        return None


def shown(server, *words):
    return json.loads(server.cli("Get-CsCertificate", *words, "-As", "json"))


def pending(server):
    return [c for c in shown(server, "-All") if c["State"] == "pending"]


def keys(server):
    return {p.name for p in (server.dir / "keys").glob("*.key")}


def get(port, path):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    c.request("GET", path)
    r = c.getresponse()
    return r.status, r.read(), r


# ---- from nothing to a certificate in use ----

def test_from_nothing_to_a_certificate_in_use(stage):
    server, authority = stage()
    had = keys(server)
    assert presented(server) and not presented(server, authority.roots())
    done = order(server, authority, "--contact", "it@example.test")
    assert "is in use" in done.stdout and not done.stderr, done.stderr
    seen = wait_for(lambda: presented(server, authority.roots()), message="the certificate is not presented")
    assert {n for _, n in seen["subjectAltName"]} >= {"uc.example.test", "sip.example.test"}
    assert not presented(server) and not pending(server)
    assert len(keys(server) - had) == 1, "the key is keeper's"
    # nothing of the key, and nothing that others can read
    folder = server.dir / "acme"
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert not (folder / "config").exists() and not list((folder / "tmp").iterdir())
    assert [p.name for p in folder.rglob("*.pem")].count("account_key.pem") == 1
    account = next(folder.rglob("account_key.pem")).read_text()
    for key in (server.dir / "keys").glob("*.key"):
        assert key.read_text().split("-----")[2] not in account
    assert {e["cmdlet"] if "cmdlet" in e else e.get("Command", "").split()[0] for e in json.loads(server.cli("Get-CsAuditLog", "-Last", "20", "-As", "json"))} >= \
        {"Request-CsCertificate", "New-CsAcmeChallenge", "Remove-CsAcmeChallenge", "Import-CsCertificate", "Set-CsCertificate"}
    server.restart()
    assert presented(server, authority.roots())


def test_what_is_remembered_is_enough_for_the_next_order(stage):
    server, authority = stage()
    order(server, authority)
    first = presented(server, authority.roots())
    acme(server, "--usage", "Default")
    second = wait_for(lambda: (lambda p: p if p and p["serialNumber"] != first["serialNumber"] else None)(presented(server, authority.roots())), message="no other certificate")
    assert second["subjectAltName"] == first["subjectAltName"]
    assert len(list((server.dir / "acme").rglob("account_key.pem"))) == 1


def test_dns_01_by_a_program_of_the_administrator(stage, tmp_path):
    server, authority = stage()
    hook = tmp_path / "a hook's"
    hook.write_text(f'''#!/bin/sh
echo "$1 $2" >> '{tmp_path}/called'
case "$1" in
deploy_challenge) curl -sf -d '{{"host":"_acme-challenge.'"$2"'.","value":"'"$4"'"}}' http://127.0.0.1:{authority.dns_manage}/set-txt ;;
clean_challenge) curl -sf -d '{{"host":"_acme-challenge.'"$2"'."}}' http://127.0.0.1:{authority.dns_manage}/clear-txt ;;
esac
''')
    hook.chmod(0o700)
    authority.set_known("uc.example.test", False)  # not by HTTP
    order(server, authority, "--challenge", "dns-01", "--hook", hook)
    assert wait_for(lambda: presented(server, authority.roots()))
    called = (tmp_path / "called").read_text().split("\n")
    assert "deploy_challenge uc.example.test" in called and "clean_challenge uc.example.test" in called
    done = order(server, authority, "--challenge", "dns-01", status=2)
    assert "--hook" in done.stderr
    assert "--hook" in order(server, authority, "--challenge", "dns-01", "--hook", tmp_path / "none", status=2).stderr


def test_what_a_program_says_does_not_reach_the_terminal_raw(stage, tmp_path):
    server, authority = stage()
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\nprintf 'red \\033[31m \\302\\233 31m end\\n' >&2\n[ $1 != deploy_challenge ]\n")
    hook.chmod(0o700)
    said = order(server, authority, "--challenge", "dns-01", "--hook", hook, status=1).stderr
    assert "red \\x1b[31m \\xc2\\x9b 31m end" in said and said.replace("\n", "").isprintable()


def test_a_path_that_a_shell_would_misread(server_factory, tmp_path, made):
    with tempfile.TemporaryDirectory(prefix="it's a $HOME `x` ") as odd:
        os.chmod(odd, 0o755)
        server = server_factory(users=(), tcp=False, http=True, directory=f"{odd}/d")
        made.append(Acme(tmp_path / "acme", server.port_http))
        order(server, made[0])
        assert wait_for(lambda: presented(server, made[0].roots()))
        server.stop()


def test_an_account_that_is_bound_to_another_one(stage, tmp_path):
    server, authority = stage(eab=True)
    secret = tmp_path / "hmac"
    secret.write_text(HMAC + "\n")
    assert "external account" in order(server, authority, status=1).stderr
    order(server, authority, "--eab-kid", "kid-1", "--eab-hmac-file", secret)
    assert wait_for(lambda: presented(server, authority.roots()))
    for path in server.dir.rglob("*"):
        assert not path.is_file() or HMAC.encode() not in path.read_bytes(), path
    acme(server, "--usage", "Default")
    secret.write_text("not 'a' key")
    assert "base64url" in order(server, authority, "--eab-kid", "kid-1", "--eab-hmac-file", secret, status=1).stderr


# ---- renewal ----

def test_renewal_at_two_thirds_of_the_life(stage):
    server, authority = stage(validity=30 * 86400)
    assert "nothing to do" in acme(server, "--renew").stdout
    order(server, authority)
    first = presented(server, authority.roots())["serialNumber"]
    assert "nothing to do" in acme(server, "--renew").stdout
    for days, renewed in ((19, False), (21, True)):
        done = acme(server, "--renew", wrap=("faketime", "-f", f"+{days}d"))
        assert ("is in use" in done.stdout) == renewed and ("nothing to do" in done.stdout) != renewed
    second = wait_for(lambda: (lambda p: p if p and p["serialNumber"] != first else None)(presented(server, authority.roots())))
    assert second and "nothing to do" in acme(server, "--renew", "--usage", "Default").stdout
    assert "would be ordered" in acme(server, "--usage", "Default", "--dry-run").stdout and not pending(server)
    assert "ordered here" in acme(server, "--renew", "--usage", "WebServicesInternal", status=1).stderr


def test_short_lives_leave_no_heap_behind(stage):
    server, authority = stage(validity=12)
    for _ in range(4):
        order(server, authority)
        time.sleep(4)
    ours = [c for c in shown(server, "-All") if c.get("FriendlyName", "").startswith("ACME ")]
    assert len(ours) <= 4
    wait_for(lambda: "is in use" in acme(server, "--renew").stdout, timeout=15, step=1)
    time.sleep(9)
    acme(server, "--renew")
    ours = [c for c in shown(server, "-All") if c.get("FriendlyName", "").startswith("ACME ")]
    assert len(ours) <= 3, ours
    order(server, authority)


# ---- what goes wrong ----

def test_failures_are_told_and_the_request_is_used_again(stage, tmp_path):
    server, authority = stage()
    before = presented(server)
    # not trusted
    done = acme(server, "--usage", "Default", "--ca", authority.url, status=1)
    assert "curl returned with 60" in done.stderr and "remedy" in done.stderr and authority.url in done.stderr
    request, = pending(server)
    # down
    authority.stop()
    assert "curl returned with 7" in order(server, authority, status=1).stderr
    authority.start()
    # the challenge cannot be answered
    authority.set_known("uc.example.test", False)
    done = order(server, authority, status=1)
    assert "Challenge is invalid" in done.stderr
    assert pending(server) == [request] and presented(server) == before
    for token in ("a", "b"):
        assert get(server.port_http, BELOW + token)[0] == 404
    # no directory of an authority
    assert order(server, authority, "--ca", authority.url[:-3] + "nothing", status=1).stderr
    assert pending(server) == [request]
    # mended
    authority.set_known("uc.example.test", True)
    done = order(server, authority)
    assert "used again" in done.stdout and not pending(server)
    assert wait_for(lambda: presented(server, authority.roots()))


def test_a_request_that_the_topology_has_outdated(stage):
    server, authority = stage()
    authority.stop()
    order(server, authority, status=1)
    request, = pending(server)
    server.stop()
    topology = server.dir / "topology.yaml"
    topology.write_text(topology.read_text().replace("sip-domains: [example.test]", "sip-domains: [example.test, more.test]"))
    server.start()
    authority.start()
    assert "used again" not in order(server, authority).stdout and not pending(server)
    seen = wait_for(lambda: presented(server, authority.roots()))
    assert ("DNS", "sip.more.test") in seen["subjectAltName"] and "more.test" not in request["Request"]


def test_cut_off_between_import_and_assignment(stage):
    server, authority = stage()
    order(server, authority)
    first = presented(server, authority.roots())["serialNumber"]
    name, = [c["FriendlyName"] for c in shown(server) if c["FriendlyName"].startswith("ACME ")]
    for _ in range(2):  # it is neither the present one nor the one before
        server.cli("Request-CsCertificate", "-New", "-CA", "built-in", "-Type", "Default")
    assert wait_for(lambda: presented(server))
    conf = server.dir / "acme/Default.conf"
    assert name not in conf.read_text()
    conf.write_text("".join(line for line in conf.read_text().splitlines(True) if not line.startswith("friendly-name")) + f"friendly-name: {name}\n")
    roots = authority.roots()
    authority.stop()
    assert "is in use" in acme(server, "--usage", "Default").stdout  # nobody has to be asked
    assert wait_for(lambda: presented(server, roots))["serialNumber"] == first
    assert name not in conf.read_text()
    conf.write_text("what: is this\n")
    assert "remembered order" in acme(server, "--usage", "Default", status=1).stderr
    assert "remembered order" in acme(server, "--renew", status=1).stderr


def test_wrong_command_lines(stage):
    server, authority = stage()
    for words in ([], ["--usage", "Nothing", "--ca", authority.url], ["--usage", "Default"], ["--usage", "Default", "--ca", "http://localhost/dir"],
                  ["--usage", "Default", "--ca", "https://localhost/'; touch /tmp/x; '"], ["--usage", "Default", "--ca", authority.url, "--contact", "a@b;c"],
                  ["--usage", "Default", "--ca", authority.url, "--challenge", "mail-01"], ["--renew", "--ca", authority.url], ["--usage", "Default", "--eab-kid", "k"],
                  ["--usage", "Default", "--ca", authority.url, "--ca-file", "/none"]):
        acme(server, *words, status=2)
    assert not pending(server)
    assert "certificate for AccessEdgeExternal" in acme(server, "--usage", "AccessEdgeExternal", "--ca", authority.url, status=1).stderr


def test_the_client_is_not_installed(stage):
    server, authority = stage()
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("needs a mount namespace")
    done = acme(server, "--usage", "Default", "--ca", authority.url, status=1,
                wrap=("unshare", "-m", "sh", "-c", 'mount --bind /dev/null /usr/bin/dehydrated && exec "$@"', "sh"))
    assert "install the package dehydrated" in done.stderr and not pending(server)


def test_no_plain_http(server_factory, tmp_path, made):
    server = server_factory(users=(), tcp=False)
    authority = Acme(tmp_path / "acme", free_port())
    made.append(authority)
    assert "ports.http" in order(server, authority, status=1).stderr
    assert not pending(server)


def test_kills_in_the_middle_lose_nothing(stage):
    server, authority = stage()
    random.seed(7)
    steps = [0.01, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8, 1.2, 1.6, 2.0, 2.5] + [random.random() * 3 for _ in range(4)]
    for seconds in steps:
        p = subprocess.Popen([str(BUILD / "witan"), "--dir", str(server.dir), "acme", "--usage", "Default", "--ca", authority.url, "--ca-file", str(authority.ca)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        p.send_signal(signal.SIGKILL)
        p.wait()
        assert len(pending(server)) <= 1
        assert presented(server) or presented(server, authority.roots())
    order(server, authority)
    assert not pending(server) and wait_for(lambda: presented(server, authority.roots()))
    in_use = {c["Thumbprint"] for c in shown(server)}
    assert len([c for c in shown(server, "-All") if c["Thumbprint"] not in in_use and c["State"] == "unassigned" and c["FriendlyName"].startswith("ACME ")]) <= len(steps)


def test_a_server_that_is_started_anew_meanwhile(stage):
    server, authority = stage()
    os.kill(authority.pebble.pid, signal.SIGSTOP)
    p = subprocess.Popen([str(BUILD / "witan"), "--dir", str(server.dir), "acme", "--usage", "Default", "--ca", authority.url, "--ca-file", str(authority.ca)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: pending(server), message="no request")
        server.restart()
    finally:
        os.kill(authority.pebble.pid, signal.SIGCONT)
    out, errors = p.communicate(timeout=60)
    assert p.returncode == 0 and "is in use" in out, errors


def test_a_signal_ends_the_client_too(stage):
    server, authority = stage()
    os.kill(authority.pebble.pid, signal.SIGSTOP)
    try:
        p = subprocess.Popen([str(BUILD / "witan"), "--dir", str(server.dir), "acme", "--usage", "Default", "--ca", authority.url, "--ca-file", str(authority.ca)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: pending(server), message="no request")
        time.sleep(1)
        p.send_signal(signal.SIGTERM)
        _, errors = p.communicate(timeout=10)
        assert p.returncode == 1 and "request is kept" in errors
        wait_for(lambda: not [x for x in pathlib.Path("/proc").glob("[0-9]*/cmdline") if str(server.dir / "acme").encode() in safe_read(x)], 5, 0.1,
                 "what it had started goes on")
    finally:
        os.kill(authority.pebble.pid, signal.SIGCONT)
    assert "used again" in order(server, authority).stdout


def safe_read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


# ---- what is served ----

def answer(token):
    return token + "." + "A" * 43


def challenge(server, token, text=None):
    return server.cli("New-CsAcmeChallenge", "-Token", token, "-KeyAuthorization", text or answer(token))


def test_challenges_at_the_plain_port(server_factory):
    server = server_factory(users=("ann",), tcp=False, http=True)
    challenge(server, "tok_EN-1")
    status, body, r = get(server.port_http, BELOW + "tok_EN-1")
    assert status == 200 and body == answer("tok_EN-1").encode() and r.getheader("Content-Type") == "text/plain" and "max-age=0" in r.getheader("Cache-Control")
    assert get(server.port_http, BELOW)[0] == get(server.port_http, BELOW + "tok_EN-2")[0] == get(server.port_http, BELOW + "../witan.crl")[0] == 404
    server.cli("Remove-CsAcmeChallenge", "-Token", "tok_EN-1")
    assert get(server.port_http, BELOW + "tok_EN-1")[0] == 404
    with pytest.raises(Refused, match="no answer to this"):
        server.cli("Remove-CsAcmeChallenge", "-Token", "tok_EN-1")
    for token, text in (("a/b", None), ("..", None), ("a b", None), ("a", "b." + "A" * 43), ("a", "a." + "A" * 42), ("a", "a." + "A" * 44), ("a", "a"), ("a", "<html>"), ("a" * 129, None)):
        with pytest.raises(Refused):
            challenge(server, token, text)
    # as many as there may be, each as long as may be
    tokens = [f"{i:03}" + "t" * 125 for i in range(64)]
    for token in tokens:
        challenge(server, token)
    with pytest.raises(Refused, match="64 answers"):
        challenge(server, "more")
    challenge(server, tokens[0])
    assert all(get(server.port_http, BELOW + t)[1] == answer(t).encode() for t in tokens)
    assert get(server.port_http, "/witan.crl")[0] == 200
    # another web process shows them too, another vault none
    old = server.kill("web0")
    server.wait_restarted("web0", old)
    assert wait_for(lambda: safe_get(server.port_http, BELOW + tokens[5]) == 200)
    old = server.kill("vault0")
    server.wait_restarted("vault0", old)
    wait_for(lambda: safe_get(server.port_http, BELOW + tokens[5]) == 404)
    assert safe_get(server.port_http, "/witan.crl") == 200


def safe_get(port, path):
    try:
        return get(port, path)[0]
    except OSError:
        return None


def test_forgotten_after_an_hour(server_factory):
    """The server's clock goes 600 times as fast."""
    server = server_factory(users=(), tcp=False, http=True, start=False)
    library = next(pathlib.Path("/usr/lib").rglob("faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("needs libfaketime")
    server.start(env={"LD_PRELOAD": str(library), "FAKETIME": "+0 x600", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    challenge(server, "hour")
    time.sleep(3.5)
    challenge(server, "later")
    assert [get(server.port_http, BELOW + t)[0] for t in ("hour", "later")] == [200, 200]
    time.sleep(3.5)
    challenge(server, "next")
    assert [get(server.port_http, BELOW + t)[0] for t in ("hour", "later", "next")] == [404, 200, 200]
