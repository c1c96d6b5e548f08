"""One POST to an address that has been checked. SNI, the Host header and the certificate stay the name's.

Our own and not `WebPusher.send`: that one follows redirects, resolves the name again, and reads an answer of
any length into memory.
"""

import ssl
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache

import certifi
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from notifications_app.endpoints import Endpoint

# Three addresses that do not answer and one that answers late stay below the task's own time limit.
_TIMEOUT = Timeout(connect=5, read=10)
_ADDRESSES_TRIED = 3
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
        except (HTTPError, OSError) as error:
            raise UnreachableError(str(error)) from error
    raise UnreachableError(str(reason)) from reason


def _post(endpoint: Endpoint, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    with closing(_pool(endpoint, address)) as pool:
        response = pool.urlopen(
            "POST",
            endpoint.path,
            body=body,
            headers={"Host": endpoint.authority, **headers},
            timeout=_TIMEOUT,
            redirect=False,
            retries=False,
            preload_content=False,
        )
        try:
            return Answer(response.status, response.headers.get("Retry-After"), _beginning(response))
        finally:
            response.close()


def _pool(endpoint: Endpoint, address: str) -> HTTPConnectionPool:
    if endpoint.scheme == "http":
        return HTTPConnectionPool(address, endpoint.port)
    return HTTPSConnectionPool(address, endpoint.port, ssl_context=_tls(), server_hostname=endpoint.host)


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
