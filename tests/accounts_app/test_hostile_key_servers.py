"""Key servers that send slowly or without end: a token waits for a moment, and other tokens not at all."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from itertools import islice
from socket import create_connection, create_server, socket
from threading import Event, Thread
from time import monotonic as seconds
from typing import Any
from uuid import uuid4

import pytest

from accounts_app import provider_keys
from accounts_app.bounded_fetch import fetch
from accounts_app.provider_keys import ProviderUnavailable
from tests.acceptance.processes import eventually

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MEGABYTE = 1024 * 1024


class KeyServer:
    """Listens on this machine and answers each request by `answer(connection)`."""

    def __init__(self, answer: Callable[["KeyServer", socket], None]) -> None:
        self.sent = self.asked = 0
        self.ended = Event()
        self._answer = answer
        self._listening = create_server(("127.0.0.1", 0))
        self.address = self._listening.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}/{uuid4()}"
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with connection, suppress(OSError):
                if self.ended.is_set():
                    return
                connection.recv(10_000)
                self.asked += 1
                self._answer(self, connection)

    def send(self, connection: socket, data: bytes) -> None:
        connection.sendall(data)
        self.sent += len(data)

    def close(self) -> None:
        self.ended.set()
        create_connection(self.address).close()
        self._thread.join()
        self._listening.close()


def drip_body(server: KeyServer, connection: socket) -> None:
    server.send(connection, HEAD + b"Content-Length: 1000000\r\n\r\n")
    while not server.ended.wait(0.02):
        server.send(connection, b" ")


def drip_headers(server: KeyServer, connection: socket) -> None:
    server.send(connection, HEAD)
    while not server.ended.wait(0.02):
        server.send(connection, b"x")


def send_without_end(server: KeyServer, connection: socket) -> None:
    server.send(connection, HEAD + b"Content-Length: 314572800\r\n\r\n")
    while server.sent < 300 * MEGABYTE:
        server.send(connection, b" " * MEGABYTE)


def send_chunks_without_end(server: KeyServer, connection: socket) -> None:
    server.send(connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while server.sent < 300 * MEGABYTE:
        server.send(connection, b"100000\r\n" + b" " * MEGABYTE + b"\r\n")


def keep_silent(server: KeyServer, _connection: socket) -> None:
    server.ended.wait(30)


@pytest.fixture
def serve() -> Iterator[Callable[..., KeyServer]]:
    servers: list[KeyServer] = []

    def start(answer: Any) -> KeyServer:
        servers.append(KeyServer(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize("answer", [drip_body, drip_headers, keep_silent])
def test_an_answer_has_one_deadline_for_all_of_it(serve: Any, answer: Any) -> None:
    began = seconds()
    with pytest.raises(OSError, match=r"took too long|timed out"):
        fetch(serve(answer).url, seconds=0.3, max_bytes=MEGABYTE)
    assert 0.2 < seconds() - began < 20


@pytest.mark.parametrize("answer", [send_without_end, send_chunks_without_end])
def test_no_more_than_the_limit_is_read(serve: Any, answer: Any) -> None:
    server = serve(answer)
    with pytest.raises(ValueError, match="more than 1048576 bytes"):
        fetch(server.url, seconds=20, max_bytes=MEGABYTE)
    assert server.sent < 20 * MEGABYTE  # what the sockets buffer


def asking(keys: provider_keys.ProviderKeys, number: int) -> int:
    with pytest.raises(ProviderUnavailable) as refused:
        keys.key(f"unknown {number}")
    return refused.value.wait


def test_few_requests_wait_for_a_slow_server(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_keys, "WAIT_SECONDS", 60)
    monkeypatch.setattr(provider_keys, "TIMEOUT_SECONDS", 60)
    server = serve(drip_body)
    keys = provider_keys.ProviderKeys(server.url)
    with ThreadPoolExecutor(8) as pool:
        requests = [pool.submit(asking, keys, number) for number in range(8)]
        refused = list(islice(as_completed(requests, 60), 8 - provider_keys.WAITING_REQUESTS))
        assert {one.result() for one in refused} == {1}
        assert sum(one.running() for one in requests) == provider_keys.WAITING_REQUESTS
        eventually(lambda: server.asked)
        server.ended.set()
    assert server.asked == 1


def test_they_wait_for_a_moment(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_keys, "WAIT_SECONDS", 0.1)
    monkeypatch.setattr(provider_keys, "TIMEOUT_SECONDS", 60)
    assert asking(provider_keys.ProviderKeys(serve(drip_body).url), 1) == 1  # the fetch goes on
