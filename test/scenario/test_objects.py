# SPDX-License-Identifier: Apache-2.0
"""Every property of every kind of declared object, by the rows of the schema: set, read, refused, unset."""
import pytest

import schema_rows
from admin_client import AdminClient, Refusal
from objects import FORMS, Objects, identity_of, shown
from schema_rows import KINDS, wrong
from whole_site import WHOLE


@pytest.fixture
def whole(server_factory):
    return server_factory(**WHOLE)


@pytest.fixture
def admin(whole):
    with AdminClient(whole) as client:
        yield client


def default_of(prop):
    """As it is shown."""
    if prop.default == "":
        return [] if prop.type in ("LIST", "OBJECTS") else None
    if prop.type == "LIST":
        return prop.default.split("|")
    return {"BOOL": lambda t: t == "True", "INT": int}.get(prop.type, str)(prop.default)


def settable(kind):
    return kind.settable() if "s" in kind.verbs else []


class Look:
    """The same question about one property, asked of all of them behind each other."""

    def __init__(self, admin, kinds):
        self.admin, self.kinds = admin, kinds

    def set(self, value_of):
        """Sets value_of(kind, prop) for each, with what is shown afterwards: [(kind, prop, given, set answer, shown)]."""
        asked, lines = [], []
        for kind, identity in self.kinds:
            for prop in settable(kind):
                for value in value_of(kind, prop):
                    asked.append((kind, prop, value))
                    lines += set_and_get(kind, identity, prop, value)
        answers = self.admin.many(lines)
        for line, answer in zip(lines[1::2], answers[1::2]):
            assert answer["ok"], (line, answer)
        return [(*one, answers[2 * i], answers[2 * i + 1]["objects"][0][one[1].name]) for i, one in enumerate(asked)]


def set_and_get(kind, identity, prop, value):
    """Two lines. Kinds without a Get- of their own are shown by a Set- that changes nothing."""
    getter = f"Get-Cs{kind.name}" if "g" in kind.verbs else f"Set-Cs{kind.name}"
    return [(f"Set-Cs{kind.name}", {"Identity": identity, prop.name: value}),
            (getter, {"Identity": identity} if "g" in kind.verbs else {"Identity": identity, "Instance": {"Identity": identity}, "PassThru": True})]


def ref_list(kind, prop):
    return prop.type == "REF" or prop.check.startswith("REF")


# At least one of them stays.
SCOPES = {("AdminRole", "ConfigScopes"), ("AdminRole", "UserScopes")}


def test_every_property(whole, admin):
    objects = Objects(admin)
    kinds = [(kind, identity) for kind in schema_rows.STORED if (identity := objects.make(kind)) is not None]
    assert len(kinds) > 125 and sum(len(settable(kind)) for kind, _ in kinds) > 900
    look = Look(admin, kinds)
    bad = []

    def values(other):
        return lambda kind, prop: [v for v in [objects.value(kind, prop, other)] if v is not None]

    def told(word, kind, prop, value, answer, now):
        bad.append(f"{word}: {kind.name}.{prop.name} {prop.type} {prop.check!r} <- {value!r:.100}: {answer if not answer['ok'] else 'ok'}, shown {now!r:.100}")

    for other in (False, True):
        for kind, prop, value, answer, now in look.set(values(other)):
            want = shown(kind, prop, value)
            if not answer["ok"] or now != want or (not other and now == default_of(prop)):
                told("sample", kind, prop, value, answer, now)
    for kind, prop, value, answer, now in look.set(lambda kind, prop: wrong(prop)):
        expected = answer.get("error") == "MALFORMED" or (ref_list(kind, prop) and answer.get("error") == "ABSENT")
        memory = prop.type in ("OBJECT", "OBJECTS")
        if not expected or (answer["where"] != prop.name and not memory) or not answer["remedy"] or not answer["what"]:
            told("wrong", kind, prop, value, answer, now)
        if (kind.name, prop.name) not in FORMS and now != shown(kind, prop, objects.value(kind, prop, True)) and objects.value(kind, prop, True) is not None:
            told("wrong, and kept", kind, prop, value, answer, now)
    for kind, prop, value, answer, now in look.set(lambda kind, prop: [None]):
        if prop.has("m") or (kind.name, prop.name) in SCOPES:
            if answer["ok"] or answer["where"] != prop.name or now is None:
                told("mandatory, and unset", kind, prop, value, answer, now)
        elif not answer["ok"] or now not in ((None, []) if kind.name != "User" else (None, "", True)):
            told("unset", kind, prop, value, answer, now)
    defaults = look.set(lambda kind, prop: [default_of(prop)] if prop.default != "" else [])
    for kind, prop, value, answer, now in defaults:
        if not answer["ok"] or now != value:
            told("default", kind, prop, value, answer, now)
    assert not bad, f"{len(bad)} of them:\n" + "\n".join(bad)


LISTS = [(k, p) for k in schema_rows.STORED for p in k.settable() if p.type in ("LIST", "OBJECTS") and "s" in k.verbs and (k.name, p.name) not in FORMS and not p.check.startswith("REF")]


def test_lists_are_modified(whole, admin):
    """@{Add=...}, @{Remove=...}, @{Replace=...}, in any letters, several at once, a plain value, $null."""
    objects = Objects(admin)
    bad = []
    for kind, prop in LISTS:
        identity = identity_of(kind)
        if identity is None:
            continue
        if not any(done == kind.name for done in objects.made):
            objects.make(kind)
            objects.made[kind.name] = True
        one, two = ([v] if not isinstance(v, list) else v[:1] for v in (objects.value(kind, prop), objects.value(kind, prop, True)))
        if one == two:
            two = ["another"] if prop.type == "LIST" and prop.element.type == "TEXT" else []
        if not two:
            continue
        steps = [({"Replace": one}, one), ({"add": two}, one + two), ({"REMOVE": one[0]}, two), ({"Add": one, "Remove": two}, one), (two + one, two + one),
                 ({"Add": one}, "EXISTS"), ({"Remove": one + two}, []), ({"Remove": one}, "ABSENT"), ({"Sort": one}, "MALFORMED"), ({"Replace": two}, two), *([] if prop.has("m") else [(None, None)])]
        answers = admin.many([line for given, _ in steps for line in set_and_get(kind, identity, prop, given)])
        now = None
        for i, (given, want) in enumerate(steps):
            answer, found = answers[2 * i], answers[2 * i + 1]["objects"][0][prop.name]
            refused = isinstance(want, str)
            if refused and (answer["ok"] or answer["error"] not in (want, "USAGE" if prop.type == "OBJECTS" else want) or found != now):
                bad.append((kind.name, prop.name, given, want, answer, found))
            if not refused and (not answer["ok"] or (found or None) != (want or None)):
                bad.append((kind.name, prop.name, given, want, answer, found))
            now = found
    assert not bad, f"{len(bad)} of them: " + "\n".join(map(str, bad[:20]))
    assert len(LISTS) > 30


def test_memory_objects(whole, admin):
    """New- answers an object with all defaults and stores nothing; what is mandatory must be there."""
    objects = Objects(admin)
    before = admin.version()
    for kind in KINDS.values():
        if kind.base != "MEMORY":
            continue
        given = schema_rows.memory(kind, False, objects.name_of)
        made = admin.ask(f"New-Cs{kind.name}", **given)[0]
        assert list(made) == [p.name for p in kind.props], kind.name
        assert {n: v for n, v in made.items() if n in given} == given
        for prop in kind.props:
            if prop.has("m"):
                with pytest.raises(Refusal) as why:
                    admin.ask(f"New-Cs{kind.name}", **{n: v for n, v in given.items() if n != prop.name})
                assert why.value.error == "USAGE" and prop.name in why.value.what
            for value in wrong(prop) if not prop.has("r") else ():
                with pytest.raises(Refusal) as why:
                    admin.ask(f"New-Cs{kind.name}", **{**given, prop.name: value})
                assert why.value.error == "MALFORMED", (kind.name, prop.name, value, why.value)
    assert admin.version() == before or objects.made


def test_instances_come_and_go(whole, admin):
    """Global is there, is not made, and goes back to its defaults; others are made once, set, removed; identities in any letters."""
    objects = Objects(admin)
    for kind in schema_rows.STORED:
        identity = identity_of(kind)
        if kind.base not in ("POLICY", "CONFIG", "LIST", "CHILD") or identity is None or kind.name in ("User", "Site", "AdminRole", "Group"):
            continue
        noun = f"Cs{kind.name}"
        if "G" in kind.scopes and "r" in kind.verbs:
            before = admin.get(kind.name, "global")
            if "n" in kind.verbs:
                with pytest.raises(Refusal, match="EXISTS"):
                    admin.ask(f"New-{noun}", Identity="Global")
            prop = next((p for p in settable(kind) if p.type in ("BOOL", "INT", "TEXT", "ENUM")), None)
            if prop is not None and kind.name not in ("RegistrarConfiguration", "ProxyConfiguration", "LimitsConfiguration"):
                admin.ask(f"Set-{noun}", **{prop.name: objects.value(kind, prop)})
                assert admin.get(kind.name, "GLOBAL")[prop.name] == objects.value(kind, prop)
            admin.ask(f"Remove-{noun}", Identity="Global")
            assert admin.get(kind.name, "Global") == before
        if not objects.can_be_made(kind):
            continue
        objects.make(kind)
        with pytest.raises(Refusal, match="EXISTS"):
            admin.ask(f"New-{noun}", Identity=identity.upper(), **objects.mandatory(kind))
        if "g" in kind.verbs:
            assert admin.get(kind.name, identity.swapcase())["Identity"].lower() == identity.lower() if kind.base != "CHILD" else True
            assert any(i.lower() == identity.lower() for i in admin.get(kind.name)), (kind.name, identity, list(admin.get(kind.name)))
        admin.ask(f"Remove-{noun}", Identity=identity)
        with pytest.raises(Refusal, match="ABSENT"):
            admin.ask(f"Remove-{noun}", Identity=identity)


@pytest.mark.parametrize("given, error", [
    ("", "MALFORMED"), ("Site:Nowhere", "ABSENT"), ("site:Main", None), ("Sit:Main", "MALFORMED"), ("Tag:a/b", "MALFORMED"), ("a*b", "MALFORMED"), ("x" * 301, "MALFORMED"),
    ("Service:Registrar:uc01.example.test", "MALFORMED"), ("Tag:Größe 1", None), ("a\u0001", "MALFORMED"), ("Tag:", "MALFORMED")])
def test_identities(whole, admin, given, error):
    if error is None:
        assert admin.ask("New-CsConferencingPolicy", Identity=given)
        return
    with pytest.raises(Refusal) as why:
        admin.ask("New-CsConferencingPolicy", Identity=given)
    assert why.value.error == error and why.value.where == "Identity" and why.value.remedy
