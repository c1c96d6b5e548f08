"""Closes idle connections when this process is about to have no file left.

Each connection is a file. When none is left, the server accepts no connection and requests cannot connect to
the database. Clients that send nothing could keep it in that state, a minute at a time.
"""

import os
import resource
import socket
from collections.abc import Collection
from contextlib import suppress

# What answering requests itself needs, with room for some.
RESERVE = 48


def files_are_short() -> bool:
    """Whether fewer than RESERVE files are left; a new file has the lowest number that is free."""
    limit, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        lowest = os.dup(0)
    except OSError:
        return True
    os.close(lowest)
    return limit != resource.RLIM_INFINITY and lowest > limit - RESERVE


def close_idle(busy: Collection[str]) -> int:
    """Shut down connections to this process's listening ports whose client (`host:port`) is not busy.

    Returns how many. Opens no file, since there may be none left.
    """
    limit, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    accepted, ports = {}, set()
    for number in range(limit):
        with suppress(OSError):
            one = socket.socket(fileno=number)
            try:
                if one.family not in (socket.AF_INET, socket.AF_INET6) or one.type != socket.SOCK_STREAM:
                    continue
                if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    ports.add(one.getsockname()[1])
                else:
                    accepted[number] = one.getsockname()[1], _written(one.getpeername())
            finally:
                one.detach()
    idle = [number for number, (port, client) in accepted.items() if port in ports and client not in busy]
    for number in idle:
        _shut_down(number)
    return len(idle)


def _shut_down(number: int) -> None:
    """The server then closes it, as if the client had gone."""
    with suppress(OSError):
        one = socket.socket(fileno=number)
        try:
            one.shutdown(socket.SHUT_RDWR)
        finally:
            one.detach()


def _written(address: tuple[str, int]) -> str:
    """As RSGI writes it."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
