"""POST to an address that has been checked. SNI, the Host header and the certificate still use the name.

Connections are kept for the next POST to the same origin, and stay with the address that was checked when
they were made. The usual HTTP clients resolve the name again, may follow redirects, and read a response of
any length into memory.
"""

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import cast

import certifi

from notifications_app.deadlines import Deadlines
from notifications_app.endpoints import Endpoint
from notifications_app.kept_connections import KeptConnections, PinnedConnection

CONNECT_SECONDS = 5.0  # to one address
_ADDRESSES_TRIED = 3
READ_SECONDS = 10.0  # without a byte
# For everything, from the name to the end of the response. If that arrives a byte at a time, the timeout of a
# read never ends it.
ANSWER_SECONDS = 15.0
_ANSWER_BYTES = 1000

_kept = KeptConnections()
_deadlines = Deadlines()


class UnreachableError(Exception):
    """There was no response; the text says why."""


@dataclass(frozen=True)
class Answer:
    """An HTTP response: the status, the unparsed Retry-After, the beginning of the body, and all headers."""

    status: int
    retry_after: str | None
    text: str
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)  # found in any case


def post(
    endpoint: Endpoint,
    addresses: Callable[[], Sequence[str]],
    *,
    body: bytes,
    headers: Mapping[str, str],
    until: float | None = None,
) -> Answer:
    """Send the body to the first of the addresses that accepts a connection, without following redirects.

    `addresses` is called when there is no kept connection; it checks them. What it raises is raised here.
    `until` is a time of monotonic(), by default ANSWER_SECONDS from now.
    Raises UnreachableError if there is no response in time.
    """
    until = monotonic() + ANSWER_SECONDS if until is None else until
    try:
        if kept := _kept.take(endpoint.origin):
            with suppress(ConnectionError):  # it ended while it was idle, before there was a response
                return _exchange(endpoint, kept, body, headers, until)
        return _exchange(endpoint, _connect(endpoint, addresses(), until), body, headers, until)
    except (HTTPException, OSError) as error:
        raise UnreachableError(str(error) or type(error).__name__) from error


def close_idle() -> None:
    """Close the connections that are kept."""
    _kept.close()


def _connect(endpoint: Endpoint, addresses: Sequence[str], until: float) -> PinnedConnection:
    reason: OSError = TimeoutError("the time was up before there was a connection")
    for address in addresses[:_ADDRESSES_TRIED]:
        left = until - monotonic()
        if left <= 0:
            break
        try:
            connected = socket.create_connection((address, endpoint.port), min(CONNECT_SECONDS, left))
        except OSError as error:
            reason = error  # nothing was sent, so the next address can be tried
        else:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            encrypted = _encrypted(endpoint, connected, until)
            return PinnedConnection(endpoint.host, endpoint.port, encrypted)
    raise reason


def _encrypted(endpoint: Endpoint, connected: socket.socket, until: float) -> socket.socket:
    if endpoint.scheme == "http":
        return connected
    tls = _tls().wrap_socket(connected, server_hostname=endpoint.host, do_handshake_on_connect=False)
    try:
        with _deadlines.cut(tls, until):
            tls.do_handshake()
    except BaseException:
        tls.close()
        raise
    return tls


def _exchange(
    endpoint: Endpoint, connection: PinnedConnection, body: bytes, headers: Mapping[str, str], until: float
) -> Answer:
    """Send and read the response; the connection is kept if it can be used again."""
    assert connection.sock
    try:
        connection.sock.settimeout(READ_SECONDS)
        with _deadlines.cut(connection.sock, until):
            connection.post(endpoint.path, body, {"Host": endpoint.authority, **headers})
            response = connection.getresponse()
            names = cast(Mapping[str, str], response.headers)
            answer = Answer(response.status, names.get("Retry-After"), _beginning(response), names)
    except BaseException:
        connection.close()
        raise
    if response.isclosed() and not response.will_close:
        _kept.give(endpoint.origin, connection)
    else:
        response.close()
        connection.close()
    return answer


def _beginning(response: HTTPResponse) -> str:
    try:
        return response.read(_ANSWER_BYTES).decode(errors="replace").replace("\0", "")
    except (HTTPException, OSError):
        return ""  # the status is enough


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Trusts the system's authorities (or SSL_CERT_FILE) and Mozilla's, since some systems have none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
