"""Ends the connections of clients that do not read their answers.

Granian has no limit for it, so each such connection would keep its answer in memory for good.
"""

import os
import socket
from contextlib import suppress

SECONDS = 60


def end_slow_readers() -> int:
    """Have the system close connections, accepted from now on, whose client reads nothing for SECONDS.

    Granian creates the listening sockets, so they are searched for. Returns how many were found: none if the
    system has no such limit (TCP_USER_TIMEOUT, tcp(7) of Linux) or does not list a process's files.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT") or not os.path.isdir("/proc/self/fd"):
        return 0
    return sum(_limit(int(number)) for number in os.listdir("/proc/self/fd"))


def _limit(number: int) -> bool:
    """Whether this file is a TCP socket that listens; connections inherit its options."""
    with suppress(OSError):
        one = socket.socket(fileno=number)  # no duplicate: of what is no socket, it would stay open
        try:
            if one.family != socket.AF_UNIX and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SECONDS * 1000)
                return True
        finally:
            one.detach()
    return False
