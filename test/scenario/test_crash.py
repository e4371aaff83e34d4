# SPDX-License-Identifier: Apache-2.0
"""The vault dies at any moment, or the disk is full: what was acknowledged is there, whole, once, and written in history and audit."""
import json
import multiprocessing
import random
import sqlite3
import threading
import time

import pytest

from admin_client import AdminClient, Refusal
from deployment import wait_for
from test_faults import small_disk  # noqa: F401

AT_A_TIME, WRITERS, KILLS = 20, 1000, 10
POLICIES = [("ConferencingPolicy", f"P{i}") for i in range(6)] + [("VoicePolicy", f"V{i}") for i in range(6)]
USERS = [f"u{i}" for i in range(8)]


class Place(threading.Thread):
    """Random writers, one after the other, each with a connection of its own: say random commands, several under way at once, and leave.
    Remembers what became of each command: "done", "refused", "unknown"."""

    def __init__(self, server, number, seed, over):
        super().__init__(daemon=True)
        self.server, self.number, self.over, self.dice = server, number, over, random.Random(seed * 1000 + number)
        self.said, self.writers, self.client, self.why = [], 0, None, None  # said: [mark, line, outcome]

    def line(self, mark):
        dice = self.dice
        kind, name = dice.choice(POLICIES)
        user = f"sip:{dice.choice(USERS)}@example.test"
        return dice.choices([
            (f"New-Cs{kind}", {"Identity": name, "Description": mark}), (f"Set-Cs{kind}", {"Identity": name, "Description": mark}), (f"Remove-Cs{kind}", {"Identity": name, "Force": True}),
            (f"Grant-Cs{kind}", {"Identity": user, "PolicyName": name}), (f"Grant-Cs{kind}", {"Identity": user, "PolicyName": None}),
            ("New-CsUser", {"SipAddress": user, "Password": "long enough", "Title": mark}), ("Set-CsUser", {"Identity": user, "Title": mark}), ("Remove-CsUser", {"Identity": user}),
            ("Set-CsGroup", {"Identity": "CsHelpDesk", "Description": mark})], [4, 8, 2, 3, 1, 4, 8, 2, 1])[0]

    def speak(self):
        batch = []
        for _ in range(self.dice.randrange(1, 6)):
            mark = f"w{self.number}-{len(self.said)}."
            batch.append([mark, self.line(mark), "unknown"])
            self.said.append(batch[-1])
        self.client.send(*(self.client.line(*one[1]) for one in batch))
        for one in batch:
            answer = self.client.read()
            one[2] = "done" if answer["ok"] else "refused" if answer["error"] in ("EXISTS", "ABSENT") else answer

    def write(self):
        """One writer."""
        try:
            with AdminClient(self.server, timeout=30) as self.client:
                self.writers += 1
                for _ in range(self.dice.randrange(1, 5)):
                    self.speak()
        except OSError:
            time.sleep(0.02)

    def run(self):
        try:
            while self.writers < WRITERS // AT_A_TIME or not self.over.is_set():
                self.write()
        except Exception as why:  # shown by the test
            self.why = why


def stored(server):
    """What stands in the file: {(kind, identity): body}, history [(version, command, diff)]."""
    with sqlite3.connect(next((server.dir / "store").glob("*.db"))) as db:
        state = {(kind, identity.lower()): json.loads(body) for kind, identity, body in db.execute("SELECT kind, identity, body FROM object")}
        for aor, name, enabled, body in db.execute("SELECT aor, display_name, enabled, body FROM user"):
            state["User", f"sip:{aor}"] = {**json.loads(body), "DisplayName": name, **({} if enabled else {"Enabled": False})}
        history = [(version, command, json.loads(diff)) for version, command, diff in db.execute("SELECT version, command, diff FROM history ORDER BY version")]
        version = db.execute("SELECT value FROM counter WHERE name = 'version'").fetchone()[0]
    db.close()
    return state, history, version


def replay(history):
    """The state that all changes together make; each must begin where the one before ended."""
    state = {}
    for version, command, diff in history:
        for one in diff:
            key = (one["kind"], one["identity"].lower())
            assert (state.get(key) or None) == (one["before"] or None), (version, command, one, state.get(key))
            if one["after"] is None:
                state.pop(key, None)
            else:
                state[key] = one["after"]
    return state


def check_history(server, said):
    """said: [mark, line, outcome]."""
    state, history, version = stored(server)
    assert replay(history) == state
    assert len({v for v, _, _ in history}) == len(history) and (not history or history[-1][0] == version)
    made = {}
    for _, command, diff in history:
        for one in diff:
            after, before = one["after"] or {}, one["before"] or {}
            for name in ("Description", "Title"):
                if name in after and after[name] != before.get(name):
                    made[after[name]] = made.get(after[name], 0) + 1
    for mark, line, outcome in said:
        if "Description" in line[1] or "Title" in line[1]:
            n = made.get(mark, 0)
            assert n == 1 if outcome == "done" else n == 0 if outcome == "refused" else n <= 1, (mark, line, outcome, n)


def write_all(server, seed, over, results):
    places = [Place(server, i, seed, over) for i in range(AT_A_TIME)]
    for place in places:
        place.start()
    for place in places:
        place.join(100)
    trouble = [str(place.why) for place in places if place.why is not None or place.is_alive()]
    results.put(str(trouble) if trouble else (sum(place.writers for place in places), [one for place in places for one in place.said]))


def grown(server, version):
    """The version once it is more than this, None before."""
    try:
        with AdminClient(server) as admin:
            now = admin.version()
            return now if now > version + AT_A_TIME else None
    except (OSError, Refusal):
        return None


@pytest.mark.slow
def test_the_vault_dies_while_many_write(server_factory):
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    server = server_factory(fronts=2)
    before = set(server.processes())
    context = multiprocessing.get_context("fork")
    over, results = context.Event(), context.Queue()
    writers = context.Process(target=write_all, args=(server, seed, over, results), daemon=True)  # threads elsewhere: none of them holds this one up
    writers.start()
    start = time.monotonic()
    with AdminClient(server) as admin:
        version = admin.version()
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.02, 0.4))
        server.wait_restarted("vault0", server.kill("vault0"), 30)
        version = wait_for(lambda: grown(server, version), 30, message="nobody is served any more")
    over.set()
    result = results.get(timeout=100)
    assert isinstance(result, tuple), result
    n_writers, said = result
    assert n_writers >= WRITERS
    writers.join(10)
    outcomes = {word: sum(one[2] == word for one in said) for word in ("done", "refused", "unknown")}
    print(f"{n_writers} writers, {KILLS} kills in {time.monotonic() - start:.1f} s: {outcomes}")
    assert sum(outcomes.values()) == len(said), [one for one in said if one[2] not in outcomes][:5]
    assert outcomes["done"] > 300 and outcomes["unknown"] > 0
    with AdminClient(server) as admin:
        proof = admin.ask("Test-CsAuditLog")[0]
        assert proof["Result"] == "Success" and proof["Lines"] >= outcomes["done"], proof
        assert all(o["UpToDate"] for o in admin.ask("Get-CsManagementStoreReplicationStatus"))
    assert set(server.processes()) == before
    assert server.stop() == 0
    check_history(server, said)


@pytest.mark.root
def test_a_full_disk_while_policies_are_written(server_factory, small_disk):  # noqa: F811
    server = server_factory(directory=small_disk / "d")
    filler = small_disk / "filler"
    said, refused = [], []
    with AdminClient(server) as admin:
        good = admin.ask("Test-CsAuditLog")[0]
        with open(filler, "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 4096) == 4096:
                    pass
            except OSError:
                pass
        for i in range(400):
            line = ("New-CsVoicePolicy", {"Identity": f"P{i}", "Description": f"p{i}." + "x" * 400})
            try:
                admin.ask_whole(*line)
                said.append([line[1]["Description"], line, "done"])
            except Refusal as why:
                said.append([line[1]["Description"], line, "refused"])
                refused.append(why)
            if len(refused) > 4:
                break
        assert refused, "400 policies fitted on a full disk"
        assert {why.error for why in refused} <= {"DISK_FULL", "SYSTEM", "BUSY"} and all(why.remedy for why in refused), refused[0]
        server.wait_event("store.failed", 5)
        assert "Tag:" + said[0][1][1]["Identity"] in admin.get("VoicePolicy") if said[0][2] == "done" else True
        filler.unlink()
        wait_for(lambda: admin.many([("New-CsVoicePolicy", {"Identity": "After"})])[0].get("error") in (None, "EXISTS"), 10)
        there = admin.get("VoicePolicy")
        for _, line, outcome in said:
            assert (f"Tag:{line[1]['Identity']}" in there) == (outcome == "done"), (line, outcome)
        proof = admin.ask("Test-CsAuditLog")[0]
        assert proof["Result"] == "Success" and proof["Lines"] > good["Lines"]
    server.wait_event("store.recovered", 5)
    assert server.stop() == 0
    check_history(server, said)
