"""Connections are used again for the same origin, while they are open and not too old."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from notifications_app import kept_connections, pinned_http
from notifications_app.endpoints import Endpoint
from notifications_app.kept_connections import IDLE_SECONDS, LONGEST_SECONDS
from notifications_app.pinned_http import UnreachableError, post
from tests.monotonic import Monotonic

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


class Server:
    """Answers each request with the next of `answers`; b"" ends the connection without an answer."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.connections = self.requests = self.resolved = 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=[peer], daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        with closing(peer):
            while self._has_come(peer):
                self.requests += 1
                answer = self.answers.pop(0) if self.answers else CREATED
                peer.sendall(answer)
                if not answer or b"Connection: close" in answer:
                    return

    def _has_come(self, peer: socket.socket) -> bool:
        while data := peer.recv(65536):
            if b"hello" in data:
                return True
        return False

    def addresses(self) -> list[str]:
        self.resolved += 1
        return ["127.0.0.1"]

    def send(self) -> int:
        endpoint = Endpoint("http", "push.example.test", self.port, "/a")
        return post(endpoint, self.addresses, body=b"hello", headers={}).status


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.listening.shutdown(socket.SHUT_RDWR)
    running.listening.close()


def test_the_next_message_takes_the_same_connection_and_asks_no_dns(server: Server) -> None:
    assert [server.send() for _ in range(3)] == [201] * 3
    assert (server.connections, server.resolved, server.requests) == (1, 1, 3)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 403 No\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000,  # more than is read
        b"HTTP/1.0 201 Created\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_what_cannot_be_used_again_is_not_kept(server: Server, answer: bytes) -> None:
    server.answers = [answer]
    server.send()
    assert server.send() == 201
    assert server.connections == 2


def test_one_that_the_server_ends_when_it_gets_the_message_is_replaced(server: Server) -> None:
    server.answers = [CREATED, b""]
    server.send()
    assert server.send() == 201
    assert (server.connections, server.requests) == (2, 3)


def test_a_new_one_that_ends_without_an_answer_is_no_answer(server: Server) -> None:
    server.answers = [b""]
    with pytest.raises(UnreachableError):
        server.send()
    assert server.connections == 1


@pytest.mark.parametrize(("uses", "seconds"), [(1, IDLE_SECONDS), (8, LONGEST_SECONDS / 8)])
def test_an_old_one_is_replaced(
    server: Server, uses: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Monotonic()
    monkeypatch.setattr(kept_connections, "monotonic", clock.monotonic)
    for _ in range(uses):
        server.send()
        clock.now += seconds
    assert server.connections == 1
    clock.now += 0.1
    server.send()
    assert server.connections == 2


def test_there_are_never_too_many(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "MOST", 1)
    other = Server()
    for _ in range(2):  # each takes the place of the other's
        assert (server.send(), other.send()) == (201, 201)
    assert (server.connections, other.connections) == (2, 2)
    other.listening.close()


def test_none_is_left_after_a_run(server: Server) -> None:
    server.send()
    pinned_http.close_idle()
    server.send()
    assert server.connections == 2
