# SPDX-License-Identifier: Apache-2.0
"""The rows of declared objects and cmdlets (src/model), read by a reader of its own: what tests expect does not come from the program under test."""
import re

from deployment import ROOT

MODEL = ROOT / "src/model"
TOKEN = re.compile(r'\s+|/\*.*?\*/|"((?:\\.|[^"\\])*)"|(\w+)|([(),])', re.S)
ESCAPE = re.compile(r"\\(.)")


def rows(path):
    """[macro, argument, ...] for each macro of a .def file; neighbouring texts are one."""
    found, args, depth = [], None, 0
    for match in TOKEN.finditer(path.read_text()):
        text, word, mark = match.groups()
        if text is not None:
            text = ESCAPE.sub(lambda m: {"n": "\n", "t": "\t"}.get(m.group(1), m.group(1)), text)
            args[-1] = (args[-1] or "") + text
        elif word is not None and depth == 0:
            args = [word]
        elif word is not None:
            args[-1] = (args[-1] or "") + word
        elif mark == "(":
            depth = 1
            args.append(None)
        elif mark == ",":
            args.append(None)
        elif mark == ")":
            depth = 0
            found.append(args)
    return found


class Prop:
    def __init__(self, name, type_, default, check, flags, _help):
        self.name, self.type, self.default, self.check, self.flags = name, type_, default, check, flags

    def has(self, letter):
        return letter in self.flags

    @property
    def element(self):
        """The row of an element of a LIST."""
        word, _, check = self.check.partition(":")
        return Prop(self.name, word or "TEXT", "", check, "", "")

    @property
    def bounds(self):
        least, _, most = self.check.partition("..")
        return least, most


class Kind:
    def __init__(self, name, base, scopes, verbs, writers, of, example, _help):
        self.name, self.base, self.scopes, self.verbs, self.writers, self.of, self.example = name, base, scopes, verbs, writers, of.split(), example
        self.props = []

    def settable(self, new=False):
        """Properties that Set- takes (and those that only New- takes)."""
        return [p for p in self.props if not p.has("r") and (new or not p.has("n"))]


def read_kinds():
    order = re.findall(r'#include "(model/schema/\w+\.def)"', (MODEL / "schema_rows.h").read_text())
    kinds = {}
    for path in order:
        for macro, *args in rows(ROOT / "src" / path):
            if macro == "KIND":
                kind = kinds[args[0]] = Kind(*args)
            elif macro == "PROP":
                kind.props.append(Prop(*args))
    return kinds


KINDS = read_kinds()
STORED = [k for k in KINDS.values() if k.base != "MEMORY"]


def read_roles():
    text = (MODEL / "rbac.def").read_text()
    return dict(re.findall(r"ROLE\((\w+), '(.)'", text))


ROLES = read_roles()


class Cmd:
    def __init__(self, name, verb, kind, writers, letters, example):
        self.name, self.verb, self.kind, self.writers, self.letters, self.example = name, verb, kind, writers, letters, example
        self.params = []

    @property
    def writes(self):
        return "w" in self.letters


VERBS = {"g": ("Get", ""), "n": ("New", "w"), "s": ("Set", "w"), "r": ("Remove", "wa"), "G": ("Grant", "wu")}


def read_cmds():
    cmds = {}
    for kind in KINDS.values():
        for letter in kind.verbs:
            verb, letters = VERBS[letter]
            cmd = Cmd(f"{verb}-Cs{kind.name}", verb, kind, kind.writers + ("U" if verb == "Grant" else ""), letters, None)
            cmds[cmd.name] = cmd
    for macro, _id, verb, noun, writers, letters, _help, example in rows(MODEL / "cmd.def"):
        cmds[f"{verb}-{noun}"] = Cmd(f"{verb}-{noun}", verb, None, writers, letters, example)
    for macro, name, param, type_, check, letters, _help in rows(MODEL / "cmd_param.def"):
        cmds[name].params.append((param, type_, check, letters))
    return cmds


CMDS = read_cmds()

# ---- values ----

SAMPLES = {
    "DATE": ("2026-02-28T10:20:30Z", "2027-02-28T10:20:30Z"), "FQDN": ("one.example.test", "two.example.test"),
    "DOMAIN": ("one.test", "two.test"), "URL": ("https://one.example.test/a", "https://two.example.test/b"),
    "SIPURI": ("sip:one@example.test", "sip:two@example.test"), "NUMBER": ("+4930111", "+4930222"), "IP": ("192.0.2.7", "192.0.2.8"),
    "PATTERN": ("^1(\\d+)$", "^2(\\d+)$"), "SECRET": ("a first open sesame", "a second open sesame"), "BYTES": ("AQID", "BAUG"),
    "GUID": ("00000000-1111-2222-3333-444444444444", "10000000-1111-2222-3333-444444444444"),
}
WRONG = {
    "BOOL": ["perhaps", 2, {"a": 1}], "DATE": ["2026-13-01", "soon", True], "FQDN": ["a..b", "-a.b", "a b"], "DOMAIN": ["a b", "**.b"], "URL": ["ftp://x", "https://", "https://a b"],
    "SIPURI": ["javascript:x", "sip:", "nothing"], "NUMBER": ["1 & 2", "x" * 65], "IP": ["192.0.2", "1:2", "x"], "PATTERN": ["(", "[z-a]"],
    "SECRET": ["a\u0001b", "x" * 1025], "BYTES": ["!!!!", "AQI"], "GUID": ["x", "0" * 36], "ENUM": ["NoSuchWord", ["a", "b"]],
}


def seconds(text):
    days, _, clock = text.rpartition(".")
    part = [int(x) for x in clock.split(":")]
    return int(days or 0) * 86400 + part[0] * 3600 + part[1] * 60 + (part[2] if len(part) > 2 else 0)


def timespan(s):
    return (f"{s // 86400}." if s >= 86400 else "") + f"{s // 3600 % 24:02}:{s // 60 % 60:02}:{s % 60:02}"


def sample(prop, other=False, name_of=None):
    """A value in its stored form that is not the default (and another one); None: there is none. name_of(kind): an instance to refer to."""
    t, least_most = prop.type, prop.bounds
    if t == "BOOL":
        return (prop.default != "True") != other
    if t in ("INT", "TIMESPAN"):
        read = int if t == "INT" else seconds
        least, most = (read(x) for x in least_most)
        default = read(prop.default) if prop.default else None
        values = [v for v in dict.fromkeys((most, least, least + 1, most - 1)) if least <= v <= most and v != default]
        if not values:
            return None
        value = values[1 if other and len(values) > 1 else 0]
        return value if t == "INT" else timespan(value)
    if t == "ENUM":
        words = [w for w in prop.check.split("|") if w != prop.default]
        return words[-1 if other else 0] if words else None
    if t == "TEXT":
        most = int(least_most[1] or 1024) if ".." in prop.check else 1024
        values = [v for v in ("Wörter", "Worte", "2", "3") if len(v.encode()) <= most and v != prop.default]
        return values[1 if other else 0]
    if t == "LIST":
        one, two = (sample(prop.element, which, name_of) for which in (False, True))
        if one is None:
            return None
        default = prop.default.split("|") if prop.default else []
        values = [two] if other and two not in (None, one) else [one] if other or two in (None, one) else [one, two]
        return values if values != default else values[:1]
    if t == "REF":
        return name_of(prop.check, other) if name_of else None
    if t == "OBJECT":
        return memory(KINDS[prop.check], other, name_of)
    if t == "OBJECTS":
        return [memory(KINDS[prop.check], other, name_of)]
    return SAMPLES[t][1 if other else 0]


def memory(kind, other=False, name_of=None):
    """An object of a memory kind with all its properties."""
    made = {}
    for p in kind.props:
        value = sample(p, other, name_of) if not p.has("r") else None
        if value is not None:
            made[p.name] = value
    return made


def wrong(prop):
    """Values that the property must refuse."""
    t = prop.type
    if t in ("INT", "TIMESPAN"):
        read, write = (int, int) if t == "INT" else (seconds, timespan)
        least, most = (read(x) for x in prop.bounds)
        values = ["x", write(most + 1) if t == "INT" or most < 86400 * 10000000 else "y", [1, 2], {}]
        return values + ([write(least - 1)] if t == "INT" or least > 0 else []) + ([1 << 62, "99999999999999999999"] if t == "INT" and most < 1 << 62 else [])
    if t == "TEXT":
        most = int(prop.bounds[1] or 1024) if ".." in prop.check else 1024
        return ["x" * (most + 1), "a\u0001", "\u0007", {"a": 1}, ["a", "b"]]
    if t == "LIST":
        return [[value] for value in wrong(prop.element) if not isinstance(value, (list, dict))] + [[{"a": 1}], [["a", "b"]]]
    if t in ("OBJECT", "OBJECTS"):
        return ["a text", 7]
    if t == "REF":
        return [{"a": 1}, "x" * 301]
    return WRONG[t]
