# SPDX-License-Identifier: Apache-2.0
"""NTLMv2 as a client has it ([MS-NLMP]), by the standard library alone: OpenSSL keeps MD4 and RC4 away from it."""
import hashlib
import hmac
import os
import struct

FLAGS = 0x62988255  # what clients of the Lync dialect answer with


def md4(data):
    """RFC 1320"""
    def turn(v, n):
        v &= 0xffffffff
        return (v << n | v >> (32 - n)) & 0xffffffff
    state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]
    data += b"\x80" + b"\0" * ((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    rounds = [(lambda x, y, z: x & y | ~x & z, 0, (3, 7, 11, 19), list(range(16))),
              (lambda x, y, z: x & y | x & z | y & z, 0x5a827999, (3, 5, 9, 13), [4 * (i % 4) + i // 4 for i in range(16)]),
              (lambda x, y, z: x ^ y ^ z, 0x6ed9eba1, (3, 9, 11, 15), [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15])]
    for at in range(0, len(data), 64):
        words, (a, b, c, d) = struct.unpack("<16I", data[at:at + 64]), state
        for mix, constant, shifts, order in rounds:
            for i, k in enumerate(order):
                a, b, c, d = d, turn(a + mix(b, c, d) + words[k] + constant, shifts[i % 4]), b, c
        state = [(x + y) & 0xffffffff for x, y in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


def rc4(key, data):
    box, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def hmac_md5(key, data):
    return hmac.new(key, data, hashlib.md5).digest()


def wide(text):
    return text.encode("utf-16-le")


class Ntlm:
    """One proof, and the signatures under it."""

    def __init__(self, user, password, domain="EXAMPLE"):
        self.user, self.password, self.domain = user, password, domain

    def answer(self, challenge, flags=FLAGS, user_hash=None):
        """Type 3 for a Type 2."""
        assert challenge[:12] == b"NTLMSSP\0\2\0\0\0"
        size, _, at = struct.unpack("<HHI", challenge[40:48])
        pairs, server = challenge[at:at + size], challenge[24:32]
        own, stamp = os.urandom(8), self._timestamp(pairs)
        blob = b"\1\1\0\0\0\0\0\0" + stamp + own + b"\0\0\0\0" + pairs + b"\0\0\0\0"
        key = hmac_md5(user_hash or md4(wide(self.password)), wide(self.user.upper() + self.domain))
        proof = hmac_md5(key, server + blob)
        self.session = os.urandom(16)
        sealed = rc4(hmac_md5(key, proof), self.session)
        self._keys()
        fields, body = b"", b""
        parts = [b"\0" * 24, proof + blob, wide(self.domain), wide(self.user), wide("HOST"), sealed]
        for part in parts:
            fields += struct.pack("<HHI", len(part), len(part), 72 + len(body))
            body += part
        return b"NTLMSSP\0\3\0\0\0" + fields + struct.pack("<I", flags) + b"\5\2\xce\x0e\0\0\0\x0f" + body

    @staticmethod
    def _timestamp(pairs):
        at = 0
        while at + 4 <= len(pairs):
            kind, size = struct.unpack("<HH", pairs[at:at + 4])
            if kind == 7:
                return pairs[at + 4:at + 12]
            at += 4 + size
        return b"\0" * 8

    def _keys(self):
        def key(what, side):
            return hashlib.md5(self.session + f"session key to {side}-to-{'server' if side == 'client' else 'client'} {what} key magic constant".encode() + b"\0").digest()
        self.keys = {side: (key("signing", side), key("sealing", side)) for side in ("client", "server")}

    def mac(self, text, side="client", sequence=100):
        """In datagram mode RC4 is keyed anew for each message."""
        sign, seal = self.keys[side]
        number = struct.pack("<I", sequence)
        return b"\1\0\0\0" + rc4(hashlib.md5(seal + number).digest(), hmac_md5(sign, number + text)[:8]) + number
