# SPDX-License-Identifier: Apache-2.0
"""Instances of every kind of declared object in the deployment of whole_site.py, with a value for every property."""
import schema_rows
from schema_rows import CMDS, KINDS, sample
from whole_site import BRANCH, FQDN

# What the topology of whole_site.py has.
SERVICES = {"Registrar": FQDN, "UserServer": FQDN, "ApplicationServer": FQDN, "ConferencingServer": FQDN, "WebServer": BRANCH, "ManagementServer": FQDN,
            "MediationServer": FQDN, "PstnGateway": "gw01.example.test", "Director": BRANCH, "EdgeServer": "edge.example.test", "PersistentChatServer": "chat01.example.test"}


def application(word):
    return ('<applicationManifest xmlns="http://schemas.microsoft.com/lcs/2006/05" appUri="http://example.test/a"><splScript>'
            f'Log("Event", 1, "{word}");</splScript></applicationManifest>')


# Texts that are more than texts.
FORMS = {
    ("ServerApplication", "Uri"): ("http://example.test/a", "http://example.test/a"),
    ("ServerApplication", "Script"): (application("one"), application("two")),
    ("AdminRole", "Template"): ("CsViewOnlyAdministrator", "CsHelpDesk"),
    ("AdminRole", "Cmdlets"): (["Get-CsUser", "Get-CsPool"], ["Get-CsSite"]),
    ("AdminRole", "ConfigScopes"): (["site:Main", "site:Branch"], ["site:Branch"]),
    ("AdminRole", "UserScopes"): (["OU:OU=Sales,DC=example,DC=test"], ["OU:OU=Berlin,DC=example,DC=test"]),
    ("Group", "Members"): (["sip:ann@example.test", "sip:bob@example.test"], ["sip:bob@example.test"]),
}


def service(role):
    return f"{role}:{SERVICES[role]}" if role in SERVICES else None


def identity_of(kind):
    """An instance that can be made or changed without touching what this server obeys; None: the topology has no place for one."""
    if kind.base in ("POLICY", "CONFIG"):
        if "T" in kind.scopes and "n" in kind.verbs:
            return "Tag:Sample"
        if "S" in kind.scopes and "n" in kind.verbs:
            return "Site:Branch"
        if "V" in kind.scopes:
            known = [f"Service:{service(role)}" for role in reversed(kind.of) if role in SERVICES]
            return known[0] if known else "Global" if "G" in kind.scopes else None
        return "Global"
    if kind.base == "SERVICE":
        return next((service(role) for role in kind.of if role in SERVICES), None)
    if kind.name == "Site":
        return "Branch"
    if kind.name == "User":
        return "sip:ann@example.test"
    return kind.example if "n" in kind.verbs else None


class Objects:
    """Makes instances through a client; what they refer to first."""

    def __init__(self, client):
        self.client, self.made = client, {}

    def name_of(self, word, other=False):
        """Something to refer to."""
        if word in ("Pool", "Site"):
            return {"Pool": (FQDN, BRANCH), "Site": ("Main", "Branch")}[word][other]
        if word == "Service":
            return service("EdgeServer" if other else "Registrar")
        kind = KINDS[word]
        if kind.base == "SERVICE":
            return identity_of(kind)
        name = f"{'Second' if other else 'First'}{word}" if kind.base != "LIST" or "." not in kind.example else f"{'second' if other else 'first'}.example.test"
        if "n" not in kind.verbs:
            return None
        if (word, name) not in self.made:
            self.made[word, name] = True
            self.client.ask(f"New-Cs{word}", Identity=name, **self.mandatory(kind))
        return name

    def value(self, kind, prop, other=False):
        if (kind.name, prop.name) in FORMS:
            return FORMS[kind.name, prop.name][other]
        return sample(prop, other, self.name_of)

    def mandatory(self, kind):
        return {p.name: self.value(kind, p) for p in kind.props if p.has("m")}

    def can_be_made(self, kind):
        return "n" in kind.verbs and kind.base != "MEMORY" and identity_of(kind) not in (None, "Global")

    def make(self, kind, **values):
        """The instance of identity_of(), new where it can be; its identity, None when there is no place for it."""
        identity = identity_of(kind)
        if identity is not None and self.can_be_made(kind):
            self.client.ask(f"New-Cs{kind.name}", Identity=identity, **{**self.mandatory(kind), **values})
        elif identity is not None and values and f"Set-Cs{kind.name}" in CMDS:
            self.client.ask(f"Set-Cs{kind.name}", Identity=identity, **values)
        return identity

    def fill(self):
        """An instance of every kind with a value for every property."""
        for kind in schema_rows.STORED:
            new = self.can_be_made(kind)
            values = {p.name: self.value(kind, p) for p in kind.settable(new) if p.name != "SmartcardLogonRequired"}  # passwords would be no good any more
            self.make(kind, **{name: v for name, v in values.items() if v is not None})

    def snapshot(self):
        """What Get- shows of every kind, but for moments that pass."""
        kinds = [k for k in schema_rows.STORED if "g" in k.verbs]
        answers = self.client.many([(f"Get-Cs{k.name}", {}) for k in kinds])
        found = {}
        for kind, answer in zip(kinds, answers):
            assert answer["ok"], answer
            found[kind.name] = {o["Identity"]: {n: v for n, v in o.items() if n not in ("WhenCreated", "WhenChanged")} for o in answer["objects"]}
        found["Service"] = {o["Identity"]: o for o in self.client.ask("Get-CsService")}
        return found


def shown(kind, prop, value):
    """As Get- shows it."""
    if kind.name == "AdminRole" and prop.name == "Cmdlets":
        return [{"Name": name, "Module": "Lync"} for name in value]
    return "***" if prop.type == "SECRET" and value is not None else value


def same_states(one, two):
    """For an assertion that says where they differ."""
    return [(kind, identity, {n: (o.get(n), (two[kind].get(identity) or {}).get(n)) for n in o if (two[kind].get(identity) or {}).get(n) != o.get(n)})
            for kind in one for identity, o in {**{i: {} for i in two[kind]}, **one[kind]}.items() if two[kind].get(identity) != o]
