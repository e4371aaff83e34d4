# SPDX-License-Identifier: Apache-2.0
"""A server among others: a deployment with two sites and every service that a topology can have, in the names that examples use."""

FQDN = "uc01.example.test"
BRANCH = "dir02.example.test"
# The rest of the site Main, the site Branch with a pool of its own, and the perimeter.
SITE = (
    "pstn-gateways: [{fqdn: gw01.example.test, mediation: " + FQDN + "}]}"
    ", {name: Branch, pools: [{pool: " + BRANCH + ", role: director, servers: [d2.example.test],"
    " web: {internal: dirweb2.example.test, external: dirwebext2.example.test}}]}"
    ", {name: Perimeter, pools: ["
    "{pool: dir01.example.test, role: director, servers: [d1.example.test], web: {internal: dirweb.example.test, external: dirwebext.example.test}}"
    ", {pool: edge.example.test, role: edge, servers: [e1.example.test], next-hop: " + FQDN +
    ", external: {access: sip.example.test, web-conferencing: webcon.example.test, av: av.example.test}}"
    ", {pool: chat01.example.test, role: persistent-chat, servers: [c1.example.test]}]")
WHOLE = {"fqdn": FQDN, "site": SITE, "pool": "collocated: [mediation, conferencing]"}
