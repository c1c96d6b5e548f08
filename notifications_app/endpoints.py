"""Check push endpoints, which are user input: only public push services are allowed.

A push service has a domain name, uses https on port 443, and has only public addresses. The text is checked
when a browser subscribes, and the addresses at each send. The connection goes to the address that was checked
(pinned_http.py), so that a changed DNS response has no effect.
"""

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

from notifications_app.models import ENDPOINT_MAX_LENGTH

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# Every notation of an IPv4 address (decimal, octal, hexadecimal, short) ends in a label that starts with a
# digit, which no top-level domain does.
_PUBLIC_NAME = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]){_LABEL}")
_DEFAULT_PORTS = {"https": 443, "http": 80}
_NAME_MAX_LENGTH = 253  # RFC 1035
_ENDPOINT = re.compile(
    r"[!-\[\]-~]+"
)  # printable ASCII without the backslash, which parsers treat differently

# Global unicast. Loopback, link-local, multicast, v4-mapped and NAT64 addresses are outside it.
_UNICAST_V6 = ip_network("2000::/3")
# Some versions of Python list these as global, but they lead elsewhere: tunnels and relays that contain any
# IPv4 address, and blocks for documentation (IANA special-purpose registries).
_DETOURS = [
    ip_network(block)
    for block in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]


class EndpointRefusedError(ValueError):
    """The endpoint is not allowed. The text says why, and what is allowed."""


@dataclass(frozen=True)
class Endpoint:
    """The parts of an endpoint, parsed once, so that check and send use the same parts."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host, with the port unless it is the default of the scheme."""
        return self.host if self.port == _DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"


def parse_endpoint(text: str) -> Endpoint:
    """Parse and check the text of an endpoint, without DNS. Raises EndpointRefusedError."""
    if len(text) > ENDPOINT_MAX_LENGTH or not _ENDPOINT.fullmatch(text):
        raise EndpointRefusedError(
            f"An endpoint must be a URL of at most {ENDPOINT_MAX_LENGTH} ASCII characters."
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise EndpointRefusedError(f"An endpoint must be a URL: {error}.") from error
    if "@" in parts.netloc or parts.fragment:
        raise EndpointRefusedError("An endpoint must not have a user name, password or fragment.")
    _require_service(parts.scheme, parts.hostname or "", port)
    if settings.PUSH_ALLOWED_HOSTS and not validate_host(parts.hostname or "", settings.PUSH_ALLOWED_HOSTS):
        services = ", ".join(settings.PUSH_ALLOWED_HOSTS)
        raise EndpointRefusedError(
            f"An endpoint must be at the push services that this server sends to: {services}."
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(parts.scheme, parts.hostname or "", port or _DEFAULT_PORTS[parts.scheme], path)


def resolve(endpoint: Endpoint) -> list[str]:
    """The addresses of the endpoint's host, in the order to try them.

    Raises EndpointRefusedError if one of them is not public, OSError if there is none.
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
            raise EndpointRefusedError(
                "An endpoint must be an http or https URL with a name or an IPv4 address."
            )
        return
    if scheme != "https":
        raise EndpointRefusedError("An endpoint must start with https://.")
    if len(host) > _NAME_MAX_LENGTH or not _PUBLIC_NAME.fullmatch(host):
        raise EndpointRefusedError("An endpoint must have a public domain name, such as push.example.com.")
    if port not in (None, 443):
        raise EndpointRefusedError("An endpoint must be on port 443.")


def host_of(endpoint: str) -> str:
    """The push service's host. The whole endpoint is a secret with which anyone can notify the device.

    Of an email address the domain: log lines do not name people.
    """
    return urlsplit(endpoint).hostname or endpoint.rpartition("@")[2]
