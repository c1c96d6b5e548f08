"""Push endpoints are the user's input: where we are willing to send, and where that really is.

A push service is named by a domain, speaks https on port 443, and has public addresses only. The text is
checked when a browser subscribes; the addresses at each send, and the connection goes to the address that
was checked (see pinned_http.py), so that an answer of DNS which changes in between leads nowhere.
"""

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings

from notifications_app.models import ENDPOINT_MAX_LENGTH

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# Every way to write an IPv4 address (decimal, octal, hexadecimal, short) ends in a label that starts with
# a digit; no top-level domain does.
_PUBLIC_NAME = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]){_LABEL}")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_NAME_MAX_LENGTH = 253  # RFC 1035
_ENDPOINT = re.compile(r"[!-\[\]-~]+")  # printable ASCII; no backslash, which parsers read in different ways

# Global unicast; outside of it lie loopback, link-local, multicast, v4-mapped and NAT64 addresses.
_UNICAST_V6 = ip_network("2000::/3")
# Global by some versions of Python's tables, and yet a way to somewhere else: tunnels and relays that
# carry any IPv4 address inside, and blocks for documentation (IANA special-purpose registries).
_DETOURS = [
    ip_network(block)
    for block in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]


class EndpointRefusedError(ValueError):
    """We do not send there; the text says why and what would be right."""


@dataclass(frozen=True)
class Endpoint:
    """The parts of an endpoint, parsed once: the check and the send read the same ones."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host, and port when it is not the scheme's own."""
        return self.host if self.port == _DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"


def parse_endpoint(text: str) -> Endpoint:
    """The endpoint's parts, when its text is one we would send to. Does not ask DNS.

    Raises EndpointRefusedError otherwise.
    """
    if len(text) > ENDPOINT_MAX_LENGTH or not _ENDPOINT.fullmatch(text):
        raise EndpointRefusedError(f"An endpoint is a URL of at most {ENDPOINT_MAX_LENGTH} ASCII characters.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise EndpointRefusedError(f"An endpoint is a URL: {error}.") from error
    if "@" in parts.netloc or parts.fragment:
        raise EndpointRefusedError("An endpoint has no user name, password or fragment.")
    _require_service(parts.scheme, parts.hostname or "", port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(parts.scheme, parts.hostname or "", port or _DEFAULT_PORTS[parts.scheme], path)


def resolve(endpoint: Endpoint) -> list[str]:
    """The addresses of the endpoint's host, in the order to try them.

    Raises EndpointRefusedError when one of them is not public, OSError when there is none.
    """
    found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not settings.PUSH_ALLOW_INSECURE_ENDPOINTS:
        for address in addresses:
            if not is_public(address):
                raise EndpointRefusedError(f"{endpoint.host} has the address {address}, which is not public.")
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address belongs to a machine on the public internet."""
    ip = ip_address(address)
    if ip.version == 6 and ip not in _UNICAST_V6:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in block for block in _DETOURS)


def _require_service(scheme: str, host: str, port: int | None) -> None:
    if settings.PUSH_ALLOW_INSECURE_ENDPOINTS:
        if scheme not in ("http", "https") or port == 0 or not _NAME.fullmatch(host):
            raise EndpointRefusedError("An endpoint is an http or https URL with a name or an IPv4 address.")
        return
    if scheme != "https":
        raise EndpointRefusedError("An endpoint starts with https://.")
    if len(host) > _NAME_MAX_LENGTH or not _PUBLIC_NAME.fullmatch(host):
        raise EndpointRefusedError("An endpoint names a public domain, such as push.example.com.")
    if port not in (None, 443):
        raise EndpointRefusedError("An endpoint is on port 443.")
