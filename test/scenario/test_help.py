# SPDX-License-Identifier: Apache-2.0
"""Every cmdlet is explained, and its example runs."""
import re
import subprocess

from deployment import BUILD, ROOT
from schema_rows import CMDS, ROLES
from test_rights import lists
from whole_site import WHOLE

ORDER = ("New", "Enable", "Copy", "Request", "Set", "Grant", "Get", "Test", "Lock", "Unlock", "Move", "Invoke", "Update", "Export", "Backup", "Restore", "Start", "Disable", "Remove")


def explained():
    """{name: {heading: text}} of all cmdlets, by one process that needs no server."""
    text = subprocess.run([BUILD / "witan", "-c", "\n".join(f"Get-Help {name}" for name in sorted(CMDS))], capture_output=True, text=True, timeout=60, check=True).stdout
    found = {}
    for part in re.split(r"^NAME\n", text, flags=re.M)[1:]:
        name, _, rest = part.partition("\n")
        sections = re.split(r"^([A-Z]+)\n", rest, flags=re.M)
        found[name.strip()] = {heading: re.sub(r"\s+", " ", body).strip() for heading, body in zip(sections[1::2], sections[2::2])}
    return found


HELP = {}


def help_of(name):
    if not HELP:
        HELP.update(explained())
    return HELP[name]


def test_every_cmdlet_is_explained():
    help_of("Get-CsUser")
    assert set(HELP) == set(CMDS)
    bad = []
    for name, cmd in CMDS.items():
        text = help_of(name)
        if len(text.get("SYNOPSIS", "")) < 15 or name not in text.get("SYNTAX", ""):
            bad.append((name, text))
        if name not in text.get("EXAMPLE", "") or text["EXAMPLE"].endswith("...") != (cmd.example == ""):
            bad.append((name, "example", text.get("EXAMPLE")))
        may = {role for role, letter in ROLES.items() if lists(letter, cmd)}
        if set(re.findall(r"Cs\w+", text.get("ROLES", ""))) != may and not (len(may) == len(ROLES) and "every" in text.get("ROLES", "").lower()):
            bad.append((name, "roles", text.get("ROLES"), sorted(may)))
        for param, _type, _check, letters in cmd.params:
            if f"-{param}" not in text["SYNTAX"]:
                bad.append((name, "parameter", param))
        if cmd.kind is not None and cmd.verb in ("New", "Set"):
            bad += [(name, "parameter", p.name) for p in cmd.kind.settable(cmd.verb == "New") if f"-{p.name}" not in text["SYNTAX"]]
    assert not bad, f"{len(bad)} of them:\n" + "\n".join(map(str, bad[:20]))


def test_texts_name_only_cmdlets_that_exist():
    """A help or a remedy that sends a person to a cmdlet sends him to one that is there."""
    programs = re.findall(r"[A-Z][a-z]+-Cs\w+", (ROOT / "src/prog/witan/command.def").read_text())
    known = {name.lower() for name in (*CMDS, *programs)}
    bad = {(path.name, word) for path in (*(ROOT / "src/model").rglob("*.def"), *(ROOT / "src" / "role").rglob("*.c"), *(ROOT / "docs" / "ref").rglob("*.md"))
           if not path.name.endswith("_test.c") for word in re.findall(r"\b[A-Z][a-z]+-Cs[A-Z]\w+", path.read_text()) if word.lower() not in known}
    assert not bad


def test_every_example_runs(server_factory):
    """New first, as often as something that it needs comes later; then the others; what needs nothing is removed last."""
    server = server_factory(**WHOLE)
    lines = [(name, help_of(name)["EXAMPLE"]) for name in CMDS if not help_of(name)["EXAMPLE"].endswith("...")]
    assert len(lines) > 450
    left = {verb: [one for one in lines if one[0].split("-")[0] == verb] for verb in ORDER}
    assert sum(map(len, left.values())) == len(lines), {n.split("-")[0] for n, _ in lines} - set(ORDER)
    bad = []
    for verb in ORDER:
        todo, n = left[verb], None
        while todo and n != len(todo):
            n = len(todo)
            todo = [(name, line, why) for name, line, *_ in todo if (why := run(server, line))]
            if verb not in ("New", "Remove"):
                break
        bad += todo
    assert not bad, f"{len(bad)} of them:\n" + "\n".join(map(str, bad))


def run(server, line):
    """What is wrong with it."""
    done = subprocess.run([server.build / "witan", "--dir", server.dir, "-c", line], cwd=server.dir, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    return f"{done.returncode}: {done.stderr.strip()}" if done.returncode or "error" in done.stderr.lower() else None
