# SPDX-License-Identifier: Apache-2.0
"""A running server gives the answers that test/torture/verdicts.tsv promises for what the readers refuse."""
import pathlib

from sip_client import Closed, Silence, Wire

TORTURE = pathlib.Path(__file__).resolve().parents[1] / "torture"
COLUMNS = ("file", "section", "kind", "parse", "rules", "frame", "answer", "layer")
ROWS = [dict(zip(COLUMNS, line.split("\t"))) for line in (TORTURE / "verdicts.tsv").read_text().splitlines()
        if not line.startswith("#")]


def answer(server, data):
    """The status of the answer; None: none came, or the connection ended."""
    wire = Wire("127.0.0.1", server.port_tcp)
    try:
        wire.send(data)
        return wire.receive(2).status
    except (Closed, Silence, OSError):
        return None
    finally:
        wire.close()


def test_refused_as_promised(server):
    rows = [r for r in ROWS if r["layer"] in ("parser", "frame") and r["frame"] != "INCOMPLETE"]
    assert len(rows) >= 24
    wrong = []
    for row in rows:
        got = answer(server, (TORTURE / row["file"]).read_bytes())
        want = None if row["answer"] == "drop" else int(row["answer"])
        if got != want:
            wrong.append((row["file"], want, got))
    assert not wrong


def test_well_formed_is_not_refused(server):
    """Nobody has proved who he is: the challenge, or what is refused before it; 400 only where the table has it."""
    wrong = []
    for row in ROWS:
        data = (TORTURE / row["file"]).read_bytes()
        if row["kind"] == "well-formed" and row["frame"] == "OK" and not data.startswith(b"SIP/"):
            got = answer(server, data)
            if got not in (401, 407, 403, 483) and str(got) != row["answer"]:
                wrong.append((row["file"], got))
    assert not wrong
