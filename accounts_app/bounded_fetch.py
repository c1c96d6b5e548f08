"""GET of a URL from the settings, with a deadline for the whole answer and a limit of its size.

A timeout of urllib is one for each read: a server that sends a byte each second would never reach it.
"""

import socket
import time
from http.client import HTTPConnection, HTTPSConnection
from io import BufferedReader, RawIOBase
from typing import Any
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, build_opener


def fetch(url: str, *, seconds: float, max_bytes: int) -> bytes:
    """The body of the answer, without following redirects.

    Raises OSError (URLError and TimeoutError are kinds of it), HTTPException, and ValueError if the body is
    longer than `max_bytes`.
    """
    opener = build_opener(_WithDeadline(time.monotonic() + seconds), _NoRedirects())
    with opener.open(url, timeout=seconds) as answer:
        body: bytes = answer.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise ValueError(f"The answer has more than {max_bytes} bytes.")
    return body


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        return None


class _WithDeadline(HTTPSHandler, HTTPHandler):
    """Opens connections whose reads share one deadline."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: Any) -> Any:
        return self.do_open(self._kind_of(HTTPConnection), req)

    def https_open(self, req: Any) -> Any:
        return self.do_open(self._kind_of(HTTPSConnection), req)

    def _kind_of(self, base: Any) -> Any:
        deadline = self._deadline

        class Connection(base):  # type: ignore[misc] # one of two classes
            def connect(self) -> None:
                super().connect()
                self.sock: Any = _Connected(self.sock, deadline)

        return Connection


class _Connected:
    """A connected socket, as http.client uses one."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket, self._deadline = connected, deadline

    def makefile(self, *_args: Any, **_options: Any) -> BufferedReader:
        return BufferedReader(_ReadsUntil(self._socket, self._deadline))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


class _ReadsUntil(RawIOBase):
    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket, self._deadline = connected, deadline
        self._reads = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("The answer took too long.")
        self._socket.settimeout(left)
        return self._reads.readinto(buffer)

    def close(self) -> None:
        self._reads.close()
        super().close()
