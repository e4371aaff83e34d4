# SPDX-License-Identifier: Apache-2.0
"""Administrators' scripts in the way of messages: declared by cmdlets, obeyed by a real front. M1 to M16 are the behaviours of the field."""
import pathlib
import subprocess
import time

import pytest

from deployment import BUILD, Refused
from sip_client import Client
from test_edge import client as client_outside, outside, site  # noqa: F401 (fixtures)

NAMESPACE = "http://schemas.microsoft.com/lcs/2006/05"
SHIPPED = pathlib.Path(__file__).parents[2] / "scripts" / "mspl"
POOL = "Registrar:uc.example.test"


def manifest(folder, script, name="app", head="", files="", proxy="true", methods="ALL", responses="NONE", more=""):
    """Writes a manifest; returns its path."""
    path = pathlib.Path(folder) / f"{name}.am"
    path.write_text(f"""<?xml version="1.0"?>
<lc:applicationManifest xmlns:lc="{NAMESPACE}" lc:appUri="http://example.test/{name}">
{head}<lc:requestFilter methodNames="{methods}" strictRoute="true" {more}/>
<lc:responseFilter reasonCodes="{responses}"/><lc:proxyByDefault action="{proxy}"/><lc:scriptOnly/>{files}
<lc:splScript><![CDATA[
{script}
]]></lc:splScript></lc:applicationManifest>
""")
    return path


def declare(server, path, name="app", uri=None, critical="$false", pool=POOL, **more):
    """New-CsServerApplication, and until a front has it."""
    since = len(server.events)
    words = ["New-CsServerApplication", "-Identity", f"{pool}/{name}", "-Uri", uri or f"http://example.test/{name}", "-ScriptName", str(path),
             "-Enabled", "$true", "-Critical", critical]
    for key, value in more.items():
        words += [f"-{key}", str(value)]
    server.cli(*words)
    server.wait_event("script.loaded", since=since, wanted=lambda e: e["application"].endswith(f"/{name}"))


@pytest.fixture
def pair(server, client):
    return server, client(server, "ann").sign_in(), client(server, "bob").sign_in()


def passes(ann, bob, text="hello", **more):
    request = ann.begin(ann.build("MESSAGE", bob.aor, headers=[("Content-Type", "text/plain")], body=text, **more))
    came = bob.expect("MESSAGE")
    bob.reply(came, 200, "OK")
    assert ann.response(request).status == 200
    return came


FILTER = """
from = GetUserAtHost(sipRequest.From);
policy = lines[from].Policy;
if (policy == "filter") {
    if (ContainsString(sipMessage.Content, lines[from].Value, true)) { Respond(403, "Forbidden (Message filtered)"); return; }
}
if (policy == "drop") { return; }
ProxyRequest("");
"""
LINES = ('<lc:file name="lines" path="policy.txt" keyColumnName="URI" ignoreCase="true"><lc:column name="URI"/><lc:column name="Policy"/>'
         '<lc:column name="Value"/></lc:file>')


def test_m1_to_m3_the_filtering_application(pair, tmp_path):
    server, ann, bob = pair
    (tmp_path / "policy.txt").write_text("ann@example.test,filter,secret\n")
    path = manifest(tmp_path, FILTER, files=LINES, proxy="false", methods="MESSAGE")
    declare(server, path)
    answer = ann.message(bob.aor, "a Secret thing")
    assert answer.status == 403 and answer.start.endswith("Forbidden (Message filtered)")
    bob.nothing(0.3)
    passes(ann, bob, "good morning")
    passes(bob, ann, "a secret of somebody who is not listed")
    # another file: Set- reads it again, and the front has it without a restart
    (tmp_path / "policy.txt").write_text("ann@example.test,drop,\n")
    since = len(server.events)
    server.cli("Set-CsServerApplication", "-Identity", f"{POOL}/app", "-ScriptName", str(path))
    server.wait_event("script.loaded", since=since)
    ann.send(ann.build("MESSAGE", bob.aor, headers=[("Content-Type", "text/plain")], body="x"))
    bob.nothing(1.0)
    server.wait_event("script.dropped", since=since)


def test_m8_answers_with_fields_of_their_own(pair, tmp_path):
    server, ann, bob = pair
    declare(server, manifest(tmp_path, 'Respond(302, "Moved", "Contact: <sip:elsewhere@example.test>", "X-Why: a script");', methods="INVITE"))
    answer = ann.response(ann.invite(bob.aor))
    assert answer.status == 302 and answer.get("contact") == "<sip:elsewhere@example.test>" and answer.get("x-why") == "a script"
    passes(ann, bob)  # M15: another method


def test_m9_a_fork_rings_at_both(server_factory, client, tmp_path):
    server = server_factory(users=("ann", "bob", "carl"), fronts=2)
    declare(server, manifest(tmp_path, 'BeginFork(false, 0); Fork("sip:bob@example.test"); Fork("sip:carl@example.test"); EndFork();', methods="INVITE"))
    ann, bob, carl = (client(server, n).sign_in() for n in ("ann", "bob", "carl"))
    time.sleep(0.3)
    request = ann.invite(bob.aor)
    at_bob, at_carl = bob.expect("INVITE"), carl.expect("INVITE")
    bob.reply(at_bob, 180, "Ringing", [("Contact", f"<{bob.contact}>")])
    carl.accept(at_carl)
    ours = ann.established(request)
    carl.expect("ACK")
    bob.expect("CANCEL")
    assert at_bob.call_id == at_carl.call_id
    request = ours.send("BYE")
    carl.reply(carl.expect("BYE"), 200, "OK")
    assert ann.response(request).status == 200


def test_a_new_target_wherever_it_is_at_home(server_factory, client, tmp_path):
    users = ["ann", "bob"] + [f"u{i}" for i in range(4)]
    server = server_factory(users=users, fronts=2)
    ann = client(server, "ann").sign_in()
    for i in range(4):
        name = f"app{i}"
        declare(server, manifest(tmp_path, f'if (GetUserName(sipRequest.RequestURI) == "to{i}" || ContainsString(sipMessage.Content, "for {i}", false)) '
                                 f'{{ RetargetRequest("sip:u{i}@example.test"); ProxyRequest(""); }}', name=name, methods="MESSAGE"), name=name)
    for i in range(4):
        other = client(server, f"u{i}").sign_in()
        assert passes_to(ann, "sip:bob@example.test", other, f"for {i}")


def passes_to(ann, uri, other, text):
    request = ann.begin(ann.build("MESSAGE", uri, headers=[("Content-Type", "text/plain")], body=text))
    came = other.expect("MESSAGE")
    other.reply(came, 200, "OK")
    return ann.response(request).status == 200 and came.text == text


def test_fields_and_content_are_changed_on_what_is_sent_on(pair, tmp_path):
    server, ann, bob = pair
    declare(server, manifest(tmp_path, 'AddHeader("X-Seen", "by a script"); RemoveHeaders("X-Private"); SetParameterValue("To", "epid", "0011aabb");\n'
                             'sipMessage.Content = Concatenate(sipMessage.Content, " (checked)"); ProxyRequest("");', methods="MESSAGE"))
    request = ann.begin(ann.build("MESSAGE", bob.aor, headers=[("Content-Type", "text/plain"), ("X-Private", "1")], body="hello"))
    came = bob.expect("MESSAGE")
    bob.reply(came, 200, "OK")
    assert ann.response(request).status == 200
    assert came.get("x-seen") == "by a script" and not came.all("x-private") and came.text == "hello (checked)" and "epid=0011aabb" in came.get("to")


def test_responses_are_changed_and_kept_back(pair, tmp_path):
    server, ann, bob = pair
    declare(server, manifest(tmp_path, 'if (sipResponse.StatusCode == 200) { AddHeader("X-Back", sipResponse.ReasonPhrase); ProxyResponse(); }', methods="NONE", responses="2XX"))
    request = ann.begin(ann.build("MESSAGE", bob.aor, headers=[("Content-Type", "text/plain")], body="x"))
    bob.reply(bob.expect("MESSAGE"), 200, "Fine")
    answer = ann.response(request)
    assert answer.status == 200 and answer.get("x-back") == "Fine"


def test_a_final_answer_is_kept_back_and_nothing_stays_of_it(pair, tmp_path):
    server, ann, bob = pair
    before = server.counters()["transactions.open"]
    declare(server, manifest(tmp_path, "x = 1;", methods="NONE", responses="4XX", proxy="false"))
    for method in ("MESSAGE", "INFO"):
        request = ann.begin(ann.build(method, bob.aor, headers=[("Content-Type", "text/plain")], body="x"))
        bob.reply(bob.expect(method), 486, "Busy")
        ann.nothing(0.5, wanted=lambda m: not m.is_request and m.call_id == request.call_id)
    passes(ann, bob)
    deadline = time.time() + 40
    while server.counters()["transactions.open"] > before and time.time() < deadline:
        time.sleep(1)
    assert server.counters()["transactions.open"] <= before


def test_m11_and_m12_ten_failures_and_it_is_off(pair, tmp_path):
    server, ann, bob = pair
    declare(server, manifest(tmp_path, "x = sipResponse.StatusCode;", methods="MESSAGE"))
    for _ in range(11):
        passes(ann, bob)
    event = server.wait_event("script.disabled")
    assert event["failures"] == 10
    assert len([e for e in server.events if e.get("event") == "script.failed"]) == 10
    assert server.counters()["scripts.failed"] == 10


def test_a_critical_one_that_fails_lets_nothing_pass(pair, tmp_path):
    server, ann, bob = pair
    declare(server, manifest(tmp_path, 'if (ContainsString(sipMessage.Content, "bad", true)) { x = GetUserName(null); }', methods="MESSAGE"), critical="$true")
    assert ann.message(bob.aor, "bad").status == 503
    passes(ann, bob, "fine")


def test_m13_a_loop_ends(pair, tmp_path):
    server, ann, bob = pair
    declare(server, manifest(tmp_path, "while (true) { }", methods="MESSAGE"))
    passes(ann, bob)
    assert "500 turns" in server.wait_event("script.failed")["why"]


def refused(server, *words):
    with pytest.raises(Refused) as why:
        server.cli("New-CsServerApplication", *words, "-Enabled", "$true")
    return str(why.value)


def test_m14_and_other_mistakes_are_refused_with_the_place(server, tmp_path):
    here = ("-Identity", f"{POOL}/app", "-Uri", "http://example.test/app")
    for script, words, column in (("function f() { f(); }", "calls itself", 10), ('Respnd(403, "x");', "did you mean Respond?", 1), ('Dispatch("OnRequest");', "scriptOnly", 1)):
        path = manifest(tmp_path, script)
        said = refused(server, *here, "-ScriptName", path)
        assert words in said and f"{path}:6:{column}:" in said and f"\n{script}\n{' ' * (column - 1)}^\n" in said, said
    path = manifest(tmp_path, 'ProxyRequest("");')
    assert "appUri" in refused(server, "-Identity", f"{POOL}/app", "-Uri", "http://example.test/other", "-ScriptName", path)
    assert "did you mean EdgeServer:?" in refused(server, "-Identity", "EdgeServe:uc.example.test/Simple", "-Uri", "http://example.test/app", "-ScriptName", path)
    assert "no service EdgeServer:uc.example.test" in refused(server, "-Identity", "EdgeServer:uc.example.test/Simple", "-Uri", "http://example.test/app", "-ScriptName", path)
    manifest(tmp_path, 'x = nix["a"].b;', files='<lc:file name="nix" path="nowhere.txt"><lc:column name="b"/></lc:file>')
    assert "nowhere.txt" in refused(server, *here, "-ScriptName", path)
    assert f"{POOL}/app" not in server.cli("Get-CsServerApplication")


def test_m16_foreign_targets_and_the_order(pair, tmp_path):
    server, ann, bob = pair
    declare(server, manifest(tmp_path, 'Log("Event", 1, "first"); AddHeader("X-Order", "1");', name="first", methods="MESSAGE", more='domainSupported="true"'), name="first")
    declare(server, manifest(tmp_path, 'foreach (v in GetHeaderValues("X-Order")) { AddHeader("X-Order", "2"); }', name="second", methods="MESSAGE"), name="second")
    came = passes(ann, bob)
    assert came.all("x-order") == ["1", "2"]
    since = len(server.events)
    assert ann.message("sip:eve@elsewhere.test").status == 403
    assert not [e for e in server.events[since:] if e.get("event") == "script.says"]
    server.cli("Set-CsServerApplication", "-Identity", f"{POOL}/first", "-Priority", "9")
    time.sleep(0.5)
    assert passes(ann, bob).all("x-order") == ["1"]
    server.cli("Remove-CsServerApplication", "-Identity", f"{POOL}/first")
    time.sleep(0.5)
    assert not passes(ann, bob).all("x-order")


def test_a_large_file_is_kept_and_pushed(pair, tmp_path):
    server, ann, bob = pair
    lines = "".join(f"user{i}@example.test,block\n" for i in range(9000))
    (tmp_path / "list.txt").write_text(lines + "ann@example.test,block\n")
    path = manifest(tmp_path, 'if (list[GetUserAtHost(sipRequest.From)].Action == "block") Respond(403, "On the list");', methods="MESSAGE",
                    files='<lc:file name="list" path="list.txt" keyColumnName="User" ignoreCase="true"><lc:column name="User"/><lc:column name="Action"/></lc:file>')
    declare(server, path)
    assert ann.message(bob.aor).status == 403
    passes(bob, ann)
    since = len(server.events)
    (tmp_path / "list.txt").write_text(lines)
    server.cli("Set-CsServerApplication", "-Identity", f"{POOL}/app", "-ScriptName", str(path))
    server.wait_event("script.loaded", since=since)
    passes(ann, bob)
    (tmp_path / "list.txt").write_text(lines + lines.replace("user", "other"))
    with pytest.raises(Refused, match="262144 bytes"):
        server.cli("Set-CsServerApplication", "-Identity", f"{POOL}/app", "-ScriptName", str(path))


def test_what_there_is_is_listed_with_what_the_server_runs_itself(server, tmp_path):
    declare(server, manifest(tmp_path, 'ProxyRequest("");'))
    listed = server.cli("Get-CsServerApplication")
    assert "UserServices" in listed and "DefaultRouting" in listed and f"{POOL}/app" in listed
    path = manifest(tmp_path, "x = 1;")
    assert "built into the server" in refused(server, "-Identity", f"{POOL}/DefaultRouting", "-Uri", "http://example.test/app", "-ScriptName", path)
    since = len(server.events)
    server.restart()
    server.wait_event("script.loaded", since=since)


def test_m6_the_client_version_script(server, client, tmp_path):
    for name in ("client-version.am", "client-version.txt"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    declare(server, tmp_path / "client-version.am", uri="http://witan.example/scripts/client-version")
    client(server, "bob").sign_in()
    old = client(server, "ann")
    answer = old.register(headers=[("User-Agent", "UCCAPI/3.5.6907.0 OC/3.5.6907.0")])
    assert answer.status == 403 and "too old" in answer.start


def test_m10_m4_m5_shipped_scripts_on_paper(tmp_path):
    """What they do on an Edge, by `witan script trace`."""
    def message(method, event="", sender="eve@example.com", extra=""):
        path = tmp_path / "message"
        path.write_bytes((f"{method} sip:ann@example.test SIP/2.0\r\nVia: SIP/2.0/TLS a.example.com;branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: <sip:{sender}>;tag=1\r\n"
                          f"To: <sip:ann@example.test>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{event}{extra}Content-Length: 0\r\n\r\n").encode())
        return str(path)

    def trace(script, path, source="federation"):
        done = subprocess.run([str(BUILD / "witan"), "script", "trace", "--source", source, "--domain", "example.test", str(SHIPPED / script), path], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for name in SHIPPED.glob("*.am"):
        done = subprocess.run([str(BUILD / "witan"), "script", "check", str(name)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    subscribe = message("SUBSCRIBE", "Event: presence\r\nExpires: 60\r\n")
    assert "SIP/2.0 403 Presence not shared" in trace("hide-presence.am", subscribe)
    assert "goes on:" in trace("hide-presence.am", subscribe, source="internal")
    assert "goes on:" in trace("hide-presence.am", message("SUBSCRIBE", "Event: dialog\r\n"))
    assert "goes on:" in trace("hide-presence.am", message("MESSAGE"))
    assert "goes on:" in trace("allow-list.am", message("INVITE"))
    assert "403 Domain blocked" in trace("allow-list.am", message("INVITE", sender="a@EXAMPLE.net"))
    assert "403 Domain not on the list" in trace("allow-list.am", message("INVITE", sender="a@other.test"))
    assert "goes on:" in trace("allow-list.am", message("INVITE", sender="a@example.org"))
    assert "403 Sign-in from outside" in trace("brute-force.am", message("REGISTER", sender="bob@example.test"), source="internet")
    assert "403 Sign in with a certificate" in trace("brute-force.am", message("REGISTER", sender="ann@example.com", extra='Authorization: NTLM qop="auth"\r\n'), source="internet")
    assert "goes on:" in trace("brute-force.am", message("REGISTER", sender="ann@example.com"), source="internet")


@pytest.mark.root
def test_who_is_outside_is_known(outside, tmp_path):  # noqa: F811
    server = outside.site.central
    pool = next(line.split()[-1] for line in server.cli("Get-CsService", "-Registrar").splitlines() if line.startswith("Identity"))
    declare(server, manifest(tmp_path, 'if (sipMessage.ExternalSourceType == ExternalSourceType.InternetUser && sipMessage.Origin == MessageOrigin.NetworkExternal) '
                             '{ AddHeader("X-From", "outside"); }', methods="MESSAGE"), pool=pool)
    with client_outside(outside, "ann") as ann, Client(server, "bob") as bob:
        ann.sign_in()
        bob.sign_in()
        assert passes(ann, bob).get("x-from") == "outside"
        assert passes(bob, ann).get("x-from") is None
