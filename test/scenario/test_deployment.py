# SPDX-License-Identifier: Apache-2.0
"""witan init, plan certificates, Get- and Request-CsCertificate: a deployment from nothing, and its certificates as OpenSSL and clients see them."""
import fcntl
import json
import os
import pathlib
import re
import socket
import ssl
import stat
import subprocess
import threading

import pytest

from deployment import BUILD, ROOT, Refused, assigned_file, authority_files, wait_for

WITAN = str(BUILD / "witan")


def run(*words, cwd=None, env=None):
    return subprocess.run([WITAN, *map(str, words)], capture_output=True, text=True, timeout=60, cwd=cwd, stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})})


def done(*words, **more):
    result = run(*words, **more)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(status, *words, says=(), **more):
    """Ends with this status and says all of this on standard error, nothing on standard output."""
    result = run(*words, **more)
    assert result.returncode == status, (result.stdout, result.stderr)
    assert result.stdout == ""
    for text in says:
        assert text in result.stderr
    return result.stderr


@pytest.fixture
def d(tmp_path):
    os.chmod(tmp_path, 0o755)
    return tmp_path / "d"


@pytest.fixture
def made(d):
    done("init", "--dir", d, "--sip-domain", "example.test,example.org", "--fqdn", "UC01.corp.test", "--key", "ec-p256")
    return d


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=30)


def verify(d, name, ca=None):
    return openssl("verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name, "-CAfile", ca or d / "ca.pem", "-untrusted", assigned_file(d), assigned_file(d))


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# ---- init ----

def test_init_makes_what_the_server_needs(made):
    assert (made / "topology.yaml").read_text() == (
        "organization: example.test\nsip-domains: [example.test, example.org]\ninternal-domain: corp.test\ncertificates: {key: ec-p256}\n"
        "sites:\n  - name: Main\n    pools:\n      - pool: uc01.corp.test\n        role: standard-edition\n        ports: {web: 0, http: 0, https: 0, external-http: 0, external-https: 0}\n")
    for name in ("uc01.corp.test", "sip.example.test", "sip.example.org"):
        assert verify(made, name).returncode == 0
    assert verify(made, "sip.example.net").returncode != 0
    assert sorted(p.name for p in made.iterdir()) == ["ca", "ca.pem", "certs", "keys", "run", "store", "topology.yaml"]
    assert not pathlib.Path(f"{made}.new").exists()


def test_secrets_are_closed_to_others(made):
    keys = list((made / "keys").iterdir())
    assert len(keys) == 2 and {mode(key) for key in keys} == {0o400} and mode(made / "ca/root.key") == mode(made / "ca/root.passphrase") == 0o400
    assert [mode(made / p) for p in ("ca", "keys", "store")] == [0o700] * 3
    assert [mode(made / p) for p in (".", "certs", "run")] == [0o755] * 3
    assert [mode(made / p) for p in ("topology.yaml", "ca.pem", "certs/issuing.pem", "certs/witan.crl", "certs/root.crl", "certs/assigned")] == [0o644] * 6
    if os.geteuid() == 0:
        assert {key.owner() for key in keys} == {(made / "keys").owner()} == {"witan-keeper"}
        assert (made / "store").owner() == (made / "certs").owner() == (made / "certs/issued").owner() == "witan-vault"
        assert (made / "ca").owner() == (made / "ca/root.key").owner() == "root"
    else:
        assert {p.stat().st_uid for p in made.rglob("*")} == {os.geteuid()}


def test_modes_do_not_depend_on_umask(d):
    result = subprocess.run(["sh", "-c", f"umask 0; exec {WITAN} init --dir {d} --sip-domain a.test"], capture_output=True, timeout=60)
    assert result.returncode == 0
    assert mode(d / "ca/root.key") == 0o400 and mode(d / "keys") == 0o700 and mode(d) == 0o755


def test_revocation_list_is_signed_by_the_ca(made):
    for crl, ca in (("certs/witan.crl", "certs/issuing.pem"), ("certs/root.crl", "ca.pem")):
        answer = openssl("crl", "-in", made / crl, "-inform", "DER", "-CAfile", made / ca, "-noout", "-verify")
        assert "verify OK" in answer.stdout + answer.stderr


def test_the_root_is_locked_and_the_issuing_authority_bound(made, tmp_path):
    secret = (made / "ca/root.passphrase").read_text().strip()
    assert "ENCRYPTED PRIVATE KEY" in (made / "ca/root.key").read_text() and len(secret) >= 32
    assert openssl("pkey", "-in", made / "ca/root.key", "-passin", f"pass:{secret}", "-noout").returncode == 0
    assert openssl("pkey", "-in", made / "ca/root.key", "-passin", "pass:wrong", "-noout").returncode != 0
    text = openssl("x509", "-in", made / "certs/issuing.pem", "-noout", "-text").stdout
    assert "CA:TRUE, pathlen:0" in text and "DNS:corp.test" in text and "DNS:example.test" in text and "Name Constraints:" in text
    given = tmp_path / "passphrase"
    given.write_text("a passphrase of ours\n")
    d = tmp_path / "own"
    done("init", "--dir", d, "--sip-domain", "a.test", "--root-passphrase-file", given, "--key", "ec-p256")
    assert not (d / "ca/root.passphrase").exists()
    assert openssl("pkey", "-in", d / "ca/root.key", "-passin", "pass:a passphrase of ours", "-noout").returncode == 0
    given.write_text("short")
    refused(2, "init", "--dir", tmp_path / "other", "--sip-domain", "a.test", "--root-passphrase-file", given, says=["passphrase"])
    assert not (tmp_path / "other").exists()


def test_init_takes_a_topology_as_it_is(d):
    topology = ROOT / "test/topology/four-lines.yaml"
    done("init", "--dir", d, "--topology", topology)
    assert (d / "topology.yaml").read_text() == topology.read_text()
    assert verify(d, "uc01.corp.example").returncode == 0


def test_options_go_into_the_topology(d):
    done("init", "--dir", d, "--topology", ROOT / "test/topology/four-lines.yaml", "--port-sip-tls", 15061, "--port-sip-tcp", 15060,
         "--front-processes", 4, "--organization", 'A "quoted" one: #1')
    text = (d / "topology.yaml").read_text()
    assert "ports: {sip-tls: 15061, sip-tcp: 15060}" in text and "front-processes: 4" in text
    assert 'organization: "A \\"quoted\\" one: #1"' in text


def test_international_domain_is_stored_as_a_label(d):
    done("init", "--dir", d, "--sip-domain", "bücher.example")
    assert "sip-domains: [xn--bcher-kva.example]" in (d / "topology.yaml").read_text()


def test_second_init_changes_nothing(made):
    before = {p: p.read_bytes() for p in made.rglob("*") if p.is_file()}
    refused(1, "init", "--dir", made, "--sip-domain", "other.test", says=["there is a deployment already", "remedy: "])
    assert before == {p: p.read_bytes() for p in made.rglob("*") if p.is_file()}


def test_init_leaves_foreign_files_alone(d):
    d.mkdir()
    (d / "letter").write_text("dear")
    refused(1, "init", "--dir", d, "--sip-domain", "a.test", says=["not an empty directory"])
    assert [p.name for p in d.iterdir()] == ["letter"]


def test_interrupted_init_can_be_run_again(d):
    half = pathlib.Path(f"{d}.new")
    (half / "keys").mkdir(parents=True)
    (half / "keys/default-0000000000000000.key").write_text("half a key")
    done("init", "--dir", d, "--sip-domain", "a.test")
    assert len(list((d / "keys").iterdir())) == 2 and not half.exists()


def test_two_inits_at_once_do_not_mix(d):
    half = pathlib.Path(f"{d}.new")
    half.mkdir()
    fd = os.open(half, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    refused(1, "init", "--dir", d, "--sip-domain", "a.test", says=["another `witan init`"])
    os.close(fd)
    assert half.exists() and not d.exists()


@pytest.mark.parametrize("words, says", [
    (["--sip-domain", "a b"], ["--sip-domain: ", "remedy: "]),
    (["--sip-domain", "*.a.test"], ["a wildcard is not allowed"]),
    (["--sip-domain", "a.test", "--fqdn", "-x.test"], ["--fqdn: "]),
    (["--topology", str(ROOT / "test/topology/four-lines.yaml"), "--port-sip-tls", "443"], ["sip-tls and https are both 443", "choose another port"]),
    (["--topology", str(ROOT / "test/topology/four-lines.yaml"), "--port-http", "8080"], ["http and external-http are both 8080"]),
    (["--sip-domain", "a.test", "--port-http", "5061"], ["sip-tls and http are both 5061"]),
    (["--sip-domain", "a.test", "--port-sip-tcp", "5061"], ["both 5061"]),
    (["--topology", "/nowhere.yaml"], ["/nowhere.yaml"]),
])
def test_init_refuses_and_leaves_nothing(d, words, says):
    refused(1, "init", "--dir", d, *words, says=says)
    assert not d.exists() and not pathlib.Path(f"{d}.new").exists()


@pytest.mark.parametrize("words, says", [
    ([], ["either --sip-domain or --topology"]),
    (["--sip-domain", "a.test", "--topology", "t.yaml"], ["either --sip-domain or --topology"]),
    (["--sip-domian", "a.test"], ["did you mean --sip-domain?"]),
    (["--sip-domain", "a.test", "--port-sip-tls", "70000"], ["--port-sip-tls cannot be"]),
    (["--sip-domain", "a.test", "--key", "rsa-1024"], ["ec-p256"]),
    (["--sip-domain"], ["needs DOMAIN"]),
    (["somewhere"], ["not an option"]),
])
def test_wrong_command_lines_end_with_2(d, words, says):
    refused(2, "init", "--dir", d, *words, says=says)
    assert not d.exists()


def test_mistake_in_a_topology_is_shown_with_its_place(d, tmp_path):
    topology = tmp_path / "t.yaml"
    topology.write_text("organization: E\nsip-domain: [e.test]\n")
    refused(1, "init", "--dir", d, "--topology", topology, says=["t.yaml:2:1", 'did you mean "sip-domains"?'])


# ---- the frame ----

def test_help_version_and_near_names():
    assert "init" in done("--help") and "init" in done("help")
    assert done("--version").startswith("witan ")
    assert "--sip-domain" in done("help", "init") and "--sip-domain" in done("init", "--help")
    refused(2, says=["a command is missing"])
    refused(2, "inti", says=['did you mean "init"?'])
    refused(2, "--verbose", says=["--verbose"])
    refused(2, "--dir", says=["--dir needs"])


def listed():
    """The commands that `witan help` lists."""
    return re.findall(r"^  ([A-Za-z][A-Za-z-]+)  ", done("help"), re.M)


def test_man_page_names_every_command_and_option():
    page = (ROOT / "man/witan.1").read_text().replace("\\", "")
    assert len(listed()) > 10
    for name in listed():
        assert name in page, name
    for option in re.findall(r"^  (--[a-z-]+)", done("init", "--help"), re.M):
        assert option in page, option


def complete(*words):
    """What bash offers for the last word."""
    script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _witan; printf "%s\\n" "${COMPREPLY[@]}"'
    answer = subprocess.run(["bash", "-c", script, "bash", str(ROOT / "completion/witan.bash"), WITAN, *words], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 0 and answer.stderr == ""
    return answer.stdout.split()


def test_bash_completes_commands_and_options():
    assert set(listed()) <= set(complete(""))
    assert complete("--dir", "/nowhere", "init", "--port-sip-t") == ["--port-sip-tcp", "--port-sip-tls"]
    assert "Request-CsCertificate" in complete("request")
    assert complete("Get-CsCertificate", "-a") == ["-All", "-As"]
    assert complete("Get-CsCertificate", "-As", "") == ["table", "list", "json", "csv"]
    assert set(complete("trace", "--")) >= {"--user", "--address", "--json"}
    assert "-DisplayName" in complete("New-CsUser", "-")


def test_deployment_is_found_by_environment_and_place(made):
    assert "uc01.corp.test" in done("Get-CsCertificate", env={"WITAN_DIR": str(made)})
    made.rename(made.parent / "var")
    assert "uc01.corp.test" in done("Get-CsCertificate", cwd=made.parent, env={"WITAN_DIR": ""})
    refused(1, "--dir", made, "Get-CsCertificate", says=[str(made), "witan init"])


# ---- certificates ----

def test_plan_says_why_each_name_is_there(made):
    plan, = json.loads(done("--dir", made, "plan", "certificates", "--format", "json"))
    assert plan["cn"] == "uc01.corp.test" and plan["eku"] == ["serverAuth"] and plan["key"] == "ec-p256"
    assert plan["why"] == [{"name": "uc01.corp.test", "rule": "G05"}, {"name": "sip.example.test", "rule": "G20"},
                           {"name": "sip.example.org", "rule": "G20"}]
    assert not plan["exportable"] and plan["listeners"] == ["5061/tcp"]
    assert "sip.example.org" in done("--dir", made, "plan", "certificates")
    shown, = json.loads(done("--dir", made, "Get-CsCertificate", "-As", "json"))
    assert shown["AlternativeNames"] == plan["san"]


def test_certificate_is_shown_as_openssl_sees_it(made):
    shown, = json.loads(done("--dir", made, "get-cscertificate", "-as", "json"))
    print_out = openssl("x509", "-in", assigned_file(made), "-noout", "-fingerprint", "-sha1", "-serial", "-nameopt", "RFC2253", "-subject").stdout
    assert shown["Thumbprint"] in print_out.replace(":", "")
    assert int(shown["SerialNumber"], 16) == int(print_out.split("serial=")[1].split()[0], 16)
    assert shown["Subject"] == "CN=uc01.corp.test,O=example.test" and shown["Use"] == "Default"
    for form in ("list", "table"):
        assert shown["Thumbprint"] in done("--dir", made, "Get-CsCertificate", "-Type", "default", "-As", form)
    refused(2, "--dir", made, "Get-CsCertificate", "-As", "xml", says=["-As"])
    refused(2, "--dir", made, "Get-CsCertificate", "-Type", "Internal", says=["Default"])


def thumbprint(d):
    return json.loads(done("--dir", d, "Get-CsCertificate", "-As", "json"))[0]["Thumbprint"]


def test_request_keeps_the_key_before_and_drops_older_ones(server_factory):
    server = server_factory(users=())
    keys = lambda: {p.name for p in (server.dir / "keys").iterdir()}
    first, old = keys(), thumbprint(server.dir)
    done("--dir", server.dir, "Request-CsCertificate", "-New", "-Type", "Default")
    second = keys() - first
    assert len(second) == 1 and first < keys() and thumbprint(server.dir) != old
    done("--dir", server.dir, "Request-CsCertificate", "-New")
    wait_for(lambda: len(keys()) == 3 and second < keys() and len(first & keys()) == 1, message="the oldest key is still there")
    assert {mode(p) for p in (server.dir / "keys").iterdir()} == {0o400}
    assert verify(server.dir, "sip.example.test").returncode == 0


def test_request_needs_its_words_and_the_ca(server_factory):
    server = server_factory(users=(), start=False)
    authority_files(server.dir)[1].unlink()
    server.start()
    refused(2, "--dir", server.dir, "Request-CsCertificate", says=["-New is missing"])
    before = thumbprint(server.dir)
    refused(1, "--dir", server.dir, "Request-CsCertificate", "-New", says=["the key of the built-in authority is not on this machine"])
    assert thumbprint(server.dir) == before


def presented(port, ca):
    context = ssl.create_default_context(cafile=str(ca))
    with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain, server_hostname="sip.example.test") as tls:
        return tls.getpeercert(binary_form=True)


def test_running_server_presents_the_new_certificate(server_factory):
    server = server_factory(users=())
    ca = server.dir / "ca.pem"
    old = presented(server.port_tls, ca)
    told = run("--dir", server.dir, "Request-CsCertificate", "-New")
    assert told.returncode == 0 and "Thumbprint" in told.stdout
    wait_for(lambda: presented(server.port_tls, ca) != old, 10, message="the old certificate is still presented")
    assert ssl.DER_cert_to_PEM_cert(presented(server.port_tls, ca)).strip() in assigned_file(server.dir).read_text()


def test_no_handshake_fails_while_certificates_are_replaced(server_factory):
    server = server_factory(users=(), fronts=2, key="ec-p256")
    ca, seen, wrong, stop = server.dir / "ca.pem", set(), [], threading.Event()

    def shake():
        while not stop.is_set():
            try:
                seen.add(presented(server.port_tls, ca))
            except OSError as why:
                wrong.append(why)

    threads = [threading.Thread(target=shake) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: seen, 10, message="no handshake succeeds")
    for _ in range(4):
        have = len(seen)
        done("--dir", server.dir, "Request-CsCertificate", "-New")
        wait_for(lambda: len(seen) > have, 10, message="the new certificate is not presented")
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not wrong
    assert len(seen) >= 5


# ---- the root's key comes back for a moment ----

def test_the_issuing_authority_and_the_roots_list_are_made_anew(server, tmp_path):
    """The key of the issuing authority stays: what it has issued goes on to hold, and a domain more may stand in what it issues next."""
    issuing, crl, ca = server.dir / "certs/issuing.pem", server.dir / "certs/root.crl", server.dir / "ca.pem"
    before = [p.read_bytes() for p in (issuing, crl)]
    old_leaf = assigned_file(server.dir)
    away = tmp_path / "root.key"
    (server.dir / "ca/root.key").rename(away)
    with pytest.raises(Refused) as no:
        server.cli("renew-authority")
    assert "--root-key" in no.value.stderr and [p.read_bytes() for p in (issuing, crl)] == before
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase\n")
    with pytest.raises(Refused) as no:
        server.cli("renew-authority", "--root-key", away, "--root-passphrase-file", wrong)
    assert "passphrase" in no.value.stderr and [p.read_bytes() for p in (issuing, crl)] == before
    topology = (server.dir / "topology.yaml").read_text()
    (server.dir / "topology.yaml").write_text(topology.replace("sip-domains: [example.test]", "sip-domains: [example.test, second.example]"))
    assert "second.example" in (server.dir / "topology.yaml").read_text()
    out = server.cli("renew-authority", "--root-key", away)
    assert "told the server" in out and issuing.read_bytes() != before[0] and crl.read_bytes() != before[1]
    assert "DNS:second.example" in openssl("x509", "-in", issuing, "-noout", "-text").stdout
    for leaf in (old_leaf, assigned_file(server.dir)):
        assert openssl("verify", "-purpose", "sslserver", "-CAfile", ca, "-untrusted", issuing, leaf).returncode == 0
    assert "verify OK" in (lambda a: a.stdout + a.stderr)(openssl("crl", "-in", crl, "-inform", "DER", "-CAfile", ca, "-noout", "-verify"))
    server.cli("status")
    foreign = tmp_path / "foreign"
    done("init", "--dir", foreign, "--sip-domain", "a.test", "--key", "ec-p256")
    with pytest.raises(Refused) as no:
        server.cli("renew-authority", "--root-key", foreign / "ca/root.key", "--root-passphrase-file", foreign / "ca/root.passphrase")
    assert "another authority" in no.value.stderr
