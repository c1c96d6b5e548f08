"""A push service that only counts: it answers 201, at once or after a while, and writes down what came when.

Under `/drip/` it answers a byte at a time and never ends. Run as a process of its own, whose processor does
not count.
"""

import asyncio
import sys
import time
from typing import TextIO

_ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
_DRIP_SECONDS = 0.2


class _Connection(asyncio.Protocol):
    def __init__(self, delay: float, arrivals: TextIO) -> None:
        self.delay, self.arrivals = delay, arrivals
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self.buffer) < end + 4 + length:
                return
            path = self.buffer.split(b" ", 2)[1].decode()
            self.buffer = self.buffer[end + 4 + length :]
            self._take(path)

    def _take(self, path: str) -> None:
        self.arrivals.write(f"{path} {time.time()}\n")
        loop = asyncio.get_running_loop()
        if path.startswith("/drip/"):
            self._drip()
        elif self.delay:
            loop.call_later(self.delay, self.transport.write, _ANSWER)
        else:
            self.transport.write(_ANSWER)

    def _drip(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"H")
            asyncio.get_running_loop().call_later(_DRIP_SECONDS, self._drip)


async def _serve(port: int, delay: float, path: str) -> None:
    with open(path, "a", buffering=1) as arrivals:
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(delay, arrivals), "127.0.0.1", port, backlog=1000
        )
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
