"""Connections to the mail server, kept for the next mail: a new one is six round trips with TLS and login."""

from collections.abc import Hashable
from select import select
from threading import Lock
from time import monotonic
from typing import NamedTuple

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend

# Mail servers end idle connections after some minutes (RFC 5321, 4.5.3.2), some of them sooner.
IDLE_SECONDS = 20.0


class _Idle(NamedTuple):
    server: EmailBackend
    since: float

    def may_be_used(self) -> bool:
        """Whether it is young, and the server has neither closed it nor said anything."""
        smtp = self.server.connection
        if smtp is None or smtp.sock is None or monotonic() - self.since > IDLE_SECONDS:
            return False
        return not select([smtp.sock], [], [], 0)[0]


_lock = Lock()
_idle: list[_Idle] = []


def send(mail: EmailMessage) -> None:
    """Send a mail by Django's mail backend; if that is SMTP, by a connection that is kept. Raises its errors.

    There are as many connections as mails are sent at the same time. One that fails is closed.
    """
    server = get_connection()
    if not isinstance(server, EmailBackend):
        mail.send()
        return
    server = _take(like=server) or server
    mail.connection = server
    try:
        server.open()
        mail.send()
    except BaseException:
        server.close()
        raise
    with _lock:
        _idle.append(_Idle(server, monotonic()))


def close_idle() -> None:
    """Close all connections that no mail is being sent by."""
    with _lock:
        left = _idle[:]
        _idle.clear()
    for idle in left:
        idle.server.close()


def _take(*, like: EmailBackend) -> EmailBackend | None:
    """The open connection to this server that is idle for longest. Those that cannot be used are closed."""
    while True:
        with _lock:
            if not _idle:
                return None
            idle = _idle.pop(0)
        if idle.may_be_used() and _address(idle.server) == _address(like):
            return idle.server
        idle.server.close()


def _address(server: EmailBackend) -> Hashable:
    return server.host, server.port, server.username, server.password, server.use_tls, server.use_ssl
