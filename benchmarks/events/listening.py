"""Clients of the live stream in a process of their own: when each change came."""

import asyncio
import json
import time
from pathlib import Path

THE_END = "The end"


def arrivals(port: int, tokens: list[str], all_open: Path) -> dict[str, float]:
    """The time of each event by its id, on a stream for each token, until each has had THE_END as a title.

    `all_open` is made when every stream is open: what is changed before that may be missed.
    """
    return asyncio.run(_all(port, tokens, all_open))


async def _all(port: int, tokens: list[str], all_open: Path) -> dict[str, float]:
    came: dict[str, float] = {}
    streams = [await _opened(port, token) for token in tokens]
    all_open.touch()
    async with asyncio.TaskGroup() as group:
        for reader, writer in streams:
            group.create_task(_listen(reader, writer, came))
    return came


async def _listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, came: dict[str, float]) -> None:
    async for line in reader:
        now = time.time()
        if line.startswith(b'data: {"id"'):
            update = json.loads(line.removeprefix(b"data: "))
            came[update["id"]] = now
            if update["changes"]["title"] == THE_END:
                break
    writer.close()


async def _opened(port: int, token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    head = f"GET /api/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # it is still starting
            await asyncio.sleep(0.1)
            continue
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        return reader, writer
