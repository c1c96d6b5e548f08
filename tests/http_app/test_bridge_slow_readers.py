"""A client that does not read its answer does not keep its connection for good."""

import os
import socket
import sys
import time

import pytest

from http_app.bridge import slow_readers
from http_app.bridge.slow_readers import end_slow_readers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's")


def test_listening_sockets_are_found_and_their_connections_inherit_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert end_slow_readers() >= 1
        with socket.create_connection(listening.getsockname()) as client:
            accepted, _address = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
            assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0


def test_no_file_stays_open() -> None:
    with open(os.devnull) as _no_socket, socket.create_server(("127.0.0.1", 0)):
        before = set(os.listdir("/proc/self/fd"))
        end_slow_readers()
        assert set(os.listdir("/proc/self/fd")) <= before  # an earlier test's thread may just close one


@pytest.mark.slow
def test_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_readers, "SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        end_slow_readers()
        with socket.create_connection(listening.getsockname()):
            accepted, _address = listening.accept()
            started = time.monotonic()
            with accepted, pytest.raises(TimeoutError):
                accepted.sendall(b"x" * 30_000_000)
            assert 1 <= time.monotonic() - started < 60
