"""POST to an address that has been checked. SNI, the Host header and the certificate still use the name.

`WebPusher.send` follows redirects, resolves the name again, and reads a response of any length into memory.
"""

import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from http.client import HTTPException
from threading import Timer

import certifi
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from notifications_app.endpoints import Endpoint

# Three addresses that accept no connection and one slow response take less time than a delivery's lease.
_CONNECT_SECONDS = 5.0
_ADDRESSES_TRIED = 3
READ_SECONDS = 10.0  # without a byte
# For the whole response. If it arrives a byte at a time, the timeout of a read never ends it, and it would
# block a worker until the time limit of its task (in a pool of threads, forever).
ANSWER_SECONDS = 15.0
_ANSWER_BYTES = 1000


class UnreachableError(Exception):
    """There was no response; the text says why."""


@dataclass(frozen=True)
class Answer:
    """An HTTP response: the status, the unparsed Retry-After, the beginning of the body, and all headers."""

    status: int
    retry_after: str | None
    text: str
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)  # found in any case


def post(endpoint: Endpoint, addresses: Sequence[str], *, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send the body to the first address that accepts a connection, without following redirects.

    Raises UnreachableError if there is no response in time.
    """
    reason: HTTPError | None = None
    for address in addresses[:_ADDRESSES_TRIED]:
        try:
            return _post(endpoint, address, body, headers)
        except (NewConnectionError, ConnectTimeoutError) as error:
            reason = error  # nothing was sent, so the next address can be tried
        except (HTTPError, HTTPException, OSError) as error:
            raise UnreachableError(str(error)) from error
    raise UnreachableError(str(reason)) from reason


def _post(endpoint: Endpoint, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    with closing(_connection(endpoint, address)) as connection:
        connection.connect()
        connection.timeout = READ_SECONDS
        with _cut_off(connection.sock):
            named = {"Host": endpoint.authority, **headers}
            connection.request("POST", endpoint.path, body, named, preload_content=False)
            response = connection.getresponse()
            names = response.headers
            return Answer(response.status, names.get("Retry-After"), _beginning(response), names)


def _connection(endpoint: Endpoint, address: str) -> HTTPConnection:
    if endpoint.scheme == "http":
        return HTTPConnection(address, endpoint.port, timeout=_CONNECT_SECONDS)
    return HTTPSConnection(
        address, endpoint.port, timeout=_CONNECT_SECONDS, ssl_context=_tls(), server_hostname=endpoint.host
    )


@contextmanager
def _cut_off(connected: socket.socket) -> Iterator[None]:
    """End the connection if the block takes longer than ANSWER_SECONDS."""

    def cut() -> None:
        with suppress(OSError):  # the connection has already ended
            # SSLSocket's own shutdown would remove the TLS session while another thread reads from it.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = Timer(ANSWER_SECONDS, cut)
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
        return ""  # the status is enough


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Trusts the system's authorities (or SSL_CERT_FILE) and Mozilla's, since some systems have none."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
