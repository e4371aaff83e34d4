# SPDX-License-Identifier: Apache-2.0
"""witan parse-message: verdicts, reasons, exit codes. Needs no server."""
import json
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
WITAN = pathlib.Path(os.environ.get("WITAN_BUILD", TOP / "build")) / "witan"
TORTURE = TOP / "test" / "torture"
COLUMNS = ("file", "section", "kind", "parse", "rules", "frame", "answer", "layer")
ROWS = [dict(zip(COLUMNS, line.split("\t"))) for line in (TORTURE / "verdicts.tsv").read_text().splitlines()
        if not line.startswith("#")]


def run(*words, data=None):
    return subprocess.run([WITAN, "parse-message", *map(str, words)], input=data, capture_output=True, timeout=20)


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_verdict(row):
    done = run(TORTURE / row["file"])
    if row["kind"] == "well-formed":
        assert done.returncode == 0 and done.stdout.count(b"\n") == 2 and not done.stderr
    else:
        assert done.returncode == 1 and not done.stdout
        assert done.stderr.startswith(b"malformed: ") and b"see RFC " in done.stderr
        assert (f"a server answers {row['answer']} ".encode() in done.stderr) == (row["answer"] != "drop")


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_json(row):
    done = run("--json", TORTURE / row["file"])
    said = json.loads(done.stdout)
    assert said["wellFormed"] == (row["kind"] == "well-formed") == (done.returncode == 0)
    if not said["wellFormed"]:
        assert said["where"] and said["reason"] and said["section"].startswith("see RFC ")
        assert said["error"] == (row["parse"] if row["parse"] != "OK" else row["rules"])
        assert said["answer"] == (0 if row["answer"] == "drop" else int(row["answer"]))
    else:
        assert said["kind"] in ("request", "response") and said["headerFields"] > 3


def test_standard_input_and_what_follows():
    done = run("-", data=(TORTURE / "rfc4475/dblreq.dat").read_bytes())
    assert done.returncode == 0
    assert done.stdout.splitlines() == [b"REGISTER sip:example.com",
                                        b"well-formed: 8 header fields, 0 bytes of body, 450 bytes after the message"]


@pytest.mark.parametrize("words", [[], ["a", "b"], ["--bogus", "a"], ["/nonexistent/file"], ["--json"]])
def test_usage(words):
    done = run(*words)
    assert done.returncode == 2 and done.stderr and not done.stdout


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"\r\n", b"x" * (2 << 20), b"\xff\x1b[31m" * 50],
                         ids=["empty", "zeros", "line", "huge", "escapes"])
def test_anything_else_is_refused(data):
    done = run("-", data=data)
    assert done.returncode in (1, 2) and all(c == 10 or 32 <= c < 127 for c in done.stderr)
