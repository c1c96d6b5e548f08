"""A client that does not give up: what is not answered is asked again, with the same key."""

import json
import time
from http.client import HTTPConnection, HTTPException
from typing import Any
from uuid import uuid4

from tests.acceptance.calls import Answer
from tests.faults.journal import Entry, Journal, Trouble

PATIENCE_SECONDS = 300
_PAUSE = 0.25
# Long requests of processes that were killed may still hold the user's places.
_TOO_MANY = 429
# The server ends a connection on which nothing is asked for long; a request sent just then gets no response.
_LONGEST_IDLE = 5


class StubbornClient:
    """One user's, on a connection it keeps."""

    def __init__(self, port: int, journal: Journal, *, user_id: str = "", token: str = "") -> None:
        self.port, self.journal = port, journal
        self.user_id, self.token = user_id, token
        self._connection: HTTPConnection | None = None
        self._opened = self._used = 0.0

    def ask(self, method: str, path: str, body: Any = None, *, key: str = "") -> tuple[Entry, Answer]:
        """An answer below 500 and no 429, however long it takes. The caller completes and adds the entry."""
        request_id = key or uuid4().hex
        headers = {"X-Request-ID": request_id, "Idempotency-Key": request_id}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = self._until_answered(method, path, body, headers)
        entry = Entry(request_id, self.user_id, method, path, body, answer.status, answer.body)
        return entry, answer

    def _until_answered(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        sent = None if body is None else json.dumps(body)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            began = time.time()
            answer = self._try(method, path, sent, headers)
            began = began if answer else self._opened  # a connection may have been dead for a while
            status = answer.status if answer else 0
            if answer is not None and status < 500 and status != _TOO_MANY:
                return answer
            if status != _TOO_MANY:
                self.journal.add_trouble(Trouble(began, time.time(), status, f"{method} {path}"))
            assert time.monotonic() < deadline, f"{method} {path}: {answer}"
            time.sleep(_PAUSE)

    def _try(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer | None:
        """The answer; None when the connection broke."""
        if self._used < time.time() - _LONGEST_IDLE:
            self.close()
        if self._connection is None:
            self._connection, self._opened = HTTPConnection("127.0.0.1", self.port, timeout=60), time.time()
        self._used = time.time()
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, HTTPException):
            self.close()
            return None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
