# SPDX-License-Identifier: Apache-2.0
"""RFC 4475 and RFC 5118 messages sent to a running server: whatever it answers, it goes on."""
import pathlib

import pytest

from sip_client import Closed, Silence, Wire

FILES = sorted((pathlib.Path(__file__).resolve().parents[1] / "torture").glob("rfc*/*.dat"))


@pytest.mark.parametrize("signed_in", [False, True])
def test_no_message_harms_the_server(server, client, signed_in):
    assert len(FILES) >= 60
    pids = server.processes()
    for path in FILES:
        if signed_in:
            device = client(server, "bob", transport="tcp").sign_in()
            wire = device.wire
        else:
            wire = Wire("127.0.0.1", server.port_tcp)
        try:
            wire.send(path.read_bytes())
            wire.send(b"\r\n\r\n")
            wire.receive(0.1)
        except (Closed, Silence, OSError):
            pass
        wire.close()
        assert server.processes() == pids, f"{path.name} ended a process"
    ann, bob = client(server, "ann").sign_in(), client(server, "bob").sign_in()
    request = ann.build("MESSAGE", bob.aor, body="x")
    request = ann.begin(request)
    bob.reply(bob.expect("MESSAGE"), 200, "OK")
    assert ann.response(request).status == 200


def test_cut_at_every_length(server, client):
    """A REGISTER cut off at every byte, each on a connection of its own, and one byte at a time on one."""
    ann = client(server, "ann", transport="tcp")
    data = ann.register_request().bytes()
    for size in range(0, len(data), 7):
        wire = Wire("127.0.0.1", server.port_tcp)
        wire.send(data[:size])
        wire.close()
    for i in range(len(data)):
        ann.wire.send(data[i:i + 1])
    assert ann.wire.receive(5).status == 401
