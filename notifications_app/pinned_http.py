"""One POST to an address that has been checked. SNI, the Host header and the certificate stay the name's.

Our own and not `WebPusher.send`: that one follows redirects, resolves the name again, and reads an answer of
any length into memory.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from threading import Timer

import certifi
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from notifications_app.endpoints import Endpoint

# Three addresses that do not take a connection and one that answers late stay below a delivery's lease.
_CONNECT_SECONDS = 5.0
_ADDRESSES_TRIED = 3
_READ_SECONDS = 10.0  # of silence
# For the whole answer: one that comes a byte at a time is never silent, and would keep a worker until the
# time limit of its task ends it (never, in a pool of threads).
_ANSWER_SECONDS = 15.0
_ANSWER_BYTES = 1000


class UnreachableError(Exception):
    """There was no answer; the text says why."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, Retry-After as it came, and the beginning of the body as text."""

    status: int
    retry_after: str | None
    text: str


def post(endpoint: Endpoint, addresses: Sequence[str], *, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send the body to the first address that takes a connection; redirects are answers, not followed.

    Raises UnreachableError when there is no answer in time.
    """
    reason: HTTPError | None = None
    for address in addresses[:_ADDRESSES_TRIED]:
        try:
            return _post(endpoint, address, body, headers)
        except (NewConnectionError, ConnectTimeoutError) as error:
            reason = error  # nothing was sent: the next address may try
        except (HTTPError, HTTPException, OSError) as error:
            raise UnreachableError(str(error)) from error
    raise UnreachableError(str(reason)) from reason


def _post(endpoint: Endpoint, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    with closing(_connection(endpoint, address)) as connection:
        connection.connect()
        connection.timeout = _READ_SECONDS
        with _cut_off(connection.sock):
            named = {"Host": endpoint.authority, **headers}
            connection.request("POST", endpoint.path, body, named, preload_content=False)
            response = connection.getresponse()
            return Answer(response.status, response.headers.get("Retry-After"), _beginning(response))


def _connection(endpoint: Endpoint, address: str) -> HTTPConnection:
    if endpoint.scheme == "http":
        return HTTPConnection(address, endpoint.port, timeout=_CONNECT_SECONDS)
    return HTTPSConnection(
        address, endpoint.port, timeout=_CONNECT_SECONDS, ssl_context=_tls(), server_hostname=endpoint.host
    )


@contextmanager
def _cut_off(connected: socket.socket) -> Iterator[None]:
    """End the connection under whoever reads from it when the block takes longer than _ANSWER_SECONDS."""

    def cut() -> None:
        with suppress(OSError):  # it has ended by itself
            # Not SSLSocket's own, which pulls the session from under the reader.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = Timer(_ANSWER_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _beginning(response: BaseHTTPResponse) -> str:
    try:
        return response.read(_ANSWER_BYTES, decode_content=False).decode(errors="replace").replace("\0", "")
    except (HTTPError, OSError):
        return ""  # the status has come, and it is what counts


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Trusts the system's authorities (or SSL_CERT_FILE's), and Mozilla's: some systems have none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
