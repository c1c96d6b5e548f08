"""What granian gives an RSGI application, as far as the bridge uses it (specification 1.6)."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


class Headers:
    """Names in lower case; values that are not ASCII are there by name only."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = [(name.lower(), value) for name, value in pairs]

    def __contains__(self, name: str) -> bool:
        return any(name == one for one, _value in self._pairs)

    def items(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._pairs if value.isascii()]

    def get(self, name: str, default: Any = None) -> Any:
        return next((value for one, value in self.items() if one == name), default)


@dataclass
class Scope:
    headers: Headers = field(default_factory=lambda: Headers([("host", "localhost")]))
    method: str = "GET"
    path: str = "/"
    query_string: str = ""
    http_version: str = "1.1"
    scheme: str = "http"
    server: str = "127.0.0.1:8000"
    client: str = "192.0.2.7:50000"
    authority: str | None = None


class Protocol:
    """A body that comes in these chunks; None is a client that sends nothing more."""

    def __init__(self, chunks: Sequence[bytes | None] = ()) -> None:
        self._chunks = iter([*chunks, b""])

    def __aiter__(self) -> "Protocol":
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = next(self._chunks)
        except StopIteration:
            raise StopAsyncIteration from None
        if chunk is None:
            await asyncio.Event().wait()
        return chunk or b""
