# SPDX-License-Identifier: Apache-2.0
"""Runs in a network namespace. Reads commands, a line of JSON each: {"listen": addresses, "tcp": ports, "udp": ports} opens
listeners; {"probe": [[source, destination, transport, port], ...]} tries to reach others and answers a list of booleans: true when
a packet came through, be it to a listener or to a closed port."""
import asyncio
import json
import resource
import sys

WAIT = 2.5    # seconds; a lost SYN comes again after one
AT_ONCE = 700


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


class Listen(asyncio.DatagramProtocol):
    def __init__(self):
        self.heard = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, address):
        if not self.heard.done():
            self.heard.set_result(True)

    def error_received(self, error):
        if isinstance(error, ConnectionRefusedError) and not self.heard.done():
            self.heard.set_result(True)


async def take(reader, writer):
    writer.close()


async def listen(addresses, tcp, udp):
    loop = asyncio.get_running_loop()
    kept = []
    for port in tcp:
        kept.append(await asyncio.start_server(take, "0.0.0.0", port, backlog=512))
    for address in addresses:
        for port in udp:
            kept.append(await loop.create_datagram_endpoint(Echo, local_addr=(address, port)))
    return kept


async def reach_tcp(source, to, port):
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(to, port, local_addr=(source, 0)), WAIT)
        writer.close()
        return True
    except ConnectionRefusedError:
        return True
    except (OSError, asyncio.TimeoutError):
        return False


async def reach_udp(source, to, port):
    loop = asyncio.get_running_loop()
    try:
        transport, heard = await loop.create_datagram_endpoint(Listen, local_addr=(source, 0), remote_addr=(to, port))
    except OSError:
        return False
    try:
        for _ in range(5):
            transport.sendto(b"?")
            try:
                return await asyncio.wait_for(asyncio.shield(heard.heard), WAIT / 5)
            except asyncio.TimeoutError:
                continue
        return False
    finally:
        transport.close()


async def probe(pairs):
    room = asyncio.Semaphore(AT_ONCE)

    async def one(source, to, transport, port):
        async with room:
            return await (reach_tcp if transport == "tcp" else reach_udp)(source, to, port)

    return await asyncio.gather(*(one(*pair) for pair in pairs))


async def main():
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # datagrams that a filter refuses
    kept = []
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            return
        command = json.loads(line)
        if "listen" in command:
            kept += await listen(command["listen"], command["tcp"], command["udp"])
            answer = True
        else:
            answer = await probe(command["probe"])
        print(json.dumps(answer), flush=True)


soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
asyncio.run(main())
