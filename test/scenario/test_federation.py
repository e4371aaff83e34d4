# SPDX-License-Identifier: Apache-2.0
"""People of different organisations, through the Edges of both."""
import re

import pytest

from deployment import wait_for
from federation_site import FederationSite
from namespaces import need_namespaces

pytestmark = pytest.mark.root
INNER = re.compile(rb"\.internal|10\.78\.")  # names and addresses inside


@pytest.fixture(scope="module")
def site():
    need_namespaces("named")
    s = FederationSite()
    try:
        for number, word in enumerate(("alpha", "beta"), 1):
            setattr(s, word, s.organisation(word, number))
            getattr(s, word).start()
        for o in s.organisations:
            o.fe.set("AccessEdgeConfiguration", AllowFederatedUsers="$true", EnablePartnerDiscovery="$true")
            o.up_to_date()
        yield s
    finally:
        s.close()


def test_message_both_ways(site):
    with site.alpha.client("ann") as ann, site.beta.client("bob") as bob:
        for one, other in ((ann, bob), (bob, ann)):
            request = one.build("MESSAGE", other.aor, headers=[("Content-Type", "text/plain")], body=b"across")
            one.send(request)
            got = other.expect("MESSAGE")
            assert got.body == b"across" and got.get("p-asserted-identity") == f"<{one.aor}>"
            other.reply(got, 200)
            assert one.response(request).status == 200
