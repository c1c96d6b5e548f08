"""One request after the other, on one connection, with the answer as Python."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

from benchmarks.stage import Web


class Asking:
    """A client of one web process: `ask("GET", "/api/tasks")`. Raises RuntimeError for an error's status."""

    def __init__(self, connection: HTTPConnection, token: str) -> None:
        self._connection = connection
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object = None) -> Any:
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status}: {text[:500]!r}")
        return json.loads(text) if text else None


@contextmanager
def asking(web: Web, token: str) -> Iterator[Asking]:
    connection = HTTPConnection("127.0.0.1", web.port, timeout=60)
    try:
        yield Asking(connection, token)
    finally:
        connection.close()
