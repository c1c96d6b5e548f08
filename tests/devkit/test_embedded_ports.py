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
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        drawn = draw_first(monkeypatch, port, port - 1)
        assert free_port() not in (port, port - 1)
        assert drawn == []


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its server may not listen yet."""
    port = free_port()
    drawn = draw_first(monkeypatch, port, port - 1, port + 1)
    assert free_port() not in (port, port - 1, port + 1)
    assert drawn == []


def draw_first(monkeypatch: pytest.MonkeyPatch, *first: int) -> list[int]:
    """Have chance bring these ports before others; those that it has not brought yet."""
    draw, drawn = secrets.choice, [*first]
    monkeypatch.setattr("secrets.choice", lambda ports: drawn.pop() if drawn else draw(ports))
    return drawn
