"""The WSGI environ of an RSGI request (PEP 3333)."""

import sys
from functools import lru_cache
from io import BytesIO
from typing import Any

from django.http import HttpRequest

from http_app.bridge.rsgi import Headers, Scope
from http_app.errors import UnreadableHeader
from http_app.throttling import Throttle

# RSGI leaves out values that are not ASCII. Without one of these a request means something else: a write
# would be unconditional, a retry a second write.
_DECISIVE = (
    "authorization",
    "content-encoding",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "range",
    "time-zone",
)


def environ_of(scope: Scope) -> dict[str, Any]:
    """The environ of this request, with an empty body.

    Headers with an underscore are left out, since X_Forwarded_For would get the key of X-Forwarded-For.
    """
    server, port = _host_and_port(scope.server)
    environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "REMOTE_ADDR": _host_and_port(scope.client)[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" not in name:
            key = _key(name)
            environ[key] = f"{environ[key]}{_separator(key)}{value}" if key in environ else value
    environ.setdefault("HTTP_HOST", scope.authority or "")
    return environ


def set_body(environ: dict[str, Any], body: bytes | bytearray) -> None:
    """Give the environ its whole body, which has a length now however it was sent."""
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = BytesIO(body)


def address_of(environ: dict[str, Any]) -> str:
    """The client's address, as the rate limits count it."""
    request = HttpRequest()
    request.META = environ
    return Throttle().address(request)


def token_of(environ: dict[str, Any]) -> str:
    """The token that the request was sent with, which may be no valid one; empty without one."""
    # Only the last word, since the scheme before it can be written in many ways.
    return "".join(environ.get("HTTP_AUTHORIZATION", "").split()[-1:])


def refuse_unreadable(headers: Headers) -> None:
    """Raises UnreadableHeader for a header that decides what the request means and is not ASCII."""
    for name in _DECISIVE:
        if name in headers and headers.get(name) is None:
            raise UnreadableHeader(name)


@lru_cache(maxsize=1024)  # anyone can send any name
def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def _separator(key: str) -> str:
    return ";" if key == "HTTP_COOKIE" else ","


def _host_and_port(address: str) -> tuple[str, str]:
    """`127.0.0.1:8000` or `[::1]:8000`; the path of a Unix socket has no port."""
    host, colon, port = address.rpartition(":")
    return (host.strip("[]"), port) if colon else (address, "0")
