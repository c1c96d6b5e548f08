"""The load: HTTP/1.1 on connections that stay open, each sending its next request when it has the answer.

Requests are prepared as bytes, and only the status and the length of a response are read, so that the
generator takes little of the processors it shares with what it measures. How little, every turn says.
"""

import asyncio
import re
import time
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from json import dumps

from benchmarks.measuring import Turn
from benchmarks.stage import Web

CONNECTIONS = 16
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class UnexpectedAnswer(Exception):  # noqa: N818 - what it is
    """A status that the benchmark does not allow, with the beginning of the body."""


def request(method: str, path: str, *, token: str = "", body: object = None) -> bytes:
    """One request as it goes over the wire; `body` is sent as JSON."""
    content = b"" if body is None else dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    head += [f"Authorization: Bearer {token}"] if token else []
    head += ["Content-Type: application/json", f"Content-Length: {len(content)}"] if content else []
    return "\r\n".join([*head, "", ""]).encode() + content


def load(
    web: Web,
    scripts: Sequence[Iterable[bytes]],
    *,
    seconds: float = float("inf"),
    allowed: Collection[int] = (200, 201),
) -> Turn:
    """Send each script on a connection of its own, to its end or until the time is over; at least once.

    Raises UnexpectedAnswer for a status that is not `allowed`.
    """
    server, processor, started = web.processor_seconds(), time.process_time(), time.perf_counter()
    latencies = asyncio.run(_load(web.port, scripts, started + seconds, allowed))
    return Turn(
        latencies=latencies,
        seconds=time.perf_counter() - started,
        server_seconds=web.processor_seconds() - server,
        generator_seconds=time.process_time() - processor,
    )


async def _load(
    port: int, scripts: Sequence[Iterable[bytes]], until: float, allowed: Collection[int]
) -> list[float]:
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in scripts]
    try:
        async with asyncio.TaskGroup() as group:
            talks = [
                group.create_task(_talk(*pair, script, until, allowed))
                for pair, script in zip(streams, scripts, strict=True)
            ]
    except* UnexpectedAnswer as several:
        raise several.exceptions[0] from None
    finally:
        for _reader, writer in streams:
            writer.close()
    return list(chain.from_iterable(talk.result() for talk in talks))


async def _talk(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    script: Iterable[bytes],
    until: float,
    allowed: Collection[int],
) -> list[float]:
    latencies: list[float] = []
    for message in script:
        sent = time.perf_counter()
        if latencies and sent >= until:
            break
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _CONTENT_LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        latencies.append(time.perf_counter() - sent)
        if int(head[9:12]) not in allowed:
            raise UnexpectedAnswer(f"{head[9:12].decode()}: {body[:500].decode(errors='replace')}")
    return latencies
