"""The ports that an instance gets for its servers."""

import secrets
import socket
from pathlib import Path

import pytest

from devkit.embedded.ports import free_port

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not EPHEMERAL.exists(), reason="another system says it in another way")
def test_no_outgoing_connection_can_take_it_before_its_server_does() -> None:
    lowest = int(EPHEMERAL.read_text().split()[0])
    assert max(free_port() for _ in range(100)) + 1 < lowest


def test_no_one_listens_there_nor_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = secrets.choice
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        drawn = [port, port - 1]
        monkeypatch.setattr("secrets.choice", lambda ports: drawn.pop() if drawn else draw(ports))
        assert free_port() not in (port, port - 1)
        assert drawn == []
