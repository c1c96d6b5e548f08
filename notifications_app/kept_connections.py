"""Connections kept for the next request to the same origin: this saves half the time of a send, with TLS."""

import socket
from collections.abc import Mapping
from http.client import HTTPConnection
from select import select
from threading import Lock
from time import monotonic

# Servers end idle connections too, most of them later. A connection also follows a name to its new address.
IDLE_SECONDS = 20.0
LONGEST_SECONDS = 120.0
# Origins are user input.
MOST = 256


class PinnedConnection(HTTPConnection):
    """HTTP over a socket that is connected. It never connects by itself: it would resolve the name."""

    auto_open = 0

    def __init__(self, host: str, port: int, connected: socket.socket) -> None:
        super().__init__(host, port)
        self.sock = connected
        self.made_at = self.idle_since = monotonic()
        self._unsent: list[bytes] = []

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Keep a part of the request for `post`."""
        self._unsent.append(data)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Send a request in one write. The class itself makes two of it: the head, and the body."""
        assert self.sock
        self._unsent.clear()
        self.request("POST", path, body, headers)
        self.sock.sendall(b"".join(self._unsent))

    def may_be_used(self) -> bool:
        """Whether it is young, and the server has neither closed it nor said anything."""
        now = monotonic()
        if now - self.idle_since > IDLE_SECONDS or now - self.made_at > LONGEST_SECONDS:
            return False
        return not select([self.sock], [], [], 0)[0]


class KeptConnections:
    """The idle connections of a process, the one used last at the end. For all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: dict[str, list[PinnedConnection]] = {}

    def take(self, origin: str) -> PinnedConnection | None:
        """A connection that is still open, as far as can be seen; it is the caller's now."""
        while connection := self._pop(origin):
            if connection.may_be_used():
                return connection
            connection.close()
        return None

    def give(self, origin: str, connection: PinnedConnection) -> None:
        """Keep it, in place of the one that is idle for longest if there are too many."""
        connection.idle_since = monotonic()
        with self._lock:
            self._idle.setdefault(origin, []).append(connection)
            is_full = sum(map(len, self._idle.values())) > MOST
            longest = min(self._idle, key=lambda key: self._idle[key][0].idle_since) if is_full else None
        if longest and (oldest := self._pop(longest, first=True)):
            oldest.close()

    def close(self) -> None:
        """Close all that are idle now."""
        for origin in list(self._idle):
            while connection := self._pop(origin):
                connection.close()

    def _pop(self, origin: str, *, first: bool = False) -> PinnedConnection | None:
        with self._lock:
            idle = self._idle.get(origin, [])
            connection = idle.pop(0 if first else -1) if idle else None
            if not idle:
                self._idle.pop(origin, None)
            return connection
