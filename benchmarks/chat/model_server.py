"""A server that speaks OpenAI's protocol, in a process of its own, so that it shares no interpreter with us.

The path says how it answers: `/at_once/v1`, `/silent/v1` (a piece, then nothing), `/slow/v1` (a piece ten
times a second, without an end).
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

PIECE_SECONDS = 0.1
TEXT = "Two tasks are due today."
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: keep-alive\r\n"


@contextmanager
def model_server() -> Iterator[str]:
    """Its URL, until the end of the block."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=[there], daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(told: Connection) -> None:
    asyncio.run(_forever(told))


async def _forever(told: Connection) -> None:
    server = await asyncio.start_server(_talk, "127.0.0.1", 0)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lengths = [line for line in head.lower().split("\r\n") if line.startswith("content-length:")]
            await reader.readexactly(int(lengths[0].split(":")[1]))
            await _ANSWERS[head.split("/")[1]](reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the client has gone
    finally:
        writer.close()


async def _at_once(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"%sContent-Length: %d\r\n\r\n%s" % (_HEAD, len(_WHOLE), _WHOLE))
    await writer.drain()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + _A_PIECE)
    await reader.read()  # until the client goes


async def _slow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(_A_PIECE)
        await writer.drain()
        await asyncio.sleep(PIECE_SECONDS)


_ANSWERS = {"at_once": _at_once, "silent": _silent, "slow": _slow}


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    about = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000}
    return {**about, "model": "bench", "choices": [choice]}


def _line(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _pieces() -> list[str]:
    return [f"{word} " for word in TEXT.split(" ")]


def _whole() -> bytes:
    usage = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}
    chunks = [
        _chunk({"role": "assistant", "content": ""}),
        *(_chunk({"content": word}) for word in _pieces()),
        _chunk({}, "stop"),
        {**_chunk({}), "choices": [], "usage": usage},
    ]
    return b"".join(map(_line, chunks)) + b"data: [DONE]\n\n"


def _a_piece() -> bytes:
    piece = _line(_chunk({"content": "word "}))
    return b"%x\r\n%s\r\n" % (len(piece), piece)


_WHOLE = _whole()
_A_PIECE = _a_piece()
