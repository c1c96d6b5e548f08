"""A push service that only writes down what came when, in a process of its own, which is not measured.

A path begins with how it answers: `/100/...` with 201 after 100 ms, `/drip/...` a byte at a time.
"""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

from devkit.embedded.ports import free_port

_ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
_DRIP_SECONDS = 0.2
_TOPIC = re.compile(rb"\r\ntopic: *(\S+)", re.IGNORECASE)


class Arrival(NamedTuple):
    """A message: its path, when it came (Unix seconds), and its Topic."""

    path: str
    at: float
    topic: str


@dataclass(frozen=True)
class Sink:
    """A running one."""

    origin: str
    file: Path

    def arrivals(self) -> list[Arrival]:
        """Every message so far, in the order in which they came."""
        lines = (line.split(" ") for line in self.file.read_text().splitlines())
        return [Arrival(path, float(at), topic) for path, at, topic in lines]


@contextmanager
def sink(folder: Path) -> Iterator[Sink]:
    """A sink until the block ends, with its file in this folder."""
    port, file = free_port(), folder / f"arrivals-{time.monotonic_ns()}"
    file.touch()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.burst.sink", str(port), file])
    try:
        yield Sink(f"http://127.0.0.1:{port}", file)
    finally:
        process.terminate()
        process.wait()


class _Connection(asyncio.Protocol):
    def __init__(self, arrivals: TextIO) -> None:
        self.arrivals = arrivals
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n") + 4) > 3:
            head = self.buffer[:end].lower()
            end += int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self.buffer) < end:
                return
            topic = _TOPIC.search(self.buffer, 0, end)
            self._take(self.buffer.split(b" ", 2)[1].decode(), topic[1].decode() if topic else "")
            self.buffer = self.buffer[end:]

    def _take(self, path: str, topic: str) -> None:
        self.arrivals.write(f"{path} {time.time()} {topic}\n")
        how = path.split("/")[1]
        if how == "drip":
            self._drip()
        else:
            asyncio.get_running_loop().call_later(int(how) / 1000, self.transport.write, _ANSWER)

    def _drip(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"H")
            asyncio.get_running_loop().call_later(_DRIP_SECONDS, self._drip)


async def _serve(port: int, file: str) -> None:
    with open(file, "a", buffering=1) as arrivals:
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(arrivals), "127.0.0.1", port, backlog=1000
        )
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
