# SPDX-License-Identifier: Apache-2.0
"""witan plan dhcp: the options by which desk phones find certificate and server, asked for as a phone does."""
import json
import os
import shutil
import socket
import struct
import subprocess
import sys

import pytest

from deployment import BUILD, ROOT
from namespaces import Site, need_namespaces

WHOLE = ROOT / "test/topology/whole.yaml"
# 43 and 120 of the pool eepool.internal.ad, from the vendor's tables
VENDOR = ("010C4D532D55432D436C69656E740205687474707303126565706F6F6C2E696E7465726E616C2E6164040334343305252F4365727450726F762F4365727450726F766973696F6E696E67536572766963652E737663")
SERVERS = "00066565706F6F6C08696E7465726E616C02616400"


def witan(*args, status=0):
    done = subprocess.run([BUILD / "witan", "plan", "dhcp", *map(str, args)], capture_output=True, text=True, timeout=20)
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture
def topology(tmp_path):
    """The pool has no web name of its own, as in the tables."""
    (tmp_path / "t.yaml").write_text(WHOLE.read_text().replace("web: {internal: eepoolwebint.internal.ad, external", "web: {external"))
    return tmp_path / "t.yaml"


def test_octets(topology):
    rows = json.loads(witan("--topology", topology, "--pool", "eepool.internal.ad", "--format", "json").stdout)
    assert rows == [{"option": 43, "vendor-class": "MS-UC-Client", "pool": "eepool.internal.ad", "name": "eepool.internal.ad", "hex": VENDOR},
                    {"option": 120, "pool": "eepool.internal.ad", "name": "eepool.internal.ad", "hex": SERVERS}]
    table = witan("--topology", topology, "--pool", "eepool.internal.ad").stdout
    assert VENDOR in table and SERVERS in table
    # by default where clients come in, and its own web name
    rows = json.loads(witan("--topology", WHOLE, "--format", "json").stdout)
    assert [r["name"] for r in rows] == ["dirwebint.internal.ad", "dirpool.internal.ad"]


def test_mistakes_are_explained(topology):
    assert "there is no pool" in witan("--topology", topology, "--pool", "x.internal.ad", status=1).stderr
    assert "has no web services" in witan("--topology", topology, "--pool", "edgepool.internal.ad", status=1).stderr


def dhcp_message(kind, options, xid, mac):
    head = struct.pack("!BBBBIHH4s4s4s4s16s64s128s", 1, 1, 6, 0, xid, 0, 0x8000, b"", b"", b"", b"", mac, b"", b"")
    body = b"".join(bytes([code, len(value)]) + value for code, value in [(53, bytes([kind])), *options])
    return head + b"\x63\x82\x53\x63" + body + b"\xff"


def options_of(message):
    found, at = {}, 240
    while at < len(message) and message[at] != 255:
        if message[at] == 0:
            at += 1
            continue
        code, length = message[at], message[at + 1]
        found[code] = found.get(code, b"") + message[at + 2:at + 2 + length]
        at += 2 + length
    return found


def discover(interface, vendor_class):
    """The options offered to who sends this vendor class: {code: hex}. Runs within the phone's namespace."""
    mac, xid = os.urandom(6), os.urandom(4)  # one for all tries: a server that first pings the address answers a second later, when the next one has been sent
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        s.bind(("0.0.0.0", 68))
        s.settimeout(1)
        for _ in range(20):
            s.sendto(dhcp_message(1, [(60, vendor_class), (55, bytes([1, 3, 42, 43, 120]))], int.from_bytes(xid, "big"), mac), ("255.255.255.255", 67))
            try:
                answer = s.recv(4096)
            except TimeoutError:
                continue
            if answer[4:8] == xid:
                return {code: value.hex().upper() for code, value in options_of(answer).items()}
    return None


def start_kea(site, space, folder, text):
    config = json.loads(text)
    config["Dhcp4"] |= {"interfaces-config": {"interfaces": ["in"]}, "lease-database": {"type": "memfile", "persist": False},
                        "subnet4": [{"subnet": "10.88.0.0/24", "id": 1, "pools": [{"pool": "10.88.0.100-10.88.0.200"}]}]}
    (folder / "kea.json").write_text(json.dumps(config))
    places = {"KEA_PIDFILE_DIR": str(folder), "KEA_LOCKFILE_DIR": str(folder)}
    return site.start(space, "kea-dhcp4", "-c", folder / "kea.json", env={**os.environ, **places}, stdout=open(folder / "log", "w"), stderr=subprocess.STDOUT)


def start_dhcpd(site, space, folder, text):
    (folder / "dhcpd.conf").write_text(text + "subnet 10.88.0.0 netmask 255.255.255.0 { range 10.88.0.100 10.88.0.200; }\n")
    (folder / "leases").write_text("")
    return site.start(space, "dhcpd", "-4", "-f", "-user", "root", "-group", "root", "-cf", folder / "dhcpd.conf", "-lf", folder / "leases", "-pf", folder / "pid", "in",
                      stdout=open(folder / "log", "w"), stderr=subprocess.STDOUT)


@pytest.mark.parametrize("program, form, start", [("kea-dhcp4", "kea", start_kea), ("dhcpd", "isc", start_dhcpd)])
def test_a_phone_is_answered(topology, tmp_path, program, form, start):
    if shutil.which(program) is None:
        pytest.skip(f"needs the program {program}")
    need_namespaces()
    text = witan("--topology", topology, "--pool", "eepool.internal.ad", "--format", form).stdout
    if form == "kea":  # as it stands
        (tmp_path / "alone.json").write_text(text)
        done = subprocess.run(["kea-dhcp4", "-t", tmp_path / "alone.json"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    site = Site()
    try:
        site.segment("in")
        server, phone = site.add("server"), site.add("phone")
        site.plug(server, "in", "10.88.0.1/24")
        site.plug(phone, "in")
        site.run(phone, "ip", "route", "add", "default", "dev", "in")
        process = start(site, server, tmp_path, text)

        def ask(vendor_class):
            done = subprocess.run(["ip", "netns", "exec", phone, sys.executable, __file__, "in", vendor_class], capture_output=True, text=True, timeout=40)
            assert done.returncode == 0 and process.poll() is None, done.stderr + (tmp_path / "log").read_text()
            return json.loads(done.stdout)

        answer = ask("MS-UC-Client")
        assert answer["43"] == VENDOR and answer["120"] == SERVERS
        other = ask("ms-uc-client")  # case matters
        assert "43" not in other and other["120"] == SERVERS
    finally:
        site.close()


if __name__ == "__main__":
    print(json.dumps(discover(sys.argv[1], sys.argv[2].encode())))
