"""A client of the live stream, which reads only when asked to."""

import json
import socket
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Message:
    event: str
    id: str
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text)


@dataclass
class StreamClient:
    """One request for the stream on a connection of its own."""

    port: int
    token: str = ""
    last_event_id: str = ""
    query: str = ""
    receive_buffer: int = 0
    timeout: float = 60.0
    heartbeats: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        self._socket = socket.socket()
        if self.receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        self._socket.settimeout(self.timeout)
        self._socket.connect(("127.0.0.1", self.port))
        headers = {"Host": "127.0.0.1", "Accept": "text/event-stream"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.last_event_id:
            headers["Last-Event-ID"] = self.last_event_id
        lines = [
            f"GET /api/stream{self.query} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = self._socket.makefile("rb")

    def open(self) -> "StreamClient":
        """Read the head of the response, and the body if it is not a stream."""
        self.status = int(self._file.readline().split()[1])
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value
        if self.status != 200:
            self.body = self._file.read(int(self.headers["content-length"]))
            self.close()
        return self

    def next(self) -> Message | None:
        """The next message; None when the stream has ended. Raises TimeoutError, ConnectionError."""
        fields: dict[str, str] = {}
        while (line := self._line()) is not None:
            if line.startswith(":"):
                self.heartbeats += 1
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                return Message(fields.get("event", ""), fields.get("id", ""), fields.get("data", ""))
        return None

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _line(self) -> str | None:
        while b"\n" not in self.body:
            size = int(self._file.readline() or b"0", 16)
            if not size:
                return None
            self.body += self._file.read(size)
            self._file.readline()
        line, _, self.body = self.body.partition(b"\n")
        return line.decode()
