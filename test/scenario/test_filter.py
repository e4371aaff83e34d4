# SPDX-License-Identifier: Apache-2.0
"""Links in messages and names of files, between real clients of both kinds."""
import time

import pytest

from test_im import ANN, BOB, allow_ntlm, answer_message, linphone, sipe, write  # noqa: F401

FILE = "application/vnd.gsma.rcs-ft-http+xml"


def offer(name):
    return f'<file xmlns="urn:gsma:params:xml:ns:rcs:rcs:fthttp"><file-info type="file"><file-name>{name}</file-name></file-info></file>'


def settle(server, *words):
    """Vault tells a change before it answers, but the front may read a client's message first."""
    server.cli(*words)
    time.sleep(0.3)


def passes(sender, receiver, text, kind="text/plain"):
    request = write(sender, BOB, text, kind)
    came = answer_message(receiver)
    assert sender.response(request).status == 200
    assert len(came.body) == int(came.get("content-length"))
    return came.text


def test_links_between_standard_clients(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert passes(ann, bob, "see http://x.example") == "see _http://x.example"
    assert passes(ann, bob, "see http://intranet/a") == "see http://intranet/a"
    assert passes(ann, bob, '<a href="https://x.example">x</a>', "text/html") == '<a _href="_https://x.example">x</a>'
    settle(server, "Set-CsImFilterConfiguration", "Global", "-Action", "Warn", "-WarnMessage", "Beware ")
    assert passes(ann, bob, "see http://x.example") == "Beware see http://x.example"
    settle(server, "Set-CsImFilterConfiguration", "Global", "-Action", "Block")
    refused = ann.message(BOB, "see http://x.example")
    assert refused.status == 403
    assert passes(ann, bob, "nothing to see") == "nothing to see"
    settle(server, "Set-CsImFilterConfiguration", "Global", "-Enabled", "$false")
    assert passes(ann, bob, "see http://x.example") == "see http://x.example"
    counters = server.counters()
    assert counters["filter.refused"] == 1 and counters["filter.links"] >= 3


def test_nearest_scope_decides(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    service = f"service:Registrar:{server.fqdn}"
    settle(server, "New-CsImFilterConfiguration", service, "-Action", "Block")
    assert ann.message(BOB, "http://x.example").status == 403
    settle(server, "Remove-CsImFilterConfiguration", service)
    assert passes(ann, bob, "http://x.example") == "_http://x.example"


def test_files_are_refused(server, client):
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    assert ann.response(write(ann, BOB, offer("report.pdf.EXE"), FILE)).status == 403
    assert passes(ann, bob, offer("a.jpg"), FILE) == offer("a.jpg")
    settle(server, "Set-CsFileTransferFilterConfiguration", "Global", "-Extensions", '@{Add=".jpg"}')
    assert ann.response(write(ann, BOB, offer("a.jpg"), FILE)).status == 403
    settle(server, "Set-CsFileTransferFilterConfiguration", "Global", "-Action", "BlockAll")
    assert ann.response(write(ann, BOB, offer("a.txt"), FILE)).status == 403
    assert ann.message(BOB, "see \\\\srv\\file.exe").status == 403


@pytest.mark.peers
def test_session_of_the_dialect(server, sipe, client):  # noqa: F811
    allow_ntlm(server, "ann")
    ann, bob = sipe(server, "ann"), client(server, "bob").sign_in()
    ann.do("send", who=BOB, text="first http://x.example")
    assert answer_message(bob).text == "first _http://x.example"
    ann.do("send", who=BOB, text="second http://x.example")
    assert answer_message(bob).text == "second _http://x.example"
    settle(server, "Set-CsImFilterConfiguration", "Global", "-Action", "Block")
    ann.do("send", who=BOB, text="third http://x.example")
    assert "third" in ann.wait("conversation-error", who=BOB)["text"]


@pytest.mark.peers
def test_two_clients_of_the_dialect(server, sipe):  # noqa: F811
    """What is changed on its way is signed for the one who gets it: he would show nothing else."""
    allow_ntlm(server, "ann", "bob")
    ann, bob = sipe(server, "ann"), sipe(server, "bob")
    ann.do("send", who=BOB, text="first http://x.example")
    assert bob.wait("message", who=ANN)["text"].strip() == "first _http://x.example"
    bob.do("send", who=ANN, text="and https://y.example")
    assert ann.wait("message", who=BOB)["text"].strip() == "and _https://y.example"
    settle(server, "Set-CsImFilterConfiguration", "Global", "-Action", "Warn", "-WarnMessage", "Beware: ")
    ann.do("send", who=BOB, text="http://z.example")
    assert bob.wait("message", who=ANN, fits=lambda e: "z.example" in e["text"])["text"].strip() == "Beware: http://z.example"
