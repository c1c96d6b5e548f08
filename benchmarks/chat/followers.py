"""Clients that follow their turns, in a process of their own."""

import asyncio
import json
import time
from pathlib import Path


def follow_until(port: int, tokens: list[str], all_open: Path, stop: Path) -> float:
    """Begin a turn with each token and follow it until there is the file `stop`; pieces of text a second.

    `all_open` is made when every turn has had its first piece. Raises RuntimeError if one ends before.
    """
    return asyncio.run(_all(port, tokens, all_open, stop))


async def _all(port: int, tokens: list[str], all_open: Path, stop: Path) -> float:
    readers = [await _begun(port, token) for token in tokens]
    for reader, _writer in readers:
        await reader.readuntil(b"event: text")  # the first waits for an import of seconds
    all_open.touch()
    pieces, started = [0], time.monotonic()
    following = [asyncio.create_task(_follow(reader, pieces)) for reader, _writer in readers]
    while not stop.exists():
        await asyncio.sleep(0.05)
        if ended := [one for one in following if one.done()]:
            raise RuntimeError(f"{len(ended)} turns ended: {ended[0].result()}")
    rate = pieces[0] / (time.monotonic() - started)
    for one in following:
        one.cancel()
    for _reader, writer in readers:
        writer.close()
    return rate


async def _follow(reader: asyncio.StreamReader, pieces: list[int]) -> str:
    """Count the pieces; the last lines, if it ends."""
    last = ""
    async for line in reader:
        if line.startswith(b"event: text"):
            pieces[0] += 1
        last = last[-300:] + line.decode()
    return last


async def _begun(port: int, token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"message": "What is due today?"}).encode()
    head = (
        "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Accept: text/event-stream\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError((answer + await reader.read(500)).decode())
    await reader.readuntil(b"event: turn")
    return reader, writer
