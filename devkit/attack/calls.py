"""Requests of attackers and victims: one connection each, to this machine only."""

import asyncio
import json
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes

    @property
    def body(self) -> Any:
        """The JSON."""
        return json.loads(self.content)


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """A connection that ends with the block, whatever was sent."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def message(method: str, path: str, body: object = None, *, token: str = "", **headers: str) -> bytes:
    """A request as it goes over the wire; names of headers with `_` for `-`, except X_Forwarded_For."""
    content = b"" if body is None else json.dumps(body).encode()
    head = {"Host": "localhost", "Connection": "close"}
    head |= {"Content-Type": "application/json", "Content-Length": str(len(content))} if content else {}
    head |= {"Authorization": f"Bearer {token}"} if token else {}
    head |= {
        name if name == "X_Forwarded_For" else name.replace("_", "-"): text for name, text in headers.items()
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {text}" for name, text in head.items()), "", ""]
    return "\r\n".join(lines).encode() + content


async def ask(port: int, sent: bytes, *, seconds: float = 20) -> Answer:
    """Raises OSError (TimeoutError too) or EOFError when there is no whole answer in time."""
    async with asyncio.timeout(seconds), connection(port) as (reader, writer):
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return Answer(int(head[9:12]), await reader.readexactly(int(length[1])) if length else b"")


async def status_of(port: int, sent: bytes, *, seconds: float = 60) -> int:
    """The status; 0 without an answer."""
    try:
        return (await ask(port, sent, seconds=seconds)).status
    except (OSError, EOFError):
        return 0


@dataclass(frozen=True)
class Account:
    """Someone with an account: the address, the password and an access token."""

    email: str
    password: str
    token: str


async def sign_up(port: int, name: str) -> Account:
    """A new user. Raises RuntimeError when the instance refuses."""
    credentials: Mapping[str, str] = {
        "email": f"{name}@example.com",
        "password": f"correct horse {name} staple",
    }
    for path in ("/api/auth/register", "/api/auth/token"):
        answer = await ask(port, message("POST", path, credentials), seconds=60)
        if answer.status not in (200, 201):
            raise RuntimeError(f"{path} answers {answer.status}: {answer.content[:300]!r}")
    return Account(**credentials, token=answer.body["access"])
