# SPDX-License-Identifier: Apache-2.0
"""The memory ceiling: new connections are refused, those that are there go on, and it ends by itself."""
import pytest

from deployment import wait_for
from sip_client import Closed, Wire


@pytest.mark.alone
def test_memory_ceiling(server, client):
    ann = client(server, "ann").sign_in()
    server.set("LimitsConfiguration", MaxMemoryMegabytes=8)
    wires = []

    def refused():
        for _ in range(25):
            try:
                wires.append(Wire("127.0.0.1", server.port_tls, server.tls_client(), server.fqdn))
            except (OSError, Closed):
                return True
        return server.log("memory.low")

    wait_for(refused, 40)
    low = server.wait_event("memory.low", 5)
    assert low["limit"] == 8 and low["remedy"]
    with pytest.raises((OSError, Closed)):
        Wire("127.0.0.1", server.port_tls, server.tls_client(), server.fqdn)
    assert server.counters()["connections.refused.memory"] >= 1
    assert ann.message(ann.aor.replace("ann", "bob")).status == 480
    for wire in wires:
        wire.close()
    wait_for(lambda: len(server.log("memory.low")) == 2, 10)
    client(server, "bob").sign_in()
