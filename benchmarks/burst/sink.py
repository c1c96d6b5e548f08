"""A push service that only writes down what came when, in a process of its own, which is not measured.

A path begins with how it answers: `/100/...` with 201 after 100 ms, `/drip/...` a byte at a time.
"""

import asyncio
import re
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TextIO

_ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
_DRIP_SECONDS = 0.2
_TOPIC = re.compile(rb"\r\ntopic: *(\S+)", re.IGNORECASE)


class Arrival(NamedTuple):
    """A message: its path, when it came (Unix seconds), its Topic, and its body in base64, if it is kept."""

    path: str
    at: float
    topic: str
    body: str


@dataclass(frozen=True)
class Sink:
    """A running one."""

    origin: str
    file: Path

    def arrivals(self) -> list[Arrival]:
        """Every message so far, in the order in which they came."""
        whole, _, _ = self.file.read_text().rpartition("\n")  # the last line may be half written
        lines = (line.split(" ") for line in whole.splitlines())
        return [Arrival(path, float(at), topic, body) for path, at, topic, body in lines]

    def count(self) -> int:
        """How many messages came so far. Asked again and again, it takes little from what is measured."""
        return self.file.read_bytes().count(b"\n")


@contextmanager
def sink(folder: Path, *, keeps_bodies: bool = False) -> Iterator[Sink]:
    """A sink until the block ends, with its file in this folder."""
    file = folder / f"arrivals-{time.monotonic_ns()}"
    file.touch()
    # It listens before its process is there, so that no message is refused.
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listening:
        port, descriptor = listening.getsockname()[1], listening.fileno()
        command = [sys.executable, "-m", "benchmarks.burst.sink", str(descriptor), str(file)]
        command += ["bodies"] if keeps_bodies else []
        process = subprocess.Popen(command, pass_fds=[descriptor])
    try:
        yield Sink(f"http://127.0.0.1:{port}", file)
    finally:
        process.terminate()
        process.wait()


class _Connection(asyncio.Protocol):
    def __init__(self, arrivals: TextIO, *, keeps_bodies: bool) -> None:
        self.arrivals, self.keeps_bodies = arrivals, keeps_bodies
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n") + 4) > 3:
            head, start = self.buffer[:end].lower(), end
            end += int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self.buffer) < end:
                return
            topic = _TOPIC.search(self.buffer, 0, end)
            body = b64encode(self.buffer[start:end]) if self.keeps_bodies else b""
            path = self.buffer.split(b" ", 2)[1]
            self._take(path.decode(), topic[1].decode() if topic else "", body.decode())
            self.buffer = self.buffer[end:]

    def _take(self, path: str, topic: str, body: str) -> None:
        self.arrivals.write(f"{path} {time.time()} {topic} {body}\n")
        how = path.split("/")[1]
        if how == "drip":
            self._drip()
        else:
            asyncio.get_running_loop().call_later(int(how) / 1000, self.transport.write, _ANSWER)

    def _drip(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"H")
            asyncio.get_running_loop().call_later(_DRIP_SECONDS, self._drip)


async def _serve(descriptor: int, file: str, *, keeps_bodies: bool) -> None:
    with open(file, "a", buffering=1) as arrivals:
        server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(arrivals, keeps_bodies=keeps_bodies),
            sock=socket.socket(fileno=descriptor),
            backlog=1000,
        )
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2], keeps_bodies=sys.argv[3:] == ["bodies"]))
