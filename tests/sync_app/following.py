"""Clients that follow their user's stream, reconnect after every cut and record what they received."""

import asyncio
import json
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass
class Follower:
    """Reconnects repeatedly, each time after the last event it received."""

    port: int
    user: str
    token: str
    longest_life: float
    last: str = ""
    began: float = 0.0
    last_reset: float = 0.0
    connections: int = 0
    resets: int = 0
    seen: dict[tuple[int, int], float] = field(default_factory=dict)
    repeats: int = 0
    refused: dict[int, int] = field(default_factory=dict)

    async def follow(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            # The test kills the server.
            with suppress(OSError, asyncio.IncompleteReadError, ValueError):
                await self._one_life(stop)
            await asyncio.sleep(random.uniform(0.05, 0.5))

    async def _one_life(self, stop: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self._request())
            head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).decode()
            status = int(head.split()[1])
            if status != 200:
                self.refused[status] = self.refused.get(status, 0) + 1
                return
            self.connections += 1
            life = random.uniform(0, self.longest_life)
            read = asyncio.create_task(self._read(reader))
            cut = asyncio.create_task(stop.wait())
            await asyncio.wait({read, cut}, timeout=life, return_when=asyncio.FIRST_COMPLETED)
            for task in (read, cut):
                task.cancel()
            await asyncio.gather(read, cut, return_exceptions=True)
        finally:
            writer.transport.abort()

    def _request(self) -> bytes:
        lines = ["GET /api/stream HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {self.token}"]
        lines += [f"Last-Event-ID: {self.last}"] if self.last else []
        return "\r\n".join([*lines, "", ""]).encode()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        text = b""
        while size := int((await reader.readline()).strip() or b"0", 16):
            text += await reader.readexactly(size)
            await reader.readline()
            *messages, text = text.split(b"\n\n")
            for message in messages:
                self._note(message.decode())

    def _note(self, message: str) -> None:
        fields = dict(line.split(": ", 1) for line in message.split("\n") if not line.startswith(":"))
        if not fields:
            return
        self.last = fields["id"]
        if fields["event"] == "reset":
            self.resets += 1
            self.last_reset = time.monotonic()
        elif fields["event"] == "ready":
            self.began = self.began or time.monotonic()
        else:
            data = json.loads(fields["data"])
            change = (data["task_id"], data["version"])
            self.repeats += change in self.seen
            self.seen[change] = time.monotonic()
