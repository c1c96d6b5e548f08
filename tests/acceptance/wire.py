"""HTTP/1.1 as it goes over the wire: what no ordinary client would send, and all that comes back."""

import socket
from collections.abc import Mapping
from typing import NamedTuple

import h11


class Reply(NamedTuple):
    """`interim`: the statuses before the answer, such as 100; `closed`: the server ended the connection."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    interim: tuple[int, ...]
    closed: bool


class Wire:
    """One connection."""

    def __init__(self, port: int, timeout: float = 60) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._left = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_error: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)

    def reply(self, method: str = "GET") -> Reply:
        """The next answer, to a request with this method."""
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method=method, target="/", headers=[("Host", "localhost")]))
        parser.send(h11.EndOfMessage())
        if self._left:  # without it the connection would count as closed
            parser.receive_data(self._left)
        interim, head, body = [], None, b""
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(self.socket.recv(65536))
            elif isinstance(event, h11.InformationalResponse):
                interim.append(event.status_code)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                raise AssertionError(f"no answer: {event}")
        assert head
        self._left = parser.trailing_data[0]
        headers = {name.decode(): value.decode() for name, value in head.headers}
        return Reply(head.status_code, headers, body, tuple(interim), headers.get("connection") == "close")

    def is_closed(self) -> bool:
        """Whether the server ends the connection, without another byte."""
        return self._left == b"" and self.socket.recv(1) == b""


def request(method: str, path: str, *headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    """A request with these header lines; a body gets its length unless a line gives one."""
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost", *headers]
    named = " ".join(headers).lower()
    if body and "content-length" not in named and "transfer-encoding" not in named:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunks(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end


def ask(port: int, message: bytes) -> Reply:
    """Send one request on a connection of its own."""
    with Wire(port) as wire:
        wire.send(message)
        return wire.reply(message.split(b" ", 1)[0].decode())
