"""When files run out, connections without a request are closed, and no others."""

import os
import resource
import socket
import sys
from collections.abc import Iterator

import pytest

from http_app.bridge.idle_connections import RESERVE, close_idle, files_are_short

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files of other systems have other names")


@pytest.fixture
def few_files() -> Iterator[None]:
    """So few that they are short; how many are left depends on what this process has open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + RESERVE // 2, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_files_are_short_near_the_limit(few_files: None) -> None:
    assert files_are_short()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft + RESERVE, hard))
    assert not files_are_short()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_idle_connections_are_closed_and_busy_ones_are_not(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, 0), family=family) as listening,
        socket.create_connection(listening.getsockname()[:2]) as idle,
        socket.create_connection(listening.getsockname()[:2]) as busy,
        listening.accept()[0],
        listening.accept()[0] as accepted,
    ):
        port = busy.getsockname()[1]
        assert close_idle({f"[{host}]:{port}" if ":" in host else f"{host}:{port}"}) == 1
        assert idle.recv(1) == b""
        accepted.sendall(b"x")
        assert busy.recv(1) == b"x"
